//! What consumers tell each other through a classic group: opaque bytes to the broker, carried by JoinGroup and
//! SyncGroup, with their version in front.

use bytes::Bytes;

use super::decoder::{DecodeError, Decoder};
use super::encoder::Encoder;
use super::wire::{Form, Wire};

messages! {
    /// What a member wants to read. Partitions it still has (KIP-429) since 1, the generation they are from (KIP-792)
    /// since 2, its rack (KIP-881) since 3.
    ConsumerProtocolSubscription {
        topics: Vec<String>,
        user_data: Option<Bytes> = None,
        owned_partitions: Vec<TopicPartitions> [1..],
        generation_id: i32 [2..] = -1,
        rack_id: Option<String> [3..] = None,
    }

    /// What a member gets.
    ConsumerProtocolAssignment {
        assigned_partitions: Vec<TopicPartitions>,
        user_data: Option<Bytes> = None,
    }

    TopicPartitions {
        topic: String,
        partitions: Vec<i32>,
    }
}

/// The newest version of both.
pub const CONSUMER_PROTOCOL_VERSION: i16 = 3;

macro_rules! versioned {
    ($($name:ident)*) => {$(
        impl $name {
            pub fn to_bytes(&self, version: i16) -> Bytes {
                let mut out = Encoder::new();
                out.i16(version);
                self.write(&mut out, Form { version, flexible: false });
                out.finish().to_bytes()
            }

            /// Newer versions only append, so that they are read as the newest one known; Java's consumer does the same.
            pub fn from_bytes(bytes: Bytes) -> Result<$name, DecodeError> {
                let mut input = Decoder::new(bytes);
                input.reading(concat!(stringify!($name), "'s version"));
                let version = input.version()?.min(CONSUMER_PROTOCOL_VERSION);
                $name::read(&mut input, Form { version, flexible: false })
            }
        }
    )*};
}

versioned! {
    ConsumerProtocolSubscription
    ConsumerProtocolAssignment
}

/// The topics of a subscription, and nothing behind them: that part is the same in every version, and all that a
/// coordinator needs to know.
pub fn subscribed_topics(subscription: Bytes) -> Result<Vec<String>, DecodeError> {
    let mut input = Decoder::new(subscription);
    input.reading("ConsumerProtocolSubscription's version");
    input.version()?;
    input.reading("ConsumerProtocolSubscription's topics");
    Vec::read(&mut input, Form { version: 0, flexible: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_version_is_read_as_far_as_it_is_known() {
        let partitions = vec![TopicPartitions { topic: "t".to_owned(), partitions: vec![0, 2] }];
        let assignment = ConsumerProtocolAssignment { assigned_partitions: partitions, user_data: None };
        let bytes = assignment.to_bytes(CONSUMER_PROTOCOL_VERSION);
        assert_eq!(bytes[..], *b"\0\x03\0\0\0\x01\0\x01t\0\0\0\x02\0\0\0\0\0\0\0\x02\xff\xff\xff\xff");
        assert_eq!(ConsumerProtocolAssignment::from_bytes(bytes.clone()), Ok(assignment.clone()));
        let newer = [b"\0\x63", &bytes[2..], b"more"].concat();
        assert_eq!(ConsumerProtocolAssignment::from_bytes(newer.into()), Ok(assignment));
    }

    #[test]
    fn older_versions_leave_out_what_they_lack() {
        let full = ConsumerProtocolSubscription {
            topics: vec!["t".to_owned()],
            generation_id: 5,
            rack_id: Some("r".to_owned()),
            ..Default::default()
        };
        assert_eq!(ConsumerProtocolSubscription::from_bytes(full.to_bytes(3)), Ok(full.clone()));
        assert_eq!(subscribed_topics(full.to_bytes(3)), Ok(vec!["t".to_owned()]));
        let rackless = ConsumerProtocolSubscription { rack_id: None, ..full.clone() };
        assert_eq!(ConsumerProtocolSubscription::from_bytes(full.to_bytes(2)), Ok(rackless));
    }

    #[test]
    fn nonsense_is_an_error() {
        let what = "ConsumerProtocolAssignment's version";
        let negative = ConsumerProtocolAssignment::from_bytes(Bytes::from_static(&[0xff, 0xff]));
        assert_eq!(negative, Err(DecodeError::BadVersion { what, at: 0, version: -1 }));
        assert!(ConsumerProtocolAssignment::from_bytes(Bytes::new()).is_err());
    }
}
