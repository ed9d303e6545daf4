//! The consumer beside a broker that moves, lies and keeps data back.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::{Consumer, ConsumerConfig};
use crate::base::{ErrorCode, Offset, PartitionId, TopicName, TopicPartition};
use crate::client::fake_broker::{Asked, FakeBroker, Reply};
use crate::client::{ClientConfig, ClientError, Cluster};
use crate::protocol::kafka::api::fetch::{FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData};
use crate::protocol::kafka::api::list_offsets::{
    ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use crate::protocol::kafka::{ApiKey, RecordsField};
use crate::record::{BatchBuilder, Codec, ProducerStamp};

fn place() -> TopicPartition {
    TopicPartition { topic: TopicName::new("T").expect("a name"), partition: PartitionId(0) }
}

/// A batch of three records from this offset on.
fn three(base: i64) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Codec::None);
    (0..3).for_each(|i| builder.append(0, None, Some(&[b'a' + i]), &[]));
    let mut bytes = builder.finish(ProducerStamp::NONE).expect("not packed");
    bytes[..8].copy_from_slice(&base.to_be_bytes());
    bytes
}

fn fetched(asked: &Asked, error: ErrorCode, records: Vec<u8>) -> Reply {
    let partition = PartitionData {
        partition_index: 0,
        error_code: error.code(),
        high_watermark: 6,
        last_stable_offset: 6,
        aborted_transactions: None,
        records: RecordsField::Bytes(records.into()),
        ..Default::default()
    };
    let topic = FetchableTopicResponse { topic: "T".to_owned(), partitions: vec![partition], ..Default::default() };
    asked.answer::<FetchRequest>(&FetchResponse { responses: vec![topic], ..Default::default() })
}

/// Answers fetches from a partition with offsets 0 to 5.
fn by_offset(asked: &Asked) -> Reply {
    let at = asked.read::<FetchRequest>().topics[0].partitions[0].fetch_offset;
    fetched(asked, ErrorCode::None, if at < 6 { three(at / 3 * 3) } else { Vec::new() })
}

fn consumer(broker: &FakeBroker, from: i64, until: i64) -> Consumer {
    let client = ClientConfig { retry_backoff: Duration::from_millis(1), ..broker.config() };
    let mut cluster = Cluster::connect(client).expect("connects");
    cluster.topic(&place().topic, false).expect("it is there");
    let config = ConsumerConfig { reconnect_for: Some(Duration::from_millis(100)), ..ConsumerConfig::default() };
    let mut consumer = Consumer::new(cluster, config);
    consumer.assign(&place(), Offset(from), Some(Offset(until)));
    consumer
}

/// Everything up to the end, or the error before it.
fn read(consumer: &mut Consumer) -> Result<Vec<i64>, ClientError> {
    let mut offsets = Vec::new();
    while !consumer.is_done() {
        let Some(mut chunk) = consumer.next(None, &mut [])? else { continue };
        let _ = chunk.read(|record| {
            offsets.push(record.offset.0);
            ControlFlow::Continue(())
        })?;
    }
    Ok(offsets)
}

#[test]
fn the_end_is_a_position() {
    let broker = FakeBroker::start(|asked| if asked.key == ApiKey::Fetch { by_offset(asked) } else { Reply::Usual });
    assert_eq!(read(&mut consumer(&broker, 1, 5)), Ok(vec![1, 2, 3, 4]));
    assert_eq!(read(&mut consumer(&broker, 6, 6)), Ok(vec![]));
}

#[test]
fn offsets_that_are_gone_are_not_waited_for() {
    // Compaction took 3 to 5: the broker has nothing, though its end is 6.
    let broker = FakeBroker::start(|asked| match asked.key {
        ApiKey::Fetch if asked.read::<FetchRequest>().topics[0].partitions[0].fetch_offset < 3 => by_offset(asked),
        ApiKey::Fetch => fetched(asked, ErrorCode::None, Vec::new()),
        _ => Reply::Usual,
    });
    assert_eq!(read(&mut consumer(&broker, 0, 6)), Ok(vec![0, 1, 2]));
}

#[test]
fn a_leader_that_moves_or_goes_for_a_moment_is_followed() {
    let moved: fn(&Asked) -> Reply = |asked| fetched(asked, ErrorCode::NotLeaderOrFollower, Vec::new());
    let cut: fn(&Asked) -> Reply = |_| Reply::Bytes(vec![0, 0, 0, 5, 0, 0, 0, 2, 0]);
    let replies: [fn(&Asked) -> Reply; 6] = [moved, |_| Reply::Close, by_offset, cut, by_offset, by_offset];
    let broker = FakeBroker::scripted(ApiKey::Fetch, replies);
    assert_eq!(read(&mut consumer(&broker, 0, 6)), Ok(vec![0, 1, 2, 3, 4, 5]));
}

#[test]
fn a_leader_that_stays_away_is_an_error() {
    let broker = FakeBroker::start(|asked| if asked.key == ApiKey::Fetch { Reply::Close } else { Reply::Usual });
    let error = read(&mut consumer(&broker, 0, 6)).expect_err("gone");
    assert!(matches!(error, ClientError::Lost { .. }), "{error}");
}

#[test]
fn a_disk_that_does_not_give_is_told_and_in_the_end_an_error() {
    let unreadable: fn(&Asked) -> Reply = |asked| fetched(asked, ErrorCode::KafkaStorageError, Vec::new());
    let broker = FakeBroker::scripted(ApiKey::Fetch, [unreadable, unreadable, by_offset, by_offset, by_offset]);
    let mut passing = consumer(&broker, 0, 6);
    assert!(passing.next(None, &mut []).expect("no error yet").is_none(), "the caller may tell of it");
    let told = passing.outage().map(ToString::to_string).unwrap_or_default();
    assert_eq!(told, "reading T/0: the broker can't write or read its disk (KAFKA_STORAGE_ERROR)");
    assert_eq!(read(&mut passing), Ok(vec![0, 1, 2, 3, 4, 5]));
    assert_eq!(passing.outage(), None);

    let broker = FakeBroker::start(|asked| match asked.key {
        ApiKey::Fetch => fetched(asked, ErrorCode::KafkaStorageError, Vec::new()),
        _ => Reply::Usual,
    });
    let error = read(&mut consumer(&broker, 0, 6)).expect_err("it stays so");
    assert_eq!(error.code(), Some(ErrorCode::KafkaStorageError));
}

#[test]
fn an_offset_out_of_range_comes_with_the_range() {
    let broker = FakeBroker::start(|asked| match asked.key {
        ApiKey::Fetch => fetched(asked, ErrorCode::OffsetOutOfRange, Vec::new()),
        ApiKey::ListOffsets => {
            let timestamp = asked.read::<ListOffsetsRequest>().topics[0].partitions[0].timestamp;
            let offset = if timestamp == -2 { 40 } else { 60 };
            let partitions = vec![ListOffsetsPartitionResponse { offset, ..Default::default() }];
            let topics = vec![ListOffsetsTopicResponse { name: "T".to_owned(), partitions }];
            asked.answer::<ListOffsetsRequest>(&ListOffsetsResponse { topics, ..Default::default() })
        }
        _ => Reply::Usual,
    });
    let error = read(&mut consumer(&broker, 5, 50)).expect_err("gone");
    assert_eq!(error.to_string(), "offset 5 of T/0 is out of range: it has 40 to 60");
}

#[test]
fn after_a_seek_what_was_fetched_before_does_not_come() {
    let broker = FakeBroker::start(|asked| if asked.key == ApiKey::Fetch { by_offset(asked) } else { Reply::Usual });
    let mut consumer = consumer(&broker, 0, 6);
    let first = consumer.next(None, &mut []).expect("fetched").expect("a chunk");
    assert_eq!(first.next_offset(), Offset(3));
    // The fetch from 3 on is under way by now.
    consumer.seek(&place(), Offset(5));
    assert_eq!(read(&mut consumer), Ok(vec![5]));
}

#[test]
fn a_wait_ends_in_time() {
    let broker = FakeBroker::start(|asked| if asked.key == ApiKey::Fetch { Reply::Nothing } else { Reply::Usual });
    let mut consumer = consumer(&broker, 0, 6);
    let until = Instant::now() + Duration::from_millis(20);
    assert!(consumer.next(Some(until), &mut []).expect("no error").is_none());
    assert!(Instant::now() >= until && !consumer.is_done());
}

#[test]
fn a_partition_that_is_given_up_brings_nothing_more() {
    // Both partitions have 0 to 5; that of 1 is given up while its fetch is under way, and taken up again further on.
    let broker = FakeBroker::start(|asked| match asked.key {
        ApiKey::Fetch => {
            let request = asked.read::<FetchRequest>();
            let partitions = request.topics[0].partitions.iter().map(|asked| {
                let at = asked.fetch_offset;
                PartitionData {
                    partition_index: asked.partition,
                    high_watermark: 6,
                    last_stable_offset: 6,
                    records: RecordsField::Bytes(if at < 6 { three(at / 3 * 3) } else { Vec::new() }.into()),
                    ..Default::default()
                }
            });
            let topic = FetchableTopicResponse {
                topic: "T".to_owned(),
                partitions: partitions.collect(),
                ..Default::default()
            };
            asked.answer::<FetchRequest>(&FetchResponse { responses: vec![topic], ..Default::default() })
        }
        _ => Reply::Usual,
    });
    let other = TopicPartition { partition: PartitionId(1), ..place() };
    let mut consumer = consumer(&broker, 0, 6);
    consumer.assign(&other, Offset(0), Some(Offset(6)));
    let first = consumer.next(None, &mut []).expect("fetched").expect("a chunk");
    assert_eq!((first.partition(), first.next_offset()), (PartitionId(0), Offset(3)));
    assert_eq!(consumer.stop_of(&other), Some(Offset(6)));
    consumer.unassign(&other);
    assert_eq!(consumer.stop_of(&other), None);
    let mut rest = Vec::new();
    while !consumer.is_done() {
        rest.extend(
            consumer.next(None, &mut []).expect("fetched").map(|chunk| (chunk.partition().0, chunk.next_offset().0)),
        );
    }
    assert_eq!(rest, [(0, 6)]);
    consumer.assign(&other, Offset(3), Some(Offset(6)));
    consumer.fetch_anew();
    let again = consumer.next(None, &mut []).expect("fetched").expect("a chunk");
    assert_eq!((again.partition(), again.next_offset()), (PartitionId(1), Offset(6)));
}
