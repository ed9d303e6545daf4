//! The commands that list: TOPICS, OFFSETS, COMMITTED, GROUPS.

use std::sync::Arc;

use super::{TextSession, unknown};
use crate::base::{TopicName, TopicPartition};
use crate::broker::caller::{Caller, Operation, Resource, authorize};
use crate::broker::core::Core;
use crate::broker::partition::Partition;
use crate::log::LogError;
use crate::protocol::text::{TextError, reply};

/// Every topic has one replica on one broker.
const REPLICAS: usize = 1;

pub fn topics(core: &Core, caller: &Caller, out: &mut Vec<u8>) {
    let topics = core.topics();
    let shown = topics.iter().filter(|topic| {
        !topic.name.is_internal() && authorize(caller, Operation::Describe, Resource::Topic(topic.name.as_str()))
    });
    let mut count = 0;
    for topic in shown {
        reply::topic(out, &topic.name, topic.partitions.len(), REPLICAS);
        count += 1;
    }
    reply::counted(out, count);
}

pub fn offsets(core: &Core, session: &TextSession, name: &TopicName, out: &mut Vec<u8>) -> Result<(), TextError> {
    session.may(Operation::Describe, Resource::Topic(name.as_str()))?;
    let topic = core.topic(name.as_str()).ok_or_else(|| unknown(core, name))?;
    let place = |partition: &Arc<Partition>| Ok((partition.log()?.log_start(), partition.high_watermark()));
    let places = topic.partitions.iter().map(place).collect::<Result<Vec<_>, LogError>>();
    let places = places.map_err(|error| TextError::kafka(error.error_code(), error.to_string()))?;
    for (partition, (low, high)) in topic.partitions.iter().zip(places) {
        reply::partition(out, partition.name().partition, low, high, Some(core.broker_id()));
    }
    reply::counted(out, topic.partitions.len());
    Ok(())
}

pub fn committed(
    core: &Core,
    session: &TextSession,
    group: &str,
    only: Option<&TopicName>,
    out: &mut Vec<u8>,
) -> Result<(), TextError> {
    session.may(Operation::Describe, Resource::Group(group))?;
    if let Some(name) = only
        && core.topic(name.as_str()).is_none()
    {
        return Err(unknown(core, name));
    }
    let readable = core.groups().check_read(core, group);
    readable.map_err(|code| TextError::kafka(code, format!("group {group:?} can't be read from disk yet")))?;
    let mut count = 0;
    for (TopicPartition { topic, partition }, committed) in &*core.groups().committed(core, group, core.now()) {
        if only.is_some_and(|only| only != topic) {
            continue;
        }
        let found = core.topic(topic.as_str());
        let high = found.as_ref().and_then(|topic| topic.partition(partition.0)).map(|p| p.high_watermark());
        reply::committed(out, topic, *partition, committed.offset, high);
        count += 1;
    }
    reply::counted(out, count);
    Ok(())
}

pub fn groups(core: &Core, caller: &Caller, out: &mut Vec<u8>) {
    let mut count = 0;
    for group in core.groups().views(core, core.now()) {
        if authorize(caller, Operation::Describe, Resource::Group(&group.name)) {
            reply::group(out, &group.name, group.state, group.members);
            count += 1;
        }
    }
    reply::counted(out, count);
}
