//! A set of partitions, by topic id. No topic is in it without a partition.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::Uuid;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Partitions(BTreeMap<Uuid, BTreeSet<i32>>);

impl Partitions {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }

    pub fn contains(&self, topic: Uuid, partition: i32) -> bool {
        self.0.get(&topic).is_some_and(|partitions| partitions.contains(&partition))
    }

    pub fn insert(&mut self, topic: Uuid, partition: i32) -> bool {
        self.0.entry(topic).or_default().insert(partition)
    }

    pub fn remove(&mut self, topic: Uuid, partition: i32) -> bool {
        let Some(partitions) = self.0.get_mut(&topic) else { return false };
        let was_there = partitions.remove(&partition);
        if partitions.is_empty() {
            self.0.remove(&topic);
        }
        was_there
    }

    pub fn topics(&self) -> impl Iterator<Item = (Uuid, &BTreeSet<i32>)> {
        self.0.iter().map(|(topic, partitions)| (*topic, partitions))
    }

    pub fn of(&self, topic: Uuid) -> Option<&BTreeSet<i32>> {
        self.0.get(&topic)
    }

    pub fn iter(&self) -> impl Iterator<Item = (Uuid, i32)> {
        self.0.iter().flat_map(|(topic, partitions)| partitions.iter().map(|partition| (*topic, *partition)))
    }

    /// Those that are in both.
    pub fn and(&self, other: &Partitions) -> Partitions {
        self.iter().filter(|(topic, partition)| other.contains(*topic, *partition)).collect()
    }

    /// Those that `other` has not.
    pub fn without(&self, other: &Partitions) -> Partitions {
        self.iter().filter(|(topic, partition)| !other.contains(*topic, *partition)).collect()
    }

    pub fn is_subset_of(&self, other: &Partitions) -> bool {
        self.iter().all(|(topic, partition)| other.contains(topic, partition))
    }

    pub fn overlaps(&self, other: &Partitions) -> bool {
        self.iter().any(|(topic, partition)| other.contains(topic, partition))
    }
}

impl FromIterator<(Uuid, i32)> for Partitions {
    fn from_iter<I: IntoIterator<Item = (Uuid, i32)>>(all: I) -> Partitions {
        let mut partitions = Partitions::default();
        partitions.extend(all);
        partitions
    }
}

impl Extend<(Uuid, i32)> for Partitions {
    fn extend<I: IntoIterator<Item = (Uuid, i32)>>(&mut self, all: I) {
        for (topic, partition) in all {
            self.insert(topic, partition);
        }
    }
}
