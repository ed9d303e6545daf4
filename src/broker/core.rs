//! What all handlers share: topics, decisions, groups, the flusher, the clock.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use parking_lot::{Mutex, MutexGuard, RwLock};

use super::catalogue::{Catalogue, Command, CommandLog, CommandLogError};
use super::cleaning::Cleaner;
use super::complaints::Complaints;
use super::data_dir::{Checkpoint, DataDir, DataDirError};
use super::fetch_sessions::FetchSessions;
use super::flusher::Flusher;
use super::group_settings::GroupSettings;
use super::groups::Coordinator;
use super::partition::Partition;
use super::reserve::Reserve;
use super::restore::{FoundNote, FoundTopic, read_decisions};
use super::topics::{Topic, TopicError, Topics};
use super::waiting::WaitList;
use crate::base::{BrokerId, Clock, LineLimit, Now, Offset, TopicName, TopicPartition};
use crate::config::{BrokerConfig, DynamicSettings, TopicConfig, TopicOverrides};
use crate::log::disk::Disk;
use crate::log::{FilePool, PartitionLog, checkpoint_many};

/// Producer ids are taken from the catalogue in blocks, as Kafka does (KIP-730).
const PRODUCER_ID_BLOCK: i64 = 1000;
/// Ids that are given out do not come near; whoever made up a higher one has it to himself.
const PRODUCER_ID_MAX: i64 = 1 << 62;

/// Files of older segments that are kept open for readers.
const OPEN_SEALED_FILES_MAX: usize = 1024;

/// Lines of the log about connections that end badly: a port scan must not fill a disk.
const CONNECTION_LINES_PER_MINUTE: u32 = 10;

/// What the outside may want to hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    TopicCreated(TopicName),
    /// At a start after a kill: so many bytes of log data were read, of so many that are known to need it.
    Recovering {
        scanned: u64,
        found: u64,
    },
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
    #[error("the files of topic \"{topic}\" can't be moved back: {source}")]
    BringBack { topic: TopicName, source: std::io::Error },
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
    /// Above every id that some partition knows.
    producer_ids_used_below: AtomicI64,
    fetch_sessions: FetchSessions,
    groups: Coordinator,
    flusher: Flusher,
    cleaner: Cleaner,
    /// Held while the checkpoints are gathered and written: an older state must not replace a newer one. Of topics whose
    /// deletion is not decided yet, and may never be, the last ones: they may be back at the next start.
    checkpoint_writer: Mutex<BTreeMap<TopicPartition, Checkpoint>>,
    /// Of checkpoints that can't be taken.
    complaints: Complaints,
    /// Of what can't be read for those who fetch. One who gets something proves nothing of the file that another
    /// lacks, so each partition is told of once until the next start.
    unread: Complaints,
    file_pool: Arc<FilePool>,
    reserve: Reserve,
    /// Of connections that the broker ends or does not take.
    connection_lines: LineLimit,
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
        let reserve = Reserve::new(Arc::clone(&disk), DataDir::reserve_path(&config.data_dir));
        let (id, cluster_id) = (config.node_id, config.cluster_id.as_deref());
        let open = || DataDir::open(Arc::clone(&disk), &config.data_dir, id, cluster_id);
        let data = reserve.spend_on(open)?;
        let (decisions, found) = read_decisions(&data, &reserve)?;
        let reserved = decisions.catalogue().producer_ids_below;
        let (chores, work) = crossbeam_channel::unbounded();
        let flusher = Flusher::new(disk);
        let core = Arc::new(Core {
            config: RwLock::new(Arc::new(config)),
            data,
            clock,
            listener,
            topics: RwLock::default(),
            decisions: Mutex::new(decisions),
            changing_directories: Mutex::default(),
            group_settings: GroupSettings::default(),
            producer_ids: Mutex::new(reserved..reserved),
            producer_ids_used_below: AtomicI64::new(0),
            fetch_sessions: FetchSessions::default(),
            groups: Coordinator::default(),
            flusher,
            cleaner: Cleaner::default(),
            checkpoint_writer: Mutex::default(),
            complaints: Complaints::default(),
            unread: Complaints::default(),
            file_pool: FilePool::new(OPEN_SEALED_FILES_MAX),
            reserve,
            connection_lines: LineLimit::per_minute(CONNECTION_LINES_PER_MINUTE),
            chores,
            stopping: AtomicBool::new(false),
            stop_list: WaitList::new(),
        });
        core.refresh_broker_settings(core.decisions().catalogue());
        core.group_settings.load(core.decisions().catalogue());
        core.open_topics()?;
        core.pass_used_producer_ids();
        core.note_topics(&found);
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

    pub fn unread(&self) -> &Complaints {
        &self.unread
    }

    /// What is kept back for when the disk is full.
    pub fn reserve(&self) -> &Reserve {
        &self.reserve
    }

    /// Makes the reserve whole if there is room, and lets everybody who was refused try again at once.
    pub(super) fn restore_reserve(&self, now: Now) {
        if self.reserve.restore(now) {
            for topic in self.topics().iter() {
                topic.partitions.iter().filter_map(|partition| partition.online()).for_each(PartitionLog::expect_room);
            }
            if self.reserve.is_spent() {
                return;
            }
            // Those of topics that were made or changed in the meantime found no room either.
            match self.data.found_topics() {
                Ok(found) => self.note_topics(&found),
                Err(error) => ::log::warn!("{} can't be listed: {error}", self.data.path().display()),
            }
        }
    }

    /// Warns of a connection, unless there were many of late.
    pub fn warn_of_connection(&self, sentence: impl FnOnce() -> String) {
        if self.connection_lines.admits(self.now()) {
            ::log::warn!("{}", sentence());
        }
    }

    /// Says how many of these warnings were left out. To be called now and then.
    pub(super) fn count_connection_warnings(&self, now: Now) {
        if let Some(lines) = self.connection_lines.left_out(now) {
            ::log::warn!("{lines} more lines about connections were left out in a minute");
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
        let used_below = self.producer_ids_used_below.load(Ordering::Acquire);
        if ids.is_empty() || ids.start < used_below {
            let mut decisions = self.decisions();
            let from = decisions.catalogue().producer_ids_below.max(used_below);
            let command = Command::ReserveProducerIds { below: from + PRODUCER_ID_BLOCK };
            self.reserve.spend_common_on(|| decisions.decide(&command))?;
            *ids = from..from + PRODUCER_ID_BLOCK;
        }
        let id = ids.start;
        ids.start += 1;
        Ok(id)
    }

    /// An id that a producer of old has must not be given to a new one, whatever the catalogue has lost: its first batches
    /// would pass for repeats.
    fn pass_used_producer_ids(&self) {
        let topics = self.topics();
        let partitions = topics.iter().flat_map(|topic| &topic.partitions);
        partitions.filter_map(|partition| partition.online()).for_each(|log| self.pass_producer_ids_of(log));
    }

    /// The same for a log that was opened later.
    pub(super) fn pass_producer_ids_of(&self, log: &PartitionLog) {
        let ids = log.producers().into_iter().map(|state| state.producer_id);
        if let Some(used) = ids.filter(|id| *id < PRODUCER_ID_MAX).max() {
            self.producer_ids_used_below.fetch_max(used + 1, Ordering::AcqRel);
        }
    }

    /// Writes what the directory of a topic carries of the catalogue; the caller holds the decisions, so that what it
    /// writes is not older than what is there. It is of use only when those are lost, so a failure costs nothing now.
    pub(super) fn note_topic(&self, decisions: &CommandLog, topic: &Topic) {
        let path = self.data.topic_note_path(&topic.name);
        if let Err(error) = topic.note(decisions.index()).write(self.data.disk().as_ref(), &path) {
            ::log::warn!("{} can't be written: {error}", path.display());
        }
    }

    /// Writes notes that are missing, damaged or behind, of what was found.
    fn note_topics(&self, found: &[FoundTopic]) {
        let known: Vec<TopicName> = self.topics().iter().map(|topic| topic.name.clone()).collect();
        for name in known {
            // They come in the order of their names.
            let at = found.binary_search_by(|topic| topic.name.cmp(&name));
            let note = at.map_or(&FoundNote::None, |at| &found[at].note);
            let decisions = self.decisions();
            let Some(topic) = self.topic(name.as_str()) else { continue };
            let path = || self.data.topic_note_path(&name);
            match note {
                FoundNote::Good(note) if note.agrees_with(&topic.note(decisions.index())) => continue,
                // That was told, and what can't be read is not written over. The next decision on the topic tries it.
                FoundNote::Unreadable => continue,
                FoundNote::Good(_) => {}
                FoundNote::None => ::log::warn!("{} is missing and is written anew", path().display()),
                FoundNote::Damaged => ::log::warn!("{} is damaged and is written anew", path().display()),
                FoundNote::OfAnother(other) => {
                    ::log::warn!("{} is that of topic \"{other}\" and is written anew", path().display());
                }
            }
            self.note_topic(&decisions, &topic);
        }
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

    /// Tries again to write the decisions anew, where that is due.
    pub(super) fn settle_decisions(&self) -> std::io::Result<()> {
        let mut decisions = self.decisions();
        if decisions.is_unsettled() { decisions.settle() } else { Ok(()) }
    }

    /// Flushes and closes everything, so that the next start needs no recovery. Called once nobody appends any more.
    pub fn close(&self) -> Result<(), String> {
        let mut first_failure = self.checkpoint_logs();
        let mut all_known = true;
        for topic in self.topics().iter() {
            for partition in &topic.partitions {
                let Some(log) = partition.online() else {
                    all_known = false;
                    continue;
                };
                if let Err(error) = log.close() {
                    ::log::error!("{}: {error}", partition.name());
                    first_failure.get_or_insert(format!("{}: {error}", partition.name()));
                }
                all_known &= log.is_vouched_for();
            }
        }
        if let Err(error) = self.write_checkpoints() {
            first_failure.get_or_insert(format!("the checkpoints can't be written: {error}"));
        }
        if let Err(error) = self.settle_decisions() {
            first_failure.get_or_insert(format!("what was decided can't be written anew: {error}"));
        }
        if let Some(failure) = first_failure {
            return Err(failure);
        }
        if !all_known {
            // Nobody has looked at what is offline, and what the disk did not let a cut do is still to be done.
            return Ok(());
        }
        self.data.note_clean_stop().map_err(|error| format!("the clean stop can't be noted: {error}"))
    }

    /// Flushes every log that has something new and moves its recovery point to its end; many share their syncs.
    /// Gives the first failure.
    pub(super) fn checkpoint_logs(&self) -> Option<String> {
        let topics = self.topics();
        let partitions = topics.iter().flat_map(|topic| &topic.partitions);
        let online = partitions.filter_map(|partition| Some((partition, partition.online()?)));
        let (partitions, logs): (Vec<_>, Vec<_>) = online.filter(|(_, log)| log.wants_checkpoint()).unzip();
        let outcomes = checkpoint_many(self.data.disk().as_ref(), &logs);
        let mut first_failure = None;
        for (partition, outcome) in partitions.into_iter().zip(outcomes) {
            partition.after_flush();
            let error = match outcome {
                Err(error) if !partition.is_deleted() => error.to_string(),
                _ => {
                    self.complaints.worked(partition.name());
                    continue;
                }
            };
            if self.complaints.failed(partition.name(), &error) {
                ::log::error!("{}: {error}", partition.name());
            }
            first_failure.get_or_insert(format!("{}: {error}", partition.name()));
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
        let undecided = self.checkpoint_writer.lock();
        let topics = self.topics();
        let partitions = || topics.iter().flat_map(|topic| &topic.partitions);
        let about_to_be = |partition: &Partition| {
            trim.filter(|(name, _)| *name == partition.name()).map_or(Offset::ZERO, |(_, before)| before)
        };
        let known = partitions().map(|partition| {
            let mut at = partition.checkpoint();
            at.log_start = at.log_start.max(about_to_be(partition));
            (partition.name().clone(), at)
        });
        let undecided_ones = undecided.iter().map(|(name, at)| (name.clone(), *at));
        self.data.write_checkpoints(&undecided_ones.chain(known).collect())?;
        // Whoever writes the next ones may do so before the log is trimmed.
        partitions().for_each(|partition| partition.promise_start(about_to_be(partition)));
        Ok(())
    }

    /// The topic is about to be out of reach: what is known of it stays known to the next start.
    pub(super) fn hold_checkpoints(&self, topic: &Topic) {
        let last = topic.partitions.iter().map(|partition| (partition.name().clone(), partition.checkpoint()));
        self.checkpoint_writer.lock().extend(last);
    }

    /// It is gone, or within reach again.
    pub(super) fn drop_checkpoints(&self, topic: &TopicName) {
        self.checkpoint_writer.lock().retain(|partition, _| partition.topic != *topic);
    }
}
