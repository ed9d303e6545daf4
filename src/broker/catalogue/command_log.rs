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

use super::{Catalogue, Command, Rejected};
use crate::log::whole_file;
use crate::log::{Disk, DiskFile, OpenMode};
use crate::record::crc32c;

/// Commands behind the snapshot before a new one takes their place.
const COMMANDS_PER_SNAPSHOT: u64 = 1000;

#[derive(Serialize, Deserialize)]
struct Entry<'a> {
    index: u64,
    term: u64,
    #[serde(flatten)]
    what: What<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum What<'a> {
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

/// What opening found: the log, and a sentence for each thing that was not as it should be.
pub struct Opened {
    pub log: CommandLog,
    pub findings: Vec<String>,
    /// Nothing was ever decided, or all of it is lost.
    pub is_empty: bool,
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
        let mut log = CommandLog {
            disk,
            path: path.to_owned(),
            file,
            catalogue: Catalogue::default(),
            index: 0,
            term: 0,
            end: bytes.len() as u64,
            since_snapshot: 0,
            suspect: false,
        };
        let findings = log.replay(&bytes);
        // Whatever was left out must not be read again as if it had been decided.
        log.suspect = !findings.is_empty() || bytes.is_empty();
        Ok(Opened { log, findings, is_empty: bytes.is_empty() })
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

    fn rewrite(&mut self) -> io::Result<()> {
        let what = What::Snapshot(std::borrow::Cow::Borrowed(&self.catalogue));
        let bytes = line(&Entry { index: self.index, term: self.term, what });
        whole_file::replace(self.disk.as_ref(), &self.path, &bytes)?;
        self.file = self.disk.open(&self.path, OpenMode::Write)?;
        (self.end, self.since_snapshot, self.suspect) = (bytes.len() as u64, 0, false);
        Ok(())
    }

    fn replay(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut findings = Vec::new();
        let path = self.path.display().to_string();
        for (number, (_, line)) in (1..).zip(lines(bytes)) {
            let entry = match line {
                Ok(entry) => entry,
                Err(flaw) => {
                    findings.push(format!("line {number} of {path} was left out: {}", flaw.sentence()));
                    continue;
                }
            };
            (self.index, self.term) = (entry.index, entry.term);
            match entry.what {
                What::Snapshot(catalogue) => self.catalogue = catalogue.into_owned(),
                What::Command(command) => {
                    self.since_snapshot += 1;
                    if let Err(rejected) = self.catalogue.apply(&command) {
                        findings.push(format!("line {number} of {path} does not fit what came before: {rejected}"));
                    }
                }
            }
        }
        findings
    }
}

/// Why a line was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// The last one, without its end: a crash cut it short, and nobody was answered.
    Unfinished,
    Damaged,
    /// It is no later than the one before: the file holds something twice.
    Repeated,
}

impl Flaw {
    pub fn is_unfinished(self) -> bool {
        self == Flaw::Unfinished
    }

    pub fn sentence(self) -> &'static str {
        match self {
            Flaw::Unfinished => "the last line was not written whole",
            Flaw::Damaged => "the checksum of the line does not fit; the decision in it is lost",
            Flaw::Repeated => "the line is no later than the one before it",
        }
    }
}

/// What is wrong in the content of such a file, and at which byte.
pub fn flaws(bytes: &[u8]) -> Vec<(u64, Flaw)> {
    lines(bytes).filter_map(|(position, line)| Some((position, line.err()?))).collect()
}

/// Every line with its position.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (u64, Result<Entry<'_>, Flaw>)> {
    let mut next = 0;
    let mut last_index = None;
    bytes.split_inclusive(|byte| *byte == b'\n').map(move |text| {
        let position = next;
        next += text.len() as u64;
        let line = match parse(text) {
            Some(entry) if last_index.is_some_and(|last| entry.index <= last) => Err(Flaw::Repeated),
            Some(entry) => {
                last_index = Some(entry.index);
                Ok(entry)
            }
            None if text.ends_with(b"\n") => Err(Flaw::Damaged),
            None => Err(Flaw::Unfinished),
        };
        (position, line)
    })
}

fn line(entry: &Entry<'_>) -> Vec<u8> {
    let json = serde_json::to_string(entry).expect("names, numbers and strings always become JSON");
    format!("{:08x} {json}\n", crc32c(json.as_bytes())).into_bytes()
}

fn parse(line: &[u8]) -> Option<Entry<'static>> {
    let (crc, json) = line.strip_suffix(b"\n")?.split_at_checked(9)?;
    if crc != format!("{:08x} ", crc32c(json)).as_bytes() {
        return None;
    }
    serde_json::from_slice(json).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::base::{TopicName, Uuid};
    use crate::log::RealDisk;

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
        }
        // A snapshot of nothing, then the three: the second of them.
        let ends: Vec<usize> = (0..good.len()).filter(|at| good[*at] == b'\n').collect();
        let mut bad = good.clone();
        bad[ends[1] + 30] ^= 1;
        std::fs::write(&path, &bad).expect("written");
        let mut opened = open(&path);
        assert_eq!(topics(&opened.log), ["a", "c"]);
        assert!(opened.findings[0].contains("line 3"), "{:?}", opened.findings);
        // The next decision leaves a clean file behind.
        opened.log.decide(&create("d")).expect("new");
        let healed = open(&path);
        assert!(healed.findings.is_empty());
        assert_eq!(topics(&healed.log), ["a", "c", "d"]);
    }
}
