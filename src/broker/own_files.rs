//! The broker's own files, checked without a broker: for `verify-log` and `rafka-server --check`. Nothing is changed.

use std::io;
use std::path::{Path, PathBuf};

use super::catalogue::{Finding, Flaw, Replay};
use super::data_dir::{self, NOTE, OWN};
use super::identity;
use super::topic_note::TopicNote;
use crate::base::{PartitionId, TopicName, TopicPartition};
use crate::log::{Disk, OpenAs, whole_file};

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
    // A broker that is running may be writing a decision, and a note after it.
    let is_running = data_dir::is_in_use(data);
    let commands = own.join("commands");
    let replay = Replay::of(&read(disk, &commands)?.unwrap_or_default());
    for Finding { position, flaw, .. } in &replay.findings {
        if !(is_running && *flaw == Flaw::Unfinished) {
            tell(commands.clone(), Some(*position), &flaw.sentence(), flaw.is_harmless());
        }
    }
    let notes = notes(disk, data)?;
    let good = notes
        .iter()
        .filter_map(|(path, name, note)| Some((path, note.as_ref().ok()?)).filter(|(_, note)| note.name == *name));
    if let Some((path, note)) = good.max_by_key(|(_, note)| note.index).filter(|(_, note)| note.index > replay.index) {
        let reason = match replay.is_empty {
            true => {
                "it is missing or holds nothing readable; topics come back from what their directories carry".to_owned()
            }
            false => format!(
                "it ends with decision {}, and {} knows of decision {}; topics are taken from what their directories carry",
                replay.index,
                path.display(),
                note.index
            ),
        };
        if !is_running {
            tell(commands, None, &reason, false);
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
    match read(disk, &format)?.map(|sealed| identity::parse_format(&sealed)) {
        Some(Some(_)) => {}
        Some(None) => tell(format, Some(0), "its seal does not fit its content; it is written anew", true),
        None => tell(format, None, "it is missing", true),
    }
    for (path, name, note) in notes {
        // What belongs to no topic is none of the broker's business.
        let is_known = replay.catalogue.topics.contains_key(&name);
        match note {
            Ok(note) if note.name == name => {}
            Ok(note) if is_known => tell(path, None, &format!("it is that of topic \"{}\"", note.name), true),
            Err(Unreadable::Damaged) if is_known => tell(path, Some(0), "its seal does not fit its content", true),
            Err(Unreadable::Missing) if is_known && !is_running => tell(path, None, "it is missing", true),
            _ => {}
        }
    }
    Ok(problems)
}

/// How the broker left a partition.
#[derive(Debug, Clone)]
pub struct LeftPartition {
    pub dir: PathBuf,
    pub left: OpenAs,
}

/// Every partition of every topic that was decided in a data directory, with what the last checkpoints say of it. A stop
/// counts as clean only while nobody runs.
pub fn left_partitions(disk: &dyn Disk, data: &Path) -> io::Result<Vec<LeftPartition>> {
    let own = data.join(OWN);
    let unsealed = |name: &str| -> io::Result<Option<Vec<u8>>> {
        let content = read(disk, &own.join(name))?;
        Ok(content.and_then(|sealed| Some(whole_file::unseal(&sealed)?.to_vec())))
    };
    let is_stopped = unsealed("stopped")?.is_some_and(|content| data_dir::is_plausible("stopped", &content));
    let clean = is_stopped && !data_dir::is_in_use(data);
    let checkpoints = unsealed("checkpoints")?.and_then(|text| data_dir::parse_checkpoints(&text)).unwrap_or_default();
    let catalogue = Replay::of(&read(disk, &own.join("commands"))?.unwrap_or_default()).catalogue;
    let mut all = Vec::new();
    for (topic, entry) in &catalogue.topics {
        for partition in (0..entry.partition_count()).map(PartitionId) {
            let name = TopicPartition { topic: topic.clone(), partition };
            let at = checkpoints.get(&name).filter(|at| at.topic_id == entry.id);
            let left = at.map_or_else(OpenAs::unclean, |at| OpenAs {
                clean,
                recovery_point: at.recovery_point,
                log_start: at.log_start,
                ..OpenAs::unclean()
            });
            all.push(LeftPartition { dir: data_dir::partition_path(data, &name), left });
        }
    }
    Ok(all)
}

/// Name, what its absence means if it must be there, what damage means, whether it heals.
const SEALED: [(&str, &str, &str, bool); 4] = [
    ("identity", "it is missing; the cluster gets another id", "the cluster gets another id", false),
    ("checkpoints", "", "the next start reads every log", true),
    ("stopped", "", "the stop counts as a kill", true),
    ("boot", "", "the next start counts as one after a power cut", true),
];

enum Unreadable {
    Missing,
    Damaged,
}

/// The notes of all directories that may be topics': path, topic, content.
type Notes = Vec<(PathBuf, TopicName, Result<TopicNote, Unreadable>)>;

fn notes(disk: &dyn Disk, data: &Path) -> io::Result<Notes> {
    let mut notes = Notes::new();
    for name in disk.list(data)? {
        let Ok(topic) = TopicName::new(&name) else { continue };
        let path = data.join(&name).join(NOTE);
        let note = match read(disk, &path) {
            Ok(Some(sealed)) => TopicNote::parse(&sealed).ok_or(Unreadable::Damaged),
            Ok(None) => Err(Unreadable::Missing),
            Err(_) => Err(Unreadable::Damaged),
        };
        notes.push((path, topic, note));
    }
    notes.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(notes)
}

fn read(disk: &dyn Disk, path: &Path) -> io::Result<Option<Vec<u8>>> {
    match whole_file::read(disk, path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}
