//! ConsumerGroupHeartbeat: joining, staying in and leaving a group of the newer protocol (KIP-848).

use crate::base::Uuid;

messages! {
    /// Member epoch 0 joins, -1 leaves, -2 leaves for a while (static members); null means unchanged since the last
    /// one. Subscription by expression, and ids chosen by the member (KIP-1082), since 1.
    ConsumerGroupHeartbeatRequest {
        group_id: String,
        member_id: String,
        member_epoch: i32,
        instance_id: Option<String> = None,
        rack_id: Option<String> = None,
        rebalance_timeout_ms: i32 = -1,
        subscribed_topic_names: Option<Vec<String>> = None,
        subscribed_topic_regex: Option<String> [1..] = None,
        server_assignor: Option<String> = None,
        topic_partitions: Option<Vec<TopicPartitions>> = None,
    }

    TopicPartitions {
        topic_id: Uuid,
        partitions: Vec<i32>,
    }

    /// The member's epoch and, when it changed, its assignment.
    ConsumerGroupHeartbeatResponse {
        throttle_time_ms: i32,
        error_code: i16,
        error_message: Option<String> = None,
        member_id: Option<String> = None,
        member_epoch: i32,
        heartbeat_interval_ms: i32,
        assignment: Option<Assignment> = None,
    }

    Assignment {
        topic_partitions: Vec<TopicPartitions>,
    }
}
