//! Kafka's settings that have no effect here. They are accepted, so that a file written for Kafka works as it is, and
//! returned, so that a tool finds what it expects; each says why it does nothing.
//!
//! Names, types, ranges and defaults are those of Kafka 4.3. What nobody may believe to be in force (security, plug-ins,
//! tiered storage) is not accepted: [`missing_part`] names it.

use super::kind::{DOUBLE, INT, Kind, LONG, int, int_from, long_from, short};
use super::setting::Setting;

/// Name, kind, default.
type Row = (&'static str, Kind, Option<&'static str>);

/// Kafka's broker settings without effect.
pub(super) fn broker() -> impl Iterator<Item = Setting> {
    BROKER.iter().flat_map(|(reason, rows)| rows.iter().map(|row| stored(row, reason))).map(|row| {
        match DYNAMIC.contains(&row.name) {
            true => row.dynamic(),
            false => row,
        }
    })
}

/// Kafka's client settings without effect.
pub(super) fn client() -> impl Iterator<Item = Setting> {
    CLIENT.iter().flat_map(|(reason, rows)| rows.iter().map(|row| stored(row, reason)))
}

/// The part of Kafka that a setting belongs to and that is missing here, so that accepting it would be a lie.
pub(super) fn missing_part(name: &str) -> Option<&'static str> {
    const PARTS: [(&str, &str); 19] = [
        ("ssl.", "Kafka's TLS"),
        ("sasl.", "Kafka's authentication"),
        ("delegation.token.", "Kafka's authentication"),
        ("password.encoder.", "Kafka's authentication"),
        ("connections.max.reauth.ms", "Kafka's authentication"),
        ("connection.failed.authentication.", "Kafka's authentication"),
        ("security.", "Kafka's security"),
        ("authorizer.", "Kafka's authorization"),
        ("super.users", "Kafka's authorization"),
        ("principal.builder.class", "Kafka's authorization"),
        ("listener.name.", "Kafka's settings per listener"),
        ("remote.", "Kafka's tiered storage"),
        ("create.topic.policy.class.name", "Kafka's Java plug-ins"),
        ("alter.config.policy.class.name", "Kafka's Java plug-ins"),
        ("client.quota.callback.class", "Kafka's Java plug-ins"),
        ("replica.selector.class", "Kafka's Java plug-ins"),
        ("partitioner.class", "Kafka's Java client (here it is partitioner=key-hash or round-robin)"),
        ("config.providers", "Kafka's Java plug-ins"),
        ("zookeeper.", "ZooKeeper, which Kafka itself gave up"),
    ];
    PARTS.into_iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, part)| part)
}

fn stored(row: &Row, reason: &'static str) -> Setting {
    let (name, kind, default) = *row;
    Setting { default, ..Setting::unset(name, kind, "") }.stored(reason)
}

const BROKER: &[(&str, &[Row])] = &[
    ("each connection has a thread of its own, and no queue", THREADS),
    ("max.connections bounds them all together", CONNECTIONS),
    ("the operating system sizes its buffers and queues", SOCKETS),
    ("there is one data directory, and its notes are written with log.flush.offset.checkpoint.interval.ms", DATA),
    ("groups are kept in step with every request", GROUPS),
    ("transactions need no tuning here", TRANSACTIONS),
    ("one thread compacts, one log after the other, at the speed of the disk", COMPACTION),
    ("there is one replica", REPLICATION),
    ("the broker needs no controller", CONTROLLER),
    ("there are no quotas", QUOTAS),
    ("there are no metrics yet", METRICS),
    ("a waiting request is woken, not purged", WAITING),
    ("there are no share groups", SHARE),
    ("there are no streams groups", STREAMS),
    ("there is no Kerberos", KERBEROS),
];

/// Of these, what Kafka lets change while it runs.
const DYNAMIC: &[&str] = &[
    "background.threads",
    "cordoned.log.dirs",
    "group.consumer.assignment.interval.ms",
    "group.coordinator.cached.buffer.max.bytes",
    "group.share.assignment.interval.ms",
    "group.streams.assignment.interval.ms",
    "log.cleaner.io.buffer.load.factor",
    "log.cleaner.io.buffer.size",
    "log.cleaner.io.max.bytes.per.second",
    "log.cleaner.threads",
    "max.connection.creation.rate",
    "max.connections.per.ip",
    "max.connections.per.ip.overrides",
    "metric.reporters",
    "num.io.threads",
    "num.network.threads",
    "num.recovery.threads.per.data.dir",
    "num.replica.fetchers",
    "sasl.kerberos.kinit.cmd",
    "sasl.kerberos.min.time.before.relogin",
    "sasl.kerberos.ticket.renew.jitter",
    "sasl.kerberos.ticket.renew.window.factor",
    "share.coordinator.cached.buffer.max.bytes",
    "transaction.partition.verification.enable",
];

const THREADS: &[Row] = &[
    ("background.threads", int_from(1), Some("10")),
    ("group.coordinator.background.threads", int_from(1), Some("2")),
    ("group.coordinator.threads", int_from(1), Some("4")),
    ("num.io.threads", int_from(1), Some("8")),
    ("num.network.threads", int_from(1), Some("3")),
    ("num.recovery.threads.per.data.dir", int_from(1), Some("2")),
    ("num.replica.alter.log.dirs.threads", INT, None),
    ("queued.max.request.bytes", LONG, Some("-1")),
    ("queued.max.requests", int_from(1), Some("500")),
];

const CONNECTIONS: &[Row] = &[
    ("max.connection.creation.rate", int_from(0), Some("2147483647")),
    ("max.connections.per.ip", int_from(0), Some("2147483647")),
    ("max.connections.per.ip.overrides", Kind::Text, Some("")),
];

const SOCKETS: &[Row] = &[
    ("socket.connection.setup.timeout.max.ms", LONG, Some("30000")),
    ("socket.connection.setup.timeout.ms", LONG, Some("10000")),
    ("socket.listen.backlog.size", int_from(1), Some("50")),
    ("socket.receive.buffer.bytes", INT, Some("102400")),
    ("socket.send.buffer.bytes", INT, Some("102400")),
];

const DATA: &[Row] = &[
    ("cordoned.log.dirs", Kind::List, Some("")),
    ("log.dir.failure.timeout.ms", long_from(1), Some("30000")),
    ("log.flush.start.offset.checkpoint.interval.ms", int_from(0), Some("60000")),
];

const GROUPS: &[Row] = &[
    ("group.consumer.assignment.interval.ms", int_from(0), Some("1000")),
    ("group.consumer.max.assignment.interval.ms", int_from(0), Some("15000")),
    (
        "group.consumer.migration.policy",
        Kind::AnyCaseWord(&["disabled", "downgrade", "upgrade", "bidirectional"]),
        Some("bidirectional"),
    ),
    ("group.consumer.min.assignment.interval.ms", int_from(0), Some("0")),
    ("group.coordinator.append.linger.ms", int_from(-1), Some("-1")),
    ("group.coordinator.cached.buffer.max.bytes", int_from(524288), Some("1048588")),
    ("offsets.commit.timeout.ms", int_from(1), Some("5000")),
    ("offsets.load.buffer.size", int_from(1), Some("5242880")),
    ("offsets.topic.compression.codec", INT, Some("0")),
];

const TRANSACTIONS: &[Row] = &[
    ("add.partitions.to.txn.retry.backoff.max.ms", int_from(0), Some("100")),
    ("add.partitions.to.txn.retry.backoff.ms", int_from(1), Some("20")),
    ("transaction.partition.verification.enable", Kind::Boolean, Some("true")),
    ("transaction.state.log.load.buffer.size", int_from(1), Some("5242880")),
    ("transaction.two.phase.commit.enable", Kind::Boolean, Some("false")),
];

const COMPACTION: &[Row] = &[
    ("log.cleaner.io.buffer.load.factor", DOUBLE, Some("0.9")),
    ("log.cleaner.io.buffer.size", int_from(0), Some("524288")),
    ("log.cleaner.io.max.bytes.per.second", DOUBLE, Some("1.7976931348623157E308")),
    ("log.cleaner.threads", int_from(0), Some("1")),
];

const REPLICATION: &[Row] = &[
    ("auto.leader.rebalance.enable", Kind::Boolean, Some("true")),
    ("inter.broker.listener.name", Kind::Text, None),
    ("leader.imbalance.check.interval.seconds", long_from(1), Some("300")),
    ("num.replica.fetchers", int_from(1), Some("1")),
    ("replica.fetch.backoff.ms", int_from(0), Some("1000")),
    ("replica.fetch.max.bytes", int_from(0), Some("1048576")),
    ("replica.fetch.min.bytes", INT, Some("1")),
    ("replica.fetch.response.max.bytes", int_from(0), Some("10485760")),
    ("replica.fetch.wait.max.ms", INT, Some("500")),
    ("replica.high.watermark.checkpoint.interval.ms", LONG, Some("5000")),
    ("replica.lag.time.max.ms", LONG, Some("30000")),
    ("replica.socket.receive.buffer.bytes", INT, Some("65536")),
    ("replica.socket.timeout.ms", INT, Some("30000")),
    ("request.timeout.ms", INT, Some("30000")),
];

const CONTROLLER: &[Row] = &[
    ("broker.heartbeat.interval.ms", INT, Some("2000")),
    ("broker.session.timeout.ms", INT, Some("9000")),
    ("controlled.shutdown.enable", Kind::Boolean, Some("true")),
    ("controller.quorum.append.linger.ms", int_from(0), Some("25")),
    ("controller.quorum.auto.join.enable", Kind::Boolean, Some("false")),
    ("controller.quorum.bootstrap.servers", Kind::List, Some("")),
    ("controller.quorum.election.backoff.max.ms", int_from(0), Some("1000")),
    ("controller.quorum.election.timeout.ms", int_from(0), Some("1000")),
    ("controller.quorum.fetch.max.bytes", int_from(1), Some("1048576")),
    ("controller.quorum.fetch.snapshot.max.bytes", int_from(1), Some("1048576")),
    ("controller.quorum.fetch.timeout.ms", int_from(0), Some("2000")),
    ("controller.quorum.request.timeout.ms", int_from(0), Some("2000")),
    ("controller.quorum.retry.backoff.ms", int_from(0), Some("20")),
    ("controller.quorum.voters", Kind::List, Some("")),
    ("controller.socket.timeout.ms", INT, Some("30000")),
    ("initial.broker.registration.timeout.ms", INT, Some("60000")),
    ("metadata.log.dir", Kind::Text, None),
    ("metadata.log.max.record.bytes.between.snapshots", long_from(1), Some("20971520")),
    ("metadata.log.max.snapshot.interval.ms", long_from(0), Some("3600000")),
    ("metadata.log.segment.bytes", int_from(8388608), Some("1073741824")),
    ("metadata.log.segment.ms", LONG, Some("604800000")),
    ("metadata.max.idle.interval.ms", int_from(0), Some("500")),
    ("metadata.max.retention.bytes", LONG, Some("104857600")),
    ("metadata.max.retention.ms", LONG, Some("604800000")),
    ("process.roles", Kind::Words(&["broker", "controller"]), None),
];

const QUOTAS: &[Row] = &[
    ("alter.log.dirs.replication.quota.window.num", int_from(1), Some("11")),
    ("alter.log.dirs.replication.quota.window.size.seconds", int_from(1), Some("1")),
    ("controller.quota.window.num", int_from(1), Some("11")),
    ("controller.quota.window.size.seconds", int_from(1), Some("1")),
    ("quota.window.num", int_from(1), Some("11")),
    ("quota.window.size.seconds", int_from(1), Some("1")),
    ("replication.quota.window.num", int_from(1), Some("11")),
    ("replication.quota.window.size.seconds", int_from(1), Some("1")),
];

const METRICS: &[Row] = &[
    ("kafka.metrics.polling.interval.secs", int_from(1), Some("10")),
    ("kafka.metrics.reporters", Kind::List, Some("")),
    ("metric.reporters", Kind::List, Some("org.apache.kafka.common.metrics.JmxReporter")),
    ("metrics.num.samples", int_from(1), Some("2")),
    ("metrics.recording.level", Kind::Text, Some("INFO")),
    ("metrics.sample.window.ms", long_from(1), Some("30000")),
    ("telemetry.max.bytes", int_from(1), Some("1048576")),
];

const WAITING: &[Row] = &[
    ("delete.records.purgatory.purge.interval.requests", INT, Some("1")),
    ("fetch.purgatory.purge.interval.requests", INT, Some("1000")),
    ("producer.purgatory.purge.interval.requests", INT, Some("1000")),
];

/// How often a ticket is renewed lets nobody believe that tickets are asked for.
const KERBEROS: &[Row] = &[
    ("sasl.kerberos.kinit.cmd", Kind::Text, Some("/usr/bin/kinit")),
    ("sasl.kerberos.min.time.before.relogin", LONG, Some("60000")),
    ("sasl.kerberos.ticket.renew.jitter", DOUBLE, Some("0.05")),
    ("sasl.kerberos.ticket.renew.window.factor", DOUBLE, Some("0.8")),
];

const SHARE: &[Row] = &[
    ("group.share.assignment.interval.ms", int_from(0), Some("1000")),
    ("group.share.assignors", Kind::List, Some("simple")),
    ("group.share.delivery.count.limit", int(2, 10), Some("5")),
    ("group.share.heartbeat.interval.ms", int_from(1), Some("5000")),
    ("group.share.max.assignment.interval.ms", int_from(0), Some("15000")),
    ("group.share.max.delivery.count.limit", int(5, 25), Some("10")),
    ("group.share.max.heartbeat.interval.ms", int_from(1), Some("15000")),
    ("group.share.max.partition.max.record.locks", int(2000, 10000), Some("4000")),
    ("group.share.max.record.lock.duration.ms", int(30000, 3600000), Some("60000")),
    ("group.share.max.session.timeout.ms", int_from(1), Some("60000")),
    ("group.share.max.share.sessions", int_from(1), Some("2000")),
    ("group.share.max.size", int(1, 1000), Some("200")),
    ("group.share.min.assignment.interval.ms", int_from(0), Some("0")),
    ("group.share.min.delivery.count.limit", int(2, 5), Some("2")),
    ("group.share.min.heartbeat.interval.ms", int_from(1), Some("5000")),
    ("group.share.min.partition.max.record.locks", int(100, 2000), Some("100")),
    ("group.share.min.record.lock.duration.ms", int(1000, 30000), Some("15000")),
    ("group.share.min.session.timeout.ms", int_from(1), Some("45000")),
    ("group.share.partition.max.record.locks", int(100, 10000), Some("2000")),
    ("group.share.record.lock.duration.ms", int(1000, 3600000), Some("30000")),
    ("group.share.session.timeout.ms", int_from(1), Some("45000")),
    ("share.coordinator.append.linger.ms", int_from(-1), Some("-1")),
    ("share.coordinator.cached.buffer.max.bytes", int_from(524288), Some("1048588")),
    ("share.coordinator.load.buffer.size", int_from(1), Some("5242880")),
    ("share.coordinator.snapshot.update.records.per.snapshot", int(0, 500), Some("500")),
    ("share.coordinator.state.topic.compression.codec", INT, Some("0")),
    ("share.coordinator.state.topic.min.isr", short(1), Some("2")),
    ("share.coordinator.state.topic.num.partitions", int_from(1), Some("50")),
    ("share.coordinator.state.topic.replication.factor", short(1), Some("3")),
    ("share.coordinator.state.topic.segment.bytes", int_from(1), Some("104857600")),
    ("share.coordinator.threads", int_from(1), Some("1")),
    ("share.coordinator.write.timeout.ms", int_from(1), Some("5000")),
    ("share.fetch.purgatory.purge.interval.requests", INT, Some("1000")),
];

const STREAMS: &[Row] = &[
    ("group.streams.assignment.interval.ms", int_from(0), Some("1000")),
    ("group.streams.heartbeat.interval.ms", int_from(1), Some("5000")),
    ("group.streams.initial.rebalance.delay.ms", int_from(0), Some("3000")),
    ("group.streams.max.assignment.interval.ms", int_from(0), Some("15000")),
    ("group.streams.max.heartbeat.interval.ms", int_from(1), Some("15000")),
    ("group.streams.max.session.timeout.ms", int_from(1), Some("60000")),
    ("group.streams.max.size", int_from(1), Some("2147483647")),
    ("group.streams.max.standby.replicas", int_from(0), Some("2")),
    ("group.streams.min.assignment.interval.ms", int_from(0), Some("0")),
    ("group.streams.min.heartbeat.interval.ms", int_from(1), Some("5000")),
    ("group.streams.min.session.timeout.ms", int_from(1), Some("45000")),
    ("group.streams.num.standby.replicas", int_from(0), Some("0")),
    ("group.streams.session.timeout.ms", int_from(1), Some("45000")),
];

const CLIENT: &[(&str, &[Row])] = &[
    ("records are bytes, and there is no Java here", JAVA),
    ("there are no metrics yet", CLIENT_METRICS),
    ("the operating system sizes its buffers", CLIENT_SOCKETS),
    ("the client programs have no transactions", CLIENT_TRANSACTIONS),
    ("the client programs have no share groups", CLIENT_SHARE),
    ("the client programs do as their flags say", CLIENT_OTHER),
];

const JAVA: &[Row] = &[
    ("interceptor.classes", Kind::List, Some("")),
    ("key.deserializer", Kind::Class, None),
    ("key.serializer", Kind::Class, None),
    ("value.deserializer", Kind::Class, None),
    ("value.serializer", Kind::Class, None),
];

const CLIENT_METRICS: &[Row] = &[
    ("enable.metrics.push", Kind::Boolean, Some("true")),
    ("metric.reporters", Kind::List, Some("org.apache.kafka.common.metrics.JmxReporter")),
    ("metrics.num.samples", int_from(1), Some("2")),
    ("metrics.recording.level", Kind::Word(&["INFO", "DEBUG", "TRACE"]), Some("INFO")),
    ("metrics.sample.window.ms", long_from(0), Some("30000")),
];

const CLIENT_SOCKETS: &[Row] = &[
    ("connections.max.idle.ms", LONG, Some("540000")),
    ("receive.buffer.bytes", int_from(-1), Some("65536")),
    ("send.buffer.bytes", int_from(-1), Some("131072")),
];

const CLIENT_TRANSACTIONS: &[Row] = &[
    ("transaction.timeout.ms", INT, Some("60000")),
    ("transaction.two.phase.commit.enable", Kind::Boolean, Some("false")),
    ("transactional.id", Kind::Text, None),
];

const CLIENT_SHARE: &[Row] = &[
    ("share.acknowledgement.mode", Kind::Word(&["implicit", "explicit"]), Some("implicit")),
    ("share.acquire.mode", Kind::Word(&["batch_optimized", "record_limit"]), Some("batch_optimized")),
];

const CLIENT_OTHER: &[Row] = &[
    ("bootstrap.controllers", Kind::List, Some("")),
    (
        "client.dns.lookup",
        Kind::Word(&["use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"]),
        Some("use_all_dns_ips"),
    ),
    ("exclude.internal.topics", Kind::Boolean, Some("true")),
    ("max.block.ms", long_from(0), Some("60000")),
    ("max.poll.records", int_from(1), Some("500")),
    ("metadata.max.idle.ms", long_from(5000), Some("300000")),
    ("metadata.recovery.rebootstrap.trigger.ms", long_from(0), Some("300000")),
    ("metadata.recovery.strategy", Kind::AnyCaseWord(&["rebootstrap", "none"]), Some("rebootstrap")),
    ("partitioner.adaptive.partitioning.enable", Kind::Boolean, Some("true")),
    ("partitioner.availability.timeout.ms", long_from(0), Some("0")),
    ("partitioner.ignore.keys", Kind::Boolean, Some("false")),
];
