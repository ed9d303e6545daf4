//! IncrementalAlterConfigs: changes single settings of topics and brokers (KIP-339).

use super::Context;
use super::describe_configs::Resource;
use crate::base::ErrorCode;
use crate::broker::caller::{self, Operation, authorize};
use crate::broker::topics::{Topic, TopicError};
use crate::config::{AlterOp, Alteration, BrokerConfig, ConfigError, DynamicScope, DynamicSettings, TopicOverrides};
use crate::protocol::kafka::api::incremental_alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};

pub fn handle(context: Context<'_>, request: IncrementalAlterConfigsRequest) -> IncrementalAlterConfigsResponse {
    let responses = request.resources.iter().map(|resource| {
        let (error_code, error_message) = match alter(context, resource, request.validate_only) {
            Ok(()) => (ErrorCode::None, None),
            Err(error) => (error.error_code(), Some(error.to_string())),
        };
        AlterConfigsResourceResponse {
            error_code: error_code.code(),
            error_message,
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
        }
    });
    IncrementalAlterConfigsResponse { responses: responses.collect(), ..Default::default() }
}

fn alter(context: Context<'_>, asked: &AlterConfigsResource, validate_only: bool) -> Result<(), TopicError> {
    let refuse = |code, sentence: String| TopicError::Refused { code, sentence };
    let invalid = |error: ConfigError| refuse(error.code(), error.sentence());
    let mut changes = Vec::with_capacity(asked.configs.len());
    for config in &asked.configs {
        let op = AlterOp::from_code(config.config_operation).ok_or_else(|| {
            refuse(ErrorCode::InvalidRequest, format!("no operation has the number {}", config.config_operation))
        })?;
        if changes.iter().any(|change: &Alteration<'_>| change.name == config.name) {
            return Err(refuse(ErrorCode::InvalidRequest, format!("{} is named twice", config.name)));
        }
        changes.push(Alteration { op, name: &config.name, value: config.value.as_deref() });
    }
    let config = context.core.config();
    match Resource::find(context, asked.resource_type, &asked.resource_name)? {
        Resource::Topic(topic) => {
            let inherited = |name| config.value_for_topic(name);
            let change = |overrides: &TopicOverrides| overrides.altered(changes, inherited).map_err(invalid);
            change_topic_settings(context, &topic, change, validate_only)
        }
        Resource::Broker(scope) => {
            let change = |config: &BrokerConfig| {
                config.dynamic().altered(scope, changes, |name| config.value(name)).map_err(invalid)
            };
            change_broker_settings(context, scope, change, validate_only)
        }
    }
}

/// Changes a topic's settings, or only checks whether it could.
pub fn change_topic_settings(
    context: Context<'_>,
    topic: &Topic,
    change: impl FnOnce(&TopicOverrides) -> Result<TopicOverrides, TopicError>,
    validate_only: bool,
) -> Result<(), TopicError> {
    let refuse = |code, sentence: String| Err(TopicError::Refused { code, sentence });
    if !authorize(context.caller, Operation::AlterConfigs, caller::Resource::Topic(topic.name.as_str())) {
        let sentence = format!("{} may not change topic settings", context.caller.principal);
        return refuse(ErrorCode::TopicAuthorizationFailed, sentence);
    }
    if topic.name.is_internal() {
        return refuse(ErrorCode::InvalidTopicException, format!("\"{}\" is the broker's own", topic.name));
    }
    if validate_only {
        return change(&topic.overrides).map(drop);
    }
    context.core.change_topic_settings(&topic.name, change)
}

/// Changes the settings of one broker, or of all, or only checks whether it could.
pub fn change_broker_settings(
    context: Context<'_>,
    scope: DynamicScope,
    change: impl FnOnce(&BrokerConfig) -> Result<DynamicSettings, TopicError>,
    validate_only: bool,
) -> Result<(), TopicError> {
    let refuse = |code, sentence: String| TopicError::Refused { code, sentence };
    if !authorize(context.caller, Operation::AlterConfigs, caller::Resource::Cluster) {
        let sentence = format!("{} may not change broker settings", context.caller.principal);
        return Err(refuse(ErrorCode::ClusterAuthorizationFailed, sentence));
    }
    let checked_change = |config: &BrokerConfig| {
        let settings = change(config)?;
        // Settings must also agree with each other.
        let checked = config.with_dynamic(settings.clone());
        checked.map_err(|error| refuse(error.code(), error.sentence()))?;
        Ok(settings.as_map(scope).clone())
    };
    if validate_only {
        return checked_change(&context.core.config()).map(drop);
    }
    let own = (scope == DynamicScope::Broker).then_some(context.core.broker_id().0);
    context.core.change_broker_settings(own, checked_change)
}
