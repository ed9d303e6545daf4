//! The settings of a topic: every one of Kafka 4.3, and `flush.policy`. Names, types, ranges and defaults are Kafka's
//! (its classes LogConfig and ServerTopicConfigSynonyms); where one differs, its doc says why.

use super::kind::{Kind, int, int_from, int_or, long, long_from};
use super::setting::{Setting, Synonym};

const TIERED: &str = "there is no tiered storage";
const REPLICATION: &str = "there is one replica";

/// The codecs a topic may ask for, beside "producer" and "uncompressed".
pub(super) const TOPIC_CODECS: [&str; 6] = ["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"];

pub(super) fn rows() -> Vec<Setting> {
    let mut rows = segments();
    rows.extend(retention());
    rows.extend(records());
    rows.extend(durability());
    rows.extend(elsewhere());
    rows
}

fn segments() -> Vec<Setting> {
    vec![
        Setting::new(
            "segment.bytes",
            int_from(14),
            "1073741824",
            "The size in bytes at which a segment is closed and a new one begun. The least is 14, as in Kafka before 4.1 \
             (since then 1 MiB), so that tests can roll often.",
        )
        .from(&[Synonym::same("log.segment.bytes")]),
        Setting::new(
            "segment.ms",
            long_from(1),
            "604800000",
            "The age in milliseconds at which a segment is closed even if it is not full, so that retention can reach it.",
        )
        .from(&[Synonym::unset("log.roll.ms"), Synonym::hours("log.roll.hours", int_from(1), "168")]),
        Setting::new(
            "segment.jitter.ms",
            long_from(0),
            "0",
            "Up to so many milliseconds, chosen at random, are taken off segment.ms, so that partitions do not roll together.",
        )
        .from(&[Synonym::unset("log.roll.jitter.ms"), Synonym::hours("log.roll.jitter.hours", int_from(0), "0")]),
        Setting::new(
            "segment.index.bytes",
            int_from(4),
            "10485760",
            "The size in bytes at which an index is full, which closes its segment. Index files grow as they are written; \
             nothing is preallocated.",
        )
        .from(&[Synonym::same("log.index.size.max.bytes")]),
        Setting::new(
            "index.interval.bytes",
            int_from(0),
            "4096",
            "About how many bytes of records lie between two index entries. Fewer make reads start closer to their \
             offset, and the index larger.",
        )
        .from(&[Synonym::same("log.index.interval.bytes")]),
        Setting::new("preallocate", Kind::Boolean, "false", "Whether a new segment gets its whole size on disk at once.")
            .from(&[Synonym::same("log.preallocate")])
            .stored("segments grow as they are written"),
        Setting::new(
            "file.delete.delay.ms",
            long_from(0),
            "60000",
            "How long, in milliseconds, files of a removed segment stay on disk.",
        )
        .from(&[Synonym::same("log.segment.delete.delay.ms")])
        .stored("a file leaves at once, and whoever still reads it keeps it open"),
    ]
}

fn retention() -> Vec<Setting> {
    vec![
        Setting::new(
            "cleanup.policy",
            Kind::Words(&["compact", "delete"]),
            "delete",
            "What becomes of old records: delete removes segments past retention.ms or retention.bytes; compact keeps the \
             last value of each key, and refuses records without one. Both together do both; an empty list keeps all.",
        )
        .from(&[Synonym::same("log.cleanup.policy")]),
        Setting::new(
            "retention.ms",
            long_from(-1),
            "604800000",
            "How long, in milliseconds, records are kept at least, under cleanup.policy=delete. -1 keeps them for ever. \
             Whole segments go, so a record may stay longer.",
        )
        .from(&[
            Synonym::unset("log.retention.ms"),
            Synonym::minutes("log.retention.minutes", int_from(-1)),
            Synonym::hours("log.retention.hours", int_from(-1), "168"),
        ]),
        Setting::new(
            "retention.bytes",
            long(i64::MIN, i64::MAX),
            "-1",
            "How many bytes of a partition are kept at least, under cleanup.policy=delete. A negative number sets no limit. \
             It counts for each partition, not for the topic.",
        )
        .from(&[Synonym::same("log.retention.bytes")]),
        Setting::new(
            "delete.retention.ms",
            long_from(0),
            "86400000",
            "How long, in milliseconds, a compacted topic keeps a tombstone, so that readers learn of it. The time runs from \
             the first compaction that meets it (KIP-534).",
        )
        .from(&[Synonym::same("log.cleaner.delete.retention.ms")]),
        Setting::new(
            "min.compaction.lag.ms",
            long_from(0),
            "0",
            "How long, in milliseconds, a record stays uncompacted at least. Not above max.compaction.lag.ms.",
        )
        .from(&[Synonym::same("log.cleaner.min.compaction.lag.ms")]),
        Setting::new(
            "max.compaction.lag.ms",
            long_from(1),
            "9223372036854775807",
            "After how many milliseconds a record is compacted, however little there is to gain. A segment is closed at that \
             age, too, since one that is still open is not compacted.",
        )
        .from(&[Synonym::same("log.cleaner.max.compaction.lag.ms")]),
        Setting::new(
            "min.cleanable.dirty.ratio",
            Kind::Double { min: 0.0, max: 1.0 },
            "0.5",
            "Which part of a log's closed segments (0 to 1) must be uncompacted before compaction begins.",
        )
        .from(&[Synonym::same("log.cleaner.min.cleanable.ratio")]),
    ]
}

fn records() -> Vec<Setting> {
    vec![
        Setting::new(
            "max.message.bytes",
            int_from(0),
            "1048588",
            "The largest record batch that is accepted, in bytes as sent (compressed, where it is). The default is 1 MiB and \
             a batch's 12 bytes of offset and length.",
        )
        .from(&[Synonym::same("message.max.bytes")]),
        Setting::new(
            "compression.type",
            Kind::Word(&TOPIC_CODECS),
            "producer",
            "The codec in which batches are stored. producer keeps each as it was sent; another codec, or uncompressed, \
             makes the broker rewrite batches that came differently.",
        )
        .from(&[Synonym::same("compression.type")]),
        Setting::new(
            "compression.gzip.level",
            int_or(1, 9, -1),
            "-1",
            "How hard gzip tries where compression.type=gzip: 1 is fast, 9 is small, -1 leaves it to gzip.",
        )
        .from(&[Synonym::same("compression.gzip.level")]),
        Setting::new(
            "compression.lz4.level",
            int(1, 17),
            "9",
            "How hard lz4 tries where compression.type=lz4.",
        )
        .from(&[Synonym::same("compression.lz4.level")])
        .stored("our lz4 has one level, its fastest"),
        Setting::new(
            "compression.zstd.level",
            int(-131_072, 22),
            "3",
            "How hard zstd tries where compression.type=zstd: low is fast, 22 is small.",
        )
        .from(&[Synonym::same("compression.zstd.level")]),
        Setting::new(
            "message.timestamp.type",
            Kind::Word(&["CreateTime", "LogAppendTime"]),
            "CreateTime",
            "Whose time a record carries: its producer's, or the broker's at the append.",
        )
        .from(&[Synonym::same("log.message.timestamp.type")]),
        Setting::new(
            "message.timestamp.before.max.ms",
            long_from(0),
            "9223372036854775807",
            "How many milliseconds a record's time may lie before the broker's; an older one is refused. Only under \
             message.timestamp.type=CreateTime.",
        )
        .from(&[Synonym::same("log.message.timestamp.before.max.ms")]),
        Setting::new(
            "message.timestamp.after.max.ms",
            long_from(0),
            "3600000",
            "How many milliseconds a record's time may lie after the broker's; a later one is refused, for it would hold \
             back retention (one hour since Kafka 4.0, KIP-1030). Only under message.timestamp.type=CreateTime.",
        )
        .from(&[Synonym::same("log.message.timestamp.after.max.ms")]),
    ]
}

fn durability() -> Vec<Setting> {
    vec![
        Setting::new(
            "flush.policy",
            Kind::Word(&["fsync", "os"]),
            "fsync",
            "When a record counts as safe. fsync: once it is on the disk, so that what was acknowledged with acks=all \
             outlives a power cut; waiting producers share one fsync. os: once it is written, and the operating system \
             flushes when it likes, which is what Kafka does, who relies on replicas; on one broker a power cut then \
             loses acknowledged records. Not a setting of Kafka.",
        )
        .from(&[Synonym::same("flush.policy")]),
        Setting::new(
            "flush.messages",
            long_from(1),
            "9223372036854775807",
            "After how many records the log is flushed to disk. It can only strengthen flush.policy=os: under fsync, all is \
             flushed anyway.",
        )
        .from(&[Synonym::same("log.flush.interval.messages")]),
        Setting::new(
            "flush.ms",
            long_from(0),
            "9223372036854775807",
            "After how many milliseconds written records are flushed to disk. It can only strengthen flush.policy=os: under \
             fsync, all is flushed anyway.",
        )
        .from(&[
            Synonym::unset("log.flush.interval.ms"),
            Synonym { kind: Some(long_from(0)), ..Synonym::same("log.flush.scheduler.interval.ms") },
        ]),
        Setting::new(
            "min.insync.replicas",
            int_from(1),
            "1",
            "How many replicas must be in sync for a produce with acks=all. There is one, so 2 refuses every such produce \
             (NOT_ENOUGH_REPLICAS).",
        )
        .from(&[Synonym::same("min.insync.replicas")]),
        Setting::new(
            "unclean.leader.election.enable",
            Kind::Boolean,
            "false",
            "Whether a replica that is not in sync may lead when no other is left, at the price of records.",
        )
        .from(&[Synonym::same("unclean.leader.election.enable")])
        .stored(REPLICATION),
    ]
}

/// What Kafka needs for tiers and replicas.
fn elsewhere() -> Vec<Setting> {
    vec![
        Setting::new(
            "leader.replication.throttled.replicas",
            Kind::Replicas,
            "",
            "Replicas whose leader sends slowly.",
        )
        .stored(REPLICATION),
        Setting::new(
            "follower.replication.throttled.replicas",
            Kind::Replicas,
            "",
            "Replicas that fetch from their leader slowly.",
        )
        .stored(REPLICATION),
        Setting::new(
            "local.retention.ms",
            long_from(-2),
            "-2",
            "How long, in milliseconds, tiered records stay on this disk; -2 means retention.ms.",
        )
        .from(&[Synonym::same("log.local.retention.ms")])
        .stored(TIERED),
        Setting::new(
            "local.retention.bytes",
            long_from(-2),
            "-2",
            "How many bytes of a tiered partition stay on this disk; -2 means retention.bytes.",
        )
        .from(&[Synonym::same("log.local.retention.bytes")])
        .stored(TIERED),
        Setting::new("remote.storage.enable", Kind::Boolean, "false", "Whether old segments move to remote storage.")
            .stored(TIERED),
        Setting::new(
            "remote.log.copy.disable",
            Kind::Boolean,
            "false",
            "Whether a tiered topic stops moving segments.",
        )
        .stored(TIERED),
        Setting::new(
            "remote.log.delete.on.disable",
            Kind::Boolean,
            "false",
            "Whether remote segments go when a topic stops being tiered.",
        )
        .stored(TIERED),
    ]
}
