//! A group of the newer protocol (KIP-848), where the broker says who reads what.
//!
//! ```text
//! request      what a heartbeat may say              group      what the records add up to; every change of it
//! heartbeat    joining and staying                   reconcile  from what a member has to what it is to have
//! leave        leaving, and being put out            timers     when silence or slowness is too much
//! expression   subscription by regular expression    describe   for those who ask
//! topology     which topics there are
//! ```
//!
//! A heartbeat is judged against the group as it is and yields an answer and changes ([`Decision`]); the group itself
//! changes in [`ConsumerGroup::apply`] only, which is the same when the changes are made and when they are read back
//! from `__consumer_offsets`. Whoever holds the group appends the changes of a decision as one batch, applies them, and
//! then says that the member was [heard](ConsumerGroup::heard). What could not be kept in the log is taken back by
//! applying what `apply` gave, last first. Timers are not in the log: after a start everybody has a whole session to
//! come back.
//!
//! Always holds: no partition is assigned to two members. A member gets one when nobody else has it any more, which its
//! owner says by no longer naming it in a heartbeat, by leaving, or by being put out.

mod describe;
mod expression;
mod group;
mod heartbeat;
mod leave;
mod reconcile;
mod request;
#[cfg(test)]
mod tests;
mod timers;
mod topology;

pub use group::ConsumerGroup;
pub use heartbeat::{Decision, Surroundings};
pub use request::{Heartbeat, Refusal};
pub use topology::{Shape, Topology};
