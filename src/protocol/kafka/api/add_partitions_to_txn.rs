//! AddPartitionsToTxn: names the partitions that a transaction will write to (KIP-98).

messages! {
    /// Clients send one transaction (up to 3); brokers verify several at once (KIP-890) since 4.
    AddPartitionsToTxnRequest {
        transactions: Vec<AddPartitionsToTxnTransaction> [4..],
        v3_and_below_transactional_id: String [..=3],
        v3_and_below_producer_id: i64 [..=3],
        v3_and_below_producer_epoch: i16 [..=3],
        v3_and_below_topics: Vec<AddPartitionsToTxnTopic> [..=3],
    }

    AddPartitionsToTxnTransaction {
        transactional_id: String,
        producer_id: i64,
        producer_epoch: i16,
        verify_only: bool,
        topics: Vec<AddPartitionsToTxnTopic>,
    }

    AddPartitionsToTxnTopic {
        name: String,
        partitions: Vec<i32>,
    }

    /// An error code per partition.
    AddPartitionsToTxnResponse {
        throttle_time_ms: i32,
        error_code: i16 [4..],
        results_by_transaction: Vec<AddPartitionsToTxnResult> [4..],
        results_by_topic_v3_and_below: Vec<AddPartitionsToTxnTopicResult> [..=3],
    }

    AddPartitionsToTxnResult {
        transactional_id: String,
        topic_results: Vec<AddPartitionsToTxnTopicResult>,
    }

    AddPartitionsToTxnTopicResult {
        name: String,
        results_by_partition: Vec<AddPartitionsToTxnPartitionResult>,
    }

    AddPartitionsToTxnPartitionResult {
        partition_index: i32,
        partition_error_code: i16,
    }
}
