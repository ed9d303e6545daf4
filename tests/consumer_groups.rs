//! Groups of the newer protocol (KIP-848) against the real broker: what one who speaks the protocol by hand is answered,
//! and what a kill in the midst of it leaves.

mod common;

use common::{KafkaConnection, Server};
use rafka::base::ErrorCode;
use rafka::protocol::kafka::api::consumer_group_heartbeat::TopicPartitions;
use rafka::protocol::kafka::api::incremental_alter_configs::{AlterConfigsResource, AlterableConfig};
use rafka::protocol::kafka::api::join_group::JoinGroupRequestProtocol;
use rafka::protocol::kafka::api::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use rafka::protocol::kafka::api::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use rafka::protocol::kafka::api::*;

const COMMIT_BY_NAME: i16 = 9;
const FETCH_BY_NAME: i16 = 9;

/// A member that does as it is told.
struct Member {
    kafka: KafkaConnection,
    id: &'static str,
    epoch: i32,
    owned: Vec<TopicPartitions>,
}

impl Member {
    fn new(server: &Server, id: &'static str) -> Member {
        Member { kafka: KafkaConnection::to(server), id, epoch: 0, owned: Vec::new() }
    }

    /// One heartbeat; everything is said each time.
    fn beat(&mut self) -> ConsumerGroupHeartbeatResponse {
        let request = ConsumerGroupHeartbeatRequest {
            group_id: "g".to_owned(),
            member_id: self.id.to_owned(),
            member_epoch: self.epoch,
            rebalance_timeout_ms: 60_000,
            subscribed_topic_names: Some(vec!["t".to_owned()]),
            topic_partitions: Some(self.owned.clone()),
            ..Default::default()
        };
        let response = self.kafka.call(&request);
        if response.error_code == 0 {
            self.epoch = response.member_epoch;
            if let Some(assignment) = &response.assignment {
                self.owned.clone_from(&assignment.topic_partitions);
            }
        }
        response
    }

    fn leave(&mut self) -> ErrorCode {
        let request = ConsumerGroupHeartbeatRequest {
            group_id: "g".to_owned(),
            member_id: self.id.to_owned(),
            member_epoch: -1,
            ..Default::default()
        };
        ErrorCode::from_code(self.kafka.call(&request).error_code)
    }

    fn count(&self) -> usize {
        self.owned.iter().map(|topic| topic.partitions.len()).sum()
    }

    fn commit(&mut self, epoch: i32, offset: i64) -> ErrorCode {
        let partition = OffsetCommitRequestPartition { committed_offset: offset, ..Default::default() };
        let topic =
            OffsetCommitRequestTopic { name: "t".to_owned(), partitions: vec![partition], ..Default::default() };
        let request = OffsetCommitRequest {
            group_id: "g".to_owned(),
            generation_id_or_member_epoch: epoch,
            member_id: self.id.to_owned(),
            topics: vec![topic],
            ..Default::default()
        };
        let response = self.kafka.call_in(&request, COMMIT_BY_NAME);
        ErrorCode::from_code(response.topics[0].partitions[0].error_code)
    }

    /// The group's error, or the committed offset of partition 0.
    fn committed(&mut self, epoch: i32) -> Result<i64, ErrorCode> {
        let topic = OffsetFetchRequestTopics { name: "t".to_owned(), partition_indexes: vec![0], ..Default::default() };
        let group = OffsetFetchRequestGroup {
            group_id: "g".to_owned(),
            member_id: Some(self.id.to_owned()),
            member_epoch: epoch,
            topics: Some(vec![topic]),
        };
        let request = OffsetFetchRequest { groups: vec![group], ..Default::default() };
        let response = self.kafka.call_in(&request, FETCH_BY_NAME);
        match ErrorCode::from_code(response.groups[0].error_code) {
            ErrorCode::None => Ok(response.groups[0].topics[0].partitions[0].committed_offset),
            code => Err(code),
        }
    }
}

fn describe(server: &Server) -> consumer_group_describe::DescribedGroup {
    let request = ConsumerGroupDescribeRequest { group_ids: vec!["g".to_owned()], ..Default::default() };
    KafkaConnection::to(server).call(&request).groups.remove(0)
}

fn join_classic(server: &Server, member_id: &str) -> ErrorCode {
    let protocol = JoinGroupRequestProtocol { name: "range".to_owned(), ..Default::default() };
    let request = JoinGroupRequest {
        group_id: "g".to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        member_id: member_id.to_owned(),
        protocol_type: "consumer".to_owned(),
        protocols: vec![protocol],
        ..Default::default()
    };
    ErrorCode::from_code(KafkaConnection::to(server).call(&request).error_code)
}

fn types(server: &Server) -> Vec<(String, String)> {
    let groups = KafkaConnection::to(server).call(&ListGroupsRequest::default()).groups;
    groups.into_iter().map(|group| (group.group_type, group.group_state)).collect()
}

fn server(dir: &tempfile::TempDir) -> Server {
    Server::start_in(dir.path(), &["--topic", "t:4"])
}

#[test]
fn a_rebalance_goes_on_after_a_kill_in_the_midst_of_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = server(&dir);
    let (mut a, mut b) = (Member::new(&broker, "a"), Member::new(&broker, "b"));
    a.beat();
    assert_eq!((a.epoch, a.count()), (1, 4));
    assert_eq!(a.commit(1, 7), ErrorCode::None);
    b.beat();
    // a hears that it has to give up two, and has not said yet that it did.
    a.beat();
    assert_eq!((a.count(), b.count()), (2, 0));
    broker.kill();

    let broker = server(&dir);
    assert_eq!(describe(&broker).group_state, "Reconciling");
    (a.kafka, b.kafka) = (KafkaConnection::to(&broker), KafkaConnection::to(&broker));
    b.beat();
    assert_eq!(b.count(), 0, "a may read them still");
    a.beat();
    b.beat();
    assert_eq!((a.count(), b.count()), (2, 2));
    let described = describe(&broker);
    assert_eq!((described.group_state.as_str(), described.group_epoch), ("Stable", 2));
    assert_eq!(described.members[0].client_id, "test");
    assert_eq!(a.committed(2), Ok(7));
    assert_eq!(broker.stop(), 0);

    // After a clean stop they go on without a word about it.
    let broker = server(&dir);
    (a.kafka, b.kafka) = (KafkaConnection::to(&broker), KafkaConnection::to(&broker));
    assert_eq!((a.beat().error_code, b.beat().error_code), (0, 0));
    assert_eq!((a.epoch, b.epoch), (2, 2));
    assert_eq!(b.leave(), ErrorCode::None);
    a.beat();
    assert_eq!(a.count(), 4);
}

#[test]
fn offsets_belong_to_members_of_the_present_epoch() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = server(&dir);
    let (mut a, mut stranger) = (Member::new(&broker, "a"), Member::new(&broker, "stranger"));
    a.beat();
    assert_eq!(a.commit(0, 1), ErrorCode::StaleMemberEpoch);
    assert_eq!(stranger.commit(1, 1), ErrorCode::UnknownMemberId);
    assert_eq!(a.commit(1, 5), ErrorCode::None);
    assert_eq!(a.committed(1), Ok(5));
    assert_eq!(a.committed(9), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(stranger.committed(1), Err(ErrorCode::UnknownMemberId));
    let delete = DeleteGroupsRequest { groups_names: vec!["g".to_owned()] };
    let deleted =
        |broker: &Server| ErrorCode::from_code(KafkaConnection::to(broker).call(&delete).results[0].error_code);
    assert_eq!(deleted(&broker), ErrorCode::NonEmptyGroup);
    assert_eq!(a.leave(), ErrorCode::None);
    assert_eq!(describe(&broker).group_state, "Empty");
    assert_eq!(deleted(&broker), ErrorCode::None);
    assert_eq!(ErrorCode::from_code(describe(&broker).error_code), ErrorCode::GroupIdNotFound);
    broker.kill();
    let broker = server(&dir);
    assert!(types(&broker).is_empty(), "nothing of it comes back");
}

#[test]
fn a_group_that_nobody_is_in_goes_from_one_protocol_to_the_other() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = server(&dir);
    let consumer = |state: &str| vec![("consumer".to_owned(), state.to_owned())];
    let mut a = Member::new(&broker, "a");
    a.beat();
    assert_eq!(a.commit(1, 3), ErrorCode::None);
    assert_eq!(types(&broker), consumer("Stable"));
    assert_eq!(join_classic(&broker, ""), ErrorCode::InconsistentGroupProtocol);
    let request = DescribeGroupsRequest { groups: vec!["g".to_owned()], ..Default::default() };
    let described = KafkaConnection::to(&broker).call(&request).groups.remove(0);
    assert_eq!(ErrorCode::from_code(described.error_code), ErrorCode::GroupIdNotFound);
    assert_eq!(described.error_message.as_deref(), Some("Group g is not a classic group."));
    a.leave();

    // The first classic join makes it a classic group, though the member has yet to come back under its id.
    assert_eq!(join_classic(&broker, ""), ErrorCode::MemberIdRequired);
    assert_eq!(types(&broker)[0].0, "classic");
    a.epoch = 0;
    a.owned.clear();
    assert_eq!(ErrorCode::from_code(a.beat().error_code), ErrorCode::GroupIdNotFound, "somebody is expected there");
    broker.kill();

    // What was committed stays, and nobody is expected any more.
    let broker = server(&dir);
    a.kafka = KafkaConnection::to(&broker);
    assert_eq!(a.beat().error_code, 0);
    assert_eq!(types(&broker), consumer("Stable"));
    assert_eq!(a.committed(a.epoch), Ok(3));
}

#[test]
fn what_is_refused_says_why_and_the_protocol_can_be_switched_off() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = server(&dir);
    let mut kafka = KafkaConnection::to(&broker);
    let unknown = kafka.call(&ConsumerGroupHeartbeatRequest {
        group_id: "nowhere".to_owned(),
        member_id: "m".to_owned(),
        member_epoch: 3,
        ..Default::default()
    });
    assert_eq!(ErrorCode::from_code(unknown.error_code), ErrorCode::GroupIdNotFound);
    assert_eq!(unknown.error_message.as_deref(), Some("Consumer group nowhere not found."));
    assert!(types(&broker).is_empty());
    drop(broker);

    let classic_only = ["--set", "group.coordinator.rebalance.protocols=classic"];
    let broker = Server::start_in(dir.path(), &classic_only);
    let refused = Member::new(&broker, "a").beat();
    assert_eq!(ErrorCode::from_code(refused.error_code), ErrorCode::UnsupportedVersion);
}

#[test]
fn a_group_has_settings_of_its_own() {
    const GROUP: i8 = 32;
    let dir = tempfile::tempdir().expect("a directory");
    let broker = server(&dir);
    let mut member = Member::new(&broker, "a");
    assert_eq!(member.beat().heartbeat_interval_ms, 5000);
    let interval = AlterableConfig {
        name: "consumer.heartbeat.interval.ms".to_owned(),
        config_operation: 0,
        value: Some("7000".to_owned()),
    };
    let group = AlterConfigsResource { resource_type: GROUP, resource_name: "g".to_owned(), configs: vec![interval] };
    let request = IncrementalAlterConfigsRequest { resources: vec![group], ..Default::default() };
    assert_eq!(member.kafka.call(&request).responses[0].error_code, 0);
    assert_eq!(member.beat().heartbeat_interval_ms, 7000);
}
