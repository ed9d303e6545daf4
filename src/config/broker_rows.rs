//! The settings of a broker that have an effect here. The defaults of topics (`log.*` and their kin) follow from the
//! table of topic settings; Kafka's other settings stand in `foreign_rows`.

use super::kind::{Kind, int, int_from, long_from, short};
use super::setting::Setting;
use crate::base::limits::FRAME_BYTES_MAX;

pub(super) fn rows() -> Vec<Setting> {
    let mut rows = broker();
    rows.extend(topics());
    rows.extend(network());
    rows.extend(groups());
    rows.extend(new_groups());
    rows.extend(transactions());
    rows
}

fn broker() -> Vec<Setting> {
    vec![
        Setting::new(
            "node.id",
            int_from(0),
            "1",
            "The broker's number in its cluster. Kafka has no default and demands it; one broker needs no choice.",
        ),
        Setting::unset("broker.id", int_from(-1), "The older name of node.id, which counts where that is not set."),
        Setting::unset(
            "cluster.id",
            Kind::Text,
            "The id that tells clients one cluster from another. Unset, one is drawn at the first start and kept in the data \
             directory. Kafka keeps it there only, and has no setting for it.",
        ),
        Setting::unset("broker.rack", Kind::Text, "Where the broker stands, as Metadata tells clients."),
        Setting::unset(
            "log.dirs",
            Kind::List,
            "The data directory; log.dir counts where this is unset. There is one, so a list of several is refused.",
        ),
        Setting::new(
            "log.dir",
            Kind::List,
            "data",
            "The data directory where log.dirs is unset. A directory here, not in /tmp, for a log is kept for its data.",
        )
        .kafkas("/tmp/kafka-logs"),
        Setting::new(
            "listeners",
            Kind::List,
            "PLAINTEXT://127.0.0.1:9092",
            "Where the broker listens, as NAME://HOST:PORT. Port 0 takes a free one; an empty host means every address. Only \
             this machine by default, because nobody is asked who they are. Listeners named in \
             controller.listener.names are left out.",
        )
        .kafkas("PLAINTEXT://:9092"),
        Setting::unset(
            "advertised.listeners",
            Kind::List,
            "The addresses that clients are told, as NAME://HOST:PORT, by listener. A listener without one tells the address \
             that the client dialled.",
        ),
        Setting::new(
            "listener.security.protocol.map",
            Kind::List,
            "",
            "The security protocol of each listener, as NAME:PROTOCOL. Every listener speaks PLAINTEXT, so no other is taken, \
             but for listeners in controller.listener.names.",
        )
        .kafkas("every protocol's name for itself"),
        Setting::new(
            "controller.listener.names",
            Kind::List,
            "",
            "Listeners for Kafka's controllers. This broker needs none: what is named here is not opened.",
        ),
        Setting::new(
            "log.retention.check.interval.ms",
            long_from(1),
            "300000",
            "How often, in milliseconds, retention looks for segments to remove.",
        ),
        Setting::new(
            "log.cleaner.enable",
            Kind::Boolean,
            "true",
            "Whether topics with cleanup.policy=compact are compacted. Without it they keep every record, and \
             __consumer_offsets grows with every commit.",
        ),
        Setting::new(
            "log.cleaner.backoff.ms",
            long_from(1),
            "15000",
            "How often, in milliseconds, logs are looked at that may have to be compacted.",
        )
        .dynamic(),
        Setting::new(
            "log.cleaner.dedupe.buffer.size",
            long_from(0),
            "33554432",
            "The most memory, in bytes, that the keys of a compaction take, 24 to 72 bytes each. It is taken while a log is \
             compacted, and no more of it than there are keys. Where it does not hold all keys of a log (32 MiB hold some \
             400,000), the log is gone over several times. Little by default, for a broker in a small container.",
        )
        .kafkas("134217728")
        .dynamic(),
        Setting::new(
            "log.flush.offset.checkpoint.interval.ms",
            int_from(0),
            "60000",
            "How often, in milliseconds, the broker notes up to where its logs are on disk, which bounds what a start after a \
             crash must look at.",
        ),
    ]
}

fn topics() -> Vec<Setting> {
    vec![
        Setting::new(
            "num.partitions",
            int_from(1),
            "1",
            "How many partitions a topic gets that is created without a number.",
        ),
        Setting::new(
            "auto.create.topics.enable",
            Kind::Boolean,
            "true",
            "Whether a topic is created when somebody first writes to it, or asks for it and allows it.",
        ),
        Setting::new("delete.topic.enable", Kind::Boolean, "true", "Whether topics can be deleted."),
        Setting::new(
            "default.replication.factor",
            int(1, i16::MAX as i32),
            "1",
            "How many replicas a topic gets that is created without a number. Not above accepted.replication.factor.",
        ),
        Setting::new(
            "accepted.replication.factor",
            int(1, 3),
            "1",
            "The highest replication factor that creating a topic may ask for, though one broker keeps one replica and \
             describes the topic so. For test suites that insist on 3. Not a setting of Kafka.",
        ),
    ]
}

fn network() -> Vec<Setting> {
    vec![
        Setting::new(
            "socket.request.max.bytes",
            int(1, FRAME_BYTES_MAX as i32),
            "104857600",
            "The largest request, in bytes; a larger one closes its connection. At most 128 MiB, so that its first byte \
             tells Kafka's requests from text.",
        ),
        Setting::new(
            "connections.max.idle.ms",
            long_from(1),
            "600000",
            "After how many milliseconds without a request a connection is closed.",
        ),
        Setting::new(
            "max.connections",
            int_from(0),
            "20000",
            "How many connections are open at once; more are refused. Each costs a thread; 10,000 that follow a topic were \
             measured to fit into 200 MiB. Linux has room for about 14,000 until vm.max_map_count is raised.",
        )
        .dynamic()
        .kafkas("2147483647"),
        Setting::new(
            "fetch.max.bytes",
            int_from(1024),
            "57671680",
            "The most bytes of records that one fetch is answered with, whatever it asks for. A first batch larger than that \
             is sent whole.",
        ),
        Setting::new(
            "max.incremental.fetch.session.cache.slots",
            int_from(0),
            "1000",
            "How many fetch sessions (KIP-227) are remembered; 0 has none, and every fetch names all its partitions.",
        ),
        Setting::new(
            "max.request.partition.size.limit",
            int_from(1),
            "2000",
            "How many partitions one answer to DescribeTopicPartitions describes; a client asks for the rest in a next one.",
        ),
        Setting::new(
            "text.enable",
            Kind::Boolean,
            "true",
            "Whether listeners that ask for no authentication take text commands, beside Kafka's protocol. Not a setting of \
             Kafka.",
        ),
        Setting::new(
            "text.max.pipelined.commands",
            int_from(1),
            "1000",
            "How many text commands of a connection are worked on before their replies are sent; more wait. Not a setting of \
             Kafka.",
        ),
        Setting::new(
            "text.max.reply.bytes",
            int_from(4096),
            "1048576",
            "How many bytes of text replies wait for a peer to read them before its next command is begun. Not a setting of \
             Kafka.",
        ),
    ]
}

fn groups() -> Vec<Setting> {
    vec![
        Setting::new(
            "group.initial.rebalance.delay.ms",
            int_from(0),
            "0",
            "How long, in milliseconds, the first join of an empty group waits for more members. Not at all here: who starts \
             one consumer sees records at once, and each further member costs one short rebalance.",
        )
        .kafkas("3000"),
        Setting::new(
            "group.min.session.timeout.ms",
            int_from(1),
            "6000",
            "The shortest session timeout, in milliseconds, that a member may ask for.",
        ),
        Setting::new(
            "group.max.session.timeout.ms",
            int_from(1),
            "1800000",
            "The longest session timeout, in milliseconds, that a member may ask for.",
        ),
        Setting::new("group.max.size", int_from(1), "2147483647", "How many members a classic group may have."),
        Setting::new(
            "group.coordinator.rebalance.protocols",
            Kind::Words(&["classic", "consumer", "share", "streams"]),
            "classic,consumer",
            "The group protocols offered: classic, and consumer (KIP-848). Naming the other two does not bring them.",
        )
        .kafkas("classic,consumer,streams"),
        Setting::new(
            "offsets.topic.num.partitions",
            int_from(1),
            "8",
            "How many partitions __consumer_offsets gets at its creation. 8 mean fewer files to open at a start than 50, and \
             spread the groups of one broker well enough.",
        )
        .kafkas("50"),
        Setting::new(
            "offsets.topic.segment.bytes",
            int_from(1),
            "4194304",
            "The segment size in bytes of __consumer_offsets. The newest segment is never compacted and all are read at the \
             start, so this is what a partition of it takes at least, however few groups there are: 4 MiB hold some 25,000 \
             commits and are read in milliseconds.",
        )
        .kafkas("104857600"),
        Setting::new(
            "offsets.topic.replication.factor",
            short(1),
            "1",
            "The replicas of __consumer_offsets; one broker keeps one.",
        )
        .kafkas("3")
        .stored("there is one replica"),
        Setting::new(
            "offsets.retention.minutes",
            int_from(1),
            "10080",
            "How long, in minutes, committed offsets are kept after their group has emptied (or, without members, after the \
             last commit). The default is seven days.",
        ),
        Setting::new(
            "offsets.retention.check.interval.ms",
            long_from(1),
            "600000",
            "How often, in milliseconds, expired offsets are looked for.",
        ),
        Setting::new(
            "offset.metadata.max.bytes",
            int_from(0),
            "4096",
            "How many bytes of metadata may come with a committed offset.",
        ),
    ]
}

/// Groups after KIP-848, whose timing the broker decides.
fn new_groups() -> Vec<Setting> {
    const IN_MS: &str = "in milliseconds, of a consumer group (KIP-848)";
    vec![
        Setting::new(
            "group.consumer.session.timeout.ms",
            int_from(1),
            "45000",
            &format!("The session timeout, {IN_MS}."),
        ),
        Setting::new(
            "group.consumer.min.session.timeout.ms",
            int_from(1),
            "45000",
            &format!("The shortest session timeout, {IN_MS}."),
        ),
        Setting::new(
            "group.consumer.max.session.timeout.ms",
            int_from(1),
            "60000",
            &format!("The longest session timeout, {IN_MS}."),
        ),
        Setting::new(
            "group.consumer.heartbeat.interval.ms",
            int_from(1),
            "5000",
            &format!("The time between two heartbeats, {IN_MS}. Below the session timeout."),
        ),
        Setting::new(
            "group.consumer.min.heartbeat.interval.ms",
            int_from(1),
            "5000",
            &format!("The shortest time between two heartbeats, {IN_MS}."),
        ),
        Setting::new(
            "group.consumer.max.heartbeat.interval.ms",
            int_from(1),
            "15000",
            &format!("The longest time between two heartbeats, {IN_MS}."),
        ),
        Setting::new("group.consumer.max.size", int_from(1), "2147483647", "How many members such a group may have."),
        Setting::new(
            "group.consumer.assignors",
            Kind::Words(&["uniform", "range"]),
            "uniform,range",
            "The assignors offered; the first is taken where a member asks for none.",
        ),
    ]
}

fn transactions() -> Vec<Setting> {
    vec![
        Setting::new(
            "transaction.max.timeout.ms",
            int_from(1),
            "900000",
            "The longest transaction timeout, in milliseconds, that a producer may ask for.",
        ),
        Setting::new(
            "transactional.id.expiration.ms",
            int_from(1),
            "604800000",
            "After how many idle milliseconds a transactional id is forgotten.",
        ),
        Setting::new(
            "transaction.abort.timed.out.transaction.cleanup.interval.ms",
            int_from(1),
            "10000",
            "How often, in milliseconds, transactions past their timeout are looked for and aborted.",
        ),
        Setting::new(
            "transaction.remove.expired.transaction.cleanup.interval.ms",
            int_from(1),
            "3600000",
            "How often, in milliseconds, transactional ids to forget are looked for.",
        ),
        Setting::new(
            "transaction.state.log.num.partitions",
            int_from(1),
            "8",
            "How many partitions __transaction_state gets at its creation; 8 for the reasons of \
             offsets.topic.num.partitions.",
        )
        .kafkas("50"),
        Setting::new(
            "transaction.state.log.segment.bytes",
            int_from(1),
            "104857600",
            "The segment size in bytes of __transaction_state.",
        ),
        Setting::new(
            "transaction.state.log.replication.factor",
            short(1),
            "1",
            "The replicas of __transaction_state; one broker keeps one.",
        )
        .kafkas("3")
        .stored("there is one replica"),
        Setting::new("transaction.state.log.min.isr", int_from(1), "1", "How many of them must be in sync.")
            .kafkas("2")
            .stored("there is one replica"),
        Setting::new(
            "producer.id.expiration.ms",
            int_from(1),
            "86400000",
            "After how many idle milliseconds a partition forgets an idempotent producer's last batches.",
        )
        .dynamic(),
    ]
}
