//! What a broker knows after it was killed: trims, recreated topics, checkpoints.

mod common;

use common::{KafkaConnection, Server, batch, until};
use rafka::base::ErrorCode;
use rafka::protocol::kafka::api::delete_records::{DeleteRecordsPartition, DeleteRecordsTopic};
use rafka::protocol::kafka::api::*;
use rafka::record::ProducerStamp;

const ACKS_ALL: i16 = -1;

fn produce(kafka: &mut KafkaConnection, topic: &str, values: &[&str]) {
    let answer = kafka.produce(topic, ACKS_ALL, batch(values, ProducerStamp::NONE));
    assert_eq!(ErrorCode::from_code(answer.error_code), ErrorCode::None, "{:?}", answer.error_message);
}

fn trim(kafka: &mut KafkaConnection, topic: &str, offset: i64) -> (ErrorCode, i64) {
    let partition = DeleteRecordsPartition { partition_index: 0, offset };
    let topic = DeleteRecordsTopic { name: topic.to_owned(), partitions: vec![partition] };
    let answer = kafka.call(&DeleteRecordsRequest { topics: vec![topic], ..Default::default() });
    let result = &answer.topics[0].partitions[0];
    (ErrorCode::from_code(result.error_code), result.low_watermark)
}

fn delete(kafka: &mut KafkaConnection, topic: &str) {
    let request = DeleteTopicsRequest { topic_names: vec![topic.to_owned()], ..Default::default() };
    let answer = kafka.call_in(&request, 5);
    assert_eq!(ErrorCode::from_code(answer.responses[0].error_code), ErrorCode::None);
}

#[test]
fn a_topic_made_anew_does_not_inherit_the_old_ones_checkpoint() {
    // The checkpoints named topics without their ids. A topic that was deleted and made again within the interval lost
    // its records to a kill: the start took the old topic's log start for the new one's.
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path(), &["--topic", "t"]);
    let mut kafka = KafkaConnection::to(&server);
    produce(&mut kafka, "t", &["old"; 9]);
    assert_eq!(trim(&mut kafka, "t", 5), (ErrorCode::None, 5));
    delete(&mut kafka, "t");
    assert_eq!(
        server.text("PRODUCE t - new\nPRODUCE t - newer\n"),
        "ACK partition=0 offset=0\nACK partition=0 offset=1\n"
    );
    server.kill();
    let server = Server::start_in(dir.path(), &[]);
    assert_eq!(server.text("OFFSETS t\n"), "PARTITION 0 low=0 high=2 leader=1\nOK count=1\n");
    assert_eq!(server.text("CONSUME t 0 0\n"), "MSG 0 - new\nMSG 1 - newer\nOK count=2 next=2 high=2\n");
}

#[test]
fn many_may_trim_at_once_and_every_trim_outlives_a_kill() {
    // Each trim writes the checkpoints of all partitions, once by way of one temporary file without a lock.
    const TOPICS: [&str; 4] = ["a", "b", "c", "d"];
    const RECORDS: i64 = 40;
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path(), &["-X", "flush.policy=os"]);
    std::thread::scope(|scope| {
        for topic in TOPICS {
            let server = &server;
            scope.spawn(move || {
                assert_eq!(server.text(&format!("CREATE {topic}\n")), "OK partitions=1\n");
                let mut kafka = KafkaConnection::to(server);
                for _ in 0..RECORDS {
                    produce(&mut kafka, topic, &["x"]);
                }
                for before in 1..RECORDS {
                    assert_eq!(trim(&mut kafka, topic, before), (ErrorCode::None, before), "{topic}");
                }
            });
        }
    });
    server.kill();
    let server = Server::start_in(dir.path(), &[]);
    for topic in TOPICS {
        let expected = format!("PARTITION 0 low={} high={RECORDS} leader=1\nOK count=1\n", RECORDS - 1);
        assert_eq!(server.text(&format!("OFFSETS {topic}\n")), expected, "{topic}");
    }
}

#[test]
fn recovery_points_move_while_the_broker_runs() {
    // They once moved at a clean stop only, so that a start after a kill read every log from its beginning.
    let dir = tempfile::tempdir().expect("a directory");
    let flags = ["--topic", "t", "-X", "log.flush.offset.checkpoint.interval.ms=1"];
    let server = Server::start_in(dir.path(), &flags);
    let mut kafka = KafkaConnection::to(&server);
    produce(&mut kafka, "t", &["x"; 7]);
    let state = dir.path().join("t/partition-0/00000000000000000007.producers");
    until("the state at the log's end is on disk", || state.exists().then_some(()));
    until("the checkpoints name it", || {
        let text = std::fs::read_to_string(dir.path().join("+rafka/checkpoints")).unwrap_or_default();
        text.lines().any(|line| line.starts_with("t 0 ") && line.ends_with(" 7 0")).then_some(())
    });
    server.kill();
    let server = Server::start_in(dir.path(), &[]);
    assert_eq!(server.text("OFFSETS t\n"), "PARTITION 0 low=0 high=7 leader=1\nOK count=1\n");
}
