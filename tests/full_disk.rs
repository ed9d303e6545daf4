//! A disk without room: producers are told so and may try again, and everything that makes room goes on; when there is
//! some, writes are taken again without a restart. On a small tmpfs, which takes root to mount.
#![cfg(target_os = "linux")]

mod common;

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use common::{KafkaConnection, Server, batch, set_topic, until};
use rafka::base::ErrorCode;
use rafka::protocol::kafka::api::create_topics::CreatableTopic;
use rafka::protocol::kafka::api::delete_records::{DeleteRecordsPartition, DeleteRecordsTopic};
use rafka::protocol::kafka::api::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use rafka::protocol::kafka::api::*;
use rafka::record::ProducerStamp;

const ACKS_ALL: i16 = -1;
/// The last version that names topics and not their ids.
const COMMIT_BY_NAME: i16 = 9;
const DISK: &str = "size=16m";
/// The records are of 2023: only a test that asks for it has them deleted for their age.
const FLAGS: [&str; 8] = [
    "-X",
    "log.retention.ms=-1",
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
    /// What brokers on it say.
    log: tempfile::NamedTempFile,
}

impl SmallDisk {
    /// None, with the reason printed, where it can't be had.
    fn mount() -> Option<SmallDisk> {
        let dir = tempfile::tempdir().expect("a directory");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(dir.path()).output();
        match mounted {
            Ok(ran) if ran.status.success() => {
                Some(SmallDisk { dir, log: tempfile::NamedTempFile::new().expect("a file") })
            }
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

    /// Somebody else takes all the room there is, to the last byte, until [`make_room`](Self::make_room).
    fn fill(&self) {
        let mut ballast = File::options().create(true).append(true).open(self.path().join("ballast")).expect("opens");
        for piece in [64 * 1024, 4096, 1] {
            while ballast.write_all(&vec![7; piece]).is_ok() {}
        }
    }

    fn until_room_is_kept_back(&self) {
        for (name, bytes) in [("last-reserve", 256 * 1024), ("reserve", 2 * 1024 * 1024)] {
            let path = self.path().join("data/+rafka").join(name);
            until("room is kept back", || fs::metadata(&path).ok().filter(|facts| facts.len() == bytes));
        }
    }

    /// How many lines of the brokers' log speak of this.
    fn lines_about(&self, what: &str) -> usize {
        let said = fs::read_to_string(self.log.path()).expect("text");
        said.lines().filter(|line| line.contains(what)).count()
    }

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
    let server = start(disk);
    assert_eq!(server.text("CREATE t\nCREATE u\n"), "OK partitions=1\nOK partitions=1\n");
    let mut kafka = KafkaConnection::to(&server);
    for _ in 0..100 {
        assert_eq!(produce(&mut kafka, "t").0, ErrorCode::None);
    }
    assert_eq!(server.text("COMMIT g t 0 1\n"), "OK\n");
    disk.until_room_is_kept_back();
    disk.fill();
    (server, kafka)
}

/// A broker on the disk's data, whose log is kept elsewhere.
fn start(disk: &SmallDisk) -> Server {
    let log = File::options().create(true).append(true).open(disk.log.path()).expect("opens");
    Server::spawn(common::command(&disk.path().join("data"), &FLAGS).stderr(log))
}

/// Commits with as much metadata as may be.
fn commit(kafka: &mut KafkaConnection, group: &str, topic: &str) -> ErrorCode {
    let partition = OffsetCommitRequestPartition {
        partition_index: 0,
        committed_offset: 7,
        committed_leader_epoch: -1,
        committed_metadata: Some("m".repeat(4000)),
    };
    let topic = OffsetCommitRequestTopic { name: topic.to_owned(), partitions: vec![partition], ..Default::default() };
    let request = OffsetCommitRequest {
        group_id: group.to_owned(),
        generation_id_or_member_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    };
    ErrorCode::from_code(kafka.call_in(&request, COMMIT_BY_NAME).topics[0].partitions[0].error_code)
}

fn delete(kafka: &mut KafkaConnection, topic: &str) -> ErrorCode {
    let request = DeleteTopicsRequest { topic_names: vec![topic.to_owned()], ..Default::default() };
    ErrorCode::from_code(kafka.call_in(&request, 5).responses[0].error_code)
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
    assert!(sentence.contains("); deleting topics"), "from the first one on: {sentence}");
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
    assert!(sentence.contains("is full (") && sentence.contains("); deleting topics"), "{sentence}");
    set_topic(&server, "t", "retention.ms", "9000000000000");
    // A trim makes room, and that is all it takes.
    assert_eq!(trim(&mut kafka, "t", 90), ErrorCode::None);
    assert_heals(&mut kafka);
}

#[test]
fn deleting_a_topic_makes_room() {
    let Some(disk) = SmallDisk::mount() else { return };
    let (server, mut kafka) = broker_on_a_full_disk(&disk);
    assert_eq!(delete(&mut kafka, "t"), ErrorCode::None);
    until("the other topic takes records", || (produce(&mut kafka, "u").0 == ErrorCode::None).then_some(()));
    server.kill();
    let server = start(&disk);
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
    let data = disk.path().join("data");
    let remove = |name: &str| fs::remove_file(data.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let kill: &dyn Fn() = &|| {};
    let another_boot: &dyn Fn() = &|| {
        // In place, since there is no room for another.
        let boot = File::options().write(true).open(data.join("+rafka/boot")).expect("opens");
        boot.write_all_at(b"ffff", 0).expect("written");
    };
    let no_indexes: &dyn Fn() = &|| {
        for suffix in ["index", "timeindex"] {
            remove(&format!("t/partition-0/00000000000000000000.{suffix}"));
        }
    };
    let no_checkpoints: &dyn Fn() = &|| {
        let _ = fs::remove_file(data.join("+rafka/checkpoints"));
    };
    let nothing_kept_back: &dyn Fn() = &|| {
        ["reserve", "last-reserve"].iter().for_each(|name| {
            let _ = fs::remove_file(data.join("+rafka").join(name));
        })
    };
    let ends = [
        ("a kill", kill),
        ("another boot", another_boot),
        ("no indexes", no_indexes),
        ("no checkpoints", no_checkpoints),
        ("nothing kept back", nothing_kept_back),
        ("another boot and nothing kept back", another_boot),
    ];
    let (mut server, mut kafka) = (server, kafka);
    for (end, change) in ends {
        server.kill();
        change();
        disk.fill();
        server = start(&disk);
        assert_eq!(server.text("OFFSETS t\n"), before, "{end}: nothing acknowledged is lost");
        assert!(server.text("COMMITTED g t\n").starts_with("OFFSET t 0 committed=1 "), "{end}");
        kafka = KafkaConnection::to(&server);
        assert_eq!(kafka.fetch("t", 42).error_code, 0, "{end}");
        assert_eq!(produce(&mut kafka, "t").0, ErrorCode::KafkaStorageError, "{end}");
    }
    disk.make_room();
    assert_heals(&mut kafka);
    assert_eq!(server.stop(), 0);
}

#[test]
fn commits_can_not_eat_the_room_of_those_who_make_some() {
    let Some(disk) = SmallDisk::mount() else { return };
    let (server, mut kafka) = broker_on_a_full_disk(&disk);
    let refused = (0..2000).map(|n| commit(&mut kafka, &format!("g{n}"), "t")).find(|code| *code != ErrorCode::None);
    let code = refused.expect("two thousand commits do not fit into the reserve");
    assert_eq!(code, ErrorCode::CoordinatorNotAvailable);
    let said = disk.lines_about("can't be kept");
    for n in 0..300 {
        assert!(commit(&mut kafka, &format!("h{n}"), "t").is_retriable());
    }
    assert!(disk.lines_about("can't be kept") <= said + 1, "each failure is said once");
    // What makes room goes on, again and again.
    for round in 0..50 {
        set_topic(&server, "t", "retention.ms", &format!("90000000000{round:02}"));
        assert_eq!(trim(&mut kafka, "u", 0), ErrorCode::None);
    }
    let (code, sentence) = create(&mut kafka, "new");
    assert!(code == ErrorCode::KafkaStorageError && sentence.contains("; deleting topics"), "{code:?}: {sentence}");
    let (code, sentence) = produce(&mut kafka, "u");
    assert!(code == ErrorCode::KafkaStorageError && sentence.contains("; deleting topics"), "{code:?}: {sentence}");
    // A start does, too.
    server.kill();
    let server = start(&disk);
    let mut kafka = KafkaConnection::to(&server);
    set_topic(&server, "t", "retention.ms", "9000000000000");
    assert_eq!(delete(&mut kafka, "t"), ErrorCode::None);
    until("commits go on", || (commit(&mut kafka, "g", "u") == ErrorCode::None).then_some(()));
    until("producers may write again", || (produce(&mut kafka, "u").0 == ErrorCode::None).then_some(()));
    assert_eq!(create(&mut kafka, "new").0, ErrorCode::None);
    assert_eq!(server.stop(), 0);
}

#[test]
fn the_first_commit_of_all_finds_room() {
    let Some(disk) = SmallDisk::mount() else { return };
    let server = start(&disk);
    assert_eq!(server.text("CREATE t\n"), "OK partitions=1\n");
    disk.until_room_is_kept_back();
    disk.fill();
    assert_eq!(commit(&mut KafkaConnection::to(&server), "g", "t"), ErrorCode::None);
}
