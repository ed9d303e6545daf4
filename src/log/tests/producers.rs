//! Idempotent and transactional producers: repetitions are found, across rolls, stops, crashes and lost state files;
//! transactions hold readers back until they are decided, and aborted ones are told of.

use std::sync::Arc;

use crate::base::{ErrorCode, Offset};
use crate::log::memory_disk::{MemoryDisk, Operation};
use crate::log::testing::*;
use crate::log::{AbortedTxn, LogSettings, OpenAs, PartitionLog};

fn memory() -> Place {
    Place::on(Arc::new(MemoryDisk::new()))
}

fn settings() -> LogSettings {
    LogSettings { segment_bytes: 700, ..small() }
}

fn lose_states(place: &Place) {
    for name in place.disk.list(&place.dir).expect("listed") {
        if name.ends_with(".producers") {
            place.disk.remove(&place.file(&name)).expect("removed");
        }
    }
}

#[test]
fn a_repetition_is_answered_with_the_first_offset_and_writes_nothing() {
    let place = memory();
    let (log, _) = place.open(&small(), OpenAs::unclean());
    append(&log, &batch(3, 10, 0), 0).expect("appended");
    let first = append(&log, &by_producer(7, 0, 2), 0).expect("appended");
    let again = append(&log, &by_producer(7, 0, 2), 0).expect("a repetition");
    assert!(again.duplicate && !first.duplicate);
    assert_eq!((again.base_offset, again.last_offset), (Offset(3), Offset(4)));
    // Kafka answers with the batch's own time.
    assert_eq!(again.log_append_time, START_MS + 1);
    assert_eq!(log.log_end(), Offset(5));
    let refused = append(&log, &by_producer(7, 3, 1), 0).expect_err("2 comes next");
    assert_eq!(refused.error_code(), ErrorCode::OutOfOrderSequenceNumber);
    assert_eq!(log.log_end(), Offset(5));
}

#[test]
fn five_batches_of_each_producer_are_known_after_every_kind_of_restart() {
    type Stop = fn(&Place, PartitionLog);
    let stops: [(&str, Stop); 4] = [
        ("clean", |_, log| log.close().expect("closed")),
        ("killed", |_, log| drop(log)),
        ("killed after a checkpoint in the middle of it", |_, log| {
            log.checkpoint().expect("written");
            append(&log, &by_producer(7, 18, 2), 0).expect("appended");
        }),
        ("killed, and the states are lost", |place, log| {
            log.close().expect("closed");
            lose_states(place);
        }),
    ];
    for (how, stop) in stops {
        let place = memory();
        let (log, _) = place.open(&settings(), OpenAs::unclean());
        for n in 0..9 {
            append(&log, &by_producer(7, n * 2, 2), 0).expect("appended");
            append(&log, &by_producer(8, n, 1), 0).expect("appended");
        }
        assert!(log.segment_count() > 2);
        stop(&place, log);
        let (log, _) = place.open(&settings(), OpenAs::unclean());
        let end = log.log_end();
        let next = if how.contains("middle") { 20 } else { 18 };
        for n in (0..next).step_by(2).rev().take(5) {
            assert!(append(&log, &by_producer(7, n, 2), 0).expect("known").duplicate, "{how}: {n}");
        }
        assert!(append(&log, &by_producer(7, 0, 2), 0).is_err(), "{how}: only five are known");
        assert_eq!(log.log_end(), end);
        assert!(!append(&log, &by_producer(7, next, 2), 0).expect("the next one").duplicate, "{how}");
        assert!(!append(&log, &by_producer(8, 9, 1), 0).expect("the next one").duplicate, "{how}");
        let known: Vec<(i64, usize, i32)> =
            log.producers().iter().map(|p| (p.producer_id, p.batches().len(), p.last_sequence())).collect();
        assert_eq!(known, [(7, 5, next + 1), (8, 5, 9)], "{how}");
    }
}

#[test]
fn an_idle_producer_is_forgotten_in_memory_and_at_a_start() {
    let place = memory();
    let settings = LogSettings { producer_expiration_ms: 1000, ..small() };
    let (log, _) = place.open(&settings, OpenAs::unclean());
    append(&log, &by_producer(7, 5, 1), 0).expect("appended");
    log.expire_producers(at(999));
    assert_eq!(log.producers().len(), 1);
    log.expire_producers(at(1000));
    assert_eq!(log.producers().len(), 0);
    append(&log, &by_producer(7, 50, 1), 2000).expect("anything is accepted of a stranger");
    log.close().expect("closed");
    drop(log);
    let opened = PartitionLog::open(place.disk.clone(), &place.dir, settings, OpenAs::clean(), at(3000));
    assert_eq!(opened.expect("opens").0.producers().len(), 0);
}

#[test]
fn open_transactions_hold_back_readers_of_committed_data() {
    let place = memory();
    let (log, _) = place.open(&small(), OpenAs::unclean());
    append(&log, &batch(2, 10, 0), 0).expect("appended");
    append(&log, &transactional(7, 0, 2), 0).expect("appended");
    append(&log, &transactional(8, 0, 1), 0).expect("appended");
    assert_eq!(log.last_stable_offset(Offset(5)), Offset(2));
    assert_eq!(append(&log, &by_producer(7, 2, 1), 0).expect_err("not in it").error_code(), ErrorCode::InvalidTxnState);
    append(&log, &marker(7, true), 0).expect("committed");
    assert_eq!(log.last_stable_offset(Offset(6)), Offset(4));
    append(&log, &marker(8, false), 0).expect("aborted");
    assert_eq!(log.last_stable_offset(Offset(6)), Offset(4), "the marker is not visible yet");
    assert_eq!(log.last_stable_offset(Offset(7)), Offset(7));
    append(&log, &transactional(7, 2, 1), 0).expect("the next transaction");
    assert_eq!(log.last_stable_offset(Offset(8)), Offset(7));
}

#[test]
fn aborted_transactions_are_found_after_every_kind_of_restart() {
    for round in 0..4 {
        let place = memory();
        let settings = settings();
        let (log, _) = place.open(&settings, OpenAs::unclean());
        // Producer 7 commits and aborts in turns; producer 8's transaction spans segments and is aborted late.
        append(&log, &transactional(8, 0, 1), 0).expect("appended");
        let mut wanted = Vec::new();
        for n in 0..8 {
            let first = append(&log, &transactional(7, n, 1), 0).expect("appended").base_offset;
            let end = append(&log, &marker(7, n % 2 == 0), 0).expect("appended").base_offset;
            if n % 2 == 1 {
                let (producer_id, last_stable_offset) = (7, Offset(0));
                wanted.push(AbortedTxn { producer_id, first_offset: first, last_offset: end, last_stable_offset });
            }
        }
        let end = append(&log, &marker(8, false), 0).expect("appended").base_offset;
        let late =
            AbortedTxn { producer_id: 8, first_offset: Offset(0), last_offset: end, last_stable_offset: end.plus(1) };
        wanted.push(late);
        assert!(log.segment_count() > 2);
        let log = match round {
            0 => log,
            1 => {
                log.close().expect("closed");
                drop(log);
                place.open(&settings, OpenAs::clean()).0
            }
            2 => {
                drop(log);
                place.open(&settings, OpenAs::unclean()).0
            }
            _ => {
                log.close().expect("closed");
                drop(log);
                lose_states(&place);
                for name in place.disk.list(&place.dir).expect("listed") {
                    if name.ends_with(".txnindex") {
                        place.disk.remove(&place.file(&name)).expect("removed");
                    }
                }
                place.open(&settings, OpenAs::unclean()).0
            }
        };
        let all = log.aborted_transactions(Offset(0), log.log_end()).expect("readable");
        assert_eq!(all, wanted, "round {round}");
        // Only those that overlap what is read.
        let some = log.aborted_transactions(Offset(5), Offset(8)).expect("readable");
        assert_eq!(
            some,
            wanted
                .iter()
                .filter(|txn| txn.last_offset >= Offset(5) && txn.first_offset < Offset(8))
                .copied()
                .collect::<Vec<_>>()
        );
        assert_eq!(log.last_stable_offset(log.log_end()), log.log_end());
    }
}

#[test]
fn a_damaged_transaction_index_is_made_anew() {
    let place = memory();
    let settings = settings();
    let (log, _) = place.open(&settings, OpenAs::unclean());
    append(&log, &transactional(8, 0, 1), 0).expect("appended");
    for n in 0..8 {
        append(&log, &transactional(7, n, 1), 0).expect("appended");
        append(&log, &marker(7, false), 0).expect("appended");
    }
    append(&log, &marker(8, false), 0).expect("appended");
    let wanted = log.aborted_transactions(Offset(0), log.log_end()).expect("readable");
    assert_eq!(wanted.len(), 9);
    log.close().expect("closed");
    drop(log);
    let mut names = place.disk.list(&place.dir).expect("listed");
    names.retain(|name| name.ends_with(".txnindex"));
    assert!(names.len() > 2);
    for name in names {
        let right = place.bytes(&name);
        let mut damages: Vec<Vec<u8>> = (0..right.len()).map(|cut| right[..cut].to_vec()).collect();
        damages.extend((0..right.len()).map(|at| {
            let mut garbled = right.clone();
            garbled[at] ^= 1;
            garbled
        }));
        damages.push([&right[..], &right[..]].concat());
        for damaged in damages {
            place.overwrite(&name, &damaged);
            let (log, _) = place.open(&settings, OpenAs::clean());
            assert_eq!(log.aborted_transactions(Offset(0), log.log_end()).expect("readable"), wanted);
            drop(log);
            assert!(place.bytes(&name).starts_with(&right), "{name}");
        }
    }
}

/// The batches say which transactions were aborted, whatever else is lost.
#[test]
fn a_transaction_index_that_nothing_vouches_for_is_made_anew() {
    let place = memory();
    let settings = settings();
    let (log, _) = place.open(&settings, OpenAs::unclean());
    append(&log, &transactional(8, 0, 1), 0).expect("appended");
    for n in 0..8 {
        append(&log, &transactional(7, n, 1), 0).expect("appended");
        append(&log, &marker(7, false), 0).expect("appended");
    }
    append(&log, &marker(8, false), 0).expect("appended");
    let wanted = log.aborted_transactions(Offset(0), log.log_end()).expect("readable");
    log.close().expect("closed");
    drop(log);
    let mut names = place.disk.list(&place.dir).expect("listed");
    names.sort();
    let newest = names.iter().rfind(|name| name.ends_with(".producers")).expect("there").clone();
    for name in names.iter().filter(|name| name.ends_with(".producers") && **name != newest) {
        place.disk.remove(&place.file(name)).expect("removed");
    }
    let indexes: Vec<&String> = names.iter().filter(|name| name.ends_with(".txnindex")).collect();
    assert!(indexes.len() > 2);
    for name in indexes {
        let right = place.bytes(name);
        for at in 0..right.len() {
            let mut garbled = right.clone();
            garbled[at] ^= 1;
            place.overwrite(name, &garbled);
            let (log, _) = place.open(&settings, OpenAs::clean());
            assert_eq!(log.aborted_transactions(Offset(0), log.log_end()).expect("readable"), wanted, "{name}: {at}");
        }
    }
}

#[test]
fn a_transaction_index_that_is_misread_is_read_again() {
    let disk = MemoryDisk::new();
    let place = Place::on(Arc::new(disk.clone()));
    let (log, _) = place.open(&settings(), OpenAs::unclean());
    append(&log, &transactional(7, 0, 1), 0).expect("appended");
    append(&log, &marker(7, false), 0).expect("appended");
    let wanted = log.aborted_transactions(Offset(0), Offset(2)).expect("readable");
    for bit in 0..AbortedTxn::BYTES * 8 {
        let mut is_due = true;
        disk.watch_reads(move |path, bytes| {
            if path.extension().is_some_and(|extension| extension == "txnindex") && std::mem::take(&mut is_due) {
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
        });
        assert_eq!(log.aborted_transactions(Offset(0), Offset(2)).expect("readable"), wanted, "bit {bit}");
    }
}

#[test]
fn a_damaged_index_costs_no_aborted_transaction() {
    let settings = LogSettings { segment_bytes: 10_000, ..small() };
    let killed = || {
        let place = memory();
        let (log, _) = place.open(&settings, OpenAs::unclean());
        for n in 0..8 {
            append(&log, &transactional(7, n, 1), 0).expect("appended");
            append(&log, &marker(7, false), 0).expect("appended");
        }
        log.checkpoint().expect("written");
        append(&log, &batch(1, 10, 0), 0).expect("appended");
        let wanted = log.aborted_transactions(Offset(0), log.log_end()).expect("readable");
        (place, wanted)
    };
    let name = "00000000000000000000.index";
    let bytes = killed().0.bytes(name).len();
    assert!(bytes >= 16, "{bytes}");
    let mut noticed = 0;
    for bit in 0..bytes * 8 {
        let (place, wanted) = killed();
        assert_eq!(wanted.len(), 8);
        let mut damaged = place.bytes(name);
        damaged[bit / 8] ^= 1 << (bit % 8);
        place.overwrite(name, &damaged);
        let (log, report) = place.open(&settings, OpenAs::unclean());
        noticed += usize::from(report.findings.iter().any(|note| note.contains("did not fit and were made anew")));
        let found = log.aborted_transactions(Offset(0), log.log_end()).expect("readable");
        assert_eq!((log.log_end(), found), (Offset(17), wanted), "bit {bit}");
    }
    assert!(noticed > 0);
}

#[test]
fn an_abort_that_can_not_be_indexed_is_not_appended() {
    let disk = MemoryDisk::new();
    let place = Place::on(Arc::new(disk.clone()));
    let (log, _) = place.open(&small(), OpenAs::unclean());
    append(&log, &transactional(7, 0, 1), 0).expect("appended");
    disk.watch(|operation, path| {
        let index = path.extension().is_some_and(|extension| extension == "txnindex");
        (operation == Operation::Write && index).then(|| std::io::ErrorKind::StorageFull.into())
    });
    let refused = append(&log, &marker(7, false), 0).expect_err("readers would miss it");
    assert_eq!(refused.error_code(), ErrorCode::KafkaStorageError);
    assert_eq!((log.log_end(), log.last_stable_offset(Offset(1))), (Offset(1), Offset(0)));
    disk.unwatch();
    append(&log, &marker(7, false), 0).expect("healed");
    assert_eq!(log.last_stable_offset(Offset(2)), Offset(2));
    assert_eq!(log.aborted_transactions(Offset(0), Offset(2)).expect("readable").len(), 1);
}

#[test]
fn a_transaction_that_was_open_at_a_crash_is_open_after_it() {
    for states in [true, false] {
        let place = memory();
        let (log, _) = place.open(&small(), OpenAs::unclean());
        append(&log, &transactional(7, 0, 2), 0).expect("appended");
        log.checkpoint().expect("written");
        append(&log, &transactional(7, 2, 2), 0).expect("appended");
        drop(log);
        if !states {
            lose_states(&place);
        }
        let (log, _) = place.open(&small(), OpenAs::unclean());
        assert_eq!(log.last_stable_offset(Offset(4)), Offset(0));
        append(&log, &marker(7, false), 0).expect("aborted");
        assert_eq!(log.last_stable_offset(Offset(5)), Offset(5));
        assert_eq!(log.aborted_transactions(Offset(0), Offset(5)).expect("readable").len(), 1);
    }
}
