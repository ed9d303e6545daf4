#!/usr/bin/env python3
"""The bytes on disk: Kafka's own DumpLogSegments over our segments and indexes, and our inspect-segment over
segments that Kafka wrote. DumpLogSegments exits 0 on mismatches, so what it prints is what is judged."""

import base64
import contextlib
import pathlib
import random
import re
import sys
import tempfile

from support import kafka
from support.brokers import RafkaServer
from support.checks import Skip, Suite, check, contains, equal, eventually
from support.commands import need, quote, sh

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
KNOWN_TO_KAFKA = (".log", ".index", ".timeindex", ".txnindex")
SEGMENT_BYTES = 1 << 20
LINES = 6000
BATCH = re.compile(r"^baseOffset: (\d+) lastOffset: (\d+) count: (\d+) .* position: (\d+) (?:CreateTime|LogAppendTime): (-?\d+) size: (\d+) magic: (\d) compresscodec: (\w+) crc: (\d+) isvalid: (\w+)$")


class World:
    def __init__(self, home):
        self.home = pathlib.Path(home)
        # Random, so that compressed topics fill several segments too; Kafka's smallest segment is 1 MiB.
        chance = random.Random(5)
        # The last words repeat: snappy finds nothing else to make smaller.
        same = "the same words in every line " * 3
        rows = [f"{i}\tkey{i % 97}\t{base64.b64encode(chance.randbytes(375)).decode()}{same}" for i in range(LINES)]
        self.rows = rows
        (self.home / "lines").write_text("".join(row + "\n" for row in rows))
        (self.home / "keyed").write_text("".join(row.replace("\t", ":", 1) + "\n" for row in rows))
        (self.home / "few-keys").write_text("".join(row.split("\t", 1)[1].replace("\t", ":", 1) + "\n" for row in rows))


@contextlib.contextmanager
def world(flags):
    if flags.broker:
        raise Skip("this suite needs a broker of its own, whose files it reads after a clean stop")
    kafka.jars()
    with tempfile.TemporaryDirectory(prefix="dump-log-") as home:
        yield World(home)


suite = Suite("dump-log", __doc__, world)


def files_of(directory):
    return sorted(p for p in pathlib.Path(directory).rglob("*") if p.suffix in KNOWN_TO_KAFKA and re.fullmatch(r"\d{20}", p.stem))


def judge(files, options=("--deep-iteration",), suffixes=KNOWN_TO_KAFKA):
    """Kafka's verdict over these files, batch by batch; gives (file, batch) pairs. Files that are not asked for lie
    beside the others: an index is looked at with its log."""
    with kafka.copied(files) as copies:
        copies = [copy for copy in copies if copy.suffix in suffixes]
        done = kafka.dump_segments(copies, *options)
    equal(complaints(done), [], "what DumpLogSegments printed on stderr")
    batches, current, dumped = [], None, set()
    for line in done.lines:
        if line.startswith("Dumping "):
            current = line.removeprefix("Dumping ")
            dumped.add(current)
        check("Mismatch" not in line and not line.startswith("Found ") and "not found" not in line, f"{current}: {line}")
        if line.startswith("baseOffset:"):
            batch = BATCH.match(line)
            check(batch, f"{current}: a batch line of another form: {line}")
            equal(batch[10], "true", f"isvalid of the batch at {batch[4]} in {current}")
            equal(batch[7], "2", "the magic")
            batches.append((current, batch))
    equal(len(dumped), len(copies), "the files that were dumped")
    return batches


def complaints(done):
    """What DumpLogSegments has to say on stderr, but for one thing that Kafka 4.3 says of its own segments, too: in each
    file that does not begin at offset 0 it takes the first record for one that follows record -1."""
    lines, real = done.errors.splitlines(), []
    while lines:
        line = lines.pop(0)
        of_file = re.match(r"Non-consecutive offsets in .*/(\d{20})\.log$", line)
        if of_file and lines and lines[0] == f"  -1 is followed by {int(of_file[1])}":
            lines.pop(0)
        else:
            real.append(line)
    return real


def dense(batches, name, records):
    """The batches of one partition follow each other without a gap, over all its segments."""
    at = 0
    for path, batch in batches:
        if name in path:
            equal(int(batch[1]), at, f"the base offset of the batch at {batch[4]} in {path}")
            equal(int(batch[3]), int(batch[2]) - int(batch[1]) + 1, "the batch's count")
            at = int(batch[2]) + 1
    equal(at, records, f"the end of {name}")


@suite.case("every codec, by kcat and by rafka-produce: no mismatch in any segment or index")
def _(w):
    need("kcat")
    with RafkaServer("-X", f"log.segment.bytes={SEGMENT_BYTES}", "-X", "flush.policy=os") as broker:
        for codec in CODECS:
            sh(f"rafka-admin create-topic Kcat-{codec} Rafka-{codec} -p 2", broker.address)
            for partition in (0, 1):
                sh(f"kcat -P -b $B -t Kcat-{codec} -p {partition} -z {codec} -K : -X batch.num.messages=100 -l {w.home}/keyed", broker.address)
                sh(f"rafka-produce -p {partition} -z {codec} -K : -H source=rafka Rafka-{codec} < {w.home}/keyed", broker.address)
        broker.stop()
        files = files_of(broker.data)
        kinds = {suffix: sum(f.suffix == suffix for f in files) for suffix in KNOWN_TO_KAFKA}
        for codec in CODECS:
            for maker in ("Kcat", "Rafka"):
                segments = list(broker.partition_dir(f"{maker}-{codec}", 0).glob("*.log"))
                check(len(segments) >= 2, f"{maker}-{codec} has {len(segments)} segments, too few to test rolling")
        check(kinds[".index"] >= kinds[".log"] >= 40, f"the files are {kinds}")
        batches = judge(files)
        check(any(f.suffix == ".index" and f.stat().st_size for f in files), "no offset index has an entry")
        check(any(f.suffix == ".timeindex" and f.stat().st_size for f in files), "no time index has an entry")
        for codec in CODECS:
            for maker in ("Kcat", "Rafka"):
                for partition in (0, 1):
                    dense(batches, f"/{maker}-{codec}/partition-{partition}/", LINES)
                codecs = {b[8] for path, b in batches if f"/{maker}-{codec}/" in path}
                # kcat sends a batch as it is where compressing makes it no smaller.
                check(codec in codecs, f"{maker}-{codec} holds {codecs}")
        judge(files, ["--verify-index-only"], suffixes=(".index", ".timeindex"))
        judge(files, ["--index-sanity-check"], suffixes=(".index", ".timeindex"))
        sh(f"rafka-admin verify-log {quote(broker.data)}")


@suite.case("text, trims, restarts and odd times leave files that Kafka agrees with")
def _(w):
    need("nc")
    flags = ["-X", f"log.segment.bytes={SEGMENT_BYTES}", "-X", "log.index.interval.bytes=256"]
    with RafkaServer(*flags) as broker:
        said = "".join(f"PRODUCE Text key{i} {w.rows[i]}\n" for i in range(4000)) + "QUIT\n"
        sh("nc $HOST $PORT > /dev/null", broker.address, stdin=said)
        broker.restart()
        back = "".join('{"timestamp":%d,"key":null,"value":"time goes back"}\n' % (1_700_000_000_000 - i) for i in range(1500))
        sh("rafka-produce -J Times", broker.address, stdin=back)
        broker.stop()
        broker.start()
        sh("rafka-produce -J Times", broker.address, stdin=back)
        sh("rafka-admin trim-topic Text --before 3000 -y", broker.address)
        sh("rafka-consume -g readers -c 10 Text", broker.address)
        broker.stop()
        batches = judge(files_of(broker.data))
        dense(batches, "/Times/partition-0/", 3000)
        check(any("/Text/" in path for path, _ in batches), "there is a Text topic")
        sh(f"rafka-admin verify-log {quote(broker.data)}")


@suite.case("after kill -9 and a start, the files are as whole as after a clean stop")
def _(w):
    with RafkaServer("-X", f"log.segment.bytes={SEGMENT_BYTES}") as broker:
        sh(f"rafka-produce Killed < {w.home}/lines", broker.address)
        broker.kill()
        broker.start()
        sh(f"rafka-produce Killed < {w.home}/lines", broker.address)
        broker.stop()
        dense(judge(files_of(broker.data)), "/Killed/partition-0/", 2 * LINES)


@suite.case("committed offsets are records that Kafka's offsets decoder reads")
def _(w):
    with RafkaServer() as broker:
        sh(f"rafka-produce Read < {w.home}/lines", broker.address)
        sh("rafka-consume -g readers -c 42 Read > /dev/null", broker.address)
        broker.stop()
        files = [f for f in files_of(broker.data) if "__consumer_offsets" in str(f) and f.suffix == ".log" and f.stat().st_size]
        check(files, "no record of __consumer_offsets is on disk")
        with kafka.copied(files) as copies:
            done = kafka.dump_segments(copies, "--deep-iteration", "--offsets-decoder")
        equal(done.errors, "", "what DumpLogSegments printed on stderr")
        for piece in ['"group":"readers"', '"topic":"Read"', '"offset":42']:
            contains(done.text.replace(" ", ""), piece, "the decoded records")


def log_bytes(directory):
    """The size of all segments; one that goes while they are counted counts as nothing."""
    total = 0
    for file in directory.glob("*.log"):
        with contextlib.suppress(FileNotFoundError):
            total += file.stat().st_size
    return total


@suite.case("compacted segments: Kafka reads them, every key has one record, and tombstones and sequences are right")
def _(w):
    settings = ["log.cleaner.backoff.ms=100", "log.index.interval.bytes=256", "flush.policy=os"]
    with RafkaServer(*[part for setting in settings for part in ("-X", setting)]) as broker:
        for codec in CODECS:
            sh(f"rafka-admin create-topic C-{codec} -p 1 --setting cleanup.policy=compact --setting segment.bytes=65536 --setting min.cleanable.dirty.ratio=0.01", broker.address)
            for _ in range(2):
                sh(f"rafka-produce -z {codec} -K : C-{codec} < {w.home}/few-keys", broker.address)
            directory = broker.partition_dir(f"C-{codec}", 0)
            # The newest segment is never compacted; 97 keys do not fill another.
            eventually(lambda: log_bytes(directory) < 400_000, f"C-{codec} is compacted")
            shown = sh(f"rafka-consume --format '%o %k\\n' C-{codec}", broker.address).lines
            offsets = [int(line.split()[0]) for line in shown]
            check(offsets == sorted(set(offsets)), f"C-{codec} has offsets out of order")
            equal(len({line.split()[1] for line in shown}), 97, f"the keys of C-{codec}")
            check(len(shown) < LINES, f"C-{codec} still has {len(shown)} records")
            equal(offsets[-1], 2 * LINES - 1, f"the last offset of C-{codec}")
        broker.stop()
        files = [f for f in files_of(broker.data) if "/C-" in str(f)]
        with kafka.copied(files) as copies:
            done = kafka.dump_segments([copy for copy in copies if copy.suffix in KNOWN_TO_KAFKA], "--deep-iteration")
        check("isvalid: false" not in done.text and "Mismatch" not in done.text, "DumpLogSegments agrees with every batch and index")
        check("Found " not in done.text and "not found" not in done.text, "DumpLogSegments finds every index entry's batch")
        check(done.text.count("baseOffset:") >= len(CODECS), "there are batches")
        sh(f"rafka-admin verify-log {quote(broker.data)}")


@suite.case("inspect-segment reads what Kafka wrote: every codec, log, index and time index")
def _(w):
    need("kcat")
    with kafka.ApacheKafka({"log.segment.bytes": 1 << 20, "log.index.interval.bytes": 512}) as node:
        for codec in CODECS:
            # Batches small enough that the index has entries.
            sh(f"kcat -P -b $B -t K-{codec} -z {codec} -K : -X batch.num.messages=50 -H a=1 -H a=2 -l {w.home}/keyed", node.address)
        node.stop()
        for codec in CODECS:
            directory = node.partition_dir(f"K-{codec}", 0)
            files = files_of(directory)
            log = max(f for f in files if f.suffix == ".log")  # the last segment: it holds the last records
            batches = [b for _, b in judge([log])]
            text = sh(f"rafka-admin inspect-segment --output plain {log}").text
            rows = [line.split("\t") for line in text.splitlines()]
            for batch in batches:
                found = [row for row in rows if batch[4] in row and batch[1] in row and batch[6] in row]
                check(found, f"no line of inspect-segment has position {batch[4]}, offset {batch[1]} and size {batch[6]}:\n{text[:2000]}")
                contains("\t".join(found[0]), batch[8], "the codec of that line")
            records = sh(f"rafka-admin inspect-segment --records --from {LINES - 3} -c 3 {log}").text
            for row in w.rows[-3:]:
                contains(records, row.split("\t")[2], "the last three records")
            for other in files:
                if other.suffix != ".log":
                    size = other.stat().st_size // {".index": 8, ".timeindex": 12}.get(other.suffix, 34)
                    lines = sh(f"rafka-admin inspect-segment --output plain {other}").lines
                    check(len(lines) >= size, f"inspect-segment printed {len(lines)} lines for the {size} entries of {other.name}")
            sh(f"rafka-admin verify-log {quote(directory)}")
            damaged = w.home / codec / log.name
            damaged.parent.mkdir(exist_ok=True)
            data = bytearray(log.read_bytes())
            hit = batches[len(batches) // 2]
            data[int(hit[4]) + int(hit[6]) - 1] ^= 1
            damaged.write_bytes(data)
            done = sh(f"rafka-admin verify-log {quote(damaged.parent)}", code=1)
            contains(done.text + done.errors, log.name, "verify-log names the damaged file")
            contains(done.text + done.errors, hit[4], "verify-log names the damaged position")


if __name__ == "__main__":
    sys.exit(suite.main())
