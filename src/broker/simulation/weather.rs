//! What the disk does while it runs: it stops, refuses, and misreads. Whatever it does is noted when it does it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::tally::{Tally, kind};
use super::world::World;
use crate::log::memory_disk::{Fault, Operation};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Refusal {
    name: &'static str,
    of: &'static [Operation],
    error: io::ErrorKind,
}

const fn refusal(name: &'static str, of: &'static [Operation], error: io::ErrorKind) -> Refusal {
    Refusal { name, of, error }
}

const FULL: io::ErrorKind = io::ErrorKind::StorageFull;
const BROKEN: io::ErrorKind = io::ErrorKind::Other;

const REFUSALS: [Refusal; 11] = [
    refusal("fsync refused, disk full", &[Operation::SyncData, Operation::SyncFs], FULL),
    refusal("fsync refused, broken", &[Operation::SyncData, Operation::SyncFs], BROKEN),
    refusal("write refused, disk full", &[Operation::Write], FULL),
    refusal("write refused, broken", &[Operation::Write], BROKEN),
    refusal("open refused, disk full", &[Operation::Open], FULL),
    refusal("shortening refused", &[Operation::SetLen], BROKEN),
    refusal("directory sync refused", &[Operation::SyncDir], BROKEN),
    refusal("renaming refused", &[Operation::Rename], BROKEN),
    refusal("removal refused", &[Operation::Remove], BROKEN),
    refusal("directory refused, disk full", &[Operation::CreateDir], FULL),
    refusal("read refused", &[Operation::Read, Operation::List, Operation::Facts], BROKEN),
];

const STOPPED: &str = "stopped at an operation";
const STOPPED_TORN: &str = "stopped in the middle of a write";
const MISREAD: &str = "bit flipped on read";

pub(super) fn faults() -> impl Iterator<Item = &'static str> {
    REFUSALS.iter().map(|refusal| refusal.name).chain([STOPPED, STOPPED_TORN, MISREAD])
}

/// What came about, for the tally.
#[derive(Debug, Clone, Default)]
struct Noted(Arc<Mutex<Vec<(&'static str, PathBuf)>>>);

impl Noted {
    fn add(&self, fault: &'static str, path: &Path) {
        self.0.lock().push((fault, path.to_owned()));
    }
}

#[derive(Debug, Default)]
pub(super) struct Weather {
    /// Operations until the disk works again; 0 when it does.
    spell: usize,
    /// It will stop, or has.
    stops: bool,
    refuses: bool,
    stopped: Arc<AtomicBool>,
    noted: Noted,
}

impl World {
    /// The disk does what it should, and everything else must, too.
    pub(super) fn is_calm(&self) -> bool {
        self.weather.spell == 0 && !self.weather.stops
    }

    /// Operations may fail.
    pub(super) fn may_refuse(&self) -> bool {
        self.weather.refuses || self.weather.stops
    }

    /// The disk does nothing any more.
    pub(super) fn is_stopped(&self) -> bool {
        self.weather.stopped.load(Ordering::Relaxed)
    }

    pub(super) fn arm_stop(&mut self, within: usize) {
        if !self.is_calm() {
            return;
        }
        self.weather.stops = true;
        let mut left = self.chance.below(within);
        let mut chance = self.chance.fork();
        let (stopped, noted) = (Arc::clone(&self.weather.stopped), self.weather.noted.clone());
        self.disk.watch(move |operation, path| {
            if left > 0 {
                left -= 1;
                return None;
            }
            let mut written = 0;
            if !stopped.swap(true, Ordering::Relaxed) {
                if operation == Operation::Write {
                    // The last one comes a part of its way.
                    written = chance.below(300);
                }
                noted.add(if written > 0 { STOPPED_TORN } else { STOPPED }, path);
            }
            Some(Fault { error: io::Error::other("the machine has stopped"), written })
        });
    }

    pub(super) fn arm_refusals(&mut self) {
        if !self.is_calm() {
            return;
        }
        self.weather.spell = 2 + self.chance.below(12);
        self.weather.refuses = true;
        let refusals = [*self.chance.pick(&REFUSALS), *self.chance.pick(&REFUSALS)];
        let (mut chance, often) = (self.chance.fork(), 1 + self.chance.below(4));
        let noted = self.weather.noted.clone();
        self.disk.give_up_at_refused_syncs();
        self.disk.watch(move |operation, path| {
            let refusal = refusals.iter().find(|refusal| refusal.of.contains(&operation))?;
            if !chance.one_in(often) {
                return None;
            }
            noted.add(refusal.name, path);
            Some(Fault { error: refusal.error.into(), written: chance.below(120) })
        });
    }

    /// One of the next reads has a bit that is not what was written.
    pub(super) fn arm_misread(&mut self) {
        if !self.is_calm() {
            return;
        }
        self.weather.spell = 2 + self.chance.below(12);
        let mut left = self.chance.below(12);
        let mut chance = self.chance.fork();
        let noted = self.weather.noted.clone();
        self.disk.watch_reads(move |path, bytes| {
            if bytes.is_empty() || kind(path).is_none() {
                return;
            }
            if left == 0 {
                let bit = chance.below(bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
                noted.add(MISREAD, path);
            }
            left = left.wrapping_sub(1);
        });
    }

    pub(super) fn pass_weather(&mut self) {
        if self.weather.spell > 0 {
            self.weather.spell -= 1;
            if self.weather.spell == 0 {
                self.clear_up();
            }
        }
    }

    /// From now on the disk works; everybody who gave up on it has had the time to look again.
    pub(super) fn clear_up(&mut self) {
        self.disk.unwatch();
        self.weather.spell = 0;
        (self.weather.stops, self.weather.refuses) = (false, false);
        self.weather.stopped.store(false, Ordering::Relaxed);
        self.clock.advance(Duration::from_secs(1));
        self.look_again();
    }

    pub(super) fn count_faults(&mut self, tally: &mut Tally) {
        for (fault, path) in self.weather.noted.0.lock().drain(..) {
            tally.fault(fault);
            tally.file(&path);
        }
    }
}
