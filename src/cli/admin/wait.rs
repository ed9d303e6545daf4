//! wait: until a topic holds so many records, or a group has caught up.

use std::time::{Duration, Instant};

use clap::Args;

use super::{Online, connect};
use crate::base::{ErrorCode, TopicName, TopicPartition};
use crate::cli::failure::Failure;
use crate::cli::run::Session;
use crate::cli::{Counted, Progress, help, units};
use crate::client::admin::{AT_END, AT_START, Admin, Answer};

/// How soon a change is noticed.
const LOOKS_EVERY: Duration = Duration::from_millis(100);

/// Wait until a topic holds records, or a group has read them
///
/// Prints nothing; exit 0 as soon as it is so, exit 1 when the time ran out first. A topic or a group that is not there
/// yet may still come.
#[derive(Debug, Args)]
#[command(help_template = help::TEMPLATE, before_help = help::examples(&[
    ("rafka-admin wait --topic Flights --records 336777", "until they are all there"),
    ("rafka-admin wait --group billing --lag 0 --timeout 1m", "until the group has caught up"),
]))]
#[command(group = clap::ArgGroup::new("condition").args(["topic", "group"]).required(true))]
pub(super) struct Wait {
    /// Wait for this topic
    #[arg(long, value_name = "TOPIC", value_parser = TopicName::new, requires = "records")]
    topic: Option<TopicName>,

    /// until it holds at least N records
    #[arg(long, value_name = "N", requires = "topic")]
    records: Option<u64>,

    /// Wait for this consumer group
    #[arg(long, value_name = "GROUP", requires = "lag")]
    group: Option<String>,

    /// until at most N records are between what it has committed and the ends of its partitions
    #[arg(long, value_name = "N", requires = "group")]
    lag: Option<u64>,

    /// Give up after this time [default: never]
    #[arg(id = "timeout", long = "timeout", value_name = "DUR", value_parser = units::duration)]
    limit: Option<Duration>,
}

impl Wait {
    pub(super) fn run(&self, online: &Online, session: &Session) -> Result<(), Failure> {
        let deadline = self.limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut admin = connect(online)?;
        let progress = Progress::start(session.verbosity.wants_progress(false), Counted::Records, self.records);
        loop {
            let (done, seen) = self.look(&mut admin, &progress)?;
            if done {
                return Ok(());
            }
            if deadline.is_some_and(|deadline| Instant::now() + LOOKS_EVERY > deadline) {
                return Err(Failure::failed(format!("the time ran out: {seen}")));
            }
            session.interrupts.wait_timeout(LOOKS_EVERY);
        }
    }

    /// Whether it is so, and in words what was seen.
    fn look(&self, admin: &mut Admin, progress: &Progress) -> Result<(bool, String), Failure> {
        if let (Some(topic), Some(wanted)) = (&self.topic, self.records) {
            let Some(there) = records(admin, topic)? else {
                return Ok((false, format!("topic \"{topic}\" does not exist")));
            };
            progress.set_done(there);
            return Ok((there >= wanted, format!("topic \"{topic}\" holds {there} of {wanted} records")));
        }
        let (group, allowed) = (self.group.as_deref().unwrap_or_default(), self.lag.unwrap_or_default());
        match lag(admin, group)? {
            None => Ok((false, format!("group \"{group}\" has committed nothing"))),
            Some(lag) => Ok((lag <= allowed, format!("group \"{group}\" is {} behind", records_in_words(lag)))),
        }
    }
}

/// None if there is no such topic.
fn records(admin: &mut Admin, topic: &TopicName) -> Result<Option<u64>, Failure> {
    let partitions = match admin.topics(std::slice::from_ref(topic))?.pop() {
        Some(Ok(found)) => found.partitions,
        Some(Err(refusal)) if may_come(refusal.code) => return Ok(None),
        Some(Err(refusal)) => return Err(super::outcome::refused(&format!("look at topic \"{topic}\""), &refusal)),
        None => return Ok(None),
    };
    let places: Vec<TopicPartition> =
        partitions.iter().map(|p| TopicPartition { topic: topic.clone(), partition: p.id }).collect();
    let (starts, ends) = (offsets(admin, &places, AT_START)?, offsets(admin, &places, AT_END)?);
    Ok(Some(starts.iter().zip(&ends).map(|(start, end)| distance(*start, *end)).sum()))
}

/// None if the group has committed nothing. Partitions that its members read and have committed nothing of count from
/// their start.
fn lag(admin: &mut Admin, group: &str) -> Result<Option<u64>, Failure> {
    let committed = match admin.committed(group)? {
        Ok(committed) => committed,
        Err(refusal) if may_come(refusal.code) => return Ok(None),
        Err(refusal) => return Err(super::outcome::refused(&format!("look at group \"{group}\""), &refusal)),
    };
    if committed.is_empty() {
        return Ok(None);
    }
    let (mut places, mut from): (Vec<TopicPartition>, Vec<i64>) =
        committed.into_iter().map(|(p, at)| (p, at.0)).unzip();
    let members = admin.group(group)?.map(|group| group.members).unwrap_or_default();
    let is_new = |place: &TopicPartition| !places.contains(place);
    let read: Vec<TopicPartition> = members.into_iter().flat_map(|member| member.assigned).filter(is_new).collect();
    from.extend(offsets(admin, &read, AT_START)?);
    places.extend(read);
    let ends = offsets(admin, &places, AT_END)?;
    Ok(Some(from.iter().zip(&ends).map(|(from, end)| distance(*from, *end)).sum()))
}

fn records_in_words(count: u64) -> String {
    if count == 1 { "1 record".to_owned() } else { format!("{count} records") }
}

fn distance(from: i64, to: i64) -> u64 {
    u64::try_from(to.saturating_sub(from)).unwrap_or(0)
}

/// A partition that can't answer now counts as empty; it is asked again soon.
fn offsets(admin: &mut Admin, places: &[TopicPartition], at: i64) -> Result<Vec<i64>, Failure> {
    let asked: Vec<(TopicPartition, i64)> = places.iter().map(|place| (place.clone(), at)).collect();
    let offset = |answer: Answer<crate::client::admin::FoundOffset>| answer.ok()?.offset.map(|o| o.0);
    Ok(admin.list_offsets(&asked)?.into_iter().map(|answer| offset(answer).unwrap_or(0)).collect())
}

fn may_come(code: ErrorCode) -> bool {
    code.is_retriable() || code == ErrorCode::GroupIdNotFound
}
