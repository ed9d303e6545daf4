//! Bad input on a real port, and what it takes in memory. Runs in a process of its own, so that the figure is this
//! test's.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use super::Broker;
use crate::broker::NewTopic;
use crate::config::BrokerConfig;
use crate::protocol::kafka::ApiKey;
use crate::protocol::kafka::tests::{Samples, sample_request};

/// Longer than anything here takes; reached only when something is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// Set in the process that does the work.
const IN_CHILD: &str = "RAFKA_HOSTILE_TEST";

/// How much more than before the bad input the process may ever have had: stacks of the threads that served it at
/// once, their buffers, and what an allocator keeps.
const GROWTH_KIB_MAX: u64 = 48 * 1024;

/// Connections that each announce the largest frame there is, and send the beginning of it.
const HALF_FRAMES: usize = 40;
const HALF_FRAME_BYTES: usize = 64 * 1024;

#[test]
fn bad_input_on_the_port_is_survived_in_little_memory() {
    if std::env::var_os(IN_CHILD).is_some() {
        return attack();
    }
    let name = "server::hostile_tests::bad_input_on_the_port_is_survived_in_little_memory";
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    let output = child.args(["--exact", name, "--nocapture"]).env(IN_CHILD, "1").output().expect("runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.contains("1 passed"), "the test is named otherwise: {out}");
}

fn attack() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("data");
    let config = BrokerConfig::from_pairs([
        ("log.dirs", path.to_str().expect("text")),
        ("listeners", "PLAINTEXT://127.0.0.1:0"),
        ("auto.create.topics.enable", "false"),
    ]);
    let topics = [("t".parse().expect("a name"), NewTopic::default())];
    let broker = Broker::start_with(config.expect("good settings"), &topics, Box::new(|_| {})).expect("starts");
    let address = broker.addresses()[0];
    let is_alive = || text(address, "TOPICS\n").ends_with("OK count=1\n");
    assert!(is_alive());
    let before_kib = peak_kib();

    cut_frames(address);
    assert!(is_alive());
    garbage(address);
    assert!(is_alive());
    let held = half_frames(address);
    assert!(is_alive(), "with {HALF_FRAMES} half frames held");
    many_small_things(address);
    assert!(is_alive());
    drop(held);

    let growth_kib = peak_kib().saturating_sub(before_kib);
    println!("the peak grew by {growth_kib} KiB");
    if cfg!(target_os = "linux") {
        assert!(growth_kib < GROWTH_KIB_MAX, "the peak grew by {growth_kib} KiB");
    }
    broker.stop().expect("stops as on any other day");
}

/// Every request there is, in its newest and its oldest version, cut in a few places; its length tells the truth about
/// what comes. (Each cut of each version is tried in `broker::api::hostile_tests`, where it costs no connection.)
fn cut_frames(address: SocketAddr) {
    for key in ApiKey::ALL {
        for version in [*key.versions().start(), *key.versions().end()] {
            let whole = sample_request(*key, version, &mut Samples::new(5));
            for length in [0, 1, 7, whole.len() / 2, whole.len().saturating_sub(1)] {
                let cut = &whole[..length.min(whole.len())];
                let answer = exchange(address, &framed(cut));
                assert!(answer.is_empty(), "{key} version {version}, cut to {length}: {answer:?}");
            }
        }
    }
}

fn garbage(address: SocketAddr) {
    let mut samples = Samples::new(9);
    for round in 0..50 {
        let noise: Vec<u8> = (0..samples.below(400)).map(|_| samples.next() as u8).collect();
        // As Kafka, as text, as it comes.
        exchange(address, &framed(&noise));
        exchange(address, &[b"PRODUCE ", &noise[..], b"\n"].concat());
        exchange(address, &noise);
        // Behind a good request, a frame of a length that no frame has.
        let length = [i32::MIN, -1, i32::MAX, 0x07ff_ffff][round % 4];
        let good = framed(&[0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff]);
        let answer = exchange(address, &[&good[..], &length.to_be_bytes(), &noise].concat());
        let (first, rest) = answer.split_first_chunk().expect("the good one is answered");
        assert_eq!(rest.len(), u32::from_be_bytes(*first) as usize, "length {length}: and nothing else");
    }
}

/// Announces frames of 100 MiB and holds the connections.
fn half_frames(address: SocketAddr) -> Vec<TcpStream> {
    let announce = |_| {
        let mut socket = connect(address);
        let mut bytes = (100i32 << 20).to_be_bytes().to_vec();
        // Produce, of which alone so much is believed.
        bytes.extend([0, 0, 0, 9]);
        bytes.resize(HALF_FRAME_BYTES, 0);
        socket.write_all(&bytes).expect("the broker reads");
        socket
    };
    (0..HALF_FRAMES).map(announce).collect()
}

/// The largest lists that fit a request: a Metadata request of empty names, and a Fetch of a session that never is.
fn many_small_things(address: SocketAddr) {
    let names = 200_000u32;
    let mut metadata = vec![0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff];
    metadata.extend(names.to_be_bytes());
    metadata.resize(metadata.len() + 2 * names as usize, 0);
    let answer = exchange(address, &framed(&metadata));
    assert!(!answer.is_empty(), "it is a lawful request");
}

fn framed(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes()[..], body].concat()
}

fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).expect("the broker accepts");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    socket.set_write_timeout(Some(PATIENCE)).expect("a timeout");
    socket
}

/// Sends bytes and the end, and gives what comes back until the broker closes.
fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut socket = connect(address);
    // The broker may have closed in the middle of it.
    let _ = socket.write_all(bytes).and_then(|()| socket.shutdown(Shutdown::Write));
    let mut answer = Vec::new();
    match socket.read_to_end(&mut answer) {
        Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => panic!("{error} after {answer:?}"),
        _ => answer,
    }
}

fn text(address: SocketAddr, line: &str) -> String {
    String::from_utf8(exchange(address, line.as_bytes())).expect("text")
}

/// The most memory this process ever had.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|value| value.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
