//! Newtypes where two numbers or two strings could be swapped.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::limits::TOPIC_NAME_BYTES_MAX;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// A record's place in its partition, counted from 0.
    Offset(i64)
}

number! {
    /// A partition of a topic, counted from 0.
    PartitionId(i32)
}

number! {
    /// How often leadership of a partition changed hands; never goes back.
    LeaderEpoch(i32)
}

number! {
    /// A broker's number in its cluster (`node.id`).
    BrokerId(i32)
}

impl Offset {
    pub const ZERO: Offset = Offset(0);

    /// The offset `count` records on.
    pub fn plus(self, count: i64) -> Offset {
        Offset(self.0 + count)
    }

    /// How many offsets lie between `earlier` and this one.
    pub fn since(self, earlier: Offset) -> i64 {
        self.0 - earlier.0
    }
}

/// A topic name that Kafka would accept: 1 to 249 of `a-z A-Z 0-9 . _ -`, and neither `.` nor `..`
/// (Kafka's class Topic). It is therefore always a safe directory name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(Arc<str>);

/// Why a name can't be a topic's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicNameError {
    #[error("a topic name can't be empty")]
    Empty,
    #[error("a topic can't be named \"{0}\", which means a directory")]
    Dots(String),
    #[error("a topic name has at most {TOPIC_NAME_BYTES_MAX} characters; this one has {0}")]
    TooLong(usize),
    #[error("topic name {name:?} has the character {bad:?}; only letters, digits, '.', '_' and '-' are allowed")]
    BadCharacter { name: String, bad: char },
}

impl TopicName {
    pub fn new(name: &str) -> Result<TopicName, TopicNameError> {
        if name.is_empty() {
            return Err(TopicNameError::Empty);
        }
        if name == "." || name == ".." {
            return Err(TopicNameError::Dots(name.to_owned()));
        }
        if let Some(bad) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))) {
            let shown = name.chars().take(60).collect();
            return Err(TopicNameError::BadCharacter { name: shown, bad });
        }
        if name.len() > TOPIC_NAME_BYTES_MAX {
            return Err(TopicNameError::TooLong(name.len()));
        }
        Ok(TopicName(name.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Kafka's own topics, which nobody may write but the broker.
    pub fn is_internal(&self) -> bool {
        matches!(&*self.0, "__consumer_offsets" | "__transaction_state" | "__share_group_state")
    }

    /// The name as a metric would show it: `.` and `_` fall together there, so Kafka refuses a second
    /// topic whose name differs in nothing else.
    pub fn collision_key(&self) -> String {
        self.0.replace('.', "_")
    }
}

impl FromStr for TopicName {
    type Err = TopicNameError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        TopicName::new(name)
    }
}

impl Borrow<str> for TopicName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for TopicName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TopicName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        TopicName::new(&name).map_err(serde::de::Error::custom)
    }
}

/// One partition of one topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TopicPartition {
    pub topic: TopicName,
    pub partition: PartitionId,
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// Kafka's Uuid: topic ids, the cluster id. Printed as 22 characters of URL-safe base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid(pub [u8; 16]);

const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Uuid {
    /// "None", on the wire.
    pub const ZERO: Uuid = Uuid([0; 16]);

    /// A fresh id (version 4). Kafka avoids ids that start with '-', which would look like a flag; so do we.
    pub fn random() -> Uuid {
        loop {
            let mut bytes = random_bytes();
            bytes[6] = bytes[6] & 0x0f | 0x40;
            bytes[8] = bytes[8] & 0x3f | 0x80;
            let id = Uuid(bytes);
            if !id.to_string().starts_with('-') {
                return id;
            }
        }
    }

    /// As Java prints its own UUIDs: 32 hexadecimal digits in five groups.
    pub fn hyphenated(self) -> String {
        let hex = format!("{:032x}", u128::from_be_bytes(self.0));
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    pub fn is_zero(self) -> bool {
        self == Uuid::ZERO
    }
}

fn random_bytes() -> [u8; 16] {
    #[cfg(test)]
    if let Some(bytes) = seeded::next() {
        return bytes;
    }
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// Ids that follow from a number, for tests whose whole course must.
#[cfg(test)]
pub(super) mod seeded {
    use std::cell::Cell;
    use std::hash::{DefaultHasher, Hash, Hasher};

    thread_local! {
        static STATE: Cell<Option<(u64, u64)>> = const { Cell::new(None) };
    }

    /// From now on this thread's random ids follow from the seed; with `None` they are random again.
    pub fn seed_random_ids(seed: Option<u64>) {
        STATE.set(seed.map(|seed| (seed, 0)));
    }

    pub(super) fn next() -> Option<[u8; 16]> {
        let (seed, drawn) = STATE.get()?;
        STATE.set(Some((seed, drawn + 1)));
        let half = |half: u8| {
            let mut hasher = DefaultHasher::new();
            (seed, drawn, half).hash(&mut hasher);
            u128::from(hasher.finish())
        };
        Some((half(0) << 64 | half(1)).to_be_bytes())
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(22);
        let value = u128::from_be_bytes(self.0);
        for i in 0..22 {
            // 22 characters hold 132 bits: the last one carries two bits and four of padding.
            let shift = 122 - 6 * i;
            let six = if shift >= 0 { value >> shift } else { value << -shift } & 0x3f;
            text.push(char::from(BASE64_URL[six as usize]));
        }
        f.pad(&text)
    }
}

impl FromStr for Uuid {
    type Err = String;

    fn from_str(text: &str) -> Result<Uuid, String> {
        let refuse = || format!("{text:?} is no id of 22 base64 characters");
        if text.len() != 22 {
            return Err(refuse());
        }
        let mut value: u128 = 0;
        for (i, byte) in text.bytes().enumerate() {
            let six = BASE64_URL.iter().position(|b| *b == byte).ok_or_else(refuse)? as u128;
            value = if i < 21 { value << 6 | six } else { value << 2 | six >> 4 };
        }
        Ok(Uuid(value.to_be_bytes()))
    }
}

impl Serialize for Uuid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Uuid {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_names_follow_kafkas_rules() {
        for good in ["Payments", "a", "a.b_c-d", "__consumer_offsets", &"x".repeat(249), "..."] {
            assert!(TopicName::new(good).is_ok(), "{good:?}");
        }
        for bad in ["", ".", "..", "a b", "a/b", "ä", "a\0", &"x".repeat(250)] {
            assert!(TopicName::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_that_differ_in_dot_and_underscore_collide() {
        let (dot, underscore) = (TopicName::new("a.b").expect("valid"), TopicName::new("a_b").expect("valid"));
        assert_ne!(dot, underscore);
        assert_eq!(dot.collision_key(), underscore.collision_key());
    }

    #[test]
    fn uuids_print_as_kafka_prints_them() {
        assert_eq!(Uuid::ZERO.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
        // Kafka's Uuid(0, 1), the metadata topic's id.
        let mut one = [0; 16];
        one[15] = 1;
        assert_eq!(Uuid(one).to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        for _ in 0..100 {
            let id = Uuid::random();
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        assert_eq!(Uuid(one).hyphenated(), "00000000-0000-0000-0000-000000000001");
        assert!("short".parse::<Uuid>().is_err());
        assert!("AAAAAAAAAAAAAAAAAAAA!A".parse::<Uuid>().is_err());
    }
}
