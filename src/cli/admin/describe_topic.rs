//! describe-topic: where a topic's partitions live, start and end, and which settings it changed.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use super::outcome::{Outcome, keep_topics, once};
use super::topics::{TopicRow, shown};
use super::{Online, connect};
use crate::base::{TopicName, TopicPartition};
use crate::cli::failure::Failure;
use crate::cli::help;
use crate::cli::output::{self, Column, OutputFormat, Report};
use crate::cli::run::Session;
use crate::client::admin::{AT_END, AT_START, Admin, ConfigOwner, Partition, Topic};

/// Show the partitions of topics, and settings that were changed
///
/// Columns: topic, partition, leader, leader epoch, replicas, in-sync replicas, start offset, end offset.
#[derive(Debug, Args)]
#[command(help_template = help::TEMPLATE, before_help = help::examples(&[
    ("rafka-admin describe-topic Payments", "one topic"),
    ("rafka-admin describe-topic Payments --output json | jq .topics[].settings", "its changed settings"),
]))]
pub(super) struct Describe {
    /// Names of topics
    #[arg(value_name = "NAME", required = true, value_parser = TopicName::new)]
    names: Vec<TopicName>,
}

#[derive(Debug, Serialize)]
struct Described {
    topics: Vec<DescribedTopic>,
}

#[derive(Debug, Serialize)]
struct DescribedTopic {
    name: TopicName,
    id: Option<String>,
    internal: bool,
    /// Those that differ from the defaults.
    settings: BTreeMap<String, Option<String>>,
    partitions: Vec<DescribedPartition>,
}

#[derive(Debug, Serialize)]
struct DescribedPartition {
    partition: i32,
    leader: Option<i32>,
    leader_epoch: i32,
    replicas: Vec<i32>,
    in_sync: Vec<i32>,
    start: Option<i64>,
    end: Option<i64>,
}

impl Report for Described {
    fn columns(&self) -> Vec<Column> {
        vec![
            Column::text("topic"),
            Column::number("partition"),
            Column::number("leader"),
            Column::number("epoch"),
            Column::text("replicas"),
            Column::text("in-sync"),
            Column::number("start"),
            Column::number("end"),
        ]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let ids = |ids: &[i32]| ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",");
        let row = |topic: &DescribedTopic, p: &DescribedPartition| {
            vec![
                topic.name.to_string(),
                p.partition.to_string(),
                shown(p.leader),
                p.leader_epoch.to_string(),
                ids(&p.replicas),
                ids(&p.in_sync),
                shown(p.start),
                shown(p.end),
            ]
        };
        self.topics.iter().flat_map(|t| t.partitions.iter().map(move |p| row(t, p))).collect()
    }
}

impl Describe {
    pub(super) fn run(&self, online: &Online, session: &Session) -> Result<(), Failure> {
        let mut admin = connect(online)?;
        let mut outcome = Outcome::new(session.program);
        let names = once(&self.names);
        let answers = admin.topics(&names)?;
        let found = keep_topics(&mut admin, &mut outcome, "describe", &names, answers);
        let mut described = Described { topics: Vec::new() };
        for (_, topic) in &found {
            described.topics.push(describe(&mut admin, topic)?);
        }
        match online.output.format() {
            OutputFormat::Table => print_described(described)?,
            format => output::print(format, &described)?,
        }
        outcome.end()
    }
}

fn describe(admin: &mut Admin, topic: &Topic) -> Result<DescribedTopic, Failure> {
    // A topic without readable settings or offsets is still worth showing.
    let owner = ConfigOwner::Topic(topic.name.clone());
    let settings = admin.config(&owner)?.unwrap_or_default();
    let changed = settings.into_iter().filter(|s| s.origin == "topic").map(|s| (s.name, s.value)).collect();
    let (starts, ends) = (offsets(admin, topic, AT_START)?, offsets(admin, topic, AT_END)?);
    let partition = |(i, p): (usize, &Partition)| DescribedPartition {
        partition: p.id.0,
        leader: p.leader.map(|b| b.0),
        leader_epoch: p.leader_epoch.0,
        replicas: p.replicas.iter().map(|b| b.0).collect(),
        in_sync: p.in_sync.iter().map(|b| b.0).collect(),
        start: starts[i],
        end: ends[i],
    };
    let row = TopicRow::from(topic);
    Ok(DescribedTopic {
        name: row.name,
        id: row.id,
        internal: row.internal,
        settings: changed,
        partitions: topic.partitions.iter().enumerate().map(partition).collect(),
    })
}

/// One per partition; none where nobody can tell now.
fn offsets(admin: &mut Admin, topic: &Topic, at: i64) -> Result<Vec<Option<i64>>, Failure> {
    let place = |p: &Partition| (TopicPartition { topic: topic.name.clone(), partition: p.id }, at);
    let answers = admin.list_offsets(&topic.partitions.iter().map(place).collect::<Vec<_>>())?;
    Ok(answers.into_iter().map(|answer| answer.ok()?.offset.map(|o| o.0)).collect())
}

/// A paragraph per topic: name, id, changed settings, partitions.
fn print_described(described: Described) -> Result<(), Failure> {
    for (i, topic) in described.topics.into_iter().enumerate() {
        let mut head = if i > 0 { "\n".to_owned() } else { String::new() };
        head.push_str(topic.name.as_str());
        if let Some(id) = &topic.id {
            head.push_str(&format!("  id {id}"));
        }
        for (name, value) in &topic.settings {
            head.push_str(&format!("\n  {name}={}", value.as_deref().unwrap_or("(secret)")));
        }
        output::write_stdout(format!("{head}\n").as_bytes())?;
        output::print(OutputFormat::Table, &Described { topics: vec![topic] })?;
    }
    Ok(())
}
