//! CONSUME: committed records as MSG lines, from stored batches, a piece at a time.

use std::sync::Arc;

use super::TextStep;
use crate::base::limits::DECOMPRESSED_BATCH_BYTES_MAX;
use crate::base::{ErrorCode, Offset};
use crate::broker::partition::Partition;
use crate::broker::waiting::Subscription;
use crate::log::{AbortedTxn, LogError, ReadError};
use crate::protocol::text::{TextError, reply};
use crate::record::{BatchHeader, BatchView, batches};

/// What is read from the log at once.
const PIECE_BYTES: usize = 64 * 1024;

/// One CONSUME under way.
pub struct Reading {
    partition: Arc<Partition>,
    next: Offset,
    /// Records that may still be shown.
    pub(super) left: u64,
    count: u64,
    pub(super) follow: bool,
    _wait: Option<Subscription>,
}

impl Reading {
    /// Follows where there is a subscription to be woken by.
    pub fn new(partition: Arc<Partition>, from: Offset, max: u64, wait: Option<Subscription>) -> Reading {
        Reading { partition, next: from, left: max, count: 0, follow: wait.is_some(), _wait: wait }
    }

    /// Writes records until there are no more, `out` is full, or the count is reached.
    pub fn read(&mut self, out: &mut Vec<u8>, full: usize) -> TextStep {
        loop {
            if self.partition.is_deleted() {
                let sentence = format!("{} was deleted", self.partition.name().topic);
                reply::error(out, &TextError::kafka(ErrorCode::UnknownTopicOrPartition, sentence));
                return TextStep::Ready;
            }
            let upper = self.partition.last_stable_offset();
            if self.left == 0 || (self.next >= upper && !self.follow) {
                reply::consumed(out, self.count, self.next, self.partition.high_watermark());
                return TextStep::Ready;
            }
            if self.next >= upper {
                return TextStep::Wait;
            }
            if out.len() >= full {
                return TextStep::More;
            }
            if let Err(error) = self.read_piece(upper, out) {
                reply::error(out, &error);
                return TextStep::Ready;
            }
        }
    }

    fn read_piece(&mut self, upper: Offset, out: &mut Vec<u8>) -> Result<(), TextError> {
        let refused = |error: ReadError| TextError::kafka(error.error_code(), error.to_string());
        let storage = |error: LogError| TextError::kafka(error.error_code(), error.to_string());
        let log = self.partition.log().map_err(storage)?;
        let Some(slice) = log.read(self.next, PIECE_BYTES, upper, true).map_err(refused)? else {
            // Nothing but what compaction left out lies before the end.
            self.next = upper;
            return Ok(());
        };
        let aborted = log.aborted_transactions(self.next, upper).map_err(storage)?;
        let damaged = |reason: String| TextError::kafka(ErrorCode::CorruptMessage, reason);
        let bytes = slice.bytes().map_err(|error| {
            TextError::kafka(ErrorCode::KafkaStorageError, format!("{}: {error}", self.partition.name()))
        })?;
        for batch in batches(&bytes) {
            let batch = batch.map_err(|error| damaged(error.to_string()))?;
            self.show_batch(&batch, &aborted, out).map_err(damaged)?;
            if self.left == 0 {
                return Ok(());
            }
        }
        Ok(())
    }

    fn show_batch(&mut self, batch: &BatchView<'_>, aborted: &[AbortedTxn], out: &mut Vec<u8>) -> Result<(), String> {
        let header = &batch.header;
        let was_aborted = header.is_transactional() && aborted.iter().any(|transaction| covers(transaction, header));
        if !header.is_control() && !was_aborted {
            let records = batch.records(DECOMPRESSED_BATCH_BYTES_MAX).map_err(|error| error.to_string())?;
            for record in records.iter() {
                let record = record.map_err(|error| error.to_string())?;
                let offset = header.base_offset.plus(i64::from(record.offset_delta));
                if offset < self.next {
                    continue;
                }
                reply::msg(out, offset, record.key, record.value);
                self.next = offset.plus(1);
                self.count += 1;
                self.left -= 1;
                if self.left == 0 {
                    return Ok(());
                }
            }
        }
        self.next = self.next.max(header.next_offset());
        Ok(())
    }
}

/// Whether a batch lies in an aborted transaction.
fn covers(transaction: &AbortedTxn, header: &BatchHeader) -> bool {
    transaction.producer_id == header.producer_id
        && (transaction.first_offset..=transaction.last_offset).contains(&header.base_offset)
}
