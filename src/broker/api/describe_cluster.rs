//! DescribeCluster: the brokers, without topics (KIP-700).

use super::Context;
use crate::base::ErrorCode;
use crate::protocol::kafka::api::describe_cluster::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
};

/// Kafka 3.7 lets the same question be put to controllers (KIP-919); this port is a broker's.
const BROKERS: i8 = 1;

pub fn handle(context: Context<'_>, request: DescribeClusterRequest) -> DescribeClusterResponse {
    if request.endpoint_type != BROKERS {
        return DescribeClusterResponse {
            error_code: ErrorCode::MismatchedEndpointType.code(),
            error_message: Some("this is a broker's port, not a controller's".to_owned()),
            endpoint_type: BROKERS,
            ..Default::default()
        };
    }
    let (host, port) = context.caller.broker_address();
    let broker_id = context.core.broker_id().0;
    let rack = context.core.config().rack.clone();
    DescribeClusterResponse {
        endpoint_type: BROKERS,
        cluster_id: context.core.cluster_id().to_owned(),
        controller_id: broker_id,
        brokers: vec![DescribeClusterBroker { broker_id, host, port: port.into(), rack, ..Default::default() }],
        ..Default::default()
    }
}
