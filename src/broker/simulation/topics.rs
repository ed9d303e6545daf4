//! What administrators do: topics, their settings and partitions, producer ids, trims; and what the house does by itself.

use std::sync::Arc;

use super::Outcome;
use super::expected::{Fate, OwedTopic, Settings};
use super::owed::Owed;
use super::world::World;
use crate::base::{Offset, PartitionId, TopicName, TopicPartition};
use crate::broker::topics::{NewTopic, Topic};
use crate::config::TopicOverrides;

const PARTITIONS_MAX: i32 = 4;
/// Topics that come and go.
const FLEETING: [&str; 3] = ["Temp0", "Temp1", "Temp2"];

pub(super) fn settings(pairs: &[(&str, &str)]) -> Settings {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn is(settings: &Settings, name: &str, value: &str) -> bool {
    settings.get(name).is_some_and(|found| found == value)
}

impl World {
    pub(super) fn create(&mut self, name: &str, partitions: i32, settings: Settings) -> Outcome {
        let topic = TopicName::new(name).expect("valid");
        let overrides = TopicOverrides::try_from(&settings).expect("valid");
        let new = NewTopic { partitions: Some(partitions), replicas: None, overrides };
        let before = self.expected.topics.get(&topic).map_or(Fate::Gone, |owed| owed.fate);
        match self.core().create_topic(&topic, &new) {
            Ok(made) => {
                let mut owed = OwedTopic::new(Fate::Exists, settings, partitions);
                owed.id = Some(made.id);
                self.expected.topics.insert(topic.clone(), owed);
                self.expected.partitions.retain(|name, _| name.topic != topic);
                self.owe_partitions(&topic, partitions);
                Ok(())
            }
            Err(error) if self.is_calm() && before == Fate::Gone => Err(format!("topic {name} can't be made: {error}")),
            Err(_) => {
                if before == Fate::Gone {
                    self.expected.topics.insert(topic, OwedTopic::new(Fate::Unknown, settings, partitions));
                }
                Ok(())
            }
        }
    }

    /// From now on the topic has so many partitions.
    fn owe_partitions(&mut self, topic: &TopicName, partitions: i32) {
        let settings = self.expected.topics[topic].settings[0].clone();
        let (compacted, loose) = (is(&settings, "cleanup.policy", "compact"), topic.as_str() == "Loose");
        for partition in (0..partitions).map(PartitionId) {
            let name = TopicPartition { topic: topic.clone(), partition };
            self.expected.partitions.entry(name).or_insert_with(|| Owed::new(compacted, loose));
        }
    }

    pub(super) fn change_topics(&mut self) -> Outcome {
        match self.chance.below(10) {
            0..2 => {
                let name = *self.chance.pick(&FLEETING);
                let fate = self.expected.topics.get(&TopicName::new(name).expect("valid")).map(|owed| owed.fate);
                if fate == Some(Fate::Exists) {
                    return Ok(());
                }
                let partitions = 1 + self.chance.below(2) as i32;
                self.create(name, partitions, settings(&[("segment.bytes", "1000")]))
            }
            2..4 => self.delete(),
            4..7 => self.change_settings(),
            7..9 => self.grow(),
            _ => self.take_producer_id(),
        }
    }

    /// One of the topics that are there, fleeting or not.
    fn some_topic(&mut self, which: impl Fn(&TopicName) -> bool) -> Option<Arc<Topic>> {
        let there = self.expected.topics.iter().filter(|(name, owed)| owed.fate == Fate::Exists && which(name));
        let there: Vec<TopicName> = there.map(|(name, _)| name.clone()).collect();
        if there.is_empty() {
            return None;
        }
        let name = self.chance.pick(&there);
        self.core().topic(name.as_str())
    }

    fn delete(&mut self) -> Outcome {
        let Some(topic) = self.some_topic(|name| FLEETING.contains(&name.as_str())) else { return Ok(()) };
        let fate = match self.core().delete_topic(&topic.name, topic.id) {
            Ok(()) => Fate::Gone,
            Err(error) if self.is_calm() => return Err(format!("topic {} can't be deleted: {error}", topic.name)),
            Err(_) => Fate::Unknown,
        };
        self.expected.topics.get_mut(&topic.name).expect("known").fate = fate;
        if fate == Fate::Gone {
            self.expected.partitions.retain(|name, _| name.topic != topic.name);
        }
        Ok(())
    }

    fn change_settings(&mut self) -> Outcome {
        let Some(topic) = self.some_topic(|_| true) else { return Ok(()) };
        let mut settings = topic.overrides.as_map().clone();
        let choices: &[(&str, &[&str])] = &[
            ("segment.bytes", &["1000", "1500", "2500"]),
            ("index.interval.bytes", &["100", "300", "4096"]),
            ("retention.bytes", &["4000", "6000", "-1"]),
            ("flush.policy", &["os", "fsync"]),
        ];
        let may = if topic.name.as_str() == "Loose" { choices } else { &choices[..3] };
        let (name, values) = *self.chance.pick(may);
        settings.insert(name.to_owned(), (*self.chance.pick(values)).to_owned());
        let overrides = TopicOverrides::try_from(&settings).expect("valid");
        let changed = self.core().change_topic_settings(&topic.name, |_| Ok(overrides));
        let owed = self.expected.topics.get_mut(&topic.name).expect("known");
        match changed {
            Ok(()) => owed.settle_settings(settings),
            Err(_) => owed.settings.push(settings),
        }
        match changed {
            Err(error) if self.is_calm() => Err(format!("topic {} can't be changed: {error}", topic.name)),
            _ => Ok(()),
        }
    }

    fn grow(&mut self) -> Outcome {
        let Some(topic) = self.some_topic(|_| true) else { return Ok(()) };
        let total = topic.partitions.len() as i32 + 1;
        if total > PARTITIONS_MAX {
            return Ok(());
        }
        let grown = self.core().add_partitions(&topic.name, total);
        let is_calm = self.is_calm();
        let owed = self.expected.topics.get_mut(&topic.name).expect("known");
        match grown {
            Ok(()) => {
                owed.partitions = total..=total;
                self.owe_partitions(&topic.name, total);
                Ok(())
            }
            Err(error) if is_calm => Err(format!("topic {} can't have {total} partitions: {error}", topic.name)),
            Err(_) => {
                owed.partitions = *owed.partitions.start()..=total;
                Ok(())
            }
        }
    }

    fn take_producer_id(&mut self) -> Outcome {
        match self.core().next_producer_id() {
            Ok(id) if id <= self.expected.producer_id => {
                Err(format!("producer id {id} was given out, and {} before it", self.expected.producer_id))
            }
            Ok(id) => {
                self.expected.producer_id = id;
                Ok(())
            }
            Err(error) if self.is_calm() => Err(format!("there are no producer ids: {error}")),
            Err(_) => Ok(()),
        }
    }

    pub(super) fn trim(&mut self) -> Outcome {
        let core = self.core();
        let names: Vec<TopicPartition> = self.expected.partitions.keys().cloned().collect();
        let name = self.chance.pick(&names).clone();
        let Some(partition) = self.partition(&name)? else { return Ok(()) };
        let owed = self.expected.partitions.get_mut(&name).expect("known");
        let Some(log) = partition.online() else { return Ok(()) };
        let (start, end) = (log.log_start().0, partition.high_watermark().0);
        if owed.compacted || end <= start {
            return Ok(());
        }
        let before = start + self.chance.below((end - start) as usize + 1) as i64;
        let noted = core.write_checkpoints_with(Some((&name, Offset(before))));
        let trimmed = noted.is_ok() && log.trim(Offset(before)).is_ok();
        let now_at = log.log_start().0;
        // Without an answer it may come about, now or at the next start.
        let least = if trimmed { before.max(*owed.start.start()) } else { *owed.start.start() };
        owed.start = least..=*owed.start.end();
        owed.may_start_at(before.max(now_at));
        match trimmed || !self.is_calm() {
            true => Ok(()),
            false => Err(format!("{name} can't be trimmed")),
        }
    }

    pub(super) fn keep_house(&mut self) -> Outcome {
        let core = self.core();
        core.keep_house(self.now());
        core.groups().forget_expired(&core, self.now());
        let emptied = core.empty_deleted();
        if self.chance.one_in(4) {
            core.restore_reserve(core.now());
        }
        for (name, owed) in &mut self.expected.partitions {
            let topic = core.topic(name.topic.as_str());
            let partition = topic.as_ref().and_then(|topic| topic.partition(name.partition.0));
            if let Some(log) = partition.and_then(|partition| partition.online()) {
                // What retention takes may come back with a power cut, as long as nobody was promised otherwise.
                owed.may_start_at(log.log_start().0);
            }
        }
        match emptied {
            Err(error) if self.is_calm() => Err(format!("what was deleted can't be removed: {error}")),
            _ => Ok(()),
        }
    }

    pub(super) fn clean(&mut self) -> Outcome {
        self.core().clean_logs(self.now());
        Ok(())
    }

    pub(super) fn checkpoint(&mut self) -> Outcome {
        let core = self.core();
        let (logs, written) = (core.checkpoint_logs(), core.write_checkpoints());
        match (logs, written) {
            (Some(failure), _) if self.is_calm() => Err(format!("a checkpoint fails: {failure}")),
            (_, Err(error)) if self.is_calm() => Err(format!("the checkpoints can't be written: {error}")),
            _ => Ok(()),
        }
    }

    /// After a start: every topic that was answered for is there, as it was; none that was deleted is.
    pub(super) fn check_topics(&mut self) -> Outcome {
        let core = self.core();
        let names: Vec<TopicName> = self.expected.topics.keys().cloned().collect();
        for name in names {
            let owed = self.expected.topics.get_mut(&name).expect("known");
            match (core.topic(name.as_str()), owed.fate) {
                (None, Fate::Exists) => return Err(format!("topic {name} is lost")),
                (Some(_), Fate::Gone) => return Err(format!("topic {name} was deleted, and is back")),
                (None, _) => {
                    owed.fate = Fate::Gone;
                    self.expected.partitions.retain(|partition, _| partition.topic != name);
                }
                (Some(topic), _) => {
                    owed.check(&topic)?;
                    self.owe_partitions(&name, topic.partitions.len() as i32);
                }
            }
        }
        Ok(())
    }
}
