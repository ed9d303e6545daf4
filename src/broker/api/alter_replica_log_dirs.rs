//! AlterReplicaLogDirs: moving partitions between directories of a broker (KIP-113). There is one directory, so a partition
//! can only be told to stay in it.

use super::Context;
use crate::base::ErrorCode;
use crate::broker::caller::{Operation, Resource, authorize};
use crate::protocol::kafka::api::alter_replica_log_dirs::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult, AlterReplicaLogDirsRequest,
    AlterReplicaLogDirsResponse,
};

pub fn handle(context: Context<'_>, request: AlterReplicaLogDirsRequest) -> AlterReplicaLogDirsResponse {
    let allowed = authorize(context.caller, Operation::Alter, Resource::Cluster);
    let ours = context.core.data().announced_path();
    let mut response = AlterReplicaLogDirsResponse::default();
    for dir in request.dirs {
        for topic in dir.topics {
            let verdict = |index| {
                if !allowed {
                    ErrorCode::ClusterAuthorizationFailed
                } else if dir.path != ours {
                    ErrorCode::LogDirNotFound
                } else if context.core.topic(&topic.name).is_none_or(|known| known.partition(index).is_none()) {
                    ErrorCode::ReplicaNotAvailable
                } else {
                    ErrorCode::None
                }
            };
            let partitions = topic.partitions.iter().map(|&partition_index| AlterReplicaLogDirPartitionResult {
                partition_index,
                error_code: verdict(partition_index).code(),
            });
            let partitions = partitions.collect();
            response.results.push(AlterReplicaLogDirTopicResult { topic_name: topic.name, partitions });
        }
    }
    response
}
