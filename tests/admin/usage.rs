//! What needs no broker: usage errors, signals, closed pipes, brokers that are not there.

use std::io::pipe;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::support::{Ran, admin, command, spawn};

/// An address where nobody listens.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").to_string()
}

#[test]
fn nonsense_is_refused_with_a_sentence_a_hint_and_exit_code_2() {
    for (args, sentence, hint) in [
        (
            &["create-topic"][..],
            "the following required arguments were not provided: <NAME>...",
            "try rafka-admin create-topic -h",
        ),
        (&["list-topic"], "unrecognized command 'list-topic'", "did you mean 'list-topics'?"),
        (&["list-topics", "--outputt", "json"], "unexpected argument '--outputt' found", "did you mean '--output'?"),
        (
            &["list-topics", "--output", "jsn"],
            "invalid value 'jsn' for '--output <FORMAT>' [possible values: table, plain, json]",
            "did you mean 'json'?",
        ),
        (
            &["get-config", "Payments"],
            "invalid value 'Payments' for '<OWNER>': settings belong to topic/NAME or broker/ID",
            "try rafka-admin get-config -h",
        ),
        (
            &["create-topic", "a/b"],
            "invalid value 'a/b' for '<NAME>...': topic name \"a/b\" has the character '/'; only letters, digits, '.', '_' and '-' are allowed",
            "try rafka-admin create-topic -h",
        ),
        (
            &["inspect-segment", "-c", "-1", "x.log"],
            "invalid value '-1' for '--count <N>': invalid digit found in string",
            "try rafka-admin inspect-segment -h",
        ),
        (&["inspect-segment", "/"], "/ is a directory", "verify-log looks at every file under one"),
    ] {
        let ran = admin(args);
        assert_eq!(ran.code, Some(2), "{args:?}");
        assert_eq!(ran.out, "", "{args:?}");
        assert_eq!(ran.err, format!("rafka-admin: error: {sentence}\n  hint: {hint}\n"), "{args:?}");
    }
}

#[test]
fn a_file_that_is_not_there_is_said_so() {
    let said = admin(&["inspect-segment", "/nowhere/at/all"]).failed(1);
    assert_eq!(said, "rafka-admin: error: /nowhere/at/all can't be read: No such file or directory\n");
}

#[test]
fn without_a_command_it_shows_its_help_and_fails() {
    let ran = admin(&[]);
    assert_eq!(ran.code, Some(2));
    assert_eq!(ran.out, "");
    assert!(ran.err.contains("Commands:\n"));
}

#[test]
fn what_destroys_needs_yes_where_nobody_can_be_asked() {
    let nowhere = nowhere();
    for (args, what) in [
        (&["delete-topic", "Payments"][..], "destroys data"),
        (&["trim-topic", "Payments", "--before", "5"], "destroys data"),
        (&["delete-group", "billing"], "destroys what a group has committed"),
        (&["reset-group", "billing", "--topic", "T", "--to", "5"], "moves the place of a group"),
    ] {
        let ran = admin(&[args, &["-b", &nowhere]].concat());
        assert_eq!(ran.code, Some(2), "{args:?}");
        let expected = format!(
            "rafka-admin: error: {} {what}, and nobody is here to confirm it\n  hint: give -y to do it without asking\n",
            args[0]
        );
        assert_eq!(ran.err, expected);
    }
}

#[test]
fn no_broker_is_exit_code_3() {
    let nowhere = nowhere();
    let ran = admin(&["list-topics", "-b", &nowhere]);
    assert_eq!(ran.code, Some(3));
    assert_eq!(ran.out, "");
    assert!(
        ran.err
            .starts_with(&format!("rafka-admin: error: no broker answered at {nowhere}: connection refused\n  hint: ")),
        "{}",
        ran.err
    );
}

#[test]
fn control_characters_of_an_argument_do_not_reach_the_terminal() {
    let ran = admin(&["create-topic", "a\x1b[31mb"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("has the character '\\u{1b}'") && !ran.err.contains('\x1b'), "{}", ran.err);
}

#[test]
fn a_closed_standard_output_is_a_quiet_success() {
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    let ran: Ran = command(&["--help"]).stdout(writer).stderr(Stdio::piped()).output().expect("it starts").into();
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
}

#[test]
fn the_last_of_two_flags_counts() {
    let nowhere = nowhere();
    let ran = admin(&["-b", "127.0.0.1:1", "-b", &nowhere, "ping"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.err.contains(&nowhere), "{}", ran.err);
}

#[test]
fn the_environment_names_a_broker_and_a_flag_goes_before_it() {
    let (first, second) = (nowhere(), nowhere());
    let run = |args: &[&str]| Ran::from(command(args).env("RAFKA_BOOTSTRAP", &first).output().expect("it starts"));
    assert!(run(&["ping"]).err.contains(&first));
    let flagged = run(&["ping", "-b", &second]);
    assert!(flagged.err.contains(&second) && !flagged.err.contains(&first), "{}", flagged.err);
}

/// A broker that accepts and never answers: whoever waits for it can be interrupted.
#[test]
fn a_signal_ends_it_with_130() {
    for signal in [Signal::INT, Signal::TERM] {
        let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = silent.local_addr().expect("an address").to_string();
        let child = spawn(&["ping", "-b", &address]).expect("it starts");
        let _connection = silent.accept().expect("it connects, so it has taken over the signals");
        kill_process(Pid::from_child(&child), signal).expect("it runs");
        let ran: Ran = child.wait_with_output().expect("it ends").into();
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(130), "", ""));
    }
}

#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("an address").to_string();
    let script = format!("trap '' INT; exec {} ping -b {address}", env!("CARGO_BIN_EXE_rafka-admin"));
    let child = Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).stderr(Stdio::piped()).spawn();
    let child = child.expect("sh starts");
    let connection = silent.accept().expect("it connects");
    kill_process(Pid::from_child(&child), Signal::INT).expect("it runs");
    drop((connection, silent));
    let ran: Ran = child.wait_with_output().expect("it ends").into();
    assert_eq!(ran.code, Some(3), "{}", ran.err);
}
