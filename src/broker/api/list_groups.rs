//! ListGroups: every group of this broker, or those in certain states (KIP-518) or of certain types (KIP-848).

use super::Context;
use crate::base::ErrorCode;
use crate::broker::caller::{Operation, Resource, authorize};
use crate::protocol::kafka::api::list_groups::{ListGroupsRequest, ListGroupsResponse, ListedGroup};

pub fn handle(context: Context<'_>, request: ListGroupsRequest) -> ListGroupsResponse {
    let passes = |filter: &[String], word: &str| {
        filter.is_empty() || filter.iter().any(|wanted| wanted.trim().eq_ignore_ascii_case(word))
    };
    let all = authorize(context.caller, Operation::Describe, Resource::Cluster);
    let groups = context.core.groups().views(context.core, context.now).into_iter().filter(|group| {
        (all || authorize(context.caller, Operation::Describe, Resource::Group(&group.name)))
            && passes(&request.states_filter, group.state)
            && passes(&request.types_filter, group.kind)
    });
    let groups = groups.map(|group| ListedGroup {
        group_id: group.name.to_string(),
        protocol_type: group.protocol_type,
        group_state: group.state.to_owned(),
        group_type: group.kind.to_owned(),
    });
    let verdict = context.core.groups().check_all_read().err().unwrap_or(ErrorCode::None);
    ListGroupsResponse { error_code: verdict.code(), groups: groups.collect(), ..Default::default() }
}
