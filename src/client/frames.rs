//! Cuts what comes over a socket into frames: four bytes of length, and so many bytes.
//!
//! Always holds: memory grows with the bytes that really came, never with a length that was only claimed; large frames
//! are handed out without a copy, and their buffer can be given back.

use std::io::{self, Read};

use bytes::{Bytes, BytesMut};

/// What a first read can bring; also the size of a buffer that nothing large came through.
const BUFFER_BYTES: usize = 64 * 1024;
/// A frame up to this size is copied out, so that its buffer stays.
const COPIED_BYTES_MAX: usize = 16 * 1024;

/// The largest answer that is accepted: far above what this client asks for (`fetch.max.bytes`), since one batch may
/// always be larger than asked.
pub(crate) const RESPONSE_BYTES_MAX: usize = 512 * 1024 * 1024;

/// A frame that arrived, without its length.
#[derive(Debug)]
pub(crate) struct ArrivedFrame {
    pub(crate) body: Bytes,
    /// The buffer it lies in, to be given back with [`FrameReader::recycle`] when nobody looks at `body` any more.
    pub(crate) buffer: Option<Bytes>,
}

#[derive(Debug)]
pub(crate) struct FrameReader {
    /// Wholly initialised; `filled` bytes of it have come.
    buffer: BytesMut,
    filled: usize,
    spare: Option<BytesMut>,
}

impl FrameReader {
    pub(crate) fn new() -> FrameReader {
        FrameReader { buffer: BytesMut::new(), filled: 0, spare: None }
    }

    /// Reads on until a frame is whole (`Some`) or nothing more has come yet (`None`). The end of the stream is an error.
    pub(crate) fn read_frame(&mut self, from: &mut impl Read) -> io::Result<Option<ArrivedFrame>> {
        loop {
            let need = match self.buffer[..self.filled].first_chunk::<4>() {
                Some(length) => Some(frame_bytes(*length)?),
                None => None,
            };
            if let Some(need) = need.filter(|need| *need <= self.filled) {
                return Ok(Some(self.take(need)));
            }
            if self.filled == self.buffer.len() {
                let doubled = (2 * self.filled).max(BUFFER_BYTES);
                self.buffer.resize(need.map_or(doubled, |need| need.min(doubled).max(BUFFER_BYTES)), 0);
            }
            // Of a frame that is under way, not a byte more than it has: what follows would have to be moved.
            let end = need.map_or(self.buffer.len(), |need| need.min(self.buffer.len()));
            match from.read(&mut self.buffer[self.filled..end]) {
                Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the broker closed it")),
                Ok(count) => self.filled += count,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Takes back the buffer of a frame that is done with; one that is still looked at is let go.
    pub(crate) fn recycle(&mut self, buffer: Bytes) {
        if let Ok(buffer) = buffer.try_into_mut()
            && self.spare.as_ref().is_none_or(|spare| spare.len() < buffer.len())
        {
            self.spare = Some(buffer);
        }
    }

    fn take(&mut self, need: usize) -> ArrivedFrame {
        if need <= COPIED_BYTES_MAX {
            let body = Bytes::copy_from_slice(&self.buffer[4..need]);
            self.buffer.copy_within(need..self.filled, 0);
            self.filled -= need;
            return ArrivedFrame { body, buffer: None };
        }
        let mut next = self.spare.take().unwrap_or_default();
        let rest = &self.buffer[need..self.filled];
        if next.len() < rest.len() {
            next.resize(rest.len(), 0);
        }
        next[..rest.len()].copy_from_slice(rest);
        self.filled = rest.len();
        let whole = std::mem::replace(&mut self.buffer, next).freeze();
        ArrivedFrame { body: whole.slice(4..need), buffer: Some(whole) }
    }
}

/// The frame's size with its length; an error if no Kafka broker says so.
fn frame_bytes(length: [u8; 4]) -> io::Result<usize> {
    match usize::try_from(i32::from_be_bytes(length)) {
        Ok(length) if length <= RESPONSE_BYTES_MAX => Ok(4 + length),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, format!("an answer starts with the bytes {length:02x?}"))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives its bytes in pieces, and blocks between them.
    struct Pieces<'a> {
        rest: &'a [u8],
        piece: usize,
        blocked: bool,
        /// After the bytes: the end, or more to come.
        ends: bool,
    }

    impl Read for Pieces<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.blocked = !self.blocked;
            if self.blocked || (self.rest.is_empty() && !self.ends) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let count = self.piece.min(into.len()).min(self.rest.len());
            into[..count].copy_from_slice(&self.rest[..count]);
            self.rest = &self.rest[count..];
            Ok(count)
        }
    }

    fn frame(body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32).to_be_bytes(), body].concat()
    }

    proptest! {
        #[test]
        fn frames_come_out_however_the_bytes_come_in(
            sizes in proptest::collection::vec(prop_oneof![0usize..50, 10_000usize..40_000, 60_000usize..200_000], 1..6),
            piece in prop_oneof![1000usize..5000, 50_000usize..100_000, Just(usize::MAX)],
        ) {
            let bodies: Vec<Vec<u8>> =
                sizes.iter().enumerate().map(|(i, size)| (0..*size).map(|b| (b + i) as u8).collect()).collect();
            let stream: Vec<u8> = bodies.iter().flat_map(|body| frame(body)).collect();
            let mut from = Pieces { rest: &stream, piece, blocked: false, ends: false };
            let mut reader = FrameReader::new();
            let mut came = Vec::new();
            while came.len() < bodies.len() {
                if let Some(frame) = reader.read_frame(&mut from).expect("whole frames") {
                    came.push(frame.body.to_vec());
                    let ArrivedFrame { body, buffer } = frame;
                    drop(body);
                    buffer.into_iter().for_each(|buffer| reader.recycle(buffer));
                }
            }
            prop_assert_eq!(came, bodies);
            (from.blocked, from.ends) = (true, true);
            prop_assert!(reader.read_frame(&mut from).is_err(), "the end is an error");
        }
    }

    #[test]
    fn a_length_that_lies_takes_no_memory() {
        let mut reader = FrameReader::new();
        let claim = (RESPONSE_BYTES_MAX as u32).to_be_bytes();
        let mut from = Pieces { rest: &claim, piece: 4, blocked: true, ends: false };
        assert!(reader.read_frame(&mut from).expect("nothing wrong yet").is_none());
        assert!(reader.buffer.len() <= 2 * BUFFER_BYTES);
        for bad in [b"HTTP", &[0xff; 4], &[0x7f, 0xff, 0xff, 0xff]] {
            let mut from = Pieces { rest: bad, piece: 4, blocked: true, ends: false };
            assert!(FrameReader::new().read_frame(&mut from).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_large_buffer_is_used_again() {
        let stream = [frame(&[1; 300_000]), frame(&[2; 300_000])].concat();
        let mut from = Pieces { rest: &stream, piece: usize::MAX, blocked: true, ends: false };
        let mut reader = FrameReader::new();
        let first = loop {
            if let Some(frame) = reader.read_frame(&mut from).expect("fine") {
                break frame;
            }
        };
        let place = first.buffer.as_ref().expect("a large one").as_ptr();
        drop(first.body);
        reader.recycle(first.buffer.expect("a large one"));
        assert_eq!(reader.spare.as_ref().map(|spare| spare.as_ptr()), Some(place));
    }
}
