//! IncrementalAlterConfigs: changes single settings of topics and brokers (KIP-339).

use super::Context;
use super::describe_configs::Resource;
use crate::base::ErrorCode;
use crate::broker::caller::{self, Operation, authorize};
use crate::broker::topics::{Topic, TopicError};
use crate::config::{AlterOp, Alteration, ConfigError, DynamicScope, DynamicSettings, TopicOverrides};
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
            let overrides = topic.overrides.altered(changes, inherited).map_err(invalid)?;
            keep_topic_settings(context, &topic, overrides, validate_only)
        }
        Resource::Broker(scope) => {
            let altered = config.dynamic().altered(scope, changes, |name| config.value(name)).map_err(invalid)?;
            keep_broker_settings(context, scope, &altered, validate_only)
        }
    }
}

/// Gives a topic these settings, or only checks whether it could.
pub fn keep_topic_settings(
    context: Context<'_>,
    topic: &Topic,
    overrides: TopicOverrides,
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
        return Ok(());
    }
    context.core.set_topic_settings(&topic.name, overrides)
}

/// Gives one broker, or all, these settings, or only checks whether it could.
pub fn keep_broker_settings(
    context: Context<'_>,
    scope: DynamicScope,
    settings: &DynamicSettings,
    validate_only: bool,
) -> Result<(), TopicError> {
    let refuse = |code, sentence: String| TopicError::Refused { code, sentence };
    if !authorize(context.caller, Operation::AlterConfigs, caller::Resource::Cluster) {
        let sentence = format!("{} may not change broker settings", context.caller.principal);
        return Err(refuse(ErrorCode::ClusterAuthorizationFailed, sentence));
    }
    // Settings must also agree with each other.
    let checked = context.core.config().with_dynamic(settings.clone());
    checked.map_err(|error| refuse(error.code(), error.sentence()))?;
    if validate_only {
        return Ok(());
    }
    let own = (scope == DynamicScope::Broker).then_some(context.core.broker_id().0);
    context.core.set_broker_settings(own, settings.as_map(scope).clone())
}
