//! AlterConfigs: puts new settings in the place of all that a topic, broker or group has (KIP-133;
//! IncrementalAlterConfigs changes single ones, and is what clients use since 2.3).

use std::collections::BTreeMap;

use super::Context;
use super::config_resource::{Change, Resource, refused, repeated};
use crate::base::ErrorCode;
use crate::broker::topics::TopicError;
use crate::protocol::kafka::api::alter_configs::{
    AlterConfigsRequest, AlterConfigsResource, AlterConfigsResourceResponse, AlterConfigsResponse,
};

pub fn handle(context: Context<'_>, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let twice = repeated(request.resources.iter().map(|asked| (asked.resource_type, asked.resource_name.as_str())));
    let responses = request.resources.iter().map(|asked| {
        let outcome = match twice.contains(&(asked.resource_type, asked.resource_name.as_str())) {
            true => Err(refused(ErrorCode::InvalidRequest, "it is named twice in one request")),
            false => replace(context, asked, request.validate_only),
        };
        let (error_code, error_message) = match outcome {
            Ok(()) => (ErrorCode::None, None),
            Err(error) => (error.error_code(), Some(error.to_string())),
        };
        AlterConfigsResourceResponse {
            error_code: error_code.code(),
            error_message,
            resource_type: asked.resource_type,
            resource_name: asked.resource_name.clone(),
        }
    });
    AlterConfigsResponse { responses: responses.collect(), ..Default::default() }
}

fn replace(context: Context<'_>, asked: &AlterConfigsResource, validate_only: bool) -> Result<(), TopicError> {
    let mut values = BTreeMap::new();
    for config in &asked.configs {
        let name = &config.name;
        let Some(value) = &config.value else {
            return Err(refused(ErrorCode::InvalidRequest, format!("{name} needs a value; leave it out to unset it")));
        };
        if values.insert(name.clone(), value.clone()).is_some() {
            return Err(refused(ErrorCode::InvalidRequest, format!("{name} is named twice")));
        }
    }
    let resource = Resource::find(context, asked.resource_type, &asked.resource_name)?;
    resource.change(context, Change::Replace(&values), validate_only)
}
