//! LeaveGroup: members leave, or (KIP-345) an administrator takes them out.

use super::group_waits::WaitForWrites;
use super::{Answer, Context};
use crate::base::ErrorCode;
use crate::broker::caller::{Operation, Resource, authorize};
use crate::protocol::kafka::api::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberIdentity};

/// Since 3 many may leave at once, each with its own error.
const MANY_SINCE: i16 = 3;

pub fn handle(context: Context<'_>, request: LeaveGroupRequest) -> Answer {
    let refuse =
        |code: ErrorCode| context.envelope.reply(&LeaveGroupResponse { error_code: code.code(), ..Default::default() });
    if !authorize(context.caller, Operation::Read, Resource::Group(&request.group_id)) {
        return refuse(ErrorCode::GroupAuthorizationFailed);
    }
    if request.group_id.is_empty() {
        return refuse(ErrorCode::InvalidGroupId);
    }
    let many = context.envelope.version >= MANY_SINCE;
    let leaving = match many {
        true => request.members,
        false => vec![MemberIdentity { member_id: request.member_id, ..Default::default() }],
    };
    let (members, pledge) = context.core.groups().leave(context.core, &request.group_id, &leaving, context.now);
    let mut response = LeaveGroupResponse::default();
    match members.first() {
        Some(only) if !many => response.error_code = only.error_code,
        _ => response.members = members,
    }
    // An empty group that is not recorded is one whose members' sessions run out after a restart: no reason to tell
    // those who left of a failure.
    WaitForWrites::answer(context, pledge.into_iter().collect(), move |envelope, _, _| envelope.reply(&response))
}
