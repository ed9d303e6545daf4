//! DescribeQuorum: who votes on the cluster's metadata, and how far each has read (KIP-595).

use crate::base::Uuid;

messages! {
    /// Partitions of the metadata topic.
    DescribeQuorumRequest {
        topics: Vec<TopicRequest>,
    }

    TopicRequest {
        topic_name: String,
        partitions: Vec<PartitionRequest>,
    }

    PartitionRequest {
        partition_index: i32,
    }

    /// Times of the last fetch (KIP-836) since 1, voters' addresses and directories (KIP-853) since 2.
    DescribeQuorumResponse {
        error_code: i16,
        error_message: Option<String> [2..],
        topics: Vec<TopicData>,
        nodes: Vec<Node> [2..],
    }

    TopicData {
        topic_name: String,
        partitions: Vec<PartitionData>,
    }

    PartitionData {
        partition_index: i32,
        error_code: i16,
        error_message: Option<String> [2..],
        leader_id: i32,
        leader_epoch: i32,
        high_watermark: i64,
        current_voters: Vec<ReplicaState>,
        observers: Vec<ReplicaState>,
    }

    ReplicaState {
        replica_id: i32,
        replica_directory_id: Uuid [2..],
        log_end_offset: i64,
        last_fetch_timestamp: i64 [1..] = -1,
        last_caught_up_timestamp: i64 [1..] = -1,
    }

    Node {
        node_id: i32,
        listeners: Vec<Listener>,
    }

    Listener {
        name: String,
        host: String,
        port: u16,
    }
}
