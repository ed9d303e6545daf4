//! The records inside a batch, decoded in place.

use std::borrow::Cow;

use super::varint::{read_i32, read_i64};
use super::{BatchError, BatchView};

/// A batch's records, unpacked: borrowed from the batch where it is not compressed.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    bytes: Cow<'a, [u8]>,
    count: i32,
}

impl<'a> Records<'a> {
    pub(super) fn unpack(batch: &BatchView<'a>, max_bytes: usize) -> Result<Records<'a>, BatchError> {
        let codec = batch.header.codec()?;
        let count = batch.header.record_count;
        if count < 0 {
            return Err(BatchError::Invalid("its record count is negative"));
        }
        Ok(Records { bytes: codec.decompress(batch.body(), max_bytes)?, count })
    }

    /// As many records as the header counts; bytes left over after them are an error, as in Kafka.
    pub fn iter(&self) -> RecordIter<'_> {
        RecordIter { rest: &self.bytes, index: 0, count: self.count }
    }
}

/// One record. Its offset and timestamp are relative to the batch's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordView<'a> {
    pub offset_delta: i32,
    pub timestamp_delta: i64,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub header_count: i32,
    pub(super) headers: &'a [u8],
}

impl<'a> RecordView<'a> {
    /// Name and value of each header, in order, duplicates included.
    pub fn headers(&self) -> HeaderIter<'a> {
        HeaderIter { rest: self.headers, left: self.header_count }
    }
}

#[derive(Debug, Clone)]
pub struct RecordIter<'a> {
    rest: &'a [u8],
    index: i32,
    count: i32,
}

/// The next eight bytes of a record, from which short numbers are taken without looking for the end each time.
#[derive(Clone, Copy)]
struct Front {
    word: u64,
    at: usize,
    loaded_to: usize,
}

impl Front {
    const BYTES: usize = 8;

    #[inline(always)]
    fn at(bytes: &[u8], at: usize) -> Option<Front> {
        let word = u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?);
        Some(Front { word, at, loaded_to: at + Front::BYTES })
    }

    #[inline(always)]
    fn skip(&mut self, bytes: u32) {
        self.word >>= 8 * bytes;
        self.at += bytes as usize;
    }

    /// A varint of at most three bytes as it is written, zigzagged. It counts only if [`is_true`](Self::is_true) says so
    /// after it.
    #[inline(always)]
    fn number(&mut self) -> Option<u32> {
        let word = self.word as u32;
        let (value, bytes) = match word {
            _ if word & 0x80 == 0 => (word & 0x7f, 1),
            _ if word & 0x8000 == 0 => (word & 0x7f | word >> 1 & 0x3f80, 2),
            _ if word & 0x80_0000 == 0 => (word & 0x7f | word >> 1 & 0x3f80 | word >> 2 & 0x1f_c000, 3),
            _ => return None,
        };
        self.skip(bytes);
        Some(value)
    }

    /// Whether what was taken was there.
    #[inline(always)]
    fn is_true(self) -> bool {
        self.at <= self.loaded_to
    }
}

impl<'a> RecordIter<'a> {
    /// A record as nearly all of them are: short numbers, a value, no headers. Everything else is left to
    /// [`read`](Self::read), which says what is wrong, too.
    #[inline(always)]
    fn read_plain(&mut self) -> Option<RecordView<'a>> {
        let rest = self.rest;
        let unzigzag = |raw: u32| (raw >> 1) as i32 ^ -((raw & 1) as i32);
        let mut front = Front::at(rest, 0)?;
        let length = front.number()?;
        // Where the next record begins is known from the length alone: a processor that looks ahead reads several records at
        // once, as long as that does not hang on what stands in them.
        let (record, next) = rest.split_at_checked(front.at + (length >> 1) as usize)?;
        // One byte of attributes, which mean nothing in format 2.
        front.skip(1);
        let (timestamp, offset) = (front.number()?, front.number()?);
        if !front.is_true() {
            return None;
        }
        let mut front = Front::at(rest, front.at)?;
        let key = match front.number()? {
            // -1, which is null.
            1 => None,
            key_length if key_length & 1 == 0 => {
                let key = rest.get(front.at..front.at + (key_length >> 1) as usize)?;
                front = Front::at(rest, front.at + key.len())?;
                Some(key)
            }
            _ => return None,
        };
        let value_length = front.number()?;
        // Behind the value stands the number of headers, and then nothing.
        let (0, value_end) = (*record.last()?, record.len() - 1) else { return None };
        if (length | value_length) & 1 != 0 || !front.is_true() || front.at + (value_length >> 1) as usize != value_end
        {
            return None;
        }
        let value = record.get(front.at..value_end)?;
        self.rest = next;
        let (offset_delta, timestamp_delta) = (unzigzag(offset), unzigzag(timestamp).into());
        Some(RecordView { offset_delta, timestamp_delta, key, value: Some(value), header_count: 0, headers: &[] })
    }

    #[inline(always)]
    fn read(&mut self) -> Result<RecordView<'a>, &'static str> {
        let (length, used) = read_i32(self.rest).ok_or("its length can't be read")?;
        let length = usize::try_from(length).map_err(|_| "its length is negative")?;
        let end = used.checked_add(length).filter(|end| *end <= self.rest.len()).ok_or("it ends behind the batch")?;
        let mut body = &self.rest[used..end];
        self.rest = &self.rest[end..];
        // One byte of attributes, which mean nothing in format 2.
        body = body.get(1..).ok_or("it is empty")?;
        let (timestamp_delta, used) = read_i64(body).ok_or("its timestamp can't be read")?;
        body = &body[used..];
        let (offset_delta, used) = read_i32(body).ok_or("its offset can't be read")?;
        body = &body[used..];
        let key = take_bytes(&mut body).ok_or("its key does not fit")?;
        let value = take_bytes(&mut body).ok_or("its value does not fit")?;
        let (header_count, used) = read_i32(body).ok_or("its header count can't be read")?;
        let headers = &body[used..];
        if header_count < 0 {
            return Err("its header count is negative");
        }
        // A header takes two bytes at least: a count that can't be true is refused before anybody believes it.
        if header_count as usize > headers.len() / 2 {
            return Err("it has fewer headers than it says");
        }
        if header_count == 0 && !headers.is_empty() {
            return Err("it is longer than its fields");
        }
        Ok(RecordView { offset_delta, timestamp_delta, key, value, header_count, headers })
    }
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Result<RecordView<'a>, BatchError>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.index >= self.count {
            return self.end().map(Err);
        }
        self.index += 1;
        if let Some(record) = self.read_plain() {
            return Some(Ok(record));
        }
        Some(self.read().map_err(|reason| self.broken(reason)))
    }
}

impl RecordIter<'_> {
    #[cold]
    fn end(&mut self) -> Option<BatchError> {
        if self.rest.is_empty() {
            return None;
        }
        self.rest = &[];
        Some(BatchError::Invalid("it holds more bytes than its record count accounts for"))
    }

    /// The record that was just begun can't be read, and so nothing behind it.
    #[cold]
    fn broken(&mut self, reason: &'static str) -> BatchError {
        let index = self.index - 1;
        (self.index, self.rest) = (self.count, &[]);
        BatchError::Record { index, reason }
    }
}

#[derive(Debug, Clone)]
pub struct HeaderIter<'a> {
    rest: &'a [u8],
    left: i32,
}

impl<'a> HeaderIter<'a> {
    fn read(&mut self) -> Result<(&'a [u8], Option<&'a [u8]>), &'static str> {
        let name = take_bytes(&mut self.rest).ok_or("a header's name does not fit")?;
        let name = name.ok_or("a header has no name")?;
        let value = take_bytes(&mut self.rest).ok_or("a header's value does not fit")?;
        if self.left == 0 && !self.rest.is_empty() {
            return Err("it is longer than its headers");
        }
        Ok((name, value))
    }
}

impl<'a> Iterator for HeaderIter<'a> {
    type Item = Result<(&'a [u8], Option<&'a [u8]>), BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        Some(self.read().map_err(|reason| {
            self.left = 0;
            BatchError::Record { index: -1, reason }
        }))
    }
}

/// A length and so many bytes; -1 is null. The outer `None`: they are not there.
#[inline(always)]
fn take_bytes<'a>(from: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let (length, used) = read_i32(from)?;
    if length == -1 {
        *from = &from[used..];
        return Some(None);
    }
    let end = used.checked_add(usize::try_from(length).ok()?)?;
    let bytes = from.get(used..end)?;
    *from = &from[end..];
    Some(Some(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::{BatchBuilder, Codec, ProducerStamp};

    type OwnedHeader = (Vec<u8>, Option<Vec<u8>>);
    type OwnedRecord = (i64, Option<Vec<u8>>, Option<Vec<u8>>, Vec<OwnedHeader>);

    fn build(records: &[OwnedRecord], codec: Codec) -> Vec<u8> {
        let mut builder = BatchBuilder::new(codec);
        for (timestamp, key, value, headers) in records {
            let headers: Vec<_> = headers.iter().map(|(n, v)| (n.as_slice(), v.as_deref())).collect();
            builder.append(*timestamp, key.as_deref(), value.as_deref(), &headers);
        }
        builder.finish(ProducerStamp::NONE).expect("packs")
    }

    fn read_back(bytes: &[u8]) -> Result<Vec<OwnedRecord>, BatchError> {
        let batch = BatchView::parse(bytes)?;
        batch.verify_crc()?;
        let records = batch.records(1 << 20)?;
        records
            .iter()
            .map(|record| {
                let record = record?;
                let headers = record.headers().map(|h| h.map(|(n, v)| (n.to_vec(), v.map(<[u8]>::to_vec))));
                Ok((
                    batch.header.base_timestamp + record.timestamp_delta,
                    record.key.map(<[u8]>::to_vec),
                    record.value.map(<[u8]>::to_vec),
                    headers.collect::<Result<_, _>>()?,
                ))
            })
            .collect()
    }

    fn some_bytes() -> impl Strategy<Value = Option<Vec<u8>>> {
        proptest::option::of(proptest::collection::vec(any::<u8>(), 0..200))
    }

    fn some_records() -> impl Strategy<Value = Vec<OwnedRecord>> {
        let header = (proptest::collection::vec(any::<u8>(), 0..20), some_bytes());
        let record = (0..1i64 << 41, some_bytes(), some_bytes(), proptest::collection::vec(header, 0..4));
        proptest::collection::vec(record, 1..20)
    }

    fn any_codec() -> impl Strategy<Value = Codec> {
        proptest::sample::select(Codec::ALL.to_vec())
    }

    proptest! {
        #[test]
        fn what_is_built_is_read_back(records in some_records(), codec in any_codec()) {
            prop_assert_eq!(read_back(&build(&records, codec)).expect("our own bytes"), records);
        }

        #[test]
        fn any_bytes_behind_a_header_never_panic(records in some_records(), codec in any_codec(),
                junk in proptest::collection::vec(any::<u8>(), 0..100), count: i32) {
            let mut bytes = build(&records, codec);
            bytes.truncate(crate::record::HEADER_BYTES);
            bytes.extend_from_slice(&junk);
            let length = (bytes.len() - crate::record::LENGTH_PREFIX_BYTES) as i32;
            bytes[8..12].copy_from_slice(&length.to_be_bytes());
            bytes[57..61].copy_from_slice(&count.to_be_bytes());
            if let Ok(records) = BatchView::parse(&bytes).expect("a header").records(1 << 16) {
                for record in records.iter().flatten() {
                    for _ in record.headers() {}
                }
            }
        }
    }

    proptest! {
        /// Whatever the bytes are, the quick way says the same as the careful one, or nothing.
        #[test]
        fn both_ways_of_reading_agree(records in some_records(), flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4)) {
            let mut bytes = build(&records, Codec::None).split_off(crate::record::HEADER_BYTES);
            for (at, flip) in flips {
                let at = at.index(bytes.len());
                bytes[at] ^= flip;
            }
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let mut careful = RecordIter { rest, index: 0, count: 1 };
                let mut plain = careful.clone();
                let expected = careful.read();
                if let Some(record) = plain.read_plain() {
                    prop_assert_eq!((Ok(record), plain.rest), (expected, careful.rest));
                }
                if expected.is_err() {
                    break;
                }
                rest = careful.rest;
            }
        }
    }

    #[test]
    fn most_records_are_read_the_quick_way() {
        let records: Vec<OwnedRecord> = (0..20_000)
            .map(|i| (i / 100, (i % 2 == 0).then(|| b"key".to_vec()), Some(vec![b'v'; i as usize % 300]), vec![]))
            .collect();
        let bytes = build(&records, Codec::None).split_off(crate::record::HEADER_BYTES);
        let mut iter = RecordIter { rest: &bytes, index: 0, count: 20_000 };
        let mut quick = 0;
        loop {
            if iter.read_plain().is_some() {
                quick += 1;
            } else if iter.read().is_err() {
                break;
            }
        }
        assert!(quick >= 19_990, "{quick}");
    }

    #[test]
    fn a_count_that_lies_is_found_on_both_sides() {
        let records = vec![(0, None, Some(b"a".to_vec()), vec![]), (0, None, Some(b"b".to_vec()), vec![])];
        for count in [1i32, 3] {
            let mut bytes = build(&records, Codec::None);
            bytes[57..61].copy_from_slice(&count.to_be_bytes());
            let batch = BatchView::parse(&bytes).expect("whole");
            let records = batch.records(1000).expect("not packed");
            assert!(records.iter().any(|r| r.is_err()), "{count} instead of 2");
        }
    }
}
