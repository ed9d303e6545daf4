//! What groups set themselves (KIP-848's `consumer.session.timeout.ms` and its kin). A group can have settings before
//! it exists, and keeps them when it is gone, as in Kafka.

use std::collections::BTreeMap;

use parking_lot::RwLock;

use super::catalogue::{Catalogue, Command};
use super::core::Core;
use super::topics::TopicError;
use crate::config::{BrokerConfig, ConsumerGroupConfig, GroupOverrides};

/// The settings of all groups that have any.
#[derive(Default)]
pub struct GroupSettings(RwLock<BTreeMap<String, GroupOverrides>>);

impl GroupSettings {
    /// What was decided before this start.
    pub(super) fn load(&self, catalogue: &Catalogue) {
        let read = |(group, settings): (&String, &BTreeMap<String, String>)| {
            let overrides = GroupOverrides::from_pairs(settings)
                .inspect_err(|error| ::log::error!("the settings of group \"{group}\" are left out: {error}"))
                .ok()?;
            Some((group.clone(), overrides))
        };
        *self.0.write() = catalogue.group_settings.iter().filter_map(read).collect();
    }

    /// The groups that set something.
    pub fn names(&self) -> Vec<String> {
        self.0.read().keys().cloned().collect()
    }

    /// What a group sets itself.
    pub fn of(&self, group: &str) -> GroupOverrides {
        self.0.read().get(group).cloned().unwrap_or_default()
    }
}

impl Core {
    /// What holds for a consumer group (KIP-848): its own settings over the broker's, within the broker's bounds.
    pub fn consumer_group_config(&self, group: &str) -> ConsumerGroupConfig {
        self.group_settings().of(group).resolve(&self.config())
    }

    /// Changes a group's settings; they hold from now on. What `change` is shown stays as it is until it has answered.
    pub fn change_group_settings(
        &self,
        group: &str,
        change: impl FnOnce(&GroupOverrides, &BrokerConfig) -> Result<GroupOverrides, TopicError>,
    ) -> Result<(), TopicError> {
        let mut decisions = self.decisions();
        let overrides = change(&self.group_settings().of(group), &self.config())?;
        let command = Command::SetGroupSettings { group: group.to_owned(), settings: overrides.as_map().clone() };
        self.reserve().spend_on(|| decisions.decide(&command))?;
        let mut groups = self.group_settings().0.write();
        match overrides.is_empty() {
            true => groups.remove(group),
            false => groups.insert(group.to_owned(), overrides),
        };
        Ok(())
    }
}
