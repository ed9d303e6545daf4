//! Writing a frame. Pure bytes: knows Kafka's primitive types and no message.
//!
//! Always holds: large record bytes are never copied. They leave a splice in the frame, a note of what belongs
//! between which bytes, so that a server can `sendfile` and a client can `writev`.

use bytes::Bytes;

use super::decoder::STRING_BYTES_MAX;
use super::wire::Form;

/// Bytes from this size on are spliced in and not copied: below it a copy is cheaper than a further piece to write.
pub const SPLICE_BYTES_MIN: usize = 4 * 1024;

/// A frame ready to be sent: `head`, interrupted by the splices.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Frame {
    pub head: Vec<u8>,
    /// What goes before `head[position]`, in order.
    pub splices: Vec<(usize, Splice)>,
}

/// Bytes of a frame that were not copied into it.
#[derive(Debug, Clone, PartialEq)]
pub enum Splice {
    /// Held in memory.
    Bytes(Bytes),
    /// So many bytes that only the sender knows, of a file, say.
    Elsewhere(usize),
}

/// A stretch of a frame, in the order of sending.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Piece<'a> {
    Bytes(&'a [u8]),
    Elsewhere(usize),
}

impl Splice {
    pub fn len(&self) -> usize {
        match self {
            Splice::Bytes(bytes) => bytes.len(),
            Splice::Elsewhere(length) => *length,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Frame {
    /// Bytes on the wire.
    pub fn len(&self) -> usize {
        self.head.len() + self.splices.iter().map(|(_, splice)| splice.len()).sum::<usize>()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What to send, in order; no piece is empty.
    pub fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let starts = std::iter::once(0).chain(self.splices.iter().map(|(position, _)| *position));
        let ends = self.splices.iter().map(|(position, _)| *position).chain(std::iter::once(self.head.len()));
        let heads = starts.zip(ends).map(|(start, end)| Piece::Bytes(&self.head[start..end]));
        let splices = self.splices.iter().map(|(_, splice)| match splice {
            Splice::Bytes(bytes) => Piece::Bytes(bytes),
            Splice::Elsewhere(length) => Piece::Elsewhere(*length),
        });
        heads
            .zip(splices.map(Some).chain(std::iter::once(None)))
            .flat_map(|(head, splice)| [Some(head), splice])
            .flatten()
            .filter(|piece| !matches!(piece, Piece::Bytes([]) | Piece::Elsewhere(0)))
    }

    /// The whole frame in one buffer; what is elsewhere becomes zeros. For tests and small frames.
    pub fn to_bytes(&self) -> Bytes {
        let mut whole = Vec::with_capacity(self.len());
        for piece in self.pieces() {
            match piece {
                Piece::Bytes(bytes) => whole.extend_from_slice(bytes),
                Piece::Elsewhere(length) => whole.resize(whole.len() + length, 0),
            }
        }
        whole.into()
    }
}

/// A frame in the making.
#[derive(Debug, Default)]
pub struct Encoder {
    frame: Frame,
    spliced_bytes: usize,
    has_length: bool,
}

impl Encoder {
    /// Bare bytes: no length before them.
    pub fn new() -> Encoder {
        Encoder::default()
    }

    /// A frame as it goes over the wire: four bytes of length, filled in by `finish`. `buffer` is emptied and used
    /// again; give `Vec::new()` if there is none.
    pub fn framed(mut buffer: Vec<u8>) -> Encoder {
        buffer.clear();
        buffer.extend_from_slice(&[0; 4]);
        Encoder { frame: Frame { head: buffer, splices: Vec::new() }, spliced_bytes: 0, has_length: true }
    }

    pub fn finish(mut self) -> Frame {
        if self.has_length {
            let body = self.frame.head.len() + self.spliced_bytes - 4;
            // Frames stay far below: brokers bound what they answer, clients what they send.
            let length = i32::try_from(body).unwrap_or(i32::MAX);
            self.frame.head[..4].copy_from_slice(&length.to_be_bytes());
        }
        self.frame
    }

    /// Bytes written so far, splices included.
    pub fn len(&self) -> usize {
        self.frame.head.len() + self.spliced_bytes
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn i8(&mut self, value: i8) {
        self.raw(&value.to_be_bytes());
    }

    pub fn i16(&mut self, value: i16) {
        self.raw(&value.to_be_bytes());
    }

    pub fn i32(&mut self, value: i32) {
        self.raw(&value.to_be_bytes());
    }

    pub fn i64(&mut self, value: i64) {
        self.raw(&value.to_be_bytes());
    }

    pub fn f64(&mut self, value: f64) {
        self.raw(&value.to_be_bytes());
    }

    pub fn uvarint(&mut self, value: u32) {
        let (bytes, length) = uvarint_bytes(value);
        self.raw(&bytes[..length]);
    }

    /// Bytes as they are, copied.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.frame.head.extend_from_slice(bytes);
    }

    /// Bytes as they are, spliced in if they are many.
    pub fn bytes(&mut self, bytes: &Bytes) {
        if bytes.len() < SPLICE_BYTES_MIN {
            self.raw(bytes);
        } else {
            self.splice(Splice::Bytes(bytes.clone()));
        }
    }

    /// Leaves a place for what the sender puts in.
    pub fn splice(&mut self, splice: Splice) {
        if !splice.is_empty() {
            self.spliced_bytes += splice.len();
            self.frame.splices.push((self.frame.head.len(), splice));
        }
    }

    /// A string. Kafka knows none over 32767 bytes; a longer one (an error text, say) is cut.
    pub(super) fn string(&mut self, text: &str, form: Form) {
        let text = &text[..text.floor_char_boundary(STRING_BYTES_MAX)];
        if form.flexible {
            self.uvarint(text.len() as u32 + 1);
        } else {
            self.i16(text.len() as i16);
        }
        self.raw(text.as_bytes());
    }

    pub(super) fn null_string(&mut self, form: Form) {
        if form.flexible { self.uvarint(0) } else { self.i16(-1) }
    }

    /// The length before bytes or an array; `None` for null.
    pub(super) fn length(&mut self, length: Option<usize>, form: Form) {
        let length = length.map(|length| i32::try_from(length).unwrap_or(i32::MAX));
        if form.flexible {
            self.uvarint(length.map_or(0, |length| length as u32 + 1));
        } else {
            self.i32(length.unwrap_or(-1));
        }
    }

    /// A tagged field: its tag, its size, and what `write` writes.
    pub(super) fn tagged(&mut self, tag: u32, write: impl FnOnce(&mut Encoder)) {
        self.uvarint(tag);
        // The size is known afterwards: keep one byte for it, which nearly always suffices.
        let place = self.frame.head.len();
        self.frame.head.push(0);
        let before = self.len();
        write(self);
        let (size, length) = uvarint_bytes((self.len() - before) as u32);
        self.frame.head.splice(place..=place, size[..length].iter().copied());
        for (position, _) in self.frame.splices.iter_mut().rev().take_while(|(position, _)| *position > place) {
            *position += length - 1;
        }
    }
}

fn uvarint_bytes(mut value: u32) -> ([u8; 5], usize) {
    let mut bytes = [0; 5];
    let mut length = 0;
    while value >= 0x80 {
        bytes[length] = value as u8 | 0x80;
        value >>= 7;
        length += 1;
    }
    bytes[length] = value as u8;
    (bytes, length + 1)
}
