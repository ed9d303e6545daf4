//! ListGroups: the groups that a broker coordinates.

messages! {
    /// Filters: states (KIP-518) since 4, types (KIP-848) since 5; an empty list lets all pass.
    ListGroupsRequest {
        states_filter: Vec<String> [4..],
        types_filter: Vec<String> [5..],
    }

    /// State since 4, type since 5.
    ListGroupsResponse {
        throttle_time_ms: i32 [1..],
        error_code: i16,
        groups: Vec<ListedGroup>,
    }

    ListedGroup {
        group_id: String,
        protocol_type: String,
        group_state: String [4..],
        group_type: String [5..],
    }
}
