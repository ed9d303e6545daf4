//! Joins, syncs and time: what the state machine answers, event by event.

use super::super::*;
use super::bench::*;
use crate::base::ErrorCode;

#[test]
fn two_members_agree() {
    let mut bench = Bench::new();
    let first = bench.join("");
    let answer = bench.joined(first);
    assert_eq!((answer.generation_id, answer.leader.as_str(), answer.members.len()), (1, "m1", 1));
    assert_eq!(answer.protocol_name.as_deref(), Some("range"));
    let second = bench.join("");
    assert_eq!(bench.beat("m1"), ErrorCode::RebalanceInProgress);
    let again = bench.join("m1");
    assert_eq!((bench.joined(again).generation_id, bench.joined(again).members.len()), (2, 2));
    assert_eq!((bench.joined(second).generation_id, bench.joined(second).members.len()), (2, 0));
    let follower = bench.sync("m2", 2, &[]);
    let leader = bench.sync("m1", 2, &[("m1", "one"), ("m2", "two"), ("stranger", "x")]);
    assert!(bench.waits(follower) && bench.waits(leader), "the log has not kept the assignment yet");
    assert_eq!(bench.writes[0].record.members.len(), 2);
    bench.settle(Ok(()));
    assert_eq!(bench.synced(follower), (ErrorCode::None, &b"two"[..]));
    assert_eq!(bench.synced(leader), (ErrorCode::None, &b"one"[..]));
    assert_eq!(bench.group.state(), State::Stable);
    assert_eq!(bench.beat("m2"), ErrorCode::None);
    let late = bench.sync("m2", 2, &[]);
    assert_eq!(bench.synced(late), (ErrorCode::None, &b"two"[..]), "asked again, told again");
}

#[test]
fn an_id_comes_before_the_member() {
    let mut bench = Bench::new();
    let first = bench.join_as(|join| join.id_comes_first = true);
    assert_eq!(bench.join_error(first), ErrorCode::MemberIdRequired);
    assert_eq!(bench.joined(first).member_id, "m1");
    assert!(bench.group.members().is_empty());
    assert_eq!(bench.beat("m1"), ErrorCode::UnknownMemberId, "it is expected, and not yet here");
    let second = bench.join_as(|join| {
        join.id_comes_first = true;
        join.member_id = "m1".to_owned();
    });
    assert_eq!(bench.joined(second).generation_id, 1);
    let stranger = bench.join("nobody");
    assert_eq!(bench.join_error(stranger), ErrorCode::UnknownMemberId);
}

#[test]
fn a_rebalance_waits_for_an_id_that_was_given_out_and_not_forever() {
    let mut bench = Bench::of_two();
    bench.join_as(|join| join.id_comes_first = true);
    let leader = bench.join("m1");
    let follower = bench.join("m2");
    assert!(bench.waits(leader), "a third one was promised");
    bench.pass(SESSION_MS);
    assert_eq!(bench.joined(leader).generation_id, 3);
    assert_eq!(bench.joined(follower).generation_id, 3);
}

#[test]
fn an_unused_id_leaves_nothing() {
    let mut bench = Bench::new();
    bench.join_as(|join| join.id_comes_first = true);
    assert!(!bench.group.is_idle());
    bench.pass(SESSION_MS);
    assert!(bench.group.is_idle());
    assert_eq!(bench.group.next_deadline(), None);
}

#[test]
fn the_first_rebalance_waits_while_members_arrive() {
    let mut bench = Bench::new();
    bench.rules.initial_delay_ms = 3000;
    let first = bench.join("");
    bench.pass(2000);
    let second = bench.join("");
    bench.pass(1000);
    assert!(bench.waits(first), "somebody came, so it waits once more");
    bench.pass(2999);
    assert!(bench.waits(first));
    bench.pass(1);
    assert_eq!((bench.joined(first).generation_id, bench.joined(first).members.len()), (1, 2));
    assert_eq!(bench.joined(second).generation_id, 1);
}

#[test]
fn the_first_rebalance_waits_no_longer_than_a_rebalance_may() {
    let mut bench = Bench::new();
    bench.rules.initial_delay_ms = 3000;
    let first = bench.join_as(|join| join.rebalance_timeout_ms = 7000);
    for _ in 0..6 {
        bench.pass(1000);
        bench.join_as(|join| join.rebalance_timeout_ms = 7000);
    }
    assert!(bench.waits(first));
    bench.pass(1000);
    assert_eq!(bench.joined(first).members.len(), 7);
}

#[test]
fn who_is_silent_is_out() {
    let mut bench = Bench::of_two();
    bench.pass(SESSION_MS / 2);
    assert_eq!(bench.beat("m1"), ErrorCode::None);
    bench.pass(SESSION_MS / 2);
    assert_eq!(bench.beat("m2"), ErrorCode::UnknownMemberId);
    assert_eq!(bench.beat("m1"), ErrorCode::RebalanceInProgress);
    let again = bench.join("m1");
    assert_eq!((bench.joined(again).generation_id, bench.joined(again).members.len()), (3, 1));
}

#[test]
fn who_does_not_join_in_time_is_out() {
    let mut bench = Bench::of_two();
    let third = bench.join("");
    let leader = bench.join("m1");
    for _ in 0..12 {
        // m2 lives, and does not care.
        bench.beat("m2");
        bench.pass(REBALANCE_MS / 12);
    }
    assert_eq!((bench.joined(leader).generation_id, bench.joined(leader).members.len()), (3, 2));
    assert_eq!(bench.joined(third).generation_id, 3);
    assert_eq!(bench.beat("m2"), ErrorCode::UnknownMemberId);
}

#[test]
fn a_leader_that_does_not_come_back_loses_the_lead() {
    let mut bench = Bench::of_two();
    bench.leave("m1", None);
    let follower = bench.join("m2");
    assert_eq!((bench.joined(follower).leader.as_str(), bench.joined(follower).members.len()), ("m2", 1));
}

#[test]
fn who_joins_and_never_syncs_is_out() {
    let mut bench = Bench::of_two();
    let leader = bench.join("m1");
    bench.join("m2");
    assert_eq!(bench.joined(leader).generation_id, 3);
    let sync = bench.sync("m1", 3, &[("m1", "all")]);
    bench.settle(Ok(()));
    assert_eq!(bench.synced(sync).0, ErrorCode::None);
    for _ in 0..12 {
        bench.beat("m1");
        bench.beat("m2");
        bench.pass(REBALANCE_MS / 12);
    }
    assert_eq!(bench.beat("m2"), ErrorCode::UnknownMemberId);
    assert_eq!(bench.beat("m1"), ErrorCode::RebalanceInProgress);
}

#[test]
fn a_rebalance_during_the_sync_calls_everybody_back() {
    let mut bench = Bench::of_two();
    bench.join("m1");
    bench.join("m2");
    let sync = bench.sync("m2", 3, &[]);
    let third = bench.join("");
    assert_eq!(bench.synced(sync).0, ErrorCode::RebalanceInProgress);
    let late = bench.sync("m1", 3, &[("m1", "x")]);
    assert_eq!(bench.synced(late).0, ErrorCode::RebalanceInProgress);
    bench.join("m1");
    bench.join("m2");
    assert_eq!(bench.joined(third).generation_id, 4);
}

#[test]
fn an_assignment_that_comes_too_late_changes_nothing() {
    let mut bench = Bench::of_two();
    bench.join("m1");
    bench.join("m2");
    let leader = bench.sync("m1", 3, &[("m1", "one"), ("m2", "two")]);
    bench.join("");
    assert_eq!(bench.synced(leader).0, ErrorCode::RebalanceInProgress);
    bench.settle(Ok(()));
    assert_eq!(bench.group.state(), State::PreparingRebalance);
}

#[test]
fn an_assignment_that_is_not_kept_is_an_error_and_a_new_start() {
    let mut bench = Bench::of_two();
    bench.join("m1");
    bench.join("m2");
    let follower = bench.sync("m2", 3, &[]);
    let leader = bench.sync("m1", 3, &[("m1", "one"), ("m2", "two")]);
    bench.settle(Err(ErrorCode::CoordinatorNotAvailable));
    assert_eq!(bench.synced(leader).0, ErrorCode::CoordinatorNotAvailable);
    assert_eq!(bench.synced(follower), (ErrorCode::CoordinatorNotAvailable, &b""[..]));
    assert_eq!(bench.group.state(), State::PreparingRebalance);
    bench.join("m1");
    let again = bench.join("m2");
    assert_eq!(bench.joined(again).generation_id, 4);
}

#[test]
fn joining_again_rebalances_only_where_something_changed() {
    let mut bench = Bench::of_two();
    let follower = bench.join("m2");
    assert_eq!((bench.joined(follower).generation_id, bench.group.state()), (2, State::Stable));
    let changed = bench.join_as(|join| {
        join.member_id = "m2".to_owned();
        join.protocols = protocols(&["range", "sticky"]);
    });
    assert!(bench.waits(changed));
    assert_eq!(bench.group.state(), State::PreparingRebalance);
    let leader = bench.join("m1");
    assert_eq!(bench.joined(leader).generation_id, 3);
    bench.assign(&[]);
    bench.join("m1");
    assert_eq!(bench.group.state(), State::PreparingRebalance, "the leader knows why");
}

#[test]
fn members_vote_for_a_protocol() {
    let mut bench = Bench::new();
    let offer = |names: &'static [&'static str]| move |join: &mut Join| join.protocols = protocols(names);
    bench.join_as(offer(&["a", "b", "c"]));
    let second = bench.join_as(offer(&["c", "b"]));
    let third = bench.join_as(offer(&["x", "c", "b"]));
    let again = bench.join_as(|join| {
        join.member_id = "m1".to_owned();
        join.protocols = protocols(&["a", "b", "c"]);
    });
    assert_eq!(bench.joined(again).protocol_name.as_deref(), Some("c"));
    assert_eq!(bench.joined(second).protocol_name.as_deref(), Some("c"));
    assert_eq!(bench.joined(third).protocol_name.as_deref(), Some("c"));
    let stranger = bench.join_as(offer(&["a", "z"]));
    assert_eq!(bench.join_error(stranger), ErrorCode::InconsistentGroupProtocol);
    let connect = bench.join_as(|join| join.protocol_type = "connect".to_owned());
    assert_eq!(bench.join_error(connect), ErrorCode::InconsistentGroupProtocol);
    let mut bench = Bench::new();
    let mute = bench.join_as(|join| join.protocols.clear());
    assert_eq!(bench.join_error(mute), ErrorCode::InconsistentGroupProtocol);
}

#[test]
fn a_request_that_is_sent_again_takes_the_place_of_the_first() {
    let mut bench = Bench::of_two();
    bench.join("");
    let lost = bench.join("m1");
    let again = bench.join("m1");
    assert_eq!(bench.join_error(lost), ErrorCode::RebalanceInProgress);
    bench.join("m2");
    assert_eq!(bench.joined(again).generation_id, 3);
    let lost = bench.sync("m2", 3, &[]);
    let again = bench.sync("m2", 3, &[]);
    assert_eq!(bench.synced(lost).0, ErrorCode::RebalanceInProgress);
    bench.sync("m1", 3, &[("m2", "two")]);
    bench.settle(Ok(()));
    assert_eq!(bench.synced(again), (ErrorCode::None, &b"two"[..]));
}

#[test]
fn a_protocol_is_cross_checked() {
    let mut bench = Bench::of_two();
    let mut sync = |kind: Option<&str>, protocol: Option<&str>| {
        let effects = bench.group.sync(Sync {
            ticket: Ticket(999),
            member_id: "m1".to_owned(),
            instance_id: None,
            generation: 2,
            protocol_type: kind.map(str::to_owned),
            protocol: protocol.map(str::to_owned),
            assignments: Vec::new(),
        });
        match &effects.answers[..] {
            [(_, Reply::Sync(response))] => ErrorCode::from_code(response.error_code),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(sync(Some("consumer"), Some("range")), ErrorCode::None);
    assert_eq!(sync(Some("connect"), Some("range")), ErrorCode::InconsistentGroupProtocol);
    assert_eq!(sync(Some("consumer"), Some("sticky")), ErrorCode::InconsistentGroupProtocol);
}
