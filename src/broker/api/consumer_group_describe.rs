//! ConsumerGroupDescribe: state and members of groups of the newer protocol (KIP-848).

use super::Context;
use super::describe_groups::GROUP_OPERATIONS;
use crate::base::ErrorCode;
use crate::broker::caller::{Operation, Resource, authorize};
use crate::broker::groups::GroupKind;
use crate::protocol::kafka::api::consumer_group_describe::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DescribedGroup,
};

pub fn handle(context: Context<'_>, request: ConsumerGroupDescribeRequest) -> ConsumerGroupDescribeResponse {
    let with_operations = request.include_authorized_operations;
    let groups = request.group_ids.into_iter().map(|group_id| {
        let refusal = |code: ErrorCode, sentence: Option<String>| DescribedGroup {
            error_code: code.code(),
            error_message: sentence,
            group_id: group_id.clone(),
            ..Default::default()
        };
        if group_id.is_empty() {
            return refusal(ErrorCode::InvalidGroupId, None);
        }
        if !authorize(context.caller, Operation::Describe, Resource::Group(&group_id)) {
            return refusal(ErrorCode::GroupAuthorizationFailed, None);
        }
        if let Err(code) = context.core.groups().check_read(context.core, &group_id) {
            return refusal(code, None);
        }
        match describe(context, &group_id) {
            Ok(group) if with_operations => DescribedGroup { authorized_operations: GROUP_OPERATIONS, ..group },
            Ok(group) => group,
            Err(sentence) => refusal(ErrorCode::GroupIdNotFound, Some(sentence)),
        }
    });
    ConsumerGroupDescribeResponse { groups: groups.collect(), ..Default::default() }
}

fn describe(context: Context<'_>, group_id: &str) -> Result<DescribedGroup, String> {
    let core = context.core;
    let topology = core.groups().topology(core);
    let config = core.consumer_group_config(group_id);
    let described = core.groups().look(core, group_id, context.now, |kind| match kind {
        GroupKind::Consumer(group) => Ok(group.describe(&topology, &config)),
        GroupKind::Classic(_) => Err(format!("Group {group_id} is not a consumer group.")),
    });
    described.unwrap_or_else(|| Err(format!("Group {group_id} not found.")))
}
