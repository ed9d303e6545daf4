//! FindCoordinator: which broker looks after a group or a transactional id.

messages! {
    /// Transactional ids (KIP-98) since 1, many keys in one request (KIP-699) since 4.
    FindCoordinatorRequest {
        key: String [..=3],
        key_type: i8 [1..],
        coordinator_keys: Vec<String> [4..],
    }

    /// One broker up to 3; a list, one entry per key, since 4.
    FindCoordinatorResponse {
        throttle_time_ms: i32 [1..],
        error_code: i16 [..=3],
        error_message: Option<String> [1..=3],
        node_id: i32 [..=3],
        host: String [..=3],
        port: i32 [..=3],
        coordinators: Vec<Coordinator> [4..],
    }

    Coordinator {
        key: String,
        node_id: i32,
        host: String,
        port: i32,
        error_code: i16,
        error_message: Option<String>,
    }
}
