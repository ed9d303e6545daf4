//! From the beginning of a rebalance to the next generation, and what time brings: members that fall silent, those that
//! never come, phases that end.

use super::group::{ClassicGroup, State};
use super::member::MemberId;
use super::sync::Then;
use super::{Effects, Rules, Write};
use crate::base::{ErrorCode, Now};

/// Whoever says that it needs no time to join gets this: a group that waits for nothing would be looked at all the time.
const REBALANCE_MS_MIN: i64 = 100;

/// When members are waited for no longer.
#[derive(Debug)]
pub(super) struct JoinTimer {
    at: i64,
    first: Option<FirstRebalance>,
}

/// The first rebalance of an empty group waits for more members, and longer while more come, but no longer in all than
/// a rebalance may take.
#[derive(Debug)]
struct FirstRebalance {
    step_ms: i64,
    waited_ms: i64,
    left_ms: i64,
    somebody_came: bool,
}

impl JoinTimer {
    /// A further member has joined a first rebalance.
    pub(super) fn somebody_came(&mut self) {
        if let Some(first) = &mut self.first {
            first.somebody_came = true;
        }
    }
}

impl ClassicGroup {
    /// When to call [`expire`](Self::expire) (`Now::mono_ms`).
    pub fn next_deadline(&self) -> Option<i64> {
        let sessions = self.members.iter().filter_map(|(_, member)| member.session_ends_at);
        let phases = [self.join_timer.as_ref().map(|timer| timer.at), self.sync_ends_at];
        sessions.chain(self.pending.values().copied()).chain(phases.into_iter().flatten()).min()
    }

    /// Carries out all that is due by now.
    pub fn expire(&mut self, now: Now) -> Effects {
        let mut effects = Effects::default();
        let due = |(id, at): (&MemberId, &i64)| (*at <= now.mono_ms).then(|| id.clone());
        for id in self.pending.iter().filter_map(due).collect::<Vec<_>>() {
            ::log::debug!("group {:?}: {id} never joined", self.name);
            self.pending.remove(&id);
            self.complete_join_if_all_are_here(now, &mut effects);
        }
        let silent =
            self.members.iter().filter(|(_, member)| member.session_ends_at.is_some_and(|at| at <= now.mono_ms));
        for id in silent.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.end_session(&id, now, &mut effects);
        }
        if self.join_timer.as_ref().is_some_and(|timer| timer.at <= now.mono_ms) {
            self.end_join_wait(now, &mut effects);
        }
        if self.sync_ends_at.is_some_and(|at| at <= now.mono_ms) {
            self.end_sync_wait(now, &mut effects);
        }
        effects
    }

    pub(super) fn renew_session(&mut self, id: &str, now: Now) {
        if let Some(member) = self.members.get_mut(id) {
            member.renew_session(now.mono_ms);
        }
    }

    /// Takes a member out, wherever it is; whoever waits on its behalf is told that it is none any more.
    pub(super) fn drop_member(&mut self, id: &str, effects: &mut Effects) {
        self.pending.remove(id);
        self.unsynced.remove(id);
        let Some(member) = self.members.remove(id) else { return };
        if let Some(ticket) = member.joining {
            effects.refuse_join(ticket, "", ErrorCode::UnknownMemberId);
        }
        if let Some(ticket) = member.syncing {
            effects.refuse_sync(ticket, ErrorCode::UnknownMemberId);
        }
    }

    pub(super) fn rebalance_or_complete(&mut self, reason: &str, now: Now, effects: &mut Effects) {
        match self.state {
            State::Stable | State::CompletingRebalance => self.prepare_rebalance(reason, now, effects),
            State::PreparingRebalance => self.complete_join_if_all_are_here(now, effects),
            State::Empty => {}
        }
    }

    /// Somebody came to an empty group.
    pub(super) fn prepare_first_rebalance(&mut self, rules: &Rules, now: Now, effects: &mut Effects) {
        self.enter(State::PreparingRebalance, now);
        self.is_initial = true;
        let delay_ms = rules.initial_delay_ms;
        if delay_ms == 0 {
            return self.complete_join(now, effects);
        }
        let first = FirstRebalance {
            step_ms: delay_ms,
            waited_ms: delay_ms,
            left_ms: (self.rebalance_timeout_ms() - delay_ms).max(0),
            somebody_came: false,
        };
        self.join_timer = Some(JoinTimer { at: now.mono_ms + delay_ms, first: Some(first) });
    }

    /// Everybody has to join again; those who wait for an assignment are told so, the others hear it at their next
    /// heartbeat.
    pub(super) fn prepare_rebalance(&mut self, reason: &str, now: Now, effects: &mut Effects) {
        ::log::debug!("group {:?}: rebalance after generation {}: {reason}", self.name, self.generation);
        if self.state == State::CompletingRebalance {
            self.hand_out(Err(ErrorCode::RebalanceInProgress), now, effects);
        }
        self.unsynced.clear();
        self.sync_ends_at = None;
        self.enter(State::PreparingRebalance, now);
        self.is_initial = false;
        if self.all_are_here() {
            self.complete_join(now, effects);
        } else {
            self.wait_for_joins(now);
        }
    }

    pub(super) fn complete_join_if_all_are_here(&mut self, now: Now, effects: &mut Effects) {
        // A first rebalance takes its time.
        if self.state == State::PreparingRebalance && !self.is_initial && self.all_are_here() {
            self.complete_join(now, effects);
        }
    }

    fn all_are_here(&self) -> bool {
        self.members.joining() == self.members.len() && self.pending.is_empty()
    }

    fn wait_for_joins(&mut self, now: Now) {
        let at = now.mono_ms.saturating_add(self.rebalance_timeout_ms().max(REBALANCE_MS_MIN));
        self.join_timer = Some(JoinTimer { at, first: None });
    }

    /// The most patient member's.
    fn rebalance_timeout_ms(&self) -> i64 {
        self.members.iter().map(|(_, member)| member.rebalance_timeout_ms).max().unwrap_or(0)
    }

    /// The next generation: of those who joined, and of static members, who may be on their way.
    fn complete_join(&mut self, now: Now, effects: &mut Effects) {
        self.join_timer = None;
        let gone = self.members.iter().filter(|(_, member)| member.joining.is_none() && !member.is_static());
        for id in gone.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            ::log::info!("group {:?}: {id} did not join the rebalance in time", self.name);
            self.drop_member(id.as_str(), effects);
        }
        if !self.members.elect_joined_leader() && !self.members.is_empty() {
            // Only static members, and none has come: their sessions decide.
            return self.wait_for_joins(now);
        }
        self.generation = self.generation.wrapping_add(1).max(0);
        self.is_initial = false;
        self.unsynced.clear();
        if self.members.is_empty() {
            self.protocol = None;
            self.subscribed = self.find_subscribed();
            self.enter(State::Empty, now);
            let record = self.record(|_, member| member.assignment.clone());
            effects.writes.push(Write { record, then: Then::Nothing });
            return;
        }
        self.protocol = self.members.vote();
        self.subscribed = self.find_subscribed();
        self.enter(State::CompletingRebalance, now);
        let (count, plural) = (self.members.len(), if self.members.len() == 1 { "" } else { "s" });
        ::log::info!("group {:?}: generation {} has {count} member{plural}", self.name, self.generation);
        for id in self.members.ids() {
            let joining = self.members.update(id.as_str(), |member| {
                member.is_new = false;
                member.renew_session(now.mono_ms);
                member.joining.take()
            });
            if let Some(ticket) = joining.flatten() {
                effects.join(ticket, self.generation_for(id.as_str(), self.members.is_leader(id.as_str())));
            }
            self.unsynced.insert(id);
        }
        self.sync_ends_at = Some(now.mono_ms.saturating_add(self.rebalance_timeout_ms()));
    }

    fn end_session(&mut self, id: &MemberId, now: Now, effects: &mut Effects) {
        // An earlier one's end may have changed everything.
        let Some(member) = self.members.get_mut(id.as_str()) else { return };
        if member.session_ends_at.is_none_or(|at| at > now.mono_ms) {
            return;
        }
        if member.is_excused() {
            member.session_ends_at = None;
            return;
        }
        ::log::info!("group {:?}: nothing was heard of {id} for its session timeout", self.name);
        self.drop_member(id.as_str(), effects);
        self.rebalance_or_complete("a member fell silent", now, effects);
    }

    fn end_join_wait(&mut self, now: Now, effects: &mut Effects) {
        let Some(timer) = &mut self.join_timer else { return };
        if let Some(first) = &mut timer.first
            && std::mem::take(&mut first.somebody_came)
            && first.left_ms > 0
        {
            let next_ms = first.step_ms.min(first.left_ms);
            first.left_ms = (first.left_ms - first.waited_ms).max(0);
            first.waited_ms = next_ms;
            timer.at = now.mono_ms + next_ms;
            return;
        }
        self.complete_join(now, effects);
    }

    /// Who joined and then sent no SyncGroup is out, static or not.
    fn end_sync_wait(&mut self, now: Now, effects: &mut Effects) {
        self.sync_ends_at = None;
        let missing = std::mem::take(&mut self.unsynced);
        if missing.is_empty() {
            return;
        }
        for id in &missing {
            ::log::info!("group {:?}: {id} joined and never asked for its assignment", self.name);
            self.drop_member(id.as_str(), effects);
        }
        self.prepare_rebalance("members left out their SyncGroup", now, effects);
    }
}
