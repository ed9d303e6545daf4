//! The four programs: what a person types and sees.
//!
//! Shared here: flags ([`args`]), units and grammars ([`units`], [`offset`], [`partition_list`]), how a program starts
//! and ends ([`run()`], [`Failure`], [`Interrupts`]), and what it shows ([`output`], [`escape`], [`Progress`]). Above
//! that, a file per program or command. This room may know every other; none may know it.

pub mod admin;
pub mod args;
mod bench;
pub mod consume;
mod delivery;
mod direct;
pub mod escape;
mod failure;
pub mod format;
pub mod help;
mod interrupts;
pub mod json_record;
mod logger;
pub mod offset;
pub mod output;
pub mod pages;
mod partition_list;
pub mod produce;
mod progress;
mod run;
pub mod server;
pub mod settings;
pub mod stderr;
pub mod stream;
pub mod terminal;
pub mod torture;
pub mod units;

pub use failure::{Exit, Failure, reason};
pub use interrupts::Interrupts;
pub use logger::LogStyle;
pub use partition_list::PartitionList;
pub use progress::{Counted, Progress};
pub use run::{FirstSignal, Program, Session, run};

/// The programs, whose definitions yield help, man pages and completions.
pub fn programs() -> Vec<Program> {
    vec![server::PROGRAM, produce::PROGRAM, consume::PROGRAM, admin::PROGRAM]
}
