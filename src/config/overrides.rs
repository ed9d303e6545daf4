//! What a topic, or a running broker, sets itself: the part of the configuration that clients change.
//!
//! Always valid: every name is in the table, every value in its canonical form, and values agree with each other.

use std::collections::BTreeMap;

use super::error::ConfigError;
use super::kind::list_items;
use super::setting::Table;

/// One change, as IncrementalAlterConfigs names it (KIP-339).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlterOp {
    Set,
    Delete,
    Append,
    Subtract,
}

impl AlterOp {
    pub fn from_code(code: i8) -> Option<AlterOp> {
        match code {
            0 => Some(AlterOp::Set),
            1 => Some(AlterOp::Delete),
            2 => Some(AlterOp::Append),
            3 => Some(AlterOp::Subtract),
            _ => None,
        }
    }
}

/// A change of one setting; DELETE needs no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alteration<'a> {
    pub op: AlterOp,
    pub name: &'a str,
    pub value: Option<&'a str>,
}

/// What one topic sets itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicOverrides(BTreeMap<String, String>);

impl TopicOverrides {
    /// Checks every name and value, as CreateTopics and AlterConfigs (which replaces all) bring them.
    pub fn from_pairs<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<TopicOverrides, ConfigError>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let mut overrides = TopicOverrides::default();
        for (name, value) in pairs {
            overrides.insert(name.as_ref(), value.as_ref())?;
        }
        overrides.agree()?;
        Ok(overrides)
    }

    /// What these overrides become; they themselves stay as they are, so one bad change leaves nothing half done.
    /// `inherited` is what a setting is without an override; APPEND and SUBTRACT start from it.
    pub fn altered<'a>(
        &self,
        changes: impl IntoIterator<Item = Alteration<'a>>,
        inherited: impl Fn(&'static str) -> Option<String>,
    ) -> Result<TopicOverrides, ConfigError> {
        let mut altered = self.clone();
        alter(Table::topic(), &mut altered.0, changes, inherited)?;
        altered.agree()?;
        Ok(altered)
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As the catalogue keeps them.
    pub fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    fn insert(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        let row = Table::topic().find(name)?;
        self.0.insert(row.name.to_owned(), row.check(value)?);
        Ok(())
    }

    /// What Kafka checks across settings (LogConfig.validateValues, and the controller where there are no tiers).
    fn agree(&self) -> Result<(), ConfigError> {
        if self.get("remote.storage.enable") == Some("true") {
            return Err(ConfigError::Refused {
                name: "remote.storage.enable",
                given: "true".to_owned(),
                reason: "there is no tiered storage".to_owned(),
            });
        }
        let lag = |name| self.get(name).and_then(|value| value.parse::<i64>().ok());
        match (lag("min.compaction.lag.ms"), lag("max.compaction.lag.ms")) {
            (Some(min), Some(max)) if min > max => Err(ConfigError::Conflict(format!(
                "min.compaction.lag.ms is {min}, more than max.compaction.lag.ms with {max}"
            ))),
            _ => Ok(()),
        }
    }
}

impl TryFrom<&BTreeMap<String, String>> for TopicOverrides {
    type Error = ConfigError;

    fn try_from(map: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        TopicOverrides::from_pairs(map)
    }
}

/// What is set on running brokers: for all of them, and for this one, which is the stronger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DynamicSettings {
    pub(super) cluster: BTreeMap<String, String>,
    pub(super) broker: BTreeMap<String, String>,
}

/// Whose dynamic settings are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DynamicScope {
    /// Every broker's (the resource with an empty name).
    Cluster,
    /// This broker's.
    Broker,
}

impl DynamicSettings {
    /// Checks what the catalogue kept.
    pub fn new(
        cluster: &BTreeMap<String, String>,
        broker: &BTreeMap<String, String>,
    ) -> Result<DynamicSettings, ConfigError> {
        Ok(DynamicSettings { cluster: dynamic(cluster)?, broker: dynamic(broker)? })
    }

    /// What one scope becomes by these changes.
    pub fn altered<'a>(
        &self,
        scope: DynamicScope,
        changes: impl IntoIterator<Item = Alteration<'a>>,
        inherited: impl Fn(&'static str) -> Option<String>,
    ) -> Result<DynamicSettings, ConfigError> {
        let mut altered = self.clone();
        let map = altered.map_mut(scope);
        alter(Table::broker(), map, changes, inherited)?;
        Ok(altered)
    }

    /// What one scope becomes when these values replace all (AlterConfigs).
    pub fn replaced(
        &self,
        scope: DynamicScope,
        values: &BTreeMap<String, String>,
    ) -> Result<DynamicSettings, ConfigError> {
        let mut replaced = self.clone();
        *replaced.map_mut(scope) = dynamic(values)?;
        Ok(replaced)
    }

    /// As the catalogue keeps them.
    pub fn as_map(&self, scope: DynamicScope) -> &BTreeMap<String, String> {
        match scope {
            DynamicScope::Cluster => &self.cluster,
            DynamicScope::Broker => &self.broker,
        }
    }

    fn map_mut(&mut self, scope: DynamicScope) -> &mut BTreeMap<String, String> {
        match scope {
            DynamicScope::Cluster => &mut self.cluster,
            DynamicScope::Broker => &mut self.broker,
        }
    }
}

fn dynamic(values: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, ConfigError> {
    let check = |(name, value): (&String, &String)| {
        let row = Table::broker().find(name)?;
        if !row.dynamic {
            return Err(ConfigError::ReadOnly(row.name));
        }
        Ok((name.clone(), row.check(value)?))
    };
    values.iter().map(check).collect()
}

pub(super) fn alter<'a>(
    table: &'static Table,
    values: &mut BTreeMap<String, String>,
    changes: impl IntoIterator<Item = Alteration<'a>>,
    inherited: impl Fn(&'static str) -> Option<String>,
) -> Result<(), ConfigError> {
    for Alteration { op, name, value } in changes {
        if op == AlterOp::Delete && table.get(name).is_none() {
            // What nobody knows is not set. Kafka's tools unset their throttles without asking whether there are any.
            values.remove(name);
            continue;
        }
        let row = table.find(name)?;
        if !row.dynamic {
            return Err(ConfigError::ReadOnly(row.name));
        }
        let done = match op {
            AlterOp::Delete => {
                values.remove(row.name);
                continue;
            }
            AlterOp::Set => "set for",
            AlterOp::Append => "appended to",
            AlterOp::Subtract => "subtracted from",
        };
        let value = value.ok_or(ConfigError::NoValue(row.name))?;
        let value = match op {
            AlterOp::Delete | AlterOp::Set => row.check(value)?,
            AlterOp::Append | AlterOp::Subtract if !row.kind.is_list() => {
                return Err(ConfigError::NotAList { name: row.name, done });
            }
            AlterOp::Append | AlterOp::Subtract => {
                // What is taken away need not be a value: Kafka does not mind either.
                let change = if op == AlterOp::Append { row.check(value)? } else { value.to_owned() };
                let now = values.get(row.name).cloned().or_else(|| inherited(row.name)).unwrap_or_default();
                let kept =
                    list_items(&now).filter(|item| op == AlterOp::Append || !list_items(&change).any(|c| c == *item));
                let added = list_items(&change).filter(|_| op == AlterOp::Append);
                row.check(&kept.chain(added).collect::<Vec<_>>().join(","))?
            }
        };
        values.insert(row.name.to_owned(), value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overrides(pairs: &[(&str, &str)]) -> TopicOverrides {
        TopicOverrides::from_pairs(pairs.iter().copied()).expect("valid settings")
    }

    fn alter_policy(start: &[(&str, &str)], op: AlterOp, value: &str) -> Result<Option<String>, String> {
        let change = Alteration { op, name: "cleanup.policy", value: Some(value) };
        let altered = overrides(start).altered([change], |_| Some("delete".to_owned()));
        altered.map(|o| o.get("cleanup.policy").map(str::to_owned)).map_err(|e| e.to_string())
    }

    #[test]
    fn set_and_delete_change_one_setting() {
        let start = overrides(&[("retention.ms", "5"), ("segment.bytes", "100")]);
        let changes = [
            Alteration { op: AlterOp::Set, name: "retention.ms", value: Some(" 6 ") },
            Alteration { op: AlterOp::Delete, name: "segment.bytes", value: None },
            Alteration { op: AlterOp::Delete, name: "preallocate", value: None },
            Alteration { op: AlterOp::Delete, name: "leader.replication.throttled.rate", value: None },
        ];
        let altered = start.altered(changes, |_| None).expect("valid changes");
        assert_eq!(altered.iter().collect::<Vec<_>>(), [("retention.ms", "6")]);
        assert_eq!(start.get("segment.bytes"), Some("100"), "the old ones stay");
    }

    #[test]
    fn lists_grow_and_shrink_from_what_holds() {
        let compact = [("cleanup.policy", "compact")];
        let is = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(alter_policy(&[], AlterOp::Append, "compact"), is("delete,compact"));
        assert_eq!(alter_policy(&compact, AlterOp::Append, "delete"), is("compact,delete"));
        assert_eq!(alter_policy(&compact, AlterOp::Append, "compact"), is("compact"));
        assert_eq!(alter_policy(&[], AlterOp::Subtract, "delete"), is(""));
        assert_eq!(alter_policy(&compact, AlterOp::Subtract, "delete, x"), is("compact"));
        let error = alter_policy(&[], AlterOp::Append, "remove").expect_err("no policy");
        assert_eq!(error, "cleanup.policy: \"remove\" is not allowed; it must be a list out of compact, delete");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let one = |op, name, value| overrides(&[]).altered([Alteration { op, name, value }], |_| None);
        let sentence = |op, name, value| one(op, name, value).expect_err("refused").sentence();
        assert_eq!(
            sentence(AlterOp::Append, "retention.ms", Some("1")),
            "retention.ms is no list, so nothing can be appended to it"
        );
        assert_eq!(sentence(AlterOp::Set, "retention.ms", None), "retention.ms needs a value");
        assert_eq!(
            sentence(AlterOp::Set, "retention.sm", Some("1")),
            "there is no topic setting \"retention.sm\"; did you mean \"retention.ms\"?"
        );
        assert_eq!(
            sentence(AlterOp::Set, "min.insync.replicas", Some("0")),
            "min.insync.replicas: \"0\" is not allowed; it must be a whole number from 1 on (int)"
        );
        let lags = [("min.compaction.lag.ms", "5"), ("max.compaction.lag.ms", "3")];
        assert!(TopicOverrides::from_pairs(lags).is_err());
        assert!(TopicOverrides::from_pairs([("remote.storage.enable", "true")]).is_err());
        assert!(TopicOverrides::from_pairs([("remote.storage.enable", "false")]).is_ok());
    }

    #[test]
    fn the_catalogues_map_comes_back_the_same() {
        let start = overrides(&[("cleanup.policy", "delete, compact"), ("preallocate", "TRUE")]);
        assert_eq!(TopicOverrides::try_from(start.as_map()), Ok(start));
    }

    #[test]
    fn a_running_broker_takes_dynamic_settings_only() {
        let set = |name, value| {
            let change = Alteration { op: AlterOp::Set, name, value: Some(value) };
            DynamicSettings::default().altered(DynamicScope::Broker, [change], |_| None)
        };
        let changed = set("log.retention.ms", "5").expect("dynamic");
        assert_eq!(changed.as_map(DynamicScope::Broker).get("log.retention.ms").map(String::as_str), Some("5"));
        assert!(changed.as_map(DynamicScope::Cluster).is_empty());
        let error = set("num.partitions", "5").expect_err("read-only").sentence();
        assert!(error.starts_with("num.partitions can't be changed while the broker runs; set it in"), "{error}");
        let read_only = BTreeMap::from([("node.id".to_owned(), "5".to_owned())]);
        assert!(DynamicSettings::new(&read_only, &BTreeMap::new()).is_err());
    }

    #[test]
    fn operations_have_kafkas_numbers() {
        let ops = [AlterOp::Set, AlterOp::Delete, AlterOp::Append, AlterOp::Subtract];
        assert_eq!([0, 1, 2, 3].map(AlterOp::from_code), ops.map(Some));
        assert_eq!(AlterOp::from_code(4), None);
    }
}
