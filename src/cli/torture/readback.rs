//! Reading everything back through the broker, and comparing it with the ledger.

use std::ops::{ControlFlow, Range};
use std::time::Instant;

use super::judge::{Found, Judgement, Told, judge, pass};
use super::ledger::{Ledger, Moving, Page, Place, STANDSTILL};
use super::load::{GROUP, client};
use super::payload::Id;
use crate::base::{Offset, TopicName, TopicPartition};
use crate::client::admin::Admin;
use crate::client::consumer::{Bounds, Isolation, bounds};
use crate::client::group::GroupOffsets;
use crate::client::{Address, ClientConfig, ClientError, Cluster, Consumer, ConsumerConfig};

/// What was good and is trimmed away.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Closed {
    pub(super) kept: u64,
    pub(super) repeated: u64,
}

/// What one reading of everything came to.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) read: u64,
    pub(super) kept: u64,
    pub(super) lost: u64,
    pub(super) repeated: u64,
    /// Of those kept, and of the repeats: trimmed away, and never looked for again.
    pub(super) closed: Closed,
    pub(super) faults: Vec<String>,
    /// Where each partition ended, in the order of places.
    pub(super) ends: Vec<Offset>,
}

impl Reading {
    fn add(&mut self, name: &TopicPartition, judgement: Judgement) {
        self.kept += judgement.kept;
        self.lost += judgement.lost;
        self.repeated += judgement.repeated;
        self.faults.extend(judgement.faults.iter().map(|fault| Told(name, fault).to_string()));
    }
}

/// The ids of a partition's records, from its start to its end.
struct Column {
    bounds: Bounds,
    records: Vec<Option<Id>>,
    unreadable: Vec<Range<Offset>>,
}

/// Reads all partitions from their starts to their ends as they are now, and judges them by what was promised before that.
/// What is good may then be trimmed away up to `trim_to`, so that a long run needs little room.
pub(super) fn read_back(
    address: &Address,
    ledger: &Ledger,
    trim_to: Option<&[Offset]>,
) -> Result<Reading, ClientError> {
    // A promise is kept from the moment it was made: what comes into the ledger later is for the next reading.
    let before = ledger.pages();
    let mut cluster = Cluster::connect(patient(address))?;
    let mut reading = Reading::default();
    commits(&mut cluster, ledger, &before, &mut reading)?;
    let columns = columns(cluster, &mut reading.faults)?;
    for (place, (page, column)) in Place::all().zip(before.iter().zip(&columns)) {
        start(place, ledger, page, column.bounds.start, &mut reading);
        let Column { bounds, records, unreadable } = column;
        let found = Found { start: bounds.start, records, unreadable };
        // Records may have been given up while this was reading; the newest list is the right one.
        let excused = ledger.change(place, |page| page.excused.clone());
        let judgement = judge(place.delivery(), &found, &page.promises, &excused, &mut page.before.clone());
        reading.read += column.records.len() as u64;
        reading.add(&place.name(), judgement);
        reading.ends.push(column.bounds.end);
    }
    if let Some(ends) = trim_to.filter(|_| reading.faults.is_empty()) {
        reading.closed = trim(address, ledger, ends, &before, &columns)?;
    }
    Ok(reading)
}

fn trim(
    address: &Address,
    ledger: &Ledger,
    ends: &[Offset],
    judged: &[Page],
    columns: &[Column],
) -> Result<Closed, ClientError> {
    let mut admin = Admin::new(Cluster::connect(patient(address))?);
    let to: Vec<(TopicPartition, Offset)> = Place::all().zip(ends).map(|(place, end)| (place.name(), *end)).collect();
    for (place, end) in Place::all().zip(ends) {
        ledger.change(place, |page| page.trimmed.ask(*end));
    }
    let answers = admin.delete_records(&to)?;
    let mut closed = Closed::default();
    for ((place, answer), (end, (page, column))) in
        Place::all().zip(answers).zip(ends.iter().zip(judged.iter().zip(columns)))
    {
        // What is refused now is trimmed the next time.
        if answer.is_err() {
            continue;
        }
        let passed = usize::try_from(end.since(column.bounds.start)).unwrap_or(0).min(column.records.len());
        let judged = page.promises.len();
        ledger.change(place, |page| {
            page.trimmed.confirm(*end);
            closed.repeated += pass(&column.records[..passed], &mut page.before);
            closed.kept += page.close(*end, judged);
        });
    }
    Ok(closed)
}

fn patient(address: &Address) -> ClientConfig {
    ClientConfig { connect_timeout: STANDSTILL, request_timeout: STANDSTILL, ..client(address, None) }
}

/// What can't be read is a fault, and the reading goes on behind it.
fn columns(mut cluster: Cluster, faults: &mut Vec<String>) -> Result<Vec<Column>, ClientError> {
    let names: Vec<TopicPartition> = Place::all().map(Place::name).collect();
    let mut topics: Vec<TopicName> = names.iter().map(|name| name.topic.clone()).collect();
    topics.dedup();
    cluster.topics(&topics, false)?;
    let bounds = bounds(&mut cluster, &names, Isolation::Uncommitted)?;
    let mut consumer = Consumer::new(cluster, ConsumerConfig::default());
    for (name, bounds) in names.iter().zip(&bounds) {
        consumer.assign(name, bounds.start, Some(bounds.end));
    }
    let mut columns: Vec<Column> =
        bounds.into_iter().map(|bounds| Column { bounds, records: Vec::new(), unreadable: Vec::new() }).collect();
    let until = Instant::now() + STANDSTILL;
    while !consumer.is_done() {
        let next = match consumer.next(Some(until), &mut []) {
            Err(ClientError::Damaged { topic, partition, offset, reason }) => {
                let name = TopicPartition { topic: TopicName::new(&topic)?, partition };
                let Some(place) = Place::named(&topic, partition) else { continue };
                let Column { bounds, records, unreadable } = &mut columns[place.0];
                let behind = consumer.find_behind_damage(&name, offset)?.unwrap_or(bounds.end).min(bounds.end);
                faults.push(format!("{name}: the offsets {offset} to {} can't be read: {reason}", behind.0 - 1));
                records.resize(usize::try_from(behind.since(bounds.start)).unwrap_or(0), None);
                unreadable.push(offset..behind);
                consumer.seek(&name, behind);
                continue;
            }
            next => next?,
        };
        let Some(mut chunk) = next else {
            if Instant::now() >= until {
                let what = "reading everything back".to_owned();
                return Err(ClientError::TimedOut { what, waited_ms: STANDSTILL.as_millis() });
            }
            continue;
        };
        let Some(place) = Place::named(chunk.topic(), chunk.partition()) else { continue };
        let Column { bounds, records, .. } = &mut columns[place.0];
        let _ = chunk.read(|record| {
            // Every offset has its record: one that is skipped shifts all behind it, and the judge sees that.
            let next = bounds.start.plus(records.len() as i64);
            if record.offset != next {
                records.push(None);
            }
            records.push(record.value().and_then(|value| Id::of(value, record.partition.0)));
            ControlFlow::Continue(())
        })?;
    }
    Ok(columns)
}

/// Committed offsets are where they were confirmed to be, or further on where more was asked for.
fn commits(cluster: &mut Cluster, ledger: &Ledger, before: &[Page], reading: &mut Reading) -> Result<(), ClientError> {
    let names: Vec<TopicPartition> = Place::all().map(Place::name).collect();
    let committed = GroupOffsets::new(GROUP).committed(cluster, &names)?;
    for (place, (earlier, found)) in Place::all().zip(before.iter().zip(committed)) {
        let later = ledger.change(place, |page| page.committed);
        if !Moving::allows(earlier.committed, later, found) {
            let was = earlier.committed.confirmed.map_or(-1, |offset| offset.0);
            let found = found.map_or(-1, |offset| offset.0);
            reading.faults.push(format!("{}: the group had committed {was}, and has {found}", place.name()));
        }
    }
    Ok(())
}

/// The log starts where it was trimmed to.
fn start(place: Place, ledger: &Ledger, earlier: &Page, found: Offset, reading: &mut Reading) {
    let later = ledger.change(place, |page| page.trimmed);
    if !Moving::allows(earlier.trimmed, later, Some(found).filter(|start| *start > Offset::ZERO)) {
        let was = earlier.trimmed.confirmed.unwrap_or(Offset::ZERO);
        reading.faults.push(format!("{}: the log was trimmed to {was}, and starts at {found}", place.name()));
    }
}
