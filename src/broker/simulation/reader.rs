//! A partition as a consumer reads it: from its start up to an offset, every batch checked.

use super::owed::{Held, Sent};
use crate::base::Offset;
use crate::broker::partition::Partition;
use crate::log::ReadError;
use crate::record::batches;

/// Small, so that a log takes many reads.
const READ_BYTES: usize = 900;
/// A consumer tries again: disks misread, and refuse for a while.
const TRIES: usize = 4;

/// What every record's value ends with.
pub(super) fn filling(id: u64) -> u8 {
    id as u8
}

/// `holes` says that what was lost without a promise may have left some, which the log names.
pub(super) fn read_all(partition: &Partition, upto: Offset, compacted: bool, holes: bool) -> Result<Held, String> {
    let name = partition.name();
    let log = partition.log().map_err(|error| error.to_string())?;
    let start = log.log_start();
    let mut held = Held { start: start.0, records: Default::default() };
    let mut next = start;
    let mut tries = 0;
    while next < upto {
        tries += 1;
        let read = match log.read(next, READ_BYTES, upto, true) {
            // Offsets lie outside the CRC: what was misread on its way to us is no fault of the log's.
            Ok(Some(slice)) => match (slice.bytes(), slice.bytes()) {
                (Ok(one), Ok(other)) if one == other => take(&mut held, &one, next, compacted),
                (Err(error), _) | (_, Err(error)) => Err(error.to_string()),
                _ => Err("misread".to_owned()),
            },
            // Compaction may have left nothing there. A misread length makes a batch too long for an answer.
            Ok(None) if compacted && tries == TRIES => break,
            Ok(None) => Err(format!("nothing is there, though the end is {upto}")),
            Err(ReadError::Corrupt { next, .. }) if holes => Ok(next),
            Err(error @ ReadError::Storage(_)) => Err(error.to_string()),
            Err(error) => return Err(format!("{name} from offset {next}: {error}")),
        };
        match read {
            Ok(after) => (next, tries) = (after, 0),
            Err(_) if tries < TRIES => {}
            Err(error) => return Err(format!("{name} from offset {next}: {error}")),
        }
    }
    held.records = held.records.split_off(&start.0);
    Ok(held)
}

/// Gives the offset behind the last batch.
fn take(held: &mut Held, bytes: &[u8], from: Offset, compacted: bool) -> Result<Offset, String> {
    let mut expected = None;
    for batch in batches(bytes) {
        let batch = batch.map_err(|error| error.to_string())?;
        batch.verify_crc().map_err(|error| error.to_string())?;
        let header = &batch.header;
        let first_is_right = expected.is_some() || header.base_offset <= from;
        if !compacted && (!first_is_right || expected.is_some_and(|expected| header.base_offset != expected)) {
            return Err(format!("offsets are missing before {}", header.base_offset));
        }
        expected = Some(header.next_offset());
        if header.is_control() {
            continue;
        }
        for record in batch.records(1 << 20).map_err(|error| error.to_string())?.iter() {
            let record = record.map_err(|error| error.to_string())?;
            let number = record.value.and_then(|value| value.split_first_chunk());
            let (Some((id, rest)), Some(&[key])) = (number, record.key) else {
                return Err("a record of another kind".to_owned());
            };
            let id = u64::from_be_bytes(*id);
            if rest.iter().any(|byte| *byte != filling(id)) {
                return Err(format!("record {id} has other bytes than it was sent with"));
            }
            let producer = header.has_producer_id().then_some(header.producer_id);
            held.records.insert(header.base_offset.0 + i64::from(record.offset_delta), Sent { id, key, producer });
        }
    }
    expected.ok_or_else(|| "an empty answer".to_owned())
}
