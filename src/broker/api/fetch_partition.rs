//! One partition of a Fetch: what there is from an offset on, or why there is nothing (Kafka's
//! `ReplicaManager.readFromLog` and `Partition.readRecords`).

use bytes::Bytes;

use super::check_leader_epoch;
use crate::base::{BrokerId, ErrorCode, LeaderEpoch, Offset};
use crate::broker::fetch_sessions::{Asked, Outcome};
use crate::broker::partition::Partition;
use crate::log::{LogError, LogSlice, ReadError};
use crate::protocol::kafka::RecordsField;
use crate::protocol::kafka::api::fetch::{AbortedTransaction, EpochEndOffset, LeaderIdAndEpoch, PartitionData};
use crate::record::Codec;

/// Clients before this version do not know KAFKA_STORAGE_ERROR, and look for another leader with the code they get.
const STORAGE_ERROR_SINCE: i16 = 6;
/// zstd came with version 10 (KIP-110).
const ZSTD_SINCE: i16 = 10;
/// Who asked with an epoch that has passed is told the leader's since 16 (KIP-951).
const LEADER_HINT_SINCE: i16 = 16;

/// What of a fetch matters to each partition.
pub struct Reader {
    pub broker_id: BrokerId,
    pub version: i16,
    /// Only what committed transactions, or none, have written.
    pub committed_only: bool,
    /// It says it is a replica.
    pub from_follower: bool,
}

/// How one partition was found.
pub struct Read {
    pub data: PartitionData,
    /// What goes where `data.records` leaves a gap.
    pub slice: Option<LogSlice>,
    /// How much it is towards the least that the client waits for. Kafka cuts batches to fill its limits, and the limits
    /// are what it counts; here only whole batches are sent.
    pub counts: usize,
    /// The answer must not wait for more.
    pub is_urgent: bool,
    /// What the disk refused, for the broker's log.
    pub failure: Option<String>,
}

/// Why a partition was not read.
struct Refusal {
    code: ErrorCode,
    leader: LeaderIdAndEpoch,
    failure: Option<String>,
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Refusal {
        Refusal { code, leader: LeaderIdAndEpoch::default(), failure: None }
    }
}

impl From<LogError> for Refusal {
    fn from(error: LogError) -> Refusal {
        // Why a log is offline was said when it went there.
        let is_news = error.error_code() == ErrorCode::KafkaStorageError && !matches!(error, LogError::Offline { .. });
        Refusal { failure: is_news.then(|| error.to_string()), ..error.error_code().into() }
    }
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Refusal {
        match error {
            ReadError::Storage(error) => error.into(),
            other => other.error_code().into(),
        }
    }
}

impl Read {
    /// What a fetch session has to know of it.
    pub fn outcome(&self) -> Outcome {
        Outcome {
            high_watermark: self.data.high_watermark,
            log_start: self.data.log_start_offset,
            has_records: !self.data.records.is_empty(),
            is_urgent: self.data.error_code != ErrorCode::None.code() || self.data.diverging_epoch.end_offset >= 0,
        }
    }
}

impl Reader {
    /// Reads at most `bytes_max`, or one batch if that is larger and `at_least_one` says so.
    pub fn read(&self, asked: &Asked, partition: &Partition, bytes_max: usize, at_least_one: bool) -> Read {
        let bytes_max = bytes_max.min(usize::try_from(asked.bytes_max).unwrap_or(0));
        self.try_read(asked, partition, bytes_max, at_least_one).unwrap_or_else(|refusal| {
            let mut read = self.refuse(asked, refusal.code);
            read.data.current_leader = refusal.leader;
            read.failure = refusal.failure;
            read
        })
    }

    /// The answer for a partition that can't be read.
    pub fn refuse(&self, asked: &Asked, code: ErrorCode) -> Read {
        let code = match code {
            ErrorCode::KafkaStorageError if self.version < STORAGE_ERROR_SINCE => ErrorCode::NotLeaderOrFollower,
            code => code,
        };
        let data = PartitionData { error_code: code.code(), high_watermark: -1, ..self.empty(asked) };
        Read { data, slice: None, counts: 0, is_urgent: true, failure: None }
    }

    fn try_read(
        &self,
        asked: &Asked,
        partition: &Partition,
        bytes_max: usize,
        at_least_one: bool,
    ) -> Result<Read, Refusal> {
        if partition.is_deleted() {
            return Err(ErrorCode::UnknownTopicOrPartition.into());
        }
        self.check_epoch(asked, partition)?;
        if self.from_follower {
            // No other broker has a replica here (Kafka's Partition.followerReplicaOrThrow).
            let knows_epoch = asked.current_leader_epoch >= 0;
            return Err(Refusal::from(if knows_epoch {
                ErrorCode::UnknownLeaderEpoch
            } else {
                ErrorCode::NotLeaderOrFollower
            }));
        }
        if self.version < ZSTD_SINCE && partition.settings().packing.is_some_and(|packing| packing.codec == Codec::Zstd)
        {
            return Err(ErrorCode::UnsupportedCompressionType.into());
        }
        let log = partition.log()?;
        let high_watermark = partition.high_watermark();
        let stable = partition.last_stable_offset();
        let log_start = log.log_start();
        let mut data = PartitionData {
            high_watermark: high_watermark.0,
            last_stable_offset: stable.0,
            log_start_offset: log_start.0,
            ..self.empty(asked)
        };
        let from = Offset(asked.fetch_offset);
        if asked.last_fetched_epoch >= 0 {
            let end = partition.end_of_epoch(LeaderEpoch(asked.last_fetched_epoch));
            let (epoch, end) = end?;
            if epoch.0 < 0 || end.0 < 0 || from < log_start {
                return Err(ErrorCode::OffsetOutOfRange.into());
            }
            if epoch.0 < asked.last_fetched_epoch || end < from {
                data.diverging_epoch = EpochEndOffset { epoch: epoch.0, end_offset: end.0 };
                return Ok(Read { data, slice: None, counts: 0, is_urgent: true, failure: None });
            }
        }
        let upper = if self.committed_only { stable } else { high_watermark };
        let slice = log.read(from, bytes_max, upper, at_least_one)?;
        if self.committed_only
            && let Some(slice) = &slice
        {
            // What the slice does not reach need not be told of yet.
            let aborted = log.aborted_transactions(from, slice.next_offset)?;
            let aborted = aborted.into_iter().map(|aborted| AbortedTransaction {
                producer_id: aborted.producer_id,
                first_offset: aborted.first_offset.0,
            });
            data.aborted_transactions = Some(aborted.collect());
        }
        let (len, next) = slice.as_ref().map_or((0, from), |slice| (slice.len, slice.next_offset));
        if len > 0 {
            data.records = RecordsField::Elsewhere(len);
        }
        let has_more = next < upper;
        Ok(Read {
            data,
            counts: if has_more { len.max(bytes_max) } else { len },
            // A read ends with its segment: nothing that is still to come makes it longer (Kafka's DelayedFetch, case F).
            is_urgent: has_more && slice.as_ref().is_some_and(|slice| slice.ends_segment),
            slice,
            failure: None,
        })
    }

    fn check_epoch(&self, asked: &Asked, partition: &Partition) -> Result<(), Refusal> {
        let ours = partition.leader_epoch();
        let verdict = check_leader_epoch(asked.current_leader_epoch, ours);
        if !verdict.is_error() {
            return Ok(());
        }
        let mut refusal = Refusal::from(verdict);
        if verdict == ErrorCode::FencedLeaderEpoch && self.version >= LEADER_HINT_SINCE {
            refusal.leader = LeaderIdAndEpoch { leader_id: self.broker_id.0, leader_epoch: ours.0 };
        }
        Err(refusal)
    }

    fn empty(&self, asked: &Asked) -> PartitionData {
        PartitionData {
            partition_index: asked.partition,
            // Null says "not asked"; a reader of committed records gets a list, be it empty.
            aborted_transactions: self.committed_only.then(Vec::new),
            records: RecordsField::Bytes(Bytes::new()),
            ..Default::default()
        }
    }
}
