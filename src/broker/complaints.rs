//! What was said of partitions with which something goes wrong again and again, so that each thing is said once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::base::TopicPartition;

#[derive(Default)]
pub struct Complaints {
    /// So that nobody needs the lock where all is well.
    are_any: AtomicBool,
    reasons: Mutex<HashMap<TopicPartition, String>>,
}

impl Complaints {
    /// It went wrong for this reason. True if that is news.
    pub fn failed(&self, partition: &TopicPartition, reason: &str) -> bool {
        let mut reasons = self.reasons.lock();
        self.are_any.store(true, Ordering::Release);
        match reasons.get_mut(partition) {
            Some(known) if known == reason => false,
            Some(known) => {
                reason.clone_into(known);
                true
            }
            None => reasons.insert(partition.clone(), reason.to_owned()).is_none(),
        }
    }

    /// Whether something goes wrong anywhere.
    pub fn are_any(&self) -> bool {
        self.are_any.load(Ordering::Acquire)
    }

    pub fn is_any_of(&self, partition: &TopicPartition) -> bool {
        self.are_any() && self.reasons.lock().contains_key(partition)
    }

    /// It went well: should it fail again, that is news.
    pub fn worked(&self, partition: &TopicPartition) {
        if !self.are_any() {
            return;
        }
        let mut reasons = self.reasons.lock();
        reasons.remove(partition);
        self.are_any.store(!reasons.is_empty(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{PartitionId, TopicName};

    #[test]
    fn each_thing_is_said_once_until_it_worked_again() {
        let name = |partition| TopicPartition {
            topic: TopicName::new("t").expect("valid"),
            partition: PartitionId(partition),
        };
        let complaints = Complaints::default();
        complaints.worked(&name(0));
        assert!(!complaints.are_any() && !complaints.is_any_of(&name(0)));
        assert!(complaints.failed(&name(0), "full") && !complaints.failed(&name(0), "full"));
        assert!(complaints.failed(&name(0), "broken") && !complaints.failed(&name(0), "broken"));
        assert!(complaints.failed(&name(1), "full"));
        complaints.worked(&name(0));
        assert!(!complaints.failed(&name(1), "full"), "that of another stands");
        assert!(complaints.is_any_of(&name(1)) && !complaints.is_any_of(&name(0)));
        assert!(complaints.failed(&name(0), "broken"));
    }
}
