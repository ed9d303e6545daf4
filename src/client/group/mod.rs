//! Membership in a consumer group (the classic protocol): its partitions come and go while records are read.
//!
//! [`Membership`] runs on a small thread of its own, beside the reader's. Whoever reads into a pipe is blocked for as
//! long as the pipe is full, and a group does not wait: heartbeats have to go on, and others to be let in. So the thread
//! speaks with the coordinator, over a connection of its own (a JoinGroup holds up everything behind it until all
//! others have joined), and the reader looks at what it says between two writes. Nothing is handed from one to the
//! other while records flow, which costs them nothing.
//!
//! They agree on three sets: what the group gives (*wanted*), what is read (*held*), and what JoinGroup claims. The
//! reader gives up what is not wanted any more, after it has committed it, and takes up what is new; the thread claims
//! everything that is held, so that nobody else gets it before.
//!
//! [`Member`](member::Member) decides, `work` is its hands, [`sharing`] is what a group's leader works out for the
//! others, [`GroupOffsets`] reads and writes what a group has committed.

mod description;
mod member;
#[cfg(test)]
mod member_tests;
mod offsets;
mod sharing;
mod subscriber;
#[cfg(test)]
mod tests;
mod work;

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;

pub use description::{GroupDescription, GroupMember, describe};
pub use offsets::{Committer, GroupOffsets};

use self::work::Work;
use super::poll::Stop;
#[cfg(unix)]
use super::poll::Watch;
use super::wake::Bell;
use super::{ClientConfig, ClientError};
use crate::base::{TopicName, TopicPartition};
use crate::config::Assignor;

/// Enough for one connection and its frames, which lie on the heap.
const STACK_BYTES: usize = 256 * 1024;

/// What a member is like. The names behind the fields are Kafka's.
#[derive(Debug, Clone)]
pub struct MemberConfig {
    /// `group.id`.
    pub group: String,
    /// `group.instance.id`: a static member (KIP-345), which does not leave when it ends.
    pub instance: Option<String>,
    pub topics: BTreeSet<TopicName>,
    /// `partition.assignment.strategy`, of which `cooperative-sticky` and `range` are known; the preferred first.
    pub assignors: Vec<Assignor>,
    /// `session.timeout.ms`: after so long without a heartbeat the group goes on without this member.
    pub session_timeout: Duration,
    /// `heartbeat.interval.ms`: also how soon it learns that others come or go.
    pub heartbeat_interval: Duration,
    /// `max.poll.interval.ms`: how long the group waits for this member when it rebalances.
    pub rebalance_timeout: Duration,
    /// `metadata.max.age.ms`: how often the leader looks whether there are more partitions.
    pub metadata_max_age: Duration,
    pub retry_backoff: Duration,
    /// `client.rack`.
    pub rack: Option<String>,
    /// How long the coordinator may be gone before that is an error; for ever, if none.
    pub reconnect_for: Option<Duration>,
}

/// What the group says at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupView {
    /// What is to be read; none before the group has said it for the first time.
    pub wanted: Option<BTreeSet<TopicPartition>>,
    /// Counts how often the group went on without this member: what was held before belongs to others by now, perhaps,
    /// and can't be committed.
    pub losses: u32,
    /// Whether the group is at rest with every partition given to somebody; none if only the coordinator knows.
    pub is_settled: Option<bool>,
}

/// A place in a group, from [`join`](Membership::join) until it is dropped, which leaves the group.
#[derive(Debug)]
pub struct Membership {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// Between the reader and the member's thread.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Something has changed that the reader wants to know.
    for_reader: Bell,
    for_member: Bell,
    leave: Arc<LeaveBell>,
}

#[derive(Debug)]
struct State {
    view: GroupView,
    held: BTreeSet<TopicPartition>,
    committer: Committer,
    ended: Option<ClientError>,
}

/// Asks the member's thread to come to an end, whatever it waits for.
#[derive(Debug)]
struct LeaveBell(Bell);

impl Stop for LeaveBell {
    fn is_asked(&self) -> bool {
        self.0.is_rung()
    }

    #[cfg(unix)]
    fn readable(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        Some(self.0.fd())
    }
}

impl Membership {
    /// Enters a group; how that goes on is told by [`view`](Self::view).
    pub fn join(client: &ClientConfig, config: MemberConfig) -> io::Result<Membership> {
        let committer = Committer { instance: config.instance.clone(), ..Committer::outside() };
        let view = GroupView { wanted: None, losses: 0, is_settled: Some(false) };
        let shared = Arc::new(Shared {
            state: Mutex::new(State { view, held: BTreeSet::new(), committer, ended: None }),
            for_reader: Bell::new()?,
            for_member: Bell::new()?,
            leave: Arc::new(LeaveBell(Bell::new()?)),
        });
        let work = Work::new(client.clone(), config, Arc::clone(&shared));
        let builder = std::thread::Builder::new().name("group member".to_owned()).stack_size(STACK_BYTES);
        let thread = builder.spawn(move || work.run())?;
        Ok(Membership { shared, thread: Some(thread) })
    }

    /// What the group says now; an error if the membership has come to its end.
    pub fn view(&self) -> Result<GroupView, ClientError> {
        self.shared.for_reader.answer();
        let state = self.shared.state.lock();
        match &state.ended {
            Some(error) => Err(error.clone()),
            None => Ok(state.view.clone()),
        }
    }

    /// Whether something has changed since the last [`view`](Self::view); costs nothing.
    pub fn has_news(&self) -> bool {
        self.shared.for_reader.is_rung()
    }

    /// Ready while there are news.
    #[cfg(unix)]
    pub fn watch(&self) -> Watch<'_> {
        self.shared.for_reader.watch()
    }

    /// From now on these are read too; false if the group does not want that any more: look at the
    /// [`view`](Self::view) again.
    #[must_use]
    pub fn take_up(&self, places: &BTreeSet<TopicPartition>, losses: u32) -> bool {
        let mut state = self.shared.state.lock();
        let is_true = state.view.losses == losses && state.view.wanted.as_ref().is_some_and(|w| places.is_subset(w));
        if is_true {
            state.held.extend(places.iter().cloned());
            self.shared.for_member.ring();
        }
        is_true
    }

    /// These are not read any more, and what was read of them is committed.
    pub fn give_up(&self, places: &BTreeSet<TopicPartition>) {
        self.shared.state.lock().held.retain(|place| !places.contains(place));
        self.shared.for_member.ring();
    }

    /// In whose name offsets are committed.
    pub fn committer(&self) -> Committer {
        self.shared.state.lock().committer.clone()
    }

    /// Leaves the group, and returns when that is done, or when it can't be done soon.
    pub fn leave(self) {
        drop(self);
    }

    /// Starts to leave, on the member's own thread: for somebody who can't wait.
    pub fn leaver(&self) -> Leaver {
        Leaver { shared: Arc::clone(&self.shared) }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.leaver().leave();
        if let Some(thread) = self.thread.take() {
            // It panicked, which has been told.
            let _ = thread.join();
        }
    }
}

/// Ends a membership from elsewhere.
#[derive(Debug, Clone)]
pub struct Leaver {
    shared: Arc<Shared>,
}

impl Leaver {
    pub fn leave(&self) {
        self.shared.leave.0.ring();
    }
}
