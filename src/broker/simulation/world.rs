//! One life: a broker on a simulated disk, what is done to it, and what is done to the disk.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::chance::Chance;
use super::expected::{Expected, Fate, Held, Owed, Sent, read_all};
use super::faults::{BESIDE_THE_LOG, PARTITION_FILES};
use super::tally::Tally;
use crate::base::{Clock, ManualClock, Now, Offset, PartitionId, TopicName, TopicPartition};
use crate::broker::core::Core;
use crate::broker::groups::{Committer, OffsetValue, Pledge};
use crate::broker::partition::{Kept, Partition, Promise};
use crate::broker::topics::NewTopic;
use crate::config::{BrokerConfig, TopicOverrides};
use crate::log::memory_disk::{Lies, MemoryDisk};
use crate::log::{Disk, RecoveryRule, set_rule_of_recovery};
use crate::record::{BatchBuilder, BatchRules, Codec, ProducerStamp, ValidBatch, attributes};

const OPERATIONS: usize = 240;
const CRASHES_AT: [usize; 4] = [60, 110, 160, 210];
const START_MS: i64 = 1_700_000_000_000;
const RULES: BatchRules = BatchRules { bytes_max: 1 << 20, keys_required: false };

/// What can be left out, so that the checker has something to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    SyncBeforeAck,
    DirectorySync,
    CrcCheck,
    TailCut,
    /// The high watermark stays behind the flushed end.
    HighWatermark,
}

impl Rule {
    pub const ALL: [Rule; 5] =
        [Rule::SyncBeforeAck, Rule::DirectorySync, Rule::CrcCheck, Rule::TailCut, Rule::HighWatermark];
}

pub(super) struct World {
    pub(super) chance: Chance,
    pub(super) disk: MemoryDisk,
    /// The lock is the operating system's and needs a real directory.
    home: tempfile::TempDir,
    pub(super) clock: Arc<ManualClock>,
    core: Option<Arc<Core>>,
    expected: Expected,
    without: Option<Rule>,
    appends: Vec<Append>,
    pledges: Vec<(String, usize, Pledge)>,
    producers: Vec<Producer>,
    next_id: u64,
    /// The disk does nothing any more.
    pub(super) stopped: Arc<AtomicBool>,
    /// Operations until the disk works again.
    pub(super) spell: usize,
}

/// An append that waits for its promise.
struct Append {
    partition: TopicPartition,
    promise: Promise,
    records: Vec<(i64, Sent)>,
    producer: Option<usize>,
}

/// An idempotent producer that has one batch under way at most, and sends it again until it is told yes.
struct Producer {
    id: i64,
    partition: TopicPartition,
    next_sequence: i32,
    under_way: Option<(Vec<u8>, Vec<Sent>)>,
    waits: bool,
}

pub(super) type Outcome = Result<(), String>;

impl World {
    pub fn new(seed: u64, without: Option<Rule>) -> World {
        let home = tempfile::tempdir().expect("a temporary directory");
        std::fs::create_dir_all(home.path().join("+rafka")).expect("made");
        let disk = MemoryDisk::new();
        disk.create_dir(home.path()).expect("made");
        disk.sync_fs(home.path()).expect("synced");
        let lies = Lies { data: without == Some(Rule::SyncBeforeAck), dirs: without == Some(Rule::DirectorySync) };
        disk.pretend_to_sync(lies);
        set_rule_of_recovery(match without {
            Some(Rule::CrcCheck) => Some(RecoveryRule::CrcCheck),
            Some(Rule::TailCut) => Some(RecoveryRule::TailCut),
            _ => None,
        });
        World {
            chance: Chance::new(seed),
            disk,
            home,
            clock: Arc::new(ManualClock::at(START_MS)),
            core: None,
            expected: Expected::default(),
            without,
            appends: Vec::new(),
            pledges: Vec::new(),
            producers: Vec::new(),
            next_id: 0,
            stopped: Arc::new(AtomicBool::new(false)),
            spell: 0,
        }
    }

    pub fn live(mut self, tally: &mut Tally) -> Outcome {
        self.open(tally)?;
        for (name, settings) in [
            ("Plain", &[("segment.bytes", "1500"), ("retention.bytes", "6000"), ("index.interval.bytes", "200")][..]),
            (
                "Keyed",
                &[("segment.bytes", "1200"), ("cleanup.policy", "compact"), ("min.cleanable.dirty.ratio", "0.1")],
            ),
        ] {
            self.create(name, 2, settings)?;
        }
        let partitions: Vec<TopicPartition> = self.expected.partitions.keys().cloned().collect();
        self.producers = (100..)
            .zip(partitions)
            .map(|(id, partition)| Producer { id, partition, next_sequence: 0, under_way: None, waits: false })
            .collect();
        for n in 0..OPERATIONS {
            self.operate(tally)?;
            self.settle()?;
            tally.take_heard();
            if self.spell > 0 {
                self.spell -= 1;
                if self.spell == 0 {
                    self.heal();
                }
            }
            if CRASHES_AT.contains(&n) || (self.is_stopped() && self.chance.one_in(4)) {
                self.crash(tally)?;
            }
        }
        self.crash(tally)?;
        tally.count("life", "lived", 1);
        Ok(())
    }

    fn core(&self) -> Arc<Core> {
        Arc::clone(self.core.as_ref().expect("open"))
    }

    fn now(&self) -> Now {
        self.clock.now()
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    fn partition(&self, name: &TopicPartition) -> Option<Arc<Partition>> {
        self.core().topic(name.topic.as_str())?.partition(name.partition.0).cloned()
    }

    fn open(&mut self, tally: &mut Tally) -> Outcome {
        let path = self.home.path().to_str().expect("text").to_owned();
        let settings = [
            ("log.dir", path.as_str()),
            ("offsets.topic.num.partitions", "1"),
            ("offsets.topic.segment.bytes", "1500"),
        ];
        let config = BrokerConfig::from_pairs(settings).expect("valid");
        let (disk, clock): (Arc<dyn Disk>, Arc<dyn Clock>) = (Arc::new(self.disk.clone()), self.clock.clone());
        let opened = Core::open(config, disk, clock, Box::new(|_| {}));
        self.disk.unwatch();
        tally.take_heard();
        let (core, _work) = opened.map_err(|error| format!("a start failed: {error}"))?;
        self.core = Some(core);
        Ok(())
    }

    fn operate(&mut self, tally: &mut Tally) -> Outcome {
        self.clock.advance(Duration::from_millis(self.chance.below(20) as u64));
        match self.chance.below(100) {
            0..24 => self.append(),
            24..40 => self.append_idempotent(),
            40..43 => self.append_transaction(),
            43..53 => self.commit(),
            53..68 => self.flush(),
            68..76 => self.read(),
            76..78 => self.trim(),
            78..80 => self.keep_house(),
            80..84 => self.clean(),
            84..87 => self.checkpoint(),
            87..89 => self.change_topics(),
            89..90 => self.restart(tally),
            90..91 => self.crash(tally),
            91..94 => self.arm_stop(tally),
            94..97 => self.arm_fault(tally),
            _ => self.arm_flip(PARTITION_FILES, tally),
        }
    }

    // What is done to the broker.

    fn create(&mut self, name: &str, partitions: i32, settings: &[(&str, &str)]) -> Outcome {
        let topic = TopicName::new(name).expect("valid");
        let overrides = TopicOverrides::from_pairs(settings.iter().copied()).expect("valid");
        let new = NewTopic { partitions: Some(partitions), replicas: None, overrides };
        let made = self.core().create_topic(&topic, &new);
        let fate = if made.is_ok() { Fate::Exists } else { Fate::Unknown };
        self.expected.topics.insert(topic.clone(), fate);
        if made.is_ok() {
            let compacted = settings.contains(&("cleanup.policy", "compact"));
            for partition in (0..partitions).map(PartitionId) {
                self.expected
                    .partitions
                    .insert(TopicPartition { topic: topic.clone(), partition }, Owed::new(compacted));
            }
        }
        Ok(())
    }

    fn some_partition(&mut self) -> Option<(TopicPartition, Arc<Partition>)> {
        let names: Vec<TopicPartition> = self.expected.partitions.keys().cloned().collect();
        let name = self.chance.pick(&names).clone();
        let partition = self.partition(&name)?;
        Some((name, partition))
    }

    fn some_records(&mut self, name: &TopicPartition, producer: Option<i64>) -> Vec<Sent> {
        let records: Vec<Sent> = (0..1 + self.chance.below(3))
            .map(|_| {
                self.next_id += 1;
                Sent { id: self.next_id, key: self.chance.below(6) as u8, producer }
            })
            .collect();
        let owed = self.expected.partitions.get_mut(name).expect("known");
        owed.sent.extend(records.iter().map(|record| (record.id, *record)));
        records
    }

    fn batch(&mut self, records: &[Sent], stamp: ProducerStamp, bits: i16) -> Vec<u8> {
        let mut builder =
            BatchBuilder::new(*self.chance.pick(&[Codec::None, Codec::None, Codec::Lz4])).with_attributes(bits);
        for record in records {
            let mut value = record.id.to_be_bytes().to_vec();
            value.resize(8 + self.chance.below(150), record.id as u8);
            builder.append(self.now().wall_ms, Some(&[record.key]), Some(&value), &[]);
        }
        builder.finish(stamp).expect("packs")
    }

    fn append(&mut self) -> Outcome {
        let Some((name, partition)) = self.some_partition() else { return Ok(()) };
        let records = self.some_records(&name, None);
        let bytes = self.batch(&records, ProducerStamp::NONE, 0);
        self.send(&name, &partition, &bytes, &records, None);
        Ok(())
    }

    /// True if it is in the log.
    fn send(
        &mut self,
        name: &TopicPartition,
        partition: &Partition,
        bytes: &[u8],
        records: &[Sent],
        producer: Option<usize>,
    ) -> bool {
        let batch = ValidBatch::check(bytes, &RULES).expect("valid");
        let Ok(appended) = partition.append(&batch, self.now()) else { return false };
        let promise = partition.promise(&appended);
        let records = (appended.base_offset.0..).zip(records.iter().copied()).collect();
        self.appends.push(Append { partition: name.clone(), promise, records, producer });
        true
    }

    fn append_idempotent(&mut self) -> Outcome {
        let n = self.chance.below(self.producers.len());
        if self.producers[n].waits {
            return Ok(());
        }
        let (id, name) = (self.producers[n].id, self.producers[n].partition.clone());
        let Some(partition) = self.partition(&name) else { return Ok(()) };
        let (bytes, records) = match self.producers[n].under_way.take() {
            Some(again) => again,
            None => {
                let base_sequence = self.producers[n].next_sequence;
                let records = self.some_records(&name, Some(id));
                let stamp = ProducerStamp { producer_id: id, producer_epoch: 0, base_sequence };
                self.producers[n].next_sequence += records.len() as i32;
                (self.batch(&records, stamp, 0), records)
            }
        };
        let sent = self.send(&name, &partition, &bytes, &records, Some(n));
        self.producers[n].under_way = Some((bytes, records));
        self.producers[n].waits = sent;
        Ok(())
    }

    /// Records and their marker, by a producer of their own.
    fn append_transaction(&mut self) -> Outcome {
        let name = TopicPartition { topic: TopicName::new("Plain").expect("valid"), partition: PartitionId(0) };
        let Some(partition) = self.partition(&name) else { return Ok(()) };
        let producer_id = 1000 + self.next_id as i64;
        let records = self.some_records(&name, Some(producer_id));
        let stamp = |base_sequence| ProducerStamp { producer_id, producer_epoch: 0, base_sequence };
        let bytes = self.batch(&records, stamp(0), attributes::TRANSACTIONAL);
        if !self.send(&name, &partition, &bytes, &records, None) {
            return Ok(());
        }
        let bits = attributes::TRANSACTIONAL | attributes::CONTROL;
        let mut builder = BatchBuilder::new(Codec::None).with_attributes(bits);
        builder.append(self.now().wall_ms, Some(&[0, 0, 0, self.chance.below(2) as u8]), Some(&[0; 6]), &[]);
        let marker = builder.finish(stamp(-1)).expect("no codec");
        // One that fails leaves the transaction open, which holds nobody back here.
        let _ = partition.append(&ValidBatch::built_here(&marker).expect("built"), self.now());
        Ok(())
    }

    fn commit(&mut self) -> Outcome {
        let group = format!("group-{}", self.chance.below(4));
        self.next_id += 1;
        let offset = self.next_id as i64;
        let now = self.now();
        let value = OffsetValue {
            offset: Offset(offset),
            leader_epoch: -1,
            metadata: String::new(),
            committed_at: now.wall_ms,
            expires_at: None,
        };
        let name = TopicPartition { topic: TopicName::new("Plain").expect("valid"), partition: PartitionId(0) };
        let core = self.core();
        let (commits, _) = self.expected.commits.entry(group.clone()).or_default();
        commits.push(offset);
        let number = commits.len();
        if let Ok(pledge) = core.groups().commit(&core, &group, &Committer::OUTSIDER, vec![(name, value)], now) {
            self.pledges.push((group, number, pledge));
        }
        Ok(())
    }

    fn flush(&mut self) -> Outcome {
        let core = self.core();
        for partition in core.topics().iter().flat_map(|topic| &topic.partitions) {
            core.flusher().want(partition);
        }
        core.flusher().run();
        Ok(())
    }

    /// Takes note of what was promised by now.
    fn settle(&mut self) -> Outcome {
        let core = self.core();
        for append in std::mem::take(&mut self.appends) {
            let Some(partition) = self.partition(&append.partition) else { continue };
            match partition.kept(&append.promise) {
                Kept::NotYet => self.appends.push(append),
                kept => {
                    if kept == Kept::Yes {
                        let owed = self.expected.partitions.get_mut(&append.partition).expect("known");
                        let start = *owed.start.end();
                        owed.records.extend(append.records.into_iter().filter(|(offset, _)| *offset >= start));
                    }
                    if let Some(n) = append.producer {
                        self.producers[n].waits = false;
                        if kept == Kept::Yes {
                            self.producers[n].under_way = None;
                        }
                    }
                }
            }
        }
        for (group, number, pledge) in std::mem::take(&mut self.pledges) {
            match pledge.look(&core, self.now()) {
                Kept::NotYet => self.pledges.push((group, number, pledge)),
                Kept::Never => {}
                Kept::Yes => {
                    let counted = &mut self.expected.commits.get_mut(&group).expect("known").1;
                    *counted = number.max(*counted);
                }
            }
        }
        Ok(())
    }

    /// What a reader sees below the high watermark must be there for good.
    fn read(&mut self) -> Outcome {
        let Some((name, partition)) = self.some_partition() else { return Ok(()) };
        let upto = match self.without {
            Some(Rule::HighWatermark) => partition.log().log_end(),
            _ => partition.high_watermark(),
        };
        let owed = self.expected.partitions.get_mut(&name).expect("known");
        let held = match read_all(&partition, upto, owed.compacted) {
            // The disk may refuse for now.
            Err(_) if self.spell > 0 || self.stopped.load(Ordering::Relaxed) => return Ok(()),
            held => held?,
        };
        owed.check_seen(&name, &held, upto)?;
        owed.records.extend(held.records);
        Ok(())
    }

    fn trim(&mut self) -> Outcome {
        let core = self.core();
        let Some((name, partition)) = self.some_partition() else { return Ok(()) };
        let owed = self.expected.partitions.get_mut(&name).expect("known");
        let (start, end) = (partition.log().log_start().0, partition.high_watermark().0);
        if owed.compacted || end <= start {
            return Ok(());
        }
        let before = start + self.chance.below((end - start) as usize + 1) as i64;
        let noted = core.write_checkpoints_with(Some((&name, Offset(before))));
        let trimmed = noted.is_ok() && partition.log().trim(Offset(before)).is_ok();
        let now_at = partition.log().log_start().0;
        // Without an answer it may come about, now or at the next start.
        let least = if trimmed { before.max(*owed.start.start()) } else { *owed.start.start() };
        owed.start = least..=before.max(now_at).max(*owed.start.end());
        owed.records = owed.records.split_off(owed.start.end());
        Ok(())
    }

    fn keep_house(&mut self) -> Outcome {
        self.core().keep_house(self.now());
        for (name, owed) in &mut self.expected.partitions {
            let topic = self.core.as_ref().and_then(|core| core.topic(name.topic.as_str()));
            if let Some(partition) = topic.as_ref().and_then(|topic| topic.partition(name.partition.0)) {
                let start = partition.log().log_start().0;
                // What retention takes may come back with a power cut, as long as nobody was promised otherwise.
                owed.start = *owed.start.start()..=start.max(*owed.start.end());
                owed.records = owed.records.split_off(&start);
            }
        }
        Ok(())
    }

    fn clean(&mut self) -> Outcome {
        self.core().clean_logs(self.now());
        Ok(())
    }

    fn checkpoint(&mut self) -> Outcome {
        let core = self.core();
        let _ = core.checkpoint_logs();
        let _ = core.write_checkpoints();
        Ok(())
    }

    fn change_topics(&mut self) -> Outcome {
        self.next_id += 1;
        let extra: Vec<TopicName> =
            self.expected.topics.keys().filter(|t| t.as_str().starts_with('T')).cloned().collect();
        if extra.len() < 2 || self.chance.one_in(2) {
            return self.create(&format!("T{}", self.next_id), 1, &[("segment.bytes", "1000")]);
        }
        let topic = self.chance.pick(&extra).clone();
        let core = self.core();
        let Some(id) = core.topic(topic.as_str()).map(|topic| topic.id) else { return Ok(()) };
        let deleted = core.delete_topic(&topic, id);
        let is_gone = self.core().topic(topic.as_str()).is_none();
        let fate = if deleted.is_ok() || (is_gone && self.expected.topics[&topic] == Fate::Gone) {
            Fate::Gone
        } else {
            Fate::Unknown
        };
        self.expected.topics.insert(topic.clone(), fate);
        self.expected.partitions.retain(|name, _| name.topic != topic);
        self.appends.retain(|append| append.partition.topic != topic);
        Ok(())
    }

    // Ends and starts.

    fn restart(&mut self, tally: &mut Tally) -> Outcome {
        if self.spell > 0 || self.is_stopped() {
            return Ok(());
        }
        self.disk.unwatch();
        self.flush()?;
        self.settle()?;
        let _ = self.core().close();
        tally.count("life", "clean stop", 1);
        self.reopen(tally)
    }

    fn crash(&mut self, tally: &mut Tally) -> Outcome {
        self.core = None;
        let mut chance = self.chance.fork();
        if chance.one_in(4) {
            tally.fault("killed");
        } else {
            self.cut_power(&mut chance, tally);
        }
        self.disk.unwatch();
        self.spell = 0;
        self.stopped.store(false, Ordering::Relaxed);
        self.clock.advance(Duration::from_secs(1));
        if self.chance.one_in(2) {
            // The start itself misreads something.
            self.arm_flip(BESIDE_THE_LOG, tally)?;
        }
        self.reopen(tally)
    }

    fn reopen(&mut self, tally: &mut Tally) -> Outcome {
        self.core = None;
        self.appends.clear();
        self.pledges.clear();
        self.producers.iter_mut().for_each(|producer| producer.waits = false);
        self.open(tally)?;
        self.check()
    }

    /// Everything owed is there, right after a start.
    fn check(&mut self) -> Outcome {
        let core = self.core();
        for (topic, fate) in &mut self.expected.topics {
            let is_there = core.topic(topic.as_str()).is_some();
            match fate {
                Fate::Exists if !is_there => return Err(format!("topic {topic} is lost")),
                Fate::Gone if is_there => return Err(format!("topic {topic} was deleted, and is back")),
                Fate::Unknown if !is_there => *fate = Fate::Gone,
                _ => {}
            }
        }
        let mut held = BTreeMap::<TopicPartition, Held>::new();
        for (name, owed) in &mut self.expected.partitions {
            let topic = core.topic(name.topic.as_str());
            let Some(partition) = topic.as_ref().and_then(|topic| topic.partition(name.partition.0)) else {
                return Err(format!("{name} is lost"));
            };
            let found = read_all(partition, partition.log().log_end(), owed.compacted)?;
            owed.check(name, &found)?;
            owed.start = *owed.start.start()..=found.start.max(*owed.start.end());
            held.insert(name.clone(), found);
        }
        // After a start everything that was found is flushed, and counts.
        for (name, owed) in &mut self.expected.partitions {
            owed.records.extend(std::mem::take(&mut held.get_mut(name).expect("read").records));
        }
        for (group, (commits, counted)) in &mut self.expected.commits {
            let found = core.groups().committed(&core, group, self.clock.now());
            let found: Option<i64> = found.values().map(|committed| committed.offset.0).next();
            Expected { commits: [(group.clone(), (commits.clone(), *counted))].into(), ..Expected::default() }
                .check_commit(group, found)?;
            if let Some(at) = found.and_then(|found| commits.iter().position(|commit| *commit == found)) {
                // The others never came that far.
                commits.truncate(at + 1);
                *counted = at + 1;
            }
        }
        Ok(())
    }
}
