//! What a partition knows of its producers: the last batches of each (KIP-98), and open transactions.
//!
//! Pure decisions over batch headers, Kafka's ProducerStateManager, ProducerStateEntry and ProducerAppendInfo: no
//! files, no clock but the one passed. What always holds: `check` changes nothing, and `record` is only called with a
//! batch that `check` let through or that is in the log already.

use std::collections::{BTreeMap, HashMap};

use super::error::AppendError;
use super::txn_index::AbortedTxn;
use crate::base::Offset;
use crate::base::limits::PRODUCER_BATCHES_REMEMBERED;
use crate::record::BatchHeader;

/// One remembered batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProducerBatch {
    pub last_sequence: i32,
    pub last_offset: Offset,
    pub offset_delta: i32,
    pub timestamp: i64,
}

impl ProducerBatch {
    pub fn first_offset(&self) -> Offset {
        Offset(self.last_offset.0 - i64::from(self.offset_delta))
    }

    pub fn first_sequence(&self) -> i32 {
        // Sequences wrap: before 0 comes 2^31-1.
        ((i64::from(self.last_sequence) - i64::from(self.offset_delta)) & 0x7fff_ffff) as i32
    }
}

/// One producer, as DescribeProducers shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerState {
    pub producer_id: i64,
    pub epoch: i16,
    /// -1 before the first marker.
    pub coordinator_epoch: i32,
    /// The largest timestamp of its last batch.
    pub last_timestamp: i64,
    /// When the broker last heard of it.
    pub last_seen_ms: i64,
    /// The first offset of its open transaction.
    pub transaction_start: Option<Offset>,
    /// Batches of it may be missing that were there: any sequence may come next.
    pub uncertain: bool,
    batches: [ProducerBatch; PRODUCER_BATCHES_REMEMBERED],
    /// How many of them are filled; the newest is the last.
    batch_count: usize,
}

impl ProducerState {
    pub(super) fn new(producer_id: i64, epoch: i16) -> ProducerState {
        ProducerState {
            producer_id,
            epoch,
            coordinator_epoch: -1,
            last_timestamp: -1,
            last_seen_ms: 0,
            transaction_start: None,
            uncertain: false,
            batches: Default::default(),
            batch_count: 0,
        }
    }

    /// The remembered batches, oldest first.
    pub fn batches(&self) -> &[ProducerBatch] {
        &self.batches[..self.batch_count]
    }

    /// The last sequence, -1 if none is known.
    pub fn last_sequence(&self) -> i32 {
        self.batches().last().map_or(-1, |batch| batch.last_sequence)
    }

    pub(super) fn push_batch(&mut self, batch: ProducerBatch) {
        if self.batch_count == self.batches.len() {
            self.batches.rotate_left(1);
            self.batch_count -= 1;
        }
        self.batches[self.batch_count] = batch;
        self.batch_count += 1;
    }

    fn set_epoch(&mut self, epoch: i16) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.batch_count = 0;
        }
    }
}

/// The end of a transaction, read from its control record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marker {
    pub commits: bool,
    pub coordinator_epoch: i32,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Producers {
    by_id: HashMap<i64, ProducerState>,
    /// First offset and producer of each open transaction.
    open: BTreeMap<Offset, i64>,
    /// First offset and marker of ended ones whose marker may not yet be below the high watermark.
    ended: BTreeMap<Offset, Offset>,
}

impl Producers {
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    pub fn states(&self) -> impl Iterator<Item = &ProducerState> {
        self.by_id.values()
    }

    pub fn restore(&mut self, state: ProducerState) {
        if let Some(first) = state.transaction_start {
            self.open.insert(first, state.producer_id);
        }
        self.by_id.insert(state.producer_id, state);
    }

    /// May this batch be appended? `Some` is the batch that it repeats.
    pub fn check(&self, header: &BatchHeader, marker: Option<&Marker>) -> Result<Option<ProducerBatch>, AppendError> {
        let (producer_id, epoch) = (header.producer_id, header.producer_epoch);
        // Nothing known accepts any sequence: what was known may have been trimmed away (KIP-360).
        let Some(known) = self.by_id.get(&producer_id) else { return Ok(None) };
        // A coordinator's batches carry no sequence.
        let sequence = header.base_sequence;
        if sequence >= 0 && epoch == known.epoch {
            let repeated = known
                .batches()
                .iter()
                .find(|b| b.first_sequence() == sequence && b.last_sequence == header.last_sequence());
            if let Some(batch) = repeated {
                return Ok(Some(*batch));
            }
        }
        if epoch < known.epoch {
            return Err(AppendError::ProducerEpoch { producer_id, epoch, current: known.epoch });
        }
        if let Some(marker) = marker {
            let current = known.coordinator_epoch;
            if current > marker.coordinator_epoch {
                let epoch = marker.coordinator_epoch;
                return Err(AppendError::CoordinatorFenced { producer_id, epoch, current });
            }
            return Ok(None);
        }
        if sequence >= 0 && !known.uncertain {
            let last = if epoch == known.epoch { known.last_sequence() } else { -1 };
            let expected = if last == i32::MAX { 0 } else { last + 1 };
            if sequence != expected {
                return Err(AppendError::OutOfOrderSequence { producer_id, sequence, expected });
            }
        }
        match known.transaction_start {
            Some(since) if !header.is_transactional() => Err(AppendError::TransactionOpen { producer_id, since }),
            _ => Ok(None),
        }
    }

    /// The transaction that a marker aborts, its header as it will stand in the log.
    pub fn aborts(&self, header: &BatchHeader, marker: &Marker) -> Option<AbortedTxn> {
        let first = self.by_id.get(&header.producer_id)?.transaction_start.filter(|_| !marker.commits)?;
        let next_open = self.open.keys().find(|open| **open != first).copied();
        Some(AbortedTxn {
            producer_id: header.producer_id,
            first_offset: first,
            last_offset: header.last_offset(),
            last_stable_offset: next_open.unwrap_or(header.next_offset()),
        })
    }

    /// Enters a batch, its header as it stands in the log.
    pub fn record(&mut self, header: &BatchHeader, marker: Option<&Marker>, now_ms: i64) {
        let state = self
            .by_id
            .entry(header.producer_id)
            .or_insert_with(|| ProducerState::new(header.producer_id, header.producer_epoch));
        state.set_epoch(header.producer_epoch);
        state.last_timestamp = header.max_timestamp;
        state.last_seen_ms = now_ms;
        state.uncertain = false;
        if let Some(marker) = marker {
            state.coordinator_epoch = marker.coordinator_epoch;
            if let Some(first) = state.transaction_start.take() {
                self.open.remove(&first);
                self.ended.insert(first, header.last_offset());
            }
            return;
        }
        if header.is_control() {
            return;
        }
        if header.base_sequence >= 0 {
            state.push_batch(ProducerBatch {
                last_sequence: header.last_sequence(),
                last_offset: header.last_offset(),
                offset_delta: header.last_offset_delta,
                timestamp: header.max_timestamp,
            });
        }
        if header.is_transactional() && state.transaction_start.is_none() {
            state.transaction_start = Some(header.base_offset);
            self.open.insert(header.base_offset, header.producer_id);
        }
    }

    /// Records are gone, by damage or retention, that nobody had entered here: of no producer is it certain what it
    /// sent last. Repetitions of what is known are still found.
    pub fn doubt(&mut self) {
        self.by_id.values_mut().for_each(|state| state.uncertain = true);
    }

    /// Forgets who was silent for too long; never one with an open transaction.
    pub fn expire(&mut self, now_ms: i64, after_ms: i64) {
        self.by_id.retain(|_, state| {
            state.transaction_start.is_some() || now_ms.saturating_sub(state.last_seen_ms) < after_ms
        });
    }

    /// Whether any transaction can hold a reader of committed data back.
    pub fn has_undecided(&self) -> bool {
        !self.open.is_empty() || !self.ended.is_empty()
    }

    /// Up to where every transaction is decided for a reader below the high watermark: a transaction whose marker
    /// the reader can't see yet is still undecided for it.
    pub fn last_stable(&mut self, high_watermark: Offset) -> Offset {
        self.ended.retain(|_, marker| *marker >= high_watermark);
        let firsts = self.open.keys().next().into_iter().chain(self.ended.keys().next());
        firsts.min().map_or(high_watermark, |first| (*first).min(high_watermark))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BatchBuilder, Codec, ProducerStamp, attributes};

    fn header(producer_epoch: i16, base_sequence: i32, records: i32, base: i64) -> BatchHeader {
        let mut builder = BatchBuilder::new(Codec::None);
        (0..records).for_each(|n| builder.append(1000 + i64::from(n), None, Some(b"v"), &[]));
        let bytes = builder.finish(ProducerStamp { producer_id: 7, producer_epoch, base_sequence }).expect("no codec");
        BatchHeader { base_offset: Offset(base), ..BatchHeader::parse(&bytes).expect("built") }
    }

    fn transactional(base_sequence: i32, base: i64) -> BatchHeader {
        let mut header = header(0, base_sequence, 1, base);
        header.attributes |= attributes::TRANSACTIONAL;
        header
    }

    fn marker_header(base: i64) -> BatchHeader {
        let mut header = header(0, -1, 1, base);
        header.attributes |= attributes::TRANSACTIONAL | attributes::CONTROL;
        header
    }

    /// Checks and enters, as an append does.
    fn send(producers: &mut Producers, header: BatchHeader) -> Result<Option<ProducerBatch>, AppendError> {
        let verdict = producers.check(&header, None)?;
        if verdict.is_none() {
            producers.record(&header, None, 0);
        }
        Ok(verdict)
    }

    #[test]
    fn a_repeated_batch_is_found_among_the_last_five_and_no_further() {
        let mut producers = Producers::default();
        for n in 0..7 {
            assert!(matches!(send(&mut producers, header(0, n * 2, 2, i64::from(n) * 2)), Ok(None)));
        }
        for n in 2..7 {
            let repeated = send(&mut producers, header(0, n * 2, 2, 99)).expect("a repetition").expect("found");
            assert_eq!(
                (repeated.first_offset(), repeated.last_offset),
                (Offset(n as i64 * 2), Offset(n as i64 * 2 + 1))
            );
        }
        for n in 0..2 {
            let refused = send(&mut producers, header(0, n * 2, 2, 99));
            assert!(matches!(refused, Err(AppendError::OutOfOrderSequence { expected: 14, .. })), "{n}");
        }
        // The same first sequence with another length is no repetition.
        assert!(send(&mut producers, header(0, 12, 1, 99)).is_err());
    }

    #[test]
    fn sequences_must_follow_each_other_and_wrap_to_zero() {
        let mut producers = Producers::default();
        // Unknown: any sequence is taken.
        assert!(send(&mut producers, header(0, i32::MAX - 1, 2, 0)).is_ok());
        assert!(matches!(
            send(&mut producers, header(0, 1, 1, 2)),
            Err(AppendError::OutOfOrderSequence { expected: 0, sequence: 1, .. })
        ));
        assert!(matches!(send(&mut producers, header(0, 0, 1, 2)), Ok(None)));
        // A batch that itself wraps is recognised when repeated.
        let mut wrapping = Producers::default();
        assert!(matches!(send(&mut wrapping, header(0, i32::MAX, 3, 0)), Ok(None)));
        assert!(matches!(send(&mut wrapping, header(0, i32::MAX, 3, 9)), Ok(Some(_))));
        assert!(matches!(send(&mut wrapping, header(0, 2, 1, 3)), Ok(None)));
    }

    #[test]
    fn a_new_epoch_starts_at_zero_and_fences_the_old_one() {
        let mut producers = Producers::default();
        assert!(send(&mut producers, header(3, 10, 1, 0)).is_ok());
        assert!(matches!(
            send(&mut producers, header(2, 11, 1, 1)),
            Err(AppendError::ProducerEpoch { epoch: 2, current: 3, .. })
        ));
        assert!(send(&mut producers, header(4, 11, 1, 1)).is_err());
        assert!(matches!(send(&mut producers, header(4, 0, 1, 1)), Ok(None)));
        assert!(matches!(send(&mut producers, header(4, 0, 1, 1)), Ok(Some(_))));
        assert!(matches!(send(&mut producers, header(4, 1, 1, 2)), Ok(None)));
    }

    #[test]
    fn after_a_gap_any_sequence_may_come_and_repetitions_are_still_found() {
        let mut producers = Producers::default();
        assert!(send(&mut producers, header(3, 10, 1, 0)).is_ok());
        producers.doubt();
        assert!(matches!(send(&mut producers, header(3, 10, 1, 9)), Ok(Some(_))));
        assert!(matches!(send(&mut producers, header(3, 25, 1, 9)), Ok(None)));
        assert!(send(&mut producers, header(3, 27, 1, 10)).is_err(), "certain again");
    }

    #[test]
    fn silent_producers_are_forgotten_but_for_open_transactions() {
        let mut producers = Producers::default();
        producers.record(&header(0, 0, 1, 0), None, 1000);
        producers.expire(1999, 1000);
        assert_eq!(producers.len(), 1);
        producers.expire(2000, 1000);
        assert_eq!(producers.len(), 0);
        producers.record(&transactional(0, 1), None, 1000);
        producers.expire(9999, 1000);
        assert_eq!(producers.len(), 1);
    }

    #[test]
    fn transactions_hold_the_stable_offset_until_their_marker_is_visible() {
        let mut producers = Producers::default();
        let abort = Marker { commits: false, coordinator_epoch: 5 };
        producers.record(&transactional(0, 10), None, 0);
        producers.record(&transactional(1, 11), None, 0);
        assert_eq!(producers.last_stable(Offset(12)), Offset(10));
        assert_eq!(producers.last_stable(Offset(8)), Offset(8));
        assert!(matches!(
            producers.check(&header(0, 2, 1, 12), None),
            Err(AppendError::TransactionOpen { since: Offset(10), .. })
        ));
        let aborted = AbortedTxn {
            producer_id: 7,
            first_offset: Offset(10),
            last_offset: Offset(12),
            last_stable_offset: Offset(13),
        };
        assert_eq!(producers.aborts(&marker_header(12), &abort), Some(aborted));
        producers.record(&marker_header(12), Some(&abort), 0);
        assert_eq!(producers.last_stable(Offset(12)), Offset(10), "the marker is not visible yet");
        assert_eq!(producers.last_stable(Offset(13)), Offset(13));
        assert_eq!(producers.aborts(&marker_header(13), &abort), None, "nothing is open");
        producers.record(&marker_header(13), Some(&abort), 0);
        let late = Marker { commits: true, coordinator_epoch: 4 };
        assert!(matches!(
            producers.check(&marker_header(14), Some(&late)),
            Err(AppendError::CoordinatorFenced { epoch: 4, current: 5, .. })
        ));
        // The marker keeps the sequence: the next batch follows the last one before it.
        assert!(matches!(producers.check(&transactional(2, 14), None), Ok(None)));
    }
}
