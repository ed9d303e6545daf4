//! What a client is told when it starts: where, how patiently, under which name.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::poll::{self, Stop, Watch};
use super::{Address, ClientError};

/// Settings of a [`Cluster`](super::Cluster). The names behind the fields are Kafka's.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// `bootstrap.servers`: one that answers is enough.
    pub bootstrap: Vec<Address>,
    /// `client.id`.
    pub client_id: String,
    /// How long connecting and the first metadata may take, all retries together.
    pub connect_timeout: Duration,
    /// `request.timeout.ms`: how long one request may go unanswered.
    pub request_timeout: Duration,
    /// `retry.backoff.ms`: the first pause before a retry; it doubles up to `retry.backoff.max.ms`.
    pub retry_backoff: Duration,
    pub retry_backoff_max: Duration,
    /// Asks this client to stop waiting; what it was doing ends with [`ClientError::Interrupted`].
    pub stop: Option<Arc<dyn Stop>>,
}

impl ClientConfig {
    pub fn new(bootstrap: Vec<Address>) -> ClientConfig {
        ClientConfig { bootstrap, ..ClientConfig::default() }
    }

    /// The pause before retry number `attempt`, counted from 0.
    pub fn backoff(&self, attempt: u32) -> Duration {
        self.retry_backoff.saturating_mul(1 << attempt.min(20)).min(self.retry_backoff_max)
    }
}

impl Default for ClientConfig {
    fn default() -> Self {
        ClientConfig {
            bootstrap: vec![Address::new("127.0.0.1", 9092)],
            client_id: "rafka".to_owned(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
            stop: None,
        }
    }
}

/// How long a client goes on: until somebody asks it to stop; from then on, until a last moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Patience {
    stop: Option<Arc<dyn Stop>>,
    finish_by: Option<Instant>,
}

impl Patience {
    pub(crate) fn new(stop: Option<Arc<dyn Stop>>) -> Patience {
        Patience { stop, finish_by: None }
    }

    /// The question to stop has been heard: finish until then.
    pub(crate) fn finish_by(&mut self, moment: Instant) {
        self.stop = None;
        self.finish_by = Some(self.finish_by.map_or(moment, |earlier| earlier.min(moment)));
    }

    pub(crate) fn check(&self) -> Result<(), ClientError> {
        let stopped = self.stop.as_ref().is_some_and(|stop| stop.is_asked());
        let too_late = self.finish_by.is_some_and(|by| Instant::now() >= by);
        if stopped || too_late { Err(ClientError::Interrupted) } else { Ok(()) }
    }

    /// `moment`, or the last moment there is.
    pub(crate) fn bound(&self, moment: Instant) -> Instant {
        self.finish_by.map_or(moment, |by| by.min(moment))
    }

    /// Waits like [`poll::wait`], and no longer than this patience lasts.
    pub(crate) fn wait(&self, own: &mut [Watch<'_>], also: &mut [Watch<'_>], until: Option<Instant>) {
        let until = match (until, self.finish_by) {
            (Some(until), Some(by)) => Some(until.min(by)),
            (until, by) => until.or(by),
        };
        poll::wait(own, also, self.stop.as_deref(), until);
    }

    /// Sleeps, unless asked to stop meanwhile.
    pub(crate) fn pause(&self, length: Duration) -> Result<(), ClientError> {
        let until = self.bound(Instant::now() + length);
        while Instant::now() < until {
            self.check()?;
            self.wait(&mut [], &mut [], Some(until));
        }
        self.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_bound() {
        let config = ClientConfig::default();
        assert_eq!(config.backoff(0), Duration::from_millis(100));
        assert_eq!(config.backoff(2), Duration::from_millis(400));
        assert_eq!(config.backoff(50), Duration::from_secs(1));
    }

    #[test]
    fn patience_ends_at_its_last_moment() {
        let mut patience = Patience::default();
        assert_eq!(patience.check(), Ok(()));
        patience.finish_by(Instant::now());
        assert_eq!(patience.check(), Err(ClientError::Interrupted));
        assert_eq!(patience.pause(Duration::from_secs(60)), Err(ClientError::Interrupted));
    }
}
