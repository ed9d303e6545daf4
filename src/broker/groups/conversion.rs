//! Heartbeats of the newer protocol (KIP-848) on their way to the state machine, and how a group that nobody is in goes
//! from one protocol to the other.
//!
//! Unlike a classic group's, its changes are made when they are appended, so that the next heartbeat sees them; the
//! answer waits until they are safe. If they could not be made safe, they and all that were made on top of them are
//! taken back.

use std::sync::Arc;

use super::classic::ClassicGroup;
use super::consumer::{ConsumerGroup, Decision, Heartbeat, Refusal, Surroundings, Topology};
use super::coordinator::Coordinator;
use super::group::Locked;
use super::kind::GroupKind;
use super::records::consumer::{Change, ConsumerRecord};
use super::records::{Encoded, GroupMetadata};
use super::writes::{self, Pledge, UnderWay};
use crate::base::ErrorCode;
use crate::base::Now;
use crate::broker::core::Core;
use crate::protocol::kafka::api::ConsumerGroupHeartbeatResponse;

/// After how long an append that failed is tried again.
const TRY_AGAIN_MS: i64 = 1000;

/// Changes of a consumer group that are made, and not yet known to be safe.
#[derive(Debug)]
pub(super) struct Made {
    changes: Vec<Change>,
    /// What takes them back, in the same order; `None` once that was done.
    undo: Option<Vec<Change>>,
}

impl Made {
    pub fn new(group: &mut ConsumerGroup, changes: Vec<Change>) -> Made {
        let undo = changes.iter().map(|change| group.apply(change)).collect();
        Made { changes, undo: Some(undo) }
    }

    pub fn take_back(&mut self, group: &mut ConsumerGroup) {
        for change in self.undo.take().into_iter().flatten().rev() {
            group.apply(&change);
        }
    }

    /// They are safe. Where they were taken back for the sake of others, they are made again.
    pub fn keep(self, group: &mut ConsumerGroup) {
        if self.undo.is_none() {
            for change in &self.changes {
                group.apply(change);
            }
        }
    }
}

impl Coordinator {
    /// The answer to a heartbeat, and the write that has to be safe before it goes out.
    pub fn consumer_heartbeat(
        &self,
        core: &Core,
        from: &Heartbeat<'_>,
        now: Now,
    ) -> Result<(ConsumerGroupHeartbeatResponse, Option<Pledge>), Refusal> {
        let name = &from.request.group_id;
        let config = core.consumer_group_config(name);
        from.check(&config)?;
        self.check_read(core, name)
            .map_err(|code| Refusal::new(code, format!("Group {name} can't be read from disk yet; try again.")))?;
        let topology = self.topology(core);
        let around = Surroundings { topology: &topology, config: &config, now };
        self.with(core, name, from.joins(), now, |locked| locked.consumer_heartbeat(from, &around)).unwrap_or_else(
            || Err(Refusal::new(ErrorCode::GroupIdNotFound, format!("Consumer group {name} not found."))),
        )
    }

    /// The topics as groups see them.
    pub fn topology(&self, core: &Core) -> Arc<Topology> {
        self.topologies().of(&core.topics())
    }
}

impl Locked<'_> {
    fn consumer_heartbeat(
        &mut self,
        from: &Heartbeat<'_>,
        around: &Surroundings<'_>,
    ) -> Result<(ConsumerGroupHeartbeatResponse, Option<Pledge>), Refusal> {
        let decision = match &self.state.kind {
            GroupKind::Consumer(group) => group.heartbeat(from, around)?,
            GroupKind::Classic(group) if from.joins() && group.is_idle() => {
                ConsumerGroup::new(self.name()).heartbeat(from, around)?
            }
            GroupKind::Classic(_) => {
                let sentence = format!("Group {} is not a consumer group.", self.name());
                return Err(Refusal::new(ErrorCode::GroupIdNotFound, sentence));
            }
        };
        let pledge = self.make(&decision, around).map_err(|code| {
            Refusal::new(code, "The change that the heartbeat leads to can't be written; try again.")
        })?;
        Ok((decision.response, pledge))
    }

    fn make(&mut self, decision: &Decision, around: &Surroundings<'_>) -> Result<Option<Pledge>, ErrorCode> {
        if !decision.changes.is_empty() {
            self.append_changes(decision.changes.clone(), Vec::new())?;
        }
        if let GroupKind::Consumer(group) = &mut self.state.kind {
            group.heard(decision, around);
        }
        // Lets what is safe already take effect, and notes the member's deadlines.
        self.carry_on();
        // An answer that changes nothing may tell of changes that are not safe yet.
        Ok(self.last_consumer_write())
    }

    /// Appends changes of a consumer group after other records of it, and makes them. A classic group that nobody is in
    /// becomes a consumer group by that.
    fn append_changes(&mut self, changes: Vec<Change>, mut records: Vec<Encoded>) -> Result<(), ErrorCode> {
        let becomes_one = matches!(self.state.kind, GroupKind::Classic(_));
        if becomes_one && self.is_recorded() {
            records.push((GroupMetadata::key(self.name()), None));
        }
        let encode = |change: &Change| ConsumerRecord::encode(self.name(), change);
        records.extend(changes.iter().map(encode));
        let (partition, promise) = writes::append(self.core, self.name(), &records, self.now)?;
        if becomes_one {
            self.state.kind = GroupKind::Consumer(Box::new(ConsumerGroup::new(&self.group.name)));
        }
        if let GroupKind::Consumer(group) = &mut self.state.kind {
            let made = Made::new(group, changes);
            self.begin(UnderWay { partition, promise, changes: vec![writes::Change::Consumer(made)] });
        }
        Ok(())
    }

    /// The timers' call.
    pub(super) fn expire_consumers(&mut self) {
        let topology = self.core.groups().topology(self.core);
        let GroupKind::Consumer(group) = &self.state.kind else { return };
        let changes = group.expire(self.now, &topology);
        if changes.is_empty() {
            return;
        }
        match self.append_changes(changes, Vec::new()) {
            Ok(()) => {
                if let Some(pledge) = self.last_consumer_write() {
                    pledge.abandon(self.core);
                }
            }
            Err(code) => {
                // Why has been said where it was appended; this comes again every time.
                ::log::debug!("group {:?}: members that are due to be put out stay for now: {code}", self.name());
                let until_ms = self.now.mono_ms + TRY_AGAIN_MS;
                if let GroupKind::Consumer(group) = &mut self.state.kind {
                    group.postpone(self.now, until_ms);
                }
            }
        }
    }

    /// The classic group that a member joins, if it may: one of the newer protocol becomes one if nobody is in it.
    pub(super) fn classic_to_join(&mut self, creates: bool) -> Result<&mut ClassicGroup, ErrorCode> {
        if let GroupKind::Consumer(group) = &self.state.kind {
            if !group.is_empty() {
                return Err(ErrorCode::InconsistentGroupProtocol);
            }
            if !creates {
                return Err(ErrorCode::UnknownMemberId);
            }
            let records: Vec<Encoded> =
                group.tombstones().iter().map(|change| ConsumerRecord::encode(self.name(), change)).collect();
            let (partition, promise) = writes::append(self.core, self.name(), &records, self.now)?;
            let pledge = self.begin(UnderWay { partition, promise, changes: Vec::new() });
            // Nobody waits for it: the record of the classic group's first generation comes after it.
            pledge.abandon(self.core);
            let classic = ClassicGroup::new(Arc::clone(&self.group.name), self.now);
            self.state.kind = GroupKind::Classic(Box::new(classic));
        }
        self.classic().ok_or(ErrorCode::UnknownMemberId)
    }

    /// A write failed: what it made, and what was made on top of it, is taken back, newest first.
    pub(super) fn take_back(&mut self) {
        let config = self.core.consumer_group_config(self.name());
        let state = &mut *self.state;
        let GroupKind::Consumer(group) = &mut state.kind else { return };
        let changes = state.writes.iter_mut().rev().flat_map(|write| write.changes.iter_mut().rev());
        let mut any = false;
        for change in changes {
            if let writes::Change::Consumer(made) = change {
                made.take_back(group);
                any = true;
            }
        }
        if any {
            group.recovered(&config, self.now);
        }
    }

    fn last_consumer_write(&self) -> Option<Pledge> {
        let is_one =
            |write: &&UnderWay| write.changes.iter().any(|change| matches!(change, writes::Change::Consumer(_)));
        self.state.writes.iter().rev().find(is_one).map(|write| Pledge::new(self.group, write))
    }
}
