//! What the broker has promised so far: kept by those who were promised it, outside the broker's reach.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::judge::{Delivery, Made, Promise, Streams};
use super::payload::Id;
use crate::base::{Offset, PartitionId, TopicName, TopicPartition};

pub(super) const PARTITIONS: i32 = 4;

/// The topics of the load, and what their producers are.
pub(super) const TOPICS: [(&str, Delivery); 2] =
    [("torture-once", Delivery::Once), ("torture-at-least-once", Delivery::AtLeastOnce)];

/// A partition, as an index into the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(pub(super) usize);

impl Place {
    pub(super) fn all() -> impl Iterator<Item = Place> {
        (0..TOPICS.len() * PARTITIONS as usize).map(Place)
    }

    pub(super) fn of(delivery: Delivery, partition: PartitionId) -> Place {
        let topic = TOPICS.iter().position(|(_, d)| *d == delivery).unwrap_or(0);
        Place(topic * PARTITIONS as usize + partition.0.unsigned_abs() as usize)
    }

    /// None for a partition that is not of the load.
    pub(super) fn named(topic: &str, partition: PartitionId) -> Option<Place> {
        let (_, delivery) = TOPICS.iter().find(|(name, _)| *name == topic)?;
        Some(Place::of(*delivery, partition))
    }

    pub(super) fn delivery(self) -> Delivery {
        TOPICS[self.0 / PARTITIONS as usize].1
    }

    pub(super) fn partition(self) -> PartitionId {
        PartitionId((self.0 % PARTITIONS as usize) as i32)
    }

    pub(super) fn name(self) -> TopicPartition {
        let topic = TopicName::new(TOPICS[self.0 / PARTITIONS as usize].0).expect("the names above are good ones");
        TopicPartition { topic, partition: self.partition() }
    }
}

/// An offset that only moves forward, and may be anywhere between what was confirmed and what was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Moving {
    pub(super) confirmed: Option<Offset>,
    pub(super) asked: Option<Offset>,
}

impl Moving {
    pub(super) fn ask(&mut self, to: Offset) {
        self.asked = self.asked.max(Some(to));
    }

    pub(super) fn confirm(&mut self, to: Offset) {
        self.confirmed = self.confirmed.max(Some(to));
    }

    /// Whether it may be there, by this (earlier) look at what was confirmed and this (later) one at what was asked.
    pub(super) fn allows(earlier: Moving, later: Moving, found: Option<Offset>) -> bool {
        found >= earlier.confirmed && found <= later.asked
    }
}

/// What is known of one partition.
#[derive(Debug, Clone, Default)]
pub(super) struct Page {
    pub(super) promises: Vec<Promise>,
    /// Records that their producer gave up: they may be there or not.
    pub(super) excused: BTreeSet<Id>,
    /// What stood before the log's start.
    pub(super) before: Streams,
    /// What the group committed.
    pub(super) committed: Moving,
    /// Where the log was trimmed to.
    pub(super) trimmed: Moving,
}

impl Page {
    /// Forgets what was promised before `end`, of the first `judged` promises; how many acknowledged records that were.
    pub(super) fn close(&mut self, end: Offset, judged: usize) -> u64 {
        let is_behind = |promise: &Promise| match promise.base {
            Some(base) => base.plus(promise.count as i64) <= end,
            None => {
                let last = promise.first.plus(promise.count - 1);
                self.before.get(&last.stream).is_some_and(|next| last.number < *next)
            }
        };
        let (mut open, mut closed) = (Vec::new(), 0);
        for (index, promise) in self.promises.iter().enumerate() {
            if index >= judged || !is_behind(promise) {
                open.push(*promise);
            } else if promise.made == Made::Acknowledged {
                closed += promise.count;
            }
        }
        self.promises = open;
        closed
    }
}

#[derive(Debug, Default)]
struct Inner {
    pages: Vec<Page>,
    streams: u32,
    acknowledged: u64,
    /// From so many acknowledged records on, the load holds back.
    limit: u64,
    commits: u64,
    /// Records that producers gave up.
    given_up: u64,
}

#[derive(Debug)]
pub(super) struct Ledger {
    inner: Mutex<Inner>,
    changed: Condvar,
}

impl Ledger {
    pub(super) fn new() -> Ledger {
        let pages = Place::all().map(|_| Page::default()).collect();
        Ledger { inner: Mutex::new(Inner { pages, ..Inner::default() }), changed: Condvar::new() }
    }

    /// A number for a producer's life.
    pub(super) fn new_stream(&self) -> u32 {
        let mut inner = self.inner.lock();
        inner.streams += 1;
        inner.streams
    }

    pub(super) fn promise(&self, place: Place, promise: Promise) {
        let mut inner = self.inner.lock();
        if promise.made == Made::Acknowledged {
            inner.acknowledged += promise.count;
        }
        inner.pages[place.0].promises.push(promise);
        self.changed.notify_all();
    }

    pub(super) fn excuse(&self, place: Place, given_up: impl Iterator<Item = Id>) {
        let mut inner = self.inner.lock();
        let before = inner.pages[place.0].excused.len();
        inner.pages[place.0].excused.extend(given_up);
        inner.given_up += (inner.pages[place.0].excused.len() - before) as u64;
    }

    pub(super) fn change<T>(&self, place: Place, change: impl FnOnce(&mut Page) -> T) -> T {
        change(&mut self.inner.lock().pages[place.0])
    }

    pub(super) fn count_commit(&self) {
        self.inner.lock().commits += 1;
    }

    pub(super) fn commits(&self) -> u64 {
        self.inner.lock().commits
    }

    pub(super) fn given_up(&self) -> u64 {
        self.inner.lock().given_up
    }

    /// How many records were acknowledged so far.
    pub(super) fn acknowledged(&self) -> u64 {
        self.inner.lock().acknowledged
    }

    /// Lets the load go on until so many are acknowledged: what is written faster than it can be read back would never
    /// be judged.
    pub(super) fn set_limit(&self, limit: u64) {
        self.inner.lock().limit = limit;
    }

    pub(super) fn may_send(&self) -> bool {
        let inner = self.inner.lock();
        inner.acknowledged < inner.limit
    }

    /// Waits until so many are acknowledged, but no longer than `until`; whether they are.
    pub(super) fn wait_acknowledged(&self, target: u64, until: Instant) -> bool {
        let mut inner = self.inner.lock();
        while inner.acknowledged < target {
            if self.changed.wait_until(&mut inner, until).timed_out() {
                return inner.acknowledged >= target;
            }
        }
        true
    }

    /// Everything, as it is now.
    pub(super) fn pages(&self) -> Vec<Page> {
        self.inner.lock().pages.clone()
    }
}

/// How long the load may stand still before that is a failure: recovery of a small log takes milliseconds, but the disk
/// under test may be a slow one.
pub(super) const STANDSTILL: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_partitions_are_the_same_thing() {
        for place in Place::all() {
            let name = place.name();
            assert_eq!(Place::named(name.topic.as_str(), name.partition), Some(place));
            assert_eq!(Place::of(place.delivery(), place.partition()), place);
        }
        assert_eq!(Place::named("other", PartitionId(0)), None);
    }

    #[test]
    fn an_offset_may_be_between_what_was_confirmed_and_what_was_asked() {
        let mut at = Moving::default();
        assert!(Moving::allows(at, at, None) && !Moving::allows(at, at, Some(Offset(0))));
        at.ask(Offset(5));
        assert!(Moving::allows(at, at, None) && Moving::allows(at, at, Some(Offset(5))));
        at.confirm(Offset(5));
        at.ask(Offset(9));
        assert!(!Moving::allows(at, at, None) && !Moving::allows(at, at, Some(Offset(4))));
        assert!(Moving::allows(at, at, Some(Offset(9))) && !Moving::allows(at, at, Some(Offset(10))));
    }

    #[test]
    fn what_is_acknowledged_is_counted_and_waited_for() {
        let ledger = Ledger::new();
        let first = Id { stream: ledger.new_stream(), number: 0 };
        let promise = Promise { made: Made::Acknowledged, first, count: 3, base: None };
        ledger.promise(Place(1), promise);
        ledger.promise(Place(1), Promise { made: Made::Shown, ..promise });
        assert!(ledger.wait_acknowledged(3, Instant::now()));
        assert!(!ledger.wait_acknowledged(4, Instant::now()));
        assert_eq!(ledger.pages()[1].promises.len(), 2);
    }
}
