//! A consumer that follows the topic's end, and how late each record of a run comes to it.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::ground::{FINISH_WITHIN, Ground, midway};
use super::measured::Latency;
use super::pace::Schedule;
use super::payload::Stamp;
use super::reading::{Stretch, open};
use crate::cli::failure::Failure;
use crate::client::{ClientError, Consumer};

/// How many records are to come: nobody knows yet.
pub(super) const UNKNOWN: u64 = u64::MAX;
/// How long a record that was acknowledged may be on its way.
const COMES_WITHIN: Duration = Duration::from_secs(10);
/// How soon it is noticed that nothing more is sent.
const LOOKS_EVERY: Duration = Duration::from_millis(50);

pub(super) struct Follower {
    consumer: Consumer,
    run: u64,
    came: Numbers,
    pub(super) last: Option<Instant>,
    pub(super) latency: Latency,
}

impl Follower {
    pub(super) fn new(ground: &Ground, run: u64) -> Result<Follower, ClientError> {
        let (consumer, _) = open(ground, Stretch::ToCome)?;
        Ok(Follower { consumer, run, came: Numbers::default(), last: None, latency: Latency::new() })
    }

    /// Records of the run that have come.
    pub(super) fn came(&self) -> u64 {
        self.came.count
    }

    /// Reads until records with this stamp have come so many times.
    pub(super) fn wait_for(&mut self, stamp: Stamp, times: u64) -> Result<(), Failure> {
        let by = Instant::now() + COMES_WITHIN;
        let mut came = 0;
        while came < times {
            if Instant::now() >= by {
                return Err(missing(times - came, times));
            }
            let Some(mut chunk) = self.consumer.next(Some(by), &mut [])? else { continue };
            let _ = chunk.read(|record| {
                came += u64::from(record.value().and_then(Stamp::of) == Some(stamp));
                ControlFlow::Continue(())
            })?;
        }
        Ok(())
    }

    /// Reads until as many have come as are `expected`, once that is known. Asked to stop, it waits a little for what is
    /// on its way.
    pub(super) fn follow(&mut self, schedule: &Schedule, records: u64, expected: &AtomicU64) -> Result<(), Failure> {
        let mut is_stopped = false;
        // A record is on its way from when the last one came, or the sender said that there are no more.
        let mut waits_since = None;
        loop {
            let total = expected.load(Ordering::SeqCst);
            if total != UNKNOWN && self.came.count >= total {
                return Ok(());
            }
            let now = Instant::now();
            match self.consumer.next(Some(now + LOOKS_EVERY), &mut []) {
                Ok(Some(mut chunk)) => {
                    let now = Instant::now();
                    let read = chunk.read(|record| {
                        self.take(record.value().unwrap_or_default(), now, schedule, records);
                        ControlFlow::Continue(())
                    });
                    let _ = read.map_err(midway)?;
                    waits_since = None;
                }
                Ok(None) if total == UNKNOWN => {}
                Ok(None) => {
                    let since = *waits_since.get_or_insert(now);
                    if now - since >= COMES_WITHIN {
                        return Err(missing(total - self.came.count, total));
                    }
                }
                Err(ClientError::Interrupted) if is_stopped => return Ok(()),
                Err(ClientError::Interrupted) => {
                    is_stopped = true;
                    self.consumer.cluster().finish_within(FINISH_WITHIN);
                }
                Err(e) => return Err(midway(e)),
            }
        }
    }

    fn take(&mut self, value: &[u8], now: Instant, schedule: &Schedule, records: u64) {
        let Some(Stamp { run, number }) = Stamp::of(value) else { return };
        if run == self.run && number < records && self.came.add(number) {
            self.latency.add(schedule.at(number), now, 1);
            self.last = Some(now);
        }
    }
}

fn missing(missing: u64, of: u64) -> Failure {
    let within = COMES_WITHIN.as_secs();
    Failure::failed(format!("{missing} of {of} acknowledged records did not come back within {within} s"))
}

/// Which numbers have been seen: a producer that is not idempotent may write a record twice.
#[derive(Debug, Default)]
struct Numbers {
    seen: Vec<u64>,
    count: u64,
}

impl Numbers {
    /// Whether it is new.
    fn add(&mut self, number: u64) -> bool {
        let Ok(word) = usize::try_from(number / 64) else { return false };
        if word >= self.seen.len() {
            self.seen.resize(word + 1, 0);
        }
        let bit = 1 << (number % 64);
        let is_new = self.seen[word] & bit == 0;
        self.seen[word] |= bit;
        self.count += u64::from(is_new);
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_new_once() {
        let mut numbers = Numbers::default();
        for number in [0, 63, 64, 1000, 5] {
            assert!(numbers.add(number) && !numbers.add(number), "{number}");
        }
        assert_eq!(numbers.count, 5);
    }
}
