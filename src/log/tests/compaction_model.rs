//! Random lives of a compacted log beside a model that is a list of records: appends, compactions (whole, stopped,
//! cut off at any operation), rolls, retention, trims, clean stops, kills and power cuts, on small segments.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::compaction::{TABLE_BYTES, compacted, keyed, records};
use crate::base::Offset;
use crate::log::bounds::PROBE_INTERVAL_MS;
use crate::log::inspect::check_partition;
use crate::log::memory_disk::MemoryDisk;
use crate::log::testing::*;
use crate::log::{Disk, LogSettings, OpenAs, PartitionLog};
use crate::record::ProducerStamp;

#[derive(Debug, Clone)]
enum Step {
    /// Keys, and whether each has a value.
    Append {
        records: Vec<(u8, bool)>,
        idempotent: bool,
    },
    /// The producer sends its last batch again.
    Repeat,
    Read {
        from: usize,
    },
    Flush,
    Checkpoint,
    Compact {
        table_bytes: usize,
    },
    /// It is told to stop after so many batches.
    CompactSome {
        batches: usize,
    },
    /// The machine stops in the middle of it.
    CompactAndStop {
        operations: usize,
        power_lost: bool,
    },
    Trim {
        upto: usize,
    },
    Retain {
        keep_bytes: i64,
    },
    CleanStop,
    Kill,
    PowerCut {
        kept: usize,
    },
}

fn some_step() -> impl Strategy<Value = Step> {
    let some_records = proptest::collection::vec((0..8u8, prop::bool::weighted(0.8)), 1..4);
    prop_oneof![
        24 => (some_records, any::<bool>()).prop_map(|(records, idempotent)| Step::Append { records, idempotent }),
        1 => Just(Step::Repeat),
        4 => any::<usize>().prop_map(|from| Step::Read { from }),
        2 => Just(Step::Flush),
        1 => Just(Step::Checkpoint),
        3 => prop_oneof![Just(TABLE_BYTES), Just(0)].prop_map(|table_bytes| Step::Compact { table_bytes }),
        1 => (0..40usize).prop_map(|batches| Step::CompactSome { batches }),
        2 => (0..120usize, any::<bool>())
            .prop_map(|(operations, power_lost)| Step::CompactAndStop { operations, power_lost }),
        1 => any::<usize>().prop_map(|upto| Step::Trim { upto }),
        1 => (0..6000i64).prop_map(|keep_bytes| Step::Retain { keep_bytes }),
        1 => Just(Step::CleanStop),
        1 => Just(Step::Kill),
        1 => (0..=256usize).prop_map(|kept| Step::PowerCut { kept }),
    ]
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    offset: i64,
    key: String,
    value: Option<String>,
}

struct World {
    disk: MemoryDisk,
    place: Place,
    settings: LogSettings,
    log: Option<PartitionLog>,
    known: Vec<Known>,
    log_start: i64,
    now_ms: i64,
    sequence: i32,
    last_sent: Option<(Vec<u8>, i64)>,
    /// Below, superseded records may be gone.
    touched: i64,
    /// Below, superseded records are gone.
    clean: i64,
    recovery_point: Offset,
}

impl World {
    fn new(settings: LogSettings) -> World {
        let disk = MemoryDisk::new();
        let place = Place::on(Arc::new(disk.clone()));
        disk.create_dir(&place.dir).expect("made");
        disk.sync_fs(&place.dir).expect("synced");
        let mut world = World {
            disk,
            place,
            settings,
            log: None,
            known: Vec::new(),
            log_start: 0,
            now_ms: 0,
            sequence: 0,
            last_sent: None,
            touched: 0,
            clean: 0,
            recovery_point: Offset(0),
        };
        world.reopen(false);
        world
    }

    fn log(&self) -> &PartitionLog {
        self.log.as_ref().expect("open")
    }

    fn reopen(&mut self, clean: bool) {
        let mut start = if clean { OpenAs::clean() } else { OpenAs::unclean() };
        start.log_start = Offset(self.log_start);
        start.recovery_point = self.recovery_point;
        let disk = Arc::clone(&self.place.disk);
        let opened = PartitionLog::open(disk, &self.place.dir, self.settings.clone(), start, at(self.now_ms));
        let (log, report) = opened.expect("a start always succeeds");
        assert_eq!(report.holes, 0, "{report:?}");
        log.flush().expect("flushed");
        let end = log.log_end().0;
        self.log = Some(log);
        self.known.retain(|known| known.offset < end);
        if self.last_sent.as_ref().is_some_and(|(_, last)| *last >= end) {
            // What it sends next is new to the log, whatever the log knows.
            (self.last_sent, self.sequence) = (None, 0);
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Append { records, idempotent } => self.append(records, *idempotent),
            Step::Repeat => {
                let Some((bytes, last)) = self.last_sent.clone() else { return };
                if last >= self.log_start {
                    assert!(append(self.log(), &bytes, self.now_ms).expect("a repetition").duplicate);
                }
            }
            Step::Read { from } => self.read(*from),
            Step::Flush => {
                self.log().flush().expect("flushed");
            }
            Step::Checkpoint => {
                self.log().checkpoint().expect("written");
                self.recovery_point = self.log().recovery_point();
            }
            Step::Compact { table_bytes } => {
                let upto = self.compact(*table_bytes, &|| true);
                self.clean = self.clean.max(upto);
            }
            Step::CompactSome { batches } => {
                let left = AtomicUsize::new(*batches);
                let some = |left: usize| left.checked_sub(1);
                self.compact(TABLE_BYTES, &|| left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, some).is_ok());
            }
            Step::CompactAndStop { operations, power_lost } => self.compact_and_stop(*operations, *power_lost),
            Step::Trim { upto } => {
                let span = (self.log().flushed_end().0 - self.log_start).max(0) as usize + 1;
                let before = Offset(self.log_start + (upto % span) as i64);
                self.log_start = self.log().trim(before).expect("trimmed").log_start.0;
            }
            Step::Retain { keep_bytes } => {
                let limited =
                    LogSettings { cleanup_delete: true, retention_bytes: *keep_bytes, ..self.settings.clone() };
                self.log().set_settings(limited);
                let retained = self.log().retain(at(self.now_ms), self.log().flushed_end()).expect("removed");
                self.log().set_settings(self.settings.clone());
                self.log_start = retained.log_start.0;
            }
            Step::CleanStop => {
                self.log().close().expect("closed");
                self.recovery_point = self.log().recovery_point();
                self.log = None;
                let checked = check_partition(&self.disk, &self.place.dir, true, |_| {}).expect("readable");
                assert_eq!(checked.problems, []);
                self.reopen(true);
            }
            Step::Kill => self.stop(false, 256),
            Step::PowerCut { kept } => self.stop(true, *kept),
        }
        self.known.retain(|known| known.offset >= self.log_start);
        self.compare();
    }

    fn append(&mut self, records: &[(u8, bool)], idempotent: bool) {
        self.now_ms += 1;
        let base = self.log().log_end().0;
        let names: Vec<(String, Option<String>)> = (base..)
            .zip(records)
            .map(|(offset, (key, has_value))| (format!("key{key}"), has_value.then(|| format!("{offset:060}"))))
            .collect();
        let views: Vec<_> = names.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
        let stamp = match idempotent {
            true => ProducerStamp { producer_id: 7, producer_epoch: 0, base_sequence: self.sequence },
            false => ProducerStamp::NONE,
        };
        let bytes = keyed(&views, self.now_ms, stamp);
        let appended = match append(self.log(), &bytes, self.now_ms) {
            // After a loss the log may know the producer or not.
            Err(_) if idempotent && self.last_sent.is_none() => return,
            appended => appended.expect("appended"),
        };
        if appended.duplicate {
            return;
        }
        assert_eq!(appended.base_offset, Offset(base));
        if idempotent {
            self.sequence += records.len() as i32;
            self.last_sent = Some((bytes, appended.last_offset.0));
        }
        self.known.extend((base..).zip(names).map(|(offset, (key, value))| Known { offset, key, value }));
    }

    /// Compacts all there is; gives up to where.
    fn compact(&mut self, table_bytes: usize, go_on: &dyn Fn() -> bool) -> i64 {
        let end = self.log().flush().expect("flushed");
        self.touched = self.touched.max(end.0);
        let done = self.log().compact(at(self.now_ms), end, table_bytes, go_on).expect("compacted");
        done.map_or(0, |done| done.upto.0)
    }

    fn compact_and_stop(&mut self, operations: usize, power_lost: bool) {
        let end = self.log().flush().expect("flushed");
        self.touched = self.touched.max(end.0);
        let mut left = operations;
        self.disk.watch(move |_, _| {
            left = left.saturating_sub(1);
            (left == 0).then(|| io::ErrorKind::Other.into())
        });
        let _ = self.log().compact(at(self.now_ms), end, TABLE_BYTES, &|| true);
        self.disk.unwatch();
        // The checkpoint before it may have failed, which a probe has to make good.
        self.now_ms += PROBE_INTERVAL_MS;
        self.stop(power_lost, 0);
    }

    fn stop(&mut self, power_lost: bool, kept: usize) {
        let flushed = self.log().flushed_end();
        self.log = None;
        if power_lost {
            self.disk.crash_keeping(|_, durable, cached| {
                if cached.len() < durable.len() {
                    return durable.to_vec();
                }
                [durable, &cached[durable.len()..][..(cached.len() - durable.len()) * kept / 256]].concat()
            });
        }
        self.reopen(false);
        assert!(self.log().log_end() >= flushed, "what was flushed is there");
    }

    fn read(&self, from: usize) {
        let log = self.log();
        let span = (log.log_end().0 - self.log_start) as usize + 1;
        let from = self.log_start + (from % span) as i64;
        let slice = log.read(Offset(from), 1, log.log_end(), true).expect("readable");
        let expected = records(log).into_iter().find(|(offset, ..)| *offset >= from);
        match (slice, expected) {
            (Some(slice), Some((offset, ..))) => assert!(slice.first_offset.0 <= offset, "from {from}"),
            (None, Some(record)) => panic!("from {from}: {record:?} is not found"),
            (_, None) => {}
        }
    }

    fn compare(&mut self) {
        let log = self.log();
        assert_eq!(log.log_start(), Offset(self.log_start));
        let found: Vec<Known> =
            records(log).into_iter().map(|(offset, key, value)| Known { offset, key, value }).collect();
        let mut rest = found.iter().peekable();
        for (n, known) in self.known.iter().enumerate() {
            let is_there = rest.next_if(|found| *found == known).is_some();
            let later =
                |below: i64| self.known[n + 1..].iter().any(|other| other.key == known.key && other.offset < below);
            let may_go =
                later(self.touched) || (known.value.is_none() && known.offset < self.touched && self.forgets());
            assert!(is_there || may_go, "{known:?} is missing");
            assert!(!is_there || !later(self.clean), "{known:?} should be gone");
        }
        assert_eq!(rest.next(), None, "nothing is there that was not appended");
        self.known = found;
    }

    fn forgets(&self) -> bool {
        self.settings.delete_retention_ms == 0
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn compaction_takes_what_is_superseded_and_nothing_else(
        steps in proptest::collection::vec(some_step(), 1..150),
        forgets in any::<bool>(),
        segment_bytes in 300..2000u64,
    ) {
        let delete_retention_ms = if forgets { 0 } else { i64::MAX / 2 };
        let mut world = World::new(LogSettings { segment_bytes, delete_retention_ms, ..compacted() });
        for step in &steps {
            world.step(step);
        }
        world.step(&Step::CleanStop);
    }
}
