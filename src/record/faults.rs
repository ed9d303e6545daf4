//! What is wrong with single records of a batch that is sound otherwise: the client is told which ones (KIP-467), and
//! none of the batch is taken.

use std::fmt;

use crate::base::ErrorCode;
use crate::base::limits::RECORD_FAULTS_MAX;

/// A rule that a topic has for its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordRule {
    /// A compacted topic can't do without keys.
    Key,
    /// `message.timestamp.before.max.ms` and `message.timestamp.after.max.ms`, from the broker's time on.
    Timestamp { oldest: i64, newest: i64 },
}

impl fmt::Display for RecordRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordRule::Key => f.write_str("has no key; a compacted topic needs one"),
            RecordRule::Timestamp { oldest, newest } => {
                write!(f, "has a timestamp outside {oldest} to {newest}; message.timestamp.before.max.ms and ")?;
                f.write_str("message.timestamp.after.max.ms say how far it may be from the broker's time")
            }
        }
    }
}

/// The records that break a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {} of the batch {rule}", self.first())]
pub struct RecordFaults {
    pub rule: RecordRule,
    /// Counted from 0; the first [`RECORD_FAULTS_MAX`] of them.
    pub indexes: Vec<i32>,
}

impl RecordFaults {
    /// `None` where no record breaks the rule.
    pub fn of(rule: RecordRule, indexes: impl Iterator<Item = i32>) -> Option<RecordFaults> {
        let indexes: Vec<i32> = indexes.take(RECORD_FAULTS_MAX).collect();
        (!indexes.is_empty()).then_some(RecordFaults { rule, indexes })
    }

    pub fn error_code(&self) -> ErrorCode {
        match self.rule {
            RecordRule::Key => ErrorCode::InvalidRecord,
            RecordRule::Timestamp { .. } => ErrorCode::InvalidTimestamp,
        }
    }

    fn first(&self) -> i32 {
        self.indexes.first().copied().unwrap_or(-1)
    }
}
