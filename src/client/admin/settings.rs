//! Settings of topics and brokers.

use super::{Admin, Answer, Refused};
use crate::base::{BrokerId, TopicName};
use crate::client::{ClientError, Node};
use crate::protocol::kafka::api::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
};
use crate::protocol::kafka::api::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};

/// Whose settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigOwner {
    Topic(TopicName),
    Broker(BrokerId),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    pub name: String,
    /// None if secret, or not set and without a default.
    pub value: Option<String>,
    /// Where the value comes from, in a word.
    pub origin: &'static str,
    pub is_read_only: bool,
    pub is_secret: bool,
    pub doc: Option<String>,
}

/// What to do with a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Set(String, String),
    /// Back to the default.
    Unset(String),
}

impl Admin {
    /// All settings, by name.
    pub fn config(&mut self, owner: &ConfigOwner) -> Result<Answer<Vec<ConfigEntry>>, ClientError> {
        let request = DescribeConfigsRequest {
            resources: vec![DescribeConfigsResource {
                resource_type: owner.kind(),
                resource_name: owner.name(),
                configuration_keys: None,
            }],
            include_synonyms: false,
            include_documentation: true,
        };
        let response = self.cluster.call(owner.node(), &request)?;
        let Some(result) = response.results.into_iter().next() else { return Ok(Err(Refused::unanswered())) };
        if let Err(refused) = Refused::check(result.error_code, result.error_message) {
            return Ok(Err(refused));
        }
        let mut entries: Vec<ConfigEntry> = result.configs.into_iter().map(entry).collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Ok(entries))
    }

    /// Changes some settings and leaves the others; all of them, or none.
    pub fn change_config(&mut self, owner: &ConfigOwner, changes: &[Change]) -> Result<Answer<()>, ClientError> {
        let request = IncrementalAlterConfigsRequest {
            resources: vec![AlterConfigsResource {
                resource_type: owner.kind(),
                resource_name: owner.name(),
                configs: changes.iter().map(alterable).collect(),
            }],
            validate_only: false,
        };
        let response = self.cluster.call(owner.node(), &request)?;
        let answer = response.responses.into_iter().next();
        Ok(answer.map_or_else(|| Err(Refused::unanswered()), |r| Refused::check(r.error_code, r.error_message)))
    }
}

impl ConfigOwner {
    /// Kafka's ConfigResource.Type.
    fn kind(&self) -> i8 {
        match self {
            ConfigOwner::Topic(_) => 2,
            ConfigOwner::Broker(_) => 4,
        }
    }

    fn name(&self) -> String {
        match self {
            ConfigOwner::Topic(name) => name.to_string(),
            ConfigOwner::Broker(id) => id.to_string(),
        }
    }

    /// Only a broker itself knows its settings.
    fn node(&self) -> Node {
        match self {
            ConfigOwner::Topic(_) => Node::Any,
            ConfigOwner::Broker(id) => Node::Broker(id.0),
        }
    }
}

fn alterable(change: &Change) -> AlterableConfig {
    match change {
        Change::Set(name, value) => {
            AlterableConfig { name: name.clone(), config_operation: 0, value: Some(value.clone()) }
        }
        Change::Unset(name) => AlterableConfig { name: name.clone(), config_operation: 1, value: None },
    }
}

fn entry(found: DescribeConfigsResourceResult) -> ConfigEntry {
    ConfigEntry {
        name: found.name,
        value: found.value,
        origin: origin(found.config_source),
        is_read_only: found.read_only,
        is_secret: found.is_sensitive,
        doc: found.documentation.filter(|doc| !doc.is_empty()),
    }
}

/// Kafka's ConfigSource (KIP-226), in words of the command line.
fn origin(source: i8) -> &'static str {
    match source {
        1 => "topic",
        2 => "broker",
        3 => "all brokers",
        4 => "broker start",
        5 => "default",
        6 => "broker logger",
        7 => "client metrics",
        8 => "group",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_and_unsetting_are_kafkas_operations_0_and_1() {
        let set = alterable(&Change::Set("retention.ms".to_owned(), "5".to_owned()));
        assert_eq!((set.config_operation, set.value.as_deref()), (0, Some("5")));
        let unset = alterable(&Change::Unset("retention.ms".to_owned()));
        assert_eq!((unset.config_operation, unset.value), (1, None));
    }

    #[test]
    fn a_brokers_settings_are_asked_of_that_broker() {
        let owner = ConfigOwner::Broker(BrokerId(3));
        assert_eq!((owner.kind(), owner.name().as_str()), (4, "3"));
        assert!(matches!(owner.node(), Node::Broker(3)));
    }
}
