//! Which records of a batch survive, case by case.

use super::*;
use crate::log::testing::{marker, transactional};
use crate::record::{BatchBuilder, Codec, ProducerStamp};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Keys and values of one batch, at a base offset.
fn batch(base: i64, records: &[(&str, Option<&str>)]) -> Vec<u8> {
    by(base, records, ProducerStamp::NONE)
}

fn by(base: i64, records: &[(&str, Option<&str>)], stamp: ProducerStamp) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Codec::Lz4);
    for (n, (key, value)) in (0..).zip(records) {
        let key = (!key.is_empty()).then_some(key.as_bytes());
        builder.append(1000 + n, key, value.map(str::as_bytes), &[]);
    }
    placed(builder.finish(stamp).expect("packs"), base)
}

fn placed(mut bytes: Vec<u8>, base: i64) -> Vec<u8> {
    bytes[..8].copy_from_slice(&base.to_be_bytes());
    bytes
}

fn keys(newest: &[(&str, i64)], end: i64) -> NewestOffsets {
    let mut keys = NewestOffsets::new(1 << 16, Offset(0));
    newest.iter().for_each(|(key, offset)| assert!(keys.put(key.as_bytes(), Offset(*offset))));
    keys.advance(Offset(end));
    keys
}

struct Case {
    keys: NewestOffsets,
    last: LastOfProducers,
    now_ms: i64,
    complete: bool,
    limit: i64,
    transactions: Transactions,
}

impl Case {
    fn new(newest: &[(&str, i64)], end: i64) -> Case {
        Case {
            keys: keys(newest, end),
            last: LastOfProducers::default(),
            now_ms: 0,
            complete: true,
            limit: 1000,
            transactions: Transactions::default(),
        }
    }

    fn judge(&mut self, bytes: &[u8]) -> (Fate, Option<AbortedTxn>) {
        let rules = Rules {
            keys: &self.keys,
            last_of_producers: &self.last,
            now_ms: self.now_ms,
            delete_retention_ms: DAY_MS,
            complete: self.complete,
            limit: Offset(self.limit),
        };
        judge(&rules, &mut self.transactions, &BatchView::parse(bytes).expect("whole")).expect("readable")
    }

    fn fate(&mut self, bytes: &[u8]) -> Fate {
        self.judge(bytes).0
    }
}

fn becomes(fate: Fate) -> Vec<u8> {
    match fate {
        Fate::Becomes(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

/// The offsets and keys that are left.
fn left(bytes: &[u8]) -> Vec<(i64, String)> {
    let view = BatchView::parse(bytes).expect("whole");
    view.verify_crc().expect("intact");
    let records = view.records(1 << 20).expect("unpacks");
    let show = |record: crate::record::RecordView<'_>| {
        let key = String::from_utf8(record.key.expect("a key").to_vec()).expect("text");
        (view.header.base_offset.0 + i64::from(record.offset_delta), key)
    };
    records.iter().map(|record| show(record.expect("a record"))).collect()
}

#[test]
fn the_newest_of_each_key_stays_and_older_ones_go() {
    let mut case = Case::new(&[("a", 30), ("b", 11), ("c", 12)], 40);
    let bytes = batch(10, &[("a", Some("1")), ("b", Some("2")), ("c", Some("3"))]);
    assert_eq!(left(&becomes(case.fate(&bytes))), [(11, "b".to_owned()), (12, "c".to_owned())]);
    assert_eq!(case.fate(&batch(30, &[("a", Some("4"))])), Fate::Stays);
    assert_eq!(case.fate(&batch(20, &[("a", Some("4"))])), Fate::Goes);
    // A key that was last seen in an earlier round is not in the table.
    assert_eq!(case.fate(&batch(5, &[("z", Some("4"))])), Fate::Stays);
}

#[test]
fn what_the_table_has_not_looked_at_stays() {
    let mut case = Case::new(&[("a", 11)], 12);
    let bytes = batch(10, &[("a", Some("1")), ("a", Some("2")), ("a", Some("3")), ("a", None)]);
    let kept = [(11, "a".to_owned()), (12, "a".to_owned()), (13, "a".to_owned())];
    assert_eq!(left(&becomes(case.fate(&bytes))), kept);
    assert_eq!(case.fate(&batch(12, &[("a", Some("1")), ("a", None)])), Fate::Stays);
}

#[test]
fn a_record_without_a_key_goes_as_in_kafka() {
    let mut case = Case::new(&[("a", 11)], 20);
    assert_eq!(left(&becomes(case.fate(&batch(10, &[("", Some("1")), ("a", Some("2"))])))), [(11, "a".to_owned())]);
    assert_eq!(case.fate(&batch(12, &[("", Some("1"))])), Fate::Goes);
}

#[test]
fn a_tombstone_gets_a_horizon_first_and_goes_behind_it() {
    let mut case = Case::new(&[("a", 10), ("b", 11)], 20);
    case.now_ms = 5000;
    let bytes = batch(10, &[("a", None), ("b", Some("2"))]);
    let marked = becomes(case.fate(&bytes));
    let header = BatchHeader::parse(&marked).expect("whole");
    assert_eq!((header.delete_horizon(), header.max_timestamp), (Some(5000 + DAY_MS), 1001));
    assert_eq!(left(&marked).len(), 2);
    // A horizon does not move.
    case.now_ms = 4999 + DAY_MS;
    assert_eq!(case.fate(&marked), Fate::Stays);
    case.now_ms = 5000 + DAY_MS;
    case.complete = false;
    assert_eq!(case.fate(&marked), Fate::Stays, "an older value may be left where nobody could read");
    case.complete = true;
    let without = becomes(case.fate(&marked));
    assert_eq!(left(&without), [(11, "b".to_owned())]);
    assert_eq!(case.fate(&without), Fate::Stays);
    let alone = becomes(Case::new(&[("a", 10)], 20).fate(&batch(10, &[("a", None)])));
    assert_eq!(case.fate(&alone), Fate::Goes);
}

#[test]
fn the_last_batch_of_a_producer_and_of_the_round_leave_their_headers() {
    let stamp = |base_sequence| ProducerStamp { producer_id: 7, producer_epoch: 3, base_sequence };
    let mut case = Case::new(&[("a", 30)], 40);
    case.last.by_id.insert(7, Last::Data(Offset(11)));
    assert_eq!(case.fate(&by(8, &[("a", Some("1"))], stamp(0))), Fate::Goes);
    let bare = becomes(case.fate(&by(10, &[("a", Some("1")), ("a", Some("2"))], stamp(1))));
    let header = BatchHeader::parse(&bare).expect("whole");
    assert!(header.is_bare());
    assert_eq!((header.base_offset, header.last_offset(), header.last_sequence()), (Offset(10), Offset(11), 2));
    assert_eq!(case.fate(&bare), Fate::Stays, "as long as the producer is known");
    case.last = LastOfProducers::default();
    assert_eq!(case.fate(&bare), Fate::Goes);
    case.limit = 12;
    assert_eq!(case.fate(&bare), Fate::Stays, "the round ends with it");
    assert!(matches!(case.fate(&batch(10, &[("a", Some("1")), ("a", Some("2"))])), Fate::Becomes(_)));
}

#[test]
fn an_aborted_transaction_goes_and_its_marker_after_it() {
    let aborted =
        AbortedTxn { producer_id: 7, first_offset: Offset(4), last_offset: Offset(5), last_stable_offset: Offset(6) };
    let mut case = Case::new(&[], 40);
    case.transactions.enter(vec![aborted]);
    // Even records that are the newest of their key, and those the table has not seen.
    assert_eq!(case.fate(&placed(transactional(7, 0, 1), 4)), Fate::Goes);
    let end = placed(marker(7, false), 5);
    assert_eq!(case.judge(&end), (Fate::Stays, Some(aborted)));
    // The next time there are no records left, and nothing needs the entry.
    let (fate, entry) = case.judge(&end);
    assert_eq!(entry, None);
    let marked = becomes(fate);
    assert_eq!(BatchHeader::parse(&marked).expect("whole").delete_horizon(), Some(DAY_MS));
    assert_eq!(case.fate(&marked), Fate::Stays);
    case.now_ms = DAY_MS;
    // Unless there may be records of it that nobody could read.
    case.complete = false;
    assert_eq!(case.judge(&marked), (Fate::Stays, Some(aborted)));
    assert_eq!(case.judge(&end), (Fate::Stays, Some(aborted)));
    case.complete = true;
    assert_eq!(case.fate(&marked), Fate::Goes);
}

#[test]
fn a_committed_transactions_marker_stays_as_long_as_its_records() {
    let mut case = Case::new(&[("key0", 4)], 40);
    let (data, end) = (placed(transactional(7, 0, 1), 4), placed(marker(7, true), 5));
    assert_eq!(case.fate(&data), Fate::Stays);
    assert_eq!(case.fate(&end), Fate::Stays);
    let marked = becomes(case.fate(&end));
    case.now_ms = DAY_MS;
    case.last.by_id.insert(7, Last::Marker { epoch: 0 });
    let bare = becomes(case.fate(&marked));
    assert!(BatchHeader::parse(&bare).is_ok_and(|header| header.is_bare() && header.is_control()));
    assert_eq!(case.fate(&bare), Fate::Stays);
    case.last.by_id.insert(7, Last::Marker { epoch: 1 });
    assert_eq!(case.fate(&bare), Fate::Goes);
}
