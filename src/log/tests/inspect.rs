//! What is told of files from outside: every kind of damage by file, position and reason, and nothing of whole ones.

use std::sync::Arc;

use crate::base::Offset;
use crate::log::inspect::{
    Checked, Found, base_of, check_partition, check_partition_left, offset_entries, state, walk_log,
};
use crate::log::memory_disk::MemoryDisk;
use crate::log::testing::*;
use crate::log::{LogSettings, OpenAs};

fn stopped() -> Place {
    let place = Place::on(Arc::new(MemoryDisk::new()));
    let settings = LogSettings { segment_bytes: 2000, index_interval_bytes: 200, ..LogSettings::default() };
    let (log, _) = place.open(&settings, OpenAs::unclean());
    for n in 0..20 {
        append(&log, &batch(2, 60, n), n).expect("appended");
    }
    append(&log, &transactional(7, 0, 1), 20).expect("appended");
    append(&log, &marker(7, false), 20).expect("appended");
    log.close().expect("closed");
    place
}

fn check(place: &Place) -> Checked {
    check_partition(&*place.disk, &place.dir, false, |_| {}).expect("readable")
}

fn newest(place: &Place, suffix: &str) -> String {
    let mut names = place.disk.list(&place.dir).expect("listed");
    names.retain(|name| name.ends_with(suffix));
    names.into_iter().max().expect("there are some")
}

#[test]
fn whole_files_have_no_problems_and_are_counted() {
    let place = stopped();
    let mut heard = 0;
    let checked = check_partition(&*place.disk, &place.dir, false, |_| heard += 1).expect("readable");
    assert_eq!(checked.problems, []);
    assert_eq!((checked.batches, checked.records), (22, 42));
    assert_eq!(checked.offsets, Some((Offset(0), Offset(42))));
    assert_eq!(checked.bytes, place.open(&small(), OpenAs::clean()).0.size_bytes());
    assert_eq!(heard, 22);
}

#[test]
fn every_damaged_file_is_named_with_its_reason() {
    let whole = stopped();
    let first = "00000000000000000000";
    let (last_log, last_txn) = (newest(&whole, ".log"), newest(&whole, ".txnindex"));
    let cut = |name: &str, bytes: usize| whole.bytes(name)[..whole.bytes(name).len() - bytes].to_vec();
    let flipped = |name: &str, at: usize| {
        let mut bytes = whole.bytes(name);
        bytes[at] ^= 1;
        bytes
    };
    let one_batch = whole.bytes(&last_log).len() - marker(7, false).len();
    let (index, times) = (format!("{first}.index"), format!("{first}.timeindex"));
    let (log, state) = (format!("{first}.log"), newest(&whole, ".producers"));
    let cases: [(&str, Option<Vec<u8>>, &str, bool); 15] = [
        (&index, None, "it is missing", true),
        (&index, Some(cut(&index, 3)), "no multiple of 8", true),
        (&index, Some(cut(&index, 8)), "entries,", true),
        (&index, Some(flipped(&index, 7)), "where no batch starts", true),
        (&index, Some(flipped(&index, 3)), "for the batch that ends with", true),
        (&times, None, "it is missing", true),
        (&times, Some(cut(&times, 1)), "no multiple of 12", true),
        (&times, Some(cut(&times, 24)), "entries,", true),
        (&times, Some(flipped(&times, 7)), "it has timestamp", true),
        (&last_txn, Some(flipped(&last_txn, 9)), "are not the 1 that were written", true),
        (&last_txn, None, "are not the 1 that were written", true),
        (&state, Some(flipped(&state, 40)), "it fails its CRC", true),
        ("leader-epoch-checkpoint", Some(b"0\n1\n".to_vec()), "no list of leader epochs", true),
        (&log, Some(flipped(&log, 100)), "offsets 0 to 1 (2) are lost", false),
        (&last_log, Some(whole.bytes(&last_log)[..one_batch].to_vec()), "bytes shorter than it was", false),
    ];
    for (name, bytes, reason, heals) in cases {
        let right = whole.bytes(name);
        match bytes {
            Some(bytes) => whole.overwrite(name, &bytes),
            None => whole.disk.remove(&whole.file(name)).expect("removed"),
        }
        let problems = check(&whole).problems;
        let told = problems.iter().find(|problem| problem.file == whole.file(name));
        let told = told.unwrap_or_else(|| panic!("{name}: {reason}: {problems:?}"));
        assert!(told.reason.contains(reason), "{name}: {told:?} should say {reason:?}");
        assert_eq!(told.heals, heals, "{told:?}");
        whole.overwrite(name, &right);
        assert_eq!(check(&whole).problems, []);
    }
}

#[test]
fn a_torn_tail_is_told_as_what_it_is() {
    let place = Place::on(Arc::new(MemoryDisk::new()));
    let (log, _) = place.open(&small(), OpenAs::unclean());
    append(&log, &batch(1, 10, 0), 0).expect("appended");
    drop(log);
    let name = "00000000000000000000.log";
    let bytes = [place.bytes(name), vec![0; 20]].concat();
    place.overwrite(name, &bytes);
    let problems = check(&place).problems;
    let told: Vec<_> = problems.iter().filter(|problem| problem.file == place.file(name)).collect();
    assert_eq!(told.len(), 1);
    assert!(told[0].is_tail && !told[0].heals, "nothing says that the records were not acknowledged: {told:?}");
    assert!(told[0].reason.starts_with("20 zero bytes, as a power cut leaves them"), "{told:?}");
    assert_eq!(told[0].position, Some((bytes.len() - 20) as u64));
    // After a clean stop at that offset it is certain.
    let left = OpenAs { recovery_point: Offset(1), ..OpenAs::clean() };
    let problems = check_partition_left(&*place.disk, &place.dir, false, &left, |_| {}).expect("readable").problems;
    assert!(problems.iter().any(|problem| problem.file == place.file(name) && problem.heals), "{problems:?}");
}

#[test]
fn a_last_batch_cut_short_is_no_trifle_where_it_was_known_to_be_safe() {
    let place = stopped();
    let mut logs = place.disk.list(&place.dir).expect("listed");
    logs.retain(|name| name.ends_with(".log"));
    logs.sort();
    let last = logs.last().expect("some");
    let whole = place.bytes(last);
    let end = state_end(&place);
    place.overwrite(last, &whole[..whole.len() - 50]);
    let lost = format!("offset {} is lost", end - 1);
    for left in [OpenAs::unclean(), OpenAs { recovery_point: Offset(end), ..OpenAs::clean() }] {
        let checked = check_partition_left(&*place.disk, &place.dir, false, &left, |_| {}).expect("readable");
        let told: Vec<_> = checked.problems.iter().filter(|problem| problem.file == place.file(last)).collect();
        assert!(told.iter().any(|problem| problem.reason.contains(&lost)), "{told:?}");
        assert!(told.iter().all(|problem| !problem.heals && !problem.is_tail), "{told:?}");
    }
}

/// Where the log ended, by the newest state file.
fn state_end(place: &Place) -> i64 {
    let names = place.disk.list(&place.dir).expect("listed");
    let states = names.iter().filter(|name| name.ends_with(".producers"));
    states.filter_map(|name| Some(base_of(&place.file(name))?.0)).max().expect("there is one")
}

#[test]
fn a_walk_can_stop_and_go_on_and_needs_no_proper_name() {
    let place = stopped();
    place.overwrite("copy", &place.bytes("00000000000000000000.log"));
    assert_eq!(base_of(&place.file("copy")), None);
    let mut walk = walk_log(&*place.disk, &place.file("copy"), false).expect("opened");
    let mut seen = Vec::new();
    while walk.position() < walk.bytes_total() {
        walk.run(|walk, found| {
            let Found::Batch { position, header } = found else { panic!("{found:?}") };
            let bytes = walk.read_batch(position, &header)?;
            assert_eq!(bytes.len(), header.total_bytes());
            seen.push(header.base_offset.0);
            Ok(seen.len() % 3 != 0)
        })
        .expect("readable");
    }
    assert_eq!(seen, (0..seen.len() as i64).map(|n| n * 2).collect::<Vec<_>>());
}

#[test]
fn files_of_other_kinds_are_refused_politely() {
    let place = stopped();
    place.overwrite("00000000000000000099.producers", b"0\n1\n0 0\n");
    let state = state(&*place.disk, &place.file("00000000000000000099.producers")).expect("readable");
    assert!(state.is_err());
    // As Kafka leaves an active index: made larger, with zeros.
    place.overwrite("00000000000000000099.index", &[0; 8 * 5 + 3]);
    let entries = offset_entries(&*place.disk, &place.file("00000000000000000099.index")).expect("opened");
    assert_eq!((entries.entries_total(), entries.trailing_bytes), (5, 3));
    assert_eq!(entries.count(), 5);
    assert!(walk_log(&*place.disk, &place.file("nothing.log"), false).is_err());
}
