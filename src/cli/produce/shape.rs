//! What becomes of a piece of the input: key, value, headers, time. Pure.

use std::borrow::Cow;

use memchr::memmem;

use crate::cli::json_record::{JsonHeader, JsonRecord};

/// As the flags have it.
#[derive(Debug, Default)]
pub(super) struct ShapeArgs {
    pub(super) key: Option<Vec<u8>>,
    pub(super) key_separator: Option<Vec<u8>>,
    pub(super) headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) null_empty: bool,
    pub(super) json: bool,
    pub(super) keep_partition: bool,
}

#[derive(Debug)]
pub(super) struct Shape {
    kind: Kind,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    null_empty: bool,
}

#[derive(Debug)]
enum Kind {
    Value { key: Option<Vec<u8>> },
    KeyAndValue(Box<memmem::Finder<'static>>),
    Json { keep_partition: bool },
}

/// A record before it has a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shaped<'a> {
    pub(super) partition: Option<i32>,
    pub(super) timestamp: Option<i64>,
    pub(super) key: Option<Cow<'a, [u8]>>,
    pub(super) value: Option<Cow<'a, [u8]>>,
    pub(super) headers: Vec<JsonHeader<'a>>,
    /// A field of its JSON that means nothing.
    pub(super) unknown: Option<Cow<'a, str>>,
}

impl Shape {
    pub(super) fn new(args: ShapeArgs) -> Shape {
        let kind = if args.json {
            Kind::Json { keep_partition: args.keep_partition }
        } else if let Some(separator) = args.key_separator {
            Kind::KeyAndValue(Box::new(memmem::Finder::new(&separator).into_owned()))
        } else {
            Kind::Value { key: args.key }
        };
        Shape { kind, headers: args.headers, null_empty: args.null_empty }
    }

    /// Whether a record is its piece of the input and nothing else.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self.kind, Kind::Value { key: None }) && self.headers.is_empty() && !self.null_empty
    }

    /// Makes a record; the error says what is wrong with this piece, without its number.
    pub(super) fn shape<'a>(&'a self, piece: &'a [u8]) -> Result<Shaped<'a>, String> {
        let mut shaped = match &self.kind {
            Kind::Value { key } => Shaped::new(key.as_deref(), piece),
            Kind::KeyAndValue(separator) => match separator.find(piece) {
                Some(at) => Shaped::new(Some(&piece[..at]), &piece[at + separator.needle().len()..]),
                None => {
                    let separator = separator.needle().escape_ascii();
                    return Err(format!("it has no \"{separator}\" between key and value"));
                }
            },
            Kind::Json { keep_partition } => {
                let JsonRecord { partition, timestamp, key, value, headers, unknown } = JsonRecord::parse(piece)?;
                Shaped { partition: partition.filter(|_| *keep_partition), timestamp, key, value, headers, unknown }
            }
        };
        if self.null_empty {
            shaped.value = shaped.value.filter(|value| !value.is_empty());
        }
        let header = |(name, value): &'a (Vec<u8>, Vec<u8>)| (Cow::Borrowed(&**name), Some(Cow::Borrowed(&**value)));
        shaped.headers.extend(self.headers.iter().map(header));
        Ok(shaped)
    }
}

impl<'a> Shaped<'a> {
    fn new(key: Option<&'a [u8]>, value: &'a [u8]) -> Shaped<'a> {
        let (key, value) = (key.map(Cow::Borrowed), Some(Cow::Borrowed(value)));
        Shaped { partition: None, timestamp: None, key, value, headers: Vec::new(), unknown: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Fields = (Option<String>, Option<String>);

    fn fields(shape: &Shape, piece: &str) -> Result<Fields, String> {
        let shaped = shape.shape(piece.as_bytes())?;
        let text = |bytes: Option<Cow<'_, [u8]>>| bytes.map(|b| String::from_utf8_lossy(&b).into_owned());
        Ok((text(shaped.key), text(shaped.value)))
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn a_line_is_a_value_unless_told_otherwise() {
        let plain = Shape::new(ShapeArgs::default());
        assert!(plain.is_plain());
        assert_eq!(fields(&plain, "a:b"), Ok((None, some("a:b"))));
        assert_eq!(fields(&plain, ""), Ok((None, some(""))));
        let keyed = Shape::new(ShapeArgs { key: Some(b"k".to_vec()), ..Default::default() });
        assert!(!keyed.is_plain());
        assert_eq!(fields(&keyed, "v"), Ok((some("k"), some("v"))));
    }

    #[test]
    fn keys_end_at_the_first_separator() {
        let shape = Shape::new(ShapeArgs { key_separator: Some(b"::".to_vec()), ..Default::default() });
        assert_eq!(fields(&shape, "k::v::w"), Ok((some("k"), some("v::w"))));
        assert_eq!(fields(&shape, "::v"), Ok((some(""), some("v"))), "an empty key is a key");
        assert_eq!(fields(&shape, "k::"), Ok((some("k"), some(""))));
        assert_eq!(fields(&shape, "k:v"), Err("it has no \"::\" between key and value".to_owned()));
    }

    #[test]
    fn an_empty_value_can_be_null() {
        let args = ShapeArgs { key_separator: Some(b":".to_vec()), null_empty: true, ..Default::default() };
        let shape = Shape::new(args);
        assert_eq!(fields(&shape, "k:"), Ok((some("k"), None)));
        assert_eq!(fields(&shape, "k: "), Ok((some("k"), some(" "))));
    }

    #[test]
    fn headers_of_all_come_behind_those_of_one() {
        let headers = vec![(b"all".to_vec(), b"1".to_vec())];
        let shape = Shape::new(ShapeArgs { json: true, headers, null_empty: true, ..Default::default() });
        let shaped = shape.shape(br#"{"value":"","headers":[{"key":"own","value":null}]}"#).expect("a record");
        let names: Vec<&[u8]> = shaped.headers.iter().map(|(name, _)| &**name).collect();
        assert_eq!((names, shaped.value), (vec![&b"own"[..], b"all"], None));
    }

    #[test]
    fn json_places_are_kept_only_on_demand() {
        let line = br#"{"partition":3,"value":"v","timestamp":7}"#;
        for (keep_partition, partition) in [(false, None), (true, Some(3))] {
            let shape = Shape::new(ShapeArgs { json: true, keep_partition, ..Default::default() });
            let shaped = shape.shape(line).expect("a record");
            assert_eq!((shaped.partition, shaped.timestamp), (partition, Some(7)));
        }
    }
}
