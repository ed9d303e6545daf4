//! DescribeGroups: state and members of classic groups. A missing one counts as dead, and since 6 (KIP-1043) as an
//! error, too; so does one of the newer protocol, which ConsumerGroupDescribe describes.

use super::Context;
use crate::base::ErrorCode;
use crate::broker::caller::{Operation, Resource, authorize};
use crate::broker::groups::{GroupKind, Member, State};
use crate::protocol::kafka::api::describe_groups::{
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup, DescribedGroupMember,
};

const MISSING_IS_AN_ERROR_SINCE: i16 = 6;

/// READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS and ALTER_CONFIGS, as bits (KIP-430).
pub(super) const GROUP_OPERATIONS: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;

pub fn handle(context: Context<'_>, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let with_operations = request.include_authorized_operations;
    let groups = request.groups.into_iter().map(|group_id| {
        if !authorize(context.caller, Operation::Describe, Resource::Group(&group_id)) {
            let error_code = ErrorCode::GroupAuthorizationFailed.code();
            return DescribedGroup { error_code, group_id, ..Default::default() };
        }
        let mut described = describe(context, group_id);
        if with_operations && described.error_code == ErrorCode::None.code() {
            described.authorized_operations = GROUP_OPERATIONS;
        }
        described
    });
    DescribeGroupsResponse { groups: groups.collect(), ..Default::default() }
}

fn describe(context: Context<'_>, group_id: String) -> DescribedGroup {
    if let Err(code) = context.core.groups().check_read(context.core, &group_id) {
        return DescribedGroup { error_code: code.code(), group_id, ..Default::default() };
    }
    let described = context.core.groups().look(context.core, &group_id, context.now, |kind| {
        let GroupKind::Classic(group) = kind else { return None };
        let stable = group.state() == State::Stable;
        let protocol = group.protocol().unwrap_or_default();
        let member = |(id, member): (_, &Member)| DescribedGroupMember {
            member_id: ToString::to_string(id),
            group_instance_id: member.instance_id.as_deref().map(str::to_owned),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            // Until they have agreed on one, nothing they say for a protocol is of interest.
            member_metadata: member.metadata(protocol).filter(|_| stable).cloned().unwrap_or_default(),
            member_assignment: member.assignment.clone(),
        };
        Some(DescribedGroup {
            group_id: group_id.clone(),
            group_state: group.state().name().to_owned(),
            protocol_type: group.protocol_type().to_owned(),
            protocol_data: if stable { protocol.to_owned() } else { String::new() },
            members: group.members().iter().map(member).collect(),
            ..Default::default()
        })
    });
    let is_there = described.is_some();
    described.flatten().unwrap_or_else(|| {
        let mut missing = DescribedGroup { group_state: "Dead".to_owned(), ..Default::default() };
        if context.envelope.version >= MISSING_IS_AN_ERROR_SINCE {
            missing.error_code = ErrorCode::GroupIdNotFound.code();
            missing.error_message = Some(match is_there {
                true => format!("Group {group_id} is not a classic group."),
                false => format!("Group {group_id} not found."),
            });
        }
        DescribedGroup { group_id, ..missing }
    })
}
