//! The text protocol against the real broker, as somebody at `nc` meets it.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;

use common::Server;

const SESSION: &str = "PRODUCE Payments key1 HelloWorld\n\
    \"PRODUCE Payments key1 HelloWorld\"\n\
    PRODUCE Payments - Hello big world\n\
    CONSUME Payments 0 0\n\
    QUIT\n";

const ANSWERS: &str = "ACK partition=0 offset=0\n\
    ACK partition=0 offset=1\n\
    ACK partition=0 offset=2\n\
    MSG 0 key1 HelloWorld\n\
    MSG 1 key1 HelloWorld\n\
    MSG 2 - Hello big world\n\
    OK count=3 next=3 high=3\n\
    OK bye\n";

#[test]
fn the_session_of_the_contract_byte_for_byte() {
    let mut server = Server::start(&[]);
    let mut socket = server.connect();
    socket.write_all(SESSION.as_bytes()).expect("sends");
    let mut output = String::new();
    socket.read_to_string(&mut output).expect("QUIT closes");
    assert_eq!(output, ANSWERS);
    assert_eq!(server.line(), "Topic Created: Payments");
}

#[test]
fn crlf_and_a_last_line_without_an_end_are_fine() {
    let server = Server::start(&[]);
    let input = SESSION.replace('\n', "\r\n");
    assert_eq!(server.text(input.trim_end()), ANSWERS);
}

#[test]
fn a_stream_split_at_every_byte_means_the_same() {
    let server = Server::start(&["--topic", "Payments"]);
    let mut socket = server.connect();
    for byte in SESSION.as_bytes() {
        socket.write_all(std::slice::from_ref(byte)).expect("sends");
    }
    let mut output = String::new();
    socket.read_to_string(&mut output).expect("QUIT closes");
    assert_eq!(output, ANSWERS);
}

#[test]
fn many_pipelined_commands_are_answered_in_order() {
    let server = Server::start(&[]);
    let lines: String = (0..5000).map(|i| format!("PRODUCE Many - value {i}\n")).collect();
    let output = server.text(&(lines + "PING\n"));
    let expected: String = (0..5000).map(|i| format!("ACK partition=0 offset={i}\n")).collect();
    assert_eq!(output, expected + "OK pong\n");
}

#[test]
fn each_mistake_has_its_sentence_and_the_connection_stays() {
    let server = Server::start(&["--topic", "Payments:3"]);
    let cases = [
        ("PRODCE x", "ERR UNKNOWN_COMMAND \"PRODCE\"; did you mean PRODUCE? try HELP"),
        ("CONSUME Payments", "ERR WRONG_ARGUMENTS CONSUME needs <topic> <partition> <offset>"),
        ("CONSUME Paymnts 0 0", "ERR UNKNOWN_TOPIC_OR_PARTITION Paymnts; did you mean Payments?"),
        ("CONSUME Payments 0 99", "ERR OFFSET_OUT_OF_RANGE 99 is outside 0..0"),
    ];
    let input: String = cases.iter().map(|(line, _)| format!("{line}\n")).collect();
    let output = server.text(&(input + "PING\n"));
    let mut answers = output.lines();
    for (line, expected) in cases {
        assert_eq!(answers.next(), Some(expected), "{line}");
    }
    assert_eq!(answers.next(), Some("OK pong"));
    for (line, start) in [
        ("CONSUME Payments 3 0", "ERR UNKNOWN_TOPIC_OR_PARTITION "),
        ("PRODUCE Payments/7 - x", "ERR UNKNOWN_TOPIC_OR_PARTITION "),
        ("PRODUCE bad/name! - x", "ERR "),
        ("PRODUCE __consumer_offsets - x", "ERR INVALID_TOPIC_EXCEPTION "),
        ("CREATE Payments", "ERR TOPIC_ALREADY_EXISTS "),
        ("CREATE Other 0", "ERR "),
        ("CREATE Other 1 3", "ERR INVALID_REPLICATION_FACTOR "),
        ("OFFSETS Nothing", "ERR UNKNOWN_TOPIC_OR_PARTITION "),
        ("COMMIT g Nothing 0 1", "ERR UNKNOWN_TOPIC_OR_PARTITION "),
    ] {
        let output = server.text(&format!("{line}\n"));
        assert!(output.starts_with(start) && output.lines().count() == 1, "{line}: {output}");
    }
}

#[test]
fn lists_and_commits_in_their_forms() {
    let server = Server::start(&[]);
    let output = server.text(
        "CREATE b 2\nCREATE a\nPRODUCE b/1 - x\nPRODUCE b/1 - y\nTOPICS\nOFFSETS b\nCOMMIT g b 1 1\nCOMMITTED g\n\
         COMMITTED g b\nGROUPS\nTOPICS\nCOMMITTED nobody\n",
    );
    assert_eq!(
        output,
        "OK partitions=2\nOK partitions=1\nACK partition=1 offset=0\nACK partition=1 offset=1\n\
         TOPIC a partitions=1 replicas=1\nTOPIC b partitions=2 replicas=1\nOK count=2\n\
         PARTITION 0 low=0 high=0 leader=1\nPARTITION 1 low=0 high=2 leader=1\nOK count=2\n\
         OK\nOFFSET b 1 committed=1 high=2 lag=1\nOK count=1\nOFFSET b 1 committed=1 high=2 lag=1\nOK count=1\n\
         GROUP g state=Empty members=0\nOK count=1\n\
         TOPIC a partitions=1 replicas=1\nTOPIC b partitions=2 replicas=1\nOK count=2\nOK count=0\n"
    );
}

#[test]
fn offsets_in_every_form() {
    let server = Server::start(&[]);
    let produce: String = (0..10).map(|i| format!("PRODUCE t - {i}\n")).collect();
    server.text(&produce);
    let first = |line: &str| server.text(&format!("{line}\n")).lines().next().map(ToOwned::to_owned);
    assert_eq!(first("CONSUME t 0 earliest 1").as_deref(), Some("MSG 0 - 0"));
    assert_eq!(first("CONSUME t 0 -3").as_deref(), Some("MSG 7 - 7"));
    assert_eq!(first("CONSUME t 0 -99 1").as_deref(), Some("MSG 0 - 0"));
    assert_eq!(first("CONSUME t 0 latest").as_deref(), Some("OK count=0 next=10 high=10"));
    assert_eq!(first("CONSUME t 0 @0 1").as_deref(), Some("MSG 0 - 0"));
    assert_eq!(first("CONSUME t 0 @99999999999999").as_deref(), Some("OK count=0 next=10 high=10"));
    assert_eq!(server.text("CONSUME t 0 2 3\n"), "MSG 2 - 2\nMSG 3 - 3\nMSG 4 - 4\nOK count=3 next=5 high=10\n");
}

#[test]
fn follow_shows_each_record_and_ends_at_the_next_line() {
    let server = Server::start(&["--topic", "t"]);
    let mut reader = BufReader::new(server.connect());
    reader.get_mut().write_all(b"CONSUME t 0 0 FOLLOW\n").expect("sends");
    let line = |reader: &mut BufReader<_>| {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        line
    };
    for i in 0..20 {
        server.text(&format!("PRODUCE t - line {i}\n"));
        assert_eq!(line(&mut reader), format!("MSG {i} - line {i}\n"));
    }
    reader.get_mut().write_all(b"PING\n").expect("sends");
    assert_eq!(line(&mut reader), "OK count=20 next=20 high=20\n");
    assert_eq!(line(&mut reader), "OK pong\n");
}

#[test]
fn follow_outlives_the_end_of_input_and_ends_at_its_count() {
    let server = Server::start(&["--topic", "t"]);
    let mut socket = server.connect();
    socket.write_all(b"CONSUME t 0 0 2 FOLLOW\n").expect("sends");
    socket.shutdown(Shutdown::Write).expect("ends its half");
    server.text("PRODUCE t - one\nPRODUCE t - two\n");
    let mut output = String::new();
    socket.read_to_string(&mut output).expect("the end");
    assert_eq!(output, "MSG 0 - one\nMSG 1 - two\nOK count=2 next=2 high=2\n");
}

#[test]
fn http_and_tls_get_one_sentence() {
    let server = Server::start(&[]);
    let output = server.text("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(output.starts_with("HTTP/1.1 400 ") && output.contains("not HTTP"), "{output}");
    let mut socket = server.connect();
    socket.write_all(&[0x16, 3, 1, 0, 200, 1, 0, 0]).expect("sends");
    let mut output = Vec::new();
    socket.read_to_end(&mut output).expect("the end");
    assert!(output.starts_with(b"ERR SECURITY_DISABLED "), "{}", String::from_utf8_lossy(&output));
}

#[test]
fn a_line_past_the_limit_is_named_and_closes_the_connection() {
    let server = Server::start(&["-X", "message.max.bytes=1000"]);
    let long = format!("PRODUCE t - {}\nPING\n", "x".repeat(10_000));
    let output = server.text(&long);
    assert!(output.starts_with("ERR MESSAGE_TOO_LARGE ") && output.lines().count() == 1, "{output}");
    let output = server.text(&format!("PRODUCE t - {}\nPING\n", "x".repeat(3000)));
    assert!(output.starts_with("ERR MESSAGE_TOO_LARGE ") && output.ends_with("OK pong\n"), "{output}");
}

#[test]
fn any_bytes_go_in_and_come_out() {
    let server = Server::start(&[]);
    let output =
        server.text("PRODUCE t \"a b\" \"\\x00\\xff\\n\\\"\"\nPRODUCE t \"\" \"\"\nPRODUCE t - -\nCONSUME t 0 0\n");
    let shown: Vec<&str> = output.lines().skip(3).take(3).collect();
    assert_eq!(shown, ["MSG 0 \"a b\" \"\\0\\xFF\\n\\\"\"", "MSG 1 \"\" \"\"", "MSG 2 - -"]);
    // What was printed, pasted into PRODUCE, is the same again.
    let pasted: String = shown
        .iter()
        .map(|line| format!("PRODUCE u {}\n", line.splitn(3, ' ').nth(2).expect("key and value")))
        .collect();
    let again = server.text(&(pasted + "CONSUME u 0 0\n"));
    assert_eq!(again.lines().skip(3).take(3).collect::<Vec<_>>(), shown);
}

#[test]
fn everything_is_there_after_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path(), &[]);
    server.text("PRODUCE t k v\nCOMMIT g t 0 1\n");
    assert_eq!(server.stop(), 0);
    let server = Server::start_in(dir.path(), &[]);
    assert_eq!(
        server.text("CONSUME t 0 0\nCOMMITTED g\n"),
        "MSG 0 k v\nOK count=1 next=1 high=1\nOFFSET t 0 committed=1 high=1 lag=0\nOK count=1\n"
    );
    server.kill();
    let server = Server::start_in(dir.path(), &[]);
    assert_eq!(
        server.text("PRODUCE t - w\nCONSUME t 0 0\nGROUPS\n"),
        "ACK partition=0 offset=1\nMSG 0 k v\nMSG 1 - w\nOK count=2 next=2 high=2\n\
         GROUP g state=Empty members=0\nOK count=1\n"
    );
}

#[test]
fn half_a_line_is_no_line_when_the_broker_stops() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path(), &["--topic", "t"]);
    let mut socket = server.connect();
    socket.write_all(b"PING\nPRODUCE t - pay Alice 1000").expect("sends");
    let mut answered = [0; 8];
    socket.read_exact(&mut answered).expect("the whole line is answered");
    assert_eq!(&answered, b"OK pong\n");
    assert_eq!(server.stop(), 0);
    let server = Server::start_in(dir.path(), &[]);
    assert_eq!(server.text("CONSUME t 0 0\n"), "OK count=0 next=0 high=0\n");
}

#[test]
fn flush_policy_changes_while_records_come() {
    let server = Server::start(&["--topic", "t"]);
    for policy in ["os", "fsync", "os", "fsync"] {
        let before: i64 = server
            .text("OFFSETS t\n")
            .split("high=")
            .nth(1)
            .and_then(|t| t.split(' ').next()?.parse().ok())
            .expect("high");
        common::set_topic(&server, "t", "flush.policy", policy);
        let output = server.text("PRODUCE t - x\nPRODUCE t - y\n");
        assert_eq!(output.lines().count(), 2, "{policy}: {output}");
        let high = format!("high={} ", before + 2);
        assert!(server.text("OFFSETS t\n").contains(&high), "{policy}");
    }
}
