//! The broker's settings as its rooms read them.
//!
//! Made of what was given at the start and of what was changed since; always whole and checked, so a change makes a
//! new one or none. Times are milliseconds, sizes bytes.

use std::path::PathBuf;

use super::error::ConfigError;
use super::listener::{self, Listener};
use super::overrides::DynamicSettings;
use super::setting::{Setting, Table};
use super::settings::{Origin, Reader, Settings};
use super::topic_config::{TopicConfig, default_from_broker};
use crate::base::BrokerId;

/// Everything a broker is told.
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    pub node_id: BrokerId,
    /// `None` keeps the one in the data directory, or draws one.
    pub cluster_id: Option<String>,
    pub rack: Option<String>,
    pub data_dir: PathBuf,
    /// At least one.
    pub listeners: Vec<Listener>,
    /// At most one for each listener; a listener without one tells clients what they dialled.
    pub advertised: Vec<Listener>,
    pub num_partitions: i32,
    pub auto_create_topics: bool,
    pub delete_topics: bool,
    pub default_replication_factor: i16,
    /// The highest replication factor that creating a topic may ask for.
    pub accepted_replication_factor: i16,
    /// What holds for topics that set nothing.
    pub topic_defaults: TopicConfig,
    pub retention_check_interval_ms: i64,
    pub checkpoint_interval_ms: i64,
    pub cleaner: CleanerConfig,
    pub network: NetworkConfig,
    pub text: TextConfig,
    pub groups: GroupConfig,
    pub consumer_groups: ConsumerGroupConfig,
    pub offsets: OffsetsConfig,
    pub transactions: TransactionConfig,
    given: Settings,
    dynamic: DynamicSettings,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkConfig {
    pub request_bytes_max: usize,
    pub idle_ms: i64,
    pub connections_max: usize,
    pub fetch_bytes_max: usize,
    /// 0: fetch sessions are not kept.
    pub fetch_sessions_max: usize,
    /// In one answer to DescribeTopicPartitions.
    pub described_partitions_max: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextConfig {
    pub enabled: bool,
    pub pipelined_commands_max: usize,
    pub reply_bytes_max: usize,
}

/// Compaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CleanerConfig {
    pub enabled: bool,
    pub backoff_ms: i64,
    /// What the table of keys may take.
    pub table_bytes: usize,
}

/// Classic groups, and what both protocols share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupConfig {
    pub initial_rebalance_delay_ms: i64,
    pub session_timeout_min_ms: i64,
    pub session_timeout_max_ms: i64,
    pub members_max: usize,
    pub classic_enabled: bool,
    pub consumer_enabled: bool,
}

/// Groups after KIP-848.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerGroupConfig {
    pub session_timeout_ms: i64,
    pub session_timeout_min_ms: i64,
    pub session_timeout_max_ms: i64,
    pub heartbeat_interval_ms: i64,
    pub heartbeat_interval_min_ms: i64,
    pub heartbeat_interval_max_ms: i64,
    pub members_max: usize,
    /// At least one of "uniform" and "range"; the first is the default.
    pub assignors: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetsConfig {
    pub partitions: i32,
    pub segment_bytes: u64,
    pub retention_ms: i64,
    pub retention_check_interval_ms: i64,
    pub metadata_bytes_max: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionConfig {
    pub timeout_max_ms: i32,
    pub id_expiration_ms: i64,
    pub abort_check_interval_ms: i64,
    pub expiry_check_interval_ms: i64,
    pub partitions: i32,
    pub segment_bytes: u64,
    pub producer_id_expiration_ms: i64,
}

impl BrokerConfig {
    /// What was given at the start, with nothing changed since.
    pub fn new(given: Settings) -> Result<BrokerConfig, ConfigError> {
        BrokerConfig::with(given, DynamicSettings::default())
    }

    /// As flags would have it; for tests and for a broker inside another program.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<BrokerConfig, ConfigError> {
        let mut given = Settings::broker();
        for (name, value) in pairs {
            given.set(name, value, Origin::Flag)?;
        }
        BrokerConfig::new(given)
    }

    /// The same start with these changes instead of those before; refused if the whole would not fit together.
    pub fn with_dynamic(&self, dynamic: DynamicSettings) -> Result<BrokerConfig, ConfigError> {
        BrokerConfig::with(self.given.clone(), dynamic)
    }

    /// What was given at the start.
    pub fn given(&self) -> &Settings {
        &self.given
    }

    /// What was changed since.
    pub fn dynamic(&self) -> &DynamicSettings {
        &self.dynamic
    }

    /// The value that holds for a broker setting; `None` where it is not set and has no default.
    pub fn value(&self, name: &str) -> Option<String> {
        value(&self.given, &self.dynamic, Table::broker().get(name)?)
    }

    /// What a topic setting is for topics that do not set it.
    pub fn value_for_topic(&self, name: &str) -> Option<String> {
        default_from_broker(Table::topic().get(name)?, |name| self.value(name))
    }

    /// What a group setting is for groups that do not set it.
    pub fn value_for_group(&self, name: &str) -> Option<String> {
        default_from_broker(Table::group().get(name)?, |name| self.value(name))
    }

    fn with(given: Settings, dynamic: DynamicSettings) -> Result<BrokerConfig, ConfigError> {
        let reader = Reader { table: Table::broker(), value: Box::new(|row| value(&given, &dynamic, row)) };
        let r = &reader;
        check(r)?;
        let (listeners, advertised) = listener::read(r)?;
        let ms = |name| i64::from(r.int(name));
        let protocols = r.list("group.coordinator.rebalance.protocols");
        let config = BrokerConfig {
            node_id: node_id(r, &given)?,
            cluster_id: r.optional("cluster.id").filter(|id| !id.is_empty()),
            rack: r.optional("broker.rack").filter(|rack| !rack.is_empty()),
            data_dir: data_dir(r)?,
            listeners,
            advertised,
            num_partitions: r.int("num.partitions"),
            auto_create_topics: r.boolean("auto.create.topics.enable"),
            delete_topics: r.boolean("delete.topic.enable"),
            default_replication_factor: r.int("default.replication.factor") as i16,
            accepted_replication_factor: r.int("accepted.replication.factor") as i16,
            topic_defaults: TopicConfig::defaults(r),
            retention_check_interval_ms: r.long("log.retention.check.interval.ms"),
            checkpoint_interval_ms: ms("log.flush.offset.checkpoint.interval.ms"),
            cleaner: CleanerConfig {
                enabled: r.boolean("log.cleaner.enable"),
                backoff_ms: r.long("log.cleaner.backoff.ms"),
                table_bytes: r.size("log.cleaner.dedupe.buffer.size"),
            },
            network: NetworkConfig {
                request_bytes_max: r.size("socket.request.max.bytes"),
                idle_ms: r.long("connections.max.idle.ms"),
                connections_max: r.size("max.connections"),
                fetch_bytes_max: r.size("fetch.max.bytes"),
                fetch_sessions_max: r.size("max.incremental.fetch.session.cache.slots"),
                described_partitions_max: r.size("max.request.partition.size.limit"),
            },
            text: TextConfig {
                enabled: r.boolean("text.enable"),
                pipelined_commands_max: r.size("text.max.pipelined.commands"),
                reply_bytes_max: r.size("text.max.reply.bytes"),
            },
            groups: GroupConfig {
                initial_rebalance_delay_ms: ms("group.initial.rebalance.delay.ms"),
                session_timeout_min_ms: ms("group.min.session.timeout.ms"),
                session_timeout_max_ms: ms("group.max.session.timeout.ms"),
                members_max: r.size("group.max.size"),
                classic_enabled: protocols.iter().any(|p| p == "classic"),
                consumer_enabled: protocols.iter().any(|p| p == "consumer"),
            },
            consumer_groups: ConsumerGroupConfig {
                session_timeout_ms: ms("group.consumer.session.timeout.ms"),
                session_timeout_min_ms: ms("group.consumer.min.session.timeout.ms"),
                session_timeout_max_ms: ms("group.consumer.max.session.timeout.ms"),
                heartbeat_interval_ms: ms("group.consumer.heartbeat.interval.ms"),
                heartbeat_interval_min_ms: ms("group.consumer.min.heartbeat.interval.ms"),
                heartbeat_interval_max_ms: ms("group.consumer.max.heartbeat.interval.ms"),
                members_max: r.size("group.consumer.max.size"),
                assignors: r.list("group.consumer.assignors"),
            },
            offsets: OffsetsConfig {
                partitions: r.int("offsets.topic.num.partitions"),
                segment_bytes: r.size("offsets.topic.segment.bytes") as u64,
                retention_ms: ms("offsets.retention.minutes") * 60_000,
                retention_check_interval_ms: r.long("offsets.retention.check.interval.ms"),
                metadata_bytes_max: r.size("offset.metadata.max.bytes"),
            },
            transactions: TransactionConfig {
                timeout_max_ms: r.int("transaction.max.timeout.ms"),
                id_expiration_ms: ms("transactional.id.expiration.ms"),
                abort_check_interval_ms: ms("transaction.abort.timed.out.transaction.cleanup.interval.ms"),
                expiry_check_interval_ms: ms("transaction.remove.expired.transaction.cleanup.interval.ms"),
                partitions: r.int("transaction.state.log.num.partitions"),
                segment_bytes: r.size("transaction.state.log.segment.bytes") as u64,
                producer_id_expiration_ms: ms("producer.id.expiration.ms"),
            },
            given: Settings::broker(),
            dynamic: DynamicSettings::default(),
        };
        drop(reader);
        Ok(BrokerConfig { given, dynamic, ..config })
    }
}

impl Default for BrokerConfig {
    fn default() -> Self {
        BrokerConfig::new(Settings::broker()).expect("the defaults fit together")
    }
}

/// What was changed for this broker, then for all, then given, then the default.
fn value(given: &Settings, dynamic: &DynamicSettings, row: &Setting) -> Option<String> {
    let changed = dynamic.broker.get(row.name).or_else(|| dynamic.cluster.get(row.name)).map(String::as_str);
    changed.or_else(|| given.given(row.name).map(|(value, _)| value)).or(row.default).map(str::to_owned)
}

/// What must hold between settings.
fn check(r: &Reader<'_>) -> Result<(), ConfigError> {
    let not_above = |low: &str, high: &str| {
        let (l, h) = (r.long(low), r.long(high));
        if l <= h { Ok(()) } else { Err(ConfigError::Conflict(format!("{low} is {l}, more than {high} with {h}"))) }
    };
    not_above("message.max.bytes", "socket.request.max.bytes")?;
    not_above("default.replication.factor", "accepted.replication.factor")?;
    not_above("group.min.session.timeout.ms", "group.max.session.timeout.ms")?;
    for what in ["session.timeout", "heartbeat.interval"] {
        let value = format!("group.consumer.{what}.ms");
        not_above(&format!("group.consumer.min.{what}.ms"), &value)?;
        not_above(&value, &format!("group.consumer.max.{what}.ms"))?;
    }
    let (beat, session) = ("group.consumer.heartbeat.interval.ms", "group.consumer.session.timeout.ms");
    if r.long(beat) >= r.long(session) {
        return Err(ConfigError::Conflict(format!(
            "{beat} must be below {session}, or members expire between heartbeats"
        )));
    }
    not_above("log.cleaner.min.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms")?;
    for name in ["log.retention.ms", "log.retention.minutes", "log.retention.hours"] {
        if r.optional(name).as_deref() == Some("0") {
            return Err(ConfigError::Conflict(format!("{name} is 0, which keeps nothing; -1 keeps records for ever")));
        }
    }
    for name in ["group.consumer.assignors", "group.coordinator.rebalance.protocols"] {
        if r.list(name).is_empty() {
            return Err(ConfigError::Conflict(format!("{name} is empty; it must name at least one")));
        }
    }
    Ok(())
}

fn node_id(r: &Reader<'_>, given: &Settings) -> Result<BrokerId, ConfigError> {
    let older = r.optional("broker.id").filter(|id| id != "-1").and_then(|id| id.parse().ok());
    match (given.is_given("node.id"), older) {
        (true, Some(older)) if older != r.int("node.id") => {
            Err(ConfigError::Conflict(format!("node.id is {}, but broker.id is {older}", r.int("node.id"))))
        }
        (false, Some(older)) => Ok(BrokerId(older)),
        _ => Ok(BrokerId(r.int("node.id"))),
    }
}

fn data_dir(r: &Reader<'_>) -> Result<PathBuf, ConfigError> {
    let (name, dirs) = match r.optional("log.dirs") {
        Some(_) => ("log.dirs", r.list("log.dirs")),
        None => ("log.dir", r.list("log.dir")),
    };
    match dirs.as_slice() {
        [dir] => Ok(PathBuf::from(dir)),
        [] => Err(ConfigError::Conflict(format!("{name} is empty; it must name the data directory"))),
        several => Err(ConfigError::Refused {
            name,
            given: several.join(","),
            reason: "there is one data directory".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::config::{ClientSettings, TopicOverrides, describe_broker, describe_topic};

    #[test]
    fn the_defaults_need_no_tuning() {
        let config = BrokerConfig::default();
        assert_eq!(config.node_id, BrokerId(1));
        assert_eq!(config.data_dir, PathBuf::from("data"));
        assert_eq!(
            config.listeners.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["PLAINTEXT://127.0.0.1:9092"]
        );
        assert_eq!(config.num_partitions, 1);
        assert_eq!(config.network.request_bytes_max, 104_857_600);
        assert_eq!(config.groups.initial_rebalance_delay_ms, 0);
        assert_eq!(config.offsets.partitions, 8);
        assert_eq!(config.offsets.retention_ms, 7 * 24 * 3_600_000);
        assert_eq!(config.transactions.producer_id_expiration_ms, 24 * 3_600_000);
        assert_eq!(config.topic_defaults, TopicConfig::default());
    }

    fn refused(pairs: &[(&str, &str)]) -> String {
        BrokerConfig::from_pairs(pairs.iter().copied()).expect_err("refused").to_string()
    }

    #[test]
    fn settings_must_fit_together() {
        assert_eq!(
            refused(&[("message.max.bytes", "2000"), ("socket.request.max.bytes", "1000")]),
            "message.max.bytes is 2000, more than socket.request.max.bytes with 1000"
        );
        assert_eq!(
            refused(&[("default.replication.factor", "3")]),
            "default.replication.factor is 3, more than accepted.replication.factor with 1"
        );
        assert!(refused(&[("socket.request.max.bytes", "134217729")]).contains("from 1 to 134217728"));
        assert!(refused(&[("group.consumer.session.timeout.ms", "5000")]).contains("min.session.timeout"));
        assert!(refused(&[("log.retention.hours", "0")]).contains("keeps nothing"));
        assert!(refused(&[("log.dirs", "a,b")]).contains("one data directory"));
        assert!(refused(&[("log.dirs", "")]).contains("log.dirs is empty"));
        assert!(refused(&[("node.id", "2"), ("broker.id", "3")]).contains("broker.id is 3"));
        assert!(refused(&[("group.consumer.assignors", "")]).contains("at least one"));
    }

    #[test]
    fn older_names_count_where_the_newer_are_not_set() {
        let config = |pairs: &[(&str, &str)]| BrokerConfig::from_pairs(pairs.iter().copied()).expect("valid");
        assert_eq!(config(&[("broker.id", "3")]).node_id, BrokerId(3));
        assert_eq!(config(&[("broker.id", "-1")]).node_id, BrokerId(1));
        assert_eq!(config(&[("log.dir", "a")]).data_dir, PathBuf::from("a"));
        assert_eq!(config(&[("log.dir", "a"), ("log.dirs", "b")]).data_dir, PathBuf::from("b"));
    }

    #[test]
    fn a_running_broker_changes_as_a_whole_or_not_at_all() {
        let start = BrokerConfig::from_pairs([("message.max.bytes", "2000")]).expect("valid");
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
        };
        let cluster = map(&[("message.max.bytes", "3000"), ("max.connections", "5")]);
        let broker = map(&[("message.max.bytes", "4000")]);
        let changed = start.with_dynamic(DynamicSettings::new(&cluster, &broker).expect("dynamic")).expect("fits");
        assert_eq!(changed.topic_defaults.max_message_bytes, 4000);
        assert_eq!(changed.network.connections_max, 5);
        assert_eq!(changed.value("message.max.bytes").as_deref(), Some("4000"));
        assert_eq!(changed.value_for_topic("max.message.bytes").as_deref(), Some("4000"));
        assert_eq!(changed.value_for_topic("retention.ms").as_deref(), Some("604800000"));
        let back = changed.with_dynamic(DynamicSettings::default()).expect("fits");
        assert_eq!(back.topic_defaults.max_message_bytes, 2000);
        let too_large = map(&[("message.max.bytes", "200000000")]);
        let dynamic = DynamicSettings::new(&too_large, &BTreeMap::new()).expect("dynamic");
        assert!(start.with_dynamic(dynamic).is_err());
    }

    /// A name of the table with a value that may or may not suit it.
    fn any_pair(table: &'static Table) -> impl Strategy<Value = (&'static str, String)> {
        let names: Vec<&'static str> = table.rows().map(|row| row.name).collect();
        let words =
            ["true", "*", "0:1", "compact", "A://h:1", "A://[::1]:0", "gzip", "all", "", "range", "os", "\u{1}"];
        let value = prop_oneof![
            any::<i64>().prop_map(|n| n.to_string()),
            any::<i32>().prop_map(|n| n.to_string()),
            (-2i32..100).prop_map(|n| n.to_string()),
            prop::sample::select(words.to_vec()).prop_map(str::to_owned),
            prop::collection::vec("[A-Za-z:/0-9.]{0,8}", 0..3).prop_map(|list| list.join(",")),
        ];
        (prop::sample::select(names), value)
    }

    fn given(mut settings: Settings, pairs: &[(&'static str, String)]) -> Settings {
        for (name, value) in pairs {
            // What is refused here is none of the settings; what is taken must be read without a panic.
            let _ = settings.set(name, value, Origin::Flag);
        }
        settings
    }

    proptest! {
        #[test]
        fn whatever_is_taken_can_be_read_and_described(
            broker in prop::collection::vec(any_pair(Table::broker()), 0..6),
            topic in prop::collection::vec(any_pair(Table::topic()), 0..6),
            client in prop::collection::vec(any_pair(Table::client()), 0..6),
        ) {
            let broker = BrokerConfig::new(given(Settings::broker(), &broker)).unwrap_or_default();
            let overrides = TopicOverrides::from_pairs(topic).unwrap_or_default();
            TopicConfig::resolve(&overrides, &broker);
            describe_topic(&overrides, &broker);
            describe_broker(&broker);
            let _ = ClientSettings::new(given(Settings::client(), &client));
        }
    }

    #[test]
    fn kafkas_own_server_properties_is_taken_as_it_is() {
        let mut settings = Settings::broker();
        let file = b"process.roles=broker,controller\nnode.id=1\ncontroller.quorum.bootstrap.servers=localhost:9093\n\
            listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ninter.broker.listener.name=PLAINTEXT\n\
            advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n\
            controller.listener.names=CONTROLLER\n\
            listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL\n\
            num.network.threads=3\nnum.io.threads=8\nsocket.send.buffer.bytes=102400\nsocket.receive.buffer.bytes=102400\n\
            socket.request.max.bytes=104857600\nlog.dirs=/tmp/kraft-combined-logs\nnum.partitions=1\n\
            num.recovery.threads.per.data.dir=1\noffsets.topic.replication.factor=1\n\
            share.coordinator.state.topic.replication.factor=1\nshare.coordinator.state.topic.min.isr=1\n\
            transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\nlog.retention.hours=168\n\
            log.segment.bytes=1073741824\nlog.retention.check.interval.ms=300000\n";
        settings.load(file).expect("every name is known");
        let config = BrokerConfig::new(settings).expect("it fits together");
        assert_eq!(config.listeners.len(), 1);
        assert_eq!(config.data_dir, PathBuf::from("/tmp/kraft-combined-logs"));
    }
}
