//! Thousands of connections that follow one topic, each with a fetch of its own that waits.

use std::error::Error;
use std::io::{BufRead, Read, Write};
use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rafka::base::{PartitionId, TopicName};
use rafka::client::{Address, ClientConfig, Cluster, NewRecord, Producer, ProducerConfig};
use rafka::protocol::kafka::api::FetchResponse;
use rafka::protocol::kafka::{ApiKey, request_frame};
use rustix::event::epoll;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Outcome;
use super::ask::{FETCH_BY_NAME, answer, brought, fetch};

/// Longer than a run takes, so that what wakes a connection is a record.
const FETCH_WAIT_MS: i32 = 300_000;
const FETCH_BYTES_MAX: i32 = 1 << 20;
const BETWEEN_RECORDS: Duration = Duration::from_secs(1);
const EVENTS_MAX: usize = 1024;

/// Connects, has everybody follow, says `ready`, and after a line on stdin sends one record a second.
pub fn run(address: &str, topic: &str, connections: usize, records: u32) -> Outcome {
    allow_open_files()?;
    let mut producer =
        Producer::new(Cluster::connect(ClientConfig::new(vec![Address::parse(address)?]))?, ProducerConfig::default())?;
    let handle = producer.open(&TopicName::new(topic)?, false)?;
    let mut crowd = Crowd::connect(address, topic, connections)?;
    let mut send = |number: u32| -> Outcome {
        let record =
            NewRecord { timestamp: 0, key: None, value: Some(&[b'x'; 100]), headers: &[], tag: u64::from(number) };
        producer.send(handle, PartitionId(0), &record)?;
        producer.flush()?;
        producer.take_failure().map_or(Ok(()), |failure| Err(failure.error.into()))
    };
    // Everybody is known to follow once all have had a first record.
    send(0)?;
    crowd.serve_all()?;
    println!("ready");
    std::io::stdin().lock().read_line(&mut String::new())?;
    let began = Instant::now();
    for number in 1..=records {
        let due = began + BETWEEN_RECORDS * (number - 1);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let sent = Instant::now();
        send(number)?;
        crowd.serve_all()?;
        println!("{}", sent.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(())
}

struct Follower {
    socket: TcpStream,
    offset: i64,
    /// What has come of the answer under way.
    received: Vec<u8>,
}

struct Crowd {
    topic: String,
    followers: Vec<Follower>,
    epoll: std::os::fd::OwnedFd,
}

impl Crowd {
    fn connect(address: &str, topic: &str, count: usize) -> Result<Crowd, Box<dyn Error>> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut crowd = Crowd { topic: topic.to_owned(), followers: Vec::with_capacity(count), epoll };
        for number in 0..count {
            let socket = TcpStream::connect(address)?;
            socket.set_nodelay(true)?;
            epoll::add(&crowd.epoll, &socket, epoll::EventData::new_u64(number as u64), epoll::EventFlags::IN)?;
            crowd.followers.push(Follower { socket, offset: 0, received: Vec::new() });
            crowd.follow(number)?;
        }
        Ok(crowd)
    }

    fn follow(&mut self, number: usize) -> Outcome {
        let follower = &mut self.followers[number];
        let request = fetch(&self.topic, follower.offset, FETCH_BYTES_MAX, FETCH_WAIT_MS);
        follower.socket.write_all(&request_frame(&request, FETCH_BY_NAME, 1, Some("probe"), Vec::new()).to_bytes())?;
        Ok(())
    }

    /// Waits until each follower has had one more record, and follows on.
    fn serve_all(&mut self) -> Outcome {
        let mut left = self.followers.len();
        let mut events = [MaybeUninit::<epoll::Event>::uninit(); EVENTS_MAX];
        while left > 0 {
            let (ready, _) = epoll::wait(&self.epoll, &mut events, None)?;
            for event in ready {
                let number = event.data.u64() as usize;
                if self.receive(number)? {
                    left -= 1;
                }
            }
        }
        Ok(())
    }

    /// Reads what has come for one follower; true when it was a record.
    fn receive(&mut self, number: usize) -> Result<bool, Box<dyn Error>> {
        let follower = &mut self.followers[number];
        let mut piece = [0; 4096];
        let count = follower.socket.read(&mut piece)?;
        if count == 0 {
            return Err(format!("the broker closed connection {number}").into());
        }
        follower.received.extend_from_slice(&piece[..count]);
        let Some((length, frame)) = follower.received.split_first_chunk::<4>() else { return Ok(false) };
        if frame.len() < u32::from_be_bytes(*length) as usize {
            return Ok(false);
        }
        let response = answer::<FetchResponse>(Bytes::copy_from_slice(frame), ApiKey::Fetch, FETCH_BY_NAME)?;
        follower.received.clear();
        let has_record = brought(&response)?;
        follower.offset += i64::from(has_record);
        self.follow(number)?;
        Ok(has_record)
    }
}

fn allow_open_files() -> Outcome {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(())
}
