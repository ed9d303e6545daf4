//! The producer's hands: connections to the brokers, what goes over them, and what to wait for.

use std::collections::VecDeque;
use std::ops::Bound;
use std::time::{Duration, Instant};

use super::lane::{Identity, Outcome, Settled};
use super::request::{self, Part, Verdict};
use super::sealed::Sealed;
use super::{Acks, Delivery, DeliveryFailure, Producer, SPARE_BUFFERS_MAX, TopicHandle, new_identity};
use crate::base::{ErrorCode, Offset, TopicName};
use crate::client::ClientError;
use crate::client::connection::{Connection, Done};
use crate::client::poll::Watch;
use crate::protocol::kafka::ApiKey;
use crate::protocol::kafka::api::produce::ProduceRequest;
use crate::record::CompressError;

/// Records that are too late are looked for this often.
const EXPIRY_CHECKED_EVERY: Duration = Duration::from_secs(1);
/// A connection on which an answer came no longer ago than this, and nothing is under way, is written to without looking
/// first whether the broker has closed it: that look is a system call in the way of each record that is sent alone.
const TRUSTED_FOR: Duration = Duration::from_millis(50);

/// The way to one broker.
#[derive(Debug, Default)]
pub(super) struct Link {
    connection: Option<Connection>,
    /// For each request in flight: its batches, less their bytes.
    requests: VecDeque<Vec<(usize, Sealed)>>,
    /// Lanes that have something to send to this broker.
    ready: VecDeque<usize>,
    /// When the last answer came over this connection.
    heard_at: Option<Instant>,
    /// After a failure, not before.
    connect_at: Option<Instant>,
    tries: u32,
}

/// On which connections a round looks for what has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Where an answer is due, and where nothing has been heard for a while.
    Expected,
    /// After a wait, which any of them may have ended.
    Everywhere,
}

impl Link {
    /// Whether nothing can have come that would matter.
    fn is_trusted(&self, now: Instant) -> bool {
        self.requests.is_empty() && self.heard_at.is_some_and(|at| now < at + TRUSTED_FOR)
    }

    #[cfg(test)]
    pub(super) fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    fn is_idle(&self) -> bool {
        self.requests.is_empty() && self.ready.is_empty()
    }

    pub(super) fn first_tag(&self) -> Option<u64> {
        self.requests.iter().flatten().filter_map(|(_, batch)| batch.tags.first()).min()
    }
}

impl Producer {
    /// Writes and reads what the sockets allow. Without `until` it waits for as long as it takes until something happens:
    /// to a socket, to one of the watches in `also`, or to a timer; with it, no longer than that. A moment that
    /// has passed means not to wait.
    pub fn work(&mut self, until: Option<Instant>, also: &mut [Watch<'_>]) -> Result<(), ClientError> {
        let mut now = Instant::now();
        let progress = self.step(now, Look::Expected)?;
        if progress || until.is_some_and(|until| until <= now) {
            return Ok(());
        }
        let until = [until, self.next_timer(now)].into_iter().flatten().min();
        let connections = self.links.values().filter_map(|link| link.connection.as_ref());
        let mut watches: Vec<Watch<'_>> = connections.map(Connection::watch).collect();
        self.cluster.patience().wait(&mut watches, also, until);
        drop(watches);
        now = Instant::now();
        self.step(now, Look::Everywhere).map(drop)
    }

    /// One round without waiting; whether anything was answered.
    fn step(&mut self, now: Instant, look: Look) -> Result<bool, ClientError> {
        let progress = self.receive(now, look);
        self.expire(now);
        self.seal_due(now)?;
        self.renew_identities()?;
        self.refresh_leaders(now);
        self.transmit(now);
        self.note_outage();
        Ok(progress)
    }

    /// Tells of trouble when it begins. It is over when every batch that it held up has got through.
    fn note_outage(&mut self) {
        match &self.outage {
            Some(outage) if !self.outage_noted && (outage.is_retriable() || outage.is_no_broker()) => {
                ::log::warn!("{outage}; trying again");
                self.outage_noted = true;
                self.outages += 1;
            }
            None if self.outage_noted => {
                self.outage_noted = self.routes.iter().any(|route| route.lane.is_recovering());
            }
            Some(_) | None => {}
        }
    }

    pub(super) fn seal_and_work(&mut self, lane: usize) -> Result<(), ClientError> {
        self.seal(lane)?;
        self.work(Some(Instant::now()), &mut [])?;
        while self.buffered > self.config.buffer_bytes && self.failures.is_empty() {
            self.cluster.patience().check()?;
            self.work(None, &mut [])?;
        }
        Ok(())
    }

    /// Closes every open batch: they go out as soon as they can.
    pub fn seal_open(&mut self) -> Result<(), ClientError> {
        let mut open = std::mem::take(&mut self.open);
        for lane in open.drain(..) {
            self.routes[lane].is_listed = false;
            self.seal(lane)?;
        }
        self.open = open;
        self.pushed = false;
        Ok(())
    }

    /// Closes a lane's open batch and queues it. The lane may stay on the list of open ones: it will be open again soon.
    fn seal(&mut self, index: usize) -> Result<(), ClientError> {
        let buffer = self.spare.pop().unwrap_or_default();
        let route = &mut self.routes[index];
        match route.lane.seal(Instant::now(), buffer) {
            Ok(bytes) => self.buffered += bytes,
            Err(e) => return Err(unpackable(&e)),
        }
        self.enqueue(index);
        Ok(())
    }

    fn enqueue(&mut self, index: usize) {
        let route = &mut self.routes[index];
        if route.is_queued || !route.lane.has_waiting() {
            return;
        }
        match route.leader {
            Some(leader) => {
                route.is_queued = true;
                self.links.entry(leader).or_default().ready.push_back(index);
            }
            None => self.want_refresh(),
        }
    }

    /// Seals what has lingered long enough, or was pushed and finds its broker idle.
    fn seal_due(&mut self, now: Instant) -> Result<(), ClientError> {
        let linger = self.config.linger;
        if self.open.is_empty() || (linger.is_zero() && !self.pushed) {
            return Ok(());
        }
        let is_idle = |leader: Option<i32>| leader.and_then(|id| self.links.get(&id)).is_none_or(Link::is_idle);
        let is_due = |index: usize| {
            let route = &self.routes[index];
            if linger.is_zero() || !route.lane.is_open() {
                is_idle(route.leader)
            } else {
                route.lane.opened().is_none_or(|opened| now >= opened + linger)
            }
        };
        let (due, open): (Vec<usize>, Vec<usize>) = self.open.iter().partition(|index| is_due(**index));
        self.open = open;
        self.pushed &= !self.open.is_empty();
        for index in due {
            self.routes[index].is_listed = false;
            self.seal(index)?;
        }
        Ok(())
    }

    /// The next moment at which there is something to do; what was due at `now` has been done.
    fn next_timer(&self, now: Instant) -> Option<Instant> {
        let config = &self.config;
        let linger = (!config.linger.is_zero()).then(|| {
            let opened = self.open.iter().filter_map(|index| self.routes[*index].lane.opened());
            opened.min().map(|opened| opened + config.linger)
        });
        let links = self.links.values().flat_map(|link| {
            let answer_by = link.connection.as_ref().and_then(Connection::oldest);
            let answer_by = answer_by.map(|at| at + self.cluster.config().request_timeout);
            let connect_at = if link.ready.is_empty() { None } else { link.connect_at };
            // Lanes of a broker that has nothing in flight wait for nothing but their pause.
            let lanes = link.ready.iter().filter_map(|index| self.routes[*index].lane.retry_at());
            [answer_by, connect_at].into_iter().flatten().chain(lanes)
        });
        // With a full buffer and a broker that is gone, the next thing to happen is that a record is too late.
        let expire_at = (self.buffered > 0).then_some(self.expire_at);
        let timers = links.chain(linger.flatten()).chain(self.refresh_at).chain(expire_at);
        timers.filter(|at| *at > now).min()
    }

    /// The broker after this one, for who goes over all links and may change them meanwhile.
    fn link_after(&self, id: Option<i32>) -> Option<i32> {
        let from = id.map_or(Bound::Unbounded, Bound::Excluded);
        self.links.range((from, Bound::Unbounded)).next().map(|(id, _)| *id)
    }

    /// Sends what may go.
    fn transmit(&mut self, now: Instant) {
        let mut last = None;
        while let Some(id) = self.link_after(last) {
            last = Some(id);
            self.connect(id, now);
            while self.send_request(id, now) {}
            let Some(link) = self.links.get_mut(&id) else { continue };
            if let Some(connection) = &mut link.connection
                && let Err(e) = connection.pump()
            {
                self.disconnect(id, e, now);
            }
        }
    }

    fn connect(&mut self, id: i32, now: Instant) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.connection.is_some() || link.ready.is_empty() || link.connect_at.is_some_and(|at| now < at) {
            return;
        }
        match self.cluster.dial(id) {
            Ok(connection) => {
                link.connection = Some(connection);
                link.connect_at = None;
            }
            Err(e) => self.disconnect(id, e, now),
        }
    }

    /// Puts one request together and on its way; false if there is nothing to send, or no room for it.
    fn send_request(&mut self, id: i32, now: Instant) -> bool {
        let Some(link) = self.links.get_mut(&id) else { return false };
        let Some(connection) = link.connection.as_mut().filter(|c| c.in_flight() < self.config.in_flight) else {
            return false;
        };
        let version = match connection.version(ApiKey::Produce) {
            Ok(version) => version,
            Err(e) => {
                self.disconnect(id, e, now);
                return false;
            }
        };
        let mut batches: Vec<(usize, Sealed)> = Vec::new();
        let mut bytes = 0;
        for _ in 0..link.ready.len() {
            let Some(index) = link.ready.pop_front() else { break };
            let route = &mut self.routes[index];
            if bytes >= self.config.request_bytes || route.bound_to.is_some_and(|other| other != id) {
                link.ready.push_back(index);
                continue;
            }
            if let Some(batch) = route.lane.take_next(now) {
                bytes += batch.bytes.len();
                route.bound_to = Some(id);
                batches.push((index, batch));
            }
            route.is_queued = route.lane.has_waiting();
            if route.is_queued {
                link.ready.push_back(index);
            }
        }
        if batches.is_empty() {
            return false;
        }
        // Lanes of one topic have neighbouring numbers.
        batches.sort_unstable_by_key(|(index, _)| *index);
        let part = |(index, batch): &(usize, Sealed)| {
            let route = &self.routes[*index];
            let topic = self.topics[route.topic].name.as_str();
            Part { topic, partition: route.partition.0, bytes: batch.bytes.len() }
        };
        let acks = match self.config.acks {
            Acks::All => -1,
            Acks::Leader => 1,
            Acks::None => 0,
        };
        let timeout_ms = i32::try_from(self.cluster.config().request_timeout.as_millis()).unwrap_or(i32::MAX);
        let request = request::build(batches.iter().map(part), acks, timeout_ms);
        let bodies = batches.iter_mut().map(|(_, batch)| std::mem::take(&mut batch.bytes)).collect();
        connection.send_version(&request, version, bodies, acks != 0);
        link.requests.push_back(batches);
        true
    }

    fn receive(&mut self, now: Instant, look: Look) -> bool {
        let mut progress = false;
        let mut last = None;
        while let Some(id) = self.link_after(last) {
            last = Some(id);
            while let Some(link) = self.links.get_mut(&id) {
                if look == Look::Expected && link.is_trusted(now) {
                    break;
                }
                let Some(connection) = &mut link.connection else { break };
                let late = connection.oldest().filter(|at| now >= *at + self.cluster.config().request_timeout);
                let received = match (connection.receive(), late) {
                    (Ok(None), Some(at)) => Err(ClientError::TimedOut {
                        what: format!("sending to {}", connection.address()),
                        waited_ms: (now - at).as_millis(),
                    }),
                    (received, _) => received,
                };
                match received {
                    Ok(Some(done)) => {
                        progress = true;
                        let is_last = done.answer.is_some() && connection.in_flight() == 0;
                        self.answered(id, done, now);
                        // Nothing more can come; the next round looks whether the broker has closed.
                        if is_last {
                            break;
                        }
                    }
                    Ok(None) => break,
                    Err(e) => {
                        self.disconnect(id, e, now);
                        break;
                    }
                }
            }
        }
        progress
    }

    fn answered(&mut self, id: i32, mut done: Done, now: Instant) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let Some(mut batches) = link.requests.pop_front() else { return };
        for ((_, batch), body) in batches.iter_mut().zip(std::mem::take(&mut done.sent.bodies)) {
            batch.bytes = body;
        }
        link.tries = 0;
        if self.config.acks == Acks::None {
            for (index, batch) in batches {
                let verdict = Verdict { outcome: Outcome::Written(None), record: None, message: None };
                self.settle(index, batch, verdict, now);
            }
            return;
        }
        let address = link.connection.as_ref().map_or("", Connection::address);
        match done.decode::<ProduceRequest>(address) {
            Ok(answer) => {
                self.outage = None;
                link.heard_at = Some(now);
                let part = |(index, _): &(usize, Sealed)| {
                    let route = &self.routes[*index];
                    (self.topics[route.topic].name.as_str(), route.partition.0)
                };
                let verdicts = request::verdicts(batches.iter().map(part), &answer);
                for ((index, batch), verdict) in batches.into_iter().zip(verdicts) {
                    self.settle(index, batch, verdict, now);
                }
            }
            Err(e) => {
                for (index, batch) in batches {
                    self.settle(index, batch, request::unanswered(), now);
                }
                self.disconnect(id, e, now);
            }
        }
        if let Some(connection) = self.links.get_mut(&id).and_then(|link| link.connection.as_mut()) {
            connection.recycle(done.answer.and_then(|frame| frame.buffer));
        }
    }

    fn settle(&mut self, index: usize, batch: Sealed, verdict: Verdict, now: Instant) {
        let route = &mut self.routes[index];
        let before = batch.bytes.len();
        let waiting_before = route.lane.waiting_bytes();
        let retry_at = now + self.cluster.config().backoff(batch.attempts.saturating_sub(1));
        let outcome = verdict.outcome;
        let settled = route.lane.settle(batch, outcome.clone(), retry_at);
        if route.lane.in_flight() == 0 {
            route.bound_to = None;
        }
        match settled {
            Settled::Delivered { tags, base_offset, buffer } => {
                let (topic, partition) = (TopicHandle(route.topic), route.partition);
                self.buffered -= buffer.len();
                self.keep(buffer);
                self.delivered += tags.len() as u64;
                if self.config.reports {
                    let base_offset = base_offset.map(Offset);
                    self.deliveries.push_back(Delivery { topic, partition, base_offset, tags });
                }
            }
            Settled::Again { ask_leader } => {
                // A batch that was cut in two has one header more.
                self.buffered -= waiting_before + before;
                self.buffered += route.lane.waiting_bytes();
                // Only where the leader matters is the refusal itself the trouble, not a consequence of another.
                if let Outcome::Refused(code) = outcome
                    && ask_leader
                {
                    let what = format!("sending to {}", self.place(index));
                    self.outage = Some(ClientError::Refused { what, code, message: verdict.message });
                }
                if ask_leader {
                    self.want_refresh();
                }
            }
            Settled::Failed { batch, code } => {
                let what = format!("the broker refuses the batch for {}", self.place(index));
                let error = ClientError::Refused { what, code, message: verdict.message };
                self.fail(index, batch, verdict.record, error);
            }
        }
        self.renew_later(index);
        self.enqueue(index);
    }

    fn place(&self, index: usize) -> String {
        let route = &self.routes[index];
        format!("{}/{}", self.topics[route.topic].name, route.partition)
    }

    fn fail(&mut self, index: usize, batch: Sealed, record: Option<usize>, error: ClientError) {
        let route = &self.routes[index];
        self.buffered -= batch.bytes.len();
        let only = if batch.tags.len() == 1 { batch.tags.first() } else { None };
        let culprit = record.and_then(|record| batch.tags.get(record)).or(only);
        let (topic, partition) = (TopicHandle(route.topic), route.partition);
        let is_uncertain = batch.is_uncertain;
        self.failures.push_back(DeliveryFailure { topic, partition, tags: batch.tags, culprit, error, is_uncertain });
    }

    fn expire(&mut self, now: Instant) {
        if now < self.expire_at {
            return;
        }
        self.expire_at = now + (self.config.delivery_timeout / 8).min(EXPIRY_CHECKED_EVERY);
        let Some(moment) = now.checked_sub(self.config.delivery_timeout) else { return };
        for index in 0..self.routes.len() {
            for batch in self.routes[index].lane.expire(moment) {
                let waited_ms = self.config.delivery_timeout.as_millis();
                let what = format!("the delivery to {}", self.place(index));
                let error = self.outage.clone().unwrap_or(ClientError::TimedOut { what, waited_ms });
                self.fail(index, batch, None, error);
            }
            self.renew_later(index);
        }
    }

    fn renew_later(&mut self, index: usize) {
        if self.routes[index].lane.wants_identity() {
            self.renewals.push(index);
        }
    }

    fn renew_identities(&mut self) -> Result<(), ClientError> {
        for index in std::mem::take(&mut self.renewals) {
            if !self.routes[index].lane.wants_identity() {
                continue;
            }
            let identity = if self.config.idempotent { new_identity(&mut self.cluster)? } else { Identity::NONE };
            for batch in self.routes[index].lane.renew(identity) {
                let what = format!("the broker has forgotten this producer of {}", self.place(index));
                let error = ClientError::Refused { what, code: ErrorCode::UnknownProducerId, message: None };
                self.fail(index, batch, None, error);
            }
            self.enqueue(index);
        }
        Ok(())
    }

    fn want_refresh(&mut self) {
        if self.refresh_at.is_none() {
            self.refresh_at = Some(Instant::now() + self.cluster.config().backoff(self.refresh_tries));
            self.refresh_tries += 1;
        }
    }

    /// Asks who leads, when somebody wanted to know, and sorts the lanes to their brokers anew.
    fn refresh_leaders(&mut self, now: Instant) {
        if self.refresh_at.is_none_or(|at| now < at) {
            return;
        }
        self.refresh_at = None;
        let names: Vec<TopicName> = self.topics.iter().map(|topic| topic.name.clone()).collect();
        match self.cluster.refresh(&names) {
            Ok(_) => self.refresh_tries = 0,
            Err(ClientError::Interrupted) => self.want_refresh(),
            Err(e) => {
                self.outage.get_or_insert(e);
                self.want_refresh();
            }
        }
        for link in self.links.values_mut() {
            link.ready.clear();
        }
        for index in 0..self.routes.len() {
            let route = &mut self.routes[index];
            let known = self.cluster.metadata().leader(self.topics[route.topic].name.as_str(), route.partition);
            route.leader = known.or(route.leader);
            route.is_queued = false;
            self.enqueue(index);
        }
    }

    /// A connection is gone, or could not be had: what was on it goes back to its lanes.
    fn disconnect(&mut self, id: i32, error: ClientError, now: Instant) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.connect_at = Some(now + self.cluster.config().backoff(link.tries));
        link.tries += 1;
        link.heard_at = None;
        let requests = std::mem::take(&mut link.requests);
        let connection = link.connection.take();
        // A broker that closes a connection on which nothing was under way did no harm.
        if (!requests.is_empty() || connection.is_none()) && error != ClientError::Interrupted {
            self.outage.get_or_insert(error);
            self.want_refresh();
        }
        let abandoned = connection.into_iter().flat_map(Connection::abandon);
        for (batches, (sent, reached)) in requests.into_iter().zip(abandoned) {
            for ((index, mut batch), body) in batches.into_iter().zip(sent.bodies) {
                batch.bytes = body;
                let verdict = Verdict { outcome: Outcome::Unanswered { reached }, record: None, message: None };
                self.settle(index, batch, verdict, now);
            }
        }
    }

    fn keep(&mut self, buffer: Vec<u8>) {
        if self.spare.len() < SPARE_BUFFERS_MAX && buffer.capacity() > 0 {
            self.spare.push(buffer);
        }
    }
}

fn unpackable(error: &CompressError) -> ClientError {
    ClientError::Refused {
        what: "packing a batch".to_owned(),
        code: ErrorCode::UnsupportedCompressionType,
        message: Some(error.to_string()),
    }
}
