//! OffsetFetch: how far groups have read. A group or partition that never committed has offset -1 and no error
//! (Kafka's OffsetMetadataManager).

use super::Context;
use crate::base::{ErrorCode, PartitionId, TopicName, TopicPartition, Uuid};
use crate::broker::caller::{Operation, Resource, authorize};
use crate::broker::offsets::{CommittedOffset, GroupOffsets};
use crate::protocol::kafka::api::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestTopics, OffsetFetchResponse, OffsetFetchResponseGroup,
    OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};

/// Since 8 one request asks for many groups.
const MANY_SINCE: i16 = 8;
/// Since 10 topics are named by id.
const IDS_SINCE: i16 = 10;

const NO_OFFSET: i64 = -1;

pub fn handle(context: Context<'_>, request: OffsetFetchRequest) -> OffsetFetchResponse {
    if context.envelope.version >= MANY_SINCE {
        let groups = request.groups.into_iter().map(|group| fetch_group(context, group.group_id, group.topics));
        return OffsetFetchResponse { groups: groups.collect(), ..Default::default() };
    }
    let topics = request.topics.map(|topics| {
        topics
            .into_iter()
            .map(|topic| OffsetFetchRequestTopics {
                name: topic.name,
                topic_id: Uuid::ZERO,
                partition_indexes: topic.partition_indexes,
            })
            .collect()
    });
    let group = fetch_group(context, request.group_id, topics);
    let topics = group.topics.into_iter().map(|topic| OffsetFetchResponseTopic {
        name: topic.name,
        partitions: topic
            .partitions
            .into_iter()
            .map(|partition| OffsetFetchResponsePartition {
                partition_index: partition.partition_index,
                committed_offset: partition.committed_offset,
                committed_leader_epoch: partition.committed_leader_epoch,
                metadata: partition.metadata,
                error_code: partition.error_code,
            })
            .collect(),
    });
    OffsetFetchResponse { topics: topics.collect(), error_code: group.error_code, ..Default::default() }
}

fn fetch_group(
    context: Context<'_>,
    group_id: String,
    asked: Option<Vec<OffsetFetchRequestTopics>>,
) -> OffsetFetchResponseGroup {
    if !authorize(context.caller, Operation::Describe, Resource::Group(&group_id)) {
        let error_code = ErrorCode::GroupAuthorizationFailed.code();
        return OffsetFetchResponseGroup { group_id, topics: Vec::new(), error_code };
    }
    let committed = context.core.committed(&group_id);
    let topics = match asked {
        None => all_topics(context, &committed),
        Some(asked) => asked.into_iter().map(|topic| asked_topic(context, &committed, topic)).collect(),
    };
    OffsetFetchResponseGroup { group_id, topics, error_code: ErrorCode::None.code() }
}

fn all_topics(context: Context<'_>, committed: &GroupOffsets) -> Vec<OffsetFetchResponseTopics> {
    let mut topics: Vec<OffsetFetchResponseTopics> = Vec::new();
    for (TopicPartition { topic, partition }, offset) in committed {
        // Commits come sorted by topic.
        if topics.last().is_none_or(|last| last.name != topic.as_str()) {
            let topic_id = context.core.topic(topic.as_str()).map_or(Uuid::ZERO, |topic| topic.id);
            topics.push(OffsetFetchResponseTopics { name: topic.to_string(), topic_id, partitions: Vec::new() });
        }
        if let Some(topic) = topics.last_mut() {
            topic.partitions.push(partition_answer(partition.0, Some(offset)));
        }
    }
    topics
}

fn asked_topic(
    context: Context<'_>,
    committed: &GroupOffsets,
    asked: OffsetFetchRequestTopics,
) -> OffsetFetchResponseTopics {
    let OffsetFetchRequestTopics { name, topic_id, partition_indexes } = asked;
    let by_id = context.envelope.version >= IDS_SINCE;
    let topic = match by_id {
        true => context.core.topics().by_id(topic_id).map(|topic| topic.name.clone()),
        false => TopicName::new(&name).ok(),
    };
    let partitions = partition_indexes.into_iter().map(|index| {
        let partition = PartitionId(index);
        let key = topic.clone().map(|topic| TopicPartition { topic, partition });
        let mut answer = partition_answer(index, key.and_then(|key| committed.get(&key)));
        if by_id && topic.is_none() {
            answer.error_code = ErrorCode::UnknownTopicId.code();
        }
        answer
    });
    OffsetFetchResponseTopics { partitions: partitions.collect(), name, topic_id }
}

fn partition_answer(partition_index: i32, committed: Option<&CommittedOffset>) -> OffsetFetchResponsePartitions {
    let error_code = ErrorCode::None.code();
    match committed {
        Some(CommittedOffset { value, .. }) => OffsetFetchResponsePartitions {
            partition_index,
            committed_offset: value.offset.0,
            committed_leader_epoch: value.leader_epoch,
            metadata: Some(value.metadata.clone()),
            error_code,
        },
        None => OffsetFetchResponsePartitions {
            partition_index,
            committed_offset: NO_OFFSET,
            committed_leader_epoch: -1,
            metadata: Some(String::new()),
            error_code,
        },
    }
}
