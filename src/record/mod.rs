//! Record batches, version 2: the bytes that a client sends, that lie on disk, and that a consumer gets.
//!
//! Pure bytes: nothing here knows files, sockets or time. Whatever comes in may be hostile; what is read is
//! bounded by the bytes that are there, and by a stated limit where they are compressed.

mod batch;
mod builder;
mod compress;
mod control;
mod faults;
mod filter;
mod murmur2;
mod records;
mod valid;
pub mod varint;

pub use batch::{BatchError, BatchHeader, BatchView, Batches, HEADER_BYTES, LENGTH_PREFIX_BYTES, attributes, batches};
pub use builder::{BatchBuilder, ProducerStamp};
pub use compress::{Codec, CompressError, Packing};
pub use control::ControlKind;
pub use faults::{RecordFaults, RecordRule};
pub use filter::{bare_batch, with_records};
pub use murmur2::{murmur2, partition_for_key};
pub use records::{HeaderIter, RecordIter, RecordView, Records};
pub use valid::{BatchRules, ValidBatch, repack, time_faults};

/// CRC-32C (Castagnoli), by the processor's own instruction where it has one.
pub fn crc32c(bytes: &[u8]) -> u32 {
    ::crc32c::crc32c(bytes)
}
