//! What has to be done by and by: retention, rolling by time, checkpoints.
//!
//! Decisions take the time as an argument; the thread that calls them is the server's.

use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::core::Core;
use crate::base::Now;

/// How often the housekeeper looks at the clock when nothing else wakes it.
const TICK: Duration = Duration::from_secs(1);

/// Something for the housekeeper to do.
#[derive(Debug)]
pub enum Chore {
    /// Deleted topics lie in the way.
    EmptyDeleted,
    /// The last chore.
    Stop,
}

impl Core {
    /// One look at everything that depends on time: rolls and deletes segments, forgets idle producers.
    pub fn keep_house(&self, now: Now) {
        for topic in self.topics().iter() {
            for partition in &topic.partitions {
                match partition.log().retain(now, partition.high_watermark()) {
                    Ok(removed) if removed.removed_segments > 0 => {
                        ::log::info!(
                            "{}: removed {} segments, {} bytes; the log starts at {} now",
                            partition.name(),
                            removed.removed_segments,
                            removed.removed_bytes,
                            removed.log_start
                        );
                    }
                    Ok(_) => {}
                    Err(error) => ::log::error!("{}: {error}", partition.name()),
                }
            }
        }
    }
}

/// The housekeeper's life; returns when it is told to stop.
pub fn run(core: &Core, work: &Receiver<Chore>) {
    let mut last_retention = core.now().mono_ms;
    let mut last_checkpoint = last_retention;
    loop {
        match work.recv_timeout(TICK) {
            Ok(Chore::EmptyDeleted) => {
                if let Err(error) = core.data().empty_deleted() {
                    ::log::warn!("deleted topics can't be removed from disk yet: {error}");
                }
            }
            Ok(Chore::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {}
        }
        let now = core.now();
        if now.mono_ms - last_retention >= core.config().retention_check_interval_ms {
            core.keep_house(now);
            last_retention = now.mono_ms;
        }
        if now.mono_ms - last_checkpoint >= core.config().checkpoint_interval_ms {
            // Failures are logged where they happen, and the partition says so to its producers.
            let _ = core.checkpoint_logs();
            if let Err(error) = core.write_checkpoints() {
                ::log::warn!("the checkpoints can't be written: {error}; a start after a kill will take longer");
            }
            last_checkpoint = now.mono_ms;
        }
    }
}
