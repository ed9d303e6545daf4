//! Random lives of a log beside a model that is a list of batches: appends, reads, rolls, flushes, checkpoints, trims,
//! retention, clean stops, kills and power cuts, on segments so small that everything happens.

use std::sync::Arc;

use proptest::prelude::*;

use crate::base::{Now, Offset};
use crate::log::bounds::PROBE_INTERVAL_MS;
use crate::log::inspect::check_partition;
use crate::log::memory_disk::{Fault, MemoryDisk, Operation};
use crate::log::testing::*;
use crate::log::{Disk, FlushPolicy, LogSettings, OpenAs, PartitionLog, ReadError};
use crate::record::{BatchView, ProducerStamp};

#[derive(Debug, Clone)]
enum Step {
    Append {
        records: usize,
        value_bytes: usize,
        later_ms: i64,
        idempotent: bool,
    },
    /// The producer sends one of its last five batches again.
    Repeat {
        back: usize,
    },
    Read {
        from: usize,
        max_bytes: usize,
        upper: usize,
        at_least_one: bool,
    },
    FindTime {
        ms: i64,
        upper: usize,
    },
    Flush,
    /// The fsync of the data fails.
    FlushFails,
    /// So many bytes are written before the disk is full; perhaps it can't even take them back.
    AppendFails {
        written: usize,
        sticks: bool,
    },
    Checkpoint,
    Trim {
        upto: usize,
    },
    Retain {
        keep_bytes: i64,
        keep_ms: i64,
    },
    CleanStop,
    Kill,
    /// Of what was not synced, this many 256ths of each file are left, perhaps with a garbled end.
    PowerCut {
        kept: usize,
        garbled: bool,
    },
}

fn some_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (1..5usize, 0..150usize, -5..20i64, any::<bool>()).prop_map(|(records, value_bytes, later_ms, idempotent)| {
            Step::Append { records, value_bytes, later_ms, idempotent }
        }),
        2 => (0..5usize).prop_map(|back| Step::Repeat { back }),
        8 => (any::<usize>(), 0..2000usize, any::<usize>(), any::<bool>())
            .prop_map(|(from, max_bytes, upper, at_least_one)| Step::Read { from, max_bytes, upper, at_least_one }),
        4 => (-10..600i64, any::<usize>()).prop_map(|(ms, upper)| Step::FindTime { ms, upper }),
        3 => Just(Step::Flush),
        1 => Just(Step::FlushFails),
        1 => (0..300usize, any::<bool>()).prop_map(|(written, sticks)| Step::AppendFails { written, sticks }),
        2 => Just(Step::Checkpoint),
        1 => any::<usize>().prop_map(|upto| Step::Trim { upto }),
        1 => (-1..6000i64, -1..200i64).prop_map(|(keep_bytes, keep_ms)| Step::Retain { keep_bytes, keep_ms }),
        1 => Just(Step::CleanStop),
        1 => Just(Step::Kill),
        2 => (0..=256usize, any::<bool>()).prop_map(|(kept, garbled)| Step::PowerCut { kept, garbled }),
    ]
}

/// A batch as it should lie in the log.
#[derive(Debug, Clone)]
struct Kept {
    base: i64,
    next: i64,
    times: Vec<i64>,
    bytes: Vec<u8>,
    /// What the idempotent producer sends next, if it sent this one.
    next_sequence: Option<i32>,
}

struct World {
    disk: MemoryDisk,
    place: Place,
    settings: LogSettings,
    log: Option<PartitionLog>,
    batches: Vec<Kept>,
    log_start: i64,
    now_ms: i64,
    recovery_point: Offset,
    /// An fsync failed under `os`: some data is not safe, and the log knows.
    poisoned: bool,
    /// Batches that were taken back after a failed fsync.
    ghosts: Vec<Kept>,
    /// What the producer sends next after the batches that are trimmed away.
    trimmed_sequence: i32,
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
            batches: Vec::new(),
            log_start: 0,
            now_ms: 0,
            recovery_point: Offset(0),
            poisoned: false,
            ghosts: Vec::new(),
            trimmed_sequence: 0,
        };
        world.reopen(false);
        world
    }

    fn log(&self) -> &PartitionLog {
        self.log.as_ref().expect("open")
    }

    fn end(&self) -> i64 {
        self.batches.last().map_or(self.log_start, |last| last.next)
    }

    fn now(&self) -> Now {
        at(self.now_ms)
    }

    fn reopen(&mut self, clean: bool) {
        self.poisoned = false;
        let mut start = if clean { OpenAs::clean() } else { OpenAs::unclean() };
        start.log_start = Offset(self.log_start);
        start.recovery_point = self.recovery_point;
        let disk = Arc::clone(&self.place.disk);
        let opened = PartitionLog::open(disk, &self.place.dir, self.settings.clone(), start, self.now());
        let (log, report) = opened.expect("a start always succeeds");
        if clean {
            assert_eq!(report, Default::default(), "nothing to do after a clean stop");
        }
        assert_eq!(report.holes, 0, "{report:?}");
        log.flush().expect("flushed");
        self.log = Some(log);
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Append { records, value_bytes, later_ms, idempotent } => {
                self.append(records, value_bytes, later_ms, idempotent);
            }
            Step::Repeat { back } => self.repeat(back),
            Step::Read { from, max_bytes, upper, at_least_one } => self.read(from, max_bytes, upper, at_least_one),
            Step::FindTime { ms, upper } => self.find_time(ms, upper),
            Step::Flush => assert_eq!(self.log().flush().expect("flushed"), Offset(self.end())),
            Step::Checkpoint => {
                self.log().checkpoint().expect("written");
                self.recovery_point = self.log().recovery_point();
                if !self.poisoned {
                    assert_eq!(self.recovery_point, Offset(self.end()));
                    assert!(!self.log().wants_checkpoint());
                }
            }
            Step::FlushFails => self.flush_fails(),
            Step::AppendFails { written, sticks } => self.append_fails(written, sticks),
            Step::Trim { upto } => self.trim(upto),
            Step::Retain { keep_bytes, keep_ms } => self.retain(keep_bytes, keep_ms),
            Step::CleanStop => {
                self.log().close().expect("closed");
                self.recovery_point = self.log().recovery_point();
                self.log = None;
                if self.poisoned {
                    self.reopen(false);
                    return;
                }
                let checked = check_partition(&self.disk, &self.place.dir, false, |_| {}).expect("readable");
                assert_eq!(checked.problems, []);
                self.reopen(true);
                assert_eq!(self.log().log_end(), Offset(self.end()));
            }
            Step::Kill => {
                self.log = None;
                self.reopen(false);
                assert_eq!(self.log().log_end(), Offset(self.end()), "a kill loses nothing");
            }
            Step::PowerCut { kept, garbled } => self.power_cut(kept, garbled),
        }
        let log = self.log();
        assert_eq!((log.log_start(), log.log_end()), (Offset(self.log_start), Offset(self.end())));
    }

    fn append(&mut self, records: usize, value_bytes: usize, later_ms: i64, idempotent: bool) {
        self.now_ms += later_ms.max(0);
        let stamp = match idempotent {
            true => ProducerStamp { producer_id: 7, producer_epoch: 0, base_sequence: self.next_sequence() },
            false => ProducerStamp::NONE,
        };
        // Senders' clocks go back now and then.
        let bytes = stamped(records, value_bytes, self.now_ms + later_ms.min(0), stamp, 0);
        let appended = append(self.log(), &bytes, self.now_ms).expect("appended");
        let base = self.end();
        assert_eq!(appended.base_offset, Offset(base));
        let mut stored = bytes.clone();
        stored[..8].copy_from_slice(&base.to_be_bytes());
        stored[12..16].copy_from_slice(&0i32.to_be_bytes());
        let header = BatchView::parse(&bytes).expect("built").header;
        let times = (0..records as i64).map(|n| header.base_timestamp + n).collect();
        let next_sequence = idempotent.then(|| stamp.base_sequence + records as i32);
        self.batches.push(Kept { base, next: base + records as i64, times, bytes: stored, next_sequence });
    }

    fn next_sequence(&self) -> i32 {
        let known = self.batches.iter().rev().find_map(|kept| kept.next_sequence);
        known.unwrap_or(self.trimmed_sequence)
    }

    fn repeat(&mut self, back: usize) {
        let mut sent = self.batches.iter().rev().filter(|kept| kept.next_sequence.is_some());
        // What a trim cut through may be forgotten after a crash.
        let Some(kept) = sent.nth(back).filter(|kept| kept.base >= self.log_start) else { return };
        let repeated = append(self.log(), &kept.bytes, self.now_ms).expect("a repetition");
        assert!(repeated.duplicate);
        assert_eq!((repeated.base_offset.0, repeated.last_offset.0 + 1), (kept.base, kept.next));
    }

    fn append_fails(&mut self, written: usize, sticks: bool) {
        // A batch that was written whole and can't be taken back may be found by the next start.
        let written = if sticks { written.min(60) } else { written };
        self.disk.watch(move |operation, _| {
            let fails = operation == Operation::Write || (sticks && operation == Operation::SetLen);
            fails.then(|| Fault { error: std::io::ErrorKind::StorageFull.into(), written })
        });
        let bytes = batch(1, 20, self.now_ms);
        assert!(append(self.log(), &bytes, self.now_ms).is_err());
        self.disk.unwatch();
        self.now_ms += PROBE_INTERVAL_MS;
    }

    fn flush_fails(&mut self) {
        self.disk.watch(|operation, path| {
            let fails = operation == Operation::SyncData && path.extension().is_some_and(|of| of == "log");
            fails.then(|| std::io::ErrorKind::Other.into())
        });
        let (cuts, flushed, dirty) = (self.log().cuts(), self.log().flushed_end(), self.log().unflushed_bytes());
        let failed = self.log().flush().is_err();
        self.disk.unwatch();
        self.now_ms += PROBE_INTERVAL_MS;
        if !failed {
            return;
        }
        if self.settings.flush_policy == FlushPolicy::Os {
            assert_eq!(self.log().cuts(), cuts);
            self.poisoned = true;
        } else if dirty > 0 {
            assert_eq!(self.log().cuts(), cuts + 1);
            assert_eq!(self.log().log_end(), flushed);
            self.ghosts.extend(self.batches.iter().filter(|kept| kept.next > flushed.0).cloned());
            self.batches.retain(|kept| kept.next <= flushed.0);
            if self.batches.is_empty() {
                self.log_start = flushed.0;
            }
        }
    }

    fn read(&self, from: usize, max_bytes: usize, upper: usize, at_least_one: bool) {
        let span = (self.end() - self.log_start + 3) as usize;
        let from = self.log_start - 1 + (from % span) as i64;
        let uppers: Vec<i64> = [self.log_start].into_iter().chain(self.batches.iter().map(|kept| kept.next)).collect();
        let upper = uppers[upper % uppers.len()];
        let found = self.log().read(Offset(from), max_bytes, Offset(upper), at_least_one);
        if from < self.log_start || from > self.end() {
            assert!(matches!(found, Err(ReadError::OutOfRange { .. })), "{from}");
            return;
        }
        let wanted: Vec<&Kept> = self.batches.iter().filter(|kept| kept.next > from && kept.next <= upper).collect();
        let Some(slice) = found.expect("readable") else {
            let fits = wanted.first().is_some_and(|first| first.bytes.len() <= max_bytes || at_least_one);
            assert!(!fits, "from {from} to {upper} there is something to read");
            return;
        };
        let bytes = slice.bytes().expect("readable");
        assert_eq!(slice.first_offset, Offset(wanted[0].base));
        assert!(bytes.len() <= max_bytes || (at_least_one && bytes.len() == wanted[0].bytes.len()));
        let mut rest = &bytes[..];
        for kept in wanted {
            if rest.is_empty() {
                break;
            }
            assert_eq!(&rest[..kept.bytes.len()], kept.bytes);
            rest = &rest[kept.bytes.len()..];
            if rest.is_empty() {
                assert_eq!(slice.next_offset, Offset(kept.next));
            }
        }
        assert!(rest.is_empty());
    }

    fn find_time(&self, ms: i64, upper: usize) {
        let span = (self.end() - self.log_start + 1) as usize;
        let upper = self.log_start + (upper % span) as i64;
        let records = || {
            let all = self.batches.iter().flat_map(|kept| (kept.base..).zip(kept.times.iter().copied()));
            all.filter(|(offset, _)| *offset >= self.log_start)
        };
        let wanted = records().find(|(_, time)| *time >= START_MS + ms).filter(|(offset, _)| *offset < upper);
        let found = self.log().find_time(START_MS + ms, Offset(upper)).expect("readable");
        assert_eq!(found.map(|hit| (hit.offset.0, hit.timestamp)), wanted, "first at {ms} below {upper}");
        // Whole batches only: a high watermark lies between batches.
        let upper = self.batches.iter().map(|kept| kept.next).filter(|next| *next <= upper).max().unwrap_or(0);
        let latest = records().filter(|(offset, _)| *offset < upper).map(|(_, time)| time).max();
        let found = self.log().max_timestamp(Offset(upper)).expect("readable");
        assert_eq!(found.map(|hit| hit.timestamp), latest, "latest below {upper}");
        if let Some(hit) = found {
            assert!(records().any(|(offset, time)| (offset, time) == (hit.offset.0, hit.timestamp)));
        }
    }

    /// Up to where the broker lets others see, and retention reach.
    fn high_watermark(&self) -> i64 {
        match self.settings.flush_policy {
            FlushPolicy::Fsync => self.log().flushed_end().0,
            FlushPolicy::Os => self.end(),
        }
    }

    fn trim(&mut self, upto: usize) {
        let span = (self.high_watermark() - self.log_start).max(0) as usize + 1;
        let before = self.log_start + (upto % span) as i64;
        let trimmed = self.log().trim(Offset(before)).expect("trimmed");
        assert_eq!(trimmed.log_start, Offset(before));
        self.forget_below(before);
    }

    fn retain(&mut self, keep_bytes: i64, keep_ms: i64) {
        let settings = LogSettings { retention_bytes: keep_bytes, retention_ms: keep_ms, ..self.settings.clone() };
        self.log().set_settings(settings);
        let retained = self.log().retain(self.now(), Offset(self.high_watermark())).expect("removed");
        self.log().set_settings(self.settings.clone());
        assert_eq!(retained.log_start, self.log().log_start());
        self.forget_below(retained.log_start.0);
    }

    fn forget_below(&mut self, start: i64) {
        assert!(start >= self.log_start);
        let end = self.end();
        self.log_start = start;
        // The batch that a trim cut through is read whole.
        let trimmed = self.batches.iter().rev().filter(|kept| kept.next <= start);
        self.trimmed_sequence = trimmed.filter_map(|kept| kept.next_sequence).next().unwrap_or(self.trimmed_sequence);
        self.batches.retain(|kept| kept.next > start);
        assert!(self.batches.last().map_or(start, |last| last.next) == end);
    }

    fn power_cut(&mut self, kept: usize, garbled: bool) {
        let flushed = match self.settings.flush_policy {
            FlushPolicy::Fsync => self.log().flushed_end().0,
            FlushPolicy::Os => self.recovery_point.0,
        };
        self.log = None;
        self.disk.crash_keeping(|path, durable, cached| {
            let more = cached.len().saturating_sub(durable.len()) * kept / 256;
            let mut left = cached[..(durable.len() + more).min(cached.len())].to_vec();
            if more == 0 {
                left = durable.to_vec();
            } else if garbled && path.extension().is_some_and(|extension| extension == "log") {
                let last = left.len() - 1;
                left[last] ^= 0x55;
            }
            left
        });
        self.reopen(false);
        let end = self.log().log_end().0;
        assert!(flushed <= end, "flushed to {flushed}, found {end}");
        let (log_start, batches) = (self.log().log_start(), std::mem::take(&mut self.batches));
        let (headers, mut bytes) = read_from(self.log(), log_start, 1000).expect("readable");
        for header in headers {
            let rest = bytes.split_off(header.total_bytes());
            // What an fsync failed on was taken back, but may come back; what was flushed since may not give way.
            let ghosts = self.ghosts.iter().filter(|ghost| ghost.base >= flushed);
            let known = batches.iter().chain(ghosts).find(|kept| kept.bytes == bytes).cloned();
            self.batches.push(known.expect("a batch that was sent, as it was sent"));
            bytes = rest;
        }
        self.ghosts.clear();
        if self.batches.is_empty() {
            self.log_start = end;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_log_is_its_list_of_batches_whatever_happens(
        segment_bytes in 720..3000u64,
        interval in 80..500u32,
        fsync in any::<bool>(),
        steps in proptest::collection::vec(some_step(), 1..120),
    ) {
        let settings = LogSettings {
            segment_bytes,
            index_interval_bytes: interval,
            segment_ms: 300,
            flush_policy: if fsync { FlushPolicy::Fsync } else { FlushPolicy::Os },
            ..LogSettings::default()
        };
        let mut world = World::new(settings);
        for step in &steps {
            world.step(step);
        }
        let everything: Vec<u8> = world.batches.iter().flat_map(|kept| kept.bytes.clone()).collect();
        let (_, bytes) = read_from(world.log(), Offset(world.log_start), 1000).expect("readable");
        prop_assert_eq!(bytes, everything);
    }
}
