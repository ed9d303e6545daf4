//! SyncGroup: the leader says who does what; answers when that is kept.

use super::group_waits::WaitForMailbox;
use super::{Answer, Context};
use crate::base::ErrorCode;
use crate::broker::caller::{Operation, Resource, authorize};
use crate::broker::groups::{Mailbox, Reply, Sync, Ticket};
use crate::protocol::kafka::api::{SyncGroupRequest, SyncGroupResponse};

/// Since 5 the protocol has to be named (KIP-559).
const PROTOCOL_SINCE: i16 = 5;

pub fn handle(context: Context<'_>, request: SyncGroupRequest) -> Answer {
    let refusal = |code: ErrorCode| SyncGroupResponse { error_code: code.code(), ..Default::default() };
    if let Err(code) = check(context, &request) {
        return context.envelope.reply(&refusal(code));
    }
    let sync = Sync {
        ticket: Ticket::default(),
        member_id: request.member_id,
        instance_id: request.group_instance_id,
        generation: request.generation_id,
        protocol_type: request.protocol_type,
        protocol: request.protocol_name,
        assignments: request.assignments.into_iter().map(|one| (one.member_id, one.assignment)).collect(),
    };
    let mailbox = Mailbox::new(&context.caller.waker);
    let pledge = context.core.groups().sync(context.core, &request.group_id, sync, &mailbox, context.now);
    WaitForMailbox::answer(context, mailbox, pledge, Reply::Sync(refusal(ErrorCode::NotCoordinator)))
}

fn check(context: Context<'_>, request: &SyncGroupRequest) -> Result<(), ErrorCode> {
    let names_protocol = request.protocol_type.is_some() && request.protocol_name.is_some();
    if context.envelope.version >= PROTOCOL_SINCE && !names_protocol {
        return Err(ErrorCode::InconsistentGroupProtocol);
    }
    if !authorize(context.caller, Operation::Read, Resource::Group(&request.group_id)) {
        return Err(ErrorCode::GroupAuthorizationFailed);
    }
    if request.group_id.is_empty() {
        return Err(ErrorCode::InvalidGroupId);
    }
    Ok(())
}
