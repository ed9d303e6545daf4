//! What is true of a cluster of one: pages of topics, sizes, producers, elections, reassignments, quorum, features.

use rafka::base::ErrorCode;
use rafka::protocol::kafka::api::alter_partition_reassignments::{ReassignablePartition, ReassignableTopic};
use rafka::protocol::kafka::api::alter_replica_log_dirs::{AlterReplicaLogDir, AlterReplicaLogDirTopic};
use rafka::protocol::kafka::api::describe_producers::TopicRequest as ProducersOf;
use rafka::protocol::kafka::api::describe_quorum;
use rafka::protocol::kafka::api::describe_topic_partitions::{Cursor, TopicRequest};
use rafka::protocol::kafka::api::elect_leaders::TopicPartitions;
use rafka::protocol::kafka::api::update_features::FeatureUpdateKey;
use rafka::protocol::kafka::api::*;
use rafka::record::ProducerStamp;

use super::common::{KafkaConnection, Server, batch};
use super::*;

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

#[test]
fn a_page_is_never_larger_than_the_broker_allows_and_a_cursor_must_fit() {
    let server = Server::start(&["--topic", "a:3", "-X", "max.request.partition.size.limit=2"]);
    let mut kafka = KafkaConnection::to(&server);
    let ask = |kafka: &mut KafkaConnection, names: &[&str], limit, cursor: Option<(&str, i32)>| {
        let topics = names.iter().map(|name| TopicRequest { name: (*name).to_owned() }).collect();
        let cursor = cursor.map(|(topic, partition_index)| Cursor { topic_name: topic.to_owned(), partition_index });
        kafka.call(&DescribeTopicPartitionsRequest { topics, response_partition_limit: limit, cursor })
    };
    let page = ask(&mut kafka, &["a"], 1000, None);
    assert_eq!(page.topics[0].partitions.len(), 2);
    assert_eq!(page.next_cursor.map(|cursor| cursor.partition_index), Some(2));
    assert!(page.topics[0].topic_authorized_operations > 0, "they come unasked");
    assert_eq!(ask(&mut kafka, &["a"], 0, None).topics[0].partitions.len(), 1, "an answer says something");
    for cursor in [("a", -1), ("b", 0)] {
        let refused = ask(&mut kafka, &["a"], 10, Some(cursor));
        assert_eq!(code(refused.topics[0].error_code), ErrorCode::InvalidRequest, "{cursor:?}");
    }
    let past = ask(&mut kafka, &["a"], 10, Some(("a", 7)));
    assert_eq!((code(past.topics[0].error_code), past.topics[0].partitions.len()), (ErrorCode::None, 0));
    let answer = ask(&mut kafka, &["x/y"], 10, None);
    assert_eq!(code(answer.topics[0].error_code), ErrorCode::InvalidTopicException);
}

#[test]
fn no_partition_moves_and_no_leader_changes() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    let mut move_to = |topic: &str, partition_index, replicas: Option<Vec<i32>>| {
        let partitions = vec![ReassignablePartition { partition_index, replicas }];
        let topics = vec![ReassignableTopic { name: topic.to_owned(), partitions }];
        let answer = kafka.call(&AlterPartitionReassignmentsRequest { topics, ..Default::default() });
        assert_eq!(code(answer.error_code), ErrorCode::None);
        code(answer.responses[0].partitions[0].error_code)
    };
    assert_eq!(move_to("t", 0, Some(vec![1])), ErrorCode::None, "it may stay where it is");
    assert_eq!(move_to("t", 0, None), ErrorCode::NoReassignmentInProgress);
    for replicas in [vec![2], vec![1, 2], vec![1, 1], vec![]] {
        assert_eq!(move_to("t", 0, Some(replicas.clone())), ErrorCode::InvalidReplicaAssignment, "{replicas:?}");
    }
    assert_eq!(move_to("t", 9, Some(vec![1])), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(move_to("nope", 0, None), ErrorCode::UnknownTopicOrPartition);

    let all = kafka.call(&ElectLeadersRequest { topic_partitions: None, ..Default::default() });
    let named: Vec<_> =
        all.replica_election_results.iter().map(|r| (r.topic.as_str(), r.partition_result.len())).collect();
    assert_eq!(named, [("t", 0)], "no election was held anywhere");
    let asked = vec![TopicPartitions { topic: "t".to_owned(), partitions: vec![0] }];
    for (election_type, expected) in [(1, ErrorCode::ElectionNotNeeded), (2, ErrorCode::InvalidRequest)] {
        let request =
            ElectLeadersRequest { election_type, topic_partitions: Some(asked.clone()), ..Default::default() };
        let results = kafka.call(&request).replica_election_results;
        assert_eq!(code(results[0].partition_result[0].error_code), expected, "election type {election_type}");
    }
}

#[test]
fn a_partition_may_be_told_to_stay_in_the_one_directory() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    let path = kafka.call(&DescribeLogDirsRequest::default()).results[0].log_dir.clone();
    let mut move_to = |path: &str, name: &str, partition| {
        let topics = vec![AlterReplicaLogDirTopic { name: name.to_owned(), partitions: vec![partition] }];
        let dirs = vec![AlterReplicaLogDir { path: path.to_owned(), topics }];
        let answer = kafka.call(&AlterReplicaLogDirsRequest { dirs });
        assert_eq!(answer.results[0].topic_name, name);
        code(answer.results[0].partitions[0].error_code)
    };
    assert_eq!(move_to(&path, "t", 0), ErrorCode::None);
    assert_eq!(move_to(&path, "t", 9), ErrorCode::ReplicaNotAvailable);
    assert_eq!(move_to(&path, "nope", 0), ErrorCode::ReplicaNotAvailable);
    assert_eq!(move_to("/elsewhere", "t", 0), ErrorCode::LogDirNotFound);
}

#[test]
fn the_quorum_is_this_broker_and_its_log_grows_with_each_decision() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    let mut quorum = |topic: &str| {
        let partitions = vec![describe_quorum::PartitionRequest { partition_index: 0 }];
        let topics = vec![describe_quorum::TopicRequest { topic_name: topic.to_owned(), partitions }];
        kafka.call(&DescribeQuorumRequest { topics })
    };
    let first = quorum("__cluster_metadata");
    let node = &first.nodes[0];
    assert_eq!((node.node_id, node.listeners[0].port), (1, server.address.port()));
    let first = &first.topics[0].partitions[0];
    assert_eq!((code(first.error_code), first.leader_id, first.current_voters.len()), (ErrorCode::None, 1, 1));
    let voter = &first.current_voters[0];
    assert_eq!((voter.replica_id, voter.log_end_offset), (1, first.high_watermark));
    assert!(voter.last_caught_up_timestamp > 0);
    let other = quorum("t");
    assert_eq!(code(other.topics[0].partitions[0].error_code), ErrorCode::UnknownTopicOrPartition);
    assert!(other.nodes.is_empty());
    let mut second = KafkaConnection::to(&server);
    assert_eq!(create(&mut second, new_topic("v", &[])), ErrorCode::None);
    let after = quorum("__cluster_metadata").topics[0].partitions[0].high_watermark;
    assert!(after > first.high_watermark, "{after} after {}", first.high_watermark);
}

#[test]
fn features_are_what_this_program_has_and_can_not_be_changed() {
    let server = Server::start(&[]);
    let mut kafka = KafkaConnection::to(&server);
    let ask = ApiVersionsRequest { client_software_name: "test".to_owned(), client_software_version: "1".to_owned() };
    let versions = kafka.call(&ask);
    assert!(versions.finalized_features_epoch >= 0);
    let finalized = |name: &str| versions.finalized_features.iter().find(|feature| feature.name == name);
    assert_eq!(finalized("metadata.version").map(|feature| feature.max_version_level), Some(30));
    for missing in ["transaction.version", "share.version", "streams.version"] {
        assert!(versions.supported_features.iter().all(|feature| feature.name != missing), "{missing}");
    }
    let mut update = |feature: &str, max_version_level, version| {
        let feature = FeatureUpdateKey { feature: feature.to_owned(), max_version_level, ..Default::default() };
        let request = UpdateFeaturesRequest { feature_updates: vec![feature], ..Default::default() };
        kafka.call_in(&request, version)
    };
    for version in 0..=2 {
        assert_eq!(code(update("metadata.version", 30, version).error_code), ErrorCode::None);
        for (feature, level) in [("metadata.version", 31), ("metadata.version", -1), ("transaction.version", 1)] {
            let refused = update(feature, level, version);
            assert_eq!(code(refused.error_code), ErrorCode::InvalidUpdateVersion, "{feature} {level} in {version}");
            assert!(refused.error_message.is_some_and(|sentence| sentence.contains(feature)));
        }
    }
    assert_eq!(update("metadata.version", 30, 1).results.len(), 1, "a result for each, until version 1");
}

#[test]
fn a_cluster_says_its_rack_and_what_may_be_done() {
    let server = Server::start(&["-X", "broker.rack=here", "--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    let mut request = DescribeClusterRequest { include_cluster_authorized_operations: true, ..Default::default() };
    let cluster = kafka.call(&request);
    assert_eq!(cluster.brokers[0].rack.as_deref(), Some("here"));
    assert!(cluster.cluster_authorized_operations > 0);
    let metadata = kafka.call(&MetadataRequest { topics: Some(Vec::new()), ..Default::default() });
    assert_eq!(metadata.brokers[0].rack.as_deref(), Some("here"));
    for (endpoint_type, expected) in [(2, ErrorCode::MismatchedEndpointType), (7, ErrorCode::UnsupportedEndpointType)] {
        request.endpoint_type = endpoint_type;
        assert_eq!(code(kafka.call(&request).error_code), expected);
    }
    let dirs = kafka.call(&DescribeLogDirsRequest { topics: None });
    let dir = &dirs.results[0];
    assert!(dir.total_bytes > 0 && (0..=dir.total_bytes).contains(&dir.usable_bytes), "{dir:?}");
}
