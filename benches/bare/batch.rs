//! Record batches v2 in Kafka's bytes: as little code as builds and reads them. No keys, no headers, no compression.

pub const HEADER_BYTES: usize = 61;
/// What the length field does not count: itself and the base offset before it.
const PREFIX_BYTES: usize = 12;
const CRC_AT: usize = 17;
const CRC_COVERS_FROM: usize = 21;
const COUNT_AT: usize = 57;
/// A power of two, and more than three varints and three bytes take.
const HEAD_BYTES_MAX: usize = 32;

pub struct Builder {
    pub bytes: Vec<u8>,
    count: u32,
}

impl Builder {
    pub fn new(bytes_max: usize) -> Builder {
        let mut bytes = Vec::with_capacity(bytes_max);
        bytes.resize(HEADER_BYTES, 0);
        Builder { bytes, count: 0 }
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The most that a further record can take.
    pub fn room_for(value: &[u8]) -> usize {
        value.len() + HEAD_BYTES_MAX + 1
    }

    #[inline]
    pub fn push(&mut self, value: &[u8]) {
        let (delta, length) = (zigzag(self.count), zigzag(value.len() as u32));
        // Attributes, timestamp delta, null key and no headers are a byte each.
        let record = 4 + varint_len(delta) + varint_len(length) + value.len();
        let mut head = Head { bytes: [0; HEAD_BYTES_MAX], len: 0 };
        head.varint(zigzag(record as u32));
        head.byte(0);
        head.byte(0);
        head.varint(delta);
        head.byte(1); // a null key: -1 in zigzag
        head.varint(length);
        // All of it, and what is too much is overwritten: a copy of a fixed size is a move of a register.
        let out = &mut self.bytes;
        let end = out.len() + head.len;
        out.extend_from_slice(&head.bytes);
        out.truncate(end);
        out.extend_from_slice(value);
        out.push(0);
        self.count += 1;
    }

    /// Fills in the header; what is in `bytes` then goes out as it is.
    pub fn seal(&mut self, now_ms: i64) {
        let length = (self.bytes.len() - PREFIX_BYTES) as u32;
        let head = &mut self.bytes;
        head[8..12].copy_from_slice(&length.to_be_bytes());
        head[16] = 2;
        head[23..27].copy_from_slice(&(self.count - 1).to_be_bytes());
        head[27..35].copy_from_slice(&now_ms.to_be_bytes());
        head[35..43].copy_from_slice(&now_ms.to_be_bytes());
        // No producer id, no epoch, no sequence.
        head[43..57].fill(0xff);
        head[COUNT_AT..HEADER_BYTES].copy_from_slice(&self.count.to_be_bytes());
        let crc = crc32c::crc32c(&head[CRC_COVERS_FROM..]);
        head[CRC_AT..CRC_COVERS_FROM].copy_from_slice(&crc.to_be_bytes());
    }

    pub fn clear(&mut self) {
        self.bytes.truncate(HEADER_BYTES);
        self.count = 0;
    }
}

/// The whole length of the batch that begins here, once its length field has come.
pub fn whole_bytes(head: &[u8]) -> Option<usize> {
    let length = head.get(8..12)?.try_into().ok().map(u32::from_be_bytes)?;
    Some(PREFIX_BYTES + length as usize)
}

pub fn record_count(batch: &[u8]) -> u64 {
    batch[COUNT_AT..HEADER_BYTES].try_into().map_or(0, |count| u64::from(u32::from_be_bytes(count)))
}

pub fn is_intact(batch: &[u8]) -> bool {
    batch.len() > HEADER_BYTES
        && crc32c::crc32c(&batch[CRC_COVERS_FROM..]).to_be_bytes() == batch[CRC_AT..CRC_COVERS_FROM]
}

/// Hands out the values of a batch whose CRC is right. It trusts the records, which this program wrote.
#[inline]
pub fn for_each_value<E>(batch: &[u8], mut each: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    let mut at = HEADER_BYTES;
    for _ in 0..record_count(batch) {
        take_varint(batch, &mut at);
        at += 2;
        take_varint(batch, &mut at);
        at += 1;
        let length = take_varint(batch, &mut at) as usize;
        each(&batch[at..at + length])?;
        at += length + 1;
    }
    Ok(())
}

fn zigzag(value: u32) -> u32 {
    value << 1
}

fn varint_len(value: u32) -> usize {
    (38 - (value | 1).leading_zeros() as usize) / 7
}

/// What stands before a value.
struct Head {
    bytes: [u8; HEAD_BYTES_MAX],
    len: usize,
}

impl Head {
    #[inline(always)]
    fn byte(&mut self, byte: u8) {
        self.bytes[self.len % HEAD_BYTES_MAX] = byte;
        self.len += 1;
    }

    #[inline(always)]
    fn varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.byte(value as u8);
    }
}

#[inline(always)]
fn take_varint(bytes: &[u8], at: &mut usize) -> u32 {
    // One to three bytes is what lengths and offsets in a batch take.
    let (value, used) = match bytes[*at..] {
        [a, ..] if a < 0x80 => (u32::from(a), 1),
        [a, b, ..] if b < 0x80 => (u32::from(a & 0x7f) | u32::from(b) << 7, 2),
        [a, b, c, ..] => (u32::from(a & 0x7f) | u32::from(b & 0x7f) << 7 | u32::from(c) << 14, 3),
        _ => (0, 0),
    };
    *at += used;
    value >> 1
}
