//! When a segment is full, what its indexes say, and what the broker's clock and rules do to a batch.

use crate::base::{ErrorCode, Offset};
use crate::log::inspect::{check_partition, offset_entries, time_entries};
use crate::log::testing::*;
use crate::log::{LogSettings, OffsetEntry, OpenAs, TimeEntry, TimestampType};
use crate::record::{BatchView, batches};

fn bases(place: &Place) -> Vec<String> {
    let mut names = place.disk.list(&place.dir).expect("listed");
    names.retain(|name| name.ends_with(".log"));
    names.sort();
    names.iter().map(|name| name.trim_start_matches('0').trim_end_matches(".log").to_owned()).collect()
}

#[test]
fn a_segment_is_full_when_the_next_batch_does_not_fit() {
    let place = Place::real();
    let one = batch(1, 100, 0).len() as u64;
    let settings = LogSettings { segment_bytes: 3 * one, ..LogSettings::default() };
    let (log, _) = place.open(&settings, OpenAs::unclean());
    for _ in 0..7 {
        append(&log, &batch(1, 100, 0), 0).expect("appended");
    }
    assert_eq!(bases(&place), ["", "3", "6"]);
    let refused = append(&log, &batch(1, 1000, 0), 0).expect_err("larger than a segment");
    assert_eq!(refused.error_code(), ErrorCode::RecordListTooLarge);
    assert_eq!(log.log_end(), Offset(7));
}

#[test]
fn a_segment_is_too_old_by_the_time_of_its_batches() {
    let place = Place::real();
    let settings = LogSettings { segment_ms: 1000, ..LogSettings::default() };
    let (log, _) = place.open(&settings, OpenAs::unclean());
    // What the broker's clock says does not matter, as in Kafka: the batches' times do.
    for (sent_ms, now_ms) in [(0, 0), (1000, 90_000), (1001, 90_000), (500, 90_000)] {
        append(&log, &batch(1, 1, sent_ms), now_ms).expect("appended");
    }
    assert_eq!(bases(&place), ["", "2"]);
    // Batches without a time go by the clock.
    let mut without = batch(1, 1, 0);
    let mut header = BatchView::parse(&without).expect("whole").header;
    (header.base_timestamp, header.max_timestamp) = (-1, -1);
    header.crc = header.crc_with(&without[61..]);
    without[..61].copy_from_slice(&header.encode());
    let place = Place::real();
    let (log, _) = place.open(&settings, OpenAs::unclean());
    for now_ms in [0, 1000, 1001] {
        append(&log, &without, now_ms).expect("appended");
    }
    assert_eq!(bases(&place), ["", "2"]);
}

#[test]
fn jitter_makes_partitions_roll_at_different_ages() {
    // It was worked out from the segment's offset alone: every partition's first segment rolled at the same age.
    let settings = LogSettings { segment_ms: 1_000_000, segment_jitter_ms: 1_000_000, ..LogSettings::default() };
    let roll_age = |settings: &LogSettings| {
        let place = Place::real();
        let (log, _) = place.open(settings, OpenAs::unclean());
        append(&log, &batch(1, 1, 0), 0).expect("appended");
        let rolled = |ms: &i64| {
            append(&log, &batch(1, 1, *ms), 0).expect("appended");
            log.segment_count() > 1
        };
        (0..=1_001_000).step_by(1000).find(rolled).expect("never later than segment.ms")
    };
    let ages: std::collections::BTreeSet<i64> = (0..5).map(|_| roll_age(&settings)).collect();
    assert!(ages.len() > 1, "{ages:?}");
    assert_eq!(roll_age(&LogSettings { segment_jitter_ms: 0, ..settings }), 1_001_000, "without it, all alike");
}

#[test]
fn a_segment_is_full_when_its_indexes_are() {
    let place = Place::real();
    let settings = LogSettings { index_interval_bytes: 1, segment_index_bytes: 10 * 12, ..LogSettings::default() };
    let (log, _) = place.open(&settings, OpenAs::unclean());
    for n in 0..25 {
        append(&log, &batch(1, 1, n), 0).expect("appended");
    }
    // The first batch has no entry, and one place of the time index is kept for the roll.
    assert_eq!(bases(&place), ["", "10", "20"]);
}

#[test]
fn index_entries_are_where_kafka_puts_them() {
    let place = Place::real();
    let settings = LogSettings { index_interval_bytes: 250, ..LogSettings::default() };
    let (log, _) = place.open(&settings, OpenAs::unclean());
    let mut expected = (Vec::new(), Vec::new());
    let (mut position, mut since, mut latest, mut written) = (0, 0, (-1, 0), -1);
    // Times go up and down: only a new maximum is worth an entry, and it names the batch that has it.
    for (n, ms) in [0, 50, 20, 10, 70, 60, 65, 40, 30, 90, 5, 95, 1, 2, 3].into_iter().enumerate() {
        let bytes = batch(2, 30, ms);
        let last = n as u32 * 2 + 1;
        let newest = START_MS + ms + 1;
        if newest > latest.0 {
            latest = (newest, last);
        }
        if since > 250 {
            expected.0.push(OffsetEntry { relative: last, position });
            if latest.0 > written {
                expected.1.push(TimeEntry { timestamp: latest.0, relative: latest.1 });
                written = latest.0;
            }
            since = 0;
        }
        since += bytes.len();
        position += bytes.len() as u32;
        append(&log, &bytes, 100).expect("appended");
    }
    if latest.0 > written {
        expected.1.push(TimeEntry { timestamp: latest.0, relative: latest.1 });
    }
    log.close().expect("closed");
    let index = offset_entries(&*place.disk, &place.file("00000000000000000000.index")).expect("opened");
    assert_eq!(index.collect::<Result<Vec<_>, _>>().expect("read"), expected.0);
    let times = time_entries(&*place.disk, &place.file("00000000000000000000.timeindex")).expect("opened");
    assert_eq!(times.collect::<Result<Vec<_>, _>>().expect("read"), expected.1);
    let checked = check_partition(&*place.disk, &place.dir, false, |_| {}).expect("read");
    assert_eq!((checked.problems.len(), checked.batches, checked.records), (0, 15, 30));
    assert_eq!(checked.offsets, Some((Offset(0), Offset(30))));
}

#[test]
fn under_log_append_time_the_broker_dates_the_batch() {
    let place = Place::real();
    let settings = LogSettings { timestamp_type: TimestampType::LogAppendTime, ..LogSettings::default() };
    let (log, _) = place.open(&settings, OpenAs::unclean());
    let sent = batch(3, 40, -1_000_000_000);
    let appended = append(&log, &sent, 77).expect("whatever its own time");
    assert_eq!(appended.log_append_time, START_MS + 77);
    let (headers, bytes) = read_from(&log, Offset(0), 1000).expect("read, its CRC included");
    assert!(headers[0].has_log_append_time());
    assert_eq!(headers[0].max_timestamp, START_MS + 77);
    assert_eq!(headers[0].base_timestamp, START_MS - 1_000_000_000);
    assert_eq!(bytes[61..], sent[61..]);
    let hit = log.find_time(START_MS + 50, Offset(3)).expect("read").expect("found");
    assert_eq!((hit.offset, hit.timestamp), (Offset(0), START_MS + 77));
}

#[test]
fn times_far_from_the_brokers_are_refused() {
    let place = Place::real();
    let settings = LogSettings { timestamp_before_max_ms: 1000, timestamp_after_max_ms: 500, ..LogSettings::default() };
    let (log, _) = place.open(&settings, OpenAs::unclean());
    append(&log, &batch(1, 1, -1000), 0).expect("just not too old");
    append(&log, &batch(1, 1, 500), 0).expect("just not too new");
    for ms in [-1001, 501] {
        let refused = append(&log, &batch(1, 1, ms), 0).expect_err("too far away");
        assert_eq!(refused.error_code(), ErrorCode::InvalidTimestamp);
    }
    assert_eq!(log.log_end(), Offset(2));
}

#[test]
fn new_settings_hold_from_the_next_append_on() {
    let place = Place::real();
    let (log, _) = place.open(&LogSettings::default(), OpenAs::unclean());
    append(&log, &batch(1, 100, 0), 0).expect("appended");
    log.set_settings(LogSettings { segment_bytes: 200, ..LogSettings::default() });
    append(&log, &batch(1, 100, 0), 0).expect("appended");
    assert_eq!(log.segment_count(), 2);
    assert_eq!(log.settings().segment_bytes, 200);
}

#[test]
fn leader_epochs_are_written_into_batches_and_kept() {
    let place = Place::real();
    let (log, _) = place.open(&LogSettings::default(), OpenAs::unclean());
    for epoch in [0, 0, 3, 3, 4] {
        let bytes = batch(2, 10, 0);
        let valid = crate::record::ValidBatch::built_here(&bytes).expect("whole");
        log.append(&valid, crate::base::LeaderEpoch(epoch), at(0)).expect("appended");
    }
    let asked = |log: &crate::log::PartitionLog, epoch| {
        let (found, end) = log.epoch_for_end(crate::base::LeaderEpoch(epoch));
        (found.0, end.0)
    };
    let expected = [(0, 4), (0, 4), (0, 4), (3, 8), (4, 10), (-1, -1)];
    assert_eq!([0, 1, 2, 3, 4, 5].map(|epoch| asked(&log, epoch)), expected);
    let stored = place.bytes("00000000000000000000.log");
    let epochs: Vec<i32> = batches(&stored).map(|batch| batch.expect("whole").header.leader_epoch.0).collect();
    assert_eq!(epochs, [0, 0, 3, 3, 4]);
    log.close().expect("closed");
    assert_eq!(place.bytes("leader-epoch-checkpoint"), b"0\n3\n0 0\n3 4\n4 8\n");
    drop(log);
    // Lost or damaged, they come back from the batches: after a clean stop and after a crash.
    for damage in [None, Some(&b"0\n9\nx"[..])] {
        for start in [OpenAs::clean(), OpenAs::unclean()] {
            match damage {
                None => place.disk.remove(&place.file("leader-epoch-checkpoint")).expect("removed"),
                Some(text) => place.overwrite("leader-epoch-checkpoint", text),
            }
            let (log, _) = place.open(&LogSettings::default(), start);
            assert_eq!([0, 1, 2, 3, 4, 5].map(|epoch| asked(&log, epoch)), expected);
            log.close().expect("closed");
        }
    }
}
