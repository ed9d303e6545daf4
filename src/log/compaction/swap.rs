//! A compacted segment takes the place of those it was made from, in one step that no crash can halve.
//!
//! Everything was written and synced under names ending in `.cleaned`. Renaming the log file to
//! `<base>-<next>.swap` is the step: before it the old segments count, after it the new one, and what is left to do
//! (removing the old files, giving the others their names, the log's own last) can be done again by the next start as
//! often as it takes. The directory is synced after each of the three.

use std::io;

use super::cleaned;
use crate::base::Offset;
use crate::log::error::LogError;
use crate::log::files::Files;
use crate::log::names::{self, Kind, Meaning};
use crate::log::settings::OpenReport;

/// The segments from `base` up to `next` become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Swap {
    pub base: Offset,
    pub next: Offset,
}

/// What whoever removes or replaces sealed segments must know.
#[derive(Debug, Default)]
pub(in crate::log) struct Layout {
    /// In force, but the disk refused a part of what was left to do.
    unfinished: Option<Unfinished>,
    /// Segments that can't be read whole, which compaction leaves as they are.
    pub(super) left_alone: std::collections::BTreeSet<Offset>,
}

#[derive(Debug)]
struct Unfinished {
    swap: Swap,
    /// Goes by the names it does not have yet.
    segment: std::sync::Arc<crate::log::segment::Segment>,
}

impl Layout {
    /// Does what is left to do of a swap; what fails again is tried again later.
    pub fn finish(&mut self, files: &Files) {
        let Some(unfinished) = &self.unfinished else { return };
        match unfinished.swap.finish(files) {
            Ok(()) => {
                unfinished.segment.unpin();
                self.unfinished = None;
            }
            Err(error) => ::log::warn!("{}: a compacted segment can't get its name: {error}", files.dir.display()),
        }
    }

    pub(super) fn must_finish(&mut self, swap: Swap, segment: std::sync::Arc<crate::log::segment::Segment>) {
        self.unfinished = Some(Unfinished { swap, segment });
    }

    /// Whether a compaction may begin. One whose step failed may have left its file, and a start would take that for
    /// the newer one.
    pub(super) fn is_ready(&mut self, files: &Files) -> Result<bool, LogError> {
        self.finish(files);
        if !self.is_finished() {
            return Ok(false);
        }
        let dir = &files.dir;
        let removed = files.while_ours(|| {
            let names = files.disk.list(dir)?;
            let left: Vec<&String> =
                names.iter().filter(|name| matches!(names::meaning(name), Meaning::Swap { .. })).collect();
            for name in &left {
                files.disk.remove(&dir.join(name))?;
            }
            if left.is_empty() { Ok(()) } else { files.disk.sync_dir(dir) }
        });
        removed.map(|()| true).map_err(LogError::io("tidy up", dir))
    }

    pub(super) fn is_finished(&self) -> bool {
        self.unfinished.is_none()
    }
}

impl Swap {
    /// The step. After an error the old segments count, and nothing is left of the new one.
    pub fn commit(&self, files: &Files) -> Result<(), LogError> {
        let (disk, dir) = (&*files.disk, &files.dir);
        let written = cleaned::path(files, self.base, Kind::Log);
        let swap = dir.join(names::swap(self.base, self.next));
        let synced = files.while_ours(|| disk.sync_dir(dir));
        if let Err(source) = synced.and_then(|()| files.while_ours(|| disk.rename(&written, &swap))) {
            cleaned::discard(files, self.base, self.next);
            return Err(LogError::io("rename", written)(source));
        }
        if let Err(source) = files.while_ours(|| disk.sync_dir(dir)) {
            // It may have reached the disk. Should it come back after a crash, it must find what belongs to it.
            let undone = files.while_ours(|| disk.remove(&swap)).and_then(|()| disk.sync_dir(dir));
            if undone.is_ok() {
                cleaned::discard(files, self.base, self.next);
            }
            return Err(LogError::io("flush", dir)(source));
        }
        Ok(())
    }

    /// What is left to do, all or the rest of it.
    pub fn finish(&self, files: &Files) -> io::Result<()> {
        let (disk, dir) = (&*files.disk, &files.dir);
        let replaced = |at: Offset| self.base < at && at < self.next;
        for name in files.while_ours(|| disk.list(dir))? {
            let path = dir.join(&name);
            match names::meaning(&name) {
                Meaning::Segment(at, _) if replaced(at) => gone(files.while_ours(|| disk.remove(&path)))?,
                Meaning::Cleaned(at, kind) => {
                    let ours = if kind == Kind::Producers { at == self.next } else { at == self.base };
                    if ours && kind != Kind::Log {
                        files.while_ours(|| disk.rename(&path, &files.path(at, kind)))?;
                    }
                }
                _ => {}
            }
        }
        files.while_ours(|| disk.sync_dir(dir))?;
        let swap = dir.join(names::swap(self.base, self.next));
        files.while_ours(|| disk.rename(&swap, &files.path(self.base, Kind::Log)))?;
        files.while_ours(|| disk.sync_dir(dir))
    }
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Brings to an end what a crash interrupted, before anything is looked at. True if there was something: the names in
/// the directory are others then.
pub(in crate::log) fn settle(files: &Files, names: &[String], report: &mut OpenReport) -> Result<bool, LogError> {
    let swaps = names.iter().filter_map(|name| match names::meaning(name) {
        Meaning::Swap { base, next } => Some(Swap { base, next }),
        _ => None,
    });
    let mut swaps: Vec<Swap> = swaps.collect();
    swaps.sort_unstable();
    for swap in &swaps {
        swap.finish(files).map_err(LogError::io("finish the compaction in", &files.dir))?;
        let (dir, base, next) = (files.dir.display(), swap.base, swap.next);
        report.note(format!("{dir}: the compaction of offsets {base} up to (not including) {next} was finished"));
    }
    Ok(!swaps.is_empty())
}
