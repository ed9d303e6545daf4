//! A consumer, begun at the start or at the end of the topic.

use crate::base::TopicPartition;
use crate::client::consumer::{Bounds, bounds};
use crate::client::{ClientError, Consumer};

use super::ground::Ground;

/// Where the reading begins, and whether it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stretch {
    /// From the first record to the end as it is now.
    Whole,
    /// What comes from now on.
    ToCome,
}

/// A consumer of all partitions, and how many offsets it has before it.
pub(super) fn open(ground: &Ground, stretch: Stretch) -> Result<(Consumer, u64), ClientError> {
    let (mut cluster, topic) = ground.connect_to_topic()?;
    let places: Vec<TopicPartition> = ground.places(&topic);
    let bounds = bounds(&mut cluster, &places, ground.consumer.isolation)?;
    let mut consumer = Consumer::new(cluster, ground.consumer.clone());
    let mut offsets = 0;
    for (place, Bounds { start, end }) in places.iter().zip(bounds) {
        match stretch {
            Stretch::Whole => {
                offsets += u64::try_from(end.since(start)).unwrap_or(0);
                consumer.assign(place, start, Some(end));
            }
            Stretch::ToCome => consumer.assign(place, end, None),
        }
    }
    Ok((consumer, offsets))
}
