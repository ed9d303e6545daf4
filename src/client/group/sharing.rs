//! How a group's leader shares the partitions among its members. Pure.
//!
//! Always holds: a partition goes to one member at most, and only to one that subscribes to its topic; under
//! `cooperative-sticky` it goes to nobody as long as another member says that it still reads it.

mod cooperative;
mod range;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::subscriber::Subscriber;
use crate::base::{TopicName, TopicPartition};
use crate::config::Assignor;

/// How many partitions each topic has; one that is not here has none.
pub(super) type Counts = BTreeMap<TopicName, i32>;

/// What each member gets, in the order of the members.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shares {
    pub(super) of: Vec<BTreeSet<TopicPartition>>,
    /// Whether every partition has somebody now; otherwise some must be given up first, and the group comes together
    /// once more after that.
    pub(super) is_complete: bool,
}

/// Shares everything. With `Assignor::Range` while some still read on (the group has just changed to it from
/// `cooperative-sticky`), everybody keeps what he has this once: those who read on give it up and join again.
pub(super) fn share(assignor: Assignor, members: &[Subscriber], counts: &Counts) -> Shares {
    match assignor {
        Assignor::CooperativeSticky => cooperative::share(members, counts),
        Assignor::Range | Assignor::RoundRobin | Assignor::Sticky => {
            if members.iter().any(|member| !member.owned.is_empty()) {
                return Shares { of: cooperative::kept(members, counts), is_complete: false };
            }
            Shares { of: range::share(members, counts), is_complete: true }
        }
    }
}

/// For each topic with partitions, the members that subscribe to it.
fn subscribers<'a>(members: &[Subscriber], counts: &'a Counts) -> BTreeMap<&'a TopicName, Vec<usize>> {
    let of = |topic: &TopicName| (0..members.len()).filter(|i| members[*i].topics.contains(topic)).collect();
    counts.keys().map(|topic| (topic, of(topic))).collect()
}
