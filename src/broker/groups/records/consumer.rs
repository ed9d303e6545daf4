//! The records of `__consumer_offsets` about groups of the newer protocol (KIP-848): each is one change of a group.
//!
//! Bytes are Kafka's (`protocol::kafka::consumer_group_records`), so that its tools read ours, and ours its. What comes
//! from the log is foreign: it is a change or an error, never a panic.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::super::assign::Partitions;
use super::Encoded;
use crate::protocol::kafka::DecodeError;
use crate::protocol::kafka::consumer_group_records::{
    CurrentMemberAssignmentValue, GroupKey, GroupMetadataValue, MemberKey, MemberMetadataValue, PartitionMetadataValue,
    RegularExpressionKey, RegularExpressionValue, TargetAssignmentMemberValue, TargetAssignmentMetadataValue,
    TopicMetadata, TopicPartitions, key_from_bytes, key_to_bytes, value_from_bytes, value_to_bytes,
};

const GROUP_METADATA: i16 = 3;
const PARTITION_METADATA: i16 = 4;
const MEMBER_METADATA: i16 = 5;
const TARGET_ASSIGNMENT_METADATA: i16 = 6;
const TARGET_ASSIGNMENT_MEMBER: i16 = 7;
const CURRENT_MEMBER_ASSIGNMENT: i16 = 8;
const REGULAR_EXPRESSION: i16 = 16;

/// One change of a group. Where there is an `Option`, `None` is a tombstone: it is there no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The group itself.
    Group(Option<GroupMetadata>),
    /// What the group read, as Kafka 4.0 and before kept it. Only its hash counts today, and that it is there.
    PartitionMetadata(Option<TopicsRead>),
    /// What a member said of itself.
    Member(String, Option<MemberMetadata>),
    /// The group epoch that the target assignment is for.
    TargetEpoch(Option<i32>),
    /// What a member is to have.
    Target(String, Option<Partitions>),
    /// What a member has.
    Current(String, Option<CurrentAssignment>),
    /// What a regular expression matched.
    Expression(String, Option<MatchedTopics>),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupMetadata {
    pub epoch: i32,
    /// Of the topics that the group reads; a target assignment is made anew when it changes.
    pub topics_hash: i64,
}

/// The names and sizes of topics.
pub type TopicsRead = BTreeMap<String, i32>;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberMetadata {
    pub instance_id: Option<String>,
    pub rack_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
    pub topics: BTreeSet<String>,
    pub expression: Option<String>,
    pub rebalance_timeout_ms: i32,
    pub assignor: Option<String>,
}

/// Where a member stands on its way to its target (Kafka's MemberState).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MemberState {
    /// It has what its epoch's target says.
    #[default]
    Stable,
    /// It has to give up partitions before it can go on to the next epoch.
    UnrevokedPartitions,
    /// It waits for partitions that others have still.
    UnreleasedPartitions,
    /// One that a newer Kafka wrote: the member has to begin anew.
    Unknown,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CurrentAssignment {
    pub epoch: i32,
    /// A member whose answer was lost comes with this one.
    pub previous_epoch: i32,
    pub state: MemberState,
    pub assigned: Partitions,
    pub to_revoke: Partitions,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MatchedTopics {
    pub topics: BTreeSet<String>,
    /// The version of the metadata and the time (milliseconds since 1970) at which it was matched.
    pub version: i64,
    pub timestamp: i64,
}

/// A change, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerRecord {
    pub group: String,
    pub change: Change,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConsumerRecordError {
    #[error("a record of a consumer group can't be read: {0}")]
    Decode(#[from] DecodeError),
    #[error("a record's key has version {0}, which is of no consumer group")]
    Kind(i16),
}

impl ConsumerRecord {
    /// Whether a key of this version is about such a group.
    pub fn is_kind(key_version: i16) -> bool {
        matches!(key_version, GROUP_METADATA..=CURRENT_MEMBER_ASSIGNMENT | REGULAR_EXPRESSION)
    }

    pub fn encode(group: &str, change: &Change) -> Encoded {
        let group_key = |kind| key_to_bytes(kind, &GroupKey { group_id: group.to_owned() });
        let member_key = |kind, member: &String| {
            key_to_bytes(kind, &MemberKey { group_id: group.to_owned(), member_id: member.clone() })
        };
        match change {
            Change::Group(value) => (group_key(GROUP_METADATA), value.map(encode_group)),
            Change::PartitionMetadata(value) => (group_key(PARTITION_METADATA), value.as_ref().map(encode_topics)),
            Change::Member(member, value) => (member_key(MEMBER_METADATA, member), value.as_ref().map(encode_member)),
            Change::TargetEpoch(value) => {
                let value = value.map(|assignment_epoch| TargetAssignmentMetadataValue { assignment_epoch });
                (group_key(TARGET_ASSIGNMENT_METADATA), value.as_ref().map(value_to_bytes))
            }
            Change::Target(member, value) => {
                let value =
                    value.as_ref().map(|target| TargetAssignmentMemberValue { topic_partitions: to_wire(target) });
                (member_key(TARGET_ASSIGNMENT_MEMBER, member), value.as_ref().map(value_to_bytes))
            }
            Change::Current(member, value) => {
                (member_key(CURRENT_MEMBER_ASSIGNMENT, member), value.as_ref().map(encode_current))
            }
            Change::Expression(expression, value) => {
                let key = RegularExpressionKey { group_id: group.to_owned(), regular_expression: expression.clone() };
                (key_to_bytes(REGULAR_EXPRESSION, &key), value.as_ref().map(encode_matched))
            }
        }
    }

    pub fn decode(key: Bytes, value: Option<Bytes>) -> Result<ConsumerRecord, ConsumerRecordError> {
        let kind = match key.first_chunk() {
            Some(version) => i16::from_be_bytes(*version),
            None => {
                return Err(DecodeError::Short { what: "the key's version", at: 0, wanted: 2, left: key.len() }.into());
            }
        };
        let group = |key| key_from_bytes::<GroupKey>(key).map(|key| key.group_id);
        let member = |key| key_from_bytes::<MemberKey>(key).map(|key| (key.group_id, key.member_id));
        let (group, change) = match kind {
            GROUP_METADATA => (group(key)?, Change::Group(value.map(decode_group).transpose()?)),
            PARTITION_METADATA => (group(key)?, Change::PartitionMetadata(value.map(decode_topics).transpose()?)),
            MEMBER_METADATA => {
                let (group, member) = member(key)?;
                (group, Change::Member(member, value.map(decode_member).transpose()?))
            }
            TARGET_ASSIGNMENT_METADATA => {
                let value = value.map(value_from_bytes::<TargetAssignmentMetadataValue>).transpose()?;
                (group(key)?, Change::TargetEpoch(value.map(|value| value.assignment_epoch)))
            }
            TARGET_ASSIGNMENT_MEMBER => {
                let (group, member) = member(key)?;
                let value = value.map(value_from_bytes::<TargetAssignmentMemberValue>).transpose()?;
                (group, Change::Target(member, value.map(|value| from_wire(&value.topic_partitions))))
            }
            CURRENT_MEMBER_ASSIGNMENT => {
                let (group, member) = member(key)?;
                (group, Change::Current(member, value.map(decode_current).transpose()?))
            }
            REGULAR_EXPRESSION => {
                let key = key_from_bytes::<RegularExpressionKey>(key)?;
                (key.group_id, Change::Expression(key.regular_expression, value.map(decode_matched).transpose()?))
            }
            other => return Err(ConsumerRecordError::Kind(other)),
        };
        Ok(ConsumerRecord { group, change })
    }
}

impl Change {
    /// It takes something away, and makes nothing.
    pub fn is_tombstone(&self) -> bool {
        match self {
            Change::Group(value) => value.is_none(),
            Change::PartitionMetadata(value) => value.is_none(),
            Change::Member(_, value) => value.is_none(),
            Change::TargetEpoch(value) => value.is_none(),
            Change::Target(_, value) => value.is_none(),
            Change::Current(_, value) => value.is_none(),
            Change::Expression(_, value) => value.is_none(),
        }
    }
}

impl MemberState {
    fn code(self) -> i8 {
        match self {
            MemberState::Stable => 0,
            MemberState::UnrevokedPartitions => 1,
            MemberState::UnreleasedPartitions => 2,
            MemberState::Unknown => 127,
        }
    }

    fn from_code(code: i8) -> MemberState {
        match code {
            0 => MemberState::Stable,
            1 => MemberState::UnrevokedPartitions,
            2 => MemberState::UnreleasedPartitions,
            _ => MemberState::Unknown,
        }
    }
}

fn to_wire(partitions: &Partitions) -> Vec<TopicPartitions> {
    let wire = |(topic_id, numbers): (_, &BTreeSet<i32>)| TopicPartitions {
        topic_id,
        partitions: numbers.iter().copied().collect(),
    };
    partitions.topics().map(wire).collect()
}

fn from_wire(topics: &[TopicPartitions]) -> Partitions {
    topics.iter().flat_map(|topic| topic.partitions.iter().map(|number| (topic.topic_id, *number))).collect()
}

fn encode_group(group: GroupMetadata) -> Bytes {
    value_to_bytes(&GroupMetadataValue { epoch: group.epoch, metadata_hash: group.topics_hash })
}

fn decode_group(bytes: Bytes) -> Result<GroupMetadata, DecodeError> {
    let value: GroupMetadataValue = value_from_bytes(bytes)?;
    Ok(GroupMetadata { epoch: value.epoch, topics_hash: value.metadata_hash })
}

fn encode_topics(topics: &TopicsRead) -> Bytes {
    let topic = |(name, partitions): (&String, &i32)| TopicMetadata {
        topic_name: name.clone(),
        num_partitions: *partitions,
        ..Default::default()
    };
    value_to_bytes(&PartitionMetadataValue { topics: topics.iter().map(topic).collect() })
}

fn decode_topics(bytes: Bytes) -> Result<TopicsRead, DecodeError> {
    let value: PartitionMetadataValue = value_from_bytes(bytes)?;
    Ok(value.topics.into_iter().map(|topic| (topic.topic_name, topic.num_partitions)).collect())
}

fn encode_member(member: &MemberMetadata) -> Bytes {
    value_to_bytes(&MemberMetadataValue {
        instance_id: member.instance_id.clone(),
        rack_id: member.rack_id.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        subscribed_topic_names: member.topics.iter().cloned().collect(),
        subscribed_topic_regex: member.expression.clone(),
        rebalance_timeout_ms: member.rebalance_timeout_ms,
        server_assignor: member.assignor.clone(),
        classic_member_metadata: None,
    })
}

fn decode_member(bytes: Bytes) -> Result<MemberMetadata, DecodeError> {
    let value: MemberMetadataValue = value_from_bytes(bytes)?;
    Ok(MemberMetadata {
        instance_id: value.instance_id,
        rack_id: value.rack_id,
        client_id: value.client_id,
        client_host: value.client_host,
        topics: value.subscribed_topic_names.into_iter().collect(),
        expression: value.subscribed_topic_regex.filter(|expression| !expression.is_empty()),
        rebalance_timeout_ms: value.rebalance_timeout_ms,
        assignor: value.server_assignor,
    })
}

fn encode_current(current: &CurrentAssignment) -> Bytes {
    value_to_bytes(&CurrentMemberAssignmentValue {
        member_epoch: current.epoch,
        previous_member_epoch: current.previous_epoch,
        state: current.state.code(),
        assigned_partitions: to_wire(&current.assigned),
        partitions_pending_revocation: to_wire(&current.to_revoke),
    })
}

fn decode_current(bytes: Bytes) -> Result<CurrentAssignment, DecodeError> {
    let value: CurrentMemberAssignmentValue = value_from_bytes(bytes)?;
    Ok(CurrentAssignment {
        epoch: value.member_epoch,
        previous_epoch: value.previous_member_epoch,
        state: MemberState::from_code(value.state),
        assigned: from_wire(&value.assigned_partitions),
        to_revoke: from_wire(&value.partitions_pending_revocation),
    })
}

fn encode_matched(matched: &MatchedTopics) -> Bytes {
    value_to_bytes(&RegularExpressionValue {
        topics: matched.topics.iter().cloned().collect(),
        version: matched.version,
        timestamp: matched.timestamp,
    })
}

fn decode_matched(bytes: Bytes) -> Result<MatchedTopics, DecodeError> {
    let value: RegularExpressionValue = value_from_bytes(bytes)?;
    Ok(MatchedTopics { topics: value.topics.into_iter().collect(), version: value.version, timestamp: value.timestamp })
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_set, vec};
    use proptest::option;
    use proptest::prelude::*;

    use super::*;
    use crate::base::Uuid;

    fn partitions() -> impl Strategy<Value = Partitions> {
        vec((any::<[u8; 16]>(), any::<i32>()), 0..6)
            .prop_map(|all| all.into_iter().map(|(topic, partition)| (Uuid(topic), partition)).collect())
    }

    fn states() -> impl Strategy<Value = MemberState> {
        prop::sample::select(vec![
            MemberState::Stable,
            MemberState::UnrevokedPartitions,
            MemberState::UnreleasedPartitions,
            MemberState::Unknown,
        ])
    }

    fn member() -> impl Strategy<Value = MemberMetadata> {
        let text = || option::of("[a-zä]{1,4}");
        let words = ("[a-z]{0,4}", "[a-z]{0,4}");
        (text(), text(), words, btree_set("[a-z]{1,3}", 0..4), text(), any::<i32>(), text()).prop_map(
            |(instance_id, rack_id, (client_id, client_host), topics, expression, rebalance_timeout_ms, assignor)| {
                MemberMetadata {
                    instance_id,
                    rack_id,
                    client_id,
                    client_host,
                    topics,
                    expression,
                    rebalance_timeout_ms,
                    assignor,
                }
            },
        )
    }

    fn change() -> impl Strategy<Value = Change> {
        let id = || "[a-zA-Zä0-9]{0,8}";
        let metadata =
            (any::<i32>(), any::<i64>()).prop_map(|(epoch, topics_hash)| GroupMetadata { epoch, topics_hash });
        let current = (any::<i32>(), any::<i32>(), states(), partitions(), partitions()).prop_map(
            |(epoch, previous_epoch, state, assigned, to_revoke)| CurrentAssignment {
                epoch,
                previous_epoch,
                state,
                assigned,
                to_revoke,
            },
        );
        let matched = (btree_set("[a-z]{1,3}", 0..4), any::<i64>(), any::<i64>())
            .prop_map(|(topics, version, timestamp)| MatchedTopics { topics, version, timestamp });
        prop_oneof![
            option::of(metadata).prop_map(Change::Group),
            option::of(proptest::collection::btree_map("[a-z]{1,3}", any::<i32>(), 0..3))
                .prop_map(Change::PartitionMetadata),
            (id(), option::of(member())).prop_map(|(id, value)| Change::Member(id, value)),
            option::of(any::<i32>()).prop_map(Change::TargetEpoch),
            (id(), option::of(partitions())).prop_map(|(id, value)| Change::Target(id, value)),
            (id(), option::of(current)).prop_map(|(id, value)| Change::Current(id, value)),
            (id(), option::of(matched)).prop_map(|(id, value)| Change::Expression(id, value)),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(group in "[a-zä]{0,6}", change in change()) {
            let (key, value) = ConsumerRecord::encode(&group, &change);
            let record = ConsumerRecord { group, change };
            prop_assert!(ConsumerRecord::is_kind(i16::from_be_bytes([key[0], key[1]])));
            prop_assert_eq!(ConsumerRecord::decode(key, value), Ok(record));
        }

        #[test]
        fn any_bytes_are_read_or_refused(kind in 0..20i16, key in vec(any::<u8>(), 0..40), value in vec(any::<u8>(), 0..60)) {
            let key = Bytes::from([&kind.to_be_bytes(), key.as_slice()].concat());
            let _ = ConsumerRecord::decode(key.clone(), Some(Bytes::from([&[0, 0], value.as_slice()].concat())));
            let _ = ConsumerRecord::decode(key, Some(value.into()));
        }

        #[test]
        fn a_value_cut_anywhere_is_refused(change in change()) {
            let (key, Some(value)) = ConsumerRecord::encode("g", &change) else { return Ok(()) };
            for end in 0..value.len() {
                prop_assert!(ConsumerRecord::decode(key.clone(), Some(value.slice(..end))).is_err());
            }
        }
    }

    #[test]
    fn other_kinds_and_nothing_are_refused() {
        assert_eq!(ConsumerRecord::decode(Bytes::from_static(&[0, 2]), None), Err(ConsumerRecordError::Kind(2)));
        assert!(ConsumerRecord::decode(Bytes::from_static(&[0]), None).is_err());
        assert!(!ConsumerRecord::is_kind(9) && !ConsumerRecord::is_kind(2) && !ConsumerRecord::is_kind(15));
    }

    #[test]
    fn a_state_that_a_newer_kafka_has_is_unknown() {
        let value = CurrentMemberAssignmentValue { state: 77, ..Default::default() };
        let current = decode_current(value_to_bytes(&value)).expect("readable");
        assert_eq!(current.state, MemberState::Unknown);
    }
}
