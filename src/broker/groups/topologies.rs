//! The topics as groups see them, made anew whenever they changed.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::consumer::{Shape, Topology};
use crate::broker::topics::Topics;

#[derive(Default)]
pub struct Topologies {
    newest: Mutex<Newest>,
}

/// Held weakly: whoever changes the topics would otherwise have to copy them.
#[derive(Default)]
struct Newest {
    of: Weak<Topics>,
    topology: Arc<Topology>,
}

impl Topologies {
    pub fn of(&self, topics: &Arc<Topics>) -> Arc<Topology> {
        let mut newest = self.newest.lock();
        if !newest.of.upgrade().is_some_and(|known| Arc::ptr_eq(&known, topics)) {
            let shown = topics.iter().filter(|topic| !topic.name.is_internal());
            let shapes = shown.map(|topic| {
                let partitions = topic.partitions.len() as i32;
                (topic.name.to_string(), Shape { id: topic.id, partitions })
            });
            let version = newest.topology.version() + 1;
            *newest = Newest { of: Arc::downgrade(topics), topology: Arc::new(Topology::new(version, shapes)) };
        }
        Arc::clone(&newest.topology)
    }
}
