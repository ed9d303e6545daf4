//! Requests that lie, for every API that is served in every version: an answer of that API, or the end of the
//! connection. Goes over the table of what is served, so that whoever serves a new API is tested here.

use std::sync::Arc;

use bytes::Bytes;

use super::{SERVED, answer, versions};
use crate::base::{Clock, ManualClock};
use crate::broker::{Answer, Caller, Core, ListenerName, Waker};
use crate::config::BrokerConfig;
use crate::log::memory_disk::MemoryDisk;
use crate::protocol::kafka::ApiKey;
use crate::protocol::kafka::tests::{Samples, check_response, sample_request};

struct Nobody;

impl Waker for Nobody {
    fn wake(&self) {}
}

/// A broker without a port.
struct Bare {
    core: Arc<Core>,
    caller: Caller,
    clock: Arc<ManualClock>,
    _dir: tempfile::TempDir,
}

impl Bare {
    fn new() -> Bare {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("data");
        // Everything else is in memory; the lock is the operating system's.
        std::fs::create_dir_all(path.join("+rafka")).expect("a place for the lock");
        let config = BrokerConfig::from_pairs([
            ("log.dirs", path.to_str().expect("text")),
            // What a mistaken request makes is files; they are not what is tested here.
            ("auto.create.topics.enable", "false"),
        ]);
        let clock = Arc::new(ManualClock::at(1_700_000_000_000));
        let as_clock: Arc<dyn Clock> = clock.clone();
        let config = config.expect("good settings");
        let (core, _work) = Core::open(config, Arc::new(MemoryDisk::new()), as_clock, Box::new(|_| {})).expect("opens");
        let address = ([127, 0, 0, 1], 9092).into();
        let caller = Caller {
            principal: "User:ANONYMOUS".into(),
            listener: Arc::new(ListenerName { name: "PLAINTEXT".to_owned(), advertised: None }),
            client_id: None,
            address,
            dialled: address,
            waker: Arc::new(Nobody),
        };
        Bare { core, caller, clock, _dir: dir }
    }

    /// Answers a frame, with no time to wait for anything. Says whether there was an answer.
    fn ask(&self, key: ApiKey, version: i16, frame: Bytes, about: &dyn Fn() -> String) -> bool {
        let now = self.clock.now();
        let mut given = answer(&self.core, &self.caller, frame, now);
        while let Answer::Wait(mut pending) = given {
            given = pending.look(&self.core, now, true).unwrap_or_else(|| panic!("{}: the last look", about()));
        }
        match given {
            Answer::Reply(reply) => {
                assert!(reply.slices.is_empty(), "{}: nothing is stored here", about());
                let bytes = reply.frame.to_bytes().slice(4..);
                check_response(key, version, bytes).unwrap_or_else(|error| panic!("{}: {error}", about()));
                true
            }
            Answer::Silent | Answer::Close(_) => false,
            Answer::Wait(_) => unreachable!("looked at above"),
        }
    }
}

/// Topics and their like would be made by the thousand; these are tried with their whole frames only.
fn makes_things(key: ApiKey) -> bool {
    matches!(key, ApiKey::CreateTopics | ApiKey::CreatePartitions)
}

fn each_served(mut each: impl FnMut(ApiKey, i16)) {
    for &key in SERVED {
        versions(key).for_each(|version| each(key, version));
    }
}

/// One that has something in its lists and is short enough to be tried at every byte.
fn short_sample(key: ApiKey, version: i16, seed: u64) -> Bytes {
    let frames = (0..20).map(|n| sample_request(key, version, &mut Samples::new(seed + n)));
    frames.min_by_key(|frame| frame.len().abs_diff(150)).expect("one of twenty")
}

#[test]
fn a_request_cut_at_any_byte_ends_the_connection() {
    let bare = Bare::new();
    each_served(|key, version| {
        let whole = short_sample(key, version, 3);
        for length in 0..whole.len() {
            let about = || format!("{key} version {version}, cut to {length} of {}", whole.len());
            assert!(!bare.ask(key, version, whole.slice(..length), &about), "{} was answered", about());
        }
    });
}

#[test]
fn whatever_can_be_read_is_answered() {
    let bare = Bare::new();
    let mut answered = 0;
    each_served(|key, version| {
        for seed in 0..10 {
            let about = || format!("{key} version {version}, seed {seed}");
            let frame = sample_request(key, version, &mut Samples::new(seed));
            answered += usize::from(bare.ask(key, version, frame.clone(), &about));
            if !makes_things(key) {
                // Kafka leaves bytes behind a request unread.
                let longer = [&frame[..], b"more"].concat();
                bare.ask(key, version, longer.into(), &about);
            }
        }
    });
    assert!(answered > 400, "only {answered} samples were answered");
}

#[test]
fn lengths_and_counts_that_lie_are_survived() {
    const LIES: [&[u8]; 5] =
        [&[0x7f, 0xff, 0xff, 0xff], &[0xff; 5], &[0xff, 0xff, 0xff, 0xff, 0x0f], &[0, 1, 0x86, 0xa0], &[0]];
    let bare = Bare::new();
    each_served(|key, version| {
        if makes_things(key) {
            return;
        }
        let whole = short_sample(key, version, 11);
        // Behind key, version and correlation id, so that it stays this request.
        for at in 8..whole.len() {
            for lie in LIES {
                let mut bytes = whole.to_vec();
                let end = bytes.len().min(at + lie.len());
                bytes[at..end].copy_from_slice(&lie[..end - at]);
                bare.ask(key, version, bytes.into(), &|| format!("{key} version {version}, {lie:?} at {at}"));
            }
        }
    });
}

#[test]
fn unknown_keys_and_versions_end_the_connection() {
    let bare = Bare::new();
    for code in (-2..120).chain([i16::MIN, i16::MAX]) {
        let served = ApiKey::from_code(code).filter(|key| SERVED.contains(key));
        for version in (-2..30).chain([i16::MIN, i16::MAX]) {
            // A header with its client id null and no tagged fields, which the older headers do not have anyway.
            let frame =
                [&code.to_be_bytes()[..], &version.to_be_bytes(), &77i32.to_be_bytes(), &[0xff, 0xff, 0]].concat();
            match served {
                Some(key) if versions(key).contains(&version) => {}
                // ApiVersions alone is told which versions there are.
                Some(ApiKey::ApiVersions) => {
                    assert!(bare.ask(ApiKey::ApiVersions, 0, frame.into(), &|| format!("version {version}")));
                }
                _ => {
                    let about = || format!("API {code} version {version}");
                    assert!(!bare.ask(ApiKey::ApiVersions, 0, frame.into(), &about), "{}", about());
                }
            }
        }
    }
}
