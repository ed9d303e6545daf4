//! What one fetch brought of one partition, and the records in it, decoded in place.
//!
//! Always holds: each batch's CRC is checked before anything in it is believed; records before the position asked for
//! (a fetch starts with a whole batch), control records and records of aborted transactions are left out; no record
//! is handed out twice.

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;

use super::aborted::AbortedFilter;
use crate::base::limits::DECOMPRESSED_BATCH_BYTES_MAX;
use crate::base::{Offset, PartitionId};
use crate::client::ClientError;
use crate::protocol::kafka::api::fetch::AbortedTransaction;
use crate::record::{BatchError, BatchHeader, BatchView, RecordView};

/// Who set a record's timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer.
    Create,
    /// The broker, when it stored the record.
    LogAppend,
}

/// A record and where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    pub topic: &'a str,
    pub partition: PartitionId,
    pub offset: Offset,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    pub timestamp_type: TimestampType,
    view: RecordView<'a>,
}

impl<'a> Record<'a> {
    pub fn key(&self) -> Option<&'a [u8]> {
        self.view.key
    }

    pub fn value(&self) -> Option<&'a [u8]> {
        self.view.value
    }

    /// Name and value of each header, in order, duplicates included.
    pub fn headers(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        // They were looked through before the record was handed out.
        self.view.headers().map_while(Result::ok)
    }
}

/// A stretch of one partition.
#[derive(Debug)]
pub struct Chunk {
    topic: Arc<str>,
    partition: PartitionId,
    records: Bytes,
    /// The batch to read next.
    at: usize,
    position: Offset,
    until: Offset,
    next: Offset,
    filter: AbortedFilter,
    high_watermark: Offset,
}

impl Chunk {
    /// `records` are whole batches, maybe with a cut one at the end; `position` is the offset asked for. Records from
    /// `until` on are not handed out.
    pub(in crate::client) fn new(
        topic: Arc<str>,
        partition: PartitionId,
        records: Bytes,
        position: Offset,
        until: Option<Offset>,
    ) -> Chunk {
        let (whole, next) = whole_batches(&records, position);
        let until = until.unwrap_or(Offset(i64::MAX));
        Chunk {
            topic,
            partition,
            records: records.slice(..whole),
            at: 0,
            position,
            until,
            next: next.min(until).max(position),
            filter: AbortedFilter::default(),
            high_watermark: Offset(-1),
        }
    }

    pub(super) fn with_aborted(mut self, aborted: &[AbortedTransaction]) -> Chunk {
        self.filter = AbortedFilter::new(aborted);
        self
    }

    pub(super) fn with_high_watermark(mut self, high_watermark: Offset) -> Chunk {
        self.high_watermark = high_watermark;
        self
    }

    /// Whether not even one whole batch came.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    pub fn partition(&self) -> PartitionId {
        self.partition
    }

    /// The offset to go on from: behind the last record handed out, or behind the chunk when it is read to its end.
    pub fn position(&self) -> Offset {
        self.position
    }

    /// Where the chunk ends.
    pub fn next_offset(&self) -> Offset {
        self.next
    }

    /// The partition's end when this was fetched.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// Hands out the records that have not been, until `take` breaks off or the chunk ends.
    ///
    /// A damaged batch is an error, before any of its records is handed out that can't be read; calling again
    /// after [`skip_damaged`](Self::skip_damaged) goes on behind it.
    #[inline]
    pub fn read(
        &mut self,
        mut take: impl FnMut(&Record<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, ClientError> {
        while self.at < self.records.len() {
            let batch = match BatchView::parse(&self.records[self.at..]) {
                Ok(batch) if batch.header.base_offset >= self.until => break,
                Ok(batch) => batch,
                Err(e) => return Err(self.damaged(&e)),
            };
            if let Err(e) = batch.verify_crc() {
                return Err(self.damaged(&e));
            }
            // A batch that was broken off in the middle comes here again; to the filter that makes no difference.
            if self.filter.admits(&batch) {
                let mut position = self.position;
                let read = read_batch(&batch, &self.topic, self.partition, &mut position, self.until, &mut take);
                self.position = position;
                match read {
                    Ok(ControlFlow::Continue(())) => {}
                    Ok(ControlFlow::Break(())) => return Ok(ControlFlow::Break(())),
                    Err(e) => return Err(self.damaged(&e)),
                }
            }
            self.position = self.position.max(batch.header.next_offset()).min(self.until);
            self.at += batch.bytes.len();
        }
        self.position = self.next;
        Ok(ControlFlow::Continue(()))
    }

    /// Passes over the batch that [`read`](Self::read) found damaged; gives the offsets that are left out, first and last.
    /// Where the chunk can't be followed any further it ends, and its position is where to fetch again.
    pub fn skip_damaged(&mut self) -> (Offset, Offset) {
        let first = self.position;
        let rest = &self.records[self.at..];
        // Length and base offset lie outside the CRC, and may be all that is still good: the next batch is believed
        // before the damaged one.
        let length = BatchHeader::parse(rest).map_or(rest.len(), |header| header.total_bytes().min(rest.len()));
        let after = BatchHeader::parse(&rest[length..]).ok().map(|header| header.base_offset);
        match after.filter(|after| *after > first && *after <= self.next) {
            Some(after) => {
                self.at += length;
                self.position = after;
            }
            None => {
                let claimed = BatchHeader::parse(rest).map(|header| header.next_offset()).ok();
                let claimed = claimed.filter(|next| *next > first && *next <= self.high_watermark);
                self.at = self.records.len();
                self.next = claimed.unwrap_or(Offset(first.0.saturating_add(1)));
                self.position = self.next;
            }
        }
        (first, Offset(self.position.0 - 1))
    }

    fn damaged(&self, error: &BatchError) -> ClientError {
        ClientError::Damaged {
            topic: self.topic.to_string(),
            partition: self.partition,
            offset: self.position,
            reason: error.to_string(),
        }
    }
}

#[inline]
fn read_batch(
    batch: &BatchView<'_>,
    topic: &str,
    partition: PartitionId,
    position: &mut Offset,
    until: Offset,
    take: &mut impl FnMut(&Record<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, BatchError> {
    let header = &batch.header;
    let records = batch.records(DECOMPRESSED_BATCH_BYTES_MAX)?;
    let appended = header.has_log_append_time();
    let timestamp_type = if appended { TimestampType::LogAppend } else { TimestampType::Create };
    for view in records.iter() {
        let view = view?;
        let offset = Offset(header.base_offset.0.wrapping_add(i64::from(view.offset_delta)));
        if offset < *position {
            continue;
        }
        if offset >= until {
            break;
        }
        if view.header_count > 0 {
            view.headers().try_for_each(|header| header.map(drop))?;
        }
        let created = || header.base_timestamp.wrapping_add(view.timestamp_delta);
        let timestamp = if appended { header.max_timestamp } else { created() };
        *position = offset.plus(1);
        let record = Record { topic, partition, offset, timestamp, timestamp_type, view };
        if take(&record).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// How many bytes the whole batches in front take, and the offset behind them. A cut batch at the end, which a broker may
/// send to fill up an answer, is left out; any other bytes that are no batch stay in, to be found when read.
fn whole_batches(records: &[u8], from: Offset) -> (usize, Offset) {
    let (mut at, mut next) = (0, from);
    while at < records.len() {
        match BatchHeader::parse(&records[at..]) {
            Ok(header) if header.total_bytes() <= records.len() - at => {
                at += header.total_bytes();
                next = next.max(header.next_offset());
            }
            Ok(_) | Err(BatchError::Truncated { .. }) => break,
            Err(_) => return (records.len(), next),
        }
    }
    (at, next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BatchBuilder, Codec, ProducerStamp, attributes};

    fn batch(base: i64, values: &[&str], codec: Codec) -> Vec<u8> {
        let mut builder = BatchBuilder::new(codec);
        for (i, value) in values.iter().enumerate() {
            builder.append(1000 + i as i64, None, Some(value.as_bytes()), &[]);
        }
        let mut bytes = builder.finish(ProducerStamp::NONE).expect("packs");
        bytes[..8].copy_from_slice(&base.to_be_bytes());
        bytes
    }

    fn chunk(records: Vec<u8>, position: i64, until: Option<i64>) -> Chunk {
        Chunk::new("T".into(), PartitionId(0), records.into(), Offset(position), until.map(Offset))
            .with_high_watermark(Offset(1000))
    }

    /// What is read until the end or the first error.
    fn values(chunk: &mut Chunk) -> (Vec<(i64, String)>, Option<ClientError>) {
        let mut values = Vec::new();
        let read = chunk.read(|record| {
            values.push((record.offset.0, String::from_utf8_lossy(record.value().unwrap_or_default()).into_owned()));
            ControlFlow::Continue(())
        });
        (values, read.err())
    }

    fn expected(from: i64, texts: &[&str]) -> Vec<(i64, String)> {
        (from..).zip(texts).map(|(offset, text)| (offset, (*text).to_owned())).collect()
    }

    #[test]
    fn records_come_from_the_position_to_the_end_wanted() {
        for codec in [Codec::None, Codec::Zstd] {
            let log = [batch(10, &["a", "b", "c"], codec), batch(13, &["d", "e"], codec)].concat();
            let mut all = chunk(log.clone(), 11, None);
            assert_eq!(all.next_offset(), Offset(15));
            assert_eq!(values(&mut all), (expected(11, &["b", "c", "d", "e"]), None));
            assert_eq!(all.position(), Offset(15));
            let mut some = chunk(log, 10, Some(14));
            assert_eq!(values(&mut some), (expected(10, &["a", "b", "c", "d"]), None));
            assert_eq!((some.position(), some.next_offset()), (Offset(14), Offset(14)));
        }
    }

    #[test]
    fn a_reader_can_break_off_anywhere_and_go_on() {
        let log = [batch(0, &["a", "b", "c"], Codec::None), batch(3, &["d"], Codec::None)].concat();
        let mut chunk = chunk(log, 0, None);
        for (offset, last) in [(0, false), (1, false), (2, false), (3, true)] {
            let mut seen = None;
            let flow = chunk.read(|record| {
                seen = Some(record.offset.0);
                ControlFlow::Break(())
            });
            assert_eq!((seen, flow), (Some(offset), Ok(ControlFlow::Break(()))));
            assert_eq!(chunk.position(), Offset(offset + 1), "{last}");
        }
        assert_eq!(values(&mut chunk), (vec![], None));
    }

    #[test]
    fn a_cut_tail_is_left_for_the_next_fetch() {
        let second = batch(2, &["c"], Codec::None);
        for cut in 0..second.len() {
            let log = [&batch(0, &["a", "b"], Codec::None)[..], &second[..cut]].concat();
            let mut chunk = chunk(log, 0, None);
            assert_eq!(values(&mut chunk), (expected(0, &["a", "b"]), None), "cut at {cut}");
            assert_eq!(chunk.position(), Offset(2));
        }
    }

    #[test]
    fn trailing_control_batches_move_the_position() {
        let mut builder =
            BatchBuilder::new(Codec::None).with_attributes(attributes::CONTROL | attributes::TRANSACTIONAL);
        builder.append(0, Some(&[0, 0, 0, 1]), Some(&[0; 6]), &[]);
        let mut marker = builder.finish(ProducerStamp::NONE).expect("not packed");
        marker[..8].copy_from_slice(&1i64.to_be_bytes());
        let mut chunk = chunk([batch(0, &["a"], Codec::None), marker].concat(), 0, Some(2));
        assert_eq!(values(&mut chunk), (expected(0, &["a"]), None));
        assert_eq!(chunk.position(), Offset(2));
    }

    #[test]
    fn damage_is_named_and_can_be_skipped() {
        let mut log =
            [batch(0, &["a"], Codec::None), batch(1, &["b", "c"], Codec::None), batch(3, &["d"], Codec::None)];
        let last = log[1].len() - 2;
        log[1][last] ^= 1;
        let mut chunk = chunk(log.concat(), 0, None);
        let (read, error) = values(&mut chunk);
        assert_eq!(read, expected(0, &["a"]));
        assert!(matches!(&error, Some(ClientError::Damaged { offset: Offset(1), .. })), "{error:?}");
        assert_eq!(chunk.skip_damaged(), (Offset(1), Offset(2)));
        assert_eq!(values(&mut chunk), (expected(3, &["d"]), None));
    }

    #[test]
    fn damage_at_the_end_of_a_chunk_is_passed_by_what_can_be_believed() {
        let mut log = batch(5, &["a", "b"], Codec::None);
        let last = log.len() - 2;
        log[last] ^= 1;
        let mut ends = chunk(log.clone(), 5, None);
        assert!(values(&mut ends).1.is_some());
        assert_eq!(ends.skip_damaged(), (Offset(5), Offset(6)));
        // The count of offsets is damaged too: it points beyond the partition's end.
        log[23..27].copy_from_slice(&i32::MAX.to_be_bytes());
        let mut ends = chunk(log, 5, None);
        assert!(values(&mut ends).1.is_some());
        assert_eq!(ends.skip_damaged(), (Offset(5), Offset(5)));
        assert_eq!(ends.position(), Offset(6));
    }

    #[test]
    fn no_bytes_make_a_chunk_panic() {
        let good = [batch(0, &["a", "b"], Codec::None), batch(2, &["c"], Codec::Snappy)].concat();
        for at in 0..good.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[at] ^= flip;
                let mut chunk = chunk(bad, 0, None);
                for _ in 0..10 {
                    if values(&mut chunk).1.is_none() {
                        break;
                    }
                    chunk.skip_damaged();
                }
                assert!(chunk.position() >= Offset(0));
            }
        }
    }
}
