//! DescribeTopicPartitions: topics a page at a time, with what their replicas may become (KIP-966).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Context;
use super::metadata::TOPIC_OPERATIONS;
use crate::base::{ErrorCode, TopicName, Uuid};
use crate::broker::caller::{Operation, Resource, authorize};
use crate::broker::topics::Topic;
use crate::protocol::kafka::api::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
};

pub fn handle(context: Context<'_>, request: DescribeTopicPartitionsRequest) -> DescribeTopicPartitionsResponse {
    if let Some(code) = refusal(&request) {
        return refused(&request, code);
    }
    let topics = context.core.topics();
    // In the order of names, so that a cursor can go on; no name asks for all.
    let mut names: BTreeSet<&str> = request.topics.iter().map(|topic| topic.name.as_str()).collect();
    if names.is_empty() {
        names = topics.iter().map(|topic| topic.name.as_str()).collect();
    }
    let (from_topic, mut from_partition) = match &request.cursor {
        Some(cursor) => (cursor.topic_name.as_str(), cursor.partition_index),
        None => ("", 0),
    };
    // Whatever is asked, an answer has its bound, and says something.
    let most = context.core.config().network.described_partitions_max;
    let mut left = usize::try_from(request.response_partition_limit).unwrap_or(1).clamp(1, most);
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

/// A cursor must point at something that was asked for.
fn refusal(request: &DescribeTopicPartitionsRequest) -> Option<ErrorCode> {
    let cursor = request.cursor.as_ref()?;
    let names_it = request.topics.is_empty() || request.topics.iter().any(|topic| topic.name == cursor.topic_name);
    (!names_it || cursor.partition_index < 0).then_some(ErrorCode::InvalidRequest)
}

/// There is no place for an error of the whole request, so each topic has it.
fn refused(request: &DescribeTopicPartitionsRequest, code: ErrorCode) -> DescribeTopicPartitionsResponse {
    let topics = request.topics.iter().map(|topic| DescribeTopicPartitionsResponseTopic {
        error_code: code.code(),
        name: Some(topic.name.clone()),
        ..Default::default()
    });
    DescribeTopicPartitionsResponse { topics: topics.collect(), ..Default::default() }
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
        topic_authorized_operations: TOPIC_OPERATIONS,
        ..Default::default()
    };
    if !authorize(context.caller, Operation::Describe, Resource::Topic(name)) {
        return refuse(ErrorCode::TopicAuthorizationFailed);
    }
    let Some(topic) = topic else {
        let valid = TopicName::new(name).is_ok();
        return refuse(if valid { ErrorCode::UnknownTopicOrPartition } else { ErrorCode::InvalidTopicException });
    };
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
        topic_authorized_operations: TOPIC_OPERATIONS,
    }
}
