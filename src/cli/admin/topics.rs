//! create-topic, list-topics, delete-topic, add-partitions.

use std::collections::BTreeSet;

use clap::Args;
use serde::Serialize;

use super::confirm::Confirm;
use super::outcome::{Outcome, keep_topics, once, refused, refused_topic};
use super::{Online, connect};
use crate::base::{ErrorCode, TopicName};
use crate::cli::args::KeyValue;
use crate::cli::failure::Failure;
use crate::cli::help;
use crate::cli::output::{self, Column, OutputFormat, Report};
use crate::cli::run::Session;
use crate::client::admin::{NewTopic, Topic};

/// Create topics
///
/// Prints name, partitions, replicas and id of each topic it created.
#[derive(Debug, Args)]
#[command(help_template = help::TEMPLATE, before_help = help::examples(&[
    ("rafka-admin create-topic Payments", "with the broker's defaults"),
    ("rafka-admin create-topic -p 6 Payments Refunds", "two topics with six partitions each"),
    ("rafka-admin create-topic --setting retention.ms=86400000 Logs", "records kept for a day"),
]))]
pub(super) struct Create {
    /// Names of the new topics
    #[arg(value_name = "NAME", required = true, value_parser = TopicName::new)]
    names: Vec<TopicName>,

    /// How many partitions each gets [default: the broker's]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,

    /// How many brokers keep each partition [default: the broker's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i16).range(1..))]
    replicas: Option<i16>,

    /// Set a setting of the topic by its Kafka name; may be given several times
    #[arg(long = "setting", value_name = "KEY=VALUE", value_parser = KeyValue::parse)]
    settings: Vec<KeyValue>,

    /// Leave a topic that is there already as it is, and call that success
    #[arg(long)]
    if_not_exists: bool,
}

/// List topics
///
/// Columns: name, partitions, replicas, id.
#[derive(Debug, Args)]
#[command(help_template = help::TEMPLATE, before_help = help::examples(&[
    ("rafka-admin list-topics", "names, partitions, replicas and ids"),
    ("rafka-admin list-topics --output plain | cut -f1", "only the names"),
]))]
pub(super) struct List {
    /// List Kafka's own topics too, such as __consumer_offsets
    #[arg(long)]
    internal: bool,
}

/// Delete topics and all their records
///
/// Asks first on a terminal; elsewhere it needs -y. Prints the names of the deleted topics.
#[derive(Debug, Args)]
#[command(help_template = help::TEMPLATE, before_help = help::examples(&[
    ("rafka-admin delete-topic Payments", "asks first"),
    ("rafka-admin delete-topic -y Payments Refunds", "does not ask, as a script needs it"),
]))]
pub(super) struct Delete {
    /// Names of topics
    #[arg(value_name = "NAME", required = true, value_parser = TopicName::new)]
    names: Vec<TopicName>,

    #[command(flatten)]
    confirm: Confirm,
}

/// Give a topic more partitions
///
/// There is no way back, and records with a key go to other partitions from then on. Prints name and partitions.
#[derive(Debug, Args)]
#[command(help_template = help::TEMPLATE, before_help = help::examples(&[
    ("rafka-admin add-partitions Payments --to 12", "twelve in all"),
]))]
pub(super) struct AddPartitions {
    /// Name of the topic
    #[arg(value_name = "NAME", value_parser = TopicName::new)]
    name: TopicName,

    /// How many partitions it has afterwards
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    to: i32,
}

#[derive(Debug, Serialize)]
struct TopicList {
    topics: Vec<TopicRow>,
}

/// A topic in one line. Numbers that nobody told are none.
#[derive(Debug, Serialize)]
pub(super) struct TopicRow {
    pub(super) name: TopicName,
    partitions: Option<i32>,
    replicas: Option<i16>,
    pub(super) id: Option<String>,
    pub(super) internal: bool,
}

impl Report for TopicList {
    fn columns(&self) -> Vec<Column> {
        vec![Column::text("name"), Column::number("partitions"), Column::number("replicas"), Column::text("id")]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |t: &TopicRow| {
            vec![t.name.to_string(), shown(t.partitions), shown(t.replicas), t.id.clone().unwrap_or_default()]
        };
        self.topics.iter().map(row).collect()
    }
}

pub(super) fn shown(value: Option<impl ToString>) -> String {
    value.map(|v| v.to_string()).unwrap_or_default()
}

impl From<&Topic> for TopicRow {
    fn from(topic: &Topic) -> TopicRow {
        TopicRow {
            name: topic.name.clone(),
            partitions: i32::try_from(topic.partitions.len()).ok(),
            replicas: topic.partitions.first().and_then(|p| i16::try_from(p.replicas.len()).ok()),
            id: Some(topic.id).filter(|id| !id.is_zero()).map(|id| id.to_string()),
            internal: topic.is_internal,
        }
    }
}

impl Create {
    pub(super) fn run(&self, online: &Online, session: &Session) -> Result<(), Failure> {
        let mut names = BTreeSet::new();
        if let Some(twice) = self.names.iter().find(|name| !names.insert(*name)) {
            return Err(Failure::usage(format!("topic \"{twice}\" is named twice")));
        }
        let mut admin = connect(online)?;
        let settings: Vec<_> = self.settings.iter().map(|s| (s.key.clone(), s.value.clone())).collect();
        let topic = |name: &TopicName| NewTopic {
            name: name.clone(),
            partitions: self.partitions,
            replicas: self.replicas,
            settings: settings.clone(),
        };
        let answers = admin.create_topics(&self.names.iter().map(topic).collect::<Vec<_>>())?;
        let mut outcome = Outcome::new(session.program);
        let mut created = TopicList { topics: Vec::new() };
        for (name, answer) in self.names.iter().zip(answers) {
            match answer {
                Ok(topic) => created.topics.push(TopicRow {
                    name: name.clone(),
                    partitions: topic.partitions.or(self.partitions),
                    replicas: topic.replicas.or(self.replicas),
                    id: topic.id.map(|id| id.to_string()),
                    internal: false,
                }),
                Err(refusal) if refusal.code == ErrorCode::TopicAlreadyExists => {
                    if !self.if_not_exists {
                        let failure = Failure::failed(format!("topic \"{name}\" already exists"));
                        outcome.fail(&failure.with_hint("--if-not-exists calls that success"));
                    }
                }
                Err(refusal) => outcome.fail(&refused(&format!("create topic \"{name}\""), &refusal)),
            }
        }
        print_some(online.output.format(), &created, created.topics.is_empty())?;
        outcome.end()
    }
}

impl List {
    pub(super) fn run(&self, online: &Online) -> Result<(), Failure> {
        let mut admin = connect(online)?;
        let topics = admin.all_topics()?;
        let listed = topics.iter().filter(|t| self.internal || !t.is_internal).map(TopicRow::from).collect();
        output::print(online.output.format(), &TopicList { topics: listed })
    }
}

impl Delete {
    pub(super) fn run(&self, online: &Online, session: &Session) -> Result<(), Failure> {
        self.confirm.check("delete-topic destroys data")?;
        let mut admin = connect(online)?;
        let names = once(&self.names);
        let what = if names.len() == 1 { "topic" } else { "topics" };
        let shown: Vec<&str> = names.iter().map(TopicName::as_str).collect();
        self.confirm.ask(&format!("Delete {what} {} and all records?", shown.join(", ")))?;
        let answers = admin.delete_topics(&names)?;
        let mut outcome = Outcome::new(session.program);
        let deleted = keep_topics(&mut admin, &mut outcome, "delete", &names, answers);
        let deleted = Deleted { deleted: deleted.into_iter().map(|(name, ())| name).collect() };
        print_some(online.output.format(), &deleted, deleted.deleted.is_empty())?;
        outcome.end()
    }
}

#[derive(Debug, Serialize)]
struct Deleted {
    deleted: Vec<TopicName>,
}

impl Report for Deleted {
    fn columns(&self) -> Vec<Column> {
        vec![Column::text("deleted")]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        self.deleted.iter().map(|name| vec![name.to_string()]).collect()
    }
}

impl AddPartitions {
    pub(super) fn run(&self, online: &Online) -> Result<(), Failure> {
        let mut admin = connect(online)?;
        if let Err(refusal) = admin.create_partitions(&self.name, self.to)? {
            return Err(refused_topic(&mut admin, "add partitions to", &self.name, &refusal));
        }
        let grown = Grown { name: self.name.clone(), partitions: self.to };
        output::print(online.output.format(), &grown)
    }
}

#[derive(Debug, Serialize)]
struct Grown {
    name: TopicName,
    partitions: i32,
}

impl Report for Grown {
    fn columns(&self) -> Vec<Column> {
        vec![Column::text("name"), Column::number("partitions")]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![vec![self.name.to_string(), self.partitions.to_string()]]
    }
}

/// A heading without rows tells nobody anything; an empty JSON document does.
pub(super) fn print_some(format: OutputFormat, report: &impl Report, is_empty: bool) -> Result<(), Failure> {
    if is_empty && format == OutputFormat::Table { Ok(()) } else { output::print(format, report) }
}
