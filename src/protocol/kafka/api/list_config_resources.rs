//! ListConfigResources: the resources that have settings (KIP-1142).

messages! {
    /// Version 0 asks for client metrics only (KIP-1000); no types mean all of them since 1.
    ListConfigResourcesRequest {
        resource_types: Vec<i8> [1..],
    }

    /// Names, with their types since 1.
    ListConfigResourcesResponse {
        throttle_time_ms: i32,
        error_code: i16,
        config_resources: Vec<ConfigResource>,
    }

    ConfigResource {
        resource_name: String,
        resource_type: i8 [1..] = 16,
    }
}
