//! The member as a table of answers and questions, and as one of a whole group in memory.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::MemberConfig;
use super::member::{Ask, Member, Next};
use super::subscriber::{by_topic, places};
use crate::base::{ErrorCode, PartitionId, TopicName, TopicPartition};
use crate::client::ClientError;
use crate::config::Assignor;
use crate::protocol::kafka::api::heartbeat::HeartbeatResponse;
use crate::protocol::kafka::api::join_group::{JoinGroupRequest, JoinGroupResponse, JoinGroupResponseMember};
use crate::protocol::kafka::api::metadata::{MetadataResponse, MetadataResponsePartition, MetadataResponseTopic};
use crate::protocol::kafka::api::sync_group::SyncGroupResponse;
use crate::protocol::kafka::consumer_protocol::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};

fn some(partitions: &[i32]) -> BTreeSet<TopicPartition> {
    let topic = TopicName::new("T").expect("a name");
    let place = |partition: &i32| TopicPartition { topic: topic.clone(), partition: PartitionId(*partition) };
    partitions.iter().map(place).collect()
}

fn config(assignors: &[Assignor]) -> MemberConfig {
    MemberConfig {
        group: "g".to_owned(),
        instance: None,
        topics: [TopicName::new("T").expect("a name")].into(),
        assignors: assignors.to_vec(),
        session_timeout: Duration::from_secs(10),
        heartbeat_interval: Duration::from_millis(250),
        rebalance_timeout: Duration::from_secs(60),
        metadata_max_age: Duration::from_secs(10),
        retry_backoff: Duration::from_millis(100),
        rack: None,
        reconnect_for: None,
    }
}

const BOTH: [Assignor; 2] = [Assignor::CooperativeSticky, Assignor::Range];

fn joined(generation: i32, protocol: Assignor, members: &[(&str, &[i32])]) -> JoinGroupResponse {
    let member = |(id, owned): &(&str, &[i32])| JoinGroupResponseMember {
        member_id: (*id).to_owned(),
        metadata: ConsumerProtocolSubscription {
            topics: vec!["T".to_owned()],
            owned_partitions: by_topic(&some(owned)),
            generation_id: generation - 1,
            ..Default::default()
        }
        .to_bytes(3),
        ..Default::default()
    };
    JoinGroupResponse {
        generation_id: generation,
        protocol_name: Some(protocol.name().to_owned()),
        leader: if members.is_empty() { "other" } else { "me" }.to_owned(),
        member_id: "me".to_owned(),
        members: members.iter().map(member).collect(),
        ..Default::default()
    }
}

fn topic_of(partitions: i32) -> MetadataResponse {
    let partition = |partition_index| MetadataResponsePartition { partition_index, ..Default::default() };
    let topic = MetadataResponseTopic {
        name: Some("T".to_owned()),
        partitions: (0..partitions).map(partition).collect(),
        ..Default::default()
    };
    MetadataResponse { topics: vec![topic], ..Default::default() }
}

fn synced(share: &[i32]) -> SyncGroupResponse {
    let said = ConsumerProtocolAssignment { assigned_partitions: by_topic(&some(share)), user_data: None };
    SyncGroupResponse { assignment: said.to_bytes(0), ..Default::default() }
}

fn beaten(code: ErrorCode) -> HeartbeatResponse {
    HeartbeatResponse { error_code: code.code(), ..Default::default() }
}

fn join_of(next: Next) -> JoinGroupRequest {
    match next {
        Next::Ask(Ask::Join(request)) => request,
        other => panic!("not a JoinGroup: {other:?}"),
    }
}

/// What a JoinGroup says it still reads.
fn claims(request: &JoinGroupRequest) -> BTreeSet<TopicPartition> {
    let said = ConsumerProtocolSubscription::from_bytes(request.protocols[0].metadata.clone()).expect("our own words");
    places(said.owned_partitions)
}

/// What the leader hands in for each member.
fn handed_in(next: Next) -> Vec<(String, BTreeSet<TopicPartition>)> {
    let Next::Ask(Ask::Sync(request)) = next else { panic!("not a SyncGroup: {next:?}") };
    let read = |bytes| ConsumerProtocolAssignment::from_bytes(bytes).expect("our own words");
    let of = request.assignments.into_iter();
    of.map(|one| (one.member_id, places(read(one.assignment).assigned_partitions))).collect()
}

/// A member that has `share` in generation 1 and reads it.
fn settled(share: &[i32], protocol: Assignor, now: Instant) -> Member {
    let mut member = Member::new(config(&BOTH), now);
    join_of(member.next(now));
    member.joined(&joined(1, protocol, &[]), now).expect("joins");
    assert!(handed_in(member.next(now)).is_empty());
    member.synced(&synced(share), now).expect("has its share");
    assert_eq!(member.wanted(), Some(some(share)));
    member.holds(some(share));
    member
}

#[test]
fn a_lone_member_leads_itself_into_everything() {
    let now = Instant::now();
    let mut member = Member::new(config(&BOTH), now);
    let first = join_of(member.next(now));
    assert_eq!((first.member_id.as_str(), first.protocols.len()), ("", 2));
    assert_eq!(first.protocols[0].name, "cooperative-sticky");
    // Kafka wants the id it gave before it counts anybody in (KIP-394).
    let mut answer = joined(-1, Assignor::CooperativeSticky, &[]);
    answer.error_code = ErrorCode::MemberIdRequired.code();
    member.joined(&answer, now).expect("asks again");
    assert_eq!(join_of(member.next(now)).member_id, "me");
    assert_eq!(member.wanted(), None);
    member.joined(&joined(1, Assignor::CooperativeSticky, &[("me", &[])]), now).expect("joins");
    assert!(matches!(member.next(now), Next::Ask(Ask::Topics(_))), "a leader needs to know what there is");
    member.learned(&topic_of(3), now);
    assert_eq!(handed_in(member.next(now)), [("me".to_owned(), some(&[0, 1, 2]))]);
    assert_eq!(member.is_settled(), Some(false));
    member.synced(&synced(&[0, 1, 2]), now).expect("has its share");
    assert_eq!((member.wanted(), member.is_settled()), (Some(some(&[0, 1, 2])), Some(true)));
    // Then it beats, and looks now and then whether there is more to share.
    let beat_at = now + Duration::from_millis(250);
    assert_eq!(member.next(now), Next::Wait(beat_at));
    assert!(matches!(member.next(beat_at), Next::Ask(Ask::Heartbeat(_))));
    member.beaten(&beaten(ErrorCode::None), beat_at).expect("fine");
    let later = now + Duration::from_secs(10);
    assert!(matches!(member.next(later), Next::Ask(Ask::Heartbeat(_))));
    assert!(matches!(member.next(later), Next::Ask(Ask::Topics(_))));
    member.learned(&topic_of(3), later);
    assert!(matches!(member.next(later), Next::Wait(_)), "nothing is new");
    let later = later + Duration::from_secs(10);
    let _ = (member.next(later), member.next(later));
    member.learned(&topic_of(4), later);
    assert_eq!(claims(&join_of(member.next(later))), some(&[0, 1, 2]), "there is more: share anew");
}

#[test]
fn a_cooperative_member_reads_on_and_gives_up_afterwards() {
    let now = Instant::now();
    let mut member = settled(&[0, 1], Assignor::CooperativeSticky, now);
    member.beaten(&beaten(ErrorCode::RebalanceInProgress), now).expect("joins again");
    assert_eq!(member.wanted(), Some(some(&[0, 1])), "it reads on");
    assert_eq!(claims(&join_of(member.next(now))), some(&[0, 1]));
    member.joined(&joined(2, Assignor::CooperativeSticky, &[]), now).expect("joins");
    member.next(now);
    member.synced(&synced(&[0]), now).expect("has less");
    assert_eq!((member.wanted(), member.is_settled()), (Some(some(&[0])), Some(false)));
    assert!(matches!(member.next(now), Next::Wait(_)), "what it still holds is not free");
    // Others come meanwhile: it says what it still holds.
    member.beaten(&beaten(ErrorCode::RebalanceInProgress), now).expect("joins again");
    assert_eq!(claims(&join_of(member.next(now))), some(&[0, 1]));
    member.joined(&joined(3, Assignor::CooperativeSticky, &[]), now).expect("joins");
    member.next(now);
    member.synced(&synced(&[0]), now).expect("has less");
    member.holds(some(&[0]));
    assert_eq!(claims(&join_of(member.next(now))), some(&[0]), "given up, it joins so that others get it");
}

#[test]
fn an_eager_member_gives_up_everything_before_it_joins() {
    let now = Instant::now();
    let mut member = settled(&[0, 1], Assignor::Range, now);
    member.beaten(&beaten(ErrorCode::RebalanceInProgress), now).expect("is to join again");
    assert_eq!(member.wanted(), Some(some(&[])));
    assert!(matches!(member.next(now), Next::Wait(_)));
    member.holds(some(&[]));
    assert_eq!(claims(&join_of(member.next(now))), some(&[]));
    member.joined(&joined(2, Assignor::Range, &[]), now).expect("joins");
    member.next(now);
    member.synced(&synced(&[1]), now).expect("has its share");
    assert_eq!(member.wanted(), Some(some(&[1])));
}

#[test]
fn a_group_that_becomes_eager_is_joined_once_more_with_nothing_in_hand() {
    let now = Instant::now();
    let mut member = settled(&[0, 1], Assignor::CooperativeSticky, now);
    member.beaten(&beaten(ErrorCode::RebalanceInProgress), now).expect("joins again");
    join_of(member.next(now));
    let members: [(&str, &[i32]); 2] = [("me", &[0, 1]), ("kcat", &[])];
    member.joined(&joined(2, Assignor::Range, &members), now).expect("joins");
    member.next(now);
    member.learned(&topic_of(2), now);
    let shares = handed_in(member.next(now));
    assert_eq!(shares, [("me".to_owned(), some(&[0, 1])), ("kcat".to_owned(), some(&[]))], "nothing moves yet");
    member.synced(&synced(&[0, 1]), now).expect("has its share");
    assert_eq!(member.wanted(), Some(some(&[])), "everything is to be given up");
    assert!(matches!(member.next(now), Next::Wait(_)));
    member.holds(some(&[]));
    assert_eq!(claims(&join_of(member.next(now))), some(&[]));
    let members: [(&str, &[i32]); 2] = [("me", &[]), ("kcat", &[])];
    member.joined(&joined(3, Assignor::Range, &members), now).expect("joins");
    member.next(now);
    member.learned(&topic_of(2), now);
    assert_eq!(handed_in(member.next(now)), [("me".to_owned(), some(&[1])), ("kcat".to_owned(), some(&[0]))]);
}

#[test]
fn who_was_forgotten_starts_afresh_and_says_that_all_is_lost() {
    let now = Instant::now();
    for (code, id) in [(ErrorCode::UnknownMemberId, ""), (ErrorCode::IllegalGeneration, "me")] {
        let mut member = settled(&[0], Assignor::CooperativeSticky, now);
        member.beaten(&beaten(code), now).expect("joins anew");
        assert_eq!((member.losses(), member.wanted(), member.generation()), (1, Some(some(&[])), -1));
        let request = join_of(member.next(now));
        assert_eq!((request.member_id.as_str(), claims(&request)), (id, some(&[])));
        // A second refusal loses nothing more.
        member.joined(&JoinGroupResponse { error_code: code.code(), ..Default::default() }, now).expect("again");
        assert_eq!(member.losses(), 1);
    }
}

#[test]
fn what_can_not_be_mended_is_an_error() {
    let now = Instant::now();
    for code in [
        ErrorCode::InconsistentGroupProtocol,
        ErrorCode::InvalidSessionTimeout,
        ErrorCode::GroupAuthorizationFailed,
        ErrorCode::FencedInstanceId,
    ] {
        let mut member = Member::new(config(&BOTH), now);
        let answer = JoinGroupResponse { error_code: code.code(), ..Default::default() };
        let error = member.joined(&answer, now).expect_err("an error");
        assert!(!error.is_retriable() && error.code() == Some(code), "{error}");
    }
    let mut member = Member::new(config(&BOTH), now);
    let mut answer = joined(1, Assignor::RoundRobin, &[]);
    assert!(matches!(member.joined(&answer, now), Err(ClientError::Refused { .. })), "not one that was offered");
    answer.error_code = ErrorCode::NotCoordinator.code();
    let moved = member.joined(&answer, now).expect_err("moved");
    assert!(moved.is_retriable(), "another coordinator is looked for, and asked the same");
    join_of(member.next(now));
}

#[test]
fn a_share_that_cannot_be_read_is_an_error_and_an_empty_one_is_none() {
    let now = Instant::now();
    let mut member = Member::new(config(&BOTH), now);
    member.joined(&joined(1, Assignor::CooperativeSticky, &[]), now).expect("joins");
    let bad = SyncGroupResponse { assignment: b"\0\0\xff\xff\xff"[..].into(), ..Default::default() };
    assert!(member.synced(&bad, now).is_err());
    member.synced(&SyncGroupResponse::default(), now).expect("nothing");
    assert_eq!(member.wanted(), Some(some(&[])));
}

#[test]
fn a_static_member_keeps_its_place_when_it_ends() {
    let now = Instant::now();
    let mut member = settled(&[0], Assignor::CooperativeSticky, now);
    assert_eq!(member.leave().map(|words| words.members[0].member_id.clone()).as_deref(), Some("me"));
    member = Member::new(MemberConfig { instance: Some("i".to_owned()), ..config(&BOTH) }, now);
    assert_eq!(join_of(member.next(now)).group_instance_id.as_deref(), Some("i"));
    member.joined(&joined(1, Assignor::CooperativeSticky, &[]), now).expect("joins");
    assert_eq!(member.leave(), None);
    assert_eq!(Member::new(config(&BOTH), now).leave(), None, "who never came does not go");
}
