//! What a record says: whose it is, which one of theirs, and a filler that follows from these two, so that every byte
//! that is read back can be checked without keeping what was sent.

use super::chance::Chance;

/// A record of the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    /// One life of one producer.
    pub(super) stream: u32,
    /// Its place among what this producer sent to this partition, counted from 0.
    pub(super) number: u64,
}

impl Id {
    pub(super) fn plus(self, count: u64) -> Id {
        Id { number: self.number + count, ..self }
    }

    /// The record's value.
    pub(super) fn value(self, partition: i32) -> Vec<u8> {
        let mut value = format!("torture {} {} ", self.stream, self.number).into_bytes();
        let mut chance =
            Chance::new((u64::from(self.stream) << 40) ^ (self.number << 8) ^ u64::from(partition.unsigned_abs()));
        // Mostly short, now and then longer than a page.
        let filler = if chance.one_in(50) { chance.below(9000) } else { chance.below(300) };
        while (value.len() as u64) < filler {
            value.extend_from_slice(&chance.next().to_le_bytes());
        }
        value
    }

    /// Whose value this is; none if a single byte of it is another.
    pub(super) fn of(value: &[u8], partition: i32) -> Option<Id> {
        let mut words = value.split(|byte| *byte == b' ').skip(1);
        let mut number = || std::str::from_utf8(words.next()?).ok()?.parse().ok();
        let (stream, number) = (number()?, number()?);
        let id = Id { stream: u32::try_from(stream).ok()?, number };
        (id.value(partition) == value).then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_tells_whose_it_is_and_every_byte_counts() {
        for number in 0..100 {
            let id = Id { stream: 3, number };
            let mut value = id.value(1);
            assert_eq!(Id::of(&value, 1), Some(id));
            let at = number as usize % value.len();
            value[at] ^= 1;
            assert_ne!(Id::of(&value, 1), Some(id));
            assert_eq!(Id::of(&value[..at], 1), None);
        }
        assert_eq!(Id::of(b"", 0), None);
        assert_eq!(Id::of(b"torture 1 -1 ", 0), None);
    }
}
