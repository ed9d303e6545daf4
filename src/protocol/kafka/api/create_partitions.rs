//! CreatePartitions: gives topics more partitions (KIP-195).

messages! {
    /// `count` is the new total. Assignments say where each new partition's replicas go; null leaves that
    /// to the cluster.
    CreatePartitionsRequest {
        topics: Vec<CreatePartitionsTopic>,
        timeout_ms: i32,
        validate_only: bool,
    }

    CreatePartitionsTopic {
        name: String,
        count: i32,
        assignments: Option<Vec<CreatePartitionsAssignment>>,
    }

    CreatePartitionsAssignment {
        broker_ids: Vec<i32>,
    }

    /// An error code per topic.
    CreatePartitionsResponse {
        throttle_time_ms: i32,
        results: Vec<CreatePartitionsTopicResult>,
    }

    CreatePartitionsTopicResult {
        name: String,
        error_code: i16,
        error_message: Option<String> = None,
    }
}
