//! A broker that ends in the middle of making or deleting a topic, at every step of it, by a kill or a power cut: the next
//! start knows the topic whole or not at all, and its name is free or taken, never blocked.

use std::io::IoSlice;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::base::{ManualClock, Offset};
use crate::config::BrokerConfig;
use crate::log::memory_disk::{Fault, MemoryDisk, Operation};
use crate::log::{Disk, OpenMode};
use crate::record::{BatchBuilder, Codec, ProducerStamp, ValidBatch};

/// A directory whose content is in memory. (The lock is the machine's, and needs a real one.)
struct Place {
    dir: tempfile::TempDir,
    disk: MemoryDisk,
}

/// How the broker ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Kill,
    PowerCut,
}

const ENDS: [End; 2] = [End::Kill, End::PowerCut];

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir_all(dir.path().join("+rafka")).expect("made");
        let disk = MemoryDisk::new();
        disk.create_dir(dir.path()).expect("made");
        disk.sync_fs(dir.path()).expect("synced");
        Place { dir, disk }
    }

    fn start(&self) -> Arc<Core> {
        self.try_start().expect("it always starts")
    }

    fn try_start(&self) -> Result<Arc<Core>, OpenError> {
        let path = self.dir.path().display().to_string();
        let config = BrokerConfig::from_pairs([("log.dirs", path.as_str())]).expect("valid");
        let clock = Arc::new(ManualClock::at(1_700_000_000_000));
        Ok(Core::open(config, Arc::new(self.disk.clone()), clock, Box::new(|_| {}))?.0)
    }

    /// From the `nth` operation on that changes the disk, nothing reaches it any more. Gives their number so far.
    fn end_at(&self, nth: usize) -> Arc<AtomicUsize> {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        self.disk.watch(move |operation, _| {
            let changes = !matches!(operation, Operation::Facts | Operation::List | Operation::Read);
            let n = if changes { counted.fetch_add(1, Ordering::Relaxed) } else { counted.load(Ordering::Relaxed) };
            (n >= nth).then(|| Fault { error: std::io::Error::other("the broker is gone"), written: 0 })
        });
        count
    }

    fn end(&self, core: Arc<Core>, how: End) {
        drop(core);
        self.disk.unwatch();
        if how == End::PowerCut {
            self.disk.crash();
        }
    }
}

fn name(text: &str) -> TopicName {
    TopicName::new(text).expect("valid")
}

fn of(partitions: i32) -> NewTopic {
    NewTopic { partitions: Some(partitions), ..NewTopic::default() }
}

/// One record in partition 0, flushed.
fn put_record(core: &Core, topic: &str) {
    let topic = core.topic(topic).expect("there");
    let mut builder = BatchBuilder::new(Codec::None);
    builder.append(1_700_000_000_000, None, Some(b"kept"), &[]);
    let batch = builder.finish(ProducerStamp::NONE).expect("no codec");
    let partition = topic.partition(0).expect("there");
    partition.append(&ValidBatch::built_here(&batch).expect("built here"), core.now()).expect("appended");
    partition.log().expect("online").flush().expect("flushed");
}

fn records(core: &Core, topic: &str) -> Option<i64> {
    Some(core.topic(topic)?.partition(0).expect("a partition").log().expect("online").log_end().0)
}

/// Whatever happened before, the name can be used: it is taken by a whole topic, or free.
fn check_usable(core: &Arc<Core>, topic: &str, partitions: usize, when: &str) {
    match core.topic(topic) {
        Some(found) => assert_eq!(found.partitions.len(), partitions, "{when}"),
        None => {
            core.create_topic(&name(topic), &of(1)).unwrap_or_else(|error| panic!("{when}: {error}"));
        }
    }
    put_record(core, topic);
}

#[test]
fn a_broker_that_ends_while_it_makes_a_topic_leaves_it_whole_or_its_name_free() {
    for how in ENDS {
        for nth in 0.. {
            let place = Place::new();
            let core = place.start();
            core.create_topic(&name("other"), &of(1)).expect("a first decision");
            let steps = place.end_at(nth);
            let made = core.create_topic(&name("t"), &of(3)).is_ok();
            let done = made && steps.load(Ordering::Relaxed) <= nth;
            place.end(core, how);
            let core = place.start();
            let when = format!("{how:?} at step {nth}");
            assert!(core.topic("t").is_some() || !made, "{when}: it was answered for");
            check_usable(&core, "t", 3, &when);
            if done {
                assert!(nth > 5, "there were steps to end at");
                break;
            }
        }
    }
}

#[test]
fn a_broker_that_ends_while_it_deletes_a_topic_has_it_whole_or_not_at_all() {
    for how in ENDS {
        for nth in 0.. {
            let place = Place::new();
            let core = place.start();
            let id = core.create_topic(&name("t"), &of(2)).expect("new").id;
            put_record(&core, "t");
            let steps = place.end_at(nth);
            let deleted = core.delete_topic(&name("t"), id).is_ok();
            let done = deleted && steps.load(Ordering::Relaxed) <= nth;
            place.end(core, how);
            let core = place.start();
            let when = format!("{how:?} at step {nth}");
            match records(&core, "t") {
                Some(records) => assert!(!deleted && records == 1, "{when}: {records} records"),
                None => core.empty_deleted().expect("emptied"),
            }
            check_usable(&core, "t", 2, &when);
            if done {
                assert!(nth > 2, "there were steps to end at");
                break;
            }
        }
    }
}

#[test]
fn a_broker_that_ends_while_it_adds_partitions_has_all_or_none_of_them() {
    for how in ENDS {
        for nth in 0.. {
            let place = Place::new();
            let core = place.start();
            core.create_topic(&name("t"), &of(1)).expect("new");
            let steps = place.end_at(nth);
            let added = core.add_partitions(&name("t"), 3).is_ok();
            let done = added && steps.load(Ordering::Relaxed) <= nth;
            place.end(core, how);
            let core = place.start();
            let when = format!("{how:?} at step {nth}");
            let has = core.topic("t").expect("there").partitions.len();
            assert!(has == 3 || (has == 1 && !added), "{when}: {has} partitions");
            if has == 1 {
                core.add_partitions(&name("t"), 3).unwrap_or_else(|error| panic!("{when}: {error}"));
            }
            put_record(&core, "t");
            if done {
                break;
            }
        }
    }
}

#[test]
fn a_deletion_that_can_not_be_decided_leaves_the_topic_as_it_was() {
    let place = Place::new();
    let core = place.start();
    let id = core.create_topic(&name("t"), &of(1)).expect("new").id;
    put_record(&core, "t");
    place.disk.watch(|operation, path| {
        let decides = matches!(operation, Operation::Write | Operation::Open) && path.ends_with("+rafka/commands");
        let replaces = operation == Operation::Rename && path.starts_with("+rafka");
        (decides || replaces).then(|| Fault::from(std::io::ErrorKind::StorageFull))
    });
    let error = core.delete_topic(&name("t"), id).expect_err("it can't be written");
    assert!(matches!(error, TopicError::Decision(CommandLogError::Storage { .. })), "{error}");
    assert_eq!(records(&core, "t"), Some(1), "it is there at once");
    place.disk.unwatch();
    put_record(&core, "t");
    core.empty_deleted().expect("nothing to empty");
    place.end(core, End::PowerCut);
    let core = place.start();
    assert_eq!(records(&core, "t"), Some(2));
    let topic = core.topic("t").expect("there");
    core.delete_topic(&topic.name, topic.id).expect("the disk has room again");
    assert!(core.topic("t").is_none());
}

#[test]
fn a_topic_that_can_not_be_moved_back_keeps_its_log_start() {
    let place = Place::new();
    let core = place.start();
    let id = core.create_topic(&name("t"), &of(1)).expect("new").id;
    put_record(&core, "t");
    put_record(&core, "t");
    let partition = core.topic("t").expect("there").partition(0).cloned().expect("there");
    core.write_checkpoints_with(Some((partition.name(), Offset(1)))).expect("noted");
    partition.log().and_then(|log| log.trim(Offset(1))).expect("trimmed");
    drop(partition);
    let renames = AtomicUsize::new(0);
    place.disk.watch(move |operation, path| {
        let decides = matches!(operation, Operation::Write | Operation::Open) && path.ends_with("+rafka/commands");
        let moves_back = operation == Operation::Rename && renames.fetch_add(1, Ordering::Relaxed) > 0;
        (decides || moves_back).then(|| Fault::from(std::io::ErrorKind::StorageFull))
    });
    core.delete_topic(&name("t"), id).expect_err("it can't be written");
    assert!(core.topic("t").is_none(), "nor can it be moved back");
    place.disk.unwatch();
    core.write_checkpoints().expect("written");
    place.end(core, End::Kill);
    let core = place.start();
    let partition = core.topic("t").expect("there").partition(0).cloned().expect("there");
    assert_eq!(partition.log().expect("online").log_start(), Offset(1));
}

#[test]
fn a_directory_with_something_in_it_is_never_taken() {
    let place = Place::new();
    let dir = place.dir.path();
    let put = |path: &Path, bytes: &[u8]| {
        place.disk.create_dir(path.parent().expect("a directory")).expect("made");
        let file = place.disk.open(path, OpenMode::Create).expect("made");
        file.write_all_at(0, &[IoSlice::new(bytes)]).expect("written");
    };
    put(&dir.join("full/partition-0/00000000000000000000.log"), b"somebody's");
    put(&dir.join("deep/a/b/c"), b"");
    put(&dir.join("bare/partition-0/00000000000000000000.log"), b"");
    let core = place.start();
    for taken in ["full", "deep"] {
        let error = core.create_topic(&name(taken), &of(1)).err().expect("refused");
        assert_eq!(error.error_code(), ErrorCode::KafkaStorageError);
        assert!(error.to_string().contains("move it away first"), "{error}");
    }
    core.create_topic(&name("bare"), &of(1)).expect("there was nothing in it");
}

/// A start that could not move a topic back opened an empty one in its place, which then stood in the way.
#[test]
fn a_start_that_can_not_move_a_topic_back_is_none() {
    let place = Place::new();
    let core = place.start();
    let id = core.create_topic(&name("t"), &of(1)).expect("made").id;
    put_record(&core, "t");
    core.data().set_aside(&name("t"), id).expect("moved");
    place.end(core, End::Kill);
    let aside = id.to_string();
    place.disk.watch(move |operation, path| {
        (operation == Operation::Rename && path.ends_with(&aside)).then(|| std::io::ErrorKind::Other.into())
    });
    let refused = place.try_start().err().expect("refused").to_string();
    assert!(refused.starts_with("the files of topic \"t\" can't be moved back"), "{refused}");
    place.disk.unwatch();
    let core = place.start();
    assert_eq!(records(&core, "t"), Some(1));
}

/// Decisions find the disk full for as long as room is kept back under this name.
fn fill(place: &Place, kept_back: &'static str) {
    let mut is_given_up = false;
    place.disk.watch(move |operation, path| {
        is_given_up |= operation == Operation::Remove && path.ends_with(kept_back);
        let decides = matches!(operation, Operation::Write | Operation::Open | Operation::Rename)
            && path.to_string_lossy().contains("+rafka/commands");
        (decides && !is_given_up).then(|| Fault::from(std::io::ErrorKind::StorageFull))
    });
}

#[test]
fn partitions_that_can_not_be_decided_leave_nothing_behind() {
    let place = Place::new();
    let core = place.start();
    core.create_topic(&name("t"), &of(1)).expect("new");
    let dir = place.dir.path().join("t");
    let listed = || {
        let mut names = place.disk.list(&dir).expect("there");
        names.sort();
        names
    };
    let before = listed();
    place.disk.create_dir(&dir.join("partition-2")).expect("made");
    let somebodys = dir.join("partition-2/00000000000000000000.log");
    let file = place.disk.open(&somebodys, OpenMode::Create).expect("made");
    file.write_all_at(0, &[IoSlice::new(b"somebody's")]).expect("written");
    fill(&place, "none is");
    core.add_partitions(&name("t"), 5).expect_err("it can't be written");
    place.disk.unwatch();
    assert!(place.disk.facts(&somebodys).expect("it stays").bytes > 0);
    place.disk.remove_dir_all(&dir.join("partition-2")).expect("removed");
    assert_eq!(listed(), before);
    core.add_partitions(&name("t"), 3).expect("the disk has room again");
    put_record(&core, "t");
}

#[test]
fn on_a_full_disk_nothing_that_only_takes_room_is_made() {
    let place = Place::new();
    let core = place.start();
    core.create_topic(&name("t"), &of(1)).expect("new");
    core.restore_reserve(core.now());
    fill(&place, "reserve");
    core.next_producer_id().expect("at the price of the reserve");
    place.disk.unwatch();
    assert!(core.reserve().is_spent());
    let refusals = [
        core.create_topic(&name("new"), &of(1)).err(),
        core.topic_or_create(&name("new")).err(),
        core.add_partitions(&name("t"), 2).err(),
    ];
    for error in refusals {
        let error = error.expect("refused");
        assert_eq!((error.error_code(), error.to_string()), (ErrorCode::KafkaStorageError, core.reserve().refusal()));
    }
    core.create_topic(&name("__consumer_offsets"), &of(1)).expect("commits need it");
    core.restore_reserve(core.now());
    core.create_topic(&name("new"), &of(1)).expect("there is room again");
    core.add_partitions(&name("t"), 2).expect("there is room again");
}

#[test]
fn settings_change_at_the_price_of_the_last_room() {
    for kept_back in ["reserve", "last-reserve"] {
        let place = Place::new();
        let core = place.start();
        let topic = core.create_topic(&name("t"), &of(1)).expect("new");
        core.restore_reserve(core.now());
        let spent = |how: &str| {
            assert!(core.reserve().is_spent(), "{how}");
            assert_eq!(core.reserve().is_exhausted(), kept_back == "last-reserve", "{how}");
            place.disk.unwatch();
            core.restore_reserve(core.now());
            assert!(!core.reserve().is_spent(), "{how}");
        };
        fill(&place, kept_back);
        core.change_group_settings("g", |before, _| Ok(before.clone())).expect("changed");
        spent("a group");
        fill(&place, kept_back);
        core.change_topic_settings(&name("t"), |before| Ok(before.clone())).expect("changed");
        spent("a topic");
        fill(&place, kept_back);
        core.delete_topic(&name("t"), topic.id).expect("deleted");
        spent("a deletion");
    }
}
