//! Sends standard input to a topic, one record per line.

use std::process::ExitCode;

fn main() -> ExitCode {
    rafka::cli::run(&rafka::cli::produce::PROGRAM)
}
