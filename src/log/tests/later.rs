//! What a start leaves for later: the indexes of the segment that it goes on in are looked at by whoever needs them
//! first, and wrong ones are made anew before they answer or grow.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::{ErrorCode, Offset};
use crate::log::inspect::check_partition;
use crate::log::memory_disk::{Fault, MemoryDisk, Operation};
use crate::log::testing::*;
use crate::log::{LogSettings, OpenAs, PartitionLog, ReadError};

const INDEXES: [&str; 3] = ["index", "timeindex", "txnindex"];
const BATCHES: i64 = 24;
/// An offset in the last segment.
const NEWEST: i64 = 40;

fn is_index(path: &Path) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(|extension| INDEXES.contains(&extension))
}

fn settings() -> LogSettings {
    LogSettings { segment_bytes: 4000, index_interval_bytes: 200, ..LogSettings::default() }
}

/// Two segments with a transaction that was aborted in each, after a clean stop or a checkpoint and a kill.
fn stopped(is_clean: bool) -> (MemoryDisk, Place) {
    let disk = MemoryDisk::new();
    let place = Place::on(Arc::new(disk.clone()));
    let (log, _) = place.open(&settings(), OpenAs::unclean());
    for n in 0..BATCHES {
        append(&log, &batch(2, 60, n), n).expect("appended");
        if n % 12 == 8 {
            append(&log, &transactional(7, n as i32 / 12, 1), 0).expect("appended");
            append(&log, &marker(7, false), 0).expect("aborted");
        }
    }
    assert_eq!(log.segment_count(), 2);
    assert_eq!(newest(&place, "log"), "00000000000000000038.log");
    match is_clean {
        true => log.close().expect("closed"),
        false => {
            log.checkpoint().expect("written");
        }
    }
    (disk, place)
}

fn start(is_clean: bool) -> OpenAs {
    if is_clean { OpenAs::clean() } else { OpenAs::unclean() }
}

/// Names and bytes of all there is.
fn content(place: &Place) -> BTreeMap<String, Vec<u8>> {
    let names = place.disk.list(&place.dir).expect("listed");
    names.into_iter().map(|name| (name.clone(), place.bytes(&name))).collect()
}

fn newest(place: &Place, kind: &str) -> String {
    let mut names = place.disk.list(&place.dir).expect("listed");
    names.retain(|name| name.ends_with(&format!(".{kind}")));
    names.into_iter().max().expect("there are some")
}

/// Every answer that comes by way of an index.
fn answers(log: &PartitionLog) -> Vec<String> {
    let end = log.log_end();
    let mut answers = Vec::new();
    for from in 0..end.0 {
        let slice = log.read(Offset(from), 300, end, true).expect("readable").expect("there");
        assert!(slice.next_offset > Offset(from), "{slice:?}");
        answers.push(format!("{from}: from {}", slice.first_offset));
    }
    for ms in 0..BATCHES {
        answers.push(format!("{ms}: {:?}", log.find_time(START_MS + ms, end).expect("readable")));
    }
    answers.push(format!("{:?}", log.max_timestamp(end).expect("readable")));
    answers.push(format!("{:?}", log.aborted_transactions(Offset(0), end).expect("readable")));
    answers
}

#[test]
fn a_start_touches_no_index_where_the_state_says_all_there_is() {
    for is_clean in [true, false] {
        let (disk, place) = stopped(is_clean);
        let asked = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&asked);
        disk.watch(move |_, path| {
            counted.fetch_add(u64::from(is_index(path)), Ordering::Relaxed);
            None
        });
        let (log, report) = place.open(&settings(), start(is_clean));
        assert_eq!((report.scanned_bytes, report.findings), (0, Vec::new()));
        assert_eq!(log.log_end(), Offset(BATCHES * 2 + 4));
        log.close().expect("there is nothing to write");
        assert_eq!(asked.load(Ordering::Relaxed), 0, "clean: {is_clean}");
        log.read(Offset(NEWEST), 1, log.log_end(), true).expect("readable");
        assert!(asked.load(Ordering::Relaxed) > 0);
    }
}

/// Ways in which an index file can be wrong.
fn damages(right: &[u8]) -> Vec<Option<Vec<u8>>> {
    let mut damages = vec![None, Some(Vec::new()), Some([right, right].concat()), Some([right, &[0; 240]].concat())];
    damages.extend((1..right.len()).step_by(5).map(|cut| Some(right[..cut].to_vec())));
    damages.extend((0..right.len()).step_by(3).map(|at| {
        let mut garbled = right.to_vec();
        garbled[at] ^= 0x04;
        Some(garbled)
    }));
    damages
}

#[test]
fn whoever_needs_a_damaged_index_first_makes_it_anew() {
    type Need = fn(&PartitionLog);
    let needs: [(&str, Need); 5] = [
        ("a read", |log| drop(log.read(Offset(NEWEST), 300, log.log_end(), true).expect("readable"))),
        ("a time", |log| {
            log.max_timestamp(log.log_end()).expect("readable");
        }),
        ("a reader of transactions", |log| {
            drop(log.aborted_transactions(Offset(NEWEST), log.log_end()).expect("readable"));
        }),
        ("an append", |log| {
            append(log, &batch(2, 300, 50), 50).expect("appended");
        }),
        ("a roll", |log| {
            log.set_settings(LogSettings { segment_bytes: 1000, ..settings() });
            append(log, &batch(2, 300, 50), 50).expect("appended");
        }),
    ];
    for is_clean in [true, false] {
        for (need, first) in needs {
            // What comes of it: the log grows, and stops again.
            let life = |place: &Place| {
                let (log, report) = place.open(&settings(), start(is_clean));
                assert_eq!(report.findings, Vec::<String>::new());
                first(&log);
                for n in 60..63 {
                    append(&log, &batch(2, 100, n), n).expect("appended");
                }
                let answers = answers(&log);
                log.close().expect("closed");
                answers
            };
            let (_, undamaged) = stopped(is_clean);
            let wanted = life(&undamaged);
            for kind in INDEXES {
                let (_, place) = stopped(is_clean);
                let name = newest(&place, kind);
                let before = content(&place);
                let right = &before[&name];
                // What stands in a transaction index behind the entries that count is nobody's business.
                let counts = |damage: &Option<Vec<u8>>| {
                    kind != "txnindex" || damage.as_ref().is_none_or(|bytes| bytes.len() <= right.len())
                };
                for damage in damages(right).into_iter().filter(counts) {
                    for (name, bytes) in &before {
                        place.overwrite(name, bytes);
                    }
                    for name in content(&place).keys().filter(|name| !before.contains_key(*name)) {
                        place.disk.remove(&place.file(name)).expect("removed");
                    }
                    match &damage {
                        Some(bytes) => place.overwrite(&name, bytes),
                        None => place.disk.remove(&place.file(&name)).expect("removed"),
                    }
                    let what = format!("{need} met {name} with {damage:?}");
                    assert_eq!(life(&place), wanted, "{what}");
                    assert_eq!(content(&place), content(&undamaged), "{what}");
                    assert_eq!(check_partition(&*place.disk, &place.dir, false, |_| {}).expect("read").problems, []);
                }
            }
        }
    }
}

#[test]
fn an_index_that_the_disk_does_not_give_is_told_of_when_it_is_needed() {
    for kind in ["index", "timeindex"] {
        let (disk, place) = stopped(true);
        let (log, _) = place.open(&settings(), OpenAs::clean());
        disk.watch(move |operation, path| {
            let is_it = path.extension().is_some_and(|extension| extension == kind);
            (operation == Operation::Read && is_it).then(|| Fault::from(std::io::ErrorKind::Other))
        });
        let end = log.log_end();
        for _ in 0..2 {
            let error = log.read(Offset(NEWEST), 300, end, true).expect_err("it can't be looked at");
            assert!(matches!(error, ReadError::Storage(_)), "{error}");
            let refused = append(&log, &batch(1, 10, 0), 0).expect_err("nor can it grow");
            assert_eq!(refused.error_code(), ErrorCode::KafkaStorageError);
            assert!(refused.to_string().contains("can't look at the indexes of "), "{refused}");
        }
        disk.unwatch();
        assert_eq!(append(&log, &batch(1, 10, 0), 0).expect("it was not for ever").base_offset, end);
        assert!(log.read(Offset(NEWEST), 300, end, true).expect("readable").is_some());
        log.close().expect("closed");
        assert_eq!(check_partition(&*place.disk, &place.dir, false, |_| {}).expect("read").problems, []);
    }
}

#[test]
fn the_segment_before_a_lost_one_keeps_its_indexes() {
    let (_, place) = stopped(true);
    let older = Offset(38);
    let asked = |log: &PartitionLog| {
        let times: Vec<String> =
            (0..19).map(|ms| format!("{ms}: {:?}", log.find_time(START_MS + ms, older).expect("readable"))).collect();
        (times, log.aborted_transactions(Offset(0), older).expect("readable"))
    };
    let (log, _) = place.open(&settings(), OpenAs::clean());
    let wanted = asked(&log);
    assert!(!wanted.1.is_empty());
    log.close().expect("closed");
    drop(log);
    place.disk.remove(&place.file(&newest(&place, "log"))).expect("removed");
    for _ in 0..2 {
        let (log, _) = place.open(&settings(), OpenAs::clean());
        assert_eq!(asked(&log), wanted);
        append(&log, &batch(2, 60, 90), 90).expect("appended");
        assert_eq!(asked(&log), wanted);
        log.close().expect("closed");
    }
}

/// A write that was taken back left a few bytes behind a segment, and a bit goes wrong in whichever read of the start.
#[test]
fn what_lies_behind_a_sealed_segment_is_handed_to_nobody() {
    let mut misread = 0;
    for nth in 0..40 {
        let (disk, place) = stopped(false);
        place.disk.remove(&place.file(&newest(&place, "producers"))).expect("removed");
        let sealed = "00000000000000000000.log";
        let bytes = [place.bytes(sealed), vec![0, 0, 0, 0]].concat();
        place.overwrite(sealed, &bytes);
        let mut reads = 0;
        let flipped = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&flipped);
        disk.watch_reads(move |path, bytes| {
            if path.ends_with(sealed) {
                reads += 1;
                if reads == nth && !bytes.is_empty() {
                    let middle = bytes.len() / 2;
                    bytes[middle] ^= 4;
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let (log, _) = place.open(&settings(), OpenAs::unclean());
        disk.unwatch();
        misread += flipped.load(Ordering::Relaxed);
        let (mut next, end) = (Offset(0), log.log_end());
        while next < end {
            let slice = log.read(next, 100_000, end, true).expect("readable").expect("there");
            for batch in crate::record::batches(&slice.bytes().expect("read")) {
                batch.expect("whole").verify_crc().expect("right");
            }
            next = slice.next_offset;
        }
    }
    assert!(misread > 0);
}
