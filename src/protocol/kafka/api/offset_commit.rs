//! OffsetCommit: stores how far a group has read.

use crate::base::Uuid;

messages! {
    /// Leader epochs (KIP-320) since 6, static members (KIP-345) since 7, the member epoch of KIP-848 since 9,
    /// topics by id (KIP-516) since 10. Generation -1 with no member means a commit from outside the group.
    OffsetCommitRequest {
        group_id: String,
        generation_id_or_member_epoch: i32 = -1,
        member_id: String,
        group_instance_id: Option<String> [7..] = None,
        retention_time_ms: i64 [..=4] = -1,
        topics: Vec<OffsetCommitRequestTopic>,
    }

    OffsetCommitRequestTopic {
        name: String [..=9],
        topic_id: Uuid [10..],
        partitions: Vec<OffsetCommitRequestPartition>,
    }

    OffsetCommitRequestPartition {
        partition_index: i32,
        committed_offset: i64,
        committed_leader_epoch: i32 [6..] = -1,
        committed_metadata: Option<String>,
    }

    /// An error code per partition.
    OffsetCommitResponse {
        throttle_time_ms: i32 [3..],
        topics: Vec<OffsetCommitResponseTopic>,
    }

    OffsetCommitResponseTopic {
        name: String [..=9],
        topic_id: Uuid [10..],
        partitions: Vec<OffsetCommitResponsePartition>,
    }

    OffsetCommitResponsePartition {
        partition_index: i32,
        error_code: i16,
    }
}
