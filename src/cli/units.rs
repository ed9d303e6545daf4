//! Durations, sizes and delimiters as a person types them.
//!
//! Pure: text in, value or one sentence out. The sentences end up behind clap's "invalid value ... for ...:".

use std::time::Duration;

/// `500ms`, `10s`, `5m`, `2h`, `7d`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let refuse = || "a duration is a whole number and ms, s, m, h or d, such as 500ms or 10s".to_owned();
    let (number, unit) = split_number(text).ok_or_else(refuse)?;
    let factor: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(refuse()),
    };
    // Times travel as signed milliseconds in Kafka's protocol.
    let ms = number.checked_mul(factor).filter(|ms| i64::try_from(*ms).is_ok());
    ms.map(Duration::from_millis).ok_or_else(|| "this duration is too long".to_owned())
}

/// `65536`, `64KiB`, `1MiB`, `10GiB`, `2TiB`.
pub fn bytes(text: &str) -> Result<u64, String> {
    let refuse = || "a size is a number of bytes, or a whole number and KiB, MiB, GiB or TiB, such as 64KiB".to_owned();
    let (number, unit) = split_number(text).ok_or_else(refuse)?;
    let factor: u64 = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(refuse()),
    };
    number.checked_mul(factor).filter(|b| i64::try_from(*b).is_ok()).ok_or_else(|| "this size is too large".to_owned())
}

/// The digits in front and what follows them; nothing without digits or beyond 64 bits.
fn split_number(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit))
}

/// A size for eyes: the largest unit that leaves at least one, with one decimal.
pub fn show_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// A duration for eyes: the two largest units that matter, the second only if there is any of it.
pub fn show_seconds(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")];
    let parts = UNITS.iter().scan(seconds, |left, (size, name)| {
        let count = *left / size;
        *left %= size;
        Some((count, name))
    });
    let shown: Vec<String> = parts
        .skip_while(|(count, _)| *count == 0)
        .take(2)
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count}{name}"))
        .collect();
    if shown.is_empty() { "0s".to_owned() } else { shown.join(" ") }
}

/// The bytes that separate a key from its value, or one record from the next. May be several bytes, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delimiter(pub Vec<u8>);

impl Delimiter {
    /// For clap: `\t \n \r \0 \\ \xHH`, everything else as it is.
    pub fn parse(text: &str) -> Result<Delimiter, String> {
        unescape(text).map(Delimiter)
    }
}

/// Text with `\t \n \r \0 \\ \xHH` turned into the bytes they stand for.
pub fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first != b'\\' {
            out.push(*first);
            rest = tail;
            continue;
        }
        let (byte, used) = match tail {
            [b't', ..] => (b'\t', 1),
            [b'n', ..] => (b'\n', 1),
            [b'r', ..] => (b'\r', 1),
            [b'0', ..] => (0, 1),
            [b'\\', ..] => (b'\\', 1),
            [b'x', high, low, ..] => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, 3),
                _ => return Err("\\x needs two hexadecimal digits, such as \\x1f".to_owned()),
            },
            [b'x', ..] => return Err("\\x needs two hexadecimal digits, such as \\x1f".to_owned()),
            _ => return Err("a backslash starts one of \\t \\n \\r \\0 \\\\ \\xHH".to_owned()),
        };
        out.push(byte);
        rest = &tail[used..];
    }
    Ok(out)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(604_800)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        for bad in ["", "10", "s", "-1s", "1.5s", "10 s", "10S", "1w", "99999999999999999999s", "9223372036854775807d"]
        {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn sizes_are_binary() {
        assert_eq!(bytes("65536"), Ok(65536));
        assert_eq!(bytes("64KiB"), Ok(65536));
        assert_eq!(bytes("1MiB"), Ok(1_048_576));
        assert_eq!(bytes("3GiB"), Ok(3 << 30));
        for bad in ["", "KiB", "1KB", "1.5MiB", "-1", "9999999999TiB"] {
            assert!(bytes(bad).is_err(), "{bad:?}");
        }
        assert_eq!(show_bytes(999), "999 B");
        assert_eq!(show_bytes(1536), "1.5 KiB");
        assert_eq!(show_bytes(5 << 40), "5.0 TiB");
    }

    #[test]
    fn times_left_are_short() {
        let shown: Vec<String> = [0, 4, 200, 7500, 90_000].into_iter().map(show_seconds).collect();
        assert_eq!(shown, ["0s", "4s", "3m 20s", "2h 5m", "1d 1h"]);
    }

    #[test]
    fn delimiters_take_escapes_and_several_bytes() {
        let parse = |text| Delimiter::parse(text).map(|d| d.0);
        assert_eq!(parse(":"), Ok(b":".to_vec()));
        assert_eq!(parse("\\t"), Ok(b"\t".to_vec()));
        assert_eq!(parse("\\r\\n"), Ok(b"\r\n".to_vec()));
        assert_eq!(parse("=>\\0\\x1F\\xff\\\\"), Ok(b"=>\0\x1f\xff\\".to_vec()));
        assert_eq!(parse("€"), Ok("€".as_bytes().to_vec()));
        assert_eq!(parse(""), Ok(Vec::new()));
        for bad in ["\\", "\\q", "\\x", "\\x1", "\\xzz", "\\x€"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
