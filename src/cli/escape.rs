//! Bytes made harmless and visible: for a terminal, for a field of a TAB-separated line, for a message.
//!
//! What comes out of here holds no control character, so no record and no file name can move the cursor, change
//! the title or recolour a terminal.

use std::borrow::Cow;
use std::fmt::Write;

/// Bytes as a terminal may show them: control characters as `\n`, `\t`, `\x1b`, bytes that are not UTF-8 as `\xff`.
/// Everything else stays as it is, backslashes too: this is for eyes, not for reading back.
pub fn terminal(bytes: &[u8]) -> Cow<'_, str> {
    escaped(bytes, false)
}

/// A field of a TAB-separated line: as [`terminal`], and a backslash is doubled, so that nothing is ambiguous.
pub fn field(bytes: &[u8]) -> Cow<'_, str> {
    escaped(bytes, true)
}

fn escaped(bytes: &[u8], backslash: bool) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes)
        && !text.chars().any(|c| needs_escape(c, backslash))
    {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(bytes.len() + bytes.len() / 8);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if needs_escape(c, backslash) {
                push_escape(&mut out, c);
            } else {
                out.push(c);
            }
        }
        for byte in chunk.invalid() {
            push_hex(&mut out, *byte);
        }
    }
    Cow::Owned(out)
}

fn needs_escape(c: char, backslash: bool) -> bool {
    c.is_control() || (backslash && c == '\\')
}

fn push_escape(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\0' => out.push_str("\\0"),
        '\\' => out.push_str("\\\\"),
        // A C1 control is two bytes; both are shown, as `\xHH` always means one byte.
        _ => c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| push_hex(out, byte)),
    }
}

fn push_hex(out: &mut String, byte: u8) {
    let _ = write!(out, "\\x{byte:02x}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_text_is_not_copied() {
        assert!(matches!(terminal("Grüße \\ ok".as_bytes()), Cow::Borrowed("Grüße \\ ok")));
        assert!(matches!(field(b"Payments"), Cow::Borrowed("Payments")));
    }

    #[test]
    fn nothing_that_drives_a_terminal_gets_through() {
        assert_eq!(terminal(b"\x1b]0;owned\x07\r\n"), "\\x1b]0;owned\\x07\\r\\n");
        assert_eq!(terminal("a\u{9b}31m\u{7f}".as_bytes()), "a\\xc2\\x9b31m\\x7f");
        assert_eq!(terminal(b"ok\xff\xfe\0"), "ok\\xff\\xfe\\0");
        for byte in 0..=255u8 {
            assert!(!terminal(&[b'x', byte, b'y']).chars().any(char::is_control), "byte {byte}");
        }
    }

    #[test]
    fn a_field_can_be_read_back() {
        assert_eq!(field(b"a\tb\\n\n"), "a\\tb\\\\n\\n");
    }
}
