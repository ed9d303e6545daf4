//! The start: every partition that was decided is opened, side by side.
//!
//! After a clean stop that reads two small files each and keeps none open; after a kill what was written since the last
//! checkpoint, on as many threads as there are processors. No partition keeps the broker from starting: one that can't
//! be opened is offline, and says so.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::catalogue::TopicEntry;
use super::core::{Core, Event, OpenError};
use super::data_dir::Checkpoint;
use super::offline::Offline;
use super::partition::{Partition, PartitionSettings};
use super::settings::partition_settings;
use super::topics::Topic;
use crate::base::{LeaderEpoch, PartitionId, TopicName, TopicPartition, Uuid};
use crate::config::{TopicConfig, TopicOverrides};
use crate::log::{LogError, OpenAs, PartitionLog, ScanProgress, flush_many};

/// After a clean stop a thread is worth its while for so many partitions.
const PARTITIONS_PER_THREAD: usize = 32;

/// A topic on its way to be opened.
struct Opening<'a> {
    name: &'a TopicName,
    entry: &'a TopicEntry,
    overrides: TopicOverrides,
    config: TopicConfig,
    settings: Arc<PartitionSettings>,
}

/// One partition to be opened.
struct Job<'a> {
    topic: &'a Opening<'a>,
    index: PartitionId,
    epoch: LeaderEpoch,
}

impl Core {
    /// Opens all topics there are.
    pub(super) fn open_topics(self: &Arc<Core>) -> Result<(), OpenError> {
        let known = self.decisions().catalogue().topics.clone();
        self.bring_back_undecided(&known)?;
        self.report_strangers(&known);
        let checkpoints = self.data().read_checkpoints().map_err(OpenError::Checkpoints)?;
        if checkpoints.is_none() && !known.is_empty() {
            ::log::warn!("the checkpoints are missing or damaged; logs may be checked from their beginning");
        }
        let checkpoints = checkpoints.unwrap_or_default();
        let openings: Vec<Opening<'_>> = known.iter().map(|(name, entry)| self.opening(name, entry)).collect();
        let jobs: Vec<Job<'_>> = openings.iter().flat_map(Opening::jobs).collect();
        let core = Arc::clone(self);
        let progress = Arc::new(ScanProgress::new(move |scanned, found| {
            core.announce(Event::Recovering { scanned, found });
        }));
        let mut opened = self.in_parallel(&jobs, |job| {
            let Opening { entry, settings, .. } = job.topic;
            let start = self.start_of(job, &checkpoints);
            self.open_or_offline(job.name(), entry.id, job.epoch, settings, start, Some(&progress))
        });
        self.flush_recovered(&opened);
        for opening in &openings {
            let rest = opened.split_off(opening.entry.epochs.len());
            let partitions = std::mem::replace(&mut opened, rest);
            let Opening { name, entry, overrides, config, .. } = opening;
            let topic = Topic::new((*name).clone(), entry.id, partitions, overrides.clone(), config.clone());
            self.publish(|topics| topics.insert(Arc::new(topic)));
        }
        Ok(())
    }

    fn opening<'a>(&self, name: &'a TopicName, entry: &'a TopicEntry) -> Opening<'a> {
        let overrides = TopicOverrides::try_from(&entry.settings).unwrap_or_else(|error| {
            ::log::error!("the settings of topic \"{name}\" are left out: {error}");
            TopicOverrides::default()
        });
        let config = self.topic_config(name, &overrides);
        let settings = Arc::new(partition_settings(&config, &self.config()));
        Opening { name, entry, overrides, config, settings }
    }

    /// How the partition was left.
    fn start_of(&self, job: &Job<'_>, checkpoints: &BTreeMap<TopicPartition, Checkpoint>) -> OpenAs {
        let at = checkpoints.get(&job.name());
        // What was noted for a deleted topic of the same name says nothing of this one.
        match at.filter(|at| at.topic_id == job.topic.entry.id) {
            Some(at) => OpenAs {
                clean: self.data().last_stop.clean,
                recovery_point: at.recovery_point,
                log_start: at.log_start,
                ..OpenAs::unclean()
            },
            None => OpenAs::unclean(),
        }
    }

    /// A partition that is known to be there, with its log if that can be had.
    pub(super) fn open_or_offline(
        &self,
        name: TopicPartition,
        topic_id: Uuid,
        epoch: LeaderEpoch,
        settings: &Arc<PartitionSettings>,
        start: OpenAs,
        progress: Option<&Arc<ScanProgress>>,
    ) -> Arc<Partition> {
        let told = OpenAs { progress: progress.cloned(), ..start.clone() };
        let log = self.open_log(&name, settings, told).map_err(|error| {
            ::log::error!("{name} can't be opened, and is offline until it can: {error}");
            Offline::new(start, &error, self.now())
        });
        Arc::new(Partition::new(name, topic_id, log, epoch, Arc::clone(settings)))
    }

    /// Opens a partition's log, and says what was found.
    pub(super) fn open_log(
        &self,
        name: &TopicPartition,
        settings: &PartitionSettings,
        start: OpenAs,
    ) -> Result<PartitionLog, LogError> {
        let path = self.data().partition_path(name);
        let disk = Arc::clone(self.data().disk());
        let start = start.with_pool(self.file_pool());
        let (log, report) = PartitionLog::open(disk, &path, settings.log.clone(), start, self.now())?;
        for finding in &report.findings {
            ::log::warn!("{name}: {finding}");
        }
        for loss in &report.losses {
            ::log::error!("{name}: {loss}");
        }
        Ok(log)
    }

    /// What recovery found good may be in the page cache only: it is flushed before anybody reads it. Where nobody waits
    /// for flushes, nobody waits for this one.
    pub(super) fn flush_recovered(&self, partitions: &[Arc<Partition>]) {
        let mut now = Vec::new();
        for partition in partitions {
            match partition.online() {
                Some(log) if log.flushed_end() < log.log_end() => match partition.settings().fsync() {
                    true => now.push((partition, log)),
                    false => self.flusher().soon(partition),
                },
                _ => {}
            }
        }
        let logs: Vec<_> = now.iter().map(|(_, log)| *log).collect();
        for ((partition, _), outcome) in now.iter().zip(flush_many(self.data().disk().as_ref(), &logs)) {
            if let Err(error) = outcome {
                ::log::error!("{}: what was written before the start can't be flushed: {error}", partition.name());
                // Its files are not asked again; what they hold is readable once the log goes on in another.
                self.flusher().soon(partition);
            }
            partition.after_flush();
        }
    }

    /// Directories that no decision knows are kept as they are.
    fn report_strangers(&self, known: &BTreeMap<TopicName, TopicEntry>) {
        for name in self.data().topic_directories().unwrap_or_default() {
            if !known.contains_key(&name) && !self.data().is_skeleton(&name) {
                let path = self.data().topic_path(&name);
                ::log::warn!("{} belongs to no topic of this broker; it is left as it is", path.display());
            }
        }
    }

    /// Does the jobs on several threads; the results come in the order of the jobs.
    fn in_parallel<J: Sync, T: Send>(&self, jobs: &[J], work: impl Fn(&J) -> T + Sync) -> Vec<T> {
        // In a test, what is asked of the disk comes in one order.
        let most = || if cfg!(test) { 1 } else { std::thread::available_parallelism().map_or(1, usize::from) };
        let worth_while = if self.data().last_stop.clean { jobs.len() / PARTITIONS_PER_THREAD } else { jobs.len() };
        // How many there are is asked of half a dozen files: not for nothing.
        let threads = if worth_while <= 1 { 1 } else { most().min(worth_while) };
        if threads <= 1 {
            return jobs.iter().map(work).collect();
        }
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            while let Some((n, job)) = Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|n| Some((n, jobs.get(n)?)))
            {
                done.push((n, work(job)));
            }
            done
        };
        let mut all: Vec<(usize, T)> = std::thread::scope(|scope| {
            // A thread that can't be had is work for the others.
            let spawn = |_| std::thread::Builder::new().name("rafka-open".to_owned()).spawn_scoped(scope, work).ok();
            let threads: Vec<_> = (1..threads).filter_map(spawn).collect();
            let mut all = work();
            threads
                .into_iter()
                .for_each(|thread| all.extend(thread.join().expect("opening a partition does not panic")));
            all
        });
        all.sort_unstable_by_key(|(n, _)| *n);
        all.into_iter().map(|(_, result)| result).collect()
    }
}

impl Opening<'_> {
    fn jobs(&self) -> impl Iterator<Item = Job<'_>> {
        let epochs = self.entry.epochs.iter();
        (0..).map(PartitionId).zip(epochs).map(|(index, epoch)| Job { topic: self, index, epoch: *epoch })
    }
}

impl Job<'_> {
    fn name(&self) -> TopicPartition {
        TopicPartition { topic: self.topic.name.clone(), partition: self.index }
    }
}

#[cfg(test)]
#[path = "opening_tests.rs"]
mod tests;
