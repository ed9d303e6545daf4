//! A file of fixed-size entries that only grows: what the offset index and the time index have in common.
//!
//! New entries wait in memory and are written some dozens at a time; searches go through the file by positional
//! reads, so memory stays the same whatever the size of the data. What always holds: entries in memory follow those
//! on file, `on_file` entries of the file are valid, and whatever stands behind them is nobody's business.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::bounds::INDEX_ENTRIES_PENDING;
use super::disk::{DiskFile, OpenMode};
use super::file_pool::FileId;
use super::files::Files;
use super::names::Kind;
use crate::base::Offset;

pub(super) trait Entry: Copy + PartialEq + std::fmt::Debug + Send + 'static {
    const BYTES: usize;
    const KIND: Kind;

    fn encode(&self, out: &mut Vec<u8>);

    /// `bytes` has exactly `BYTES` bytes.
    fn decode(bytes: &[u8]) -> Self;
}

/// Entries around a searched place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Around<E> {
    /// The last entry for which the search said "not yet there".
    pub below: Option<E>,
    /// The entry behind it.
    pub above: Option<E>,
    /// How many entries lie up to and including `below`.
    pub count: usize,
}

#[derive(Debug)]
pub(super) struct EntryFile<E> {
    files: Arc<Files>,
    base: Offset,
    id: FileId,
    state: Mutex<State<E>>,
    /// How many entries lay below what was searched last.
    hint: AtomicUsize,
    /// The file, whatever its name leads to by now.
    pinned: Mutex<Option<Arc<dyn DiskFile>>>,
}

#[derive(Debug)]
struct State<E> {
    on_file: usize,
    pending: Vec<E>,
    last: Option<E>,
}

/// Entries that a search reads at once: it is narrowed down to so many, and their neighbours.
const BLOCK_ENTRIES_MAX: usize = 512;
const BLOCK_ENTRIES: usize = BLOCK_ENTRIES_MAX - 2;
/// No entry is larger.
const ENTRY_BYTES_MAX: usize = 12;

/// The first of `0..count` for which `before` does not hold.
fn partition_point(count: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

impl<E: Entry> EntryFile<E> {
    /// With no entries yet, whatever the file holds.
    pub fn empty(files: &Arc<Files>, base: Offset) -> EntryFile<E> {
        let state = State { on_file: 0, pending: Vec::new(), last: None };
        EntryFile {
            files: Arc::clone(files),
            base,
            id: FileId::fresh(),
            state: Mutex::new(state),
            hint: AtomicUsize::new(0),
            pinned: Mutex::new(None),
        }
    }

    /// Stays with this file until told otherwise: its name is about to lead to another, or to this one only later.
    pub fn pin(&self, file: Option<Arc<dyn DiskFile>>) {
        *self.pinned.lock() = file;
    }

    /// Stays with the file that has the name now.
    pub fn pin_current(&self) -> io::Result<()> {
        let file = self.file()?;
        self.pin(Some(file));
        Ok(())
    }

    pub fn len(&self) -> usize {
        let state = self.state.lock();
        state.on_file + state.pending.len()
    }

    pub fn last(&self) -> Option<E> {
        self.state.lock().last
    }

    /// Bytes of the file on disk; 0 if there is none.
    pub fn file_bytes(&self) -> io::Result<u64> {
        if let Some(file) = &*self.pinned.lock() {
            return file.len();
        }
        match self.files.disk.facts(&self.files.path(self.base, E::KIND)) {
            Ok(facts) => Ok(facts.bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// What the file ends with, believed or not.
    pub fn last_on_file(&self) -> io::Result<Option<E>> {
        match (self.file_bytes()? as usize / E::BYTES).checked_sub(1) {
            Some(last) => Ok(Some(self.read_one(&*self.file()?, last)?)),
            None => Ok(None),
        }
    }

    /// Believes the first `entries` of the file; fails if it has fewer.
    pub fn adopt(&self, entries: usize) -> io::Result<()> {
        let mut state = self.state.lock();
        state.pending.clear();
        state.on_file = entries;
        state.last = match entries.checked_sub(1) {
            Some(last) => Some(self.read_one(&*self.file()?, last)?),
            None => None,
        };
        Ok(())
    }

    /// Adds an entry. Once enough have gathered they are written; a write that fails is made up for by the next,
    /// as nothing depends on the file before the checkpoint that syncs it.
    pub fn push(&self, entry: E) {
        let mut state = self.state.lock();
        if state.pending.capacity() == 0 {
            state.pending.reserve_exact(INDEX_ENTRIES_PENDING);
        }
        state.pending.push(entry);
        state.last = Some(entry);
        if state.pending.len().is_multiple_of(INDEX_ENTRIES_PENDING) {
            // Best effort here; `write_out` reports.
            let _ = self.write_pending(&mut state, None);
        }
    }

    /// Writes what is in memory, with `closing` behind it: an entry that the file shows but that the next one
    /// overwrites. The file ends there.
    pub fn write_out(&self, closing: Option<E>) -> io::Result<()> {
        let mut state = self.state.lock();
        self.write_pending(&mut state, closing)?;
        let entries = state.on_file + usize::from(closing.is_some());
        let bytes = (entries * E::BYTES) as u64;
        let file = self.file()?;
        if file.len()? != bytes {
            file.set_len(bytes)?;
        }
        Ok(())
    }

    pub fn is_written(&self) -> bool {
        self.state.lock().pending.is_empty()
    }

    /// Has the entries of `other` from now on, those in memory included; the file is the same.
    pub fn take_over(&self, other: &EntryFile<E>) {
        let taken = std::mem::replace(&mut *other.state.lock(), State { on_file: 0, pending: Vec::new(), last: None });
        *self.state.lock() = taken;
        self.hint.store(0, Ordering::Relaxed);
    }

    pub fn sync(&self) -> io::Result<()> {
        self.file()?.sync_data()
    }

    /// Frees the memory of a segment that is written no more.
    pub fn shrink(&self) {
        self.state.lock().pending.shrink_to_fit();
    }

    fn write_pending(&self, state: &mut State<E>, closing: Option<E>) -> io::Result<()> {
        if state.pending.is_empty() && closing.is_none() {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity((state.pending.len() + 1) * E::BYTES);
        state.pending.iter().chain(&closing).for_each(|entry| entry.encode(&mut bytes));
        self.file()?.write_all_at((state.on_file * E::BYTES) as u64, &[IoSlice::new(&bytes)])?;
        state.on_file += state.pending.len();
        state.pending.clear();
        Ok(())
    }

    /// Keeps the entries for which `keep` holds; it must hold for a front part of them and for none behind.
    pub fn truncate(&self, keep: impl Fn(&E) -> bool) -> io::Result<()> {
        let kept = self.search(&keep)?;
        let mut state = self.state.lock();
        if kept.count < state.on_file {
            state.on_file = kept.count;
            state.pending.clear();
        } else {
            let pending = kept.count - state.on_file;
            state.pending.truncate(pending);
        }
        state.last = kept.below;
        Ok(())
    }

    /// Binary search: `before` must hold for a front part of the entries and for none behind.
    pub fn search(&self, before: impl Fn(&E) -> bool) -> io::Result<Around<E>> {
        let (on_file, first_pending) = {
            let state = self.state.lock();
            let pending = state.pending.partition_point(&before);
            if pending > 0 || state.on_file == 0 {
                return Ok(Around {
                    below: pending.checked_sub(1).map(|n| state.pending[n]),
                    above: state.pending.get(pending).copied(),
                    count: state.on_file + pending,
                });
            }
            (state.on_file, state.pending.first().copied())
        };
        let file = self.file()?;
        let (mut low, mut high) = (0, on_file);
        // Who reads on looks close to where the last one looked.
        let mut middle = self.hint.load(Ordering::Relaxed).min(on_file).saturating_sub(1);
        loop {
            // One more on either side: the neighbours of the place that is searched.
            let start = if high - low <= BLOCK_ENTRIES { low.saturating_sub(1) } else { middle };
            let mut block = [0; BLOCK_ENTRIES_MAX * ENTRY_BYTES_MAX];
            let block = &mut block[..(on_file - start).min(BLOCK_ENTRIES_MAX) * E::BYTES];
            file.read_exact_at((start * E::BYTES) as u64, block)?;
            let count = block.len() / E::BYTES;
            let entry = |n: usize| E::decode(&block[n * E::BYTES..(n + 1) * E::BYTES]);
            let inside = partition_point(count, |n| before(&entry(n)));
            if inside == 0 && start > 0 {
                high = start;
            } else if inside == count && start + count < on_file {
                low = start + count;
            } else {
                self.hint.store(start + inside, Ordering::Relaxed);
                let above = (inside < count).then(|| entry(inside));
                return Ok(Around {
                    below: inside.checked_sub(1).map(entry),
                    above: above.or(if start + inside == on_file { first_pending } else { None }),
                    count: start + inside,
                });
            }
            middle = low + (high - low) / 2;
        }
    }

    fn read_one(&self, file: &dyn DiskFile, n: usize) -> io::Result<E> {
        let mut bytes = [0; ENTRY_BYTES_MAX];
        let bytes = &mut bytes[..E::BYTES];
        file.read_exact_at((n * E::BYTES) as u64, bytes)?;
        Ok(E::decode(bytes))
    }

    fn file(&self) -> io::Result<Arc<dyn DiskFile>> {
        if let Some(file) = &*self.pinned.lock() {
            return Ok(Arc::clone(file));
        }
        self.files.pooled(self.id, self.base, E::KIND, OpenMode::Create)
    }
}

impl<E> Drop for EntryFile<E> {
    fn drop(&mut self) {
        self.files.pool.forget(self.id);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::file_pool::FilePool;
    use super::super::indexes::OffsetEntry;
    use super::super::memory_disk::MemoryDisk;
    use super::*;
    use crate::log::Disk;

    proptest! {
        #[test]
        fn a_search_finds_the_place_whatever_is_on_file_and_was_searched_before(
            count in 0..3000u32,
            written in any::<bool>(),
            wanted in proptest::collection::vec(0..9100u32, 1..20),
        ) {
            let disk = MemoryDisk::new();
            disk.create_dir("/d".as_ref()).expect("made");
            let files = Files::new(Arc::new(disk), FilePool::new(1), "/d".into());
            let index: EntryFile<OffsetEntry> = EntryFile::empty(&Arc::new(files), Offset(0));
            let entry = |n: u32| OffsetEntry { relative: n * 3 + 1, position: n * 10 };
            (0..count).for_each(|n| index.push(entry(n)));
            if written {
                index.write_out(None).expect("written");
            }
            for wanted in wanted {
                let around = index.search(|entry| entry.relative <= wanted).expect("readable");
                let below = (0..count).take_while(|n| entry(*n).relative <= wanted).count() as u32;
                prop_assert_eq!(around.count, below as usize);
                prop_assert_eq!(around.below, below.checked_sub(1).map(entry));
                prop_assert_eq!(around.above, (below < count).then(|| entry(below)));
            }
            index.truncate(|entry| entry.relative < 4000).expect("cut");
            prop_assert_eq!(index.len() as u32, count.min(1333));
            prop_assert_eq!(index.last(), count.min(1333).checked_sub(1).map(entry));
        }
    }
}
