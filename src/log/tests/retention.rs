//! Letting go of old segments, and readers who still hold them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use crate::base::{ErrorCode, Offset};
use crate::log::memory_disk::{MemoryDisk, Operation};
use crate::log::testing::*;
use crate::log::{LogError, LogSettings, OpenAs, PartitionLog, ReadError, checkpoint_many, flush_many};

/// Segments of four batches with one record each, one every ten milliseconds.
fn filled(place: &Place, count: i64) -> (PartitionLog, u64, LogSettings) {
    let one = batch(1, 100, 0).len() as u64;
    let settings =
        LogSettings { segment_bytes: 4 * one, retention_ms: -1, retention_bytes: -1, ..LogSettings::default() };
    let (log, _) = place.open(&settings, OpenAs::unclean());
    for n in 0..count {
        append(&log, &batch(1, 100, n * 10), n * 10).expect("appended");
    }
    log.flush().expect("flushed");
    (log, one, settings)
}

#[test]
fn what_is_too_old_goes_by_whole_segments_and_the_active_one_is_rolled() {
    let place = Place::on(Arc::new(MemoryDisk::new()));
    let (log, _, settings) = filled(&place, 10);
    log.set_settings(LogSettings { retention_ms: 1000, ..settings.clone() });
    let end = Offset(10);
    // The first segment's newest record is of 30 ms.
    assert_eq!(log.retain(at(1030), end).expect("looked").removed_segments, 0);
    let retained = log.retain(at(1031), end).expect("removed");
    assert_eq!((retained.removed_segments, retained.log_start), (1, Offset(4)));
    assert!(matches!(log.read(Offset(3), 100, end, true), Err(ReadError::OutOfRange { .. })));
    // Everything is too old: what is left is an empty log that keeps its end.
    let retained = log.retain(at(5000), end).expect("removed");
    assert_eq!((retained.removed_segments, retained.log_start, log.log_end()), (2, end, end));
    assert_eq!((log.segment_count(), log.size_bytes()), (1, 0));
    assert_eq!(log.retain(at(9000), end).expect("looked").removed_segments, 0);
    drop(log);
    let (log, _) = place.open(&settings, OpenAs::unclean());
    assert_eq!((log.log_start(), log.log_end()), (end, end));
    assert_eq!(append(&log, &batch(1, 1, 0), 0).expect("appended").base_offset, end);
}

#[test]
fn what_is_too_much_goes_from_the_front() {
    let place = Place::on(Arc::new(MemoryDisk::new()));
    let (log, one, settings) = filled(&place, 10);
    for (keep, removed) in [(10, 0), (7, 0), (6, 1), (2, 1)] {
        log.set_settings(LogSettings { retention_bytes: (keep * one) as i64, ..settings.clone() });
        assert_eq!(log.retain(at(0), Offset(10)).expect("looked").removed_segments, removed, "keeping {keep}");
    }
    assert_eq!(log.log_start(), Offset(8));
    assert_eq!(spans(&read_from(&log, Offset(8), 100).expect("readable").0), [(8, 8), (9, 9)]);
}

#[test]
fn nothing_above_the_high_watermark_goes_and_nothing_without_the_delete_policy() {
    let place = Place::on(Arc::new(MemoryDisk::new()));
    let (log, _, settings) = filled(&place, 10);
    let all_due = LogSettings { retention_ms: 0, retention_bytes: 0, ..settings };
    log.set_settings(LogSettings { cleanup_delete: false, ..all_due.clone() });
    assert_eq!(log.retain(at(5000), Offset(10)).expect("looked").removed_segments, 0);
    log.set_settings(all_due);
    assert_eq!(log.retain(at(5000), Offset(3)).expect("looked").removed_segments, 0);
    assert_eq!(log.retain(at(5000), Offset(7)).expect("looked").log_start, Offset(4));
    assert_eq!(log.retain(at(5000), Offset(9)).expect("looked").log_start, Offset(8));
}

#[test]
fn a_trim_moves_the_start_and_a_reader_keeps_what_it_holds() {
    for place in [Place::on(Arc::new(MemoryDisk::new())), Place::real()] {
        let (log, one, settings) = filled(&place, 10);
        let held = log.read(Offset(1), 100_000, Offset(10), true).expect("readable").expect("there");
        let trimmed = log.trim(Offset(6)).expect("trimmed");
        assert_eq!((trimmed.removed_segments, trimmed.removed_bytes, trimmed.log_start), (1, 4 * one, Offset(6)));
        assert_eq!(held.bytes().expect("still readable").len() as u64, 3 * one);
        assert!(matches!(log.read(Offset(5), 100, Offset(10), true), Err(ReadError::OutOfRange { .. })));
        assert_eq!(log.find_time(START_MS, Offset(10)).expect("readable").expect("there").offset, Offset(6));
        // Further than the end is the end; backwards is nothing.
        assert_eq!(log.trim(Offset(99)).expect("trimmed").log_start, Offset(10));
        assert_eq!(log.trim(Offset(2)).expect("trimmed").log_start, Offset(10));
        assert_eq!(log.read(Offset(10), 100, Offset(10), true).expect("the end").map(|slice| slice.len), None);
        log.close().expect("closed");
        drop(log);
        // A start knows it even if the broker forgot.
        let (log, _) = place.open(&settings, OpenAs::clean());
        assert_eq!((log.log_start(), log.log_end()), (Offset(10), Offset(10)));
    }
}

#[test]
fn a_log_trimmed_further_than_what_a_crash_left_goes_on_there() {
    let disk = MemoryDisk::new();
    let place = Place::on(Arc::new(disk.clone()));
    let (log, _, settings) = filled(&place, 3);
    append(&log, &batch(1, 100, 0), 0).expect("appended, not flushed");
    drop(log);
    disk.crash();
    let (log, report) = place.open(&settings, OpenAs { log_start: Offset(4), ..OpenAs::unclean() });
    assert_eq!((log.log_start(), log.log_end()), (Offset(4), Offset(4)), "{report:?}");
    assert_eq!(append(&log, &batch(1, 1, 0), 0).expect("appended").base_offset, Offset(4));
    assert_eq!(spans(&read_from(&log, Offset(4), 100).expect("readable").0), [(4, 4)]);
}

#[test]
fn a_retired_log_leaves_the_directory_to_its_successor() {
    let place = Place::real();
    let (old, _, settings) = filled(&place, 10);
    append(&old, &batch(1, 100, 100), 100).expect("appended");
    old.retire();
    std::fs::rename(&place.dir, place.dir.with_extension("deleted")).expect("set aside");
    let (new, ..) = filled(&place, 11);
    let files = || -> BTreeMap<String, Vec<u8>> {
        let names = place.disk.list(&place.dir).expect("listed");
        names.into_iter().map(|name| (name.clone(), place.bytes(&name))).collect()
    };
    let before = files();
    old.set_settings(LogSettings { retention_ms: 1000, ..settings });
    let retained = old.retain(at(50_000), Offset(11)).expect("nothing to do");
    assert_eq!((retained.removed_segments, retained.log_start), (0, Offset(0)));
    assert!(matches!(old.trim(Offset(9)), Err(LogError::Retired { .. })));
    let refused = append(&old, &batch(1, 100, 0), 0).expect_err("retired");
    assert_eq!(refused.error_code(), ErrorCode::KafkaStorageError);
    assert!(refused.to_string().contains("was retired"), "{refused}");
    // Nobody is told that the last batch is durable.
    assert!(matches!(old.flush(), Err(LogError::Retired { .. })));
    assert!(matches!(flush_many(&*place.disk, &[&old])[..], [Err(LogError::Retired { .. })]));
    assert!(matches!(old.checkpoint(), Err(LogError::Retired { .. })));
    assert!(matches!(checkpoint_many(&*place.disk, &[&old])[..], [Ok(Offset(10))]));
    assert!(!old.wants_checkpoint());
    old.close().expect("nothing to do");
    assert_eq!(old.flushed_end(), Offset(10));
    // What is open can be read, what is not is not looked for in somebody else's directory.
    assert!(old.read(Offset(9), 1000, Offset(11), true).expect("open").is_some());
    let unopened = old.read(Offset(0), 1000, Offset(11), true);
    assert!(matches!(unopened, Err(ReadError::Storage(_))), "{unopened:?}");
    drop(old);
    assert!(files() == before, "the successor's files are as they were");
    assert_eq!(read_from(&new, Offset(0), 1000).expect("readable").0.len(), 11);
}

#[test]
fn a_log_is_retired_when_what_runs_on_its_files_has_ended() {
    type Job = fn(&PartitionLog);
    let jobs: [(Operation, Job); 3] = [
        (Operation::SyncData, |log| assert!(log.flush().is_ok())),
        (Operation::Rename, |log| assert!(log.checkpoint().is_ok())),
        (Operation::Remove, |log| assert!(log.retain(at(50_000), Offset(11)).is_ok())),
    ];
    for (stops_at, job) in jobs {
        let disk = MemoryDisk::new();
        let place = Place::on(Arc::new(disk.clone()));
        let (log, _, settings) = filled(&place, 10);
        append(&log, &batch(1, 100, 100), 100).expect("appended");
        log.set_settings(LogSettings { retention_ms: 40_000, ..settings });
        let (entered, has_entered) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let mut gate = Some((entered, may_go_on));
        disk.watch_blocking(move |operation, path| {
            // A roll removes what has the new segment's name, under the writer's lock.
            if operation == stops_at
                && !path.to_string_lossy().contains("00000011")
                && let Some((entered, may_go_on)) = gate.take()
            {
                entered.send(()).expect("somebody waits");
                may_go_on.recv().expect("somebody lets it go");
            }
        });
        let retired = Arc::new(AtomicBool::new(false));
        let touched = Arc::new(AtomicUsize::new(0));
        let (is_retired, count) = (Arc::clone(&retired), Arc::clone(&touched));
        disk.watch(move |_, _| {
            count.fetch_add(usize::from(is_retired.load(Ordering::SeqCst)), Ordering::SeqCst);
            None
        });
        std::thread::scope(|scope| {
            let running = scope.spawn(|| job(&log));
            has_entered.recv().expect("it began");
            let retiring = scope.spawn(|| {
                log.retire();
                retired.store(true, Ordering::SeqCst);
            });
            std::thread::sleep(Duration::from_millis(50));
            let too_early = retired.load(Ordering::SeqCst);
            go_on.send(()).expect("it waits");
            running.join().expect("no panic");
            retiring.join().expect("no panic");
            assert!(!too_early, "{stops_at:?} runs");
        });
        log.close().expect("nothing to do");
        assert_eq!(touched.load(Ordering::SeqCst), 0, "{stops_at:?}");
    }
}
