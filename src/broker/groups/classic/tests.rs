//! What the state machine answers, event by event.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::*;
use crate::base::Now;
use crate::protocol::kafka::api::leave_group::MemberIdentity;

const RULES: Rules = Rules { initial_delay_ms: 0, members_max: 100 };
const SESSION_MS: i64 = 10_000;
const REBALANCE_MS: i64 = 60_000;

fn at(mono_ms: i64) -> Now {
    Now { wall_ms: 1_000_000 + mono_ms, mono_ms }
}

/// A group under test: hands out tickets, keeps records, remembers answers.
struct Bench {
    group: ClassicGroup,
    tickets: u64,
    answers: BTreeMap<Ticket, Reply>,
    /// Records that are under way; `keep` lets them be kept.
    writes: Vec<Write>,
    rules: Rules,
    now: i64,
}

impl Bench {
    fn new() -> Bench {
        Bench {
            group: ClassicGroup::new("g".into(), at(0)),
            tickets: 0,
            answers: BTreeMap::new(),
            writes: Vec::new(),
            rules: RULES,
            now: 0,
        }
    }

    fn take(&mut self, effects: Effects) {
        for (ticket, reply) in effects.answers {
            assert!(self.answers.insert(ticket, reply).is_none(), "{ticket:?} is answered twice");
        }
        self.writes.extend(effects.writes);
    }

    fn join_as(&mut self, change: impl FnOnce(&mut Join)) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let mut join = Join {
            ticket,
            member_id: String::new(),
            instance_id: None,
            fresh_id: MemberId::from(format!("m{}", self.tickets).as_str()),
            client_id: "c".to_owned(),
            client_host: "/127.0.0.1".to_owned(),
            session_timeout_ms: SESSION_MS,
            rebalance_timeout_ms: REBALANCE_MS,
            protocol_type: "consumer".to_owned(),
            protocols: protocols(&["range"]),
            id_comes_first: false,
            may_skip_assignment: false,
        };
        change(&mut join);
        let effects = self.group.join(join, &self.rules, at(self.now));
        self.take(effects);
        ticket
    }

    fn join(&mut self, member_id: &str) -> Ticket {
        self.join_as(|join| join.member_id = member_id.to_owned())
    }

    fn join_static(&mut self, instance: &str) -> Ticket {
        self.join_as(|join| join.instance_id = Some(instance.to_owned()))
    }

    fn sync(&mut self, id: &str, generation: i32, assignments: &[(&str, &str)]) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let assignment = |(id, what): &(&str, &str)| ((*id).to_owned(), Bytes::copy_from_slice(what.as_bytes()));
        let effects = self.group.sync(Sync {
            ticket,
            member_id: id.to_owned(),
            instance_id: None,
            generation,
            protocol_type: None,
            protocol: None,
            assignments: assignments.iter().map(assignment).collect(),
        });
        self.take(effects);
        ticket
    }

    /// The log keeps (or fails to keep) all that is under way.
    fn settle(&mut self, outcome: Result<(), ErrorCode>) {
        for write in std::mem::take(&mut self.writes) {
            let effects = self.group.written(write.then, outcome, at(self.now));
            self.take(effects);
        }
    }

    fn pass(&mut self, ms: i64) {
        let until = self.now + ms;
        while let Some(next) = self.group.next_deadline().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            let effects = self.group.expire(at(self.now));
            self.take(effects);
        }
        self.now = until;
    }

    fn beat(&mut self, id: &str) -> ErrorCode {
        let generation = self.group.generation();
        self.group.heartbeat(id, None, generation, at(self.now))
    }

    fn leave(&mut self, id: &str, instance: Option<&str>) -> i16 {
        let identity =
            MemberIdentity { member_id: id.to_owned(), group_instance_id: instance.map(str::to_owned), reason: None };
        let (outcome, effects) = self.group.leave(&[identity], at(self.now));
        self.take(effects);
        outcome[0].error_code
    }

    fn joined(&self, ticket: Ticket) -> &JoinGroupResponse {
        match self.answers.get(&ticket) {
            Some(Reply::Join(response)) => response,
            other => panic!("{ticket:?} has {other:?}"),
        }
    }

    fn synced(&self, ticket: Ticket) -> (ErrorCode, &[u8]) {
        match self.answers.get(&ticket) {
            Some(Reply::Sync(response)) => (ErrorCode::from_code(response.error_code), &response.assignment),
            other => panic!("{ticket:?} has {other:?}"),
        }
    }

    fn join_error(&self, ticket: Ticket) -> ErrorCode {
        ErrorCode::from_code(self.joined(ticket).error_code)
    }

    fn waits(&self, ticket: Ticket) -> bool {
        !self.answers.contains_key(&ticket)
    }

    /// A stable group of two: m1 leads, m2 follows.
    fn of_two() -> Bench {
        let mut bench = Bench::new();
        let first = bench.join("");
        assert_eq!(bench.joined(first).member_id, "m1");
        let second = bench.join("");
        assert!(bench.waits(second), "m1 has to come back first");
        bench.join("m1");
        assert_eq!(bench.joined(second).member_id, "m2");
        bench.assign(&[("m1", "one"), ("m2", "two")]);
        bench
    }

    /// Everybody syncs, and the assignment is kept.
    fn assign(&mut self, assignments: &[(&str, &str)]) {
        let generation = self.group.generation();
        for id in self.group.members().ids() {
            let is_leader = self.group.members().is_leader(id.as_str());
            self.sync(id.as_str(), generation, if is_leader { assignments } else { &[] });
        }
        self.settle(Ok(()));
        assert_eq!(self.group.state(), State::Stable);
    }
}

fn protocols(names: &[&str]) -> Vec<Protocol> {
    // A subscription to topic "t", as every version of the consumer protocol begins.
    let metadata = Bytes::from_static(b"\0\0\0\0\0\x01\0\x01t\xff\xff\xff\xff");
    names.iter().map(|name| Protocol { name: (*name).to_owned(), metadata: metadata.clone() }).collect()
}

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
fn a_commit_is_a_sign_of_life() {
    let mut bench = Bench::of_two();
    for _ in 0..4 {
        bench.pass(SESSION_MS - 1);
        assert_eq!(bench.beat("m1"), ErrorCode::None);
        assert_eq!(bench.group.check_commit("m2", None, 2, at(bench.now)), Ok(()));
    }
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
