//! The settings of Kafka's clients that our client programs heed, under Kafka's names (`ProducerConfig`,
//! `ConsumerConfig`, `AdminClientConfig`); the rest of Kafka's stands in `foreign_rows`.

use super::kind::{Kind, int, int_from, int_or, long_from};
use super::setting::Setting;

pub(super) fn rows() -> Vec<Setting> {
    let mut rows = connection();
    rows.extend(producer());
    rows.extend(consumer());
    rows.extend(group());
    rows
}

fn connection() -> Vec<Setting> {
    vec![
        Setting::new(
            "bootstrap.servers",
            Kind::List,
            "127.0.0.1:9092",
            "Brokers to ask for the others, as HOST:PORT. Kafka demands it; without it, the broker on this machine is meant.",
        ),
        Setting::new("client.id", Kind::Text, "rafka", "How the client names itself to brokers, for their logs and quotas.")
            .kafkas(""),
        Setting::new(
            "security.protocol",
            Kind::AnyCaseWord(&["PLAINTEXT"]),
            "PLAINTEXT",
            "How brokers are talked to; there is no other way yet.",
        ),
        Setting::new(
            "request.timeout.ms",
            int_from(0),
            "30000",
            "How long, in milliseconds, an answer is waited for before the request counts as failed.",
        ),
        Setting::new(
            "socket.connection.setup.timeout.ms",
            long_from(0),
            "10000",
            "How long, in milliseconds, a connection may take to come about at the first try; it doubles from try to try.",
        ),
        Setting::new(
            "socket.connection.setup.timeout.max.ms",
            long_from(0),
            "30000",
            "The longest a connection may take, in milliseconds, after many tries.",
        ),
        Setting::new(
            "reconnect.backoff.ms",
            long_from(0),
            "50",
            "How long, in milliseconds, to wait before connecting again; it doubles from try to try.",
        ),
        Setting::new("reconnect.backoff.max.ms", long_from(0), "1000", "The longest such wait, in milliseconds."),
        Setting::new(
            "retry.backoff.ms",
            long_from(0),
            "100",
            "How long, in milliseconds, to wait before a failed request is sent again; it doubles from try to try.",
        ),
        Setting::new("retry.backoff.max.ms", long_from(0), "1000", "The longest such wait, in milliseconds."),
        Setting::new(
            "metadata.max.age.ms",
            long_from(0),
            "10000",
            "After how many milliseconds topics and brokers are asked for anew, even if nothing failed; so soon a group notices \
             new partitions.",
        )
        .kafkas("300000"),
        Setting::new(
            "default.api.timeout.ms",
            int_from(0),
            "60000",
            "How long, in milliseconds, an administrative operation may take, all its tries together.",
        ),
        Setting::new(
            "allow.auto.create.topics",
            Kind::Boolean,
            "false",
            "Whether reading a missing topic may create it, where the broker allows. No here: who reads a mistyped name \
             wants to be told.",
        )
        .kafkas("true"),
        Setting::new("client.rack", Kind::Text, "", "Where the client stands, for brokers that answer from the nearest replica."),
    ]
}

fn producer() -> Vec<Setting> {
    vec![
        Setting::new(
            "acks",
            Kind::Word(&["all", "-1", "0", "1"]),
            "all",
            "When a record counts as delivered: all, once every replica in sync has it (-1 is the same); 1, once the leader \
             has it; 0, once it is sent.",
        ),
        Setting::new(
            "enable.idempotence",
            Kind::Boolean,
            "true",
            "Whether records sent again after a failure are recognised, so that none is written twice. acks of 0 or 1 turn it \
             off, unless it is asked for, which they contradict.",
        ),
        Setting::new(
            "linger.ms",
            long_from(0),
            "0",
            "How long, in milliseconds, a record waits for others to share its batch. Not at all here: batches fill while \
             earlier ones are under way, and a lone line goes out at once.",
        )
        .kafkas("5"),
        Setting::new(
            "batch.size",
            int_from(0),
            "1000000",
            "The size in bytes at which a batch is full. Larger than Kafka's: a pipe delivers fast, and large batches are \
             what makes it quick.",
        )
        .kafkas("16384"),
        Setting::new(
            "max.request.size",
            int_from(0),
            "1048576",
            "The largest record, and the largest request, in bytes. Brokers have their own limit, message.max.bytes.",
        ),
        Setting::new(
            "buffer.memory",
            long_from(0),
            "33554432",
            "How many bytes of records wait to be sent at once; then the input waits.",
        ),
        Setting::new(
            "max.in.flight.requests.per.connection",
            int_from(1),
            "5",
            "How many produce requests are under way to a broker at once. At most 5 with enable.idempotence, which is what a \
             broker remembers.",
        ),
        Setting::new(
            "delivery.timeout.ms",
            int_from(0),
            "120000",
            "How long, in milliseconds, a record is tried for before it counts as failed.",
        ),
        Setting::new("retries", int(0, i32::MAX), "2147483647", "How often a failed request is sent again, within delivery.timeout.ms."),
        Setting::new(
            "compression.type",
            Kind::Word(&["none", "gzip", "snappy", "lz4", "zstd"]),
            "none",
            "The codec of the batches that are sent.",
        ),
        Setting::new("compression.gzip.level", int_or(1, 9, -1), "-1", "How hard gzip tries: 1 is fast, 9 is small, -1 its own choice."),
        Setting::new("compression.lz4.level", int(1, 17), "9", "How hard lz4 tries.")
            .stored("our lz4 has one level, its fastest"),
        Setting::new("compression.zstd.level", int(-131_072, 22), "3", "How hard zstd tries: low is fast, 22 is small."),
        Setting::new(
            "partitioner",
            Kind::Word(&["key-hash", "round-robin"]),
            "key-hash",
            "How a partition is chosen: key-hash, by the key's murmur2 as Java clients do, and in turn where there is no key; \
             round-robin, always in turn. Kafka's Java client takes a class instead (partitioner.class).",
        ),
    ]
}

fn consumer() -> Vec<Setting> {
    vec![
        Setting::new(
            "fetch.min.bytes",
            int_from(0),
            "1",
            "How many bytes a fetch waits for, up to fetch.max.wait.ms.",
        ),
        Setting::new("fetch.max.wait.ms", int_from(0), "500", "How long, in milliseconds, a fetch waits for fetch.min.bytes."),
        Setting::new("fetch.max.bytes", int_from(0), "52428800", "About how many bytes one fetch brings at most."),
        Setting::new(
            "max.partition.fetch.bytes",
            int_from(0),
            "1048576",
            "About how many bytes of one partition a fetch brings at most; a first batch comes whole, however large.",
        ),
        Setting::new(
            "isolation.level",
            Kind::Word(&["read_committed", "read_uncommitted"]),
            "read_committed",
            "Whether records of transactions are shown before they are committed, or though they were aborted. No here: \
             what is printed should stay true.",
        )
        .kafkas("read_uncommitted"),
        Setting::new(
            "auto.offset.reset",
            Kind::Word(&["earliest", "latest", "none"]),
            "earliest",
            "Where a group begins that has committed nothing. From the first record here, as one reads a file; none is an \
             error.",
        )
        .kafkas("latest"),
        Setting::new("check.crcs", Kind::Boolean, "true", "Whether the checksum of every batch that comes is verified."),
    ]
}

fn group() -> Vec<Setting> {
    vec![
        Setting::unset("group.id", Kind::Text, "The consumer group to join."),
        Setting::unset(
            "group.instance.id",
            Kind::Text,
            "A name of its own for a static member (KIP-345), whose short absence moves no partitions.",
        ),
        Setting::new(
            "group.protocol",
            Kind::AnyCaseWord(&["classic", "consumer"]),
            "classic",
            "Who assigns partitions: a member (classic), or the broker (consumer, KIP-848).",
        ),
        Setting::unset(
            "group.remote.assignor",
            Kind::Text,
            "The broker's assignor to ask for, where group.protocol=consumer.",
        ),
        Setting::new(
            "partition.assignment.strategy",
            Kind::Words(&ASSIGNORS),
            "cooperative-sticky,range",
            "How partitions are shared under group.protocol=classic, the preferred way first: cooperative-sticky, under which \
             members go on reading while others come and go, or range; names or Java classes. roundrobin and sticky are \
             passed over.",
        )
        .kafkas("range,cooperative-sticky"),
        Setting::new(
            "session.timeout.ms",
            int_from(1),
            "10000",
            "After how many milliseconds without a heartbeat the group goes on without this member. Heartbeats do not wait \
             for a slow pipe here, so that only a dead process is silent for long.",
        )
        .kafkas("45000"),
        Setting::new(
            "heartbeat.interval.ms",
            int_from(1),
            "250",
            "The time between two heartbeats, in milliseconds. They also tell that another member comes or goes, and so \
             decide how soon its partitions are taken over.",
        )
        .kafkas("3000"),
        Setting::new(
            "max.poll.interval.ms",
            int_from(1),
            "300000",
            "How long, in milliseconds, the group waits for this member in a rebalance. A pipe may stay full for longer: that \
             ends no membership here.",
        ),
        Setting::new(
            "enable.auto.commit",
            Kind::Boolean,
            "true",
            "Whether offsets are committed as records are dealt with.",
        ),
        Setting::new(
            "auto.commit.interval.ms",
            int_from(0),
            "5000",
            "The time between two such commits, in milliseconds.",
        ),
    ]
}

/// Short names, and the Java classes that mean the same.
const ASSIGNORS: [&str; 8] = [
    "range",
    "roundrobin",
    "sticky",
    "cooperative-sticky",
    "org.apache.kafka.clients.consumer.RangeAssignor",
    "org.apache.kafka.clients.consumer.RoundRobinAssignor",
    "org.apache.kafka.clients.consumer.StickyAssignor",
    "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
];
