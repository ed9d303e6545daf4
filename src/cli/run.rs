//! The one way in and out of all four programs: parse, prepare, run, and say how it ended.
//!
//! Nothing else prints an error or chooses an exit code. A panic is a bug, told in one sentence.

use std::any::Any;
use std::ffi::OsString;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::args::VerbosityArgs;
use super::failure::{Exit, Failure};
use super::interrupts::Interrupts;
use super::logger::{self, LogStyle};
use super::stderr;

/// What the first Ctrl-C or SIGTERM does; the second always ends the program at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstSignal {
    /// Asks the program to finish what is in flight.
    Asks,
    /// Ends it: nothing is in flight that could be finished. Exit 130.
    Ends,
}

/// Where the flags stand that tell of the program itself.
const HELP: &str = "Help";

/// A program: its definition and what it does.
#[derive(Clone, Copy)]
pub struct Program {
    pub name: &'static str,
    /// The definition, from which parsing, help, man page and completions all come.
    pub command: fn() -> Command,
    pub run: fn(&ArgMatches, &Session) -> Result<(), Failure>,
    pub first_signal: fn(&ArgMatches) -> FirstSignal,
    pub log_style: LogStyle,
}

/// What a running program is given beside its arguments.
#[derive(Debug, Clone)]
pub struct Session {
    pub program: &'static str,
    pub interrupts: Interrupts,
    pub verbosity: VerbosityArgs,
}

impl Session {
    /// After the first signal the process ends within this time, even if somebody who reads its output, or a broker,
    /// holds it up; `last` is done before.
    pub fn leave_within(&self, length: Duration, last: impl FnOnce() + Send + 'static) {
        let watched = self.interrupts.on_first(move || {
            std::thread::sleep(length);
            last();
            stderr::clear_bar();
            std::process::exit(Exit::Interrupted as i32);
        });
        // Without the thread a second signal still ends the process.
        drop(watched);
    }
}

impl Program {
    /// The definition with what all programs share.
    pub fn definition(&self) -> Command {
        (self.command)()
            .name(self.name)
            .bin_name(self.name)
            .version(env!("CARGO_PKG_VERSION"))
            .max_term_width(100)
            // The last of several counts, so that an alias with flags can be overruled.
            .args_override_self(true)
            .disable_help_flag(true)
            .disable_version_flag(true)
            .args([help_flag(), version_flag()])
    }
}

/// As clap's own, but after everything else, and for every command.
fn help_flag() -> Arg {
    let help = "Print help: -h the short, --help the whole";
    Arg::new("help").short('h').long("help").action(ArgAction::Help).help(help).help_heading(HELP).global(true)
}

fn version_flag() -> Arg {
    Arg::new("version").short('V').long("version").action(ArgAction::Version).help("Print version").help_heading(HELP)
}

/// Runs a program on the arguments of this process.
pub fn run(program: &Program) -> ExitCode {
    set_panic_hook(program.name);
    let ended = panic::catch_unwind(AssertUnwindSafe(|| run_on(program, std::env::args_os())));
    match ended {
        Ok(Ok(())) => Exit::Done.into(),
        Ok(Err(failure)) => {
            stderr::failure(program.name, &failure);
            failure.exit().into()
        }
        // The hook has spoken.
        Err(_) => Exit::Failed.into(),
    }
}

fn run_on(program: &Program, args: impl Iterator<Item = OsString>) -> Result<(), Failure> {
    let args: Vec<OsString> = args.collect();
    let matches = match program.definition().try_get_matches_from(&args) {
        Ok(matches) => matches,
        Err(error) => return told_by_clap(&asked_for(program, &args), &error),
    };
    let verbosity = VerbosityArgs::given(&matches);
    logger::install(
        program.name,
        program.log_style,
        logger::level(program.log_style, verbosity.quiet, verbosity.verbose),
    );
    let interrupts = listen_for_signals((program.first_signal)(&matches))
        .map_err(|e| Failure::failed(format!("can't listen for signals: {e}")))?;
    (program.run)(&matches, &Session { program: program.name, interrupts, verbosity })
}

fn listen_for_signals(first: FirstSignal) -> io::Result<Interrupts> {
    let interrupts = Interrupts::install()?;
    if first == FirstSignal::Ends {
        interrupts.on_first(|| {
            stderr::clear_bar();
            std::process::exit(Exit::Interrupted as i32);
        })?;
    }
    Ok(interrupts)
}

/// The program, or the command of it, that the person was writing: the one whose help is of use.
fn asked_for(program: &Program, args: &[OsString]) -> String {
    let definition = program.definition();
    let command = args.iter().skip(1).find_map(|arg| definition.find_subcommand(arg));
    command.map_or_else(|| program.name.to_owned(), |command| format!("{} {}", program.name, command.get_name()))
}

/// Help and version are what was asked for; everything else clap says becomes a sentence of ours.
fn told_by_clap(command: &str, error: &clap::Error) -> Result<(), Failure> {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => error.print().map_err(|e| Failure::output(&e)),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            Err(Failure::silent(Exit::Usage))
        }
        _ => Err(usage(command, &error.render().to_string())),
    }
}

/// Clap's text is `error: <sentence, maybe over several lines>`, an empty line, maybe `  tip: <hint>` lines, usage.
fn usage(command: &str, rendered: &str) -> Failure {
    let mut paragraphs = rendered.split("\n\n");
    let first = paragraphs.next().unwrap_or(rendered);
    let message = first.lines().map(str::trim).collect::<Vec<_>>().join(" ").replace("subcommand", "command");
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    let tip = paragraphs.flat_map(str::lines).find_map(|line| line.trim().strip_prefix("tip: "));
    let hint = tip.map_or_else(|| format!("try {command} -h"), did_you_mean);
    Failure::usage(message).with_hint(hint)
}

/// Clap lists everything similar, the nearest last; a person means one thing.
fn did_you_mean(tip: &str) -> String {
    match tip.rsplit('\'').nth(1) {
        Some(nearest) if tip.contains(" similar ") => format!("did you mean '{nearest}'?"),
        _ => tip.to_owned(),
    }
}

/// One sentence in place of Rust's message and backtrace.
fn set_panic_hook(program: &'static str) {
    panic::set_hook(Box::new(move |info| {
        let place = info.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        stderr::line(&format!("{program}: error: this is a bug{place}: {}", panic_text(info.payload())));
    }));
}

fn panic_text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason given")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claps_errors_become_a_sentence_and_a_hint() {
        let unknown = "error: unexpected argument '--folow' found\n\n  tip: a similar argument exists: '--follow'\n\n\
                       Usage: rafka-consume [OPTIONS] <TOPIC>...\n\nFor more information, try '--help'.\n";
        let failure = usage("rafka-consume", unknown);
        assert_eq!(failure.exit(), Exit::Usage);
        assert_eq!(failure.message(), Some("unexpected argument '--folow' found"));
        assert_eq!(failure.hint(), Some("did you mean '--follow'?"));

        let several = "tip: some similar subcommands exist: 'trim-topic', 'create-topic'";
        assert_eq!(did_you_mean(several), "did you mean 'create-topic'?");
        let other = "to pass '--x' as a value, use '-- --x'";
        assert_eq!(did_you_mean(other), other);

        let missing = "error: the following required arguments were not provided:\n  <TOPIC>\n\nUsage: x\n";
        let failure = usage("rafka-admin list-offsets", missing);
        assert_eq!(failure.message(), Some("the following required arguments were not provided: <TOPIC>"));
        assert_eq!(failure.hint(), Some("try rafka-admin list-offsets -h"));
    }
}
