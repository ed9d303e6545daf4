//! What a start makes of what it finds: torn tails, damaged states, damaged and missing indexes, foreign files.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::Offset;
use crate::log::inspect::check_partition;
use crate::log::memory_disk::{MemoryDisk, Operation};
use crate::log::testing::*;
use crate::log::{LogSettings, OpenAs, PartitionLog};

fn memory() -> (MemoryDisk, Place) {
    let disk = MemoryDisk::new();
    let place = Place::on(Arc::new(disk.clone()));
    (disk, place)
}

/// A log of `count` batches with two records each; how long it was after each of them.
fn filled(place: &Place, settings: &LogSettings, count: i64) -> PartitionLog {
    let (log, _) = place.open(settings, OpenAs::unclean());
    for n in 0..count {
        append(&log, &batch(2, 60, n), n).expect("appended");
    }
    log
}

fn names(place: &Place, suffix: &str) -> Vec<String> {
    let mut names = place.disk.list(&place.dir).expect("listed");
    names.retain(|name| name.ends_with(suffix));
    names.sort();
    names
}

#[test]
fn a_tail_cut_or_garbled_at_any_byte_costs_the_batches_it_touches_and_no_other() {
    let (_, place) = memory();
    let log = filled(&place, &LogSettings::default(), 6);
    log.flush().expect("flushed");
    drop(log);
    let name = "00000000000000000000.log";
    let whole = place.bytes(name);
    let size = whole.len() / 6;
    for at in 3 * size..whole.len() {
        for garble in [false, true] {
            let mut left = whole.clone();
            match garble {
                false => left.truncate(at),
                true => left[at] ^= 0x10,
            }
            place.overwrite(name, &left);
            let (log, report) = place.open(&LogSettings::default(), OpenAs::unclean());
            let good = at / size;
            let end = log.log_end().0;
            // The leader epoch and the format's spare bits are nobody's but the broker's: a change there can't be seen.
            let unseen = garble && (12..16).contains(&(at % size));
            if unseen {
                assert_eq!(end, 12);
            } else {
                assert_eq!(end, good as i64 * 2, "byte {at}, garbled: {garble}, {report:?}");
                assert_eq!(report.cut_bytes as usize, left.len() - good * size);
                assert_eq!(report.findings.len(), usize::from(report.cut_bytes > 0), "{report:?}");
            }
            let (headers, _) = read_from(&log, Offset(0), 10_000).expect("readable");
            assert_eq!(headers.len() as i64, end / 2);
            append(&log, &batch(1, 1, 0), 0).expect("goes on");
            assert_eq!(read_from(&log, Offset(end), 1000).expect("readable").0.len(), 1);
        }
    }
}

#[test]
fn a_clean_start_reads_no_log_data_and_a_crash_only_what_came_after_the_checkpoint() {
    let (disk, place) = memory();
    let log = filled(&place, &small(), 100);
    log.checkpoint().expect("written");
    for n in 0..3 {
        append(&log, &batch(2, 60, n), n).expect("appended");
    }
    let behind = log.unflushed_bytes();
    log.flush().expect("flushed");
    drop(log);
    let read = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&read);
    disk.watch(move |operation, path| {
        let log = path.extension().is_some_and(|extension| extension == "log");
        counted.fetch_add(u64::from(operation == Operation::Read && log), Ordering::Relaxed);
        None
    });
    let (log, report) = place.open(&small(), OpenAs::unclean());
    assert_eq!((report.scanned_bytes, log.log_end()), (behind, Offset(206)));
    assert!(read.swap(0, Ordering::Relaxed) > 0);
    log.close().expect("closed");
    drop(log);
    read.store(0, Ordering::Relaxed);
    let (log, report) = place.open(&small(), OpenAs::clean());
    assert_eq!((report, log.log_end()), (Default::default(), Offset(206)));
    assert_eq!(read.load(Ordering::Relaxed), 0);
}

#[test]
fn damaged_and_missing_states_cost_time_not_the_start() {
    for start in [OpenAs::clean(), OpenAs::unclean()] {
        for damage in 0..4 {
            let (_, place) = memory();
            let log = filled(&place, &small(), 40);
            append(&log, &by_producer(5, 0, 3), 0).expect("appended");
            log.close().expect("closed");
            drop(log);
            let states = names(&place, ".producers");
            assert!(states.len() > 2);
            for (n, name) in states.iter().rev().enumerate() {
                let bytes = place.bytes(name);
                match damage {
                    // The newest; all; all made empty; each garbled.
                    0 if n > 0 => {}
                    0 | 1 => place.disk.remove(&place.file(name)).expect("removed"),
                    2 => place.overwrite(name, b""),
                    _ => {
                        let garbled: Vec<u8> = bytes.iter().map(|byte| byte ^ 1).collect();
                        place.overwrite(name, &garbled);
                    }
                }
            }
            let (log, report) = place.open(&small(), start.clone());
            assert_eq!((log.log_end(), report.holes), (Offset(83), 0), "{report:?}");
            assert!(append(&log, &by_producer(5, 0, 3), 0).expect("known").duplicate);
            log.close().expect("closed");
            assert_eq!(check_partition(&*place.disk, &place.dir, false, |_| {}).expect("read").problems, []);
        }
    }
}

/// Every way in which an index file can be wrong.
fn index_damages(bytes: &[u8]) -> Vec<Option<Vec<u8>>> {
    let mut damages = vec![None, Some(Vec::new())];
    damages.extend((1..bytes.len()).step_by(3).map(|cut| Some(bytes[..cut].to_vec())));
    damages.push(Some([bytes, &[0; 5]].concat()));
    damages.push(Some([bytes, &bytes[..bytes.len().min(24)]].concat()));
    // As Kafka leaves an active index after a crash: made larger, with zeros.
    damages.push(Some([bytes, &[0; 24 * 20]].concat()));
    damages.push(Some(vec![0; bytes.len()]));
    damages.push(Some(vec![0xff; bytes.len()]));
    damages.extend((0..bytes.len()).map(|at| {
        let mut garbled = bytes.to_vec();
        garbled[at] ^= 0x04;
        Some(garbled)
    }));
    damages
}

#[test]
fn indexes_damaged_in_any_way_are_made_anew_as_they_were() {
    let settings = LogSettings { segment_bytes: 3000, index_interval_bytes: 200, ..LogSettings::default() };
    for suffix in [".index", ".timeindex"] {
        let (_, place) = memory();
        let log = filled(&place, &settings, 69);
        log.close().expect("closed");
        drop(log);
        let indexes = names(&place, suffix);
        assert!(indexes.len() > 2);
        let (sealed, active) = (indexes[0].clone(), indexes[indexes.len() - 1].clone());
        for name in [&sealed, &active] {
            let right = place.bytes(name);
            assert!(right.len() > 24, "{name}");
            for wrong in index_damages(&right) {
                for with_states in [true, false] {
                    if !with_states {
                        // A segment of another broker's making: only its batches can say what is right.
                        for state in names(&place, ".producers") {
                            place.disk.remove(&place.file(&state)).expect("removed");
                        }
                    }
                    match &wrong {
                        Some(bytes) => place.overwrite(name, bytes),
                        None => place.disk.remove(&place.file(name)).expect("removed"),
                    }
                    let (log, report) = place.open(&settings, OpenAs::clean());
                    assert_eq!((log.log_end(), report.holes), (Offset(138), 0));
                    for from in 0..138 {
                        let slice = log.read(Offset(from), 300, Offset(138), true).expect("readable").expect("there");
                        assert!(slice.first_offset <= Offset(from) && Offset(from) < slice.next_offset);
                    }
                    for ms in 0..69 {
                        let hit = log.find_time(START_MS + ms, Offset(138)).expect("readable").expect("there");
                        assert_eq!(hit.timestamp, START_MS + ms, "{name} was {wrong:?}, with states: {with_states}");
                    }
                    log.close().expect("closed");
                    drop(log);
                    assert_eq!(place.bytes(name), right, "{name} was {wrong:?}, with states: {with_states}");
                }
            }
        }
    }
}

#[test]
fn what_is_not_ours_is_kept_and_told_of_and_leftovers_are_swept() {
    let (_, place) = memory();
    let log = filled(&place, &small(), 10);
    log.close().expect("closed");
    drop(log);
    for name in ["notes.txt", "00000000000000000003.snapshot", "partition.metadata"] {
        place.overwrite(name, b"mine");
    }
    for name in ["00000000000000000999.index", "00000000000000000999.txnindex", "00000000000000000007.producers.tmp"] {
        place.overwrite(name, b"left");
    }
    let (log, report) = place.open(&small(), OpenAs::clean());
    assert_eq!(log.log_end(), Offset(20));
    let told = |name: &str| report.findings.iter().any(|finding| finding.contains(name));
    assert!(told("notes.txt") && told("00000000000000000003.snapshot"), "{report:?}");
    assert!(!told("partition.metadata"));
    assert_eq!(place.bytes("notes.txt"), b"mine");
    let left: Vec<String> = place.disk.list(&place.dir).expect("listed");
    assert!(!left.iter().any(|name| name.contains("999") || name.ends_with(".tmp")), "{left:?}");
}

#[test]
fn an_empty_directory_and_empty_files_are_a_log_that_begins() {
    let (_, place) = memory();
    let (log, report) = place.open(&small(), OpenAs { log_start: Offset(40), ..OpenAs::unclean() });
    assert_eq!((log.log_start(), log.log_end()), (Offset(40), Offset(40)));
    assert!(report.findings.is_empty());
    drop(log);
    for name in ["00000000000000000040.log", "00000000000000000040.index", "00000000000000000040.timeindex"] {
        place.overwrite(name, b"");
    }
    let (log, report) = place.open(&small(), OpenAs::unclean());
    assert_eq!((log.log_start(), log.log_end()), (Offset(40), Offset(40)));
    assert!(report.findings.is_empty(), "{report:?}");
    assert_eq!(append(&log, &batch(1, 1, 0), 0).expect("appended").base_offset, Offset(40));
}

#[test]
fn offsets_that_were_safe_are_never_given_out_twice() {
    // The newest segment lost its end, or all of it, after a clean stop.
    for cut in [true, false] {
        let (_, place) = memory();
        let log = filled(&place, &small(), 20);
        log.close().expect("closed");
        drop(log);
        let newest = names(&place, ".log").pop().expect("there are some");
        match cut {
            true => place.overwrite(&newest, &place.bytes(&newest)[..100]),
            false => place.disk.remove(&place.file(&newest)).expect("removed"),
        }
        let (log, report) = place.open(&small(), OpenAs::clean());
        assert_eq!(log.log_end(), Offset(40), "{report:?}");
        assert!(report.holes > 0, "{report:?}");
        let first = newest.trim_start_matches('0').trim_end_matches(".log").parse().expect("a number");
        let error = log.read(Offset(first), 1000, Offset(40), true).expect_err("it is gone");
        assert_eq!(error.error_code(), crate::base::ErrorCode::CorruptMessage);
        assert!(error.to_string().contains(&format!("read on from {}", 40)), "{error}");
        assert_eq!(append(&log, &batch(1, 1, 0), 0).expect("appended").base_offset, Offset(40));
        assert_eq!(read_from(&log, Offset(40), 100).expect("readable").0.len(), 1);
        read_from(&log, Offset(0), 1000).expect_err("the hole lies between");
    }
}

#[test]
fn a_segment_that_follows_a_torn_tail_goes() {
    let (_, place) = memory();
    let log = filled(&place, &small(), 30);
    log.flush().expect("flushed");
    drop(log);
    let logs = names(&place, ".log");
    assert!(logs.len() > 3);
    let bytes = place.bytes(&logs[1]);
    place.overwrite(&logs[1], &bytes[..bytes.len() - 7]);
    let (log, report) = place.open(&small(), OpenAs::unclean());
    let left: Vec<&String> = logs[..2].iter().collect();
    assert_eq!(names(&place, ".log").iter().collect::<Vec<_>>(), left, "{report:?}");
    let (headers, _) = read_from(&log, Offset(0), 1000).expect("readable");
    assert_eq!(headers.last().expect("some").next_offset(), log.log_end());
    assert_eq!(report.holes, 0);
}

#[test]
fn the_directory_is_made_if_it_is_missing_and_an_unreadable_one_is_an_error() {
    let (disk, place) = memory();
    let (log, _) = place.open(&small(), OpenAs::unclean());
    append(&log, &batch(1, 1, 0), 0).expect("appended");
    log.flush().expect("flushed");
    drop(log);
    disk.crash();
    let (log, _) = place.open(&small(), OpenAs::unclean());
    assert_eq!(log.log_end(), Offset(1));
    drop(log);
    disk.watch(|operation, _| (operation == Operation::List).then(|| std::io::ErrorKind::PermissionDenied.into()));
    let opened = PartitionLog::open(place.disk.clone(), &place.dir, small(), OpenAs::unclean(), at(0));
    let error = opened.expect_err("it can't be read");
    assert!(error.to_string().starts_with("can't list /data/topic/partition-0: "), "{error}");
    assert!(Path::new("/data").is_absolute());
}

/// In a log that may have gaps an offset whose bits were misread was taken for one, and the log went on behind it.
#[test]
fn an_offset_that_is_misread_at_the_start_is_not_taken_for_a_gap() {
    let compacted = LogSettings { cleanup_compact: true, ..LogSettings::default() };
    let (disk, place) = memory();
    filled(&place, &compacted, 4).flush().expect("flushed");
    let size = place.bytes("00000000000000000000.log").len() / 4;
    for nth in 0..4 {
        let mut left = true;
        disk.watch_reads(move |path, bytes| {
            let at = nth * size + 4;
            if path.ends_with("00000000000000000000.log") && bytes.len() > at && std::mem::take(&mut left) {
                bytes[at] ^= 2;
            }
        });
        let (log, report) = place.open(&compacted, OpenAs::unclean());
        disk.unwatch();
        assert_eq!((log.log_end(), report.holes, report.cut_bytes), (Offset(8), 0, 0), "batch {nth}: {report:?}");
    }
}
