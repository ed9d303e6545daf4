//! A group on the bench: hands out tickets, keeps records, remembers answers, lets time pass.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::super::*;
use crate::base::Now;
use crate::protocol::kafka::api::leave_group::MemberIdentity;

pub(super) const RULES: Rules = Rules { initial_delay_ms: 0, members_max: 100 };
pub(super) const SESSION_MS: i64 = 10_000;
pub(super) const REBALANCE_MS: i64 = 60_000;

pub(super) fn at(mono_ms: i64) -> Now {
    Now { wall_ms: 1_000_000 + mono_ms, mono_ms }
}

/// A group under test: hands out tickets, keeps records, remembers answers.
pub(super) struct Bench {
    pub group: ClassicGroup,
    pub tickets: u64,
    pub answers: BTreeMap<Ticket, Reply>,
    /// Records that are under way; `keep` lets them be kept.
    pub writes: Vec<Write>,
    pub rules: Rules,
    pub now: i64,
}

impl Bench {
    pub fn new() -> Bench {
        Bench {
            group: ClassicGroup::new("g".into(), at(0)),
            tickets: 0,
            answers: BTreeMap::new(),
            writes: Vec::new(),
            rules: RULES,
            now: 0,
        }
    }

    pub fn take(&mut self, effects: Effects) {
        for (ticket, reply) in effects.answers {
            assert!(self.answers.insert(ticket, reply).is_none(), "{ticket:?} is answered twice");
        }
        self.writes.extend(effects.writes);
    }

    pub fn join_as(&mut self, change: impl FnOnce(&mut Join)) -> Ticket {
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

    pub fn join(&mut self, member_id: &str) -> Ticket {
        self.join_as(|join| join.member_id = member_id.to_owned())
    }

    pub fn join_static(&mut self, instance: &str) -> Ticket {
        self.join_as(|join| join.instance_id = Some(instance.to_owned()))
    }

    pub fn sync(&mut self, id: &str, generation: i32, assignments: &[(&str, &str)]) -> Ticket {
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
    pub fn settle(&mut self, outcome: Result<(), ErrorCode>) {
        for write in std::mem::take(&mut self.writes) {
            let effects = self.group.written(write.then, outcome, at(self.now));
            self.take(effects);
        }
    }

    pub fn pass(&mut self, ms: i64) {
        let until = self.now + ms;
        while let Some(next) = self.group.next_deadline().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            let effects = self.group.expire(at(self.now));
            self.take(effects);
        }
        self.now = until;
    }

    pub fn beat(&mut self, id: &str) -> ErrorCode {
        let generation = self.group.generation();
        self.group.heartbeat(id, None, generation, at(self.now))
    }

    pub fn leave(&mut self, id: &str, instance: Option<&str>) -> i16 {
        let identity =
            MemberIdentity { member_id: id.to_owned(), group_instance_id: instance.map(str::to_owned), reason: None };
        let (outcome, effects) = self.group.leave(&[identity], at(self.now));
        self.take(effects);
        outcome[0].error_code
    }

    pub fn joined(&self, ticket: Ticket) -> &JoinGroupResponse {
        match self.answers.get(&ticket) {
            Some(Reply::Join(response)) => response,
            other => panic!("{ticket:?} has {other:?}"),
        }
    }

    pub fn synced(&self, ticket: Ticket) -> (ErrorCode, &[u8]) {
        match self.answers.get(&ticket) {
            Some(Reply::Sync(response)) => (ErrorCode::from_code(response.error_code), &response.assignment),
            other => panic!("{ticket:?} has {other:?}"),
        }
    }

    pub fn join_error(&self, ticket: Ticket) -> ErrorCode {
        ErrorCode::from_code(self.joined(ticket).error_code)
    }

    pub fn waits(&self, ticket: Ticket) -> bool {
        !self.answers.contains_key(&ticket)
    }

    /// A stable group of two: m1 leads, m2 follows.
    pub fn of_two() -> Bench {
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
    pub fn assign(&mut self, assignments: &[(&str, &str)]) {
        let generation = self.group.generation();
        for id in self.group.members().ids() {
            let is_leader = self.group.members().is_leader(id.as_str());
            self.sync(id.as_str(), generation, if is_leader { assignments } else { &[] });
        }
        self.settle(Ok(()));
        assert_eq!(self.group.state(), State::Stable);
    }
}

pub(super) fn protocols(names: &[&str]) -> Vec<Protocol> {
    // A subscription to topic "t", as every version of the consumer protocol begins.
    let metadata = Bytes::from_static(b"\0\0\0\0\0\x01\0\x01t\xff\xff\xff\xff");
    names.iter().map(|name| Protocol { name: (*name).to_owned(), metadata: metadata.clone() }).collect()
}
