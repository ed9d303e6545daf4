//! verify-log: every file of every partition under a directory.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use serde::Serialize;

use super::Online;
use super::offline::{self, PartitionDir};
use super::outcome::Outcome;
use super::topics::shown;
use crate::base::Offset;
use crate::broker::{OwnProblem, check_own_files, is_in_use};
use crate::cli::failure::{Failure, reason};
use crate::cli::output::{self, Column, Report};
use crate::cli::run::Session;
use crate::cli::{Counted, Progress, help};
use crate::log::inspect::{Checked, Problem, check_absent, check_partition_left};
use crate::log::{OpenAs, RealDisk};

/// Check every log file under directories, without a broker
///
/// Reads all batches and checks their CRCs, and all indexes against them, and looks for what the checkpoints know of
/// and is not there. Exit 1 if anything is wrong, naming file, position and reason. Where a broker is running on a
/// directory, the unfinished end of a newest segment is "being written" and no damage. Nothing is changed.
///
/// Columns: directory, segments, batches, records, bytes, first offset, next offset, verdict (ok, being written or
/// damaged).
#[derive(Debug, Args)]
#[command(help_template = help::TEMPLATE, before_help = help::examples(&[
    ("rafka-admin verify-log data", "everything"),
    ("rafka-admin verify-log data/Payments/partition-0", "one partition"),
]))]
pub(super) struct Verify {
    /// Data directories, topics or partitions
    #[arg(value_name = "DIR", required = true, value_hint = ValueHint::DirPath)]
    dirs: Vec<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Verified {
    partitions: Vec<VerifiedRow>,
    /// Of the broker's own files.
    problems: Vec<VerifiedProblem>,
}

#[derive(Debug, Serialize)]
struct VerifiedRow {
    directory: String,
    segments: u64,
    batches: u64,
    records: u64,
    bytes: u64,
    first_offset: Option<i64>,
    next_offset: Option<i64>,
    verdict: &'static str,
    problems: Vec<VerifiedProblem>,
}

#[derive(Debug, Serialize)]
struct VerifiedProblem {
    file: String,
    position: Option<u64>,
    reason: String,
    /// The broker repairs it by itself, and no record is lost.
    heals: bool,
}

impl Report for Verified {
    fn columns(&self) -> Vec<Column> {
        vec![
            Column::text("directory"),
            Column::number("segments"),
            Column::number("batches"),
            Column::number("records"),
            Column::number("bytes"),
            Column::number("first"),
            Column::number("next"),
            Column::text("verdict"),
        ]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |p: &VerifiedRow| {
            vec![
                p.directory.clone(),
                p.segments.to_string(),
                p.batches.to_string(),
                p.records.to_string(),
                p.bytes.to_string(),
                shown(p.first_offset),
                shown(p.next_offset),
                p.verdict.to_owned(),
            ]
        };
        self.partitions.iter().map(row).collect()
    }
}

impl Verify {
    pub(super) fn run(&self, online: &Online, session: &Session) -> Result<(), Failure> {
        let mut outcome = Outcome::new(session.program);
        let (mut partitions, mut problems) = (Vec::new(), Vec::new());
        for dir in &self.dirs {
            let found = partitions_of(dir)?;
            if found.is_empty() {
                return Err(Failure::failed(format!("there is no log file under {}", dir.display())));
            }
            partitions.extend(found);
            problems.extend(verify_own(dir, &mut outcome)?);
        }
        let verified = Verified { partitions: verify(&partitions, session, &mut outcome)?, problems };
        output::print(online.output.format(), &verified)?;
        outcome.end()
    }
}

/// For `rafka-server --check`: whether a data directory, if there is one yet, is sound.
pub(super) fn check_data(dir: &Path, session: &Session) -> Result<(), Failure> {
    if !dir.exists() {
        return Err(Failure::failed(format!("the data directory {} does not exist", dir.display())).with_hint(
            "the settings are sound; a first start makes the directory, so this is right only before that",
        ));
    }
    let mut outcome = Outcome::new(session.program);
    verify_own(dir, &mut outcome)?;
    let verified = verify(&partitions_of(dir)?, session, &mut outcome)?;
    outcome.end()?;
    let records: u64 = verified.iter().map(|partition| partition.records).sum();
    let counted = |count: u64, noun| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let partitions = counted(verified.len() as u64, "partition");
    let told = format!("{} is sound: {partitions}, {}\n", dir.display(), counted(records, "record"));
    output::write_stdout(told.as_bytes())
}

/// A partition to be checked, and how it was left, as far as its broker says.
struct ToCheck {
    dir: PartitionDir,
    left: OpenAs,
}

/// Those with log files, and those that should have some.
fn partitions_of(dir: &Path) -> Result<Vec<ToCheck>, Failure> {
    let left = offline::left_under(dir)?;
    let mut left: BTreeMap<PathBuf, OpenAs> = left.into_iter().map(|known| (known.dir, known.left)).collect();
    let mut all = Vec::new();
    for dir in offline::partitions_under(dir)? {
        let known = dir.path.canonicalize().ok().and_then(|path| left.remove(&path));
        all.push(ToCheck { dir, left: known.unwrap_or_else(OpenAs::unclean) });
    }
    let without_files = |(path, left)| ToCheck { dir: PartitionDir { path, newest: Offset::ZERO, bytes: 0 }, left };
    all.extend(left.into_iter().map(without_files));
    all.sort_by(|a, b| a.dir.path.cmp(&b.dir.path));
    Ok(all)
}

/// The broker's own files, where this is a data directory.
fn verify_own(dir: &Path, outcome: &mut Outcome) -> Result<Vec<VerifiedProblem>, Failure> {
    let problems = check_own_files(&RealDisk, dir)
        .map_err(|e| Failure::failed(format!("{} can't be read: {}", dir.display(), reason(&e))))?;
    let verified = problems.into_iter().map(|OwnProblem { file, position, reason, heals }| {
        let problem = Problem { file, position, reason, heals, is_tail: false };
        outcome.fail(&told(&problem));
        VerifiedProblem::from(problem)
    });
    Ok(verified.collect())
}

fn verify(partitions: &[ToCheck], session: &Session, outcome: &mut Outcome) -> Result<Vec<VerifiedRow>, Failure> {
    let total = partitions.iter().map(|p| p.dir.bytes).sum();
    let progress = Progress::start(session.verbosity.wants_progress(false), Counted::Bytes, Some(total));
    let mut rows = Vec::new();
    for ToCheck { dir: partition, left } in partitions {
        let in_use = offline::is_dir_in_use(&partition.path);
        let mut position = 0;
        let heard = |at: u64| {
            // Positions are the segment's; a smaller one than before is the next segment's.
            progress.advance(if at < position { at } else { at - position });
            position = at;
        };
        let gaps = offline::may_have_gaps(&partition.path);
        let checked = match check_partition_left(&RealDisk, &partition.path, gaps, left, heard) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !partition.path.exists() => {
                // A topic can be deleted under our eyes.
                let is_running = partition.path.ancestors().nth(2).is_some_and(is_in_use);
                if is_running { continue } else { Ok(no_directory(partition, left)) }
            }
            checked => checked,
        };
        let checked = checked
            .map_err(|e| Failure::failed(format!("{} can't be read: {}", partition.path.display(), reason(&e))))?;
        rows.push(row(partition, checked, in_use, outcome));
    }
    Ok(rows)
}

/// Nothing is there of the partition at all.
fn no_directory(partition: &PartitionDir, left: &OpenAs) -> Checked {
    let mut checked = check_absent(&partition.path, left);
    if checked.problems.is_empty() {
        let reason = "the directory is missing, in which there was no record".to_owned();
        let file = partition.path.clone();
        checked.problems.push(Problem { file, position: None, reason, heals: true, is_tail: false });
    }
    checked
}

fn row(partition: &PartitionDir, checked: Checked, in_use: bool, outcome: &mut Outcome) -> VerifiedRow {
    let (written, problems): (Vec<Problem>, Vec<Problem>) = checked
        .problems
        .into_iter()
        .partition(|problem| in_use && (problem.heals || problem.is_tail) && is_newest(partition, &problem.file));
    for problem in &problems {
        outcome.fail(&told(problem));
    }
    VerifiedRow {
        directory: partition.path.to_string_lossy().into_owned(),
        segments: checked.segments,
        batches: checked.batches,
        records: checked.records,
        bytes: checked.bytes,
        first_offset: checked.offsets.map(|(first, _)| first.0),
        next_offset: checked.offsets.map(|(_, next)| next.0),
        verdict: match (problems.is_empty(), written.is_empty()) {
            (false, _) => "damaged",
            (true, false) => "being written",
            (true, true) => "ok",
        },
        problems: problems.into_iter().map(VerifiedProblem::from).collect(),
    }
}

fn is_newest(partition: &PartitionDir, file: &Path) -> bool {
    crate::log::inspect::base_of(file).is_some_and(|base| base >= partition.newest)
}

fn told(problem: &Problem) -> Failure {
    let place = problem.position.map_or_else(String::new, |position| format!(" at byte {position}"));
    let failure = Failure::failed(format!("{}{place}: {}", problem.file.display(), problem.reason));
    match (problem.heals, problem.is_tail) {
        (true, _) => failure.with_hint("the broker repairs this when it starts; no record is lost"),
        (false, true) => failure.with_hint(
            "the next start cuts this off and goes on before it; nothing here says whether records in it were acknowledged",
        ),
        (false, false) => failure,
    }
}

impl From<Problem> for VerifiedProblem {
    fn from(problem: Problem) -> VerifiedProblem {
        VerifiedProblem {
            file: problem.file.to_string_lossy().into_owned(),
            position: problem.position,
            reason: problem.reason,
            heals: problem.heals,
        }
    }
}
