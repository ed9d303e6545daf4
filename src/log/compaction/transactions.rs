//! Which batches belong to aborted transactions, and which markers have outlived theirs (Kafka's
//! CleanedTransactionMetadata).
//!
//! What always holds: a batch counts as aborted only if it lies between the first offset and the marker of an aborted
//! transaction of its producer, so nothing that is missing elsewhere can make committed records look aborted.

use std::collections::{HashMap, HashSet};

use crate::base::Offset;
use crate::log::txn_index::AbortedTxn;
use crate::record::BatchHeader;

#[derive(Debug, Clone, Default)]
pub(super) struct Transactions {
    /// Those that touch the segment that is walked, by producer.
    aborted: HashMap<i64, Vec<AbortedTxn>>,
    /// The markers of aborted ones of which there were batches.
    seen_aborted: HashSet<Offset>,
    /// Producers of which there were batches since their last marker, not aborted ones.
    seen_committed: HashSet<i64>,
}

/// What a marker still serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MarkerUse {
    /// Records of its transaction are there. Aborted ones stay in the transaction index.
    Needed(Option<AbortedTxn>),
    /// All records of its transaction are gone, as far as the walk came past them.
    Spent(Option<AbortedTxn>),
    /// A control record that is none of ours to judge.
    Unknown,
}

impl Transactions {
    /// The aborted transactions of the segment that is walked next.
    pub fn enter(&mut self, aborted: Vec<AbortedTxn>) {
        self.aborted.clear();
        for transaction in aborted {
            self.aborted.entry(transaction.producer_id).or_default().push(transaction);
        }
    }

    fn aborted(&self, header: &BatchHeader) -> Option<&AbortedTxn> {
        let holds = |transaction: &&AbortedTxn| {
            (transaction.first_offset..=transaction.last_offset).contains(&header.base_offset)
        };
        self.aborted.get(&header.producer_id)?.iter().find(holds)
    }

    pub fn is_aborted(&self, header: &BatchHeader) -> bool {
        header.is_transactional() && self.aborted(header).is_some()
    }

    /// A batch of records comes by. True if its transaction was aborted.
    pub fn data(&mut self, header: &BatchHeader) -> bool {
        if !header.is_transactional() {
            return false;
        }
        match self.aborted(header).map(|transaction| transaction.last_offset) {
            Some(marker) => {
                self.seen_aborted.insert(marker);
                true
            }
            None => {
                self.seen_committed.insert(header.producer_id);
                false
            }
        }
    }

    /// A marker comes by.
    pub fn marker(&mut self, header: &BatchHeader, commits: bool) -> MarkerUse {
        if commits {
            return match self.seen_committed.remove(&header.producer_id) {
                true => MarkerUse::Needed(None),
                false => MarkerUse::Spent(None),
            };
        }
        let ended = self.aborted(header).filter(|transaction| transaction.last_offset == header.last_offset());
        match ended.copied() {
            Some(ended) if self.seen_aborted.remove(&ended.last_offset) => MarkerUse::Needed(Some(ended)),
            ended => MarkerUse::Spent(ended),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::testing::{marker, transactional};

    fn at(bytes: &[u8], base: i64) -> BatchHeader {
        BatchHeader { base_offset: Offset(base), ..BatchHeader::parse(bytes).expect("built") }
    }

    #[test]
    fn a_marker_is_needed_as_long_as_its_records_are_there() {
        let aborted = AbortedTxn {
            producer_id: 7,
            first_offset: Offset(4),
            last_offset: Offset(9),
            last_stable_offset: Offset(10),
        };
        let mut transactions = Transactions::default();
        transactions.enter(vec![aborted]);
        assert!(!transactions.data(&at(&transactional(7, 0, 1), 3)), "before it began");
        assert_eq!(transactions.marker(&at(&marker(7, true), 3), true), MarkerUse::Needed(None));
        assert_eq!(
            transactions.marker(&at(&marker(7, false), 9), false),
            MarkerUse::Spent(Some(aborted)),
            "nothing of it came by"
        );
        assert!(!transactions.data(&at(&transactional(8, 0, 1), 5)), "another producer");
        assert!(transactions.data(&at(&transactional(7, 0, 1), 4)));
        assert_eq!(transactions.marker(&at(&marker(7, false), 9), false), MarkerUse::Needed(Some(aborted)));
        assert!(!transactions.data(&at(&transactional(7, 0, 1), 10)), "behind its marker");
        assert_eq!(transactions.marker(&at(&marker(9, true), 11), true), MarkerUse::Spent(None));
        assert_eq!(transactions.marker(&at(&marker(8, true), 12), true), MarkerUse::Needed(None));
    }
}
