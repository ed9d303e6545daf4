//! What was promised to whom, beside the records: topics with their settings and partitions, commits, producer ids.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::Outcome;
use super::owed::Owed;
use crate::base::{TopicName, TopicPartition, Uuid};
use crate::broker::topics::Topic;

pub(super) type Settings = BTreeMap<String, String>;

#[derive(Debug, Clone, Default)]
pub(super) struct Expected {
    pub topics: BTreeMap<TopicName, OwedTopic>,
    pub partitions: BTreeMap<TopicPartition, Owed>,
    pub commits: BTreeMap<String, Commits>,
    /// The largest producer id that anybody got.
    pub producer_id: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Exists,
    Gone,
    /// The answer was an error: it may be there or not.
    Unknown,
}

#[derive(Debug, Clone)]
pub(super) struct OwedTopic {
    pub fate: Fate,
    /// `None` until it was seen.
    pub id: Option<Uuid>,
    /// What its settings may be: those that were answered for, and behind them those whose change failed.
    pub settings: Vec<Settings>,
    pub partitions: RangeInclusive<i32>,
}

/// What a group has committed for one partition, in order; `None` where it was deleted.
#[derive(Debug, Clone, Default)]
pub(super) struct Commits {
    pub all: Vec<Option<i64>>,
    /// So many are known to count.
    pub counted: usize,
}

impl OwedTopic {
    pub fn new(fate: Fate, settings: Settings, partitions: i32) -> OwedTopic {
        OwedTopic { fate, id: None, settings: vec![settings], partitions: partitions..=partitions }
    }

    /// A change was answered for.
    pub fn settle_settings(&mut self, settings: Settings) {
        self.settings = vec![settings];
    }

    /// Whether a topic that is there is as it should be. What it is now, it stays.
    pub fn check(&mut self, topic: &Topic) -> Outcome {
        let name = &topic.name;
        if self.id.is_some_and(|id| id != topic.id) {
            return Err(format!("topic {name} is another one than it was"));
        }
        let (settings, partitions) = (topic.overrides.as_map(), topic.partitions.len() as i32);
        if !self.settings.contains(settings) {
            return Err(format!("topic {name} has settings {settings:?}, and should have one of {:?}", self.settings));
        }
        if !self.partitions.contains(&partitions) {
            return Err(format!("topic {name} has {partitions} partitions, and should have {:?}", self.partitions));
        }
        (self.fate, self.id) = (Fate::Exists, Some(topic.id));
        self.settle_settings(settings.clone());
        self.partitions = partitions..=partitions;
        Ok(())
    }
}

impl Commits {
    /// Whether a group's offset is one that was committed, and not older than the last that is known to count. What it
    /// is now, it stays.
    pub fn check(&mut self, group: &str, found: Option<i64>) -> Outcome {
        let from = self.counted.saturating_sub(1);
        let allowed = &self.all[from..];
        let Some(at) = allowed.iter().position(|commit| *commit == found) else {
            if self.counted == 0 && found.is_none() {
                self.all.clear();
                return Ok(());
            }
            return Err(format!("group {group} has committed {found:?}, but should have one of {allowed:?}"));
        };
        // The others never came that far.
        self.all.truncate(from + at + 1);
        self.counted = self.all.len();
        Ok(())
    }
}
