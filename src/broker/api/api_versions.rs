//! ApiVersions: what is served, from which version to which (KIP-35, KIP-511). No features are advertised, so that
//! clients keep to the transactions they all know.

use super::{Answer, Context, Envelope, SERVED, versions};
use crate::base::ErrorCode;
use crate::protocol::kafka::ApiKey;
use crate::protocol::kafka::api::api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};

/// Since version 3 clients introduce themselves.
const NAMED_SINCE: i16 = 3;

pub fn handle(context: Context<'_>, request: ApiVersionsRequest) -> ApiVersionsResponse {
    let names = [&request.client_software_name, &request.client_software_version];
    if context.envelope.version >= NAMED_SINCE && !names.into_iter().all(|name| is_software_name(name)) {
        return ApiVersionsResponse { error_code: ErrorCode::InvalidRequest.code(), ..Default::default() };
    }
    ApiVersionsResponse { api_keys: SERVED.into_iter().map(row).collect(), ..Default::default() }
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
