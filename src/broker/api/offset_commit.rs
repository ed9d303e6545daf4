//! OffsetCommit: keeps how far a group has read; answers when that is safe.
//!
//! Members commit with their generation; whoever is outside the group (Kafka's simple consumer) with generation -1.

use super::group_waits::WaitForWrites;
use super::{Answer, Context};
use crate::base::{ErrorCode, Offset, PartitionId, TopicPartition};
use crate::broker::caller::{Operation, Resource, authorize};
use crate::broker::groups::{Committer, OffsetValue};
use crate::protocol::kafka::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};

/// Since 9 a group that is not there is told from one that has moved on (KIP-848).
const GROUP_ERRORS_SINCE: i16 = 9;
/// Since 10 topics are named by id.
const IDS_SINCE: i16 = 10;

pub fn handle(context: Context<'_>, request: OffsetCommitRequest) -> Answer {
    let refusal = refuse_group(context, &request);
    let mut commits = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    let expires_at = expiry(context, request.retention_time_ms);
    for topic in request.topics {
        let OffsetCommitRequestTopic { name, topic_id, partitions } = topic;
        let answers = partitions.into_iter().map(|partition| {
            let index = partition.partition_index;
            let verdict = match refusal {
                Some(code) => Err(code),
                None => check(context, &name, topic_id, partition, expires_at),
            };
            let error_code = match verdict {
                Ok(commit) => {
                    commits.push(commit);
                    ErrorCode::None
                }
                Err(code) => code,
            };
            OffsetCommitResponsePartition { partition_index: index, error_code: error_code.code() }
        });
        let partitions = answers.collect();
        topics.push(OffsetCommitResponseTopic { name, topic_id, partitions });
    }
    let mut response = OffsetCommitResponse { topics, ..Default::default() };
    if commits.is_empty() {
        return context.envelope.reply(&response);
    }
    let committer = Committer {
        member_id: &request.member_id,
        instance_id: request.group_instance_id.as_deref(),
        generation: request.generation_id_or_member_epoch,
        knows_missing_groups: context.envelope.version >= GROUP_ERRORS_SINCE,
    };
    match context.core.groups().commit(context.core, &request.group_id, &committer, commits, context.now) {
        Err(code) => {
            fail(&mut response, code);
            context.envelope.reply(&response)
        }
        Ok(pledge) => WaitForWrites::answer(context, vec![pledge], move |envelope, _, outcomes| {
            if let Some(Err(code)) = outcomes.first() {
                fail(&mut response, *code);
            }
            envelope.reply(&response)
        }),
    }
}

fn refuse_group(context: Context<'_>, request: &OffsetCommitRequest) -> Option<ErrorCode> {
    if request.group_id.is_empty() {
        return Some(ErrorCode::InvalidGroupId);
    }
    if !authorize(context.caller, Operation::Read, Resource::Group(&request.group_id)) {
        return Some(ErrorCode::GroupAuthorizationFailed);
    }
    None
}

/// Up to version 4 a client could say for how long its commit is kept; -1 leaves it to the broker.
fn expiry(context: Context<'_>, retention_time_ms: i64) -> Option<i64> {
    (retention_time_ms >= 0).then(|| context.now.wall_ms.saturating_add(retention_time_ms))
}

fn check(
    context: Context<'_>,
    name: &str,
    topic_id: crate::base::Uuid,
    asked: OffsetCommitRequestPartition,
    expires_at: Option<i64>,
) -> Result<(TopicPartition, OffsetValue), ErrorCode> {
    let topics = context.core.topics();
    let topic = if context.envelope.version >= IDS_SINCE {
        topics.by_id(topic_id).ok_or(ErrorCode::UnknownTopicId)?
    } else {
        topics.get(name).ok_or(ErrorCode::UnknownTopicOrPartition)?
    };
    if !authorize(context.caller, Operation::Read, Resource::Topic(topic.name.as_str())) {
        return Err(ErrorCode::TopicAuthorizationFailed);
    }
    topic.partition(asked.partition_index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let metadata = asked.committed_metadata.unwrap_or_default();
    if metadata.len() > context.core.config().offsets.metadata_bytes_max {
        return Err(ErrorCode::OffsetMetadataTooLarge);
    }
    if asked.committed_offset < 0 {
        return Err(ErrorCode::InvalidCommitOffsetSize);
    }
    let value = OffsetValue {
        offset: Offset(asked.committed_offset),
        leader_epoch: asked.committed_leader_epoch,
        metadata,
        committed_at: context.now.wall_ms,
        expires_at,
    };
    let partition = PartitionId(asked.partition_index);
    Ok((TopicPartition { topic: topic.name.clone(), partition }, value))
}

fn fail(response: &mut OffsetCommitResponse, code: ErrorCode) {
    for partition in response.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
        if partition.error_code == ErrorCode::None.code() {
            partition.error_code = code.code();
        }
    }
}
