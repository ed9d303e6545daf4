//! The transaction index of a segment, checked against what was counted, and made anew from the batches.
//!
//! It is never believed by itself: a transaction that is missing there is one whose aborted records readers are given.
//! What was counted stands in the state file of the segment's end; where that is lost, too, the batches are asked. A
//! transaction may have begun in an earlier segment: the state file of the segment's start knows, or else an older one and
//! the batches from there on.

use std::io;
use std::path::PathBuf;

use super::bounds::SCAN_WINDOW_BYTES;
use super::disk::OpenMode;
use super::files::Files;
use super::names::{self, Kind, Meaning};
use super::producers::Producers;
use super::ready::read_state;
use super::scan::{Region, Scanner, Step, Verify};
use super::seek::Extent;
use super::segment::{Growth, Segment};
use super::txn_index::{self, AbortedTxn, Tally};
use super::walk::note_producer;
use crate::base::Offset;
use crate::record::BatchHeader;

impl Segment {
    /// The aborted transactions whose markers are in this segment. What was misread is read again.
    pub fn aborted(&self) -> io::Result<Vec<AbortedTxn>> {
        for _ in 0..2 {
            if let Some(entries) = self.aborted_as_counted()? {
                return Ok(entries);
            }
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, "the transaction index is not what was written"))
    }

    /// `None` if the index is another than the one that was counted.
    pub fn aborted_as_counted(&self) -> io::Result<Option<Vec<AbortedTxn>>> {
        let counted = self.growth().aborted;
        if counted.count == 0 {
            return Ok(Some(Vec::new()));
        }
        let mut entries = txn_index::read(&self.files, self.base)?;
        entries.truncate(counted.count as usize);
        Ok((Tally::of(&entries) == counted).then_some(entries))
    }

    /// Makes the transaction index anew if it is not the one that was counted.
    pub fn check_aborted(&self, extent: Extent) -> io::Result<()> {
        if self.aborted_as_counted()?.is_some() {
            return Ok(());
        }
        ::log::warn!("{}: its transaction index is made anew", self.log_path().display());
        self.remake_aborted(extent)
    }

    /// Makes the transaction index anew from the batches, given the transactions that were open where the segment begins.
    pub fn remake_aborted(&self, extent: Extent) -> io::Result<()> {
        let mut producers = producers_at(&self.files, self.base)?;
        let mut found = Vec::new();
        let file = self.log_file()?;
        let scanner = self.scanner(&*file, 0, self.base, extent, Verify::Everything);
        each_batch(scanner, |position, header| {
            found.extend(note_producer(&mut producers, &*file, position, header, 0)?);
            Ok(())
        })?;
        txn_index::truncate(&self.files, self.base, &Tally::default())?;
        self.set_growth(Growth { aborted: Tally::default(), ..self.growth() });
        for aborted in &found {
            self.write_abort(aborted)?;
            self.count_abort(aborted);
        }
        Ok(())
    }
}

/// The producers as they were where the log reached `offset`: from the newest state up to it, and the batches since.
fn producers_at(files: &Files, offset: Offset) -> io::Result<Producers> {
    let in_dir = files.while_ours(|| files.disk.list(&files.dir))?;
    let (mut producers, mut from) = (Producers::default(), Offset::ZERO);
    let mut states: Vec<Offset> =
        in_dir.iter().filter_map(|name| state_name(name)).filter(|at| *at <= offset).collect();
    states.sort_unstable();
    for at in states.into_iter().rev() {
        if let Ok(state) = read_state(files, at)? {
            (producers, from) = (state.producers, at);
            break;
        }
    }
    let logs = logs(files, &in_dir);
    for (n, (base, path)) in logs.iter().enumerate() {
        let bound = logs.get(n + 1).map_or(offset, |(next, _)| *next).min(offset);
        if bound <= from || *base >= offset {
            continue;
        }
        let file = match files.while_ours(|| files.disk.open(path, OpenMode::Read)) {
            // Retention is faster.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened?,
        };
        let verify = Verify::Everything;
        let region = Region { start: 0, end: file.len()?, expected: *base, bound, gaps: true, verify };
        each_batch(Scanner::new(&*file, region, SCAN_WINDOW_BYTES), |position, header| {
            if header.base_offset >= from {
                note_producer(&mut producers, &*file, position, header, 0)?;
            }
            Ok(())
        })?;
    }
    Ok(producers)
}

fn state_name(name: &str) -> Option<Offset> {
    match names::meaning(name) {
        Meaning::Segment(offset, Kind::Producers) => Some(offset),
        _ => None,
    }
}

/// The log files in order. One that compaction has put in force goes by another name until it has its own.
fn logs(files: &Files, in_dir: &[String]) -> Vec<(Offset, PathBuf)> {
    let (mut logs, mut swaps) = (Vec::new(), Vec::new());
    for name in in_dir {
        match names::meaning(name) {
            Meaning::Segment(base, Kind::Log) => logs.push((base, files.dir.join(name))),
            Meaning::Swap { base, next } => swaps.push((base, next, files.dir.join(name))),
            _ => {}
        }
    }
    for (base, next, path) in swaps {
        logs.retain(|(at, _)| *at < base || next <= *at);
        logs.push((base, path));
    }
    logs.sort_unstable();
    logs
}

/// Shows all good batches.
fn each_batch(mut scanner: Scanner<'_>, mut visit: impl FnMut(u64, &BatchHeader) -> io::Result<()>) -> io::Result<()> {
    loop {
        match scanner.step()? {
            Step::Batch { position, header } => visit(position, &header)?,
            Step::Damage { .. } if scanner.skip_damage()? => {}
            Step::Damage { .. } | Step::End => return Ok(()),
        }
    }
}
