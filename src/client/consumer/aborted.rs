//! Leaves out what belongs to aborted transactions (isolation read_committed, KIP-98). Pure.
//!
//! The broker sends, with the batches, which producers aborted a transaction among them and from which offset on. A
//! producer's records are left out from there to its abort marker.

use std::collections::HashSet;

use crate::base::Offset;
use crate::protocol::kafka::api::fetch::AbortedTransaction;
use crate::record::{BatchView, ControlKind};

#[derive(Debug, Clone, Default)]
pub(super) struct AbortedFilter {
    /// Transactions whose first record has not been passed, the next one last.
    to_come: Vec<(Offset, i64)>,
    /// Producers inside a transaction that they aborted.
    aborted: HashSet<i64>,
}

impl AbortedFilter {
    pub(super) fn new(aborted: &[AbortedTransaction]) -> AbortedFilter {
        let mut to_come: Vec<_> = aborted.iter().map(|one| (Offset(one.first_offset), one.producer_id)).collect();
        to_come.sort_unstable_by(|a, b| b.cmp(a));
        AbortedFilter { to_come, aborted: HashSet::new() }
    }

    /// Whether the records of this batch are for the reader. Batches come in order, each once.
    pub(super) fn admits(&mut self, batch: &BatchView<'_>) -> bool {
        while let Some((_, producer)) = self.to_come.pop_if(|(first, _)| *first <= batch.header.last_offset()) {
            self.aborted.insert(producer);
        }
        if batch.header.is_control() {
            if control_kind(batch) == Some(ControlKind::Abort) {
                self.aborted.remove(&batch.header.producer_id);
            }
            return false;
        }
        !(batch.header.is_transactional() && self.aborted.contains(&batch.header.producer_id))
    }
}

fn control_kind(batch: &BatchView<'_>) -> Option<ControlKind> {
    // A marker is a few bytes; nothing larger is one.
    let records = batch.records(1024).ok()?;
    let key = records.iter().next()?.ok()?.key?;
    ControlKind::from_key(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BatchBuilder, Codec, ProducerStamp, attributes};

    const ABORT: &[u8] = &[0, 0, 0, 0];
    const COMMIT: &[u8] = &[0, 0, 0, 1];

    fn batch(offset: i64, producer_id: i64, bits: i16, key: &[u8]) -> Vec<u8> {
        let mut builder = BatchBuilder::new(Codec::None).with_attributes(bits);
        builder.append(0, Some(key), Some(b"v"), &[]);
        let stamp = ProducerStamp { producer_id, producer_epoch: 0, base_sequence: 0 };
        let mut bytes = builder.finish(stamp).expect("not packed");
        bytes[..8].copy_from_slice(&offset.to_be_bytes());
        bytes
    }

    #[test]
    fn only_committed_records_are_admitted() {
        const DATA: i16 = attributes::TRANSACTIONAL;
        const MARKER: i16 = attributes::TRANSACTIONAL | attributes::CONTROL;
        let log = [
            (batch(0, 1, DATA, b"a"), false),
            (batch(1, 2, DATA, b"b"), true),
            (batch(2, 1, 0, b"not in the transaction"), true),
            (batch(3, 1, MARKER, ABORT), false),
            (batch(4, 1, DATA, b"its next one, committed"), true),
            (batch(5, 2, MARKER, COMMIT), false),
            (batch(6, 1, MARKER, COMMIT), false),
            (batch(7, 1, DATA, b"its third, aborted"), false),
            (batch(8, 1, MARKER, ABORT), false),
        ];
        let aborted = [7, 0].map(|first_offset| AbortedTransaction { producer_id: 1, first_offset });
        let mut filter = AbortedFilter::new(&aborted);
        for (i, (bytes, admitted)) in log.iter().enumerate() {
            let batch = BatchView::parse(bytes).expect("a batch");
            assert_eq!(filter.admits(&batch), *admitted, "batch {i}");
        }
    }
}
