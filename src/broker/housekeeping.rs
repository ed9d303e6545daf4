//! What has to be done by and by: retention, rolling by time, checkpoints, commits that expire.
//!
//! Decisions take the time as an argument; the thread that calls them is the server's.

use std::collections::HashMap;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::core::Core;
use crate::base::{Now, TopicPartition};

/// How often the housekeeper looks at the clock when nothing else wakes it.
const TICK: Duration = Duration::from_secs(1);

/// Something for the housekeeper to do.
#[derive(Debug)]
pub enum Chore {
    /// Deleted topics lie in the way.
    EmptyDeleted,
    /// The last chore.
    Stop,
}

impl Core {
    /// One look at everything that depends on time: rolls and deletes segments, forgets idle producers.
    pub fn keep_house(&self, now: Now) {
        for topic in self.topics().iter() {
            for partition in &topic.partitions {
                let Some(log) = partition.online() else { continue };
                log.expire_producers(now);
                match log.retain(now, partition.high_watermark()) {
                    Ok(removed) if removed.removed_segments > 0 => {
                        self.reserve().expect_room();
                        ::log::info!(
                            "{}: removed {} segments, {} bytes; the log starts at {} now",
                            partition.name(),
                            removed.removed_segments,
                            removed.removed_bytes,
                            removed.log_start
                        );
                    }
                    Ok(_) => {}
                    Err(error) => ::log::error!("{}: {error}", partition.name()),
                }
            }
        }
    }
}

/// Flushes what `flush.ms` says has waited long enough. Looked at once per interval, so that data waits for at most
/// the interval and one look.
fn flush_by_time(core: &Core, looked_at: &mut HashMap<TopicPartition, i64>, now: Now) {
    for topic in core.topics().iter() {
        let Some(interval_ms) = topic.config.flush_ms else { continue };
        for partition in &topic.partitions {
            let Some(log) = partition.online() else { continue };
            if log.flushed_end() >= log.log_end() {
                looked_at.remove(partition.name());
                continue;
            }
            let since = *looked_at.entry(partition.name().clone()).or_insert(now.mono_ms);
            if now.mono_ms - since >= interval_ms {
                core.flusher().soon(partition);
                looked_at.remove(partition.name());
            }
        }
    }
}

/// The housekeeper's life; returns when it is told to stop.
pub fn run(core: &Core, work: &Receiver<Chore>) {
    let mut last_retention = core.now().mono_ms;
    let mut last_checkpoint = last_retention;
    let mut last_expiry = last_retention;
    let mut unflushed_since = HashMap::new();
    let mut checkpoints_fail = false;
    if let Err(error) = core.data().settle_start() {
        ::log::warn!("the data directory can't be flushed: {error}");
    }
    core.restore_reserve(core.now());
    loop {
        match work.recv_timeout(TICK) {
            Ok(Chore::EmptyDeleted) => {
                if let Err(error) = core.empty_deleted() {
                    ::log::warn!("deleted topics can't be removed from disk yet: {error}");
                }
                core.reserve().expect_room();
            }
            Ok(Chore::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {}
        }
        let now = core.now();
        core.restore_reserve(now);
        core.count_connection_warnings(now);
        core.retry_offline(now);
        core.retry_loading(now);
        // A decision waits for it, and says so if it fails.
        let _ = core.settle_decisions();
        flush_by_time(core, &mut unflushed_since, now);
        if now.mono_ms - last_retention >= core.config().retention_check_interval_ms {
            core.keep_house(now);
            last_retention = now.mono_ms;
        }
        // What need not be is not worth the last room there is.
        let is_exhausted = core.reserve().is_exhausted();
        if now.mono_ms - last_expiry >= core.config().offsets.retention_check_interval_ms && !is_exhausted {
            core.groups().forget_expired(core, now);
            last_expiry = now.mono_ms;
        }
        let is_due = now.mono_ms - last_checkpoint >= core.config().checkpoint_interval_ms;
        if is_due && !is_exhausted {
            // Failures are logged where they happen, and the partition says so to its producers.
            let _ = core.checkpoint_logs();
            let written = core.write_checkpoints();
            if let Err(error) = &written
                && !checkpoints_fail
            {
                ::log::warn!("the checkpoints can't be written: {error}; a start after a kill will take longer");
            }
            checkpoints_fail = written.is_err();
            last_checkpoint = now.mono_ms;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::base::{ManualClock, TopicName};
    use crate::broker::topics::{NewTopic, Topic};
    use crate::config::{BrokerConfig, TopicOverrides};
    use crate::log::RealDisk;
    use crate::record::{BatchBuilder, Codec, ProducerStamp, ValidBatch};

    struct Broker {
        core: Arc<Core>,
        clock: Arc<ManualClock>,
        _dir: tempfile::TempDir,
    }

    impl Broker {
        fn new() -> Broker {
            let dir = tempfile::tempdir().expect("a directory");
            let path = dir.path().display().to_string();
            let config = BrokerConfig::from_pairs([("log.dirs", path.as_str())]).expect("valid");
            let clock = Arc::new(ManualClock::at(1_700_000_000_000));
            let opened = Core::open(config, RealDisk::shared(), clock.clone(), Box::new(|_| {}));
            Broker { core: opened.expect("opens").0, clock, _dir: dir }
        }

        fn topic(&self, settings: &[(&str, &str)]) -> Arc<Topic> {
            let overrides = TopicOverrides::from_pairs(settings.iter().copied()).expect("valid");
            let new = NewTopic { overrides, ..NewTopic::default() };
            self.core.create_topic(&TopicName::new("t").expect("valid"), &new).expect("new")
        }

        fn append(&self, topic: &Topic) {
            let mut builder = BatchBuilder::new(Codec::None);
            builder.append(1_700_000_000_000, None, Some(b"x"), &[]);
            let batch = builder.finish(ProducerStamp::NONE).expect("no codec");
            let batch = ValidBatch::built_here(&batch).expect("built here");
            topic.partitions[0].append(&batch, self.core.now()).expect("appended");
        }
    }

    #[test]
    fn flush_messages_asks_for_a_flush_after_so_many_records() {
        let broker = Broker::new();
        let topic = broker.topic(&[("flush.policy", "os"), ("flush.messages", "2")]);
        broker.append(&topic);
        assert!(!topic.partitions[0].flush_is_due());
        broker.append(&topic);
        assert!(topic.partitions[0].flush_is_due());
    }

    #[test]
    fn flush_ms_asks_for_a_flush_after_so_long() {
        let broker = Broker::new();
        let topic = broker.topic(&[("flush.policy", "os"), ("flush.ms", "5000")]);
        broker.append(&topic);
        let mut looked_at = HashMap::new();
        let mut wanted_after = |ms| {
            broker.clock.advance(Duration::from_millis(ms));
            flush_by_time(&broker.core, &mut looked_at, broker.core.now());
            topic.partitions[0].flush_wanted.load(std::sync::atomic::Ordering::SeqCst)
        };
        assert!(!wanted_after(0));
        assert!(!wanted_after(4999));
        assert!(wanted_after(1));
    }

    #[test]
    fn retention_follows_the_topics_settings() {
        let broker = Broker::new();
        let topic = broker.topic(&[("segment.bytes", "100"), ("retention.ms", "1000"), ("retention.bytes", "-1")]);
        for _ in 0..5 {
            broker.append(&topic);
        }
        let start = || topic.partitions[0].log().expect("online").log_start().0;
        topic.partitions[0].log().expect("online").flush().expect("flushed");
        topic.partitions[0].after_flush();
        broker.core.keep_house(broker.core.now());
        assert_eq!(start(), 0, "nothing is too old yet");
        broker.clock.advance(Duration::from_millis(1001));
        broker.core.keep_house(broker.core.now());
        assert!(start() > 0, "what is older than retention.ms is gone");
        let change = |_: &TopicOverrides| {
            Ok(TopicOverrides::from_pairs([("segment.bytes", "100"), ("retention.ms", "-1")]).expect("valid"))
        };
        broker.core.change_topic_settings(&topic.name, change).expect("changed");
        let before = start();
        for _ in 0..5 {
            broker.append(&topic);
        }
        topic.partitions[0].log().expect("online").flush().expect("flushed");
        topic.partitions[0].after_flush();
        broker.clock.advance(Duration::from_secs(1_000_000_000));
        broker.core.keep_house(broker.core.now());
        assert_eq!(start(), before, "-1 keeps them for ever");
        let change = |_: &TopicOverrides| {
            Ok(TopicOverrides::from_pairs([("retention.ms", "-1"), ("retention.bytes", "1")]).expect("valid"))
        };
        broker.core.change_topic_settings(&topic.name, change).expect("changed");
        broker.core.keep_house(broker.core.now());
        assert!(start() > before, "what is more than retention.bytes is gone");
    }
}
