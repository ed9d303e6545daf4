//! The topics that are open, and everything that changes which there are.
//!
//! Readers take a snapshot and never wait for an administrator. Whoever changes something holds the decision lock,
//! decides (durably), then does it on disk, then publishes a new snapshot.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::catalogue::{Command, CommandLogError};
use super::core::{Core, Event};
use super::partition::{Partition, PartitionSettings};
use super::settings::partition_settings;
use crate::base::{ErrorCode, LeaderEpoch, PartitionId, TopicName, TopicPartition, Uuid, nearest};
use crate::config::{TopicConfig, TopicOverrides};
use crate::log::{LogError, OpenAs};

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
    fn new(
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

    fn remove(&mut self, name: &TopicName) -> Option<Arc<Topic>> {
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

fn refused(code: ErrorCode, sentence: impl Into<String>) -> TopicError {
    TopicError::Refused { code, sentence: sentence.into() }
}

/// A topic as somebody asks for it; `None` takes the broker's default.
#[derive(Debug, Clone, Default)]
pub struct NewTopic {
    pub partitions: Option<i32>,
    pub replicas: Option<i16>,
    pub overrides: TopicOverrides,
}

impl Core {
    /// Checks a new topic in every way that does not need the disk; gives its number of partitions.
    pub fn check_new_topic(&self, name: &TopicName, new: &NewTopic) -> Result<i32, TopicError> {
        let partitions = new.partitions.unwrap_or(self.config().num_partitions);
        if !(1..=PARTITIONS_PER_TOPIC_MAX).contains(&partitions) {
            return Err(refused(
                ErrorCode::InvalidPartitions,
                format!("a topic has 1 to {PARTITIONS_PER_TOPIC_MAX} partitions, not {partitions}"),
            ));
        }
        if let Some(replicas) = new.replicas {
            let most = self.config().accepted_replication_factor;
            if !(1..=most).contains(&replicas) {
                return Err(refused(
                    ErrorCode::InvalidReplicationFactor,
                    format!("{replicas} replicas were asked for, and this cluster has 1 broker"),
                ));
            }
        }
        self.decisions().catalogue().check_new(name).map_err(CommandLogError::from)?;
        Ok(partitions)
    }

    /// Makes a topic; it is there, and announced, when this returns.
    pub fn create_topic(&self, name: &TopicName, new: &NewTopic) -> Result<Arc<Topic>, TopicError> {
        let partitions = self.check_new_topic(name, new)?;
        let mut decisions = self.decisions();
        let id = Uuid::random();
        let path = self.data().topic_path(name);
        if self.data().disk().facts(&path).is_ok() && !decisions.catalogue().topics.contains_key(name) {
            let path = path.display();
            return Err(refused(
                ErrorCode::KafkaStorageError,
                format!("directory {path} is there already and belongs to no topic of this broker; move it away first"),
            ));
        }
        let settings = new.overrides.as_map().clone();
        decisions.decide(&Command::CreateTopic { name: name.clone(), id, partitions, settings })?;
        let epochs = vec![LeaderEpoch(0); partitions as usize];
        self.make_directories(name, 0..partitions)?;
        let topic = self.open_topic(name, id, &epochs, new.overrides.clone(), &|_| OpenAs::clean())?;
        self.publish(|topics| topics.insert(Arc::clone(&topic)));
        drop(decisions);
        if !name.is_internal() {
            self.announce(Event::TopicCreated(name.clone()));
        }
        Ok(topic)
    }

    /// The topic, made with the defaults if it is missing and may be made by naming it.
    pub fn topic_or_create(self: &Arc<Core>, name: &TopicName) -> Result<Arc<Topic>, TopicError> {
        if let Some(topic) = self.topic(name.as_str()) {
            return Ok(topic);
        }
        if !self.config().auto_create_topics {
            return Err(TopicError::Unknown(name.to_string()));
        }
        match self.create_topic(name, &NewTopic::default()) {
            // Somebody else was faster.
            Err(error) if error.error_code() == ErrorCode::TopicAlreadyExists => self.topic(name.as_str()).ok_or(error),
            other => other,
        }
    }

    /// Deletes a topic and everything in it. Who reads or waits there is told at once; the files go in the background.
    pub fn delete_topic(self: &Arc<Core>, name: &TopicName) -> Result<(), TopicError> {
        let mut decisions = self.decisions();
        let id = match decisions.catalogue().topics.get(name) {
            Some(entry) => entry.id,
            None => return Err(TopicError::Unknown(name.to_string())),
        };
        decisions.decide(&Command::DeleteTopic { name: name.clone(), id })?;
        let topic = self.publish(|topics| topics.remove(name));
        for partition in topic.iter().flat_map(|topic| &topic.partitions) {
            partition.mark_deleted();
        }
        // A new topic of the same name has the same directories: nothing of this one may touch them any more.
        for partition in topic.iter().flat_map(|topic| &topic.partitions) {
            partition.log().retire();
        }
        self.data().set_aside(name, id).map_err(|source| TopicError::Disk {
            what: format!("moving the files of topic \"{name}\" away"),
            source,
        })?;
        drop(decisions);
        self.groups().forget_topic(self, name, self.now());
        self.remove_deleted_soon();
        Ok(())
    }

    /// Gives a topic more partitions.
    pub fn add_partitions(self: &Arc<Core>, name: &TopicName, total: i32) -> Result<(), TopicError> {
        if total > PARTITIONS_PER_TOPIC_MAX {
            let sentence = format!("a topic has at most {PARTITIONS_PER_TOPIC_MAX} partitions, not {total}");
            return Err(refused(ErrorCode::InvalidPartitions, sentence));
        }
        let mut decisions = self.decisions();
        let topic = self.topic(name.as_str()).ok_or_else(|| TopicError::Unknown(name.to_string()))?;
        decisions.decide(&Command::AddPartitions { name: name.clone(), total })?;
        self.make_directories(name, topic.partitions.len() as i32..total)?;
        let mut partitions = topic.partitions.clone();
        for index in partitions.len() as i32..total {
            let settings = Arc::new(partition_settings(&topic.config, &self.config()));
            partitions.push(self.open_partition(
                name,
                topic.id,
                PartitionId(index),
                LeaderEpoch(0),
                settings,
                OpenAs::clean(),
            )?);
        }
        self.publish(|topics| {
            topics.insert(Arc::new(topic.changed(partitions, topic.overrides.clone(), topic.config.clone())));
        });
        Ok(())
    }

    /// Changes a topic's settings; they hold from now on. What `change` is shown stays as it is until it has answered,
    /// so that of two changes at once neither is lost.
    pub fn change_topic_settings(
        self: &Arc<Core>,
        name: &TopicName,
        change: impl FnOnce(&TopicOverrides) -> Result<TopicOverrides, TopicError>,
    ) -> Result<(), TopicError> {
        let mut decisions = self.decisions();
        let topic = self.topic(name.as_str()).ok_or_else(|| TopicError::Unknown(name.to_string()))?;
        let overrides = change(&topic.overrides)?;
        let config = self.topic_config(name, &overrides);
        decisions.decide(&Command::SetTopicSettings { name: name.clone(), settings: overrides.as_map().clone() })?;
        let settings = Arc::new(partition_settings(&config, &self.config()));
        self.apply_settings(&topic, &settings);
        self.publish(|topics| {
            topics.insert(Arc::new(topic.changed(topic.partitions.clone(), overrides, config)));
        });
        Ok(())
    }

    /// Makes the directories of new partitions, and makes their names durable: what is flushed into a directory that
    /// a power cut takes away is lost all the same.
    fn make_directories(&self, topic: &TopicName, partitions: Range<i32>) -> Result<(), TopicError> {
        let disk = self.data().disk();
        let make = || {
            for index in partitions.clone() {
                let name = TopicPartition { topic: topic.clone(), partition: PartitionId(index) };
                disk.create_dir(&self.data().partition_path(&name))?;
            }
            disk.sync_dir(&self.data().topic_path(topic))?;
            disk.sync_dir(self.data().path())
        };
        make()
            .map_err(|source| TopicError::Disk { what: format!("making the directories of topic \"{topic}\""), source })
    }

    /// Lets settings take effect in every partition of a topic.
    pub(super) fn apply_settings(&self, topic: &Topic, settings: &Arc<PartitionSettings>) {
        for partition in &topic.partitions {
            partition.set_settings(Arc::clone(settings));
            // What was good enough before may have to be flushed now.
            if partition.flush_is_due() {
                self.flusher().soon(partition);
            }
        }
    }

    /// Opens every partition of a topic that was decided.
    pub(super) fn open_topic(
        &self,
        name: &TopicName,
        id: Uuid,
        epochs: &[LeaderEpoch],
        overrides: TopicOverrides,
        start: &dyn Fn(PartitionId) -> OpenAs,
    ) -> Result<Arc<Topic>, TopicError> {
        let config = self.topic_config(name, &overrides);
        let settings = Arc::new(partition_settings(&config, &self.config()));
        let partitions = (0..)
            .map(PartitionId)
            .zip(epochs)
            .map(|(index, epoch)| self.open_partition(name, id, index, *epoch, Arc::clone(&settings), start(index)))
            .collect::<Result<_, _>>()?;
        Ok(Arc::new(Topic::new(name.clone(), id, partitions, overrides, config)))
    }

    fn open_partition(
        &self,
        topic: &TopicName,
        id: Uuid,
        index: PartitionId,
        epoch: LeaderEpoch,
        settings: Arc<PartitionSettings>,
        start: OpenAs,
    ) -> Result<Arc<Partition>, TopicError> {
        let name = TopicPartition { topic: topic.clone(), partition: index };
        let path = self.data().partition_path(&name);
        let disk = Arc::clone(self.data().disk());
        let (log, report) = crate::log::PartitionLog::open(
            disk,
            &path,
            settings.log.clone(),
            start.with_pool(self.file_pool()),
            self.now(),
        )?;
        for finding in &report.findings {
            ::log::warn!("{name}: {finding}");
        }
        Ok(Arc::new(Partition::new(name, id, log, epoch, settings)))
    }
}
