//! latency: records at a fixed rate, from the moment each is to be sent until it is acknowledged, and until a consumer
//! that follows has it.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::following::{Follower, UNKNOWN};
use super::ground::{Ground, midway};
use super::measured::{Latency, Measured, Run, Until, Work};
use super::pace::{Schedule, wake_in_time};
use super::payload::{Letters, STAMP_BYTES, Stamp};
use super::sending::{Bounds, Sender, Sent, took};
use crate::cli::Progress;
use crate::cli::failure::Failure;
use crate::client::ClientError;

/// The number of the records that open the connections and are not measured.
const WARMING_UP: u64 = u64::MAX;

/// `rate` records a second, so many of them, and no longer than `duration`.
pub(in crate::cli) fn latency(
    ground: &Ground,
    records: u64,
    rate: u64,
    duration: Option<Duration>,
    progress: &Progress,
) -> Run {
    let run = getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()));
    let (sender, mut follower) = match prepare(ground, run) {
        Ok(prepared) => prepared,
        Err(failure) => return Run::failed(failure),
    };
    let start = Instant::now();
    let schedule = Schedule { start, per_second: rate, first: 0, step: 1 };
    let bounds = Bounds { records, until: duration.and_then(|duration| start.checked_add(duration)) };
    let expected = AtomicU64::new(UNKNOWN);
    let (sent, followed) = thread::scope(|scope| {
        let sending = scope.spawn(|| {
            wake_in_time();
            let sent = sender.run(bounds, Some(schedule), progress);
            if sent.ended.is_err() {
                ground.halt.fail();
            }
            expected.store(sent.delivered, Ordering::SeqCst);
            sent
        });
        let followed = follower.follow(&schedule, records, &expected);
        if followed.is_err() {
            ground.halt.fail();
        }
        (sending.join().unwrap_or_else(|panic| resume_unwind(panic)), followed)
    });
    together(ground, start, sent, follower, followed)
}

/// A sender and a follower whose connections are open.
fn prepare(ground: &Ground, run: u64) -> Result<(Sender<'_>, Follower), Failure> {
    let mut follower = Follower::new(ground, run)?;
    let mut sender = Sender::new(ground, Letters::new(ground.size), Some(run))?;
    let warming_up = Stamp { run, number: WARMING_UP };
    let sent = sender.warm_up(warming_up)?;
    follower.wait_for(warming_up, sent)?;
    Ok((sender, follower))
}

fn together(ground: &Ground, start: Instant, sent: Sent, follower: Follower, followed: Result<(), Failure>) -> Run {
    let size = ground.size.max(STAMP_BYTES) as u64;
    let measured = |until, records, last, latency: Latency| Measured {
        work: Work::Latency,
        until: Some(until),
        records,
        bytes: records * size,
        took: took(start, last),
        latency,
    };
    let first = if ground.knows_acks() { Until::Acknowledged } else { Until::Sent };
    let acknowledged = measured(first, sent.delivered, sent.last, sent.latency);
    let consumed = measured(Until::Consumed, follower.came(), follower.last, follower.latency);
    // The one that failed has stopped the other.
    let ended = match (sent.ended, followed) {
        (Err(error), _) if error != ClientError::Interrupted => Err(midway(error)),
        (_, Err(failure)) => Err(failure),
        (ended, Ok(())) => ended.map_err(midway),
    };
    Run { measured: vec![acknowledged, consumed], ended }
}
