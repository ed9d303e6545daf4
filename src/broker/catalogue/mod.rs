//! What must be agreed: topics, partitions, settings, producer-id blocks.
//!
//! The catalogue is what a list of [`Command`]s adds up to, applied one after the other by a pure function. On one

mod command_log;
mod state;

pub use command_log::{CommandLog, CommandLogError};
pub use state::{Catalogue, Command, Rejected, TopicEntry};
