//! Deadlines of groups, and writes that nobody waits for: one thread sleeps until the earliest deadline, and is woken
//! for an earlier one or for news of a watched write.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::group::Group;
use crate::base::Now;
use crate::broker::core::Core;
use crate::broker::partition::Partition;
use crate::broker::waiting::{Subscription, Waker};

#[derive(Default)]
pub struct Timers {
    bell: Arc<Bell>,
}

#[derive(Default)]
struct Bell {
    state: Mutex<State>,
    rung: Condvar,
}

#[derive(Default)]
struct State {
    /// A group may stand at several; all but the first find nothing to do.
    deadlines: BTreeMap<(i64, u64), Weak<Group>>,
    entries: u64,
    watched: Vec<Watched>,
    rung: bool,
    stopping: bool,
}

/// A group that has writes under way.
struct Watched {
    group: Arc<Group>,
    _progress: Subscription,
}

impl Drop for Timers {
    /// Whoever is watched knows the bell, and the bell knows whom it watches: left alone, they would keep each other.
    fn drop(&mut self) {
        let watched = std::mem::take(&mut self.bell.state.lock().watched);
        drop(watched);
    }
}

impl Waker for Bell {
    fn wake(&self) {
        self.state.lock().rung = true;
        self.rung.notify_all();
    }
}

impl Timers {
    pub(super) fn wake_at(&self, at_ms: i64, group: &Arc<Group>) {
        let mut state = self.bell.state.lock();
        let is_first = state.deadlines.first_key_value().is_none_or(|((first, _), _)| at_ms < *first);
        state.entries += 1;
        let entry = state.entries;
        state.deadlines.insert((at_ms, entry), Arc::downgrade(group));
        if is_first {
            state.rung = true;
            self.bell.rung.notify_all();
        }
    }

    /// Sees to it that a group's writes take effect though nobody waits for them.
    pub(super) fn watch(&self, group: &Arc<Group>, partition: &Arc<Partition>) {
        let waker: Arc<dyn Waker> = self.bell.clone();
        let progress = partition.subscribe(&waker);
        let mut state = self.bell.state.lock();
        state.watched.push(Watched { group: Arc::clone(group), _progress: progress });
        // It may be safe already.
        state.rung = true;
        self.bell.rung.notify_all();
    }

    pub(super) fn stop(&self) {
        self.bell.state.lock().stopping = true;
        self.bell.rung.notify_all();
    }

    /// Carries out all that is due, and lets watched writes take effect.
    pub fn look(&self, core: &Core, now: Now) {
        let (due, watched) = {
            let mut state = self.bell.state.lock();
            state.rung = false;
            let later = state.deadlines.split_off(&(now.mono_ms.saturating_add(1), 0));
            (std::mem::replace(&mut state.deadlines, later), std::mem::take(&mut state.watched))
        };
        for group in due.into_values().filter_map(|group| group.upgrade()) {
            group.expire(core, now);
        }
        let unsettled: Vec<Watched> =
            watched.into_iter().filter(|watched| watched.group.is_writing(core, now)).collect();
        if !unsettled.is_empty() {
            self.bell.state.lock().watched.extend(unsettled);
        }
    }

    /// The thread's life, until [`stop`](Self::stop).
    pub(super) fn run(&self, core: &Core) {
        loop {
            self.look(core, core.now());
            let mut state = self.bell.state.lock();
            while !state.rung && !state.stopping {
                let Some(((at_ms, _), _)) = state.deadlines.first_key_value() else {
                    self.bell.rung.wait(&mut state);
                    continue;
                };
                let left = at_ms - core.now().mono_ms;
                let Ok(left) = u64::try_from(left) else { break };
                if left == 0 || self.bell.rung.wait_for(&mut state, Duration::from_millis(left)).timed_out() {
                    break;
                }
            }
            if state.stopping {
                return;
            }
        }
    }
}
