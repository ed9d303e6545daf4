//! What a group sets itself, and what then holds for it.

use std::collections::BTreeMap;

use super::broker_config::{BrokerConfig, ConsumerGroupConfig};
use super::error::ConfigError;
use super::overrides::{Alteration, alter};
use super::setting::Table;

/// What one group sets itself. Every name is in the table, every value in its canonical form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupOverrides(BTreeMap<String, String>);

impl GroupOverrides {
    /// Checks every name and value, as AlterConfigs (which replaces all) brings them.
    pub fn from_pairs<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<GroupOverrides, ConfigError>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let checked = |(name, value): (N, V)| {
            let row = Table::group().find(name.as_ref())?;
            Ok((row.name.to_owned(), row.check(value.as_ref())?))
        };
        pairs.into_iter().map(checked).collect::<Result<_, _>>().map(GroupOverrides)
    }

    /// What these become by the changes; they themselves stay as they are.
    pub fn altered<'a>(
        &self,
        changes: impl IntoIterator<Item = Alteration<'a>>,
        broker: &BrokerConfig,
    ) -> Result<GroupOverrides, ConfigError> {
        let mut altered = self.clone();
        alter(Table::group(), &mut altered.0, changes, |name| broker.value_for_group(name))?;
        Ok(altered)
    }

    /// Whether what these come to lies within the broker's bounds (Kafka's GroupConfigManager.validate).
    pub fn agree(&self, broker: &BrokerConfig) -> Result<(), ConfigError> {
        let limits = &broker.consumer_groups;
        let asked = self.asked(limits);
        for (name, value, least, most) in [
            (
                "consumer.session.timeout.ms",
                asked.session_timeout_ms,
                limits.session_timeout_min_ms,
                limits.session_timeout_max_ms,
            ),
            (
                "consumer.heartbeat.interval.ms",
                asked.heartbeat_interval_ms,
                limits.heartbeat_interval_min_ms,
                limits.heartbeat_interval_max_ms,
            ),
        ] {
            if !(least..=most).contains(&value) {
                let allowed = format!("the broker allows {least} to {most} (its group.{name} has a min and a max)");
                return Err(ConfigError::Refused { name, given: value.to_string(), reason: allowed });
            }
        }
        if asked.heartbeat_interval_ms >= asked.session_timeout_ms {
            return Err(ConfigError::Conflict(format!(
                "consumer.heartbeat.interval.ms is {}, not below consumer.session.timeout.ms with {}",
                asked.heartbeat_interval_ms, asked.session_timeout_ms
            )));
        }
        Ok(())
    }

    /// What holds for the group. A bound of the broker that has moved since the group was set wins.
    pub fn resolve(&self, broker: &BrokerConfig) -> ConsumerGroupConfig {
        let limits = &broker.consumer_groups;
        let mut config = self.asked(limits);
        config.session_timeout_ms =
            config.session_timeout_ms.clamp(limits.session_timeout_min_ms, limits.session_timeout_max_ms);
        config.heartbeat_interval_ms =
            config.heartbeat_interval_ms.clamp(limits.heartbeat_interval_min_ms, limits.heartbeat_interval_max_ms);
        config
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As the catalogue keeps them.
    pub fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    fn asked(&self, broker: &ConsumerGroupConfig) -> ConsumerGroupConfig {
        let own = |name, else_ms| self.get(name).and_then(|value| value.parse().ok()).unwrap_or(else_ms);
        ConsumerGroupConfig {
            session_timeout_ms: own("consumer.session.timeout.ms", broker.session_timeout_ms),
            heartbeat_interval_ms: own("consumer.heartbeat.interval.ms", broker.heartbeat_interval_ms),
            ..broker.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::AlterOp;
    use super::*;

    fn overrides(pairs: &[(&str, &str)]) -> GroupOverrides {
        GroupOverrides::from_pairs(pairs.iter().copied()).expect("valid settings")
    }

    fn refused(pairs: &[(&str, &str)]) -> String {
        overrides(pairs).agree(&BrokerConfig::default()).expect_err("refused").sentence()
    }

    #[test]
    fn every_group_setting_of_kafka_4_3_is_there() {
        let kafka = "consumer.assignment.interval.ms consumer.heartbeat.interval.ms consumer.session.timeout.ms \
            share.assignment.interval.ms share.auto.offset.reset share.delivery.count.limit \
            share.heartbeat.interval.ms share.isolation.level share.partition.max.record.locks \
            share.record.lock.duration.ms share.renew.acknowledge.enable share.session.timeout.ms \
            streams.assignment.interval.ms streams.heartbeat.interval.ms streams.initial.rebalance.delay.ms \
            streams.num.standby.replicas streams.session.timeout.ms";
        let ours: Vec<&str> = Table::group().rows().map(|row| row.name).collect();
        assert_eq!(ours, kafka.split_whitespace().collect::<Vec<_>>());
        for row in Table::group().rows() {
            for synonym in &row.synonyms {
                let of_broker = Table::broker().get(synonym.name).expect("a setting of the broker");
                assert_eq!((of_broker.default, of_broker.kind), (row.default, row.kind), "{}", row.name);
            }
        }
    }

    #[test]
    fn a_group_follows_the_broker_where_it_sets_nothing() {
        let broker = BrokerConfig::from_pairs([("group.consumer.session.timeout.ms", "50000")]).expect("valid");
        let plain = overrides(&[]).resolve(&broker);
        assert_eq!((plain.session_timeout_ms, plain.heartbeat_interval_ms), (50_000, 5000));
        let own = overrides(&[("consumer.session.timeout.ms", "46000"), ("consumer.heartbeat.interval.ms", "6000")]);
        let own = own.resolve(&broker);
        assert_eq!((own.session_timeout_ms, own.heartbeat_interval_ms), (46_000, 6000));
    }

    #[test]
    fn the_brokers_bounds_hold() {
        assert!(refused(&[("consumer.session.timeout.ms", "1000")]).contains("45000 to 60000"));
        assert!(refused(&[("consumer.heartbeat.interval.ms", "50000")]).contains("5000 to 15000"));
        overrides(&[("consumer.session.timeout.ms", "60000")]).agree(&BrokerConfig::default()).expect("within");
        // A broker that was started with narrower bounds than the group was set under.
        let narrow = BrokerConfig::from_pairs([("group.consumer.max.session.timeout.ms", "46000")]).expect("valid");
        let resolved = overrides(&[("consumer.session.timeout.ms", "60000")]).resolve(&narrow);
        assert_eq!(resolved.session_timeout_ms, 46_000);
    }

    #[test]
    fn single_settings_change() {
        let start = overrides(&[("consumer.session.timeout.ms", "46000")]);
        let broker = BrokerConfig::default();
        let set = |op, name, value| start.altered([Alteration { op, name, value }], &broker);
        let set_to = set(AlterOp::Set, "consumer.heartbeat.interval.ms", Some(" 6000 ")).expect("valid");
        assert_eq!(set_to.as_map().len(), 2);
        assert!(set(AlterOp::Delete, "consumer.session.timeout.ms", None).expect("valid").is_empty());
        let error = set(AlterOp::Set, "consumer.sesion.timeout.ms", Some("1")).expect_err("unknown").sentence();
        assert!(error.contains("did you mean \"consumer.session.timeout.ms\"?"), "{error}");
        assert!(set(AlterOp::Append, "consumer.session.timeout.ms", Some("1")).is_err());
    }
}
