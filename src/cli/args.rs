//! The flags that mean the same in every program.
//!
//! They are clap groups to be flattened into a program's own: [`ClientArgs`] for whoever talks to a broker,
//! [`VerbosityArgs`] for all, [`OutputArgs`] for tables.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, ArgMatches, Args, ValueHint};

use super::output::OutputFormat;
use super::{stderr, units};

pub const BOOTSTRAP_ENV: &str = "RAFKA_BOOTSTRAP";
pub const CONFIG_ENV: &str = "RAFKA_CONFIG";
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// How to find the brokers.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub struct ClientArgs {
    /// Brokers to ask first, comma-separated [default: 127.0.0.1:9092]
    ///
    /// One that answers is enough: it names the others. The environment variable RAFKA_BOOTSTRAP says the same.
    #[arg(short, long, value_name = "HOST:PORT", global = true)]
    pub bootstrap: Option<String>,

    /// Set any client setting by its Kafka name
    ///
    /// May be given several times. Flags go before the environment, that before the file, that before the default.
    #[arg(short = 'X', long = "set", value_name = "KEY=VALUE", value_parser = KeyValue::parse, global = true)]
    pub set: Vec<KeyValue>,

    /// Read settings from a file in Kafka's .properties syntax
    ///
    /// The environment variable RAFKA_CONFIG says the same.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, hide_short_help = true, global = true)]
    pub config: Option<PathBuf>,

    /// How long connecting and the first metadata may take [default: 10s]
    #[arg(long, value_name = "DUR", value_parser = units::duration, hide_short_help = true, global = true)]
    pub timeout: Option<Duration>,
}

impl ClientArgs {
    pub fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(TIMEOUT_DEFAULT)
    }
}

/// How much a program says beside its data.
#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "Messages")]
pub struct VerbosityArgs {
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Say more; twice for everything
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub verbose: u8,

    /// Show no progress, even on a terminal
    #[arg(long, hide_short_help = true, global = true)]
    pub no_progress: bool,
}

impl VerbosityArgs {
    /// Reads them out of the flags of any program, also of one that has only some of them.
    pub(super) fn given(matches: &ArgMatches) -> VerbosityArgs {
        let flag = |id| matches.try_get_one(id).ok().flatten().copied().unwrap_or(false);
        let verbose = matches.try_get_one("verbose").ok().flatten().copied().unwrap_or(0);
        VerbosityArgs { quiet: flag("quiet"), verbose, no_progress: flag("no_progress") }
    }

    /// Whether progress may be drawn: standard error is a terminal, and records do not go to that terminal.
    pub fn wants_progress(&self, records_on_stdout: bool) -> bool {
        let unwanted = self.quiet || self.no_progress;
        let in_the_way = records_on_stdout && io::stdout().is_terminal();
        !unwanted && !in_the_way && stderr::can_draw()
    }
}

/// How results are printed.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct OutputArgs {
    /// How to print results [default: table on a terminal, else plain]
    ///
    /// plain: one line per row, TAB-separated, no heading; new columns only ever appear at the end. json: one
    /// document per command.
    #[arg(long, value_name = "FORMAT", value_enum, global = true)]
    pub output: Option<OutputFormat>,
}

impl OutputArgs {
    pub fn format(&self) -> OutputFormat {
        self.output.unwrap_or_else(OutputFormat::for_stdout)
    }
}

/// A setting as given with `-X`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyValue {
    pub key: String,
    pub value: String,
}

impl KeyValue {
    /// For clap: the key may not be empty, the value may.
    pub fn parse(text: &str) -> Result<KeyValue, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => {
                Ok(KeyValue { key: key.trim().to_owned(), value: value.trim().to_owned() })
            }
            _ => Err("a setting is written KEY=VALUE".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_split_at_the_first_equals_sign() {
        let setting = |key: &str, value: &str| Ok(KeyValue { key: key.to_owned(), value: value.to_owned() });
        assert_eq!(KeyValue::parse("linger.ms=5"), setting("linger.ms", "5"));
        assert_eq!(KeyValue::parse("a = b=c "), setting("a", "b=c"));
        assert_eq!(KeyValue::parse("client.rack="), setting("client.rack", ""));
        assert!(KeyValue::parse("linger.ms").is_err());
        assert!(KeyValue::parse("=5").is_err());
    }
}
