//! The APIs that are spoken here: number, name, versions, since when flexible, messages. The one place that knows.

use std::fmt;
use std::ops::RangeInclusive;

use super::api::*;
use super::decoder::{DecodeError, Decoder};
use super::encoder::Encoder;
use super::message::{Message, Request};
use super::wire::{Form, Wire};

macro_rules! apis {
    ($(
        $name:ident = $code:literal, $versions:expr, flexible $flexible:expr, $request:ident => $response:ident;
    )*) => {
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

            /// Reads a request and keeps nothing of it: whether the bytes are one, for whoever tries all kinds of them.
            pub fn skim_request(self, input: &mut Decoder, version: i16) -> Result<(), DecodeError> {
                match self {
                    $(ApiKey::$name => $request::decode(input, version).map(drop),)*
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
            impl Request for $request {
                const KEY: ApiKey = ApiKey::$name;
                type Response = $response;
            }

            message!($request, $flexible);
            message!($response, $flexible);
        )*

        /// Calls `$each!(Name, Request, Response)` for every API.
        #[cfg(test)]
        macro_rules! for_each_api {
            ($each:ident) => {
                $($each!($name, $request, $response);)*
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
    Produce = 0, 3..=13, flexible 9, ProduceRequest => ProduceResponse;
    Fetch = 1, 4..=18, flexible 12, FetchRequest => FetchResponse;
    ListOffsets = 2, 1..=11, flexible 6, ListOffsetsRequest => ListOffsetsResponse;
    Metadata = 3, 0..=13, flexible 9, MetadataRequest => MetadataResponse;
    OffsetCommit = 8, 2..=10, flexible 8, OffsetCommitRequest => OffsetCommitResponse;
    OffsetFetch = 9, 1..=10, flexible 6, OffsetFetchRequest => OffsetFetchResponse;
    FindCoordinator = 10, 0..=6, flexible 3, FindCoordinatorRequest => FindCoordinatorResponse;
    JoinGroup = 11, 0..=9, flexible 6, JoinGroupRequest => JoinGroupResponse;
    Heartbeat = 12, 0..=4, flexible 4, HeartbeatRequest => HeartbeatResponse;
    LeaveGroup = 13, 0..=5, flexible 4, LeaveGroupRequest => LeaveGroupResponse;
    SyncGroup = 14, 0..=5, flexible 4, SyncGroupRequest => SyncGroupResponse;
    DescribeGroups = 15, 0..=6, flexible 5, DescribeGroupsRequest => DescribeGroupsResponse;
    ListGroups = 16, 0..=5, flexible 3, ListGroupsRequest => ListGroupsResponse;
    ApiVersions = 18, 0..=4, flexible 3, ApiVersionsRequest => ApiVersionsResponse;
    CreateTopics = 19, 2..=7, flexible 5, CreateTopicsRequest => CreateTopicsResponse;
    DeleteTopics = 20, 1..=6, flexible 4, DeleteTopicsRequest => DeleteTopicsResponse;
    DeleteRecords = 21, 0..=2, flexible 2, DeleteRecordsRequest => DeleteRecordsResponse;
    InitProducerId = 22, 0..=5, flexible 2, InitProducerIdRequest => InitProducerIdResponse;
    OffsetForLeaderEpoch = 23, 2..=4, flexible 4, OffsetForLeaderEpochRequest => OffsetForLeaderEpochResponse;
    AddPartitionsToTxn = 24, 0..=5, flexible 3, AddPartitionsToTxnRequest => AddPartitionsToTxnResponse;
    AddOffsetsToTxn = 25, 0..=4, flexible 3, AddOffsetsToTxnRequest => AddOffsetsToTxnResponse;
    EndTxn = 26, 0..=5, flexible 3, EndTxnRequest => EndTxnResponse;
    WriteTxnMarkers = 27, 1..=2, flexible 1, WriteTxnMarkersRequest => WriteTxnMarkersResponse;
    TxnOffsetCommit = 28, 0..=5, flexible 3, TxnOffsetCommitRequest => TxnOffsetCommitResponse;
    DescribeConfigs = 32, 1..=4, flexible 4, DescribeConfigsRequest => DescribeConfigsResponse;
    AlterConfigs = 33, 0..=2, flexible 2, AlterConfigsRequest => AlterConfigsResponse;
    AlterReplicaLogDirs = 34, 1..=2, flexible 2, AlterReplicaLogDirsRequest => AlterReplicaLogDirsResponse;
    DescribeLogDirs = 35, 1..=5, flexible 2, DescribeLogDirsRequest => DescribeLogDirsResponse;
    CreatePartitions = 37, 0..=3, flexible 2, CreatePartitionsRequest => CreatePartitionsResponse;
    DeleteGroups = 42, 0..=2, flexible 2, DeleteGroupsRequest => DeleteGroupsResponse;
    ElectLeaders = 43, 0..=2, flexible 2, ElectLeadersRequest => ElectLeadersResponse;
    IncrementalAlterConfigs = 44, 0..=1, flexible 1, IncrementalAlterConfigsRequest => IncrementalAlterConfigsResponse;
    AlterPartitionReassignments = 45, 0..=1, flexible 0,
        AlterPartitionReassignmentsRequest => AlterPartitionReassignmentsResponse;
    ListPartitionReassignments = 46, 0..=0, flexible 0,
        ListPartitionReassignmentsRequest => ListPartitionReassignmentsResponse;
    OffsetDelete = 47, 0..=0, flexible NEVER, OffsetDeleteRequest => OffsetDeleteResponse;
    DescribeClientQuotas = 48, 0..=1, flexible 1, DescribeClientQuotasRequest => DescribeClientQuotasResponse;
    DescribeQuorum = 55, 0..=2, flexible 0, DescribeQuorumRequest => DescribeQuorumResponse;
    UpdateFeatures = 57, 0..=2, flexible 0, UpdateFeaturesRequest => UpdateFeaturesResponse;
    DescribeCluster = 60, 0..=2, flexible 0, DescribeClusterRequest => DescribeClusterResponse;
    DescribeProducers = 61, 0..=0, flexible 0, DescribeProducersRequest => DescribeProducersResponse;
    DescribeTransactions = 65, 0..=0, flexible 0, DescribeTransactionsRequest => DescribeTransactionsResponse;
    ListTransactions = 66, 0..=2, flexible 0, ListTransactionsRequest => ListTransactionsResponse;
    ConsumerGroupHeartbeat = 68, 0..=1, flexible 0, ConsumerGroupHeartbeatRequest => ConsumerGroupHeartbeatResponse;
    ConsumerGroupDescribe = 69, 0..=1, flexible 0, ConsumerGroupDescribeRequest => ConsumerGroupDescribeResponse;
    ListConfigResources = 74, 0..=1, flexible 0, ListConfigResourcesRequest => ListConfigResourcesResponse;
    DescribeTopicPartitions = 75, 0..=0, flexible 0, DescribeTopicPartitionsRequest => DescribeTopicPartitionsResponse;
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
