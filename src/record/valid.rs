//! What a broker checks of a client's batch before it takes any lock (Kafka's LogValidator and UnifiedLog).

use super::batch::check_magic;
use super::{
    BatchError, BatchHeader, BatchView, HEADER_BYTES, LENGTH_PREFIX_BYTES, Packing, RecordFaults, RecordRule,
    attributes,
};
use crate::base::Offset;
use crate::base::limits::{DECOMPRESSED_BATCH_BYTES_MAX, RECORD_FAULTS_MAX};

/// The rules that differ from topic to topic.
#[derive(Debug, Clone, Copy)]
pub struct BatchRules {
    /// `max.message.bytes`.
    pub bytes_max: usize,
    /// A compacted topic can't do without keys.
    pub keys_required: bool,
}

/// One whole batch that a client may append. Compressed records are not unpacked but where their keys matter:
/// the client's header is believed, as its CRC covers it.
#[derive(Debug, Clone, Copy)]
pub struct ValidBatch<'a> {
    pub header: BatchHeader,
    pub bytes: &'a [u8],
}

impl<'a> ValidBatch<'a> {
    pub fn check(bytes: &'a [u8], rules: &BatchRules) -> Result<ValidBatch<'a>, BatchError> {
        check_magic(bytes)?;
        let batch = BatchView::parse(bytes)?;
        if batch.bytes.len() != bytes.len() {
            return Err(BatchError::Invalid("a client sends exactly one batch for a partition"));
        }
        if bytes.len() > rules.bytes_max {
            return Err(BatchError::TooLarge { bytes: bytes.len(), max: rules.bytes_max });
        }
        batch.verify_crc()?;
        check_header(&batch.header)?;
        let codec = batch.header.codec()?;
        if codec == super::Codec::None || rules.keys_required {
            check_records(&batch, rules)?;
        }
        Ok(ValidBatch { header: batch.header, bytes })
    }

    /// A batch that this process built itself: its own coordinators' records and markers.
    pub fn built_here(bytes: &'a [u8]) -> Result<ValidBatch<'a>, BatchError> {
        let batch = BatchView::parse(bytes)?;
        if batch.bytes.len() != bytes.len() {
            return Err(BatchError::Invalid("it is followed by other bytes"));
        }
        Ok(ValidBatch { header: batch.header, bytes })
    }
}

/// The records of a batch whose timestamps lie outside what its topic takes. -1 is Kafka's "no timestamp".
pub fn time_faults(batch: &ValidBatch<'_>, oldest: i64, newest: i64) -> Result<Option<RecordFaults>, BatchError> {
    let base = batch.header.base_timestamp;
    let view = BatchView { header: batch.header, bytes: batch.bytes };
    let records = view.records(DECOMPRESSED_BATCH_BYTES_MAX)?;
    let outside = (0..).zip(records.iter()).filter_map(|(index, record)| {
        let timestamp = base.saturating_add(record.ok()?.timestamp_delta);
        (timestamp != -1 && !(oldest..=newest).contains(&timestamp)).then_some(index)
    });
    Ok(RecordFaults::of(RecordRule::Timestamp { oldest, newest }, outside))
}

/// The same records packed otherwise, for a topic whose `compression.type` asks for it. Everything but codec, length
/// and CRC stays as the client sent it.
pub fn repack(batch: &ValidBatch<'_>, packing: Packing) -> Result<Vec<u8>, BatchError> {
    let body = &batch.bytes[HEADER_BYTES..];
    let plain = batch.header.codec()?.decompress(body, DECOMPRESSED_BATCH_BYTES_MAX)?;
    let mut bytes = vec![0; HEADER_BYTES];
    packing.codec.compress_at(packing.level, &plain, &mut bytes)?;
    let mut header = batch.header;
    header.attributes = header.attributes & !attributes::CODEC_MASK | packing.codec.id();
    header.batch_length = i32::try_from(bytes.len() - LENGTH_PREFIX_BYTES)
        .map_err(|_| BatchError::TooLarge { bytes: bytes.len(), max: i32::MAX as usize })?;
    header.crc = header.crc_with(&bytes[HEADER_BYTES..]);
    bytes[..HEADER_BYTES].copy_from_slice(&header.encode());
    Ok(bytes)
}

fn check_header(header: &BatchHeader) -> Result<(), BatchError> {
    if header.base_offset != Offset::ZERO {
        return Err(BatchError::Invalid("its base offset is not 0; offsets are the broker's to assign"));
    }
    if header.is_control() {
        return Err(BatchError::Invalid("clients must not send control records"));
    }
    if header.record_count <= 0 {
        return Err(BatchError::Invalid("it holds no record"));
    }
    if i64::from(header.last_offset_delta) + 1 != i64::from(header.record_count) {
        return Err(BatchError::Invalid("its last offset and its record count contradict each other"));
    }
    if header.has_log_append_time() {
        return Err(BatchError::TimestampType);
    }
    if header.has_producer_id() {
        if header.base_sequence < 0 || header.producer_epoch < 0 {
            return Err(BatchError::Invalid("it has a producer id, but no sequence or epoch"));
        }
    } else if header.is_transactional() {
        return Err(BatchError::Invalid("it is transactional, but has no producer id"));
    }
    Ok(())
}

fn check_records(batch: &BatchView<'_>, rules: &BatchRules) -> Result<(), BatchError> {
    let records = batch.records(DECOMPRESSED_BATCH_BYTES_MAX)?;
    let mut without_key = Vec::new();
    let mut records = records.iter();
    // No adapter around the records: behind one, to read a record is a call that hands it over in memory, at twice the cost.
    for index in 0.. {
        let Some(record) = records.next() else { break };
        let record = record?;
        if record.offset_delta != index {
            return Err(BatchError::Record { index, reason: "its offset is out of turn" });
        }
        if record.header_count > 0 {
            for header in record.headers() {
                header.map_err(|_| BatchError::Record { index, reason: "its headers are broken" })?;
            }
        }
        if rules.keys_required && record.key.is_none() && without_key.len() < RECORD_FAULTS_MAX {
            without_key.push(index);
        }
    }
    RecordFaults::of(RecordRule::Key, without_key.into_iter()).map_or(Ok(()), |faults| Err(faults.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ErrorCode;
    use crate::record::{BatchBuilder, Codec, ProducerStamp};

    const RULES: BatchRules = BatchRules { bytes_max: 1000, keys_required: false };

    fn batch(codec: Codec, stamp: ProducerStamp) -> Vec<u8> {
        let mut builder = BatchBuilder::new(codec);
        builder.append(1, Some(b"k"), Some(b"v"), &[(b"h", Some(b"1"))]);
        builder.append(2, None, Some(b"w"), &[]);
        builder.finish(stamp).expect("packs")
    }

    /// Changes the header and makes the CRC right again, so that only the rule under test speaks.
    fn changed(change: impl FnOnce(&mut BatchHeader)) -> Vec<u8> {
        let mut bytes = batch(Codec::None, ProducerStamp::NONE);
        let mut header = BatchHeader::parse(&bytes).expect("whole");
        change(&mut header);
        header.crc = header.crc_with(&bytes[crate::record::HEADER_BYTES..]);
        bytes[..crate::record::HEADER_BYTES].copy_from_slice(&header.encode());
        bytes
    }

    fn code(bytes: &[u8], rules: &BatchRules) -> ErrorCode {
        ValidBatch::check(bytes, rules).map_or_else(|e| e.error_code(), |_| ErrorCode::None)
    }

    #[test]
    fn good_batches_pass() {
        for codec in Codec::ALL {
            assert_eq!(code(&batch(codec, ProducerStamp::NONE), &RULES), ErrorCode::None, "{codec:?}");
        }
        let stamp = ProducerStamp { producer_id: 1, producer_epoch: 0, base_sequence: 0 };
        assert_eq!(code(&batch(Codec::None, stamp), &RULES), ErrorCode::None);
    }

    #[test]
    fn each_rule_refuses_with_kafkas_code() {
        let invalid = ErrorCode::InvalidRecord;
        let cases: [(&str, Vec<u8>, ErrorCode); 10] = [
            ("base offset", changed(|h| h.base_offset = Offset(5)), invalid),
            ("control", changed(|h| h.attributes |= attributes::CONTROL), invalid),
            ("no record", changed(|h| (h.record_count, h.last_offset_delta) = (0, -1)), invalid),
            ("count", changed(|h| h.record_count = 3), invalid),
            ("count and delta", changed(|h| (h.record_count, h.last_offset_delta) = (3, 2)), invalid),
            ("fewer", changed(|h| (h.record_count, h.last_offset_delta) = (1, 0)), invalid),
            ("no sequence", changed(|h| h.producer_id = 4), invalid),
            ("transactional", changed(|h| h.attributes |= attributes::TRANSACTIONAL), invalid),
            ("codec", changed(|h| h.attributes |= 7), invalid),
            ("append time", changed(|h| h.attributes |= attributes::LOG_APPEND_TIME), ErrorCode::InvalidTimestamp),
        ];
        for (name, bytes, expected) in cases {
            assert_eq!(code(&bytes, &RULES), expected, "{name}");
        }
    }

    #[test]
    fn size_crc_magic_and_two_batches_are_told_apart() {
        let good = batch(Codec::None, ProducerStamp::NONE);
        assert_eq!(code(&good, &BatchRules { bytes_max: good.len() - 1, ..RULES }), ErrorCode::MessageTooLarge);
        let mut bad = good.clone();
        *bad.last_mut().expect("not empty") ^= 1;
        assert_eq!(code(&bad, &RULES), ErrorCode::CorruptMessage);
        let mut old = good.clone();
        old[16] = 1;
        assert_eq!(code(&old, &RULES), ErrorCode::InvalidRecord);
        assert_eq!(code(&[good.clone(), good].concat(), &RULES), ErrorCode::InvalidRecord);
        old.truncate(30);
        assert_eq!(code(&old, &RULES), ErrorCode::InvalidRecord, "format 1 has a shorter head");
        old[16] = 7;
        assert_eq!(code(&old, &RULES), ErrorCode::CorruptMessage, "a format that there never was");
        assert_eq!(code(&[], &RULES), ErrorCode::InvalidRecord);
    }

    #[test]
    fn a_repacked_batch_holds_the_same_records() {
        let stamp = ProducerStamp { producer_id: 3, producer_epoch: 1, base_sequence: 9 };
        for from in Codec::ALL {
            let sent = batch(from, stamp);
            let sent = ValidBatch::check(&sent, &RULES).expect("valid");
            for to in Codec::ALL {
                let packed = repack(&sent, Packing { codec: to, level: None }).expect("packs");
                let packed = ValidBatch::check(&packed, &RULES).expect("still valid");
                assert_eq!(packed.header.codec(), Ok(to));
                let same = (packed.header.producer_id, packed.header.base_sequence, packed.header.max_timestamp);
                assert_eq!(same, (3, 9, 2));
                let records = |batch: &ValidBatch<'_>| {
                    let view = BatchView { header: batch.header, bytes: batch.bytes };
                    view.records(1000)
                        .expect("unpacks")
                        .iter()
                        .map(|r| r.expect("a record").value.map(<[u8]>::to_vec))
                        .collect::<Vec<_>>()
                };
                assert_eq!(records(&packed), records(&sent), "{from:?} to {to:?}");
            }
        }
    }

    #[test]
    fn a_compacted_topic_names_the_records_without_a_key() {
        let rules = BatchRules { keys_required: true, ..RULES };
        for codec in Codec::ALL {
            let bytes = batch(codec, ProducerStamp::NONE);
            let verdict = ValidBatch::check(&bytes, &rules).map(|_| ());
            let faults = RecordFaults { rule: RecordRule::Key, indexes: vec![1] };
            assert_eq!(verdict, Err(BatchError::Records(faults)), "{codec:?}");
        }
    }

    #[test]
    fn records_of_another_time_are_named() {
        for codec in Codec::ALL {
            // Their times are 1 and 2.
            let bytes = batch(codec, ProducerStamp::NONE);
            let valid = ValidBatch::check(&bytes, &RULES).expect("valid");
            let named = |oldest, newest| {
                time_faults(&valid, oldest, newest).expect("unpacks").map_or(Vec::new(), |faults| faults.indexes)
            };
            assert_eq!(named(1, 2), Vec::<i32>::new(), "{codec:?}");
            assert_eq!(named(2, 9), [0], "{codec:?}");
            assert_eq!(named(0, 1), [1], "{codec:?}");
            assert_eq!(named(3, 9), [0, 1], "{codec:?}");
        }
    }
}
