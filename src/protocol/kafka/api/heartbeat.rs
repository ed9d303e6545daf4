//! Heartbeat: a member of a classic group is alive.

messages! {
    /// Static members (KIP-345) since 3.
    HeartbeatRequest {
        group_id: String,
        generation_id: i32,
        member_id: String,
        group_instance_id: Option<String> [3..] = None,
    }

    /// Also the way to learn that the group rebalances.
    HeartbeatResponse {
        throttle_time_ms: i32 [1..],
        error_code: i16,
    }
}
