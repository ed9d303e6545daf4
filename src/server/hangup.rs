//! Hears of every peer that goes away while its connection waits for the broker: one thread with one epoll(7) for all of them.
//!
//! So a Kafka connection that waits for records has no second descriptor to be woken by, and ten thousand followers fit into
//! a limit of twenty thousand open files. Its thread sleeps as cheaply as a thread can.

use std::collections::HashMap;
use std::io;
use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};

use super::waker::ConnectionWaker;

const EVENTS_MAX: usize = 64;
/// The key of the descriptor that ends the thread.
const STOP_KEY: u64 = 0;

pub struct Hangups {
    epoll: OwnedFd,
    stop: OwnedFd,
    watched: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    wakers: HashMap<u64, Weak<ConnectionWaker>>,
    last_key: u64,
}

/// A peer that is watched for as long as this lives.
pub struct Watched {
    hangups: Arc<Hangups>,
    socket: Arc<TcpStream>,
    key: u64,
}

impl Hangups {
    pub fn new() -> io::Result<Arc<Hangups>> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let stop = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &stop, epoll::EventData::new_u64(STOP_KEY), epoll::EventFlags::IN)?;
        Ok(Arc::new(Hangups { epoll, stop, watched: Mutex::default() }))
    }

    /// Tells `waker` of the end of what the peer sends, and of the end of the connection; also of one that was there before.
    pub fn watch(self: &Arc<Self>, socket: &Arc<TcpStream>, waker: &Arc<ConnectionWaker>) -> io::Result<Watched> {
        let key = {
            let mut table = self.watched.lock();
            table.last_key += 1;
            let key = table.last_key;
            table.wakers.insert(key, Arc::downgrade(waker));
            key
        };
        // From here on it takes itself out again.
        let watched = Watched { hangups: Arc::clone(self), socket: Arc::clone(socket), key };
        // Edges, because bytes and an end that nobody looks at yet must not wake this thread again and again.
        epoll::add(
            &self.epoll,
            socket,
            epoll::EventData::new_u64(key),
            epoll::EventFlags::RDHUP | epoll::EventFlags::ET,
        )?;
        Ok(watched)
    }

    /// Works until [`stop`](Self::stop), and tells of all that was before it.
    pub fn run(&self) {
        let mut events = [MaybeUninit::<epoll::Event>::uninit(); EVENTS_MAX];
        let mut stopped = None;
        loop {
            // Once stopped, it only looks.
            let ready = match epoll::wait(&self.epoll, &mut events, stopped.as_ref()) {
                Ok((ready, _)) => ready,
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => {
                    ::log::error!("peers that go away while they wait are not noticed any more: {error}");
                    return;
                }
            };
            // The stop is there at every look.
            if stopped.is_some() && ready.iter().all(|event| event.data.u64() == STOP_KEY) {
                return;
            }
            for event in ready {
                let key = event.data.u64();
                if key == STOP_KEY {
                    stopped = Some(Timespec::default());
                    continue;
                }
                let flags = event.flags;
                let waker = self.watched.lock().wakers.get(&key).and_then(Weak::upgrade);
                if let Some(waker) = waker {
                    waker.hung_up(flags.intersects(epoll::EventFlags::HUP | epoll::EventFlags::ERR));
                }
            }
        }
    }

    pub fn stop(&self) {
        // It can only fail when the counter is full, and then it is readable as it is.
        let _ = rustix::io::write(&self.stop, &1u64.to_ne_bytes());
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.hangups.watched.lock().wakers.remove(&self.key);
        // It is not there if it could not be added.
        let _ = epoll::delete(&self.hangups.epoll, &self.socket);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{Shutdown, TcpListener};
    use std::time::Duration;

    use super::super::waker::{Watch, Woken};
    use super::*;

    const LONG: Option<Duration> = Some(Duration::from_secs(20));

    struct Running(Arc<Hangups>, Option<std::thread::JoinHandle<()>>);

    impl Running {
        fn new() -> Running {
            let hangups = Hangups::new().expect("an epoll");
            let worker = Arc::clone(&hangups);
            Running(hangups, Some(std::thread::spawn(move || worker.run())))
        }
    }

    impl Drop for Running {
        fn drop(&mut self) {
            self.0.stop();
            self.1.take().expect("once").join().expect("no panic");
        }
    }

    fn pair() -> (TcpStream, Arc<TcpStream>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let near = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        (near, Arc::new(listener.accept().expect("accepts").0))
    }

    #[test]
    fn an_end_and_a_break_are_told_apart_and_bytes_are_neither() {
        let running = Running::new();
        let (mut near, far) = pair();
        let waker = Arc::new(ConnectionWaker::default());
        let _watched = running.0.watch(&far, &waker).expect("watches");
        near.write_all(b"x").expect("writes");
        assert_eq!(waker.sleep(Watch::Hangup, Some(Duration::from_millis(1))), Woken::Timeout);
        near.shutdown(Shutdown::Write).expect("shuts");
        assert_eq!(waker.sleep(Watch::Hangup, LONG), Woken::Socket);
        assert_eq!(waker.sleep(Watch::Hangup, LONG), Woken::Socket, "it stays so");
        assert_eq!(waker.sleep(Watch::Broken, Some(Duration::from_millis(1))), Woken::Timeout);
        // Closed with bytes that it has not read, it resets the connection.
        (&*far).write_all(b"unread").expect("writes");
        drop(near);
        (&*far).write_all(b"more").ok();
        assert_eq!(waker.sleep(Watch::Broken, LONG), Woken::Socket);
    }

    #[test]
    fn an_end_from_before_is_told() {
        let running = Running::new();
        let (near, far) = pair();
        drop(near);
        let waker = Arc::new(ConnectionWaker::default());
        let _watched = running.0.watch(&far, &waker).expect("watches");
        assert_eq!(waker.sleep(Watch::Hangup, LONG), Woken::Socket);
    }

    #[test]
    fn who_is_watched_no_more_is_forgotten() {
        let running = Running::new();
        let (_near, far) = pair();
        let waker = Arc::new(ConnectionWaker::default());
        drop(running.0.watch(&far, &waker).expect("watches"));
        assert!(running.0.watched.lock().wakers.is_empty());
        let _again = running.0.watch(&far, &waker).expect("nothing is left of the first time");
    }
}
