//! What is kept back, when it is given up, and how it comes back.

use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc;

use super::*;
use crate::log::RealDisk;
use crate::log::memory_disk::{Fault, MemoryDisk, Operation};

fn full() -> io::Error {
    io::ErrorKind::StorageFull.into()
}

fn at(mono_ms: i64) -> Now {
    Now { wall_ms: 0, mono_ms }
}

/// A reserve on a disk in memory.
fn house() -> (MemoryDisk, Reserve) {
    let disk = MemoryDisk::new();
    disk.create_dir(Path::new("/data/+rafka")).expect("made");
    let reserve = Reserve::new(Arc::new(disk.clone()), "/data/+rafka/reserve".into());
    (disk, reserve)
}

fn bytes(disk: &MemoryDisk, name: &str) -> Option<usize> {
    disk.facts(&Path::new("/data/+rafka").join(name)).ok().map(|facts| facts.bytes as usize)
}

/// Something that finds the disk full until this file is gone.
fn until_gone<'a>(disk: &'a MemoryDisk, name: &'a str) -> impl FnMut() -> io::Result<()> + 'a {
    move || if bytes(disk, name).is_some() { Err(full()) } else { Ok(()) }
}

#[test]
fn it_is_given_up_once_and_made_again() {
    let (disk, reserve) = house();
    assert!(!reserve.restore(at(0)) && !reserve.is_spent());
    assert_eq!(bytes(&disk, "reserve"), Some(COMMON_BYTES));
    // What succeeds, or fails for another reason, costs nothing.
    assert_eq!(reserve.spend_on(|| Ok::<_, io::Error>(1)).ok(), Some(1));
    assert!(reserve.spend_on(|| Err::<(), _>(io::Error::other("broken"))).is_err());
    assert!(bytes(&disk, "reserve").is_some() && !reserve.is_spent());
    reserve.spend_on(until_gone(&disk, "reserve")).expect("there is room now");
    assert!(reserve.is_spent() && !reserve.is_exhausted());
    assert!(reserve.refusal().contains("the disk of /data is full (no storage space)"), "{}", reserve.refusal());
    assert!(reserve.restore(at(1)), "it has just become whole");
    assert!(!reserve.is_spent() && !reserve.restore(at(2)));
}

#[test]
fn the_last_piece_is_for_what_makes_room() {
    let (disk, reserve) = house();
    reserve.restore(at(0));
    let mut tries = 0;
    let commit = reserve.spend_common_on(|| {
        tries += 1;
        Err::<(), _>(full())
    });
    assert!(commit.is_err() && reserve.is_spent());
    assert_eq!((tries, bytes(&disk, "reserve"), bytes(&disk, "last-reserve")), (2, None, Some(LAST_BYTES)));
    assert!(reserve.spend_common_on(|| Err::<(), _>(full())).is_err());
    assert!(!reserve.is_exhausted());
    reserve.spend_on(until_gone(&disk, "last-reserve")).expect("there is room now");
    assert!(reserve.is_exhausted());
    // With nothing left to give up, full is full.
    assert!(reserve.spend_on(|| Err::<(), _>(full())).is_err());
    assert!(reserve.restore(at(1)));
    assert!(!reserve.is_exhausted() && !reserve.is_spent());
    assert_eq!((bytes(&disk, "reserve"), bytes(&disk, "last-reserve")), (Some(COMMON_BYTES), Some(LAST_BYTES)));
}

#[test]
fn the_last_piece_is_made_first_and_at_the_price_of_the_other() {
    let (disk, reserve) = house();
    reserve.restore(at(0));
    disk.remove(Path::new("/data/+rafka/last-reserve")).expect("it is there");
    // There is room for the one or the other.
    let gone = Arc::new(AtomicBool::new(false));
    disk.watch(move |operation, path| {
        gone.fetch_or(operation == Operation::Remove && path.ends_with("reserve"), Ordering::Relaxed);
        let has_room = gone.load(Ordering::Relaxed) && path.ends_with("last-reserve");
        (operation == Operation::Write && !has_room).then(|| io::ErrorKind::StorageFull.into())
    });
    let reserve = Reserve::new(Arc::new(disk.clone()), "/data/+rafka/reserve".into());
    assert!(!reserve.restore(at(0)));
    assert_eq!((bytes(&disk, "reserve"), bytes(&disk, "last-reserve")), (None, Some(LAST_BYTES)));
    assert!(reserve.is_spent() && !reserve.is_exhausted());
}

#[test]
fn one_that_was_cut_short_is_made_whole() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("reserve");
    std::fs::write(&path, "short").expect("written");
    Reserve::new(Arc::new(RealDisk), path.clone()).restore(at(0));
    assert_eq!(std::fs::metadata(&path).expect("there").len(), COMMON_BYTES as u64);
    assert_eq!(std::fs::metadata(dir.path().join("last-reserve")).expect("there").len(), LAST_BYTES as u64);
}

#[test]
fn what_is_no_lack_of_room_does_not_stop_producers() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("reserve");
    let reserve = Reserve::new(Arc::new(RealDisk), path.clone());
    std::fs::create_dir(&path).expect("something in the way");
    assert!(!reserve.restore(at(0)));
    assert!(!reserve.is_spent());
    std::fs::remove_dir(&path).expect("out of the way");
    reserve.restore(at(5000));
    assert!(path.is_file(), "it is tried again");
    // The same after it was given up: by then there may be any amount of room.
    assert!(reserve.spend_common_on(|| Err::<(), _>(full())).is_err());
    assert!(reserve.is_spent());
    std::fs::create_dir(&path).expect("something in the way");
    assert!(reserve.restore(at(5001)), "producers need not wait any more");
    assert!(!reserve.is_spent() && !reserve.is_exhausted());
}

/// Under a quota the file system says that there is room, and there is none.
#[test]
fn tries_that_write_become_rare() {
    let (disk, reserve) = house();
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    disk.watch(move |operation, path| {
        counted.fetch_add(usize::from(operation == Operation::Open && path.ends_with("reserve")), Ordering::Relaxed);
        let quota = || Fault { error: io::ErrorKind::QuotaExceeded.into(), written: 1000 };
        (operation == Operation::Write && path.ends_with("reserve")).then(quota)
    });
    let tries_by = |ms| {
        (0..=ms).step_by(1000).for_each(|ms| assert!(!reserve.restore(at(ms))));
        tries.swap(0, Ordering::Relaxed)
    };
    assert_eq!(tries_by(0), 1);
    assert!(reserve.is_spent() && !reserve.is_exhausted());
    assert_eq!(bytes(&disk, "reserve"), None, "half of it is in nobody's way");
    let of_an_hour = tries_by(3_600_000);
    assert!((60..70).contains(&of_an_hour), "{of_an_hour}: after 1, 2, 4 ... 60 s, and then every minute");
    assert!(reserve.refusal().contains("(quota exceeded)"), "{}", reserve.refusal());
    reserve.expect_room();
    reserve.restore(at(3_600_001));
    assert_eq!(tries.load(Ordering::Relaxed), 1, "somebody made room");
    disk.unwatch();
    assert!(reserve.restore(at(3_700_000)));
}

#[test]
fn whoever_needs_the_room_does_not_wait_for_who_makes_it() {
    let (disk, reserve) = house();
    let (reached, at_work) = mpsc::channel();
    let (go_on, told) = mpsc::channel();
    let mut writes = 0;
    disk.watch_blocking(move |operation, path| {
        writes += usize::from(operation == Operation::Write && path.ends_with("last-reserve"));
        if writes == 2 {
            writes += 1;
            reached.send(()).expect("somebody listens");
            told.recv().expect("it is told");
        }
    });
    std::thread::scope(|scope| {
        let maker = scope.spawn(|| reserve.restore(at(0)));
        at_work.recv().expect("it writes");
        assert!(bytes(&disk, "last-reserve").is_some_and(|bytes| bytes > 0));
        reserve.spend_on(until_gone(&disk, "last-reserve")).expect("what was written so far is out of the way");
        go_on.send(()).expect("it waits");
        assert!(!maker.join().expect("it ends"));
    });
    assert_eq!((bytes(&disk, "reserve"), bytes(&disk, "last-reserve")), (None, None));
    assert!(reserve.is_spent());
    assert!(reserve.restore(at(1000)));
}
