//! Where partitions start, end, and have a time; and what a person's `-o` comes to for each partition.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Isolation;
use crate::base::{ErrorCode, Offset, OffsetSpec, PartitionId, TopicName, TopicPartition};
use crate::client::{ClientError, Cluster, Node};
use crate::protocol::kafka::api::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};

/// Times that mean places.
const AT_END: i64 = -1;
const AT_START: i64 = -2;

const TIMEOUT_MS: i32 = 30_000;
/// A partition may be between two leaders for a while.
const PATIENCE: Duration = Duration::from_secs(30);

/// The first and the last offset that a reader can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub start: Offset,
    /// Behind the last record that may be read now.
    pub end: Offset,
}

/// Start and end of each of these partitions, as they are now.
pub fn bounds(
    cluster: &mut Cluster,
    partitions: &[TopicPartition],
    isolation: Isolation,
) -> Result<Vec<Bounds>, ClientError> {
    // The start first: should retention move it meanwhile, the end is still not before it.
    let starts = list(cluster, partitions, AT_START, isolation)?;
    let ends = list(cluster, partitions, AT_END, isolation)?;
    let bounds = starts.into_iter().zip(ends).map(|(start, end)| {
        let start = Offset(start.unwrap_or(0));
        Bounds { start, end: Offset(end.unwrap_or(0)).max(start) }
    });
    Ok(bounds.collect())
}

/// What `spec` comes to for each partition. `stored` is what a group committed, if it did; where it did not,
/// [`OffsetSpec::Stored`] is the start.
pub fn resolve(
    cluster: &mut Cluster,
    partitions: &[TopicPartition],
    bounds: &[Bounds],
    stored: &[Option<Offset>],
    spec: OffsetSpec,
    isolation: Isolation,
) -> Result<Vec<Offset>, ClientError> {
    let by_time = match spec {
        OffsetSpec::Time(timestamp) => list(cluster, partitions, timestamp, isolation)?,
        _ => vec![None; partitions.len()],
    };
    let places = bounds.iter().zip(by_time).enumerate().map(|(i, (bounds, by_time))| match spec {
        OffsetSpec::Earliest => bounds.start,
        OffsetSpec::Latest => bounds.end,
        OffsetSpec::Stored => stored.get(i).copied().flatten().unwrap_or(bounds.start),
        OffsetSpec::At(offset) => offset,
        OffsetSpec::BeforeEnd(count) => Offset(bounds.end.0.saturating_sub(count)).max(bounds.start),
        // No record is that late: the end.
        OffsetSpec::Time(_) => by_time.map_or(bounds.end, Offset),
    });
    Ok(places.collect())
}

/// Asks each partition's leader for the first offset at or after a time, or for a place; `None`: there is none.
fn list(
    cluster: &mut Cluster,
    partitions: &[TopicPartition],
    timestamp: i64,
    isolation: Isolation,
) -> Result<Vec<Option<i64>>, ClientError> {
    let mut found: Vec<Option<Option<i64>>> = vec![None; partitions.len()];
    let mut is_stale = false;
    cluster.with_retries(Instant::now() + PATIENCE, |cluster| {
        if std::mem::replace(&mut is_stale, true) {
            let mut topics: Vec<TopicName> = partitions.iter().map(|p| p.topic.clone()).collect();
            topics.dedup();
            cluster.refresh(&topics)?;
        }
        let mut by_leader: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
        for (i, place) in partitions.iter().enumerate().filter(|(i, _)| found[*i].is_none()) {
            let leader = cluster.metadata().leader(place.topic.as_str(), place.partition);
            let leader = leader.ok_or_else(|| refused(place, ErrorCode::LeaderNotAvailable))?;
            by_leader.entry(leader).or_default().push(i);
        }
        for (leader, indices) in by_leader {
            let request = request(indices.iter().map(|i| &partitions[*i]), timestamp, isolation);
            let answer = cluster.call(Node::Broker(leader), &request)?;
            for (topic, partition) in answer.topics.iter().flat_map(|t| t.partitions.iter().map(move |p| (t, p))) {
                let is_asked = |i: &&usize| {
                    let place = &partitions[**i];
                    place.topic.as_str() == topic.name && place.partition.0 == partition.partition_index
                };
                let Some(index) = indices.iter().find(is_asked) else { continue };
                match ErrorCode::from_code(partition.error_code) {
                    ErrorCode::None => found[*index] = Some(Some(partition.offset).filter(|offset| *offset >= 0)),
                    code => return Err(refused(&partitions[*index], code)),
                }
            }
        }
        match found.iter().position(Option::is_none) {
            None => Ok(()),
            Some(missing) => Err(refused(&partitions[missing], ErrorCode::OffsetNotAvailable)),
        }
    })?;
    Ok(found.into_iter().map(Option::flatten).collect())
}

fn request<'a>(
    partitions: impl Iterator<Item = &'a TopicPartition>,
    timestamp: i64,
    isolation: Isolation,
) -> ListOffsetsRequest {
    let mut topics: Vec<ListOffsetsTopic> = Vec::new();
    for TopicPartition { topic, partition: PartitionId(partition_index) } in partitions {
        let asked = ListOffsetsPartition { partition_index: *partition_index, timestamp, ..Default::default() };
        match topics.last_mut() {
            Some(last) if last.name == topic.as_str() => last.partitions.push(asked),
            _ => topics.push(ListOffsetsTopic { name: topic.to_string(), partitions: vec![asked] }),
        }
    }
    let isolation_level = isolation.level();
    ListOffsetsRequest { replica_id: -1, isolation_level, topics, timeout_ms: TIMEOUT_MS }
}

fn refused(place: &TopicPartition, code: ErrorCode) -> ClientError {
    ClientError::Refused { what: format!("asking for the offsets of {place}"), code, message: None }
}
