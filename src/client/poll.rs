//! Waiting for sockets, and for what else a program waits for beside them, in one thread.
//!
//! Unix has poll(2). Elsewhere a waiter sleeps a millisecond and lets everybody try again: all sockets here are
//! non-blocking, so trying in vain does no harm.

use std::fmt;
use std::net::TcpStream;
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

/// Tells a client to give up waiting: for programs that listen for signals.
pub trait Stop: Send + Sync + fmt::Debug {
    fn is_asked(&self) -> bool;

    /// Becomes readable when asked, so that no wait outlasts the question.
    #[cfg(unix)]
    fn readable(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// One thing waited for, and after the wait whether it may be ready.
#[derive(Debug)]
pub struct Watch<'a> {
    source: Source<'a>,
    read: bool,
    write: bool,
    pub ready: bool,
}

#[derive(Debug)]
enum Source<'a> {
    Socket(&'a TcpStream),
    #[cfg(unix)]
    Fd(BorrowedFd<'a>),
}

impl<'a> Watch<'a> {
    pub fn socket(stream: &'a TcpStream, read: bool, write: bool) -> Watch<'a> {
        Watch { source: Source::Socket(stream), read, write, ready: false }
    }

    /// Something to be read from: standard input, a signal's pipe.
    #[cfg(unix)]
    pub fn readable(fd: BorrowedFd<'a>) -> Watch<'a> {
        Watch { source: Source::Fd(fd), read: true, write: false, ready: false }
    }

    /// Something whose end is waited for and nothing else: a pipe that nobody may read any more.
    #[cfg(unix)]
    pub fn hang_up(fd: BorrowedFd<'a>) -> Watch<'a> {
        Watch { source: Source::Fd(fd), read: false, write: false, ready: false }
    }
}

/// Waits until one of `own` or `also` is ready, `stop` is asked, or the time has come; marks what is ready. May return early
/// with nothing.
#[cfg(unix)]
pub fn wait(own: &mut [Watch<'_>], also: &mut [Watch<'_>], stop: Option<&dyn Stop>, until: Option<Instant>) {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let timeout = until.map(|until| until.saturating_duration_since(Instant::now()));
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    let mut fds: Vec<PollFd<'_>> = own
        .iter()
        .chain(also.iter())
        .map(|watch| {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, watch.read);
            flags.set(PollFlags::OUT, watch.write);
            match &watch.source {
                Source::Socket(stream) => PollFd::from_borrowed_fd(stream.as_fd(), flags),
                Source::Fd(fd) => PollFd::from_borrowed_fd(*fd, flags),
            }
        })
        .collect();
    fds.extend(stop.and_then(Stop::readable).map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
    // An interrupted wait is a short one: nothing is ready, and the caller looks at its flags.
    let answered = poll(&mut fds, timeout.as_ref()).is_ok();
    let ready: Vec<bool> = fds.iter().map(|fd| answered && !fd.revents().is_empty()).collect();
    let marks = own.iter_mut().map(|watch| &mut watch.ready).chain(also.iter_mut().map(|watch| &mut watch.ready));
    for (mark, ready) in marks.zip(ready) {
        *mark = ready;
    }
}

#[cfg(not(unix))]
pub fn wait(own: &mut [Watch<'_>], also: &mut [Watch<'_>], _stop: Option<&dyn Stop>, until: Option<Instant>) {
    use std::time::Duration;

    const NAP: Duration = Duration::from_millis(1);
    let left = until.map_or(NAP, |until| until.saturating_duration_since(Instant::now()));
    std::thread::sleep(left.min(NAP));
    for watch in own.iter_mut() {
        watch.ready = watch.read || watch.write;
    }
    for watch in also {
        watch.ready = watch.read || watch.write;
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_what_is_ready_is_marked() {
        let (one, mut far_one) = UnixStream::pair().expect("a pair");
        let (two, far_two) = UnixStream::pair().expect("a pair");
        far_one.write_all(b"x").expect("written");
        let mut watches = [Watch::readable(one.as_fd()), Watch::readable(two.as_fd())];
        wait(&mut watches, &mut [], None, None);
        assert_eq!([watches[0].ready, watches[1].ready], [true, false]);
        drop(far_two);
        let mut watches = [Watch::hang_up(two.as_fd())];
        wait(&mut watches, &mut [], None, None);
        assert!(watches[0].ready);
    }

    #[test]
    fn the_time_ends_a_wait() {
        let (one, _far) = UnixStream::pair().expect("a pair");
        let mut watches = [Watch::readable(one.as_fd())];
        wait(&mut watches, &mut [], None, Some(Instant::now() + Duration::from_millis(1)));
        assert!(!watches[0].ready);
    }
}
