//! The text protocol's commands, carried out. One [`TextSession`] per connection; replies come in request order.
//!
//! Like the Kafka handlers, a session never blocks: it writes what it has, and says whether it waits or has more to
//! write. Text and Kafka meet in the same append and the same read.

mod consume;
mod lists;

use std::collections::VecDeque;
use std::sync::Arc;

use self::consume::Reading;
use super::caller::{Caller, Operation, Resource, authorize};
use super::core::Core;
use super::groups::{Committer, OffsetValue, Pledge};
use super::partition::{Kept, Partition, Promise};
use super::topics::{NewTopic, TopicError};
use super::waiting::Subscription;
use crate::base::{ErrorCode, Now, Offset, OffsetSpec, PartitionId, TopicName, TopicPartition};
use crate::protocol::text::{Command, Limits, TextError, reply};
use crate::record::{BatchBuilder, Codec, ProducerStamp, ValidBatch, partition_for_key};

/// Commits of the text protocol say who made them.
const COMMIT_METADATA: &str = "";

/// What a session does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextStep {
    /// Every command so far is answered; the next line may come.
    Ready,
    /// The output is full: send it, then call `resume`.
    More,
    /// Something must happen first: wait for a wake-up, then call `resume`.
    Wait,
    /// Send the output and close.
    Close,
}

/// A reply in its turn.
enum Slot {
    Ready(Vec<u8>),
    Produced { partition: Arc<Partition>, promise: Promise, offset: Offset, _wait: Subscription },
    Committed { commit: Pledge, _wait: Subscription },
    Reading(Box<Reading>),
    Bye,
}

pub struct TextSession {
    caller: Caller,
    /// Replies that were not written yet.
    slots: VecDeque<Slot>,
}

impl TextSession {
    pub fn new(caller: Caller) -> TextSession {
        TextSession { caller, slots: VecDeque::new() }
    }

    /// Commands whose replies are outstanding.
    pub fn outstanding(&self) -> usize {
        self.slots.len()
    }

    /// Whether a `CONSUME ... FOLLOW` runs, which any further line ends.
    pub fn is_following(&self) -> bool {
        matches!(self.slots.back(), Some(Slot::Reading(reading)) if reading.follow)
    }

    /// Whether a further command may be carried out before those outstanding are answered. A reader must come to its
    /// end first, so that what follows it sees (and is seen) in order.
    pub fn takes_more(&self, outstanding_max: usize) -> bool {
        self.slots.len() < outstanding_max && !matches!(self.slots.back(), Some(Slot::Reading(_) | Slot::Bye))
    }

    /// Carries out one parsed line. What it answers comes with `resume`.
    pub fn execute(&mut self, core: &Arc<Core>, line: Result<Command, TextError>, limits: &Limits, now: Now) {
        let slot = line.and_then(|command| self.carry_out(core, command, limits, now));
        self.slots.push_back(slot.unwrap_or_else(|error| {
            let mut out = Vec::new();
            reply::error(&mut out, &error);
            Slot::Ready(out)
        }));
    }

    /// Ends a running FOLLOW.
    pub fn stop_following(&mut self) {
        if let Some(Slot::Reading(reading)) = self.slots.back_mut() {
            reading.follow = false;
            reading.left = 0;
        }
    }

    /// Writes every reply that is due. `full` bounds what one call adds to `out`.
    pub fn resume(&mut self, core: &Core, out: &mut Vec<u8>, full: usize) -> TextStep {
        while let Some(slot) = self.slots.front_mut() {
            match slot {
                Slot::Ready(reply) => out.append(reply),
                Slot::Bye => {
                    reply::bye(out);
                    return TextStep::Close;
                }
                Slot::Produced { partition, promise, offset, .. } => match partition.kept(promise) {
                    Kept::Yes => reply::ack(out, partition.name().partition, *offset),
                    Kept::Never => reply::error(out, &unsafe_write(partition)),
                    Kept::NotYet => {
                        core.flusher().want(partition);
                        return TextStep::Wait;
                    }
                },
                Slot::Committed { commit, .. } => match commit.look(core, core.now()) {
                    Kept::Yes => reply::ok(out),
                    Kept::Never => reply::error(out, &unsafe_write(commit.partition())),
                    Kept::NotYet => return TextStep::Wait,
                },
                Slot::Reading(reading) => match reading.read(out, full) {
                    TextStep::Ready => {}
                    step => return step,
                },
            }
            self.slots.pop_front();
            if out.len() >= full {
                return if self.slots.is_empty() { TextStep::Ready } else { TextStep::More };
            }
        }
        TextStep::Ready
    }

    /// The connection is over: what nobody is told of any more is still made safe, and commits still count.
    pub fn abandon(&mut self, core: &Core) {
        for slot in self.slots.drain(..) {
            match slot {
                Slot::Produced { partition, .. } => core.flusher().soon(&partition),
                Slot::Committed { commit, .. } => commit.abandon(core),
                Slot::Ready(_) | Slot::Reading(_) | Slot::Bye => {}
            }
        }
    }

    /// Whether the first outstanding reply waits for a flush, which the waiting thread then runs itself.
    pub fn wants_flush(&self) -> bool {
        matches!(self.slots.front(), Some(Slot::Produced { .. } | Slot::Committed { .. }))
    }

    fn carry_out(&mut self, core: &Arc<Core>, command: Command, limits: &Limits, now: Now) -> Result<Slot, TextError> {
        let mut out = Vec::new();
        match command {
            Command::Produce { topic, partition, key, value } => {
                return self.produce(core, &topic, partition, key.as_deref(), value.as_deref(), now);
            }
            Command::Consume { topic, partition, from, max, follow } => {
                let partition = self.find(core, &topic, partition, Operation::Read)?;
                let max = max.unwrap_or(limits.consume_records);
                let from = resolve(&partition, from)?;
                let wait = follow.then(|| partition.subscribe(&self.caller.waker));
                return Ok(Slot::Reading(Box::new(Reading::new(partition, from, max, wait))));
            }
            Command::Commit { group, topic, partition, offset } => {
                return self.commit(core, &group, topic, partition, offset, now);
            }
            Command::Create { topic, partitions, replicas } => {
                self.may(Operation::Create, Resource::Topic(topic.as_str()))?;
                if topic.is_internal() {
                    return Err(internal(&topic));
                }
                let new = NewTopic { partitions, replicas, ..NewTopic::default() };
                let created = core.create_topic(&topic, &new).map_err(|error| topic_error(core, &topic, &error))?;
                reply::created(&mut out, created.partitions.len() as i32);
            }
            Command::Topics => lists::topics(core, &self.caller, &mut out),
            Command::Offsets { topic } => lists::offsets(core, &*self, &topic, &mut out)?,
            Command::Committed { group, topic } => lists::committed(core, &*self, &group, topic.as_ref(), &mut out)?,
            Command::Groups => lists::groups(core, &self.caller, &mut out),
            Command::Ping => reply::pong(&mut out),
            Command::Help(topic) => reply::help(&mut out, topic, limits),
            Command::Quit => return Ok(Slot::Bye),
        }
        Ok(Slot::Ready(out))
    }

    fn produce(
        &mut self,
        core: &Arc<Core>,
        name: &TopicName,
        partition: Option<PartitionId>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        now: Now,
    ) -> Result<Slot, TextError> {
        self.may(Operation::Write, Resource::Topic(name.as_str()))?;
        if name.is_internal() {
            return Err(internal(name));
        }
        let topic = core.topic_or_create(name).map_err(|error| topic_error(core, name, &error))?;
        let index = match (partition, key) {
            (Some(index), _) => index,
            (None, Some(key)) => partition_for_key(key, topic.partitions.len() as i32),
            (None, None) => topic.next_in_turn(),
        };
        let partition = topic.partition(index.0).ok_or_else(|| no_partition(name, index, topic.partitions.len()))?;
        let mut builder = BatchBuilder::new(Codec::None);
        builder.append(now.wall_ms, key, value, &[]);
        let refused = |code: ErrorCode, sentence: String| TextError::kafka(code, sentence);
        let bytes = builder
            .finish(ProducerStamp::NONE)
            .map_err(|error| refused(ErrorCode::UnknownServerError, error.to_string()))?;
        let settings = partition.settings();
        if settings.min_insync_replicas > 1 {
            let sentence = format!(
                "min.insync.replicas is {}, and {} has 1 replica",
                settings.min_insync_replicas,
                partition.name()
            );
            return Err(refused(ErrorCode::NotEnoughReplicas, sentence));
        }
        let batch = ValidBatch::check(&bytes, &settings.rules)
            .map_err(|error| refused(error.error_code(), error.to_string()))?;
        if core.reserve().is_spent() {
            return Err(refused(ErrorCode::KafkaStorageError, core.reserve().refusal()));
        }
        let appended = partition.append(&batch, now).map_err(|error| {
            let is_full = error.is_disk_full();
            let sentence = if is_full { core.reserve().refusal_for(&error) } else { error.to_string() };
            refused(error.error_code(), sentence)
        })?;
        // Subscribed before anybody looks: see `waiting`.
        let wait = partition.subscribe(&self.caller.waker);
        let promise = partition.promise(&appended);
        // In the next round, whoever runs it, however long this one's turn to be answered may take.
        core.flusher().want(partition);
        Ok(Slot::Produced { partition: Arc::clone(partition), promise, offset: appended.base_offset, _wait: wait })
    }

    fn commit(
        &mut self,
        core: &Arc<Core>,
        group: &str,
        topic: TopicName,
        index: PartitionId,
        offset: OffsetSpec,
        now: Now,
    ) -> Result<Slot, TextError> {
        self.may(Operation::Read, Resource::Group(group))?;
        let partition = self.find(core, &topic, index, Operation::Read)?;
        let offset = match offset {
            // Kafka keeps whatever it is told, even what is not there.
            OffsetSpec::At(offset) => offset,
            other => resolve(&partition, other)?,
        };
        let value = OffsetValue { metadata: COMMIT_METADATA.to_owned(), ..OffsetValue::plain(offset, now) };
        let commits = vec![(TopicPartition { topic, partition: index }, value)];
        let commit = core.groups().commit(core, group, &Committer::OUTSIDER, commits, now);
        let commit = commit.map_err(|code| commit_refused(group, code))?;
        let wait = commit.subscribe(core, &self.caller.waker);
        Ok(Slot::Committed { commit, _wait: wait })
    }

    fn may(&self, operation: Operation, resource: Resource<'_>) -> Result<(), TextError> {
        if authorize(&self.caller, operation, resource) {
            return Ok(());
        }
        let code = match resource {
            Resource::Topic(_) => ErrorCode::TopicAuthorizationFailed,
            Resource::Group(_) => ErrorCode::GroupAuthorizationFailed,
            Resource::TransactionalId(_) => ErrorCode::TransactionalIdAuthorizationFailed,
            Resource::Cluster => ErrorCode::ClusterAuthorizationFailed,
        };
        Err(TextError::kafka(code, format!("{} may not do that", self.caller.principal)))
    }

    /// A partition that exists. Nothing is created.
    fn find(
        &self,
        core: &Core,
        name: &TopicName,
        index: PartitionId,
        operation: Operation,
    ) -> Result<Arc<Partition>, TextError> {
        self.may(operation, Resource::Topic(name.as_str()))?;
        let topic = core.topic(name.as_str()).ok_or_else(|| unknown(core, name))?;
        topic.partition(index.0).map(Arc::clone).ok_or_else(|| no_partition(name, index, topic.partitions.len()))
    }
}

/// Where to begin, checked against what the partition holds.
fn resolve(partition: &Partition, from: OffsetSpec) -> Result<Offset, TextError> {
    let log = partition.log().map_err(|error| TextError::kafka(error.error_code(), error.to_string()))?;
    let (low, high) = (log.log_start(), partition.last_stable_offset());
    match from {
        OffsetSpec::Earliest => Ok(low),
        OffsetSpec::Latest => Ok(high),
        OffsetSpec::BeforeEnd(count) => Ok(Offset(high.0.saturating_sub(count)).max(low)),
        OffsetSpec::At(offset) if (low..=high).contains(&offset) => Ok(offset),
        OffsetSpec::At(offset) => {
            Err(TextError::kafka(ErrorCode::OffsetOutOfRange, format!("{offset} is outside {low}..{high}")))
        }
        OffsetSpec::Time(time) => match log.find_time(time, high) {
            Ok(hit) => Ok(hit.map_or(high, |hit| hit.offset)),
            Err(error) => Err(TextError::kafka(error.error_code(), error.to_string())),
        },
        OffsetSpec::Stored => {
            Err(TextError::wrong_arguments("\"stored\" needs a group; COMMITTED <group> shows what it stored"))
        }
    }
}

fn unknown(core: &Core, name: &TopicName) -> TextError {
    TextError::unknown_topic(name.as_str(), core.topics().nearest(name.as_str()))
}

fn topic_error(core: &Core, name: &TopicName, error: &TopicError) -> TextError {
    match error {
        TopicError::Unknown(_) => unknown(core, name),
        other => TextError::kafka(other.error_code(), other.to_string()),
    }
}

fn no_partition(name: &TopicName, index: PartitionId, count: usize) -> TextError {
    let sentence = format!("{name} has no partition {index}; it has {count}, counted from 0");
    TextError::kafka(ErrorCode::UnknownTopicOrPartition, sentence)
}

fn commit_refused(group: &str, code: ErrorCode) -> TextError {
    match code {
        ErrorCode::UnknownMemberId => {
            let sentence = format!("group {group:?} has members, and only they commit for it");
            TextError::kafka(code, sentence).hint("stop them first; GROUPS shows how many there are")
        }
        code => TextError::kafka(code, format!("the offset of group {group:?} can't be kept")),
    }
}

fn internal(name: &TopicName) -> TextError {
    TextError::kafka(ErrorCode::InvalidTopicException, format!("{name} is the broker's own and can't be written"))
}

fn unsafe_write(partition: &Partition) -> TextError {
    if partition.is_deleted() {
        let sentence = format!("{} was deleted meanwhile", partition.name().topic);
        return TextError::kafka(ErrorCode::UnknownTopicOrPartition, sentence);
    }
    let sentence = format!("{} could not be made safe on disk, and nothing was kept", partition.name());
    TextError::kafka(ErrorCode::KafkaStorageError, sentence).hint("send it again")
}
