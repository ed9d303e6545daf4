//! AlterPartitionReassignments: moves partitions to other brokers, or stops that (KIP-455).

messages! {
    /// Null replicas cancel a move. Whether the number of replicas may change (KIP-860) since 1.
    AlterPartitionReassignmentsRequest {
        timeout_ms: i32 = 60000,
        allow_replication_factor_change: bool [1..] = true,
        topics: Vec<ReassignableTopic>,
    }

    ReassignableTopic {
        name: String,
        partitions: Vec<ReassignablePartition>,
    }

    ReassignablePartition {
        partition_index: i32,
        replicas: Option<Vec<i32>> = None,
    }

    /// An error code per partition.
    AlterPartitionReassignmentsResponse {
        throttle_time_ms: i32,
        allow_replication_factor_change: bool [1..] = true,
        error_code: i16,
        error_message: Option<String>,
        responses: Vec<ReassignableTopicResponse>,
    }

    ReassignableTopicResponse {
        name: String,
        partitions: Vec<ReassignablePartitionResponse>,
    }

    ReassignablePartitionResponse {
        partition_index: i32,
        error_code: i16,
        error_message: Option<String>,
    }
}
