//! A group with the log that keeps it, and clients that behave; then tables of events and answers, and properties.

mod epochs;
mod membership;
mod properties;
mod rebalancing;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::topology::Shape;
use super::{ConsumerGroup, Heartbeat, Refusal, Surroundings, Topology};
use crate::base::{ErrorCode, Now, Uuid};
use crate::broker::groups::assign::Partitions;
use crate::broker::groups::records::consumer::{Change, ConsumerRecord};
use crate::config::{BrokerConfig, ConsumerGroupConfig};
use crate::protocol::kafka::api::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest as Request, ConsumerGroupHeartbeatResponse as Response, TopicPartitions,
};

const REBALANCE_TIMEOUT_MS: i32 = 10_000;

struct Bench {
    group: ConsumerGroup,
    /// Every change ever made, as it lies in the log.
    log: Vec<ConsumerRecord>,
    /// What takes it back, in the same order.
    undo: Vec<Change>,
    topology: Topology,
    config: ConsumerGroupConfig,
    now: Now,
}

/// What a client knows, and says.
#[derive(Debug, Clone, Default)]
struct Client {
    id: String,
    instance: Option<String>,
    epoch: i32,
    /// What it has.
    owned: Partitions,
    /// What it is to have; `None` while it has not heard.
    assigned: Option<Partitions>,
    topics: Vec<String>,
    expression: Option<String>,
    /// It does not let go of what it is to give up.
    clings: bool,
    /// An answer was lost: it says everything, as when it joins.
    is_unsure: bool,
}

fn topic_id(name: &str) -> Uuid {
    let mut bytes = [0; 16];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    Uuid(bytes)
}

impl Bench {
    fn new(topics: &[(&str, i32)]) -> Bench {
        let config = BrokerConfig::from_pairs([]).expect("the defaults are good").consumer_groups;
        let now = Now { wall_ms: 1_000_000, mono_ms: 0 };
        let mut bench = Bench {
            group: ConsumerGroup::new("g"),
            log: Vec::new(),
            undo: Vec::new(),
            topology: Topology::default(),
            config,
            now,
        };
        bench.set_topics(topics);
        bench
    }

    fn set_topics(&mut self, topics: &[(&str, i32)]) {
        let shape = |(name, partitions): &(&str, i32)| {
            ((*name).to_owned(), Shape { id: topic_id(name), partitions: *partitions })
        };
        self.topology = Topology::new(self.topology.version() + 1, topics.iter().map(shape));
    }

    fn pass(&mut self, ms: i64) {
        self.now = Now { wall_ms: self.now.wall_ms + ms, mono_ms: self.now.mono_ms + ms };
        let changes = self.group.expire(self.now, &self.topology);
        self.append(changes);
    }

    fn append(&mut self, changes: Vec<Change>) {
        for change in changes {
            self.undo.push(self.group.apply(&change));
            self.log.push(ConsumerRecord { group: "g".to_owned(), change });
        }
    }

    /// As the broker does it: judge, append, apply, hear.
    fn ask(&mut self, request: &Request) -> Result<Response, Refusal> {
        self.ask_as(request, 1)
    }

    fn ask_as(&mut self, request: &Request, version: i16) -> Result<Response, Refusal> {
        let from = Heartbeat { request, version, client_id: "test", address: IpAddr::V4(Ipv4Addr::LOCALHOST) };
        from.check(&self.config)?;
        let around = Surroundings { topology: &self.topology, config: &self.config, now: self.now };
        let decision = self.group.heartbeat(&from, &around)?;
        let response = decision.response.clone();
        for change in &decision.changes {
            self.undo.push(self.group.apply(change));
            self.log.push(ConsumerRecord { group: "g".to_owned(), change: change.clone() });
        }
        self.group.heard(&decision, &around);
        Ok(response)
    }

    #[track_caller]
    fn refused(&mut self, request: &Request, code: ErrorCode) {
        assert_eq!(self.ask(request).map_err(|refusal| refusal.code), Err(code));
    }

    /// One heartbeat of a client that does as it is told.
    fn beat(&mut self, client: &mut Client) -> Result<(), Refusal> {
        let response = self.ask(&client.request())?;
        client.hear(&response);
        Ok(())
    }

    /// Heartbeats all round until nobody has anything to do any more.
    #[track_caller]
    fn settle(&mut self, clients: &mut [Client]) {
        for _ in 0..50 {
            let before = self.log.len();
            for client in clients.iter_mut() {
                self.beat(client).unwrap_or_else(|refusal| panic!("{client:?}: {refusal:?}"));
            }
            if self.log.len() == before && clients.iter().all(Client::is_done) {
                assert_eq!(self.group.state().name(), if clients.is_empty() { "Empty" } else { "Stable" });
                self.check_whole(clients);
                return;
            }
        }
        panic!("never at rest: {clients:?}");
    }

    /// Every partition that somebody reads has exactly one owner.
    #[track_caller]
    fn check_whole(&self, clients: &[Client]) {
        let mut owners = BTreeMap::new();
        for client in clients {
            for partition in client.owned.iter() {
                let other = owners.insert(partition, &client.id);
                assert_eq!(other, None, "{partition:?} belongs to {} as well", client.id);
            }
        }
        let read = |name: &&str| self.group.reads(name);
        let wanted: i32 =
            self.topology.names().filter(read).map(|name| self.topology.topic(name).expect("named").partitions).sum();
        assert_eq!(owners.len() as i32, wanted, "{clients:?}");
    }

    /// The same group, read back from the bytes of its log.
    fn recovered(&self) -> ConsumerGroup {
        let mut group = ConsumerGroup::new("g");
        for record in &self.log {
            let (key, value) = ConsumerRecord::encode(&record.group, &record.change);
            group.apply(&ConsumerRecord::decode(key, value).expect("what we wrote").change);
        }
        group.recovered(&self.config, self.now);
        group
    }
}

impl Client {
    fn new(id: &str, topics: &[&str]) -> Client {
        let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
        Client { id: id.to_owned(), topics, ..Default::default() }
    }

    fn with_instance(mut self, instance: &str) -> Client {
        self.instance = Some(instance.to_owned());
        self
    }

    /// A full request when joining or unsure, else only what changes.
    fn request(&self) -> Request {
        let joins = self.epoch == 0 || self.is_unsure;
        Request {
            group_id: "g".to_owned(),
            member_id: self.id.clone(),
            member_epoch: self.epoch,
            instance_id: self.instance.clone(),
            rebalance_timeout_ms: if joins { REBALANCE_TIMEOUT_MS } else { -1 },
            subscribed_topic_names: joins.then(|| self.topics.clone()),
            subscribed_topic_regex: self.expression.clone().filter(|_| joins),
            topic_partitions: Some(to_wire(&self.owned)),
            ..Default::default()
        }
    }

    fn leaving(&self, epoch: i32) -> Request {
        Request {
            group_id: "g".to_owned(),
            member_id: self.id.clone(),
            member_epoch: epoch,
            instance_id: self.instance.clone(),
            ..Default::default()
        }
    }

    /// Takes up and gives up at once, unless it clings.
    fn hear(&mut self, response: &Response) {
        self.id = response.member_id.clone().expect("always there");
        self.epoch = response.member_epoch;
        self.is_unsure = false;
        if let Some(assignment) = &response.assignment {
            let topics = assignment.topic_partitions.iter();
            let told =
                topics.flat_map(|topic| topic.partitions.iter().map(|number| (topic.topic_id, *number))).collect();
            self.assigned = Some(told);
        }
        if let Some(assigned) = &self.assigned {
            let kept = if self.clings { self.owned.clone() } else { Partitions::default() };
            self.owned = assigned.clone();
            self.owned.extend(kept.iter());
        }
    }

    fn is_done(&self) -> bool {
        self.assigned.as_ref() == Some(&self.owned)
    }

    fn count(&self) -> usize {
        self.owned.len()
    }
}

fn to_wire(partitions: &Partitions) -> Vec<TopicPartitions> {
    let topic = |(topic_id, numbers): (Uuid, &std::collections::BTreeSet<i32>)| TopicPartitions {
        topic_id,
        partitions: numbers.iter().copied().collect(),
    };
    partitions.topics().map(topic).collect()
}

fn counts(clients: &[Client]) -> Vec<usize> {
    clients.iter().map(Client::count).collect()
}
