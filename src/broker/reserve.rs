//! Room that is kept back on the disk, so that a full one can be dealt with: deleting topics, trimming, changing
//! settings and committing offsets go on, though each of them has to write a little itself.
//!
//! It is a file that is given up when one of these finds the disk full, and made again as soon as there is room. Until
//! then no producer may write: it would take the room that was made for others. A file, and not a look at how much
//! is free, since other programs fill disks too, and what a quota or a copying file system has left is a guess.

use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::catalogue::CommandLogError;
use super::data_dir::DataDirError;
use super::partition::Partition;
use crate::base::Now;
use crate::log::{AppendError, Appended, Disk, OpenMode, PartitionLog};
use crate::record::ValidBatch;

/// Thousands of commits and deletions, or the checkpoints of as many partitions.
pub const RESERVE_BYTES: usize = 2 * 1024 * 1024;
const PIECE_BYTES: usize = 64 * 1024;

/// An error that may mean that the disk is full.
pub trait DiskFull {
    fn is_disk_full(&self) -> bool;
}

impl DiskFull for io::Error {
    fn is_disk_full(&self) -> bool {
        crate::log::is_disk_full(self)
    }
}

impl DiskFull for AppendError {
    fn is_disk_full(&self) -> bool {
        AppendError::is_disk_full(self)
    }
}

impl DiskFull for DataDirError {
    fn is_disk_full(&self) -> bool {
        matches!(self, DataDirError::Io { source, .. } if source.is_disk_full())
    }
}

impl DiskFull for CommandLogError {
    fn is_disk_full(&self) -> bool {
        matches!(self, CommandLogError::Storage { source, .. } if source.is_disk_full())
    }
}

pub struct Reserve {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    is_spent: AtomicBool,
    /// Held by whoever gives it up or makes it.
    changing: Mutex<()>,
}

impl Reserve {
    /// Nothing is written yet: [`restore`](Self::restore) does that, beside the start.
    pub fn new(disk: Arc<dyn Disk>, path: PathBuf) -> Reserve {
        Reserve { disk, path, is_spent: AtomicBool::new(false), changing: Mutex::default() }
    }

    /// Whether producers must wait.
    pub fn is_spent(&self) -> bool {
        self.is_spent.load(Ordering::Acquire)
    }

    /// What a producer is told.
    pub fn refusal(&self) -> String {
        format!(
            "the disk of {} is full; deleting topics, trimming them or lowering their retention makes room, and writes \
             are taken again as soon as there is some",
            self.path.parent().and_then(|own| own.parent()).unwrap_or(&self.path).display()
        )
    }

    /// Does what must work on a full disk, too: at the price of the reserve, if it must be.
    pub fn spend_on<T, E: DiskFull>(&self, mut attempt: impl FnMut() -> Result<T, E>) -> Result<T, E> {
        match attempt() {
            Err(error) if error.is_disk_full() => {
                self.give_up();
                attempt()
            }
            done => done,
        }
    }

    /// Appends what must be kept on a full disk, too: commits, and what else groups decide.
    pub fn append(&self, partition: &Partition, batch: &ValidBatch<'_>, now: Now) -> Result<Appended, AppendError> {
        self.spend_on(|| {
            let appended = partition.append(batch, now);
            if appended.as_ref().is_err_and(AppendError::is_disk_full) {
                partition.online().into_iter().for_each(PartitionLog::expect_room);
            }
            appended
        })
    }

    /// Given up already, it may still have been in the way while somebody tried to make it.
    fn give_up(&self) {
        let _alone = self.changing.lock();
        if !self.is_spent.swap(true, Ordering::AcqRel) {
            ::log::warn!("the disk is full: the {RESERVE_BYTES} bytes of {} are given up", self.path.display());
        }
        let _ = self.disk.remove(&self.path);
    }

    /// Makes it whole again, if there is room; true if it has just become so. A kill in the middle of it leaves a
    /// file that is too short, which the next start sees.
    pub fn restore(&self) -> bool {
        let _alone = self.changing.lock();
        if !self.is_spent() && self.disk.facts(&self.path).is_ok_and(|facts| facts.bytes == RESERVE_BYTES as u64) {
            return false;
        }
        if let Err(error) = self.write() {
            // Half of it would only be in the way of those that it is for.
            let _ = self.disk.remove(&self.path);
            let is_news = !self.is_spent.swap(true, Ordering::AcqRel);
            if is_news {
                let path = self.path.display();
                ::log::error!(
                    "no room can be kept back in {path} ({error}): nothing is taken from producers until it can"
                );
            }
            return false;
        }
        if self.is_spent.swap(false, Ordering::AcqRel) {
            ::log::info!("there is room on the disk again: producers may write");
            return true;
        }
        false
    }

    fn write(&self) -> io::Result<()> {
        // On a full disk even trying would be in the way of others, for a moment.
        if self
            .disk
            .space(self.path.parent().unwrap_or(&self.path))
            .is_ok_and(|space| space.usable < RESERVE_BYTES as u64)
        {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file = self.disk.open(&self.path, OpenMode::Replace)?;
        // A file system that packs what it is given must not pack this.
        let mut word: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut piece = vec![0; PIECE_BYTES];
        for position in (0..RESERVE_BYTES).step_by(PIECE_BYTES) {
            for bytes in piece.chunks_exact_mut(8) {
                word ^= word << 13;
                word ^= word >> 7;
                word ^= word << 17;
                bytes.copy_from_slice(&word.to_le_bytes());
            }
            file.write_all_at(position as u64, &[IoSlice::new(&piece)])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::RealDisk;

    fn full() -> io::Error {
        io::ErrorKind::StorageFull.into()
    }

    #[test]
    fn it_is_given_up_once_and_made_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("reserve");
        let reserve = Reserve::new(Arc::new(RealDisk), path.clone());
        assert!(!reserve.restore() && !reserve.is_spent());
        assert_eq!(std::fs::metadata(&path).expect("there").len(), RESERVE_BYTES as u64);
        // What succeeds, or fails for another reason, costs nothing.
        assert_eq!(reserve.spend_on(|| Ok::<_, io::Error>(1)).ok(), Some(1));
        assert!(reserve.spend_on(|| Err::<(), _>(io::Error::other("broken"))).is_err());
        assert!(path.exists() && !reserve.is_spent());
        let mut tries = 0;
        let done = reserve.spend_on(|| {
            tries += 1;
            if path.exists() { Err(full()) } else { Ok(tries) }
        });
        assert_eq!(done.ok(), Some(2));
        assert!(reserve.is_spent());
        // With nothing left to give up, full is full.
        assert!(reserve.spend_on(|| Err::<(), _>(full())).is_err());
        assert!(reserve.restore(), "it has just become whole");
        assert!(!reserve.is_spent() && !reserve.restore());
    }

    #[test]
    fn one_that_was_cut_short_is_made_whole() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("reserve");
        std::fs::write(&path, "short").expect("written");
        let reserve = Reserve::new(Arc::new(RealDisk), path.clone());
        reserve.restore();
        assert_eq!(std::fs::metadata(&path).expect("there").len(), RESERVE_BYTES as u64);
    }
}
