//! get-config and set-config.

use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use super::outcome::{refused, refused_topic};
use super::{Online, connect};
use crate::base::{BrokerId, ErrorCode, TopicName, nearest};
use crate::cli::args::KeyValue;
use crate::cli::failure::Failure;
use crate::cli::help;
use crate::cli::output::{self, Column, Report};
use crate::client::admin::{Admin, Change, ConfigEntry, ConfigOwner, Refused};

/// How long a change may take to be heard of everywhere; a value that a broker writes otherwise is shown after that.
const HEARD_WITHIN: Duration = Duration::from_secs(1);

/// Show the settings of a topic or a broker
///
/// Columns: name, value, origin (who set it, or default). A secret value is not shown. JSON tells more: whether a
/// setting is read-only, and what it is for.
#[derive(Debug, Args)]
#[command(help_template = help::TEMPLATE, before_help = help::examples(&[
    ("rafka-admin get-config topic/Payments", "all settings of a topic"),
    ("rafka-admin get-config topic/Payments retention.ms", "one of them"),
    ("rafka-admin get-config broker/1", "all settings of a broker"),
]))]
pub(super) struct Get {
    /// Whose settings: topic/NAME or broker/ID
    #[arg(value_name = "OWNER", value_parser = owner)]
    owner: ConfigOwner,

    /// Only this setting
    #[arg(value_name = "KEY")]
    key: Option<String>,
}

/// Change settings of a topic or a broker
///
/// All of them are changed, or none. Prints the settings as they are afterwards; columns as in get-config.
#[derive(Debug, Args)]
#[command(help_template = help::TEMPLATE, before_help = help::examples(&[
    ("rafka-admin set-config topic/Logs retention.ms=86400000", "keep records for a day"),
    ("rafka-admin set-config topic/Logs --unset retention.ms", "back to the default"),
]))]
pub(super) struct Set {
    /// Whose settings: topic/NAME or broker/ID
    #[arg(value_name = "OWNER", value_parser = owner)]
    owner: ConfigOwner,

    /// Settings by their Kafka names
    #[arg(value_name = "KEY=VALUE", value_parser = KeyValue::parse, required_unless_present = "unset")]
    settings: Vec<KeyValue>,

    /// Put a setting back to its default; may be given several times
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
}

/// For clap.
fn owner(text: &str) -> Result<ConfigOwner, String> {
    match text.split_once('/') {
        Some(("topic", name)) => TopicName::new(name).map(ConfigOwner::Topic).map_err(|e| e.to_string()),
        Some(("broker", id)) => match id.parse() {
            Ok(id) if id >= 0 => Ok(ConfigOwner::Broker(BrokerId(id))),
            _ => Err(format!("\"{id}\" is no broker's number; cluster-info lists them")),
        },
        _ => Err("settings belong to topic/NAME or broker/ID".to_owned()),
    }
}

#[derive(Debug, Serialize)]
struct Settings {
    settings: Vec<Setting>,
}

#[derive(Debug, Serialize)]
struct Setting {
    name: String,
    value: Option<String>,
    origin: &'static str,
    read_only: bool,
    secret: bool,
    doc: Option<String>,
}

impl Report for Settings {
    fn columns(&self) -> Vec<Column> {
        vec![Column::text("name"), Column::text("value"), Column::text("origin")]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |s: &Setting| vec![s.name.clone(), s.value.clone().unwrap_or_default(), s.origin.to_owned()];
        self.settings.iter().map(row).collect()
    }
}

impl From<ConfigEntry> for Setting {
    fn from(entry: ConfigEntry) -> Setting {
        Setting {
            name: entry.name,
            value: entry.value,
            origin: entry.origin,
            read_only: entry.is_read_only,
            secret: entry.is_secret,
            doc: entry.doc,
        }
    }
}

impl Get {
    pub(super) fn run(&self, online: &Online) -> Result<(), Failure> {
        let mut admin = connect(online)?;
        let mut entries = read(&mut admin, &self.owner)?;
        if let Some(key) = &self.key {
            if !entries.iter().any(|entry| entry.name == *key) {
                let names = entries.iter().map(|entry| entry.name.as_str());
                return Err(Failure::failed(format!("there is no setting \"{key}\"")).with_nearest(nearest(key, names)));
            }
            entries.retain(|entry| entry.name == *key);
        }
        output::print(online.output.format(), &Settings { settings: entries.into_iter().map(Setting::from).collect() })
    }
}

impl Set {
    pub(super) fn run(&self, online: &Online) -> Result<(), Failure> {
        let mut admin = connect(online)?;
        must_be_there(&mut admin, &self.owner)?;
        let set = self.settings.iter().map(|s| Change::Set(s.key.clone(), s.value.clone()));
        let unset = self.unset.iter().cloned().map(Change::Unset);
        let changes: Vec<Change> = set.chain(unset).collect();
        if let Err(refusal) = admin.change_config(&self.owner, &changes)? {
            return Err(self.told(&mut admin, &refusal)?);
        }
        let entries = self.read_back(&mut admin)?;
        output::print(online.output.format(), &Settings { settings: entries.into_iter().map(Setting::from).collect() })
    }

    /// The changed settings as they are now. Kafka's brokers hear of a change a moment after it was made.
    fn read_back(&self, admin: &mut Admin) -> Result<Vec<ConfigEntry>, Failure> {
        let deadline = Instant::now() + HEARD_WITHIN;
        loop {
            let mut entries = read(admin, &self.owner)?;
            entries.retain(|entry| self.is_asked(&entry.name));
            if entries.iter().all(|entry| self.is_done(entry)) || Instant::now() >= deadline {
                return Ok(entries);
            }
            std::thread::sleep(HEARD_WITHIN / 20);
        }
    }

    fn is_asked(&self, name: &str) -> bool {
        self.settings.iter().any(|s| s.key == name) || self.unset.iter().any(|key| key == name)
    }

    fn is_done(&self, entry: &ConfigEntry) -> bool {
        match self.settings.iter().rfind(|s| s.key == entry.name) {
            Some(set) => entry.value.as_ref() == Some(&set.value) || entry.is_secret,
            None => !matches!(
                (&self.owner, entry.origin),
                (ConfigOwner::Topic(_), "topic") | (ConfigOwner::Broker(_), "broker")
            ),
        }
    }

    /// Why a change was refused; a name that nobody knows gets the nearest known one.
    fn told(&self, admin: &mut Admin, refusal: &Refused) -> Result<Failure, Failure> {
        let mut refusal = refusal.clone();
        if !matches!(refusal.code, ErrorCode::InvalidConfig | ErrorCode::InvalidRequest) {
            return Ok(refused_owner(admin, "change", &self.owner, &refusal));
        }
        let known: Vec<String> = read(admin, &self.owner)?.into_iter().map(|entry| entry.name).collect();
        let given = self.settings.iter().map(|s| &s.key).chain(&self.unset);
        let unknown = given.into_iter().find(|key| !known.contains(key));
        let near = unknown.and_then(|key| nearest(key, known.iter().map(String::as_str)));
        if near.is_some() {
            // The broker may have guessed, too.
            refusal.message =
                refusal.message.map(|said| said.split("; did you mean").next().unwrap_or_default().to_owned());
        }
        let failure = refused_owner(admin, "change", &self.owner, &refusal);
        Ok(if near.is_some() { failure.with_nearest(near) } else { failure })
    }
}

fn read(admin: &mut Admin, owner: &ConfigOwner) -> Result<Vec<ConfigEntry>, Failure> {
    must_be_there(admin, owner)?;
    match admin.config(owner)? {
        Ok(entries) => Ok(entries),
        Err(refusal) => Err(refused_owner(admin, "read", owner, &refusal)),
    }
}

/// A broker is asked for its settings itself, so it must be there to be asked.
fn must_be_there(admin: &mut Admin, owner: &ConfigOwner) -> Result<(), Failure> {
    let ConfigOwner::Broker(id) = owner else { return Ok(()) };
    let brokers = admin.cluster_view()?.brokers;
    if brokers.iter().any(|broker| broker.id == *id) {
        return Ok(());
    }
    let ids: Vec<String> = brokers.iter().map(|broker| broker.id.to_string()).collect();
    Err(Failure::failed(format!("there is no broker {id}; there is {}", ids.join(", "))))
}

fn refused_owner(admin: &mut Admin, action: &str, owner: &ConfigOwner, refusal: &Refused) -> Failure {
    match owner {
        ConfigOwner::Topic(name) => refused_topic(admin, &format!("{action} the settings of"), name, refusal),
        ConfigOwner::Broker(id) => refused(&format!("{action} the settings of broker {id}"), refusal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_topics_and_brokers() {
        assert_eq!(owner("broker/1"), Ok(ConfigOwner::Broker(BrokerId(1))));
        assert!(matches!(owner("topic/Payments"), Ok(ConfigOwner::Topic(name)) if name.as_str() == "Payments"));
        for bad in ["Payments", "topic/", "topic/a b", "broker/x", "broker/-1", "group/g", ""] {
            assert!(owner(bad).is_err(), "{bad:?}");
        }
    }
}
