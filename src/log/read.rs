//! Reading batches by offset: where they lie, for somebody else to send.
//!
//! No lock is held while files are read. A slice is whole batches of one segment; its bytes were written by this
//! process or have been verified since it started. The work is bounded whatever the slice's size: an index search
//! on either end and the headers of one index interval.

use std::path::PathBuf;
use std::sync::Arc;

use super::disk::DiskFile;
use super::error::{LogError, ReadError};
use super::names::Kind;
use super::partition::{PartitionLog, Shown};
use super::seek::{Extent, Place, Run};
use super::segment::Segment;
use super::txn_index::AbortedTxn;
use super::verified::Hole;
use crate::base::Offset;
use crate::record::BatchHeader;

/// Whole batches in a file.
#[derive(Debug, Clone)]
pub struct LogSlice {
    pub file: Arc<dyn DiskFile>,
    pub position: u64,
    pub len: usize,
    /// The first batch's base offset; can lie before the offset that was asked for.
    pub first_offset: Offset,
    /// Where to read on.
    pub next_offset: Offset,
    /// It reaches the end of a segment that takes no more.
    pub ends_segment: bool,
}

impl LogSlice {
    /// The bytes themselves, for who can't have the file sent.
    pub fn bytes(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.len];
        self.file.read_exact_at(self.position, &mut bytes)?;
        Ok(bytes)
    }
}

/// A segment and how far a reader may look into it.
pub(super) struct Sight {
    pub segment: Arc<Segment>,
    pub extent: Extent,
    pub is_active: bool,
    /// Where the batch with the wanted offset starts, if that is still in memory.
    known: Option<(Offset, u64)>,
    /// Where the limit lies, if that is known without looking.
    limit: Option<u64>,
}

impl Sight {
    pub fn of(segment: Arc<Segment>, extent: Extent, is_active: bool) -> Sight {
        Sight { segment, extent, is_active, known: None, limit: None }
    }
}

impl PartitionLog {
    /// Finds whole batches from the one that holds `from` on: at most `max_bytes` of them and none that reaches
    /// `upper`. If the first one alone is larger, it is given all the same with `at_least_one` (KIP-74). `None` means
    /// there is nothing to read for now.
    pub fn read(
        &self,
        from: Offset,
        max_bytes: usize,
        upper: Offset,
        at_least_one: bool,
    ) -> Result<Option<LogSlice>, ReadError> {
        let mut from = from;
        loop {
            let Some(sight) = self.sight(from, upper)? else { return Ok(None) };
            let found = match self.read_in(&sight, from, max_bytes, upper, at_least_one) {
                // Retention was faster; the next look says so.
                Err(_) if self.is_gone(&sight.segment) => continue,
                found => found?,
            };
            match found {
                Found::Slice(slice) => return Ok(Some(slice)),
                Found::Nothing => return Ok(None),
                Found::Again => {}
                // The rest of the segment holds nothing from `from` on.
                Found::InNext if sight.is_active => return Ok(None),
                Found::InNext => from = sight.extent.bound,
            }
        }
    }

    /// The aborted transactions that a reader of `[from, upper)` must know of, in order of their markers.
    pub fn aborted_transactions(&self, from: Offset, upper: Offset) -> Result<Vec<AbortedTxn>, LogError> {
        let sights: Vec<Sight> = {
            let shown = self.shown.read();
            let (first, count) = (shown.segment_of(from).unwrap_or(0), shown.segments.len());
            (first..count).map(|n| Sight::of(Arc::clone(&shown.segments[n]), shown.extent(n), n + 1 == count)).collect()
        };
        let mut found = Vec::new();
        for Sight { segment, extent, .. } in sights {
            let entries = match segment.make_ready(extent).and_then(|_| segment.aborted()) {
                Err(_) if self.is_gone(&segment) => continue,
                entries => entries.map_err(LogError::io("read", self.files.path(segment.base, Kind::TxnIndex)))?,
            };
            for entry in entries {
                if entry.last_offset >= from && entry.first_offset < upper {
                    found.push(entry);
                }
                // Whatever follows was still open here, and began behind it.
                if entry.last_stable_offset >= upper {
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }

    /// Whether the segment is no longer part of the log.
    pub(super) fn is_gone(&self, segment: &Arc<Segment>) -> bool {
        !self.shown.read().segments.iter().any(|other| Arc::ptr_eq(other, segment))
    }

    /// The segment for an offset, and what is known of it at this moment.
    pub(super) fn sight(&self, from: Offset, upper: Offset) -> Result<Option<Sight>, ReadError> {
        let shown = self.shown.read();
        let (log_start, log_end) = (shown.log_start, shown.end.offset);
        if from < log_start || from > log_end {
            return Err(ReadError::OutOfRange { offset: from, log_start, log_end });
        }
        if from >= upper.min(log_end) {
            return Ok(None);
        }
        let Some(n) = shown.segment_of(from) else {
            // The log's first segment starts behind its first offset: the one in between is gone.
            let Some(first) = shown.segments.first() else { return Ok(None) };
            return Err(ReadError::Corrupt { file: first.log_path(), position: 0, first: from, next: first.base });
        };
        let segment = Arc::clone(&shown.segments[n]);
        let is_active = n + 1 == shown.segments.len();
        let limit = limit_in(&shown, &segment, shown.extent(n), upper);
        let known = if is_active { shown.recent.find(from) } else { None };
        Ok(Some(Sight { extent: shown.extent(n), segment, is_active, known, limit }))
    }

    fn read_in(
        &self,
        sight: &Sight,
        from: Offset,
        max_bytes: usize,
        upper: Offset,
        at_least_one: bool,
    ) -> Result<Found, ReadError> {
        let segment = &sight.segment;
        let storage = |error| ReadError::Storage(LogError::io("read", segment.log_path())(error));
        let mut extent = segment.make_ready(sight.extent).map_err(storage)?;
        let segment_end = extent.end;
        let start = match sight.known {
            Some((base, position)) => self.batch_at(segment, base, position, extent)?,
            None => self.locate(sight, from, extent)?,
        };
        let (position, first) = match start {
            Place::Batch { position, header } => (position, header),
            Place::Hole(hole) => return Err(corrupt(segment, hole)),
            Place::End if extent.gaps => return Ok(Found::InNext),
            Place::End | Place::IndexWrong => return Err(missing_end(segment, from, extent)),
        };
        if first.next_offset() > upper {
            return Ok(Found::Nothing);
        }
        if upper < extent.bound {
            let end = match sight.limit {
                Some(end) => end,
                None => match self.locate(sight, upper, extent)? {
                    Place::Batch { position, .. } => position,
                    Place::Hole(hole) => hole.position,
                    Place::End | Place::IndexWrong => extent.end,
                },
            };
            extent = Extent { end, bound: upper, ..extent };
        }
        let mut allowed = max_bytes as u64;
        if at_least_one {
            allowed = allowed.max(first.total_bytes() as u64);
        }
        let run = match segment.run_from(position, &first, allowed, extent).map_err(storage)? {
            Run::IndexWrong => {
                self.repair(sight)?;
                segment.run_from(position, &first, first.total_bytes() as u64, extent).map_err(storage)?
            }
            run => run,
        };
        let Run::Upto { end, next } = run else { return Ok(Found::Nothing) };
        let (good, hole) = segment.verify(position..end, first.base_offset, extent).map_err(storage)?;
        if good.is_empty() {
            // A header that lies about its last offset can hide a good batch behind it.
            if hole.is_some_and(|hole| hole.next <= from) {
                return Ok(Found::Again);
            }
            let missing = missing_end(segment, from, extent);
            return Err(hole.map_or(missing, |hole| corrupt(segment, hole)));
        }
        // What is missing behind the slice must be asked for to be told of.
        let hole = hole.or_else(|| segment.verified.lock().hole_at(good.end));
        let next = hole.map_or(next, |hole| hole.first);
        segment.bookmark(next, good.end);
        Ok(Found::Slice(LogSlice {
            file: segment.log_file().map_err(storage)?,
            position: good.start,
            len: (good.end - good.start) as usize,
            first_offset: first.base_offset,
            next_offset: next,
            ends_segment: !sight.is_active && good.end == segment_end,
        }))
    }

    /// Finds an offset; a wrong index is repaired on the way.
    pub(super) fn locate(&self, sight: &Sight, target: Offset, extent: Extent) -> Result<Place, ReadError> {
        let segment = &sight.segment;
        let storage = |error| ReadError::Storage(LogError::io("read", segment.log_path())(error));
        match segment.locate(target, extent, true).map_err(storage)? {
            Place::IndexWrong => {}
            place => return Ok(place),
        }
        self.repair(sight)?;
        match segment.locate(target, extent, true).map_err(storage)? {
            Place::IndexWrong => segment.locate(target, extent, false).map_err(storage),
            place => Ok(place),
        }
    }

    /// Makes new indexes. The active segment's grow meanwhile, so nobody may append.
    pub(super) fn repair(&self, sight: &Sight) -> Result<(), ReadError> {
        let segment = &sight.segment;
        let storage = |error| ReadError::Storage(LogError::io("rebuild the indexes of", segment.log_path())(error));
        let _nobody_appends = self.writer.lock();
        let extent = {
            let shown = self.shown.read();
            match shown.segments.iter().position(|other| Arc::ptr_eq(other, segment)) {
                Some(n) => shown.extent(n),
                // Its files may be another segment's by now. Who asked looks again.
                None => return Err(storage(std::io::Error::other("it is no longer part of the log"))),
            }
        };
        segment.repair(extent).map_err(storage)
    }

    fn batch_at(&self, segment: &Segment, base: Offset, position: u64, extent: Extent) -> Result<Place, ReadError> {
        let storage = |error| ReadError::Storage(LogError::io("read", segment.log_path())(error));
        let file = segment.log_file().map_err(storage)?;
        let mut head = [0; crate::record::HEADER_BYTES];
        file.read_exact_at(position, &mut head).map_err(storage)?;
        match BatchHeader::parse(&head) {
            Ok(header) if header.base_offset == base && position < extent.end => Ok(Place::Batch { position, header }),
            // The place was remembered wrongly, or somebody else writes to our files.
            _ => segment.locate(base, extent, false).map_err(storage),
        }
    }
}

enum Found {
    Slice(LogSlice),
    Nothing,
    InNext,
    /// Damage was found on the way; it is known now.
    Again,
}

/// Where the limit of a read lies in a segment, as far as memory knows.
fn limit_in(shown: &Shown, segment: &Segment, extent: Extent, upper: Offset) -> Option<u64> {
    if upper >= extent.bound {
        return Some(extent.end);
    }
    if upper == shown.flushed.offset && shown.flushed.segment == Some(segment.base) {
        return Some(shown.flushed.position);
    }
    let (base, position) = shown.recent.find(upper)?;
    (base == upper && shown.active().is_some_and(|active| active.base == segment.base)).then_some(position)
}

fn corrupt(segment: &Segment, hole: Hole) -> ReadError {
    ReadError::Corrupt { file: segment.log_path(), position: hole.position, first: hole.first, next: hole.next }
}

/// The segment ends before its last offset.
fn missing_end(segment: &Segment, from: Offset, extent: Extent) -> ReadError {
    let file: PathBuf = segment.log_path();
    ReadError::Corrupt { file, position: extent.end, first: from, next: extent.bound }
}
