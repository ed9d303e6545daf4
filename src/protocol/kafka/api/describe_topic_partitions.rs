//! DescribeTopicPartitions: topics in pages, for clusters with very many partitions (KIP-966).

use crate::base::Uuid;

messages! {
    /// The cursor is where the last page ended.
    DescribeTopicPartitionsRequest {
        topics: Vec<TopicRequest>,
        response_partition_limit: i32 = 2000,
        cursor: Option<Cursor> = None,
    }

    TopicRequest {
        name: String,
    }

    Cursor {
        topic_name: String,
        partition_index: i32,
    }

    /// Java's clients want empty lists, not null, for the eligible and last known replicas.
    DescribeTopicPartitionsResponse {
        throttle_time_ms: i32,
        topics: Vec<DescribeTopicPartitionsResponseTopic>,
        next_cursor: Option<Cursor> = None,
    }

    DescribeTopicPartitionsResponseTopic {
        error_code: i16,
        name: Option<String>,
        topic_id: Uuid,
        is_internal: bool,
        partitions: Vec<DescribeTopicPartitionsResponsePartition>,
        topic_authorized_operations: i32 = i32::MIN,
    }

    DescribeTopicPartitionsResponsePartition {
        error_code: i16,
        partition_index: i32,
        leader_id: i32,
        leader_epoch: i32 = -1,
        replica_nodes: Vec<i32>,
        isr_nodes: Vec<i32>,
        eligible_leader_replicas: Option<Vec<i32>> = None,
        last_known_elr: Option<Vec<i32>> = None,
        offline_replicas: Vec<i32>,
    }
}
