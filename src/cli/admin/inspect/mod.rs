//! inspect-segment: what one file of a partition holds.

mod batches;
mod entries;

use std::io;
use std::path::PathBuf;

use clap::{Args, ValueHint};
use serde_json::json;

use super::Online;
use super::offline;
use crate::cli::failure::{Failure, reason};
use crate::cli::help;
use crate::cli::run::Session;
use crate::cli::stream::Field;
use crate::log::names::{self, Kind, Meaning};

/// Show what a segment file holds, without a broker
///
/// Reads Rafka's and Kafka's files: .log, .index, .timeindex, .txnindex, and Rafka's .producers. Of a .log file every
/// batch is checked; exit 1 if something is damaged. Where a broker is appending to the file, its unfinished end is
/// "being written" and no damage.
///
/// Columns of a .log file: position, first offset, last offset, records, bytes, codec, time, leader epoch, producer
/// (id/epoch/sequence), flags (t transactional, c control, a append time), CRC verdict. With --records: offset, time,
/// key, value, headers, position of the batch; \N is null. Of an .index: position, offset, position in the log; of a
/// .timeindex: position, time, offset; of a .txnindex: position, producer, first offset, last offset, last stable offset;
/// of a .producers file: producer, epoch, last sequence, last offset, time, start of the open transaction.
#[derive(Debug, Args)]
#[command(help_template = help::TEMPLATE, before_help = help::examples(&[
    ("rafka-admin inspect-segment 00000000000000000000.log", "its batches"),
    ("rafka-admin inspect-segment --records --from 42 -c 10 00000000000000000000.log", "ten records"),
    ("rafka-admin inspect-segment 00000000000000000000.index", "the index"),
]))]
pub(super) struct Inspect {
    /// The file
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,

    /// Show the records instead of the batches
    #[arg(long)]
    records: bool,

    /// Start at this offset
    #[arg(long, value_name = "OFFSET", value_parser = clap::value_parser!(i64).range(0..))]
    from: Option<i64>,

    /// Stop after so many
    #[arg(short, long, value_name = "N", allow_negative_numbers = true)]
    count: Option<u64>,
}

impl Inspect {
    pub(super) fn run(&self, online: &Online, session: &Session) -> Result<(), Failure> {
        let format = online.output.format();
        let found = std::fs::metadata(&self.file)
            .map_err(|e| Failure::failed(format!("{} can't be read: {}", self.file.display(), reason(&e))))?;
        if found.is_dir() {
            let message = format!("{} is a directory", self.file.display());
            return Err(Failure::usage(message).with_hint("verify-log looks at every file under one"));
        }
        let name = self.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let kind = match names::meaning(&name) {
            Meaning::Segment(_, kind) => Some(kind),
            // A copy under another name is known by its suffix.
            _ => Kind::ALL.into_iter().find(|kind| name.ends_with(&format!(".{}", kind.suffix()))),
        };
        let Some(kind) = kind else {
            let known: Vec<String> = Kind::ALL.iter().map(|kind| format!(".{}", kind.suffix())).collect();
            let message = format!("{} is none of the files this knows", self.file.display());
            return Err(Failure::usage(message).with_hint(format!("it reads {}", known.join(", "))));
        };
        if self.records && kind != Kind::Log {
            return Err(Failure::usage(format!("--records needs a .log file; {} has none", self.file.display())));
        }
        match kind {
            Kind::Log => batches::show(self, format, session),
            Kind::Index => entries::offsets(self, format),
            Kind::TimeIndex => entries::times(self, format),
            Kind::TxnIndex => entries::aborted(self, format),
            Kind::Producers => entries::producers(self, format),
        }
    }

    fn unreadable(&self, error: &io::Error) -> Failure {
        Failure::failed(format!("{} can't be read: {}", self.file.display(), reason(error)))
    }

    /// Where damage was found, in the words of all offline commands.
    fn damaged_at(&self, position: u64, why: &str) -> Failure {
        Failure::failed(format!("{} at byte {position}: {why}", self.file.display()))
    }

    /// The first fields of the JSON document.
    fn head(&self, kind: Kind) -> Vec<Field> {
        vec![("file", json!(self.file.to_string_lossy())), ("kind", json!(kind.suffix()))]
    }

    /// Whether so many are enough.
    fn is_enough(&self, shown: u64) -> bool {
        self.count.is_some_and(|count| shown >= count)
    }
}
