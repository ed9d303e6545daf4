//! Who waits for a partition (or a group) to move on, and how they are woken.
//!
//! A handler never blocks: it subscribes its connection's [`Waker`] and says what it waits for. Whoever moves
//! the thing on wakes all subscribers, and each looks for itself whether it has what it wants. Subscribing comes
//! before looking, so no wake-up is lost; waking twice is harmless.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

/// Wakes one connection. The server's is an eventfd; a test's may be a flag.
pub trait Waker: Send + Sync {
    fn wake(&self);
}

/// A list of those who wait for one thing.
#[derive(Default)]
pub struct WaitList {
    /// Read on every append, so that nobody waiting costs nobody a lock.
    count: AtomicUsize,
    next_id: AtomicU64,
    waiting: Mutex<Vec<(u64, Arc<dyn Waker>)>>,
}

impl WaitList {
    pub fn new() -> Arc<WaitList> {
        Arc::new(WaitList::default())
    }

    /// Adds a waker until the subscription is dropped.
    pub fn subscribe(self: &Arc<Self>, waker: &Arc<dyn Waker>) -> Subscription {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let mut waiting = self.waiting.lock();
        waiting.push((id, Arc::clone(waker)));
        self.count.store(waiting.len(), Ordering::SeqCst);
        Subscription { list: Arc::clone(self), id }
    }

    pub fn wake_all(&self) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        for (_, waker) in self.waiting.lock().iter() {
            waker.wake();
        }
    }
}

/// Ends the wait when dropped.
pub struct Subscription {
    list: Arc<WaitList>,
    id: u64,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut waiting = self.list.waiting.lock();
        if let Some(at) = waiting.iter().position(|(id, _)| *id == self.id) {
            waiting.swap_remove(at);
        }
        self.list.count.store(waiting.len(), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Flag(AtomicUsize);

    impl Waker for Flag {
        fn wake(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn only_who_is_subscribed_is_woken() {
        let list = WaitList::new();
        let flag = Arc::new(Flag::default());
        let waker: Arc<dyn Waker> = flag.clone();
        list.wake_all();
        let first = list.subscribe(&waker);
        let second = list.subscribe(&waker);
        list.wake_all();
        assert_eq!(flag.0.load(Ordering::SeqCst), 2);
        drop(first);
        list.wake_all();
        assert_eq!(flag.0.load(Ordering::SeqCst), 3);
        drop(second);
        list.wake_all();
        assert_eq!(flag.0.load(Ordering::SeqCst), 3);
    }
}
