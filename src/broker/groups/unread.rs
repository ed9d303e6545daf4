//! Partitions of `__consumer_offsets` that could not be read at the start.
//!
//! Who asks for a group whose records lie there is told to try again (COORDINATOR_LOAD_IN_PROGRESS). To say that it has
//! committed nothing would send its readers back to the beginning, and a group made anew would hide the old one.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::coordinator::Coordinator;
use super::offsets::partition_for_group;
use super::writes::OFFSETS_TOPIC;
use crate::base::{ErrorCode, PartitionId};
use crate::broker::core::Core;

#[derive(Default)]
pub(super) struct Unread {
    /// So that nobody needs the lock where all was read.
    is_any: AtomicBool,
    reasons: Mutex<BTreeMap<PartitionId, String>>,
}

impl Unread {
    pub fn partitions(&self) -> Vec<PartitionId> {
        match self.is_any.load(Ordering::Acquire) {
            true => self.reasons.lock().keys().copied().collect(),
            false => Vec::new(),
        }
    }

    /// True if that is news.
    pub fn add(&self, partition: PartitionId, reason: String) -> bool {
        let mut reasons = self.reasons.lock();
        self.is_any.store(true, Ordering::Release);
        reasons.insert(partition, reason.clone()) != Some(reason)
    }

    pub fn remove(&self, partition: PartitionId) {
        let mut reasons = self.reasons.lock();
        reasons.remove(&partition);
        self.is_any.store(!reasons.is_empty(), Ordering::Release);
    }
}

impl Coordinator {
    /// Whether what a group has committed is known.
    pub fn check_read(&self, core: &Core, group: &str) -> Result<(), ErrorCode> {
        if !self.unread.is_any.load(Ordering::Acquire) {
            return Ok(());
        }
        let Some(topic) = core.topic(OFFSETS_TOPIC) else { return Ok(()) };
        let partition = partition_for_group(group, topic.partitions.len() as i32);
        match self.unread.reasons.lock().contains_key(&partition) {
            true => Err(ErrorCode::CoordinatorLoadInProgress),
            false => Ok(()),
        }
    }

    /// Whether there may be groups that nobody knows of yet.
    pub fn check_all_read(&self) -> Result<(), ErrorCode> {
        match self.unread.is_any.load(Ordering::Acquire) {
            true => Err(ErrorCode::CoordinatorLoadInProgress),
            false => Ok(()),
        }
    }
}
