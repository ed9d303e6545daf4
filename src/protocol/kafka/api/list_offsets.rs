//! ListOffsets: the offset at a timestamp, or at one end of the log.

messages! {
    /// Timestamps below zero mean places: -1 end, -2 start, -3 largest timestamp (KIP-734, since 7), -4 local start
    /// (KIP-405, since 8), -5 end of the tiered part (KIP-1005, since 9), -6 first upload (KIP-1023, since 11).
    ListOffsetsRequest {
        replica_id: i32,
        isolation_level: i8 [2..],
        topics: Vec<ListOffsetsTopic>,
        timeout_ms: i32 [10..],
    }

    ListOffsetsTopic {
        name: String,
        partitions: Vec<ListOffsetsPartition>,
    }

    ListOffsetsPartition {
        partition_index: i32,
        current_leader_epoch: i32 [4..] = -1,
        timestamp: i64,
    }

    /// One offset per partition, -1 if none is that late. Leader epochs (KIP-320) since 4.
    ListOffsetsResponse {
        throttle_time_ms: i32 [2..],
        topics: Vec<ListOffsetsTopicResponse>,
    }

    ListOffsetsTopicResponse {
        name: String,
        partitions: Vec<ListOffsetsPartitionResponse>,
    }

    ListOffsetsPartitionResponse {
        partition_index: i32,
        error_code: i16,
        timestamp: i64 = -1,
        offset: i64 = -1,
        leader_epoch: i32 [4..] = -1,
    }
}
