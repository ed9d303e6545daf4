//! What a measurement stands on: the cluster, the topic, the settings, and whether it is to go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::base::{PartitionId, TopicName, TopicPartition};
use crate::cli::failure::{Exit, Failure};
use crate::cli::interrupts::Interrupts;
use crate::client::producer::Acks;
use crate::client::{ClientConfig, ClientError, Cluster, ConsumerConfig, ProducerConfig, Stop, Topic};

/// After Ctrl-C, or the failure of one part, what is in flight has this long.
pub(super) const FINISH_WITHIN: Duration = Duration::from_millis(1500);
/// How long a topic that has just been created may be unknown to some broker.
const KNOWN_WITHIN: Duration = Duration::from_secs(10);
const ASKS_EVERY: Duration = Duration::from_millis(20);

/// Tells everybody to stop: when the person asks for it, or when one part has failed.
#[derive(Debug)]
pub(in crate::cli) struct Halt {
    interrupts: Interrupts,
    has_failed: AtomicBool,
}

impl Halt {
    pub(in crate::cli) fn new(interrupts: Interrupts) -> Halt {
        Halt { interrupts, has_failed: AtomicBool::new(false) }
    }

    /// The other parts need not go on.
    pub(super) fn fail(&self) {
        self.has_failed.store(true, Ordering::SeqCst);
    }
}

impl Stop for Halt {
    fn is_asked(&self) -> bool {
        self.interrupts.is_asked() || self.has_failed.load(Ordering::SeqCst)
    }

    #[cfg(unix)]
    fn readable(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        Stop::readable(&self.interrupts)
    }
}

#[derive(Debug)]
pub(in crate::cli) struct Ground {
    /// Stops when `halt` says so.
    pub(in crate::cli) client: ClientConfig,
    pub(in crate::cli) producer: ProducerConfig,
    pub(in crate::cli) consumer: ConsumerConfig,
    pub(in crate::cli) halt: Arc<Halt>,
    pub(in crate::cli) topic: TopicName,
    /// Created a moment ago.
    pub(in crate::cli) is_new: bool,
    /// Bytes of a record's value.
    pub(in crate::cli) size: usize,
}

impl Ground {
    /// A connection to a cluster that knows the topic.
    pub(in crate::cli) fn connect_to_topic(&self) -> Result<(Cluster, Topic), ClientError> {
        let mut cluster = Cluster::connect(self.client.clone())?;
        let by = Instant::now() + KNOWN_WITHIN;
        loop {
            match cluster.topic(&self.topic, false) {
                Err(ClientError::UnknownTopic { .. }) if self.is_new && Instant::now() < by => {
                    cluster.pause(ASKS_EVERY)?;
                }
                found => return found.map(|topic| (cluster, topic)),
            }
        }
    }

    pub(super) fn places(&self, topic: &Topic) -> Vec<TopicPartition> {
        let place = |number| TopicPartition { topic: self.topic.clone(), partition: PartitionId(number) };
        (0..topic.partition_count()).map(place).collect()
    }

    pub(super) fn knows_acks(&self) -> bool {
        self.producer.acks != Acks::None
    }
}

/// An error after the beginning: exit code 3 is for brokers that never answered.
pub(super) fn midway(error: ClientError) -> Failure {
    let failure = Failure::from(error);
    match (failure.exit(), failure.message(), failure.hint()) {
        (Exit::NoBroker, Some(message), Some(hint)) => Failure::failed(message).with_hint(hint),
        (Exit::NoBroker, Some(message), None) => Failure::failed(message),
        _ => failure,
    }
}
