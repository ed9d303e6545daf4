//! Zigzag LEB128, the variable-length integers inside records (Kafka's ByteUtils).
//!
//! Every record has five of them or more, and every record is read once by the broker that takes it in and once by who
//! consumes it: the short ones are read where they stand, without a call.

/// Reads a varint of at most 32 bits from the front; returns the value and how many bytes it took.
#[inline(always)]
pub fn read_i32(bytes: &[u8]) -> Option<(i32, usize)> {
    let (value, used) = read_unsigned(bytes, 5)?;
    let value = u32::try_from(value).ok()?;
    Some(((value >> 1) as i32 ^ -((value & 1) as i32), used))
}

/// Reads a varlong of at most 64 bits from the front.
#[inline(always)]
pub fn read_i64(bytes: &[u8]) -> Option<(i64, usize)> {
    let (value, used) = read_unsigned(bytes, 10)?;
    Some(((value >> 1) as i64 ^ -((value & 1) as i64), used))
}

#[inline(always)]
fn read_unsigned(bytes: &[u8], bytes_max: usize) -> Option<(u64, usize)> {
    // Lengths and offsets inside batches take one to three bytes: those are read without a loop.
    match *bytes {
        [a, ..] if a < 0x80 => Some((u64::from(a), 1)),
        [a, b, ..] if b < 0x80 => Some((u64::from(a & 0x7f) | u64::from(b) << 7, 2)),
        [a, b, c, ..] if c < 0x80 => Some((u64::from(a & 0x7f) | u64::from(b & 0x7f) << 7 | u64::from(c) << 14, 3)),
        _ => read_long(bytes, bytes_max),
    }
}

#[cold]
fn read_long(bytes: &[u8], bytes_max: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    for (i, byte) in bytes.iter().enumerate().take(bytes_max) {
        let part = u64::from(byte & 0x7f);
        if i == 9 && part > 1 {
            return None;
        }
        value |= part << (7 * i);
        if *byte < 0x80 {
            return Some((value, i + 1));
        }
    }
    None
}

#[inline]
pub fn write_i32(out: &mut Vec<u8>, value: i32) {
    write_i64(out, i64::from(value));
}

#[inline]
pub fn write_i64(out: &mut Vec<u8>, value: i64) {
    encode(value, |byte| out.push(byte));
}

#[inline(always)]
fn encode(value: i64, mut put: impl FnMut(u8)) {
    let mut rest = zigzag(value);
    while rest >= 0x80 {
        put(rest as u8 | 0x80);
        rest >>= 7;
    }
    put(rest as u8);
}

/// The small fields at the head of a record, put together before they go into its batch in one piece of a fixed size: asking a
/// `Vec` for room for each byte costs more than all the bytes.
#[derive(Default)]
pub struct Head {
    bytes: [u8; HEAD_BYTES_MAX],
    len: usize,
}

/// A power of two, and more than four varints of 32 bits, one of 64 and a byte take.
pub const HEAD_BYTES_MAX: usize = 32;

impl Head {
    #[inline(always)]
    pub fn byte(&mut self, byte: u8) {
        self.bytes[self.len % HEAD_BYTES_MAX] = byte;
        self.len += 1;
    }

    #[inline(always)]
    pub fn varint(&mut self, value: i64) {
        encode(value, |byte| self.byte(byte));
    }

    /// Quick where `out` has room for [`HEAD_BYTES_MAX`].
    #[inline(always)]
    pub fn write(&self, out: &mut Vec<u8>) {
        debug_assert!(self.len <= HEAD_BYTES_MAX);
        let end = out.len() + self.len;
        out.extend_from_slice(&self.bytes);
        out.truncate(end);
    }
}

/// How many bytes `value` takes.
#[inline]
pub fn len_i64(value: i64) -> usize {
    let bits = 64 - zigzag(value).leading_zeros() as usize;
    bits.div_ceil(7).max(1)
}

#[inline]
fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_bytes() {
        let mut out = Vec::new();
        for value in [0, -1, 1, 63, -64, 64] {
            write_i32(&mut out, value);
        }
        assert_eq!(out, [0x00, 0x01, 0x02, 0x7e, 0x7f, 0x80, 0x01]);
    }

    #[test]
    fn what_never_ends_or_does_not_fit_is_refused() {
        assert_eq!(read_i32(&[]), None);
        assert_eq!(read_i32(&[0x80]), None);
        assert_eq!(read_i32(&[0xff; 5]), None);
        assert_eq!(read_i32(&[0xff, 0xff, 0xff, 0xff, 0x1f]), None);
        assert_eq!(read_i64(&[0xff; 10]), None);
        assert_eq!(read_i64(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]), None);
    }

    #[test]
    fn numbers_of_every_length_come_back() {
        for bits in 0..63 {
            for value in [(1 << bits) - 1, 1 << bits, -(1 << bits)] {
                let mut out = Vec::new();
                write_i64(&mut out, value);
                assert_eq!(read_i64(&out), Some((value, out.len())));
                assert_eq!(read_i64(&out[..out.len() - 1]), None, "cut off");
                out.push(0x7f);
                assert_eq!(read_i64(&out), Some((value, out.len() - 1)), "what follows is not looked at");
            }
        }
    }

    proptest! {
        #[test]
        fn round_trip(value: i64, small: i32) {
            let mut out = Vec::new();
            write_i64(&mut out, value);
            prop_assert_eq!(out.len(), len_i64(value));
            prop_assert_eq!(read_i64(&out), Some((value, out.len())));
            out.clear();
            write_i32(&mut out, small);
            prop_assert_eq!(read_i32(&out), Some((small, out.len())));
        }
    }
}
