//! How a program ends when it does not end well: exit codes, and the one sentence that goes with them.
//!
//! Rooms below the command line have their own error enums; here they become a sentence, a hint and a number.

use std::borrow::Cow;
use std::fmt::Display;
use std::io;
use std::process::ExitCode;

use crate::client::ClientError;

/// The exit codes of all four programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything that was asked for is done.
    Done = 0,
    /// Something asked for failed, one item of many included.
    Failed = 1,
    /// The command line or the settings make no sense.
    Usage = 2,
    /// No broker answered before the first record.
    NoBroker = 3,
    /// Stopped by Ctrl-C or SIGTERM.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a program stops, and what it tells the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    exit: Exit,
    message: Option<String>,
    hint: Option<String>,
}

impl Failure {
    /// Exit 1.
    pub fn failed(message: impl Into<String>) -> Failure {
        Failure::told(Exit::Failed, message)
    }

    /// Exit 2.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure::told(Exit::Usage, message)
    }

    /// Exit 3.
    pub fn no_broker(message: impl Into<String>) -> Failure {
        Failure::told(Exit::NoBroker, message)
    }

    /// Exit 130, without a word: who pressed Ctrl-C knows.
    pub fn interrupted() -> Failure {
        Failure::silent(Exit::Interrupted)
    }

    /// What went wrong has been said already, item by item; only the exit code is left.
    pub fn silent(exit: Exit) -> Failure {
        Failure { exit, message: None, hint: None }
    }

    /// Standard output took no more. Whoever read it and left (`| head -1`) has what they wanted: exit 0.
    pub fn output(error: &io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure::silent(Exit::Done);
        }
        Failure::failed(format!("can't write to standard output: {}", reason(error)))
    }

    /// The second line, for what the person may do about it.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// "did you mean", where something was near.
    pub fn with_nearest(self, nearest: Option<&str>) -> Failure {
        match nearest {
            Some(name) => self.with_hint(format!("did you mean \"{name}\"?")),
            None => self,
        }
    }

    pub fn exit(&self) -> Exit {
        self.exit
    }

    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    fn told(exit: Exit, message: impl Into<String>) -> Failure {
        let message = without_error_numbers(&message.into()).into_owned();
        Failure { exit, message: Some(message), hint: None }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        if error == ClientError::Interrupted {
            return Failure::interrupted();
        }
        let exit = match &error {
            ClientError::BadAddress { .. } | ClientError::TopicName(_) => Exit::Usage,
            error if error.is_no_broker() => Exit::NoBroker,
            _ => Exit::Failed,
        };
        Failure { hint: error.hint(), ..Failure::told(exit, error.to_string()) }
    }
}

/// The operating system's reason as a person may read it.
pub fn reason(error: &(impl Display + ?Sized)) -> String {
    without_error_numbers(&error.to_string()).into_owned()
}

/// Rust puts "(os error 2)" behind the system's words, which tells a person nothing.
pub(super) fn without_error_numbers(text: &str) -> Cow<'_, str> {
    const MARK: &str = " (os error ";
    let mut rest = text;
    let mut out = String::new();
    while let Some((before, after)) = rest.split_once(MARK) {
        let number = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-');
        out.push_str(before);
        rest = number.strip_prefix(')').unwrap_or(number);
    }
    if out.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(out + rest) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_output_is_a_quiet_success() {
        let closed = Failure::output(&io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((closed.exit(), closed.message()), (Exit::Done, None));
        let full = Failure::output(&io::Error::from_raw_os_error(28));
        assert_eq!(full.exit(), Exit::Failed);
        assert!(
            full.message()
                .is_some_and(|m| m.starts_with("can't write to standard output: ") && !m.contains("os error"))
        );
    }

    #[test]
    fn error_numbers_are_left_out_wherever_they_stand() {
        let text = "/x can't be used: No such file or directory (os error 2); choose another";
        assert_eq!(without_error_numbers(text), "/x can't be used: No such file or directory; choose another");
        assert_eq!(without_error_numbers("nothing (to) do"), "nothing (to) do");
        let failure = Failure::failed("a (os error 2), b (os error -13)");
        assert_eq!(failure.message(), Some("a, b"));
    }

    #[test]
    fn a_hint_stays_with_its_failure() {
        let failure = Failure::failed("topic \"Paymnts\" does not exist").with_nearest(Some("Payments"));
        assert_eq!(failure.hint(), Some("did you mean \"Payments\"?"));
        assert_eq!(Failure::failed("x").with_nearest(None).hint(), None);
    }
}
