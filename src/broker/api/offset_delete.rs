//! OffsetDelete: forgets what a group has committed for topics that it does not read (KIP-496).

use std::collections::BTreeMap;

use super::group_waits::WaitForWrites;
use super::{Answer, Context};
use crate::base::{ErrorCode, PartitionId, TopicPartition};
use crate::broker::caller::{Operation, Resource, authorize};
use crate::protocol::kafka::api::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};

pub fn handle(context: Context<'_>, request: OffsetDeleteRequest) -> Answer {
    let refuse = |code: ErrorCode| {
        context.envelope.reply(&OffsetDeleteResponse { error_code: code.code(), ..Default::default() })
    };
    if !authorize(context.caller, Operation::Delete, Resource::Group(&request.group_id)) {
        return refuse(ErrorCode::GroupAuthorizationFailed);
    }
    let places = request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().filter_map(|partition| find(context, &topic.name, partition.partition_index).ok())
    });
    let deleted = context.core.groups().delete_offsets(context.core, &request.group_id, places.collect(), context.now);
    let (verdicts, pledge) = match deleted {
        Ok(outcome) => outcome,
        Err(code) => return refuse(code),
    };
    let verdicts: BTreeMap<TopicPartition, ErrorCode> = verdicts.into_iter().collect();
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let index = partition.partition_index;
            let code = find(context, &topic.name, index)
                .map(|place| verdicts.get(&place).copied().unwrap_or(ErrorCode::None))
                .unwrap_or_else(|code| code);
            OffsetDeleteResponsePartition { partition_index: index, error_code: code.code() }
        });
        OffsetDeleteResponseTopic { partitions: partitions.collect(), name: topic.name }
    });
    let mut response = OffsetDeleteResponse { topics: topics.collect(), ..Default::default() };
    WaitForWrites::answer(context, pledge.into_iter().collect(), move |envelope, _, outcomes| {
        if let Some(Err(code)) = outcomes.first() {
            response = OffsetDeleteResponse { error_code: code.code(), ..Default::default() };
        }
        envelope.reply(&response)
    })
}

fn find(context: Context<'_>, name: &str, index: i32) -> Result<TopicPartition, ErrorCode> {
    if !authorize(context.caller, Operation::Read, Resource::Topic(name)) {
        return Err(ErrorCode::TopicAuthorizationFailed);
    }
    let topic = context.core.topic(name).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    topic.partition(index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    Ok(TopicPartition { topic: topic.name.clone(), partition: PartitionId(index) })
}
