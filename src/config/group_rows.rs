//! The settings of a group: every one of Kafka 4.3 (its class GroupConfig). A group follows the broker's
//! `group.consumer.*` and their kin where it sets nothing itself.

use super::kind::{Kind, int, int_from};
use super::setting::{Setting, Synonym};

const SHARE: &str = "there are no share groups";
const STREAMS: &str = "there are no streams groups";

pub(super) fn rows() -> Vec<Setting> {
    let mut rows = consumer();
    rows.extend(share());
    rows.extend(streams());
    rows
}

fn consumer() -> Vec<Setting> {
    vec![
        Setting::new(
            "consumer.session.timeout.ms",
            int_from(1),
            "45000",
            "After how many milliseconds without a heartbeat a member of a consumer group (KIP-848) is taken for gone. \
             Within the broker's group.consumer.min.session.timeout.ms and group.consumer.max.session.timeout.ms.",
        )
        .from(&[Synonym::same("group.consumer.session.timeout.ms")]),
        Setting::new(
            "consumer.heartbeat.interval.ms",
            int_from(1),
            "5000",
            "The time between two heartbeats, in milliseconds, that members of a consumer group (KIP-848) are told. Within \
             the broker's group.consumer.min.heartbeat.interval.ms and group.consumer.max.heartbeat.interval.ms.",
        )
        .from(&[Synonym::same("group.consumer.heartbeat.interval.ms")]),
        Setting::new("consumer.assignment.interval.ms", int_from(0), "1000", "The time between two assignments.")
            .from(&[Synonym::same("group.consumer.assignment.interval.ms")])
            .stored("an assignment is worked out when something changes"),
    ]
}

fn share() -> Vec<Setting> {
    let isolation = Kind::Word(&["read_committed", "read_uncommitted"]);
    let rows = [
        ("share.assignment.interval.ms", int_from(0), "1000", Some("group.share.assignment.interval.ms")),
        ("share.auto.offset.reset", Kind::Text, "latest", None),
        ("share.delivery.count.limit", int(2, 10), "5", Some("group.share.delivery.count.limit")),
        ("share.heartbeat.interval.ms", int_from(1), "5000", Some("group.share.heartbeat.interval.ms")),
        ("share.isolation.level", isolation, "read_uncommitted", None),
        ("share.partition.max.record.locks", int(100, 10000), "2000", Some("group.share.partition.max.record.locks")),
        ("share.record.lock.duration.ms", int(1000, 3_600_000), "30000", Some("group.share.record.lock.duration.ms")),
        ("share.renew.acknowledge.enable", Kind::Boolean, "true", None),
        ("share.session.timeout.ms", int_from(1), "45000", Some("group.share.session.timeout.ms")),
    ];
    rows.into_iter().map(|(name, kind, default, of_broker)| stored(name, kind, default, of_broker, SHARE)).collect()
}

fn streams() -> Vec<Setting> {
    let rows = [
        ("streams.assignment.interval.ms", int_from(0), "1000", "group.streams.assignment.interval.ms"),
        ("streams.heartbeat.interval.ms", int_from(1), "5000", "group.streams.heartbeat.interval.ms"),
        ("streams.initial.rebalance.delay.ms", int_from(0), "3000", "group.streams.initial.rebalance.delay.ms"),
        ("streams.num.standby.replicas", int_from(0), "0", "group.streams.num.standby.replicas"),
        ("streams.session.timeout.ms", int_from(1), "45000", "group.streams.session.timeout.ms"),
    ];
    let stored = |(name, kind, default, of_broker)| stored(name, kind, default, Some(of_broker), STREAMS);
    rows.into_iter().map(stored).collect()
}

fn stored(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    of_broker: Option<&'static str>,
    reason: &'static str,
) -> Setting {
    let synonyms: Vec<Synonym> = of_broker.into_iter().map(Synonym::same).collect();
    Setting::new(name, kind, default, "").from(&synonyms).stored(reason)
}
