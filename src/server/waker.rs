//! Waiting on a socket and on the broker at the same time.
//!
//! Who waits for bytes, too, polls (poll(2) with an eventfd). Who waits for the broker alone sleeps, and is told by
//! [`Hangups`](super::hangup::Hangups) if the peer goes away: that costs no descriptor and the fewest system calls.
//! A connection that never polls never opens an eventfd, so thousands of them cost one descriptor each.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
#[cfg(target_os = "linux")]
use std::sync::atomic::AtomicU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
#[cfg(target_os = "linux")]
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::broker::Waker;

/// Wakes one connection's thread.
#[derive(Default)]
pub struct ConnectionWaker {
    signalled: AtomicBool,
    fds: OnceLock<WakeFds>,
    #[cfg(target_os = "linux")]
    bed: Bed,
}

/// Where a thread sleeps, and why it should not.
#[cfg(target_os = "linux")]
#[derive(Default)]
struct Bed {
    /// Counts what has happened: a futex.
    roused: AtomicU32,
    taken: AtomicBool,
    /// The peer sends no more.
    ended: AtomicBool,
    /// The connection is no more.
    broken: AtomicBool,
}

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// The socket has bytes, or the peer is gone; the next read tells which.
    Socket,
    /// Something that was waited for may have happened.
    Broker,
    Timeout,
}

/// What to look for on the socket meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// Bytes to read.
    Input,
    /// Only that the peer will send no more: what it has sent can wait.
    Hangup,
    /// Only that the connection is broken: the peer is known to send no more.
    Broken,
}

impl Waker for ConnectionWaker {
    fn wake(&self) {
        if self.signalled.swap(true, Ordering::SeqCst) {
            return;
        }
        if let Some(fds) = self.fds.get() {
            fds.signal();
        }
        #[cfg(target_os = "linux")]
        self.bed.rouse();
    }
}

impl ConnectionWaker {
    /// Waits for whichever comes first; `None` waits without end. A wake-up from before the call counts.
    pub fn wait(&self, socket: BorrowedFd<'_>, watch: Watch, timeout: Option<Duration>) -> io::Result<Woken> {
        let fds = match self.fds.get() {
            Some(fds) => fds,
            None => {
                let made = WakeFds::new()?;
                self.fds.get_or_init(|| made)
            }
        };
        // Set before the descriptor existed, or between the last look and now: see `take`.
        if self.take(Some(fds)) {
            return Ok(Woken::Broker);
        }
        let timeout = timeout.map(timespec);
        let flags = match watch {
            Watch::Input => PollFlags::IN | hangup(),
            Watch::Hangup => hangup(),
            // Errors are always told.
            Watch::Broken => PollFlags::empty(),
        };
        let mut polled = [PollFd::from_borrowed_fd(socket, flags), PollFd::new(fds.reader(), PollFlags::IN)];
        match poll(&mut polled, timeout.as_ref()) {
            Ok(0) => return Ok(Woken::Timeout),
            Ok(_) => {}
            // A signal: the caller looks around and waits again.
            Err(rustix::io::Errno::INTR) => return Ok(Woken::Broker),
            Err(error) => return Err(error.into()),
        }
        let signalled = !polled[1].revents().is_empty();
        if self.take(Some(fds)) {
            return Ok(Woken::Broker);
        }
        if signalled {
            // The byte of a wake-up whose flag was taken before the byte was written: nothing happened on the socket.
            fds.drain();
            return Ok(Woken::Broker);
        }
        Ok(Woken::Socket)
    }

    /// Waits for the broker, or until [`hung_up`](Self::hung_up) tells of what is watched for; `None` waits without end. A
    /// wake-up from before the call counts.
    #[cfg(target_os = "linux")]
    pub fn sleep(&self, watch: Watch, timeout: Option<Duration>) -> Woken {
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        loop {
            let roused = self.bed.lie_down();
            let woken = if self.take(self.fds.get()) {
                Some(Woken::Broker)
            } else {
                self.bed.has_lost(watch).then_some(Woken::Socket)
            };
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let woken = woken.or_else(|| left.is_some_and(|left| left.is_zero()).then_some(Woken::Timeout));
            if let Some(woken) = woken {
                self.bed.taken.store(false, Ordering::SeqCst);
                return woken;
            }
            self.bed.sleep(roused, left);
        }
    }

    /// The peer sends no more; `broken`: and takes no more.
    #[cfg(target_os = "linux")]
    pub fn hung_up(&self, broken: bool) {
        self.bed.ended.store(true, Ordering::SeqCst);
        if broken {
            self.bed.broken.store(true, Ordering::SeqCst);
        }
        self.bed.rouse();
    }

    /// Takes a pending wake-up. The flag falls before the descriptor is drained: a wake-up in between sets the flag
    /// again and is found by the next wait, whether or not its byte was drained.
    fn take(&self, fds: Option<&WakeFds>) -> bool {
        let was = self.signalled.swap(false, Ordering::SeqCst);
        if let Some(fds) = fds.filter(|_| was) {
            fds.drain();
        }
        was
    }
}

/// The futex is not marked as private to this process, though it is. Linux (from 6.16 on) looks private ones up in a table of a
/// process's own, which has four places for each processor, however many threads sleep: among ten thousand it takes 20 microseconds
/// to find the one to wake.
#[cfg(target_os = "linux")]
const FUTEX: rustix::thread::futex::Flags = rustix::thread::futex::Flags::empty();

#[cfg(target_os = "linux")]
impl Bed {
    /// Before the reasons to stay awake are looked at: whoever has one later changes the number that this gives, and wakes.
    fn lie_down(&self) -> u32 {
        self.taken.store(true, Ordering::SeqCst);
        self.roused.load(Ordering::SeqCst)
    }

    /// Unless something has happened since `roused`. It may end for no reason.
    fn sleep(&self, roused: u32, timeout: Option<Duration>) {
        let timeout = timeout.map(timespec);
        // Whatever it says, the caller looks around.
        let _ = rustix::thread::futex::wait(&self.roused, FUTEX, roused, timeout.as_ref());
    }

    fn rouse(&self) {
        self.roused.fetch_add(1, Ordering::SeqCst);
        if self.taken.load(Ordering::SeqCst) {
            let _ = rustix::thread::futex::wake(&self.roused, FUTEX, 1);
        }
    }

    fn has_lost(&self, watch: Watch) -> bool {
        self.broken.load(Ordering::SeqCst) || watch != Watch::Broken && self.ended.load(Ordering::SeqCst)
    }
}

fn timespec(length: Duration) -> Timespec {
    Timespec { tv_sec: length.as_secs() as i64, tv_nsec: length.subsec_nanos().into() }
}

/// The peer closed its writing side, or all of it. Where only the latter can be asked for, a client that gives up
/// while it waits is noticed when it is answered.
fn hangup() -> PollFlags {
    #[cfg(target_os = "linux")]
    return PollFlags::RDHUP;
    #[cfg(not(target_os = "linux"))]
    return PollFlags::HUP;
}

#[cfg(target_os = "linux")]
struct WakeFds(OwnedFd);

#[cfg(target_os = "linux")]
impl WakeFds {
    fn new() -> io::Result<WakeFds> {
        use rustix::event::{EventfdFlags, eventfd};
        Ok(WakeFds(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    fn reader(&self) -> &OwnedFd {
        &self.0
    }

    fn signal(&self) {
        // It can only fail when the counter is full, and then it is readable as it is.
        let _ = rustix::io::write(self.0.as_fd(), &1u64.to_ne_bytes());
    }

    fn drain(&self) {
        let _ = rustix::io::read(self.0.as_fd(), &mut [0u8; 8]);
    }
}

#[cfg(not(target_os = "linux"))]
struct WakeFds {
    reader: OwnedFd,
    writer: OwnedFd,
}

#[cfg(not(target_os = "linux"))]
impl WakeFds {
    fn new() -> io::Result<WakeFds> {
        let (reader, writer) = rustix::pipe::pipe()?;
        rustix::io::ioctl_fionbio(&reader, true)?;
        rustix::io::ioctl_fionbio(&writer, true)?;
        Ok(WakeFds { reader, writer })
    }

    fn reader(&self) -> &OwnedFd {
        &self.reader
    }

    fn signal(&self) {
        let _ = rustix::io::write(self.writer.as_fd(), &[1]);
    }

    fn drain(&self) {
        let _ = rustix::io::read(self.reader.as_fd(), &mut [0u8; 64]);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;

    use super::*;

    const LONG: Option<Duration> = Some(Duration::from_secs(20));

    #[test]
    fn each_cause_is_told_apart() {
        let (mut near, far) = UnixStream::pair().expect("a pair");
        let waker = ConnectionWaker::default();
        let wait = |watch, timeout| waker.wait(far.as_fd(), watch, timeout).expect("polls");
        assert_eq!(wait(Watch::Input, Some(Duration::from_millis(1))), Woken::Timeout);
        waker.wake();
        waker.wake();
        assert_eq!(wait(Watch::Input, LONG), Woken::Broker);
        assert_eq!(wait(Watch::Input, Some(Duration::ZERO)), Woken::Timeout, "two wakes are one");
        near.write_all(b"x").expect("writes");
        assert_eq!(wait(Watch::Input, LONG), Woken::Socket);
        assert_eq!(wait(Watch::Hangup, Some(Duration::ZERO)), Woken::Timeout, "bytes are no hangup");
        drop(near);
        assert_eq!(wait(Watch::Hangup, LONG), Woken::Socket);
    }

    #[test]
    fn a_wake_before_the_first_wait_counts() {
        let (_near, far) = UnixStream::pair().expect("a pair");
        let waker = ConnectionWaker::default();
        waker.wake();
        assert_eq!(waker.wait(far.as_fd(), Watch::Input, LONG).expect("polls"), Woken::Broker);
    }

    #[test]
    fn a_wake_whose_byte_comes_late_is_no_news_from_the_socket() {
        // A waker sets its flag, then writes its byte; a wait in between takes the flag alone. The byte that was left
        // looked like a hangup to the next wait, and the connection was closed.
        let (_near, far) = UnixStream::pair().expect("a pair");
        let waker = ConnectionWaker::default();
        let wait = |watch, timeout| waker.wait(far.as_fd(), watch, timeout).expect("polls");
        assert_eq!(wait(Watch::Hangup, Some(Duration::ZERO)), Woken::Timeout);
        waker.fds.get().expect("made by the first wait").signal();
        assert_eq!(wait(Watch::Hangup, LONG), Woken::Broker);
        assert_eq!(wait(Watch::Hangup, Some(Duration::ZERO)), Woken::Timeout, "the byte is gone");
    }

    #[test]
    fn another_thread_wakes() {
        let (_near, far) = UnixStream::pair().expect("a pair");
        let waker = Arc::new(ConnectionWaker::default());
        let other = Arc::clone(&waker);
        let thread = std::thread::spawn(move || other.wake());
        assert_eq!(waker.wait(far.as_fd(), Watch::Input, LONG).expect("polls"), Woken::Broker);
        thread.join().expect("no panic");
    }
}
