//! What producers send, and what readers see.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Outcome;
use super::owed::Sent;
use super::reader::{filling, read_all};
use super::world::World;
use crate::base::{Offset, PartitionId, TopicName, TopicPartition};
use crate::broker::partition::{Kept, Partition, Promise};
use crate::record::{BatchBuilder, BatchRules, Codec, ProducerStamp, ValidBatch, attributes};

const RULES: BatchRules = BatchRules { bytes_max: 1 << 20, keys_required: false };
/// Batches of an idempotent producer under way at once. A client may have five.
const IN_FLIGHT: usize = 4;

/// An append that waits for its promise.
pub(super) struct Append {
    partition: Arc<Partition>,
    promise: Promise,
    records: Vec<(i64, Sent)>,
    producer: Option<usize>,
    /// The transaction it ends by aborting it.
    aborts: Option<(i64, i64)>,
}

/// An idempotent producer, which sends what it has under way again, in its order, until it is told yes.
pub(super) struct Producer {
    id: i64,
    partition: TopicPartition,
    next_sequence: i32,
    under_way: VecDeque<UnderWay>,
}

struct UnderWay {
    bytes: Vec<u8>,
    records: Vec<Sent>,
    /// It was taken, and the answer is to come.
    waits: bool,
}

impl Producer {
    pub fn new(id: i64, partition: TopicPartition) -> Producer {
        Producer { id, partition, next_sequence: 0, under_way: VecDeque::new() }
    }
}

impl World {
    fn some_partition(&mut self) -> Result<Option<(TopicPartition, Arc<Partition>)>, String> {
        let names: Vec<TopicPartition> = self.expected.partitions.keys().cloned().collect();
        let name = self.chance.pick(&names).clone();
        Ok(self.partition(&name)?.map(|partition| (name, partition)))
    }

    fn some_records(&mut self, name: &TopicPartition, producer: Option<i64>) -> Vec<Sent> {
        let records: Vec<Sent> = (0..1 + self.chance.below(3))
            .map(|_| {
                self.next_id += 1;
                Sent { id: self.next_id, key: self.chance.below(6) as u8, producer }
            })
            .collect();
        let owed = self.expected.partitions.get_mut(name).expect("known");
        owed.sent.extend(records.iter().map(|record| (record.id, *record)));
        records
    }

    fn batch(&mut self, records: &[Sent], stamp: ProducerStamp, bits: i16) -> Vec<u8> {
        let codec = *self.chance.pick(&[Codec::None, Codec::None, Codec::Snappy]);
        let mut builder = BatchBuilder::new(codec).with_attributes(bits);
        for record in records {
            let mut value = record.id.to_be_bytes().to_vec();
            let more = self.chance.below(150);
            value.extend(std::iter::repeat_n(filling(record.id), more));
            builder.append(self.now().wall_ms, Some(&[record.key]), Some(&value), &[]);
        }
        builder.finish(stamp).expect("packs")
    }

    pub(super) fn append(&mut self) -> Outcome {
        let Some((name, partition)) = self.some_partition()? else { return Ok(()) };
        let records = self.some_records(&name, None);
        let bytes = self.batch(&records, ProducerStamp::NONE, 0);
        self.send(&partition, &bytes, &records, None).map(drop)
    }

    /// Gives its first offset, if it is in the log.
    fn send(
        &mut self,
        partition: &Arc<Partition>,
        bytes: &[u8],
        records: &[Sent],
        producer: Option<usize>,
    ) -> Result<Option<Offset>, String> {
        let batch = ValidBatch::check(bytes, &RULES).expect("valid");
        let appended = match partition.append(&batch, self.now()) {
            Ok(appended) => appended,
            Err(error) if self.is_calm() => return Err(format!("{} takes no records: {error}", partition.name())),
            Err(_) => return Ok(None),
        };
        let promise = partition.promise(&appended);
        let records = (appended.base_offset.0..).zip(records.iter().copied()).collect();
        self.appends.push(Append { partition: Arc::clone(partition), promise, records, producer, aborts: None });
        Ok(Some(appended.base_offset))
    }

    pub(super) fn append_idempotent(&mut self) -> Outcome {
        let n = self.chance.below(self.producers.len());
        let producer = &self.producers[n];
        let Some(partition) = self.partition(&producer.partition.clone())? else { return Ok(()) };
        let next = self.producers[n].under_way.iter().position(|batch| !batch.waits);
        if next.is_none() && self.producers[n].under_way.len() < IN_FLIGHT {
            self.pack(n);
        }
        let next = self.producers[n].under_way.iter().position(|batch| !batch.waits);
        next.map_or(Ok(()), |next| self.send_under_way(n, next, &partition))
    }

    /// Puts another batch under way.
    fn pack(&mut self, n: usize) {
        let Producer { id, ref partition, next_sequence: base_sequence, .. } = self.producers[n];
        let records = self.some_records(&partition.clone(), Some(id));
        let bytes = self.batch(&records, ProducerStamp { producer_id: id, producer_epoch: 0, base_sequence }, 0);
        let producer = &mut self.producers[n];
        producer.next_sequence += records.len() as i32;
        producer.under_way.push_back(UnderWay { bytes, records, waits: false });
    }

    fn send_under_way(&mut self, n: usize, which: usize, partition: &Arc<Partition>) -> Outcome {
        let UnderWay { bytes, records, .. } = &self.producers[n].under_way[which];
        let (bytes, records) = (bytes.clone(), records.clone());
        let sent = self.send(partition, &bytes, &records, Some(n))?;
        self.producers[n].under_way[which].waits = sent.is_some();
        Ok(())
    }

    /// Records and their marker, by a producer of their own.
    pub(super) fn append_transaction(&mut self) -> Outcome {
        let name = TopicPartition { topic: TopicName::new("Plain").expect("valid"), partition: PartitionId(0) };
        let Some(partition) = self.partition(&name)? else { return Ok(()) };
        self.next_id += 1;
        let producer_id = 1000 + self.next_id as i64;
        let records = self.some_records(&name, Some(producer_id));
        let stamp = |base_sequence| ProducerStamp { producer_id, producer_epoch: 0, base_sequence };
        let bytes = self.batch(&records, stamp(0), attributes::TRANSACTIONAL);
        let Some(first) = self.send(&partition, &bytes, &records, None)? else { return Ok(()) };
        let commits = self.chance.one_in(2);
        let bits = attributes::TRANSACTIONAL | attributes::CONTROL;
        let mut builder = BatchBuilder::new(Codec::None).with_attributes(bits);
        builder.append(self.now().wall_ms, Some(&[0, 0, 0, u8::from(commits)]), Some(&[0; 6]), &[]);
        let marker = builder.finish(stamp(-1)).expect("no codec");
        // One that fails leaves the transaction open, which holds nobody back here.
        if let Ok(appended) = partition.append(&ValidBatch::built_here(&marker).expect("built"), self.now()) {
            let promise = partition.promise(&appended);
            let aborts = (!commits).then_some((producer_id, first.0));
            self.appends.push(Append { partition, promise, records: Vec::new(), producer: None, aborts });
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Outcome {
        let core = self.core();
        for partition in core.topics().iter().flat_map(|topic| &topic.partitions) {
            core.flusher().want(partition);
        }
        core.flusher().run();
        Ok(())
    }

    /// Takes note of what was acknowledged by now.
    pub(super) fn settle_appends(&mut self) -> Outcome {
        for append in std::mem::take(&mut self.appends) {
            match append.partition.kept(&append.promise) {
                Kept::NotYet => self.appends.push(append),
                Kept::Yes => {
                    if let Some(owed) = self.expected.partitions.get_mut(append.partition.name()) {
                        owed.owe(append.records);
                        owed.aborted.extend(append.aborts);
                    }
                    if let Some(n) = append.producer {
                        self.producers[n].under_way.pop_front();
                    }
                }
                Kept::Never => {
                    if let Some(n) = append.producer {
                        // It sends everything again: what came behind it is gone, too.
                        self.producers[n].under_way.iter_mut().for_each(|batch| batch.waits = false);
                        let gone = |other: &Append| other.producer == Some(n);
                        self.appends.retain(|other| !gone(other));
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn forget_append_answers(&mut self) {
        self.appends.clear();
        let under_way = self.producers.iter_mut().flat_map(|producer| &mut producer.under_way);
        under_way.for_each(|batch| batch.waits = false);
    }

    /// On a disk that works everything that was sent is acknowledged in the end.
    pub(super) fn drain(&mut self) -> Outcome {
        self.flush()?;
        self.settle()?;
        for n in 0..self.producers.len() {
            for _ in 0..IN_FLIGHT {
                let Some(partition) = self.partition(&self.producers[n].partition.clone())? else { continue };
                if let Some(next) = self.producers[n].under_way.iter().position(|batch| !batch.waits) {
                    self.send_under_way(n, next, &partition)?;
                }
            }
        }
        self.flush()?;
        self.settle()?;
        match self.producers.iter().find(|producer| !producer.under_way.is_empty()) {
            Some(producer) => Err(format!("producer {} is never answered", producer.id)),
            None if self.appends.is_empty() => Ok(()),
            None => Err("an append is never answered".to_owned()),
        }
    }

    /// What a reader sees below the high watermark must be there for good.
    pub(super) fn read(&mut self) -> Outcome {
        let Some((name, partition)) = self.some_partition()? else { return Ok(()) };
        let upto = partition.high_watermark();
        let is_calm = self.is_calm();
        let owed = self.expected.partitions.get_mut(&name).expect("known");
        let held = match read_all(&partition, upto, owed.compacted, owed.loose) {
            // The disk may refuse for now.
            Err(_) if !is_calm => return Ok(()),
            held => held?,
        };
        owed.check_seen(&name, &held, upto)?;
        owed.owe(held.records);
        Ok(())
    }

    /// Everything owed is there right after a start; and what is flushed by then stays.
    pub(super) fn check_records(&mut self) -> Outcome {
        let names: Vec<TopicPartition> = self.expected.partitions.keys().cloned().collect();
        for name in names {
            let Some(partition) = self.partition(&name)? else { continue };
            let owed = self.expected.partitions.get_mut(&name).expect("known");
            let log = partition.log().map_err(|error| error.to_string())?;
            let held = read_all(&partition, log.log_end(), owed.compacted, owed.loose)?;
            owed.check(&name, &held)?;
            let told = log.aborted_transactions(Offset(held.start), log.log_end());
            let told = told.map_err(|error| format!("{name}: {error}"))?;
            let told: Vec<_> = told.iter().map(|aborted| (aborted.producer_id, aborted.first_offset.0)).collect();
            owed.check_aborted(&name, held.start, &told)?;
            owed.may_start_at(held.start);
            let upto = partition.high_watermark().0;
            owed.owe(held.records.into_iter().filter(|(offset, _)| *offset < upto));
        }
        Ok(())
    }
}
