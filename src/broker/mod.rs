//! The broker: topics and partitions, consumer groups, and one handler file per API.
//!
//! ```text
//! core          what all handlers share                 api/        Kafka's requests, a file each
//! data_dir      the data directory as a whole           text/       the text protocol's commands
//! catalogue/    what must be agreed, as commands        groups/     groups and what they have committed
//! topics        which topics there are                  topic_changes  making, changing, deleting them
//! group_settings  what groups set themselves            fetch_sessions/  which partitions a client named before
//! partition     a log and how far it is safe to read    flusher     group commit
//! waiting       who waits, and how they are woken       housekeeping  what is due by and by
//! cleaning      compaction of what is due               opening, offline  the start; what could not be opened
//! reserve/      room kept back for a full disk          complaints  what was said of what fails again and again
//! ```
//!
//! What always holds: a handler never blocks (it answers, or returns what it waits for); time is handed in; nothing
//! here knows a socket. Text and Kafka meet in [`Partition::append`] and `PartitionLog::read`.

mod answer;
mod api;
mod caller;
mod catalogue;
mod cleaning;
mod complaints;
mod core;
mod data_dir;
mod fetch_sessions;
mod flusher;
mod group_settings;
mod groups;
mod housekeeping;
mod identity;
mod offline;
mod opening;
mod own_files;
mod partition;
mod reserve;
mod restore;
mod settings;
#[cfg(test)]
mod simulation;
mod text;
mod topic_changes;
mod topic_note;
mod topics;
mod waiting;

pub use self::core::{Core, Event, OpenError};
pub use answer::{Answer, Pending, Reply};
pub use api::answer;
pub use caller::{Caller, ListenerName, Operation, Resource, authorize};
pub use data_dir::is_in_use;
pub use groups::GroupRecord;
pub use housekeeping::{Chore, run as keep_house};
pub use own_files::{LeftPartition, OwnProblem, check_own_files, left_partitions};
pub use partition::Partition;
pub use text::{TextSession, TextStep};
pub use topics::{NewTopic, Topic, TopicError};
pub use waiting::{Subscription, WaitList, Waker};
