//! ConsumerGroupDescribe: state and members of groups of the newer protocol (KIP-848).

use crate::base::Uuid;

messages! {
    /// Group ids.
    ConsumerGroupDescribeRequest {
        group_ids: Vec<String>,
        include_authorized_operations: bool,
    }

    /// What each member has, and what it is to have. Its type (KIP-1099) since 1.
    ConsumerGroupDescribeResponse {
        throttle_time_ms: i32,
        groups: Vec<DescribedGroup>,
    }

    DescribedGroup {
        error_code: i16,
        error_message: Option<String> = None,
        group_id: String,
        group_state: String,
        group_epoch: i32,
        assignment_epoch: i32,
        assignor_name: String,
        members: Vec<Member>,
        authorized_operations: i32 = i32::MIN,
    }

    Member {
        member_id: String,
        instance_id: Option<String> = None,
        rack_id: Option<String> = None,
        member_epoch: i32,
        client_id: String,
        client_host: String,
        subscribed_topic_names: Vec<String>,
        subscribed_topic_regex: Option<String> = None,
        assignment: Assignment,
        target_assignment: Assignment,
        member_type: i8 [1..] = -1,
    }

    Assignment {
        topic_partitions: Vec<TopicPartitions>,
    }

    TopicPartitions {
        topic_id: Uuid,
        topic_name: String,
        partitions: Vec<i32>,
    }
}
