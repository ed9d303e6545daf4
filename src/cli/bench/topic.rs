//! The topic that is measured on: one of our own, which goes whatever happens, or one of the user's, which stays.

use std::thread;
use std::time::{Duration, Instant};

use crate::base::{ErrorCode, TopicName};
use crate::cli::failure::Failure;
use crate::client::admin::{Admin, NewTopic, Refused};
use crate::client::{ClientConfig, ClientError, Cluster};

/// A person who looks at the topics should see whose it is.
const PREFIX: &str = "rafka-bench-";
/// A deletion that is refused for the moment is tried again so soon.
const TRIES_EVERY: Duration = Duration::from_millis(100);
const DELETED_WITHIN: Duration = Duration::from_secs(10);
/// After Ctrl-C the person wants to be gone.
const DELETED_SOON: Duration = Duration::from_millis(2500);

/// How a topic of our own is to be.
#[derive(Debug)]
pub(in crate::cli) struct NewBenchTopic {
    pub(in crate::cli) partitions: i32,
    pub(in crate::cli) replicas: Option<i16>,
    pub(in crate::cli) settings: Vec<(String, String)>,
}

/// Dropped, a topic of our own is deleted.
#[derive(Debug)]
pub(in crate::cli) struct BenchTopic {
    pub(in crate::cli) name: TopicName,
    client: ClientConfig,
    is_to_go: bool,
}

impl BenchTopic {
    /// One that is there.
    pub(in crate::cli) fn given(name: TopicName, client: &ClientConfig) -> BenchTopic {
        BenchTopic { name, client: client.clone(), is_to_go: false }
    }

    pub(in crate::cli) fn create(new: NewBenchTopic, client: &ClientConfig) -> Result<BenchTopic, Failure> {
        let number = getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()));
        let name = TopicName::new(&format!("{PREFIX}{number:016x}")).map_err(ClientError::TopicName)?;
        let mut admin = Admin::new(Cluster::connect(client.clone())?);
        // From now on it may be there, even if the answer gets lost.
        let mut topic = BenchTopic { name: name.clone(), client: client.clone(), is_to_go: true };
        let NewBenchTopic { partitions, replicas, settings } = new;
        let answers = admin.create_topics(&[NewTopic { name, partitions: Some(partitions), replicas, settings }])?;
        match answers.into_iter().next() {
            Some(Err(refused)) => {
                topic.is_to_go = false;
                Err(cannot_create(refused))
            }
            _ => Ok(topic),
        }
    }

    pub(in crate::cli) fn is_own(&self) -> bool {
        self.is_to_go
    }

    /// Deletes it if it is our own. The failure says how to do it by hand.
    pub(in crate::cli) fn end(mut self) -> Result<(), Failure> {
        if !std::mem::take(&mut self.is_to_go) {
            return Ok(());
        }
        self.delete().map_err(|why| {
            let hint = format!("rafka-admin delete-topic -y {} deletes it", self.name);
            Failure::failed(format!("topic \"{}\" can't be deleted: {why}", self.name)).with_hint(hint)
        })
    }

    fn delete(&self) -> Result<(), ClientError> {
        let is_hurried = self.client.stop.as_ref().is_some_and(|stop| stop.is_asked());
        let within = if is_hurried { DELETED_SOON } else { DELETED_WITHIN };
        let by = Instant::now() + within;
        let client = ClientConfig {
            stop: None,
            connect_timeout: self.client.connect_timeout.min(within),
            request_timeout: self.client.request_timeout.min(within),
            ..self.client.clone()
        };
        loop {
            let deleted = self.ask_deletion(client.clone());
            match deleted {
                Err(e) if e.is_retriable() && !e.is_no_broker() && Instant::now() + TRIES_EVERY < by => {
                    thread::sleep(TRIES_EVERY);
                }
                deleted => return deleted,
            }
        }
    }

    fn ask_deletion(&self, client: ClientConfig) -> Result<(), ClientError> {
        let mut admin = Admin::new(Cluster::connect(client)?);
        let answers = admin.delete_topics(std::slice::from_ref(&self.name))?;
        match answers.into_iter().next() {
            // It never came to be, or somebody was quicker.
            Some(Err(Refused { code: ErrorCode::UnknownTopicOrPartition, .. })) | Some(Ok(())) | None => Ok(()),
            Some(Err(Refused { code, message })) => {
                Err(ClientError::Refused { what: "the brokers refuse".to_owned(), code, message })
            }
        }
    }
}

impl Drop for BenchTopic {
    fn drop(&mut self) {
        if self.is_to_go {
            // Who comes here has a failure of its own to tell.
            let _ = self.delete();
        }
    }
}

fn cannot_create(Refused { code, message }: Refused) -> Failure {
    let failure =
        Failure::from(ClientError::Refused { what: "can't create a topic to measure on".to_owned(), code, message });
    match code {
        ErrorCode::TopicAuthorizationFailed | ErrorCode::ClusterAuthorizationFailed | ErrorCode::PolicyViolation => {
            failure.with_hint("--topic NAME measures on one that is there, and keeps it")
        }
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_create_no_topic_is_told_of_another_way() {
        let failure = cannot_create(Refused::new(ErrorCode::ClusterAuthorizationFailed));
        let said = "can't create a topic to measure on: not allowed on this cluster (CLUSTER_AUTHORIZATION_FAILED)";
        assert_eq!(failure.message(), Some(said));
        assert!(failure.hint().is_some_and(|hint| hint.starts_with("--topic NAME ")));
        let message = Some("Unknown topic config name: x".to_owned());
        let failure = cannot_create(Refused { code: ErrorCode::InvalidConfig, message });
        assert!(
            failure.message().is_some_and(|message| message.ends_with("INVALID_CONFIG: Unknown topic config name: x"))
        );
        assert_eq!(failure.hint(), None);
    }
}
