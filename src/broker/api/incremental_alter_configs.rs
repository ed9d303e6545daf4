//! IncrementalAlterConfigs: changes single settings of topics, brokers, groups and loggers (KIP-339).

use std::collections::HashSet;

use super::Context;
use super::config_resource::{Change, Resource, refused, repeated};
use crate::base::ErrorCode;
use crate::broker::topics::TopicError;
use crate::config::{AlterOp, Alteration};
use crate::protocol::kafka::api::incremental_alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};

pub fn handle(context: Context<'_>, request: IncrementalAlterConfigsRequest) -> IncrementalAlterConfigsResponse {
    let twice = repeated(request.resources.iter().map(|asked| (asked.resource_type, asked.resource_name.as_str())));
    let responses = request.resources.iter().map(|asked| {
        let outcome = match twice.contains(&(asked.resource_type, asked.resource_name.as_str())) {
            true => Err(refused(ErrorCode::InvalidRequest, "it is named twice in one request")),
            false => alter(context, asked, request.validate_only),
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
    IncrementalAlterConfigsResponse { responses: responses.collect(), ..Default::default() }
}

fn alter(context: Context<'_>, asked: &AlterConfigsResource, validate_only: bool) -> Result<(), TopicError> {
    let mut changes = Vec::with_capacity(asked.configs.len());
    let mut names = HashSet::new();
    for config in &asked.configs {
        let op = AlterOp::from_code(config.config_operation).ok_or_else(|| {
            refused(ErrorCode::InvalidRequest, format!("no operation has the number {}", config.config_operation))
        })?;
        if !names.insert(config.name.as_str()) {
            return Err(refused(ErrorCode::InvalidRequest, format!("{} is named twice", config.name)));
        }
        if op != AlterOp::Delete && config.value.is_none() {
            return Err(refused(ErrorCode::InvalidRequest, format!("{} needs a value", config.name)));
        }
        changes.push(Alteration { op, name: &config.name, value: config.value.as_deref() });
    }
    let resource = Resource::find(context, asked.resource_type, &asked.resource_name)?;
    resource.change(context, Change::Alter(&changes), validate_only)
}
