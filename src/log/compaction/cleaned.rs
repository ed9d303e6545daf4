//! The segment that compaction writes: under other names, beside those it is to replace.

use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::Offset;
use crate::base::limits::WRITE_PIECE_BYTES;
use crate::log::disk::{DiskFile, OpenMode};
use crate::log::error::LogError;
use crate::log::files::Files;
use crate::log::names::{self, Kind};
use crate::log::segment::{Growth, Segment};
use crate::log::state_file::LogState;
use crate::log::txn_index::AbortedTxn;
use crate::record::BatchHeader;

/// Files are synced in no order; together they are the segment.
pub(super) struct Cleaned {
    files: Arc<Files>,
    segment: Segment,
    log: Arc<dyn DiskFile>,
    beside: Vec<Arc<dyn DiskFile>>,
    aborted: Vec<AbortedTxn>,
    /// Not written yet.
    pending: Vec<u8>,
    end: u64,
}

/// Where a file of the segment stands until it is in force.
pub(super) fn path(files: &Files, base: Offset, kind: Kind) -> PathBuf {
    names::cleaned(&files.path(base, kind))
}

impl Cleaned {
    pub fn create(files: &Arc<Files>, base: Offset, created_ms: i64, interval: u32) -> Result<Cleaned, LogError> {
        let open = |kind| {
            let path = path(files, base, kind);
            let file = files.while_ours(|| files.disk.open(&path, OpenMode::Replace));
            file.map_err(LogError::io("write", path))
        };
        let (log, index, time_index) = (open(Kind::Log)?, open(Kind::Index)?, open(Kind::TimeIndex)?);
        let beside = vec![Arc::clone(&index), Arc::clone(&time_index)];
        let growth = Growth::new(base, created_ms, interval);
        let segment = Segment::pinned_to(files, base, growth, Arc::clone(&log), [index, time_index]);
        Ok(Cleaned { files: Arc::clone(files), segment, log, beside, aborted: Vec::new(), pending: Vec::new(), end: 0 })
    }

    /// Positions are Kafka's 31 bits.
    pub fn has_room_for(&self, bytes: usize) -> bool {
        self.end + bytes as u64 <= i32::MAX as u64
    }

    pub fn push(&mut self, header: &BatchHeader, bytes: &[u8]) -> io::Result<()> {
        self.pending.extend_from_slice(bytes);
        self.segment.note(header, self.end);
        self.end += bytes.len() as u64;
        if self.pending.len() >= WRITE_PIECE_BYTES { self.write() } else { Ok(()) }
    }

    pub fn push_aborted(&mut self, aborted: AbortedTxn) {
        self.segment.count_abort(&aborted);
        self.aborted.push(aborted);
    }

    fn write(&mut self) -> io::Result<()> {
        let mut position = self.end - self.pending.len() as u64;
        for piece in self.pending.chunks(WRITE_PIECE_BYTES) {
            self.log.write_all_at(position, &[IoSlice::new(piece)])?;
            position += piece.len() as u64;
        }
        self.pending.clear();
        Ok(())
    }

    /// Everything is on disk when this returns, but for the names. `state` is what was known where the replaced
    /// segments ended; it goes on to say so of this one.
    pub fn finish(mut self, state: Option<LogState>) -> Result<Segment, LogError> {
        let base = self.segment.base;
        let doing = LogError::io("write", path(&self.files, base, Kind::Log));
        let written = self.write().and_then(|()| self.segment.seal());
        written.and_then(|()| self.log.sync_data()).map_err(doing)?;
        self.write_aborted()?;
        if let Some(state) = state {
            let state = LogState { segment: Some(self.segment.summary()), ..state };
            self.write_whole(state.next_offset, Kind::Producers, &state.encode())?;
        }
        for file in &self.beside {
            file.sync_data().map_err(LogError::io("write", path(&self.files, base, Kind::Index)))?;
        }
        Ok(self.segment)
    }

    fn write_aborted(&mut self) -> Result<(), LogError> {
        let (files, base) = (&self.files, self.segment.base);
        let old = files.disk.facts(&files.path(base, Kind::TxnIndex));
        // An old file must be replaced even by nothing.
        if self.aborted.is_empty() && old.is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return Ok(());
        }
        let bytes: Vec<u8> = self.aborted.iter().flat_map(AbortedTxn::encode).collect();
        self.write_whole(base, Kind::TxnIndex, &bytes)
    }

    fn write_whole(&mut self, offset: Offset, kind: Kind, bytes: &[u8]) -> Result<(), LogError> {
        let path = path(&self.files, offset, kind);
        let file = self.files.while_ours(|| self.files.disk.open(&path, OpenMode::Replace));
        let written = file.and_then(|file| file.write_all_at(0, &[IoSlice::new(bytes)]).map(|()| file));
        self.beside.push(written.map_err(LogError::io("write", path))?);
        Ok(())
    }
}

/// Removes what was written and is not in force; what can't be removed, the next start removes.
pub(super) fn discard(files: &Files, base: Offset, next: Offset) {
    let of_segment = [Kind::Log, Kind::Index, Kind::TimeIndex, Kind::TxnIndex].map(|kind| (base, kind));
    for (offset, kind) in of_segment.into_iter().chain([(next, Kind::Producers)]) {
        let _ = files.while_ours(|| files.disk.remove(&path(files, offset, kind)));
    }
}
