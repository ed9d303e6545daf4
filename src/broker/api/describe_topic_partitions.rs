//! DescribeTopicPartitions: topics a page at a time, with what their replicas may become (KIP-966).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Context;
use crate::base::{ErrorCode, Uuid};
use crate::broker::caller::{Operation, Resource, authorize};
use crate::broker::topics::Topic;
use crate::protocol::kafka::api::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
};

/// Partitions in one answer at most, whatever was asked (Kafka: max.request.partition.size.limit).
const PARTITIONS_MAX: i32 = 2000;

pub fn handle(context: Context<'_>, request: DescribeTopicPartitionsRequest) -> DescribeTopicPartitionsResponse {
    let topics = context.core.topics();
    // In the order of names, so that a cursor can go on; no name asks for all.
    let mut names: BTreeSet<&str> = request.topics.iter().map(|topic| topic.name.as_str()).collect();
    if names.is_empty() {
        names = topics.iter().map(|topic| topic.name.as_str()).collect();
    }
    let (from_topic, mut from_partition) = match &request.cursor {
        Some(cursor) => (cursor.topic_name.as_str(), cursor.partition_index.max(0)),
        None => ("", 0),
    };
    let mut left = request.response_partition_limit.clamp(1, PARTITIONS_MAX) as usize;
    let mut response = DescribeTopicPartitionsResponse::default();
    for name in names.into_iter().filter(|name| *name >= from_topic) {
        let first = if name == from_topic { std::mem::take(&mut from_partition) as usize } else { 0 };
        if left == 0 {
            response.next_cursor = Some(Cursor { topic_name: name.to_owned(), partition_index: first as i32 });
            break;
        }
        let described = describe(context, name, topics.get(name), first, left);
        left -= described.partitions.len();
        let next = first + described.partitions.len();
        let cut = topics.get(name).is_some_and(|topic| next < topic.partitions.len());
        response.topics.push(described);
        if cut {
            response.next_cursor = Some(Cursor { topic_name: name.to_owned(), partition_index: next as i32 });
            break;
        }
    }
    response
}

fn describe(
    context: Context<'_>,
    name: &str,
    topic: Option<&Arc<Topic>>,
    first: usize,
    most: usize,
) -> DescribeTopicPartitionsResponseTopic {
    let refuse = |code: ErrorCode| DescribeTopicPartitionsResponseTopic {
        error_code: code.code(),
        name: Some(name.to_owned()),
        topic_id: Uuid::ZERO,
        ..Default::default()
    };
    if !authorize(context.caller, Operation::Describe, Resource::Topic(name)) {
        return refuse(ErrorCode::TopicAuthorizationFailed);
    }
    let Some(topic) = topic else { return refuse(ErrorCode::UnknownTopicOrPartition) };
    let node = context.core.broker_id().0;
    let partitions = topic.partitions.iter().skip(first).take(most).map(|partition| {
        DescribeTopicPartitionsResponsePartition {
            error_code: ErrorCode::None.code(),
            partition_index: partition.name().partition.0,
            leader_id: node,
            leader_epoch: partition.leader_epoch().0,
            replica_nodes: vec![node],
            isr_nodes: vec![node],
            // Null makes Java's AdminClient fail with a null pointer of its own.
            eligible_leader_replicas: Some(Vec::new()),
            last_known_elr: Some(Vec::new()),
            offline_replicas: Vec::new(),
        }
    });
    DescribeTopicPartitionsResponseTopic {
        error_code: ErrorCode::None.code(),
        name: Some(name.to_owned()),
        topic_id: topic.id,
        is_internal: topic.name.is_internal(),
        partitions: partitions.collect(),
        ..Default::default()
    }
}
