//! Kafka's protocol against the real broker, request by request: what is answered, and what hostile bytes get.

mod common;

use std::time::{Duration, Instant};

use common::{KafkaConnection, PRODUCE_BY_NAME, Server, batch, produce_request};
use rafka::base::{ErrorCode, Uuid};
use rafka::protocol::kafka::api::create_topics::{CreatableTopic, CreatableTopicConfig};
use rafka::protocol::kafka::api::delete_records::{DeleteRecordsPartition, DeleteRecordsTopic};
use rafka::protocol::kafka::api::fetch::{FetchPartition, FetchTopic};
use rafka::protocol::kafka::api::metadata::MetadataRequestTopic;
use rafka::protocol::kafka::api::*;
use rafka::protocol::kafka::{ApiKey, RecordsField, request_frame};
use rafka::record::{BatchBuilder, BatchHeader, BatchView, Codec, HEADER_BYTES, ProducerStamp};

const ACKS_ALL: i16 = -1;

fn code(code: i16) -> ErrorCode {
    ErrorCode::from_code(code)
}

fn bytes(records: &RecordsField) -> Vec<u8> {
    match records {
        RecordsField::Bytes(bytes) => bytes.to_vec(),
        other => panic!("{other:?}"),
    }
}

fn producer(producer_id: i64, base_sequence: i32) -> ProducerStamp {
    ProducerStamp { producer_id, producer_epoch: 0, base_sequence }
}

#[test]
fn stored_bytes_are_the_sent_ones_but_for_offset_and_epoch() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    for _ in 0..3 {
        let sent = batch(&["one", "two"], ProducerStamp::NONE);
        let answer = kafka.produce("t", ACKS_ALL, sent.clone());
        assert_eq!(code(answer.error_code), ErrorCode::None);
        let stored = bytes(&kafka.fetch("t", answer.base_offset).records);
        assert_eq!(stored.len(), sent.len());
        for (at, (stored, sent)) in stored.iter().zip(&sent).enumerate() {
            let ours = (0..8).contains(&at) || (12..16).contains(&at);
            assert!(ours || stored == sent, "byte {at}");
        }
        let header = BatchHeader::parse(&stored).expect("a batch");
        assert_eq!(header.base_offset.0, answer.base_offset);
        assert_eq!(header.leader_epoch.0, 0);
    }
    assert_eq!(kafka.fetch("t", 0).high_watermark, 6);
}

#[test]
fn api_versions_from_the_future_is_told_in_version_0() {
    let server = Server::start(&[]);
    let mut kafka = KafkaConnection::to(&server);
    // Header version 2 of a request in version 99: key, version, correlation id, client id, no tags.
    kafka.send_raw(&[0, 0, 0, 12, 0, 18, 0, 99, 0, 0, 0, 7, 0, 1, b'x', 0]);
    let frame = kafka.frame().expect("an answer");
    assert_eq!(frame[..4], [0, 0, 0, 7]);
    assert_eq!(frame[4..6], 35i16.to_be_bytes());
    assert_eq!(frame[6..16], [0, 0, 0, 1, 0, 18, 0, 0, 0, 4]);
    let served = kafka
        .call(&ApiVersionsRequest { client_software_name: "test".to_owned(), client_software_version: "1".to_owned() });
    assert_eq!(code(served.error_code), ErrorCode::None);
    let produce = served.api_keys.iter().find(|row| row.api_key == ApiKey::Produce.code()).expect("served");
    assert_eq!((produce.min_version, produce.max_version), (0, 13));
}

#[test]
fn what_is_not_served_ends_the_connection_and_nobody_elses() {
    let server = Server::start(&["--topic", "t"]);
    let mut good = KafkaConnection::to(&server);
    let hostile: [&[u8]; 7] = [
        // An API nobody has, a version nobody has, a produce of version 2, a cut header.
        &[0, 0, 0, 10, 3, 0xe7, 0, 0, 0, 0, 0, 1, 0xff, 0xff],
        &[0, 0, 0, 10, 0, 3, 0, 99, 0, 0, 0, 1, 0xff, 0xff],
        &[0, 0, 0, 10, 0, 0, 0, 2, 0, 0, 0, 1, 0xff, 0xff],
        &[0, 0, 0, 3, 0, 3, 0],
        // An empty frame; a Metadata request with a count of two thousand million.
        &[0, 0, 0, 0],
        &[0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff],
        // A length past every limit.
        &[7, 0xff, 0xff, 0xff, 0, 0],
    ];
    for bytes in hostile {
        let mut bad = KafkaConnection::to(&server);
        bad.send_raw(bytes);
        assert_eq!(bad.frame(), None, "{bytes:?}");
        assert_eq!(code(good.fetch("t", 0).error_code), ErrorCode::None);
    }
}

#[test]
fn requests_cut_at_every_byte_leave_the_broker_standing() {
    let server = Server::start(&["--topic", "t"]);
    let request = produce_request("t", ACKS_ALL, batch(&["x"], ProducerStamp::NONE));
    let frame = rafka::protocol::kafka::request_frame(&request, PRODUCE_BY_NAME, 1, Some("c"), Vec::new()).to_bytes();
    for cut in 4..frame.len() {
        let mut bad = KafkaConnection::to(&server);
        // The length says what comes, so that the broker decodes what there is.
        let mut bytes = ((cut - 4) as u32).to_be_bytes().to_vec();
        bytes.extend_from_slice(&frame[4..cut]);
        bad.send_raw(&bytes);
        if let Some(answer) = bad.frame() {
            panic!("cut at {cut} was answered with {answer:?}");
        }
    }
    assert_eq!(server.text("OFFSETS t\n"), "PARTITION 0 low=0 high=0 leader=1\nOK count=1\n");
}

#[test]
fn batches_that_lie_are_refused_with_kafkas_codes() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    let good = batch(&["one", "two"], ProducerStamp::NONE);
    let with = |change: &dyn Fn(&mut BatchHeader)| {
        let mut bytes = good.clone();
        let mut header = BatchHeader::parse(&bytes).expect("ours");
        change(&mut header);
        header.crc = header.crc_with(&bytes[HEADER_BYTES..]);
        bytes[..HEADER_BYTES].copy_from_slice(&header.encode());
        bytes
    };
    let mut wrong_crc = good.clone();
    *wrong_crc.last_mut().expect("not empty") ^= 1;
    let mut old_magic = good.clone();
    old_magic[16] = 1;
    let mut short = good.clone();
    short.pop();
    let cases = [
        ("crc", wrong_crc, ErrorCode::CorruptMessage),
        ("magic", old_magic, ErrorCode::InvalidRecord),
        ("cut", short, ErrorCode::InvalidRecord),
        ("count", with(&|h| h.record_count = 7), ErrorCode::InvalidRecord),
        ("two batches", [good.clone(), good.clone()].concat(), ErrorCode::InvalidRecord),
        ("control", with(&|h| h.attributes |= 0x20), ErrorCode::InvalidRecord),
        (
            "transactional",
            with(&|h| (h.attributes, h.producer_id, h.producer_epoch, h.base_sequence) = (0x10, 1, 0, 0)),
            ErrorCode::InvalidTxnState,
        ),
        (
            "far future",
            with(&|h| (h.base_timestamp, h.max_timestamp) = (i64::MAX / 2, i64::MAX / 2)),
            ErrorCode::InvalidTimestamp,
        ),
        ("empty", Vec::new(), ErrorCode::InvalidRecord),
    ];
    for (name, bytes, expected) in cases {
        let answer = kafka.produce("t", ACKS_ALL, bytes);
        assert_eq!(code(answer.error_code), expected, "{name}: {:?}", answer.error_message);
        assert_eq!(answer.base_offset, -1, "{name}");
        assert!(answer.error_message.is_some(), "{name}");
    }
    assert_eq!(code(kafka.produce("t", 5, good.clone()).error_code), ErrorCode::InvalidRequiredAcks);
    assert_eq!(code(kafka.produce("nope", 1, good.clone()).error_code), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(code(kafka.produce("bad/name", 1, good.clone()).error_code), ErrorCode::InvalidTopicException);
    assert_eq!(code(kafka.produce("__consumer_offsets", 1, good).error_code), ErrorCode::InvalidTopicException);
    assert_eq!(kafka.fetch("t", 0).high_watermark, 0, "nothing was appended");
}

#[test]
fn a_batch_past_max_message_bytes_is_refused() {
    let server = Server::start(&["--topic", "t", "-X", "message.max.bytes=200"]);
    let mut kafka = KafkaConnection::to(&server);
    let large = batch(&[&"x".repeat(300)], ProducerStamp::NONE);
    assert_eq!(code(kafka.produce("t", ACKS_ALL, large).error_code), ErrorCode::MessageTooLarge);
    let small = batch(&["x"], ProducerStamp::NONE);
    assert_eq!(code(kafka.produce("t", ACKS_ALL, small).error_code), ErrorCode::None);
}

#[test]
fn acks_0_is_answered_by_silence_and_its_failure_by_the_end() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    kafka.send(&produce_request("t", 0, batch(&["x"], ProducerStamp::NONE)), PRODUCE_BY_NAME);
    // The next answer on the connection is the next request's.
    let offsets = kafka
        .call(&ApiVersionsRequest { client_software_name: "test".to_owned(), client_software_version: "1".to_owned() });
    assert_eq!(code(offsets.error_code), ErrorCode::None);
    common::until("the record is visible", || (kafka.fetch("t", 0).high_watermark == 1).then_some(()));
    kafka.send(&produce_request("nope", 0, batch(&["x"], ProducerStamp::NONE)), PRODUCE_BY_NAME);
    assert_eq!(kafka.frame(), None);
}

#[test]
fn duplicates_are_recognised_over_five_batches_and_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path(), &["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    let init = kafka.call(&InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: 1000,
        ..Default::default()
    });
    assert_eq!((code(init.error_code), init.producer_epoch), (ErrorCode::None, 0));
    let id = init.producer_id;
    for n in 0..7 {
        assert_eq!(kafka.produce("t", ACKS_ALL, batch(&["x"], producer(id, n))).base_offset, i64::from(n));
    }
    let check = |kafka: &mut KafkaConnection, when: &str| {
        for n in 2..7 {
            let again = kafka.produce("t", ACKS_ALL, batch(&["x"], producer(id, n)));
            assert_eq!((code(again.error_code), again.base_offset), (ErrorCode::None, i64::from(n)), "{when} {n}");
        }
        let older = kafka.produce("t", ACKS_ALL, batch(&["x"], producer(id, 1)));
        assert_eq!(code(older.error_code), ErrorCode::OutOfOrderSequenceNumber, "{when}");
        let gap = kafka.produce("t", ACKS_ALL, batch(&["x"], producer(id, 8)));
        assert_eq!(code(gap.error_code), ErrorCode::OutOfOrderSequenceNumber, "{when}");
    };
    check(&mut kafka, "at once");
    assert_eq!(server.stop(), 0);
    let server = Server::start_in(dir.path(), &[]);
    let mut kafka = KafkaConnection::to(&server);
    check(&mut kafka, "after a stop");
    server.kill();
    let server = Server::start_in(dir.path(), &[]);
    let mut kafka = KafkaConnection::to(&server);
    check(&mut kafka, "after a kill");
    assert_eq!(kafka.fetch("t", 0).high_watermark, 7);
    let next = kafka.call(&InitProducerIdRequest { transactional_id: None, ..Default::default() });
    assert!(next.producer_id > id, "no id is given twice");
}

#[test]
fn topics_are_named_by_id_where_the_version_says_so() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    let asked = MetadataRequestTopic { name: Some("t".to_owned()), ..Default::default() };
    let metadata = kafka.call(&MetadataRequest { topics: Some(vec![asked]), ..Default::default() });
    let id = metadata.topics[0].topic_id;
    assert!(!id.is_zero());
    let mut request = produce_request("", ACKS_ALL, batch(&["x"], ProducerStamp::NONE));
    request.topic_data[0].topic_id = id;
    let produced = kafka.call(&request);
    assert_eq!(code(produced.responses[0].partition_responses[0].error_code), ErrorCode::None);
    let partition = FetchPartition { partition_max_bytes: 1 << 20, ..Default::default() };
    let topic = FetchTopic { topic_id: id, partitions: vec![partition], ..Default::default() };
    let fetched = kafka.call(&FetchRequest { topics: vec![topic.clone()], ..Default::default() });
    assert!(!bytes(&fetched.responses[0].partitions[0].records).is_empty());
    let stranger = FetchTopic { topic_id: Uuid([9; 16]), ..topic };
    let unknown = kafka.call(&FetchRequest { topics: vec![stranger], ..Default::default() });
    assert_eq!(code(unknown.responses[0].partitions[0].error_code), ErrorCode::UnknownTopicId);
    request.topic_data[0].topic_id = Uuid([9; 16]);
    let unknown = kafka.call(&request);
    assert_eq!(code(unknown.responses[0].partition_responses[0].error_code), ErrorCode::UnknownTopicId);
}

#[test]
fn naming_a_missing_topic_makes_it_only_where_both_sides_allow_that() {
    let server = Server::start(&[]);
    let mut kafka = KafkaConnection::to(&server);
    let ask = |kafka: &mut KafkaConnection, name: &str, allow| {
        let asked = MetadataRequestTopic { name: Some(name.to_owned()), ..Default::default() };
        let topics = Some(vec![asked]);
        let request = MetadataRequest { topics, allow_auto_topic_creation: allow, ..Default::default() };
        code(kafka.call(&request).topics[0].error_code)
    };
    assert_eq!(ask(&mut kafka, "a", false), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(ask(&mut kafka, "a", true), ErrorCode::None);
    assert_eq!(ask(&mut kafka, "a", false), ErrorCode::None);
    assert_eq!(ask(&mut kafka, "a/b", true), ErrorCode::InvalidTopicException);
    assert_eq!(ask(&mut kafka, "__consumer_offsets", true), ErrorCode::UnknownTopicOrPartition);
    let strict = Server::start(&["-X", "auto.create.topics.enable=false"]);
    let mut kafka = KafkaConnection::to(&strict);
    assert_eq!(ask(&mut kafka, "a", true), ErrorCode::UnknownTopicOrPartition);
}

#[test]
fn create_topics_says_what_is_wrong_with_each() {
    let server = Server::start(&["--topic", "there", "--topic", "a.b"]);
    let mut kafka = KafkaConnection::to(&server);
    let topic = |name: &str| CreatableTopic {
        name: name.to_owned(),
        num_partitions: 1,
        replication_factor: 1,
        ..Default::default()
    };
    let setting =
        |name: &str, value: &str| vec![CreatableTopicConfig { name: name.to_owned(), value: Some(value.to_owned()) }];
    let cases = [
        (CreatableTopic { num_partitions: -1, replication_factor: -1, ..topic("default") }, ErrorCode::None),
        (topic("there"), ErrorCode::TopicAlreadyExists),
        (topic("a_b"), ErrorCode::InvalidTopicException),
        (topic("no/slash"), ErrorCode::InvalidTopicException),
        (CreatableTopic { num_partitions: 0, ..topic("p") }, ErrorCode::InvalidPartitions),
        (CreatableTopic { replication_factor: 2, ..topic("r") }, ErrorCode::InvalidReplicationFactor),
        (CreatableTopic { configs: setting("retention.ms", "soon"), ..topic("v") }, ErrorCode::InvalidConfig),
        (CreatableTopic { configs: setting("retenton.ms", "1"), ..topic("n") }, ErrorCode::InvalidConfig),
        (CreatableTopic { configs: setting("retention.ms", "1000"), ..topic("ok") }, ErrorCode::None),
    ];
    for (asked, expected) in cases {
        let name = asked.name.clone();
        let answer = kafka.call(&CreateTopicsRequest { topics: vec![asked], ..Default::default() });
        let result = &answer.topics[0];
        assert_eq!(code(result.error_code), expected, "{name}: {:?}", result.error_message);
        assert!(result.configs.is_some(), "{name}: null here breaks Java's AdminClient");
    }
    let twice = kafka.call(&CreateTopicsRequest { topics: vec![topic("x"), topic("x")], ..Default::default() });
    assert_eq!(twice.topics.len(), 1);
    assert_eq!(code(twice.topics[0].error_code), ErrorCode::InvalidRequest);
    let only_checked =
        kafka.call(&CreateTopicsRequest { topics: vec![topic("y")], validate_only: true, ..Default::default() });
    assert_eq!(code(only_checked.topics[0].error_code), ErrorCode::None);
    assert!(!server.text("TOPICS\n").contains("TOPIC y "));
}

#[test]
fn deleted_records_stay_deleted_after_a_kill() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path(), &["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    kafka.produce("t", ACKS_ALL, batch(&["0", "1", "2", "3"], ProducerStamp::NONE));
    let mut delete = |offset: i64| {
        let partition = DeleteRecordsPartition { partition_index: 0, offset };
        let topic = DeleteRecordsTopic { name: "t".to_owned(), partitions: vec![partition] };
        let answer = kafka.call(&DeleteRecordsRequest { topics: vec![topic], ..Default::default() });
        let result = &answer.topics[0].partitions[0];
        (code(result.error_code), result.low_watermark)
    };
    assert_eq!(delete(3), (ErrorCode::None, 3));
    assert_eq!(delete(9), (ErrorCode::OffsetOutOfRange, -1));
    assert_eq!(server.text("OFFSETS t\n"), "PARTITION 0 low=3 high=4 leader=1\nOK count=1\n");
    server.kill();
    let server = Server::start_in(dir.path(), &[]);
    assert_eq!(server.text("OFFSETS t\n"), "PARTITION 0 low=3 high=4 leader=1\nOK count=1\n");
    assert_eq!(server.text("CONSUME t 0 earliest\n"), "MSG 3 - 3\nOK count=1 next=4 high=4\n");
}

#[test]
fn a_slow_client_holds_nobody_up() {
    let server = Server::start(&["--topic", "t"]);
    let mut slow = KafkaConnection::to(&server);
    slow.send_raw(&[0, 0, 0, 100, 0, 3]);
    let mut other = KafkaConnection::to(&server);
    assert_eq!(code(other.produce("t", ACKS_ALL, batch(&["x"], ProducerStamp::NONE)).error_code), ErrorCode::None);
    // A stop does not wait for the half of a request that never comes.
    let started = Instant::now();
    assert_eq!(server.stop(), 0);
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}

#[test]
fn pipelined_produce_requests_are_answered_in_order() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    for i in 0..50 {
        let large = "x".repeat(if i % 3 == 0 { 200_000 } else { 10 });
        kafka.send(&produce_request("t", ACKS_ALL, batch(&[&large], ProducerStamp::NONE)), PRODUCE_BY_NAME);
        if i % 10 == 9 {
            kafka.send(&MetadataRequest { topics: None, ..Default::default() }, 12);
        }
    }
    for i in 0..50 {
        let answer = kafka.receive::<ProduceRequest>(PRODUCE_BY_NAME);
        assert_eq!(answer.responses[0].partition_responses[0].base_offset, i);
        if i % 10 == 9 {
            assert_eq!(kafka.receive::<MetadataRequest>(12).topics.len(), 1);
        }
    }
}

#[test]
fn who_says_that_nothing_more_comes_is_answered_whole() {
    const PEERS: i64 = 4;
    const ROUNDS: i64 = 10;
    const PRODUCED: i32 = 40;
    let server = Server::start(&["--topic", "t"]);
    // Several at once, so that some wait for a flush that another one is in.
    std::thread::scope(|scope| {
        for peer in 0..PEERS {
            let server = &server;
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let mut frames = Vec::new();
                    for number in 0..PRODUCED {
                        let request =
                            produce_request("t", ACKS_ALL, batch(&["value"], producer(peer * ROUNDS + round, number)));
                        frames.extend(request_frame(&request, PRODUCE_BY_NAME, number, None, Vec::new()).to_bytes());
                        // It does not wait for a flush, so what is behind it is not read before its turn.
                        let request = MetadataRequest::default();
                        frames.extend(request_frame(&request, 9, number, None, Vec::new()).to_bytes());
                    }
                    let mut kafka = KafkaConnection::to(server);
                    kafka.send_raw(&frames);
                    kafka.end_half();
                    let answers = std::iter::from_fn(|| kafka.frame()).count();
                    assert_eq!(answers, 2 * PRODUCED as usize, "peer {peer}, round {round}");
                }
            });
        }
    });
}

#[test]
fn compression_type_packs_what_clients_send_otherwise() {
    let server = Server::start(&["-X", "compression.type=zstd", "--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    let sent = batch(&[&"x".repeat(1000)], producer(7, 0));
    assert_eq!(code(kafka.produce("t", ACKS_ALL, sent.clone()).error_code), ErrorCode::None);
    assert_eq!(kafka.produce("t", ACKS_ALL, sent).base_offset, 0, "a repeated batch is recognised all the same");
    let stored = bytes(&kafka.fetch("t", 0).records);
    let stored = BatchView::parse(&stored).expect("a batch");
    stored.verify_crc().expect("a CRC of its own");
    assert_eq!(stored.header.codec(), Ok(Codec::Zstd));
    assert!(stored.bytes.len() < 300, "{}", stored.bytes.len());
    assert!(server.text("CONSUME t 0 0\n").contains(&"x".repeat(1000)));
}

#[test]
fn a_bad_request_behind_good_ones_does_not_take_their_answers_away() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    for _ in 0..5 {
        kafka.send(&produce_request("t", ACKS_ALL, batch(&["x"], ProducerStamp::NONE)), PRODUCE_BY_NAME);
    }
    kafka.send_raw(&[0xff, 0xff, 0xff, 0xff]);
    for offset in 0..5 {
        let answer = kafka.receive::<ProduceRequest>(PRODUCE_BY_NAME);
        assert_eq!(answer.responses[0].partition_responses[0].base_offset, offset);
    }
    assert_eq!(kafka.frame(), None);
}

#[test]
fn a_resource_named_many_times_is_described_once() {
    use rafka::protocol::kafka::api::describe_configs::DescribeConfigsResource;
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    let resource = DescribeConfigsResource {
        resource_type: 2,
        resource_name: "t".to_owned(),
        configuration_keys: Some(Vec::new()),
    };
    let answer = kafka.call(&DescribeConfigsRequest { resources: vec![resource; 1000], ..Default::default() });
    assert_eq!(answer.results.len(), 1);
    assert!(answer.results[0].configs.len() > 20, "no key asks for all");
    let asked = MetadataRequestTopic { name: Some("t".to_owned()), ..Default::default() };
    let metadata = kafka.call(&MetadataRequest { topics: Some(vec![asked; 1000]), ..Default::default() });
    assert_eq!(metadata.topics.len(), 1);
}

#[test]
fn a_topic_with_the_longest_name_can_be_deleted_and_made_again() {
    let server = Server::start(&[]);
    let name = "n".repeat(249);
    let mut kafka = KafkaConnection::to(&server);
    for _ in 0..2 {
        assert_eq!(server.text(&format!("CREATE {name}\n")), "OK partitions=1\n");
        let gone = kafka.call_in(&DeleteTopicsRequest { topic_names: vec![name.clone()], ..Default::default() }, 5);
        assert_eq!(code(gone.responses[0].error_code), ErrorCode::None);
    }
}

#[test]
fn a_refused_batch_says_which_records_are_to_blame() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    common::set_topic(&server, "t", "cleanup.policy", "compact");
    let named = |answer: &produce::PartitionProduceResponse| -> Vec<i32> {
        answer.record_errors.iter().map(|error| error.batch_index).collect()
    };
    let mut mixed = BatchBuilder::new(Codec::Zstd);
    for key in [Some(b"k".as_slice()), None, Some(b"k"), None] {
        mixed.append(1_700_000_000_000, key, Some(b"v"), &[]);
    }
    let answer = kafka.produce("t", ACKS_ALL, mixed.finish(ProducerStamp::NONE).expect("packs"));
    assert_eq!((code(answer.error_code), named(&answer)), (ErrorCode::InvalidRecord, vec![1, 3]));
    assert_eq!(answer.error_message.as_deref(), Some("record 1 of the batch has no key; a compacted topic needs one"));
    common::set_topic(&server, "t", "cleanup.policy", "delete");
    common::set_topic(&server, "t", "message.timestamp.before.max.ms", "1000");
    let answer = kafka.produce("t", ACKS_ALL, batch(&["old", "old"], ProducerStamp::NONE));
    assert_eq!((code(answer.error_code), named(&answer)), (ErrorCode::InvalidTimestamp, vec![0, 1]));
    // Clients before Produce 8 have no fields for it.
    let request = produce_request("t", ACKS_ALL, batch(&["old"], ProducerStamp::NONE));
    let answer = kafka.call_in(&request, 7).responses[0].partition_responses[0].clone();
    assert_eq!((code(answer.error_code), named(&answer)), (ErrorCode::InvalidTimestamp, vec![]));
    assert_eq!(kafka.fetch("t", 0).high_watermark, 0, "none of it was taken");
}

#[test]
fn too_few_replicas_refuse_acks_all_and_nothing_else() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    common::set_topic(&server, "t", "min.insync.replicas", "2");
    let refused = kafka.produce("t", ACKS_ALL, batch(&["x"], ProducerStamp::NONE));
    assert_eq!(code(refused.error_code), ErrorCode::NotEnoughReplicas);
    let taken = kafka.produce("t", 1, batch(&["x"], ProducerStamp::NONE));
    assert_eq!((code(taken.error_code), taken.base_offset), (ErrorCode::None, 0));
}

#[test]
fn message_formats_of_old_are_refused_plainly() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    // Offset, size, CRC, magic, attributes, (a timestamp,) no key, one byte of value.
    let format_0 = [&[0; 8][..], &[0, 0, 0, 15], &[1, 2, 3, 4], &[0, 0], &[0xff; 4], &[0, 0, 0, 1, b'x']].concat();
    let format_1 =
        [&[0; 8][..], &[0, 0, 0, 23], &[1, 2, 3, 4], &[1, 0], &[0; 8], &[0xff; 4], &[0, 0, 0, 1, b'x']].concat();
    for (format, bytes) in [format_0, format_1].into_iter().enumerate() {
        for version in 3..=12 {
            let answer = kafka.call_in(&produce_request("t", ACKS_ALL, bytes.clone()), version);
            let answer = &answer.responses[0].partition_responses[0];
            assert_eq!(code(answer.error_code), ErrorCode::InvalidRecord, "format {format} in version {version}");
            if version >= 8 {
                let sentence =
                    format!("the batch has message format {format}; only format 2 (Kafka 0.11 and newer) is supported");
                assert_eq!(answer.error_message.as_deref(), Some(sentence.as_str()));
            }
        }
    }
}

#[test]
fn transactional_producers_are_turned_away_for_good() {
    let server = Server::start(&[]);
    let mut kafka = KafkaConnection::to(&server);
    let coordinator = FindCoordinatorRequest { key: "me".to_owned(), key_type: 1, ..Default::default() };
    for version in 1..=6 {
        let asked = FindCoordinatorRequest { coordinator_keys: vec!["me".to_owned()], ..coordinator.clone() };
        let answer = kafka.call_in(&asked, version);
        let refusal = answer.coordinators.first().map_or(answer.error_code, |found| found.error_code);
        assert_eq!(code(refusal), ErrorCode::TransactionalIdAuthorizationFailed, "version {version}");
    }
    let init = InitProducerIdRequest { transactional_id: Some("me".to_owned()), ..Default::default() };
    assert_eq!(code(kafka.call(&init).error_code), ErrorCode::TransactionalIdAuthorizationFailed);
    let half = InitProducerIdRequest { transactional_id: None, producer_id: 5, ..Default::default() };
    assert_eq!(code(kafka.call(&half).error_code), ErrorCode::InvalidRequest, "an id without its epoch");
}

#[test]
fn metadata_before_version_12_takes_no_topic_ids() {
    let server = Server::start(&["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    let named = MetadataRequestTopic { name: Some("t".to_owned()), ..Default::default() };
    let by_id = MetadataRequestTopic { name: Some("t".to_owned()), topic_id: Uuid([1; 16]) };
    let nameless = MetadataRequestTopic { name: None, ..Default::default() };
    let mut ask = |topic: &MetadataRequestTopic, version| {
        let request = MetadataRequest { topics: Some(vec![topic.clone()]), ..Default::default() };
        code(kafka.call_in(&request, version).topics[0].error_code)
    };
    for version in [10, 11] {
        assert_eq!(ask(&named, version), ErrorCode::None);
        assert_eq!(ask(&by_id, version), ErrorCode::InvalidRequest);
        assert_eq!(ask(&nameless, version), ErrorCode::InvalidRequest);
    }
}

#[test]
fn clients_are_told_where_the_broker_stands() {
    let server = Server::start(&["-X", "broker.rack=r1"]);
    let mut kafka = KafkaConnection::to(&server);
    let metadata = kafka.call(&MetadataRequest { topics: Some(Vec::new()), ..Default::default() });
    assert_eq!(metadata.brokers[0].rack.as_deref(), Some("r1"));
    let cluster = kafka.call(&DescribeClusterRequest { endpoint_type: 1, ..Default::default() });
    assert_eq!(cluster.brokers[0].rack.as_deref(), Some("r1"));
}
