//! Records to standard output: collected in one buffer, written in as few calls as there are, never held back.

use std::io::{self, Write};

use crate::cli::direct::DirectStdout;
use crate::cli::format::Format;
use crate::cli::{escape, json_record};
use crate::client::Record;

/// So much is collected before it is written, if it comes in one piece from the broker. Small enough to stay in the
/// processor's cache until then.
const BUFFER_BYTES: usize = 128 * 1024;

/// What a record prints.
#[derive(Debug)]
pub(super) enum Shape {
    /// The value and a newline.
    Values,
    Format(Format),
    Json,
}

#[derive(Debug)]
pub(super) struct Sink<W = DirectStdout> {
    shape: Shape,
    /// Control characters in records are to be shown, not obeyed.
    for_terminal: bool,
    buffer: Vec<u8>,
    output: W,
}

impl Sink {
    pub(super) fn open(shape: Shape, for_terminal: bool, is_wide: bool) -> io::Result<Sink> {
        let output = DirectStdout::open()?;
        if is_wide {
            output.widen();
        }
        Ok(Sink::new(shape, for_terminal, output))
    }

    /// How many bytes went out.
    pub(super) fn written(&self) -> u64 {
        self.output.written()
    }

    /// How many of them lie in a pipe and wait for its reader.
    pub(super) fn unread(&self) -> u64 {
        self.output.unread()
    }
}

impl<W: Write> Sink<W> {
    fn new(shape: Shape, for_terminal: bool, output: W) -> Sink<W> {
        Sink { shape, for_terminal, buffer: Vec::with_capacity(BUFFER_BYTES + 4096), output }
    }

    /// Takes a record in; writes when enough has come together, and says whether it did.
    #[inline]
    pub(super) fn put(&mut self, record: &Record<'_>) -> io::Result<bool> {
        match &self.shape {
            Shape::Values if !self.for_terminal => {
                let value = record.value().unwrap_or_default();
                if value.len() >= BUFFER_BYTES {
                    return self.put_large(value);
                }
                self.buffer.reserve(value.len() + 1);
                self.buffer.extend_from_slice(value);
                self.buffer.push(b'\n');
            }
            Shape::Values => {
                let shown = escape::terminal(record.value().unwrap_or_default());
                self.buffer.extend_from_slice(shown.as_bytes());
                self.buffer.push(b'\n');
            }
            Shape::Format(format) => format.write(&mut self.buffer, record, self.for_terminal),
            Shape::Json => json_record::write(&mut self.buffer, record, self.for_terminal),
        }
        if self.buffer.len() < BUFFER_BYTES {
            return Ok(false);
        }
        self.flush().map(|()| true)
    }

    /// A value that fills the buffer alone needs no copy.
    #[cold]
    fn put_large(&mut self, value: &[u8]) -> io::Result<bool> {
        self.flush()?;
        self.output.write_all(value)?;
        self.output.write_all(b"\n").map(|()| true)
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        let written = self.output.write_all(&self.buffer);
        self.buffer.clear();
        written
    }

    /// For watching whether anybody reads it.
    pub(super) fn output(&self) -> &W {
        &self.output
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::testing::with_record;

    fn printed(shape: fn() -> Shape, for_terminal: bool, value: Option<&[u8]>) -> Vec<u8> {
        with_record(Some(b"k"), value, &[], |record| {
            let mut sink = Sink::new(shape(), for_terminal, Vec::new());
            sink.put(record).and_then(|_| sink.flush()).expect("memory takes all");
            sink.output
        })
    }

    #[test]
    fn values_come_out_as_they_went_in() {
        assert_eq!(printed(|| Shape::Values, false, Some(b"a\x1b\xff\n")), b"a\x1b\xff\n\n");
        assert_eq!(printed(|| Shape::Values, false, None), b"\n", "null prints empty");
        let large = vec![b'x'; BUFFER_BYTES + 1];
        assert_eq!(printed(|| Shape::Values, false, Some(&large)), [&large[..], b"\n"].concat());
    }

    #[test]
    fn a_terminal_is_safe() {
        assert_eq!(printed(|| Shape::Values, true, Some(b"a\x1b[2Jb")), b"a\\x1b[2Jb\n");
        let json = printed(|| Shape::Json, true, Some("\u{9b}2J".as_bytes()));
        assert!(String::from_utf8(json).is_ok_and(|line| line.contains("\"value\":\"\\u009b2J\"")));
    }
}
