//! The commands, and the pure function that applies them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::{ErrorCode, LeaderEpoch, PartitionId, TopicName, Uuid};

/// One decision. Written to disk and, later, sent to other brokers: variants and fields are only ever added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    CreateTopic {
        name: TopicName,
        id: Uuid,
        partitions: i32,
        settings: BTreeMap<String, String>,
    },
    DeleteTopic {
        name: TopicName,
        id: Uuid,
    },
    /// Partitions only ever become more.
    AddPartitions {
        name: TopicName,
        total: i32,
    },
    /// All settings that differ from the defaults, in place of those before.
    SetTopicSettings {
        name: TopicName,
        settings: BTreeMap<String, String>,
    },
    /// The broker's dynamic settings; `None` is for every broker of the cluster.
    SetBrokerSettings {
        broker: Option<i32>,
        settings: BTreeMap<String, String>,
    },
    /// All settings of a group, which need not exist, in place of those before.
    SetGroupSettings {
        group: String,
        settings: BTreeMap<String, String>,
    },
    /// Producer ids below this one are spoken for.
    ReserveProducerIds {
        below: i64,
    },
    /// Leadership of a partition began anew, after a stop that may have cost it its tail.
    RaiseLeaderEpoch {
        name: TopicName,
        partition: PartitionId,
        epoch: LeaderEpoch,
    },
}

/// A topic as it was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicEntry {
    pub id: Uuid,
    /// The leader epoch of each partition; their number is the topic's partition count.
    pub epochs: Vec<LeaderEpoch>,
    pub settings: BTreeMap<String, String>,
}

impl TopicEntry {
    pub fn partition_count(&self) -> i32 {
        self.epochs.len() as i32
    }
}

/// All that was decided.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogue {
    pub topics: BTreeMap<TopicName, TopicEntry>,
    /// Dynamic settings of every broker, then of single ones.
    pub cluster_settings: BTreeMap<String, String>,
    pub broker_settings: BTreeMap<i32, BTreeMap<String, String>>,
    #[serde(default)]
    pub group_settings: BTreeMap<String, BTreeMap<String, String>>,
    pub producer_ids_below: i64,
}

/// Why a command can't be applied to what was decided before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    #[error("topic \"{0}\" already exists")]
    TopicExists(TopicName),
    #[error("topic \"{name}\" can't exist beside \"{other}\": they differ only in '.' and '_'")]
    Collision { name: TopicName, other: TopicName },
    #[error("topic \"{0}\" does not exist")]
    UnknownTopic(TopicName),
    #[error("topic \"{name}\" has {has} partitions; it can only get more, not {asked}")]
    Partitions { name: TopicName, has: i32, asked: i32 },
    #[error("producer ids below {0} are reserved already")]
    ProducerIds(i64),
    #[error("partition {partition} of topic \"{name}\" is past leader epoch {epoch}")]
    Epoch { name: TopicName, partition: PartitionId, epoch: LeaderEpoch },
}

impl Rejected {
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Rejected::TopicExists(_) => ErrorCode::TopicAlreadyExists,
            Rejected::Collision { .. } => ErrorCode::InvalidTopicException,
            Rejected::UnknownTopic(_) => ErrorCode::UnknownTopicOrPartition,
            Rejected::Partitions { .. } => ErrorCode::InvalidPartitions,
            Rejected::ProducerIds(_) | Rejected::Epoch { .. } => ErrorCode::InvalidRequest,
        }
    }
}

impl Catalogue {
    /// Applies one command, or leaves everything as it was.
    pub fn apply(&mut self, command: &Command) -> Result<(), Rejected> {
        match command {
            Command::CreateTopic { name, id, partitions, settings } => {
                self.check_new(name)?;
                if *partitions < 1 {
                    return Err(Rejected::Partitions { name: name.clone(), has: 0, asked: *partitions });
                }
                let epochs = vec![LeaderEpoch(0); *partitions as usize];
                self.topics.insert(name.clone(), TopicEntry { id: *id, epochs, settings: settings.clone() });
            }
            Command::DeleteTopic { name, id } => {
                self.topic(name)?;
                // A delete that was decided for an earlier topic of this name must not take the later one.
                if self.topics.get(name).is_none_or(|topic| topic.id != *id) {
                    return Err(Rejected::UnknownTopic(name.clone()));
                }
                self.topics.remove(name);
            }
            Command::AddPartitions { name, total } => {
                let topic = self.topic(name)?;
                let has = topic.partition_count();
                if *total <= has {
                    return Err(Rejected::Partitions { name: name.clone(), has, asked: *total });
                }
                topic.epochs.resize(*total as usize, LeaderEpoch(0));
            }
            Command::SetTopicSettings { name, settings } => self.topic(name)?.settings = settings.clone(),
            Command::SetBrokerSettings { broker: None, settings } => self.cluster_settings = settings.clone(),
            Command::SetBrokerSettings { broker: Some(id), settings } => {
                self.broker_settings.insert(*id, settings.clone());
            }
            Command::SetGroupSettings { group, settings } if settings.is_empty() => {
                self.group_settings.remove(group);
            }
            Command::SetGroupSettings { group, settings } => {
                self.group_settings.insert(group.clone(), settings.clone());
            }
            Command::ReserveProducerIds { below } => {
                if *below < self.producer_ids_below {
                    return Err(Rejected::ProducerIds(self.producer_ids_below));
                }
                self.producer_ids_below = *below;
            }
            Command::RaiseLeaderEpoch { name, partition, epoch } => {
                let current = self.topic(name)?.epochs.get_mut(partition.0 as usize);
                match current {
                    Some(current) if *current < *epoch => *current = *epoch,
                    _ => return Err(Rejected::Epoch { name: name.clone(), partition: *partition, epoch: *epoch }),
                }
            }
        }
        Ok(())
    }

    /// Whether a topic of this name could be created.
    pub fn check_new(&self, name: &TopicName) -> Result<(), Rejected> {
        if self.topics.contains_key(name) {
            return Err(Rejected::TopicExists(name.clone()));
        }
        // Only a name with '.' or '_' can collide; internal topics are full of underscores but never alike.
        let key = name.collision_key();
        if key.contains('_')
            && let Some(other) = self.topics.keys().find(|other| other.collision_key() == key)
        {
            return Err(Rejected::Collision { name: name.clone(), other: other.clone() });
        }
        Ok(())
    }

    fn topic(&mut self, name: &TopicName) -> Result<&mut TopicEntry, Rejected> {
        self.topics.get_mut(name).ok_or_else(|| Rejected::UnknownTopic(name.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> TopicName {
        TopicName::new(text).expect("valid")
    }

    fn create(text: &str, partitions: i32) -> Command {
        Command::CreateTopic { name: name(text), id: Uuid([7; 16]), partitions, settings: BTreeMap::new() }
    }

    #[test]
    fn topics_come_grow_and_go() {
        let mut catalogue = Catalogue::default();
        catalogue.apply(&create("Payments", 2)).expect("new");
        assert_eq!(catalogue.apply(&create("Payments", 2)), Err(Rejected::TopicExists(name("Payments"))));
        catalogue.apply(&Command::AddPartitions { name: name("Payments"), total: 5 }).expect("more");
        assert_eq!(catalogue.topics[&name("Payments")].partition_count(), 5);
        let fewer = Command::AddPartitions { name: name("Payments"), total: 5 };
        assert!(matches!(catalogue.apply(&fewer), Err(Rejected::Partitions { has: 5, asked: 5, .. })));
        let other = Command::DeleteTopic { name: name("Payments"), id: Uuid([8; 16]) };
        assert!(catalogue.apply(&other).is_err());
        catalogue.apply(&Command::DeleteTopic { name: name("Payments"), id: Uuid([7; 16]) }).expect("there");
        assert_eq!(catalogue, Catalogue::default());
    }

    #[test]
    fn a_group_without_settings_takes_no_room() {
        let mut catalogue = Catalogue::default();
        let set = |settings: &[(&str, &str)]| Command::SetGroupSettings {
            group: "g".to_owned(),
            settings: settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        };
        catalogue.apply(&set(&[("consumer.session.timeout.ms", "50000")])).expect("any group");
        assert_eq!(catalogue.group_settings["g"].len(), 1);
        catalogue.apply(&set(&[])).expect("any group");
        assert_eq!(catalogue, Catalogue::default());
    }

    #[test]
    fn names_that_a_metric_could_not_tell_apart_are_refused() {
        let mut catalogue = Catalogue::default();
        catalogue.apply(&create("a.b", 1)).expect("new");
        assert!(matches!(catalogue.apply(&create("a_b", 1)), Err(Rejected::Collision { .. })));
        catalogue.apply(&create("a-b", 1)).expect("differs");
    }

    #[test]
    fn a_rejected_command_changes_nothing() {
        let mut catalogue = Catalogue::default();
        catalogue.apply(&create("t", 1)).expect("new");
        let before = catalogue.clone();
        for command in [
            create("t", 3),
            create("none", 0),
            Command::AddPartitions { name: name("u"), total: 3 },
            Command::SetTopicSettings { name: name("u"), settings: BTreeMap::new() },
            Command::RaiseLeaderEpoch { name: name("t"), partition: PartitionId(1), epoch: LeaderEpoch(1) },
            Command::RaiseLeaderEpoch { name: name("t"), partition: PartitionId(0), epoch: LeaderEpoch(0) },
            Command::ReserveProducerIds { below: -1 },
        ] {
            assert!(catalogue.apply(&command).is_err(), "{command:?}");
            assert_eq!(catalogue, before, "{command:?}");
        }
    }
}
