//! A run of rafka-produce: reading and sending in one thread, and what is told at the end.
//!
//! Always holds: while input is at hand it is read and batched; when there is none for now, what is there is sent and
//! the program waits for input and brokers together. So a lone line leaves at once, and a fast input in large batches.

use std::io::{self, Write};
use std::time::Duration;

use super::report::Report;
use super::shape::{Shape, Shaped};
use super::source::Source;
use super::splitter::{Splitter, TooLong};
use crate::base::{ErrorCode, Now, PartitionId, TopicName, nearest};
use crate::cli::direct::DirectStdout;
use crate::cli::failure::{Exit, Failure, reason};
use crate::cli::json_record::JsonRecord;
use crate::cli::progress::{Counted, Progress};
use crate::cli::run::Session;
use crate::client::admin::{Admin, NewTopic, Refused};
use crate::client::producer::{DeliveryFailure, TopicHandle};
use crate::client::{
    ClientConfig, ClientError, Cluster, NewRecord, PartitionBy, Partitioner, Producer, ProducerConfig,
};

/// After the first Ctrl-C, and after a failure: what is in flight has this long.
const FINISH_WITHIN: Duration = Duration::from_millis(4000);
/// After the first Ctrl-C: the end, with all that is left to say.
const LEAVE_WITHIN: Duration = Duration::from_millis(4800);

pub(super) struct ProduceSession<'a> {
    pub(super) topic: &'a TopicName,
    pub(super) may_create: bool,
    pub(super) partition: Option<PartitionId>,
    pub(super) partition_by: PartitionBy,
    pub(super) delimiter: &'a [u8],
    pub(super) shape: Shape,
    pub(super) record_bytes_max: usize,
    pub(super) session: &'a Session,
}

/// Why the reading stopped.
enum Stopped {
    /// The input is over.
    End,
    Interrupted,
    /// This piece of the input is no record.
    BadInput {
        number: u64,
        why: String,
    },
    /// The input can't be read any further.
    Unreadable(io::Error),
    /// Some batch was not delivered, or sending can't go on.
    Undelivered(Option<ClientError>),
    /// Nobody reads our report any more.
    OutputClosed(io::Error),
}

/// What a run owns while it sends.
struct Sending<'a> {
    args: &'a ProduceSession<'a>,
    producer: Producer,
    topic: TopicHandle,
    partitioner: Partitioner,
    /// Pieces of the input so far; the number of the last one, counted from 1.
    number: u64,
    report: Option<Report>,
    output: Vec<u8>,
    progress: Progress,
    counts_bytes: bool,
    unknown_told: bool,
}

impl ProduceSession<'_> {
    pub(super) fn run(&self, client: ClientConfig, config: ProducerConfig) -> Result<(), Failure> {
        let reports = config.reports;
        self.session.leave_within(LEAVE_WITHIN, || {});
        if self.topic.is_internal() {
            return Err(Failure::failed(format!("\"{}\" is the brokers' own topic: only they write it", self.topic)));
        }
        let mut producer = Producer::new(Cluster::connect(client.clone())?, config)?;
        let topic = producer.open(self.topic, self.may_create).map_err(|e| self.cannot_open(e, client))?;
        let partitions = producer.partitions(topic);
        if let Some(partition) = self.partition.filter(|partition| partition.0 >= partitions) {
            let topic = self.topic.to_string();
            return Err(ClientError::UnknownPartition { topic, partition, partitions }.into());
        }
        let mut source = Source::open();
        let size = source.size();
        let counted = if size.is_some() { Counted::Bytes } else { Counted::Records };
        let mut sending = Sending {
            args: self,
            producer,
            topic,
            partitioner: Partitioner::new(self.partition_by, partitions),
            number: 0,
            report: reports.then(|| Report::new(self.topic.as_str(), 1)),
            output: Vec::new(),
            progress: Progress::start(self.session.verbosity.wants_progress(reports), counted, size),
            counts_bytes: size.is_some(),
            unknown_told: false,
        };
        let stopped = sending.read_all(&mut source);
        sending.finish(stopped)
    }

    fn cannot_open(&self, error: ClientError, client: ClientConfig) -> Failure {
        if error.code() == Some(ErrorCode::InvalidTopicException)
            && let Some(Refused { code, message: Some(message) }) = self.why_not_created(client)
        {
            let what = format!("can't create topic \"{}\"", self.topic);
            return ClientError::Refused { what, code, message: Some(message) }.into();
        }
        let is_unknown = matches!(error, ClientError::UnknownTopic { nearest: None, .. });
        let failure = Failure::from(error);
        if is_unknown && self.may_create {
            return failure.with_hint(format!(
                "the brokers do not create topics by themselves; rafka-admin create-topic {} does",
                self.topic
            ));
        }
        failure
    }

    /// Metadata, by which topics are created in passing, gives no reasons; the request to create one does.
    fn why_not_created(&self, client: ClientConfig) -> Option<Refused> {
        let mut admin = Admin::new(Cluster::connect(client).ok()?);
        let topic = NewTopic { name: self.topic.clone(), partitions: None, replicas: None, settings: Vec::new() };
        admin.check_new_topic(&topic).ok()?.err()
    }

    /// Standard input counts in lines, anything else in records.
    fn unit(&self) -> &'static str {
        if self.delimiter == b"\n" { "line" } else { "record" }
    }
}

impl Sending<'_> {
    fn read_all(&mut self, source: &mut Source) -> Stopped {
        let mut splitter = Splitter::new(self.args.delimiter, self.args.record_bytes_max);
        loop {
            if self.args.session.interrupts.is_asked() {
                return Stopped::Interrupted;
            }
            if !source.is_ready() {
                self.producer.push();
                let waited = self.producer.work(None, &mut source.watches());
                if let Err(stopped) = waited.map_err(Stopped::from).and_then(|()| self.look_around()) {
                    return stopped;
                }
                continue;
            }
            match self.read_block(source, &mut splitter) {
                Ok(true) => {}
                Ok(false) => return Stopped::End,
                Err(stopped) => return stopped,
            }
        }
    }

    /// Reads what is there and sends the records in it; false at the end of the input.
    fn read_block(&mut self, source: &mut Source, splitter: &mut Splitter) -> Result<bool, Stopped> {
        let space = match splitter.space() {
            Ok(space) => space,
            Err(TooLong { .. }) => {
                self.number += 1;
                return Err(self.too_long());
            }
        };
        let count = match source.read(space) {
            Ok(count) => count,
            Err(e) if matches!(e.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => return Ok(true),
            Err(e) => return Err(Stopped::Unreadable(e)),
        };
        let now = Now::wall();
        if count == 0 {
            if let Some(rest) = splitter.rest() {
                self.send(rest, now)?;
            }
            return Ok(false);
        }
        splitter.filled(count);
        splitter.split(|record| self.send(record, now))?;
        if self.counts_bytes {
            self.progress.advance(count as u64);
        }
        self.look_around()?;
        Ok(true)
    }

    /// The record with the current number has no end within its limit.
    fn too_long(&self) -> Stopped {
        let why = format!("it is longer than {} bytes (max.request.size)", self.args.record_bytes_max);
        Stopped::BadInput { number: self.number, why }
    }

    #[inline]
    fn send(&mut self, piece: &[u8], now: i64) -> Result<(), Stopped> {
        self.number += 1;
        if piece.len() > self.args.record_bytes_max {
            return Err(self.too_long());
        }
        if !self.args.shape.is_plain() {
            return self.send_shaped(piece, now);
        }
        let record = NewRecord { timestamp: now, key: None, value: Some(piece), headers: &[], tag: self.number };
        let partition = self.args.partition.unwrap_or_else(|| self.partitioner.pick(None));
        self.producer.send(self.topic, partition, &record).map_err(Stopped::from)
    }

    fn send_shaped(&mut self, piece: &[u8], now: i64) -> Result<(), Stopped> {
        let number = self.number;
        let args = self.args;
        let Shaped { partition, timestamp, key, value, headers, unknown } =
            args.shape.shape(piece).map_err(|why| Stopped::BadInput { number, why })?;
        if let Some(field) = unknown.filter(|_| !std::mem::replace(&mut self.unknown_told, true)) {
            self.tell_unknown(&field);
        }
        let key = key.as_deref();
        let partition = match partition.map(PartitionId).or(args.partition) {
            Some(partition) => partition,
            None => self.partitioner.pick(key),
        };
        let headers: Vec<(&[u8], Option<&[u8]>)> = headers.iter().map(|(n, v)| (&**n, v.as_deref())).collect();
        let record = NewRecord {
            timestamp: timestamp.unwrap_or(now),
            key,
            value: value.as_deref(),
            headers: &headers,
            tag: number,
        };
        self.producer.send(self.topic, partition, &record).map_err(|e| match e {
            ClientError::UnknownPartition { .. } => Stopped::BadInput { number, why: e.to_string() },
            other => other.into(),
        })
    }

    /// Once is enough: a million lines of the same kind may follow.
    fn tell_unknown(&self, field: &str) {
        let hint = match nearest(field, JsonRecord::FIELDS) {
            Some(near) => format!("; did you mean \"{near}\"?"),
            None => String::new(),
        };
        let (unit, number) = (self.args.unit(), self.number);
        ::log::warn!("{unit} {number}: the field \"{field}\" is none of a record's, and is left out{hint}");
    }

    /// Between two blocks: what has been delivered, and what has not.
    fn look_around(&mut self) -> Result<(), Stopped> {
        if self.producer.has_failures() {
            return Err(Stopped::Undelivered(None));
        }
        if !self.counts_bytes {
            self.progress.set_done(self.producer.delivered());
        }
        self.write_report(false).map_err(Stopped::OutputClosed)
    }

    fn write_report(&mut self, is_last: bool) -> io::Result<()> {
        let Some(report) = &mut self.report else { return Ok(()) };
        while let Some(delivery) = self.producer.take_delivery() {
            report.add(&delivery);
        }
        self.output.clear();
        if is_last {
            report.write_rest(&mut self.output);
        } else {
            report.write_due(&mut self.output);
        }
        if self.output.is_empty() { Ok(()) } else { DirectStdout::open()?.write_all(&self.output) }
    }

    /// Delivers what has been read, as far as that is still wanted and possible, and says how it ended.
    fn finish(mut self, stopped: Stopped) -> Result<(), Failure> {
        match &stopped {
            Stopped::End => {}
            Stopped::Undelivered(_) => {
                self.producer.give_up_unsent();
                self.producer.finish_within(FINISH_WITHIN);
            }
            Stopped::Interrupted | Stopped::OutputClosed(_) => self.producer.finish_within(FINISH_WITHIN),
            Stopped::BadInput { .. } | Stopped::Unreadable(_) => {}
        }
        let flushed = self.flush();
        let written = self.write_report(true);
        drop(self.progress);
        let failures: Vec<DeliveryFailure> = std::iter::from_fn(|| self.producer.take_failure()).collect();
        let ended =
            Ended { topic: self.args.topic, unit: self.args.unit(), producer: &self.producer, failures: &failures };
        let lost = match (stopped, flushed) {
            (_, Err(Stopped::OutputClosed(e))) | (Stopped::OutputClosed(e), _) => return Err(Failure::output(&e)),
            (Stopped::BadInput { number, why }, Ok(())) if failures.is_empty() => {
                return Err(ended.bad_input(number, &why));
            }
            (Stopped::Unreadable(e), Ok(())) if failures.is_empty() => {
                return Err(Failure::failed(format!("can't read standard input: {}", reason(&e)))
                    .with_hint(ended.delivered_so_far(self.number + 1)));
            }
            (Stopped::End, Ok(())) if failures.is_empty() => return written.map_err(|e| Failure::output(&e)),
            (Stopped::Interrupted, Ok(())) if failures.is_empty() => {
                if self.number > 0 {
                    ::log::warn!("interrupted; {}", ended.delivered_so_far(self.number + 1));
                }
                return Err(Failure::interrupted());
            }
            (Stopped::Undelivered(Some(e)), _) | (_, Err(Stopped::Undelivered(Some(e)))) => Some(e),
            (Stopped::Interrupted, _) | (_, Err(Stopped::Interrupted)) if failures.is_empty() => {
                let exit = ended.undelivered(Some(&ClientError::Interrupted));
                return Err(exit.unwrap_or_else(Failure::interrupted));
            }
            _ => None,
        };
        Err(ended.undelivered(lost.as_ref()).unwrap_or_else(|| Failure::silent(Exit::Failed)))
    }

    fn flush(&mut self) -> Result<(), Stopped> {
        self.producer.seal_open().map_err(Stopped::from)?;
        while !self.producer.is_flushed() {
            if self.args.session.interrupts.is_asked() {
                self.producer.finish_within(FINISH_WITHIN);
            }
            self.producer.check_patience()?;
            self.producer.work(None, &mut [])?;
            // Of what has failed the others may still be delivered; it is told at the end.
            match self.look_around() {
                Ok(()) => {}
                Err(Stopped::Undelivered(None)) => self.producer.give_up_unsent(),
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }
}

impl From<ClientError> for Stopped {
    fn from(error: ClientError) -> Stopped {
        match error {
            ClientError::Interrupted => Stopped::Interrupted,
            other => Stopped::Undelivered(Some(other)),
        }
    }
}

/// What there is to say at a bad end.
struct Ended<'a> {
    topic: &'a TopicName,
    unit: &'static str,
    producer: &'a Producer,
    failures: &'a [DeliveryFailure],
}

/// What may be done about a refusal, where it is not plain.
fn advice(error: &ClientError, topic: &TopicName) -> Option<String> {
    match error.code()? {
        ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge => {
            Some(format!("rafka-admin set-config topic/{topic} max.message.bytes=BYTES raises the limit"))
        }
        ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId => {
            Some("the topic may have been deleted".to_owned())
        }
        _ => None,
    }
}

impl Ended<'_> {
    fn bad_input(&self, number: u64, why: &str) -> Failure {
        Failure::failed(format!("{} {number}: {why}", self.unit)).with_hint(self.delivered_so_far(number))
    }

    /// Which record was not delivered and why; none if nothing is missing.
    fn undelivered(&self, lost: Option<&ClientError>) -> Option<Failure> {
        let unsent = self.producer.first_undelivered();
        let first_failed = self.failures.iter().min_by_key(|failure| failure.tags.first());
        let first = first_failed.and_then(|failure| failure.tags.first()).into_iter().chain(unsent).min()?;
        let why = match (first_failed, lost) {
            (Some(failure), _) => failure.error.to_string(),
            (None, Some(error)) => error.to_string(),
            (None, None) => "it was not delivered".to_owned(),
        };
        let culprit = first_failed.and_then(|failure| failure.culprit);
        let place = match (culprit, first_failed.map(|failure| failure.tags.len())) {
            (Some(number), _) => format!("{} {number}", self.unit),
            (None, Some(count)) if count > 1 => format!("{} {first} and {} more", self.unit, count - 1),
            _ => format!("{} {first}", self.unit),
        };
        let mut hint = self.delivered_so_far(first);
        if let Some(advice) = first_failed.and_then(|failure| advice(&failure.error, self.topic)) {
            hint = format!("{advice}; {hint}");
        }
        if self.failures.iter().any(|failure| failure.is_uncertain) {
            hint.push_str("; the broker may have stored more without its answer getting here");
        }
        if lost == Some(&ClientError::Interrupted) {
            ::log::warn!("interrupted before {place} was delivered; {hint}");
            return Some(Failure::interrupted());
        }
        Some(Failure::failed(format!("{place}: {why}")).with_hint(hint))
    }

    /// How many records were delivered, and how to go on at this one.
    fn delivered_so_far(&self, first: u64) -> String {
        let (delivered, unit) = (self.producer.delivered(), self.unit);
        let resume = match unit {
            "line" => format!("tail -n +{first} goes on there"),
            _ => format!("go on with {unit} {first}"),
        };
        let before = first - 1;
        let count = |count: u64| format!("{count} {unit}{}", if count == 1 { "" } else { "s" });
        match delivered.checked_sub(before) {
            Some(beyond) if beyond > 0 => {
                let (before, beyond) = (count(before), count(beyond));
                format!("delivered: {before} before it, {beyond} after it; {resume}, and sends those after it again")
            }
            _ => format!("delivered: {}; {resume}", count(delivered)),
        }
    }
}
