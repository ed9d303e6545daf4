//! The producer beside a broker that refuses, closes and keeps silent.

use std::time::Duration;

use super::{Acks, NewRecord, Producer, ProducerConfig, TopicHandle};
use crate::base::{ErrorCode, PartitionId, TopicName};
use crate::client::fake_broker::{Asked, FakeBroker, Reply};
use crate::client::{ClientConfig, ClientError, Cluster};
use crate::protocol::kafka::api::produce::{
    PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse,
};
use crate::protocol::kafka::{ApiKey, RecordsField};
use crate::record::BatchView;

/// Answers each partition of a Produce with this code.
fn produced(asked: &Asked, code: ErrorCode) -> Reply {
    let request: ProduceRequest = asked.read();
    let responses = request.topic_data.iter().map(|topic| TopicProduceResponse {
        name: topic.name.clone(),
        partition_responses: topic
            .partition_data
            .iter()
            .map(|p| PartitionProduceResponse { index: p.index, error_code: code.code(), ..Default::default() })
            .collect(),
        ..Default::default()
    });
    asked.answer::<ProduceRequest>(&ProduceResponse { responses: responses.collect(), ..Default::default() })
}

fn ok(asked: &Asked) -> Reply {
    produced(asked, ErrorCode::None)
}

fn refuse(asked: &Asked) -> Reply {
    produced(asked, ErrorCode::InvalidRecord)
}

fn moved(asked: &Asked) -> Reply {
    produced(asked, ErrorCode::NotLeaderOrFollower)
}

fn disk_full(asked: &Asked) -> Reply {
    produced(asked, ErrorCode::KafkaStorageError)
}

fn close(_: &Asked) -> Reply {
    Reply::Close
}

fn answer_and_close(asked: &Asked) -> Reply {
    match ok(asked) {
        Reply::Bytes(bytes) => Reply::Last(bytes),
        other => other,
    }
}

/// A broker that answers so to the first requests, and well to the rest.
fn broker(first: &'static [fn(&Asked) -> Reply]) -> FakeBroker {
    FakeBroker::scripted(
        ApiKey::Produce,
        first.iter().copied().chain(std::iter::repeat_n(ok as fn(&Asked) -> Reply, 100)),
    )
}

fn producer(broker: &FakeBroker, config: ProducerConfig) -> (Producer, TopicHandle) {
    let client = ClientConfig { retry_backoff: Duration::from_millis(1), ..broker.config() };
    let cluster = Cluster::connect(client).expect("connects");
    let mut producer = Producer::new(cluster, config).expect("starts");
    let topic = producer.open(&TopicName::new("T").expect("a name"), false).expect("it is there");
    (producer, topic)
}

/// Each record is a batch of its own.
fn one_by_one() -> ProducerConfig {
    ProducerConfig { batch_bytes: 1, delivery_timeout: Duration::from_secs(30), ..ProducerConfig::default() }
}

fn send(producer: &mut Producer, topic: TopicHandle, tags: std::ops::Range<u64>) {
    for tag in tags {
        let value = tag.to_string();
        let record = NewRecord { timestamp: 0, key: None, value: Some(value.as_bytes()), headers: &[], tag };
        producer.send(topic, PartitionId(0), &record).expect("taken");
    }
}

/// Sequence and producer of each batch that came, in order.
fn stamps(broker: &FakeBroker) -> Vec<(i64, i32)> {
    let requests = broker.asked::<ProduceRequest>();
    let records = requests.iter().flat_map(|r| &r.topic_data).flat_map(|t| &t.partition_data).map(|p| &p.records);
    records
        .map(|records| {
            let RecordsField::Bytes(bytes) = records else { panic!("batches come as bytes") };
            let batch = BatchView::parse(bytes).expect("a batch");
            batch.verify_crc().expect("a good CRC");
            (batch.header.producer_id, batch.header.base_sequence)
        })
        .collect()
}

#[test]
fn a_batch_whose_answer_was_lost_is_sent_again_as_the_same_one() {
    let broker = broker(&[ok, close]);
    let (mut producer, topic) = producer(&broker, one_by_one());
    send(&mut producer, topic, 1..2);
    producer.flush().expect("delivered");
    send(&mut producer, topic, 2..3);
    producer.flush().expect("delivered");
    assert_eq!(stamps(&broker), [(7, 0), (7, 1), (7, 1)]);
    assert_eq!((producer.delivered(), producer.take_failure()), (2, None));
    assert_eq!(producer.outage(), None, "it is over");
}

#[test]
fn a_connection_that_is_closed_after_an_answer_loses_nothing() {
    let broker = broker(&[answer_and_close, ok, answer_and_close]);
    let (mut producer, topic) = producer(&broker, one_by_one());
    for tag in 1..5 {
        send(&mut producer, topic, tag..tag + 1);
        producer.flush().expect("delivered");
        if tag == 3 {
            // Whoever waits meanwhile hears of the end, and does not wait for it again.
            while producer.links.values().any(|link| link.is_connected()) {
                producer.work(None, &mut []).expect("works");
            }
        }
    }
    assert_eq!((producer.delivered(), producer.take_failure()), (4, None));
    assert_eq!(stamps(&broker), [(7, 0), (7, 1), (7, 2), (7, 3)], "none came twice");
}

#[test]
fn a_leader_that_moved_delays_and_loses_nothing() {
    let broker = broker(&[moved, moved]);
    let (mut producer, topic) = producer(&broker, one_by_one());
    send(&mut producer, topic, 1..2);
    producer.flush().expect("delivered");
    assert_eq!(stamps(&broker), [(7, 0), (7, 0), (7, 0)]);
    assert_eq!(producer.delivered(), 1);
}

#[test]
fn trouble_is_told_once_a_spell_and_not_once_a_try() {
    let broker = broker(&[disk_full, disk_full, close, ok, ok, disk_full]);
    let (mut producer, topic) = producer(&broker, one_by_one());
    for (tags, outages) in [(1..2, 1), (2..3, 1), (3..4, 2)] {
        send(&mut producer, topic, tags);
        producer.flush().expect("delivered");
        assert_eq!((producer.outages(), producer.outage()), (outages, None));
    }
    assert_eq!(producer.delivered(), 3);
}

#[test]
fn trouble_is_told_while_the_buffer_is_full() {
    let broker = FakeBroker::start(|asked| if asked.key == ApiKey::Produce { disk_full(asked) } else { Reply::Usual });
    let config = ProducerConfig { buffer_bytes: 1, delivery_timeout: Duration::from_millis(100), ..one_by_one() };
    let (mut producer, topic) = producer(&broker, config);
    send(&mut producer, topic, 1..3);
    assert_eq!(producer.outages(), 1);
    assert!(producer.has_failures(), "it waited until the time was over");
}

#[test]
fn what_the_broker_refuses_is_told_with_its_number() {
    let broker = broker(&[refuse]);
    let (mut producer, topic) = producer(&broker, one_by_one());
    send(&mut producer, topic, 5..6);
    producer.flush().expect("it has come to an end");
    let failure = producer.take_failure().expect("one");
    assert_eq!((failure.culprit, failure.is_uncertain), (Some(5), false));
    assert_eq!(failure.error.code(), Some(ErrorCode::InvalidRecord));
    assert_eq!((producer.delivered(), producer.first_undelivered()), (0, None));
    // The next one goes on: nothing of the refused sequence was stored.
    send(&mut producer, topic, 6..7);
    producer.flush().expect("delivered");
    assert_eq!(producer.delivered(), 1);
    assert_eq!(stamps(&broker), [(7, 0), (7, 0)]);
}

#[test]
fn answers_that_make_no_sense_are_no_answers() {
    let cut = |_: &Asked| Reply::Bytes(vec![0, 0, 0, 6, 0, 0, 0, 2, 0, 0xff]);
    let empty = |asked: &Asked| asked.answer::<ProduceRequest>(&ProduceResponse::default());
    let replies: [fn(&Asked) -> Reply; 3] = [cut, empty, ok];
    let broker = FakeBroker::scripted(ApiKey::Produce, replies);
    let (mut producer, topic) = producer(&broker, one_by_one());
    send(&mut producer, topic, 1..2);
    producer.flush().expect("delivered in the end");
    assert_eq!((producer.delivered(), stamps(&broker).len()), (1, 3));
}

#[test]
fn a_broker_that_keeps_silent_fails_the_delivery_in_time() {
    let broker = FakeBroker::start(|asked| if asked.key == ApiKey::Produce { Reply::Nothing } else { Reply::Usual });
    let client = ClientConfig { request_timeout: Duration::from_millis(50), ..broker.config() };
    let cluster = Cluster::connect(client).expect("connects");
    let config = ProducerConfig { delivery_timeout: Duration::from_millis(120), ..one_by_one() };
    let mut producer = Producer::new(cluster, config).expect("starts");
    let topic = producer.open(&TopicName::new("T").expect("a name"), false).expect("it is there");
    send(&mut producer, topic, 1..2);
    assert_eq!(producer.first_undelivered(), Some(1));
    producer.flush().expect("it has come to an end");
    let failure = producer.take_failure().expect("one");
    assert!(failure.is_uncertain && matches!(failure.error, ClientError::TimedOut { .. }), "{failure:?}");
}

#[test]
fn without_acks_nothing_is_waited_for() {
    let broker = FakeBroker::start(|asked| if asked.key == ApiKey::Produce { Reply::Nothing } else { Reply::Usual });
    let (mut producer, topic) = producer(&broker, ProducerConfig { acks: Acks::None, reports: true, ..one_by_one() });
    send(&mut producer, topic, 1..4);
    producer.flush().expect("sent");
    assert_eq!(producer.delivered(), 3);
    let delivery = producer.take_delivery().expect("the first batch");
    assert_eq!((delivery.base_offset, delivery.tags.first()), (None, Some(1)));
    // It arrives, though nobody says so.
    while broker.asked::<ProduceRequest>().len() < 3 {
        std::thread::yield_now();
    }
    assert_eq!(stamps(&broker), [(-1, -1); 3], "acks=0 is not idempotent");
}

#[test]
fn while_one_is_under_way_the_others_gather() {
    let broker = broker(&[]);
    let config = ProducerConfig { idempotent: false, ..ProducerConfig::default() };
    let (mut producer, topic) = producer(&broker, config);
    // The first goes out alone; the next hundred find it under way.
    for tag in 1..=101 {
        send(&mut producer, topic, tag..tag + 1);
        producer.push();
        if tag == 1 {
            producer.work(Some(std::time::Instant::now()), &mut []).expect("sent");
        }
    }
    while producer.delivered() < 101 {
        producer.work(None, &mut []).expect("works");
    }
    assert_eq!(broker.asked::<ProduceRequest>().len(), 2);
}
