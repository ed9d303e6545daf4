//! verify-log: every file of every partition under a directory.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use serde::Serialize;

use super::Online;
use super::offline::{self, PartitionDir};
use super::outcome::Outcome;
use super::topics::shown;
use crate::broker::{OwnProblem, check_own_files};
use crate::cli::failure::{Failure, reason};
use crate::cli::output::{self, Column, Report};
use crate::cli::run::Session;
use crate::cli::{Counted, Progress, help};
use crate::log::RealDisk;
use crate::log::inspect::{Checked, Problem, check_partition};

/// Check every log file under directories, without a broker
///
/// Reads all batches and checks their CRCs, and all indexes against them. Exit 1 if anything is wrong, naming file,
/// position and reason. Where a broker is running on a directory, the unfinished end of a newest segment is "being
/// written" and no damage. Nothing is changed.
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
            let found = offline::partitions_under(dir)?;
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
        return Ok(());
    }
    let mut outcome = Outcome::new(session.program);
    verify_own(dir, &mut outcome)?;
    verify(&offline::partitions_under(dir)?, session, &mut outcome)?;
    outcome.end()
}

/// The broker's own files, where this is a data directory.
fn verify_own(dir: &Path, outcome: &mut Outcome) -> Result<Vec<VerifiedProblem>, Failure> {
    let problems = check_own_files(&RealDisk, dir)
        .map_err(|e| Failure::failed(format!("{} can't be read: {}", dir.display(), reason(&e))))?;
    let verified = problems.into_iter().map(|OwnProblem { file, position, reason, heals }| {
        let problem = Problem { file, position, reason, heals };
        outcome.fail(&told(&problem));
        VerifiedProblem::from(problem)
    });
    Ok(verified.collect())
}

fn verify(partitions: &[PartitionDir], session: &Session, outcome: &mut Outcome) -> Result<Vec<VerifiedRow>, Failure> {
    let total = partitions.iter().map(|p| p.bytes).sum();
    let progress = Progress::start(session.verbosity.wants_progress(false), Counted::Bytes, Some(total));
    let mut rows = Vec::new();
    for partition in partitions {
        let in_use = offline::is_dir_in_use(&partition.path);
        let mut position = 0;
        let heard = |at: u64| {
            // Positions are the segment's; a smaller one than before is the next segment's.
            progress.advance(if at < position { at } else { at - position });
            position = at;
        };
        let checked = check_partition(&RealDisk, &partition.path, offline::may_have_gaps(&partition.path), heard);
        let checked = checked
            .map_err(|e| Failure::failed(format!("{} can't be read: {}", partition.path.display(), reason(&e))))?;
        rows.push(row(partition, checked, in_use, outcome));
    }
    Ok(rows)
}

fn row(partition: &PartitionDir, checked: Checked, in_use: bool, outcome: &mut Outcome) -> VerifiedRow {
    let (written, problems): (Vec<Problem>, Vec<Problem>) = checked
        .problems
        .into_iter()
        .partition(|problem| in_use && problem.heals && is_newest(partition, &problem.file));
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
    match problem.heals {
        true => failure.with_hint("the broker repairs this when it starts; no record is lost"),
        false => failure,
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
