//! Compaction of whole logs: what stays readable, what a crash or a refusing disk leaves, and who reads meanwhile.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::base::Offset;
use crate::log::inspect::check_partition;
use crate::log::memory_disk::{Fault, MemoryDisk, Operation};
use crate::log::names::{self, Meaning};
use crate::log::testing::*;
use crate::log::{Compacted, Disk, LogSettings, OpenAs, OpenReport, PartitionLog, ReadError};
use crate::record::{BatchBuilder, BatchHeader, Codec, ProducerStamp, batches};

pub(super) const TABLE_BYTES: usize = 1 << 20;

pub(super) fn compacted() -> LogSettings {
    LogSettings { cleanup_compact: true, cleanup_delete: false, min_cleanable_ratio: 0.0, ..small() }
}

/// A batch of records with these keys; no value makes a tombstone.
pub(super) fn keyed(records: &[(&str, Option<&str>)], ms: i64, stamp: ProducerStamp) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Codec::None);
    for (n, (key, value)) in (0..).zip(records) {
        builder.append(START_MS + ms + n, Some(key.as_bytes()), value.map(str::as_bytes), &[]);
    }
    builder.finish(stamp).expect("no codec")
}

fn put(log: &PartitionLog, key: &str, value: &str) {
    append(log, &keyed(&[(key, Some(value))], 0, ProducerStamp::NONE), 0).expect("appended");
}

/// `rounds` times the same keys, each time with other values of about 100 bytes.
fn fill(log: &PartitionLog, keys: usize, rounds: usize) {
    for round in 0..rounds {
        for key in 0..keys {
            put(log, &format!("key{key}"), &format!("{round:0100}"));
        }
    }
}

pub(super) fn compact(log: &PartitionLog, ms: i64) -> Option<Compacted> {
    log.flush().expect("flushed");
    log.compact(at(ms), log.flushed_end(), TABLE_BYTES, &|| true).expect("compacted")
}

/// Offset, key and value of everything readable, in order.
pub(super) fn records(log: &PartitionLog) -> Vec<(i64, String, Option<String>)> {
    let (_, bytes) = read_from(log, log.log_start(), 1000).expect("readable");
    let mut all = Vec::new();
    for batch in batches(&bytes) {
        let batch = batch.expect("whole");
        if batch.header.is_control() {
            continue;
        }
        for record in batch.records(1 << 20).expect("unpacks").iter() {
            let record = record.expect("a record");
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
            let offset = batch.header.base_offset.0 + i64::from(record.offset_delta);
            all.push((offset, text(record.key.expect("a key")), record.value.map(text)));
        }
    }
    all.retain(|(offset, ..)| *offset >= log.log_start().0);
    all
}

/// Of each key the last one.
fn newest(all: &[(i64, String, Option<String>)]) -> BTreeMap<String, (i64, Option<String>)> {
    all.iter().map(|(offset, key, value)| (key.clone(), (*offset, value.clone()))).collect()
}

fn headers(log: &PartitionLog) -> Vec<BatchHeader> {
    read_from(log, log.log_start(), 1000).expect("readable").0
}

fn assert_sound(place: &Place) {
    let checked = check_partition(&*place.disk, &place.dir, true, |_| {}).expect("readable");
    assert_eq!(checked.problems, []);
    let odd = |name: &String| {
        !matches!(
            names::meaning(name),
            Meaning::Segment(..) | Meaning::Compaction | Meaning::BeganHere | Meaning::LeaderEpochs
        )
    };
    let left: Vec<String> = place.disk.list(&place.dir).expect("listed").into_iter().filter(odd).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn the_newest_of_each_key_stays_at_its_offset_through_every_kind_of_start() {
    let place = Place::real();
    let (log, _) = place.open(&compacted(), OpenAs::unclean());
    fill(&log, 5, 20);
    let before = records(&log);
    let bytes = log.size_bytes();
    let done = compact(&log, 0).expect("it was due");
    assert_eq!(done.rounds, 1);
    assert!(done.bytes_after < done.bytes_before / 5, "{done:?}");
    assert!(log.size_bytes() < bytes / 3);
    let after = records(&log);
    assert_eq!(newest(&after), newest(&before));
    let kept = |(offset, key, _): &&(i64, String, Option<String>)| {
        *offset >= done.upto.0 || !before.iter().any(|(o, k, _)| k == key && o > offset && *o < done.upto.0)
    };
    assert_eq!(after, before.iter().filter(kept).cloned().collect::<Vec<_>>());
    assert_eq!((log.log_start(), log.log_end()), (Offset(0), Offset(100)));
    // A read from inside a gap begins with the next record there is.
    for from in 0..100 {
        let slice = log.read(Offset(from), 1, Offset(100), true).expect("readable").expect("there is more");
        let expected = after.iter().find(|(offset, ..)| *offset >= from).expect("the last is there").0;
        assert_eq!(slice.first_offset, Offset(expected), "from {from}");
    }
    assert_eq!(compact(&log, 0), None, "nothing is new");
    log.close().expect("closed");
    assert_sound(&place);
    drop(log);
    for start in [OpenAs::clean(), OpenAs::unclean()] {
        let (log, report) = place.open(&compacted(), start);
        assert_eq!(report, OpenReport::default());
        assert_eq!(records(&log), after);
        assert_eq!(compact(&log, 0), None, "how far it was is remembered");
    }
    // With nothing known but the batches.
    for name in place.disk.list(&place.dir).expect("listed") {
        if !name.ends_with(".log") && name != names::COMPACTION {
            place.disk.remove(&place.file(&name)).expect("removed");
        }
    }
    let (log, report) = place.open(&compacted(), OpenAs::unclean());
    assert_eq!((report.holes, report.cut_bytes), (0, 0), "{report:?}");
    assert_eq!(records(&log), after);
    log.close().expect("closed");
    assert_sound(&place);
}

#[test]
fn small_neighbours_become_one_segment() {
    let place = Place::real();
    let (log, _) = place.open(&compacted(), OpenAs::unclean());
    for _ in 0..3 {
        fill(&log, 5, 20);
        compact(&log, 0).expect("due");
    }
    let many = log.segment_count();
    fill(&log, 5, 2);
    compact(&log, 0).expect("due");
    assert!(log.segment_count() <= 5 && many > 15, "{many} became {}", log.segment_count());
    log.close().expect("closed");
    assert_sound(&place);
}

#[test]
fn only_what_is_new_makes_work() {
    let place = Place::real();
    let settings = LogSettings { min_cleanable_ratio: 0.5, ..compacted() };
    let (log, _) = place.open(&settings, OpenAs::unclean());
    fill(&log, 30, 4);
    let high_watermark = |log: &PartitionLog| log.flush().expect("flushed");
    assert_eq!(log.compaction_due(at(0), high_watermark(&log)).expect("known"), Some(1.0));
    assert_eq!(log.compaction_due(at(0), Offset(0)).expect("known"), None, "nothing is below the high watermark");
    let first = compact(&log, 0).expect("due");
    fill(&log, 10, 1);
    assert_eq!(log.compaction_due(at(0), high_watermark(&log)).expect("known"), None, "most of it is clean");
    fill(&log, 10, 5);
    let second = compact(&log, 0).expect("due again");
    assert!(second.upto > first.upto);
    assert_eq!(newest(&records(&log)).len(), 30);
    let lazy = LogSettings { min_compaction_lag_ms: 1000, ..settings };
    log.set_settings(lazy);
    fill(&log, 10, 20);
    assert_eq!(log.compaction_due(at(900), high_watermark(&log)).expect("known"), None, "too young");
    assert!(log.compaction_due(at(2000), high_watermark(&log)).expect("known").is_some());
    log.set_settings(LogSettings { cleanup_compact: false, ..compacted() });
    assert_eq!(compact(&log, 2000), None, "not a compacted topic");
}

#[test]
fn keys_that_do_not_fit_into_the_table_take_several_rounds() {
    let place = Place::real();
    let (log, _) = place.open(&compacted(), OpenAs::unclean());
    fill(&log, 200, 3);
    let before = records(&log);
    log.flush().expect("flushed");
    let done = log.compact(at(0), log.flushed_end(), 0, &|| true).expect("compacted").expect("due");
    assert!(done.rounds > 5, "{done:?}");
    let elsewhere = Place::real();
    let (whole, _) = elsewhere.open(&compacted(), OpenAs::unclean());
    fill(&whole, 200, 3);
    assert_eq!(compact(&whole, 0).expect("due").upto, done.upto);
    assert_eq!(records(&log), records(&whole));
    assert_eq!(newest(&records(&log)), newest(&before));
}

#[test]
fn tombstones_go_when_their_time_has_come() {
    let place = Place::real();
    let settings = LogSettings { delete_retention_ms: 1000, ..compacted() };
    let (log, _) = place.open(&settings, OpenAs::unclean());
    fill(&log, 3, 10);
    append(&log, &keyed(&[("key1", None), ("key2", Some("new"))], 0, ProducerStamp::NONE), 0).expect("appended");
    fill(&log, 1, 20);
    compact(&log, 10).expect("due");
    let has_tombstone = |log: &PartitionLog| records(log).iter().any(|(_, _, value)| value.is_none());
    assert!(has_tombstone(&log));
    fill(&log, 1, 20);
    compact(&log, 1009).expect("due");
    assert!(has_tombstone(&log));
    fill(&log, 1, 20);
    compact(&log, 1010).expect("due");
    assert!(!has_tombstone(&log));
    assert_eq!(newest(&records(&log)).keys().collect::<Vec<_>>(), ["key0", "key2"]);
    // Times are found as before, though the horizon stands where the first record's time was.
    let all = records(&log);
    let hit = log.find_time(START_MS + 1, log.log_end()).expect("readable").expect("key2 has it");
    assert!(all.iter().any(|(offset, key, _)| *offset == hit.offset.0 && key == "key2"), "{hit:?}");
}

#[test]
fn transactions_are_decided_first_and_aborted_records_go() {
    let place = Place::real();
    let settings = LogSettings { delete_retention_ms: 0, ..compacted() };
    let (log, _) = place.open(&settings, OpenAs::unclean());
    fill(&log, 3, 1);
    append(&log, &transactional(7, 0, 2), 0).expect("appended");
    append(&log, &transactional(8, 0, 1), 0).expect("appended");
    append(&log, &marker(7, false), 0).expect("appended");
    fill(&log, 3, 10);
    let end = log.flush().expect("flushed");
    assert_eq!(log.last_stable_offset(end), Offset(5));
    assert_eq!(log.compaction_due(at(0), end).expect("known"), None, "producer 8 has not decided");
    append(&log, &marker(8, true), 0).expect("appended");
    fill(&log, 3, 10);
    compact(&log, 0).expect("due");
    let of_producer =
        |log: &PartitionLog, id| headers(log).into_iter().filter(|h| h.producer_id == id).collect::<Vec<_>>();
    let (seven, eight) = (of_producer(&log, 7), of_producer(&log, 8));
    // The data of 7 keeps its header, for its sequence; 8 wrote key0, which others wrote later.
    assert_eq!(seven.iter().map(|h| (h.is_control(), h.record_count)).collect::<Vec<_>>(), [(false, 0), (true, 1)]);
    assert_eq!(eight.iter().map(|h| (h.is_control(), h.record_count)).collect::<Vec<_>>(), [(false, 0), (true, 1)]);
    assert_eq!(
        log.aborted_transactions(Offset(0), end).expect("read").len(),
        1,
        "the header is still one of its batches"
    );
    let producers = log.producers();
    log.close().expect("closed");
    assert_sound(&place);
    drop(log);
    for name in place.disk.list(&place.dir).expect("listed").iter().filter(|name| name.ends_with(".producers")) {
        place.disk.remove(&place.file(name)).expect("removed");
    }
    let (log, _) = place.open(&settings, OpenAs::unclean());
    let known = |states: Vec<crate::log::ProducerState>| {
        states.iter().map(|s| (s.producer_id, s.epoch, s.last_sequence(), s.transaction_start)).collect::<Vec<_>>()
    };
    assert_eq!(known(log.producers()), known(producers));
}

#[test]
fn who_reads_meanwhile_goes_on_reading() {
    let place = Place::real();
    let (log, _) = place.open(&compacted(), OpenAs::unclean());
    fill(&log, 5, 40);
    log.flush().expect("flushed");
    let slice = log.read(Offset(0), 1 << 20, log.log_end(), true).expect("readable").expect("something");
    let bytes = slice.bytes().expect("readable");
    let stop = AtomicBool::new(false);
    let reads = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let headers = match read_from(&log, log.log_start(), 700) {
                        // A trim was faster.
                        Err(ReadError::OutOfRange { .. }) => continue,
                        read => read.expect("readable").0,
                    };
                    assert!(headers.windows(2).all(|pair| pair[0].next_offset() <= pair[1].base_offset));
                    log.find_time(START_MS, log.log_end()).expect("readable");
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 0..20 {
            fill(&log, 5, 10);
            compact(&log, 0).expect("due");
            if round % 5 == 4 {
                log.trim(Offset(log.log_end().0 - 20)).expect("trimmed");
                log.trim(Offset(0)).expect("nothing to trim");
            }
            while reads.load(Ordering::Relaxed) < round {
                std::thread::yield_now();
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(slice.bytes().expect("its file is still open"), bytes);
    assert_eq!(newest(&records(&log)).len(), 5);
}

/// A log with something to compact and to merge, closed; and what it holds.
fn prepared(disk: &MemoryDisk, place: &Place) -> Vec<(i64, String, Option<String>)> {
    let (log, _) = place.open(&compacted(), OpenAs::unclean());
    fill(&log, 3, 8);
    append(&log, &by_producer(7, 0, 1), 0).expect("appended");
    append(&log, &transactional(8, 0, 1), 0).expect("appended");
    append(&log, &marker(8, false), 0).expect("appended");
    fill(&log, 3, 4);
    log.close().expect("closed");
    let before = records(&log);
    disk.sync_fs(&place.dir).expect("synced");
    before
}

/// What may be left of a log that was cut off in a compaction: of everything the newest, and nothing that was not there.
fn assert_nothing_lost(log: &PartitionLog, before: &[(i64, String, Option<String>)]) {
    let now = records(log);
    assert_eq!(newest(&now), newest(before));
    assert!(now.iter().all(|record| before.contains(record)));
    assert!(now.windows(2).all(|pair| pair[0].0 < pair[1].0), "each once, in order");
    assert_eq!(log.producers().len(), 2);
}

#[test]
fn a_stop_at_any_operation_leaves_the_old_or_the_new() {
    let (disk, place) = memory();
    let before = prepared(&disk, &place);
    let whole = {
        let (log, _) = place.open(&compacted(), OpenAs::unclean());
        compact(&log, 0).expect("due");
        records(&log)
    };
    let mut interrupted = 0;
    for power_lost in [false, true] {
        for stop_at in 0.. {
            let (disk, place) = memory();
            prepared(&disk, &place);
            let (log, _) = place.open(&compacted(), OpenAs::unclean());
            let mut left = stop_at;
            let stopped = Arc::new(AtomicBool::new(false));
            let told = Arc::clone(&stopped);
            disk.watch(move |_, _| {
                if left > 0 {
                    left -= 1;
                    return None;
                }
                told.store(true, Ordering::Relaxed);
                Some(io::ErrorKind::Other.into())
            });
            let _ = log.compact(at(0), log.flushed_end(), TABLE_BYTES, &|| true);
            disk.unwatch();
            drop(log);
            if power_lost {
                disk.crash();
            }
            let (log, report) = place.open(&compacted(), OpenAs::unclean());
            assert_eq!((report.holes, report.cut_bytes), (0, 0), "stopped at {stop_at}: {report:?}");
            interrupted += usize::from(report.findings.iter().any(|finding| finding.contains("was finished")));
            assert_nothing_lost(&log, &before);
            log.flush().expect("flushed");
            let _ = compact(&log, 0);
            assert_eq!(records(&log), whole, "stopped at {stop_at}");
            log.close().expect("closed");
            assert_sound(&place);
            if !stopped.load(Ordering::Relaxed) {
                assert!(stop_at > 30, "{stop_at}");
                break;
            }
        }
    }
    assert!(interrupted > 6, "{interrupted}");
}

#[test]
fn a_refusing_disk_costs_the_compaction_and_nothing_else() {
    let (disk, place) = memory();
    let before = prepared(&disk, &place);
    for fail_at in 0.. {
        let (disk, place) = memory();
        prepared(&disk, &place);
        let (log, _) = place.open(&compacted(), OpenAs::unclean());
        let mut left = fail_at;
        let failed = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&failed);
        disk.watch(move |operation, path| {
            let path = path.to_string_lossy();
            let ours = operation == Operation::SyncDir || path.contains(".cleaned") || path.contains(".swap");
            let last = left == 0 && ours;
            left -= usize::from(ours && left > 0);
            (last && !told.swap(true, Ordering::Relaxed))
                .then(|| Fault { error: io::ErrorKind::StorageFull.into(), written: 3 })
        });
        let tried = log.compact(at(0), log.flushed_end(), TABLE_BYTES, &|| true);
        disk.unwatch();
        assert_nothing_lost(&log, &before);
        put(&log, "another", "value");
        log.trim(Offset(1)).expect("trimmed");
        let _ = compact(&log, 0);
        assert_eq!(records(&log).last().map(|(_, key, _)| key.as_str()), Some("another"));
        log.close().expect("closed");
        assert_sound(&place);
        if !failed.load(Ordering::Relaxed) {
            tried.expect("nothing failed").expect("due");
            assert!(fail_at > 8, "{fail_at}");
            break;
        }
    }
}

/// A bit of a base offset, which no CRC covers, went wrong on its way into a compaction, and the batch was written back
/// with it: its key hid the newer records of others, and itself.
#[test]
fn a_misread_bit_costs_the_compaction_and_nothing_else() {
    let (disk, place) = memory();
    let before = prepared(&disk, &place);
    let mut failed = 0;
    for misread in 0..40 {
        let (disk, place) = memory();
        prepared(&disk, &place);
        let (log, _) = place.open(&compacted(), OpenAs::unclean());
        let mut left = misread;
        disk.watch_reads(move |path, bytes| {
            let is_log = path.extension().is_some_and(|extension| extension == "log");
            let is_state = path.extension().is_some_and(|extension| extension == "producers");
            if left == 0 && (is_log || is_state) {
                bytes[bytes.len().min(7) - 1] ^= 2;
            }
            left -= i32::from(is_log || is_state);
        });
        failed += usize::from(log.compact(at(0), log.flushed_end(), TABLE_BYTES, &|| true).is_err());
        disk.unwatch();
        assert_nothing_lost(&log, &before);
        let _ = compact(&log, 0);
        assert_nothing_lost(&log, &before);
        log.close().expect("closed");
        assert_sound(&place);
        drop(log);
        let (log, report) = place.open(&compacted(), OpenAs::unclean());
        assert_eq!((report.holes, report.cut_bytes), (0, 0), "misread {misread}: {report:?}");
        assert_nothing_lost(&log, &before);
    }
    assert!(failed > 5, "{failed}");
}

#[test]
fn a_damaged_segment_is_left_alone_and_the_others_are_compacted() {
    let place = Place::real();
    let (log, _) = place.open(&compacted(), OpenAs::unclean());
    fill(&log, 3, 20);
    log.close().expect("closed");
    drop(log);
    let logs = |place: &Place| {
        let mut logs = place.disk.list(&place.dir).expect("listed");
        logs.retain(|name| name.ends_with(".log"));
        logs.sort();
        logs
    };
    let damaged = logs(&place)[2].clone();
    let mut bytes = place.bytes(&damaged);
    bytes[300] ^= 1;
    place.overwrite(&damaged, &bytes);
    let (log, _) = place.open(&compacted(), OpenAs::clean());
    compact(&log, 0).expect("due");
    assert_eq!(place.bytes(&damaged), bytes);
    let sizes: Vec<usize> = logs(&place).iter().map(|name| place.bytes(name).len()).collect();
    assert!(sizes[..2].iter().chain(&sizes[3..sizes.len() - 2]).all(|bytes| *bytes == 0), "{sizes:?}");
    assert!(log.read(Offset(0), 1, log.log_end(), true).expect("readable").is_some());
}

#[test]
fn a_topic_that_is_compacted_no_more_keeps_its_gaps() {
    let place = Place::real();
    let (log, _) = place.open(&compacted(), OpenAs::unclean());
    fill(&log, 3, 20);
    compact(&log, 0).expect("due");
    let after = records(&log);
    let plain = LogSettings { cleanup_compact: false, retention_ms: -1, ..compacted() };
    log.set_settings(plain.clone());
    assert_eq!(records(&log), after);
    log.close().expect("closed");
    drop(log);
    place.disk.list(&place.dir).expect("listed").iter().filter(|name| name.ends_with(".producers")).for_each(|name| {
        place.disk.remove(&place.file(name)).expect("removed");
    });
    let (log, report) = place.open(&plain, OpenAs::unclean());
    assert_eq!(report.holes, 0, "{report:?}");
    assert_eq!(records(&log), after);
}

#[test]
fn a_log_that_is_retired_in_between_is_not_touched_any_more() {
    let (disk, place) = memory();
    prepared(&disk, &place);
    let (log, _) = place.open(&compacted(), OpenAs::unclean());
    let log = Arc::new(log);
    let retired = Arc::clone(&log);
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&seen);
    let is_cleaned = |path: &Path| path.to_string_lossy().ends_with(".log.cleaned");
    let mut done = false;
    disk.watch_blocking(move |operation, path| {
        if operation == Operation::SyncData && is_cleaned(path) && !done {
            done = true;
            retired.retire();
        } else if done && matches!(operation, Operation::Open | Operation::Rename | Operation::Remove | Operation::List)
        {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    assert!(log.compact(at(0), log.flushed_end(), TABLE_BYTES, &|| true).is_err());
    assert_eq!(seen.load(Ordering::Relaxed), 0);
    disk.unwatch();
}

#[test]
fn where_nothing_was_compacted_what_follows_a_lost_end_is_no_gap() {
    let place = Place::on(Arc::new(MemoryDisk::new()));
    let settings = LogSettings { segment_bytes: 700, cleanup_compact: true, ..small() };
    let (log, _) = place.open(&settings, OpenAs::unclean());
    append(&log, &by_producer(7, 0, 1), 0).expect("appended");
    log.checkpoint().expect("written");
    for n in 1..4 {
        append(&log, &by_producer(7, n, 1), 0).expect("appended");
    }
    let first = "00000000000000000000.log";
    let bytes = place.bytes(first);
    let mut n = 4;
    while log.segment_count() == 1 {
        append(&log, &by_producer(7, n, 1), 0).expect("appended");
        n += 1;
    }
    drop(log);
    // The power goes: of the first segment only its front is there, of the second everything.
    place.overwrite(first, &bytes);
    let (log, report) = place.open(&settings, OpenAs::unclean());
    assert_eq!((log.log_end(), log.segment_count()), (Offset(4), 1), "{report:?}");
    for n in 3..6 {
        let appended = append(&log, &by_producer(7, n, 1), 0).expect("sent again, in its order");
        assert_eq!((appended.base_offset, appended.duplicate), (Offset(n.into()), n == 3));
    }
}
