//! DeleteRecords: drops the oldest records of partitions (KIP-107).

messages! {
    /// Everything before the offset goes; -1 means up to the high watermark.
    DeleteRecordsRequest {
        topics: Vec<DeleteRecordsTopic>,
        timeout_ms: i32,
    }

    DeleteRecordsTopic {
        name: String,
        partitions: Vec<DeleteRecordsPartition>,
    }

    DeleteRecordsPartition {
        partition_index: i32,
        offset: i64,
    }

    /// Where each log begins now (`low_watermark`), or why nothing was dropped.
    DeleteRecordsResponse {
        throttle_time_ms: i32,
        topics: Vec<DeleteRecordsTopicResult>,
    }

    DeleteRecordsTopicResult {
        name: String,
        partitions: Vec<DeleteRecordsPartitionResult>,
    }

    DeleteRecordsPartitionResult {
        partition_index: i32,
        low_watermark: i64,
        error_code: i16,
    }
}
