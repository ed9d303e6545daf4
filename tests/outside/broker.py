#!/usr/bin/env python3
"""What rafka-server owes other people's clients beyond plain reading and writing: restarts and kills in the middle, trims
that last, long polls, refusals, the broker's own time."""

import contextlib
import pathlib
import signal
import sys
import tempfile
import threading
import time

from support import kafka
from support.brokers import RafkaServer
from support.checks import Skip, Suite, check, contains, equal, same_bytes
from support.commands import Running, need, quote, sh
from support.python import python
from support.text import Line

FED_SECONDS = 9
LINES_PER_SECOND = 400


class World:
    def __init__(self, broker, home):
        self.broker = broker
        self.home = home

    @property
    def address(self):
        return self.broker.address

    def sh(self, command, timeout=60, **more):
        return sh(command, self.address, timeout=timeout, cwd=self.home, **more)

    def home_file(self, name):
        return pathlib.Path(self.home) / name

    def kill_and_start(self):
        self.broker.kill()
        self.broker.start()


@contextlib.contextmanager
def world(flags):
    if flags.broker:
        raise Skip("this suite needs a broker of its own, which it stops, kills and starts again")
    with tempfile.TemporaryDirectory(prefix="broker-") as home, RafkaServer() as broker:
        yield World(broker, home)
        broker.check_alive()
        broker.stop()


suite = Suite("broker", __doc__, world)


def feed(producer, lines):
    """Writes the lines at an even pace, so that restarts fall in between."""
    for at, line in enumerate(lines):
        producer.write(line)
        if at % 40 == 39:
            time.sleep(40 / LINES_PER_SECOND)
    producer.close_input()


@suite.case("idempotent producers of four makes over two clean restarts and two kills: every line once, in order")
def _(w):
    need("kcat")
    lines = [b"line %d\n" % i for i in range(FED_SECONDS * LINES_PER_SECOND)]
    console = kafka.java("org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", w.address, "--topic", "Java")
    # kcat gives up when all brokers are down, unless -E tells it not to.
    makes = {
        "Kcat": "kcat -P -E -b $B -t Kcat -X enable.idempotence=true -X linger.ms=5 -X reconnect.backoff.max.ms=500",
        "Rafka": "rafka-produce Rafka",
        "Java": console,
        "Python": f"{python()} {quote(kafka.HERE.parent / 'clients' / 'stdin_idempotent.py')} $B Python",
    }
    for topic in makes:
        w.sh(f"rafka-admin create-topic {topic}")
    with contextlib.ExitStack() as stack:
        producers = {topic: stack.enter_context(Running(command, w.address)) for topic, command in makes.items()}
        feeders = [threading.Thread(target=feed, args=(p, lines), daemon=True) for p in producers.values()]
        for feeder in feeders:
            feeder.start()
        for sig in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            time.sleep(FED_SECONDS / 5)
            if sig == signal.SIGTERM:
                w.broker.restart()
            else:
                w.kill_and_start()
        for feeder in feeders:
            feeder.join(60)
        for topic, producer in producers.items():
            equal(producer.end(None, timeout=90), 0, f"exit code of the producer of {topic}\n{producer.err[-3000:]!r}")
    for topic in makes:
        same_bytes(w.sh(f"kcat -C -e -q -b $B -t {topic}").out, b"".join(lines), f"what came through to {topic}")


@suite.case("records deleted by kafka-delete-records stay deleted after kill -9")
def _(w):
    need("kcat")
    w.sh("rafka-admin create-topic Trimmed -p 2")
    for partition in (0, 1):
        w.sh(f"seq 100 | kcat -P -b $B -t Trimmed -p {partition}")
    w.home_file("trim.json").write_text(
        '{"version":1,"partitions":[{"topic":"Trimmed","partition":0,"offset":40},{"topic":"Trimmed","partition":1,"offset":-1}]}'
    )
    command = kafka.java("org.apache.kafka.tools.DeleteRecordsCommand", "--offset-json-file", "trim.json")
    text = w.sh(f"{command} --bootstrap-server $B").text
    for piece in ["partition: Trimmed-0\tlow_watermark: 40", "partition: Trimmed-1\tlow_watermark: 100"]:
        contains(text, piece, "kafka-delete-records")
    w.kill_and_start()
    equal(w.sh("kcat -C -e -q -b $B -t Trimmed -p 0 -o beginning").lines[0], "41", "the first record of partition 0")
    equal(w.sh("kcat -C -e -q -b $B -t Trimmed -p 1 -o beginning").text, "", "the records of partition 1")
    w.sh("echo next | kcat -P -b $B -t Trimmed -p 1")
    equal(w.sh("kcat -C -e -q -b $B -t Trimmed -p 1 -o beginning -f '%o %s\\n'").text, "100 next\n", "the record after the trim")


@suite.case("a topic deleted and made again keeps its new records over kill -9")
def _(w):
    need("kcat")
    for _ in range(2):
        w.sh("seq 1000 | kcat -P -b $B -t Again")
        w.sh("rafka-admin trim-topic Again --before 500 -y && rafka-admin delete-topic Again -y")
    w.sh("seq 10 | kcat -P -b $B -t Again")
    w.kill_and_start()
    equal(len(w.sh("kcat -C -e -q -b $B -t Again").lines), 10, "the new topic's records")


@suite.case("a fetch waits as long as it was told, and no longer than until something comes")
def _(w):
    need("kcat")
    w.sh("rafka-admin create-topic Poll")
    settings = "-X fetch.wait.max.ms=4000 -X fetch.error.backoff.ms=10"
    with Line(w.address) as line, Running(f"kcat -C -u -q -b $B -t Poll -o beginning {settings}", w.address) as reader:
        took = []
        line.ask("PRODUCE Poll - first")
        equal(reader.line(10), b"first\n", "the first line")
        for i in range(10):
            time.sleep(0.05)  # the reader is in its next fetch
            began = time.monotonic()
            line.ask(f"PRODUCE Poll - {i}")
            arrived, got = reader.timed_line(10)
            equal(got, b"%d\n" % i, "the next line")
            took.append(arrived - began)
        check(sorted(took)[5] < 1, f"a fetch that may wait 4 s was woken after {took} s")
    settings = "-X fetch.wait.max.ms=1500 -X fetch.min.bytes=1000000"
    began = time.monotonic()
    equal(len(w.sh(f"kcat -C -q -c 11 -b $B -t Poll -o beginning {settings}").lines), 11, "the lines")
    waited = time.monotonic() - began
    check(1.4 < waited < 5, f"a fetch that wants a million bytes or 1.5 s took {waited:.1f} s")


@suite.case("what is larger than max.message.bytes is refused by name, and what follows is not")
def _(w):
    need("kcat")
    w.sh("rafka-admin create-topic Large --setting max.message.bytes=10000")
    large = w.home_file("large")
    large.write_bytes(b"x" * 20_000)
    done = w.sh(f"kcat -P -b $B -t Large {large}", code=1)
    contains(done.errors, "Broker: Message size too large", "what kcat says")
    command = kafka.java("org.apache.kafka.tools.ConsoleProducer", "--topic", "Large", "--sync")
    done = w.sh(f"{command} --bootstrap-server $B < {large}", code=1)
    contains(done.errors, "RecordTooLargeException", "what the console producer says")
    contains(w.sh(f"rafka-produce Large < {large}", code=1).errors, "MESSAGE_TOO_LARGE", "what rafka-produce says")
    w.sh("rafka-admin set-config topic/Large max.message.bytes=30000")
    w.sh(f"kcat -P -b $B -t Large {large}")
    w.sh("echo small | kcat -P -b $B -t Large")
    equal([len(line) for line in w.sh("kcat -C -e -q -b $B -t Large").lines], [20_000, 5], "the records")


@suite.case("message.timestamp.type=LogAppendTime: the broker's time, for consumers, for list-offsets, in the files")
def _(w):
    need("kcat")
    w.sh("rafka-admin create-topic Timed --setting message.timestamp.type=LogAppendTime")
    before = int(time.time() * 1000)
    old = '{"value":"old","timestamp":1000}\n'
    w.sh("rafka-produce -J Timed", stdin=old * 3)
    after = int(time.time() * 1000)
    times = [int(t) for t in w.sh("kcat -C -e -q -b $B -t Timed -f '%T\\n'").lines]
    check(len(times) == 3 and all(before <= t <= after for t in times), f"{times} are not within {before}..{after}")
    contains(w.sh("rafka-consume -J Timed").text, '"timestamp_type":"append"', "rafka-consume -J")
    offsets = kafka.java("org.apache.kafka.tools.GetOffsetShell", "--topic", "Timed", "--time", str(before))
    equal(w.sh(f"{offsets} --bootstrap-server $B").lines, ["Timed:0:0"], "kafka-get-offsets by the broker's time")
    offsets = kafka.java("org.apache.kafka.tools.GetOffsetShell", "--topic", "Timed", "--time", str(after + 60_000))
    equal(w.sh(f"{offsets} --bootstrap-server $B").lines, [], "kafka-get-offsets after all records")
    w.broker.restart()
    segment = next(w.broker.partition_dir("Timed", 0).glob("*.log"))
    with kafka.copied([segment]) as copies:
        dumped = kafka.dump_segments(copies, "--deep-iteration").text
    contains(dumped, "LogAppendTime: ", "DumpLogSegments")
    contains(dumped, "isvalid: true", "DumpLogSegments")


@suite.case("compression.type: stored in the topic's codec whatever was sent, and every client reads it")
def _(w):
    need("kcat")
    wanted = ["uncompressed", "gzip", "snappy", "lz4", "zstd"]
    lines = "".join(f"key{i % 5}:a line that repeats itself, number {i}\n" for i in range(1000))
    for codec in wanted:
        w.sh(f"rafka-admin create-topic Stored-{codec} --setting compression.type={codec}")
        for sent in ["none", "gzip", "snappy", "lz4", "zstd"]:
            w.sh(f"kcat -P -b $B -t Stored-{codec} -K : -z {sent} -X enable.idempotence=true -H a=1 -H a=2", stdin=lines)
        read = w.sh(f"kcat -C -e -q -b $B -t Stored-{codec} -K : -X check.crcs=true").text
        equal(read == lines * 5, True, f"what kcat sent in five codecs came back from Stored-{codec}")
        equal(w.sh(f"rafka-consume --format '%k:%v\\n' Stored-{codec}").text == lines * 5, True, f"rafka-consume of Stored-{codec}")
    console = kafka.java("org.apache.kafka.tools.ConsoleProducer", "--topic", "Stored-zstd", "--compression-codec", "gzip")
    w.sh(f"{console} --bootstrap-server $B", stdin="from Java\n")
    equal(w.sh("rafka-consume -o -1 Stored-zstd").text, "from Java\n", "the console producer's line")
    w.broker.restart()
    for codec in wanted:
        with kafka.copied(w.broker.partition_dir(f"Stored-{codec}", 0).glob("*.log")) as copies:
            dumped = [l for l in kafka.dump_segments(copies, "--deep-iteration").lines if l.startswith("baseOffset:")]
        name = "none" if codec == "uncompressed" else codec
        wrong = [l for l in dumped if f" compresscodec: {name} " not in l or "isvalid: true" not in l]
        check(dumped and not wrong, f"batches of Stored-{codec} as DumpLogSegments sees them: {wrong[:3] or dumped}")


@suite.case("Java's tools: settings of topics and brokers, more partitions, deletion, and what is refused")
def _(w):
    topics = kafka.java("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", w.address)
    configs = kafka.java("kafka.admin.ConfigCommand", "--bootstrap-server", w.address)
    w.sh(f"{topics} --create --topic Tools --partitions 2 --config cleanup.policy=delete")
    for flags, sentence in [
        ("--create --topic Tools", 'TopicExistsException: topic "Tools" already exists'),
        ("--create --topic Bad/Name", "InvalidTopicException"),
        ("--create --topic R3 --replication-factor 3", "InvalidReplicationFactorException"),
        ("--alter --topic Tools --partitions 1", "InvalidPartitionsException"),
    ]:
        contains(w.sh(f"{topics} {flags}", code=1).errors, sentence, flags)
    on_topic = f"{configs} --entity-type topics --entity-name Tools"
    w.sh(f"{on_topic} --alter --add-config 'retention.ms=7000000,cleanup.policy=[compact,delete]'")
    text = w.sh(f"{on_topic} --describe").text
    for piece in ["retention.ms=7000000 ", "cleanup.policy=compact,delete "]:
        contains(text, piece, "kafka-configs --describe")
    w.sh(f"{on_topic} --alter --delete-config retention.ms")
    contains(w.sh(f"{on_topic} --describe --all").text, "retention.ms=604800000 ", "the default is back")
    contains(w.sh(f"{on_topic} --alter --add-config retention.ms=soon", code=1).errors, "InvalidConfigurationException", "a bad value")
    on_broker = f"{configs} --entity-type brokers --entity-name 1"
    w.sh(f"{on_broker} --alter --add-config message.max.bytes=2000000")
    w.sh(f"{configs} --entity-type brokers --entity-default --alter --add-config log.retention.ms=3600000")
    w.kill_and_start()
    contains(w.sh(f"{on_broker} --describe").text, "message.max.bytes=2000000 ", "the broker's setting after kill -9")
    contains(w.sh(f"{on_topic} --describe --all").text, "retention.ms=3600000 ", "the cluster's default, as a topic sees it")
    w.sh(f"{on_broker} --alter --delete-config message.max.bytes")
    w.sh(f"{configs} --entity-type brokers --entity-default --alter --delete-config log.retention.ms")


if __name__ == "__main__":
    sys.exit(suite.main())
