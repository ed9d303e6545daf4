//! Standard error, which everybody shares: the sentences of a program, its log, its progress bar.
//!
//! Every line passes through here, so a bar on the terminal steps aside for it, no control character of a message
//! reaches the terminal, and a closed standard error is no reason to stop.

use std::io::{self, IsTerminal, Write};

use indicatif::WeakProgressBar;
use parking_lot::Mutex;

use super::escape;
use super::failure::Failure;
use super::terminal;

/// The bar that is on the terminal now. A process has one standard error, hence one of these.
static BAR: Mutex<Option<WeakProgressBar>> = Mutex::new(None);

const RED: &str = "\x1b[1;31m";
const CYAN: &str = "\x1b[36m";
const PLAIN: &str = "\x1b[0m";

/// One line; control characters in it are escaped.
pub fn line(text: &str) {
    write_raw(&format!("{}\n", escape::terminal(text.as_bytes())));
}

/// `rafka-consume: error: ...`, and the hint where there is one. Nothing for a failure without words.
pub fn failure(program: &str, failure: &Failure) {
    let Some(message) = failure.message() else { return };
    let colour = terminal::may_colour(&io::stderr());
    let mut out = format!("{program}: {}{}\n", painted("error: ", RED, colour), escape::terminal(message.as_bytes()));
    if let Some(hint) = failure.hint() {
        out.push_str(&format!("  {}{}\n", painted("hint: ", CYAN, colour), escape::terminal(hint.as_bytes())));
    }
    write_raw(&out);
}

/// Tells the lines to come which bar has to step aside; `None` when it is gone.
pub(super) fn set_bar(bar: Option<WeakProgressBar>) {
    *BAR.lock() = bar;
}

/// Takes the bar off the terminal, if there is one: the program ends.
pub(super) fn clear_bar() {
    if let Some(bar) = BAR.lock().take().as_ref().and_then(WeakProgressBar::upgrade) {
        bar.finish_and_clear();
    }
}

/// Whether a bar may be drawn: somebody looks, and their terminal can move the cursor.
pub(super) fn can_draw() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

fn painted(text: &str, colour: &str, on: bool) -> String {
    if on { format!("{colour}{text}{PLAIN}") } else { text.to_owned() }
}

fn write_raw(text: &str) {
    // In one write, so that lines of several threads or processes do not mix; a failure has nowhere to be told.
    let write = || {
        let _ = io::stderr().lock().write_all(text.as_bytes());
    };
    let bar = BAR.lock().as_ref().and_then(WeakProgressBar::upgrade);
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}
