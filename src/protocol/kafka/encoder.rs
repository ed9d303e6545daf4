//! Writing a frame. Pure bytes: knows Kafka's primitive types and no message.
//!
//! Always holds: large record bytes are never copied. They leave a splice in the frame, a note of what belongs
//! between which bytes, so that a server can `sendfile` and a client can `writev`.

use bytes::Bytes;

use super::decoder::STRING_BYTES_MAX;
use super::wire::Form;

/// Bytes from this size on are spliced in and not copied: below it a copy is cheaper than a further piece to write.
pub const SPLICE_BYTES_MIN: usize = 4 * 1024;

/// Room for a frame without records, or nearly: most never grow beyond it.
const HEAD_BYTES: usize = 128;

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
        buffer.reserve(HEAD_BYTES);
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

    pub fn u16(&mut self, value: u16) {
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

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Form = Form { version: 0, flexible: false };
    const COMPACT: Form = Form { version: 0, flexible: true };

    fn written(write: impl FnOnce(&mut Encoder)) -> Vec<u8> {
        let mut out = Encoder::new();
        write(&mut out);
        out.finish().to_bytes().to_vec()
    }

    #[test]
    fn numbers_are_big_endian_and_varints_little() {
        assert_eq!(written(|out| out.i32(0x0102_0304)), [1, 2, 3, 4]);
        assert_eq!(written(|out| out.i16(-2)), [0xff, 0xfe]);
        assert_eq!(written(|out| out.uvarint(0)), [0]);
        assert_eq!(written(|out| out.uvarint(127)), [0x7f]);
        assert_eq!(written(|out| out.uvarint(300)), [0xac, 0x02]);
        assert_eq!(written(|out| out.uvarint(u32::MAX)), [0xff, 0xff, 0xff, 0xff, 0x0f]);
    }

    #[test]
    fn strings_and_lengths_have_two_forms() {
        assert_eq!(written(|out| out.string("ab", PLAIN)), [0, 2, b'a', b'b']);
        assert_eq!(written(|out| out.string("ab", COMPACT)), [3, b'a', b'b']);
        assert_eq!(written(|out| out.null_string(PLAIN)), [0xff, 0xff]);
        assert_eq!(written(|out| out.null_string(COMPACT)), [0]);
        assert_eq!(written(|out| out.length(Some(2), PLAIN)), [0, 0, 0, 2]);
        assert_eq!(written(|out| out.length(Some(2), COMPACT)), [3]);
        assert_eq!(written(|out| out.length(None, PLAIN)), [0xff; 4]);
        assert_eq!(written(|out| out.length(None, COMPACT)), [0]);
    }

    #[test]
    fn a_string_that_kafka_cannot_carry_is_cut_between_characters() {
        let long = "ü".repeat(20_000);
        let bytes = written(|out| out.string(&long, PLAIN));
        assert_eq!(bytes[..2], [0x7f, 0xfe], "32766 bytes: half a character less than 32767");
        assert!(str::from_utf8(&bytes[2..]).is_ok());
    }

    #[test]
    fn the_pieces_of_a_frame_come_in_order() {
        let large = Bytes::from(vec![7; SPLICE_BYTES_MIN]);
        let small = Bytes::from(vec![8; SPLICE_BYTES_MIN - 1]);
        let mut out = Encoder::framed(vec![1, 2, 3]);
        out.bytes(&large);
        out.i8(1);
        out.bytes(&small);
        out.splice(Splice::Elsewhere(0));
        out.splice(Splice::Elsewhere(1000));
        out.splice(Splice::Bytes(large.clone()));
        let frame = out.finish();

        let body = 2 * SPLICE_BYTES_MIN + 1 + small.len() + 1000;
        assert_eq!(frame.head[..4], (body as i32).to_be_bytes());
        assert_eq!(frame.len(), 4 + body);
        assert_eq!(frame.to_bytes().len(), frame.len());
        let pieces: Vec<Piece<'_>> = frame.pieces().collect();
        let middle = [&[1], &small[..]].concat();
        assert_eq!(
            pieces,
            [
                Piece::Bytes(&(body as i32).to_be_bytes()),
                Piece::Bytes(&large),
                Piece::Bytes(&middle),
                Piece::Elsewhere(1000),
                Piece::Bytes(&large),
            ]
        );
        assert!(matches!(pieces[1], Piece::Bytes(bytes) if bytes.as_ptr() == large.as_ptr()), "not a copy");
    }

    #[test]
    fn a_tagged_field_is_preceded_by_its_size_however_long_that_is() {
        assert_eq!(written(|out| out.tagged(5, |out| out.i16(1))), [5, 2, 0, 1]);
        let long = written(|out| out.tagged(200, |out| out.raw(&[9; 300])));
        assert_eq!(long[..4], [0xc8, 0x01, 0xac, 0x02]);
        assert_eq!(long[4..], [9; 300]);

        // Nobody tags records today; a splice would move with the bytes around it.
        let records = Bytes::from(vec![7; SPLICE_BYTES_MIN]);
        let spliced = written(|out| {
            out.tagged(0, |out| {
                out.i8(1);
                out.bytes(&records);
                out.i8(2);
            });
        });
        let size = SPLICE_BYTES_MIN + 2;
        assert_eq!(spliced[..4], [0, (size & 0x7f) as u8 | 0x80, (size >> 7) as u8, 1]);
        assert_eq!(spliced[4..4 + SPLICE_BYTES_MIN], records[..]);
        assert_eq!(spliced[4 + SPLICE_BYTES_MIN..], [2]);
    }

    #[test]
    fn a_buffer_is_used_again() {
        let mut buffer = Vec::with_capacity(1000);
        buffer.push(1);
        let place = buffer.as_ptr();
        let mut out = Encoder::framed(buffer);
        out.i32(5);
        let frame = out.finish();
        assert_eq!(frame.head, [0, 0, 0, 4, 0, 0, 0, 5]);
        assert_eq!(frame.head.as_ptr(), place);
    }
}
