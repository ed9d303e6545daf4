//! How far each partition has been written out, and what of that is still to be committed. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{Offset, TopicName, TopicPartition};

#[derive(Debug, Default)]
pub(super) struct Positions {
    places: BTreeMap<TopicPartition, Position>,
    /// What was lost to the group, and how far it had been written.
    lost: BTreeMap<TopicPartition, Position>,
}

#[derive(Debug, Clone, Copy)]
struct Position {
    written: Offset,
    /// So much of that the reader of a pipe has taken out of it.
    taken: Offset,
    committed: Option<Offset>,
}

impl Positions {
    /// Reading starts here; `committed` is what the group has.
    pub(super) fn start(&mut self, place: TopicPartition, at: Offset, committed: Option<Offset>) {
        self.lost.remove(&place);
        self.places.insert(place, Position { written: at, taken: at, committed });
    }

    /// These are others' to read now.
    pub(super) fn give_up(&mut self, places: &BTreeSet<TopicPartition>) {
        self.places.retain(|place, _| !places.contains(place));
    }

    /// All are others' to read, maybe, and what was not committed stays so.
    pub(super) fn lose(&mut self) {
        self.lost.append(&mut self.places);
    }

    /// Where to go on with what was lost and is back: if the group has committed nothing since, nobody has read on, and
    /// what was written does not have to come again.
    pub(super) fn go_on(&self, place: &TopicPartition, stored: Option<Offset>) -> Option<Offset> {
        self.lost.get(place).filter(|lost| lost.committed == stored).map(|lost| lost.written)
    }

    /// The topic is gone, and what was read of it with it: there is nothing left to commit.
    pub(super) fn forget(&mut self, topic: &TopicName) {
        self.lost.retain(|place, _| place.topic != *topic);
        for (_, position) in self.places.iter_mut().filter(|(place, _)| place.topic == *topic) {
            position.taken = position.written;
            position.committed = Some(position.written);
        }
    }

    /// Another topic of that name is read from its start.
    pub(super) fn start_anew(&mut self, topic: &TopicName) {
        self.lost.retain(|place, _| place.topic != *topic);
        for (_, position) in self.places.iter_mut().filter(|(place, _)| place.topic == *topic) {
            *position = Position { written: Offset::ZERO, taken: Offset::ZERO, committed: None };
        }
    }

    /// Everything before `next` is written; gives how many offsets that is more than before.
    pub(super) fn advance(&mut self, place: &TopicPartition, next: Offset) -> u64 {
        let Some(Position { written, .. }) = self.places.get_mut(place) else { return 0 };
        let by = next.since(*written);
        *written = (*written).max(next);
        u64::try_from(by).unwrap_or(0)
    }

    /// These have left the pipe behind us.
    pub(super) fn take(&mut self, taken: Vec<(TopicPartition, Offset)>) {
        for (place, next) in taken {
            if let Some(position) = self.places.get_mut(&place) {
                position.taken = position.taken.max(next.min(position.written));
            }
        }
    }

    /// What is written counts as taken: its reader is there to take it.
    pub(super) fn take_all(&mut self) {
        self.places.values_mut().for_each(|position| position.taken = position.written);
    }

    /// What is being read.
    pub(super) fn places(&self) -> BTreeSet<TopicPartition> {
        self.places.keys().cloned().collect()
    }

    /// How far one of them is written.
    pub(super) fn written(&self, place: &TopicPartition) -> Option<Offset> {
        self.places.get(place).map(|position| position.written)
    }

    /// What has been taken and the group does not have yet.
    pub(super) fn uncommitted(&self) -> Vec<(TopicPartition, Offset)> {
        let new = self.places.iter().filter(|(_, position)| position.committed != Some(position.taken));
        new.map(|(place, position)| (place.clone(), position.taken)).collect()
    }

    /// Whether there is, or soon may be, something to commit.
    pub(super) fn has_uncommitted(&self) -> bool {
        self.places.values().any(Position::is_uncommitted)
    }

    pub(super) fn mark_committed(&mut self, positions: Vec<(TopicPartition, Offset)>) {
        for (place, offset) in positions {
            if let Some(position) = self.places.get_mut(&place) {
                position.committed = Some(offset);
            }
        }
    }
}

impl Position {
    fn is_uncommitted(&self) -> bool {
        self.committed != Some(self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::PartitionId;

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
        assert!(positions.has_uncommitted());
        assert_eq!(positions.uncommitted(), [(place(1), Offset(0))], "it may still lie in the pipe");
        positions.take(vec![(place(0), Offset(6)), (place(2), Offset(6))]);
        assert_eq!(positions.uncommitted(), [(place(0), Offset(6)), (place(1), Offset(0))]);
        positions.take_all();
        let new = positions.uncommitted();
        assert_eq!(new, [(place(0), Offset(8)), (place(1), Offset(0))]);
        positions.mark_committed(new);
        assert!(!positions.has_uncommitted());
        assert_eq!(positions.advance(&place(0), Offset(8)), 0);
        assert!(!positions.has_uncommitted());
        positions.advance(&place(1), Offset(2));
        positions.give_up(&BTreeSet::from([place(1)]));
        assert_eq!(positions.uncommitted(), [], "what is others' is theirs to commit");
        assert_eq!(positions.advance(&place(1), Offset(9)), 0);
    }

    #[test]
    fn what_was_lost_goes_on_if_nobody_has_read_on() {
        let mut positions = Positions::default();
        positions.start(place(0), Offset(5), Some(Offset(5)));
        positions.start(place(1), Offset(0), None);
        positions.advance(&place(0), Offset(8));
        positions.advance(&place(1), Offset(3));
        positions.lose();
        assert!(positions.places().is_empty());
        assert_eq!(positions.go_on(&place(0), Some(Offset(5))), Some(Offset(8)));
        assert_eq!(positions.go_on(&place(0), Some(Offset(7))), None, "somebody has");
        assert_eq!(positions.go_on(&place(1), None), Some(Offset(3)));
        positions.start(place(0), Offset(8), Some(Offset(5)));
        assert_eq!(positions.uncommitted(), [(place(0), Offset(8))]);
        assert_eq!(positions.go_on(&place(0), Some(Offset(5))), None, "it is not lost any more");
    }
}
