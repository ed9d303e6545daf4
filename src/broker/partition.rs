//! A partition as the broker sees it: a log, how far it is safe to read, and who waits for more.
//!
//! Visible means safe: under `flush.policy=fsync` the high watermark never passes the flushed end, so nobody reads
//! what a power cut can take back. Under `os` it follows the log end. It never goes back.
//!
//! A partition whose log could not be opened is offline: it is there, and says why it can't be used, until a later try
//! (`offline`) gives it its log. From then on it keeps it.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock};

use super::data_dir::Checkpoint;
use super::offline::Offline;
use super::waiting::{Subscription, WaitList, Waker};
use crate::base::{LeaderEpoch, Now, Offset, TopicPartition, Uuid};
use crate::log::{AppendError, Appended, FlushPolicy, LogError, LogSettings, OpenAs, PartitionLog};
use crate::record::{BatchError, BatchRules, Packing, ValidBatch, repack};

/// What a topic's settings mean for each of its partitions.
#[derive(Debug, Clone)]
pub struct PartitionSettings {
    pub log: LogSettings,
    pub rules: BatchRules,
    /// `flush.messages` and `flush.ms`: under `os` they ask for flushes that nobody waits for.
    pub flush_messages: Option<i64>,
    pub flush_ms: Option<i64>,
    /// `compression.type` and its level, where it is not "producer".
    pub packing: Option<Packing>,
    pub min_insync_replicas: i32,
}

/// What an append must wait for before it may be acknowledged with acks=all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promise {
    /// The high watermark must reach this.
    pub until: Offset,
    /// `Appended::cuts`: a later cut may have taken the records, and others may stand in their place.
    cuts: u64,
}

/// How a promise stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    Yes,
    NotYet,
    /// The disk failed: the records are gone, or the topic was deleted.
    Never,
}

pub struct Partition {
    name: TopicPartition,
    topic_id: Uuid,
    log: OnceLock<PartitionLog>,
    /// Why there is no log; `None` once there is one.
    offline: Mutex<Option<Offline>>,
    leader_epoch: AtomicI32,
    high_watermark: AtomicI64,
    promised_start: AtomicI64,
    settings: RwLock<Arc<PartitionSettings>>,
    /// Everybody who waits for the high watermark to move.
    progress: Arc<WaitList>,
    deleted: AtomicBool,
    /// In the flusher's queue.
    pub(super) flush_wanted: AtomicBool,
}

impl PartitionSettings {
    /// Acknowledged with acks=all means flushed.
    pub fn fsync(&self) -> bool {
        self.log.flush_policy == FlushPolicy::Fsync
    }
}

impl Partition {
    pub fn new(
        name: TopicPartition,
        topic_id: Uuid,
        log: Result<PartitionLog, Offline>,
        epoch: LeaderEpoch,
        settings: Arc<PartitionSettings>,
    ) -> Partition {
        let partition = Partition {
            name,
            topic_id,
            leader_epoch: AtomicI32::new(epoch.0),
            high_watermark: AtomicI64::new(0),
            promised_start: AtomicI64::new(0),
            log: OnceLock::new(),
            offline: Mutex::new(None),
            settings: RwLock::new(settings),
            progress: WaitList::new(),
            deleted: AtomicBool::new(false),
            flush_wanted: AtomicBool::new(false),
        };
        match log {
            Ok(log) => partition.come_online(log),
            Err(offline) => *partition.offline.lock() = Some(offline),
        }
        partition
    }

    /// From now on there is a log.
    pub(super) fn come_online(&self, log: PartitionLog) {
        let settings = self.settings();
        log.set_settings(settings.log.clone());
        let safe = if settings.fsync() { log.flushed_end() } else { log.log_end() };
        // Whoever finds a log finds how far it is safe, too.
        self.high_watermark.store(safe.0, Ordering::Release);
        if self.log.set(log).is_err() {
            ::log::error!("{} was opened twice", self.name);
        }
        *self.offline.lock() = None;
        self.progress.wake_all();
    }

    pub fn name(&self) -> &TopicPartition {
        &self.name
    }

    pub fn topic_id(&self) -> Uuid {
        self.topic_id
    }

    /// The log, or why there is none for now.
    pub fn log(&self) -> Result<&PartitionLog, LogError> {
        self.log.get().ok_or_else(|| {
            let reason = self.offline.lock().as_ref().map_or_else(String::new, |offline| offline.reason.clone());
            LogError::Offline { partition: self.name.to_string(), reason }
        })
    }

    /// The log, for who has nothing to do where there is none.
    pub fn online(&self) -> Option<&PartitionLog> {
        self.log.get()
    }

    /// Why there is no log, to look at and to change.
    pub(super) fn offline(&self) -> &Mutex<Option<Offline>> {
        &self.offline
    }

    /// What the next start has to know.
    pub(super) fn checkpoint(&self) -> Checkpoint {
        let OpenAs { recovery_point, log_start, .. } = self.reopen_as();
        let promised = Offset(self.promised_start.load(Ordering::Acquire));
        Checkpoint { topic_id: self.topic_id, recovery_point, log_start: log_start.max(promised) }
    }

    /// A checkpoint says that the log starts here, though it may do so only in a moment.
    pub(super) fn promise_start(&self, offset: Offset) {
        self.promised_start.fetch_max(offset.0, Ordering::AcqRel);
    }

    /// How the log is opened again, once nobody uses this one any more.
    pub(super) fn reopen_as(&self) -> OpenAs {
        if let Some(log) = self.online() {
            return OpenAs { recovery_point: log.recovery_point(), log_start: log.log_start(), ..OpenAs::unclean() };
        }
        self.offline.lock().as_ref().map_or_else(OpenAs::unclean, |offline| offline.start.clone())
    }

    pub fn leader_epoch(&self) -> LeaderEpoch {
        LeaderEpoch(self.leader_epoch.load(Ordering::Acquire))
    }

    /// The end of what consumers may read.
    pub fn high_watermark(&self) -> Offset {
        Offset(self.high_watermark.load(Ordering::Acquire))
    }

    /// The end of what a reader of committed transactions may read.
    pub fn last_stable_offset(&self) -> Offset {
        let high_watermark = self.high_watermark();
        self.online().map_or(high_watermark, |log| log.last_stable_offset(high_watermark))
    }

    pub fn settings(&self) -> Arc<PartitionSettings> {
        Arc::clone(&self.settings.read())
    }

    pub fn set_settings(&self, settings: Arc<PartitionSettings>) {
        let fsync = settings.fsync();
        let log_settings = settings.log.clone();
        // First: a log that is opened meanwhile is given what stands here.
        *self.settings.write() = settings;
        let Some(log) = self.online() else { return };
        log.set_settings(log_settings);
        if !fsync {
            // From now on what is written counts; who waits for a flush has what he waits for.
            self.raise_high_watermark(log.log_end());
        }
    }

    /// Appends one batch: the only way in, for clients, the text protocol and the broker's own records.
    pub fn append(&self, batch: &ValidBatch<'_>, now: Now) -> Result<Appended, AppendError> {
        let log = self.log()?;
        let epoch = self.leader_epoch();
        let settings = self.settings();
        let appended = match settings.packing {
            Some(packing) if !batch.header.is_control() && batch.header.codec() != Ok(packing.codec) => {
                let packed = repack(batch, packing)?;
                // Packed otherwise, it may have outgrown what the topic takes.
                let (bytes, max) = (packed.len(), settings.rules.bytes_max);
                if bytes > max {
                    return Err(BatchError::TooLarge { bytes, max }.into());
                }
                log.append(&ValidBatch::built_here(&packed)?, epoch, now)?
            }
            _ => log.append(batch, epoch, now)?,
        };
        if !settings.fsync() {
            self.raise_high_watermark(log.log_end());
        }
        Ok(appended)
    }

    /// What acknowledging an append with acks=all has to wait for. A duplicate waits for the first one's sake.
    pub fn promise(&self, appended: &Appended) -> Promise {
        Promise { until: appended.last_offset.plus(1), cuts: appended.cuts }
    }

    pub fn kept(&self, promise: &Promise) -> Kept {
        let survived = |log: &PartitionLog| log.survived(Offset(promise.until.0 - 1), promise.cuts);
        if !self.online().is_some_and(survived) {
            Kept::Never
        } else if self.high_watermark() >= promise.until {
            Kept::Yes
        } else if self.is_deleted() {
            Kept::Never
        } else {
            Kept::NotYet
        }
    }

    /// Where an epoch ended, or the newest one below it (KIP-101). The current one ends where the log does, even if
    /// nothing was appended in it.
    pub fn end_of_epoch(&self, epoch: LeaderEpoch) -> Result<(LeaderEpoch, Offset), LogError> {
        let log = self.log()?;
        if epoch == self.leader_epoch() {
            return Ok((epoch, log.log_end()));
        }
        Ok(log.epoch_for_end(epoch))
    }

    /// Whether a flush is due now, though nobody waits for it.
    pub fn flush_is_due(&self) -> bool {
        let Some(log) = self.online() else { return false };
        let settings = self.settings.read();
        let unflushed = log.log_end().since(log.flushed_end());
        unflushed > 0 && (settings.fsync() || settings.flush_messages.is_some_and(|count| unflushed >= count))
    }

    /// The log was flushed, or failed to be: lets everybody who waits look again.
    pub fn after_flush(&self) {
        if let Some(log) = self.online() {
            self.raise_high_watermark(log.flushed_end());
        }
        self.progress.wake_all();
    }

    pub fn subscribe(&self, waker: &Arc<dyn Waker>) -> Subscription {
        self.progress.subscribe(waker)
    }

    pub fn wake_all(&self) {
        self.progress.wake_all();
    }

    pub fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Acquire)
    }

    /// The topic is gone; who waits is told.
    pub fn mark_deleted(&self) {
        self.deleted.store(true, Ordering::Release);
        self.progress.wake_all();
    }

    fn raise_high_watermark(&self, to: Offset) {
        if self.high_watermark.fetch_max(to.0, Ordering::AcqRel) < to.0 {
            self.progress.wake_all();
        }
    }
}
