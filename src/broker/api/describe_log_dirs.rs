//! DescribeLogDirs: what each partition takes on disk, and how much room there is (KIP-113, KIP-827).

use std::collections::BTreeSet;

use super::Context;
use crate::base::ErrorCode;
use crate::broker::caller::{Operation, Resource, authorize};
use crate::broker::topics::Topic;
use crate::protocol::kafka::api::describe_log_dirs::{
    DescribableLogDirTopic, DescribeLogDirsPartition, DescribeLogDirsRequest, DescribeLogDirsResponse,
    DescribeLogDirsResult, DescribeLogDirsTopic,
};

pub fn handle(context: Context<'_>, request: DescribeLogDirsRequest) -> DescribeLogDirsResponse {
    if !authorize(context.caller, Operation::Describe, Resource::Cluster) {
        let error_code = ErrorCode::ClusterAuthorizationFailed.code();
        return DescribeLogDirsResponse { error_code, ..Default::default() };
    }
    let topics = context.core.topics();
    let topics: Vec<_> = topics.iter().filter_map(|topic| describe(topic, request.topics.as_deref())).collect();
    let data = context.core.data();
    let space = data.disk().space(data.path());
    let bytes = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let result = DescribeLogDirsResult {
        error_code: ErrorCode::None.code(),
        log_dir: data.announced_path(),
        topics,
        // -1 says "not known" (KIP-827).
        total_bytes: space.as_ref().map_or(-1, |space| bytes(space.total)),
        usable_bytes: space.as_ref().map_or(-1, |space| bytes(space.usable)),
        ..Default::default()
    };
    DescribeLogDirsResponse { results: vec![result], ..Default::default() }
}

/// The partitions that were asked for; null asks for all.
fn describe(topic: &Topic, asked: Option<&[DescribableLogDirTopic]>) -> Option<DescribeLogDirsTopic> {
    let wanted: Option<BTreeSet<i32>> = match asked {
        None => None,
        Some(asked) => {
            let named = asked.iter().filter(|asked| asked.topic == topic.name.as_str());
            Some(named.flat_map(|asked| asked.partitions.iter().copied()).collect())
        }
    };
    let partitions: Vec<_> = topic
        .partitions
        .iter()
        .map(|partition| (partition.name().partition.0, partition))
        .filter(|(index, _)| wanted.as_ref().is_none_or(|wanted| wanted.contains(index)))
        // Of one that is offline nobody knows the size.
        .filter_map(|(partition_index, partition)| Some((partition_index, partition.online()?)))
        .map(|(partition_index, log)| DescribeLogDirsPartition {
            partition_index,
            partition_size: log.size_bytes() as i64,
            // Lag is what a replica that is being moved has still to copy.
            offset_lag: 0,
            is_future_key: false,
        })
        .collect();
    (!partitions.is_empty()).then(|| DescribeLogDirsTopic { name: topic.name.to_string(), partitions })
}
