//! A broker without sockets or threads: the test is its server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;

use crate::base::{ManualClock, TopicName};
use crate::broker::{Answer, Caller, Core, ListenerName, NewTopic, Pending, Waker, answer};
use crate::config::BrokerConfig;
use crate::log::memory_disk::MemoryDisk;
use crate::protocol::kafka::api::join_group::JoinGroupRequestProtocol;
use crate::protocol::kafka::api::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use crate::protocol::kafka::api::sync_group::SyncGroupRequestAssignment;
use crate::protocol::kafka::api::*;
use crate::protocol::kafka::{Decoder, Message, Request, ResponseHeader, request_frame};

/// A wall clock that is not 0.
const STARTED_AT: i64 = 1_700_000_000_000;

pub struct House {
    pub disk: MemoryDisk,
    pub clock: Arc<ManualClock>,
    pub core: Arc<Core>,
    settings: Vec<(&'static str, &'static str)>,
    /// The lock is the operating system's, and needs a real directory.
    dir: tempfile::TempDir,
}

/// The last versions that name topics and not their ids.
pub const COMMIT_VERSION: i16 = 9;
pub const FETCH_VERSION: i16 = 9;

/// A request that was sent: its answer, or what it waits for.
pub struct Sent {
    version: i16,
    state: Result<Bytes, Box<dyn Pending>>,
    woken: Arc<Bell>,
}

#[derive(Default)]
struct Bell(AtomicBool);

impl Waker for Bell {
    fn wake(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl House {
    pub fn new(settings: &[(&'static str, &'static str)]) -> House {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(dir.path().join("+rafka")).expect("made");
        let disk = MemoryDisk::new();
        let clock = Arc::new(ManualClock::at(STARTED_AT));
        let core = open(&disk, &clock, &dir, settings);
        let house = House { disk, clock, core, settings: settings.to_vec(), dir };
        house.create_topic("t");
        house.create_topic("u");
        house
    }

    pub fn create_topic(&self, name: &str) {
        let new = NewTopic { partitions: Some(2), ..NewTopic::default() };
        self.core.create_topic(&TopicName::new(name).expect("valid"), &new).expect("made");
    }

    /// The power goes: what was not synced is lost, and the broker starts again.
    pub fn crash(self) -> House {
        let House { disk, clock, core, settings, dir } = self;
        disk.crash();
        drop(core);
        let core = open(&disk, &clock, &dir, &settings);
        House { disk, clock, core, settings, dir }
    }

    pub fn pass(&self, ms: u64) {
        self.clock.advance(Duration::from_millis(ms));
        self.core.groups().timers().look(&self.core, self.core.now());
    }

    /// What the background does for writes that nobody waits for.
    pub fn flush(&self) {
        self.core.flusher().run();
        self.core.groups().timers().look(&self.core, self.core.now());
    }

    pub fn send<R: Request>(&self, request: &R, version: i16) -> Sent {
        let woken = Arc::new(Bell::default());
        let caller = Caller {
            principal: "User:ANONYMOUS".into(),
            listener: Arc::new(ListenerName { name: "TEST".to_owned(), advertised: None }),
            client_id: None,
            address: ([127, 0, 0, 1], 40_000).into(),
            dialled: ([127, 0, 0, 1], 9092).into(),
            waker: woken.clone(),
        };
        let frame = request_frame(request, version, 7, Some("test"), Vec::new()).to_bytes().slice(4..);
        let state = match answer(&self.core, &caller, frame, self.core.now()) {
            Answer::Reply(reply) => Ok(reply.frame.to_bytes()),
            Answer::Wait(pending) => Err(pending),
            Answer::Silent => panic!("an answer is due"),
            Answer::Close(reason) => panic!("the connection ends: {reason}"),
        };
        Sent { version, state, woken }
    }

    /// Looks as a connection's thread does: flushes what it waits for, and gives the answer if it is there.
    pub fn look<R: Request>(&self, sent: &mut Sent) -> Option<R::Response> {
        if let Err(pending) = &mut sent.state {
            if pending.wants_flush() {
                self.core.flusher().run();
            }
            if let Some(Answer::Reply(reply)) = pending.look(&self.core, self.core.now(), false) {
                sent.state = Ok(reply.frame.to_bytes());
            }
        }
        let frame = sent.state.as_ref().ok()?;
        let mut input = Decoder::new(frame.slice(4..));
        ResponseHeader::decode(&mut input, R::KEY, sent.version).expect("a header");
        Some(R::Response::decode(&mut input, sent.version).expect("an answer"))
    }

    pub fn call<R: Request>(&self, request: &R, version: i16) -> R::Response {
        self.look::<R>(&mut self.send(request, version)).expect("an answer at once")
    }

    pub fn latest<R: Request>(&self, request: &R) -> R::Response {
        self.call(request, *R::KEY.versions().end())
    }

    /// Somebody without an id joins, as clients before version 4 do.
    pub fn send_join(&self, group: &str, member_id: &str) -> Sent {
        self.send(&join_request(group, member_id), 3)
    }

    pub fn join(&self, group: &str, member_id: &str) -> JoinGroupResponse {
        self.look::<JoinGroupRequest>(&mut self.send_join(group, member_id)).expect("it joins at once")
    }

    pub fn send_sync(&self, group: &str, member_id: &str, generation: i32, parts: &[(&str, &str)]) -> Sent {
        let assignment = |(member, part): &(&str, &str)| SyncGroupRequestAssignment {
            member_id: (*member).to_owned(),
            assignment: Bytes::copy_from_slice(part.as_bytes()),
        };
        let request = SyncGroupRequest {
            group_id: group.to_owned(),
            generation_id: generation,
            member_id: member_id.to_owned(),
            assignments: parts.iter().map(assignment).collect(),
            ..Default::default()
        };
        self.send(&request, 3)
    }

    /// A group of one, with its assignment.
    pub fn stable(&self, group: &str) -> String {
        let member = self.join(group, "").member_id;
        let sync = &mut self.send_sync(group, &member, 1, &[(&member, "all")]);
        assert_eq!(self.look::<SyncGroupRequest>(sync).expect("synced").error_code, 0);
        member
    }

    pub fn heartbeat(&self, group: &str, member_id: &str, generation_id: i32) -> i16 {
        let request = HeartbeatRequest {
            group_id: group.to_owned(),
            generation_id,
            member_id: member_id.to_owned(),
            group_instance_id: None,
        };
        self.latest(&request).error_code
    }

    pub fn leave(&self, group: &str, member_id: &str) -> i16 {
        let request =
            LeaveGroupRequest { group_id: group.to_owned(), member_id: member_id.to_owned(), ..Default::default() };
        self.call(&request, 2).error_code
    }

    pub fn send_commit(&self, group: &str, topic: &str, offset: i64) -> Sent {
        self.send(&commit_request(group, topic, offset), COMMIT_VERSION)
    }

    pub fn commit(&self, group: &str, topic: &str, offset: i64) -> i16 {
        let sent = &mut self.send_commit(group, topic, offset);
        let answer = self.look::<OffsetCommitRequest>(sent).expect("committed at once");
        answer.topics[0].partitions[0].error_code
    }

    /// What is committed for partition 0 of a topic; -1: nothing.
    pub fn committed(&self, group: &str, topic: &str) -> i64 {
        let answer = self.call(&fetch_request(group, topic, false), FETCH_VERSION);
        answer.groups[0].topics[0].partitions[0].committed_offset
    }

    /// Names and states of all groups.
    pub fn list(&self) -> Vec<(String, String)> {
        let groups = self.latest(&ListGroupsRequest::default()).groups;
        groups.into_iter().map(|group| (group.group_id, group.group_state)).collect()
    }
}

impl Sent {
    pub fn take_bell(&self) -> bool {
        self.woken.0.swap(false, Ordering::SeqCst)
    }

    /// The connection ends.
    pub fn abandon(self, house: &House) {
        if let Err(mut pending) = self.state {
            pending.look(&house.core, house.core.now(), true);
        }
    }
}

pub fn join_request(group: &str, member_id: &str) -> JoinGroupRequest {
    // A subscription to topic "t".
    let metadata = Bytes::from_static(b"\0\0\0\0\0\x01\0\x01t\xff\xff\xff\xff");
    JoinGroupRequest {
        group_id: group.to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 30_000,
        member_id: member_id.to_owned(),
        protocol_type: "consumer".to_owned(),
        protocols: vec![JoinGroupRequestProtocol { name: "range".to_owned(), metadata }],
        ..Default::default()
    }
}

pub fn commit_request(group: &str, topic: &str, offset: i64) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition { committed_offset: offset, ..Default::default() };
    let topic = OffsetCommitRequestTopic { name: topic.to_owned(), partitions: vec![partition], ..Default::default() };
    OffsetCommitRequest { group_id: group.to_owned(), topics: vec![topic], ..Default::default() }
}

pub fn fetch_request(group: &str, topic: &str, require_stable: bool) -> OffsetFetchRequest {
    let topic = offset_fetch::OffsetFetchRequestTopics {
        name: topic.to_owned(),
        partition_indexes: vec![0],
        ..Default::default()
    };
    let group = offset_fetch::OffsetFetchRequestGroup {
        group_id: group.to_owned(),
        topics: Some(vec![topic]),
        ..Default::default()
    };
    OffsetFetchRequest { groups: vec![group], require_stable, ..Default::default() }
}

fn open(
    disk: &MemoryDisk,
    clock: &Arc<ManualClock>,
    dir: &tempfile::TempDir,
    settings: &[(&'static str, &'static str)],
) -> Arc<Core> {
    let path = dir.path().to_str().expect("text");
    let pairs = [("log.dir", path)].into_iter().chain(settings.iter().copied());
    let config = BrokerConfig::from_pairs(pairs).expect("valid settings");
    let (core, _) = Core::open(config, Arc::new(disk.clone()), clock.clone(), Box::new(|_| {})).expect("it opens");
    core
}
