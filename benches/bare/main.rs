//! The bare minimum: a log over TCP with nothing in it but what no honest log can leave out. It is the yardstick that
//! Rafka's speed is measured against, so it is written to be fast, not to be used.
//!
//! ```text
//! bare serve FILE [--fdatasync]         prints its address; one file, any number of connections
//! bare produce ADDRESS                  lines of stdin become record batches of at most 1 MB, up to five on their way
//! bare consume ADDRESS [--follow]       the file comes by sendfile; values and newlines go to stdout
//! bare paced ADDRESS RATE COUNT         one record at a time at a steady rate; prints the microseconds to each ack
//! bare lines RATE COUNT BYTES           lines that begin with the time, at a steady rate
//! bare arrivals COUNT                   reads such lines; prints how many microseconds old each was
//! bare syncs FILE COUNT                 appends 4 KiB and calls fdatasync; prints the microseconds of each
//! ```
//!
//! What it does do: split lines, build record batches v2 in Kafka's bytes, CRC-32C on both sides, assign offsets, `write`
//! (and fdatasync before the ack, if asked), acknowledge, `sendfile`. What it does not: topics, partitions, indexes,
//! segments, a protocol, recovery.

mod batch;
mod client;
mod server;

use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!(
                "usage: bare serve | produce | consume | paced | lines | arrivals | syncs, each with its arguments"
            );
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("bare: error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// False: the words make no sense.
fn run(words: &[&str]) -> io::Result<bool> {
    match words {
        ["serve", file] => server::serve(file, false)?,
        ["serve", file, "--fdatasync"] => server::serve(file, true)?,
        ["produce", address] => client::produce(address)?,
        ["consume", address] => client::consume(address, false)?,
        ["consume", address, "--follow"] => client::consume(address, true)?,
        ["paced", address, rate, count] => match (rate.parse(), count.parse()) {
            (Ok(rate), Ok(count)) if rate > 0.0 => client::paced(address, rate, count)?,
            _ => return Ok(false),
        },
        ["lines", rate, count, bytes] => match (rate.parse(), count.parse(), bytes.parse()) {
            (Ok(rate), Ok(count), Ok(bytes)) if rate > 0.0 => client::lines(rate, count, bytes)?,
            _ => return Ok(false),
        },
        ["arrivals", count] => match count.parse() {
            Ok(count) => client::arrivals(count)?,
            Err(_) => return Ok(false),
        },
        ["syncs", file, count] => match count.parse() {
            Ok(count) => client::syncs(file, count)?,
            Err(_) => return Ok(false),
        },
        _ => return Ok(false),
    }
    Ok(true)
}
