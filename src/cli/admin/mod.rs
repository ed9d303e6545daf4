//! rafka-admin: topics, offsets, groups, settings and the cluster, against any Kafka broker; and segment files without one.
//!
//! A file per family of commands holds their flags and what they do. Every command ends in an [`Outcome`]: what
//! succeeded goes to standard output, each failed item to standard error.

mod bench;
mod cluster;
mod config;
mod confirm;
mod describe_group;
mod describe_topic;
mod groups;
mod inspect;
mod offline;
mod offsets;
mod outcome;
mod reset_group;
mod topics;
mod torture;
mod verify;
mod wait;

use std::path::Path;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use super::args::{ClientArgs, OutputArgs, VerbosityArgs};
use super::failure::Failure;
use super::help::{self, Entry};
use super::logger::LogStyle;
use super::run::FirstSignal;
use super::run::{Program, Session};
use super::settings;
use crate::client;

pub const PROGRAM: Program = Program { name: "rafka-admin", command, run, first_signal, log_style: LogStyle::Sentence };

const EXAMPLES: &[Entry] = &[
    ("rafka-admin create-topic Payments -p 6", "a topic with six partitions"),
    ("rafka-admin list-topics", "all topics"),
    ("rafka-admin list-offsets Payments", "where each partition starts and ends"),
    ("rafka-admin describe-group billing", "who reads, and how far behind"),
    ("rafka-admin --output json describe-topic Payments | jq", "for programs"),
    ("rafka-admin verify-log data", "check every file, without a broker"),
];

const EXIT_CODES: &[Entry] = &[
    ("0", "done"),
    ("1", "something asked for failed, one item of many included"),
    ("2", "the command line or a setting makes no sense, or -y is missing"),
    ("3", "no broker answered"),
    ("130", "interrupted by Ctrl-C or SIGTERM"),
];

/// Look after topics, offsets, groups, settings and log files
///
/// Works against Rafka and Apache Kafka. inspect-segment and verify-log read files and need no broker; torture brings its
/// own.
#[derive(Debug, Parser)]
#[command(subcommand_value_name = "COMMAND", subcommand_help_heading = "Commands", subcommand_required = true)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
struct Admin {
    #[command(subcommand)]
    command: AdminCommand,
    #[command(flatten)]
    online: Online,
}

/// What commands that talk to a broker are given; the offline ones use what is left.
#[derive(Debug, clap::Args)]
struct Online {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
    #[command(flatten)]
    verbosity: VerbosityArgs,
}

#[derive(Debug, Subcommand)]
enum AdminCommand {
    CreateTopic(topics::Create),
    ListTopics(topics::List),
    DescribeTopic(describe_topic::Describe),
    DeleteTopic(topics::Delete),
    AddPartitions(topics::AddPartitions),
    ListOffsets(offsets::List),
    TrimTopic(offsets::Trim),
    ListGroups(groups::List),
    DescribeGroup(describe_group::Describe),
    ResetGroup(reset_group::Reset),
    DeleteGroup(groups::Delete),
    GetConfig(config::Get),
    SetConfig(config::Set),
    ClusterInfo(cluster::Info),
    Ping(cluster::Ping),
    Wait(wait::Wait),
    InspectSegment(inspect::Inspect),
    VerifyLog(verify::Verify),
    Torture(torture::Torture),
    Bench(bench::Bench),
}

/// What a command without a broker has no use for.
const CONNECTION: &[&str] = &["bootstrap", "set", "config", "timeout"];

fn command() -> Command {
    let command = help::with_end(help::with_examples(Admin::command(), EXAMPLES), EXIT_CODES, help::CLIENT_ENVIRONMENT);
    let command = without(command, "wait", &["output"]);
    let command = without(command, "inspect-segment", CONNECTION);
    let command = without(command, "verify-log", CONNECTION);
    without(command, "torture", CONNECTION)
}

/// Nothing here is in flight that could be finished, since every command is one question and its answer; but torture has
/// a broker to stop and a verdict to give, and bench a topic to delete and figures to tell.
fn first_signal(matches: &ArgMatches) -> FirstSignal {
    match matches.subcommand_name() {
        Some("torture" | "bench") => FirstSignal::Asks,
        _ => FirstSignal::Ends,
    }
}

/// Takes shared flags out of the help of a command that has no use for them; given all the same, they do no harm.
fn without(command: Command, subcommand: &str, flags: &[&str]) -> Command {
    let hidden: Vec<Arg> = command
        .get_arguments()
        .filter(|arg| flags.contains(&arg.get_id().as_str()))
        .map(|arg| arg.clone().hide(true))
        .collect();
    command.mut_subcommand(subcommand, |sub| sub.args(hidden))
}

fn run(matches: &ArgMatches, session: &Session) -> Result<(), Failure> {
    let admin = Admin::from_arg_matches(matches).map_err(|e| Failure::usage(e.to_string()))?;
    let online = &admin.online;
    match &admin.command {
        AdminCommand::CreateTopic(command) => command.run(online, session),
        AdminCommand::ListTopics(command) => command.run(online),
        AdminCommand::DescribeTopic(command) => command.run(online, session),
        AdminCommand::DeleteTopic(command) => command.run(online, session),
        AdminCommand::AddPartitions(command) => command.run(online),
        AdminCommand::ListOffsets(command) => command.run(online, session),
        AdminCommand::TrimTopic(command) => command.run(online, session),
        AdminCommand::ListGroups(command) => command.run(online),
        AdminCommand::DescribeGroup(command) => command.run(online, session),
        AdminCommand::ResetGroup(command) => command.run(online),
        AdminCommand::DeleteGroup(command) => command.run(online, session),
        AdminCommand::GetConfig(command) => command.run(online),
        AdminCommand::SetConfig(command) => command.run(online),
        AdminCommand::ClusterInfo(command) => command.run(online),
        AdminCommand::Ping(command) => command.run(online, session),
        AdminCommand::Wait(command) => command.run(online, session),
        AdminCommand::InspectSegment(command) => command.run(online, session),
        AdminCommand::VerifyLog(command) => command.run(online, session),
        AdminCommand::Torture(command) => command.run(online, session),
        AdminCommand::Bench(command) => command.run(online, session),
    }
}

/// For `rafka-server --check`: whether the logs in a data directory, if there is one yet, are sound.
pub(super) fn check_data(dir: &Path, session: &Session) -> Result<(), Failure> {
    verify::check_data(dir, session)
}

/// Finds the cluster.
fn connect(online: &Online) -> Result<client::admin::Admin, Failure> {
    connect_within(online, online.client.timeout())
}

fn connect_within(online: &Online, timeout: Duration) -> Result<client::admin::Admin, Failure> {
    let settings = settings::client(&online.client)?;
    let config = settings::client_config(&settings, &online.client, None);
    let cluster = client::Cluster::connect(client::ClientConfig { connect_timeout: timeout, ..config })?;
    Ok(client::admin::Admin::new(cluster))
}
