//! ListOffsets: the offset at a time or at an end of the log (Kafka's Partition.fetchOffsetForTimestamp).

use super::{Context, check_leader_epoch};
use crate::base::{ErrorCode, Offset};
use crate::broker::caller::{Operation, Resource, authorize};
use crate::broker::partition::Partition;
use crate::protocol::kafka::api::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};

/// Times that mean a place (Kafka's ListOffsetsRequest). The local log is the whole log here, so -4 is -2, and what
/// was never moved to other storage (-5, -6) has no offset.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

pub fn handle(context: Context<'_>, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let topics = request.topics.into_iter().map(|asked| {
        let topic = context.core.topic(&asked.name);
        let allowed = authorize(context.caller, Operation::Describe, Resource::Topic(&asked.name));
        let partitions = asked.partitions.iter().map(|asked| {
            let partition = topic.as_ref().and_then(|topic| topic.partition(asked.partition_index));
            let found = match partition {
                _ if !allowed => Err(ErrorCode::TopicAuthorizationFailed),
                Some(partition) => find(partition, asked, request.isolation_level == 1),
                None => Err(ErrorCode::UnknownTopicOrPartition),
            };
            let partition_index = asked.partition_index;
            match found {
                Ok(found) => ListOffsetsPartitionResponse { partition_index, ..found },
                Err(code) => {
                    ListOffsetsPartitionResponse { partition_index, error_code: code.code(), ..Default::default() }
                }
            }
        });
        ListOffsetsTopicResponse { partitions: partitions.collect(), name: asked.name }
    });
    ListOffsetsResponse { topics: topics.collect(), ..Default::default() }
}

fn find(
    partition: &Partition,
    asked: &ListOffsetsPartition,
    committed_only: bool,
) -> Result<ListOffsetsPartitionResponse, ErrorCode> {
    if partition.is_deleted() {
        return Err(ErrorCode::UnknownTopicOrPartition);
    }
    let verdict = check_leader_epoch(asked.current_leader_epoch, partition.leader_epoch());
    if verdict.is_error() {
        return Err(verdict);
    }
    let log = partition.log();
    let upper = if committed_only { partition.last_stable_offset() } else { partition.high_watermark() };
    let at = |offset: Offset| ListOffsetsPartitionResponse {
        offset: offset.0,
        leader_epoch: log.epoch_at(offset).map_or(-1, |epoch| epoch.0),
        ..Default::default()
    };
    let hit = match asked.timestamp {
        LATEST => {
            let leader_epoch = partition.leader_epoch().0;
            return Ok(ListOffsetsPartitionResponse { leader_epoch, ..at(upper) });
        }
        EARLIEST | EARLIEST_LOCAL => return Ok(at(log.log_start())),
        LATEST_TIERED | EARLIEST_PENDING_UPLOAD => return Ok(ListOffsetsPartitionResponse::default()),
        MAX_TIMESTAMP => log.max_timestamp(upper),
        time if time < 0 => return Err(ErrorCode::InvalidRequest),
        time => log.find_time(time, upper),
    };
    // No record that young is no error: offset and timestamp -1.
    Ok(hit.map_err(|error| error.error_code())?.map_or_else(Default::default, |hit| ListOffsetsPartitionResponse {
        timestamp: hit.timestamp,
        offset: hit.offset.0,
        leader_epoch: hit.leader_epoch.0,
        ..Default::default()
    }))
}
