//! The group: what its records add up to.

use std::collections::{BTreeMap, HashMap};

use super::super::assign::{Assignor, Partitions};
use super::super::records::consumer::{
    Change, CurrentAssignment, GroupMetadata, MatchedTopics, MemberMetadata, MemberState,
};
use super::heartbeat::{Decision, Surroundings};
use super::request::{LEAVE_FOR_A_WHILE, Refusal};
use super::timers::{Deadlines, Timers};
use crate::base::{ErrorCode, Now, Uuid};
use crate::config::ConsumerGroupConfig;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Member {
    pub metadata: MemberMetadata,
    pub current: CurrentAssignment,
}

/// As Kafka names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupState {
    Empty,
    /// The target assignment is older than the group.
    Assigning,
    /// Not everybody has what they are to have.
    Reconciling,
    Stable,
}

impl GroupState {
    pub fn name(self) -> &'static str {
        match self {
            GroupState::Empty => "Empty",
            GroupState::Assigning => "Assigning",
            GroupState::Reconciling => "Reconciling",
            GroupState::Stable => "Stable",
        }
    }
}

#[derive(Debug, Default)]
pub struct ConsumerGroup {
    pub(super) id: String,
    pub(super) epoch: i32,
    pub(super) topics_hash: i64,
    /// The group epoch that the targets are for.
    pub(super) target_epoch: i32,
    pub(super) members: BTreeMap<String, Member>,
    /// The member behind each instance id.
    pub(super) instances: BTreeMap<String, String>,
    pub(super) targets: BTreeMap<String, Partitions>,
    pub(super) expressions: BTreeMap<String, MatchedTopics>,
    /// Which member has a partition, or has not given it up yet.
    pub(super) owners: HashMap<(Uuid, i32), String>,
    /// Kafka 4.0 left a record of what the group reads; it goes when the group does.
    pub(super) has_partition_metadata: bool,
    /// The version of the topology that the group was last held against; 0 is none.
    pub(super) seen_topology: u64,
    pub(super) timers: Timers,
}

impl ConsumerGroup {
    pub fn new(id: &str) -> ConsumerGroup {
        ConsumerGroup { id: id.to_owned(), ..Default::default() }
    }

    /// Takes in one change, from a decision or from the log, and gives the change that takes it back. After
    /// `Change::Group(None)` there is no group any more, and whoever holds it lets it go.
    pub fn apply(&mut self, change: &Change) -> Change {
        match change {
            Change::Group(value) => {
                let before = GroupMetadata { epoch: self.epoch, topics_hash: self.topics_hash };
                let group = value.unwrap_or_default();
                (self.epoch, self.topics_hash) = (group.epoch, group.topics_hash);
                Change::Group(Some(before))
            }
            Change::PartitionMetadata(value) => {
                let was_there = std::mem::replace(&mut self.has_partition_metadata, value.is_some());
                Change::PartitionMetadata(was_there.then(Default::default))
            }
            Change::Member(id, metadata) => {
                let before = self.members.get(id).map(|member| member.metadata.clone());
                match metadata {
                    Some(metadata) => self.set_metadata(id, metadata),
                    None => self.remove(id),
                }
                Change::Member(id.clone(), before)
            }
            Change::TargetEpoch(epoch) => {
                let before = std::mem::replace(&mut self.target_epoch, epoch.unwrap_or_default());
                Change::TargetEpoch(Some(before))
            }
            Change::Target(id, target) => Change::Target(id.clone(), set(&mut self.targets, id, target)),
            Change::Current(id, current) => {
                let before = self.members.get(id).map(|member| member.current.clone());
                self.set_current(id, current.as_ref());
                Change::Current(id.clone(), before)
            }
            Change::Expression(expression, matched) => {
                Change::Expression(expression.clone(), set(&mut self.expressions, expression, matched))
            }
        }
    }

    fn set_metadata(&mut self, id: &str, metadata: &MemberMetadata) {
        if let Some(instance) = &metadata.instance_id {
            self.instances.insert(instance.clone(), id.to_owned());
        }
        self.members.entry(id.to_owned()).or_default().metadata = metadata.clone();
    }

    fn set_current(&mut self, id: &str, current: Option<&CurrentAssignment>) {
        self.release(id);
        let Some(current) = current else {
            if let Some(member) = self.members.get_mut(id) {
                member.current = CurrentAssignment::default();
            }
            return;
        };
        for key in current.assigned.iter().chain(current.to_revoke.iter()) {
            self.owners.insert(key, id.to_owned());
        }
        self.members.entry(id.to_owned()).or_default().current = current.clone();
    }

    fn remove(&mut self, id: &str) {
        self.release(id);
        self.timers.forget(id);
        let Some(member) = self.members.remove(id) else { return };
        if let Some(instance) = member.metadata.instance_id
            && self.instances.get(&instance).is_some_and(|owner| owner == id)
        {
            self.instances.remove(&instance);
        }
    }

    fn release(&mut self, id: &str) {
        let Some(member) = self.members.get(id) else { return };
        for key in member.current.assigned.iter().chain(member.current.to_revoke.iter()) {
            if self.owners.get(&key).is_some_and(|owner| owner == id) {
                self.owners.remove(&key);
            }
        }
    }

    pub(super) fn owner(&self, topic: Uuid, partition: i32) -> Option<&str> {
        self.owners.get(&(topic, partition)).map(String::as_str)
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn members(&self) -> &BTreeMap<String, Member> {
        &self.members
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub fn state(&self) -> GroupState {
        if self.members.is_empty() {
            GroupState::Empty
        } else if self.epoch > self.target_epoch {
            GroupState::Assigning
        } else if self.members.values().all(|member| member.current.is_reconciled_to(self.target_epoch)) {
            GroupState::Stable
        } else {
            GroupState::Reconciling
        }
    }

    /// Whether a member reads this topic, by its name or by an expression.
    pub fn reads(&self, topic: &str) -> bool {
        self.members.values().any(|member| {
            let matched = member.metadata.expression.as_ref().and_then(|expression| self.expressions.get(expression));
            member.metadata.topics.contains(topic) || matched.is_some_and(|matched| matched.topics.contains(topic))
        })
    }

    /// The assignor that most of those who name one want.
    pub(super) fn preferred_assignor<'a>(
        members: impl Iterator<Item = &'a MemberMetadata>,
        config: &ConsumerGroupConfig,
    ) -> Assignor {
        let mut votes = vec![0; config.assignors.len()];
        for name in members.filter_map(|metadata| metadata.assignor.as_ref()) {
            if let Some(index) = config.assignors.iter().position(|offered| offered == name) {
                votes[index] += 1;
            }
        }
        let most = votes.iter().max().copied().unwrap_or_default();
        let index = votes.iter().position(|count| *count == most).unwrap_or_default();
        let name = config.assignors.get(index).map_or("", String::as_str);
        Assignor::named(name).unwrap_or(Assignor::Uniform)
    }

    /// Whether an offset may be committed in a member's name (Kafka's `validateOffsetCommit`). `by_epoch`: the request
    /// knows epochs, as OffsetCommit does since 9.
    pub fn check_commit(&self, member_id: &str, epoch: i32, by_epoch: bool) -> Result<(), Refusal> {
        // Somebody who is no member: an administrator, or a consumer that chooses its partitions itself.
        if epoch < 0 && self.is_empty() {
            return Ok(());
        }
        let member = self.member(member_id)?;
        if !by_epoch {
            let sentence = "OffsetCommit version 9 or above must be used by members using the modern group protocol";
            return Err(Refusal::new(ErrorCode::UnsupportedVersion, sentence));
        }
        check_same_epoch(epoch, member)
    }

    /// Whether offsets may be fetched in a member's name. Those who name none are no members.
    pub fn check_fetch(&self, member_id: Option<&str>, epoch: i32) -> Result<(), Refusal> {
        match member_id {
            None if epoch < 0 => Ok(()),
            member_id => check_same_epoch(epoch, self.member(member_id.unwrap_or_default())?),
        }
    }

    pub(super) fn member(&self, id: &str) -> Result<&Member, Refusal> {
        self.members.get(id).ok_or_else(|| {
            let sentence = format!("Member {id} is not a member of group {}.", self.id);
            Refusal::new(ErrorCode::UnknownMemberId, sentence)
        })
    }

    /// The member of a decision was heard, now that its changes are made.
    pub fn heard(&mut self, decision: &Decision, around: &Surroundings<'_>) {
        let Some(heard) = &decision.heard else { return };
        self.seen_topology = around.topology.version();
        let Some(member) = self.members.get(&heard.member_id) else { return };
        let revocation_ms = (member.current.state == MemberState::UnrevokedPartitions).then(|| {
            let before = self.timers.get(&heard.member_id).and_then(|deadlines| deadlines.revocation_ms);
            // The time runs from when it was asked, not from when it was last heard.
            let anew = || around.now.mono_ms + i64::from(member.metadata.rebalance_timeout_ms.max(0));
            before.filter(|_| !heard.has_moved).unwrap_or_else(anew)
        });
        let session_ms = around.now.mono_ms + around.config.session_timeout_ms;
        self.timers.set(&heard.member_id, Deadlines { session_ms, revocation_ms });
    }

    /// The group was read back from the log, or changes of it were taken back: everybody has time to come back, and
    /// what the group saw last counts no more.
    pub fn recovered(&mut self, config: &ConsumerGroupConfig, now: Now) {
        self.seen_topology = 0;
        for (id, member) in &self.members {
            let revoking = member.current.state == MemberState::UnrevokedPartitions;
            let rebalance_ms = i64::from(member.metadata.rebalance_timeout_ms.max(0));
            let deadlines = Deadlines {
                session_ms: now.mono_ms + config.session_timeout_ms,
                revocation_ms: revoking.then_some(now.mono_ms + rebalance_ms),
            };
            self.timers.set(id, deadlines);
        }
    }

    /// Those who are due may stay a little longer: putting them out did not work.
    pub fn postpone(&mut self, now: Now, until_ms: i64) {
        let due: Vec<String> = self.timers.due(now.mono_ms).map(str::to_owned).collect();
        for id in due {
            if let Some(deadlines) = self.timers.get(&id) {
                let later = |at: i64| at.max(until_ms);
                let revocation_ms = deadlines.revocation_ms.map(later);
                self.timers.set(&id, Deadlines { session_ms: later(deadlines.session_ms), revocation_ms });
            }
        }
    }

    /// When [`expire`](Self::expire) will have something to say (`Now::mono_ms`).
    pub fn next_deadline_ms(&self) -> Option<i64> {
        self.timers.next_ms()
    }

    pub(super) fn is_away(member: &Member) -> bool {
        member.current.epoch == LEAVE_FOR_A_WHILE
    }
}

fn check_same_epoch(epoch: i32, member: &Member) -> Result<(), Refusal> {
    let expected = member.current.epoch;
    if epoch == expected {
        return Ok(());
    }
    let sentence = format!("The received member epoch {epoch} does not match the expected member epoch {expected}.");
    Err(Refusal::new(ErrorCode::StaleMemberEpoch, sentence))
}

/// Puts a value in the place of another, or takes it away; gives what was there.
fn set<V: Clone>(map: &mut BTreeMap<String, V>, key: &str, value: &Option<V>) -> Option<V> {
    match value {
        Some(value) => map.insert(key.to_owned(), value.clone()),
        None => map.remove(key),
    }
}
