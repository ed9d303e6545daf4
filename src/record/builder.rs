//! Builds a batch: records go straight into their final place, one copy from wherever they lie.

use super::varint::{HEAD_BYTES_MAX, Head, len_i64, write_i64};
use super::{BatchHeader, Codec, CompressError, HEADER_BYTES, LENGTH_PREFIX_BYTES};
use crate::base::{LeaderEpoch, Offset};

/// Who sent a batch, for the broker's duplicate detection (KIP-98).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerStamp {
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
}

impl ProducerStamp {
    /// A producer that is not idempotent.
    pub const NONE: ProducerStamp = ProducerStamp { producer_id: -1, producer_epoch: -1, base_sequence: -1 };
}

#[derive(Debug)]
pub struct BatchBuilder {
    /// The header's place, then the records.
    bytes: Vec<u8>,
    codec: Codec,
    attributes: i16,
    count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
}

impl BatchBuilder {
    pub fn new(codec: Codec) -> BatchBuilder {
        BatchBuilder::reusing(Vec::new(), codec)
    }

    /// Builds in a buffer that somebody is done with, so that a fast producer allocates nothing.
    pub fn reusing(mut buffer: Vec<u8>, codec: Codec) -> BatchBuilder {
        buffer.clear();
        buffer.resize(HEADER_BYTES, 0);
        BatchBuilder { bytes: buffer, codec, attributes: 0, count: 0, base_timestamp: 0, max_timestamp: i64::MIN }
    }

    /// Sets further attribute bits (`attributes::TRANSACTIONAL`, `attributes::CONTROL`).
    pub fn with_attributes(mut self, bits: i16) -> BatchBuilder {
        self.attributes |= bits;
        self
    }

    /// Adds a record. `timestamp` is in milliseconds since 1970.
    #[inline]
    pub fn append(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&[u8], Option<&[u8]>)],
    ) {
        if self.count == 0 {
            self.base_timestamp = timestamp;
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        let timestamp_delta = timestamp.wrapping_sub(self.base_timestamp);
        let offset_delta = self.count;
        let mut length = 1
            + len_i64(timestamp_delta)
            + len_i64(i64::from(offset_delta))
            + field_len(key)
            + field_len(value)
            + len_i64(headers.len() as i64);
        for (name, value) in headers {
            length += field_len(Some(name)) + field_len(*value);
        }
        let out = &mut self.bytes;
        out.reserve(length + HEAD_BYTES_MAX);
        let mut head = Head::default();
        head.varint(length as i64);
        head.byte(0);
        head.varint(timestamp_delta);
        head.varint(i64::from(offset_delta));
        head.varint(length_of(key));
        if let Some(key) = key {
            head.write(out);
            out.extend_from_slice(key);
            head = Head::default();
        }
        head.varint(length_of(value));
        head.write(out);
        if let Some(value) = value {
            out.extend_from_slice(value);
        }
        write_i64(out, headers.len() as i64);
        for (name, value) in headers {
            write_field(out, Some(name));
            write_field(out, *value);
        }
        self.count += 1;
    }

    /// What the batch takes so far, before compression.
    pub fn len_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The most a further record can add to [`len_bytes`](Self::len_bytes).
    pub fn record_bytes_max(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[(&[u8], Option<&[u8]>)]) -> usize {
        let headers: usize = headers.iter().map(|(name, value)| field_len(Some(name)) + field_len(*value)).sum();
        5 + 1 + 10 + 5 + field_len(key) + field_len(value) + 5 + headers
    }

    pub fn record_count(&self) -> i32 {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Packs the records, fills in the header and gives the batch. Base offset and leader epoch are the
    /// broker's to assign.
    pub fn finish(mut self, stamp: ProducerStamp) -> Result<Vec<u8>, CompressError> {
        if self.codec != Codec::None {
            let mut packed = Vec::with_capacity(HEADER_BYTES + self.bytes.len() / 2);
            packed.resize(HEADER_BYTES, 0);
            self.codec.compress(&self.bytes[HEADER_BYTES..], &mut packed)?;
            self.bytes = packed;
        }
        let mut header = BatchHeader {
            base_offset: Offset::ZERO,
            batch_length: (self.bytes.len() - LENGTH_PREFIX_BYTES) as i32,
            leader_epoch: LeaderEpoch(-1),
            crc: 0,
            attributes: self.attributes | self.codec.id(),
            last_offset_delta: self.count - 1,
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id: stamp.producer_id,
            producer_epoch: stamp.producer_epoch,
            base_sequence: stamp.base_sequence,
            record_count: self.count,
        };
        header.crc = header.crc_with(&self.bytes[HEADER_BYTES..]);
        self.bytes[..HEADER_BYTES].copy_from_slice(&header.encode());
        Ok(self.bytes)
    }
}

/// As it stands before a field: -1 for one that is null.
#[inline]
fn length_of(field: Option<&[u8]>) -> i64 {
    field.map_or(-1, |bytes| bytes.len() as i64)
}

#[inline]
pub(super) fn field_len(field: Option<&[u8]>) -> usize {
    match field {
        Some(bytes) => len_i64(bytes.len() as i64) + bytes.len(),
        None => 1,
    }
}

#[inline]
pub(super) fn write_field(out: &mut Vec<u8>, field: Option<&[u8]>) {
    write_i64(out, length_of(field));
    if let Some(bytes) = field {
        out.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::BatchView;

    /// The bytes of one record as Kafka's page on the message format spells them.
    #[test]
    fn a_record_lies_as_kafka_lays_it() {
        let mut builder = BatchBuilder::new(Codec::None);
        builder.append(5, Some(b"k"), Some(b"vv"), &[(b"h", None)]);
        let bytes = builder.finish(ProducerStamp::NONE).expect("no codec");
        let body = BatchView::parse(&bytes).expect("whole").body();
        let expected = [0x18, 0, 0, 0, 0x02, b'k', 0x04, b'v', b'v', 0x02, 0x02, b'h', 0x01];
        assert_eq!(body, expected);
    }

    #[test]
    fn the_estimate_is_never_too_small() {
        let headers: [(&[u8], Option<&[u8]>); 1] = [(b"name", Some(&[1; 70]))];
        let mut builder = BatchBuilder::new(Codec::None);
        for timestamp in [0, 1 << 40, -1] {
            let before = builder.len_bytes();
            builder.append(timestamp, Some(&[0; 100]), Some(&[0; 9000]), &headers);
            let added = builder.len_bytes() - before;
            assert!(added <= BatchBuilder::record_bytes_max(Some(&[0; 100]), Some(&[0; 9000]), &headers));
        }
    }

    #[test]
    fn a_used_buffer_leaves_no_trace() {
        let mut builder = BatchBuilder::reusing(vec![0xaa; 4096], Codec::None);
        builder.append(0, None, Some(b"v"), &[]);
        let mut fresh = BatchBuilder::new(Codec::None);
        fresh.append(0, None, Some(b"v"), &[]);
        assert_eq!(builder.finish(ProducerStamp::NONE), fresh.finish(ProducerStamp::NONE));
    }
}
