//! list-offsets and trim-topic, and what an offset of the command line means in each partition.

use clap::Args;
use serde::Serialize;

use super::confirm::Confirm;
use super::outcome::{Outcome, keep_topics, once, refused, refused_topic};
use super::topics::shown;
use super::{Online, connect};
use crate::base::{ErrorCode, Offset, OffsetSpec, TopicName, TopicPartition};
use crate::cli::failure::Failure;
use crate::cli::output::{self, Column, Report};
use crate::cli::run::Session;
use crate::cli::{PartitionList, help, offset};
use crate::client::admin::{AT_END, AT_START, Admin, Answer};

/// Show where partitions start and end, or where a time is
///
/// Columns: topic, partition, start offset, end offset (that of the next record). With --at: topic, partition, offset,
/// time of the record found; no offset where no record is that late.
#[derive(Debug, Args)]
#[command(help_template = help::TEMPLATE, before_help = help::examples(&[
    ("rafka-admin list-offsets Payments", "start and end of each partition"),
    ("rafka-admin list-offsets --at @-15m Payments", "the first records of the last 15 minutes"),
    ("rafka-admin list-offsets --at @2024-11-22T10:00:00Z Payments", "at a point in time"),
]))]
pub(super) struct List {
    /// Names of topics
    #[arg(value_name = "TOPIC", required = true, value_parser = TopicName::new)]
    topics: Vec<TopicName>,

    /// Show this place: earliest, latest, -N (before the end) or @TIME
    ///
    /// TIME is milliseconds since 1970, an RFC 3339 time, a date (UTC), or an age such as -15m.
    #[arg(long, value_name = "OFFSET", value_parser = place, allow_hyphen_values = true)]
    at: Option<OffsetSpec>,
}

/// Delete the records before an offset
///
/// Asks first on a terminal; elsewhere it needs -y. Columns: topic, partition, start offset afterwards.
#[derive(Debug, Args)]
#[command(help_template = help::TEMPLATE, before_help = help::examples(&[
    ("rafka-admin trim-topic Payments --before 1000", "in every partition"),
    ("rafka-admin trim-topic Logs --before @-7d -y", "what is older than a week, without asking"),
    ("rafka-admin trim-topic Payments --only 0,2 --before latest", "all of two partitions"),
]))]
pub(super) struct Trim {
    /// Name of the topic
    #[arg(value_name = "NAME", value_parser = TopicName::new)]
    name: TopicName,

    /// Only these partitions, such as 0,2,5-7 [default: all]
    #[arg(long, value_name = "LIST", value_parser = PartitionList::parse)]
    only: Option<PartitionList>,

    /// The first offset that stays: N, latest, -N (before the end) or @TIME
    ///
    /// TIME is milliseconds since 1970, an RFC 3339 time, a date (UTC), or an age such as -15m.
    #[arg(long, value_name = "OFFSET", value_parser = place, allow_hyphen_values = true)]
    before: OffsetSpec,

    #[command(flatten)]
    confirm: Confirm,
}

/// For clap: any offset but `stored`, which only a group has.
pub(super) fn place(text: &str) -> Result<OffsetSpec, String> {
    match offset::parse(text)? {
        OffsetSpec::Stored => Err("stored means where a group is already".to_owned()),
        spec => Ok(spec),
    }
}

#[derive(Debug, Serialize)]
struct Bounds {
    partitions: Vec<BoundsRow>,
}

#[derive(Debug, Serialize)]
struct BoundsRow {
    topic: TopicName,
    partition: i32,
    start: i64,
    end: i64,
}

impl Report for Bounds {
    fn columns(&self) -> Vec<Column> {
        vec![Column::text("topic"), Column::number("partition"), Column::number("start"), Column::number("end")]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row =
            |p: &BoundsRow| vec![p.topic.to_string(), p.partition.to_string(), p.start.to_string(), p.end.to_string()];
        self.partitions.iter().map(row).collect()
    }
}

#[derive(Debug, Serialize)]
struct Places {
    partitions: Vec<PlaceRow>,
}

#[derive(Debug, Serialize)]
struct PlaceRow {
    topic: TopicName,
    partition: i32,
    offset: Option<i64>,
    timestamp: Option<i64>,
}

impl Report for Places {
    fn columns(&self) -> Vec<Column> {
        vec![Column::text("topic"), Column::number("partition"), Column::number("offset"), Column::text("time")]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |p: &PlaceRow| {
            let time = p.timestamp.map(offset::show_time);
            vec![p.topic.to_string(), p.partition.to_string(), shown(p.offset), time.unwrap_or_default()]
        };
        self.partitions.iter().map(row).collect()
    }
}

#[derive(Debug, Serialize)]
struct Trimmed {
    partitions: Vec<TrimmedRow>,
}

#[derive(Debug, Serialize)]
struct TrimmedRow {
    topic: TopicName,
    partition: i32,
    start: i64,
}

impl Report for Trimmed {
    fn columns(&self) -> Vec<Column> {
        vec![Column::text("topic"), Column::number("partition"), Column::number("start")]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        self.partitions
            .iter()
            .map(|p| vec![p.topic.to_string(), p.partition.to_string(), p.start.to_string()])
            .collect()
    }
}

impl List {
    pub(super) fn run(&self, online: &Online, session: &Session) -> Result<(), Failure> {
        let mut admin = connect(online)?;
        let mut outcome = Outcome::new(session.program);
        let names = once(&self.topics);
        let answers = admin.topics(&names)?;
        let topics = keep_topics(&mut admin, &mut outcome, "list the offsets of", &names, answers);
        let places: Vec<TopicPartition> = topics
            .into_iter()
            .flat_map(|(name, topic)| topic.partitions.into_iter().map(move |p| (name.clone(), p.id)))
            .map(|(topic, partition)| TopicPartition { topic, partition })
            .collect();
        let format = online.output.format();
        match self.at {
            None => output::print(format, &bounds(&mut admin, &mut outcome, &places)?)?,
            Some(spec) => {
                let mut found = Places { partitions: Vec::new() };
                for (place, answer) in places.iter().zip(resolve(&mut admin, &places, spec)?) {
                    match answer {
                        Ok(Resolved { offset, timestamp, .. }) => found.partitions.push(PlaceRow {
                            topic: place.topic.clone(),
                            partition: place.partition.0,
                            offset: offset.map(|o| o.0),
                            timestamp,
                        }),
                        Err(refusal) => outcome.fail(&refused(&format!("find the offset in {place}"), &refusal)),
                    }
                }
                output::print(format, &found)?;
            }
        }
        outcome.end()
    }
}

fn bounds(admin: &mut Admin, outcome: &mut Outcome, places: &[TopicPartition]) -> Result<Bounds, Failure> {
    let mut rows = Vec::new();
    for (place, answer) in places.iter().zip(resolve(admin, places, OffsetSpec::Latest)?) {
        match answer {
            Ok(Resolved { start, end, .. }) => rows.push(BoundsRow {
                topic: place.topic.clone(),
                partition: place.partition.0,
                start: start.0,
                end: end.0,
            }),
            Err(refusal) => outcome.fail(&refused(&format!("find the offsets of {place}"), &refusal)),
        }
    }
    Ok(Bounds { partitions: rows })
}

impl Trim {
    pub(super) fn run(&self, online: &Online, session: &Session) -> Result<(), Failure> {
        self.confirm.check("trim-topic destroys data")?;
        let mut admin = connect(online)?;
        let mut outcome = Outcome::new(session.program);
        let places = self.places(&mut admin)?;
        let mut targets = Vec::new();
        let mut records = 0;
        for (place, answer) in places.iter().zip(resolve(&mut admin, &places, self.before)?) {
            match answer {
                Ok(resolved) => {
                    // Nothing is that late: everything there is lies before.
                    let target = resolved.offset.unwrap_or(resolved.end);
                    if target > resolved.end {
                        let failure = format!("{place} ends at {}; {target} lies beyond", resolved.end);
                        outcome.fail(&Failure::failed(failure));
                        continue;
                    }
                    records += target.since(resolved.start).max(0);
                    targets.push((place.clone(), target.max(resolved.start)));
                }
                Err(refusal) => outcome.fail(&refused(&format!("trim {place}"), &refusal)),
            }
        }
        if !targets.is_empty() {
            let question =
                format!("Delete up to {records} records of topic {} ({} partitions)?", self.name, targets.len());
            self.confirm.ask(&question)?;
        }
        let mut trimmed = Trimmed { partitions: Vec::new() };
        for ((place, _), answer) in targets.iter().zip(admin.delete_records(&targets)?) {
            match answer {
                Ok(start) => trimmed.partitions.push(TrimmedRow {
                    topic: place.topic.clone(),
                    partition: place.partition.0,
                    start: start.0,
                }),
                Err(refusal) => outcome.fail(&refused(&format!("trim {place}"), &refusal)),
            }
        }
        output::print(online.output.format(), &trimmed)?;
        outcome.end()
    }

    /// The partitions meant; all must be there, or nothing is done.
    fn places(&self, admin: &mut Admin) -> Result<Vec<TopicPartition>, Failure> {
        let topic = match admin.topics(std::slice::from_ref(&self.name))?.pop() {
            Some(Ok(topic)) => topic,
            Some(Err(refusal)) => return Err(refused_topic(admin, "trim", &self.name, &refusal)),
            None => return Err(Failure::failed(format!("the broker says nothing of topic \"{}\"", self.name))),
        };
        let there: Vec<_> = topic.partitions.iter().map(|p| p.id).collect();
        let meant = self.only.as_ref().map_or(there.as_slice(), PartitionList::as_slice);
        if let Some(missing) = meant.iter().find(|id| !there.contains(id)) {
            return Err(Failure::failed(format!(
                "topic \"{}\" has no partition {missing}; it has {}",
                self.name,
                there.len()
            ))
            .with_hint("partitions are counted from 0"));
        }
        Ok(meant.iter().map(|id| TopicPartition { topic: self.name.clone(), partition: *id }).collect())
    }
}

/// What an [`OffsetSpec`] means in one partition, and the partition's ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Resolved {
    pub(super) start: Offset,
    pub(super) end: Offset,
    /// None if no record is that late.
    pub(super) offset: Option<Offset>,
    /// Of the record found by its time.
    pub(super) timestamp: Option<i64>,
}

pub(super) fn resolve(
    admin: &mut Admin,
    places: &[TopicPartition],
    spec: OffsetSpec,
) -> Result<Vec<Answer<Resolved>>, Failure> {
    let mut ask = |at: i64| admin.list_offsets(&places.iter().map(|p| (p.clone(), at)).collect::<Vec<_>>());
    let starts = ask(AT_START)?;
    let ends = ask(AT_END)?;
    let times = if let OffsetSpec::Time(ms) = spec { Some(ask(ms)?) } else { None };
    let one = |i: usize| {
        let known = |offset: Option<Offset>| {
            offset.ok_or_else(|| crate::client::admin::Refused::new(ErrorCode::OffsetNotAvailable))
        };
        let start = known(starts[i].clone()?.offset)?;
        let end = known(ends[i].clone()?.offset)?;
        let (offset, timestamp) = match (spec, &times) {
            (OffsetSpec::Time(_), Some(times)) => {
                let found = times[i].clone()?;
                (found.offset, found.timestamp)
            }
            (spec, _) => (at(spec, start, end), None),
        };
        Ok(Resolved { start, end, offset, timestamp })
    };
    Ok((0..places.len()).map(one).collect())
}

/// Where a place that is no time lies between a start and an end.
fn at(spec: OffsetSpec, start: Offset, end: Offset) -> Option<Offset> {
    match spec {
        OffsetSpec::Earliest => Some(start),
        OffsetSpec::Latest => Some(end),
        OffsetSpec::At(offset) => Some(offset),
        OffsetSpec::BeforeEnd(count) => Some(Offset(end.0.saturating_sub(count)).max(start)),
        OffsetSpec::Stored | OffsetSpec::Time(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_from_the_partitions_own_ends() {
        let at = |spec| at(spec, Offset(10), Offset(100));
        assert_eq!(at(OffsetSpec::Earliest), Some(Offset(10)));
        assert_eq!(at(OffsetSpec::Latest), Some(Offset(100)));
        assert_eq!(at(OffsetSpec::At(Offset(5))), Some(Offset(5)));
        assert_eq!(at(OffsetSpec::BeforeEnd(20)), Some(Offset(80)));
        assert_eq!(at(OffsetSpec::BeforeEnd(1000)), Some(Offset(10)));
    }

    #[test]
    fn stored_needs_a_group() {
        assert!(place("stored").is_err_and(|why| why.contains("a group")));
        assert_eq!(place("-5"), Ok(OffsetSpec::BeforeEnd(5)));
    }
}
