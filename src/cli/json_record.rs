//! A record as one line of JSON, both ways: what `rafka-consume -J` prints, `rafka-produce -J` reads.
//!
//! ```text
//! {"topic":"Payments","partition":0,"offset":42,"timestamp":1732261234567,"timestamp_type":"create","key":"key1",
//!  "value":"HelloWorld","headers":[{"key":"h","value":"v"}]}
//! ```
//!
//! Always holds: nothing is lost on the way there and back. Null stays apart from empty, headers keep order and
//! duplicates, bytes that are not UTF-8 travel as `key_base64` and `value_base64`. New fields are only ever added at the
//! end of a line.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::format::push_number;
use crate::client::{Record, TimestampType};

/// Appends the record as one line. `for_terminal`: also those control characters are escaped that JSON lets stand.
pub fn write(out: &mut Vec<u8>, record: &Record<'_>, for_terminal: bool) {
    out.extend_from_slice(b"{\"topic\":");
    push_string(out, record.topic, for_terminal);
    out.extend_from_slice(b",\"partition\":");
    push_number(out, i64::from(record.partition.0));
    out.extend_from_slice(b",\"offset\":");
    push_number(out, record.offset.0);
    out.extend_from_slice(b",\"timestamp\":");
    push_number(out, record.timestamp);
    out.extend_from_slice(match record.timestamp_type {
        TimestampType::Create => b",\"timestamp_type\":\"create\",".as_slice(),
        TimestampType::LogAppend => b",\"timestamp_type\":\"append\",",
    });
    push_field(out, "key", record.key(), for_terminal);
    out.push(b',');
    push_field(out, "value", record.value(), for_terminal);
    out.extend_from_slice(b",\"headers\":[");
    for (i, (name, value)) in record.headers().enumerate() {
        out.extend_from_slice(if i > 0 { b",{" } else { b"{" });
        push_field(out, "key", Some(name), for_terminal);
        out.push(b',');
        push_field(out, "value", value, for_terminal);
        out.push(b'}');
    }
    out.extend_from_slice(b"]}\n");
}

/// `"name":"text"`, `"name":null` or `"name_base64":"..."`.
fn push_field(out: &mut Vec<u8>, name: &str, bytes: Option<&[u8]>, for_terminal: bool) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    match bytes.map(str::from_utf8) {
        None => out.extend_from_slice(b"\":null"),
        Some(Ok(text)) => {
            out.extend_from_slice(b"\":");
            push_string(out, text, for_terminal);
        }
        Some(Err(_)) => {
            out.extend_from_slice(b"_base64\":\"");
            out.extend_from_slice(STANDARD.encode(bytes.unwrap_or_default()).as_bytes());
            out.push(b'"');
        }
    }
}

fn push_string(out: &mut Vec<u8>, text: &str, for_terminal: bool) {
    let start = out.len();
    serde_json::to_writer(&mut *out, text).expect("a string can be written to memory");
    // JSON escapes only what is below a space; DEL and the C1 controls drive terminals too.
    if for_terminal && text.chars().any(|c| c >= '\x7f' && c.is_control()) {
        let written = String::from_utf8_lossy(&out[start..]).into_owned();
        out.truncate(start);
        for c in written.chars() {
            if c.is_control() {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
            } else {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
    }
}

/// A header's name and value; null is `None`.
pub type JsonHeader<'a> = (Cow<'a, [u8]>, Option<Cow<'a, [u8]>>);

/// A line read back: what of it makes the new record. Bytes are borrowed from the line where it has no escapes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JsonRecord<'a> {
    pub partition: Option<i32>,
    pub timestamp: Option<i64>,
    pub key: Option<Cow<'a, [u8]>>,
    pub value: Option<Cow<'a, [u8]>>,
    pub headers: Vec<JsonHeader<'a>>,
    /// The first field that means nothing here: a mistyped "value" would make a record without one.
    pub unknown: Option<Cow<'a, str>>,
}

impl<'a> JsonRecord<'a> {
    /// Every field that means something, or is there because rafka-consume prints it.
    pub const FIELDS: [&'static str; 10] = [
        "topic",
        "partition",
        "offset",
        "timestamp",
        "timestamp_type",
        "key",
        "key_base64",
        "value",
        "value_base64",
        "headers",
    ];

    /// Reads a line; an error says what is wrong with it, without its number.
    pub fn parse(line: &'a [u8]) -> Result<JsonRecord<'a>, String> {
        let text = str::from_utf8(line).map_err(|e| format!("byte {} is not UTF-8", e.valid_up_to() + 1))?;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let record = RecordVisitor.deserialize(&mut deserializer).and_then(|record| {
            deserializer.end()?;
            Ok(record)
        });
        record.map_err(|e| sentence(&e))
    }
}

/// serde_json's text, with the place told as a column: the line is numbered by whoever cut it out.
fn sentence(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((what, place)) if place.contains(" column ") => format!("{what} (column {})", error.column()),
        _ => text,
    }
}

struct RecordVisitor;

impl<'de> DeserializeSeed<'de> for RecordVisitor {
    type Value = JsonRecord<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = JsonRecord<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object such as {\"key\":\"k\",\"value\":\"v\"}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut key, mut value) = (BytesField::new("key"), BytesField::new("value"));
        let mut record = JsonRecord::default();
        let mut seen_headers = false;
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            match &*name {
                "key" => key.text(map.next_value()?)?,
                "key_base64" => key.base64(map.next_value()?)?,
                "value" => value.text(map.next_value()?)?,
                "value_base64" => value.base64(map.next_value()?)?,
                "headers" if seen_headers => return Err(A::Error::custom("\"headers\" is there twice")),
                "headers" => {
                    seen_headers = true;
                    record.headers = map.next_value::<Headers<'de>>()?.0;
                }
                "timestamp" => record.timestamp = number(map.next_value()?, "timestamp")?,
                "partition" => {
                    let partition = number(map.next_value()?, "partition")?;
                    record.partition = match partition.map(i32::try_from) {
                        None => None,
                        Some(Ok(partition)) if partition >= 0 => Some(partition),
                        Some(_) => return Err(A::Error::custom("\"partition\" is out of range")),
                    };
                }
                field => {
                    if record.unknown.is_none() && !JsonRecord::FIELDS.contains(&field) {
                        record.unknown = Some(name);
                    }
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        record.key = key.bytes;
        record.value = value.bytes;
        Ok(record)
    }
}

/// One of the two ways to write a field of bytes, seen so far.
struct BytesField<'a> {
    name: &'static str,
    seen: [bool; 2],
    bytes: Option<Cow<'a, [u8]>>,
}

impl<'a> BytesField<'a> {
    fn new(name: &'static str) -> BytesField<'a> {
        BytesField { name, seen: [false; 2], bytes: None }
    }

    fn text<E: serde::de::Error>(&mut self, scalar: Scalar<'a>) -> Result<(), E> {
        let bytes = match scalar.string(self.name)? {
            Some(Cow::Borrowed(text)) => Some(Cow::Borrowed(text.as_bytes())),
            Some(Cow::Owned(text)) => Some(Cow::Owned(text.into_bytes())),
            None => None,
        };
        self.set(0, bytes)
    }

    fn base64<E: serde::de::Error>(&mut self, scalar: Scalar<'a>) -> Result<(), E> {
        let name = self.name;
        let bytes = match scalar.string::<E>(name)? {
            Some(text) => {
                let bytes = STANDARD.decode(text.as_bytes());
                Some(Cow::Owned(bytes.map_err(|e| E::custom(format!("\"{name}_base64\" is no base64: {e}")))?))
            }
            None => None,
        };
        self.set(1, bytes)
    }

    fn set<E: serde::de::Error>(&mut self, way: usize, bytes: Option<Cow<'a, [u8]>>) -> Result<(), E> {
        let name = self.name;
        if std::mem::replace(&mut self.seen[way], true) {
            return Err(E::custom(format!("\"{name}\" is there twice")));
        }
        if bytes.is_some() && self.bytes.is_some() {
            return Err(E::custom(format!("\"{name}\" and \"{name}_base64\" are both there")));
        }
        self.bytes = bytes.or(self.bytes.take());
        Ok(())
    }
}

/// Any JSON value, as far as a record cares.
enum Scalar<'a> {
    Null,
    String(Cow<'a, str>),
    Integer(i64),
    Other(&'static str),
}

impl<'a> Scalar<'a> {
    fn string<E: serde::de::Error>(self, name: &str) -> Result<Option<Cow<'a, str>>, E> {
        let found = match self {
            Scalar::Null => return Ok(None),
            Scalar::String(text) => return Ok(Some(text)),
            Scalar::Integer(_) => "a number",
            Scalar::Other(found) => found,
        };
        Err(E::custom(format!("\"{name}\" is {found}; it must be a string or null")))
    }
}

fn number<E: serde::de::Error>(scalar: Scalar<'_>, name: &str) -> Result<Option<i64>, E> {
    let found = match scalar {
        Scalar::Null => return Ok(None),
        Scalar::Integer(number) => return Ok(Some(number)),
        Scalar::String(_) => "a string",
        Scalar::Other(found) => found,
    };
    Err(E::custom(format!("\"{name}\" is {found}; it must be a whole number or null")))
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Null)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::String(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Scalar::String(Cow::Owned(text.to_owned())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(number).map_or(Scalar::Other("a number out of range"), Scalar::Integer))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Other("a number with a fraction or out of range"))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Other("true or false"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other("an array"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other("an object"))
    }
}

/// `"headers"`: null, or an array of objects with key and value.
struct Headers<'a>(Vec<JsonHeader<'a>>);

impl<'de> Deserialize<'de> for Headers<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HeadersVisitor)
    }
}

struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = Headers<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("headers as an array of objects such as [{\"key\":\"h\",\"value\":\"v\"}]")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Headers(Vec::new()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut headers = Vec::new();
        while let Some(header) = seq.next_element_seed(RecordVisitor)? {
            let name = header.key.ok_or_else(|| A::Error::custom("a header has no \"key\""))?;
            headers.push((name, header.value));
        }
        Ok(Headers(headers))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::client::testing::with_record;

    fn line(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[(&[u8], Option<&[u8]>)]) -> Vec<u8> {
        with_record(key, value, headers, |record| {
            let mut out = Vec::new();
            write(&mut out, record, false);
            out
        })
    }

    #[test]
    fn a_record_is_written_as_promised() {
        let written = line(Some(b"key1"), Some(b"HelloWorld"), &[(b"h", Some(b"v"))]);
        assert_eq!(
            String::from_utf8(written).expect("text"),
            "{\"topic\":\"Payments\",\"partition\":3,\"offset\":42,\"timestamp\":1732261234567,\
             \"timestamp_type\":\"create\",\"key\":\"key1\",\"value\":\"HelloWorld\",\
             \"headers\":[{\"key\":\"h\",\"value\":\"v\"}]}\n"
        );
        let written = line(None, Some(b"\xff\0"), &[]);
        let text = String::from_utf8(written).expect("text");
        assert!(text.contains("\"key\":null,\"value_base64\":\"/wA=\",\"headers\":[]"), "{text}");
    }

    #[test]
    fn what_is_missing_is_null_and_the_rest_is_ignored() {
        assert_eq!(JsonRecord::parse(b"{}"), Ok(JsonRecord::default()));
        let record = JsonRecord::parse(br#" {"value":"","topic":7,"offset":{"a":[1]},"new":true,"headers":null} "#);
        let value = Some(Cow::Borrowed(&b""[..]));
        assert_eq!(record, Ok(JsonRecord { value, unknown: Some("new".into()), ..Default::default() }));
        let record = JsonRecord::parse(br#"{"key_base64":"/w==","key":null,"partition":2,"timestamp":-1}"#);
        let key = Some(Cow::Borrowed(&b"\xff"[..]));
        assert_eq!(record, Ok(JsonRecord { key, partition: Some(2), timestamp: Some(-1), ..Default::default() }));
    }

    #[test]
    fn what_is_no_record_is_refused_by_name() {
        for (text, reason) in [
            (r#"{"value":5}"#, "\"value\" is a number; it must be a string or null"),
            (r#"{"key":{"a":1}}"#, "\"key\" is an object; it must be a string or null"),
            (r#"{"value":[]}"#, "\"value\" is an array"),
            (r#"{"value":true}"#, "\"value\" is true or false"),
            (r#"{"value":"a","value_base64":"YQ=="}"#, "are both there"),
            (r#"{"value":"a","value":"b"}"#, "\"value\" is there twice"),
            (r#"{"value_base64":"?"}"#, "\"value_base64\" is no base64"),
            (r#"{"timestamp":1.5}"#, "\"timestamp\" is a number with a fraction"),
            (r#"{"partition":-1}"#, "\"partition\" is out of range"),
            (r#"{"headers":[{"value":"v"}]}"#, "a header has no \"key\""),
            (r#"{"headers":{"h":"v"}}"#, "headers as an array"),
            (r#""text""#, "expected an object"),
            (r#"{"value":"a"} x"#, "trailing characters"),
            (r#"{"value":"\ud800"}"#, "column"),
            ("", "EOF"),
        ] {
            let refusal = JsonRecord::parse(text.as_bytes()).expect_err(text);
            assert!(refusal.contains(reason), "{text}: {refusal}");
            assert!(!refusal.contains("line"), "{text}: {refusal}");
        }
        assert!(JsonRecord::parse(b"{\"value\":\"\xff\"}").expect_err("no text").contains("byte 11 is not UTF-8"));
    }

    fn bytes() -> impl Strategy<Value = Option<Vec<u8>>> {
        prop_oneof![
            Just(None),
            proptest::collection::vec(any::<u8>(), 0..20).prop_map(Some),
            any::<String>().prop_map(|text| Some(text.into_bytes())),
        ]
    }

    proptest! {
        #[test]
        fn nothing_is_lost_on_the_way_there_and_back(
            key in bytes(),
            value in bytes(),
            headers in proptest::collection::vec((bytes(), bytes()), 0..4),
        ) {
            let headers: Vec<(Vec<u8>, Option<Vec<u8>>)> =
                headers.into_iter().map(|(name, value)| (name.unwrap_or_default(), value)).collect();
            let borrowed: Vec<(&[u8], Option<&[u8]>)> = headers.iter().map(|(n, v)| (&**n, v.as_deref())).collect();
            for for_terminal in [false, true] {
                let line = with_record(key.as_deref(), value.as_deref(), &borrowed, |record| {
                    let mut out = Vec::new();
                    write(&mut out, record, for_terminal);
                    out
                });
                prop_assert_eq!(line.last(), Some(&b'\n'));
                prop_assert_eq!(line.iter().filter(|byte| **byte < b' ').count(), 1, "one line, no control character");
                let back = JsonRecord::parse(&line).expect("its own output");
                prop_assert_eq!(back.key.as_deref(), key.as_deref());
                prop_assert_eq!(back.value.as_deref(), value.as_deref());
                prop_assert_eq!(back.timestamp, Some(1_732_261_234_567));
                let back: Vec<(Vec<u8>, Option<Vec<u8>>)> =
                    back.headers.into_iter().map(|(n, v)| (n.into_owned(), v.map(Cow::into_owned))).collect();
                prop_assert_eq!(&back, &headers);
            }
        }

        #[test]
        fn no_line_makes_the_reader_panic(junk in proptest::collection::vec(any::<u8>(), 0..60), text in "[{}\\[\\]\",:a-z0-9_]{0,60}") {
            let _ = JsonRecord::parse(&junk);
            let _ = JsonRecord::parse(text.as_bytes());
        }
    }
}
