//! Ctrl-C and SIGTERM, and the SIGHUP of a terminal that is closed. The first asks, a second Ctrl-C or SIGTERM ends the
//! process at once with 130; a signal that was ignored when the program started (`nohup`, a background job) stays
//! ignored.
//!
//! Whoever waits can be woken in three ways: by the file descriptor, which becomes readable at the first signal and
//! stays so (for poll(2) beside a socket), by [`Interrupts::wait_timeout`], or by a callback.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::client::Stop;

/// Whether this process was asked to stop. Clones ask the same question.
#[derive(Debug, Clone)]
pub struct Interrupts {
    asked: Arc<AtomicBool>,
    wake: Arc<platform::Wake>,
}

impl Interrupts {
    /// Takes the signals over; once per process.
    pub fn install() -> io::Result<Interrupts> {
        let asked = Arc::new(AtomicBool::new(false));
        let wake = Arc::new(platform::install(&asked)?);
        Ok(Interrupts { asked, wake })
    }

    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// Blocks until the first signal.
    pub fn wait(&self) {
        while !self.is_asked() {
            self.wake.wait(None);
        }
    }

    /// Sleeps that long, or until the first signal; whether there was one.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        let until = Instant::now() + timeout;
        while !self.is_asked() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            self.wake.wait(Some(left));
        }
        true
    }

    /// Runs `then` at the first signal, on a small thread of its own.
    pub fn on_first(&self, then: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let interrupts = self.clone();
        std::thread::Builder::new().name("interrupts".to_owned()).stack_size(64 * 1024).spawn(move || {
            interrupts.wait();
            then();
        })?;
        Ok(())
    }
}

impl Stop for Interrupts {
    fn is_asked(&self) -> bool {
        Interrupts::is_asked(self)
    }

    #[cfg(unix)]
    fn readable(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        Some(std::os::fd::AsFd::as_fd(self))
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for Interrupts {
    /// Readable from the first signal on. To be polled, never read.
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.wake.readable.as_fd()
    }
}

#[cfg(unix)]
mod platform {
    use std::io;
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::{flag, low_level};

    use crate::cli::failure::Exit;

    #[derive(Debug)]
    pub(super) struct Wake {
        pub(super) readable: UnixStream,
    }

    pub(super) fn install(asked: &Arc<AtomicBool>) -> io::Result<Wake> {
        let (readable, writable) = UnixStream::pair()?;
        let ignored = ignored_signals();
        for signal in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0) {
            // Actions run in this order: leave if this is the second, remember the first, wake who waits. A terminal that
            // goes may say so twice, through the shell too.
            if signal != SIGHUP {
                flag::register_conditional_shutdown(signal, Exit::Interrupted as i32, Arc::clone(asked))?;
            }
            flag::register(signal, Arc::clone(asked))?;
            low_level::pipe::register(signal, writable.try_clone()?)?;
        }
        Ok(Wake { readable })
    }

    impl Wake {
        pub(super) fn wait(&self, timeout: Option<Duration>) {
            let timeout = timeout.and_then(|t| Timespec::try_from(t).ok());
            // Woken early or in vain, the caller looks at the flag and comes again.
            let _ = poll(&mut [PollFd::new(&self.readable, PollFlags::IN)], timeout.as_ref());
        }
    }

    /// The set of ignored signals, bit n-1 for signal n. Linux tells it; elsewhere none is assumed to be ignored.
    fn ignored_signals() -> u64 {
        std::fs::read_to_string("/proc/self/status").map_or(0, |status| sig_ign(&status))
    }

    fn sig_ign(status: &str) -> u64 {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_ignored_set_is_read_from_status() {
            assert_eq!(sig_ign("Name:\tx\nSigBlk:\t0000000000000004\nSigIgn:\t0000000000001003\n"), 0x1003);
            assert_eq!(sig_ign("Name:\tx\n"), 0);
        }
    }
}

#[cfg(not(unix))]
mod platform {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use parking_lot::{Condvar, Mutex};

    use crate::cli::failure::Exit;

    #[derive(Debug, Default)]
    pub(super) struct Wake {
        state: Arc<(Mutex<bool>, Condvar)>,
    }

    pub(super) fn install(asked: &Arc<AtomicBool>) -> io::Result<Wake> {
        let wake = Wake::default();
        let (asked, state) = (Arc::clone(asked), Arc::clone(&wake.state));
        ctrlc::set_handler(move || {
            if asked.swap(true, Ordering::SeqCst) {
                std::process::exit(Exit::Interrupted as i32);
            }
            *state.0.lock() = true;
            state.1.notify_all();
        })
        .map_err(io::Error::other)?;
        Ok(wake)
    }

    impl Wake {
        pub(super) fn wait(&self, timeout: Option<Duration>) {
            let mut asked = self.state.0.lock();
            match timeout {
                _ if *asked => {}
                Some(timeout) => drop(self.state.1.wait_for(&mut asked, timeout)),
                None => self.state.1.wait(&mut asked),
            }
        }
    }
}
