//! One producer at work: as fast as it goes, or at a fixed rate; and how long its records took.

use std::time::{Duration, Instant};

use super::ground::{FINISH_WITHIN, Ground};
use super::measured::Latency;
use super::pace::{Moments, Schedule};
use super::payload::{Letters, Payload, Stamp};
use crate::base::{Now, PartitionId};
use crate::cli::Progress;
use crate::client::producer::TopicHandle;
use crate::client::{ClientError, NewRecord, PartitionBy, Partitioner, Producer, Stop};

/// The clock is looked at once for so many bytes or records, whichever is less: a few microseconds' worth.
const BLOCK_BYTES: usize = 4096;
const BLOCK_RECORDS: usize = 32;
/// A sender that is late sends so many records before it looks what came back.
const BURST: u64 = 1000;

/// When a sender is to be done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) records: u64,
    pub(super) until: Option<Instant>,
}

/// What became of a sender's records.
#[derive(Debug)]
pub(super) struct Sent {
    /// Acknowledged; with acks=0 sent.
    pub(super) delivered: u64,
    /// When the last of them was.
    pub(super) last: Option<Instant>,
    pub(super) latency: Latency,
    pub(super) ended: Result<(), ClientError>,
}

#[derive(Debug)]
enum Pace {
    /// As fast as it goes.
    Free(Moments),
    Fixed(Schedule),
}

impl Pace {
    /// See [`Moments::at`].
    fn at(&self, number: u64, place: &mut usize) -> Option<Instant> {
        match self {
            Pace::Free(moments) => moments.at(number, place),
            Pace::Fixed(schedule) => Some(schedule.at(number)),
        }
    }
}

#[derive(Debug)]
pub(super) struct Sender<'a> {
    ground: &'a Ground,
    producer: Producer,
    topic: TopicHandle,
    partitioner: Partitioner,
    payload: Payload,
    run: Option<u64>,
    pace: Pace,
    number: u64,
    delivered: u64,
    last: Option<Instant>,
    latency: Latency,
}

impl<'a> Sender<'a> {
    /// With a `run`, records get its stamp.
    pub(super) fn new(ground: &'a Ground, letters: Letters, run: Option<u64>) -> Result<Sender<'a>, ClientError> {
        let (cluster, _) = ground.connect_to_topic()?;
        let mut producer = Producer::new(cluster, ground.producer.clone())?;
        let topic = producer.open(&ground.topic, false)?;
        let partitioner = Partitioner::new(PartitionBy::RoundRobin, producer.partitions(topic));
        Ok(Sender {
            ground,
            producer,
            topic,
            partitioner,
            payload: Payload::new(letters),
            run,
            pace: Pace::Free(Moments::new()),
            number: 0,
            delivered: 0,
            last: None,
            latency: Latency::new(),
        })
    }

    /// Sends one record to each partition and waits until they are there: every connection is open then, and nothing of
    /// it is measured.
    pub(super) fn warm_up(&mut self, stamp: Stamp) -> Result<u64, ClientError> {
        let partitions = self.producer.partitions(self.topic);
        for partition in (0..partitions).map(PartitionId) {
            let value = self.payload.next_stamped(stamp);
            let record = NewRecord { timestamp: Now::wall(), key: None, value: Some(value), headers: &[], tag: 0 };
            self.producer.send(self.topic, partition, &record)?;
        }
        self.producer.flush()?;
        while self.producer.take_delivery().is_some() {}
        match self.producer.take_failure() {
            Some(failure) => Err(failure.error),
            None => Ok(partitions.unsigned_abs().into()),
        }
    }

    /// Sends until it is done, then waits for what is in flight.
    pub(super) fn run(mut self, bounds: Bounds, schedule: Option<Schedule>, progress: &Progress) -> Sent {
        let sent = match schedule {
            Some(schedule) => {
                self.pace = Pace::Fixed(schedule);
                self.send_in_time(bounds, &schedule, progress)
            }
            None => self.send_freely(bounds, progress),
        };
        let ended = sent.and_then(|()| self.flush(progress));
        if ended.is_err() {
            // What is in flight may still be acknowledged, and counts.
            self.producer.give_up_unsent();
            self.producer.finish_within(FINISH_WITHIN);
            let _ = self.flush(progress);
        }
        Sent { delivered: self.delivered, last: self.last, latency: self.latency, ended }
    }

    fn send_freely(&mut self, bounds: Bounds, progress: &Progress) -> Result<(), ClientError> {
        let block = (BLOCK_BYTES / self.ground.size.max(1)).clamp(1, BLOCK_RECORDS) as u64;
        while self.number < bounds.records {
            let now = self.look(bounds)?;
            let Some(now) = now else { break };
            if let Pace::Free(moments) = &mut self.pace {
                moments.begin(self.number, now);
            }
            let timestamp = Now::wall();
            for _ in 0..block.min(bounds.records - self.number) {
                self.send(timestamp)?;
            }
            self.settle(progress)?;
        }
        Ok(())
    }

    fn send_in_time(&mut self, bounds: Bounds, schedule: &Schedule, progress: &Progress) -> Result<(), ClientError> {
        while self.number < bounds.records {
            let Some(now) = self.look(bounds)? else { break };
            let timestamp = Now::wall();
            let burst = self.number.saturating_add(BURST).min(bounds.records);
            while self.number < burst && schedule.at(self.number) <= now {
                self.send(timestamp)?;
            }
            self.producer.push();
            let next = schedule.at(self.number);
            let next = bounds.until.map_or(next, |until| until.min(next));
            self.producer.work(Some(next), &mut [])?;
            self.settle(progress)?;
        }
        Ok(())
    }

    /// The time; none if it is over.
    fn look(&self, bounds: Bounds) -> Result<Option<Instant>, ClientError> {
        if self.ground.halt.is_asked() {
            return Err(ClientError::Interrupted);
        }
        let now = Instant::now();
        Ok(Some(now).filter(|now| bounds.until.is_none_or(|until| *now < until)))
    }

    #[inline]
    fn send(&mut self, timestamp: i64) -> Result<(), ClientError> {
        let tag = self.number;
        self.number += 1;
        let value = match self.run {
            Some(run) => self.payload.next_stamped(Stamp { run, number: tag }),
            None => self.payload.next(),
        };
        let record = NewRecord { timestamp, key: None, value: Some(value), headers: &[], tag };
        self.producer.send(self.topic, self.partitioner.pick(None), &record)
    }

    fn flush(&mut self, progress: &Progress) -> Result<(), ClientError> {
        self.producer.seal_open()?;
        while !self.producer.is_flushed() {
            self.producer.check_patience()?;
            self.producer.work(None, &mut [])?;
            self.settle(progress)?;
        }
        self.settle(progress)
    }

    /// Counts what was acknowledged; an error if something will never be.
    fn settle(&mut self, progress: &Progress) -> Result<(), ClientError> {
        let mut now = None;
        while let Some(delivery) = self.producer.take_delivery() {
            let now = *now.get_or_insert_with(Instant::now);
            // Records of one moment follow each other.
            let (mut from, mut count, mut place) = (None, 0, 0);
            for tag in delivery.tags.iter() {
                let at = self.pace.at(tag, &mut place);
                if at != from {
                    self.count(from, now, count);
                    (from, count) = (at, 0);
                }
                count += 1;
            }
            self.count(from, now, count);
            self.delivered += delivery.tags.len() as u64;
            self.last = Some(now);
            progress.advance(delivery.tags.len() as u64);
        }
        if now.is_some()
            && let Pace::Free(moments) = &mut self.pace
        {
            moments.forget_before(self.producer.first_undelivered().unwrap_or(self.number));
        }
        match self.producer.take_failure() {
            Some(failure) => Err(failure.error),
            None => Ok(()),
        }
    }

    fn count(&mut self, from: Option<Instant>, to: Instant, count: u64) {
        if let Some(from) = from.filter(|_| count > 0) {
            self.latency.add(from, to, count);
        }
    }
}

/// From the start to the last record that was acknowledged.
pub(super) fn took(start: Instant, last: Option<Instant>) -> Duration {
    last.unwrap_or_else(Instant::now).saturating_duration_since(start)
}
