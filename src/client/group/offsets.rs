//! What a group has committed: reading it, and committing more, as a member or from outside. A group with live members
//! takes nothing from outside.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::describe;
use crate::base::{ErrorCode, Offset, TopicPartition};
use crate::client::{ClientError, Cluster, Node};
use crate::protocol::kafka::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use crate::protocol::kafka::api::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};

/// A coordinator may still be loading, or may just have moved.
const PATIENCE: Duration = Duration::from_secs(20);

/// In whose name offsets are committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committer {
    pub generation: i32,
    pub member: String,
    pub instance: Option<String>,
}

impl Committer {
    /// Somebody who is no member.
    pub fn outside() -> Committer {
        Committer { generation: -1, member: String::new(), instance: None }
    }

    fn is_outside(&self) -> bool {
        *self == Committer::outside()
    }
}

/// The offsets of one group.
#[derive(Debug, Clone)]
pub struct GroupOffsets {
    name: String,
}

impl GroupOffsets {
    pub fn new(name: impl Into<String>) -> GroupOffsets {
        GroupOffsets { name: name.into() }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// An error if somebody is a member.
    pub fn check_unused(&self, cluster: &mut Cluster) -> Result<(), ClientError> {
        match describe(cluster, &self.name)? {
            Some(group) if !group.members.is_empty() => Err(ClientError::GroupInUse { group: self.name.clone() }),
            _ => Ok(()),
        }
    }

    /// What is committed for each of these partitions.
    pub fn committed(
        &self,
        cluster: &mut Cluster,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Option<Offset>>, ClientError> {
        let by_topic = by_topic(partitions.iter().map(|place| (place, ())));
        let numbers = |partitions: &Vec<(i32, ())>| partitions.iter().map(|(number, ())| *number).collect::<Vec<_>>();
        // The group's own fields are for brokers before version 8, the list for newer ones.
        let topic = |(name, partitions): (&&str, &Vec<_>)| OffsetFetchRequestTopic {
            name: (*name).to_owned(),
            partition_indexes: numbers(partitions),
        };
        let group_topic = |(name, partitions): (&&str, &Vec<_>)| OffsetFetchRequestTopics {
            name: (*name).to_owned(),
            partition_indexes: numbers(partitions),
            ..Default::default()
        };
        let request = OffsetFetchRequest {
            group_id: self.name.clone(),
            topics: Some(by_topic.iter().map(topic).collect()),
            groups: vec![OffsetFetchRequestGroup {
                group_id: self.name.clone(),
                topics: Some(by_topic.iter().map(group_topic).collect()),
                ..Default::default()
            }],
            require_stable: false,
        };
        let mut found: BTreeMap<(String, i32), Option<Offset>> = BTreeMap::new();
        self.ask(cluster, |cluster, node| {
            let answer = cluster.call(node, &request)?;
            let mut code = answer.error_code;
            let mut keep = |topic: &str, partition: i32, offset: i64, error: i16| {
                if error != 0 {
                    code = error;
                }
                found.insert((topic.to_owned(), partition), Some(Offset(offset)).filter(|offset| offset.0 >= 0));
            };
            for topic in &answer.topics {
                for one in &topic.partitions {
                    keep(&topic.name, one.partition_index, one.committed_offset, one.error_code);
                }
            }
            for topic in answer.groups.iter().flat_map(|group| &group.topics) {
                for one in &topic.partitions {
                    keep(&topic.name, one.partition_index, one.committed_offset, one.error_code);
                }
            }
            let group_code = answer.groups.first().map_or(0, |group| group.error_code);
            Ok((if code != 0 { code } else { group_code }, ()))
        })?;
        let of = |place: &TopicPartition| found.get(&(place.topic.to_string(), place.partition.0)).copied().flatten();
        Ok(partitions.iter().map(of).collect())
    }

    /// Commits the offsets to go on from.
    pub fn commit(
        &self,
        cluster: &mut Cluster,
        committer: &Committer,
        positions: &[(TopicPartition, Offset)],
    ) -> Result<(), ClientError> {
        let partition = |(number, offset): &(i32, Offset)| OffsetCommitRequestPartition {
            partition_index: *number,
            committed_offset: offset.0,
            committed_metadata: Some(String::new()),
            ..Default::default()
        };
        let topics = by_topic(positions.iter().map(|(place, offset)| (place, *offset)));
        let topic = |(name, partitions): (&str, Vec<(i32, Offset)>)| OffsetCommitRequestTopic {
            name: name.to_owned(),
            partitions: partitions.iter().map(partition).collect(),
            ..Default::default()
        };
        let request = OffsetCommitRequest {
            group_id: self.name.clone(),
            generation_id_or_member_epoch: committer.generation,
            member_id: committer.member.clone(),
            group_instance_id: committer.instance.clone(),
            topics: topics.into_iter().map(topic).collect(),
            ..Default::default()
        };
        let done = self.ask(cluster, |cluster, node| {
            let answer = cluster.call(node, &request)?;
            let mut codes =
                answer.topics.iter().flat_map(|topic| &topic.partitions).map(|partition| partition.error_code);
            // A member hears from its fetches that a topic was deleted; a place in it is nothing to insist on.
            let counts =
                |code: i16| code != 0 && (committer.is_outside() || code != ErrorCode::UnknownTopicOrPartition.code());
            Ok((codes.find(|code| counts(*code)).unwrap_or(0), ()))
        });
        match done {
            Err(ClientError::Refused { code, .. }) if committer.is_outside() && is_in_use(code) => {
                Err(ClientError::GroupInUse { group: self.name.clone() })
            }
            done => done,
        }
    }

    /// Asks the group's coordinator, again if it is another by now.
    fn ask<T>(
        &self,
        cluster: &mut Cluster,
        mut ask: impl FnMut(&mut Cluster, Node) -> Result<(i16, T), ClientError>,
    ) -> Result<T, ClientError> {
        cluster.with_retries(Instant::now() + PATIENCE, |cluster| {
            match ask(cluster, Node::GroupCoordinator(self.name.clone()))? {
                (0, answer) => Ok(answer),
                (code, _) => Err(ClientError::refused(format!("group \"{}\"", self.name), code, None)),
            }
        })
    }
}

/// What a coordinator answers to a commit from outside while the group has members.
fn is_in_use(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration | ErrorCode::RebalanceInProgress)
}

fn by_topic<'a, T>(items: impl Iterator<Item = (&'a TopicPartition, T)>) -> BTreeMap<&'a str, Vec<(i32, T)>> {
    let mut topics: BTreeMap<&str, Vec<(i32, T)>> = BTreeMap::new();
    for (place, item) in items {
        topics.entry(place.topic.as_str()).or_default().push((place.partition.0, item));
    }
    topics
}
