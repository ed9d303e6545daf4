//! Produce: appends one batch per partition; acknowledges when the batches are as safe as was asked
//! (KIP-98 sequences, KIP-467 record errors).

use std::sync::Arc;

use super::{Answer, Context, Envelope};
use crate::base::{ErrorCode, Now, TopicName};
use crate::broker::answer::Pending;
use crate::broker::caller::{Operation, Resource, authorize};
use crate::broker::core::Core;
use crate::broker::partition::{Kept, Partition, Promise};
use crate::broker::topics::Topic;
use crate::broker::waiting::Subscription;
use crate::log::AppendError;
use crate::protocol::kafka::RecordsField;
use crate::protocol::kafka::api::produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse,
    TopicProduceData, TopicProduceResponse,
};
use crate::record::{BatchError, Codec, ValidBatch, time_faults};

/// zstd came with version 7 (KIP-110): a client that speaks an older one could not read it back.
const ZSTD_SINCE: i16 = 7;
/// Since 13 topics are named by id (KIP-516).
const IDS_SINCE: i16 = 13;

const ACKS_ALL: i16 = -1;

/// An append that was made, and has to be waited for.
struct Made {
    partition: Arc<Partition>,
    promise: Promise,
    /// Where its answer stands: topic, partition.
    place: (usize, usize),
}

/// Why a batch was not appended.
struct Refusal {
    code: ErrorCode,
    message: String,
    records: Vec<BatchIndexAndErrorMessage>,
}

impl Refusal {
    fn new(code: ErrorCode, message: impl Into<String>) -> Refusal {
        Refusal { code, message: message.into(), records: Vec::new() }
    }
}

impl From<BatchError> for Refusal {
    fn from(error: BatchError) -> Refusal {
        let mut refusal = Refusal::new(error.error_code(), error.to_string());
        if let BatchError::Records(faults) = error {
            let named = faults.indexes.iter().map(|index| BatchIndexAndErrorMessage {
                batch_index: *index,
                batch_index_error_message: Some(format!("it {}", faults.rule)),
            });
            refusal.records = named.collect();
        }
        refusal
    }
}

/// Why nothing of a topic is taken.
fn no_topic(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId => "the topic does not exist, or was deleted",
        ErrorCode::InvalidTopicException => "no topic has this name, or only the broker writes it",
        _ => "the topic may not be written to",
    }
}

pub fn handle(context: Context<'_>, request: ProduceRequest) -> Answer {
    let mut made = Vec::new();
    let mut response = ProduceResponse::default();
    for (t, data) in request.topic_data.iter().enumerate() {
        let topic = find_topic(context, data);
        let mut answered = TopicProduceResponse {
            name: data.name.clone(),
            topic_id: data.topic_id,
            partition_responses: Vec::with_capacity(data.partition_data.len()),
        };
        for (p, data) in data.partition_data.iter().enumerate() {
            let outcome = match &topic {
                Ok(topic) => append(context, &request, topic, data),
                Err(code) => Err(Refusal::new(*code, no_topic(*code))),
            };
            answered.partition_responses.push(match outcome {
                Ok((partition, appended)) => {
                    let response = PartitionProduceResponse {
                        index: data.index,
                        base_offset: appended.base_offset.0,
                        log_append_time_ms: appended.log_append_time,
                        log_start_offset: appended.log_start.0,
                        ..Default::default()
                    };
                    made.push(Made { promise: partition.promise(&appended), partition, place: (t, p) });
                    response
                }
                Err(refusal) => refused(data.index, refusal),
            });
        }
        response.responses.push(answered);
    }
    acknowledge(context, &request, response, made)
}

fn find_topic(context: Context<'_>, data: &TopicProduceData) -> Result<Arc<Topic>, ErrorCode> {
    let topics = context.core.topics();
    let (found, missing) = if context.envelope.version >= IDS_SINCE {
        (topics.by_id(data.topic_id), ErrorCode::UnknownTopicId)
    } else {
        let name = TopicName::new(&data.name).map_err(|_| ErrorCode::InvalidTopicException)?;
        if name.is_internal() {
            return Err(ErrorCode::InvalidTopicException);
        }
        (topics.get(&data.name), ErrorCode::UnknownTopicOrPartition)
    };
    let topic = found.ok_or(missing)?;
    if topic.name.is_internal() {
        // Only the broker writes its own topics (Kafka lets its internal clients, which do not exist here).
        return Err(ErrorCode::InvalidTopicException);
    }
    if !authorize(context.caller, Operation::Write, Resource::Topic(topic.name.as_str())) {
        return Err(ErrorCode::TopicAuthorizationFailed);
    }
    Ok(Arc::clone(topic))
}

fn append(
    context: Context<'_>,
    request: &ProduceRequest,
    topic: &Topic,
    data: &PartitionProduceData,
) -> Result<(Arc<Partition>, crate::log::Appended), Refusal> {
    let Some(partition) = topic.partition(data.index) else {
        let sentence = format!("topic \"{}\" has no partition {}", topic.name, data.index);
        return Err(Refusal::new(ErrorCode::UnknownTopicOrPartition, sentence));
    };
    if !(-1..=1).contains(&request.acks) {
        let sentence = format!("acks is -1, 0 or 1, not {}", request.acks);
        return Err(Refusal::new(ErrorCode::InvalidRequiredAcks, sentence));
    }
    let settings = partition.settings();
    if request.acks == ACKS_ALL && settings.min_insync_replicas > 1 {
        let sentence =
            format!("min.insync.replicas is {}, and the partition has 1 replica", settings.min_insync_replicas);
        return Err(Refusal::new(ErrorCode::NotEnoughReplicas, sentence));
    }
    let RecordsField::Bytes(bytes) = &data.records else {
        return Err(Refusal::new(ErrorCode::InvalidRecord, "there are no records for this partition"));
    };
    let batch = ValidBatch::check(bytes, &settings.rules)?;
    if batch.header.codec()? == Codec::Zstd && context.envelope.version < ZSTD_SINCE {
        let sentence = "zstd needs Produce version 7 or newer";
        return Err(Refusal::new(ErrorCode::UnsupportedCompressionType, sentence));
    }
    if batch.header.is_transactional() || request.transactional_id.is_some() {
        let sentence = "no transaction of this producer is under way";
        return Err(Refusal::new(ErrorCode::InvalidTxnState, sentence));
    }
    if partition.is_deleted() {
        return Err(Refusal::new(ErrorCode::UnknownTopicOrPartition, "the topic was deleted"));
    }
    if context.core.reserve().is_spent() {
        return Err(Refusal::new(ErrorCode::KafkaStorageError, context.core.reserve().refusal()));
    }
    match partition.append(&batch, context.now) {
        Ok(appended) => Ok((Arc::clone(partition), appended)),
        Err(error @ AppendError::Timestamp { now_ms, .. }) => {
            let (before_ms, after_ms) = (settings.log.timestamp_before_max_ms, settings.log.timestamp_after_max_ms);
            let faults = time_faults(&batch, now_ms.saturating_sub(before_ms), now_ms.saturating_add(after_ms))?;
            let refusal = Refusal::new(error.error_code(), error.to_string());
            let records = faults.map_or(Vec::new(), |faults| Refusal::from(BatchError::Records(faults)).records);
            Err(Refusal { records, ..refusal })
        }
        Err(error) if error.is_disk_full() => {
            Err(Refusal::new(error.error_code(), context.core.reserve().refusal_for(&error)))
        }
        Err(error) => Err(Refusal::new(error.error_code(), error.to_string())),
    }
}

fn refused(index: i32, refusal: Refusal) -> PartitionProduceResponse {
    PartitionProduceResponse {
        index,
        error_code: refusal.code.code(),
        base_offset: -1,
        record_errors: refusal.records,
        error_message: Some(refusal.message),
        ..Default::default()
    }
}

fn acknowledge(
    context: Context<'_>,
    request: &ProduceRequest,
    mut response: ProduceResponse,
    mut made: Vec<Made>,
) -> Answer {
    let flusher = context.core.flusher();
    if request.acks == ACKS_ALL {
        made.retain(|made| {
            let settled = settle(&mut response, made);
            if settled && made.partition.flush_is_due() {
                flusher.soon(&made.partition);
            }
            !settled
        });
        if made.is_empty() {
            return context.envelope.reply(&response);
        }
        let subscriptions = made.iter().map(|made| made.partition.subscribe(&context.caller.waker)).collect();
        for made in &made {
            flusher.want(&made.partition);
        }
        let deadline_ms = context.now.mono_ms.saturating_add(i64::from(request.timeout_ms.max(0)));
        return Answer::Wait(Box::new(WaitingProduce {
            envelope: context.envelope,
            response,
            made,
            deadline_ms,
            _subscriptions: subscriptions,
        }));
    }
    for made in &made {
        if made.partition.flush_is_due() {
            flusher.soon(&made.partition);
        }
    }
    if request.acks == 0 {
        // The client expects no answer. To close is all that can tell it of an error (Kafka's KafkaApis).
        let partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
        if let Some(error) =
            partitions.filter(|partition| partition.error_code != 0).find_map(|p| p.error_message.as_ref())
        {
            return Answer::Close(format!("its produce request with acks=0 failed: {error}"));
        }
        return Answer::Silent;
    }
    context.envelope.reply(&response)
}

/// Writes into the response how an append ended, if it has ended.
fn settle(response: &mut ProduceResponse, made: &Made) -> bool {
    match made.partition.kept(&made.promise) {
        Kept::Yes => true,
        Kept::NotYet => false,
        Kept::Never => {
            let code = if made.partition.is_deleted() {
                ErrorCode::UnknownTopicOrPartition
            } else {
                ErrorCode::KafkaStorageError
            };
            fail(response, made, code, "the records could not be made safe on disk; send them again");
            true
        }
    }
}

fn fail(response: &mut ProduceResponse, made: &Made, code: ErrorCode, sentence: &str) {
    let (topic, partition) = made.place;
    let answer = &mut response.responses[topic].partition_responses[partition];
    *answer = refused(answer.index, Refusal::new(code, sentence));
}

struct WaitingProduce {
    envelope: Envelope,
    response: ProduceResponse,
    made: Vec<Made>,
    deadline_ms: i64,
    _subscriptions: Vec<Subscription>,
}

impl Pending for WaitingProduce {
    fn look(&mut self, core: &Core, now: Now, last: bool) -> Option<Answer> {
        let mut waiting = std::mem::take(&mut self.made);
        waiting.retain(|made| !settle(&mut self.response, made));
        if !waiting.is_empty() && (last || now.mono_ms >= self.deadline_ms) {
            for made in waiting.drain(..) {
                core.flusher().soon(&made.partition);
                let sentence = "the records were not safe on disk in the time that was given";
                fail(&mut self.response, &made, ErrorCode::RequestTimedOut, sentence);
            }
        }
        if waiting.is_empty() {
            return Some(self.envelope.reply(&self.response));
        }
        for made in &waiting {
            core.flusher().want(&made.partition);
        }
        self.made = waiting;
        None
    }

    fn deadline_ms(&self) -> i64 {
        self.deadline_ms
    }

    fn wants_flush(&self) -> bool {
        true
    }

    fn flush_is_done(&self) -> bool {
        self.made.iter().all(|made| made.partition.kept(&made.promise) != Kept::NotYet)
    }
}
