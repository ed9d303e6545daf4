//! reset-group: moves the place of a group to another offset.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use super::confirm::Confirm;
use super::groups::{in_use, missing_group};
use super::offsets::{Resolved, place, resolve};
use super::outcome::{refused, refused_topic};
use super::topics::shown;
use super::{Online, connect};
use crate::base::{Offset, OffsetSpec, TopicName, TopicPartition};
use crate::cli::failure::Failure;
use crate::cli::help;
use crate::cli::output::{self, Column, Report};
use crate::client::ClientError;
use crate::client::admin::Admin;

/// Move the place of a group in a topic
///
/// The group must not have live members. Asks first on a terminal; elsewhere it needs -y. Columns: topic, partition, offset
/// before, offset afterwards.
#[derive(Debug, Args)]
#[command(help_template = help::TEMPLATE, before_help = help::examples(&[
    ("rafka-admin reset-group billing --topic Payments --to earliest", "read it all again"),
    ("rafka-admin reset-group billing --topic Payments --to @-1h --dry-run", "show what that would mean"),
    ("rafka-admin reset-group billing --topic Payments --to latest -y", "skip what is there, without asking"),
]))]
pub(super) struct Reset {
    /// Name of the group
    #[arg(value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    name: String,

    /// The topic whose partitions are meant
    #[arg(long, value_name = "TOPIC", value_parser = TopicName::new)]
    topic: TopicName,

    /// Where to go on: earliest, latest, N, -N (before the end) or @TIME
    ///
    /// TIME is milliseconds since 1970, an RFC 3339 time, a date (UTC), or an age such as -15m.
    #[arg(long, value_name = "OFFSET", value_parser = place, allow_hyphen_values = true)]
    to: OffsetSpec,

    /// Show what would be done, and do nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,

    #[command(flatten)]
    confirm: Confirm,
}

#[derive(Debug, Serialize)]
struct Moved {
    partitions: Vec<MovedRow>,
}

#[derive(Debug, Serialize)]
struct MovedRow {
    topic: TopicName,
    partition: i32,
    before: Option<i64>,
    after: i64,
}

impl Report for Moved {
    fn columns(&self) -> Vec<Column> {
        vec![Column::text("topic"), Column::number("partition"), Column::number("before"), Column::number("after")]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row =
            |p: &MovedRow| vec![p.topic.to_string(), p.partition.to_string(), shown(p.before), p.after.to_string()];
        self.partitions.iter().map(row).collect()
    }
}

impl Reset {
    pub(super) fn run(&self, online: &Online) -> Result<(), Failure> {
        if !self.dry_run {
            self.confirm.check("reset-group moves the place of a group")?;
        }
        let mut admin = connect(online)?;
        let before = self.committed(&mut admin)?;
        let targets = self.targets(&mut admin)?;
        let row = |(place, after): &(TopicPartition, Offset)| MovedRow {
            topic: place.topic.clone(),
            partition: place.partition.0,
            before: before.get(place).map(|offset| offset.0),
            after: after.0,
        };
        let moved = Moved { partitions: targets.iter().map(row).collect() };
        if !self.dry_run {
            let partitions = match targets.len() {
                1 => "1 partition".to_owned(),
                count => format!("{count} partitions"),
            };
            self.confirm.ask(&format!("Move group {} in topic {} ({partitions})?", self.name, self.topic))?;
            // All of it or nothing: one request, and one record per partition behind it.
            admin.move_group(&self.name, &targets).map_err(|error| match error {
                ClientError::GroupInUse { group } => in_use(&group),
                other => other.into(),
            })?;
        }
        output::print(online.output.format(), &moved)
    }

    /// What the group has now; an error if it can't be moved.
    fn committed(&self, admin: &mut Admin) -> Result<BTreeMap<TopicPartition, Offset>, Failure> {
        let group = admin.group(&self.name)?;
        let committed = match admin.committed(&self.name)? {
            Ok(committed) => committed,
            Err(refusal) => return Err(refused(&format!("look at group \"{}\"", self.name), &refusal)),
        };
        match group {
            None if committed.is_empty() => Err(missing_group(admin, &self.name)),
            Some(group) if !group.members.is_empty() => Err(in_use(&self.name)),
            _ => Ok(committed.into_iter().collect()),
        }
    }

    /// Where each partition goes on. One that can't is an error, before anything is moved.
    fn targets(&self, admin: &mut Admin) -> Result<Vec<(TopicPartition, Offset)>, Failure> {
        let topic = match admin.topics(std::slice::from_ref(&self.topic))?.pop() {
            Some(Ok(topic)) => topic,
            Some(Err(refusal)) => return Err(refused_topic(admin, "look at", &self.topic, &refusal)),
            None => return Err(Failure::failed(format!("the broker says nothing of topic \"{}\"", self.topic))),
        };
        let places: Vec<TopicPartition> =
            topic.partitions.iter().map(|p| TopicPartition { topic: self.topic.clone(), partition: p.id }).collect();
        let mut targets = Vec::with_capacity(places.len());
        for (place, answer) in places.iter().zip(resolve(admin, &places, self.to)?) {
            let Resolved { start, end, offset, .. } =
                answer.map_err(|refusal| refused(&format!("find the offset in {place}"), &refusal))?;
            // No record is that late: the end.
            let target = offset.unwrap_or(end);
            if target < start || target > end {
                return Err(Failure::failed(format!("{place} has offsets {start} to {end}; {target} lies outside"))
                    .with_hint("nothing was moved"));
            }
            targets.push((place.clone(), target));
        }
        Ok(targets)
    }
}
