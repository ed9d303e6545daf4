//! What is fuzzed: one function for each kind of bytes that come from outside. None may panic, whatever comes, and what
//! it takes of memory is bounded.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use rafka::base::{LeaderEpoch, Now, Offset};
use rafka::broker::GroupRecord;
use rafka::cli::json_record::JsonRecord;
use rafka::config::parse_properties;
use rafka::log::inspect::{check_partition, walk_log};
use rafka::log::{LogSettings, OpenAs, PartitionLog, ReadError, RealDisk};
use rafka::protocol::kafka::{ApiKey, Decoder, RequestHeader};
use rafka::protocol::text::{Lines, NextLine, Opening, parse_line};
use rafka::record::{BatchBuilder, BatchRules, BatchView, Codec, ProducerStamp, ValidBatch, batches};

/// What takes the bytes.
pub type Target = fn(&[u8]);

/// The name of each, as of its corpus.
pub const TARGETS: [(&str, Target); 9] = [
    ("frame", frame),
    ("request", request),
    ("text", text),
    ("batch", batch),
    ("segment", segment),
    ("index", index),
    ("group_record", group_record),
    ("json", json),
    ("config", config),
];

/// What a packed batch may unpack to here.
const UNPACKED_MAX: usize = 1 << 20;

/// A frame as a connection gives it: a header, and the request that it announces.
pub fn frame(data: &[u8]) {
    let mut input = Decoder::new(Bytes::copy_from_slice(data));
    let Ok(header) = RequestHeader::decode(&mut input) else { return };
    let Some(key) = ApiKey::from_code(header.api_key) else { return };
    if key.versions().contains(&header.api_version) {
        let _ = key.skim_request(&mut input, header.api_version);
    }
}

/// The body of any request in any version, which the first two bytes choose.
pub fn request(data: &[u8]) {
    let [key, version, body @ ..] = data else { return };
    let Some(key) = ApiKey::from_code(i16::from(*key)) else { return };
    let versions = key.versions();
    let count = versions.end() - versions.start() + 1;
    let version = versions.start() + i16::from(*version) % count;
    let _ = key.skim_request(&mut Decoder::new(Bytes::copy_from_slice(body)), version);
}

/// What comes on a connection that turns out to be text: the first bytes, then lines in pieces.
pub fn text(data: &[u8]) {
    let _ = Opening::of(data);
    let mut lines = Lines::new(4096);
    for piece in data.chunks(7) {
        lines.push(piece);
        take_lines(&mut lines);
    }
    lines.end();
    take_lines(&mut lines);
}

fn take_lines(lines: &mut Lines) {
    while let NextLine::Line(line) = lines.next_line() {
        let _ = parse_line(line);
    }
}

/// A batch as a producer sends it, and as a reader unpacks it: whatever its CRC says.
pub fn batch(data: &[u8]) {
    for keys_required in [false, true] {
        let _ = ValidBatch::check(data, &BatchRules { bytes_max: 1 << 20, keys_required });
    }
    for batch in batches(data) {
        let Ok(batch) = batch else { break };
        let _ = batch.verify_crc();
        read(&batch);
    }
}

fn read(batch: &BatchView<'_>) {
    let Ok(records) = batch.records(UNPACKED_MAX) else { return };
    for record in records.iter() {
        let Ok(record) = record else { return };
        for header in record.headers() {
            if header.is_err() {
                return;
            }
        }
    }
}

/// A log file: recovered, read from its beginning to its end, and checked.
pub fn segment(data: &[u8]) {
    in_partition(&[("00000000000000000000.log", data)], |dir| {
        read_all(&open(dir, OpenAs::unclean()), |_, _| {});
        drop(check_partition(&RealDisk, dir, false, |_| {}));
        if let Ok(mut walk) = walk_log(&RealDisk, &dir.join("00000000000000000000.log"), true) {
            drop(walk.run(|_, _| Ok(true)));
        }
    });
}

/// A file beside a good log, of the kind that the first byte says: whatever is in it, every offset is found.
pub fn index(data: &[u8]) {
    const KINDS: [&str; 5] = [
        "00000000000000000000.index",
        "00000000000000000000.timeindex",
        "00000000000000000000.txnindex",
        "00000000000000000012.producers",
        "leader-epoch-checkpoint",
    ];
    let Some((kind, content)) = data.split_first() else { return };
    let log = good_log();
    let beside = KINDS[usize::from(*kind) % KINDS.len()];
    in_partition(&[("00000000000000000000.log", &log), (beside, content)], |dir| {
        let log = open(dir, OpenAs::clean());
        let mut next = 0;
        read_all(&log, |base, end| {
            assert_eq!(base, next, "a batch was passed over");
            next = end;
        });
        assert_eq!(next, 12);
    });
}

/// Four batches of three records, at offsets 0 to 11.
fn good_log() -> Vec<u8> {
    let mut log = Vec::new();
    for base in (0..12_i64).step_by(3) {
        let mut builder = BatchBuilder::new(Codec::None);
        for n in 0..3 {
            builder.append(1000 + base + n, None, Some(b"value"), &[]);
        }
        let mut bytes = builder.finish(ProducerStamp::NONE).expect("nothing is packed");
        bytes[..8].copy_from_slice(&base.to_be_bytes());
        log.extend_from_slice(&bytes);
    }
    log
}

fn in_partition(files: &[(&str, &[u8])], look: impl FnOnce(&Path)) {
    let memory = Path::new("/dev/shm");
    let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a directory");
    for (name, content) in files {
        fs::write(dir.path().join(name), content).expect("written");
    }
    look(dir.path());
}

fn open(dir: &Path, start: OpenAs) -> PartitionLog {
    let now = Now { wall_ms: 1_700_000_000_000, mono_ms: 0 };
    let (log, _) =
        PartitionLog::open(Arc::new(RealDisk), dir, LogSettings::default(), start, now).expect("a log always opens");
    log
}

/// Reads every batch that can be; `take` gets its first offset and the one behind it.
fn read_all(log: &PartitionLog, mut take: impl FnMut(i64, i64)) {
    let (mut next, end) = (log.log_start(), log.log_end());
    while next < end {
        let slice = match log.read(next, 1 << 20, end, true) {
            Ok(Some(slice)) => slice,
            Ok(None) => break,
            Err(ReadError::Corrupt { next: resume, .. }) if resume > next => {
                next = resume;
                continue;
            }
            Err(_) => break,
        };
        let Ok(bytes) = slice.bytes() else { break };
        let before = next;
        for batch in batches(&bytes) {
            let Ok(batch) = batch else { break };
            take(batch.header.base_offset.0, batch.header.next_offset().0);
            next = next.max(batch.header.next_offset());
        }
        if next == before {
            break;
        }
    }
    let _ = log.epoch_for_end(LeaderEpoch(0));
    let _ = log.last_stable_offset(Offset(i64::MAX));
}

/// A record of `__consumer_offsets`: one byte for the length of the key, the key, the value.
pub fn group_record(data: &[u8]) {
    let Some((length, rest)) = data.split_first() else { return };
    let (key, value) = rest.split_at(usize::from(*length).min(rest.len()));
    let _ = GroupRecord::decode(key, Some(value));
    let _ = GroupRecord::decode(key, None);
}

/// A line of `rafka-produce -J`.
pub fn json(data: &[u8]) {
    let _ = JsonRecord::parse(data);
}

/// A file of settings.
pub fn config(data: &[u8]) {
    let _ = parse_properties(data);
}

/// For whoever replays: stops at the first file that can't be read.
pub fn replay(corpus: &Path, mut each: impl FnMut(&str, &[u8]) -> ControlFlow<()>) -> usize {
    let mut count = 0;
    for (name, target) in TARGETS {
        let Ok(entries) = fs::read_dir(corpus.join(name)) else { continue };
        for entry in entries {
            let data = fs::read(entry.expect("an entry").path()).expect("readable");
            target(&data);
            count += 1;
            if each(name, &data).is_break() {
                return count;
            }
        }
    }
    count
}
