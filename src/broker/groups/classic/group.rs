//! The group itself: its state, its generation, and what others may ask about it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::member::{Member, MemberId, Protocol};
use super::members::Members;
use super::phases::JoinTimer;
use super::{Effects, Rules};
use crate::base::{ErrorCode, Now};
use crate::broker::groups::records::{GroupMetadata, MemberMetadata};
use crate::protocol::kafka::consumer_protocol;

/// The protocol type of consumers (Kafka's ConsumerProtocol); Connect and others have their own.
const CONSUMER: &str = "consumer";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Empty,
    PreparingRebalance,
    CompletingRebalance,
    Stable,
}

impl State {
    /// As Kafka prints it.
    pub fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::PreparingRebalance => "PreparingRebalance",
            State::CompletingRebalance => "CompletingRebalance",
            State::Stable => "Stable",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// From when on the retention of a group's committed offsets is counted (KIP-211).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpiryBase {
    /// The group has been empty since then.
    Since(i64),
    /// Nobody is known to use them; each from its own commit.
    Commit,
    /// They are in use.
    Never,
}

#[derive(Debug)]
pub struct ClassicGroup {
    pub(super) name: Arc<str>,
    pub(super) state: State,
    /// Whether the rebalance under way is the first of an empty group, which waits for more members.
    pub(super) is_initial: bool,
    /// In wall milliseconds; `None` in groups that an old Kafka wrote.
    pub(super) state_since: Option<i64>,
    /// `None`: a group that only commits offsets.
    pub(super) protocol_type: Option<String>,
    pub(super) protocol: Option<String>,
    pub(super) generation: i32,
    pub(super) members: Members,
    /// Ids that were given out (KIP-394) and not yet used, and until when they may be.
    pub(super) pending: BTreeMap<MemberId, i64>,
    /// Members whose SyncGroup has not come.
    pub(super) unsynced: BTreeSet<MemberId>,
    pub(super) join_timer: Option<JoinTimer>,
    pub(super) sync_ends_at: Option<i64>,
    /// `None`: not known, as the group is no consumer group or speaks in riddles.
    pub(super) subscribed: Option<BTreeSet<String>>,
}

impl ClassicGroup {
    pub fn new(name: Arc<str>, now: Now) -> ClassicGroup {
        ClassicGroup {
            name,
            state: State::Empty,
            is_initial: false,
            state_since: Some(now.wall_ms),
            protocol_type: None,
            protocol: None,
            generation: 0,
            members: Members::default(),
            pending: BTreeMap::new(),
            unsynced: BTreeSet::new(),
            join_timer: None,
            sync_ends_at: None,
            subscribed: None,
        }
    }

    /// The group as a record has it. Sessions begin with [`loaded`](Self::loaded).
    pub fn restore(name: Arc<str>, record: GroupMetadata) -> ClassicGroup {
        let mut members = Members::default();
        let protocol = record.protocol.clone().unwrap_or_default();
        for member in record.members {
            let known = Member {
                instance_id: member.group_instance_id.map(Arc::from),
                client_id: member.client_id,
                client_host: member.client_host,
                rebalance_timeout_ms: i64::from(member.rebalance_timeout_ms.unwrap_or(member.session_timeout_ms)),
                session_timeout_ms: i64::from(member.session_timeout_ms),
                // The others it offered are not in the record.
                protocols: vec![Protocol { name: protocol.clone(), metadata: member.subscription }],
                assignment: member.assignment,
                joining: None,
                syncing: None,
                is_new: false,
                session_ends_at: None,
            };
            members.add(MemberId::from(member.member_id.as_str()), known);
        }
        members.set_leader(record.leader.as_deref());
        let mut group = ClassicGroup {
            name,
            state: if members.is_empty() { State::Empty } else { State::Stable },
            is_initial: false,
            state_since: record.state_since,
            protocol_type: Some(record.protocol_type).filter(|kind| !kind.is_empty()),
            protocol: record.protocol,
            generation: record.generation,
            members,
            pending: BTreeMap::new(),
            unsynced: BTreeSet::new(),
            join_timer: None,
            sync_ends_at: None,
            subscribed: None,
        };
        group.subscribed = group.find_subscribed();
        group
    }

    /// A group read from the log goes to work: its members get a whole session to be heard of.
    pub fn loaded(&mut self, rules: &Rules, now: Now) -> Effects {
        let mut effects = Effects::default();
        for id in self.members.ids() {
            self.renew_session(id.as_str(), now);
        }
        if self.members.len() > rules.members_max {
            self.prepare_rebalance("the group is larger than group.max.size by now", now, &mut effects);
        }
        effects
    }

    pub fn state(&self) -> State {
        self.state
    }

    pub fn generation(&self) -> i32 {
        self.generation
    }

    pub fn members(&self) -> &Members {
        &self.members
    }

    /// Empty unless it ever had members.
    pub fn protocol_type(&self) -> &str {
        self.protocol_type.as_deref().unwrap_or_default()
    }

    /// What the present generation agreed on.
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    pub fn is_empty(&self) -> bool {
        self.state == State::Empty
    }

    /// Nobody is here, and nobody is expected.
    pub fn is_idle(&self) -> bool {
        self.is_empty() && self.pending.is_empty()
    }

    /// Whether somebody reads a topic, as far as the group tells; one of consumers that can't be understood might.
    pub fn is_subscribed_to(&self, topic: &str) -> bool {
        match &self.subscribed {
            Some(topics) => topics.contains(topic),
            None => self.is_of_consumers(),
        }
    }

    pub(super) fn is_of_consumers(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER)
    }

    /// Whether offsets may be deleted while there are members: only where it is known who reads what.
    pub fn check_offset_delete(&self) -> Result<(), ErrorCode> {
        if self.is_empty() || self.is_of_consumers() { Ok(()) } else { Err(ErrorCode::NonEmptyGroup) }
    }

    pub fn check_delete(&self) -> Result<(), ErrorCode> {
        if self.is_empty() { Ok(()) } else { Err(ErrorCode::NonEmptyGroup) }
    }

    pub fn expiry_base(&self) -> ExpiryBase {
        match (&self.protocol_type, self.state) {
            (None, _) => ExpiryBase::Commit,
            (Some(_), State::Empty) => self.state_since.map_or(ExpiryBase::Commit, ExpiryBase::Since),
            (Some(_), State::Stable) if self.is_of_consumers() && self.subscribed.is_some() => ExpiryBase::Commit,
            _ => ExpiryBase::Never,
        }
    }

    pub(super) fn enter(&mut self, state: State, now: Now) {
        self.state = state;
        self.state_since = Some(now.wall_ms);
    }

    /// What the members want to read, where they are consumers.
    pub(super) fn find_subscribed(&self) -> Option<BTreeSet<String>> {
        if !self.is_of_consumers() {
            return None;
        }
        let mut topics = BTreeSet::new();
        for (_, member) in self.members.iter() {
            let metadata = member.metadata(self.protocol.as_deref()?)?;
            match consumer_protocol::subscribed_topics(metadata.clone()) {
                Ok(more) => topics.extend(more),
                Err(error) => {
                    ::log::warn!("group {:?}: what a member wants to read can't be understood: {error}", self.name);
                    return None;
                }
            }
        }
        Some(topics)
    }

    /// The record of this generation, with these assignments.
    pub(super) fn record(&self, assigned: impl Fn(&MemberId, &Member) -> Bytes) -> GroupMetadata {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let members = self.members.iter().map(|(id, member)| MemberMetadata {
            member_id: id.to_string(),
            group_instance_id: member.instance_id.as_deref().map(str::to_owned),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            rebalance_timeout_ms: Some(clamp(member.rebalance_timeout_ms)),
            session_timeout_ms: clamp(member.session_timeout_ms),
            subscription: member.metadata(protocol).cloned().unwrap_or_default(),
            assignment: assigned(id, member),
        });
        GroupMetadata {
            protocol_type: self.protocol_type().to_owned(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.members.leader().map(ToString::to_string),
            state_since: self.state_since,
            members: members.collect(),
        }
    }
}

fn clamp(ms: i64) -> i32 {
    ms.clamp(0, i64::from(i32::MAX)) as i32
}
