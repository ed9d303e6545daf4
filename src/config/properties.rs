//! Java's .properties syntax (`java.util.Properties`), in which Kafka's configuration files are written.
//!
//! Read as UTF-8, where Java reads Latin-1: files of settings are ASCII, and whoever writes more writes UTF-8.

use super::error::ConfigError;

/// One key and its value, with the line on which the key stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    pub line: usize,
    pub key: String,
    pub value: String,
}

/// Reads a whole file, in its order; a key may come twice.
pub fn parse_properties(bytes: &[u8]) -> Result<Vec<Property>, ConfigError> {
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let line = 1 + bytes[..e.valid_up_to()].iter().filter(|b| **b == b'\n').count();
        ConfigError::Syntax { line, reason: "the file is not UTF-8 here".to_owned() }
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = natural_lines(text);
    let mut properties = Vec::new();
    while let Some((line, first)) = lines.next() {
        let first = first.trim_start_matches(BLANKS);
        if first.is_empty() || first.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = first.to_owned();
        while ends_with_open_backslash(&logical) {
            logical.pop();
            if logical.is_empty() {
                // To Java, a line of nothing but a backslash continues nothing: the next one starts anew.
                break;
            }
            // A comment mark has no meaning on a line that continues another.
            let Some((_, next)) = lines.next() else { break };
            logical.push_str(next.trim_start_matches(BLANKS));
        }
        if logical.is_empty() {
            continue;
        }
        let (key, value) = split(&logical);
        let unescape = |text| unescape(text).map_err(|reason| ConfigError::Syntax { line, reason });
        properties.push(Property { line, key: unescape(key)?, value: unescape(value)? });
    }
    Ok(properties)
}

const BLANKS: [char; 3] = [' ', '\t', '\u{c}'];

/// Lines as Java ends them, by LF, CR or both, counted from 1.
fn natural_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = Some(text);
    let mut line = 0;
    std::iter::from_fn(move || {
        let text = rest?;
        line += 1;
        match text.find(['\n', '\r']) {
            None => {
                rest = None;
                Some((line, text))
            }
            Some(end) => {
                let length = if text[end..].starts_with("\r\n") { 2 } else { 1 };
                rest = Some(&text[end + length..]);
                Some((line, &text[..end]))
            }
        }
    })
}

fn ends_with_open_backslash(line: &str) -> bool {
    line.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

/// The key ends at the first `=`, `:` or blank that no backslash protects; one `=` or `:` and the blanks around
/// it belong to neither side.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.find(|c| {
        let ends = !escaped && (matches!(c, '=' | ':') || BLANKS.contains(&c));
        escaped = c == '\\' && !escaped;
        ends
    });
    let (key, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = rest.trim_start_matches(BLANKS);
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, value.trim_start_matches(BLANKS))
}

fn unescape(text: &str) -> Result<String, String> {
    if !text.contains('\\') {
        return Ok(text.to_owned());
    }
    // Java's escapes are UTF-16 units, so two of them may make one character.
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let meant = match c {
            '\\' => match chars.next() {
                None => break,
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\u{c}',
                Some('u') => {
                    let digits: String = chars.by_ref().take(4).collect();
                    let is_hex = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit());
                    let unit = is_hex.then(|| u16::from_str_radix(&digits, 16).ok()).flatten();
                    units.push(unit.ok_or_else(|| format!("\\u{digits} is no escape: \\u takes four hex digits"))?);
                    continue;
                }
                Some(other) => other,
            },
            plain => plain,
        };
        units.extend_from_slice(meant.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16(&units).map_err(|_| "a \\u escape is half of a character (a lone surrogate)".to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        let properties = parse_properties(text.as_bytes()).expect("good syntax");
        properties.into_iter().map(|p| (p.key, p.value)).collect()
    }

    fn one(text: &str) -> (String, String) {
        let pairs = pairs(text);
        assert_eq!(pairs.len(), 1, "{text:?}");
        pairs[0].clone()
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn javas_syntax_is_read() {
        for text in
            ["a.b=c d", "a.b = c d", "a.b:c d", "  a.b \t:\tc d", "a.b c d", "a.b=\\\n   c d", "a.b=c \\\r\n\td"]
        {
            assert_eq!(one(text), pair("a.b", "c d"), "{text:?}");
        }
        assert_eq!(one("a=b=c"), pair("a", "b=c"));
        assert_eq!(one("a==b"), pair("a", "=b"));
        assert_eq!(one("a"), pair("a", ""));
        assert_eq!(one("a=b  "), pair("a", "b  "));
        assert_eq!(one(r"a\=b\:c\ d=e"), pair("a=b:c d", "e"));
        assert_eq!(one(r"a=\t\n\r\f\q\\\u00e4\uD83D\uDE00"), pair("a", "\t\n\r\u{c}q\\ä\u{1f600}"));
        assert_eq!(one("# no\n! no\n\n  # no\na=ä"), pair("a", "ä"));
        assert_eq!(one("a=b\\\n#c"), pair("a", "b#c"));
        assert_eq!(pairs("a=b\\\n\nc"), [pair("a", "b"), pair("c", "")], "an empty line ends a continuation");
    }

    #[test]
    fn a_lone_backslash_continues_nothing() {
        assert_eq!(pairs("\\\n#a=b\n\\\n\nc=d"), [pair("c", "d")]);
    }

    #[test]
    fn a_comment_does_not_continue_and_a_last_backslash_is_nothing() {
        assert_eq!(pairs("# a\\\nb=c"), [pair("b", "c")]);
        assert_eq!(pairs("a=b\\"), [pair("a", "b")]);
        assert_eq!(pairs("a=1\na=2"), [pair("a", "1"), pair("a", "2")]);
        assert_eq!(pairs("\u{feff}a=1\rb=2"), [pair("a", "1"), pair("b", "2")]);
    }

    #[test]
    fn errors_name_their_line() {
        let error = |bytes: &[u8]| parse_properties(bytes).expect_err("bad syntax").to_string();
        assert_eq!(error(b"a=1\n\nb=\\u12x4"), "line 3: \\u12x4 is no escape: \\u takes four hex digits");
        assert_eq!(error(b"a=\\u12"), "line 1: \\u12 is no escape: \\u takes four hex digits");
        assert_eq!(error(b"a=\\ud83d"), "line 1: a \\u escape is half of a character (a lone surrogate)");
        assert_eq!(error(b"a=1\nb=\xff"), "line 2: the file is not UTF-8 here");
        let properties = parse_properties(b"a=1\\\n2\r\nb=3").expect("good syntax");
        assert_eq!(properties.iter().map(|p| p.line).collect::<Vec<_>>(), [1, 3]);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[a\\\\u0=:# \n\r\t!]{0,60}") {
            let _ = parse_properties(&bytes);
            let _ = parse_properties(text.as_bytes());
        }

        #[test]
        fn any_pair_written_with_escapes_comes_back(key in "\\PC{1,12}", value in "[ -~\t\n\r]{0,20}") {
            let escape = |text: &str| text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
            let text = format!("{}={}\n", escape(&key), escape(&value));
            prop_assert_eq!(one(&text), (key, value));
        }
    }
}
