//! ApiVersions: which APIs, versions and features a broker has. The first thing a client asks.

messages! {
    /// Names the client's software since 3 (KIP-511).
    ApiVersionsRequest {
        client_software_name: String [3..],
        client_software_version: String [3..],
    }

    /// Its header is always version 0, and to a version it does not know a broker answers version 0 with error 35
    /// (KIP-511). Features (KIP-584) since 3; a minimum of 0 among them may be sent only since 4.
    ApiVersionsResponse {
        error_code: i16,
        api_keys: Vec<ApiVersion>,
        throttle_time_ms: i32 [1..],
        supported_features: Vec<SupportedFeatureKey> [3.., tag 0],
        finalized_features_epoch: i64 [3.., tag 1] = -1,
        finalized_features: Vec<FinalizedFeatureKey> [3.., tag 2],
        zk_migration_ready: bool [3.., tag 3],
    }

    ApiVersion {
        api_key: i16,
        min_version: i16,
        max_version: i16,
    }

    SupportedFeatureKey {
        name: String,
        min_version: i16,
        max_version: i16,
    }

    FinalizedFeatureKey {
        name: String,
        max_version_level: i16,
        min_version_level: i16,
    }
}
