//! The batch: its 61-byte header, and walking a run of batches.
//!
//! Layout (Kafka's DefaultRecordBatch), big-endian; each place is the one before plus that one's size.

use super::{Codec, CompressError, RecordFaults, Records, crc32c};
use crate::base::{ErrorCode, LeaderEpoch, Offset};

const BASE_OFFSET: usize = 0;
const BATCH_LENGTH: usize = BASE_OFFSET + 8;
const LEADER_EPOCH: usize = BATCH_LENGTH + 4;
const MAGIC: usize = LEADER_EPOCH + 4;
const CRC: usize = MAGIC + 1;
const ATTRIBUTES: usize = CRC + 4;
const LAST_OFFSET_DELTA: usize = ATTRIBUTES + 2;
const BASE_TIMESTAMP: usize = LAST_OFFSET_DELTA + 4;
const MAX_TIMESTAMP: usize = BASE_TIMESTAMP + 8;
const PRODUCER_ID: usize = MAX_TIMESTAMP + 8;
const PRODUCER_EPOCH: usize = PRODUCER_ID + 8;
const BASE_SEQUENCE: usize = PRODUCER_EPOCH + 2;
const RECORD_COUNT: usize = BASE_SEQUENCE + 4;

/// The header; the records, or their compressed blob, follow.
pub const HEADER_BYTES: usize = RECORD_COUNT + 4;
/// Base offset and batch length: what comes before the bytes that `batch_length` counts.
pub const LENGTH_PREFIX_BYTES: usize = LEADER_EPOCH;

/// The only batch format this crate writes or reads: formats 0 and 1 left Kafka with 4.0 (KIP-896).
const MAGIC_V2: i8 = 2;

/// Bits of the attributes field.
pub mod attributes {
    pub const CODEC_MASK: i16 = 0x07;
    pub const LOG_APPEND_TIME: i16 = 0x08;
    pub const TRANSACTIONAL: i16 = 0x10;
    pub const CONTROL: i16 = 0x20;
    /// The base timestamp is when tombstones (or the marker) may go, not a record's time (KIP-534).
    pub const DELETE_HORIZON: i16 = 0x40;
}

/// Why bytes are no batch that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    #[error("the batch is cut short: {have} bytes are there, it needs {need}")]
    Truncated { have: usize, need: usize },
    #[error("the batch has message format {0}; only format 2 (Kafka 0.11 and newer) is supported")]
    Magic(i8),
    #[error("the batch claims a length of {0} bytes, which no batch can have")]
    Length(i32),
    #[error("the batch fails its CRC: {stored:08x} is stored, the bytes give {computed:08x}")]
    Crc { stored: u32, computed: u32 },
    #[error("the batch has {bytes} bytes; at most {max} are allowed (max.message.bytes)")]
    TooLarge { bytes: usize, max: usize },
    #[error("record {index} of the batch is broken: {reason}")]
    Record { index: i32, reason: &'static str },
    #[error("{0}")]
    Records(#[from] RecordFaults),
    #[error("the batch is not valid: {0}")]
    Invalid(&'static str),
    #[error("the timestamp type of the batch is LogAppendTime, which only a broker may set")]
    TimestampType,
    #[error("the records of the batch can't be unpacked: {0}")]
    Compression(#[from] CompressError),
}

impl BatchError {
    /// What a Kafka client is told.
    pub fn error_code(&self) -> ErrorCode {
        match self {
            BatchError::Length(_) | BatchError::Crc { .. } => ErrorCode::CorruptMessage,
            BatchError::Magic(magic) if !(0..MAGIC_V2).contains(magic) => ErrorCode::CorruptMessage,
            BatchError::TooLarge { .. } => ErrorCode::MessageTooLarge,
            BatchError::TimestampType => ErrorCode::InvalidTimestamp,
            BatchError::Records(faults) => faults.error_code(),
            // To send the same again would not help, and a client must not try.
            BatchError::Truncated { .. }
            | BatchError::Magic(_)
            | BatchError::Record { .. }
            | BatchError::Compression(_)
            | BatchError::Invalid(_) => ErrorCode::InvalidRecord,
        }
    }
}

/// The header of a batch, field by field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    pub base_offset: Offset,
    /// Bytes after this field: the whole batch less [`LENGTH_PREFIX_BYTES`].
    pub batch_length: i32,
    pub leader_epoch: LeaderEpoch,
    pub crc: u32,
    pub attributes: i16,
    pub last_offset_delta: i32,
    pub base_timestamp: i64,
    pub max_timestamp: i64,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    pub record_count: i32,
}

/// Refuses what a client sends in another format. Its number stands in the same place in all of them, but the heads of
/// the older ones are shorter.
pub(super) fn check_magic(bytes: &[u8]) -> Result<(), BatchError> {
    match bytes.get(MAGIC).map(|byte| *byte as i8) {
        Some(magic) if magic != MAGIC_V2 => Err(BatchError::Magic(magic)),
        _ => Ok(()),
    }
}

impl BatchHeader {
    /// Reads the header at the front of `bytes`. What it says of itself is checked, not yet what follows it.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
        let Some(head) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(BatchError::Truncated { have: bytes.len(), need: HEADER_BYTES });
        };
        let magic = head[MAGIC] as i8;
        if magic != MAGIC_V2 {
            return Err(BatchError::Magic(magic));
        }
        let batch_length = i32::from_be_bytes(array(head, BATCH_LENGTH));
        if batch_length < (HEADER_BYTES - LENGTH_PREFIX_BYTES) as i32
            || batch_length > i32::MAX - LENGTH_PREFIX_BYTES as i32
        {
            return Err(BatchError::Length(batch_length));
        }
        Ok(BatchHeader {
            base_offset: Offset(i64::from_be_bytes(array(head, BASE_OFFSET))),
            batch_length,
            leader_epoch: LeaderEpoch(i32::from_be_bytes(array(head, LEADER_EPOCH))),
            crc: u32::from_be_bytes(array(head, CRC)),
            attributes: i16::from_be_bytes(array(head, ATTRIBUTES)),
            last_offset_delta: i32::from_be_bytes(array(head, LAST_OFFSET_DELTA)),
            base_timestamp: i64::from_be_bytes(array(head, BASE_TIMESTAMP)),
            max_timestamp: i64::from_be_bytes(array(head, MAX_TIMESTAMP)),
            producer_id: i64::from_be_bytes(array(head, PRODUCER_ID)),
            producer_epoch: i16::from_be_bytes(array(head, PRODUCER_EPOCH)),
            base_sequence: i32::from_be_bytes(array(head, BASE_SEQUENCE)),
            record_count: i32::from_be_bytes(array(head, RECORD_COUNT)),
        })
    }

    /// The 61 bytes of this header. The CRC is written as it stands in the field.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut head = [0; HEADER_BYTES];
        let mut put = |at: usize, bytes: &[u8]| head[at..at + bytes.len()].copy_from_slice(bytes);
        put(BASE_OFFSET, &self.base_offset.0.to_be_bytes());
        put(BATCH_LENGTH, &self.batch_length.to_be_bytes());
        put(LEADER_EPOCH, &self.leader_epoch.0.to_be_bytes());
        put(MAGIC, &MAGIC_V2.to_be_bytes());
        put(CRC, &self.crc.to_be_bytes());
        put(ATTRIBUTES, &self.attributes.to_be_bytes());
        put(LAST_OFFSET_DELTA, &self.last_offset_delta.to_be_bytes());
        put(BASE_TIMESTAMP, &self.base_timestamp.to_be_bytes());
        put(MAX_TIMESTAMP, &self.max_timestamp.to_be_bytes());
        put(PRODUCER_ID, &self.producer_id.to_be_bytes());
        put(PRODUCER_EPOCH, &self.producer_epoch.to_be_bytes());
        put(BASE_SEQUENCE, &self.base_sequence.to_be_bytes());
        put(RECORD_COUNT, &self.record_count.to_be_bytes());
        head
    }

    /// The CRC of a batch with this header and these bytes behind it.
    pub fn crc_with(&self, body: &[u8]) -> u32 {
        ::crc32c::crc32c_append(crc32c(&self.encode()[ATTRIBUTES..]), body)
    }

    pub fn total_bytes(&self) -> usize {
        LENGTH_PREFIX_BYTES + self.batch_length as usize
    }

    pub fn last_offset(&self) -> Offset {
        Offset(self.base_offset.0.saturating_add(i64::from(self.last_offset_delta)))
    }

    pub fn next_offset(&self) -> Offset {
        Offset(self.last_offset().0.saturating_add(1))
    }

    pub fn codec(&self) -> Result<Codec, BatchError> {
        Codec::from_id(self.attributes & attributes::CODEC_MASK)
            .ok_or(BatchError::Invalid("its compression codec is none that Kafka knows"))
    }

    pub fn is_control(&self) -> bool {
        self.attributes & attributes::CONTROL != 0
    }

    pub fn is_transactional(&self) -> bool {
        self.attributes & attributes::TRANSACTIONAL != 0
    }

    pub fn has_log_append_time(&self) -> bool {
        self.attributes & attributes::LOG_APPEND_TIME != 0
    }

    /// From when on compaction may drop the batch's tombstones, or its marker; `None` until a compaction decides it.
    pub fn delete_horizon(&self) -> Option<i64> {
        (self.attributes & attributes::DELETE_HORIZON != 0).then_some(self.base_timestamp)
    }

    /// Only the header of a batch whose records compaction removed: it keeps a producer's sequence, or an offset.
    pub fn is_bare(&self) -> bool {
        self.record_count == 0
    }

    pub fn has_producer_id(&self) -> bool {
        self.producer_id >= 0
    }

    /// The sequence of the last record; sequences wrap from 2^31-1 to 0 (DefaultRecordBatch.incrementSequence).
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return self.base_sequence;
        }
        ((i64::from(self.base_sequence) + i64::from(self.last_offset_delta)) & 0x7fff_ffff) as i32
    }
}

fn array<const N: usize>(head: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    *head[at..].first_chunk().expect("every field lies inside the header")
}

/// A whole batch at the front of some bytes.
#[derive(Debug, Clone, Copy)]
pub struct BatchView<'a> {
    pub header: BatchHeader,
    /// Exactly the batch: header and records.
    pub bytes: &'a [u8],
}

impl<'a> BatchView<'a> {
    pub fn parse(bytes: &'a [u8]) -> Result<BatchView<'a>, BatchError> {
        let header = BatchHeader::parse(bytes)?;
        let need = header.total_bytes();
        match bytes.get(..need) {
            Some(bytes) => Ok(BatchView { header, bytes }),
            None => Err(BatchError::Truncated { have: bytes.len(), need }),
        }
    }

    pub fn verify_crc(&self) -> Result<(), BatchError> {
        let computed = crc32c(&self.bytes[ATTRIBUTES..]);
        if computed != self.header.crc {
            return Err(BatchError::Crc { stored: self.header.crc, computed });
        }
        Ok(())
    }

    /// The records or their compressed blob, as stored.
    pub fn body(&self) -> &'a [u8] {
        &self.bytes[HEADER_BYTES..]
    }

    /// The records, unpacked if need be into at most `max_bytes`.
    pub fn records(&self, max_bytes: usize) -> Result<Records<'a>, BatchError> {
        Records::unpack(self, max_bytes)
    }
}

/// Walks the batches that stand one after the other in `bytes`; ends after the first error. A tail that is cut
/// short is an error too: who expects one (a fetch response may end in half a batch) stops at `Truncated`.
pub fn batches(bytes: &[u8]) -> Batches<'_> {
    Batches { rest: bytes }
}

#[derive(Debug, Clone)]
pub struct Batches<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<BatchView<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let batch = BatchView::parse(self.rest);
        self.rest = match &batch {
            Ok(batch) => &self.rest[batch.bytes.len()..],
            Err(_) => &[],
        };
        Some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BatchBuilder, ProducerStamp};

    fn one_batch() -> Vec<u8> {
        let mut builder = BatchBuilder::new(Codec::None);
        builder.append(1000, Some(b"key1"), Some(b"HelloWorld"), &[]);
        builder.append(1005, None, Some(b"x"), &[]);
        builder.finish(ProducerStamp { producer_id: 7, producer_epoch: 1, base_sequence: 40 }).expect("no codec")
    }

    #[test]
    fn a_header_says_what_was_built() {
        let bytes = one_batch();
        let batch = BatchView::parse(&bytes).expect("whole");
        batch.verify_crc().expect("intact");
        let header = batch.header;
        assert_eq!(header.total_bytes(), bytes.len());
        assert_eq!((header.base_timestamp, header.max_timestamp), (1000, 1005));
        assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (7, 1, 40));
        assert_eq!((header.record_count, header.last_offset()), (2, Offset(1)));
        assert_eq!(header.last_sequence(), 41);
        assert_eq!(header.encode(), bytes[..HEADER_BYTES]);
        assert_eq!(header.crc_with(batch.body()), header.crc);
    }

    #[test]
    fn sequences_wrap_to_zero() {
        let mut header = BatchHeader::parse(&one_batch()).expect("whole");
        header.base_sequence = i32::MAX;
        assert_eq!(header.last_sequence(), 0);
    }

    #[test]
    fn a_batch_cut_at_any_byte_is_refused() {
        let bytes = one_batch();
        for cut in 0..bytes.len() {
            assert!(matches!(BatchView::parse(&bytes[..cut]), Err(BatchError::Truncated { .. })), "cut at {cut}");
        }
    }

    #[test]
    fn a_flipped_bit_behind_the_crc_is_found() {
        let good = one_batch();
        for at in ATTRIBUTES..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            let verdict = BatchView::parse(&bad).and_then(|b| b.verify_crc());
            assert!(matches!(verdict, Err(BatchError::Crc { .. })), "byte {at}");
        }
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        for length in [i32::MIN, -1, 0, 48, i32::MAX] {
            let mut bytes = one_batch();
            bytes[BATCH_LENGTH..BATCH_LENGTH + 4].copy_from_slice(&length.to_be_bytes());
            assert!(BatchView::parse(&bytes).is_err(), "{length}");
        }
    }

    #[test]
    fn a_run_of_batches_is_walked_to_its_cut_end() {
        let one = one_batch();
        let mut run = [one.clone(), one.clone(), one.clone()].concat();
        assert_eq!(batches(&run).filter(Result::is_ok).count(), 3);
        run.pop();
        let verdicts: Vec<bool> = batches(&run).map(|b| b.is_ok()).collect();
        assert_eq!(verdicts, [true, true, false]);
    }
}
