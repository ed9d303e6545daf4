//! rafka-consume: prints topics, from a position to their end or on and on.
//!
//! [`session`] prepares a run and [`reading`] is its loop; [`plan`] says where each partition starts and stops, [`share`]
//! follows a group, [`positions`] keeps what it may be told, [`sink`] prints, and [`pipe`] knows what of that its reader
//! has not taken.

mod pipe;
mod plan;
mod positions;
mod reading;
mod session;
mod share;
mod sink;

use std::io::{self, IsTerminal};
use std::time::Duration;

use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser, ValueEnum};

use self::session::ConsumeSession;
use self::sink::{Shape, Sink};
use super::args::{ClientArgs, VerbosityArgs};
use super::failure::Failure;
use super::format::Format;
use super::help::{self, Entry};
use super::logger::LogStyle;
use super::partition_list::PartitionList;
use super::run::FirstSignal;
use super::run::{Program, Session};
use super::{offset, settings, units};
use crate::base::{OffsetSpec, TopicName};
use crate::client::consumer::Isolation;
use crate::client::group::MemberConfig;
use crate::client::{ClientConfig, ConsumerConfig};
use crate::config::{Assignor, ClientSettings, GroupProtocol, OffsetReset};

pub const PROGRAM: Program =
    Program { name: "rafka-consume", command, run, first_signal: |_| FirstSignal::Asks, log_style: LogStyle::Sentence };

const EXAMPLES: &[Entry] = &[
    ("rafka-consume Payments", "all of it, then exit"),
    ("rafka-consume -f Logs | grep ERROR", "what comes, as it comes"),
    ("rafka-consume -o -10 -p 0 Payments", "the last ten of partition 0"),
    ("rafka-consume -o @-15m Logs", "the last quarter of an hour"),
    ("rafka-consume -g audit -c 1000 Payments", "the next thousand for this group"),
    ("rafka-consume --format '%k\\t%v\\n' Payments", "key, TAB, value"),
    ("rafka-consume -J Payments | jq .value", "everything, as JSON lines"),
];

/// Print a topic: from the start to the end as it is now, or on and on
///
/// The value of each record and a newline, or what --format or -J say. Without -f it ends like cat, with -f it goes on like
/// tail -f. Never creates a topic. Works against Rafka and Apache Kafka.
#[derive(Debug, Parser)]
struct Args {
    /// The topics to read
    #[arg(value_name = "TOPIC", value_parser = TopicName::new, required = true)]
    topics: Vec<TopicName>,

    #[command(flatten)]
    range: RangeArgs,
    #[command(flatten)]
    group: GroupArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
    #[command(flatten)]
    verbosity: VerbosityArgs,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What to read")]
struct RangeArgs {
    /// Where to start [default: earliest; with a group stored, else earliest]
    ///
    /// earliest, latest, stored, N, -N (N before the end of each partition), or @TIME: the first record at or after
    /// milliseconds since 1970, an RFC 3339 time, a date, or an age such as -15m.
    #[arg(short, long, value_name = "OFFSET", value_parser = offset::parse, allow_hyphen_values = true)]
    offset: Option<OffsetSpec>,

    /// Go on at the end, and print what comes
    #[arg(short, long)]
    follow: bool,

    /// Only these partitions, such as 0,2,5-7
    #[arg(short, long, value_name = "LIST", value_parser = PartitionList::parse, conflicts_with = "group")]
    partitions: Option<PartitionList>,

    /// Stop after N records
    #[arg(short, long, value_name = "N", allow_negative_numbers = true)]
    count: Option<u64>,

    /// Stop before this offset of each partition; takes what -o takes
    #[arg(long, value_name = "OFFSET", value_parser = offset::parse, allow_hyphen_values = true)]
    until: Option<OffsetSpec>,

    /// Stop when nothing came for so long
    #[arg(long, value_name = "DUR", value_parser = units::duration)]
    idle: Option<Duration>,

    /// Whether records of open and aborted transactions are read too [default: committed]
    #[arg(long, value_name = "LEVEL", value_enum, hide_short_help = true)]
    isolation: Option<IsolationArg>,

    /// Leave out what is damaged and go on, naming the offsets
    #[arg(long, hide_short_help = true)]
    skip_damaged: bool,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Group")]
struct GroupArgs {
    /// Share the partitions with this group's other members, and keep its place on the broker
    ///
    /// Goes on where the group stopped, and commits what was written. Several programs with the same group share the
    /// partitions; when one ends, the others take over where it stopped. If the program behind a pipe dies, what it had
    /// not taken from the pipe is not committed: the next one gets it, and maybe some records a second time.
    #[arg(short, long, value_name = "GROUP", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    group: Option<String>,

    /// Leave the group's place where it is
    #[arg(long, requires = "group", hide_short_help = true)]
    no_commit: bool,

    /// How often the place is kept [default: 5s]
    #[arg(long, value_name = "DUR", value_parser = units::duration, requires = "group", hide_short_help = true)]
    commit_interval: Option<Duration>,

    /// Start at -o, even where the group has a place
    #[arg(long, requires = "group")]
    reset: bool,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
struct OutputArgs {
    /// What to print for each record, and nothing else
    ///
    /// %t topic, %p partition, %o offset, %k key, %v value, %h headers, %T timestamp in ms, %d the same as RFC 3339,
    /// %K %V length of key and value (-1 for null), %% a percent sign. %k{hex}, %v{base64} and the like encode. Takes
    /// \t \n \r \0 \\ \xHH.
    #[arg(long, value_name = "FMT", value_parser = Format::parse, conflicts_with = "json")]
    format: Option<Format>,

    /// Print each record as a line of JSON
    #[arg(short = 'J', long)]
    json: bool,

    /// On a terminal too, print bytes as they are
    ///
    /// Without it, control characters in keys, values and headers are shown escaped there.
    #[arg(long, hide_short_help = true)]
    raw: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum IsolationArg {
    Committed,
    Uncommitted,
}

pub fn command() -> Command {
    help::with_end(help::with_examples(Args::command(), EXAMPLES), help::CLIENT_EXIT_CODES, help::CLIENT_ENVIRONMENT)
}

fn run(matches: &ArgMatches, session: &Session) -> Result<(), Failure> {
    let args = Args::from_arg_matches(matches).map_err(|e| Failure::usage(e.to_string()))?;
    let settings = settings::client(&args.client)?;
    let client = settings::client_config(&settings, &args.client, Some(&session.interrupts));
    let topics = distinct(args.topics);
    let group = match args.group.group {
        Some(group) => Some(group_config(group, &topics, args.range.follow, &client, &settings)?),
        None => None,
    };
    if group.is_none()
        && (args.range.offset == Some(OffsetSpec::Stored) || args.range.until == Some(OffsetSpec::Stored))
    {
        return Err(Failure::usage("the offset stored is what a group has committed").with_hint("-g GROUP names one"));
    }
    let consume = ConsumeSession {
        topics,
        partitions: args.range.partitions.as_ref(),
        from: args.range.offset.unwrap_or(default_start(&settings)),
        from_is_asked: args.range.offset.is_some_and(|offset| offset != OffsetSpec::Stored),
        until: args.range.until,
        follow: args.range.follow,
        count: args.range.count,
        idle: args.range.idle,
        skip_damaged: args.range.skip_damaged,
        group,
        reset: args.group.reset,
        commit_every: (!args.group.no_commit && settings.consumer.auto_commit)
            .then(|| args.group.commit_interval.unwrap_or(commit_interval(&settings))),
        session,
    };
    let is_terminal = io::stdout().is_terminal();
    let shape = match (args.output.format, args.output.json) {
        (Some(format), _) => Shape::Format(format),
        (None, true) => Shape::Json,
        (None, false) => Shape::Values,
    };
    // What lies in a pipe is lost to a group whose reader dies: then less is better than fast.
    let is_wide = consume.group.is_none();
    let sink = Sink::open(shape, is_terminal && !args.output.raw, is_wide).map_err(|e| Failure::output(&e))?;
    consume.run(client, consumer_config(&args.range, &settings), sink)
}

/// A topic named twice is read once.
fn distinct(mut topics: Vec<TopicName>) -> Vec<TopicName> {
    topics.sort_unstable();
    topics.dedup();
    topics
}

fn default_start(settings: &ClientSettings) -> OffsetSpec {
    match settings.consumer.offset_reset {
        OffsetReset::Latest => OffsetSpec::Latest,
        OffsetReset::Earliest | OffsetReset::None => OffsetSpec::Earliest,
    }
}

fn group_config(
    group: String,
    topics: &[TopicName],
    follow: bool,
    client: &ClientConfig,
    settings: &ClientSettings,
) -> Result<MemberConfig, Failure> {
    let consumer = &settings.consumer;
    if consumer.group_protocol == GroupProtocol::Consumer {
        return Err(Failure::usage("group.protocol=consumer is not offered here")
            .with_hint("leave it out: members of the classic protocol can join any group, newer ones included"));
    }
    let known = |assignor: &Assignor| matches!(assignor, Assignor::CooperativeSticky | Assignor::Range);
    let assignors: Vec<Assignor> = consumer.assignors.iter().copied().filter(known).collect();
    if assignors.is_empty() {
        return Err(Failure::usage("partition.assignment.strategy: cooperative-sticky and range are offered here"));
    }
    let ms = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    Ok(MemberConfig {
        group,
        instance: consumer.group_instance_id.clone(),
        topics: topics.iter().cloned().collect(),
        assignors,
        session_timeout: ms(consumer.session_timeout_ms.into()),
        heartbeat_interval: ms(consumer.heartbeat_interval_ms.into()),
        rebalance_timeout: ms(consumer.max_poll_interval_ms.into()),
        metadata_max_age: ms(settings.metadata_max_age_ms),
        retry_backoff: client.retry_backoff,
        rack: Some(settings.client_rack.clone()).filter(|rack| !rack.is_empty()),
        reconnect_for: if follow { None } else { ConsumerConfig::default().reconnect_for },
    })
}

fn commit_interval(settings: &ClientSettings) -> Duration {
    Duration::from_millis(u64::try_from(settings.consumer.auto_commit_interval_ms).unwrap_or(0))
}

fn consumer_config(args: &RangeArgs, settings: &ClientSettings) -> ConsumerConfig {
    let given = settings::consumer_config(settings);
    ConsumerConfig {
        isolation: match args.isolation {
            Some(IsolationArg::Committed) => Isolation::Committed,
            Some(IsolationArg::Uncommitted) => Isolation::Uncommitted,
            None => given.isolation,
        },
        // Who follows waits for a broker as long as it takes; who wants to get to an end does not.
        reconnect_for: if args.follow { None } else { given.reconnect_for },
        ..given
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_that_contradict_each_other_are_refused() {
        for flags in [
            &["-p", "0", "-g", "g"][..],
            &["--reset"],
            &["--no-commit"],
            &["-J", "--format", "%v"],
            &["--format", "%q"],
            &["-o", "yesterday"],
            &["-p", "x"],
            &["-c", "-1"],
            &["-g", ""],
        ] {
            let line = ["rafka-consume"].iter().chain(flags).chain(&["T"]);
            assert!(command().try_get_matches_from(line).is_err(), "{flags:?}");
        }
        assert!(command().try_get_matches_from(["rafka-consume"]).is_err(), "a topic is needed");
    }

    #[test]
    fn offsets_may_start_with_a_minus() {
        let matches = command().get_matches_from(["rafka-consume", "-o", "-10", "--until", "@-15m", "T", "U", "T"]);
        let args = Args::from_arg_matches(&matches).expect("good flags");
        assert_eq!(args.range.offset, Some(OffsetSpec::BeforeEnd(10)));
        assert!(matches!(args.range.until, Some(OffsetSpec::Time(_))));
        assert_eq!(distinct(args.topics).len(), 2);
    }
}
