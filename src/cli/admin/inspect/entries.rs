//! The files beside a log: its two indexes, aborted transactions, producers.

use serde::Serialize;
use serde_json::{Value, json};

use super::Inspect;
use crate::base::Offset;
use crate::cli::failure::Failure;
use crate::cli::offset;
use crate::cli::output::OutputFormat;
use crate::cli::stream::{Cell, Field, RowStream, StreamColumn};
use crate::log::inspect::{aborted_entries, base_of, offset_entries, state, time_entries};
use crate::log::names::Kind;
use crate::log::{AbortedTxn, OffsetEntry, ProducerBatch, RealDisk, TimeEntry};

const OFFSETS: &[StreamColumn] = &[
    StreamColumn::number("position", 10),
    StreamColumn::number("offset", 12),
    StreamColumn::number("log position", 12),
];

const TIMES: &[StreamColumn] =
    &[StreamColumn::number("position", 10), StreamColumn::text("time", 24), StreamColumn::number("offset", 12)];

const ABORTED: &[StreamColumn] = &[
    StreamColumn::number("position", 10),
    StreamColumn::number("producer", 12),
    StreamColumn::number("first", 12),
    StreamColumn::number("last", 12),
    StreamColumn::number("last stable", 12),
];

const PRODUCERS: &[StreamColumn] = &[
    StreamColumn::number("producer", 12),
    StreamColumn::number("epoch", 6),
    StreamColumn::number("last sequence", 13),
    StreamColumn::number("last offset", 12),
    StreamColumn::text("time", 24),
    StreamColumn::number("transaction", 12),
];

#[derive(Debug, Serialize)]
struct OffsetRow {
    position: u64,
    offset: i64,
    log_position: u32,
}

#[derive(Debug, Serialize)]
struct TimeRow {
    position: u64,
    timestamp: i64,
    offset: i64,
}

#[derive(Debug, Serialize)]
struct AbortedRow {
    position: u64,
    producer_id: i64,
    first_offset: i64,
    last_offset: i64,
    last_stable_offset: i64,
}

#[derive(Debug, Serialize)]
struct ProducerRow {
    producer_id: i64,
    epoch: i16,
    coordinator_epoch: i32,
    last_timestamp: i64,
    transaction_start: Option<i64>,
    batches: Vec<ProducerBatchRow>,
}

#[derive(Debug, Serialize)]
struct ProducerBatchRow {
    first_sequence: i32,
    last_sequence: i32,
    first_offset: i64,
    last_offset: i64,
    timestamp: i64,
}

pub(super) fn offsets(what: &Inspect, format: OutputFormat) -> Result<(), Failure> {
    let entries = offset_entries(&RealDisk, &what.file).map_err(|e| what.unreadable(&e))?;
    let trailing = entries.trailing_bytes;
    let base = base_of(&what.file).unwrap_or(Offset::ZERO);
    let mut listing = Listing::begin(what, format, Kind::Index, OFFSETS)?;
    let mut last: Option<OffsetEntry> = None;
    for (entry, position) in entries.zip((0..).step_by(OffsetEntry::BYTES)) {
        let entry = entry.map_err(|e| what.unreadable(&e))?;
        let offset = base.plus(i64::from(entry.relative)).0;
        if let Some(last) = last {
            if entry == (OffsetEntry { relative: 0, position: 0 }) {
                listing.room_from(position);
                break;
            }
            if entry.relative <= last.relative || entry.position <= last.position {
                listing.problem(position, "the entries do not ascend here".to_owned());
            }
        }
        last = Some(entry);
        let row = OffsetRow { position, offset, log_position: entry.position };
        let cells = [position.to_string().into(), offset.into(), i64::from(entry.position).into()];
        if listing.row(offset, &cells, &row)? {
            break;
        }
    }
    listing.trailing(trailing, OffsetEntry::BYTES);
    listing.end()
}

pub(super) fn times(what: &Inspect, format: OutputFormat) -> Result<(), Failure> {
    let entries = time_entries(&RealDisk, &what.file).map_err(|e| what.unreadable(&e))?;
    let trailing = entries.trailing_bytes;
    let base = base_of(&what.file).unwrap_or(Offset::ZERO);
    let mut listing = Listing::begin(what, format, Kind::TimeIndex, TIMES)?;
    let mut last: Option<TimeEntry> = None;
    for (entry, position) in entries.zip((0..).step_by(TimeEntry::BYTES)) {
        let entry = entry.map_err(|e| what.unreadable(&e))?;
        let offset = base.plus(i64::from(entry.relative)).0;
        if let Some(last) = last {
            if entry == (TimeEntry { timestamp: 0, relative: 0 }) {
                listing.room_from(position);
                break;
            }
            if entry.timestamp <= last.timestamp || entry.relative <= last.relative {
                listing.problem(position, "the entries do not ascend here".to_owned());
            }
        }
        last = Some(entry);
        let row = TimeRow { position, timestamp: entry.timestamp, offset };
        let cells = [position.to_string().into(), offset::show_time(entry.timestamp).into(), offset.into()];
        if listing.row(offset, &cells, &row)? {
            break;
        }
    }
    listing.trailing(trailing, TimeEntry::BYTES);
    listing.end()
}

pub(super) fn aborted(what: &Inspect, format: OutputFormat) -> Result<(), Failure> {
    let entries = aborted_entries(&RealDisk, &what.file).map_err(|e| what.unreadable(&e))?;
    let mut listing = Listing::begin(what, format, Kind::TxnIndex, ABORTED)?;
    for (entry, position) in entries.into_iter().zip((0..).step_by(AbortedTxn::BYTES)) {
        let Ok(entry) = entry else {
            listing.problem(position, "this is no entry".to_owned());
            continue;
        };
        let (first, last, stable) = (entry.first_offset.0, entry.last_offset.0, entry.last_stable_offset.0);
        let cells = [position.to_string().into(), entry.producer_id.into(), first.into(), last.into(), stable.into()];
        let row = AbortedRow {
            position,
            producer_id: entry.producer_id,
            first_offset: first,
            last_offset: last,
            last_stable_offset: stable,
        };
        if listing.row(last, &cells, &row)? {
            break;
        }
    }
    listing.end()
}

pub(super) fn producers(what: &Inspect, format: OutputFormat) -> Result<(), Failure> {
    let state = match state(&RealDisk, &what.file).map_err(|e| what.unreadable(&e))? {
        Ok(state) => state,
        Err(flaw) => return Err(what.damaged_at(0, &flaw.to_string())),
    };
    let mut listing = Listing::begin(what, format, Kind::Producers, PRODUCERS)?;
    for producer in state.producers() {
        let last = producer.batches().last();
        let (sequence, offset) = (producer.last_sequence(), last.map(|batch| batch.last_offset.0));
        let transaction = producer.transaction_start.map(|start| start.0);
        let number = |number: Option<i64>| number.map_or(Cell::Null, Cell::from);
        let cells = [
            producer.producer_id.into(),
            i64::from(producer.epoch).into(),
            i64::from(sequence).into(),
            number(offset),
            offset::show_time(producer.last_timestamp).into(),
            number(transaction),
        ];
        let batch = |batch: &ProducerBatch| ProducerBatchRow {
            first_sequence: batch.first_sequence(),
            last_sequence: batch.last_sequence,
            first_offset: batch.first_offset().0,
            last_offset: batch.last_offset.0,
            timestamp: batch.timestamp,
        };
        let row = ProducerRow {
            producer_id: producer.producer_id,
            epoch: producer.epoch,
            coordinator_epoch: producer.coordinator_epoch,
            last_timestamp: producer.last_timestamp,
            transaction_start: transaction,
            batches: producer.batches().iter().map(batch).collect(),
        };
        if listing.row(offset.unwrap_or(i64::MAX), &cells, &row)? {
            break;
        }
    }
    listing.tail.push(("next_offset", json!(state.next_offset.0)));
    listing.tail.push(("log_start", json!(state.log_start.0)));
    listing.tail.push(("leader_epoch", json!(state.leader_epoch.0)));
    listing.end()
}

/// What all these listings share: --from, -c, problems, the end.
struct Listing<'a> {
    what: &'a Inspect,
    out: RowStream,
    shown: u64,
    first_problem: Option<(u64, String)>,
    problems: Vec<Value>,
    tail: Vec<Field>,
}

impl<'a> Listing<'a> {
    fn begin(
        what: &'a Inspect,
        format: OutputFormat,
        kind: Kind,
        columns: &'static [StreamColumn],
    ) -> Result<Listing<'a>, Failure> {
        let rows = if kind == Kind::Producers { "producers" } else { "entries" };
        let out = RowStream::begin(format, columns, &what.head(kind), rows)?;
        Ok(Listing { what, out, shown: 0, first_problem: None, problems: Vec::new(), tail: Vec::new() })
    }

    /// Shows a row that belongs to this offset; whether that was the last one wanted.
    fn row(&mut self, offset: i64, cells: &[Cell<'_>], json: &impl Serialize) -> Result<bool, Failure> {
        if self.what.from.is_some_and(|from| offset < from) {
            return Ok(false);
        }
        self.out.row(cells, json)?;
        self.shown += 1;
        Ok(self.what.is_enough(self.shown))
    }

    fn problem(&mut self, position: u64, reason: String) {
        self.problems.push(json!({"position": position, "reason": reason}));
        self.first_problem.get_or_insert((position, reason));
    }

    /// From here on the file is room that Kafka made in advance.
    fn room_from(&mut self, position: u64) {
        self.tail.push(("unused_from", json!(position)));
    }

    fn trailing(&mut self, bytes: u64, entry_bytes: usize) {
        if bytes > 0 && !self.what.is_enough(self.shown) {
            let reason = format!("the file ends with {bytes} bytes; an entry has {entry_bytes}");
            let position = std::fs::metadata(&self.what.file).map_or(0, |facts| facts.len().saturating_sub(bytes));
            self.problem(position, reason);
        }
    }

    fn end(mut self) -> Result<(), Failure> {
        let more = self.problems.len().saturating_sub(1);
        self.tail.push(("problems", Value::Array(self.problems)));
        self.out.end(&self.tail)?;
        match self.first_problem {
            None => Ok(()),
            Some((position, reason)) if more == 0 => Err(self.what.damaged_at(position, &reason)),
            Some((position, reason)) => {
                Err(self.what.damaged_at(position, &format!("{reason}; {more} more like this")))
            }
        }
    }
}
