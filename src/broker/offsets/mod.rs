//! Committed offsets: the records of `__consumer_offsets`, and what they add up to.

mod record;
mod store;

pub use record::{OffsetKey, OffsetRecord, OffsetValue};
pub use store::{CommittedOffset, GroupOffsets, OffsetStore, partition_for_group};
