//! What lies in a partition's directory when it is opened.
//!
//! Sweeps away what can't be of use (half-written files, indexes without a log), keeps and reports what is none of
//! ours, and reads no log data but for a lost epoch file, which single headers bring back.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::epochs::Epochs;
use super::error::LogError;
use super::files::Files;
use super::names::{self, Kind, Meaning};
use super::scan::{Step, Verify};
use super::seek::Extent;
use super::segment::Segment;
use super::settings::OpenReport;
use super::whole_file;
use crate::base::{LeaderEpoch, Offset};
use crate::record::{BatchHeader, HEADER_BYTES};

#[derive(Debug, Default)]
pub(super) struct Inventory {
    /// Base offset and length of each log file, in order.
    pub segments: Vec<(Offset, u64)>,
    pub states: BTreeSet<Offset>,
    /// Segments with an index and no log file.
    pub logless: BTreeSet<Offset>,
}

/// The names in the directory, which is made if it is missing.
pub(super) fn list(files: &Files) -> Result<Vec<String>, LogError> {
    match files.disk.list(&files.dir) {
        Ok(names) => Ok(names),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_dir(files).map_err(LogError::io("make the directory", &files.dir))?;
            Ok(Vec::new())
        }
        Err(error) => Err(LogError::io("list", &files.dir)(error)),
    }
}

pub(super) fn take(files: &Files, names: &[String], report: &mut OpenReport) -> Result<Inventory, LogError> {
    let (disk, dir) = (&*files.disk, &files.dir);
    let mut inventory = Inventory::default();
    let mut beside = Vec::new();
    for name in names {
        match names::meaning(name) {
            Meaning::Segment(base, Kind::Log) => {
                let path = dir.join(name);
                let facts = disk.facts(&path).map_err(|error| LogError::io("look at", &path)(error))?;
                match facts.is_dir {
                    true => report.note(format!("{} is a directory; it is left alone", path.display())),
                    false => inventory.segments.push((base, facts.bytes)),
                }
            }
            Meaning::Segment(offset, Kind::Producers) => {
                inventory.states.insert(offset);
            }
            Meaning::Segment(base, kind) => beside.push((base, kind)),
            Meaning::LeaderEpochs | Meaning::PartitionMetadata => {}
            Meaning::Compaction | Meaning::FlushFailed | Meaning::BeganHere => {}
            Meaning::Temporary | Meaning::Cleaned(..) => {
                sweep(files, &dir.join(name), "was never finished", report);
            }
            // `compaction::settle` came before and left none; one that is there nevertheless is not touched.
            Meaning::Swap { .. } => {}
            Meaning::Foreign => report.note(format!("{} is none of ours; it is kept", dir.join(name).display())),
        }
    }
    inventory.segments.sort_unstable();
    for (base, kind) in beside {
        if inventory.segments.binary_search_by_key(&base, |(base, _)| *base).is_err() {
            sweep(files, &files.path(base, kind), "belongs to no log file", report);
            inventory.logless.insert(base);
        }
    }
    Ok(inventory)
}

fn make_dir(files: &Files) -> io::Result<()> {
    files.disk.create_dir(&files.dir)?;
    match files.dir.parent() {
        Some(parent) if parent != Path::new("") => files.disk.sync_dir(parent),
        _ => Ok(()),
    }
}

/// Removes a file of ours that is of no use. If that fails it is of no use still.
pub(super) fn sweep(files: &Files, path: &Path, why: &str, report: &mut OpenReport) {
    match files.disk.remove(path) {
        Ok(()) => report.note(format!("{} {why}; it was removed", path.display())),
        Err(error) => report.note(format!("{} {why}, but can't be removed: {error}", path.display())),
    }
}

/// The epochs as their file has them; `None` if it is missing, damaged or out of reach.
pub(super) fn read_epochs(files: &Files, report: &mut OpenReport) -> Option<Epochs> {
    let path = files.dir.join(names::LEADER_EPOCHS);
    match whole_file::read_as(&*files.disk, &path, Epochs::from_text) {
        Ok(epochs) => {
            if epochs.is_none() {
                report.note(format!("{} is damaged; it is made anew from the batches", path.display()));
            }
            epochs
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            report.note(format!("{} can't be read; it is made anew from the batches: {error}", path.display()));
            None
        }
    }
}

/// Epochs from the batches: one header per segment, and only where two of them differ all that lie between.
pub(super) fn rebuild_epochs(segments: &[Arc<Segment>], end: Offset, gaps_below: Offset) -> io::Result<Epochs> {
    let mut epochs = Epochs::default();
    for (n, segment) in segments.iter().enumerate() {
        let next = segments.get(n + 1);
        let Some(first) = first_epoch(segment)? else { continue };
        epochs.assign(first, segment.base);
        let next_first = match next {
            Some(next) => first_epoch(next)?,
            None => None,
        };
        if next.is_some() && next_first == Some(first) {
            continue;
        }
        let bound = next.map_or(end, |next| next.base);
        let file = segment.log_file()?;
        let extent = Extent { end: segment.bytes(), bound, gaps: segment.base < gaps_below };
        let mut scanner = segment.scanner(&*file, 0, segment.base, extent, Verify::Nothing);
        loop {
            match scanner.step()? {
                Step::Batch { header, .. } => {
                    epochs.assign(header.leader_epoch, header.base_offset);
                }
                Step::Damage { .. } if scanner.skip_damage()? => {}
                Step::Damage { .. } | Step::End => break,
            }
        }
    }
    Ok(epochs)
}

fn first_epoch(segment: &Segment) -> io::Result<Option<LeaderEpoch>> {
    let mut head = [0; HEADER_BYTES];
    let filled = segment.log_file()?.read_up_to(0, &mut head)?;
    Ok(BatchHeader::parse(&head[..filled]).ok().map(|header| header.leader_epoch))
}
