//! Offsets that are missing: compacted away, which is well, or lost, and then what came after them goes with them.

use std::path::Path;

use super::compaction::{compact, compacted, keyed, records};
use crate::base::Offset;
use crate::log::memory_disk::MemoryDisk;
use crate::log::names;
use crate::log::testing::*;
use crate::log::{Disk, OpenAs, PartitionLog};
use crate::record::ProducerStamp;

/// Batches of about 200 bytes, of which each segment takes four.
fn fill(log: &PartitionLog, count: usize) {
    for n in 0..count {
        let (key, value) = (format!("key{}", n % 3), format!("{n:0100}"));
        append(log, &keyed(&[(&key, Some(&value))], 0, ProducerStamp::NONE), 0).expect("appended");
    }
}

/// The power goes; everything had reached the disk but the end of this file.
fn tear(disk: &MemoryDisk, place: &Place, base: Offset) {
    disk.sync_dir(&place.dir).expect("synced");
    let torn = names::file(base, names::Kind::Log);
    disk.crash_keeping(|path, _, cached| {
        let keep = if path.ends_with(Path::new(&torn)) { cached.len() - 10 } else { cached.len() };
        cached[..keep].to_vec()
    });
}

#[test]
fn without_any_state_a_log_that_began_here_ends_where_it_is_torn() {
    let (disk, place) = memory();
    let (log, _) = place.open(&compacted(), OpenAs::unclean());
    fill(&log, 20);
    assert!(log.segment_count() > 2);
    let before = records(&log);
    let second = log.read(Offset(0), usize::MAX, Offset(20), true).expect("readable").expect("there").next_offset;
    drop(log);
    tear(&disk, &place, Offset(0));
    let (log, _) = place.open(&compacted(), OpenAs::unclean());
    assert_eq!(log.log_end(), Offset(second.0 - 1));
    assert_eq!(records(&log), before[..second.0 as usize - 1]);
}

/// Nobody knows what another broker compacted away; there it is kept.
#[test]
fn a_log_that_was_brought_here_keeps_what_is_behind_a_gap() {
    let (disk, place) = memory();
    let (log, _) = place.open(&compacted(), OpenAs::unclean());
    fill(&log, 20);
    let second = log.read(Offset(0), usize::MAX, Offset(20), true).expect("readable").expect("there").next_offset;
    drop(log);
    disk.remove(&place.file(names::BEGAN_HERE)).expect("there");
    tear(&disk, &place, Offset(0));
    // A whole batch less, not half a one.
    let bytes = place.bytes(&names::file(Offset(0), names::Kind::Log));
    let whole: usize =
        crate::record::batches(&bytes).map_while(|batch| batch.ok()).map(|batch| batch.bytes.len()).sum();
    place.overwrite(&names::file(Offset(0), names::Kind::Log), &bytes[..whole]);
    let (log, report) = place.open(&compacted(), OpenAs::unclean());
    assert_eq!((log.log_end(), records(&log).len(), report.cut_bytes), (Offset(20), 19, 0), "{second}");
}

#[test]
fn a_damaged_compaction_checkpoint_makes_no_gap_of_a_loss() {
    let (disk, place) = memory();
    let (log, _) = place.open(&compacted(), OpenAs::unclean());
    fill(&log, 20);
    compact(&log, 0).expect("it was due");
    assert!(disk.facts(&place.file(names::BEGAN_HERE)).is_err(), "there may be gaps now");
    log.checkpoint().expect("written");
    let (from, kept) = (log.log_end(), records(&log));
    fill(&log, 20);
    drop(log);
    let mut bases: Vec<Offset> =
        place.disk.list(&place.dir).expect("listed").iter().filter_map(|name| base(name)).collect();
    bases.sort_unstable();
    let torn = *bases.iter().find(|base| **base > from).expect("there");
    tear(&disk, &place, torn);
    place.overwrite(names::COMPACTION, b"nothing of ours");
    let (log, _) = place.open(&compacted(), OpenAs::unclean());
    let next = *bases.iter().find(|base| **base > torn).expect("there is one behind it");
    assert_eq!(log.log_end(), Offset(next.0 - 1));
    let all = records(&log);
    assert_eq!(all[..kept.len()], kept);
    assert_eq!(all.len(), kept.len() + (next.0 - 1 - from.0) as usize);
}

fn base(name: &str) -> Option<Offset> {
    match names::meaning(name) {
        names::Meaning::Segment(base, names::Kind::Log) => Some(base),
        _ => None,
    }
}
