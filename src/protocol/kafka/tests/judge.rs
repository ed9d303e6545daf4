//! The crate kafka-protocol as an independent judge: generated from Kafka's schemas, it must read what is written here
//! as the same values under the same names, and write the same bytes.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::RangeInclusive;

use bytes::Bytes;
use kafka_protocol::messages as judge;
use kafka_protocol::protocol::{Decodable, Encodable, Message as JudgedMessage};
use proptest::prelude::*;

use super::Samples;
use crate::protocol::kafka::api_key::for_each_api;
use crate::protocol::kafka::consumer_protocol::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use crate::protocol::kafka::{ApiKey, Decoder, Encoder, Form, Wire, api};

/// Judges every version that both know; gives those that only this side knows.
fn judge<Ours, Theirs>(versions: RangeInclusive<i16>, flexible_from: i16, seed: u64) -> Vec<i16>
where
    Ours: Wire + PartialEq + Debug,
    Theirs: JudgedMessage + Encodable + Decodable + Debug,
{
    let is_known = |version: &i16| (Theirs::VERSIONS.min..=Theirs::VERSIONS.max).contains(version);
    let (both, ours_alone): (Vec<i16>, Vec<i16>) = versions.partition(is_known);
    for version in both {
        let form = Form { version, flexible: version >= flexible_from };
        let ours = Ours::sample(&mut Samples::new(seed), form);
        let mut out = Encoder::new();
        ours.write(&mut out, form);
        let bytes = out.finish().to_bytes();
        let about = || format!("{} version {version}, seed {seed}", std::any::type_name::<Ours>());

        let mut rest = bytes.clone();
        let theirs = Theirs::decode(&mut rest, version).unwrap_or_else(|error| panic!("{}: {error}", about()));
        assert!(rest.is_empty(), "{}: {} bytes stay unread", about(), rest.len());
        assert_same_values(&values(&format!("{ours:?}")), &values(&format!("{theirs:?}")), &about());

        let mut written = Vec::new();
        theirs.encode(&mut written, version).unwrap_or_else(|error| panic!("{}: {error}", about()));
        assert_eq!(Bytes::from(written.clone()), bytes, "{}", about());
        let back = Ours::read(&mut Decoder::new(written.into()), form);
        assert_eq!(back.as_ref(), Ok(&ours), "{}", about());
    }
    ours_alone
}

/// Messages with versions that are newer than the judge, whose schemas are those of Kafka 4.1.
const NEWER_THAN_THE_JUDGE: [(&str, &[i16]); 8] = [
    ("DescribeLogDirsRequest", &[5]),
    ("DescribeLogDirsResponse", &[5]),
    ("ListOffsetsRequest", &[11]),
    ("ListOffsetsResponse", &[11]),
    ("OffsetCommitRequest", &[10]),
    ("OffsetFetchRequest", &[10]),
    ("WriteTxnMarkersRequest", &[2]),
    ("WriteTxnMarkersResponse", &[2]),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_judge_agrees_on_every_api_and_version(seed: u64) {
        let mut unjudged = BTreeMap::new();
        macro_rules! judge_both {
            ($name:ident, $request:ident, $response:ident) => {
                let (versions, flexible_from) = (ApiKey::$name.versions(), ApiKey::$name.flexible_from());
                let requests = judge::<api::$request, judge::$request>(versions.clone(), flexible_from, seed);
                unjudged.insert(stringify!($request), requests);
                let responses = judge::<api::$response, judge::$response>(versions, flexible_from, seed);
                unjudged.insert(stringify!($response), responses);
            };
        }
        for_each_api!(judge_both);
        let subscription = judge::<ConsumerProtocolSubscription, judge::ConsumerProtocolSubscription>;
        unjudged.insert("ConsumerProtocolSubscription", subscription(0..=3, i16::MAX, seed));
        let assignment = judge::<ConsumerProtocolAssignment, judge::ConsumerProtocolAssignment>;
        unjudged.insert("ConsumerProtocolAssignment", assignment(0..=3, i16::MAX, seed));
        unjudged.retain(|_, versions| !versions.is_empty());
        // Another list means that something is not judged any more, or that the judge has learned something.
        let expected: BTreeMap<_, _> = NEWER_THAN_THE_JUDGE.iter().map(|(name, alone)| (*name, alone.to_vec())).collect();
        assert_eq!(unjudged, expected);
    }
}

/// The single values of a message by their path, such as `topics[0].name`, taken from its Debug text, which both
/// sides derive.
fn values(debug: &str) -> BTreeMap<String, String> {
    let mut reader = DebugReader { rest: debug, values: BTreeMap::new() };
    reader.value("");
    reader.values
}

/// Fields of versions that only one side knows; in those that both know they stand at their defaults.
const OURS_ALONE: [&str; 2] = ["transaction_version", "is_cordoned"];
const THEIRS_ALONE: [&str; 4] =
    ["enable_2_pc", "keep_prepared_txn", "ongoing_txn_producer_id", "ongoing_txn_producer_epoch"];

/// Each field must be on the other side too, with the same value.
fn assert_same_values(ours: &BTreeMap<String, String>, theirs: &BTreeMap<String, String>, about: &str) {
    let is_any = |path: &str, fields: &[&str]| fields.iter().any(|field| path.ends_with(field));
    for (path, value) in ours.iter().filter(|(path, _)| !is_any(path, &OURS_ALONE)) {
        assert_eq!(Some(value), theirs.get(path), "{about}: {path} here, and what the judge has");
    }
    for path in theirs.keys().filter(|path| !is_any(path, &THEIRS_ALONE)) {
        assert!(ours.contains_key(path), "{about}: the judge's {path} is missing");
    }
}

struct DebugReader<'a> {
    rest: &'a str,
    values: BTreeMap<String, String>,
}

impl DebugReader<'_> {
    fn value(&mut self, path: &str) {
        let stop = self.rest.find(|c: char| "\"{([])},".contains(c)).unwrap_or(self.rest.len());
        let name = self.rest[..stop].trim();
        let (word, next) = (name.to_owned(), self.rest[stop..].chars().next());
        match next {
            Some('"') => {
                // The prefix of byte strings stays with them.
                let text = &self.rest[stop + 1..];
                let mut escaped = false;
                let end = text
                    .find(|c| {
                        let ends = c == '"' && !escaped;
                        escaped = c == '\\' && !escaped;
                        ends
                    })
                    .expect("Debug closes its quotes");
                self.put(path, &format!("{word}{}", &text[..end]));
                self.rest = &text[end + 1..];
            }
            Some('{') => {
                self.rest = &self.rest[stop + 1..];
                while !self.closes('}') {
                    let colon = self.rest.find(':').expect("fields have names");
                    // What is a word of Rust's own, they write with a line before it.
                    let field = self.rest[..colon].trim().trim_start_matches('_').to_owned();
                    self.rest = &self.rest[colon + 1..];
                    self.value(&if path.is_empty() { field } else { format!("{path}.{field}") });
                }
            }
            Some('[') => {
                self.rest = &self.rest[stop + 1..];
                for index in 0.. {
                    if self.closes(']') {
                        self.put(path, &format!("{index} elements"));
                        break;
                    }
                    self.value(&format!("{path}[{index}]"));
                }
            }
            Some('(') if word == "Uuid" => {
                let end = self.rest.find(')').expect("Debug closes its brackets");
                let bytes = self.rest[stop + 2..end - 1].split(", ");
                let hex: String =
                    bytes.map(|byte| format!("{:02x}", byte.parse::<u8>().expect("a byte of an id"))).collect();
                self.put(path, &hex);
                self.rest = &self.rest[end + 1..];
            }
            Some('(') => {
                // Some(..) and newtypes: what is inside counts.
                self.rest = &self.rest[stop + 1..];
                self.value(path);
                assert!(self.closes(')'), "one value in brackets");
            }
            _ => {
                let word = if word.len() == 36 { word.replace('-', "") } else { word.replace("Null", "None") };
                self.put(path, &word);
                self.rest = &self.rest[stop..];
            }
        }
    }

    /// Passes over a comma, and over the closing bracket if it comes.
    fn closes(&mut self, bracket: char) -> bool {
        self.rest = self.rest.trim_start_matches([',', ' ']);
        match self.rest.strip_prefix(bracket) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn put(&mut self, path: &str, value: &str) {
        // Our field for what the judge keeps as unknown does not exist; samples have none.
        if !path.ends_with("unknown_tagged_fields") {
            self.values.insert(path.to_owned(), value.to_owned());
        }
    }
}
