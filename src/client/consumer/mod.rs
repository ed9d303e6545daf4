//! Reads partitions from positions: fetches ahead, hands out what came, decoded in place.
//!
//! One thread. [`Consumer::next`] gives a [`Chunk`] as soon as there is one; the next fetch is under way before it
//! returns, so that the broker works while the caller does. What is read, from where, and what is committed is the
//! caller's to decide: [`bounds`], [`resolve`] and [`group`](super::group) help.

mod aborted;
mod chunk;
mod fetch;
mod news;
mod places;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

pub use chunk::{Chunk, Record, TimestampType};
pub use news::TopicNews;
pub use places::{Bounds, bounds, resolve};

use self::fetch::Link;
use super::{ClientError, Cluster, Watch};
use crate::base::{ErrorCode, Offset, PartitionId, TopicName, TopicPartition, Uuid};

/// Which records of transactions are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// Only those of committed ones.
    #[default]
    Committed,
    /// All.
    Uncommitted,
}

impl Isolation {
    fn level(self) -> i8 {
        match self {
            Isolation::Uncommitted => 0,
            Isolation::Committed => 1,
        }
    }
}

/// Settings of a [`Consumer`], under Kafka's names.
#[derive(Debug, Clone)]
pub struct ConsumerConfig {
    /// `isolation.level`.
    pub isolation: Isolation,
    /// `fetch.max.bytes`: the most one answer carries, unless a single batch is larger.
    pub fetch_bytes: usize,
    /// `max.partition.fetch.bytes`.
    pub partition_bytes: usize,
    /// `fetch.min.bytes`: so much is worth an answer before `fetch_wait` is over.
    pub fetch_bytes_min: i32,
    /// `fetch.max.wait.ms`: how long a broker holds a fetch for which it has no data.
    pub fetch_wait: Duration,
    /// How long a broker may be gone before that is an error; for ever, if none.
    pub reconnect_for: Option<Duration>,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        ConsumerConfig {
            isolation: Isolation::Committed,
            fetch_bytes: 8 * 1024 * 1024,
            partition_bytes: 2 * 1024 * 1024,
            fetch_bytes_min: 1,
            fetch_wait: Duration::from_millis(500),
            reconnect_for: Some(Duration::from_secs(10)),
        }
    }
}

/// A partition being read.
#[derive(Debug)]
struct Assigned {
    name: TopicName,
    topic: Arc<str>,
    topic_id: Uuid,
    partition: PartitionId,
    /// Where the next fetch starts.
    position: Offset,
    until: Option<Offset>,
    leader: Option<i32>,
    is_in_flight: bool,
    /// Counts seeks: an answer to a question from before one is thrown away.
    seeks: u32,
    /// Raised while the broker sends batches cut off at it.
    bytes: usize,
    retry_at: Option<Instant>,
    /// So often in a row it was refused.
    tries: u32,
    /// The brokers know the topic no more, and that was told.
    is_gone: bool,
    /// It starts with the first record there is, not with offset 0.
    takes_start: bool,
    /// The topic is unknown to the brokers since then.
    unknown_since: Option<Instant>,
    /// The broker answers for others, but not for this one, since then.
    refused: Option<(Instant, ClientError)>,
}

impl Assigned {
    fn is_done(&self) -> bool {
        self.until.is_some_and(|until| self.position >= until)
    }

    /// What the broker says of a disk that does not give this partition. That a partition moves is no news.
    fn unreadable(&self) -> Option<&ClientError> {
        let (_, error) = self.refused.as_ref()?;
        Some(error).filter(|error| error.code() == Some(ErrorCode::KafkaStorageError))
    }

    fn place(&self) -> TopicPartition {
        TopicPartition { topic: self.name.clone(), partition: self.partition }
    }
}

#[derive(Debug)]
pub struct Consumer {
    cluster: Cluster,
    config: ConsumerConfig,
    assigned: Vec<Assigned>,
    links: HashMap<i32, Link>,
    ready: VecDeque<Result<Chunk, ClientError>>,
    /// Buffers of chunks that were handed out, with the broker whose connection wants them back.
    lent: VecDeque<(i32, Bytes)>,
    refresh_at: Option<Instant>,
    tries: u32,
    outage: Option<(Instant, ClientError)>,
    /// `next` has returned since it began.
    outage_seen: bool,
    news: Vec<TopicNews>,
    /// `next` has not returned since the last of them.
    has_news: bool,
}

impl Consumer {
    pub fn new(cluster: Cluster, config: ConsumerConfig) -> Consumer {
        Consumer {
            cluster,
            config,
            assigned: Vec::new(),
            links: HashMap::new(),
            ready: VecDeque::new(),
            lent: VecDeque::new(),
            refresh_at: None,
            tries: 0,
            outage: None,
            outage_seen: false,
            news: Vec::new(),
            has_news: false,
        }
    }

    /// Reads this partition too, from `from`, and if it is given only to `until`. Its topic has been asked for through
    /// this consumer's cluster.
    pub fn assign(&mut self, place: &TopicPartition, from: Offset, until: Option<Offset>) {
        let topic = place.topic.as_str();
        self.assigned.push(Assigned {
            name: place.topic.clone(),
            topic: topic.into(),
            topic_id: self.cluster.metadata().topic(topic).map_or(Uuid::ZERO, |known| known.id),
            partition: place.partition,
            position: from,
            until,
            leader: self.cluster.metadata().leader(topic, place.partition),
            is_in_flight: false,
            seeks: 0,
            bytes: self.config.partition_bytes,
            retry_at: None,
            tries: 0,
            is_gone: false,
            takes_start: false,
            unknown_since: None,
            refused: None,
        });
    }

    /// Reads a partition from another position on. What was fetched already and not handed out is dropped.
    pub fn seek(&mut self, place: &TopicPartition, to: Offset) {
        let is_it = |topic: &str, partition| topic == place.topic.as_str() && partition == place.partition;
        for assigned in self.assigned.iter_mut().filter(|a| is_it(&a.topic, a.partition)) {
            assigned.position = to;
            assigned.seeks += 1;
        }
        self.ready.retain(|chunk| !chunk.as_ref().is_ok_and(|chunk| is_it(chunk.topic(), chunk.partition())));
    }

    /// Reads a partition no more. What was fetched of it and not handed out is dropped.
    pub fn unassign(&mut self, place: &TopicPartition) {
        let is_it = |assigned: &Assigned| assigned.name == place.topic && assigned.partition == place.partition;
        while let Some(index) = self.assigned.iter().position(is_it) {
            self.assigned.remove(index);
            // What the fetches under way ask for is known by its place here.
            for link in self.links.values_mut() {
                link.forget(index);
            }
        }
        let is_of = |chunk: &Chunk| **chunk.topic() == *place.topic.as_str() && chunk.partition() == place.partition;
        self.ready.retain(|chunk| !chunk.as_ref().is_ok_and(is_of));
    }

    /// Where the reading of a partition ends, if it does.
    pub fn stop_of(&self, place: &TopicPartition) -> Option<Offset> {
        let is_it = |assigned: &&Assigned| assigned.name == place.topic && assigned.partition == place.partition;
        self.assigned.iter().find(is_it).and_then(|assigned| assigned.until)
    }

    /// Waits, without reading, until then or until one of `also` is ready.
    pub fn wait(&self, until: Option<Instant>, also: &mut [Watch<'_>]) -> Result<(), ClientError> {
        self.cluster.patience().check()?;
        self.cluster.patience().wait(&mut [], also, until);
        self.cluster.patience().check()
    }

    /// Whether everything has been handed out up to where it was to be read.
    pub fn is_done(&self) -> bool {
        self.ready.is_empty() && self.assigned.iter().all(Assigned::is_done)
    }

    /// Why nothing can be read at the moment, or not from some partition's disk, while that is so.
    pub fn outage(&self) -> Option<&ClientError> {
        let unreadable = || self.assigned.iter().filter_map(|assigned| assigned.unreadable()).next();
        self.outage.as_ref().map(|(_, error)| error).or_else(unreadable)
    }

    /// For offsets and commits beside the reading.
    pub fn cluster(&mut self) -> &mut Cluster {
        &mut self.cluster
    }

    /// The first readable offset behind damage at `place`, for whoever chose to skip it: what the broker can't read
    /// is probed in growing steps, then halved, so that little good is passed over unseen.
    pub fn find_behind_damage(&mut self, place: &TopicPartition, at: Offset) -> Result<Option<Offset>, ClientError> {
        let bounds = bounds(&mut self.cluster, std::slice::from_ref(place), self.config.isolation)?;
        let Some(end) = bounds.first().map(|bounds| bounds.end) else { return Ok(None) };
        let (mut bad, mut step) = (at, 1);
        let mut good = loop {
            let probe = Offset(bad.0.saturating_add(step)).min(end);
            if probe == end {
                break end;
            }
            if self.is_readable(place, probe)? {
                break probe;
            }
            bad = probe;
            step = step.saturating_mul(2);
        };
        while good.0 - bad.0 > 1 {
            let middle = Offset(bad.0 + (good.0 - bad.0) / 2);
            if self.is_readable(place, middle)? {
                good = middle;
            } else {
                bad = middle;
            }
        }
        Ok(Some(good))
    }
}
