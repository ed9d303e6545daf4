//! What becomes of one batch (Kafka's LogCleaner.cleanInto and MemoryRecords.filterTo).
//!
//! A pure decision over the batch's bytes, the newest offset of each key and the transactions so far. Records behind
//! what the table of keys has looked at all stay. A batch that loses every record goes, but for those that keep a
//! producer's last sequence or the last offset of the round: of these the header stays.

use std::collections::HashMap;

use super::keys::NewestOffsets;
use super::transactions::{MarkerUse, Transactions};
use crate::base::Offset;
use crate::base::limits::DECOMPRESSED_BATCH_BYTES_MAX;
use crate::log::append::marker_of;
use crate::log::producers::Producers;
use crate::log::txn_index::AbortedTxn;
use crate::record::{BatchError, BatchHeader, BatchView, bare_batch, with_records};

/// What is the same for all batches of a round.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    pub keys: &'a NewestOffsets,
    pub last_of_producers: &'a LastOfProducers,
    pub now_ms: i64,
    pub delete_retention_ms: i64,
    /// Every record from the log's start on came past. Otherwise tombstones and markers stay: what they speak of may
    /// still be there.
    pub complete: bool,
    /// The round ends here: a batch that ends here is not lost without a trace.
    pub limit: Offset,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// As it is.
    Stays,
    Becomes(Vec<u8>),
    Goes,
}

/// What was last written by each producer that is still known.
#[derive(Debug, Default)]
pub(super) struct LastOfProducers {
    by_id: HashMap<i64, Last>,
}

#[derive(Debug, Clone, Copy)]
enum Last {
    /// The last offset of its last batch with a sequence.
    Data(Offset),
    /// Nothing but markers: the newest epoch is theirs to keep.
    Marker { epoch: i16 },
}

impl LastOfProducers {
    pub fn of(producers: &Producers) -> LastOfProducers {
        let last = producers.states().map(|state| {
            let last = match state.batches().last() {
                Some(batch) => Last::Data(batch.last_offset),
                None => Last::Marker { epoch: state.epoch },
            };
            (state.producer_id, last)
        });
        LastOfProducers { by_id: last.collect() }
    }

    fn keeps(&self, header: &BatchHeader) -> bool {
        header.has_producer_id()
            && match self.by_id.get(&header.producer_id) {
                Some(Last::Data(offset)) => *offset == header.last_offset(),
                Some(Last::Marker { epoch }) => header.is_control() && *epoch == header.producer_epoch,
                None => false,
            }
    }
}

/// Decides on a batch, and gives the aborted transaction that its marker still ends.
pub(super) fn judge(
    rules: &Rules<'_>,
    transactions: &mut Transactions,
    batch: &BatchView<'_>,
) -> Result<(Fate, Option<AbortedTxn>), BatchError> {
    let header = &batch.header;
    if header.is_control() {
        return judge_control(rules, transactions, batch);
    }
    if transactions.data(header) {
        return Ok((rules.without_records(header), None));
    }
    if header.base_offset >= rules.keys.end() {
        return Ok((Fate::Stays, None));
    }
    let horizon = header.delete_horizon();
    let tombstones_stay = !rules.complete || horizon.is_none_or(|at_ms| rules.now_ms < at_ms);
    let records = batch.records(DECOMPRESSED_BATCH_BYTES_MAX)?;
    let (mut keep, mut kept, mut tombstones) = (Vec::new(), 0, false);
    for record in records.iter() {
        let record = record?;
        let offset = header.base_offset.plus(i64::from(record.offset_delta));
        let stays = offset >= rules.keys.end()
            || record.key.is_some_and(|key| {
                (record.value.is_some() || tombstones_stay) && !rules.keys.is_superseded(key, offset)
            });
        tombstones |= stays && record.value.is_none();
        kept += usize::from(stays);
        keep.push(stays);
    }
    if kept == 0 {
        return Ok((rules.without_records(header), None));
    }
    let new_horizon = (tombstones && horizon.is_none()).then(|| rules.horizon());
    if kept == keep.len() && new_horizon.is_none() {
        return Ok((Fate::Stays, None));
    }
    Ok((Fate::Becomes(with_records(batch, &records, &keep, new_horizon.or(horizon))?), None))
}

/// A marker goes in two steps: once its transaction's records are gone it gets a horizon, and behind that it goes.
fn judge_control(
    rules: &Rules<'_>,
    transactions: &mut Transactions,
    batch: &BatchView<'_>,
) -> Result<(Fate, Option<AbortedTxn>), BatchError> {
    let header = &batch.header;
    let verdict = match marker_of(batch)? {
        Some(marker) => transactions.marker(header, marker.commits),
        // Bare already: it has no record that could say more.
        None if header.is_bare() => return Ok((rules.without_records(header), None)),
        None => MarkerUse::Unknown,
    };
    Ok(match verdict {
        MarkerUse::Needed(ended) => (Fate::Stays, ended),
        MarkerUse::Unknown => (Fate::Stays, None),
        MarkerUse::Spent(ended) if !rules.complete => (Fate::Stays, ended),
        MarkerUse::Spent(_) => match header.delete_horizon() {
            Some(at_ms) if at_ms <= rules.now_ms => (rules.without_records(header), None),
            Some(_) => (Fate::Stays, None),
            None => {
                let records = batch.records(DECOMPRESSED_BATCH_BYTES_MAX)?;
                let keep = vec![true; records.iter().count()];
                (Fate::Becomes(with_records(batch, &records, &keep, Some(rules.horizon()))?), None)
            }
        },
    })
}

impl Rules<'_> {
    fn horizon(&self) -> i64 {
        self.now_ms.saturating_add(self.delete_retention_ms)
    }

    fn without_records(&self, header: &BatchHeader) -> Fate {
        let must_stay = self.last_of_producers.keeps(header) || header.next_offset() == self.limit;
        match (must_stay, header.is_bare()) {
            (false, _) => Fate::Goes,
            (true, true) => Fate::Stays,
            (true, false) => Fate::Becomes(bare_batch(header)),
        }
    }
}

#[cfg(test)]
#[path = "survivors_tests.rs"]
mod tests;
