//! When records are to be sent, and when they were.
//!
//! At a fixed rate a record's moment follows from its number, and its latency counts from that moment, even if the sender
//! comes to it late: a broker that stops for a second is to be seen in a second's worth of records, not in one.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Records a fixed distance apart, each sender having every `step`th of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    pub(super) start: Instant,
    pub(super) per_second: u64,
    pub(super) first: u64,
    pub(super) step: u64,
}

impl Schedule {
    /// When the sender's record with this number, counted from 0, is to be sent.
    pub(super) fn at(&self, number: u64) -> Instant {
        let number = u128::from(number) * u128::from(self.step) + u128::from(self.first);
        let nanoseconds = number * 1_000_000_000 / u128::from(self.per_second.max(1));
        self.start + Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}

/// The moments of records that are sent as fast as it goes. The clock is looked at once for a few of them, and what
/// is settled is forgotten.
#[derive(Debug)]
pub(super) struct Moments {
    /// Number of its first record, and the moment.
    blocks: VecDeque<(u64, Instant)>,
}

impl Moments {
    pub(super) fn new() -> Moments {
        Moments { blocks: VecDeque::new() }
    }

    /// From this number on.
    pub(super) fn begin(&mut self, number: u64, now: Instant) {
        self.blocks.push_back((number, now));
    }

    /// None for a record that was forgotten, or never sent. `place` is where the last one was found, 0 at first: for
    /// numbers that grow, the next is near.
    #[inline]
    pub(super) fn at(&self, number: u64, place: &mut usize) -> Option<Instant> {
        while self.blocks.get(*place + 1).is_some_and(|(first, _)| *first <= number) {
            *place += 1;
        }
        self.blocks.get(*place).filter(|(first, _)| *first <= number).map(|(_, at)| *at)
    }

    /// Records before this one will not be asked for again.
    pub(super) fn forget_before(&mut self, number: u64) {
        while self.blocks.get(1).is_some_and(|(first, _)| *first <= number) {
            self.blocks.pop_front();
        }
    }
}

/// Lets this thread's waits end when they are to. Linux is up to 50 microseconds late without it, which is more than a
/// broker on the same machine takes.
pub(super) fn wake_in_time() {
    #[cfg(target_os = "linux")]
    {
        // Refused, it makes latencies a little longer, and nothing wrong.
        let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_evenly_apart_and_dealt_to_the_senders() {
        let start = Instant::now();
        let schedule = |first, step| Schedule { start, per_second: 3, first, step };
        assert_eq!(schedule(0, 1).at(0), start);
        assert_eq!(schedule(0, 1).at(1), start + Duration::from_nanos(333_333_333));
        assert_eq!(schedule(0, 1).at(3_000_000), start + Duration::from_secs(1_000_000), "nothing adds up");
        assert_eq!(schedule(1, 2).at(1), schedule(0, 1).at(3));
        schedule(0, 1).at(1 << 60);
    }

    #[test]
    fn a_record_has_the_moment_of_its_block() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut moments = Moments::new();
        assert_eq!(moments.at(0, &mut 0), None);
        for (number, ms) in [(0, 0), (10, 5), (20, 9)] {
            moments.begin(number, at(ms));
        }
        let mut place = 0;
        let found = [0, 9, 10, 25].map(|number| moments.at(number, &mut place));
        assert_eq!(found, [0, 0, 5, 9].map(|ms| Some(at(ms))));
        moments.forget_before(15);
        assert_eq!([9, 10, 20].map(|number| moments.at(number, &mut 0)), [None, Some(at(5)), Some(at(9))]);
        moments.forget_before(100);
        assert_eq!(moments.at(100, &mut 0), Some(at(9)), "the open block stays");
    }
}
