//! Looking at a partition's files from outside: what `rafka-admin inspect-segment` and `verify-log` print.
//!
//! Reads only, with bounded memory, whatever the files' state and whoever wrote them (Kafka's are the same). A broker
//! may be running on the directory: what it has not written yet is missing here, and no fault.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bounds::SCAN_WINDOW_BYTES;
use super::disk::{Disk, DiskFile, OpenMode};
use super::entry_file::Entry;
use super::indexes::{OffsetEntry, TimeEntry};
use super::names::{self, Kind, Meaning};
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
                    Found::Damage(Damage { position, bytes, reason, first: expected, next })
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

fn entries<E: Entry>(disk: &dyn Disk, path: &Path) -> io::Result<IndexEntries<E>> {
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

/// Something wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub file: PathBuf,
    pub position: Option<u64>,
    pub reason: String,
    /// The broker repairs it by itself; no record is lost.
    pub heals: bool,
}

/// What a check looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    pub segments: u64,
    pub batches: u64,
    pub records: u64,
    pub bytes: u64,
    pub problems: Vec<Problem>,
    /// The first offset there is, and the one behind the last.
    pub offsets: Option<(Offset, Offset)>,
}

/// Checks every file of a partition: all batches, all indexes against them, all states. `progress` hears of bytes
/// read.
pub fn check_partition(disk: &dyn Disk, dir: &Path, gaps: bool, mut progress: impl FnMut(u64)) -> io::Result<Checked> {
    let mut checked = Checked::default();
    let mut bases = Vec::new();
    for name in disk.list(dir)? {
        match names::meaning(&name) {
            Meaning::Segment(base, Kind::Log) => bases.push(base),
            Meaning::Segment(_, Kind::Producers) => check_state(disk, &dir.join(name), &mut checked)?,
            _ => {}
        }
    }
    bases.sort_unstable();
    for base in bases {
        let path = names::path(dir, base, Kind::Log);
        if let Some((_, end)) = checked.offsets
            && end != base
            && !gaps
        {
            let reason = match end < base {
                true => format!("offsets {end} up to (not including) {base} are missing before it"),
                false => format!("the segment before it reaches offset {end}"),
            };
            checked.problems.push(Problem { file: path, position: None, reason, heals: false });
        }
        let end = check_segment(disk, dir, base, gaps, &mut checked, &mut progress)?;
        let first = checked.offsets.map_or(base, |(first, _)| first);
        checked.offsets = Some((first, end));
        checked.segments += 1;
    }
    Ok(checked)
}

fn check_state(disk: &dyn Disk, path: &Path, checked: &mut Checked) -> io::Result<()> {
    let reason = match state(disk, path)? {
        Ok(state) if Some(state.next_offset) == base_of(path) => return Ok(()),
        Ok(_) => "it belongs to another offset".to_owned(),
        Err(flaw) => flaw.to_string(),
    };
    checked.problems.push(Problem { file: path.to_owned(), position: None, reason, heals: true });
    Ok(())
}

/// Checks a segment and its indexes in one pass. Gives the offset behind its last batch.
fn check_segment(
    disk: &dyn Disk,
    dir: &Path,
    base: Offset,
    gaps: bool,
    checked: &mut Checked,
    progress: &mut impl FnMut(u64),
) -> io::Result<Offset> {
    let path = names::path(dir, base, Kind::Log);
    let mut walk = walk_log(disk, &path, gaps)?;
    let mut offsets = OffsetCheck::open(disk, names::path(dir, base, Kind::Index), base, checked)?;
    let mut times = TimeCheck::open(disk, names::path(dir, base, Kind::TimeIndex), base, checked)?;
    walk.run(|walk, found| {
        match found {
            Found::Batch { position, header } => {
                checked.batches += 1;
                checked.records += header.record_count.max(0) as u64;
                offsets.batch(position, &header, checked)?;
                times.batch(&header, checked)?;
            }
            Found::Damage(damage) => {
                let lost = match damage.next {
                    Some(next) if next > damage.first => {
                        format!("; offsets {} up to (not including) {next} are lost", damage.first)
                    }
                    _ => String::new(),
                };
                let reason = format!("{} bytes are no good batch: {}{lost}", damage.bytes, damage.reason);
                let (file, position, heals) = (path.clone(), Some(damage.position), damage.is_torn_tail());
                checked.problems.push(Problem { file, position, reason, heals });
                offsets.damage(damage.position..damage.position + damage.bytes);
                times.damaged = true;
            }
        }
        progress(walk.position());
        Ok(true)
    })?;
    checked.bytes += walk.bytes_total();
    offsets.end(checked)?;
    times.end(checked)?;
    check_aborted(disk, names::path(dir, base, Kind::TxnIndex), base, checked)?;
    Ok(walk.expected)
}

fn check_aborted(disk: &dyn Disk, path: PathBuf, base: Offset, checked: &mut Checked) -> io::Result<()> {
    let entries = match aborted_entries(disk, &path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    let mut last = base;
    for (entry, position) in entries.into_iter().zip((0..).step_by(AbortedTxn::BYTES)) {
        let reason = match entry {
            Ok(entry) if entry.last_offset >= last => {
                last = entry.last_offset;
                continue;
            }
            Ok(_) => "its marker comes before the one of the entry before",
            Err(_) => "this is no entry",
        };
        checked.problems.push(Problem {
            file: path.clone(),
            position: Some(position),
            reason: reason.to_owned(),
            heals: true,
        });
    }
    Ok(())
}

/// Compares an index with the batches as they come by.
struct IndexCheck<E> {
    path: PathBuf,
    base: Offset,
    entries: Option<IndexEntries<E>>,
    current: Option<(u64, E)>,
    count: u64,
    /// There is no file; none is needed without batches.
    missing: bool,
    reported: bool,
}

impl<E: Entry> IndexCheck<E> {
    fn open(disk: &dyn Disk, path: PathBuf, base: Offset, checked: &mut Checked) -> io::Result<IndexCheck<E>> {
        let mut check =
            IndexCheck { path, base, entries: None, current: None, count: 0, missing: false, reported: false };
        match entries::<E>(disk, &check.path) {
            Ok(found) if found.trailing_bytes > 0 => {
                check.report(checked, None, format!("its length is no multiple of {}", E::BYTES));
                check.entries = Some(found);
            }
            Ok(found) => check.entries = Some(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => check.missing = true,
            Err(error) => return Err(error),
        }
        check.advance()?;
        Ok(check)
    }

    fn batch_seen(&mut self, checked: &mut Checked) {
        if std::mem::take(&mut self.missing) {
            self.report(checked, None, "it is missing".to_owned());
        }
    }

    fn advance(&mut self) -> io::Result<()> {
        let next = self.entries.as_mut().and_then(Iterator::next).transpose()?;
        self.current = next.map(|entry| (self.count * E::BYTES as u64, entry));
        self.count += 1;
        Ok(())
    }

    /// One report is enough: the whole file is made anew.
    fn report(&mut self, checked: &mut Checked, position: Option<u64>, reason: String) {
        if !self.reported {
            checked.problems.push(Problem { file: self.path.clone(), position, reason, heals: true });
        }
        self.reported = true;
        self.current = None;
        self.entries = None;
    }
}

struct OffsetCheck {
    index: IndexCheck<OffsetEntry>,
    damage: Vec<std::ops::Range<u64>>,
}

impl OffsetCheck {
    fn open(disk: &dyn Disk, path: PathBuf, base: Offset, checked: &mut Checked) -> io::Result<OffsetCheck> {
        Ok(OffsetCheck { index: IndexCheck::open(disk, path, base, checked)?, damage: Vec::new() })
    }

    fn damage(&mut self, bytes: std::ops::Range<u64>) {
        self.damage.push(bytes);
    }

    fn batch(&mut self, position: u64, header: &BatchHeader, checked: &mut Checked) -> io::Result<()> {
        self.index.batch_seen(checked);
        while let Some((at, entry)) = self.index.current {
            let points_at = u64::from(entry.position);
            if points_at > position {
                break;
            }
            let last = header.last_offset().since(self.index.base);
            let in_damage = self.damage.iter().any(|bytes| bytes.contains(&points_at));
            if points_at < position && !in_damage {
                self.index.report(checked, Some(at), format!("it points at byte {points_at}, where no batch starts"));
                return Ok(());
            }
            if points_at == position && i64::from(entry.relative) != last {
                let said = self.index.base.plus(i64::from(entry.relative));
                let reason = format!("it has offset {said} for the batch that ends with {}", header.last_offset());
                self.index.report(checked, Some(at), reason);
                return Ok(());
            }
            self.index.advance()?;
        }
        Ok(())
    }

    fn end(mut self, checked: &mut Checked) -> io::Result<()> {
        if let Some((at, entry)) = self.index.current
            && !self.damage.iter().any(|bytes| bytes.contains(&u64::from(entry.position)))
        {
            self.index.report(checked, Some(at), format!("it points at byte {}, behind the batches", entry.position));
        }
        Ok(())
    }
}

struct TimeCheck {
    index: IndexCheck<TimeEntry>,
    max_timestamp: i64,
    previous: i64,
    /// Batches are missing: an entry may rightly speak of one of them.
    damaged: bool,
}

impl TimeCheck {
    fn open(disk: &dyn Disk, path: PathBuf, base: Offset, checked: &mut Checked) -> io::Result<TimeCheck> {
        let index = IndexCheck::open(disk, path, base, checked)?;
        Ok(TimeCheck { index, max_timestamp: -1, previous: -1, damaged: false })
    }

    fn batch(&mut self, header: &BatchHeader, checked: &mut Checked) -> io::Result<()> {
        self.index.batch_seen(checked);
        self.max_timestamp = self.max_timestamp.max(header.max_timestamp);
        while let Some((at, entry)) = self.index.current {
            let offset = self.index.base.plus(i64::from(entry.relative));
            if offset > header.last_offset() {
                break;
            }
            let right = offset == header.last_offset()
                && entry.timestamp == header.max_timestamp
                && entry.timestamp == self.max_timestamp;
            if !right && !self.damaged {
                let reason = format!("it has timestamp {} for offset {offset}", entry.timestamp);
                self.index.report(checked, Some(at), reason);
                return Ok(());
            }
            if entry.timestamp <= self.previous {
                self.index.report(checked, Some(at), format!("timestamp {} comes twice", entry.timestamp));
                return Ok(());
            }
            self.previous = entry.timestamp;
            self.index.advance()?;
        }
        Ok(())
    }

    fn end(mut self, checked: &mut Checked) -> io::Result<()> {
        if let Some((at, entry)) = self.index.current.filter(|_| !self.damaged) {
            let offset = self.index.base.plus(i64::from(entry.relative));
            self.index.report(checked, Some(at), format!("it speaks of offset {offset}, behind the batches"));
        }
        Ok(())
    }
}
