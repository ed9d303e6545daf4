//! One compaction of one log, from looking whether it is due to the new segments in place.
//!
//! Whoever calls it is not in a hurry, and nobody waits for it: files are read and written without a lock. The lock of
//! the log's layout is held while a segment takes its place, that of the writer for the time of a copy.

use std::io;
use std::sync::Arc;

use super::cleaned::{self, Cleaned};
use super::keys::NewestOffsets;
use super::plan::{self, Dirt, Outline};
use super::progress::Progress;
use super::survivors::{Fate, LastOfProducers, Rules, judge};
use super::swap::Swap;
use super::transactions::Transactions;
use crate::base::limits::DECOMPRESSED_BATCH_BYTES_MAX;
use crate::base::{Now, Offset};
use crate::log::error::LogError;
use crate::log::indexes::{OffsetEntry, TimeEntry};
use crate::log::names::{self, Kind};
use crate::log::partition::PartitionLog;
use crate::log::ready::read_state;
use crate::log::scan::{Step, Verify};
use crate::log::seek::Extent;
use crate::log::segment::Segment;
use crate::log::settings::LogSettings;
use crate::log::state_file::LogState;
use crate::record::{BatchHeader, BatchView};

/// What a compaction did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Up to (not including) here every record was looked at.
    pub upto: Offset,
    /// How often the table of keys was filled.
    pub rounds: u32,
    /// Of the segments that were replaced, and of those in their place.
    pub bytes_before: u64,
    pub bytes_after: u64,
}

/// A sealed segment, and how far it reaches.
#[derive(Debug, Clone)]
struct Source {
    segment: Arc<Segment>,
    extent: Extent,
}

/// The log as one moment saw it.
struct Survey {
    sources: Vec<Source>,
    outlines: Vec<Outline>,
    settings: LogSettings,
    start: Offset,
    last_of_producers: LastOfProducers,
    progress: Option<Progress>,
}

/// Why a segment was not rewritten.
enum Stop {
    /// Somebody asked for it, or the segments are no longer part of the log.
    Quietly,
    /// A segment can't be read whole.
    Unreadable(Offset, String),
    Failed(LogError),
}

impl From<LogError> for Stop {
    fn from(error: LogError) -> Stop {
        Stop::Failed(error)
    }
}

impl PartitionLog {
    /// How much of the log is uncompacted (0 to 1), if a compaction is due.
    pub fn compaction_due(&self, now: Now, high_watermark: Offset) -> Result<Option<f64>, LogError> {
        let Some(survey) = self.survey(high_watermark, false)? else { return Ok(None) };
        Ok(survey.dirt(now).filter(|dirt| dirt.due).map(|dirt| dirt.ratio))
    }

    /// Compacts what is due below the high watermark, with a table of keys of at most `table_bytes`. Goes on as long
    /// as `go_on` says so. `None`: nothing was due.
    pub fn compact(
        &self,
        now: Now,
        high_watermark: Offset,
        table_bytes: usize,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Option<Compacted>, LogError> {
        if self.compaction_due(now, high_watermark)?.is_none() {
            return Ok(None);
        }
        // Only what a checkpoint vouches for is replaced: then no other file speaks of the old segments' bytes.
        self.checkpoint()?;
        let Some(survey) = self.survey(high_watermark, true)? else { return Ok(None) };
        let Some(mut dirt) = survey.dirt(now).filter(|dirt| dirt.due) else { return Ok(None) };
        if !self.layout.lock().is_ready(&self.files)? {
            return Ok(None);
        }
        let before = survey.progress.unwrap_or(Progress { cleaned_below: Offset::ZERO, gaps_below: Offset::ZERO });
        let gaps_below = before.gaps_below.max(dirt.limit);
        self.note_progress(Progress { gaps_below, ..before })?;
        let mut done = Compacted { upto: dirt.start, ..Compacted::default() };
        while dirt.start < dirt.limit && go_on() {
            // What the last round replaced has other segments now.
            let Some(survey) = self.survey(high_watermark, true)? else { break };
            let Some(keys) = self.read_keys(&survey, dirt, table_bytes, go_on)? else { break };
            if !self.rewrite_all(&survey, dirt, &keys, now, go_on, &mut done)? {
                break;
            }
            dirt.start = keys.end();
            self.note_progress(Progress { cleaned_below: dirt.start, gaps_below })?;
            (done.upto, done.rounds) = (dirt.start, done.rounds + 1);
        }
        Ok(Some(done))
    }

    /// What may be compacted: sealed segments in which everything is decided and below the high watermark; with
    /// `durable`, only those that the last checkpoint knows.
    fn survey(&self, high_watermark: Offset, durable: bool) -> Result<Option<Survey>, LogError> {
        let (sources, settings, start, last_of_producers, progress) = {
            let mut writer = self.writer.lock();
            if self.files.is_retired() || !writer.settings.cleanup_compact {
                return Ok(None);
            }
            let stable = writer.producers.last_stable(high_watermark);
            let shown = self.shown.read();
            let pending = |segment: &Arc<Segment>| {
                let unsynced = writer.unsynced.iter();
                unsynced.chain(writer.sealed.iter().map(|sealed| &sealed.segment)).any(|s| Arc::ptr_eq(s, segment))
            };
            let sealed = shown.segments.len().saturating_sub(1);
            let sources: Vec<Source> = (0..sealed)
                .map(|n| Source { segment: Arc::clone(&shown.segments[n]), extent: shown.extent(n) })
                .take_while(|source| source.extent.bound <= stable)
                .take_while(|source| {
                    !durable || (source.extent.bound <= shown.flushed.offset && !pending(&source.segment))
                })
                .collect();
            let cleaned_below = writer.compaction.map_or(Offset::ZERO, |progress| progress.cleaned_below);
            // More than there is can only be a loss: then all is looked at again.
            let start = if cleaned_below > writer.next_offset { Offset::ZERO } else { cleaned_below };
            let last = match durable {
                true => LastOfProducers::of(&writer.producers),
                false => LastOfProducers::default(),
            };
            (sources, writer.settings.clone(), start.max(shown.log_start), last, writer.compaction)
        };
        if sources.is_empty() {
            return Ok(None);
        }
        let timed = settings.min_compaction_lag_ms > 0 || settings.max_compaction_lag_ms < i64::MAX || durable;
        let outlines = sources.iter().map(|source| source.outline(timed && source.extent.bound > start));
        let outlines = outlines.collect::<Result<_, _>>()?;
        Ok(Some(Survey { sources, outlines, settings, start, last_of_producers, progress }))
    }

    fn note_progress(&self, progress: Progress) -> Result<(), LogError> {
        if self.writer.lock().compaction == Some(progress) {
            return Ok(());
        }
        progress.write(&self.files)?;
        // From now on there may be gaps. Should it stay, it says no more than the state files do.
        let _ = self.files.while_ours(|| self.files.disk.remove(&self.files.dir.join(names::BEGAN_HERE)));
        let mut writer = self.writer.lock();
        writer.compaction = Some(progress);
        self.shown.write().gaps_below = progress.gaps_below;
        Ok(())
    }

    /// The newest offset of each key from the start of the dirt on, as far as the table reaches. `None` if it was told
    /// to stop.
    fn read_keys(
        &self,
        survey: &Survey,
        dirt: Dirt,
        table_bytes: usize,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Option<NewestOffsets>, LogError> {
        let mut keys = NewestOffsets::new(table_bytes, dirt.start);
        for source in survey.sources.iter().filter(|source| source.extent.bound > dirt.start) {
            if source.segment.base >= dirt.limit {
                break;
            }
            let mut transactions = Transactions::default();
            transactions.enter(self.aborted_transactions(source.segment.base, source.extent.bound)?);
            let mut full = false;
            let read = source.walk(go_on, |batch| {
                let header = &batch.header;
                if header.last_offset() < dirt.start || header.is_control() || transactions.is_aborted(header) {
                    return Ok(true);
                }
                let records = batch.records(DECOMPRESSED_BATCH_BYTES_MAX);
                let records = records.map_err(|error| source.unreadable(header, error))?;
                for record in records.iter() {
                    let record = record.map_err(|error| source.unreadable(header, error))?;
                    let offset = header.base_offset.plus(i64::from(record.offset_delta));
                    if let Some(key) = record.key.filter(|_| offset >= dirt.start)
                        && !keys.put(key, offset)
                    {
                        full = true;
                        return Ok(false);
                    }
                }
                keys.advance(header.next_offset());
                Ok(true)
            });
            match read {
                // What can be read of it counts all the same; the segment itself will be left alone.
                Ok(()) | Err(Stop::Unreadable(..)) => {}
                Err(Stop::Quietly) => return Ok(None),
                Err(Stop::Failed(error)) => return Err(error),
            }
            if full {
                return Ok(Some(keys));
            }
            keys.advance(source.extent.bound);
        }
        Ok(Some(keys))
    }

    /// Rewrites everything below the end of the keys. False if it did not come to the end.
    fn rewrite_all(
        &self,
        survey: &Survey,
        dirt: Dirt,
        keys: &NewestOffsets,
        now: Now,
        go_on: &dyn Fn() -> bool,
        done: &mut Compacted,
    ) -> Result<bool, LogError> {
        let count = survey.outlines.partition_point(|outline| outline.base < keys.end());
        let mut transactions = Transactions::default();
        let mut first = 0;
        while first < count {
            let left_alone = self.layout.lock().left_alone.clone();
            let stays = |base| left_alone.contains(&base);
            let groups = plan::groups(&survey.outlines[first..count], &survey.settings, stays);
            let Some(group) = groups.first() else { break };
            let sources = &survey.sources[first..][group.clone()];
            let before = transactions.clone();
            let rules = Rules {
                keys,
                last_of_producers: &survey.last_of_producers,
                now_ms: now.wall_ms,
                delete_retention_ms: survey.settings.delete_retention_ms,
                complete: left_alone.is_empty(),
                limit: dirt.limit,
            };
            match self.rewrite(sources, &rules, &mut transactions, &survey.settings, go_on, done) {
                Ok(()) => first += group.end,
                Err(Stop::Quietly) => return Ok(false),
                Err(Stop::Failed(error)) => return Err(error),
                Err(Stop::Unreadable(base, reason)) => {
                    let path = self.files.path(base, Kind::Log);
                    ::log::error!("{} is left out of compaction: {reason}", path.display());
                    self.layout.lock().left_alone.insert(base);
                    transactions = before;
                }
            }
        }
        Ok(true)
    }

    /// Makes one segment of several.
    fn rewrite(
        &self,
        sources: &[Source],
        rules: &Rules<'_>,
        transactions: &mut Transactions,
        settings: &LogSettings,
        go_on: &dyn Fn() -> bool,
        done: &mut Compacted,
    ) -> Result<(), Stop> {
        let (Some(first), Some(last)) = (sources.first(), sources.last()) else { return Ok(()) };
        let (base, next) = (first.segment.base, last.extent.bound);
        let pinned = Pinned::new(sources)?;
        let written = self.write_cleaned(sources, rules, transactions, settings, go_on);
        let (segment, changed) = match written {
            Ok(written) => written,
            Err(stop) => {
                cleaned::discard(&self.files, base, next);
                return Err(stop);
            }
        };
        let before: u64 = sources.iter().map(|source| source.extent.end).sum();
        let after = segment.bytes();
        if sources.len() == 1 && !changed {
            cleaned::discard(&self.files, base, next);
            return Ok(());
        }
        if !self.put_in_place(sources, Arc::new(segment), Swap { base, next })? {
            return Err(Stop::Quietly);
        }
        pinned.keep();
        done.bytes_before += before;
        done.bytes_after += after;
        Ok(())
    }

    fn write_cleaned(
        &self,
        sources: &[Source],
        rules: &Rules<'_>,
        transactions: &mut Transactions,
        settings: &LogSettings,
        go_on: &dyn Fn() -> bool,
    ) -> Result<(Segment, bool), Stop> {
        let (first, last) = (&sources[0], &sources[sources.len() - 1]);
        let created_ms = last.segment.growth().created_ms;
        let mut out = Cleaned::create(&self.files, first.segment.base, created_ms, settings.index_interval_bytes)?;
        let mut changed = false;
        for source in sources {
            transactions.enter(self.aborted_transactions(source.segment.base, source.extent.bound)?);
            source.walk(go_on, |batch| {
                let (fate, ended) =
                    judge(rules, transactions, batch).map_err(|error| source.unreadable(&batch.header, error))?;
                changed |= fate != Fate::Stays;
                let rewritten;
                let bytes = match fate {
                    Fate::Goes => return Ok(true),
                    Fate::Stays => batch.bytes,
                    Fate::Becomes(bytes) => {
                        rewritten = bytes;
                        &rewritten[..]
                    }
                };
                let header = BatchHeader::parse(bytes).map_err(|error| source.unreadable(&batch.header, error))?;
                if !out.has_room_for(bytes.len()) {
                    return Err(source.unreadable(&header, "it would grow beyond 2 GiB"));
                }
                out.push(&header, bytes).map_err(|error| source.failed(error))?;
                if let Some(ended) = ended {
                    out.push_aborted(ended);
                }
                Ok(true)
            })?;
        }
        let next = last.extent.bound;
        let state = self.state_at(next).map_err(|error| last.failed(error))?;
        let state = state.filter(|state| state.segment.is_some_and(|of| of.base == last.segment.base));
        Ok((out.finish(state)?, changed))
    }

    /// What is known of the moment when the log ended here. A file that can't be used must not stay: it would speak of
    /// the old segment.
    fn state_at(&self, offset: Offset) -> io::Result<Option<LogState>> {
        for _ in 0..2 {
            match read_state(&self.files, offset)? {
                Ok(state) => return Ok(Some(state)),
                Err(why) if why.is_empty() => return Ok(None),
                // It may have gone wrong on its way here.
                Err(_) => {}
            }
        }
        self.files.remove(offset, Kind::Producers)?;
        self.writer.lock().states.remove(&offset);
        Ok(None)
    }

    /// From here on the log has the new segment. False if the old ones are no longer part of it.
    fn put_in_place(&self, sources: &[Source], segment: Arc<Segment>, swap: Swap) -> Result<bool, LogError> {
        let mut layout = self.layout.lock();
        layout.finish(&self.files);
        let gone = sources.iter().any(|source| self.is_gone(&source.segment));
        if gone || !layout.is_finished() {
            cleaned::discard(&self.files, swap.base, swap.next);
            return Ok(false);
        }
        swap.commit(&self.files)?;
        {
            let mut writer = self.writer.lock();
            let mut shown = self.shown.write();
            let at = shown.segments.partition_point(|other| other.base < swap.base);
            shown.segments.splice(at..at + sources.len(), [Arc::clone(&segment)]);
            let place = |base: Option<Offset>| base.is_some_and(|base| swap.base <= base && base < swap.next);
            let shown = &mut *shown;
            for mark in [&mut shown.end, &mut shown.flushed, &mut writer.floor] {
                // All of it was flushed, so a mark in it stands at its end; or is an older floor, which counts no more.
                if place(mark.segment) && mark.offset >= swap.next {
                    (mark.segment, mark.position) = (Some(swap.base), segment.bytes());
                }
            }
            writer.states.retain(|state| *state <= swap.base || swap.next <= *state);
        }
        layout.must_finish(swap, segment);
        layout.finish(&self.files);
        Ok(true)
    }
}

impl Survey {
    fn dirt(&self, now: Now) -> Option<Dirt> {
        plan::dirt(&self.outlines, self.start, &self.settings, now.wall_ms)
    }
}

impl Source {
    fn outline(&self, timed: bool) -> Result<Outline, LogError> {
        if timed {
            self.segment.make_ready(self.extent).map_err(LogError::io("read", self.segment.log_path()))?;
        }
        let growth = self.segment.growth();
        let entries = |count: usize, bytes: usize| (count * bytes) as u64;
        let index_bytes = entries(self.segment.index.len(), OffsetEntry::BYTES);
        Ok(Outline {
            base: self.segment.base,
            next: self.extent.bound,
            bytes: self.segment.bytes(),
            index_bytes: index_bytes.max(entries(self.segment.time_index.len(), TimeEntry::BYTES)),
            first_timestamp: growth.first_timestamp,
            max_timestamp: growth.max_timestamp,
        })
    }

    /// Shows every batch, its CRC checked, until `visit` says no.
    fn walk(
        &self,
        go_on: &dyn Fn() -> bool,
        mut visit: impl FnMut(&BatchView<'_>) -> Result<bool, Stop>,
    ) -> Result<(), Stop> {
        let segment = &self.segment;
        let extent = segment.make_ready(self.extent).map_err(|error| self.failed(error))?;
        let file = segment.log_file().map_err(|error| self.failed(error))?;
        let mut scanner = segment.scanner(&*file, 0, segment.base, extent, Verify::Everything);
        let mut bytes = Vec::new();
        loop {
            match scanner.step().map_err(|error| self.failed(error))? {
                Step::Batch { .. } if !go_on() => return Err(Stop::Quietly),
                Step::Batch { position, header } => {
                    bytes.resize(header.total_bytes(), 0);
                    file.read_exact_at(position, &mut bytes).map_err(|error| self.failed(error))?;
                    match BatchView::parse(&bytes) {
                        // The scan read it, too. Offsets lie outside the CRC, and where there are gaps nothing else
                        // would tell that one went wrong on its way here.
                        Ok(batch) if batch.header == header && batch.verify_crc().is_ok() => {
                            if !visit(&batch)? {
                                return Ok(());
                            }
                        }
                        _ => return Err(self.failed(misread(position))),
                    }
                }
                Step::Damage { position, reason } => {
                    let reason = format!("no good batch at position {position}: {reason}");
                    return Err(Stop::Unreadable(segment.base, reason));
                }
                Step::End if extent.end < self.extent.end => {
                    return Err(Stop::Unreadable(segment.base, "bytes are missing at its end".to_owned()));
                }
                Step::End => return Ok(()),
            }
        }
    }

    fn failed(&self, error: io::Error) -> Stop {
        Stop::Failed(LogError::io("compact", self.segment.log_path())(error))
    }

    fn unreadable(&self, header: &BatchHeader, why: impl std::fmt::Display) -> Stop {
        Stop::Unreadable(self.segment.base, format!("the batch at offset {}: {why}", header.base_offset))
    }
}

fn misread(position: u64) -> io::Error {
    let sentence = format!("the batch at position {position} reads otherwise the second time");
    io::Error::new(io::ErrorKind::InvalidData, sentence)
}

/// Segments that stay with their files, so that whoever reads them can go on when others have their names.
struct Pinned<'a> {
    sources: &'a [Source],
    replaced: bool,
}

impl<'a> Pinned<'a> {
    fn new(sources: &'a [Source]) -> Result<Pinned<'a>, LogError> {
        let pinned = Pinned { sources, replaced: false };
        for source in sources {
            let segment = &source.segment;
            let ready = segment.make_ready(source.extent).and_then(|_| segment.pin());
            ready.map_err(LogError::io("read", segment.log_path()))?;
        }
        Ok(pinned)
    }

    /// They are replaced; the last reader closes the files.
    fn keep(mut self) {
        self.replaced = true;
    }
}

impl Drop for Pinned<'_> {
    fn drop(&mut self) {
        if !self.replaced {
            self.sources.iter().for_each(|source| source.segment.unpin());
        }
    }
}
