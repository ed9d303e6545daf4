#!/usr/bin/env python3
"""rafka-produce and rafka-consume as CLI.md has them, against rafka-server and against Apache Kafka."""

import json
import signal
import sys
import time

from support.both import arguments, both, world
from support.checks import Suite, check, contains, equal, same_bytes
from support.commands import Running, need

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]

suite = Suite("tools", __doc__, world)
suite.arguments = arguments


@both(suite, "what goes in comes out, byte for byte")
def _(t):
    for i, data in enumerate([b"one\ntwo\nthree\n", b"\n\n\nafter empty lines\n", b"crlf\r\nstays\r\n", b" \ttabs \\ and \xff\xfe\x00 bytes\n", b"x" * 300_000 + b"\n"]):
        topic = t.topic("Bytes")
        t.sh(f"rafka-produce {topic}", stdin=data)
        same_bytes(t.sh(f"rafka-consume {topic}").out, data, f"sample {i}")


@both(suite, "a last line without newline counts; an empty stdin is no record")
def _(t):
    topic = t.topic("Last")
    t.sh(f"rafka-produce {topic}", stdin="one\ntwo")
    t.sh(f"rafka-produce {topic}", stdin="")
    equal(t.out(f"rafka-consume {topic}"), "one\ntwo\n", "the records")


@both(suite, "delimiters: all of stdin, NUL, several bytes, hex")
def _(t):
    for flag, data, records in [
        ("-D ''", "a\nb\n", ["a\nb\n"]),
        (r"-D '\0'", "a\0b\nc\0", ["a", "b\nc"]),
        ("-D '::'", "a::b:c::", ["a", "b:c"]),
        (r"-D '\x1e'", "a\x1eb", ["a", "b"]),
    ]:
        topic = t.topic("Delimited")
        t.sh(f"rafka-produce {flag} {topic}", stdin=data)
        rows = [json.loads(line)["value"] for line in t.sh(f"rafka-consume -J {topic}").lines]
        equal(rows, records, f"the records with {flag}")


@both(suite, "keys: one for all, before the first SEP, an empty one is a key")
def _(t):
    topic = t.topic("Keys")
    t.sh(f"rafka-produce -k all {topic}", stdin="v1\n")
    t.sh(f"rafka-produce -K : {topic}", stdin="k:v:2\n:v3\n")
    t.sh(f"rafka-produce -K ' => ' {topic}", stdin="k 4 => v4\n")
    t.sh(f"rafka-produce {topic}", stdin="v5\n")
    equal(t.out(f"rafka-consume --format '%K|%k|%v\\n' {topic}"), "3|all|v1\n1|k|v:2\n0||v3\n3|k 4|v4\n-1||v5\n", "the records")


@both(suite, "a record without SEP is an error that names its line")
def _(t):
    topic = t.topic("NoSep")
    done = t.sh(f"rafka-produce -K : {topic}", stdin="a:1\nb:2\nnothing\nc:3\n", code=1)
    contains(done.errors, "rafka-produce: error:", "stderr")
    contains(done.errors, "3", "the line's number")


@both(suite, "headers keep order and doubles; -Z makes an empty value null")
def _(t):
    topic = t.topic("Headers")
    t.sh(f"rafka-produce -H b=2 -H a=1 -H b=1 -H 'eq=x=y' -H empty= {topic}", stdin="v\n")
    t.sh(f"rafka-produce -Z -K : {topic}", stdin="gone:\nkept:v\n")
    t.sh(f"rafka-produce -K : {topic}", stdin="empty:\n")
    rows = [json.loads(line) for line in t.sh(f"rafka-consume -J {topic}").lines]
    equal(
        [(h["key"], h["value"]) for h in rows[0]["headers"]],
        [("b", "2"), ("a", "1"), ("b", "1"), ("eq", "x=y"), ("empty", "")],
        "the headers",
    )
    equal([(r["key"], r["value"]) for r in rows[1:]], [("gone", None), ("kept", "v"), ("empty", "")], "null against empty")
    equal(t.out(f"rafka-consume --format '%k %V\\n' -o 1 {topic}"), "gone -1\nkept 1\nempty 0\n", "the lengths")


@both(suite, "JSON lines in their form, and there and back without loss")
def _(t):
    topic, again = t.topic("Json"), t.topic("JsonAgain")
    lines = [
        '{"key":"k","value":"v","timestamp":1732261234567,"headers":[{"key":"h","value":"1"},{"key":"h","value":null}]}',
        '{"key":null,"value":null,"timestamp":1732261234568,"headers":[]}',
        '{"key":"","value":"","timestamp":1732261234569}',
        '{"key_base64":"/wA=","value_base64":"/v8=","timestamp":1732261234570}',
        '{"value":"quote \\" back \\\\ newline \\n unit \\u0001 ✈","timestamp":1732261234571}',
    ]
    t.sh(f"rafka-produce -J {topic}", stdin="".join(line + "\n" for line in lines))
    first = t.sh(f"rafka-consume -J {topic}").lines
    equal(
        first[0],
        f'{{"topic":"{topic}","partition":0,"offset":0,"timestamp":1732261234567,"timestamp_type":"create",'
        '"key":"k","value":"v","headers":[{"key":"h","value":"1"},{"key":"h","value":null}]}',
        "the first line's form",
    )
    rows = [json.loads(line) for line in first]
    equal([r.get("key") for r in rows], ["k", None, "", None, None], "the keys")
    equal((rows[3].get("key_base64"), rows[3].get("value_base64")), ("/wA=", "/v8="), "the binary one")
    t.sh(f"rafka-consume -J {topic} | rafka-produce -J {again}")
    equal([line.replace(again, topic) for line in t.sh(f"rafka-consume -J {again}").lines], first, "the second topic")
    done = t.sh(f"rafka-produce -J {topic}", stdin='{"value":"fine"}\n{"value":7}\n', code=1)
    contains(done.errors, "2", "the line of the value that is no string")


@both(suite, "every codec and every acks, read by kcat and by rafka-consume")
def _(t):
    need("kcat")
    lines = "".join(f"line {i} of some text that compresses\n" for i in range(5000))
    for codec in CODECS:
        topic = t.topic(codec)
        t.sh(f"rafka-produce -z {codec} {topic}", stdin=lines)
        equal(t.out(f"rafka-consume {topic}"), lines, f"rafka-consume of {codec}")
        equal(t.out(f"kcat -C -e -q -b $B -t {topic}"), lines, f"kcat -C of {codec}")
        topic = t.topic(codec)
        t.sh(f"kcat -P -b $B -t {topic} -z {codec}", stdin=lines)
        equal(t.out(f"rafka-consume {topic}"), lines, f"rafka-consume of kcat's {codec}")
    for acks in ("all", "1", "0"):
        topic = t.topic("Acks")
        t.sh(f"rafka-produce --acks {acks} {topic}", stdin=lines)
        # With acks=0 nobody says when the records are there.
        t.sh(f"rafka-admin wait --topic {topic} --records 5000 --timeout 10s")
        equal(t.out(f"rafka-consume {topic}"), lines, f"acks={acks}")


@both(suite, "--report names topic, partition and offset of each record")
def _(t):
    topic = t.topic("Report", 2)
    lines = t.sh(f"rafka-produce --report -p 1 {topic}", stdin="a\nb\nc\n").lines
    equal([line.split("\t") for line in lines], [[topic, "1", str(i)] for i in range(3)], "the report")


@both(suite, "round-robin deals record by record; a key keeps to its partition")
def _(t):
    topic = t.topic("Dealt", 3)
    t.sh(f"rafka-produce {topic}", stdin="".join(f"{i}\n" for i in range(100)))
    counts = sorted(len(t.sh(f"rafka-consume -p {p} {topic}").lines) for p in range(3))
    equal(counts, [33, 33, 34], "records of each partition")
    topic = t.topic("Keyed", 8)
    t.sh(f"rafka-produce -K : {topic}", stdin=":empty\n21:a\nfoobar:b\nabc:c\n21:d\n")
    # murmur2 as Kafka's clients have it, & 0x7fffffff, % 8
    places = {"": 275646681 % 8, "21": (-973932308 & 0x7FFFFFFF) % 8, "foobar": (-790332482 & 0x7FFFFFFF) % 8, "abc": 479470107 % 8}
    for line in t.sh(f"rafka-consume --format '%p %k\\n' {topic}").lines:
        partition, key = line.split(" ")
        equal(int(partition), places[key], f"the partition of {key!r}")
    topic = t.topic("DealtKeys", 3)
    t.sh(f"rafka-produce --partitioner round-robin -k same {topic}", stdin="".join(f"{i}\n" for i in range(30)))
    equal([len(t.sh(f"rafka-consume -p {p} {topic}").lines) for p in range(3)], [10] * 3, "round-robin with a key")


@both(suite, "topics are created by the first record, but not with --no-create, and never by consuming")
def _(t):
    topic = t.name("Auto")
    t.sh(f"rafka-produce {topic}", stdin="x\n")
    equal(t.out(f"rafka-consume {topic}"), "x\n", "the record")
    missing = t.name("Missing")
    done = t.sh(f"rafka-produce --no-create {missing}", stdin="x\n", code=1)
    contains(done.errors, f'error: topic "{missing}" does not exist', "stderr of rafka-produce")
    done = t.sh(f"rafka-consume {missing}", code=1)
    contains(done.errors, f'rafka-consume: error: topic "{missing}" does not exist', "stderr of rafka-consume")
    done = t.sh(f"rafka-consume {topic[:1]}{topic[2:]}", code=1)
    contains(done.errors, f'hint: did you mean "{topic}"?', "the hint")
    check(missing not in t.sh("rafka-admin list-topics --output plain").text, "consuming created the topic")


@both(suite, "a partition or a record that can't be is exit 1 and says why")
def _(t):
    topic = t.topic("Refused", 2)
    contains(t.sh(f"rafka-produce -p 7 {topic}", stdin="x\n", code=1).errors, "7", "stderr names the partition")
    contains(t.sh(f"rafka-consume -p 7 {topic}", code=1).errors, "7", "stderr names the partition")
    done = t.sh(f"rafka-produce -p 0 -X max.request.size=20000000 {topic}", stdin="fine\n" + "x" * 3_000_000 + "\n", code=1)
    contains(done.errors, "2", "stderr names the line")
    equal(t.out(f"rafka-consume {topic}"), "fine\n", "what was right is there")


@both(suite, "offsets: earliest, latest, N, -N, counts, ends, partitions")
def _(t):
    topic = t.topic("Offsets", 2)
    for partition in (0, 1):
        t.sh(f"rafka-produce -p {partition} {topic}", stdin="".join(f"{partition}:{i}\n" for i in range(10)))
    for flags, expected in [
        ("-p 0 -o earliest -c 2", ["0:0", "0:1"]),
        ("-p 0 -o latest", []),
        ("-p 1 -o 7", ["1:7", "1:8", "1:9"]),
        ("-o -1", ["0:9", "1:9"]),
        ("-p 0 -o -2", ["0:8", "0:9"]),
        ("-p 0 -o -99 -c 1", ["0:0"]),
        ("-p 0 -o 3 --until 5", ["0:3", "0:4"]),
        ("-p 0-1 -o 9", ["0:9", "1:9"]),
        ("-p 0,1 -o 10", []),
    ]:
        equal(sorted(t.sh(f"rafka-consume {flags} {topic}").lines), expected, f"rafka-consume {flags}")
    equal(len(t.sh(f"rafka-consume {topic}").lines), 20, "both partitions")
    done = t.sh(f"rafka-consume -p 0 -o 11 {topic}", code=1)
    contains(done.errors, "11", "out of range names the offset")
    contains(done.errors, "10", "out of range names the end")


@both(suite, "offsets by time: milliseconds, RFC 3339, a date, an age")
def _(t):
    topic = t.topic("Times")
    base = int(time.time() * 1000) - 100_000
    t.sh(f"rafka-produce -J {topic}", stdin="".join('{"value":"%d","timestamp":%d}\n' % (i, base + i * 1000) for i in range(50)))
    at = lambda milliseconds: time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds / 1000)) + ".%03dZ" % (milliseconds % 1000)
    for offset, first in [
        (f"@{base + 10_000}", 10),
        (f"@{base + 10_001}", 11),
        (f"@{at(base + 20_000)}", 20),
        (f"@{base - 5}", 0),
        ("@2001-01-01", 0),
        ("@-1h", 0),
        (f"@{base + 49_001}", 50),
    ]:
        equal(t.sh(f"rafka-consume -o {offset} {topic}").lines, [str(i) for i in range(first, 50)], f"from {offset}")
    parts = t.out(f"rafka-consume -c 1 --format '%t %p %o %T %%\\n' {topic}").split()
    equal(parts, [topic, "0", "0", str(base), "%"], "the fields of --format")
    contains(t.out(f"rafka-consume -c 1 --format '%d\\n' {topic}"), at(base)[:19], "%d")


@both(suite, "a group commits what was written and a restart goes on there")
def _(t):
    topic, group = t.topic("Group", 2), t.name("g")
    t.sh(f"rafka-produce {topic}", stdin="".join(f"{i}\n" for i in range(100)))
    seen = t.sh(f"rafka-consume -g {group} -c 30 {topic}").lines
    equal(len(seen), 30, "the first run")
    peek = t.sh(f"rafka-consume -g {group} --no-commit {topic}").lines
    equal(len(peek), 70, "a run that commits nothing")
    rest = t.sh(f"rafka-consume -g {group} {topic}").lines
    equal(sorted(map(int, seen + rest)), list(range(100)), "both runs together")
    equal(t.sh(f"rafka-consume -g {group} {topic}").lines, [], "a third run")
    equal(len(t.sh(f"rafka-consume -g {group} --reset -o earliest {topic}").lines), 100, "--reset")
    equal(t.sh(f"rafka-consume -g {t.name('new')} -o latest {topic}").lines, [], "a new group that starts at the end")


@both(suite, "--follow shows what comes, Ctrl-C ends it with 130, and -g has committed")
def _(t):
    topic, group = t.topic("Follow"), t.name("f")
    t.sh(f"rafka-produce {topic}", stdin="before\n")
    with Running(f"rafka-consume --follow -g {group} {topic}", t.address) as reader:
        equal(reader.line(), b"before\n", "what was there")
        for i in range(3):
            t.sh(f"rafka-produce {topic}", stdin=f"{i}\n")
            equal(reader.line(), f"{i}\n".encode(), "what came")
        equal(reader.end(signal.SIGINT), 130, f"the exit code\n{reader.err!r}")
    equal(t.out(f"rafka-consume -g {group} {topic}"), "", "what is left for the group")


@both(suite, "rafka-produce sends lines as they come")
def _(t):
    topic = t.topic("Live")
    with Running(f"rafka-produce {topic}", t.address) as writer, Running(f"rafka-consume -f {topic}", t.address) as reader:
        for i in range(5):
            writer.write(f"line {i}\n".encode())
            equal(reader.line(10), f"line {i}\n".encode(), "a line while stdin stays open")
        writer.close_input()
        equal(writer.end(None), 0, "exit code of rafka-produce at the end of its input")
        reader.end(signal.SIGTERM)


@both(suite, "a closed stdout ends quietly with 0; --idle ends a follower")
def _(t):
    topic = t.topic("Head")
    t.sh(f"rafka-produce {topic}", stdin="".join(f"{i} {'x' * 100}\n" for i in range(50_000)))
    done = t.sh(f"rafka-consume {topic} | head -1")
    equal((done.text[:2], done.errors), ("0 ", ""), "what head saw, and stderr")
    began = time.monotonic()
    equal(len(t.sh(f"rafka-consume -f --idle 500ms {topic}").lines), 50_000, "the lines of a follower that goes idle")
    check(time.monotonic() - began < 15, "--idle 500ms took long")


@both(suite, "usage is exit 2, nobody there is exit 3")
def _(t):
    for command in ["rafka-produce", "rafka-produce --nonsense T", "rafka-consume -o yesterday T", "rafka-consume", "rafka-produce -z lzma T", "rafka-produce -X no.such.setting=1 T", "rafka-consume -p 1-x T"]:
        done = t.sh(command, code=2)
        check(done.errors.strip() and not done.out, f"{command} printed {done.out!r} and {done.err!r}")
    contains(t.sh("rafka-produce -X linger.mss=5 T", code=2).errors, "linger.ms", "the nearest setting")
    for command in ["rafka-produce T", "rafka-consume T"]:
        done = t.sh(f"{command} -b 127.0.0.1:1 --timeout 500ms", stdin="x\n", code=3)
        contains(done.errors, "127.0.0.1:1", f"stderr of {command}")


if __name__ == "__main__":
    sys.exit(suite.main())
