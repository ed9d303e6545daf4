//! The consumer's hands: a connection to each leader, one fetch under way on each, and what the answers say.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::places::bounds;
use super::{Assigned, Chunk, Consumer};
use crate::base::{ErrorCode, Offset, TopicName, TopicPartition, Uuid};
use crate::client::connection::{Connection, Done};
use crate::client::poll::Watch;
use crate::client::{ClientError, Node};
use crate::protocol::kafka::RecordsField;
use crate::protocol::kafka::api::fetch::{FetchPartition, FetchRequest, FetchTopic, PartitionData};

/// A partition's share of an answer is raised up to this, when a broker cuts a batch off.
const PARTITION_BYTES_MAX: usize = 128 * 1024 * 1024;
/// How long brokers may not know a topic that they knew.
const UNKNOWN_PATIENCE: Duration = Duration::from_secs(5);
/// What a broker holds back longer than it was allowed to is lost.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);

/// The way to one broker.
#[derive(Debug, Default)]
pub(super) struct Link {
    connection: Option<Connection>,
    /// What the fetch under way asks for: partitions, and how often each had been sought when it was asked.
    asked: Vec<(usize, u32)>,
    connect_at: Option<Instant>,
    tries: u32,
}

impl Link {
    /// The partition at this place of the list is gone, and those behind it have moved up.
    pub(super) fn forget(&mut self, index: usize) {
        self.asked.retain(|(asked, _)| *asked != index);
        self.asked.iter_mut().filter(|(asked, _)| *asked > index).for_each(|(asked, _)| *asked -= 1);
    }
}

impl Consumer {
    /// The next stretch of some partition. None when `until` has come, when one of `also` is ready, when there is
    /// nothing more to read ([`is_done`](Self::is_done)), when an [`outage`](Self::outage) begins, or when there is
    /// [`news`](Self::take_news) of a topic. Without `until`, it waits.
    pub fn next(&mut self, until: Option<Instant>, also: &mut [Watch<'_>]) -> Result<Option<Chunk>, ClientError> {
        self.take_back_buffers();
        loop {
            // What is ready then is of the topic that the news are about: topics are looked at only while nothing is.
            if std::mem::take(&mut self.has_news) {
                return Ok(None);
            }
            if let Some(ready) = self.ready.pop_front() {
                return ready.map(Some);
            }
            let now = Instant::now();
            self.transmit(now)?;
            if self.receive(now)? {
                // Before what came is looked at, the next fetch goes out.
                self.transmit(now)?;
                continue;
            }
            self.cluster.patience().check()?;
            if self.has_news {
                continue;
            }
            let outage_begins = self.outage().is_some() && !std::mem::replace(&mut self.outage_seen, true);
            if self.is_done() || outage_begins || until.is_some_and(|until| until <= now) {
                return Ok(None);
            }
            let timers = [until, self.next_timer(now)];
            let connections = self.links.values().filter_map(|link| link.connection.as_ref());
            let mut watches: Vec<Watch<'_>> = connections.map(Connection::watch).collect();
            self.cluster.patience().wait(&mut watches, also, timers.into_iter().flatten().min());
            if also.iter().any(|watch| watch.ready) && !watches.iter().any(|watch| watch.ready) {
                return Ok(None);
            }
        }
    }

    /// Lets go of the fetches under way, for partitions that were assigned after they were sent: a broker with nothing to
    /// give holds them for a while, and whatever comes behind them.
    pub fn fetch_anew(&mut self) {
        for link in self.links.values_mut().filter(|link| !link.asked.is_empty()) {
            link.connection = None;
            for (index, _) in std::mem::take(&mut link.asked) {
                self.assigned[index].is_in_flight = false;
            }
        }
    }

    fn next_timer(&self, now: Instant) -> Option<Instant> {
        let answers = self.links.values().filter_map(|link| {
            let sent = link.connection.as_ref().and_then(Connection::oldest)?;
            Some(sent + self.config.fetch_wait + ANSWER_PATIENCE)
        });
        let connects = self.links.values().filter_map(|link| link.connect_at);
        let retries = self.assigned.iter().filter_map(|assigned| assigned.retry_at);
        answers.chain(connects).chain(retries).chain(self.refresh_at).filter(|at| *at > now).min()
    }

    fn transmit(&mut self, now: Instant) -> Result<(), ClientError> {
        self.refresh_leaders(now)?;
        let mut leaders: Vec<i32> = self.assigned.iter().filter_map(|assigned| assigned.leader).collect();
        leaders.sort_unstable();
        leaders.dedup();
        for id in leaders {
            self.connect(id, now)?;
            self.send_fetch(id, now)?;
        }
        Ok(())
    }

    fn connect(&mut self, id: i32, now: Instant) -> Result<(), ClientError> {
        let link = self.links.entry(id).or_default();
        if link.connection.is_some() || link.connect_at.is_some_and(|at| now < at) {
            return Ok(());
        }
        match self.cluster.dial(id) {
            Ok(connection) => {
                link.connection = Some(connection);
                link.connect_at = None;
                Ok(())
            }
            Err(e) => self.disconnect(id, e, now),
        }
    }

    fn send_fetch(&mut self, id: i32, now: Instant) -> Result<(), ClientError> {
        let Some(link) = self.links.get_mut(&id) else { return Ok(()) };
        let Some(connection) = &mut link.connection else { return Ok(()) };
        if connection.in_flight() == 0 {
            let may_go = |assigned: &Assigned| {
                assigned.leader == Some(id)
                    && !assigned.is_in_flight
                    && !assigned.is_done()
                    && assigned.retry_at.is_none_or(|at| at <= now)
            };
            let asked: Vec<usize> = (0..self.assigned.len()).filter(|i| may_go(&self.assigned[*i])).collect();
            if asked.is_empty() {
                return Ok(());
            }
            let request = request(&self.assigned, &asked, &self.config);
            connection.send(&request, Vec::new(), true)?;
            link.asked = asked.iter().map(|i| (*i, self.assigned[*i].seeks)).collect();
            for index in asked {
                self.assigned[index].is_in_flight = true;
                self.assigned[index].retry_at = None;
            }
        }
        match connection.pump() {
            Ok(()) => Ok(()),
            Err(e) => self.disconnect(id, e, now),
        }
    }

    /// Takes in the answers that have come; whether there were any.
    fn receive(&mut self, now: Instant) -> Result<bool, ClientError> {
        let mut came = false;
        let ids: Vec<i32> = self.links.keys().copied().collect();
        for id in ids {
            let Some(link) = self.links.get_mut(&id) else { continue };
            let Some(connection) = &mut link.connection else { continue };
            let by = connection.oldest().map(|sent| sent + self.config.fetch_wait + ANSWER_PATIENCE);
            match connection.receive() {
                Ok(Some(done)) => {
                    came = true;
                    self.answered(id, done, now)?;
                }
                Ok(None) if by.is_some_and(|by| now >= by) => {
                    let what = format!("a fetch from {}", connection.address());
                    let waited_ms = (self.config.fetch_wait + ANSWER_PATIENCE).as_millis();
                    self.disconnect(id, ClientError::TimedOut { what, waited_ms }, now)?;
                }
                Ok(None) => {}
                Err(e) => self.disconnect(id, e, now)?,
            }
        }
        Ok(came)
    }

    fn answered(&mut self, id: i32, done: Done, now: Instant) -> Result<(), ClientError> {
        let Some(link) = self.links.get_mut(&id) else { return Ok(()) };
        link.tries = 0;
        let asked = std::mem::take(&mut link.asked);
        for (index, _) in &asked {
            self.assigned[*index].is_in_flight = false;
        }
        let address = link.connection.as_ref().map_or("", Connection::address);
        let answer = match done.decode::<FetchRequest>(address) {
            Ok(answer) => answer,
            Err(e) => return self.disconnect(id, e, now),
        };
        match ErrorCode::from_code(answer.error_code) {
            ErrorCode::None => {}
            code if code.is_retriable() => return self.again_later(&asked, now),
            _ => return Err(ClientError::refused(format!("fetching from {address}"), answer.error_code, None)),
        }
        self.tries = 0;
        if self.outage.take().is_some() {
            self.outage_seen = false;
        }
        let all = || answer.responses.iter().flat_map(|topic| topic.partitions.iter().map(move |p| (topic, p)));
        let brought_bytes = all().any(|(_, partition)| has_bytes(partition));
        let mut answered: Vec<(usize, bool)> = Vec::with_capacity(asked.len());
        for (topic, partition) in all() {
            let is_it = |assigned: &Assigned| {
                let is_of = if topic.topic.is_empty() {
                    assigned.topic_id == topic.topic_id
                } else {
                    *assigned.topic == *topic.topic
                };
                assigned.partition.0 == partition.partition_index && is_of
            };
            // Answers come in the order asked, as a rule.
            let next = asked.get(answered.len()).filter(|(index, _)| is_it(&self.assigned[*index]));
            let found = next.or_else(|| asked.iter().find(|(index, _)| is_it(&self.assigned[*index])));
            let Some((index, seeks)) = found else { continue };
            answered.push((*index, has_bytes(partition)));
            if *seeks == self.assigned[*index].seeks {
                self.take(*index, partition, brought_bytes, now)?;
            }
        }
        self.rotate(&answered);
        if let Some(buffer) = done.answer.and_then(|frame| frame.buffer) {
            self.lent.push_back((id, buffer));
        }
        Ok(())
    }

    /// Partitions share an answer in the order asked (KIP-74): who got something goes to the end.
    fn rotate(&mut self, answered: &[(usize, bool)]) {
        let served = answered.iter().filter(|(_, got)| *got).count();
        // While one fetch is under way to each leader, indices in `asked` must stay true.
        if served == 0 || served == answered.len() || self.assigned.iter().any(|assigned| assigned.is_in_flight) {
            return;
        }
        let mut is_served = vec![false; self.assigned.len()];
        answered.iter().for_each(|(index, got)| is_served[*index] = *got);
        let (last, first): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.assigned).into_iter().zip(is_served).partition(|(_, served)| *served);
        self.assigned = first.into_iter().chain(last).map(|(assigned, _)| assigned).collect();
    }

    /// What an answer says about one partition.
    fn take(
        &mut self,
        index: usize,
        answer: &PartitionData,
        brought_bytes: bool,
        now: Instant,
    ) -> Result<(), ClientError> {
        let assigned = &mut self.assigned[index];
        let pause = self.cluster.config().backoff(assigned.tries);
        let code = ErrorCode::from_code(answer.error_code);
        let is_unknown = matches!(
            code,
            ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId | ErrorCode::InconsistentTopicId
        );
        if !is_unknown {
            assigned.unknown_since = None;
        }
        if code == ErrorCode::None {
            (assigned.tries, assigned.takes_start) = (0, false);
            if assigned.refused.take().is_some() {
                self.outage_seen = false;
            }
        }
        match code {
            ErrorCode::None => {}
            ErrorCode::OffsetOutOfRange => {
                let (place, offset) = (assigned.place(), assigned.position);
                if std::mem::take(&mut assigned.takes_start) {
                    return self.take_start(index, &place);
                }
                return Err(self.out_of_range(&place, offset)?);
            }
            ErrorCode::CorruptMessage => {
                return Err(ClientError::Damaged {
                    topic: assigned.topic.to_string(),
                    partition: assigned.partition,
                    offset: assigned.position,
                    reason: "the broker can't read it".to_owned(),
                });
            }
            _ if is_unknown
                && self.config.reconnect_for.is_some()
                && assigned.unknown_since.is_some_and(|since| now - since >= UNKNOWN_PATIENCE) =>
            {
                return Err(ClientError::UnknownTopic { topic: assigned.topic.to_string(), nearest: None });
            }
            code if code.is_retriable() => {
                if is_unknown {
                    assigned.unknown_since.get_or_insert(now);
                }
                let what = format!("reading {}/{}", assigned.topic, assigned.partition);
                let error = ClientError::refused(what, answer.error_code, None);
                let is_unreadable = assigned.unreadable().is_some();
                let (since, last) = assigned.refused.get_or_insert_with(|| (now, error.clone()));
                last.clone_from(&error);
                if self.config.reconnect_for.is_some_and(|patience| now - *since >= patience) {
                    return Err(error);
                }
                if !is_unreadable && assigned.unreadable().is_some() {
                    self.outage_seen = false;
                }
                assigned.retry_at = Some(now + pause);
                assigned.tries += 1;
                self.refresh_at.get_or_insert(now + pause);
                return Ok(());
            }
            _ => {
                let what = format!("reading {}/{}", assigned.topic, assigned.partition);
                return Err(ClientError::refused(what, answer.error_code, None));
            }
        }
        let records = match &answer.records {
            RecordsField::Bytes(records) => records.clone(),
            RecordsField::Null | RecordsField::Elsewhere(_) => bytes::Bytes::new(),
        };
        if records.is_empty() {
            // The broker waited, and has nothing up to where we were to read: nothing is left there.
            let end = if answer.last_stable_offset >= 0 { answer.last_stable_offset } else { answer.high_watermark };
            if let Some(until) = assigned.until.filter(|until| !brought_bytes && end >= until.0) {
                assigned.position = assigned.position.max(until);
            }
            return Ok(());
        }
        let (position, until) = (assigned.position, assigned.until);
        let aborted = answer.aborted_transactions.as_deref().unwrap_or_default();
        let chunk = Chunk::new(Arc::clone(&assigned.topic), assigned.partition, records, position, until)
            .with_aborted(aborted)
            .with_high_watermark(Offset(answer.high_watermark));
        if chunk.is_empty() {
            assigned.bytes = (assigned.bytes * 2).min(PARTITION_BYTES_MAX);
            return Ok(());
        }
        assigned.bytes = self.config.partition_bytes;
        assigned.position = chunk.next_offset();
        self.ready.push_back(Ok(chunk));
        Ok(())
    }

    /// Its first record has gone before it could be read.
    fn take_start(&mut self, index: usize, place: &TopicPartition) -> Result<(), ClientError> {
        let bounds = bounds(&mut self.cluster, std::slice::from_ref(place), self.config.isolation)?;
        if let Some(bounds) = bounds.first() {
            self.assigned[index].position = bounds.start;
        }
        Ok(())
    }

    /// The error for a position that the partition does not have, with the range it has.
    fn out_of_range(&mut self, place: &TopicPartition, offset: Offset) -> Result<ClientError, ClientError> {
        let bounds = bounds(&mut self.cluster, std::slice::from_ref(place), self.config.isolation)?;
        let (start, end) = bounds.first().map_or((Offset::ZERO, Offset::ZERO), |bounds| (bounds.start, bounds.end));
        Ok(ClientError::OffsetOutOfRange {
            topic: place.topic.to_string(),
            partition: place.partition,
            offset,
            start,
            end,
        })
    }

    fn again_later(&mut self, asked: &[(usize, u32)], now: Instant) -> Result<(), ClientError> {
        let pause = self.cluster.config().backoff(self.tries);
        self.tries += 1;
        for (index, _) in asked {
            self.assigned[*index].retry_at = Some(now + pause);
        }
        self.refresh_at.get_or_insert(now + pause);
        Ok(())
    }

    fn refresh_leaders(&mut self, now: Instant) -> Result<(), ClientError> {
        if self.assigned.iter().any(|assigned| assigned.leader.is_none()) {
            self.refresh_at.get_or_insert(now + self.cluster.config().backoff(self.tries));
        }
        // What is ready was fetched from the topics as they were.
        if self.refresh_at.is_none_or(|at| now < at) || !self.ready.is_empty() {
            return Ok(());
        }
        self.refresh_at = None;
        let mut names: Vec<TopicName> = self.assigned.iter().map(|assigned| assigned.name.clone()).collect();
        names.sort_unstable();
        names.dedup();
        match self.cluster.refresh(&names) {
            Ok(answered) => self.look_at_topics(&answered)?,
            Err(ClientError::Interrupted) => return Err(ClientError::Interrupted),
            Err(e) => {
                self.note_outage(e, now)?;
                self.refresh_at = Some(now + self.cluster.config().backoff(self.tries));
            }
        }
        for assigned in &mut self.assigned {
            let known = self.cluster.metadata().leader(&assigned.topic, assigned.partition);
            assigned.leader = known.or(assigned.leader);
        }
        Ok(())
    }

    fn disconnect(&mut self, id: i32, error: ClientError, now: Instant) -> Result<(), ClientError> {
        let Some(link) = self.links.get_mut(&id) else { return Ok(()) };
        link.connect_at = Some(now + self.cluster.config().backoff(link.tries));
        link.tries += 1;
        link.connection = None;
        for (index, _) in std::mem::take(&mut link.asked) {
            self.assigned[index].is_in_flight = false;
        }
        self.refresh_at.get_or_insert(now + self.cluster.config().backoff(self.tries));
        self.note_outage(error, now)
    }

    /// Notes that a broker is gone; an error once it is gone for too long.
    fn note_outage(&mut self, error: ClientError, now: Instant) -> Result<(), ClientError> {
        if error == ClientError::Interrupted {
            return Err(error);
        }
        self.tries += 1;
        let (since, _) = self.outage.get_or_insert_with(|| (now, error.clone()));
        match self.config.reconnect_for {
            Some(patience) if now - *since >= patience => Err(error),
            _ => Ok(()),
        }
    }

    /// Gives buffers back to their connections when nobody looks at what was in them any more.
    fn take_back_buffers(&mut self) {
        while self.ready.is_empty()
            && let Some((id, buffer)) = self.lent.pop_front()
        {
            if let Some(connection) = self.links.get_mut(&id).and_then(|link| link.connection.as_mut()) {
                connection.recycle(Some(buffer));
            }
        }
    }

    /// Whether a broker can read what is at this offset.
    pub(super) fn is_readable(&mut self, place: &TopicPartition, at: Offset) -> Result<bool, ClientError> {
        let leader = self.cluster.metadata().leader(place.topic.as_str(), place.partition);
        let partition = FetchPartition {
            partition: place.partition.0,
            fetch_offset: at.0,
            partition_max_bytes: 1,
            ..Default::default()
        };
        let topic_id = self.cluster.metadata().topic(place.topic.as_str()).map_or(Uuid::ZERO, |known| known.id);
        let topic = FetchTopic { topic: place.topic.to_string(), topic_id, partitions: vec![partition] };
        let request = FetchRequest { max_bytes: 1, min_bytes: 0, topics: vec![topic], ..Default::default() };
        let answer = self.cluster.call(leader.map_or(Node::Any, Node::Broker), &request)?;
        let code = answer.responses.first().and_then(|topic| topic.partitions.first()).map_or(0, |p| p.error_code);
        match ErrorCode::from_code(code) {
            ErrorCode::None => Ok(true),
            ErrorCode::CorruptMessage => Ok(false),
            _ => Err(ClientError::refused(format!("reading {place}"), code, None)),
        }
    }
}

fn has_bytes(partition: &PartitionData) -> bool {
    matches!(&partition.records, RecordsField::Bytes(records) if !records.is_empty())
}

fn request(assigned: &[Assigned], asked: &[usize], config: &super::ConsumerConfig) -> FetchRequest {
    let mut topics: Vec<FetchTopic> = Vec::new();
    for assigned in asked.iter().map(|index| &assigned[*index]) {
        let partition = FetchPartition {
            partition: assigned.partition.0,
            fetch_offset: assigned.position.0,
            partition_max_bytes: i32::try_from(assigned.bytes).unwrap_or(i32::MAX),
            ..Default::default()
        };
        match topics.last_mut() {
            Some(topic) if *topic.topic == *assigned.topic && topic.topic_id == assigned.topic_id => {
                topic.partitions.push(partition)
            }
            _ => topics.push(FetchTopic {
                topic: assigned.topic.to_string(),
                topic_id: assigned.topic_id,
                partitions: vec![partition],
            }),
        }
    }
    FetchRequest {
        max_wait_ms: i32::try_from(config.fetch_wait.as_millis()).unwrap_or(i32::MAX),
        min_bytes: config.fetch_bytes_min,
        max_bytes: i32::try_from(config.fetch_bytes).unwrap_or(i32::MAX),
        isolation_level: config.isolation.level(),
        topics,
        ..Default::default()
    }
}
