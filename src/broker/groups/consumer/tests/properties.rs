//! Whatever happens in whatever order: no partition has two owners, the log is the group, and in the end everybody who
//! stayed has a fair share of everything.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::broker::groups::consumer::request::{LEAVE, LEAVE_FOR_A_WHILE};

#[derive(Debug, Clone)]
enum Event {
    Join(usize, u8),
    Beat(usize),
    /// The request arrives, its answer does not.
    BeatUnheard(usize),
    Leave(usize),
    LeaveForAWhile(usize),
    /// It dies without a word.
    Die(usize),
    Cling(usize, bool),
    Pass(i64),
    Topics(i32, i32),
    Restart,
}

const CLIENTS: usize = 5;

fn event() -> impl Strategy<Value = Event> {
    let who = 0..CLIENTS;
    prop_oneof![
        3 => (who.clone(), 0..5u8).prop_map(|(who, reads)| Event::Join(who, reads)),
        12 => who.clone().prop_map(Event::Beat),
        2 => who.clone().prop_map(Event::BeatUnheard),
        1 => who.clone().prop_map(Event::Leave),
        1 => who.clone().prop_map(Event::LeaveForAWhile),
        1 => who.clone().prop_map(Event::Die),
        1 => (who, any::<bool>()).prop_map(|(who, clings)| Event::Cling(who, clings)),
        2 => (0..20_000i64).prop_map(Event::Pass),
        1 => (0..5i32, 0..5i32).prop_map(|(t, u)| Event::Topics(t, u)),
        1 => Just(Event::Restart),
    ]
}

struct World {
    bench: Bench,
    clients: Vec<Option<Client>>,
    /// How many clients there were so far: each process has an id of its own.
    incarnation: usize,
}

impl World {
    fn client(&mut self, who: usize, reads: u8) -> Client {
        self.incarnation += 1;
        let id = format!("m{who}-{}", self.incarnation);
        let client = match reads {
            0 => Client::new(&id, &["t"]),
            1 => Client::new(&id, &["u"]),
            2 => Client { expression: Some("[tu]".to_owned()), ..Client::new(&id, &[]) },
            _ => Client::new(&id, &["t", "u"]),
        };
        // The first two are static.
        if who < 2 { client.with_instance(&format!("i{who}")) } else { client }
    }

    fn happen(&mut self, event: &Event) {
        match *event {
            Event::Join(who, reads) => {
                if self.clients[who].is_none() {
                    let mut client = self.client(who, reads);
                    // The instance id of one who died is not free until its session is over.
                    if self.bench.beat(&mut client).is_ok() {
                        self.clients[who] = Some(client);
                    }
                }
            }
            Event::Beat(who) => self.beat(who, true),
            Event::BeatUnheard(who) => self.beat(who, false),
            Event::Leave(who) => {
                if let Some(client) = self.clients[who].take() {
                    let _ = self.bench.ask(&client.leaving(LEAVE));
                }
            }
            Event::LeaveForAWhile(who) => {
                if let Some(client) = self.clients[who].take_if(|client| client.instance.is_some()) {
                    let _ = self.bench.ask(&client.leaving(LEAVE_FOR_A_WHILE));
                }
            }
            Event::Die(who) => self.clients[who] = None,
            Event::Cling(who, clings) => {
                if let Some(client) = &mut self.clients[who] {
                    client.clings = clings;
                }
            }
            Event::Pass(ms) => self.bench.pass(ms),
            Event::Topics(t, u) => {
                let topics = [("t", t), ("u", u)];
                let there: Vec<_> = topics.into_iter().filter(|(_, partitions)| *partitions > 0).collect();
                self.bench.set_topics(&there);
            }
            Event::Restart => {
                self.check_log();
                self.bench.group = self.bench.recovered();
            }
        }
    }

    fn beat(&mut self, who: usize, heard: bool) {
        let Some(mut client) = self.clients[who].clone() else { return };
        match self.bench.ask(&client.request()) {
            Ok(_) if !heard => client.is_unsure = true,
            Ok(response) => client.hear(&response),
            // Fenced or forgotten: it lets go of everything and begins anew, under the same id.
            Err(_) => client = Client { epoch: 0, owned: Partitions::default(), assigned: None, ..client },
        }
        self.clients[who] = Some(client);
    }

    /// What the broker assigned, and what members have still to give up, is nobody else's.
    fn check(&self) {
        let mut owners = BTreeMap::new();
        for (id, member) in self.bench.group.members() {
            for partition in member.current.assigned.iter().chain(member.current.to_revoke.iter()) {
                if let Some(other) = owners.insert(partition, id) {
                    panic!("{partition:?} belongs to {other} and to {id}");
                }
            }
        }
    }

    fn check_log(&self) {
        assert_eq!(hard_state(&self.bench.recovered()), hard_state(&self.bench.group));
    }

    /// The same, and then as if its changes had not been kept; then it happens after all.
    fn happen_after_a_failure(&mut self, event: &Event) {
        let before = hard_state(&self.bench.group);
        let (clients, incarnation, from) = (self.clients.clone(), self.incarnation, self.bench.log.len());
        let (topology, now) = (self.bench.topology.clone(), self.bench.now);
        self.bench.undo.clear();
        self.happen(event);
        if !matches!(event, Event::Restart) {
            while let Some(change) = self.bench.undo.pop() {
                self.bench.group.apply(&change);
            }
            assert_eq!(hard_state(&self.bench.group), before, "{event:?} taken back");
            self.bench.group.recovered(&self.bench.config, now);
            self.bench.log.truncate(from);
            (self.clients, self.incarnation) = (clients, incarnation);
            (self.bench.topology, self.bench.now) = (topology, now);
            self.happen(event);
        }
    }
}

/// All that is in the log, and what follows from it.
fn hard_state(group: &ConsumerGroup) -> String {
    let owners: BTreeMap<_, _> = group.owners.iter().collect();
    let epochs = (group.epoch, group.target_epoch, group.topics_hash);
    format!(
        "{epochs:?} {:?} {:?} {:?} {:?} {owners:?}",
        group.members, group.targets, group.expressions, group.instances
    )
}

impl World {
    fn new() -> World {
        World { bench: Bench::new(&[("t", 3), ("u", 4)]), clients: vec![None; CLIENTS], incarnation: 0 }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn whatever_happens_nobody_shares_a_partition_and_all_is_shared_in_the_end(events in vec((event(), 0..4u8), 1..70)) {
        let mut world = World::new();
        for (event, luck) in &events {
            match luck {
                0 => world.happen_after_a_failure(event),
                _ => world.happen(event),
            }
            world.check();
        }
        // Everybody lets go from now on, and whoever is dead is noticed.
        let mut alive: Vec<Client> = world.clients.into_iter().flatten().collect();
        alive.iter_mut().for_each(|client| client.clings = false);
        world.clients = alive.into_iter().map(Some).collect();
        for _ in 0..12 {
            for who in 0..world.clients.len() {
                if let Some(client) = &mut world.clients[who] && let Some(assigned) = &client.assigned {
                    client.owned = assigned.clone();
                }
                world.beat(who, true);
                world.check();
            }
            world.bench.pass(5_000);
        }
        let mut alive: Vec<Client> = world.clients.into_iter().flatten().collect();
        world.bench.settle(&mut alive);
        prop_assert_eq!(hard_state(&world.bench.recovered()), hard_state(&world.bench.group));
        prop_assert_eq!(world.bench.group.members().len(), alive.len());
    }
}
