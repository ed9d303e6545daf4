//! Everybody keeps what he has as far as that is fair, and what moves is given up before somebody else gets it
//! (KIP-429; Kafka's class CooperativeStickyAssignor).
//!
//! Fair: loads can't be made more even by passing partitions on, not even by way of a third member. With equal
//! subscriptions that means that they differ by one at most.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Counts, Shares, subscribers};
use crate::base::{PartitionId, TopicName, TopicPartition};
use crate::client::group::subscriber::Subscriber;

pub(super) fn share(members: &[Subscriber], counts: &Counts) -> Shares {
    let mut table = Table::new(members, counts, kept(members, counts));
    table.give_out(counts);
    table.even_out();
    let mut is_complete = true;
    for (i, share) in table.shares.iter_mut().enumerate() {
        share.retain(|place| {
            let reads = |member: &Subscriber| member.owned.contains(place);
            let may_have = reads(&members[i]) || !members.iter().any(reads);
            is_complete &= may_have;
            may_have
        });
    }
    Shares { of: table.shares, is_complete }
}

/// What members say they have and may keep. Where two claim the same, the newer generation is right (KIP-792); two
/// of the same generation are both wrong.
pub(super) fn kept(members: &[Subscriber], counts: &Counts) -> Vec<BTreeSet<TopicPartition>> {
    let mut claims: BTreeMap<&TopicPartition, (i32, Option<usize>)> = BTreeMap::new();
    for (i, member) in members.iter().enumerate() {
        let there = |place: &&TopicPartition| {
            member.topics.contains(&place.topic)
                && counts.get(&place.topic).is_some_and(|count| place.partition.0 < *count)
        };
        for place in member.owned.iter().filter(there) {
            let claim = claims.entry(place).or_insert((member.generation, Some(i)));
            if claim.0 < member.generation {
                *claim = (member.generation, Some(i));
            } else if claim.0 == member.generation && claim.1 != Some(i) {
                claim.1 = None;
            }
        }
    }
    let mut kept = vec![BTreeSet::new(); members.len()];
    for (place, (_, owner)) in claims {
        if let Some(owner) = owner {
            kept[owner].insert(place.clone());
        }
    }
    kept
}

struct Table<'a> {
    members: &'a [Subscriber],
    subscribers: BTreeMap<&'a TopicName, Vec<usize>>,
    shares: Vec<BTreeSet<TopicPartition>>,
}

impl<'a> Table<'a> {
    fn new(members: &'a [Subscriber], counts: &'a Counts, shares: Vec<BTreeSet<TopicPartition>>) -> Table<'a> {
        Table { members, subscribers: subscribers(members, counts), shares }
    }

    fn load(&self, member: usize) -> usize {
        self.shares[member].len()
    }

    /// What nobody has goes to whoever has least; topics that few want come first.
    fn give_out(&mut self, counts: &Counts) {
        let taken: BTreeSet<TopicPartition> = self.shares.iter().flatten().cloned().collect();
        let mut topics: Vec<(&TopicName, &Vec<usize>)> = self.subscribers.iter().map(|(t, who)| (*t, who)).collect();
        topics.sort_by_key(|(_, who)| who.len());
        for (topic, who) in topics {
            for partition in 0..counts.get(topic).copied().unwrap_or(0) {
                let place = TopicPartition { topic: topic.clone(), partition: PartitionId(partition) };
                if taken.contains(&place) {
                    continue;
                }
                if let Some(least) = who.iter().min_by_key(|i| self.shares[**i].len()) {
                    self.shares[*least].insert(place);
                }
            }
        }
    }

    /// Passes partitions on as long as that makes loads more even.
    fn even_out(&mut self) {
        while let Some(steps) = self.find_way() {
            for (from, to) in steps {
                let place = self.to_pass_on(from, to).expect("the way was found by what can be passed on");
                self.shares[from].remove(&place);
                self.shares[to].insert(place);
            }
        }
    }

    /// From somebody who has much to somebody who has at least two less; none, if there is no such pair.
    fn find_way(&self) -> Option<Vec<(usize, usize)>> {
        let mut loaded: Vec<usize> = (0..self.members.len()).collect();
        loaded.sort_by_key(|i| std::cmp::Reverse(self.load(*i)));
        let least = self.load(*loaded.last()?);
        loaded.into_iter().take_while(|from| self.load(*from) >= least + 2).find_map(|from| self.way_from(from))
    }

    /// The shortest way, by breadth, to the least loaded that can be reached.
    fn way_from(&self, from: usize) -> Option<Vec<(usize, usize)>> {
        let mut came_from: Vec<Option<usize>> = vec![None; self.members.len()];
        let mut seen_topics: BTreeSet<&TopicName> = BTreeSet::new();
        let mut queue = VecDeque::from([from]);
        let mut best: Option<usize> = None;
        while let Some(at) = queue.pop_front() {
            for place in &self.shares[at] {
                // Whoever wants this topic has been reached by way of another of its partitions.
                if !seen_topics.insert(&place.topic) {
                    continue;
                }
                for to in self.subscribers.get(&place.topic).into_iter().flatten() {
                    if *to != from && came_from[*to].is_none() {
                        came_from[*to] = Some(at);
                        queue.push_back(*to);
                        if best.is_none_or(|best| self.load(*to) < self.load(best)) {
                            best = Some(*to);
                        }
                    }
                }
            }
        }
        let mut to = best.filter(|best| self.load(from) >= self.load(*best) + 2)?;
        let mut steps = Vec::new();
        while to != from {
            let before = came_from[to]?;
            steps.push((before, to));
            to = before;
        }
        // The last step first, so that nobody's load passes what it was.
        Some(steps)
    }

    /// Rather something that `from` does not read yet, and `to` does.
    fn to_pass_on(&self, from: usize, to: usize) -> Option<TopicPartition> {
        let wanted = self.shares[from].iter().filter(|place| self.members[to].topics.contains(&place.topic));
        let cost = |place: &&TopicPartition| {
            (self.members[from].owned.contains(*place), !self.members[to].owned.contains(*place))
        };
        wanted.min_by_key(cost).cloned()
    }
}
