//! Which protocol the members of a group speak, and what can be asked of a group whichever it is.

use super::classic::{ClassicGroup, ExpiryBase};
use super::consumer::ConsumerGroup;
use super::coordinator::Committer;
use crate::base::{ErrorCode, Now};

/// A group that only commits is a classic one, as in Kafka.
pub enum GroupKind {
    Classic(Box<ClassicGroup>),
    /// Of the newer protocol (KIP-848).
    Consumer(Box<ConsumerGroup>),
}

impl GroupKind {
    /// `ListGroups` calls it so.
    pub fn name(&self) -> &'static str {
        match self {
            GroupKind::Classic(_) => "classic",
            GroupKind::Consumer(_) => "consumer",
        }
    }

    pub fn protocol_type(&self) -> &str {
        match self {
            GroupKind::Classic(group) => group.protocol_type(),
            GroupKind::Consumer(_) => "consumer",
        }
    }

    pub fn state_name(&self) -> &'static str {
        match self {
            GroupKind::Classic(group) => group.state().name(),
            GroupKind::Consumer(group) => group.state().name(),
        }
    }

    pub fn member_count(&self) -> usize {
        match self {
            GroupKind::Classic(group) => group.members().len(),
            GroupKind::Consumer(group) => group.members().len(),
        }
    }

    pub(super) fn next_deadline(&self) -> Option<i64> {
        match self {
            GroupKind::Classic(group) => group.next_deadline(),
            GroupKind::Consumer(group) => group.next_deadline_ms(),
        }
    }

    /// Nobody is here, and nobody is expected.
    pub fn is_idle(&self) -> bool {
        match self {
            GroupKind::Classic(group) => group.is_idle(),
            GroupKind::Consumer(group) => group.is_empty(),
        }
    }

    /// Whether somebody reads a topic, as far as the group tells.
    pub fn is_subscribed_to(&self, topic: &str) -> bool {
        match self {
            GroupKind::Classic(group) => group.is_subscribed_to(topic),
            GroupKind::Consumer(group) => group.reads(topic),
        }
    }

    pub fn check_delete(&self) -> Result<(), ErrorCode> {
        match self {
            GroupKind::Classic(group) => group.check_delete(),
            GroupKind::Consumer(group) if group.is_empty() => Ok(()),
            GroupKind::Consumer(_) => Err(ErrorCode::NonEmptyGroup),
        }
    }

    /// Whether offsets may be deleted while there are members.
    pub fn check_offset_delete(&self) -> Result<(), ErrorCode> {
        match self {
            GroupKind::Classic(group) => group.check_offset_delete(),
            GroupKind::Consumer(_) => Ok(()),
        }
    }

    /// Since when commits age. Those of topics that somebody reads do not, whatever this says.
    pub fn expiry_base(&self) -> ExpiryBase {
        match self {
            GroupKind::Classic(group) => group.expiry_base(),
            GroupKind::Consumer(_) => ExpiryBase::Commit,
        }
    }

    /// Whether a commit is taken.
    pub(super) fn check_commit(&mut self, committer: &Committer<'_>, now: Now) -> Result<(), ErrorCode> {
        let Committer { member_id, instance_id, generation, knows_missing_groups } = *committer;
        match self {
            GroupKind::Classic(group) => group.check_commit(member_id, instance_id, generation, now),
            GroupKind::Consumer(group) => {
                group.check_commit(member_id, generation, knows_missing_groups).map_err(|refusal| refusal.code)
            }
        }
    }

    /// Whether offsets are told to a member. Of a classic group everybody may know them.
    pub fn check_fetch(&self, member_id: Option<&str>, epoch: i32) -> Result<(), ErrorCode> {
        match self {
            GroupKind::Classic(_) => Ok(()),
            GroupKind::Consumer(group) => group.check_fetch(member_id, epoch).map_err(|refusal| refusal.code),
        }
    }
}
