//! OffsetFetch: how far groups have read. A group or partition that never committed has offset -1 and no error
//! (Kafka's OffsetMetadataManager).

use super::group_waits::WaitForWrites;
use super::{Answer, Context};
use crate::base::{ErrorCode, PartitionId, TopicName, TopicPartition, Uuid};
use crate::broker::caller::{Operation, Resource, authorize};
use crate::broker::core::Core;
use crate::broker::groups::{GroupKind, GroupOffsets, OffsetValue};
use crate::protocol::kafka::api::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};

/// Since 8 one request asks for many groups.
const MANY_SINCE: i16 = 8;
/// Since 10 topics are named by id.
const IDS_SINCE: i16 = 10;

const NO_OFFSET: i64 = -1;

/// A group that is asked about, and whether the caller may.
struct Asked {
    group: OffsetFetchRequestGroup,
    allowed: bool,
}

pub fn handle(context: Context<'_>, request: OffsetFetchRequest) -> Answer {
    let version = context.envelope.version;
    let groups = match version >= MANY_SINCE {
        true => request.groups,
        false => vec![single(request.group_id, request.topics)],
    };
    let asked = groups.into_iter().map(|group| {
        let allowed = authorize(context.caller, Operation::Describe, Resource::Group(&group.group_id));
        Asked { group, allowed }
    });
    let asked: Vec<Asked> = asked.collect();
    // Whoever wants stable offsets waits for the commits that are under way (KIP-447).
    let stable = asked.iter().filter(|asked| request.require_stable && asked.allowed);
    let under_way =
        stable.filter_map(|asked| context.core.groups().last_write(context.core, &asked.group.group_id, context.now));
    WaitForWrites::answer(context, under_way.collect(), move |envelope, core, _| {
        let mut groups: Vec<_> = asked.into_iter().map(|asked| fetch_group(core, version, asked)).collect();
        let response = match groups.pop() {
            Some(group) if version < MANY_SINCE => OffsetFetchResponse {
                topics: group.topics.into_iter().map(before_many).collect(),
                error_code: group.error_code,
                ..Default::default()
            },
            last => {
                groups.extend(last);
                OffsetFetchResponse { groups, ..Default::default() }
            }
        };
        envelope.reply(&response)
    })
}

/// The one group of older requests, in the form of newer ones.
fn single(group_id: String, topics: Option<Vec<OffsetFetchRequestTopic>>) -> OffsetFetchRequestGroup {
    let newer = |topic: OffsetFetchRequestTopic| OffsetFetchRequestTopics {
        name: topic.name,
        topic_id: Uuid::ZERO,
        partition_indexes: topic.partition_indexes,
    };
    let topics = topics.map(|topics| topics.into_iter().map(newer).collect());
    OffsetFetchRequestGroup { group_id, topics, ..Default::default() }
}

fn before_many(topic: OffsetFetchResponseTopics) -> OffsetFetchResponseTopic {
    let partition = |partition: OffsetFetchResponsePartitions| OffsetFetchResponsePartition {
        partition_index: partition.partition_index,
        committed_offset: partition.committed_offset,
        committed_leader_epoch: partition.committed_leader_epoch,
        metadata: partition.metadata,
        error_code: partition.error_code,
    };
    OffsetFetchResponseTopic { name: topic.name, partitions: topic.partitions.into_iter().map(partition).collect() }
}

fn fetch_group(core: &Core, version: i16, asked: Asked) -> OffsetFetchResponseGroup {
    let Asked { group: OffsetFetchRequestGroup { group_id, topics, member_id, member_epoch }, allowed } = asked;
    // A member of the newer protocol that has moved on must not go by what it reads here (since 9).
    let may = |kind: &GroupKind| kind.check_fetch(member_id.as_deref(), member_epoch);
    let verdict = match allowed {
        true => core
            .groups()
            .check_read(core, &group_id)
            .and_then(|()| core.groups().look(core, &group_id, core.now(), may).unwrap_or(Ok(()))),
        false => Err(ErrorCode::GroupAuthorizationFailed),
    };
    if let Err(code) = verdict {
        return OffsetFetchResponseGroup { group_id, topics: Vec::new(), error_code: code.code() };
    }
    let committed = core.groups().committed(core, &group_id, core.now());
    let topics = match topics {
        None => all_topics(core, &committed),
        Some(asked) => asked.into_iter().map(|topic| asked_topic(core, version, &committed, topic)).collect(),
    };
    OffsetFetchResponseGroup { group_id, topics, error_code: ErrorCode::None.code() }
}

fn all_topics(core: &Core, committed: &GroupOffsets) -> Vec<OffsetFetchResponseTopics> {
    let mut topics: Vec<OffsetFetchResponseTopics> = Vec::new();
    for (TopicPartition { topic, partition }, offset) in committed {
        // Commits come sorted by topic.
        if topics.last().is_none_or(|last| last.name != topic.as_str()) {
            let topic_id = core.topic(topic.as_str()).map_or(Uuid::ZERO, |topic| topic.id);
            topics.push(OffsetFetchResponseTopics { name: topic.to_string(), topic_id, partitions: Vec::new() });
        }
        if let Some(topic) = topics.last_mut() {
            topic.partitions.push(partition_answer(partition.0, Some(offset)));
        }
    }
    topics
}

fn asked_topic(
    core: &Core,
    version: i16,
    committed: &GroupOffsets,
    asked: OffsetFetchRequestTopics,
) -> OffsetFetchResponseTopics {
    let OffsetFetchRequestTopics { name, topic_id, partition_indexes } = asked;
    let by_id = version >= IDS_SINCE;
    let topic = match by_id {
        true => core.topics().by_id(topic_id).map(|topic| topic.name.clone()),
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

fn partition_answer(partition_index: i32, committed: Option<&OffsetValue>) -> OffsetFetchResponsePartitions {
    let error_code = ErrorCode::None.code();
    match committed {
        Some(value) => OffsetFetchResponsePartitions {
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
