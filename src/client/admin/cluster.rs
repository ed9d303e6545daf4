//! Who makes up the cluster.

use super::Admin;
use crate::base::BrokerId;
use crate::client::{ClientError, Node};
use crate::protocol::kafka::api::metadata::MetadataRequest;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterView {
    pub id: Option<String>,
    pub controller: Option<BrokerId>,
    /// In order of their ids.
    pub brokers: Vec<BrokerView>,
}

/// A broker as it advertises itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerView {
    pub id: BrokerId,
    pub host: String,
    pub port: i32,
    pub rack: Option<String>,
}

impl Admin {
    pub fn cluster_view(&mut self) -> Result<ClusterView, ClientError> {
        // Metadata says all that DescribeCluster says, and every broker answers it.
        let request = MetadataRequest {
            topics: Some(Vec::new()),
            allow_auto_topic_creation: false,
            ..MetadataRequest::default()
        };
        let response = self.cluster.call(Node::Any, &request)?;
        let mut brokers: Vec<BrokerView> = response
            .brokers
            .into_iter()
            .map(|b| BrokerView { id: BrokerId(b.node_id), host: b.host, port: b.port, rack: b.rack })
            .collect();
        brokers.sort_by_key(|b| b.id);
        let controller = Some(BrokerId(response.controller_id)).filter(|id| id.0 >= 0);
        Ok(ClusterView { id: response.cluster_id, controller, brokers })
    }
}
