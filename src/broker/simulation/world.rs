//! One life: a broker on a simulated disk, its operations, ends and starts.

use std::sync::Arc;
use std::time::Duration;

use super::Outcome;
use super::chance::Chance;
use super::expected::{Expected, Fate};
use super::members::{Member, Pledged};
use super::records::{Append, Producer};
use super::tally::Tally;
use super::topics::settings;
use super::weather::Weather;
use crate::base::{Clock, ManualClock, Now, TopicPartition};
use crate::broker::core::Core;
use crate::broker::partition::Partition;
use crate::config::BrokerConfig;
use crate::log::memory_disk::{Lies, MemoryDisk};
use crate::log::{Disk, RecoveryRule};

const OPERATIONS: usize = 240;
const CRASHES_AT: [usize; 4] = [60, 110, 160, 210];
const START_MS: i64 = 1_700_000_000_000;

pub(super) struct World {
    pub(super) chance: Chance,
    pub(super) disk: MemoryDisk,
    /// The lock is the operating system's and needs a real directory.
    home: tempfile::TempDir,
    pub(super) clock: Arc<ManualClock>,
    core: Option<Arc<Core>>,
    pub(super) expected: Expected,
    pub(super) weather: Weather,
    pub(super) appends: Vec<Append>,
    pub(super) producers: Vec<Producer>,
    pub(super) pledges: Vec<Pledged>,
    pub(super) members: Vec<Member>,
    pub(super) next_id: u64,
}

impl World {
    pub fn new(seed: u64, without: Option<RecoveryRule>) -> World {
        let home = tempfile::tempdir().expect("a temporary directory");
        std::fs::create_dir_all(home.path().join("+rafka")).expect("made");
        let disk = MemoryDisk::new();
        disk.create_dir(home.path()).expect("made");
        disk.sync_fs(home.path()).expect("synced");
        disk.pretend_to_sync(Lies {
            data: without == Some(RecoveryRule::SyncBeforeAck),
            dirs: without == Some(RecoveryRule::DirectorySync),
        });
        World {
            chance: Chance::new(seed),
            disk,
            home,
            clock: Arc::new(ManualClock::at(START_MS)),
            core: None,
            expected: Expected { producer_id: -1, ..Expected::default() },
            weather: Weather::default(),
            appends: Vec::new(),
            producers: Vec::new(),
            pledges: Vec::new(),
            members: (0..2).map(|_| Member::new()).collect(),
            next_id: 0,
        }
    }

    pub fn live(mut self, tally: &mut Tally) -> Outcome {
        self.open().map_err(|error| format!("the first start failed: {error}"))?;
        let small = ("segment.bytes", "1500");
        let often = ("index.interval.bytes", "200");
        self.create("Plain", 2, settings(&[small, often, ("retention.bytes", "6000")]))?;
        let compact = [("cleanup.policy", "compact"), ("min.cleanable.dirty.ratio", "0.1")];
        self.create("Keyed", 2, settings(&[small, compact[0], compact[1]]))?;
        self.producers =
            (100..).zip(self.expected.partitions.keys()).map(|(id, name)| Producer::new(id, name.clone())).collect();
        self.create("Loose", 1, settings(&[small, ("flush.policy", "os")]))?;
        for n in 0..OPERATIONS {
            tally.say(|| format!("operation {n}"));
            self.operate(tally)?;
            self.settle()?;
            self.count_faults(tally);
            tally.take_heard();
            self.pass_weather();
            if CRASHES_AT.contains(&n) || (self.is_stopped() && self.chance.one_in(4)) {
                self.crash(tally)?;
            }
        }
        self.crash(tally)?;
        self.drain()?;
        self.crash(tally)?;
        tally.count("life", "lived", 1);
        Ok(())
    }

    pub(super) fn core(&self) -> Arc<Core> {
        Arc::clone(self.core.as_ref().expect("open"))
    }

    pub(super) fn now(&self) -> Now {
        self.clock.now()
    }

    /// A partition that is owed; `None` where its topic may be out of reach.
    pub(super) fn partition(&self, name: &TopicPartition) -> Result<Option<Arc<Partition>>, String> {
        let topic = self.core().topic(name.topic.as_str());
        let found = topic.and_then(|topic| topic.partition(name.partition.0).cloned());
        match (self.expected.topics[&name.topic].fate, found) {
            (Fate::Exists, None) => Err(format!("{name} is lost")),
            (_, Some(partition)) if partition.online().is_none() => match partition.log() {
                Err(error) if self.is_calm() => Err(format!("{name} stays offline: {error}")),
                _ => Ok(None),
            },
            (_, found) => Ok(found),
        }
    }

    fn operate(&mut self, tally: &mut Tally) -> Outcome {
        self.clock.advance(Duration::from_millis(self.chance.below(20) as u64));
        let (name, done) = match self.chance.below(100) {
            0..21 => ("append", self.append()),
            21..38 => ("append, idempotent", self.append_idempotent()),
            38..41 => ("transaction", self.append_transaction()),
            41..48 => ("commit", self.commit()),
            48..49 => ("commit deleted", self.delete_commit()),
            49..51 => ("heartbeat", self.heartbeat()),
            51..66 => ("flush", self.flush()),
            66..73 => ("read", self.read()),
            73..75 => ("trim", self.trim()),
            75..77 => ("house kept", self.keep_house()),
            77..81 => ("compaction", self.clean()),
            81..84 => ("checkpoint", self.checkpoint()),
            84..88 => ("topics changed", self.change_topics()),
            88..89 => ("clean stop", self.restart(tally)),
            89..90 => ("crash", self.crash(tally)),
            90..93 => ("stop armed", self.arm(|world| world.arm_stop(60))),
            93..97 => ("refusals armed", self.arm(World::arm_refusals)),
            _ => ("misread armed", self.arm(World::arm_misread)),
        };
        tally.count("operation", name, 1);
        tally.say(|| format!("  {name}"));
        done
    }

    fn arm(&mut self, what: impl FnOnce(&mut World)) -> Outcome {
        what(self);
        Ok(())
    }

    /// What could not be opened or read is looked at again.
    pub(super) fn look_again(&self) {
        if let Some(core) = &self.core {
            core.retry_offline(self.now());
            // What a start could not flush.
            core.flusher().run();
            core.retry_loading(self.now());
            let _ = core.settle_decisions();
            // As after a trim. To wait for the next try, a minute perhaps, would end every session.
            core.reserve().expect_room();
            core.restore_reserve(self.now());
        }
    }

    pub(super) fn settle(&mut self) -> Outcome {
        self.settle_appends()?;
        self.settle_groups()
    }

    // Ends and starts.

    fn open(&mut self) -> Result<(), String> {
        let path = self.home.path().to_str().expect("text").to_owned();
        let settings = [
            ("log.dir", path.as_str()),
            ("offsets.topic.num.partitions", "1"),
            ("offsets.topic.segment.bytes", "1500"),
        ];
        let config = BrokerConfig::from_pairs(settings).expect("valid");
        let (disk, clock): (Arc<dyn Disk>, Arc<dyn Clock>) = (Arc::new(self.disk.clone()), self.clock.clone());
        let (core, _work) = Core::open(config, disk, clock, Box::new(|_| {})).map_err(|error| error.to_string())?;
        self.core = Some(core);
        Ok(())
    }

    fn restart(&mut self, tally: &mut Tally) -> Outcome {
        if !self.is_calm() {
            return Ok(());
        }
        self.flush()?;
        self.settle()?;
        self.core().close().map_err(|error| format!("a clean stop fails: {error}"))?;
        tally.count("end", "clean stop", 1);
        self.start(tally)
    }

    fn crash(&mut self, tally: &mut Tally) -> Outcome {
        self.end(tally);
        self.start(tally)
    }

    /// The process ends, at once; perhaps the machine does.
    fn end(&mut self, tally: &mut Tally) {
        self.core = None;
        self.count_faults(tally);
        if self.chance.one_in(4) {
            tally.fault("killed");
        } else {
            self.cut_power(tally);
        }
        self.clear_up();
    }

    /// Starts until it succeeds, which it does at once on a disk that works; whatever happens meanwhile, nothing is lost.
    fn start(&mut self, tally: &mut Tally) -> Outcome {
        self.core = None;
        self.forget_append_answers();
        self.forget_group_answers();
        for attempt in 0.. {
            match self.chance.below(10) {
                _ if attempt == 3 => {}
                0 => self.arm_stop(80),
                1 => self.arm_refusals(),
                2..5 => self.arm_misread(),
                _ => {}
            }
            let opened = self.open();
            let (may_fail, is_stopped) = (self.may_refuse(), self.is_stopped());
            self.count_faults(tally);
            tally.take_heard();
            match opened {
                Ok(()) if !is_stopped => break,
                Err(error) if !may_fail => return Err(format!("a start failed: {error}")),
                opened => {
                    let how = match (is_stopped, opened) {
                        (true, _) => "stopped",
                        (false, Err(error)) => {
                            tally.say(|| format!("    the start failed: {error}"));
                            "refused"
                        }
                        (false, Ok(())) => unreachable!("it went on"),
                    };
                    tally.count("start", how, 1);
                    if is_stopped {
                        self.end(tally);
                    } else {
                        self.core = None;
                        self.clear_up();
                    }
                }
            }
        }
        tally.count("start", "made", 1);
        self.clear_up();
        self.count_faults(tally);
        self.check_topics()?;
        self.check_records()?;
        self.check_groups()
    }
}
