//! The data directory as a whole: who may use it, which format it has, and what of it is not a topic's.
//!
//! ```text
//! DATA/+rafka/lock          held while a broker runs
//! DATA/+rafka/format        the format's version
//! DATA/+rafka/identity      cluster id and broker id
//! DATA/+rafka/commands      what was decided (catalogue)
//! DATA/+rafka/checkpoints   recovery points and log starts
//! DATA/+rafka/stopped       there after a clean stop only
//! DATA/+rafka/boot          the boot under which the broker last ran
//! DATA/+rafka/reserve       room kept back for when the disk is full; and last-reserve
//! DATA/+deleted/            topics on their way out
//! DATA/<topic>/topic         what the catalogue says of the topic, in case that is lost
//! DATA/<topic>/partition-<n>/
//! ```
//!
//! No topic name has a '+', so nothing here can be taken for a topic.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf, absolute};
use std::sync::Arc;

use parking_lot::Mutex;

use super::identity::{FORMAT, Identity, Unwritten, check_format};
use super::restore::{Contents, FoundNote, FoundTopic};
use super::topic_note::TopicNote;
use super::topics::PARTITIONS_PER_TOPIC_MAX;
use crate::base::{BrokerId, Offset, PartitionId, TopicName, TopicPartition, Uuid};
use crate::log::inspect::{Found, walk_log};
use crate::log::whole_file;
use crate::log::{Disk, DiskFile, OpenMode};

pub(super) const OWN: &str = "+rafka";
const DELETED: &str = "+deleted";
const AGAIN: &str = ".again";
/// A topic's directory, and a partition's in it.
const SKELETON_DEPTH: usize = 2;
const PARTITION_PREFIX: &str = "partition-";
const LOG_SUFFIX: &str = ".log";
/// In a topic's directory.
pub(super) const NOTE: &str = "topic";
/// What is in the note of a clean stop.
const CLEAN: &[u8] = b"clean\n";
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    #[error("data directory {path} can't be used: {source}")]
    Io { path: String, source: io::Error },
    #[error("data directory {0} is in use by another broker; stop that one, or give this one another --data-dir")]
    InUse(String),
    #[error(
        "data directory {path} has format {found}; this program knows formats up to {FORMAT}. \
         Run the newer rafka-server that wrote it"
    )]
    Newer { path: String, found: u32 },
    #[error("data directory {path} belongs to broker {found}, but node.id says {asked}")]
    OtherBroker { path: String, found: BrokerId, asked: BrokerId },
}

/// Where a partition's recovery may begin, and where its log starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose it is: the name may belong to another topic by the time this is read.
    pub topic_id: Uuid,
    pub recovery_point: Offset,
    pub log_start: Offset,
}

/// How the last run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastStop {
    /// Everything was flushed and closed.
    pub clean: bool,
    /// The machine has not been restarted since: what was written is there, synced or not.
    pub same_boot: bool,
}

pub struct DataDir {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    pub cluster_id: String,
    pub broker_id: BrokerId,
    pub last_stop: LastStop,
    /// The marker of a clean stop. Its name is gone; giving its room back takes the disk a millisecond, after the start.
    marker: Mutex<Option<Arc<dyn DiskFile>>>,
    /// Held for as long as this lives.
    _lock: File,
}

impl DataDir {
    /// Takes the directory for this process; makes it if it is missing.
    pub fn open(
        disk: Arc<dyn Disk>,
        path: &Path,
        broker_id: BrokerId,
        cluster_id: Option<&str>,
    ) -> Result<DataDir, DataDirError> {
        let shown = || path.display().to_string();
        let failed = |source| DataDirError::Io { path: shown(), source };
        let own = path.join(OWN);
        let is_new = disk.facts(&own).is_err();
        disk.create_dir(&own).map_err(failed)?;
        let lock = take_lock(&own.join("lock")).map_err(|e| match e {
            TryLockError::WouldBlock => DataDirError::InUse(shown()),
            TryLockError::Error(source) => failed(source),
        })?;
        let has_deleted = disk.facts(&path.join(DELETED)).is_ok();
        if !has_deleted {
            disk.create_dir(&path.join(DELETED)).map_err(failed)?;
        }
        let mut unwritten = Unwritten::new();
        check_format(disk.as_ref(), path, &own, &mut unwritten)?;
        let identity = Identity::read(disk.as_ref(), &own, broker_id, cluster_id, &mut unwritten).map_err(failed)?;
        if identity.broker_id != broker_id {
            let found = identity.broker_id;
            return Err(DataDirError::OtherBroker { path: shown(), found, asked: broker_id });
        }
        Self::write_first(disk.as_ref(), path, &unwritten, is_new || !has_deleted).map_err(failed)?;
        let (last_stop, marker) = Self::note_start(disk.as_ref(), &own).map_err(failed)?;
        let marker = Mutex::new(marker);
        let Identity { cluster_id, broker_id } = identity;
        Ok(DataDir { disk, path: path.to_owned(), cluster_id, broker_id, last_stop, marker, _lock: lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory as administrators are told it, and name it again.
    pub fn announced_path(&self) -> String {
        absolute(&self.path).unwrap_or_else(|_| self.path.clone()).display().to_string()
    }

    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    pub fn commands_path(&self) -> PathBuf {
        self.own("commands")
    }

    /// In a data directory that may not be open yet.
    pub fn reserve_path(data_dir: &Path) -> PathBuf {
        data_dir.join(OWN).join("reserve")
    }

    pub fn partition_path(&self, partition: &TopicPartition) -> PathBuf {
        partition_path(&self.path, partition)
    }

    pub fn topic_path(&self, topic: &TopicName) -> PathBuf {
        self.path.join(topic.as_str())
    }

    pub fn topic_note_path(&self, topic: &TopicName) -> PathBuf {
        self.topic_path(topic).join(NOTE)
    }

    /// Every directory that may be a topic's, with what it carries of the catalogue, in the order of their names. One that
    /// can't be looked at is told, and is in nobody's way.
    pub fn found_topics(&self) -> io::Result<Vec<FoundTopic>> {
        let mut found = Vec::new();
        for name in self.topic_directories()? {
            let path = self.topic_note_path(&name);
            let note = match whole_file::read_as(self.disk.as_ref(), &path, TopicNote::parse) {
                Ok(Some(note)) if note.name == name => FoundNote::Good(note),
                Ok(Some(note)) => FoundNote::OfAnother(note.name),
                Ok(None) => FoundNote::Damaged,
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    FoundNote::None
                }
                Err(error) => {
                    ::log::error!("{} can't be read, and is left as it is: {error}", path.display());
                    FoundNote::Unreadable
                }
            };
            // A file is no topic, and a name that leads nowhere isn't either. What can't be looked at may be one.
            let is_there = || match self.disk.facts(&self.topic_path(&name)) {
                Ok(facts) => facts.is_dir,
                Err(error) => error.kind() != io::ErrorKind::NotFound,
            };
            if note != FoundNote::None || is_there() {
                found.push(FoundTopic { name, note });
            }
        }
        Ok(found)
    }

    /// The partitions' directories of a topic, with the names of the logs in each that are not empty.
    fn logs_of(&self, name: &TopicName) -> io::Result<Vec<(i32, Vec<PathBuf>)>> {
        let path = self.topic_path(name);
        let mut logs = Vec::new();
        for entry in self.disk.list(&path)? {
            let Some(number) = partition_number(&entry) else { continue };
            let dir = path.join(&entry);
            let mut files: Vec<_> =
                self.disk.list(&dir)?.into_iter().filter(|file| file.ends_with(LOG_SUFFIX)).collect();
            files.sort();
            let files = files.into_iter().map(|file| dir.join(file));
            logs.push((
                number,
                files.filter(|file| self.disk.facts(file).is_ok_and(|facts| facts.bytes > 0)).collect(),
            ));
        }
        Ok(logs)
    }

    fn has_batch(&self, log: &Path) -> io::Result<bool> {
        let mut is_batch = false;
        walk_log(self.disk.as_ref(), log, true)?.run(|_, found| {
            is_batch = match found {
                Found::Batch { .. } => true,
                Found::Damage(damage) => damage.next.is_some(),
            };
            Ok(false)
        })?;
        Ok(is_batch)
    }

    /// Names in the directory that look like topics, known or not.
    pub fn topic_directories(&self) -> io::Result<Vec<TopicName>> {
        let mut names: Vec<_> =
            self.disk.list(&self.path)?.iter().filter_map(|name| TopicName::new(name).ok()).collect();
        names.sort();
        Ok(names)
    }

    /// Takes a topic out of the way in one step, and makes sure that it stays there; what it held is removed later.
    pub fn set_aside(&self, topic: &TopicName, id: Uuid) -> io::Result<()> {
        let [first, second] = self.places_aside(id);
        let path = self.topic_path(topic);
        let moved = match self.disk.rename(&path, &first) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => self.disk.rename(&path, &second),
            moved => moved,
        };
        match moved {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.disk.sync_dir(&self.path.join(DELETED))?;
        self.disk.sync_dir(&self.path)
    }

    /// Puts a topic that was set aside back in its place; false if it was not.
    pub fn bring_back(&self, topic: &TopicName, id: Uuid) -> io::Result<bool> {
        for aside in self.places_aside(id).into_iter().rev() {
            match self.disk.facts(&aside) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            }
            match self.disk.rename(&aside, &self.topic_path(topic)) {
                // Only one half of the move had reached the disk: it never left its place.
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => continue,
                moved => moved?,
            }
            self.disk.sync_dir(&self.path)?;
            self.disk.sync_dir(&self.path.join(DELETED))?;
            return Ok(true);
        }
        Ok(false)
    }

    /// The names of what was set aside.
    pub fn set_aside_names(&self) -> io::Result<Vec<String>> {
        self.disk.list(&self.path.join(DELETED))
    }

    /// Whether that is a name of what was set aside of a topic.
    pub fn is_aside_of(&self, name: &str, id: Uuid) -> bool {
        self.places_aside(id).iter().any(|place| place.ends_with(name))
    }

    pub fn remove_set_aside(&self, name: &str) -> io::Result<()> {
        match self.disk.remove_dir_all(&self.path.join(DELETED).join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Where a topic is set aside; the second place is for when half of an earlier move stands in the first.
    fn places_aside(&self, id: Uuid) -> [PathBuf; 2] {
        let deleted = self.path.join(DELETED);
        [deleted.join(id.to_string()), deleted.join(format!("{id}{AGAIN}"))]
    }

    /// Whether there is a directory of that name with nothing in it but directories and files without a byte: what is
    /// left of a topic that was being made when the broker ended.
    pub fn is_skeleton(&self, topic: &TopicName) -> bool {
        self.is_bare(&self.topic_path(topic), SKELETON_DEPTH).unwrap_or(false)
    }

    /// Removes such a directory. False if there is something in it, which stays.
    pub fn remove_skeleton(&self, topic: &TopicName) -> io::Result<bool> {
        let path = self.topic_path(topic);
        match self.is_bare(&path, SKELETON_DEPTH) {
            Ok(true) => self.disk.remove_dir_all(&path).map(|()| true),
            Ok(false) => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn is_bare(&self, path: &Path, depth: usize) -> io::Result<bool> {
        let facts = self.disk.facts(path)?;
        if !facts.is_dir {
            return Ok(facts.bytes == 0);
        }
        let Some(below) = depth.checked_sub(1) else { return Ok(false) };
        for name in self.disk.list(path)? {
            if !self.is_bare(&path.join(name), below)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes all checkpoints in place of the last ones.
    pub fn write_checkpoints(&self, checkpoints: &BTreeMap<TopicPartition, Checkpoint>) -> io::Result<()> {
        let mut text = String::new();
        for (partition, at) in checkpoints {
            let TopicPartition { topic, partition } = partition;
            text.push_str(&format!("{topic} {partition} {} {} {}\n", at.topic_id, at.recovery_point, at.log_start));
        }
        whole_file::replace(self.disk.as_ref(), &self.own("checkpoints"), &whole_file::seal(text.into_bytes()))
    }

    /// The last checkpoints; `None` if they are missing or damaged, which costs time and nothing else. A disk that does
    /// not let them be read is another matter: what was trimmed would be there again.
    pub fn read_checkpoints(&self) -> io::Result<Option<BTreeMap<TopicPartition, Checkpoint>>> {
        let parse = |sealed: &[u8]| parse_checkpoints(whole_file::unseal(sealed)?);
        match whole_file::read_as(self.disk.as_ref(), &self.own("checkpoints"), parse) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read,
        }
    }

    /// Makes durable that the marker of the last clean stop is gone.
    pub fn settle_start(&self) -> io::Result<()> {
        drop(self.marker.lock().take());
        self.disk.sync_dir(&self.path.join(OWN))
    }

    /// Says that everything is flushed and closed. The last thing a clean stop does.
    pub fn note_clean_stop(&self) -> io::Result<()> {
        whole_file::replace(self.disk.as_ref(), &self.own("stopped"), &whole_file::seal(CLEAN.to_vec()))
    }

    fn own(&self, name: &str) -> PathBuf {
        self.path.join(OWN).join(name)
    }

    /// Makes durable what a first start makes, with as few waits for the disk as can be: what is synced first covers
    /// the new directories on most file systems, and the names come last, so that who finds them finds all the rest.
    fn write_first(disk: &dyn Disk, path: &Path, files: &Unwritten, is_new: bool) -> io::Result<()> {
        let own = path.join(OWN);
        let write = |(name, bytes): &(&str, Vec<u8>)| whole_file::Prepared::write(disk, &own.join(name), bytes);
        let prepared = files.iter().map(write).collect::<io::Result<Vec<_>>>()?;
        prepared.iter().try_for_each(whole_file::Prepared::sync)?;
        if is_new || !prepared.is_empty() {
            // The directory's own name must last, too.
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            disk.sync_dir(path)?;
            disk.sync_dir(parent)?;
        }
        if prepared.is_empty() {
            return Ok(());
        }
        prepared.into_iter().try_for_each(|file| file.commit(disk))?;
        disk.sync_dir(&own)
    }

    /// Reads how the last run ended, and takes the marker of a clean stop away, so that this run does not look clean if
    /// it is killed. That it is gone need not be durable before the broker answers: a marker that comes back by a power
    /// cut vouches only for the partitions that the checkpoints of that stop name, and their state files are read
    /// whatever it says.
    fn note_start(disk: &dyn Disk, own: &Path) -> io::Result<(LastStop, Option<Arc<dyn DiskFile>>)> {
        let stopped = own.join("stopped");
        let marker_file = disk.open(&stopped, OpenMode::Read).ok();
        let marker = |sealed: &[u8]| whole_file::unseal(sealed).filter(|content| *content == CLEAN).map(drop);
        let clean = match whole_file::read_as(disk, &stopped, marker) {
            Ok(Some(())) => true,
            Ok(None) => {
                ::log::warn!("{} is damaged: the last stop counts as a kill", stopped.display());
                false
            }
            Err(_) => false,
        };
        match disk.remove(&stopped) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        // Where there is no boot id, every start counts as one after a power cut.
        let boot = std::fs::read(BOOT_ID).unwrap_or_default();
        let boot_path = own.join("boot");
        let same_boot = match whole_file::read(disk, &boot_path) {
            Ok(sealed) => match whole_file::unseal(&sealed) {
                Some(before) if is_plausible("boot", before) => !boot.is_empty() && before == boot,
                _ => {
                    ::log::warn!("{} is damaged: this start counts as one after a power cut", boot_path.display());
                    false
                }
            },
            Err(_) => false,
        };
        if !same_boot {
            // Not flushed: a power cut that takes it begins another boot anyway. Without it every start counts as one
            // after a power cut.
            let written = whole_file::Prepared::write(disk, &boot_path, &whole_file::seal(boot));
            if let Err(error) = written.and_then(|prepared| prepared.commit(disk)) {
                ::log::warn!("{} can't be written: {error}", boot_path.display());
            }
        }
        Ok((LastStop { clean, same_boot }, marker_file))
    }
}

/// Whether this is what the broker writes under that name into its own directory, without the seal.
pub(super) fn is_plausible(name: &str, content: &[u8]) -> bool {
    match name {
        "identity" => Identity::parse(content).is_some(),
        "checkpoints" => parse_checkpoints(content).is_some(),
        "stopped" => content == CLEAN,
        // A UUID and a line's end, or nothing where the system has none.
        "boot" => content.is_empty() || content.len() == 37 && !content.contains(&b' '),
        _ => true,
    }
}

impl Contents for DataDir {
    fn partitions(&self, name: &TopicName) -> i32 {
        let logs = self.logs_of(name).unwrap_or_else(|error| {
            ::log::error!("{} can't be looked through: {error}", self.topic_path(name).display());
            Vec::new()
        });
        logs.iter().filter(|(_, files)| !files.is_empty()).map(|(number, _)| number + 1).max().unwrap_or(0)
    }

    fn has_batches(&self, name: &TopicName) -> bool {
        let logs = self.logs_of(name).unwrap_or_default();
        logs.iter().flat_map(|(_, files)| files).any(|file| self.has_batch(file).unwrap_or(false))
    }
}

pub(super) fn partition_path(data: &Path, partition: &TopicPartition) -> PathBuf {
    data.join(partition.topic.as_str()).join(format!("{PARTITION_PREFIX}{}", partition.partition))
}

/// The number in the name of a partition's directory.
fn partition_number(name: &str) -> Option<i32> {
    let number = name.strip_prefix(PARTITION_PREFIX)?.parse().ok()?;
    ((0..PARTITIONS_PER_TOPIC_MAX).contains(&number) && name == format!("{PARTITION_PREFIX}{number}")).then_some(number)
}

/// Whether a broker runs on this data directory now: for who only looks, and takes nothing.
pub fn is_in_use(path: &Path) -> bool {
    let lock = File::open(path.join(OWN).join("lock"));
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn take_lock(path: &Path) -> Result<File, TryLockError> {
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(TryLockError::Error)?;
    file.try_lock()?;
    Ok(file)
}

pub(super) fn parse_checkpoints(text: &[u8]) -> Option<BTreeMap<TopicPartition, Checkpoint>> {
    std::str::from_utf8(text).ok()?.lines().map(parse_checkpoint).collect()
}

fn parse_checkpoint(line: &str) -> Option<(TopicPartition, Checkpoint)> {
    let mut words = line.split(' ');
    let topic = TopicName::new(words.next()?).ok()?;
    let partition = PartitionId(words.next()?.parse().ok()?);
    let topic_id = words.next()?.parse().ok()?;
    let recovery_point = Offset(words.next()?.parse().ok()?);
    let log_start = Offset(words.next()?.parse().ok()?);
    let at = Checkpoint { topic_id, recovery_point, log_start };
    words.next().is_none().then_some((TopicPartition { topic, partition }, at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::RealDisk;

    fn open(path: &Path) -> Result<DataDir, DataDirError> {
        DataDir::open(Arc::new(RealDisk), path, BrokerId(1), None)
    }

    #[test]
    fn two_brokers_can_not_share_a_directory() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = open(dir.path()).expect("free");
        assert!(matches!(open(dir.path()), Err(DataDirError::InUse(_))));
        drop(first);
        open(dir.path()).expect("free again");
    }

    #[test]
    fn a_newer_format_and_another_broker_are_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        drop(open(dir.path()).expect("free"));
        let other = DataDir::open(Arc::new(RealDisk), dir.path(), BrokerId(2), None);
        assert!(matches!(other, Err(DataDirError::OtherBroker { .. })));
        let newer = whole_file::seal(b"2\n".to_vec());
        std::fs::write(dir.path().join("+rafka/format"), newer).expect("written");
        assert!(matches!(open(dir.path()), Err(DataDirError::Newer { found: 2, .. })));
    }

    #[test]
    fn identity_stays_and_a_clean_stop_is_noticed_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = open(dir.path()).expect("free");
        let cluster = first.cluster_id.clone();
        assert!(!first.last_stop.clean);
        first.note_clean_stop().expect("written");
        drop(first);
        let second = open(dir.path()).expect("free");
        assert_eq!(second.cluster_id, cluster);
        assert!(second.last_stop.clean);
        drop(second);
        let third = open(dir.path()).expect("free");
        assert!(!third.last_stop.clean, "the second run never stopped cleanly");
    }

    #[test]
    fn checkpoints_are_read_back_or_not_believed() {
        let dir = tempfile::tempdir().expect("a directory");
        let data = open(dir.path()).expect("free");
        assert_eq!(data.read_checkpoints().expect("readable"), None);
        let topic = TopicName::new("t").expect("valid");
        let partition = TopicPartition { topic, partition: PartitionId(3) };
        let at = Checkpoint { topic_id: Uuid::random(), recovery_point: Offset(10), log_start: Offset(4) };
        let checkpoints = BTreeMap::from([(partition, at)]);
        data.write_checkpoints(&checkpoints).expect("written");
        assert_eq!(data.read_checkpoints().expect("readable"), Some(checkpoints));
        let path = dir.path().join("+rafka/checkpoints");
        let mut bytes = std::fs::read(&path).expect("there");
        bytes[5] ^= 1;
        std::fs::write(&path, &bytes).expect("written");
        assert_eq!(data.read_checkpoints().expect("readable"), None);
    }
}
