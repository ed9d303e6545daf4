//! AlterConfigs: replaces all settings of a topic or broker (KIP-133).

messages! {
    /// What is not listed goes back to its default; IncrementalAlterConfigs is the one to use.
    AlterConfigsRequest {
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
        value: Option<String>,
    }

    /// An error code per resource.
    AlterConfigsResponse {
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
