//! DescribeCluster: the brokers, without topics (KIP-700).

use super::Context;
use super::metadata::CLUSTER_OPERATIONS;
use crate::base::ErrorCode;
use crate::broker::caller::{Operation, Resource, authorize};
use crate::protocol::kafka::api::describe_cluster::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
};

/// Kafka 3.7 lets the same question be put to controllers (KIP-919); this port is a broker's.
const BROKERS: i8 = 1;

/// The other kind of endpoint.
const CONTROLLERS: i8 = 2;

pub fn handle(context: Context<'_>, request: DescribeClusterRequest) -> DescribeClusterResponse {
    let refuse = |code: ErrorCode, sentence: String| DescribeClusterResponse {
        error_code: code.code(),
        error_message: Some(sentence),
        endpoint_type: BROKERS,
        ..Default::default()
    };
    match request.endpoint_type {
        BROKERS => {}
        CONTROLLERS => {
            let sentence = "this is a broker's port, not a controller's".to_owned();
            return refuse(ErrorCode::MismatchedEndpointType, sentence);
        }
        other => {
            let sentence = format!("an endpoint is a broker's (1) or a controller's (2), not of type {other}");
            return refuse(ErrorCode::UnsupportedEndpointType, sentence);
        }
    }
    let (host, port) = context.caller.broker_address();
    let broker_id = context.core.broker_id().0;
    let rack = context.core.config().rack.clone();
    let operations = request.include_cluster_authorized_operations
        && authorize(context.caller, Operation::Describe, Resource::Cluster);
    DescribeClusterResponse {
        endpoint_type: BROKERS,
        cluster_id: context.core.cluster_id().to_owned(),
        controller_id: broker_id,
        brokers: vec![DescribeClusterBroker { broker_id, host, port: port.into(), rack, ..Default::default() }],
        cluster_authorized_operations: if operations { CLUSTER_OPERATIONS } else { i32::MIN },
        ..Default::default()
    }
}
