//! What always holds however members come and go.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::base::PartitionId;

fn topic(name: &str) -> TopicName {
    TopicName::new(name).expect("a name")
}

fn place(name: &str, partition: i32) -> TopicPartition {
    TopicPartition { topic: topic(name), partition: PartitionId(partition) }
}

fn places(name: &str, partitions: &[i32]) -> BTreeSet<TopicPartition> {
    partitions.iter().map(|partition| place(name, *partition)).collect()
}

fn member(id: &str, topics: &[&str], owned: BTreeSet<TopicPartition>) -> Subscriber {
    let topics = topics.iter().map(|name| topic(name)).collect();
    Subscriber { id: id.to_owned(), instance: None, topics, owned, generation: 1 }
}

fn counts(topics: &[(&str, i32)]) -> Counts {
    topics.iter().map(|(name, count)| (topic(name), *count)).collect()
}

fn cooperative(members: &[Subscriber], counts: &Counts) -> Shares {
    share(Assignor::CooperativeSticky, members, counts)
}

/// Shares, lets everybody give up what is not his, and shares again, until all is settled.
fn settle(members: &mut [Subscriber], counts: &Counts) -> Vec<BTreeSet<TopicPartition>> {
    for round in 0..3 {
        let shares = cooperative(members, counts);
        for (member, share) in members.iter_mut().zip(&shares.of) {
            member.owned.clone_from(share);
        }
        if shares.is_complete {
            return shares.of;
        }
        assert!(round < 2, "what was given up is there for the next generation");
    }
    unreachable!("the last round returns or fails")
}

#[test]
fn a_newcomer_gets_his_part_only_after_it_is_given_up() {
    let counts = counts(&[("T", 4)]);
    let mut members = vec![member("a", &["T"], places("T", &[0, 1, 2, 3])), member("b", &["T"], BTreeSet::new())];
    let first = cooperative(&members, &counts);
    assert!(!first.is_complete);
    assert_eq!((first.of[0].len(), first.of[1].len()), (2, 0), "two of four are withheld");
    members[0].owned.clone_from(&first.of[0]);
    let second = cooperative(&members, &counts);
    assert!(second.is_complete);
    assert_eq!(second.of[0], first.of[0], "what he kept stays his");
    assert_eq!(second.of[1].len(), 2);
}

#[test]
fn what_a_leaver_had_is_there_at_once() {
    let members = [member("a", &["T"], places("T", &[0])), member("b", &["T"], places("T", &[2]))];
    let shares = cooperative(&members, &counts(&[("T", 4)]));
    assert!(shares.is_complete);
    assert!(shares.of[0].contains(&place("T", 0)) && shares.of[1].contains(&place("T", 2)));
    assert_eq!((shares.of[0].len(), shares.of[1].len()), (2, 2));
}

#[test]
fn loads_even_out_by_way_of_a_third() {
    // a has three of T; only b can take them, and only c can take b's of U.
    let mut members = [
        member("a", &["T"], places("T", &[0, 1, 2])),
        member("b", &["T", "U"], places("U", &[0, 1])),
        member("c", &["U"], places("U", &[2])),
    ];
    let shares = settle(&mut members, &counts(&[("T", 3), ("U", 3)]));
    assert_eq!(shares.iter().map(BTreeSet::len).collect::<Vec<_>>(), [2, 2, 2]);
}

#[test]
fn of_two_who_claim_the_same_the_newer_generation_is_right() {
    let mut members = [member("a", &["T"], places("T", &[0, 1])), member("b", &["T"], places("T", &[0]))];
    members[1].generation = 2;
    let shares = cooperative(&members, &counts(&[("T", 2)]));
    assert_eq!(shares.of, [places("T", &[1]), places("T", &[0])]);
}

#[test]
fn range_goes_by_stretches_static_members_first() {
    let mut members = [member("b", &["T"], BTreeSet::new()), member("a", &["T"], BTreeSet::new())];
    let shares = share(Assignor::Range, &members, &counts(&[("T", 5)]));
    assert_eq!(shares.of, [places("T", &[3, 4]), places("T", &[0, 1, 2])]);
    members[0].instance = Some("z".to_owned());
    let shares = share(Assignor::Range, &members, &counts(&[("T", 5)]));
    assert_eq!(shares.of, [places("T", &[0, 1, 2]), places("T", &[3, 4])]);
    assert!(shares.is_complete);
}

#[test]
fn a_group_that_changes_to_range_moves_nothing_before_it_is_given_up() {
    let members = [member("a", &["T"], places("T", &[0, 1, 2])), member("kcat", &["T"], BTreeSet::new())];
    let shares = share(Assignor::Range, &members, &counts(&[("T", 3)]));
    assert_eq!(shares, Shares { of: vec![places("T", &[0, 1, 2]), BTreeSet::new()], is_complete: false });
}

const TOPICS: [&str; 3] = ["A", "B", "C"];

/// Members with any subscriptions and any claims, right or wrong.
fn any_members() -> impl Strategy<Value = Vec<Subscriber>> {
    let one = (
        proptest::collection::btree_set(0usize..3, 0..=3),
        proptest::collection::btree_set((0usize..3, 0i32..8), 0..8),
        0i32..3,
    );
    proptest::collection::vec(one, 1..6).prop_map(|members| {
        let one = |i: usize, topics: BTreeSet<usize>, owned: BTreeSet<(usize, i32)>, generation: i32| Subscriber {
            id: format!("m{i}"),
            instance: None,
            topics: topics.into_iter().map(|t| topic(TOPICS[t])).collect(),
            owned: owned.into_iter().map(|(t, partition)| place(TOPICS[t], partition)).collect(),
            generation,
        };
        members.into_iter().enumerate().map(|(i, (topics, owned, at))| one(i, topics, owned, at)).collect()
    })
}

fn any_counts() -> impl Strategy<Value = Counts> {
    proptest::collection::vec(0i32..8, 3).prop_map(|sizes| TOPICS.iter().map(|t| topic(t)).zip(sizes).collect())
}

fn owners(shares: &[BTreeSet<TopicPartition>]) -> BTreeMap<&TopicPartition, Vec<usize>> {
    let mut owners: BTreeMap<&TopicPartition, Vec<usize>> = BTreeMap::new();
    for (i, share) in shares.iter().enumerate() {
        share.iter().for_each(|place| owners.entry(place).or_default().push(i));
    }
    owners
}

/// Whether passing partitions on, over any number of members, could make loads more even.
fn could_be_fairer(members: &[Subscriber], shares: &[BTreeSet<TopicPartition>]) -> bool {
    let count = members.len();
    let mut reaches = vec![vec![false; count]; count];
    for from in 0..count {
        for to in 0..count {
            reaches[from][to] = shares[from].iter().any(|place| members[to].topics.contains(&place.topic));
        }
    }
    for via in 0..count {
        for from in 0..count {
            for to in 0..count {
                reaches[from][to] |= reaches[from][via] && reaches[via][to];
            }
        }
    }
    (0..count).any(|from| (0..count).any(|to| reaches[from][to] && shares[from].len() >= shares[to].len() + 2))
}

proptest! {
    #[test]
    fn no_partition_goes_to_two_or_to_one_who_does_not_want_it(members in any_members(), counts in any_counts()) {
        for assignor in [Assignor::CooperativeSticky, Assignor::Range] {
            let shares = share(assignor, &members, &counts);
            for (place, owners) in owners(&shares.of) {
                prop_assert_eq!(owners.len(), 1, "{}", place);
                prop_assert!(members[owners[0]].topics.contains(&place.topic));
                prop_assert!(place.partition.0 < counts[&place.topic]);
                // Nobody else still reads it, or he says so himself.
                let reads = |i: usize| members[i].owned.contains(place);
                prop_assert!(reads(owners[0]) || !(0..members.len()).any(reads), "{} is read by another", place);
            }
        }
    }

    #[test]
    fn once_settled_everything_is_shared_fairly(mut members in any_members(), counts in any_counts()) {
        let shares = settle(&mut members, &counts);
        let wanted: usize = counts.iter().filter(|(t, _)| members.iter().any(|m| m.topics.contains(*t)))
            .map(|(_, count)| *count as usize).sum();
        prop_assert_eq!(owners(&shares).len(), wanted);
        prop_assert!(!could_be_fairer(&members, &shares), "{:?}", shares);
        // Nothing moves any more.
        prop_assert_eq!(&cooperative(&members, &counts).of, &shares);
    }

    #[test]
    fn with_equal_wishes_no_more_moves_than_must(mut members in any_members(), counts in any_counts(), leaves in 0usize..6) {
        let all: BTreeSet<TopicName> = TOPICS.iter().map(|t| topic(t)).collect();
        members.iter_mut().for_each(|member| member.topics.clone_from(&all));
        let before = settle(&mut members, &counts);
        let leaver = leaves % members.len();
        members.remove(leaver);
        if members.is_empty() {
            return Ok(());
        }
        let after = cooperative(&members, &counts);
        prop_assert!(after.is_complete, "what the leaver had is free at once");
        let stayed = before.iter().enumerate().filter(|(i, _)| *i != leaver).map(|(_, share)| share);
        for (before, after) in stayed.zip(&after.of) {
            prop_assert!(before.is_subset(after), "{:?} became {:?}", before, after);
        }
    }

    #[test]
    fn range_gives_out_everything(members in any_members(), counts in any_counts()) {
        let members: Vec<Subscriber> = members.into_iter().map(|m| Subscriber { owned: BTreeSet::new(), ..m }).collect();
        let shares = share(Assignor::Range, &members, &counts);
        let wanted: usize = counts.iter().filter(|(t, _)| members.iter().any(|m| m.topics.contains(*t)))
            .map(|(_, count)| *count as usize).sum();
        prop_assert_eq!(owners(&shares.of).len(), wanted);
    }
}
