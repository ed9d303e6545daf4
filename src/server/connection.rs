//! One connection, from its first byte to its last: tells the protocols apart and hands over to one of them.

use std::io::{self, Read};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
#[cfg(target_os = "linux")]
use std::sync::OnceLock;
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use super::hangup::{Hangups, Watched};
use super::output::Output;
use super::waker::{ConnectionWaker, Watch, Woken};
use super::{kafka, text};
use crate::broker::{Caller, Core, Subscription};
use crate::protocol::text::Opening;

/// How long a closing connection listens for what the peer still sends: closing with unread bytes would make
/// the system throw away what the peer has not read yet.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES_MAX: usize = 1 << 20;
/// Room for what a connection says first. Most never say more at a time: ten thousand followers are ten thousand such buffers.
const FIRST_BYTES: usize = 1024;

pub struct Connection {
    pub core: Arc<Core>,
    pub socket: Arc<TcpStream>,
    pub caller: Caller,
    pub waker: Arc<ConnectionWaker>,
    /// Text is spoken on this listener.
    pub text: bool,
    #[cfg(target_os = "linux")]
    pub hangups: Arc<Hangups>,
    /// From the first wait on. None: the peer can't be watched, so each wait polls.
    #[cfg(target_os = "linux")]
    pub watched: OnceLock<Option<Watched>>,
    /// A stop wakes it.
    pub _stop: Subscription,
}

/// What a read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    Bytes,
    /// The peer has said all it has to say.
    End,
    /// The broker stops, or the peer was silent for too long: half a line is no line.
    NoMore,
}

/// Why a connection ended, where that is worth a word.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{0}")]
    Refused(String),
}

impl Connection {
    /// Serves the connection to its end.
    pub fn serve(&self) -> Result<(), Ended> {
        let idle_ms = self.core.config().network.idle_ms;
        let idle = u64::try_from(idle_ms).ok().filter(|ms| *ms > 0).map(Duration::from_millis);
        self.socket.set_read_timeout(idle)?;
        // A peer that never reads holds a thread no longer than one that never writes.
        self.socket.set_write_timeout(idle)?;
        let mut received = Vec::new();
        let opening = loop {
            if let Some(opening) = Opening::of(&received) {
                break opening;
            }
            match self.read_more(&mut received, FIRST_BYTES)? {
                Received::Bytes => {}
                Received::NoMore => return Ok(()),
                Received::End => match Opening::at_end(&received) {
                    Some(opening) => break opening,
                    None => return Ok(()),
                },
            }
        };
        let outcome = match opening {
            Opening::Kafka => kafka::serve(self, received),
            Opening::Text if self.text => text::serve(self, &received),
            Opening::Text => Err(Ended::Refused("text is switched off (text.enable)".to_owned())),
            refused => {
                // Best effort: the peer may be gone, and the log hears of it anyway.
                let _ = (&*self.socket).send(&refused.refusal_bytes(), false);
                Err(Ended::Refused(refused.refusal().map(|error| error.sentence).unwrap_or_default()))
            }
        };
        self.linger();
        outcome
    }

    /// Reads once into `received`, which is given room for so many bytes more.
    pub fn read_more(&self, received: &mut Vec<u8>, room: usize) -> io::Result<Received> {
        received.reserve(room);
        loop {
            match rustix::io::read(self.socket.as_fd(), rustix::buffer::spare_capacity(received)) {
                // The stop ends reading, too; what the peer was in the middle of saying is not to be completed.
                Ok(0) if self.core.is_stopping() => return Ok(Received::NoMore),
                Ok(0) => return Ok(Received::End),
                Ok(_) => return Ok(Received::Bytes),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return Ok(Received::NoMore),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits for the broker or the socket, no longer than until `deadline_ms` (`Now::mono_ms`).
    pub fn wait(&self, watch: Watch, deadline_ms: Option<i64>) -> io::Result<Woken> {
        let timeout = deadline_ms.map(|deadline| {
            let left = deadline.saturating_sub(self.core.now().mono_ms);
            Duration::from_millis(u64::try_from(left).unwrap_or(0))
        });
        #[cfg(target_os = "linux")]
        if watch != Watch::Input && self.is_watched() {
            return Ok(self.waker.sleep(watch, timeout));
        }
        self.waker.wait(self.fd(), watch, timeout)
    }

    #[cfg(target_os = "linux")]
    fn is_watched(&self) -> bool {
        self.watched.get_or_init(|| self.hangups.watch(&self.socket, &self.waker).ok()).is_some()
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Says that nothing more comes, and lets the peer read all of it. Apart, because its buffer would take a page of every
    /// connection's stack from the beginning.
    #[inline(never)]
    fn linger(&self) {
        if self.socket.shutdown(Shutdown::Write).is_err() {
            return;
        }
        let deadline = Instant::now() + LINGER;
        let mut unread = [0; 4096];
        let mut read = 0;
        while read < LINGER_BYTES_MAX {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.socket.set_read_timeout(Some(left)).is_err() {
                return;
            }
            match (&*self.socket).read(&mut unread) {
                Ok(0) | Err(_) => return,
                Ok(more) => read += more,
            }
        }
    }
}
