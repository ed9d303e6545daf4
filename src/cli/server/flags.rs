//! rafka-server's own flags, and which settings they stand for.
//!
//! Pure: words in, settings by their Kafka names out.

use std::path::PathBuf;

use clap::{Args, Parser, ValueHint};

use crate::base::TopicName;
use crate::cli::args::KeyValue;
use crate::cli::help;

/// The listener that nobody named, as in Kafka.
const UNNAMED: &str = "PLAINTEXT";

/// Run a broker
///
/// Speaks Kafka's protocol and a text protocol for nc on the same port. Prints a line when it accepts connections and
/// one for every topic created; its log goes to standard error. Ctrl-C or SIGTERM stops it cleanly.
#[derive(Debug, Parser)]
#[command(help_template = help::TEMPLATE, before_help = help::examples(&[
    ("rafka-server", "on 127.0.0.1:9092, data in ./data"),
    ("rafka-server --data-dir /var/lib/rafka --topic Logs:6", "with a topic of six partitions"),
    ("rafka-server --listen 0.0.0.0:9092", "for other machines too"),
    ("rafka-server --listen 127.0.0.1:0 -X flush.policy=os", "a free port, no fsync"),
    ("rafka-server --config server.properties --check", "are settings and logs sound?"),
]))]
pub(super) struct Flags {
    /// Keep data in this directory [default: data]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) data_dir: Option<PathBuf>,

    /// Accept connections here; may be given several times [default: 127.0.0.1:9092]
    ///
    /// ADDR is HOST:PORT; port 0 takes a free one. Of several listeners each but one needs a NAME.
    #[arg(long, value_name = "[NAME=]ADDR", value_parser = Endpoint::parse)]
    pub(super) listen: Vec<Endpoint>,

    /// Tell clients this address [default: the one they dialled]
    ///
    /// Needed where clients reach the broker by another address than they dial first, as behind a container's
    /// published port. NAME says for which listener.
    #[arg(long, value_name = "[NAME=]HOST:PORT", value_parser = Endpoint::parse)]
    pub(super) advertise: Vec<Endpoint>,

    /// Create this topic at the start unless it is there; may be given several times
    #[arg(long = "topic", value_name = "NAME[:PARTITIONS]", value_parser = NewTopic::parse)]
    pub(super) topics: Vec<NewTopic>,

    /// Set any setting of a broker by its Kafka name
    ///
    /// May be given several times. Flags go before the environment, that before the file, that before the default.
    #[arg(short = 'X', long = "set", value_name = "KEY=VALUE", value_parser = KeyValue::parse)]
    pub(super) set: Vec<KeyValue>,

    /// Read settings from a file in Kafka's .properties syntax
    ///
    /// The environment variable RAFKA_CONFIG says the same.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) config: Option<PathBuf>,

    #[command(flatten)]
    pub(super) instead: Instead,

    /// Log only what needs attention
    #[arg(short, long, conflicts_with = "verbose")]
    quiet: bool,

    /// Log more; twice for everything
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
}

/// What it can do instead of running.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(super) struct Instead {
    /// Check settings and logs, say what is wrong, and exit
    #[arg(long)]
    pub(super) check: bool,

    /// Print every setting with its value and where that comes from, and exit
    #[arg(long)]
    pub(super) print_config: bool,
}

/// An address, and the listener it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    name: Option<String>,
    address: String,
}

/// A topic to be created at the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewTopic {
    pub(super) name: TopicName,
    pub(super) partitions: Option<i32>,
}

impl Endpoint {
    fn parse(text: &str) -> Result<Endpoint, String> {
        let (name, address) = match text.split_once('=') {
            Some((name, address)) => (Some(name), address),
            None => (None, text),
        };
        if name.is_some_and(|name| !is_listener_name(name)) {
            return Err("a listener's name is letters, digits, '.', '_' and '-'".to_owned());
        }
        let Some((host, port)) = address.rsplit_once(':') else {
            return Err("an address is HOST:PORT, such as 127.0.0.1:9092".to_owned());
        };
        if port.parse::<u16>().is_err() {
            return Err(format!("\"{port}\" is no port; a port is a number up to 65535"));
        }
        if host.contains(':') && !(host.starts_with('[') && host.ends_with(']')) {
            return Err("an IPv6 address needs brackets, such as [::1]:9092".to_owned());
        }
        if host.contains(['/', ',', ' ']) {
            return Err(format!("\"{host}\" is no host"));
        }
        Ok(Endpoint { name: name.map(str::to_owned), address: address.to_owned() })
    }

    fn setting(&self) -> String {
        format!("{}://{}", self.name.as_deref().unwrap_or(UNNAMED), self.address)
    }
}

fn is_listener_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

impl NewTopic {
    fn parse(text: &str) -> Result<NewTopic, String> {
        let (name, partitions) = match text.split_once(':') {
            Some((name, count)) => match count.parse() {
                Ok(count) if count > 0 => (name, Some(count)),
                _ => return Err(format!("\"{count}\" is no number of partitions")),
            },
            None => (text, None),
        };
        let name = TopicName::new(name).map_err(|e| e.to_string())?;
        if name.is_internal() {
            return Err(format!("{name} is the broker's own topic"));
        }
        Ok(NewTopic { name, partitions })
    }
}

impl Flags {
    /// The settings that the flags stand for. `-X` comes last: of two flags that say something of the same setting,
    /// the one that names it counts.
    pub(super) fn settings(&self) -> Vec<(String, String)> {
        let mut settings = Vec::new();
        let mut put = |key: &str, value| settings.push((key.to_owned(), value));
        if let Some(dir) = &self.data_dir {
            put("log.dirs", dir.to_string_lossy().into_owned());
        }
        let joined = |ends: &[Endpoint]| ends.iter().map(Endpoint::setting).collect::<Vec<_>>().join(",");
        if !self.listen.is_empty() {
            put("listeners", joined(&self.listen));
        }
        if !self.advertise.is_empty() {
            put("advertised.listeners", joined(&self.advertise));
        }
        for set in &self.set {
            put(&set.key, set.value.clone());
        }
        settings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(args: &[&str]) -> Flags {
        Flags::try_parse_from([&["rafka-server"], args].concat()).expect("valid flags")
    }

    #[test]
    fn flags_stand_for_kafkas_settings() {
        let flags = flags(&[
            "--data-dir=/d",
            "--listen=0.0.0.0:9092",
            "--listen",
            "INNER=[::1]:0",
            "--advertise=INNER=kafka:9093",
            "-Xnum.partitions=3",
        ]);
        let settings: Vec<String> = flags.settings().into_iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(
            settings,
            [
                "log.dirs=/d",
                "listeners=PLAINTEXT://0.0.0.0:9092,INNER://[::1]:0",
                "advertised.listeners=INNER://kafka:9093",
                "num.partitions=3",
            ]
        );
        assert!(super::Flags::try_parse_from(["rafka-server"]).expect("valid").settings().is_empty());
    }

    #[test]
    fn addresses_that_cannot_be_are_refused() {
        for bad in
            ["9092", "localhost", "localhost:", "localhost:99999", "::1:9092", "a b:1", "=x:1", "a/b=x:1", "h:-1"]
        {
            assert!(Endpoint::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Endpoint::parse(":9092").is_ok(), "an empty host is every address");
    }

    #[test]
    fn topics_may_name_their_partitions() {
        let topic = |text| NewTopic::parse(text).map(|t| (t.name.to_string(), t.partitions));
        assert_eq!(topic("Logs"), Ok(("Logs".to_owned(), None)));
        assert_eq!(topic("Logs:6"), Ok(("Logs".to_owned(), Some(6))));
        for bad in ["", ":6", "Logs:", "Logs:0", "Logs:x", "a b", "__consumer_offsets"] {
            assert!(topic(bad).is_err(), "{bad:?}");
        }
    }
}
