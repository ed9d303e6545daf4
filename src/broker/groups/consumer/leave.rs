//! Leaving: of one's own will, for a while (static members), or by being put out.

use std::collections::{BTreeMap, BTreeSet};

use super::super::assign::Partitions;
use super::super::records::consumer::{Change, CurrentAssignment, GroupMetadata};
use super::group::ConsumerGroup;
use super::heartbeat::{Decision, fenced_instance, subscribed, unknown_instance};
use super::request::{Heartbeat, LEAVE_FOR_A_WHILE, Refusal};
use super::topology::Topology;
use crate::base::Now;
use crate::protocol::kafka::api::ConsumerGroupHeartbeatResponse;

impl ConsumerGroup {
    pub(super) fn leave(&self, from: &Heartbeat<'_>, topology: &Topology) -> Result<Decision, Refusal> {
        let request = from.request;
        let id = &request.member_id;
        if let Some(instance) = &request.instance_id {
            match self.instances.get(instance) {
                None => return Err(unknown_instance(instance)),
                Some(other) if other != id => return Err(fenced_instance(id, instance, other)),
                Some(_) => {}
            }
        }
        let member = self.member(id)?;
        let changes = if request.member_epoch == LEAVE_FOR_A_WHILE {
            ::log::info!("group {:?}: static member {id:?} leaves for a while", self.id);
            // What it has stays its own until its session is over; what it was to give up is given up.
            let away = CurrentAssignment {
                epoch: LEAVE_FOR_A_WHILE,
                to_revoke: Partitions::default(),
                ..member.current.clone()
            };
            vec![Change::Current(id.clone(), Some(away))]
        } else {
            ::log::info!("group {:?}: member {id:?} leaves", self.id);
            self.without(&BTreeSet::from([id.as_str()]), topology)
        };
        let response = ConsumerGroupHeartbeatResponse {
            member_id: Some(id.clone()),
            member_epoch: request.member_epoch,
            ..Default::default()
        };
        Ok(Decision { response, changes, heard: None })
    }

    /// Puts out those who were silent too long, or did not give up in time what they were asked to.
    pub fn expire(&self, now: Now, topology: &Topology) -> Vec<Change> {
        let due: BTreeSet<&str> = self.timers.due(now.mono_ms).collect();
        if due.is_empty() {
            return Vec::new();
        }
        for id in &due {
            let silent = self.timers.get(id).is_none_or(|deadlines| deadlines.session_ms <= now.mono_ms);
            let reason = if silent { "its session expired" } else { "it did not give up its partitions in time" };
            ::log::info!("group {:?}: member {id:?} is put out: {reason}", self.id);
        }
        self.without(&due, topology)
    }

    /// The group without these members: its epoch moves on, so that the next heartbeat assigns what they had.
    fn without(&self, gone: &BTreeSet<&str>, topology: &Topology) -> Vec<Change> {
        let mut changes: Vec<Change> = gone.iter().flat_map(|id| ConsumerGroup::tombstones_of(id)).collect();
        let left = self.members.iter().filter(|(id, _)| !gone.contains(id.as_str()));
        let left: BTreeMap<_, _> = left.map(|(id, member)| (id.as_str(), &member.metadata)).collect();
        let in_use: BTreeSet<_> = left.values().filter_map(|metadata| metadata.expression.as_deref()).collect();
        let unused = self.expressions.keys().filter(|expression| !in_use.contains(expression.as_str()));
        changes.extend(unused.map(|expression| Change::Expression(expression.clone(), None)));
        let topics_hash = topology.hash(subscribed(&left, &self.known_expressions()));
        let epoch = self.epoch.saturating_add(1);
        changes.push(Change::Group(Some(GroupMetadata { epoch, topics_hash })));
        changes
    }

    /// In this order, as Kafka's replay wants it: nothing may be left of a member that is removed.
    pub(super) fn tombstones_of(id: &str) -> [Change; 3] {
        [Change::Current(id.to_owned(), None), Change::Target(id.to_owned(), None), Change::Member(id.to_owned(), None)]
    }

    /// What removes the group, and all that the log has of it but its committed offsets.
    pub fn tombstones(&self) -> Vec<Change> {
        let ids: BTreeSet<&String> = self.members.keys().chain(self.targets.keys()).collect();
        let mut changes: Vec<Change> = ids.into_iter().flat_map(|id| ConsumerGroup::tombstones_of(id)).collect();
        changes.extend(self.expressions.keys().map(|expression| Change::Expression(expression.clone(), None)));
        changes.push(Change::TargetEpoch(None));
        if self.has_partition_metadata {
            changes.push(Change::PartitionMetadata(None));
        }
        changes.push(Change::Group(None));
        changes
    }
}
