//! ListConfigResources: what has settings (KIP-1142). Version 0 asks for client metrics alone, which nobody keeps here.

use super::Context;
use super::config_resource::{BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC};
use crate::base::ErrorCode;
use crate::protocol::kafka::api::list_config_resources::{
    ConfigResource, ListConfigResourcesRequest, ListConfigResourcesResponse,
};

/// Since 1 the types are named.
const TYPES_SINCE: i16 = 1;

pub fn handle(context: Context<'_>, request: ListConfigResourcesRequest) -> ListConfigResourcesResponse {
    if context.envelope.version < TYPES_SINCE {
        return ListConfigResourcesResponse::default();
    }
    let known = [TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP];
    if request.resource_types.iter().any(|kind| !known.contains(kind)) {
        let error_code = ErrorCode::UnsupportedVersion.code();
        return ListConfigResourcesResponse { error_code, ..Default::default() };
    }
    // No type asks for all.
    let wanted = |kind: i8| request.resource_types.is_empty() || request.resource_types.contains(&kind);
    let mut config_resources = Vec::new();
    if wanted(TOPIC) {
        let topics = context.core.topics();
        let named = |name: String| ConfigResource { resource_name: name, resource_type: TOPIC };
        config_resources.extend(topics.iter().map(|topic| named(topic.name.to_string())));
    }
    let own = context.core.broker_id().to_string();
    for resource_type in [BROKER, BROKER_LOGGER].into_iter().filter(|kind| wanted(*kind)) {
        config_resources.push(ConfigResource { resource_name: own.clone(), resource_type });
    }
    if wanted(GROUP) {
        // As in Kafka: the groups that set something, whether they exist or not.
        let named = |resource_name| ConfigResource { resource_name, resource_type: GROUP };
        config_resources.extend(context.core.group_settings().names().into_iter().map(named));
    }
    ListConfigResourcesResponse { config_resources, ..Default::default() }
}
