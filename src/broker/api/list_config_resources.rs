//! ListConfigResources: what has settings (KIP-1142). Version 0 asks for client metrics alone, which nobody keeps here.

use super::Context;
use super::describe_configs::{BROKER, TOPIC};
use crate::protocol::kafka::api::list_config_resources::{
    ConfigResource, ListConfigResourcesRequest, ListConfigResourcesResponse,
};

/// Since 1 the types are named.
const TYPES_SINCE: i16 = 1;

pub fn handle(context: Context<'_>, request: ListConfigResourcesRequest) -> ListConfigResourcesResponse {
    if context.envelope.version < TYPES_SINCE {
        return ListConfigResourcesResponse::default();
    }
    // No type asks for all.
    let wanted = |kind: i8| request.resource_types.is_empty() || request.resource_types.contains(&kind);
    let mut config_resources = Vec::new();
    if wanted(TOPIC) {
        let topics = context.core.topics();
        let named = |name: String| ConfigResource { resource_name: name, resource_type: TOPIC };
        config_resources.extend(topics.iter().map(|topic| named(topic.name.to_string())));
    }
    if wanted(BROKER) {
        let resource_name = context.core.broker_id().to_string();
        config_resources.push(ConfigResource { resource_name, resource_type: BROKER });
    }
    ListConfigResourcesResponse { config_resources, ..Default::default() }
}
