//! Reading a frame from the front to the back. Pure bytes: knows Kafka's primitive types and no message.
//!
//! Always holds: no length or count from the wire is believed beyond the bytes that are there, nothing panics,
//! and bytes are handed out as slices of the frame, not copied.

use bytes::Bytes;

use super::wire::Form;

/// Why a frame can't be read. `what` is the field (`Message.field`), `at` the byte of the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("{what} at byte {at} needs {wanted} bytes, but only {left} are left")]
    Short { what: &'static str, at: usize, wanted: usize, left: usize },
    #[error("{what} at byte {at} has length {length}, which no length can be")]
    BadLength { what: &'static str, at: usize, length: i64 },
    #[error("{what} at byte {at} claims {count} elements, more than the {left} bytes left can hold")]
    TooMany { what: &'static str, at: usize, count: usize, left: usize },
    #[error("{what} at byte {at} is null, which this version of the message does not allow")]
    Null { what: &'static str, at: usize },
    #[error("{what} at byte {at} is not UTF-8")]
    NotUtf8 { what: &'static str, at: usize },
    #[error("{what} at byte {at} is a variable-length number that does not fit 32 bits")]
    BadVarint { what: &'static str, at: usize },
    #[error("{what} at byte {at} is {version}, which no version can be")]
    BadVersion { what: &'static str, at: usize, version: i16 },
    #[error("the tagged field {what} says it has {size} bytes, but ends at byte {at} with {left} of them left")]
    BadTagSize { what: &'static str, at: usize, size: usize, left: usize },
}

/// A place in a frame.
#[derive(Debug, Clone)]
pub struct Decoder {
    frame: Bytes,
    at: usize,
    /// Where reading stops: the frame's end, or the end of the tagged field being read.
    end: usize,
    what: &'static str,
}

/// Kafka's limit for every string, also where the length could be larger.
pub(super) const STRING_BYTES_MAX: usize = i16::MAX as usize;

impl Decoder {
    pub fn new(frame: Bytes) -> Decoder {
        let end = frame.len();
        Decoder { frame, at: 0, end, what: "the frame" }
    }

    /// Bytes read so far.
    pub fn position(&self) -> usize {
        self.at
    }

    pub fn remaining(&self) -> usize {
        self.end - self.at
    }

    /// Names what is read next, for errors.
    pub fn reading(&mut self, what: &'static str) {
        self.what = what;
    }

    pub fn i8(&mut self) -> Result<i8, DecodeError> {
        self.array().map(i8::from_be_bytes)
    }

    pub fn i16(&mut self) -> Result<i16, DecodeError> {
        self.array().map(i16::from_be_bytes)
    }

    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        self.array().map(i32::from_be_bytes)
    }

    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        self.array().map(i64::from_be_bytes)
    }

    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    pub fn f64(&mut self) -> Result<f64, DecodeError> {
        self.array().map(f64::from_be_bytes)
    }

    pub fn uvarint(&mut self) -> Result<u32, DecodeError> {
        let start = self.at;
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array()?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && byte > 0x0f {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::BadVarint { what: self.what, at: start })
    }

    /// The next bytes, whatever they are.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.frame[self.at..self.end].first_chunk::<N>() {
            Some(chunk) => {
                self.at += N;
                Ok(*chunk)
            }
            None => Err(self.short(N)),
        }
    }

    /// The next `length` bytes as a slice of the frame.
    pub fn bytes(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        if length > self.remaining() {
            return Err(self.short(length));
        }
        let slice = self.frame.slice(self.at..self.at + length);
        self.at += length;
        Ok(slice)
    }

    /// A string, or `None` for null.
    pub(super) fn string_or_null(&mut self, form: Form) -> Result<Option<String>, DecodeError> {
        let start = self.at;
        let length = if form.flexible {
            self.uvarint()?.checked_sub(1).map(i64::from)
        } else {
            self.i16().map(|length| (length != -1).then_some(i64::from(length)))?
        };
        let Some(length) = length else { return Ok(None) };
        let bytes = match usize::try_from(length) {
            Ok(length) if length <= STRING_BYTES_MAX => self.take(length)?,
            _ => return Err(DecodeError::BadLength { what: self.what, at: start, length }),
        };
        match str::from_utf8(bytes) {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => Err(DecodeError::NotUtf8 { what: self.what, at: start }),
        }
    }

    /// The length before bytes or an array, or `None` for null.
    pub(super) fn length_or_null(&mut self, form: Form) -> Result<Option<usize>, DecodeError> {
        if form.flexible {
            return Ok(self.uvarint()?.checked_sub(1).map(|length| length as usize));
        }
        let start = self.at;
        match self.i32()? {
            -1 => Ok(None),
            length => match usize::try_from(length) {
                Ok(length) => Ok(Some(length)),
                Err(_) => Err(DecodeError::BadLength { what: self.what, at: start, length: i64::from(length) }),
            },
        }
    }

    /// An empty vector with room for `count` elements of at least `least_bytes` each, if so many can still come.
    /// What is reserved is therefore never more than honest elements of that size would take.
    pub(super) fn room_for<T>(&self, count: usize, least_bytes: usize) -> Result<Vec<T>, DecodeError> {
        let left = self.remaining();
        if count > left / least_bytes.max(1) {
            return Err(DecodeError::TooMany { what: self.what, at: self.at, count, left });
        }
        #[cfg(test)]
        super::tests::note_reserved(count * size_of::<T>());
        Ok(Vec::with_capacity(count))
    }

    /// Reads a tagged field of a stated size, which `read` must use up. Whoever does not know the tag skips it.
    pub(super) fn tagged(
        &mut self,
        read: impl FnOnce(u32, &mut Decoder) -> Result<Tag, DecodeError>,
    ) -> Result<(), DecodeError> {
        let tag = self.uvarint()?;
        let size = self.uvarint()? as usize;
        if size > self.remaining() {
            return Err(self.short(size));
        }
        let outer = std::mem::replace(&mut self.end, self.at + size);
        match read(tag, self)? {
            Tag::Unknown => self.at = self.end,
            Tag::Read if self.at == self.end => {}
            Tag::Read => {
                return Err(DecodeError::BadTagSize { what: self.what, at: self.at, size, left: self.remaining() });
            }
        }
        self.end = outer;
        Ok(())
    }

    /// A version in front of the bytes it is about.
    pub(super) fn version(&mut self) -> Result<i16, DecodeError> {
        let at = self.at;
        match self.i16()? {
            version if version < 0 => Err(DecodeError::BadVersion { what: self.what, at, version }),
            version => Ok(version),
        }
    }

    /// Passes over tagged fields that nobody here knows.
    pub(super) fn skip_tags(&mut self) -> Result<(), DecodeError> {
        for _ in 0..self.uvarint()? {
            self.tagged(|_, _| Ok(Tag::Unknown))?;
        }
        Ok(())
    }

    pub(super) fn null(&self) -> DecodeError {
        DecodeError::Null { what: self.what, at: self.at }
    }

    fn take(&mut self, length: usize) -> Result<&[u8], DecodeError> {
        if length > self.remaining() {
            return Err(self.short(length));
        }
        let start = self.at;
        self.at += length;
        Ok(&self.frame[start..self.at])
    }

    fn short(&self, wanted: usize) -> DecodeError {
        DecodeError::Short { what: self.what, at: self.at, wanted, left: self.remaining() }
    }
}

/// Whether a tagged field was known.
pub(super) enum Tag {
    Read,
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(bytes: &[u8]) -> Decoder {
        Decoder::new(Bytes::copy_from_slice(bytes))
    }

    #[test]
    fn varints_fit_32_bits_or_are_refused() {
        assert_eq!(over(&[0x00]).uvarint(), Ok(0));
        assert_eq!(over(&[0xac, 0x02]).uvarint(), Ok(300));
        assert_eq!(over(&[0xff, 0xff, 0xff, 0xff, 0x0f]).uvarint(), Ok(u32::MAX));
        let what = "the frame";
        for bad in [[0xff, 0xff, 0xff, 0xff, 0x1f], [0x80, 0x80, 0x80, 0x80, 0x80]] {
            assert_eq!(over(&bad).uvarint(), Err(DecodeError::BadVarint { what, at: 0 }));
        }
        assert_eq!(over(&[0x80]).uvarint(), Err(DecodeError::Short { what, at: 1, wanted: 1, left: 0 }));
    }

    #[test]
    fn bytes_are_slices_of_the_frame() {
        let frame = Bytes::from(vec![1, 2, 3, 4, 5]);
        let mut input = Decoder::new(frame.clone());
        assert_eq!(input.i8(), Ok(1));
        let slice = input.bytes(3).expect("three are there");
        assert_eq!(slice, [2, 3, 4][..]);
        assert_eq!(slice.as_ptr(), frame[1..].as_ptr());
        assert_eq!((input.position(), input.remaining()), (4, 1));
        assert!(input.bytes(2).is_err());
    }

    #[test]
    fn strings_must_be_utf8_and_not_longer_than_kafkas() {
        let what = "name";
        let compact = Form { version: 0, flexible: true };
        let mut input = over(&[3, 0xff, 0xff]);
        input.reading(what);
        assert_eq!(input.string_or_null(compact), Err(DecodeError::NotUtf8 { what, at: 0 }));
        let mut long = vec![0x81, 0x80, 0x02];
        long.extend([b'a'; 32768]);
        let mut input = over(&long);
        input.reading(what);
        assert_eq!(input.string_or_null(compact), Err(DecodeError::BadLength { what, at: 0, length: 32768 }));
    }

    #[test]
    fn room_is_only_made_for_what_can_come() {
        let input = over(&[0; 40]);
        assert_eq!(input.room_for::<i64>(5, 8).map(|room| room.capacity()), Ok(5));
        let what = "the frame";
        assert_eq!(input.room_for::<i64>(6, 8), Err(DecodeError::TooMany { what, at: 0, count: 6, left: 40 }));
        assert!(input.room_for::<i64>(usize::MAX, 0).is_err());
    }
}
