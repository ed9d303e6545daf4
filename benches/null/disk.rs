//! The machine's disk, but for segments' log files: of those it knows the length, and the bytes only if asked to keep
//! them. Nothing is ever synced; a sync takes as long as it is told to.

use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use rafka::log::names::Kind;
use rafka::log::{Disk, DiskFile, FileFacts, OpenMode, RealDisk};

const POISONED: &str = "no thread panics with it";

#[derive(Debug)]
pub struct NullDisk {
    keep: bool,
    sync: Duration,
    logs: Mutex<HashMap<PathBuf, Arc<NullFile>>>,
}

impl NullDisk {
    pub fn new(keep: bool, sync: Duration) -> NullDisk {
        NullDisk { keep, sync, logs: Mutex::default() }
    }

    fn known(&self, path: &Path) -> Option<Arc<NullFile>> {
        self.logs.lock().expect(POISONED).get(path).cloned()
    }
}

impl Disk for NullDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        if path.extension().is_none_or(|extension| extension != Kind::Log.suffix()) {
            return RealDisk.open(path, mode);
        }
        // An empty file has the name, so that directories are listed as ever.
        RealDisk.open(path, mode)?;
        let mut logs = self.logs.lock().expect(POISONED);
        let file = logs.entry(path.to_owned()).or_insert_with(|| Arc::new(NullFile::new(self.keep, self.sync)));
        if mode == OpenMode::Replace {
            file.set_len(0)?;
        }
        Ok(Arc::clone(file) as Arc<dyn DiskFile>)
    }

    fn facts(&self, path: &Path) -> io::Result<FileFacts> {
        let facts = RealDisk.facts(path)?;
        Ok(self.known(path).map_or(facts, |file| FileFacts { bytes: file.bytes.load(Ordering::Acquire), ..facts }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)?;
        let mut logs = self.logs.lock().expect(POISONED);
        // A directory takes its files along.
        let moved: Vec<PathBuf> = logs.keys().filter(|path| path.starts_with(from)).cloned().collect();
        for path in moved {
            let below = path.strip_prefix(from).map(Path::to_owned).unwrap_or_default();
            let new = if below.as_os_str().is_empty() { to.to_owned() } else { to.join(below) };
            if let Some(file) = logs.remove(&path) {
                logs.insert(new, file);
            }
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.logs.lock().expect(POISONED).remove(path);
        RealDisk.remove(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_dir(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.logs.lock().expect(POISONED).retain(|log, _| !log.starts_with(path));
        RealDisk.remove_dir_all(path)
    }

    fn sync_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_fs(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
struct NullFile {
    bytes: AtomicU64,
    sync: Duration,
    kept: Option<RwLock<Vec<u8>>>,
}

impl NullFile {
    fn new(keep: bool, sync: Duration) -> NullFile {
        NullFile { bytes: AtomicU64::new(0), sync, kept: keep.then(RwLock::default) }
    }
}

impl DiskFile for NullFile {
    fn write_all_at(&self, position: u64, parts: &[IoSlice<'_>]) -> io::Result<()> {
        let mut at = position;
        for part in parts {
            if let Some(kept) = &self.kept {
                let mut kept = kept.write().expect(POISONED);
                let length = kept.len().max(at as usize);
                kept.resize(length, 0);
                let over = (kept.len() - at as usize).min(part.len());
                kept[at as usize..][..over].copy_from_slice(&part[..over]);
                kept.extend_from_slice(&part[over..]);
            }
            at += part.len() as u64;
        }
        self.bytes.fetch_max(at, Ordering::AcqRel);
        Ok(())
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let there = self.bytes.load(Ordering::Acquire).saturating_sub(position);
        let count = buffer.len().min(usize::try_from(there).unwrap_or(usize::MAX));
        match &self.kept {
            None => buffer[..count].fill(0),
            Some(kept) => buffer[..count].copy_from_slice(&kept.read().expect(POISONED)[position as usize..][..count]),
        }
        Ok(count)
    }

    fn sync_data(&self) -> io::Result<()> {
        if !self.sync.is_zero() {
            std::thread::sleep(self.sync);
        }
        Ok(())
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        if let Some(kept) = &self.kept {
            kept.write().expect(POISONED).resize(bytes as usize, 0);
        }
        self.bytes.store(bytes, Ordering::Release);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.load(Ordering::Acquire))
    }
}
