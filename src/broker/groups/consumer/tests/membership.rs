//! Who may join, and under which names they come back; what is refused.

use super::*;
use crate::broker::groups::consumer::request::{LEAVE, LEAVE_FOR_A_WHILE};

#[test]
fn requests_that_make_no_sense_to_any_group_are_refused() {
    let mut bench = Bench::new(&[("t", 1)]);
    let join = Client::new("m", &["t"]).request();
    let no_epoch = Request { member_epoch: -3, ..join.clone() };
    let cases = [
        (Request { group_id: " ".to_owned(), ..join.clone() }, "GroupId can't be empty."),
        (Request { member_id: String::new(), ..join.clone() }, "MemberId can't be empty."),
        (Request { instance_id: Some(String::new()), ..join.clone() }, "InstanceId can't be empty."),
        (Request { rack_id: Some(String::new()), ..join.clone() }, "RackId can't be empty."),
        (Request { rebalance_timeout_ms: -1, ..join.clone() }, "RebalanceTimeoutMs must be provided in first request."),
        (Request { topic_partitions: None, ..join.clone() }, "TopicPartitions must be empty when (re-)joining."),
        (
            Request { subscribed_topic_names: None, ..join.clone() },
            "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
        ),
        (Request { member_epoch: LEAVE_FOR_A_WHILE, ..join.clone() }, "InstanceId can't be null."),
        (no_epoch, "MemberEpoch is invalid."),
    ];
    for (request, sentence) in cases {
        let refusal = bench.ask(&request).expect_err(sentence);
        assert_eq!((refusal.code, refusal.message.as_str()), (ErrorCode::InvalidRequest, sentence));
    }
    bench.refused(&Request { server_assignor: Some("sticky".into()), ..join.clone() }, ErrorCode::UnsupportedAssignor);
    let bad = Request { subscribed_topic_regex: Some("(".into()), ..join };
    bench.refused(&bad, ErrorCode::InvalidRegularExpression);
    assert!(bench.log.is_empty(), "nothing of it was kept");
}

#[test]
fn a_member_of_version_0_gets_its_id_from_the_broker() {
    let mut bench = Bench::new(&[("t", 2)]);
    let join = Client::new("", &["t"]).request();
    let response = bench.ask_as(&join, 0).expect("joins");
    let id = response.member_id.expect("an id");
    assert_eq!(id.len(), 22);
    assert!(bench.group.members().contains_key(&id));
    assert_eq!(response.heartbeat_interval_ms, 5000);
}

#[test]
fn who_is_not_known_must_join_first() {
    let mut bench = Bench::new(&[("t", 2)]);
    let stranger = Client { epoch: 5, ..Client::new("stranger", &["t"]) };
    bench.refused(&stranger.request(), ErrorCode::UnknownMemberId);
    bench.refused(&stranger.leaving(LEAVE), ErrorCode::UnknownMemberId);
    let stranger = stranger.with_instance("i");
    bench.refused(&stranger.request(), ErrorCode::UnknownMemberId);
    bench.refused(&stranger.leaving(LEAVE_FOR_A_WHILE), ErrorCode::UnknownMemberId);
}

#[test]
fn a_full_group_takes_nobody_in_but_keeps_who_is_there() {
    let mut bench = Bench::new(&[("t", 2)]);
    bench.config.members_max = 1;
    let mut first = Client::new("a", &["t"]);
    bench.beat(&mut first).expect("joins");
    bench.refused(&Client::new("b", &["t"]).request(), ErrorCode::GroupMaxSizeReached);
    bench.beat(&mut first).expect("stays");
    bench.beat(&mut Client::new("a", &["t"])).expect("begins anew");
}

#[test]
fn a_static_member_that_left_for_a_while_comes_back_to_what_it_had() {
    let mut bench = Bench::new(&[("t", 4)]);
    let mut clients = [Client::new("a1", &["t"]).with_instance("a"), Client::new("b", &["t"])];
    bench.settle(&mut clients);
    let (epoch, had) = (bench.group.epoch, clients[0].owned.clone());

    let away = bench.ask(&clients[0].leaving(LEAVE_FOR_A_WHILE)).expect("leaves");
    assert_eq!((away.member_epoch, away.assignment), (LEAVE_FOR_A_WHILE, None));
    // Nobody else gets what is its own.
    bench.beat(&mut clients[1]).expect("stays");
    assert_eq!(clients[1].count(), 2);
    assert_eq!(bench.group.epoch, epoch);

    let mut back = Client::new("a2", &["t"]).with_instance("a");
    bench.beat(&mut back).expect("comes back");
    assert_eq!(back.owned, had);
    assert_eq!((back.epoch, bench.group.epoch), (epoch, epoch), "without a rebalance");
    assert_eq!(bench.group.members().keys().collect::<Vec<_>>(), ["a2", "b"]);
    bench.refused(&clients[0].request(), ErrorCode::FencedInstanceId);
    bench.settle(&mut [back, clients[1].clone()]);
}

#[test]
fn a_static_member_that_comes_back_reading_something_else_is_assigned_anew() {
    let mut bench = Bench::new(&[("t", 4), ("u", 3)]);
    let mut clients = [Client::new("a1", &["t"]).with_instance("a"), Client::new("b", &["t"])];
    bench.settle(&mut clients);
    bench.ask(&clients[0].leaving(LEAVE_FOR_A_WHILE)).expect("leaves");
    clients[0] = Client::new("a2", &["u"]).with_instance("a");
    bench.settle(&mut clients);
    assert_eq!(counts(&clients), [3, 4]);
}

#[test]
fn a_static_member_that_does_not_come_back_loses_its_place() {
    let mut bench = Bench::new(&[("t", 4)]);
    let mut clients = [Client::new("a1", &["t"]).with_instance("a"), Client::new("b", &["t"])];
    bench.settle(&mut clients);
    bench.ask(&clients[0].leaving(LEAVE_FOR_A_WHILE)).expect("leaves");
    for _ in 0..9 {
        bench.pass(5_000);
        bench.beat(&mut clients[1]).expect("stays");
    }
    bench.settle(&mut clients[1..]);
    assert_eq!(clients[1].count(), 4);
}

#[test]
fn an_instance_id_in_use_is_not_given_away() {
    let mut bench = Bench::new(&[("t", 2)]);
    let mut first = Client::new("a1", &["t"]).with_instance("a");
    bench.beat(&mut first).expect("joins");
    let second = Client::new("a2", &["t"]).with_instance("a");
    bench.refused(&second.request(), ErrorCode::UnreleasedInstanceId);
    bench.refused(&second.leaving(LEAVE), ErrorCode::FencedInstanceId);
    bench.refused(&Client { epoch: 1, ..second.clone() }.request(), ErrorCode::FencedInstanceId);
    // The same member that never heard the answer may ask again.
    bench.beat(&mut Client::new("a1", &["t"]).with_instance("a")).expect("the same one");

    bench.ask(&first.leaving(LEAVE)).expect("leaves for good");
    bench.beat(&mut second.clone()).expect("the id is free");
}

#[test]
fn a_member_that_begins_anew_under_its_old_id_has_nothing_and_gets_its_share_at_once() {
    let mut bench = Bench::new(&[("t", 4)]);
    let mut clients = [Client::new("a", &["t"]), Client::new("b", &["t"])];
    bench.settle(&mut clients);
    let had = clients[0].owned.clone();
    clients[0] = Client::new("a", &["t"]);
    bench.beat(&mut clients[0]).expect("begins anew");
    assert_eq!(clients[0].owned, had);
    bench.settle(&mut clients);
}

#[test]
fn the_last_one_to_leave_leaves_an_empty_group_that_can_be_removed() {
    let mut bench = Bench::new(&[("t", 4)]);
    let mut client = Client { expression: Some("t.*".into()), ..Client::new("a", &["t"]) };
    bench.beat(&mut client).expect("joins");
    assert!(bench.group.reads("t") && !bench.group.is_empty());
    bench.ask(&client.leaving(LEAVE)).expect("leaves");
    assert!(bench.group.is_empty() && !bench.group.reads("t"));
    assert_eq!(bench.group.state().name(), "Empty");

    // For each key in the log, the last word is a tombstone.
    let tombstones = bench.group.tombstones();
    bench.append(tombstones);
    let last: BTreeMap<_, _> = bench.log.iter().map(|record| ConsumerRecord::encode("g", &record.change)).collect();
    assert!(last.values().all(Option::is_none), "{last:?}");
    assert_eq!(bench.log.last().map(|record| &record.change), Some(&Change::Group(None)));
}

#[test]
fn what_a_member_says_of_itself_is_described() {
    let mut bench = Bench::new(&[("t", 1)]);
    let mut client = Client::new("a", &["t", "later"]).with_instance("i");
    bench.beat(&mut client).expect("joins");
    let described = bench.group.describe(&bench.topology, &bench.config);
    assert_eq!((described.group_state.as_str(), described.assignor_name.as_str()), ("Stable", "uniform"));
    assert_eq!((described.group_epoch, described.assignment_epoch), (1, 1));
    let member = &described.members[0];
    assert_eq!((member.client_id.as_str(), member.client_host.as_str()), ("test", "/127.0.0.1"));
    assert_eq!(member.subscribed_topic_names, ["later", "t"]);
    assert_eq!(member.assignment, member.target_assignment);
    assert_eq!(member.assignment.topic_partitions[0].topic_name, "t");
    assert_eq!((member.member_epoch, member.member_type), (1, 1));
}
