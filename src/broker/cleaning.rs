//! Compaction of the logs that are due for it, one after the other, the most uncompacted first (Kafka's LogCleaner).
//!
//! [`Core::clean_logs`] takes the time as an argument; a thread of its own calls it, since a large log takes a while and
//! nothing else must wait for it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::complaints::Complaints;
use super::core::Core;
use super::partition::Partition;
use crate::base::Now;
use crate::log::LogError;

#[derive(Default)]
pub struct Cleaner {
    stopping: Mutex<bool>,
    told: Condvar,
    complaints: Complaints,
}

impl Cleaner {
    /// The thread's life, until [`stop`](Self::stop).
    pub fn run_in_background(&self, core: &Core) {
        loop {
            let wait = Duration::from_millis(core.config().cleaner.backoff_ms.unsigned_abs());
            let mut stopping = self.stopping.lock();
            if !*stopping {
                self.told.wait_for(&mut stopping, wait);
            }
            if *stopping {
                return;
            }
            drop(stopping);
            core.clean_logs(core.now());
        }
    }

    /// A compaction that runs ends at its next batch; the log stays as it was, or as far as it came.
    pub fn stop(&self) {
        *self.stopping.lock() = true;
        self.told.notify_all();
    }

    fn goes_on(&self) -> bool {
        !*self.stopping.lock()
    }

    /// Says what went wrong, unless it was said.
    fn failed(&self, partition: &Partition, error: &LogError) {
        if self.complaints.failed(partition.name(), &error.to_string()) && !partition.is_deleted() {
            ::log::error!("{} is not compacted: {error}", partition.name());
        }
    }
}

impl Core {
    /// Compacts every log that is due. Gives how many there were.
    pub fn clean_logs(&self, now: Now) -> usize {
        let cleaner = self.cleaner();
        // What it writes before it can remove anything would take the room that is left.
        if !self.config().cleaner.enabled || self.reserve().is_spent() {
            return 0;
        }
        let mut due: Vec<(f64, Arc<Partition>)> = Vec::new();
        for partition in self.topics().iter().flat_map(|topic| &topic.partitions) {
            let Some(log) = partition.online() else { continue };
            match log.compaction_due(now, partition.high_watermark()) {
                Ok(Some(ratio)) => due.push((ratio, Arc::clone(partition))),
                Ok(None) => {}
                Err(error) => cleaner.failed(partition, &error),
            }
        }
        due.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        for (_, partition) in &due {
            if self.goes_on_cleaning() {
                self.clean(partition, now);
            }
        }
        due.len()
    }

    fn goes_on_cleaning(&self) -> bool {
        self.cleaner().goes_on() && !self.reserve().is_spent()
    }

    fn clean(&self, partition: &Arc<Partition>, now: Now) {
        let cleaner = self.cleaner();
        let table_bytes = self.config().cleaner.table_bytes;
        let Some(log) = partition.online() else { return };
        let done = log.compact(now, partition.high_watermark(), table_bytes, &|| self.goes_on_cleaning());
        // It flushes first.
        partition.after_flush();
        match done {
            Ok(done) => {
                cleaner.complaints.worked(partition.name());
                if let Some(done) = done.filter(|done| done.bytes_before > 0) {
                    ::log::info!(
                        "{}: compacted up to offset {}, {} bytes became {}",
                        partition.name(),
                        done.upto,
                        done.bytes_before,
                        done.bytes_after
                    );
                }
            }
            Err(error) => cleaner.failed(partition, &error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{ManualClock, Offset, PartitionId, TopicName, TopicPartition};
    use crate::broker::groups::{Committer, OffsetValue};
    use crate::config::BrokerConfig;
    use crate::log::RealDisk;

    const SEGMENT_BYTES: u64 = 20_000;
    const GROUPS: i64 = 20;

    fn open(dir: &std::path::Path) -> Arc<Core> {
        let segment_bytes = SEGMENT_BYTES.to_string();
        let settings = [
            ("log.dir", dir.to_str().expect("a path of text")),
            ("offsets.topic.segment.bytes", segment_bytes.as_str()),
            ("offsets.topic.num.partitions", "1"),
        ];
        let config = BrokerConfig::from_pairs(settings).expect("valid");
        let clock = Arc::new(ManualClock::at(1_700_000_000_000));
        Core::open(config, RealDisk::shared(), clock, Box::new(|_| {})).expect("opens").0
    }

    fn commit(core: &Arc<Core>, group: i64, offset: i64) {
        let partition = TopicPartition { topic: TopicName::new("T").expect("valid"), partition: PartitionId(0) };
        let value = OffsetValue::plain(Offset(offset), core.now());
        let (name, now) = (format!("group-{group}"), core.now());
        let pledge = core.groups().commit(core, &name, &Committer::OUTSIDER, vec![(partition, value)], now);
        pledge.map_err(|code| code.to_string()).expect("appended").abandon(core);
    }

    fn committed(core: &Core) -> Vec<i64> {
        let of = |group: i64| {
            let offsets = core.groups().committed(core, &format!("group-{group}"), core.now());
            offsets.values().map(|committed| committed.offset.0).sum()
        };
        (0..GROUPS).map(of).collect()
    }

    /// What it writes before it removes anything would be taken from those for whom it is kept back.
    #[test]
    fn on_a_full_disk_nothing_is_copied() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let core = open(dir.path());
        core.restore_reserve(core.now());
        (0..40).for_each(|round| (0..GROUPS).for_each(|group| commit(&core, group, round)));
        core.flusher().run();
        let full = || Err::<(), _>(std::io::Error::from(std::io::ErrorKind::StorageFull));
        core.reserve().spend_common_on(full).expect_err("full");
        assert_eq!(core.clean_logs(core.now()), 0);
        core.restore_reserve(core.now());
        assert_eq!(core.clean_logs(core.now()), 1);
    }

    /// A broker whose offsets are committed all day: its topic of offsets stays as small as what is in it.
    #[test]
    fn a_storm_of_commits_leaves_a_small_topic_and_the_last_of_each_group() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let core = open(dir.path());
        let (mut largest, mut cleaned) = (0, 0);
        for round in 0..400 {
            (0..GROUPS).for_each(|group| commit(&core, group, round * 100 + group));
            if round % 20 == 19 {
                core.flusher().run();
                cleaned += core.clean_logs(core.now());
                let topic = core.topic("__consumer_offsets").expect("made by the first commit");
                largest = topic.partitions[0].log().expect("online").size_bytes().max(largest);
            }
        }
        assert!(cleaned > 10, "{cleaned}");
        let log_end = core.topic("__consumer_offsets").expect("there").partitions[0].log().expect("online").log_end();
        assert_eq!(log_end, Offset(400 * GROUPS), "about 800 kB were appended");
        assert!(largest < 4 * SEGMENT_BYTES, "{largest}");
        let expected: Vec<i64> = (0..GROUPS).map(|group| 399 * 100 + group).collect();
        assert_eq!(committed(&core), expected);
        core.close().expect("closed");
        drop(core);
        assert_eq!(committed(&open(dir.path())), expected);
    }
}
