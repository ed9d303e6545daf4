//! What `__consumer_offsets` holds about groups of the newer protocol (KIP-848): keys without tagged fields, with the
//! kind of record as their version, and flexible values, of which there is only version 0 so far.

use bytes::Bytes;

use super::decoder::{DecodeError, Decoder};
use super::encoder::Encoder;
use super::wire::{Form, Wire};
use crate::base::Uuid;

messages! {
    /// Key of what is there once per group (3, 4, 6).
    GroupKey {
        group_id: String,
    }

    /// Key of what is there once per member (5, 7, 8).
    MemberKey {
        group_id: String,
        member_id: String,
    }

    /// Key 16.
    RegularExpressionKey {
        group_id: String,
        regular_expression: String,
    }

    /// Value 3. The hash of what the group reads (KIP-1101) came with Kafka 4.1, and superseded record 4.
    GroupMetadataValue {
        epoch: i32,
        metadata_hash: i64 [.., tag 0] = 0,
    }

    /// Value 4, written by Kafka 4.0 and before.
    PartitionMetadataValue {
        topics: Vec<TopicMetadata>,
    }

    TopicMetadata {
        topic_id: Uuid,
        topic_name: String,
        num_partitions: i32,
        partition_metadata: Vec<PartitionMetadata>,
    }

    PartitionMetadata {
        partition: i32,
        racks: Vec<String>,
    }

    /// Value 5: what a member said of itself.
    MemberMetadataValue {
        instance_id: Option<String> = None,
        rack_id: Option<String> = None,
        client_id: String,
        client_host: String,
        subscribed_topic_names: Vec<String>,
        subscribed_topic_regex: Option<String> = None,
        rebalance_timeout_ms: i32 = -1,
        server_assignor: Option<String> = None,
        classic_member_metadata: Option<ClassicMemberMetadata> [.., tag 0] = None,
    }

    /// Of a member that came by the classic protocol into a group of the newer one.
    ClassicMemberMetadata {
        session_timeout_ms: i32,
        supported_protocols: Vec<ClassicProtocol>,
    }

    ClassicProtocol {
        name: String,
        metadata: Bytes,
    }

    /// Value 6.
    TargetAssignmentMetadataValue {
        assignment_epoch: i32,
    }

    /// Value 7: what a member is to have.
    TargetAssignmentMemberValue {
        topic_partitions: Vec<TopicPartitions>,
    }

    /// Value 8: what a member has, and has to give up.
    CurrentMemberAssignmentValue {
        member_epoch: i32,
        previous_member_epoch: i32,
        state: i8,
        assigned_partitions: Vec<TopicPartitions>,
        partitions_pending_revocation: Vec<TopicPartitions>,
    }

    TopicPartitions {
        topic_id: Uuid,
        partitions: Vec<i32>,
    }

    /// Value 16: the topics that an expression matched, as of a version of the metadata.
    RegularExpressionValue {
        topics: Vec<String>,
        version: i64,
        timestamp: i64,
    }
}

const KEY: Form = Form { version: 0, flexible: false };
const VALUE: Form = Form { version: 0, flexible: true };

/// A key's bytes: its kind, and its fields.
pub fn key_to_bytes<K: Wire>(kind: i16, key: &K) -> Bytes {
    to_bytes(kind, key, KEY)
}

/// The fields of a key whose kind is known; `bytes` are the whole key.
pub fn key_from_bytes<K: Wire>(bytes: Bytes) -> Result<K, DecodeError> {
    let mut input = Decoder::new(bytes);
    input.reading("the key's version");
    input.i16()?;
    K::read(&mut input, KEY)
}

pub fn value_to_bytes<V: Wire>(value: &V) -> Bytes {
    to_bytes(VALUE.version, value, VALUE)
}

/// A value, if its version is one that is known.
pub fn value_from_bytes<V: Wire>(bytes: Bytes) -> Result<V, DecodeError> {
    let mut input = Decoder::new(bytes);
    input.reading("the value's version");
    match input.version()? {
        version if version == VALUE.version => V::read(&mut input, VALUE),
        version => Err(DecodeError::BadVersion { what: "the value's version", at: 0, version }),
    }
}

fn to_bytes<T: Wire>(version: i16, fields: &T, form: Form) -> Bytes {
    let mut out = Encoder::new();
    out.i16(version);
    fields.write(&mut out, form);
    out.finish().to_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::kafka::tests::Samples;

    /// Bytes as Kafka's generated classes write them, by hand from the schemas.
    #[test]
    fn bytes_are_kafkas() {
        let key = MemberKey { group_id: "g".to_owned(), member_id: "m1".to_owned() };
        assert_eq!(key_to_bytes(8, &key)[..], *b"\0\x08\0\x01g\0\x02m1");
        let value = CurrentMemberAssignmentValue {
            member_epoch: 2,
            previous_member_epoch: 1,
            state: 0,
            assigned_partitions: vec![TopicPartitions { topic_id: Uuid([7; 16]), partitions: vec![3] }],
            partitions_pending_revocation: Vec::new(),
        };
        let mut bytes = b"\0\0\0\0\0\x02\0\0\0\x01\0\x02".to_vec();
        bytes.extend([7; 16]);
        bytes.extend(b"\x02\0\0\0\x03\0\x01\0");
        assert_eq!(value_to_bytes(&value)[..], bytes);

        // A tag that is at its default is not there; else its number, its size, its bytes.
        let plain = GroupMetadataValue { epoch: 5, metadata_hash: 0 };
        assert_eq!(value_to_bytes(&plain)[..], *b"\0\0\0\0\0\x05\0");
        let hashed = GroupMetadataValue { epoch: 5, metadata_hash: 1 };
        assert_eq!(value_to_bytes(&hashed)[..], *b"\0\0\0\0\0\x05\x01\0\x08\0\0\0\0\0\0\0\x01");
    }

    #[test]
    fn tags_of_newer_kafkas_are_passed_over() {
        // CreationTimeMs (KIP-1282) is tag 1.
        let newer = Bytes::from_static(b"\0\0\0\0\0\x05\x01\x01\x08\0\0\0\0\0\0\0\x01");
        assert_eq!(value_from_bytes(newer), Ok(GroupMetadataValue { epoch: 5, metadata_hash: 0 }));
        let unknown = Bytes::from_static(b"\0\x01\0\0\0\x05\0");
        assert!(value_from_bytes::<GroupMetadataValue>(unknown).is_err(), "a version nobody knows yet");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(seed: u64) {
            fn returns<V: Wire + PartialEq + std::fmt::Debug>(samples: &mut Samples) {
                let value = V::sample(samples, VALUE);
                assert_eq!(value_from_bytes(value_to_bytes(&value)), Ok(value));
            }
            let samples = &mut Samples::new(seed);
            returns::<GroupMetadataValue>(samples);
            returns::<PartitionMetadataValue>(samples);
            returns::<MemberMetadataValue>(samples);
            returns::<TargetAssignmentMetadataValue>(samples);
            returns::<TargetAssignmentMemberValue>(samples);
            returns::<CurrentMemberAssignmentValue>(samples);
            returns::<RegularExpressionValue>(samples);
        }
    }
}
