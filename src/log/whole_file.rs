//! Files that change as a whole: write a temporary file, fsync it, rename it over the old one, fsync the directory.
//!
//! A reader, and a start after a crash, see the old content or the new, never a mixture. [`seal`] and [`unseal`] add
//! a checksum as the last line, so that a file damaged later is noticed rather than believed; formats that are
//! Kafka's own are written without it.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, DiskFile, OpenMode};
use super::names;

/// A whole file larger than this is refused: none of ours comes near, and a damaged length must not take the memory.
pub const WHOLE_FILE_BYTES_MAX: u64 = 1 << 30;

/// Replaces the file and returns when the new content is durable.
pub fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let prepared = Prepared::write(disk, path, bytes)?;
    prepared.sync()?;
    prepared.commit(disk)?;
    disk.sync_dir(path.parent().unwrap_or(Path::new(".")))
}

/// New content in a temporary file beside the old one: what is written but not yet in force, so that many files
/// can share one sync before they are renamed.
#[derive(Debug)]
pub struct Prepared {
    file: Arc<dyn DiskFile>,
    temporary: PathBuf,
    path: PathBuf,
}

impl Prepared {
    pub fn write(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<Prepared> {
        let temporary = names::temporary(path);
        let file = disk.open(&temporary, OpenMode::Replace)?;
        if let Err(error) = file.write_all_at(0, &[IoSlice::new(bytes)]) {
            // Best effort: on a full disk the half-written file is in the way of healing.
            let _ = disk.remove(&temporary);
            return Err(error);
        }
        Ok(Prepared { file, temporary, path: path.to_owned() })
    }

    /// Must succeed (or a `sync_fs` in its place) before [`Prepared::commit`].
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// The new content takes the name; durable after a `sync_dir`.
    pub fn commit(self, disk: &dyn Disk) -> io::Result<()> {
        disk.rename(&self.temporary, &self.path)
    }

    /// Gives up; the old content stays.
    pub fn discard(self, disk: &dyn Disk) {
        let _ = disk.remove(&self.temporary);
    }
}

/// The whole content; fails with `NotFound` where there is no file.
pub fn read(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    let file = disk.open(path, OpenMode::Read)?;
    let bytes = file.len()?;
    if bytes > WHOLE_FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{bytes} bytes are too many for such a file")));
    }
    let mut content = vec![0; bytes as usize];
    let filled = file.read_up_to(0, &mut content)?;
    content.truncate(filled);
    Ok(content)
}

/// What `parse` makes of the content; the inner `None` if it can't be made out. Then it is read once more before that
/// counts: a bit may have gone wrong on its way here, and what is concluded from it can't be taken back.
pub fn read_as<T>(disk: &dyn Disk, path: &Path, parse: impl Fn(&[u8]) -> Option<T>) -> io::Result<Option<T>> {
    match parse(&read(disk, path)?) {
        Some(made_out) => Ok(Some(made_out)),
        None => Ok(parse(&read(disk, path)?)),
    }
}

const SEAL: &[u8] = b"crc32c ";
/// "crc32c ", eight hexadecimal digits, a line feed.
const SEAL_BYTES: usize = SEAL.len() + 9;

/// Appends the line `crc32c 1a2b3c4d` that covers everything before it. Text should end with a line feed, so that
/// the seal stands on a line of its own.
pub fn seal(mut content: Vec<u8>) -> Vec<u8> {
    let crc = crc32c::crc32c(&content);
    content.extend_from_slice(SEAL);
    content.extend_from_slice(format!("{crc:08x}\n").as_bytes());
    content
}

/// What was sealed, or `None` if the seal is missing or does not fit the content.
pub fn unseal(sealed: &[u8]) -> Option<&[u8]> {
    let (content, seal) = sealed.split_at_checked(sealed.len().checked_sub(SEAL_BYTES)?)?;
    let digits = seal.strip_prefix(SEAL)?.strip_suffix(b"\n")?;
    // Written in lower case only, so that every flipped bit of the seal counts.
    (format!("{:08x}", crc32c::crc32c(content)).as_bytes() == digits).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::RealDisk;

    #[test]
    fn a_replaced_file_has_the_new_content_and_leaves_nothing_beside() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("state");
        replace(&RealDisk, &path, b"old").expect("first");
        replace(&RealDisk, &path, b"new content").expect("second");
        assert_eq!(read(&RealDisk, &path).expect("read"), b"new content");
        assert_eq!(RealDisk.list(dir.path()).expect("listed"), ["state"]);
        Prepared::write(&RealDisk, &path, b"never").expect("prepared").discard(&RealDisk);
        assert_eq!(read(&RealDisk, &path).expect("read"), b"new content");
    }

    #[test]
    fn a_seal_notices_every_flipped_bit_and_every_cut() {
        let sealed = seal(b"topics 3\n".to_vec());
        assert_eq!(unseal(&sealed), Some(&b"topics 3\n"[..]));
        assert!(sealed.starts_with(b"topics 3\ncrc32c "));
        for bit in 0..sealed.len() * 8 {
            let mut damaged = sealed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(unseal(&damaged), None, "bit {bit}");
        }
        for cut in 0..sealed.len() {
            assert_eq!(unseal(&sealed[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn what_can_not_be_made_out_is_read_once_more() {
        let disk = crate::log::memory_disk::MemoryDisk::new();
        replace(&disk, Path::new("/state"), &seal(b"7\n".to_vec())).expect("written");
        let parse = |sealed: &[u8]| unseal(sealed).map(<[u8]>::to_vec);
        for (misread, expected) in [(0u32, Some(b"7\n".to_vec())), (1, Some(b"7\n".to_vec())), (2, None)] {
            let mut left = misread;
            disk.watch_reads(move |_, bytes| {
                bytes[0] ^= u8::from(left > 0);
                left = left.saturating_sub(1);
            });
            assert_eq!(read_as(&disk, Path::new("/state"), parse).expect("read"), expected, "{misread}");
        }
    }
}
