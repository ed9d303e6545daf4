//! A connection that speaks Kafka's protocol: requests in, answers out, in order.
//!
//! A request is answered on the thread that read it. While produce requests wait for their flush, further ones that
//! have arrived are appended, so that they share it; anything else waits its turn, as Kafka has it.

use std::collections::VecDeque;

use bytes::Bytes;

use super::connection::{Connection, Ended};
use super::input::{Filled, FrameReader};
use super::output::send_reply;
use super::waker::{Watch, Woken};
use crate::broker::{Answer, Pending, Reply, answer};
use crate::protocol::kafka::ApiKey;

/// Produce requests of one connection that may share a flush. Java and librdkafka send 5 at most.
pub(super) const SHARED_FLUSH_MAX: usize = 16;

enum Slot {
    Ready(Reply),
    Waiting(Box<dyn Pending>),
}

pub fn serve(connection: &Connection, first_bytes: Vec<u8>) -> Result<(), Ended> {
    let frame_bytes_max = connection.core.config().network.request_bytes_max;
    let mut requests = Requests {
        connection,
        reader: FrameReader::new(first_bytes, frame_bytes_max),
        held: None,
        slots: VecDeque::new(),
        shared: 0,
        hung_up: false,
        peer_done: false,
        closing: None,
    };
    let outcome = requests.run();
    requests.abandon();
    outcome
}

struct Requests<'a> {
    connection: &'a Connection,
    reader: FrameReader,
    /// A whole frame whose turn has not come.
    held: Option<Bytes>,
    /// What is answered, or will be, in the order of the requests.
    slots: VecDeque<Slot>,
    /// So many requests have joined those that wait since a flush was last asked for. Some have no slot: acks=0.
    shared: usize,
    /// The peer sends no more, but may still read, and some of what it sent may not be read yet.
    hung_up: bool,
    /// All that the peer sent is read.
    peer_done: bool,
    /// The request after those in `slots` ends the connection, and why.
    closing: Option<String>,
}

impl Requests<'_> {
    fn run(&mut self) -> Result<(), Ended> {
        let core = &self.connection.core;
        loop {
            self.take_frames()?;
            self.send_ready()?;
            let stopping = core.is_stopping();
            let Some(Slot::Waiting(front)) = self.slots.front_mut() else {
                // Nothing waits: what is held is taken next, else the peer has the word.
                if self.held.is_some() {
                    continue;
                }
                if let Some(reason) = self.closing.take() {
                    return Err(Ended::Refused(reason));
                }
                if stopping || self.peer_done {
                    return Ok(());
                }
                match self.reader.fill(&self.connection.socket) {
                    Ok(Filled::Bytes) => {}
                    Ok(Filled::End) => self.peer_done = true,
                    Err(error) if is_idle(&error) => return Ok(()),
                    Err(error) => return Err(error.into()),
                }
                continue;
            };
            // What is due goes out before anything else is read, appended or flushed.
            if front.flush_is_done() && self.look(false) {
                continue;
            }
            let Some(Slot::Waiting(front)) = self.slots.front() else { continue };
            if front.wants_flush() {
                if !stopping && self.may_share() && self.reader.more_waits(&self.connection.socket) {
                    if let Ok(Filled::Bytes) = self.reader.fill(&self.connection.socket) {
                        continue;
                    }
                    self.peer_done = true;
                }
                self.shared = 0;
                core.flusher().run();
            }
            if self.look(stopping) {
                continue;
            }
            let Some(Slot::Waiting(front)) = self.slots.front() else { continue };
            let watch = if self.hung_up || self.peer_done { Watch::Broken } else { Watch::Hangup };
            match self.connection.wait(watch, Some(front.deadline_ms()))? {
                Woken::Broker | Woken::Timeout => {}
                // What is to be flushed is answered even to a peer that closed its half; who waits for records is gone.
                Woken::Socket if front.wants_flush() && watch == Watch::Hangup => self.hung_up = true,
                Woken::Socket => return Ok(()),
            }
        }
    }

    /// Answers frames that are here for as long as their turn is now.
    fn take_frames(&mut self) -> Result<(), Ended> {
        while self.closing.is_none() {
            let frame = match self.held.take() {
                Some(frame) => Some(frame),
                None => match self.reader.next_frame() {
                    Ok(frame) => frame,
                    Err(error) => {
                        self.closing = Some(error.to_string());
                        return Ok(());
                    }
                },
            };
            let Some(frame) = frame else { return Ok(()) };
            let in_turn = self.slots.is_empty() || (self.may_share() && is_produce(&frame));
            if !in_turn {
                self.held = Some(frame);
                return Ok(());
            }
            self.shared += usize::from(!self.slots.is_empty());
            let core = &self.connection.core;
            match answer(core, &self.connection.caller, frame.clone(), core.now()) {
                Answer::Reply(reply) if self.slots.is_empty() => {
                    send_reply(&mut &*self.connection.socket, &reply, false)?;
                }
                Answer::Reply(reply) => self.slots.push_back(Slot::Ready(reply)),
                Answer::Wait(pending) => self.slots.push_back(Slot::Waiting(pending)),
                Answer::Silent => {}
                Answer::Close(reason) => self.closing = Some(reason),
            }
            self.reader.recycle(frame);
        }
        Ok(())
    }

    /// Whether a further produce request may be appended now: all before it wait for a flush, too.
    fn may_share(&self) -> bool {
        let flushes = |slot: &Slot| match slot {
            Slot::Ready(_) => true,
            Slot::Waiting(pending) => pending.wants_flush(),
        };
        self.closing.is_none()
            && self.held.is_none()
            && self.slots.len().max(self.shared) < SHARED_FLUSH_MAX
            && self.slots.iter().all(flushes)
    }

    /// Lets those in line look whether they have what they wait for, up to the first that has not: one flush serves many, and
    /// an answer that is due must not wait for the flush of a request that came after it.
    fn look(&mut self, stopping: bool) -> bool {
        let core = &self.connection.core;
        let mut at = 0;
        while let Some(slot) = self.slots.get_mut(at) {
            if let Slot::Waiting(pending) = slot {
                // What is being flushed is worth the wait even at a stop: it was accepted, and is going to be kept.
                match pending.look(core, core.now(), stopping && !pending.wants_flush()) {
                    None => break,
                    Some(Answer::Reply(reply)) => *slot = Slot::Ready(reply),
                    Some(Answer::Wait(pending)) => {
                        *slot = Slot::Waiting(pending);
                        return true;
                    }
                    Some(Answer::Silent | Answer::Close(_)) => {
                        self.slots.remove(at);
                        return true;
                    }
                }
            }
            at += 1;
        }
        at > 0
    }

    fn send_ready(&mut self) -> Result<(), Ended> {
        while let Some(Slot::Ready(reply)) = self.slots.front() {
            let more = matches!(self.slots.get(1), Some(Slot::Ready(_)));
            send_reply(&mut &*self.connection.socket, reply, more)?;
            self.slots.pop_front();
        }
        Ok(())
    }

    /// The connection ends while something waits: what was appended is still flushed.
    fn abandon(&mut self) {
        let core = &self.connection.core;
        for slot in &mut self.slots {
            if let Slot::Waiting(pending) = slot {
                pending.look(core, core.now(), true);
            }
        }
    }
}

fn is_produce(frame: &Bytes) -> bool {
    frame.first_chunk::<2>().is_some_and(|key| i16::from_be_bytes(*key) == ApiKey::Produce.code())
}

/// The time that `connections.max.idle.ms` grants is over.
fn is_idle(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}
