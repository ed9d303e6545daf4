//! The classic group protocol, as a state machine: events and the time go in; answers by ticket, records to keep and
//! deadlines come out. It knows no sockets, threads, clocks or logs (Kafka's ClassicGroup, and the `classicGroup...`
//! methods of its GroupMetadataManager).
//!
//! ```text
//! member   one member                       members     all of them, their leader, what they have in common
//! group    state and generation             join        JoinGroup
//! phases   from a rebalance's begin to the next generation; what time brings
//! sync     SyncGroup, and what follows when the log has (or has not) kept a record
//! membership  Heartbeat, LeaveGroup, whether a commit is welcome
//! ```
//!
//! ```text
//! Empty --join--> PreparingRebalance --all joined, or time is up--> CompletingRebalance --assignment kept--> Stable
//!   ^                     ^  |                                          |                                      |
//!   +---- nobody left ----+--+<------- somebody comes, goes, or changes what it wants ------------------------+
//! ```
//!
//! What always holds: every ticket is answered once; a generation number is never used twice while the group lives;
//! who is not a member of the present generation gets no assignment.

mod group;
mod join;
mod member;
mod members;
mod membership;
mod phases;
mod sync;
#[cfg(test)]
mod tests;

pub use group::{ClassicGroup, ExpiryBase, State};
pub use join::Join;
pub use member::{Member, MemberId, Protocol};
pub use sync::{Sync, Then};

use super::records::GroupMetadata;
use crate::base::ErrorCode;
use crate::protocol::kafka::api::{JoinGroupResponse, SyncGroupResponse};

/// A request that waits; the shell knows whose it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What a waiting request is answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    Join(JoinGroupResponse),
    Sync(SyncGroupResponse),
}

/// A record of the group as it is now. What comes of it is told to [`ClassicGroup::written`] with what it is for.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    pub record: GroupMetadata,
    pub then: Then,
}

/// What one event leads to.
#[derive(Debug, Default, PartialEq)]
pub struct Effects {
    pub answers: Vec<(Ticket, Reply)>,
    pub writes: Vec<Write>,
}

/// The settings that bound a group.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// `group.initial.rebalance.delay.ms`
    pub initial_delay_ms: i64,
    /// `group.max.size`
    pub members_max: usize,
}

impl Effects {
    fn join(&mut self, ticket: Ticket, response: JoinGroupResponse) {
        self.answers.push((ticket, Reply::Join(response)));
    }

    fn refuse_join(&mut self, ticket: Ticket, member_id: &str, code: ErrorCode) {
        let response =
            JoinGroupResponse { error_code: code.code(), member_id: member_id.to_owned(), ..Default::default() };
        self.join(ticket, response);
    }

    fn sync(&mut self, ticket: Ticket, response: SyncGroupResponse) {
        self.answers.push((ticket, Reply::Sync(response)));
    }

    fn refuse_sync(&mut self, ticket: Ticket, code: ErrorCode) {
        self.sync(ticket, SyncGroupResponse { error_code: code.code(), ..Default::default() });
    }
}
