//! ElectLeaders: makes preferred, or any, replicas leaders (KIP-183, KIP-460).

messages! {
    /// Election type 0 preferred, 1 unclean, since 1. Null means every partition.
    ElectLeadersRequest {
        election_type: i8 [1..],
        topic_partitions: Option<Vec<TopicPartitions>>,
        timeout_ms: i32 = 60000,
    }

    TopicPartitions {
        topic: String,
        partitions: Vec<i32>,
    }

    /// An error code per partition.
    ElectLeadersResponse {
        throttle_time_ms: i32,
        error_code: i16 [1..],
        replica_election_results: Vec<ReplicaElectionResult>,
    }

    ReplicaElectionResult {
        topic: String,
        partition_result: Vec<PartitionResult>,
    }

    PartitionResult {
        partition_id: i32,
        error_code: i16,
        error_message: Option<String>,
    }
}
