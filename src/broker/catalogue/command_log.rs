//! The list of commands as a local file: one line each, checksummed, fsynced before it counts.
//!
//! ```text
//! 5a1b2c3d {"index":7,"term":0,"command":{"CreateTopic":{...}}}
//! ```
//!
//! The first line may be a snapshot of all that came before, so that the file does not grow for ever. A line that
//! a crash cut short is dropped (it was never answered for); one that was damaged later is reported and left out.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::replay::{Finding, Replay};
use super::{Catalogue, Command, Rejected};
use crate::log::whole_file;
use crate::log::{Disk, DiskFile, OpenMode};
use crate::record::crc32c;

/// Commands behind the snapshot before a new one takes their place.
const COMMANDS_PER_SNAPSHOT: u64 = 1000;

#[derive(Serialize, Deserialize)]
pub(super) struct Entry<'a> {
    pub index: u64,
    pub term: u64,
    #[serde(flatten)]
    pub what: What<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum What<'a> {
    Command(std::borrow::Cow<'a, Command>),
    Snapshot(std::borrow::Cow<'a, Catalogue>),
}

#[derive(Debug, thiserror::Error)]
pub enum CommandLogError {
    #[error("{0}")]
    Rejected(#[from] Rejected),
    #[error("{path} can't be written ({source}); the broker's decisions are kept there, so nothing was changed")]
    Storage { path: String, source: io::Error },
}

/// The file, and what its commands add up to.
#[derive(Debug)]
pub struct CommandLog {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    catalogue: Catalogue,
    index: u64,
    /// Several brokers will count elections here; a single one never holds any.
    term: u64,
    end: u64,
    since_snapshot: u64,
    /// A write or fsync failed: the file is not touched again, a new one takes its place.
    suspect: bool,
}

/// What opening found: the log, what was not as it should be, and how far it can be believed.
pub struct Opened {
    pub log: CommandLog,
    pub findings: Vec<Finding>,
    /// Nothing was ever decided, or all of it is lost.
    pub is_empty: bool,
    /// The first decision that may be missing; the next one, if none is known to be.
    pub doubtful_from: u64,
}

impl CommandLog {
    pub fn open(disk: Arc<dyn Disk>, path: &Path) -> io::Result<Opened> {
        let opened = Self::read(Arc::clone(&disk), path)?;
        if opened.findings.is_empty() {
            return Ok(opened);
        }
        // What is left out is gone for good with the next decision. It is read twice before that: a bit may have gone
        // wrong on its way here.
        let again = Self::read(disk, path)?;
        Ok(if again.findings.len() < opened.findings.len() { again } else { opened })
    }

    fn read(disk: Arc<dyn Disk>, path: &Path) -> io::Result<Opened> {
        let bytes = match whole_file::read(disk.as_ref(), path) {
            Ok(bytes) => bytes,
            // Made durable by the first decision: until then there is nothing to lose.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let file = disk.open(path, OpenMode::Create)?;
        let Replay { catalogue, index, term, since_snapshot, findings, is_empty, doubtful_from } = Replay::of(&bytes);
        let log = CommandLog {
            disk,
            path: path.to_owned(),
            file,
            catalogue,
            index,
            term,
            end: bytes.len() as u64,
            since_snapshot,
            // Whatever was left out must not be read again as if it had been decided.
            suspect: !findings.is_empty() || bytes.is_empty(),
        };
        Ok(Opened { log, findings, is_empty, doubtful_from })
    }

    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The term, and how many commands there are so far.
    pub fn position(&self) -> (i32, i64) {
        (i32::try_from(self.term).unwrap_or(i32::MAX), i64::try_from(self.index).unwrap_or(i64::MAX))
    }

    /// Decides: checks the command against all before it, makes it durable, and only then applies it.
    pub fn decide(&mut self, command: &Command) -> Result<(), CommandLogError> {
        let mut after = self.catalogue.clone();
        after.apply(command)?;
        let storage = |path: &Path, source| CommandLogError::Storage { path: path.display().to_string(), source };
        if self.suspect || self.since_snapshot >= COMMANDS_PER_SNAPSHOT {
            self.rewrite().map_err(|e| storage(&self.path, e))?;
        }
        let what = What::Command(std::borrow::Cow::Borrowed(command));
        let line = line(&Entry { index: self.index + 1, term: self.term, what });
        let written = self.file.write_all_at(self.end, &[IoSlice::new(&line)]).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // Whether the line is on disk nobody knows. It was refused, and must not come true at the next start: a new
            // file without it takes the place of this one, now or before the next decision.
            self.suspect = true;
            if self.rewrite().is_err() {
                // At least this process and its page cache forget it.
                let _ = self.file.set_len(self.end);
            }
            return Err(storage(&self.path, error));
        }
        self.end += line.len() as u64;
        self.index += 1;
        self.since_snapshot += 1;
        self.catalogue = after;
        Ok(())
    }

    /// The index of the last decision.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Decisions up to this one were made once, though they are not here: new ones come after them.
    pub fn go_on_after(&mut self, index: u64) {
        if index > self.index {
            self.index = index;
            self.suspect = true;
        }
    }

    /// After a stop that was not clean: a line that reads well may be in the page cache only, and what stands in it will be
    /// believed from now on. To sync it is not enough: the last run may have asked in vain, and the second time the disk
    /// says yes and does nothing. A new file takes the place of this one.
    pub fn settle(&mut self) -> io::Result<()> {
        if self.index == 0 {
            return Ok(());
        }
        self.suspect = true;
        self.rewrite()
    }

    /// Whether a new file is due that the disk refused.
    pub fn is_unsettled(&self) -> bool {
        self.suspect && self.index > 0
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let what = What::Snapshot(std::borrow::Cow::Borrowed(&self.catalogue));
        let bytes = line(&Entry { index: self.index, term: self.term, what });
        whole_file::replace(self.disk.as_ref(), &self.path, &bytes)?;
        self.file = self.disk.open(&self.path, OpenMode::Write)?;
        (self.end, self.since_snapshot, self.suspect) = (bytes.len() as u64, 0, false);
        Ok(())
    }
}

fn line(entry: &Entry<'_>) -> Vec<u8> {
    let json = serde_json::to_string(entry).expect("names, numbers and strings always become JSON");
    format!("{:08x} {json}\n", crc32c(json.as_bytes())).into_bytes()
}

pub(super) fn parse(line: &[u8]) -> Option<Entry<'static>> {
    let (crc, json) = line.strip_suffix(b"\n")?.split_at_checked(9)?;
    if crc != format!("{:08x} ", crc32c(json)).as_bytes() {
        return None;
    }
    serde_json::from_slice(json).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::replay::Flaw;
    use super::*;
    use crate::base::{TopicName, Uuid};
    use crate::log::RealDisk;
    use crate::log::memory_disk::{Fault, MemoryDisk, Operation};

    fn create(name: &str) -> Command {
        let name = TopicName::new(name).expect("valid");
        Command::CreateTopic { name, id: Uuid::random(), partitions: 1, settings: BTreeMap::new() }
    }

    fn open(path: &Path) -> Opened {
        CommandLog::open(Arc::new(RealDisk), path).expect("opens")
    }

    fn topics(log: &CommandLog) -> Vec<String> {
        log.catalogue().topics.keys().map(ToString::to_string).collect()
    }

    #[test]
    fn decisions_are_there_after_a_restart() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("commands");
        let mut log = open(&path).log;
        log.decide(&create("a")).expect("new");
        log.decide(&create("b")).expect("new");
        assert!(matches!(log.decide(&create("a")), Err(CommandLogError::Rejected(_))));
        let again = open(&path);
        assert_eq!(again.log.catalogue(), log.catalogue());
        assert_eq!(again.log.index, 2);
        assert!(again.findings.is_empty());
    }

    #[test]
    fn a_snapshot_takes_the_place_of_many_commands() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("commands");
        let mut log = open(&path).log;
        log.decide(&create("a")).expect("new");
        log.since_snapshot = COMMANDS_PER_SNAPSHOT;
        log.decide(&create("b")).expect("new");
        let text = std::fs::read_to_string(&path).expect("text");
        assert_eq!(text.lines().count(), 2, "a snapshot and one command: {text}");
        let again = open(&path).log;
        assert_eq!(topics(&again), ["a", "b"]);
        assert_eq!(again.index, 2);
    }

    #[test]
    fn a_cut_or_damaged_line_costs_itself_only() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("commands");
        let mut log = open(&path).log;
        for name in ["a", "b", "c"] {
            log.decide(&create(name)).expect("new");
        }
        let good = std::fs::read(&path).expect("bytes");
        for cut in 1..100 {
            std::fs::write(&path, &good[..good.len() - cut]).expect("written");
            let opened = open(&path);
            assert_eq!(topics(&opened.log), ["a", "b"], "cut by {cut}");
            assert_eq!(opened.findings.len(), 1);
            assert_eq!((opened.is_empty, opened.doubtful_from), (false, 3), "the next");
        }
        // A snapshot of nothing, then the three: the second of them.
        let ends: Vec<usize> = (0..good.len()).filter(|at| good[*at] == b'\n').collect();
        let mut bad = good.clone();
        bad[ends[1] + 30] ^= 1;
        std::fs::write(&path, &bad).expect("written");
        let mut opened = open(&path);
        assert_eq!(topics(&opened.log), ["a", "c"]);
        let found = &opened.findings[..];
        assert!(matches!(found, [Finding { line: 3, flaw: Flaw::Damaged, .. }]), "{found:?}");
        assert_eq!(opened.doubtful_from, 2);
        // The next decision leaves a clean file behind.
        opened.log.decide(&create("d")).expect("new");
        let healed = open(&path);
        assert!(healed.findings.is_empty());
        assert_eq!(topics(&healed.log), ["a", "c", "d"]);
    }

    #[test]
    fn what_is_missing_is_found_wherever_it_is() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("commands");
        let mut log = open(&path).log;
        for name in ["a", "b", "c", "d"] {
            log.decide(&create(name)).expect("new");
        }
        let good = std::fs::read_to_string(&path).expect("text");
        let lines: Vec<&str> = good.split_inclusive('\n').collect();
        let with = |kept: &[usize]| {
            let text: String = kept.iter().map(|n| lines[*n]).collect();
            std::fs::write(&path, text).expect("written");
            let opened = open(&path);
            let flaws: Vec<Flaw> = opened.findings.into_iter().map(|found| found.flaw).collect();
            (topics(&opened.log).concat(), flaws, opened.doubtful_from)
        };
        assert_eq!(with(&[0, 1, 2, 3, 4]), ("abcd".to_owned(), vec![], 5));
        // Nobody can tell that there was more; those who know of a later decision can.
        assert_eq!(with(&[0, 1, 2]), ("ab".to_owned(), vec![], 3));
        assert_eq!(with(&[0, 1, 3, 4]), ("acd".to_owned(), vec![Flaw::Missing], 2));
        assert_eq!(with(&[2, 3, 4]), ("bcd".to_owned(), vec![Flaw::Missing], 0));
        let twice = vec![Flaw::Repeated; 5];
        assert_eq!(with(&[0, 1, 2, 3, 4, 0, 1, 2, 3, 4]), ("abcd".to_owned(), twice, 5));
        std::fs::write(&path, "nothing of this\nis a line\n").expect("written");
        let opened = open(&path);
        assert_eq!((opened.is_empty, opened.doubtful_from), (true, 0));
    }

    #[test]
    fn decisions_go_on_after_those_that_are_lost() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("commands");
        let mut log = open(&path).log;
        log.decide(&create("a")).expect("new");
        log.go_on_after(7);
        log.decide(&create("b")).expect("new");
        let again = open(&path);
        assert_eq!((topics(&again.log).concat().as_str(), again.log.index()), ("ab", 8));
        assert!(again.findings.is_empty());
    }

    /// A line that a killed broker had written and not synced reads well, and is told to everybody.
    #[test]
    fn what_is_read_at_a_start_after_a_kill_outlives_the_power() {
        let path = Path::new("/data/+rafka/commands");
        for is_refused in [false, true] {
            let disk = MemoryDisk::new();
            disk.create_dir(Path::new("/data/+rafka")).expect("made");
            disk.give_up_at_refused_syncs();
            let open = || CommandLog::open(Arc::new(disk.clone()), path).expect("opens").log;
            let mut log = open();
            log.decide(&create("a")).expect("new");
            let entry = Entry { index: 2, term: 0, what: What::Command(std::borrow::Cow::Owned(create("b"))) };
            log.file.write_all_at(log.end, &[IoSlice::new(&line(&entry))]).expect("written");
            drop(log);
            let mut log = open();
            assert_eq!(topics(&log), ["a", "b"]);
            let mut refusals = usize::from(is_refused);
            disk.watch(move |operation, _| {
                let is_due = operation == Operation::SyncData && refusals > 0;
                refusals -= usize::from(is_due);
                is_due.then(|| Fault::from(io::ErrorKind::Other))
            });
            assert_eq!(log.settle().is_err(), is_refused);
            assert_eq!(log.is_unsettled(), is_refused);
            log.settle().expect("the disk works, the second time at least");
            disk.crash();
            assert_eq!(topics(&open()), ["a", "b"]);
        }
    }

    /// Its sync was refused, and so was everything that would have taken it back: the next run reads it well, and a sync
    /// would do nothing for it.
    #[test]
    fn a_line_that_the_last_run_could_not_sync_is_written_anew() {
        let path = Path::new("/data/+rafka/commands");
        let disk = MemoryDisk::new();
        disk.create_dir(Path::new("/data/+rafka")).expect("made");
        let open = || CommandLog::open(Arc::new(disk.clone()), path).expect("opens").log;
        let mut log = open();
        log.decide(&create("a")).expect("new");
        disk.give_up_at_refused_syncs();
        disk.watch(|operation, _| {
            let is_due = matches!(operation, Operation::SyncData | Operation::SetLen);
            is_due.then(|| Fault::from(io::ErrorKind::Other))
        });
        log.decide(&create("b")).expect_err("refused");
        drop(log);
        disk.unwatch();
        let mut log = open();
        assert_eq!(topics(&log), ["a", "b"]);
        log.settle().expect("the disk works again");
        disk.crash();
        assert_eq!(topics(&open()), ["a", "b"]);
    }
}
