//! Fetch: gives stored batches as they lie in the files, waiting for them if asked to (KIP-74 sizes, KIP-320 epochs).
//!
//! No fetch sessions are kept: every answer says session 0, which is a broker's right (KIP-227), and names every
//! partition that was asked for.

use std::sync::Arc;

use bytes::Bytes;

use super::{Answer, Context, Envelope, check_leader_epoch};
use crate::base::{ErrorCode, LeaderEpoch, Now, Offset};
use crate::broker::answer::{Pending, Reply};
use crate::broker::caller::{Operation, Resource, authorize};
use crate::broker::core::Core;
use crate::broker::partition::Partition;
use crate::broker::waiting::Subscription;
use crate::log::LogSlice;
use crate::protocol::kafka::RecordsField;
use crate::protocol::kafka::api::fetch::{
    AbortedTransaction, EpochEndOffset, FetchPartition, FetchRequest, FetchResponse, FetchTopic,
    FetchableTopicResponse, PartitionData,
};

/// Since 13 topics are named by id (KIP-516).
const IDS_SINCE: i16 = 13;

pub fn handle(context: Context<'_>, request: FetchRequest) -> Answer {
    // A full fetch that asks for a session, or wants none, is (0, 0) or (0, -1). Anything else goes on from a
    // session that this broker never gave.
    if request.session_id != 0 {
        let error_code = ErrorCode::FetchSessionIdNotFound.code();
        return context.envelope.reply(&FetchResponse { error_code, ..Default::default() });
    }
    if request.session_epoch > 0 {
        let error_code = ErrorCode::InvalidFetchSessionEpoch.code();
        return context.envelope.reply(&FetchResponse { error_code, ..Default::default() });
    }
    let wanted = request.topics.into_iter().map(|topic| Wanted::new(context, topic)).collect();
    let bytes_max = i64::from(request.max_bytes).clamp(0, context.core.config().network.fetch_bytes_max as i64);
    let fetch = Fetch {
        envelope: context.envelope,
        wanted,
        committed_only: request.isolation_level == 1,
        bytes_min: request.min_bytes.max(0) as usize,
        bytes_max: bytes_max as usize,
    };
    let found = fetch.read();
    let waits = request.max_wait_ms > 0 && !fetch.wanted.is_empty();
    if !waits || found.is_enough(fetch.bytes_min) {
        return Answer::Reply(fetch.reply(found));
    }
    let subscriptions = fetch.partitions().map(|partition| partition.subscribe(&context.caller.waker)).collect();
    // Between the look and the subscription something may have come.
    let found = fetch.read();
    if found.is_enough(fetch.bytes_min) {
        return Answer::Reply(fetch.reply(found));
    }
    let deadline_ms = context.now.mono_ms.saturating_add(i64::from(request.max_wait_ms));
    Answer::Wait(Box::new(WaitingFetch { fetch, deadline_ms, _subscriptions: subscriptions }))
}

/// A topic of the request, looked up.
struct Wanted {
    asked: FetchTopic,
    /// One for each partition asked for.
    partitions: Vec<Result<Arc<Partition>, ErrorCode>>,
}

impl Wanted {
    fn new(context: Context<'_>, asked: FetchTopic) -> Wanted {
        let topics = context.core.topics();
        let (topic, missing) = if context.envelope.version >= IDS_SINCE {
            (topics.by_id(asked.topic_id), ErrorCode::UnknownTopicId)
        } else {
            (topics.get(&asked.topic), ErrorCode::UnknownTopicOrPartition)
        };
        let allowed =
            topic.is_none_or(|topic| authorize(context.caller, Operation::Read, Resource::Topic(topic.name.as_str())));
        let find = |index: i32| {
            if !allowed {
                return Err(ErrorCode::TopicAuthorizationFailed);
            }
            topic.ok_or(missing)?.partition(index).map(Arc::clone).ok_or(ErrorCode::UnknownTopicOrPartition)
        };
        let partitions = asked.partitions.iter().map(|partition| find(partition.partition)).collect();
        Wanted { asked, partitions }
    }
}

struct Fetch {
    envelope: Envelope,
    wanted: Vec<Wanted>,
    committed_only: bool,
    bytes_min: usize,
    bytes_max: usize,
}

/// What one look brought.
#[derive(Default)]
struct Found {
    topics: Vec<FetchableTopicResponse>,
    slices: Vec<LogSlice>,
    bytes: usize,
    /// Something that must not wait: an error, or a log that diverges.
    urgent: bool,
}

impl Found {
    fn is_enough(&self, bytes_min: usize) -> bool {
        self.urgent || self.bytes >= bytes_min
    }
}

impl Fetch {
    fn partitions(&self) -> impl Iterator<Item = &Arc<Partition>> {
        self.wanted.iter().flat_map(|wanted| wanted.partitions.iter().flatten())
    }

    fn read(&self) -> Found {
        let mut found = Found::default();
        for wanted in &self.wanted {
            let mut topic = FetchableTopicResponse {
                topic: wanted.asked.topic.clone(),
                topic_id: wanted.asked.topic_id,
                partitions: Vec::with_capacity(wanted.partitions.len()),
            };
            for (asked, partition) in wanted.asked.partitions.iter().zip(&wanted.partitions) {
                let outcome = match partition {
                    Ok(partition) => self.read_partition(asked, partition, &mut found),
                    Err(code) => Err(*code),
                };
                topic.partitions.push(outcome.unwrap_or_else(|code| {
                    found.urgent = true;
                    PartitionData {
                        partition_index: asked.partition,
                        error_code: code.code(),
                        high_watermark: -1,
                        records: RecordsField::Bytes(Bytes::new()),
                        ..self.empty_partition()
                    }
                }));
            }
            found.topics.push(topic);
        }
        found
    }

    fn read_partition(
        &self,
        asked: &FetchPartition,
        partition: &Partition,
        found: &mut Found,
    ) -> Result<PartitionData, ErrorCode> {
        if partition.is_deleted() {
            return Err(ErrorCode::UnknownTopicOrPartition);
        }
        let epoch_verdict = check_leader_epoch(asked.current_leader_epoch, partition.leader_epoch());
        if epoch_verdict.is_error() {
            return Err(epoch_verdict);
        }
        let log = partition.log();
        let high_watermark = partition.high_watermark();
        let stable = partition.last_stable_offset();
        let mut data = PartitionData {
            partition_index: asked.partition,
            high_watermark: high_watermark.0,
            last_stable_offset: stable.0,
            log_start_offset: log.log_start().0,
            records: RecordsField::Bytes(Bytes::new()),
            ..self.empty_partition()
        };
        let from = Offset(asked.fetch_offset);
        if asked.last_fetched_epoch >= 0 {
            let (epoch, end) = partition.end_of_epoch(LeaderEpoch(asked.last_fetched_epoch));
            if epoch.0 < asked.last_fetched_epoch || end < from {
                data.diverging_epoch = EpochEndOffset { epoch: epoch.0, end_offset: end.0 };
                found.urgent = true;
                return Ok(data);
            }
        }
        let upper = if self.committed_only { stable } else { high_watermark };
        let left = self.bytes_max.saturating_sub(found.bytes);
        let bytes_max = left.min(asked.partition_max_bytes.max(0) as usize);
        // Even a batch larger than both limits must get through, or its consumer would never pass it.
        let at_least_one = found.bytes == 0;
        let slice = log.read(from, bytes_max, upper, at_least_one).map_err(|error| error.error_code())?;
        if self.committed_only {
            let aborted = log.aborted_transactions(from, upper).map_err(|error| error.error_code())?;
            let aborted = aborted
                .into_iter()
                .map(|aborted| AbortedTransaction {
                    producer_id: aborted.producer_id,
                    first_offset: aborted.first_offset.0,
                })
                .collect();
            data.aborted_transactions = Some(aborted);
        }
        if let Some(slice) = slice {
            found.bytes += slice.len;
            data.records = RecordsField::Elsewhere(slice.len);
            found.slices.push(slice);
        }
        Ok(data)
    }

    fn empty_partition(&self) -> PartitionData {
        // Null says "not asked"; a reader of committed records gets a list, be it empty.
        let aborted_transactions = self.committed_only.then(Vec::new);
        PartitionData { aborted_transactions, ..Default::default() }
    }

    fn reply(&self, found: Found) -> Reply {
        let response = FetchResponse { responses: found.topics, ..Default::default() };
        Reply { slices: found.slices, ..self.envelope.frame(&response) }
    }
}

struct WaitingFetch {
    fetch: Fetch,
    deadline_ms: i64,
    _subscriptions: Vec<Subscription>,
}

impl Pending for WaitingFetch {
    fn look(&mut self, _core: &Core, now: Now, last: bool) -> Option<Answer> {
        let found = self.fetch.read();
        let over = last || now.mono_ms >= self.deadline_ms;
        (over || found.is_enough(self.fetch.bytes_min)).then(|| Answer::Reply(self.fetch.reply(found)))
    }

    fn deadline_ms(&self) -> i64 {
        self.deadline_ms
    }

    fn wants_flush(&self) -> bool {
        false
    }
}
