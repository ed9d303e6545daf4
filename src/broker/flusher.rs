//! Group commit: who finds no flush running flushes for everyone waiting.
//!
//! One round at a time. While it runs, others queue their partitions; the first of them to look again after the
//! round flushes for all of them. Data that nobody waits for is flushed soon after, by a thread of its own.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::partition::Partition;
use crate::log::disk::Disk;
use crate::log::flush_many;

/// Data that nobody waits for is flushed so long after it was appended. With the flush itself it stays within the
/// 5 ms that are promised, where the disk is that fast.
const SOON: Duration = Duration::from_millis(3);

pub struct Flusher {
    disk: Arc<dyn Disk>,
    state: Mutex<State>,
    /// The background thread has something to do, or is to end.
    called: Condvar,
    /// A round is over. Only who waits for that is woken by it: each sync of an acknowledgement ends one, and a thread woken
    /// for nothing would be in its way.
    round_ended: Condvar,
}

#[derive(Default)]
struct State {
    running: bool,
    wanted: Vec<Arc<Partition>>,
    /// Something in `wanted` has nobody who waits for it.
    soon: bool,
    stopping: bool,
}

impl Flusher {
    pub fn new(disk: Arc<dyn Disk>) -> Flusher {
        Flusher { disk, state: Mutex::default(), called: Condvar::new(), round_ended: Condvar::new() }
    }

    /// Queues a partition for the next round, which the caller is going to [`run`](Self::run) or to wait for.
    pub fn want(&self, partition: &Arc<Partition>) {
        if !partition.flush_wanted.swap(true, Ordering::AcqRel) {
            self.state.lock().wanted.push(Arc::clone(partition));
        }
    }

    /// Has a partition flushed by the background thread.
    pub fn soon(&self, partition: &Arc<Partition>) {
        self.want(partition);
        let mut state = self.state.lock();
        if !state.soon {
            state.soon = true;
            self.called.notify_one();
        }
    }

    /// Runs one round for everything queued, unless a round is running: then its runner wakes whoever waits.
    pub fn run(&self) {
        let round = {
            let mut state = self.state.lock();
            if state.running || state.wanted.is_empty() {
                return;
            }
            state.running = true;
            std::mem::take(&mut state.wanted)
        };
        for partition in &round {
            // Before the flush begins: an append from now on is not covered and must queue again.
            partition.flush_wanted.store(false, Ordering::Release);
        }
        self.flush(&round);
        let waiting = {
            let mut state = self.state.lock();
            state.running = false;
            self.round_ended.notify_one();
            state.wanted.clone()
        };
        for partition in waiting {
            partition.wake_all();
        }
    }

    /// The background thread's life: flushes what nobody waits for, until [`stop`](Self::stop).
    pub fn run_in_background(&self) {
        loop {
            {
                let mut state = self.state.lock();
                self.called.wait_while(&mut state, |state| !state.soon && !state.stopping);
                if state.stopping {
                    return;
                }
            }
            // What comes meanwhile shares the flush; who waits for his own does not wait for this.
            std::thread::sleep(SOON);
            {
                let mut state = self.state.lock();
                state.soon = false;
                self.round_ended.wait_while(&mut state, |state| state.running);
            }
            self.run();
        }
    }

    pub fn stop(&self) {
        self.state.lock().stopping = true;
        self.called.notify_one();
    }

    fn flush(&self, round: &[Arc<Partition>]) {
        // Only what was appended to is here, so none of them is offline.
        let online = round.iter().filter_map(|partition| Some((partition, partition.online()?)));
        let (partitions, logs): (Vec<_>, Vec<_>) = online.unzip();
        let outcomes = flush_many(self.disk.as_ref(), &logs);
        for (partition, outcome) in partitions.into_iter().zip(outcomes) {
            if let Err(error) = outcome {
                ::log::error!("{}: {error}", partition.name());
            }
            partition.after_flush();
        }
    }
}
