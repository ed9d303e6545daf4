//! A group as its coordinator describes it, whichever of Kafka's protocols it follows.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::subscriber;
use crate::base::{ErrorCode, PartitionId, TopicName, TopicPartition};
use crate::client::{ClientError, Cluster, Node};
use crate::protocol::kafka::ApiKey;
use crate::protocol::kafka::api::consumer_group_describe::{
    Assignment, ConsumerGroupDescribeRequest, DescribedGroup as ConsumerGroup, Member,
};
use crate::protocol::kafka::api::describe_groups::{
    DescribeGroupsRequest, DescribedGroup as ClassicGroup, DescribedGroupMember,
};
use crate::protocol::kafka::consumer_protocol::ConsumerProtocolAssignment;

/// A coordinator may still be loading, or may just have moved.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a classic group is called that is not there.
const DEAD: &str = "Dead";
const STABLE: &str = "Stable";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDescription {
    /// `Stable`, `Empty`, `PreparingRebalance` and so on, as Kafka calls them.
    pub state: String,
    /// `classic`, or `consumer` (KIP-848).
    pub kind: &'static str,
    /// How its partitions are shared.
    pub assignor: String,
    pub members: Vec<GroupMember>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMember {
    pub id: String,
    /// Of a static member (KIP-345).
    pub instance: Option<String>,
    pub client_id: String,
    pub host: String,
    pub assigned: BTreeSet<TopicPartition>,
}

/// Describes a group; none, if it is not there.
pub fn describe(cluster: &mut Cluster, group: &str) -> Result<Option<GroupDescription>, ClientError> {
    cluster.with_retries(Instant::now() + PATIENCE, |cluster| {
        if let Some(classic) = classic(cluster, group)? {
            return Ok(Some(classic));
        }
        if cluster.offers(ApiKey::ConsumerGroupDescribe)? { consumer(cluster, group) } else { Ok(None) }
    })
}

fn classic(cluster: &mut Cluster, group: &str) -> Result<Option<GroupDescription>, ClientError> {
    let request = DescribeGroupsRequest { groups: vec![group.to_owned()], ..Default::default() };
    let answer = cluster.call(Node::GroupCoordinator(group.to_owned()), &request)?;
    let Some(found) = answer.groups.into_iter().next() else { return Ok(None) };
    let ClassicGroup { error_code, error_message, group_state: state, protocol_data: assignor, members, .. } = found;
    if !is_there(group, error_code, error_message)? || state == DEAD {
        return Ok(None);
    }
    let members = members.into_iter().map(classic_member).collect();
    Ok(Some(GroupDescription { state, kind: "classic", assignor, members }))
}

fn classic_member(member: DescribedGroupMember) -> GroupMember {
    // While the group rebalances a member has nothing yet; what it has may be in words of another protocol.
    let assigned = ConsumerProtocolAssignment::from_bytes(member.member_assignment).ok();
    GroupMember {
        id: member.member_id,
        instance: member.group_instance_id,
        client_id: member.client_id,
        host: host(&member.client_host),
        assigned: assigned.map(|said| subscriber::places(said.assigned_partitions)).unwrap_or_default(),
    }
}

fn consumer(cluster: &mut Cluster, group: &str) -> Result<Option<GroupDescription>, ClientError> {
    let request = ConsumerGroupDescribeRequest { group_ids: vec![group.to_owned()], ..Default::default() };
    let answer = cluster.call(Node::GroupCoordinator(group.to_owned()), &request)?;
    let Some(found) = answer.groups.into_iter().next() else { return Ok(None) };
    let ConsumerGroup { error_code, error_message, group_state: state, assignor_name: assignor, members, .. } = found;
    if !is_there(group, error_code, error_message)? {
        return Ok(None);
    }
    let members = members.into_iter().map(consumer_member).collect();
    Ok(Some(GroupDescription { state, kind: "consumer", assignor, members }))
}

fn consumer_member(member: Member) -> GroupMember {
    GroupMember {
        id: member.member_id,
        instance: member.instance_id,
        client_id: member.client_id,
        host: host(&member.client_host),
        assigned: assigned(member.assignment),
    }
}

fn assigned(assignment: Assignment) -> BTreeSet<TopicPartition> {
    let named = assignment.topic_partitions.into_iter();
    let of = named.filter_map(|topic| Some((TopicName::new(&topic.topic_name).ok()?, topic.partitions)));
    of.flat_map(|(topic, partitions)| {
        let place = move |partition| TopicPartition { topic: topic.clone(), partition: PartitionId(partition) };
        partitions.into_iter().map(place)
    })
    .collect()
}

/// As Java prints addresses there is a `/` in front.
fn host(host: &str) -> String {
    host.strip_prefix('/').unwrap_or(host).to_owned()
}

fn is_there(group: &str, code: i16, message: Option<String>) -> Result<bool, ClientError> {
    match ErrorCode::from_code(code) {
        ErrorCode::None => Ok(true),
        ErrorCode::GroupIdNotFound => Ok(false),
        _ => Err(ClientError::refused(format!("describing group \"{group}\""), code, message)),
    }
}

impl GroupDescription {
    /// Whether it is at rest, with somebody for each of these partitions.
    pub fn is_settled(&self, places: &[TopicPartition]) -> bool {
        self.state == STABLE && places.iter().all(|place| self.members.iter().any(|m| m.assigned.contains(place)))
    }
}
