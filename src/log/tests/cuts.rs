//! What a cut leaves: nothing of it comes back, nothing stands in the way of what comes after it.

use std::io;
use std::path::Path;

use crate::base::Offset;
use crate::log::bounds::PROBE_INTERVAL_MS;
use crate::log::memory_disk::Operation;
use crate::log::testing::*;
use crate::log::{Disk, FlushPolicy, LogSettings, OpenAs, PartitionLog};

fn all(log: &PartitionLog) -> Vec<(i64, i64)> {
    spans(&read_from(log, log.log_start(), 1000).expect("readable").0)
}

/// What a cut could not remove stands in the way of a log that grows past it: the next start would end it there.
#[test]
fn what_a_cut_leaves_behind_goes_before_anything_is_appended() {
    let (disk, place) = memory();
    let (log, _) = place.open(&small(), OpenAs::unclean());
    log.flush().expect("flushed");
    for n in 0..30 {
        append(&log, &batch(1, 100, n), n).expect("appended");
    }
    assert!(log.segment_count() > 3);
    disk.watch(|operation, _| {
        matches!(operation, Operation::SyncData | Operation::Remove).then(|| io::ErrorKind::Other.into())
    });
    log.flush().expect_err("refused");
    assert_eq!(log.log_end(), Offset(0));
    disk.watch(|operation, path| (operation == Operation::Remove && is_log(path)).then(|| io::ErrorKind::Other.into()));
    append(&log, &batch(1, 100, 0), 0).expect_err("they are still there");
    disk.unwatch();
    for n in 0..40 {
        append(&log, &batch(1, 90, n), PROBE_INTERVAL_MS + n).expect("appended");
    }
    log.flush().expect("flushed");
    drop(log);
    disk.crash();
    let (log, report) = place.open(&small(), OpenAs::unclean());
    assert_eq!((log.log_end(), report.cut_bytes, report.holes), (Offset(40), 0, 0), "{report:?}");
    assert_eq!(all(&log).len(), 40);
}

/// The same for what a start could not remove.
#[test]
fn what_follows_a_torn_tail_goes_before_anything_is_appended() {
    let (disk, place) = memory();
    let (log, _) = place.open(&small(), OpenAs::unclean());
    for n in 0..30 {
        append(&log, &batch(1, 100, n), n).expect("appended");
    }
    drop(log);
    disk.sync_dir(&place.dir).expect("synced");
    let torn = |path: &Path| path.ends_with("00000000000000000000.log");
    disk.crash_keeping(|path, _, cached| cached[..if torn(path) { 300 } else { cached.len() }].to_vec());
    disk.watch(|operation, path| (operation == Operation::Remove && is_log(path)).then(|| io::ErrorKind::Other.into()));
    let (log, report) = place.open(&small(), OpenAs::unclean());
    let end = log.log_end().0;
    assert!(end < 5, "{report:?}");
    append(&log, &batch(1, 100, 0), 0).expect_err("they are still there");
    disk.unwatch();
    for n in 0..40 {
        append(&log, &batch(1, 90, n), PROBE_INTERVAL_MS + n).expect("appended");
    }
    log.flush().expect("flushed");
    drop(log);
    disk.crash();
    let (log, report) = place.open(&small(), OpenAs::unclean());
    assert_eq!((log.log_end(), report.cut_bytes, report.holes), (Offset(end + 40), 0, 0), "{report:?}");
}

/// One file was synced, the other refused: what was synced and is cut away must not come back with the power.
#[test]
fn a_cut_outlives_the_power() {
    let (disk, place) = memory();
    let (log, _) = place.open(&small(), OpenAs::unclean());
    append(&log, &batch(1, 100, 0), 0).expect("appended");
    log.flush().expect("flushed");
    for n in 0..10 {
        append(&log, &batch(1, 100, n), n).expect("appended");
    }
    assert!(log.segment_count() > 1);
    disk.watch(|operation, path| {
        let is_second = is_log(path) && !path.ends_with("00000000000000000000.log");
        (operation == Operation::SyncData && is_second).then(|| io::ErrorKind::Other.into())
    });
    log.flush().expect_err("refused");
    disk.unwatch();
    assert_eq!(log.flush().expect("flushed"), Offset(1));
    log.close().expect("closed");
    drop(log);
    disk.crash();
    assert_eq!(place.open(&small(), OpenAs::unclean()).0.log_end(), Offset(1));
}

/// An abort that was cut away is none: its transaction may still be committed.
#[test]
fn what_stands_beside_a_log_that_was_cut_is_made_right_before_it_goes_on() {
    let (disk, place) = memory();
    let (log, _) = place.open(&small(), OpenAs::unclean());
    append(&log, &transactional(7, 0, 1), 0).expect("appended");
    log.flush().expect("flushed");
    append(&log, &marker(7, false), 0).expect("appended");
    disk.watch(|operation, _| {
        matches!(operation, Operation::SyncData | Operation::Open).then(|| io::ErrorKind::Other.into())
    });
    log.flush().expect_err("refused");
    assert_eq!(log.log_end(), Offset(1));
    disk.unwatch();
    append(&log, &marker(7, true), PROBE_INTERVAL_MS).expect("healed");
    log.flush().expect("flushed");
    assert_eq!(log.aborted_transactions(Offset(0), Offset(2)).expect("readable"), []);
    assert_eq!(log.last_stable_offset(Offset(2)), Offset(2));
}

/// A stop that leaves no state behind would have the next start believe whatever it finds.
#[test]
fn a_stop_does_what_the_disk_let_no_cut_do() {
    let (disk, place) = memory();
    let (log, _) = place.open(&small(), OpenAs::unclean());
    append(&log, &by_producer(7, 0, 1), 0).expect("appended");
    log.flush().expect("flushed");
    append(&log, &by_producer(7, 1, 1), 0).expect("appended");
    disk.watch(|operation, _| {
        matches!(operation, Operation::SyncData | Operation::Open).then(|| io::ErrorKind::Other.into())
    });
    log.flush().expect_err("refused");
    log.close().expect_err("refused");
    assert!(!log.is_vouched_for());
    disk.unwatch();
    log.close().expect("closed");
    assert!(log.is_vouched_for());
    drop(log);
    let (log, report) = place.open(&small(), OpenAs::clean());
    assert_eq!((log.log_end(), report.scanned_bytes), (Offset(1), 0), "{report:?}");
    assert!(!append(&log, &by_producer(7, 1, 1), 0).expect("it comes next").duplicate);
}

/// Names reach the disk in any order; a log whose first segment is lost with its name would seem to begin later.
#[test]
fn a_second_segment_is_not_there_before_the_first() {
    let (disk, place) = memory();
    let (log, _) = place.open(&LogSettings { flush_policy: FlushPolicy::Os, ..small() }, OpenAs::unclean());
    for n in 0..8 {
        append(&log, &batch(1, 100, n), n).expect("appended");
    }
    assert_eq!(log.segment_count(), 2);
    drop(log);
    let mut is_first = true;
    disk.crash_choosing(|_, _| !std::mem::take(&mut is_first), |_, _, cached| cached.to_vec());
    let (log, _) = place.open(&small(), OpenAs::unclean());
    // What was lost is the second.
    assert_eq!((log.log_start(), log.log_end()), (Offset(0), Offset(5)));
}

/// A checkpoint begins with what is to be synced, and may fail before anything is.
#[test]
fn a_checkpoint_that_fails_forgets_no_cut() {
    let (disk, place) = memory();
    let (log, _) = place.open(&small(), OpenAs::unclean());
    append(&log, &batch(1, 100, 0), 0).expect("appended");
    log.flush().expect("flushed");
    let kept = place.bytes("00000000000000000000.log").len();
    append(&log, &batch(1, 100, 1), 1).expect("appended");
    disk.sync_fs(&place.dir).expect("all of it is on the disk, whatever the log is told");
    disk.watch(|operation, path| {
        (operation == Operation::SyncData && is_log(path)).then(|| io::ErrorKind::Other.into())
    });
    log.flush().expect_err("refused");
    assert_eq!(log.log_end(), Offset(1));
    disk.watch(|operation, path| {
        let is_state = path.to_string_lossy().contains(".producers");
        (operation == Operation::Write && is_state).then(|| io::ErrorKind::StorageFull.into())
    });
    log.checkpoint().expect_err("there is no room for the state");
    disk.unwatch();
    log.flush().expect("flushed");
    drop(log);
    disk.crash();
    assert_eq!(place.bytes("00000000000000000000.log").len(), kept, "what was cut off is back");
}
