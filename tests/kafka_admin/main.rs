//! The administrative half of Kafka's protocol against the real broker: topics, settings and what they do, and what is true
//! of a cluster of one.

#[path = "../common/mod.rs"]
mod common;

mod cluster;
mod effects;
mod settings;
mod topics;

use common::KafkaConnection;
use rafka::base::ErrorCode;
use rafka::protocol::kafka::api::create_topics::{CreatableTopic, CreatableTopicConfig};
use rafka::protocol::kafka::api::describe_configs::{DescribeConfigsResource, DescribeConfigsResourceResult};
use rafka::protocol::kafka::api::incremental_alter_configs::{AlterConfigsResource, AlterableConfig};
use rafka::protocol::kafka::api::*;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const LOGGER: i8 = 8;
const METRICS: i8 = 16;
const GROUP: i8 = 32;

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

fn code(code: i16) -> ErrorCode {
    ErrorCode::from_code(code)
}

fn describe(kafka: &mut KafkaConnection, kind: i8, name: &str) -> Vec<DescribeConfigsResourceResult> {
    let resource =
        DescribeConfigsResource { resource_type: kind, resource_name: name.to_owned(), configuration_keys: None };
    let request = DescribeConfigsRequest { resources: vec![resource], include_synonyms: true, ..Default::default() };
    let answer = kafka.call(&request);
    assert_eq!(code(answer.results[0].error_code), ErrorCode::None, "{:?}", answer.results[0].error_message);
    answer.results[0].configs.clone()
}

fn value(settings: &[DescribeConfigsResourceResult], name: &str) -> (Option<String>, i8) {
    let setting = settings.iter().find(|setting| setting.name == name).expect("described");
    (setting.value.clone(), setting.config_source)
}

fn alter(kafka: &mut KafkaConnection, kind: i8, name: &str, changes: &[(&str, i8, Option<&str>)]) -> ErrorCode {
    let configs = changes
        .iter()
        .map(|(name, operation, value)| AlterableConfig {
            name: (*name).to_owned(),
            config_operation: *operation,
            value: value.map(ToOwned::to_owned),
        })
        .collect();
    let resource = AlterConfigsResource { resource_type: kind, resource_name: name.to_owned(), configs };
    let answer = kafka.call(&IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false });
    code(answer.responses[0].error_code)
}

/// A topic as CreateTopics takes it: partitions and replicas are the broker's choice.
fn new_topic(name: &str, settings: &[(&str, Option<&str>)]) -> CreatableTopic {
    let configs = settings
        .iter()
        .map(|(name, value)| CreatableTopicConfig { name: (*name).to_owned(), value: value.map(ToOwned::to_owned) });
    CreatableTopic {
        name: name.to_owned(),
        num_partitions: -1,
        replication_factor: -1,
        configs: configs.collect(),
        ..Default::default()
    }
}

fn create_all(kafka: &mut KafkaConnection, topics: Vec<CreatableTopic>) -> CreateTopicsResponse {
    kafka.call(&CreateTopicsRequest { topics, ..Default::default() })
}

fn create(kafka: &mut KafkaConnection, topic: CreatableTopic) -> ErrorCode {
    code(create_all(kafka, vec![topic]).topics[0].error_code)
}
