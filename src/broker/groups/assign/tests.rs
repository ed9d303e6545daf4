//! What both assignors promise, for groups of any shape; and the shapes one thinks of first.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{Assignor, Partitions, Subscriber, Topics};
use crate::base::Uuid;

/// Members by id, with the topics they read.
type Group = BTreeMap<String, BTreeSet<Uuid>>;
type Shares = BTreeMap<String, Partitions>;

fn topic(number: u8) -> Uuid {
    Uuid([number; 16])
}

fn topics(sizes: &[i32]) -> Topics {
    (1..).map(topic).zip(sizes.iter().copied()).collect()
}

fn group(members: &[(&str, &[u8])]) -> Group {
    members.iter().map(|(id, reads)| ((*id).to_owned(), reads.iter().map(|n| topic(*n)).collect())).collect()
}

fn assign(assignor: Assignor, group: &Group, had: &Shares, topics: &Topics) -> Shares {
    let nothing = Partitions::default();
    let subscriber = |(id, reads): (&'static str, &BTreeSet<Uuid>), has| Subscriber {
        member_id: id,
        instance_id: None,
        topics: reads.clone(),
        has,
    };
    let members = group
        .iter()
        .map(|(id, reads)| subscriber((Box::leak(id.clone().into_boxed_str()), reads), had.get(id).unwrap_or(&nothing)))
        .collect();
    assignor.assign(members, topics)
}

fn sizes(shares: &Shares) -> Vec<usize> {
    shares.values().map(Partitions::len).collect()
}

/// How many partitions have another owner than before.
fn moved(before: &Shares, after: &Shares) -> usize {
    let none = Partitions::default();
    after.iter().map(|(id, share)| share.without(before.get(id).unwrap_or(&none)).len()).sum()
}

fn check_whole(group: &Group, shares: &Shares, topics: &Topics) {
    for (topic, count) in topics {
        let readers: BTreeSet<&String> =
            group.iter().filter(|(_, reads)| reads.contains(topic)).map(|(id, _)| id).collect();
        for partition in 0..*count {
            let owners: Vec<&String> =
                shares.iter().filter(|(_, share)| share.contains(*topic, partition)).map(|(id, _)| id).collect();
            assert_eq!(owners.len(), usize::from(!readers.is_empty()), "{topic}/{partition} belongs to {owners:?}");
            assert!(owners.iter().all(|owner| readers.contains(owner)), "{owners:?} does not read {topic}");
        }
    }
    let there = |(topic, partition): (Uuid, i32)| topics.get(&topic).is_some_and(|count| partition < *count);
    assert!(shares.values().flat_map(Partitions::iter).all(there), "a partition that is not there");
    assert_eq!(shares.len(), group.len());
}

/// No partition could go to a reader of its topic that has at least two fewer.
fn check_balanced(group: &Group, shares: &Shares) {
    for (id, share) in shares {
        for (topic, _) in share.topics() {
            for other in group.iter().filter(|(_, reads)| reads.contains(&topic)).map(|(other, _)| other) {
                let (here, there) = (share.len(), shares[other].len());
                assert!(here <= there + 1, "{id} has {here}, {other} only {there}, and could take some of {topic}");
            }
        }
    }
}

#[test]
fn uniform_shares_evenly_and_moves_little() {
    let topics = topics(&[6, 6]);
    let one = group(&[("a", &[1, 2])]);
    let first = assign(Assignor::Uniform, &one, &Shares::new(), &topics);
    assert_eq!(sizes(&first), [12]);

    let two = group(&[("a", &[1, 2]), ("b", &[1, 2])]);
    let second = assign(Assignor::Uniform, &two, &first, &topics);
    assert_eq!(sizes(&second), [6, 6]);
    assert_eq!(second["a"].topics().map(|(_, partitions)| partitions.len()).collect::<Vec<_>>(), [3, 3], "both spread");

    let five = group(&[("a", &[1, 2]), ("b", &[1, 2]), ("c", &[1, 2]), ("d", &[1, 2]), ("e", &[1, 2])]);
    let third = assign(Assignor::Uniform, &five, &second, &topics);
    assert_eq!(sizes(&third), [3, 3, 2, 2, 2], "the odd ones stay where they are");
    assert_eq!(moved(&second, &third), 6);
}

#[test]
fn uniform_does_what_can_be_done_where_members_read_different_topics() {
    let topics = topics(&[4, 2]);
    let shares = assign(Assignor::Uniform, &group(&[("a", &[1, 2]), ("b", &[1])]), &Shares::new(), &topics);
    assert_eq!(sizes(&shares), [3, 3]);
    // Whoever alone reads a topic has all of it, however much that is.
    let shares = assign(Assignor::Uniform, &group(&[("a", &[1]), ("b", &[2])]), &Shares::new(), &topics);
    assert_eq!(sizes(&shares), [4, 2]);
    let shares = assign(Assignor::Uniform, &group(&[("a", &[]), ("b", &[9])]), &Shares::new(), &topics);
    assert_eq!(sizes(&shares), [0, 0]);
}

#[test]
fn range_gives_the_same_numbers_of_every_topic() {
    // The example of Kafka's RangeAssignor.
    let shares = assign(Assignor::Range, &group(&[("a", &[1, 2]), ("b", &[1, 2])]), &Shares::new(), &topics(&[3, 3]));
    let both = |numbers: &[i32]| [1, 2].into_iter().flat_map(|n| numbers.iter().map(move |p| (topic(n), *p))).collect();
    assert_eq!(shares["a"], both(&[0, 1]));
    assert_eq!(shares["b"], both(&[2]));
    let more_members = group(&[("a", &[1]), ("b", &[1]), ("c", &[1])]);
    assert_eq!(sizes(&assign(Assignor::Range, &more_members, &Shares::new(), &topics(&[2]))), [1, 1, 0]);
}

#[test]
fn static_members_come_first_whatever_their_ids() {
    let nothing = Partitions::default();
    let member = |member_id, instance_id| Subscriber {
        member_id,
        instance_id,
        topics: BTreeSet::from([topic(1)]),
        has: &nothing,
    };
    let members = vec![member("a", None), member("z", Some("i1")), member("b", Some("i2"))];
    let shares = Assignor::Range.assign(members, &topics(&[3]));
    let first = |id: &str| shares[id].iter().next().map(|(_, partition)| partition);
    assert_eq!((first("z"), first("b"), first("a")), (Some(0), Some(1), Some(2)));
}

#[test]
fn names_are_kafkas() {
    assert_eq!(Assignor::named("uniform"), Some(Assignor::Uniform));
    assert_eq!(Assignor::named("range"), Some(Assignor::Range));
    assert_eq!(Assignor::named("cooperative-sticky"), None);
}

prop_compose! {
    fn some_topics()(sizes in proptest::collection::vec(0..12i32, 1..5)) -> Topics {
        topics(&sizes)
    }
}

prop_compose! {
    /// Some read topics that are not there.
    fn some_group()(members in proptest::collection::btree_map("[a-f]{1,2}", proptest::collection::btree_set(1..6u8, 0..5), 1..9)) -> Group {
        members.into_iter().map(|(id, reads)| (id, reads.into_iter().map(topic).collect())).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn everything_goes_to_exactly_one_who_wants_it(first in some_group(), then in some_group(), before in some_topics(), after in some_topics()) {
        for assignor in Assignor::ALL {
            let shares = assign(assignor, &first, &Shares::new(), &before);
            check_whole(&first, &shares, &before);
            // Other members, other subscriptions, other topics; what was before may mean nothing now.
            let shares = assign(assignor, &then, &shares, &after);
            check_whole(&then, &shares, &after);
            prop_assert_eq!(&assign(assignor, &then, &shares, &after), &shares, "an unchanged group keeps what it has");
        }
    }

    #[test]
    fn uniform_is_balanced(first in some_group(), then in some_group(), before in some_topics(), after in some_topics()) {
        let shares = assign(Assignor::Uniform, &first, &Shares::new(), &before);
        check_balanced(&first, &shares);
        check_balanced(&then, &assign(Assignor::Uniform, &then, &shares, &after));
    }

    #[test]
    fn one_who_leaves_moves_only_what_was_theirs(count in 2..12usize, leaver in 0..12usize, topics in some_topics()) {
        let mut group: Group = (0..count).map(|n| (format!("m{n:02}"), topics.keys().copied().collect())).collect();
        let before = assign(Assignor::Uniform, &group, &Shares::new(), &topics);
        let leaver = format!("m{:02}", leaver % count);
        group.remove(&leaver);
        let after = assign(Assignor::Uniform, &group, &before, &topics);
        prop_assert_eq!(moved(&before, &after), before[&leaver].len());
        check_balanced(&group, &after);
    }

    #[test]
    fn one_who_comes_takes_only_a_fair_share(count in 1..12usize, topics in some_topics()) {
        let mut group: Group = (0..count).map(|n| (format!("m{n:02}"), topics.keys().copied().collect())).collect();
        let before = assign(Assignor::Uniform, &group, &Shares::new(), &topics);
        group.insert("a newcomer".to_owned(), topics.keys().copied().collect());
        let after = assign(Assignor::Uniform, &group, &before, &topics);
        prop_assert_eq!(moved(&before, &after), after["a newcomer"].len());
    }
}
