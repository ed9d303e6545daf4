//! Partitions of `__consumer_offsets` that could not be read at the start.
//!
//! Who asks for a group whose records lie there is told to try again (COORDINATOR_LOAD_IN_PROGRESS). To say that it has
//! committed nothing would send its readers back to the beginning, and a group made anew would hide the old one.

use super::coordinator::Coordinator;
use super::offsets::partition_for_group;
use super::writes::OFFSETS_TOPIC;
use crate::base::ErrorCode;
use crate::broker::core::Core;

impl Coordinator {
    /// Whether what a group has committed is known.
    pub fn check_read(&self, core: &Core, group: &str) -> Result<(), ErrorCode> {
        self.check_all_read().or_else(|loading| {
            let Some(topic) = core.topic(OFFSETS_TOPIC) else { return Ok(()) };
            let index = partition_for_group(group, topic.partitions.len() as i32);
            let partition = topic.partition(index.0);
            let is_unread = partition.is_some_and(|partition| self.unread.is_any_of(partition.name()));
            if is_unread { Err(loading) } else { Ok(()) }
        })
    }

    /// Whether there may be groups that nobody knows of yet.
    pub fn check_all_read(&self) -> Result<(), ErrorCode> {
        if self.unread.are_any() { Err(ErrorCode::CoordinatorLoadInProgress) } else { Ok(()) }
    }
}
