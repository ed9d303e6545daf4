//! Which version of each API a broker and this client share (KIP-35, KIP-511).

use std::collections::HashMap;

use bytes::Bytes;

use crate::base::ErrorCode;
use crate::protocol::kafka::api::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use crate::protocol::kafka::{ApiKey, DecodeError, Decoder, Message, ResponseHeader};

/// The version asked with first: every broker since Kafka 2.4 knows it, and older ones say what they know.
pub(super) const FIRST_ASKED: i16 = 3;

/// What a broker offers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Versions {
    offered: HashMap<i16, (i16, i16)>,
}

impl Versions {
    pub(super) fn from_response(response: &ApiVersionsResponse) -> Versions {
        let offered = response.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version))).collect();
        Versions { offered }
    }

    /// The newest version that both sides know.
    pub fn pick(&self, key: ApiKey) -> Option<i16> {
        let (least, most) = *self.offered.get(&key.code())?;
        let newest = most.min(newest_used(key)).min(*key.versions().end());
        (newest >= least && newest >= *key.versions().start()).then_some(newest)
    }
}

/// The newest version used here. Later ones name topics by id, from which only a reader gains: what it fetches is never of
/// another topic that has got the name meanwhile.
fn newest_used(key: ApiKey) -> i16 {
    match key {
        ApiKey::Produce => 11,
        ApiKey::Fetch => 13,
        ApiKey::Metadata => 12,
        ApiKey::OffsetCommit | ApiKey::OffsetFetch => 9,
        _ => i16::MAX,
    }
}

pub(super) fn request() -> ApiVersionsRequest {
    ApiVersionsRequest {
        client_software_name: "rafka".to_owned(),
        client_software_version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// Reads the answer to [`request`]. A broker that does not know the version asked with answers in version 0 with
/// error 35; `Ok(None)` then, and the question is to be put in version 0.
pub(super) fn decode(frame: Bytes, asked: i16) -> Result<Option<Versions>, DecodeError> {
    let mut input = Decoder::new(frame);
    ResponseHeader::decode(&mut input, ApiKey::ApiVersions, asked)?;
    let unsupported = input.clone().i16()? == ErrorCode::UnsupportedVersion.code();
    let response = ApiVersionsResponse::decode(&mut input, if unsupported { 0 } else { asked })?;
    Ok(if unsupported { None } else { Some(Versions::from_response(&response)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::kafka::api::api_versions::ApiVersion;
    use crate::protocol::kafka::{Encoder, response_frame};

    fn versions(ranges: &[(ApiKey, i16, i16)]) -> Versions {
        let api_keys = ranges.iter().map(|(key, min, max)| ApiVersion {
            api_key: key.code(),
            min_version: *min,
            max_version: *max,
        });
        Versions::from_response(&ApiVersionsResponse { api_keys: api_keys.collect(), ..Default::default() })
    }

    #[test]
    fn the_newest_shared_version_is_picked() {
        let offered = versions(&[(ApiKey::Fetch, 4, 17), (ApiKey::Produce, 0, 8), (ApiKey::Metadata, 90, 99)]);
        assert_eq!(offered.pick(ApiKey::Fetch), Some(13));
        assert_eq!(offered.pick(ApiKey::Produce), Some(8));
        assert_eq!(offered.pick(ApiKey::Metadata), None);
        assert_eq!(offered.pick(ApiKey::ListOffsets), None);
    }

    #[test]
    fn an_old_broker_says_so_in_version_0() {
        let refusal = ApiVersionsResponse { error_code: ErrorCode::UnsupportedVersion.code(), ..Default::default() };
        let frame = response_frame(&refusal, ApiKey::ApiVersions, 0, 7, Vec::new()).to_bytes();
        assert_eq!(decode(frame.slice(4..), FIRST_ASKED), Ok(None));
    }

    #[test]
    fn an_answer_in_the_asked_version_is_read() {
        let mut out = Encoder::new();
        ResponseHeader { correlation_id: 1 }.encode(&mut out, ApiKey::ApiVersions, FIRST_ASKED);
        let api_keys = vec![ApiVersion { api_key: 1, min_version: 4, max_version: 11 }];
        ApiVersionsResponse { api_keys, ..Default::default() }.encode(&mut out, FIRST_ASKED);
        let read = decode(out.finish().to_bytes(), FIRST_ASKED).expect("well-formed").expect("supported");
        assert_eq!(read.pick(ApiKey::Fetch), Some(11));
    }
}
