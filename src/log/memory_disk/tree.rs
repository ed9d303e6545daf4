//! Names on the simulated disk: directories as inodes, each with the entries that everybody sees and those that are
//! durable, and what was done to names since, in order.
//!
//! A directory that moves takes along what is in it, durable or not, as on a real file system.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::content::Content;

pub(super) type DirRef = Arc<Mutex<Dir>>;
pub(super) type FileRef = Arc<Mutex<Content>>;
type Entries = BTreeMap<String, Node>;

#[derive(Default)]
pub(super) struct Dir {
    cached: Entries,
    durable: Entries,
}

#[derive(Clone)]
pub(super) enum Node {
    Dir(DirRef),
    File(FileRef),
}

/// An entry becomes this.
struct Set {
    dir: DirRef,
    name: String,
    to: Option<Node>,
}

#[derive(Default)]
pub(super) struct Tree {
    root: DirRef,
    /// What is not durable, in order; the sets of one change reach the disk together.
    pending: Vec<Vec<Set>>,
}

fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|name| !name.is_empty() && *name != ".")
}

impl Tree {
    pub fn find(&self, path: &Path) -> io::Result<Node> {
        let mut node = Node::Dir(Arc::clone(&self.root));
        for name in names(&path.to_string_lossy()) {
            let Node::Dir(dir) = &node else { return Err(io::ErrorKind::NotADirectory.into()) };
            let next = dir.lock().cached.get(name).cloned();
            node = next.ok_or(io::ErrorKind::NotFound)?;
        }
        Ok(node)
    }

    fn dir(&self, path: &Path) -> io::Result<DirRef> {
        match self.find(path)? {
            Node::Dir(dir) => Ok(dir),
            Node::File(_) => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// The directory that a path lies in, and its name there.
    fn place(&self, path: &Path) -> io::Result<(DirRef, String)> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy().into_owned();
        Ok((self.dir(path.parent().unwrap_or(Path::new("")))?, name))
    }

    pub fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        Ok(self.dir(path)?.lock().cached.keys().cloned().collect())
    }

    fn change(&mut self, sets: Vec<Set>) {
        for Set { dir, name, to } in &sets {
            set(&mut dir.lock().cached, name, to);
        }
        self.pending.push(sets);
    }

    pub fn make_file(&mut self, path: &Path) -> io::Result<FileRef> {
        let (dir, name) = self.place(path)?;
        let file = FileRef::default();
        self.change(vec![Set { dir, name, to: Some(Node::File(Arc::clone(&file))) }]);
        Ok(file)
    }

    /// Makes the directory and those above it.
    pub fn make_dir(&mut self, path: &Path) -> io::Result<()> {
        let mut dir = Arc::clone(&self.root);
        for name in names(&path.to_string_lossy()) {
            let there = dir.lock().cached.get(name).cloned();
            let below = match there {
                Some(Node::Dir(below)) => below,
                Some(Node::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
                None => {
                    let below = DirRef::default();
                    let to = Some(Node::Dir(Arc::clone(&below)));
                    self.change(vec![Set { dir: Arc::clone(&dir), name: name.to_owned(), to }]);
                    below
                }
            };
            dir = below;
        }
        Ok(())
    }

    pub fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let node = self.find(from)?;
        let ((from_dir, from_name), (to_dir, to_name)) = (self.place(from)?, self.place(to)?);
        match (&node, to_dir.lock().cached.get(&to_name)) {
            (Node::Dir(_), Some(Node::Dir(there))) if !there.lock().cached.is_empty() => {
                return Err(io::ErrorKind::DirectoryNotEmpty.into());
            }
            (Node::Dir(_), Some(Node::File(_))) => return Err(io::ErrorKind::NotADirectory.into()),
            (Node::File(_), Some(Node::Dir(_))) => return Err(io::ErrorKind::IsADirectory.into()),
            _ => {}
        }
        self.change(vec![
            Set { dir: from_dir, name: from_name, to: None },
            Set { dir: to_dir, name: to_name, to: Some(node) },
        ]);
        Ok(())
    }

    pub fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        match self.find(path)? {
            Node::Dir(_) => Err(io::ErrorKind::IsADirectory.into()),
            Node::File(_) => self.unlink(path),
        }
    }

    fn unlink(&mut self, path: &Path) -> io::Result<()> {
        let (dir, name) = self.place(path)?;
        self.change(vec![Set { dir, name, to: None }]);
        Ok(())
    }

    /// Removes what is there, deepest first; `ask` may stop it anywhere.
    pub fn remove_all(&mut self, path: &Path, ask: &dyn Fn(&Path) -> io::Result<()>) -> io::Result<()> {
        if let Node::Dir(_) = self.find(path)? {
            for name in self.list(path)? {
                self.remove_all(&path.join(name), ask)?;
            }
        }
        ask(path)?;
        self.unlink(path)
    }

    /// The entries of a directory are durable, and so is the way to it: what can't be reached is not there.
    pub fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        let mut dir = Arc::clone(&self.root);
        for name in names(&path.to_string_lossy()) {
            let node = dir.lock().cached.get(name).cloned().ok_or(io::ErrorKind::NotFound)?;
            self.settle(|set| Arc::ptr_eq(&set.dir, &dir) && set.name == name);
            dir.lock().durable.insert(name.to_owned(), node.clone());
            let Node::Dir(below) = node else { return Err(io::ErrorKind::NotADirectory.into()) };
            dir = below;
        }
        self.settle(|set| Arc::ptr_eq(&set.dir, &dir));
        let dir = &mut *dir.lock();
        dir.durable.clone_from(&dir.cached);
        Ok(())
    }

    /// These are decided.
    fn settle(&mut self, which: impl Fn(&Set) -> bool) {
        self.pending.iter_mut().for_each(|sets| sets.retain(|set| !which(set)));
        self.pending.retain(|sets| !sets.is_empty());
    }

    pub fn sync_names(&mut self) {
        self.pending.clear();
        let mut dirs = vec![Arc::clone(&self.root)];
        while let Some(dir) = dirs.pop() {
            let dir = &mut *dir.lock();
            dir.durable.clone_from(&dir.cached);
            dirs.extend(dir.cached.values().filter_map(|node| match node {
                Node::Dir(below) => Some(Arc::clone(below)),
                Node::File(_) => None,
            }));
        }
    }

    pub fn each_file(&self, visit: &mut dyn FnMut(&mut Content)) {
        let mut dirs = vec![Arc::clone(&self.root)];
        while let Some(dir) = dirs.pop() {
            for node in dir.lock().cached.values() {
                match node {
                    Node::Dir(below) => dirs.push(Arc::clone(below)),
                    Node::File(file) => visit(&mut file.lock()),
                }
            }
        }
    }

    pub fn crash(&mut self, reached: &mut dyn FnMut(usize, usize) -> bool, keep: &mut Keep<'_>) {
        let pending = std::mem::take(&mut self.pending);
        let count = pending.len();
        for (n, sets) in pending.into_iter().enumerate() {
            if reached(n, count) {
                sets.iter().for_each(|Set { dir, name, to }| set(&mut dir.lock().durable, name, to));
            }
        }
        self.root = left_of(&self.root, &mut PathBuf::from("/"), keep);
    }
}

fn set(entries: &mut Entries, name: &str, to: &Option<Node>) {
    match to {
        Some(node) => entries.insert(name.to_owned(), node.clone()),
        None => entries.remove(name),
    };
}

/// What a power cut leaves of the file of that path: given what is durable, and what was written.
pub type Keep<'a> = dyn FnMut(&Path, &[u8], &[u8]) -> Vec<u8> + 'a;

/// What a crash leaves of a directory: new inodes, so that whoever has old files open is no longer on this disk.
fn left_of(dir: &DirRef, path: &mut PathBuf, keep: &mut Keep<'_>) -> DirRef {
    let durable = dir.lock().durable.clone();
    let mut left = Entries::new();
    for (name, node) in durable {
        path.push(&name);
        let node = match node {
            Node::Dir(below) => Node::Dir(left_of(&below, path, keep)),
            Node::File(file) => {
                Node::File(Arc::new(Mutex::new(file.lock().left(|durable, cached| keep(path, durable, cached)))))
            }
        };
        path.pop();
        left.insert(name, node);
    }
    Arc::new(Mutex::new(Dir { cached: left.clone(), durable: left }))
}
