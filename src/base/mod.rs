//! What every room may know: ids, Kafka's error codes, limits, the clock, the offset grammar, a bound on lines of the
//! log.

mod clock;
mod error_code;
mod ids;
pub mod limits;
mod line_limit;
mod nearest;
mod offset_spec;

pub use clock::{Clock, ManualClock, Now, SystemClock};
pub use error_code::ErrorCode;
#[cfg(test)]
pub(crate) use ids::seeded::seed_random_ids;
pub use ids::{BrokerId, LeaderEpoch, Offset, PartitionId, TopicName, TopicNameError, TopicPartition, Uuid};
pub use line_limit::LineLimit;
pub use nearest::nearest;
pub use offset_spec::OffsetSpec;
