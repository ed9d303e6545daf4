//! DeleteTopics: deletes topics.

use crate::base::Uuid;

messages! {
    /// By name up to 5; by name or id (KIP-516) since 6.
    DeleteTopicsRequest {
        topics: Vec<DeleteTopicState> [6..],
        topic_names: Vec<String> [..=5],
        timeout_ms: i32,
    }

    DeleteTopicState {
        name: Option<String> = None,
        topic_id: Uuid,
    }

    /// An error code per topic, with a sentence since 5.
    DeleteTopicsResponse {
        throttle_time_ms: i32,
        responses: Vec<DeletableTopicResult>,
    }

    DeletableTopicResult {
        name: Option<String> [.., null 6..],
        topic_id: Uuid [6..],
        error_code: i16,
        error_message: Option<String> [5..] = None,
    }
}
