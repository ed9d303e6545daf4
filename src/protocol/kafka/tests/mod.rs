//! Tests over all messages at once: every API in every version, with values at random.

mod hostile;
mod judge;
mod round_trip;
mod samples;
mod whole;

use std::cell::Cell;

use bytes::Bytes;

pub use samples::Samples;
pub(crate) use whole::{check_response, sample_request};

use super::{Encoder, Message};

thread_local! {
    /// What decoding has reserved for elements that were only announced, in this thread.
    static RESERVED: Cell<usize> = const { Cell::new(0) };
}

pub fn note_reserved(bytes: usize) {
    RESERVED.with(|reserved| reserved.set(reserved.get() + bytes));
}

fn encoded<M: Message>(message: &M, version: i16) -> Bytes {
    let mut out = Encoder::new();
    message.encode(&mut out, version);
    out.finish().to_bytes()
}
