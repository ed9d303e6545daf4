//! What was promised to whom, and whether a broker that is open keeps it.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{Offset, TopicName, TopicPartition};
use crate::broker::partition::Partition;
use crate::log::ReadError;
use crate::record::batches;

/// A record, known by the number it carries as its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    pub id: u64,
    pub key: u8,
    /// The idempotent producer that sent it.
    pub producer: Option<i64>,
}

/// What one partition owes.
#[derive(Debug, Clone)]
pub(super) struct Owed {
    pub compacted: bool,
    /// Acknowledged, or seen by a reader: there for good.
    pub records: BTreeMap<i64, Sent>,
    /// Everything that was ever sent there.
    pub sent: BTreeMap<u64, Sent>,
    /// The log begins no earlier, and no later.
    pub start: std::ops::RangeInclusive<i64>,
}

/// What the log holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Held {
    pub start: i64,
    pub records: BTreeMap<i64, Sent>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Expected {
    pub partitions: BTreeMap<TopicPartition, Owed>,
    /// Commits of each group in order; and how many of them are known to count.
    pub commits: BTreeMap<String, (Vec<i64>, usize)>,
    /// Topics whose making, or deleting, was answered with yes.
    pub topics: BTreeMap<TopicName, Fate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Exists,
    Gone,
    /// The answer was an error: it may be there or not.
    Unknown,
}

impl Owed {
    pub fn new(compacted: bool) -> Owed {
        Owed { compacted, records: BTreeMap::new(), sent: BTreeMap::new(), start: 0..=0 }
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
        for (offset, owed) in self.records.range(held.start..upto.0) {
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
}

/// Reads a partition from its start up to an offset, as a consumer does: a batch that fails its CRC is fetched again.
pub(super) fn read_all(partition: &Partition, upto: Offset, compacted: bool) -> Result<Held, String> {
    let (name, log) = (partition.name(), partition.log());
    let start = log.log_start();
    let mut held = Held { start: start.0, records: BTreeMap::new() };
    let mut next = start;
    let mut again = 0;
    while next < upto {
        let slice = match log.read(next, 900, upto, true) {
            Ok(Some(slice)) => slice,
            // A length that is misread makes the first batch too long for an answer; the next one has it.
            Ok(None) if again < 3 => {
                again += 1;
                continue;
            }
            Ok(None) if compacted => break,
            Ok(None) => return Err(format!("{name}: nothing at offset {next}, though the end is {upto}")),
            // A disk that refuses to read for a while.
            Err(ReadError::Storage(_)) if again < 3 => {
                again += 1;
                continue;
            }
            Err(error) => return Err(format!("{name}: {error}")),
        };
        // Offsets lie outside the CRC: what was misread on its way to us is no fault of the log's.
        let twice = slice.bytes().and_then(|bytes| Ok((slice.bytes()? == bytes, bytes)));
        let bytes = match twice {
            Ok((true, bytes)) => Ok(bytes),
            Ok((false, _)) => Err(format!("{name}: misread")),
            Err(error) => Err(format!("{name}: {error}")),
        };
        let read = bytes.and_then(|bytes| take(&mut held, &bytes, next, compacted));
        match read {
            Ok(after) => (next, again) = (after, 0),
            Err(_) if again < 3 => again += 1,
            Err(error) => return Err(format!("{name} from offset {next}: {error}")),
        }
    }
    held.records = held.records.split_off(&start.0);
    Ok(held)
}

/// Gives the offset behind the last batch.
fn take(held: &mut Held, bytes: &[u8], from: Offset, compacted: bool) -> Result<Offset, String> {
    let mut expected = None;
    for batch in batches(bytes) {
        let batch = batch.map_err(|error| error.to_string())?;
        batch.verify_crc().map_err(|error| error.to_string())?;
        let header = &batch.header;
        let first_is_right = expected.is_some() || header.base_offset <= from;
        if !compacted && (!first_is_right || expected.is_some_and(|expected| header.base_offset != expected)) {
            return Err(format!("offsets are missing before {}", header.base_offset));
        }
        expected = Some(header.next_offset());
        if header.is_control() {
            continue;
        }
        for record in batch.records(1 << 20).map_err(|error| error.to_string())?.iter() {
            let record = record.map_err(|error| error.to_string())?;
            let number = record.value.and_then(|value| value.get(..8)?.try_into().ok()).map(u64::from_be_bytes);
            let (Some(id), Some(&[key])) = (number, record.key) else {
                return Err("a record of another kind".to_owned());
            };
            let producer = header.has_producer_id().then_some(header.producer_id);
            held.records.insert(header.base_offset.0 + i64::from(record.offset_delta), Sent { id, key, producer });
        }
    }
    expected.ok_or_else(|| "an empty answer".to_owned())
}

impl Expected {
    /// Whether the group's offset is one that was committed, and not older than the last that is known to count.
    pub fn check_commit(&self, group: &str, found: Option<i64>) -> Result<(), String> {
        let Some((commits, counted)) = self.commits.get(group) else { return Ok(()) };
        let allowed: BTreeSet<i64> = commits[counted.saturating_sub(1)..].iter().copied().collect();
        match found {
            None if *counted == 0 => Ok(()),
            Some(offset) if allowed.contains(&offset) => Ok(()),
            found => Err(format!("group {group} has committed {found:?}, but should have one of {allowed:?}")),
        }
    }
}
