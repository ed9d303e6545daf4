//! The settings as DescribeConfigs shows them: value, where it comes from, and what would hold without it (KIP-226).

use super::broker_config::BrokerConfig;
use super::group_config::GroupOverrides;
use super::overrides::TopicOverrides;
use super::setting::{Setting, Synonym, Table};

/// Where a value comes from, with Kafka's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i8)]
pub enum ConfigSource {
    /// The topic itself.
    Topic = 1,
    /// This broker, changed while it ran.
    DynamicBroker = 2,
    /// Every broker, changed while they ran.
    DynamicCluster = 3,
    /// File, environment or flags of the broker.
    StaticBroker = 4,
    Default = 5,
    /// A logger's level, changed while the broker ran.
    BrokerLogger = 6,
    /// The group itself.
    Group = 8,
}

impl ConfigSource {
    pub const fn code(self) -> i8 {
        self as i8
    }
}

/// One setting of one topic, group or broker.
#[derive(Debug, Clone)]
pub struct DescribedSetting {
    setting: &'static Setting,
    value: Option<String>,
    /// The strongest first.
    synonyms: Vec<DescribedSynonym>,
    read_only: bool,
}

/// A value that was given for the setting, under that name or another, or its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedSynonym {
    pub name: &'static str,
    /// `None` if it is a secret.
    pub value: Option<String>,
    pub source: ConfigSource,
}

impl DescribedSetting {
    pub fn name(&self) -> &'static str {
        self.setting.name
    }

    /// `None` if it is a secret, or is not set and has no default.
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref().filter(|_| !self.is_sensitive())
    }

    pub fn source(&self) -> ConfigSource {
        self.synonyms.first().map_or(ConfigSource::Default, |synonym| synonym.source)
    }

    pub fn is_default(&self) -> bool {
        self.source() == ConfigSource::Default
    }

    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    pub fn is_sensitive(&self) -> bool {
        self.setting.kind.is_sensitive()
    }

    /// Kafka's number for the type.
    pub fn type_code(&self) -> i8 {
        self.setting.kind.code()
    }

    pub fn synonyms(&self) -> &[DescribedSynonym] {
        &self.synonyms
    }

    pub fn documentation(&self) -> String {
        self.setting.documentation()
    }
}

/// Every setting of a topic, by name.
pub fn describe_topic(overrides: &TopicOverrides, broker: &BrokerConfig) -> Vec<DescribedSetting> {
    let describe = |setting: &'static Setting| {
        let own = overrides.get(setting.name);
        let own_synonym = own.map(|value| synonym(setting, setting.name, value, ConfigSource::Topic));
        DescribedSetting {
            setting,
            value: own.map(str::to_owned).or_else(|| broker.value_for_topic(setting.name)),
            synonyms: own_synonym.into_iter().chain(given(broker, &setting.synonyms)).collect(),
            read_only: false,
        }
    };
    Table::topic().rows().map(describe).collect()
}

/// Every setting of a group, by name.
pub fn describe_group(overrides: &GroupOverrides, broker: &BrokerConfig) -> Vec<DescribedSetting> {
    let describe = |setting: &'static Setting| {
        let own = overrides.get(setting.name);
        let own_synonym = own.map(|value| synonym(setting, setting.name, value, ConfigSource::Group));
        let mut synonyms: Vec<_> = own_synonym.into_iter().chain(given(broker, &setting.synonyms)).collect();
        if synonyms.is_empty() {
            // A setting that the broker has no counterpart of still shows its default, as in Kafka.
            synonyms.extend(setting.default.map(|value| synonym(setting, setting.name, value, ConfigSource::Default)));
        }
        DescribedSetting {
            setting,
            value: own.map(str::to_owned).or_else(|| broker.value_for_group(setting.name)),
            synonyms,
            read_only: false,
        }
    };
    Table::group().rows().map(describe).collect()
}

/// Every setting of a broker, by name.
pub fn describe_broker(broker: &BrokerConfig) -> Vec<DescribedSetting> {
    let describe = |setting: &'static Setting| {
        // Kafka shows a setting with those it outranks, and only if something was given under its own name.
        let family = family(setting.name);
        let synonyms = given(broker, &family).into_iter().skip_while(|synonym| synonym.name != setting.name);
        DescribedSetting {
            setting,
            value: broker.value(setting.name),
            synonyms: synonyms.collect(),
            read_only: !setting.dynamic,
        }
    };
    Table::broker().rows().map(describe).collect()
}

/// The broker setting with those that count where it is not set.
fn family(name: &'static str) -> Vec<Synonym> {
    let outranked = |topic: &Setting| {
        let rank = topic.synonyms.iter().position(|synonym| synonym.name == name)?;
        Some(topic.synonyms[rank..].to_vec())
    };
    Table::topic().rows().find_map(outranked).unwrap_or_else(|| vec![Synonym::same(name)])
}

/// Every value given for these broker settings, the strongest source first, and their defaults.
fn given(broker: &BrokerConfig, names: &[Synonym]) -> Vec<DescribedSynonym> {
    let rows: Vec<&'static Setting> = names.iter().filter_map(|s| Table::broker().get(s.name)).collect();
    let from = |source: ConfigSource, row: &'static Setting| -> Option<DescribedSynonym> {
        let dynamic = broker.dynamic();
        let value = match source {
            ConfigSource::Topic | ConfigSource::Group | ConfigSource::BrokerLogger => None,
            ConfigSource::DynamicBroker => dynamic.broker.get(row.name).map(String::as_str),
            ConfigSource::DynamicCluster => dynamic.cluster.get(row.name).map(String::as_str),
            ConfigSource::StaticBroker => broker.given().given(row.name).map(|(value, _)| value),
            ConfigSource::Default => row.default,
        };
        value.map(|value| synonym(row, row.name, value, source))
    };
    use ConfigSource::{Default, DynamicBroker, DynamicCluster, StaticBroker};
    let sources = [DynamicBroker, DynamicCluster, StaticBroker, Default];
    sources.into_iter().flat_map(|source| rows.iter().filter_map(move |row| from(source, row))).collect()
}

fn synonym(setting: &Setting, name: &'static str, value: &str, source: ConfigSource) -> DescribedSynonym {
    let value = (!setting.kind.is_sensitive()).then(|| value.to_owned());
    DescribedSynonym { name, value, source }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::DynamicSettings;
    use super::*;

    fn find<'a>(rows: &'a [DescribedSetting], name: &str) -> &'a DescribedSetting {
        rows.iter().find(|row| row.name() == name).expect("a row")
    }

    fn synonyms(row: &DescribedSetting) -> Vec<(&str, &str, i8)> {
        row.synonyms().iter().map(|s| (s.name, s.value.as_deref().unwrap_or("null"), s.source.code())).collect()
    }

    fn map(name: &str, value: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn a_topic_shows_every_setting_of_kafka_with_its_sources() {
        let broker =
            BrokerConfig::from_pairs([("log.retention.hours", "1"), ("message.max.bytes", "2000")]).expect("valid");
        let dynamic = DynamicSettings::new(&map("message.max.bytes", "3000"), &map("message.max.bytes", "4000"));
        let broker = broker.with_dynamic(dynamic.expect("dynamic")).expect("fits");
        let overrides = TopicOverrides::from_pairs([("max.message.bytes", "5000")]).expect("valid");
        let rows = describe_topic(&overrides, &broker);
        assert_eq!(rows.len(), 34);
        let row = find(&rows, "max.message.bytes");
        assert_eq!((row.value(), row.source(), row.is_default()), (Some("5000"), ConfigSource::Topic, false));
        assert_eq!(
            synonyms(row),
            [
                ("max.message.bytes", "5000", 1),
                ("message.max.bytes", "4000", 2),
                ("message.max.bytes", "3000", 3),
                ("message.max.bytes", "2000", 4),
                ("message.max.bytes", "1048588", 5),
            ]
        );
        assert_eq!((row.type_code(), row.is_read_only(), row.is_sensitive()), (3, false, false));
        let row = find(&rows, "retention.ms");
        assert_eq!((row.value(), row.source()), (Some("3600000"), ConfigSource::StaticBroker));
        assert_eq!(synonyms(row), [("log.retention.hours", "1", 4), ("log.retention.hours", "168", 5)]);
        let row = find(&rows, "cleanup.policy");
        assert_eq!((row.value(), row.source(), row.type_code()), (Some("delete"), ConfigSource::Default, 7));
        let row = find(&rows, "remote.storage.enable");
        assert_eq!((row.value(), row.source(), synonyms(row)), (Some("false"), ConfigSource::Default, vec![]));
        assert!(row.documentation().ends_with("no effect here: there is no tiered storage."));
    }

    #[test]
    fn a_group_shows_its_settings_over_the_brokers() {
        let broker = BrokerConfig::from_pairs([("group.consumer.session.timeout.ms", "46000")]).expect("valid");
        let overrides = GroupOverrides::from_pairs([("consumer.heartbeat.interval.ms", "6000")]).expect("valid");
        let rows = describe_group(&overrides, &broker);
        let row = find(&rows, "consumer.heartbeat.interval.ms");
        assert_eq!((row.value(), row.source(), row.is_read_only()), (Some("6000"), ConfigSource::Group, false));
        let of_broker = "group.consumer.heartbeat.interval.ms";
        assert_eq!(synonyms(row), [("consumer.heartbeat.interval.ms", "6000", 8), (of_broker, "5000", 5)]);
        let row = find(&rows, "consumer.session.timeout.ms");
        assert_eq!((row.value(), row.source()), (Some("46000"), ConfigSource::StaticBroker));
        let row = find(&rows, "share.isolation.level");
        assert_eq!(synonyms(row), [("share.isolation.level", "read_uncommitted", 5)]);
    }

    #[test]
    fn a_broker_shows_its_settings_and_what_can_be_changed() {
        let broker = BrokerConfig::from_pairs([("log.retention.hours", "1"), ("num.partitions", "3")]).expect("valid");
        let rows = describe_broker(&broker);
        let row = find(&rows, "num.partitions");
        assert_eq!((row.value(), row.source(), row.is_read_only()), (Some("3"), ConfigSource::StaticBroker, true));
        assert_eq!(synonyms(row), [("num.partitions", "3", 4), ("num.partitions", "1", 5)]);
        let row = find(&rows, "log.retention.ms");
        assert_eq!((row.value(), row.source(), row.is_read_only()), (None, ConfigSource::Default, false));
        assert_eq!(synonyms(row), []);
        let row = find(&rows, "log.retention.hours");
        assert_eq!((row.value(), row.source(), row.is_read_only()), (Some("1"), ConfigSource::StaticBroker, true));
        assert_eq!(find(&rows, "advertised.listeners").value(), None);
        assert!(!find(&rows, "compression.type").is_read_only());
        assert!(rows.is_sorted_by_key(DescribedSetting::name));

        let dynamic = DynamicSettings::new(&BTreeMap::new(), &map("log.retention.ms", "7")).expect("dynamic");
        let rows = describe_broker(&broker.with_dynamic(dynamic).expect("fits"));
        let row = find(&rows, "log.retention.ms");
        assert_eq!((row.value(), row.source()), (Some("7"), ConfigSource::DynamicBroker));
        assert_eq!(
            synonyms(row),
            [("log.retention.ms", "7", 2), ("log.retention.hours", "1", 4), ("log.retention.hours", "168", 5)]
        );
    }
}
