//! Heartbeat: a member says that it lives, and hears whether its group rebalances.

use super::Context;
use crate::base::ErrorCode;
use crate::broker::caller::{Operation, Resource, authorize};
use crate::protocol::kafka::api::{HeartbeatRequest, HeartbeatResponse};

pub fn handle(context: Context<'_>, request: HeartbeatRequest) -> HeartbeatResponse {
    let code = if !authorize(context.caller, Operation::Read, Resource::Group(&request.group_id)) {
        ErrorCode::GroupAuthorizationFailed
    } else if request.group_id.is_empty() {
        ErrorCode::InvalidGroupId
    } else {
        let HeartbeatRequest { group_id, generation_id, member_id, group_instance_id } = &request;
        let instance = group_instance_id.as_deref();
        context.core.groups().heartbeat(context.core, group_id, member_id, instance, *generation_id, context.now)
    };
    HeartbeatResponse { error_code: code.code(), ..Default::default() }
}
