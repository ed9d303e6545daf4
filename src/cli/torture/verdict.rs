//! What came of it, in figures.

use std::fmt;
use std::time::Duration;

use super::ledger::Ledger;
use super::readback::{Closed, Reading};

/// Beyond these, faults are only counted.
const FAULTS_TOLD: usize = 20;

/// One round: the load, the blow, the start.
#[derive(Debug, Clone, Default)]
pub struct Round {
    /// Counted from 1.
    pub number: u32,
    /// Records acknowledged in it, up to the blow.
    pub acknowledged: u64,
    /// Kills: one, and one for each start that was killed, too.
    pub kills: u32,
    /// The broker was being stopped cleanly.
    pub stopping: bool,
    pub frozen: Option<Duration>,
    /// How long the start took that was let through.
    pub start: Duration,
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Round { number, acknowledged, kills, stopping, frozen, start } = self;
        write!(f, "round {number}: {acknowledged} acknowledged")?;
        if let Some(length) = frozen {
            write!(f, ", frozen for {} ms", length.as_millis())?;
        }
        if *stopping {
            write!(f, ", killed while stopping")?;
        } else {
            write!(f, ", killed")?;
        }
        if *kills > 1 {
            write!(f, ", {} starts killed", kills - 1)?;
        }
        write!(f, ", started in {} ms", start.as_millis())
    }
}

#[derive(Debug, Clone, Default)]
pub struct Verdict {
    pub rounds: u64,
    pub kills: u64,
    pub freezes: u64,
    /// Acknowledged records: all, and the fewest in a round.
    pub acknowledged: u64,
    pub acknowledged_least: u64,
    /// Of those, read back where and as they were promised.
    pub verified: u64,
    pub lost: u64,
    /// Stored twice by producers without idempotence, whose answer was lost: allowed.
    pub repeated: u64,
    /// Given up by their producer: neither acknowledged nor counted.
    pub given_up: u64,
    /// Commits of the group that were confirmed.
    pub commits: u64,
    /// The longest start.
    pub start_longest: Duration,
    /// What was wrong, in sentences; of many, the first ones.
    pub faults: Vec<String>,
    pub fault_count: u64,
    /// Trimmed away since.
    closed: Closed,
}

impl Verdict {
    /// Whether anything happened that must not.
    pub fn has_failed(&self) -> bool {
        self.lost > 0 || self.fault_count > 0
    }

    pub(super) fn fault(&mut self, fault: String) {
        self.fault_count += 1;
        if self.faults.len() < FAULTS_TOLD {
            self.faults.push(fault);
        }
    }

    pub(super) fn add_round(&mut self, round: &Round) {
        let least = if self.rounds == 0 { u64::MAX } else { self.acknowledged_least };
        self.acknowledged_least = least.min(round.acknowledged);
        self.rounds += 1;
        self.kills += u64::from(round.kills);
        self.freezes += u64::from(round.frozen.is_some());
        self.start_longest = self.start_longest.max(round.start);
    }

    pub(super) fn add_reading(&mut self, reading: &Reading, ledger: &Ledger) {
        self.acknowledged = ledger.acknowledged();
        self.commits = ledger.commits();
        self.given_up = ledger.given_up();
        self.lost = self.lost.max(reading.lost);
        // Each reading finds everything again that has not been trimmed away.
        self.verified = self.closed.kept + reading.kept;
        self.repeated = self.closed.repeated + reading.repeated;
        self.closed.kept += reading.closed.kept;
        self.closed.repeated += reading.closed.repeated;
        for fault in &reading.faults {
            self.fault(fault.clone());
        }
    }
}
