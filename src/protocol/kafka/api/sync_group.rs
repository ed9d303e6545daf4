//! SyncGroup: the leader hands in the assignment, everybody takes his part of it.

use bytes::Bytes;

messages! {
    /// Static members (KIP-345) since 3, protocol type and name for a cross-check (KIP-559) since 5.
    SyncGroupRequest {
        group_id: String,
        generation_id: i32,
        member_id: String,
        group_instance_id: Option<String> [3..] = None,
        protocol_type: Option<String> [5..] = None,
        protocol_name: Option<String> [5..] = None,
        assignments: Vec<SyncGroupRequestAssignment>,
    }

    SyncGroupRequestAssignment {
        member_id: String,
        assignment: Bytes,
    }

    /// This member's part, in the words of the group's protocol.
    SyncGroupResponse {
        throttle_time_ms: i32 [1..],
        error_code: i16,
        protocol_type: Option<String> [5..] = None,
        protocol_name: Option<String> [5..] = None,
        assignment: Bytes,
    }
}
