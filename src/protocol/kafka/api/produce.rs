//! Produce: appends record batches to partitions.

use crate::base::Uuid;
use crate::protocol::kafka::RecordsField;

messages! {
    /// One batch per partition. Transactions (KIP-98) since 3, idempotent-producer errors (KIP-360) since 8,
    /// implicit partition registration in transactions (KIP-890) since 12, topics by id (KIP-516) since 13.
    ProduceRequest {
        transactional_id: Option<String> = None,
        acks: i16,
        timeout_ms: i32,
        topic_data: Vec<TopicProduceData>,
    }

    TopicProduceData {
        name: String [..=12],
        topic_id: Uuid [13..],
        partition_data: Vec<PartitionProduceData>,
    }

    PartitionProduceData {
        index: i32,
        records: RecordsField,
    }

    /// Where each batch was put, or why not. Record-level errors (KIP-467) since 8, a hint to the new leader
    /// (KIP-951) since 10.
    ProduceResponse {
        responses: Vec<TopicProduceResponse>,
        throttle_time_ms: i32,
        node_endpoints: Vec<NodeEndpoint> [10.., tag 0],
    }

    TopicProduceResponse {
        name: String [..=12],
        topic_id: Uuid [13..],
        partition_responses: Vec<PartitionProduceResponse>,
    }

    PartitionProduceResponse {
        index: i32,
        error_code: i16,
        base_offset: i64,
        log_append_time_ms: i64 = -1,
        log_start_offset: i64 [5..] = -1,
        record_errors: Vec<BatchIndexAndErrorMessage> [8..],
        error_message: Option<String> [8..] = None,
        current_leader: LeaderIdAndEpoch [10.., tag 0],
    }

    BatchIndexAndErrorMessage {
        batch_index: i32,
        batch_index_error_message: Option<String> = None,
    }

    LeaderIdAndEpoch {
        leader_id: i32 = -1,
        leader_epoch: i32 = -1,
    }

    NodeEndpoint {
        node_id: i32,
        host: String,
        port: i32,
        rack: Option<String> = None,
    }
}
