//! ApiVersions: what is served, from which version to which, and the features (KIP-35, KIP-511, KIP-584).

use super::features::{Feature, features};
use super::{Answer, Context, Envelope, SERVED, versions};
use crate::base::ErrorCode;
use crate::protocol::kafka::ApiKey;
use crate::protocol::kafka::api::api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};

/// Since version 3 clients introduce themselves.
const NAMED_SINCE: i16 = 3;

/// Before version 4 clients do not expect a feature that can be off (KAFKA-17011).
const OFF_SINCE: i16 = 4;

/// Levels follow from the program and its settings: while it runs, they never change.
const FEATURES_EPOCH: i64 = 0;

pub fn handle(context: Context<'_>, request: ApiVersionsRequest) -> ApiVersionsResponse {
    let names = [&request.client_software_name, &request.client_software_version];
    if context.envelope.version >= NAMED_SINCE && !names.into_iter().all(|name| is_software_name(name)) {
        return ApiVersionsResponse { error_code: ErrorCode::InvalidRequest.code(), ..Default::default() };
    }
    let features = features(context);
    let version = context.envelope.version;
    ApiVersionsResponse {
        api_keys: SERVED.iter().copied().map(row).collect(),
        supported_features: supported(&features, version),
        finalized_features_epoch: FEATURES_EPOCH,
        finalized_features: finalized(&features),
        ..Default::default()
    }
}

fn supported(features: &[Feature], version: i16) -> Vec<SupportedFeatureKey> {
    let shown = features.iter().filter(|feature| feature.min > 0 || version >= OFF_SINCE);
    let row = |feature: &Feature| SupportedFeatureKey {
        name: feature.name.to_owned(),
        min_version: feature.min,
        max_version: feature.max,
    };
    shown.map(row).collect()
}

/// A feature that is off is not in the list.
fn finalized(features: &[Feature]) -> Vec<FinalizedFeatureKey> {
    let row = |feature: &Feature| FinalizedFeatureKey {
        name: feature.name.to_owned(),
        max_version_level: feature.level,
        min_version_level: feature.level,
    };
    features.iter().filter(|feature| feature.level > 0).map(row).collect()
}

/// A version from the future: told in version 0, with the range to come back in (Kafka's RequestContext).
pub fn unsupported(envelope: Envelope) -> Answer {
    let response = ApiVersionsResponse {
        error_code: ErrorCode::UnsupportedVersion.code(),
        api_keys: vec![row(ApiKey::ApiVersions)],
        ..Default::default()
    };
    Envelope { version: 0, ..envelope }.reply(&response)
}

fn row(key: ApiKey) -> ApiVersion {
    let served = versions(key);
    // librdkafka before 2.11.1 looks for Produce 0 before it compresses; Kafka advertises it for the same reason
    // (KAFKA-18659), and refuses it when it is used.
    let min_version = if key == ApiKey::Produce { 0 } else { *served.start() };
    ApiVersion { api_key: key.code(), min_version, max_version: *served.end() }
}

/// Letters and digits, with '-' and '.' between them (Kafka's ApiVersionsRequest).
fn is_software_name(name: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    edge(name.bytes().next()) && edge(name.bytes().last()) && name.bytes().all(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_names_follow_kafkas_pattern() {
        for good in ["a", "librdkafka", "apache-kafka-java", "2.15.0", "v1"] {
            assert!(is_software_name(good), "{good:?}");
        }
        for bad in ["", "-a", "a-", ".1", "a b", "ä", "a_b"] {
            assert!(!is_software_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_feature_that_can_be_off_is_told_to_new_clients_only() {
        let group = Feature { name: "group.version", min: 0, max: 1, level: 0, reason: "a setting says so" };
        let metadata = Feature { name: "metadata.version", min: 30, max: 30, level: 30, reason: "it is so" };
        let names =
            |version| supported(&[group, metadata], version).into_iter().map(|row| row.name).collect::<Vec<_>>();
        assert_eq!(names(3), ["metadata.version"]);
        assert_eq!(names(4), ["group.version", "metadata.version"]);
        assert_eq!(finalized(&[group, metadata]).len(), 1, "one is off");
    }

    #[test]
    fn old_clients_find_the_versions_they_look_for() {
        // What librdkafka 2.0 must find before it enables a feature.
        for (key, wanted) in [
            (ApiKey::Produce, 0),
            (ApiKey::Fetch, 4),
            (ApiKey::Fetch, 10),
            (ApiKey::ListOffsets, 1),
            (ApiKey::OffsetCommit, 2),
            (ApiKey::OffsetFetch, 1),
            (ApiKey::FindCoordinator, 0),
            (ApiKey::InitProducerId, 0),
            (ApiKey::ApiVersions, 0),
        ] {
            let row = row(key);
            assert!((row.min_version..=row.max_version).contains(&wanted), "{key} {wanted}");
        }
    }
}
