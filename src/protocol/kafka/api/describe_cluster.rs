//! DescribeCluster: the cluster's id, controller and brokers (KIP-700).

messages! {
    /// Brokers or controllers can be asked about (KIP-919) since 1, fenced brokers included (KIP-1073) since 2.
    DescribeClusterRequest {
        include_cluster_authorized_operations: bool,
        endpoint_type: i8 [1..] = 1,
        include_fenced_brokers: bool [2..],
    }

    /// The endpoints by which clients reach the cluster.
    DescribeClusterResponse {
        throttle_time_ms: i32,
        error_code: i16,
        error_message: Option<String> = None,
        endpoint_type: i8 [1..] = 1,
        cluster_id: String,
        controller_id: i32 = -1,
        brokers: Vec<DescribeClusterBroker>,
        cluster_authorized_operations: i32 = i32::MIN,
    }

    DescribeClusterBroker {
        broker_id: i32,
        host: String,
        port: i32,
        rack: Option<String> = None,
        is_fenced: bool [2..],
    }
}
