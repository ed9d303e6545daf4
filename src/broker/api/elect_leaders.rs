//! ElectLeaders: on one broker every partition is led by the only one who can, so no election is ever needed (KIP-460).

use super::Context;
use crate::base::ErrorCode;
use crate::broker::caller::{Operation, Resource, authorize};
use crate::protocol::kafka::api::elect_leaders::{
    ElectLeadersRequest, ElectLeadersResponse, PartitionResult, ReplicaElectionResult,
};

/// Preferred and unclean elections: Kafka's ElectionType.
const ELECTION_TYPES: [i8; 2] = [0, 1];

pub fn handle(context: Context<'_>, request: ElectLeadersRequest) -> ElectLeadersResponse {
    let refusal = if !authorize(context.caller, Operation::Alter, Resource::Cluster) {
        let sentence = format!("{} may not elect leaders", context.caller.principal);
        Some((ErrorCode::ClusterAuthorizationFailed, sentence))
    } else if !ELECTION_TYPES.contains(&request.election_type) {
        let sentence = format!("an election is preferred (0) or unclean (1), not {}", request.election_type);
        Some((ErrorCode::InvalidRequest, sentence))
    } else {
        None
    };
    let Some(asked) = request.topic_partitions else {
        return all(context, refusal);
    };
    let results = asked.into_iter().map(|asked| {
        let topic = context.core.topic(&asked.topic);
        let partitions = asked.partitions.iter().map(|index| {
            let (code, sentence) = match &refusal {
                Some(refusal) => refusal.clone(),
                None if topic.as_ref().is_some_and(|topic| topic.partition(*index).is_some()) => {
                    (ErrorCode::ElectionNotNeeded, "the only replica leads already".to_owned())
                }
                None => (ErrorCode::UnknownTopicOrPartition, "there is no such partition".to_owned()),
            };
            PartitionResult { partition_id: *index, error_code: code.code(), error_message: Some(sentence) }
        });
        ReplicaElectionResult { partition_result: partitions.collect(), topic: asked.topic }
    });
    ElectLeadersResponse {
        replica_election_results: results.collect(),
        error_code: refusal_code(&refusal),
        ..Default::default()
    }
}

/// Null asks for all partitions. Every topic is answered, with the partitions where an election was held: none.
fn all(context: Context<'_>, refusal: Option<(ErrorCode, String)>) -> ElectLeadersResponse {
    let topics = context.core.topics();
    let held_none = |topic: String| ReplicaElectionResult { topic, partition_result: Vec::new() };
    let results = match refusal {
        Some(_) => Vec::new(),
        None => topics.iter().map(|topic| held_none(topic.name.to_string())).collect(),
    };
    ElectLeadersResponse { replica_election_results: results, error_code: refusal_code(&refusal), ..Default::default() }
}

fn refusal_code(refusal: &Option<(ErrorCode, String)>) -> i16 {
    refusal.as_ref().map_or(ErrorCode::None, |(code, _)| *code).code()
}
