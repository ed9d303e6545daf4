//! A batch as compaction stores it: with some of its records left out, or with none (Kafka's MemoryRecords.filterTo).
//!
//! Offsets, sequences, epochs, codec and the kind of timestamp stay; what changes is which records there are, the
//! largest timestamp among them, and the delete horizon (KIP-534).

use super::builder::{field_len, write_field};
use super::varint::{len_i64, write_i32, write_i64};
use super::{BatchError, BatchHeader, BatchView, HEADER_BYTES, LENGTH_PREFIX_BYTES, RecordView, Records, attributes};

/// The batch with only those records for which `keep` is true, at their offsets and times. With a `horizon` its base
/// timestamp says when tombstones may go.
pub fn with_records(
    batch: &BatchView<'_>,
    records: &Records<'_>,
    keep: &[bool],
    horizon: Option<i64>,
) -> Result<Vec<u8>, BatchError> {
    let old = &batch.header;
    let mut base_timestamp = horizon;
    let mut max_timestamp = i64::MIN;
    let (mut body, mut count) = (Vec::with_capacity(batch.bytes.len()), 0);
    for (record, _) in records.iter().zip(keep).filter(|(_, kept)| **kept) {
        let record = record?;
        let timestamp = old.base_timestamp.wrapping_add(record.timestamp_delta);
        max_timestamp = max_timestamp.max(timestamp);
        let base = *base_timestamp.get_or_insert(timestamp);
        write_record(&mut body, &record, timestamp.wrapping_sub(base));
        count += 1;
    }
    let mut header = BatchHeader {
        base_timestamp: base_timestamp.unwrap_or(old.base_timestamp),
        max_timestamp: if old.has_log_append_time() { old.max_timestamp } else { max_timestamp },
        record_count: count,
        ..*old
    };
    if horizon.is_some() {
        header.attributes |= attributes::DELETE_HORIZON;
    }
    let mut bytes = vec![0; HEADER_BYTES];
    old.codec()?.compress(&body, &mut bytes)?;
    header.batch_length = i32::try_from(bytes.len() - LENGTH_PREFIX_BYTES)
        .map_err(|_| BatchError::TooLarge { bytes: bytes.len(), max: i32::MAX as usize })?;
    header.crc = header.crc_with(&bytes[HEADER_BYTES..]);
    bytes[..HEADER_BYTES].copy_from_slice(&header.encode());
    Ok(bytes)
}

/// The header alone, for a batch that is kept without its records (DefaultRecordBatch.writeEmptyHeader).
pub fn bare_batch(of: &BatchHeader) -> Vec<u8> {
    let mut header = BatchHeader {
        batch_length: (HEADER_BYTES - LENGTH_PREFIX_BYTES) as i32,
        attributes: of.attributes & !(attributes::CODEC_MASK | attributes::DELETE_HORIZON),
        base_timestamp: -1,
        record_count: 0,
        ..*of
    };
    header.crc = header.crc_with(&[]);
    header.encode().to_vec()
}

fn write_record(out: &mut Vec<u8>, record: &RecordView<'_>, timestamp_delta: i64) {
    let length = 1
        + len_i64(timestamp_delta)
        + len_i64(i64::from(record.offset_delta))
        + field_len(record.key)
        + field_len(record.value)
        + len_i64(i64::from(record.header_count))
        + record.headers.len();
    write_i64(out, length as i64);
    out.push(0);
    write_i64(out, timestamp_delta);
    write_i32(out, record.offset_delta);
    write_field(out, record.key);
    write_field(out, record.value);
    write_i32(out, record.header_count);
    out.extend_from_slice(record.headers);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{LeaderEpoch, Offset};
    use crate::record::{BatchBuilder, Codec, ProducerStamp};

    const STAMP: ProducerStamp = ProducerStamp { producer_id: 9, producer_epoch: 2, base_sequence: 40 };

    /// Five records; timestamps go up and down.
    fn batch(codec: Codec) -> Vec<u8> {
        let mut builder = BatchBuilder::new(codec);
        for (n, timestamp) in [1000, 1007, 1002, 900, 1005].into_iter().enumerate() {
            let (key, value) = (format!("key{n}"), format!("value{n}"));
            builder.append(
                timestamp,
                Some(key.as_bytes()),
                Some(value.as_bytes()),
                &[(b"h", None), (b"h", Some(b"1"))],
            );
        }
        let mut bytes = builder.finish(STAMP).expect("packs");
        // Where a broker put it.
        bytes[..8].copy_from_slice(&70i64.to_be_bytes());
        bytes[12..16].copy_from_slice(&3i32.to_be_bytes());
        bytes
    }

    type Shown = (i64, i64, Vec<u8>, Vec<u8>, usize);

    fn shown(bytes: &[u8]) -> Vec<Shown> {
        let view = BatchView::parse(bytes).expect("whole");
        view.verify_crc().expect("intact");
        let records = view.records(1 << 20).expect("unpacks");
        let show = |record: RecordView<'_>| {
            let offset = view.header.base_offset.0 + i64::from(record.offset_delta);
            let timestamp = view.header.base_timestamp + record.timestamp_delta;
            let (key, value) = (record.key.expect("a key").to_vec(), record.value.expect("a value").to_vec());
            (offset, timestamp, key, value, record.headers().filter(|h| h.is_ok()).count())
        };
        records.iter().map(|record| show(record.expect("a record"))).collect()
    }

    fn filtered(bytes: &[u8], keep: [bool; 5], horizon: Option<i64>) -> Vec<u8> {
        let view = BatchView::parse(bytes).expect("whole");
        let records = view.records(1 << 20).expect("unpacks");
        with_records(&view, &records, &keep, horizon).expect("packs")
    }

    #[test]
    fn what_is_kept_stays_as_it_was_in_every_codec() {
        for codec in Codec::ALL {
            let bytes = batch(codec);
            let all = shown(&bytes);
            let new = filtered(&bytes, [false, true, false, true, false], None);
            assert_eq!(shown(&new), [all[1].clone(), all[3].clone()], "{codec:?}");
            let (old, header) = (BatchHeader::parse(&bytes).expect("whole"), BatchHeader::parse(&new).expect("whole"));
            assert_eq!((header.base_offset, header.last_offset()), (Offset(70), Offset(74)));
            assert_eq!((header.base_sequence, header.last_sequence()), (40, 44));
            assert_eq!((header.leader_epoch, header.codec()), (LeaderEpoch(3), Ok(codec)));
            assert_eq!((header.producer_id, header.producer_epoch), (old.producer_id, old.producer_epoch));
            assert_eq!((header.record_count, header.max_timestamp), (2, 1007));
            assert_eq!(header.delete_horizon(), None);
            assert_eq!(filtered(&bytes, [false, false, false, true, false], None)[35..43], 900i64.to_be_bytes());
        }
    }

    #[test]
    fn a_horizon_takes_the_base_timestamp_and_leaves_the_records_their_times() {
        let bytes = batch(Codec::Zstd);
        let new = filtered(&bytes, [true; 5], Some(5_000_000));
        let header = BatchHeader::parse(&new).expect("whole");
        assert_eq!((header.delete_horizon(), header.max_timestamp), (Some(5_000_000), 1007));
        assert_eq!(shown(&new), shown(&bytes));
        // Once there, it stays when more records go.
        let again = filtered(&new, [true, false, false, false, false], header.delete_horizon());
        assert_eq!(BatchHeader::parse(&again).expect("whole").delete_horizon(), Some(5_000_000));
        assert_eq!(shown(&again), shown(&bytes)[..1]);
    }

    #[test]
    fn log_append_time_stays_the_batchs_time() {
        let mut bytes = batch(Codec::None);
        let mut header = BatchHeader::parse(&bytes).expect("whole");
        header.attributes |= attributes::LOG_APPEND_TIME;
        header.max_timestamp = 77_000;
        header.crc = header.crc_with(&bytes[HEADER_BYTES..]);
        bytes[..HEADER_BYTES].copy_from_slice(&header.encode());
        let new = filtered(&bytes, [false, false, true, false, false], None);
        assert_eq!(BatchHeader::parse(&new).expect("whole").max_timestamp, 77_000);
    }

    #[test]
    fn a_bare_batch_keeps_offsets_and_sequence_and_nothing_else() {
        let bytes = batch(Codec::Gzip);
        let bare = bare_batch(&BatchHeader::parse(&bytes).expect("whole"));
        assert_eq!(bare.len(), HEADER_BYTES);
        assert_eq!(shown(&bare), []);
        let header = BatchHeader::parse(&bare).expect("whole");
        assert!(header.is_bare());
        assert_eq!((header.base_offset, header.last_offset(), header.last_sequence()), (Offset(70), Offset(74), 44));
        assert_eq!((header.codec(), header.max_timestamp), (Ok(Codec::None), 1007));
    }
}
