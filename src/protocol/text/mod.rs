//! The text protocol: what a person at `nc` types and reads.
//!
//! Pure bytes: no sockets, no broker. A connection's first bytes are told apart by [`Opening`], its input is
//! cut into lines by [`Lines`], a line becomes a [`Command`] by [`parse_line`], and what the broker answers is
//! written by [`reply`]. One table ([`Verb::usage`]) yields parsing, HELP, and every sentence about arguments.
//!
//! What always holds: no input panics, memory stays within a small multiple of what was sent, a reply line
//! never holds a line end of its own, and a key or value as printed parses back to the same bytes.

mod command;
mod error;
mod help;
mod lines;
mod opening;
mod parse;
mod quote;
pub mod reply;

pub use command::{Command, HelpTopic, Usage, Verb};
pub use error::{ErrorName, TextError};
pub use help::Limits;
pub use lines::{Lines, NextLine};
pub use opening::Opening;
pub use parse::parse_line;
