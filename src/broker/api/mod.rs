//! One handler file per API, the table of what is served, and the way from a frame to its handler.

mod alter_configs;
mod alter_partition_reassignments;
mod alter_replica_log_dirs;
mod api_versions;
mod assignment;
mod broker_logger;
mod config_resource;
mod consumer_group_describe;
mod consumer_group_heartbeat;
mod create_partitions;
mod create_topics;
mod delete_groups;
mod delete_records;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_producers;
mod describe_quorum;
mod describe_topic_partitions;
mod elect_leaders;
mod features;
mod fetch;
mod fetch_partition;
mod find_coordinator;
mod group_waits;
mod heartbeat;
#[cfg(test)]
mod hostile_tests;
mod incremental_alter_configs;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_config_resources;
mod list_groups;
mod list_offsets;
mod list_partition_reassignments;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod produce;
mod sync_group;
mod update_features;

use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::Bytes;

use super::answer::{Answer, Reply};
use super::caller::Caller;
use super::core::Core;
use crate::base::{ErrorCode, LeaderEpoch, Now};
use crate::protocol::kafka::{ApiKey, DecodeError, Decoder, Message, Request, RequestHeader, response_frame};

/// What this broker serves. An API that is not done is not here, and so not advertised.
const SERVED: &[ApiKey] = &[
    ApiKey::Produce,
    ApiKey::Fetch,
    ApiKey::ListOffsets,
    ApiKey::Metadata,
    ApiKey::OffsetCommit,
    ApiKey::OffsetFetch,
    ApiKey::FindCoordinator,
    ApiKey::JoinGroup,
    ApiKey::Heartbeat,
    ApiKey::LeaveGroup,
    ApiKey::SyncGroup,
    ApiKey::DescribeGroups,
    ApiKey::ListGroups,
    ApiKey::ApiVersions,
    ApiKey::CreateTopics,
    ApiKey::DeleteTopics,
    ApiKey::DeleteRecords,
    ApiKey::InitProducerId,
    ApiKey::OffsetForLeaderEpoch,
    ApiKey::DescribeConfigs,
    ApiKey::CreatePartitions,
    ApiKey::DeleteGroups,
    ApiKey::OffsetDelete,
    ApiKey::IncrementalAlterConfigs,
    ApiKey::DescribeCluster,
    ApiKey::AlterConfigs,
    ApiKey::AlterReplicaLogDirs,
    ApiKey::DescribeLogDirs,
    ApiKey::DescribeProducers,
    ApiKey::ConsumerGroupHeartbeat,
    ApiKey::ConsumerGroupDescribe,
    ApiKey::DescribeTopicPartitions,
    ApiKey::ElectLeaders,
    ApiKey::ListConfigResources,
    ApiKey::ListPartitionReassignments,
    ApiKey::AlterPartitionReassignments,
    ApiKey::DescribeQuorum,
    ApiKey::UpdateFeatures,
];

/// The versions of an API that are served.
fn versions(key: ApiKey) -> RangeInclusive<i16> {
    key.versions()
}

/// What every handler is handed: who asks, of whom, when, and in which version.
#[derive(Clone, Copy)]
struct Context<'a> {
    core: &'a Arc<Core>,
    caller: &'a Caller,
    now: Now,
    envelope: Envelope,
}

/// What a response needs of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Envelope {
    key: ApiKey,
    version: i16,
    correlation_id: i32,
}

impl Envelope {
    fn reply<M: Message>(&self, response: &M) -> Answer {
        Answer::Reply(self.frame(response))
    }

    fn frame<M: Message>(&self, response: &M) -> Reply {
        Reply::from(response_frame(response, self.key, self.version, self.correlation_id, Vec::new()))
    }
}

/// Answers one request frame.
pub fn answer(core: &Arc<Core>, caller: &Caller, frame: Bytes, now: Now) -> Answer {
    let mut input = Decoder::new(frame);
    let header = match RequestHeader::decode(&mut input) {
        Ok(header) => header,
        Err(error) => return Answer::Close(format!("its request header can't be read: {error}")),
    };
    let Some(key) = ApiKey::from_code(header.api_key).filter(|key| SERVED.contains(key)) else {
        return Answer::Close(format!("it asks for API {}, which this broker does not have", header.api_key));
    };
    let envelope = Envelope { key, version: header.api_version, correlation_id: header.correlation_id };
    if !versions(key).contains(&header.api_version) {
        if key == ApiKey::ApiVersions {
            return api_versions::unsupported(envelope);
        }
        return Answer::Close(format!(
            "it asks for {key} version {}, and this broker has {} to {}",
            header.api_version,
            versions(key).start(),
            versions(key).end()
        ));
    }
    let caller = match header.client_id {
        Some(id) if caller.client_id.as_deref() != Some(&id) => {
            &Caller { client_id: Some(id.into()), ..caller.clone() }
        }
        _ => caller,
    };
    let context = Context { core, caller, now, envelope };
    dispatch(context, &mut input)
        .unwrap_or_else(|error| Answer::Close(format!("its {key} request can't be read: {error}")))
}

fn dispatch(context: Context<'_>, input: &mut Decoder) -> Result<Answer, DecodeError> {
    let version = context.envelope.version;
    match context.envelope.key {
        ApiKey::Produce => Ok(produce::handle(context, Message::decode(input, version)?)),
        ApiKey::Fetch => Ok(fetch::handle(context, Message::decode(input, version)?)),
        _ => dispatch_other(context, input),
    }
}

/// Apart, because there is room for each of these requests in its stack frame: a connection that only produces or follows
/// has a page less in memory.
#[inline(never)]
fn dispatch_other(context: Context<'_>, input: &mut Decoder) -> Result<Answer, DecodeError> {
    let envelope = context.envelope;
    // Most APIs answer at once; a few may wait, and say so by giving an Answer themselves.
    fn now<R: Request>(
        context: Context<'_>,
        input: &mut Decoder,
        handle: impl Fn(Context<'_>, R) -> R::Response,
    ) -> Result<Answer, DecodeError> {
        let request = R::decode(input, context.envelope.version)?;
        Ok(context.envelope.reply(&handle(context, request)))
    }
    match envelope.key {
        ApiKey::OffsetCommit => Ok(offset_commit::handle(context, Message::decode(input, envelope.version)?)),
        ApiKey::OffsetFetch => Ok(offset_fetch::handle(context, Message::decode(input, envelope.version)?)),
        ApiKey::JoinGroup => Ok(join_group::handle(context, Message::decode(input, envelope.version)?)),
        ApiKey::SyncGroup => Ok(sync_group::handle(context, Message::decode(input, envelope.version)?)),
        ApiKey::LeaveGroup => Ok(leave_group::handle(context, Message::decode(input, envelope.version)?)),
        ApiKey::DeleteGroups => Ok(delete_groups::handle(context, Message::decode(input, envelope.version)?)),
        ApiKey::OffsetDelete => Ok(offset_delete::handle(context, Message::decode(input, envelope.version)?)),
        ApiKey::ConsumerGroupHeartbeat => {
            Ok(consumer_group_heartbeat::handle(context, Message::decode(input, envelope.version)?))
        }
        ApiKey::ConsumerGroupDescribe => now(context, input, consumer_group_describe::handle),
        ApiKey::Heartbeat => now(context, input, heartbeat::handle),
        ApiKey::DescribeGroups => now(context, input, describe_groups::handle),
        ApiKey::ListGroups => now(context, input, list_groups::handle),
        ApiKey::ListOffsets => now(context, input, list_offsets::handle),
        ApiKey::Metadata => now(context, input, metadata::handle),
        ApiKey::FindCoordinator => now(context, input, find_coordinator::handle),
        ApiKey::ApiVersions => now(context, input, api_versions::handle),
        ApiKey::CreateTopics => now(context, input, create_topics::handle),
        ApiKey::DeleteTopics => now(context, input, delete_topics::handle),
        ApiKey::DeleteRecords => now(context, input, delete_records::handle),
        ApiKey::InitProducerId => now(context, input, init_producer_id::handle),
        ApiKey::OffsetForLeaderEpoch => now(context, input, offset_for_leader_epoch::handle),
        ApiKey::DescribeConfigs => now(context, input, describe_configs::handle),
        ApiKey::CreatePartitions => now(context, input, create_partitions::handle),
        ApiKey::IncrementalAlterConfigs => now(context, input, incremental_alter_configs::handle),
        ApiKey::DescribeCluster => now(context, input, describe_cluster::handle),
        ApiKey::AlterConfigs => now(context, input, alter_configs::handle),
        ApiKey::AlterReplicaLogDirs => now(context, input, alter_replica_log_dirs::handle),
        ApiKey::DescribeLogDirs => now(context, input, describe_log_dirs::handle),
        ApiKey::DescribeProducers => now(context, input, describe_producers::handle),
        ApiKey::DescribeTopicPartitions => now(context, input, describe_topic_partitions::handle),
        ApiKey::ElectLeaders => now(context, input, elect_leaders::handle),
        ApiKey::ListConfigResources => now(context, input, list_config_resources::handle),
        ApiKey::ListPartitionReassignments => now(context, input, list_partition_reassignments::handle),
        ApiKey::AlterPartitionReassignments => now(context, input, alter_partition_reassignments::handle),
        ApiKey::DescribeQuorum => now(context, input, describe_quorum::handle),
        ApiKey::UpdateFeatures => now(context, input, update_features::handle),
        other => Ok(Answer::Close(format!("{other} is not served"))),
    }
}

/// Compares the leader epoch a client believes in with ours (KIP-320); -1 says it has none.
fn check_leader_epoch(theirs: i32, ours: LeaderEpoch) -> ErrorCode {
    if theirs < 0 || theirs == ours.0 {
        ErrorCode::None
    } else if theirs < ours.0 {
        ErrorCode::FencedLeaderEpoch
    } else {
        ErrorCode::UnknownLeaderEpoch
    }
}
