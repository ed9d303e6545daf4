//! Partitions on their way from one member to another: nobody gets one before it is given up.

use super::*;
use crate::broker::groups::consumer::request::LEAVE;

#[test]
fn a_newcomer_waits_until_others_let_go() {
    let mut bench = Bench::new(&[("t", 6)]);
    let mut a = Client::new("a", &["t"]);
    bench.beat(&mut a).expect("joins");
    assert_eq!((a.epoch, a.count()), (1, 6));

    let mut b = Client::new("b", &["t"]);
    bench.beat(&mut b).expect("joins");
    assert_eq!((b.epoch, b.count()), (2, 0));
    assert_eq!(bench.group.state().name(), "Reconciling");

    a.clings = true;
    bench.beat(&mut a).expect("is asked to give up three");
    assert_eq!((a.epoch, a.assigned.as_ref().map(Partitions::len)), (1, Some(3)));
    bench.beat(&mut a).expect("does not yet");
    bench.beat(&mut b).expect("waits");
    assert_eq!(b.count(), 0);

    a.clings = false;
    a.owned = a.assigned.clone().expect("told");
    bench.beat(&mut a).expect("has given up");
    assert_eq!(a.epoch, 2);
    bench.beat(&mut b).expect("gets them");
    assert_eq!(b.count(), 3);
    bench.settle(&mut [a, b]);
}

#[test]
fn who_clings_too_long_is_put_out() {
    let mut bench = Bench::new(&[("t", 4)]);
    let mut a = Client { clings: true, ..Client::new("a", &["t"]) };
    bench.beat(&mut a).expect("joins");
    let mut b = Client::new("b", &["t"]);
    bench.beat(&mut b).expect("joins");
    for _ in 0..3 {
        bench.beat(&mut a).expect("clings");
        bench.beat(&mut b).expect("waits");
        bench.pass(3_000);
    }
    assert_eq!(b.count(), 0);
    bench.pass(1_000);
    bench.refused(&a.request(), ErrorCode::UnknownMemberId);
    bench.settle(std::slice::from_mut(&mut b));
    assert_eq!(b.count(), 4);
}

#[test]
fn who_is_silent_too_long_is_put_out() {
    let mut bench = Bench::new(&[("t", 4)]);
    let mut clients = [Client::new("a", &["t"]), Client::new("b", &["t"]), Client::new("c", &["t"])];
    bench.settle(&mut clients);
    for _ in 0..8 {
        bench.pass(5_000);
        bench.beat(&mut clients[0]).expect("stays");
    }
    assert_eq!(bench.group.next_deadline_ms(), Some(45_000));
    bench.pass(4_999);
    assert_eq!(bench.group.members().len(), 3);
    let epoch = bench.group.epoch;
    bench.pass(1);
    assert_eq!(bench.group.members().len(), 1);
    assert_eq!(bench.group.epoch, epoch + 1, "both at once");
    bench.settle(&mut clients[..1]);
    assert_eq!(clients[0].count(), 4);
}

#[test]
fn one_who_leaves_leaves_everything_to_the_others_and_they_keep_what_they_have() {
    let mut bench = Bench::new(&[("t", 6)]);
    let mut clients = [Client::new("a", &["t"]), Client::new("b", &["t"]), Client::new("c", &["t"])];
    bench.settle(&mut clients);
    let before = [clients[0].owned.clone(), clients[1].owned.clone()];
    let left = bench.ask(&clients[2].leaving(LEAVE)).expect("leaves");
    assert_eq!((left.member_epoch, left.member_id.as_deref()), (LEAVE, Some("c")));
    bench.settle(&mut clients[..2]);
    assert_eq!(counts(&clients[..2]), [3, 3]);
    assert!(before[0].is_subset_of(&clients[0].owned) && before[1].is_subset_of(&clients[1].owned));
}

#[test]
fn topics_that_come_grow_and_go_are_assigned_anew() {
    let mut bench = Bench::new(&[("t", 2)]);
    let mut clients = [Client::new("a", &["t", "u"]), Client::new("b", &["t", "u"])];
    bench.settle(&mut clients);
    assert_eq!(counts(&clients), [1, 1]);
    bench.set_topics(&[("t", 2), ("u", 2)]);
    bench.settle(&mut clients);
    assert_eq!(counts(&clients), [2, 2]);
    bench.set_topics(&[("t", 6), ("u", 2)]);
    bench.settle(&mut clients);
    assert_eq!(counts(&clients), [4, 4]);
    bench.set_topics(&[("u", 2)]);
    bench.settle(&mut clients);
    assert_eq!(counts(&clients), [1, 1]);
    bench.set_topics(&[]);
    bench.settle(&mut clients);
    assert_eq!(counts(&clients), [0, 0]);
}

#[test]
fn expressions_follow_the_topics() {
    let mut bench = Bench::new(&[("orders-eu", 2), ("other", 2)]);
    let by_expression = |id: &str| Client { expression: Some("orders-.*".into()), ..Client::new(id, &[]) };
    let mut clients = [by_expression("a"), by_expression("b"), Client::new("c", &["other"])];
    bench.settle(&mut clients);
    assert_eq!(counts(&clients), [1, 1, 2]);
    bench.set_topics(&[("orders-eu", 2), ("orders-us", 4), ("other", 2)]);
    bench.settle(&mut clients);
    assert_eq!(counts(&clients), [3, 3, 2]);

    // A subscription that changes: what the expression matched goes with the last one who used it.
    let other = |client: &Client| Request {
        subscribed_topic_names: Some(vec!["other".to_owned()]),
        subscribed_topic_regex: Some(String::new()),
        ..client.request()
    };
    for client in &mut clients[..2] {
        let response = bench.ask(&other(client)).expect("changes its mind");
        client.hear(&response);
    }
    bench.settle(&mut clients);
    assert_eq!(counts(&clients).iter().sum::<usize>(), 2);
    assert!(bench.group.expressions.is_empty());
}

#[test]
fn the_assignor_that_most_want_is_taken() {
    let mut bench = Bench::new(&[("t", 3), ("u", 3)]);
    let request =
        |client: &Client, assignor: &str| Request { server_assignor: Some(assignor.into()), ..client.request() };
    let mut clients = [Client::new("a", &["t", "u"]), Client::new("b", &["t", "u"])];
    for client in &mut clients {
        let response = bench.ask(&request(client, "range")).expect("joins");
        client.hear(&response);
    }
    bench.settle(&mut clients);
    assert_eq!(counts(&clients), [4, 2], "the first two of each topic, and the last");
    assert_eq!(bench.group.describe(&bench.topology, &bench.config).assignor_name, "range");
}

#[test]
fn a_start_in_the_midst_of_a_rebalance_goes_on_where_it_was() {
    let mut bench = Bench::new(&[("t", 6)]);
    let mut clients = [Client::new("a", &["t"]), Client::new("b", &["t"])];
    bench.beat(&mut clients[0]).expect("joins");
    bench.beat(&mut clients[1]).expect("joins");
    bench.beat(&mut clients[0]).expect("is asked to give up");
    bench.group = bench.recovered();
    assert_eq!(bench.group.next_deadline_ms(), Some(i64::from(REBALANCE_TIMEOUT_MS)), "time to give up");
    bench.settle(&mut clients);
    assert_eq!(counts(&clients), [3, 3]);
    // And whoever did not come back is put out.
    bench.group = bench.recovered();
    bench.pass(44_000);
    bench.beat(&mut clients[0]).expect("is there");
    bench.pass(1_000);
    bench.settle(&mut clients[..1]);
    assert_eq!(clients[0].count(), 6);
}
