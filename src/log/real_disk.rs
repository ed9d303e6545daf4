//! The machine's file system behind the [`Disk`] seam.
//!
//! Positional reads and writes only, so that no file has a cursor to share. Unix is what a broker runs on; the
//! fallbacks for other systems let the client programs build and inspect files there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use super::disk::{Disk, DiskFile, FileFacts, OpenMode, Space};

/// The real thing. Costs nothing to make.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl RealDisk {
    pub fn shared() -> Arc<dyn Disk> {
        Arc::new(RealDisk)
    }
}

impl Disk for RealDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true);
        match mode {
            OpenMode::Read => {}
            OpenMode::Write => {
                options.write(true);
            }
            OpenMode::Create => {
                options.write(true).create(true).truncate(false);
            }
            OpenMode::Replace => {
                options.write(true).create(true).truncate(true);
            }
        }
        Ok(Arc::new(RealFile { file: options.open(path)? }))
    }

    fn facts(&self, path: &Path) -> io::Result<FileFacts> {
        let facts = fs::metadata(path)?;
        let modified = facts.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Ok(FileFacts {
            bytes: facts.len(),
            is_dir: facts.is_dir(),
            modified_ms: modified.map_or(0, |since| since.as_millis() as i64),
        })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        // A name that is not UTF-8 is none of ours; shown lossily it still can be reported.
        fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    #[cfg(unix)]
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    #[cfg(not(unix))]
    fn sync_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn sync_fs(&self, path: &Path) -> io::Result<()> {
        Ok(rustix::fs::syncfs(File::open(path)?)?)
    }

    #[cfg(unix)]
    fn space(&self, path: &Path) -> io::Result<Space> {
        let facts = rustix::fs::statvfs(path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(facts.f_frsize);
        Ok(Space { total: bytes(facts.f_blocks), usable: bytes(facts.f_bavail) })
    }

    #[cfg(not(target_os = "linux"))]
    fn sync_fs(&self, _path: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[derive(Debug)]
struct RealFile {
    file: File,
}

impl DiskFile for RealFile {
    #[cfg(all(unix, not(target_os = "macos")))]
    fn write_all_at(&self, mut position: u64, parts: &[IoSlice<'_>]) -> io::Result<()> {
        // Two parts are a batch's patched head and the rest of it: one system call in the common case.
        let [first, second] = parts else {
            return write_each(&self.file, position, parts);
        };
        let mut written = 0;
        while written < first.len() {
            let rest = [IoSlice::new(&first[written..]), IoSlice::new(second)];
            match rustix::io::pwritev(&self.file, &rest, position) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    written += count;
                    position += count as u64;
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        write_each(&self.file, position, &[IoSlice::new(&second[written - first.len()..])])
    }

    #[cfg(not(all(unix, not(target_os = "macos"))))]
    fn write_all_at(&self, position: u64, parts: &[IoSlice<'_>]) -> io::Result<()> {
        write_each(&self.file, position, parts)
    }

    #[cfg(unix)]
    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.file, buffer, position)
    }

    #[cfg(windows)]
    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(&self.file, buffer, position)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn as_std(&self) -> Option<&File> {
        Some(&self.file)
    }
}

fn write_each(file: &File, mut position: u64, parts: &[IoSlice<'_>]) -> io::Result<()> {
    for part in parts {
        write_part(file, position, part)?;
        position += part.len() as u64;
    }
    Ok(())
}

#[cfg(unix)]
fn write_part(file: &File, position: u64, part: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, part, position)
}

#[cfg(windows)]
fn write_part(file: &File, mut position: u64, mut part: &[u8]) -> io::Result<()> {
    while !part.is_empty() {
        let count = std::os::windows::fs::FileExt::seek_write(file, part, position)?;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        part = &part[count..];
        position += count as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_written_one_after_the_other_wherever_they_are_asked() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("file");
        let file = RealDisk.open(&path, OpenMode::Create).expect("created");
        file.write_all_at(3, &[IoSlice::new(b"abc"), IoSlice::new(b"defg")]).expect("two parts");
        file.write_all_at(0, &[IoSlice::new(b"1"), IoSlice::new(b"2"), IoSlice::new(b"3")]).expect("three parts");
        file.write_all_at(10, &[IoSlice::new(b""), IoSlice::new(b"end")]).expect("an empty part");
        assert_eq!(fs::read(&path).expect("read"), b"123abcdefgend");
        let mut buffer = [0; 8];
        assert_eq!(file.read_up_to(9, &mut buffer).expect("read"), 4);
        assert_eq!(&buffer[..4], b"gend");
        assert!(file.read_exact_at(9, &mut buffer).is_err());
        assert_eq!(RealDisk.facts(&path).expect("facts").bytes, 13);
        RealDisk.sync_dir(dir.path()).expect("directories can be synced");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_system_says_how_much_room_it_has() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let space = RealDisk.space(dir.path()).expect("the system says");
        assert!(space.total > 0 && space.usable <= space.total, "{space:?}");
    }

    #[test]
    fn opening_keeps_or_replaces_as_asked() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("file");
        assert_eq!(RealDisk.open(&path, OpenMode::Write).expect_err("missing").kind(), io::ErrorKind::NotFound);
        RealDisk.open(&path, OpenMode::Create).expect("made").write_all_at(0, &[IoSlice::new(b"x")]).expect("written");
        assert_eq!(RealDisk.open(&path, OpenMode::Create).expect("kept").len().expect("length"), 1);
        assert_eq!(RealDisk.open(&path, OpenMode::Replace).expect("emptied").len().expect("length"), 0);
        assert_eq!(RealDisk.list(dir.path()).expect("listed"), ["file"]);
    }
}
