//! Runs a broker.

use std::process::ExitCode;

fn main() -> ExitCode {
    rafka::cli::run(&rafka::cli::server::PROGRAM)
}
