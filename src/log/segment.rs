//! A segment: a run of batches in one file, with its indexes.
//!
//! Knows its own files and the batches in them, not the log it is part of. Whoever appends (one at a time, under the
//! log's lock) tells it what was written; any number of threads read meanwhile. What always holds: indexes are a
//! function of the batches and of the interval the segment was made with, so a rebuilt index has the bytes of the
//! first one; and `bytes` is where the segment ends, whatever the file holds behind it.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::bounds::BOOKMARKS;
use super::disk::{DiskFile, OpenMode};
use super::entry_file::EntryFile;
use super::file_pool::FileId;
use super::files::Files;
use super::indexes::{OffsetEntry, TimeEntry};
use super::names::Kind;
use super::ready::Readiness;
use super::txn_index::{self, AbortedTxn, Tally};
use super::verified::{Hole, Verified};
use crate::base::Offset;
use crate::base::limits::WRITE_PIECE_BYTES;
use crate::record::BatchHeader;

/// What grows with every batch beside the files: enough to go on appending without reading them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Growth {
    /// -1 while no batch has a timestamp.
    pub max_timestamp: i64,
    /// The last offset of the first batch that has it.
    pub max_timestamp_offset: Offset,
    /// The first batch's largest timestamp, which rolling by time goes by.
    pub first_timestamp: i64,
    /// When the segment was made.
    pub created_ms: i64,
    /// Since the last index entry, the batch of that entry included.
    pub bytes_since_entry: u64,
    /// `index.interval.bytes` when the segment was made; kept, so that a rebuilt index is the same index.
    pub interval: u32,
    /// The transaction index.
    pub aborted: Tally,
}

impl Growth {
    pub fn new(base: Offset, created_ms: i64, interval: u32) -> Growth {
        Growth {
            max_timestamp: -1,
            max_timestamp_offset: base,
            first_timestamp: -1,
            created_ms,
            bytes_since_entry: 0,
            interval,
            aborted: Tally::default(),
        }
    }
}

/// A segment's sizes at some moment, as a state file keeps them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentSummary {
    pub base: Offset,
    pub log_bytes: u64,
    /// Entries of the offset index.
    pub index_entries: u32,
    /// Entries of the time index, less the closing one that the next overwrites.
    pub time_entries: u32,
    pub(super) growth: Growth,
}

/// Where reads ended, and most likely go on.
#[derive(Debug, Default)]
struct Bookmarks {
    places: [Option<(Offset, u64)>; BOOKMARKS],
    next: usize,
}

#[derive(Debug)]
pub(super) struct Segment {
    pub base: Offset,
    pub files: Arc<Files>,
    log_id: FileId,
    /// Where the last good batch ends.
    bytes: AtomicU64,
    pub index: EntryFile<OffsetEntry>,
    pub time_index: EntryFile<TimeEntry>,
    growth: Mutex<Growth>,
    /// Held by whoever looks at the indexes or rebuilds them.
    pub(super) readiness: Mutex<Readiness>,
    pub verified: Mutex<Verified>,
    bookmarks: Mutex<Bookmarks>,
    /// The file that is being appended to, or not yet synced: not the pool's to close.
    held: Mutex<Option<Arc<dyn DiskFile>>>,
    /// An fsync of the file failed: it is not asked again.
    abandoned: AtomicBool,
    /// The file was cut short, and that is not synced yet.
    shortened: AtomicBool,
    /// The disk refused to cut the file short: something lies behind the end.
    ragged: AtomicBool,
}

impl Segment {
    /// A segment whose file has `bytes` bytes of which nothing is known yet.
    pub fn found(files: &Arc<Files>, base: Offset, bytes: u64, growth: Growth) -> Segment {
        Segment {
            base,
            files: Arc::clone(files),
            log_id: FileId::fresh(),
            bytes: AtomicU64::new(bytes),
            index: EntryFile::empty(files, base),
            time_index: EntryFile::empty(files, base),
            growth: Mutex::new(growth),
            readiness: Mutex::new(Readiness::Unseen),
            verified: Mutex::new(Verified::default()),
            bookmarks: Mutex::default(),
            held: Mutex::new(None),
            abandoned: AtomicBool::new(false),
            shortened: AtomicBool::new(false),
            ragged: AtomicBool::new(false),
        }
    }

    /// Makes the files of a new segment. Whatever had the name before is gone.
    pub fn create(files: &Arc<Files>, base: Offset, growth: Growth) -> io::Result<Segment> {
        for kind in [Kind::Index, Kind::TimeIndex, Kind::TxnIndex, Kind::Log] {
            files.remove(base, kind)?;
        }
        let file = files.open(base, Kind::Log, OpenMode::Create)?;
        let segment = Segment::found(files, base, 0, growth);
        segment.verified.lock().trust_from(0);
        *segment.held.lock() = Some(file);
        segment.set_ready();
        Ok(segment)
    }

    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    /// The segment ends here, whatever the file holds behind it.
    pub fn set_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Release);
    }

    pub fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
    }

    pub fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }

    /// Nothing is left in the file of what could not be synced, or it was written anew: to sync it means something again.
    pub fn sync_again(&self) {
        self.abandoned.store(false, Ordering::Release);
    }

    /// Whether a sync is due for what was cut away; whoever asks must see to it.
    pub fn take_shortened(&self) -> bool {
        self.shortened.swap(false, Ordering::AcqRel)
    }

    /// Nobody saw to it after all.
    pub fn give_back_shortened(&self) {
        self.shortened.store(true, Ordering::Release);
    }

    /// A batch that begins with this offset starts (or will start) here.
    pub fn bookmark(&self, offset: Offset, position: u64) {
        let bookmarks = &mut *self.bookmarks.lock();
        bookmarks.places[bookmarks.next] = Some((offset, position));
        bookmarks.next = (bookmarks.next + 1) % BOOKMARKS;
    }

    pub fn bookmarked(&self, offset: Offset) -> Option<u64> {
        let bookmarks = self.bookmarks.lock();
        bookmarks.places.iter().flatten().find(|place| place.0 == offset).map(|place| place.1)
    }

    pub fn growth(&self) -> Growth {
        *self.growth.lock()
    }

    pub fn set_growth(&self, growth: Growth) {
        *self.growth.lock() = growth;
    }

    pub fn log_path(&self) -> std::path::PathBuf {
        self.files.path(self.base, Kind::Log)
    }

    /// The batches' file, for reading.
    pub fn log_file(&self) -> io::Result<Arc<dyn DiskFile>> {
        if let Some(file) = &*self.held.lock() {
            return Ok(Arc::clone(file));
        }
        self.files.pooled(self.log_id, self.base, Kind::Log, OpenMode::Read)
    }

    /// The batches' file, for appending; stays open until [`Segment::release`].
    pub fn hold_for_writing(&self) -> io::Result<Arc<dyn DiskFile>> {
        let mut held = self.held.lock();
        if let Some(file) = &*held {
            return Ok(Arc::clone(file));
        }
        let file = self.files.open(self.base, Kind::Log, OpenMode::Write)?;
        *held = Some(Arc::clone(&file));
        Ok(file)
    }

    /// Writes what stands between two positions once more, as it is. After a refused sync Linux counts it as written, and
    /// would do nothing if it were only asked to sync it again.
    pub fn write_again(&self, from: u64, upto: u64) -> io::Result<()> {
        let file = self.hold_for_writing()?;
        let (mut one, mut other) = (vec![0; WRITE_PIECE_BYTES], vec![0; WRITE_PIECE_BYTES]);
        let mut position = from;
        while position < upto {
            let bytes = (upto - position).min(WRITE_PIECE_BYTES as u64) as usize;
            file.read_exact_at(position, &mut one[..bytes])?;
            file.read_exact_at(position, &mut other[..bytes])?;
            if one != other {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it is read differently each time"));
            }
            file.write_all_at(position, &[IoSlice::new(&one[..bytes])])?;
            position += bytes as u64;
        }
        self.sync_again();
        Ok(())
    }

    /// Synced and sealed: from now on the pool opens the file when somebody reads.
    pub fn release(&self) {
        *self.held.lock() = None;
    }

    /// Enters a batch that stands whole at `position`, where the segment ended. Kafka's LogSegment.append.
    pub fn note(&self, header: &BatchHeader, position: u64) {
        let last_offset = header.last_offset();
        {
            let mut growth = self.growth.lock();
            if position == 0 {
                growth.first_timestamp = header.max_timestamp;
            }
            // A batch without records has no record with its time.
            if header.max_timestamp > growth.max_timestamp && !header.is_bare() {
                growth.max_timestamp = header.max_timestamp;
                growth.max_timestamp_offset = last_offset;
            }
            if growth.bytes_since_entry > u64::from(growth.interval) {
                self.index.push(OffsetEntry { relative: self.relative(last_offset), position: position as u32 });
                if let Some(entry) = self.due_time_entry(&growth) {
                    self.time_index.push(entry);
                }
                growth.bytes_since_entry = 0;
            }
            growth.bytes_since_entry += header.total_bytes() as u64;
        }
        self.bytes.store(position + header.total_bytes() as u64, Ordering::Release);
    }

    /// The time index entry that is due if one is written now: none if the last one says the same.
    fn due_time_entry(&self, growth: &Growth) -> Option<TimeEntry> {
        let last = self.time_index.last().map_or(-1, |entry| entry.timestamp);
        (growth.max_timestamp > last).then(|| TimeEntry {
            timestamp: growth.max_timestamp,
            relative: self.relative(growth.max_timestamp_offset),
        })
    }

    /// Writes down an aborted transaction whose marker is about to be appended.
    pub fn write_abort(&self, aborted: &AbortedTxn) -> io::Result<()> {
        txn_index::append(&self.files, self.base, &self.growth().aborted, aborted)
    }

    /// The marker was not appended. Should the entry stay, the next one takes its place.
    pub fn drop_abort(&self) {
        let _ = txn_index::truncate(&self.files, self.base, &self.growth().aborted);
    }

    /// The marker was appended.
    pub fn count_abort(&self, aborted: &AbortedTxn) {
        self.growth.lock().aborted.add(aborted);
    }

    /// Nothing more will be appended: the time index gets its last entry, both indexes are written.
    pub fn seal(&self) -> io::Result<()> {
        if let Some(entry) = self.due_time_entry(&self.growth()) {
            self.time_index.push(entry);
        }
        self.index.shrink();
        self.time_index.shrink();
        self.write_indexes()
    }

    /// Brings the index files up to date, as after a clean stop.
    pub fn write_indexes(&self) -> io::Result<()> {
        self.tidy();
        self.index.write_out(None)?;
        self.time_index.write_out(self.due_time_entry(&self.growth()))
    }

    /// Writes what a start on a disk without room had to keep in memory.
    pub fn write_indexes_left(&self) -> io::Result<()> {
        match self.index.is_written() && self.time_index.is_written() {
            true => Ok(()),
            false => self.write_indexes(),
        }
    }

    pub fn sync_indexes(&self) -> io::Result<()> {
        self.index.sync()?;
        self.time_index.sync()?;
        if self.growth().aborted.count > 0 {
            txn_index::sync(&self.files, self.base)?;
        }
        Ok(())
    }

    pub fn summary(&self) -> SegmentSummary {
        SegmentSummary {
            base: self.base,
            log_bytes: self.bytes(),
            index_entries: self.index.len() as u32,
            time_entries: self.time_index.len() as u32,
            growth: self.growth(),
        }
    }

    /// Whether there is anything in the index files, right or wrong.
    pub fn has_index_files(&self) -> io::Result<bool> {
        Ok(self.index.file_bytes()? > 0 || self.time_index.file_bytes()? > 0)
    }

    /// Forgets everything but the file, for walking it from the start.
    pub fn forget(&self) -> io::Result<()> {
        self.index.truncate(|_| false)?;
        self.time_index.truncate(|_| false)?;
        let old = self.growth();
        self.set_growth(Growth::new(self.base, old.created_ms, old.interval));
        self.bytes.store(0, Ordering::Release);
        Ok(())
    }

    /// The last good batch ends before the segment should.
    pub fn note_missing_end(&self, position: u64, first: Offset, bound: Offset, gaps: bool) {
        if first < bound && !gaps {
            self.found_hole(Hole { position, resume: position, first, next: bound });
        }
    }

    /// Cuts the segment short: the file (as far as the disk lets it) and, in any case, what this process believes.
    pub fn cut(&self, bytes: u64) -> io::Result<()> {
        self.bytes.store(bytes, Ordering::Release);
        self.shortened.store(true, Ordering::Release);
        let cut = self.hold_for_writing().and_then(|file| file.set_len(bytes));
        self.ragged.store(cut.is_err(), Ordering::Release);
        cut
    }

    /// Tries again to cut off what a failed write left. In vain is no harm: the end is known, here and to the next
    /// start.
    pub fn tidy(&self) {
        if self.ragged.load(Ordering::Acquire) {
            let _ = self.cut(self.bytes());
        }
    }

    /// Something lies behind the end that the disk did not cut off.
    pub fn is_ragged(&self) -> bool {
        self.ragged.load(Ordering::Acquire)
    }

    /// Stays with the files that have its names now, for whoever still reads it when they are replaced.
    pub fn pin(&self) -> io::Result<()> {
        self.hold_for_writing()?;
        self.index.pin_current()?;
        self.time_index.pin_current()
    }

    /// Goes by its names again.
    pub fn unpin(&self) {
        self.release();
        self.index.pin(None);
        self.time_index.pin(None);
    }

    /// A segment that is written under other names until it takes these.
    pub fn pinned_to(
        files: &Arc<Files>,
        base: Offset,
        growth: Growth,
        log: Arc<dyn DiskFile>,
        [index, time_index]: [Arc<dyn DiskFile>; 2],
    ) -> Segment {
        let segment = Segment::found(files, base, 0, growth);
        segment.index.pin(Some(index));
        segment.time_index.pin(Some(time_index));
        segment.verified.lock().trust_from(0);
        *segment.held.lock() = Some(log);
        segment.set_ready();
        segment
    }

    /// Removes the files. Who has them open can go on reading.
    pub fn remove(&self) -> io::Result<()> {
        self.files.pool.forget(self.log_id);
        // The log goes first: an index without its log is swept away by the next start, a log without its
        // indexes would come back to life.
        for kind in [Kind::Log, Kind::Index, Kind::TimeIndex, Kind::TxnIndex] {
            self.files.remove(self.base, kind)?;
        }
        Ok(())
    }

    pub fn offset(&self, relative: u32) -> Offset {
        self.base.plus(i64::from(relative))
    }

    pub fn relative(&self, offset: Offset) -> u32 {
        offset.since(self.base) as u32
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        self.files.pool.forget(self.log_id);
    }
}
