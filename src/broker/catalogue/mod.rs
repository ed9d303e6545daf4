//! What must be agreed: topics, partitions, settings, producer-id blocks.
//!
//! The catalogue is what a list of [`Command`]s adds up to, applied one after the other by a pure function. On one broker
//! the list is a local file.

mod command_log;
mod replay;
mod state;

pub use command_log::{CommandLog, CommandLogError};
pub use replay::{Finding, Flaw, Replay};
pub use state::{Catalogue, Command, Rejected, TopicEntry};

/// The list of commands as Kafka's clients name it. There is no topic of that name, and none can be made.
pub const METADATA_TOPIC: &str = "__cluster_metadata";
