//! OffsetForLeaderEpoch: where an epoch ended, for clients that look for a truncation (KIP-101, KIP-320).

use super::{Context, check_leader_epoch};
use crate::base::{ErrorCode, LeaderEpoch, Offset};
use crate::broker::caller::{Operation, Resource, authorize};
use crate::protocol::kafka::api::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition,
    OffsetForLeaderTopicResult,
};

pub fn handle(context: Context<'_>, request: OffsetForLeaderEpochRequest) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let partition = asked.partition;
            match find(context, &topic.topic, asked) {
                Ok((epoch, end)) => EpochEndOffset {
                    error_code: ErrorCode::None.code(),
                    partition,
                    leader_epoch: epoch.0,
                    end_offset: end.0,
                },
                Err(code) => EpochEndOffset { error_code: code.code(), partition, ..Default::default() },
            }
        });
        OffsetForLeaderTopicResult { partitions: partitions.collect(), topic: topic.topic }
    });
    OffsetForLeaderEpochResponse { topics: topics.collect(), ..Default::default() }
}

fn find(
    context: Context<'_>,
    topic: &str,
    asked: &OffsetForLeaderPartition,
) -> Result<(LeaderEpoch, Offset), ErrorCode> {
    if !authorize(context.caller, Operation::Describe, Resource::Topic(topic)) {
        return Err(ErrorCode::TopicAuthorizationFailed);
    }
    let topic = context.core.topic(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let partition = topic.partition(asked.partition).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let verdict = check_leader_epoch(asked.current_leader_epoch, partition.leader_epoch());
    if verdict.is_error() {
        return Err(verdict);
    }
    partition.end_of_epoch(LeaderEpoch(asked.leader_epoch)).map_err(|error| error.error_code())
}
