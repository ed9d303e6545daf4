//! A bounded number of open files for reading, shared by many partitions.
//!
//! Sealed segments and indexes are opened when somebody reads them, and closed when others need the room (second
//! chance: who was not asked for since the hand last passed goes). A file that is being sent stays open until its
//! last user lets go of it, whatever the pool does.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::disk::DiskFile;

/// A file's key in the pool; never used twice in a process, so a file made anew under an old name gets a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FileId(u64);

impl FileId {
    pub(super) fn fresh() -> FileId {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        FileId(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

#[derive(Debug)]
pub struct FilePool {
    capacity: usize,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    places: HashMap<FileId, usize>,
    files: Vec<Slot>,
    hand: usize,
}

#[derive(Debug)]
struct Slot {
    id: FileId,
    file: Arc<dyn DiskFile>,
    asked_for: bool,
}

impl FilePool {
    /// Keeps at most `capacity` files open (and at least one).
    pub fn new(capacity: usize) -> Arc<FilePool> {
        Arc::new(FilePool { capacity: capacity.max(1), slots: Mutex::default() })
    }

    /// How many files are open.
    pub fn open_files(&self) -> usize {
        self.slots.lock().files.len()
    }

    pub(super) fn get(
        &self,
        id: FileId,
        open: impl FnOnce() -> io::Result<Arc<dyn DiskFile>>,
    ) -> io::Result<Arc<dyn DiskFile>> {
        {
            let mut slots = self.slots.lock();
            if let Some(&place) = slots.places.get(&id) {
                let slot = &mut slots.files[place];
                slot.asked_for = true;
                return Ok(Arc::clone(&slot.file));
            }
        }
        // Not under the lock: opening may take as long as the disk likes. Two threads may both open the file;
        // the second keeps its own for this once.
        let file = open()?;
        let mut slots = self.slots.lock();
        if !slots.places.contains_key(&id) {
            slots.insert(id, Arc::clone(&file), self.capacity);
        }
        Ok(file)
    }

    pub(super) fn forget(&self, id: FileId) {
        let mut slots = self.slots.lock();
        if let Some(place) = slots.places.remove(&id) {
            slots.files.swap_remove(place);
            if let Some(moved) = slots.files.get(place).map(|slot| slot.id) {
                slots.places.insert(moved, place);
            }
        }
    }
}

impl Slots {
    fn insert(&mut self, id: FileId, file: Arc<dyn DiskFile>, capacity: usize) {
        let slot = Slot { id, file, asked_for: false };
        if self.files.len() < capacity {
            self.places.insert(id, self.files.len());
            self.files.push(slot);
            return;
        }
        // At most one round clears every mark, so the second finds a place.
        loop {
            self.hand = (self.hand + 1) % self.files.len();
            let candidate = &mut self.files[self.hand];
            if !candidate.asked_for {
                break;
            }
            candidate.asked_for = false;
        }
        self.places.remove(&self.files[self.hand].id);
        self.places.insert(id, self.hand);
        self.files[self.hand] = slot;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::disk::OpenMode;
    use crate::log::{Disk, RealDisk};

    #[test]
    fn no_more_files_are_open_than_allowed_and_the_used_ones_stay() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let pool = FilePool::new(3);
        let opened = AtomicU64::new(0);
        let ids: Vec<FileId> = (0..10).map(|_| FileId::fresh()).collect();
        let get = |n: usize| {
            pool.get(ids[n], || {
                opened.fetch_add(1, Ordering::Relaxed);
                RealDisk.open(&dir.path().join(n.to_string()), OpenMode::Create)
            })
            .expect("opened")
        };
        get(0);
        for n in 1..10 {
            get(n);
            get(0);
            assert!(pool.open_files() <= 3);
        }
        assert_eq!(opened.load(Ordering::Relaxed), 10, "file 0 was never closed");
        get(1);
        assert_eq!(opened.load(Ordering::Relaxed), 11);
    }

    #[test]
    fn a_forgotten_file_is_opened_anew_and_the_others_are_still_found() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let pool = FilePool::new(3);
        let ids: Vec<FileId> = (0..3).map(|_| FileId::fresh()).collect();
        let open = |n: usize| RealDisk.open(&dir.path().join(n.to_string()), OpenMode::Create);
        for (n, id) in ids.iter().enumerate() {
            pool.get(*id, || open(n)).expect("opened");
        }
        pool.forget(ids[0]);
        pool.forget(ids[0]);
        assert_eq!(pool.open_files(), 2);
        for id in &ids[1..] {
            pool.get(*id, || panic!("still open")).expect("found");
        }
        let mut anew = false;
        pool.get(ids[0], || {
            anew = true;
            open(0)
        })
        .expect("opened");
        assert!(anew);
    }
}
