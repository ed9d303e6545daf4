//! What a broker, a topic or a client can be told, under Kafka's names.
//!
//! One table ([`Table`]) holds every setting: name, type, default, range, meaning, whether it can change while the
//! broker runs and whether it has an effect here. Loading and its errors, [`BrokerConfig`], [`TopicConfig`] and
//! [`ClientSettings`], DescribeConfigs and docs/SETTINGS.md are all read off it.
//!
//! Knows only `base`. What always holds: a value that got in was checked, and parses back to itself.

mod broker_config;
mod broker_rows;
mod client_rows;
mod client_settings;
mod describe;
mod docs;
mod error;
mod foreign_rows;
mod group_config;
mod group_rows;
mod kind;
mod listener;
mod overrides;
mod properties;
mod setting;
mod settings;
mod topic_config;
mod topic_rows;

pub use broker_config::{
    BrokerConfig, CleanerConfig, ConsumerGroupConfig, GroupConfig, NetworkConfig, OffsetsConfig, TextConfig,
    TransactionConfig,
};
pub use client_settings::{
    Acks, Assignor, ClientSettings, ConsumerSettings, GroupProtocol, OffsetReset, Partitioner, ProducerSettings,
};
pub use describe::{ConfigSource, DescribedSetting, DescribedSynonym, describe_broker, describe_group, describe_topic};
pub use docs::settings_page;
pub use error::ConfigError;
pub use group_config::GroupOverrides;
pub use kind::{Kind, Width};
pub use listener::{Listener, split_address};
pub use overrides::{AlterOp, Alteration, DynamicScope, DynamicSettings, TopicOverrides};
pub use properties::{Property, parse_properties};
pub use setting::{Effect, Setting, Synonym, Table, Unit};
pub use settings::{Origin, Settings, Shown};
pub use topic_config::{Compression, FlushPolicy, TimestampType, TopicConfig};
