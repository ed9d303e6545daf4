//! DescribeGroups: state and members of classic groups.

use bytes::Bytes;

messages! {
    /// Authorized operations (KIP-430) since 3.
    DescribeGroupsRequest {
        groups: Vec<String>,
        include_authorized_operations: bool [3..],
    }

    /// Static ids (KIP-345) since 4; a missing group is an error (KIP-1043) since 6, a dead one before.
    DescribeGroupsResponse {
        throttle_time_ms: i32 [1..],
        groups: Vec<DescribedGroup>,
    }

    DescribedGroup {
        error_code: i16,
        error_message: Option<String> [6..] = None,
        group_id: String,
        group_state: String,
        protocol_type: String,
        protocol_data: String,
        members: Vec<DescribedGroupMember>,
        authorized_operations: i32 [3..] = i32::MIN,
    }

    DescribedGroupMember {
        member_id: String,
        group_instance_id: Option<String> [4..] = None,
        client_id: String,
        client_host: String,
        member_metadata: Bytes,
        member_assignment: Bytes,
    }
}
