//! What can be wrong with a text command, as its reply line says it: a name, a sentence, and where one helps a
//! hint. The broker's own errors (a missing topic, an offset out of range) take the same form.

use std::fmt;

use crate::base::ErrorCode;

/// The word after `ERR`: two of the text protocol's own, else Kafka's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorName {
    UnknownCommand,
    WrongArguments,
    Kafka(ErrorCode),
}

impl ErrorName {
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorName::UnknownCommand => "UNKNOWN_COMMAND",
            ErrorName::WrongArguments => "WRONG_ARGUMENTS",
            ErrorName::Kafka(code) => code.name(),
        }
    }
}

impl fmt::Display for ErrorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One `ERR` line before it is written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} {sentence}")]
pub struct TextError {
    pub name: ErrorName,
    pub sentence: String,
    pub hint: Option<String>,
}

impl TextError {
    /// An error that Kafka has a name for.
    pub fn kafka(code: ErrorCode, sentence: impl Into<String>) -> TextError {
        TextError::named(ErrorName::Kafka(code), sentence)
    }

    /// Arguments that do not fit their command.
    pub fn wrong_arguments(sentence: impl Into<String>) -> TextError {
        TextError::named(ErrorName::WrongArguments, sentence)
    }

    /// A topic that is not there, with the one that was probably meant.
    pub fn unknown_topic(name: &str, nearest: Option<&str>) -> TextError {
        let error = TextError::kafka(ErrorCode::UnknownTopicOrPartition, name);
        match nearest {
            Some(nearest) => error.hint(format!("did you mean {nearest}?")),
            None => error,
        }
    }

    /// A line past the limit; the rest of it cannot be told from further commands, so the connection closes.
    pub fn line_too_long(limit: usize) -> TextError {
        let sentence = format!("a line has at most {limit} bytes (message.max.bytes and 4 KiB)");
        TextError::kafka(ErrorCode::MessageTooLarge, sentence).hint("this connection is closed")
    }

    pub fn hint(mut self, hint: impl Into<String>) -> TextError {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn named(name: ErrorName, sentence: impl Into<String>) -> TextError {
        TextError { name, sentence: sentence.into(), hint: None }
    }
}
