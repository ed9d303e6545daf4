//! Looking at a partition's files from outside: what `rafka-admin inspect-segment` and `verify-log` print.
//!
//! Reads only, with bounded memory, whatever the files' state and whoever wrote them (Kafka's are the same). A broker
//! may be running on the directory: what it has not written yet is missing here, and no fault.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::bounds::SCAN_WINDOW_BYTES;
pub use super::check::{Checked, Problem, check_absent, check_partition, check_partition_left};
use super::disk::{Disk, DiskFile, OpenMode};
use super::entry_file::Entry;
use super::indexes::{OffsetEntry, TimeEntry};
use super::names::{self, Meaning};
use super::scan::{Flaw, Region, Scanner, Step, Verify};
use super::state_file::{LogState, StateFlaw};
use super::txn_index::AbortedTxn;
use super::whole_file;
use crate::base::Offset;
use crate::record::{BatchError, BatchHeader};

/// What stands at a place in a log file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A good batch, its CRC included.
    Batch { position: u64, header: BatchHeader },
    /// Bytes that are no good batch.
    Damage(Damage),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    pub position: u64,
    pub bytes: u64,
    pub reason: Flaw,
    /// The offset that should have come here.
    pub first: Offset,
    /// The offset of the next good batch; `None` if the file has no further one.
    pub next: Option<Offset>,
    /// Every byte of it is zero.
    pub is_zeros: bool,
}

impl Damage {
    /// A file that ends in the middle of a batch: what a crash leaves, and the next start of the broker removes.
    pub fn is_torn_tail(&self) -> bool {
        self.next.is_none() && matches!(self.reason, Flaw::Batch(BatchError::Truncated { .. }))
    }
}

/// Walks a log file from its start to its end.
pub struct LogWalk {
    file: Arc<dyn DiskFile>,
    end: u64,
    position: u64,
    expected: Offset,
    gaps: bool,
    after_damage: bool,
    done: bool,
}

/// Opens a log file. Its name says which offset comes first; in one with another name the first batch does. With
/// `gaps` offsets may be missing between batches, as compaction leaves them.
pub fn walk_log(disk: &dyn Disk, path: &Path, gaps: bool) -> io::Result<LogWalk> {
    let file = disk.open(path, OpenMode::Read)?;
    let end = file.len()?;
    let named = base_of(path);
    Ok(LogWalk {
        file,
        end,
        position: 0,
        expected: named.unwrap_or(Offset::ZERO),
        gaps,
        after_damage: named.is_none(),
        done: false,
    })
}

/// Whether there is nothing but zeros from one position to another.
pub(super) fn is_zeros(file: &dyn DiskFile, mut position: u64, end: u64) -> io::Result<bool> {
    let mut block = vec![0; (end - position).min(ZEROS_BLOCK_BYTES) as usize];
    while position < end {
        let block = &mut block[..(end - position).min(ZEROS_BLOCK_BYTES) as usize];
        file.read_exact_at(position, block)?;
        if block.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        position += block.len() as u64;
    }
    Ok(true)
}

const ZEROS_BLOCK_BYTES: u64 = 64 << 10;

/// The base offset in a file's name.
pub fn base_of(path: &Path) -> Option<Offset> {
    match names::meaning(path.file_name()?.to_str()?) {
        Meaning::Segment(base, _) => Some(base),
        _ => None,
    }
}

impl LogWalk {
    pub fn bytes_total(&self) -> u64 {
        self.end
    }

    /// The offset that comes next.
    pub fn next_offset(&self) -> Offset {
        self.expected
    }

    /// How far the walk is.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The whole batch, for who wants to see its records.
    pub fn read_batch(&self, position: u64, header: &BatchHeader) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; header.total_bytes()];
        self.file.read_exact_at(position, &mut bytes)?;
        Ok(bytes)
    }

    /// Walks on, handing everything found to `visit` until it says no.
    pub fn run(&mut self, mut visit: impl FnMut(&LogWalk, Found) -> io::Result<bool>) -> io::Result<()> {
        let file = Arc::clone(&self.file);
        let region = Region {
            start: self.position,
            end: self.end,
            expected: self.expected,
            bound: Offset(i64::MAX),
            gaps: self.gaps,
            verify: Verify::Everything,
        };
        let mut scanner = Scanner::new(&*file, region, SCAN_WINDOW_BYTES);
        if self.after_damage {
            scanner.jump(self.position, self.expected);
        }
        while !self.done {
            let expected = scanner.expected();
            let found = match scanner.step()? {
                Step::End => {
                    self.done = true;
                    break;
                }
                Step::Batch { position, header } => Found::Batch { position, header },
                Step::Damage { position, reason } => {
                    let resumes = scanner.skip_damage()?;
                    let mut next = None;
                    if resumes {
                        let mut head = [0; crate::record::HEADER_BYTES];
                        file.read_exact_at(scanner.position(), &mut head)?;
                        next = BatchHeader::parse(&head).ok().map(|header| header.base_offset);
                    }
                    let bytes = scanner.position() - position;
                    let is_zeros = is_zeros(&*file, position, scanner.position())?;
                    Found::Damage(Damage { position, bytes, reason, first: expected, next, is_zeros })
                }
            };
            self.after_damage = matches!(found, Found::Damage(_));
            (self.position, self.expected) = (scanner.position(), scanner.expected());
            if !visit(self, found)? {
                break;
            }
        }
        Ok(())
    }
}

/// Entries of an index file in order; a rest that is no whole entry is left out, `trailing_bytes` tells of it.
#[derive(Debug)]
pub struct IndexEntries<E> {
    file: Arc<dyn DiskFile>,
    count: u64,
    next: u64,
    block: std::vec::IntoIter<E>,
    pub trailing_bytes: u64,
}

const BLOCK_ENTRIES: u64 = 1024;

pub fn offset_entries(disk: &dyn Disk, path: &Path) -> io::Result<IndexEntries<OffsetEntry>> {
    entries(disk, path)
}

pub fn time_entries(disk: &dyn Disk, path: &Path) -> io::Result<IndexEntries<TimeEntry>> {
    entries(disk, path)
}

pub(super) fn entries<E: Entry>(disk: &dyn Disk, path: &Path) -> io::Result<IndexEntries<E>> {
    let file = disk.open(path, OpenMode::Read)?;
    let bytes = file.len()?;
    let entry = E::BYTES as u64;
    Ok(IndexEntries {
        file,
        count: bytes / entry,
        next: 0,
        block: Vec::new().into_iter(),
        trailing_bytes: bytes % entry,
    })
}

impl<E> IndexEntries<E> {
    pub fn entries_total(&self) -> u64 {
        self.count
    }
}

#[allow(private_bounds)]
impl<E: Entry> Iterator for IndexEntries<E> {
    type Item = io::Result<E>;

    fn next(&mut self) -> Option<io::Result<E>> {
        if let Some(entry) = self.block.next() {
            return Some(Ok(entry));
        }
        let want = (self.count - self.next).min(BLOCK_ENTRIES);
        if want == 0 {
            return None;
        }
        let mut bytes = vec![0; want as usize * E::BYTES];
        if let Err(error) = self.file.read_exact_at(self.next * E::BYTES as u64, &mut bytes) {
            self.next = self.count;
            return Some(Err(error));
        }
        self.next += want;
        self.block = bytes.chunks_exact(E::BYTES).map(E::decode).collect::<Vec<E>>().into_iter();
        self.block.next().map(Ok)
    }
}

/// Aborted transactions in order; `Err` is the position of an entry that is none.
pub fn aborted_entries(disk: &dyn Disk, path: &Path) -> io::Result<Vec<Result<AbortedTxn, u64>>> {
    let bytes = whole_file::read(disk, path)?;
    let entries = bytes.chunks(AbortedTxn::BYTES).zip((0..).step_by(AbortedTxn::BYTES));
    Ok(entries.map(|(entry, position)| AbortedTxn::decode(entry).ok_or(position)).collect())
}

/// A `.producers` file.
pub fn state(disk: &dyn Disk, path: &Path) -> io::Result<Result<LogState, StateFlaw>> {
    Ok(LogState::decode(&whole_file::read(disk, path)?))
}
