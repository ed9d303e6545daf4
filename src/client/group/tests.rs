//! Membership and offsets beside a coordinator that moves, forgets and keeps people waiting.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{Committer, GroupOffsets, GroupView, MemberConfig, Membership};
use crate::base::{ErrorCode, Offset, PartitionId, TopicName, TopicPartition};
use crate::client::fake_broker::{Asked, FakeBroker, Reply};
use crate::client::poll;
use crate::client::{ClientConfig, ClientError, Cluster};
use crate::config::Assignor;
use crate::protocol::kafka::ApiKey;
use crate::protocol::kafka::api::describe_groups::{
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup, DescribedGroupMember,
};
use crate::protocol::kafka::api::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use crate::protocol::kafka::api::join_group::{JoinGroupRequest, JoinGroupResponse, JoinGroupResponseMember};
use crate::protocol::kafka::api::leave_group::{LeaveGroupRequest, LeaveGroupResponse};
use crate::protocol::kafka::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use crate::protocol::kafka::api::sync_group::{SyncGroupRequest, SyncGroupResponse};

const PATIENCE: Duration = Duration::from_secs(60);

fn topic() -> TopicName {
    TopicName::new("T").expect("a name")
}

fn some(partitions: &[i32]) -> BTreeSet<TopicPartition> {
    partitions.iter().map(|n| TopicPartition { topic: topic(), partition: PartitionId(*n) }).collect()
}

/// A coordinator of one member: counts its generations, and answers heartbeats with `beat`.
fn coordinator(beat: impl Fn() -> ErrorCode + Send + 'static) -> impl FnMut(&Asked) -> Reply + Send + 'static {
    let mut generation = 0;
    move |asked| match asked.key {
        ApiKey::JoinGroup => {
            let request = asked.read::<JoinGroupRequest>();
            if request.member_id.is_empty() {
                return asked.answer::<JoinGroupRequest>(&JoinGroupResponse {
                    error_code: ErrorCode::MemberIdRequired.code(),
                    member_id: "m".to_owned(),
                    ..Default::default()
                });
            }
            generation += 1;
            let metadata = request.protocols[0].metadata.clone();
            let member = JoinGroupResponseMember { member_id: "m".to_owned(), metadata, ..Default::default() };
            asked.answer::<JoinGroupRequest>(&JoinGroupResponse {
                generation_id: generation,
                protocol_name: Some("cooperative-sticky".to_owned()),
                leader: "m".to_owned(),
                member_id: "m".to_owned(),
                members: vec![member],
                ..Default::default()
            })
        }
        ApiKey::SyncGroup => {
            let assignment = asked.read::<SyncGroupRequest>().assignments[0].assignment.clone();
            asked.answer::<SyncGroupRequest>(&SyncGroupResponse { assignment, ..Default::default() })
        }
        ApiKey::Heartbeat => {
            let answer = HeartbeatResponse { error_code: beat().code(), ..Default::default() };
            asked.answer::<HeartbeatRequest>(&answer)
        }
        ApiKey::LeaveGroup => asked.answer::<LeaveGroupRequest>(&LeaveGroupResponse::default()),
        _ => Reply::Usual,
    }
}

fn join(broker: &FakeBroker) -> Membership {
    let client = ClientConfig { retry_backoff: Duration::from_millis(1), ..broker.config() };
    let config = MemberConfig {
        group: "g".to_owned(),
        instance: None,
        topics: [topic()].into(),
        assignors: vec![Assignor::CooperativeSticky, Assignor::Range],
        session_timeout: Duration::from_secs(10),
        heartbeat_interval: Duration::from_millis(1),
        rebalance_timeout: Duration::from_secs(60),
        metadata_max_age: Duration::from_secs(10),
        retry_backoff: Duration::from_millis(1),
        rack: None,
        reconnect_for: None,
    };
    Membership::join(&client, config).expect("a thread can be had")
}

/// The first view of which this is so, or the end of the membership.
fn view_when(membership: &Membership, is_so: impl Fn(&GroupView) -> bool) -> Result<GroupView, ClientError> {
    let until = Instant::now() + PATIENCE;
    loop {
        let view = membership.view()?;
        if is_so(&view) {
            return Ok(view);
        }
        assert!(Instant::now() < until, "waited too long: {view:?}");
        #[cfg(unix)]
        poll::wait(&mut [membership.watch()], &mut [], None, Some(until));
        #[cfg(not(unix))]
        poll::wait(&mut [], &mut [], None, Some(until));
    }
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "waited too long: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn heartbeats_go_on_while_the_reader_is_held_up_and_a_leaver_says_so() {
    let beats = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&beats);
    let broker = FakeBroker::start(coordinator(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        ErrorCode::None
    }));
    let membership = join(&broker);
    let view = view_when(&membership, |view| view.wanted.is_some()).expect("joins");
    assert_eq!((view.wanted, view.is_settled), (Some(some(&[0, 1])), Some(true)));
    let expected = Committer { generation: 1, member: "m".to_owned(), instance: None };
    assert_eq!(membership.committer(), expected);
    // Nobody looks at the membership, as while a pipe is full.
    until("ten heartbeats", || beats.load(Ordering::SeqCst) >= 10);
    membership.leave();
    assert_eq!(broker.asked::<LeaveGroupRequest>().len(), 1);
}

#[test]
fn only_what_is_still_wanted_can_be_taken_up() {
    let code = Arc::new(AtomicI32::new(0));
    let answer = Arc::clone(&code);
    let broker = FakeBroker::start(coordinator(move || {
        ErrorCode::from_code(i16::try_from(answer.swap(0, Ordering::SeqCst)).unwrap_or(0))
    }));
    let membership = join(&broker);
    view_when(&membership, |view| view.wanted.is_some()).expect("joins");
    assert!(membership.take_up(&some(&[0]), 0));
    assert!(!membership.take_up(&some(&[2]), 0), "nobody gave it");
    code.store(i32::from(ErrorCode::UnknownMemberId.code()), Ordering::SeqCst);
    let view = view_when(&membership, |view| view.losses == 1).expect("joins anew");
    assert!(!membership.take_up(&some(&[1]), 0), "what was given before the loss does not count");
    let view = if view.wanted == Some(some(&[0, 1])) {
        Ok(view)
    } else {
        view_when(&membership, |view| view.wanted == Some(some(&[0, 1])))
    };
    assert!(membership.take_up(&some(&[0, 1]), view.expect("has its share").losses));
    let joins = broker.asked::<JoinGroupRequest>();
    assert_eq!(joins.last().map(|join| join.member_id.as_str()), Some("m"));
    assert_eq!(joins.iter().filter(|join| join.member_id.is_empty()).count(), 2, "it asked for a new id");
}

#[test]
fn a_coordinator_that_moves_or_breaks_off_is_found_again() {
    let mut usual = coordinator(|| ErrorCode::None);
    let mut seen = 0;
    let broker = FakeBroker::start(move |asked| {
        if asked.key == ApiKey::JoinGroup {
            seen += 1;
        }
        match (asked.key, seen) {
            (ApiKey::JoinGroup, 1) => {
                let error_code = ErrorCode::NotCoordinator.code();
                asked.answer::<JoinGroupRequest>(&JoinGroupResponse { error_code, ..Default::default() })
            }
            (ApiKey::JoinGroup, 2) => Reply::Close,
            _ => usual(asked),
        }
    });
    let membership = join(&broker);
    let view = view_when(&membership, |view| view.wanted.is_some()).expect("joins in the end");
    assert_eq!(view.wanted, Some(some(&[0, 1])));
}

#[test]
fn who_is_not_let_in_is_told() {
    let broker = FakeBroker::start(|asked| match asked.key {
        ApiKey::JoinGroup => {
            let error_code = ErrorCode::GroupAuthorizationFailed.code();
            asked.answer::<JoinGroupRequest>(&JoinGroupResponse { error_code, ..Default::default() })
        }
        _ => Reply::Usual,
    });
    let error = view_when(&join(&broker), |view| view.wanted.is_some()).expect_err("refused");
    assert_eq!(error.to_string(), "joining group \"g\": not allowed on this group (GROUP_AUTHORIZATION_FAILED)");
}

#[test]
fn who_waits_for_the_others_can_leave() {
    let broker = FakeBroker::start({
        let mut usual = coordinator(|| ErrorCode::None);
        move |asked| match asked.key {
            ApiKey::JoinGroup if !asked.read::<JoinGroupRequest>().member_id.is_empty() => Reply::Nothing,
            _ => usual(asked),
        }
    });
    let membership = join(&broker);
    until("it waits to be let in", || broker.asked::<JoinGroupRequest>().len() == 2);
    membership.leave();
    assert_eq!(broker.asked::<LeaveGroupRequest>().len(), 1, "said over another connection");
}

fn group_of(members: usize) -> impl FnMut(&Asked) -> Reply + Send + 'static {
    move |asked| match asked.key {
        ApiKey::DescribeGroups => {
            let members = vec![DescribedGroupMember::default(); members];
            let groups = vec![DescribedGroup { group_id: "g".to_owned(), members, ..Default::default() }];
            asked.answer::<DescribeGroupsRequest>(&DescribeGroupsResponse { groups, ..Default::default() })
        }
        ApiKey::OffsetCommit => {
            let error_code = ErrorCode::UnknownMemberId.code();
            let partitions = vec![OffsetCommitResponsePartition { partition_index: 0, error_code }];
            let topic = OffsetCommitResponseTopic { name: "T".to_owned(), partitions, ..Default::default() };
            asked.answer::<OffsetCommitRequest>(&OffsetCommitResponse { topics: vec![topic], ..Default::default() })
        }
        _ => Reply::Usual,
    }
}

#[test]
fn a_group_with_live_members_takes_nothing_from_outside() {
    let in_use = ClientError::GroupInUse { group: "g".to_owned() };
    let group = GroupOffsets::new("g");
    let broker = FakeBroker::start(group_of(1));
    let mut cluster = Cluster::connect(broker.config()).expect("connects");
    assert_eq!(group.check_unused(&mut cluster), Err(in_use.clone()));
    // Somebody joined after the check: the broker refuses the commit.
    let broker = FakeBroker::start(group_of(0));
    let mut cluster = Cluster::connect(broker.config()).expect("connects");
    assert_eq!(group.check_unused(&mut cluster), Ok(()));
    let place = TopicPartition { topic: topic(), partition: PartitionId(0) };
    let positions = [(place, Offset(1))];
    assert_eq!(group.commit(&mut cluster, &Committer::outside(), &positions), Err(in_use));
    let member = Committer { generation: 3, member: "m".to_owned(), instance: None };
    let refused = group.commit(&mut cluster, &member, &positions).expect_err("it is not known");
    assert_eq!(refused.code(), Some(ErrorCode::UnknownMemberId), "a member is told what is wrong");
}
