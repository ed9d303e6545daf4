//! Who waits, who is woken, and what each is told.

use super::house::*;
use crate::base::ErrorCode;
use crate::protocol::kafka::api::join_group::JoinGroupResponse;
use crate::protocol::kafka::api::*;

fn error(response: &JoinGroupResponse) -> ErrorCode {
    ErrorCode::from_code(response.error_code)
}

#[test]
fn a_session_that_runs_out_wakes_whoever_waited_for_it() {
    let house = House::new(&[]);
    house.stable("g");
    let newcomer = &mut house.send_join("g", "");
    house.pass(9_999);
    assert!(house.look::<JoinGroupRequest>(newcomer).is_none());
    house.pass(1);
    assert!(newcomer.take_bell());
    let joined = house.look::<JoinGroupRequest>(newcomer).expect("joined");
    assert_eq!((error(&joined), joined.generation_id, joined.members.len()), (ErrorCode::None, 2, 1));
}

#[test]
fn heartbeats_put_the_end_of_a_session_off() {
    let house = House::new(&[]);
    let member = house.stable("g");
    for _ in 0..5 {
        house.pass(9_000);
        assert_eq!(house.heartbeat("g", &member, 1), 0);
    }
    house.pass(10_000);
    assert_eq!(house.heartbeat("g", &member, 1), ErrorCode::UnknownMemberId.code());
}

#[test]
fn the_first_rebalance_is_delayed_as_set() {
    let house = House::new(&[("group.initial.rebalance.delay.ms", "3000")]);
    let first = &mut house.send_join("g", "");
    house.pass(2_000);
    let second = &mut house.send_join("g", "");
    house.pass(1_000);
    assert!(house.look::<JoinGroupRequest>(first).is_none(), "somebody came");
    house.pass(3_000);
    assert!(first.take_bell() && second.take_bell());
    assert_eq!(house.look::<JoinGroupRequest>(first).expect("joined").members.len(), 2);
}

#[test]
fn one_group_does_not_wait_for_another() {
    let house = House::new(&[]);
    house.stable("slow");
    let waits = &mut house.send_join("slow", "");
    house.stable("quick");
    assert!(house.look::<JoinGroupRequest>(waits).is_none());
    assert!(!waits.take_bell(), "nothing happened that concerns it");
}

#[test]
fn a_join_that_never_was_leaves_no_group() {
    let house = House::new(&[]);
    let mut request = join_request("g", "");
    request.protocols.clear();
    assert_eq!(error(&house.call(&request, 3)), ErrorCode::InconsistentGroupProtocol);
    assert_eq!(error(&house.join("g", "nobody")), ErrorCode::UnknownMemberId);
    assert_eq!(house.list(), []);
    let pending = house.call(&join_request("g", ""), 9);
    assert_eq!(error(&pending), ErrorCode::MemberIdRequired);
    assert!(pending.member_id.starts_with("test-"), "{}", pending.member_id);
    assert_eq!(house.list().len(), 1);
    house.pass(10_000);
    assert_eq!(house.list(), []);
}

#[test]
fn a_stop_answers_whoever_waits() {
    let house = House::new(&[]);
    house.stable("g");
    let newcomer = house.send_join("g", "");
    newcomer.abandon(&house);
    // Its member id still waits in the group, as in Kafka: it is the session's end that tells.
    house.pass(10_000);
    assert_eq!(house.list(), [("g".to_owned(), "CompletingRebalance".to_owned())]);
}

#[test]
fn requests_are_checked_before_the_group_is() {
    let house = House::new(&[("group.min.session.timeout.ms", "5000"), ("group.max.session.timeout.ms", "20000")]);
    let mut request = join_request("", "");
    assert_eq!(error(&house.call(&request, 3)), ErrorCode::InvalidGroupId);
    request.group_id = "g".to_owned();
    for timeout in [4_999, 20_001, -1] {
        request.session_timeout_ms = timeout;
        assert_eq!(error(&house.call(&request, 3)), ErrorCode::InvalidSessionTimeout);
    }
    let sync = SyncGroupRequest { group_id: "g".to_owned(), ..Default::default() };
    assert_eq!(house.call(&sync, 5).error_code, ErrorCode::InconsistentGroupProtocol.code(), "it names no protocol");
    assert_eq!(house.call(&sync, 4).error_code, ErrorCode::UnknownMemberId.code());
    let mut commit = commit_request("g", "t", 1);
    commit.generation_id_or_member_epoch = 3;
    commit.member_id = "m".to_owned();
    let code = |version| house.call(&commit, version).topics[0].partitions[0].error_code;
    assert_eq!(code(8), ErrorCode::IllegalGeneration.code());
    assert_eq!(code(9), ErrorCode::GroupIdNotFound.code());
}

#[test]
fn a_commit_from_outside_is_taken_only_while_nobody_is_there() {
    let house = House::new(&[]);
    assert_eq!(house.commit("g", "t", 1), 0);
    let member = house.stable("g");
    assert_eq!(house.commit("g", "t", 2), ErrorCode::UnknownMemberId.code());
    let mut commit = commit_request("g", "t", 3);
    (commit.member_id, commit.generation_id_or_member_epoch) = (member.clone(), 1);
    assert_eq!(house.call(&commit, COMMIT_VERSION).topics[0].partitions[0].error_code, 0);
    house.leave("g", &member);
    assert_eq!(house.commit("g", "t", 2), 0, "a reset");
    assert_eq!(house.committed("g", "t"), 2);
}

#[test]
fn a_missing_group_is_dead_and_since_version_6_an_error() {
    let house = House::new(&[]);
    let request = DescribeGroupsRequest { groups: vec!["g".to_owned()], include_authorized_operations: true };
    let old = house.call(&request, 5).groups.remove(0);
    assert_eq!((old.error_code, old.group_state.as_str()), (0, "Dead"));
    let new = house.call(&request, 6).groups.remove(0);
    assert_eq!(ErrorCode::from_code(new.error_code), ErrorCode::GroupIdNotFound);
    assert_eq!(new.error_message.as_deref(), Some("Group g not found."));
    assert_eq!(house.committed("g", "t"), -1, "and for OffsetFetch it is nothing special");
}

#[test]
fn lists_are_filtered() {
    let house = House::new(&[]);
    house.stable("g");
    house.commit("simple", "t", 1);
    let list = |states: &[&str], types: &[&str]| {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let request = ListGroupsRequest { states_filter: words(states), types_filter: words(types) };
        house.latest(&request).groups.into_iter().map(|group| group.group_id).collect::<Vec<_>>()
    };
    assert_eq!(list(&[], &[]), ["g", "simple"]);
    assert_eq!(list(&["stable"], &[]), ["g"]);
    assert_eq!(list(&["Empty", "Dead"], &["Classic"]), ["simple"]);
    assert_eq!(list(&[], &["consumer"]), [""; 0]);
    assert_eq!(list(&["nonsense"], &[]), [""; 0]);
}
