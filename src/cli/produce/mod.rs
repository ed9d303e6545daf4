//! rafka-produce: one record per line of standard input.
//!
//! [`source`] reads, [`splitter`] cuts, [`shape`] makes records of what was cut, [`session`] sends them and tells what
//! became of them, [`report`] puts deliveries back into the order of the input.

mod report;
mod session;
mod shape;
mod source;
mod splitter;

use std::ffi::OsString;

use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser, ValueEnum};

use self::session::ProduceSession;
use self::shape::{Shape, ShapeArgs};
use super::args::{ClientArgs, VerbosityArgs};
use super::delivery::DeliveryArgs;
use super::failure::Failure;
use super::help::{self, Entry};
use super::logger::LogStyle;
use super::run::FirstSignal;
use super::run::{Program, Session};
use super::units::Delimiter;
use super::{escape, settings};
use crate::base::{PartitionId, TopicName};
use crate::client::PartitionBy;
use crate::config::{self, ClientSettings};

pub const PROGRAM: Program =
    Program { name: "rafka-produce", command, run, first_signal: |_| FirstSignal::Asks, log_style: LogStyle::Sentence };

/// What fits into a request of Kafka's `socket.request.max.bytes`.
const RECORD_BYTES_MAX: usize = 100 * 1024 * 1024 - 64 * 1024;

const EXAMPLES: &[Entry] = &[
    ("echo HelloWorld | rafka-produce Payments", "one record"),
    ("tail -f app.log | rafka-produce Logs", "each line as it comes"),
    ("rafka-produce -K : Payments < payments.txt", "key, colon, value on each line"),
    ("zcat flights.csv.gz | rafka-produce -z zstd Flights", "packed on the way and on disk"),
    ("rafka-consume -J Flights | rafka-produce -J Copy", "keys, headers and times too"),
    ("rafka-produce -k key1 -Z -D '' Payments < /dev/null", "a tombstone for key1"),
];

/// Send standard input to a topic, one record per line
///
/// Lines are sent as they come: a slow input line by line, a fast one in large batches. An empty line is a record, a last
/// line without a newline counts, and bytes are never changed. A missing topic is created where the brokers create
/// topics by themselves. Works against Rafka and Apache Kafka.
#[derive(Debug, Parser)]
struct Args {
    /// The topic to write to
    #[arg(value_name = "TOPIC", value_parser = TopicName::new)]
    topic: TopicName,

    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    placement: PlacementArgs,
    #[command(flatten)]
    delivery: DeliveryArgs,

    /// Print topic, partition and offset of each record, in the order of the input
    #[arg(long, help_heading = "Delivery")]
    report: bool,

    #[command(flatten)]
    client: ClientArgs,
    #[command(flatten)]
    verbosity: VerbosityArgs,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Records")]
struct InputArgs {
    /// One key for all records
    #[arg(short, long, value_name = "KEY", conflicts_with_all = ["key_separator", "json"])]
    key: Option<OsString>,

    /// Key before the first SEP of each record, value after it
    ///
    /// SEP takes \t \n \r \0 \\ \xHH and may be several bytes. A record without it is an error.
    #[arg(short = 'K', long, value_name = "SEP", value_parser = separator, conflicts_with = "json")]
    key_separator: Option<Delimiter>,

    /// A header for all records; repeatable, order and duplicates are kept
    ///
    /// With -J they come behind those of the record itself.
    #[arg(short = 'H', long, value_name = "NAME=VALUE")]
    header: Vec<OsString>,

    /// Turn an empty value into null, a tombstone
    #[arg(short = 'Z', long)]
    null_empty: bool,

    /// What ends a record [default: newline]; '' makes one record of all the input
    ///
    /// Takes \t \n \r \0 \\ \xHH and may be several bytes.
    #[arg(short = 'D', long, value_name = "DELIM", value_parser = Delimiter::parse, conflicts_with = "json")]
    delimiter: Option<Delimiter>,

    /// Read each line as a JSON record, as rafka-consume -J prints it
    ///
    /// Key, value, headers and timestamp are taken over without loss; what is missing is null. Topic, partition and offset
    /// are ignored, but see --keep-partition.
    #[arg(short = 'J', long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Partitions")]
struct PlacementArgs {
    /// Write to this partition only
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..), conflicts_with_all = ["partitioner", "keep_partition"])]
    partition: Option<i32>,

    /// How a record finds its partition [default: key-hash]
    ///
    /// key-hash puts a key where Kafka's Java client does. Records without a key are dealt round-robin either way.
    #[arg(long, value_name = "HOW", value_enum)]
    partitioner: Option<PartitionerArg>,

    /// With -J: each record into the partition its line names
    #[arg(long, requires = "json")]
    keep_partition: bool,

    /// Fail if the topic does not exist
    #[arg(long)]
    no_create: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PartitionerArg {
    /// The next partition for each record
    RoundRobin,
    /// By the key, where there is one
    KeyHash,
}

/// An empty one would find a key of nothing everywhere.
fn separator(text: &str) -> Result<Delimiter, String> {
    match Delimiter::parse(text)? {
        Delimiter(bytes) if bytes.is_empty() => Err("the separator can't be empty".to_owned()),
        separator => Ok(separator),
    }
}

pub fn command() -> Command {
    help::with_end(help::with_examples(Args::command(), EXAMPLES), help::CLIENT_EXIT_CODES, help::CLIENT_ENVIRONMENT)
}

fn run(matches: &ArgMatches, session: &Session) -> Result<(), Failure> {
    let args = Args::from_arg_matches(matches).map_err(|e| Failure::usage(e.to_string()))?;
    let settings = settings::client(&args.client)?;
    let config = settings::client_config(&settings, &args.client, Some(&session.interrupts));
    let shape = Shape::new(ShapeArgs {
        key: args.input.key.clone().map(OsString::into_encoded_bytes),
        key_separator: args.input.key_separator.clone().map(|separator| separator.0),
        headers: args.input.header.iter().map(header).collect::<Result<_, _>>()?,
        null_empty: args.input.null_empty,
        json: args.input.json,
        keep_partition: args.placement.keep_partition,
    });
    let partition_by = match (args.placement.partitioner, settings.producer.partitioner) {
        (Some(PartitionerArg::RoundRobin), _) | (None, config::Partitioner::RoundRobin) => PartitionBy::RoundRobin,
        (Some(PartitionerArg::KeyHash), _) | (None, config::Partitioner::KeyHash) => PartitionBy::KeyHash,
    };
    let produce = ProduceSession {
        topic: &args.topic,
        may_create: !args.placement.no_create,
        partition: args.placement.partition.map(PartitionId),
        partition_by,
        delimiter: args.input.delimiter.as_ref().map_or(b"\n", |delimiter| &delimiter.0),
        shape,
        record_bytes_max: record_bytes_max(&settings),
        session,
    };
    produce.run(config, args.delivery.producer_config(&settings, args.report))
}

fn header(given: &OsString) -> Result<(Vec<u8>, Vec<u8>), Failure> {
    let bytes = given.as_encoded_bytes();
    match memchr::memchr(b'=', bytes) {
        Some(at) if at > 0 => Ok((bytes[..at].to_vec(), bytes[at + 1..].to_vec())),
        _ => Err(Failure::usage(format!("-H takes NAME=VALUE, not \"{}\"", escape::terminal(bytes)))),
    }
}

/// The brokers judge a record's size by the topic's settings; a bound of our own holds only what could never be sent.
fn record_bytes_max(settings: &ClientSettings) -> usize {
    if settings.given().is_given("max.request.size") { settings.producer.request_bytes_max } else { RECORD_BYTES_MAX }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_that_contradict_each_other_are_refused() {
        for flags in [
            &["-J", "-k", "x"][..],
            &["-J", "-K", ":"],
            &["-J", "-D", ";"],
            &["-k", "x", "-K", ":"],
            &["-p", "1", "--partitioner", "key-hash"],
            &["--keep-partition"],
            &["-K", ""],
            &["-p", "-1"],
            &["--acks", "2"],
            &["-z", "brotli"],
        ] {
            let line = ["rafka-produce"].iter().chain(flags).chain(&["T"]);
            assert!(command().try_get_matches_from(line).is_err(), "{flags:?}");
        }
    }

    #[test]
    fn headers_need_a_name() {
        assert_eq!(header(&"a=b=c".into()).ok(), Some((b"a".to_vec(), b"b=c".to_vec())));
        assert_eq!(header(&"a=".into()).ok(), Some((b"a".to_vec(), Vec::new())));
        assert!(header(&"a".into()).is_err() && header(&"=b".into()).is_err());
    }
}
