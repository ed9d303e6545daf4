//! rafka-produce against a running broker: every flag, what goes wrong, and that nothing is lost or changed.
#![cfg(all(feature = "cli", unix))]

mod common;
#[path = "common/tools.rs"]
mod tools;

use std::collections::BTreeMap;

use common::Server;
use rafka::record::partition_for_key;
use tools::{ADMIN, CONSUME, PRODUCE, Ran, Running, run};

fn produce(server: &Server, args: &[&str], input: impl AsRef<[u8]>) -> Ran {
    run(PRODUCE, &server.bootstrap(), args, input.as_ref())
}

fn consume(server: &Server, args: &[&str]) -> Vec<u8> {
    run(CONSUME, &server.bootstrap(), args, b"").ok()
}

fn consume_text(server: &Server, args: &[&str]) -> String {
    String::from_utf8(consume(server, args)).expect("text")
}

fn create(server: &Server, args: &[&str]) {
    run(ADMIN, &server.bootstrap(), &[&["create-topic"], args].concat(), b"").ok();
}

#[test]
fn lines_become_records_and_bytes_are_never_changed() {
    let mut server = Server::start(&[]);
    produce(&server, &["T"], "a\n\n b \r\nlast").ok();
    assert_eq!(server.line(), "Topic Created: T");
    assert_eq!(consume(&server, &["T"]), b"a\n\n b \r\nlast\n");
    let all_bytes: Vec<u8> = (0..=255).filter(|byte| *byte != b'\n').cycle().take(100_000).collect();
    produce(&server, &["Bytes"], &all_bytes).ok();
    assert_eq!(consume(&server, &["--format", "%v", "Bytes"]), all_bytes);
    produce(&server, &["Empty"], "").ok();
    assert_eq!(consume(&server, &["Empty"]), b"");
}

#[test]
fn other_delimiters_cut_other_records() {
    let server = Server::start(&[]);
    produce(&server, &["-D", "\\r\\n", "T"], "a\nb\r\nc\r\n").ok();
    assert_eq!(consume_text(&server, &["--format", "[%v]", "T"]), "[a\nb][c]");
    produce(&server, &["-D", "", "Whole"], "a\nb\n").ok();
    assert_eq!(consume_text(&server, &["--format", "[%v]", "Whole"]), "[a\nb\n]");
    produce(&server, &["-D", "", "-Z", "-k", "key1", "Tombs"], "").ok();
    assert_eq!(consume_text(&server, &["--format", "%k %V", "Tombs"]), "key1 -1");
}

#[test]
fn keys_headers_and_tombstones() {
    let server = Server::start(&[]);
    produce(&server, &["-K", ":", "-Z", "-H", "a=1", "-H", "a=2=3", "-H", "b=", "T"], "k:v:w\n:x\nz:\n").ok();
    assert_eq!(
        consume_text(&server, &["--format", "%k/%K %v/%V %h\\n", "T"]),
        "k/1 v:w/3 a=1,a=2=3,b=\n/0 x/1 a=1,a=2=3,b=\nz/1 /-1 a=1,a=2=3,b=\n"
    );
    produce(&server, &["-k", "all", "K"], "1\n2\n").ok();
    assert_eq!(consume_text(&server, &["--format", "%k=%v ", "K"]), "all=1 all=2 ");
}

#[test]
fn a_record_that_is_none_is_named_and_those_before_it_are_delivered() {
    let server = Server::start(&[]);
    let complaint = produce(&server, &["-K", ":", "T"], "a:1\nb:2\nnothing\nc:3\n").failed(1);
    assert_eq!(
        complaint,
        "rafka-produce: error: line 3: it has no \":\" between key and value\n  \
         hint: delivered: 2 lines; tail -n +3 goes on there\n"
    );
    assert_eq!(consume_text(&server, &["T"]), "1\n2\n");
    let complaint = produce(&server, &["-J", "T"], "{\"value\":\"3\"}\n{\"value\":4}\n").failed(1);
    assert!(complaint.contains("line 2: \"value\" is a number; it must be a string or null"), "{complaint}");
    assert_eq!(consume_text(&server, &["T"]), "1\n2\n3\n");
}

#[test]
fn round_robin_is_even_and_keys_go_where_java_puts_them() {
    let server = Server::start(&["--topic", "R:6", "--topic", "K:6"]);
    let lines: String = (0..1000).map(|i| format!("{}:{i}\n", ["", "N101", "N102", "N103"][i % 4])).collect();
    produce(&server, &["--partitioner", "round-robin", "-K", ":", "R"], &lines).ok();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    consume_text(&server, &["--format", "%p\\n", "R"])
        .lines()
        .for_each(|p| *counts.entry(p.to_owned()).or_default() += 1);
    assert_eq!(counts.len(), 6);
    assert!(counts.values().all(|count| (166..=167).contains(count)), "{counts:?}");

    produce(&server, &["-K", ":", "K"], &lines).ok();
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    for line in consume_text(&server, &["--format", "%p %v %k\\n", "K"]).lines() {
        let mut fields = line.splitn(3, ' ');
        let mut next = || fields.next().unwrap_or_default().to_owned();
        let (partition, value, key) = (next(), next(), next());
        assert_eq!(partition, partition_for_key(key.as_bytes(), 6).to_string(), "key {key:?}");
        let value: u64 = value.parse().expect("a number");
        assert!(last.insert(key, value).is_none_or(|before| before < value), "order within a key is kept");
    }
    assert_eq!(last.len(), 4);
}

#[test]
fn one_partition_can_be_chosen() {
    let server = Server::start(&["--topic", "T:3"]);
    produce(&server, &["-p", "2", "-k", "k", "T"], "a\nb\n").ok();
    assert_eq!(consume_text(&server, &["--format", "%p%v ", "T"]), "2a 2b ");
    let complaint = produce(&server, &["-p", "3", "T"], "a\n").failed(1);
    assert!(complaint.contains("topic \"T\" has no partition 3: it has 3, counted from 0"), "{complaint}");
}

#[test]
fn topics_are_created_only_where_that_is_wanted() {
    let server = Server::start(&["--topic", "Payments"]);
    let complaint = produce(&server, &["--no-create", "Paymnts"], "a\n").failed(1);
    assert_eq!(
        complaint,
        "rafka-produce: error: topic \"Paymnts\" does not exist\n  hint: did you mean \"Payments\"?\n"
    );
    let strict = Server::start(&["-X", "auto.create.topics.enable=false"]);
    let complaint = produce(&strict, &["New"], "a\n").failed(1);
    assert!(complaint.contains("rafka-admin create-topic New"), "{complaint}");
    assert!(produce(&server, &["a/b"], "").failed(2).contains("has the character '/'"));
}

#[test]
fn a_report_tells_every_place_in_the_order_of_the_input() {
    let server = Server::start(&["--topic", "T:2"]);
    let report = produce(&server, &["--report", "-K", ":", "T"], "a:1\nb:2\na:3\nb:4\n").text();
    let places: Vec<Vec<&str>> = report.lines().map(|line| line.split('\t').collect()).collect();
    let stored = consume_text(&server, &["--format", "%v T %p %o\\n", "T"]);
    for (i, place) in places.iter().enumerate() {
        assert!(stored.contains(&format!("{} {}\n", i + 1, place.join(" "))), "{place:?} in {stored}");
    }
    assert_eq!(places.len(), 4);
    let report = produce(&server, &["--report", "--acks", "0", "-p", "0", "T"], "x\n").text();
    assert_eq!(report, "T\t0\t-1\n");
}

#[test]
fn json_is_lossless_there_and_back() {
    let server = Server::start(&["--topic", "A:3", "--topic", "B:3"]);
    let lines = [
        r#"{"key":null,"value":null,"timestamp":1}"#,
        r#"{"key":"","value":"","headers":[]}"#,
        r#"{"key_base64":"/wA=","value_base64":"gIE=","headers":[{"key":"h","value":null},{"key":"h","value_base64":"/w=="},{"key":"","value":""}]}"#,
        r#"{"key":"ä\u0000\n\"","value":"\ud83d\ude00","partition":2,"timestamp":1732261234567}"#,
        r#"{}"#,
    ];
    produce(&server, &["-J", "A"], lines.join("\n")).ok();
    let a = consume_text(&server, &["-J", "A"]);
    produce(&server, &["-J", "--keep-partition", "B"], &a).ok();
    let b = consume_text(&server, &["-J", "B"]);
    assert_eq!(sorted(&a), sorted(&b.replace("\"topic\":\"B\"", "\"topic\":\"A\"")));
    assert_eq!(a.lines().count(), 5);
    assert!(a.contains("\"timestamp\":1,") && a.contains("\"value_base64\":\"gIE=\""), "{a}");
    let complaint = produce(&server, &["-J", "--keep-partition", "B"], "{\"partition\":3}\n").failed(1);
    assert!(complaint.contains("line 1: topic \"B\" has no partition 3"), "{complaint}");
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn every_codec_and_every_acks_brings_everything() {
    let server = Server::start(&[]);
    let lines: String = (0..20_000).map(|i| format!("{i} {}\n", "x".repeat(i % 50))).collect();
    for flags in [
        &["-z", "none"][..],
        &["-z", "gzip"],
        &["-z", "snappy"],
        &["-z", "lz4"],
        &["-z", "zstd", "--linger", "5ms"],
        &["--acks", "1"],
        &["--acks", "0"],
        &["-X", "batch.size=1"],
        &["-X", "enable.idempotence=false"],
    ] {
        let topic = format!("T{}", flags.join("").replace('=', "."));
        // A flush for every few records: so many as a slow disk takes within the delivery timeout.
        let count = if flags.contains(&"batch.size=1") { 1000 } else { 20_000 };
        let lines: String = lines.split_inclusive('\n').take(count).collect();
        produce(&server, &[flags, &[topic.as_str()]].concat(), &lines).ok();
        if flags[0] == "--acks" {
            // It is stored, or even only sent; nobody promised that it can be read at once.
            let read = || Some(consume_text(&server, &[&topic])).filter(|read| *read == lines);
            common::until("everything is stored", read);
        } else {
            assert!(consume_text(&server, &[&topic]) == lines, "{flags:?}");
        }
    }
}

#[test]
fn a_slow_line_is_there_at_once() {
    let server = Server::start(&["--topic", "Logs"]);
    let mut writer = Running::start(PRODUCE, &server.bootstrap(), &["Logs"]);
    let mut reader = Running::start(CONSUME, &server.bootstrap(), &["-f", "Logs"]);
    for line in ["one\n", "two\n", "three\n"] {
        writer.write(line);
        assert_eq!(reader.line(), line);
    }
    writer.write("half a line");
    assert_eq!(writer.end().code, 0);
    assert_eq!(reader.line(), "half a line\n");
    reader.signal("INT");
    assert_eq!(reader.end().code, 130);
}

#[test]
fn batches_too_large_for_the_topic_are_cut_smaller() {
    let server = Server::start(&[]);
    create(&server, &["Small", "--setting", "max.message.bytes=2000"]);
    let lines: String = (0..5000).map(|i| format!("{i}\n")).collect();
    produce(&server, &["Small"], &lines).ok();
    assert!(consume_text(&server, &["Small"]) == lines);
    let too_long = format!("short\n{}\nafter\n", "x".repeat(3000));
    let complaint = produce(&server, &["Small"], &too_long).failed(1);
    assert!(complaint.contains("line 2: ") && complaint.contains("MESSAGE_TOO_LARGE"), "{complaint}");
    assert!(complaint.contains("tail -n +2"), "{complaint}");
    assert!(complaint.contains("hint: rafka-admin set-config topic/Small max.message.bytes="), "{complaint}");
    let complaint = produce(&server, &["-X", "max.request.size=100", "Small"], &too_long).failed(1);
    assert!(complaint.contains("line 2: it is longer than 100 bytes"), "{complaint}");
}

#[test]
fn a_topic_that_cannot_be_comes_with_the_reason() {
    let server = Server::start(&["--topic", "a.b"]);
    let complaint = produce(&server, &["a_b"], "x\n").failed(1);
    let asked = run(ADMIN, &server.bootstrap(), &["create-topic", "a_b"], b"").failed(1);
    let reason = asked.trim_end().rsplit("): ").next().expect("the broker's words");
    assert!(reason.contains("a.b") && complaint.contains(reason), "{complaint}{asked}");
    let complaint = produce(&server, &["__consumer_offsets"], "x\n").failed(1);
    assert_eq!(
        complaint,
        "rafka-produce: error: \"__consumer_offsets\" is the brokers' own topic: only they write it\n"
    );
}

#[test]
fn a_topic_that_goes_is_named_once() {
    let server = Server::start(&["--topic", "T"]);
    let patience = ["-X", "request.timeout.ms=500", "-X", "delivery.timeout.ms=1500", "--report", "T"];
    let mut writer = Running::start(PRODUCE, &server.bootstrap(), &patience);
    writer.write("one\n");
    assert_eq!(writer.line(), "T\t0\t0\n");
    run(ADMIN, &server.bootstrap(), &["delete-topic", "-y", "T"], b"").ok();
    writer.write("two\n");
    let complaint = writer.end().failed(1);
    let error = complaint.lines().find(|line| line.contains(" error: ")).expect("an error");
    assert_eq!(error.matches("UNKNOWN_TOPIC_OR_PARTITION").count(), 1, "{complaint}");
    assert!(complaint.contains("hint: the topic may have been deleted; delivered: 1 line"), "{complaint}");
}

#[test]
fn no_broker_and_no_sense_have_their_exit_codes() {
    let nobody = "127.0.0.1:1";
    let complaint = run(PRODUCE, nobody, &["T"], b"a\n").failed(3);
    assert!(complaint.contains("no broker answered at 127.0.0.1:1: connection refused"), "{complaint}");
    run(PRODUCE, nobody, &[], b"").failed(2);
    run(PRODUCE, nobody, &["-X", "no.such=1", "T"], b"").failed(2);
    run(PRODUCE, nobody, &["-H", "noequals", "T"], b"").failed(2);
}

#[test]
fn a_broker_that_comes_back_gets_everything_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path(), &["--topic", "T"]);
    let address = server.bootstrap();
    let mut writer = Running::start(PRODUCE, &address, &["--report", "T"]);
    let mut expected = String::new();
    for i in 0..100 {
        expected.push_str(&format!("{i}\n"));
        writer.write(&format!("{i}\n"));
    }
    assert_eq!(writer.line(), "T\t0\t0\n", "it is connected");
    server.kill();
    for i in 100..200 {
        expected.push_str(&format!("{i}\n"));
        writer.write(&format!("{i}\n"));
    }
    let note = writer.note();
    assert!(note.starts_with("rafka-produce: warning: ") && note.ends_with("; trying again\n"), "{note}");
    let server = Server::start_in(dir.path(), &["--listen", &address]);
    let ran = writer.end();
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "one note and no more");
    assert_eq!(consume_text(&server, &["T"]), expected);
}

#[test]
fn a_broker_that_stays_away_is_given_up() {
    let server = Server::start(&["--topic", "T"]);
    let patience = ["-X", "request.timeout.ms=500", "-X", "delivery.timeout.ms=1500", "T"];
    let mut writer = Running::start(PRODUCE, &server.bootstrap(), &[&["--report"], &patience[..]].concat());
    writer.write("one\n");
    assert_eq!(writer.line(), "T\t0\t0\n");
    server.kill();
    writer.write("two\nthree\n");
    let complaint = writer.end().failed(1);
    assert!(complaint.contains("error: line 2"), "{complaint}");
    assert!(complaint.contains("delivered: 1 line; tail -n +2 goes on there"), "{complaint}");
}

#[test]
fn a_first_signal_finishes_what_was_read() {
    let server = Server::start(&["--topic", "T"]);
    let mut writer = Running::start(PRODUCE, &server.bootstrap(), &["--report", "T"]);
    writer.write("one\n");
    writer.line();
    writer.signal("TERM");
    let code = common::wait(&mut writer.child);
    assert_eq!(code, 130);
    assert_eq!(writer.note(), "rafka-produce: warning: interrupted; delivered: 1 line; tail -n +2 goes on there\n");
    assert_eq!(consume_text(&server, &["T"]), "one\n");
}

#[test]
fn nobody_who_reads_the_report_is_a_quiet_end() {
    let server = Server::start(&["--topic", "T"]);
    let mut writer = Running::start(PRODUCE, &server.bootstrap(), &["--report", "T"]);
    writer.write("one\n");
    writer.line();
    writer.close_stdout();
    writer.write("two\n");
    let ran = writer.end();
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
}

#[test]
fn a_large_input_arrives_whole_and_in_order() {
    let server = Server::start(&["--topic", "T:5"]);
    let lines: String = (0..300_000).map(|i| format!("{i:07}\n")).collect();
    produce(&server, &["--partitioner", "round-robin", "T"], &lines).ok();
    for partition in 0..5 {
        let read = consume_text(&server, &["-p", &partition.to_string(), "T"]);
        assert!(read.lines().is_sorted(), "partition {partition}");
        assert_eq!(read.lines().count(), 60_000);
    }
    let all = consume_text(&server, &["T"]);
    let mut all: Vec<&str> = all.lines().collect();
    all.sort_unstable();
    assert!(all.into_iter().eq(lines.lines()), "each line once");
}

#[test]
fn a_mistyped_field_of_json_is_told_once() {
    let server = Server::start(&["--topic", "T"]);
    let lines = b"{\"value\":\"fine\",\"offset\":3}\n{\"vlaue\":\"x\"}\n{\"vlaue\":\"y\",\"more\":1}\n";
    let ran = run(PRODUCE, &server.bootstrap(), &["-J", "T"], lines);
    assert_eq!(ran.code, 0);
    let said = "rafka-produce: warning: line 2: the field \"vlaue\" is none of a record's, and is left out; did you mean \"value\"?\n";
    assert_eq!(ran.stderr, said);
}
