//! The table of groups, and everything that is asked of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use super::classic::{Join, Reply, Rules, Sync, Ticket};
use super::conversion::Made;
use super::group::{Group, Locked};
use super::kind::GroupKind;
use super::mailbox::Mailbox;
use super::offsets::GroupOffsets;
use super::records::consumer::ConsumerRecord;
use super::records::{Encoded, GroupMetadata, OffsetKey, OffsetValue};
use super::timers::Timers;
use super::topologies::Topologies;
use super::writes::{Change, Pledge};
use crate::base::{ErrorCode, Now, TopicName, TopicPartition};
use crate::broker::complaints::Complaints;
use crate::broker::core::Core;
use crate::protocol::kafka::api::leave_group::{MemberIdentity, MemberResponse};
use crate::protocol::kafka::api::{JoinGroupResponse, SyncGroupResponse};

/// Groups and members travel as strings with two bytes of length.
const STRING_BYTES_MAX: usize = i16::MAX as usize;

#[derive(Default)]
pub struct Coordinator {
    groups: RwLock<BTreeMap<Arc<str>, Arc<Group>>>,
    tickets: AtomicU64,
    timers: Timers,
    topologies: Topologies,
    /// Of partitions that could not be read at the start.
    pub(super) unread: Complaints,
    /// Of records that can't be kept.
    pub(super) complaints: Complaints,
}

/// A group at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupView {
    pub name: Arc<str>,
    pub kind: &'static str,
    pub protocol_type: String,
    pub state: &'static str,
    pub members: usize,
}

/// Partitions, and whether what was asked for each may be.
pub type Verdicts = Vec<(TopicPartition, ErrorCode)>;

/// Who commits; from outside any group with generation -1 and no member.
#[derive(Debug, Clone)]
pub struct Committer<'a> {
    pub member_id: &'a str,
    pub instance_id: Option<&'a str>,
    pub generation: i32,
    /// Whether the client knows that a group may be missing (OffsetCommit since 9).
    pub knows_missing_groups: bool,
}

impl Committer<'_> {
    /// Somebody who is no member, and need not be.
    pub const OUTSIDER: Committer<'static> =
        Committer { member_id: "", instance_id: None, generation: -1, knows_missing_groups: true };
}

impl Coordinator {
    pub fn timers(&self) -> &Timers {
        &self.timers
    }

    pub(super) fn topologies(&self) -> &Topologies {
        &self.topologies
    }

    /// The life of the thread that keeps deadlines.
    pub fn run(&self, core: &Core) {
        self.timers.run(core);
    }

    pub fn stop(&self) {
        self.timers.stop();
    }

    /// The answer comes to the mailbox, now or later.
    pub fn join(&self, core: &Core, group: &str, join: Join, mailbox: &Arc<Mailbox>, now: Now) -> Option<Pledge> {
        let creates = join.member_id.is_empty();
        let member_id = join.member_id.clone();
        let rules = Rules {
            initial_delay_ms: core.config().groups.initial_rebalance_delay_ms,
            members_max: core.config().groups.members_max,
        };
        let readable = self.check_read(core, group);
        let pledge = self.with(core, group, creates, now, |locked| {
            locked.classic_to_join(creates)?;
            let ticket = self.ticket();
            locked.expect_answer(ticket, mailbox);
            let effects = locked.classic_to_join(creates)?.join(Join { ticket, ..join }, &rules, now);
            Ok(locked.carry_out(effects))
        });
        let unknown = Err(readable.err().unwrap_or(ErrorCode::UnknownMemberId));
        pledge.unwrap_or(unknown).unwrap_or_else(|code: ErrorCode| {
            mailbox.put(Reply::Join(JoinGroupResponse { error_code: code.code(), member_id, ..Default::default() }));
            None
        })
    }

    /// The answer comes to the mailbox, now or later.
    pub fn sync(&self, core: &Core, group: &str, sync: Sync, mailbox: &Arc<Mailbox>, now: Now) -> Option<Pledge> {
        let readable = self.check_read(core, group);
        let pledge = self.with(core, group, false, now, |locked| {
            let ticket = self.ticket();
            let effects = locked.classic()?.sync(Sync { ticket, ..sync });
            locked.expect_answer(ticket, mailbox);
            Some(locked.carry_out(effects))
        });
        pledge.flatten().unwrap_or_else(|| {
            let error_code = readable.err().unwrap_or(ErrorCode::UnknownMemberId).code();
            mailbox.put(Reply::Sync(SyncGroupResponse { error_code, ..Default::default() }));
            None
        })
    }

    pub fn heartbeat(
        &self,
        core: &Core,
        group: &str,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
        now: Now,
    ) -> ErrorCode {
        if self.check_read(core, group).is_err() {
            // As Kafka answers while it loads: the member stays, and asks again.
            return ErrorCode::None;
        }
        let verdict = self.with(core, group, false, now, |locked| {
            locked.classic().map(|classic| classic.heartbeat(member_id, instance_id, generation, now))
        });
        verdict.flatten().unwrap_or(ErrorCode::UnknownMemberId)
    }

    /// An outcome per member, and the write that records their leaving, if there is one.
    pub fn leave(
        &self,
        core: &Core,
        group: &str,
        leaving: &[MemberIdentity],
        now: Now,
    ) -> (Vec<MemberResponse>, Option<Pledge>) {
        let readable = self.check_read(core, group);
        let outcome = self.with(core, group, false, now, |locked| {
            let (outcome, effects) = locked.classic()?.leave(leaving, now);
            Some((outcome, locked.carry_out(effects)))
        });
        outcome.flatten().unwrap_or_else(|| {
            let unknown = |identity: &MemberIdentity| MemberResponse {
                member_id: identity.member_id.clone(),
                group_instance_id: identity.group_instance_id.clone(),
                error_code: readable.err().unwrap_or(ErrorCode::UnknownMemberId).code(),
            };
            (leaving.iter().map(unknown).collect(), None)
        })
    }

    /// Commits offsets; they count when the write is safe.
    pub fn commit(
        &self,
        core: &Core,
        group: &str,
        committer: &Committer<'_>,
        commits: Vec<(TopicPartition, OffsetValue)>,
        now: Now,
    ) -> Result<Pledge, ErrorCode> {
        if group.len() > STRING_BYTES_MAX {
            return Err(ErrorCode::InvalidGroupId);
        }
        self.check_read(core, group)?;
        let outcome = self.with(core, group, committer.generation < 0, now, |locked| {
            locked.state.kind.check_commit(committer, now)?;
            let encode = |(partition, value): &(TopicPartition, OffsetValue)| {
                (OffsetKey::encode(group, partition), Some(value.encode()))
            };
            let records: Vec<Encoded> = commits.iter().map(encode).collect();
            let change = |(partition, value)| Change::Offset(partition, Some(value));
            locked.write(&records, |_| commits.into_iter().map(change).collect())
        });
        outcome.unwrap_or(Err(match committer.knows_missing_groups {
            true => ErrorCode::GroupIdNotFound,
            false => ErrorCode::IllegalGeneration,
        }))
    }

    /// What a group has committed.
    pub fn committed(&self, core: &Core, group: &str, now: Now) -> Arc<GroupOffsets> {
        self.with(core, group, false, now, |locked| Arc::clone(&locked.state.offsets)).unwrap_or_default()
    }

    /// The newest of a group's writes that are under way.
    pub fn last_write(&self, core: &Core, group: &str, now: Now) -> Option<Pledge> {
        self.with(core, group, false, now, |locked| locked.last_write()).flatten()
    }

    /// Deletes a group without members, and all it has committed.
    pub fn delete(&self, core: &Core, group: &str, now: Now) -> Result<Pledge, ErrorCode> {
        self.check_read(core, group)?;
        let outcome = self.with(core, group, false, now, |locked| {
            locked.state.kind.check_delete()?;
            let places: Vec<TopicPartition> = locked.state.offsets.keys().cloned().collect();
            locked.forget(places, true)
        });
        outcome.unwrap_or(Err(ErrorCode::GroupIdNotFound))
    }

    /// Forgets commits; of each partition, whether that may be.
    pub fn delete_offsets(
        &self,
        core: &Core,
        group: &str,
        partitions: Vec<TopicPartition>,
        now: Now,
    ) -> Result<(Verdicts, Option<Pledge>), ErrorCode> {
        self.check_read(core, group)?;
        let outcome = self.with(core, group, false, now, |locked| {
            let kind = &locked.state.kind;
            kind.check_offset_delete()?;
            let verdict = |place: TopicPartition| match kind.is_subscribed_to(place.topic.as_str()) {
                true => (place, ErrorCode::GroupSubscribedToTopic),
                false => (place, ErrorCode::None),
            };
            let verdicts: Verdicts = partitions.into_iter().map(verdict).collect();
            let goes = |(place, code): &(TopicPartition, ErrorCode)| {
                (*code == ErrorCode::None && locked.state.offsets.contains_key(place)).then(|| place.clone())
            };
            let places: Vec<_> = verdicts.iter().filter_map(goes).collect();
            let pledge = if places.is_empty() { None } else { Some(locked.forget(places, false)?) };
            Ok((verdicts, pledge))
        });
        outcome.unwrap_or(Err(ErrorCode::GroupIdNotFound))
    }

    /// A deleted topic takes its commits along: a later topic of that name starts without them.
    pub fn forget_topic(&self, core: &Core, topic: &TopicName, now: Now) {
        for group in self.all() {
            let Some(mut locked) = group.lock(core, now) else { continue };
            let places: Vec<_> = locked.state.offsets.keys().filter(|place| place.topic == *topic).cloned().collect();
            if places.is_empty() {
                continue;
            }
            match locked.forget(places, false) {
                // Nobody waits for it.
                Ok(pledge) => pledge.abandon(core),
                Err(code) => {
                    ::log::warn!("the commits of group {:?} for deleted topic \"{topic}\" stay: {code}", group.name());
                }
            }
        }
    }

    /// Every group, by name.
    pub fn views(&self, core: &Core, now: Now) -> Vec<GroupView> {
        let view = |group: Arc<Group>| {
            let locked = group.lock(core, now)?;
            let kind = &locked.state.kind;
            Some(GroupView {
                name: Arc::clone(group.name()),
                kind: kind.name(),
                protocol_type: kind.protocol_type().to_owned(),
                state: kind.state_name(),
                members: kind.member_count(),
            })
        };
        self.all().into_iter().filter_map(view).collect()
    }

    /// Looks at one group; `None` if there is none.
    pub fn look<T>(&self, core: &Core, group: &str, now: Now, look: impl FnOnce(&GroupKind) -> T) -> Option<T> {
        self.with(core, group, false, now, |locked| look(&locked.state.kind))
    }

    pub(super) fn all(&self) -> Vec<Arc<Group>> {
        self.groups.read().values().cloned().collect()
    }

    pub(super) fn insert(&self, group: Arc<Group>) {
        self.groups.write().insert(Arc::clone(group.name()), group);
    }

    /// The caller holds the group's lock, and has marked it as gone.
    pub(super) fn remove(&self, group: &Arc<Group>) {
        let mut groups = self.groups.write();
        if groups.get(group.name()).is_some_and(|known| Arc::ptr_eq(known, group)) {
            groups.remove(group.name());
        }
    }

    /// Works on a group under its lock; one that is missing is made if `create` says so. Of one that could not be read
    /// nothing is known, and it is not made either.
    pub(super) fn with<T>(
        &self,
        core: &Core,
        name: &str,
        create: bool,
        now: Now,
        work: impl FnOnce(&mut Locked<'_>) -> T,
    ) -> Option<T> {
        if self.check_read(core, name).is_err() {
            return None;
        }
        loop {
            let found = self.groups.read().get(name).cloned();
            let group = match found {
                Some(group) => group,
                None if create => {
                    let name: Arc<str> = name.into();
                    let mut groups = self.groups.write();
                    Arc::clone(groups.entry(Arc::clone(&name)).or_insert_with(|| Group::new(name, now)))
                }
                None => return None,
            };
            // One that went between the two locks is looked for again.
            if let Some(mut locked) = group.lock(core, now) {
                return Some(work(&mut locked));
            }
        }
    }

    fn ticket(&self) -> Ticket {
        Ticket(self.tickets.fetch_add(1, Ordering::Relaxed))
    }
}

impl Locked<'_> {
    /// Tombstones for these commits, and for the group itself.
    pub(super) fn forget(&mut self, places: Vec<TopicPartition>, whole: bool) -> Result<Pledge, ErrorCode> {
        let mut records: Vec<Encoded> =
            places.iter().map(|place| (OffsetKey::encode(self.name(), place), None)).collect();
        let mut consumer_changes = Vec::new();
        match &self.state.kind {
            _ if !whole => {}
            GroupKind::Classic(_) => records.push((GroupMetadata::key(self.name()), None)),
            GroupKind::Consumer(group) => consumer_changes = group.tombstones(),
        }
        records.extend(consumer_changes.iter().map(|change| ConsumerRecord::encode(self.name(), change)));
        self.write(&records, |locked| {
            let mut changes: Vec<Change> = places.into_iter().map(|place| Change::Offset(place, None)).collect();
            if let GroupKind::Consumer(group) = &mut locked.state.kind {
                changes.push(Change::Consumer(Made::new(group, consumer_changes)));
            }
            if whole {
                changes.push(Change::Deleted);
            }
            changes
        })
    }
}
