//! IncrementalAlterConfigs: changes single settings of a topic or broker (KIP-339).

messages! {
    /// Operations: 0 set, 1 delete, 2 append, 3 subtract.
    IncrementalAlterConfigsRequest {
        resources: Vec<AlterConfigsResource>,
        validate_only: bool,
    }

    AlterConfigsResource {
        resource_type: i8,
        resource_name: String,
        configs: Vec<AlterableConfig>,
    }

    AlterableConfig {
        name: String,
        config_operation: i8,
        value: Option<String>,
    }

    /// An error code per resource.
    IncrementalAlterConfigsResponse {
        throttle_time_ms: i32,
        responses: Vec<AlterConfigsResourceResponse>,
    }

    AlterConfigsResourceResponse {
        error_code: i16,
        error_message: Option<String>,
        resource_type: i8,
        resource_name: String,
    }
}
