//! rafka-admin bench as a person runs it: what it prints, what it leaves behind, and how it ends. Nothing here asks how
//! fast it was: machines differ.
#![cfg(all(feature = "cli", unix))]

mod common;
#[path = "common/tools.rs"]
mod tools;

use std::collections::BTreeSet;
use std::process::Stdio;

use common::{Server, until};
use serde_json::Value;
use tools::{ADMIN, Ran, Running, run};

fn bench(server: &Server, args: &[&str]) -> Ran {
    run(ADMIN, &server.bootstrap(), &[&["bench"], args].concat(), b"")
}

fn json(server: &Server, args: &[&str]) -> Value {
    serde_json::from_slice(&bench(server, &[args, &["--output", "json"]].concat()).ok()).expect("a document")
}

/// The names of all topics there are.
fn topics(server: &Server) -> Vec<String> {
    let listed = server.text("TOPICS\nQUIT\n");
    listed.lines().filter_map(|line| Some(line.strip_prefix("TOPIC ")?.split(' ').next()?.to_owned())).collect()
}

/// How many records a topic holds.
fn records(server: &Server, topic: &str) -> u64 {
    let high = |line: &str| line.split(' ').find_map(|word| word.strip_prefix("high=")?.parse::<u64>().ok());
    server
        .text(&format!("OFFSETS {topic}\nQUIT\n"))
        .lines()
        .filter_map(|line| line.strip_prefix("PARTITION "))
        .filter_map(high)
        .sum()
}

/// What kind of measurement, of how many records.
fn measured(document: &Value) -> Vec<(&str, &str, u64)> {
    let rows = document["measurements"].as_array().expect("a list");
    rows.iter()
        .map(|row| {
            let (work, until) = (row["work"].as_str().expect("text"), row["until"].as_str().unwrap_or("-"));
            (work, until, row["records"].as_u64().expect("a number"))
        })
        .collect()
}

#[test]
fn all_is_measured_on_a_topic_that_is_gone_afterwards() {
    let server = Server::start(&[]);
    let document = json(&server, &["--records", "300", "--size", "50", "-p", "2"]);
    let works = measured(&document);
    assert_eq!(
        works,
        [
            ("produce", "acknowledged", 300),
            ("consume", "-", 300),
            ("latency", "acknowledged", 300),
            ("latency", "consumed", 300)
        ]
    );
    assert!(document["topic"].as_str().is_some_and(|name| name.starts_with("rafka-bench-")), "{document}");
    assert_eq!((&document["kept"], &document["partitions"]), (&false.into(), &2.into()));
    assert_eq!(document["interrupted"], false);
    for row in document["measurements"].as_array().expect("a list") {
        assert_eq!(row["bytes"], 300 * 50, "{row}");
        let number = |of: &Value, name: &str| of[name].as_f64().unwrap_or_else(|| panic!("no number {name}: {row}"));
        assert!(number(row, "seconds") > 0.0 && number(row, "records_per_second") > 0.0, "{row}");
        assert!(number(row, "bytes_per_second") > number(row, "records_per_second"), "{row}");
        if row["work"] == "consume" {
            assert!(row["latency"].is_null(), "{row}");
            continue;
        }
        let names = ["p50_ms", "p95_ms", "p99_ms", "p99_9_ms", "max_ms"];
        let spread = names.map(|name| number(&row["latency"], name));
        assert!(spread[0] > 0.0 && spread.is_sorted(), "{row}");
        assert!((0.0..=spread[4]).contains(&number(&row["latency"], "mean_ms")), "{row}");
    }
    assert_eq!(topics(&server), [""; 0]);
}

#[test]
fn each_measurement_alone_with_every_way_to_send() {
    let server = Server::start(&[]);
    for (args, expected) in [
        (
            &["produce", "--records", "1000", "--producers", "3", "-z", "lz4"][..],
            vec![("produce", "acknowledged", 1000)],
        ),
        (&["produce", "--records", "200", "--acks", "0", "-z", "zstd"], vec![("produce", "sent", 200)]),
        (&["produce", "--records", "200", "--acks", "1", "--rate", "5000"], vec![("produce", "acknowledged", 200)]),
        (&["consume", "--records", "1000", "-p", "3", "-z", "gzip"], vec![("consume", "-", 1000)]),
        (
            &["latency", "--records", "100", "--rate", "2000", "--acks", "0", "--size", "0", "-p", "3"],
            vec![("latency", "sent", 100), ("latency", "consumed", 100)],
        ),
        (
            &["latency", "--records", "100", "--rate", "2000", "-X", "compression.type=snappy"],
            vec![("latency", "acknowledged", 100), ("latency", "consumed", 100)],
        ),
    ] {
        assert_eq!(measured(&json(&server, args)), expected, "{args:?}");
    }
    // As many as fit into the time.
    let document = json(&server, &["produce", "--duration", "50ms", "--setting", "flush.policy=os"]);
    assert!(measured(&document)[0].2 > 0, "{document}");
    assert_eq!(topics(&server), [""; 0]);
}

#[test]
fn a_person_sees_a_table_and_a_pipe_gets_lines() {
    let server = Server::start(&[]);
    let plain = bench(&server, &["--records", "20"]).text();
    let rows: Vec<Vec<&str>> = plain.lines().map(|line| line.split('\t').collect()).collect();
    assert!(rows.len() == 4 && rows.iter().all(|row| row.len() == 11), "{plain}");
    assert_eq!(rows[1][..3], ["consume", "", "20"]);
    assert_eq!(rows[1][6..], [""; 5]);
    let milliseconds = |text: &str| text.strip_suffix(" ms").and_then(|number| number.parse::<f64>().ok());
    for row in [0, 2, 3].map(|row| &rows[row]) {
        assert!(row[6..].iter().all(|text| milliseconds(text).is_some()), "{plain}");
    }
    let table = bench(&server, &["produce", "--records", "20", "--output", "table"]).text();
    assert!(table.starts_with("WORK     UNTIL "), "{table}");
    assert!(table.lines().nth(1).is_some_and(|row| row.starts_with("produce  acknowledged ")), "{table}");
}

#[test]
fn a_topic_that_is_named_is_used_and_kept() {
    let server = Server::start(&[]);
    server.text("CREATE Mine 2\nPRODUCE Mine/0 key1 HelloWorld\nPRODUCE Mine/1 - x\nQUIT\n");
    let on_mine = |args: &[&str]| json(&server, &[args, &["--topic", "Mine"]].concat());
    let document = on_mine(&["produce", "--records", "100"]);
    assert_eq!(
        (&document["topic"], &document["kept"], &document["partitions"]),
        (&"Mine".into(), &true.into(), &2.into())
    );
    assert_eq!(records(&server, "Mine"), 102);
    let document = on_mine(&["consume"]);
    assert_eq!(measured(&document), [("consume", "-", 102)]);
    assert_eq!(document["measurements"][0]["bytes"], 100 * 100 + 14 + 1, "keys count, too");
    assert_eq!(measured(&on_mine(&["consume", "--records", "30"])), [("consume", "-", 30)]);
    // What was there before, and the two records that open the connections, are not of the run.
    let document = on_mine(&["latency", "--records", "50", "--rate", "2000"]);
    assert_eq!(measured(&document), [("latency", "acknowledged", 50), ("latency", "consumed", 50)]);
    assert_eq!(records(&server, "Mine"), 102 + 50 + 2);
    assert_eq!(topics(&server), ["Mine"]);
}

#[test]
fn what_can_not_be_measured_is_a_sentence() {
    let server = Server::start(&["--topic", "Empty"]);
    let said = bench(&server, &["--topic", "Emty"]).failed(1);
    assert_eq!(said, "rafka-admin: error: topic \"Emty\" does not exist\n  hint: did you mean \"Empty\"?\n");
    let said = bench(&server, &["consume", "--topic", "Empty"]).failed(1);
    assert_eq!(
        said,
        "rafka-admin: error: topic \"Empty\" holds no records to read\n  hint: rafka-admin bench produce --topic Empty writes some\n"
    );
    let ran = bench(&server, &["produce", "--size", "2MiB"]);
    assert_eq!(ran.stdout, b"", "nothing was measured");
    let said = ran.failed(1);
    assert!(said.contains("it is larger than the topic takes") && said.contains("max.message.bytes"), "{said}");
    let said = bench(&server, &["--setting", "retention.mss=1"]).failed(1);
    assert!(said.starts_with("rafka-admin: error: can't create a topic to measure on: "), "{said}");
    assert_eq!(topics(&server), ["Empty"]);

    let address = server.bootstrap();
    server.kill();
    let said = run(ADMIN, &address, &["bench", "--timeout", "1s"], b"").failed(3);
    assert!(said.starts_with("rafka-admin: error: no broker answered at "), "{said}");
}

/// Its own topic, once more was written to it than one batch.
fn under_way(server: &Server) -> String {
    let topic = until("a topic", || topics(server).into_iter().find(|name| name.starts_with("rafka-bench-")));
    let mut seen = BTreeSet::new();
    // While a batch is in flight no other is begun, so what was seen first has been acknowledged.
    until("records", || {
        seen.insert(records(server, &topic));
        (seen.len() > 3).then_some(())
    });
    topic
}

#[test]
fn ctrl_c_tells_what_was_measured_and_leaves_no_topic() {
    let server = Server::start(&[]);
    for (args, signal, works) in [
        (&["--rate", "2000", "--duration", "1h"][..], "INT", &["produce"][..]),
        (&["latency", "--rate", "2000", "--duration", "1h", "-p", "2"], "TERM", &["latency", "latency"]),
    ] {
        let running = Running::start(ADMIN, &server.bootstrap(), &[&["bench", "--output", "json"], args].concat());
        let topic = under_way(&server);
        running.signal(signal);
        let ran = running.end();
        assert_eq!((ran.code, ran.stderr.as_str()), (130, ""), "{args:?}");
        let document: Value = serde_json::from_slice(&ran.stdout).expect("a document");
        assert_eq!((&document["interrupted"], &document["topic"]), (&true.into(), &topic.into()));
        let measured = measured(&document);
        assert_eq!(measured.iter().map(|(work, ..)| *work).collect::<Vec<_>>(), works);
        assert!(measured.iter().all(|(.., records)| *records > 0), "{document}");
        assert_eq!(topics(&server), [""; 0], "{args:?}");
    }
}

#[test]
fn before_anything_is_measured_ctrl_c_prints_nothing_and_leaves_no_topic() {
    let server = Server::start(&[]);
    let running = Running::start(ADMIN, &server.bootstrap(), &["bench", "consume", "--records", "1000000000000"]);
    until("a topic that is filled", || topics(&server).first().filter(|name| records(&server, name) > 0).map(drop));
    running.signal("TERM");
    let ran = running.end();
    assert_eq!((ran.code, ran.stdout.len(), ran.stderr.as_str()), (130, 0, ""));
    assert_eq!(topics(&server), [""; 0]);
}

/// The figures are told, and that the topic could not be deleted, and how to do that later.
#[test]
fn a_broker_that_is_gone_holds_up_nobody_who_wants_to_leave() {
    let server = Server::start(&[]);
    let args = ["bench", "produce", "--rate", "2000", "--duration", "1h"];
    let mut running = Running::start(ADMIN, &server.bootstrap(), &args);
    let topic = under_way(&server);
    server.kill();
    assert!(running.note().contains("trying again"));
    running.signal("TERM");
    let ran = running.end();
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    assert!(ran.stdout.starts_with(b"produce\tacknowledged\t"), "{:?}", String::from_utf8_lossy(&ran.stdout));
    assert!(
        ran.stderr.contains(&format!("error: topic \"{topic}\" can't be deleted: no broker answered")),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.ends_with(&format!("  hint: rafka-admin delete-topic -y {topic} deletes it\n")),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_closed_output_leaves_no_topic_either() {
    let server = Server::start(&[]);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let args = ["bench", "produce", "--records", "10"];
    let status = tools::command(ADMIN, &server.bootstrap(), &args).stdin(Stdio::null()).stdout(writer).status();
    assert_eq!(status.expect("it starts").code(), Some(0));
    assert_eq!(topics(&server), [""; 0]);
}
