//! A disk that forgets: what was written and what is durable are two things here, as on a real machine.
//!
//! For tests of the log and of everything else that writes through the seam. Every operation can be counted or made
//! to fail, what is read can be changed, a sync can be a lie; a crash loses what was not synced, or whatever part of it
//! the test decides, name by name and byte by byte.

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
    names: Mutex<Names>,
    rule: Mutex<Option<Rule>>,
    reader: Mutex<Option<Reader>>,
    lies: Mutex<Lies>,
    onlooker: Mutex<Option<Onlooker>>,
}

/// Syncs that say yes and do nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lies {
    pub data: bool,
    pub dirs: bool,
}

#[derive(Default)]
struct Names {
    cached: BTreeMap<Name, Node>,
    durable: BTreeMap<Name, Node>,
    /// What was done to names and is not durable, in order.
    pending: Vec<Change>,
}

/// A path as one piece of text: compared some thousand times in a test's life, which component by component is slow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Name(String);

impl Name {
    fn of(path: &Path) -> Name {
        Name(path.to_string_lossy().into_owned())
    }

    fn is_in(&self, dir: &Name) -> bool {
        self.below(dir).is_some_and(|rest| !rest.contains('/'))
    }

    /// The rest of the path behind a directory that it lies below, at whatever depth.
    fn below(&self, dir: &Name) -> Option<&str> {
        match dir.0.as_str() {
            "/" => self.0.strip_prefix('/').filter(|rest| !rest.is_empty()),
            dir => self.0.strip_prefix(dir)?.strip_prefix('/'),
        }
    }
}

#[derive(Clone)]
enum Change {
    Made(Name, Node),
    Gone(Name),
    Moved(Name, Name, Node),
}

impl Change {
    /// Whether a sync of this directory makes it durable.
    fn is_in(&self, dir: &Name) -> bool {
        match self {
            Change::Made(name, _) | Change::Gone(name) => name.is_in(dir),
            Change::Moved(from, to, _) => from.is_in(dir) || to.is_in(dir),
        }
    }

    fn apply(&self, names: &mut BTreeMap<Name, Node>) {
        match self {
            Change::Made(name, node) => {
                names.insert(name.clone(), node.clone());
            }
            Change::Gone(name) => {
                names.remove(name);
            }
            Change::Moved(from, to, node) => {
                let moved = names.remove(from).unwrap_or_else(|| node.clone());
                move_inside(names, from, to);
                names.insert(to.clone(), moved);
            }
        }
    }
}

/// What a directory holds goes with it.
fn move_inside(names: &mut BTreeMap<Name, Node>, from: &Name, to: &Name) {
    let inside: Vec<Name> = names.keys().filter(|name| name.below(from).is_some()).cloned().collect();
    for name in inside {
        if let (Some(node), Some(rest)) = (names.remove(&name), name.below(from)) {
            names.insert(Name(format!("{}/{rest}", to.0)), node);
        }
    }
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

    /// From now on whatever is read is shown to `reader`, which may change it on its way.
    pub fn watch_reads(&self, reader: impl FnMut(&Path, &mut [u8]) + Send + 'static) {
        *self.shared.reader.lock() = Some(Box::new(reader));
    }

    /// From now on syncs of this kind do nothing.
    pub fn pretend_to_sync(&self, lies: Lies) {
        *self.shared.lies.lock() = lies;
    }

    /// Everything works again, unwatched; lies stay.
    pub fn unwatch(&self) {
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
        let mut names = self.shared.names.lock();
        let pending = std::mem::take(&mut names.pending);
        for (n, change) in pending.iter().enumerate() {
            if reached(n, pending.len()) {
                change.apply(&mut names.durable);
            }
        }
        let mut left = BTreeMap::new();
        for (name, node) in &names.durable {
            let node = match node {
                Node::Dir => Node::Dir,
                Node::File(content) => {
                    let content = content.lock();
                    let bytes = keep(Path::new(&name.0), &content.durable, &content.cached);
                    Node::File(Arc::new(Mutex::new(Content { cached: bytes.clone(), durable: bytes })))
                }
            };
            left.insert(name.clone(), node);
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
        let name = Name::of(path);
        let mut names = self.shared.names.lock();
        let content = match names.cached.get(&name) {
            Some(Node::Dir) => return Err(io::ErrorKind::IsADirectory.into()),
            Some(Node::File(content)) => Arc::clone(content),
            None if matches!(mode, OpenMode::Read | OpenMode::Write) => return Err(io::ErrorKind::NotFound.into()),
            None => {
                let parent = path.parent().unwrap_or(Path::new(""));
                if !matches!(names.cached.get(&Name::of(parent)), Some(Node::Dir)) {
                    return Err(io::ErrorKind::NotFound.into());
                }
                let content = Arc::new(Mutex::new(Content::default()));
                let node = Node::File(Arc::clone(&content));
                names.pending.push(Change::Made(name.clone(), node.clone()));
                names.cached.insert(name, node);
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
        match self.shared.names.lock().cached.get(&Name::of(path)) {
            Some(Node::Dir) => Ok(FileFacts { bytes: 0, is_dir: true, modified_ms: 0 }),
            Some(Node::File(content)) => {
                Ok(FileFacts { bytes: content.lock().cached.len() as u64, is_dir: false, modified_ms: 0 })
            }
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.check(Operation::List, dir)?;
        let dir = Name::of(dir);
        let names = self.shared.names.lock();
        if !matches!(names.cached.get(&dir), Some(Node::Dir)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = names.cached.keys().filter(|name| name.is_in(&dir));
        Ok(inside.filter_map(|name| name.below(&dir)).map(str::to_owned).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check(Operation::Rename, from)?;
        let mut names = self.shared.names.lock();
        let (from, to) = (Name::of(from), Name::of(to));
        let node = names.cached.get(&from).cloned().ok_or(io::ErrorKind::NotFound)?;
        let change = Change::Moved(from, to, node);
        change.apply(&mut names.cached);
        names.pending.push(change);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.check(Operation::Remove, path)?;
        let mut names = self.shared.names.lock();
        let name = Name::of(path);
        if names.cached.remove(&name).is_none() {
            return Err(io::ErrorKind::NotFound.into());
        }
        names.pending.push(Change::Gone(name));
        Ok(())
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.check(Operation::CreateDir, path)?;
        let mut names = self.shared.names.lock();
        for above in path.ancestors().map(Name::of).collect::<Vec<_>>().into_iter().rev() {
            if names.cached.insert(above.clone(), Node::Dir).is_none() {
                names.pending.push(Change::Made(above, Node::Dir));
            }
        }
        Ok(())
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.check(Operation::Remove, path)?;
        let mut names = self.shared.names.lock();
        let dir = Name::of(path);
        let lies_there = |name: &&Name| **name == dir || name.below(&dir).is_some();
        let inside: Vec<Name> = names.cached.keys().filter(lies_there).cloned().collect();
        for name in inside.into_iter().rev() {
            names.cached.remove(&name);
            names.pending.push(Change::Gone(name));
        }
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.check(Operation::SyncDir, path)?;
        if self.shared.lies.lock().dirs {
            return Ok(());
        }
        let dir = Name::of(path);
        let names = &mut *self.shared.names.lock();
        names.durable.retain(|name, _| !name.is_in(&dir) || names.cached.contains_key(name));
        // A directory can be reached after a crash only if those above it can.
        let own =
            names.cached.iter().filter(|(name, _)| name.is_in(&dir) || **name == dir || dir.below(name).is_some());
        names.durable.extend(own.map(|(name, node)| (name.clone(), node.clone())));
        names.pending.retain(|change| !change.is_in(&dir));
        Ok(())
    }

    fn sync_fs(&self, path: &Path) -> io::Result<()> {
        self.check(Operation::SyncFs, path)?;
        let lies = *self.shared.lies.lock();
        let names = &mut *self.shared.names.lock();
        if !lies.dirs {
            names.durable = names.cached.clone();
            names.pending.clear();
        }
        for node in names.cached.values().filter(|_| !lies.data) {
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
        drop(content);
        if let Some(reader) = &mut *self.disk.shared.reader.lock() {
            reader(&self.path, &mut buffer[..count]);
        }
        Ok(count)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.check(Operation::SyncData, &self.path)?;
        if self.disk.shared.lies.lock().data {
            return Ok(());
        }
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
    fn changes_of_names_reach_the_disk_one_by_one() {
        for (reached, expected) in [(0, vec!["a"]), (1, vec!["a", "c"]), (2, vec!["b", "c"]), (3, vec!["b"])] {
            let (disk, file) = disk_with("/d/a", b"one");
            file.sync_data().expect("synced");
            disk.sync_dir(Path::new("/d")).expect("synced");
            disk.open(Path::new("/d/c"), OpenMode::Create).expect("made");
            disk.rename(Path::new("/d/a"), Path::new("/d/b")).expect("renamed");
            disk.remove(Path::new("/d/c")).expect("removed");
            disk.crash_choosing(|n, count| n < reached && count == 3, |_, durable, _| durable.to_vec());
            assert_eq!(disk.list(Path::new("/d")).expect("listed"), expected, "{reached}");
        }
    }

    #[test]
    fn a_sync_that_lies_makes_nothing_durable() {
        let (disk, file) = disk_with("/d/a", b"one");
        disk.pretend_to_sync(Lies { data: true, dirs: false });
        file.sync_data().expect("it says");
        disk.sync_dir(Path::new("/d")).expect("synced");
        disk.crash();
        let file = disk.open(Path::new("/d/a"), OpenMode::Read).expect("its name is there");
        assert!(file.is_empty().expect("its length"));
        disk.pretend_to_sync(Lies { data: false, dirs: true });
        disk.open(Path::new("/d/b"), OpenMode::Create).expect("made");
        disk.sync_dir(Path::new("/d")).expect("it says");
        disk.crash();
        assert_eq!(disk.list(Path::new("/d")).expect("listed"), ["a"]);
    }

    #[test]
    fn what_is_read_can_be_changed_on_its_way() {
        let (disk, file) = disk_with("/d/a", b"one");
        disk.watch_reads(|_, bytes| bytes[1] ^= 1);
        let mut bytes = [0; 3];
        file.read_exact_at(0, &mut bytes).expect("read");
        assert_eq!(&bytes, b"ooe");
        disk.unwatch();
        file.read_exact_at(0, &mut bytes).expect("read");
        assert_eq!(&bytes, b"one");
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
