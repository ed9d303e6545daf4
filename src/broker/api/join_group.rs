//! JoinGroup: enters a group; answers when its next generation begins.

use super::group_waits::WaitForMailbox;
use super::{Answer, Context};
use crate::base::ErrorCode;
use crate::broker::caller::{Operation, Resource, authorize};
use crate::broker::groups::{Join, Mailbox, MemberId, Protocol, Reply, Ticket};
use crate::protocol::kafka::api::{JoinGroupRequest, JoinGroupResponse};

/// Since 1 a member says how long a rebalance may take; before, it is the session timeout.
const REBALANCE_TIMEOUT_SINCE: i16 = 1;
/// Since 4 a member gets its id before it joins (KIP-394).
const ID_FIRST_SINCE: i16 = 4;
/// Since 9 a leader may be told that its assignment stands (KIP-814).
const SKIP_ASSIGNMENT_SINCE: i16 = 9;

pub fn handle(context: Context<'_>, request: JoinGroupRequest) -> Answer {
    let version = context.envelope.version;
    let refusal = |code: ErrorCode| JoinGroupResponse {
        error_code: code.code(),
        member_id: request.member_id.clone(),
        ..Default::default()
    };
    if let Err(code) = check(context, &request) {
        return context.envelope.reply(&refusal(code));
    }
    let at_stop = Reply::Join(refusal(ErrorCode::NotCoordinator));
    let client_id = context.caller.client_id.as_deref().unwrap_or_default();
    let who = request.group_instance_id.as_deref().unwrap_or(client_id);
    let session_timeout_ms = i64::from(request.session_timeout_ms);
    let join = Join {
        ticket: Ticket::default(),
        fresh_id: MemberId::fresh(who),
        member_id: request.member_id,
        instance_id: request.group_instance_id,
        client_id: client_id.to_owned(),
        client_host: context.caller.host_as_kafka_prints_it(),
        session_timeout_ms,
        rebalance_timeout_ms: match version >= REBALANCE_TIMEOUT_SINCE {
            true => i64::from(request.rebalance_timeout_ms).max(0),
            false => session_timeout_ms,
        },
        protocol_type: request.protocol_type,
        protocols: request
            .protocols
            .into_iter()
            .map(|protocol| Protocol { name: protocol.name, metadata: protocol.metadata })
            .collect(),
        id_comes_first: version >= ID_FIRST_SINCE,
        may_skip_assignment: version >= SKIP_ASSIGNMENT_SINCE,
    };
    let mailbox = Mailbox::new(&context.caller.waker);
    let pledge = context.core.groups().join(context.core, &request.group_id, join, &mailbox, context.now);
    WaitForMailbox::answer(context, mailbox, pledge, at_stop)
}

fn check(context: Context<'_>, request: &JoinGroupRequest) -> Result<(), ErrorCode> {
    if !authorize(context.caller, Operation::Read, Resource::Group(&request.group_id)) {
        return Err(ErrorCode::GroupAuthorizationFailed);
    }
    if request.group_id.is_empty() {
        return Err(ErrorCode::InvalidGroupId);
    }
    let config = context.core.config();
    let (min, max) = (config.groups.session_timeout_min_ms, config.groups.session_timeout_max_ms);
    if !(min..=max).contains(&i64::from(request.session_timeout_ms)) {
        return Err(ErrorCode::InvalidSessionTimeout);
    }
    Ok(())
}
