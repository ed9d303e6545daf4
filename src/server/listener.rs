//! Accepting connections, a thread each, and knowing them all for the day of the stop.

use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
#[cfg(target_os = "linux")]
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::connection::{Connection, Ended};
#[cfg(target_os = "linux")]
use super::hangup::Hangups;
use super::waker::{ConnectionWaker, Watch};
use super::{CONNECTION_STACK_BYTES, stop_reading};
use crate::broker::{Caller, Core, ListenerName, Waker};

/// Out of descriptors or memory: so long until the next try, in which others may give some back.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// A peer that is gone without a word is noticed within this and a few probes.
const KEEP_ALIVE_AFTER: Duration = Duration::from_secs(60);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEP_ALIVE_PROBES: u32 = 3;

/// The principal of everybody on a listener that asks for no authentication, as in Kafka.
const ANONYMOUS: &str = "User:ANONYMOUS";

/// All open connections.
pub struct Connections {
    open: Mutex<HashMap<u64, Arc<TcpStream>>>,
    closed: Condvar,
    next_id: AtomicU64,
}

impl Connections {
    pub fn new() -> Arc<Connections> {
        Arc::new(Connections { open: Mutex::default(), closed: Condvar::new(), next_id: AtomicU64::new(0) })
    }

    fn len(&self) -> usize {
        self.open.lock().len()
    }

    fn enter(&self, socket: &Arc<TcpStream>) -> u64 {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.open.lock().insert(id, Arc::clone(socket));
        id
    }

    fn leave(&self, id: u64) {
        self.open.lock().remove(&id);
        self.closed.notify_all();
    }

    /// Lets every connection finish what it has received; cuts those that are not done by then.
    pub fn finish(&self, deadline: Instant) -> bool {
        let mut open = self.open.lock();
        for socket in open.values() {
            stop_reading(socket);
        }
        while !open.is_empty() {
            if self.closed.wait_until(&mut open, deadline).timed_out() {
                for socket in open.values() {
                    let _ = socket.shutdown(Shutdown::Both);
                }
                return false;
            }
        }
        true
    }
}

/// One listener at work.
pub struct Acceptor {
    pub core: Arc<Core>,
    pub connections: Arc<Connections>,
    pub listener: Arc<ListenerName>,
    pub socket: TcpListener,
    pub waker: Arc<ConnectionWaker>,
    pub text: bool,
    /// So many connections the system has room for, whatever is allowed.
    pub thread_room: usize,
    #[cfg(target_os = "linux")]
    pub hangups: Arc<Hangups>,
}

impl Acceptor {
    /// Accepts until the broker stops.
    pub fn run(&self) {
        if let Err(error) = self.socket.set_nonblocking(true) {
            ::log::error!("listener {} ends: {error}", self.listener.name);
            return;
        }
        while !self.core.is_stopping() {
            match self.socket.accept() {
                Ok((socket, peer)) => self.welcome(socket, peer),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if let Err(error) = self.waker.wait(self.socket.as_fd(), Watch::Input, None) {
                        ::log::error!("listener {} ends: {error}", self.listener.name);
                        return;
                    }
                }
                // The peer changed its mind before we came.
                Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) => {
                }
                Err(error) => {
                    self.core.warn_of_connection(|| format!("no connection can be accepted at the moment: {error}"));
                    std::thread::sleep(ACCEPT_AGAIN);
                }
            }
        }
    }

    fn welcome(&self, socket: TcpStream, peer: SocketAddr) {
        let (allowed, open) = (self.core.config().network.connections_max, self.connections.len());
        if open >= allowed.min(self.thread_room) {
            let limit = if open >= allowed { "max.connections" } else { "vm.max_map_count has room for no more" };
            self.core.warn_of_connection(|| format!("{peer} is refused: {open} connections are open ({limit})"));
            return;
        }
        if let Err(error) = self.start(socket, peer) {
            self.core.warn_of_connection(|| format!("{peer} is refused: {error}"));
        }
    }

    fn start(&self, socket: TcpStream, peer: SocketAddr) -> io::Result<()> {
        socket.set_nonblocking(false)?;
        socket.set_nodelay(true)?;
        keep_alive(&socket)?;
        let waker = Arc::new(ConnectionWaker::default());
        let caller = Caller {
            principal: ANONYMOUS.into(),
            listener: Arc::clone(&self.listener),
            client_id: None,
            address: peer,
            dialled: socket.local_addr()?,
            waker: waker.clone(),
        };
        let socket = Arc::new(socket);
        let id = self.connections.enter(&socket);
        let as_waker: Arc<dyn Waker> = waker.clone();
        let connection = Connection {
            core: Arc::clone(&self.core),
            socket,
            caller,
            waker,
            text: self.text,
            #[cfg(target_os = "linux")]
            hangups: Arc::clone(&self.hangups),
            #[cfg(target_os = "linux")]
            watched: OnceLock::new(),
            _stop: self.core.stop_list().subscribe(&as_waker),
        };
        let connections = Arc::clone(&self.connections);
        let work = move || {
            // Leaves even if serving panics: a stop must not wait for it.
            let _leave = Leave { connections, id };
            match connection.serve() {
                Ok(()) => {}
                Err(Ended::Io(error)) => ::log::debug!("{peer}: {error}"),
                Err(Ended::Refused(reason)) => {
                    connection.core.warn_of_connection(|| format!("{peer} is disconnected: {reason}"));
                }
            }
        };
        let builder = std::thread::Builder::new().name("rafka-client".to_owned()).stack_size(CONNECTION_STACK_BYTES);
        if let Err(error) = builder.spawn(work) {
            self.connections.leave(id);
            return Err(error);
        }
        Ok(())
    }
}

/// Has the system ask now and then whether the peer is still there: one that follows a quiet topic and vanishes
/// would be noticed by nothing else. (Kafka sets it, too.)
fn keep_alive(socket: &TcpStream) -> io::Result<()> {
    use rustix::net::sockopt;
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, KEEP_ALIVE_AFTER)?;
    sockopt::set_tcp_keepintvl(socket, KEEP_ALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(socket, KEEP_ALIVE_PROBES)?;
    Ok(())
}

struct Leave {
    connections: Arc<Connections>,
    id: u64,
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.connections.leave(self.id);
    }
}
