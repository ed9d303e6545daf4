//! How far each partition has been written out, and what of that is still to be committed. Pure.

use std::collections::BTreeMap;

use crate::base::{Offset, TopicPartition};

#[derive(Debug, Default)]
pub(super) struct Positions {
    written: BTreeMap<TopicPartition, Offset>,
    committed: BTreeMap<TopicPartition, Offset>,
}

impl Positions {
    /// Reading starts here; `committed` says whether that is what the group has.
    pub(super) fn start(&mut self, place: TopicPartition, at: Offset, committed: Option<Offset>) {
        if let Some(committed) = committed {
            self.committed.insert(place.clone(), committed);
        }
        self.written.insert(place, at);
    }

    /// Everything before `next` is written; gives how many offsets that is more than before.
    pub(super) fn advance(&mut self, place: &TopicPartition, next: Offset) -> u64 {
        let Some(written) = self.written.get_mut(place) else { return 0 };
        let by = next.since(*written);
        *written = (*written).max(next);
        u64::try_from(by).unwrap_or(0)
    }

    /// What the group does not have yet.
    pub(super) fn uncommitted(&self) -> Vec<(TopicPartition, Offset)> {
        let is_new = |(place, offset): &(&TopicPartition, &Offset)| self.committed.get(*place) != Some(*offset);
        self.written.iter().filter(is_new).map(|(place, offset)| (place.clone(), *offset)).collect()
    }

    pub(super) fn has_uncommitted(&self) -> bool {
        self.written.iter().any(|(place, offset)| self.committed.get(place) != Some(offset))
    }

    pub(super) fn mark_committed(&mut self, positions: Vec<(TopicPartition, Offset)>) {
        self.committed.extend(positions);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{PartitionId, TopicName};

    fn place(partition: i32) -> TopicPartition {
        TopicPartition { topic: TopicName::new("T").expect("a name"), partition: PartitionId(partition) }
    }

    #[test]
    fn only_what_is_new_is_committed() {
        let mut positions = Positions::default();
        positions.start(place(0), Offset(5), Some(Offset(5)));
        positions.start(place(1), Offset(0), None);
        // Where a group has no place yet, its start is one: the next run goes on there.
        assert_eq!(positions.uncommitted(), [(place(1), Offset(0))]);
        assert_eq!(positions.advance(&place(0), Offset(8)), 3);
        let new = positions.uncommitted();
        assert_eq!(new, [(place(0), Offset(8)), (place(1), Offset(0))]);
        positions.mark_committed(new);
        assert!(!positions.has_uncommitted());
        assert_eq!(positions.advance(&place(0), Offset(8)), 0);
        assert!(!positions.has_uncommitted());
    }
}
