//! What is done to the disk: it stops, refuses, misreads, and forgets.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::chance::Chance;
use super::tally::{Tally, kind};
use super::world::{Outcome, World};
use crate::log::memory_disk::{Fault, Operation};

/// What a bit flips in while the broker runs.
pub(super) const PARTITION_FILES: &[&str] = &["log", "index", "timeindex", "txnindex", "producers", "epochs"];
/// What a bit flips in while it starts. Not in the batches themselves: base offsets lie outside their CRC.
pub(super) const BESIDE_THE_LOG: &[&str] = &["index", "timeindex", "txnindex", "producers", "epochs", "compaction"];

impl World {
    pub(super) fn arm_stop(&mut self, tally: &mut Tally) -> Outcome {
        if self.spell > 0 || self.is_stopped() {
            return Ok(());
        }
        let mut left = self.chance.below(60);
        let mut chance = self.chance.fork();
        let stopped = Arc::clone(&self.stopped);
        tally.fault("stopped at an operation");
        self.disk.watch(move |_, _| {
            if left > 0 {
                left -= 1;
                return None;
            }
            // The last write may have come a part of its way.
            let written = if stopped.swap(true, Ordering::Relaxed) { 0 } else { chance.below(300) };
            Some(Fault { error: io::Error::other("the machine has stopped"), written })
        });
        Ok(())
    }

    pub(super) fn arm_fault(&mut self, tally: &mut Tally) -> Outcome {
        if self.spell > 0 || self.is_stopped() {
            return Ok(());
        }
        let (name, operations, error): (_, &[Operation], _) = *self.chance.pick(&[
            ("write refused, disk full", &[Operation::Write, Operation::Open][..], io::ErrorKind::StorageFull),
            ("write refused, broken", &[Operation::Write, Operation::SetLen], io::ErrorKind::Other),
            ("fsync refused", &[Operation::SyncData, Operation::SyncFs], io::ErrorKind::Other),
            ("directory sync refused", &[Operation::SyncDir], io::ErrorKind::Other),
            ("read refused", &[Operation::Read], io::ErrorKind::Other),
        ]);
        tally.fault(name);
        self.spell = 2 + self.chance.below(12);
        let (mut chance, often) = (self.chance.fork(), 1 + self.chance.below(4));
        self.disk.watch(move |operation, _| {
            let fails = operations.contains(&operation) && chance.one_in(often);
            fails.then(|| Fault { error: error.into(), written: chance.below(120) })
        });
        Ok(())
    }

    /// Of the next reads of partitions' files one has a bit that is not what was written.
    pub(super) fn arm_flip(&mut self, kinds: &'static [&'static str], tally: &mut Tally) -> Outcome {
        let mut left = self.chance.below(8);
        let mut chance = self.chance.fork();
        tally.fault("bit flipped on read");
        self.disk.watch_reads(move |path, bytes| {
            let ours = kind(path).is_some_and(|kind| kinds.contains(&kind));
            if !ours || bytes.is_empty() {
                return;
            }
            if left == 0 {
                let bit = chance.below(bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            left = left.wrapping_sub(1);
        });
        Ok(())
    }

    pub(super) fn heal(&mut self) {
        self.disk.unwatch();
        self.clock.advance(Duration::from_secs(1));
    }

    pub(super) fn cut_power(&mut self, chance: &mut Chance, tally: &mut Tally) {
        let how = chance.below(4);
        tally.fault(
            [
                "power lost, nothing unsynced left",
                "power lost, some files left",
                "power lost, a write torn",
                "power lost, pages out of order or zero",
            ][how],
        );
        let names_left = chance.below(8);
        let mut bytes = chance.fork();
        let mut lost = 0;
        let reached = |n: usize, count: usize| {
            let reached = how > 0 && n < count * names_left / 7;
            lost += usize::from(!reached);
            reached
        };
        let mut hit = Vec::new();
        self.disk.crash_choosing(reached, |path, durable, cached| {
            if durable != cached {
                hit.push(path.to_owned());
            }
            match how {
                0 => durable.to_vec(),
                1 if bytes.one_in(2) => cached.to_vec(),
                1 => durable.to_vec(),
                2 => torn(durable, cached, &mut bytes),
                _ => paged(durable, cached, &mut bytes),
            }
        });
        if lost > 0 {
            tally.fault("some changes of names lost");
        }
        hit.iter().for_each(|path| tally.file(path));
    }
}

/// What is left of a file whose last writes were cut off at some byte.
fn torn(durable: &[u8], cached: &[u8], chance: &mut Chance) -> Vec<u8> {
    if cached.len() <= durable.len() {
        return if chance.one_in(2) { cached.to_vec() } else { durable.to_vec() };
    }
    cached[..durable.len() + chance.below(cached.len() - durable.len() + 1)].to_vec()
}

/// What is left where pages reached the disk in any order, the file's length before them.
fn paged(durable: &[u8], cached: &[u8], chance: &mut Chance) -> Vec<u8> {
    const PAGE: usize = 64;
    let bytes = *chance.pick(&[durable.len(), cached.len(), cached.len()]);
    let mut left = vec![0; bytes];
    for start in (0..bytes).step_by(PAGE) {
        let page = start..(start + PAGE).min(bytes);
        let from = if chance.one_in(3) { durable } else { cached };
        if let Some(there) = from.get(start..page.end.min(from.len())) {
            left[start..start + there.len()].copy_from_slice(there);
        }
    }
    left
}
