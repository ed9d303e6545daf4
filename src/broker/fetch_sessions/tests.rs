//! Fetch sessions by tables of requests and answers, and by a client that remembers: what it was told must be all
//! that full fetches would have told it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const ROOM: Room = Room { sessions: 4, bytes: 1 << 20 };
const MINUTE_MS: i64 = 60_000;

fn at(mono_ms: i64) -> Now {
    Now { wall_ms: 0, mono_ms }
}

fn name(topic: &str) -> TopicRef {
    TopicRef::Name(topic.into())
}

fn asked(partition: i32, fetch_offset: i64) -> Asked {
    Asked { topic: name("t"), partition, fetch_offset, bytes_max: 1, current_leader_epoch: -1, last_fetched_epoch: -1 }
}

fn mention(id: i32, epoch: i32, asked: Vec<Asked>) -> Mention {
    Mention { id, epoch, by_id: false, asked, forgotten: Vec::new() }
}

fn outcome(high_watermark: i64) -> Outcome {
    Outcome { high_watermark, log_start: 0, has_records: false, is_urgent: false }
}

const RECORDS: Outcome = Outcome { high_watermark: 9, log_start: 0, has_records: true, is_urgent: false };
const ERROR: Outcome = Outcome { high_watermark: -1, log_start: -1, has_records: false, is_urgent: true };

impl FetchSessions {
    fn full(&self, asked: Vec<Asked>, outcomes: &[Outcome], room: Room, now: Now) -> i32 {
        let (scope, asked) = self.take(mention(0, 0, asked), room, now).expect("a full fetch");
        let telling = self.tell(&scope, asked.iter(), outcomes, room, now);
        assert_eq!(telling.only, None, "a full fetch is answered in full");
        telling.session_id
    }

    /// An incremental fetch: which partitions were read, and which of them told.
    fn go_on(&self, mention: Mention, outcomes: &[Outcome]) -> (Vec<i32>, Vec<bool>) {
        let (scope, asked) = self.take(mention, ROOM, at(0)).expect("a session that goes on");
        let telling = self.tell(&scope, asked.iter(), outcomes, ROOM, at(0));
        assert_eq!(telling.error, ErrorCode::None);
        (asked.iter().map(|asked| asked.partition).collect(), telling.only.expect("incremental"))
    }

    fn code(&self, mention: Mention) -> ErrorCode {
        self.take(mention, ROOM, at(0)).err().unwrap_or(ErrorCode::None)
    }

    fn ids(&self) -> Vec<i32> {
        self.cache.lock().ids()
    }
}

#[test]
fn a_session_tells_what_is_new_and_no_more() {
    let sessions = FetchSessions::default();
    let id = sessions.full(vec![asked(0, 0), asked(1, 0), asked(2, 0)], &[outcome(5), outcome(5), ERROR], ROOM, at(0));
    assert!(id > 0);
    let moved_start = Outcome { log_start: 1, ..outcome(5) };
    let diverges = Outcome { is_urgent: true, ..outcome(6) };
    let steps: [(&str, [Outcome; 3], [bool; 3]); 7] = [
        ("nothing new but the error", [outcome(5), outcome(5), ERROR], [false, false, true]),
        ("the error again", [outcome(5), outcome(5), ERROR], [false, false, true]),
        ("the error is gone", [outcome(5), outcome(5), outcome(0)], [false, false, true]),
        ("quiet", [outcome(5), outcome(5), outcome(0)], [false, false, false]),
        ("a high watermark moved", [outcome(6), outcome(5), outcome(0)], [true, false, false]),
        ("a log start moved", [outcome(6), moved_start, outcome(0)], [false, true, false]),
        ("a log diverges", [diverges, moved_start, outcome(0)], [true, false, false]),
    ];
    for (epoch, (what, outcomes, told)) in (1..).zip(steps) {
        assert_eq!(sessions.go_on(mention(id, epoch, vec![]), &outcomes), (vec![0, 1, 2], told.to_vec()), "{what}");
    }
}

#[test]
fn partitions_that_gave_records_go_to_the_end() {
    let sessions = FetchSessions::default();
    let id = sessions.full((0..4).map(|p| asked(p, 0)).collect(), &[outcome(9); 4], ROOM, at(0));
    let quiet = outcome(9);
    assert_eq!(sessions.go_on(mention(id, 1, vec![]), &[RECORDS, quiet, RECORDS, quiet]).0, [0, 1, 2, 3]);
    assert_eq!(sessions.go_on(mention(id, 2, vec![]), &[quiet, quiet, RECORDS, quiet]).0, [1, 3, 0, 2]);
    assert_eq!(sessions.go_on(mention(id, 3, vec![]), &[quiet; 4]).0, [1, 3, 2, 0]);
}

#[test]
fn partitions_are_added_changed_and_forgotten() {
    let sessions = FetchSessions::default();
    let id = sessions.full(vec![asked(0, 0), asked(1, 0)], &[outcome(5); 2], ROOM, at(0));
    let take = |epoch, asked, forgotten: Vec<i32>| {
        let forgotten = forgotten.into_iter().map(|p| (name("t"), p)).collect();
        let (scope, asked) =
            sessions.take(Mention { forgotten, ..mention(id, epoch, asked) }, ROOM, at(0)).expect("on");
        let told = sessions.tell(&scope, asked.iter(), &vec![outcome(5); asked.len()], ROOM, at(0));
        let offsets: Vec<_> = asked.iter().map(|asked| (asked.partition, asked.fetch_offset)).collect();
        (told.session_id, offsets, told.only)
    };
    let (_, offsets, told) = take(1, vec![asked(1, 7), asked(2, 3)], vec![0]);
    assert_eq!(offsets, [(1, 7), (2, 3)]);
    assert_eq!(told, Some(vec![false, true]), "of the new one nothing is known yet");
    let (_, offsets, _) = take(2, vec![], vec![5]);
    assert_eq!(offsets, [(1, 7), (2, 3)], "what is not there can't be forgotten");
    let (session_id, offsets, told) = take(3, vec![], vec![1, 2]);
    assert_eq!((session_id, offsets, told), (0, vec![], None), "an empty session is closed");
    assert_eq!(sessions.code(mention(id, 4, vec![])), ErrorCode::FetchSessionIdNotFound);
    assert_eq!(sessions.cache.lock().bytes(), 0);
}

#[test]
fn a_partition_named_twice_counts_once_and_as_named_last() {
    let sessions = FetchSessions::default();
    let twice = vec![asked(3, 1), asked(4, 1), asked(3, 8)];
    let (_, distinct) = sessions.take(mention(0, -1, twice), ROOM, at(0)).expect("no session");
    assert_eq!(distinct, [asked(3, 8), asked(4, 1)]);
}

#[test]
fn what_does_not_fit_a_session_has_kafkas_codes() {
    let sessions = FetchSessions::default();
    let id = sessions.full(vec![asked(0, 0)], &[outcome(5)], ROOM, at(0));
    let by_id = Mention { by_id: true, ..mention(id, 1, vec![]) };
    let cases = [
        ("a session nobody has", mention(id ^ 1, 1, vec![]), ErrorCode::FetchSessionIdNotFound),
        ("no session goes on", mention(0, 1, vec![]), ErrorCode::FetchSessionIdNotFound),
        ("a negative id", mention(i32::MIN, 1, vec![]), ErrorCode::FetchSessionIdNotFound),
        ("an epoch ahead", mention(id, 2, vec![]), ErrorCode::InvalidFetchSessionEpoch),
        ("an epoch that has no meaning", mention(id, -2, vec![]), ErrorCode::InvalidFetchSessionEpoch),
        ("ids where names were", by_id, ErrorCode::FetchSessionTopicIdError),
        ("as it should be", mention(id, 1, vec![]), ErrorCode::None),
        ("the same again", mention(id, 1, vec![]), ErrorCode::InvalidFetchSessionEpoch),
    ];
    for (what, mention, expected) in cases {
        assert_eq!(sessions.code(mention), expected, "{what}");
    }
}

#[test]
fn a_full_fetch_ends_the_session_it_names() {
    let sessions = FetchSessions::default();
    let first = sessions.full(vec![asked(0, 0)], &[outcome(5)], ROOM, at(0));
    let (scope, asked_now) = sessions.take(mention(first, 0, vec![asked(0, 0)]), ROOM, at(0)).expect("begins anew");
    let second = sessions.tell(&scope, asked_now.iter(), &[outcome(5)], ROOM, at(0)).session_id;
    assert_eq!(sessions.ids(), [second]);
    let (scope, asked_now) = sessions.take(mention(second, -1, vec![]), ROOM, at(0)).expect("the last fetch");
    let telling = sessions.tell(&scope, asked_now.iter(), &[], ROOM, at(0));
    assert_eq!((telling.session_id, telling.only, sessions.ids()), (0, None, vec![]));
}

#[test]
fn an_answer_that_was_overtaken_says_so() {
    let sessions = FetchSessions::default();
    let id = sessions.full(vec![asked(0, 0)], &[outcome(5)], ROOM, at(0));
    let (slow, asked) = sessions.take(mention(id, 1, vec![]), ROOM, at(0)).expect("waits for records");
    // Its client has given up on it, and goes on over another connection.
    assert_eq!(sessions.go_on(mention(id, 2, vec![]), &[outcome(6)]).1, [true]);
    let telling = sessions.tell(&slow, asked.iter(), &[RECORDS], ROOM, at(0));
    let only = Some(vec![false]);
    assert_eq!(telling, Telling { session_id: id, error: ErrorCode::InvalidFetchSessionEpoch, only });
    assert_eq!(sessions.go_on(mention(id, 3, vec![]), &[outcome(6)]).1, [false], "the session is none the worse");
}

#[test]
fn epochs_begin_again_at_1() {
    let mut session = Session::new(false, std::iter::empty());
    assert_eq!(session.epoch(), 1);
    assert_eq!(session.next_epoch(), 2);
    session.set_epoch(i32::MAX);
    assert_eq!(session.next_epoch(), 1, "0 would begin a session");
}

#[test]
fn who_makes_room_for_whom() {
    let fill = |sizes: &[i32], used_ms: i64| {
        let sessions = FetchSessions::default();
        let ids: Vec<i32> = sizes
            .iter()
            .map(|size| {
                let partitions: Vec<_> = (0..*size).map(|p| asked(p, 0)).collect();
                sessions.full(partitions, &vec![outcome(1); *size as usize], ROOM, at(0))
            })
            .collect();
        for id in &ids {
            sessions.take(mention(*id, 1, vec![]), ROOM, at(used_ms)).expect("in use");
        }
        (sessions, ids)
    };
    let two_minutes = 2 * MINUTE_MS;
    // Sizes, when they were last used, size and time of the new one; which of them goes.
    const NONE: Option<usize> = None;
    const ANY: Option<usize> = Some(usize::MAX);
    let cases = [
        ("young ones stay", [3, 1, 2, 4], MINUTE_MS, 9, MINUTE_MS, NONE),
        ("the smallest old one goes", [3, 1, 2, 4], two_minutes + 1, 2, two_minutes + 1, Some(1)),
        ("no larger one goes", [3, 2, 2, 4], two_minutes + 1, 1, two_minutes + 1, NONE),
        ("nor one of the same size", [3, 2, 2, 4], two_minutes + 1, 2, two_minutes + 1, NONE),
        ("two minutes to the millisecond are not over", [1, 1, 1, 1], two_minutes, 9, two_minutes, NONE),
        ("nobody uses them", [9, 9, 9, 9], MINUTE_MS, 1, 3 * MINUTE_MS + 1, ANY),
    ];
    for (what, sizes, used_ms, size, now_ms, goes) in cases {
        let (sessions, ids) = fill(&sizes, used_ms);
        let partitions: Vec<_> = (0..size).map(|p| asked(p, 0)).collect();
        let new = sessions.full(partitions, &vec![outcome(1); size as usize], ROOM, at(now_ms));
        let left: Vec<_> = ids.iter().filter(|id| sessions.ids().contains(id)).collect();
        match goes {
            None => assert_eq!((new, left.len()), (0, 4), "{what}"),
            Some(index) => {
                assert!(new > 0, "{what}");
                assert_eq!(left.len(), 3, "{what}");
                assert!(ids.get(index).is_none_or(|id| !left.contains(&id)), "{what}");
            }
        }
    }
}

#[test]
fn of_sessions_that_nobody_uses_the_oldest_goes_first() {
    let sessions = FetchSessions::default();
    let ids: Vec<_> = (0..4).map(|n| sessions.full(vec![asked(0, 0)], &[outcome(1)], ROOM, at(n * 1000))).collect();
    sessions.take(mention(ids[0], 1, vec![]), ROOM, at(5000)).expect("in use");
    let later = at(5000 + 3 * MINUTE_MS);
    sessions.full(vec![asked(0, 0)], &[outcome(1)], ROOM, later);
    assert!(sessions.ids().contains(&ids[0]));
    assert!(!sessions.ids().contains(&ids[1]), "the one not used for the longest");
}

#[test]
fn without_slots_there_are_no_sessions() {
    let sessions = FetchSessions::default();
    let none = Room { sessions: 0, ..ROOM };
    assert_eq!(sessions.full(vec![asked(0, 0)], &[outcome(1)], none, at(0)), 0);
}

#[test]
fn memory_is_bounded_whatever_clients_name() {
    let sessions = FetchSessions::default();
    let room = Room { sessions: 1000, bytes: 3000 };
    let many = |count: i32| -> (Vec<Asked>, Vec<Outcome>) {
        ((0..count).map(|p| asked(p, 0)).collect(), vec![outcome(1); count as usize])
    };
    let full = |count| {
        let (asked, outcomes) = many(count);
        sessions.full(asked, &outcomes, room, at(0))
    };
    assert_eq!(full(100), 0, "one alone is too large");
    let id = full(10);
    assert!(id > 0);
    assert_eq!(full(10), 0, "the second has no room");
    assert!(sessions.cache.lock().bytes() <= room.bytes);
    // One that grows past its room has to begin again, and frees what it held.
    let (more, _) = many(100);
    let grown = sessions.take(mention(id, 1, more), room, at(0)).err();
    assert_eq!(grown, Some(ErrorCode::FetchSessionIdNotFound));
    assert_eq!(sessions.cache.lock().bytes(), 0);
    let long = Asked { topic: name(&"n".repeat(4000)), ..asked(0, 0) };
    assert_eq!(sessions.full(vec![long], &[ERROR], room, at(0)), 0, "names count");
}

/// One partition of the world that a client reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reality {
    high_watermark: i64,
    log_start: i64,
    fails: bool,
}

#[derive(Debug, Clone)]
enum Step {
    Append(i32),
    Trim(i32),
    Break(i32),
    Heal(i32),
    Want(i32),
    Forget(i32),
    /// Everybody's sessions are gone.
    Restart,
    /// A fetch that has room for the records of so many partitions.
    Fetch(usize),
}

const PARTITIONS: i32 = 5;

fn any_step() -> impl Strategy<Value = Step> {
    let partition = 0..PARTITIONS;
    prop_oneof![
        4 => partition.clone().prop_map(Step::Append),
        1 => partition.clone().prop_map(Step::Trim),
        1 => partition.clone().prop_map(Step::Break),
        2 => partition.clone().prop_map(Step::Heal),
        2 => partition.clone().prop_map(Step::Want),
        1 => partition.prop_map(Step::Forget),
        1 => Just(Step::Restart),
        6 => (0..3usize).prop_map(Step::Fetch),
    ]
}

/// A client with a session, and what it believes of each partition.
#[derive(Default)]
struct Client {
    session: (i32, i32),
    /// Partition and where it reads on.
    wants: BTreeMap<i32, i64>,
    /// What the broker was told of `wants`.
    told_broker: BTreeMap<i32, i64>,
    believes: BTreeMap<i32, Outcome>,
}

impl Client {
    fn fetch(&mut self, sessions: &FetchSessions, world: &BTreeMap<i32, Reality>, room_for: usize) {
        let (id, epoch) = self.session;
        let is_full = epoch == 0;
        let news = self.wants.iter().filter(|(p, offset)| is_full || self.told_broker.get(p) != Some(offset));
        let asked_now = news.map(|(p, offset)| asked(*p, *offset)).collect();
        let gone = self.told_broker.keys().filter(|p| !is_full && !self.wants.contains_key(p));
        let forgotten = gone.map(|p| (name("t"), *p)).collect();
        let taken = sessions.take(Mention { forgotten, ..mention(id, epoch, asked_now) }, ROOM, at(0));
        let (scope, reads) = match taken {
            Ok(taken) => taken,
            Err(code) => {
                assert_eq!(code, ErrorCode::FetchSessionIdNotFound);
                self.session = (0, 0);
                return self.fetch(sessions, world, room_for);
            }
        };
        self.told_broker = self.wants.clone();
        let read: BTreeMap<i32, i64> = reads.iter().map(|asked| (asked.partition, asked.fetch_offset)).collect();
        assert_eq!(read, self.wants, "what is read is what the client wants");
        let mut room_left = room_for;
        let outcomes: Vec<Outcome> = reads
            .iter()
            .map(|asked| {
                let real = world[&asked.partition];
                if real.fails {
                    return ERROR;
                }
                let has_records = room_left > 0 && asked.fetch_offset < real.high_watermark;
                room_left -= usize::from(has_records);
                Outcome { has_records, log_start: real.log_start, ..outcome(real.high_watermark) }
            })
            .collect();
        let telling = sessions.tell(&scope, reads.iter(), &outcomes, ROOM, at(0));
        assert_eq!(telling.error, ErrorCode::None);
        for (n, (asked, outcome)) in reads.iter().zip(&outcomes).enumerate() {
            if telling.only.as_ref().is_none_or(|only| only[n]) {
                self.believes.insert(asked.partition, *outcome);
                if outcome.has_records {
                    self.wants.insert(asked.partition, outcome.high_watermark);
                }
            }
        }
        self.session = match telling.session_id {
            0 => (0, 0),
            id => (id, if is_full { 1 } else { epoch + 1 }),
        };
        self.believes.retain(|p, _| self.wants.contains_key(p));
        let believed: BTreeMap<i32, (i64, i64)> =
            self.believes.iter().map(|(p, told)| (*p, (told.high_watermark, told.log_start))).collect();
        let real = self.wants.keys().map(|p| match world[p] {
            Reality { fails: true, .. } => (*p, (-1, -1)),
            real => (*p, (real.high_watermark, real.log_start)),
        });
        assert_eq!(believed, real.collect(), "the session's view is what a full fetch would show");
    }
}

proptest! {
    #[test]
    fn who_keeps_a_session_sees_what_full_fetches_show(steps in proptest::collection::vec(any_step(), 1..120)) {
        let mut sessions = FetchSessions::default();
        let mut world: BTreeMap<i32, Reality> =
            (0..PARTITIONS).map(|p| (p, Reality { high_watermark: 0, log_start: 0, fails: false })).collect();
        let mut client = Client::default();
        for step in steps {
            let mut with = |p: i32, change: &dyn Fn(&mut Reality)| change(world.get_mut(&p).expect("there from the start"));
            match step {
                Step::Append(p) => with(p, &|real| real.high_watermark += 1),
                Step::Trim(p) => with(p, &|real| real.log_start = real.high_watermark),
                Step::Break(p) => with(p, &|real| real.fails = true),
                Step::Heal(p) => with(p, &|real| real.fails = false),
                Step::Want(p) => { client.wants.entry(p).or_insert(0); }
                Step::Forget(p) => {
                    client.wants.remove(&p);
                }
                Step::Restart => sessions = FetchSessions::default(),
                Step::Fetch(room_for) => client.fetch(&sessions, &world, room_for),
            }
        }
    }

    #[test]
    fn everybody_gets_a_turn(busy in proptest::collection::vec(any::<bool>(), 6)) {
        // All of the busy partitions always have records, and each fetch has room for those of one.
        let sessions = FetchSessions::default();
        let id = sessions.full((0..6).map(|p| asked(p, 0)).collect(), &[outcome(9); 6], ROOM, at(0));
        let count = busy.iter().filter(|busy| **busy).count();
        let mut served = std::collections::BTreeSet::new();
        for epoch in 1..=count as i32 {
            let (scope, asked) = sessions.take(mention(id, epoch, vec![]), ROOM, at(0)).expect("on");
            let first = asked.iter().position(|asked| busy[asked.partition as usize]);
            let outcomes: Vec<_> = (0..6).map(|n| if Some(n) == first { RECORDS } else { outcome(9) }).collect();
            served.extend(first.map(|n| asked[n].partition));
            sessions.tell(&scope, asked.iter(), &outcomes, ROOM, at(0));
        }
        prop_assert_eq!(served.len(), count, "in as many fetches as there are busy partitions, each was served");
    }
}
