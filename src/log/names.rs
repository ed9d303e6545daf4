//! File names inside a partition's directory: the only place that knows a suffix.
//!
//! Kafka's names wherever the bytes are Kafka's: twenty digits of base offset, then what the file is.

use std::path::{Path, PathBuf};

use crate::base::Offset;

/// What hangs on a base offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Record batches.
    Log,
    /// Offsets to positions.
    Index,
    /// Timestamps to offsets.
    TimeIndex,
    /// Aborted transactions; made with the first one.
    TxnIndex,
    /// Our own: producers and the segment's sizes, as they were when the log ended at this offset.
    Producers,
}

impl Kind {
    pub const ALL: [Kind; 5] = [Kind::Log, Kind::Index, Kind::TimeIndex, Kind::TxnIndex, Kind::Producers];

    pub const fn suffix(self) -> &'static str {
        match self {
            Kind::Log => "log",
            Kind::Index => "index",
            Kind::TimeIndex => "timeindex",
            Kind::TxnIndex => "txnindex",
            Kind::Producers => "producers",
        }
    }
}

/// Kafka's leader epoch cache, one per partition.
pub const LEADER_EPOCHS: &str = "leader-epoch-checkpoint";

/// Kafka's file with the topic id, one per partition.
pub const PARTITION_METADATA: &str = "partition.metadata";

/// Ours: up to where compaction has come; one per partition, from the first compaction on.
pub const COMPACTION: &str = "compaction-checkpoint";

/// Ours: there in a log of a compacted topic that began here, as long as nothing of it is compacted: offsets that are
/// missing in it are lost, not compacted away, be it by another broker.
pub const BEGAN_HERE: &str = "began-here";

/// Ours: there from a sync that the disk refused until one that covers the same. It need not be durable: it speaks of the
/// page cache.
pub const FLUSH_FAILED: &str = "flush-failed";

/// Ends the name of a file that compaction has written and that is not yet in force.
const CLEANED_SUFFIX: &str = ".cleaned";

/// Ends the name of a compacted log file that replaces the segments from one offset up to another. Once it has this
/// name it is in force, whatever lies beside it.
const SWAP_SUFFIX: &str = ".swap";

/// Ends the name of a file that is being written and has not yet taken its place.
const TEMPORARY_SUFFIX: &str = ".tmp";

/// Written, synced and removed to learn whether a disk that failed works again.
pub const PROBE: &str = "probe.tmp";

const OFFSET_DIGITS: usize = 20;

/// `00000000000000000042.log`
pub fn file(base: Offset, kind: Kind) -> String {
    format!("{:0OFFSET_DIGITS$}.{}", base.0, kind.suffix())
}

pub fn path(dir: &Path, base: Offset, kind: Kind) -> PathBuf {
    dir.join(file(base, kind))
}

/// What a name in a partition's directory stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    Segment(Offset, Kind),
    LeaderEpochs,
    PartitionMetadata,
    /// How far compaction is.
    Compaction,
    /// A sync was refused.
    FlushFailed,
    /// Nothing was compacted.
    BeganHere,
    /// Written by a compaction; worth something only beside its [`Meaning::Swap`].
    Cleaned(Offset, Kind),
    /// What stands in for all segments from `base` up to `next`.
    Swap {
        base: Offset,
        next: Offset,
    },
    /// Left by a write that did not come to its end; worth nothing.
    Temporary,
    Foreign,
}

pub fn meaning(name: &str) -> Meaning {
    match name {
        LEADER_EPOCHS => return Meaning::LeaderEpochs,
        PARTITION_METADATA => return Meaning::PartitionMetadata,
        COMPACTION => return Meaning::Compaction,
        FLUSH_FAILED => return Meaning::FlushFailed,
        BEGAN_HERE => return Meaning::BeganHere,
        PROBE => return Meaning::Temporary,
        _ => {}
    }
    if let Some(of) = name.strip_suffix(CLEANED_SUFFIX) {
        return match meaning(of) {
            Meaning::Segment(base, kind) => Meaning::Cleaned(base, kind),
            _ => Meaning::Foreign,
        };
    }
    if let Some(range) = name.strip_suffix(SWAP_SUFFIX) {
        let offsets = range.split_once('-').and_then(|(base, next)| Some((offset(base)?, offset(next)?)));
        let offsets = offsets.filter(|(base, next)| base < next);
        return offsets.map_or(Meaning::Foreign, |(base, next)| Meaning::Swap { base, next });
    }
    if let Some(of) = name.strip_suffix(TEMPORARY_SUFFIX) {
        return if meaning(of) == Meaning::Foreign { Meaning::Foreign } else { Meaning::Temporary };
    }
    let Some((digits, suffix)) = name.split_once('.') else { return Meaning::Foreign };
    let kind = Kind::ALL.into_iter().find(|kind| kind.suffix() == suffix);
    match (offset(digits), kind) {
        (Some(base), Some(kind)) => Meaning::Segment(base, kind),
        _ => Meaning::Foreign,
    }
}

fn offset(digits: &str) -> Option<Offset> {
    let right = digits.len() == OFFSET_DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
    right.then(|| digits.parse().ok().map(Offset)).flatten()
}

/// Where compaction writes what is to become this file.
pub fn cleaned(path: &Path) -> PathBuf {
    suffixed(path, CLEANED_SUFFIX)
}

/// `00000000000000000000-00000000000000000042.swap`
pub fn swap(base: Offset, next: Offset) -> String {
    format!("{:0OFFSET_DIGITS$}-{:0OFFSET_DIGITS$}{SWAP_SUFFIX}", base.0, next.0)
}

/// Where the new content of a file stands until it takes the file's name.
pub fn temporary(path: &Path) -> PathBuf {
    suffixed(path, TEMPORARY_SUFFIX)
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kafkas_and_are_read_back() {
        assert_eq!(file(Offset(42), Kind::Log), "00000000000000000042.log");
        assert_eq!(file(Offset(i64::MAX), Kind::TimeIndex), "09223372036854775807.timeindex");
        for kind in Kind::ALL {
            assert_eq!(meaning(&file(Offset(7), kind)), Meaning::Segment(Offset(7), kind));
            let temporary = temporary(&path(Path::new(""), Offset(7), kind));
            assert_eq!(meaning(temporary.to_str().expect("ASCII")), Meaning::Temporary);
            let cleaned = cleaned(&path(Path::new(""), Offset(7), kind));
            assert_eq!(meaning(cleaned.to_str().expect("ASCII")), Meaning::Cleaned(Offset(7), kind));
        }
        assert_eq!(meaning("leader-epoch-checkpoint"), Meaning::LeaderEpochs);
        assert_eq!(meaning("partition.metadata"), Meaning::PartitionMetadata);
        assert_eq!(meaning("compaction-checkpoint"), Meaning::Compaction);
        assert_eq!(meaning("compaction-checkpoint.tmp"), Meaning::Temporary);
        assert_eq!(swap(Offset(7), Offset(90)), "00000000000000000007-00000000000000000090.swap");
        assert_eq!(meaning(&swap(Offset(7), Offset(90))), Meaning::Swap { base: Offset(7), next: Offset(90) });
    }

    #[test]
    fn what_is_not_ours_is_foreign() {
        for name in [
            "42.log",
            "00000000000000000042.LOG",
            "00000000000000000042.snapshot",
            "notes.txt",
            ".tmp",
            "x.tmp",
            "7-9.swap",
        ] {
            assert_eq!(meaning(name), Meaning::Foreign, "{name}");
        }
        // More than an offset can be.
        assert_eq!(meaning("99999999999999999999.log"), Meaning::Foreign);
        assert_eq!(meaning("+0000000000000000042.log"), Meaning::Foreign);
    }
}
