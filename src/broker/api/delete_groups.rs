//! DeleteGroups: forgets groups without members, and all they have committed (KIP-229).

use super::group_waits::WaitForWrites;
use super::{Answer, Context};
use crate::base::ErrorCode;
use crate::broker::caller::{Operation, Resource, authorize};
use crate::protocol::kafka::api::delete_groups::{DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse};

pub fn handle(context: Context<'_>, request: DeleteGroupsRequest) -> Answer {
    let mut results = Vec::with_capacity(request.groups_names.len());
    let mut pledges = Vec::new();
    // Which result each write decides.
    let mut decides = Vec::new();
    for group_id in request.groups_names {
        let verdict = if authorize(context.caller, Operation::Delete, Resource::Group(&group_id)) {
            context.core.groups().delete(context.core, &group_id, context.now)
        } else {
            Err(ErrorCode::GroupAuthorizationFailed)
        };
        let error_code = match verdict {
            Ok(pledge) => {
                pledges.push(pledge);
                decides.push(results.len());
                ErrorCode::None
            }
            Err(code) => code,
        };
        results.push(DeletableGroupResult { group_id, error_code: error_code.code() });
    }
    WaitForWrites::answer(context, pledges, move |envelope, _, outcomes| {
        for (index, outcome) in decides.into_iter().zip(outcomes) {
            if let Err(code) = outcome {
                results[index].error_code = code.code();
            }
        }
        envelope.reply(&DeleteGroupsResponse { results, ..Default::default() })
    })
}
