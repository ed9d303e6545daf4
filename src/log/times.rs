//! Finding records by their time (ListOffsets).
//!
//! The time index narrows the search to one index interval of one segment; there the batches' headers are walked, and
//! the records of one batch are decoded.

use std::sync::Arc;

use super::error::{LogError, ReadError};
use super::partition::PartitionLog;
use super::read::Sight;
use super::scan::Step;
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
        let log_start = self.log_start();
        for sight in self.sights(upper) {
            let extent = self.readied(&sight)?;
            if extent.end == 0 || sight.segment.growth().max_timestamp < timestamp {
                continue;
            }
            let Some(start) = self.time_start(&sight, timestamp, extent)? else { continue };
            let wanted = |record: i64, offset: Offset| record >= timestamp && offset >= log_start;
            let hit = self.walk(&sight.segment, start, extent, |header| header.max_timestamp >= timestamp, wanted)?;
            if let Some(hit) = hit {
                return Ok((hit.offset < upper).then_some(hit));
            }
        }
        Ok(None)
    }

    /// The record with the largest timestamp below `upper`, the first of them if there are several.
    pub fn max_timestamp(&self, upper: Offset) -> Result<Option<TimeHit>, ReadError> {
        let mut best: Option<(i64, Offset, Sight)> = None;
        for sight in self.sights(upper) {
            let extent = self.readied(&sight)?;
            let Some((timestamp, offset)) = self.largest_in(&sight, upper, extent)? else { continue };
            if best.as_ref().is_none_or(|(best, ..)| timestamp > *best) {
                best = Some((timestamp, offset, sight));
            }
        }
        let Some((timestamp, offset, sight)) = best else { return Ok(None) };
        let extent = self.readied(&sight)?;
        let Place::Batch { position, header } = self.locate(&sight, offset, extent)? else { return Ok(None) };
        let log_start = self.log_start();
        let wanted = |record: i64, offset: Offset| record >= timestamp && offset >= log_start;
        self.walk(&sight.segment, (position, header.base_offset), extent, |_| true, wanted)
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
        let segment = &sight.segment;
        let failed = |error| storage(segment, error);
        let around = segment.time_index.search(|entry| entry.timestamp <= timestamp).map_err(failed)?;
        let mut from = segment.base;
        if let Some(below) = around.below {
            let offset = segment.base.plus(i64::from(below.relative));
            if below.timestamp == timestamp {
                from = offset;
            } else {
                from = offset.plus(1);
            }
        }
        // Batches between two time entries did not raise the maximum until shortly before the second: an offset
        // entry below the second one without a time entry of its own proves it for all up to its batch.
        let ceiling = match around.above {
            Some(above) => above.relative,
            None => segment.relative(segment.growth().max_timestamp_offset),
        };
        let last_before = segment.index.search(|entry| entry.relative < ceiling).map_err(failed)?.below;
        if let Some(entry) = last_before {
            from = from.max(segment.base.plus(i64::from(entry.relative)));
        }
        match self.locate(sight, from, extent)? {
            Place::Batch { position, header } => Ok(Some((position, header.base_offset))),
            Place::Hole(hole) if hole.next < extent.bound => Ok(Some((hole.resume, hole.next))),
            Place::Hole(_) | Place::End | Place::IndexWrong => Ok(None),
        }
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
        let mut scanner = segment.scanner(&*file, start, expected, extent, false);
        loop {
            match scanner.step().map_err(failed)? {
                Step::Batch { position, header } if promising(&header) => {
                    let mut bytes = vec![0; header.total_bytes()];
                    file.read_exact_at(position, &mut bytes).map_err(failed)?;
                    if let Some(hit) = hit_in(&bytes, &wanted) {
                        return Ok(Some(hit));
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

    /// The largest timestamp of a segment below an offset, and the last offset of the batch that has it.
    fn largest_in(&self, sight: &Sight, upper: Offset, extent: Extent) -> Result<Option<(i64, Offset)>, ReadError> {
        let segment = &sight.segment;
        let growth = segment.growth();
        if growth.max_timestamp < 0 {
            return Ok(None);
        }
        if growth.max_timestamp_offset < upper {
            return Ok(Some((growth.max_timestamp, growth.max_timestamp_offset)));
        }
        // The reader may not see that record yet: the largest one among the others.
        let failed = |error| storage(segment, error);
        let relative = segment.relative(upper);
        let mut largest = None;
        if let Some(entry) = segment.time_index.search(|entry| entry.relative < relative).map_err(failed)?.below {
            largest = Some((entry.timestamp, segment.base.plus(i64::from(entry.relative))));
        }
        let from = segment.index.search(|entry| entry.relative < relative).map_err(failed)?.below;
        let from = segment.base.plus(from.map_or(0, |entry| i64::from(entry.relative)));
        let Place::Batch { position, header } = self.locate(sight, from, extent)? else { return Ok(largest) };
        let file = segment.log_file().map_err(failed)?;
        let mut scanner = segment.scanner(&*file, position, header.base_offset, extent, false);
        while let Step::Batch { header, .. } = scanner.step().map_err(failed)? {
            if header.last_offset() >= upper {
                break;
            }
            if header.max_timestamp >= 0 && largest.is_none_or(|(timestamp, _)| header.max_timestamp > timestamp) {
                largest = Some((header.max_timestamp, header.last_offset()));
            }
        }
        Ok(largest)
    }
}

fn storage(segment: &Segment, error: std::io::Error) -> ReadError {
    ReadError::Storage(LogError::io("read", segment.log_path())(error))
}

/// The first wanted record of a batch. One that can't be read has none.
fn hit_in(bytes: &[u8], wanted: impl Fn(i64, Offset) -> bool) -> Option<TimeHit> {
    let batch = BatchView::parse(bytes).ok()?;
    batch.verify_crc().ok()?;
    let header = batch.header;
    let records = batch.records(DECOMPRESSED_BATCH_BYTES_MAX).ok()?;
    for record in records.iter() {
        let record = record.ok()?;
        let timestamp = match header.has_log_append_time() {
            true => header.max_timestamp,
            false => header.base_timestamp.wrapping_add(record.timestamp_delta),
        };
        let offset = header.base_offset.plus(i64::from(record.offset_delta));
        if wanted(timestamp, offset) {
            return Some(TimeHit { timestamp, offset, leader_epoch: header.leader_epoch });
        }
    }
    None
}
