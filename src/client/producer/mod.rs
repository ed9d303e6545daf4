//! Sends records: many at once where they come fast, one at once where they come slowly, each once.
//!
//! One thread. Whoever owns the [`Producer`] calls [`send`](Producer::send) for each record, [`push`](Producer::push) when it has no
//! more for now, and [`work`](Producer::work) to let it use its sockets, possibly waiting for them and for something else.
//! `send` works by itself when its buffer is full.

mod lane;
mod partitioner;
mod request;
mod sealed;
mod tags;
#[cfg(test)]
mod tests;
mod work;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

pub use partitioner::{PartitionBy, Partitioner};
pub use tags::Tags;

use self::lane::{Identity, Lane};
use self::work::Link;
use super::{ClientError, Cluster, Node};
use crate::base::{ErrorCode, Offset, PartitionId, TopicName};
use crate::protocol::kafka::ApiKey;
use crate::protocol::kafka::api::init_producer_id::InitProducerIdRequest;
use crate::record::Codec;

/// Batches never get smaller than this because there are many partitions.
const BATCH_BYTES_MIN: usize = 16 * 1024;
/// Buffers kept for the next batches.
const SPARE_BUFFERS_MAX: usize = 16;

/// When a record counts as delivered (`acks`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Acks {
    /// All replicas in sync have it.
    #[default]
    All,
    /// The partition's leader has it.
    Leader,
    /// It was sent.
    None,
}

/// Settings of a [`Producer`], under Kafka's names where it has them.
#[derive(Debug, Clone)]
pub struct ProducerConfig {
    pub acks: Acks,
    /// `enable.idempotence`: retries never write twice and never change the order. Needs acks=all.
    pub idempotent: bool,
    /// `compression.type`.
    pub codec: Codec,
    /// `linger.ms`: how long a batch may wait for more records. Zero: no longer than the caller has some at hand.
    pub linger: Duration,
    /// `batch.size`, before compression. A batch must fit into the broker's `message.max.bytes`.
    pub batch_bytes: usize,
    /// `max.request.size`: the most one request carries, unless a single batch is larger.
    pub request_bytes: usize,
    /// `buffer.memory`: beyond it, `send` waits.
    pub buffer_bytes: usize,
    /// `max.in.flight.requests.per.connection`; five at most, as many as brokers remember of an idempotent producer.
    pub in_flight: usize,
    /// `delivery.timeout.ms`: from `send` to the acknowledgement, all retries included.
    pub delivery_timeout: Duration,
    /// Whether [`Producer::take_delivery`] tells of every batch.
    pub reports: bool,
}

impl Default for ProducerConfig {
    fn default() -> Self {
        ProducerConfig {
            acks: Acks::All,
            idempotent: true,
            codec: Codec::None,
            linger: Duration::ZERO,
            batch_bytes: 512 * 1024,
            request_bytes: 1024 * 1024,
            buffer_bytes: 8 * 1024 * 1024,
            in_flight: 5,
            delivery_timeout: Duration::from_secs(120),
            reports: false,
        }
    }
}

/// A topic that a [`Producer`] has opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicHandle(usize);

#[cfg(test)]
impl TopicHandle {
    pub(crate) fn for_tests() -> TopicHandle {
        TopicHandle(0)
    }
}

/// What is to be sent.
#[derive(Debug, Clone, Copy)]
pub struct NewRecord<'a> {
    /// Milliseconds since 1970.
    pub timestamp: i64,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: &'a [(&'a [u8], Option<&'a [u8]>)],
    /// The caller's number for it, higher than the one before; deliveries and failures name it.
    pub tag: u64,
}

/// A batch that was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub topic: TopicHandle,
    pub partition: PartitionId,
    /// Of the first record; none with acks=0, or if the broker knows only that it has the batch.
    pub base_offset: Option<Offset>,
    pub tags: Tags,
}

/// A batch that was not delivered and will not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryFailure {
    pub topic: TopicHandle,
    pub partition: PartitionId,
    pub tags: Tags,
    /// The record that the broker objects to, where it names one or there is but one.
    pub culprit: Option<u64>,
    pub error: ClientError,
    /// It was sent, and the answer got lost: the broker may have stored it.
    pub is_uncertain: bool,
}

#[derive(Debug)]
struct OpenTopic {
    name: TopicName,
    first_lane: usize,
    partitions: i32,
}

/// A lane and where it leads.
#[derive(Debug)]
struct Route {
    topic: usize,
    partition: PartitionId,
    leader: Option<i32>,
    /// The broker that has this lane's batches in flight; no other gets any meanwhile.
    bound_to: Option<i32>,
    /// On its leader's queue.
    is_queued: bool,
    /// On the list of lanes with an open batch.
    is_listed: bool,
    lane: Lane,
}

#[derive(Debug)]
pub struct Producer {
    cluster: Cluster,
    config: ProducerConfig,
    identity: Identity,
    topics: Vec<OpenTopic>,
    routes: Vec<Route>,
    /// Lanes that had an open batch when last looked at.
    open: Vec<usize>,
    /// The most lanes that were open at once: among so many the memory is shared.
    open_most: usize,
    batch_limit: usize,
    /// The caller has no more records for now: open batches go out as soon as their broker is idle.
    pushed: bool,
    links: BTreeMap<i32, Link>,
    /// Bytes of sealed batches that are not delivered.
    buffered: usize,
    spare: Vec<Vec<u8>>,
    /// Lanes that need a new identity.
    renewals: Vec<usize>,
    expire_at: Instant,
    refresh_at: Option<Instant>,
    refresh_tries: u32,
    outage: Option<ClientError>,
    /// The spell of trouble that is on has been told of.
    outage_noted: bool,
    /// Spells of trouble told of so far.
    outages: u64,
    delivered: u64,
    deliveries: VecDeque<Delivery>,
    failures: VecDeque<DeliveryFailure>,
}

impl Producer {
    pub fn new(mut cluster: Cluster, mut config: ProducerConfig) -> Result<Producer, ClientError> {
        config.in_flight = config.in_flight.clamp(1, 5);
        config.batch_bytes = config.batch_bytes.max(1);
        config.idempotent &= config.acks == Acks::All && cluster.offers(ApiKey::InitProducerId)?;
        let identity = if config.idempotent { new_identity(&mut cluster)? } else { Identity::NONE };
        let batch_limit = config.batch_bytes;
        Ok(Producer {
            cluster,
            config,
            identity,
            topics: Vec::new(),
            routes: Vec::new(),
            open: Vec::new(),
            open_most: 0,
            batch_limit,
            pushed: false,
            links: BTreeMap::new(),
            buffered: 0,
            spare: Vec::new(),
            renewals: Vec::new(),
            expire_at: Instant::now(),
            refresh_at: None,
            refresh_tries: 0,
            outage: None,
            outage_noted: false,
            outages: 0,
            delivered: 0,
            deliveries: VecDeque::new(),
            failures: VecDeque::new(),
        })
    }

    /// Finds a topic, or with `create` lets the brokers create it where they do that by themselves.
    pub fn open(&mut self, name: &TopicName, create: bool) -> Result<TopicHandle, ClientError> {
        if let Some(known) = self.topics.iter().position(|topic| topic.name == *name) {
            return Ok(TopicHandle(known));
        }
        let described = self.cluster.topic(name, create)?;
        let topic = self.topics.len();
        let first_lane = self.routes.len();
        for (partition, info) in (0..).map(PartitionId).zip(&described.partitions) {
            let lane = Lane::new(self.config.codec, self.identity, self.config.batch_bytes);
            let leader = info.leader;
            self.routes.push(Route {
                topic,
                partition,
                leader,
                bound_to: None,
                is_queued: false,
                is_listed: false,
                lane,
            });
        }
        self.topics.push(OpenTopic { name: name.clone(), first_lane, partitions: described.partition_count() });
        Ok(TopicHandle(topic))
    }

    /// How many partitions the topic had when it was opened.
    pub fn partitions(&self, topic: TopicHandle) -> i32 {
        self.topics.get(topic.0).map_or(0, |topic| topic.partitions)
    }

    pub fn topic_name(&self, topic: TopicHandle) -> &str {
        self.topics.get(topic.0).map_or("", |topic| topic.name.as_str())
    }

    /// Takes a record in. Waits, and works meanwhile, while the buffer is full; what becomes of the record is told later.
    #[inline]
    pub fn send(
        &mut self,
        topic: TopicHandle,
        partition: PartitionId,
        record: &NewRecord<'_>,
    ) -> Result<(), ClientError> {
        let index = self.lane_index(topic, partition)?;
        let bytes = record_bytes(record);
        if !self.routes[index].lane.has_room(bytes, self.batch_limit) {
            self.seal_and_work(index)?;
        }
        self.list(index);
        let NewRecord { timestamp, key, value, headers, tag } = *record;
        if !self.routes[index].lane.append(timestamp, key, value, headers, tag) {
            self.seal_and_work(index)?;
            self.list(index);
            self.routes[index].lane.append(timestamp, key, value, headers, tag);
        }
        Ok(())
    }

    /// Puts a lane that gets a record on the list of open ones.
    #[inline]
    fn list(&mut self, index: usize) {
        let route = &mut self.routes[index];
        if route.lane.is_open() {
            return;
        }
        route.lane.set_opened(Instant::now());
        if !route.is_listed {
            route.is_listed = true;
            self.open.push(index);
            if self.open.len() > self.open_most {
                self.share_memory();
            }
        }
    }

    #[inline]
    fn lane_index(&self, topic: TopicHandle, partition: PartitionId) -> Result<usize, ClientError> {
        match self.topics.get(topic.0) {
            Some(topic) if (0..topic.partitions).contains(&partition.0) => Ok(topic.first_lane + partition.0 as usize),
            topic => Err(ClientError::UnknownPartition {
                topic: topic.map_or_else(String::new, |topic| topic.name.to_string()),
                partition,
                partitions: topic.map_or(0, |topic| topic.partitions),
            }),
        }
    }

    /// More lanes share the memory: each batch gets less of it.
    fn share_memory(&mut self) {
        self.open_most = self.open.len();
        let share = self.config.buffer_bytes / 2 / self.open_most;
        self.batch_limit = share.clamp(BATCH_BYTES_MIN.min(self.config.batch_bytes), self.config.batch_bytes);
    }

    /// The caller has no more records for now. What is open goes out at once where nothing is under way to its broker, else
    /// with the next answer; with a linger, when that is over.
    pub fn push(&mut self) {
        self.pushed = self.config.linger.is_zero() && !self.open.is_empty();
    }

    /// Sends all there is and waits until it is delivered or has failed.
    pub fn flush(&mut self) -> Result<(), ClientError> {
        self.seal_open()?;
        while !self.is_flushed() {
            self.check_patience()?;
            self.work(None, &mut [])?;
        }
        Ok(())
    }

    /// Whether everything that was sealed is delivered or has failed.
    pub fn is_flushed(&self) -> bool {
        self.buffered == 0
    }

    /// An error if somebody asked to stop, or the time to finish is over.
    pub fn check_patience(&self) -> Result<(), ClientError> {
        self.cluster.patience().check()
    }

    /// The stop that was asked for has been heard: what is in flight has this long.
    pub fn finish_within(&mut self, length: Duration) {
        self.cluster.finish_within(length);
    }

    /// Drops what has not been sent yet. What is in flight can still be waited for with [`flush`](Self::flush).
    pub fn give_up_unsent(&mut self) {
        for route in &mut self.routes {
            self.buffered -= route.lane.give_up();
            route.is_listed = false;
        }
        self.open.clear();
        self.pushed = false;
    }

    /// Records that were acknowledged (with acks=0: sent).
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// The lowest tag among the records that are neither delivered nor among the failures.
    pub fn first_undelivered(&self) -> Option<u64> {
        let lanes = self.routes.iter().filter_map(|route| route.lane.first_tag());
        let in_flight = self.links.values().filter_map(Link::first_tag);
        lanes.chain(in_flight).min()
    }

    /// The next batch that was delivered, if reports were asked for.
    pub fn take_delivery(&mut self) -> Option<Delivery> {
        self.deliveries.pop_front()
    }

    /// The next batch that has failed.
    pub fn take_failure(&mut self) -> Option<DeliveryFailure> {
        self.failures.pop_front()
    }

    pub fn has_failures(&self) -> bool {
        !self.failures.is_empty()
    }

    /// Why nothing can be delivered at the moment, while that is so.
    pub fn outage(&self) -> Option<&ClientError> {
        self.outage.as_ref()
    }

    /// How often delivery has come to a halt and was tried again. Each time the log has one warning, however many tries
    /// it took: [`send`](Self::send) may wait in the middle of it, where its caller can say nothing.
    pub fn outages(&self) -> u64 {
        self.outages
    }
}

/// About what a record takes: at least as much as it will.
#[inline]
fn record_bytes(record: &NewRecord<'_>) -> usize {
    let fields = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len) + 36;
    let header = |(name, value): &(&[u8], Option<&[u8]>)| name.len() + value.map_or(0, <[u8]>::len) + 10;
    fields + record.headers.iter().map(header).sum::<usize>()
}

fn new_identity(cluster: &mut Cluster) -> Result<Identity, ClientError> {
    let request =
        InitProducerIdRequest { transactional_id: None, transaction_timeout_ms: i32::MAX, ..Default::default() };
    let by = Instant::now() + cluster.config().connect_timeout;
    let answer = cluster.with_retries(by, |cluster| {
        let answer = cluster.call(Node::Any, &request)?;
        match ErrorCode::from_code(answer.error_code) {
            ErrorCode::None => Ok(answer),
            _ => Err(ClientError::refused("asking for a producer id", answer.error_code, None)),
        }
    })?;
    Ok(Identity { producer_id: answer.producer_id, epoch: answer.producer_epoch })
}
