//! LeaveGroup: members leave a classic group.

messages! {
    /// One member up to 2; several, static ones too (KIP-345), since 3; a reason (KIP-800) since 5.
    LeaveGroupRequest {
        group_id: String,
        member_id: String [..=2],
        members: Vec<MemberIdentity> [3..],
    }

    MemberIdentity {
        member_id: String,
        group_instance_id: Option<String> = None,
        reason: Option<String> [5..] = None,
    }

    /// An error code per member since 3.
    LeaveGroupResponse {
        throttle_time_ms: i32 [1..],
        error_code: i16,
        members: Vec<MemberResponse> [3..],
    }

    MemberResponse {
        member_id: String,
        group_instance_id: Option<String>,
        error_code: i16,
    }
}
