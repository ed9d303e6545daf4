//! What a partition's log is told from outside: its topic's settings, and how it was left.

use std::sync::Arc;

use super::file_pool::FilePool;
use super::scan_progress::ScanProgress;
use crate::base::Offset;

/// When an append counts as safe (`flush.policy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlushPolicy {
    /// After an fsync. What fails to reach the disk is taken back, and nobody has seen it.
    Fsync,
    /// After the write; the operating system flushes when it likes. Nothing is ever taken back.
    Os,
}

/// Whose time a record carries (`message.timestamp.type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    CreateTime,
    LogAppendTime,
}

/// The settings of a topic that its log knows; named as Kafka names them.
#[derive(Debug, Clone, PartialEq)]
pub struct LogSettings {
    pub segment_bytes: u64,
    pub segment_ms: i64,
    /// Spreads time-based rolls of many partitions; 0 for none.
    pub segment_jitter_ms: i64,
    /// The largest an index may grow before the segment is rolled (`segment.index.bytes`).
    pub segment_index_bytes: u64,
    pub index_interval_bytes: u32,
    /// -1 keeps records for ever.
    pub retention_ms: i64,
    /// -1 keeps as much as there is.
    pub retention_bytes: i64,
    /// `cleanup.policy` contains "delete".
    pub cleanup_delete: bool,
    /// `cleanup.policy` contains "compact": offsets may be missing between batches.
    pub cleanup_compact: bool,
    /// The part of the log that must be uncompacted before compaction begins (`min.cleanable.dirty.ratio`).
    pub min_cleanable_ratio: f64,
    pub min_compaction_lag_ms: i64,
    /// `i64::MAX` for never.
    pub max_compaction_lag_ms: i64,
    /// How long a tombstone stays once a compaction has met it (`delete.retention.ms`).
    pub delete_retention_ms: i64,
    pub timestamp_type: TimestampType,
    pub timestamp_before_max_ms: i64,
    pub timestamp_after_max_ms: i64,
    pub flush_policy: FlushPolicy,
    /// How long an idle producer is remembered (`producer.id.expiration.ms`).
    pub producer_expiration_ms: i64,
}

impl LogSettings {
    /// How old a segment may get before it is closed. One that stays open is not compacted (LogConfig.maxSegmentMs).
    pub(super) fn roll_ms(&self) -> i64 {
        match self.cleanup_compact {
            true => self.segment_ms.min(self.max_compaction_lag_ms),
            false => self.segment_ms,
        }
    }
}

impl Default for LogSettings {
    fn default() -> Self {
        LogSettings {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 60 * 60 * 1000,
            segment_jitter_ms: 0,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            retention_ms: 7 * 24 * 60 * 60 * 1000,
            retention_bytes: -1,
            cleanup_delete: true,
            cleanup_compact: false,
            min_cleanable_ratio: 0.5,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX,
            delete_retention_ms: 24 * 60 * 60 * 1000,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 60 * 60 * 1000,
            flush_policy: FlushPolicy::Fsync,
            producer_expiration_ms: 24 * 60 * 60 * 1000,
        }
    }
}

/// How the log was left, as far as the broker knows.
#[derive(Debug, Clone)]
pub struct OpenAs {
    /// The last stop was clean: nothing was written after the newest state file.
    pub clean: bool,
    /// Everything below was durable at some time: damage there is a hole, not a torn tail.
    pub recovery_point: Offset,
    /// Where the log starts, after trims and retention.
    pub log_start: Offset,
    /// Open files are shared through it; `None` makes a small pool for this log alone.
    pub pool: Option<Arc<FilePool>>,
    /// Hears of log data that has to be read.
    pub progress: Option<Arc<ScanProgress>>,
}

impl OpenAs {
    /// After a clean stop.
    pub fn clean() -> OpenAs {
        OpenAs { clean: true, recovery_point: Offset::ZERO, log_start: Offset::ZERO, pool: None, progress: None }
    }

    /// After a crash, or with nothing known at all.
    pub fn unclean() -> OpenAs {
        OpenAs { clean: false, ..OpenAs::clean() }
    }

    pub fn with_pool(mut self, pool: &Arc<FilePool>) -> OpenAs {
        self.pool = Some(Arc::clone(pool));
        self
    }
}

/// What opening a log found and did: one sentence each, for the broker to log. Empty after a clean stop.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenReport {
    pub findings: Vec<String>,
    /// The same for records that are lost, or may be.
    pub losses: Vec<String>,
    /// Bytes cut from the tail because they were no good batches.
    pub cut_bytes: u64,
    /// Bytes of log data that had to be read.
    pub scanned_bytes: u64,
    /// Damaged places below the recovery point.
    pub holes: u32,
}

impl OpenReport {
    pub(super) fn note(&mut self, finding: String) {
        self.findings.push(finding);
    }

    pub(super) fn loss(&mut self, loss: String) {
        self.losses.push(loss);
    }
}
