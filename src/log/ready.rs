//! Looking at a segment's indexes before they are first used, and making them anew.
//!
//! A start reads none of them where a state file says all there is to know of a segment; whoever first needs the indexes
//! of one, to read or to append, checks them once: against the state file written when it was sealed or when the log
//! stopped, or (for segments of another making) against the batches themselves, and has wrong ones rebuilt. Nobody who
//! uses an index needs to think of damage that was there before.

use std::io;

use super::bounds::SCAN_WINDOW_BYTES;
use super::files::Files;
use super::indexes::{OffsetEntry, TimeEntry};
use super::names::Kind;
use super::scan::{Region, Scanner, Step, Verify};
use super::seek::{Extent, Place};
use super::segment::{Growth, Segment, SegmentSummary};
use super::state_file::LogState;
use super::verified::Hole;
use super::whole_file;
use crate::base::Offset;

/// Reads the state file for a log that ended at `offset`; `None` where there is no good one.
pub(super) fn read_state(files: &Files, offset: Offset) -> io::Result<Result<LogState, String>> {
    let path = files.path(offset, Kind::Producers);
    let flaw = std::cell::Cell::new(None);
    let decode = |bytes: &[u8]| LogState::decode(bytes).map_err(|found| flaw.set(Some(found))).ok();
    match whole_file::read_as(&*files.disk, &path, decode) {
        Ok(Some(state)) if state.next_offset == offset => Ok(Ok(state)),
        Ok(Some(_)) => Ok(Err(format!("{} belongs to another offset", path.display()))),
        Ok(None) => {
            let flaw = flaw.get().map(|flaw| flaw.to_string()).unwrap_or_default();
            Ok(Err(format!("{} is not used: {flaw}", path.display())))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Err(String::new())),
        Err(error) => Err(error),
    }
}

/// What is known of a segment's indexes since the log was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readiness {
    /// Nothing yet.
    Unseen,
    /// What the state says that the start went by; nothing was appended since.
    Told(SegmentSummary),
    /// They were looked at, and are right.
    Ready,
}

impl Segment {
    /// There is nothing left to look at.
    pub fn set_ready(&self) {
        *self.readiness.lock() = Readiness::Ready;
    }

    /// Takes over what a state says of a segment whose file ends there, and believes it of the indexes until they are
    /// needed.
    pub fn be_told(&self, summary: &SegmentSummary) {
        self.set_growth(summary.growth);
        self.set_bytes(summary.log_bytes);
        *self.readiness.lock() = Readiness::Told(*summary);
    }

    /// Takes sizes and indexes from a summary, for a segment that ends or goes on there. False if the index files
    /// do not look like it; then they must be rebuilt.
    pub fn resume(&self, summary: &SegmentSummary, exact: bool) -> io::Result<bool> {
        self.set_growth(summary.growth);
        self.set_bytes(summary.log_bytes);
        if exact && !self.indexes_fit(summary)? {
            return Ok(false);
        }
        let adopted = self
            .index
            .adopt(summary.index_entries as usize)
            .and_then(|()| self.time_index.adopt(summary.time_entries as usize));
        match adopted {
            Ok(()) => self.ends_agree(summary, exact),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What can be known of the indexes without reading the log: their last entries lie inside it.
    fn ends_agree(&self, summary: &SegmentSummary, exact: bool) -> io::Result<bool> {
        let growth = &summary.growth;
        if self.index.last().is_some_and(|last| u64::from(last.position) >= summary.log_bytes) {
            return Ok(false);
        }
        if !exact || growth.max_timestamp < 0 {
            return Ok(self.time_index.last().is_none_or(|last| last.timestamp <= growth.max_timestamp));
        }
        // The last entry of the file, be it the closing one, has the largest timestamp.
        let right = TimeEntry { timestamp: growth.max_timestamp, relative: self.relative(growth.max_timestamp_offset) };
        Ok(self.time_index.last_on_file()? == Some(right))
    }

    /// Checks the indexes if nobody did yet. Gives where the segment really ends.
    pub fn make_ready(&self, extent: Extent) -> io::Result<Extent> {
        let mut readiness = self.readiness.lock();
        match *readiness {
            Readiness::Ready => {}
            Readiness::Told(summary) => {
                self.compare(&summary, extent)?;
                self.check_aborted(extent)?;
            }
            Readiness::Unseen => self.look(extent)?,
        }
        *readiness = Readiness::Ready;
        Ok(Extent { end: extent.end.min(self.bytes()), ..extent })
    }

    /// Makes new indexes because a reader found the old ones wrong.
    pub fn repair(&self, extent: Extent) -> io::Result<()> {
        let _alone = self.readiness.lock();
        ::log::warn!("{}: its indexes do not fit and are made anew", self.log_path().display());
        self.rebuild_indexes(extent.end, extent.bound, extent.gaps)
    }

    fn look(&self, extent: Extent) -> io::Result<()> {
        if let Ok(state) = read_state(&self.files, extent.bound)?
            && let Some(summary) = state.segment.filter(|summary| summary.base == self.base)
        {
            self.compare(&summary, extent)?;
            return self.check_aborted(extent);
        }
        if !self.looks_right(extent)? {
            self.remake(extent)?;
        }
        // Nothing says which transactions were aborted here but the batches.
        self.remake_aborted(extent)
    }

    /// Takes over the state that was written when the segment ended there, and makes right what differs.
    fn compare(&self, summary: &SegmentSummary, extent: Extent) -> io::Result<()> {
        let found = self.bytes();
        if summary.log_bytes > found {
            let missing = summary.log_bytes - found;
            ::log::warn!("{}: {missing} bytes are missing at its end", self.log_path().display());
        } else if self.resume(summary, true)? && (found == summary.log_bytes || self.ends_right(extent)?) {
            return Ok(());
        }
        self.set_growth(summary.growth);
        self.set_bytes(found);
        self.remake(extent)
    }

    fn remake(&self, extent: Extent) -> io::Result<()> {
        ::log::warn!("{}: its indexes are missing or wrong and are made anew", self.log_path().display());
        self.rebuild_indexes(self.bytes(), extent.bound, extent.gaps)
    }

    /// Whether the last batch, as the index finds it, ends where the segment does. For a file with more behind: that
    /// may be a write that was taken back, or something has moved.
    pub fn ends_right(&self, extent: Extent) -> io::Result<bool> {
        let extent = Extent { end: self.bytes(), ..extent };
        Ok(match self.locate(Offset(extent.bound.0 - 1), extent, true)? {
            Place::Batch { position, header } => {
                position + header.total_bytes() as u64 == extent.end && header.next_offset() == extent.bound
            }
            Place::End | Place::Hole(_) | Place::IndexWrong => extent.bound == self.base,
        })
    }

    /// What the batches say of the indexes of a segment that no state file describes.
    fn looks_right(&self, extent: Extent) -> io::Result<bool> {
        let (index_bytes, time_bytes) = (self.index.file_bytes()?, self.time_index.file_bytes()?);
        let (entry, time_entry) = (OffsetEntry::BYTES as u64, TimeEntry::BYTES as u64);
        // Each entry stands for a batch of its own.
        let most = self.bytes() / crate::record::HEADER_BYTES as u64 + 1;
        if index_bytes % entry != 0 || time_bytes % time_entry != 0 {
            return Ok(false);
        }
        if index_bytes / entry > most || time_bytes / time_entry > most {
            return Ok(false);
        }
        self.index.adopt((index_bytes / entry) as usize)?;
        self.time_index.adopt((time_bytes / time_entry) as usize)?;
        Ok(self.index_reaches_the_end(extent)? && self.time_index_is_believable(extent)?)
    }

    /// From the last entry on there must be no batch that should have one.
    fn index_reaches_the_end(&self, extent: Extent) -> io::Result<bool> {
        let file = self.log_file()?;
        let mut scanner = self.scanner(&*file, 0, self.base, extent, Verify::Nothing);
        let last = self.index.last();
        if let Some(last) = last {
            if u64::from(last.position) >= extent.end {
                return Ok(false);
            }
            scanner.jump(u64::from(last.position), self.base);
        }
        let mut since_entry = 0;
        let mut first = true;
        loop {
            match scanner.step()? {
                Step::Batch { header, .. } => {
                    let is_entry = first && last.is_some();
                    if is_entry && last.is_some_and(|last| self.relative(header.last_offset()) != last.relative) {
                        return Ok(false);
                    }
                    if !is_entry && since_entry > u64::from(self.growth().interval) {
                        return Ok(false);
                    }
                    since_entry += header.total_bytes() as u64;
                }
                Step::Damage { .. } if first && last.is_some() => return Ok(false),
                // Damaged batches are for readers to report.
                Step::Damage { .. } => return Ok(true),
                Step::End => {
                    self.note_missing_end(extent.end, scanner.expected(), extent.bound, extent.gaps);
                    return Ok(true);
                }
            }
            first = false;
        }
    }

    fn time_index_is_believable(&self, extent: Extent) -> io::Result<bool> {
        let Some(last) = self.time_index.last() else {
            return Ok(self.index.len() == 0 && extent.end == 0);
        };
        let offset = self.offset(last.relative);
        let found = self.locate(offset, extent, true)?;
        let right = matches!(found, Place::Batch { header, .. }
            if header.max_timestamp == last.timestamp && header.last_offset() == offset);
        if right {
            let old = self.growth();
            let (max_timestamp, max_timestamp_offset) = (last.timestamp, offset);
            self.set_growth(Growth { max_timestamp, max_timestamp_offset, ..old });
        }
        Ok(right)
    }

    /// Whether the index files are as long as this summary of a checkpoint says.
    fn indexes_fit(&self, summary: &SegmentSummary) -> io::Result<bool> {
        let time_bytes = u64::from(summary.time_entries) * TimeEntry::BYTES as u64;
        let closing = time_bytes + TimeEntry::BYTES as u64;
        let time_found = self.time_index.file_bytes()?;
        Ok(self.index.file_bytes()? == u64::from(summary.index_entries) * OffsetEntry::BYTES as u64
            && (time_found == time_bytes || time_found == closing))
    }

    /// Makes both indexes anew from the batches, and writes them if the disk lets it. Damaged places are stepped over.
    pub fn rebuild_indexes(&self, end: u64, bound: Offset, gaps: bool) -> io::Result<()> {
        let file = self.log_file()?;
        self.verified.lock().forget_holes();
        let fresh = Segment::found(&self.files, self.base, 0, {
            let old = self.growth();
            Growth::new(self.base, old.created_ms, old.interval)
        });
        let region = Region { start: 0, end, expected: self.base, bound, gaps, verify: Verify::Suspects };
        let mut scanner = Scanner::new(&*file, region, SCAN_WINDOW_BYTES);
        let mut damage = None;
        loop {
            match scanner.step()? {
                Step::Batch { position, header } => {
                    if let Some((damaged, first)) = damage.take() {
                        let hole = Hole { position: damaged, resume: position, first, next: header.base_offset };
                        self.found_hole(hole);
                    }
                    fresh.note(&header, position);
                }
                Step::Damage { position, .. } => {
                    damage = Some((position, scanner.expected()));
                    if !scanner.skip_damage()? {
                        break;
                    }
                }
                Step::End => break,
            }
        }
        self.note_missing_end(damage.map_or(end, |(position, _)| position), scanner.expected(), bound, gaps);
        self.set_growth(Growth { aborted: self.growth().aborted, ..fresh.growth() });
        if let Err(error) = fresh.write_indexes() {
            // They serve from memory as well.
            ::log::warn!("{}: its indexes can't be written yet: {error}", self.log_path().display());
        }
        self.index.take_over(&fresh.index);
        self.time_index.take_over(&fresh.time_index);
        Ok(())
    }
}
