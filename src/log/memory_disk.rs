//! A disk that forgets: what was written and what is durable are two things here, as on a real machine.
//!
//! For tests of the log and of everything else that writes through the seam. Every operation can be counted or made
//! to fail; a crash loses what was not synced, names included, or whatever part of it the test decides.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::disk::{Disk, DiskFile, FileFacts, OpenMode};

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

type Onlooker = Arc<dyn Fn(Operation, &Path) + Send + Sync>;
type Rule = Box<dyn FnMut(Operation, &Path) -> Option<Fault> + Send>;

/// Clones are the same disk.
#[derive(Clone, Default)]
pub struct MemoryDisk {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    names: Mutex<Names>,
    rule: Mutex<Option<Rule>>,
    onlooker: Mutex<Option<Onlooker>>,
}

#[derive(Default)]
struct Names {
    cached: BTreeMap<PathBuf, Node>,
    durable: BTreeMap<PathBuf, Node>,
}

#[derive(Clone)]
enum Node {
    Dir,
    File(Arc<Mutex<Content>>),
}

#[derive(Default)]
struct Content {
    cached: Vec<u8>,
    durable: Vec<u8>,
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

    /// Everything works again, unwatched.
    pub fn unwatch(&self) {
        *self.shared.rule.lock() = None;
        *self.shared.onlooker.lock() = None;
    }

    /// The power goes: only what was synced is left. Files that are open are no longer on this disk.
    pub fn crash(&self) {
        self.crash_keeping(|_, durable, _| durable.to_vec());
    }

    /// The power goes; of each file whose name is durable `keep` says what is left, given its path, its durable and
    /// its cached content.
    pub fn crash_keeping(&self, mut keep: impl FnMut(&Path, &[u8], &[u8]) -> Vec<u8>) {
        let mut names = self.shared.names.lock();
        let mut left = BTreeMap::new();
        for (path, node) in &names.durable {
            let node = match node {
                Node::Dir => Node::Dir,
                Node::File(content) => {
                    let content = content.lock();
                    let bytes = keep(path, &content.durable, &content.cached);
                    Node::File(Arc::new(Mutex::new(Content { cached: bytes.clone(), durable: bytes })))
                }
            };
            left.insert(path.clone(), node);
        }
        names.durable = left.clone();
        names.cached = left;
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
        write!(f, "MemoryDisk({} names)", self.shared.names.lock().cached.len())
    }
}

impl Disk for MemoryDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        self.check(Operation::Open, path)?;
        let mut names = self.shared.names.lock();
        let content = match names.cached.get(path) {
            Some(Node::Dir) => return Err(io::ErrorKind::IsADirectory.into()),
            Some(Node::File(content)) => Arc::clone(content),
            None if matches!(mode, OpenMode::Read | OpenMode::Write) => return Err(io::ErrorKind::NotFound.into()),
            None => {
                let parent = path.parent().unwrap_or(Path::new(""));
                if !matches!(names.cached.get(parent), Some(Node::Dir)) {
                    return Err(io::ErrorKind::NotFound.into());
                }
                let content = Arc::new(Mutex::new(Content::default()));
                names.cached.insert(path.to_owned(), Node::File(Arc::clone(&content)));
                content
            }
        };
        if mode == OpenMode::Replace {
            content.lock().cached.clear();
        }
        Ok(Arc::new(MemoryFile { disk: self.clone(), path: path.to_owned(), content }))
    }

    fn facts(&self, path: &Path) -> io::Result<FileFacts> {
        self.check(Operation::Facts, path)?;
        match self.shared.names.lock().cached.get(path) {
            Some(Node::Dir) => Ok(FileFacts { bytes: 0, is_dir: true, modified_ms: 0 }),
            Some(Node::File(content)) => {
                Ok(FileFacts { bytes: content.lock().cached.len() as u64, is_dir: false, modified_ms: 0 })
            }
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.check(Operation::List, dir)?;
        let names = self.shared.names.lock();
        if !matches!(names.cached.get(dir), Some(Node::Dir)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = names.cached.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check(Operation::Rename, from)?;
        let mut names = self.shared.names.lock();
        let node = names.cached.remove(from).ok_or(io::ErrorKind::NotFound)?;
        let inside: Vec<PathBuf> = names.cached.keys().filter(|path| path.starts_with(from)).cloned().collect();
        for path in inside {
            let Some(node) = names.cached.remove(&path) else { continue };
            let below = path.strip_prefix(from).expect("it starts with it").to_owned();
            names.cached.insert(to.join(below), node);
        }
        names.cached.insert(to.to_owned(), node);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.check(Operation::Remove, path)?;
        match self.shared.names.lock().cached.remove(path) {
            Some(_) => Ok(()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.check(Operation::CreateDir, path)?;
        let mut names = self.shared.names.lock();
        for above in path.ancestors() {
            names.cached.insert(above.to_owned(), Node::Dir);
        }
        Ok(())
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.check(Operation::Remove, path)?;
        self.shared.names.lock().cached.retain(|name, _| !name.starts_with(path));
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.check(Operation::SyncDir, path)?;
        let names = &mut *self.shared.names.lock();
        let inside = |name: &Path| name.parent() == Some(path);
        names.durable.retain(|name, _| !inside(name) || names.cached.contains_key(name));
        // A directory can be reached after a crash only if those above it can.
        let own = names.cached.iter().filter(|(name, _)| inside(name) || path.starts_with(name));
        names.durable.extend(own.map(|(name, node)| (name.clone(), node.clone())));
        Ok(())
    }

    fn sync_fs(&self, path: &Path) -> io::Result<()> {
        self.check(Operation::SyncFs, path)?;
        let names = &mut *self.shared.names.lock();
        names.durable = names.cached.clone();
        for node in names.durable.values() {
            if let Node::File(content) = node {
                let content = &mut *content.lock();
                content.durable.clone_from(&content.cached);
            }
        }
        Ok(())
    }
}

struct MemoryFile {
    disk: MemoryDisk,
    path: PathBuf,
    content: Arc<Mutex<Content>>,
}

impl fmt::Debug for MemoryFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryFile({})", self.path.display())
    }
}

impl DiskFile for MemoryFile {
    fn write_all_at(&self, position: u64, parts: &[IoSlice<'_>]) -> io::Result<()> {
        let mut bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let verdict = self.disk.ask(Operation::Write, &self.path);
        if let Err(fault) = &verdict {
            bytes.truncate(fault.written);
        }
        if !bytes.is_empty() {
            let cached = &mut self.content.lock().cached;
            let start = position as usize;
            if cached.len() < start + bytes.len() {
                cached.resize(start + bytes.len(), 0);
            }
            cached[start..start + bytes.len()].copy_from_slice(&bytes);
        }
        verdict.map_err(|fault| fault.error)
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.disk.check(Operation::Read, &self.path)?;
        let content = self.content.lock();
        let there = content.cached.get(position as usize..).unwrap_or_default();
        let count = there.len().min(buffer.len());
        buffer[..count].copy_from_slice(&there[..count]);
        Ok(count)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.check(Operation::SyncData, &self.path)?;
        let content = &mut *self.content.lock();
        content.durable.clone_from(&content.cached);
        Ok(())
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.disk.check(Operation::SetLen, &self.path)?;
        self.content.lock().cached.resize(bytes as usize, 0);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.content.lock().cached.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk_with(path: &str, bytes: &[u8]) -> (MemoryDisk, Arc<dyn DiskFile>) {
        let disk = MemoryDisk::new();
        disk.create_dir(Path::new("/d")).expect("made");
        disk.sync_fs(Path::new("/")).expect("synced");
        let file = disk.open(Path::new(path), OpenMode::Create).expect("made");
        file.write_all_at(0, &[IoSlice::new(bytes)]).expect("written");
        (disk, file)
    }

    #[test]
    fn a_crash_loses_unsynced_names_and_unsynced_bytes() {
        let (disk, file) = disk_with("/d/a", b"one");
        file.sync_data().expect("synced");
        disk.crash();
        assert!(disk.list(Path::new("/d")).expect("the directory was synced").is_empty());

        let (disk, file) = disk_with("/d/a", b"one");
        disk.sync_dir(Path::new("/d")).expect("synced");
        file.sync_data().expect("synced");
        file.write_all_at(3, &[IoSlice::new(b"two")]).expect("written");
        disk.crash();
        let file = disk.open(Path::new("/d/a"), OpenMode::Read).expect("still there");
        assert_eq!(file.len().expect("length"), 3);
    }

    #[test]
    fn a_rename_and_a_removal_count_after_the_directory_is_synced() {
        let (disk, file) = disk_with("/d/a", b"one");
        file.sync_data().expect("synced");
        disk.sync_dir(Path::new("/d")).expect("synced");
        disk.rename(Path::new("/d/a"), Path::new("/d/b")).expect("renamed");
        let before = disk.clone();
        before.crash();
        assert_eq!(disk.list(Path::new("/d")).expect("listed"), ["a"]);
        disk.rename(Path::new("/d/a"), Path::new("/d/b")).expect("renamed");
        disk.sync_dir(Path::new("/d")).expect("synced");
        disk.crash();
        assert_eq!(disk.list(Path::new("/d")).expect("listed"), ["b"]);
    }

    #[test]
    fn faults_happen_where_the_rule_says() {
        let (disk, file) = disk_with("/d/a", b"one");
        disk.watch(|operation, _| {
            (operation == Operation::Write).then(|| Fault { error: io::ErrorKind::StorageFull.into(), written: 2 })
        });
        assert!(file.write_all_at(3, &[IoSlice::new(b"four")]).is_err());
        disk.unwatch();
        let mut bytes = [0; 8];
        assert_eq!(file.read_up_to(0, &mut bytes).expect("read"), 5);
        assert_eq!(&bytes[..5], b"onefo");
    }
}
