//! What can go wrong between a client and its brokers. Every text is a sentence for a person; [`ClientError::hint`] adds
//! what they may do about it.

use std::io;

use crate::base::{ErrorCode, Offset, PartitionId, TopicNameError};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    #[error("\"{address}\" is no broker's address: {reason}")]
    BadAddress { address: String, reason: &'static str },
    #[error("no broker answered at {addresses}: {reason}")]
    NoBroker { addresses: String, reason: String },
    /// The bootstrap address answered, but named a broker at an address that does not.
    #[error("broker {id} can't be reached where the cluster says it is, at {address}: {reason}")]
    Unreachable { id: i32, address: String, reason: String },
    #[error("the connection to {address} is lost: {reason}")]
    Lost { address: String, reason: String },
    #[error("what answers at {address} does not speak Kafka's protocol: {reason}")]
    NotKafka { address: String, reason: String },
    #[error("the broker at {address} does not offer {api} in a version this client knows")]
    Unsupported { address: String, api: &'static str },
    #[error("{what} got no answer within {waited_ms} ms")]
    TimedOut { what: String, waited_ms: u128 },
    #[error("topic \"{topic}\" does not exist")]
    UnknownTopic { topic: String, nearest: Option<String> },
    #[error(transparent)]
    TopicName(#[from] TopicNameError),
    #[error("topic \"{topic}\" has no partition {partition}: it has {partitions}, counted from 0")]
    UnknownPartition { topic: String, partition: PartitionId, partitions: i32 },
    #[error("{what}: {}{}", explain(*.code), detail(*.code, .message))]
    Refused { what: String, code: ErrorCode, message: Option<String> },
    #[error("offset {offset} of {topic}/{partition} is out of range: it has {start} to {end}")]
    OffsetOutOfRange { topic: String, partition: PartitionId, offset: Offset, start: Offset, end: Offset },
    #[error("{topic}/{partition} is damaged at offset {offset}: {reason}")]
    Damaged { topic: String, partition: PartitionId, offset: Offset, reason: String },
    #[error("group \"{group}\" has live members, and its offsets are theirs to commit")]
    GroupInUse { group: String },
    /// Somebody asked this process to stop.
    #[error("interrupted")]
    Interrupted,
}

impl ClientError {
    pub(crate) fn refused(what: impl Into<String>, code: i16, message: Option<String>) -> ClientError {
        ClientError::Refused { what: what.into(), code: ErrorCode::from_code(code), message }
    }

    pub(crate) fn lost(address: &str, error: &io::Error) -> ClientError {
        ClientError::Lost { address: address.to_owned(), reason: io_reason(error) }
    }

    /// What a person may do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            ClientError::NoBroker { .. } => {
                Some("is the broker running? -b HOST:PORT or RAFKA_BOOTSTRAP says where".to_owned())
            }
            ClientError::Unreachable { .. } => Some(
                "the broker's --advertise (Kafka: advertised.listeners) must name an address that its clients can reach"
                    .to_owned(),
            ),
            ClientError::NotKafka { .. } => Some("is the port right?".to_owned()),
            ClientError::Unsupported { .. } => Some("Kafka 0.11 and newer do; 2.1 and newer are best".to_owned()),
            ClientError::UnknownTopic { nearest: Some(name), .. } => Some(format!("did you mean \"{name}\"?")),
            ClientError::OffsetOutOfRange { .. } => {
                Some("-o earliest starts at the first record there is, -o latest at the end".to_owned())
            }
            ClientError::Damaged { .. } => Some("--skip-damaged goes on behind it, and names what it leaves out".to_owned()),
            ClientError::GroupInUse { .. } => Some("wait until they have left, or use another group".to_owned()),
            ClientError::Refused { code, .. } => refusal_hint(*code).map(str::to_owned),
            ClientError::BadAddress { .. }
            | ClientError::Lost { .. }
            | ClientError::TimedOut { .. }
            | ClientError::UnknownTopic { nearest: None, .. }
            | ClientError::TopicName(_)
            | ClientError::UnknownPartition { .. }
            | ClientError::Interrupted => None,
        }
    }

    /// Whether the same may succeed a little later.
    pub fn is_retriable(&self) -> bool {
        match self {
            ClientError::NoBroker { .. }
            | ClientError::Unreachable { .. }
            | ClientError::Lost { .. }
            | ClientError::TimedOut { .. } => true,
            ClientError::Refused { code, .. } => code.is_retriable(),
            ClientError::BadAddress { .. }
            | ClientError::NotKafka { .. }
            | ClientError::Unsupported { .. }
            | ClientError::UnknownTopic { .. }
            | ClientError::TopicName(_)
            | ClientError::UnknownPartition { .. }
            | ClientError::OffsetOutOfRange { .. }
            | ClientError::Damaged { .. }
            | ClientError::GroupInUse { .. }
            | ClientError::Interrupted => false,
        }
    }

    /// Whether no broker could be reached at all (exit code 3 of the programs).
    pub fn is_no_broker(&self) -> bool {
        matches!(
            self,
            ClientError::NoBroker { .. }
                | ClientError::Unreachable { .. }
                | ClientError::NotKafka { .. }
                | ClientError::Lost { .. }
        )
    }

    /// Kafka's code, where a broker answered one.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            ClientError::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }
}

/// The operating system's reason, without Rust's "(os error 111)".
pub(crate) fn io_reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(at) => text[..at].to_lowercase(),
        None => text,
    }
}

/// The broker's own words, unless they are the code's name, which is there already.
fn detail(code: ErrorCode, message: &Option<String>) -> String {
    let says_more = |text: &&String| !text.is_empty() && **text != code.name();
    message.as_ref().filter(says_more).map_or_else(String::new, |text| format!(": {text}"))
}

/// What a person meets most often, in words; anything else by its name.
fn explain(code: ErrorCode) -> String {
    let words = match code {
        ErrorCode::TopicAuthorizationFailed => "not allowed on this topic",
        ErrorCode::GroupAuthorizationFailed => "not allowed on this group",
        ErrorCode::ClusterAuthorizationFailed => "not allowed on this cluster",
        ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge => "it is larger than the topic takes",
        ErrorCode::NotEnoughReplicas | ErrorCode::NotEnoughReplicasAfterAppend => "too few replicas are in sync",
        ErrorCode::LeaderNotAvailable => "the partition has no leader at the moment",
        ErrorCode::NotLeaderOrFollower => "the broker does not lead this partition any more",
        ErrorCode::UnknownTopicOrPartition => "there is no such topic or partition",
        ErrorCode::KafkaStorageError => "the broker can't write or read its disk",
        ErrorCode::CorruptMessage => "the data is damaged",
        ErrorCode::InvalidRecord => "the broker finds the record invalid",
        ErrorCode::InvalidTimestamp => "the timestamp is out of the range the topic takes",
        ErrorCode::InvalidTopicException => "this can't be written as a topic",
        ErrorCode::PolicyViolation => "a policy of the cluster forbids it",
        ErrorCode::UnsupportedVersion => "the broker does not know this version of the request",
        ErrorCode::CoordinatorNotAvailable => "the group's coordinator is not available",
        ErrorCode::CoordinatorLoadInProgress => "the group's coordinator is still loading",
        ErrorCode::RequestTimedOut => "the brokers took too long",
        ErrorCode::UnknownServerError => "the broker failed without telling why",
        ErrorCode::OutOfOrderSequenceNumber => "the broker lacks a batch that it had acknowledged before this one",
        other => return other.name().to_owned(),
    };
    format!("{words} ({})", code.name())
}

fn refusal_hint(code: ErrorCode) -> Option<&'static str> {
    match code {
        ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge => {
            Some("the topic's setting max.message.bytes is the limit")
        }
        ErrorCode::NotEnoughReplicas | ErrorCode::NotEnoughReplicasAfterAppend => {
            Some("the topic's setting min.insync.replicas asks for more brokers than are there")
        }
        ErrorCode::KafkaStorageError => Some("the broker's log says what is wrong with its disk"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_read_as_sentences() {
        let error =
            ClientError::refused("line 3", ErrorCode::MessageTooLarge.code(), Some("1 MB is enough".to_owned()));
        assert_eq!(error.to_string(), "line 3: it is larger than the topic takes (MESSAGE_TOO_LARGE): 1 MB is enough");
        assert!(error.hint().is_some_and(|hint| hint.contains("max.message.bytes")));
        assert!(!error.is_retriable());
        let unknown = ClientError::refused("x", 3, Some("UNKNOWN_TOPIC_OR_PARTITION".to_owned()));
        assert_eq!(unknown.to_string(), "x: there is no such topic or partition (UNKNOWN_TOPIC_OR_PARTITION)");
        assert_eq!(ClientError::refused("x", 41, None).to_string(), "x: NOT_CONTROLLER");
    }

    #[test]
    fn system_reasons_lose_their_numbers() {
        assert_eq!(io_reason(&io::Error::from_raw_os_error(111)), "connection refused");
    }
}
