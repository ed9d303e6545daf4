//! The one seam between the log and the disk.
//!
//! Everything the log and the broker's own state do to files goes through [`Disk`] and [`DiskFile`], so that a
//! simulated disk can forget, tear and refuse (`memory_disk`), and nothing here knows partitions or Kafka.
//! What always holds: `write_all_at` that returned `Ok` wrote every byte; a name counts as durable only after
//! `sync_dir` of its directory, bytes only after `sync_data` of their file (or one `sync_fs` for both).

use std::fmt::Debug;
use std::fs::File;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// An existing file, for reading only.
    Read,
    /// An existing file, for reading and writing.
    Write,
    /// For reading and writing; made if it is missing, kept as it is if it exists.
    Create,
    /// For reading and writing; an existing file loses its content.
    Replace,
}

/// What a directory knows about a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileFacts {
    pub bytes: u64,
    pub is_dir: bool,
    /// Milliseconds since 1970; 0 where the disk keeps no times.
    pub modified_ms: i64,
}

/// The room on a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    pub total: u64,
    /// What is left for who is not the superuser.
    pub usable: u64,
}

/// Directories and names.
pub trait Disk: Send + Sync + Debug {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>>;

    /// Fails with `NotFound` where nothing has that name.
    fn facts(&self, path: &Path) -> io::Result<FileFacts>;

    /// The names in a directory, in no order.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Replaces what `to` named, in one step.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the directory and those above it; one that exists is no error.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    fn remove_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Makes everything durable on the file system that `path` lies on: all data, all names.
    /// Fails with `Unsupported` where the system has no such call; then each file must be synced.
    fn sync_fs(&self, path: &Path) -> io::Result<()>;

    /// The room on the file system that `path` lies on. Fails with `Unsupported` where nobody knows.
    fn space(&self, _path: &Path) -> io::Result<Space> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// One open file, used by position from several threads at once.
pub trait DiskFile: Send + Sync + Debug {
    /// Writes all parts, one after the other, from `position` on.
    fn write_all_at(&self, position: u64, parts: &[IoSlice<'_>]) -> io::Result<()>;

    /// Reads what is there, up to `buffer.len()`; 0 only at the end of the file.
    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Makes the content (and the length) durable.
    fn sync_data(&self) -> io::Result<()>;

    fn set_len(&self, bytes: u64) -> io::Result<()>;

    fn len(&self) -> io::Result<u64>;

    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// The system's file, if there is one: what `sendfile` wants.
    fn as_std(&self) -> Option<&File> {
        None
    }
}

impl dyn DiskFile + '_ {
    /// Fills `buffer`, or fails with `UnexpectedEof` if the file ends before.
    pub fn read_exact_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<()> {
        if self.read_up_to(position, buffer)? == buffer.len() {
            return Ok(());
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    /// Fills as much of `buffer` as the file has; fewer bytes only at its end.
    pub fn read_up_to(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read_at(position + filled as u64, &mut buffer[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}
