//! What is in the records: letters at random, as in Kafka's own performance tools, so that compression has something to
//! do and no easy time. A record whose way is followed begins with a stamp.

use std::sync::Arc;

/// No batch comes near it, so a codec does not meet the same letters twice. A prime: whatever their size, records begin
/// somewhere else each time.
const LETTERS: usize = 1_048_573;
/// Run and number, eight bytes each.
pub(super) const STAMP_BYTES: usize = 16;

/// Letters for values of one size, made once for all senders.
#[derive(Debug, Clone)]
pub(super) struct Letters {
    all: Arc<[u8]>,
    size: usize,
}

impl Letters {
    pub(super) fn new(size: usize) -> Letters {
        let mut state = getrandom::u64().unwrap_or(1) | 1;
        let letter = |_| {
            // Xorshift: it is to look random to a codec, and to nobody else.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            b'A' + ((state >> 33) % 26) as u8
        };
        Letters { all: (0..LETTERS + size).map(letter).collect(), size }
    }
}

/// A sender's values, made without a cost worth measuring.
#[derive(Debug)]
pub(super) struct Payload {
    letters: Letters,
    at: usize,
    stamped: Vec<u8>,
}

impl Payload {
    pub(super) fn new(letters: Letters) -> Payload {
        Payload { letters, at: 0, stamped: Vec::new() }
    }

    /// The next value.
    #[inline]
    pub(super) fn next(&mut self) -> &[u8] {
        let Letters { all, size } = &self.letters;
        let at = self.at;
        self.at = (at + size) % LETTERS;
        &all[at..at + size]
    }

    /// The next value, with a stamp in front; never shorter than the stamp.
    pub(super) fn next_stamped(&mut self, stamp: Stamp) -> &[u8] {
        let mut value = std::mem::take(&mut self.stamped);
        value.clear();
        value.extend_from_slice(&stamp.run.to_be_bytes());
        value.extend_from_slice(&stamp.number.to_be_bytes());
        value.extend_from_slice(self.next().get(STAMP_BYTES..).unwrap_or_default());
        self.stamped = value;
        &self.stamped
    }
}

/// Tells a record of this run from others in the topic, and when it was to be sent: at a fixed rate, its number says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) run: u64,
    pub(super) number: u64,
}

impl Stamp {
    pub(super) fn of(value: &[u8]) -> Option<Stamp> {
        let (run, rest) = value.split_first_chunk()?;
        let (number, _) = rest.split_first_chunk()?;
        Some(Stamp { run: u64::from_be_bytes(*run), number: u64::from_be_bytes(*number) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_size_and_do_not_repeat_themselves() {
        for size in [0, 1, 100, 1024 * 1024, 1_500_000] {
            let mut payload = Payload::new(Letters::new(size));
            let first = payload.next().to_vec();
            assert!(first.len() == size && first.iter().all(u8::is_ascii_uppercase));
            assert!(size < 10 || payload.next() != first);
            (0..5).for_each(|_| assert_eq!(payload.next().len(), size));
        }
    }

    #[test]
    fn a_stamp_is_read_back() {
        let stamp = Stamp { run: 7, number: 1 << 40 };
        for size in [0, 16, 100] {
            let mut payload = Payload::new(Letters::new(size));
            let value = payload.next_stamped(stamp);
            assert_eq!((value.len(), Stamp::of(value)), (size.max(STAMP_BYTES), Some(stamp)));
        }
        assert_eq!(Stamp::of(b"fifteen bytes.."), None);
    }
}
