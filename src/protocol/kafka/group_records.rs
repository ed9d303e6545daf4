//! What `__consumer_offsets` holds about committed offsets and classic groups, in Kafka's own bytes: a version, then
//! fields. A key's version says what kind of record it is.

use bytes::Bytes;

use super::decoder::{DecodeError, Decoder};
use super::encoder::Encoder;
use super::wire::{Form, Wire};

messages! {
    /// Key 1; Kafka before 0.9 wrote 0, which reads the same.
    OffsetCommitKey {
        group: String,
        topic: String,
        partition: i32,
    }

    /// Value 1 has an expiry time of its own, which KIP-211 did away with but for clients that still ask for one.
    OffsetCommitValue {
        offset: i64,
        leader_epoch: i32 [3..] = -1,
        metadata: String,
        commit_timestamp: i64,
        expire_timestamp: i64 [1..=1] = -1,
    }

    /// Key 2.
    GroupMetadataKey {
        group: String,
    }

    /// Value 2: a generation of a group, and its members.
    GroupMetadataValue {
        protocol_type: String,
        generation: i32,
        protocol: Option<String> = None,
        leader: Option<String> = None,
        current_state_timestamp: i64 [2..] = -1,
        members: Vec<MemberMetadata>,
    }

    MemberMetadata {
        member_id: String,
        group_instance_id: Option<String> [3..] = None,
        client_id: String,
        client_host: String,
        rebalance_timeout: i32 [1..] = -1,
        session_timeout: i32,
        subscription: Bytes,
        assignment: Bytes,
    }
}

/// The newest version of both values, and the first with compact lengths; Kafka writes version 3.
const VALUE_VERSION_MAX: i16 = 4;
const VALUE_FLEXIBLE_FROM: i16 = 4;

/// Why a record can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error("{0}")]
    Bytes(#[from] DecodeError),
    #[error("its value has version {0}; at most {VALUE_VERSION_MAX} is known")]
    Version(i16),
}

macro_rules! keys {
    ($($name:ident)*) => {$(
        impl $name {
            pub fn to_bytes(&self, version: i16) -> Bytes {
                to_bytes(version, self, false)
            }

            /// Reads what follows the version.
            pub fn read_fields(input: &mut Decoder) -> Result<$name, DecodeError> {
                $name::read(input, Form { version: 0, flexible: false })
            }
        }
    )*};
}

macro_rules! values {
    ($($name:ident)*) => {$(
        impl $name {
            pub fn to_bytes(&self, version: i16) -> Bytes {
                to_bytes(version, self, version >= VALUE_FLEXIBLE_FROM)
            }

            pub fn from_bytes(bytes: Bytes) -> Result<$name, RecordError> {
                let mut input = Decoder::new(bytes);
                input.reading(concat!(stringify!($name), "'s version"));
                let version = input.version()?;
                if version > VALUE_VERSION_MAX {
                    return Err(RecordError::Version(version));
                }
                Ok($name::read(&mut input, Form { version, flexible: version >= VALUE_FLEXIBLE_FROM })?)
            }
        }
    )*};
}

keys! {
    OffsetCommitKey
    GroupMetadataKey
}

values! {
    OffsetCommitValue
    GroupMetadataValue
}

fn to_bytes<T: Wire>(version: i16, fields: &T, flexible: bool) -> Bytes {
    let mut out = Encoder::new();
    out.i16(version);
    fields.write(&mut out, Form { version, flexible });
    out.finish().to_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group() -> GroupMetadataValue {
        GroupMetadataValue {
            protocol_type: "consumer".to_owned(),
            generation: 7,
            protocol: Some("range".to_owned()),
            leader: Some("m".to_owned()),
            current_state_timestamp: 9,
            members: vec![MemberMetadata {
                member_id: "m".to_owned(),
                group_instance_id: Some("i".to_owned()),
                client_id: "c".to_owned(),
                client_host: "/h".to_owned(),
                rebalance_timeout: 3,
                session_timeout: 2,
                subscription: Bytes::from_static(b"s"),
                assignment: Bytes::from_static(b"a"),
            }],
        }
    }

    #[test]
    fn version_3_lies_as_kafka_lays_it() {
        let expected = b"\0\x03\0\x08consumer\0\0\0\x07\0\x05range\0\x01m\0\0\0\0\0\0\0\x09\0\0\0\x01\
            \0\x01m\0\x01i\0\x01c\0\x02/h\0\0\0\x03\0\0\0\x02\0\0\0\x01s\0\0\0\x01a";
        assert_eq!(group().to_bytes(3)[..], expected[..]);
    }

    #[test]
    fn every_version_is_read_back() {
        for version in 0..=VALUE_VERSION_MAX {
            let mut expected = group();
            if version < 3 {
                expected.members[0].group_instance_id = None;
            }
            if version < 2 {
                expected.current_state_timestamp = -1;
            }
            if version < 1 {
                expected.members[0].rebalance_timeout = -1;
            }
            assert_eq!(GroupMetadataValue::from_bytes(group().to_bytes(version)), Ok(expected), "version {version}");
        }
        assert_eq!(GroupMetadataValue::from_bytes(group().to_bytes(5)), Err(RecordError::Version(5)));
    }
}
