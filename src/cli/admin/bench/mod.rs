//! bench: how fast a broker takes records and gives them back, and how long one is on its way.

mod report;

use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};

use self::report::{Figures, Measurement};
use super::Online;
use crate::base::TopicName;
use crate::cli::args::KeyValue;
use crate::cli::bench::{
    BenchTopic, Ground, Halt, Load, Measured, NewBenchTopic, Run, Work, consume, latency, produce,
};
use crate::cli::delivery::DeliveryArgs;
use crate::cli::failure::{Exit, Failure};
use crate::cli::run::Session;
use crate::cli::{Counted, Progress, help, output, settings, stderr, units};
use crate::client::ClientConfig;

const RECORDS_DEFAULT: u64 = 1_000_000;
/// Unless somebody says how many, no more bytes than this: a disk may be small.
const BYTES_DEFAULT: u64 = 1024 * 1024 * 1024;
const SIZE_DEFAULT: u64 = 100;
/// What fits into a request of Kafka's `socket.request.max.bytes`, headers apart.
const SIZE_MAX: u64 = 100 * 1024 * 1024 - 64 * 1024;
const LATENCY_RATE_DEFAULT: u64 = 1000;
const LATENCY_LASTS_DEFAULT: Duration = Duration::from_secs(10);
/// After the first Ctrl-C: what is in flight, the end of the topic, and what was measured.
const LEAVE_WITHIN: Duration = Duration::from_millis(4800);

/// Measure a broker: produce, consume, latency
///
/// Uses the producer and the consumer of rafka-produce and rafka-consume, so any setting given with -X counts. Without
/// WORK it does all three, one after another, on a topic of its own that is deleted afterwards, also after Ctrl-C; then
/// what was measured so far is printed. (A second Ctrl-C, or a kill, leaves a topic named rafka-bench-... behind.)
///
/// Latencies are those of records: produce counts from the record at hand to its acknowledgement, and at full speed most
/// of that is the wait behind other records. latency sends at a fixed rate and counts from the moment at which a record
/// was to be sent, even if the sender was held up: until it is acknowledged, and until a consumer that follows has it.
///
/// Columns: work, until (what ends a record's time), records, seconds, records/s, MB/s (1,000,000 bytes of keys and
/// values), and of the latencies p50, p95, p99, p99.9 and max.
#[derive(Debug, Args)]
#[command(help_template = help::TEMPLATE, before_help = help::examples(&[
    ("rafka-admin bench", "everything"),
    ("rafka-admin bench produce --size 1KiB --producers 4", "four producers at once"),
    ("rafka-admin bench latency --rate 5000 --duration 1m", "5,000 records a second"),
    ("rafka-admin bench consume --topic Flights", "read what is there"),
    ("rafka-admin bench --acks 1 -z lz4 --output json", "for programs"),
]))]
pub(super) struct Bench {
    /// What to measure [default: all]
    #[arg(value_name = "WORK", value_enum)]
    work: Option<WorkArg>,

    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    topic: TopicArgs,
    #[command(flatten)]
    delivery: DeliveryArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Load")]
struct LoadArgs {
    /// Stop after so many records [default: 1000000, at most 1 GiB; latency 10s of them]
    ///
    /// With --duration and without this, produce sends as many as fit into the time.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    records: Option<u64>,

    /// Stop each measurement after this time
    #[arg(long, value_name = "DUR", value_parser = units::duration)]
    duration: Option<Duration>,

    /// Bytes of a record's value, which are letters at random [default: 100]
    ///
    /// latency needs at least 16, to know its records again.
    #[arg(long, value_name = "BYTES", value_parser = size)]
    size: Option<u64>,

    /// Send so many records a second [default: as fast as it goes; latency 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,

    /// produce: so many producers at once, each with its own connections
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    producers: u64,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Topic")]
struct TopicArgs {
    /// Use this topic, which is there, and keep it and all that is written to it
    ///
    /// consume reads it from its first record on.
    #[arg(long, value_name = "NAME", value_parser = TopicName::new)]
    topic: Option<TopicName>,

    /// How many partitions the topic made for it gets
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..), conflicts_with = "topic")]
    partitions: i32,

    /// How many brokers keep each of them [default: the broker's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i16).range(1..), conflicts_with = "topic")]
    replicas: Option<i16>,

    /// Set a setting of the topic made for it; may be given several times
    #[arg(long = "setting", value_name = "KEY=VALUE", value_parser = KeyValue::parse, conflicts_with = "topic")]
    settings: Vec<KeyValue>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum WorkArg {
    /// How fast records are taken
    Produce,
    /// How fast they are given back
    Consume,
    /// How long one is on its way
    Latency,
}

fn size(text: &str) -> Result<u64, String> {
    match units::bytes(text)? {
        size if size > SIZE_MAX => Err("a record has less than 100 MiB".to_owned()),
        size => Ok(size),
    }
}

impl Bench {
    pub(super) fn run(&self, online: &Online, session: &Session) -> Result<(), Failure> {
        session.leave_within(LEAVE_WITHIN, || {});
        let given = settings::client(&online.client)?;
        let halt = Arc::new(Halt::new(session.interrupts.clone()));
        let client = ClientConfig { stop: Some(halt.clone()), ..settings::client_config(&given, &online.client, None) };
        let topic = self.topic.open(&client)?;
        let ground = Ground {
            client,
            producer: self.delivery.producer_config(&given, true),
            consumer: settings::consumer_config(&given),
            halt,
            topic: topic.name.clone(),
            is_new: topic.is_own(),
            size: usize::try_from(self.load.size()).unwrap_or(usize::MAX),
        };
        let (_, found) = ground.connect_to_topic()?;
        let (measured, ended) = self.measure(&ground, session);
        let figures = Figures {
            topic: topic.name.to_string(),
            kept: !topic.is_own(),
            partitions: found.partition_count(),
            interrupted: session.interrupts.is_asked(),
            measurements: measured.iter().map(Measurement::of).collect(),
        };
        // What was measured is told first: whatever comes of the rest, the person has it.
        let told = if measured.is_empty() { Ok(()) } else { output::print(online.output.format(), &figures) };
        let gone = topic.end();
        if let Err(failure) = &gone {
            stderr::failure(session.program, failure);
        }
        ended?;
        told?;
        gone.map_err(|_| Failure::silent(Exit::Failed))
    }

    /// Everything that could be measured, and how it ended.
    fn measure(&self, ground: &Ground, session: &Session) -> (Vec<Measured>, Result<(), Failure>) {
        let mut all = Vec::new();
        for work in self.works() {
            let Run { measured, ended } = self.measure_one(work, ground, session, &all);
            // Of a measurement that came to nothing there is nothing to tell.
            all.extend(measured.into_iter().filter(|measured| measured.records > 0 || ended.is_ok()));
            if ended.is_err() {
                return (all, ended);
            }
        }
        (all, Ok(()))
    }

    fn measure_one(&self, work: Work, ground: &Ground, session: &Session, before: &[Measured]) -> Run {
        let progress = |note: &str, total| {
            let progress = Progress::start(session.verbosity.wants_progress(false), Counted::Records, total);
            progress.note(note.to_owned());
            progress
        };
        let LoadArgs { records, duration, rate, producers, .. } = self.load;
        match work {
            Work::Produce => {
                let records = records.or_else(|| duration.is_none().then(|| self.load.records_default()));
                produce(ground, &Load { records, duration, rate, producers }, &progress("produce", records))
            }
            Work::Consume => {
                let written = before.iter().find(|measured| measured.work == Work::Produce).map(|done| done.records);
                if ground.is_new && written.is_none() {
                    let filling = records.unwrap_or_else(|| self.load.records_default());
                    let load = Load { records: Some(filling), duration: None, rate: None, producers };
                    let Run { ended, .. } = produce(ground, &load, &progress("filling the topic", Some(filling)));
                    if ended.is_err() {
                        return Run { measured: Vec::new(), ended };
                    }
                }
                consume(ground, written.or(records), duration, &progress("consume", None))
            }
            Work::Latency => {
                let rate = rate.unwrap_or(LATENCY_RATE_DEFAULT);
                let records = self.load.latency_records(rate, self.work.is_some());
                latency(ground, records, rate, duration, &progress("latency", Some(records)))
            }
        }
    }

    fn works(&self) -> Vec<Work> {
        match self.work {
            Some(WorkArg::Produce) => vec![Work::Produce],
            Some(WorkArg::Consume) => vec![Work::Consume],
            Some(WorkArg::Latency) => vec![Work::Latency],
            None => vec![Work::Produce, Work::Consume, Work::Latency],
        }
    }
}

impl LoadArgs {
    fn size(&self) -> u64 {
        self.size.unwrap_or(SIZE_DEFAULT)
    }

    fn records_default(&self) -> u64 {
        RECORDS_DEFAULT.min(BYTES_DEFAULT / self.size().max(1)).max(1)
    }

    /// As many as are sent in the time. Asked for together with the others, --records is for those: a million at a
    /// thousand a second would take a quarter of an hour.
    fn latency_records(&self, rate: u64, is_alone: bool) -> u64 {
        let lasts = self.duration.unwrap_or(LATENCY_LASTS_DEFAULT);
        let in_time = u128::from(rate) * lasts.as_millis() / 1000;
        let in_time = u64::try_from(in_time).unwrap_or(u64::MAX).max(1);
        match self.records {
            Some(records) if is_alone && self.duration.is_none() => records,
            Some(records) => records.min(in_time),
            None => in_time,
        }
    }
}

impl TopicArgs {
    fn open(&self, client: &ClientConfig) -> Result<BenchTopic, Failure> {
        if let Some(name) = &self.topic {
            return Ok(BenchTopic::given(name.clone(), client));
        }
        let setting = |setting: &KeyValue| (setting.key.clone(), setting.value.clone());
        let new = NewBenchTopic {
            partitions: self.partitions,
            replicas: self.replicas,
            settings: self.settings.iter().map(setting).collect(),
        };
        BenchTopic::create(new, client)
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches};

    use super::*;

    fn parse(flags: &[&str]) -> Result<Bench, clap::Error> {
        let command = Bench::augment_args(Command::new("bench"));
        let matches = command.try_get_matches_from(["bench"].iter().chain(flags))?;
        Bench::from_arg_matches(&matches)
    }

    #[test]
    fn flags_that_make_no_sense_are_refused() {
        for flags in [
            &["--topic", "T", "-p", "2"][..],
            &["--topic", "T", "--replicas", "1"],
            &["--topic", "T", "--setting", "a=b"],
            &["everything"],
            &["--rate", "0"],
            &["--records", "0"],
            &["--producers", "0"],
            &["--size", "100MiB"],
        ] {
            assert!(parse(flags).is_err(), "{flags:?}");
        }
        assert_eq!(parse(&["--topic", "T"]).expect("good flags").topic.partitions, 1);
    }

    #[test]
    fn a_default_fills_no_disk() {
        let records = |flags: &[&str]| parse(flags).expect("good flags").load.records_default();
        assert_eq!(records(&[]), 1_000_000);
        assert_eq!(records(&["--size", "1MiB"]), 1024);
        assert_eq!(records(&["--size", "99MiB"]), 10);
        assert_eq!(records(&["--size", "0"]), 1_000_000);
    }

    #[test]
    fn a_latency_measurement_lasts_as_long_as_was_said() {
        let records = |flags: &[&str], is_alone| parse(flags).expect("good flags").load.latency_records(1000, is_alone);
        assert_eq!(records(&[], true), 10_000);
        assert_eq!(records(&["--records", "5000000"], true), 5_000_000);
        assert_eq!(records(&["--records", "5000000"], false), 10_000);
        assert_eq!(records(&["--records", "5"], false), 5);
        assert_eq!(records(&["--duration", "1500ms", "--records", "5000"], true), 1500);
        assert_eq!(records(&["--duration", "0s"], true), 1);
    }
}
