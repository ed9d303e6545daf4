//! AlterReplicaLogDirs: moves partitions between directories of one broker (KIP-113).

messages! {
    /// The directory each partition is to live in.
    AlterReplicaLogDirsRequest {
        dirs: Vec<AlterReplicaLogDir>,
    }

    AlterReplicaLogDir {
        path: String,
        topics: Vec<AlterReplicaLogDirTopic>,
    }

    AlterReplicaLogDirTopic {
        name: String,
        partitions: Vec<i32>,
    }

    /// An error code per partition.
    AlterReplicaLogDirsResponse {
        throttle_time_ms: i32,
        results: Vec<AlterReplicaLogDirTopicResult>,
    }

    AlterReplicaLogDirTopicResult {
        topic_name: String,
        partitions: Vec<AlterReplicaLogDirPartitionResult>,
    }

    AlterReplicaLogDirPartitionResult {
        partition_index: i32,
        error_code: i16,
    }
}
