//! The broker's own files, checked without a broker: for `verify-log` and `rafka-server --check`. Nothing is changed.

use std::io;
use std::path::{Path, PathBuf};

use super::catalogue::flaws;
use super::data_dir::{self, NOTE, OWN};
use super::topic_note::TopicNote;
use crate::base::TopicName;
use crate::log::{Disk, whole_file};

/// Something that is not as the broker left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnProblem {
    pub file: PathBuf,
    pub position: Option<u64>,
    pub reason: String,
    /// The next start makes it right, and no decision and no record is lost.
    pub heals: bool,
}

/// Everything that is wrong with the broker's own files in a data directory. Nothing for a directory that is none, or that
/// no broker has ever used.
pub fn check_own_files(disk: &dyn Disk, data: &Path) -> io::Result<Vec<OwnProblem>> {
    let own = data.join(OWN);
    if disk.facts(&own).is_err() {
        return Ok(Vec::new());
    }
    let mut problems = Vec::new();
    let mut tell = |file: PathBuf, position, reason: &str, heals| {
        problems.push(OwnProblem { file, position, reason: reason.to_owned(), heals });
    };
    let notes = notes(disk, data)?;
    match read(disk, &own.join("commands"))? {
        Some(bytes) => {
            // A broker that is running may be writing its last line.
            let is_written = data_dir::is_in_use(data);
            for (position, reason) in
                flaws(&bytes).into_iter().filter(|(_, reason)| !is_written || !reason.is_unfinished())
            {
                let heals = reason.is_unfinished();
                tell(own.join("commands"), Some(position), reason.sentence(), heals);
            }
        }
        None if notes.is_empty() => {}
        None => {
            tell(own.join("commands"), None, "it is missing; topics come back from what their directories carry", false)
        }
    }
    for (name, missing, damaged, heals) in SEALED {
        let path = own.join(name);
        match read(disk, &path)? {
            Some(bytes) => match whole_file::unseal(&bytes) {
                Some(content) if data_dir::is_plausible(name, content) => {}
                Some(_) => tell(path, Some(0), &format!("it holds something else; {damaged}"), heals),
                None => tell(path, Some(0), &format!("its seal does not fit its content; {damaged}"), heals),
            },
            None if missing.is_empty() => {}
            None => tell(path, None, missing, heals),
        }
    }
    let format = own.join("format");
    match read(disk, &format)? {
        Some(text) if std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse::<u32>().ok()).is_none() => {
            tell(format, Some(0), "it names no version", true);
        }
        Some(_) => {}
        None => tell(format, None, "it is missing", true),
    }
    for (path, name, sealed) in notes {
        match sealed.as_deref().map(TopicNote::parse) {
            Some(Some(note)) if note.name == name => {}
            Some(Some(note)) => tell(path, None, &format!("it is that of topic \"{}\"", note.name), true),
            Some(None) => tell(path, Some(0), "its seal does not fit its content", true),
            None => tell(path, None, "it is missing", true),
        }
    }
    Ok(problems)
}

/// Name, what its absence means if it must be there, what damage means, whether it heals.
const SEALED: [(&str, &str, &str, bool); 4] = [
    ("identity", "it is missing; the cluster gets another id", "the cluster gets another id", false),
    ("checkpoints", "", "the next start reads every log", true),
    ("stopped", "", "the stop counts as a kill", true),
    ("boot", "", "the next start counts as one after a power cut", true),
];

/// The notes of all topics' directories: path, topic, content if there is any.
type Notes = Vec<(PathBuf, TopicName, Option<Vec<u8>>)>;

fn notes(disk: &dyn Disk, data: &Path) -> io::Result<Notes> {
    let mut notes = Notes::new();
    for name in disk.list(data)? {
        let Ok(topic) = TopicName::new(&name) else { continue };
        let dir = data.join(&name);
        let is_topic = disk.facts(&dir)?.is_dir && data_dir::has_partitions(&disk.list(&dir)?);
        if is_topic {
            let path = dir.join(NOTE);
            notes.push((path.clone(), topic, read(disk, &path)?));
        }
    }
    notes.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(notes)
}

fn read(disk: &dyn Disk, path: &Path) -> io::Result<Option<Vec<u8>>> {
    match whole_file::read(disk, path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
