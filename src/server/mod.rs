//! Sockets and threads around the broker: the only room that waits.
//!
//! One thread accepts per listener, one serves each connection in both directions, one keeps house, one flushes what
//! nobody waits for, one hears of peers that go away. Everything that may take time is either a socket's or a file's own call on the thread that wants
//! it, or a wait for a wake-up in [`waker`].

mod connection;
#[cfg(target_os = "linux")]
mod hangup;
#[cfg(test)]
mod hostile_tests;
mod input;
mod kafka;
mod listener;
mod output;
#[cfg(test)]
mod shared_flush_tests;
mod text;
mod waker;

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use self::hangup::Hangups;
use self::listener::{Acceptor, Connections};
use self::waker::ConnectionWaker;
use crate::base::{Clock, SystemClock, TopicName};
use crate::broker::{Core, Event, ListenerName, NewTopic, OpenError, TopicError, Waker, keep_house};
use crate::config::{BrokerConfig, Listener};
use crate::log::{Disk, RealDisk};

/// How long a stop waits for what is under way.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// So many connections may wait to be accepted, or as many as the system allows.
const BACKLOG: i32 = 4096;

/// The stack of a connection's thread. Untouched pages cost nothing.
const CONNECTION_STACK_BYTES: usize = 256 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{0}")]
    Open(#[from] OpenError),
    #[error("can't listen on {address}: {source}{}", advice(source))]
    Listen { address: String, source: io::Error },
    #[error("topic \"{topic}\" can't be created: {source}")]
    Topic { topic: TopicName, source: TopicError },
    #[error("the broker's threads can't be started: {0}")]
    Threads(io::Error),
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; another program has that port. Stop it, or choose another with --listen",
        io::ErrorKind::PermissionDenied => "; ports below 1024 are the administrator's. Choose another with --listen",
        io::ErrorKind::AddrNotAvailable => "; this machine does not have that address",
        _ => "",
    }
}

/// A broker that runs inside this process.
pub struct Broker {
    core: Arc<Core>,
    connections: Arc<Connections>,
    acceptors: Vec<(Arc<ConnectionWaker>, JoinHandle<()>)>,
    workers: Vec<JoinHandle<()>>,
    #[cfg(target_os = "linux")]
    hangups: Arc<Hangups>,
    addresses: Vec<SocketAddr>,
    stopped: bool,
}

impl Broker {
    /// Starts a broker with the machine's disk and clock, and nobody who listens to its events.
    pub fn start(config: BrokerConfig) -> Result<Broker, StartError> {
        Broker::start_with(config, &[], Box::new(|_| {}))
    }

    /// Starts a broker that has these topics before anybody can ask for them. `listener` hears of each event on the
    /// thread where it happens.
    pub fn start_with(
        config: BrokerConfig,
        topics: &[(TopicName, NewTopic)],
        listener: Box<dyn Fn(&Event) + Send + Sync>,
    ) -> Result<Broker, StartError> {
        Broker::start_on(Arc::new(RealDisk), config, topics, listener)
    }

    /// As [`start_with`](Self::start_with), on a disk of the caller's.
    pub fn start_on(
        disk: Arc<dyn Disk>,
        config: BrokerConfig,
        topics: &[(TopicName, NewTopic)],
        listener: Box<dyn Fn(&Event) + Send + Sync>,
    ) -> Result<Broker, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        raise_open_file_limit();
        // The ports first: a broker that can't be reached should not touch the data.
        let sockets = listen(&config)?;
        #[cfg(target_os = "linux")]
        let hangups = Hangups::new().map_err(StartError::Threads)?;
        let text = config.text.enabled;
        let (core, work) = Core::open(config, disk, clock, listener)?;
        for (name, new) in topics {
            if core.topic(name.as_str()).is_none() {
                core.create_topic(name, new).map_err(|source| StartError::Topic { topic: name.clone(), source })?;
            }
        }
        let connections = Connections::new();
        let mut broker = Broker {
            core,
            connections,
            acceptors: Vec::new(),
            workers: Vec::new(),
            #[cfg(target_os = "linux")]
            hangups,
            addresses: Vec::new(),
            stopped: false,
        };
        let housekeeper = Arc::clone(&broker.core);
        broker.spawn("rafka-house", move || keep_house(&housekeeper, &work))?;
        let timers = Arc::clone(&broker.core);
        broker.spawn("rafka-groups", move || timers.groups().run(&timers))?;
        let flusher = Arc::clone(&broker.core);
        broker.spawn("rafka-flush", move || flusher.flusher().run_in_background())?;
        let cleaner = Arc::clone(&broker.core);
        broker.spawn("rafka-clean", move || cleaner.cleaner().run_in_background(&cleaner))?;
        #[cfg(target_os = "linux")]
        {
            let hangups = Arc::clone(&broker.hangups);
            broker.spawn("rafka-hangup", move || hangups.run())?;
        }
        for (listener, socket) in sockets {
            broker.accept(listener, socket, text)?;
        }
        Ok(broker)
    }

    /// Where it listens, in the order of the listeners; with the real port where 0 was asked for.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Stops: accepts no more, answers what was accepted, flushes and closes everything. The next start needs no
    /// recovery if this returns `Ok`.
    pub fn stop(mut self) -> Result<(), String> {
        self.stop_now()
    }

    fn stop_now(&mut self) -> Result<(), String> {
        if std::mem::replace(&mut self.stopped, true) {
            return Ok(());
        }
        self.core.begin_stop();
        for (waker, thread) in self.acceptors.drain(..) {
            waker.wake();
            let _ = thread.join();
        }
        let all_left = self.connections.finish(Instant::now() + STOP_WITHIN);
        if !all_left {
            ::log::warn!("some connections did not end within {} s and were cut", STOP_WITHIN.as_secs());
        }
        self.core.stop_chores();
        #[cfg(target_os = "linux")]
        self.hangups.stop();
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
        self.core.close()
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), StartError> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work).map_err(StartError::Threads)?;
        self.workers.push(thread);
        Ok(())
    }

    fn accept(&mut self, listener: Arc<ListenerName>, socket: TcpListener, text: bool) -> Result<(), StartError> {
        let failed = |source| StartError::Listen { address: listener.name.clone(), source };
        self.addresses.push(socket.local_addr().map_err(failed)?);
        let name = format!("rafka-{}", listener.name.to_lowercase());
        let waker = Arc::new(ConnectionWaker::default());
        let acceptor = Acceptor {
            core: Arc::clone(&self.core),
            connections: Arc::clone(&self.connections),
            listener,
            socket,
            waker: Arc::clone(&waker),
            text,
            thread_room: thread_room(),
            #[cfg(target_os = "linux")]
            hangups: Arc::clone(&self.hangups),
        };
        let thread =
            std::thread::Builder::new().name(name).spawn(move || acceptor.run()).map_err(StartError::Threads)?;
        self.acceptors.push((waker, thread));
        Ok(())
    }
}

impl Drop for Broker {
    /// A broker that goes out of scope stops as cleanly as one that is told to.
    fn drop(&mut self) {
        if let Err(error) = self.stop_now() {
            ::log::error!("{error}");
        }
    }
}

fn listen(config: &BrokerConfig) -> Result<Vec<(Arc<ListenerName>, TcpListener)>, StartError> {
    let bind = |listener: &Listener| {
        let failed = |source| StartError::Listen { address: listener.address(), source };
        let socket = TcpListener::bind((listener.host.as_str(), listener.port)).map_err(failed)?;
        // Once more, for the standard library lets 128 wait and no more: the others of a thousand clients that come at once
        // (after a restart, say) would try again after a second, and after three.
        rustix::net::listen(&socket, BACKLOG).map_err(|error| failed(error.into()))?;
        let advertised = config.advertised.iter().find(|advertised| advertised.name == listener.name);
        let advertised = advertised.map(|to| (to.host.clone(), to.port));
        Ok((Arc::new(ListenerName { name: listener.name.clone(), advertised }), socket))
    };
    config.listeners.iter().map(bind).collect()
}

/// How many connections' threads this process has room for. Each takes four mappings of memory, and where the last of them fails
/// it takes the process with it (rust-lang/rust#78497); some are left for everything else.
fn thread_room() -> usize {
    const MAPPINGS_EACH: usize = 4;
    const MAPPINGS_LEFT: usize = 8192;
    let allowed = std::fs::read_to_string("/proc/sys/vm/max_map_count").ok().and_then(|text| text.trim().parse().ok());
    allowed.map_or(usize::MAX, |allowed: usize| allowed.saturating_sub(MAPPINGS_LEFT) / MAPPINGS_EACH)
}

/// Takes as many open files as this process may have: every connection and every log needs some.
fn raise_open_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        ::log::debug!("the limit of open files stays at {:?}: {error}", limit.current);
    }
}

/// Ends what reads from a connection; what it has received is still answered.
fn stop_reading(socket: &std::net::TcpStream) {
    // It may have ended by itself.
    let _ = socket.shutdown(Shutdown::Read);
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn a_thousand_clients_can_come_at_once() {
        raise_open_file_limit();
        let config = BrokerConfig::from_pairs([("listeners", "PLAINTEXT://127.0.0.1:0")]).expect("settings");
        let sockets = listen(&config).expect("listens");
        let address = sockets[0].1.local_addr().expect("bound");
        let allowed =
            std::fs::read_to_string("/proc/sys/net/core/somaxconn").ok().and_then(|text| text.trim().parse().ok());
        let clients = allowed.unwrap_or(128).min(1000);
        let connect =
            |_| TcpStream::connect_timeout(&address, Duration::from_secs(10)).expect("nobody accepts, and it waits");
        let waiting: Vec<TcpStream> = (0..clients).map(connect).collect();
        assert_eq!(waiting.len(), clients);
    }
}
