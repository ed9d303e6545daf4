//! A .log file: its batches, or the records in them.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::{Inspect, offline};
use crate::base::limits::DECOMPRESSED_BATCH_BYTES_MAX;
use crate::cli::failure::Failure;
use crate::cli::output::OutputFormat;
use crate::cli::run::Session;
use crate::cli::stream::{Cell, RowStream, StreamColumn};
use crate::cli::{Counted, Progress, escape, offset};
use crate::log::RealDisk;
use crate::log::inspect::{Damage, Found, LogWalk, walk_log};
use crate::log::names::Kind;
use crate::record::{BatchError, BatchHeader, BatchView, ControlKind, RecordView};

const BATCHES: &[StreamColumn] = &[
    StreamColumn::number("position", 10),
    StreamColumn::number("first", 9),
    StreamColumn::number("last", 9),
    StreamColumn::number("records", 7),
    StreamColumn::number("bytes", 8),
    StreamColumn::text("codec", 6),
    StreamColumn::text("time", 24),
    StreamColumn::number("epoch", 5),
    StreamColumn::text("producer", 10),
    StreamColumn::text("flags", 5),
    StreamColumn::text("crc", 3),
];

const RECORDS: &[StreamColumn] = &[
    StreamColumn::number("offset", 9),
    StreamColumn::text("time", 24),
    StreamColumn::text("key", 16),
    StreamColumn::text("value", 40),
    StreamColumn::text("headers", 8),
    StreamColumn::number("position", 10),
];

pub(super) fn show(what: &Inspect, format: OutputFormat, session: &Session) -> Result<(), Failure> {
    let gaps = what.file.parent().is_none_or(offline::may_have_gaps);
    let mut walk = walk_log(&RealDisk, &what.file, gaps).map_err(|e| what.unreadable(&e))?;
    let progress = Progress::start(session.verbosity.wants_progress(true), Counted::Bytes, Some(walk.bytes_total()));
    let (columns, rows) = if what.records { (RECORDS, "records") } else { (BATCHES, "batches") };
    let mut head = what.head(Kind::Log);
    head.push(("bytes", json!(walk.bytes_total())));
    let mut shown = Shown {
        what,
        out: RowStream::begin(format, columns, &head, rows)?,
        count: 0,
        problems: Vec::new(),
        being_written: false,
    };
    let mut ended = Ok(());
    let walked = walk.run(|walk, found| {
        progress.set_done(walk.position());
        ended = match found {
            Found::Batch { position, header } => shown.batch(walk, position, &header),
            Found::Damage(damage) => shown.damage(&damage),
        };
        Ok(ended.is_ok() && !what.is_enough(shown.count))
    });
    drop(progress);
    ended?;
    walked.map_err(|e| what.unreadable(&e))?;
    shown.end(session)
}

struct Shown<'a> {
    what: &'a Inspect,
    out: RowStream,
    count: u64,
    problems: Vec<(u64, String)>,
    /// The file ends in the middle of a batch, and a broker is at work on it.
    being_written: bool,
}

impl Shown<'_> {
    fn batch(&mut self, walk: &LogWalk, position: u64, header: &BatchHeader) -> Result<(), Failure> {
        if self.what.from.is_some_and(|from| header.last_offset().0 < from) {
            return Ok(());
        }
        if self.what.records {
            let bytes = walk.read_batch(position, header).map_err(|e| self.what.unreadable(&e))?;
            return match self.records(position, &bytes) {
                Ok(done) => done,
                Err(error) => {
                    self.problems.push((position, error.to_string()));
                    Ok(())
                }
            };
        }
        self.count += 1;
        let row = BatchRow::of(position, header);
        self.out.row(&row.cells(), &row)
    }

    /// The outer error is the batch's, the inner one the output's.
    fn records(&mut self, position: u64, bytes: &[u8]) -> Result<Result<(), Failure>, BatchError> {
        let batch = BatchView::parse(bytes)?;
        let records = batch.records(DECOMPRESSED_BATCH_BYTES_MAX)?;
        for record in records.iter() {
            let row = RecordRow::of(position, &batch.header, &record?)?;
            if self.what.is_enough(self.count) {
                break;
            }
            if self.what.from.is_some_and(|from| row.offset < from) {
                continue;
            }
            self.count += 1;
            if let Err(failure) = self.out.row(&row.cells(), &row) {
                return Ok(Err(failure));
            }
        }
        Ok(Ok(()))
    }

    fn damage(&mut self, damage: &Damage) -> Result<(), Failure> {
        let is_end = damage.is_torn_tail() && offline::is_being_written(&self.what.file);
        let verdict = if is_end { "being written".to_owned() } else { format!("damaged: {}", damage.reason) };
        if is_end {
            self.being_written = true;
        } else {
            self.problems
                .push((damage.position, format!("{} bytes are no good batch: {}", damage.bytes, damage.reason)));
        }
        if self.what.records {
            return Ok(());
        }
        let mut cells = vec![Cell::Null; BATCHES.len()];
        cells[0] = damage.position.to_string().into();
        cells[1] = damage.first.0.into();
        cells[2] = damage.next.map_or(Cell::Null, |next| (next.0 - 1).into());
        cells[4] = damage.bytes.to_string().into();
        cells[BATCHES.len() - 1] = verdict.as_str().into();
        let json = json!({"position": damage.position, "bytes": damage.bytes, "crc": verdict});
        self.out.row(&cells, &json)
    }

    fn end(self, session: &Session) -> Result<(), Failure> {
        let problem = |(position, reason): &(u64, String)| json!({"position": position, "reason": reason});
        let problems: Vec<Value> = self.problems.iter().map(problem).collect();
        let tail = [("being_written", json!(self.being_written)), ("problems", Value::Array(problems))];
        self.out.end(&tail)?;
        let mut outcome = crate::cli::admin::outcome::Outcome::new(session.program);
        for (position, reason) in &self.problems {
            outcome.fail(&self.what.damaged_at(*position, reason));
        }
        outcome.end()
    }
}

#[derive(Debug, Serialize)]
struct BatchRow {
    position: u64,
    first_offset: i64,
    last_offset: i64,
    records: i32,
    bytes: usize,
    codec: Cow<'static, str>,
    first_timestamp: i64,
    max_timestamp: i64,
    timestamp_type: &'static str,
    leader_epoch: i32,
    producer_id: i64,
    producer_epoch: i16,
    first_sequence: i32,
    transactional: bool,
    control: bool,
    /// Only good batches have a row of their own.
    crc: &'static str,
}

impl BatchRow {
    fn of(position: u64, header: &BatchHeader) -> BatchRow {
        BatchRow {
            position,
            first_offset: header.base_offset.0,
            last_offset: header.last_offset().0,
            records: header.record_count,
            bytes: header.total_bytes(),
            codec: header.codec().map_or_else(|_| "unknown".into(), |codec| codec.name().into()),
            first_timestamp: header.base_timestamp,
            max_timestamp: header.max_timestamp,
            timestamp_type: timestamp_type(header),
            leader_epoch: header.leader_epoch.0,
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            first_sequence: header.base_sequence,
            transactional: header.is_transactional(),
            control: header.is_control(),
            crc: "ok",
        }
    }

    fn cells(&self) -> Vec<Cell<'_>> {
        let producer = match self.producer_id {
            -1 => Cell::Null,
            id => format!("{id}/{}/{}", self.producer_epoch, self.first_sequence).into(),
        };
        let mut flags = String::new();
        for (set, letter) in [(self.transactional, 't'), (self.control, 'c'), (self.timestamp_type == "append", 'a')] {
            flags.extend(set.then_some(letter));
        }
        vec![
            self.position.to_string().into(),
            self.first_offset.into(),
            self.last_offset.into(),
            i64::from(self.records).into(),
            self.bytes.to_string().into(),
            self.codec.as_ref().into(),
            offset::show_time(self.max_timestamp).into(),
            i64::from(self.leader_epoch).into(),
            producer,
            if flags.is_empty() { Cell::Null } else { flags.into() },
            self.crc.into(),
        ]
    }
}

fn timestamp_type(header: &BatchHeader) -> &'static str {
    if header.has_log_append_time() { "append" } else { "create" }
}

struct RecordRow<'a> {
    offset: i64,
    timestamp: i64,
    timestamp_type: &'static str,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: Vec<(&'a [u8], Option<&'a [u8]>)>,
    control: Option<ControlKind>,
    position: u64,
}

impl<'a> RecordRow<'a> {
    fn of(position: u64, header: &BatchHeader, record: &RecordView<'a>) -> Result<RecordRow<'a>, BatchError> {
        let timestamp = match header.has_log_append_time() {
            true => header.max_timestamp,
            false => header.base_timestamp.saturating_add(record.timestamp_delta),
        };
        Ok(RecordRow {
            offset: header.base_offset.0.saturating_add(i64::from(record.offset_delta)),
            timestamp,
            timestamp_type: timestamp_type(header),
            key: record.key,
            value: record.value,
            headers: record.headers().collect::<Result<_, _>>()?,
            control: record.key.filter(|_| header.is_control()).and_then(ControlKind::from_key),
            position,
        })
    }

    /// What a marker says, in a word.
    fn marker(&self) -> Option<Cow<'static, str>> {
        Some(match self.control? {
            ControlKind::Abort => "(abort)".into(),
            ControlKind::Commit => "(commit)".into(),
            ControlKind::Other(kind) => format!("(control {kind})").into(),
        })
    }

    fn cells(&self) -> Vec<Cell<'_>> {
        let bytes = |bytes: Option<&'a [u8]>| bytes.map_or(Cell::Null, Cell::Bytes);
        let header = |(name, value): &(&[u8], Option<&[u8]>)| match value {
            Some(value) => format!("{}={}", escape::terminal(name), escape::terminal(value)),
            None => escape::terminal(name).into_owned(),
        };
        let headers = self.headers.iter().map(header).collect::<Vec<_>>().join(",");
        let (key, value) = match self.marker() {
            Some(marker) => (Cell::Text(marker), Cell::Null),
            None => (bytes(self.key), bytes(self.value)),
        };
        vec![
            self.offset.into(),
            offset::show_time(self.timestamp).into(),
            key,
            value,
            headers.into(),
            self.position.to_string().into(),
        ]
    }
}

/// As rafka-consume prints a record, without the topic and partition that a file does not know.
impl Serialize for RecordRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(None)?;
        fields.serialize_entry("offset", &self.offset)?;
        fields.serialize_entry("timestamp", &self.timestamp)?;
        fields.serialize_entry("timestamp_type", self.timestamp_type)?;
        put_bytes(&mut fields, "key", self.key)?;
        put_bytes(&mut fields, "value", self.value)?;
        let headers: Vec<HeaderRow<'_>> =
            self.headers.iter().map(|(key, value)| HeaderRow { key, value: *value }).collect();
        fields.serialize_entry("headers", &headers)?;
        fields.serialize_entry("position", &self.position)?;
        if let Some(marker) = self.marker() {
            fields.serialize_entry("control", marker.trim_matches(['(', ')']))?;
        }
        fields.end()
    }
}

struct HeaderRow<'a> {
    key: &'a [u8],
    value: Option<&'a [u8]>,
}

impl Serialize for HeaderRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(None)?;
        put_bytes(&mut fields, "key", Some(self.key))?;
        put_bytes(&mut fields, "value", self.value)?;
        fields.end()
    }
}

fn put_bytes<M: SerializeMap>(fields: &mut M, name: &str, bytes: Option<&[u8]>) -> Result<(), M::Error> {
    match bytes.map(|bytes| str::from_utf8(bytes).map_err(|_| STANDARD.encode(bytes))) {
        None => fields.serialize_entry(name, &()),
        Some(Ok(text)) => fields.serialize_entry(name, text),
        Some(Err(base64)) => fields.serialize_entry(&format!("{name}_base64"), &base64),
    }
}
