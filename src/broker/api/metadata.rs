//! Metadata: the brokers, and the topics with who leads which partition. Naming a missing topic makes it, where broker
//! and client both allow that.

use std::collections::HashSet;
use std::sync::Arc;

use super::Context;
use crate::base::{ErrorCode, TopicName};
use crate::broker::caller::{Operation, Resource, authorize};
use crate::broker::topics::Topic;
use crate::protocol::kafka::api::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};

/// In version 0 an empty list asks for all topics; since 1 null does.
const NULL_MEANS_ALL_SINCE: i16 = 1;

/// Since 12 a topic may be asked for by its id; 10 and 11 have the fields, and refuse them.
const IDS_SINCE: i16 = 12;

/// Every operation that exists on a topic or a cluster, as bits (Kafka's AclOperation codes). Everybody may do
/// everything until there are rules.
pub const TOPIC_OPERATIONS: i32 = 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 11;
pub const CLUSTER_OPERATIONS: i32 = 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12;

pub fn handle(context: Context<'_>, request: MetadataRequest) -> MetadataResponse {
    let core = context.core;
    let with_operations = request.include_topic_authorized_operations;
    let all = match &request.topics {
        None => true,
        Some(topics) => context.envelope.version < NULL_MEANS_ALL_SINCE && topics.is_empty(),
    };
    let topics = if all {
        let topics = core.topics();
        let allowed =
            |topic: &&Arc<Topic>| authorize(context.caller, Operation::Describe, Resource::Topic(topic.name.as_str()));
        topics.iter().filter(allowed).map(|topic| describe(context, topic, with_operations)).collect()
    } else {
        // A topic that is named again is not described again: the answer must not outgrow the question.
        let mut seen = HashSet::new();
        let asked = request.topics.iter().flatten().filter(|asked| seen.insert((&asked.name, asked.topic_id)));
        let by_id = |asked: &MetadataRequestTopic| asked.name.is_none() || !asked.topic_id.is_zero();
        if context.envelope.version < IDS_SINCE && request.topics.iter().flatten().any(by_id) {
            return refuse(asked);
        }
        asked.map(|asked| find(context, asked, request.allow_auto_topic_creation, with_operations)).collect()
    };
    let (host, port) = context.caller.broker_address();
    let node_id = core.broker_id().0;
    let operations = request.include_cluster_authorized_operations;
    MetadataResponse {
        brokers: vec![MetadataResponseBroker { node_id, host, port: port.into(), rack: core.config().rack.clone() }],
        cluster_id: Some(core.cluster_id().to_owned()),
        controller_id: node_id,
        topics,
        cluster_authorized_operations: if operations { CLUSTER_OPERATIONS } else { i32::MIN },
        ..Default::default()
    }
}

/// A request that its version does not have: every topic is answered with the error (Kafka's MetadataRequest).
fn refuse<'a>(asked: impl Iterator<Item = &'a MetadataRequestTopic>) -> MetadataResponse {
    let topics = asked.map(|asked| MetadataResponseTopic {
        error_code: ErrorCode::InvalidRequest.code(),
        name: asked.name.clone(),
        topic_id: asked.topic_id,
        ..Default::default()
    });
    MetadataResponse { topics: topics.collect(), ..Default::default() }
}

fn find(
    context: Context<'_>,
    asked: &MetadataRequestTopic,
    may_create: bool,
    with_operations: bool,
) -> MetadataResponseTopic {
    let unknown = |code: ErrorCode| MetadataResponseTopic {
        error_code: code.code(),
        name: asked.name.clone(),
        topic_id: asked.topic_id,
        is_internal: asked.name.as_deref().is_some_and(is_internal),
        topic_authorized_operations: if with_operations { TOPIC_OPERATIONS } else { i32::MIN },
        ..Default::default()
    };
    // Who names an id means the topic that has it, whatever name stands beside it (KIP-516).
    if !asked.topic_id.is_zero() {
        return match context.core.topics().by_id(asked.topic_id) {
            Some(topic) => describe(context, topic, with_operations),
            None => MetadataResponseTopic { name: None, ..unknown(ErrorCode::UnknownTopicId) },
        };
    }
    let Some(name) = &asked.name else {
        return unknown(ErrorCode::InvalidRequest);
    };
    if !authorize(context.caller, Operation::Describe, Resource::Topic(name)) {
        return unknown(ErrorCode::TopicAuthorizationFailed);
    }
    if let Some(topic) = context.core.topic(name) {
        return describe(context, &topic, with_operations);
    }
    let Ok(valid) = TopicName::new(name) else {
        return unknown(ErrorCode::InvalidTopicException);
    };
    if !may_create || valid.is_internal() || !authorize(context.caller, Operation::Create, Resource::Topic(name)) {
        return unknown(ErrorCode::UnknownTopicOrPartition);
    }
    match context.core.topic_or_create(&valid) {
        Ok(topic) => describe(context, &topic, with_operations),
        Err(error) => unknown(error.error_code()),
    }
}

fn is_internal(name: &str) -> bool {
    TopicName::new(name).is_ok_and(|name| name.is_internal())
}

fn describe(context: Context<'_>, topic: &Topic, with_operations: bool) -> MetadataResponseTopic {
    let node = context.core.broker_id().0;
    let partitions = topic.partitions.iter().map(|partition| MetadataResponsePartition {
        partition_index: partition.name().partition.0,
        leader_id: node,
        leader_epoch: partition.leader_epoch().0,
        replica_nodes: vec![node],
        isr_nodes: vec![node],
        ..Default::default()
    });
    MetadataResponseTopic {
        error_code: ErrorCode::None.code(),
        name: Some(topic.name.to_string()),
        topic_id: topic.id,
        is_internal: topic.name.is_internal(),
        partitions: partitions.collect(),
        topic_authorized_operations: if with_operations { TOPIC_OPERATIONS } else { i32::MIN },
    }
}
