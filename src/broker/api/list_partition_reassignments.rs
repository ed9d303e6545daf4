//! ListPartitionReassignments: one broker never moves a partition, so none is under way (KIP-455).

use super::Context;
use crate::base::ErrorCode;
use crate::broker::caller::{Operation, Resource, authorize};
use crate::protocol::kafka::api::list_partition_reassignments::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};

pub fn handle(context: Context<'_>, _request: ListPartitionReassignmentsRequest) -> ListPartitionReassignmentsResponse {
    let allowed = authorize(context.caller, Operation::Describe, Resource::Cluster);
    let code = if allowed { ErrorCode::None } else { ErrorCode::ClusterAuthorizationFailed };
    ListPartitionReassignmentsResponse { error_code: code.code(), error_message: None, ..Default::default() }
}
