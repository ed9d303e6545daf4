//! Records that hold a classic group: its generation and members (GroupMetadataKey version 2; GroupMetadataValue
//! versions 0 to 4 are read, and as in Kafka 3 is written).

use bytes::Bytes;

use super::RecordError;
use crate::protocol::kafka::group_records::{self, GroupMetadataKey, GroupMetadataValue};

pub(super) const KEY_VERSION: i16 = 2;
const VALUE_VERSION: i16 = 3;

/// A generation of a group, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMetadata {
    /// Empty: a group that had no members yet.
    pub protocol_type: String,
    pub generation: i32,
    pub protocol: Option<String>,
    pub leader: Option<String>,
    /// Since when the group has been in its state; old records do not say.
    pub state_since: Option<i64>,
    pub members: Vec<MemberMetadata>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberMetadata {
    pub member_id: String,
    pub group_instance_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
    /// Old records do not say.
    pub rebalance_timeout_ms: Option<i32>,
    pub session_timeout_ms: i32,
    pub subscription: Bytes,
    pub assignment: Bytes,
}

impl GroupMetadata {
    pub fn key(group: &str) -> Bytes {
        GroupMetadataKey { group: group.to_owned() }.to_bytes(KEY_VERSION)
    }

    pub fn encode(&self) -> Bytes {
        let member = |member: &MemberMetadata| group_records::MemberMetadata {
            member_id: member.member_id.clone(),
            group_instance_id: member.group_instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            rebalance_timeout: member.rebalance_timeout_ms.unwrap_or(-1),
            session_timeout: member.session_timeout_ms,
            subscription: member.subscription.clone(),
            assignment: member.assignment.clone(),
        };
        let value = GroupMetadataValue {
            protocol_type: self.protocol_type.clone(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            current_state_timestamp: self.state_since.unwrap_or(-1),
            members: self.members.iter().map(member).collect(),
        };
        value.to_bytes(VALUE_VERSION)
    }

    pub(super) fn decode(bytes: Bytes) -> Result<GroupMetadata, RecordError> {
        let value = GroupMetadataValue::from_bytes(bytes)?;
        let member = |member: group_records::MemberMetadata| MemberMetadata {
            member_id: member.member_id,
            group_instance_id: member.group_instance_id,
            client_id: member.client_id,
            client_host: member.client_host,
            rebalance_timeout_ms: Some(member.rebalance_timeout).filter(|ms| *ms >= 0),
            session_timeout_ms: member.session_timeout,
            subscription: member.subscription,
            assignment: member.assignment,
        };
        Ok(GroupMetadata {
            protocol_type: value.protocol_type,
            generation: value.generation,
            protocol: value.protocol,
            leader: value.leader,
            state_since: Some(value.current_state_timestamp).filter(|at| *at >= 0),
            members: value.members.into_iter().map(member).collect(),
        })
    }
}
