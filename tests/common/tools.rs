//! Running the client programs as a shell does: arguments, standard input, what comes out.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};

use super::common::wait;

pub const PRODUCE: &str = env!("CARGO_BIN_EXE_rafka-produce");
pub const CONSUME: &str = env!("CARGO_BIN_EXE_rafka-consume");
pub const ADMIN: &str = env!("CARGO_BIN_EXE_rafka-admin");

/// What a program left behind.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Ran {
    /// Its output, after it has ended well and said nothing else.
    #[track_caller]
    pub fn ok(self) -> Vec<u8> {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""), "{}", String::from_utf8_lossy(&self.stdout));
        self.stdout
    }

    #[track_caller]
    pub fn text(self) -> String {
        String::from_utf8(self.ok()).expect("text")
    }

    /// What it complained about, after it has ended with this code.
    #[track_caller]
    pub fn failed(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}", self.stderr);
        assert!(!self.stderr.contains("panicked") && !self.stderr.contains("bug"), "{}", self.stderr);
        self.stderr
    }
}

pub fn command(program: &str, bootstrap: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.env("RAFKA_BOOTSTRAP", bootstrap).env_remove("RAFKA_CONFIG").args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a program to its end on this input.
pub fn run(program: &str, bootstrap: &str, args: &[&str], input: &[u8]) -> Ran {
    let mut child = command(program, bootstrap, args).spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("piped");
    let mut stderr = child.stderr.take().expect("piped");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // A program that stops early closes its input.
            let _ = stdin.write_all(input);
        });
        let complaints = scope.spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).expect("text");
            text
        });
        let mut stdout = Vec::new();
        child.stdout.take().expect("piped").read_to_end(&mut stdout).expect("output");
        let code = wait(&mut child);
        Ran { code, stdout, stderr: complaints.join().expect("read") }
    })
}

/// A program under way.
pub struct Running {
    pub child: Child,
    pub stdin: Option<ChildStdin>,
    stdout: Option<BufReader<ChildStdout>>,
    stderr: BufReader<ChildStderr>,
}

impl Running {
    pub fn start(program: &str, bootstrap: &str, args: &[&str]) -> Running {
        let mut child = command(program, bootstrap, args).spawn().expect("the program starts");
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().map(BufReader::new);
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        Running { child, stdin, stdout, stderr }
    }

    pub fn write(&mut self, text: &str) {
        self.stdin.as_mut().expect("open").write_all(text.as_bytes()).expect("it reads");
    }

    /// The next line it prints, waited for.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.as_mut().expect("open").read_line(&mut line).expect("text");
        line
    }

    /// The next line it says beside its data, waited for.
    pub fn note(&mut self) -> String {
        let mut line = String::new();
        self.stderr.read_line(&mut line).expect("text");
        line
    }

    pub fn close_stdout(&mut self) {
        self.stdout = None;
    }

    pub fn signal(&self, name: &str) {
        super::common::signal(self.child.id(), name);
    }

    /// Waits for its end; the input is closed.
    pub fn end(mut self) -> Ran {
        drop(self.stdin.take());
        let mut stdout = Vec::new();
        if let Some(mut rest) = self.stdout.take() {
            rest.read_to_end(&mut stdout).expect("output");
        }
        let mut stderr = String::new();
        self.stderr.read_to_string(&mut stderr).expect("text");
        Ran { code: wait(&mut self.child), stdout, stderr }
    }
}
