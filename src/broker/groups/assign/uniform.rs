//! The uniform assignor: balance first, then stickiness, as Kafka's UniformAssignor has it.
//!
//! Everybody keeps what they have and may have; what is free goes to whoever has least; then partitions go from those
//! with most to those with least, as long as that makes the two more alike. One algorithm serves groups whose members
//! read the same and those whose members do not. Where all read the same, the result is even to within one partition
//! and nothing moved that did not have to; else no single move could make it evener.

use std::collections::{BTreeMap, BTreeSet};

use super::{Partitions, Subscriber, Topics};
use crate::base::Uuid;

/// An index into the list of members.
type Member = usize;

/// Topics that the same members read.
struct Audience {
    members: Vec<Member>,
    topics: Vec<Uuid>,
    /// The members by how much they have, over all topics.
    by_load: BTreeSet<(usize, Member)>,
}

struct Sharing {
    shares: Vec<Partitions>,
    /// How many partitions each member has.
    loads: Vec<usize>,
    audiences: Vec<Audience>,
    /// The audiences that a member belongs to.
    of_member: Vec<Vec<usize>>,
    of_topic: BTreeMap<Uuid, usize>,
    by_load: BTreeSet<(usize, Member)>,
}

pub(super) fn assign(members: &[Subscriber<'_>], topics: &Topics) -> Vec<Partitions> {
    let (shares, taken) = keep(members, topics);
    let mut sharing = Sharing::new(members, shares);
    sharing.hand_out(topics, &taken);
    sharing.even_out();
    sharing.shares
}

/// What everybody keeps: of what they had, that which is there, which they still read, and which nobody before them
/// keeps.
fn keep(members: &[Subscriber<'_>], topics: &Topics) -> (Vec<Partitions>, Partitions) {
    let mut taken = Partitions::default();
    let mut share = |member: &Subscriber<'_>| {
        let may = |topic: &Uuid, partition: i32| member.topics.contains(topic) && partition < topics[topic];
        member
            .has
            .iter()
            .filter(|(topic, partition)| may(topic, *partition) && taken.insert(*topic, *partition))
            .collect()
    };
    let shares = members.iter().map(&mut share).collect();
    (shares, taken)
}

impl Sharing {
    fn new(members: &[Subscriber<'_>], shares: Vec<Partitions>) -> Sharing {
        let loads: Vec<usize> = shares.iter().map(Partitions::len).collect();
        let mut readers: BTreeMap<Uuid, Vec<Member>> = BTreeMap::new();
        for (index, member) in members.iter().enumerate() {
            for topic in &member.topics {
                readers.entry(*topic).or_default().push(index);
            }
        }
        let mut topics_of: BTreeMap<Vec<Member>, Vec<Uuid>> = BTreeMap::new();
        for (topic, readers) in readers {
            topics_of.entry(readers).or_default().push(topic);
        }
        let audience = |(members, topics): (Vec<Member>, Vec<Uuid>)| {
            let by_load = members.iter().map(|member| (loads[*member], *member)).collect();
            Audience { members, topics, by_load }
        };
        let mut audiences: Vec<Audience> = topics_of.into_iter().map(audience).collect();
        // Whoever has little choice comes first: the others can make up for it.
        audiences.sort_by_key(|audience| audience.members.len());
        let mut of_member = vec![Vec::new(); members.len()];
        let mut of_topic = BTreeMap::new();
        for (index, audience) in audiences.iter().enumerate() {
            audience.members.iter().for_each(|member| of_member[*member].push(index));
            of_topic.extend(audience.topics.iter().map(|topic| (*topic, index)));
        }
        let by_load = loads.iter().enumerate().map(|(member, load)| (*load, member)).collect();
        Sharing { shares, loads, audiences, of_member, of_topic, by_load }
    }

    /// Gives what nobody has to whoever has least of those who may have it.
    fn hand_out(&mut self, topics: &Topics, taken: &Partitions) {
        for index in 0..self.audiences.len() {
            for topic in self.audiences[index].topics.clone() {
                for partition in (0..topics[&topic]).filter(|partition| !taken.contains(topic, *partition)) {
                    let (_, least) = *self.audiences[index].by_load.first().expect("a topic is here for its readers");
                    self.shares[least].insert(topic, partition);
                    self.set_load(least, self.loads[least] + 1);
                }
            }
        }
    }

    /// Each move makes the squares of the loads add up to less, so it ends.
    fn even_out(&mut self) {
        while let Some((from, to, topic)) = self.best_move() {
            let share = &self.shares[from];
            let last = share.of(topic).and_then(BTreeSet::last).copied().expect("it has some of this topic");
            self.shares[from].remove(topic, last);
            self.shares[to].insert(topic, last);
            self.set_load(from, self.loads[from] - 1);
            self.set_load(to, self.loads[to] + 1);
        }
    }

    /// From the member with most that can give something to one with at least two fewer: to the one of those with
    /// least, of the topic that the giver has most of, so that each topic is spread, too.
    fn best_move(&self) -> Option<(Member, Member, Uuid)> {
        let (least_of_all, _) = *self.by_load.first()?;
        for &(load, from) in self.by_load.iter().rev() {
            if load < least_of_all + 2 {
                return None;
            }
            let takers = self.of_member[from].iter().filter_map(|index| {
                let (least, to) = *self.audiences[*index].by_load.first()?;
                let topics = self.shares[from].topics().filter(|(topic, _)| self.of_topic[topic] == *index);
                let (topic, _) = topics.max_by_key(|(_, partitions)| partitions.len())?;
                (load >= least + 2).then_some((least, to, topic))
            });
            if let Some((_, to, topic)) = takers.min() {
                return Some((from, to, topic));
            }
        }
        None
    }

    fn set_load(&mut self, member: Member, load: usize) {
        let before = (self.loads[member], member);
        self.by_load.remove(&before);
        self.by_load.insert((load, member));
        for index in &self.of_member[member] {
            let by_load = &mut self.audiences[*index].by_load;
            by_load.remove(&before);
            by_load.insert((load, member));
        }
        self.loads[member] = load;
    }
}
