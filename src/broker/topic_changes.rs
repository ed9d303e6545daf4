//! Everything that changes a topic, or which topics there are.
//!
//! What a decision needs of the disk is done before it is made: directories and logs of a new topic are there when it is
//! decided, and a topic's files are out of the way when its end is. A broker that is killed in between leaves nothing that
//! blocks a name: directories without a byte in them are anybody's, and what was moved away without a decision comes
//! back at the next start (`Core::bring_back_undecided`).
//!
//! Two locks. `changing_directories` is held by whoever makes or moves directories of topics, for as long as that takes.
//! The decision lock is held for a decision and its publication only, so that nobody waits for a large topic to be made.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::catalogue::{Command, CommandLogError, METADATA_TOPIC, TopicEntry};
use super::core::{Core, Event, OpenError};
use super::partition::{Partition, PartitionSettings};
use super::settings::partition_settings;
use super::topics::{NewTopic, PARTITIONS_PER_TOPIC_MAX, Topic, TopicError};
use crate::base::{ErrorCode, LeaderEpoch, PartitionId, TopicName, TopicPartition, Uuid};
use crate::config::TopicOverrides;
use crate::log::{OpenAs, PartitionLog};

fn refused(code: ErrorCode, sentence: impl Into<String>) -> TopicError {
    TopicError::Refused { code, sentence: sentence.into() }
}

impl Core {
    /// Whether a topic of this name could be made.
    pub fn check_new_name(&self, name: &TopicName) -> Result<(), TopicError> {
        if name.as_str() == METADATA_TOPIC {
            return Err(refused(
                ErrorCode::InvalidRequest,
                format!("\"{name}\" is no topic, but the list of what is decided"),
            ));
        }
        Ok(self.decisions().catalogue().check_new(name).map_err(CommandLogError::from)?)
    }

    /// Checks a new topic in every way that does not need the disk; gives its number of partitions.
    pub fn check_new_topic(&self, name: &TopicName, new: &NewTopic) -> Result<i32, TopicError> {
        self.check_new_name(name)?;
        let most = self.config().accepted_replication_factor;
        let replicas = new.replicas.unwrap_or(1);
        if replicas < 1 {
            let sentence = format!("a topic has at least 1 replica, not {replicas}");
            return Err(refused(ErrorCode::InvalidReplicationFactor, sentence));
        }
        let partitions = new.partitions.unwrap_or(self.config().num_partitions);
        if !(1..=PARTITIONS_PER_TOPIC_MAX).contains(&partitions) {
            return Err(refused(
                ErrorCode::InvalidPartitions,
                format!("a topic has 1 to {PARTITIONS_PER_TOPIC_MAX} partitions, not {partitions}"),
            ));
        }
        if replicas > most {
            return Err(refused(
                ErrorCode::InvalidReplicationFactor,
                format!(
                    "{replicas} replicas were asked for, and this cluster has 1 broker; for test suites, the broker's \
                     setting accepted.replication.factor lets it make the one replica all the same"
                ),
            ));
        }
        Ok(partitions)
    }

    /// On a full disk nothing that only takes room is made. The topics that commits need are, as long as commits go on.
    fn check_disk(&self, name: &TopicName) -> Result<(), TopicError> {
        let reserve = self.reserve();
        let is_full = if name.is_internal() { reserve.is_exhausted() } else { reserve.is_spent() };
        if is_full { Err(refused(ErrorCode::KafkaStorageError, reserve.refusal())) } else { Ok(()) }
    }

    /// Makes a topic; it is there, and announced, when this returns.
    pub fn create_topic(&self, name: &TopicName, new: &NewTopic) -> Result<Arc<Topic>, TopicError> {
        let turn = self.changing_directories().lock();
        let partitions = self.check_new_topic(name, new)?;
        self.check_disk(name)?;
        self.make_room_for(name)?;
        let id = Uuid::random();
        let epochs = vec![LeaderEpoch(0); partitions as usize];
        let made = self.make_directories(name, 0..partitions).and_then(|()| {
            let topic = self.open_new(name, id, &epochs, new.overrides.clone())?;
            let settings = new.overrides.as_map().clone();
            self.decide_and_publish(Command::CreateTopic { name: name.clone(), id, partitions, settings }, topic)
        });
        if made.is_err() {
            // As good as it can; what is left of it is in nobody's way.
            let _ = self.data().remove_skeleton(name);
        }
        drop(turn);
        if made.is_ok() && !name.is_internal() {
            self.announce(Event::TopicCreated(name.clone()));
        }
        made
    }

    /// Decides, and shows the topic as it is then. Settings may have changed since its logs were opened.
    fn decide_and_publish(&self, command: Command, topic: Arc<Topic>) -> Result<Arc<Topic>, TopicError> {
        let mut decisions = self.decisions();
        decisions.decide(&command)?;
        let overrides = match self.topic(topic.name.as_str()) {
            Some(now) => now.overrides.clone(),
            None => topic.overrides.clone(),
        };
        let config = self.topic_config(&topic.name, &overrides);
        self.apply_settings(&topic, &Arc::new(partition_settings(&config, &self.config())));
        let topic = Arc::new(topic.changed(topic.partitions.clone(), overrides, config));
        self.publish(|topics| topics.insert(Arc::clone(&topic)));
        self.note_topic(&decisions, &topic);
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
    pub fn delete_topic(self: &Arc<Core>, name: &TopicName, id: Uuid) -> Result<(), TopicError> {
        let _turn = self.changing_directories().lock();
        let mut decisions = self.decisions();
        let entry = match decisions.catalogue().topics.get(name) {
            Some(entry) if entry.id == id => entry.clone(),
            _ => return Err(TopicError::Unknown(name.to_string())),
        };
        self.topic(name.as_str()).iter().for_each(|topic| self.hold_checkpoints(topic));
        let topic = self.publish(|topics| topics.remove(name));
        let partitions = || topic.iter().flat_map(|topic| &topic.partitions);
        partitions().for_each(|partition| partition.mark_deleted());
        // A new topic of the same name has the same directories: nothing of this one may touch them any more.
        partitions().filter_map(|partition| partition.online()).for_each(PartitionLog::retire);
        let deleted = self
            .reserve()
            .spend_on(|| self.data().set_aside(name, id))
            .map_err(|source| TopicError::Disk { what: format!("moving the files of topic \"{name}\" away"), source });
        let command = Command::DeleteTopic { name: name.clone(), id };
        let deleted = deleted.and_then(|()| Ok(self.reserve().spend_on(|| decisions.decide(&command))?));
        if let Err(error) = deleted {
            if let Some(topic) = topic {
                self.reopen(&topic, &entry);
            }
            return Err(error);
        }
        self.drop_checkpoints(name);
        drop(decisions);
        self.groups().forget_topic(self, name, self.now());
        self.remove_deleted_soon();
        Ok(())
    }

    /// Takes back a deletion that could not be decided: the topic is there again, with everything in it.
    fn reopen(&self, topic: &Topic, entry: &TopicEntry) {
        if let Err(error) = self.data().bring_back(&topic.name, topic.id) {
            ::log::error!(
                "topic \"{}\" was to be deleted, and is out of reach until the next start: its files can't be moved back: \
                 {error}",
                topic.name
            );
            return;
        }
        let again = |(partition, epoch): (&Arc<Partition>, &LeaderEpoch)| {
            let name = partition.name().clone();
            self.open_or_offline(name, topic.id, *epoch, &partition.settings(), partition.reopen_as(), None)
        };
        let partitions: Vec<_> = topic.partitions.iter().zip(&entry.epochs).map(again).collect();
        // What was not flushed yet when its logs were closed still has to be.
        let unflushed = partitions.iter().filter(|partition| partition.flush_is_due());
        unflushed.for_each(|partition| self.flusher().soon(partition));
        let name = topic.name.clone();
        let topic = topic.changed(partitions, topic.overrides.clone(), topic.config.clone());
        self.publish(|topics| topics.insert(Arc::new(topic)));
        self.drop_checkpoints(&name);
    }

    /// Before topics are opened: moves the files of those back whose deletion was not decided when the broker ended.
    /// A start without them would make a topic of that name that is empty.
    pub(super) fn bring_back_undecided(&self, known: &BTreeMap<TopicName, TopicEntry>) -> Result<(), OpenError> {
        for (name, entry) in known {
            let moved = self.data().bring_back(name, entry.id);
            if moved.map_err(|source| OpenError::BringBack { topic: name.clone(), source })? {
                ::log::warn!("the deletion of topic \"{name}\" was cut short; the topic stays");
            }
        }
        Ok(())
    }

    /// Removes what deleted topics left. Whoever sets a topic aside holds the decision lock until its deletion is decided
    /// or taken back; so what is listed and, once that lock was free, belongs to no topic is deleted for good.
    pub(super) fn empty_deleted(&self) -> std::io::Result<()> {
        for left in self.data().set_aside_names()? {
            if self.decisions().catalogue().topics.values().any(|topic| self.data().is_aside_of(&left, topic.id)) {
                continue;
            }
            self.data().remove_set_aside(&left)?;
        }
        Ok(())
    }

    /// Gives a topic more partitions.
    pub fn add_partitions(self: &Arc<Core>, name: &TopicName, total: i32) -> Result<(), TopicError> {
        if total > PARTITIONS_PER_TOPIC_MAX {
            let sentence = format!("a topic has at most {PARTITIONS_PER_TOPIC_MAX} partitions, not {total}");
            return Err(refused(ErrorCode::InvalidPartitions, sentence));
        }
        let _turn = self.changing_directories().lock();
        let topic = self.topic(name.as_str()).ok_or_else(|| TopicError::Unknown(name.to_string()))?;
        self.check_disk(name)?;
        let has = topic.partitions.len() as i32;
        let added = self.make_and_add(&topic, has..total);
        if added.is_err() {
            self.remove_bare_partitions(name, has..total);
        }
        added
    }

    fn make_and_add(&self, topic: &Topic, new: Range<i32>) -> Result<(), TopicError> {
        let (name, total) = (&topic.name, new.end);
        if !new.is_empty() {
            self.make_directories(name, new.clone())?;
        }
        let settings = Arc::new(partition_settings(&topic.config, &self.config()));
        let mut partitions = topic.partitions.clone();
        for index in new.map(PartitionId) {
            partitions.push(self.open_partition(name, topic.id, index, LeaderEpoch(0), Arc::clone(&settings))?);
        }
        let grown = Arc::new(topic.changed(partitions, topic.overrides.clone(), topic.config.clone()));
        self.decide_and_publish(Command::AddPartitions { name: name.clone(), total }, grown).map(drop)
    }

    /// Removes the directories of partitions that did not come to be, as good as it can: what is left of them is in
    /// nobody's way, and what has a byte in it is somebody's.
    fn remove_bare_partitions(&self, topic: &TopicName, partitions: Range<i32>) {
        let disk = self.data().disk();
        for partition in partitions.map(PartitionId) {
            let path = self.data().partition_path(&TopicPartition { topic: topic.clone(), partition });
            let Ok(names) = disk.list(&path) else { continue };
            let is_bare =
                |name: &String| disk.facts(&path.join(name)).is_ok_and(|file| !file.is_dir && file.bytes == 0);
            if names.iter().all(is_bare) {
                let _ = disk.remove_dir_all(&path);
            }
        }
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
        let command = Command::SetTopicSettings { name: name.clone(), settings: overrides.as_map().clone() };
        self.reserve().spend_on(|| decisions.decide(&command))?;
        let settings = Arc::new(partition_settings(&config, &self.config()));
        self.apply_settings(&topic, &settings);
        let changed = Arc::new(topic.changed(topic.partitions.clone(), overrides, config));
        self.publish(|topics| topics.insert(Arc::clone(&changed)));
        self.note_topic(&decisions, &changed);
        Ok(())
    }

    /// A directory of that name which belongs to no topic stands in the way if there is a byte in it.
    fn make_room_for(&self, name: &TopicName) -> Result<(), TopicError> {
        let taken = |source| TopicError::Disk { what: format!("making room for topic \"{name}\""), source };
        if self.data().remove_skeleton(name).map_err(taken)? {
            return Ok(());
        }
        let path = self.data().topic_path(name);
        let path = path.display();
        Err(refused(
            ErrorCode::KafkaStorageError,
            format!("directory {path} is there already and belongs to no topic of this broker; move it away first"),
        ))
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

    /// Opens every partition of a new topic, whose directories are there.
    fn open_new(
        &self,
        name: &TopicName,
        id: Uuid,
        epochs: &[LeaderEpoch],
        overrides: TopicOverrides,
    ) -> Result<Arc<Topic>, TopicError> {
        let config = self.topic_config(name, &overrides);
        let settings = Arc::new(partition_settings(&config, &self.config()));
        let partitions = (0..)
            .map(PartitionId)
            .zip(epochs)
            .map(|(index, epoch)| self.open_partition(name, id, index, *epoch, Arc::clone(&settings)))
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
    ) -> Result<Arc<Partition>, TopicError> {
        let name = TopicPartition { topic: topic.clone(), partition: index };
        let log = self.open_log(&name, &settings, OpenAs::clean())?;
        Ok(Arc::new(Partition::new(name, id, Ok(log), epoch, settings)))
    }
}

#[cfg(test)]
#[path = "topic_changes_tests.rs"]
mod tests;
