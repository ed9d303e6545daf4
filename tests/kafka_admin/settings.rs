//! Describing and changing settings of topics, brokers, groups and the logger.

use rafka::base::ErrorCode;
use rafka::protocol::kafka::api::alter_configs;
use rafka::protocol::kafka::api::incremental_alter_configs::{AlterConfigsResource, AlterableConfig};
use rafka::protocol::kafka::api::*;
use rafka::record::ProducerStamp;

use super::common::{KafkaConnection, Server, batch};
use super::*;

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
        // A bad value is an invalid request where it is a broker's (KAFKA-13609).
        (BROKER, "1", ("log.retention.ms", SET, Some("soon")), ErrorCode::InvalidRequest),
        (BROKER, "1", ("log.retention.ms", APPEND, Some("1")), ErrorCode::InvalidConfig),
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
fn a_resource_or_a_setting_that_is_named_twice_is_refused() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    let twice = [("retention.ms", SET, Some("1000")), ("retention.ms", SET, Some("2000"))];
    assert_eq!(alter(&mut kafka, TOPIC, "t", &twice), ErrorCode::InvalidRequest);
    assert_eq!(alter(&mut kafka, TOPIC, "t", &[("retention.ms", SET, None)]), ErrorCode::InvalidRequest);
    let config =
        AlterableConfig { name: "retention.ms".to_owned(), config_operation: SET, value: Some("1".to_owned()) };
    let resource = AlterConfigsResource { resource_type: TOPIC, resource_name: "t".to_owned(), configs: vec![config] };
    let resources = vec![resource.clone(), resource];
    let answer = kafka.call(&IncrementalAlterConfigsRequest { resources, validate_only: false });
    assert_eq!(answer.responses.iter().map(|r| code(r.error_code)).collect::<Vec<_>>(), [ErrorCode::InvalidRequest; 2]);
    let old = |values: &[Option<&str>]| alter_configs::AlterConfigsResource {
        resource_type: TOPIC,
        resource_name: "t".to_owned(),
        configs: values
            .iter()
            .map(|value| alter_configs::AlterableConfig {
                name: "retention.ms".to_owned(),
                value: value.map(ToOwned::to_owned),
            })
            .collect(),
    };
    for resources in
        [vec![old(&[Some("1"), Some("2")])], vec![old(&[None])], vec![old(&[Some("1")]), old(&[Some("2")])]]
    {
        let answer = kafka.call(&AlterConfigsRequest { resources, validate_only: false });
        assert!(answer.responses.iter().all(|r| code(r.error_code) == ErrorCode::InvalidRequest), "{answer:?}");
    }
    assert_eq!(value(&describe(&mut kafka, TOPIC, "t"), "retention.ms").1, 5, "nothing was changed");
}

#[test]
fn a_list_loses_what_is_taken_away() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    assert_eq!(alter(&mut kafka, TOPIC, "t", &[("cleanup.policy", APPEND, Some("compact"))]), ErrorCode::None);
    assert_eq!(alter(&mut kafka, TOPIC, "t", &[("cleanup.policy", SUBTRACT, Some("delete,x"))]), ErrorCode::None);
    assert_eq!(value(&describe(&mut kafka, TOPIC, "t"), "cleanup.policy"), (Some("compact".to_owned()), 1));
    for (name, operation) in [("retention.ms", SUBTRACT), ("retention.ms", APPEND)] {
        assert_eq!(alter(&mut kafka, TOPIC, "t", &[(name, operation, Some("1"))]), ErrorCode::InvalidConfig);
    }
}

#[test]
fn a_group_has_settings_whether_it_exists_or_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path(), &[]);
    let mut kafka = KafkaConnection::to(&server);
    let session = "consumer.session.timeout.ms";
    assert_eq!(value(&describe(&mut kafka, GROUP, "g"), session), (Some("45000".to_owned()), 5));
    assert_eq!(alter(&mut kafka, GROUP, "g", &[(session, SET, Some("50000"))]), ErrorCode::None);
    for (name, setting, new, expected) in [
        ("g", session, "1", ErrorCode::InvalidConfig),
        ("g", session, "x", ErrorCode::InvalidConfig),
        ("g", "session.timeout.ms", "50000", ErrorCode::InvalidConfig),
        ("g", "consumer.heartbeat.interval.ms", "50000", ErrorCode::InvalidConfig),
        ("", session, "50000", ErrorCode::InvalidRequest),
    ] {
        assert_eq!(alter(&mut kafka, GROUP, name, &[(setting, SET, Some(new))]), expected, "{setting}={new}");
    }
    server.kill();
    let server = Server::start_in(dir.path(), &[]);
    let mut kafka = KafkaConnection::to(&server);
    assert_eq!(value(&describe(&mut kafka, GROUP, "g"), session), (Some("50000".to_owned()), 8));
    let listed = kafka.call(&ListConfigResourcesRequest { resource_types: vec![GROUP] });
    assert_eq!(listed.config_resources.iter().map(|r| r.resource_name.as_str()).collect::<Vec<_>>(), ["g"]);
    assert_eq!(alter(&mut kafka, GROUP, "g", &[(session, DELETE, None)]), ErrorCode::None);
    let listed = kafka.call(&ListConfigResourcesRequest { resource_types: vec![GROUP] });
    assert!(listed.config_resources.is_empty(), "a group that sets nothing is not listed");
    assert_eq!(
        code(kafka.call(&ListConfigResourcesRequest { resource_types: vec![77] }).error_code),
        ErrorCode::UnsupportedVersion
    );
}

#[test]
fn the_broker_logs_as_much_as_it_is_told_to() {
    let server = Server::start(&[]);
    let mut kafka = KafkaConnection::to(&server);
    assert_eq!(value(&describe(&mut kafka, LOGGER, "1"), "root"), (Some("INFO".to_owned()), 6));
    assert_eq!(alter(&mut kafka, LOGGER, "1", &[("root", SET, Some("DEBUG"))]), ErrorCode::None);
    assert_eq!(value(&describe(&mut kafka, LOGGER, "1"), "root").0.as_deref(), Some("DEBUG"));
    for (change, expected) in [
        (("root", SET, Some("LOUD")), ErrorCode::InvalidConfig),
        (("kafka", SET, Some("INFO")), ErrorCode::InvalidConfig),
        (("root", DELETE, None), ErrorCode::InvalidRequest),
    ] {
        assert_eq!(alter(&mut kafka, LOGGER, "1", &[change]), expected, "{change:?}");
    }
    assert_eq!(alter(&mut kafka, METRICS, "m", &[("interval.ms", SET, Some("1"))]), ErrorCode::InvalidRequest);
}

#[test]
fn a_broker_shows_the_address_it_tells_this_client() {
    let server = Server::start(&[]);
    let mut kafka = KafkaConnection::to(&server);
    let expected = format!("PLAINTEXT://{}", server.address);
    assert_eq!(value(&describe(&mut kafka, BROKER, "1"), "advertised.listeners").0, Some(expected));
    let server = Server::start(&["--advertise", "example.org:1234"]);
    let mut kafka = KafkaConnection::to(&server);
    let advertised = value(&describe(&mut kafka, BROKER, "1"), "advertised.listeners");
    assert_eq!(advertised, (Some("PLAINTEXT://example.org:1234".to_owned()), 4));
}
