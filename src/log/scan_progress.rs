//! How far the reading of log data has come that starts need after a kill: several logs count into one.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the bytes that have to be read, and those that were; tells of every step.
pub struct ScanProgress {
    found: AtomicU64,
    scanned: AtomicU64,
    tell: Box<dyn Fn(u64, u64) + Send + Sync>,
}

impl ScanProgress {
    /// `tell` is given what was read and what is known to have to be.
    pub fn new(tell: impl Fn(u64, u64) + Send + Sync + 'static) -> ScanProgress {
        ScanProgress { found: AtomicU64::new(0), scanned: AtomicU64::new(0), tell: Box::new(tell) }
    }

    pub(super) fn found(&self, bytes: u64) {
        self.found.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn scanned(&self, bytes: u64) {
        let scanned = self.scanned.fetch_add(bytes, Ordering::Relaxed) + bytes;
        (self.tell)(scanned, self.found.load(Ordering::Relaxed));
    }
}

impl fmt::Debug for ScanProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScanProgress({:?} of {:?})", self.scanned, self.found)
    }
}
