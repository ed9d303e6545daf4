//! DescribeConfigs: every setting of a topic, broker, group or logger, with where its value comes from (KIP-133, KIP-226,
//! KIP-569).

use std::collections::HashSet;

use super::config_resource::Resource;
use super::{Context, broker_logger};
use crate::broker::caller::Operation;
use crate::broker::topics::TopicError;
use crate::config::{DescribedSetting, DynamicScope, TopicOverrides, describe_broker, describe_group, describe_topic};
use crate::protocol::kafka::api::create_topics::CreatableTopicConfigs;
use crate::protocol::kafka::api::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResponse,
    DescribeConfigsResult, DescribeConfigsSynonym,
};

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
        match describe(context, asked, &request) {
            Ok(rows) => result.configs = rows,
            Err(error) => {
                result.error_code = error.error_code().code();
                result.error_message = Some(error.to_string());
            }
        }
        result
    });
    DescribeConfigsResponse { results: results.collect(), ..Default::default() }
}

fn describe(
    context: Context<'_>,
    asked: &DescribeConfigsResource,
    request: &DescribeConfigsRequest,
) -> Result<Vec<DescribeConfigsResourceResult>, TopicError> {
    let config = context.core.config();
    let resource = Resource::find(context, asked.resource_type, &asked.resource_name)?;
    resource.check_allowed(context, Operation::DescribeConfigs)?;
    let settings = match resource {
        Resource::Topic(topic) => describe_topic(&topic.overrides, &config),
        Resource::Group(group) => describe_group(&context.core.group_settings().of(&group), &config),
        Resource::Broker(DynamicScope::Broker) => describe_broker(&config),
        Resource::Broker(DynamicScope::Cluster) => {
            // The cluster's defaults are only what was set for all brokers.
            let set = config.dynamic().as_map(DynamicScope::Cluster);
            describe_broker(&config).into_iter().filter(|setting| set.contains_key(setting.name())).collect()
        }
        Resource::BrokerLogger => {
            return Ok([broker_logger::described()].into_iter().filter(|row| is_wanted(asked, &row.name)).collect());
        }
    };
    let wanted = settings.iter().filter(|setting| is_wanted(asked, setting.name()));
    Ok(wanted.map(|setting| with_address(context, row(setting, request))).collect())
}

/// Kafka takes an empty list of names for none (ConfigHelper).
fn is_wanted(asked: &DescribeConfigsResource, name: &str) -> bool {
    match &asked.configuration_keys {
        Some(keys) if !keys.is_empty() => keys.iter().any(|key| key == name),
        _ => true,
    }
}

/// A broker that advertises nothing tells each client the address it dialled, and shows it here too.
fn with_address(context: Context<'_>, row: DescribeConfigsResourceResult) -> DescribeConfigsResourceResult {
    if row.name != "advertised.listeners" || row.value.is_some() {
        return row;
    }
    let (host, port) = context.caller.broker_address();
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    DescribeConfigsResourceResult { value: Some(format!("{}://{host}:{port}", context.caller.listener.name)), ..row }
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
