//! A disk that refuses: failed writes, failed fsyncs, a full disk; and that everything goes on afterwards.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use crate::base::{ErrorCode, Offset};
use crate::log::bounds::PROBE_INTERVAL_MS;
use crate::log::memory_disk::{Fault, MemoryDisk, Operation};
use crate::log::testing::*;
use crate::log::{Disk, FlushPolicy, LogSettings, OpenAs, PartitionLog, checkpoint_many, flush_many};

/// Operations of one kind on log files fail.
fn refuse(disk: &MemoryDisk, refused: Operation, written: usize) {
    disk.watch(move |operation, path| {
        (operation == refused && is_log(path)).then(|| Fault { error: io::ErrorKind::StorageFull.into(), written })
    });
}

fn all(log: &PartitionLog) -> Vec<(i64, i64)> {
    spans(&read_from(log, log.log_start(), 1000).expect("readable").0)
}

#[test]
fn a_full_disk_refuses_appends_and_heals_by_itself() {
    for written in [0, 1, 50, 200] {
        let (disk, place) = memory();
        let (log, _) = place.open(&LogSettings::default(), OpenAs::unclean());
        append(&log, &batch(2, 100, 0), 0).expect("appended");
        disk.watch(move |operation, _| {
            (operation == Operation::Write).then(|| Fault { error: io::ErrorKind::StorageFull.into(), written })
        });
        let refused = append(&log, &batch(3, 100, 0), 0).expect_err("the disk is full");
        assert_eq!(refused.error_code(), ErrorCode::KafkaStorageError);
        assert!(refused.to_string().contains("00000000000000000000.log"), "{refused}");
        // Nothing is lost, reading and flushing go on.
        assert_eq!(all(&log), [(0, 1)]);
        assert_eq!(log.flush().expect("nothing was taken back"), Offset(2));
        // The next append probes, in vain; then the disk is left alone for a while, whatever its state.
        assert!(append(&log, &batch(1, 1, 0), 0).is_err());
        disk.unwatch();
        let early = append(&log, &batch(1, 1, 0), PROBE_INTERVAL_MS - 1).expect_err("too early to try again");
        assert!(early.to_string().contains("until a probe write succeeds"), "{early}");
        append(&log, &batch(1, 1, 0), PROBE_INTERVAL_MS).expect("there is room again");
        assert_eq!(log.failure(), None);
        assert_eq!(all(&log), [(0, 1), (2, 2)]);
        assert_eq!(log.cuts(), 0);
        assert_eq!(log.segment_count(), 1);
    }
}

#[test]
fn a_write_that_can_not_be_taken_back_ends_the_segment() {
    let (disk, place) = memory();
    let (log, _) = place.open(&LogSettings::default(), OpenAs::unclean());
    append(&log, &batch(2, 100, 0), 0).expect("appended");
    disk.watch(|operation, path| {
        let fails = matches!(operation, Operation::Write | Operation::SetLen) && is_log(path);
        fails.then(|| Fault { error: io::Error::other("broken"), written: 30 })
    });
    assert!(append(&log, &batch(3, 100, 0), 0).is_err());
    disk.unwatch();
    append(&log, &batch(1, 1, 0), 0).expect("a new segment");
    assert_eq!(log.segment_count(), 2);
    assert_eq!(all(&log), [(0, 1), (2, 2)]);
    log.flush().expect("flushed");
    drop(log);
    let (log, report) = place.open(&LogSettings::default(), OpenAs::unclean());
    assert_eq!(report.holes, 0, "{report:?}");
    assert_eq!(all(&log), [(0, 1), (2, 2)]);
}

#[test]
fn a_failed_fsync_cuts_to_the_flushed_end_and_goes_on_in_a_new_segment() {
    // Nothing flushed before, something in the same segment, something in an earlier one.
    for (flushed, lost, segments) in [(0, 3, 1), (2, 3, 2), (2, 12, 2), (15, 12, 3)] {
        let (disk, place) = memory();
        let (log, _) = place.open(&small(), OpenAs::unclean());
        for n in 0..flushed {
            append(&log, &by_producer(7, n, 1), 0).expect("appended");
        }
        log.flush().expect("flushed");
        for n in flushed..flushed + lost {
            append(&log, &by_producer(7, n, 1), 0).expect("appended");
        }
        refuse(&disk, Operation::SyncData, 0);
        let error = log.flush().expect_err("the disk failed");
        assert_eq!(error.error_code(), ErrorCode::KafkaStorageError);
        assert_eq!(log.cuts(), 1);
        let end = Offset(i64::from(flushed));
        assert_eq!((log.log_end(), log.flushed_end()), (end, end));
        assert_eq!(log.unflushed_bytes(), 0);
        assert_eq!(all(&log).len(), flushed as usize);
        // A probe must succeed first, fsync included.
        disk.watch(|operation, _| (operation == Operation::SyncData).then(|| io::ErrorKind::Other.into()));
        assert!(append(&log, &by_producer(7, flushed, 1), 0).is_err());
        disk.unwatch();
        // What the producer sends again is neither a repetition nor out of order: the log has forgotten it.
        let appended = append(&log, &by_producer(7, flushed, 1), PROBE_INTERVAL_MS).expect("healed");
        assert!(!appended.duplicate);
        assert_eq!(appended.base_offset, end);
        assert_eq!(log.segment_count(), segments, "{flushed} flushed");
        assert_eq!(log.flush().expect("the new file is good"), end.plus(1));
        let kept = all(&log);
        log.close().expect("closed");
        drop(log);
        let (log, _) = place.open(&small(), OpenAs::unclean());
        assert_eq!(all(&log), kept);
        assert!(append(&log, &by_producer(7, flushed, 1), 0).expect("known").duplicate);
    }
}

#[test]
fn who_waits_can_tell_whether_a_record_survived_the_cuts() {
    let (disk, place) = memory();
    let (log, _) = place.open(&small(), OpenAs::unclean());
    let mut appended = Vec::new();
    for round in 0..3 {
        let kept = append(&log, &batch(1, 10, 0), 0).expect("appended");
        log.flush().expect("flushed");
        let lost = append(&log, &batch(1, 10, 0), 0).expect("appended");
        assert!(log.survived(lost.last_offset, lost.cuts));
        refuse(&disk, Operation::SyncData, 0);
        assert!(log.flush().is_err());
        disk.unwatch();
        appended.push((kept, true));
        appended.push((lost, false));
        // Another takes the place of the lost one.
        let next = append(&log, &batch(1, 10, 0), 0).expect("healed");
        assert_eq!(next.base_offset, lost.base_offset, "round {round}");
        log.flush().expect("flushed");
        appended.push((next, true));
        for (appended, survives) in &appended {
            assert_eq!(log.survived(appended.last_offset, appended.cuts), *survives, "{appended:?}");
        }
    }
}

#[test]
fn a_failed_fsync_takes_nothing_back_that_a_start_found() {
    let (disk, place) = memory();
    let (log, _) = place.open(&small(), OpenAs::unclean());
    append(&log, &batch(2, 10, 0), 0).expect("appended");
    log.flush().expect("flushed");
    drop(log);
    let (log, _) = place.open(&small(), OpenAs::unclean());
    assert_eq!(log.flushed_end(), Offset(0), "found, but not known to be on disk");
    append(&log, &batch(1, 10, 0), 0).expect("appended");
    refuse(&disk, Operation::SyncData, 0);
    assert!(log.flush().is_err());
    assert_eq!(log.log_end(), Offset(2));
    assert_eq!(all(&log), [(0, 1)]);
    // It is written once more before it is flushed; from then on it is vouched for.
    assert_eq!((log.flushed_end(), log.recovery_point()), (Offset(0), Offset(0)));
    disk.unwatch();
    append(&log, &batch(1, 10, 0), PROBE_INTERVAL_MS).expect("healed");
    log.checkpoint().expect("written");
    assert_eq!(log.recovery_point(), Offset(3));
}

#[test]
fn what_was_visible_before_flushes_were_promised_is_not_taken_back() {
    let (disk, place) = memory();
    let (log, _) = place.open(&LogSettings { flush_policy: FlushPolicy::Os, ..small() }, OpenAs::unclean());
    append(&log, &batch(2, 10, 0), 0).expect("appended");
    log.set_settings(small());
    append(&log, &batch(3, 10, 0), 0).expect("appended");
    refuse(&disk, Operation::SyncData, 0);
    assert!(log.flush().is_err());
    assert_eq!((log.log_end(), log.cuts()), (Offset(2), 1));
    assert_eq!(all(&log), [(0, 1)]);
}

#[test]
fn without_the_promise_of_fsync_nothing_is_taken_back() {
    let (disk, place) = memory();
    let settings = LogSettings { flush_policy: FlushPolicy::Os, ..small() };
    let (log, _) = place.open(&settings, OpenAs::unclean());
    append(&log, &batch(2, 10, 0), 0).expect("appended");
    refuse(&disk, Operation::SyncData, 0);
    assert!(log.flush().is_err());
    assert_eq!((log.cuts(), log.log_end()), (0, Offset(2)));
    disk.unwatch();
    append(&log, &batch(1, 10, 0), 0).expect("healed");
    assert_eq!(log.segment_count(), 2);
    assert_eq!(all(&log), [(0, 1), (2, 2)]);
    // To ask again would say yes, and do nothing: it is written once more first, and then a state may vouch for it.
    log.checkpoint().expect("flushed");
    assert_eq!((log.recovery_point(), log.flushed_end()), (Offset(3), Offset(3)));
    drop(log);
    disk.crash();
    assert_eq!(all(&place.open(&settings, OpenAs::unclean()).0), [(0, 1), (2, 2)]);
}

#[test]
fn a_flush_counts_only_what_was_there_when_it_began() {
    let (_, place) = memory();
    let (log, _) = place.open(&small(), OpenAs::unclean());
    append(&log, &batch(2, 10, 0), 0).expect("appended");
    let ticket = log.begin_flush().expect("in use");
    append(&log, &batch(3, 10, 0), 0).expect("appended");
    ticket.sync().expect("synced");
    assert_eq!(ticket.finish(), Offset(2));
    assert_eq!(log.flushed_end(), Offset(2));
    assert!(log.unflushed_bytes() > 0);
    // Who gives up changes nothing.
    drop(log.begin_flush().expect("in use"));
    assert_eq!(log.flushed_end(), Offset(2));
    assert_eq!(log.flush().expect("flushed"), Offset(5));
    assert_eq!(log.unflushed_bytes(), 0);
}

#[test]
fn appends_and_reads_go_on_while_the_disk_syncs_and_callers_share_one_sync() {
    let (disk, place) = memory();
    let (log, _) = place.open(&small(), OpenAs::unclean());
    append(&log, &batch(1, 10, 0), 0).expect("appended");
    let (entered, is_syncing) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let syncs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&syncs);
    let slow = disk.clone();
    std::thread::scope(|scope| {
        // The first sync stops until it is let go; the rule is taken out first, as it is held while it runs.
        let mut gate = Some((entered, may_go_on));
        slow.watch_blocking(move |operation, path| {
            if operation == Operation::SyncData && is_log(path) {
                counted.fetch_add(1, Ordering::SeqCst);
                if let Some((entered, may_go_on)) = gate.take() {
                    entered.send(()).expect("somebody waits");
                    may_go_on.recv().expect("somebody lets it go");
                }
            }
        });
        let first = scope.spawn(|| log.flush().expect("flushed"));
        is_syncing.recv().expect("the flush began");
        append(&log, &batch(1, 10, 0), 0).expect("not held up");
        assert_eq!(all(&log), [(0, 0), (1, 1)]);
        let others: Vec<_> = (0..4).map(|_| scope.spawn(|| log.flush().expect("flushed"))).collect();
        go_on.send(()).expect("it waits");
        assert_eq!(first.join().expect("no panic"), Offset(1));
        for other in others {
            assert_eq!(other.join().expect("no panic"), Offset(2));
        }
    });
    assert_eq!(syncs.load(Ordering::SeqCst), 2, "one for the first batch, one for all who came later");
}

#[test]
fn many_logs_share_a_sync_and_one_bad_file_costs_only_its_log() {
    let disk = MemoryDisk::new();
    let places: Vec<Place> = (0..6)
        .map(|n| {
            let mut place = Place::on(Arc::new(disk.clone()));
            place.dir = format!("/data/t/partition-{n}").into();
            place
        })
        .collect();
    let logs: Vec<PartitionLog> = places.iter().map(|place| place.open(&small(), OpenAs::unclean()).0).collect();
    let borrowed: Vec<&PartitionLog> = logs.iter().collect();
    let counts = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let counted = Arc::clone(&counts);
    disk.watch(move |operation, _| {
        match operation {
            Operation::SyncFs => counted.0.fetch_add(1, Ordering::Relaxed),
            Operation::SyncData | Operation::SyncDir => counted.1.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
        None
    });
    let append_to_all = |ms| {
        for log in &logs {
            append(log, &batch(1, 10, 0), ms).expect("appended");
        }
    };
    append_to_all(0);
    assert!(flush_many(&disk, &borrowed).into_iter().all(|flushed| flushed.is_ok_and(|end| end == Offset(1))));
    assert_eq!((counts.0.load(Ordering::Relaxed), counts.1.load(Ordering::Relaxed)), (1, 0));
    assert!(checkpoint_many(&disk, &borrowed).into_iter().all(|done| done.is_ok()));
    assert_eq!((counts.0.load(Ordering::Relaxed), counts.1.load(Ordering::Relaxed)), (3, 0));
    assert!(logs.iter().all(|log| log.recovery_point() == Offset(1) && !log.wants_checkpoint()));
    append_to_all(0);
    disk.watch(|operation, path| {
        let bad = path.starts_with("/data/t/partition-3") && operation == Operation::SyncData;
        (bad || operation == Operation::SyncFs).then(|| io::ErrorKind::Other.into())
    });
    for (n, flushed) in flush_many(&disk, &borrowed).into_iter().enumerate() {
        assert_eq!(flushed.is_ok(), n != 3);
        assert_eq!(logs[n].log_end(), Offset(if n == 3 { 1 } else { 2 }));
    }
}

#[test]
fn a_checkpoint_that_fails_leaves_the_old_one_and_the_log_as_they_were() {
    for refused in [Operation::Write, Operation::SyncData, Operation::Rename, Operation::SyncDir] {
        let (disk, place) = memory();
        let (log, _) = place.open(&small(), OpenAs::unclean());
        append(&log, &batch(2, 10, 0), 0).expect("appended");
        log.checkpoint().expect("written");
        append(&log, &batch(2, 10, 0), 0).expect("appended");
        disk.watch(move |operation, path| {
            (operation == refused && !is_log(path)).then(|| io::ErrorKind::StorageFull.into())
        });
        assert!(log.checkpoint().is_err(), "{refused:?}");
        assert_eq!(log.recovery_point(), Offset(2), "{refused:?}");
        append(&log, &batch(1, 10, 0), 0).expect("the log itself is well");
        disk.unwatch();
        assert_eq!(log.checkpoint().expect("written"), Offset(5));
        assert_eq!(log.recovery_point(), Offset(5));
        drop(log);
        disk.crash();
        let (log, report) = place.open(&small(), OpenAs::unclean());
        assert_eq!(report.scanned_bytes, 0, "{refused:?}: {report:?}");
        assert_eq!(log.log_end(), Offset(5));
    }
}

#[test]
fn retention_makes_room_on_a_disk_too_full_for_a_new_segment() {
    let (disk, place) = memory();
    let (log, _) = place.open(&small(), OpenAs::unclean());
    for _ in 0..30 {
        append(&log, &batch(1, 100, 0), 0).expect("appended");
    }
    log.flush().expect("flushed");
    log.set_settings(LogSettings { retention_ms: 0, ..small() });
    let before = log.segment_count();
    disk.watch(|operation, path| {
        let creates = operation == Operation::Open && path.ends_with("00000000000000000030.log");
        creates.then(|| io::ErrorKind::StorageFull.into())
    });
    let retained = log.retain(at(1000), Offset(30)).expect("all but the active segment go");
    assert_eq!((retained.removed_segments, log.segment_count()), (before - 1, 1));
    disk.unwatch();
    let retained = log.retain(at(1000), Offset(30)).expect("now there is room");
    assert_eq!((retained.removed_segments, log.log_start()), (1, Offset(30)));
}

#[test]
fn what_can_not_be_removed_now_goes_at_the_next_start() {
    let (disk, place) = memory();
    let (log, _) = place.open(&small(), OpenAs::unclean());
    for _ in 0..30 {
        append(&log, &batch(1, 100, 0), 0).expect("appended");
    }
    log.flush().expect("flushed");
    disk.watch(|operation, path| (operation == Operation::Remove && is_log(path)).then(|| io::ErrorKind::Other.into()));
    assert!(log.trim(Offset(25)).is_err());
    assert_eq!(log.log_start(), Offset(25));
    disk.unwatch();
    let segments = log.segment_count();
    drop(log);
    let start = OpenAs { log_start: Offset(25), ..OpenAs::unclean() };
    let (log, _) = place.open(&small(), start);
    assert_eq!((log.log_start(), log.log_end(), log.segment_count()), (Offset(25), Offset(30), segments));
    let left = disk.list(&place.dir).expect("listed").into_iter().filter(|name| name.ends_with(".log")).count();
    assert_eq!(left, segments);
}

#[test]
fn a_state_never_speaks_of_what_was_appended_while_its_checkpoint_began() {
    let (_, place) = memory();
    let (log, _) = place.open(&LogSettings { segment_bytes: 20_000, ..small() }, OpenAs::unclean());
    let stop = AtomicUsize::new(0);
    let beyond = std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let one = batch(1, 10, 0);
                while stop.load(Ordering::Relaxed) == 0 {
                    append(&log, &one, 0).expect("appended");
                }
            });
        }
        let began = std::time::Instant::now();
        let mut beyond = None;
        while beyond.is_none() && began.elapsed().as_millis() < 1500 {
            let flushed = log.checkpoint().expect("written");
            let state = log.writer.lock().states.last().copied();
            beyond = state.filter(|state| *state > flushed).or(Some(log.recovery_point()).filter(|end| *end > flushed));
        }
        stop.store(1, Ordering::Relaxed);
        beyond
    });
    assert_eq!(beyond, None, "a state at this offset, and less was synced");
}

/// What a crash left ended with a segment, and the first flush after the start failed: the log was cut to a mark that
/// named no segment, and every segment was removed.
#[test]
fn a_failed_flush_after_a_start_takes_nothing_that_was_there() {
    let (disk, place) = memory();
    let (log, _) = place.open(&small(), OpenAs::unclean());
    for n in 0..20 {
        append(&log, &by_producer(7, n, 1), 0).expect("appended");
    }
    log.checkpoint().expect("written");
    let end = log.log_end();
    // A new segment that holds nothing whole.
    let torn = place.file(&crate::log::names::file(end, crate::log::names::Kind::Log));
    drop(log);
    crate::log::testing::overwrite(&disk, &torn, &batch(1, 100, 0)[..40]);
    disk.sync_fs(&place.dir).expect("synced");
    let (log, _) = place.open(&small(), OpenAs { recovery_point: end, ..OpenAs::unclean() });
    let before = all(&log);
    assert_eq!(before.len(), 20);
    disk.watch(|operation, _| (operation == Operation::SyncDir).then(|| io::ErrorKind::Other.into()));
    assert!(log.flush().is_err());
    disk.unwatch();
    assert_eq!(all(&log), before);
    append(&log, &by_producer(7, 20, 1), PROBE_INTERVAL_MS).expect("healed");
    drop(log);
    let (log, _) = place.open(&small(), OpenAs::unclean());
    assert_eq!(all(&log).len(), 21);
}

/// A flush failed, and the disk refused to be read, too: the log forgot its producers, and took what they sent again for
/// something new.
#[test]
fn producers_that_can_not_be_read_back_are_not_forgotten() {
    let (disk, place) = memory();
    let (log, _) = place.open(&small(), OpenAs::unclean());
    for n in 0..5 {
        append(&log, &by_producer(7, n, 1), 0).expect("appended");
    }
    log.flush().expect("flushed");
    append(&log, &by_producer(7, 5, 1), 0).expect("appended");
    disk.watch(|operation, path| {
        let read = matches!(operation, Operation::Read | Operation::Open) && is_log(path);
        (operation == Operation::SyncData || read).then(|| io::ErrorKind::Other.into())
    });
    assert!(log.flush().is_err());
    disk.unwatch();
    disk.watch(|operation, path| (operation == Operation::Read && is_log(path)).then(|| io::ErrorKind::Other.into()));
    let refused = append(&log, &by_producer(7, 4, 1), 0).expect_err("nobody knows what it sent");
    assert_eq!(refused.error_code(), ErrorCode::KafkaStorageError);
    assert!(log.checkpoint().is_ok() && log.recovery_point() < log.log_end(), "no state says what is not known");
    disk.unwatch();
    let again = append(&log, &by_producer(7, 4, 1), PROBE_INTERVAL_MS).expect("known again");
    assert_eq!((again.duplicate, again.base_offset), (true, Offset(4)));
    let next = append(&log, &by_producer(7, 5, 1), PROBE_INTERVAL_MS).expect("what was cut comes again");
    assert_eq!((next.duplicate, next.base_offset), (false, Offset(5)));
}

/// A start could not flush what it had found. The next one asked for the same flush again, to which Linux says yes without
/// doing anything; what readers saw then was gone with the power.
#[test]
fn what_a_start_could_not_flush_is_written_again_before_the_next_flush() {
    for restarts in [false, true] {
        let (disk, place) = memory();
        let (log, _) = place.open(&small(), OpenAs::unclean());
        log.flush().expect("flushed");
        for n in 0..20 {
            append(&log, &batch(1, 100, n), n).expect("appended");
        }
        drop(log);
        disk.sync_dir(&place.dir).expect("synced");
        let (mut log, _) = place.open(&small(), OpenAs::unclean());
        let before = all(&log);
        assert_eq!(before.len(), 20);
        disk.give_up_at_refused_syncs();
        disk.watch(|operation, _| (operation == Operation::SyncData).then(|| io::ErrorKind::Other.into()));
        log.flush().expect_err("refused");
        disk.unwatch();
        if restarts {
            drop(log);
            log = place.open(&small(), OpenAs::unclean()).0;
        }
        assert_eq!(log.flush().expect("flushed"), Offset(20));
        let note = place.file(crate::log::names::FLUSH_FAILED);
        assert!(disk.facts(&note).is_err(), "nothing is due any more");
        drop(log);
        disk.crash();
        assert_eq!(all(&place.open(&small(), OpenAs::unclean()).0), before, "restarts: {restarts}");
    }
}
