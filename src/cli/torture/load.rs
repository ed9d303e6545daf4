//! The load: producers that send as fast as they are answered, and a group's reader that commits. They live through
//! every outage, and write down what they are promised before they do anything else.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::chance::Chance;
use super::judge::{Delivery, Made, Promise};
use super::ledger::{Ledger, PARTITIONS, Place, STANDSTILL, TOPICS};
use super::payload::Id;
use crate::base::{Now, Offset, PartitionId, TopicName, TopicPartition};
use crate::client::consumer::{Isolation, bounds};
use crate::client::group::{Committer, GroupOffsets};
use crate::client::producer::{Acks, TopicHandle};
use crate::client::{
    Address, ClientConfig, ClientError, Cluster, Consumer, ConsumerConfig, NewRecord, Producer, ProducerConfig, Stop,
};
use crate::record::Codec;

pub(super) const GROUP: &str = "torture";
/// So many records of one producer wait for their acknowledgement.
const OUTSTANDING_MAX: u64 = 300;
const BURST_MAX: u64 = 40;
/// A producer that does not live for ever sends so many records at most.
const LIFE_MAX: u64 = 3000;
/// How often a producer that waits for answers looks up.
const LOOKS_EVERY: Duration = Duration::from_millis(20);
/// At the end, what is in flight has this long.
const FINISH_WITHIN: Duration = Duration::from_millis(1500);
/// The reader commits after so many records.
const COMMIT_EVERY: i64 = 50;

/// Tells the load that it is over.
#[derive(Debug, Default)]
pub(super) struct Over(AtomicBool);

impl Over {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Stop for Over {
    fn is_asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// One that tries again soon, since the broker is gone all the time.
pub(super) fn client(address: &Address, stop: Option<Arc<dyn Stop>>) -> ClientConfig {
    ClientConfig {
        client_id: "rafka-torture".to_owned(),
        connect_timeout: Duration::from_secs(2),
        request_timeout: Duration::from_secs(1),
        retry_backoff: Duration::from_millis(10),
        retry_backoff_max: Duration::from_millis(100),
        stop,
        ..ClientConfig::new(vec![address.clone()])
    }
}

/// What every thread of the load shares.
pub(super) struct Load<'a> {
    pub(super) address: &'a Address,
    pub(super) ledger: &'a Ledger,
    pub(super) over: Arc<Over>,
}

/// One producer after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Writer {
    pub(super) delivery: Delivery,
    pub(super) codec: Codec,
    /// One producer lives through everything; else they come and go.
    pub(super) is_steady: bool,
}

pub(super) const WRITERS: [Writer; 4] = [
    Writer { delivery: Delivery::Once, codec: Codec::None, is_steady: true },
    Writer { delivery: Delivery::Once, codec: Codec::Lz4, is_steady: false },
    Writer { delivery: Delivery::AtLeastOnce, codec: Codec::None, is_steady: true },
    Writer { delivery: Delivery::AtLeastOnce, codec: Codec::Zstd, is_steady: false },
];

/// A producer's life.
struct Life<'a> {
    ledger: &'a Ledger,
    delivery: Delivery,
    producer: Producer,
    topic: TopicHandle,
    stream: u32,
    /// Records so far, of which so many are settled.
    sent: u64,
    settled: u64,
}

impl Load<'_> {
    fn is_over(&self) -> bool {
        self.over.is_asked()
    }

    /// Sends until it is over.
    pub(super) fn write(&self, writer: Writer, seed: u64) {
        let mut chance = Chance::new(seed);
        while !self.is_over() {
            let Ok(mut life) = self.begin(writer) else {
                thread::sleep(LOOKS_EVERY);
                continue;
            };
            let length = if writer.is_steady { u64::MAX } else { 1 + chance.below(LIFE_MAX) };
            // What fails here is a producer that could not go on; the next one can.
            let lived = self.live(&mut life, length, &mut chance);
            // Half of them leave in the middle of it, and what was in flight is in doubt.
            if lived.is_ok() && (self.is_over() || chance.one_in(2)) {
                life.producer.finish_within(FINISH_WITHIN);
                let _ = life.producer.flush();
            }
            life.settle();
        }
    }

    fn begin(&self, writer: Writer) -> Result<Life<'_>, ClientError> {
        let cluster = Cluster::connect(client(self.address, Some(Arc::clone(&self.over) as Arc<dyn Stop>)))?;
        let config = ProducerConfig {
            acks: Acks::All,
            idempotent: writer.delivery == Delivery::Once,
            codec: writer.codec,
            // Order is promised to one request at a time, or to an idempotent producer.
            in_flight: if writer.delivery == Delivery::Once { 5 } else { 1 },
            batch_bytes: 16 * 1024,
            delivery_timeout: Duration::from_secs(600),
            reports: true,
            ..ProducerConfig::default()
        };
        let mut producer = Producer::new(cluster, config)?;
        let (name, _) = TOPICS[usize::from(writer.delivery != Delivery::Once)];
        let topic = producer.open(&TopicName::new(name)?, false)?;
        let (ledger, delivery, stream) = (self.ledger, writer.delivery, self.ledger.new_stream());
        Ok(Life { ledger, delivery, producer, topic, stream, sent: 0, settled: 0 })
    }

    fn live(&self, life: &mut Life<'_>, length: u64, chance: &mut Chance) -> Result<(), ClientError> {
        while !self.is_over() && life.sent < length {
            let room = match self.ledger.may_send() {
                true => OUTSTANDING_MAX.saturating_sub(life.sent - life.settled),
                false => 0,
            };
            for _ in 0..room.min(1 + chance.below(BURST_MAX)) {
                life.send()?;
            }
            life.producer.push();
            let worked = life.producer.work(Some(Instant::now() + LOOKS_EVERY), &mut []);
            life.settle();
            worked?;
        }
        Ok(())
    }
}

/// Records are dealt to the partitions in turn: a tag tells both the partition and the record's number in it.
fn dealt(tag: u64) -> (PartitionId, u64) {
    (PartitionId((tag % PARTITIONS as u64) as i32), tag / PARTITIONS as u64)
}

impl Life<'_> {
    fn send(&mut self) -> Result<(), ClientError> {
        let tag = self.sent;
        let (partition, number) = dealt(tag);
        let value = Id { stream: self.stream, number }.value(partition.0);
        let record = NewRecord { timestamp: Now::wall(), key: None, value: Some(&value), headers: &[], tag };
        self.sent += 1;
        self.producer.send(self.topic, partition, &record)
    }

    /// Writes down what became of records.
    fn settle(&mut self) {
        while let Some(delivered) = self.producer.take_delivery() {
            let Some(tag) = delivered.tags.first() else { continue };
            let first = Id { stream: self.stream, number: dealt(tag).1 };
            let (count, base) = (delivered.tags.len() as u64, delivered.base_offset);
            let promise = Promise { made: Made::Acknowledged, first, count, base };
            self.ledger.promise(Place::of(self.delivery, delivered.partition), promise);
            self.settled += count;
        }
        while let Some(failed) = self.producer.take_failure() {
            let ids = failed.tags.iter().map(|tag| Id { stream: self.stream, number: dealt(tag).1 });
            self.ledger.excuse(Place::of(self.delivery, failed.partition), ids);
            self.settled += failed.tags.len() as u64;
        }
    }
}

impl Load<'_> {
    /// Reads as a group does, from what it committed, until it is over.
    pub(super) fn read(&self) {
        while !self.is_over() {
            // Whatever ends the reading, an outage or a trim, it begins anew at what is committed.
            let _ = self.read_on();
            thread::sleep(LOOKS_EVERY);
        }
    }

    fn read_on(&self) -> Result<(), ClientError> {
        let mut config = client(self.address, Some(Arc::clone(&self.over) as Arc<dyn Stop>));
        // A commit that this reader no longer waits for, while a frozen broker still has it to do, would undo a later one.
        config.request_timeout = STANDSTILL;
        let mut cluster = Cluster::connect(config)?;
        let names: Vec<TopicPartition> = Place::all().map(Place::name).collect();
        for (topic, _) in TOPICS {
            cluster.topic(&TopicName::new(topic)?, false)?;
        }
        let group = GroupOffsets::new(GROUP);
        let committed = group.committed(&mut cluster, &names)?;
        let bounds = bounds(&mut cluster, &names, Isolation::Uncommitted)?;
        let config = ConsumerConfig { reconnect_for: Some(Duration::ZERO), ..ConsumerConfig::default() };
        let mut consumer = Consumer::new(cluster, config);
        let mut positions = Vec::new();
        for ((name, committed), bounds) in names.iter().zip(committed).zip(bounds) {
            let from = committed.map_or(bounds.start, |committed| committed.max(bounds.start));
            consumer.assign(name, from, None);
            positions.push((name.clone(), from));
        }
        let mut uncommitted = 0;
        while !self.is_over() {
            let chunk = consumer.next(Some(Instant::now() + LOOKS_EVERY), &mut [])?;
            if let Some(mut chunk) = chunk {
                let Some(place) = Place::named(chunk.topic(), chunk.partition()) else { continue };
                let before = chunk.position();
                let mut last = None;
                // What is damaged is for the judge to find, who reads everything.
                let _ = chunk.read(|record| {
                    last = record
                        .value()
                        .and_then(|value| Id::of(value, record.partition.0))
                        .map(|id| (id, record.offset));
                    ControlFlow::Continue(())
                })?;
                if let Some((first, offset)) = last {
                    self.ledger.promise(place, Promise { made: Made::Shown, first, count: 1, base: Some(offset) });
                }
                positions[place.0].1 = chunk.position();
                uncommitted += chunk.position().since(before);
            }
            if uncommitted >= COMMIT_EVERY {
                self.commit(&group, &mut consumer, &positions)?;
                uncommitted = 0;
            }
        }
        Ok(())
    }

    fn commit(
        &self,
        group: &GroupOffsets,
        consumer: &mut Consumer,
        positions: &[(TopicPartition, Offset)],
    ) -> Result<(), ClientError> {
        for (place, (_, offset)) in Place::all().zip(positions) {
            self.ledger.change(place, |page| page.committed.ask(*offset));
        }
        group.commit(consumer.cluster(), &Committer::outside(), positions)?;
        for (place, (_, offset)) in Place::all().zip(positions) {
            self.ledger.change(place, |page| page.committed.confirm(*offset));
        }
        self.ledger.count_commit();
        Ok(())
    }
}
