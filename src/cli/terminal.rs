//! Who is looking: whether a stream is a terminal, and whether it may be coloured.

use std::ffi::OsStr;
use std::io::IsTerminal;

/// Whether what goes to this stream may carry colour: only on a terminal, not with NO_COLOR set to anything
/// (<https://no-color.org>), not on a dumb terminal.
pub fn may_colour(stream: &impl IsTerminal) -> bool {
    colour_rule(stream.is_terminal(), std::env::var_os("NO_COLOR").as_deref(), std::env::var_os("TERM").as_deref())
}

fn colour_rule(is_terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
    is_terminal && no_color.is_none_or(OsStr::is_empty) && term != Some(OsStr::new("dumb"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_needs_a_willing_terminal() {
        let (one, dumb, xterm) = (OsStr::new("1"), OsStr::new("dumb"), OsStr::new("xterm"));
        assert!(colour_rule(true, None, Some(xterm)));
        assert!(colour_rule(true, Some(OsStr::new("")), None));
        assert!(!colour_rule(false, None, Some(xterm)));
        assert!(!colour_rule(true, Some(one), Some(xterm)));
        assert!(!colour_rule(true, None, Some(dumb)));
    }
}
