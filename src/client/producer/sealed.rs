//! A batch that takes no more records: its bytes, its place in its partition's order, what has happened to it.
//!
//! Pure. Sequence numbers count records, so a batch can be cut in two without renumbering what follows.

use std::time::Instant;

use super::tags::Tags;
use crate::base::limits::DECOMPRESSED_BATCH_BYTES_MAX;
use crate::record::{BatchBuilder, BatchError, BatchHeader, BatchView, CompressError, HEADER_BYTES, ProducerStamp};

#[derive(Debug, Clone)]
pub(super) struct Sealed {
    /// Empty while the batch is on its way: the connection has them then.
    pub(super) bytes: Vec<u8>,
    pub(super) tags: Tags,
    /// How many records of this partition came before. Gives the order, and never changes.
    pub(super) order: u64,
    pub(super) stamp: ProducerStamp,
    /// When the first record came in.
    pub(super) since: Instant,
    pub(super) attempts: u32,
    /// It was sent, and no answer came: the broker may have it.
    pub(super) is_uncertain: bool,
    /// Size of the records before they were packed.
    pub(super) plain_bytes: usize,
}

/// What comes after `count` more records; sequences wrap from 2^31-1 to 0.
pub(super) fn sequence_after(sequence: i32, count: usize) -> i32 {
    ((i64::from(sequence) + count as i64) & 0x7fff_ffff) as i32
}

impl Sealed {
    /// Gives the batch another producer's id and sequence.
    pub(super) fn restamp(&mut self, stamp: ProducerStamp) -> Result<(), BatchError> {
        let mut header = BatchHeader::parse(&self.bytes)?;
        header.producer_id = stamp.producer_id;
        header.producer_epoch = stamp.producer_epoch;
        header.base_sequence = stamp.base_sequence;
        header.crc = header.crc_with(&self.bytes[HEADER_BYTES..]);
        self.bytes[..HEADER_BYTES].copy_from_slice(&header.encode());
        self.stamp = stamp;
        Ok(())
    }

    /// Two batches in place of one that the broker finds too large. None for a single record: it can't be cut.
    pub(super) fn split(&self) -> Result<Option<(Sealed, Sealed)>, BatchError> {
        let view = BatchView::parse(&self.bytes)?;
        let count = self.tags.len();
        if count < 2 {
            return Ok(None);
        }
        let codec = view.header.codec()?;
        let records = view.records(DECOMPRESSED_BATCH_BYTES_MAX)?;
        let middle = count / 2;
        let mut halves = [BatchBuilder::new(codec), BatchBuilder::new(codec)];
        for (index, record) in records.iter().enumerate() {
            let record = record?;
            let headers = record.headers().collect::<Result<Vec<_>, _>>()?;
            let timestamp = view.header.base_timestamp + record.timestamp_delta;
            halves[usize::from(index >= middle)].append(timestamp, record.key, record.value, &headers);
        }
        let (left_tags, right_tags) = self.tags.split(middle);
        let [left, right] = halves;
        let half = |builder: BatchBuilder, tags: Tags, before: usize| -> Result<Sealed, CompressError> {
            let sequence = match self.stamp.base_sequence {
                none if none < 0 => none,
                base => sequence_after(base, before),
            };
            let stamp = ProducerStamp { base_sequence: sequence, ..self.stamp };
            let plain_bytes = builder.len_bytes();
            let bytes = builder.finish(stamp)?;
            Ok(Sealed { bytes, tags, order: self.order + before as u64, stamp, plain_bytes, ..self.without_bytes() })
        };
        Ok(Some((half(left, left_tags, 0)?, half(right, right_tags, middle)?)))
    }

    fn without_bytes(&self) -> Sealed {
        Sealed { bytes: Vec::new(), tags: Tags::default(), ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Codec;

    fn sealed(count: u64, codec: Codec) -> Sealed {
        let mut builder = BatchBuilder::new(codec);
        let mut tags = Tags::default();
        for i in 0..count {
            builder.append(1000 + i as i64, Some(&[i as u8]), None, &[(b"h", Some(b"v"))]);
            tags.push(10 + 2 * i);
        }
        let stamp = ProducerStamp { producer_id: 7, producer_epoch: 1, base_sequence: i32::MAX - 1 };
        let plain_bytes = builder.len_bytes();
        let bytes = builder.finish(stamp).expect("packs");
        Sealed { bytes, tags, order: 100, stamp, since: Instant::now(), attempts: 1, is_uncertain: false, plain_bytes }
    }

    #[test]
    fn halves_hold_the_same_records_under_the_same_numbers() {
        for codec in [Codec::None, Codec::Lz4] {
            let whole = sealed(5, codec);
            let (left, right) = whole.split().expect("well-formed").expect("several records");
            assert_eq!((left.order, right.order), (100, 102));
            assert_eq!((left.stamp.base_sequence, right.stamp.base_sequence), (i32::MAX - 1, 0), "sequences wrap");
            assert_eq!(right.tags.iter().collect::<Vec<_>>(), [14, 16, 18]);
            let keys = |sealed: &Sealed| -> Vec<(i64, Vec<u8>)> {
                let view = BatchView::parse(&sealed.bytes).expect("a batch");
                view.verify_crc().expect("a good CRC");
                let records = view.records(10_000).expect("unpacks");
                let base = view.header.base_timestamp;
                records
                    .iter()
                    .map(|r| r.map(|r| (base + r.timestamp_delta, r.key.unwrap_or_default().to_vec())))
                    .collect::<Result<_, _>>()
                    .expect("well-formed")
            };
            let both = [keys(&left), keys(&right)].concat();
            assert_eq!(both, (0..5).map(|i| (1000 + i, vec![i as u8])).collect::<Vec<_>>());
        }
        assert!(sealed(1, Codec::None).split().expect("well-formed").is_none());
    }

    #[test]
    fn a_new_stamp_has_a_good_crc() {
        let mut batch = sealed(2, Codec::None);
        let stamp = ProducerStamp { producer_id: 8, producer_epoch: 0, base_sequence: 0 };
        batch.restamp(stamp).expect("well-formed");
        let view = BatchView::parse(&batch.bytes).expect("a batch");
        view.verify_crc().expect("a good CRC");
        assert_eq!((view.header.producer_id, view.header.base_sequence), (8, 0));
    }
}
