//! rafka-server: from flags and files to a running broker, and its two kinds of lines on standard output.

mod flags;

use std::io::Write;
use std::sync::Arc;

use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};
use parking_lot::Mutex;
use serde::Serialize;

use self::flags::{Flags, NewTopic};
use super::failure::Failure;
use super::help::{self, Entry};
use super::logger::LogStyle;
use super::output::{self, Column, OutputFormat, Report};
use super::progress::{Counted, Progress};
use super::run::FirstSignal;
use super::run::{Program, Session};
use super::settings;
use crate::broker::{self, Event};
use crate::config::{BrokerConfig, Origin, Settings};
use crate::server::Broker;

pub const PROGRAM: Program =
    Program { name: "rafka-server", command, run, first_signal: |_| FirstSignal::Asks, log_style: LogStyle::Dated };

const EXIT_CODES: &[Entry] = &[
    ("0", "stopped cleanly by Ctrl-C or SIGTERM, or --check found nothing wrong"),
    ("1", "it can't start or stop, or --check found damage"),
    ("2", "the command line or a setting makes no sense"),
    ("130", "a second Ctrl-C or SIGTERM cut the stop short"),
];

const ENVIRONMENT: &[Entry] =
    &[("RAFKA_CONFIG", "a file of settings, as --config"), ("NO_COLOR", "set to anything: no colour")];

fn command() -> Command {
    help::with_end(Flags::command(), EXIT_CODES, ENVIRONMENT)
}

fn run(matches: &ArgMatches, session: &Session) -> Result<(), Failure> {
    let flags = Flags::from_arg_matches(matches).map_err(|e| Failure::usage(e.to_string()))?;
    let given = given(&flags)?;
    let config = BrokerConfig::new(given.clone())?;
    if flags.instead.print_config {
        return output::print(OutputFormat::for_stdout(), &Shown::of(&given));
    }
    if flags.instead.check {
        return super::admin::check_data(&config.data_dir, session);
    }
    serve(config, &flags.topics, session)
}

/// File, then flags, which go before it.
fn given(flags: &Flags) -> Result<Settings, Failure> {
    let mut given = Settings::broker();
    settings::load_file(&mut given, flags.config.as_deref())?;
    for (key, value) in flags.settings() {
        given.set(&key, &value, Origin::Flag)?;
    }
    Ok(given)
}

fn serve(config: BrokerConfig, topics: &[NewTopic], session: &Session) -> Result<(), Failure> {
    let new = |partitions| broker::NewTopic { partitions, ..broker::NewTopic::default() };
    let topics: Vec<_> = topics.iter().map(|topic| (topic.name.clone(), new(topic.partitions))).collect();
    let announcer = Arc::new(Announcer {
        held: Mutex::new(Some(Vec::new())),
        recovery: Mutex::new(None),
        wants_progress: session.verbosity.wants_progress(false),
    });
    let heard = Arc::clone(&announcer);
    let broker = Broker::start_with(config, &topics, Box::new(move |event| heard.announce(event)))
        .map_err(|e| Failure::failed(e.to_string()))?;
    announcer.end_recovery();
    for address in broker.addresses() {
        say(&format!("Broker Listening on {address}"));
    }
    announcer.release();
    session.interrupts.wait();
    ::log::info!("stopping");
    broker.stop().map_err(Failure::failed)
}

/// Says what happens, but not before the listeners' lines: who starts a broker waits for those first.
struct Announcer {
    held: Mutex<Option<Vec<String>>>,
    /// What a start after a kill shows on a terminal, from its first step on.
    recovery: Mutex<Option<Progress>>,
    wants_progress: bool,
}

impl Announcer {
    fn announce(&self, event: &Event) {
        let line = match event {
            Event::TopicCreated(name) => format!("Topic Created: {name}"),
            Event::Recovering { scanned, found } => return self.show_recovery(*scanned, *found),
        };
        match &mut *self.held.lock() {
            Some(held) => held.push(line),
            None => say(&line),
        }
    }

    fn show_recovery(&self, scanned: u64, found: u64) {
        if !self.wants_progress {
            return;
        }
        let mut recovery = self.recovery.lock();
        let progress = recovery.get_or_insert_with(|| {
            let progress = Progress::start(true, Counted::Bytes, None);
            progress.note("checking what was written before the start".to_owned());
            progress
        });
        progress.set_total(found);
        progress.set_done(scanned);
    }

    fn end_recovery(&self) {
        *self.recovery.lock() = None;
    }

    fn release(&self) {
        let mut held = self.held.lock();
        for line in held.take().unwrap_or_default() {
            say(&line);
        }
    }
}

/// A line on standard output, at once. If nobody reads it any more, the broker goes on without.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// `--print-config`: every setting, its value and its origin.
#[derive(Debug, Serialize)]
struct Shown {
    settings: Vec<ShownRow>,
}

#[derive(Debug, Serialize)]
struct ShownRow {
    name: &'static str,
    value: Option<String>,
    origin: &'static str,
}

impl Shown {
    fn of(settings: &Settings) -> Shown {
        let row = |row: crate::config::Shown<'_>| ShownRow {
            name: row.name,
            value: row.value.map(str::to_owned),
            origin: origin(row.origin),
        };
        Shown { settings: settings.shown().map(row).collect() }
    }
}

fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Default => "default",
        Origin::File => "file",
        Origin::Environment => "environment",
        Origin::Flag => "flag",
    }
}

impl Report for Shown {
    fn columns(&self) -> Vec<Column> {
        vec![Column::text("name"), Column::text("value"), Column::text("origin")]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |s: &ShownRow| vec![s.name.to_owned(), s.value.clone().unwrap_or_default(), s.origin.to_owned()];
        self.settings.iter().map(row).collect()
    }
}
