//! JoinGroup: enters a classic consumer group and waits for the others.

use bytes::Bytes;

messages! {
    /// Rebalance timeout (KIP-62) since 1, an id given by the broker first (KIP-394) since 4, static members (KIP-345)
    /// since 5, a reason (KIP-800) since 8.
    JoinGroupRequest {
        group_id: String,
        session_timeout_ms: i32,
        rebalance_timeout_ms: i32 [1..] = -1,
        member_id: String,
        group_instance_id: Option<String> [5..] = None,
        protocol_type: String,
        protocols: Vec<JoinGroupRequestProtocol>,
        reason: Option<String> [8..] = None,
    }

    JoinGroupRequestProtocol {
        name: String,
        metadata: Bytes,
    }

    /// The new generation; only its leader learns who the members are. Protocol type (KIP-559) since 7, the leader may
    /// skip the assignment (KIP-814) since 9.
    JoinGroupResponse {
        throttle_time_ms: i32 [2..],
        error_code: i16,
        generation_id: i32 = -1,
        protocol_type: Option<String> [7..] = None,
        protocol_name: Option<String> [.., null 7..],
        leader: String,
        skip_assignment: bool [9..],
        member_id: String,
        members: Vec<JoinGroupResponseMember>,
    }

    JoinGroupResponseMember {
        member_id: String,
        group_instance_id: Option<String> [5..] = None,
        metadata: Bytes,
    }
}
