//! Who waits for a partition (or a group) to move on, and how they are woken.
//!
//! A handler never blocks: it subscribes its connection's [`Waker`] and says what it waits for. Whoever moves
//! the thing on wakes all subscribers, and each looks for itself whether it has what it wants. Subscribing comes
//! before looking, so no wake-up is lost; waking twice is harmless.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering, fence};

use parking_lot::Mutex;

/// Wakes one connection. The server's rouses its thread; a test's may be a flag.
pub trait Waker: Send + Sync {
    fn wake(&self);
}

/// So many are woken between one hold of the list's lock and the next: who is awake takes itself off the list, and
/// thousands of them are not to stand in line for the lock while others are woken under it.
const WOKEN_AT_ONCE: usize = 32;

/// A list of those who wait for one thing.
#[derive(Default)]
pub struct WaitList {
    /// Read on every append, so that nobody waiting costs nobody a lock.
    count: AtomicUsize,
    places: Mutex<Places>,
}

#[derive(Default)]
struct Places {
    /// The last one is taken.
    wakers: Vec<Option<Arc<dyn Waker>>>,
    /// The lowest is taken next, so that a crowd that has gone leaves no long list behind.
    free: BTreeSet<usize>,
}

impl WaitList {
    pub fn new() -> Arc<WaitList> {
        Arc::new(WaitList::default())
    }

    /// Adds a waker until the subscription is dropped.
    pub fn subscribe(self: &Arc<Self>, waker: &Arc<dyn Waker>) -> Subscription {
        let mut places = self.places.lock();
        let waker = Some(Arc::clone(waker));
        let place = match places.free.pop_first() {
            Some(place) => {
                places.wakers[place] = waker;
                place
            }
            None => {
                places.wakers.push(waker);
                places.wakers.len() - 1
            }
        };
        self.count.store(places.taken(), Ordering::SeqCst);
        Subscription { list: Arc::clone(self), place }
    }

    /// Wakes all who were on the list before the call.
    pub fn wake_all(&self) {
        // What they are woken for was written before the count is read, or who comes now sees it.
        fence(Ordering::SeqCst);
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        // Who comes while others are woken has no need of it, wherever on the list it stands.
        let end = self.places.lock().wakers.len();
        let mut some: Vec<Arc<dyn Waker>> = Vec::new();
        for from in (0..end).step_by(WOKEN_AT_ONCE) {
            let upto = end.min(from + WOKEN_AT_ONCE);
            some.extend(self.places.lock().wakers.iter().take(upto).skip(from).flatten().cloned());
            some.drain(..).for_each(|waker| waker.wake());
        }
    }
}

impl Places {
    fn taken(&self) -> usize {
        self.wakers.len() - self.free.len()
    }
}

/// Ends the wait when dropped.
pub struct Subscription {
    list: Arc<WaitList>,
    place: usize,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut places = self.list.places.lock();
        let places = &mut *places;
        places.wakers[self.place] = None;
        places.free.insert(self.place);
        while let Some(None) = places.wakers.last() {
            places.wakers.pop();
            places.free.remove(&places.wakers.len());
        }
        self.list.count.store(places.taken(), Ordering::SeqCst);
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

    #[test]
    fn places_are_taken_again_and_a_crowd_is_woken_whole() {
        let list = WaitList::new();
        let flag = Arc::new(Flag::default());
        let waker: Arc<dyn Waker> = flag.clone();
        let mut crowd: Vec<Subscription> = (0..100).map(|_| list.subscribe(&waker)).collect();
        crowd.retain(|subscription| subscription.place % 3 == 0);
        crowd.extend((0..50).map(|_| list.subscribe(&waker)));
        assert!(list.places.lock().wakers.len() <= 100);
        list.wake_all();
        assert_eq!(flag.0.load(Ordering::SeqCst), 34 + 50);
        crowd.truncate(1);
        assert_eq!(list.places.lock().wakers.len(), 1, "no longer than its last place that is taken");
        drop(crowd);
        assert!(list.places.lock().wakers.is_empty() && list.places.lock().free.is_empty());
    }

    /// Takes itself off the list as soon as it is woken.
    #[derive(Default)]
    struct Leaving(Mutex<Option<Subscription>>);

    impl Waker for Leaving {
        fn wake(&self) {
            self.0.lock().take();
        }
    }

    #[test]
    fn who_is_woken_can_leave_at_once() {
        let list = WaitList::new();
        let leaving = Arc::new(Leaving::default());
        let waker: Arc<dyn Waker> = leaving.clone();
        *leaving.0.lock() = Some(list.subscribe(&waker));
        list.wake_all();
        assert_eq!(list.count.load(Ordering::SeqCst), 0);
    }
}
