//! How a command over several items ends: what failed is told item by item, and counted.

use std::collections::HashSet;

use crate::base::{ErrorCode, TopicName, nearest};
use crate::cli::failure::{Exit, Failure};
use crate::cli::stderr;
use crate::client::ClientError;
use crate::client::admin::{Admin, Answer, Refused};

/// Collects the failures of a command. Each is told at once, under the program's name.
#[derive(Debug)]
pub(super) struct Outcome {
    program: &'static str,
    failed: bool,
}

impl Outcome {
    pub(super) fn new(program: &'static str) -> Outcome {
        Outcome { program, failed: false }
    }

    pub(super) fn fail(&mut self, failure: &Failure) {
        stderr::failure(self.program, failure);
        self.failed = true;
    }

    /// The exit code, after the results have been printed.
    pub(super) fn end(self) -> Result<(), Failure> {
        if self.failed { Err(Failure::silent(Exit::Failed)) } else { Ok(()) }
    }
}

/// The sentence for an item that a broker refused; `action` is what was tried, as in `can't <action>: ...`.
pub(super) fn refused(action: &str, refusal: &Refused) -> Failure {
    let Refused { code, message } = refusal.clone();
    ClientError::Refused { what: format!("can't {action}"), code, message }.into()
}

/// As [`refused`], for a topic: one that is not there gets its own sentence, with the nearest that is.
pub(super) fn refused_topic(admin: &mut Admin, action: &str, topic: &TopicName, refusal: &Refused) -> Failure {
    if refusal.code != ErrorCode::UnknownTopicOrPartition {
        return refused(&format!("{action} topic \"{topic}\""), refusal);
    }
    let failure = Failure::failed(format!("topic \"{topic}\" does not exist"));
    // The hint is a courtesy; a broker that does not answer now costs no more than that.
    let topics = admin.all_topics().unwrap_or_default();
    failure.with_nearest(nearest(topic.as_str(), topics.iter().map(|t| t.name.as_str())))
}

/// Each name once, in the order given: naming a thing twice asks for it once.
pub(super) fn once(names: &[TopicName]) -> Vec<TopicName> {
    let mut seen = HashSet::new();
    names.iter().filter(|name| seen.insert(*name)).cloned().collect()
}

/// Pairs each name with its answer, telling the refused ones.
pub(super) fn keep_topics<T>(
    admin: &mut Admin,
    outcome: &mut Outcome,
    action: &str,
    names: &[TopicName],
    answers: Vec<Answer<T>>,
) -> Vec<(TopicName, T)> {
    let mut kept = Vec::new();
    for (name, answer) in names.iter().zip(answers) {
        match answer {
            Ok(value) => kept.push((name.clone(), value)),
            Err(refusal) => outcome.fail(&refused_topic(admin, action, name, &refusal)),
        }
    }
    kept
}
