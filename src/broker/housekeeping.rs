//! What has to be done by and by: retention, rolling by time, checkpoints, commits that expire.
//!
//! Decisions take the time as an argument; the thread that calls them is the server's.

use std::collections::HashMap;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::core::Core;
use crate::base::{Now, TopicPartition};

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
                partition.log().expire_producers(now);
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

/// Flushes what `flush.ms` says has waited long enough. Looked at once per interval, so that data waits for at most
/// the interval and one look.
fn flush_by_time(core: &Core, looked_at: &mut HashMap<TopicPartition, i64>, now: Now) {
    for topic in core.topics().iter() {
        let Some(interval_ms) = topic.config.flush_ms else { continue };
        for partition in &topic.partitions {
            if partition.log().flushed_end() >= partition.log().log_end() {
                looked_at.remove(partition.name());
                continue;
            }
            let since = *looked_at.entry(partition.name().clone()).or_insert(now.mono_ms);
            if now.mono_ms - since >= interval_ms {
                core.flusher().soon(partition);
                looked_at.remove(partition.name());
            }
        }
    }
}

/// The housekeeper's life; returns when it is told to stop.
pub fn run(core: &Core, work: &Receiver<Chore>) {
    let mut last_retention = core.now().mono_ms;
    let mut last_checkpoint = last_retention;
    let mut last_expiry = last_retention;
    let mut unflushed_since = HashMap::new();
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
        flush_by_time(core, &mut unflushed_since, now);
        if now.mono_ms - last_retention >= core.config().retention_check_interval_ms {
            core.keep_house(now);
            last_retention = now.mono_ms;
        }
        if now.mono_ms - last_expiry >= core.config().offsets.retention_check_interval_ms {
            core.groups().forget_expired(core, now);
            last_expiry = now.mono_ms;
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
