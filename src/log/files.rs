//! A partition's directory: where its files are and how they are opened.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::disk::{Disk, DiskFile, OpenMode};
use super::file_pool::{FileId, FilePool};
use super::names::{self, Kind};
use crate::base::Offset;

#[derive(Debug)]
pub(super) struct Files {
    pub disk: Arc<dyn Disk>,
    pub pool: Arc<FilePool>,
    pub dir: PathBuf,
}

impl Files {
    pub fn path(&self, base: Offset, kind: Kind) -> PathBuf {
        names::path(&self.dir, base, kind)
    }

    pub fn open(&self, base: Offset, kind: Kind, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.open(&self.path(base, kind), mode)
    }

    /// The file, open in the pool under `id`.
    pub fn pooled(&self, id: FileId, base: Offset, kind: Kind, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        self.pool.get(id, || self.open(base, kind, mode))
    }

    /// Removes a file; one that is not there is as good.
    pub fn remove(&self, base: Offset, kind: Kind) -> io::Result<()> {
        match self.disk.remove(&self.path(base, kind)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
