//! Torture: a broker of its own is killed over and over under load, and everything it ever acknowledged is read back.
//!
//! [`ledger`] keeps what was promised, [`load`] makes the promises happen, [`victim`] is the broker, [`readback`] reads, and
//! [`judge`] compares, pure and tested alone. The same engine serves `rafka-admin torture` and tests/kills.rs.
//!
//! In each round the load runs until enough new records are acknowledged; then, at a moment left to chance, comes the
//! blow: SIGKILL, out of the blue, in the middle of a clean stop, or after the broker was frozen for longer than its
//! clients wait. One start in three is killed, too. While the load goes on, all that was promised is then looked for.

mod chance;
mod judge;
mod ledger;
mod load;
mod payload;
mod readback;
mod verdict;
mod victim;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

pub use verdict::{Round, Verdict};

use self::chance::Chance;
use self::ledger::{Ledger, PARTITIONS, STANDSTILL, TOPICS};
use self::load::{Load, Over, WRITERS, client};
use self::readback::read_back;
use self::victim::Victim;
use crate::base::{Offset, TopicName};
use crate::client::admin::{Admin, NewTopic};
use crate::client::{Address, ClientError, Cluster, Stop};

/// After its records are acknowledged, a round lasts this much longer at most.
const SUSPENSE_MAX: Duration = Duration::from_millis(40);
/// Longer than the clients of the load wait for an answer.
const LONG_FREEZE: Duration = Duration::from_millis(1200);
const SHORT_FREEZE_MAX: Duration = Duration::from_millis(300);
/// Rounds that are frozen for certain; others are by chance.
const FROZEN_EVERY: u32 = 3;
/// From the question to stop cleanly to the kill.
const STOPPING_MAX: Duration = Duration::from_millis(15);
/// The load may be ahead of the readings by so many rounds' records.
const LEAD: u64 = 4;
/// The log is trimmed every so many rounds.
const ROUNDS_KEPT: u32 = 8;
/// Somebody who asks to stop is heard this soon.
const LOOKS_EVERY: Duration = Duration::from_millis(100);

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The rafka-server to be tortured.
    pub server: PathBuf,
    /// An empty directory on the disk in question. Whoever made it removes it.
    pub dir: PathBuf,
    /// Ends after so many rounds; or at a moment; or when asked to. At least one round is done.
    pub rounds: Option<u32>,
    pub until: Option<Instant>,
    pub stop: Option<Arc<dyn Stop>>,
    /// Records acknowledged in each round, at least.
    pub acknowledged_a_round: u64,
    pub seed: u64,
}

/// What happens around the blows.
pub trait Witness {
    /// A round is over, its records looked for.
    fn round(&mut self, round: &Round, so_far: &Verdict);

    /// The broker is dead, and its files are here. For a test of the test.
    fn dead(&mut self, _data: &Path) {}
}

/// Tortures until the plan is fulfilled or something is lost. The error is one of setting up: nothing was tested.
pub fn torture(plan: &Plan, witness: &mut dyn Witness) -> Result<Verdict, String> {
    let mut chance = Chance::new(plan.seed);
    let mut victim = Victim::new(&plan.server, &plan.dir, &mut chance)?;
    let start = victim.start()?;
    let address = Address::new(victim.address.ip().to_string(), victim.address.port());
    create_topics(&address).map_err(|e| format!("the topics can't be created: {e}"))?;
    let ledger = Ledger::new();
    let over = Arc::new(Over::default());
    let load = Load { address: &address, ledger: &ledger, over: Arc::clone(&over) };
    let mut torture = Torture {
        plan,
        victim,
        chance,
        ledger: &ledger,
        address: &address,
        start,
        verdict: Verdict::default(),
        ends: None,
    };
    thread::scope(|scope| {
        for writer in WRITERS {
            let (load, seed) = (&load, torture.chance.next());
            scope.spawn(move || load.write(writer, seed));
        }
        scope.spawn(|| load.read());
        let went = torture.rounds(witness);
        over.set();
        went
    })
    .unwrap_or_else(|fault| torture.verdict.fault(fault));
    torture.end();
    Ok(torture.verdict)
}

struct Torture<'a> {
    plan: &'a Plan,
    victim: Victim,
    chance: Chance,
    ledger: &'a Ledger,
    address: &'a Address,
    /// How long the broker's last start took.
    start: Duration,
    verdict: Verdict,
    /// Where the partitions ended at the last reading.
    ends: Option<Vec<Offset>>,
}

impl Torture<'_> {
    /// The error is a fault that leaves nothing to go on with.
    fn rounds(&mut self, witness: &mut dyn Witness) -> Result<(), String> {
        for number in 1.. {
            let acknowledged = self.ledger.acknowledged();
            self.ledger.set_limit(acknowledged + LEAD * self.plan.acknowledged_a_round);
            if !self.wait_for(acknowledged + self.plan.acknowledged_a_round)? {
                return Ok(());
            }
            let round = self.strike(number, acknowledged, witness)?;
            let trim_to = if number % ROUNDS_KEPT == 0 { self.ends.take() } else { None };
            self.read_back(trim_to.as_deref())?;
            witness.round(&round, &self.verdict);
            // A quick disk fills each round before `wait_for` looks up even once.
            let is_over = self.is_asked_to_stop() || self.plan.until.is_some_and(|until| Instant::now() >= until);
            if self.verdict.has_failed() || is_over || self.plan.rounds.is_some_and(|rounds| number >= rounds) {
                break;
            }
        }
        Ok(())
    }

    /// Waits until so much is acknowledged; false if somebody asks to stop before.
    fn wait_for(&mut self, target: u64) -> Result<bool, String> {
        let deadline = Instant::now() + STANDSTILL;
        while !self.ledger.wait_acknowledged(target, Instant::now() + LOOKS_EVERY) {
            if self.is_asked_to_stop() {
                return Ok(false);
            }
            if let Some(status) = self.victim.ended() {
                return Err(format!("the broker ended by itself ({status}): see {}", self.victim.log().display()));
            }
            if Instant::now() >= deadline {
                let so_far = self.ledger.acknowledged();
                return Err(format!(
                    "{so_far} records are acknowledged, and within {STANDSTILL:?} no more came to {target}"
                ));
            }
        }
        Ok(true)
    }

    fn is_asked_to_stop(&self) -> bool {
        self.plan.stop.as_ref().is_some_and(|stop| stop.is_asked())
    }

    /// The blow, and the start after it.
    fn strike(&mut self, number: u32, acknowledged: u64, witness: &mut dyn Witness) -> Result<Round, String> {
        let mut round = Round { number, ..Round::default() };
        if number % FROZEN_EVERY == 2 || self.chance.one_in(5) {
            let is_long = self.chance.one_in(3);
            let length = if is_long { LONG_FREEZE } else { self.chance.up_to(SHORT_FREEZE_MAX) };
            self.victim.freeze(length);
            round.frozen = Some(length);
        }
        thread::sleep(self.chance.up_to(SUSPENSE_MAX));
        if self.chance.one_in(6) {
            self.victim.ask_to_stop();
            thread::sleep(self.chance.up_to(STOPPING_MAX));
            round.stopping = true;
        }
        self.victim.kill();
        round.acknowledged = self.ledger.acknowledged() - acknowledged;
        round.kills = 1;
        while self.chance.one_in(3) {
            let after = self.chance.up_to(self.start.mul_f32(1.2));
            self.victim.start_and_kill(after)?;
            round.kills += 1;
        }
        witness.dead(&self.victim.data());
        self.start = self.victim.start()?;
        round.start = self.start;
        self.verdict.add_round(&round);
        Ok(round)
    }

    fn read_back(&mut self, trim_to: Option<&[Offset]>) -> Result<(), String> {
        let reading = read_back(self.address, self.ledger, trim_to)
            .map_err(|e| format!("what was acknowledged can't be read back: {e}"))?;
        self.verdict.add_reading(&reading, self.ledger);
        self.ends = Some(reading.ends);
        Ok(())
    }

    /// When all producers have left: the last reading, of a broker that was not killed since the one before.
    fn end(&mut self) {
        if self.victim.ended().is_none()
            && let Err(fault) = self.read_back(None)
        {
            self.verdict.fault(fault);
        }
        self.verdict.acknowledged = self.ledger.acknowledged();
        self.victim.kill();
    }
}

fn create_topics(address: &Address) -> Result<(), ClientError> {
    let mut admin = Admin::new(Cluster::connect(client(address, None))?);
    for (name, _) in TOPICS {
        let topic = NewTopic {
            name: TopicName::new(name)?,
            partitions: Some(PARTITIONS),
            replicas: Some(1),
            settings: Vec::new(),
        };
        for answer in admin.create_topics(std::slice::from_ref(&topic))? {
            answer.map_err(|refused| ClientError::Refused {
                what: format!("topic \"{name}\""),
                code: refused.code,
                message: refused.message,
            })?;
        }
    }
    Ok(())
}
