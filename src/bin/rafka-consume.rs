//! Prints topics.

use std::process::ExitCode;

fn main() -> ExitCode {
    rafka::cli::run(&rafka::cli::consume::PROGRAM)
}
