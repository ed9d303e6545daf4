//! Every bound of the log room that is not a setting.

/// Index entries kept in memory before they are written to their file together.
pub const INDEX_ENTRIES_PENDING: usize = 64;

/// Batches at the end of a log whose places are remembered, so that who follows it needs no index.
pub const RECENT_BATCHES: usize = 32;

/// Ends of reads remembered per segment, where the next read most likely begins.
pub const BOOKMARKS: usize = 8;

/// Read at once when headers are hopped through to find an offset.
pub const SEEK_WINDOW_BYTES: usize = 4 * 1024;

/// Read at once when batches are verified one after the other.
pub const SCAN_WINDOW_BYTES: usize = 128 * 1024;

/// A start that reads log data tells of so much at once.
pub const PROGRESS_BYTES: u64 = 1024 * 1024;

/// Places in a segment known to be good; when there are more, the shortest is forgotten (and verified again).
pub const VERIFIED_RANGES: usize = 16;

/// Damaged places remembered per segment; further ones are found again when they are met.
pub const HOLES_REMEMBERED: usize = 256;

/// After a failed write or fsync the disk is tried again at most this often.
pub const PROBE_INTERVAL_MS: i64 = 500;

/// Cuts after a failed fsync that are remembered one by one, for appends that still wait.
pub const CUTS_REMEMBERED: usize = 16;

/// What the probe writes.
pub const PROBE_BYTES: usize = 4096;

/// States of sealed segments that wait for the next checkpoint; more are dropped, they only save work.
pub const STATES_PENDING: usize = 8;

/// More dirty logs than this are flushed by one `syncfs`.
pub const FLUSH_SINGLY_MAX: usize = 4;

/// Files open for reading, where nobody gave a pool with a better number.
pub const POOL_FILES_DEFAULT: usize = 64;
