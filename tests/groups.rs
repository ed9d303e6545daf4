//! Groups as clients see them: members over sockets, a broker that is killed, and the text protocol's view.

mod common;

use bytes::Bytes;
use common::{KafkaConnection, Server, until};
use rafka::base::ErrorCode;
use rafka::protocol::kafka::api::join_group::JoinGroupRequestProtocol;
use rafka::protocol::kafka::api::leave_group::MemberIdentity;
use rafka::protocol::kafka::api::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use rafka::protocol::kafka::api::sync_group::SyncGroupRequestAssignment;
use rafka::protocol::kafka::api::*;
use rafka::protocol::kafka::consumer_protocol::ConsumerProtocolSubscription;

const JOIN_VERSION: i16 = 9;
/// The last version that names topics and not their ids.
const COMMIT_VERSION: i16 = 9;

/// A member, with a connection of its own.
struct Member {
    kafka: KafkaConnection,
    id: String,
    instance: Option<String>,
    session_timeout_ms: i32,
    generation: i32,
    leads: Vec<String>,
}

impl Member {
    fn new(server: &Server) -> Member {
        Member {
            kafka: KafkaConnection::to(server),
            id: String::new(),
            instance: None,
            session_timeout_ms: 30_000,
            generation: -1,
            leads: Vec::new(),
        }
    }

    fn reconnect(&mut self, server: &Server) {
        self.kafka = KafkaConnection::to(server);
    }

    fn send_join(&mut self) {
        let subscription = ConsumerProtocolSubscription { topics: vec!["t".to_owned()], ..Default::default() };
        let protocol = JoinGroupRequestProtocol { name: "range".to_owned(), metadata: subscription.to_bytes(3) };
        let request = JoinGroupRequest {
            group_id: "g".to_owned(),
            session_timeout_ms: self.session_timeout_ms,
            rebalance_timeout_ms: 60_000,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            protocol_type: "consumer".to_owned(),
            protocols: vec![protocol],
            reason: None,
        };
        self.kafka.send(&request, JOIN_VERSION);
    }

    fn receive_join(&mut self) -> ErrorCode {
        let answer = self.kafka.receive::<JoinGroupRequest>(JOIN_VERSION);
        self.id = answer.member_id;
        self.generation = answer.generation_id;
        self.leads = answer.members.into_iter().map(|member| member.member_id).collect();
        ErrorCode::from_code(answer.error_code)
    }

    /// Gets an id, and asks to be let in with it.
    fn enter(&mut self) {
        self.send_join();
        assert_eq!(self.receive_join(), ErrorCode::MemberIdRequired);
        self.send_join();
    }

    /// Takes part in the generation's agreement: each gets his own name.
    fn send_sync(&mut self) {
        let part = |id: &String| SyncGroupRequestAssignment {
            member_id: id.clone(),
            assignment: Bytes::copy_from_slice(id.as_bytes()),
        };
        let request = SyncGroupRequest {
            group_id: "g".to_owned(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            protocol_type: Some("consumer".to_owned()),
            protocol_name: Some("range".to_owned()),
            assignments: self.leads.iter().map(part).collect(),
        };
        self.kafka.send(&request, 5);
    }

    fn receive_sync(&mut self) -> Result<Bytes, ErrorCode> {
        let answer = self.kafka.receive::<SyncGroupRequest>(5);
        match ErrorCode::from_code(answer.error_code) {
            ErrorCode::None => Ok(answer.assignment),
            code => Err(code),
        }
    }

    fn beat(&mut self) -> ErrorCode {
        let request = HeartbeatRequest {
            group_id: "g".to_owned(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
        };
        ErrorCode::from_code(self.kafka.call(&request).error_code)
    }

    fn commit(&mut self, offset: i64) -> ErrorCode {
        let partition = OffsetCommitRequestPartition { committed_offset: offset, ..Default::default() };
        let topic =
            OffsetCommitRequestTopic { name: "t".to_owned(), partitions: vec![partition], ..Default::default() };
        let request = OffsetCommitRequest {
            group_id: "g".to_owned(),
            generation_id_or_member_epoch: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            topics: vec![topic],
            ..Default::default()
        };
        let answer = self.kafka.call_in(&request, COMMIT_VERSION);
        ErrorCode::from_code(answer.topics[0].partitions[0].error_code)
    }

    fn leave(&mut self) -> ErrorCode {
        let identity = MemberIdentity { member_id: self.id.clone(), ..Default::default() };
        let request = LeaveGroupRequest { group_id: "g".to_owned(), members: vec![identity], ..Default::default() };
        ErrorCode::from_code(self.kafka.call(&request).members[0].error_code)
    }
}

/// A group of two on a broker with topic "t".
fn two(server: &Server) -> (Member, Member) {
    two_of(Member::new(server), Member::new(server))
}

fn two_of(mut first: Member, mut second: Member) -> (Member, Member) {
    first.enter();
    assert_eq!(first.receive_join(), ErrorCode::None);
    second.enter();
    until("the first hears of the second", || (first.beat() == ErrorCode::RebalanceInProgress).then_some(()));
    first.send_join();
    agree(&mut [&mut first, &mut second]);
    (first, second)
}

/// All have asked to join; they end in a stable group.
fn agree(members: &mut [&mut Member]) {
    for member in &mut *members {
        assert_eq!(member.receive_join(), ErrorCode::None);
    }
    for member in &mut *members {
        member.send_sync();
    }
    for member in &mut *members {
        let part = member.receive_sync().expect("a part");
        assert_eq!(part[..], *member.id.as_bytes(), "each has his own");
    }
}

fn groups(server: &Server) -> String {
    server.text("GROUPS\n")
}

#[test]
fn members_come_and_go() {
    let server = Server::start(&["--topic", "t"]);
    let (mut first, mut second) = two(&server);
    assert_eq!(groups(&server), "GROUP g state=Stable members=2\nOK count=1\n");
    assert_eq!(second.commit(7), ErrorCode::None);
    assert_eq!(server.text("COMMITTED g\n"), "OFFSET t 0 committed=7 high=0 lag=0\nOK count=1\n");
    let refused = server.text("COMMIT g t 0 0\n");
    assert!(refused.starts_with("ERR UNKNOWN_MEMBER_ID group \"g\" has members"), "{refused}");
    assert_eq!(second.leave(), ErrorCode::None);
    assert_eq!(second.beat(), ErrorCode::UnknownMemberId);
    assert_eq!(first.beat(), ErrorCode::RebalanceInProgress);
    first.send_join();
    agree(&mut [&mut first]);
    assert_eq!(first.leave(), ErrorCode::None);
    assert_eq!(groups(&server), "GROUP g state=Empty members=0\nOK count=1\n");
    assert_eq!(server.text("COMMIT g t 0 earliest\n"), "OK\n", "nobody is there any more");
    assert!(server.text("COMMITTED g\n").contains("committed=0"));
}

#[test]
fn a_killed_broker_knows_its_groups() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path(), &["--topic", "t"]);
    let (mut first, mut second) = two(&server);
    assert_eq!(first.commit(3), ErrorCode::None);
    // In the middle of a rebalance.
    let mut third = Member::new(&server);
    third.enter();
    until("the first hears of the third", || (first.beat() == ErrorCode::RebalanceInProgress).then_some(()));
    server.kill();
    let server = Server::start_in(dir.path(), &[]);
    assert_eq!(groups(&server), "GROUP g state=Stable members=2\nOK count=1\n");
    for member in [&mut first, &mut second, &mut third] {
        member.reconnect(&server);
    }
    assert_eq!((first.beat(), second.beat()), (ErrorCode::None, ErrorCode::None));
    assert_eq!(first.commit(4), ErrorCode::None);
    third.send_join();
    assert_eq!(third.receive_join(), ErrorCode::UnknownMemberId, "it was not yet in a generation");
    third.id.clear();
    third.enter();
    until("the first hears of it", || (first.beat() == ErrorCode::RebalanceInProgress).then_some(()));
    first.send_join();
    second.send_join();
    agree(&mut [&mut first, &mut second, &mut third]);
    assert!(server.text("COMMITTED g\n").contains("committed=4"));
}

#[test]
fn a_member_that_falls_silent_is_waited_for_no_longer_than_its_session() {
    let server = Server::start(&["--topic", "t", "-X", "group.min.session.timeout.ms=1000"]);
    let brief = Member { session_timeout_ms: 2000, ..Member::new(&server) };
    let (mut first, second) = two_of(Member::new(&server), brief);
    // Its process is gone; nobody tells the broker but the clock.
    drop(second);
    let told = until("the silence is noticed", || Some(first.beat()).filter(|code| *code != ErrorCode::None));
    assert_eq!(told, ErrorCode::RebalanceInProgress);
    first.send_join();
    agree(&mut [&mut first]);
}

#[test]
fn a_static_member_comes_back_under_its_name() {
    let server = Server::start(&["--topic", "t"]);
    let mut first = Member::new(&server);
    first.instance = Some("i1".to_owned());
    first.send_join();
    agree(&mut [&mut first]);
    let mut again = Member::new(&server);
    again.instance = Some("i1".to_owned());
    again.send_join();
    assert_eq!(again.receive_join(), ErrorCode::None);
    assert_ne!(again.id, first.id);
    assert_eq!(again.generation, first.generation, "nothing was rebalanced");
    again.leads.clear();
    again.send_sync();
    assert_eq!(again.receive_sync().expect("its part")[..], *first.id.as_bytes(), "the part it had before");
    assert_eq!(first.beat(), ErrorCode::FencedInstanceId);
    assert_eq!(first.commit(1), ErrorCode::FencedInstanceId);
    assert_eq!(again.beat(), ErrorCode::None);
}

#[test]
fn a_stop_does_not_wait_for_those_who_wait() {
    let server = Server::start(&["--topic", "t"]);
    let (first, _second) = two(&server);
    let mut third = Member::new(&server);
    third.enter();
    drop(first);
    until("it waits", || groups(&server).contains("PreparingRebalance").then_some(()));
    let mut kafka = third.kafka;
    assert_eq!(server.stop(), 0);
    let answer = kafka.receive::<JoinGroupRequest>(JOIN_VERSION);
    assert_eq!(ErrorCode::from_code(answer.error_code), ErrorCode::NotCoordinator);
}
