//! ListOffsets: the offset at a time or at an end of the log (Kafka's Partition.fetchOffsetForTimestamp).

use std::collections::HashSet;

use super::{Context, check_leader_epoch};
use crate::base::{ErrorCode, Offset};
use crate::broker::caller::{Operation, Resource, authorize};
use crate::broker::partition::Partition;
use crate::protocol::kafka::api::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};

/// Times that mean a place (Kafka's ListOffsetsRequest), and since when. The local log is the whole log here, so -4 is
/// -2, and what was never moved to other storage (-5, -6) has no offset.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const MAX_TIMESTAMP_SINCE: i16 = 7;
const EARLIEST_LOCAL: i64 = -4;
const EARLIEST_LOCAL_SINCE: i16 = 8;
const LATEST_TIERED: i64 = -5;
const LATEST_TIERED_SINCE: i16 = 9;
const EARLIEST_PENDING_UPLOAD: i64 = -6;
const EARLIEST_PENDING_UPLOAD_SINCE: i16 = 11;

/// The replica id of everybody who is no broker. Others (a follower, a tool that debugs) look up to the log's end.
const CONSUMER: i32 = -1;

/// What of a request matters to each partition.
struct Asker {
    version: i16,
    replica_id: i32,
    committed_only: bool,
}

pub fn handle(context: Context<'_>, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let asker = Asker {
        version: context.envelope.version,
        replica_id: request.replica_id,
        committed_only: request.isolation_level == 1,
    };
    let mut seen = HashSet::new();
    let mut twice = HashSet::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            let named = (topic.name.as_str(), partition.partition_index);
            if !seen.insert(named) {
                twice.insert(named);
            }
        }
    }
    let topics = request.topics.iter().map(|asked| {
        let topic = context.core.topic(&asked.name);
        let allowed = authorize(context.caller, Operation::Describe, Resource::Topic(&asked.name));
        let partitions = asked.partitions.iter().map(|place| {
            let partition = topic.as_ref().and_then(|topic| topic.partition(place.partition_index));
            let found = match partition {
                _ if !allowed => Err(ErrorCode::TopicAuthorizationFailed),
                _ if twice.contains(&(asked.name.as_str(), place.partition_index)) => Err(ErrorCode::InvalidRequest),
                _ if !asker.knows(place.timestamp) => Err(ErrorCode::UnsupportedVersion),
                Some(partition) => asker.find(partition, place),
                None => Err(ErrorCode::UnknownTopicOrPartition),
            };
            let partition_index = place.partition_index;
            match found {
                Ok(found) => ListOffsetsPartitionResponse { partition_index, ..found },
                Err(code) => {
                    ListOffsetsPartitionResponse { partition_index, error_code: code.code(), ..Default::default() }
                }
            }
        });
        ListOffsetsTopicResponse { partitions: partitions.collect(), name: asked.name.clone() }
    });
    ListOffsetsResponse { topics: topics.collect(), ..Default::default() }
}

impl Asker {
    /// Whether the version has this time, if it is one that means a place.
    fn knows(&self, timestamp: i64) -> bool {
        let since = match timestamp {
            0.. | LATEST | EARLIEST => i16::MIN,
            MAX_TIMESTAMP => MAX_TIMESTAMP_SINCE,
            EARLIEST_LOCAL => EARLIEST_LOCAL_SINCE,
            LATEST_TIERED => LATEST_TIERED_SINCE,
            EARLIEST_PENDING_UPLOAD => EARLIEST_PENDING_UPLOAD_SINCE,
            _ => return false,
        };
        self.version >= since
    }

    fn find(
        &self,
        partition: &Partition,
        asked: &ListOffsetsPartition,
    ) -> Result<ListOffsetsPartitionResponse, ErrorCode> {
        if partition.is_deleted() {
            return Err(ErrorCode::UnknownTopicOrPartition);
        }
        let verdict = check_leader_epoch(asked.current_leader_epoch, partition.leader_epoch());
        if verdict.is_error() {
            return Err(verdict);
        }
        let log = partition.log().map_err(|error| error.error_code())?;
        let upper = match self.replica_id {
            CONSUMER if self.committed_only => partition.last_stable_offset(),
            CONSUMER => partition.high_watermark(),
            _ => log.log_end(),
        };
        let at = |offset: Offset| ListOffsetsPartitionResponse {
            offset: offset.0,
            leader_epoch: log.epoch_at(offset).map_or(-1, |epoch| epoch.0),
            ..Default::default()
        };
        let hit = match asked.timestamp {
            LATEST => {
                let leader_epoch = partition.leader_epoch().0;
                return Ok(ListOffsetsPartitionResponse { leader_epoch, ..at(upper) });
            }
            EARLIEST | EARLIEST_LOCAL => return Ok(at(log.log_start())),
            LATEST_TIERED | EARLIEST_PENDING_UPLOAD => return Ok(ListOffsetsPartitionResponse::default()),
            MAX_TIMESTAMP => log.max_timestamp(upper),
            time => log.find_time(time, upper),
        };
        // No record that young is no error: offset and timestamp -1.
        let hit = hit.map_err(|error| error.error_code())?;
        Ok(hit.map_or_else(Default::default, |hit| ListOffsetsPartitionResponse {
            timestamp: hit.timestamp,
            offset: hit.offset.0,
            leader_epoch: hit.leader_epoch.0,
            ..Default::default()
        }))
    }
}
