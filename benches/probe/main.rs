//! What no client program does: timing single acknowledgements, ten thousand connections at once, a steady load over
//! many partitions, single reads at random places, and starts of a broker. All over Kafka's protocol.
//!
//! ```text
//! probe paced ADDRESS TOPIC RATE COUNT                  prints the microseconds to each ack
//! probe followers ADDRESS TOPIC CONNECTIONS RECORDS     waits for a line on stdin before the records; prints the
//!                                                       milliseconds until all had each
//! probe spread ADDRESS TOPIC BATCH RATE SECONDS         batches of so many bytes over all partitions; prints the records sent
//!                                                       and the seconds it took
//! probe offsets ADDRESS TOPIC COUNT                     reads one batch at each of so many places; prints the bytes answered
//! probe times ADDRESS TOPIC COUNT FROM TO               looks up so many times (ms); prints the bytes answered
//! probe start COUNT COMMAND...                          starts a broker, asks, stops it; prints the microseconds to the answer
//! ```

mod ask;
mod followers;
mod load;
mod lookup;
mod start;

use std::error::Error;
use std::process::ExitCode;

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match run(&words) {
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(error)) => {
            eprintln!("probe: error: {error}");
            ExitCode::FAILURE
        }
        None => {
            eprintln!("usage: probe paced | followers | spread | offsets | times | start, each with its arguments");
            ExitCode::from(2)
        }
    }
}

/// None: the words make no sense.
fn run(words: &[&str]) -> Option<Outcome> {
    Some(match words {
        ["paced", address, topic, rate, count] => load::paced(address, topic, rate.parse().ok()?, count.parse().ok()?),
        ["spread", address, topic, batch, rate, seconds] => {
            load::spread(address, topic, batch.parse().ok()?, rate.parse().ok()?, seconds.parse().ok()?)
        }
        ["followers", address, topic, connections, records] => {
            followers::run(address, topic, connections.parse().ok()?, records.parse().ok()?)
        }
        ["offsets", address, topic, count] => lookup::offsets(address, topic, count.parse().ok()?),
        ["times", address, topic, count, from, to] => {
            lookup::times(address, topic, count.parse().ok()?, from.parse().ok()?..to.parse().ok()?)
        }
        ["start", count, command @ ..] if !command.is_empty() => start::run(count.parse().ok()?, command),
        _ => return None,
    })
}
