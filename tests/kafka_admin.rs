//! The administrative half of Kafka's protocol against the real broker: settings, sizes, and what is true of one broker.

mod common;

use common::{KafkaConnection, Server, batch};
use rafka::base::ErrorCode;
use rafka::protocol::kafka::api::alter_configs;
use rafka::protocol::kafka::api::describe_configs::{DescribeConfigsResource, DescribeConfigsResourceResult};
use rafka::protocol::kafka::api::describe_producers::TopicRequest as ProducersOf;
use rafka::protocol::kafka::api::describe_topic_partitions::TopicRequest;
use rafka::protocol::kafka::api::elect_leaders::TopicPartitions;
use rafka::protocol::kafka::api::incremental_alter_configs::{AlterConfigsResource, AlterableConfig};
use rafka::protocol::kafka::api::*;
use rafka::record::ProducerStamp;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;

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

#[test]
fn a_topics_settings_change_hold_and_survive() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path(), &["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    assert_eq!(value(&describe(&mut kafka, TOPIC, "t"), "retention.ms"), (Some("604800000".to_owned()), 5));
    let changes = [("retention.ms", SET, Some("1000")), ("max.message.bytes", SET, Some("100"))];
    assert_eq!(alter(&mut kafka, TOPIC, "t", &changes), ErrorCode::None);
    assert_eq!(value(&describe(&mut kafka, TOPIC, "t"), "retention.ms"), (Some("1000".to_owned()), 1));
    let large = kafka.produce("t", -1, batch(&[&"x".repeat(200)], ProducerStamp::NONE));
    assert_eq!(code(large.error_code), ErrorCode::MessageTooLarge, "the new limit holds at once");
    assert_eq!(alter(&mut kafka, TOPIC, "t", &[("retention.ms", DELETE, None)]), ErrorCode::None);
    assert_eq!(alter(&mut kafka, TOPIC, "t", &[("cleanup.policy", APPEND, Some("compact"))]), ErrorCode::None);
    server.kill();
    let server = Server::start_in(dir.path(), &[]);
    let mut kafka = KafkaConnection::to(&server);
    let settings = describe(&mut kafka, TOPIC, "t");
    assert_eq!(value(&settings, "retention.ms"), (Some("604800000".to_owned()), 5));
    assert_eq!(value(&settings, "max.message.bytes"), (Some("100".to_owned()), 1));
    assert_eq!(value(&settings, "cleanup.policy"), (Some("delete,compact".to_owned()), 1));
}

#[test]
fn of_changes_at_the_same_time_none_is_lost() {
    // Each change was worked out from what stood before, outside the lock: the last one to be kept took the others back.
    const TOPIC_SETTINGS: [&str; 4] = ["retention.ms", "segment.ms", "max.message.bytes", "flush.ms"];
    const BROKER_SETTINGS: [&str; 4] =
        ["log.retention.ms", "log.roll.ms", "message.max.bytes", "log.flush.interval.ms"];
    const ROUNDS: usize = 20;
    let server = Server::start(&["--topic", "t"]);
    std::thread::scope(|scope| {
        for (of_topic, of_broker) in TOPIC_SETTINGS.into_iter().zip(BROKER_SETTINGS) {
            let server = &server;
            scope.spawn(move || {
                let mut kafka = KafkaConnection::to(server);
                for round in 1..=ROUNDS {
                    let number = (10_000 + round).to_string();
                    assert_eq!(alter(&mut kafka, TOPIC, "t", &[(of_topic, SET, Some(&number))]), ErrorCode::None);
                    assert_eq!(alter(&mut kafka, BROKER, "1", &[(of_broker, SET, Some(&number))]), ErrorCode::None);
                }
            });
        }
    });
    let mut kafka = KafkaConnection::to(&server);
    for (kind, name, settings) in [(TOPIC, "t", TOPIC_SETTINGS), (BROKER, "1", BROKER_SETTINGS)] {
        let described = describe(&mut kafka, kind, name);
        for setting in settings {
            assert_eq!(value(&described, setting).0, Some((10_000 + ROUNDS).to_string()), "{setting} of {name}");
        }
    }
}

#[test]
fn nonsense_changes_nothing() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    for (kind, name, changes, expected) in [
        (TOPIC, "t", ("retention.ms", SET, Some("soon")), ErrorCode::InvalidConfig),
        (TOPIC, "t", ("retenton.ms", SET, Some("1")), ErrorCode::InvalidConfig),
        (TOPIC, "t", ("retention.ms", APPEND, Some("1")), ErrorCode::InvalidConfig),
        (TOPIC, "t", ("retention.ms", 9, Some("1")), ErrorCode::InvalidRequest),
        (TOPIC, "nope", ("retention.ms", SET, Some("1")), ErrorCode::UnknownTopicOrPartition),
        (BROKER, "7", ("log.retention.ms", SET, Some("1")), ErrorCode::InvalidRequest),
        (BROKER, "1", ("log.dirs", SET, Some("/tmp")), ErrorCode::InvalidRequest),
        (77, "t", ("retention.ms", SET, Some("1")), ErrorCode::InvalidRequest),
    ] {
        assert_eq!(alter(&mut kafka, kind, name, &[changes]), expected, "{kind} {name} {changes:?}");
    }
    assert!(describe(&mut kafka, TOPIC, "t").iter().all(|setting| setting.config_source == 5));
}

#[test]
fn a_brokers_dynamic_settings_reach_its_topics() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    assert_eq!(alter(&mut kafka, BROKER, "1", &[("log.retention.ms", SET, Some("5000"))]), ErrorCode::None);
    assert_eq!(value(&describe(&mut kafka, TOPIC, "t"), "retention.ms"), (Some("5000".to_owned()), 2));
    assert_eq!(value(&describe(&mut kafka, BROKER, "1"), "log.retention.ms").0, Some("5000".to_owned()));
    assert_eq!(alter(&mut kafka, BROKER, "", &[("message.max.bytes", SET, Some("100"))]), ErrorCode::None);
    let large = kafka.produce("t", -1, batch(&[&"x".repeat(200)], ProducerStamp::NONE));
    assert_eq!(code(large.error_code), ErrorCode::MessageTooLarge);
}

#[test]
fn the_older_alter_configs_replaces_everything() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    assert_eq!(alter(&mut kafka, TOPIC, "t", &[("retention.ms", SET, Some("1000"))]), ErrorCode::None);
    let config = alter_configs::AlterableConfig { name: "segment.ms".to_owned(), value: Some("2000".to_owned()) };
    let resource = alter_configs::AlterConfigsResource {
        resource_type: TOPIC,
        resource_name: "t".to_owned(),
        configs: vec![config],
    };
    let mut request = AlterConfigsRequest { resources: vec![resource], validate_only: true };
    assert_eq!(code(kafka.call(&request).responses[0].error_code), ErrorCode::None);
    assert_eq!(value(&describe(&mut kafka, TOPIC, "t"), "retention.ms").1, 1, "only checked");
    request.validate_only = false;
    assert_eq!(code(kafka.call(&request).responses[0].error_code), ErrorCode::None);
    let settings = describe(&mut kafka, TOPIC, "t");
    assert_eq!(value(&settings, "segment.ms"), (Some("2000".to_owned()), 1));
    assert_eq!(value(&settings, "retention.ms").1, 5);
}

#[test]
fn topics_are_described_page_by_page() {
    let server = Server::start(&["--topic", "a:3", "--topic", "b:2"]);
    let mut kafka = KafkaConnection::to(&server);
    let mut request = DescribeTopicPartitionsRequest { response_partition_limit: 2, ..Default::default() };
    let mut seen = Vec::new();
    loop {
        let answer = kafka.call(&request);
        for topic in &answer.topics {
            for partition in &topic.partitions {
                seen.push((topic.name.clone().unwrap_or_default(), partition.partition_index));
            }
        }
        match answer.next_cursor {
            Some(cursor) => request.cursor = Some(cursor),
            None => break,
        }
    }
    let expected = [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1)].map(|(name, n)| (name.to_owned(), n));
    assert_eq!(seen, expected);
    let asked = vec![TopicRequest { name: "nope".to_owned() }];
    let answer = kafka.call(&DescribeTopicPartitionsRequest { topics: asked, ..Default::default() });
    assert_eq!(code(answer.topics[0].error_code), ErrorCode::UnknownTopicOrPartition);
}

#[test]
fn sizes_producers_and_elections_are_true_of_one_broker() {
    let server = Server::start(&["--topic", "t:2"]);
    let mut kafka = KafkaConnection::to(&server);
    let stamp = ProducerStamp { producer_id: 5, producer_epoch: 2, base_sequence: 0 };
    let sent = batch(&["one", "two"], stamp);
    let bytes = sent.len() as i64;
    assert_eq!(code(kafka.produce("t", -1, sent).error_code), ErrorCode::None);

    let dirs = kafka.call(&DescribeLogDirsRequest { topics: None });
    let partitions = &dirs.results[0].topics[0].partitions;
    assert_eq!(partitions.iter().map(|p| p.partition_size).collect::<Vec<_>>(), [bytes, 0]);

    let asked = vec![ProducersOf { name: "t".to_owned(), partition_indexes: vec![0, 1, 2] }];
    let known = kafka.call(&DescribeProducersRequest { topics: asked });
    let partitions = &known.topics[0].partitions;
    let producer = &partitions[0].active_producers[0];
    assert_eq!((producer.producer_id, producer.producer_epoch, producer.last_sequence), (5, 2, 1));
    assert!(partitions[1].active_producers.is_empty());
    assert_eq!(code(partitions[2].error_code), ErrorCode::UnknownTopicOrPartition);

    let asked = vec![TopicPartitions { topic: "t".to_owned(), partitions: vec![0, 9] }];
    let elected = kafka.call(&ElectLeadersRequest { topic_partitions: Some(asked), ..Default::default() });
    let results = &elected.replica_election_results[0].partition_result;
    assert_eq!(code(results[0].error_code), ErrorCode::ElectionNotNeeded);
    assert_eq!(code(results[1].error_code), ErrorCode::UnknownTopicOrPartition);

    let moving = kafka.call(&ListPartitionReassignmentsRequest::default());
    assert_eq!((code(moving.error_code), moving.topics.len()), (ErrorCode::None, 0));

    let resources = kafka.call(&ListConfigResourcesRequest { resource_types: vec![TOPIC] });
    let names: Vec<&str> = resources.config_resources.iter().map(|r| r.resource_name.as_str()).collect();
    assert_eq!(names, ["t"]);

    let cluster = kafka.call(&DescribeClusterRequest::default());
    assert_eq!((cluster.controller_id, cluster.brokers.len()), (1, 1));
    assert_eq!(
        (cluster.brokers[0].host.as_str(), cluster.brokers[0].port),
        ("127.0.0.1", server.address.port().into())
    );
}
