//! What one partition owes, and whether it is there.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::base::{Offset, TopicPartition};

/// A record, known by the number it carries in its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    pub id: u64,
    pub key: u8,
    /// The idempotent producer that sent it.
    pub producer: Option<i64>,
}

/// What the log holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Held {
    pub start: i64,
    pub records: BTreeMap<i64, Sent>,
}

#[derive(Debug, Clone)]
pub(super) struct Owed {
    pub compacted: bool,
    /// Acknowledged without a flush: a power cut may take it.
    pub loose: bool,
    /// Acknowledged, or seen by a reader: there for good.
    pub records: BTreeMap<i64, Sent>,
    /// Everything that was ever sent there.
    pub sent: BTreeMap<u64, Sent>,
    /// The log begins no earlier, and no later.
    pub start: RangeInclusive<i64>,
    /// Aborted transactions that are known to be: the producer, and the first offset.
    pub aborted: Vec<(i64, i64)>,
}

impl Owed {
    pub fn new(compacted: bool, loose: bool) -> Owed {
        Owed { compacted, loose, records: BTreeMap::new(), sent: BTreeMap::new(), start: 0..=0, aborted: Vec::new() }
    }

    /// Takes note of what is there for good from now on.
    pub fn owe(&mut self, records: impl IntoIterator<Item = (i64, Sent)>) {
        let start = *self.start.end();
        self.records.extend(records.into_iter().filter(|(offset, _)| *offset >= start));
    }

    /// The log may begin further on by now.
    pub fn may_start_at(&mut self, start: i64) {
        self.start = *self.start.start()..=start.max(*self.start.end());
        self.records = self.records.split_off(self.start.end());
    }

    /// The power is gone.
    pub fn forgive(&mut self) {
        if self.loose {
            self.records.clear();
        }
    }

    /// Whether everything owed is there.
    pub fn check(&mut self, name: &TopicPartition, held: &Held) -> Result<(), String> {
        if !self.start.contains(&held.start) {
            return Err(format!("{name}: the log starts at {}, which should lie in {:?}", held.start, self.start));
        }
        self.records = self.records.split_off(&held.start);
        for (offset, owed) in &self.records {
            match held.records.get(offset) {
                Some(there) if there == owed => {}
                Some(there) => return Err(format!("{name}: at offset {offset} is {there:?}, not {owed:?}")),
                None => {
                    let later = |records: &BTreeMap<i64, Sent>| {
                        records.range(offset + 1..).any(|(_, other)| other.key == owed.key)
                    };
                    if !self.compacted || !(later(&self.records) || later(&held.records)) {
                        return Err(format!("{name}: {owed:?} at offset {offset} is lost"));
                    }
                }
            }
        }
        self.check_producers(name, held)
    }

    /// Whether what a reader finds below `upto` is what it, or another, was shown or promised before.
    pub fn check_seen(&self, name: &TopicPartition, held: &Held, upto: Offset) -> Result<(), String> {
        for (offset, owed) in self.records.range(held.start..upto.0.max(held.start)) {
            let there = held.records.get(offset);
            if there != Some(owed) && !(self.compacted && there.is_none()) {
                return Err(format!("{name}: a reader finds {there:?} at offset {offset}, not {owed:?}"));
            }
        }
        self.check_producers(name, held)
    }

    /// Nothing comes that was not sent, and of an idempotent producer nothing twice, and all in order.
    fn check_producers(&self, name: &TopicPartition, held: &Held) -> Result<(), String> {
        let mut last = BTreeMap::new();
        for (offset, there) in &held.records {
            if self.sent.get(&there.id) != Some(there) {
                return Err(format!("{name}: {there:?} at offset {offset} was never sent there"));
            }
            if let Some(producer) = there.producer
                && last.insert(producer, there.id).is_some_and(|before| before >= there.id)
            {
                return Err(format!("{name}: {there:?} at offset {offset} comes twice, or out of order"));
            }
        }
        Ok(())
    }

    /// Whether readers of committed data are told of every aborted transaction.
    pub fn check_aborted(&mut self, name: &TopicPartition, start: i64, told: &[(i64, i64)]) -> Result<(), String> {
        self.aborted.retain(|(_, first)| *first >= start);
        match self.aborted.iter().find(|owed| !told.contains(owed)) {
            None => Ok(()),
            Some((producer, first)) => Err(format!(
                "{name}: that the transaction of producer {producer} at offset {first} was aborted is forgotten"
            )),
        }
    }
}
