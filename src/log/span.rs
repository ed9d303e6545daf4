//! Offsets from one to another, as a sentence names them: "offsets 45000 to 49999 (5000) are".

use std::fmt;

use crate::base::Offset;

/// From `first` up to, not including, `next`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub first: Offset,
    pub next: Offset,
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.first, Offset(self.next.0.saturating_sub(1)));
        match last <= first {
            true => write!(f, "offset {first} is"),
            false => write!(f, "offsets {first} to {last} ({}) are", self.next.since(first)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_offset_is_named_and_how_many_they_are() {
        assert_eq!(Span { first: Offset(7), next: Offset(8) }.to_string(), "offset 7 is");
        assert_eq!(
            Span { first: Offset(45_000), next: Offset(50_000) }.to_string(),
            "offsets 45000 to 49999 (5000) are"
        );
    }
}
