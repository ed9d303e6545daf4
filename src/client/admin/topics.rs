//! Topics: what there is, creating, deleting, adding partitions.

use std::collections::HashMap;

use super::{Admin, Answer, CHANGE_TIMEOUT_MS, Refused, in_order};
use crate::base::{BrokerId, ErrorCode, LeaderEpoch, PartitionId, TopicName, Uuid};
use crate::client::{ClientError, Node};
use crate::protocol::kafka::api::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use crate::protocol::kafka::api::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use crate::protocol::kafka::api::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use crate::protocol::kafka::api::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponsePartition, MetadataResponseTopic,
};

/// A topic as Metadata shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    pub name: TopicName,
    /// Zero where the broker does not tell.
    pub id: Uuid,
    pub is_internal: bool,
    /// In order of their numbers.
    pub partitions: Vec<Partition>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    pub id: PartitionId,
    /// None while no broker leads it.
    pub leader: Option<BrokerId>,
    pub leader_epoch: LeaderEpoch,
    pub replicas: Vec<BrokerId>,
    pub in_sync: Vec<BrokerId>,
}

/// A topic to be created; None leaves a number to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    pub name: TopicName,
    pub partitions: Option<i32>,
    pub replicas: Option<i16>,
    pub settings: Vec<(String, String)>,
}

/// What a broker tells of a topic it has created; old ones tell nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreatedTopic {
    pub id: Option<Uuid>,
    pub partitions: Option<i32>,
    pub replicas: Option<i16>,
}

impl Admin {
    /// Every topic, by name.
    pub fn all_topics(&mut self) -> Result<Vec<Topic>, ClientError> {
        let mut topics: Vec<Topic> = self.ask_topics(None)?.into_iter().filter_map(|t| topic(t).ok()).collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// The named topics, in the order asked. Asking creates none.
    pub fn topics(&mut self, names: &[TopicName]) -> Result<Vec<Answer<Topic>>, ClientError> {
        let found = self.ask_topics(Some(names))?;
        let answers = found.into_iter().filter_map(|t| Some((known_name(t.name.as_deref())?, topic(t))));
        Ok(in_order(names.iter(), answers.collect()))
    }

    /// Creates topics; those that can't be are answered one by one.
    pub fn create_topics(&mut self, topics: &[NewTopic]) -> Result<Vec<Answer<CreatedTopic>>, ClientError> {
        self.ask_to_create(topics, false)
    }

    /// Whether this topic could be created. Nothing is.
    pub fn check_new_topic(&mut self, topic: &NewTopic) -> Result<Answer<()>, ClientError> {
        let answer = self.ask_to_create(std::slice::from_ref(topic), true)?.pop();
        Ok(answer.map_or_else(|| Err(Refused::unanswered()), |answer| answer.map(drop)))
    }

    fn ask_to_create(
        &mut self,
        topics: &[NewTopic],
        validate_only: bool,
    ) -> Result<Vec<Answer<CreatedTopic>>, ClientError> {
        let request = CreateTopicsRequest {
            topics: topics.iter().map(creatable).collect(),
            timeout_ms: CHANGE_TIMEOUT_MS,
            validate_only,
        };
        let response = self.cluster.call(Node::Controller, &request)?;
        let mut answers = HashMap::new();
        for t in response.topics {
            let created = CreatedTopic {
                id: Some(t.topic_id).filter(|id| !id.is_zero()),
                partitions: Some(t.num_partitions).filter(|n| *n > 0),
                replicas: Some(t.replication_factor).filter(|n| *n > 0),
            };
            if let Some(name) = known_name(Some(&t.name)) {
                answers.insert(name, Refused::check(t.error_code, t.error_message).map(|()| created));
            }
        }
        Ok(in_order(topics.iter().map(|t| &t.name), answers))
    }

    pub fn delete_topics(&mut self, names: &[TopicName]) -> Result<Vec<Answer<()>>, ClientError> {
        // The first form is for DeleteTopics 6 and newer, the second for older brokers.
        let state = |name: &TopicName| DeleteTopicState { name: Some(name.to_string()), topic_id: Uuid::ZERO };
        let request = DeleteTopicsRequest {
            topics: names.iter().map(state).collect(),
            topic_names: names.iter().map(TopicName::to_string).collect(),
            timeout_ms: CHANGE_TIMEOUT_MS,
        };
        let response = self.cluster.call(Node::Controller, &request)?;
        let answers = response
            .responses
            .into_iter()
            .filter_map(|t| Some((known_name(t.name.as_deref())?, Refused::check(t.error_code, t.error_message))));
        Ok(in_order(names.iter(), answers.collect()))
    }

    /// Raises a topic to so many partitions in all.
    pub fn create_partitions(&mut self, name: &TopicName, total: i32) -> Result<Answer<()>, ClientError> {
        let topic = CreatePartitionsTopic { name: name.to_string(), count: total, assignments: None };
        let request =
            CreatePartitionsRequest { topics: vec![topic], timeout_ms: CHANGE_TIMEOUT_MS, validate_only: false };
        let response = self.cluster.call(Node::Controller, &request)?;
        let answer = response.results.into_iter().next();
        Ok(answer.map_or_else(|| Err(Refused::unanswered()), |t| Refused::check(t.error_code, t.error_message)))
    }

    /// None asks for all of them.
    pub(super) fn ask_topics(
        &mut self,
        names: Option<&[TopicName]>,
    ) -> Result<Vec<MetadataResponseTopic>, ClientError> {
        let asked = |name: &TopicName| MetadataRequestTopic { name: Some(name.to_string()), topic_id: Uuid::ZERO };
        let request = MetadataRequest {
            topics: names.map(|names| names.iter().map(asked).collect()),
            allow_auto_topic_creation: false,
            ..MetadataRequest::default()
        };
        Ok(self.cluster.call(Node::Any, &request)?.topics)
    }
}

/// A name from the wire. One that breaks Kafka's rules was not asked for.
pub(super) fn known_name(name: Option<&str>) -> Option<TopicName> {
    TopicName::new(name?).ok()
}

fn creatable(topic: &NewTopic) -> CreatableTopic {
    let setting =
        |(name, value): &(String, String)| CreatableTopicConfig { name: name.clone(), value: Some(value.clone()) };
    CreatableTopic {
        name: topic.name.to_string(),
        num_partitions: topic.partitions.unwrap_or(-1),
        replication_factor: topic.replicas.unwrap_or(-1),
        assignments: Vec::new(),
        configs: topic.settings.iter().map(setting).collect(),
    }
}

fn topic(found: MetadataResponseTopic) -> Answer<Topic> {
    Refused::check(found.error_code, None)?;
    let name = known_name(found.name.as_deref()).ok_or_else(|| Refused::new(ErrorCode::InvalidTopicException))?;
    let mut partitions: Vec<Partition> = found.partitions.iter().map(partition).collect();
    partitions.sort_by_key(|p| p.id);
    Ok(Topic { name, id: found.topic_id, is_internal: found.is_internal, partitions })
}

fn partition(found: &MetadataResponsePartition) -> Partition {
    let brokers = |ids: &[i32]| ids.iter().copied().map(BrokerId).collect();
    Partition {
        id: PartitionId(found.partition_index),
        leader: Some(BrokerId(found.leader_id)).filter(|id| id.0 >= 0),
        leader_epoch: LeaderEpoch(found.leader_epoch),
        replicas: brokers(&found.replica_nodes),
        in_sync: brokers(&found.isr_nodes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_read_with_its_partitions_in_order() {
        let part = |index, leader| MetadataResponsePartition {
            partition_index: index,
            leader_id: leader,
            replica_nodes: vec![1, 2],
            ..MetadataResponsePartition::default()
        };
        let found = MetadataResponseTopic {
            name: Some("Payments".to_owned()),
            partitions: vec![part(1, -1), part(0, 2)],
            ..MetadataResponseTopic::default()
        };
        let read = topic(found).expect("no error code");
        assert_eq!(read.partitions[0].leader, Some(BrokerId(2)));
        assert_eq!((read.partitions[1].id, read.partitions[1].leader), (PartitionId(1), None));
        assert_eq!(read.partitions[0].replicas, [BrokerId(1), BrokerId(2)]);
    }

    #[test]
    fn what_is_left_out_is_left_to_the_broker() {
        let name = TopicName::new("Payments").expect("a name");
        let new = NewTopic { name, partitions: None, replicas: None, settings: vec![("a".to_owned(), "b".to_owned())] };
        let sent = creatable(&new);
        assert_eq!((sent.num_partitions, sent.replication_factor), (-1, -1));
        assert_eq!(sent.configs[0].value.as_deref(), Some("b"));
    }
}
