//! One group: what kind it is, what it has committed, which writes are under way and who waits; behind one lock.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::classic::{ClassicGroup, Effects, Ticket};
use super::kind::GroupKind;
use super::mailbox::Mailbox;
use super::offsets::GroupOffsets;
use super::records::{Encoded, GroupMetadata};
use super::writes::{self, Change, Pledge, UnderWay};
use crate::base::{ErrorCode, Now};
use crate::broker::core::Core;
use crate::broker::partition::Kept;

pub struct Group {
    pub(super) name: Arc<str>,
    state: Mutex<GroupState>,
}

pub(super) struct GroupState {
    pub kind: GroupKind,
    /// Shared with whoever reads it; changed by copy only while somebody does.
    pub offsets: Arc<GroupOffsets>,
    /// In the order of the log, which is that in which they become safe.
    pub(super) writes: VecDeque<UnderWay>,
    waiting: BTreeMap<Ticket, Arc<Mailbox>>,
    /// The log holds something of it, which takes tombstones to forget.
    recorded: bool,
    /// When the timers will look at it (`Now::mono_ms`); `i64::MAX`: never.
    timer_at: i64,
    /// No longer in the table: whoever got hold of it before looks again there.
    gone: bool,
}

/// A group under its lock, at a moment. What became safe has taken effect.
pub(super) struct Locked<'a> {
    pub(super) core: &'a Core,
    pub(super) group: &'a Arc<Group>,
    pub now: Now,
    pub state: MutexGuard<'a, GroupState>,
}

impl Group {
    pub(super) fn new(name: Arc<str>, now: Now) -> Arc<Group> {
        let kind = GroupKind::Classic(Box::new(ClassicGroup::new(Arc::clone(&name), now)));
        Group::with(name, kind, GroupOffsets::new(), false)
    }

    pub(super) fn with(name: Arc<str>, kind: GroupKind, offsets: GroupOffsets, recorded: bool) -> Arc<Group> {
        let state = GroupState {
            kind,
            offsets: Arc::new(offsets),
            writes: VecDeque::new(),
            waiting: BTreeMap::new(),
            recorded,
            timer_at: i64::MAX,
            gone: false,
        };
        Arc::new(Group { name, state: Mutex::new(state) })
    }

    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// `None`: it is gone.
    pub(super) fn lock<'a>(self: &'a Arc<Self>, core: &'a Core, now: Now) -> Option<Locked<'a>> {
        let state = self.state.lock();
        if state.gone {
            return None;
        }
        let mut locked = Locked { core, group: self, now, state };
        if locked.state.writes.front().is_some_and(|write| write.partition.kept(&write.promise) != Kept::NotYet) {
            locked.carry_on();
        }
        Some(locked)
    }

    /// Lets writes that are decided take effect.
    pub(super) fn settle(self: &Arc<Self>, core: &Core, now: Now) {
        drop(self.lock(core, now));
    }

    /// Whether a write is under way, after those that are decided took effect.
    pub(super) fn is_writing(self: &Arc<Self>, core: &Core, now: Now) -> bool {
        self.lock(core, now).is_some_and(|locked| !locked.state.writes.is_empty())
    }

    /// The timers' call: carries out what is due.
    pub(super) fn expire(self: &Arc<Self>, core: &Core, now: Now) {
        let Some(mut locked) = self.lock(core, now) else { return };
        locked.state.timer_at = i64::MAX;
        let effects = match &mut locked.state.kind {
            GroupKind::Classic(group) => group.expire(now),
            GroupKind::Consumer(_) => {
                locked.expire_consumers();
                Effects::default()
            }
        };
        if let Some(pledge) = locked.carry_out(effects) {
            pledge.abandon(core);
        }
    }
}

impl Locked<'_> {
    pub fn name(&self) -> &str {
        &self.group.name
    }

    /// `None`: its members speak the newer protocol.
    pub fn classic(&mut self) -> Option<&mut ClassicGroup> {
        match &mut self.state.kind {
            GroupKind::Classic(group) => Some(group),
            GroupKind::Consumer(_) => None,
        }
    }

    pub fn is_writing(&self) -> bool {
        !self.state.writes.is_empty()
    }

    /// The newest write under way.
    pub fn last_write(&self) -> Option<Pledge> {
        self.state.writes.back().map(|write| Pledge::new(self.group, write))
    }

    pub fn is_recorded(&self) -> bool {
        self.state.recorded
    }

    /// The answer to this ticket goes here.
    pub fn expect_answer(&mut self, ticket: Ticket, mailbox: &Arc<Mailbox>) {
        self.state.waiting.insert(ticket, Arc::clone(mailbox));
    }

    /// Lets effects happen, and what they lead to. Gives the last write that was begun.
    pub fn carry_out(&mut self, effects: Effects) -> Option<Pledge> {
        let mut last = None;
        let mut queue = VecDeque::from([effects]);
        loop {
            while let Some(Effects { answers, writes }) = queue.pop_front() {
                for (ticket, reply) in answers {
                    if let Some(mailbox) = self.state.waiting.remove(&ticket) {
                        mailbox.put(reply);
                    }
                }
                for write in writes {
                    let records = [(GroupMetadata::key(self.name()), Some(write.record.encode()))];
                    match writes::append(self.core, self.name(), &records, self.now) {
                        Ok((partition, promise)) => {
                            let changes = vec![Change::Classic(write.then)];
                            last = Some(self.begin(UnderWay { partition, promise, changes }));
                        }
                        Err(code) => {
                            let now = self.now;
                            queue.extend(self.classic().map(|group| group.written(write.then, Err(code), now)));
                        }
                    }
                }
            }
            match self.settle_next() {
                Some(effects) => queue.push_back(effects),
                None => break,
            }
        }
        self.note_deadline();
        last
    }

    /// Appends records; the changes, made once they are in the log, count when they are safe.
    pub fn write(
        &mut self,
        records: &[Encoded],
        changes: impl FnOnce(&mut Self) -> Vec<Change>,
    ) -> Result<Pledge, ErrorCode> {
        let (partition, promise) = writes::append(self.core, self.name(), records, self.now)?;
        let changes = changes(self);
        let pledge = self.begin(UnderWay { partition, promise, changes });
        // Where nothing is flushed it is safe already.
        self.carry_on();
        Ok(pledge)
    }

    /// Lets what is decided take effect; nobody waits for what that may lead to.
    pub(super) fn carry_on(&mut self) {
        if let Some(pledge) = self.carry_out(Effects::default()) {
            pledge.abandon(self.core);
        }
    }

    pub(super) fn begin(&mut self, write: UnderWay) -> Pledge {
        let pledge = Pledge::new(self.group, &write);
        self.state.recorded = true;
        self.state.writes.push_back(write);
        pledge
    }

    /// The next write in line takes effect, if it is decided.
    fn settle_next(&mut self) -> Option<Effects> {
        let front = self.state.writes.front()?;
        let outcome = match front.partition.kept(&front.promise) {
            Kept::NotYet => return None,
            Kept::Yes => Ok(()),
            Kept::Never => {
                ::log::error!("group {:?}: a record could not be made safe on disk, and is not kept", self.name());
                self.take_back();
                Err(ErrorCode::CoordinatorNotAvailable)
            }
        };
        let mut effects = Effects::default();
        for change in self.state.writes.pop_front()?.changes {
            match change {
                Change::Classic(then) => {
                    let now = self.now;
                    // Unless the group has become one of the newer protocol meanwhile.
                    if let Some(group) = self.classic() {
                        let more = group.written(then, outcome, now);
                        effects.answers.extend(more.answers);
                        effects.writes.extend(more.writes);
                    }
                }
                _ if outcome.is_err() => {}
                Change::Consumer(made) => {
                    if let GroupKind::Consumer(group) = &mut self.state.kind {
                        made.keep(group);
                    }
                }
                Change::Offset(partition, Some(value)) => {
                    Arc::make_mut(&mut self.state.offsets).insert(partition, value);
                }
                Change::Offset(partition, None) => {
                    Arc::make_mut(&mut self.state.offsets).remove(&partition);
                }
                // Somebody may have come meanwhile.
                Change::Deleted => self.state.recorded = !self.state.writes.is_empty(),
            }
        }
        Some(effects)
    }

    fn note_deadline(&mut self) {
        let next = self.state.kind.next_deadline().unwrap_or(i64::MAX);
        if next < self.state.timer_at {
            self.state.timer_at = next;
            self.core.groups().timers().wake_at(next, self.group);
        }
    }

    /// Of no use to anybody: as if it had never been.
    fn is_blank(&self) -> bool {
        let state = &self.state;
        !state.recorded && state.kind.is_idle() && state.offsets.is_empty() && state.waiting.is_empty()
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        if self.is_blank() && !self.state.gone {
            self.state.gone = true;
            self.core.groups().remove(self.group);
        }
    }
}
