//! One fetch session (KIP-227): which partitions a client wants and from where, and what it was last told of each.
//!
//! Pure: requests and outcomes go in, what to read and what to tell comes out (Kafka's FetchSession and CachedPartition).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::base::Uuid;

/// A topic as requests name it: by its name up to Fetch 12, by its id since 13. A session keeps to one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TopicRef {
    Name(Arc<str>),
    Id(Uuid),
}

/// What a client wants of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub topic: TopicRef,
    pub partition: i32,
    pub fetch_offset: i64,
    pub bytes_max: i32,
    /// -1: the client knows none.
    pub current_leader_epoch: i32,
    pub last_fetched_epoch: i32,
}

/// What a look at a partition brought, as far as a session cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Both are -1 with an error, so that the partition is told of again once the error is gone.
    pub high_watermark: i64,
    pub log_start: i64,
    pub has_records: bool,
    /// An error or a log that diverges: is told of each time.
    pub is_urgent: bool,
}

/// What one partition of a session takes in memory at most, without its topic's name.
const PARTITION_BYTES: usize = 200;

type Key = (TopicRef, i32);

impl Asked {
    fn key(&self) -> Key {
        (self.topic.clone(), self.partition)
    }

    pub(super) fn bytes(&self) -> usize {
        let name = match &self.topic {
            TopicRef::Name(name) => name.len(),
            TopicRef::Id(_) => 0,
        };
        PARTITION_BYTES + name
    }
}

/// Each partition once: what is asked of it last counts, and it stands where it was named first.
pub fn distinct(asked: Vec<Asked>) -> Vec<Asked> {
    if asked.len() < 2 {
        return asked;
    }
    let mut places = HashMap::with_capacity(asked.len());
    let mut distinct: Vec<Asked> = Vec::with_capacity(asked.len());
    for asked in asked {
        let place = *places.entry(asked.key()).or_insert(distinct.len());
        match distinct.get_mut(place) {
            Some(earlier) => *earlier = asked,
            None => distinct.push(asked),
        }
    }
    distinct
}

struct Remembered {
    asked: Asked,
    high_watermark: i64,
    log_start: i64,
}

pub struct Session {
    by_id: bool,
    /// What the next request must say.
    epoch: i32,
    /// The partitions in the order in which they are read.
    in_turn: BTreeMap<u64, Remembered>,
    turns: HashMap<Key, u64>,
    next_turn: u64,
    bytes: usize,
}

impl Session {
    /// The session that a full fetch begins; its answer told all of these.
    pub fn new<'a>(by_id: bool, told: impl Iterator<Item = (&'a Asked, &'a Outcome)>) -> Session {
        let mut session =
            Session { by_id, epoch: 1, in_turn: BTreeMap::new(), turns: HashMap::new(), next_turn: 0, bytes: 0 };
        for (asked, outcome) in told {
            let (high_watermark, log_start) = (outcome.high_watermark, outcome.log_start);
            session.push(Remembered { asked: asked.clone(), high_watermark, log_start });
        }
        session
    }

    pub fn by_id(&self) -> bool {
        self.by_id
    }

    pub fn epoch(&self) -> i32 {
        self.epoch
    }

    /// How many partitions it has.
    pub fn size(&self) -> usize {
        self.in_turn.len()
    }

    /// What it takes in memory, at most.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes in what an incremental fetch adds, changes and forgets.
    pub fn update(&mut self, asked: &[Asked], forgotten: &[Key]) {
        for asked in asked {
            match self.turns.get(&asked.key()).and_then(|turn| self.in_turn.get_mut(turn)) {
                Some(remembered) => remembered.asked = asked.clone(),
                // Never told of: whatever is found differs from -1, or is an error.
                None => self.push(Remembered { asked: asked.clone(), high_watermark: -1, log_start: -1 }),
            }
        }
        for key in forgotten {
            if let Some(remembered) = self.turns.remove(key).and_then(|turn| self.in_turn.remove(&turn)) {
                self.bytes -= remembered.asked.bytes();
            }
        }
    }

    /// A request was taken; the next one must say the next number. After the last comes 1: 0 begins a session.
    pub fn next_epoch(&mut self) -> i32 {
        self.epoch = self.epoch.checked_add(1).unwrap_or(1);
        self.epoch
    }

    #[cfg(test)]
    pub fn set_epoch(&mut self, epoch: i32) {
        self.epoch = epoch;
    }

    /// What to read, in this order.
    pub fn asked(&self) -> Vec<Asked> {
        self.in_turn.values().map(|remembered| remembered.asked.clone()).collect()
    }

    /// Which of the outcomes, given in the order of [`Session::asked`], the client does not know yet and has to be told.
    /// Partitions that gave records go to the end, so that busy ones do not keep the others from their turn.
    pub fn tell(&mut self, outcomes: &[Outcome]) -> Vec<bool> {
        let turns: Vec<u64> = self.in_turn.keys().copied().collect();
        turns.into_iter().zip(outcomes).map(|(turn, outcome)| self.tell_one(turn, outcome)).collect()
    }

    fn tell_one(&mut self, turn: u64, outcome: &Outcome) -> bool {
        let Some(remembered) = self.in_turn.get_mut(&turn) else { return false };
        let moved = remembered.high_watermark != outcome.high_watermark || remembered.log_start != outcome.log_start;
        (remembered.high_watermark, remembered.log_start) = (outcome.high_watermark, outcome.log_start);
        if outcome.has_records
            && let Some(remembered) = self.in_turn.remove(&turn)
        {
            self.bytes -= remembered.asked.bytes();
            self.push(remembered);
        }
        moved || outcome.has_records || outcome.is_urgent
    }

    fn push(&mut self, remembered: Remembered) {
        self.bytes += remembered.asked.bytes();
        self.turns.insert(remembered.asked.key(), self.next_turn);
        self.in_turn.insert(self.next_turn, remembered);
        self.next_turn += 1;
    }
}
