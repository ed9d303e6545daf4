//! What can be wrong with a setting. The text names the setting, what was given and what is allowed; a hint, where
//! one helps, comes apart from it, because a terminal shows it on a line of its own.

use crate::base::ErrorCode;

/// Why a setting was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("there is no {what} setting \"{name}\"")]
    Unknown { what: &'static str, name: String, nearest: Option<&'static str> },
    /// A setting of Kafka whose meaning nobody may think is in force.
    #[error("\"{name}\" is a setting of {part}, which Rafka does not have")]
    NotHere { name: String, part: &'static str },
    #[error("{name}: {given:?} is not allowed; it must be {allowed}")]
    Invalid { name: &'static str, given: String, allowed: String },
    #[error("{name}: {given:?} is not allowed: {reason}")]
    Refused { name: &'static str, given: String, reason: String },
    #[error("{0}")]
    Conflict(String),
    #[error("{0} needs a value")]
    NoValue(&'static str),
    #[error("{name} is no list, so nothing can be {done} it")]
    NotAList { name: &'static str, done: &'static str },
    #[error("{0} can't be changed while the broker runs")]
    ReadOnly(&'static str),
    #[error("\"{0}\" is no setting: it must read KEY=VALUE")]
    NoPair(String),
    #[error("line {line}: {reason}")]
    Syntax { line: usize, reason: String },
    #[error("line {line}: {error}")]
    InLine { line: usize, error: Box<ConfigError> },
}

/// A value in an error is cut here: it may be a whole file.
const SHOWN_CHARS: usize = 100;

impl ConfigError {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            ConfigError::Unknown { nearest, .. } => nearest.map(|name| format!("did you mean \"{name}\"?")),
            ConfigError::ReadOnly(name) => Some(format!("set it in the broker's file or with -X {name}=VALUE")),
            ConfigError::NotHere { .. } => Some("remove it".to_owned()),
            ConfigError::InLine { error, .. } => error.hint(),
            ConfigError::Invalid { .. }
            | ConfigError::Refused { .. }
            | ConfigError::Conflict(_)
            | ConfigError::NoValue(_)
            | ConfigError::NotAList { .. }
            | ConfigError::NoPair(_)
            | ConfigError::Syntax { .. } => None,
        }
    }

    /// Text and hint in one sentence, as a Kafka response carries it.
    pub fn sentence(&self) -> String {
        match self.hint() {
            Some(hint) => format!("{self}; {hint}"),
            None => self.to_string(),
        }
    }

    /// What a broker answers, as Kafka does.
    pub fn code(&self) -> ErrorCode {
        match self {
            ConfigError::ReadOnly(_) | ConfigError::NoValue(_) => ErrorCode::InvalidRequest,
            ConfigError::Unknown { .. }
            | ConfigError::NotHere { .. }
            | ConfigError::Invalid { .. }
            | ConfigError::Refused { .. }
            | ConfigError::Conflict(_)
            | ConfigError::NotAList { .. }
            | ConfigError::NoPair(_)
            | ConfigError::Syntax { .. }
            | ConfigError::InLine { .. } => ErrorCode::InvalidConfig,
        }
    }

    pub(super) fn at_line(self, line: usize) -> ConfigError {
        ConfigError::InLine { line, error: Box::new(self) }
    }
}

/// A given value or name as an error shows it.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
