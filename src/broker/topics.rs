//! The topics that are open. Readers take a snapshot and never wait for an administrator; what changes a topic, or which
//! there are, stands in `topic_changes`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::catalogue::CommandLogError;
use super::partition::Partition;
use super::topic_note::TopicNote;
use crate::base::{ErrorCode, PartitionId, TopicName, Uuid, nearest};
use crate::config::{TopicConfig, TopicOverrides};
use crate::log::LogError;

/// More partitions than this in one topic are a slip of the finger: each costs files and memory.
pub const PARTITIONS_PER_TOPIC_MAX: i32 = 100_000;

/// A topic that is open for reading and writing.
pub struct Topic {
    pub name: TopicName,
    pub id: Uuid,
    pub partitions: Vec<Arc<Partition>>,
    /// What differs from the broker's defaults.
    pub overrides: TopicOverrides,
    pub config: TopicConfig,
    /// Whose turn it is among the partitions, for records without a key.
    turn: AtomicU32,
}

impl Topic {
    pub(super) fn new(
        name: TopicName,
        id: Uuid,
        partitions: Vec<Arc<Partition>>,
        overrides: TopicOverrides,
        config: TopicConfig,
    ) -> Topic {
        // Where the turns begin is left to chance, as rafka-produce does it: not every first record in partition 0.
        let turn = AtomicU32::new(u32::from_be_bytes([id.0[12], id.0[13], id.0[14], id.0[15]]));
        Topic { name, id, partitions, overrides, config, turn }
    }

    /// The same topic with other partitions or settings.
    pub(super) fn changed(
        &self,
        partitions: Vec<Arc<Partition>>,
        overrides: TopicOverrides,
        config: TopicConfig,
    ) -> Topic {
        Topic::new(self.name.clone(), self.id, partitions, overrides, config)
    }

    /// What its directory carries of the catalogue.
    pub(super) fn note(&self, index: u64) -> TopicNote {
        TopicNote {
            name: self.name.clone(),
            index,
            id: self.id,
            partitions: self.partitions.len() as i32,
            settings: self.overrides.as_map().clone(),
        }
    }

    /// The next partition when records are dealt in turn.
    pub fn next_in_turn(&self) -> PartitionId {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        PartitionId((turn as usize % self.partitions.len().max(1)) as i32)
    }

    pub fn partition(&self, index: i32) -> Option<&Arc<Partition>> {
        self.partitions.get(usize::try_from(index).ok()?)
    }
}

/// All open topics at one moment.
#[derive(Default, Clone)]
pub struct Topics {
    by_name: BTreeMap<TopicName, Arc<Topic>>,
    names: HashMap<Uuid, TopicName>,
}

impl Topics {
    pub fn get(&self, name: &str) -> Option<&Arc<Topic>> {
        self.by_name.get(name)
    }

    pub fn by_id(&self, id: Uuid) -> Option<&Arc<Topic>> {
        self.by_name.get(self.names.get(&id)?)
    }

    /// By name, internal ones included.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.by_name.values()
    }

    /// The name that somebody who wrote `name` probably meant.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        nearest(name, self.by_name.keys().filter(|name| !name.is_internal()).map(TopicName::as_str))
    }

    pub(super) fn insert(&mut self, topic: Arc<Topic>) {
        self.names.insert(topic.id, topic.name.clone());
        self.by_name.insert(topic.name.clone(), topic);
    }

    pub(super) fn remove(&mut self, name: &TopicName) -> Option<Arc<Topic>> {
        let topic = self.by_name.remove(name)?;
        self.names.remove(&topic.id);
        Some(topic)
    }
}

/// Why a topic could not be made, changed or deleted.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    #[error("{0}")]
    Decision(#[from] CommandLogError),
    #[error("{sentence}")]
    Refused { code: ErrorCode, sentence: String },
    #[error("topic \"{0}\" does not exist")]
    Unknown(String),
    #[error("{0}")]
    Log(#[from] LogError),
    #[error("{what} failed: {source}")]
    Disk { what: String, source: std::io::Error },
}

impl TopicError {
    pub fn error_code(&self) -> ErrorCode {
        match self {
            TopicError::Decision(CommandLogError::Rejected(rejected)) => rejected.error_code(),
            TopicError::Decision(CommandLogError::Storage { .. }) | TopicError::Log(_) | TopicError::Disk { .. } => {
                ErrorCode::KafkaStorageError
            }
            TopicError::Refused { code, .. } => *code,
            TopicError::Unknown(_) => ErrorCode::UnknownTopicOrPartition,
        }
    }
}

/// A topic as somebody asks for it; `None` takes the broker's default.
#[derive(Debug, Clone, Default)]
pub struct NewTopic {
    pub partitions: Option<i32>,
    pub replicas: Option<i16>,
    pub overrides: TopicOverrides,
}
