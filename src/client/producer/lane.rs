//! One partition's way out: the batch that is filling, those that wait, how many are on their way, and what becomes of
//! them. Pure: it knows no socket and no clock but the moments it is given.
//!
//! Always holds: batches leave in the order their records came. After a failure the lane recovers: what was refused waits
//! until nothing is in flight, then batches go one at a time until the refused ones are through. So no retry overtakes,
//! and with sequence numbers (KIP-98) none is written twice.

use std::collections::VecDeque;
use std::time::Instant;

use super::sealed::{Sealed, sequence_after};
use super::tags::Tags;
use crate::base::ErrorCode;
use crate::record::{BatchBuilder, Codec, CompressError, ProducerStamp};

/// Who an idempotent producer is to the brokers; [`Identity::NONE`] for one that is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) producer_id: i64,
    pub(super) epoch: i16,
}

impl Identity {
    pub(super) const NONE: Identity = Identity { producer_id: -1, epoch: -1 };

    fn is_some(self) -> bool {
        self.producer_id >= 0
    }
}

/// What a broker, or the lack of one, made of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Stored from this offset on; none if the broker knows only that it has it.
    Written(Option<i64>),
    Refused(ErrorCode),
    /// No answer came. `reached`: some of it may have arrived.
    Unanswered {
        reached: bool,
    },
}

/// What the lane makes of that.
#[derive(Debug)]
pub(super) enum Settled {
    Delivered {
        tags: Tags,
        base_offset: Option<i64>,
        buffer: Vec<u8>,
    },
    /// It will be sent again. `ask_leader`: after asking who leads the partition now.
    Again {
        ask_leader: bool,
    },
    Failed {
        batch: Sealed,
        code: ErrorCode,
    },
}

#[derive(Debug)]
pub(super) struct Lane {
    codec: Codec,
    identity: Identity,
    next_sequence: i32,
    next_order: u64,
    builder: BatchBuilder,
    tags: Tags,
    opened: Option<Instant>,
    /// No batch grows beyond this, before packing. Halved when the broker finds batches too large.
    batch_bytes: usize,
    /// In order.
    waiting: VecDeque<Sealed>,
    in_flight: usize,
    is_recovering: bool,
    /// The broker's idea of our sequence is lost: a new identity is needed before anything more is sent.
    needs_identity: bool,
    retry_at: Option<Instant>,
}

impl Lane {
    pub(super) fn new(codec: Codec, identity: Identity, batch_bytes: usize) -> Lane {
        Lane {
            codec,
            identity,
            next_sequence: 0,
            next_order: 0,
            builder: BatchBuilder::new(codec),
            tags: Tags::default(),
            opened: None,
            batch_bytes,
            waiting: VecDeque::new(),
            in_flight: 0,
            is_recovering: false,
            needs_identity: false,
            retry_at: None,
        }
    }

    /// Whether a record of about `bytes` belongs into the batch that is open, or the first one of a new batch.
    #[inline]
    pub(super) fn has_room(&self, bytes: usize, limit: usize) -> bool {
        self.builder.len_bytes() + bytes <= self.batch_bytes.min(limit) || self.builder.is_empty()
    }

    #[inline]
    pub(super) fn append(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&[u8], Option<&[u8]>)],
        tag: u64,
    ) -> bool {
        if !self.tags.push(tag) {
            return false;
        }
        self.builder.append(timestamp, key, value, headers);
        true
    }

    pub(super) fn is_open(&self) -> bool {
        !self.builder.is_empty()
    }

    /// When the first record of the open batch came.
    pub(super) fn opened(&self) -> Option<Instant> {
        self.opened
    }

    pub(super) fn set_opened(&mut self, now: Instant) {
        self.opened = Some(now);
    }

    /// Closes the open batch and puts it behind those that wait; gives its size. `buffer` is for the next one.
    pub(super) fn seal(&mut self, now: Instant, buffer: Vec<u8>) -> Result<usize, CompressError> {
        let tags = std::mem::take(&mut self.tags);
        let builder = std::mem::replace(&mut self.builder, BatchBuilder::reusing(buffer, self.codec));
        let since = self.opened.take().unwrap_or(now);
        let count = tags.len();
        if count == 0 {
            return Ok(0);
        }
        let stamp = self.stamp_at(self.next_sequence);
        let plain_bytes = builder.len_bytes();
        let bytes = builder.finish(stamp)?;
        let size = bytes.len();
        let order = self.next_order;
        self.next_order += count as u64;
        self.next_sequence = sequence_after(self.next_sequence, count);
        self.waiting.push_back(Sealed {
            bytes,
            tags,
            order,
            stamp,
            since,
            attempts: 0,
            is_uncertain: false,
            plain_bytes,
        });
        Ok(size)
    }

    fn stamp_at(&self, sequence: i32) -> ProducerStamp {
        if !self.identity.is_some() {
            return ProducerStamp::NONE;
        }
        let Identity { producer_id, epoch } = self.identity;
        ProducerStamp { producer_id, producer_epoch: epoch, base_sequence: sequence }
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting.iter().map(|batch| batch.bytes.len()).sum()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether something that did not get through has still to.
    pub(super) fn is_recovering(&self) -> bool {
        self.is_recovering
    }

    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    /// The next batch to send, if one may go now.
    pub(super) fn take_next(&mut self, now: Instant) -> Option<Sealed> {
        if self.needs_identity || (self.is_recovering && self.in_flight > 0) {
            return None;
        }
        if self.retry_at.is_some_and(|at| now < at) {
            return None;
        }
        let mut next = self.waiting.pop_front()?;
        self.retry_at = None;
        self.in_flight += 1;
        next.attempts += 1;
        Some(next)
    }

    /// A batch that was on its way has come to an end, or has not.
    pub(super) fn settle(&mut self, mut batch: Sealed, outcome: Outcome, retry_at: Instant) -> Settled {
        self.in_flight -= 1;
        let earlier_waits = self.waiting.front().is_some_and(|first| first.order < batch.order);
        match outcome {
            Outcome::Written(base_offset) => self.delivered(batch, base_offset),
            // It has this batch from an earlier attempt, too long ago to know its offset.
            Outcome::Refused(ErrorCode::DuplicateSequenceNumber) => self.delivered(batch, None),
            Outcome::Unanswered { reached } => {
                batch.is_uncertain |= reached;
                self.again(batch, retry_at);
                Settled::Again { ask_leader: true }
            }
            // The one before it failed, so this one could not but fail.
            Outcome::Refused(ErrorCode::OutOfOrderSequenceNumber) if earlier_waits || self.needs_identity => {
                self.again(batch, retry_at);
                Settled::Again { ask_leader: false }
            }
            Outcome::Refused(ErrorCode::UnknownProducerId) if !batch.is_uncertain => {
                // Retention has taken all this producer wrote, and with it the broker's memory of its sequence.
                self.needs_identity = true;
                self.again(batch, retry_at);
                Settled::Again { ask_leader: false }
            }
            Outcome::Refused(ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge) if batch.tags.len() > 1 => {
                self.split(batch, retry_at)
            }
            Outcome::Refused(code) if code.is_retriable() => {
                self.again(batch, retry_at);
                Settled::Again { ask_leader: true }
            }
            Outcome::Refused(code) => {
                self.failed();
                Settled::Failed { batch, code }
            }
        }
    }

    fn delivered(&mut self, batch: Sealed, base_offset: Option<i64>) -> Settled {
        if self.waiting.front().is_none_or(|next| next.attempts == 0) {
            self.is_recovering = false;
        }
        Settled::Delivered { tags: batch.tags, base_offset, buffer: batch.bytes }
    }

    fn again(&mut self, batch: Sealed, retry_at: Instant) {
        self.is_recovering = true;
        self.retry_at = Some(retry_at);
        self.requeue(batch);
    }

    fn split(&mut self, batch: Sealed, retry_at: Instant) -> Settled {
        match batch.split() {
            Ok(Some((left, right))) => {
                self.batch_bytes = self.batch_bytes.min(batch.plain_bytes / 2).max(1);
                self.again(right, retry_at);
                self.again(left, retry_at);
                // Nothing has to come right first.
                self.retry_at = None;
                Settled::Again { ask_leader: false }
            }
            Ok(None) | Err(_) => {
                self.failed();
                Settled::Failed { batch, code: ErrorCode::MessageTooLarge }
            }
        }
    }

    /// A batch is gone for good: those behind it would leave a gap in the sequence.
    fn failed(&mut self) {
        self.needs_identity = self.identity.is_some();
        self.is_recovering = true;
    }

    fn requeue(&mut self, batch: Sealed) {
        let place = self.waiting.partition_point(|other| other.order < batch.order);
        self.waiting.insert(place, batch);
    }

    /// Takes out the batches whose first record came before `moment`. They were not delivered in time.
    pub(super) fn expire(&mut self, moment: Instant) -> Vec<Sealed> {
        let count = self.waiting.iter().take_while(|batch| batch.since <= moment).count();
        if count > 0 {
            self.failed();
        }
        self.waiting.drain(..count).collect()
    }

    /// Whether a new identity is due, now that nothing is in flight under the old one.
    pub(super) fn wants_identity(&self) -> bool {
        self.needs_identity && self.in_flight == 0
    }

    /// Goes on under a new identity. What may already be stored under the old one can't be sent again: it is given back.
    pub(super) fn renew(&mut self, identity: Identity) -> Vec<Sealed> {
        self.identity = identity;
        self.needs_identity = false;
        let mut sequence = 0;
        let mut lost = Vec::new();
        for mut batch in std::mem::take(&mut self.waiting) {
            let stamp = self.stamp_at(sequence);
            if batch.is_uncertain || batch.restamp(stamp).is_err() {
                lost.push(batch);
                continue;
            }
            sequence = sequence_after(sequence, batch.tags.len());
            self.waiting.push_back(batch);
        }
        self.next_sequence = sequence;
        lost
    }

    /// The lowest number among the records that are not on their way.
    pub(super) fn first_tag(&self) -> Option<u64> {
        let waiting = self.waiting.front().and_then(|batch| batch.tags.first());
        waiting.or_else(|| self.tags.first())
    }

    /// Drops everything that is not on its way; how many records that were, and their bytes.
    pub(super) fn give_up(&mut self) -> usize {
        self.tags.clear();
        self.builder = BatchBuilder::new(self.codec);
        self.opened = None;
        self.waiting.drain(..).map(|batch| batch.bytes.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::BatchHeader;

    const IDENTITY: Identity = Identity { producer_id: 7, epoch: 0 };

    fn lane() -> Lane {
        Lane::new(Codec::None, IDENTITY, 1000)
    }

    /// Fills and seals a batch of `count` records, numbered on from `first`.
    fn seal(lane: &mut Lane, first: u64, count: u64) {
        for tag in first..first + count {
            assert!(lane.append(0, None, Some(b"v"), &[], tag));
        }
        lane.seal(Instant::now(), Vec::new()).expect("not packed");
    }

    fn sequence(batch: &Sealed) -> i32 {
        BatchHeader::parse(&batch.bytes).expect("a batch").base_sequence
    }

    fn next(lane: &mut Lane) -> Option<Sealed> {
        lane.take_next(Instant::now())
    }

    fn settle(lane: &mut Lane, batch: Sealed, outcome: Outcome) -> Settled {
        lane.settle(batch, outcome, Instant::now())
    }

    fn refused(code: ErrorCode) -> Outcome {
        Outcome::Refused(code)
    }

    #[test]
    fn sequences_count_records() {
        let mut lane = lane();
        seal(&mut lane, 1, 3);
        seal(&mut lane, 4, 2);
        seal(&mut lane, 6, 1);
        let sequences: Vec<i32> = std::iter::from_fn(|| next(&mut lane)).map(|batch| sequence(&batch)).collect();
        assert_eq!(sequences, [0, 3, 5]);
        assert_eq!(sequence_after(i32::MAX, 1), 0);
    }

    #[test]
    fn a_lost_connection_sends_all_again_in_order_one_at_a_time() {
        let mut lane = lane();
        (0..4).for_each(|i| seal(&mut lane, 1 + i, 1));
        let flight: Vec<Sealed> = (0..3).filter_map(|_| next(&mut lane)).collect();
        for batch in flight {
            let settled = settle(&mut lane, batch, Outcome::Unanswered { reached: true });
            assert!(matches!(settled, Settled::Again { ask_leader: true }));
        }
        for expected in 0..3 {
            let batch = next(&mut lane).expect("the next one");
            assert_eq!((sequence(&batch), batch.is_uncertain), (expected, true));
            assert!(next(&mut lane).is_none(), "one at a time while recovering");
            let outcome =
                if expected == 1 { refused(ErrorCode::DuplicateSequenceNumber) } else { Outcome::Written(Some(9)) };
            assert!(matches!(settle(&mut lane, batch, outcome), Settled::Delivered { .. }));
        }
        seal(&mut lane, 5, 1);
        assert_eq!(next(&mut lane).map(|batch| sequence(&batch)), Some(3));
        assert_eq!(next(&mut lane).map(|batch| sequence(&batch)), Some(4), "recovered");
    }

    #[test]
    fn what_failed_because_the_one_before_did_is_not_a_failure() {
        let mut lane = lane();
        (0..3).for_each(|i| seal(&mut lane, 1 + i, 1));
        let mut flight: Vec<Sealed> = std::iter::from_fn(|| next(&mut lane)).collect();
        let third = flight.pop().expect("three");
        let second = flight.pop().expect("three");
        let first = flight.pop().expect("three");
        settle(&mut lane, first, refused(ErrorCode::NotLeaderOrFollower));
        for batch in [second, third] {
            let settled = settle(&mut lane, batch, refused(ErrorCode::OutOfOrderSequenceNumber));
            assert!(matches!(settled, Settled::Again { ask_leader: false }));
        }
        let order: Vec<i32> = (0..3)
            .map(|_| {
                let batch = next(&mut lane).expect("one at a time");
                let sequence = sequence(&batch);
                settle(&mut lane, batch, Outcome::Written(Some(0)));
                sequence
            })
            .collect();
        assert_eq!(order, [0, 1, 2]);
    }

    #[test]
    fn a_gap_that_is_not_ours_is_a_failure() {
        let mut lane = lane();
        seal(&mut lane, 1, 1);
        let batch = next(&mut lane).expect("one");
        let settled = settle(&mut lane, batch, refused(ErrorCode::OutOfOrderSequenceNumber));
        assert!(matches!(settled, Settled::Failed { code: ErrorCode::OutOfOrderSequenceNumber, .. }));
    }

    #[test]
    fn behind_a_failed_batch_the_others_go_on_under_a_new_identity() {
        let mut lane = lane();
        (0..3).for_each(|i| seal(&mut lane, 1 + i, 1));
        let first = next(&mut lane).expect("one");
        let second = next(&mut lane).expect("two");
        assert!(matches!(settle(&mut lane, first, refused(ErrorCode::InvalidRecord)), Settled::Failed { .. }));
        assert!(!lane.wants_identity(), "the second is still out under the old one");
        settle(&mut lane, second, refused(ErrorCode::OutOfOrderSequenceNumber));
        assert!(lane.wants_identity() && next(&mut lane).is_none());
        assert!(lane.renew(Identity { producer_id: 8, epoch: 0 }).is_empty());
        let batch = next(&mut lane).expect("the second");
        let header = BatchHeader::parse(&batch.bytes).expect("a batch");
        assert_eq!((header.producer_id, header.base_sequence, batch.tags.first()), (8, 0, Some(2)));
        settle(&mut lane, batch, Outcome::Written(Some(0)));
        assert_eq!(next(&mut lane).map(|batch| sequence(&batch)), Some(1));
    }

    #[test]
    fn what_may_be_stored_is_not_sent_under_another_identity() {
        let mut lane = lane();
        (0..2).for_each(|i| seal(&mut lane, 1 + i, 1));
        let first = next(&mut lane).expect("one");
        let second = next(&mut lane).expect("two");
        settle(&mut lane, second, Outcome::Unanswered { reached: true });
        settle(&mut lane, first, refused(ErrorCode::InvalidRecord));
        let lost = lane.renew(Identity { producer_id: 8, epoch: 0 });
        assert_eq!(lost.iter().map(|batch| batch.tags.first()).collect::<Vec<_>>(), [Some(2)]);
    }

    #[test]
    fn a_batch_too_large_is_halved_until_it_fits_and_later_ones_start_smaller() {
        let mut lane = lane();
        seal(&mut lane, 1, 4);
        let before = lane.batch_bytes;
        let batch = next(&mut lane).expect("one");
        settle(&mut lane, batch, refused(ErrorCode::MessageTooLarge));
        assert!(lane.batch_bytes < before);
        let mut delivered = Vec::new();
        while let Some(batch) = next(&mut lane) {
            let (sequence, count) = (sequence(&batch), batch.tags.len());
            let outcome = if count > 1 { refused(ErrorCode::MessageTooLarge) } else { Outcome::Written(Some(0)) };
            if let Settled::Delivered { tags, .. } = settle(&mut lane, batch, outcome) {
                delivered.push((sequence, tags.first()));
            }
        }
        assert_eq!(delivered, [(0, Some(1)), (1, Some(2)), (2, Some(3)), (3, Some(4))]);
        seal(&mut lane, 5, 1);
        let single = next(&mut lane).expect("one");
        assert!(matches!(settle(&mut lane, single, refused(ErrorCode::MessageTooLarge)), Settled::Failed { .. }));
    }

    #[test]
    fn what_is_too_late_is_taken_out() {
        let mut lane = lane();
        let long_ago = Instant::now();
        lane.set_opened(long_ago);
        seal(&mut lane, 1, 2);
        assert!(lane.expire(long_ago - std::time::Duration::from_secs(1)).is_empty());
        let late = lane.expire(long_ago);
        assert_eq!(late.iter().map(|batch| batch.tags.first()).collect::<Vec<_>>(), [Some(1)]);
        assert!(lane.wants_identity());
    }

    #[test]
    fn without_an_identity_batches_carry_none_and_go_on_after_a_failure() {
        let mut lane = Lane::new(Codec::None, Identity::NONE, 1000);
        (0..2).for_each(|i| seal(&mut lane, 1 + i, 1));
        let first = next(&mut lane).expect("one");
        assert_eq!(sequence(&first), -1);
        assert!(matches!(settle(&mut lane, first, refused(ErrorCode::InvalidRecord)), Settled::Failed { .. }));
        assert!(!lane.wants_identity());
        assert!(next(&mut lane).is_some());
    }
}
