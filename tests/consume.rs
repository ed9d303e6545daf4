//! rafka-consume against a running broker: every flag, groups, what goes wrong.
#![cfg(all(feature = "cli", unix))]

mod common;
#[path = "common/tools.rs"]
mod tools;

use std::fs;
use std::path::Path;

use common::Server;
use tools::{ADMIN, CONSUME, PRODUCE, Ran, Running, run};

fn produce(server: &Server, args: &[&str], input: &str) {
    run(PRODUCE, &server.bootstrap(), args, input.as_bytes()).ok();
}

fn consume(server: &Server, args: &[&str]) -> Ran {
    run(CONSUME, &server.bootstrap(), args, b"")
}

fn numbers(range: std::ops::Range<u64>) -> String {
    range.map(|i| format!("{i}\n")).collect()
}

/// A broker with 0 to 9 in a topic T.
fn ten() -> Server {
    let server = Server::start(&[]);
    produce(&server, &["T"], &numbers(0..10));
    server
}

#[test]
fn it_starts_where_it_is_told() {
    let server = ten();
    for (offset, expected) in [
        ("earliest", numbers(0..10)),
        ("0", numbers(0..10)),
        ("7", numbers(7..10)),
        ("10", String::new()),
        ("-3", numbers(7..10)),
        ("-100", numbers(0..10)),
        ("latest", String::new()),
        ("@0", numbers(0..10)),
        ("@-1h", numbers(0..10)),
        ("@2100-01-01", String::new()),
    ] {
        assert_eq!(consume(&server, &["-o", offset, "T"]).text(), expected, "-o {offset}");
    }
    let complaint = consume(&server, &["-o", "11", "T"]).failed(1);
    assert!(complaint.contains("offset 11 of T/0 is out of range: it has 0 to 10"), "{complaint}");
    consume(&server, &["-o", "stored", "T"]).failed(2);
}

#[test]
fn times_find_their_records() {
    let server = Server::start(&[]);
    let lines: String = (0..10).map(|i| format!("{{\"value\":\"{i}\",\"timestamp\":{}}}\n", 1000 * (i + 1))).collect();
    produce(&server, &["-J", "T"], &lines);
    assert_eq!(consume(&server, &["-o", "@5000", "T"]).text(), numbers(4..10));
    assert_eq!(consume(&server, &["-o", "@5001", "--until", "@1970-01-01T00:00:08Z", "T"]).text(), numbers(5..7));
    assert_eq!(consume(&server, &["-c", "1", "--format", "%T %d", "T"]).text(), "1000 1970-01-01T00:00:01.000Z");
}

#[test]
fn it_stops_where_it_is_told() {
    let server = ten();
    assert_eq!(consume(&server, &["-c", "3", "T"]).text(), numbers(0..3));
    assert_eq!(consume(&server, &["-c", "0", "T"]).text(), "");
    assert_eq!(consume(&server, &["--until", "4", "T"]).text(), numbers(0..4));
    assert_eq!(consume(&server, &["-o", "2", "--until", "-2", "T"]).text(), numbers(2..8));
    assert_eq!(consume(&server, &["--until", "400", "T"]).text(), numbers(0..10));
    assert_eq!(consume(&server, &["-f", "-c", "4", "T"]).text(), numbers(0..4));
    assert_eq!(consume(&server, &["-f", "--until", "10", "T"]).text(), numbers(0..10));
    assert_eq!(consume(&server, &["-f", "--idle", "100ms", "T"]).text(), numbers(0..10));
}

#[test]
fn partitions_and_topics_can_be_chosen() {
    let server = Server::start(&["--topic", "A:4", "--topic", "B"]);
    for partition in ["0", "1", "2", "3"] {
        produce(&server, &["-p", partition, "A"], &format!("a{partition}\n"));
    }
    produce(&server, &["B"], "b\n");
    let sorted = |args: &[&str]| {
        let text = consume(&server, args).text();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines.join(" ")
    };
    assert_eq!(sorted(&["-p", "0,2-3", "A"]), "a0 a2 a3");
    assert_eq!(sorted(&["B", "A", "B"]), "a0 a1 a2 a3 b");
    let complaint = consume(&server, &["-p", "4", "A"]).failed(1);
    assert!(complaint.contains("topic \"A\" has no partition 4"), "{complaint}");
}

#[test]
fn it_never_creates_a_topic() {
    let server = Server::start(&["--topic", "Payments"]);
    let complaint = consume(&server, &["Paymnts"]).failed(1);
    assert_eq!(
        complaint,
        "rafka-consume: error: topic \"Paymnts\" does not exist\n  hint: did you mean \"Payments\"?\n"
    );
    let complaint = consume(&server, &["-f", "Other"]).failed(1);
    assert_eq!(
        complaint,
        "rafka-consume: error: topic \"Other\" does not exist\n  \
         hint: rafka-admin wait --topic Other --records 0 waits until somebody has made it\n"
    );
    run(ADMIN, &server.bootstrap(), &["wait", "--topic", "Payments", "--records", "0"], b"").ok();
    let topics = run(ADMIN, &server.bootstrap(), &["list-topics", "--output", "plain"], b"").text();
    assert_eq!(topics.lines().count(), 1, "{topics}");
}

#[test]
fn a_group_goes_on_where_it_stopped() {
    let server = Server::start(&["--topic", "T:3"]);
    produce(&server, &["--partitioner", "round-robin", "T"], &numbers(0..1000));
    let first = consume(&server, &["-g", "g", "-c", "400", "T"]).text();
    assert_eq!(first.lines().count(), 400);
    let rest = consume(&server, &["-g", "g", "T"]).text();
    let mut all: Vec<u64> = first.lines().chain(rest.lines()).map(|line| line.parse().expect("a number")).collect();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..1000), "each line exactly once");
    assert_eq!(consume(&server, &["-g", "g", "T"]).text(), "");
    // What the group has, -o does not change, but --reset does; and --no-commit leaves it where it is.
    let ran = consume(&server, &["-g", "g", "-o", "earliest", "T"]);
    assert_eq!((ran.code, ran.stdout.as_slice()), (0, &b""[..]));
    let told = "rafka-consume: warning: group \"g\" has a place, and goes on there; --reset starts at -o\n";
    assert_eq!(ran.stderr, told);
    assert_eq!(consume(&server, &["-g", "g", "-o", "stored", "T"]).text(), "");
    assert_eq!(consume(&server, &["-g", "g", "--reset", "--no-commit", "T"]).text().lines().count(), 1000);
    assert_eq!(consume(&server, &["-g", "g", "T"]).text(), "");
    assert_eq!(consume(&server, &["-g", "g", "--reset", "-o", "-1", "T"]).text().lines().count(), 3);
    assert_eq!(consume(&server, &["-g", "other", "T"]).text().lines().count(), 1000);
    assert_eq!(consume(&server, &["-g", "late", "-o", "latest", "T"]).text(), "");
    produce(&server, &["T"], "new\n");
    assert_eq!(consume(&server, &["-g", "late", "T"]).text(), "new\n", "where it started counts, too");
}

#[test]
fn a_group_commits_what_was_printed_when_it_is_stopped() {
    let server = Server::start(&["--topic", "T"]);
    produce(&server, &["T"], &numbers(0..5));
    let mut reader = Running::start(CONSUME, &server.bootstrap(), &["-f", "-g", "g", "T"]);
    (0..5).for_each(|i| assert_eq!(reader.line(), format!("{i}\n")));
    reader.signal("INT");
    let ran = reader.end();
    assert_eq!((ran.code, ran.stderr.as_str()), (130, ""));
    produce(&server, &["T"], "5\n");
    assert_eq!(consume(&server, &["-g", "g", "T"]).text(), "5\n");
}

#[test]
fn a_group_commits_while_it_runs() {
    let server = Server::start(&["--topic", "T"]);
    produce(&server, &["T"], &numbers(0..5));
    let mut reader = Running::start(CONSUME, &server.bootstrap(), &["-f", "-g", "g", "--commit-interval", "10ms", "T"]);
    (0..5).for_each(|i| assert_eq!(reader.line(), format!("{i}\n")));
    run(ADMIN, &server.bootstrap(), &["wait", "--group", "g", "--lag", "0", "--timeout", "60s"], b"").ok();
    reader.signal("KILL");
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let server = Server::start(&["--topic", "T"]);
    produce(&server, &["T"], &numbers(0..200_000));
    let mut reader = Running::start(CONSUME, &server.bootstrap(), &["T"]);
    assert_eq!(reader.line(), "0\n");
    reader.close_stdout();
    let ran = reader.end();
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    // With nothing more to print, too.
    let mut reader = Running::start(CONSUME, &server.bootstrap(), &["-f", "-o", "-1", "T"]);
    assert_eq!(reader.line(), "199999\n");
    reader.close_stdout();
    let ran = reader.end();
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
}

/// What was in the pipe of a reader that died is for the next one.
#[test]
#[cfg(target_os = "linux")]
fn a_group_does_not_commit_what_a_dead_reader_left_in_the_pipe() {
    let server = Server::start(&["--topic", "T"]);
    produce(&server, &["T"], &numbers(0..5));
    let mut reader = Running::start(CONSUME, &server.bootstrap(), &["-f", "-g", "g", "--commit-interval", "10ms", "T"]);
    (0..5).for_each(|i| assert_eq!(reader.line(), format!("{i}\n")));
    // More than the pipe holds, so that the reader's death comes in the middle.
    produce(&server, &["T"], &numbers(5..20_000));
    assert_eq!(reader.line(), "5\n");
    reader.close_stdout();
    let ran = reader.end();
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let rest = consume(&server, &["-g", "g", "T"]).text();
    let first: u64 = rest.lines().next().and_then(|line| line.parse().ok()).expect("what was not taken comes again");
    // It took 8 KiB at most with its first look.
    assert!((5..=2000).contains(&first), "{first}");
}

#[test]
fn a_follower_outlives_a_restart_of_the_broker() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path(), &["--topic", "T"]);
    let address = server.bootstrap();
    produce(&server, &["T"], "before\n");
    let mut reader = Running::start(CONSUME, &address, &["-f", "T"]);
    assert_eq!(reader.line(), "before\n");
    assert_eq!(server.stop(), 0);
    let note = reader.note();
    assert!(note.starts_with("rafka-consume: warning: ") && note.ends_with("; trying again\n"), "{note}");
    let server = Server::start_in(dir.path(), &["--listen", &address]);
    produce(&server, &["T"], "after\n");
    assert_eq!(reader.line(), "after\n");
    reader.signal("TERM");
    let ran = reader.end();
    assert_eq!((ran.code, ran.stderr.as_str()), (130, ""), "one note and no more");
}

#[test]
fn json_and_formats_tell_everything() {
    let server = Server::start(&[]);
    let line = r#"{"value":"v","key":"k","timestamp":1732261234567,"headers":[{"key":"h","value":"1"}]}"#;
    produce(&server, &["-J", "Payments"], line);
    assert_eq!(
        consume(&server, &["-J", "Payments"]).text(),
        "{\"topic\":\"Payments\",\"partition\":0,\"offset\":0,\"timestamp\":1732261234567,\"timestamp_type\":\"create\",\
         \"key\":\"k\",\"value\":\"v\",\"headers\":[{\"key\":\"h\",\"value\":\"1\"}]}\n"
    );
    assert_eq!(
        consume(&server, &["--format", "%t/%p/%o %k{hex} %v{base64} %h %d", "Payments"]).text(),
        "Payments/0/0 6b dg== h=1 2024-11-22T07:40:34.567Z"
    );
}

#[test]
fn no_broker_has_its_exit_code() {
    let complaint = run(CONSUME, "127.0.0.1:1", &["T"], b"").failed(3);
    assert!(complaint.contains("hint: is the broker running?"), "{complaint}");
}

/// The partition's only segment file.
fn segment(dir: &Path) -> std::path::PathBuf {
    let log = dir.join("T/partition-0");
    let files = fs::read_dir(&log).expect("the partition's directory").map(|entry| entry.expect("an entry").path());
    files.into_iter().find(|path| path.extension().is_some_and(|e| e == "log")).expect("a segment")
}

#[test]
fn damage_is_an_error_or_is_skipped_by_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path(), &["--topic", "T"]);
    for i in 0..6 {
        produce(&server, &["T"], &format!("{}\n", i.to_string().repeat(100)));
    }
    assert_eq!(server.stop(), 0);
    let path = segment(dir.path());
    let mut bytes = fs::read(&path).expect("the segment");
    let at = bytes.windows(20).position(|window| window == [b'2'; 20]).expect("the third batch");
    bytes[at + 50] ^= 0x20;
    fs::write(&path, bytes).expect("damaged");

    let server = Server::start_in(dir.path(), &[]);
    let ran = consume(&server, &["T"]);
    assert_eq!(String::from_utf8_lossy(&ran.stdout).lines().count(), 2, "what is before the damage is printed");
    let complaint = ran.failed(1);
    assert!(complaint.contains("T/0 is damaged at offset 2") && complaint.contains("--skip-damaged"), "{complaint}");

    let ran = consume(&server, &["--skip-damaged", "--format", "%o ", "T"]);
    assert_eq!((ran.code, String::from_utf8_lossy(&ran.stdout).as_ref()), (0, "0 1 3 4 5 "), "{}", ran.stderr);
    assert!(ran.stderr.contains("warning: skipped offset 2 of T/0"), "{}", ran.stderr);
}

#[test]
fn a_file_that_cannot_be_read_is_spoken_of_once_and_waited_for() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path(), &["--topic", "T"]);
    common::set_topic(&server, "T", "segment.bytes", "200");
    for i in 0..6 {
        produce(&server, &["T"], &format!("{}\n", i.to_string().repeat(100)));
    }
    assert_eq!(server.stop(), 0);
    // Sealed files are opened when somebody reads them.
    let mut server = common::command(dir.path(), &[]);
    let log = dir.path().join("broker.log");
    server.stderr(fs::File::create(&log).expect("a file"));
    let server = Server::spawn(&mut server);
    let first = dir.path().join("T/partition-0").join(format!("{:020}.log", 0));
    let aside = dir.path().join("aside");
    fs::rename(&first, &aside).expect("moved away");

    let mut reader = Running::start(CONSUME, &server.bootstrap(), &["-f", "-c", "6", "--format", "%o\n", "T"]);
    let note = reader.note();
    assert!(note.contains("warning: reading T/0: the broker can't") && note.ends_with("trying again\n"), "{note}");
    let complaints = || fs::read_to_string(&log).expect("the broker's log").matches("T/0 can't be read").count();
    common::until("the broker says it, too", || (complaints() > 0).then_some(()));
    fs::rename(&aside, &first).expect("moved back");
    let ran = reader.end();
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "one note and no more");
    assert_eq!(String::from_utf8_lossy(&ran.stdout), numbers(0..6));
    assert_eq!(complaints(), 1);
}

#[test]
fn a_follower_tells_of_a_deleted_topic_and_reads_the_next_of_its_name_from_its_start() {
    let server = Server::start(&["--topic", "T"]);
    let admin = |args: &[&str]| run(ADMIN, &server.bootstrap(), args, b"").ok();
    produce(&server, &["T"], &numbers(0..10));
    let group = ["-f", "-g", "g", "--commit-interval", "10ms", "-o", "latest", "T"];
    let mut readers = [&["-f", "T"][..], &group].map(|args| Running::start(CONSUME, &server.bootstrap(), args));
    (0..10).for_each(|i| assert_eq!(readers[0].line(), format!("{i}\n")));
    admin(&["wait", "--group", "g", "--lag", "0", "--timeout", "60s"]);
    produce(&server, &["T"], "10\n");
    readers.iter_mut().for_each(|reader| assert_eq!(reader.line(), "10\n"));
    admin(&["delete-topic", "-y", "T"]);
    for reader in &mut readers {
        assert_eq!(
            reader.note(),
            "rafka-consume: warning: topic \"T\" was deleted; waiting for another of that name\n"
        );
    }
    // More than the first one had: its offsets would be good ones, and skip something.
    produce(&server, &["T"], &numbers(100..120));
    for mut reader in readers {
        let note = reader.note();
        assert!(note.contains("topic \"T\" was deleted and made anew"), "{note}");
        (100..120).for_each(|i| assert_eq!(reader.line(), format!("{i}\n")));
        reader.signal("TERM");
        let ran = reader.end();
        assert_eq!((ran.code, ran.stderr.as_str()), (130, ""));
    }
    produce(&server, &["T"], "120\n");
    assert_eq!(consume(&server, &["-g", "g", "T"]).text(), "120\n");
}
