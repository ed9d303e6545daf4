//! What is forgotten by and by: commits whose time is over, and groups that nobody uses and that hold nothing (KIP-211).

use super::classic::ExpiryBase;
use super::coordinator::Coordinator;
use super::group::Locked;
use crate::base::{Now, TopicPartition};
use crate::broker::core::Core;

impl Coordinator {
    /// One look at every group.
    pub fn forget_expired(&self, core: &Core, now: Now) {
        let retention_ms = core.config().offsets.retention_ms;
        for group in self.all() {
            let Some(mut locked) = group.lock(core, now) else { continue };
            // What is on its way is not old; the next look is soon enough.
            if locked.is_writing() {
                continue;
            }
            let (expired, whole) = locked.find_expired(retention_ms);
            if expired.is_empty() && !whole {
                continue;
            }
            ::log::info!(
                "group {:?}: {} commits have expired{}",
                group.name(),
                expired.len(),
                if whole { ", and with them the group" } else { "" }
            );
            match locked.forget(expired, whole) {
                Ok(pledge) => pledge.abandon(core),
                Err(code) => ::log::warn!("what has expired of group {:?} stays for now: {code}", group.name()),
            }
        }
    }
}

impl Locked<'_> {
    /// Commits whose time is over, and whether nothing is left of the group then.
    fn find_expired(&self, retention_ms: i64) -> (Vec<TopicPartition>, bool) {
        let group = &self.state.kind;
        let base = group.expiry_base();
        if base == ExpiryBase::Never {
            return (Vec::new(), false);
        }
        let offsets = &self.state.offsets;
        let is_over = |place: &TopicPartition| {
            !group.is_subscribed_to(place.topic.as_str())
                && offsets[place].is_expired(base, retention_ms, self.now.wall_ms)
        };
        let expired: Vec<_> = offsets.keys().filter(|place| is_over(place)).cloned().collect();
        let whole = expired.len() == offsets.len() && group.is_idle() && self.is_recorded();
        (expired, whole)
    }
}
