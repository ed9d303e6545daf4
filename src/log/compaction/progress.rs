//! How far compaction has come: the partition's `compaction-checkpoint`.
//!
//! Two offsets in a sealed text file that changes as a whole. Below `cleaned_below` every key was looked at; below
//! `gaps_below`, which is written before a compaction begins, offsets may be missing between batches. A damaged file
//! costs a compaction from the start.

use std::io;

use crate::base::Offset;
use crate::log::error::LogError;
use crate::log::files::Files;
use crate::log::names;
use crate::log::settings::{LogSettings, OpenReport};
use crate::log::whole_file::{self, seal, unseal};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::log) struct Progress {
    pub cleaned_below: Offset,
    pub gaps_below: Offset,
}

/// In which segments offsets may be missing between batches. Without a checkpoint, a compacted topic may hold what
/// another broker compacted.
pub(in crate::log) fn gaps_below(progress: Option<&Progress>, settings: &LogSettings) -> Offset {
    match progress {
        Some(progress) => progress.gaps_below,
        None if settings.cleanup_compact => Offset(i64::MAX),
        None => Offset::ZERO,
    }
}

impl Progress {
    /// Nothing is known but that there was a compaction.
    pub const DAMAGED: Progress = Progress { cleaned_below: Offset::ZERO, gaps_below: Offset(i64::MAX) };

    pub fn read(files: &Files, report: &mut OpenReport) -> Option<Progress> {
        let path = files.dir.join(names::COMPACTION);
        match whole_file::read_as(&*files.disk, &path, Progress::decode) {
            Ok(progress) => Some(progress.unwrap_or_else(|| {
                report.note(format!("{} is damaged; the log is compacted from its start again", path.display()));
                Progress::DAMAGED
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                let path = path.display();
                report.note(format!("{path} can't be read; the log is compacted from its start again: {error}"));
                Some(Progress::DAMAGED)
            }
        }
    }

    /// Returns when it is durable.
    pub fn write(&self, files: &Files) -> Result<(), LogError> {
        let path = files.dir.join(names::COMPACTION);
        let written = files.while_ours(|| whole_file::replace(&*files.disk, &path, &self.encode()));
        written.map_err(LogError::io("write", path))
    }

    fn encode(&self) -> Vec<u8> {
        seal(format!("cleaned_below {}\ngaps_below {}\n", self.cleaned_below, self.gaps_below).into_bytes())
    }

    fn decode(bytes: &[u8]) -> Option<Progress> {
        let text = std::str::from_utf8(unseal(bytes)?).ok()?;
        let mut lines = text.lines();
        let mut offset = |name| lines.next()?.strip_prefix(name)?.strip_prefix(' ')?.parse().ok().map(Offset);
        Some(Progress { cleaned_below: offset("cleaned_below")?, gaps_below: offset("gaps_below")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_damage_is_noticed() {
        let progress = Progress { cleaned_below: Offset(70), gaps_below: Offset(900) };
        let good = progress.encode();
        assert_eq!(Progress::decode(&good), Some(progress));
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Progress::decode(&bad), None, "bit {bit}");
        }
        assert_eq!(Progress::decode(b""), None);
    }
}
