//! What a group has committed, and which partition of `__consumer_offsets` keeps it.

use std::collections::BTreeMap;

use super::classic::ExpiryBase;
use super::records::OffsetValue;
use crate::base::{PartitionId, TopicPartition};

/// What one group committed.
pub type GroupOffsets = BTreeMap<TopicPartition, OffsetValue>;

impl OffsetValue {
    /// Whether the time is over for which it is kept (KIP-211). One that came with a time of its own goes by that.
    pub fn is_expired(&self, base: ExpiryBase, retention_ms: i64, now_ms: i64) -> bool {
        let since = match base {
            ExpiryBase::Never => return false,
            ExpiryBase::Since(at) => at,
            ExpiryBase::Commit => self.committed_at,
        };
        match self.expires_at {
            Some(at) => now_ms >= at,
            None => now_ms.saturating_sub(since) >= retention_ms,
        }
    }
}

/// Java's `String.hashCode`, made positive, as Kafka's GroupMetadataManager does it.
pub fn partition_for_group(group: &str, partitions: i32) -> PartitionId {
    let hash = group.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    PartitionId((hash & 0x7fff_ffff) % partitions.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Offset;

    #[test]
    fn groups_land_where_kafka_puts_them() {
        // "abc".hashCode() is 96354, that of "polygenelubricants" is the one number without a positive counterpart.
        assert_eq!(partition_for_group("abc", 50), PartitionId(96354 % 50));
        assert_eq!(partition_for_group("polygenelubricants", 50), PartitionId(0));
    }

    #[test]
    fn retention_counts_from_the_commit_or_from_the_groups_end() {
        let mut value = OffsetValue {
            offset: Offset(1),
            leader_epoch: -1,
            metadata: String::new(),
            committed_at: 100,
            expires_at: None,
        };
        assert!(!value.is_expired(ExpiryBase::Commit, 50, 149));
        assert!(value.is_expired(ExpiryBase::Commit, 50, 150));
        assert!(!value.is_expired(ExpiryBase::Since(120), 50, 169));
        assert!(value.is_expired(ExpiryBase::Since(120), 50, 170));
        assert!(!value.is_expired(ExpiryBase::Never, 50, i64::MAX));
        value.expires_at = Some(500);
        assert!(!value.is_expired(ExpiryBase::Commit, 50, 499));
        assert!(value.is_expired(ExpiryBase::Commit, 50, 500));
    }
}
