//! What can go wrong with a partition on disk, each kind with its sentence and the code a Kafka client is told.

use std::io;
use std::path::{Path, PathBuf};

use crate::base::{ErrorCode, Offset};
use crate::record::BatchError;

/// The disk did not do what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("can't {doing} {}: {source}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("{} failed before ({reason}) and is not used until a probe write succeeds", dir.display())]
    Failed { dir: PathBuf, reason: String, is_full: bool },
    #[error("the log in {} was retired: its topic is deleted", dir.display())]
    Retired { dir: PathBuf },
    #[error("{partition} could not be opened ({reason}); it is tried again by and by")]
    Offline { partition: String, reason: String },
}

impl LogError {
    pub(super) fn io(doing: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> LogError {
        let path = path.as_ref().to_owned();
        move |source| LogError::Io { doing, path, source }
    }

    pub fn error_code(&self) -> ErrorCode {
        ErrorCode::KafkaStorageError
    }

    /// Whether nothing is wrong but that there is no room.
    pub fn is_disk_full(&self) -> bool {
        match self {
            LogError::Io { source, .. } => is_disk_full(source),
            LogError::Failed { is_full, .. } => *is_full,
            LogError::Retired { .. } | LogError::Offline { .. } => false,
        }
    }
}

/// No room, for everybody or by a quota.
pub fn is_disk_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Why a batch was not appended. Nothing of it is in the log then.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    #[error("the batch has {bytes} bytes, a segment has room for {max} (segment.bytes)")]
    LargerThanSegment { bytes: usize, max: u64 },
    #[error(
        "timestamp {timestamp} lies more than {limit_ms} ms {direction} the broker's time {now_ms} \
         (message.timestamp.{direction}.max.ms)"
    )]
    Timestamp { timestamp: i64, now_ms: i64, direction: &'static str, limit_ms: i64 },
    #[error("producer {producer_id} sent sequence {sequence}, but {expected} comes next")]
    OutOfOrderSequence { producer_id: i64, sequence: i32, expected: i32 },
    #[error("producer {producer_id} writes with epoch {epoch}, but epoch {current} has replaced it")]
    ProducerEpoch { producer_id: i64, epoch: i16, current: i16 },
    #[error("producer {producer_id} has a transaction open since offset {since}; this batch is not part of one")]
    TransactionOpen { producer_id: i64, since: Offset },
    #[error("a marker of coordinator epoch {epoch} for producer {producer_id} comes too late: {current} is known")]
    CoordinatorFenced { producer_id: i64, epoch: i32, current: i32 },
    #[error("the batch can't be used: {0}")]
    Marker(#[from] BatchError),
    #[error("the offsets of this partition are used up")]
    OffsetsUsedUp,
    #[error(transparent)]
    Storage(#[from] LogError),
}

impl AppendError {
    /// Whether nothing is wrong but that there is no room.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, AppendError::Storage(error) if error.is_disk_full())
    }

    pub fn error_code(&self) -> ErrorCode {
        match self {
            AppendError::LargerThanSegment { .. } => ErrorCode::RecordListTooLarge,
            AppendError::Timestamp { .. } => ErrorCode::InvalidTimestamp,
            AppendError::OutOfOrderSequence { .. } => ErrorCode::OutOfOrderSequenceNumber,
            AppendError::ProducerEpoch { .. } => ErrorCode::InvalidProducerEpoch,
            AppendError::TransactionOpen { .. } => ErrorCode::InvalidTxnState,
            AppendError::CoordinatorFenced { .. } => ErrorCode::TransactionCoordinatorFenced,
            AppendError::Marker(error) => error.error_code(),
            AppendError::OffsetsUsedUp => ErrorCode::PolicyViolation,
            AppendError::Storage(error) => error.error_code(),
        }
    }
}

/// Why an offset could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("offset {offset} is not in the log, which holds {log_start} up to (not including) {log_end}")]
    OutOfRange { offset: Offset, log_start: Offset, log_end: Offset },
    #[error(
        "offsets {first} up to (not including) {next} are damaged: {} has no good batch at position {position}; \
         read on from {next}", file.display()
    )]
    Corrupt { file: PathBuf, position: u64, first: Offset, next: Offset },
    #[error(transparent)]
    Storage(#[from] LogError),
}

impl ReadError {
    pub fn error_code(&self) -> ErrorCode {
        match self {
            ReadError::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
            ReadError::Corrupt { .. } => ErrorCode::CorruptMessage,
            ReadError::Storage(error) => error.error_code(),
        }
    }
}
