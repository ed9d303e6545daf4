//! When silence or slowness of a member is too much. Not in the log: after a start everybody begins anew.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub(super) struct Timers {
    of_member: BTreeMap<String, Deadlines>,
    /// The next deadline of each member.
    queue: BTreeSet<(i64, String)>,
}

/// In `Now::mono_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deadlines {
    /// Without a heartbeat until then, it is taken for dead.
    pub session_ms: i64,
    /// Until then it has to have given up what it was asked to.
    pub revocation_ms: Option<i64>,
}

impl Deadlines {
    fn next_ms(&self) -> i64 {
        self.revocation_ms.map_or(self.session_ms, |revocation| revocation.min(self.session_ms))
    }
}

impl Timers {
    pub fn get(&self, member: &str) -> Option<Deadlines> {
        self.of_member.get(member).copied()
    }

    pub fn set(&mut self, member: &str, deadlines: Deadlines) {
        self.forget(member);
        self.queue.insert((deadlines.next_ms(), member.to_owned()));
        self.of_member.insert(member.to_owned(), deadlines);
    }

    pub fn forget(&mut self, member: &str) {
        if let Some(before) = self.of_member.remove(member) {
            self.queue.remove(&(before.next_ms(), member.to_owned()));
        }
    }

    pub fn next_ms(&self) -> Option<i64> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// The members whose time is over.
    pub fn due(&self, now_ms: i64) -> impl Iterator<Item = &str> {
        self.queue.iter().take_while(move |(at, _)| *at <= now_ms).map(|(_, member)| member.as_str())
    }
}
