//! A null broker: rafka-server in all but its disk, which throws record batches away. A client's speed against it is
//! what the client can do at best.
//!
//! ```text
//! null DIR [--keep] [--sync=MICROSECONDS] [KEY=VALUE]...
//! ```
//!
//! It prints `Broker Listening on ADDRESS` and runs until it is killed. Settings are as rafka-server's -X takes them. With
//! `--keep` batches stay in memory, so that a consumer has something to read. With `--sync` each sync sleeps so long: what a
//! client does with answers that come later, and nothing else being different.

mod disk;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use rafka::config::{BrokerConfig, Origin, Settings};
use rafka::server::Broker;

use self::disk::NullDisk;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some((dir, rest)) = words.split_first() else {
        eprintln!("usage: null DIR [--keep] [--sync=MICROSECONDS] [KEY=VALUE]...");
        return ExitCode::from(2);
    };
    match serve(dir, rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("null: error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(dir: &str, words: &[String]) -> Result<(), Box<dyn Error>> {
    let mut settings = Settings::broker();
    settings.set("log.dirs", dir, Origin::Flag)?;
    settings.set("listeners", "PLAINTEXT://127.0.0.1:0", Origin::Flag)?;
    let (mut keep, mut sync) = (false, Duration::ZERO);
    for word in words {
        match (word.as_str(), word.strip_prefix("--sync=")) {
            ("--keep", _) => keep = true,
            (_, Some(microseconds)) => sync = Duration::from_micros(microseconds.parse()?),
            (pair, None) => settings.set_pair(pair, Origin::Flag)?,
        }
    }
    let disk = Arc::new(NullDisk::new(keep, sync));
    let broker = Broker::start_on(disk, BrokerConfig::new(settings)?, &[], Box::new(|_| {}))?;
    let mut out = std::io::stdout().lock();
    for address in broker.addresses() {
        writeln!(out, "Broker Listening on {address}")?;
    }
    out.flush()?;
    loop {
        std::thread::park();
    }
}
