#!/usr/bin/env python3
"""rafka-admin as CLI.md has it, against rafka-server and against Apache Kafka."""

import json
import signal
import sys

from support.both import arguments, both, world
from support.checks import Suite, check, contains, equal, eventually, lacks
from support.commands import Running

suite = Suite("admin", __doc__, world)
suite.arguments = arguments


def rows(text):
    return [line.split("\t") for line in text.splitlines()]


def row_of(text, *words):
    """The one TAB-separated line that has these words among its fields."""
    found = [row for row in rows(text) if all(str(word) in row for word in words)]
    equal(len(found), 1, f"lines with {words} in\n{text}")
    return found[0]


@both(suite, "topics are created, listed, described, deleted")
def _(t):
    name = t.name("Topic")
    t.sh(f"rafka-admin create-topic {name} -p 3")
    row_of(t.out("rafka-admin list-topics --output plain"), name, 3)
    described = t.out(f"rafka-admin describe-topic {name} --output plain")
    for partition in range(3):
        check(any(str(partition) in row for row in rows(described)), f"partition {partition} is not in\n{described}")
    done = t.sh(f"rafka-admin create-topic {name}", code=1)
    contains(done.errors, f'rafka-admin: error: topic "{name}" already exists', "creating it again")
    t.sh(f"rafka-admin create-topic {name} --if-not-exists")
    done = t.sh(f"rafka-admin delete-topic {name}", code=2)
    contains(done.errors, "-y", "deleting without -y where nobody can be asked")
    t.sh(f"rafka-admin delete-topic {name} -y")
    eventually(lambda: name not in t.out("rafka-admin list-topics --output plain"), "the topic is gone", 10)
    for command in [f"describe-topic {name}", f"delete-topic {name} -y", f"list-offsets {name}"]:
        contains(t.sh(f"rafka-admin {command}", code=1).errors, f'topic "{name}" does not exist', command)


@both(suite, "several at once: one that fails is exit 1, and the others are done")
def _(t):
    there, new = t.topic("There"), t.name("New")
    done = t.sh(f"rafka-admin create-topic {there} {new} --partitions 2", code=1)
    contains(done.errors, there, "the one that failed")
    row_of(t.out("rafka-admin list-topics --output plain"), new, 2)
    t.sh(f"rafka-admin delete-topic {there} {new} -y")


@both(suite, "bad names, counts and settings are refused with a sentence")
def _(t):
    for flags in ["'bad name'", "..", f"{t.name('P')} -p 0", f"{t.name('R')} --replicas 3", f"{t.name('S')} --setting no.such.setting=1", f"{t.name('V')} --setting retention.ms=soon"]:
        done = t.sh(f"rafka-admin create-topic {flags}", code=(1, 2))
        contains(done.errors, "error:", f"create-topic {flags}")
        lacks(done.errors, "panicked", f"create-topic {flags}")


@both(suite, "partitions can be added, never taken away")
def _(t):
    topic = t.topic("Grow", 2)
    t.sh(f"rafka-admin add-partitions {topic} --to 5")
    row_of(t.out("rafka-admin list-topics --output plain"), topic, 5)
    contains(t.sh(f"rafka-admin add-partitions {topic} --to 3", code=1).errors, "error:", "fewer partitions")
    t.sh(f"rafka-produce -p 4 {topic}", stdin="x\n")
    equal(t.out(f"rafka-consume -p 4 {topic}"), "x\n", "the new partition")


@both(suite, "list-offsets: ends, starts, times; trim-topic moves the start")
def _(t):
    topic = t.topic("Trim", 2)
    lines = "".join('{"value":"%d","timestamp":%d,"partition":0}\n' % (i, 1_700_000_000_000 + i) for i in range(10))
    t.sh(f"rafka-produce -J --keep-partition {topic}", stdin=lines)
    row_of(t.out(f"rafka-admin list-offsets {topic} --output plain"), topic, 0, 10)
    for at, offset in [("earliest", 0), ("latest", 10), ("@1700000000007", 7)]:
        found = rows(t.out(f"rafka-admin list-offsets {topic} --at {at} --output plain"))
        check([topic, "0", str(offset)] in [row[:3] for row in found], f"list-offsets --at {at} printed {found}")
    contains(t.sh(f"rafka-admin trim-topic {topic} --before 4", code=2).errors, "-y", "trimming without -y")
    t.sh(f"rafka-admin trim-topic {topic} --only 0 --before 4 -y")
    equal(t.sh(f"rafka-consume {topic}").lines, [str(i) for i in range(4, 10)], "what is left")
    done = t.sh(f"rafka-consume -p 0 -o 3 {topic}", code=1)
    for piece in ("3", "4", "10"):
        contains(done.errors, piece, "an offset that was trimmed is an error with the valid range")
    t.sh(f"rafka-admin trim-topic {topic} --only 0 --before latest -y")
    equal(t.out(f"rafka-consume {topic}"), "", "after trimming all")


@both(suite, "settings are read, set, and refused by name")
def _(t):
    topic = t.name("Config")
    t.sh(f"rafka-admin create-topic {topic} --setting retention.ms=123456789")
    row_of(t.out(f"rafka-admin get-config topic/{topic} retention.ms --output plain"), "retention.ms", "123456789")
    t.sh(f"rafka-admin set-config topic/{topic} retention.ms=987654321 cleanup.policy=compact")
    everything = t.out(f"rafka-admin get-config topic/{topic} --output plain")
    row_of(everything, "retention.ms", "987654321")
    row_of(everything, "cleanup.policy", "compact")
    row_of(everything, "segment.bytes")
    contains(t.sh(f"rafka-admin set-config topic/{topic} no.such.setting=1", code=1).errors, "no.such.setting", "an unknown setting")
    contains(t.sh(f"rafka-admin set-config topic/{topic} retention.ms=soon", code=1).errors, "retention.ms", "a bad value")
    broker = rows(t.out("rafka-admin cluster-info --output plain"))
    check(broker, "cluster-info names no broker")
    contains(t.out("rafka-admin get-config broker/1 --output plain"), "log.retention.ms", "the broker's settings")
    contains(t.sh(f"rafka-admin get-config topic/{t.name('None')}", code=1).errors, "does not exist", "a missing topic")


@both(suite, "cluster-info, ping, and waiting for records")
def _(t):
    contains(t.out("rafka-admin cluster-info --output plain"), t.address.rpartition(":")[2], "the broker's port")
    t.sh("rafka-admin ping")
    t.sh("rafka-admin ping --wait 5s")
    topic = t.topic("Wait")
    t.sh(f"(sleep 1; echo one | rafka-produce {topic}; echo two | rafka-produce {topic}) & rafka-admin wait --topic {topic} --records 2 --timeout 20s; code=$?; wait; exit $code")
    equal(len(t.sh(f"rafka-consume {topic}").lines), 2, "what was waited for")
    t.sh(f"rafka-admin wait --topic {topic} --records 3 --timeout 500ms", code=1)


def group_row(text, topic, partition):
    """The line of describe-group about this partition."""
    found = [row for row in rows(text) if row[1:3] == [topic, str(partition)]]
    equal(len(found), 1, f"lines about {topic}/{partition} in\n{text}")
    return found[0]


@both(suite, "groups are listed, described, moved, waited for and deleted")
def _(t):
    topic, group = t.topic("Grouped", 2), t.name("g")
    t.sh(f"rafka-produce -p 0 {topic}", stdin="a\nb\nc\n")
    t.sh(f"rafka-produce -p 1 {topic}", stdin="d\n")
    t.sh(f"rafka-consume -g {group} {topic}")
    row_of(t.out("rafka-admin list-groups"), group, "Empty", "classic")
    described = t.out(f"rafka-admin describe-group {group}")
    equal(group_row(described, topic, 0)[:6], [group, topic, "0", "3", "3", "0"], "partition 0")
    equal(group_row(described, topic, 1)[:6], [group, topic, "1", "1", "1", "0"], "partition 1")
    t.sh(f"rafka-admin wait --group {group} --lag 0 --timeout 5s")
    t.sh(f"rafka-produce -p 0 {topic}", stdin="e\n")
    equal(group_row(t.out(f"rafka-admin describe-group {group}"), topic, 0)[3:6], ["3", "4", "1"], "with something new")
    contains(t.sh(f"rafka-admin wait --group {group} --lag 0 --timeout 300ms", code=1).errors, "1 record behind", "who waits in vain")

    reset = f"rafka-admin reset-group {group} --topic {topic}"
    contains(t.sh(f"{reset} --to earliest", code=2).errors, "-y", "moving without -y where nobody can be asked")
    equal(rows(t.out(f"{reset} --to earliest --dry-run")), [[topic, "0", "3", "0"], [topic, "1", "1", "0"]], "what it would do")
    equal(t.out(f"rafka-consume -g {group} --no-commit {topic}"), "e\n", "nothing was moved")
    equal(rows(t.out(f"{reset} --to -1 -y")), [[topic, "0", "3", "3"], [topic, "1", "1", "0"]], "what it did")
    equal(sorted(t.sh(f"rafka-consume -g {group} {topic}").lines), ["d", "e"], "from there on")
    contains(t.sh(f"{reset} --to 4 -y", code=1).errors, "4 lies outside", "an offset that one of them does not have")
    contains(t.sh(f"{reset} --to stored -y", code=2).errors, "where a group is already", "a place that is none")

    with Running(f"rafka-consume -f -g {group} {topic}", t.address) as member:
        eventually(lambda: "rafka" in t.out(f"rafka-admin describe-group {group}").split("\t"), "it is a member")
        equal(group_row(t.out(f"rafka-admin describe-group {group}"), topic, 1)[7:], ["rafka", "127.0.0.1"], "client and host")
        for command in [f"{reset} --to earliest -y", f"rafka-admin delete-group {group} -y"]:
            contains(t.sh(command, code=1).errors, f'group "{group}" has live members', command)
        equal(member.end(signal.SIGINT), 130, "exit code of the member")

    contains(t.sh(f"rafka-admin delete-group {group}", code=2).errors, "-y", "deleting without -y where nobody can be asked")
    equal(t.out(f"rafka-admin delete-group {group} -y"), f"{group}\n", "what was deleted")
    for command in [f"describe-group {group}", f"delete-group {group} -y", f"reset-group {group} --topic {topic} --to earliest -y"]:
        contains(t.sh(f"rafka-admin {command}", code=1).errors, f'group "{group}" does not exist', command)
    other = t.name("billing")
    t.sh(f"rafka-consume -g {other} {topic}")
    contains(t.sh(f"rafka-admin describe-group {other[:-1]}", code=1).errors, f'did you mean "{other}"?', "the nearest")


@both(suite, "JSON output is JSON, and plain output has no table in it")
def _(t):
    topic, group = t.topic("Machine"), t.name("g")
    t.sh(f"rafka-consume -g {group} {topic}")
    for command in ["list-topics", f"describe-topic {topic}", f"list-offsets {topic}", f"get-config topic/{topic}", "cluster-info", "list-groups", f"describe-group {group}"]:
        text = t.out(f"rafka-admin {command} --output json")
        try:
            [json.loads(line) for line in text.splitlines()]
        except json.JSONDecodeError:
            json.loads(text)
        plain = t.sh(f"rafka-admin {command}").text
        check("\t" in plain, f"{command} on a pipe is not TAB-separated:\n{plain}")
        lacks(plain, "│", command)
        lacks(plain, "\x1b", command)


@both(suite, "bench measures on a topic that goes afterwards, Ctrl-C included, and keeps one that is named")
def _(t):
    def names():
        return t.out("rafka-admin list-topics --output plain")

    document = json.loads(t.out("rafka-admin bench --records 500 -p 2 -z lz4 --output json"))
    works = [(row["work"], row["until"], row["records"]) for row in document["measurements"]]
    expected = [("produce", "acknowledged"), ("consume", None), ("latency", "acknowledged"), ("latency", "consumed")]
    equal(works, [(*work, 500) for work in expected], "what was measured")
    eventually(lambda: document["topic"] not in names(), "its topic is gone", 10)

    topic = t.topic("Mine")
    t.sh(f"rafka-admin bench produce --topic {topic} --records 100 --producers 2")
    row_of(t.out(f"rafka-admin bench consume --topic {topic} --output plain"), "consume", 100)
    check(topic in names(), f"{topic} is kept")

    with Running("rafka-admin bench latency --rate 500 --duration 1h --output json", t.address) as bench:
        eventually(lambda: "rafka-bench-" in names(), "it has a topic")
        name = next(row[0] for row in rows(names()) if row[0].startswith("rafka-bench-"))
        t.sh(f"rafka-admin wait --topic {name} --records 200 --timeout 30s")
        equal(bench.end(signal.SIGINT), 130, "exit code after Ctrl-C")
        equal(json.loads(b"".join(bench.rest()))["interrupted"], True, "what is printed after Ctrl-C")
    eventually(lambda: name not in names(), "the topic is gone after Ctrl-C", 10)


@both(suite, "internal topics are not among the user's")
def _(t):
    topic = t.topic("Mine")
    t.sh(f"rafka-produce {topic}", stdin="x\n")
    t.sh(f"rafka-consume -g {t.name('g')} {topic}")
    lacks(t.out("rafka-admin list-topics --output plain"), "__consumer_offsets", "list-topics")


@both(suite, "usage is exit 2, nobody there is exit 3")
def _(t):
    for command in ["rafka-admin", "rafka-admin nonsense", "rafka-admin create-topic", "rafka-admin list-topics --output xml"]:
        check(t.sh(command, code=2).errors.strip(), f"{command} said nothing")
    contains(t.sh("rafka-admin list-topic", code=2).errors, "list-topics", "the nearest command")
    for command in ["list-topics", "ping", "cluster-info"]:
        contains(t.sh(f"rafka-admin {command} -b 127.0.0.1:1 --timeout 500ms", code=3).errors, "127.0.0.1:1", command)


if __name__ == "__main__":
    sys.exit(suite.main())
