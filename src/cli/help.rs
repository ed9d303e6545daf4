//! The parts of a definition that clap has no field for: examples, exit codes, environment.
//!
//! They become clap's texts before and after the options, so that help, man pages and tests all read the one
//! definition.

use clap::Command;

/// Examples come first, since a person who asks for help most often wants one.
pub const TEMPLATE: &str = "{about-with-newline}\n{usage-heading} {usage}\n\n{before-help}{all-args}{after-help}";
const SHORT_END: &str = "--help tells everything, with exit codes and environment.";
/// A command longer than this gets its explanation on a line of its own.
const EXAMPLE_WIDTH: usize = 54;

pub const EXAMPLES: &str = "Examples";
pub const EXIT_CODES: &str = "Exit codes";
pub const ENVIRONMENT: &str = "Environment";

/// One line of a table: what is typed or set, and what it means.
pub type Entry = (&'static str, &'static str);

/// The environment of every program that talks to a broker.
pub const CLIENT_ENVIRONMENT: &[Entry] = &[
    ("RAFKA_BOOTSTRAP", "brokers to ask first, as --bootstrap"),
    ("RAFKA_CONFIG", "a file of settings, as --config"),
    ("NO_COLOR", "set to anything: no colour"),
];

/// The exit codes of the client programs.
pub const CLIENT_EXIT_CODES: &[Entry] = &[
    ("0", "done"),
    ("1", "something asked for failed, one item of many included"),
    ("2", "the command line or a setting makes no sense"),
    ("3", "no broker answered"),
    ("130", "interrupted by Ctrl-C or SIGTERM"),
];

/// The examples of a command, for clap's `before_help` beside [`TEMPLATE`]. Every program and every command of
/// rafka-admin has some.
pub fn examples(entries: &[Entry]) -> String {
    section(EXAMPLES, entries)
}

/// As [`examples`], on a command that is there already.
pub fn with_examples(command: Command, entries: &[Entry]) -> Command {
    command.help_template(TEMPLATE).before_help(examples(entries))
}

/// Gives a program what only `--help` tells.
pub fn with_end(command: Command, exit_codes: &[Entry], environment: &[Entry]) -> Command {
    let long = format!("{}\n\n{}", section(EXIT_CODES, exit_codes), section(ENVIRONMENT, environment));
    command.after_help(SHORT_END).after_long_help(long)
}

fn section(title: &str, entries: &[Entry]) -> String {
    let width = entries.iter().map(|(left, _)| left.len()).filter(|len| *len <= EXAMPLE_WIDTH).max().unwrap_or(0);
    let mut text = format!("{title}:");
    for (left, right) in entries {
        if left.len() <= width {
            text.push_str(&format!("\n  {left:<width$}  {right}"));
        } else {
            text.push_str(&format!("\n  {left}\n  {:<width$}  {right}", ""));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_aligned_and_long_ones_break() {
        let long = "zcat flights.csv.gz | rafka-produce -K , --partitioner key-hash Flights";
        let text = section(
            "Examples",
            &[("rafka-consume Logs", "all of it"), ("rafka-consume -f Logs", "and on"), (long, "x")],
        );
        let expected = format!(
            "Examples:\n  rafka-consume Logs     all of it\n  rafka-consume -f Logs  and on\n  {long}\n  {:<21}  x",
            ""
        );
        assert_eq!(text, expected);
    }
}
