//! ElectLeaders: on one broker every partition is led by the only one who can, so no election is ever needed (KIP-460).

use super::Context;
use crate::base::ErrorCode;
use crate::broker::caller::{Operation, Resource, authorize};
use crate::protocol::kafka::api::elect_leaders::{
    ElectLeadersRequest, ElectLeadersResponse, PartitionResult, ReplicaElectionResult,
};

pub fn handle(context: Context<'_>, request: ElectLeadersRequest) -> ElectLeadersResponse {
    if !authorize(context.caller, Operation::Alter, Resource::Cluster) {
        let error_code = ErrorCode::ClusterAuthorizationFailed.code();
        return ElectLeadersResponse { error_code, ..Default::default() };
    }
    // Null asks for all partitions, and only those where an election was held are answered: none.
    let asked = request.topic_partitions.unwrap_or_default();
    let results = asked.into_iter().map(|asked| {
        let topic = context.core.topic(&asked.topic);
        let partitions = asked.partitions.iter().map(|index| {
            let known = topic.as_ref().is_some_and(|topic| topic.partition(*index).is_some());
            let (code, sentence) = match known {
                true => (ErrorCode::ElectionNotNeeded, "the only replica leads already"),
                false => (ErrorCode::UnknownTopicOrPartition, "there is no such partition"),
            };
            PartitionResult { partition_id: *index, error_code: code.code(), error_message: Some(sentence.to_owned()) }
        });
        ReplicaElectionResult { partition_result: partitions.collect(), topic: asked.topic }
    });
    ElectLeadersResponse { replica_election_results: results.collect(), ..Default::default() }
}
