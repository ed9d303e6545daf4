//! What came up in the lives, and how often: faults, the kinds of files they hit, branches of recovery.
//!
//! Branches are known by the sentences that recovery logs, so that one that is never taken, or no longer says so, is
//! noticed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Once;

use super::weather;
use crate::log::names::{self, Meaning};

/// A branch of recovery, and a piece of its sentence.
const BRANCHES: [(&str, &str); 14] = [
    ("torn tail cut", "bytes were cut at position"),
    ("segment behind a torn tail removed", "it follows a torn tail"),
    ("unfinished file swept", "was never finished"),
    ("index without a log swept", "belongs to no log file"),
    ("state file not believed", "is not used:"),
    ("state of no use removed", "is of no use"),
    ("indexes made anew", "made anew"),
    ("compaction finished", "was finished"),
    ("compaction begun anew", "is compacted from its start again"),
    ("catalogue line left out", "is left out"),
    ("checkpoints missing", "the checkpoints are missing or damaged"),
    ("disk healed", "the disk takes writes again"),
    ("flush failed", "can't flush"),
    ("a write failed", "can't append to"),
];

/// What is done to the whole disk at an end.
const ENDS: [&str; 8] = [
    "killed",
    "power lost, nothing unsynced left",
    "power lost, some files left",
    "power lost, a write torn",
    "power lost, pages out of order or zero",
    "some changes of names lost",
    "all changes of names lost",
    "a bit decayed beside the log",
];

const FILES: [&str; 14] = [
    "log",
    "index",
    "timeindex",
    "txnindex",
    "producers",
    "epochs",
    "compaction",
    "cleaned",
    "swap",
    "commands",
    "checkpoints",
    "stopped",
    "reserve",
    "probe",
];

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    counts: BTreeMap<(&'static str, &'static str), u64>,
    /// Says what happens while it happens.
    talks: bool,
}

thread_local! {
    static HEARD: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

struct Ear;

impl ::log::Log for Ear {
    fn enabled(&self, metadata: &::log::Metadata<'_>) -> bool {
        metadata.level() <= ::log::Level::Info
    }

    fn log(&self, record: &::log::Record<'_>) {
        HEARD.with_borrow_mut(|heard| {
            if let Some(heard) = heard {
                heard.push(record.args().to_string());
            }
        });
    }

    fn flush(&self) {}
}

/// From now on what this thread logs is heard.
pub(super) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if ::log::set_boxed_logger(Box::new(Ear)).is_ok() {
            ::log::set_max_level(::log::LevelFilter::Info);
        }
    });
    HEARD.set(Some(Vec::new()));
}

impl Tally {
    pub fn aloud() -> Tally {
        Tally { talks: true, ..Tally::default() }
    }

    pub fn fault(&mut self, name: &'static str) {
        self.say(|| name.to_owned());
        self.count("fault", name, 1);
    }

    /// A fault hit this file.
    pub fn file(&mut self, path: &Path) {
        if let Some(kind) = kind(path) {
            self.count("file", kind, 1);
        }
    }

    pub fn count(&mut self, what: &'static str, name: &'static str, times: u64) {
        *self.counts.entry((what, name)).or_default() += times;
    }

    pub fn say(&self, what: impl FnOnce() -> String) {
        if self.talks {
            println!("{}", what());
        }
    }

    /// Counts what was logged since the last time.
    pub fn take_heard(&mut self) {
        let heard = HEARD.with_borrow_mut(|heard| heard.as_mut().map(std::mem::take)).unwrap_or_default();
        for line in heard {
            self.say(|| format!("    {line}"));
            for (branch, piece) in BRANCHES {
                if line.contains(piece) {
                    self.count("recovery", branch, 1);
                }
            }
        }
    }

    pub fn merge(&mut self, other: &Tally) {
        other.counts.iter().for_each(|((what, name), times)| self.count(what, name, *times));
    }

    /// What should have come up and did not.
    pub fn never(&self) -> Vec<String> {
        let branches = BRANCHES.iter().map(|(branch, _)| ("recovery", *branch));
        let faults = ENDS.into_iter().chain(weather::faults()).map(|name| ("fault", name));
        let files = FILES.into_iter().map(|name| ("file", name));
        faults
            .chain(files)
            .chain(branches)
            .filter(|name| !self.counts.contains_key(name))
            .map(|(what, name)| format!("{what}: {name}"))
            .collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counts.iter().try_for_each(|((what, name), times)| writeln!(f, "{times:>9}  {what}: {name}"))
    }
}

/// What a file is, as the tally calls it.
pub(super) fn kind(path: &Path) -> Option<&'static str> {
    let name = path.file_name()?.to_str()?;
    if name == names::PROBE {
        return Some("probe");
    }
    // One that changes as a whole is written under another name.
    let name = name.strip_suffix(".tmp").unwrap_or(name);
    Some(match names::meaning(name) {
        Meaning::Segment(_, kind) => kind.suffix(),
        Meaning::LeaderEpochs => "epochs",
        Meaning::Compaction => "compaction",
        Meaning::FlushFailed | Meaning::BeganHere => return None,
        Meaning::Cleaned(..) => "cleaned",
        Meaning::Swap { .. } => "swap",
        Meaning::Temporary | Meaning::PartitionMetadata => return None,
        Meaning::Foreign => match name {
            "commands" => "commands",
            "checkpoints" => "checkpoints",
            "stopped" => "stopped",
            "reserve" => "reserve",
            "format" => "format",
            "identity" => "identity",
            _ => return None,
        },
    })
}
