//! The broker under torture: a real process, started, killed, frozen, and started again at the same address.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, bounded};

use super::chance::Chance;
use crate::cli::failure::reason;

/// Below the ports that systems hand out to outgoing connections: nobody takes ours while the broker is down.
const PORTS: std::ops::Range<u16> = 15_000..32_000;
/// Far longer than any start takes.
const START_PATIENCE: Duration = Duration::from_secs(60);
const LISTENING: &str = "Broker Listening on ";
const DATA: &str = "data";
const LOG: &str = "broker.log";

/// Small segments, so that many kills fall near a roll, and checkpoints every half a second.
const SETTINGS: [&str; 3] =
    ["log.segment.bytes=100000", "log.flush.offset.checkpoint.interval.ms=500", "offsets.topic.num.partitions=2"];

#[derive(Debug)]
pub(super) struct Victim {
    program: PathBuf,
    dir: PathBuf,
    pub(super) address: SocketAddr,
    child: Option<Child>,
}

impl Victim {
    pub(super) fn new(program: &Path, dir: &Path, chance: &mut Chance) -> Result<Victim, String> {
        let address = free_address(chance).map_err(|e| format!("no port is free: {}", reason(&e)))?;
        Ok(Victim { program: program.to_owned(), dir: dir.to_owned(), address, child: None })
    }

    pub(super) fn data(&self) -> PathBuf {
        self.dir.join(DATA)
    }

    /// What the broker said of itself, all starts together.
    pub(super) fn log(&self) -> PathBuf {
        self.dir.join(LOG)
    }

    fn spawn(&mut self) -> Result<&mut Child, String> {
        let failed = |what: &Path, e: io::Error| format!("{} can't be used: {}", what.display(), reason(&e));
        let log = File::options().append(true).create(true).open(self.log()).map_err(|e| failed(&self.log(), e))?;
        let mut command = Command::new(&self.program);
        command.arg("--data-dir").arg(self.data()).args(["--listen", &self.address.to_string()]);
        command.args(SETTINGS.iter().flat_map(|setting| ["-X", *setting]));
        command.env_remove(crate::cli::args::CONFIG_ENV);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        // A Ctrl-C on the terminal is for whoever tortures, who then stops the broker.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.spawn().map_err(|e| failed(&self.program, e))?;
        Ok(self.child.insert(child))
    }

    /// Starts it and waits until it listens; how long that took.
    pub(super) fn start(&mut self) -> Result<Duration, String> {
        let began = Instant::now();
        let Some(stdout) = self.spawn()?.stdout.take() else { return Err("the broker has no output".to_owned()) };
        let (tell, told) = bounded(1);
        // Reads on to the end, so that the broker never waits for a reader.
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if line.starts_with(LISTENING) {
                    let _ = tell.try_send(());
                }
            }
        });
        match told.recv_timeout(START_PATIENCE) {
            Ok(()) => Ok(began.elapsed()),
            Err(RecvTimeoutError::Timeout) => {
                Err(format!("the broker did not start within {START_PATIENCE:?}: see {}", self.log().display()))
            }
            Err(RecvTimeoutError::Disconnected) => {
                let ended = self.wait().map_or_else(|| "ended".to_owned(), |status| status.to_string());
                Err(format!("the broker did not start ({ended}): see {}", self.log().display()))
            }
        }
    }

    /// Starts it and kills it in the middle of that.
    pub(super) fn start_and_kill(&mut self, after: Duration) -> Result<(), String> {
        self.spawn()?;
        thread::sleep(after);
        self.kill();
        Ok(())
    }

    /// SIGKILL, and waits until it is gone.
    pub(super) fn kill(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
        }
        self.wait();
    }

    fn wait(&mut self) -> Option<ExitStatus> {
        self.child.take()?.wait().ok()
    }

    /// How it ended, if it did so by itself.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().ok().flatten()
    }

    /// Asks for a clean stop, and does not wait for it.
    pub(super) fn ask_to_stop(&self) {
        self.signal(Signal::Terminate);
    }

    /// Stops its time for so long.
    pub(super) fn freeze(&self, length: Duration) {
        self.signal(Signal::Stop);
        thread::sleep(length);
        self.signal(Signal::Continue);
    }

    #[cfg(unix)]
    fn signal(&self, signal: Signal) {
        use rustix::process::{Pid, Signal as Unix, kill_process};
        let signal = match signal {
            Signal::Terminate => Unix::TERM,
            Signal::Stop => Unix::STOP,
            Signal::Continue => Unix::CONT,
        };
        if let Some(child) = &self.child {
            // One that has ended by itself is noticed elsewhere.
            let _ = kill_process(Pid::from_child(child), signal);
        }
    }

    /// Elsewhere a broker can be killed and no more.
    #[cfg(not(unix))]
    fn signal(&self, _signal: Signal) {}
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.kill();
    }
}

#[derive(Debug, Clone, Copy)]
enum Signal {
    Terminate,
    Stop,
    Continue,
}

fn free_address(chance: &mut Chance) -> io::Result<SocketAddr> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..100 {
        let port = PORTS.start + chance.below(u64::from(PORTS.end - PORTS.start)) as u16;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        match TcpListener::bind(address) {
            Ok(_) => return Ok(address),
            Err(e) => last = e,
        }
    }
    Err(last)
}
