//! What the commands that read files must know of a directory: which files are in it, and who else is using it.
//!
//! Nothing here is ever changed. Directories may be Rafka's (`DATA/<topic>/partition-<n>`) or Kafka's
//! (`DATA/<topic>-<n>`).

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::base::Offset;
use crate::broker::{LeftPartition, is_in_use, left_partitions};
use crate::cli::failure::{Failure, reason};
use crate::log::RealDisk;
use crate::log::names::{self, Kind, Meaning};

/// Deep enough for DATA/topic/partition, seen from one directory above.
const DEPTH_MAX: usize = 4;

/// A partition's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PartitionDir {
    pub path: PathBuf,
    /// The newest segment: the one that a broker appends to.
    pub newest: Offset,
    /// What its segments have in bytes.
    pub bytes: u64,
}

/// Every partition's directory at or under this one, in order of their paths.
pub(super) fn partitions_under(dir: &Path) -> Result<Vec<PartitionDir>, Failure> {
    let mut found = Vec::new();
    look_into(dir, DEPTH_MAX, &mut found)?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn look_into(dir: &Path, depth: usize, found: &mut Vec<PartitionDir>) -> Result<(), Failure> {
    let failed =
        |path: &Path, e: io::Error| Failure::failed(format!("{} can't be read: {}", path.display(), reason(&e)));
    let mut here: Option<PartitionDir> = None;
    for entry in fs::read_dir(dir).map_err(|e| failed(dir, e))? {
        let entry = entry.map_err(|e| failed(dir, e))?;
        let kind = entry.file_type().map_err(|e| failed(&entry.path(), e))?;
        if kind.is_dir() && depth > 0 {
            look_into(&entry.path(), depth - 1, found)?;
        } else if kind.is_file()
            && let Some(base) = segment_base(&entry.path())
        {
            // A file that a running broker has just removed has no bytes any more.
            let bytes = entry.metadata().map_or(0, |facts| facts.len());
            let partition = here.get_or_insert(PartitionDir { path: dir.to_owned(), newest: base, bytes: 0 });
            partition.newest = partition.newest.max(base);
            partition.bytes += bytes;
        }
    }
    found.extend(here);
    Ok(())
}

/// The base offset of a log file, by its name.
pub(super) fn segment_base(path: &Path) -> Option<Offset> {
    match names::meaning(path.file_name()?.to_str()?) {
        Meaning::Segment(base, Kind::Log) => Some(base),
        _ => None,
    }
}

/// Whether this is the newest segment of its partition, and a broker is running on it: then its end is being written.
pub(super) fn is_being_written(file: &Path) -> bool {
    let (Some(base), Some(dir)) = (segment_base(file), file.parent()) else { return false };
    let dir = if dir == Path::new("") { Path::new(".") } else { dir };
    let is_newest = partitions_under(dir).is_ok_and(|found| found.iter().any(|p| p.path == dir && p.newest == base));
    is_newest && is_dir_in_use(dir)
}

/// Whether a broker runs on the data directory that this partition's directory is part of.
pub(super) fn is_dir_in_use(partition: &Path) -> bool {
    let Ok(partition) = partition.canonicalize() else { return false };
    let above = |levels| partition.ancestors().nth(levels);
    above(2).is_some_and(is_in_use) || above(1).is_some_and(is_in_use_by_kafka)
}

/// The partitions at or under a directory that a broker of ours knows of, by the data directory it is, or is part of, and
/// how they were left.
pub(super) fn left_under(dir: &Path) -> Result<Vec<LeftPartition>, Failure> {
    let Ok(dir) = dir.canonicalize() else { return Ok(Vec::new()) };
    let Some(data) = dir.ancestors().take(3).find(|above| above.join("+rafka").is_dir()) else {
        return Ok(Vec::new());
    };
    let left = left_partitions(&RealDisk, data)
        .map_err(|e| Failure::failed(format!("{} can't be read: {}", data.display(), reason(&e))))?;
    Ok(left.into_iter().filter(|partition| partition.dir.starts_with(&dir)).collect())
}

/// Kafka holds a POSIX lock on `.lock` in its log directory.
#[cfg(unix)]
fn is_in_use_by_kafka(data: &Path) -> bool {
    use rustix::fs::{FlockOperation, fcntl_lock};
    let Ok(lock) = File::open(data.join(".lock")) else { return false };
    matches!(
        fcntl_lock(&lock, FlockOperation::NonBlockingLockShared),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS)
    )
}

#[cfg(not(unix))]
fn is_in_use_by_kafka(data: &Path) -> bool {
    File::open(data.join(".lock")).is_ok_and(|lock| lock.try_lock_shared().is_err())
}

/// Whether offsets may be missing between batches: compaction leaves such gaps. Ours leaves its checkpoint, too; a
/// directory of Kafka's may be a compacted one.
pub(super) fn may_have_gaps(partition: &Path) -> bool {
    let name = partition.canonicalize().unwrap_or_else(|_| partition.to_owned());
    name.join(names::COMPACTION).exists()
        || !name.file_name().is_some_and(|name| name.to_string_lossy().starts_with("partition-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_found_at_any_depth_with_their_newest_segment() {
        let data = tempfile::tempdir().expect("a directory");
        for (dir, file, bytes) in [
            ("Payments/partition-0", "00000000000000000000.log", 10),
            ("Payments/partition-0", "00000000000000000042.log", 5),
            ("Payments/partition-0", "00000000000000000042.index", 8),
            ("Logs-0", "00000000000000000000.log", 1),
            ("+rafka", "commands", 9),
        ] {
            fs::create_dir_all(data.path().join(dir)).expect("made");
            fs::write(data.path().join(dir).join(file), vec![0; bytes]).expect("written");
        }
        let found = partitions_under(data.path()).expect("readable");
        let shown: Vec<_> = found.iter().map(|p| (p.path.file_name().expect("a name"), p.newest.0, p.bytes)).collect();
        assert_eq!(shown, [("Logs-0".as_ref(), 0, 1), ("partition-0".as_ref(), 42, 15)]);
        assert!(may_have_gaps(&found[0].path) && !may_have_gaps(&found[1].path));
        assert!(!is_being_written(&found[1].path.join("00000000000000000042.log")), "nobody uses the directory");
        assert_eq!(partitions_under(&found[0].path).expect("readable").len(), 1, "the partition itself is meant");
    }
}
