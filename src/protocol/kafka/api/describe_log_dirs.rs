//! DescribeLogDirs: how much room partitions take in a broker's directories (KIP-113).

messages! {
    /// Null asks about every topic.
    DescribeLogDirsRequest {
        topics: Option<Vec<DescribableLogDirTopic>>,
    }

    DescribableLogDirTopic {
        topic: String,
        partitions: Vec<i32>,
    }

    /// A top-level error since 3, the volume's size (KIP-827) since 4, whether it takes no new partitions since 5.
    DescribeLogDirsResponse {
        throttle_time_ms: i32,
        error_code: i16 [3..],
        results: Vec<DescribeLogDirsResult>,
    }

    DescribeLogDirsResult {
        error_code: i16,
        log_dir: String,
        topics: Vec<DescribeLogDirsTopic>,
        total_bytes: i64 [4..] = -1,
        usable_bytes: i64 [4..] = -1,
        is_cordoned: bool [5..],
    }

    DescribeLogDirsTopic {
        name: String,
        partitions: Vec<DescribeLogDirsPartition>,
    }

    DescribeLogDirsPartition {
        partition_index: i32,
        partition_size: i64,
        offset_lag: i64,
        is_future_key: bool,
    }
}
