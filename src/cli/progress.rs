//! Progress on the terminal, for work that takes over a second.
//!
//! Counting is one atomic addition; the drawing is done by a small thread that exists only while a bar may be shown.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;

use super::{stderr, units};

/// Work that is done sooner shows no bar.
const SHOWN_AFTER: Duration = Duration::from_secs(1);
const REDRAWN_EVERY: Duration = Duration::from_millis(100);
/// Rate and time left go by what happened in this time.
const PACE_OF: Duration = Duration::from_secs(3);
/// In `Shared::total`: nobody knows.
const UNKNOWN: u64 = u64::MAX;

/// What is being counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    Records,
    Bytes,
    /// The work itself is to last a given time.
    Seconds,
}

/// A piece of work under way. Dropped, its bar is gone from the terminal.
#[derive(Debug)]
pub struct Progress {
    shared: Arc<Shared>,
    ticker: Option<(Sender<()>, JoinHandle<()>)>,
}

#[derive(Debug)]
struct Shared {
    done: AtomicU64,
    total: AtomicU64,
    note: Mutex<String>,
}

impl Progress {
    /// Starts counting; `wanted` is [`super::args::VerbosityArgs::wants_progress`].
    pub fn start(wanted: bool, counted: Counted, total: Option<u64>) -> Progress {
        let shared = Arc::new(Shared {
            done: AtomicU64::new(0),
            total: AtomicU64::new(total.unwrap_or(UNKNOWN)),
            note: Mutex::default(),
        });
        let ticker = if wanted { spawn_ticker(&shared, counted) } else { None };
        Progress { shared, ticker }
    }

    /// So much more is done.
    pub fn advance(&self, by: u64) {
        self.shared.done.fetch_add(by, Ordering::Relaxed);
    }

    /// So much is done in all.
    pub fn set_done(&self, done: u64) {
        self.shared.done.store(done, Ordering::Relaxed);
    }

    /// What else there is to say, shown behind the count.
    pub fn note(&self, text: String) {
        *self.shared.note.lock() = text;
    }

    /// The end has become known, or has moved.
    pub fn set_total(&self, total: u64) {
        self.shared.total.store(total, Ordering::Relaxed);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.ticker.take() {
            drop(stop);
            let _ = thread.join();
        }
    }
}

fn spawn_ticker(shared: &Arc<Shared>, counted: Counted) -> Option<(Sender<()>, JoinHandle<()>)> {
    let (stop, stopped) = bounded(0);
    let shared = Arc::clone(shared);
    let builder = std::thread::Builder::new().name("progress".to_owned()).stack_size(256 * 1024);
    // A thread that can't be had costs the bar, not the work.
    builder.spawn(move || tick(&shared, counted, &stopped)).ok().map(|thread| (stop, thread))
}

fn tick(shared: &Shared, counted: Counted, stopped: &Receiver<()>) {
    let mut pace = Pace::starting(Instant::now());
    if stopped.recv_timeout(SHOWN_AFTER) != Err(RecvTimeoutError::Timeout) {
        return;
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    stderr::set_bar(Some(bar.downgrade()));
    let mut shown_total = None;
    loop {
        let total = Some(shared.total.load(Ordering::Relaxed)).filter(|total| *total != UNKNOWN);
        if shown_total != Some(total) {
            shown_total = Some(total);
            bar.set_style(style(total.is_some()));
            match total {
                Some(total) => bar.set_length(total),
                None => bar.unset_length(),
            }
        }
        let done = shared.done.load(Ordering::Relaxed);
        let per_second = pace.at(Instant::now(), done);
        let note = shared.note.lock().clone();
        let between = if note.is_empty() { "" } else { ", " };
        bar.set_message(format!("{}{between}{note}", describe(counted, done, total, per_second)));
        bar.set_position(done);
        bar.tick();
        if stopped.recv_timeout(REDRAWN_EVERY) != Err(RecvTimeoutError::Timeout) {
            break;
        }
    }
    stderr::set_bar(None);
    bar.finish_and_clear();
}

fn style(total_known: bool) -> ProgressStyle {
    let template = if total_known { "{percent:>3}% [{bar:30}] {msg}" } else { "{msg}" };
    ProgressStyle::with_template(template).expect("the templates above are well-formed").progress_chars("=> ")
}

/// `5.4 GiB of 6.6 GiB, 1.2 GiB/s, 1s left`
fn describe(counted: Counted, done: u64, total: Option<u64>, per_second: f64) -> String {
    let show = |count: u64| match counted {
        Counted::Bytes => units::show_bytes(count),
        Counted::Records => HumanCount(count).to_string(),
        Counted::Seconds => units::show_seconds(count),
    };
    if counted == Counted::Seconds {
        return total.map_or_else(|| show(done), |total| format!("{} of {}", show(done), show(total)));
    }
    let unit = if counted == Counted::Records { " records" } else { "" };
    let rate = format!("{}/s", show(per_second as u64));
    let Some(total) = total else {
        let unit = if counted == Counted::Records && done == 1 { " record" } else { unit };
        return format!("{}{unit}, {rate}", show(done));
    };
    let text = format!("{} of {}{unit}, {rate}", show(done), show(total));
    let left = total.saturating_sub(done) as f64 / per_second;
    // Nobody plans for what takes longer than a month, and a rate of nothing tells no time at all.
    if left.is_finite() && left < 30.0 * 86_400.0 {
        return format!("{text}, {} left", units::show_seconds(left.ceil() as u64));
    }
    text
}

/// How fast it has gone lately.
struct Pace {
    /// When so much was done; the oldest is at least as old as the window, or the start.
    seen: VecDeque<(Instant, u64)>,
}

impl Pace {
    fn starting(now: Instant) -> Pace {
        Pace { seen: VecDeque::from([(now, 0)]) }
    }

    fn at(&mut self, now: Instant, done: u64) -> f64 {
        while self.seen.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= PACE_OF) {
            self.seen.pop_front();
        }
        let (at, before) = self.seen.front().copied().unwrap_or((now, done));
        self.seen.push_back((now, done));
        done.saturating_sub(before) as f64 / now.duration_since(at).as_secs_f64().max(0.001)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_well_formed() {
        style(true);
        style(false);
    }

    #[test]
    fn it_tells_how_much_how_fast_and_how_long() {
        let (mib, gib) = (1 << 20, 1 << 30);
        let text = describe(Counted::Bytes, 3 * gib / 2, Some(2 * gib), (128 * mib) as f64);
        assert_eq!(text, "1.5 GiB of 2.0 GiB, 128.0 MiB/s, 4s left");
        assert_eq!(describe(Counted::Records, 1_234_567, None, 1000.4), "1,234,567 records, 1,000/s");
        assert_eq!(describe(Counted::Records, 1, None, 0.0), "1 record, 0/s");
        assert_eq!(describe(Counted::Records, 0, Some(10), 0.0), "0 of 10 records, 0/s");
        assert_eq!(describe(Counted::Seconds, 75, Some(600), 1.0), "1m 15s of 10m");
    }

    #[test]
    fn the_pace_is_that_of_the_last_seconds() {
        let start = Instant::now();
        let mut pace = Pace::starting(start);
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert_eq!(pace.at(at(1), 1000), 1000.0);
        assert_eq!(pace.at(at(2), 2000), 1000.0);
        for second in 3..20 {
            pace.at(at(second), 2000);
        }
        assert_eq!(pace.at(at(20), 2000), 0.0, "it stalled long ago");
        assert!(pace.seen.len() < 10);
    }

    #[test]
    fn without_a_bar_there_is_no_thread_and_counting_costs_nothing_else() {
        let progress = Progress::start(false, Counted::Records, None);
        progress.advance(2);
        progress.advance(3);
        progress.set_total(10);
        assert!(progress.ticker.is_none());
        assert_eq!(progress.shared.done.load(Ordering::Relaxed), 5);
    }

    #[test]
    fn short_work_ends_at_once_without_a_bar() {
        let started = Instant::now();
        drop(Progress::start(true, Counted::Bytes, Some(100)));
        assert!(started.elapsed() < SHOWN_AFTER);
    }
}
