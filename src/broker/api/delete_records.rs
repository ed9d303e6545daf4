//! DeleteRecords: moves a log's start on; what lies before it is gone (KIP-107).

use super::Context;
use crate::base::{ErrorCode, Offset};
use crate::broker::caller::{Operation, Resource, authorize};
use crate::protocol::kafka::api::delete_records::{
    DeleteRecordsPartitionResult, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopicResult,
};

/// Everything up to the high watermark.
const TO_HIGH_WATERMARK: i64 = -1;

pub fn handle(context: Context<'_>, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let outcome = trim(context, &topic.name, asked.partition_index, asked.offset);
            DeleteRecordsPartitionResult {
                partition_index: asked.partition_index,
                low_watermark: outcome.as_ref().map_or(-1, |low| low.0),
                error_code: outcome.err().unwrap_or(ErrorCode::None).code(),
            }
        });
        DeleteRecordsTopicResult { partitions: partitions.collect(), name: topic.name }
    });
    DeleteRecordsResponse { topics: topics.collect(), ..Default::default() }
}

fn trim(context: Context<'_>, name: &str, index: i32, offset: i64) -> Result<Offset, ErrorCode> {
    if !authorize(context.caller, Operation::Delete, Resource::Topic(name)) {
        return Err(ErrorCode::TopicAuthorizationFailed);
    }
    let topic = context.core.topic(name).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    if topic.name.is_internal() {
        return Err(ErrorCode::InvalidTopicException);
    }
    if !topic.config.cleanup_delete {
        // A compacted topic's records are its state (Kafka's DeleteRecords asks for cleanup.policy=delete).
        return Err(ErrorCode::PolicyViolation);
    }
    let partition = topic.partition(index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let log = partition.log().map_err(|error| error.error_code())?;
    let high_watermark = partition.high_watermark();
    let before = if offset == TO_HIGH_WATERMARK { high_watermark } else { Offset(offset) };
    if before.0 < 0 || before > high_watermark {
        return Err(ErrorCode::OffsetOutOfRange);
    }
    // Noted first: the new start is promised, and must hold after a kill, too.
    let note = || context.core.write_checkpoints_with(Some((partition.name(), before)));
    context.core.reserve().spend_on(note).map_err(|error| {
        ::log::error!("{}: the new start of the log can't be noted: {error}", partition.name());
        ErrorCode::KafkaStorageError
    })?;
    log.trim(before).map_err(|error| {
        ::log::error!("{}: {error}", partition.name());
        ErrorCode::KafkaStorageError
    })?;
    context.core.reserve().expect_room();
    Ok(log.log_start())
}
