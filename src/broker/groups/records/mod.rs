//! The records of `__consumer_offsets`: a key's version says which kind one is.

pub(super) mod consumer;
mod metadata;
mod offset;

use bytes::Bytes;

pub use metadata::{GroupMetadata, MemberMetadata};
pub use offset::{OffsetKey, OffsetValue};

use self::consumer::{ConsumerRecord, ConsumerRecordError};
use crate::protocol::kafka::group_records::{self, GroupMetadataKey};
use crate::protocol::kafka::{DecodeError, Decoder};

/// A record, as far as this version knows its kind. Where there is no value, what it stands for is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupRecord {
    Offset(OffsetKey, Option<OffsetValue>),
    Classic(String, Option<GroupMetadata>),
    /// Of a group of the newer protocol.
    Consumer(ConsumerRecord),
    /// Another kind; its key's version.
    Other(i16),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error("{0}")]
    Bytes(#[from] DecodeError),
    #[error("{0}")]
    Value(#[from] group_records::RecordError),
    #[error("{0}")]
    Consumer(#[from] ConsumerRecordError),
    #[error("its topic is none that could exist")]
    Topic,
}

/// A record before it is appended: key and value, or no value to say that it is gone.
pub type Encoded = (Bytes, Option<Bytes>);

impl GroupRecord {
    pub fn decode(key: &[u8], value: Option<&[u8]>) -> Result<GroupRecord, RecordError> {
        let mut input = Decoder::new(Bytes::copy_from_slice(key));
        input.reading("a record's kind");
        let version = input.i16()?;
        let value = value.map(Bytes::copy_from_slice);
        match version {
            0..=offset::KEY_VERSION => {
                let key = OffsetKey::read(&mut input)?;
                Ok(GroupRecord::Offset(key, value.map(OffsetValue::decode).transpose()?))
            }
            metadata::KEY_VERSION => {
                let key = GroupMetadataKey::read_fields(&mut input)?;
                Ok(GroupRecord::Classic(key.group, value.map(GroupMetadata::decode).transpose()?))
            }
            kind if ConsumerRecord::is_kind(kind) => {
                Ok(GroupRecord::Consumer(ConsumerRecord::decode(Bytes::copy_from_slice(key), value)?))
            }
            other => Ok(GroupRecord::Other(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::{Offset, PartitionId, TopicName, TopicPartition};

    fn place() -> TopicPartition {
        TopicPartition { topic: TopicName::new("t").expect("valid"), partition: PartitionId(2) }
    }

    fn key() -> OffsetKey {
        OffsetKey { group: "g".into(), partition: place() }
    }

    fn value() -> OffsetValue {
        OffsetValue { offset: Offset(5), leader_epoch: 1, metadata: "m".into(), committed_at: 9, expires_at: None }
    }

    #[test]
    fn bytes_are_kafkas() {
        let encoded = OffsetKey::encode("g", &place());
        assert_eq!(encoded[..], [0, 1, 0, 1, b'g', 0, 1, b't', 0, 0, 0, 2]);
        let bytes = [0, 3, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 1, b'm', 0, 0, 0, 0, 0, 0, 0, 9];
        assert_eq!(value().encode()[..], bytes);
        assert_eq!(GroupRecord::decode(&encoded, Some(&bytes)), Ok(GroupRecord::Offset(key(), Some(value()))));
        assert_eq!(GroupRecord::decode(&encoded, None), Ok(GroupRecord::Offset(key(), None)));
        assert_eq!(GroupMetadata::key("g")[..], [0, 2, 0, 1, b'g']);
        assert_eq!(GroupRecord::decode(&[0, 2, 0, 1, b'g'], None), Ok(GroupRecord::Classic("g".into(), None)));
    }

    #[test]
    fn an_expiry_of_its_own_makes_an_older_value() {
        let with_expiry = OffsetValue { leader_epoch: -1, expires_at: Some(77), ..value() };
        let bytes = with_expiry.encode();
        assert_eq!(bytes[..2], [0, 1]);
        let encoded = OffsetKey::encode("g", &place());
        assert_eq!(GroupRecord::decode(&encoded, Some(&bytes)), Ok(GroupRecord::Offset(key(), Some(with_expiry))));
    }

    #[test]
    fn newer_kinds_and_values_are_told_apart() {
        assert_eq!(GroupRecord::decode(&[0, 99, 0, 1, b'g'], None), Ok(GroupRecord::Other(99)));
        let refused = GroupRecord::decode(&OffsetKey::encode("g", &place()), Some(&[0, 5]));
        assert_eq!(refused, Err(RecordError::Value(group_records::RecordError::Version(5))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(kind in 0u8..6, version in 0u8..6,
                key in proptest::collection::vec(any::<u8>(), 0..40),
                value in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = GroupRecord::decode(&key, Some(&value));
            let key = [&[0, kind], key.as_slice()].concat();
            let value = [&[0, version], value.as_slice()].concat();
            let _ = GroupRecord::decode(&key, Some(&value));
        }
    }
}
