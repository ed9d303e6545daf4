//! What destroys asks first: on a terminal a question, elsewhere `-y` or nothing happens.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;

use crate::cli::escape;
use crate::cli::failure::Failure;

#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Confirm {
    /// Do it without asking
    #[arg(short, long)]
    yes: bool,
}

impl Confirm {
    /// Before anything else: may this run at all? `what` says what the command does, as in `delete-topic destroys data`.
    pub(super) fn check(self, what: &str) -> Result<(), Failure> {
        if self.yes || can_ask() {
            return Ok(());
        }
        Err(Failure::usage(format!("{what}, and nobody is here to confirm it"))
            .with_hint("give -y to do it without asking"))
    }

    /// Asks, where nobody said yes in advance. Anything but yes is no.
    pub(super) fn ask(self, question: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        let mut err = io::stderr().lock();
        let asked = write!(err, "{} [y/N] ", escape::terminal(question.as_bytes())).and_then(|()| err.flush());
        drop(err);
        let mut answer = String::new();
        if asked.is_ok() && io::stdin().lock().read_line(&mut answer).is_ok() && is_yes(&answer) {
            return Ok(());
        }
        Err(Failure::failed("nothing was done"))
    }
}

fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        assert!(is_yes("y\n") && is_yes("YES\r\n"));
        for no in ["", "\n", "n\n", "yess\n", "no\n", "1\n"] {
            assert!(!is_yes(no), "{no:?}");
        }
    }

    #[test]
    fn saying_yes_in_advance_needs_no_terminal() {
        let confirm = Confirm { yes: true };
        assert_eq!(confirm.check("delete-topic destroys data"), Ok(()));
        assert_eq!(confirm.ask("Delete?"), Ok(()));
    }
}
