//! The `--format` language of rafka-consume: what to print for each record, and nothing else.
//!
//! ```text
//! %t topic   %p partition   %o offset       %k key   %v value   %h headers (name=value,name=value)
//! %T timestamp in ms        %d its RFC 3339 form     %K %V length of key and value, -1 for null     %% a percent sign
//! %k{hex} %v{base64}        the bytes in that encoding (%h: of each header's value)
//! \n \t \r \0 \\ \xHH       as everywhere
//! ```

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{escape, offset, units};
use crate::client::Record;

/// A parsed format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    Topic,
    Partition,
    Offset,
    Key(Encoding),
    Value(Encoding),
    Headers(Encoding),
    Timestamp,
    Time,
    KeyLength,
    ValueLength,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    AsIs,
    Hex,
    Base64,
}

const FIELDS: &str = "%t %p %o %k %v %h %T %d %K %V %%";

impl Format {
    /// For clap.
    pub fn parse(text: &str) -> Result<Format, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            push_text(&mut pieces, &units::unescape(&rest[..at])?);
            rest = &rest[at + 1..];
            let Some(letter) = rest.chars().next() else {
                return Err(format!("a lone % at the end; a format knows {FIELDS}"));
            };
            rest = &rest[letter.len_utf8()..];
            let piece = match letter {
                '%' => {
                    push_text(&mut pieces, b"%");
                    continue;
                }
                't' => Piece::Topic,
                'p' => Piece::Partition,
                'o' => Piece::Offset,
                'k' => Piece::Key(encoding(&mut rest)?),
                'v' => Piece::Value(encoding(&mut rest)?),
                'h' => Piece::Headers(encoding(&mut rest)?),
                'T' => Piece::Timestamp,
                'd' => Piece::Time,
                'K' => Piece::KeyLength,
                'V' => Piece::ValueLength,
                other => return Err(format!("%{other} is unknown; a format knows {FIELDS}")),
            };
            pieces.push(piece);
        }
        push_text(&mut pieces, &units::unescape(rest)?);
        Ok(Format { pieces })
    }

    /// Appends what this record prints. `for_terminal`: control characters inside keys, values and headers are
    /// shown escaped; those of the format itself are meant.
    pub fn write(&self, out: &mut Vec<u8>, record: &Record<'_>, for_terminal: bool) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Topic => out.extend_from_slice(record.topic.as_bytes()),
                Piece::Partition => push_number(out, i64::from(record.partition.0)),
                Piece::Offset => push_number(out, record.offset.0),
                Piece::Key(encoding) => push_bytes(out, record.key(), *encoding, for_terminal),
                Piece::Value(encoding) => push_bytes(out, record.value(), *encoding, for_terminal),
                Piece::Headers(encoding) => {
                    for (i, (name, value)) in record.headers().enumerate() {
                        if i > 0 {
                            out.push(b',');
                        }
                        push_bytes(out, Some(name), Encoding::AsIs, for_terminal);
                        out.push(b'=');
                        push_bytes(out, value, *encoding, for_terminal);
                    }
                }
                Piece::Timestamp => push_number(out, record.timestamp),
                Piece::Time => out.extend_from_slice(offset::show_time(record.timestamp).as_bytes()),
                Piece::KeyLength => push_number(out, length(record.key())),
                Piece::ValueLength => push_number(out, length(record.value())),
            }
        }
    }
}

/// `{hex}` or `{base64}` in front of `rest`, if a brace follows.
fn encoding(rest: &mut &str) -> Result<Encoding, String> {
    let Some(inside) = rest.strip_prefix('{') else { return Ok(Encoding::AsIs) };
    for (name, encoding) in [("hex}", Encoding::Hex), ("base64}", Encoding::Base64)] {
        if let Some(after) = inside.strip_prefix(name) {
            *rest = after;
            return Ok(encoding);
        }
    }
    Err("after a field, { starts {hex} or {base64}; write \\x7b for a brace itself".to_owned())
}

/// Neighbouring texts become one piece.
fn push_text(pieces: &mut Vec<Piece>, text: &[u8]) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Piece::Text(before)) => before.extend_from_slice(text),
        _ => pieces.push(Piece::Text(text.to_vec())),
    }
}

fn push_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>, encoding: Encoding, for_terminal: bool) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let Some(bytes) = bytes else { return };
    match encoding {
        Encoding::AsIs if for_terminal => out.extend_from_slice(escape::terminal(bytes).as_bytes()),
        Encoding::AsIs => out.extend_from_slice(bytes),
        Encoding::Hex => {
            out.extend(bytes.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 0x0f)]]));
        }
        Encoding::Base64 => out.extend_from_slice(STANDARD.encode(bytes).as_bytes()),
    }
}

fn length(bytes: Option<&[u8]>) -> i64 {
    bytes.map_or(-1, |bytes| bytes.len() as i64)
}

/// A decimal number, without the machinery of `fmt`: it is printed once or more per record.
pub(super) fn push_number(out: &mut Vec<u8>, number: i64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::testing::with_record;

    fn shown(format: &str, key: Option<&[u8]>, value: Option<&[u8]>) -> String {
        let format = Format::parse(format).expect("a good format");
        with_record(key, value, &[(b"h", Some(b"1")), (b"h", None)], |record| {
            let mut out = Vec::new();
            format.write(&mut out, record, false);
            String::from_utf8(out).expect("text")
        })
    }

    #[test]
    fn every_field_is_printed() {
        let all = "%t %p %o %k %v %h %T %d %K %V %%";
        assert_eq!(
            shown(all, Some(b"key1"), Some(b"HelloWorld")),
            "Payments 3 42 key1 HelloWorld h=1,h= 1732261234567 2024-11-22T07:40:34.567Z 4 10 %"
        );
        assert_eq!(shown("%k|%v|%K|%V", None, Some(b"")), "||-1|0");
    }

    #[test]
    fn bytes_can_be_encoded() {
        assert_eq!(shown("%k{hex} %v{base64} %h{hex}", Some(b"\x00\xff"), Some(b"\x00\xff")), "00ff AP8= h=31,h=");
    }

    #[test]
    fn nothing_is_added_and_escapes_work() {
        assert_eq!(shown("\\x25v%%v\\t\\n", None, None), "%v%v\t\n");
        assert_eq!(shown("", None, None), "");
        assert_eq!(shown("{%p}{%o}", None, None), "{3}{42}");
    }

    #[test]
    fn a_terminal_gets_no_control_characters_from_records() {
        let format = Format::parse("%k\t%v\n").expect("a good format");
        let shown = with_record(Some(b"\x1b[31m"), Some(b"a\nb"), &[], |record| {
            let mut out = Vec::new();
            format.write(&mut out, record, true);
            out
        });
        assert_eq!(shown, b"\\x1b[31m\ta\\nb\n");
    }

    #[test]
    fn what_is_no_format_is_refused() {
        for bad in ["%", "%x", "%v{", "%v{gzip}", "%k{hex", "\\q", "%€"] {
            assert!(Format::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn numbers_have_all_their_digits() {
        for number in [0, 7, 10, -1, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            push_number(&mut out, number);
            assert_eq!(out, number.to_string().as_bytes());
        }
    }
}
