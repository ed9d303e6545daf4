//! What the simulated disk keeps, and what it forgets.

use super::*;

fn disk_with(path: &str, bytes: &[u8]) -> (MemoryDisk, Arc<dyn DiskFile>) {
    let disk = MemoryDisk::new();
    disk.create_dir(Path::new("/d")).expect("made");
    disk.sync_fs(Path::new("/")).expect("synced");
    let file = disk.open(Path::new(path), OpenMode::Create).expect("made");
    file.write_all_at(0, &[IoSlice::new(bytes)]).expect("written");
    (disk, file)
}

#[test]
fn a_crash_loses_unsynced_names_and_unsynced_bytes() {
    let (disk, file) = disk_with("/d/a", b"one");
    file.sync_data().expect("synced");
    disk.crash();
    assert!(disk.list(Path::new("/d")).expect("the directory was synced").is_empty());

    let (disk, file) = disk_with("/d/a", b"one");
    disk.sync_dir(Path::new("/d")).expect("synced");
    file.sync_data().expect("synced");
    file.write_all_at(3, &[IoSlice::new(b"two")]).expect("written");
    disk.crash();
    let file = disk.open(Path::new("/d/a"), OpenMode::Read).expect("still there");
    assert_eq!(file.len().expect("length"), 3);
}

#[test]
fn a_rename_and_a_removal_count_after_the_directory_is_synced() {
    let (disk, file) = disk_with("/d/a", b"one");
    file.sync_data().expect("synced");
    disk.sync_dir(Path::new("/d")).expect("synced");
    disk.rename(Path::new("/d/a"), Path::new("/d/b")).expect("renamed");
    let before = disk.clone();
    before.crash();
    assert_eq!(disk.list(Path::new("/d")).expect("listed"), ["a"]);
    disk.rename(Path::new("/d/a"), Path::new("/d/b")).expect("renamed");
    disk.sync_dir(Path::new("/d")).expect("synced");
    disk.crash();
    assert_eq!(disk.list(Path::new("/d")).expect("listed"), ["b"]);
}

#[test]
fn changes_of_names_reach_the_disk_one_by_one() {
    for (reached, expected) in [(0, vec!["a"]), (1, vec!["a", "c"]), (2, vec!["b", "c"]), (3, vec!["b"])] {
        let (disk, file) = disk_with("/d/a", b"one");
        file.sync_data().expect("synced");
        disk.sync_dir(Path::new("/d")).expect("synced");
        disk.open(Path::new("/d/c"), OpenMode::Create).expect("made");
        disk.rename(Path::new("/d/a"), Path::new("/d/b")).expect("renamed");
        disk.remove(Path::new("/d/c")).expect("removed");
        disk.crash_choosing(|n, count| n < reached && count == 3, |_, durable, _| durable.to_vec());
        assert_eq!(disk.list(Path::new("/d")).expect("listed"), expected, "{reached}");
    }
}

#[test]
fn a_sync_that_lies_makes_nothing_durable() {
    let (disk, file) = disk_with("/d/a", b"one");
    disk.pretend_to_sync(Lies { data: true, dirs: false });
    file.sync_data().expect("it says");
    disk.sync_dir(Path::new("/d")).expect("synced");
    disk.crash();
    let file = disk.open(Path::new("/d/a"), OpenMode::Read).expect("its name is there");
    assert!(file.is_empty().expect("its length"));
    disk.pretend_to_sync(Lies { data: false, dirs: true });
    disk.open(Path::new("/d/b"), OpenMode::Create).expect("made");
    disk.sync_dir(Path::new("/d")).expect("it says");
    disk.crash();
    assert_eq!(disk.list(Path::new("/d")).expect("listed"), ["a"]);
}

#[test]
fn what_is_read_can_be_changed_on_its_way() {
    let (disk, file) = disk_with("/d/a", b"one");
    disk.watch_reads(|_, bytes| bytes[1] ^= 1);
    let mut bytes = [0; 3];
    file.read_exact_at(0, &mut bytes).expect("read");
    assert_eq!(&bytes, b"ooe");
    disk.unwatch();
    file.read_exact_at(0, &mut bytes).expect("read");
    assert_eq!(&bytes, b"one");
}

#[test]
fn faults_happen_where_the_rule_says() {
    let (disk, file) = disk_with("/d/a", b"one");
    disk.watch(|operation, _| {
        (operation == Operation::Write).then(|| Fault { error: io::ErrorKind::StorageFull.into(), written: 2 })
    });
    assert!(file.write_all_at(3, &[IoSlice::new(b"four")]).is_err());
    disk.unwatch();
    let mut bytes = [0; 8];
    assert_eq!(file.read_up_to(0, &mut bytes).expect("read"), 5);
    assert_eq!(&bytes[..5], b"onefo");
}

#[test]
fn a_directory_that_moves_takes_along_what_is_in_it() {
    let (disk, file) = disk_with("/d/a", b"one");
    file.sync_data().expect("synced");
    disk.sync_dir(Path::new("/d")).expect("synced");
    disk.rename(Path::new("/d"), Path::new("/e")).expect("renamed");
    disk.sync_dir(Path::new("/")).expect("synced");
    disk.crash();
    assert_eq!(disk.list(Path::new("/")).expect("listed"), ["e"]);
    assert_eq!(disk.list(Path::new("/e")).expect("listed"), ["a"]);
    disk.create_dir(Path::new("/d")).expect("made");
    assert!(disk.list(Path::new("/d")).expect("listed").is_empty());
    assert!(disk.rename(Path::new("/d"), Path::new("/e")).is_err(), "there is something in it");
}

/// As on Linux: the pages count as written after a failed fsync, and a second one has nothing to do.
#[test]
fn a_refused_sync_is_not_made_good_by_another() {
    let (disk, file) = disk_with("/d/a", b"one");
    file.sync_data().expect("synced");
    disk.sync_dir(Path::new("/d")).expect("synced");
    file.write_all_at(3, &[IoSlice::new(b"two"), IoSlice::new(b"three")]).expect("written");
    disk.give_up_at_refused_syncs();
    disk.watch(|operation, _| (operation == Operation::SyncData).then(|| io::ErrorKind::Other.into()));
    file.sync_data().expect_err("refused");
    disk.unwatch();
    file.write_all_at(6, &[IoSlice::new(b"T")]).expect("written");
    file.sync_data().expect("it says");
    let mut bytes = [0; 11];
    file.read_exact_at(0, &mut bytes).expect("read");
    assert_eq!(&bytes, b"onetwoThree");
    disk.crash();
    disk.open(Path::new("/d/a"), OpenMode::Read).expect("there").read_exact_at(0, &mut bytes).expect("read");
    assert_eq!(&bytes, b"one\0\0\0T\0\0\0\0", "what was written again was kept");
}
