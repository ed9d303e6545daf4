//! The life of a member between rebalances: Heartbeat, LeaveGroup, and whether its commits are welcome.

use super::Effects;
use super::group::{ClassicGroup, State};
use crate::base::{ErrorCode, Now};
use crate::protocol::kafka::api::leave_group::{MemberIdentity, MemberResponse};

impl ClassicGroup {
    /// Whether the caller is who it says it is. A static member's earlier self is fenced.
    pub fn check_member(&self, id: &str, instance: Option<&str>) -> Result<(), ErrorCode> {
        if let Some(instance) = instance {
            let owner = self.members.static_id(instance).ok_or(ErrorCode::UnknownMemberId)?;
            if owner.as_str() != id {
                return Err(ErrorCode::FencedInstanceId);
            }
        }
        if self.members.contains(id) { Ok(()) } else { Err(ErrorCode::UnknownMemberId) }
    }

    pub fn heartbeat(&mut self, id: &str, instance: Option<&str>, generation: i32, now: Now) -> ErrorCode {
        if let Err(code) = self.check_member(id, instance) {
            return code;
        }
        if generation != self.generation {
            return ErrorCode::IllegalGeneration;
        }
        self.renew_session(id, now);
        match self.state {
            State::Empty => ErrorCode::UnknownMemberId,
            State::PreparingRebalance => ErrorCode::RebalanceInProgress,
            State::CompletingRebalance | State::Stable => ErrorCode::None,
        }
    }

    /// Members go, each by its id, or (KIP-345, for administrators) by its instance alone.
    pub fn leave(&mut self, leaving: &[MemberIdentity], now: Now) -> (Vec<MemberResponse>, Effects) {
        let mut effects = Effects::default();
        let mut somebody_left = false;
        let mut outcome = Vec::with_capacity(leaving.len());
        for MemberIdentity { member_id, group_instance_id, reason } in leaving {
            let verdict = self.find_leaving(member_id, group_instance_id.as_deref());
            let error_code = match verdict {
                Ok(id) => {
                    let reason = reason.as_deref().unwrap_or("it gives no reason");
                    ::log::debug!("group {:?}: {id} leaves ({reason:?})", self.name);
                    self.drop_member(&id, &mut effects);
                    somebody_left = true;
                    ErrorCode::None
                }
                Err(code) => code,
            };
            outcome.push(MemberResponse {
                member_id: member_id.clone(),
                group_instance_id: group_instance_id.clone(),
                error_code: error_code.code(),
            });
        }
        if somebody_left {
            self.rebalance_or_complete("members left", now, &mut effects);
        }
        (outcome, effects)
    }

    fn find_leaving(&self, id: &str, instance: Option<&str>) -> Result<String, ErrorCode> {
        if id.is_empty() {
            let owner = instance.and_then(|instance| self.members.static_id(instance));
            return owner.map(ToString::to_string).ok_or(ErrorCode::UnknownMemberId);
        }
        if !self.pending.contains_key(id) {
            self.check_member(id, instance)?;
        }
        Ok(id.to_owned())
    }

    /// Whether a commit is taken; it counts as a sign of life. From outside (generation -1, no member) only while
    /// nobody is in the group.
    pub fn check_commit(
        &mut self,
        id: &str,
        instance: Option<&str>,
        generation: i32,
        now: Now,
    ) -> Result<(), ErrorCode> {
        if generation < 0 && self.is_empty() {
            return Ok(());
        }
        if generation < 0 && id.is_empty() && instance.is_none() {
            return Err(ErrorCode::UnknownMemberId);
        }
        self.check_member(id, instance)?;
        if generation != self.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        match self.state {
            // Its offsets belong to partitions that others may be about to get.
            State::CompletingRebalance => Err(ErrorCode::RebalanceInProgress),
            State::Empty => Ok(()),
            State::Stable | State::PreparingRebalance => {
                self.renew_session(id, now);
                Ok(())
            }
        }
    }
}
