//! Frames that lie. Whatever comes, decoding ends with a value or an error, and reserves memory only in proportion
//! to the bytes that came.

use bytes::Bytes;
use proptest::prelude::*;

use super::{RESERVED, Samples, encoded};
use crate::protocol::kafka::api::{self, metadata::MetadataRequestTopic};
use crate::protocol::kafka::api_key::for_each_api;
use crate::protocol::kafka::{ApiKey, DecodeError, Decoder, Form, Message, RequestHeader, Wire};

/// What one byte of a frame may make the decoder reserve. The worst is a Metadata request that announces topics of one
/// byte each, 40 bytes of memory apiece; a list of empty strings comes to 24.
const RESERVED_PER_BYTE_MAX: usize = 48;

/// Decodes, and holds the decoder to its bound.
fn decode<M: Message>(bytes: Bytes, version: i16, about: impl Fn() -> String) -> Result<M, DecodeError> {
    RESERVED.set(0);
    let length = bytes.len();
    let result = M::decode(&mut Decoder::new(bytes), version);
    let reserved = RESERVED.get();
    assert!(reserved <= RESERVED_PER_BYTE_MAX * length, "{}: {reserved} bytes reserved for {length}", about());
    result
}

/// A message that has something in its arrays and is short enough to be tried at every byte.
fn short_sample<M: Message + Wire>(key: ApiKey, version: i16, seed: u64) -> Bytes {
    let form = Form { version, flexible: version >= key.flexible_from() };
    let samples = (0..50).map(|n| encoded(&M::sample(&mut Samples::new(seed + n), form), version));
    samples.min_by_key(|bytes| bytes.len().abs_diff(300)).expect("one of fifty")
}

fn cut_everywhere<M: Message + Wire + std::fmt::Debug>(key: ApiKey) {
    for version in key.versions() {
        let whole = short_sample::<M>(key, version, 1);
        for length in 0..whole.len() {
            let about = || format!("{} version {version}, cut to {length}", std::any::type_name::<M>());
            let result = decode::<M>(whole.slice(..length), version, about);
            assert!(result.is_err(), "{}: {result:?}", about());
        }
    }
}

fn lie_everywhere<M: Message + Wire>(key: ApiKey) {
    const LIES: [&[u8]; 8] = [
        &[0x7f, 0xff, 0xff, 0xff],
        &[0x80, 0x00, 0x00, 0x00],
        &[0xff, 0xff, 0xff, 0xff],
        &[0xff, 0xff, 0xff, 0xfe],
        &[0x00, 0x01, 0x86, 0xa0],
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0xff, 0xff, 0xff, 0xff, 0xff],
        &[0x00],
    ];
    for version in key.versions() {
        let whole = short_sample::<M>(key, version, 7);
        for at in 0..whole.len() {
            // Counts that could just be true, too.
            let left = whole.len() - at;
            let counts = [left, left / 2, left / 4, left / 8].map(|count| (count as u32).to_be_bytes());
            let small = [left.min(127) as u8, (left / 4).min(127) as u8].map(|count| [count]);
            let near = counts.iter().map(|count| &count[..]).chain(small.iter().map(|count| &count[..]));
            for lie in LIES.into_iter().chain(near) {
                let mut bytes = whole.to_vec();
                let end = bytes.len().min(at + lie.len());
                bytes[at..end].copy_from_slice(&lie[..end - at]);
                let about = || format!("{} version {version}, {lie:?} at {at}", std::any::type_name::<M>());
                let _ = decode::<M>(bytes.into(), version, about);
            }
        }
    }
}

#[test]
fn a_message_cut_at_any_byte_is_an_error() {
    macro_rules! both {
        ($name:ident, $request:ident, $response:ident) => {
            cut_everywhere::<api::$request>(ApiKey::$name);
            cut_everywhere::<api::$response>(ApiKey::$name);
        };
    }
    for_each_api!(both);
}

#[test]
fn lengths_and_counts_that_lie_take_no_memory() {
    macro_rules! both {
        ($name:ident, $request:ident, $response:ident) => {
            lie_everywhere::<api::$request>(ApiKey::$name);
            lie_everywhere::<api::$response>(ApiKey::$name);
        };
    }
    for_each_api!(both);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn noise_is_survived(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
        let noise = Bytes::from(noise);
        let _ = RequestHeader::decode(&mut Decoder::new(noise.clone()));
        macro_rules! both {
            ($name:ident, $request:ident, $response:ident) => {
                for version in ApiKey::$name.versions() {
                    let about = || format!("{} version {version}", stringify!($name));
                    let _ = decode::<api::$request>(noise.clone(), version, about);
                    let _ = decode::<api::$response>(noise.clone(), version, about);
                }
            };
        }
        for_each_api!(both);
    }
}

#[test]
fn a_metadata_body_of_four_bytes_cannot_ask_for_154_gigabytes() {
    // It did in the crate kafka-protocol, which believes the count.
    let body = Bytes::from_static(&[0x7f, 0xff, 0xff, 0xff]);
    let error = decode::<api::MetadataRequest>(body, 0, String::new).expect_err("no topics follow");
    let what = "MetadataRequest.topics";
    assert_eq!(error, DecodeError::TooMany { what, at: 4, count: i32::MAX as usize, left: 0 });
    assert_eq!(
        error.to_string(),
        "MetadataRequest.topics at byte 4 claims 2147483647 elements, more than the 0 bytes left can hold"
    );
}

#[test]
fn null_is_an_error_where_the_version_has_none() {
    // Metadata's list of topics may be null since version 1, a topic's name in it since 10.
    let null = Bytes::from_static(&[0xff; 4]);
    let refused = decode::<api::MetadataRequest>(null.clone(), 0, String::new);
    assert_eq!(refused, Err(DecodeError::Null { what: "MetadataRequest.topics", at: 4 }));
    let all = decode::<api::MetadataRequest>(null, 1, String::new).expect("null is all topics");
    assert_eq!(all.topics, None);

    // One topic, its name null, no tagged fields.
    let refused = decode::<api::MetadataRequest>(Bytes::from_static(&[2, 0, 0]), 9, String::new);
    assert_eq!(refused, Err(DecodeError::Null { what: "MetadataRequestTopic.name", at: 2 }));
}

#[test]
fn null_to_be_sent_where_the_version_has_none_is_sent_as_empty() {
    // In version 0 of Metadata the empty list is what null is later: all topics.
    let all = api::MetadataRequest { topics: None, ..Default::default() };
    assert_eq!(encoded(&all, 0)[..], [0, 0, 0, 0]);
    let nameless = MetadataRequestTopic { name: None, ..Default::default() };
    let nameless = api::MetadataRequest { topics: Some(vec![nameless]), ..Default::default() };
    assert_eq!(encoded(&nameless, 0)[..], [0, 0, 0, 1, 0, 0]);
}

#[test]
fn negative_lengths_below_null_are_errors() {
    let error = decode::<api::MetadataRequest>(Bytes::from_static(&[0xff, 0xff, 0xff, 0xfe]), 1, String::new);
    assert_eq!(error, Err(DecodeError::BadLength { what: "MetadataRequest.topics", at: 0, length: -2 }));
}

#[test]
fn unknown_tagged_fields_are_skipped() {
    let heartbeat = api::HeartbeatRequest { group_id: "g".to_owned(), ..Default::default() };
    let mut bytes = encoded(&heartbeat, 4).to_vec();
    assert_eq!(bytes.pop(), Some(0), "no tagged fields");
    bytes.extend([2, 5, 3, b'a', b'b', b'c', 0x80, 0x01, 0]);
    assert_eq!(decode(bytes.into(), 4, String::new), Ok(heartbeat));
}

#[test]
fn a_tagged_field_ends_where_it_says() {
    // ApiVersions' finalized_features_epoch is tagged field 1 and has 8 bytes.
    let body = |size: u8, content: &[u8]| [&[0, 0, 1, 0, 0, 0, 0, 1, 1, size], content].concat().into();
    let told: Result<api::ApiVersionsResponse, _> = decode(body(8, &[0, 0, 0, 0, 0, 0, 0, 9]), 3, String::new);
    assert_eq!(told.map(|response| response.finalized_features_epoch), Ok(9));
    let what = "ApiVersionsResponse.finalized_features_epoch";
    let short: Result<api::ApiVersionsResponse, _> = decode(body(4, &[0, 0, 0, 0, 0, 0, 0, 9]), 3, String::new);
    assert_eq!(short, Err(DecodeError::Short { what, at: 10, wanted: 8, left: 4 }));
    let long: Result<api::ApiVersionsResponse, _> = decode(body(9, &[0, 0, 0, 0, 0, 0, 0, 9, 0]), 3, String::new);
    assert_eq!(long, Err(DecodeError::BadTagSize { what, at: 18, size: 9, left: 1 }));
}
