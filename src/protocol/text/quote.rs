//! How bytes look as an argument: bare where that is unambiguous, else in double quotes with escapes.
//!
//! Law: what [`print`] writes, [`Words`] reads back to the same bytes, on one line, with no control character.

use std::borrow::Cow;

/// Where an argument stands, which decides what may be bare: a value is the rest of its line, so it may hold spaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Keys, topics, groups.
    Word,
    /// The value of PRODUCE and MSG.
    Rest,
}

/// One argument as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word<'a> {
    /// `-` alone and unquoted.
    Null,
    Bytes(Cow<'a, [u8]>),
}

/// What can be wrong with a quoted argument.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum QuoteError {
    #[error("a quoted argument has no closing quote")]
    Open,
    #[error("the text {0} follows a closing quote directly")]
    Trailing(String),
    #[error("{0} is no escape in a quoted argument")]
    Escape(String),
}

impl QuoteError {
    pub(super) fn hint(&self) -> &'static str {
        match self {
            QuoteError::Open | QuoteError::Trailing(_) => "write a quote inside quotes as \\\"",
            QuoteError::Escape(_) => "there are \\\" \\\\ \\n \\r \\t \\0 \\xHH",
        }
    }
}

/// The arguments of a line, from left to right.
#[derive(Debug, Clone)]
pub(super) struct Words<'a> {
    rest: &'a [u8],
}

/// The white space between arguments; a CR within a line is white space too.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Without the white space at the end.
pub(super) fn trim_end(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|b| !is_space(*b)).map_or(0, |last| last + 1);
    &bytes[..end]
}

impl<'a> Words<'a> {
    pub(super) fn new(line: &'a [u8]) -> Words<'a> {
        Words { rest: line }
    }

    /// The next argument up to white space, or `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Word<'a>>, QuoteError> {
        self.skip_space();
        if self.rest.is_empty() {
            return Ok(None);
        }
        if let Some(quoted) = self.rest.strip_prefix(b"\"") {
            let (bytes, after) = unquote(quoted)?;
            if after.first().is_some_and(|b| !is_space(*b)) {
                return Err(QuoteError::Trailing(shown(after)));
            }
            self.rest = after;
            return Ok(Some(Word::Bytes(Cow::Owned(bytes))));
        }
        let end = self.rest.iter().position(|b| is_space(*b)).unwrap_or(self.rest.len());
        let (word, after) = self.rest.split_at(end);
        self.rest = after;
        Ok(Some(if word == b"-" { Word::Null } else { Word::Bytes(Cow::Borrowed(word)) }))
    }

    /// All that is left as one argument, spaces kept; what starts with a quote is quoted to the end.
    pub(super) fn rest(&mut self) -> Result<Option<Word<'a>>, QuoteError> {
        self.skip_space();
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() {
            return Ok(None);
        }
        if let Some(quoted) = rest.strip_prefix(b"\"") {
            let (bytes, after) = unquote(quoted)?;
            if after.iter().any(|b| !is_space(*b)) {
                return Err(QuoteError::Trailing(shown(trim_end(after))));
            }
            return Ok(Some(Word::Bytes(Cow::Owned(bytes))));
        }
        Ok(Some(if trim_end(rest) == b"-" { Word::Null } else { Word::Bytes(Cow::Borrowed(rest)) }))
    }

    fn skip_space(&mut self) {
        let start = self.rest.iter().position(|b| !is_space(*b)).unwrap_or(self.rest.len());
        self.rest = &self.rest[start..];
    }
}

/// Writes bytes so that they read back the same; `None` is `-`.
pub(super) fn print(out: &mut Vec<u8>, bytes: Option<&[u8]>, place: Place) {
    match bytes {
        None => out.push(b'-'),
        Some(bytes) if may_be_bare(bytes, place) => out.extend_from_slice(bytes),
        Some(bytes) => print_quoted(out, bytes),
    }
}

/// An argument as an error sentence shows it: always quoted, and cut where it is long.
pub(super) fn shown(bytes: &[u8]) -> String {
    const SHOWN_BYTES: usize = 60;
    let mut out = Vec::new();
    if bytes.len() <= SHOWN_BYTES {
        print_quoted(&mut out, bytes);
    } else {
        // A character cut in two would be shown as escapes.
        let cut = (SHOWN_BYTES - 3..=SHOWN_BYTES).rev().find(|i| bytes[*i] & 0xc0 != 0x80).unwrap_or(SHOWN_BYTES);
        print_quoted(&mut out, &bytes[..cut]);
        out.extend_from_slice(b"...");
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn may_be_bare(bytes: &[u8], place: Place) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    !(text.is_empty()
        || text == "-"
        || text.starts_with(['"', ' '])
        || text.ends_with(' ')
        || place == Place::Word && text.contains(' ')
        || text.chars().any(char::is_control))
}

fn print_quoted(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                '\n' => out.extend_from_slice(b"\\n"),
                '\r' => out.extend_from_slice(b"\\r"),
                '\t' => out.extend_from_slice(b"\\t"),
                '\0' => out.extend_from_slice(b"\\0"),
                c => {
                    let mut utf8 = [0; 4];
                    let utf8 = c.encode_utf8(&mut utf8).as_bytes();
                    if c.is_control() { print_hex(out, utf8) } else { out.extend_from_slice(utf8) }
                }
            }
        }
        print_hex(out, chunk.invalid());
    }
    out.push(b'"');
}

fn print_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        out.extend_from_slice(&[b'\\', b'x', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

/// Reads up to the closing quote; returns the bytes meant and what follows the quote.
fn unquote(mut rest: &[u8]) -> Result<(Vec<u8>, &[u8]), QuoteError> {
    let mut bytes = Vec::new();
    loop {
        let special = memchr::memchr2(b'"', b'\\', rest).ok_or(QuoteError::Open)?;
        bytes.extend_from_slice(&rest[..special]);
        let after = &rest[special..];
        if after[0] == b'"' {
            return Ok((bytes, &after[1..]));
        }
        let (byte, length) = unescape(after)?;
        bytes.push(byte);
        rest = &after[length..];
    }
}

/// One escape at the front of `text`, backslash included: its byte and its length.
fn unescape(text: &[u8]) -> Result<(u8, usize), QuoteError> {
    let byte = match text.get(1) {
        None => return Err(QuoteError::Open),
        Some(b'"') => b'"',
        Some(b'\\') => b'\\',
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(b'0') => 0,
        Some(b'x') => {
            let digit = |at: usize| text.get(at).and_then(|b| char::from(*b).to_digit(16)).map(|d| d as u8);
            let (Some(high), Some(low)) = (digit(2), digit(3)) else {
                return Err(QuoteError::Escape(escape_shown(text, 4)));
            };
            return Ok((high << 4 | low, 4));
        }
        Some(_) => return Err(QuoteError::Escape(escape_shown(text, 2))),
    };
    Ok((byte, 2))
}

fn escape_shown(text: &[u8], length: usize) -> String {
    String::from_utf8_lossy(&text[..length.min(text.len())]).escape_debug().to_string().replace("\\\\", "\\")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn word(text: &str) -> Result<Option<Word<'_>>, QuoteError> {
        Words::new(text.as_bytes()).next()
    }

    fn bytes(text: &[u8]) -> Result<Option<Word<'static>>, QuoteError> {
        Ok(Some(Word::Bytes(Cow::Owned(text.to_vec()))))
    }

    #[test]
    fn every_escape_is_read() {
        assert_eq!(word(r#""a\"b\\c\n\r\t\0\x41\xfF""#), bytes(b"a\"b\\c\n\r\t\0A\xff"));
        assert_eq!(word(r#""""#), bytes(b""));
        assert_eq!(word(r#""-""#), bytes(b"-"));
        assert_eq!(word("-"), Ok(Some(Word::Null)));
        assert_eq!(word("--"), bytes(b"--"));
        assert_eq!(word(r#"a"b\n"#), bytes(br#"a"b\n"#));
    }

    #[test]
    fn broken_quotes_say_what_is_wrong() {
        assert_eq!(word(r#""abc"#), Err(QuoteError::Open));
        assert_eq!(word(r#""abc\""#), Err(QuoteError::Open));
        assert_eq!(word(r#""abc\"#), Err(QuoteError::Open));
        assert_eq!(word(r#""a"b"#), Err(QuoteError::Trailing("\"b\"".into())));
        assert_eq!(word(r#""a\q""#), Err(QuoteError::Escape("\\q".into())));
        assert_eq!(word(r#""a\x4g""#), Err(QuoteError::Escape("\\x4g".into())));
        assert_eq!(word(r#""a\x4"#), Err(QuoteError::Escape("\\x4".into())));
    }

    #[test]
    fn what_is_bare_and_what_is_quoted() {
        let printed = |bytes: &[u8], place| {
            let mut out = Vec::new();
            print(&mut out, Some(bytes), place);
            String::from_utf8(out).expect("printed text is UTF-8")
        };
        assert_eq!(printed(b"key1", Place::Word), "key1");
        assert_eq!(printed("Zürich".as_bytes(), Place::Word), "Zürich");
        assert_eq!(printed(b"a b", Place::Word), r#""a b""#);
        assert_eq!(printed(b"Hello big world", Place::Rest), "Hello big world");
        assert_eq!(printed(b" a", Place::Rest), r#"" a""#);
        assert_eq!(printed(b"a ", Place::Rest), r#""a ""#);
        assert_eq!(printed(b"{\"a\":1}", Place::Rest), r#"{"a":1}"#);
        assert_eq!(printed(b"\"a", Place::Rest), r#""\"a""#);
        assert_eq!(printed(b"", Place::Rest), r#""""#);
        assert_eq!(printed(b"-", Place::Rest), r#""-""#);
        assert_eq!(printed(b"a\tb\x1b[31m\0", Place::Rest), r#""a\tb\x1B[31m\0""#);
        assert_eq!(printed("a\u{85}b".as_bytes(), Place::Rest), r#""a\xC2\x85b""#);
        assert_eq!(printed(b"\xffok", Place::Rest), r#""\xFFok""#);
        let mut null = Vec::new();
        print(&mut null, None, Place::Rest);
        assert_eq!(null, b"-");
    }

    #[test]
    fn long_arguments_are_cut_in_sentences() {
        assert_eq!(shown(b"a\nb"), r#""a\nb""#);
        let cut = shown("ä".repeat(1000).as_bytes());
        assert!(cut.ends_with("ä\"...") && cut.len() < 80, "{cut}");
        assert!(shown(&[0x80; 500]).ends_with("\\x80\"..."));
    }

    proptest! {
        #[test]
        fn printed_bytes_read_back_the_same(raw in prop::collection::vec(any::<u8>(), 0..40), text in "\\PC{0,20}") {
            for bytes in [&raw[..], text.as_bytes()] {
                let mut out = Vec::new();
                print(&mut out, Some(bytes), Place::Word);
                out.push(b' ');
                print(&mut out, Some(bytes), Place::Rest);
                let printed = String::from_utf8(out.clone()).expect("printed text is UTF-8");
                prop_assert!(!printed.chars().any(char::is_control));
                let mut words = Words::new(&out);
                prop_assert_eq!(words.next(), Ok(Some(Word::Bytes(Cow::Borrowed(bytes)))));
                prop_assert_eq!(words.rest(), Ok(Some(Word::Bytes(Cow::Borrowed(bytes)))));
            }
        }
    }
}
