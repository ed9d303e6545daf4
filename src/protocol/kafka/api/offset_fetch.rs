//! OffsetFetch: how far groups have read.

use crate::base::Uuid;

messages! {
    /// Null asks for every topic, since 2. Unsettled transactions can be waited for (KIP-447) since 7, several groups
    /// asked at once (KIP-709) since 8, members named (KIP-848) since 9, topics by id (KIP-516) since 10.
    OffsetFetchRequest {
        group_id: String [..=7],
        topics: Option<Vec<OffsetFetchRequestTopic>> [..=7, null 2..=7],
        groups: Vec<OffsetFetchRequestGroup> [8..],
        require_stable: bool [7..],
    }

    OffsetFetchRequestTopic {
        name: String,
        partition_indexes: Vec<i32>,
    }

    OffsetFetchRequestGroup {
        group_id: String,
        member_id: Option<String> [9..] = None,
        member_epoch: i32 [9..] = -1,
        topics: Option<Vec<OffsetFetchRequestTopics>>,
    }

    OffsetFetchRequestTopics {
        name: String [..=9],
        topic_id: Uuid [10..],
        partition_indexes: Vec<i32>,
    }

    /// Offset -1 where nothing was committed, which is no error.
    OffsetFetchResponse {
        throttle_time_ms: i32 [3..],
        topics: Vec<OffsetFetchResponseTopic> [..=7],
        error_code: i16 [2..=7],
        groups: Vec<OffsetFetchResponseGroup> [8..],
    }

    OffsetFetchResponseTopic {
        name: String,
        partitions: Vec<OffsetFetchResponsePartition>,
    }

    OffsetFetchResponsePartition {
        partition_index: i32,
        committed_offset: i64,
        committed_leader_epoch: i32 [5..] = -1,
        metadata: Option<String>,
        error_code: i16,
    }

    OffsetFetchResponseGroup {
        group_id: String,
        topics: Vec<OffsetFetchResponseTopics>,
        error_code: i16,
    }

    OffsetFetchResponseTopics {
        name: String [..=9],
        topic_id: Uuid [10..],
        partitions: Vec<OffsetFetchResponsePartitions>,
    }

    OffsetFetchResponsePartitions {
        partition_index: i32,
        committed_offset: i64,
        committed_leader_epoch: i32 = -1,
        metadata: Option<String>,
        error_code: i16,
    }
}
