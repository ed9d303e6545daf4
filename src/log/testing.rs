//! What the tests of this room share: batches, logs on a temporary or simulated disk, and reading everything back.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::memory_disk::MemoryDisk;
use super::{AppendError, Appended, Disk, LogSettings, OpenAs, OpenReport, PartitionLog, ReadError, RealDisk};
use crate::base::{LeaderEpoch, Now, Offset};
use crate::record::{BatchBuilder, BatchHeader, Codec, ProducerStamp, ValidBatch, attributes, batches};

/// A rule on which a promise stands, and which a test can leave out, to see that its absence is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecoveryRule {
    /// Left out by a disk whose syncs of data do nothing.
    SyncBeforeAck,
    /// Left out by a disk whose syncs of directories do nothing.
    DirectorySync,
    CrcCheck,
    TailCut,
    /// The high watermark stays behind the flushed end.
    HighWatermark,
}

thread_local! {
    static LEFT_OUT: std::cell::Cell<Option<RecoveryRule>> = const { std::cell::Cell::new(None) };
}

/// From now on this thread's logs leave the rule out.
pub fn set_rule_of_recovery(left_out: Option<RecoveryRule>) {
    LEFT_OUT.set(left_out);
}

pub fn is_left_out(rule: RecoveryRule) -> bool {
    LEFT_OUT.get() == Some(rule)
}

pub const EPOCH: LeaderEpoch = LeaderEpoch(0);
pub const START_MS: i64 = 1_700_000_000_000;

pub fn at(ms: i64) -> Now {
    Now { wall_ms: START_MS + ms, mono_ms: ms }
}

/// A batch of `records` records with values of `value_bytes` bytes, the first at `START_MS + ms`, one a millisecond.
pub fn batch(records: usize, value_bytes: usize, ms: i64) -> Vec<u8> {
    stamped(records, value_bytes, ms, ProducerStamp::NONE, 0)
}

pub fn stamped(records: usize, value_bytes: usize, ms: i64, stamp: ProducerStamp, bits: i16) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Codec::None).with_attributes(bits);
    for n in 0..records {
        let value: Vec<u8> = (0..value_bytes).map(|at| (at + n) as u8).collect();
        builder.append(START_MS + ms + n as i64, Some(format!("key{n}").as_bytes()), Some(&value), &[]);
    }
    builder.finish(stamp).expect("no codec")
}

pub fn by_producer(producer_id: i64, base_sequence: i32, records: usize) -> Vec<u8> {
    stamped(records, 10, 0, ProducerStamp { producer_id, producer_epoch: 0, base_sequence }, 0)
}

pub fn transactional(producer_id: i64, base_sequence: i32, records: usize) -> Vec<u8> {
    let stamp = ProducerStamp { producer_id, producer_epoch: 0, base_sequence };
    stamped(records, 10, 0, stamp, attributes::TRANSACTIONAL)
}

/// The control batch that ends a transaction.
pub fn marker(producer_id: i64, commits: bool) -> Vec<u8> {
    let bits = attributes::TRANSACTIONAL | attributes::CONTROL;
    let mut builder = BatchBuilder::new(Codec::None).with_attributes(bits);
    let key = [0, 0, 0, u8::from(commits)];
    builder.append(START_MS, Some(&key), Some(&[0, 0, 0, 0, 0, 7]), &[]);
    builder.finish(ProducerStamp { producer_id, producer_epoch: 0, base_sequence: -1 }).expect("no codec")
}

pub fn append(log: &PartitionLog, bytes: &[u8], ms: i64) -> Result<Appended, AppendError> {
    log.append(&ValidBatch::built_here(bytes).expect("a whole batch"), EPOCH, at(ms))
}

/// A directory and the disk it is on.
pub struct Place {
    pub disk: Arc<dyn Disk>,
    pub dir: PathBuf,
    _temporary: Option<tempfile::TempDir>,
}

impl Place {
    pub fn real() -> Place {
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let dir = temporary.path().join("partition-0");
        Place { disk: RealDisk::shared(), dir, _temporary: Some(temporary) }
    }

    pub fn on(disk: Arc<dyn Disk>) -> Place {
        Place { disk, dir: PathBuf::from("/data/topic/partition-0"), _temporary: None }
    }

    pub fn open(&self, settings: &LogSettings, start: OpenAs) -> (PartitionLog, OpenReport) {
        PartitionLog::open(Arc::clone(&self.disk), &self.dir, settings.clone(), start, at(0)).expect("opens")
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        super::whole_file::read(&*self.disk, &self.file(name)).expect("readable")
    }

    pub fn overwrite(&self, name: &str, bytes: &[u8]) {
        overwrite(&*self.disk, &self.file(name), bytes);
    }
}

/// A simulated disk with a partition's directory on it.
pub fn memory() -> (MemoryDisk, Place) {
    let disk = MemoryDisk::new();
    let place = Place::on(Arc::new(disk.clone()));
    disk.create_dir(&place.dir).expect("made");
    disk.sync_fs(&place.dir).expect("synced");
    (disk, place)
}

pub fn is_log(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "log")
}

pub fn overwrite(disk: &dyn Disk, path: &Path, bytes: &[u8]) {
    let file = disk.open(path, super::OpenMode::Replace).expect("opened");
    file.write_all_at(0, &[std::io::IoSlice::new(bytes)]).expect("written");
}

/// Settings that make everything happen soon.
pub fn small() -> LogSettings {
    LogSettings { segment_bytes: 1000, index_interval_bytes: 200, ..LogSettings::default() }
}

/// Reads from an offset to the log end, `max_bytes` at a time; every batch's header and the bytes, joined.
pub fn read_from(log: &PartitionLog, from: Offset, max_bytes: usize) -> Result<(Vec<BatchHeader>, Vec<u8>), ReadError> {
    let (mut headers, mut all) = (Vec::new(), Vec::new());
    let mut next = from;
    while let Some(slice) = log.read(next, max_bytes, log.log_end(), true)? {
        let bytes = slice.bytes().expect("readable");
        for found in batches(&bytes) {
            let found = found.expect("whole batches");
            found.verify_crc().expect("intact");
            headers.push(found.header);
        }
        // Further on only where compaction left a gap.
        assert!(headers.last().expect("not empty").next_offset() <= slice.next_offset);
        assert!(slice.next_offset > next, "reading gets on");
        next = slice.next_offset;
        all.extend(bytes);
    }
    Ok((headers, all))
}

/// Base offset and last offset of each batch.
pub fn spans(headers: &[BatchHeader]) -> Vec<(i64, i64)> {
    headers.iter().map(|header| (header.base_offset.0, header.last_offset().0)).collect()
}
