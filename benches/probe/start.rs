//! From the start of a broker's process to its first answer.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use rafka::protocol::kafka::api::ApiVersionsRequest;
use rustix::process::{Pid, Signal, kill_process};

use super::Outcome;
use super::ask::Asking;

const API_VERSIONS_VERSION: i16 = 3;

/// Starts it `count` times; each time it is asked to stop and has to end with success.
pub fn run(count: u32, command: &[&str]) -> Outcome {
    for _ in 0..count {
        let began = Instant::now();
        let mut broker = Command::new(command[0]).args(&command[1..]).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(broker.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let address = line.trim_end().rsplit(' ').next().unwrap_or_default();
        let request =
            ApiVersionsRequest { client_software_name: "probe".to_owned(), client_software_version: "1".to_owned() };
        let answered =
            Asking::open(address).map_err(Into::into).and_then(|mut it| it.ask(&request, API_VERSIONS_VERSION));
        let took = began.elapsed();
        let pid = Pid::from_child(&broker);
        kill_process(pid, Signal::TERM)?;
        let status = broker.wait()?;
        answered.map_err(|error| format!("no answer after {line:?}: {error}"))?;
        if !status.success() {
            return Err(format!("the broker ended with {status}").into());
        }
        println!("{}", took.as_micros());
    }
    Ok(())
}
