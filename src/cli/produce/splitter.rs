//! Cuts a stream of bytes into records at a delimiter. Pure: somebody else reads, somebody else sends.
//!
//! Always holds: no byte is looked at for a delimiter twice (but for the last few of a block, where a longer
//! delimiter may have begun), records are handed out as slices of the one buffer, and the buffer never grows beyond
//! twice a block and the longest record allowed.

use memchr::memmem;

/// One read from stdin. Small enough to stay in the processor's cache between reading and copying into a batch.
pub const BLOCK_BYTES: usize = 256 * 1024;

/// What stands between two records.
#[derive(Debug)]
enum Cut {
    Byte(u8),
    Bytes(Box<memmem::Finder<'static>>),
    /// Nothing does: all of the stream is one record.
    Never,
}

/// A record has no end within the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the record is longer than {max} bytes")]
pub struct TooLong {
    pub max: usize,
}

#[derive(Debug)]
pub struct Splitter {
    buffer: Vec<u8>,
    /// `buffer[start..end]` came in and has not been handed out; up to `searched` it holds no delimiter.
    start: usize,
    searched: usize,
    end: usize,
    cut: Cut,
    record_bytes_max: usize,
}

impl Splitter {
    /// An empty delimiter cuts never.
    pub fn new(delimiter: &[u8], record_bytes_max: usize) -> Splitter {
        let cut = match delimiter {
            [] => Cut::Never,
            [byte] => Cut::Byte(*byte),
            bytes => Cut::Bytes(Box::new(memmem::Finder::new(bytes).into_owned())),
        };
        Splitter { buffer: vec![0; BLOCK_BYTES], start: 0, searched: 0, end: 0, cut, record_bytes_max }
    }

    /// Where the next bytes go; say with [`filled`](Self::filled) how many came.
    pub fn space(&mut self) -> Result<&mut [u8], TooLong> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.searched -= self.start;
            self.end -= self.start;
            self.start = 0;
        }
        if self.end > self.record_bytes_max {
            return Err(TooLong { max: self.record_bytes_max });
        }
        if self.buffer.len() - self.end < BLOCK_BYTES / 2 {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        Ok(&mut self.buffer[self.end..])
    }

    pub fn filled(&mut self, bytes: usize) {
        self.end += bytes;
    }

    /// Hands out the whole records that are there; stops at the first error of `take`.
    #[inline]
    pub fn split<E>(&mut self, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        match &self.cut {
            Cut::Byte(byte) => {
                let from = self.searched;
                let fresh = &self.buffer[from..self.end];
                for at in memchr::memchr_iter(*byte, fresh) {
                    let record = &self.buffer[self.start..from + at];
                    self.start = from + at + 1;
                    self.searched = self.start;
                    take(record)?;
                }
                self.searched = self.end;
            }
            Cut::Bytes(finder) => {
                let width = finder.needle().len();
                let mut from = self.searched;
                while let Some(at) = finder.find(&self.buffer[from..self.end]) {
                    let record = &self.buffer[self.start..from + at];
                    from += at + width;
                    (self.start, self.searched) = (from, from);
                    take(record)?;
                }
                // The delimiter's first bytes may be the last ones here.
                self.searched = self.end.saturating_sub(width - 1).max(self.start);
            }
            Cut::Never => self.searched = self.end,
        }
        Ok(())
    }

    /// The stream has ended: what is left behind the last delimiter, if it counts as a record. With no delimiter
    /// the whole stream does, even an empty one.
    pub fn rest(&mut self) -> Option<&[u8]> {
        let rest = self.start..self.end;
        (self.start, self.searched) = (self.end, self.end);
        if rest.is_empty() && !matches!(self.cut, Cut::Never) { None } else { Some(&self.buffer[rest]) }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    /// Feeds `input` in pieces and collects the records.
    fn split(delimiter: &[u8], input: &[u8], pieces: &[usize]) -> Vec<Vec<u8>> {
        let mut splitter = Splitter::new(delimiter, usize::MAX);
        let mut records = Vec::new();
        let mut left = input;
        let mut pieces = pieces.iter().copied().cycle();
        while !left.is_empty() {
            let space = splitter.space().expect("no limit");
            let take = pieces.next().unwrap_or(1).clamp(1, left.len().min(space.len()));
            space[..take].copy_from_slice(&left[..take]);
            left = &left[take..];
            splitter.filled(take);
            let Ok(()) = splitter.split(|record| {
                records.push(record.to_vec());
                Ok::<(), Infallible>(())
            });
        }
        records.extend(splitter.rest().map(<[u8]>::to_vec));
        records
    }

    fn strings(delimiter: &str, input: &str) -> Vec<String> {
        split(delimiter.as_bytes(), input.as_bytes(), &[3])
            .into_iter()
            .map(|record| String::from_utf8(record).expect("was text"))
            .collect()
    }

    #[test]
    fn lines_are_records_and_the_last_needs_no_newline() {
        assert_eq!(strings("\n", "a\nb\n"), ["a", "b"]);
        assert_eq!(strings("\n", "a\nb"), ["a", "b"]);
        assert_eq!(strings("\n", "\n\nx\r\n"), ["", "", "x\r"]);
        assert!(strings("\n", "").is_empty());
    }

    #[test]
    fn no_delimiter_makes_one_record_of_everything() {
        assert_eq!(strings("", "a\nb\n"), ["a\nb\n"]);
        assert_eq!(strings("", ""), [""]);
    }

    #[test]
    fn several_bytes_can_delimit() {
        assert_eq!(strings("--", "a--b---c-"), ["a", "b", "-c-"]);
        assert_eq!(strings("aab", "aaabxaab"), ["a", "x"]);
    }

    #[test]
    fn a_record_past_the_limit_is_found_before_memory_is() {
        let mut splitter = Splitter::new(b"\n", 1000);
        let mut fed = 0;
        loop {
            match splitter.space() {
                Ok(space) => {
                    let count = space.len();
                    space.fill(b'x');
                    splitter.filled(count);
                    fed += count;
                    splitter.split(|_| Err(())).expect("there is no newline");
                }
                Err(e) => {
                    assert_eq!(e, TooLong { max: 1000 });
                    break;
                }
            }
        }
        assert!(fed <= 2 * BLOCK_BYTES);
    }

    #[test]
    fn what_take_refused_is_not_handed_out_again() {
        let mut splitter = Splitter::new(b"\n", 1000);
        splitter.space().expect("room")[..4].copy_from_slice(b"a\nb\n");
        splitter.filled(4);
        assert_eq!(splitter.split(|_| Err("no")), Err("no"));
        let mut seen = Vec::new();
        splitter
            .split(|record| {
                seen.push(record.to_vec());
                Ok::<(), ()>(())
            })
            .expect("taken");
        assert_eq!(seen, [b"b".to_vec()]);
    }

    proptest! {
        #[test]
        fn however_the_stream_is_cut_the_records_are_the_same(
            input in proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), Just(b'\n')], 0..200),
            delimiter in prop_oneof![Just(&b"\n"[..]), Just(&b"ab"[..]), Just(&b"aab"[..]), Just(&b"aa"[..])],
            pieces in proptest::collection::vec(1usize..9, 1..6),
        ) {
            let mut expected: Vec<Vec<u8>> = Vec::new();
            let mut rest = &input[..];
            while let Some(at) = memmem::find(rest, delimiter) {
                expected.push(rest[..at].to_vec());
                rest = &rest[at + delimiter.len()..];
            }
            if !rest.is_empty() {
                expected.push(rest.to_vec());
            }
            prop_assert_eq!(split(delimiter, &input, &pieces), expected);
        }
    }
}
