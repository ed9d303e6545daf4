//! A topic's settings as the log and the handlers read them: what the topic sets itself over the broker's defaults.

use super::broker_config::BrokerConfig;
use super::overrides::TopicOverrides;
use super::setting::{Setting, Table};
use super::settings::Reader;

/// When a record counts as safe (`flush.policy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlushPolicy {
    Fsync,
    Os,
}

/// Whose time a record carries (`message.timestamp.type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    CreateTime,
    LogAppendTime,
}

/// A codec, with how hard it shall try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    /// `None` leaves the level to gzip.
    Gzip {
        level: Option<i32>,
    },
    Snappy,
    Lz4,
    Zstd {
        level: i32,
    },
}

impl Compression {
    /// The codec's name, as Kafka's clients and our record room have it.
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip { .. } => "gzip",
            Compression::Snappy => "snappy",
            Compression::Lz4 => "lz4",
            Compression::Zstd { .. } => "zstd",
        }
    }

    /// `compression.type` with its levels; `None` for "producer".
    pub(super) fn read(r: &Reader<'_>) -> Option<Compression> {
        Some(match r.text("compression.type").as_str() {
            "gzip" => {
                let level = r.int("compression.gzip.level");
                Compression::Gzip { level: (level != -1).then_some(level) }
            }
            "snappy" => Compression::Snappy,
            "lz4" => Compression::Lz4,
            "zstd" => Compression::Zstd { level: r.int("compression.zstd.level") },
            "producer" => return None,
            _ => Compression::None,
        })
    }
}

/// The settings of one topic that have an effect here. Times are milliseconds, sizes bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicConfig {
    pub segment_bytes: u64,
    pub segment_ms: i64,
    pub segment_jitter_ms: i64,
    pub segment_index_bytes: u64,
    pub index_interval_bytes: u32,
    /// `cleanup.policy` contains "delete".
    pub cleanup_delete: bool,
    /// `cleanup.policy` contains "compact".
    pub cleanup_compact: bool,
    pub min_cleanable_ratio: f64,
    pub min_compaction_lag_ms: i64,
    /// `i64::MAX` is never.
    pub max_compaction_lag_ms: i64,
    pub delete_retention_ms: i64,
    /// -1 keeps records for ever.
    pub retention_ms: i64,
    /// -1 keeps as much as there is.
    pub retention_bytes: i64,
    pub max_message_bytes: usize,
    /// `None` stores batches as they were sent.
    pub compression: Option<Compression>,
    pub timestamp_type: TimestampType,
    pub timestamp_before_max_ms: i64,
    pub timestamp_after_max_ms: i64,
    pub flush_policy: FlushPolicy,
    /// `None`: records alone force no flush.
    pub flush_messages: Option<i64>,
    /// `None`: time alone forces no flush.
    pub flush_ms: Option<i64>,
    pub min_insync_replicas: i32,
}

impl TopicConfig {
    /// What holds for a topic with these overrides on this broker.
    pub fn resolve(overrides: &TopicOverrides, broker: &BrokerConfig) -> TopicConfig {
        TopicConfig::read(&Reader {
            table: Table::topic(),
            value: Box::new(move |row| match overrides.get(row.name) {
                Some(value) => Some(value.to_owned()),
                None => broker.value_for_topic(row.name),
            }),
        })
    }

    /// What holds for topics that set nothing, while the broker's values are still being put together.
    pub(super) fn defaults(broker: &Reader<'_>) -> TopicConfig {
        TopicConfig::read(&Reader {
            table: Table::topic(),
            value: Box::new(|row| default_from_broker(row, |name| broker.optional(name))),
        })
    }

    fn read(r: &Reader<'_>) -> TopicConfig {
        let policy = r.list("cleanup.policy");
        // The largest long is how Kafka says "never".
        let unless_never = |value: i64| (value != i64::MAX).then_some(value);
        TopicConfig {
            segment_bytes: r.size("segment.bytes") as u64,
            segment_ms: r.long("segment.ms"),
            segment_jitter_ms: r.long("segment.jitter.ms"),
            segment_index_bytes: r.size("segment.index.bytes") as u64,
            index_interval_bytes: r.size("index.interval.bytes") as u32,
            cleanup_delete: policy.iter().any(|p| p == "delete"),
            cleanup_compact: policy.iter().any(|p| p == "compact"),
            min_cleanable_ratio: r.double("min.cleanable.dirty.ratio"),
            min_compaction_lag_ms: r.long("min.compaction.lag.ms"),
            max_compaction_lag_ms: r.long("max.compaction.lag.ms"),
            delete_retention_ms: r.long("delete.retention.ms"),
            retention_ms: r.long("retention.ms").max(-1),
            retention_bytes: r.long("retention.bytes").max(-1),
            max_message_bytes: r.size("max.message.bytes"),
            compression: Compression::read(r),
            timestamp_type: match r.text("message.timestamp.type").as_str() {
                "LogAppendTime" => TimestampType::LogAppendTime,
                _ => TimestampType::CreateTime,
            },
            timestamp_before_max_ms: r.long("message.timestamp.before.max.ms"),
            timestamp_after_max_ms: r.long("message.timestamp.after.max.ms"),
            flush_policy: match r.text("flush.policy").as_str() {
                "os" => FlushPolicy::Os,
                _ => FlushPolicy::Fsync,
            },
            flush_messages: unless_never(r.long("flush.messages")),
            flush_ms: unless_never(r.long("flush.ms")),
            min_insync_replicas: r.int("min.insync.replicas"),
        }
    }
}

impl Default for TopicConfig {
    fn default() -> Self {
        BrokerConfig::default().topic_defaults
    }
}

/// A topic's or group's setting where it is silent: the strongest of the broker's settings that is set, in its unit.
pub(super) fn default_from_broker(row: &Setting, broker: impl Fn(&'static str) -> Option<String>) -> Option<String> {
    let from_broker = row.synonyms.iter().find_map(|s| broker(s.name).map(|value| s.unit.convert(&value)));
    from_broker.or_else(|| row.default.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broker(pairs: &[(&str, &str)]) -> BrokerConfig {
        BrokerConfig::from_pairs(pairs.iter().copied()).expect("valid settings")
    }

    fn overrides(pairs: &[(&str, &str)]) -> TopicOverrides {
        TopicOverrides::from_pairs(pairs.iter().copied()).expect("valid settings")
    }

    #[test]
    fn the_defaults_are_kafkas() {
        let topic = TopicConfig::default();
        assert_eq!(topic.segment_bytes, 1 << 30);
        assert_eq!(topic.segment_ms, 7 * 24 * 3_600_000);
        assert_eq!(topic.retention_ms, 7 * 24 * 3_600_000);
        assert_eq!(topic.retention_bytes, -1);
        assert_eq!(topic.max_message_bytes, 1_048_588);
        assert_eq!(topic.timestamp_after_max_ms, 3_600_000);
        assert_eq!((topic.flush_messages, topic.flush_ms), (None, None));
        assert_eq!((topic.cleanup_delete, topic.cleanup_compact), (true, false));
        assert_eq!(topic.flush_policy, FlushPolicy::Fsync);
        assert_eq!(topic.compression, None);
    }

    #[test]
    fn the_topic_beats_the_broker_and_the_finer_unit_the_coarser() {
        let resolved = |o: &[(&str, &str)], b: &[(&str, &str)]| TopicConfig::resolve(&overrides(o), &broker(b));
        assert_eq!(resolved(&[], &[("log.retention.hours", "2")]).retention_ms, 7_200_000);
        let both = [("log.retention.hours", "2"), ("log.retention.minutes", "3")];
        assert_eq!(resolved(&[], &both).retention_ms, 180_000);
        let three = [("log.retention.hours", "2"), ("log.retention.minutes", "3"), ("log.retention.ms", "4")];
        assert_eq!(resolved(&[], &three).retention_ms, 4);
        assert_eq!(resolved(&[("retention.ms", "5")], &three).retention_ms, 5);
        assert_eq!(resolved(&[], &[("log.retention.hours", "-1")]).retention_ms, -1);
        assert_eq!(resolved(&[], &[("log.roll.hours", "1")]).segment_ms, 3_600_000);
        assert_eq!(resolved(&[], &[("log.flush.scheduler.interval.ms", "9")]).flush_ms, Some(9));
        assert_eq!(resolved(&[], &[("message.max.bytes", "1000")]).max_message_bytes, 1000);
        assert_eq!(resolved(&[], &[("flush.policy", "os")]).flush_policy, FlushPolicy::Os);
        assert_eq!(resolved(&[("flush.policy", "fsync")], &[("flush.policy", "os")]).flush_policy, FlushPolicy::Fsync);
        assert_eq!(resolved(&[("retention.bytes", "-5")], &[]).retention_bytes, -1);
    }

    #[test]
    fn words_become_what_they_mean() {
        let resolved = |pairs: &[(&str, &str)]| TopicConfig::resolve(&overrides(pairs), &BrokerConfig::default());
        let zstd = resolved(&[("compression.type", "zstd"), ("compression.zstd.level", "-5")]);
        assert_eq!(zstd.compression, Some(Compression::Zstd { level: -5 }));
        assert_eq!(resolved(&[("compression.type", "gzip")]).compression, Some(Compression::Gzip { level: None }));
        assert_eq!(resolved(&[("compression.type", "uncompressed")]).compression, Some(Compression::None));
        let both = resolved(&[("cleanup.policy", "compact,delete")]);
        assert_eq!((both.cleanup_delete, both.cleanup_compact), (true, true));
        let neither = resolved(&[("cleanup.policy", "")]);
        assert_eq!((neither.cleanup_delete, neither.cleanup_compact), (false, false));
        let appended = resolved(&[("message.timestamp.type", "LogAppendTime")]);
        assert_eq!(appended.timestamp_type, TimestampType::LogAppendTime);
    }
}
