//! Reads groups and commits back from `__consumer_offsets`, at the start.
//!
//! The newest record of a key counts; superseded ones may be gone (compaction), and offsets may be missing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::classic::{ClassicGroup, Rules};
use super::consumer::ConsumerGroup;
use super::group::Group;
use super::kind::GroupKind;
use super::offsets::GroupOffsets;
use super::piece::Piece;
use super::records::consumer::{Change, ConsumerRecord};
use super::records::{GroupMetadata, GroupRecord};
use super::writes::OFFSETS_TOPIC;
use crate::base::Now;
use crate::base::limits::DECOMPRESSED_BATCH_BYTES_MAX;
use crate::broker::core::Core;
use crate::broker::partition::Partition;
use crate::record::{BatchView, batches};

/// What the records read so far say of one group. It speaks one protocol: that of the newest record of the group itself.
#[derive(Default)]
struct Found {
    classic: Option<GroupMetadata>,
    consumer: Option<ConsumerGroup>,
    offsets: GroupOffsets,
}

type Groups = BTreeMap<String, Found>;

impl Core {
    /// Fills the table of groups; members get a new session from now on.
    pub(in crate::broker) fn load_groups(&self) {
        let Some(topic) = self.topic(OFFSETS_TOPIC) else { return };
        let now = self.now();
        topic.partitions.iter().for_each(|partition| self.load_partition(partition, now));
    }

    /// Reads again what could not be read.
    pub(in crate::broker) fn retry_loading(&self, now: Now) {
        let unread = &self.groups().unread;
        if !unread.are_any() {
            return;
        }
        let Some(topic) = self.topic(OFFSETS_TOPIC) else { return };
        for partition in topic.partitions.iter().filter(|partition| unread.is_any_of(partition.name())) {
            // Nobody else asks for a flush while groups can't write.
            if partition.flush_is_due() {
                self.flusher().soon(partition);
            }
            if partition.online().is_some() {
                self.load_partition(partition, now);
            }
        }
    }

    fn load_partition(&self, partition: &Partition, now: Now) {
        let (name, unread) = (partition.name(), &self.groups().unread);
        let mut groups = Groups::new();
        if let Err(error) = read(partition, &mut groups) {
            if unread.failed(name, &error) {
                ::log::error!("{name}: its groups and their commits are out of reach: {error}");
            }
            return;
        }
        for (name, found) in groups {
            self.load_group(name.into(), found, now);
        }
        unread.worked(name);
    }

    fn load_group(&self, name: Arc<str>, found: Found, now: Now) {
        let kind = match (found.consumer, found.classic) {
            (Some(mut group), _) => {
                group.recovered(&self.consumer_group_config(&name), now);
                GroupKind::Consumer(Box::new(group))
            }
            (None, Some(record)) => GroupKind::Classic(Box::new(ClassicGroup::restore(Arc::clone(&name), record))),
            (None, None) if found.offsets.is_empty() => return,
            (None, None) => GroupKind::Classic(Box::new(ClassicGroup::new(Arc::clone(&name), now))),
        };
        let group = Group::with(name, kind, found.offsets, true);
        self.groups().insert(Arc::clone(&group));
        let rules = Rules {
            initial_delay_ms: self.config().groups.initial_rebalance_delay_ms,
            members_max: self.config().groups.members_max,
        };
        let Some(mut locked) = group.lock(self, now) else { return };
        let effects = locked.classic().map(|classic| classic.loaded(&rules, now)).unwrap_or_default();
        if let Some(pledge) = locked.carry_out(effects) {
            pledge.abandon(self);
        }
    }
}

/// Fails where the disk does: then nothing that was read counts. Damage is stepped over.
fn read(partition: &Partition, groups: &mut Groups) -> Result<(), String> {
    let log = partition.log().map_err(|error| error.to_string())?;
    let mut from = log.log_start();
    let end = log.log_end();
    if partition.high_watermark() < end {
        return Err(format!("what was written before the start, up to offset {end}, can't be flushed yet"));
    }
    while from < end {
        match Piece::read_surely(log, from, end) {
            Piece::Batches { bytes, next, .. } => {
                for batch in batches(&bytes) {
                    let batch = match batch {
                        Ok(batch) => batch,
                        Err(error) => {
                            let name = partition.name();
                            ::log::error!("{name}: what comes from offset {from} on is not known: {error}");
                            return Ok(());
                        }
                    };
                    let taken = batch.verify_crc().map_err(Into::into).and_then(|()| take_in(groups, &batch));
                    if let Err(error) = taken {
                        ::log::error!("{} at offset {}: {error}", partition.name(), batch.header.base_offset);
                    }
                }
                from = next;
            }
            Piece::Nothing => break,
            Piece::Damage { sentence, next } => {
                ::log::error!("{}: {sentence}", partition.name());
                from = next;
            }
            Piece::Failed(sentence) => return Err(sentence),
        }
    }
    Ok(())
}

fn take_in(groups: &mut Groups, batch: &BatchView<'_>) -> Result<(), Box<dyn std::error::Error>> {
    if batch.header.is_control() {
        return Ok(());
    }
    for record in batch.records(DECOMPRESSED_BATCH_BYTES_MAX)?.iter() {
        let record = record?;
        let offset = batch.header.base_offset.plus(i64::from(record.offset_delta));
        let key = record.key.ok_or("a record has no key")?;
        match GroupRecord::decode(key, record.value) {
            Ok(record) => apply(groups, record),
            // The others in the batch may be good.
            Err(error) => ::log::error!("a group's record at offset {offset} can't be read: {error}"),
        }
    }
    Ok(())
}

fn apply(groups: &mut Groups, record: GroupRecord) {
    match record {
        GroupRecord::Offset(key, Some(value)) => {
            let offsets = &mut groups.entry(key.group).or_default().offsets;
            offsets.insert(key.partition, value);
        }
        GroupRecord::Offset(key, None) => {
            if let Some(found) = groups.get_mut(&key.group) {
                found.offsets.remove(&key.partition);
            }
        }
        GroupRecord::Classic(group, metadata) => {
            let found = groups.entry(group).or_default();
            if metadata.is_some() {
                found.consumer = None;
            }
            found.classic = metadata;
        }
        GroupRecord::Consumer(ConsumerRecord { group, change }) => {
            let found = groups.entry(group.clone()).or_default();
            match change {
                Change::Group(None) => found.consumer = None,
                // What is left of a group that went, or became a classic one.
                change if change.is_tombstone() && found.consumer.is_none() => {}
                change => {
                    found.classic = None;
                    found.consumer.get_or_insert_with(|| ConsumerGroup::new(&group)).apply(&change);
                }
            }
        }
        GroupRecord::Other(version) => ::log::debug!("records with key version {version} are passed over"),
    }
}
