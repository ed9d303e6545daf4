//! A bell between two threads: one rings, the other, waiting for sockets, hears it beside them.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(unix)]
use super::poll::Watch;

#[derive(Debug)]
pub(crate) struct Bell {
    rung: AtomicBool,
    #[cfg(unix)]
    wires: (std::os::unix::net::UnixStream, std::os::unix::net::UnixStream),
}

impl Bell {
    pub(crate) fn new() -> io::Result<Bell> {
        #[cfg(unix)]
        {
            let wires = std::os::unix::net::UnixStream::pair()?;
            wires.0.set_nonblocking(true)?;
            wires.1.set_nonblocking(true)?;
            Ok(Bell { rung: AtomicBool::new(false), wires })
        }
        #[cfg(not(unix))]
        Ok(Bell { rung: AtomicBool::new(false) })
    }

    /// The wire before the mark, and the other way round when it is answered: then whatever falls between, a mark without
    /// a wire is of something that is being looked at, and a wire without a mark does not last.
    pub(crate) fn ring(&self) {
        // A wire that is full rings already.
        #[cfg(unix)]
        let _ = io::Write::write(&mut &self.wires.0, &[1]);
        self.rung.store(true, Ordering::SeqCst);
    }

    /// Whether it has been rung and nobody has answered.
    pub(crate) fn is_rung(&self) -> bool {
        self.rung.load(Ordering::SeqCst)
    }

    /// Stops it; what it was rung for is looked at afterwards, so that nothing is missed.
    pub(crate) fn answer(&self) {
        self.rung.store(false, Ordering::SeqCst);
        #[cfg(unix)]
        while io::Read::read(&mut &self.wires.1, &mut [0; 16]).is_ok_and(|count| count > 0) {}
    }

    /// Ready while it rings.
    #[cfg(unix)]
    pub(crate) fn watch(&self) -> Watch<'_> {
        Watch::readable(self.fd())
    }

    #[cfg(unix)]
    pub(crate) fn fd(&self) -> std::os::fd::BorrowedFd<'_> {
        std::os::fd::AsFd::as_fd(&self.wires.1)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::client::poll::wait;

    #[test]
    fn it_is_heard_once_it_rings_and_until_it_is_answered() {
        let bell = Bell::new().expect("a pair of sockets");
        let heard = |bell: &Bell| {
            let mut watches = [bell.watch()];
            wait(&mut watches, &mut [], None, Some(Instant::now() + Duration::from_millis(1)));
            watches[0].ready
        };
        assert!(!heard(&bell));
        bell.ring();
        bell.ring();
        assert!(heard(&bell) && bell.is_rung());
        bell.answer();
        assert!(!heard(&bell) && !bell.is_rung());
        bell.ring();
        assert!(heard(&bell), "after an answer it rings anew");
    }
}
