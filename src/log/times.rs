//! Finding records by their time (ListOffsets).
//!
//! The time index narrows the search to one index interval of one segment; there the batches' headers are walked, and
//! the records of one batch are decoded.

use std::sync::Arc;

use super::error::{LogError, ReadError};
use super::indexes::TimeEntry;
use super::partition::PartitionLog;
use super::read::Sight;
use super::scan::{Step, Verify};
use super::seek::{Extent, Place};
use super::segment::Segment;
use crate::base::limits::DECOMPRESSED_BATCH_BYTES_MAX;
use crate::base::{LeaderEpoch, Offset};
use crate::record::{BatchHeader, BatchView};

/// A record, by its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeHit {
    pub timestamp: i64,
    pub offset: Offset,
    pub leader_epoch: LeaderEpoch,
}

impl PartitionLog {
    /// The first record at or after a time, below `upper`.
    pub fn find_time(&self, timestamp: i64, upper: Offset) -> Result<Option<TimeHit>, ReadError> {
        for sight in self.sights(upper) {
            let hit = match self.first_in(&sight, timestamp) {
                // Retention was faster: its records are no longer asked for.
                Err(_) if self.is_gone(&sight.segment) => continue,
                hit => hit?,
            };
            if let Some(hit) = hit {
                return Ok((hit.offset < upper).then_some(hit));
            }
        }
        Ok(None)
    }

    /// The record with the largest timestamp below `upper`, the first of them if there are several.
    pub fn max_timestamp(&self, upper: Offset) -> Result<Option<TimeHit>, ReadError> {
        let mut best: Option<TimeHit> = None;
        for sight in self.sights(upper) {
            let hit = match self.largest_in(&sight, upper, best) {
                Err(_) if self.is_gone(&sight.segment) => continue,
                hit => hit?,
            };
            if let Some(hit) = hit.filter(|hit| best.is_none_or(|best| hit.timestamp > best.timestamp)) {
                best = Some(hit);
            }
        }
        Ok(best)
    }

    /// The first record of a segment at or after a time.
    fn first_in(&self, sight: &Sight, timestamp: i64) -> Result<Option<TimeHit>, ReadError> {
        let extent = self.readied(sight)?;
        if extent.end == 0 || sight.segment.growth().max_timestamp < timestamp {
            return Ok(None);
        }
        let Some(start) = self.time_start(sight, timestamp, extent)? else { return Ok(None) };
        let log_start = self.log_start();
        let wanted = |record: i64, offset: Offset| record >= timestamp && offset >= log_start;
        self.walk(&sight.segment, start, extent, |header| header.max_timestamp >= timestamp, wanted)
    }

    /// All segments below an offset, oldest first.
    fn sights(&self, upper: Offset) -> Vec<Sight> {
        let shown = self.shown.read();
        let count = shown.segments.len();
        let below = (0..count).filter(|n| shown.segments[*n].base < upper);
        below.map(|n| Sight::of(Arc::clone(&shown.segments[n]), shown.extent(n), n + 1 == count)).collect()
    }

    fn readied(&self, sight: &Sight) -> Result<Extent, ReadError> {
        sight.segment.make_ready(sight.extent).map_err(|error| storage(&sight.segment, error))
    }

    /// A place in the segment before which no record has this time, less than an index interval away from the first
    /// that has.
    fn time_start(&self, sight: &Sight, timestamp: i64, extent: Extent) -> Result<Option<(u64, Offset)>, ReadError> {
        let log_start = self.log_start();
        let from = match self.indexed_start(sight, timestamp, extent)? {
            Some(from) => from,
            None => {
                self.repair(sight)?;
                // Wrong again: then the batches themselves must say, all of them.
                self.indexed_start(sight, timestamp, extent)?.unwrap_or(sight.segment.base)
            }
        };
        let from = from.max(log_start);
        if from >= extent.bound {
            return Ok(None);
        }
        match self.locate(sight, from, extent)? {
            Place::Batch { position, header } => Ok(Some((position, header.base_offset))),
            Place::Hole(hole) if hole.next < extent.bound => Ok(Some((hole.resume, hole.next))),
            Place::Hole(_) | Place::End | Place::IndexWrong => Ok(None),
        }
    }

    /// What the indexes say of it; `None` if an entry on the way does not fit its batch.
    fn indexed_start(&self, sight: &Sight, timestamp: i64, extent: Extent) -> Result<Option<Offset>, ReadError> {
        let segment = &sight.segment;
        let failed = |error| storage(segment, error);
        let around = segment.time_index.search(|entry| entry.timestamp <= timestamp).map_err(failed)?;
        for entry in around.below.iter().chain(&around.above) {
            if !self.is_right(sight, entry, extent)? {
                return Ok(None);
            }
        }
        if let Some(below) = around.below.filter(|below| below.timestamp == timestamp) {
            // The first batch that reached this time: none before it did.
            return Ok(Some(segment.offset(below.relative)));
        }
        // Between two time entries nothing raised the maximum until shortly before the second: an offset entry below
        // the second one would have come with a time entry of its own.
        let ceiling = match around.above {
            Some(above) => above.relative,
            None => segment.relative(segment.growth().max_timestamp_offset),
        };
        let below = around.below.map_or(segment.base, |below| segment.offset(below.relative).plus(1));
        let Some(quiet) = segment.index.search(|entry| entry.relative < ceiling).map_err(failed)?.below else {
            return Ok(Some(below));
        };
        let quiet = segment.offset(quiet.relative);
        let fits = match self.locate(sight, quiet, extent)? {
            Place::Batch { header, .. } => header.last_offset() == quiet,
            Place::Hole(_) | Place::End | Place::IndexWrong => false,
        };
        Ok(fits.then_some(below.max(quiet)))
    }

    /// Whether a time entry tells the truth. One whose batch is damaged may.
    fn is_right(&self, sight: &Sight, entry: &TimeEntry, extent: Extent) -> Result<bool, ReadError> {
        let offset = sight.segment.offset(entry.relative);
        Ok(offset < extent.bound
            && match self.locate(sight, offset, extent)? {
                Place::Batch { header, .. } => {
                    header.last_offset() == offset && header.max_timestamp == entry.timestamp
                }
                Place::Hole(_) => true,
                Place::End | Place::IndexWrong => false,
            })
    }

    /// Decodes the first batch from `start` on that is `promising` and has a wanted record. Damage is stepped over.
    fn walk(
        &self,
        segment: &Segment,
        (start, expected): (u64, Offset),
        extent: Extent,
        promising: impl Fn(&BatchHeader) -> bool,
        wanted: impl Fn(i64, Offset) -> bool,
    ) -> Result<Option<TimeHit>, ReadError> {
        let failed = |error| storage(segment, error);
        let file = segment.log_file().map_err(failed)?;
        let mut scanner = segment.scanner(&*file, start, expected, extent, Verify::Nothing);
        loop {
            match scanner.step().map_err(failed)? {
                Step::Batch { position, header } if promising(&header) => {
                    let bytes = read_batch(segment, position, &header)?;
                    let mut found = None;
                    for_each_record(&bytes, |hit| {
                        found = wanted(hit.timestamp, hit.offset).then_some(hit);
                        found.is_none()
                    });
                    if found.is_some() {
                        return Ok(found);
                    }
                }
                Step::Batch { .. } => {}
                Step::Damage { .. } => {
                    if !scanner.skip_damage().map_err(failed)? {
                        return Ok(None);
                    }
                }
                Step::End => return Ok(None),
            }
        }
    }

    /// The record with the largest timestamp of a segment, between log start and `upper`; none if `known` is not less.
    fn largest_in(&self, sight: &Sight, upper: Offset, known: Option<TimeHit>) -> Result<Option<TimeHit>, ReadError> {
        let extent = self.readied(sight)?;
        let log_start = self.log_start();
        let segment = &sight.segment;
        let failed = |error| storage(segment, error);
        let growth = segment.growth();
        if known.is_some_and(|known| growth.max_timestamp <= known.timestamp) {
            return Ok(None);
        }
        let mut largest = (growth.max_timestamp, growth.max_timestamp_offset);
        if largest.1 >= upper {
            // The reader may not see that record yet: the largest one among the others.
            let relative = segment.relative(upper);
            let known = segment.time_index.search(|entry| entry.relative < relative).map_err(failed)?.below;
            largest = known.map_or((-1, segment.base), |entry| (entry.timestamp, segment.offset(entry.relative)));
            let walked = segment.index.search(|entry| entry.relative < relative).map_err(failed)?.below;
            let from = walked.map_or(segment.base, |entry| segment.offset(entry.relative));
            largest = self.largest_between(sight, from, upper, extent)?.filter(|l| l.0 > largest.0).unwrap_or(largest);
        }
        if largest.0 < 0 {
            return Ok(None);
        }
        let hit = self.largest_at(sight, largest.1, log_start, extent)?;
        if hit.is_some_and(|hit| hit.timestamp == largest.0) || log_start <= segment.base {
            return Ok(hit);
        }
        // It was trimmed away, from the middle of the segment: what is left must be looked through.
        let Some(first) = self.batch_of(sight, log_start, extent)? else { return Ok(None) };
        let cut_through = self.largest_at(sight, first.last_offset(), log_start, extent)?;
        let rest = match self.largest_between(sight, first.next_offset(), upper, extent)? {
            Some((_, offset)) => self.largest_at(sight, offset, log_start, extent)?,
            None => None,
        };
        let later = rest.filter(|rest| cut_through.is_none_or(|hit| rest.timestamp > hit.timestamp));
        Ok(later.or(cut_through))
    }

    /// By headers: the largest timestamp of whole batches from an offset on, and the last offset of the first batch
    /// that has it.
    fn largest_between(
        &self,
        sight: &Sight,
        from: Offset,
        upper: Offset,
        extent: Extent,
    ) -> Result<Option<(i64, Offset)>, ReadError> {
        let segment = &sight.segment;
        let failed = |error| storage(segment, error);
        let Place::Batch { position, header } = self.locate(sight, from, extent)? else { return Ok(None) };
        let file = segment.log_file().map_err(failed)?;
        let mut scanner = segment.scanner(&*file, position, header.base_offset, extent, Verify::Nothing);
        let mut largest = None;
        while let Step::Batch { header, .. } = scanner.step().map_err(failed)? {
            if header.last_offset() >= upper {
                break;
            }
            let counts = header.max_timestamp >= 0 && !header.is_bare();
            if counts && largest.is_none_or(|(timestamp, _)| header.max_timestamp > timestamp) {
                largest = Some((header.max_timestamp, header.last_offset()));
            }
        }
        Ok(largest)
    }

    fn batch_of(&self, sight: &Sight, offset: Offset, extent: Extent) -> Result<Option<BatchHeader>, ReadError> {
        Ok(match self.locate(sight, offset, extent)? {
            Place::Batch { header, .. } => Some(header),
            Place::Hole(_) | Place::End | Place::IndexWrong => None,
        })
    }

    /// The record with the largest timestamp of the batch that holds an offset, from the log start on.
    fn largest_at(
        &self,
        sight: &Sight,
        offset: Offset,
        log_start: Offset,
        extent: Extent,
    ) -> Result<Option<TimeHit>, ReadError> {
        let Place::Batch { position, header } = self.locate(sight, offset, extent)? else { return Ok(None) };
        let bytes = read_batch(&sight.segment, position, &header)?;
        let mut largest: Option<TimeHit> = None;
        for_each_record(&bytes, |hit| {
            if hit.offset >= log_start && largest.is_none_or(|largest| hit.timestamp > largest.timestamp) {
                largest = Some(hit);
            }
            true
        });
        Ok(largest)
    }
}

fn storage(segment: &Segment, error: std::io::Error) -> ReadError {
    ReadError::Storage(LogError::io("read", segment.log_path())(error))
}

fn read_batch(segment: &Segment, position: u64, header: &BatchHeader) -> Result<Vec<u8>, ReadError> {
    let mut bytes = vec![0; header.total_bytes()];
    let file = segment.log_file().map_err(|error| storage(segment, error))?;
    file.read_exact_at(position, &mut bytes).map_err(|error| storage(segment, error))?;
    Ok(bytes)
}

/// Decodes a batch until `visit` says no. One that can't be read has no records here; readers will be told.
fn for_each_record(bytes: &[u8], mut visit: impl FnMut(TimeHit) -> bool) {
    let Ok(batch) = BatchView::parse(bytes) else { return };
    let header = batch.header;
    if batch.verify_crc().is_err() {
        return;
    }
    let Ok(records) = batch.records(DECOMPRESSED_BATCH_BYTES_MAX) else { return };
    for record in records.iter().map_while(Result::ok) {
        let timestamp = match header.has_log_append_time() {
            true => header.max_timestamp,
            false => header.base_timestamp.wrapping_add(record.timestamp_delta),
        };
        let offset = header.base_offset.plus(i64::from(record.offset_delta));
        if !visit(TimeHit { timestamp, offset, leader_epoch: header.leader_epoch }) {
            return;
        }
    }
}
