//! Fetch: gives stored batches as they lie in the files, waiting for them if asked to (KIP-74 sizes, KIP-227 sessions,
//! KIP-320 epochs).
//!
//! What each partition is answered with stands in `fetch_partition`; which partitions are asked for, and which of them
//! the answer names, in `fetch_sessions`.

use std::sync::Arc;

use super::fetch_partition::{Read, Reader};
use super::{Answer, Context, Envelope};
use crate::base::limits::FETCH_SESSIONS_BYTES_MAX;
use crate::base::{ErrorCode, Now};
use crate::broker::answer::{Pending, Reply};
use crate::broker::caller::{Caller, Operation, Resource, authorize};
use crate::broker::core::Core;
use crate::broker::fetch_sessions::{Asked, Mention, Outcome, Room, Scope, Telling, TopicRef};
use crate::broker::partition::Partition;
use crate::broker::topics::Topic;
use crate::broker::waiting::Subscription;
use crate::log::LogSlice;
use crate::protocol::kafka::api::fetch::{
    FetchRequest, FetchResponse, FetchTopic, FetchableTopicResponse, ForgottenTopic, NodeEndpoint,
};

/// Since 13 topics are named by id (KIP-516).
const IDS_SINCE: i16 = 13;
/// Since 15 a follower says who it is in a structure of its own (KIP-903).
const REPLICA_STATE_SINCE: i16 = 15;

pub fn handle(context: Context<'_>, request: FetchRequest) -> Answer {
    let Context { core, caller, now, envelope } = context;
    let by_id = envelope.version >= IDS_SINCE;
    let from_follower = if envelope.version >= REPLICA_STATE_SINCE {
        request.replica_state.replica_id >= 0
    } else {
        request.replica_id >= 0
    };
    let bytes_max =
        request.max_bytes.clamp(0, i32::try_from(core.config().network.fetch_bytes_max).unwrap_or(i32::MAX));
    let mention = Mention {
        id: request.session_id,
        epoch: request.session_epoch,
        by_id,
        asked: request.topics.into_iter().flat_map(|topic| asked_of(topic, by_id)).collect(),
        forgotten: request.forgotten_topics_data.into_iter().flat_map(|topic| forgotten_in(topic, by_id)).collect(),
    };
    let (scope, asked) = match core.fetch_sessions().take(mention, room(core), now) {
        Ok(taken) => taken,
        Err(code) => {
            return envelope.reply(&FetchResponse { error_code: code.code(), ..Default::default() });
        }
    };
    let fetch = Fetch {
        envelope,
        caller: caller.clone(),
        scope,
        wanted: look_up(context, asked, from_follower),
        reader: Reader {
            broker_id: core.broker_id(),
            version: envelope.version,
            committed_only: request.isolation_level == 1,
            from_follower,
        },
        bytes_min: request.min_bytes.clamp(0, bytes_max) as usize,
        bytes_max: bytes_max as usize,
    };
    let found = fetch.read();
    let waits = request.max_wait_ms > 0 && !fetch.wanted.is_empty();
    if !waits || found.is_enough(fetch.bytes_min) {
        return fetch.answer(core, found, now);
    }
    let subscriptions = fetch.partitions().map(|partition| partition.subscribe(&caller.waker)).collect();
    // Between the look and the subscription something may have come.
    let found = fetch.read();
    if found.is_enough(fetch.bytes_min) {
        return fetch.answer(core, found, now);
    }
    let deadline_ms = now.mono_ms.saturating_add(i64::from(request.max_wait_ms));
    Answer::Wait(Box::new(WaitingFetch { fetch, deadline_ms, _subscriptions: subscriptions }))
}

/// What there may be of fetch sessions.
fn room(core: &Core) -> Room {
    Room { sessions: core.config().network.fetch_sessions_max, bytes: FETCH_SESSIONS_BYTES_MAX }
}

fn topic_ref(name: String, id: crate::base::Uuid, by_id: bool) -> TopicRef {
    if by_id { TopicRef::Id(id) } else { TopicRef::Name(name.into()) }
}

fn asked_of(topic: FetchTopic, by_id: bool) -> impl Iterator<Item = Asked> {
    let of = topic_ref(topic.topic, topic.topic_id, by_id);
    topic.partitions.into_iter().map(move |asked| Asked {
        topic: of.clone(),
        partition: asked.partition,
        fetch_offset: asked.fetch_offset,
        bytes_max: asked.partition_max_bytes,
        current_leader_epoch: asked.current_leader_epoch,
        last_fetched_epoch: asked.last_fetched_epoch,
    })
}

fn forgotten_in(topic: ForgottenTopic, by_id: bool) -> impl Iterator<Item = (TopicRef, i32)> {
    let of = topic_ref(topic.topic, topic.topic_id, by_id);
    topic.partitions.into_iter().map(move |partition| (of.clone(), partition))
}

/// A partition that is asked for, and what there is of it.
struct Wanted {
    asked: Asked,
    partition: Result<Arc<Partition>, ErrorCode>,
}

/// Looks up every partition anew: since the session began, topics may have come and gone.
fn look_up(context: Context<'_>, asked: Vec<Asked>, from_follower: bool) -> Vec<Wanted> {
    let topics = context.core.topics();
    let find_topic = |of: &TopicRef| -> Result<&Arc<Topic>, ErrorCode> {
        let topic = match of {
            TopicRef::Id(id) => topics.by_id(*id).ok_or(ErrorCode::UnknownTopicId)?,
            TopicRef::Name(name) => topics.get(name).ok_or(ErrorCode::UnknownTopicOrPartition)?,
        };
        let allowed = if from_follower {
            authorize(context.caller, Operation::ClusterAction, Resource::Cluster)
        } else {
            authorize(context.caller, Operation::Read, Resource::Topic(topic.name.as_str()))
        };
        if allowed { Ok(topic) } else { Err(ErrorCode::TopicAuthorizationFailed) }
    };
    let mut wanted: Vec<Wanted> = Vec::with_capacity(asked.len());
    // Partitions of one topic mostly stand together.
    let mut topic = Err(ErrorCode::None);
    for asked in asked {
        if wanted.last().is_none_or(|last| last.asked.topic != asked.topic) {
            topic = find_topic(&asked.topic);
        }
        let partition = topic.and_then(|topic| {
            topic.partition(asked.partition).map(Arc::clone).ok_or(ErrorCode::UnknownTopicOrPartition)
        });
        wanted.push(Wanted { asked, partition });
    }
    wanted
}

struct Fetch {
    envelope: Envelope,
    caller: Caller,
    scope: Scope,
    wanted: Vec<Wanted>,
    reader: Reader,
    bytes_min: usize,
    bytes_max: usize,
}

/// What one look brought.
#[derive(Default)]
struct Found {
    /// One for each partition that is wanted.
    reads: Vec<Read>,
    bytes: usize,
    /// What the bytes are towards the least that is waited for.
    counts: usize,
    /// Something that must not wait: an error, a log that diverges, the end of an older segment.
    urgent: bool,
}

impl Found {
    fn is_enough(&self, bytes_min: usize) -> bool {
        self.urgent || self.counts >= bytes_min
    }
}

impl Fetch {
    fn partitions(&self) -> impl Iterator<Item = &Arc<Partition>> {
        self.wanted.iter().flat_map(|wanted| &wanted.partition)
    }

    /// Reads the partitions in turn; they share the bytes that there may be (KIP-74).
    fn read(&self) -> Found {
        let mut found = Found { reads: Vec::with_capacity(self.wanted.len()), ..Default::default() };
        for wanted in &self.wanted {
            // Even a batch larger than all limits must get through, or its consumer would never pass it.
            let at_least_one = found.bytes == 0;
            let left = self.bytes_max.saturating_sub(found.bytes);
            let read = match &wanted.partition {
                Ok(partition) => self.reader.read(&wanted.asked, partition, left, at_least_one),
                Err(code) => self.reader.refuse(&wanted.asked, *code),
            };
            found.bytes += read.slice.as_ref().map_or(0, |slice| slice.len);
            found.counts += read.counts;
            found.urgent |= read.is_urgent;
            found.reads.push(read);
        }
        found
    }

    fn answer(&self, core: &Core, found: Found, now: Now) -> Answer {
        self.complain(core, &found);
        let outcomes: Vec<Outcome> = found.reads.iter().map(Read::outcome).collect();
        let asked = self.wanted.iter().map(|wanted| &wanted.asked);
        let telling = core.fetch_sessions().tell(&self.scope, asked, &outcomes, room(core), now);
        Answer::Reply(self.reply(core, found, &telling))
    }

    /// Says once for a partition what the disk does not give: readers ask for it again and again, at many places.
    fn complain(&self, core: &Core, found: &Found) {
        for (wanted, read) in self.wanted.iter().zip(&found.reads) {
            if let (Ok(partition), Some(failure)) = (&wanted.partition, &read.failure)
                && !core.unread().is_any_of(partition.name())
                && core.unread().failed(partition.name(), failure)
            {
                ::log::error!("{} can't be read: {failure}", partition.name());
            }
        }
    }

    fn reply(&self, core: &Core, found: Found, telling: &Telling) -> Reply {
        let mut response =
            FetchResponse { error_code: telling.error.code(), session_id: telling.session_id, ..Default::default() };
        let mut slices: Vec<LogSlice> = Vec::new();
        let mut topic_before: Option<&TopicRef> = None;
        for (n, (wanted, read)) in self.wanted.iter().zip(found.reads).enumerate() {
            if telling.only.as_ref().is_some_and(|only| !only[n]) {
                continue;
            }
            let of = &wanted.asked.topic;
            if topic_before.replace(of) != Some(of) {
                response.responses.push(match of {
                    TopicRef::Name(name) => FetchableTopicResponse { topic: name.to_string(), ..Default::default() },
                    TopicRef::Id(id) => FetchableTopicResponse { topic_id: *id, ..Default::default() },
                });
            }
            if read.data.current_leader.leader_id >= 0 && response.node_endpoints.is_empty() {
                response.node_endpoints.push(self.this_broker(core));
            }
            slices.extend(read.slice);
            if let Some(topic) = response.responses.last_mut() {
                topic.partitions.push(read.data);
            }
        }
        Reply { slices, ..self.envelope.frame(&response) }
    }

    fn this_broker(&self, core: &Core) -> NodeEndpoint {
        let (host, port) = self.caller.broker_address();
        NodeEndpoint { node_id: core.broker_id().0, host, port: port.into(), rack: core.config().rack.clone() }
    }
}

struct WaitingFetch {
    fetch: Fetch,
    deadline_ms: i64,
    _subscriptions: Vec<Subscription>,
}

impl Pending for WaitingFetch {
    fn look(&mut self, core: &Core, now: Now, last: bool) -> Option<Answer> {
        let found = self.fetch.read();
        let over = last || now.mono_ms >= self.deadline_ms;
        (over || found.is_enough(self.fetch.bytes_min)).then(|| self.fetch.answer(core, found, now))
    }

    fn deadline_ms(&self) -> i64 {
        self.deadline_ms
    }

    fn wants_flush(&self) -> bool {
        false
    }
}
