//! What all handlers share: topics, decisions, groups, the flusher, the clock.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, MutexGuard, RwLock};

use super::catalogue::{Catalogue, Command, CommandLog, CommandLogError};
use super::cleaning::Cleaner;
use super::data_dir::{Checkpoint, DataDir, DataDirError};
use super::fetch_sessions::FetchSessions;
use super::flusher::Flusher;
use super::group_settings::GroupSettings;
use super::groups::Coordinator;
use super::partition::Partition;
use super::reserve::Reserve;
use super::topics::{Topic, TopicError, Topics};
use super::waiting::WaitList;
use crate::base::{BrokerId, Clock, Now, Offset, PartitionId, TopicName, TopicPartition};
use crate::config::{BrokerConfig, DynamicSettings, TopicConfig, TopicOverrides};
use crate::log::disk::Disk;
use crate::log::{FilePool, OpenAs, checkpoint_many, flush_many};

/// Producer ids are taken from the catalogue in blocks, as Kafka does (KIP-730).
const PRODUCER_ID_BLOCK: i64 = 1000;

/// Files of older segments that are kept open for readers.
const OPEN_SEALED_FILES_MAX: usize = 1024;

/// What the outside may want to hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    TopicCreated(TopicName),
}

/// Told of each event, on the thread where it happens.
pub type Listener = Box<dyn Fn(&Event) + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{0}")]
    DataDir(#[from] DataDirError),
    #[error("{path} can't be read: {source}")]
    Commands { path: String, source: std::io::Error },
    #[error("the checkpoints can't be read: {0}")]
    Checkpoints(std::io::Error),
    #[error("topic \"{topic}\" can't be opened: {source}")]
    Topic { topic: TopicName, source: TopicError },
}

pub struct Core {
    config: RwLock<Arc<BrokerConfig>>,
    data: DataDir,
    clock: Arc<dyn Clock>,
    listener: Listener,
    topics: RwLock<Arc<Topics>>,
    decisions: Mutex<CommandLog>,
    /// Held while directories of topics are made or moved; taken before `decisions`.
    changing_directories: Mutex<()>,
    group_settings: GroupSettings,
    producer_ids: Mutex<Range<i64>>,
    fetch_sessions: FetchSessions,
    groups: Coordinator,
    flusher: Flusher,
    cleaner: Cleaner,
    /// Held while the checkpoints are gathered and written: an older state must not replace a newer one.
    checkpoint_writer: Mutex<()>,
    file_pool: Arc<FilePool>,
    reserve: Reserve,
    /// Wakes the housekeeper when something waits for it.
    chores: crossbeam_channel::Sender<super::housekeeping::Chore>,
    stopping: AtomicBool,
    /// Everybody who must hear of the stop.
    pub(super) stop_list: Arc<WaitList>,
}

impl Core {
    /// Takes the data directory and opens all there is. The second half is the housekeeper's work queue.
    pub fn open(
        config: BrokerConfig,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        listener: Listener,
    ) -> Result<(Arc<Core>, crossbeam_channel::Receiver<super::housekeeping::Chore>), OpenError> {
        let data = DataDir::open(Arc::clone(&disk), &config.data_dir, config.node_id, config.cluster_id.as_deref())?;
        let path = data.commands_path();
        let opened = CommandLog::open(Arc::clone(&disk), &path)
            .map_err(|source| OpenError::Commands { path: path.display().to_string(), source })?;
        for finding in &opened.findings {
            ::log::warn!("{finding}");
        }
        let reserved = opened.log.catalogue().producer_ids_below;
        let (chores, work) = crossbeam_channel::unbounded();
        let reserve = Reserve::new(Arc::clone(&disk), data.reserve_path());
        let flusher = Flusher::new(disk);
        let core = Arc::new(Core {
            config: RwLock::new(Arc::new(config)),
            data,
            clock,
            listener,
            topics: RwLock::default(),
            decisions: Mutex::new(opened.log),
            changing_directories: Mutex::default(),
            group_settings: GroupSettings::default(),
            producer_ids: Mutex::new(reserved..reserved),
            fetch_sessions: FetchSessions::default(),
            groups: Coordinator::default(),
            flusher,
            cleaner: Cleaner::default(),
            checkpoint_writer: Mutex::default(),
            file_pool: FilePool::new(OPEN_SEALED_FILES_MAX),
            reserve,
            chores,
            stopping: AtomicBool::new(false),
            stop_list: WaitList::new(),
        });
        core.refresh_broker_settings(core.decisions().catalogue());
        core.group_settings.load(core.decisions().catalogue());
        core.open_topics()?;
        core.load_groups();
        core.remove_deleted_soon();
        Ok((core, work))
    }

    pub fn now(&self) -> Now {
        self.clock.now()
    }

    pub fn config(&self) -> Arc<BrokerConfig> {
        Arc::clone(&self.config.read())
    }

    pub fn data(&self) -> &DataDir {
        &self.data
    }

    pub fn broker_id(&self) -> BrokerId {
        self.data.broker_id
    }

    pub fn cluster_id(&self) -> &str {
        &self.data.cluster_id
    }

    pub(super) fn file_pool(&self) -> &Arc<FilePool> {
        &self.file_pool
    }

    pub(super) fn fetch_sessions(&self) -> &FetchSessions {
        &self.fetch_sessions
    }

    /// What is kept back for when the disk is full.
    pub fn reserve(&self) -> &Reserve {
        &self.reserve
    }

    /// Makes the reserve whole if there is room, and lets everybody who was refused try again at once.
    pub(super) fn restore_reserve(&self) {
        if self.reserve.restore() {
            for topic in self.topics().iter() {
                topic.partitions.iter().for_each(|partition| partition.log().expect_room());
            }
        }
    }

    pub fn flusher(&self) -> &Flusher {
        &self.flusher
    }

    pub fn cleaner(&self) -> &Cleaner {
        &self.cleaner
    }

    pub fn groups(&self) -> &Coordinator {
        &self.groups
    }

    pub fn topics(&self) -> Arc<Topics> {
        Arc::clone(&self.topics.read())
    }

    pub fn topic(&self, name: &str) -> Option<Arc<Topic>> {
        self.topics.read().get(name).map(Arc::clone)
    }

    /// The catalogue, and the lock under which it changes.
    pub fn decisions(&self) -> MutexGuard<'_, CommandLog> {
        self.decisions.lock()
    }

    pub(super) fn changing_directories(&self) -> &Mutex<()> {
        &self.changing_directories
    }

    pub fn group_settings(&self) -> &GroupSettings {
        &self.group_settings
    }

    /// What a topic with these overrides does: they stand above the broker's settings.
    pub fn topic_config(&self, name: &TopicName, overrides: &TopicOverrides) -> TopicConfig {
        if name.is_internal() {
            return super::settings::internal_topic_config(&self.config(), overrides);
        }
        TopicConfig::resolve(overrides, &self.config())
    }

    /// Puts the broker's dynamic settings, as decided, above those it was started with. The caller holds the decision
    /// lock: a topic that is deleted or changed meanwhile must not come back as it was.
    fn refresh_broker_settings(&self, catalogue: &Catalogue) {
        let none = BTreeMap::new();
        let own = catalogue.broker_settings.get(&self.data.broker_id.0).unwrap_or(&none);
        let config = DynamicSettings::new(&catalogue.cluster_settings, own)
            .and_then(|dynamic| self.config().with_dynamic(dynamic));
        match config {
            Ok(config) => *self.config.write() = Arc::new(config),
            // Checked before they were decided; another version of this program may know them otherwise.
            Err(error) => ::log::error!("the broker's dynamic settings are left out: {error}"),
        }
        let topics = self.topics();
        self.publish(|published| {
            for topic in topics.iter() {
                let config = self.topic_config(&topic.name, &topic.overrides);
                let settings = Arc::new(super::settings::partition_settings(&config, &self.config()));
                self.apply_settings(topic, &settings);
                let changed = topic.changed(topic.partitions.clone(), topic.overrides.clone(), config);
                published.insert(Arc::new(changed));
            }
        });
    }

    /// Changes the dynamic settings of one broker, or of all, and lets them take effect. What `change` is shown stays as
    /// it is until it has answered, so that of two changes at once neither is lost.
    pub fn change_broker_settings(
        &self,
        broker: Option<i32>,
        change: impl FnOnce(&BrokerConfig) -> Result<BTreeMap<String, String>, TopicError>,
    ) -> Result<(), TopicError> {
        let mut decisions = self.decisions();
        let settings = change(&self.config())?;
        let command = Command::SetBrokerSettings { broker, settings };
        self.reserve.spend_on(|| decisions.decide(&command))?;
        self.refresh_broker_settings(decisions.catalogue());
        Ok(())
    }

    /// An id that no producer ever had.
    pub fn next_producer_id(&self) -> Result<i64, CommandLogError> {
        let mut ids = self.producer_ids.lock();
        if ids.is_empty() {
            let mut decisions = self.decisions();
            let from = decisions.catalogue().producer_ids_below;
            decisions.decide(&Command::ReserveProducerIds { below: from + PRODUCER_ID_BLOCK })?;
            *ids = from..from + PRODUCER_ID_BLOCK;
        }
        let id = ids.start;
        ids.start += 1;
        Ok(id)
    }

    pub(super) fn publish<T>(&self, change: impl FnOnce(&mut Topics) -> T) -> T {
        let mut published = self.topics.write();
        change(Arc::make_mut(&mut published))
    }

    pub(super) fn announce(&self, event: Event) {
        (self.listener)(&event);
    }

    pub(super) fn chore(&self, chore: super::housekeeping::Chore) {
        // The housekeeper is gone only when the broker is.
        let _ = self.chores.send(chore);
    }

    /// The housekeeper, the groups' timers, the flusher and the cleaner end; nothing is appended any more.
    pub fn stop_chores(&self) {
        self.chore(super::housekeeping::Chore::Stop);
        self.groups.stop();
        self.flusher.stop();
        self.cleaner.stop();
    }

    pub(super) fn remove_deleted_soon(&self) {
        self.chore(super::housekeeping::Chore::EmptyDeleted);
    }

    /// Nobody waits any longer: what waits is answered as it stands, and connections end.
    pub fn begin_stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.stop_list.wake_all();
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    pub fn stop_list(&self) -> &Arc<WaitList> {
        &self.stop_list
    }

    /// Flushes and closes everything, so that the next start needs no recovery. Called once nobody appends any more.
    pub fn close(&self) -> Result<(), String> {
        let mut first_failure = self.checkpoint_logs();
        for topic in self.topics().iter() {
            for partition in &topic.partitions {
                if let Err(error) = partition.log().close() {
                    ::log::error!("{}: {error}", partition.name());
                    first_failure.get_or_insert(format!("{}: {error}", partition.name()));
                }
            }
        }
        if let Err(error) = self.write_checkpoints() {
            first_failure.get_or_insert(format!("the checkpoints can't be written: {error}"));
        }
        if let Some(failure) = first_failure {
            return Err(failure);
        }
        self.data.note_clean_stop().map_err(|error| format!("the clean stop can't be noted: {error}"))
    }

    /// Flushes every log that has something new and moves its recovery point to its end; many share their syncs.
    /// Gives the first failure.
    pub(super) fn checkpoint_logs(&self) -> Option<String> {
        let topics = self.topics();
        let mut partitions: Vec<_> = topics.iter().flat_map(|topic| &topic.partitions).collect();
        partitions.retain(|partition| partition.log().wants_checkpoint());
        let logs: Vec<_> = partitions.iter().map(|partition| partition.log()).collect();
        let outcomes = checkpoint_many(self.data.disk().as_ref(), &logs);
        let mut first_failure = None;
        for (partition, outcome) in partitions.into_iter().zip(outcomes) {
            partition.after_flush();
            if let Err(error) = outcome
                && !partition.is_deleted()
            {
                ::log::error!("{}: {error}", partition.name());
                first_failure.get_or_insert(format!("{}: {error}", partition.name()));
            }
        }
        first_failure
    }

    /// Notes how far each partition is safely on disk: what a start after a kill need not look at.
    pub(super) fn write_checkpoints(&self) -> std::io::Result<()> {
        self.write_checkpoints_with(None)
    }

    /// The same, with a log start that one partition is about to have: a trim that can't be noted must not happen, or
    /// it would be undone, or half done, after a kill.
    pub(super) fn write_checkpoints_with(&self, trim: Option<(&TopicPartition, Offset)>) -> std::io::Result<()> {
        let _one_at_a_time = self.checkpoint_writer.lock();
        let topics = self.topics();
        let partitions = topics.iter().flat_map(|topic| &topic.partitions);
        let checkpoints = partitions.map(|partition| {
            let log = partition.log();
            let (recovery_point, mut log_start) = (log.recovery_point(), log.log_start());
            if let Some((_, before)) = trim.filter(|(name, _)| *name == partition.name()) {
                log_start = log_start.max(before);
            }
            let at = Checkpoint { topic_id: partition.topic_id(), recovery_point, log_start };
            (partition.name().clone(), at)
        });
        self.data.write_checkpoints(&checkpoints.collect())
    }

    fn open_topics(&self) -> Result<(), OpenError> {
        let known = self.decisions().catalogue().topics.clone();
        self.bring_back_undecided(&known)?;
        self.report_strangers(&known);
        let stop = self.data.last_stop;
        let checkpoints = self.data.read_checkpoints().map_err(OpenError::Checkpoints)?;
        if checkpoints.is_none() && !known.is_empty() {
            ::log::warn!("the checkpoints are missing or damaged; every log is checked from its beginning");
        }
        let checkpoints = checkpoints.unwrap_or_default();
        let open = |name: &TopicName, entry: &super::catalogue::TopicEntry| {
            let overrides = TopicOverrides::try_from(&entry.settings).unwrap_or_else(|error| {
                ::log::error!("the settings of topic \"{name}\" are left out: {error}");
                TopicOverrides::default()
            });
            self.open_topic(name, entry.id, &entry.epochs, overrides, &|index: PartitionId| {
                let at = checkpoints.get(&TopicPartition { topic: name.clone(), partition: index });
                // What was noted for a deleted topic of the same name says nothing of this one.
                match at.filter(|at| at.topic_id == entry.id) {
                    Some(at) => OpenAs {
                        clean: stop.clean,
                        recovery_point: at.recovery_point,
                        log_start: at.log_start,
                        pool: None,
                    },
                    None => OpenAs::unclean(),
                }
            })
            .map_err(|source| OpenError::Topic { topic: name.clone(), source })
        };
        for topic in open_in_parallel(&known, open)? {
            self.publish(|topics| topics.insert(topic));
        }
        self.flush_recovered()
    }

    /// What recovery found good may be in the page cache only: it is flushed before anybody reads it.
    fn flush_recovered(&self) -> Result<(), OpenError> {
        let topics = self.topics();
        let partitions = topics.iter().flat_map(|topic| &topic.partitions);
        let unflushed = |partition: &&Arc<Partition>| partition.log().flushed_end() < partition.log().log_end();
        let recovered: Vec<_> = partitions.filter(unflushed).collect();
        let logs: Vec<_> = recovered.iter().map(|partition| partition.log()).collect();
        for (partition, outcome) in recovered.iter().zip(flush_many(self.data.disk().as_ref(), &logs)) {
            outcome.map_err(|error| {
                let topic = partition.name().topic.clone();
                OpenError::Topic { topic, source: TopicError::from(error) }
            })?;
            partition.after_flush();
        }
        Ok(())
    }

    /// Directories that no decision knows are kept as they are.
    fn report_strangers(&self, known: &BTreeMap<TopicName, super::catalogue::TopicEntry>) {
        for name in self.data.topic_directories().unwrap_or_default() {
            if !known.contains_key(&name) && !self.data.is_skeleton(&name) {
                let path = self.data.topic_path(&name);
                ::log::warn!("{} belongs to no topic of this broker; it is left as it is", path.display());
            }
        }
    }
}

/// Opens topics on as many threads as there are processors: after a kill, opening reads data.
fn open_in_parallel<E: Send>(
    known: &BTreeMap<TopicName, super::catalogue::TopicEntry>,
    open: impl Fn(&TopicName, &super::catalogue::TopicEntry) -> Result<Arc<Topic>, E> + Sync,
) -> Result<Vec<Arc<Topic>>, E> {
    // In a test, what is asked of the disk comes in one order.
    let most = if cfg!(test) { 1 } else { std::thread::available_parallelism().map_or(1, usize::from) };
    let threads = most.min(known.len());
    if threads <= 1 {
        return known.iter().map(|(name, entry)| open(name, entry)).collect();
    }
    let queue = Mutex::new(known.iter());
    let work = || {
        let mut opened = Vec::new();
        loop {
            let Some((name, entry)) = queue.lock().next() else { return Ok(opened) };
            opened.push(open(name, entry)?);
        }
    };
    let results: Vec<Result<Vec<_>, E>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().expect("opening a topic does not panic")).collect()
    });
    let mut all = Vec::new();
    for opened in results {
        all.extend(opened?);
    }
    Ok(all)
}
