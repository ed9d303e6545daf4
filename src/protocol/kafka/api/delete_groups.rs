//! DeleteGroups: deletes groups without members, their committed offsets too (KIP-229).

messages! {
    /// Group ids.
    DeleteGroupsRequest {
        groups_names: Vec<String>,
    }

    /// An error code per group.
    DeleteGroupsResponse {
        throttle_time_ms: i32,
        results: Vec<DeletableGroupResult>,
    }

    DeletableGroupResult {
        group_id: String,
        error_code: i16,
    }
}
