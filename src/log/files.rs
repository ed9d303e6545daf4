//! A partition's directory: where its files are and how they are opened.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::RwLock;

use super::disk::{Disk, DiskFile, OpenMode};
use super::file_pool::{FileId, FilePool};
use super::names::{self, Kind};
use crate::base::Offset;

#[derive(Debug)]
pub(super) struct Files {
    pub disk: Arc<dyn Disk>,
    pub pool: Arc<FilePool>,
    pub dir: PathBuf,
    /// The directory is no longer this log's: nothing is opened or removed there. Held for reading while that is done.
    retired: RwLock<bool>,
}

impl Files {
    pub fn new(disk: Arc<dyn Disk>, pool: Arc<FilePool>, dir: PathBuf) -> Files {
        Files { disk, pool, dir, retired: RwLock::new(false) }
    }

    /// From now on no file is opened or removed by its name; those that are open stay open.
    pub fn retire(&self) {
        *self.retired.write() = true;
    }

    pub fn is_retired(&self) -> bool {
        *self.retired.read()
    }

    pub fn path(&self, base: Offset, kind: Kind) -> PathBuf {
        names::path(&self.dir, base, kind)
    }

    pub fn open(&self, base: Offset, kind: Kind, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        self.while_ours(|| self.disk.open(&self.path(base, kind), mode))
    }

    /// Does something with names in the directory, unless it is no longer this log's.
    pub fn while_ours<T>(&self, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let retired = self.retired.read();
        if *retired {
            // Not `NotFound`: a transaction index that is not found says that nothing was aborted.
            return Err(io::Error::other("the log was retired: its topic is deleted"));
        }
        work()
    }

    /// The file, open in the pool under `id`.
    pub fn pooled(&self, id: FileId, base: Offset, kind: Kind, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        self.pool.get(id, || self.open(base, kind, mode))
    }

    /// Removes a file; one that is not there, or not this log's any more, is as good.
    pub fn remove(&self, base: Offset, kind: Kind) -> io::Result<()> {
        let retired = self.retired.read();
        if *retired {
            return Ok(());
        }
        match self.disk.remove(&self.path(base, kind)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
