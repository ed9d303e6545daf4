//! Settings by their Kafka names, gathered from where a person can put them: flag, environment, file.

use std::path::{Path, PathBuf};

use super::args::{BOOTSTRAP_ENV, CONFIG_ENV, ClientArgs};
use super::failure::{Failure, reason};
use crate::config::{ConfigError, Origin, Settings};

/// What a client program was told, the stronger before the weaker whatever the order in which it is read here.
pub fn client(args: &ClientArgs) -> Result<Settings, Failure> {
    let mut given = Settings::client();
    load_file(&mut given, args.config.as_deref())?;
    if let Ok(bootstrap) = std::env::var(BOOTSTRAP_ENV)
        && !bootstrap.is_empty()
    {
        let prefix = format!("{BOOTSTRAP_ENV}: ");
        given.set("bootstrap.servers", &bootstrap, Origin::Environment).map_err(|e| refused(&prefix, &e))?;
    }
    for set in &args.set {
        given.set(&set.key, &set.value, Origin::Flag).map_err(|e| refused("-X: ", &e))?;
    }
    if let Some(bootstrap) = &args.bootstrap {
        given.set("bootstrap.servers", bootstrap, Origin::Flag).map_err(|e| refused("-b: ", &e))?;
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

/// The sentence for a refused setting, with the place it came from in front.
pub(super) fn refused(place: &str, error: &ConfigError) -> Failure {
    let failure = Failure::usage(format!("{place}{error}"));
    match error.hint() {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}
