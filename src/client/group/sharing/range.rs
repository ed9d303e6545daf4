//! Each topic's partitions in stretches, one for each subscriber, the first ones longer by one where it does not come
//! out even (Kafka's class RangeAssignor).

use std::collections::BTreeSet;

use super::{Counts, subscribers};
use crate::base::{PartitionId, TopicPartition};
use crate::client::group::subscriber::Subscriber;

pub(super) fn share(members: &[Subscriber], counts: &Counts) -> Vec<BTreeSet<TopicPartition>> {
    let mut shares = vec![BTreeSet::new(); members.len()];
    for (topic, mut takers) in subscribers(members, counts) {
        // Static members first, by their own names, so that they find their stretch again after a restart.
        takers.sort_by_key(|i| (members[*i].instance.is_none(), &members[*i].instance, &members[*i].id));
        let count = counts[topic];
        let Ok(among) = i32::try_from(takers.len()) else { continue };
        let mut next = 0;
        for (i, taker) in (0..among).zip(takers) {
            let length = count / among + i32::from(i < count % among);
            let place = |partition| TopicPartition { topic: topic.clone(), partition: PartitionId(partition) };
            shares[taker].extend((next..next + length).map(place));
            next += length;
        }
    }
    shares
}
