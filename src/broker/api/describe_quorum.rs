//! DescribeQuorum: who votes on what the cluster decides, and how far each has come (KIP-595, KIP-836, KIP-853). One
//! broker is a quorum of one: it leads, and the list of its commands (`broker::catalogue`) is the log. Kafka calls that
//! log `__cluster_metadata`.

use super::Context;
use crate::base::ErrorCode;
use crate::broker::caller::{Operation, Resource, authorize};
use crate::broker::catalogue::METADATA_TOPIC;
use crate::protocol::kafka::api::describe_quorum::{
    DescribeQuorumRequest, DescribeQuorumResponse, Listener, Node, PartitionData, ReplicaState, TopicData,
};

pub fn handle(context: Context<'_>, request: DescribeQuorumRequest) -> DescribeQuorumResponse {
    if !authorize(context.caller, Operation::Describe, Resource::Cluster) {
        let error_code = ErrorCode::ClusterAuthorizationFailed.code();
        return DescribeQuorumResponse { error_code, ..Default::default() };
    }
    let mut response = DescribeQuorumResponse { error_message: None, ..Default::default() };
    for topic in request.topics {
        let partitions =
            topic.partitions.iter().map(|asked| match (topic.topic_name.as_str(), asked.partition_index) {
                (METADATA_TOPIC, 0) => quorum(context),
                (_, partition_index) => PartitionData {
                    partition_index,
                    error_code: ErrorCode::UnknownTopicOrPartition.code(),
                    error_message: Some(format!("what is decided stands in {METADATA_TOPIC}, partition 0")),
                    ..Default::default()
                },
            });
        response.topics.push(TopicData { partitions: partitions.collect(), topic_name: topic.topic_name });
    }
    let found = response.topics.iter().flat_map(|topic| &topic.partitions);
    if found.into_iter().any(|partition| partition.error_code == ErrorCode::None.code()) {
        let (host, port) = context.caller.broker_address();
        let listeners = vec![Listener { name: context.caller.listener.name.clone(), host, port }];
        response.nodes = vec![Node { node_id: context.core.broker_id().0, listeners }];
    }
    response
}

fn quorum(context: Context<'_>) -> PartitionData {
    let (leader_epoch, end) = context.core.decisions().position();
    let own = context.core.broker_id().0;
    // The only voter has read all there is, now.
    let voter = ReplicaState {
        replica_id: own,
        log_end_offset: end,
        last_fetch_timestamp: context.now.wall_ms,
        last_caught_up_timestamp: context.now.wall_ms,
        ..Default::default()
    };
    PartitionData {
        error_message: None,
        leader_id: own,
        leader_epoch,
        high_watermark: end,
        current_voters: vec![voter],
        ..Default::default()
    }
}
