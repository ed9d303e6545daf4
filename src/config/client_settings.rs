//! The client programs' settings as they read them. Times are milliseconds, sizes bytes.

use super::error::ConfigError;
use super::listener::split_address;
use super::setting::Table;
use super::settings::{Origin, Settings};
use super::topic_config::Compression;

/// When a record counts as delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acks {
    /// Sent.
    None,
    /// Written by the leader.
    Leader,
    /// Written by every replica in sync.
    All,
}

impl Acks {
    /// As Produce carries it.
    pub const fn code(self) -> i16 {
        match self {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partitioner {
    KeyHash,
    RoundRobin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetReset {
    Earliest,
    Latest,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupProtocol {
    Classic,
    Consumer,
}

/// How a classic group shares its partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assignor {
    Range,
    RoundRobin,
    Sticky,
    CooperativeSticky,
}

impl Assignor {
    /// Its name in JoinGroup.
    pub fn name(self) -> &'static str {
        match self {
            Assignor::Range => "range",
            Assignor::RoundRobin => "roundrobin",
            Assignor::Sticky => "sticky",
            Assignor::CooperativeSticky => "cooperative-sticky",
        }
    }

    fn from_name(name: &str) -> Assignor {
        match name {
            "roundrobin" | "org.apache.kafka.clients.consumer.RoundRobinAssignor" => Assignor::RoundRobin,
            "sticky" | "org.apache.kafka.clients.consumer.StickyAssignor" => Assignor::Sticky,
            "cooperative-sticky" | "org.apache.kafka.clients.consumer.CooperativeStickyAssignor" => {
                Assignor::CooperativeSticky
            }
            _ => Assignor::Range,
        }
    }
}

/// Everything a client is told.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// At least one host and port.
    pub bootstrap_servers: Vec<(String, u16)>,
    pub client_id: String,
    pub client_rack: String,
    pub request_timeout_ms: i64,
    pub connect_timeout_ms: i64,
    pub connect_timeout_max_ms: i64,
    pub reconnect_backoff_ms: i64,
    pub reconnect_backoff_max_ms: i64,
    pub retry_backoff_ms: i64,
    pub retry_backoff_max_ms: i64,
    pub metadata_max_age_ms: i64,
    pub default_api_timeout_ms: i64,
    pub allow_auto_create_topics: bool,
    pub producer: ProducerSettings,
    pub consumer: ConsumerSettings,
    given: Settings,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerSettings {
    pub acks: Acks,
    /// Already off where acks ask for less than all.
    pub idempotent: bool,
    pub linger_ms: i64,
    pub batch_bytes: usize,
    pub request_bytes_max: usize,
    pub buffer_bytes: usize,
    pub in_flight_max: usize,
    pub delivery_timeout_ms: i64,
    pub retries: i32,
    pub compression: Compression,
    pub partitioner: Partitioner,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerSettings {
    pub fetch_bytes_min: i32,
    pub fetch_wait_max_ms: i32,
    pub fetch_bytes_max: i32,
    pub partition_bytes_max: i32,
    pub read_committed: bool,
    pub offset_reset: OffsetReset,
    pub check_crcs: bool,
    pub group_id: Option<String>,
    pub group_instance_id: Option<String>,
    pub group_protocol: GroupProtocol,
    pub group_remote_assignor: Option<String>,
    /// At least one, the preferred first.
    pub assignors: Vec<Assignor>,
    pub session_timeout_ms: i32,
    pub heartbeat_interval_ms: i32,
    pub max_poll_interval_ms: i32,
    pub auto_commit: bool,
    pub auto_commit_interval_ms: i64,
}

impl ClientSettings {
    pub fn new(given: Settings) -> Result<ClientSettings, ConfigError> {
        let reader = given.reader();
        let r = &reader;
        let ms = |name| i64::from(r.int(name));
        let acks = match r.text("acks").as_str() {
            "0" => Acks::None,
            "1" => Acks::Leader,
            _ => Acks::All,
        };
        let settings = ClientSettings {
            bootstrap_servers: servers(&r.list("bootstrap.servers"))?,
            client_id: r.text("client.id"),
            client_rack: r.text("client.rack"),
            request_timeout_ms: ms("request.timeout.ms"),
            connect_timeout_ms: r.long("socket.connection.setup.timeout.ms"),
            connect_timeout_max_ms: r.long("socket.connection.setup.timeout.max.ms"),
            reconnect_backoff_ms: r.long("reconnect.backoff.ms"),
            reconnect_backoff_max_ms: r.long("reconnect.backoff.max.ms"),
            retry_backoff_ms: r.long("retry.backoff.ms"),
            retry_backoff_max_ms: r.long("retry.backoff.max.ms"),
            metadata_max_age_ms: r.long("metadata.max.age.ms"),
            default_api_timeout_ms: ms("default.api.timeout.ms"),
            allow_auto_create_topics: r.boolean("allow.auto.create.topics"),
            producer: ProducerSettings {
                acks,
                idempotent: idempotent(&given, acks)?,
                linger_ms: r.long("linger.ms"),
                batch_bytes: r.size("batch.size"),
                request_bytes_max: r.size("max.request.size"),
                buffer_bytes: r.size("buffer.memory"),
                in_flight_max: r.size("max.in.flight.requests.per.connection"),
                delivery_timeout_ms: ms("delivery.timeout.ms"),
                retries: r.int("retries"),
                compression: Compression::read(r).unwrap_or(Compression::None),
                partitioner: match r.text("partitioner").as_str() {
                    "round-robin" => Partitioner::RoundRobin,
                    _ => Partitioner::KeyHash,
                },
            },
            consumer: ConsumerSettings {
                fetch_bytes_min: r.int("fetch.min.bytes"),
                fetch_wait_max_ms: r.int("fetch.max.wait.ms"),
                fetch_bytes_max: r.int("fetch.max.bytes"),
                partition_bytes_max: r.int("max.partition.fetch.bytes"),
                read_committed: r.text("isolation.level") == "read_committed",
                offset_reset: match r.text("auto.offset.reset").as_str() {
                    "latest" => OffsetReset::Latest,
                    "none" => OffsetReset::None,
                    _ => OffsetReset::Earliest,
                },
                check_crcs: r.boolean("check.crcs"),
                group_id: not_empty("group.id", r.optional("group.id"))?,
                group_instance_id: not_empty("group.instance.id", r.optional("group.instance.id"))?,
                group_protocol: match r.text("group.protocol").as_str() {
                    "consumer" => GroupProtocol::Consumer,
                    _ => GroupProtocol::Classic,
                },
                group_remote_assignor: not_empty("group.remote.assignor", r.optional("group.remote.assignor"))?,
                assignors: assignors(&r.list("partition.assignment.strategy"))?,
                session_timeout_ms: r.int("session.timeout.ms"),
                heartbeat_interval_ms: r.int("heartbeat.interval.ms"),
                max_poll_interval_ms: r.int("max.poll.interval.ms"),
                auto_commit: r.boolean("enable.auto.commit"),
                auto_commit_interval_ms: ms("auto.commit.interval.ms"),
            },
            given: Settings::new(Table::client()),
        };
        settings.check()?;
        drop(reader);
        Ok(ClientSettings { given, ..settings })
    }

    /// As flags would have it.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<ClientSettings, ConfigError> {
        let mut given = Settings::client();
        for (name, value) in pairs {
            given.set(name, value, Origin::Flag)?;
        }
        ClientSettings::new(given)
    }

    /// What was given, and by whom: a program whose default depends on its flags looks here.
    pub fn given(&self) -> &Settings {
        &self.given
    }

    /// What must hold between settings, as Kafka's clients demand it.
    fn check(&self) -> Result<(), ConfigError> {
        let conflict = |text: String| Err(ConfigError::Conflict(text));
        let ProducerSettings { idempotent, in_flight_max, delivery_timeout_ms, linger_ms, .. } = self.producer;
        if idempotent && in_flight_max > crate::base::limits::PRODUCER_BATCHES_REMEMBERED {
            return conflict(format!(
                "max.in.flight.requests.per.connection is {in_flight_max}; with enable.idempotence it is at most 5"
            ));
        }
        if delivery_timeout_ms < linger_ms.saturating_add(self.request_timeout_ms) {
            return conflict(format!(
                "delivery.timeout.ms is {delivery_timeout_ms}, less than linger.ms with {linger_ms} and request.timeout.ms \
                 with {} together",
                self.request_timeout_ms
            ));
        }
        let ConsumerSettings { heartbeat_interval_ms: beat, session_timeout_ms: session, .. } = self.consumer;
        if beat >= session {
            return conflict(format!(
                "heartbeat.interval.ms is {beat}; it must be below session.timeout.ms with {session}"
            ));
        }
        Ok(())
    }
}

impl Default for ClientSettings {
    fn default() -> Self {
        ClientSettings::new(Settings::client()).expect("the defaults fit together")
    }
}

fn servers(list: &[String]) -> Result<Vec<(String, u16)>, ConfigError> {
    let name = "bootstrap.servers";
    let read = |server: &String| {
        let refused = |reason| ConfigError::Refused { name, given: super::error::cut(server), reason };
        let (host, port) = split_address(server).map_err(refused)?;
        match (host, port) {
            ("", _) => Err(refused("the host is missing (HOST:PORT)".to_owned())),
            (_, 0) => Err(refused("port 0 can't be dialled".to_owned())),
            (host, port) => Ok((host.to_owned(), port)),
        }
    };
    let servers: Vec<_> = list.iter().map(read).collect::<Result<_, _>>()?;
    if servers.is_empty() { Err(ConfigError::Conflict(format!("{name} names no broker"))) } else { Ok(servers) }
}

/// Acks below all turn idempotence off, and contradict it where it was asked for (as in Kafka's ProducerConfig).
fn idempotent(given: &Settings, acks: Acks) -> Result<bool, ConfigError> {
    let asked = given.given("enable.idempotence").map(|(value, _)| value == "true");
    match (asked, acks) {
        (Some(true), Acks::None | Acks::Leader) => {
            Err(ConfigError::Conflict("enable.idempotence needs acks=all; leave one of them out".to_owned()))
        }
        (Some(asked), _) => Ok(asked),
        (None, acks) => Ok(acks == Acks::All),
    }
}

fn assignors(names: &[String]) -> Result<Vec<Assignor>, ConfigError> {
    let mut assignors: Vec<Assignor> = Vec::new();
    for assignor in names.iter().map(|name| Assignor::from_name(name)) {
        if !assignors.contains(&assignor) {
            assignors.push(assignor);
        }
    }
    if assignors.is_empty() {
        return Err(ConfigError::Conflict("partition.assignment.strategy names no way".to_owned()));
    }
    Ok(assignors)
}

fn not_empty(name: &'static str, value: Option<String>) -> Result<Option<String>, ConfigError> {
    match value {
        Some(value) if value.is_empty() => Err(ConfigError::NoValue(name)),
        value => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> ClientSettings {
        ClientSettings::from_pairs(pairs.iter().copied()).expect("valid settings")
    }

    fn refused(pairs: &[(&str, &str)]) -> String {
        ClientSettings::from_pairs(pairs.iter().copied()).expect_err("refused").to_string()
    }

    #[test]
    fn the_defaults_are_those_of_the_programs() {
        let client = ClientSettings::default();
        assert_eq!(client.bootstrap_servers, [("127.0.0.1".to_owned(), 9092)]);
        assert_eq!((client.producer.acks, client.producer.idempotent), (Acks::All, true));
        assert_eq!(client.producer.compression, Compression::None);
        assert!(client.consumer.read_committed);
        assert_eq!(client.consumer.assignors, [Assignor::CooperativeSticky, Assignor::Range]);
        assert!(!client.given().is_given("acks"));
    }

    #[test]
    fn acks_decide_idempotence_unless_somebody_asked() {
        assert!(!settings(&[("acks", "1")]).producer.idempotent);
        assert!(settings(&[("acks", "-1")]).producer.idempotent);
        assert!(!settings(&[("enable.idempotence", "false")]).producer.idempotent);
        assert!(refused(&[("acks", "0"), ("enable.idempotence", "true")]).contains("needs acks=all"));
        assert_eq!([Acks::None, Acks::Leader, Acks::All].map(Acks::code), [0, 1, -1]);
    }

    #[test]
    fn settings_must_fit_together() {
        assert!(refused(&[("max.in.flight.requests.per.connection", "6")]).contains("at most 5"));
        assert_eq!(
            settings(&[("max.in.flight.requests.per.connection", "6"), ("acks", "1")]).producer.in_flight_max,
            6
        );
        let too_short = refused(&[("delivery.timeout.ms", "1000"), ("linger.ms", "7")]);
        assert!(too_short.contains("less than linger.ms with 7 and request.timeout.ms with 30000"), "{too_short}");
        assert!(refused(&[("session.timeout.ms", "200")]).contains("must be below"));
        assert!(refused(&[("bootstrap.servers", "")]).contains("no broker"));
        assert!(refused(&[("bootstrap.servers", "localhost")]).contains("the port is missing"));
        assert!(refused(&[("bootstrap.servers", ":9092")]).contains("the host is missing"));
        assert!(refused(&[("security.protocol", "SASL_SSL")]).contains("must be PLAINTEXT"));
        assert!(refused(&[("group.id", "")]).contains("needs a value"));
        assert!(refused(&[("partitioner.class", "x")]).contains("partitioner=key-hash"));
    }

    #[test]
    fn java_names_of_assignors_mean_the_same() {
        let java = "org.apache.kafka.clients.consumer.RoundRobinAssignor,roundrobin,cooperative-sticky";
        let client = settings(&[("partition.assignment.strategy", java)]);
        assert_eq!(client.consumer.assignors, [Assignor::RoundRobin, Assignor::CooperativeSticky]);
    }

    #[test]
    fn levels_come_with_their_codec() {
        let zstd = settings(&[("compression.type", "zstd"), ("compression.zstd.level", "19")]);
        assert_eq!(zstd.producer.compression, Compression::Zstd { level: 19 });
        assert_eq!(zstd.producer.compression.name(), "zstd");
    }
}
