//! Settings by their Kafka names, gathered from where a person can put them: flag, environment, file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::args::{BOOTSTRAP_ENV, CONFIG_ENV, ClientArgs};
use super::failure::{Failure, reason};
use super::interrupts::Interrupts;
use crate::client::consumer::Isolation;
use crate::client::{Address, ClientConfig, ConsumerConfig, Stop};
use crate::config::{ClientSettings, ConfigError, Origin, Settings};

/// What a client program was told; a flag goes before the environment, that before the file, that before the default.
pub fn client(args: &ClientArgs) -> Result<ClientSettings, Failure> {
    Ok(ClientSettings::new(client_given(args)?)?)
}

/// How a cluster is found with these settings. With `stop`, waiting for brokers ends when the person asks for it.
pub fn client_config(settings: &ClientSettings, args: &ClientArgs, stop: Option<&Interrupts>) -> ClientConfig {
    let ms = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    ClientConfig {
        bootstrap: settings.bootstrap_servers.iter().map(|(host, port)| Address::new(host.as_str(), *port)).collect(),
        client_id: settings.client_id.clone(),
        connect_timeout: args.timeout(),
        request_timeout: ms(settings.request_timeout_ms),
        retry_backoff: ms(settings.retry_backoff_ms),
        retry_backoff_max: ms(settings.retry_backoff_max_ms),
        stop: stop.map(|interrupts| Arc::new(interrupts.clone()) as Arc<dyn Stop>),
    }
}

/// How topics are read with these settings.
pub fn consumer_config(settings: &ClientSettings) -> ConsumerConfig {
    let consumer = &settings.consumer;
    let bytes = |bytes: i32| usize::try_from(bytes).unwrap_or(0);
    ConsumerConfig {
        isolation: if consumer.read_committed { Isolation::Committed } else { Isolation::Uncommitted },
        fetch_bytes: bytes(consumer.fetch_bytes_max),
        partition_bytes: bytes(consumer.partition_bytes_max),
        fetch_bytes_min: consumer.fetch_bytes_min,
        fetch_wait: Duration::from_millis(u64::try_from(consumer.fetch_wait_max_ms).unwrap_or(0)),
        ..ConsumerConfig::default()
    }
}

fn client_given(args: &ClientArgs) -> Result<Settings, Failure> {
    let mut given = Settings::client();
    load_file(&mut given, args.config.as_deref())?;
    if let Ok(bootstrap) = std::env::var(BOOTSTRAP_ENV)
        && !bootstrap.is_empty()
    {
        let prefix = format!("{BOOTSTRAP_ENV}: ");
        given.set("bootstrap.servers", &bootstrap, Origin::Environment).map_err(|e| refused(&prefix, &e))?;
    }
    for set in &args.set {
        given.set(&set.key, &set.value, Origin::Flag)?;
    }
    if let Some(bootstrap) = &args.bootstrap {
        given.set("bootstrap.servers", bootstrap, Origin::Flag)?;
    }
    Ok(given)
}

/// Reads `--config`, or else the file that the environment names, if any.
pub(super) fn load_file(given: &mut Settings, flag: Option<&Path>) -> Result<(), Failure> {
    let from_environment = || std::env::var_os(CONFIG_ENV).filter(|path| !path.is_empty()).map(PathBuf::from);
    let Some(path) = flag.map(Path::to_owned).or_else(from_environment) else { return Ok(()) };
    let bytes = std::fs::read(&path)
        .map_err(|e| Failure::usage(format!("the settings in {} can't be read: {}", path.display(), reason(&e))))?;
    given.load(&bytes).map_err(|e| refused(&format!("{}: ", path.display()), &e))
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        refused("", &error)
    }
}

/// The sentence for a refused setting, with the place it came from in front.
pub(super) fn refused(place: &str, error: &ConfigError) -> Failure {
    let failure = Failure::usage(format!("{place}{error}"));
    match error.hint() {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}
