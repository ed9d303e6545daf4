//! Damage in what was safe: the batch it hit is lost, by name; everything around it is served.

use std::sync::Arc;

use crate::base::Offset;
use crate::log::inspect::{Problem, check_partition, check_partition_left};
use crate::log::memory_disk::{Fault, MemoryDisk, Operation};
use crate::log::testing::*;
use crate::log::{LogSettings, OpenAs, PartitionLog, ReadError};
use crate::record::batches;

fn settings() -> LogSettings {
    LogSettings { segment_bytes: 1000, index_interval_bytes: 300, ..LogSettings::default() }
}

/// Eighteen batches of two records, over several segments, after a clean stop.
fn stopped() -> (MemoryDisk, Place) {
    let disk = MemoryDisk::new();
    let place = Place::on(Arc::new(disk.clone()));
    let (log, _) = place.open(&settings(), OpenAs::unclean());
    for n in 0..18 {
        append(&log, &batch(2, 60, n * 10), n * 10).expect("appended");
    }
    log.close().expect("closed");
    (disk, place)
}

/// Everything that can be read, stepping over damage as a consumer would who is told where to go on.
fn survivors(log: &PartitionLog, max_bytes: usize) -> (Vec<i64>, Vec<(i64, i64)>) {
    let (mut found, mut holes) = (Vec::new(), Vec::new());
    let mut next = log.log_start();
    loop {
        match log.read(next, max_bytes, log.log_end(), true) {
            Ok(Some(slice)) => {
                for batch in batches(&slice.bytes().expect("readable")) {
                    let batch = batch.expect("whole");
                    batch.verify_crc().expect("damaged bytes are never handed out");
                    found.extend(batch.header.base_offset.0..=batch.header.last_offset().0);
                }
                assert!(slice.next_offset > next);
                next = slice.next_offset;
            }
            Ok(None) => return (found, holes),
            Err(ReadError::Corrupt { first, next: resume, .. }) => {
                assert!(first <= next && next < resume, "{first} <= {next} < {resume} {holes:?} {found:?}");
                holes.push((first.0, resume.0));
                next = resume;
            }
            Err(other) => panic!("{other}"),
        }
    }
}

/// The damage cost exactly these offsets, whichever way they are asked for, and is told of alike.
fn assert_lost(place: &Place, what: &str, lost: std::ops::Range<i64>) {
    let wanted: Vec<i64> = (0..36).filter(|offset| !lost.contains(offset)).collect();
    let told: Vec<(i64, i64)> = if lost.is_empty() { Vec::new() } else { vec![(lost.start, lost.end)] };
    for start in [OpenAs::clean(), OpenAs::unclean()] {
        for max_bytes in [1, 500, 100_000] {
            let (log, _) = place.open(&settings(), start.clone());
            assert_eq!(log.log_end(), Offset(36), "{what}");
            assert_eq!(survivors(&log, max_bytes), (wanted.clone(), told.clone()), "{what}");
            assert_eq!(survivors(&log, max_bytes), (wanted.clone(), told.clone()), "{what}, again");
        }
        let (log, _) = place.open(&settings(), start.clone());
        for offset in (0..36).rev() {
            let read = log.read(Offset(offset), 1, Offset(36), true);
            assert_eq!(read.is_err(), lost.contains(&offset), "{what}, offset {offset}: {read:?}");
        }
        append(&log, &batch(1, 1, 0), 0).expect("it goes on");
        assert_eq!(log.log_end(), Offset(37));
        // Back to where it was, for the next start.
        drop(log);
        let newest =
            place.disk.list(&place.dir).expect("listed").into_iter().filter(|name| name.ends_with(".log")).max();
        let newest = newest.expect("there are some");
        let bytes = place.bytes(&newest);
        let kept = bytes.len() - batch(1, 1, 0).len();
        match kept {
            0 => place.disk.remove(&place.file(&newest)).expect("removed"),
            _ => place.overwrite(&newest, &bytes[..kept]),
        }
    }
}

#[test]
fn a_flipped_bit_costs_the_batch_it_is_in() {
    let (_, place) = stopped();
    // The second batch of the first segment, the first of the second, and the last but one of the last.
    let logs: Vec<String> = {
        let mut names = place.disk.list(&place.dir).expect("listed");
        names.retain(|name| name.ends_with(".log"));
        names.sort();
        names
    };
    assert!(logs.len() > 3, "{logs:?}");
    for (log, nth) in [(0, 1), (1, 0), (logs.len() - 1, 1)] {
        let whole = place.bytes(&logs[log]);
        let places: Vec<(usize, i64)> = {
            let mut at = 0;
            let starts = batches(&whole).map(|batch| {
                let batch = batch.expect("whole");
                at += batch.bytes.len();
                (at - batch.bytes.len(), batch.header.base_offset.0)
            });
            starts.collect()
        };
        let (start, first) = places[nth];
        let size = places.get(nth + 1).map_or(whole.len(), |next| next.0) - start;
        // Of each byte of the header one bit, of the records some.
        let bits = (0..size * 8).filter(|bit| if *bit < 61 * 8 { bit % 8 == bit / 8 % 8 } else { bit % 97 == 0 });
        for bit in bits {
            let mut damaged = whole.clone();
            damaged[start + bit / 8] ^= 1 << (bit % 8);
            place.overwrite(&logs[log], &damaged);
            // The leader epoch lies outside the CRC, and nothing says what it should be.
            let unseen = (12..16).contains(&(bit / 8));
            let lost = if unseen { first..first } else { first..first + 2 };
            assert_lost(&place, &format!("bit {bit} of batch {nth} of {}", logs[log]), lost.clone());
            let checked = check_partition(&*place.disk, &place.dir, false, |_| {}).expect("readable");
            let named = checked.problems.iter().any(|problem| problem.file == place.file(&logs[log]));
            assert_eq!(named, !lost.is_empty(), "bit {bit}: {:?}", checked.problems);
        }
        place.overwrite(&logs[log], &whole);
    }
    assert_lost(&place, "nothing", 0..0);
}

#[test]
fn bytes_missing_doubled_or_zeroed_cost_what_they_touch() {
    let (_, place) = stopped();
    let name = "00000000000000000000.log";
    let whole = place.bytes(name);
    let size = batches(&whole).next().expect("some").expect("whole").bytes.len();
    let count = whole.len() / size;
    assert!(count >= 4, "{count}");
    let around = |from: usize, to: usize| [&whole[..from], &whole[to..]].concat();
    let cases = [
        ("the second batch removed", around(size, 2 * size), 2..4),
        ("ten bytes of the second batch removed", around(size + 70, size + 80), 2..4),
        ("the second and third batch zeroed", [&whole[..size], &vec![0; 2 * size], &whole[3 * size..]].concat(), 2..6),
        ("the second batch doubled", [&whole[..2 * size], &whole[size..]].concat(), 0..0),
        ("the first batch removed", around(0, size), 0..2),
        ("some bytes put before the third", [&whole[..2 * size], b"some bytes", &whole[2 * size..]].concat(), 0..0),
        ("the last batch cut", whole[..whole.len() - 5].to_vec(), count as i64 * 2 - 2..count as i64 * 2),
        ("everything gone", Vec::new(), 0..count as i64 * 2),
    ];
    for (what, damaged, lost) in cases {
        place.overwrite(name, &damaged);
        assert_lost(&place, what, lost);
    }
    place.overwrite(name, &whole);
    // Another segment's content under this name.
    place.overwrite(name, &place.bytes(&format!("{:020}.log", count * 2)));
    assert_lost(&place, "swapped", 0..count as i64 * 2);
}

#[test]
fn a_segment_that_is_gone_is_a_hole() {
    let (_, place) = stopped();
    let mut logs: Vec<String> = place.disk.list(&place.dir).expect("listed");
    logs.retain(|name| name.ends_with(".log"));
    logs.sort();
    let number = |name: &str| name.trim_start_matches('0').trim_end_matches(".log").parse::<i64>().expect("a number");
    place.disk.remove(&place.file(&logs[1])).expect("removed");
    assert_lost(&place, "the second segment", number(&logs[1])..number(&logs[2]));
}

#[test]
fn times_are_found_around_damage() {
    let (_, place) = stopped();
    let name = "00000000000000000000.log";
    let mut damaged = place.bytes(name);
    let size = batches(&damaged).next().expect("some").expect("whole").bytes.len();
    damaged[size + 100] ^= 1;
    place.overwrite(name, &damaged);
    let (log, _) = place.open(&settings(), OpenAs::clean());
    // The second batch, of the tenth millisecond, is lost: the next one answers for it.
    let hit = log.find_time(START_MS + 10, Offset(36)).expect("readable").expect("found");
    assert_eq!(hit.offset, Offset(4));
    let hit = log.find_time(START_MS, Offset(36)).expect("readable").expect("found");
    assert_eq!(hit.offset, Offset(0));
    assert_eq!(log.max_timestamp(Offset(36)).expect("readable").expect("found").offset, Offset(35));
}

#[test]
fn what_the_disk_can_not_read_is_an_error_and_the_rest_is_served() {
    let (disk, place) = stopped();
    let (log, _) = place.open(&settings(), OpenAs::clean());
    disk.watch(|operation, path| {
        let bad = operation == Operation::Read && path.ends_with("00000000000000000000.log");
        bad.then(|| Fault::from(std::io::ErrorKind::Other))
    });
    let error = log.read(Offset(0), 1000, Offset(36), true).expect_err("it can't be read");
    assert!(matches!(error, ReadError::Storage(_)));
    assert!(log.read(Offset(20), 1000, Offset(36), true).expect("another file").is_some());
    disk.unwatch();
    assert!(log.read(Offset(0), 1000, Offset(36), true).expect("it was not for ever").is_some());
}

#[test]
fn bytes_of_this_process_are_not_verified_and_older_ones_once() {
    let (disk, place) = stopped();
    let (log, _) = place.open(&settings(), OpenAs::clean());
    let read = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counted = Arc::clone(&read);
    disk.watch(move |operation, path| {
        let log = path.extension().is_some_and(|extension| extension == "log");
        let counts = operation == Operation::Read && log;
        counted.fetch_add(u64::from(counts), std::sync::atomic::Ordering::Relaxed);
        None
    });
    let reads_for = |from: i64| {
        read.store(0, std::sync::atomic::Ordering::Relaxed);
        log.read(Offset(from), 100_000, log.log_end(), true).expect("readable").expect("there");
        read.load(std::sync::atomic::Ordering::Relaxed)
    };
    let (first, again) = (reads_for(0), reads_for(0));
    assert!(first > again, "{first} reads, then {again}");
    append(&log, &batch(2, 60, 0), 0).expect("appended");
    assert!(reads_for(36) <= 1, "the header alone");
}

#[test]
fn whichever_segments_are_gone_their_offsets_are_told_and_never_given_out_again() {
    let names = |place: &Place, end: &str| {
        let mut names = place.disk.list(&place.dir).expect("listed");
        names.retain(|name| name.ends_with(end));
        names.sort();
        names
    };
    let bases: Vec<i64> = names(&stopped().1, ".log").iter().map(|name| name[..20].parse().expect("a base")).collect();
    let count = bases.len();
    let ends: Vec<i64> = bases.iter().skip(1).copied().chain([36]).collect();
    let (clean, killed) = (OpenAs { recovery_point: Offset(36), ..OpenAs::clean() }, OpenAs::unclean());
    let killed = OpenAs { recovery_point: Offset(36), ..killed };
    let each = (0..count).map(|n| n..n + 1).chain([0..count, 0..2, count - 2..count]);
    for gone in each {
        for (left, with_states) in [(&clean, false), (&clean, true), (&killed, false), (&killed, true)] {
            if !left.clean && gone.start == 0 && gone.end < count {
                // Retention may have taken these.
                continue;
            }
            let (_, place) = stopped();
            for name in &names(&place, ".log")[gone.clone()] {
                place.disk.remove(&place.file(name)).expect("removed");
            }
            for name in names(&place, ".producers").iter().filter(|_| with_states) {
                place.disk.remove(&place.file(name)).expect("removed");
            }
            let what = format!("segments {gone:?} of {count}, states too: {with_states}, clean: {}", left.clean);
            let lost: Vec<i64> = gone.clone().flat_map(|n| bases[n]..ends[n]).collect();
            let checked = check_partition_left(&*place.disk, &place.dir, false, left, |_| {}).expect("readable");
            let (first, last) = (lost[0], lost[lost.len() - 1]);
            let told = format!("offsets {first} to {last} ({}) are", lost.len());
            let is_told = |problem: &Problem| !problem.heals && problem.reason.contains(&told);
            assert!(checked.problems.iter().any(is_told), "{what}: {told}: {:?}", checked.problems);

            let (log, report) = place.open(&settings(), left.clone());
            // A start after a kill leaves sealed segments alone, too: their readers hear of it.
            let is_middle = gone.start > 0 && gone.end < count;
            let is_said = report.losses.iter().any(|loss| loss.contains(&told));
            assert!(is_said || is_middle && !left.clean, "{what}: {told}: {report:?}");
            let kept: Vec<i64> = (0..36).filter(|offset| !lost.contains(offset)).collect();
            for _ in 0..2 {
                assert_eq!(survivors(&log, 100_000), (kept.clone(), vec![(first, last + 1)]), "{what}");
                log.retain(at(0), Offset(36)).expect("nothing is due");
            }
            append(&log, &batch(1, 1, 0), 0).expect("it goes on");
            assert_eq!(log.log_end(), Offset(37), "{what}");
            log.close().expect("closed");
            let start = OpenAs { recovery_point: Offset(37), ..OpenAs::clean() };
            let (log, _) = place.open(&settings(), start);
            assert_eq!(log.log_end(), Offset(37), "{what}, after another stop");
            for offset in [first, last] {
                let read = log.read(Offset(offset), 1, Offset(37), true);
                assert!(matches!(read, Err(ReadError::Corrupt { .. })), "{what}, after another stop: {read:?}");
            }
        }
    }
}

#[test]
fn a_whole_batch_that_is_cut_off_for_its_crc_is_a_loss() {
    let place = Place::on(Arc::new(MemoryDisk::new()));
    let (log, _) = place.open(&settings(), OpenAs::unclean());
    for n in 0..2 {
        append(&log, &batch(3, 20, n), n).expect("appended");
    }
    drop(log);
    let name = "00000000000000000000.log";
    let mut bytes = place.bytes(name);
    *bytes.last_mut().expect("some") ^= 1;
    place.overwrite(name, &bytes);
    let (_, report) = place.open(&settings(), OpenAs::unclean());
    assert!(report.losses[0].contains("3 records from offset 3 on"), "{report:?}");
    // Zeros hold no record.
    let bytes = [place.bytes(name), vec![0; 500]].concat();
    place.overwrite(name, &bytes);
    let (_, report) = place.open(&settings(), OpenAs::unclean());
    assert_eq!(report.losses, Vec::<String>::new());
    assert!(report.findings.iter().any(|finding| finding.contains("as a power cut leaves them")), "{report:?}");
}
