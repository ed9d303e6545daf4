//! For tests here and in the programs: records out of nothing.

use std::ops::ControlFlow;

use super::{Chunk, Record};
use crate::base::{Offset, PartitionId};
use crate::record::{BatchBuilder, Codec, ProducerStamp};

/// Calls `look` with a record of topic Payments, partition 3, offset 42.
pub(crate) fn with_record<T>(
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[(&[u8], Option<&[u8]>)],
    look: impl Fn(&Record<'_>) -> T,
) -> T {
    let mut builder = BatchBuilder::new(Codec::None);
    builder.append(1_732_261_234_567, key, value, headers);
    let mut bytes = builder.finish(ProducerStamp::NONE).expect("not packed");
    bytes[..8].copy_from_slice(&42i64.to_be_bytes());
    let mut chunk = Chunk::new("Payments".into(), PartitionId(3), bytes.into(), Offset(42), None);
    let mut looked = None;
    let read = chunk.read(|record| {
        looked = Some(look(record));
        ControlFlow::Continue(())
    });
    assert!(read.is_ok());
    looked.expect("one record was put in")
}
