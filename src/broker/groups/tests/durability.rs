//! What a group's members were told is on disk; what could not be put there they were not told.

use std::io;

use proptest::prelude::*;

use super::house::*;
use crate::base::ErrorCode;
use crate::log::memory_disk::{Fault, Operation};
use crate::protocol::kafka::api::*;

#[test]
fn a_stable_group_survives_a_crash() {
    let house = House::new(&[]);
    let member = house.stable("g");
    assert_eq!(house.heartbeat("g", &member, 1), 0);
    let house = house.crash();
    assert_eq!(house.list(), [("g".to_owned(), "Stable".to_owned())]);
    assert_eq!(house.heartbeat("g", &member, 1), 0, "it goes on as if nothing had been");
    let described = house.latest(&DescribeGroupsRequest { groups: vec!["g".to_owned()], ..Default::default() });
    let described = &described.groups[0].members[0];
    assert_eq!((described.client_id.as_str(), described.client_host.as_str()), ("test", "/127.0.0.1"));
    assert_eq!(described.member_assignment[..], *b"all");
    house.pass(10_000);
    assert_eq!(house.list(), [("g".to_owned(), "Empty".to_owned())], "its session began with the start");
}

#[test]
fn a_crash_in_mid_rebalance_brings_the_last_generation_back() {
    let house = House::new(&[]);
    let member = house.stable("g");
    let newcomer = &mut house.send_join("g", "");
    assert!(house.look::<JoinGroupRequest>(newcomer).is_none());
    assert_eq!(house.heartbeat("g", &member, 1), ErrorCode::RebalanceInProgress.code());
    let house = house.crash();
    assert_eq!(house.heartbeat("g", &member, 1), 0);
}

#[test]
fn an_assignment_goes_out_when_it_is_safe() {
    let house = House::new(&[]);
    let leader = house.join("g", "").member_id;
    let follower = &mut house.send_join("g", "");
    assert_eq!(house.join("g", &leader).generation_id, 2);
    assert!(follower.take_bell(), "whoever waits is woken");
    let follower = house.look::<JoinGroupRequest>(follower).expect("joined").member_id;
    let waiting = &mut house.send_sync("g", &follower, 2, &[]);
    let leading = &mut house.send_sync("g", &leader, 2, &[(&leader, "one"), (&follower, "two")]);
    assert!(house.look::<SyncGroupRequest>(waiting).is_none(), "nothing is flushed yet");
    assert_eq!(house.look::<SyncGroupRequest>(leading).expect("the leader flushes").assignment[..], *b"one");
    assert!(waiting.take_bell());
    assert_eq!(house.look::<SyncGroupRequest>(waiting).expect("synced").assignment[..], *b"two");
}

#[test]
fn a_leader_that_is_gone_leaves_its_assignment_behind() {
    let house = House::new(&[]);
    let leader = house.join("g", "").member_id;
    let follower = &mut house.send_join("g", "");
    house.join("g", &leader);
    let follower = house.look::<JoinGroupRequest>(follower).expect("joined").member_id;
    let waiting = &mut house.send_sync("g", &follower, 2, &[]);
    house.send_sync("g", &leader, 2, &[(&follower, "two")]).abandon(&house);
    house.flush();
    assert!(waiting.take_bell());
    assert_eq!(house.look::<SyncGroupRequest>(waiting).expect("synced").assignment[..], *b"two");
}

#[test]
fn an_assignment_that_can_not_be_kept_is_retried() {
    let house = House::new(&[]);
    let member = house.join("g", "").member_id;
    let sync = &mut house.send_sync("g", &member, 1, &[(&member, "all")]);
    house.disk.watch(|operation, _| {
        matches!(operation, Operation::SyncData | Operation::SyncFs).then(|| Fault::from(io::ErrorKind::Other))
    });
    let answer = house.look::<SyncGroupRequest>(sync).expect("an answer");
    assert!(ErrorCode::from_code(answer.error_code).is_retriable());
    house.disk.unwatch();
    assert_eq!(house.heartbeat("g", &member, 1), ErrorCode::RebalanceInProgress.code());
    let again = house.join("g", &member);
    assert_eq!((again.error_code, again.generation_id), (0, 2));
}

#[test]
fn a_commit_that_can_not_be_written_is_refused_and_the_group_goes_on() {
    let house = House::new(&[]);
    assert_eq!(house.commit("g", "t", 5), 0);
    house.disk.watch(|operation, _| (operation == Operation::Write).then(|| Fault::from(io::ErrorKind::StorageFull)));
    let refused = ErrorCode::from_code(house.commit("g", "t", 6));
    assert!(refused.is_retriable(), "{refused}");
    house.disk.unwatch();
    assert_eq!(house.committed("g", "t"), 5);
}

#[test]
fn a_commit_counts_though_nobody_waits_for_it() {
    let house = House::new(&[]);
    house.send_commit("g", "t", 5).abandon(&house);
    assert_eq!(house.committed("g", "t"), -1, "not yet safe");
    house.flush();
    assert_eq!(house.committed("g", "t"), 5);
}

#[test]
fn whoever_wants_stable_offsets_waits_for_commits_under_way() {
    let house = House::new(&[]);
    let commit = &mut house.send_commit("g", "t", 5);
    let fetch = &mut house.send(&fetch_request("g", "t", true), FETCH_VERSION);
    assert_eq!(house.committed("g", "t"), -1);
    let answer = house.look::<OffsetFetchRequest>(fetch).expect("it flushes");
    assert_eq!(answer.groups[0].topics[0].partitions[0].committed_offset, 5);
    assert!(house.look::<OffsetCommitRequest>(commit).is_some());
}

#[test]
fn a_deleted_group_stays_deleted_and_one_with_members_stays() {
    let house = House::new(&[]);
    let member = house.stable("g");
    house.commit("simple", "t", 5);
    let delete = |house: &House, name: &str| {
        house.latest(&DeleteGroupsRequest { groups_names: vec![name.to_owned()] }).results[0].error_code
    };
    assert_eq!(delete(&house, "g"), ErrorCode::NonEmptyGroup.code());
    assert_eq!(delete(&house, "none"), ErrorCode::GroupIdNotFound.code());
    assert_eq!(house.leave("g", &member), 0);
    assert_eq!((delete(&house, "g"), delete(&house, "simple")), (0, 0));
    assert_eq!(house.list(), []);
    let house = house.crash();
    assert_eq!((house.list(), house.committed("simple", "t")), (Vec::new(), -1));
}

#[test]
fn a_deleted_topics_commits_go_with_it() {
    let house = House::new(&[]);
    house.commit("g", "t", 5);
    house.commit("g", "u", 6);
    let request = DeleteTopicsRequest { topic_names: vec!["t".to_owned()], ..Default::default() };
    assert_eq!(house.call(&request, 5).responses[0].error_code, 0);
    house.flush();
    house.create_topic("t");
    assert_eq!((house.committed("g", "t"), house.committed("g", "u")), (-1, 6));
    let house = house.crash();
    assert_eq!((house.committed("g", "t"), house.committed("g", "u")), (-1, 6));
}

/// What happens to one group's offset.
#[derive(Debug, Clone)]
enum Step {
    Commit(i64),
    /// Nobody waits for the answer.
    Leave(i64),
    Flush,
    Crash,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// A committed offset is the last one that was acknowledged, or one that was sent after it.
    #[test]
    fn committed_offsets_never_go_back_unasked(steps in proptest::collection::vec(prop_oneof![
        (0i64..1000).prop_map(Step::Commit),
        (0i64..1000).prop_map(Step::Leave),
        Just(Step::Flush),
        Just(Step::Crash),
    ], 1..30)) {
        let mut house = House::new(&[]);
        let mut may_be = vec![-1];
        for step in steps {
            match step {
                Step::Commit(offset) => {
                    prop_assert_eq!(house.commit("g", "t", offset), 0);
                    may_be = vec![offset];
                }
                Step::Leave(offset) => {
                    house.send_commit("g", "t", offset).abandon(&house);
                    may_be.push(offset);
                }
                Step::Flush => house.flush(),
                Step::Crash => house = house.crash(),
            }
            let committed = house.committed("g", "t");
            let place = may_be.iter().rposition(|offset| *offset == committed);
            prop_assert!(place.is_some(), "{} is none of {:?}", committed, may_be);
            // What was seen once does not go again.
            may_be.drain(..may_be.iter().position(|offset| *offset == committed).unwrap_or(0));
        }
    }
}
