//! CreateTopics: creates topics, or only checks whether it could.

use crate::base::Uuid;

messages! {
    /// Counts of -1 mean the broker's defaults (KIP-464), since 4.
    CreateTopicsRequest {
        topics: Vec<CreatableTopic>,
        timeout_ms: i32 = 60000,
        validate_only: bool,
    }

    CreatableTopic {
        name: String,
        num_partitions: i32,
        replication_factor: i16,
        assignments: Vec<CreatableReplicaAssignment>,
        configs: Vec<CreatableTopicConfig>,
    }

    CreatableReplicaAssignment {
        partition_index: i32,
        broker_ids: Vec<i32>,
    }

    CreatableTopicConfig {
        name: String,
        value: Option<String>,
    }

    /// What was created. Its settings (KIP-525) since 5, its id (KIP-516) since 7; clients want a list of settings
    /// even if it is empty.
    CreateTopicsResponse {
        throttle_time_ms: i32,
        topics: Vec<CreatableTopicResult>,
    }

    CreatableTopicResult {
        name: String,
        topic_id: Uuid [7..],
        error_code: i16,
        error_message: Option<String>,
        topic_config_error_code: i16 [5.., tag 0],
        num_partitions: i32 [5..] = -1,
        replication_factor: i16 [5..] = -1,
        configs: Option<Vec<CreatableTopicConfigs>> [5..],
    }

    CreatableTopicConfigs {
        name: String,
        value: Option<String>,
        read_only: bool,
        config_source: i8 = -1,
        is_sensitive: bool,
    }
}
