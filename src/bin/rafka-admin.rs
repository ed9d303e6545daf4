//! Looks after topics, offsets, settings and log files.

use std::process::ExitCode;

fn main() -> ExitCode {
    rafka::cli::run(&rafka::cli::admin::PROGRAM)
}
