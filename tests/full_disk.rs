//! A disk without room: producers are told so and may try again, and everything that makes room goes on; when there is
//! some, writes are taken again without a restart. On a small tmpfs, which takes root to mount.
#![cfg(target_os = "linux")]

mod common;

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use common::{KafkaConnection, Server, batch, set_topic, until};
use rafka::base::ErrorCode;
use rafka::protocol::kafka::api::create_topics::CreatableTopic;
use rafka::protocol::kafka::api::delete_records::{DeleteRecordsPartition, DeleteRecordsTopic};
use rafka::protocol::kafka::api::*;
use rafka::record::ProducerStamp;

const ACKS_ALL: i16 = -1;
const DISK: &str = "size=16m";
const FLAGS: [&str; 6] = [
    "-X",
    "log.segment.bytes=1000000",
    "-X",
    "log.retention.check.interval.ms=100",
    "-X",
    "offsets.topic.num.partitions=1",
];

/// A file system of 16 MiB, gone with its test.
struct SmallDisk {
    dir: tempfile::TempDir,
}

impl SmallDisk {
    /// None, with the reason printed, where it can't be had.
    fn mount() -> Option<SmallDisk> {
        let dir = tempfile::tempdir().expect("a directory");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(dir.path()).output();
        match mounted {
            Ok(ran) if ran.status.success() => Some(SmallDisk { dir }),
            Ok(ran) => {
                println!("skipped: no tmpfs can be mounted here: {}", String::from_utf8_lossy(&ran.stderr).trim());
                None
            }
            Err(e) => {
                println!("skipped: mount can't be run: {e}");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Somebody else takes all the room there is, to the last byte.
    fn fill(&self) {
        let mut ballast = File::options().create(true).append(true).open(self.path().join("ballast")).expect("opens");
        for piece in [64 * 1024, 4096, 1] {
            while ballast.write_all(&vec![7; piece]).is_ok() {}
        }
    }

    /// ... and lets go of it.
    fn make_room(&self) {
        fs::remove_file(self.path().join("ballast")).expect("it is there");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

fn produce(kafka: &mut KafkaConnection, topic: &str) -> (ErrorCode, String) {
    let value = "x".repeat(30_000);
    let answer = kafka.produce(topic, ACKS_ALL, batch(&[&value], ProducerStamp::NONE));
    (ErrorCode::from_code(answer.error_code), answer.error_message.unwrap_or_default())
}

fn trim(kafka: &mut KafkaConnection, topic: &str, offset: i64) -> ErrorCode {
    let partition = DeleteRecordsPartition { partition_index: 0, offset };
    let topic = DeleteRecordsTopic { name: topic.to_owned(), partitions: vec![partition] };
    let answer = kafka.call(&DeleteRecordsRequest { topics: vec![topic], ..Default::default() });
    ErrorCode::from_code(answer.topics[0].partitions[0].error_code)
}

fn create(kafka: &mut KafkaConnection, topic: &str) -> (ErrorCode, String) {
    let topic =
        CreatableTopic { name: topic.to_owned(), num_partitions: 1, replication_factor: 1, ..Default::default() };
    let answer = kafka.call(&CreateTopicsRequest { topics: vec![topic], timeout_ms: 1000, ..Default::default() });
    (ErrorCode::from_code(answer.topics[0].error_code), answer.topics[0].error_message.clone().unwrap_or_default())
}

/// A broker with two topics, `t` with a few records, and a group that has committed, on a disk that is full.
fn broker_on_a_full_disk(disk: &SmallDisk) -> (Server, KafkaConnection) {
    let server = Server::start_in(&disk.path().join("data"), &FLAGS);
    assert_eq!(server.text("CREATE t\nCREATE u\n"), "OK partitions=1\nOK partitions=1\n");
    let mut kafka = KafkaConnection::to(&server);
    for _ in 0..100 {
        assert_eq!(produce(&mut kafka, "t").0, ErrorCode::None);
    }
    assert_eq!(server.text("COMMIT g t 0 1\n"), "OK\n");
    let reserve = disk.path().join("data/+rafka/reserve");
    until("room is kept back", || fs::metadata(&reserve).ok().filter(|facts| facts.len() == 2 * 1024 * 1024));
    disk.fill();
    (server, kafka)
}

/// Writes are refused now, and taken later.
fn assert_heals(kafka: &mut KafkaConnection) {
    until("producers may write again", || (produce(kafka, "t").0 == ErrorCode::None).then_some(()));
}

#[test]
fn on_a_full_disk_producers_wait_and_all_else_goes_on() {
    let Some(disk) = SmallDisk::mount() else { return };
    let (server, mut kafka) = broker_on_a_full_disk(&disk);
    let (code, sentence) = until("the last free page is used", || {
        Some(produce(&mut kafka, "t")).filter(|(code, _)| *code != ErrorCode::None)
    });
    assert_eq!(code, ErrorCode::KafkaStorageError, "{sentence}");
    assert!(code.is_retriable() && sentence.contains("No space left on device"), "{sentence}");
    let text = server.text("PRODUCE t - x\n");
    assert!(text.starts_with("ERR KAFKA_STORAGE_ERROR "), "{text}");
    // A decision may still fit behind the last one. What does not is refused with a sentence, and changes nothing.
    let refusal = (0..100).map(|n| create(&mut kafka, &format!("new{n}"))).find(|(code, _)| *code != ErrorCode::None);
    let (code, sentence) = refusal.expect("a hundred topics do not fit into a page");
    assert!(code == ErrorCode::KafkaStorageError && !sentence.is_empty(), "{code:?}: {sentence}");

    // Readers do not notice.
    assert_eq!(kafka.fetch("t", 42).error_code, 0);
    assert!(server.text("OFFSETS t\n").starts_with("PARTITION 0 low=0 high="));
    // Readers commit, at the price of the reserve; then producers are told what would help.
    for offset in 2..50 {
        assert_eq!(server.text(&format!("COMMIT g t 0 {offset}\n")), "OK\n");
    }
    assert!(server.text("COMMITTED g t\n").starts_with("OFFSET t 0 committed=49 "));
    let (code, sentence) = produce(&mut kafka, "t");
    assert_eq!(code, ErrorCode::KafkaStorageError);
    assert!(sentence.contains("is full; deleting topics"), "{sentence}");
    set_topic(&server, "t", "retention.ms", "86400000");
    // A trim makes room, and that is all it takes.
    assert_eq!(trim(&mut kafka, "t", 90), ErrorCode::None);
    assert_heals(&mut kafka);
}

#[test]
fn deleting_a_topic_makes_room() {
    let Some(disk) = SmallDisk::mount() else { return };
    let (server, mut kafka) = broker_on_a_full_disk(&disk);
    let request = DeleteTopicsRequest { topic_names: vec!["t".to_owned()], ..Default::default() };
    let answer = kafka.call_in(&request, 5);
    assert_eq!(ErrorCode::from_code(answer.responses[0].error_code), ErrorCode::None);
    until("the other topic takes records", || (produce(&mut kafka, "u").0 == ErrorCode::None).then_some(()));
    server.kill();
    let server = Server::start_in(&disk.path().join("data"), &FLAGS);
    assert!(!server.text("TOPICS\n").contains("TOPIC t "), "what was deleted stays deleted");
}

#[test]
fn retention_makes_room() {
    let Some(disk) = SmallDisk::mount() else { return };
    let (server, mut kafka) = broker_on_a_full_disk(&disk);
    set_topic(&server, "t", "retention.bytes", "1000000");
    assert_heals(&mut kafka);
}

#[test]
fn a_broker_starts_on_a_full_disk_and_heals_when_there_is_room() {
    let Some(disk) = SmallDisk::mount() else { return };
    let (server, mut kafka) = broker_on_a_full_disk(&disk);
    until("it is really full", || (produce(&mut kafka, "t").0 != ErrorCode::None).then_some(()));
    let before = server.text("OFFSETS t\n");
    server.kill();
    let server = Server::start_in(&disk.path().join("data"), &FLAGS);
    assert_eq!(server.text("OFFSETS t\n"), before, "nothing acknowledged is lost");
    assert!(server.text("COMMITTED g t\n").starts_with("OFFSET t 0 committed=1 "));
    let mut kafka = KafkaConnection::to(&server);
    assert_eq!(produce(&mut kafka, "t").0, ErrorCode::KafkaStorageError);
    disk.make_room();
    assert_heals(&mut kafka);
    assert_eq!(server.stop(), 0);
}
