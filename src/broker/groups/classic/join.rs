//! JoinGroup: a member enters, comes back, or takes the place of its earlier self.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use super::group::{ClassicGroup, State};
use super::member::{Member, MemberId, Protocol};
use super::sync::{Replacement, Then};
use super::{Effects, Rules, Ticket, Write};
use crate::base::limits::PENDING_GROUP_MEMBERS_MAX;
use crate::base::{ErrorCode, Now};
use crate::protocol::kafka::api::JoinGroupResponse;
use crate::protocol::kafka::api::join_group::JoinGroupResponseMember;

/// How long a member that never saw a generation may wait in JoinGroup; one that is still alive tries again
/// (Kafka's `classicGroupNewMemberJoinTimeoutMs`).
const NEW_MEMBER_WAITS_MS: i64 = 5 * 60 * 1000;

/// A JoinGroup request.
#[derive(Debug, Clone)]
pub struct Join {
    pub ticket: Ticket,
    /// Empty: it has none yet.
    pub member_id: String,
    pub instance_id: Option<String>,
    /// The id it gets if it needs one.
    pub fresh_id: MemberId,
    pub client_id: String,
    pub client_host: String,
    pub session_timeout_ms: i64,
    pub rebalance_timeout_ms: i64,
    pub protocol_type: String,
    pub protocols: Vec<Protocol>,
    /// A member without an id is given one and must come back with it (KIP-394; version 4).
    pub id_comes_first: bool,
    /// A leader may be told that its assignment stands (KIP-814; version 9).
    pub may_skip_assignment: bool,
}

impl Join {
    fn member(&self) -> Member {
        Member {
            instance_id: self.instance_id.as_deref().map(Arc::from),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            session_timeout_ms: self.session_timeout_ms,
            protocols: self.protocols.clone(),
            assignment: Bytes::new(),
            joining: Some(self.ticket),
            syncing: None,
            is_new: true,
            session_ends_at: None,
        }
    }
}

impl ClassicGroup {
    pub fn join(&mut self, mut join: Join, rules: &Rules, now: Now) -> Effects {
        let mut effects = Effects::default();
        let mut named = BTreeSet::new();
        join.protocols.retain(|protocol| named.insert(protocol.name.clone()));
        if !self.has_room_for(&join.member_id, rules) {
            effects.refuse_join(join.ticket, "", ErrorCode::GroupMaxSizeReached);
            self.drop_member(&join.member_id, &mut effects);
            self.complete_join_if_all_are_here(now, &mut effects);
        } else if !self.speaks(&join) {
            effects.refuse_join(join.ticket, &join.member_id, ErrorCode::InconsistentGroupProtocol);
        } else if join.member_id.is_empty() {
            self.join_unknown(&join, rules, now, &mut effects);
        } else if join.instance_id.is_none() && self.pending.contains_key(join.member_id.as_str()) {
            self.add_member(MemberId::from(join.member_id.as_str()), &join, rules, now, &mut effects);
        } else {
            self.join_known(&join, now, &mut effects);
        }
        effects
    }

    /// The bound counts those who have joined already while the group gathers: so the last to come back are left out
    /// when the bound was lowered, or too many came at once.
    fn has_room_for(&self, member_id: &str, rules: &Rules) -> bool {
        match self.state {
            State::Empty => true,
            State::PreparingRebalance => {
                let waits = self.members.get(member_id).is_some_and(|member| member.joining.is_some());
                waits || self.members.joining() < rules.members_max
            }
            State::CompletingRebalance | State::Stable => {
                self.members.contains(member_id) || self.members.len() < rules.members_max
            }
        }
    }

    /// Whether the group and the member have a protocol in common.
    fn speaks(&self, join: &Join) -> bool {
        if self.is_empty() {
            return !join.protocol_type.is_empty() && !join.protocols.is_empty();
        }
        self.protocol_type.as_deref() == Some(&join.protocol_type) && self.members.share_any(&join.protocols)
    }

    fn join_unknown(&mut self, join: &Join, rules: &Rules, now: Now, effects: &mut Effects) {
        let fresh = join.fresh_id.clone();
        if let Some(instance) = &join.instance_id {
            match self.members.static_id(instance).cloned() {
                Some(old) => self.replace_static(&old, fresh, join, now, effects),
                None => self.add_member(fresh, join, rules, now, effects),
            }
        } else if !join.id_comes_first {
            self.add_member(fresh, join, rules, now, effects);
        } else if self.pending.len() >= PENDING_GROUP_MEMBERS_MAX {
            effects.refuse_join(join.ticket, "", ErrorCode::GroupMaxSizeReached);
        } else {
            effects.refuse_join(join.ticket, fresh.as_str(), ErrorCode::MemberIdRequired);
            self.pending.insert(fresh, now.mono_ms.saturating_add(join.session_timeout_ms));
        }
    }

    fn join_known(&mut self, join: &Join, now: Now, effects: &mut Effects) {
        let id = join.member_id.as_str();
        if let Err(code) = self.check_member(id, join.instance_id.as_deref()) {
            return effects.refuse_join(join.ticket, id, code);
        }
        let changed = self.members.get(id).is_some_and(|member| member.protocols != join.protocols);
        match self.state {
            // It can't be a member of an empty group: it starts anew.
            State::Empty => effects.refuse_join(join.ticket, id, ErrorCode::UnknownMemberId),
            State::PreparingRebalance => self.rejoin(join, "a member comes back", now, effects),
            State::CompletingRebalance | State::Stable if changed => {
                self.rejoin(join, "a member wants something else", now, effects);
            }
            // The leader may know of changes that no member's words show, such as a topic's new partitions.
            State::Stable if self.members.is_leader(id) => {
                self.rejoin(join, "the leader asks for it", now, effects);
            }
            // It may have missed the answer.
            State::CompletingRebalance | State::Stable => {
                let with_members = self.state == State::CompletingRebalance && self.members.is_leader(id);
                effects.join(join.ticket, self.generation_for(id, with_members));
            }
        }
    }

    fn rejoin(&mut self, join: &Join, reason: &str, now: Now, effects: &mut Effects) {
        self.renew_member(&join.member_id, join, effects);
        self.rebalance_or_complete(reason, now, effects);
    }

    /// Takes over what the member says now, and lets it wait.
    fn renew_member(&mut self, id: &str, join: &Join, effects: &mut Effects) {
        let superseded = self.members.update(id, |member| {
            member.protocols.clone_from(&join.protocols);
            member.rebalance_timeout_ms = join.rebalance_timeout_ms;
            member.session_timeout_ms = join.session_timeout_ms;
            member.joining.replace(join.ticket)
        });
        // Its earlier request has lost its place; if anybody still listens, joining again does no harm.
        if let Some(earlier) = superseded.flatten() {
            effects.refuse_join(earlier, id, ErrorCode::RebalanceInProgress);
        }
    }

    fn add_member(&mut self, id: MemberId, join: &Join, rules: &Rules, now: Now, effects: &mut Effects) {
        self.pending.remove(&id);
        if self.members.is_empty() {
            self.protocol_type = Some(join.protocol_type.clone());
        }
        let mut member = join.member();
        member.session_ends_at = Some(now.mono_ms.saturating_add(NEW_MEMBER_WAITS_MS));
        self.members.add(id, member);
        if let Some(timer) = &mut self.join_timer {
            timer.somebody_came();
        }
        if self.is_empty() {
            self.prepare_first_rebalance(rules, now, effects);
        } else {
            self.rebalance_or_complete("a member comes", now, effects);
        }
    }

    /// A static member's process was started again: it takes its predecessor's place, which is told that it is fenced.
    /// The assignment stands while everybody still speaks the same protocol, so nobody else notices.
    fn replace_static(&mut self, old: &MemberId, new: MemberId, join: &Join, now: Now, effects: &mut Effects) {
        ::log::info!("group {:?}: static member {:?} is {new} now, not {old}", self.name, join.instance_id);
        let leader_before = self.members.leader().cloned();
        let waited = self.members.update(old.as_str(), |member| (member.joining.take(), member.syncing.take()));
        let (joining, syncing) = waited.unwrap_or_default();
        if let Some(ticket) = joining {
            effects.refuse_join(ticket, old.as_str(), ErrorCode::FencedInstanceId);
        }
        if let Some(ticket) = syncing {
            effects.refuse_sync(ticket, ErrorCode::FencedInstanceId);
        }
        self.unsynced.remove(old);
        let before = self.members.get(old.as_str()).cloned();
        self.members.rename(old.as_str(), new.clone());
        self.renew_session(new.as_str(), now);
        self.renew_member(new.as_str(), join, effects);
        match (self.state, before) {
            (State::Stable, Some(before)) if self.members.vote() == self.protocol => {
                let record = self.record(|_, member| member.assignment.clone());
                let replacement = Replacement {
                    ticket: join.ticket,
                    old: old.clone(),
                    new,
                    before,
                    leader_before,
                    may_skip_assignment: join.may_skip_assignment,
                };
                effects.writes.push(Write { record, then: Then::Replace(Box::new(replacement)) });
            }
            // In the middle of an assignment the leader may have answered for the old id already.
            (State::Stable | State::CompletingRebalance, _) => {
                self.prepare_rebalance("a static member came back in the middle of it", now, effects);
            }
            (State::Empty | State::PreparingRebalance, _) => self.complete_join_if_all_are_here(now, effects),
        }
    }

    /// The answer to whoever is in the present generation.
    pub(super) fn generation_for(&self, id: &str, with_members: bool) -> JoinGroupResponse {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let described = |(id, member): (&MemberId, &Member)| JoinGroupResponseMember {
            member_id: id.to_string(),
            group_instance_id: member.instance_id.as_deref().map(str::to_owned),
            metadata: member.metadata(protocol).cloned().unwrap_or_default(),
        };
        JoinGroupResponse {
            error_code: ErrorCode::None.code(),
            generation_id: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol.clone(),
            leader: self.members.leader().map(ToString::to_string).unwrap_or_default(),
            member_id: id.to_owned(),
            members: if with_members { self.members.iter().map(described).collect() } else { Vec::new() },
            ..Default::default()
        }
    }
}
