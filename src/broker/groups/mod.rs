//! Consumer groups: who is in them, what they have committed, and what `__consumer_offsets` says of both.
//!
//! ```text
//! classic/      the classic protocol as a state machine       consumer/    the newer one (KIP-848) as another
//! assign/       who reads what in the newer one               records/     the records of __consumer_offsets
//! coordinator   the table of groups, and what is asked of it  group        one group: its kind, its offsets, its lock
//! writes        records on their way to the log, and whoever  load         reading it all back at a start
//!               waits for them
//! mailbox       answers for requests that wait                offsets      what is committed, and until when
//! timers        deadlines, and the thread that keeps them     expiry       what is forgotten by and by
//! unread        what could not be read at the start         piece        a piece of the log, read surely
//! conversion    heartbeats of the newer protocol, and how a   kind         what can be asked of a group of either
//!               group goes from one protocol to the other   topologies   the topics as groups see them
//! ```
//!
//! A state machine decides; the shell around it (everything else here) holds the locks, appends the records, waits for
//! their safety, and carries answers to those who wait. One lock per group: a slow group holds no other. A decision
//! that needs a record takes effect when the record is safe; records of one group lie in one partition, so they become
//! safe, and take effect, in their order.

mod assign;
mod classic;
mod consumer;
mod conversion;
mod coordinator;
mod expiry;
mod group;
mod kind;
mod load;
mod mailbox;
mod offsets;
mod piece;
mod records;
#[cfg(test)]
mod tests;
mod timers;
mod topologies;
mod unread;
mod writes;

pub use classic::{Join, Member, MemberId, Protocol, Reply, State, Sync, Ticket};
pub use consumer::{Heartbeat, Refusal};
pub use coordinator::{Committer, Coordinator};
pub use kind::GroupKind;
pub use mailbox::Mailbox;
pub use offsets::GroupOffsets;
pub use records::{GroupRecord, OffsetValue};
pub use writes::Pledge;
