//! torture: whether this machine's disk and this broker keep what they acknowledge.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, ValueHint};
use serde::Serialize;

use super::Online;
use super::outcome::Outcome;
use crate::cli::failure::{Failure, reason};
use crate::cli::output::{self, Column, Report};
use crate::cli::run::Session;
use crate::cli::torture::{Plan, Round, Verdict, Witness, torture};
use crate::cli::{Counted, Progress, help, stderr, units};

const SERVER: &str = "rafka-server";
/// A name that no topic has, for where the temporary directory must lie inside a data directory.
const INSIDE: &str = "+torture";
const BESIDE: &str = "rafka-torture";
/// Asked of each round before its kill. More would take long on a slow disk.
const ACKNOWLEDGED_A_ROUND: u64 = 500;

/// Kill a broker of its own over and over, and look whether anything is lost
///
/// Starts the rafka-server beside this program on a temporary directory beside DIR, on the same disk, and loads it
/// with idempotent and other producers and with a group. Then it kills the broker (SIGKILL) at random moments, starts it
/// again, and reads back everything that was ever acknowledged. DIR itself, and a broker running on it, are left
/// alone. What a kill can't show is a power cut: for that, the disk has to keep what it says is flushed.
///
/// Prints a verdict, after Ctrl-C too. Exit 1 if anything was lost; then the temporary directory is kept and named.
#[derive(Debug, Args)]
#[command(help_template = help::TEMPLATE, before_help = help::examples(&[
    ("rafka-admin torture --minutes 10", "on the disk that ./data is on, or will be"),
    ("rafka-admin torture --minutes 60 /var/lib/rafka", "on another"),
    ("rafka-admin torture --kills 100 --output json", "so many kills, for programs"),
]))]
pub(super) struct Torture {
    /// The data directory beside which to do it
    #[arg(value_name = "DIR", default_value = "data", value_hint = ValueHint::DirPath)]
    dir: PathBuf,

    /// Go on for so many minutes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), required_unless_present = "kills")]
    minutes: Option<u32>,

    /// Stop after so many rounds, each with at least one kill
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    kills: Option<u32>,
}

impl Torture {
    pub(super) fn run(&self, online: &Online, session: &Session) -> Result<(), Failure> {
        if session.verbosity.verbose < 2 {
            // The clients of the load have a word to say to every outage, and outages are what this is about.
            ::log::set_max_level(::log::LevelFilter::Off);
        }
        let began = Instant::now();
        let length = self.minutes.map(|minutes| Duration::from_secs(60 * u64::from(minutes)));
        let server = server()?;
        let scratch = Scratch::beside(&self.dir)?;
        let plan = Plan {
            server,
            dir: scratch.path.clone(),
            rounds: self.kills,
            until: length.map(|length| began + length),
            stop: Some(Arc::new(session.interrupts.clone())),
            acknowledged_a_round: ACKNOWLEDGED_A_ROUND,
            seed: seed(),
        };
        let wanted = session.verbosity.wants_progress(false);
        let progress = Progress::start(wanted, Counted::Seconds, length.map(|length| length.as_secs()));
        let mut shown = Shown { began, progress, is_verbose: session.verbosity.verbose > 0 };
        let verdict = match torture(&plan, &mut shown) {
            Ok(verdict) => verdict,
            Err(why) => {
                let kept = scratch.keep();
                return Err(Failure::failed(why).with_hint(format!("what there is of it lies in {}", kept.display())));
            }
        };
        drop(shown);
        let mut outcome = Outcome::new(session.program);
        for fault in &verdict.faults {
            outcome.fail(&Failure::failed(fault.clone()));
        }
        let kept = if verdict.has_failed() { Some(scratch.keep()) } else { None };
        output::print(online.output.format(), &Figures::of(&verdict, began.elapsed(), kept.as_deref()))?;
        if let Some(kept) = &kept {
            let hint = format!("the broker's files and its log are kept in {}", kept.display());
            outcome
                .fail(&Failure::failed("acknowledged records are lost, or something else was wrong").with_hint(hint));
        }
        outcome.end()?;
        if session.interrupts.is_asked() { Err(Failure::interrupted()) } else { Ok(()) }
    }
}

/// The broker that was installed together with this program.
fn server() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe()
        .map_err(|e| Failure::failed(format!("can't tell where this program is: {}", reason(&e))))?;
    let server = own.with_file_name(format!("{SERVER}{}", std::env::consts::EXE_SUFFIX));
    if server.exists() {
        return Ok(server);
    }
    Err(Failure::failed(format!("{} does not exist", server.display()))
        .with_hint("the rafka-server to be tortured must lie beside rafka-admin"))
}

fn seed() -> u64 {
    getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()))
}

/// The temporary directory. Removed when dropped.
struct Scratch {
    path: PathBuf,
    is_kept: bool,
}

impl Scratch {
    /// Beside `dir`; inside it, where beside would be on another disk.
    fn beside(dir: &Path) -> Result<Scratch, Failure> {
        let parent = match dir.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            Some(_) => PathBuf::from("."),
            None => dir.to_owned(),
        };
        let number = std::process::id();
        let path = if dir.exists() && !is_same_disk(dir, &parent) {
            dir.join(format!("{INSIDE}-{number}"))
        } else {
            parent.join(format!("{BESIDE}-{number}"))
        };
        let failed = |e: io::Error| Failure::failed(format!("{} can't be made: {}", path.display(), reason(&e)));
        fs::create_dir(&path).map_err(failed)?;
        Ok(Scratch { path, is_kept: false })
    }

    fn keep(mut self) -> PathBuf {
        self.is_kept = true;
        self.path.clone()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        if let Err(e) = fs::remove_dir_all(&self.path) {
            stderr::line(&format!("{} can't be removed: {}", self.path.display(), reason(&e)));
        }
    }
}

#[cfg(unix)]
fn is_same_disk(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let disk = |path: &Path| fs::metadata(path).map(|facts| facts.dev()).ok();
    disk(one) == disk(other)
}

#[cfg(not(unix))]
fn is_same_disk(_one: &Path, _other: &Path) -> bool {
    true
}

/// Progress while it goes on, and with -v a line per round.
struct Shown {
    began: Instant,
    progress: Progress,
    is_verbose: bool,
}

impl Witness for Shown {
    fn round(&mut self, round: &Round, so_far: &Verdict) {
        self.progress.set_done(self.began.elapsed().as_secs());
        self.progress.note(format!(
            "{} kills, {} acknowledged, {} verified, lost {}",
            so_far.kills, so_far.acknowledged, so_far.verified, so_far.lost
        ));
        if self.is_verbose {
            stderr::line(&round.to_string());
        }
    }
}

/// The verdict, a figure a row.
#[derive(Debug, Serialize)]
struct Figures {
    verdict: &'static str,
    seconds: u64,
    rounds: u64,
    killed: u64,
    frozen: u64,
    acknowledged: u64,
    acknowledged_least_a_round: u64,
    verified: u64,
    lost: u64,
    faults: u64,
    repeated: u64,
    given_up: u64,
    commits: u64,
    longest_start_ms: u64,
    directory: Option<String>,
}

impl Figures {
    fn of(verdict: &Verdict, took: Duration, kept: Option<&Path>) -> Figures {
        Figures {
            verdict: if verdict.has_failed() { "failed" } else { "nothing lost" },
            seconds: took.as_secs(),
            rounds: verdict.rounds,
            killed: verdict.kills,
            frozen: verdict.freezes,
            acknowledged: verdict.acknowledged,
            acknowledged_least_a_round: verdict.acknowledged_least,
            verified: verdict.verified,
            lost: verdict.lost,
            faults: verdict.fault_count,
            repeated: verdict.repeated,
            given_up: verdict.given_up,
            commits: verdict.commits,
            longest_start_ms: u64::try_from(verdict.start_longest.as_millis()).unwrap_or(u64::MAX),
            directory: kept.map(|kept| kept.to_string_lossy().into_owned()),
        }
    }
}

impl Report for Figures {
    fn columns(&self) -> Vec<Column> {
        vec![Column::text("what"), Column::number("figure"), Column::text("meaning")]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |what: &str, figure: String, meaning: &str| vec![what.to_owned(), figure, meaning.to_owned()];
        let count = |what, figure: u64, meaning| row(what, figure.to_string(), meaning);
        let mut rows = vec![
            row("verdict", self.verdict.to_owned(), ""),
            row("time", units::show_seconds(self.seconds), ""),
            count("rounds", self.rounds, "load, kill, start, read everything back"),
            count("killed", self.killed, "SIGKILL, in the middle of starts and stops, too"),
            count("frozen", self.frozen, "SIGSTOP, and SIGCONT a little later"),
            count("acknowledged", self.acknowledged, "records, acks=all"),
            count("least", self.acknowledged_least_a_round, "acknowledged in a round"),
            count("verified", self.verified, "read back at their offsets, in order, every byte"),
            count("lost", self.lost, "acknowledged and gone"),
            count("faults", self.faults, "of every kind; each is told on standard error"),
            count("repeated", self.repeated, "by producers without idempotence, which may"),
            count("given up", self.given_up, "by their producer, never acknowledged"),
            count("commits", self.commits, "of the group's offsets, confirmed"),
            row("longest start", format!("{} ms", self.longest_start_ms), "after a kill"),
        ];
        if let Some(directory) = &self.directory {
            rows.push(row("directory", directory.clone(), "kept for whoever looks for the reason"));
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_temporary_directory_lies_beside_and_goes() {
        let above = tempfile::tempdir().expect("a directory");
        for dir in ["data", "made"] {
            let dir = above.path().join(dir);
            if dir.ends_with("made") {
                fs::create_dir(&dir).expect("made");
            }
            let scratch = Scratch::beside(&dir).expect("there is room");
            let path = scratch.path.clone();
            assert_eq!(path.parent(), Some(above.path()));
            fs::write(path.join("x"), "x").expect("written");
            drop(scratch);
            assert!(!path.exists());
        }
        let kept = Scratch::beside(&above.path().join("data")).expect("there is room").keep();
        assert!(kept.exists());
        let nowhere = Scratch::beside(&above.path().join("no/such/data")).map(drop);
        assert!(nowhere.is_err_and(|failure| failure.message().is_some_and(|m| m.contains("can't be made"))));
    }
}
