//! UpdateFeatures: raises or lowers the cluster's feature levels (KIP-584).

messages! {
    /// Upgrade types and a dry run (KIP-778) since 1.
    UpdateFeaturesRequest {
        timeout_ms: i32 = 60000,
        feature_updates: Vec<FeatureUpdateKey>,
        validate_only: bool [1..],
    }

    FeatureUpdateKey {
        feature: String,
        max_version_level: i16,
        allow_downgrade: bool [..=0],
        upgrade_type: i8 [1..] = 1,
    }

    /// Per feature up to 1; since 2 all or nothing.
    UpdateFeaturesResponse {
        throttle_time_ms: i32,
        error_code: i16,
        error_message: Option<String>,
        results: Vec<UpdatableFeatureResult> [..=1],
    }

    UpdatableFeatureResult {
        feature: String,
        error_code: i16,
        error_message: Option<String>,
    }
}
