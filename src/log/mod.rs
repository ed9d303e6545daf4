//! One partition on disk: a commit log in Kafka's own bytes.
//!
//! A [`PartitionLog`] takes batches, gives them offsets, makes them durable, finds them again by offset and by time,
//! and lets the old ones go. It knows files only through the seam in [`disk`], time only as an argument, and nothing of
//! requests, replicas or who may read what: the broker says up to where a read may see.
//!
//! ```text
//! partition  append  flush  checkpoint  read  times  retention     what a log does
//! compaction                                                    the newest record of each key, and no other
//! recovery  inventory  walk  ready  scan_progress                   what a start finds, and makes of it
//! segment  seek  scan  verified                                    a file of batches
//! inspect  check  span                                             the same files, seen from outside
//! entry_file  indexes  txn_index  state_file  epochs  producers    what is kept beside them
//! disk  real_disk  memory_disk  file_pool  files  names  whole_file     hands
//! ```

mod aborted;
mod append;
pub mod bounds;
mod check;
mod checkpoint;
pub mod compaction;
pub mod disk;
mod entry_file;
mod epochs;
mod error;
mod file_pool;
mod files;
mod flush;
mod indexes;
pub mod inspect;
mod inventory;
pub mod memory_disk;
pub mod names;
mod partition;
mod producers;
mod read;
mod ready;
mod real_disk;
mod recovery;
mod retention;
pub mod scan;
mod scan_progress;
mod seek;
mod segment;
mod settings;
mod span;
mod state_file;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
mod times;
mod txn_index;
mod verified;
mod walk;
pub mod whole_file;

pub use append::Appended;
pub use checkpoint::checkpoint_many;
pub use compaction::Compacted;
pub use disk::{Disk, DiskFile, FileFacts, OpenMode, Space};
pub use epochs::EpochStart;
pub use error::{AppendError, LogError, ReadError, is_disk_full};
pub use file_pool::FilePool;
pub use flush::{FlushTicket, flush_many};
pub use indexes::{OffsetEntry, TimeEntry};
pub use partition::PartitionLog;
pub use producers::{ProducerBatch, ProducerState};
pub use read::LogSlice;
pub use real_disk::RealDisk;
pub use retention::Retained;
pub use scan_progress::ScanProgress;
pub use segment::SegmentSummary;
pub use settings::{FlushPolicy, LogSettings, OpenAs, OpenReport, TimestampType};
pub use state_file::{LogState, StateFlaw};
#[cfg(test)]
pub use testing::{RecoveryRule, is_left_out, set_rule_of_recovery};
pub use times::TimeHit;
pub use txn_index::AbortedTxn;
