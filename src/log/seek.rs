//! Finding batches in a segment: by offset, by size.
//!
//! An index entry is believed only if the header it points at agrees; then headers are hopped through from there,
//! which an index interval bounds. Where the hops meet something that is no batch, the interval is read again with
//! CRCs, and what is damaged becomes a [`Hole`].

use std::io;
use std::ops::Range;

use super::bounds::{SCAN_WINDOW_BYTES, SEEK_WINDOW_BYTES};
use super::disk::DiskFile;
use super::indexes::OffsetEntry;
use super::scan::{Region, Scanner, Step, Verify};
use super::segment::Segment;
use super::verified::Hole;
use crate::base::Offset;
use crate::record::{BatchHeader, HEADER_BYTES};

/// How far a segment reaches, as one moment saw it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    pub end: u64,
    /// The first offset that is not the segment's.
    pub bound: Offset,
    pub gaps: bool,
}

/// Where an offset was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The batch that holds it, or (where offsets may be missing) the first one behind it.
    Batch {
        position: u64,
        header: BatchHeader,
    },
    Hole(Hole),
    /// Behind the last batch.
    End,
    /// The index and the batches contradict each other.
    IndexWrong,
}

/// A run of whole batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    Upto {
        end: u64,
        next: Offset,
    },
    /// Not even the first batch fits.
    Nothing,
    IndexWrong,
}

impl Segment {
    /// Finds an offset. With `by_index` false the index is left alone and everything before the offset is read.
    pub fn locate(&self, target: Offset, extent: Extent, by_index: bool) -> io::Result<Place> {
        if let Some(hole) = self.verified.lock().hole_over(target) {
            return Ok(Place::Hole(hole));
        }
        if let Some(position) = self.bookmarked(target).filter(|position| *position < extent.end) {
            let mut head = [0; HEADER_BYTES];
            self.log_file()?.read_exact_at(position, &mut head)?;
            if let Ok(header) = BatchHeader::parse(&head)
                && header.base_offset == target
                && position + header.total_bytes() as u64 <= extent.end
                && header.next_offset() <= extent.bound
            {
                return Ok(Place::Batch { position, header });
            }
        }
        if !by_index {
            return self.examine(&*self.log_file()?, 0, self.base, target, extent);
        }
        self.search(target, extent)
    }

    /// Apart, because its windows make a large stack frame, which who follows the log's end never needs: the stack of each of
    /// thousands of followers would hold it.
    #[inline(never)]
    fn search(&self, target: Offset, extent: Extent) -> io::Result<Place> {
        let relative = u32::try_from(target.since(self.base).max(0)).unwrap_or(u32::MAX);
        let around = self.index.search(|entry| entry.relative <= relative)?;
        let file = self.log_file()?;
        let mut scanner = self.scanner(&*file, 0, self.base, extent, Verify::Nothing);
        let holes = self.verified.lock().holes();
        let hole_at = |position| holes.iter().find(|hole| hole.position == position && hole.resume > position);
        if let Some(below) = around.below {
            let position = u64::from(below.position);
            match self.start_at(&mut scanner, below, extent)? {
                _ if hole_at(position).is_some() => scanner.jump(position, self.base),
                Start::Right(header) if header.last_offset() >= target => return Ok(Place::Batch { position, header }),
                Start::Right(_) => {}
                Start::IndexWrong => return Ok(Place::IndexWrong),
            }
        }
        let (walk_start, walk_expected) = (scanner.position(), scanner.expected());
        loop {
            if let Some(hole) = hole_at(scanner.position()) {
                scanner.jump(hole.resume, hole.next);
            }
            let expected = scanner.expected();
            match scanner.step()? {
                Step::Batch { position, header } if header.last_offset() >= target => {
                    if header.base_offset > target && !extent.gaps && header.base_offset > expected {
                        let hole = Hole { position, resume: position, first: expected, next: header.base_offset };
                        self.found_hole(hole);
                        return Ok(Place::Hole(hole));
                    }
                    return Ok(Place::Batch { position, header });
                }
                Step::Batch { position, .. } => {
                    if around.above.is_some_and(|above| position >= u64::from(above.position)) {
                        return Ok(Place::IndexWrong);
                    }
                }
                Step::End if extent.gaps || target >= extent.bound => return Ok(Place::End),
                Step::Damage { .. } | Step::End => {
                    return self.examine(&*file, walk_start, walk_expected, target, extent);
                }
            }
        }
    }

    /// The longest run of whole batches from `position` on, where the batch `first` starts, of at most `max_bytes`.
    /// Nothing behind the extent.
    pub fn run_from(&self, position: u64, first: &BatchHeader, max_bytes: u64, extent: Extent) -> io::Result<Run> {
        let first_end = position + first.total_bytes() as u64;
        let limit = position.saturating_add(max_bytes).min(extent.end);
        if first_end > limit {
            return Ok(Run::Nothing);
        }
        if limit == extent.end {
            return Ok(Run::Upto { end: extent.end, next: extent.bound });
        }
        self.run_upto(limit, first_end, first, extent)
    }

    /// Apart for its stack frame, as [`search`](Self::search).
    #[inline(never)]
    fn run_upto(&self, limit: u64, first_end: u64, first: &BatchHeader, extent: Extent) -> io::Result<Run> {
        let file = self.log_file()?;
        let around = self.index.search(|entry| u64::from(entry.position) <= limit)?;
        if let Some(below) = around.below.filter(|below| u64::from(below.position) >= first_end) {
            let end = u64::from(below.position);
            let mut head = [0; HEADER_BYTES];
            file.read_exact_at(end, &mut head)?;
            return Ok(match BatchHeader::parse(&head) {
                Ok(header) if self.relative(header.last_offset()) == below.relative => {
                    Run::Upto { end, next: header.base_offset }
                }
                _ => Run::IndexWrong,
            });
        }
        let mut scanner = self.scanner(&*file, first_end, first.next_offset(), extent, Verify::Nothing);
        let (mut end, mut next) = (first_end, first.next_offset());
        while let Step::Batch { position, header } = scanner.step()? {
            let batch_end = position + header.total_bytes() as u64;
            if batch_end > limit {
                break;
            }
            (end, next) = (batch_end, header.next_offset());
        }
        Ok(Run::Upto { end, next })
    }

    /// Makes sure that these bytes may be sent. Gives the part of them that may, and what ends it.
    pub fn verify(&self, wanted: Range<u64>, first: Offset, extent: Extent) -> io::Result<(Range<u64>, Option<Hole>)> {
        let mut wanted = wanted;
        let known = {
            let verified = self.verified.lock();
            let known = verified.hole_in(&wanted);
            if let Some(hole) = known {
                wanted.end = hole.position;
            }
            if verified.covers(&wanted) {
                return Ok((wanted, known));
            }
            known
        };
        let file = self.log_file()?;
        let mut scanner = self.scanner(&*file, wanted.start, first, extent, Verify::Everything);
        loop {
            if scanner.position() >= wanted.end {
                self.verified.lock().add(wanted.clone());
                return Ok((wanted, known));
            }
            let expected = scanner.expected();
            match scanner.step()? {
                // A jump that the walk accepts because the next batch follows is still a gap to tell of.
                Step::Batch { position, header } if header.base_offset > expected && !extent.gaps => {
                    let hole = Hole { position, resume: position, first: expected, next: header.base_offset };
                    return Ok(self.good_until(wanted.start, position, hole));
                }
                Step::Batch { .. } => {}
                Step::Damage { position, .. } => {
                    let hole = self.measure(&mut scanner, position, extent)?;
                    return Ok(self.good_until(wanted.start, position, hole));
                }
                Step::End => return Ok((wanted.start..scanner.position(), None)),
            }
        }
    }

    fn good_until(&self, start: u64, position: u64, hole: Hole) -> (Range<u64>, Option<Hole>) {
        self.verified.lock().add(start..position);
        self.found_hole(hole);
        (start..position, Some(hole))
    }

    /// Remembers a hole, and says so the first time.
    pub(super) fn found_hole(&self, hole: Hole) {
        if self.verified.lock().add_hole(hole) {
            let Hole { position, first, next, .. } = hole;
            let path = self.log_path();
            let path = path.display();
            ::log::error!(
                "{path} is damaged at byte {position}: offsets {first} up to (not including) {next} are lost"
            );
        }
    }

    pub fn scanner<'a>(
        &self,
        file: &'a dyn DiskFile,
        start: u64,
        expected: Offset,
        extent: Extent,
        verify: Verify,
    ) -> Scanner<'a> {
        let window = if verify == Verify::Nothing { SEEK_WINDOW_BYTES } else { SCAN_WINDOW_BYTES };
        let Extent { end, bound, gaps } = extent;
        Scanner::new(file, Region { start, end, expected, bound, gaps, verify }, window)
    }

    /// Puts the scanner behind the batch that an index entry points at.
    fn start_at(&self, scanner: &mut Scanner<'_>, entry: OffsetEntry, extent: Extent) -> io::Result<Start> {
        let position = u64::from(entry.position);
        if position >= extent.end {
            return Ok(Start::IndexWrong);
        }
        scanner.jump(position, self.base);
        match scanner.step()? {
            Step::Batch { header, .. } if self.relative(header.last_offset()) == entry.relative => {
                Ok(Start::Right(header))
            }
            // The batch may be at fault as well; a rebuilt index has no entry for it then.
            _ => Ok(Start::IndexWrong),
        }
    }

    /// Walks with CRCs from a good place to the target and notes what is damaged between.
    fn examine(
        &self,
        file: &dyn DiskFile,
        start: u64,
        expected: Offset,
        target: Offset,
        extent: Extent,
    ) -> io::Result<Place> {
        let mut scanner = self.scanner(file, start, expected, extent, Verify::Everything);
        loop {
            let expected = scanner.expected();
            match scanner.step()? {
                Step::Batch { position, header } => {
                    if header.base_offset > expected && !extent.gaps && target < header.base_offset {
                        let hole = Hole { position, resume: position, first: expected, next: header.base_offset };
                        self.found_hole(hole);
                        return Ok(Place::Hole(hole));
                    }
                    if header.last_offset() >= target {
                        return Ok(Place::Batch { position, header });
                    }
                }
                Step::Damage { position, .. } => {
                    let hole = self.measure(&mut scanner, position, extent)?;
                    self.found_hole(hole);
                    if target < hole.next {
                        return Ok(Place::Hole(hole));
                    }
                    scanner.jump(hole.resume, hole.next);
                }
                Step::End => {
                    self.note_missing_end(extent.end, expected, extent.bound, extent.gaps);
                    return Ok(self.verified.lock().hole_over(target).map_or(Place::End, Place::Hole));
                }
            }
        }
    }

    /// How far the damage reaches that the scanner stands before.
    fn measure(&self, scanner: &mut Scanner<'_>, position: u64, extent: Extent) -> io::Result<Hole> {
        let first = scanner.expected();
        let mut hole = Hole { position, resume: extent.end, next: extent.bound, first };
        if scanner.skip_damage()?
            && let Step::Batch { position, header } = scanner.step()?
        {
            (hole.resume, hole.next) = (position, header.base_offset);
        }
        Ok(hole)
    }
}

enum Start {
    Right(BatchHeader),
    IndexWrong,
}
