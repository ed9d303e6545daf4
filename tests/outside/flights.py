#!/usr/bin/env python3
"""Real input: 336,777 lines through the tools and kcat, nothing lost, nothing twice, nothing changed."""

import collections
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

from support import kafka
from support.brokers import given_or_started
from support.checks import Suite, check, contains, equal, same_bytes
from support.commands import Running, need, quote, sh
from support.data import Flights, packed_flights

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
LONG = 180
FOLLOWED_WITHIN_MS = 50
HEAD = re.compile(rb'\{"topic":"[^"]*","partition":(\d+),"offset":\d+,')


class World:
    def __init__(self, broker, home):
        self.broker = broker
        self.address = broker.address
        self.home = home
        self.flights = Flights(home)
        self.suffix = f"-{os.getpid()}" if broker.data is None else ""

    def topic(self, name, partitions=1):
        name += self.suffix
        self.sh(f"rafka-admin create-topic {name} -p {partitions}")
        return name

    def sh(self, command, timeout=LONG, **more):
        return sh(command, self.address, timeout=timeout, cwd=self.home, **more)


@contextlib.contextmanager
def world(flags):
    packed_flights()
    with tempfile.TemporaryDirectory(prefix="flights-") as home, given_or_started(flags.broker) as broker:
        yield World(broker, home)
        broker.check_alive()


suite = Suite("flights", __doc__, world)


@suite.case("one partition: zcat | rafka-produce, then rafka-consume | cmp finds no difference")
def _(w):
    w.sh(f"zcat {quote(w.flights.packed)} | rafka-produce Flights{w.suffix}")
    w.sh(f"rafka-consume Flights{w.suffix} | cmp - flights.csv")


@suite.case("the same again after a restart of the broker")
def _(w):
    if w.broker.data is None:
        return
    w.broker.restart()
    w.sh("rafka-consume Flights | cmp - flights.csv")


@suite.case("six partitions round-robin: counts differ by at most one, no line lost or changed")
def _(w):
    topic = w.topic("Dealt", 6)
    w.sh(f"rafka-produce {topic} < flights.csv")
    counts, seen = [], []
    for partition in range(6):
        lines = w.sh(f"rafka-consume -p {partition} {topic}").out.splitlines(keepends=True)
        counts.append(len(lines))
        seen += lines
    check(max(counts) - min(counts) <= 1, f"the counts are {counts}")
    equal(sum(counts), len(w.flights.lines), "the sum of the counts")
    check(collections.Counter(seen) == collections.Counter(w.flights.lines), "the lines are not the same as in the file")
    everything = w.sh(f"rafka-consume {topic}").out.splitlines(keepends=True)
    check(sorted(everything) == sorted(w.flights.lines), "reading all partitions at once gives other lines")
    ends = w.sh(f"rafka-admin list-offsets {topic} --output plain").text
    for count in counts:
        contains(ends, str(count), "list-offsets")


@suite.case("key-hash on the tail number: each key where the Java client puts it, its order kept")
def _(w):
    topic = w.topic("Tails", 6)
    path, pairs = w.flights.keyed()
    w.sh(f"rafka-produce --partitioner key-hash -K '\\t' {topic} < {path}")
    read = w.sh(f"rafka-consume --format '%p\\t%k\\t%v\\n' {topic}").out.splitlines()
    equal(len(read), len(pairs), "the number of records")
    place, order = {}, collections.defaultdict(list)
    for line in read:
        partition, key, value = line.split(b"\t", 2)
        place.setdefault(key, set()).add(int(partition))
        order[key].append(value)
    wanted = collections.defaultdict(list)
    for key, value in pairs:
        wanted[key].append(value)
    check(b"" in wanted, "the file has lines with an empty tail number")
    check(order == wanted, "a key's lines are not the file's, or not in its order")
    spread = [key for key, places in place.items() if len(places) != 1]
    equal(spread, [], "keys in more than one partition")
    keys = sorted(wanted)
    asked = b"".join(key + b"\n" for key in keys)
    java = [int(p) for p in sh(f"{kafka.java_source('Partitions.java')} 6", stdin=asked, timeout=120).lines]
    equal(len(java), len(keys), "the partitions that Kafka's client named")
    wrong = [(key, place[key], there) for key, there in zip(keys, java) if place[key] != {there}]
    equal(wrong, [], "keys that the Java client puts elsewhere")


@suite.case("consume -J | produce -J is lossless: keys, values, headers, timestamps")
def _(w):
    source, target, kept = f"Tails{w.suffix}", w.topic("TailsAgain", 6), w.topic("TailsKept", 6)
    w.sh(f"rafka-consume -J {source} | rafka-produce -J {target}")
    w.sh(f"rafka-consume -J {source} | rafka-produce -J --keep-partition {kept}")
    views = [view(w, topic) for topic in (source, target, kept)]
    equal(len(views[0]), len(w.flights.lines) - 1, "the number of records")
    check(collections.Counter(views[0]) == collections.Counter(views[1]), "the second topic's records are not the first's")
    check(collections.Counter(views[0]) == collections.Counter(views[2]), "the records kept in their partitions are not the first's")


def view(w, topic):
    """What must survive: partition (a hash of the key, so it does), timestamp, key, value, headers. Its lines are taken
    as they are, since parsing a million of them takes Python half a minute."""
    rows = w.sh(f"rafka-consume -J {topic}").out.splitlines()
    heads = [HEAD.match(row) for row in rows]
    check(all(heads), "a JSON record does not begin with topic, partition, offset")
    json.loads(rows[0])
    return [(head[1], row[head.end() :]) for head, row in zip(heads, rows)]


@suite.case("the same for what is no text: null, empty, binary, headers twice and in order")
def _(w):
    source, target = w.topic("Odd"), w.topic("OddAgain")
    for flags, text in [
        ("", "a null key\\n"),
        ("-k ''", "an empty key\\n"),
        ("-K :", "key:\\nkey:value\\n:\\n"),
        ("-Z -K :", "gone:\\n"),
        ("-D ''", "\\377\\376\\000 binary\\n\\001"),
        ("-H b=2 -H a=1 -H b=1 -H empty=", "headers\\n"),
        ("-K :", "\\377\\001:a binary key\\n"),
        ("", '"quoted" \\\\ back \\t tab \\r\\n'),
        ("", "\\n\\n"),
    ]:
        w.sh(f"printf {quote(text)} | rafka-produce {flags} {source}")
    w.sh(f"rafka-consume -J {source} | rafka-produce -J {target}")
    rows = [[json.loads(line) for line in w.sh(f"rafka-consume -J {topic}").lines] for topic in (source, target)]
    equal(len(rows[0]), 12, "the records of the first topic")
    for first, second in zip(*rows):
        first.pop("topic"), second.pop("topic")
        equal(second, first, "a record of the second topic")
    equal(len(rows[1]), len(rows[0]), "the records of the second topic")
    if kcat_is_here():
        form = "%K %k %S %s %h %T"
        raw = [w.sh(f"kcat -C -e -q -b $B -t {topic} -f {quote(form + chr(92) + 'n')}").out for topic in (source, target)]
        same_bytes(raw[1], raw[0], "kcat's view of both topics")


def kcat_is_here():
    need("kcat")
    return True


@suite.case("a group: -c 100000, then the rest; together every line exactly once")
def _(w):
    first = w.sh(f"rafka-consume -g g{w.suffix} -c 100000 Flights{w.suffix}").out
    equal(first.count(b"\n"), 100_000, "the lines of the first run")
    rest = w.sh(f"rafka-consume -g g{w.suffix} Flights{w.suffix}").out
    same_bytes(first + rest, w.flights.bytes, "both runs together")
    equal(w.sh(f"rafka-consume -g g{w.suffix} Flights{w.suffix}").out, b"", "a third run")


@suite.case("a group over six partitions, in four runs")
def _(w):
    seen = []
    for flags in ["-c 1", "-c 99999", "-c 100000", ""]:
        seen += w.sh(f"rafka-consume -g six{w.suffix} {flags} Dealt{w.suffix}").out.splitlines(keepends=True)
    check(sorted(seen) == sorted(w.flights.lines), f"{len(seen)} lines came, not every line exactly once")


@suite.case("tail -f file | rafka-produce beside rafka-consume --follow: each line comes out")
def _(w):
    topic = w.topic("Logs")
    log = w.flights.home / "app.log"
    log.write_bytes(b"before\n")
    with Running(f"rafka-consume --follow {topic}", w.address) as reader:
        tail = subprocess.Popen(["tail", "-n", "+1", "-f", log], stdout=subprocess.PIPE)
        try:
            with Running(f"rafka-produce {topic}", w.address, stdin=tail.stdout) as writer:
                tail.stdout.close()
                follow(w, log, reader)
                tail.terminate()
                equal(writer.end(None), 0, f"exit code of rafka-produce at the end of its input\n{writer.err!r}")
        finally:
            tail.kill()
            tail.wait()
        equal(reader.end(signal.SIGINT), 130, f"exit code of rafka-consume --follow on Ctrl-C\n{reader.err!r}")
    w.sh(f"rafka-consume {topic} | cmp - {log}")


def follow(w, log, reader):
    equal(reader.line(), b"before\n", "the line that was in the file")
    took = []
    with open(log, "ab", buffering=0) as file:
        for line in w.flights.lines[1:51]:
            began = time.monotonic()
            file.write(line)
            arrived, got = reader.timed_line(10)
            equal(got, line, "the followed line")
            took.append((arrived - began) * 1000)
        for chunk in range(20):
            file.write(b"".join(w.flights.lines[chunk * 1000 : (chunk + 1) * 1000]))
    same_bytes(b"".join(reader.line() for _ in range(20_000)), b"".join(w.flights.lines[:20_000]), "20,000 lines at once")
    middle = sorted(took)[len(took) // 2]
    print(f"     a line from the file to --follow: {middle:.1f} ms (median of {len(took)})")
    check(middle < FOLLOWED_WITHIN_MS, f"a line takes {middle:.1f} ms (median), more than {FOLLOWED_WITHIN_MS}")


def codec_case(codec):
    @suite.case(f"kcat and {codec}: it produces, rafka-consume and kcat read the same file")
    def _(w):
        need("kcat")
        topic = w.topic(f"Kcat-{codec}")
        w.sh(f"kcat -P -b $B -t {topic} -z {codec} -X linger.ms=5 -l flights.csv")
        w.sh(f"rafka-consume {topic} | cmp - flights.csv")
        w.sh(f"kcat -C -e -q -b $B -t {topic} | cmp - flights.csv")

    @suite.case(f"rafka-produce and {codec}: kcat and rafka-consume read the same file")
    def _(w):
        need("kcat")
        topic = w.topic(f"Rafka-{codec}")
        w.sh(f"rafka-produce -z {codec} {topic} < flights.csv")
        w.sh(f"kcat -C -e -q -b $B -t {topic} | cmp - flights.csv")
        w.sh(f"rafka-consume {topic} | cmp - flights.csv")


for name in CODECS:
    codec_case(name)


@suite.case("codecs that were asked for are what lies on disk")
def _(w):
    if w.broker.data is None:
        return
    for codec in CODECS:
        for maker in ("Kcat", "Rafka"):
            log = w.broker.partition_dir(f"{maker}-{codec}", 0) / "00000000000000000000.log"
            size = log.stat().st_size
            check((size > 30_000_000) == (codec == "none"), f"{log.parent.parent.name} has {size} bytes")
            contains(w.sh(f"rafka-admin inspect-segment -c 1 {log}").text, codec, f"inspect-segment of {maker}-{codec}")


if __name__ == "__main__":
    sys.exit(suite.main())
