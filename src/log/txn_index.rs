//! Aborted transactions of a segment, in Kafka's bytes (TransactionIndex, AbortedTxn).
//!
//! Short and rare: read whole, appended entry by entry, made with the first abort. Entries come in the order of their
//! markers. Derivable from the batches, given the transactions open where the segment starts.

use std::io::{self, IoSlice};

use super::disk::OpenMode;
use super::files::Files;
use super::names::Kind;
use crate::base::Offset;

/// A transaction whose records a reader of committed data drops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTxn {
    pub producer_id: i64,
    pub first_offset: Offset,
    /// Its abort marker.
    pub last_offset: Offset,
    /// Up to where everything was decided once the marker was there.
    pub last_stable_offset: Offset,
}

const VERSION: i16 = 0;

impl AbortedTxn {
    pub const BYTES: usize = 34;

    pub fn encode(&self) -> [u8; AbortedTxn::BYTES] {
        let mut bytes = [0; AbortedTxn::BYTES];
        bytes[0..2].copy_from_slice(&VERSION.to_be_bytes());
        bytes[2..10].copy_from_slice(&self.producer_id.to_be_bytes());
        bytes[10..18].copy_from_slice(&self.first_offset.0.to_be_bytes());
        bytes[18..26].copy_from_slice(&self.last_offset.0.to_be_bytes());
        bytes[26..34].copy_from_slice(&self.last_stable_offset.0.to_be_bytes());
        bytes
    }

    /// `None` for bytes that are no such entry.
    pub fn decode(bytes: &[u8]) -> Option<AbortedTxn> {
        let bytes: &[u8; AbortedTxn::BYTES] = bytes.try_into().ok()?;
        let (version, rest) = bytes.split_first_chunk::<2>()?;
        let field = |n: usize| Some(i64::from_be_bytes(*rest[n * 8..].first_chunk()?));
        let entry = AbortedTxn {
            producer_id: field(0)?,
            first_offset: Offset(field(1)?),
            last_offset: Offset(field(2)?),
            last_stable_offset: Offset(field(3)?),
        };
        (i16::from_be_bytes(*version) == VERSION && entry.first_offset <= entry.last_offset).then_some(entry)
    }
}

/// What a transaction index holds: enough to know whether a file is the right one, and to append to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub count: u32,
    /// Of all entries.
    pub crc: u32,
}

impl Tally {
    pub fn bytes(&self) -> u64 {
        u64::from(self.count) * AbortedTxn::BYTES as u64
    }

    pub fn add(&mut self, entry: &AbortedTxn) {
        self.count += 1;
        self.crc = crc32c::crc32c_append(self.crc, &entry.encode());
    }

    pub fn of(entries: &[AbortedTxn]) -> Tally {
        let mut tally = Tally::default();
        entries.iter().for_each(|entry| tally.add(entry));
        tally
    }
}

/// All entries up to the first that is none; nothing where there is no file.
pub(super) fn read(files: &Files, base: Offset) -> io::Result<Vec<AbortedTxn>> {
    match files.open(base, Kind::TxnIndex, OpenMode::Read) {
        Ok(file) => {
            let mut bytes = vec![0; file.len()? as usize];
            let filled = file.read_up_to(0, &mut bytes)?;
            Ok(bytes[..filled].chunks(AbortedTxn::BYTES).map_while(AbortedTxn::decode).collect())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Writes an entry behind those that count. It does not count before it is added to the tally.
pub(super) fn append(files: &Files, base: Offset, tally: &Tally, entry: &AbortedTxn) -> io::Result<()> {
    let file = files.open(base, Kind::TxnIndex, OpenMode::Create)?;
    file.write_all_at(tally.bytes(), &[IoSlice::new(&entry.encode())])
}

/// Leaves those that count.
pub(super) fn truncate(files: &Files, base: Offset, tally: &Tally) -> io::Result<()> {
    if tally.count == 0 {
        return files.remove(base, Kind::TxnIndex);
    }
    files.open(base, Kind::TxnIndex, OpenMode::Create)?.set_len(tally.bytes())
}

pub(super) fn sync(files: &Files, base: Offset) -> io::Result<()> {
    files.open(base, Kind::TxnIndex, OpenMode::Create)?.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_kafkas_bytes() {
        let entry = AbortedTxn {
            producer_id: 0x0102_0304_0506_0708,
            first_offset: Offset(5),
            last_offset: Offset(9),
            last_stable_offset: Offset(10),
        };
        let bytes = entry.encode();
        assert_eq!(bytes[..10], [0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!((bytes[17], bytes[25], bytes[33]), (5, 9, 10));
        assert_eq!(AbortedTxn::decode(&bytes), Some(entry));
        assert_eq!(AbortedTxn::decode(&bytes[..33]), None);
        let mut newer = bytes;
        newer[1] = 1;
        assert_eq!(AbortedTxn::decode(&newer), None);
    }
}
