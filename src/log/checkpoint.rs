//! Checkpoints: everything a start needs to read no log data, made durable.
//!
//! A checkpoint flushes the data, brings the index files up to date, and then (only then) puts the state file of this
//! moment in place; after a crash only what was appended since is read. A clean stop is a checkpoint with nothing
//! after it. Many logs share their syncs ([`checkpoint_many`]).

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::bounds::FLUSH_SINGLY_MAX;
use super::disk::Disk;
use super::error::LogError;
use super::flush::FlushTicket;
use super::names::{self, Kind};
use super::partition::{PartitionLog, Writer};
use super::segment::Segment;
use super::whole_file::Prepared;
use crate::base::Offset;

/// A checkpoint that has begun: indexes are written, new state files stand beside the old ones, nothing is synced.
#[derive(Debug)]
struct Checkpoint<'a> {
    ticket: FlushTicket<'a>,
    /// Segments whose indexes must be synced.
    segments: Vec<Arc<Segment>>,
    states: Vec<(Offset, Prepared)>,
    epochs: Option<Prepared>,
    recovery_point: Offset,
}

/// What a checkpoint writes beside the data, as [`Checkpoint`] holds it.
struct Beside {
    segments: Vec<Arc<Segment>>,
    states: Vec<(Offset, Prepared)>,
    epochs: Option<Prepared>,
}

type Failed = (PathBuf, io::Error);

impl PartitionLog {
    /// Whether a checkpoint would change anything.
    pub fn wants_checkpoint(&self) -> bool {
        let writer = self.writer.lock();
        let behind = writer.names_made > writer.names_synced
            || writer.epochs_unsaved
            || !writer.states.contains(&writer.next_offset)
            || !writer.sealed.is_empty();
        behind && !self.files.is_retired()
    }

    /// Flushes everything and moves the recovery point to the log end.
    pub fn checkpoint(&self) -> Result<Offset, LogError> {
        self.begin_checkpoint()?.complete(false)
    }

    /// A state file says how the log ends; without one a start must not take what it finds for what was there.
    pub fn is_vouched_for(&self) -> bool {
        let writer = self.writer.lock();
        writer.states.contains(&writer.next_offset)
    }

    /// A clean stop: after it, a start reads no log data. The log can still be used.
    pub fn close(&self) -> Result<(), LogError> {
        if self.wants_checkpoint() {
            match self.checkpoint() {
                Err(LogError::Retired { .. }) => return Ok(()),
                done => done?,
            };
        }
        if let Some(active) = self.shown.read().active() {
            active.tidy();
        }
        Ok(())
    }

    fn begin_checkpoint(&self) -> Result<Checkpoint<'_>, LogError> {
        let turn = self.take_turn();
        let mut writer = self.writer.lock();
        self.check_retired()?;
        self.write_again(&mut writer)?;
        let is_right = self.make_right(&mut writer).is_ok();
        // Under one hold of the lock: a state must not speak of what the ticket does not sync.
        let ticket = self.ticket(turn, &writer);
        // Data whose fsync failed must be verified again by the next start: no state may vouch for it.
        let oldest = self.shown.read().segments.first().map_or(Offset(i64::MAX), |first| first.base);
        let safe = is_right && writer.unsafe_below.is_none_or(|offset| oldest >= offset);
        let Beside { segments, states, epochs } = match self.write_beside(&mut writer, safe) {
            Ok(beside) => beside,
            Err(error) => {
                ticket.abandon();
                return Err(error);
            }
        };
        let recovery_point = if safe { writer.next_offset } else { self.recovery_point() };
        Ok(Checkpoint { ticket, segments, states, epochs, recovery_point })
    }

    /// Writes the files that stand beside the data, under other names until they are synced.
    fn write_beside(&self, writer: &mut Writer, safe: bool) -> Result<Beside, LogError> {
        let disk = &*self.files.disk;
        let mut segments = Vec::new();
        let mut states = Vec::new();
        let write_state = |offset: Offset, bytes: &[u8]| {
            let path = self.files.path(offset, Kind::Producers);
            Prepared::write(disk, &path, bytes).map(|prepared| (offset, prepared)).map_err(LogError::io("write", path))
        };
        if safe {
            writer.unsafe_below = None;
            for sealed in &writer.sealed {
                let left = sealed.segment.write_indexes_left();
                left.map_err(LogError::io("write the indexes of", sealed.segment.log_path()))?;
                if let Some(state) = &sealed.state {
                    states.push(write_state(sealed.next_offset, state)?);
                }
                segments.push(Arc::clone(&sealed.segment));
            }
            let end = writer.next_offset;
            if !writer.states.contains(&end) && !states.iter().any(|(offset, _)| *offset == end) {
                let active = self.ready_active()?;
                if let Some(active) = &active {
                    active.write_indexes().map_err(LogError::io("write", active.log_path()))?;
                    segments.push(Arc::clone(active));
                }
                states.push(write_state(end, &self.state(writer, active.as_ref()).encode())?);
            }
        }
        let mut epochs = None;
        if writer.epochs_unsaved {
            let path = self.files.dir.join(names::LEADER_EPOCHS);
            let prepared = Prepared::write(disk, &path, writer.epochs.to_text().as_bytes());
            epochs = Some(prepared.map_err(LogError::io("write", path))?);
            writer.epochs_unsaved = false;
        }
        Ok(Beside { segments, states, epochs })
    }
}

impl Checkpoint<'_> {
    /// Syncs (unless that has been done for all together), puts the new files in place and counts.
    fn complete(self, synced: bool) -> Result<Offset, LogError> {
        if !synced {
            // Data that can't be flushed is the log's matter; what stands beside it can be written another time.
            if let Err((path, source)) = self.ticket.sync() {
                self.give_up();
                return Err(self.ticket.fail(path, source));
            }
            if let Err((path, source)) = self.sync_beside() {
                self.give_up();
                self.ticket.finish();
                return Err(LogError::Io { doing: "flush", path, source });
            }
        }
        let log = self.ticket.log;
        let disk = &*log.files.disk;
        let mut placed = Vec::new();
        let mut failure = None;
        let files = self.states.into_iter().map(|(offset, file)| (Some(offset), file));
        for (offset, file) in files.chain(self.epochs.map(|file| (None, file))) {
            match file.commit(disk) {
                Ok(()) => placed.extend(offset),
                Err(source) => failure = Some(source),
            }
        }
        if !synced && failure.is_none() {
            failure = disk.sync_dir(&log.files.dir).err();
        }
        // The last that is done by a name: now the log may be retired.
        let flushed = self.ticket.finish();
        if let Some(source) = failure {
            log.writer.lock().epochs_unsaved = true;
            return Err(LogError::Io { doing: "replace state files in", path: log.files.dir.clone(), source });
        }
        log.checkpointed(&placed, &self.segments, self.recovery_point);
        Ok(flushed)
    }

    fn sync_beside(&self) -> Result<(), Failed> {
        for segment in &self.segments {
            segment.sync_indexes().map_err(|error| (segment.log_path(), error))?;
        }
        for file in self.states.iter().map(|(_, file)| file).chain(&self.epochs) {
            file.sync().map_err(|error| (self.ticket.log.files.dir.clone(), error))?;
        }
        Ok(())
    }

    fn give_up(&self) {
        self.ticket.log.writer.lock().epochs_unsaved |= self.epochs.is_some();
    }
}

impl PartitionLog {
    /// New state files are in force: those they replace can go, but for the newest of them.
    fn checkpointed(&self, placed: &[Offset], synced: &[Arc<Segment>], recovery_point: Offset) {
        let mut writer = self.writer.lock();
        let bases: Vec<Offset> = self.shown.read().segments.iter().map(|segment| segment.base).collect();
        let previous = writer.states.last().copied();
        let old: Vec<Offset> = writer.states.iter().copied().filter(|state| Some(*state) != previous).collect();
        for state in old {
            // A segment's own state serves as long as the segment does.
            if bases.binary_search(&state).is_err() && self.files.remove(state, Kind::Producers).is_ok() {
                writer.states.remove(&state);
            }
        }
        writer.states.extend(placed);
        writer.sealed.retain(|sealed| !synced.iter().any(|segment| Arc::ptr_eq(segment, &sealed.segment)));
        self.shown.write().recovery_point = recovery_point;
    }
}

/// Checkpoints several logs of one file system; beyond a few, their syncs are two `syncfs`.
pub fn checkpoint_many(disk: &dyn Disk, logs: &[&PartitionLog]) -> Vec<Result<Offset, LogError>> {
    let mut order: Vec<usize> = (0..logs.len()).filter(|n| logs[*n].wants_checkpoint()).collect();
    order.sort_by_key(|n| logs[*n].serial);
    order.dedup_by_key(|n| logs[*n].serial);
    let mut results: Vec<Option<Result<Offset, LogError>>> = logs.iter().map(|_| None).collect();
    if order.len() <= FLUSH_SINGLY_MAX {
        for n in order {
            results[n] = match logs[n].checkpoint() {
                Err(LogError::Retired { .. }) => None,
                done => Some(done),
            };
        }
    } else {
        let mut begun = Vec::new();
        for n in order {
            match logs[n].begin_checkpoint() {
                Ok(checkpoint) => begun.push((n, checkpoint)),
                Err(LogError::Retired { .. }) => {}
                Err(error) => results[n] = Some(Err(error)),
            }
        }
        let dir = begun.first().map(|(n, _)| logs[*n].files.dir.clone());
        let synced = dir.as_ref().is_some_and(|dir| disk.sync_fs(dir).is_ok());
        for (n, checkpoint) in begun {
            results[n] = Some(checkpoint.complete(synced));
        }
        // The new names; should this fail, the old state files are still good.
        if let Some(dir) = dir.filter(|_| synced)
            && let Err(error) = disk.sync_fs(&dir)
        {
            ::log::warn!("syncfs on {} failed: {error}", dir.display());
        }
    }
    results.into_iter().enumerate().map(|(n, result)| result.unwrap_or_else(|| Ok(logs[n].flushed_end()))).collect()
}
