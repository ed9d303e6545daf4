//! A member as the group's leader sees it: what it wants to read, and what it says it has.

use std::collections::BTreeSet;

use crate::base::{PartitionId, TopicName, TopicPartition};
use crate::protocol::kafka::api::join_group::JoinGroupResponseMember;
use crate::protocol::kafka::consumer_protocol::{ConsumerProtocolSubscription, TopicPartitions};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subscriber {
    pub(super) id: String,
    /// Of a static member (KIP-345).
    pub(super) instance: Option<String>,
    pub(super) topics: BTreeSet<TopicName>,
    /// What it goes on reading while the group rebalances (KIP-429), and the generation it got that in (KIP-792).
    pub(super) owned: BTreeSet<TopicPartition>,
    pub(super) generation: i32,
}

impl Subscriber {
    /// What a member said in its JoinGroup. Words that can't be read want nothing: it gets no partition, as long as
    /// it does not say what it wants.
    pub(super) fn read(member: &JoinGroupResponseMember) -> Subscriber {
        let said = ConsumerProtocolSubscription::from_bytes(member.metadata.clone()).unwrap_or_default();
        Subscriber {
            id: member.member_id.clone(),
            instance: member.group_instance_id.clone(),
            topics: said.topics.iter().filter_map(|topic| TopicName::new(topic).ok()).collect(),
            generation: generation(&said),
            owned: places(said.owned_partitions),
        }
    }
}

/// Before version 2 the generation stood in the user data of Java's CooperativeStickyAssignor.
fn generation(said: &ConsumerProtocolSubscription) -> i32 {
    let in_user_data = said.user_data.as_ref().and_then(|bytes| bytes.first_chunk::<4>().copied());
    if said.generation_id >= 0 { said.generation_id } else { in_user_data.map_or(-1, i32::from_be_bytes) }
}

pub(super) fn places(topics: Vec<TopicPartitions>) -> BTreeSet<TopicPartition> {
    let of = |topic: TopicPartitions| {
        let name = TopicName::new(&topic.topic).ok();
        name.into_iter().flat_map(move |name| {
            let place = move |partition: i32| TopicPartition { topic: name.clone(), partition: PartitionId(partition) };
            topic.partitions.clone().into_iter().filter(|partition| *partition >= 0).map(place)
        })
    };
    topics.into_iter().flat_map(of).collect()
}

/// By topic, in order, as Java writes them.
pub(super) fn by_topic(places: &BTreeSet<TopicPartition>) -> Vec<TopicPartitions> {
    let mut topics: Vec<TopicPartitions> = Vec::new();
    for place in places {
        match topics.last_mut() {
            Some(last) if last.topic == place.topic.as_str() => last.partitions.push(place.partition.0),
            _ => topics.push(TopicPartitions { topic: place.topic.to_string(), partitions: vec![place.partition.0] }),
        }
    }
    topics
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn member(metadata: impl Into<Bytes>) -> JoinGroupResponseMember {
        JoinGroupResponseMember { member_id: "m".to_owned(), metadata: metadata.into(), ..Default::default() }
    }

    #[test]
    fn what_cannot_be_read_wants_nothing() {
        for nonsense in [&b""[..], b"\0", b"\0\x03\x7f\xff\xff\xff", b"\xff\xff"] {
            let read = Subscriber::read(&member(nonsense.to_vec()));
            assert!(read.topics.is_empty() && read.owned.is_empty(), "{nonsense:?}");
        }
        // A name that no topic can have, and a partition that none has.
        let said = ConsumerProtocolSubscription {
            topics: vec!["a/b".to_owned(), "T".to_owned()],
            owned_partitions: vec![TopicPartitions { topic: "T".to_owned(), partitions: vec![-1, 1] }],
            ..Default::default()
        };
        let read = Subscriber::read(&member(said.to_bytes(3)));
        assert_eq!((read.topics.len(), read.owned.len(), read.generation), (1, 1, -1));
    }

    #[test]
    fn the_generation_is_found_where_older_java_clients_put_it() {
        let user_data = Some(Bytes::from_static(&[0, 0, 0, 7]));
        let said = ConsumerProtocolSubscription { user_data, ..Default::default() };
        assert_eq!(Subscriber::read(&member(said.to_bytes(1))).generation, 7);
        let newer = ConsumerProtocolSubscription { generation_id: 9, ..said };
        assert_eq!(Subscriber::read(&member(newer.to_bytes(2))).generation, 9);
    }
}
