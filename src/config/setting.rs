//! One row of the table of settings, and the table as a thing to look names up in.
//!
//! A row says everything there is to say about a setting; parsing, DescribeConfigs, `--print-config` and the
//! documentation are read off it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::error::{ConfigError, cut};
use super::kind::Kind;
use super::{broker_rows, client_rows, foreign_rows, group_rows, topic_rows};

/// One setting.
#[derive(Debug, Clone)]
pub struct Setting {
    pub name: &'static str,
    pub kind: Kind,
    /// What holds where nobody says otherwise; `None` is Kafka's null.
    pub default: Option<&'static str>,
    /// What it does, with units and, where it differs from Kafka, why.
    pub doc: String,
    pub effect: Effect,
    /// Whether it can be changed while the broker runs. Every setting of a topic or group can.
    pub dynamic: bool,
    /// Where a topic's or group's default comes from, the strongest first.
    pub synonyms: Vec<Synonym>,
    /// Kafka's default where ours is another; the doc says why.
    pub kafka_default: Option<&'static str>,
}

/// Whether setting it changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Here,
    /// Accepted, stored and returned, but without effect, for this reason.
    Stored(&'static str),
}

/// The broker's setting that holds for topics or groups which do not set their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Synonym {
    pub name: &'static str,
    pub unit: Unit,
    /// The range as the broker's setting has it, where it differs from the topic's.
    pub kind: Option<Kind>,
    /// `Some` only where the broker's setting has a default other than the topic's.
    pub default: Option<Option<&'static str>>,
}

impl Eq for Kind {}

/// In which unit a broker's setting is given; the topic's is in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Same,
    Minutes,
    Hours,
}

impl Unit {
    /// The broker's value as the topic has it. A negative time means "no limit", however it was given.
    pub(super) fn convert(self, value: &str) -> String {
        let factor: i64 = match self {
            Unit::Same => return value.to_owned(),
            Unit::Minutes => 60_000,
            Unit::Hours => 3_600_000,
        };
        let value: i64 = value.parse().expect("a time in minutes or hours was checked to be an int");
        if value < 0 { "-1".to_owned() } else { (value * factor).to_string() }
    }
}

impl Synonym {
    pub fn same(name: &'static str) -> Synonym {
        Synonym { name, unit: Unit::Same, kind: None, default: None }
    }

    /// The same, but unset: a coarser setting follows that has the default.
    pub fn unset(name: &'static str) -> Synonym {
        Synonym { default: Some(None), ..Synonym::same(name) }
    }

    pub fn minutes(name: &'static str, kind: Kind) -> Synonym {
        Synonym { name, unit: Unit::Minutes, kind: Some(kind), default: Some(None) }
    }

    pub fn hours(name: &'static str, kind: Kind, default: &'static str) -> Synonym {
        Synonym { name, unit: Unit::Hours, kind: Some(kind), default: Some(Some(default)) }
    }
}

impl Setting {
    pub fn new(name: &'static str, kind: Kind, default: &'static str, doc: &str) -> Setting {
        Setting { default: Some(default), ..Setting::unset(name, kind, doc) }
    }

    /// A setting whose default is null.
    pub fn unset(name: &'static str, kind: Kind, doc: &str) -> Setting {
        Setting {
            name,
            kind,
            default: None,
            doc: doc.to_owned(),
            effect: Effect::Here,
            dynamic: false,
            synonyms: Vec::new(),
            kafka_default: None,
        }
    }

    pub fn stored(mut self, reason: &'static str) -> Setting {
        self.effect = Effect::Stored(reason);
        self
    }

    pub fn dynamic(mut self) -> Setting {
        self.dynamic = true;
        self
    }

    pub fn from(mut self, synonyms: &[Synonym]) -> Setting {
        self.synonyms = synonyms.to_vec();
        self
    }

    /// Kafka's default, where ours differs.
    pub fn kafkas(mut self, default: &'static str) -> Setting {
        self.kafka_default = Some(default);
        self
    }

    /// The value in its one form, or why it is none.
    pub fn check(&self, value: &str) -> Result<String, ConfigError> {
        self.kind.canonical(value).ok_or_else(|| ConfigError::Invalid {
            name: self.name,
            given: if self.kind.is_sensitive() { "(hidden)".to_owned() } else { cut(value.trim()) },
            allowed: self.kind.allowed(),
        })
    }

    /// The doc, and what must be known about a setting that does nothing.
    pub fn documentation(&self) -> String {
        let mut doc = self.doc.clone();
        if let Some(kafkas) = self.kafka_default {
            let kafkas = if kafkas.is_empty() { "none" } else { kafkas };
            doc = format!("{doc} Kafka's default: {kafkas}.");
        }
        match self.effect {
            Effect::Here => doc,
            Effect::Stored(reason) => {
                format!("{doc} Accepted, stored, no effect here: {reason}.").trim_start().to_owned()
            }
        }
    }
}

/// All settings of one scope.
#[derive(Debug)]
pub struct Table {
    /// Whose settings they are, as an error names them.
    pub what: &'static str,
    rows: BTreeMap<&'static str, Setting>,
}

impl Table {
    /// The settings of a topic.
    pub fn topic() -> &'static Table {
        static TABLE: LazyLock<Table> = LazyLock::new(|| {
            let dynamic = topic_rows::rows().into_iter().map(Setting::dynamic);
            Table::new("topic", dynamic.collect())
        });
        &TABLE
    }

    /// The settings of a group.
    pub fn group() -> &'static Table {
        static TABLE: LazyLock<Table> = LazyLock::new(|| {
            let dynamic = group_rows::rows().into_iter().map(Setting::dynamic);
            Table::new("group", dynamic.collect())
        });
        &TABLE
    }

    /// The settings of a broker: its own, the defaults of its topics, and those of Kafka that do nothing here.
    pub fn broker() -> &'static Table {
        static TABLE: LazyLock<Table> = LazyLock::new(|| {
            let mut rows = broker_rows::rows();
            rows.extend(foreign_rows::broker());
            rows.extend(Table::topic().rows().flat_map(defaults_for_topics));
            Table::new("broker", rows)
        });
        &TABLE
    }

    /// The settings of Kafka's clients.
    pub fn client() -> &'static Table {
        static TABLE: LazyLock<Table> = LazyLock::new(|| {
            let mut rows = client_rows::rows();
            rows.extend(foreign_rows::client());
            Table::new("client", rows)
        });
        &TABLE
    }

    fn new(what: &'static str, rows: Vec<Setting>) -> Table {
        Table { what, rows: rows.into_iter().map(|row| (row.name, row)).collect() }
    }

    /// Every row, by name.
    pub fn rows(&self) -> impl Iterator<Item = &Setting> {
        self.rows.values()
    }

    pub fn get(&self, name: &str) -> Option<&Setting> {
        self.rows.get(name)
    }

    /// The row of that name, or the error that says which was meant.
    pub fn find(&self, name: &str) -> Result<&Setting, ConfigError> {
        self.get(name).ok_or_else(|| match foreign_rows::missing_part(name) {
            Some(part) => ConfigError::NotHere { name: cut(name), part },
            None => ConfigError::Unknown {
                what: self.what,
                name: cut(name),
                nearest: crate::base::nearest(&cut(name), self.rows.keys().copied()),
            },
        })
    }
}

/// The broker's settings from which a topic's setting takes its default.
fn defaults_for_topics(topic: &Setting) -> Vec<Setting> {
    let rows = topic.synonyms.iter().enumerate().map(|(rank, synonym)| {
        let unit = match synonym.unit {
            Unit::Same => "",
            Unit::Minutes => ", in minutes",
            Unit::Hours => ", in hours",
        };
        let doc = match topic.synonyms[..rank].last() {
            None if synonym.name == topic.name => topic.doc.clone(),
            None => format!("What {} is for topics that do not set it. {}", topic.name, topic.doc),
            Some(stronger) => format!("Like {}{unit}, and used where that is not set.", stronger.name),
        };
        Setting {
            name: synonym.name,
            kind: synonym.kind.unwrap_or(topic.kind),
            default: synonym.default.unwrap_or(topic.default),
            doc,
            effect: topic.effect,
            // As in Kafka: the strongest name is the one that can change while the broker runs.
            dynamic: rank == 0,
            synonyms: Vec::new(),
            kafka_default: topic.kafka_default.filter(|_| rank == 0),
        }
    });
    rows.collect()
}

#[cfg(test)]
#[path = "setting_tests.rs"]
mod tests;
