//! What lies in the pipe behind us: written, but not yet taken by its reader, and lost if that reader dies.

use std::collections::VecDeque;

use crate::base::{Offset, TopicPartition};

/// Remembers where in the stream of bytes each position was reached. Pure.
#[derive(Debug, Default)]
pub(super) struct InPipe {
    marks: VecDeque<Mark>,
}

#[derive(Debug)]
struct Mark {
    /// So many bytes were written when it was reached.
    bytes: u64,
    place: TopicPartition,
    next: Offset,
}

impl InPipe {
    /// Everything before `next` is among the first `bytes` that were written.
    pub(super) fn put(&mut self, bytes: u64, place: &TopicPartition, next: Offset) {
        match self.marks.back_mut() {
            // Control records print nothing.
            Some(last) if last.bytes == bytes && last.place == *place => last.next = next,
            _ => self.marks.push_back(Mark { bytes, place: place.clone(), next }),
        }
    }

    /// What was written is of no more interest.
    pub(super) fn clear(&mut self) {
        self.marks.clear();
    }

    /// The positions that are out of the pipe, when of `written` bytes the last `unread` still lie in it.
    pub(super) fn taken(&mut self, written: u64, unread: u64) -> Vec<(TopicPartition, Offset)> {
        let taken = written.saturating_sub(unread);
        let out = self.marks.iter().take_while(|mark| mark.bytes <= taken).count();
        self.marks.drain(..out).map(|mark| (mark.place, mark.next)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{PartitionId, TopicName};

    #[test]
    fn a_position_is_taken_once_its_last_byte_is() {
        let place = |partition| TopicPartition {
            topic: TopicName::new("T").expect("a name"),
            partition: PartitionId(partition),
        };
        let mut pipe = InPipe::default();
        pipe.put(10, &place(0), Offset(1));
        pipe.put(10, &place(0), Offset(2));
        pipe.put(30, &place(1), Offset(7));
        assert_eq!(pipe.taken(30, 21), []);
        assert_eq!(pipe.taken(30, 20), [(place(0), Offset(2))]);
        assert_eq!(pipe.taken(30, 1), []);
        // Another writer's bytes in the same pipe may be more than ours.
        assert_eq!(pipe.taken(30, 100), []);
        assert_eq!(pipe.taken(30, 0), [(place(1), Offset(7))]);
    }
}
