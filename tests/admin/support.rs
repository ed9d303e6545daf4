//! Running rafka-admin, and brokers for it to talk to.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use rafka::config::BrokerConfig;
use rafka::server::Broker;
use tempfile::TempDir;

/// The program, with nothing of this machine's environment that could change what it does.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rafka-admin"));
    command.args(args).stdin(Stdio::null());
    for name in ["RAFKA_BOOTSTRAP", "RAFKA_CONFIG", "NO_COLOR"] {
        command.env_remove(name);
    }
    command
}

#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).expect("standard output is text"),
            err: String::from_utf8(output.stderr).expect("standard error is text"),
        }
    }
}

impl Ran {
    /// What a program that succeeded without a word on standard error printed.
    #[track_caller]
    pub fn succeeded(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{}", self.out);
        self.out
    }

    /// The JSON document of a program that succeeded.
    #[track_caller]
    pub fn json(self) -> serde_json::Value {
        let code = self.code;
        let json = serde_json::from_str(&self.out).expect("standard output is one JSON document");
        assert_eq!(code, Some(0), "{}", self.err);
        json
    }

    /// The sentence of a program that failed and printed nothing else.
    #[track_caller]
    pub fn failed(self, code: i32) -> String {
        assert_eq!((self.code, self.out.as_str()), (Some(code), ""), "{}", self.err);
        self.err
    }
}

pub fn admin(args: &[&str]) -> Ran {
    command(args).output().expect("rafka-admin starts").into()
}

pub fn spawn(args: &[&str]) -> io::Result<Child> {
    command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

/// A broker inside this process, on a free port, with its data in a directory of its own.
pub struct Served {
    pub address: String,
    pub data: TempDir,
    broker: Option<Broker>,
}

pub fn serve() -> Served {
    let data = tempfile::tempdir().expect("a directory");
    let (broker, address) = start(&data);
    Served { address, data, broker: Some(broker) }
}

fn start(data: &TempDir) -> (Broker, String) {
    let dir = data.path().to_str().expect("a path that is text");
    let config = BrokerConfig::from_pairs([("log.dirs", dir), ("listeners", "PLAINTEXT://127.0.0.1:0")]);
    let broker = Broker::start(config.expect("valid settings")).expect("the broker starts");
    let address = broker.addresses()[0].to_string();
    (broker, address)
}

impl Served {
    /// rafka-admin, asking this broker.
    pub fn admin(&self, args: &[&str]) -> Ran {
        admin(&[args, &["-b", &self.address]].concat())
    }

    /// Sends lines of the text protocol; each must be answered by a line that does not start with ERR.
    pub fn say(&self, lines: &[&str]) {
        let mut stream = TcpStream::connect(&self.address).expect("the broker accepts");
        let mut answers = BufReader::new(stream.try_clone().expect("a second handle")).lines();
        for line in lines {
            writeln!(stream, "{line}").expect("sent");
            let answer = answers.next().expect("an answer").expect("text");
            assert!(!answer.starts_with("ERR"), "{line}: {answer}");
        }
    }

    /// Stops the broker cleanly; its files stay.
    pub fn stop(&mut self) {
        if let Some(broker) = self.broker.take() {
            broker.stop().expect("a clean stop");
        }
    }

    /// A file of a partition.
    pub fn file(&self, partition: &str, name: &str) -> PathBuf {
        self.data.path().join(partition).join(name)
    }
}
