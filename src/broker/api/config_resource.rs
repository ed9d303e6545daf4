//! What settings can belong to: topics, brokers, groups, and the broker's logger. The four config APIs share it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::{Context, broker_logger};
use crate::base::{ErrorCode, TopicName};
use crate::broker::caller::{self, Operation, authorize};
use crate::broker::topics::{Topic, TopicError};
use crate::config::{
    Alteration, BrokerConfig, ConfigError, DynamicScope, DynamicSettings, GroupOverrides, TopicOverrides,
};

// Kafka's ConfigResource types.
pub const TOPIC: i8 = 2;
pub const BROKER: i8 = 4;
pub const BROKER_LOGGER: i8 = 8;
pub const CLIENT_METRICS: i8 = 16;
pub const GROUP: i8 = 32;

/// Somebody who has settings.
pub enum Resource {
    Topic(Arc<Topic>),
    /// This broker, or (with an empty name) all of the cluster's.
    Broker(DynamicScope),
    /// The levels of this broker's loggers (KIP-412).
    BrokerLogger,
    /// A group, which need not exist (KIP-848).
    Group(String),
}

/// What is to become of the settings.
#[derive(Clone, Copy)]
pub enum Change<'a> {
    /// These values in place of all (AlterConfigs).
    Replace(&'a BTreeMap<String, String>),
    /// One after the other (IncrementalAlterConfigs).
    Alter(&'a [Alteration<'a>]),
}

pub fn refused(code: ErrorCode, sentence: impl Into<String>) -> TopicError {
    TopicError::Refused { code, sentence: sentence.into() }
}

/// The resources that are named more than once: which of them was meant?
pub fn repeated<'a>(resources: impl Iterator<Item = (i8, &'a str)>) -> HashSet<(i8, &'a str)> {
    let mut seen = HashSet::new();
    resources.filter(|resource| !seen.insert(*resource)).collect()
}

impl Resource {
    pub fn find(context: Context<'_>, resource_type: i8, name: &str) -> Result<Resource, TopicError> {
        let own = context.core.broker_id();
        let is_own = name.parse() == Ok(own.0);
        let refuse = |sentence: String| Err(refused(ErrorCode::InvalidRequest, sentence));
        match resource_type {
            TOPIC => match context.core.topic(name) {
                Some(topic) => Ok(Resource::Topic(topic)),
                None => match TopicName::new(name) {
                    Ok(_) => Err(TopicError::Unknown(name.to_owned())),
                    Err(error) => Err(refused(ErrorCode::InvalidTopicException, error.to_string())),
                },
            },
            BROKER if name.is_empty() => Ok(Resource::Broker(DynamicScope::Cluster)),
            BROKER if is_own => Ok(Resource::Broker(DynamicScope::Broker)),
            BROKER_LOGGER if is_own => Ok(Resource::BrokerLogger),
            BROKER | BROKER_LOGGER => refuse(format!("this is broker {own}; it knows no broker \"{name}\"")),
            GROUP if name.is_empty() => refuse("a group has a name; there are no settings for all of them".to_owned()),
            GROUP => Ok(Resource::Group(name.to_owned())),
            CLIENT_METRICS => {
                refuse("this broker takes no metrics from clients, so there is nothing to set".to_owned())
            }
            other => refuse(format!(
                "settings of topics (2), brokers (4), loggers (8) and groups (32) are known, not of resource type {other}"
            )),
        }
    }

    /// Whether the caller may do that to this resource's settings.
    pub fn check_allowed(&self, context: Context<'_>, operation: Operation) -> Result<(), TopicError> {
        let (resource, code) = match self {
            Resource::Topic(topic) => {
                (caller::Resource::Topic(topic.name.as_str()), ErrorCode::TopicAuthorizationFailed)
            }
            Resource::Group(group) => (caller::Resource::Group(group), ErrorCode::GroupAuthorizationFailed),
            Resource::Broker(_) | Resource::BrokerLogger => {
                (caller::Resource::Cluster, ErrorCode::ClusterAuthorizationFailed)
            }
        };
        match authorize(context.caller, operation, resource) {
            true => Ok(()),
            false => Err(refused(code, format!("{} may not see or change these settings", context.caller.principal))),
        }
    }

    /// Changes the settings, or only checks whether it could.
    pub fn change(&self, context: Context<'_>, change: Change<'_>, validate_only: bool) -> Result<(), TopicError> {
        self.check_allowed(context, Operation::AlterConfigs)?;
        match self {
            Resource::Topic(topic) => change_topic(context, topic, change, validate_only),
            Resource::Broker(scope) => change_broker(context, *scope, change, validate_only),
            Resource::Group(group) => {
                let change = |own: &GroupOverrides, broker: &BrokerConfig| changed_group(own, broker, change);
                match validate_only {
                    true => change(&context.core.group_settings().of(group), &context.core.config()).map(drop),
                    false => context.core.change_group_settings(group, change),
                }
            }
            Resource::BrokerLogger => match change {
                Change::Alter(changes) => broker_logger::alter(changes, validate_only),
                // Kafka's ConfigAdminManager takes them one by one only.
                Change::Replace(_) => {
                    Err(refused(ErrorCode::InvalidRequest, "levels of loggers are changed by IncrementalAlterConfigs"))
                }
            },
        }
    }
}

fn invalid(error: ConfigError) -> TopicError {
    refused(error.code(), error.sentence())
}

fn change_topic(
    context: Context<'_>,
    topic: &Topic,
    change: Change<'_>,
    validate_only: bool,
) -> Result<(), TopicError> {
    if topic.name.is_internal() {
        return Err(refused(ErrorCode::InvalidTopicException, format!("\"{}\" is the broker's own", topic.name)));
    }
    let broker = context.core.config();
    let change = |overrides: &TopicOverrides| match change {
        Change::Replace(values) => TopicOverrides::try_from(values).map_err(invalid),
        Change::Alter(changes) => {
            overrides.altered(changes.iter().copied(), |name| broker.value_for_topic(name)).map_err(invalid)
        }
    };
    match validate_only {
        true => change(&topic.overrides).map(drop),
        false => context.core.change_topic_settings(&topic.name, change),
    }
}

fn change_broker(
    context: Context<'_>,
    scope: DynamicScope,
    change: Change<'_>,
    validate_only: bool,
) -> Result<(), TopicError> {
    // A value that a broker can't have is an invalid request to Kafka (KAFKA-13609), not an invalid setting.
    let invalid = |error: ConfigError| match error {
        ConfigError::Invalid { .. } | ConfigError::Refused { .. } | ConfigError::Conflict(_) => {
            refused(ErrorCode::InvalidRequest, error.sentence())
        }
        other => invalid(other),
    };
    let change = |config: &BrokerConfig| -> Result<BTreeMap<String, String>, TopicError> {
        let dynamic: &DynamicSettings = config.dynamic();
        let settings = match change {
            Change::Replace(values) => dynamic.replaced(scope, values),
            Change::Alter(changes) => dynamic.altered(scope, changes.iter().copied(), |name| config.value(name)),
        };
        let settings = settings.map_err(invalid)?;
        // Settings must also agree with each other.
        config.with_dynamic(settings.clone()).map_err(invalid)?;
        Ok(settings.as_map(scope).clone())
    };
    if validate_only {
        return change(&context.core.config()).map(drop);
    }
    let own = (scope == DynamicScope::Broker).then_some(context.core.broker_id().0);
    context.core.change_broker_settings(own, change)
}

fn changed_group(
    own: &GroupOverrides,
    broker: &BrokerConfig,
    change: Change<'_>,
) -> Result<GroupOverrides, TopicError> {
    let changed = match change {
        Change::Replace(values) => GroupOverrides::from_pairs(values),
        Change::Alter(changes) => own.altered(changes.iter().copied(), broker),
    };
    let changed = changed.map_err(invalid)?;
    changed.agree(broker).map_err(invalid)?;
    Ok(changed)
}
