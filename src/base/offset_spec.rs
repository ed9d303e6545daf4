//! The one offset grammar: `earliest`, `latest`, `stored`, `N`, `-N`, `@MILLISECONDS`.
//!
//! The text protocol and the client programs share it; the programs also take friendlier times after `@`,
//! which they turn into milliseconds before they come here.

use super::Offset;

/// Where to read from, as a person says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The first record still there.
    Earliest,
    /// The end: only what comes from now on.
    Latest,
    /// What the group committed.
    Stored,
    /// This offset, whether or not it exists.
    At(Offset),
    /// So many records before the end.
    BeforeEnd(i64),
    /// The first record at or after this time, in milliseconds since 1970.
    Time(i64),
}

impl OffsetSpec {
    /// Reads the grammar; `None` is for the caller to put into its own sentence.
    pub fn parse(text: &str) -> Option<OffsetSpec> {
        match text {
            "earliest" => return Some(OffsetSpec::Earliest),
            "latest" => return Some(OffsetSpec::Latest),
            "stored" => return Some(OffsetSpec::Stored),
            _ => {}
        }
        if let Some(ms) = text.strip_prefix('@') {
            return whole_number(ms).map(OffsetSpec::Time);
        }
        match text.strip_prefix('-') {
            Some(n) => whole_number(n).map(OffsetSpec::BeforeEnd),
            None => whole_number(text).map(|n| OffsetSpec::At(Offset(n))),
        }
    }
}

/// Digits only: no sign, no blanks, nothing that `i64::from_str` would also let pass.
fn whole_number(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        assert_eq!(OffsetSpec::parse("earliest"), Some(OffsetSpec::Earliest));
        assert_eq!(OffsetSpec::parse("latest"), Some(OffsetSpec::Latest));
        assert_eq!(OffsetSpec::parse("stored"), Some(OffsetSpec::Stored));
        assert_eq!(OffsetSpec::parse("42"), Some(OffsetSpec::At(Offset(42))));
        assert_eq!(OffsetSpec::parse("-5"), Some(OffsetSpec::BeforeEnd(5)));
        assert_eq!(OffsetSpec::parse("@1732261234567"), Some(OffsetSpec::Time(1_732_261_234_567)));
    }

    #[test]
    fn what_is_not_an_offset_is_refused() {
        for bad in ["", "-", "@", "+1", "--1", "1.5", "abc", "-0x1", "99999999999999999999", "@-5", " 1"] {
            assert_eq!(OffsetSpec::parse(bad), None, "{bad:?}");
        }
    }
}
