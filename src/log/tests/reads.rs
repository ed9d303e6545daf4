//! Reads: what they cost, what bounds them, and that many threads may read while one appends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::base::Offset;
use crate::log::memory_disk::{MemoryDisk, Operation};
use crate::log::testing::*;
use crate::log::{FilePool, LogSettings, OpenAs, PartitionLog, ReadError};

#[test]
fn a_read_touches_a_bounded_number_of_bytes_whatever_the_size_of_log_and_slice() {
    let disk = MemoryDisk::new();
    let place = Place::on(Arc::new(disk.clone()));
    let (log, _) = place.open(&LogSettings::default(), OpenAs::unclean());
    // Tiny batches: headers are most of the log.
    for n in 0..20_000 {
        append(&log, &batch(1, 1, n), n).expect("appended");
    }
    let operations = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&operations);
    disk.watch(move |operation, _| {
        counted.fetch_add(u64::from(operation == Operation::Read), Ordering::Relaxed);
        None
    });
    let end = log.log_end();
    for (from, upper) in [(0, 20_000), (1234, 20_000), (9_999, 15_001), (19_999, 20_000), (19_000, 19_500)] {
        operations.store(0, Ordering::Relaxed);
        let slice = log.read(Offset(from), 1 << 20, Offset(upper), true).expect("readable").expect("there");
        assert!(slice.first_offset == Offset(from) && slice.next_offset <= Offset(upper));
        // Less than an index interval short of what was allowed.
        assert!(slice.next_offset == Offset(upper) || slice.len > (1 << 20) - 8192, "{}", slice.len);
        let asked = operations.load(Ordering::Relaxed);
        assert!(asked <= 30, "{asked} reads from {from} to {upper}");
        let hit = log.find_time(START_MS + from, end).expect("readable").expect("there");
        assert_eq!(hit.offset, Offset(from));
        let asked = operations.load(Ordering::Relaxed);
        assert!(asked <= 150, "{asked} reads for the time of {from}");
    }
    // Who follows the end needs no index at all.
    operations.store(0, Ordering::Relaxed);
    log.read(Offset(19_990), 1 << 20, end, true).expect("readable").expect("there");
    assert_eq!(operations.load(Ordering::Relaxed), 1);
}

#[test]
fn out_of_range_is_told_with_the_range() {
    let place = Place::on(Arc::new(MemoryDisk::new()));
    let (log, _) = place.open(&small(), OpenAs::unclean());
    append(&log, &batch(5, 10, 0), 0).expect("appended");
    log.trim(Offset(2)).expect("trimmed");
    for offset in [-1, 1, 6, i64::MAX] {
        let error = log.read(Offset(offset), 100, Offset(5), true).expect_err("outside");
        let ReadError::OutOfRange { log_start, log_end, .. } = error else { panic!("{error}") };
        assert_eq!((log_start, log_end), (Offset(2), Offset(5)));
    }
    assert!(log.read(Offset(5), 100, Offset(5), true).expect("the end").is_none());
    // A limit in the middle of a batch keeps the batch back.
    assert!(log.read(Offset(2), 100, Offset(4), true).expect("nothing yet").is_none());
    assert!(log.read(Offset(2), 10, Offset(5), false).expect("too large").is_none());
    assert!(log.read(Offset(2), 10, Offset(5), true).expect("at least one").is_some());
}

#[test]
fn threads_read_and_look_up_times_while_another_appends_rolls_flushes_and_trims() {
    let place = Place::real();
    let settings = LogSettings { segment_bytes: 20_000, index_interval_bytes: 500, ..LogSettings::default() };
    let (log, _) = place.open(&settings, OpenAs::unclean());
    append(&log, &batch(3, 50, 0), 0).expect("appended");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut next = Offset(0);
                let mut seen = 0;
                while !done.load(Ordering::Acquire) || next < log.log_end() {
                    let upper = log.log_end();
                    match log.read(next, 3000, upper, true) {
                        Ok(Some(slice)) => {
                            let bytes = slice.bytes().expect("readable");
                            for batch in crate::record::batches(&bytes) {
                                let batch = batch.expect("whole");
                                batch.verify_crc().expect("intact");
                                assert!(batch.header.next_offset() <= upper);
                                seen += 1;
                            }
                            next = slice.next_offset;
                        }
                        Ok(None) => std::thread::yield_now(),
                        Err(ReadError::OutOfRange { log_start, .. }) => next = log_start,
                        Err(other) => panic!("{other}"),
                    }
                    if seen % 7 == 0 {
                        let latest = log.max_timestamp(upper).expect("readable");
                        assert!(latest.is_none_or(|hit| hit.offset < upper));
                    }
                }
            });
        }
        for n in 0..4000 {
            append(&log, &batch(3, 50, n), n).expect("appended");
            match n % 500 {
                250 => drop(log.flush().expect("flushed")),
                400 => drop(log.trim(Offset(n)).expect("trimmed")),
                450 => drop(log.checkpoint().expect("written")),
                _ => {}
            }
        }
        done.store(true, Ordering::Release);
    });
    assert_eq!(log.log_end(), Offset(12_003));
}

#[test]
fn logs_share_a_few_open_files() {
    let places: Vec<Place> = (0..4).map(|_| Place::real()).collect();
    let pool = FilePool::new(5);
    let logs: Vec<PartitionLog> = places
        .iter()
        .map(|place| {
            let (log, _) = place.open(&small(), OpenAs::unclean().with_pool(&pool));
            for n in 0..60 {
                append(&log, &batch(1, 60, n), n).expect("appended");
            }
            log.close().expect("closed");
            drop(log);
            place.open(&small(), OpenAs::clean().with_pool(&pool)).0
        })
        .collect();
    for offset in 0..60 {
        for log in &logs {
            let slice = log.read(Offset(offset), 200, Offset(60), true).expect("readable").expect("there");
            assert_eq!(slice.first_offset, Offset(offset));
            assert!(pool.open_files() <= 5);
        }
    }
    drop(logs);
    assert_eq!(pool.open_files(), 0, "a log takes its files along");
}
