//! What a setting's value may be: its type, its range, and how it is written.
//!
//! A value is text, as on Kafka's wire. [`Kind::canonical`] is the only way in: what it returns parses again to the
//! same value, so the readers at the bottom cannot fail on it.

use std::fmt;

/// The type of a setting, with what its values may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    Boolean,
    /// A whole number; `also` lies outside the range and is allowed none the less (a "choose for me" of -1).
    Whole {
        width: Width,
        min: i64,
        max: i64,
        also: Option<i64>,
    },
    Double {
        min: f64,
        max: f64,
    },
    /// Any text, kept as it is but for white space around it.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// One of these words in any case; kept as it stands here.
    AnyCaseWord(&'static [&'static str]),
    /// Words, separated by commas.
    List,
    /// Words out of these, separated by commas.
    Words(&'static [&'static str]),
    /// `*`, or pairs of partition and broker (`0:1,1:2`).
    Replicas,
    /// The name of a Java class; kept, for there is no Java here.
    Class,
    /// Text that is never shown.
    Password,
}

/// How wide Kafka declares a whole number; a client decides by it how to show the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    Short,
    Int,
    Long,
}

/// Any int.
pub const INT: Kind = int(i32::MIN, i32::MAX);
/// Any long.
pub const LONG: Kind = long(i64::MIN, i64::MAX);
/// Any double that is a number.
pub const DOUBLE: Kind = Kind::Double { min: f64::MIN, max: f64::MAX };

pub const fn short(min: i16) -> Kind {
    Kind::Whole { width: Width::Short, min: min as i64, max: i16::MAX as i64, also: None }
}

pub const fn int(min: i32, max: i32) -> Kind {
    Kind::Whole { width: Width::Int, min: min as i64, max: max as i64, also: None }
}

pub const fn int_from(min: i32) -> Kind {
    int(min, i32::MAX)
}

pub const fn int_or(min: i32, max: i32, also: i32) -> Kind {
    Kind::Whole { width: Width::Int, min: min as i64, max: max as i64, also: Some(also as i64) }
}

pub const fn long(min: i64, max: i64) -> Kind {
    Kind::Whole { width: Width::Long, min, max, also: None }
}

pub const fn long_from(min: i64) -> Kind {
    long(min, i64::MAX)
}

impl Kind {
    /// The value in the one form in which it is kept, or `None` if this kind does not allow it.
    pub fn canonical(&self, text: &str) -> Option<String> {
        let text = text.trim();
        match self {
            Kind::Boolean => ["true", "false"].into_iter().find(|b| b.eq_ignore_ascii_case(text)).map(str::to_owned),
            Kind::Whole { min, max, also, .. } => {
                let value: i64 = text.parse().ok()?;
                ((*min..=*max).contains(&value) || *also == Some(value)).then(|| value.to_string())
            }
            Kind::Double { min, max } => {
                let value: f64 = text.parse().ok()?;
                // The exponent's letter as Java writes it.
                (*min..=*max).contains(&value).then(|| format!("{value:?}").replace('e', "E"))
            }
            Kind::Text | Kind::Class | Kind::Password => Some(text.to_owned()),
            Kind::Word(words) => words.contains(&text).then(|| text.to_owned()),
            Kind::AnyCaseWord(words) => {
                words.iter().find(|word| word.eq_ignore_ascii_case(text)).map(|word| (*word).to_owned())
            }
            Kind::List => canonical_list(text, |_| true),
            Kind::Words(words) => canonical_list(text, |word| words.contains(&word)),
            Kind::Replicas if text == "*" => Some(text.to_owned()),
            Kind::Replicas => canonical_list(text, is_replica),
        }
    }

    /// What the kind allows, as the end of a sentence: "a whole number from 1 to 9, or -1".
    pub fn allowed(&self) -> String {
        match self {
            Kind::Boolean => "true or false".to_owned(),
            Kind::Whole { width, min, max, also } => {
                let range = match (*min == width.min(), *max == width.max()) {
                    (true, true) => format!("a whole number ({width})"),
                    (false, true) => format!("a whole number from {min} on ({width})"),
                    (true, false) => format!("a whole number up to {max}"),
                    (false, false) => format!("a whole number from {min} to {max}"),
                };
                also.map_or(range.clone(), |also| format!("{range}, or {also}"))
            }
            Kind::Double { min, max } if *min == f64::MIN && *max == f64::MAX => "a number".to_owned(),
            Kind::Double { min, max } => format!("a number from {min} to {max}"),
            Kind::Text => "text".to_owned(),
            Kind::Class => "the name of a Java class".to_owned(),
            Kind::Password => "a password".to_owned(),
            Kind::Word(words) | Kind::AnyCaseWord(words) => words.join(", "),
            Kind::List => "a list, separated by commas".to_owned(),
            Kind::Words(words) => format!("a list out of {}", words.join(", ")),
            Kind::Replicas => "*, or a list of PARTITION:BROKER".to_owned(),
        }
    }

    /// Kafka's number for the type in DescribeConfigs (DescribeConfigsResponse.ConfigType).
    pub fn code(&self) -> i8 {
        match self {
            Kind::Boolean => 1,
            Kind::Text | Kind::Word(_) | Kind::AnyCaseWord(_) => 2,
            Kind::Whole { width: Width::Int, .. } => 3,
            Kind::Whole { width: Width::Short, .. } => 4,
            Kind::Whole { width: Width::Long, .. } => 5,
            Kind::Double { .. } => 6,
            Kind::List | Kind::Words(_) | Kind::Replicas => 7,
            Kind::Class => 8,
            Kind::Password => 9,
        }
    }

    /// Whether APPEND and SUBTRACT make sense.
    pub fn is_list(&self) -> bool {
        matches!(self, Kind::List | Kind::Words(_) | Kind::Replicas)
    }

    pub fn is_sensitive(&self) -> bool {
        matches!(self, Kind::Password)
    }
}

impl Width {
    fn min(self) -> i64 {
        match self {
            Width::Short => i16::MIN.into(),
            Width::Int => i32::MIN.into(),
            Width::Long => i64::MIN,
        }
    }

    fn max(self) -> i64 {
        match self {
            Width::Short => i16::MAX.into(),
            Width::Int => i32::MAX.into(),
            Width::Long => i64::MAX,
        }
    }
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Width::Short => "short",
            Width::Int => "int",
            Width::Long => "long",
        })
    }
}

/// The words of a canonical list; an empty one has none.
pub fn list_items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// A list without white space and without a word twice. Kafka refuses empty words (KIP-1161); so do we.
fn canonical_list(text: &str, allowed: impl Fn(&str) -> bool) -> Option<String> {
    let mut items: Vec<&str> = Vec::new();
    if !text.is_empty() {
        for item in text.split(',').map(str::trim) {
            if item.is_empty() || !allowed(item) {
                return None;
            }
            if !items.contains(&item) {
                items.push(item);
            }
        }
    }
    Some(items.join(","))
}

fn is_replica(pair: &str) -> bool {
    let is_number = |n: &str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
    pair.split_once(':').is_some_and(|(partition, broker)| is_number(partition) && is_number(broker))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GZIP: Kind = int_or(1, 9, -1);
    const POLICY: Kind = Kind::Words(&["compact", "delete"]);

    #[test]
    fn values_are_judged_as_kafka_4_3_judges_them() {
        let kept = |kind: Kind, text: &str| kind.canonical(text);
        let is = |text: &str| Some(text.to_owned());
        assert_eq!(kept(POLICY, " delete , compact "), is("delete,compact"));
        assert_eq!(kept(POLICY, "delete,delete"), is("delete"));
        assert_eq!(kept(POLICY, ""), is(""));
        assert_eq!(kept(POLICY, "delete,"), None);
        assert_eq!(kept(POLICY, "DELETE"), None);
        assert_eq!(kept(long_from(-1), " +5 "), is("5"));
        assert_eq!(kept(long_from(-1), "-2"), None);
        assert_eq!(kept(LONG, "1_000"), None);
        assert_eq!(kept(LONG, "0x10"), None);
        assert_eq!(kept(INT, "1e3"), None);
        assert_eq!(kept(INT, "2147483648"), None);
        assert_eq!(kept(GZIP, "0"), None);
        assert_eq!(kept(GZIP, "-1"), is("-1"));
        assert_eq!(kept(Kind::Boolean, "TRUE"), is("true"));
        assert_eq!(kept(Kind::Boolean, "yes"), None);
        assert_eq!(kept(Kind::Double { min: 0.0, max: 1.0 }, "1e-1"), is("0.1"));
        assert_eq!(kept(Kind::Double { min: 0.0, max: 1.0 }, "NaN"), None);
        assert_eq!(kept(DOUBLE, "inf"), None);
        assert_eq!(kept(Kind::Word(&["CreateTime"]), "createtime"), None);
        assert_eq!(kept(Kind::AnyCaseWord(&["classic"]), "Classic"), is("classic"));
        assert_eq!(kept(Kind::Replicas, "*"), is("*"));
        assert_eq!(kept(Kind::Replicas, "0:1, 1:2"), is("0:1,1:2"));
        for bad in ["none", "x", "0:", ":1", "0:1:2", "-1:0"] {
            assert_eq!(kept(Kind::Replicas, bad), None, "{bad}");
        }
    }

    #[test]
    fn ranges_read_as_a_sentence_ends() {
        assert_eq!(GZIP.allowed(), "a whole number from 1 to 9, or -1");
        assert_eq!(long_from(0).allowed(), "a whole number from 0 on (long)");
        assert_eq!(INT.allowed(), "a whole number (int)");
        assert_eq!(POLICY.allowed(), "a list out of compact, delete");
        assert_eq!(Kind::Double { min: 0.0, max: 1.0 }.allowed(), "a number from 0 to 1");
    }

    pub(crate) fn any_kind() -> impl Strategy<Value = Kind> {
        prop::sample::select(vec![
            Kind::Boolean,
            INT,
            LONG,
            GZIP,
            short(1),
            DOUBLE,
            Kind::Double { min: 0.0, max: 1.0 },
            Kind::Text,
            Kind::Word(&["a", "b"]),
            Kind::AnyCaseWord(&["A", "b"]),
            Kind::List,
            POLICY,
            Kind::Replicas,
            Kind::Password,
        ])
    }

    proptest! {
        #[test]
        fn what_is_kept_parses_back_to_itself(kind in any_kind(), text in "\\PC{0,12}", number in any::<f64>()) {
            for text in [text, number.to_string(), format!("{}", number as i64)] {
                if let Some(kept) = kind.canonical(&text) {
                    prop_assert_eq!(kind.canonical(&kept), Some(kept.clone()), "{:?} of {:?}", kept, text);
                }
            }
        }
    }
}
