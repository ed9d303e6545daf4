//! Making appended data durable, without holding up appends.
//!
//! One flush at a time per log: what a failed fsync says, it says once, so nobody else may ask meanwhile. A flush
//! counts what was appended before it began. Its two halves are public as a ticket, so that many logs can share one
//! `syncfs`; [`flush_many`] does that. A failed fsync is never tried again on the same file: under `fsync` the log is
//! cut to its last flushed end (nobody has seen more), under `os` everything stays and is written once more before it is
//! synced, and both go on in a new segment.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::bounds::{CUTS_REMEMBERED, FLUSH_SINGLY_MAX};
use super::disk::{Disk, DiskFile, OpenMode};
use super::error::LogError;
use super::names;
use super::partition::{Mark, PartitionLog, Writer};
use super::segment::Segment;
use super::settings::FlushPolicy;
use super::walk;
use crate::base::Offset;

/// A flush that has begun: what it covers is fixed, the disk has not been asked yet. Dropping it gives up.
#[derive(Debug)]
pub struct FlushTicket<'a> {
    pub(super) log: &'a PartitionLog,
    end: Mark,
    segments: Vec<Arc<Segment>>,
    names_made: Option<u64>,
    _turn: Turn<'a>,
}

/// The right to flush; one at a time has it.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    log: &'a PartitionLog,
}

impl PartitionLog {
    /// Makes everything appended so far durable; gives the flushed end, which can lie further. Several threads may
    /// call it: who comes while a flush runs waits for it, and then flushes only if there is more.
    pub fn flush(&self) -> Result<Offset, LogError> {
        let ticket = self.begin_flush()?;
        match ticket.sync() {
            Ok(()) => Ok(ticket.finish()),
            Err((path, source)) => Err(ticket.fail(path, source)),
        }
    }

    /// Waits for a flush that runs, and begins another. Who holds several tickets must have taken them in the order
    /// of [`PartitionLog::serial`], as [`flush_many`] does.
    pub fn begin_flush(&self) -> Result<FlushTicket<'_>, LogError> {
        let turn = self.take_turn();
        let mut writer = self.writer.lock();
        self.check_retired()?;
        self.write_again(&mut writer)?;
        Ok(self.ticket(turn, &writer))
    }

    /// What a refused sync left undone, and no cut could take away, is written once more, and its sync is due again.
    pub(super) fn write_again(&self, writer: &mut Writer) -> Result<(), LogError> {
        if !writer.write_again {
            return Ok(());
        }
        let (segments, flushed) = {
            let shown = self.shown.read();
            (shown.segments.clone(), shown.flushed)
        };
        let floor = writer.floor;
        let is_due = |base: Offset| base >= flushed.offset || Some(base) == flushed.segment;
        for segment in segments.iter().filter(|segment| is_due(segment.base) && Some(segment.base) <= floor.segment) {
            let from = if Some(segment.base) == flushed.segment { flushed.position } else { 0 };
            let upto = if Some(segment.base) == floor.segment { floor.position } else { segment.bytes() };
            segment.write_again(from, upto).map_err(LogError::io("write again", segment.log_path()))?;
            let is_active = segments.last().is_some_and(|active| Arc::ptr_eq(active, segment));
            if !is_active && !writer.unsynced.iter().any(|unsynced| Arc::ptr_eq(unsynced, segment)) {
                writer.unsynced.push(Arc::clone(segment));
            }
        }
        (writer.write_again, writer.unsafe_below) = (false, None);
        Ok(())
    }

    /// Waits until nobody flushes; nobody else does until the turn is dropped.
    pub(super) fn take_turn(&self) -> Turn<'_> {
        let mut flushing = self.flushing.lock();
        while *flushing {
            self.flush_ended.wait(&mut flushing);
        }
        *flushing = true;
        Turn { log: self }
    }

    /// A ticket for what was appended so far. It covers no more than this: what is said of the log at the end of the
    /// flush must have been looked at under the same hold of the writer's lock.
    pub(super) fn ticket<'a>(&'a self, turn: Turn<'a>, writer: &Writer) -> FlushTicket<'a> {
        let shown = self.shown.read();
        let mut segments = writer.unsynced.clone();
        if let Some(active) = shown.active() {
            active.tidy();
            let flushed = if shown.flushed.segment == Some(active.base) { shown.flushed.position } else { 0 };
            if (active.take_shortened() || active.bytes() > flushed) && !active.is_abandoned() {
                segments.push(Arc::clone(active));
            }
        }
        let names_made = (writer.names_made > writer.names_synced).then_some(writer.names_made);
        FlushTicket { log: self, end: shown.end, segments, names_made, _turn: turn }
    }

    /// The log ends where it was last flushed; everything behind is gone, from the files as from every state.
    fn cut_to_flushed(&self, writer: &mut Writer) {
        let (mark, dropped, kept, gaps_below) = {
            let mut shown = self.shown.write();
            if shown.flushed.offset < writer.floor.offset {
                writer.unsafe_below = Some(writer.floor.offset);
                writer.write_again = true;
            }
            // What a start found whole is kept, even if it could not be flushed again: part of it was acknowledged.
            // At the same offset the floor knows its segment, which what was flushed before the start may not.
            let mark = if shown.flushed.offset <= writer.floor.offset { writer.floor } else { shown.flushed };
            let keep = shown.segments.partition_point(|segment| Some(segment.base) <= mark.segment);
            let dropped = shown.segments.split_off(keep);
            shown.end = mark;
            shown.recent.clear();
            (mark, dropped, shown.segments.clone(), shown.gaps_below)
        };
        // A name whose removal is not durable comes back with the power, and with it what was taken back.
        writer.names_made += u64::from(!dropped.is_empty());
        for segment in dropped {
            if let Err(error) = segment.remove() {
                ::log::warn!("can't remove {}: {error}", segment.log_path().display());
                writer.left_behind = true;
                writer.remains.push(segment);
            }
        }
        if let Some(segment) = kept.last() {
            // Should the disk refuse, the segment still ends there for this process; the next start cuts what is
            // left behind the first offset of the segment after it.
            match segment.cut(mark.position) {
                // What the sync was for is gone; that it is gone must be made durable, too.
                Ok(()) => segment.sync_again(),
                Err(error) => {
                    ::log::warn!("can't shorten {}: {error}", segment.log_path().display());
                    writer.left_behind = true;
                }
            }
        }
        writer.unsynced.clear();
        writer.sealed.retain(|sealed| sealed.next_offset <= mark.offset);
        if kept.is_empty() {
            // The state of this moment may know an older log start, below which segments would seem to be missing now.
            writer.states.remove(&mark.offset);
        }
        walk::rewind(&self.files, writer, &kept, mark, gaps_below);
        writer.must_roll = true;
        // A transaction may be open again that had ended.
        self.undecided.store(true, Ordering::Release);
        let mut history = self.cut_history.lock();
        if history.len() == CUTS_REMEMBERED {
            history.pop_front();
        }
        history.push_back((self.cuts() + 1, mark.offset));
        self.cuts.fetch_add(1, Ordering::Release);
    }
}

impl FlushTicket<'_> {
    /// Whether the disk must be asked at all.
    pub fn is_needed(&self) -> bool {
        !self.segments.is_empty() || self.names_made.is_some()
    }

    /// Asks the disk, file by file. A failure names its file and must be given to [`FlushTicket::fail`].
    pub fn sync(&self) -> Result<(), (PathBuf, io::Error)> {
        let files = &self.log.files;
        for segment in &self.segments {
            let synced = segment.hold_for_writing().and_then(|file: Arc<dyn DiskFile>| file.sync_data());
            match synced {
                // Retention can be faster.
                Err(_) if segment.is_abandoned() => {}
                synced => synced.map_err(|error| (segment.log_path(), error))?,
            }
        }
        if self.names_made.is_some() {
            files.disk.sync_dir(&files.dir).map_err(|error| (files.dir.clone(), error))?;
        }
        Ok(())
    }

    /// Nobody synced anything: the next ticket covers it.
    pub(super) fn abandon(self) {
        self.segments.iter().for_each(|segment| segment.give_back_shortened());
    }

    /// What the ticket covers is durable. Gives the flushed end.
    pub fn finish(self) -> Offset {
        let mut writer = self.log.writer.lock();
        writer.unsynced.retain(|unsynced| {
            let synced = self.segments.iter().any(|segment| Arc::ptr_eq(segment, unsynced));
            if synced {
                unsynced.release();
            }
            !synced
        });
        if let Some(made) = self.names_made {
            writer.names_synced = made;
        }
        let files = &self.log.files;
        // What could not be taken away may look whole to the next start, which must write it again.
        if writer.flush_failed && !writer.left_behind && files.disk.remove(&files.dir.join(names::FLUSH_FAILED)).is_ok()
        {
            writer.flush_failed = false;
        }
        self.log.shown.write().flushed = self.end;
        self.end.offset
    }

    /// The disk refused. Under `fsync` this cuts the log to its last flushed end.
    pub fn fail(self, path: PathBuf, source: io::Error) -> LogError {
        let log = self.log;
        let mut writer = log.writer.lock();
        let error = log.failed(&mut writer, LogError::Io { doing: "flush", path, source });
        // Should the process end before what was not synced is cut or written again, the next one does it.
        let note = log.files.dir.join(names::FLUSH_FAILED);
        writer.flush_failed |= log.files.disk.open(&note, OpenMode::Create).is_ok();
        self.segments.iter().for_each(|segment| segment.abandon());
        match writer.settings.flush_policy {
            FlushPolicy::Fsync => log.cut_to_flushed(&mut writer),
            FlushPolicy::Os => {
                // Nothing is cut: readers have seen it. All of it is written once more before the next sync.
                writer.unsynced.retain(|unsynced| !self.segments.iter().any(|s| Arc::ptr_eq(s, unsynced)));
                writer.floor = log.shown.read().end;
                (writer.unsafe_below, writer.write_again) = (Some(writer.next_offset), true);
                writer.must_roll = true;
            }
        }
        error
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.log.flushing.lock() = false;
        self.log.flush_ended.notify_one();
    }
}

/// Flushes several logs that lie on one file system; beyond a few that is one `syncfs`. Results in the order given.
pub fn flush_many(disk: &dyn Disk, logs: &[&PartitionLog]) -> Vec<Result<Offset, LogError>> {
    let mut order: Vec<usize> = (0..logs.len()).collect();
    order.sort_by_key(|n| logs[*n].serial);
    order.dedup_by_key(|n| logs[*n].serial);
    let mut results: Vec<Option<Result<Offset, LogError>>> = logs.iter().map(|_| None).collect();
    let mut tickets = Vec::new();
    for n in order {
        match logs[n].begin_flush() {
            Ok(ticket) => tickets.push((n, ticket)),
            Err(error) => results[n] = Some(Err(error)),
        }
    }
    let dirty = tickets.iter().filter(|(_, ticket)| ticket.is_needed()).count();
    let together = dirty > FLUSH_SINGLY_MAX && sync_together(disk, &tickets);
    for (n, ticket) in tickets {
        let synced = if together || !ticket.is_needed() { Ok(()) } else { ticket.sync() };
        results[n] = Some(match synced {
            Ok(()) => Ok(ticket.finish()),
            Err((path, source)) => Err(ticket.fail(path, source)),
        });
    }
    // A log that was named twice was flushed once.
    results.into_iter().enumerate().map(|(n, result)| result.unwrap_or_else(|| Ok(logs[n].flushed_end()))).collect()
}

/// One `syncfs` for all. If it fails, each file is asked: what failed is still told there, file by file.
fn sync_together(disk: &dyn Disk, tickets: &[(usize, FlushTicket<'_>)]) -> bool {
    let Some((_, first)) = tickets.first() else { return true };
    match disk.sync_fs(&first.log.files.dir) {
        Ok(()) => true,
        Err(error) => {
            if error.kind() != io::ErrorKind::Unsupported {
                ::log::warn!("syncfs on {} failed: {error}", first.log.files.dir.display());
            }
            false
        }
    }
}
