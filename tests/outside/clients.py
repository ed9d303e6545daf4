#!/usr/bin/env python3
"""Clients of other houses against rafka-server: kcat, kafka-python, confluent-kafka, and Kafka's own Java tools."""

import contextlib
import pathlib
import sys

from support import kafka
from support.brokers import given_or_started
from support.checks import Suite, check, contains, equal, eventually
from support.commands import need, quote, sh
from support.python import python

HERE = pathlib.Path(__file__).resolve().parent / "clients"
LINES = "".join(f"key{i % 7}:value {i}\n" for i in range(2000))


class World:
    def __init__(self, broker):
        self.broker = broker
        self.address = broker.address

    def sh(self, command, timeout=60, **more):
        return sh(command, self.address, timeout=timeout, **more)

    def python(self, script):
        return self.sh(f"{python()} {quote(HERE / script)} $B", timeout=120)


@contextlib.contextmanager
def world(flags):
    with given_or_started(flags.broker) as broker:
        yield World(broker)
        broker.check_alive()


suite = Suite("clients", __doc__, world)


@suite.case("kcat -L lists the broker and its topics")
def _(w):
    need("kcat")
    w.sh("rafka-admin create-topic Listed -p 3")
    text = w.sh("kcat -L -b $B").text
    contains(text, f"at {w.address}", "the broker's address")
    contains(text, 'topic "Listed" with 3 partitions', "the topic")
    contains(text, "partition 2, leader ", "its partitions")


@suite.case("kcat produces keyed lines and reads them by offset, by time and as a group")
def _(w):
    need("kcat")
    w.sh("kcat -P -b $B -t Kcat -K :", stdin=LINES)
    equal(w.sh("kcat -C -e -q -b $B -t Kcat -K :").text, LINES, "what came back")
    equal(w.sh("kcat -C -e -q -b $B -t Kcat -o -3 -K :").text, "".join(LINES.splitlines(True)[-3:]), "the last three")
    equal(w.sh("kcat -C -e -q -b $B -t Kcat -o 1990 -c 2 -f '%o %k %s\\n'").lines, [f"{i} key{i % 7} value {i}" for i in (1990, 1991)], "two by offset")
    equal(len(w.sh("kcat -C -e -q -b $B -t Kcat -o s@0").lines), 2000, "from the beginning of time")
    contains(w.sh("kcat -Q -b $B -t Kcat:0:-1").text, "2000", "the end offset")


@suite.case("kcat with an idempotent producer, and with acks=0 and 1")
def _(w):
    need("kcat")
    for i, settings in enumerate(["-X enable.idempotence=true", "-X acks=1", "-X acks=0"]):
        w.sh(f"kcat -P -b $B -t Acks{i} {settings}", stdin=LINES)
        eventually(lambda: len(w.sh(f"kcat -C -e -q -b $B -t Acks{i}").lines) == 2000, f"2000 lines with {settings}", 10)


@suite.case("kafka-python: admin, idempotent producer, consumer, commit, times")
def _(w):
    contains(w.python("kafka_python.py").text, "kafka-python: fine", "its last line")


@suite.case("confluent-kafka: admin, idempotent producer, consumer, commit, times")
def _(w):
    contains(w.python("confluent.py").text, "confluent-kafka: fine", "its last line")


@suite.case("Java's console producer and consumer")
def _(w):
    kafka.jars()
    command = kafka.java("org.apache.kafka.tools.ConsoleProducer", "--topic", "Console", "--reader-property", "parse.key=true", "--reader-property", "key.separator=:")
    w.sh(f"{command} --bootstrap-server $B", stdin=LINES)
    equal(w.sh("rafka-consume --format '%k:%v\\n' Console").text, LINES, "what rafka-consume reads")
    command = kafka.java("org.apache.kafka.tools.consumer.ConsoleConsumer", "--topic", "Console", "--partition", "0", "--offset", "earliest", "--max-messages", "2000", "--timeout-ms", "20000")
    values = "".join(line.split(":", 1)[1] for line in LINES.splitlines(True))
    equal(w.sh(f"{command} --bootstrap-server $B").text, values, "what the console consumer reads")


@suite.case("Java's topic, config and offset tools")
def _(w):
    kafka.jars()
    topics = kafka.java("org.apache.kafka.tools.TopicCommand")
    w.sh(f"{topics} --bootstrap-server $B --create --topic Java --partitions 3 --config retention.ms=5000000")
    contains(w.sh(f"{topics} --bootstrap-server $B --list").text, "Java", "kafka-topics --list")
    text = w.sh(f"{topics} --bootstrap-server $B --describe --topic Java").text
    for piece in ["PartitionCount: 3", "ReplicationFactor: 1", "retention.ms=5000000"]:
        contains(text, piece, "kafka-topics --describe")
    w.sh(f"{topics} --bootstrap-server $B --alter --topic Java --partitions 4")
    w.sh("rafka-produce -p 3 Java", stdin="one\ntwo\n")
    offsets = kafka.java("org.apache.kafka.tools.GetOffsetShell", "--topic", "Java")
    equal(w.sh(f"{offsets} --bootstrap-server $B").lines, ["Java:0:0", "Java:1:0", "Java:2:0", "Java:3:2"], "kafka-get-offsets")
    configs = f"{kafka.java('kafka.admin.ConfigCommand')} --bootstrap-server $B --entity-type topics --entity-name Java"
    w.sh(f"{configs} --alter --add-config retention.ms=6000000")
    contains(w.sh(f"{configs} --describe").text, "retention.ms=6000000", "kafka-configs --describe")
    w.sh(f"{topics} --bootstrap-server $B --delete --topic Java")
    check("Java" not in w.sh("rafka-admin list-topics --output plain").text, "the topic is still there")


@suite.case("Java's producer with its defaults (idempotent, acks=all), fast and verified")
def _(w):
    kafka.jars()
    command = kafka.java("org.apache.kafka.tools.VerifiableProducer", "--topic", "Verified", "--max-messages", "20000")
    text = w.sh(f"{command} --bootstrap-server $B", timeout=120).text
    contains(text, '"acked":20000', "VerifiableProducer")
    equal(len(w.sh("rafka-consume Verified").lines), 20000, "the records")


if __name__ == "__main__":
    sys.exit(suite.main())
