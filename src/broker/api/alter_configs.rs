//! AlterConfigs: puts new settings in the place of all of a topic's or broker's (KIP-133; IncrementalAlterConfigs
//! changes single ones, and is what clients use since 2.3).

use std::collections::BTreeMap;

use super::Context;
use super::describe_configs::Resource;
use super::incremental_alter_configs::{change_broker_settings, change_topic_settings};
use crate::base::ErrorCode;
use crate::broker::topics::TopicError;
use crate::config::{BrokerConfig, ConfigError, TopicOverrides};
use crate::protocol::kafka::api::alter_configs::{
    AlterConfigsRequest, AlterConfigsResource, AlterConfigsResourceResponse, AlterConfigsResponse,
};

pub fn handle(context: Context<'_>, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let responses = request.resources.iter().map(|resource| {
        let (error_code, error_message) = match replace(context, resource, request.validate_only) {
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
    AlterConfigsResponse { responses: responses.collect(), ..Default::default() }
}

fn replace(context: Context<'_>, asked: &AlterConfigsResource, validate_only: bool) -> Result<(), TopicError> {
    let invalid = |error: ConfigError| TopicError::Refused { code: error.code(), sentence: error.sentence() };
    // A null value asks for the default, which is what a setting that is not named gets.
    let named = asked.configs.iter().filter_map(|config| Some((config.name.clone(), config.value.clone()?)));
    let settings: BTreeMap<String, String> = named.collect();
    match Resource::find(context, asked.resource_type, &asked.resource_name)? {
        Resource::Topic(topic) => {
            let overrides = TopicOverrides::try_from(&settings).map_err(invalid)?;
            change_topic_settings(context, &topic, |_| Ok(overrides), validate_only)
        }
        Resource::Broker(scope) => {
            let change = |config: &BrokerConfig| config.dynamic().replaced(scope, &settings).map_err(invalid);
            change_broker_settings(context, scope, change, validate_only)
        }
    }
}
