//! One partition's log: what is known of it at any moment, and who may touch what.
//!
//! Two locks. `writer` is held by whoever changes the log: append, roll, cut, trim; never during an fsync. `shown` is
//! what readers see: held for the time of a copy, never during a file access. Who needs both takes `writer` first.
//! (A third, `layout`, keeps retention, trims and compaction apart, and is taken before both.)
//! The work is in the files beside this one: append, flush, checkpoint, read, times, retention, compaction, recovery.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Condvar, Mutex, RwLock};

use super::bounds::{POOL_FILES_DEFAULT, RECENT_BATCHES, STATES_PENDING};
use super::compaction::{self, Layout, Progress};
use super::disk::Disk;
use super::epochs::{EpochStart, Epochs};
use super::error::LogError;
use super::file_pool::FilePool;
use super::files::Files;
use super::producers::{ProducerState, Producers};
use super::recovery;
use super::seek::Extent;
use super::segment::Segment;
use super::settings::{FlushPolicy, LogSettings, OpenAs, OpenReport};
use super::state_file::LogState;
use crate::base::{LeaderEpoch, Now, Offset};

/// A partition on disk. Shared between threads; every method takes `&self`.
#[derive(Debug)]
pub struct PartitionLog {
    /// The order in which several logs are locked together.
    pub(super) serial: u64,
    pub(super) files: Arc<Files>,
    /// Held by whoever removes or replaces sealed segments; taken before `writer`.
    pub(super) layout: Mutex<Layout>,
    pub(super) writer: Mutex<Writer>,
    pub(super) shown: RwLock<Shown>,
    /// True while somebody flushes: an fsync that fails tells only one caller, so there is never a second.
    pub(super) flushing: Mutex<bool>,
    pub(super) flush_ended: Condvar,
    pub(super) cuts: AtomicU64,
    /// Which cut left how much, the newest last.
    pub(super) cut_history: Mutex<VecDeque<(u64, Offset)>>,
    /// False only if no transaction is open, and none ended at or above the high watermark. Cleared and set under the
    /// writer's lock.
    pub(super) undecided: AtomicBool,
}

/// What whoever appends needs.
#[derive(Debug)]
pub(super) struct Writer {
    pub settings: LogSettings,
    pub next_offset: Offset,
    pub producers: Producers,
    pub epochs: Epochs,
    pub epochs_unsaved: bool,
    /// Sealed segments whose data is not synced yet.
    pub unsynced: Vec<Arc<Segment>>,
    /// Counts files made; compared with what was synced of it.
    pub names_made: u64,
    pub names_synced: u64,
    /// Segments sealed since the last checkpoint, which must sync their indexes and write their states.
    pub sealed: Vec<Sealed>,
    /// State files there are.
    pub states: BTreeSet<Offset>,
    /// Where the log ended when it was opened, or when flushes began to be promised: nothing below is ever cut.
    pub floor: Mark,
    pub failure: Option<Failure>,
    /// A failure was logged, and nothing was appended since.
    pub failing: bool,
    /// After a cut: what stands beside the data is from before it, and must be read back first.
    pub rewind_due: Option<Mark>,
    /// Segments behind the end that the disk did not remove. They must go before anything is appended: a log that grew past
    /// their first offset would end there for the next start.
    pub remains: Vec<Arc<Segment>>,
    /// The active segment can't be appended to any more, whatever room it has.
    pub must_roll: bool,
    /// How far compaction is; `None` before the first.
    pub compaction: Option<Progress>,
    /// Below this offset lies data whose fsync failed and that was not cut: the recovery point stays behind it.
    pub unsafe_below: Option<Offset>,
    /// A sync was refused, and the file that says so is there.
    pub flush_failed: bool,
    /// What lies between the flushed end and the floor must be written once more before it is synced.
    pub write_again: bool,
    /// After a refused sync, the disk also refused to take away what it was for.
    pub left_behind: bool,
}

/// A segment that waits for its checkpoint.
#[derive(Debug)]
pub(super) struct Sealed {
    pub segment: Arc<Segment>,
    /// Where the next one begins.
    pub next_offset: Offset,
    /// The state at that moment, encoded; given up for the older ones if many gather.
    pub state: Option<Vec<u8>>,
}

impl Sealed {
    /// Queues a segment, in bounded memory.
    pub fn queue(sealed: &mut Vec<Sealed>, segment: Arc<Segment>, state: &LogState) {
        // After a cut the same segment may be sealed again at the same offset.
        while sealed.pop_if(|last| last.next_offset >= state.next_offset).is_some() {}
        sealed.push(Sealed { segment, next_offset: state.next_offset, state: Some(state.encode()) });
        if let Some(old) = sealed.len().checked_sub(1 + STATES_PENDING) {
            sealed[old].state = None;
        }
    }
}

/// The disk failed; appends are refused until a probe succeeds.
#[derive(Debug)]
pub(super) struct Failure {
    pub reason: String,
    /// There is no room; only somebody who makes some can help.
    pub is_full: bool,
    /// In the monotonic time of whoever appends; `None`: at once.
    pub probe_at_ms: Option<i64>,
}

/// An offset with its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub offset: Offset,
    /// The segment that ends (or stands) there; `None` before there is any.
    pub segment: Option<Offset>,
    pub position: u64,
    /// Bytes appended until then.
    pub total: u64,
}

/// What readers see.
#[derive(Debug)]
pub(super) struct Shown {
    pub segments: Vec<Arc<Segment>>,
    pub log_start: Offset,
    pub end: Mark,
    pub flushed: Mark,
    pub recovery_point: Offset,
    pub recent: Recent,
    /// In segments below, offsets may be missing between batches: compaction was there.
    pub gaps_below: Offset,
}

/// Where the last batches of the active segment start.
#[derive(Debug, Default)]
pub(super) struct Recent {
    places: VecDeque<(Offset, u64)>,
}

impl Recent {
    pub fn push(&mut self, base: Offset, position: u64) {
        if self.places.len() == RECENT_BATCHES {
            self.places.pop_front();
        }
        self.places.push_back((base, position));
    }

    pub fn clear(&mut self) {
        self.places.clear();
    }

    /// Base offset and position of the batch that holds the offset.
    pub fn find(&self, offset: Offset) -> Option<(Offset, u64)> {
        let above = self.places.partition_point(|(base, _)| *base <= offset);
        above.checked_sub(1).map(|n| self.places[n])
    }
}

impl Shown {
    /// Which segment an offset belongs to.
    pub fn segment_of(&self, offset: Offset) -> Option<usize> {
        self.segments.partition_point(|segment| segment.base <= offset).checked_sub(1)
    }

    /// How far the segment reaches now.
    pub fn extent(&self, n: usize) -> Extent {
        let segment = &self.segments[n];
        let (end, bound) = match self.segments.get(n + 1) {
            Some(next) => (segment.bytes(), next.base),
            // What is being appended right now is not there yet.
            None if self.end.segment == Some(segment.base) => (self.end.position, self.end.offset),
            None => (0, self.end.offset),
        };
        Extent { end, bound, gaps: segment.base < self.gaps_below }
    }

    pub fn active(&self) -> Option<&Arc<Segment>> {
        self.segments.last()
    }
}

impl PartitionLog {
    /// Opens the log in `dir`, or makes an empty one. After a clean stop no log data is read; otherwise everything
    /// behind the newest state file is verified, and the tail is cut at the first bad batch. What was verified is
    /// not yet flushed: call [`PartitionLog::flush`] (or [`super::flush_many`]) before letting anybody read it.
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        settings: LogSettings,
        start: OpenAs,
        now: Now,
    ) -> Result<(PartitionLog, OpenReport), LogError> {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        let pool = start.pool.clone().unwrap_or_else(|| FilePool::new(POOL_FILES_DEFAULT));
        let files = Arc::new(Files::new(disk, pool, dir.to_owned()));
        let mut report = OpenReport::default();
        let recovered = recovery::recover(&files, &settings, &start, now, &mut report)?;
        let log = PartitionLog {
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            files,
            layout: Mutex::default(),
            writer: Mutex::new(recovered.writer),
            shown: RwLock::new(recovered.shown),
            flushing: Mutex::new(false),
            flush_ended: Condvar::new(),
            cuts: AtomicU64::new(0),
            cut_history: Mutex::default(),
            undecided: AtomicBool::new(true),
        };
        Ok((log, report))
    }

    /// Lets go of the directory, which is about to be moved away or to become another log's. Waits for a flush or
    /// checkpoint that runs; once this has returned nothing of this log touches the path, and whatever would change
    /// or flush the log is refused. What is open can still be read.
    pub fn retire(&self) {
        let _turn = self.take_turn();
        let _writer = self.writer.lock();
        self.files.retire();
    }

    /// Asked under the writer's lock: the answer holds as long as the lock is held.
    pub(super) fn check_retired(&self) -> Result<(), LogError> {
        match self.files.is_retired() {
            true => Err(LogError::Retired { dir: self.files.dir.clone() }),
            false => Ok(()),
        }
    }

    pub fn dir(&self) -> &Path {
        &self.files.dir
    }

    /// The first offset that can be read.
    pub fn log_start(&self) -> Offset {
        self.shown.read().log_start
    }

    /// The offset that the next record gets.
    pub fn log_end(&self) -> Offset {
        self.shown.read().end.offset
    }

    /// Everything below is on disk and survives a power cut.
    pub fn flushed_end(&self) -> Offset {
        self.shown.read().flushed.offset
    }

    /// Where a start after a crash begins to look; moved by checkpoints.
    pub fn recovery_point(&self) -> Offset {
        self.shown.read().recovery_point
    }

    /// Bytes appended and not yet flushed.
    pub fn unflushed_bytes(&self) -> u64 {
        let shown = self.shown.read();
        shown.end.total - shown.flushed.total
    }

    /// How often unflushed data was cut away after a failed fsync. Who waits for an offset to be flushed and sees
    /// this change must look again.
    pub fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::Acquire)
    }

    /// Whether the record at `offset`, appended when there had been `cuts` cuts ([`super::Appended::cuts`]), is still
    /// the one there. Once it was flushed it stays so.
    pub fn survived(&self, offset: Offset, cuts: u64) -> bool {
        if self.cuts() == cuts {
            return true;
        }
        let history = self.cut_history.lock();
        // Cuts that are forgotten may have taken it.
        history.front().is_some_and(|(oldest, _)| *oldest <= cuts + 1)
            && history.iter().all(|(cut, end)| *cut <= cuts || offset < *end)
    }

    /// Bytes of all segments.
    pub fn size_bytes(&self) -> u64 {
        self.shown.read().segments.iter().map(|segment| segment.bytes()).sum()
    }

    pub fn segment_count(&self) -> usize {
        self.shown.read().segments.len()
    }

    /// Up to where a reader of committed data may read, below the high watermark.
    pub fn last_stable_offset(&self, high_watermark: Offset) -> Offset {
        // Asked for at every fetch: without transactions it must not wait for whoever appends.
        if !self.undecided.load(Ordering::Acquire) {
            return high_watermark;
        }
        let mut writer = self.writer.lock();
        let stable = writer.producers.last_stable(high_watermark);
        self.undecided.store(writer.producers.has_undecided(), Ordering::Release);
        stable
    }

    /// What is known of each producer, in order of their ids.
    pub fn producers(&self) -> Vec<ProducerState> {
        let mut states: Vec<ProducerState> = self.writer.lock().producers.states().copied().collect();
        states.sort_by_key(|state| state.producer_id);
        states
    }

    /// Forgets producers that were silent for `producer.id.expiration.ms`.
    pub fn expire_producers(&self, now: Now) {
        let mut writer = self.writer.lock();
        let after_ms = writer.settings.producer_expiration_ms;
        writer.producers.expire(now.wall_ms, after_ms);
    }

    /// The largest epoch up to the asked one and where it ended (OffsetForLeaderEpoch).
    pub fn epoch_for_end(&self, epoch: LeaderEpoch) -> (LeaderEpoch, Offset) {
        let writer = self.writer.lock();
        writer.epochs.end_of(epoch, writer.next_offset)
    }

    /// The epoch of the batch at an offset.
    pub fn epoch_at(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.writer.lock().epochs.at(offset)
    }

    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.writer.lock().epochs.latest()
    }

    pub fn epochs(&self) -> Vec<EpochStart> {
        self.writer.lock().epochs.entries().to_vec()
    }

    /// From `start` on this partition is led in this epoch.
    pub fn assign_epoch(&self, epoch: LeaderEpoch, start: Offset) {
        let mut writer = self.writer.lock();
        writer.epochs_unsaved |= writer.epochs.assign(epoch, start);
    }

    pub fn settings(&self) -> LogSettings {
        self.writer.lock().settings.clone()
    }

    /// New settings hold from the next append on.
    pub fn set_settings(&self, settings: LogSettings) {
        let mut writer = self.writer.lock();
        let mut shown = self.shown.write();
        shown.gaps_below = compaction::gaps_below(writer.compaction.as_ref(), &settings);
        if writer.settings.flush_policy == FlushPolicy::Os && settings.flush_policy == FlushPolicy::Fsync {
            // What was acknowledged without a flush has been seen: a failed one must not take it back.
            writer.floor = shown.end;
        }
        drop(shown);
        writer.settings = settings;
    }

    /// Why the disk is not written to at the moment, if so.
    pub fn failure(&self) -> Option<String> {
        self.writer.lock().failure.as_ref().map(|failure| failure.reason.clone())
    }
}
