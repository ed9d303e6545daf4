//! DescribeProducers: which producers partitions remember (KIP-664).

messages! {
    /// Partitions, asked of their leaders.
    DescribeProducersRequest {
        topics: Vec<TopicRequest>,
    }

    TopicRequest {
        name: String,
        partition_indexes: Vec<i32>,
    }

    /// Epoch, sequence and open transaction of each producer.
    DescribeProducersResponse {
        throttle_time_ms: i32,
        topics: Vec<TopicResponse>,
    }

    TopicResponse {
        name: String,
        partitions: Vec<PartitionResponse>,
    }

    PartitionResponse {
        partition_index: i32,
        error_code: i16,
        error_message: Option<String> = None,
        active_producers: Vec<ProducerState>,
    }

    ProducerState {
        producer_id: i64,
        producer_epoch: i32,
        last_sequence: i32 = -1,
        last_timestamp: i64 = -1,
        coordinator_epoch: i32,
        current_txn_start_offset: i64 = -1,
    }
}
