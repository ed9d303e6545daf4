//! What came out: counts, the time they took, and how latencies are spread.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::cli::failure::Failure;

/// Percentiles are exact to a thousandth of their value.
const DIGITS: u8 = 3;
/// What takes longer than a day counts as a day.
const LONGEST: Duration = Duration::from_secs(86_400);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Work {
    Produce,
    Consume,
    Latency,
}

/// Up to where a record's time is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Until {
    /// With acks=0 nothing more is known.
    Sent,
    Acknowledged,
    /// A consumer that follows has it.
    Consumed,
}

/// One figure of the result.
#[derive(Debug)]
pub(in crate::cli) struct Measured {
    pub(in crate::cli) work: Work,
    /// For what has a latency.
    pub(in crate::cli) until: Option<Until>,
    pub(in crate::cli) records: u64,
    /// Of keys and values.
    pub(in crate::cli) bytes: u64,
    pub(in crate::cli) took: Duration,
    pub(in crate::cli) latency: Latency,
}

/// What a measurement came to, and how it ended. A bad end leaves what was measured before it.
#[derive(Debug)]
pub(in crate::cli) struct Run {
    pub(in crate::cli) measured: Vec<Measured>,
    pub(in crate::cli) ended: Result<(), Failure>,
}

impl Run {
    /// Nothing was measured.
    pub(super) fn failed(failure: impl Into<Failure>) -> Run {
        Run { measured: Vec::new(), ended: Err(failure.into()) }
    }
}

/// Latencies, counted in nanoseconds.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Latency(Histogram<u64>);

impl Latency {
    pub(in crate::cli) fn new() -> Latency {
        Latency(Histogram::new_with_max(LONGEST.as_nanos() as u64, DIGITS).expect("a histogram can be so exact"))
    }

    /// So many records that were to be sent at the same moment.
    #[inline]
    pub(super) fn add(&mut self, from: Instant, to: Instant, count: u64) {
        let nanoseconds = u64::try_from(to.saturating_duration_since(from).as_nanos()).unwrap_or(u64::MAX);
        self.0.saturating_record_n(nanoseconds, count);
    }

    pub(super) fn add_all(&mut self, other: &Latency) {
        self.0.add(&other.0).expect("both have the same bounds");
    }

    pub(in crate::cli) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// So much or less had this share of the records, from 0 to 1.
    pub(in crate::cli) fn quantile_ms(&self, share: f64) -> f64 {
        milliseconds(self.0.value_at_quantile(share) as f64)
    }

    pub(in crate::cli) fn max_ms(&self) -> f64 {
        milliseconds(self.0.max() as f64)
    }

    pub(in crate::cli) fn mean_ms(&self) -> f64 {
        milliseconds(self.0.mean())
    }
}

/// To the microsecond, as far as the clocks and the digits can be trusted.
fn milliseconds(nanoseconds: f64) -> f64 {
    (nanoseconds / 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against the sorted list, whatever range it spans.
        #[test]
        fn percentiles_are_those_of_the_list(mut micros in prop::collection::vec(1u64..100_000_000, 1..300)) {
            let start = Instant::now();
            let (mut one, mut two) = (Latency::new(), Latency::new());
            for (i, micros) in micros.iter().enumerate() {
                let half = if i % 2 == 0 { &mut one } else { &mut two };
                half.add(start, start + Duration::from_micros(*micros), 1);
            }
            one.add_all(&two);
            micros.sort_unstable();
            for share in [0.5, 0.95, 0.99, 0.999] {
                let rank = (share * micros.len() as f64).ceil() as usize - 1;
                let expected = micros[rank] as f64 / 1000.0;
                let off = (one.quantile_ms(share) - expected).abs();
                prop_assert!(off <= expected / 1000.0 + 0.001, "{share}: {} for {expected}", one.quantile_ms(share));
            }
            prop_assert!(one.max_ms() >= one.quantile_ms(0.999));
        }
    }

    #[test]
    fn a_record_that_comes_before_its_time_took_no_time() {
        let mut latency = Latency::new();
        let now = Instant::now();
        assert!(latency.is_empty());
        latency.add(now + Duration::from_secs(1), now, 3);
        assert_eq!((latency.is_empty(), latency.max_ms(), latency.mean_ms()), (false, 0.0, 0.0));
        latency.add(now, now + LONGEST * 3, 1);
        assert!((latency.max_ms() / 86_400_000.0 - 1.0).abs() < 0.001);
    }
}
