//! The records of `__consumer_offsets` that hold a committed offset, in Kafka's own bytes
//! (OffsetCommitKey version 1, OffsetCommitValue versions 0 to 3; 3 is written).

use crate::base::{Offset, PartitionId, TopicName, TopicPartition};

/// Version 0 was written by Kafka before 0.9; its key reads the same.
const KEY_VERSION_MAX: i16 = 1;
const VALUE_VERSION: i16 = 3;

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
}

/// A record of the topic, as far as this version knows its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OffsetRecord {
    /// Null: the offset was deleted.
    Offset(OffsetKey, Option<OffsetValue>),
    /// Another kind (group metadata, or one of a newer version); its key's version.
    Other(i16),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OffsetRecordError {
    #[error("its {0} is cut short")]
    Short(&'static str),
    #[error("its {0} is not valid")]
    Bad(&'static str),
    #[error("its value has version {0}; at most {VALUE_VERSION} is known")]
    Version(i16),
}

impl OffsetKey {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 + self.group.len() + self.partition.topic.as_str().len());
        out.extend_from_slice(&KEY_VERSION_MAX.to_be_bytes());
        put_string(&mut out, &self.group);
        put_string(&mut out, self.partition.topic.as_str());
        out.extend_from_slice(&self.partition.partition.0.to_be_bytes());
        out
    }
}

impl OffsetValue {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32 + self.metadata.len());
        out.extend_from_slice(&VALUE_VERSION.to_be_bytes());
        out.extend_from_slice(&self.offset.0.to_be_bytes());
        out.extend_from_slice(&self.leader_epoch.to_be_bytes());
        put_string(&mut out, &self.metadata);
        out.extend_from_slice(&self.committed_at.to_be_bytes());
        out
    }

    fn decode(mut bytes: &[u8]) -> Result<OffsetValue, OffsetRecordError> {
        let from = &mut bytes;
        let version = take_i16(from, "value")?;
        if !(0..=VALUE_VERSION).contains(&version) {
            return Err(OffsetRecordError::Version(version));
        }
        let offset = Offset(take_i64(from, "offset")?);
        let leader_epoch = if version >= 3 { take_i32(from, "leader epoch")? } else { -1 };
        let metadata = take_string(from, "metadata")?;
        let committed_at = take_i64(from, "commit time")?;
        // Version 1 ends in an expiry time, which KIP-211 did away with.
        Ok(OffsetValue { offset, leader_epoch, metadata, committed_at })
    }
}

impl OffsetRecord {
    pub fn decode(key: &[u8], value: Option<&[u8]>) -> Result<OffsetRecord, OffsetRecordError> {
        let mut bytes = key;
        let from = &mut bytes;
        let version = take_i16(from, "key")?;
        if !(0..=KEY_VERSION_MAX).contains(&version) {
            return Ok(OffsetRecord::Other(version));
        }
        let group = take_string(from, "group")?;
        let topic = take_string(from, "topic")?;
        let topic = TopicName::new(&topic).map_err(|_| OffsetRecordError::Bad("topic"))?;
        let partition = PartitionId(take_i32(from, "partition")?);
        let key = OffsetKey { group, partition: TopicPartition { topic, partition } };
        Ok(OffsetRecord::Offset(key, value.map(OffsetValue::decode).transpose()?))
    }
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    debug_assert!(text.len() <= i16::MAX as usize, "names and metadata are bounded before they come here");
    out.extend_from_slice(&(text.len() as i16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn take<'a, const N: usize>(from: &mut &'a [u8], what: &'static str) -> Result<&'a [u8; N], OffsetRecordError> {
    let (bytes, rest) = from.split_first_chunk().ok_or(OffsetRecordError::Short(what))?;
    *from = rest;
    Ok(bytes)
}

fn take_i16(from: &mut &[u8], what: &'static str) -> Result<i16, OffsetRecordError> {
    take(from, what).map(|bytes| i16::from_be_bytes(*bytes))
}

fn take_i32(from: &mut &[u8], what: &'static str) -> Result<i32, OffsetRecordError> {
    take(from, what).map(|bytes| i32::from_be_bytes(*bytes))
}

fn take_i64(from: &mut &[u8], what: &'static str) -> Result<i64, OffsetRecordError> {
    take(from, what).map(|bytes| i64::from_be_bytes(*bytes))
}

fn take_string(from: &mut &[u8], what: &'static str) -> Result<String, OffsetRecordError> {
    let length = usize::try_from(take_i16(from, what)?).map_err(|_| OffsetRecordError::Bad(what))?;
    let (bytes, rest) = from.split_at_checked(length).ok_or(OffsetRecordError::Short(what))?;
    *from = rest;
    String::from_utf8(bytes.to_vec()).map_err(|_| OffsetRecordError::Bad(what))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> OffsetKey {
        let topic = TopicName::new("t").expect("valid");
        OffsetKey { group: "g".into(), partition: TopicPartition { topic, partition: PartitionId(2) } }
    }

    #[test]
    fn bytes_are_kafkas() {
        assert_eq!(key().encode(), [0, 1, 0, 1, b'g', 0, 1, b't', 0, 0, 0, 2]);
        let value = OffsetValue { offset: Offset(5), leader_epoch: 1, metadata: "m".into(), committed_at: 9 };
        let bytes = [0, 3, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 1, b'm', 0, 0, 0, 0, 0, 0, 0, 9];
        assert_eq!(value.encode(), bytes);
        assert_eq!(OffsetRecord::decode(&key().encode(), Some(&bytes)), Ok(OffsetRecord::Offset(key(), Some(value))));
        assert_eq!(OffsetRecord::decode(&key().encode(), None), Ok(OffsetRecord::Offset(key(), None)));
    }

    #[test]
    fn older_values_and_other_kinds_are_told_apart() {
        let version_1 = [0, 1, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 77];
        let Ok(OffsetRecord::Offset(_, Some(value))) = OffsetRecord::decode(&key().encode(), Some(&version_1)) else {
            panic!("version 1 is read");
        };
        assert_eq!((value.offset, value.leader_epoch, value.committed_at), (Offset(5), -1, 9));
        assert_eq!(OffsetRecord::decode(&[0, 2, 0, 1, b'g'], None), Ok(OffsetRecord::Other(2)));
        assert_eq!(OffsetRecord::decode(&key().encode(), Some(&[0, 4])), Err(OffsetRecordError::Version(4)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(key in proptest::collection::vec(any::<u8>(), 0..40),
                value in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = OffsetRecord::decode(&key, Some(&value));
            let _ = OffsetRecord::decode(&[&[0, 1], key.as_slice()].concat(), Some(&[&[0, 3], value.as_slice()].concat()));
        }
    }
}
