//! Which offset is the newest of each key, in bounded memory (Kafka's SkimpyOffsetMap).
//!
//! Keys are kept as 128 bits of a keyed hash, drawn anew in every process: nobody can make two keys that meet, and by
//! chance they do not. A slot takes 24 bytes; the table doubles as keys come and stops at its bound, the table it grows
//! out of included.

use std::hash::{BuildHasher, RandomState};

use crate::base::Offset;

#[derive(Debug, Clone, Copy)]
struct Slot {
    hash: [u64; 2],
    /// Negative in an empty slot.
    offset: i64,
}

const EMPTY: Slot = Slot { hash: [0; 2], offset: -1 };
const SLOTS_MIN: usize = 64;

#[derive(Debug)]
pub(super) struct NewestOffsets {
    slots: Vec<Slot>,
    used: usize,
    slots_max: usize,
    hashers: [RandomState; 2],
    end: Offset,
}

impl NewestOffsets {
    /// A table of at most so many bytes (but of 64 slots at least), for the keys from `start` on.
    pub fn new(bytes_max: usize, start: Offset) -> NewestOffsets {
        // While it grows there are two: one half as large as the other.
        let most = (bytes_max / (size_of::<Slot>() * 3 / 2)).max(SLOTS_MIN);
        NewestOffsets {
            slots: vec![EMPTY; SLOTS_MIN],
            used: 0,
            slots_max: 1 << most.ilog2(),
            hashers: [RandomState::new(), RandomState::new()],
            end: start,
        }
    }

    /// Enters a record. False if the table is full; then nothing was entered.
    pub fn put(&mut self, key: &[u8], offset: Offset) -> bool {
        let hash = self.hash(key);
        let mut at = place(&self.slots, hash);
        if self.slots[at].offset < 0 {
            if (self.used + 1) * 4 > self.slots.len() * 3 {
                if self.slots.len() == self.slots_max {
                    return false;
                }
                self.grow();
                at = place(&self.slots, hash);
            }
            self.used += 1;
        }
        self.slots[at] = Slot { hash, offset: offset.0 };
        self.advance(offset.plus(1));
        true
    }

    /// Everything below was looked at.
    pub fn advance(&mut self, end: Offset) {
        self.end = self.end.max(end);
    }

    /// Nothing is known of the records from here on.
    pub fn end(&self) -> Offset {
        self.end
    }

    /// Whether a later record has this key.
    pub fn is_superseded(&self, key: &[u8], offset: Offset) -> bool {
        self.slots[place(&self.slots, self.hash(key))].offset > offset.0
    }

    fn hash(&self, key: &[u8]) -> [u64; 2] {
        [self.hashers[0].hash_one(key), self.hashers[1].hash_one(key)]
    }

    fn grow(&mut self) {
        let mut larger = vec![EMPTY; self.slots.len() * 2];
        for slot in self.slots.iter().filter(|slot| slot.offset >= 0) {
            let at = place(&larger, slot.hash);
            larger[at] = *slot;
        }
        self.slots = larger;
    }
}

/// Where the hash stands, or belongs. There is always an empty slot.
fn place(slots: &[Slot], hash: [u64; 2]) -> usize {
    let mask = slots.len() - 1;
    let mut at = hash[0] as usize & mask;
    while slots[at].offset >= 0 && slots[at].hash != hash {
        at = (at + 1) & mask;
    }
    at
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_newest_offset_of_each_key_is_known(keys in proptest::collection::vec(0..300u32, 1..2000)) {
            let mut table = NewestOffsets::new(1 << 20, Offset(0));
            let mut newest = HashMap::new();
            for (offset, key) in keys.iter().enumerate() {
                prop_assert!(table.put(&key.to_be_bytes(), Offset(offset as i64)));
                newest.insert(*key, offset);
            }
            prop_assert_eq!(table.end(), Offset(keys.len() as i64));
            for (offset, key) in keys.iter().enumerate() {
                let superseded = table.is_superseded(&key.to_be_bytes(), Offset(offset as i64));
                prop_assert_eq!(superseded, newest[key] > offset);
            }
        }
    }

    #[test]
    fn a_full_table_says_so_keeps_what_it_knows_and_stays_within_its_bytes() {
        let mut table = NewestOffsets::new(10_000, Offset(0));
        let taken = (0..10_000u32).take_while(|n| table.put(&n.to_be_bytes(), Offset(i64::from(*n)))).count();
        assert_eq!(taken, 256 * 3 / 4);
        assert!(table.slots.len() * size_of::<Slot>() * 3 / 2 <= 10_000);
        assert_eq!(table.end(), Offset(taken as i64));
        // A key that is known is no further one.
        assert!(table.put(&0u32.to_be_bytes(), Offset(5000)));
        assert!(!table.put(b"another", Offset(5001)));
        assert_eq!(table.end(), Offset(5001));
        assert!(table.is_superseded(&0u32.to_be_bytes(), Offset(0)));
        assert!(!table.is_superseded(b"another", Offset(0)));
    }
}
