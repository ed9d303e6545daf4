//! What a heartbeat may say, whatever the group is like: the checks of Kafka's
//! `throwIfConsumerGroupHeartbeatRequestIsInvalid`, with its sentences, and how a heartbeat is refused.

use std::net::IpAddr;

use super::super::assign::Partitions;
use super::expression;
use crate::base::ErrorCode;
use crate::config::ConsumerGroupConfig;
use crate::protocol::kafka::api::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};

/// The member epochs by which a member joins, leaves, and (a static one) leaves for a while.
pub const JOIN: i32 = 0;
pub const LEAVE: i32 = -1;
pub const LEAVE_FOR_A_WHILE: i32 = -2;

/// From this version on, members make their ids themselves (KIP-1082).
const MEMBERS_NAME_THEMSELVES: i16 = 1;

/// A request, and who sends it.
#[derive(Debug, Clone, Copy)]
pub struct Heartbeat<'a> {
    pub request: &'a ConsumerGroupHeartbeatRequest,
    pub version: i16,
    pub client_id: &'a str,
    pub address: IpAddr,
}

/// Why a request is not done: Kafka's code, and a sentence for the client's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: ErrorCode,
    pub message: String,
}

impl Refusal {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Refusal {
        Refusal { code, message: message.into() }
    }

    pub fn response(&self) -> ConsumerGroupHeartbeatResponse {
        ConsumerGroupHeartbeatResponse {
            error_code: self.code.code(),
            error_message: Some(self.message.clone()),
            ..Default::default()
        }
    }
}

impl Heartbeat<'_> {
    /// Whether it could be sense to any group.
    pub fn check(&self, config: &ConsumerGroupConfig) -> Result<(), Refusal> {
        let request = self.request;
        let is_blank = |text: &str| text.trim().is_empty();
        if is_blank(&request.group_id) {
            return Err(invalid("GroupId can't be empty."));
        }
        // Who joins by version 0 may leave the id to the broker.
        let needs_id = self.version >= MEMBERS_NAME_THEMSELVES || !self.joins();
        if needs_id && is_blank(&request.member_id) {
            return Err(invalid("MemberId can't be empty."));
        }
        if request.instance_id.as_deref().is_some_and(is_blank) {
            return Err(invalid("InstanceId can't be empty."));
        }
        if request.rack_id.as_deref().is_some_and(is_blank) {
            return Err(invalid("RackId can't be empty."));
        }
        match request.member_epoch {
            JOIN => self.check_join()?,
            LEAVE_FOR_A_WHILE if request.instance_id.is_none() => return Err(invalid("InstanceId can't be null.")),
            epoch if epoch < LEAVE_FOR_A_WHILE => return Err(invalid("MemberEpoch is invalid.")),
            _ => {}
        }
        if let Some(name) = &request.server_assignor
            && !config.assignors.contains(name)
        {
            let supported = config.assignors.join(", ");
            let sentence = format!("ServerAssignor {name} is not supported. Supported assignors: {supported}.");
            return Err(Refusal::new(ErrorCode::UnsupportedAssignor, sentence));
        }
        match &request.subscribed_topic_regex {
            Some(expression) if !expression.is_empty() => expression::check(expression),
            _ => Ok(()),
        }
    }

    /// An empty list of topics, or an empty expression, is a subscription to nothing.
    fn check_join(&self) -> Result<(), Refusal> {
        let request = self.request;
        if request.rebalance_timeout_ms == -1 {
            return Err(invalid("RebalanceTimeoutMs must be provided in first request."));
        }
        if request.topic_partitions.as_ref().is_none_or(|owned| !owned.is_empty()) {
            return Err(invalid("TopicPartitions must be empty when (re-)joining."));
        }
        if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() {
            let sentence = "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.";
            return Err(invalid(sentence));
        }
        Ok(())
    }

    pub fn joins(&self) -> bool {
        self.request.member_epoch == JOIN
    }

    pub fn leaves(&self) -> bool {
        matches!(self.request.member_epoch, LEAVE | LEAVE_FOR_A_WHILE)
    }

    /// Whether it says everything, as a member does that joins or is not sure what the broker knows. Such a one is told
    /// everything, too.
    pub(super) fn is_full(&self) -> bool {
        let request = self.request;
        let subscribes = request.subscribed_topic_names.is_some() || request.subscribed_topic_regex.is_some();
        self.joins() || (subscribes && request.rebalance_timeout_ms != -1 && request.topic_partitions.is_some())
    }

    /// What the member has, if it says.
    pub(super) fn owned(&self) -> Option<Partitions> {
        let topics = self.request.topic_partitions.as_ref()?;
        let of_topic = topics.iter().flat_map(|topic| topic.partitions.iter().map(|number| (topic.topic_id, *number)));
        Some(of_topic.collect())
    }
}

fn invalid(sentence: &str) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, sentence)
}
