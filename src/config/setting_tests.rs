//! What holds for every row of the table.

use std::collections::BTreeSet;

use super::*;
use crate::config::{BrokerConfig, ClientSettings, GroupOverrides, TopicConfig, TopicOverrides};

fn tables() -> [&'static Table; 4] {
    [Table::topic(), Table::group(), Table::broker(), Table::client()]
}

/// A valid value other than the default.
fn another_value(row: &Setting) -> String {
    let tries = match row.kind {
        Kind::Boolean => vec!["true".to_owned(), "false".to_owned()],
        Kind::Whole { min, max, .. } => {
            let default: i64 = row.default.and_then(|d| d.parse().ok()).unwrap_or(min);
            vec![(default.saturating_add(1)).to_string(), default.saturating_sub(1).to_string(), max.to_string()]
        }
        Kind::Double { .. } => vec!["0.25".to_owned()],
        Kind::Text | Kind::Class | Kind::Password => vec!["other".to_owned()],
        Kind::Word(words) | Kind::AnyCaseWord(words) | Kind::Words(words) => {
            words.iter().map(|word| (*word).to_owned()).collect()
        }
        Kind::List => vec!["OTHER://h:1".to_owned()],
        Kind::Replicas => vec!["*".to_owned()],
    };
    let is_other =
        |value: &String| Some(value.as_str()) != row.default && row.kind.canonical(value).as_ref() == Some(value);
    tries.into_iter().find(is_other).unwrap_or_else(|| panic!("{} has one value only", row.name))
}

#[test]
fn every_default_is_a_value_in_its_one_form() {
    for row in tables().into_iter().flat_map(Table::rows) {
        if let Some(default) = row.default {
            assert_eq!(row.kind.canonical(default).as_deref(), Some(default), "{}", row.name);
        }
    }
}

#[test]
fn every_name_has_one_row() {
    let topic = topic_rows::rows();
    let mut broker = broker_rows::rows();
    broker.extend(foreign_rows::broker());
    broker.extend(topic.iter().flat_map(defaults_for_topics));
    let mut client = client_rows::rows();
    client.extend(foreign_rows::client());
    for (what, rows) in [("topic", topic), ("broker", broker), ("client", client)] {
        let mut seen = BTreeSet::new();
        for row in rows {
            assert!(seen.insert(row.name), "the {what} setting {} has two rows", row.name);
        }
    }
}

#[test]
fn a_doc_is_made_of_sentences() {
    for row in tables().into_iter().flat_map(Table::rows) {
        let doc = row.documentation();
        assert!(doc.ends_with('.') && !doc.contains("  ") && !doc.contains('\n'), "{}: {doc}", row.name);
        if row.effect == Effect::Here {
            assert!(row.doc.ends_with('.') && row.doc.starts_with(char::is_uppercase), "{}: {}", row.name, row.doc);
            let unit = row.name.ends_with(".ms") && !row.doc.contains("illisecond");
            let says_so = row.doc.contains("Like ") || !unit;
            assert!(says_so, "{} does not say its unit: {}", row.name, row.doc);
        }
    }
}

#[test]
fn every_topic_setting_of_kafka_4_3_is_there() {
    let kafka = "cleanup.policy compression.gzip.level compression.lz4.level compression.type compression.zstd.level \
        delete.retention.ms file.delete.delay.ms flush.messages flush.ms follower.replication.throttled.replicas \
        index.interval.bytes leader.replication.throttled.replicas local.retention.bytes local.retention.ms \
        max.compaction.lag.ms max.message.bytes message.timestamp.after.max.ms message.timestamp.before.max.ms \
        message.timestamp.type min.cleanable.dirty.ratio min.compaction.lag.ms min.insync.replicas preallocate \
        remote.log.copy.disable remote.log.delete.on.disable remote.storage.enable retention.bytes retention.ms \
        segment.bytes segment.index.bytes segment.jitter.ms segment.ms unclean.leader.election.enable";
    let ours: Vec<&str> = Table::topic().rows().map(|row| row.name).filter(|name| *name != "flush.policy").collect();
    assert_eq!(ours, kafka.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn a_synonym_is_a_setting_of_the_broker() {
    for topic in Table::topic().rows() {
        for synonym in &topic.synonyms {
            assert!(Table::broker().get(synonym.name).is_some(), "{}", synonym.name);
        }
    }
    let hours = Table::broker().get("log.retention.hours").expect("a row");
    assert_eq!((hours.default, hours.dynamic, hours.kind.code()), (Some("168"), false, 3));
    let ms = Table::broker().get("log.retention.ms").expect("a row");
    assert_eq!((ms.default, ms.dynamic), (None, true));
    assert_eq!(Table::broker().get("log.segment.bytes").expect("a row").default, Some("1073741824"));
}

/// A setting that says it has an effect is read into the typed configuration, and one that says it has none is not:
/// turning it to another value changes the one, and not the other.
#[test]
fn effect_means_that_somebody_reads_it() {
    let plain = format!("{:?}", TopicConfig::default());
    for row in Table::topic().rows() {
        if row.name == "remote.storage.enable" {
            continue; // Its other value is refused.
        }
        let mut pairs = vec![(row.name, another_value(row))];
        if let Some(codec) = row.name.strip_prefix("compression.").and_then(|rest| rest.strip_suffix(".level")) {
            pairs.push(("compression.type", codec.to_owned()));
        }
        let overrides = |pairs: &[(&str, String)]| TopicOverrides::from_pairs(pairs.iter().cloned()).expect("valid");
        let resolved = |pairs: &[(&str, String)]| TopicConfig::resolve(&overrides(pairs), &BrokerConfig::default());
        let without = if pairs.len() == 2 { format!("{:?}", resolved(&pairs[1..])) } else { plain.clone() };
        let changed = format!("{:?}", resolved(&pairs)) != without;
        assert_eq!(changed, row.effect == Effect::Here, "{} to {}", row.name, pairs[0].1);
    }
}

#[test]
fn a_groups_effective_settings_are_read_too() {
    let broker = BrokerConfig::from_pairs([("group.consumer.min.heartbeat.interval.ms", "1")]).expect("valid");
    for row in Table::group().rows() {
        let overrides = GroupOverrides::from_pairs([(row.name, another_value(row))]).expect("valid");
        let changed = overrides.resolve(&broker) != GroupOverrides::default().resolve(&broker);
        assert_eq!(changed, row.effect == Effect::Here, "{}", row.name);
    }
}

/// The typed fields alone; what was given is part of the Debug text too, at its end.
fn typed(debug: String) -> String {
    debug.split(", given: ").next().expect("something stands in front").to_owned()
}

#[test]
fn a_brokers_effective_settings_are_read_too() {
    // Values that only fit together with others.
    let together: &[(&str, &[(&str, &str)])] = &[
        ("default.replication.factor", &[("accepted.replication.factor", "3")]),
        ("advertised.listeners", &[("listeners", "OTHER://h:1")]),
        ("controller.listener.names", &[("listeners", "OTHER://h:1,B://h:2")]),
        ("group.consumer.session.timeout.ms", &[]),
        ("group.consumer.min.session.timeout.ms", &[("group.consumer.session.timeout.ms", "50000")]),
        ("group.consumer.min.heartbeat.interval.ms", &[("group.consumer.heartbeat.interval.ms", "6000")]),
    ];
    let read = |pairs: &[(&str, &str)]| {
        let config = BrokerConfig::from_pairs(pairs.iter().copied());
        typed(format!("{:?}", config.unwrap_or_else(|e| panic!("{pairs:?}: {e}"))))
    };
    for row in Table::broker().rows() {
        let mut value = another_value(row);
        match row.name {
            "controller.listener.names" => value = "B".to_owned(),
            "log.retention.ms" | "log.retention.minutes" => value = "5".to_owned(), // 0 is refused.
            // A map of protocols can only refuse, which the listeners' own tests show.
            "listener.security.protocol.map" => continue,
            _ => {}
        }
        let mut with: Vec<(&str, &str)> =
            together.iter().find(|(name, _)| *name == row.name).map_or(Vec::new(), |(_, with)| with.to_vec());
        if let Some(codec) = row.name.strip_prefix("compression.").and_then(|rest| rest.strip_suffix(".level")) {
            with.push(("compression.type", codec));
        }
        let without = read(&with);
        with.push((row.name, &value));
        assert_eq!(read(&with) != without, row.effect == Effect::Here, "{} to {value}", row.name);
    }
}

#[test]
fn a_clients_effective_settings_are_read_too() {
    let read = |pairs: &[(&str, &str)]| {
        let settings = ClientSettings::from_pairs(pairs.iter().copied());
        typed(format!("{:?}", settings.unwrap_or_else(|e| panic!("{pairs:?}: {e}"))))
    };
    for row in Table::client().rows() {
        if row.name == "security.protocol" {
            continue; // It has one value.
        }
        let value = match row.name {
            "acks" => "1".to_owned(),
            "bootstrap.servers" => "h:1".to_owned(),
            "max.in.flight.requests.per.connection" => "4".to_owned(),
            _ => another_value(row),
        };
        let mut with = Vec::new();
        if let Some(codec) = row.name.strip_prefix("compression.").and_then(|rest| rest.strip_suffix(".level")) {
            with.push(("compression.type", codec));
        }
        let without = read(&with);
        with.push((row.name, &value));
        assert_eq!(read(&with) != without, row.effect == Effect::Here, "{} to {value}", row.name);
    }
}

#[test]
fn a_secret_is_not_repeated_in_an_error() {
    let row = Setting::unset("a.password", Kind::Password, "A secret.");
    assert!(row.kind.is_sensitive() && row.check("x").is_ok());
}
