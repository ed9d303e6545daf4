//! Ten thousand connections of people who mean no good, or whose network is bad: the broker holds, the others are
//! served, and the memory it takes is bounded.
#![cfg(target_os = "linux")]

mod common;

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use common::{FETCH_BY_NAME, KafkaConnection, Server, batch, produce_request, until};
use rafka::protocol::kafka::api::fetch::{FetchPartition, FetchTopic};
use rafka::protocol::kafka::api::{ApiVersionsRequest, FetchRequest};
use rafka::protocol::kafka::request_frame;
use rafka::record::ProducerStamp;
use rustix::process::{Resource, getrlimit, setrlimit};

const CONNECTIONS: usize = 10_000;
/// With fewer, what is measured would be the broker itself.
const CONNECTIONS_LEAST: usize = 5_000;
/// What the log may say of them in a minute.
const LINES_PER_MINUTE: u64 = 10;
/// Files that the test and the broker need beside them.
const OTHER_FILES: u64 = 500;
/// What a connection may take of the broker's memory, whatever its peer does, and what the broker takes without any.
const MEMORY_PER_CONNECTION: u64 = 24 * 1024;
const MEMORY_OF_THE_BROKER: u64 = 48 * 1024 * 1024;

/// As many connections as this machine allows, at most ten thousand.
fn connections_possible() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("the soft limit may be raised to the hard one");
    let files = limit.maximum.unwrap_or(u64::MAX).saturating_sub(OTHER_FILES);
    usize::try_from(files).unwrap_or(usize::MAX).min(CONNECTIONS)
}

/// What a line of /proc/PID/status says.
fn status(server: &Server, field: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("it runs");
    let line = text.lines().find_map(|line| line.strip_prefix(field)).expect("such a line");
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().expect("a number")
}

fn open(server: &Server, count: usize) -> Vec<TcpStream> {
    (0..count).map(|_| TcpStream::connect(server.address).expect("the broker accepts")).collect()
}

/// Writes what fits, without waiting for room.
fn push(socket: &TcpStream, bytes: &[u8]) {
    socket.set_nonblocking(true).expect("a flag");
    let mut socket = socket;
    let mut rest = bytes;
    while !rest.is_empty() {
        match socket.write(rest) {
            Ok(count) => rest = &rest[count..],
            // The broker takes no more from who does not read, or has hung up.
            Err(e)
                if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) =>
            {
                return;
            }
            Err(e) => panic!("{e}"),
        }
    }
}

fn fetch_frame(bytes: i32) -> Vec<u8> {
    let partition = FetchPartition { fetch_offset: 0, partition_max_bytes: bytes, ..Default::default() };
    let topic = FetchTopic { topic: "t".to_owned(), partitions: vec![partition], ..Default::default() };
    let request = FetchRequest { max_bytes: bytes, topics: vec![topic], ..Default::default() };
    request_frame(&request, FETCH_BY_NAME, 1, Some("never reads"), Vec::new()).to_bytes().to_vec()
}

/// An ordinary client: writes and reads, and gets what it asked for.
fn assert_others_are_served(server: &Server) {
    let mut kafka = KafkaConnection::to(server);
    for _ in 0..20 {
        let answer = kafka.produce("t", -1, batch(&["served"], ProducerStamp::NONE));
        assert_eq!(answer.error_code, 0, "{:?}", answer.error_message);
        assert_eq!(kafka.fetch("t", answer.base_offset).high_watermark, answer.base_offset + 1);
    }
    assert_eq!(server.text("PING\n"), "OK pong\n");
}

#[test]
fn ten_thousand_bad_connections_do_no_harm() {
    let count = connections_possible();
    if count < CONNECTIONS_LEAST {
        println!("skipped: the limit of open files allows {count} connections, and {CONNECTIONS_LEAST} are the least");
        return;
    }
    println!("{count} connections");
    let began = Instant::now();
    let dir = tempfile::tempdir().expect("a directory");
    let log = dir.path().join("log");
    let mut command = common::command(&dir.path().join("data"), &["--topic", "t", "-X", "max.connections=100000"]);
    let server = Server::spawn(command.stderr(File::create(&log).expect("created")));
    let mut kafka = KafkaConnection::to(&server);
    for _ in 0..8 {
        assert_eq!(kafka.produce("t", -1, batch(&[&"x".repeat(500_000)], ProducerStamp::NONE)).error_code, 0);
    }
    let each = count / 5;
    let threads_before = status(&server, "Threads");

    let silent = open(&server, 2 * each - each / 10);
    // A frame that never becomes whole: its length, and the first half of the little that comes.
    let half = open(&server, each);
    let frame = request_frame(&produce_request("t", -1, vec![0; 4000]), 9, 1, None, Vec::new()).to_bytes();
    let mut lying = (90 * 1024 * 1024_u32).to_be_bytes().to_vec();
    lying.extend_from_slice(&frame[4..2000]);
    half.iter().for_each(|socket| push(socket, &lying));
    // Bytes that are neither frame nor text: the broker hangs up.
    let garbage = open(&server, each);
    garbage.iter().for_each(|socket| push(socket, &[0xff; 1000]));
    // Whoever asks for much and never reads it: what does not fit into the sockets waits on disk, not in memory. Not so
    // many, since each of them fills buffers of the operating system.
    let never_read = open(&server, each / 10);
    let asks = fetch_frame(1024 * 1024).repeat(50);
    never_read.iter().for_each(|socket| push(socket, &asks));
    // One byte a second, each of them; for as long as the others are looked at.
    let slow = open(&server, each);
    let versions = request_frame(&ApiVersionsRequest::default(), 0, 7, Some("slow"), Vec::new()).to_bytes();

    thread::scope(|scope| {
        let trickle = scope.spawn(|| {
            for byte in &versions[..4] {
                slow.iter().for_each(|socket| push(socket, &[*byte]));
                // Their pace, not a wait for anything.
                thread::sleep(Duration::from_secs(1));
            }
        });
        while !trickle.is_finished() {
            assert_others_are_served(&server);
        }
    });
    // All but those that sent garbage: they have been shown the door.
    let staying = (silent.len() + half.len() + never_read.len() + slow.len()) as u64;
    until("all who stay have a thread, and nobody else", || {
        (status(&server, "Threads") == threads_before + staying).then_some(())
    });
    let (resident, threads) = (status(&server, "VmRSS") * 1024, status(&server, "Threads"));
    println!("{threads} threads, {} MiB resident", resident >> 20);
    let bound = MEMORY_OF_THE_BROKER + count as u64 * MEMORY_PER_CONNECTION;
    assert!(resident < bound, "{resident} bytes are resident, and {bound} were promised");

    // Who was only slow is answered in the end.
    for socket in &slow {
        push(socket, &versions[4..]);
        socket.set_nonblocking(false).expect("a flag");
    }
    let mut length = [0; 4];
    for mut socket in &slow {
        socket.set_read_timeout(Some(common::PATIENCE)).expect("a timeout");
        socket.read_exact(&mut length).expect("an answer");
    }
    for mut socket in &garbage {
        socket.set_nonblocking(false).expect("a flag");
        socket.set_read_timeout(Some(common::PATIENCE)).expect("a timeout");
        let mut said = Vec::new();
        // Closed with bytes unread, it is reset.
        let _ = socket.read_to_end(&mut said);
        assert!(said.len() < 500, "{} bytes for garbage", said.len());
    }
    let said = std::fs::read_to_string(&log).expect("text");
    let lines = said.lines().filter(|line| line.contains(" is disconnected: ")).count() as u64;
    let most = LINES_PER_MINUTE * (1 + began.elapsed().as_secs() / 60);
    assert!((1..=most).contains(&lines), "{lines} lines about {} connections that sent garbage", garbage.len());
    drop((silent, half, garbage, never_read, slow));
    until("their threads are gone", || (status(&server, "Threads") < 100).then_some(()));
    assert_others_are_served(&server);
    assert_eq!(server.stop(), 0);
}
