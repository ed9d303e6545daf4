//! SyncGroup: the leader hands in who does what, everybody takes his part; and what follows when the log has kept a
//! record, or has not.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::group::{ClassicGroup, State};
use super::member::{Member, MemberId};
use super::{Effects, Ticket, Write};
use crate::base::{ErrorCode, Now};
use crate::protocol::kafka::api::SyncGroupResponse;

/// A SyncGroup request.
#[derive(Debug, Clone)]
pub struct Sync {
    pub ticket: Ticket,
    pub member_id: String,
    pub instance_id: Option<String>,
    pub generation: i32,
    /// For a cross-check (KIP-559).
    pub protocol_type: Option<String>,
    pub protocol: Option<String>,
    /// The leader's; of others it is empty, and not looked at.
    pub assignments: Vec<(String, Bytes)>,
}

/// What a record was written for.
#[derive(Debug, Clone, PartialEq)]
pub enum Then {
    /// Nobody waits for it.
    Nothing,
    /// This generation's assignment takes effect.
    Assign { generation: i32, assigned: BTreeMap<MemberId, Bytes> },
    /// A static member gets its new id.
    Replace(Box<Replacement>),
}

/// A static member under its new id, and what it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Replacement {
    pub(super) ticket: Ticket,
    pub(super) old: MemberId,
    pub(super) new: MemberId,
    pub(super) before: Member,
    pub(super) leader_before: Option<MemberId>,
    pub(super) may_skip_assignment: bool,
}

impl ClassicGroup {
    pub fn sync(&mut self, sync: Sync) -> Effects {
        let mut effects = Effects::default();
        let id = sync.member_id.as_str();
        if let Err(code) = self.check_sync(&sync) {
            effects.refuse_sync(sync.ticket, code);
            return effects;
        }
        match self.state {
            State::Empty => effects.refuse_sync(sync.ticket, ErrorCode::UnknownMemberId),
            State::PreparingRebalance => effects.refuse_sync(sync.ticket, ErrorCode::RebalanceInProgress),
            State::Stable => {
                self.note_sync(id);
                effects.sync(sync.ticket, self.assignment_of(id));
            }
            State::CompletingRebalance => {
                self.note_sync(id);
                let superseded = self.members.get_mut(id).and_then(|member| member.syncing.replace(sync.ticket));
                if let Some(earlier) = superseded {
                    effects.refuse_sync(earlier, ErrorCode::RebalanceInProgress);
                }
                if self.members.is_leader(id) {
                    self.keep_assignment(sync.assignments, &mut effects);
                }
            }
        }
        effects
    }

    /// The log has kept a record, or has failed to.
    pub fn written(&mut self, then: Then, outcome: Result<(), ErrorCode>, now: Now) -> Effects {
        let mut effects = Effects::default();
        match then {
            Then::Nothing => {}
            Then::Assign { generation, assigned } => {
                // A rebalance may have begun meanwhile, and then this is of the past.
                if self.state != State::CompletingRebalance || generation != self.generation {
                    return effects;
                }
                match outcome {
                    Ok(()) => {
                        self.hand_out(Ok(assigned), now, &mut effects);
                        self.enter(State::Stable, now);
                    }
                    Err(code) => {
                        self.hand_out(Err(code), now, &mut effects);
                        self.rebalance_or_complete("the assignment could not be kept", now, &mut effects);
                    }
                }
            }
            Then::Replace(replacement) => match outcome {
                Ok(()) => self.confirm_replacement(&replacement, now, &mut effects),
                Err(code) => self.take_back_replacement(*replacement, code, now, &mut effects),
            },
        }
        effects
    }

    fn check_sync(&self, sync: &Sync) -> Result<(), ErrorCode> {
        let differs = |said: &Option<String>, ours: &Option<String>| match (said, ours) {
            (Some(said), Some(ours)) => said != ours,
            _ => false,
        };
        self.check_member(&sync.member_id, sync.instance_id.as_deref())?;
        if sync.generation != self.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        if differs(&sync.protocol_type, &self.protocol_type) || differs(&sync.protocol, &self.protocol) {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        Ok(())
    }

    fn note_sync(&mut self, id: &str) {
        self.unsynced.remove(id);
        if self.unsynced.is_empty() {
            self.sync_ends_at = None;
        }
    }

    /// The assignment is kept before anybody works by it. Who is not in it has nothing to do.
    fn keep_assignment(&mut self, assignments: Vec<(String, Bytes)>, effects: &mut Effects) {
        let mut assigned: BTreeMap<MemberId, Bytes> =
            self.members.iter().map(|(id, _)| (id.clone(), Bytes::new())).collect();
        for (id, assignment) in assignments {
            if let Some(place) = assigned.get_mut(id.as_str()) {
                *place = assignment;
            }
        }
        let record = self.record(|id, _| assigned.get(id).cloned().unwrap_or_default());
        let then = Then::Assign { generation: self.generation, assigned };
        effects.writes.push(Write { record, then });
    }

    /// Answers everybody who waits for an assignment.
    pub(super) fn hand_out(
        &mut self,
        outcome: Result<BTreeMap<MemberId, Bytes>, ErrorCode>,
        now: Now,
        effects: &mut Effects,
    ) {
        for id in self.members.ids() {
            let Some(member) = self.members.get_mut(id.as_str()) else { continue };
            let assigned = outcome.as_ref().ok().and_then(|assigned| assigned.get(&id)).cloned();
            member.assignment = assigned.unwrap_or_default();
            let Some(ticket) = member.syncing.take() else { continue };
            // Its session may have run out while it waited for us.
            member.renew_session(now.mono_ms);
            match &outcome {
                Ok(_) => effects.sync(ticket, self.assignment_of(id.as_str())),
                Err(code) => effects.refuse_sync(ticket, *code),
            }
        }
    }

    fn assignment_of(&self, id: &str) -> SyncGroupResponse {
        SyncGroupResponse {
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol.clone(),
            assignment: self.members.get(id).map(|member| member.assignment.clone()).unwrap_or_default(),
            ..Default::default()
        }
    }

    /// Whether the replacement's JoinGroup still waits, and not for a generation to come.
    fn still_waits(&self, replacement: &Replacement) -> bool {
        let waits = |member: &Member| member.joining == Some(replacement.ticket);
        self.state == State::Stable && self.members.get(replacement.new.as_str()).is_some_and(waits)
    }

    fn confirm_replacement(&mut self, replacement: &Replacement, now: Now, effects: &mut Effects) {
        if !self.still_waits(replacement) {
            return;
        }
        let id = replacement.new.as_str();
        self.members.update(id, |member| member.joining = None);
        // While it waited for the record its session may have been let run out.
        self.renew_session(id, now);
        let leads = self.members.is_leader(id);
        let mut response = self.generation_for(id, leads && replacement.may_skip_assignment);
        if replacement.may_skip_assignment {
            response.skip_assignment = leads;
        } else if let Some(leader) = &replacement.leader_before {
            // An old client that finds itself the leader would assign anew; the leader's former id keeps it from that.
            response.leader = leader.to_string();
        }
        effects.join(replacement.ticket, response);
    }

    fn take_back_replacement(&mut self, replacement: Replacement, code: ErrorCode, now: Now, effects: &mut Effects) {
        if !self.still_waits(&replacement) {
            return;
        }
        let Replacement { ticket, old, new, before, .. } = replacement;
        self.members.update(new.as_str(), |member| *member = before);
        self.members.rename(new.as_str(), old.clone());
        self.renew_session(old.as_str(), now);
        effects.refuse_join(ticket, "", code);
    }
}
