//! Which bytes of a segment are known to be good, and which are known not to be.
//!
//! Bytes that this process wrote are trusted; older ones are verified once before they are first sent. Both what was
//! verified and the damage that was found are remembered in bounded room; what is forgotten is only looked at again.

use std::ops::Range;

use super::bounds::{HOLES_REMEMBERED, VERIFIED_RANGES};
use crate::base::Offset;

/// A place without a good batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hole {
    /// Where a batch should have started.
    pub position: u64,
    /// Where the next good one starts, or the segment ends.
    pub resume: u64,
    /// The first offset that is missing.
    pub first: Offset,
    /// The first offset that is there again.
    pub next: Offset,
}

#[derive(Debug)]
pub(super) struct Verified {
    /// From here on every byte is trusted.
    trusted_from: u64,
    /// In order, apart from each other, all below `trusted_from`.
    ranges: Vec<Range<u64>>,
    /// In order.
    holes: Vec<Hole>,
}

impl Default for Verified {
    fn default() -> Self {
        Verified { trusted_from: u64::MAX, ranges: Vec::new(), holes: Vec::new() }
    }
}

impl Verified {
    /// Everything from here on was or will be written, or was just verified, by this process.
    pub fn trust_from(&mut self, position: u64) {
        self.trusted_from = self.trusted_from.min(position);
    }

    /// Whether all of these bytes may be sent.
    pub fn covers(&self, wanted: &Range<u64>) -> bool {
        if wanted.start >= self.trusted_from {
            return true;
        }
        let end = wanted.end.min(self.trusted_from);
        self.ranges.iter().any(|range| range.start <= wanted.start && end <= range.end)
    }

    /// These bytes were read and are good.
    pub fn add(&mut self, mut good: Range<u64>) {
        good.end = good.end.min(self.trusted_from);
        if good.is_empty() {
            return;
        }
        self.ranges.retain(|range| {
            let touches = range.start <= good.end && good.start <= range.end;
            if touches {
                good = range.start.min(good.start)..range.end.max(good.end);
            }
            !touches
        });
        let at = self.ranges.partition_point(|range| range.start < good.start);
        self.ranges.insert(at, good);
        if self.ranges.len() > VERIFIED_RANGES {
            let shortest = (0..self.ranges.len()).min_by_key(|n| self.ranges[*n].end - self.ranges[*n].start);
            self.ranges.remove(shortest.unwrap_or(0));
        }
    }

    /// True if it was not known.
    pub fn add_hole(&mut self, hole: Hole) -> bool {
        let is_new = !self.holes.contains(&hole);
        self.holes.retain(|known| known.position != hole.position);
        if self.holes.len() == HOLES_REMEMBERED {
            self.holes.remove(0);
        }
        let at = self.holes.partition_point(|known| known.position < hole.position);
        self.holes.insert(at, hole);
        is_new
    }

    /// What was found damaged is to be looked for again.
    pub fn forget_holes(&mut self) {
        self.holes.clear();
    }

    pub fn holes(&self) -> Vec<Hole> {
        self.holes.clone()
    }

    /// The damage that starts exactly here.
    pub fn hole_at(&self, position: u64) -> Option<Hole> {
        self.holes.iter().find(|hole| hole.position == position).copied()
    }

    /// The first damage behind the first of these bytes.
    pub fn hole_in(&self, bytes: &Range<u64>) -> Option<Hole> {
        self.holes.iter().find(|hole| bytes.start < hole.position && hole.position < bytes.end).copied()
    }

    /// The damage that swallowed this offset.
    pub fn hole_over(&self, offset: Offset) -> Option<Hole> {
        self.holes.iter().find(|hole| hole.first <= offset && offset < hole.next).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_become_one() {
        let mut verified = Verified::default();
        verified.add(100..200);
        verified.add(300..400);
        assert!(verified.covers(&(120..180)));
        assert!(!verified.covers(&(150..350)));
        verified.add(200..300);
        assert!(verified.covers(&(100..400)));
        assert!(!verified.covers(&(99..400)));
        assert!(!verified.covers(&(100..401)));
    }

    #[test]
    fn what_this_process_wrote_needs_no_look() {
        let mut verified = Verified::default();
        verified.trust_from(500);
        assert!(verified.covers(&(500..u64::MAX)));
        assert!(!verified.covers(&(499..501)));
        verified.add(400..600);
        assert!(verified.covers(&(450..1000)));
    }

    #[test]
    fn memory_is_bounded_and_the_longest_ranges_stay() {
        let mut verified = Verified::default();
        for n in 0..1000 {
            verified.add(n * 1000..n * 1000 + 1 + n);
        }
        assert_eq!(verified.ranges.len(), VERIFIED_RANGES);
        assert!(verified.covers(&(999_000..999_999)));
        for n in 0..1000 {
            let hole = Hole { position: n, resume: n + 1, first: Offset(0), next: Offset(1) };
            verified.add_hole(hole);
        }
        assert_eq!(verified.holes.len(), HOLES_REMEMBERED);
    }
}
