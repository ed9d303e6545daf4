//! One line becomes one command, or the error a person at `nc` can act on.
//!
//! Knows the grammar of TEXT lines and the names Kafka allows; whether a topic exists is the broker's to say.

use std::borrow::Cow;

use super::command::{Command, HelpTopic, Usage, Verb};
use super::error::{ErrorName, TextError};
use super::quote::{QuoteError, Word, Words, is_space, shown, trim_end};
use crate::base::{ErrorCode, OffsetSpec, PartitionId, TopicName, TopicNameError};

/// Reads one line, its end already removed. An empty line is no command: `Ok(None)`.
pub fn parse_line(line: &[u8]) -> Result<Option<Command>, TextError> {
    let Some(line) = without_outer_quotes(line)? else { return Ok(None) };
    let verb_end = line.iter().position(|b| is_space(*b)).unwrap_or(line.len());
    let (word, arguments) = line.split_at(verb_end);
    let verb = Verb::from_word(word).ok_or_else(|| unknown_command(word))?;
    let mut arguments = Arguments { usage: verb.usage(), words: Words::new(arguments) };
    let command = parse_arguments(verb, &mut arguments)?;
    arguments.end()?;
    Ok(Some(command))
}

/// The line without white space in front and without the one pair of quotes that may be around all of it.
/// Only white space at the end that follows such a pair is dropped: a value keeps what it ends with.
fn without_outer_quotes(line: &[u8]) -> Result<Option<&[u8]>, TextError> {
    let Some(start) = line.iter().position(|b| !is_space(*b)) else { return Ok(None) };
    let line = &line[start..];
    let Some(opened) = line.strip_prefix(b"\"") else { return Ok(Some(line)) };
    let Some(inner) = trim_end(opened).strip_suffix(b"\"") else {
        return Err(unknown_command(line).hint("a line that starts with a quote must end with one; try HELP"));
    };
    match inner.iter().position(|b| !is_space(*b)) {
        Some(start) => Ok(Some(&inner[start..])),
        None => Err(unknown_command(b"")),
    }
}

fn parse_arguments(verb: Verb, arguments: &mut Arguments<'_>) -> Result<Command, TextError> {
    Ok(match verb {
        Verb::Produce => {
            let (topic, partition) = arguments.topic_and_partition()?;
            let key = bytes(arguments.required()?);
            let value = match arguments.rest()? {
                Some(value) => bytes(value),
                None => {
                    let hint = "a null key is written -, an empty value \"\"";
                    return Err(arguments.missing().hint(hint));
                }
            };
            Command::Produce { topic, partition, key, value }
        }
        Verb::Consume => {
            let topic = arguments.topic()?;
            let (partition, from) = (arguments.partition()?, arguments.offset()?);
            let (max, follow) = arguments.max_and_follow()?;
            Command::Consume { topic, partition, from, max, follow }
        }
        Verb::Create => Command::Create {
            topic: arguments.topic()?,
            partitions: arguments.count("a number of partitions")?,
            replicas: arguments.count("a number of replicas")?,
        },
        Verb::Topics => Command::Topics,
        Verb::Offsets => Command::Offsets { topic: arguments.topic()? },
        Verb::Commit => Command::Commit {
            group: arguments.group()?,
            topic: arguments.topic()?,
            partition: arguments.partition()?,
            offset: arguments.offset()?,
        },
        Verb::Committed => Command::Committed { group: arguments.group()?, topic: arguments.optional_topic()? },
        Verb::Groups => Command::Groups,
        Verb::Ping => Command::Ping,
        Verb::Help => Command::Help(arguments.help_topic()?),
        Verb::Quit => Command::Quit,
    })
}

fn bytes(word: Word<'_>) -> Option<Vec<u8>> {
    match word {
        Word::Null => None,
        Word::Bytes(bytes) => Some(bytes.into_owned()),
    }
}

fn unknown_command(word: &[u8]) -> TextError {
    let error = TextError::named(ErrorName::UnknownCommand, shown(word));
    match std::str::from_utf8(word).ok().and_then(Verb::nearest) {
        Some(verb) => error.hint(format!("did you mean {}? try HELP", verb.usage().name)),
        None => error.hint("try HELP"),
    }
}

/// The arguments of one command, taken from left to right; every error names the command.
struct Arguments<'a> {
    usage: &'static Usage,
    words: Words<'a>,
}

impl<'a> Arguments<'a> {
    fn optional(&mut self) -> Result<Option<Word<'a>>, TextError> {
        self.words.next().map_err(|e| self.quote_error(e))
    }

    fn required(&mut self) -> Result<Word<'a>, TextError> {
        self.optional()?.ok_or_else(|| self.missing())
    }

    fn rest(&mut self) -> Result<Option<Word<'a>>, TextError> {
        self.words.rest().map_err(|e| self.quote_error(e))
    }

    /// Nothing may follow.
    fn end(&mut self) -> Result<(), TextError> {
        let Some(word) = self.optional()? else { return Ok(()) };
        let (name, extra) = (self.usage.name, word_shown(&word));
        let takes = self.usage.line();
        let takes = takes.strip_prefix(name).map_or("", str::trim_start);
        Err(TextError::wrong_arguments(match takes {
            "" => format!("{name} takes no arguments; {extra} is one"),
            takes => format!("{name} takes {takes}; {extra} is one too many"),
        }))
    }

    fn topic(&mut self) -> Result<TopicName, TextError> {
        let word = self.required()?;
        self.topic_from(word)
    }

    fn optional_topic(&mut self) -> Result<Option<TopicName>, TextError> {
        self.optional()?.map(|word| self.topic_from(word)).transpose()
    }

    fn topic_from(&self, word: Word<'_>) -> Result<TopicName, TextError> {
        let bytes = self.not_null(word, ErrorCode::InvalidTopicException, "topic")?;
        topic_name(&bytes).map_err(|error| match bytes.contains(&b'/') {
            true => error.hint(format!("only PRODUCE takes <topic>/<partition>; {}", self.usage.line())),
            false => error,
        })
    }

    fn topic_and_partition(&mut self) -> Result<(TopicName, Option<PartitionId>), TextError> {
        let word = self.required()?;
        let bytes = self.not_null(word, ErrorCode::InvalidTopicException, "topic")?;
        let Some(slash) = bytes.iter().position(|b| *b == b'/') else { return Ok((topic_name(&bytes)?, None)) };
        let partition = self.partition_from(&bytes[slash + 1..])?;
        Ok((topic_name(&bytes[..slash])?, Some(partition)))
    }

    fn partition(&mut self) -> Result<PartitionId, TextError> {
        let word = self.required()?;
        self.partition_from(&plain(word))
    }

    fn partition_from(&self, bytes: &[u8]) -> Result<PartitionId, TextError> {
        number(bytes).map(PartitionId).ok_or_else(|| self.wrong(bytes, "a partition", "a number from 0 on"))
    }

    fn offset(&mut self) -> Result<OffsetSpec, TextError> {
        let word = plain(self.required()?);
        let lower = word.to_ascii_lowercase();
        match std::str::from_utf8(&lower).ok().and_then(OffsetSpec::parse) {
            // What a group stored is COMMITTED's to show; a reader at nc belongs to no group.
            None | Some(OffsetSpec::Stored) => {
                Err(self.wrong(&word, "an offset", "earliest, latest, N, -N or @milliseconds"))
            }
            Some(offset) => Ok(offset),
        }
    }

    fn max_and_follow(&mut self) -> Result<(Option<u64>, bool), TextError> {
        let is_follow = |word: &[u8]| word.eq_ignore_ascii_case(b"FOLLOW");
        let Some(word) = self.optional()?.map(plain) else { return Ok((None, false)) };
        if is_follow(&word) {
            return Ok((None, true));
        }
        let max = number(&word).ok_or_else(|| self.wrong(&word, "a number of records", "digits, or FOLLOW"))?;
        let Some(word) = self.optional()?.map(plain) else { return Ok((Some(max), false)) };
        match is_follow(&word) {
            true => Ok((Some(max), true)),
            false => Err(self.wrong(&word, "FOLLOW", "the only word after <max>")),
        }
    }

    fn count<N: std::str::FromStr>(&mut self, what: &str) -> Result<Option<N>, TextError> {
        let Some(word) = self.optional()?.map(plain) else { return Ok(None) };
        number(&word).map(Some).ok_or_else(|| self.wrong(&word, what, "digits"))
    }

    fn group(&mut self) -> Result<String, TextError> {
        let word = self.required()?;
        let bytes = self.not_null(word, ErrorCode::InvalidGroupId, "group")?;
        let invalid = |why| TextError::kafka(ErrorCode::InvalidGroupId, why);
        match String::from_utf8(bytes.into_owned()) {
            Ok(group) if group.is_empty() => Err(invalid("a group's name can't be empty".to_owned())),
            Ok(group) => Ok(group),
            Err(e) => Err(invalid(format!("a group's name is UTF-8, and {} is not", shown(e.as_bytes())))),
        }
    }

    fn help_topic(&mut self) -> Result<HelpTopic, TextError> {
        let Some(word) = self.optional()?.map(plain) else { return Ok(HelpTopic::All) };
        if word.eq_ignore_ascii_case(b"LIMITS") {
            return Ok(HelpTopic::Limits);
        }
        Verb::from_word(&word).map(HelpTopic::Verb).ok_or_else(|| unknown_command(&word))
    }

    fn not_null<'w>(&self, word: Word<'w>, code: ErrorCode, what: &str) -> Result<Cow<'w, [u8]>, TextError> {
        match word {
            Word::Bytes(bytes) => Ok(bytes),
            Word::Null => {
                let sentence = format!("- alone is null, which names no {what}");
                Err(TextError::kafka(code, sentence).hint(format!("a {what} of that name is written \"-\"")))
            }
        }
    }

    fn missing(&self) -> TextError {
        TextError::wrong_arguments(format!("{} needs {}", self.usage.name, self.usage.required))
    }

    fn wrong(&self, word: &[u8], what: &str, is: &str) -> TextError {
        TextError::wrong_arguments(format!("{}: {} is not {what}, which is {is}", self.usage.name, shown(word)))
            .hint(format!("usage: {}", self.usage.line()))
    }

    fn quote_error(&self, error: QuoteError) -> TextError {
        TextError::wrong_arguments(format!("{}: {error}", self.usage.name)).hint(error.hint())
    }
}

/// An argument for which null has no meaning of its own: `-` is then a dash.
fn plain(word: Word<'_>) -> Cow<'_, [u8]> {
    match word {
        Word::Null => Cow::Borrowed(b"-"),
        Word::Bytes(bytes) => bytes,
    }
}

fn word_shown(word: &Word<'_>) -> String {
    match word {
        Word::Null => "-".to_owned(),
        Word::Bytes(bytes) => shown(bytes),
    }
}

/// Digits only: no sign, no blanks.
fn number<N: std::str::FromStr>(bytes: &[u8]) -> Option<N> {
    if bytes.is_empty() || !bytes.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

fn topic_name(bytes: &[u8]) -> Result<TopicName, TextError> {
    let invalid = |e: TopicNameError| TextError::kafka(ErrorCode::InvalidTopicException, e.to_string());
    TopicName::new(&String::from_utf8_lossy(bytes)).map_err(invalid)
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
