//! Records that hold a committed offset (OffsetCommitKey version 1; OffsetCommitValue versions 0 to 4 are read, and as
//! in Kafka 3 is written, or 1 where the client asked for an expiry of its own).

use bytes::Bytes;

use super::RecordError;
use crate::base::{Now, Offset, PartitionId, TopicName, TopicPartition};
use crate::protocol::kafka::Decoder;
use crate::protocol::kafka::group_records::{OffsetCommitKey, OffsetCommitValue};

pub(super) const KEY_VERSION: i16 = 1;
const VALUE_VERSION: i16 = 3;
/// The only one with an expiry time.
const VALUE_VERSION_WITH_EXPIRY: i16 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OffsetKey {
    pub group: String,
    pub partition: TopicPartition,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetValue {
    /// The next offset to read.
    pub offset: Offset,
    /// -1 where the client said none.
    pub leader_epoch: i32,
    pub metadata: String,
    /// Milliseconds since 1970.
    pub committed_at: i64,
    /// In the same milliseconds; `None` lets the broker's retention decide.
    pub expires_at: Option<i64>,
}

impl OffsetKey {
    pub fn encode(group: &str, partition: &TopicPartition) -> Bytes {
        let TopicPartition { topic, partition } = partition;
        let key = OffsetCommitKey { group: group.to_owned(), topic: topic.to_string(), partition: partition.0 };
        key.to_bytes(KEY_VERSION)
    }

    pub(super) fn read(input: &mut Decoder) -> Result<OffsetKey, RecordError> {
        let OffsetCommitKey { group, topic, partition } = OffsetCommitKey::read_fields(input)?;
        let topic = TopicName::new(&topic).map_err(|_| RecordError::Topic)?;
        Ok(OffsetKey { group, partition: TopicPartition { topic, partition: PartitionId(partition) } })
    }
}

impl OffsetValue {
    /// An offset and nothing else.
    pub fn plain(offset: Offset, now: Now) -> OffsetValue {
        let (leader_epoch, metadata, committed_at) = (-1, String::new(), now.wall_ms);
        OffsetValue { offset, leader_epoch, metadata, committed_at, expires_at: None }
    }

    pub fn encode(&self) -> Bytes {
        let value = OffsetCommitValue {
            offset: self.offset.0,
            leader_epoch: self.leader_epoch,
            metadata: self.metadata.clone(),
            commit_timestamp: self.committed_at,
            expire_timestamp: self.expires_at.unwrap_or(-1),
        };
        value.to_bytes(if self.expires_at.is_some() { VALUE_VERSION_WITH_EXPIRY } else { VALUE_VERSION })
    }

    pub(super) fn decode(bytes: Bytes) -> Result<OffsetValue, RecordError> {
        let value = OffsetCommitValue::from_bytes(bytes)?;
        Ok(OffsetValue {
            offset: Offset(value.offset),
            leader_epoch: value.leader_epoch,
            metadata: value.metadata,
            committed_at: value.commit_timestamp,
            expires_at: Some(value.expire_timestamp).filter(|at| *at >= 0),
        })
    }
}
