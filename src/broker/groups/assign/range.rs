//! The range assignor, with the results of Kafka's RangeAssignor: a topic's partitions in order, in ranges whose lengths
//! differ by one at most, the longer ones first. Where all members read topics of the same size, each has the same
//! numbers of every topic, as joining streams needs it.

use std::collections::BTreeMap;

use super::{Partitions, Subscriber, Topics};
use crate::base::Uuid;

/// How a topic is cut, and how far it is handed out.
struct Ranges {
    partitions: i32,
    subscribers: i32,
    ranges_given: i32,
    next: i32,
}

pub(super) fn assign(members: &[Subscriber<'_>], topics: &Topics) -> Vec<Partitions> {
    let mut ranges: BTreeMap<Uuid, Ranges> = BTreeMap::new();
    for topic in members.iter().flat_map(|member| &member.topics) {
        let fresh = || Ranges { partitions: topics[topic], subscribers: 0, ranges_given: 0, next: 0 };
        ranges.entry(*topic).or_insert_with(fresh).subscribers += 1;
    }
    let share = |member: &Subscriber<'_>| {
        let mut share = Partitions::default();
        for topic in &member.topics {
            let range = ranges.get_mut(topic).expect("every topic of every member was counted").give();
            share.extend(range.map(|partition| (*topic, partition)));
        }
        share
    };
    members.iter().map(share).collect()
}

impl Ranges {
    fn give(&mut self) -> std::ops::Range<i32> {
        let longer = i32::from(self.ranges_given < self.partitions % self.subscribers);
        let start = self.next;
        self.ranges_given += 1;
        self.next += self.partitions / self.subscribers + longer;
        start..self.next
    }
}
