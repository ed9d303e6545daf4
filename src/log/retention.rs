//! Letting old segments go: by time, by size, by trim.
//!
//! Only whole segments leave, oldest first, and only below the high watermark. What always holds: before a file is
//! removed, the log start has moved past it, and the segment that keeps the log end in its name is durable.

use std::sync::Arc;

use parking_lot::MutexGuard;

use super::error::LogError;
use super::names::Kind;
use super::partition::{PartitionLog, Writer};
use super::read::Sight;
use super::segment::Segment;
use crate::base::{Now, Offset};

/// What a round of retention took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retained {
    pub removed_segments: usize,
    pub removed_bytes: u64,
    /// For the broker to remember: files alone can't tell it after a trim.
    pub log_start: Offset,
}

impl PartitionLog {
    /// Removes what `retention.ms`, `retention.bytes` and the log start let go. Kafka's deleteOldSegments; an active
    /// segment that is due is rolled first.
    pub fn retain(&self, now: Now, high_watermark: Offset) -> Result<Retained, LogError> {
        let mut layout = self.layout.lock();
        layout.finish(&self.files);
        let mut writer = self.writer.lock();
        if self.files.is_retired() {
            return Ok(Retained { removed_segments: 0, removed_bytes: 0, log_start: self.log_start() });
        }
        let (mut sights, log_start) = {
            let shown = self.shown.read();
            let count = shown.segments.len();
            let sights: Vec<Sight> = (0..count)
                .map(|n| Sight::of(Arc::clone(&shown.segments[n]), shown.extent(n), n + 1 == count))
                .collect();
            (sights, shown.log_start)
        };
        let mut gone = count_due(&sights, high_watermark, |sight| Ok(sight.extent.bound <= log_start))?;
        if writer.settings.cleanup_delete {
            let mut excess = match u64::try_from(writer.settings.retention_bytes) {
                Ok(keep) => sights[gone..].iter().map(|sight| sight.segment.bytes()).sum::<u64>().checked_sub(keep),
                Err(_) => None,
            };
            gone += count_due(&sights[gone..], high_watermark, |sight| {
                let rest = excess.and_then(|excess| excess.checked_sub(sight.segment.bytes()));
                excess = rest;
                Ok(rest.is_some())
            })?;
            let keep_ms = writer.settings.retention_ms;
            gone += count_due(&sights[gone..], high_watermark, |sight| {
                Ok(keep_ms >= 0 && now.wall_ms.saturating_sub(self.newest_ms(sight)?) > keep_ms)
            })?;
        }
        if gone > 0 && gone == sights.len() {
            // On a full disk there may be no room for a new segment yet: the others go first, and make some.
            if let Err(error) = self.roll(&mut writer, now) {
                let error = self.failed(&mut writer, error);
                gone -= 1;
                if gone == 0 {
                    return Err(error);
                }
            }
        }
        sights.truncate(gone);
        self.drop_front(writer, sights.into_iter().map(|sight| sight.segment).collect())
    }

    /// Moves the log start forward (DeleteRecords) and removes segments wholly below it. `before` is taken as the
    /// log end at most; the broker keeps it below the high watermark.
    pub fn trim(&self, before: Offset) -> Result<Retained, LogError> {
        let mut layout = self.layout.lock();
        layout.finish(&self.files);
        let mut writer = self.writer.lock();
        self.check_retired()?;
        let gone = {
            let mut shown = self.shown.write();
            let before = before.min(shown.end.offset);
            if before > shown.log_start {
                shown.log_start = before;
                writer.epochs_unsaved |= writer.epochs.cut_start(before);
            }
            let below = (1..shown.segments.len()).take_while(|n| shown.segments[*n].base <= shown.log_start).count();
            shown.segments[..below].to_vec()
        };
        self.drop_front(writer, gone)
    }

    /// The largest timestamp in a segment; when its file was last written, if its records have none.
    fn newest_ms(&self, sight: &Sight) -> Result<i64, LogError> {
        let segment = &sight.segment;
        segment.make_ready(sight.extent).map_err(LogError::io("read", segment.log_path()))?;
        match segment.growth().max_timestamp {
            timestamp if timestamp >= 0 => Ok(timestamp),
            _ => {
                let facts = self.files.disk.facts(&segment.log_path());
                Ok(facts.map_err(LogError::io("look at", segment.log_path()))?.modified_ms)
            }
        }
    }

    /// Removes segments from the front; never all of them.
    fn drop_front(&self, mut writer: MutexGuard<'_, Writer>, gone: Vec<Arc<Segment>>) -> Result<Retained, LogError> {
        let is_gone = |segment: &Arc<Segment>| gone.iter().any(|other| Arc::ptr_eq(segment, other));
        if !gone.is_empty() && writer.names_made > writer.names_synced {
            // A crash must not bring the log end down to where it was before the segments that go.
            let dir = &self.files.dir;
            self.files.disk.sync_dir(dir).map_err(LogError::io("flush", dir))?;
            writer.names_synced = writer.names_made;
        }
        let log_start = {
            let mut shown = self.shown.write();
            shown.segments.retain(|segment| !is_gone(segment));
            let first = shown.segments.first().map_or(shown.log_start, |segment| segment.base);
            // Where nothing goes, a first segment that begins later follows a lost one, whose readers are to hear of it.
            if first > shown.log_start && !gone.is_empty() {
                shown.log_start = first;
                writer.epochs_unsaved |= writer.epochs.cut_start(first);
            }
            shown.log_start
        };
        writer.unsynced.retain(|segment| !is_gone(segment));
        writer.sealed.retain(|sealed| !is_gone(&sealed.segment));
        // The newest state says where to go on, even if it has the name of a segment that goes.
        let newest_state = writer.states.last().copied();
        gone.iter().filter(|segment| newest_state != Some(segment.base)).for_each(|segment| {
            writer.states.remove(&segment.base);
        });
        drop(writer);
        // Removing a large file takes a while: nobody waits for it. What can't be removed, the next start removes.
        let mut retained = Retained { removed_segments: gone.len(), removed_bytes: 0, log_start };
        let mut failed = None;
        for segment in &gone {
            retained.removed_bytes += segment.bytes();
            segment.abandon();
            let removed = segment.remove().and_then(|()| match newest_state {
                Some(state) if state == segment.base => Ok(()),
                _ => self.files.remove(segment.base, Kind::Producers),
            });
            if let Err(source) = removed {
                failed = Some(LogError::Io { doing: "remove", path: segment.log_path(), source });
            }
        }
        failed.map_or(Ok(retained), Err)
    }
}

/// How many segments from the front are due. Never one at or above the high watermark, nor an empty active one.
fn count_due(
    sights: &[Sight],
    high_watermark: Offset,
    mut is_due: impl FnMut(&Sight) -> Result<bool, LogError>,
) -> Result<usize, LogError> {
    for (n, sight) in sights.iter().enumerate() {
        let empty_active = sight.is_active && sight.segment.bytes() == 0;
        if sight.extent.bound > high_watermark || empty_active || !is_due(sight)? {
            return Ok(n);
        }
    }
    Ok(sights.len())
}
