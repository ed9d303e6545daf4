//! inspect-segment and verify-log on files that a broker wrote, sound and damaged.

use std::fs;
use std::path::Path;

use super::support::{Served, admin, serve};

const LOG: &str = "00000000000000000000.log";
const PARTITION: &str = "Payments/partition-0";

/// Three batches, one with a null key, and a tombstone; the broker has stopped.
fn stopped() -> Served {
    let mut served = serve();
    served.say(&["PRODUCE Payments key1 HelloWorld", "PRODUCE Payments - a\tb", "PRODUCE Payments \"k 3\" -"]);
    served.stop();
    served
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}

/// Turns one byte over.
fn damage(path: &Path, at: usize) {
    let mut bytes = fs::read(path).expect("readable");
    bytes[at] ^= 0xff;
    fs::write(path, bytes).expect("writable");
}

/// Where the batches of a log file start.
fn positions(path: &Path) -> Vec<usize> {
    let listed = admin(&["inspect-segment", text(path)]).succeeded();
    listed.lines().map(|line| line.split('\t').next().expect("a column").parse().expect("a number")).collect()
}

#[test]
fn batches_are_listed_with_what_they_hold() {
    let served = stopped();
    let log = served.file(PARTITION, LOG);
    let listed = admin(&["inspect-segment", text(&log)]).succeeded();
    let rows: Vec<Vec<&str>> = listed.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows.len(), 3);
    for (i, row) in rows.iter().enumerate() {
        let number = i.to_string();
        assert_eq!(row.len(), 11);
        assert_eq!((row[1], row[2], row[3], row[5], row[10]), (number.as_str(), number.as_str(), "1", "none", "ok"));
    }
    let json = admin(&["inspect-segment", text(&log), "--output", "json"]).json();
    assert_eq!(json["kind"], "log");
    assert_eq!(json["bytes"], fs::metadata(&log).expect("there").len());
    assert_eq!(json["batches"].as_array().map(Vec::len), Some(3));
    assert_eq!(json["batches"][2]["first_offset"], 2);
    assert_eq!(json["problems"].as_array().map(Vec::len), Some(0));
    let table = admin(&["inspect-segment", text(&log), "--output", "table"]).succeeded();
    assert!(table.starts_with("  POSITION      FIRST"), "{table}");
}

#[test]
fn records_are_shown_escaped_and_null_is_not_empty() {
    let served = stopped();
    let log = served.file(PARTITION, LOG);
    let listed = admin(&["inspect-segment", "--records", text(&log)]).succeeded();
    let shown: Vec<(&str, &str, &str)> = listed
        .lines()
        .map(|line| {
            let row: Vec<&str> = line.split('\t').collect();
            (row[0], row[2], row[3])
        })
        .collect();
    assert_eq!(shown, [("0", "key1", "HelloWorld"), ("1", "\\N", "a\\tb"), ("2", "k 3", "\\N")]);
    let json = admin(&["inspect-segment", "--records", text(&log), "--output", "json"]).json();
    assert_eq!(json["records"][1]["key"], serde_json::Value::Null);
    assert_eq!(json["records"][1]["value"], "a\tb");
    assert_eq!(json["records"][1]["timestamp_type"], "create");
}

#[test]
fn a_part_can_be_asked_for() {
    let served = stopped();
    let log = served.file(PARTITION, LOG);
    let first_columns = |args: &[&str]| -> Vec<String> {
        let listed = admin(&[&["inspect-segment", text(&log), "--records"], args].concat()).succeeded();
        listed.lines().map(|line| line.split('\t').next().expect("a column").to_owned()).collect()
    };
    assert_eq!(first_columns(&["--from", "1"]), ["1", "2"]);
    assert_eq!(first_columns(&["-c", "1"]), ["0"]);
    assert_eq!(first_columns(&["--from", "1", "-c", "1"]), ["1"]);
    assert!(first_columns(&["--from", "99"]).is_empty());
}

#[test]
fn the_files_beside_a_log_are_read_too() {
    let served = stopped();
    let partition = served.data.path().join(PARTITION);
    for entry in fs::read_dir(&partition).expect("readable") {
        let path = entry.expect("an entry").path();
        let known = ["log", "index", "timeindex", "producers"];
        if path.extension().is_some_and(|ending| known.iter().any(|known| ending == *known)) {
            let json = admin(&["inspect-segment", text(&path), "--output", "json"]).json();
            assert_eq!(json["kind"], path.extension().expect("it has one").to_str().expect("text"));
            assert_eq!(json["problems"].as_array().map(Vec::len), Some(0), "{json}");
        }
    }
    let times = admin(&["inspect-segment", text(&partition.join("00000000000000000000.timeindex"))]).succeeded();
    assert!(times.lines().last().is_some_and(|line| line.ends_with("\t2")), "the last entry is of the end: {times}");
    let state =
        admin(&["inspect-segment", text(&partition.join("00000000000000000003.producers")), "--output", "json"]);
    assert_eq!(state.json()["next_offset"], 3);
}

#[test]
fn sound_files_are_verified() {
    let served = stopped();
    let data = text(served.data.path());
    let partition = served.data.path().join(PARTITION);
    for dir in [data, text(&served.data.path().join("Payments")), text(&partition)] {
        let verified = admin(&["verify-log", dir, "--output", "json"]).json();
        let row = &verified["partitions"][0];
        assert_eq!((&row["batches"], &row["records"]), (&3.into(), &3.into()));
        assert_eq!((&row["first_offset"], &row["next_offset"], &row["verdict"]), (&0.into(), &3.into(), &"ok".into()));
    }
}

#[test]
fn damage_is_named_with_file_position_and_reason() {
    let served = stopped();
    let log = served.file(PARTITION, LOG);
    let second = positions(&log)[1];
    damage(&log, second + 70);

    let ran = admin(&["verify-log", text(served.data.path())]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.trim_end().ends_with("\tdamaged"), "{}", ran.out);
    let place = format!("rafka-admin: error: {} at byte {second}: ", log.display());
    assert!(ran.err.starts_with(&place) && ran.err.contains("fails its CRC"), "{}", ran.err);

    let ran = admin(&["inspect-segment", text(&log)]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.out.lines().count(), 3, "the good batches and the hole: {}", ran.out);
    assert!(ran.out.lines().nth(1).is_some_and(|row| row.contains("\tdamaged: ")), "{}", ran.out);
    assert!(ran.err.starts_with(&place), "{}", ran.err);

    let ran = admin(&["inspect-segment", text(&log), "--records", "--output", "json"]);
    let json: serde_json::Value = serde_json::from_str(&ran.out).expect("one JSON document, damage or not");
    assert_eq!(ran.code, Some(1));
    assert_eq!(json["records"].as_array().map(Vec::len), Some(2));
    assert_eq!(json["problems"][0]["position"], second);
}

#[test]
fn an_unfinished_end_is_damage_unless_a_broker_is_writing_it() {
    let served = stopped();
    let log = served.file(PARTITION, LOG);
    // Behind the last batch, another of which not all is there yet.
    let third = positions(&log)[2];
    let bytes = fs::read(&log).expect("readable");
    let end = bytes.len();
    fs::write(&log, [&bytes[..], &bytes[third..end - 5]].concat()).expect("writable");

    let ran = admin(&["verify-log", text(served.data.path())]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains(&format!("at byte {end}: ")), "{}", ran.err);
    assert_eq!(admin(&["inspect-segment", text(&log)]).code, Some(1));

    // What a broker holds while it runs.
    let lock = fs::File::open(served.data.path().join("+rafka/lock")).expect("the lock file is there");
    lock.try_lock().expect("nobody else has it");
    let verified = admin(&["verify-log", text(served.data.path())]).succeeded();
    assert!(verified.trim_end().ends_with("\tbeing written"), "{verified}");
    let listed = admin(&["inspect-segment", text(&log)]).succeeded();
    assert!(listed.trim_end().ends_with("\tbeing written"), "{listed}");
}

#[test]
fn a_running_broker_does_not_disturb_a_check_nor_the_check_the_broker() {
    let served = serve();
    served.say(&["PRODUCE Payments key1 HelloWorld"]);
    let verified = served.admin(&["verify-log", text(served.data.path())]).succeeded();
    assert_eq!(verified.lines().count(), 1, "{verified}");
    served.say(&["PRODUCE Payments key1 HelloWorld"]);
    let records = admin(&["inspect-segment", "--records", text(&served.file(PARTITION, LOG))]).succeeded();
    assert_eq!(records.lines().count(), 2);
}

#[test]
fn what_cannot_be_read_is_said() {
    let served = stopped();
    let missing = served.data.path().join("00000000000000000007.log");
    let said = admin(&["inspect-segment", text(&missing), "--output", "table"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("can't be read: No such file or directory\n"), "{}", said.err);

    let notes = served.data.path().join("notes.txt");
    fs::write(&notes, "x").expect("writable");
    let said = admin(&["inspect-segment", text(&notes)]).failed(2);
    assert!(said.ends_with("  hint: it reads .log, .index, .timeindex, .txnindex, .producers\n"), "{said}");

    let empty = tempfile::tempdir().expect("a directory");
    let said = admin(&["verify-log", text(empty.path())]).failed(1);
    assert!(said.contains("there is no log file under "), "{said}");
    let said = admin(&["verify-log", text(&missing)]).failed(1);
    assert!(said.contains("can't be read: No such file or directory"), "{said}");
}
