//! Which leader epoch began at which offset (Kafka's LeaderEpochFileCache, KIP-101 and KIP-279).
//!
//! Kept in Kafka's own checkpoint text. Epochs and start offsets both grow from entry to entry. The file is derivable:
//! every batch carries its epoch.

use std::fmt::Write;

use crate::base::{LeaderEpoch, Offset};

/// No such epoch, no such offset: what OffsetForLeaderEpoch answers.
pub const UNDEFINED: (LeaderEpoch, Offset) = (LeaderEpoch(-1), Offset(-1));

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochStart {
    pub epoch: LeaderEpoch,
    pub start: Offset,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Epochs {
    entries: Vec<EpochStart>,
}

impl Epochs {
    pub fn entries(&self) -> &[EpochStart] {
        &self.entries
    }

    pub fn latest(&self) -> Option<LeaderEpoch> {
        self.entries.last().map(|entry| entry.epoch)
    }

    /// From `start` on batches have this epoch. True if that was news. Entries it contradicts go.
    pub fn assign(&mut self, epoch: LeaderEpoch, start: Offset) -> bool {
        if epoch.0 < 0 || start.0 < 0 {
            return false;
        }
        if self.entries.last().is_some_and(|last| last.epoch == epoch && start >= last.start) {
            return false;
        }
        while self.entries.pop_if(|last| last.epoch >= epoch || last.start >= start).is_some() {}
        self.entries.push(EpochStart { epoch, start });
        true
    }

    /// The largest epoch up to the asked one, and where it ended.
    pub fn end_of(&self, asked: LeaderEpoch, log_end: Offset) -> (LeaderEpoch, Offset) {
        let Some(latest) = self.latest() else { return UNDEFINED };
        if asked.0 < 0 || asked > latest {
            return UNDEFINED;
        }
        if asked == latest {
            return (asked, log_end);
        }
        let above = self.entries.partition_point(|entry| entry.epoch <= asked);
        let end = self.entries[above].start;
        match above.checked_sub(1) {
            Some(floor) => (self.entries[floor].epoch, end),
            // Older than all we know: what it wrote is gone from the front of the log.
            None => (asked, end),
        }
    }

    /// The epoch in force at an offset.
    pub fn at(&self, offset: Offset) -> Option<LeaderEpoch> {
        let above = self.entries.partition_point(|entry| entry.start <= offset);
        above.checked_sub(1).map(|n| self.entries[n].epoch)
    }

    /// The log now ends here. True if that took something away.
    pub fn cut_end(&mut self, end: Offset) -> bool {
        let before = self.entries.len();
        while self.entries.pop_if(|last| last.start >= end).is_some() {}
        self.entries.len() != before
    }

    /// The log now starts here. True if that changed something.
    pub fn cut_start(&mut self, start: Offset) -> bool {
        let above = self.entries.partition_point(|entry| entry.start <= start);
        let Some(floor) = above.checked_sub(1) else { return false };
        let changed = floor > 0 || self.entries[floor].start != start;
        self.entries.drain(..floor);
        self.entries[0].start = start;
        changed
    }

    /// Kafka's checkpoint: a version, the number of entries, then "epoch start" each on a line.
    pub fn to_text(&self) -> String {
        let mut text = format!("0\n{}\n", self.entries.len());
        for entry in &self.entries {
            writeln!(text, "{} {}", entry.epoch, entry.start).expect("a String takes everything");
        }
        text
    }

    pub fn from_text(text: &[u8]) -> Option<Epochs> {
        let mut lines = std::str::from_utf8(text).ok()?.lines();
        if lines.next()? != "0" {
            return None;
        }
        let count: usize = lines.next()?.parse().ok()?;
        let mut epochs = Epochs::default();
        for line in lines {
            let (epoch, start) = line.split_once(' ')?;
            let entry = EpochStart { epoch: LeaderEpoch(epoch.parse().ok()?), start: Offset(start.parse().ok()?) };
            let grows = epochs.entries.last().is_none_or(|last| last.epoch < entry.epoch && last.start < entry.start);
            if !grows || entry.epoch.0 < 0 || entry.start.0 < 0 {
                return None;
            }
            epochs.entries.push(entry);
        }
        (epochs.entries.len() == count).then_some(epochs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(entries: &[(i32, i64)]) -> Epochs {
        let mut epochs = Epochs::default();
        entries.iter().for_each(|(epoch, start)| assert!(epochs.assign(LeaderEpoch(*epoch), Offset(*start))));
        epochs
    }

    fn list(epochs: &Epochs) -> Vec<(i32, i64)> {
        epochs.entries().iter().map(|entry| (entry.epoch.0, entry.start.0)).collect()
    }

    #[test]
    fn the_end_of_an_epoch_is_the_start_of_the_next() {
        let known = epochs(&[(2, 10), (4, 20), (7, 35)]);
        let end = |epoch| {
            let (epoch, offset) = known.end_of(LeaderEpoch(epoch), Offset(50));
            (epoch.0, offset.0)
        };
        assert_eq!(end(7), (7, 50));
        assert_eq!(end(4), (4, 35));
        assert_eq!(end(5), (4, 35), "KIP-279: the largest epoch below the asked one");
        assert_eq!(end(3), (2, 20));
        assert_eq!(end(1), (1, 10));
        assert_eq!(end(8), (-1, -1));
        assert_eq!(end(-1), (-1, -1));
        assert_eq!(Epochs::default().end_of(LeaderEpoch(0), Offset(50)), UNDEFINED);
    }

    #[test]
    fn entries_stay_in_order_whatever_is_assigned() {
        let mut known = epochs(&[(2, 10), (4, 20), (7, 35)]);
        assert!(!known.assign(LeaderEpoch(7), Offset(40)));
        assert!(known.assign(LeaderEpoch(8), Offset(20)));
        assert_eq!(list(&known), [(2, 10), (8, 20)]);
        assert!(!known.assign(LeaderEpoch(-1), Offset(60)));
    }

    #[test]
    fn cuts_take_away_what_lies_outside() {
        let mut known = epochs(&[(2, 10), (4, 20), (7, 35)]);
        assert!(!known.cut_end(Offset(36)));
        assert!(known.cut_end(Offset(35)));
        assert!(known.cut_start(Offset(25)));
        assert_eq!(list(&known), [(4, 25)]);
        assert!(!known.cut_start(Offset(5)));
        assert_eq!(known.at(Offset(24)), None);
        assert_eq!(known.at(Offset(30)), Some(LeaderEpoch(4)));
    }

    #[test]
    fn the_text_is_kafkas_and_damage_is_refused() {
        let known = epochs(&[(0, 0), (3, 12)]);
        assert_eq!(known.to_text(), "0\n2\n0 0\n3 12\n");
        assert_eq!(Epochs::from_text(b"0\n2\n0 0\n3 12\n"), Some(known));
        assert_eq!(Epochs::from_text(b"0\n0\n"), Some(Epochs::default()));
        for bad in ["", "1\n0\n", "0\n3\n0 0\n3 12\n", "0\n2\n3 12\n0 0\n", "0\n1\n0 x\n", "0\n1\n-1 0\n", "0\n1\n\n"] {
            assert_eq!(Epochs::from_text(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(Epochs::from_text(b"\xff"), None);
    }
}
