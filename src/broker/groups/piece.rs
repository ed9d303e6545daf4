//! A piece of a log, read as often as it takes to be sure of it.
//!
//! A bit that goes wrong on its way here shows in a CRC, but for the few bytes that no CRC covers: where a batch's offsets
//! begin. Misread there, a log goes on further behind, which is how compaction leaves it, too; and a group whose newest
//! commit lies between has committed an older one. So what does not follow from what came before counts only if it is read
//! twice.

use crate::base::Offset;
use crate::log::{PartitionLog, ReadError};
use crate::record::batches;

const PIECE_BYTES: usize = 1 << 20;
const TRIES: usize = 4;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Batches {
        bytes: Vec<u8>,
        first: Offset,
        /// Where to read on.
        next: Offset,
    },
    /// The rest of the log has no batch.
    Nothing,
    Damage {
        sentence: String,
        next: Offset,
    },
    /// The disk does not let it be read.
    Failed(String),
}

impl Piece {
    /// What comes from this offset on.
    pub fn read_surely(log: &PartitionLog, from: Offset, end: Offset) -> Piece {
        let mut piece = Piece::read(log, from, end);
        for _ in 1..TRIES {
            if piece.follows(from) {
                break;
            }
            let again = Piece::read(log, from, end);
            if std::mem::replace(&mut piece, again) == piece {
                break;
            }
        }
        piece
    }

    fn read(log: &PartitionLog, from: Offset, end: Offset) -> Piece {
        match log.read(from, PIECE_BYTES, end, true) {
            Ok(None) => Piece::Nothing,
            Ok(Some(slice)) => match slice.bytes() {
                Ok(bytes) => Piece::Batches { bytes, first: slice.first_offset, next: slice.next_offset },
                Err(error) => Piece::Failed(error.to_string()),
            },
            Err(error @ ReadError::Corrupt { next, .. }) => Piece::Damage { sentence: error.to_string(), next },
            Err(error) => Piece::Failed(error.to_string()),
        }
    }

    /// Good batches without a gap, before them, between them, or behind.
    fn follows(&self, from: Offset) -> bool {
        let Piece::Batches { bytes, first, next } = self else { return false };
        let mut expected = *first;
        let in_a_row = batches(bytes).all(|batch| {
            batch.is_ok_and(|batch| {
                let follows = batch.header.base_offset == expected && batch.verify_crc().is_ok();
                expected = batch.header.next_offset();
                follows
            })
        });
        *first <= from && in_a_row && expected == *next
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::base::{LeaderEpoch, Now};
    use crate::log::memory_disk::MemoryDisk;
    use crate::log::{LogSettings, OpenAs};
    use crate::record::{BatchBuilder, Codec, ProducerStamp, ValidBatch};

    const NOW: Now = Now { wall_ms: 1_700_000_000_000, mono_ms: 0 };

    /// Wherever one bit goes wrong, in whichever read, nothing is passed over.
    #[test]
    fn a_bit_that_is_misread_hides_no_batch() {
        let disk = MemoryDisk::new();
        let settings = LogSettings { segment_bytes: 300, cleanup_compact: true, ..LogSettings::default() };
        let opened = PartitionLog::open(Arc::new(disk.clone()), Path::new("/p"), settings, OpenAs::unclean(), NOW);
        let (log, _) = opened.expect("opens");
        for n in 0..6u8 {
            let mut builder = BatchBuilder::new(Codec::None);
            builder.append(NOW.wall_ms, Some(&[n]), Some(b"v"), &[]);
            let bytes = builder.finish(ProducerStamp::NONE).expect("no codec");
            log.append(&ValidBatch::built_here(&bytes).expect("built"), LeaderEpoch(0), NOW).expect("appended");
        }
        let read_all = || {
            let (mut from, mut bases) = (Offset(0), Vec::new());
            while from < Offset(6) {
                let Piece::Batches { bytes, next, .. } = Piece::read_surely(&log, from, Offset(6)) else { break };
                bases.extend(batches(&bytes).map(|batch| batch.expect("whole").header.base_offset.0));
                from = next;
            }
            bases
        };
        assert_eq!(read_all(), [0, 1, 2, 3, 4, 5]);
        for read in 0..12 {
            for bit in 0..61 * 8 {
                let mut left = read;
                disk.watch_reads(move |_, bytes| {
                    if left == 0 && !bytes.is_empty() {
                        let bit = bit % (bytes.len() * 8);
                        bytes[bit / 8] ^= 1 << (bit % 8);
                    }
                    left -= 1;
                });
                assert_eq!(read_all(), [0, 1, 2, 3, 4, 5], "bit {bit} of read {read}");
            }
        }
    }
}
