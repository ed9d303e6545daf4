//! What a start reads, and what it does without: log data after a clean stop, checkpoints, a partition that the disk does
//! not give, room to write.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::*;
use crate::base::{Clock, ErrorCode, ManualClock, Offset};
use crate::broker::groups::{Committer, OffsetValue};
use crate::broker::topics::NewTopic;
use crate::config::BrokerConfig;
use crate::log::memory_disk::{Fault, MemoryDisk, Operation};
use crate::log::testing::overwrite;
use crate::log::{AppendError, Disk};
use crate::record::{BatchBuilder, Codec, ProducerStamp, ValidBatch};

const PARTITIONS: i32 = 3;
const VALUE_BYTES: usize = 2000;

/// A broker whose data is in memory. (The lock is the machine's, and needs a real directory.)
struct House {
    dir: tempfile::TempDir,
    disk: MemoryDisk,
    clock: Arc<ManualClock>,
    /// What was said of log data that had to be read.
    told: Arc<Mutex<Vec<(u64, u64)>>>,
}

impl House {
    fn new() -> House {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir_all(dir.path().join("+rafka")).expect("made");
        let disk = MemoryDisk::new();
        disk.create_dir(dir.path()).expect("made");
        House { dir, disk, clock: Arc::new(ManualClock::at(1_700_000_000_000)), told: Arc::default() }
    }

    fn start(&self) -> Arc<Core> {
        let path = self.dir.path().display().to_string();
        let settings = [("log.dirs", path.as_str()), ("offsets.topic.num.partitions", "1")];
        let config = BrokerConfig::from_pairs(settings).expect("valid");
        let (disk, clock): (_, Arc<dyn Clock>) = (Arc::new(self.disk.clone()), self.clock.clone());
        self.told.lock().clear();
        let told = Arc::clone(&self.told);
        let listener = move |event: &Event| {
            if let Event::Recovering { scanned, found } = event {
                told.lock().push((*scanned, *found));
            }
        };
        Core::open(config, disk, clock, Box::new(listener)).expect("it always starts").0
    }

    /// The bytes of log files that a start reads, by topic.
    fn start_and_count(&self) -> (Arc<Core>, BTreeMap<String, u64>) {
        let read: Arc<Mutex<BTreeMap<String, u64>>> = Arc::default();
        let counted = Arc::clone(&read);
        self.disk.watch_reads(move |path, bytes| {
            if is_log(path) {
                *counted.lock().entry(topic_of(path)).or_default() += bytes.len() as u64;
            }
        });
        let core = self.start();
        self.disk.unwatch();
        let read = read.lock().clone();
        (core, read)
    }

    /// From now on the disk does this to what `which` names.
    fn fail(&self, which: impl Fn(Operation, &Path) -> bool + Send + 'static, kind: std::io::ErrorKind) {
        self.disk.watch(move |operation, path| which(operation, path).then(|| Fault::from(kind)));
    }
}

fn is_log(path: &Path) -> bool {
    path.extension().is_some_and(|suffix| suffix == "log")
}

fn topic_of(path: &Path) -> String {
    let topic = path.parent().and_then(Path::parent).and_then(Path::file_name);
    topic.unwrap_or_default().to_string_lossy().into_owned()
}

fn is_in(path: &Path, partition: &str) -> bool {
    path.parent().is_some_and(|dir| dir.ends_with(partition))
}

fn create(core: &Arc<Core>, topic: &str) {
    let new = NewTopic {
        partitions: Some(PARTITIONS),
        overrides: TopicOverrides::from_pairs([("segment.bytes", "10000")]).expect("valid"),
        ..NewTopic::default()
    };
    core.create_topic(&TopicName::new(topic).expect("valid"), &new).expect("made");
}

fn append(core: &Core, topic: &str, index: i32) -> Result<Offset, AppendError> {
    let topic = core.topic(topic).expect("there");
    let mut builder = BatchBuilder::new(Codec::None);
    builder.append(1_700_000_000_000, None, Some(&[7; VALUE_BYTES]), &[]);
    let batch = builder.finish(ProducerStamp::NONE).expect("no codec");
    let partition = topic.partition(index).expect("there");
    let appended = partition.append(&ValidBatch::built_here(&batch).expect("built here"), core.now())?;
    core.flusher().want(partition);
    core.flusher().run();
    Ok(appended.last_offset)
}

fn fill(core: &Core, batches: usize) {
    for index in 0..PARTITIONS {
        for _ in 0..batches {
            append(core, "t", index).expect("appended");
        }
    }
}

fn ends(core: &Core) -> Vec<i64> {
    let topic = core.topic("t").expect("there");
    topic.partitions.iter().map(|partition| partition.high_watermark().0).collect()
}

fn commit(core: &Arc<Core>, offset: i64) -> Result<(), ErrorCode> {
    let partition = TopicPartition { topic: TopicName::new("t").expect("valid"), partition: PartitionId(0) };
    let value = OffsetValue::plain(Offset(offset), core.now());
    let now = core.now();
    let pledge = core.groups().commit(core, "g", &Committer::OUTSIDER, vec![(partition, value)], now)?;
    pledge.abandon(core);
    core.flusher().run();
    Ok(())
}

fn committed(core: &Core) -> Vec<i64> {
    core.groups().committed(core, "g", core.now()).values().map(|committed| committed.offset.0).collect()
}

#[test]
fn after_a_clean_stop_a_start_reads_no_log_data() {
    let house = House::new();
    let core = house.start();
    create(&core, "t");
    fill(&core, 20);
    core.close().expect("closed");
    drop(core);
    let (core, read) = house.start_and_count();
    assert_eq!(read, BTreeMap::new());
    assert_eq!(ends(&core), [20, 20, 20]);
    assert!(house.told.lock().is_empty(), "there is no progress to be shown");
    // Groups live in their records and nowhere else: those are read, and nothing but those.
    commit(&core, 5).expect("committed");
    core.close().expect("closed");
    drop(core);
    let (core, read) = house.start_and_count();
    let offsets = core.topic("__consumer_offsets").expect("made by the commit");
    let size = offsets.partitions[0].log().expect("online").size_bytes();
    assert!(read.len() == 1 && read["__consumer_offsets"] <= 4 * size, "{read:?} of {size}");
    assert_eq!(committed(&core), [5]);
}

#[test]
fn after_a_kill_a_start_reads_what_was_written_since_the_last_checkpoint() {
    let house = House::new();
    let core = house.start();
    create(&core, "t");
    fill(&core, 20);
    assert_eq!(core.checkpoint_logs(), None);
    core.write_checkpoints().expect("written");
    fill(&core, 1);
    drop(core);
    let (core, read) = house.start_and_count();
    let since = PARTITIONS as u64 * VALUE_BYTES as u64;
    assert!((since..2 * since).contains(&read["t"]), "{read:?}, but {since} bytes are new");
    assert_eq!(ends(&core), [21, 21, 21]);
    let (scanned, found) = *house.told.lock().last().expect("told");
    assert!(scanned == found && (since..2 * since).contains(&found), "{scanned} of {found}");
}

#[test]
fn without_checkpoints_a_start_reads_everything_and_loses_nothing() {
    for damaged in [false, true] {
        let house = House::new();
        let core = house.start();
        create(&core, "t");
        fill(&core, 20);
        core.close().expect("closed");
        drop(core);
        for index in 0..PARTITIONS {
            let dir = house.dir.path().join(format!("t/partition-{index}"));
            for name in house.disk.list(&dir).expect("listed").iter().filter(|name| name.ends_with(".producers")) {
                match damaged {
                    true => overwrite(&house.disk, &dir.join(name), b"not a state"),
                    false => house.disk.remove(&dir.join(name)).expect("removed"),
                }
            }
        }
        overwrite(&house.disk, &house.dir.path().join("+rafka/checkpoints"), b"nonsense");
        let (core, read) = house.start_and_count();
        assert!(read["t"] >= 20 * PARTITIONS as u64 * VALUE_BYTES as u64, "{read:?}");
        assert_eq!(ends(&core), [20, 20, 20]);
        assert_eq!(append(&core, "t", 0).expect("appended"), Offset(20));
    }
}

#[test]
fn a_partition_that_the_disk_does_not_give_is_offline_until_it_does_and_the_rest_is_served() {
    let house = House::new();
    let core = house.start();
    create(&core, "t");
    fill(&core, 20);
    core.write_checkpoints_with(Some((core.topic("t").expect("there").partitions[1].name(), Offset(3))))
        .expect("noted");
    drop(core);
    let bad = |operation, path: &Path| operation == Operation::Read && is_log(path) && is_in(path, "partition-1");
    house.fail(bad, std::io::ErrorKind::Other);
    let core = house.start();
    let topic = core.topic("t").expect("it is there");
    let partition = &topic.partitions[1];
    let reason = partition.log().expect_err("offline").to_string();
    assert!(reason.starts_with("t/1 could not be opened"), "{reason}");
    let refused = append(&core, "t", 1).expect_err("offline");
    assert_eq!(refused.error_code(), ErrorCode::KafkaStorageError);
    assert!(ErrorCode::KafkaStorageError.is_retriable());
    assert_eq!(append(&core, "t", 0).expect("served"), Offset(20));
    // What has to be known of it is kept meanwhile, and its files are left alone.
    core.write_checkpoints().expect("written");
    assert_eq!(
        core.data().read_checkpoints().expect("readable").expect("sound")[partition.name()].log_start,
        Offset(3)
    );

    house.clock.advance(Duration::from_millis(1000));
    core.retry_offline(core.now());
    assert!(partition.online().is_none(), "the disk refuses still");
    house.disk.unwatch();
    core.retry_offline(core.now());
    assert!(partition.online().is_none(), "it is not tried at once");
    house.clock.advance(Duration::from_millis(2000));
    core.retry_offline(core.now());
    assert_eq!((partition.high_watermark(), partition.log().expect("open now").log_start()), (Offset(20), Offset(3)));
    assert_eq!(append(&core, "t", 1).expect("served"), Offset(20));
}

#[test]
fn a_stop_with_a_partition_offline_is_not_a_clean_one() {
    let house = House::new();
    let core = house.start();
    create(&core, "t");
    fill(&core, 20);
    drop(core);
    house.fail(
        |operation, path| operation == Operation::List && path.ends_with("partition-1"),
        std::io::ErrorKind::Other,
    );
    let core = house.start();
    core.close().expect("what is open is closed");
    drop(core);
    house.disk.unwatch();
    let core = house.start();
    assert!(!core.data().last_stop.clean);
    assert_eq!(ends(&core), [20, 20, 20]);
}

#[test]
fn a_group_whose_records_can_not_be_read_is_not_taken_for_one_that_committed_nothing() {
    let house = House::new();
    let core = house.start();
    create(&core, "t");
    commit(&core, 5).expect("committed");
    core.close().expect("closed");
    drop(core);
    // The log opens, since nothing of it need be read for that; its records can't be.
    let bad = |operation, path: &Path| operation == Operation::Read && is_log(path);
    house.fail(bad, std::io::ErrorKind::Other);
    let core = house.start();
    let loading = Err(ErrorCode::CoordinatorLoadInProgress);
    assert_eq!(core.groups().check_read(&core, "g"), loading);
    assert_eq!(core.groups().check_all_read(), loading);
    assert_eq!(commit(&core, 1), loading);
    core.retry_loading(core.now());
    assert_eq!(core.groups().check_read(&core, "g"), loading);
    house.disk.unwatch();
    core.retry_loading(core.now());
    assert_eq!(core.groups().check_read(&core, "g"), Ok(()));
    assert_eq!(committed(&core), [5]);
    commit(&core, 6).expect("committed");
}

/// What is read from the page cache and can't be flushed would be taken back by a power cut, after it was answered.
#[test]
fn groups_whose_records_can_not_be_flushed_after_a_start_are_read_as_soon_as_they_can() {
    let house = House::new();
    let core = house.start();
    create(&core, "t");
    commit(&core, 5).expect("committed");
    // Written, and killed before anybody flushes.
    let partition = TopicPartition { topic: TopicName::new("t").expect("valid"), partition: PartitionId(0) };
    let value = OffsetValue::plain(Offset(6), core.now());
    let pledge = core.groups().commit(&core, "g", &Committer::OUTSIDER, vec![(partition, value)], core.now());
    pledge.expect("appended").abandon(&core);
    drop(core);
    house.fail(|operation, path| operation == Operation::SyncData && is_log(path), std::io::ErrorKind::Other);
    let core = house.start();
    for _ in 0..3 {
        assert_eq!(core.groups().check_read(&core, "g"), Err(ErrorCode::CoordinatorLoadInProgress));
        core.retry_loading(core.now());
        core.flusher().run();
    }
    house.disk.unwatch();
    core.retry_loading(core.now());
    core.flusher().run();
    core.retry_loading(core.now());
    assert_eq!(committed(&core), [6]);
    commit(&core, 7).expect("committed");
}

#[test]
fn a_start_on_a_full_disk_reads_all_there_is_and_writes_later() {
    let house = House::new();
    let core = house.start();
    create(&core, "t");
    fill(&core, 20);
    commit(&core, 5).expect("committed");
    drop(core);
    let writes = |operation, _: &Path| operation == Operation::Write;
    house.fail(writes, std::io::ErrorKind::StorageFull);
    let core = house.start();
    assert_eq!(ends(&core), [20, 20, 20]);
    assert_eq!(committed(&core), [5]);
    let topic = core.topic("t").expect("there");
    let log = topic.partitions[0].log().expect("it needs no room to be open");
    assert!(log.read(Offset(7), 1, Offset(20), true).expect("readable").is_some());
    assert!(append(&core, "t", 0).expect_err("full").is_disk_full());
    assert!(core.close().is_err(), "nor is there room for a clean stop");
    house.disk.unwatch();
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(append(&core, "t", 0).expect("there is room"), Offset(20));
    core.close().expect("closed");
    drop(core);
    // Everything that had to wait was written: the next start trusts it.
    let (core, read) = house.start_and_count();
    assert!(!read.contains_key("t"), "{read:?}");
    assert_eq!(ends(&core), [21, 20, 20]);
}

/// A bit that was read wrong once, at a start, used to cost topics (a line of the catalogue), the cluster's id, commits, or
/// the start itself (a format of the future).
#[test]
fn a_bit_that_is_misread_once_costs_a_start_nothing() {
    let house = House::new();
    let core = house.start();
    create(&core, "t");
    fill(&core, 2);
    commit(&core, 2).expect("committed");
    let cluster_id = core.cluster_id().to_owned();
    drop(core);
    for nth in 0usize.. {
        let is_misread = Arc::new(AtomicBool::new(false));
        let (told, mut left) = (Arc::clone(&is_misread), nth);
        house.disk.watch_reads(move |_, bytes| {
            if bytes.is_empty() || told.load(Ordering::Relaxed) {
                return;
            }
            if left == 0 {
                let bit = nth * 13 % (bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
                told.store(true, Ordering::Relaxed);
            }
            left = left.saturating_sub(1);
        });
        let core = house.start();
        house.disk.unwatch();
        assert_eq!(core.cluster_id(), cluster_id, "misread {nth}");
        assert_eq!(ends(&core), [2; PARTITIONS as usize], "misread {nth}");
        assert_eq!(committed(&core), [2], "misread {nth}");
        if !is_misread.load(Ordering::Relaxed) {
            assert!(nth > 10, "{nth}");
            break;
        }
    }
}
