//! Reading the list of commands back: what its good lines add up to, and how far that can be believed.

use super::command_log::{Entry, What, parse};
use super::{Catalogue, Rejected};

/// What is wrong at a place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// The last line, without its end: a crash cut it short, and nobody was answered.
    Unfinished,
    Damaged,
    /// The line is no later than the one before it: the file holds something twice.
    Repeated,
    /// Decisions between the line before and this one are not there.
    Missing,
    Rejected(Rejected),
}

impl Flaw {
    /// Nothing that anybody was told is lost by it.
    pub fn is_harmless(&self) -> bool {
        matches!(self, Flaw::Unfinished | Flaw::Repeated)
    }

    pub fn sentence(&self) -> String {
        match self {
            Flaw::Unfinished => "the last line was not written whole and is left out".to_owned(),
            Flaw::Damaged => "the checksum of the line does not fit; the decision in it is lost".to_owned(),
            Flaw::Repeated => "the line is no later than the one before it and is left out".to_owned(),
            Flaw::Missing => "decisions before this line are missing".to_owned(),
            Flaw::Rejected(why) => format!("the line does not fit what came before and is left out: {why}"),
        }
    }
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// From 1 on.
    pub line: usize,
    pub position: u64,
    pub flaw: Flaw,
}

/// What a file adds up to.
#[derive(Debug, Default)]
pub struct Replay {
    pub catalogue: Catalogue,
    /// Of the last good line.
    pub index: u64,
    pub term: u64,
    pub since_snapshot: u64,
    pub findings: Vec<Finding>,
    /// No line could be read: all of it is lost, or nothing was ever decided.
    pub is_empty: bool,
    /// The first decision that may be missing.
    pub doubtful_from: u64,
}

impl Replay {
    pub fn of(bytes: &[u8]) -> Replay {
        let mut replay = Replay { is_empty: true, doubtful_from: u64::MAX, ..Replay::default() };
        let mut position = 0;
        for (line, text) in (1..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
            replay.take(line, position, text);
            position += text.len() as u64;
        }
        replay.doubtful_from = replay.doubtful_from.min(replay.index.saturating_add(1));
        replay
    }

    fn take(&mut self, line: usize, position: u64, text: &[u8]) {
        let after_damage = self.findings.last().is_some_and(|found| found.line + 1 == line);
        let mut find = |flaw| self.findings.push(Finding { line, position, flaw });
        let Some(Entry { index, term, what }) = parse(text) else {
            let is_whole = text.ends_with(b"\n");
            find(if is_whole { Flaw::Damaged } else { Flaw::Unfinished });
            if is_whole {
                self.doubt(if self.is_empty { 0 } else { self.index.saturating_add(1) });
            }
            return;
        };
        if !self.is_empty && index <= self.index {
            find(Flaw::Repeated);
            return;
        }
        // Only a snapshot knows what came before it.
        let follows = match what {
            What::Snapshot(_) => self.is_empty || index == self.index + 1,
            What::Command(_) => index == self.index + 1,
        };
        if !follows {
            if !after_damage {
                find(Flaw::Missing);
            }
            self.doubt(if self.is_empty { 0 } else { self.index.saturating_add(1) });
        }
        (self.index, self.term, self.is_empty) = (index, term, false);
        match what {
            What::Snapshot(catalogue) => {
                self.catalogue = catalogue.into_owned();
                self.since_snapshot = 0;
            }
            What::Command(command) => {
                self.since_snapshot += 1;
                if let Err(rejected) = self.catalogue.apply(&command) {
                    self.findings.push(Finding { line, position, flaw: Flaw::Rejected(rejected) });
                    self.doubt(index);
                }
            }
        }
    }

    fn doubt(&mut self, index: u64) {
        self.doubtful_from = self.doubtful_from.min(index);
    }
}
