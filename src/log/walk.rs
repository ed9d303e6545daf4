//! Walking batches to bring everything beside them up to date: indexes, producers, epochs, aborted transactions.
//!
//! Recovery walks what a crash left; a log that was cut walks back to what it is left with.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::append::marker_of;
use super::bounds::{PROGRESS_BYTES, SCAN_WINDOW_BYTES};
use super::disk::DiskFile;
use super::epochs::Epochs;
use super::error::LogError;
use super::files::Files;
use super::inspect::is_zeros;
use super::names::Kind;
use super::partition::{Mark, Sealed, Writer};
use super::producers::Producers;
use super::ready::read_state;
use super::scan::{Flaw, Region, Scanner, Step, Verify};
use super::scan_progress::ScanProgress;
use super::seek::{Extent, Place};
use super::segment::{Growth, Segment};
use super::settings::{OpenAs, OpenReport};
use super::span::Span;
use super::state_file::LogState;
use super::txn_index::{self, AbortedTxn, Tally};
use super::verified::{Hole, Verified};
use crate::base::{LeaderEpoch, Now, Offset};
use crate::record::{BatchError, BatchHeader, BatchView};

/// How a walked segment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// With a good batch, where it should.
    Whole,
    /// Something is missing at its end, and stays missing.
    Hole,
    /// The tail was cut off: here the log ends.
    Cut,
}

/// The state of a walk.
pub(super) struct Walk<'a> {
    files: &'a Files,
    /// In segments below, offsets may be missing between batches.
    pub gaps_below: Offset,
    /// A segment that ends too early is missing its end from here on, even where there may be gaps.
    pub no_gaps_from: Offset,
    /// Damage below this offset is a hole, above it a torn tail.
    hole_below: Offset,
    now: Now,
    pub next: Offset,
    pub producers: Producers,
    pub epochs: Epochs,
    /// They were not read from their file.
    pub epochs_rebuilt: bool,
    pub scanned_bytes: u64,
    /// Walked segments that are not the last.
    pub sealed: Vec<Sealed>,
    /// Segments behind a torn tail that the disk did not remove.
    pub remains: Vec<Arc<Segment>>,
    log_start: Offset,
    progress: Option<Arc<ScanProgress>>,
    pub report: &'a mut OpenReport,
}

/// Control batches are small; one that claims to be larger is not read for its marker.
const CONTROL_BATCH_BYTES_MAX: usize = 1 << 20;

impl<'a> Walk<'a> {
    pub fn new(
        files: &'a Files,
        gaps_below: Offset,
        start: &OpenAs,
        hole_below: Offset,
        now: Now,
        report: &'a mut OpenReport,
    ) -> Walk<'a> {
        Walk {
            files,
            gaps_below,
            no_gaps_from: Offset(i64::MAX),
            hole_below,
            now,
            next: Offset::ZERO,
            producers: Producers::default(),
            epochs: Epochs::default(),
            epochs_rebuilt: false,
            scanned_bytes: 0,
            sealed: Vec::new(),
            remains: Vec::new(),
            log_start: start.log_start,
            progress: start.progress.clone(),
            report,
        }
    }

    pub fn gaps_in(&self, segment: &Segment) -> bool {
        segment.base < self.gaps_below
    }

    /// Where the log file of a segment is, or should be.
    pub fn path_of(&self, base: Offset) -> PathBuf {
        self.files.path(base, Kind::Log)
    }

    /// Walks a segment from `position` (all of it, or what was appended behind a state). Moves `next` to its end.
    pub fn segment(
        &mut self,
        segment: &Arc<Segment>,
        position: u64,
        next_base: Option<Offset>,
    ) -> Result<Ending, LogError> {
        let before = segment.bytes();
        if position > 0 && position == before && next_base.is_none() {
            // After a clean stop: the state says all there is to know.
            segment.verified.lock().trust_from(position);
            return Ok(Ending::Whole);
        }
        let storage = LogError::io("recover", segment.log_path());
        let ending = self.segment_io(segment, position, next_base).map_err(storage)?;
        segment.set_ready();
        let storage = LogError::io("look at the indexes of", segment.log_path());
        if before == 0 && !segment.has_index_files().map_err(storage)? {
            return Ok(ending);
        }
        if next_base.is_some() && ending != Ending::Cut {
            if let Err(error) = segment.seal() {
                self.unwritten(segment, &error);
            }
            let state = LogState {
                next_offset: self.next,
                log_start: self.log_start.min(self.next),
                leader_epoch: self.epochs.latest().unwrap_or(LeaderEpoch(-1)),
                segment: Some(segment.summary()),
                producers: self.producers.clone(),
            };
            Sealed::queue(&mut self.sealed, Arc::clone(segment), &state);
        } else {
            // A crash may have left half an entry behind those that count.
            if let Err(error) = segment.write_indexes() {
                self.unwritten(segment, &error);
            }
        }
        Ok(ending)
    }

    /// The disk takes no indexes now. They serve from memory, and the next checkpoint writes them.
    pub fn unwritten(&mut self, segment: &Segment, error: &io::Error) {
        self.report.note(format!("{}: its indexes can't be written yet: {error}", segment.log_path().display()));
    }

    fn segment_io(&mut self, segment: &Segment, start: u64, next_base: Option<Offset>) -> io::Result<Ending> {
        let end = segment.bytes();
        let file = segment.log_file()?;
        if start == 0 {
            if self.next < segment.base {
                self.missing(segment, 0, self.next, segment.base);
            }
            self.next = segment.base;
            segment.forget()?;
            txn_index::truncate(self.files, segment.base, &Tally::default())?;
        } else {
            segment.set_bytes(start);
            txn_index::truncate(self.files, segment.base, &segment.growth().aborted)?;
        }
        self.scanned_bytes += end.saturating_sub(start);
        let mut steps = Steps::new(self.progress.as_ref(), start, end);
        let bound = next_base.unwrap_or(Offset(i64::MAX));
        let safe = self.next < self.hole_below;
        let verify = if safe { Verify::Suspects } else { Verify::Everything };
        let gaps = self.gaps_in(segment);
        let region = Region { start, end, expected: self.next, bound, gaps, verify };
        let mut scanner = Scanner::new(&*file, region, SCAN_WINDOW_BYTES);
        let mut trusted_from = (!safe).then_some(start);
        let mut after_hole = false;
        let ending = loop {
            let expected = scanner.expected();
            steps.reached(scanner.position());
            match scanner.step()? {
                Step::Batch { position, header } => {
                    if header.base_offset > expected && !gaps && !after_hole {
                        if expected >= self.hole_below {
                            break self.cut(segment, position, end, "offsets are missing before it");
                        }
                        self.missing(segment, position, expected, header.base_offset);
                    }
                    after_hole = false;
                    self.enter(segment, &*file, position, &header)?;
                    if trusted_from.is_none() && self.next >= self.hole_below {
                        scanner.set_verify(Verify::Everything);
                        trusted_from = Some(scanner.position());
                    }
                }
                Step::Damage { position, reason } if expected >= self.hole_below => {
                    if next_base == Some(expected) {
                        // Left by a write that was taken back before the next segment began.
                        self.cut(segment, position, end, &reason.to_string());
                        break Ending::Whole;
                    }
                    if is_zeros(&*file, position, end)? {
                        break self.cut(segment, position, end, "they are zero, as a power cut leaves them");
                    }
                    if let Flaw::Batch(BatchError::Crc { .. }) = reason {
                        self.unbelieved(segment, &*file, position)?;
                    }
                    break self.cut(segment, position, end, &reason.to_string());
                }
                Step::Damage { position, reason } => {
                    self.report.note(format!(
                        "{}: no good batch at position {position}: {reason}",
                        segment.log_path().display()
                    ));
                    if !scanner.skip_damage()? {
                        // How many offsets are gone only the next segment can tell, or a state.
                        if let Some(next) = next_base {
                            self.missing(segment, position, expected, next);
                            self.next = next;
                        }
                        break Ending::Hole;
                    }
                    let resume = scanner.position();
                    let mut head = [0; crate::record::HEADER_BYTES];
                    file.read_exact_at(resume, &mut head)?;
                    if let Ok(header) = BatchHeader::parse(&head) {
                        self.hole(segment, Hole { position, resume, first: expected, next: header.base_offset });
                    }
                    after_hole = true;
                }
                Step::End => match next_base {
                    Some(next) if expected < next && gaps && expected < self.no_gaps_from => {
                        self.next = next;
                        break Ending::Whole;
                    }
                    Some(next) if expected < next => {
                        if expected >= self.hole_below {
                            let path = segment.log_path();
                            let lost = Span { first: expected, next };
                            self.report.note(format!("{}: {lost} missing at its end", path.display()));
                            break Ending::Cut;
                        }
                        self.missing(segment, scanner.position(), expected, next);
                        self.next = next;
                        break Ending::Hole;
                    }
                    _ => break Ending::Whole,
                },
            }
        };
        steps.reached(end);
        if let Some(position) = trusted_from {
            segment.verified.lock().trust_from(position);
        }
        Ok(ending)
    }

    /// Walks a segment that is not what its state says, for its indexes alone. `counted` are the aborted transactions of
    /// that state: the producers as they are now know nothing of them any more.
    pub fn survey(&mut self, segment: &Segment, end: u64, bound: Offset, counted: Tally) -> Result<(), LogError> {
        let storage = LogError::io("read", segment.log_path());
        let surveyed = (|| {
            segment.forget()?;
            // Whoever came to doubt it may have misread it, and remembers damage that is none.
            *segment.verified.lock() = Verified::default();
            let file = segment.log_file()?;
            let gaps = self.gaps_in(segment);
            let region = Region { start: 0, end, expected: segment.base, bound, gaps, verify: Verify::Suspects };
            let mut scanner = Scanner::new(&*file, region, SCAN_WINDOW_BYTES);
            loop {
                match scanner.step()? {
                    Step::Batch { position, header } => segment.note(&header, position),
                    Step::Damage { .. } if scanner.skip_damage()? => {}
                    Step::Damage { .. } | Step::End => break,
                }
            }
            segment.set_growth(Growth { aborted: counted, ..segment.growth() });
            segment.check_aborted(Extent { end, bound, gaps })?;
            Ok(scanner.expected())
        })();
        let reached = surveyed.map_err(storage)?;
        self.scanned_bytes += end;
        self.missing(segment, segment.bytes(), reached, bound);
        segment.set_ready();
        Ok(())
    }

    /// The offset behind the last batch of a segment, by its headers.
    pub fn end_of(&self, segment: &Segment, bound: Offset) -> io::Result<Offset> {
        let file = segment.log_file()?;
        let extent = Extent { end: segment.bytes(), bound, gaps: self.gaps_in(segment) };
        let mut scanner = segment.scanner(&*file, 0, segment.base, extent, Verify::Nothing);
        loop {
            match scanner.step()? {
                Step::Batch { .. } => {}
                Step::Damage { .. } if scanner.skip_damage()? => {}
                Step::Damage { .. } | Step::End => return Ok(scanner.expected()),
            }
        }
    }

    fn enter(&mut self, segment: &Segment, file: &dyn DiskFile, position: u64, header: &BatchHeader) -> io::Result<()> {
        segment.note(header, position);
        self.next = header.next_offset();
        self.epochs.assign(header.leader_epoch, header.base_offset);
        if let Some(aborted) = note_producer(&mut self.producers, file, position, header, self.now.wall_ms)? {
            segment.write_abort(&aborted)?;
            segment.count_abort(&aborted);
        }
        Ok(())
    }

    /// A batch that lies there whole is about to be cut off: it may have been acknowledged.
    fn unbelieved(&mut self, segment: &Segment, file: &dyn DiskFile, position: u64) -> io::Result<()> {
        let mut head = [0; crate::record::HEADER_BYTES];
        file.read_exact_at(position, &mut head)?;
        if let Ok(header) = BatchHeader::parse(&head) {
            self.report.loss(format!(
                "{}: the batch at position {position} is there whole and fails its CRC; it is cut off, and with it \
                 {} records from offset {} on, as its header has it",
                segment.log_path().display(),
                header.record_count,
                header.base_offset
            ));
        }
        Ok(())
    }

    /// Ends the log before `position`.
    fn cut(&mut self, segment: &Segment, position: u64, end: u64, reason: &str) -> Ending {
        self.report.cut_bytes += end - position;
        self.report.note(format!(
            "{}: {} bytes were cut at position {position} (offset {}): {reason}",
            segment.log_path().display(),
            end - position,
            self.next
        ));
        if let Err(error) = segment.cut(position) {
            self.report.note(format!("{} can't be shortened: {error}", segment.log_path().display()));
        }
        Ending::Cut
    }

    /// Offsets are gone that were there.
    pub fn missing(&mut self, segment: &Segment, position: u64, first: Offset, next: Offset) {
        self.hole(segment, Hole { position, resume: position, first, next });
    }

    fn hole(&mut self, segment: &Segment, hole: Hole) {
        if hole.first < hole.next {
            self.producers.doubt();
            self.report.holes += 1;
            let lost = Span { first: hole.first, next: hole.next };
            self.report.loss(format!("{}: {lost} lost", segment.log_path().display()));
        }
        segment.verified.lock().add_hole(hole);
    }
}

/// Tells of a walk through one segment, now and then.
struct Steps {
    progress: Option<Arc<ScanProgress>>,
    told: u64,
    end: u64,
}

impl Steps {
    fn new(progress: Option<&Arc<ScanProgress>>, start: u64, end: u64) -> Steps {
        let progress = progress.filter(|_| start < end).cloned();
        if let Some(progress) = &progress {
            progress.found(end - start);
        }
        Steps { progress, told: start, end }
    }

    fn reached(&mut self, position: u64) {
        if let Some(progress) = &self.progress
            && self.told < self.end
            && (position >= self.told + PROGRESS_BYTES || position == self.end)
        {
            progress.scanned(position - self.told);
            self.told = position;
        }
    }
}

/// Tells the producers of a batch in the log. Gives the transaction it aborts.
pub(super) fn note_producer(
    producers: &mut Producers,
    file: &dyn DiskFile,
    position: u64,
    header: &BatchHeader,
    now_ms: i64,
) -> io::Result<Option<AbortedTxn>> {
    if !header.has_producer_id() {
        return Ok(None);
    }
    let mut marker = None;
    if header.is_control() && header.total_bytes() <= CONTROL_BATCH_BYTES_MAX {
        let mut bytes = vec![0; header.total_bytes()];
        // Twice, should a bit go wrong on its way here: an abort that is taken for something else is forgotten for good.
        for _ in 0..2 {
            file.read_exact_at(position, &mut bytes)?;
            // One that can't be read ends no transaction; whoever reads the log will say so.
            let batch = BatchView::parse(&bytes).ok().filter(|batch| batch.verify_crc().is_ok());
            if let Some(batch) = batch {
                marker = marker_of(&batch).unwrap_or(None);
                break;
            }
        }
    }
    let aborted = marker.as_ref().and_then(|marker| producers.aborts(header, marker));
    producers.record(header, marker.as_ref(), now_ms);
    Ok(aborted)
}

/// After a cut at `mark`: everything beside the data goes back to what it was there. `segments` are those left.
pub(super) fn rewind(files: &Files, writer: &mut Writer, segments: &[Arc<Segment>], mark: Mark, gaps_below: Offset) {
    writer.next_offset = mark.offset;
    writer.epochs_unsaved |= writer.epochs.cut_end(mark.offset);
    writer.rewind_due = Some(mark);
    if let Err(error) = finish_rewind(files, writer, segments, gaps_below) {
        // Who knows too little takes a repetition for something new, and a transaction that is open for one that ended:
        // nothing is appended until it is known.
        ::log::error!("{}: what it was cut to can't be read back yet: {error}", files.dir.display());
    }
}

/// Reads back what stood beside the data, if that is still to be done. What it did before it failed it can do again.
pub(super) fn finish_rewind(
    files: &Files,
    writer: &mut Writer,
    segments: &[Arc<Segment>],
    gaps_below: Offset,
) -> io::Result<()> {
    if let Some(mark) = writer.rewind_due {
        if let Some(last) = segments.last() {
            rewind_segment(last, mark, last.base < gaps_below)?;
        }
        writer.producers = rewind_producers(files, writer, segments, mark, gaps_below)?;
        writer.rewind_due = None;
    }
    Ok(())
}

fn rewind_segment(segment: &Segment, mark: Mark, gaps: bool) -> io::Result<()> {
    let extent = segment.make_ready(Extent { end: mark.position, bound: mark.offset, gaps })?;
    let limit = segment.relative(mark.offset);
    segment.index.truncate(|entry| entry.relative < limit)?;
    let last_entry = segment.index.last();
    let reached = last_entry.map(|entry| entry.relative);
    segment.time_index.truncate(|entry| reached.is_some_and(|reached| entry.relative <= reached))?;
    let old = segment.growth();
    let mut kept = segment.aborted()?;
    kept.retain(|entry| entry.last_offset < mark.offset);
    let aborted = Tally::of(&kept);
    segment.set_growth(Growth { aborted, ..old });
    txn_index::truncate(&segment.files, segment.base, &aborted)?;
    let mut growth = Growth { aborted, ..Growth::new(segment.base, old.created_ms, old.interval) };
    if mark.position > 0 {
        growth.first_timestamp = old.first_timestamp;
    }
    if let Some(last) = segment.time_index.last() {
        growth.max_timestamp = last.timestamp;
        growth.max_timestamp_offset = segment.offset(last.relative);
    }
    let file = segment.log_file()?;
    let mut scanner = segment.scanner(&*file, 0, segment.base, extent, Verify::Nothing);
    if let Some(entry) = last_entry {
        scanner.jump(u64::from(entry.position), segment.base);
    }
    loop {
        match scanner.step()? {
            Step::Batch { header, .. } => {
                if header.max_timestamp > growth.max_timestamp && !header.is_bare() {
                    growth.max_timestamp = header.max_timestamp;
                    growth.max_timestamp_offset = header.last_offset();
                }
                growth.bytes_since_entry += header.total_bytes() as u64;
            }
            Step::Damage { .. } if scanner.skip_damage()? => {}
            Step::Damage { .. } | Step::End => break,
        }
    }
    segment.set_growth(growth);
    segment.write_indexes()
}

/// The producers as they were at `mark`: from the newest state up to it, and the batches since.
fn rewind_producers(
    files: &Files,
    writer: &Writer,
    segments: &[Arc<Segment>],
    mark: Mark,
    gaps_below: Offset,
) -> io::Result<Producers> {
    let mut state = None;
    let pending = writer.sealed.iter().rev().filter(|sealed| sealed.next_offset <= mark.offset);
    if let Some(bytes) = pending.filter_map(|sealed| sealed.state.as_ref()).next() {
        state = LogState::decode(bytes).ok();
    }
    for offset in writer.states.range(..=mark.offset).rev() {
        if state.as_ref().is_some_and(|state: &LogState| state.next_offset >= *offset) {
            break;
        }
        if let Ok(found) = read_state(files, *offset)? {
            state = Some(found);
            break;
        }
    }
    let (from, mut producers) = match state {
        Some(state) => (state.next_offset, state.producers),
        None => (Offset::ZERO, Producers::default()),
    };
    // Retention may have taken batches that no state has seen.
    if segments.first().map_or(mark.offset, |first| first.base) > from {
        producers.doubt();
    }
    let seen_ms = |id| writer.producers.states().find(|known| known.producer_id == id).map(|known| known.last_seen_ms);
    for (n, segment) in segments.iter().enumerate() {
        let bound = segments.get(n + 1).map_or(mark.offset, |next| next.base);
        if bound <= from {
            continue;
        }
        let gaps = segment.base < gaps_below;
        let extent = segment.make_ready(Extent { end: segment.bytes(), bound, gaps })?;
        let (position, expected) = match segment.locate(from.max(segment.base), extent, true)? {
            Place::Batch { position, header } => (position, header.base_offset),
            _ => (0, segment.base),
        };
        let file = segment.log_file()?;
        let mut scanner = segment.scanner(&*file, position, expected, extent, Verify::Nothing);
        loop {
            match scanner.step()? {
                Step::Batch { position, header } if header.base_offset >= from => {
                    let now_ms = seen_ms(header.producer_id).unwrap_or(0);
                    note_producer(&mut producers, &*file, position, &header, now_ms)?;
                }
                Step::Batch { .. } => {}
                Step::Damage { .. } => {
                    producers.doubt();
                    if !scanner.skip_damage()? {
                        break;
                    }
                }
                Step::End => break,
            }
        }
    }
    Ok(producers)
}
