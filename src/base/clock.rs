//! Time as an argument. Whoever decides by time is handed a [`Now`]; only the server asks a [`Clock`],
//! so retention, sessions and timeouts run at any speed in a test.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One reading of both clocks: what a person calls the time, and what only ever grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since 1970, as Kafka stamps records. Can jump when somebody sets the clock.
    pub wall_ms: i64,
    /// Milliseconds since the clock was made. Never goes back; timeouts are measured in it.
    pub mono_ms: i64,
}

impl Now {
    /// The wall clock of this machine, for the programs that stamp records and measure nothing else.
    pub fn wall() -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
    }
}

pub trait Clock: Send + Sync {
    fn now(&self) -> Now;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    pub fn new() -> SystemClock {
        SystemClock { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        Now { wall_ms: Now::wall(), mono_ms: self.started.elapsed().as_millis() as i64 }
    }
}

/// A clock that stands still until it is told to move.
#[derive(Debug)]
pub struct ManualClock {
    wall_ms: AtomicI64,
    mono_ms: AtomicI64,
}

impl ManualClock {
    pub fn at(wall_ms: i64) -> ManualClock {
        ManualClock { wall_ms: AtomicI64::new(wall_ms), mono_ms: AtomicI64::new(0) }
    }

    pub fn advance(&self, by: Duration) {
        let ms = by.as_millis() as i64;
        self.wall_ms.fetch_add(ms, Ordering::SeqCst);
        self.mono_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Now {
        Now { wall_ms: self.wall_ms.load(Ordering::SeqCst), mono_ms: self.mono_ms.load(Ordering::SeqCst) }
    }
}
