//! From a topic's settings to what its partitions do.

use crate::broker::partition::PartitionSettings;
use crate::config::{self, BrokerConfig, Compression, TopicConfig, TopicOverrides};
use crate::log::{FlushPolicy, LogSettings, TimestampType};
use crate::record::{BatchRules, Codec, Packing};

/// What the settings mean for each partition.
pub fn partition_settings(config: &TopicConfig, broker: &BrokerConfig) -> PartitionSettings {
    let log = LogSettings {
        segment_bytes: config.segment_bytes,
        segment_ms: config.segment_ms,
        segment_jitter_ms: config.segment_jitter_ms,
        segment_index_bytes: config.segment_index_bytes,
        index_interval_bytes: config.index_interval_bytes,
        retention_ms: config.retention_ms,
        retention_bytes: config.retention_bytes,
        cleanup_delete: config.cleanup_delete,
        cleanup_compact: config.cleanup_compact,
        min_cleanable_ratio: config.min_cleanable_ratio,
        min_compaction_lag_ms: config.min_compaction_lag_ms,
        max_compaction_lag_ms: config.max_compaction_lag_ms,
        delete_retention_ms: config.delete_retention_ms,
        timestamp_type: match config.timestamp_type {
            config::TimestampType::CreateTime => TimestampType::CreateTime,
            config::TimestampType::LogAppendTime => TimestampType::LogAppendTime,
        },
        timestamp_before_max_ms: config.timestamp_before_max_ms,
        timestamp_after_max_ms: config.timestamp_after_max_ms,
        flush_policy: match config.flush_policy {
            config::FlushPolicy::Fsync => FlushPolicy::Fsync,
            config::FlushPolicy::Os => FlushPolicy::Os,
        },
        producer_expiration_ms: broker.transactions.producer_id_expiration_ms,
    };
    let rules = BatchRules { bytes_max: config.max_message_bytes, keys_required: config.cleanup_compact };
    PartitionSettings {
        log,
        rules,
        flush_messages: config.flush_messages,
        flush_ms: config.flush_ms,
        packing: config.compression.map(packing),
        min_insync_replicas: config.min_insync_replicas,
    }
}

fn packing(compression: Compression) -> Packing {
    let (codec, level) = match compression {
        Compression::None => (Codec::None, None),
        Compression::Gzip { level } => (Codec::Gzip, level),
        Compression::Snappy => (Codec::Snappy, None),
        Compression::Lz4 => (Codec::Lz4, None),
        Compression::Zstd { level } => (Codec::Zstd, Some(level)),
    };
    Packing { codec, level }
}

/// The broker's own topics: nothing in them may be lost to retention, or refused for its size or time.
pub fn internal_topic_config(broker: &BrokerConfig, overrides: &TopicOverrides) -> TopicConfig {
    TopicConfig {
        cleanup_delete: false,
        cleanup_compact: true,
        retention_ms: -1,
        retention_bytes: -1,
        segment_bytes: broker.offsets.segment_bytes,
        max_message_bytes: usize::MAX,
        timestamp_before_max_ms: i64::MAX,
        timestamp_after_max_ms: i64::MAX,
        timestamp_type: config::TimestampType::CreateTime,
        min_insync_replicas: 1,
        compression: None,
        ..TopicConfig::resolve(overrides, broker)
    }
}
