//! list-groups and delete-group, and the sentences for groups that are not there or in use.

use std::collections::HashSet;

use clap::Args;
use serde::Serialize;

use super::confirm::Confirm;
use super::outcome::{Outcome, refused};
use super::topics::{print_some, shown};
use super::{Online, connect};
use crate::base::{ErrorCode, nearest};
use crate::cli::failure::Failure;
use crate::cli::help;
use crate::cli::output::{self, Column, Report};
use crate::cli::run::Session;
use crate::client::admin::{Admin, GroupListing, Refused};

/// List consumer groups
///
/// Columns: name, state, type, protocol. A group of which there is no more than committed offsets is Empty.
#[derive(Debug, Args)]
#[command(help_template = help::TEMPLATE, before_help = help::examples(&[
    ("rafka-admin list-groups", "all groups"),
    ("rafka-admin list-groups --output plain | cut -f1", "only the names"),
]))]
pub(super) struct List {}

/// Delete groups and what they have committed
///
/// A group with live members is not deleted. Asks first on a terminal; elsewhere it needs -y. Prints the names of the
/// deleted groups.
#[derive(Debug, Args)]
#[command(help_template = help::TEMPLATE, before_help = help::examples(&[
    ("rafka-admin delete-group billing", "asks first"),
    ("rafka-admin delete-group -y billing audit", "does not ask, as a script needs it"),
]))]
pub(super) struct Delete {
    /// Names of groups
    #[arg(value_name = "NAME", required = true, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    names: Vec<String>,

    #[command(flatten)]
    confirm: Confirm,
}

#[derive(Debug, Serialize)]
struct GroupList {
    groups: Vec<GroupRow>,
}

#[derive(Debug, Serialize)]
struct GroupRow {
    name: String,
    state: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    protocol: String,
}

impl From<GroupListing> for GroupRow {
    fn from(group: GroupListing) -> GroupRow {
        let GroupListing { name, protocol, state, kind } = group;
        GroupRow { name, state, kind, protocol }
    }
}

impl Report for GroupList {
    fn columns(&self) -> Vec<Column> {
        vec![Column::text("name"), Column::text("state"), Column::text("type"), Column::text("protocol")]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row =
            |g: &GroupRow| vec![g.name.clone(), shown(g.state.as_ref()), shown(g.kind.as_ref()), g.protocol.clone()];
        self.groups.iter().map(row).collect()
    }
}

impl List {
    pub(super) fn run(&self, online: &Online) -> Result<(), Failure> {
        let mut admin = connect(online)?;
        let groups = admin.groups()?.into_iter().map(GroupRow::from).collect();
        output::print(online.output.format(), &GroupList { groups })
    }
}

impl Delete {
    pub(super) fn run(&self, online: &Online, session: &Session) -> Result<(), Failure> {
        self.confirm.check("delete-group destroys what a group has committed")?;
        let mut admin = connect(online)?;
        let names = once(&self.names);
        let what = if names.len() == 1 { "group" } else { "groups" };
        self.confirm.ask(&format!("Delete {what} {} and what it has committed?", names.join(", ")))?;
        let answers = admin.delete_groups(&names)?;
        let mut outcome = Outcome::new(session.program);
        let mut deleted = Deleted { deleted: Vec::new() };
        for (name, answer) in names.into_iter().zip(answers) {
            match answer {
                Ok(()) => deleted.deleted.push(name),
                Err(refusal) => outcome.fail(&refused_group(&mut admin, "delete", &name, &refusal)),
            }
        }
        print_some(online.output.format(), &deleted, deleted.deleted.is_empty())?;
        outcome.end()
    }
}

#[derive(Debug, Serialize)]
struct Deleted {
    deleted: Vec<String>,
}

impl Report for Deleted {
    fn columns(&self) -> Vec<Column> {
        vec![Column::text("deleted")]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        self.deleted.iter().map(|name| vec![name.clone()]).collect()
    }
}

/// Each name once, in the order given.
pub(super) fn once(names: &[String]) -> Vec<String> {
    let mut seen = HashSet::new();
    names.iter().filter(|name| seen.insert(*name)).cloned().collect()
}

/// The sentence for a group that a broker refused; `action` is what was tried, as in `can't <action> group ...`.
fn refused_group(admin: &mut Admin, action: &str, group: &str, refusal: &Refused) -> Failure {
    match refusal.code {
        ErrorCode::GroupIdNotFound => missing_group(admin, group),
        ErrorCode::NonEmptyGroup => in_use(group),
        _ => refused(&format!("{action} group \"{group}\""), refusal),
    }
}

pub(super) fn missing_group(admin: &mut Admin, group: &str) -> Failure {
    let failure = Failure::failed(format!("group \"{group}\" does not exist"));
    // The hint is a courtesy; a broker that does not answer now costs no more than that.
    let groups = admin.groups().unwrap_or_default();
    failure.with_nearest(nearest(group, groups.iter().map(|g| g.name.as_str())))
}

pub(super) fn in_use(group: &str) -> Failure {
    Failure::failed(format!("group \"{group}\" has live members"))
        .with_hint(format!("rafka-admin describe-group {group} shows who they are; they have to leave first"))
}
