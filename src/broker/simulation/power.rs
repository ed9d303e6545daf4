//! What the disk forgets when the power goes.

use super::chance::Chance;
use super::tally::{self, Tally};
use super::world::World;

/// Pages are small here, so that one batch spans several.
const PAGE: usize = 64;

/// What stands beside the log costs time when it is damaged, and nothing else.
const BESIDE_THE_LOG: [&str; 6] = ["index", "timeindex", "txnindex", "producers", "epochs", "compaction"];
/// One file in so many has a bit that is not what was written.
const DECAYS_ONE_IN: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Synced,
    SomeFiles,
    Torn,
    Pages,
}

impl World {
    pub(super) fn cut_power(&mut self, tally: &mut Tally) {
        let mut chance = self.chance.fork();
        let (left, name) = *chance.pick(&[
            (Left::Synced, "power lost, nothing unsynced left"),
            (Left::SomeFiles, "power lost, some files left"),
            (Left::Torn, "power lost, a write torn"),
            (Left::Pages, "power lost, pages out of order or zero"),
        ]);
        tally.fault(name);
        let mut bytes = chance.fork();
        // Changes of names reach the disk up to some point, as with a journal, or in any order.
        let in_order = chance.one_in(2);
        let most = chance.below(8);
        let (mut lost, mut kept) = (0, 0);
        let reached = |n: usize, count: usize| {
            let reaches = if in_order { n < count * most / 7 } else { chance.below(7) < most };
            let reached = left != Left::Synced && reaches;
            *(if reached { &mut kept } else { &mut lost }) += 1;
            reached
        };
        let (mut hit, mut decayed) = (Vec::new(), 0);
        self.disk.crash_choosing(reached, |path, durable, cached| {
            let mut found = match left {
                _ if durable == cached => durable.to_vec(),
                Left::Synced => durable.to_vec(),
                Left::SomeFiles if bytes.one_in(2) => cached.to_vec(),
                Left::SomeFiles => durable.to_vec(),
                Left::Torn => torn(durable, cached, &mut bytes),
                Left::Pages => paged(durable, cached, &mut bytes),
            };
            let is_beside = tally::kind(path).is_some_and(|kind| BESIDE_THE_LOG.contains(&kind));
            let decays = is_beside && !found.is_empty() && bytes.one_in(DECAYS_ONE_IN);
            if decays {
                let bit = bytes.below(found.len() * 8);
                found[bit / 8] ^= 1 << (bit % 8);
                decayed += 1;
            }
            if decays || durable != cached {
                hit.push(path.to_owned());
            }
            found
        });
        (0..decayed).for_each(|_| tally.fault("a bit decayed beside the log"));
        if lost > 0 {
            tally.fault(if kept > 0 { "some changes of names lost" } else { "all changes of names lost" });
        }
        hit.iter().for_each(|path| tally.file(path));
        self.expected.partitions.values_mut().for_each(|owed| owed.forgive());
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
