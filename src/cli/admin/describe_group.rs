//! describe-group: who is in a group, what each member reads, and how far the group has come.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use super::groups::{missing_group, once};
use super::outcome::{Outcome, refused};
use super::topics::shown;
use super::{Online, connect};
use crate::base::{Offset, TopicName, TopicPartition};
use crate::cli::escape;
use crate::cli::failure::Failure;
use crate::cli::help;
use crate::cli::output::{self, Column, OutputFormat, Report};
use crate::cli::run::Session;
use crate::client::admin::{AT_END, Admin};
use crate::client::group::{GroupDescription, GroupMember};

/// Show the members of groups, and how far they have read
///
/// A line for each partition that has been committed or is being read, and for each member without one. Columns: group,
/// topic, partition, committed offset, end offset, lag, member, client id, host.
#[derive(Debug, Args)]
#[command(help_template = help::TEMPLATE, before_help = help::examples(&[
    ("rafka-admin describe-group billing", "one group"),
    ("rafka-admin describe-group billing --output json | jq .groups[].members", "its members"),
]))]
pub(super) struct Describe {
    /// Names of groups
    #[arg(value_name = "NAME", required = true, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    names: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Described {
    groups: Vec<DescribedGroup>,
}

#[derive(Debug, Serialize)]
struct DescribedGroup {
    name: String,
    state: String,
    #[serde(rename = "type")]
    kind: &'static str,
    assignor: String,
    members: Vec<DescribedMember>,
    partitions: Vec<DescribedPartition>,
}

#[derive(Debug, Serialize)]
struct DescribedMember {
    member: String,
    instance: Option<String>,
    client: String,
    host: String,
    /// How many partitions it reads.
    partitions: usize,
}

#[derive(Debug, Serialize)]
struct DescribedPartition {
    topic: TopicName,
    partition: i32,
    committed: Option<i64>,
    end: Option<i64>,
    lag: Option<i64>,
    /// Who reads it.
    member: Option<String>,
}

impl Report for Described {
    fn columns(&self) -> Vec<Column> {
        vec![
            Column::text("group"),
            Column::text("topic"),
            Column::number("partition"),
            Column::number("committed"),
            Column::number("end"),
            Column::number("lag"),
            Column::text("member"),
            Column::text("client"),
            Column::text("host"),
        ]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        self.groups.iter().flat_map(DescribedGroup::rows).collect()
    }
}

impl DescribedGroup {
    fn rows(&self) -> Vec<Vec<String>> {
        let who = |id: &str| self.members.iter().find(|m| m.member == id);
        let row = |place: [String; 5], member: Option<&DescribedMember>| {
            let of = |field: fn(&DescribedMember) -> &String| member.map(field).cloned().unwrap_or_default();
            let mut row = vec![self.name.clone()];
            row.extend(place);
            row.extend([of(|m| &m.member), of(|m| &m.client), of(|m| &m.host)]);
            row
        };
        let partitions = self.partitions.iter().map(|p| {
            let place = [p.topic.to_string(), p.partition.to_string(), shown(p.committed), shown(p.end), shown(p.lag)];
            row(place, p.member.as_deref().and_then(who))
        });
        let idle = self.members.iter().filter(|m| m.partitions == 0).map(|m| row(Default::default(), Some(m)));
        partitions.chain(idle).collect()
    }
}

impl Describe {
    pub(super) fn run(&self, online: &Online, session: &Session) -> Result<(), Failure> {
        let mut admin = connect(online)?;
        let mut outcome = Outcome::new(session.program);
        let mut described = Described { groups: Vec::new() };
        for name in once(&self.names) {
            match describe(&mut admin, &name) {
                Ok(Some(group)) => described.groups.push(group),
                Ok(None) => outcome.fail(&missing_group(&mut admin, &name)),
                Err(failure) => outcome.fail(&failure),
            }
        }
        match online.output.format() {
            OutputFormat::Table => print_described(described)?,
            format => output::print(format, &described)?,
        }
        outcome.end()
    }
}

fn describe(admin: &mut Admin, name: &str) -> Result<Option<DescribedGroup>, Failure> {
    let group = admin.group(name)?;
    let committed = match admin.committed(name)? {
        Ok(committed) => committed,
        Err(refusal) => return Err(refused(&format!("look at group \"{name}\""), &refusal)),
    };
    let group = match group {
        Some(group) => group,
        None if committed.is_empty() => return Ok(None),
        // A broker that does not describe groups may still keep their offsets.
        None => GroupDescription { state: String::new(), kind: "classic", assignor: String::new(), members: vec![] },
    };
    let partitions = partitions(admin, &group.members, committed)?;
    let member = |m: GroupMember| DescribedMember {
        partitions: m.assigned.len(),
        member: m.id,
        instance: m.instance,
        client: m.client_id,
        host: m.host,
    };
    let GroupDescription { state, kind, assignor, members } = group;
    let members = members.into_iter().map(member).collect();
    Ok(Some(DescribedGroup { name: name.to_owned(), state, kind, assignor, members, partitions }))
}

/// What is committed or read, in order of topic and partition.
fn partitions(
    admin: &mut Admin,
    members: &[GroupMember],
    committed: Vec<(TopicPartition, Offset)>,
) -> Result<Vec<DescribedPartition>, Failure> {
    let mut places: BTreeMap<TopicPartition, Reading<'_>> = BTreeMap::new();
    for (place, offset) in committed {
        places.entry(place).or_default().committed = Some(offset);
    }
    for member in members {
        for place in &member.assigned {
            places.entry(place.clone()).or_default().member = Some(&member.id);
        }
    }
    let asked: Vec<(TopicPartition, i64)> = places.keys().map(|place| (place.clone(), AT_END)).collect();
    let ends = admin.list_offsets(&asked)?.into_iter();
    // Of a topic that is gone, only what was committed is left to show.
    let ends = ends.map(|answer| answer.ok().and_then(|found| found.offset));
    let partition = |((place, reading), end): ((TopicPartition, Reading<'_>), Option<Offset>)| DescribedPartition {
        topic: place.topic,
        partition: place.partition.0,
        committed: reading.committed.map(|offset| offset.0),
        end: end.map(|offset| offset.0),
        lag: reading.committed.zip(end).map(|(committed, end)| end.since(committed).max(0)),
        member: reading.member.map(str::to_owned),
    };
    Ok(places.into_iter().zip(ends).map(partition).collect())
}

/// How far a partition is read, and by whom.
#[derive(Debug, Default)]
struct Reading<'a> {
    committed: Option<Offset>,
    member: Option<&'a str>,
}

/// A paragraph per group: name, state, how it shares, partitions and members.
fn print_described(described: Described) -> Result<(), Failure> {
    for (i, group) in described.groups.into_iter().enumerate() {
        let gap = if i > 0 { "\n" } else { "" };
        let members = match group.members.len() {
            1 => "1 member".to_owned(),
            count => format!("{count} members"),
        };
        let mut head = vec![group.state.clone(), members, group.kind.to_owned(), group.assignor.clone()];
        head.retain(|word| !word.is_empty());
        let head = escape::terminal(format!("{}  {}", group.name, head.join(", ")).as_bytes()).into_owned();
        output::write_stdout(format!("{gap}{head}\n").as_bytes())?;
        output::print(OutputFormat::Table, &Described { groups: vec![group] })?;
    }
    Ok(())
}
