//! The group as ConsumerGroupDescribe shows it.

use super::super::assign::Partitions;
use super::group::{ConsumerGroup, Member};
use super::topology::Topology;
use crate::config::ConsumerGroupConfig;
use crate::protocol::kafka::api::consumer_group_describe::{
    Assignment, DescribedGroup, Member as DescribedMember, TopicPartitions,
};

/// Of KIP-1099: 0 is a member that came by the classic protocol.
const CONSUMER_MEMBER: i8 = 1;

impl ConsumerGroup {
    pub fn describe(&self, topology: &Topology, config: &ConsumerGroupConfig) -> DescribedGroup {
        let metadata = self.members.values().map(|member| &member.metadata);
        let assignor = ConsumerGroup::preferred_assignor(metadata, config);
        let members = self.members.iter().map(|(id, member)| self.describe_member(id, member, topology));
        DescribedGroup {
            group_id: self.id.clone(),
            group_state: self.state().name().to_owned(),
            group_epoch: self.epoch,
            assignment_epoch: self.target_epoch,
            assignor_name: assignor.name().to_owned(),
            members: members.collect(),
            ..Default::default()
        }
    }

    fn describe_member(&self, id: &str, member: &Member, topology: &Topology) -> DescribedMember {
        let metadata = &member.metadata;
        let target = self.targets.get(id).map(|target| described(target, topology)).unwrap_or_default();
        DescribedMember {
            member_id: id.to_owned(),
            instance_id: metadata.instance_id.clone(),
            rack_id: metadata.rack_id.clone(),
            member_epoch: member.current.epoch,
            client_id: metadata.client_id.clone(),
            client_host: metadata.client_host.clone(),
            subscribed_topic_names: metadata.topics.iter().cloned().collect(),
            subscribed_topic_regex: metadata.expression.clone(),
            assignment: described(&member.current.assigned, topology),
            target_assignment: target,
            member_type: CONSUMER_MEMBER,
        }
    }
}

/// Topics that are gone have no name to be shown by.
fn described(partitions: &Partitions, topology: &Topology) -> Assignment {
    let topics = partitions.topics().filter_map(|(topic_id, numbers)| {
        let topic_name = topology.name(topic_id)?.to_owned();
        Some(TopicPartitions { topic_id, topic_name, partitions: numbers.iter().copied().collect() })
    });
    Assignment { topic_partitions: topics.collect() }
}
