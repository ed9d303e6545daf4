//! Fetch: reads record batches, waiting for them if asked to.

use crate::base::Uuid;
use crate::protocol::kafka::RecordsField;

messages! {
    /// Sessions (KIP-227) since 7, leader epochs (KIP-320) since 9, rack-aware reading (KIP-392) since 11,
    /// truncation detection (KIP-595) since 12, topics by id (KIP-516) since 13, replica state (KIP-903) since 15.
    FetchRequest {
        cluster_id: Option<String> [12.., tag 0] = None,
        replica_id: i32 [..=14] = -1,
        replica_state: ReplicaState [15.., tag 1],
        max_wait_ms: i32,
        min_bytes: i32,
        max_bytes: i32 = i32::MAX,
        isolation_level: i8,
        session_id: i32 [7..],
        session_epoch: i32 [7..] = -1,
        topics: Vec<FetchTopic>,
        forgotten_topics_data: Vec<ForgottenTopic> [7..],
        rack_id: String [11..],
    }

    ReplicaState {
        replica_id: i32 = -1,
        replica_epoch: i64 = -1,
    }

    FetchTopic {
        topic: String [..=12],
        topic_id: Uuid [13..],
        partitions: Vec<FetchPartition>,
    }

    FetchPartition {
        partition: i32,
        current_leader_epoch: i32 [9..] = -1,
        fetch_offset: i64,
        last_fetched_epoch: i32 [12..] = -1,
        log_start_offset: i64 [5..] = -1,
        partition_max_bytes: i32,
        replica_directory_id: Uuid [17.., tag 0],
        high_watermark: i64 [18.., tag 1] = i64::MAX,
    }

    ForgottenTopic {
        topic: String [..=12],
        topic_id: Uuid [13..],
        partitions: Vec<i32>,
    }

    /// The batches, with the marks up to which they may be read. A hint to the new leader (KIP-951) since 16.
    FetchResponse {
        throttle_time_ms: i32,
        error_code: i16 [7..],
        session_id: i32 [7..],
        responses: Vec<FetchableTopicResponse>,
        node_endpoints: Vec<NodeEndpoint> [16.., tag 0],
    }

    FetchableTopicResponse {
        topic: String [..=12],
        topic_id: Uuid [13..],
        partitions: Vec<PartitionData>,
    }

    PartitionData {
        partition_index: i32,
        error_code: i16,
        high_watermark: i64,
        last_stable_offset: i64 = -1,
        log_start_offset: i64 [5..] = -1,
        diverging_epoch: EpochEndOffset [12.., tag 0],
        current_leader: LeaderIdAndEpoch [12.., tag 1],
        snapshot_id: SnapshotId [12.., tag 2],
        aborted_transactions: Option<Vec<AbortedTransaction>>,
        preferred_read_replica: i32 [11..] = -1,
        records: RecordsField,
    }

    EpochEndOffset {
        epoch: i32 = -1,
        end_offset: i64 = -1,
    }

    LeaderIdAndEpoch {
        leader_id: i32 = -1,
        leader_epoch: i32 = -1,
    }

    SnapshotId {
        end_offset: i64 = -1,
        epoch: i32 = -1,
    }

    AbortedTransaction {
        producer_id: i64,
        first_offset: i64,
    }

    NodeEndpoint {
        node_id: i32,
        host: String,
        port: i32,
        rack: Option<String> = None,
    }
}
