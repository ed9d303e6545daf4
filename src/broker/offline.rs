//! Partitions whose log could not be opened, and the tries to open it after all.
//!
//! A disk that can't read one file must not keep a broker from starting: what else it has is served, and the partition
//! answers KAFKA_STORAGE_ERROR with the reason. The housekeeper tries again, at first after a second, then more rarely,
//! since a try may read a lot before it fails. Nothing of an offline partition is changed on disk meanwhile, so the way
//! it was to be opened stays the right one, and is what the checkpoints go on to say.

use std::sync::Arc;

use super::core::Core;
use super::partition::Partition;
use crate::base::Now;
use crate::log::{LogError, OpenAs};

/// The first try comes so long after the start, each further one after twice the time.
const RETRY_FIRST_MS: i64 = 1000;
const RETRY_MOST_MS: i64 = 60_000;

/// Why a partition has no log.
#[derive(Debug)]
pub struct Offline {
    /// How the log is to be opened.
    pub start: OpenAs,
    pub reason: String,
    retry_at_ms: i64,
    wait_ms: i64,
}

impl Offline {
    pub fn new(start: OpenAs, error: &LogError, now: Now) -> Offline {
        Offline { start, reason: error.to_string(), retry_at_ms: now.mono_ms + RETRY_FIRST_MS, wait_ms: RETRY_FIRST_MS }
    }

    /// Another try has failed. True if it did so for another reason.
    fn failed_again(&mut self, error: &LogError, now: Now) -> bool {
        self.wait_ms = (self.wait_ms * 2).min(RETRY_MOST_MS);
        self.retry_at_ms = now.mono_ms + self.wait_ms;
        let reason = error.to_string();
        let is_news = reason != self.reason;
        self.reason = reason;
        is_news
    }
}

impl Core {
    /// Tries to open what is offline and due for it, and to read groups that could not be read.
    pub(super) fn retry_offline(&self, now: Now) {
        let is_due = |partition: &&Arc<Partition>| {
            partition.offline().lock().as_ref().is_some_and(|offline| offline.retry_at_ms <= now.mono_ms)
        };
        let topics = self.topics();
        let due: Vec<_> = topics.iter().flat_map(|topic| &topic.partitions).filter(is_due).cloned().collect();
        if due.is_empty() {
            return;
        }
        // While its topic is deleted, nothing may be opened in its directory.
        let _turn = self.changing_directories().lock();
        for partition in due.iter().filter(|partition| !partition.is_deleted()) {
            self.retry(partition, now);
        }
    }

    fn retry(&self, partition: &Arc<Partition>, now: Now) {
        let settings = partition.settings();
        match self.open_log(partition.name(), &settings, partition.reopen_as()) {
            Ok(log) => {
                self.pass_producer_ids_of(&log);
                partition.come_online(log);
                ::log::info!("{} is open now", partition.name());
                self.flush_recovered(std::slice::from_ref(partition));
            }
            Err(error) => {
                let mut offline = partition.offline().lock();
                if offline.as_mut().is_some_and(|offline| offline.failed_again(&error, now)) {
                    ::log::error!("{} still can't be opened: {error}", partition.name());
                }
            }
        }
    }
}
