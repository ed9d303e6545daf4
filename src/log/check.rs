//! Checking all of a partition's files against each other: what `verify-log` reports.
//!
//! One pass over each segment, its indexes read beside it, in bounded memory. Reads only.

use std::io;
use std::path::{Path, PathBuf};

use super::disk::Disk;
use super::entry_file::Entry;
use super::epochs::Epochs;
use super::indexes::{OffsetEntry, TimeEntry};
use super::inspect::{Damage, Found, IndexEntries, aborted_entries, base_of, entries, state, walk_log};
use super::names::{self, Kind, Meaning};
use super::segment::SegmentSummary;
use super::settings::OpenAs;
use super::span::Span;
use super::state_file::LogState;
use super::txn_index::{AbortedTxn, Tally};
use super::whole_file;
use crate::base::Offset;
use crate::record::BatchHeader;

/// Something wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub file: PathBuf,
    pub position: Option<u64>,
    pub reason: String,
    /// The broker repairs it by itself; no record is lost.
    pub heals: bool,
    /// An unfinished end, which the next start cuts off; nothing says whether its records were acknowledged.
    pub is_tail: bool,
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

/// [`check_partition_left`] where nothing but the files themselves says how the partition was left.
pub fn check_partition(disk: &dyn Disk, dir: &Path, gaps: bool, progress: impl FnMut(u64)) -> io::Result<Checked> {
    check_partition_left(disk, dir, gaps, &OpenAs::unclean(), progress)
}

/// Checks every file of a partition: all batches, all indexes against them, all states, and that nothing is missing of
/// what `left` and the states speak of. `progress` hears of bytes read.
pub fn check_partition_left(
    disk: &dyn Disk,
    dir: &Path,
    gaps: bool,
    left: &OpenAs,
    mut progress: impl FnMut(u64),
) -> io::Result<Checked> {
    let mut checked = Checked::default();
    let (mut bases, mut states) = (Vec::new(), Vec::new());
    for name in disk.list(dir)? {
        let path = dir.join(&name);
        match names::meaning(&name) {
            Meaning::Segment(base, Kind::Log) => bases.push(base),
            Meaning::Segment(_, Kind::Producers) => states.extend(check_state(disk, &path, &mut checked)?),
            Meaning::Swap { base, next } => {
                let reason = format!("the compaction of offsets {base} up to (not including) {next} was interrupted");
                checked.problem(path, None, reason, true);
            }
            Meaning::LeaderEpochs if Epochs::from_text(&whole_file::read(disk, &path)?).is_none() => {
                checked.problem(path, None, "it is no list of leader epochs".to_owned(), true);
            }
            _ => {}
        }
    }
    bases.sort_unstable();
    let newest = states.iter().max_by_key(|state| state.next_offset);
    let known_start = newest.map_or(left.log_start, |state| left.log_start.max(state.log_start));
    let known_end = newest.map_or(left.recovery_point, |state| left.recovery_point.max(state.next_offset));
    match bases.first() {
        None if known_start < known_end => checked.missing(dir, known_start, known_start, known_end),
        // After a kill, retention may have been faster than the checkpoints.
        Some(first) if left.clean && known_start < *first => checked.missing(dir, known_start, known_start, *first),
        _ => {}
    }
    for (n, base) in bases.iter().copied().enumerate() {
        let path = names::path(dir, base, Kind::Log);
        if let Some((_, end)) = checked.offsets
            && end != base
            && !gaps
        {
            let reason = match end < base {
                true => format!("{} missing before it", Span { first: end, next: base }),
                false => format!("the segment before it reaches offset {end}"),
            };
            checked.problem(path.clone(), None, reason, false);
        }
        let known = states.iter().filter_map(|state| Some((state.next_offset, state.segment?)));
        let known: Vec<Known> = known.filter(|(_, summary)| summary.base == base).collect();
        let place = InLog { base, gaps, next: bases.get(n + 1).copied(), known_end, clean: left.clean };
        let reported = checked.problems.len();
        let end = check_segment(disk, dir, &place, &known, &mut checked, &mut progress)?;
        let first = checked.offsets.map_or(base, |(first, _)| first);
        checked.offsets = Some((first, end));
        checked.segments += 1;
        if place.next.is_none() && end < known_end {
            let lost = Span { first: end, next: known_end };
            let gone =
                newest.and_then(|state| Some(state.segment?.base)).filter(|base| bases.binary_search(base).is_err());
            let told = checked.problems.iter().skip(reported).rposition(|problem| problem.file == path);
            match (gone, told) {
                (Some(base), _) => checked.missing(dir, base, end, known_end),
                (None, Some(n)) => {
                    let reason = &mut checked.problems[reported + n].reason;
                    reason.push_str(&format!("; {lost} lost"));
                }
                (None, None) => checked.problem(path, None, format!("{lost} lost"), false),
            }
        }
    }
    Ok(checked)
}

/// What is missing with a partition's whole directory.
pub fn check_absent(dir: &Path, left: &OpenAs) -> Checked {
    let mut checked = Checked::default();
    if left.log_start < left.recovery_point {
        checked.missing(dir, left.log_start, left.log_start, left.recovery_point);
    }
    checked
}

/// The offset a state was written at, and the segment it describes.
type Known = (Offset, SegmentSummary);

/// Where a segment stands in its log.
struct InLog {
    base: Offset,
    gaps: bool,
    /// The segment behind it.
    next: Option<Offset>,
    /// Everything below was durable.
    known_end: Offset,
    /// Nothing was written after that.
    clean: bool,
}

impl InLog {
    /// What becomes of a damaged place: `heals` and `is_tail`.
    fn outlook(&self, damage: &Damage) -> (bool, bool) {
        let is_end = damage.next.is_none() && (damage.is_zeros || damage.is_torn_tail());
        match self.next {
            // Left by a write that was taken back before the next segment began.
            Some(next) => (is_end && damage.first == next, false),
            None if damage.first < self.known_end => (false, false),
            None => (is_end && self.clean, is_end && !self.clean),
        }
    }
}

fn check_state(disk: &dyn Disk, path: &Path, checked: &mut Checked) -> io::Result<Option<LogState>> {
    let reason = match state(disk, path)? {
        Ok(state) if Some(state.next_offset) == base_of(path) => return Ok(Some(state)),
        Ok(_) => "it belongs to another offset".to_owned(),
        Err(flaw) => flaw.to_string(),
    };
    checked.problem(path.to_owned(), None, reason, true);
    Ok(None)
}

impl Checked {
    fn problem(&mut self, file: PathBuf, position: Option<u64>, reason: String, heals: bool) {
        self.problems.push(Problem { file, position, reason, heals, is_tail: false });
    }

    /// A segment is gone, and offsets with it.
    fn missing(&mut self, dir: &Path, base: Offset, first: Offset, next: Offset) {
        let reason = format!("it is not there; {} lost", Span { first, next });
        self.problem(names::path(dir, base, Kind::Log), None, reason, false);
    }
}

/// Checks a segment and its indexes in one pass. Gives the offset behind its last batch.
fn check_segment(
    disk: &dyn Disk,
    dir: &Path,
    place: &InLog,
    known: &[Known],
    checked: &mut Checked,
    progress: &mut impl FnMut(u64),
) -> io::Result<Offset> {
    let (base, gaps) = (place.base, place.gaps);
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
                    Some(next) if next > damage.first => format!("; {} lost", Span { first: damage.first, next }),
                    _ => String::new(),
                };
                let reason = match damage.is_zeros {
                    true => format!("{} zero bytes, as a power cut leaves them{lost}", damage.bytes),
                    false => format!("{} bytes are no good batch: {}{lost}", damage.bytes, damage.reason),
                };
                let (file, position) = (path.clone(), Some(damage.position));
                let (heals, is_tail) = place.outlook(&damage);
                checked.problems.push(Problem { file, position, reason, heals, is_tail });
                offsets.damage(damage.position..damage.position + damage.bytes);
                times.damaged = true;
            }
        }
        progress(walk.position());
        Ok(true)
    })?;
    let (bytes, end) = (walk.bytes_total(), walk.next_offset());
    checked.bytes += bytes;
    if let Some((_, longer)) = known.iter().find(|(_, summary)| summary.log_bytes > bytes) {
        let reason = format!("it is {} bytes shorter than it was", longer.log_bytes - bytes);
        checked.problem(path, None, reason, false);
    }
    // Only a state from this very end says how much the indexes should hold; while a broker writes there is none.
    let exact = known.iter().find(|(offset, summary)| *offset == end && summary.log_bytes == bytes);
    let exact = exact.map(|(_, summary)| summary);
    offsets.end(exact, checked)?;
    times.end(exact, checked)?;
    check_aborted(disk, names::path(dir, base, Kind::TxnIndex), base, exact, checked)?;
    Ok(end)
}

fn check_aborted(
    disk: &dyn Disk,
    path: PathBuf,
    base: Offset,
    exact: Option<&SegmentSummary>,
    checked: &mut Checked,
) -> io::Result<()> {
    let entries = match aborted_entries(disk, &path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        entries => entries?,
    };
    let good: Vec<AbortedTxn> = entries.iter().map_while(|entry| entry.as_ref().ok().copied()).collect();
    if let Some(summary) = exact
        && Tally::of(&good) != summary.growth.aborted
    {
        let counted = summary.growth.aborted.count;
        let reason = format!("its {} entries are not the {counted} that were written", entries.len());
        checked.problem(path, None, reason, true);
        return Ok(());
    }
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
        checked.problem(path.clone(), Some(position), reason.to_owned(), true);
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

    /// The index holds as many entries as it should, where that is known.
    fn counts(&mut self, right: std::ops::RangeInclusive<u64>, checked: &mut Checked) {
        let found = self.entries.as_ref().map_or(0, IndexEntries::entries_total);
        if !self.reported && !right.contains(&found) {
            self.report(checked, None, format!("it has {found} entries, {} belong there", right.start()));
        }
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
            checked.problem(self.path.clone(), position, reason, true);
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

    fn end(mut self, exact: Option<&SegmentSummary>, checked: &mut Checked) -> io::Result<()> {
        if let Some(summary) = exact {
            let count = u64::from(summary.index_entries);
            self.index.counts(count..=count, checked);
        }
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
        if !header.is_bare() {
            self.max_timestamp = self.max_timestamp.max(header.max_timestamp);
        }
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

    fn end(mut self, exact: Option<&SegmentSummary>, checked: &mut Checked) -> io::Result<()> {
        if let Some(summary) = exact {
            // With or without the closing entry.
            let count = u64::from(summary.time_entries);
            self.index.counts(count..=count + 1, checked);
        }
        if let Some((at, entry)) = self.index.current.filter(|_| !self.damaged) {
            let offset = self.index.base.plus(i64::from(entry.relative));
            self.index.report(checked, Some(at), format!("it speaks of offset {offset}, behind the batches"));
        }
        Ok(())
    }
}
