//! The `log` facade's way to standard error, in the style of the program that runs.

use jiff::Timestamp;
use log::{Level, LevelFilter, Log, Metadata, Record};

use super::failure::without_error_numbers;
use super::stderr;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogStyle {
    /// `rafka-consume: warning: the broker went away`: for a person at a shell.
    Sentence,
    /// `2024-11-22T07:40:34.567Z INFO  listening`: for a file that is read later.
    Dated,
}

/// Installs the logger. Only the first call of a process counts, as the facade has it.
pub(super) fn install(program: &'static str, style: LogStyle, level: LevelFilter) {
    if log::set_boxed_logger(Box::new(Logger { program, style })).is_ok() {
        log::set_max_level(level);
    }
}

/// What `-q` and `-v` mean. The client programs say only what needs attention; the broker tells its story.
pub(super) fn level(style: LogStyle, quiet: bool, verbose: u8) -> LevelFilter {
    let loudness = if quiet { 0 } else { 1 + verbose };
    match (style, loudness) {
        (LogStyle::Sentence, 0) => LevelFilter::Error,
        (LogStyle::Sentence, 1) | (LogStyle::Dated, 0) => LevelFilter::Warn,
        (LogStyle::Sentence, 2) | (LogStyle::Dated, 1) => LevelFilter::Info,
        (LogStyle::Sentence, 3) | (LogStyle::Dated, 2) => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    }
}

struct Logger {
    program: &'static str,
    style: LogStyle,
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            stderr::line(&without_error_numbers(&self.format(record, Timestamp::now())));
        }
    }

    fn flush(&self) {}
}

impl Logger {
    fn format(&self, record: &Record<'_>, now: Timestamp) -> String {
        match self.style {
            LogStyle::Sentence => {
                let severity = match record.level() {
                    Level::Error => "error: ",
                    Level::Warn => "warning: ",
                    Level::Info => "",
                    Level::Debug => "debug: ",
                    Level::Trace => "trace: ",
                };
                format!("{}: {severity}{}", self.program, record.args())
            }
            LogStyle::Dated => format!("{now:.3} {:<5} {}", record.level(), record.args()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_look_as_the_program_wants_them() {
        let at = Timestamp::from_millisecond(1_732_261_234_567).expect("a time");
        let record = |level| Record::builder().level(level).args(format_args!("the broker went away")).build();
        let sentence = Logger { program: "rafka-consume", style: LogStyle::Sentence };
        assert_eq!(sentence.format(&record(Level::Warn), at), "rafka-consume: warning: the broker went away");
        assert_eq!(sentence.format(&record(Level::Info), at), "rafka-consume: the broker went away");
        let dated = Logger { program: "rafka-server", style: LogStyle::Dated };
        assert_eq!(dated.format(&record(Level::Info), at), "2024-11-22T07:40:34.567Z INFO  the broker went away");
    }

    #[test]
    fn quiet_and_verbose_move_the_level() {
        assert_eq!(level(LogStyle::Sentence, false, 0), LevelFilter::Warn);
        assert_eq!(level(LogStyle::Sentence, true, 3), LevelFilter::Error);
        assert_eq!(level(LogStyle::Sentence, false, 2), LevelFilter::Debug);
        assert_eq!(level(LogStyle::Dated, false, 0), LevelFilter::Info);
        assert_eq!(level(LogStyle::Dated, true, 0), LevelFilter::Warn);
        assert_eq!(level(LogStyle::Dated, false, 200), LevelFilter::Trace);
    }
}
