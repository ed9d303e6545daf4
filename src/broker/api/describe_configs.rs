//! DescribeConfigs: every setting of a topic or broker, with where its value comes from (KIP-133, KIP-226, KIP-569).

use std::collections::HashSet;
use std::sync::Arc;

use super::Context;
use crate::base::ErrorCode;
use crate::broker::caller::{self, Operation, authorize};
use crate::broker::topics::{Topic, TopicError};
use crate::config::{DescribedSetting, DynamicScope, TopicOverrides, describe_broker, describe_topic};
use crate::protocol::kafka::api::create_topics::CreatableTopicConfigs;
use crate::protocol::kafka::api::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResponse,
    DescribeConfigsResult, DescribeConfigsSynonym,
};

/// Kafka's ConfigResource types.
pub const TOPIC: i8 = 2;
pub const BROKER: i8 = 4;

/// What settings can belong to.
pub enum Resource {
    Topic(Arc<Topic>),
    /// This broker, or (with an empty name) all of the cluster's.
    Broker(DynamicScope),
}

impl Resource {
    pub fn find(context: Context<'_>, resource_type: i8, name: &str) -> Result<Resource, TopicError> {
        let refuse = |code, sentence: String| Err(TopicError::Refused { code, sentence });
        match resource_type {
            TOPIC => match context.core.topic(name) {
                Some(topic) => Ok(Resource::Topic(topic)),
                None if crate::base::TopicName::new(name).is_err() => {
                    refuse(ErrorCode::InvalidTopicException, format!("\"{name}\" can't be a topic's name"))
                }
                None => Err(TopicError::Unknown(name.to_owned())),
            },
            BROKER if name.is_empty() => Ok(Resource::Broker(DynamicScope::Cluster)),
            BROKER if name.parse() == Ok(context.core.broker_id().0) => Ok(Resource::Broker(DynamicScope::Broker)),
            BROKER => {
                let own = context.core.broker_id();
                refuse(ErrorCode::InvalidRequest, format!("this is broker {own}; it knows no broker \"{name}\""))
            }
            other => refuse(
                ErrorCode::InvalidRequest,
                format!("settings of topics (2) and brokers (4) are known, not of resource type {other}"),
            ),
        }
    }
}

pub fn handle(context: Context<'_>, request: DescribeConfigsRequest) -> DescribeConfigsResponse {
    // A resource that is named again is not described again: the answer must not outgrow the question.
    let mut seen = HashSet::new();
    let once = |asked: &&DescribeConfigsResource| seen.insert((asked.resource_type, asked.resource_name.clone()));
    let results = request.resources.iter().filter(once).map(|asked| {
        let mut result = DescribeConfigsResult {
            resource_type: asked.resource_type,
            resource_name: asked.resource_name.clone(),
            error_message: None,
            ..Default::default()
        };
        match describe(context, asked) {
            Ok(settings) => {
                let wanted = |setting: &&DescribedSetting| match &asked.configuration_keys {
                    Some(keys) if !keys.is_empty() => keys.iter().any(|key| key == setting.name()),
                    // Kafka takes an empty list for none (ConfigHelper).
                    _ => true,
                };
                result.configs = settings.iter().filter(wanted).map(|setting| row(setting, &request)).collect();
            }
            Err(error) => {
                result.error_code = error.error_code().code();
                result.error_message = Some(error.to_string());
            }
        }
        result
    });
    DescribeConfigsResponse { results: results.collect(), ..Default::default() }
}

fn describe(context: Context<'_>, asked: &DescribeConfigsResource) -> Result<Vec<DescribedSetting>, TopicError> {
    let config = context.core.config();
    let refuse = |code| {
        let sentence = format!("{} may not see these settings", context.caller.principal);
        Err(TopicError::Refused { code, sentence })
    };
    match Resource::find(context, asked.resource_type, &asked.resource_name)? {
        Resource::Topic(topic) => {
            let resource = caller::Resource::Topic(topic.name.as_str());
            if !authorize(context.caller, Operation::DescribeConfigs, resource) {
                return refuse(ErrorCode::TopicAuthorizationFailed);
            }
            Ok(describe_topic(&topic.overrides, &config))
        }
        Resource::Broker(scope) => {
            if !authorize(context.caller, Operation::DescribeConfigs, caller::Resource::Cluster) {
                return refuse(ErrorCode::ClusterAuthorizationFailed);
            }
            let mut settings = describe_broker(&config);
            if scope == DynamicScope::Cluster {
                // The cluster's defaults are only what was set for all brokers.
                settings.retain(|setting| config.dynamic().as_map(scope).contains_key(setting.name()));
            }
            Ok(settings)
        }
    }
}

fn row(setting: &DescribedSetting, request: &DescribeConfigsRequest) -> DescribeConfigsResourceResult {
    let synonyms = setting.synonyms().iter().filter(|_| request.include_synonyms);
    DescribeConfigsResourceResult {
        name: setting.name().to_owned(),
        value: setting.value().map(ToOwned::to_owned),
        read_only: setting.is_read_only(),
        config_source: setting.source().code(),
        is_sensitive: setting.is_sensitive(),
        synonyms: synonyms
            .map(|synonym| DescribeConfigsSynonym {
                name: synonym.name.to_owned(),
                value: synonym.value.clone(),
                source: synonym.source.code(),
            })
            .collect(),
        config_type: setting.type_code(),
        documentation: request.include_documentation.then(|| setting.documentation()),
    }
}

/// The settings of a topic that was just made, as CreateTopics tells them (KIP-525).
pub fn created_configs(context: Context<'_>, overrides: &TopicOverrides) -> Vec<CreatableTopicConfigs> {
    let settings = describe_topic(overrides, &context.core.config());
    settings
        .iter()
        .map(|setting| CreatableTopicConfigs {
            name: setting.name().to_owned(),
            value: setting.value().map(ToOwned::to_owned),
            read_only: setting.is_read_only(),
            config_source: setting.source().code(),
            is_sensitive: setting.is_sensitive(),
        })
        .collect()
}
