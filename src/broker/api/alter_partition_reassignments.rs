//! AlterPartitionReassignments: moving partitions to other brokers (KIP-455). There are none, so a partition can only be
//! told to stay where it is, and there is never a move to cancel.

use super::Context;
use super::assignment::check_replicas;
use super::config_resource::refused;
use crate::base::ErrorCode;
use crate::broker::caller::{Operation, Resource, authorize};
use crate::broker::topics::TopicError;
use crate::protocol::kafka::api::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ReassignablePartition,
    ReassignablePartitionResponse, ReassignableTopicResponse,
};

pub fn handle(
    context: Context<'_>,
    request: AlterPartitionReassignmentsRequest,
) -> AlterPartitionReassignmentsResponse {
    let mut response = AlterPartitionReassignmentsResponse {
        allow_replication_factor_change: request.allow_replication_factor_change,
        error_message: None,
        ..Default::default()
    };
    if !authorize(context.caller, Operation::Alter, Resource::Cluster) {
        response.error_code = ErrorCode::ClusterAuthorizationFailed.code();
        return response;
    }
    for topic in request.topics {
        let partitions = topic.partitions.iter().map(|partition| {
            let (error_code, error_message) = match reassign(context, &topic.name, partition) {
                Ok(()) => (ErrorCode::None, None),
                Err(error) => (error.error_code(), Some(error.to_string())),
            };
            ReassignablePartitionResponse {
                partition_index: partition.partition_index,
                error_code: error_code.code(),
                error_message,
            }
        });
        response.responses.push(ReassignableTopicResponse { partitions: partitions.collect(), name: topic.name });
    }
    response
}

fn reassign(context: Context<'_>, topic: &str, asked: &ReassignablePartition) -> Result<(), TopicError> {
    let known = context.core.topic(topic).ok_or_else(|| TopicError::Unknown(topic.to_owned()))?;
    let index = asked.partition_index;
    if known.partition(index).is_none() {
        let sentence = format!("topic \"{topic}\" has no partition {index}");
        return Err(refused(ErrorCode::UnknownTopicOrPartition, sentence));
    }
    match &asked.replicas {
        Some(replicas) => check_replicas(replicas, context.core.broker_id()),
        None => Err(refused(
            ErrorCode::NoReassignmentInProgress,
            "no partition is being moved, so nothing can be cancelled",
        )),
    }
}
