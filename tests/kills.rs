//! The real broker under load, killed at random moments, frozen before some of them: nothing acknowledged is lost, and
//! the check that says so is itself checked.

mod common;
#[path = "common/tools.rs"]
mod tools;

use std::fs;
use std::path::{Path, PathBuf};

use rafka::cli::torture::{Plan, Round, Verdict, Witness, torture};

/// What every round is to have acknowledged, at least.
const ACKNOWLEDGED: u64 = 500;

fn plan(dir: &Path, rounds: u32) -> Plan {
    let seed = u64::from(std::process::id());
    Plan {
        server: PathBuf::from(env!("CARGO_BIN_EXE_rafka-server")),
        dir: dir.to_owned(),
        rounds: Some(rounds),
        until: None,
        stop: None,
        acknowledged_a_round: ACKNOWLEDGED,
        seed,
    }
}

struct Printed;

impl Witness for Printed {
    fn round(&mut self, round: &Round, _so_far: &Verdict) {
        println!("{round}");
    }
}

#[test]
fn nothing_acknowledged_is_lost_when_the_broker_is_killed() {
    let dir = tempfile::tempdir().expect("a directory");
    let verdict = torture(&plan(dir.path(), 5), &mut Printed).expect("the broker starts");
    println!("{verdict:?}");
    assert_eq!((verdict.lost, verdict.faults.as_slice()), (0, &[][..]));
    assert_eq!(verdict.verified, verdict.acknowledged);
    assert!(verdict.rounds == 5 && verdict.kills >= 5 && verdict.acknowledged_least >= ACKNOWLEDGED, "{verdict:?}");
    assert!(verdict.freezes > 0, "{verdict:?}");
    assert!(verdict.commits > 0, "the group took part: {verdict:?}");
}

/// A disk that forgets: the newest segment of a partition loses its second half while the broker is dead.
struct Forgets;

impl Witness for Forgets {
    fn round(&mut self, _round: &Round, _so_far: &Verdict) {}

    fn dead(&mut self, data: &Path) {
        let partition = data.join("torture-once/partition-0");
        let files = fs::read_dir(&partition).expect("it is there").map(|entry| entry.expect("an entry").path());
        let newest = files.filter(|path| path.extension().is_some_and(|kind| kind == "log")).max().expect("a segment");
        // The log may just have been rolled.
        let file = fs::File::options().write(true).open(newest).expect("it can be opened");
        file.set_len(file.metadata().expect("facts").len() / 2).expect("it can be cut");
    }
}

#[test]
fn a_disk_that_forgets_is_found_out() {
    let dir = tempfile::tempdir().expect("a directory");
    let verdict = torture(&plan(dir.path(), 20), &mut Forgets).expect("the broker starts");
    assert!(verdict.lost > 0 && verdict.has_failed(), "{verdict:?}");
    assert!(verdict.faults.iter().any(|fault| fault.contains("was acknowledged at offset")), "{:?}", verdict.faults);
}

/// rafka-admin torture, in a directory of its own.
#[cfg(unix)]
fn torture_command(dir: &Path, args: &[&str]) -> tools::Running {
    let mut all = vec!["torture"];
    all.extend(args);
    let data = dir.join("data").to_str().expect("text").to_owned();
    all.push(&data);
    tools::Running::start(tools::ADMIN, "127.0.0.1:1", &all)
}

#[cfg(unix)]
#[test]
fn a_user_gets_a_verdict_and_nothing_is_left_behind() {
    let dir = tempfile::tempdir().expect("a directory");
    let ran = torture_command(dir.path(), &["--kills", "2", "--output", "json"]).end();
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let verdict: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("a document");
    assert_eq!(
        (&verdict["verdict"], &verdict["lost"], &verdict["rounds"]),
        (&"nothing lost".into(), &0.into(), &2.into())
    );
    assert_eq!(verdict["acknowledged"], verdict["verified"]);
    assert_eq!(fs::read_dir(dir.path()).expect("it is there").count(), 0);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_with_the_verdict_so_far() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut running = torture_command(dir.path(), &["--minutes", "60", "-v"]);
    assert!(running.note().starts_with("round 1: "));
    running.signal("INT");
    let ran = running.end();
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    let verdict = String::from_utf8(ran.stdout).expect("text");
    assert!(verdict.starts_with("verdict\tnothing lost\t\n") && verdict.contains("\nlost\t0\t"), "{verdict}");
    assert_eq!(fs::read_dir(dir.path()).expect("it is there").count(), 0);
}
