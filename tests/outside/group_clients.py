#!/usr/bin/env python3
"""Groups of other people's clients on rafka-server, by the classic protocol and by that of KIP-848: members that come, leave,
die, hang and come back, and a broker that stops, or is killed, in the midst of it.

Each client goes through the same story, all of them at once. What must be so: everything produced is read by the group, and at
rest every partition has exactly one owner."""

import contextlib
import itertools
import json
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import traceback

from support import kafka
from support.brokers import RafkaServer
from support.checks import Failure, Skip, Suite, check, equal, eventually, indented
from support.commands import environment, need, quote, sh
from support.python import python

HERE = pathlib.Path(__file__).resolve().parent / "clients"
PARTITIONS = 6
ALL = set(range(PARTITIONS))
# Two sessions of six seconds, some rounds of rebalancing, and a machine that does other things meanwhile.
PATIENCE = 60

FLAGS = [
    "-X", "group.min.session.timeout.ms=1000",
    "-X", "group.consumer.min.session.timeout.ms=1000",
    "-X", "group.consumer.session.timeout.ms=6000",
    "-X", "group.consumer.min.heartbeat.interval.ms=100",
    "-X", "group.consumer.heartbeat.interval.ms=500",
]  # fmt: skip


class Member:
    """A client in a process of its own: what it owns, and what it has read so far."""

    def __init__(self, w, make, topic, extra=()):
        self.make = make
        self.owns = set()
        self.read = []
        self.rest = []
        self.process = subprocess.Popen(
            ["bash", "-c", f"exec {make.command(topic, extra)}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(w.address),
        )
        self.threads = [threading.Thread(target=self._follow, args=(stream,), daemon=True) for stream in (self.process.stdout, self.process.stderr)]
        for thread in self.threads:
            thread.start()
        w.members.append(self)

    def _follow(self, stream):
        for line in stream:
            if not line.endswith(b"\n"):
                # Its writer was killed in the middle of it.
                break
            line = line.decode("utf-8", "backslashreplace").rstrip("\n")
            if not self.make.understand(self, line):
                self.rest.append(line)

    def send(self, sig):
        self.process.send_signal(sig)

    def die(self):
        self.process.kill()
        self._gone()

    def leave(self):
        self.send(signal.SIGTERM)
        self._gone()

    def _gone(self):
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.make.name}: a member did not end within 30 s of SIGTERM:\n{self.story()}") from None
        for thread in self.threads:
            thread.join(5)
        self.owns = set()

    def story(self):
        return indented("\n".join(self.rest[-30:]) or "(it said nothing)")


class Script:
    """One of clients/group_*.py."""

    def __init__(self, name, script, *settings):
        self.name, self.script, self.settings = name, script, settings

    def command(self, topic, extra):
        return f"{python()} {quote(HERE / self.script)} $B {quote(topic, topic, *self.settings, *extra)}"

    def understand(self, member, line):
        word, _, rest = line.partition(" ")
        if word == "owns":
            member.owns = set(map(int, rest.split()))
        elif word == "read":
            member.read.append(rest)
        return word in ("owns", "read")


class Kcat:
    name = "kcat"
    ASSIGNED = re.compile(r"^% Group .* rebalanced .*: (assigned|revoked): (.*)$")

    def command(self, topic, extra):
        settings = "-X session.timeout.ms=6000 -X heartbeat.interval.ms=1000 -X auto.offset.reset=earliest -X auto.commit.interval.ms=200"
        return f"kcat -b $B -u -E {settings} -X reconnect.backoff.max.ms=500 -f 'read %s\\n' -G {quote(topic, topic)}"

    def understand(self, member, line):
        found = self.ASSIGNED.match(line)
        if found:
            member.owns = set(map(int, re.findall(r"\[(\d+)\]", found.group(2)))) if found.group(1) == "assigned" else set()
        elif line.startswith("read "):
            member.read.append(line[5:])
        return found or line.startswith("read ")


class Java:
    """Kafka's VerifiableConsumer, which prints what happens to it as JSON."""

    def __init__(self, protocol):
        self.name = f"Java, {protocol}"
        self.flags = ["--group-protocol", protocol, *(["--session-timeout", "6000"] if protocol == "classic" else [])]

    def command(self, topic, extra):
        return kafka.java("org.apache.kafka.tools.VerifiableConsumer", "--topic", topic, "--group-id", topic, "--reset-policy", "earliest", "--verbose", "--enable-autocommit", *self.flags) + " --bootstrap-server $B"

    def understand(self, member, line):
        try:
            event = json.loads(line)
        except ValueError:
            return False
        places = {place["partition"] for place in event.get("partitions", []) if isinstance(place, dict)}
        if event.get("name") == "partitions_assigned":
            member.owns = member.owns | places
        elif event.get("name") == "partitions_revoked":
            member.owns = member.owns - places
        elif event.get("name") == "record_data":
            member.read.append(event["value"])
        return True


CLASSIC = ["session.timeout.ms=6000", "heartbeat.interval.ms=1000"]
CONSUMER = Script("librdkafka, consumer", "group_confluent.py", "group.protocol=consumer")
RANGE = Script("librdkafka, range", "group_confluent.py", "partition.assignment.strategy=range", *CLASSIC)
COOPERATIVE = Script("librdkafka, cooperative", "group_confluent.py", "partition.assignment.strategy=cooperative-sticky", *CLASSIC)
SMALL = [CONSUMER, RANGE, COOPERATIVE, Script("kafka-python", "group_kafka_python.py"), Kcat()]
LARGE = [Java("consumer"), Java("classic")]


class World:
    def __init__(self, broker):
        self.broker = broker
        self.members = []
        self.topics = itertools.count()

    @property
    def address(self):
        return self.broker.address


class Group:
    """A topic, what was produced to it, and the members that read it, of one make."""

    def __init__(self, w, make):
        self.w, self.make = w, make
        self.topic = f"Group{next(w.topics)}"
        self.members = []
        self.values = []
        sh(f"rafka-admin create-topic {self.topic} -p {PARTITIONS}", w.address)

    def produce(self):
        """Some records for each partition."""
        for partition in ALL:
            new = [f"{self.topic}-{len(self.values) + i}" for i in range(20)]
            sh(f"rafka-produce -p {partition} {self.topic}", self.w.address, stdin="".join(f"{value}\n" for value in new))
            self.values += new

    def member(self, *extra):
        self.members.append(Member(self.w, self.make, self.topic, extra))
        return self.members[-1]

    def shared_by(self, *members):
        """Waits until these have all partitions between them, and each its share."""

        def at_rest():
            owned = [member.owns for member in members]
            return set().union(*owned) == ALL and sum(map(len, owned)) == PARTITIONS and all(len(part) == PARTITIONS // len(members) for part in owned)

        try:
            eventually(at_rest, "shared", PATIENCE)
        except Failure:
            stories = "\n".join(f"{sorted(member.owns)}, exit {member.process.poll()}:\n{member.story()}" for member in members)
            raise Failure(f"{self.make.name}: the partitions were not shared by {len(members)} within {PATIENCE} s; they own\n{stories}") from None

    def has_read_everything(self):
        missing = lambda: set(self.values).difference(*(member.read for member in self.members))
        try:
            eventually(lambda: not missing(), "read", PATIENCE)
        except Failure:
            raise Failure(f"{self.make.name}: {len(missing())} of {len(self.values)} records were read by nobody, {sorted(missing())[:5]} among them") from None
        strange = set().union(*(member.read for member in self.members)).difference(self.values)
        equal(strange, set(), f"{self.make.name}: what was read and never produced")


@contextlib.contextmanager
def world(flags):
    if flags.broker:
        raise Skip("this suite needs a broker of its own, which it stops, kills and starts again")
    need("kcat")
    python(), kafka.jars()
    with RafkaServer(*FLAGS) as broker:
        w = World(broker)
        try:
            yield w
            broker.check_alive()
            broker.stop()
        finally:
            end_members(w)


def end_members(w):
    for member in w.members:
        if member.process.poll() is None:
            member.process.kill()
    w.members.clear()


suite = Suite("group_clients", __doc__, world)


def with_each(w, makes, story):
    """Runs a story for each make, all at once; gives what went wrong in any of them."""
    failures = []

    def run(make):
        try:
            story(Group(w, make))
        except Failure as failure:
            failures.append(str(failure))
        except Exception:
            failures.append(f"{make.name}: {traceback.format_exc()}")

    threads = [threading.Thread(target=run, args=(make,)) for make in makes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    end_members(w)
    check(not failures, "\n".join(failures))


def comings_and_goings(group):
    group.produce()
    first = group.member()
    group.shared_by(first)
    second = group.member()
    group.shared_by(first, second)
    group.produce()
    second.die()
    group.produce()
    group.shared_by(first)
    third = group.member()
    group.shared_by(first, third)
    group.produce()
    # In the midst of its work: a Java consumer that hangs while it asks where to begin ends with an error.
    eventually(lambda: third.read, f"{group.make.name}: the third member reads", PATIENCE)
    third.send(signal.SIGSTOP)
    group.shared_by(first)
    group.produce()
    third.send(signal.SIGCONT)
    group.shared_by(first, third)
    first.leave()
    group.shared_by(third)
    group.produce()
    group.has_read_everything()


@suite.case("a member comes, one dies, one hangs and wakes, one leaves: kcat, kafka-python, librdkafka")
def _(w):
    with_each(w, SMALL, comings_and_goings)


@suite.case("a member comes, one dies, one hangs and wakes, one leaves: Java")
def _(w):
    with_each(w, LARGE, comings_and_goings)


def restarts(w, makes):
    """The groups cannot choose when the broker goes; so they all go through it together."""
    groups = [Group(w, make) for make in makes]
    for group in groups:
        group.produce()
        group.member(), group.member()
    for group in groups:
        group.shared_by(*group.members)
    # A third member begins a rebalance, and the broker is killed in it.
    for group in groups:
        group.member()
    time.sleep(1.5)
    w.broker.kill()
    w.broker.start()
    for group in groups:
        group.produce()
        group.shared_by(*group.members)
    # One leaves, which begins another, and the broker stops in that.
    leaving = [threading.Thread(target=group.members[0].leave) for group in groups]
    for thread in leaving:
        thread.start()
    w.broker.restart()
    for thread in leaving:
        thread.join()
    for group in groups:
        group.produce()
        group.shared_by(*group.members[1:])
        group.has_read_everything()
    end_members(w)


@suite.case("a broker killed in one rebalance and stopped in the next: kcat, kafka-python, librdkafka, Java")
def _(w):
    restarts(w, [*SMALL, LARGE[0]])


def return_of_a_static_member(group):
    other, static = group.member(), group.member("group.instance.id=one")
    group.shared_by(other, static)
    had, others = set(static.owns), set(other.owns)
    group.produce()
    static.leave()
    back = group.member("group.instance.id=one")
    eventually(lambda: back.owns == had, f"{group.make.name}: a static member gets back what it had", PATIENCE)
    equal(other.owns, others, f"{group.make.name}: what the other has meanwhile")
    group.produce()
    group.has_read_everything()


@suite.case("a static member comes back under its instance id to what it had, and nobody else notices")
def _(w):
    with_each(w, [CONSUMER, RANGE, COOPERATIVE], return_of_a_static_member)


@suite.case("a group that nobody is in goes from one protocol to the other and keeps its place")
def _(w):
    group = Group(w, CONSUMER)
    for make in (RANGE, CONSUMER, RANGE):
        group.make = make
        group.produce()
        member = group.member()
        group.has_read_everything()
        member.leave()
    counts = [len(member.read) for member in group.members]
    equal(counts, [len(group.values) // 3] * 3, "records read by each in its turn")


if __name__ == "__main__":
    sys.exit(suite.main())
