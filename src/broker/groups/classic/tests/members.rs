//! Static members, bounds, commits, records: what the state machine answers, event by event.

use super::super::*;
use super::bench::*;
use crate::base::ErrorCode;

#[test]
fn a_commit_is_a_sign_of_life() {
    let mut bench = Bench::of_two();
    for _ in 0..4 {
        bench.pass(SESSION_MS - 1);
        assert_eq!(bench.beat("m1"), ErrorCode::None);
        assert_eq!(bench.group.check_commit("m2", None, 2, at(bench.now)), Ok(()));
    }
}

#[test]
fn the_last_one_out_leaves_an_empty_group_on_record() {
    let mut bench = Bench::of_two();
    assert_eq!(bench.leave("m1", None), 0);
    assert_eq!(bench.leave("m2", None), 0);
    assert_eq!(bench.group.state(), State::Empty);
    let [.., write] = &bench.writes[..] else { panic!("a record") };
    assert_eq!((write.record.generation, write.record.members.len(), &write.record.protocol), (3, 0, &None));
    assert_eq!(write.record.protocol_type, "consumer");
    assert_eq!(bench.leave("m2", None), ErrorCode::UnknownMemberId.code());
    assert_eq!(bench.group.next_deadline(), None);
}

#[test]
fn a_static_member_comes_back_unnoticed() {
    let mut bench = Bench::new();
    bench.join_static("i1");
    bench.join_static("i2");
    bench.join_as(|join| {
        join.instance_id = Some("i1".to_owned());
        join.member_id = "m1".to_owned();
    });
    bench.assign(&[("m1", "one"), ("m2", "two")]);
    let back = bench.join_static("i2");
    assert!(bench.waits(back), "its new id has to be kept first");
    bench.settle(Ok(()));
    let answer = bench.joined(back).clone();
    assert_eq!((answer.generation_id, bench.group.state()), (2, State::Stable));
    let sync = bench.sync(&answer.member_id, 2, &[]);
    assert_eq!(bench.synced(sync), (ErrorCode::None, &b"two"[..]));
    let fenced = bench.group.heartbeat("m2", Some("i2"), 2, at(bench.now));
    assert_eq!(fenced, ErrorCode::FencedInstanceId);
    assert_eq!(bench.beat("m1"), ErrorCode::None, "nobody else noticed");
}

#[test]
fn a_static_leader_comes_back_as_its_version_allows() {
    let mut bench = Bench::new();
    bench.join_static("i1");
    bench.assign(&[("m1", "one")]);
    let old = bench.join_static("i1");
    bench.settle(Ok(()));
    let answer = bench.joined(old);
    assert_eq!((answer.leader.as_str(), answer.members.len(), answer.skip_assignment), ("m1", 0, false));
    let new = bench.join_as(|join| {
        join.instance_id = Some("i1".to_owned());
        join.may_skip_assignment = true;
    });
    bench.settle(Ok(()));
    let answer = bench.joined(new);
    assert_eq!(answer.leader, answer.member_id);
    assert_eq!((answer.members.len(), answer.skip_assignment), (1, true));
}

#[test]
fn a_static_member_whose_new_id_is_not_kept_stays_who_it_was() {
    let mut bench = Bench::new();
    bench.join_static("i1");
    bench.assign(&[("m1", "one")]);
    let back = bench.join_static("i1");
    bench.settle(Err(ErrorCode::CoordinatorNotAvailable));
    assert_eq!(bench.join_error(back), ErrorCode::CoordinatorNotAvailable);
    assert_eq!(bench.group.heartbeat("m1", Some("i1"), 1, at(bench.now)), ErrorCode::None);
    assert_eq!(bench.group.members().len(), 1);
}

#[test]
fn a_static_member_may_be_away_for_its_session() {
    let mut bench = Bench::of_two();
    let fixed = bench.join_static("i");
    bench.join("m1");
    bench.join("m2");
    let id = bench.joined(fixed).member_id.clone();
    bench.assign(&[]);
    // A rebalance that it misses: it stays a member, and has its session to be heard of.
    bench.join_as(|join| {
        join.member_id = "m1".to_owned();
        join.rebalance_timeout_ms = 1000;
    });
    bench.join_as(|join| {
        join.member_id = "m2".to_owned();
        join.rebalance_timeout_ms = 1000;
    });
    assert!(bench.group.members().contains(&id));
    assert_eq!(bench.leave("", Some("i")), 0, "an administrator takes it out");
    assert!(!bench.group.members().contains(&id));
    assert_eq!(bench.leave("", Some("i")), ErrorCode::UnknownMemberId.code());
}

#[test]
fn a_group_has_a_largest_size() {
    let mut bench = Bench::of_two();
    bench.rules.members_max = 2;
    let third = bench.join("");
    assert_eq!(bench.join_error(third), ErrorCode::GroupMaxSizeReached);
    assert_eq!(bench.group.state(), State::Stable);
    bench.rules.members_max = 1;
    bench.join("m1");
    let second = bench.join("m2");
    assert_eq!(bench.join_error(second), ErrorCode::GroupMaxSizeReached, "the last to come back");
    assert_eq!((bench.group.members().len(), bench.group.generation()), (1, 3));
}

#[test]
fn commits_are_checked_against_the_group() {
    let mut bench = Bench::new();
    assert_eq!(bench.group.check_commit("", None, -1, at(0)), Ok(()), "nobody is here");
    let mut bench = Bench::of_two();
    let mut check =
        |id: &str, instance: Option<&str>, generation| bench.group.check_commit(id, instance, generation, at(0));
    assert_eq!(check("m1", None, 2), Ok(()));
    assert_eq!(check("m1", None, 1), Err(ErrorCode::IllegalGeneration));
    assert_eq!(check("m9", None, 2), Err(ErrorCode::UnknownMemberId));
    assert_eq!(check("m1", Some("i"), 2), Err(ErrorCode::UnknownMemberId));
    assert_eq!(check("", None, -1), Err(ErrorCode::UnknownMemberId));
    bench.join("m1");
    assert_eq!(bench.group.check_commit("m2", None, 2, at(0)), Ok(()), "a last word before the rebalance");
    bench.join("m2");
    assert_eq!(bench.group.check_commit("m2", None, 3, at(0)), Err(ErrorCode::RebalanceInProgress));
}

#[test]
fn what_is_recorded_is_restored() {
    let mut bench = Bench::new();
    bench.join_static("i1");
    bench.sync("m1", 1, &[("m1", "one")]);
    let record = bench.writes[0].record.clone();
    let mut restored = ClassicGroup::restore("g".into(), record);
    assert_eq!((restored.state(), restored.generation(), restored.protocol()), (State::Stable, 1, Some("range")));
    assert_eq!(restored.loaded(&RULES, at(0)), Effects::default());
    assert_eq!(restored.heartbeat("m1", Some("i1"), 1, at(5)), ErrorCode::None, "it goes on as if nothing had been");
    assert!(restored.is_subscribed_to("t") && !restored.is_subscribed_to("u"));
    assert_eq!(restored.expire(at(5 + SESSION_MS)).writes.len(), 1);
    assert_eq!(restored.state(), State::Empty, "its session began with the start");
}

#[test]
fn a_restored_group_that_is_too_large_rebalances() {
    let mut bench = Bench::new();
    bench.join("");
    bench.join("");
    bench.join("m1");
    bench.sync("m1", 2, &[]);
    let mut restored = ClassicGroup::restore("g".into(), bench.writes.remove(0).record);
    restored.loaded(&Rules { members_max: 1, ..RULES }, at(0));
    assert_eq!(restored.state(), State::PreparingRebalance);
}

#[test]
fn retention_counts_from_when_the_group_emptied() {
    let mut bench = Bench::new();
    assert_eq!(bench.group.expiry_base(), ExpiryBase::Commit, "a group without members goes by its commits");
    bench.join("");
    bench.assign(&[]);
    assert_eq!(bench.group.expiry_base(), ExpiryBase::Commit, "of topics that nobody reads any more");
    assert!(bench.group.is_subscribed_to("t"));
    let second = bench.join("");
    assert_eq!(bench.group.expiry_base(), ExpiryBase::Never);
    bench.join("m1");
    let second = bench.joined(second).member_id.clone();
    bench.now = 77;
    bench.leave("m1", None);
    bench.leave(&second, None);
    assert_eq!(bench.group.expiry_base(), ExpiryBase::Since(1_000_077));
    assert!(!bench.group.is_subscribed_to("t"));
}
