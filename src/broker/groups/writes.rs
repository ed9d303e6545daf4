//! Records of groups on their way into `__consumer_offsets`, and whoever waits for them to be safe.

use std::sync::Arc;

use super::classic::Then;
use super::conversion::Made;
use super::group::Group;
use super::offsets::partition_for_group;
use super::records::{Encoded, OffsetValue};
use crate::base::{ErrorCode, Now, PartitionId, TopicName, TopicPartition};
use crate::broker::core::Core;
use crate::broker::partition::{Kept, Partition, Promise};
use crate::broker::topics::{NewTopic, Topic};
use crate::broker::waiting::{Subscription, Waker};
use crate::config::TopicOverrides;
use crate::log::AppendError;
use crate::record::{BatchBuilder, Codec, ProducerStamp, ValidBatch};

pub(super) const OFFSETS_TOPIC: &str = "__consumer_offsets";
/// Whatever the reason is, and however it changes while the disk fails: one line says it.
const NOT_KEPT: &str = "not kept";

/// What becomes true of a group when a write is safe.
#[derive(Debug)]
pub(super) enum Change {
    /// A commit; without a value it is forgotten.
    Offset(TopicPartition, Option<OffsetValue>),
    /// The state machine is told.
    Classic(Then),
    /// It is true already; here is how to take it back.
    Consumer(Made),
    /// Nothing of the group is left in the log.
    Deleted,
}

/// A batch that was appended: in the log, and not yet known to be safe.
pub(super) struct UnderWay {
    pub partition: Arc<Partition>,
    pub promise: Promise,
    pub changes: Vec<Change>,
}

/// A write, for whoever answers when it is safe.
pub struct Pledge {
    group: Arc<Group>,
    partition: Arc<Partition>,
    promise: Promise,
}

impl Pledge {
    pub(super) fn new(group: &Arc<Group>, write: &UnderWay) -> Pledge {
        Pledge { group: Arc::clone(group), partition: Arc::clone(&write.partition), promise: write.promise }
    }

    /// Asks for the flush that the caller is going to run or to wait for.
    pub fn subscribe(&self, core: &Core, waker: &Arc<dyn Waker>) -> Subscription {
        let subscription = self.partition.subscribe(waker);
        core.flusher().want(&self.partition);
        subscription
    }

    /// How it stands. Once it is decided, it has had its effect on the group.
    pub fn look(&self, core: &Core, now: Now) -> Kept {
        let kept = self.partition.kept(&self.promise);
        match kept {
            Kept::NotYet => core.flusher().want(&self.partition),
            Kept::Yes | Kept::Never => self.group.settle(core, now),
        }
        kept
    }

    pub fn partition(&self) -> &Arc<Partition> {
        &self.partition
    }

    /// Nobody waits for it any more. It takes effect all the same, as soon as it is safe.
    pub fn abandon(self, core: &Core) {
        core.groups().timers().watch(&self.group, &self.partition);
        core.flusher().soon(&self.partition);
    }
}

/// Appends records of one group, as one batch.
pub(super) fn append(
    core: &Core,
    group: &str,
    records: &[Encoded],
    now: Now,
) -> Result<(Arc<Partition>, Promise), ErrorCode> {
    let topic = offsets_topic(core)?;
    let index = partition_for_group(group, topic.partitions.len() as i32);
    let partition = topic.partition(index.0).ok_or(ErrorCode::CoordinatorNotAvailable)?;
    let mut builder = BatchBuilder::new(Codec::None);
    for (key, value) in records {
        builder.append(now.wall_ms, Some(key), value.as_deref(), &[]);
    }
    let bytes = builder.finish(ProducerStamp::NONE).map_err(|_| ErrorCode::UnknownServerError)?;
    let batch = ValidBatch::built_here(&bytes).map_err(|_| ErrorCode::UnknownServerError)?;
    let complaints = &core.groups().complaints;
    let appended = core.reserve().append(partition, &batch, now).map_err(|error| {
        // On a full disk every member comes again and again; what is wrong with one group's records is its own matter.
        let is_news = match &error {
            AppendError::Storage(_) => complaints.failed(partition.name(), NOT_KEPT),
            _ => true,
        };
        if is_news {
            ::log::error!("{}: records of group {group:?} can't be kept: {error}", partition.name());
        }
        for_members(error.error_code())
    })?;
    complaints.worked(partition.name());
    Ok((Arc::clone(partition), partition.promise(&appended)))
}

/// What members are told of a failed append, so that they do the right thing: try again (Kafka's
/// `appendGroupMetadataErrorToResponseError`).
fn for_members(code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge => ErrorCode::UnknownServerError,
        _ => ErrorCode::CoordinatorNotAvailable,
    }
}

/// The topic; the first commit makes it, on a full disk as well.
fn offsets_topic(core: &Core) -> Result<Arc<Topic>, ErrorCode> {
    if let Some(topic) = core.topic(OFFSETS_TOPIC) {
        return Ok(topic);
    }
    let name = TopicName::new(OFFSETS_TOPIC).expect("Kafka's own name is valid");
    let partitions = Some(core.config().offsets.partitions);
    let new = NewTopic { partitions, replicas: None, overrides: TopicOverrides::default() };
    let made = match core.reserve().spend_common_on(|| core.create_topic(&name, &new)) {
        Err(error) if error.error_code() == ErrorCode::TopicAlreadyExists => core.topic(OFFSETS_TOPIC).ok_or(error),
        other => other,
    };
    let complaints = &core.groups().complaints;
    let first = TopicPartition { topic: name, partition: PartitionId(0) };
    made.inspect(|_| complaints.worked(&first)).map_err(|error| {
        if complaints.failed(&first, NOT_KEPT) {
            ::log::error!("the topic {OFFSETS_TOPIC} can't be made: {error}");
        }
        ErrorCode::CoordinatorNotAvailable
    })
}
