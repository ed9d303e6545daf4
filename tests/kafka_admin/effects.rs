//! What a topic's settings do, one after the other, as a client and a look into the directory see it. (Retention and
//! flushes by count and time, which would have to wait, stand beside the housekeeper; `min.insync.replicas` beside
//! Produce.)

use std::path::Path;

use rafka::base::ErrorCode;
use rafka::protocol::kafka::api::produce::PartitionProduceResponse;
use rafka::record::{BatchBuilder, BatchView, Codec, ProducerStamp};

use super::common::{KafkaConnection, Server};
use super::*;

/// A broker with one topic that has these settings, and a connection to it.
struct World {
    kafka: KafkaConnection,
    server: Server,
    dir: tempfile::TempDir,
}

fn with(settings: &[(&str, &str)]) -> World {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path(), &[]);
    let mut kafka = KafkaConnection::to(&server);
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, Some(*value))).collect();
    assert_eq!(create(&mut kafka, new_topic("t", &settings)), ErrorCode::None, "{settings:?}");
    World { kafka, server, dir }
}

impl World {
    /// One record of so many bytes, with that time.
    fn produce(&mut self, timestamp: i64, bytes: usize) -> PartitionProduceResponse {
        let mut builder = BatchBuilder::new(Codec::None);
        let value: Vec<u8> = (0..bytes).map(|n| b"abcdefg"[n * n % 7]).collect();
        builder.append(timestamp, Some(b"k"), Some(&value), &[]);
        self.kafka.produce("t", -1, builder.finish(ProducerStamp::NONE).expect("no codec"))
    }

    fn produce_many(&mut self, count: i64, bytes: usize) {
        for n in 0..count {
            assert_eq!(code(self.produce(now_ms() + n, bytes).error_code), ErrorCode::None);
        }
    }

    fn batch_at(&mut self, offset: i64) -> Vec<u8> {
        match self.kafka.fetch("t", offset).records {
            rafka::protocol::kafka::RecordsField::Bytes(bytes) => bytes.to_vec(),
            other => panic!("{other:?}"),
        }
    }
}

/// Names and sizes of the files of partition 0 that end so.
fn files(dir: &Path, suffix: &str) -> Vec<(String, u64)> {
    let entries = std::fs::read_dir(dir.join("t/partition-0")).expect("a directory");
    let named = entries.map(|entry| {
        let entry = entry.expect("an entry");
        let bytes = entry.metadata().expect("facts").len();
        (entry.file_name().into_string().expect("UTF-8"), bytes)
    });
    named.filter(|(name, _)| name.ends_with(suffix)).collect()
}

fn now_ms() -> i64 {
    rafka::base::Now::wall()
}

#[test]
fn max_message_bytes_bounds_a_batch() {
    let mut world = with(&[("max.message.bytes", "200")]);
    assert_eq!(code(world.produce(now_ms(), 100).error_code), ErrorCode::None);
    assert_eq!(code(world.produce(now_ms(), 200).error_code), ErrorCode::MessageTooLarge);
}

#[test]
fn compression_type_and_level_decide_what_is_stored() {
    let mut sizes = Vec::new();
    for (codec, settings) in [
        (Codec::None, vec![("compression.type", "producer")]),
        (Codec::Gzip, vec![("compression.type", "gzip"), ("compression.gzip.level", "1")]),
        (Codec::Gzip, vec![("compression.type", "gzip"), ("compression.gzip.level", "9")]),
        (Codec::Zstd, vec![("compression.type", "zstd"), ("compression.zstd.level", "-100")]),
        (Codec::Zstd, vec![("compression.type", "zstd"), ("compression.zstd.level", "19")]),
        (Codec::Lz4, vec![("compression.type", "lz4")]),
        (Codec::Snappy, vec![("compression.type", "snappy")]),
    ] {
        let mut world = with(&settings);
        let mut builder = BatchBuilder::new(Codec::None);
        let words = ["alpha", "beta", "gamma", "delta", "epsilon"];
        for n in 0u64..2000 {
            let word = words[(n.wrapping_mul(2_654_435_761) >> 7) as usize % words.len()];
            builder.append(now_ms(), None, Some(format!("{word}{}", n * n % 97).as_bytes()), &[]);
        }
        let answer = world.kafka.produce("t", -1, builder.finish(ProducerStamp::NONE).expect("no codec"));
        assert_eq!(code(answer.error_code), ErrorCode::None);
        let stored = world.batch_at(0);
        let stored = BatchView::parse(&stored).expect("a batch");
        stored.verify_crc().expect("intact");
        assert_eq!(stored.header.codec(), Ok(codec), "{settings:?}");
        sizes.push(stored.bytes.len());
    }
    assert!(sizes[2] < sizes[1], "gzip tries harder at 9 than at 1: {sizes:?}");
    assert!(sizes[4] < sizes[3], "zstd tries harder at 19 than at -100: {sizes:?}");
}

#[test]
fn message_timestamp_type_decides_whose_time_counts() {
    let mut world = with(&[("message.timestamp.type", "LogAppendTime")]);
    let before = now_ms();
    let answer = world.produce(1000, 10);
    assert!(answer.log_append_time_ms >= before, "{answer:?}");
    let stored = world.batch_at(0);
    let header = BatchView::parse(&stored).expect("a batch").header;
    assert!(header.has_log_append_time() && header.max_timestamp >= before);
    let mut world = with(&[("message.timestamp.type", "CreateTime")]);
    assert_eq!(world.produce(1000, 10).log_append_time_ms, -1);
}

#[test]
fn times_far_from_the_brokers_are_refused() {
    let mut world = with(&[("message.timestamp.before.max.ms", "60000"), ("message.timestamp.after.max.ms", "60000")]);
    assert_eq!(code(world.produce(now_ms(), 10).error_code), ErrorCode::None);
    for far in [-120_000, 120_000] {
        assert_eq!(code(world.produce(now_ms() + far, 10).error_code), ErrorCode::InvalidTimestamp, "{far}");
    }
    let mut world = with(&[]);
    assert_eq!(code(world.produce(1000, 10).error_code), ErrorCode::None, "old ones are fine by default");
    let tomorrow = now_ms() + 24 * 3_600_000;
    assert_eq!(code(world.produce(tomorrow, 10).error_code), ErrorCode::InvalidTimestamp, "KIP-1030");
}

#[test]
fn segments_close_by_size_age_and_full_index() {
    let logs = |settings: &[(&str, &str)]| {
        let mut world = with(settings);
        world.produce_many(6, 100);
        files(world.dir.path(), ".log").len()
    };
    assert_eq!(logs(&[]), 1);
    assert_eq!(logs(&[("segment.bytes", "400")]), 3, "two batches of 170 bytes each");
    // Each record is a millisecond younger than the one before, at least.
    let by_age = logs(&[("segment.ms", "2")]);
    assert!(by_age >= 2, "{by_age}");
    // One entry a batch but the first, and room for two, one of which the time index keeps for its end.
    let by_index = logs(&[("index.interval.bytes", "0"), ("segment.index.bytes", "24")]);
    assert!(by_index >= 2, "{by_index}");
}

#[test]
fn index_interval_bytes_decides_how_many_entries_there_are() {
    let entries = |interval: &str| {
        let mut world = with(&[("index.interval.bytes", interval)]);
        world.produce_many(20, 100);
        // An index is written when its segment is closed, and at a clean stop.
        let World { server, dir, .. } = world;
        server.stop();
        files(dir.path(), ".index").iter().map(|(_, bytes)| bytes / 8).sum::<u64>()
    };
    let (dense, sparse) = (entries("100"), entries("1000"));
    assert!(dense >= 15 && sparse <= 5, "{dense} and {sparse}");
}

#[test]
fn a_compacted_topic_refuses_records_without_a_key() {
    let mut world = with(&[("cleanup.policy", "compact")]);
    assert_eq!(code(world.produce(now_ms(), 10).error_code), ErrorCode::None, "with a key");
    let keyless = super::common::batch(&["x"], ProducerStamp::NONE);
    assert_eq!(code(world.kafka.produce("t", -1, keyless).error_code), ErrorCode::InvalidRecord);
}
