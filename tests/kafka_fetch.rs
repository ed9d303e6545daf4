//! Fetch and ListOffsets against the real broker: sessions (KIP-227), how records share the room there is (KIP-74), and
//! what each version is told.

mod common;

use std::time::{Duration, Instant};

use common::{FETCH_BY_NAME, KafkaConnection, Server, batch, produce_request, set_topic};
use rafka::base::{ErrorCode, Uuid};
use rafka::protocol::kafka::RecordsField;
use rafka::protocol::kafka::api::fetch::{FetchPartition, FetchTopic, ForgottenTopic, PartitionData};
use rafka::protocol::kafka::api::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};
use rafka::protocol::kafka::api::metadata::MetadataRequestTopic;
use rafka::protocol::kafka::api::*;
use rafka::record::{BatchView, ProducerStamp};

const ACKS_ALL: i16 = -1;
/// The newest version, which names topics by id.
const FETCH_BY_ID: i16 = 18;

fn code(code: i16) -> ErrorCode {
    ErrorCode::from_code(code)
}

fn bytes(records: &RecordsField) -> Vec<u8> {
    match records {
        RecordsField::Bytes(bytes) => bytes.to_vec(),
        other => panic!("{other:?}"),
    }
}

fn produce(kafka: &mut KafkaConnection, partition: i32, value: &str) {
    let mut request = produce_request("t", ACKS_ALL, batch(&[value], ProducerStamp::NONE));
    request.topic_data[0].partition_data[0].index = partition;
    let answer = kafka.call_in(&request, common::PRODUCE_BY_NAME);
    assert_eq!(code(answer.responses[0].partition_responses[0].error_code), ErrorCode::None);
}

fn wants(partition: i32, fetch_offset: i64) -> FetchPartition {
    FetchPartition { partition, fetch_offset, partition_max_bytes: 1 << 20, ..Default::default() }
}

/// A fetch of topic `t` in a session.
fn fetch(session_id: i32, session_epoch: i32, partitions: Vec<FetchPartition>) -> FetchRequest {
    let named = FetchTopic { topic: "t".to_owned(), partitions, ..Default::default() };
    let topics = if named.partitions.is_empty() { Vec::new() } else { vec![named] };
    FetchRequest { session_id, session_epoch, topics, ..Default::default() }
}

/// Partition, high watermark and bytes of all that was told.
fn told(answer: &FetchResponse) -> Vec<(i32, i64, bool)> {
    let partitions = answer.responses.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|p| (p.partition_index, p.high_watermark, !p.records.is_empty())).collect()
}

fn topic_id(kafka: &mut KafkaConnection) -> Uuid {
    let asked = MetadataRequestTopic { name: Some("t".to_owned()), ..Default::default() };
    kafka.call(&MetadataRequest { topics: Some(vec![asked]), ..Default::default() }).topics[0].topic_id
}

#[test]
fn a_session_names_partitions_once_and_tells_what_is_new() {
    let server = Server::start(&["--topic", "t:3"]);
    let mut kafka = KafkaConnection::to(&server);
    produce(&mut kafka, 1, "one");
    let full = kafka.call_in(&fetch(0, 0, vec![wants(0, 0), wants(1, 0), wants(2, 0)]), FETCH_BY_NAME);
    assert_eq!(told(&full), [(0, 0, false), (1, 1, true), (2, 0, false)]);
    let id = full.session_id;
    assert!(id > 0);
    let quiet = kafka.call_in(&fetch(id, 1, vec![wants(1, 1)]), FETCH_BY_NAME);
    assert_eq!((code(quiet.error_code), quiet.session_id, told(&quiet)), (ErrorCode::None, id, vec![]));
    produce(&mut kafka, 2, "two");
    // The session is the broker's: it goes on over another connection.
    let mut other = KafkaConnection::to(&server);
    let more = other.call_in(&fetch(id, 2, vec![]), FETCH_BY_NAME);
    assert_eq!(told(&more), [(2, 1, true)]);
    // Partition 2 is not read on: its records come again, and it is the last in turn now.
    produce(&mut kafka, 0, "zero");
    let again = other.call_in(&fetch(id, 3, vec![]), FETCH_BY_NAME);
    assert_eq!(told(&again), [(0, 1, true), (2, 1, true)]);
    let partitions = vec![0, 2];
    let forgotten = vec![ForgottenTopic { topic: "t".to_owned(), partitions, ..Default::default() }];
    let request = FetchRequest { forgotten_topics_data: forgotten, ..fetch(id, 4, vec![]) };
    assert_eq!(told(&other.call_in(&request, FETCH_BY_NAME)), []);
    let closed = other.call_in(&fetch(id, -1, vec![]), FETCH_BY_NAME);
    assert_eq!((code(closed.error_code), closed.session_id), (ErrorCode::None, 0));
    let gone = other.call_in(&fetch(id, 5, vec![]), FETCH_BY_NAME);
    assert_eq!((code(gone.error_code), gone.session_id), (ErrorCode::FetchSessionIdNotFound, 0));
}

#[test]
fn a_session_that_is_not_continued_as_it_should_be_has_kafkas_codes() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    let id = kafka.call_in(&fetch(0, 0, vec![wants(0, 0)]), FETCH_BY_NAME).session_id;
    let mut ask = |session, epoch, version| code(kafka.call_in(&fetch(session, epoch, vec![]), version).error_code);
    assert_eq!(ask(0, 1, FETCH_BY_NAME), ErrorCode::FetchSessionIdNotFound);
    assert_eq!(ask(id, 2, FETCH_BY_NAME), ErrorCode::InvalidFetchSessionEpoch);
    assert_eq!(ask(id, 1, FETCH_BY_ID), ErrorCode::FetchSessionTopicIdError);
    assert_eq!(ask(id, 1, FETCH_BY_NAME), ErrorCode::None);
}

#[test]
fn a_broker_may_have_no_room_for_sessions() {
    let server = Server::start(&["--topic", "t", "-X", "max.incremental.fetch.session.cache.slots=0"]);
    let mut kafka = KafkaConnection::to(&server);
    let full = kafka.call_in(&fetch(0, 0, vec![wants(0, 0)]), FETCH_BY_NAME);
    assert_eq!((code(full.error_code), full.session_id, told(&full)), (ErrorCode::None, 0, vec![(0, 0, false)]));
}

#[test]
fn an_incremental_fetch_waits_for_records() {
    let server = Server::start(&["--topic", "t:2"]);
    let mut waiting = KafkaConnection::to(&server);
    let id = waiting.call_in(&fetch(0, 0, vec![wants(0, 0), wants(1, 0)]), FETCH_BY_NAME).session_id;
    waiting.send(&FetchRequest { max_wait_ms: 60_000, min_bytes: 1, ..fetch(id, 1, vec![]) }, FETCH_BY_NAME);
    produce(&mut KafkaConnection::to(&server), 1, "x");
    assert_eq!(told(&waiting.receive::<FetchRequest>(FETCH_BY_NAME)), [(1, 1, true)]);
}

#[test]
fn a_topic_made_anew_is_another_one_to_a_session_by_id() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    let old = topic_id(&mut kafka);
    let named = |id: Uuid, partitions| FetchTopic { topic_id: id, partitions, ..Default::default() };
    let begin = FetchRequest { topics: vec![named(old, vec![wants(0, 0)])], ..fetch(0, 0, vec![]) };
    let id = kafka.call_in(&begin, FETCH_BY_ID).session_id;
    assert!(id > 0);
    let gone = kafka.call_in(&DeleteTopicsRequest { topic_names: vec!["t".to_owned()], ..Default::default() }, 5);
    assert_eq!(code(gone.responses[0].error_code), ErrorCode::None);
    assert_eq!(server.text("CREATE t\n"), "OK partitions=1\n");
    let new = topic_id(&mut kafka);
    assert_ne!(old, new);
    for epoch in [1, 2] {
        let answer = kafka.call_in(&fetch(id, epoch, vec![]), FETCH_BY_ID);
        assert_eq!((code(answer.error_code), answer.responses[0].topic_id), (ErrorCode::None, old));
        assert_eq!(code(answer.responses[0].partitions[0].error_code), ErrorCode::UnknownTopicId, "each time");
    }
    let forgotten = vec![ForgottenTopic { topic_id: old, partitions: vec![0], ..Default::default() }];
    let replace = FetchRequest {
        topics: vec![named(new, vec![wants(0, 0)])],
        forgotten_topics_data: forgotten,
        ..fetch(id, 3, vec![])
    };
    let answer = kafka.call_in(&replace, FETCH_BY_ID);
    assert_eq!(answer.responses.len(), 1);
    assert_eq!((answer.responses[0].topic_id, told(&answer)), (new, vec![(0, 0, false)]));
    // A session by name goes on with the topic that has the name now.
    let by_name = kafka.call_in(&fetch(0, 0, vec![wants(0, 0)]), FETCH_BY_NAME).session_id;
    kafka.call_in(&DeleteTopicsRequest { topic_names: vec!["t".to_owned()], ..Default::default() }, 5);
    let missing = kafka.call_in(&fetch(by_name, 1, vec![]), FETCH_BY_NAME);
    assert_eq!(code(missing.responses[0].partitions[0].error_code), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(server.text("CREATE t\n"), "OK partitions=1\n");
    let back = kafka.call_in(&fetch(by_name, 2, vec![]), FETCH_BY_NAME);
    assert_eq!(told(&back), [(0, 0, false)], "the error is gone, and it says so");
}

#[test]
fn partitions_share_the_bytes_in_the_order_of_the_request() {
    let server = Server::start(&["--topic", "t:3"]);
    let mut kafka = KafkaConnection::to(&server);
    for partition in 0..3 {
        produce(&mut kafka, partition, &"x".repeat(1000));
        produce(&mut kafka, partition, &"x".repeat(1000));
    }
    let mut got = |order: [i32; 3], max_bytes, partition_max_bytes| -> Vec<(i32, usize)> {
        let partitions = order.map(|p| FetchPartition { partition_max_bytes, ..wants(p, 0) }).to_vec();
        let answer = kafka.call_in(&FetchRequest { max_bytes, ..fetch(0, -1, partitions) }, FETCH_BY_NAME);
        let partitions = answer.responses.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|p| (p.partition_index, p.records.len() / 1000)).collect()
    };
    assert_eq!(got([0, 1, 2], 1 << 20, 1 << 20), [(0, 2), (1, 2), (2, 2)]);
    assert_eq!(got([2, 0, 1], 3500, 1 << 20), [(2, 2), (0, 1), (1, 0)]);
    assert_eq!(got([0, 1, 2], 1 << 20, 1500), [(0, 1), (1, 1), (2, 1)]);
    assert_eq!(got([1, 0, 2], 10, 10), [(1, 1), (0, 0), (2, 0)], "one batch, however large");
    assert_eq!(got([1, 0, 2], 0, 1 << 20), [(1, 1), (0, 0), (2, 0)]);
}

/// A consumer whose least and most are the same number would have waited out every fetch: whole batches never fill it to
/// the byte.
#[test]
fn a_fetch_that_its_limits_cut_short_does_not_wait_for_more() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    for _ in 0..3 {
        produce(&mut kafka, 0, &"x".repeat(1000));
    }
    let started = Instant::now();
    for (max_bytes, partition_max_bytes) in [(1 << 20, 2500), (2500, 1 << 20)] {
        let partition = FetchPartition { partition_max_bytes, ..wants(0, 0) };
        let request = FetchRequest { max_wait_ms: 60_000, min_bytes: 2500, max_bytes, ..fetch(0, -1, vec![partition]) };
        let answer = kafka.call_in(&request, FETCH_BY_NAME);
        assert_eq!(answer.responses[0].partitions[0].records.len() / 1000, 2);
    }
    // More than there may ever be is not waited for.
    let request =
        FetchRequest { max_wait_ms: 60_000, min_bytes: i32::MAX, max_bytes: 1, ..fetch(0, -1, vec![wants(0, 0)]) };
    kafka.call_in(&request, FETCH_BY_NAME);
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_fetch_that_ends_with_a_segment_does_not_wait_for_more() {
    let server = Server::start(&["--topic", "t", "-X", "log.segment.bytes=1048576"]);
    let mut kafka = KafkaConnection::to(&server);
    for _ in 0..3 {
        produce(&mut kafka, 0, &"x".repeat(600_000));
    }
    let started = Instant::now();
    let request = FetchRequest { max_wait_ms: 60_000, min_bytes: 1_000_000, ..fetch(0, -1, vec![wants(0, 0)]) };
    let answer = kafka.call_in(&request, FETCH_BY_NAME);
    assert_eq!(answer.responses[0].partitions[0].records.len() / 600_000, 1);
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[test]
fn who_asks_with_an_epoch_that_never_was_is_told() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    produce(&mut kafka, 0, "x");
    let mut ask = |partition: FetchPartition| -> PartitionData {
        let answer = kafka.call_in(&fetch(0, -1, vec![partition]), FETCH_BY_NAME);
        answer.responses[0].partitions[0].clone()
    };
    let ahead = ask(FetchPartition { current_leader_epoch: 5, ..wants(0, 0) });
    assert_eq!(code(ahead.error_code), ErrorCode::UnknownLeaderEpoch);
    let same = ask(FetchPartition { current_leader_epoch: 0, last_fetched_epoch: 0, ..wants(0, 1) });
    assert_eq!((code(same.error_code), same.diverging_epoch.end_offset), (ErrorCode::None, -1));
    let past = ask(FetchPartition { last_fetched_epoch: 0, ..wants(0, 9) });
    assert_eq!(code(past.error_code), ErrorCode::None);
    assert_eq!((past.diverging_epoch.epoch, past.diverging_epoch.end_offset), (0, 1), "the log ends at 1 here");
    let unknown = ask(FetchPartition { last_fetched_epoch: 7, ..wants(0, 1) });
    assert_eq!(code(unknown.error_code), ErrorCode::OffsetOutOfRange, "nothing is known of such an epoch");
}

#[test]
fn who_says_it_is_a_replica_is_told_that_it_is_none() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    let request = FetchRequest { replica_id: 3, ..fetch(0, -1, vec![wants(0, 0)]) };
    let answer = kafka.call_in(&request, FETCH_BY_NAME);
    assert_eq!(code(answer.responses[0].partitions[0].error_code), ErrorCode::NotLeaderOrFollower);
}

#[test]
fn old_fetches_are_not_given_what_they_could_not_read() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    set_topic(&server, "t", "compression.type", "zstd");
    let mut ask = |version| {
        let answer = kafka.call_in(&fetch(0, -1, vec![wants(0, 0)]), version);
        code(answer.responses[0].partitions[0].error_code)
    };
    assert_eq!(ask(9), ErrorCode::UnsupportedCompressionType);
    assert_eq!(ask(10), ErrorCode::None);
}

#[test]
fn list_offsets_knows_the_places_of_its_version() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    produce(&mut kafka, 0, "x");
    let mut ask = |timestamps: &[i64], version| -> Vec<(ErrorCode, i64)> {
        let partition = |timestamp: &i64| ListOffsetsPartition { timestamp: *timestamp, ..Default::default() };
        let partitions = timestamps.iter().map(partition).collect();
        let topic = ListOffsetsTopic { name: "t".to_owned(), partitions };
        let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
        let answer = kafka.call_in(&request, version);
        answer.topics[0].partitions.iter().map(|p| (code(p.error_code), p.offset)).collect()
    };
    let unsupported = (ErrorCode::UnsupportedVersion, -1);
    // Time, the first version that has it, and the answer from there on.
    for (timestamp, since, offset) in [(-1, 1, 1), (-2, 1, 0), (-3, 7, 0), (-4, 8, 0), (-5, 9, -1), (-6, 11, -1)] {
        for version in 1..=11 {
            let expected = if version < since { unsupported } else { (ErrorCode::None, offset) };
            assert_eq!(ask(&[timestamp], version), [expected], "{timestamp} in version {version}");
        }
    }
    assert_eq!(ask(&[-7], 11), [unsupported]);
    assert_eq!(ask(&[-1, -2], 11), [(ErrorCode::InvalidRequest, -1); 2], "a partition may be asked for once");
}

#[test]
fn fetch_starts_at_the_batch_that_contains_the_offset() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    kafka.produce("t", ACKS_ALL, batch(&["0", "1", "2"], ProducerStamp::NONE));
    kafka.produce("t", ACKS_ALL, batch(&["3"], ProducerStamp::NONE));
    let records = bytes(&kafka.fetch("t", 1).records);
    assert_eq!(BatchView::parse(&records).expect("a batch").header.base_offset.0, 0);
    assert_eq!(bytes(&kafka.fetch("t", 4).records).len(), 0, "the end is no error");
    for outside in [5, -1] {
        let answer = kafka.fetch("t", outside);
        assert_eq!(code(answer.error_code), ErrorCode::OffsetOutOfRange);
        assert_eq!(answer.high_watermark, -1);
    }
}

#[test]
fn a_fetch_gets_one_whole_batch_however_small_its_limits() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    let sent = batch(&[&"x".repeat(10_000)], ProducerStamp::NONE);
    kafka.produce("t", ACKS_ALL, sent.clone());
    kafka.produce("t", ACKS_ALL, sent.clone());
    let partition = FetchPartition { partition_max_bytes: 1, ..Default::default() };
    let topic = FetchTopic { topic: "t".to_owned(), partitions: vec![partition], ..Default::default() };
    let request = FetchRequest { max_bytes: 1, topics: vec![topic], ..Default::default() };
    let answer = kafka.call_in(&request, FETCH_BY_NAME);
    assert_eq!(bytes(&answer.responses[0].partitions[0].records).len(), sent.len());
}

#[test]
fn a_fetch_waits_for_records_and_no_longer_than_it_was_told() {
    let server = Server::start(&["--topic", "t"]);
    let mut waiting = KafkaConnection::to(&server);
    let fetch = |max_wait_ms: i32| {
        let partition = FetchPartition { partition_max_bytes: 1 << 20, ..Default::default() };
        let topic = FetchTopic { topic: "t".to_owned(), partitions: vec![partition], ..Default::default() };
        FetchRequest { max_wait_ms, min_bytes: 1, topics: vec![topic], ..Default::default() }
    };
    let started = Instant::now();
    let empty = waiting.call_in(&fetch(100), FETCH_BY_NAME);
    assert!(started.elapsed() >= Duration::from_millis(100));
    assert_eq!(bytes(&empty.responses[0].partitions[0].records).len(), 0);
    waiting.send(&fetch(60_000), FETCH_BY_NAME);
    KafkaConnection::to(&server).produce("t", ACKS_ALL, batch(&["x"], ProducerStamp::NONE));
    let woken = waiting.receive::<FetchRequest>(FETCH_BY_NAME);
    assert!(!bytes(&woken.responses[0].partitions[0].records).is_empty());
    assert!(started.elapsed() < Duration::from_secs(30), "an append wakes it");
}

#[test]
fn a_waiting_fetch_hears_that_its_topic_is_deleted() {
    let server = Server::start(&["--topic", "t"]);
    let mut waiting = KafkaConnection::to(&server);
    let partition = FetchPartition { partition_max_bytes: 1 << 20, ..Default::default() };
    let topic = FetchTopic { topic: "t".to_owned(), partitions: vec![partition], ..Default::default() };
    let fetch = FetchRequest { max_wait_ms: 60_000, min_bytes: 1, topics: vec![topic], ..Default::default() };
    waiting.send(&fetch, FETCH_BY_NAME);
    let mut admin = KafkaConnection::to(&server);
    let gone = admin.call_in(&DeleteTopicsRequest { topic_names: vec!["t".to_owned()], ..Default::default() }, 5);
    assert_eq!(code(gone.responses[0].error_code), ErrorCode::None);
    let answer = waiting.receive::<FetchRequest>(FETCH_BY_NAME);
    assert_eq!(code(answer.responses[0].partitions[0].error_code), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(server.text("TOPICS\n"), "OK count=0\n");
}

#[test]
fn list_offsets_finds_ends_and_times() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    kafka.produce("t", ACKS_ALL, batch(&["0", "1"], ProducerStamp::NONE));
    let mut at = |timestamp: i64| {
        let partition = ListOffsetsPartition { timestamp, ..Default::default() };
        let topic = ListOffsetsTopic { name: "t".to_owned(), partitions: vec![partition] };
        let answer = kafka.call(&ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() });
        let found = answer.topics[0].partitions[0].clone();
        (code(found.error_code), found.offset, found.timestamp)
    };
    assert_eq!(at(-1), (ErrorCode::None, 2, -1));
    assert_eq!(at(-2), (ErrorCode::None, 0, -1));
    assert_eq!(at(-3), (ErrorCode::None, 0, 1_700_000_000_000));
    assert_eq!(at(-5), (ErrorCode::None, -1, -1));
    assert_eq!(at(1), (ErrorCode::None, 0, 1_700_000_000_000));
    assert_eq!(at(1_700_000_000_001), (ErrorCode::None, -1, -1), "no record that young is no error");
}
