//! A disk that forgets: what was written and what is durable are two things here, as on a real machine.
//!
//! For tests of the log and of everything else that writes through the seam. Every operation can be counted or made
//! to fail, what is read can be changed, a sync can be a lie; a crash loses what was not synced, or whatever part of it
//! the test decides, name by name and byte by byte.

mod content;
mod tree;

use std::fmt;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::disk::{Disk, DiskFile, FileFacts, OpenMode};
use content::Content;
use tree::{FileRef, Node, Tree};

/// What was asked of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    Open,
    Facts,
    List,
    Read,
    Write,
    SetLen,
    SyncData,
    SyncDir,
    SyncFs,
    Rename,
    Remove,
    CreateDir,
}

/// How an operation fails.
#[derive(Debug)]
pub struct Fault {
    pub error: io::Error,
    /// So many bytes of a write reach the page cache all the same.
    pub written: usize,
}

impl From<io::ErrorKind> for Fault {
    fn from(kind: io::ErrorKind) -> Fault {
        Fault { error: kind.into(), written: 0 }
    }
}

type Reader = Box<dyn FnMut(&Path, &mut [u8]) + Send>;
type Onlooker = Arc<dyn Fn(Operation, &Path) + Send + Sync>;
type Rule = Box<dyn FnMut(Operation, &Path) -> Option<Fault> + Send>;

/// Clones are the same disk.
#[derive(Clone, Default)]
pub struct MemoryDisk {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    tree: Mutex<Tree>,
    rule: Mutex<Option<Rule>>,
    reader: Mutex<Option<Reader>>,
    lies: Mutex<Lies>,
    gives_up: Mutex<bool>,
    onlooker: Mutex<Option<Onlooker>>,
}

/// Syncs that say yes and do nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lies {
    pub data: bool,
    pub dirs: bool,
}

impl MemoryDisk {
    pub fn new() -> MemoryDisk {
        MemoryDisk::default()
    }

    /// From now on every operation is shown to `rule`, which may make it fail.
    pub fn watch(&self, rule: impl FnMut(Operation, &Path) -> Option<Fault> + Send + 'static) {
        *self.shared.rule.lock() = Some(Box::new(rule));
    }

    /// Like [`MemoryDisk::watch`], for one that may block: other operations go on meanwhile, unwatched.
    pub fn watch_blocking(&self, see: impl FnMut(Operation, &Path) + Send + 'static) {
        let see = Mutex::new(see);
        *self.shared.onlooker.lock() = Some(Arc::new(move |operation, path: &Path| {
            if let Some(mut see) = see.try_lock() {
                see(operation, path);
            }
        }));
    }

    /// From now on whatever is read is shown to `reader`, which may change it on its way.
    pub fn watch_reads(&self, reader: impl FnMut(&Path, &mut [u8]) + Send + 'static) {
        *self.shared.reader.lock() = Some(Box::new(reader));
    }

    /// From now on syncs of this kind do nothing.
    pub fn pretend_to_sync(&self, lies: Lies) {
        *self.shared.lies.lock() = lies;
    }

    /// From now on a sync that is refused is Linux's: what was to be written counts as written, and no later sync makes it
    /// durable. (A sync that is refused because the process ends has not been asked for.)
    pub fn give_up_at_refused_syncs(&self) {
        *self.shared.gives_up.lock() = true;
    }

    /// Everything works again, unwatched; lies stay.
    pub fn unwatch(&self) {
        *self.shared.gives_up.lock() = false;
        *self.shared.reader.lock() = None;
        *self.shared.rule.lock() = None;
        *self.shared.onlooker.lock() = None;
    }

    /// The power goes: only what was synced is left. Files that are open are no longer on this disk.
    pub fn crash(&self) {
        self.crash_keeping(|_, durable, _| durable.to_vec());
    }

    /// The power goes; of each file whose name is durable `keep` says what is left, given its path, its durable and
    /// its cached content.
    pub fn crash_keeping(&self, keep: impl FnMut(&Path, &[u8], &[u8]) -> Vec<u8>) {
        self.crash_choosing(|_, _| false, keep);
    }

    /// The same, where `reached` says of each change of a name that was not synced whether it reached the disk all the
    /// same, given its number and how many there are.
    pub fn crash_choosing(
        &self,
        mut reached: impl FnMut(usize, usize) -> bool,
        mut keep: impl FnMut(&Path, &[u8], &[u8]) -> Vec<u8>,
    ) {
        self.shared.tree.lock().crash(&mut reached, &mut keep);
    }

    fn ask(&self, operation: Operation, path: &Path) -> Result<(), Fault> {
        let onlooker = self.shared.onlooker.lock().clone();
        if let Some(see) = onlooker {
            see(operation, path);
        }
        match &mut *self.shared.rule.lock() {
            Some(rule) => rule(operation, path).map_or(Ok(()), Err),
            None => Ok(()),
        }
    }

    fn check(&self, operation: Operation, path: &Path) -> io::Result<()> {
        self.ask(operation, path).map_err(|fault| fault.error)
    }
}

impl fmt::Debug for MemoryDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryDisk")
    }
}

impl Disk for MemoryDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        self.check(Operation::Open, path)?;
        let mut tree = self.shared.tree.lock();
        let content = match tree.find(path) {
            Ok(Node::File(file)) => file,
            Ok(Node::Dir(_)) => return Err(io::ErrorKind::IsADirectory.into()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Err(error) => match mode {
                OpenMode::Read | OpenMode::Write => return Err(error),
                OpenMode::Create | OpenMode::Replace => tree.make_file(path)?,
            },
        };
        if mode == OpenMode::Replace {
            content.lock().set_len(0);
        }
        Ok(Arc::new(MemoryFile { disk: self.clone(), path: path.to_owned(), content }))
    }

    fn facts(&self, path: &Path) -> io::Result<FileFacts> {
        self.check(Operation::Facts, path)?;
        Ok(match self.shared.tree.lock().find(path)? {
            Node::Dir(_) => FileFacts { bytes: 0, is_dir: true, modified_ms: 0 },
            Node::File(file) => FileFacts { bytes: file.lock().cached.len() as u64, is_dir: false, modified_ms: 0 },
        })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.check(Operation::List, dir)?;
        self.shared.tree.lock().list(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check(Operation::Rename, from)?;
        self.shared.tree.lock().rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.check(Operation::Remove, path)?;
        self.shared.tree.lock().remove_file(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.check(Operation::CreateDir, path)?;
        self.shared.tree.lock().make_dir(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.shared.tree.lock().remove_all(path, &|path| self.check(Operation::Remove, path))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.check(Operation::SyncDir, path)?;
        match self.shared.lies.lock().dirs {
            true => Ok(()),
            false => self.shared.tree.lock().sync_dir(path),
        }
    }

    fn sync_fs(&self, path: &Path) -> io::Result<()> {
        self.check(Operation::SyncFs, path)?;
        let lies = *self.shared.lies.lock();
        let mut tree = self.shared.tree.lock();
        if !lies.dirs {
            tree.sync_names();
        }
        if !lies.data {
            tree.each_file(&mut Content::sync);
        }
        Ok(())
    }
}

struct MemoryFile {
    disk: MemoryDisk,
    path: PathBuf,
    content: FileRef,
}

impl fmt::Debug for MemoryFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryFile({})", self.path.display())
    }
}

impl DiskFile for MemoryFile {
    fn write_all_at(&self, position: u64, parts: &[IoSlice<'_>]) -> io::Result<()> {
        let verdict = self.disk.ask(Operation::Write, &self.path);
        let mut room = verdict.as_ref().err().map_or(usize::MAX, |fault| fault.written);
        let reached: Vec<&[u8]> = parts
            .iter()
            .map(|part| {
                let reached = &part[..part.len().min(room)];
                room -= reached.len();
                reached
            })
            .collect();
        self.content.lock().write(position as usize, &reached);
        verdict.map_err(|fault| fault.error)
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.disk.check(Operation::Read, &self.path)?;
        let content = self.content.lock();
        let there = content.cached.get(position as usize..).unwrap_or_default();
        let count = there.len().min(buffer.len());
        buffer[..count].copy_from_slice(&there[..count]);
        drop(content);
        if let Some(reader) = &mut *self.disk.shared.reader.lock() {
            reader(&self.path, &mut buffer[..count]);
        }
        Ok(count)
    }

    fn sync_data(&self) -> io::Result<()> {
        if let Err(error) = self.disk.check(Operation::SyncData, &self.path) {
            if *self.disk.shared.gives_up.lock() {
                self.content.lock().give_up();
            }
            return Err(error);
        }
        if !self.disk.shared.lies.lock().data {
            self.content.lock().sync();
        }
        Ok(())
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.disk.check(Operation::SetLen, &self.path)?;
        self.content.lock().set_len(bytes as usize);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.content.lock().cached.len() as u64)
    }
}

#[cfg(test)]
mod tests;
