//! Reading Kafka frames: four bytes of length, then so many bytes.
//!
//! Small frames are copied out of one small buffer. A large one is read to its exact end into a buffer of its own,
//! which the decoder slices without copying and which comes back for the next. A new buffer grows with what has
//! arrived, never with what a length promises.

use std::io::{self, Read};
use std::net::TcpStream;
use std::os::fd::AsFd;

use bytes::Bytes;

use crate::base::limits::REQUEST_WITHOUT_RECORDS_BYTES_MAX;
use crate::protocol::kafka::ApiKey;

const SMALL_BYTES: usize = 16 * 1024;
/// Enough for who asks for one thing at a time; ten thousand followers do.
const SMALL_BYTES_FIRST: usize = 1024;
/// A buffer above this is given back to the system after its frame.
const RECYCLED_BYTES_MAX: usize = 4 * 1024 * 1024;

const LENGTH_BYTES: usize = 4;

pub struct FrameReader {
    small: Vec<u8>,
    /// How much `small` is made to hold: little, until a peer sends more at a time.
    small_room: usize,
    /// Where the unread part of `small` begins.
    start: usize,
    /// For the large frame under way, without its length field, or for the next one.
    large: Vec<u8>,
    /// So much of the large frame has come.
    large_filled: usize,
    /// The large frame's size; 0 when none is under way.
    large_need: usize,
    frame_bytes_max: usize,
}

/// What a read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    Bytes,
    End,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("a request claims {0} bytes, which no request can have")]
    Negative(i32),
    #[error("a request claims {length} bytes; of its kind at most {max} are allowed (socket.request.max.bytes)")]
    TooLarge { length: usize, max: usize },
}

impl FrameReader {
    /// Goes on from bytes that were read to tell the protocols apart.
    pub fn new(already_read: Vec<u8>, frame_bytes_max: usize) -> FrameReader {
        FrameReader {
            small: already_read,
            small_room: SMALL_BYTES_FIRST,
            start: 0,
            large: Vec::new(),
            large_filled: 0,
            large_need: 0,
            frame_bytes_max,
        }
    }

    /// The next frame without its length, if it is there whole.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, FrameError> {
        if self.large_need > 0 {
            if self.large_filled < self.large_need {
                return Ok(None);
            }
            let mut frame = std::mem::take(&mut self.large);
            frame.truncate(self.large_need);
            (self.large_filled, self.large_need) = (0, 0);
            return Ok(Some(Bytes::from(frame)));
        }
        let unread = &self.small[self.start..];
        let Some(length) = unread.first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let length = i32::from_be_bytes(*length);
        let length = usize::try_from(length).map_err(|_| FrameError::Negative(length))?;
        if length > self.frame_bytes_max {
            return Err(FrameError::TooLarge { length, max: self.frame_bytes_max });
        }
        let need = LENGTH_BYTES + length;
        if length > REQUEST_WITHOUT_RECORDS_BYTES_MAX {
            // The first field says what it is; records are the only reason for such a size.
            match unread.get(LENGTH_BYTES..).and_then(<[u8]>::first_chunk::<2>) {
                None => return Ok(None),
                Some(key) if i16::from_be_bytes(*key) == ApiKey::Produce.code() => {}
                Some(_) => return Err(FrameError::TooLarge { length, max: REQUEST_WITHOUT_RECORDS_BYTES_MAX }),
            }
        }
        if let Some(frame) = unread.get(LENGTH_BYTES..need) {
            let frame = Bytes::copy_from_slice(frame);
            self.start += need;
            return Ok(Some(frame));
        }
        if need > SMALL_BYTES {
            let begun = &unread[LENGTH_BYTES..];
            if self.large.len() < begun.len() {
                self.large.resize(begun.len(), 0);
            }
            self.large[..begun.len()].copy_from_slice(begun);
            (self.large_filled, self.large_need) = (begun.len(), length);
            self.small.clear();
            self.start = 0;
        }
        Ok(None)
    }

    /// Reads once, blocking until something comes (or the socket's timeout passes, which is an error).
    pub fn fill(&mut self, socket: &TcpStream) -> io::Result<Filled> {
        // A signal (Ctrl-Z and fg will do) is no reason to give up a connection.
        let read = loop {
            match self.read_once(socket) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        Ok(if read == 0 { Filled::End } else { Filled::Bytes })
    }

    fn read_once(&mut self, mut socket: &TcpStream) -> io::Result<usize> {
        if self.large_need == 0 {
            self.small.drain(..self.start);
            self.start = 0;
            if self.small.len() >= self.small_room {
                self.small_room = SMALL_BYTES;
            }
            self.small.reserve(self.small_room.saturating_sub(self.small.len()));
            let read = rustix::io::read(socket.as_fd(), rustix::buffer::spare_capacity(&mut self.small))?;
            if self.small.len() >= self.small_room {
                self.small_room = SMALL_BYTES;
            }
            return Ok(read);
        }
        // As much room as there is from the frame before, or twice what has come; and nothing behind the frame is touched.
        let room = self.large.len().max(2 * self.large_filled).max(SMALL_BYTES).min(self.large_need);
        if self.large.len() < room {
            self.large.resize(room, 0);
        }
        let read = socket.read(&mut self.large[self.large_filled..room])?;
        self.large_filled += read;
        Ok(read)
    }

    /// Whether more can be read without blocking than is read already.
    pub fn more_waits(&self, socket: &TcpStream) -> bool {
        let wanted = (self.large_need - self.large_filled).max(1) as u64;
        rustix::io::ioctl_fionread(socket.as_fd()).is_ok_and(|waiting| waiting >= wanted)
    }

    /// Takes back a frame's buffer, if nobody else holds a part of it any more.
    pub fn recycle(&mut self, frame: Bytes) {
        if self.large_need > 0 || frame.len() <= SMALL_BYTES {
            return;
        }
        if let Ok(buffer) = frame.try_into_mut()
            && buffer.capacity() <= RECYCLED_BYTES_MAX
        {
            self.large = Vec::from(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let near = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        (near, listener.accept().expect("accepts").0)
    }

    fn frame(length: usize, fill: u8) -> Vec<u8> {
        let mut bytes = (length as u32).to_be_bytes().to_vec();
        bytes.resize(4 + length, fill);
        bytes
    }

    fn read_all(socket: &TcpStream, reader: &mut FrameReader) -> Vec<(usize, u8)> {
        let mut frames = Vec::new();
        loop {
            while let Some(frame) = reader.next_frame().expect("lengths are fine") {
                frames.push((frame.len(), frame.first().copied().unwrap_or(0)));
                reader.recycle(frame);
            }
            if reader.fill(socket).expect("reads") == Filled::End {
                return frames;
            }
        }
    }

    #[test]
    fn frames_of_all_sizes_come_whole_and_in_order() {
        let sizes = [0, 1, 100, 16_380, 16_381, 20_000, 1_000_000, 5, 300_000, 300_000, 7, 6_000_000, 9];
        let (mut near, far) = pair();
        let bytes: Vec<u8> = (1..).zip(sizes).flat_map(|(i, size)| frame(size, i)).collect();
        let writer = std::thread::spawn(move || {
            // Odd pieces, so that every field is split somewhere.
            for piece in bytes.chunks(7919) {
                near.write_all(piece).expect("writes");
            }
        });
        let expected: Vec<_> = (1..).zip(sizes).map(|(i, size)| (size, if size == 0 { 0 } else { i })).collect();
        assert_eq!(read_all(&far, &mut FrameReader::new(Vec::new(), 100 << 20)), expected);
        writer.join().expect("no panic");
    }

    #[test]
    fn what_was_read_before_belongs_to_the_first_frame() {
        let (mut near, far) = pair();
        let bytes = frame(10, 3);
        near.write_all(&bytes[1..]).expect("writes");
        drop(near);
        assert_eq!(read_all(&far, &mut FrameReader::new(bytes[..1].to_vec(), 100)), [(10, 3)]);
    }

    #[test]
    fn who_asks_for_one_thing_at_a_time_takes_little_memory() {
        let (mut near, far) = pair();
        let mut reader = FrameReader::new(Vec::new(), 1 << 20);
        for n in 0..100 {
            near.write_all(&frame(200, n)).expect("writes");
            while reader.next_frame().expect("lengths are fine").is_none() {
                reader.fill(&far).expect("reads");
            }
        }
        assert!(reader.small.capacity() <= 2 * SMALL_BYTES_FIRST, "{}", reader.small.capacity());
    }

    #[test]
    fn a_length_that_lies_takes_no_memory() {
        let (mut near, far) = pair();
        near.write_all(&(100u32 << 20).to_be_bytes()).expect("writes");
        near.write_all(&[0; 10]).expect("writes");
        drop(near);
        let mut reader = FrameReader::new(Vec::new(), 100 << 20);
        assert_eq!(read_all(&far, &mut reader), []);
        assert!(reader.large.capacity() <= SMALL_BYTES, "{}", reader.large.capacity());
    }

    #[test]
    fn impossible_lengths_are_refused() {
        let negative = FrameReader::new((-1i32).to_be_bytes().to_vec(), 100).next_frame();
        assert_eq!(negative, Err(FrameError::Negative(-1)));
        let large = FrameReader::new(101u32.to_be_bytes().to_vec(), 100).next_frame();
        assert_eq!(large, Err(FrameError::TooLarge { length: 101, max: 100 }));
        // A Metadata request (key 3) of 9 MiB; a Produce request of that size is fine.
        let mut head = (9u32 << 20).to_be_bytes().to_vec();
        head.extend_from_slice(&[0, 3]);
        assert!(FrameReader::new(head.clone(), 100 << 20).next_frame().is_err());
        head[5] = 0;
        assert_eq!(FrameReader::new(head, 100 << 20).next_frame(), Ok(None));
    }

    #[test]
    fn a_large_buffer_is_used_again() {
        let (mut near, far) = pair();
        let writer = std::thread::spawn(move || {
            for _ in 0..2 {
                near.write_all(&frame(500_000, 1)).expect("writes");
            }
            near
        });
        let mut reader = FrameReader::new(Vec::new(), 1 << 20);
        let mut pointers = Vec::new();
        while pointers.len() < 2 {
            match reader.next_frame().expect("fine") {
                Some(frame) => {
                    pointers.push(frame.as_ptr() as usize);
                    reader.recycle(frame);
                }
                None => assert_eq!(reader.fill(&far).expect("reads"), Filled::Bytes),
            }
        }
        writer.join().expect("no panic");
        assert_eq!(pointers[0], pointers[1]);
    }
}
