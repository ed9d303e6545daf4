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
    /// Left by a write that did not come to its end; worth nothing.
    Temporary,
    Foreign,
}

pub fn meaning(name: &str) -> Meaning {
    match name {
        LEADER_EPOCHS => return Meaning::LeaderEpochs,
        PARTITION_METADATA => return Meaning::PartitionMetadata,
        PROBE => return Meaning::Temporary,
        _ => {}
    }
    if let Some(of) = name.strip_suffix(TEMPORARY_SUFFIX) {
        return if meaning(of) == Meaning::Foreign { Meaning::Foreign } else { Meaning::Temporary };
    }
    let Some((digits, suffix)) = name.split_once('.') else { return Meaning::Foreign };
    if digits.len() != OFFSET_DIGITS || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Meaning::Foreign;
    }
    let kind = Kind::ALL.into_iter().find(|kind| kind.suffix() == suffix);
    match (digits.parse(), kind) {
        (Ok(base), Some(kind)) => Meaning::Segment(Offset(base), kind),
        _ => Meaning::Foreign,
    }
}

/// Where the new content of a file stands until it takes the file's name.
pub fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(TEMPORARY_SUFFIX);
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
        }
        assert_eq!(meaning("leader-epoch-checkpoint"), Meaning::LeaderEpochs);
        assert_eq!(meaning("partition.metadata"), Meaning::PartitionMetadata);
    }

    #[test]
    fn what_is_not_ours_is_foreign() {
        for name in
            ["42.log", "00000000000000000042.LOG", "00000000000000000042.snapshot", "notes.txt", ".tmp", "x.tmp"]
        {
            assert_eq!(meaning(name), Meaning::Foreign, "{name}");
        }
        // More than an offset can be.
        assert_eq!(meaning("99999999999999999999.log"), Meaning::Foreign);
        assert_eq!(meaning("+0000000000000000042.log"), Meaning::Foreign);
    }
}
