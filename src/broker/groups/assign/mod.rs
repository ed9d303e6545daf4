//! Who reads which partition: the assignors that the broker itself runs for groups after KIP-848.
//!
//! Pure functions of who is there, what they subscribed to and what they have. Always holds: every partition of a topic
//! with a subscriber goes to exactly one of its subscribers, and to nobody else.

mod partitions;
mod range;
#[cfg(test)]
mod tests;
mod uniform;

use std::collections::{BTreeMap, BTreeSet};

pub use partitions::Partitions;

use crate::base::Uuid;

/// How partitions are shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assignor {
    /// As evenly as subscriptions allow, moving as little as that takes.
    Uniform,
    /// Each topic in ranges, the same numbers of every topic to the same member.
    Range,
}

/// A member as the assignors see it.
#[derive(Debug, Clone)]
pub struct Subscriber<'a> {
    pub member_id: &'a str,
    /// Static members come first, so that their share stays theirs whoever else comes and goes.
    pub instance_id: Option<&'a str>,
    pub topics: BTreeSet<Uuid>,
    /// What it was to have so far.
    pub has: &'a Partitions,
}

/// How many partitions each topic has; one that is not in here does not exist and is assigned to nobody.
pub type Topics = BTreeMap<Uuid, i32>;

impl Assignor {
    pub const ALL: [Assignor; 2] = [Assignor::Uniform, Assignor::Range];

    pub fn name(self) -> &'static str {
        match self {
            Assignor::Uniform => "uniform",
            Assignor::Range => "range",
        }
    }

    pub fn named(name: &str) -> Option<Assignor> {
        Assignor::ALL.into_iter().find(|assignor| assignor.name() == name)
    }

    /// What each member is to have, by member id.
    pub fn assign(self, mut members: Vec<Subscriber<'_>>, topics: &Topics) -> BTreeMap<String, Partitions> {
        // Kafka's RangeAssignor sorts like this; the order decides who gets the odd partition.
        members.sort_by_key(|member| (member.instance_id.is_none(), member.instance_id, member.member_id));
        for member in &mut members {
            member.topics.retain(|topic| topics.contains_key(topic));
        }
        let shares = match self {
            Assignor::Uniform => uniform::assign(&members, topics),
            Assignor::Range => range::assign(&members, topics),
        };
        members.iter().map(|member| member.member_id.to_owned()).zip(shares).collect()
    }
}
