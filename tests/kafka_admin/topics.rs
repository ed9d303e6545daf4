//! Making, growing and deleting topics: what is accepted, what is refused and why, and ids.

use rafka::base::{ErrorCode, Uuid};
use rafka::protocol::kafka::api::create_partitions::{CreatePartitionsAssignment, CreatePartitionsTopic};
use rafka::protocol::kafka::api::create_topics::{CreatableReplicaAssignment, CreatableTopic};
use rafka::protocol::kafka::api::delete_topics::DeleteTopicState;
use rafka::protocol::kafka::api::metadata::{MetadataRequestTopic, MetadataResponseTopic};
use rafka::protocol::kafka::api::*;

use super::common::{KafkaConnection, Server};
use super::*;

fn counts(name: &str, num_partitions: i32, replication_factor: i16) -> CreatableTopic {
    CreatableTopic { num_partitions, replication_factor, ..new_topic(name, &[]) }
}

fn assigned(name: &str, assignments: &[(i32, &[i32])]) -> CreatableTopic {
    let assignments = assignments
        .iter()
        .map(|(index, brokers)| CreatableReplicaAssignment { partition_index: *index, broker_ids: brokers.to_vec() });
    CreatableTopic { assignments: assignments.collect(), ..new_topic(name, &[]) }
}

fn metadata(kafka: &mut KafkaConnection, name: Option<&str>, topic_id: Uuid) -> MetadataResponseTopic {
    let topic = MetadataRequestTopic { topic_id, name: name.map(ToOwned::to_owned) };
    let request = MetadataRequest { topics: Some(vec![topic]), allow_auto_topic_creation: false, ..Default::default() };
    kafka.call(&request).topics[0].clone()
}

#[test]
fn a_topic_is_refused_for_kafkas_reasons() {
    let server = Server::start(&["--topic", "a.b"]);
    let mut kafka = KafkaConnection::to(&server);
    let both_counted = CreatableTopic { num_partitions: 1, ..assigned("t", &[(0, &[1])]) };
    let both_replicated = CreatableTopic { replication_factor: 1, ..assigned("t", &[(0, &[1])]) };
    for (topic, expected) in [
        (new_topic("a.b", &[]), ErrorCode::TopicAlreadyExists),
        (new_topic("a.b", &[("nope", Some("1"))]), ErrorCode::TopicAlreadyExists),
        (new_topic("a_b", &[]), ErrorCode::InvalidTopicException),
        (new_topic("x/y", &[]), ErrorCode::InvalidTopicException),
        (new_topic("__consumer_offsets", &[]), ErrorCode::InvalidRequest),
        (new_topic("__cluster_metadata", &[]), ErrorCode::InvalidRequest),
        (counts("t", 0, 1), ErrorCode::InvalidPartitions),
        (counts("t", -2, 1), ErrorCode::InvalidPartitions),
        (counts("t", 1, 0), ErrorCode::InvalidReplicationFactor),
        (counts("t", 0, 0), ErrorCode::InvalidReplicationFactor),
        (counts("t", 0, 3), ErrorCode::InvalidPartitions),
        (counts("t", 1, 3), ErrorCode::InvalidReplicationFactor),
        (both_counted, ErrorCode::InvalidRequest),
        (both_replicated, ErrorCode::InvalidRequest),
        (assigned("t", &[(0, &[1]), (0, &[1])]), ErrorCode::InvalidReplicaAssignment),
        (assigned("t", &[(1, &[1])]), ErrorCode::InvalidReplicaAssignment),
        (assigned("t", &[(0, &[2])]), ErrorCode::InvalidReplicaAssignment),
        (assigned("t", &[(0, &[])]), ErrorCode::InvalidReplicaAssignment),
        (assigned("t", &[(0, &[1, 1])]), ErrorCode::InvalidReplicaAssignment),
        (new_topic("t", &[("nope", Some("1"))]), ErrorCode::InvalidConfig),
        (new_topic("t", &[("retention.ms", Some("soon"))]), ErrorCode::InvalidConfig),
        (new_topic("t", &[("retention.ms", None)]), ErrorCode::InvalidConfig),
    ] {
        let shown = format!("{topic:?}");
        let answer = create_all(&mut kafka, vec![topic]);
        assert_eq!(code(answer.topics[0].error_code), expected, "{shown}");
        assert!(answer.topics[0].error_message.as_deref().is_some_and(|text| !text.is_empty()), "{shown}");
    }
    let twice = create_all(&mut kafka, vec![new_topic("d", &[]), new_topic("d", &[])]);
    assert_eq!(
        twice.topics.iter().map(|topic| code(topic.error_code)).collect::<Vec<_>>(),
        [ErrorCode::InvalidRequest]
    );
    assert!(server.text("CREATE __cluster_metadata\n").starts_with("ERR "), "nor in words");
    for name in ["t", "d"] {
        let found = metadata(&mut kafka, Some(name), Uuid::ZERO);
        assert_eq!(code(found.error_code), ErrorCode::UnknownTopicOrPartition, "nothing was made of {name}");
    }
}

#[test]
fn an_assignment_that_says_the_obvious_is_taken() {
    let server = Server::start(&[]);
    let mut kafka = KafkaConnection::to(&server);
    assert_eq!(create(&mut kafka, assigned("t", &[(1, &[1]), (0, &[1])])), ErrorCode::None);
    assert_eq!(metadata(&mut kafka, Some("t"), Uuid::ZERO).partitions.len(), 2);
    let mut grow = |count, assignments: Option<&[&[i32]]>, validate_only| {
        let assignments = assignments
            .map(|all| all.iter().map(|one| CreatePartitionsAssignment { broker_ids: one.to_vec() }).collect());
        let topics = vec![CreatePartitionsTopic { name: "t".to_owned(), count, assignments }];
        let request = CreatePartitionsRequest { topics, validate_only, ..Default::default() };
        code(kafka.call(&request).results[0].error_code)
    };
    assert_eq!(grow(2, None, false), ErrorCode::InvalidPartitions);
    for wrong in [&[][..], &[&[2][..]], &[&[]], &[&[1, 1]], &[&[1], &[1]]] {
        assert_eq!(grow(3, Some(wrong), false), ErrorCode::InvalidReplicaAssignment, "{wrong:?}");
    }
    assert_eq!(grow(3, Some(&[&[1]]), true), ErrorCode::None, "only checked");
    assert_eq!(grow(3, Some(&[&[1]]), false), ErrorCode::None);
    assert_eq!(grow(3, None, false), ErrorCode::InvalidPartitions, "it has three now");
}

#[test]
fn a_topic_that_is_to_grow_twice_in_one_request_does_not() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    let more = |count| CreatePartitionsTopic { name: "t".to_owned(), count, assignments: None };
    let answer = kafka.call(&CreatePartitionsRequest { topics: vec![more(2), more(3)], ..Default::default() });
    let codes: Vec<_> = answer.results.iter().map(|result| code(result.error_code)).collect();
    assert_eq!(codes, [ErrorCode::InvalidRequest]);
    assert_eq!(metadata(&mut kafka, Some("t"), Uuid::ZERO).partitions.len(), 1);
}

#[test]
fn only_a_setting_lets_one_broker_accept_three_replicas() {
    let server = Server::start(&["-X", "accepted.replication.factor=3"]);
    let mut kafka = KafkaConnection::to(&server);
    let answer = create_all(&mut kafka, vec![counts("t", 1, 3)]);
    assert_eq!((code(answer.topics[0].error_code), answer.topics[0].replication_factor), (ErrorCode::None, 1));
    let described = metadata(&mut kafka, Some("t"), Uuid::ZERO);
    assert_eq!((&described.partitions[0].replica_nodes, &described.partitions[0].isr_nodes), (&vec![1], &vec![1]));
    assert_eq!(create(&mut kafka, counts("u", 1, 4)), ErrorCode::InvalidReplicationFactor);
}

#[test]
fn a_check_makes_nothing() {
    let server = Server::start(&[]);
    let mut kafka = KafkaConnection::to(&server);
    let topics = vec![counts("t", 3, 1)];
    let answer = kafka.call(&CreateTopicsRequest { topics, validate_only: true, ..Default::default() });
    assert_eq!((code(answer.topics[0].error_code), answer.topics[0].num_partitions), (ErrorCode::None, 3));
    assert_eq!(code(metadata(&mut kafka, Some("t"), Uuid::ZERO).error_code), ErrorCode::UnknownTopicOrPartition);
}

#[test]
fn a_topic_is_known_by_its_id() {
    let server = Server::start(&["--topic", "u"]);
    let mut kafka = KafkaConnection::to(&server);
    let made = create_all(&mut kafka, vec![new_topic("t", &[("retention.ms", Some("1000"))])]);
    let id = made.topics[0].topic_id;
    assert!(!id.is_zero());
    let settings = made.topics[0].configs.as_ref().expect("since version 5");
    let own: Vec<_> = settings.iter().filter(|setting| setting.config_source == 1).collect();
    assert_eq!(
        own.iter().map(|s| (s.name.as_str(), s.value.as_deref())).collect::<Vec<_>>(),
        [("retention.ms", Some("1000"))]
    );
    assert_eq!(metadata(&mut kafka, None, id).name.as_deref(), Some("t"));
    assert_eq!(metadata(&mut kafka, Some("u"), id).name.as_deref(), Some("t"), "the id counts");
    let unknown = metadata(&mut kafka, Some("u"), Uuid::random());
    assert_eq!((code(unknown.error_code), unknown.name), (ErrorCode::UnknownTopicId, None));
    let mut delete = |asked: &[(Option<&str>, Uuid)]| {
        let topics = asked
            .iter()
            .map(|(name, topic_id)| DeleteTopicState { name: name.map(ToOwned::to_owned), topic_id: *topic_id });
        let request = DeleteTopicsRequest { topics: topics.collect(), ..Default::default() };
        let responses = kafka.call(&request).responses;
        responses.into_iter().map(|r| (r.name, code(r.error_code))).collect::<Vec<_>>()
    };
    let t = || Some("t".to_owned());
    assert_eq!(delete(&[(None, Uuid::ZERO)]), [(None, ErrorCode::InvalidRequest)]);
    assert_eq!(delete(&[(Some("t"), id)]), [(t(), ErrorCode::InvalidRequest)]);
    assert_eq!(delete(&[(None, Uuid::random())]), [(None, ErrorCode::UnknownTopicId)]);
    assert_eq!(delete(&[(Some("t"), Uuid::ZERO), (Some("t"), Uuid::ZERO)]), [(t(), ErrorCode::InvalidRequest)]);
    let by_both = delete(&[(Some("t"), Uuid::ZERO), (None, id)]);
    assert!(by_both.iter().all(|(_, code)| *code == ErrorCode::InvalidRequest), "{by_both:?}");
    assert_eq!(delete(&[(None, id)]), [(t(), ErrorCode::None)]);
    assert_eq!(delete(&[(None, id)]), [(None, ErrorCode::UnknownTopicId)]);
    let again = create_all(&mut kafka, vec![new_topic("t", &[])]);
    assert_ne!(again.topics[0].topic_id, id, "a new topic of the same name is another one");
}

#[test]
fn deletion_can_be_switched_off() {
    let server = Server::start(&["--topic", "t", "-X", "delete.topic.enable=false"]);
    let mut kafka = KafkaConnection::to(&server);
    let topics = vec![DeleteTopicState { name: Some("t".to_owned()), topic_id: Uuid::ZERO }];
    let answer = kafka.call(&DeleteTopicsRequest { topics, ..Default::default() });
    assert_eq!(code(answer.responses[0].error_code), ErrorCode::TopicDeletionDisabled);
    // Older clients do not know that error.
    let request = DeleteTopicsRequest { topic_names: vec!["t".to_owned()], ..Default::default() };
    assert_eq!(code(kafka.call_in(&request, 1).responses[0].error_code), ErrorCode::InvalidRequest);
    assert_eq!(code(metadata(&mut kafka, Some("t"), Uuid::ZERO).error_code), ErrorCode::None);
}
