//! Produce requests of one connection that share a flush, on a disk whose syncs end when the test says so.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use tempfile::TempDir;

use super::Broker;
use super::kafka::SHARED_FLUSH_MAX;
use crate::broker::NewTopic;
use crate::config::BrokerConfig;
use crate::log::memory_disk::{MemoryDisk, Operation};
use crate::log::{Disk, testing};
use crate::protocol::kafka::api::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use crate::protocol::kafka::{RecordsField, request_frame};

/// Longer than anything here takes; reached only when something is broken.
const PATIENCE: Duration = Duration::from_secs(20);

const ACKS_ALL: i16 = -1;

/// The last version that names topics and not their ids.
const VERSION: i16 = 12;

/// A client, and the disk that its broker has to wait for.
struct Stage {
    client: TcpStream,
    /// How many batches were written when each sync began.
    syncing: Receiver<usize>,
    may_end: Sender<()>,
    _broker: Broker,
    _dir: TempDir,
}

impl Stage {
    fn set() -> Stage {
        // The lock of a data directory is the machine's own, whatever disk the logs are on.
        let dir = tempfile::tempdir().expect("a directory");
        let data = dir.path().to_owned();
        std::fs::create_dir(data.join("+rafka")).expect("made");
        let name = data.to_str().expect("text");
        let config = BrokerConfig::from_pairs([("log.dirs", name), ("listeners", "PLAINTEXT://127.0.0.1:0")]);
        let topics = [("t".parse().expect("a name"), NewTopic::default())];
        let disk = MemoryDisk::new();
        disk.create_dir(&data).expect("made");
        let as_disk = Arc::new(disk.clone());
        let broker = Broker::start_on(as_disk, config.expect("good settings"), &topics, Box::new(|_| {}));
        let broker = broker.expect("starts");
        let (began, syncing) = channel();
        let (may_end, permits) = channel();
        let mut written = 0;
        disk.watch(move |operation, path| {
            let is_log =
                path.starts_with(data.join("t")) && path.extension().is_some_and(|extension| extension == "log");
            if is_log && operation == Operation::Write {
                written += 1;
            } else if is_log && operation == Operation::SyncData {
                // Once the test is over, nobody listens or says anything any more.
                let _ = began.send(written);
                let _ = permits.recv();
            }
            None
        });
        let client = TcpStream::connect(broker.addresses()[0]).expect("connects");
        client.set_read_timeout(Some(PATIENCE)).expect("set");
        client.set_nodelay(true).expect("set");
        Stage { client, syncing, may_end, _broker: broker, _dir: dir }
    }

    /// In one piece, so that the broker finds all of them there.
    fn send(&mut self, numbers: impl IntoIterator<Item = i32>) {
        self.send_frames(numbers.into_iter().flat_map(|number| request(number, ACKS_ALL)).collect());
    }

    fn send_frames(&mut self, frames: Vec<u8>) {
        self.client.write_all(&frames).expect("sent");
    }

    /// The number of the request that is answered next.
    fn answered(&mut self) -> i32 {
        let mut length = [0; 4];
        self.client.read_exact(&mut length).expect("an answer");
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.client.read_exact(&mut frame).expect("a whole one");
        i32::from_be_bytes(*frame.first_chunk().expect("it begins with the number"))
    }

    /// How many batches were written by then.
    fn sync_begins(&self) -> usize {
        self.syncing.recv_timeout(PATIENCE).expect("the disk is asked")
    }

    fn sync_ends(&self) {
        self.may_end.send(()).expect("the disk listens");
    }
}

fn request(number: i32, acks: i16) -> Vec<u8> {
    let records = RecordsField::Bytes(testing::batch(1, 10, 0).into());
    let partition_data = vec![PartitionProduceData { index: 0, records }];
    let topic = TopicProduceData { name: "t".to_owned(), partition_data, ..Default::default() };
    let request = ProduceRequest { acks, timeout_ms: 60_000, topic_data: vec![topic], ..Default::default() };
    request_frame(&request, VERSION, number, None, Vec::new()).to_bytes().to_vec()
}

#[test]
fn an_answer_that_is_due_waits_for_no_later_flush() {
    let mut stage = Stage::set();
    stage.send([1]);
    stage.sync_begins();
    stage.send(2..=4);
    stage.sync_ends();
    assert_eq!(stage.answered(), 1);

    // One flush for the three; a further one comes meanwhile.
    stage.sync_begins();
    stage.send([5]);
    stage.sync_ends();
    assert_eq!([stage.answered(), stage.answered(), stage.answered()], [2, 3, 4]);

    stage.sync_begins();
    stage.sync_ends();
    assert_eq!(stage.answered(), 5);
    assert!(stage.syncing.try_recv().is_err(), "each request was flushed once");
}

#[test]
fn requests_that_want_no_answer_hold_up_nobodys_flush() {
    let mut stage = Stage::set();
    let silent = (2..=200).flat_map(|number| request(number, 0));
    stage.send_frames(request(1, ACKS_ALL).into_iter().chain(silent).collect());
    let written = stage.sync_begins();
    assert!(written <= 1 + SHARED_FLUSH_MAX, "{written} batches were written before the first one's flush");
    stage.sync_ends();
    assert_eq!(stage.answered(), 1);
}
