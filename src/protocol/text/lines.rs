//! A connection's input, cut into lines.
//!
//! Knows bytes and one limit. LF ends a line, a CR before it is dropped, and at the end of input a last line without
//! LF counts. However the bytes are split on their way, the lines are the same. The caller reads more only when
//! [`Lines::next_line`] says [`NextLine::More`]: what is held stays below the limit plus one read.

use memchr::memchr;

/// The input of one connection.
#[derive(Debug)]
pub struct Lines {
    buffer: Vec<u8>,
    /// Where the next line starts.
    start: usize,
    /// How far the next line was searched for its end, so that no byte is looked at twice.
    scanned: usize,
    limit: usize,
    ended: bool,
    too_long: bool,
}

/// What the input has for us.
#[derive(Debug, PartialEq, Eq)]
pub enum NextLine<'a> {
    /// One line without its end; it may be empty.
    Line(&'a [u8]),
    /// No whole line yet: read and [`Lines::push`].
    More,
    /// The line exceeds the limit. Nothing follows: where it ends is unknown, so the connection must close.
    TooLong,
    /// The input has ended and every line was handed out.
    End,
}

/// A buffer that grew for one large line is given back when it is empty again.
const KEEP_BYTES: usize = 64 * 1024;

impl Lines {
    /// `limit` is the longest line in bytes, its end not counted.
    pub fn new(limit: usize) -> Lines {
        Lines { buffer: Vec::new(), start: 0, scanned: 0, limit, ended: false, too_long: false }
    }

    /// Takes bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// No more bytes will come.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// The next line, or what is missing for it.
    pub fn next_line(&mut self) -> NextLine<'_> {
        match self.find() {
            Found::Line { end, next } => {
                let start = std::mem::replace(&mut self.start, next);
                self.scanned = next;
                NextLine::Line(&self.buffer[start..end])
            }
            Found::More => {
                if self.start == self.buffer.len() && self.buffer.capacity() > KEEP_BYTES {
                    self.buffer = Vec::new();
                    (self.start, self.scanned) = (0, 0);
                }
                NextLine::More
            }
            Found::TooLong => NextLine::TooLong,
            Found::End => NextLine::End,
        }
    }

    /// Whether a whole line waits (for `FOLLOW`, which any further line ends). A line past its limit waits too.
    pub fn has_line(&mut self) -> bool {
        matches!(self.find(), Found::Line { .. } | Found::TooLong)
    }

    /// Bytes that were received and not handed out yet.
    pub fn buffered(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Live changes of `message.max.bytes` reach open connections.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    fn find(&mut self) -> Found {
        if self.too_long {
            return Found::TooLong;
        }
        if let Some(at) = memchr(b'\n', &self.buffer[self.scanned..]) {
            let lf = self.scanned + at;
            // Found again at once if this was only a look.
            self.scanned = lf;
            let has_cr = lf > self.start && self.buffer[lf - 1] == b'\r';
            return self.bounded(if has_cr { lf - 1 } else { lf }, lf + 1);
        }
        self.scanned = self.buffer.len();
        let waiting = self.buffered();
        if self.ended {
            return if waiting == 0 { Found::End } else { self.bounded(self.buffer.len(), self.buffer.len()) };
        }
        // One byte more than the limit may be the CR that does not count.
        if waiting > self.limit.saturating_add(1) {
            self.too_long = true;
            return Found::TooLong;
        }
        Found::More
    }

    fn bounded(&mut self, end: usize, next: usize) -> Found {
        if end - self.start > self.limit {
            self.too_long = true;
            return Found::TooLong;
        }
        Found::Line { end, next }
    }
}

enum Found {
    Line { end: usize, next: usize },
    More,
    TooLong,
    End,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(lines: &mut Lines) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        while let NextLine::Line(line) = lines.next_line() {
            found.push(line.to_vec());
        }
        found
    }

    #[test]
    fn lf_ends_a_line_and_a_cr_before_it_is_dropped() {
        let mut lines = Lines::new(100);
        assert_eq!(lines.next_line(), NextLine::More);
        lines.push(b"one\ntwo\r\n\r\n\nfi");
        assert!(lines.has_line());
        assert_eq!(all(&mut lines), [&b"one"[..], b"two", b"", b""]);
        assert!(!lines.has_line());
        assert_eq!(lines.next_line(), NextLine::More);
        lines.push(b"ve\rx\n");
        assert_eq!(lines.next_line(), NextLine::Line(b"five\rx"));
    }

    #[test]
    fn at_the_end_a_last_line_without_lf_counts() {
        let mut lines = Lines::new(100);
        lines.push(b"PING\nQUIT");
        lines.end();
        assert_eq!(lines.next_line(), NextLine::Line(b"PING"));
        assert_eq!(lines.next_line(), NextLine::Line(b"QUIT"));
        assert_eq!(lines.next_line(), NextLine::End);
        assert_eq!(lines.next_line(), NextLine::End);
    }

    #[test]
    fn a_line_at_the_limit_passes_and_one_byte_more_does_not() {
        for end in ["\n", "\r\n"] {
            let mut lines = Lines::new(4);
            lines.push(format!("PING{end}").as_bytes());
            assert_eq!(lines.next_line(), NextLine::Line(b"PING"));
            lines.push(format!("PINGS{end}PING{end}").as_bytes());
            assert_eq!(lines.next_line(), NextLine::TooLong);
            assert_eq!(lines.next_line(), NextLine::TooLong);
        }
        let mut lines = Lines::new(4);
        lines.push(b"PING\r");
        assert_eq!(lines.next_line(), NextLine::More);
        lines.push(b"x");
        assert_eq!(lines.next_line(), NextLine::TooLong);
        let mut lines = Lines::new(4);
        lines.push(b"PINGS");
        lines.end();
        assert_eq!(lines.next_line(), NextLine::TooLong);
    }

    #[test]
    fn a_large_line_does_not_keep_its_memory() {
        let mut lines = Lines::new(1 << 20);
        lines.push(&vec![b'x'; 1 << 20]);
        lines.push(b"\n");
        assert!(matches!(lines.next_line(), NextLine::Line(line) if line.len() == 1 << 20));
        assert_eq!(lines.next_line(), NextLine::More);
        assert!(lines.buffer.capacity() <= KEEP_BYTES);
        lines.push(b"PING\n");
        assert_eq!(lines.next_line(), NextLine::Line(b"PING"));
    }

    proptest! {
        /// Odd splits of the stream, and looking ahead in between, give the same lines.
        #[test]
        fn splits_do_not_matter(
            input in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..200),
            cuts in prop::collection::vec(1usize..20, 1..50),
            limit in 0usize..40,
        ) {
            let mut whole = Lines::new(limit);
            whole.push(&input);
            whole.end();
            let expected = all(&mut whole);
            let overlong = whole.next_line() == NextLine::TooLong;

            let mut pieces = Lines::new(limit);
            let mut found = Vec::new();
            let (mut rest, mut cuts) = (&input[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(rest.len().min(*cuts.next().expect("a cycle")));
                pieces.push(piece);
                rest = after;
                pieces.has_line();
                found.extend(all(&mut pieces));
            }
            pieces.end();
            found.extend(all(&mut pieces));
            prop_assert_eq!(found, expected);
            prop_assert_eq!(pieces.next_line() == NextLine::TooLong, overlong);
        }
    }
}
