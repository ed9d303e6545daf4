//! What the records of `__consumer_offsets` add up to: per group and partition, the newest commit.

use std::collections::BTreeMap;

use super::{OffsetRecord, OffsetValue};
use crate::base::{Offset, PartitionId, TopicPartition};

/// A commit, and where its record lies: of two commits the one further on in the log wins, in whatever order
/// they come here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    pub value: OffsetValue,
    pub record_offset: Offset,
}

/// What one group committed.
pub type GroupOffsets = BTreeMap<TopicPartition, CommittedOffset>;

#[derive(Debug, Default)]
pub struct OffsetStore {
    groups: BTreeMap<String, GroupOffsets>,
}

impl OffsetStore {
    /// Takes in one record from the log, at its offset.
    pub fn apply(&mut self, record: OffsetRecord, record_offset: Offset) {
        let OffsetRecord::Offset(key, value) = record else {
            return;
        };
        let Some(value) = value else {
            if let Some(group) = self.groups.get_mut(&key.group) {
                group.remove(&key.partition);
                if group.is_empty() {
                    self.groups.remove(&key.group);
                }
            }
            return;
        };
        let group = self.groups.entry(key.group).or_default();
        let newer = group.get(&key.partition).is_none_or(|there| there.record_offset < record_offset);
        if newer {
            group.insert(key.partition, CommittedOffset { value, record_offset });
        }
    }

    pub fn group(&self, name: &str) -> Option<&GroupOffsets> {
        self.groups.get(name)
    }

    pub fn groups(&self) -> impl Iterator<Item = (&str, &GroupOffsets)> {
        self.groups.iter().map(|(name, offsets)| (name.as_str(), offsets))
    }

    /// Forgets what was committed for a topic that is gone; gives what was forgotten, for the tombstones.
    pub fn forget_topic(&mut self, topic: &str) -> Vec<(String, TopicPartition)> {
        let mut forgotten = Vec::new();
        for (group, offsets) in &mut self.groups {
            offsets.retain(|partition, _| {
                let keep = partition.topic.as_str() != topic;
                if !keep {
                    forgotten.push((group.clone(), partition.clone()));
                }
                keep
            });
        }
        self.groups.retain(|_, offsets| !offsets.is_empty());
        forgotten
    }
}

/// The partition of `__consumer_offsets` that holds a group: Java's `String.hashCode`, made positive, as Kafka's
/// GroupMetadataManager does it.
pub fn partition_for_group(group: &str, partitions: i32) -> PartitionId {
    let hash = group.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    PartitionId((hash & 0x7fff_ffff) % partitions.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::TopicName;
    use crate::broker::offsets::OffsetKey;

    fn commit(group: &str, topic: &str, offset: i64) -> OffsetRecord {
        let partition = TopicPartition { topic: TopicName::new(topic).expect("valid"), partition: PartitionId(0) };
        let value = OffsetValue { offset: Offset(offset), leader_epoch: -1, metadata: String::new(), committed_at: 0 };
        OffsetRecord::Offset(OffsetKey { group: group.into(), partition }, Some(value))
    }

    fn committed(store: &OffsetStore, group: &str) -> Vec<i64> {
        store.group(group).map(|g| g.values().map(|c| c.value.offset.0).collect()).unwrap_or_default()
    }

    #[test]
    fn the_commit_further_on_in_the_log_wins() {
        let mut store = OffsetStore::default();
        store.apply(commit("g", "t", 10), Offset(5));
        store.apply(commit("g", "t", 7), Offset(4));
        assert_eq!(committed(&store, "g"), [10]);
        store.apply(commit("g", "t", 3), Offset(6));
        assert_eq!(committed(&store, "g"), [3], "a reset goes back, and is meant to");
    }

    #[test]
    fn a_tombstone_and_a_deleted_topic_leave_nothing() {
        let mut store = OffsetStore::default();
        store.apply(commit("g", "t", 1), Offset(0));
        store.apply(commit("g", "u", 2), Offset(1));
        store.apply(commit("h", "u", 3), Offset(2));
        let OffsetRecord::Offset(key, _) = commit("g", "t", 0) else { unreachable!() };
        store.apply(OffsetRecord::Offset(key, None), Offset(3));
        assert_eq!(committed(&store, "g"), [2]);
        assert_eq!(store.forget_topic("u").len(), 2);
        assert_eq!(store.groups().count(), 0);
    }

    #[test]
    fn groups_land_where_kafka_puts_them() {
        // "abc".hashCode() is 96354, "console-consumer-1".hashCode() is negative.
        assert_eq!(partition_for_group("abc", 50), PartitionId(96354 % 50));
        assert!(partition_for_group("polygenelubricants", 50).0 >= 0);
    }
}
