//! What a handler gives back: an answer, or what it waits for. A handler itself never blocks.

use super::core::Core;
use crate::base::Now;
use crate::log::LogSlice;
use crate::protocol::kafka::Frame;

/// The outcome of one request.
pub enum Answer {
    Reply(Reply),
    /// Nothing is sent: a produce request with acks=0.
    Silent,
    /// The connection ends, with what the log is told.
    Close(String),
    Wait(Box<dyn Pending>),
}

/// A response, with the stretches of files that go into it.
pub struct Reply {
    pub frame: Frame,
    /// One for each `Splice::Elsewhere` of the frame, in order.
    pub slices: Vec<LogSlice>,
}

impl From<Frame> for Reply {
    fn from(frame: Frame) -> Reply {
        Reply { frame, slices: Vec::new() }
    }
}

/// A request that waits. Its subscriptions last as long as it does.
pub trait Pending: Send {
    /// Looks again, after a wake-up or when the time has come. `last` means that there will be no further look: the
    /// broker stops, and an answer has to be given now.
    fn look(&mut self, core: &Core, now: Now, last: bool) -> Option<Answer>;

    /// When to look again even if nothing happens (`Now::mono_ms`).
    fn deadline_ms(&self) -> i64;

    /// Whether it waits for a flush, which the waiting thread then runs itself if nobody else does.
    fn wants_flush(&self) -> bool;

    /// Whether the flush that it waits for is done, by whomever: then [`look`](Self::look) answers.
    fn flush_is_done(&self) -> bool {
        false
    }
}
