//! Appending and reading back, in one segment and over many; closing and opening again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::base::Offset;
use crate::log::memory_disk::Operation;
use crate::log::testing::*;
use crate::log::{LogSettings, OpenAs, flush_many};

#[test]
fn what_is_appended_is_read_back_in_order() {
    let place = Place::real();
    let (log, report) = place.open(&LogSettings::default(), OpenAs::unclean());
    assert!(report.findings.is_empty());
    assert_eq!((log.log_start(), log.log_end()), (Offset(0), Offset(0)));
    let mut expected = 0;
    for records in [1, 3, 2] {
        let appended = append(&log, &batch(records, 20, 0), 0).expect("appended");
        assert_eq!(appended.base_offset, Offset(expected));
        expected += records as i64;
        assert_eq!(appended.last_offset, Offset(expected - 1));
        assert_eq!(appended.log_append_time, -1);
    }
    let (headers, _) = read_from(&log, Offset(0), 10_000).expect("read");
    assert_eq!(spans(&headers), [(0, 0), (1, 3), (4, 5)]);
    // Reading starts with the batch that holds the offset.
    let (headers, _) = read_from(&log, Offset(2), 1).expect("read");
    assert_eq!(spans(&headers), [(1, 3), (4, 5)]);
    assert_eq!(log.flushed_end(), Offset(0));
    assert_eq!(log.flush().expect("flushed"), Offset(6));
    assert_eq!(log.flushed_end(), Offset(6));
}

#[test]
fn stored_bytes_are_the_sent_ones_but_for_offset_and_epoch() {
    let place = Place::real();
    let (log, _) = place.open(&LogSettings::default(), OpenAs::unclean());
    let sent: Vec<Vec<u8>> = [1, 300, 5].iter().map(|kib| batch(3, kib * 1024, 0)).collect();
    for bytes in &sent {
        append(&log, bytes, 0).expect("appended");
    }
    let stored = place.bytes("00000000000000000000.log");
    let mut position = 0;
    for bytes in &sent {
        let found = &stored[position..position + bytes.len()];
        assert_eq!(found[8..12], bytes[8..12]);
        assert_eq!(found[16..], bytes[16..]);
        position += bytes.len();
    }
    assert_eq!(position, stored.len());
}

#[test]
fn a_batch_is_one_write_whatever_its_size() {
    let (disk, place) = memory();
    let (log, _) = place.open(&LogSettings::default(), OpenAs::unclean());
    let writes = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&writes);
    disk.watch(move |operation, path| {
        counted.fetch_add(u32::from(operation == Operation::Write && is_log(path)), Ordering::Relaxed);
        None
    });
    for (so_far, kib) in (1..).zip([1, 300, 5]) {
        append(&log, &batch(3, kib * 1024, 0), 0).expect("appended");
        assert_eq!(writes.load(Ordering::Relaxed), so_far, "{kib} KiB");
    }
}

#[test]
fn a_clean_stop_leaves_a_log_that_opens_without_reading_it() {
    let place = Place::real();
    let (log, _) = place.open(&small(), OpenAs::unclean());
    for n in 0..50 {
        append(&log, &batch(2, 50, n), n).expect("appended");
    }
    assert!(log.segment_count() > 3);
    let before = read_from(&log, Offset(0), 500).expect("read");
    log.close().expect("closed");
    drop(log);
    let (log, report) = place.open(&small(), OpenAs::clean());
    assert_eq!(report, Default::default());
    assert_eq!((log.log_end(), log.flushed_end()), (Offset(100), Offset(100)));
    assert_eq!(read_from(&log, Offset(0), 500).expect("read"), before);
    append(&log, &batch(1, 50, 60), 60).expect("appended");
    assert_eq!(log.log_end(), Offset(101));
}

#[test]
fn many_logs_are_flushed_together() {
    let places: Vec<Place> = (0..8).map(|_| Place::real()).collect();
    let logs: Vec<_> = places.iter().map(|place| place.open(&small(), OpenAs::unclean()).0).collect();
    for (n, log) in logs.iter().enumerate() {
        for _ in 0..n {
            append(log, &batch(1, 10, 0), 0).expect("appended");
        }
    }
    let borrowed: Vec<_> = logs.iter().collect();
    let flushed = flush_many(&*places[0].disk, &borrowed);
    for (n, result) in flushed.into_iter().enumerate() {
        assert_eq!(result.expect("flushed"), Offset(n as i64));
        assert_eq!(logs[n].flushed_end(), Offset(n as i64));
    }
}
