//! Epochs: lost answers, fencing, commits in a member's name.

use super::*;
use crate::broker::groups::consumer::request::LEAVE;

#[test]
fn an_answer_that_was_lost_is_given_again() {
    let mut bench = Bench::new(&[("t", 4)]);
    let mut a = Client::new("a", &["t"]);
    bench.beat(&mut a).expect("joins");
    let mut b = Client::new("b", &["t"]);
    bench.beat(&mut b).expect("joins");
    // a learns that it has to give up two, does it, and never hears that it was moved on.
    bench.beat(&mut a).expect("stays");
    assert_eq!((a.epoch, a.count()), (1, 2));
    let before = a.clone();
    bench.beat(&mut a).expect("is moved on");
    assert_eq!(a.epoch, 2);
    let mut again = before.clone();
    bench.beat(&mut again).expect("the epoch before is good enough");
    assert_eq!(again.epoch, 2);
    // But not with more than it was given.
    let mut greedy = before;
    greedy.owned.extend([(topic_id("t"), 0), (topic_id("t"), 1), (topic_id("t"), 2)]);
    bench.refused(&greedy.request(), ErrorCode::FencedMemberEpoch);
    bench.refused(&Request { topic_partitions: None, ..greedy.request() }, ErrorCode::FencedMemberEpoch);
}

#[test]
fn epochs_that_are_not_the_members_fence_it() {
    let mut bench = Bench::new(&[("t", 4)]);
    let mut a = Client::new("a", &["t"]);
    bench.beat(&mut a).expect("joins");
    let refusal = bench.ask(&Client { epoch: 9, ..a.clone() }.request()).expect_err("from the future");
    assert_eq!(refusal.code, ErrorCode::FencedMemberEpoch);
    assert!(refusal.message.contains("greater member epoch (9) than the one known by the group coordinator (1)"));
    let mut clients = vec![a];
    for name in ["b", "c"] {
        clients.push(Client::new(name, &["t"]));
        bench.settle(&mut clients);
    }
    let refusal = bench.ask(&Client { epoch: 1, ..clients[0].clone() }.request()).expect_err("from the past");
    assert_eq!(refusal.code, ErrorCode::FencedMemberEpoch);
    assert!(refusal.message.contains("smaller member epoch (1)"));
    // A fenced member lets go of everything and begins anew, under the same id.
    let mut anew = Client::new("a", &["t"]);
    bench.beat(&mut anew).expect("begins anew");
}

#[test]
fn offsets_are_committed_by_members_in_their_epoch() {
    let mut bench = Bench::new(&[("t", 1)]);
    let code = |result: Result<(), Refusal>| result.map_err(|refusal| refusal.code);
    assert_eq!(code(bench.group.check_commit("", -1, true)), Ok(()), "an empty group is anybody's");
    let mut a = Client::new("a", &["t"]);
    bench.beat(&mut a).expect("joins");
    let group = &bench.group;
    assert_eq!(code(group.check_commit("a", 1, true)), Ok(()));
    assert_eq!(code(group.check_commit("a", 0, true)), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(code(group.check_commit("a", 1, false)), Err(ErrorCode::UnsupportedVersion));
    assert_eq!(code(group.check_commit("b", 1, true)), Err(ErrorCode::UnknownMemberId));
    assert_eq!(code(group.check_commit("", -1, true)), Err(ErrorCode::UnknownMemberId));

    assert_eq!(code(group.check_fetch(None, -1)), Ok(()), "anybody may look");
    assert_eq!(code(group.check_fetch(Some("a"), 1)), Ok(()));
    assert_eq!(code(group.check_fetch(Some("a"), 2)), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(code(group.check_fetch(Some("b"), 1)), Err(ErrorCode::UnknownMemberId));
}

#[test]
fn an_assignment_is_told_when_it_changed_or_when_asked() {
    let mut bench = Bench::new(&[("t", 2)]);
    let mut a = Client::new("a", &["t"]);
    let joined = bench.ask(&a.request()).expect("joins");
    assert!(joined.assignment.is_some());
    a.hear(&joined);
    assert_eq!(bench.ask(&a.request()).expect("stays").assignment, None);
    let full = Request {
        rebalance_timeout_ms: REBALANCE_TIMEOUT_MS,
        subscribed_topic_names: Some(a.topics.clone()),
        ..a.request()
    };
    assert!(bench.ask(&full).expect("asks for all").assignment.is_some());
    bench.set_topics(&[("t", 3)]);
    assert!(bench.ask(&a.request()).expect("stays").assignment.is_some());
}

#[test]
fn a_heartbeat_that_changes_nothing_writes_nothing() {
    let mut bench = Bench::new(&[("t", 2)]);
    let mut clients = [Client::new("a", &["t"]), Client::new("b", &["t"])];
    bench.settle(&mut clients);
    let before = bench.log.len();
    for client in &mut clients {
        bench.beat(client).expect("stays");
    }
    // A topic that nobody reads is nobody's business.
    bench.set_topics(&[("t", 2), ("u", 5)]);
    for client in &mut clients {
        bench.beat(client).expect("stays");
    }
    assert_eq!(bench.log.len(), before);
}

#[test]
fn an_epoch_at_its_end_stays_there() {
    // A log that another program wrote may say anything.
    let mut bench = Bench::new(&[("t", 2)]);
    let metadata = crate::broker::groups::records::consumer::GroupMetadata { epoch: i32::MAX, topics_hash: 0 };
    bench.append(vec![Change::Group(Some(metadata)), Change::TargetEpoch(Some(i32::MAX))]);
    let mut a = Client::new("a", &["t"]);
    bench.beat(&mut a).expect("joins");
    bench.ask(&a.leaving(LEAVE)).expect("leaves");
}
