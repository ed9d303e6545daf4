//! The judgement: what a partition holds against what was promised of it. Pure.
//!
//! A promise is a run of records at known offsets: acknowledged to their producer, or shown to a reader. Whatever was
//! promised must stand where it was promised to stand. Beside that, what each producer sent must stand in its order,
//! without a record left out in the middle, and from an idempotent producer without one that is there twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use super::payload::Id;
use crate::base::{Offset, TopicPartition};

/// What a topic's producers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    /// Idempotent.
    Once,
    /// One request at a time, sent again where the answer was lost.
    AtLeastOnce,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    Acknowledged,
    /// A reader got it.
    Shown,
}

/// Records that follow each other, and where they must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Promise {
    pub(super) made: Made,
    pub(super) first: Id,
    pub(super) count: u64,
    /// None where the broker only knew that it has them.
    pub(super) base: Option<Offset>,
}

/// How many records of each stream there are so far; equally, the number of its next one.
pub(super) type Streams = BTreeMap<u32, u64>;

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    Missing { made: Made, id: Id, offset: Option<Offset>, end: Offset },
    Another { made: Made, id: Id, offset: Offset, found: Option<Id> },
    Altered { offset: Offset },
    LeftOut { id: Id, offset: Offset, found: Id },
    Twice { id: Id, offset: Offset },
}

#[derive(Debug, Default)]
pub(super) struct Judgement {
    /// Acknowledged records that are where they must be, and those that are not.
    pub(super) kept: u64,
    pub(super) lost: u64,
    /// There more than once, from producers that may do that.
    pub(super) repeated: u64,
    pub(super) faults: Vec<Fault>,
}

/// The records of a partition from `start` on, one per offset; none for one that nobody sent.
pub(super) struct Found<'a> {
    pub(super) start: Offset,
    pub(super) records: &'a [Option<Id>],
    /// Where nothing could be read. Whoever read has told of it.
    pub(super) unreadable: &'a [Range<Offset>],
}

impl Found<'_> {
    fn end(&self) -> Offset {
        self.start.plus(self.records.len() as i64)
    }

    /// None if the offset is outside.
    fn at(&self, offset: Offset) -> Option<Option<Id>> {
        usize::try_from(offset.since(self.start)).ok().and_then(|index| self.records.get(index)).copied()
    }
}

/// Judges all records. `streams` is what stood before `found.start`; it is moved on behind the last record. Records that
/// were given up by their producer (`excused`) may be missing.
pub(super) fn judge(
    delivery: Delivery,
    found: &Found<'_>,
    promises: &[Promise],
    excused: &BTreeSet<Id>,
    streams: &mut Streams,
) -> Judgement {
    let mut judgement = Judgement::default();
    in_order(delivery, found, excused, streams, &mut judgement);
    for promise in promises {
        keeps(promise, found, streams, &mut judgement);
    }
    judgement
}

fn in_order(
    delivery: Delivery,
    found: &Found<'_>,
    excused: &BTreeSet<Id>,
    streams: &mut Streams,
    judgement: &mut Judgement,
) {
    for (index, record) in found.records.iter().enumerate() {
        let offset = found.start.plus(index as i64);
        let Some(id) = *record else {
            if !found.unreadable.iter().any(|stretch| stretch.contains(&offset)) {
                judgement.faults.push(Fault::Altered { offset });
            }
            continue;
        };
        let next = streams.entry(id.stream).or_insert(0);
        let expected = Id { number: *next, ..id };
        if id.number < *next {
            match delivery {
                Delivery::Once => judgement.faults.push(Fault::Twice { id, offset }),
                Delivery::AtLeastOnce => judgement.repeated += 1,
            }
            continue;
        }
        if (*next..id.number).any(|number| !excused.contains(&Id { number, ..id })) {
            judgement.faults.push(Fault::LeftOut { id: expected, offset, found: id });
        }
        *next = id.number + 1;
    }
}

fn keeps(promise: &Promise, found: &Found<'_>, streams: &Streams, judgement: &mut Judgement) {
    let made = promise.made;
    for index in 0..promise.count {
        let id = promise.first.plus(index);
        let offset = promise.base.map(|base| base.plus(index as i64));
        let fault = match offset {
            // Judged before it was trimmed away.
            Some(offset) if offset < found.start => None,
            Some(offset) => match found.at(offset) {
                Some(there) if there == Some(id) => None,
                Some(there) => Some(Fault::Another { made, id, offset, found: there }),
                None => Some(Fault::Missing { made, id, offset: Some(offset), end: found.end() }),
            },
            None if streams.get(&id.stream).is_some_and(|next| id.number < *next) => None,
            None => Some(Fault::Missing { made, id, offset: None, end: found.end() }),
        };
        if made == Made::Acknowledged {
            judgement.kept += u64::from(fault.is_none());
            judgement.lost += u64::from(fault.is_some());
        }
        judgement.faults.extend(fault);
    }
}

/// Moves `streams` on over records that were found good; how many of them were repeats.
pub(super) fn pass(records: &[Option<Id>], streams: &mut Streams) -> u64 {
    let mut repeated = 0;
    for id in records.iter().flatten() {
        let next = streams.entry(id.stream).or_insert(0);
        repeated += u64::from(id.number < *next);
        *next = (*next).max(id.number + 1);
    }
    repeated
}

/// A fault and where it is, as a sentence.
pub(super) struct Told<'a>(pub(super) &'a TopicPartition, pub(super) &'a Fault);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Told(place, fault) = self;
        let named = |id: &Id| format!("record {} of producer {}", id.number, id.stream);
        let made = |made: &Made| match made {
            Made::Acknowledged => "was acknowledged",
            Made::Shown => "was shown to a reader",
        };
        match fault {
            Fault::Missing { made: how, id, offset: Some(offset), end } => {
                write!(f, "{place}: {} {} at offset {offset}, but the log ends at {end}", named(id), made(how))
            }
            Fault::Missing { made: how, id, offset: None, end } => {
                write!(f, "{place}: {} {} and is nowhere before the log's end at {end}", named(id), made(how))
            }
            Fault::Another { made: how, id, offset, found: Some(found) } => {
                write!(f, "{place}: {} {} at offset {offset}, where there is {}", named(id), made(how), named(found))
            }
            Fault::Another { made: how, id, offset, found: None } => {
                write!(f, "{place}: {} {} at offset {offset}, where it is not", named(id), made(how))
            }
            Fault::Altered { offset } => write!(f, "{place}: nobody sent the record at offset {offset}"),
            Fault::LeftOut { id, offset, found } => {
                write!(f, "{place}: {} is not there; at offset {offset} comes record {}", named(id), found.number)
            }
            Fault::Twice { id, offset } => {
                write!(f, "{place}: {} of an idempotent producer is there again at offset {offset}", named(id))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Offset = Offset(10);

    fn id(stream: u32, number: u64) -> Id {
        Id { stream, number }
    }

    fn acknowledged(first: Id, count: u64, base: Option<i64>) -> Promise {
        Promise { made: Made::Acknowledged, first, count, base: base.map(Offset) }
    }

    fn judged(delivery: Delivery, records: &[(u32, u64)], promises: &[Promise]) -> Judgement {
        let records: Vec<_> = records.iter().map(|(stream, number)| Some(id(*stream, *number))).collect();
        let found = Found { start: START, records: &records, unreadable: &[] };
        judge(delivery, &found, promises, &BTreeSet::new(), &mut Streams::new())
    }

    #[test]
    fn what_is_where_it_was_promised_is_kept() {
        let promises = [
            acknowledged(id(1, 0), 2, Some(10)),
            acknowledged(id(2, 0), 1, None),
            acknowledged(id(9, 5), 3, Some(4)),
            Promise { made: Made::Shown, first: id(1, 2), count: 1, base: Some(Offset(13)) },
        ];
        let judgement = judged(Delivery::Once, &[(1, 0), (1, 1), (2, 0), (1, 2)], &promises);
        assert_eq!((judgement.kept, judgement.lost), (6, 0));
        assert_eq!(judgement.faults, []);
    }

    #[test]
    fn what_is_gone_or_elsewhere_is_lost() {
        let records = [(1, 0), (1, 1)];
        let missing = judged(Delivery::Once, &records, &[acknowledged(id(1, 1), 3, Some(11))]);
        assert_eq!((missing.kept, missing.lost), (1, 2));
        let another = judged(Delivery::Once, &records, &[acknowledged(id(2, 0), 1, Some(10))]);
        assert_eq!(another.lost, 1);
        assert!(matches!(another.faults[..], [Fault::Another { offset: START, .. }]));
        let unplaced = judged(Delivery::Once, &records, &[acknowledged(id(1, 2), 1, None)]);
        assert_eq!(unplaced.lost, 1);
        let shown = Promise { made: Made::Shown, ..acknowledged(id(1, 2), 1, Some(12)) };
        let taken_back = judged(Delivery::Once, &records, &[shown]);
        assert_eq!((taken_back.lost, taken_back.faults.len()), (0, 1), "nobody was promised that it stays");
    }

    #[test]
    fn once_means_once_and_order_is_order() {
        let again = [(1, 0), (1, 1), (1, 0), (1, 1), (1, 2)];
        assert_eq!(judged(Delivery::Once, &again, &[]).faults.len(), 2);
        let repeated = judged(Delivery::AtLeastOnce, &again, &[]);
        assert_eq!((repeated.repeated, repeated.faults), (2, vec![]));
        let records: Vec<_> = again.iter().map(|(stream, number)| Some(id(*stream, *number))).collect();
        assert_eq!(pass(&records, &mut Streams::new()), 2);
        for delivery in [Delivery::Once, Delivery::AtLeastOnce] {
            let gap = judged(delivery, &[(1, 0), (1, 2)], &[]);
            assert!(matches!(gap.faults[..], [Fault::LeftOut { .. }]));
        }
    }

    #[test]
    fn what_a_producer_gave_up_may_be_missing() {
        let records = [Some(id(1, 0)), Some(id(1, 3))];
        let found = Found { start: START, records: &records, unreadable: &[] };
        let excused = BTreeSet::from([id(1, 1), id(1, 2)]);
        let mut streams = Streams::new();
        assert_eq!(judge(Delivery::Once, &found, &[], &excused, &mut streams).faults, []);
        assert_eq!(streams, Streams::from([(1, 4)]));
    }

    #[test]
    fn order_goes_on_where_the_log_was_trimmed() {
        let records = [Some(id(1, 7)), Some(id(2, 0))];
        let found = Found { start: START, records: &records, unreadable: &[] };
        let mut streams = Streams::from([(1, 7)]);
        assert_eq!(judge(Delivery::Once, &found, &[], &BTreeSet::new(), &mut streams).faults, []);
        assert_eq!(streams, Streams::from([(1, 8), (2, 1)]));
    }

    #[test]
    fn bytes_that_nobody_sent_are_found() {
        let found = Found { start: START, records: &[None], unreadable: &[] };
        let judgement = judge(Delivery::Once, &found, &[], &BTreeSet::new(), &mut Streams::new());
        assert_eq!(judgement.faults, [Fault::Altered { offset: START }]);
    }

    #[test]
    fn what_cant_be_read_is_lost_if_it_was_promised_and_else_the_readers_to_tell() {
        let records = [None, None, Some(id(1, 0))];
        let unreadable = [START..START.plus(2)];
        let found = Found { start: START, records: &records, unreadable: &unreadable };
        let promises = [acknowledged(id(2, 0), 1, Some(10))];
        let judgement = judge(Delivery::Once, &found, &promises, &BTreeSet::new(), &mut Streams::new());
        assert_eq!((judgement.kept, judgement.lost), (0, 1));
        let missed = Fault::Another { made: Made::Acknowledged, id: id(2, 0), offset: START, found: None };
        assert_eq!(judgement.faults, [missed]);
    }
}
