//! The `.producers` file: what was true when the log ended at the offset in its name.
//!
//! Producers with up to five batches each (Kafka's .snapshot keeps one, so a restart would forget), and the sizes of
//! the segment that ended or stood there, so that a start after a clean stop reads no log data. It is only written
//! after everything below its offset was synced; it therefore is the partition's recovery point. Big-endian, behind
//! a magic number, a version and a CRC-32C of all that follows it.

use super::producers::{ProducerBatch, ProducerState, Producers};
use super::segment::{Growth, SegmentSummary};
use super::txn_index::Tally;
use crate::base::limits::PRODUCER_BATCHES_REMEMBERED;
use crate::base::{LeaderEpoch, Offset};

const MAGIC: [u8; 4] = *b"RKPS";
const VERSION: u16 = 1;
/// Magic, version, CRC.
const PREFIX_BYTES: usize = 4 + 2 + 4;

/// A state file's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogState {
    /// The log end when it was written.
    pub next_offset: Offset,
    pub log_start: Offset,
    /// The epoch of the last batch, -1 if there was none.
    pub leader_epoch: LeaderEpoch,
    /// The segment that ends here; none in a log without segments.
    pub segment: Option<SegmentSummary>,
    pub(super) producers: Producers,
}

/// Why a state file is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StateFlaw {
    #[error("it is cut short")]
    Short,
    #[error("it is no state file")]
    Magic,
    #[error("it has version {0}, which this program does not know")]
    Version(u16),
    #[error("it fails its CRC")]
    Crc,
    #[error("its fields contradict each other")]
    Contradiction,
}

impl LogState {
    /// The producers, in order of their ids.
    pub fn producers(&self) -> Vec<ProducerState> {
        let mut states: Vec<ProducerState> = self.producers.states().copied().collect();
        states.sort_by_key(|state| state.producer_id);
        states
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(PREFIX_BYTES + 128 + self.producers.len() * 160);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        put_i64(&mut out, self.next_offset.0);
        put_i64(&mut out, self.log_start.0);
        put_i32(&mut out, self.leader_epoch.0);
        out.push(u8::from(self.segment.is_some()));
        if let Some(segment) = &self.segment {
            encode_segment(segment, &mut out);
        }
        put_i32(&mut out, self.producers.len() as i32);
        self.producers().iter().for_each(|state| encode_producer(state, &mut out));
        let crc = crc32c::crc32c(&out[PREFIX_BYTES..]);
        out[PREFIX_BYTES - 4..PREFIX_BYTES].copy_from_slice(&crc.to_be_bytes());
        out
    }

    pub fn decode(bytes: &[u8]) -> Result<LogState, StateFlaw> {
        let (prefix, rest) = bytes.split_at_checked(PREFIX_BYTES).ok_or(StateFlaw::Short)?;
        let mut input = Input { rest: prefix };
        if input.array::<4>()? != MAGIC {
            return Err(StateFlaw::Magic);
        }
        let version = u16::from_be_bytes(input.array()?);
        if version != VERSION {
            return Err(StateFlaw::Version(version));
        }
        if u32::from_be_bytes(input.array()?) != crc32c::crc32c(rest) {
            return Err(StateFlaw::Crc);
        }
        let mut input = Input { rest };
        let next_offset = Offset(input.i64()?);
        let log_start = Offset(input.i64()?);
        let leader_epoch = LeaderEpoch(input.i32()?);
        let segment = match input.u8()? {
            0 => None,
            1 => Some(decode_segment(&mut input)?),
            _ => return Err(StateFlaw::Contradiction),
        };
        let count = input.i32()?;
        let mut producers = Producers::default();
        // Each turn reads from what is there, so a count that lies ends in `Short`.
        for _ in 0..count {
            producers.restore(decode_producer(&mut input)?);
        }
        let sound = input.rest.is_empty()
            && count >= 0
            && Offset::ZERO <= log_start
            && log_start <= next_offset
            && segment.is_none_or(|segment| Offset::ZERO <= segment.base && segment.base <= next_offset);
        if !sound {
            return Err(StateFlaw::Contradiction);
        }
        Ok(LogState { next_offset, log_start, leader_epoch, segment, producers })
    }
}

fn encode_segment(segment: &SegmentSummary, out: &mut Vec<u8>) {
    put_i64(out, segment.base.0);
    put_i64(out, segment.log_bytes as i64);
    put_i32(out, segment.index_entries as i32);
    put_i32(out, segment.time_entries as i32);
    let growth = &segment.growth;
    put_i64(out, growth.max_timestamp);
    put_i64(out, growth.max_timestamp_offset.0);
    put_i64(out, growth.first_timestamp);
    put_i64(out, growth.created_ms);
    put_i64(out, growth.bytes_since_entry as i64);
    put_i32(out, growth.interval as i32);
    put_i32(out, growth.aborted.count as i32);
    put_i32(out, growth.aborted.crc as i32);
}

fn decode_segment(input: &mut Input<'_>) -> Result<SegmentSummary, StateFlaw> {
    Ok(SegmentSummary {
        base: Offset(input.i64()?),
        log_bytes: input.i64()? as u64,
        index_entries: input.i32()? as u32,
        time_entries: input.i32()? as u32,
        growth: Growth {
            max_timestamp: input.i64()?,
            max_timestamp_offset: Offset(input.i64()?),
            first_timestamp: input.i64()?,
            created_ms: input.i64()?,
            bytes_since_entry: input.i64()? as u64,
            interval: input.i32()? as u32,
            aborted: Tally { count: input.i32()? as u32, crc: input.i32()? as u32 },
        },
    })
}

fn encode_producer(state: &ProducerState, out: &mut Vec<u8>) {
    put_i64(out, state.producer_id);
    out.extend_from_slice(&state.epoch.to_be_bytes());
    put_i32(out, state.coordinator_epoch);
    put_i64(out, state.last_timestamp);
    put_i64(out, state.last_seen_ms);
    put_i64(out, state.transaction_start.map_or(-1, |first| first.0));
    out.push(u8::from(state.uncertain));
    out.push(state.batches().len() as u8);
    for batch in state.batches() {
        put_i32(out, batch.last_sequence);
        put_i64(out, batch.last_offset.0);
        put_i32(out, batch.offset_delta);
        put_i64(out, batch.timestamp);
    }
}

fn decode_producer(input: &mut Input<'_>) -> Result<ProducerState, StateFlaw> {
    let mut state = ProducerState::new(input.i64()?, i16::from_be_bytes(input.array()?));
    state.coordinator_epoch = input.i32()?;
    state.last_timestamp = input.i64()?;
    state.last_seen_ms = input.i64()?;
    state.transaction_start = Some(input.i64()?).filter(|first| *first >= 0).map(Offset);
    state.uncertain = match input.u8()? {
        0 => false,
        1 => true,
        _ => return Err(StateFlaw::Contradiction),
    };
    let batches = usize::from(input.u8()?);
    if batches > PRODUCER_BATCHES_REMEMBERED {
        return Err(StateFlaw::Contradiction);
    }
    for _ in 0..batches {
        state.push_batch(ProducerBatch {
            last_sequence: input.i32()?,
            last_offset: Offset(input.i64()?),
            offset_delta: input.i32()?,
            timestamp: input.i64()?,
        });
    }
    Ok(state)
}

fn put_i64(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(&value.to_be_bytes());
}

fn put_i32(out: &mut Vec<u8>, value: i32) {
    out.extend_from_slice(&value.to_be_bytes());
}

struct Input<'a> {
    rest: &'a [u8],
}

impl Input<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], StateFlaw> {
        let (value, rest) = self.rest.split_first_chunk::<N>().ok_or(StateFlaw::Short)?;
        self.rest = rest;
        Ok(*value)
    }

    fn u8(&mut self) -> Result<u8, StateFlaw> {
        Ok(self.array::<1>()?[0])
    }

    fn i32(&mut self) -> Result<i32, StateFlaw> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    fn i64(&mut self) -> Result<i64, StateFlaw> {
        Ok(i64::from_be_bytes(self.array()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> LogState {
        let mut producers = Producers::default();
        for id in [3, 1, 2] {
            let mut producer = ProducerState::new(id, 4);
            producer.transaction_start = (id == 2).then_some(Offset(77));
            for n in 0..id as i32 * 2 {
                let last_offset = Offset(i64::from(n) + 90);
                producer.push_batch(ProducerBatch { last_sequence: n, last_offset, offset_delta: 0, timestamp: 5 });
            }
            producers.restore(producer);
        }
        let growth = Growth { max_timestamp: 9, ..Growth::new(Offset(50), 1, 4096) };
        let segment = SegmentSummary { base: Offset(50), log_bytes: 1234, index_entries: 3, time_entries: 2, growth };
        LogState {
            next_offset: Offset(100),
            log_start: Offset(10),
            leader_epoch: LeaderEpoch(6),
            segment: Some(segment),
            producers,
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let state = state();
        assert_eq!(LogState::decode(&state.encode()), Ok(state.clone()));
        assert_eq!(state.producers().len(), 3);
        assert_eq!(state.producers()[2].batches().len(), 5);
        let bare = LogState { segment: None, producers: Producers::default(), ..state };
        assert_eq!(LogState::decode(&bare.encode()), Ok(bare));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let good = state().encode();
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(LogState::decode(&bad).is_err(), "bit {bit}");
        }
        for cut in 0..good.len() {
            assert!(LogState::decode(&good[..cut]).is_err(), "cut at {cut}");
        }
        assert!(LogState::decode(&[good, vec![0]].concat()).is_err());
    }
}
