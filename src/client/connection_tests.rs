//! Connections and the cluster beside a broker that answers what it should not.

use std::time::Duration;

use super::fake_broker::{Asked, FakeBroker, Reply};
use super::{ClientConfig, ClientError, Cluster, Node};
use crate::base::{ErrorCode, TopicName};
use crate::protocol::kafka::ApiKey;
use crate::protocol::kafka::api::api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};
use crate::protocol::kafka::api::describe_groups::DescribeGroupsRequest;
use crate::protocol::kafka::api::metadata::MetadataRequest;

fn connect(broker: &FakeBroker) -> Result<Cluster, ClientError> {
    Cluster::connect(ClientConfig { connect_timeout: Duration::from_secs(5), ..broker.config() })
}

#[test]
fn an_old_broker_is_asked_again_in_version_0() {
    let broker = FakeBroker::start(|asked| match (asked.key, asked.version) {
        (ApiKey::ApiVersions, 0) => {
            let api_keys = vec![ApiVersion { api_key: ApiKey::Metadata.code(), min_version: 0, max_version: 4 }];
            asked.answer::<ApiVersionsRequest>(&ApiVersionsResponse { api_keys, ..Default::default() })
        }
        (ApiKey::ApiVersions, _) => {
            let error_code = ErrorCode::UnsupportedVersion.code();
            asked.answer_as::<ApiVersionsRequest>(&ApiVersionsResponse { error_code, ..Default::default() }, 0)
        }
        _ => Reply::Usual,
    });
    let mut cluster = connect(&broker).expect("it is old, not wrong");
    assert_eq!(cluster.topic(&TopicName::new("T").expect("a name"), false).map(|t| t.partition_count()), Ok(2));
    let refused = cluster.call(Node::Any, &DescribeGroupsRequest::default());
    assert!(matches!(refused, Err(ClientError::Unsupported { api: "DescribeGroups", .. })), "{refused:?}");
}

#[test]
fn what_is_no_kafka_is_told_so() {
    for bytes in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"ERR UNKNOWN_COMMAND\n",
        &[0, 0, 0, 2, 0, 0],
        &[0, 0, 0, 4, 0x7f, 0, 0, 0],
        &[0, 0, 0, 14, 0, 0, 0, 1, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0],
    ] {
        let broker = FakeBroker::start(|_| Reply::Bytes(bytes.to_vec()));
        let error = connect(&broker).expect_err("no broker");
        assert!(matches!(&error, ClientError::NotKafka { .. }), "{error}");
        assert!(error.is_no_broker() && error.hint().is_some());
    }
}

#[test]
fn an_answer_that_is_cut_short_is_no_panic() {
    let broker = FakeBroker::start(|asked| match asked.key {
        ApiKey::Metadata => Reply::Bytes(vec![0, 0, 0, 9, 0, 0, 0, 2, 0, 0xff, 0xff, 0xff, 0x0f]),
        _ => Reply::Usual,
    });
    let error = connect(&broker).expect_err("no metadata");
    assert!(matches!(&error, ClientError::NotKafka { reason, .. } if reason.contains("Metadata")), "{error}");
}

#[test]
fn a_connection_that_was_closed_while_idle_costs_no_request() {
    let answer_then_close = |_: &Asked| Reply::Close;
    // The first Metadata is of `connect`, the second finds the connection closed.
    let broker = FakeBroker::scripted(ApiKey::Metadata, [|_: &Asked| Reply::Usual, answer_then_close]);
    let mut cluster = connect(&broker).expect("connects");
    assert!(cluster.all_topics().is_ok());
    assert_eq!(broker.asked::<MetadataRequest>().len(), 3);
}

#[test]
fn a_broker_that_says_nothing_is_given_up() {
    let broker = FakeBroker::start(|asked| match asked.key {
        ApiKey::ApiVersions => Reply::Usual,
        _ => Reply::Nothing,
    });
    let config = ClientConfig { connect_timeout: Duration::from_millis(200), ..broker.config() };
    let error = Cluster::connect(config).expect_err("no answer");
    assert!(matches!(&error, ClientError::TimedOut { what, .. } if what.starts_with("Metadata to ")), "{error}");
}

#[test]
fn a_topic_with_another_name_is_not_believed() {
    let broker = FakeBroker::start(|_| Reply::Usual);
    let mut cluster = connect(&broker).expect("connects");
    let unknown = cluster.topic(&TopicName::new("Other").expect("a name"), false);
    assert_eq!(unknown, Err(ClientError::UnknownTopic { topic: "Other".to_owned(), nearest: None }));
}
