//! The cluster as one thing to talk to: connections are opened when needed, and requests find their broker.
//!
//! Blocking, one thread. Data (Produce, Fetch) has connections of its own, since a long poll would hold up everything
//! behind it; what goes through here is small: metadata, offsets, groups, administration.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::{Duration, Instant};

use super::config::Patience;
use super::connection::Connection;
use super::metadata::{Metadata, Topic};
use super::{Address, ClientConfig, ClientError};
use crate::base::{ErrorCode, TopicName, nearest};
use crate::protocol::kafka::api::find_coordinator::FindCoordinatorRequest;
use crate::protocol::kafka::api::metadata::{MetadataRequest, MetadataRequestTopic};
use crate::protocol::kafka::{ApiKey, Request};

/// Addresses that refuse at once are tried again this long: a broker that is being started refuses too.
const REFUSAL_PATIENCE: Duration = Duration::from_secs(1);
/// A single attempt to connect; several addresses and retries fit into `connect_timeout`.
const ATTEMPT_MAX: Duration = Duration::from_secs(4);
/// How long a topic may stay unknown that is to be created by asking for it.
const CREATION_PATIENCE: Duration = Duration::from_secs(3);

/// Whom a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// Whoever answers.
    Any,
    Controller,
    Broker(i32),
    /// The broker that looks after this group's offsets.
    GroupCoordinator(String),
}

/// What was answered about a topic that was named.
pub(crate) type Answered = (String, Result<Topic, ErrorCode>);

#[derive(Debug)]
pub struct Cluster {
    config: ClientConfig,
    patience: Patience,
    /// To whoever answered at a bootstrap address.
    any: Option<Connection>,
    connections: HashMap<i32, Connection>,
    metadata: Metadata,
    coordinators: HashMap<String, i32>,
}

impl Cluster {
    /// Finds a broker that answers, and learns of the others.
    pub fn connect(config: ClientConfig) -> Result<Cluster, ClientError> {
        let patience = Patience::new(config.stop.clone());
        let mut cluster = Cluster {
            config,
            patience,
            any: None,
            connections: HashMap::new(),
            metadata: Metadata::default(),
            coordinators: HashMap::new(),
        };
        let by = cluster.connect_by();
        cluster.with_retries(by, |cluster| cluster.ask_metadata(Some(&[]), false).map(drop))?;
        Ok(cluster)
    }

    /// Asks one broker and waits for its answer. Error codes inside the answer are the caller's to look at.
    pub fn call<R: Request>(&mut self, node: Node, request: &R) -> Result<R::Response, ClientError> {
        let by = Instant::now() + self.config.request_timeout;
        let id = match node {
            Node::Any => return self.call_any(request, by),
            Node::Controller => match self.metadata.controller {
                Some(id) => id,
                None => return self.call_any(request, by),
            },
            Node::Broker(id) => id,
            Node::GroupCoordinator(group) => self.coordinator(&group)?,
        };
        // A connection that lay idle may have been closed meanwhile: that costs a new one, not the request.
        if let Some(mut idle) = self.connections.remove(&id) {
            match idle.exchange(request, &self.patience, self.patience.bound(by)) {
                Err(ClientError::Lost { .. }) => {}
                answered => {
                    if answered.is_ok() {
                        self.connections.insert(id, idle);
                    }
                    return answered;
                }
            }
        }
        let mut fresh = self.dial(id)?;
        let response = fresh.exchange(request, &self.patience, self.patience.bound(by))?;
        self.connections.insert(id, fresh);
        Ok(response)
    }

    fn call_any<R: Request>(&mut self, request: &R, by: Instant) -> Result<R::Response, ClientError> {
        if let Some(mut idle) = self.any.take() {
            match idle.exchange(request, &self.patience, self.patience.bound(by)) {
                Err(ClientError::Lost { .. }) => {}
                answered => {
                    if answered.is_ok() {
                        self.any = Some(idle);
                    }
                    return answered;
                }
            }
        }
        let mut fresh = self.dial_any()?;
        let response = fresh.exchange(request, &self.patience, self.patience.bound(by))?;
        self.any = Some(fresh);
        Ok(response)
    }

    /// Does `attempt` until it succeeds, fails for good, or `by` has come. Between attempts it pauses, and forgets what may
    /// have been the reason: who leads, who coordinates.
    pub fn with_retries<T>(
        &mut self,
        by: Instant,
        mut attempt: impl FnMut(&mut Cluster) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let by = self.patience.bound(by);
        for tries in 0.. {
            match attempt(self) {
                Err(e) if e.is_retriable() => {
                    let pause = self.config.backoff(tries);
                    // Whoever refuses or is not there has been given its time by `dial_any`.
                    if Instant::now() + pause >= by || matches!(e, ClientError::NoBroker { .. }) {
                        return Err(e);
                    }
                    self.patience.pause(pause)?;
                    self.coordinators.clear();
                }
                done => return done,
            }
        }
        unreachable!("the loop has no end of its own")
    }

    /// The topics of these names. With `create`, asking creates what is missing, where the brokers allow that.
    pub fn topics(&mut self, names: &[TopicName], create: bool) -> Result<Vec<Topic>, ClientError> {
        let by = self.connect_by();
        let creation_by = self.patience.bound(Instant::now() + CREATION_PATIENCE);
        for tries in 0.. {
            let mut topics = Vec::with_capacity(names.len());
            let mut wait_for = None;
            let answered = self.with_retries(by, |cluster| cluster.ask_metadata(Some(names), create))?;
            for (name, read) in answered {
                match read {
                    Ok(topic) if topic.has_all_leaders() => topics.push(topic),
                    Ok(_) => wait_for = Some((by, refused(&name, ErrorCode::LeaderNotAvailable))),
                    Err(ErrorCode::UnknownTopicOrPartition) if create => {
                        let unknown = ClientError::UnknownTopic { topic: name, nearest: None };
                        wait_for = Some((creation_by, unknown));
                    }
                    Err(ErrorCode::UnknownTopicOrPartition) => return Err(self.unknown_topic(name)),
                    Err(code) if code.is_retriable() => wait_for = Some((by, refused(&name, code))),
                    Err(code) => return Err(refused(&name, code)),
                }
            }
            match wait_for {
                None => return Ok(topics),
                Some((by, error)) => {
                    let pause = self.config.backoff(tries).min(self.config.retry_backoff * 4);
                    if Instant::now() + pause >= by {
                        return Err(error);
                    }
                    self.patience.pause(pause)?;
                }
            }
        }
        unreachable!("the loop has no end of its own")
    }

    pub fn topic(&mut self, name: &TopicName, create: bool) -> Result<Topic, ClientError> {
        let unknown = || ClientError::UnknownTopic { topic: name.to_string(), nearest: None };
        self.topics(std::slice::from_ref(name), create)?.pop().ok_or_else(unknown)
    }

    /// Every topic there is, sorted by name.
    pub fn all_topics(&mut self) -> Result<Vec<Topic>, ClientError> {
        let by = self.connect_by();
        let answered = self.with_retries(by, |cluster| cluster.ask_metadata(None, false))?;
        let mut topics: Vec<Topic> = answered.into_iter().filter_map(|(_, read)| read.ok()).collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// Asks anew who leads these topics; what is unknown stays so. One attempt. Gives what was answered about each.
    pub(crate) fn refresh(&mut self, names: &[TopicName]) -> Result<Vec<Answered>, ClientError> {
        self.ask_metadata(Some(names), false)
    }

    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    pub fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// The stop that was asked for has been heard; what is still to be done has this long.
    pub fn finish_within(&mut self, length: Duration) {
        self.patience.finish_by(Instant::now() + length);
    }

    /// An error once somebody has asked to stop, or the time to finish is over.
    pub fn check(&self) -> Result<(), ClientError> {
        self.patience.check()
    }

    /// Waits, unless asked to stop meanwhile.
    pub fn pause(&self, length: Duration) -> Result<(), ClientError> {
        self.patience.pause(length)
    }

    pub(crate) fn patience(&self) -> &Patience {
        &self.patience
    }

    /// A new connection to a broker, for data.
    pub(crate) fn dial(&self, id: i32) -> Result<Connection, ClientError> {
        let Some(address) = self.metadata.brokers.get(&id) else {
            return Err(refused(&format!("broker {id}"), ErrorCode::BrokerNotAvailable));
        };
        let by = self.patience.bound(Instant::now() + self.config.connect_timeout.min(ATTEMPT_MAX));
        Connection::open(address, &self.config, &self.patience, by).map_err(|e| match e {
            ClientError::Lost { address, reason } => ClientError::Unreachable { id, address, reason },
            other => other,
        })
    }

    fn dial_any(&self) -> Result<Connection, ClientError> {
        let started = Instant::now();
        let by = self.connect_by();
        let mut places: Vec<&Address> = self.config.bootstrap.iter().collect();
        places.extend(self.metadata.brokers.values().filter(|known| !self.config.bootstrap.contains(known)));
        for tries in 0.. {
            let mut last = None;
            for address in &places {
                self.patience.check()?;
                let attempt_by = by.min(Instant::now() + ATTEMPT_MAX);
                match Connection::open(address, &self.config, &self.patience, attempt_by) {
                    Ok(connection) => return Ok(connection),
                    Err(e @ (ClientError::NotKafka { .. } | ClientError::Unsupported { .. })) if places.len() == 1 => {
                        return Err(e);
                    }
                    Err(ClientError::Interrupted) => return Err(ClientError::Interrupted),
                    Err(e) => last = Some(e),
                }
            }
            let pause = self.config.backoff(tries);
            if started.elapsed() + pause >= REFUSAL_PATIENCE.min(self.config.connect_timeout) {
                let addresses = places.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                let reason = match last {
                    Some(ClientError::Lost { reason, .. }) => reason,
                    Some(other) => other.to_string(),
                    None => "no address was given".to_owned(),
                };
                return Err(ClientError::NoBroker { addresses, reason });
            }
            self.patience.pause(pause)?;
        }
        unreachable!("the loop has no end of its own")
    }

    fn connect_by(&self) -> Instant {
        self.patience.bound(Instant::now() + self.config.connect_timeout)
    }

    fn ask_metadata(&mut self, names: Option<&[TopicName]>, create: bool) -> Result<Vec<Answered>, ClientError> {
        let topic = |name: &TopicName| MetadataRequestTopic { name: Some(name.to_string()), ..Default::default() };
        let request = MetadataRequest {
            topics: names.map(|names| names.iter().map(topic).collect()),
            allow_auto_topic_creation: create,
            ..Default::default()
        };
        let answer = self.call_any(&request, self.connect_by())?;
        if answer.error_code != 0 {
            return Err(ClientError::refused("the cluster's metadata", answer.error_code, None));
        }
        Ok(self.metadata.apply(&answer))
    }

    fn unknown_topic(&mut self, topic: String) -> ClientError {
        // A hint is worth one question, not a second error.
        let known = self.all_topics().unwrap_or_default();
        let nearest = nearest(&topic, known.iter().map(|topic| topic.name.as_str())).map(str::to_owned);
        ClientError::UnknownTopic { topic, nearest }
    }

    /// Which broker looks after a group, asked once.
    pub(crate) fn coordinator(&mut self, group: &str) -> Result<i32, ClientError> {
        if let Entry::Occupied(known) = self.coordinators.entry(group.to_owned()) {
            return Ok(*known.get());
        }
        let request =
            FindCoordinatorRequest { key: group.to_owned(), key_type: 0, coordinator_keys: vec![group.to_owned()] };
        let answer = self.call_any(&request, self.connect_by())?;
        // Since version 4 the answer is a list; before, it is the message itself.
        let (code, message, id, host, port) = match answer.coordinators.into_iter().next() {
            Some(one) => (one.error_code, one.error_message, one.node_id, one.host, one.port),
            None => (answer.error_code, answer.error_message, answer.node_id, answer.host, answer.port),
        };
        if code != 0 {
            return Err(ClientError::refused(format!("the coordinator of group \"{group}\""), code, message));
        }
        if let Ok(port) = u16::try_from(port) {
            self.metadata.brokers.entry(id).or_insert_with(|| Address::new(host, port));
        }
        self.coordinators.insert(group.to_owned(), id);
        Ok(id)
    }

    /// Forgets who coordinates a group, after somebody said it is not they.
    pub fn forget_coordinator(&mut self, group: &str) {
        self.coordinators.remove(group);
    }

    /// Whether the brokers offer this API at all.
    pub fn offers(&mut self, key: ApiKey) -> Result<bool, ClientError> {
        if self.any.is_none() {
            self.any = Some(self.dial_any()?);
        }
        Ok(self.any.as_ref().is_some_and(|connection| connection.version(key).is_ok()))
    }
}

fn refused(what: &str, code: ErrorCode) -> ClientError {
    ClientError::Refused { what: format!("\"{what}\""), code, message: None }
}
