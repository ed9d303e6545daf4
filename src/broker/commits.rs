//! Committing offsets: a commit is records in `__consumer_offsets`, appended and promised like any other, and counts
//! once they are safe.

use std::sync::Arc;

use super::core::Core;
use super::offsets::{GroupOffsets, OffsetKey, OffsetRecord, OffsetValue, partition_for_group};
use super::partition::{Kept, Partition, Promise};
use super::topics::{NewTopic, Topic, TopicError};
use crate::base::limits::DECOMPRESSED_BATCH_BYTES_MAX;
use crate::base::{ErrorCode, Now, Offset, TopicName, TopicPartition};
use crate::config::TopicOverrides;
use crate::log::ReadError;
use crate::record::{BatchBuilder, BatchView, Codec, ProducerStamp, ValidBatch};

const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// Groups, topics and metadata travel as strings with two bytes of length.
const STRING_BYTES_MAX: usize = i16::MAX as usize;

/// Commits that are in the log, but not yet safe.
pub struct CommitUnderWay {
    pub partition: Arc<Partition>,
    pub promise: Promise,
    records: Vec<(OffsetRecord, Offset)>,
}

impl Core {
    /// Appends a group's commits. They count when the promise is kept: then hand them to
    /// [`finish_commit`](Self::finish_commit).
    pub fn begin_commit(
        self: &Arc<Core>,
        group: &str,
        commits: Vec<(TopicPartition, OffsetValue)>,
        now: Now,
    ) -> Result<CommitUnderWay, ErrorCode> {
        if group.len() > STRING_BYTES_MAX {
            return Err(ErrorCode::InvalidGroupId);
        }
        let topic = self.offsets_topic().map_err(|error| {
            ::log::error!("the topic of committed offsets can't be made: {error}");
            ErrorCode::CoordinatorNotAvailable
        })?;
        let records = commits
            .into_iter()
            .map(|(partition, value)| (OffsetKey { group: group.to_owned(), partition }, Some(value)))
            .collect();
        self.append_commits(&topic, group, records, now)
    }

    pub fn finish_commit(&self, commit: &mut CommitUnderWay) {
        let mut store = self.commits.lock();
        for (record, offset) in commit.records.drain(..) {
            store.apply(record, offset);
        }
    }

    /// Nobody waits for a commit any more. It counts all the same, as soon as it is safe.
    pub fn leave_commit(&self, mut commit: CommitUnderWay) {
        if commit.partition.kept(&commit.promise) == Kept::Yes {
            return self.finish_commit(&mut commit);
        }
        self.flusher().soon(&commit.partition);
        self.left_commits.lock().push(commit);
    }

    /// Takes in the commits that were left and are safe by now.
    pub(super) fn settle_left_commits(&self) {
        let left = std::mem::take(&mut *self.left_commits.lock());
        for mut commit in left {
            match commit.partition.kept(&commit.promise) {
                Kept::Yes => self.finish_commit(&mut commit),
                Kept::NotYet => self.left_commits.lock().push(commit),
                Kept::Never => {}
            }
        }
    }

    /// What a group committed.
    pub fn committed(&self, group: &str) -> GroupOffsets {
        self.commits.lock().group(group).cloned().unwrap_or_default()
    }

    /// Every group that committed anything, by name.
    pub fn groups_with_commits(&self) -> Vec<String> {
        self.commits.lock().groups().map(|(name, _)| name.to_owned()).collect()
    }

    /// A deleted topic takes its commits along: a later topic of that name starts without them.
    pub(super) fn forget_commits(self: &Arc<Core>, topic: &TopicName) {
        let forgotten = self.commits.lock().forget_topic(topic.as_str());
        let Some(offsets_topic) = self.topic(OFFSETS_TOPIC) else { return };
        for (group, partition) in forgotten {
            let tombstone = vec![(OffsetKey { group: group.clone(), partition }, None)];
            match self.append_commits(&offsets_topic, &group, tombstone, self.now()) {
                // Nobody waits for it: if it is lost with the power, the topic id tells the old commits apart.
                Ok(commit) => self.flusher().soon(&commit.partition),
                Err(code) => ::log::warn!("the commits of group {group:?} for deleted topic \"{topic}\" stay: {code}"),
            }
        }
    }

    /// Reads all commits back from the log, at the start.
    pub(super) fn load_commits(&self) {
        let Some(topic) = self.topic(OFFSETS_TOPIC) else { return };
        for partition in &topic.partitions {
            if let Err(error) = self.load_commits_of(partition) {
                ::log::error!("{}: committed offsets behind this point are not known: {error}", partition.name());
            }
        }
    }

    fn load_commits_of(&self, partition: &Partition) -> Result<(), String> {
        const PIECE_BYTES: usize = 1 << 20;
        let log = partition.log();
        let mut next = log.log_start();
        let end = log.log_end();
        let mut store = self.commits.lock();
        while next < end {
            let slice = match log.read(next, PIECE_BYTES, end, true) {
                Ok(Some(slice)) => slice,
                Ok(None) => break,
                Err(error @ ReadError::Corrupt { next: resume, .. }) => {
                    ::log::error!("{}: {error}", partition.name());
                    next = resume;
                    continue;
                }
                Err(error) => return Err(error.to_string()),
            };
            let bytes = slice.bytes().map_err(|error| error.to_string())?;
            for batch in crate::record::batches(&bytes) {
                let batch = batch.map_err(|error| error.to_string())?;
                if let Err(error) = apply_batch(&mut store, &batch) {
                    ::log::error!("{} at offset {}: {error}", partition.name(), batch.header.base_offset);
                }
                next = batch.header.next_offset();
            }
        }
        Ok(())
    }

    fn append_commits(
        &self,
        topic: &Topic,
        group: &str,
        records: Vec<(OffsetKey, Option<OffsetValue>)>,
        now: Now,
    ) -> Result<CommitUnderWay, ErrorCode> {
        let index = partition_for_group(group, topic.partitions.len() as i32);
        let partition = topic.partition(index.0).ok_or(ErrorCode::CoordinatorNotAvailable)?;
        let mut builder = BatchBuilder::new(Codec::None);
        for (key, value) in &records {
            let value = value.as_ref().map(OffsetValue::encode);
            builder.append(now.wall_ms, Some(&key.encode()), value.as_deref(), &[]);
        }
        let bytes = builder.finish(ProducerStamp::NONE).map_err(|_| ErrorCode::UnknownServerError)?;
        let batch = ValidBatch::built_here(&bytes).map_err(|_| ErrorCode::UnknownServerError)?;
        let appended = partition.append(&batch, now).map_err(|error| error.error_code())?;
        let records = (0..)
            .zip(records)
            .map(|(n, (key, value))| (OffsetRecord::Offset(key, value), appended.base_offset.plus(n)))
            .collect();
        Ok(CommitUnderWay { promise: partition.promise(&appended), partition: Arc::clone(partition), records })
    }

    fn offsets_topic(self: &Arc<Core>) -> Result<Arc<Topic>, TopicError> {
        if let Some(topic) = self.topic(OFFSETS_TOPIC) {
            return Ok(topic);
        }
        let name = TopicName::new(OFFSETS_TOPIC).expect("Kafka's own name is valid");
        let partitions = Some(self.config().offsets.partitions);
        let new = NewTopic { partitions, replicas: None, overrides: TopicOverrides::default() };
        match self.create_topic(&name, &new) {
            Err(error) if error.error_code() == ErrorCode::TopicAlreadyExists => self.topic(OFFSETS_TOPIC).ok_or(error),
            other => other,
        }
    }
}

fn apply_batch(
    store: &mut super::offsets::OffsetStore,
    batch: &BatchView<'_>,
) -> Result<(), Box<dyn std::error::Error>> {
    if batch.header.is_control() {
        return Ok(());
    }
    for record in batch.records(DECOMPRESSED_BATCH_BYTES_MAX)?.iter() {
        let record = record?;
        let offset = batch.header.base_offset.plus(i64::from(record.offset_delta));
        let key = record.key.ok_or("a record has no key")?;
        store.apply(OffsetRecord::decode(key, record.value)?, offset);
    }
    Ok(())
}
