//! Offsets: where partitions start, end and have a time; dropping what is before one; what groups have committed.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::topics::known_name;
use super::{Admin, Answer, CHANGE_TIMEOUT_MS, Refused, Topic, in_order};
use crate::base::{ErrorCode, Offset, PartitionId, TopicName, TopicPartition, Uuid};
use crate::client::metadata::Metadata;
use crate::client::{ClientError, Cluster, Node};
use crate::protocol::kafka::api::delete_records::{DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic};
use crate::protocol::kafka::api::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use crate::protocol::kafka::api::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestGroup};

/// Times that mean places (KIP-79).
pub const AT_END: i64 = -1;
pub const AT_START: i64 = -2;

/// A partition whose leader has just moved, or is not elected yet, is asked again so often, so far apart.
const ATTEMPTS: usize = 30;
const PAUSE: Duration = Duration::from_millis(100);

/// A group's coordinator may just be found out about, or have moved.
const PATIENCE: Duration = Duration::from_secs(20);

/// A record found by its time, or an end of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundOffset {
    /// None if no record is that late.
    pub offset: Option<Offset>,
    /// None for the ends.
    pub timestamp: Option<i64>,
}

type Answers<A> = HashMap<TopicPartition, Answer<A>>;

impl Admin {
    /// For each partition, none named twice, the first record at or after a time, or one of the places [`AT_START`] and [`AT_END`].
    pub fn list_offsets(&mut self, at: &[(TopicPartition, i64)]) -> Result<Vec<Answer<FoundOffset>>, ClientError> {
        self.ask_leaders(at, |cluster, leader, items| {
            let topic = |(name, partitions): (TopicName, Vec<(PartitionId, i64)>)| ListOffsetsTopic {
                name: name.to_string(),
                partitions: partitions
                    .into_iter()
                    .map(|(partition, timestamp)| ListOffsetsPartition {
                        partition_index: partition.0,
                        timestamp,
                        ..ListOffsetsPartition::default()
                    })
                    .collect(),
            };
            let request = ListOffsetsRequest {
                replica_id: -1,
                topics: by_topic(items).into_iter().map(topic).collect(),
                timeout_ms: CHANGE_TIMEOUT_MS,
                ..ListOffsetsRequest::default()
            };
            let mut answers = Answers::new();
            for topic in cluster.call(leader, &request)?.topics {
                for p in topic.partitions {
                    let known = |n: i64| Some(n).filter(|n| *n >= 0);
                    let found = FoundOffset { offset: known(p.offset).map(Offset), timestamp: known(p.timestamp) };
                    put(&mut answers, &topic.name, p.partition_index, p.error_code, found);
                }
            }
            Ok(answers)
        })
    }

    /// Drops everything before an offset in each partition, none named twice; answers where each partition starts then.
    pub fn delete_records(&mut self, before: &[(TopicPartition, Offset)]) -> Result<Vec<Answer<Offset>>, ClientError> {
        self.ask_leaders(before, |cluster, leader, items| {
            let topic = |(name, partitions): (TopicName, Vec<(PartitionId, Offset)>)| DeleteRecordsTopic {
                name: name.to_string(),
                partitions: partitions
                    .into_iter()
                    .map(|(id, offset)| DeleteRecordsPartition { partition_index: id.0, offset: offset.0 })
                    .collect(),
            };
            let topics = by_topic(items).into_iter().map(topic).collect();
            let request = DeleteRecordsRequest { topics, timeout_ms: CHANGE_TIMEOUT_MS };
            let mut answers = Answers::new();
            for topic in cluster.call(leader, &request)?.topics {
                for p in topic.partitions {
                    put(&mut answers, &topic.name, p.partition_index, p.error_code, Offset(p.low_watermark));
                }
            }
            Ok(answers)
        })
    }

    /// What a group has committed, in order of topic and partition; nothing for a group that nobody knows.
    pub fn committed(&mut self, group: &str) -> Result<Answer<Vec<(TopicPartition, Offset)>>, ClientError> {
        // The first form is for OffsetFetch 8 and newer, the second for older brokers.
        let request = OffsetFetchRequest {
            groups: vec![OffsetFetchRequestGroup {
                group_id: group.to_owned(),
                topics: None,
                ..OffsetFetchRequestGroup::default()
            }],
            group_id: group.to_owned(),
            topics: None,
            ..OffsetFetchRequest::default()
        };
        let response = self.cluster.with_retries(Instant::now() + PATIENCE, |cluster| {
            cluster.call(Node::GroupCoordinator(group.to_owned()), &request)
        })?;
        let mut found = Vec::new();
        let mut keep = |name: &str, partition: i32, code: i16, offset: i64| -> Answer<()> {
            Refused::check(code, None)?;
            if let Some(topic) = known_name(Some(name))
                && offset >= 0
            {
                found.push((TopicPartition { topic, partition: PartitionId(partition) }, Offset(offset)));
            }
            Ok(())
        };
        let mut answer = Refused::check(response.error_code, None);
        for topic in &response.topics {
            for p in &topic.partitions {
                answer = answer.and_then(|()| keep(&topic.name, p.partition_index, p.error_code, p.committed_offset));
            }
        }
        for asked in &response.groups {
            answer = answer.and_then(|()| Refused::check(asked.error_code, None));
            for topic in &asked.topics {
                let name = match topic.topic_id {
                    Uuid::ZERO => topic.name.clone(),
                    id => self.name_of(id)?,
                };
                for p in &topic.partitions {
                    answer = answer.and_then(|()| keep(&name, p.partition_index, p.error_code, p.committed_offset));
                }
            }
        }
        found.sort();
        Ok(answer.map(|()| found))
    }

    /// OffsetFetch 10 and newer names topics by id. Empty if the topic is gone.
    fn name_of(&mut self, id: Uuid) -> Result<String, ClientError> {
        let found = self.ask_topics(None)?.into_iter().find(|t| t.topic_id == id);
        Ok(found.and_then(|t| t.name).unwrap_or_default())
    }

    /// Sends each item to its partition's leader, and again where leadership was moving.
    fn ask_leaders<I: Clone, A: Clone>(
        &mut self,
        items: &[(TopicPartition, I)],
        ask: impl Fn(&mut Cluster, Node, Vec<(TopicPartition, I)>) -> Result<Answers<A>, ClientError>,
    ) -> Result<Vec<Answer<A>>, ClientError> {
        let mut answers = Answers::new();
        let mut open = items.to_vec();
        for attempt in 0..ATTEMPTS {
            let mut asked = Answers::new();
            for (leader, items) in self.by_leader(&open, &mut asked)? {
                asked.extend(ask(&mut self.cluster, Node::Broker(leader), items)?);
            }
            let again = |place: &TopicPartition| matches!(asked.get(place), Some(Err(r)) if is_moving(r.code));
            open.retain(|(place, _)| again(place));
            answers.extend(asked);
            if open.is_empty() {
                break;
            }
            if attempt + 1 < ATTEMPTS {
                std::thread::sleep(PAUSE);
            }
        }
        Ok(in_order(items.iter().map(|(place, _)| place), answers))
    }

    /// Who leads what; what nobody leads is answered in `asked`.
    fn by_leader<I: Clone, A>(
        &mut self,
        items: &[(TopicPartition, I)],
        asked: &mut Answers<A>,
    ) -> Result<BTreeMap<i32, Vec<(TopicPartition, I)>>, ClientError> {
        let mut names: Vec<TopicName> = items.iter().map(|(place, _)| place.topic.clone()).collect();
        names.sort();
        names.dedup();
        let topics: HashMap<_, _> = names.iter().cloned().zip(self.topics(&names)?).collect();
        let mut by_leader: BTreeMap<i32, Vec<(TopicPartition, I)>> = BTreeMap::new();
        let leads = |topic: &Answer<Topic>, known: &Metadata| {
            let leaders = topic.iter().flat_map(|t| &t.partitions).filter_map(|p| p.leader);
            leaders.into_iter().all(|id| known.brokers.contains_key(&id.0))
        };
        if !topics.values().all(|topic| leads(topic, self.cluster.metadata())) {
            // A broker that has joined since leads some of them.
            self.cluster.refresh(&names)?;
        }
        for (place, item) in items {
            let leader = match topics.get(&place.topic) {
                Some(Ok(topic)) => match topic.partitions.iter().find(|p| p.id == place.partition) {
                    Some(partition) => partition.leader.ok_or(ErrorCode::LeaderNotAvailable),
                    None => Err(ErrorCode::UnknownTopicOrPartition),
                },
                Some(Err(refused)) => Err(refused.code),
                None => Err(ErrorCode::UnknownTopicOrPartition),
            };
            match leader {
                Ok(leader) => by_leader.entry(leader.0).or_default().push((place.clone(), item.clone())),
                Err(code) => drop(asked.insert(place.clone(), Err(Refused::new(code)))),
            }
        }
        Ok(by_leader)
    }
}

/// Whether asking again soon makes sense: leadership, not existence, is in doubt.
fn is_moving(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::LeaderNotAvailable
            | ErrorCode::NotLeaderOrFollower
            | ErrorCode::OffsetNotAvailable
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::UnknownLeaderEpoch
            | ErrorCode::ReplicaNotAvailable
    )
}

fn put<A>(answers: &mut Answers<A>, topic: &str, partition: i32, code: i16, answer: A) {
    if let Some(topic) = known_name(Some(topic)) {
        let place = TopicPartition { topic, partition: PartitionId(partition) };
        answers.insert(place, Refused::check(code, None).map(|()| answer));
    }
}

fn by_topic<I>(items: Vec<(TopicPartition, I)>) -> BTreeMap<TopicName, Vec<(PartitionId, I)>> {
    let mut topics: BTreeMap<TopicName, Vec<(PartitionId, I)>> = BTreeMap::new();
    for (place, item) in items {
        topics.entry(place.topic).or_default().push((place.partition, item));
    }
    topics
}
