#!/usr/bin/env python3
"""Consumer groups of rafka-consume, alone and with kcat and Java in the same group, against rafka-server and Apache Kafka."""

import collections
import json
import signal
import sys
import time

from support import kafka
from support.both import arguments, both, world
from support.checks import Suite, check, contains, equal, eventually
from support.commands import Running, need

suite = Suite("groups", __doc__, world)
suite.arguments = arguments

# A member that leaves is missed at the next heartbeat of the others (250 ms), and a busy machine is slow.
TAKEOVER_SECONDS = 2.0


class Source:
    """Numbered records, dealt to all partitions of a topic, while it is open."""

    def __init__(self, t, topic):
        self.process = Running(f"rafka-produce --partitioner round-robin {topic}", t.address)
        self.count = 0

    def send(self, count=1):
        for _ in range(count):
            self.process.write(f"{self.count}\n".encode())
            self.count += 1

    def close(self):
        self.process.close_input()
        self.process.rest()


class Member:
    """Someone who prints `PARTITION VALUE` lines, and when."""

    def __init__(self, t, command):
        self.process = Running(command, t.address)
        self.lines = []

    def look(self):
        """What it has printed so far: time, partition, value."""
        while not self.process.arrived.empty():
            item = self.process.arrived.get()
            if item is None:
                self.process.arrived.put(None)
                break
            partition, value = item[1].decode().split()
            self.lines.append((item[0], partition.removeprefix("Partition:"), value))  # as Java's console consumer prints it
        return self.lines

    def partitions(self, since=0.0):
        return {partition for at, partition, _ in self.look() if at >= since}

    def finish(self):
        """Waits until it ends by itself."""
        code = self.process.process.wait(60)
        self.process.threads[0].join()
        self.look()
        return code

    def end(self, sig=signal.SIGINT):
        code = self.process.end(sig)
        self.look()
        return code


def member(t, group, topic, flags="-f"):
    return Member(t, f"rafka-consume -g {group} {flags} --format '%p %v\\n' {topic}")


def each_once(source, members):
    seen = collections.Counter(int(value) for m in members for _, _, value in m.look())
    twice = [value for value, count in seen.items() if count > 1]
    missing = [value for value in range(source.count) if value not in seen]
    check(not twice, f"{len(twice)} records came twice, such as {sorted(twice)[:5]}")
    check(not missing, f"{len(missing)} of {source.count} records are missing, such as {missing[:5]}")


def sending(source, probe, what, timeout=30):
    """Sends a record and looks, until it is so."""
    def once():
        source.send(6)
        return probe()

    return eventually(once, what, timeout, pause=0.02)


def described(t, group):
    done = t.sh(f"rafka-admin describe-group {group} --output json", code=None)
    return json.loads(done.text)["groups"][0] if done.code == 0 else {"state": "", "members": [], "partitions": []}


def shared_by(t, group, count):
    group = described(t, group)
    return group["state"] == "Stable" and len(group["members"]) == count and all(m["partitions"] for m in group["members"]) and group


def caught_up(t, group):
    t.sh(f"rafka-admin wait --group {group} --lag 0 --timeout 30s")


@both(suite, "members share, and hand over on Ctrl-C at once, without a record lost or twice")
def _(t):
    topic, group = t.topic("Shared", 6), t.name("g")
    source = Source(t, topic)
    one = member(t, group, topic)
    sending(source, lambda: len(one.partitions()) == 6, "one member reads everything")
    two = member(t, group, topic)
    sending(source, lambda: len(two.partitions()) == 3, "the second has half")
    three = member(t, group, topic)
    sending(source, lambda: len(three.partitions()) == 2, "the third has its third")
    now = time.monotonic()
    sending(source, lambda: all(len(m.partitions(now)) == 2 for m in (one, two, three)), "two partitions each")
    orphans = two.partitions(now)
    left = time.monotonic()
    equal(two.end(), 130, "exit code after Ctrl-C")
    sending(source, lambda: orphans <= one.partitions(left) | three.partitions(left), "the others read what it had")
    took = max(min(at for m in (one, three) for at, p, _ in m.lines if at >= left and p == orphan) for orphan in orphans) - left
    check(took < TAKEOVER_SECONDS, f"the others took over after {took:.2f} s")
    equal(three.end(signal.SIGTERM), 130, "exit code after SIGTERM")
    now = time.monotonic()
    sending(source, lambda: len(one.partitions(now)) == 6, "the last one reads everything")
    source.close()
    caught_up(t, group)
    one.end()
    each_once(source, [one, two, three])


@both(suite, "a member that is killed is taken over after its session, from its last commit")
def _(t):
    topic, group = t.topic("Killed", 4), t.name("g")
    flags = "-f -X session.timeout.ms=6000"
    source = Source(t, topic)
    one = member(t, group, topic, flags)
    sending(source, lambda: len(one.partitions()) == 4, "one member reads everything")
    two = member(t, group, topic, flags)
    sending(source, lambda: len(two.partitions()) == 2, "the second has half")
    two.end(signal.SIGKILL)
    now = time.monotonic()
    sending(source, lambda: len(one.partitions(now)) == 4, "the first reads all of it again")
    check(time.monotonic() - now > 3, "it was taken over before its session can have ended")
    source.close()
    caught_up(t, group)
    one.end()
    seen = {int(value) for m in (one, two) for _, _, value in m.look()}
    equal(len(seen), source.count, "the records seen")


@both(suite, "without -f, members divide what is there and end by themselves")
def _(t):
    topic, group = t.topic("Divided", 4), t.name("g")
    source = Source(t, topic)
    source.send(20_000)
    source.close()
    members = [member(t, group, topic, "") for _ in range(3)]
    for m in members:
        equal(m.finish(), 0, "exit code at the end")
    each_once(source, members)
    equal(t.sh(f"rafka-consume -g {group} {topic}").lines, [], "what is left for the group")


@both(suite, "-c and | head commit what was printed, a lone run does not wait")
def _(t):
    topic, group = t.topic("Counted"), t.name("g")
    t.sh(f"rafka-produce {topic}", stdin="".join(f"{i}\n" for i in range(10_000)))
    t.sh(f"rafka-consume -g {group} -c 1 {topic}")  # Kafka makes its offsets topic now
    began = time.monotonic()
    equal(t.sh(f"rafka-consume -g {group} -c 99 {topic}").lines, [str(i) for i in range(1, 100)], "the next 99")
    took = time.monotonic() - began
    check(took < 2, f"a run that has nobody to wait for took {took:.1f} s")
    equal(t.sh(f"rafka-consume -g {group} {topic} | head -1").lines, ["100"], "the first of the rest")
    rest = t.sh(f"rafka-consume -g {group} {topic}").lines
    check(rest == [] or rest == [str(i) for i in range(int(rest[0]), 10_000)], "what is left is not the end of the topic")
    equal(t.sh(f"rafka-consume -g {group} {topic}").lines, [], "what is left in the end")


@both(suite, "a pipe that stays full for longer than the session ends no membership")
def _(t):
    topic, group = t.topic("Blocked"), t.name("g")
    t.sh(f"rafka-produce {topic}", stdin=b"".join(b"%d\n" % i for i in range(400_000)))
    t.sh(f"(rafka-consume -g {group} -X session.timeout.ms=6000 {topic}; echo $? >&2) | (head -c 100 >first; sleep 8; cat >rest)", timeout=90)
    equal(t.sh("cat first rest | wc -l").text.strip(), "400000", "lines that came through the pipe")
    equal(t.sh("cat first rest | sort -n | uniq -d").text, "", "lines that came twice")


@both(suite, "partitions that are added while members follow are read from their first record")
def _(t):
    topic, group = t.topic("Grown"), t.name("g")
    one = member(t, group, topic, "-f -o latest -X metadata.max.age.ms=200")
    eventually(lambda: shared_by(t, group, 1), "it is a member")
    t.sh(f"rafka-admin add-partitions {topic} --to 3")
    t.sh(f"rafka-produce -p 2 {topic}", stdin="7\n")
    eventually(lambda: "2" in one.partitions(), "the new partition is read")
    one.end()


def mixed(t, others):
    """rafka-consume with others in one group: all share, nothing is lost or twice, and what leaves is taken over."""
    topic, group = t.topic("Mixed", 6), t.name("g")
    source = Source(t, topic)
    ours = [member(t, group, topic), member(t, group, topic)]
    sending(source, lambda: all(len(m.partitions()) >= 3 for m in ours), "two of ours share")
    theirs = [Member(t, command.format(group=group, topic=topic)) for command in others]
    count = 2 + len(theirs)
    eventually(lambda: shared_by(t, group, count), f"{count} members share", 60, pause=0.3)
    now = time.monotonic()
    sending(source, lambda: all(m.partitions(now) for m in ours + theirs), "everybody reads", 60)
    caught_up(t, group)
    for m in theirs:
        m.end(signal.SIGTERM)
    eventually(lambda: shared_by(t, group, 2), "ours are left", 60, pause=0.3)
    now = time.monotonic()
    sending(source, lambda: len(ours[0].partitions(now) | ours[1].partitions(now)) == 6, "ours read everything again", 60)
    source.close()
    caught_up(t, group)
    for m in ours:
        equal(m.end(), 130, "exit code after Ctrl-C")
    each_once(source, ours + theirs)


KCAT = "kcat -q -b $B -u -f '%p %s\\n' -X auto.offset.reset=earliest"
JAVA_FLAGS = ["--formatter-property", "print.partition=true", "--command-property", "auto.offset.reset=earliest"]


@both(suite, "a group with kcat in it, which shares by range")
def _(t):
    need("kcat")
    mixed(t, [KCAT + " -G {group} {topic}"])


@both(suite, "a group with kcat in it, which shares cooperatively")
def _(t):
    need("kcat")
    mixed(t, [KCAT + " -X partition.assignment.strategy=cooperative-sticky -G {group} {topic}"])


@both(suite, "a group with kcat and Java's console consumer in it")
def _(t):
    need("kcat")
    kafka.jars()
    java = kafka.java("org.apache.kafka.tools.consumer.ConsoleConsumer", *JAVA_FLAGS)
    mixed(t, [KCAT + " -G {group} {topic}", java + " --bootstrap-server $B --group {group} --topic {topic}"])


@both(suite, "a group with Java's cooperative consumer in it")
def _(t):
    kafka.jars()
    flags = [*JAVA_FLAGS, "--command-property", "partition.assignment.strategy=org.apache.kafka.clients.consumer.CooperativeStickyAssignor"]
    java = kafka.java("org.apache.kafka.tools.consumer.ConsoleConsumer", *flags)
    mixed(t, [java + " --bootstrap-server $B --group {group} --topic {topic}"])


@both(suite, "rafka-admin describes a group of the newer protocol (KIP-848)")
def _(t):
    kafka.jars()
    topic, group = t.topic("Newer", 3), t.name("g")
    t.sh(f"rafka-produce --partitioner round-robin {topic}", stdin="1\n2\n3\n")
    flags = [*JAVA_FLAGS, "--command-property", "group.protocol=consumer"]
    java = kafka.java("org.apache.kafka.tools.consumer.ConsoleConsumer", *flags)
    one = Member(t, f"{java} --bootstrap-server $B --group {group} --topic {topic}")
    seen = eventually(lambda: shared_by(t, group, 1), "it is a member", 60, pause=0.3)
    equal((seen["type"], seen["members"][0]["partitions"]), ("consumer", 3), "its type, and what it has")
    contains(t.out("rafka-admin list-groups"), f"{group}\tStable\tconsumer\tconsumer", "list-groups")
    eventually(lambda: len(one.look()) == 3, "it has read all")
    one.end(signal.SIGTERM)
    caught_up(t, group)


if __name__ == "__main__":
    sys.exit(suite.main())
