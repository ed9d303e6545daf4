//! Room that is kept back on the disk, so that a full one can be dealt with: deleting topics, trimming, changing
//! settings and committing offsets go on, though each of them has to write a little itself.
//!
//! It is given up when one of these finds the disk full, and made again as soon as there is room. Until then no producer
//! may write, nor may topics be made or grow: they would take the room that was made for others. There are two files of
//! it. The common one is for all of these; when commits have eaten it, the last one is left for what makes room, and
//! from then on commits are refused, too. Files, and not a look at how much is free, since other programs fill disks
//! too, and what a quota or a copying file system has left is a guess.

mod piece;

use std::fmt::Display;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use self::piece::{NotMade, Piece};
use super::catalogue::CommandLogError;
use super::data_dir::DataDirError;
use super::partition::Partition;
use super::topics::TopicError;
use crate::base::Now;
use crate::log::{AppendError, Appended, Disk, LogError, PartitionLog};
use crate::record::ValidBatch;

/// Some twenty thousand commits.
pub const COMMON_BYTES: usize = 2 * 1024 * 1024;
/// Hundreds of deletions, trims and changes of settings, or the checkpoints of three thousand partitions.
pub const LAST_BYTES: usize = 256 * 1024;
/// Beside the common one.
const LAST_NAME: &str = "last-reserve";

/// After a try that was more than a look: each one takes room from others for a moment.
const RETRY_FIRST_MS: i64 = 1000;
const RETRY_MOST_MS: i64 = 60_000;

/// An error that may mean that the disk is full.
pub trait DiskFull: Display {
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

impl DiskFull for TopicError {
    fn is_disk_full(&self) -> bool {
        match self {
            TopicError::Decision(error) => error.is_disk_full(),
            TopicError::Log(error) => error.is_disk_full(),
            TopicError::Disk { source, .. } => source.is_disk_full(),
            TopicError::Refused { .. } | TopicError::Unknown(_) => false,
        }
    }
}

pub struct Reserve {
    common: Piece,
    last: Piece,
    tries: Mutex<Tries>,
    /// Somebody has made room since the last try.
    expects_room: AtomicBool,
    /// Why the disk counts as full.
    reason: Mutex<String>,
}

/// When the pieces are to be made again.
#[derive(Default)]
struct Tries {
    next_at_ms: i64,
    wait_ms: i64,
    /// What was said of a try that failed, so that it is said once.
    said: Option<String>,
}

impl Reserve {
    /// Nothing is written yet: [`restore`](Self::restore) does that, beside the start.
    pub fn new(disk: Arc<dyn Disk>, path: PathBuf) -> Reserve {
        let last = Piece::new(Arc::clone(&disk), path.with_file_name(LAST_NAME), LAST_BYTES);
        let common = Piece::new(disk, path, COMMON_BYTES);
        let (tries, expects_room, reason) = Default::default();
        Reserve { common, last, tries, expects_room, reason }
    }

    /// Whether producers, and whoever wants more topics or partitions, must wait.
    pub fn is_spent(&self) -> bool {
        self.common.is_spent() || self.is_exhausted()
    }

    /// Whether only what makes room goes on.
    pub fn is_exhausted(&self) -> bool {
        self.last.is_spent()
    }

    /// What a producer is told while it waits for room.
    pub fn refusal(&self) -> String {
        self.refusal_for(&*self.reason.lock())
    }

    /// What a producer is told whose write is the first that finds none.
    pub fn refusal_for(&self, reason: &impl Display) -> String {
        let path = self.common.path();
        let path = path.parent().and_then(|own| own.parent()).unwrap_or(path).display();
        format!(
            "the disk of {path} is full ({reason}); deleting topics, trimming them or lowering their retention makes \
             room, and writes are taken again as soon as there is some"
        )
    }

    /// Does what makes room, or what a start can't do without: at the price of all that is kept back, if it must be.
    pub fn spend_on<T, E: DiskFull>(&self, attempt: impl FnMut() -> Result<T, E>) -> Result<T, E> {
        self.spend(&[&self.common, &self.last], attempt)
    }

    /// Does what should go on while the disk is full, but makes no room: at the price of the common piece.
    pub fn spend_common_on<T, E: DiskFull>(&self, attempt: impl FnMut() -> Result<T, E>) -> Result<T, E> {
        self.spend(&[&self.common], attempt)
    }

    fn spend<T, E: DiskFull>(&self, pieces: &[&Piece], mut attempt: impl FnMut() -> Result<T, E>) -> Result<T, E> {
        let seen = [self.common.given_up(), self.last.given_up()];
        let mut done = attempt();
        for (piece, seen) in pieces.iter().zip(seen) {
            match &done {
                Err(error) if error.is_disk_full() => {
                    let was_spent = piece.is_spent();
                    if piece.give_up(seen) {
                        self.tell_given_up(piece, was_spent, error);
                        done = attempt();
                    }
                }
                _ => return done,
            }
        }
        done
    }

    fn tell_given_up(&self, piece: &Piece, was_spent: bool, error: &impl Display) {
        if !was_spent {
            *self.reason.lock() = error.to_string();
            ::log::warn!("the disk is full ({error}): the room of {} is given up", piece.path().display());
        }
    }

    /// Appends what must be kept on a full disk, too: commits, and what else groups decide.
    pub fn append(&self, partition: &Partition, batch: &ValidBatch<'_>, now: Now) -> Result<Appended, AppendError> {
        if self.is_exhausted() {
            let path = partition.name().to_string().into();
            let source = io::Error::new(io::ErrorKind::StorageFull, self.refusal());
            return Err(LogError::Io { doing: "append to", path, source }.into());
        }
        self.spend_common_on(|| {
            let appended = partition.append(batch, now);
            if appended.as_ref().is_err_and(AppendError::is_disk_full) {
                partition.online().into_iter().for_each(PartitionLog::expect_room);
            }
            appended
        })
    }

    /// Room was made: the next [`restore`](Self::restore) tries, whenever the last one was.
    pub fn expect_room(&self) {
        self.expects_room.store(true, Ordering::Release);
    }

    /// Makes it whole again, if there is room and it is time to try. True if somebody who had to wait need not any more.
    pub fn restore(&self, now: Now) -> bool {
        if self.last.is_whole() && self.common.is_whole() {
            return false;
        }
        let mut tries = self.tries.lock();
        if !self.expects_room.swap(false, Ordering::AcqRel) && now.mono_ms < tries.next_at_ms {
            return false;
        }
        let waiting = || [self.is_spent(), self.is_exhausted()];
        let waited = waiting();
        match self.make_all() {
            Ok(()) => *tries = Tries::default(),
            Err((piece, error)) => tries.failed(&piece.path().display().to_string(), &error, now),
        }
        let waits = waiting();
        if waited[0] && !waits[0] {
            ::log::info!("producers may write again");
        }
        waited.iter().zip(waits).any(|(before, now)| *before && !now)
    }

    /// The last piece first. Which one failed, and why.
    fn make_all(&self) -> Result<(), (&Piece, NotMade)> {
        let mut last = self.last.make();
        if last.as_ref().is_err_and(NotMade::is_disk_full) && self.common.give_up(self.common.given_up()) {
            // Without the last one even commits stop.
            last = self.last.make();
        }
        let made = last.map_err(|error| (&self.last, error));
        let made = made.and_then(|()| self.common.make().map_err(|error| (&self.common, error)));
        let Err((_, error)) = &made else { return Ok(()) };
        // If something else is wrong than the room, waiting for room would be waiting for ever.
        let is_full = error.is_disk_full();
        if is_full {
            *self.reason.lock() = error.to_string();
        }
        if !self.last.is_whole() {
            self.last.set_spent(is_full);
        }
        self.common.set_spent(is_full);
        made
    }
}

impl Tries {
    fn failed(&mut self, path: &str, error: &NotMade, now: Now) {
        if !matches!(error, NotMade::NoRoom { .. }) {
            self.wait_ms = (self.wait_ms * 2).clamp(RETRY_FIRST_MS, RETRY_MOST_MS);
            self.next_at_ms = now.mono_ms + self.wait_ms;
        }
        // How much is free, and which of the two failed, is no news.
        let (said, sentence) = match error.is_disk_full() {
            true => ("full".to_owned(), "nothing is taken from producers until it can"),
            false => (error.to_string(), "if the disk fills up, deleting topics may fail, too"),
        };
        if self.said.as_ref() != Some(&said) {
            ::log::error!("no room can be kept back in {path} ({error}): {sentence}");
            self.said = Some(said);
        }
    }
}

#[cfg(test)]
mod tests;
