//! The entries of a segment's two indexes, in Kafka's bytes.

use super::entry_file::Entry;
use super::names::Kind;

/// Where a batch starts, found by its last offset (Kafka's OffsetIndex).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetEntry {
    /// The last offset of the batch, less the segment's base offset.
    pub relative: u32,
    /// The first byte of that batch.
    pub position: u32,
}

impl OffsetEntry {
    pub const BYTES: usize = 8;
}

impl Entry for OffsetEntry {
    const BYTES: usize = OffsetEntry::BYTES;
    const KIND: Kind = Kind::Index;

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.relative.to_be_bytes());
        out.extend_from_slice(&self.position.to_be_bytes());
    }

    fn decode(bytes: &[u8]) -> OffsetEntry {
        OffsetEntry { relative: four(bytes, 0), position: four(bytes, 4) }
    }
}

/// The largest timestamp up to a batch, and the last offset of the batch that has it (Kafka's TimeIndex).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeEntry {
    pub timestamp: i64,
    pub relative: u32,
}

impl TimeEntry {
    pub const BYTES: usize = 12;
}

impl Entry for TimeEntry {
    const BYTES: usize = TimeEntry::BYTES;
    const KIND: Kind = Kind::TimeIndex;

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.relative.to_be_bytes());
    }

    fn decode(bytes: &[u8]) -> TimeEntry {
        let timestamp = *bytes.first_chunk().expect("an entry has twelve bytes");
        TimeEntry { timestamp: i64::from_be_bytes(timestamp), relative: four(bytes, 8) }
    }
}

fn four(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(*bytes[at..].first_chunk().expect("an entry has all its bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_kafkas_bytes() {
        let mut bytes = Vec::new();
        OffsetEntry { relative: 0x0102_0304, position: 0x0506_0708 }.encode(&mut bytes);
        assert_eq!(bytes, [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(OffsetEntry::decode(&bytes), OffsetEntry { relative: 0x0102_0304, position: 0x0506_0708 });
        bytes.clear();
        TimeEntry { timestamp: 0x0102_0304_0506_0708, relative: 9 }.encode(&mut bytes);
        assert_eq!(bytes, [1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 9]);
        assert_eq!(TimeEntry::decode(&bytes), TimeEntry { timestamp: 0x0102_0304_0506_0708, relative: 9 });
    }
}
