//! rafka-server as a person runs it: its lines on standard output, its sentences, its exit codes.
#![cfg(all(feature = "cli", unix))]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rafka-server"));
    command.args(args).stdin(Stdio::null()).env_remove("RAFKA_CONFIG");
    command
}

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(args: &[&str]) -> Ran {
    let output = command(args).output().expect("rafka-server starts");
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("text"),
        err: String::from_utf8(output.stderr).expect("text"),
    }
}

/// A running server that ends with the test.
struct Running {
    child: Child,
    /// None once nobody reads it any more.
    lines: Option<BufReader<ChildStdout>>,
    address: String,
}

fn start(args: &[&str]) -> Running {
    let mut child = command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("rafka-server starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    lines.read_line(&mut line).expect("text");
    let address = line.trim_end().strip_prefix("Broker Listening on ").expect("it says first where it listens");
    Running { child, lines: Some(lines), address: address.to_owned() }
}

impl Running {
    fn next_line(&mut self) -> String {
        let mut line = String::new();
        self.lines.as_mut().expect("still read").read_line(&mut line).expect("text");
        line.trim_end().to_owned()
    }

    /// Sends a line of the text protocol; the answer.
    fn ask(&self, line: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("it accepts");
        writeln!(stream, "{line}").expect("sent");
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).expect("an answer");
        answer.trim_end().to_owned()
    }

    /// The exit code after a signal, and what stood on standard error.
    fn stop(mut self, signal: Signal) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
        let mut said = String::new();
        self.child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
        (self.child.wait().expect("it ends").code(), said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn directory() -> (TempDir, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data").to_str().expect("text").to_owned();
    (directory, data)
}

#[test]
fn it_says_where_it_listens_and_which_topics_it_creates_and_stops_cleanly() {
    let (_directory, data) = directory();
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = start(&["--data-dir", &data, "--listen", "127.0.0.1:0", "--topic", "Logs:3"]);
        assert!(!server.address.ends_with(":0"), "the real port: {}", server.address);
        if signal == Signal::TERM {
            assert_eq!(server.next_line(), "Topic Created: Logs");
            assert_eq!(server.ask("PRODUCE Payments k v"), "ACK partition=0 offset=0");
            assert_eq!(server.next_line(), "Topic Created: Payments");
        } else {
            assert_eq!(server.ask("OFFSETS Payments"), "PARTITION 0 low=0 high=1 leader=1");
            assert_eq!(server.ask("PRODUCE Orders k v"), "ACK partition=0 offset=0");
            assert_eq!(server.next_line(), "Topic Created: Orders", "the others were there already");
        }
        let (code, said) = server.stop(signal);
        assert_eq!(code, Some(0), "{said}");
        assert!(Path::new(&data).join("+rafka/stopped").exists(), "the next start needs no recovery");
    }
}

#[test]
fn every_listener_has_its_line() {
    let (_directory, data) = directory();
    let mut server = start(&["--data-dir", &data, "--listen", "127.0.0.1:0", "--listen", "INNER=127.0.0.1:0"]);
    let second = server.next_line();
    let address = second.strip_prefix("Broker Listening on ").expect("a second listener");
    assert_ne!(address, server.address);
    TcpStream::connect(address).expect("it accepts there too");
}

#[test]
fn it_goes_on_without_a_reader_of_its_standard_output() {
    let (_directory, data) = directory();
    let mut server = start(&["--data-dir", &data, "--listen", "127.0.0.1:0"]);
    server.lines = None;
    assert_eq!(server.ask("PRODUCE Payments k v"), "ACK partition=0 offset=0");
    assert_eq!(server.ask("PRODUCE Orders k v"), "ACK partition=0 offset=0");
    assert_eq!(server.stop(Signal::TERM).0, Some(0));
}

#[test]
fn a_port_in_use_is_said_and_touches_no_data() {
    let (_directory, data) = directory();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let ran = run(&["--data-dir", &data, "--listen", &address]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.err.starts_with(&format!("rafka-server: error: can't listen on {address}: ")), "{}", ran.err);
    assert!(!ran.err.contains("os error"), "{}", ran.err);
    assert!(!Path::new(&data).exists());
}

#[test]
fn a_data_directory_in_use_is_said() {
    let (_directory, data) = directory();
    let _first = start(&["--data-dir", &data, "--listen", "127.0.0.1:0"]);
    let ran = run(&["--data-dir", &data, "--listen", "127.0.0.1:0"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.err.contains(&format!("data directory {data} is in use by another broker")), "{}", ran.err);
}

#[test]
fn settings_that_cannot_be_are_refused_with_the_nearest_that_can() {
    for (args, said) in [
        (
            &["-X", "num.partition=3"][..],
            "there is no broker setting \"num.partition\"\n  hint: did you mean \"num.partitions\"?\n",
        ),
        (&["-X", "num.partitions=0"], "num.partitions: \"0\" is not allowed"),
        (&["--listen", "9092"], "an address is HOST:PORT, such as 127.0.0.1:9092"),
        (
            &["--listen", "A=127.0.0.1:1", "--listen", "A=127.0.0.1:2"],
            "two listeners have this name; --listen NAME=ADDR",
        ),
        (&["--advertise", "FOO=host:1"], "no listener has this name"),
        (&["--topic", "a/b"], "has the character '/'"),
        (
            &["--config", "/nowhere/at/all"],
            "the settings in /nowhere/at/all can't be read: No such file or directory\n",
        ),
        (&["--check", "--print-config"], "the argument '--check' cannot be used with '--print-config'"),
    ] {
        let ran = run(&[&["--data-dir", "/dev/null"], args].concat());
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{args:?}: {}", ran.err);
        assert!(ran.err.starts_with("rafka-server: error: ") && ran.err.contains(said), "{args:?}: {}", ran.err);
    }
}

#[test]
fn every_setting_is_printed_with_value_and_origin_and_a_flag_goes_before_the_file() {
    let (directory, data) = directory();
    let file = directory.path().join("server.properties");
    fs::write(&file, "# mine\nnum.partitions=3\nlog.retention.hours: 1\n").expect("written");
    let file = file.to_str().expect("text");
    let args = ["--print-config", "--config", file, "-X", "num.partitions=4", "--data-dir", &data];
    let lines = run(&args).out;
    let line = |name: &str| lines.lines().find(|line| line.starts_with(&format!("{name}\t"))).map(str::to_owned);
    assert_eq!(line("num.partitions").as_deref(), Some("num.partitions\t4\tflag"));
    assert_eq!(line("log.retention.hours").as_deref(), Some("log.retention.hours\t1\tfile"));
    assert_eq!(line("log.dirs"), Some(format!("log.dirs\t{data}\tflag")));
    assert_eq!(line("text.enable").as_deref(), Some("text.enable\ttrue\tdefault"));
    assert!(!Path::new(&data).exists(), "nothing was started");

    let output = command(&["--print-config"]).env("RAFKA_CONFIG", file).output().expect("it starts");
    assert!(String::from_utf8_lossy(&output.stdout).contains("num.partitions\t3\tfile\n"));

    fs::write(file, "num.partitions=3\n\nnum.partition=3\n").expect("written");
    let ran = run(&["--check", "--config", file]);
    assert_eq!(ran.code, Some(2));
    let said = format!("rafka-server: error: {file}: line 3: there is no broker setting \"num.partition\"\n");
    assert!(ran.err.starts_with(&said), "{}", ran.err);
}

#[test]
fn check_finds_damage_and_starts_nothing() {
    let (_directory, data) = directory();
    let ran = run(&["--check", "--data-dir", &data]);
    assert_eq!(ran.code, Some(1), "a typing error must not pass for a sound directory");
    assert!(ran.err.contains(&format!("the data directory {data} does not exist")), "{}", ran.err);
    let server = start(&["--data-dir", &data, "--listen", "127.0.0.1:0"]);
    server.ask("PRODUCE Payments k v");
    server.stop(Signal::TERM);
    let ran = run(&["--check", "--data-dir", &data]);
    let sound = format!("{data} is sound: 1 partition, 1 record\n");
    assert_eq!((ran.code, ran.out, ran.err.as_str()), (Some(0), sound, ""));

    let log = Path::new(&data).join("Payments/partition-0/00000000000000000000.log");
    let mut bytes = fs::read(&log).expect("readable");
    *bytes.last_mut().expect("it has some") ^= 1;
    fs::write(&log, bytes).expect("writable");
    let ran = run(&["--check", "--data-dir", &data]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.err.starts_with(&format!("rafka-server: error: {} at byte 0: ", log.display())), "{}", ran.err);
}
