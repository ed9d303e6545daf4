//! Compaction: of each key the newest record stays, older ones go (Kafka's LogCleaner, `cleanup.policy=compact`).
//!
//! Sealed segments are read, what may go is left out, and the rest is written beside them, synced, and put in their
//! place in one step; readers that hold the old files go on reading them. What always holds: offsets never change; the
//! newest record of a key stays, at its offset and with its bytes' meaning; the active segment, what is not flushed,
//! and what a transaction has not decided are not touched; a crash at any moment leaves the old segments or the new.
//!
//! ```text
//! keys  transactions  survivors  plan      decisions, without files or clock
//! cleaned  swap  progress  run             hands
//! ```
//!
//! Memory: the table of keys takes at most what the caller allows ([`keys::NewestOffsets`]; several rounds follow
//! where it does not hold them all), and beside it there is one batch, packed, unpacked, and as rewritten.

mod cleaned;
mod keys;
mod plan;
mod progress;
mod run;
mod survivors;
mod swap;
mod transactions;

pub(super) use progress::{Progress, gaps_below};
pub use run::Compacted;
pub(super) use swap::{Layout, settle};
