//! What a start finds, and makes of it.
//!
//! The newest good state file says where everything was safe: there the walk begins, batch by batch with CRCs, and
//! everything beside the data is brought up to date on the way. Above the recovery point the tail is cut at the first
//! bad batch: it was never acknowledged. Below it nothing is cut: damage becomes a hole, both sides stay, and offsets
//! are never given out twice. A state file that is missing or damaged costs time, not the start.
//!
//! Nothing that recovery writes is needed to go on: what the disk does not take (indexes on a full one, above all) stays
//! in memory until a checkpoint can write it. Only a log that can't be read is not opened.

use std::sync::Arc;

use super::compaction::{self, Progress};
use super::disk::OpenMode;
use super::epochs::Epochs;
use super::error::LogError;
use super::files::Files;
use super::inventory::{self, Inventory};
use super::names::{self, Kind};
use super::partition::{Failure, Mark, Recent, Sealed, Shown, Writer};
use super::producers::Producers;
use super::ready::{Readiness, read_state};
use super::seek::Extent;
use super::segment::{Growth, Segment};
use super::settings::{LogSettings, OpenAs, OpenReport};
use super::span::Span;
use super::state_file::LogState;
use super::verified::Hole;
use super::walk::{Ending, Walk};
use crate::base::{Now, Offset};

/// A log as it was found.
pub(super) struct Recovered {
    pub writer: Writer,
    pub shown: Shown,
}

/// Where the walk begins.
struct Begin {
    /// The segment, by number; may be one behind the last.
    segment: usize,
    position: u64,
    offset: Offset,
}

pub(super) fn recover(
    files: &Arc<Files>,
    settings: &LogSettings,
    start: &OpenAs,
    now: Now,
    report: &mut OpenReport,
) -> Result<Recovered, LogError> {
    let mut in_dir = inventory::list(files)?;
    if compaction::settle(files, &in_dir, report)? {
        in_dir = inventory::list(files)?;
    }
    let was_compacted = in_dir.iter().any(|name| name == names::COMPACTION);
    let began_here = in_dir.iter().any(|name| name == names::BEGAN_HERE);
    let compaction = if was_compacted { Progress::read(files, report) } else { None };
    let gaps_below = compaction::gaps_below(compaction.as_ref(), settings);
    let mut found = inventory::take(files, &in_dir, report)?;
    let flush_failed = in_dir.iter().any(|name| name == names::FLUSH_FAILED);
    let (state, vouched) = newest_state(files, &mut found, report);
    let known_end = state.as_ref().map_or(Offset::ZERO, |state| state.next_offset);
    let known_end = known_end.max(vouched).max(start.recovery_point);
    let log_start = start.log_start.max(state.as_ref().map_or(Offset::ZERO, |state| state.log_start));
    if found.segments.is_empty() && log_start < known_end {
        // Retention never takes the last segment. An empty one in its place says where the hole is.
        stand_in(files, log_start, known_end, &mut found, report);
    }
    let mut segments: Vec<Arc<Segment>> = found
        .segments
        .iter()
        .map(|(base, bytes)| {
            let growth = Growth::new(*base, now.wall_ms, settings.index_interval_bytes);
            Arc::new(Segment::found(files, *base, *bytes, growth))
        })
        .collect();
    drop_below(&mut segments, log_start, report);
    if start.clean && !was_compacted {
        tell_gone(files, &segments, &found, report);
    }
    // Without a state nothing says how much was safe; after a clean stop everything was.
    let hole_below = if start.clean && state.is_none() { Offset(i64::MAX) } else { known_end };
    #[cfg(test)]
    let hole_below = match super::testing::is_left_out(super::testing::RecoveryRule::TailCut) {
        true => Offset(i64::MAX),
        false => hole_below,
    };
    let mut walk = Walk::new(files, gaps_below, start, hole_below, now, report);
    let is_ours = began_here || known_end > Offset::ZERO;
    if is_ours && compaction.is_none_or(|progress| progress == Progress::DAMAGED) {
        // Another broker's gaps lie below what was safe here already, and so do our own, wherever they are: only what a
        // checkpoint vouches for is compacted. Where a segment above ends too early, writes are lost, and those that came
        // after them go with them.
        walk.no_gaps_from = hole_below;
    }
    let mut begin = match &state {
        Some(state) => resume(&segments, state, &mut walk)?,
        None => Begin { segment: 0, position: 0, offset: segments.first().map_or(log_start, |first| first.base) },
    };
    if begin.segment == 0
        && let Some(first) = segments.first()
    {
        // The state may be older than the oldest segment that retention left.
        begin.offset = begin.offset.max(first.base);
    }
    if state.as_ref().is_some_and(|state| state.next_offset < begin.offset) {
        walk.producers.doubt();
    }
    read_epochs(files, &segments, &begin, &mut walk)?;
    if start.clean && begin_leaves_something(&segments, &begin) {
        walk.report.note(format!("{}: the last stop was not as clean as it should be", files.dir.display()));
    }
    let mut whole = walk_segments(&mut segments, &begin, &mut walk)?;
    // Offsets that were safe once are not given out again, even if their records are gone.
    if walk.next < known_end {
        lose(&segments, walk.next, known_end, walk.report);
        walk.producers.doubt();
        walk.next = known_end;
        whole = false;
    }
    if walk.next < log_start {
        walk.producers.doubt();
    }
    let touched = segments.get(begin.segment..).unwrap_or_default().to_vec();
    let Walk { next, producers, epochs, epochs_rebuilt, scanned_bytes, mut sealed, remains, .. } = walk;
    sealed.retain(|sealed| segments.iter().any(|segment| Arc::ptr_eq(segment, &sealed.segment)));
    report.scanned_bytes = scanned_bytes;
    let log_start = match segments.first() {
        Some(first) if start.clean && log_start < first.base => {
            let path = files.path(log_start, Kind::Log);
            let lost = Span { first: log_start, next: first.base };
            report.holes += 1;
            report.loss(format!("{lost} lost: {} is not there", path.display()));
            log_start
        }
        // Retention may have been faster than the last checkpoint.
        Some(first) => log_start.max(first.base),
        None => log_start,
    };
    let mut recovered = Assembly {
        files,
        settings,
        found,
        flush_failed,
        compaction,
        gaps_below,
        log_start,
        next,
        segments,
        whole,
        now,
    };
    recovered.sweep(state.as_ref(), report);
    let left = Left { producers, epochs, epochs_rebuilt, touched, sealed, remains, scanned: scanned_bytes > 0 };
    Ok(recovered.assemble(left, &begin, known_end, start.clean))
}

/// The newest state file that can be believed. Those that can't be, and newer ones, are removed; one that the disk does
/// not give stays, and its name vouches for what it was written for: everything below the offset, the second answer, was
/// durable.
fn newest_state(files: &Files, found: &mut Inventory, report: &mut OpenReport) -> (Option<LogState>, Offset) {
    let mut vouched = Offset::ZERO;
    while let Some(offset) = found.states.last().copied() {
        let path = files.path(offset, Kind::Producers);
        let verdict = match read_state(files, offset) {
            Ok(Ok(state)) if contradicts(&state, found) => {
                Err(format!("{} does not fit the log files", path.display()))
            }
            Ok(verdict) => verdict,
            Err(error) => {
                report.note(format!("{} can't be read, so more is read instead: {error}", path.display()));
                vouched = vouched.max(offset);
                found.states.remove(&offset);
                continue;
            }
        };
        match verdict {
            Ok(state) => return (Some(state), vouched),
            Err(why) => {
                report.note(why);
                inventory::sweep(files, &path, "is of no use", report);
                found.states.remove(&offset);
            }
        }
    }
    (None, vouched)
}

/// A segment begins inside the one that the state describes.
fn contradicts(state: &LogState, found: &Inventory) -> bool {
    state
        .segment
        .is_some_and(|summary| found.segments.iter().any(|(base, _)| summary.base < *base && *base < state.next_offset))
}

/// Takes over what the state file says.
fn resume(segments: &[Arc<Segment>], state: &LogState, walk: &mut Walk<'_>) -> Result<Begin, LogError> {
    walk.producers = state.producers.clone();
    walk.next = state.next_offset;
    let behind = segments.partition_point(|segment| segment.base < state.next_offset);
    let begin = Begin { segment: behind, position: 0, offset: state.next_offset };
    let Some(summary) = state.segment else { return Ok(begin) };
    let Some(n) = segments.iter().position(|segment| segment.base == summary.base) else {
        // Retention takes from the front only; where something older is left, this one was lost.
        if let Some(older) = behind.checked_sub(1) {
            let older = &segments[older];
            // More than the last one may be lost: it is looked up where the rest ends.
            let first = match walk.gaps_in(older) {
                true => summary.base,
                false => walk.end_of(older, summary.base).map_err(LogError::io("read", older.log_path()))?,
            };
            walk.report.loss(format!("{} is not there", walk.path_of(summary.base).display()));
            // It is the last one now, and nobody looks at its indexes after this.
            let extent = Extent { end: older.bytes(), bound: first, gaps: walk.gaps_in(older) };
            older.make_ready(extent).map_err(LogError::io("look at the indexes of", older.log_path()))?;
            walk.missing(older, older.bytes(), first, state.next_offset);
        }
        return Ok(begin);
    };
    let segment = &segments[n];
    let storage = |error| LogError::io("read", segment.log_path())(error);
    let file_bytes = segment.bytes();
    if file_bytes < summary.log_bytes {
        walk.report.note(format!(
            "{} is {} bytes shorter than it was",
            segment.log_path().display(),
            summary.log_bytes - file_bytes
        ));
        walk.survey(segment, file_bytes, state.next_offset, summary.growth.aborted)?;
        return Ok(begin);
    }
    let sealed = segments.get(n + 1).is_some_and(|next| next.base == state.next_offset);
    let exact = sealed || file_bytes == summary.log_bytes;
    if exact && n + 1 == segments.len() {
        // Nothing came after the state: whoever needs the indexes first looks at them.
        segment.be_told(&summary);
        return Ok(Begin { segment: n, position: summary.log_bytes, offset: state.next_offset });
    }
    if !segment.resume(&summary, exact).map_err(storage)? {
        walk.report.note(format!("the indexes of {} did not fit and were made anew", segment.log_path().display()));
        let rebuilt = segment.rebuild_indexes(summary.log_bytes, state.next_offset, walk.gaps_in(segment));
        rebuilt.map_err(LogError::io("rebuild the indexes of", segment.log_path()))?;
    }
    let extent = Extent { end: summary.log_bytes, bound: state.next_offset, gaps: walk.gaps_in(segment) };
    if file_bytes > summary.log_bytes && !segment.ends_right(extent).map_err(storage)? {
        walk.survey(segment, file_bytes, state.next_offset, summary.growth.aborted)?;
        let position = segment.bytes();
        if position == summary.log_bytes {
            // The index was wrong, or something was only misread.
            walk.report.note(format!("the indexes of {} did not fit and were made anew", segment.log_path().display()));
        } else {
            walk.report.note(format!("something has moved in {}", segment.log_path().display()));
            segment.set_bytes(file_bytes);
            return Ok(if sealed { begin } else { Begin { segment: n, position, offset: state.next_offset } });
        }
    }
    segment.check_aborted(extent).map_err(storage)?;
    segment.set_ready();
    if !sealed {
        segment.set_bytes(file_bytes);
        return Ok(Begin { segment: n, position: summary.log_bytes, offset: state.next_offset });
    }
    if file_bytes > summary.log_bytes {
        // Left by a write that was taken back before the next segment began.
        let cut = segment.cut(summary.log_bytes).and_then(|()| segment.hold_for_writing()?.sync_data());
        if let Err(error) = cut {
            walk.report.note(format!("{} can't be shortened: {error}", segment.log_path().display()));
        }
        segment.release();
    }
    // Its indexes may have been written since the last checkpoint, and are not known to be on disk.
    walk.sealed.push(Sealed { segment: Arc::clone(segment), next_offset: state.next_offset, state: None });
    Ok(begin)
}

fn begin_leaves_something(segments: &[Arc<Segment>], begin: &Begin) -> bool {
    segments.get(begin.segment..).unwrap_or_default().iter().any(|segment| segment.bytes() > 0)
        && segments.get(begin.segment).is_some_and(|segment| segment.bytes() > begin.position)
}

fn read_epochs(files: &Files, segments: &[Arc<Segment>], begin: &Begin, walk: &mut Walk<'_>) -> Result<(), LogError> {
    if let Some(epochs) = inventory::read_epochs(files, walk.report) {
        walk.epochs = epochs;
        walk.epochs.cut_end(begin.offset);
        return Ok(());
    }
    // What the walk does not come past is asked here.
    let unwalked = segments.partition_point(|segment| segment.base < begin.offset);
    let rebuilt = inventory::rebuild_epochs(&segments[..unwalked], begin.offset, walk.gaps_below);
    walk.epochs = rebuilt.map_err(LogError::io("read the batches in", &files.dir))?;
    walk.epochs_rebuilt = true;
    Ok(())
}

/// Walks everything from `begin` on. False if the last segment does not end where the log does.
fn walk_segments(segments: &mut Vec<Arc<Segment>>, begin: &Begin, walk: &mut Walk<'_>) -> Result<bool, LogError> {
    walk.next = begin.offset;
    let mut whole = begin.segment < segments.len() || begin.segment == 0;
    let mut n = begin.segment;
    while let Some(segment) = segments.get(n).cloned() {
        let position = if n == begin.segment { begin.position } else { 0 };
        let next_base = segments.get(n + 1).map(|next| next.base);
        match walk.segment(&segment, position, next_base)? {
            Ending::Whole => whole = true,
            Ending::Hole => whole = false,
            Ending::Cut => {
                walk.remains.extend(segments.drain(n + 1..).filter(|dropped| !drop_segment(dropped, walk.report)));
                // What could not be cut off must not end up behind a shorter append.
                whole = !segment.is_ragged();
            }
        }
        n += 1;
    }
    Ok(whole)
}

/// False if the disk refuses.
fn drop_segment(segment: &Segment, report: &mut OpenReport) -> bool {
    report.cut_bytes += segment.bytes();
    let path = segment.log_path();
    let removed = segment.remove();
    match &removed {
        Ok(()) => report.note(format!("{} was removed: it follows a torn tail", path.display())),
        Err(error) => report.note(format!("{} follows a torn tail, but can't be removed: {error}", path.display())),
    }
    removed.is_ok()
}

/// Offsets at the end of the log that were safe once and are not there.
fn lose(segments: &[Arc<Segment>], first: Offset, next: Offset, report: &mut OpenReport) {
    let Some(last) = segments.last() else { return };
    report.holes += 1;
    report.loss(format!("{} lost: they are missing at the end of the log", Span { first, next }));
    let position = last.bytes();
    last.verified.lock().add_hole(Hole { position, resume: position, first, next });
}

/// Of a log that reached `known_end` no segment is left: it goes on with an empty one.
fn stand_in(files: &Files, log_start: Offset, known_end: Offset, found: &mut Inventory, report: &mut OpenReport) {
    let path = files.path(log_start, Kind::Log);
    report.loss(format!("{} is not there, nor is any later one up to offset {known_end}", path.display()));
    match files.disk.open(&path, OpenMode::Create) {
        Ok(_) => found.segments.push((log_start, 0)),
        Err(error) => report.note(format!("{} can't be made: {error}", path.display())),
    }
}

/// Segments in the middle that are gone: their readers will hear of it, and whoever starts the broker hears of it now.
fn tell_gone(files: &Files, segments: &[Arc<Segment>], found: &Inventory, report: &mut OpenReport) {
    for gone in &found.logless {
        let next = segments.partition_point(|segment| segment.base < *gone);
        if let (1.., Some(next)) = (next, segments.get(next)) {
            let lost = Span { first: *gone, next: next.base };
            report.holes += 1;
            report.loss(format!("{lost} lost: {} is not there", files.path(*gone, Kind::Log).display()));
        }
    }
}

/// Segments that were trimmed away, or aged out, may come back by a crash, and not whole: they are not looked at.
fn drop_below(segments: &mut Vec<Arc<Segment>>, log_start: Offset, report: &mut OpenReport) {
    let below = (1..segments.len()).take_while(|n| segments[*n].base <= log_start).count();
    drop_all(segments.drain(..below), report);
}

fn drop_all(gone: impl Iterator<Item = Arc<Segment>>, report: &mut OpenReport) {
    for segment in gone {
        if let Err(error) = segment.remove() {
            let path = segment.log_path();
            report.note(format!("{} lies below the log start, but can't be removed: {error}", path.display()));
        }
    }
}

/// What the walk leaves beside the segments.
struct Left {
    producers: Producers,
    epochs: Epochs,
    epochs_rebuilt: bool,
    touched: Vec<Arc<Segment>>,
    sealed: Vec<Sealed>,
    remains: Vec<Arc<Segment>>,
    scanned: bool,
}

/// Everything found, on its way to a log.
struct Assembly<'a> {
    files: &'a Arc<Files>,
    settings: &'a LogSettings,
    found: Inventory,
    flush_failed: bool,
    compaction: Option<Progress>,
    gaps_below: Offset,
    log_start: Offset,
    next: Offset,
    segments: Vec<Arc<Segment>>,
    /// The last segment ends where the log does.
    whole: bool,
    now: Now,
}

impl Assembly<'_> {
    /// If the log was trimmed further than what is left, it goes on where it was trimmed to. States that serve
    /// nothing are removed.
    fn sweep(&mut self, state: Option<&LogState>, report: &mut OpenReport) {
        if self.next < self.log_start {
            report.note(format!("the log starts at {}, behind all that was found", self.log_start));
            drop_all(self.segments.drain(..), report);
            self.next = self.log_start;
        }
        let newest = state.map(|state| state.next_offset);
        let bases: Vec<Offset> = self.segments.iter().map(|segment| segment.base).collect();
        let serves = |offset: &Offset| newest == Some(*offset) || bases.binary_search(offset).is_ok();
        let files = self.files;
        self.found.states.retain(|offset| serves(offset) || files.remove(*offset, Kind::Producers).is_err());
    }

    fn assemble(self, left: Left, begin: &Begin, known_end: Offset, clean: bool) -> Recovered {
        let Left { mut producers, mut epochs, epochs_rebuilt, mut touched, sealed, remains, scanned } = left;
        let before = epochs.clone();
        epochs.cut_end(self.next);
        epochs.cut_start(self.log_start);
        producers.expire(self.now.wall_ms, self.settings.producer_expiration_ms);
        let last = self.segments.last();
        touched.retain(|segment| {
            last.is_some_and(|last| last.base != segment.base) && self.segments.iter().any(|s| Arc::ptr_eq(s, segment))
        });
        if let Some(last) = last
            && *last.readiness.lock() == Readiness::Unseen
        {
            last.set_ready();
        }
        let end = Mark {
            offset: self.next,
            segment: last.map(|last| last.base),
            position: last.map_or(0, |last| last.bytes()),
            total: 0,
        };
        // What was walked over may not be on disk yet, whatever the page cache shows.
        let flushed = match scanned {
            true => {
                let segment = self.segments.get(begin.segment).filter(|_| begin.position > 0);
                let segment = segment.map(|segment| segment.base);
                Mark { offset: begin.offset.min(self.next), segment, position: begin.position, total: 0 }
            }
            false => end,
        };
        let failure = (!remains.is_empty()).then(|| Failure {
            reason: "what follows a torn tail can't be removed".to_owned(),
            is_full: false,
            probe_at_ms: None,
        });
        let writer = Writer {
            settings: self.settings.clone(),
            next_offset: self.next,
            producers,
            epochs_unsaved: epochs != before || (epochs_rebuilt && !epochs.entries().is_empty()),
            epochs,
            unsynced: touched,
            // Nor may the names be, which only a clean stop has synced.
            names_made: u64::from(scanned || !clean),
            names_synced: 0,
            sealed,
            states: self.found.states,
            floor: end,
            failure,
            failing: false,
            rewind_due: None,
            remains,
            must_roll: !self.whole,
            compaction: self.compaction,
            unsafe_below: None,
            flush_failed: self.flush_failed,
            write_again: self.flush_failed && scanned,
            left_behind: false,
        };
        let shown = Shown {
            segments: self.segments,
            log_start: self.log_start,
            end,
            flushed,
            recovery_point: known_end.min(self.next),
            recent: Recent::default(),
            gaps_below: self.gaps_below,
        };
        Recovered { writer, shown }
    }
}
