//! Progress on the terminal, for work that takes over a second.
//!
//! Counting is one atomic addition; the drawing is done by a small thread that exists only while a bar may be shown.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::stderr;

/// Work that is done sooner shows no bar.
const SHOWN_AFTER: Duration = Duration::from_secs(1);
const REDRAWN_EVERY: Duration = Duration::from_millis(100);
/// In `Shared::total`: nobody knows.
const UNKNOWN: u64 = u64::MAX;

/// What is being counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    Records,
    Bytes,
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
}

impl Progress {
    /// Starts counting; `wanted` is [`super::args::VerbosityArgs::wants_progress`].
    pub fn start(wanted: bool, counted: Counted, total: Option<u64>) -> Progress {
        let shared = Arc::new(Shared { done: AtomicU64::new(0), total: AtomicU64::new(total.unwrap_or(UNKNOWN)) });
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
    let started = Instant::now();
    if stopped.recv_timeout(SHOWN_AFTER) != Err(RecvTimeoutError::Timeout) {
        return;
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_elapsed(started.elapsed());
    stderr::set_bar(Some(bar.downgrade()));
    let mut shown_total = None;
    loop {
        let total = Some(shared.total.load(Ordering::Relaxed)).filter(|total| *total != UNKNOWN);
        if shown_total != Some(total) {
            shown_total = Some(total);
            bar.set_style(style(counted, total.is_some()));
            match total {
                Some(total) => bar.set_length(total),
                None => bar.unset_length(),
            }
        }
        bar.set_position(shared.done.load(Ordering::Relaxed));
        bar.tick();
        if stopped.recv_timeout(REDRAWN_EVERY) != Err(RecvTimeoutError::Timeout) {
            break;
        }
    }
    stderr::set_bar(None);
    bar.finish_and_clear();
}

fn style(counted: Counted, total_known: bool) -> ProgressStyle {
    let template = match (counted, total_known) {
        (Counted::Bytes, true) => "{percent:>3}% [{bar:30}] {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        (Counted::Bytes, false) => "{bytes}, {bytes_per_sec}",
        (Counted::Records, true) => "{percent:>3}% [{bar:30}] {human_pos} of {human_len} records, {rate}, {eta} left",
        (Counted::Records, false) => "{human_pos} records, {rate}",
    };
    ProgressStyle::with_template(template)
        .expect("the templates above are well-formed")
        .with_key("rate", |state: &ProgressState, out: &mut dyn fmt::Write| {
            let _ = write!(out, "{}/s", HumanCount(state.per_sec().round() as u64));
        })
        .progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_well_formed() {
        for counted in [Counted::Records, Counted::Bytes] {
            for known in [true, false] {
                style(counted, known);
            }
        }
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
