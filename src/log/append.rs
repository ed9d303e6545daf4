//! The only way in for a batch: offset, twelve patched bytes, one write.
//!
//! A batch is written as it came: a head that carries the new offset and epoch stands on the stack, the rest is the
//! sender's bytes. What always holds: after an error nothing of the batch is in the log, nor in any state beside it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::bounds::{PROBE_BYTES, PROBE_INTERVAL_MS};
use super::disk::OpenMode;
use super::error::{AppendError, LogError, is_disk_full};
use super::names;
use super::partition::{Failure, Mark, PartitionLog, Sealed, Writer};
use super::producers::Marker;
use super::segment::{Growth, Segment};
use super::settings::{LogSettings, TimestampType};
use super::state_file::LogState;
use super::walk;
use crate::base::{LeaderEpoch, Now, Offset};
use crate::record::{BatchHeader, BatchView, ControlKind, HEADER_BYTES, ValidBatch, attributes};

/// Where a batch went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    pub base_offset: Offset,
    pub last_offset: Offset,
    /// The time the broker gave it; -1 where the sender's timestamps stand.
    pub log_append_time: i64,
    pub log_start: Offset,
    /// It was in the log already; nothing was written.
    pub duplicate: bool,
    /// [`PartitionLog::cuts`] when it was appended; see [`PartitionLog::survived`].
    pub cuts: u64,
}

/// Base offset, length, leader epoch: what the broker assigns lies in these bytes, and none of it in the CRC.
const PATCHED_BYTES: usize = 16;

impl PartitionLog {
    /// Appends a batch and gives it its offsets. It is in the log, and readers may see it up to wherever the
    /// caller lets them; it is not flushed.
    pub fn append(&self, batch: &ValidBatch<'_>, epoch: LeaderEpoch, now: Now) -> Result<Appended, AppendError> {
        let marker = match batch.header.is_control() {
            true => read_marker(batch)?,
            false => None,
        };
        let mut writer = self.writer.lock();
        let writer = &mut *writer;
        self.check_retired()?;
        check_limits(batch, &writer.settings, now)?;
        if writer.rewind_due.is_some() {
            self.heal(writer, now)?;
        }
        if batch.header.has_producer_id()
            && let Some(repeated) = writer.producers.check(&batch.header, marker.as_ref())?
        {
            return Ok(Appended {
                base_offset: repeated.first_offset(),
                last_offset: repeated.last_offset,
                log_append_time: repeated.timestamp,
                log_start: self.log_start(),
                duplicate: true,
                cuts: self.cuts(),
            });
        }
        let stored = stored_header(batch, writer, epoch, now)?;
        self.heal(writer, now)?;
        let segment = self.segment_for(writer, &stored, now).map_err(|error| self.failed(writer, error))?;
        let aborted = marker.as_ref().and_then(|marker| writer.producers.aborts(&stored, marker));
        if let Some(aborted) = &aborted {
            // Before the marker itself: it counts only with it, and a marker must not be there without it.
            let indexed = segment.write_abort(aborted);
            let doing = LogError::io("write", self.files.path(segment.base, names::Kind::TxnIndex));
            indexed.map_err(|error| self.failed(writer, doing(error)))?;
        }
        let position = segment.bytes();
        if let Err(error) = self.write(writer, &segment, position, batch, &stored) {
            if aborted.is_some() {
                segment.drop_abort();
            }
            return Err(error);
        }
        segment.note(&stored, position);
        if let Some(aborted) = &aborted {
            segment.count_abort(aborted);
        }
        self.enter(writer, &stored, marker.as_ref(), now);
        let mut shown = self.shown.write();
        shown.end = Mark {
            offset: writer.next_offset,
            segment: Some(segment.base),
            position: segment.bytes(),
            total: shown.end.total + batch.bytes.len() as u64,
        };
        shown.recent.push(stored.base_offset, position);
        Ok(Appended {
            base_offset: stored.base_offset,
            last_offset: stored.last_offset(),
            log_append_time: if stored.has_log_append_time() { stored.max_timestamp } else { -1 },
            log_start: shown.log_start,
            duplicate: false,
            cuts: self.cuts(),
        })
    }

    /// The batch is in the file: everything that is kept beside it learns of it.
    fn enter(&self, writer: &mut Writer, stored: &BatchHeader, marker: Option<&Marker>, now: Now) {
        writer.next_offset = stored.next_offset();
        if std::mem::take(&mut writer.failing) {
            ::log::info!("{}: the disk takes writes again", self.files.dir.display());
        }
        writer.epochs_unsaved |= writer.epochs.assign(stored.leader_epoch, stored.base_offset);
        if stored.has_producer_id() {
            if stored.is_transactional() {
                self.undecided.store(true, Ordering::Release);
            }
            writer.producers.record(stored, marker, now.wall_ms);
        }
    }

    fn write(
        &self,
        writer: &mut Writer,
        segment: &Segment,
        position: u64,
        batch: &ValidBatch<'_>,
        stored: &BatchHeader,
    ) -> Result<(), AppendError> {
        let head = stored.encode();
        // Under LogAppendTime the timestamp, an attribute and the CRC change as well: all the header.
        let assigned = (stored.base_offset, stored.leader_epoch);
        let as_sent = BatchHeader { base_offset: assigned.0, leader_epoch: assigned.1, ..batch.header } == *stored;
        let patched = if as_sent { PATCHED_BYTES } else { HEADER_BYTES };
        let written = segment
            .hold_for_writing()
            // In one call: cut into pieces, the kernel would cache the same bytes in smaller folios at a fifth more CPU.
            .and_then(|file| {
                file.write_all_at(position, &[IoSlice::new(&head[..patched]), IoSlice::new(&batch.bytes[patched..])])
            });
        let Err(source) = written else { return Ok(()) };
        let error = LogError::Io { doing: "append to", path: segment.log_path(), source };
        if let Err(second) = segment.cut(position) {
            ::log::error!(
                "{}: can't take back a write that failed ({second}); the segment ends at byte {position}",
                segment.log_path().display()
            );
            writer.must_roll = true;
        }
        Err(self.failed(writer, error).into())
    }

    /// Remembers that the disk failed.
    pub(super) fn failed(&self, writer: &mut Writer, error: LogError) -> LogError {
        // Every producer tries again, on a full disk for as long as it is full: one line says it.
        if !std::mem::replace(&mut writer.failing, true) {
            ::log::error!("{error}");
        }
        let is_full = error.is_disk_full();
        writer.failure.get_or_insert_with(|| Failure { reason: error.to_string(), is_full, probe_at_ms: None });
        error
    }

    /// After a failure: finds out whether the disk works again, now and then.
    fn heal(&self, writer: &mut Writer, now: Now) -> Result<(), LogError> {
        let Some(failure) = &mut writer.failure else { return Ok(()) };
        let dir = &self.files.dir;
        let refused = |failure: &Failure| {
            let (reason, is_full) = (failure.reason.clone(), failure.is_full);
            LogError::Failed { dir: dir.clone(), reason, is_full }
        };
        if failure.probe_at_ms.is_some_and(|at| now.mono_ms < at) {
            return Err(refused(failure));
        }
        if let Err(error) = self.probe() {
            failure.probe_at_ms = Some(now.mono_ms + PROBE_INTERVAL_MS);
            failure.reason = format!("a probe write failed: {error}");
            failure.is_full = is_disk_full(&error);
            return Err(refused(failure));
        }
        if let Err(error) = self.make_right(writer) {
            let failure = writer.failure.insert(Failure {
                reason: format!("what it was cut to can't be made right: {error}"),
                is_full: false,
                probe_at_ms: Some(now.mono_ms + PROBE_INTERVAL_MS),
            });
            return Err(refused(failure));
        }
        writer.failure = None;
        Ok(())
    }

    /// Does what the disk let no cut do: removes what was behind the end, and reads back what stands beside the data.
    pub(super) fn make_right(&self, writer: &mut Writer) -> io::Result<()> {
        while let Some(segment) = writer.remains.last() {
            segment.remove()?;
            writer.remains.pop();
            // The names must be gone for good before anything that takes their offsets is acknowledged.
            writer.names_made += 1;
        }
        if writer.rewind_due.is_none() {
            return Ok(());
        }
        let (segments, gaps_below) = {
            let shown = self.shown.read();
            (shown.segments.clone(), shown.gaps_below)
        };
        walk::finish_rewind(&self.files, writer, &segments, gaps_below)
    }

    /// Room was made: the next append finds out at once whether the disk works again.
    pub fn expect_room(&self) {
        if let Some(failure) = self.writer.lock().failure.as_mut().filter(|failure| failure.is_full) {
            failure.probe_at_ms = None;
        }
    }

    fn probe(&self) -> io::Result<()> {
        let path = self.files.dir.join(names::PROBE);
        let file = self.files.disk.open(&path, OpenMode::Replace)?;
        let tried = file.write_all_at(0, &[IoSlice::new(&[0xa5; PROBE_BYTES])]).and_then(|()| file.sync_data());
        let removed = self.files.disk.remove(&path);
        tried.and(removed)
    }

    /// The segment that takes the batch; a new one if the active one is full, too old, or not to be trusted.
    fn segment_for(&self, writer: &mut Writer, stored: &BatchHeader, now: Now) -> Result<Arc<Segment>, LogError> {
        let active = self.ready_active()?;
        match active {
            Some(active) if !writer.must_roll && !is_full(&active, stored, &writer.settings, now) => Ok(active),
            _ => self.roll(writer, now),
        }
    }

    /// The active segment, with indexes to which entries may be added. Asked under the writer's lock: until then nothing
    /// was appended that those who look at them would miss.
    pub(super) fn ready_active(&self) -> Result<Option<Arc<Segment>>, LogError> {
        let (active, extent) = {
            let shown = self.shown.read();
            let Some(last) = shown.segments.len().checked_sub(1) else { return Ok(None) };
            (Arc::clone(&shown.segments[last]), shown.extent(last))
        };
        let failed = |error| LogError::io("look at the indexes of", active.log_path())(error);
        active.make_ready(extent).map_err(failed)?;
        Ok(Some(active))
    }

    /// Seals the active segment and begins a new one at the log end.
    pub(super) fn roll(&self, writer: &mut Writer, now: Now) -> Result<Arc<Segment>, LogError> {
        if writer.rewind_due.is_some() || !writer.remains.is_empty() {
            let reason = "what it was cut to is not made right yet".to_owned();
            return Err(LogError::Failed { dir: self.files.dir.clone(), reason, is_full: false });
        }
        let active = self.ready_active()?;
        let base = writer.next_offset;
        if let Some(active) = &active
            && active.base < base
        {
            active.seal().map_err(LogError::io("write the indexes of", active.log_path()))?;
        }
        match active {
            None if writer.settings.cleanup_compact && writer.compaction.is_none() => self.note_beginning(writer)?,
            Some(_) if writer.names_synced == 0 && writer.names_made > 0 => self.settle_names(writer)?,
            _ => {}
        }
        let growth = Growth::new(base, now.wall_ms, writer.settings.index_interval_bytes);
        let segment = Segment::create(&self.files, base, growth)
            .map_err(LogError::io("create", self.files.path(base, names::Kind::Log)))?;
        let segment = Arc::new(segment);
        writer.names_made += 1;
        writer.must_roll = false;
        if let Some(active) = active.filter(|active| active.base < base) {
            let state = self.state(writer, Some(&active));
            Sealed::queue(&mut writer.sealed, Arc::clone(&active), &state);
            if !active.is_abandoned() {
                writer.unsynced.push(active);
            }
        }
        let mut shown = self.shown.write();
        // A segment that failed before it held anything makes room for its successor of the same name.
        shown.segments.retain(|segment| segment.base < base);
        shown.segments.push(Arc::clone(&segment));
        shown.recent.clear();
        Ok(segment)
    }

    /// A log that is compacted later on may have gaps; one that began here has none before that, and says so from its
    /// first segment on.
    fn note_beginning(&self, writer: &mut Writer) -> Result<(), LogError> {
        let path = self.files.dir.join(names::BEGAN_HERE);
        let made = self.files.while_ours(|| self.files.disk.open(&path, OpenMode::Create).map(drop));
        made.map_err(LogError::io("create", path))?;
        writer.names_made += 1;
        Ok(())
    }

    /// Nothing was flushed yet, and there is to be another segment. Should a power cut leave that one and take the name of
    /// the first, the log would seem to begin there.
    fn settle_names(&self, writer: &mut Writer) -> Result<(), LogError> {
        let (disk, dir) = (&*self.files.disk, &self.files.dir);
        self.files.while_ours(|| disk.sync_dir(dir)).map_err(LogError::io("flush", dir))?;
        writer.names_synced = writer.names_made;
        Ok(())
    }

    /// What a state file for this moment says.
    pub(super) fn state(&self, writer: &Writer, segment: Option<&Arc<Segment>>) -> LogState {
        LogState {
            next_offset: writer.next_offset,
            log_start: self.log_start(),
            leader_epoch: writer.epochs.latest().unwrap_or(LeaderEpoch(-1)),
            segment: segment.map(|segment| segment.summary()),
            producers: writer.producers.clone(),
        }
    }
}

fn check_limits(batch: &ValidBatch<'_>, settings: &LogSettings, now: Now) -> Result<(), AppendError> {
    let bytes = batch.bytes.len();
    if bytes as u64 > settings.segment_bytes {
        return Err(AppendError::LargerThanSegment { bytes, max: settings.segment_bytes });
    }
    if settings.timestamp_type == TimestampType::LogAppendTime || batch.header.is_control() {
        return Ok(());
    }
    let now_ms = now.wall_ms;
    let (oldest, newest) = (batch.header.base_timestamp, batch.header.max_timestamp);
    // -1 is Kafka's "no timestamp".
    if newest >= 0 && newest.saturating_sub(now_ms) > settings.timestamp_after_max_ms {
        let limit_ms = settings.timestamp_after_max_ms;
        return Err(AppendError::Timestamp { timestamp: newest, now_ms, direction: "after", limit_ms });
    }
    if oldest >= 0 && now_ms.saturating_sub(oldest) > settings.timestamp_before_max_ms {
        let limit_ms = settings.timestamp_before_max_ms;
        return Err(AppendError::Timestamp { timestamp: oldest, now_ms, direction: "before", limit_ms });
    }
    Ok(())
}

/// The header as it will lie on disk.
fn stored_header(
    batch: &ValidBatch<'_>,
    writer: &Writer,
    epoch: LeaderEpoch,
    now: Now,
) -> Result<BatchHeader, AppendError> {
    let mut stored = BatchHeader { base_offset: writer.next_offset, leader_epoch: epoch, ..batch.header };
    if stored.last_offset().0 == i64::MAX {
        return Err(AppendError::OffsetsUsedUp);
    }
    if writer.settings.timestamp_type == TimestampType::LogAppendTime {
        stored.attributes |= attributes::LOG_APPEND_TIME;
        stored.max_timestamp = now.wall_ms;
        stored.crc = stored.crc_with(&batch.bytes[HEADER_BYTES..]);
    }
    Ok(stored)
}

/// Kafka's LogSegment.shouldRoll.
fn is_full(active: &Segment, stored: &BatchHeader, settings: &LogSettings, now: Now) -> bool {
    let bytes = active.bytes();
    if bytes == 0 {
        return false;
    }
    let growth = active.growth();
    let waited_ms = match growth.first_timestamp {
        first if first >= 0 => stored.max_timestamp.saturating_sub(first),
        _ => now.wall_ms.saturating_sub(growth.created_ms),
    };
    let jitter_ms = jitter_ms(active, settings.segment_jitter_ms.min(settings.roll_ms()));
    bytes + stored.total_bytes() as u64 > settings.segment_bytes
        || waited_ms > settings.roll_ms() - jitter_ms
        || active.index.len() as u64 >= settings.segment_index_bytes / 8
        || active.time_index.len() as u64 + 1 >= settings.segment_index_bytes / 12
        || stored.last_offset().since(active.base) > i64::from(i32::MAX)
}

/// Something below `most` that is another for each partition and each of its segments, and stays the same for one.
fn jitter_ms(active: &Segment, most: i64) -> i64 {
    if most <= 0 {
        return 0;
    }
    let mut hasher = DefaultHasher::new();
    (&active.files.dir, active.base.0).hash(&mut hasher);
    (hasher.finish() % most as u64) as i64
}

/// A control batch's end-of-transaction marker; none for control records of another kind.
pub(super) fn read_marker(batch: &ValidBatch<'_>) -> Result<Option<Marker>, AppendError> {
    marker_of(&BatchView { header: batch.header, bytes: batch.bytes }).map_err(AppendError::Marker)
}

pub(super) fn marker_of(batch: &BatchView<'_>) -> Result<Option<Marker>, crate::record::BatchError> {
    let records = batch.records(batch.bytes.len())?;
    let Some(record) = records.iter().next().transpose()? else { return Ok(None) };
    let commits = match record.key.and_then(ControlKind::from_key) {
        Some(ControlKind::Commit) => true,
        Some(ControlKind::Abort) => false,
        _ => return Ok(None),
    };
    // Version, then the epoch of the coordinator that decided.
    let epoch = record.value.and_then(|value| value.get(2..6)?.first_chunk().copied());
    Ok(Some(Marker { commits, coordinator_epoch: epoch.map_or(-1, i32::from_be_bytes) }))
}
