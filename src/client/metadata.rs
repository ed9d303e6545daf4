//! What the cluster says of itself: brokers, topics, leaders. Pure: answers go in, questions are answered.

use std::collections::{BTreeMap, HashMap};

use super::Address;
use crate::base::{ErrorCode, PartitionId, Uuid};
use crate::protocol::kafka::api::metadata::{MetadataResponse, MetadataResponseTopic};

/// One topic as the brokers describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    pub name: String,
    /// Two topics of one name, one after the other, differ in this (KIP-516). Zero with brokers before Kafka 2.8.
    pub id: Uuid,
    pub is_internal: bool,
    /// By number; always 0, 1, 2... without a gap.
    pub partitions: Vec<PartitionInfo>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartitionInfo {
    /// The broker that takes and gives its records; none while they are choosing one.
    pub leader: Option<i32>,
    pub leader_epoch: i32,
    pub replicas: Vec<i32>,
    pub in_sync: Vec<i32>,
}

impl Topic {
    pub fn partition(&self, partition: PartitionId) -> Option<&PartitionInfo> {
        self.partitions.get(usize::try_from(partition.0).ok()?)
    }

    pub fn partition_count(&self) -> i32 {
        self.partitions.len() as i32
    }

    pub fn has_all_leaders(&self) -> bool {
        !self.partitions.is_empty() && self.partitions.iter().all(|partition| partition.leader.is_some())
    }

    fn read(answer: &MetadataResponseTopic) -> Result<Topic, ErrorCode> {
        match ErrorCode::from_code(answer.error_code) {
            ErrorCode::None => {}
            code => return Err(code),
        }
        let count = answer.partitions.len();
        let mut partitions = vec![PartitionInfo::default(); count];
        for partition in &answer.partitions {
            // A number beyond the count would be a gap, which no broker has.
            let place = usize::try_from(partition.partition_index).ok().and_then(|index| partitions.get_mut(index));
            let Some(place) = place else { return Err(ErrorCode::UnknownServerError) };
            *place = PartitionInfo {
                leader: Some(partition.leader_id).filter(|id| *id >= 0),
                leader_epoch: partition.leader_epoch,
                replicas: partition.replica_nodes.clone(),
                in_sync: partition.isr_nodes.clone(),
            };
        }
        let name = answer.name.clone().unwrap_or_default();
        Ok(Topic { name, id: answer.topic_id, is_internal: answer.is_internal, partitions })
    }
}

/// The newest answers put together.
#[derive(Debug, Clone, Default)]
pub struct Metadata {
    pub cluster_id: Option<String>,
    pub controller: Option<i32>,
    pub brokers: BTreeMap<i32, Address>,
    topics: HashMap<String, Topic>,
}

impl Metadata {
    pub fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.get(name)
    }

    pub fn leader(&self, topic: &str, partition: PartitionId) -> Option<i32> {
        self.topic(topic)?.partition(partition)?.leader
    }

    /// Takes in an answer; gives each topic in it, or the broker's refusal.
    pub(super) fn apply(&mut self, answer: &MetadataResponse) -> Vec<(String, Result<Topic, ErrorCode>)> {
        self.brokers = answer
            .brokers
            .iter()
            .filter_map(|broker| {
                let port = u16::try_from(broker.port).ok()?;
                Some((broker.node_id, Address::new(broker.host.clone(), port)))
            })
            .collect();
        self.controller = Some(answer.controller_id).filter(|id| *id >= 0);
        if answer.cluster_id.is_some() {
            self.cluster_id.clone_from(&answer.cluster_id);
        }
        answer
            .topics
            .iter()
            .map(|topic| {
                let name = topic.name.clone().unwrap_or_default();
                let read = Topic::read(topic);
                match &read {
                    Ok(topic) => drop(self.topics.insert(name.clone(), topic.clone())),
                    Err(_) => drop(self.topics.remove(&name)),
                }
                (name, read)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::kafka::api::metadata::{MetadataResponseBroker, MetadataResponsePartition};

    fn partition(index: i32, leader: i32) -> MetadataResponsePartition {
        MetadataResponsePartition { partition_index: index, leader_id: leader, ..Default::default() }
    }

    fn answer(partitions: Vec<MetadataResponsePartition>, error_code: i16) -> MetadataResponse {
        let topic = MetadataResponseTopic { name: Some("T".to_owned()), error_code, partitions, ..Default::default() };
        let broker = MetadataResponseBroker { node_id: 1, host: "h".to_owned(), port: 9092, ..Default::default() };
        MetadataResponse { brokers: vec![broker], topics: vec![topic], controller_id: 1, ..Default::default() }
    }

    #[test]
    fn leaders_are_found_whatever_the_order() {
        let mut metadata = Metadata::default();
        metadata.apply(&answer(vec![partition(1, 7), partition(0, -1)], 0));
        assert_eq!(metadata.leader("T", PartitionId(1)), Some(7));
        assert_eq!(metadata.leader("T", PartitionId(0)), None);
        assert_eq!(metadata.leader("T", PartitionId(2)), None);
        assert_eq!(metadata.leader("T", PartitionId(-1)), None);
        assert_eq!(metadata.brokers[&1], Address::new("h", 9092));
    }

    #[test]
    fn a_topic_that_went_is_forgotten() {
        let mut metadata = Metadata::default();
        metadata.apply(&answer(vec![partition(0, 1)], 0));
        let read = metadata.apply(&answer(vec![], 3));
        assert_eq!(read, vec![("T".to_owned(), Err(ErrorCode::UnknownTopicOrPartition))]);
        assert_eq!(metadata.topic("T"), None);
    }

    #[test]
    fn numbers_with_a_gap_are_not_believed() {
        let read = Metadata::default().apply(&answer(vec![partition(i32::MAX, 1)], 0));
        assert_eq!(read[0].1, Err(ErrorCode::UnknownServerError));
    }
}
