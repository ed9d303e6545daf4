//! OffsetCommit: keeps how far a group has read; answers when that is safe.
//!
//! Groups have no members here, only commits: a commit with a generation is of a member that does not exist
//! (Kafka's simple consumer commits with generation -1).

use super::{Answer, Context, Envelope};
use crate::base::{ErrorCode, Now, Offset, PartitionId, TopicPartition};
use crate::broker::answer::Pending;
use crate::broker::caller::{Operation, Resource, authorize};
use crate::broker::commits::CommitUnderWay;
use crate::broker::core::Core;
use crate::broker::offsets::OffsetValue;
use crate::broker::partition::Kept;
use crate::broker::waiting::Subscription;
use crate::protocol::kafka::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};

/// Since 9 a group that is not there is told from one that has moved on (KIP-848).
const GROUP_ERRORS_SINCE: i16 = 9;
/// Since 10 topics are named by id.
const IDS_SINCE: i16 = 10;

/// A commit is not worth waiting longer for than a client waits for its answer (Kafka: offsets.commit.timeout.ms).
const TIMEOUT_MS: i64 = 5000;

pub fn handle(context: Context<'_>, request: OffsetCommitRequest) -> Answer {
    let refusal = refuse_group(context, &request);
    let mut commits = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let OffsetCommitRequestTopic { name, topic_id, partitions } = topic;
        let answers = partitions.into_iter().map(|partition| {
            let index = partition.partition_index;
            let verdict = match refusal {
                Some(code) => Err(code),
                None => check(context, &name, topic_id, partition),
            };
            let error_code = match verdict {
                Ok(commit) => {
                    commits.push(commit);
                    ErrorCode::None
                }
                Err(code) => code,
            };
            OffsetCommitResponsePartition { partition_index: index, error_code: error_code.code() }
        });
        let partitions = answers.collect();
        topics.push(OffsetCommitResponseTopic { name, topic_id, partitions });
    }
    let mut response = OffsetCommitResponse { topics, ..Default::default() };
    if commits.is_empty() {
        return context.envelope.reply(&response);
    }
    let under_way = match context.core.begin_commit(&request.group_id, commits, context.now) {
        Ok(under_way) => under_way,
        Err(code) => {
            fail(&mut response, code);
            return context.envelope.reply(&response);
        }
    };
    let subscription = under_way.partition.subscribe(&context.caller.waker);
    context.core.flusher().want(&under_way.partition);
    Answer::Wait(Box::new(WaitingCommit {
        envelope: context.envelope,
        response,
        under_way: Some(under_way),
        deadline_ms: context.now.mono_ms + TIMEOUT_MS,
        _subscription: subscription,
    }))
}

fn refuse_group(context: Context<'_>, request: &OffsetCommitRequest) -> Option<ErrorCode> {
    if request.group_id.is_empty() {
        return Some(ErrorCode::InvalidGroupId);
    }
    if !authorize(context.caller, Operation::Read, Resource::Group(&request.group_id)) {
        return Some(ErrorCode::GroupAuthorizationFailed);
    }
    if request.generation_id_or_member_epoch >= 0 || !request.member_id.is_empty() {
        let without_group =
            context.envelope.version >= GROUP_ERRORS_SINCE && context.core.committed(&request.group_id).is_empty();
        return Some(match without_group {
            true => ErrorCode::GroupIdNotFound,
            false if request.generation_id_or_member_epoch >= 0 => ErrorCode::IllegalGeneration,
            false => ErrorCode::UnknownMemberId,
        });
    }
    None
}

fn check(
    context: Context<'_>,
    name: &str,
    topic_id: crate::base::Uuid,
    asked: OffsetCommitRequestPartition,
) -> Result<(TopicPartition, OffsetValue), ErrorCode> {
    let topics = context.core.topics();
    let topic = if context.envelope.version >= IDS_SINCE {
        topics.by_id(topic_id).ok_or(ErrorCode::UnknownTopicId)?
    } else {
        topics.get(name).ok_or(ErrorCode::UnknownTopicOrPartition)?
    };
    if !authorize(context.caller, Operation::Read, Resource::Topic(topic.name.as_str())) {
        return Err(ErrorCode::TopicAuthorizationFailed);
    }
    topic.partition(asked.partition_index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let metadata = asked.committed_metadata.unwrap_or_default();
    if metadata.len() > context.core.config().offsets.metadata_bytes_max {
        return Err(ErrorCode::OffsetMetadataTooLarge);
    }
    if asked.committed_offset < 0 {
        return Err(ErrorCode::InvalidCommitOffsetSize);
    }
    let value = OffsetValue {
        offset: Offset(asked.committed_offset),
        leader_epoch: asked.committed_leader_epoch,
        metadata,
        committed_at: context.now.wall_ms,
    };
    let partition = PartitionId(asked.partition_index);
    Ok((TopicPartition { topic: topic.name.clone(), partition }, value))
}

fn fail(response: &mut OffsetCommitResponse, code: ErrorCode) {
    for partition in response.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
        if partition.error_code == ErrorCode::None.code() {
            partition.error_code = code.code();
        }
    }
}

struct WaitingCommit {
    envelope: Envelope,
    response: OffsetCommitResponse,
    /// Gone once it counts, or never will.
    under_way: Option<CommitUnderWay>,
    deadline_ms: i64,
    _subscription: Subscription,
}

impl Pending for WaitingCommit {
    fn look(&mut self, core: &Core, now: Now, last: bool) -> Option<Answer> {
        let Some(mut under_way) = self.under_way.take() else {
            return Some(self.envelope.reply(&self.response));
        };
        match under_way.partition.kept(&under_way.promise) {
            Kept::Yes => core.finish_commit(&mut under_way),
            Kept::Never => fail(&mut self.response, ErrorCode::CoordinatorNotAvailable),
            Kept::NotYet if last || now.mono_ms >= self.deadline_ms => {
                // It is in the log, and counts once it is safe, whatever the client is told.
                core.leave_commit(under_way);
                fail(&mut self.response, ErrorCode::RequestTimedOut);
            }
            Kept::NotYet => {
                core.flusher().want(&under_way.partition);
                self.under_way = Some(under_way);
                return None;
            }
        }
        Some(self.envelope.reply(&self.response))
    }

    fn deadline_ms(&self) -> i64 {
        self.deadline_ms
    }

    fn wants_flush(&self) -> bool {
        true
    }
}
