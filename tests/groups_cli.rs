//! Several rafka-consume in one group, and rafka-admin looking on: sharing, handing over, dying, coming back.
#![cfg(all(feature = "cli", unix))]

mod common;
#[path = "common/tools.rs"]
mod tools;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr};
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;

use common::{Server, signal, until, wait};
use tools::{ADMIN, CONSUME, PRODUCE, command, run};

/// A rafka-consume in group g that prints partition and value of what it reads from T.
struct Member {
    child: Child,
    printed: Arc<Mutex<Vec<(i32, u64)>>>,
    reader: JoinHandle<()>,
    stderr: ChildStderr,
}

impl Member {
    fn start(server: &str, args: &[&str]) -> Member {
        let args = [&["-g", "g", "--format", "%p %v\\n", "T"], args].concat();
        let mut child = command(CONSUME, server, &args).spawn().expect("the program starts");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let stderr = child.stderr.take().expect("piped");
        let printed = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&printed);
        let reader = std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let (partition, value) = line.split_once(' ').expect("two words");
                kept.lock().push((partition.parse().expect("a number"), value.parse().expect("a number")));
            }
        });
        Member { child, printed, reader, stderr }
    }

    fn count(&self) -> usize {
        self.printed.lock().len()
    }

    fn partitions_since(&self, from: usize) -> BTreeSet<i32> {
        self.printed.lock().iter().skip(from).map(|(partition, _)| *partition).collect()
    }

    fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Waits for its end: exit code, what it said, what it printed.
    fn end(mut self) -> (i32, String, Vec<(i32, u64)>) {
        let code = wait(&mut self.child);
        self.reader.join().expect("read");
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).expect("text");
        let printed = self.printed.lock().clone();
        (code, said, printed)
    }

    fn stop(self) -> Vec<(i32, u64)> {
        self.signal("INT");
        let (code, said, printed) = self.end();
        assert_eq!((code, said.as_str()), (130, ""));
        printed
    }
}

/// Numbered records to all partitions of T, as many as it takes.
struct Source {
    server: String,
    partitions: i32,
    next: u64,
}

impl Source {
    fn new(server: &str, partitions: i32) -> Source {
        Source { server: server.to_owned(), partitions, next: 0 }
    }

    /// One record to each partition.
    fn round(&mut self) {
        for partition in 0..self.partitions {
            let value = format!("{}\n", self.next);
            run(PRODUCE, &self.server, &["-p", &partition.to_string(), "T"], value.as_bytes()).ok();
            self.next += 1;
        }
    }

    /// Rounds until it is so.
    fn until(&mut self, what: &str, mut is_so: impl FnMut() -> bool) {
        until(what, || {
            self.round();
            is_so().then_some(())
        });
    }

    /// Every record exactly once, among all that was printed; each partition in order.
    fn check(&self, printed: &[&[(i32, u64)]]) {
        let mut seen: BTreeMap<u64, usize> = BTreeMap::new();
        for (_, value) in printed.iter().copied().flatten() {
            *seen.entry(*value).or_default() += 1;
        }
        let twice: Vec<_> = seen.iter().filter(|(_, count)| **count > 1).collect();
        assert!(twice.is_empty(), "twice: {twice:?}");
        let missing: Vec<_> = (0..self.next).filter(|value| !seen.contains_key(value)).collect();
        assert!(missing.is_empty(), "missing: {missing:?}");
    }
}

fn admin(server: &str, args: &[&str]) -> String {
    run(ADMIN, server, args, b"").text()
}

/// Waits until the group has read everything and said so.
fn caught_up(server: &str) {
    admin(server, &["wait", "--group", "g", "--lag", "0", "--timeout", "60s"]);
}

const FOLLOW: &[&str] = &["-f", "--commit-interval", "20ms"];

#[test]
fn members_share_and_hand_over_without_a_record_lost_or_twice() {
    let server = Server::start(&["--topic", "T:4"]);
    let address = server.bootstrap();
    let mut source = Source::new(&address, 4);
    let first = Member::start(&address, FOLLOW);
    source.until("one has all partitions", || first.partitions_since(0).len() == 4);
    let second = Member::start(&address, FOLLOW);
    source.until("the newcomer has two", || second.partitions_since(0).len() == 2);
    let from = first.count();
    source.until("the first reads on", || first.count() >= from + 4);
    assert!(first.partitions_since(from).is_disjoint(&second.partitions_since(0)), "each has two");
    // The one that leaves says so: the other has its partitions at once, not after a session's end.
    let from = second.count();
    let left = first.stop();
    source.until("the other has all", || second.partitions_since(from).len() == 4);
    caught_up(&address);
    source.check(&[&left, &second.stop()]);
}

#[test]
fn who_is_killed_is_missed_after_his_session() {
    let server = Server::start(&["--topic", "T:2", "-X", "group.min.session.timeout.ms=1000"]);
    let address = server.bootstrap();
    let mut source = Source::new(&address, 2);
    let session: &[&str] = &["-f", "--commit-interval", "10s", "-X", "session.timeout.ms=1000"];
    let killed = Member::start(&address, session);
    source.until("one reads", || killed.partitions_since(0).len() == 2);
    let heir = Member::start(&address, session);
    source.until("both read", || heir.count() > 0);
    killed.signal("KILL");
    source.until("the other has both", || heir.partitions_since(0).len() == 2);
    until("all is read", || {
        // From the last commit on: some come twice, none is missing.
        let values: BTreeSet<u64> =
            heir.printed.lock().iter().chain(killed.printed.lock().iter()).map(|(_, value)| *value).collect();
        (0..source.next).all(|value| values.contains(&value)).then_some(())
    });
    heir.stop();
}

#[test]
fn a_broker_that_comes_back_finds_the_group_reading_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path(), &["--topic", "T:2"]);
    let address = server.bootstrap();
    let mut source = Source::new(&address, 2);
    let (first, second) = (Member::start(&address, FOLLOW), Member::start(&address, FOLLOW));
    source.until("both read", || first.count() > 0 && second.count() > 0);
    assert_eq!(server.stop(), 0);
    let server = Server::start_in(dir.path(), &["--listen", &address]);
    let (ours, theirs) = (first.count(), second.count());
    source.until("both read again", || first.count() > ours && second.count() > theirs);
    caught_up(&address);
    first.signal("INT");
    second.signal("INT");
    let ((code, _, first), (_, _, second)) = (first.end(), second.end());
    assert_eq!(code, 130);
    source.check(&[&first, &second]);
    drop(server);
}

#[test]
fn a_count_commits_what_was_printed_and_leaves_the_rest_to_the_others() {
    let server = Server::start(&["--topic", "T:2"]);
    let address = server.bootstrap();
    let mut source = Source::new(&address, 2);
    (0..20).for_each(|_| source.round());
    let mut printed = Vec::new();
    for _ in 0..3 {
        let (code, said, some) = Member::start(&address, &["-c", "7"]).end();
        assert_eq!((code, said.as_str(), some.len()), (0, "", 7));
        printed.push(some);
    }
    // What is left, by two at once, each to the end as it was when it began.
    let both = [Member::start(&address, &[]), Member::start(&address, &[])];
    for member in both {
        let (code, said, some) = member.end();
        assert_eq!((code, said.as_str()), (0, ""));
        printed.push(some);
    }
    source.check(&printed.iter().map(Vec::as_slice).collect::<Vec<_>>());
}

#[test]
fn a_full_pipe_costs_nobody_the_membership() {
    let server = Server::start(&["--topic", "T", "-X", "group.min.session.timeout.ms=500"]);
    let address = server.bootstrap();
    let lines: String = (0..300_000).map(|i| format!("{i}\n")).collect();
    run(PRODUCE, &address, &["T"], lines.as_bytes()).ok();
    let flags = ["-g", "g", "-X", "session.timeout.ms=500", "-X", "heartbeat.interval.ms=50", "T"];
    let mut reader = tools::Running::start(CONSUME, &address, &flags);
    assert_eq!(reader.line(), "0\n");
    // Nobody reads on. A second member comes, so that the group rebalances, and goes.
    let generation = || {
        let state = admin(&address, &["--output", "json", "describe-group", "g"]);
        state.contains("\"state\":\"Stable\"").then_some(state)
    };
    let member =
        |state: &str| state.split("\"member\":\"").nth(1).map(|rest| rest.split('"').next().map(str::to_owned));
    let before = member(&until("it is a member", generation));
    let mut other = Member::start(&address, &["-f"]);
    until("both are members", || generation().filter(|state| state.matches("\"host\"").count() == 2));
    other.signal("INT");
    assert_eq!(wait(&mut other.child), 130);
    let after = until("one is left", || generation().filter(|state| state.matches("\"host\"").count() == 1));
    assert_eq!(member(&after), before, "the same member, though its pipe is full");
    let ran = reader.end();
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_eq!(String::from_utf8_lossy(&ran.stdout).lines().count(), 299_999);
}

#[test]
fn new_partitions_are_read_from_their_first_record() {
    let server = Server::start(&["--topic", "T"]);
    let address = server.bootstrap();
    let mut source = Source::new(&address, 1);
    let member = Member::start(&address, &["-f", "-o", "latest", "-X", "metadata.max.age.ms=50"]);
    source.until("it reads", || member.count() > 0);
    admin(&address, &["add-partitions", "T", "--to", "2"]);
    run(PRODUCE, &address, &["-p", "1", "T"], b"1000000\n").ok();
    until("the new one is read", || member.printed.lock().contains(&(1, 1_000_000)).then_some(()));
    member.stop();
}

#[test]
fn reset_is_for_a_group_that_nobody_reads_in() {
    let server = Server::start(&["--topic", "T:2"]);
    let address = server.bootstrap();
    let mut source = Source::new(&address, 2);
    source.round();
    let member = Member::start(&address, FOLLOW);
    until("it has read", || (member.count() == 2).then_some(()));
    let complaint = run(CONSUME, &address, &["-g", "g", "--reset", "T"], b"").failed(1);
    assert!(complaint.contains("group \"g\" has live members"), "{complaint}");
    member.stop();
    assert_eq!(run(CONSUME, &address, &["-g", "g", "--reset", "T"], b"").text().lines().count(), 2);
}

#[test]
fn what_is_not_offered_is_said() {
    let nowhere = "127.0.0.1:1";
    let complaint = run(CONSUME, nowhere, &["-g", "g", "-X", "group.protocol=consumer", "T"], b"").failed(2);
    assert!(complaint.contains("group.protocol=consumer is not offered here"), "{complaint}");
    let flags = ["-g", "g", "-X", "partition.assignment.strategy=sticky", "T"];
    let complaint = run(CONSUME, nowhere, &flags, b"").failed(2);
    assert!(complaint.contains("cooperative-sticky and range"), "{complaint}");
}
