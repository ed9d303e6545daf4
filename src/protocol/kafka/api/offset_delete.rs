//! OffsetDelete: forgets committed offsets of a group (KIP-496).

messages! {
    /// The partitions to forget, in a group that is not reading their topics.
    OffsetDeleteRequest {
        group_id: String,
        topics: Vec<OffsetDeleteRequestTopic>,
    }

    OffsetDeleteRequestTopic {
        name: String,
        partitions: Vec<OffsetDeleteRequestPartition>,
    }

    OffsetDeleteRequestPartition {
        partition_index: i32,
    }

    /// An error code per partition, and one for the whole.
    OffsetDeleteResponse {
        error_code: i16,
        throttle_time_ms: i32,
        topics: Vec<OffsetDeleteResponseTopic>,
    }

    OffsetDeleteResponseTopic {
        name: String,
        partitions: Vec<OffsetDeleteResponsePartition>,
    }

    OffsetDeleteResponsePartition {
        partition_index: i32,
        error_code: i16,
    }
}
