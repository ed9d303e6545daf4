//! A file of room: made when there is some, given up when somebody needs it more.
//!
//! Whoever gives it up may hold the locks of others, so it never waits for who makes it: that one finds at its next
//! write that it was overtaken, and stops.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::log::{Disk, DiskFile, OpenMode, is_disk_full};

const WRITE_BYTES: usize = 64 * 1024;

/// Why a piece could not be made.
#[derive(Debug, thiserror::Error)]
pub enum NotMade {
    /// Nothing was written: the file system says that it would be in vain.
    #[error("{usable} bytes are free")]
    NoRoom { usable: u64 },
    #[error("others needed the room while it was being made")]
    Overtaken,
    #[error("{0}")]
    Failed(#[from] io::Error),
}

impl NotMade {
    /// Whether nothing is wrong but that there is no room.
    pub fn is_disk_full(&self) -> bool {
        match self {
            NotMade::NoRoom { .. } | NotMade::Overtaken => true,
            NotMade::Failed(error) => is_disk_full(error),
        }
    }
}

pub struct Piece {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    bytes: usize,
    is_spent: AtomicBool,
    /// How often it was given up. Changes under the lock of `state`.
    given_up: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// It was seen to be there.
    is_whole: bool,
    /// It is being made.
    making: Option<Arc<dyn DiskFile>>,
}

impl Piece {
    pub fn new(disk: Arc<dyn Disk>, path: PathBuf, bytes: usize) -> Piece {
        let (is_spent, given_up) = (AtomicBool::new(false), AtomicU64::new(0));
        Piece { disk, path, bytes, is_spent, given_up, state: Mutex::default() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// It was given up, or there was no room for it.
    pub fn is_spent(&self) -> bool {
        self.is_spent.load(Ordering::Acquire)
    }

    /// Says that there is no room for it, or that something else is wrong.
    pub fn set_spent(&self, is_spent: bool) {
        self.is_spent.store(is_spent, Ordering::Release);
    }

    pub fn is_whole(&self) -> bool {
        self.state.lock().is_whole
    }

    /// How often it was given up so far.
    pub fn given_up(&self) -> u64 {
        self.given_up.load(Ordering::Acquire)
    }

    /// Gives the room to others. False if there was none to give, nor has been since `given_up` was `seen`.
    pub fn give_up(&self, seen: u64) -> bool {
        let mut state = self.state.lock();
        let others_did = self.given_up() != seen;
        state.is_whole = false;
        let half_made = state.making.take();
        let gives = half_made.is_some() || self.disk.facts(&self.path).is_ok_and(|facts| !facts.is_dir);
        if gives {
            self.given_up.fetch_add(1, Ordering::AcqRel);
            self.set_spent(true);
            if let Some(file) = half_made {
                // As long as it is open, removing its name frees nothing.
                let _ = file.set_len(0);
            }
            let _ = self.disk.remove(&self.path);
        }
        gives || others_did
    }

    /// Makes it whole, if it is not. One at a time does this. A kill in the middle leaves a file that is too short, which
    /// the next start sees.
    pub fn make(&self) -> Result<(), NotMade> {
        let began = self.given_up();
        if self.is_whole() {
            return Ok(());
        }
        let is_there =
            || self.disk.facts(&self.path).is_ok_and(|facts| !facts.is_dir && facts.bytes == self.bytes as u64);
        if self.is_spent() || !is_there() {
            let written = self.write(began);
            self.state.lock().making = None;
            if let Err(error) = written {
                // Half of it would only be in the way of those that it is for.
                let _ = self.disk.remove(&self.path);
                return Err(error);
            }
        }
        let mut state = self.state.lock();
        if self.given_up() != began {
            let _ = self.disk.remove(&self.path);
            return Err(NotMade::Overtaken);
        }
        state.is_whole = true;
        self.set_spent(false);
        Ok(())
    }

    fn write(&self, began: u64) -> Result<(), NotMade> {
        // On a full disk even trying would be in the way of others, for a moment.
        let space = self.disk.space(self.path.parent().unwrap_or(&self.path));
        if let Some(space) = space.ok().filter(|space| space.usable < self.bytes as u64) {
            return Err(NotMade::NoRoom { usable: space.usable });
        }
        let file = self.disk.open(&self.path, OpenMode::Replace)?;
        self.state.lock().making = Some(Arc::clone(&file));
        // A file system that packs what it is given must not pack this.
        let mut word: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut bytes = vec![0; WRITE_BYTES];
        for position in (0..self.bytes).step_by(WRITE_BYTES) {
            if self.given_up() != began {
                return Err(NotMade::Overtaken);
            }
            for bytes in bytes.chunks_exact_mut(8) {
                word ^= word << 13;
                word ^= word >> 7;
                word ^= word << 17;
                bytes.copy_from_slice(&word.to_le_bytes());
            }
            file.write_all_at(position as u64, &[IoSlice::new(&bytes)])?;
        }
        Ok(())
    }
}
