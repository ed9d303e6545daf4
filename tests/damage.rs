//! Every kind of file in a data directory, damaged in every way: the broker starts, says what it found, and serves the
//! rest; and the checks name the file.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{KafkaConnection, Server, batch, command};
use rafka::base::ErrorCode;
use rafka::log::RealDisk;
use rafka::protocol::kafka::RecordsField;
use rafka::protocol::kafka::api::fetch::PartitionData;
use rafka::record::{ProducerStamp, batches};

/// Batches in a topic, records in a batch.
const BATCHES: i64 = 40;
const BATCH: i64 = 3;
const END: i64 = BATCHES * BATCH;
const COMMITTED: i64 = 17;
const FLAGS: [&str; 6] =
    ["-X", "log.segment.bytes=4000", "-X", "offsets.topic.num.partitions=1", "-X", "log.index.interval.bytes=600"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damage {
    OneBit,
    CutShort,
    Zeroed,
    Missing,
    Doubled,
    /// Another file's content.
    Swapped,
}

const DAMAGES: [Damage; 6] =
    [Damage::OneBit, Damage::CutShort, Damage::Zeroed, Damage::Missing, Damage::Doubled, Damage::Swapped];

fn value(offset: i64) -> String {
    format!("record {offset} {}", "x".repeat(100))
}

/// A data directory with topics `a` and `b` of several segments each, a group's commits, and a clean stop.
fn prepare(dir: &Path) {
    let server = Server::start_in(dir, &FLAGS);
    for topic in ["a", "b"] {
        assert_eq!(server.text(&format!("CREATE {topic} 2\n")), "OK partitions=2\n");
    }
    common::set_topic(&server, "a", "retention.ms", "86400000000");
    let mut kafka = KafkaConnection::to(&server);
    for topic in ["a", "b"] {
        for n in 0..BATCHES {
            let values: Vec<String> = (0..BATCH).map(|i| value(n * BATCH + i)).collect();
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let stamp = ProducerStamp { producer_id: 0, producer_epoch: 0, base_sequence: (n * BATCH) as i32 };
            let answer = kafka.produce(topic, -1, batch(&values, stamp));
            assert_eq!((answer.error_code, answer.base_offset), (0, n * BATCH));
        }
    }
    for offset in 1..=COMMITTED {
        assert_eq!(server.text(&format!("COMMIT g a 0 {offset}\n")), "OK\n");
    }
    assert_eq!(server.stop(), 0);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// The files to be damaged: all of the broker's own, and of `a` and the group's topic those of a segment in the middle
/// and of the newest one.
fn victims(data: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = ["commands", "checkpoints", "identity", "format", "stopped", "boot"]
        .iter()
        .map(|name| PathBuf::from("+rafka").join(name))
        .collect();
    found.push("a/topic".into());
    for partition in ["a/partition-0", "__consumer_offsets/partition-0"] {
        let mut kinds: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for entry in fs::read_dir(data.join(partition)).expect("a directory") {
            let name = entry.expect("an entry").file_name().into_string().expect("text");
            let kind = name.rsplit('.').next().unwrap_or_default().to_owned();
            kinds.entry(kind).or_default().push(Path::new(partition).join(name));
        }
        for files in kinds.values_mut() {
            files.sort();
            found.extend(files.get(files.len() / 2).cloned());
            found.extend(files.last().cloned());
        }
    }
    found.sort();
    found.dedup();
    found
}

/// False if it is the same as before.
fn damage(data: &Path, victim: &Path, how: Damage) -> bool {
    let path = data.join(victim);
    let before = fs::read(&path).expect("there");
    let mut bytes = before.clone();
    match how {
        Damage::OneBit if bytes.is_empty() => return false,
        // In the middle of what is used: indexes are preallocated with zeros.
        Damage::OneBit => {
            let used = bytes.iter().rposition(|byte| *byte != 0).map_or(bytes.len(), |last| last + 1);
            bytes[used / 2] ^= 4;
        }
        Damage::CutShort => bytes.truncate(bytes.len() / 2),
        Damage::Zeroed => bytes.fill(0),
        Damage::Missing => {
            fs::remove_file(&path).expect("removed");
            return true;
        }
        Damage::Doubled => bytes.extend_from_within(..),
        Damage::Swapped => bytes = fs::read(data.join("b/topic")).expect("another file"),
    }
    fs::write(&path, &bytes).expect("written");
    bytes != before
}

/// A broker on this directory, and what it said by the time it listened.
fn start(data: &Path, log: &Path) -> (Server, String) {
    let said = fs::File::create(log).expect("a file");
    let server = Server::spawn(command(data, &FLAGS).stderr(Stdio::from(said)));
    (server, fs::read_to_string(log).expect("text"))
}

/// The records of a topic's first partition that can be read, by offset; every one of them is checked.
fn readable(server: &Server, topic: &str) -> BTreeMap<i64, String> {
    let mut kafka = KafkaConnection::to(server);
    let mut found = BTreeMap::new();
    for offset in 0..END {
        let answer: PartitionData = kafka.fetch(topic, offset);
        match ErrorCode::from_code(answer.error_code) {
            ErrorCode::None => {}
            ErrorCode::CorruptMessage | ErrorCode::OffsetOutOfRange => continue,
            other => panic!("{topic} at {offset}: {other:?}"),
        }
        let RecordsField::Bytes(bytes) = answer.records else { continue };
        for batch in batches(&bytes) {
            let Ok(batch) = batch else { break };
            if batch.verify_crc().is_err() {
                break;
            }
            for record in batch.records(1 << 20).expect("it fits").iter() {
                let record = record.expect("a record");
                let at = batch.header.base_offset.0 + i64::from(record.offset_delta);
                let text = String::from_utf8(record.value.expect("a value").to_vec()).expect("text");
                assert!(text == value(at) || text.starts_with("after"), "{topic} at {at}: {text}");
                found.insert(at, text);
            }
        }
    }
    found
}

#[test]
fn whatever_of_its_own_files_is_damaged_the_broker_starts_says_so_and_serves_all() {
    damage_each(|victim| victim.starts_with("+rafka") || victim.ends_with("topic"));
}

#[test]
fn whatever_of_a_log_is_damaged_the_broker_starts_says_so_and_serves_the_rest() {
    damage_each(|victim| victim.starts_with("a/partition-0"));
}

#[test]
fn whatever_of_the_groups_topic_is_damaged_the_broker_starts_says_so_and_serves_the_rest() {
    damage_each(|victim| victim.starts_with("__consumer_offsets"));
}

fn damage_each(is_meant: impl Fn(&Path) -> bool) {
    let home = tempfile::tempdir().expect("a directory");
    let good = home.path().join("good");
    prepare(&good);
    let victims: Vec<PathBuf> = victims(&good).into_iter().filter(|victim| is_meant(victim)).collect();
    assert!(victims.len() >= 5, "{victims:?}");
    let (data, log) = (home.path().join("data"), home.path().join("log"));
    let mut tried = 0;
    for victim in &victims {
        let is_data = victim.extension().is_some_and(|kind| kind == "log");
        for how in DAMAGES {
            let _ = fs::remove_dir_all(&data);
            copy(&good, &data);
            if !damage(&data, victim, how) {
                continue;
            }
            tried += 1;
            let what = format!("{} {how:?}", victim.display());
            let is_found = check(&data, victim, how, &what);

            let (server, _) = start(&data, &log);
            assert_eq!(readable(&server, "b").len() as i64, END, "{what}: the other topic is whole");
            let there = readable(&server, "a").len() as i64;
            let is_of_a = victim.starts_with("a");
            match (is_of_a && is_data, how) {
                (false, _) => assert_eq!(there, END, "{what}: no record was in it"),
                (true, Damage::OneBit) => assert!(there >= END - BATCH, "{what}: {there} of {END}"),
                (true, _) => assert!(there >= END / 2, "{what}: {there} of {END}"),
            }
            let committed = server.text("COMMITTED g a\n");
            if is_data && !is_of_a && how != Damage::OneBit {
                // Commits may be lost with their records, and are never made up.
                let at =
                    committed.split("committed=").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<i64>().ok());
                assert!(at.is_none_or(|at| at <= COMMITTED), "{what}: {committed}");
            } else {
                // One bit costs one commit, and that is not the last one.
                assert!(committed.starts_with(&format!("OFFSET a 0 committed={COMMITTED} ")), "{what}: {committed}");
            }
            // It goes on from there, and offsets are not given out twice.
            let answer = server.text("PRODUCE a/0 - after\n");
            let is_behind =
                if is_of_a && is_data { "ACK partition=0 offset=" } else { &format!("ACK partition=0 offset={END}\n") };
            assert!(answer.starts_with(is_behind), "{what}: {answer}");
            assert_eq!(server.text("OFFSETS a\n").lines().count(), 3, "{what}: two partitions and the end");
            // What is derived from the logs is made anew without many words; all else is said, at the latest when it is read.
            let said = fs::read_to_string(&log).expect("text");
            let is_own = victim.starts_with("+rafka") || victim.ends_with("topic");
            let is_lost = is_data && how != Damage::Missing && (!is_of_a || there < END);
            if is_found && is_own || is_lost {
                let name = victim.file_name().expect("a name").to_str().expect("text");
                assert!(said.contains(name), "{what}: {said}");
            }
            // A start looks at no index; whoever reads the segment says what is wrong with it.
            let kind = victim.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
            let is_index = is_of_a && ["index", "timeindex"].contains(&kind) && how != Damage::OneBit;
            let is_seen = how != Damage::Doubled || kind == "index";
            if is_index && is_seen && fs::metadata(good.join(victim)).expect("there").len() > 0 {
                let sentence = format!("{}: its indexes ", victim.with_extension("log").display());
                assert!(said.contains(&sentence), "{what}: {said}");
            }
            server.kill();
        }
    }
    println!("{tried} damages in {} files", victims.len());
}

/// Whether the checks without a broker find it, as they must where something is lost or differs.
fn check(data: &Path, victim: &Path, how: Damage, what: &str) -> bool {
    if victim.starts_with("+rafka") || victim.ends_with("topic") {
        let found = rafka::broker::check_own_files(&RealDisk, data).expect("readable");
        let is_found = found.iter().any(|problem| data.join(victim) == problem.file);
        let may_be_missing = ["checkpoints", "stopped", "boot"].iter().any(|name| victim.ends_with(name));
        assert_eq!(is_found, !(how == Damage::Missing && may_be_missing), "{what}");
        return is_found;
    }
    let dir = data.join(victim).parent().expect("a partition").to_owned();
    let found = rafka::log::inspect::check_partition(&RealDisk, &dir, false, |_| {}).expect("readable").problems;
    let is_found = found.iter().any(|problem| data.join(victim) == problem.file);
    let must_be = match victim.extension().and_then(|kind| kind.to_str()) {
        Some("log") => how != Damage::Missing,
        // What is missing is made anew, and a check has nothing to compare.
        Some("producers") => how != Damage::Missing,
        Some("index" | "timeindex") => matches!(how, Damage::OneBit | Damage::Swapped),
        _ => false,
    };
    assert!(is_found || !must_be, "{what}: not found in {found:?}");
    is_found
}

#[test]
fn the_programs_that_check_name_the_file_and_the_reason() {
    let home = tempfile::tempdir().expect("a directory");
    let data = home.path().join("data");
    prepare(&data);
    for (code, said) in checks(&data) {
        assert_eq!(code, Some(0), "{said}");
    }
    for victim in ["+rafka/commands", "a/topic", "a/partition-0/00000000000000000000.log"] {
        let (path, good) = (data.join(victim), fs::read(data.join(victim)).expect("there"));
        assert!(damage(&data, Path::new(victim), Damage::OneBit));
        for (code, said) in checks(&data) {
            assert_eq!(code, Some(1), "{victim}: {said}");
            assert!(said.contains(victim), "{victim}: {said}");
        }
        fs::write(path, good).expect("as before");
    }
}

#[test]
fn whatever_is_missing_the_checks_name_it_the_start_says_it_and_offsets_go_on() {
    let home = tempfile::tempdir().expect("a directory");
    let (good, data, log) = (home.path().join("good"), home.path().join("data"), home.path().join("log"));
    prepare(&good);
    let logs = |partition: &str| {
        let names = fs::read_dir(good.join(partition)).expect("a directory").map(|entry| entry.expect("one").path());
        let mut logs: Vec<_> = names.filter(|path| path.extension().is_some_and(|kind| kind == "log")).collect();
        logs.sort();
        logs.iter().map(|path| path.strip_prefix(&good).expect("below").to_owned()).collect::<Vec<_>>()
    };
    let (of_a, of_groups) = (logs("a/partition-0"), logs("__consumer_offsets/partition-0"));
    assert!(of_a.len() > 2);
    let cases: [(&str, Vec<PathBuf>); 7] = [
        ("the newest segment", vec![of_a[of_a.len() - 1].clone()]),
        ("the first segment", vec![of_a[0].clone()]),
        ("all segments", of_a.clone()),
        ("the partition's directory", vec!["a/partition-0".into()]),
        ("the topic's directory", vec!["a".into()]),
        ("the groups' segments", of_groups),
        ("the end of the newest segment", Vec::new()),
    ];
    for (what, gone) in cases {
        let _ = fs::remove_dir_all(&data);
        copy(&good, &data);
        for path in gone.iter().map(|path| data.join(path)) {
            if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }.expect("removed");
        }
        if gone.is_empty() {
            let path = data.join(&of_a[of_a.len() - 1]);
            let file = fs::File::options().write(true).open(&path).expect("opens");
            file.set_len(file.metadata().expect("there").len() - 50).expect("cut");
        }
        for (code, said) in checks(&data) {
            assert_eq!(code, Some(1), "{what}: {said}");
            let is_told = said.lines().any(|line| line.contains(") are lost") && line.contains(".log"));
            assert!(is_told, "{what}: {said}");
            // Only the partition without records may be said to have lost none.
            let lines: Vec<&str> = said.lines().collect();
            let is_consoled = |pair: &[&str]| pair[0].contains(".log") && pair[1].contains("no record is lost");
            assert!(!lines.windows(2).any(is_consoled), "{what}: {said}");
        }
        let (server, said) = start(&data, &log);
        let is_told = said.lines().any(|line| line.contains("ERROR") && line.contains(" lost"));
        assert!(is_told, "{what}: {said}");
        let answer = server.text("PRODUCE a/0 - after\n");
        assert_eq!(answer, format!("ACK partition=0 offset={END}\n"), "{what}");
        if what != "the groups' segments" {
            let last_lost = if what == "the first segment" { 0 } else { END - 1 };
            let answer: PartitionData = KafkaConnection::to(&server).fetch("a", last_lost);
            assert_eq!(ErrorCode::from_code(answer.error_code), ErrorCode::CorruptMessage, "{what}");
        }
        server.kill();
    }
}

/// What verify-log and `--check` say of a data directory.
fn checks(data: &Path) -> [(Option<i32>, String); 2] {
    let admin = Command::new(env!("CARGO_BIN_EXE_rafka-admin")).arg("verify-log").arg(data).output().expect("runs");
    let server = Command::new(env!("CARGO_BIN_EXE_rafka-server"))
        .args(["--check", "--data-dir"])
        .arg(data)
        .output()
        .expect("runs");
    [admin, server].map(|ran| {
        let said = [ran.stdout, ran.stderr].concat();
        (ran.status.code(), String::from_utf8(said).expect("text"))
    })
}

#[test]
fn a_lost_catalogue_comes_back_from_the_directories() {
    let home = tempfile::tempdir().expect("a directory");
    let data = home.path().join("data");
    prepare(&data);
    let id = |data: &Path| fs::read_to_string(data.join("a/topic")).expect("a note");
    let before = id(&data);
    fs::remove_dir_all(data.join("+rafka")).expect("it is gone");
    let (server, said) = start(&data, &home.path().join("log"));
    assert!(said.contains("topic \"a\" is there again, as its directory has it"), "{said}");
    assert_eq!(readable(&server, "a").len() as i64, END);
    assert!(server.text("COMMITTED g a\n").starts_with(&format!("OFFSET a 0 committed={COMMITTED} ")));
    assert_eq!(id(&data), before, "id and settings are as they were");
    assert!(before.contains("86400000000"), "{before}");
    // A producer id of old is not given to somebody new.
    assert!(init_producer_id(&server) > 0);
    server.kill();
    let (_server, said) = start(&data, &home.path().join("log"));
    assert!(!said.contains("there again"), "it is told once: {said}");
}

/// Keeps only so many lines of the list of commands, as a disk that lost its end would.
fn keep_commands(data: &Path, count: usize) {
    let path = data.join("+rafka/commands");
    let text = fs::read_to_string(&path).expect("text");
    let kept: String = text.split_inclusive('\n').take(count).collect();
    assert!(kept.len() < text.len(), "{text}");
    fs::write(&path, kept).expect("written");
}

fn init_producer_id(server: &Server) -> i64 {
    let request = rafka::protocol::kafka::api::InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: 1000,
        producer_id: -1,
        producer_epoch: -1,
    };
    KafkaConnection::to(server).call_in(&request, 4).producer_id
}

#[test]
fn decisions_lost_without_a_trace_are_known_from_the_notes_and_the_logs() {
    let home = tempfile::tempdir().expect("a directory");
    let (data, log) = (home.path().join("data"), home.path().join("log"));
    let server = Server::start_in(&data, &FLAGS);
    assert_eq!(server.text("CREATE t 1\n"), "OK partitions=1\n");
    let grown = Command::new(env!("CARGO_BIN_EXE_rafka-admin"))
        .args(["--bootstrap", &server.bootstrap(), "add-partitions", "t", "--to", "3"])
        .output()
        .expect("runs");
    assert!(grown.status.success(), "{grown:?}");
    common::set_topic(&server, "t", "retention.ms", "-1");
    assert!(server.text("PRODUCE t/2 - kept\n").starts_with("ACK partition=2 offset=0"));
    let used = init_producer_id(&server);
    let stamp = ProducerStamp { producer_id: used, producer_epoch: 0, base_sequence: 0 };
    assert_eq!(KafkaConnection::to(&server).produce("t", -1, batch(&["first"], stamp)).base_offset, 0);
    assert_eq!(server.stop(), 0);

    // The snapshot of nothing, and the topic.
    keep_commands(&data, 2);
    let found = rafka::broker::check_own_files(&RealDisk, &data).expect("readable");
    assert!(found.iter().any(|problem| problem.file.ends_with("commands")), "{found:?}");
    let (server, said) = start(&data, &log);
    assert!(said.contains("decisions are missing") && said.contains("has its settings again"), "{said}");
    assert_eq!(server.text("OFFSETS t\n").lines().count(), 4, "three partitions");
    assert!(init_producer_id(&server) > used, "its first batches would pass for those of another");
    assert_eq!(server.stop(), 0);
    assert!(fs::read_to_string(data.join("t/topic")).expect("a note").contains(r#""retention.ms":"-1""#));
    assert_eq!(rafka::broker::check_own_files(&RealDisk, &data).expect("readable"), []);
}

#[test]
fn what_a_crash_leaves_of_the_last_decision_makes_nothing_of_others() {
    let home = tempfile::tempdir().expect("a directory");
    let (data, log) = (home.path().join("data"), home.path().join("log"));
    prepare(&data);
    // Somebody's copy beside the topic, an empty directory in it, and a note from before the last setting.
    copy(&data.join("a"), &data.join("a.bak"));
    fs::remove_file(data.join("a.bak/topic")).expect("removed");
    copy(&data.join("b"), &data.join("b.bak"));
    fs::create_dir(data.join("a/partition-150000")).expect("made");
    let old = fs::read(data.join("a/topic")).expect("a note");
    let server = Server::start_in(&data, &FLAGS);
    common::set_topic(&server, "a", "retention.ms", "77700000000");
    assert_eq!(server.stop(), 0);
    fs::write(data.join("a/topic"), old).expect("written");
    let mut commands = fs::File::options().append(true).open(data.join("+rafka/commands")).expect("opens");
    std::io::Write::write_all(&mut commands, b"abc").expect("written");

    let (server, said) = start(&data, &log);
    assert!(said.contains("was not written whole") && !said.contains("again"), "{said}");
    assert_eq!(server.text("TOPICS\n").lines().count(), 3, "two topics and the end");
    assert_eq!(server.text("OFFSETS a\n").lines().count(), 3, "two partitions and the end");
    server.kill();
    assert!(fs::read_to_string(data.join("a/topic")).expect("a note").contains("77700000000"));
    for copy in ["a.bak", "b.bak"] {
        assert!(said.contains(copy), "it is told: {said}");
        assert!(data.join(copy).join("partition-0/00000000000000000000.log").exists());
    }
}

#[test]
fn any_bit_of_the_format_may_flip() {
    let home = tempfile::tempdir().expect("a directory");
    let data = home.path().join("data");
    assert_eq!(Server::start_in(&data, &[]).stop(), 0);
    let path = data.join("+rafka/format");
    let good = fs::read(&path).expect("there");
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, bad).expect("written");
        assert_eq!(rafka::broker::check_own_files(&RealDisk, &data).expect("readable").len(), 1, "bit {bit}");
    }
    assert_eq!(Server::start_in(&data, &[]).stop(), 0);
    assert_eq!(fs::read(&path).expect("there"), good);
    // Somebody tidied up.
    fs::remove_dir(data.join("+deleted")).expect("it is empty");
    let server = Server::start_in(&data, &["--topic", "t"]);
    let deleted = Command::new(env!("CARGO_BIN_EXE_rafka-admin"))
        .args(["--bootstrap", &server.bootstrap(), "delete-topic", "-y", "t"])
        .output()
        .expect("runs");
    assert!(deleted.status.success(), "{deleted:?}");
}
