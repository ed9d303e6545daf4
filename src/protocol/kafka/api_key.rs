//! The APIs that are spoken here: number, name, versions, since when flexible, messages. The one place that knows.

use std::fmt;
use std::ops::RangeInclusive;

use super::api::*;
use super::decoder::{DecodeError, Decoder};
use super::encoder::Encoder;
use super::message::{Message, Request};
use super::wire::{Form, Wire};

macro_rules! apis {
    ($($name:ident = $code:literal, $versions:expr, flexible $flexible:expr, $module:ident::$request:ident => $response:ident;)*) => {
        /// What a request asks for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ApiKey {
            $($name = $code,)*
        }

        impl ApiKey {
            /// All of them, by number.
            pub const ALL: &[ApiKey] = &[$(ApiKey::$name,)*];

            pub fn from_code(code: i16) -> Option<ApiKey> {
                match code {
                    $($code => Some(ApiKey::$name),)*
                    _ => None,
                }
            }

            /// Kafka's name for it.
            pub fn name(self) -> &'static str {
                match self {
                    $(ApiKey::$name => stringify!($name),)*
                }
            }

            /// The versions that are declared here. A broker may advertise fewer.
            pub fn versions(self) -> RangeInclusive<i16> {
                match self {
                    $(ApiKey::$name => $versions,)*
                }
            }

            /// The first version with compact lengths and tagged fields (KIP-482).
            pub fn flexible_from(self) -> i16 {
                match self {
                    $(ApiKey::$name => $flexible,)*
                }
            }
        }

        $(
            impl Request for $module::$request {
                const KEY: ApiKey = ApiKey::$name;
                type Response = $module::$response;
            }

            message!($module::$request, $flexible);
            message!($module::$response, $flexible);
        )*

        /// Calls `$each!(Name, Request)` for every API.
        #[cfg(test)]
        macro_rules! for_each_api {
            ($each:ident) => {
                $($each!($name, $crate::protocol::kafka::api::$module::$request);)*
            };
        }
        #[cfg(test)]
        pub(crate) use for_each_api;
    };
}

macro_rules! message {
    ($message:ty, $flexible:expr) => {
        impl Message for $message {
            fn encode(&self, out: &mut Encoder, version: i16) {
                self.write(out, Form { version, flexible: version >= $flexible });
            }

            fn decode(input: &mut Decoder, version: i16) -> Result<Self, DecodeError> {
                Self::read(input, Form { version, flexible: version >= $flexible })
            }
        }
    };
}

/// For an API that never became flexible.
const NEVER: i16 = i16::MAX;

impl ApiKey {
    pub fn code(self) -> i16 {
        self as i16
    }

    pub fn knows(self, version: i16) -> bool {
        self.versions().contains(&version)
    }

    /// Flexible requests have tagged fields in their header (version 2).
    pub fn request_header_version(self, version: i16) -> i16 {
        if version >= self.flexible_from() { 2 } else { 1 }
    }

    /// Flexible responses have tagged fields in their header (version 1), but never ApiVersions: a client must
    /// understand it before it knows which versions it shares with the broker (KIP-511).
    pub fn response_header_version(self, version: i16) -> i16 {
        i16::from(version >= self.flexible_from() && self != ApiKey::ApiVersions)
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

apis! {
    Produce = 0, 3..=13, flexible 9, produce::ProduceRequest => ProduceResponse;
    Fetch = 1, 4..=18, flexible 12, fetch::FetchRequest => FetchResponse;
    ListOffsets = 2, 1..=11, flexible 6, list_offsets::ListOffsetsRequest => ListOffsetsResponse;
    Metadata = 3, 0..=13, flexible 9, metadata::MetadataRequest => MetadataResponse;
    OffsetCommit = 8, 2..=10, flexible 8, offset_commit::OffsetCommitRequest => OffsetCommitResponse;
    OffsetFetch = 9, 1..=10, flexible 6, offset_fetch::OffsetFetchRequest => OffsetFetchResponse;
    FindCoordinator = 10, 0..=6, flexible 3, find_coordinator::FindCoordinatorRequest => FindCoordinatorResponse;
    ApiVersions = 18, 0..=4, flexible 3, api_versions::ApiVersionsRequest => ApiVersionsResponse;
    CreateTopics = 19, 2..=7, flexible 5, create_topics::CreateTopicsRequest => CreateTopicsResponse;
    DeleteTopics = 20, 1..=6, flexible 4, delete_topics::DeleteTopicsRequest => DeleteTopicsResponse;
    InitProducerId = 22, 0..=5, flexible 2, init_producer_id::InitProducerIdRequest => InitProducerIdResponse;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_keys_belong_to_each_other() {
        for key in ApiKey::ALL {
            assert_eq!(ApiKey::from_code(key.code()), Some(*key));
        }
        assert_eq!(ApiKey::from_code(-1), None);
        assert_eq!(ApiKey::from_code(7), None, "ControlledShutdown is none of a client's business");
        assert!(ApiKey::ALL.is_sorted());
    }

    #[test]
    fn headers_follow_flexibility() {
        assert_eq!(ApiKey::Produce.request_header_version(8), 1);
        assert_eq!(ApiKey::Produce.request_header_version(9), 2);
        assert_eq!(ApiKey::Produce.response_header_version(9), 1);
        assert_eq!(ApiKey::ApiVersions.request_header_version(3), 2);
        assert_eq!(ApiKey::ApiVersions.response_header_version(4), 0);
    }
}
