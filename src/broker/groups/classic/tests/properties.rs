//! What holds whatever comes, in whatever order: whoever asks is answered once, generations only go up, and nobody works
//! on what is another's.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::*;
use super::bench::*;
use crate::base::ErrorCode;

/// Something that happens to a group. Members are meant by their number among those there are, so that most events hit
/// somebody.
#[derive(Debug, Clone)]
enum Event {
    Join { instance: Option<u8>, id_first: bool },
    JoinPending(usize),
    Rejoin { who: usize, changed: bool },
    Sync { who: usize, stale: bool },
    Beat(usize),
    Leave(usize),
    LeaveByInstance(u8),
    Commit(usize),
    Pass(i64),
    Settle(bool),
}

fn event() -> impl Strategy<Value = Event> {
    let instance = proptest::option::weighted(0.3, 0u8..3);
    prop_oneof![
        3 => (instance, any::<bool>()).prop_map(|(instance, id_first)| Event::Join { instance, id_first }),
        3 => (0usize..4).prop_map(Event::JoinPending),
        6 => (0usize..6, proptest::bool::weighted(0.2)).prop_map(|(who, changed)| Event::Rejoin { who, changed }),
        9 => (0usize..6, proptest::bool::weighted(0.1)).prop_map(|(who, stale)| Event::Sync { who, stale }),
        3 => (0usize..6).prop_map(Event::Beat),
        1 => (0usize..6).prop_map(Event::Leave),
        1 => (0u8..3).prop_map(Event::LeaveByInstance),
        1 => (0usize..6).prop_map(Event::Commit),
        3 => prop_oneof![Just(1i64), Just(900), Just(SESSION_MS / 2), Just(REBALANCE_MS)].prop_map(Event::Pass),
        6 => proptest::bool::weighted(0.9).prop_map(Event::Settle),
    ]
}

/// Keeps its own account of what a right answer is.
struct Watch {
    bench: Bench,
    asked: BTreeSet<Ticket>,
    /// What each SyncGroup was for: member and generation.
    syncs: BTreeMap<Ticket, (String, i32)>,
    /// The instance of every member that ever was.
    instances: BTreeMap<String, Option<String>>,
    generation: i32,
}

impl Watch {
    fn new(initial_delay_ms: i64) -> Watch {
        let mut bench = Bench::new();
        bench.rules = Rules { initial_delay_ms, members_max: 5 };
        Watch { bench, asked: BTreeSet::new(), syncs: BTreeMap::new(), instances: BTreeMap::new(), generation: 0 }
    }

    fn member(&self, who: usize) -> Option<String> {
        let ids = self.bench.group.members().ids();
        (!ids.is_empty()).then(|| ids[who % ids.len()].to_string())
    }

    fn instance_of(&self, id: &str) -> Option<String> {
        self.bench.group.members().get(id).and_then(|member| member.instance_id.as_deref()).map(str::to_owned)
    }

    fn happen(&mut self, event: &Event) {
        match *event {
            Event::Join { instance, id_first } => {
                let ticket = self.bench.join_as(|join| {
                    join.instance_id = instance.map(|number| format!("i{number}"));
                    join.id_comes_first = id_first;
                });
                self.asked.insert(ticket);
            }
            Event::JoinPending(which) => {
                let Some(id) = self.bench.group.pending.keys().nth(which).cloned() else { return };
                let ticket = self.bench.join(id.as_str());
                self.asked.insert(ticket);
            }
            Event::Rejoin { who, changed } => {
                let Some(id) = self.member(who) else { return };
                let instance_id = self.instance_of(&id);
                let ticket = self.bench.join_as(|join| {
                    join.member_id = id;
                    join.instance_id = instance_id;
                    if changed {
                        join.protocols = protocols(&["range", "sticky"]);
                    }
                });
                self.asked.insert(ticket);
            }
            Event::Sync { who, stale } => {
                let Some(id) = self.member(who) else { return };
                let generation = self.bench.group.generation() - i32::from(stale);
                // Each gets what is named after it and the generation.
                let ids = self.bench.group.members().ids();
                let parts: Vec<(String, String)> =
                    ids.iter().map(|id| (id.to_string(), format!("{id} in {generation}"))).collect();
                let parts: Vec<(&str, &str)> = parts.iter().map(|(id, part)| (id.as_str(), part.as_str())).collect();
                let ticket = self.bench.sync(&id, generation, &parts);
                self.asked.insert(ticket);
                self.syncs.insert(ticket, (id, generation));
            }
            Event::Beat(who) => {
                if let Some(id) = self.member(who) {
                    self.bench.beat(&id);
                }
            }
            Event::Leave(who) => {
                if let Some(id) = self.member(who) {
                    self.bench.leave(&id, None);
                }
            }
            Event::LeaveByInstance(instance) => {
                self.bench.leave("", Some(&format!("i{instance}")));
            }
            Event::Commit(who) => {
                let Some(id) = self.member(who) else { return };
                let generation = self.bench.group.generation();
                let _ = self.bench.group.check_commit(&id, None, generation, at(self.bench.now));
            }
            Event::Pass(ms) => self.bench.pass(ms),
            Event::Settle(kept) => {
                self.bench.settle(if kept { Ok(()) } else { Err(ErrorCode::CoordinatorNotAvailable) });
            }
        }
    }

    fn check(&mut self) {
        let group = &self.bench.group;
        assert!(group.generation() >= self.generation, "{} after {}", group.generation(), self.generation);
        self.generation = group.generation();
        let members = group.members();
        for (id, member) in members.iter() {
            self.instances.insert(id.to_string(), member.instance_id.as_deref().map(str::to_owned));
        }
        assert!(members.is_empty() != members.leader().is_some(), "whoever is there is led");
        assert!(members.leader().is_none_or(|leader| members.contains(leader.as_str())));
        match group.state() {
            State::Empty => assert!(members.is_empty()),
            State::Stable | State::CompletingRebalance => assert!(group.protocol().is_some()),
            State::PreparingRebalance => {}
        }
        if group.state() == State::Stable {
            let parts = members.iter().map(|(_, member)| &member.assignment).filter(|part| !part.is_empty());
            let mut seen = BTreeSet::new();
            for part in parts {
                assert!(seen.insert(part.clone()), "{part:?} is given to two");
                assert!(part.ends_with(format!(" in {}", group.generation()).as_bytes()), "{part:?} is of the past");
            }
        }
        // Who waits is waited for: something is due, or a record is under way.
        let waits = self.asked.iter().any(|ticket| self.bench.waits(*ticket));
        assert!(!waits || group.next_deadline().is_some() || !self.bench.writes.is_empty());
    }

    fn check_answers(&self) {
        for ticket in &self.asked {
            assert!(!self.bench.waits(*ticket), "{ticket:?} was never answered");
        }
        for (ticket, (id, generation)) in &self.syncs {
            let (code, part) = self.bench.synced(*ticket);
            if code.is_error() || part.is_empty() {
                continue;
            }
            let part = String::from_utf8_lossy(part);
            let (owner, of) = part.split_once(" in ").expect("made so");
            assert_eq!(of, generation.to_string(), "{id} of generation {generation} got {part:?}");
            // A static member's next self gets what its earlier self had.
            let same_instance = self.instances[owner].is_some() && self.instances[owner] == self.instances[id];
            assert!(owner == id || same_instance, "{id} got {part:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_comes_everybody_is_answered_once_and_nothing_is_owned_twice(
        initial_delay_ms in prop_oneof![Just(0i64), Just(3000)],
        events in proptest::collection::vec(event(), 1..120),
    ) {
        let mut watch = Watch::new(initial_delay_ms);
        for event in &events {
            watch.happen(event);
            watch.check();
        }
        // Nobody says anything any more: time alone brings every answer, and the group empties.
        for _ in 0..20 {
            watch.bench.settle(Ok(()));
            watch.bench.pass(REBALANCE_MS);
            watch.check();
        }
        watch.check_answers();
        prop_assert_eq!(watch.bench.group.state(), State::Empty);
        prop_assert_eq!(watch.bench.group.next_deadline(), None);
    }

    #[test]
    fn a_restart_forgets_nothing_that_was_kept(events in proptest::collection::vec(event(), 1..80)) {
        let mut watch = Watch::new(0);
        for event in &events {
            watch.happen(event);
        }
        // Whatever the group was in the middle of, its last record is a whole group.
        let record = watch.bench.group.record(|_, member| member.assignment.clone());
        let restored = ClassicGroup::restore("g".into(), record.clone());
        prop_assert_eq!(restored.generation(), watch.bench.group.generation());
        prop_assert_eq!(restored.record(|_, member| member.assignment.clone()), record);
    }
}
