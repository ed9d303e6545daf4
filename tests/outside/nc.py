#!/usr/bin/env python3
"""The text protocol as a person meets it: nc, pipes, a browser's request by mistake. What each command
answers in detail is tested inside the crate; here the bytes travel through real programs."""

import contextlib
import os
import sys
import tempfile

from support.brokers import given_or_started
from support.checks import Suite, check, contains, equal, eventually, lacks, same_bytes
from support.commands import Running, need, sh
from support.text import Line

SESSION = [
    ("PRODUCE Payments key1 HelloWorld", "ACK partition=0 offset=0"),
    ('"PRODUCE Payments key1 HelloWorld"', "ACK partition=0 offset=1"),
    ("PRODUCE Payments - Hello big world", "ACK partition=0 offset=2"),
    ("CONSUME Payments 0 0", "MSG 0 key1 HelloWorld\nMSG 1 key1 HelloWorld\nMSG 2 - Hello big world\nOK count=3 next=3 high=3"),
    ("QUIT", "OK bye"),
]


class World:
    def __init__(self, broker):
        self.broker = broker
        self.address = broker.address
        # A broker that was given may know these topics already.
        self.suffix = f"-{os.getpid()}" if broker.data is None else ""

    def nc(self, text, flags="", code=0):
        need("nc")
        return sh(f"nc {flags} $HOST $PORT", self.address, stdin=text, code=code, timeout=20).out

    def session(self, topic):
        """What goes in and what must come out, with the topic's name in place."""
        topic += self.suffix
        sent = "".join(f"{command}\n" for command, _ in SESSION).replace("Payments", topic)
        answers = "".join(f"{reply}\n" for _, reply in SESSION).replace("Payments", topic)
        return sent.encode(), answers.encode()


@contextlib.contextmanager
def world(flags):
    with given_or_started(flags.broker) as broker:
        yield World(broker)
        broker.check_alive()


suite = Suite("nc", __doc__, world)


@suite.case("the session of the protocol's page, byte for byte, by printf | nc with QUIT")
def _(w):
    sent, answers = w.session("Payments")
    same_bytes(w.nc(sent), answers, "the replies")
    if w.broker.data is not None:
        eventually(lambda: "Topic Created: Payments" in w.broker.lines, "`Topic Created: Payments` on the broker's stdout", 5)
        equal(w.broker.lines.count("Topic Created: Payments"), 1, "how often the topic was announced")


@suite.case("the same with nc -N and no QUIT: end of input is enough")
def _(w):
    sent, answers = w.session("Half")
    sent, answers = sent.replace(b"QUIT\n", b""), answers.replace(b"OK bye\n", b"")
    same_bytes(w.nc(sent, "-N"), answers, "the replies")


@suite.case("CRLF from a terminal, and empty lines between the commands")
def _(w):
    sent, answers = w.session("Crlf")
    same_bytes(w.nc(b"\r\n\n" + sent.replace(b"\n", b"\r\n\r\n")), answers, "the replies")


@suite.case("one command a line, waiting for each reply")
def _(w):
    topic = "Turns" + w.suffix
    with Line(w.address) as line:
        for command, reply in SESSION:
            equal("\n".join(line.ask(command.replace("Payments", topic))), reply, f"the reply to {command}")
        equal(line.rest(), b"", "what follows OK bye")


@suite.case("byte by byte, and split in two at every place")
def _(w):
    sent, answers = w.session("Bytes")
    with Line(w.address) as line:
        for i in range(len(sent)):
            line.send(sent[i : i + 1])
        same_bytes(line.rest(), answers, "byte by byte")
    ask = b'"CONSUME Bytes%s 0 0"\r\n\r\nping\nQUIT\n' % w.suffix.encode()
    expected = b"MSG" + answers.split(b"MSG", 1)[1].replace(b"OK bye", b"OK pong\nOK bye")
    for at in range(1, len(ask)):
        with Line(w.address) as line:
            line.send(ask[:at])
            line.send(ask[at:])
            same_bytes(line.rest(), expected, f"split after {ask[:at]!r}")


@suite.case("ten thousand commands at once are answered in their order")
def _(w):
    topic = "Pipelined" + w.suffix
    count = 10_000
    sent = "".join(f"PRODUCE {topic} k{i} value {i}\n" if i % 10 else f"CONSUME {topic} 0 latest\n" for i in range(1, count + 1))
    lines = w.nc(f"CREATE {topic}\n{sent}QUIT\n").decode().splitlines()
    equal(len(lines), count + 2, "the number of replies")
    equal([lines[0], lines[-1]], ["OK partitions=1", "OK bye"], "first and last reply")
    at = 0
    for i, reply in enumerate(lines[1:-1], 1):
        if i % 10:
            equal(reply, f"ACK partition=0 offset={at}", f"reply {i}")
            at += 1
        else:
            equal(reply, f"OK count=0 next={at} high={at}", f"reply {i}")


@suite.case("a half-closed connection gets every answer to what came before")
def _(w):
    topic = "Closed" + w.suffix
    with Line(w.address) as line:
        line.send("".join(f"PRODUCE {topic} - {i}\n" for i in range(500)))
        line.half_close()
        expected = "".join(f"ACK partition=0 offset={i}\n" for i in range(500))
        same_bytes(line.rest(), expected.encode(), "the replies after the half-close")


@suite.case("a last line that was cut gets at most one answer, and nothing half done")
def _(w):
    topic = "Cut" + w.suffix
    with Line(w.address) as line:
        line.send(f"CREATE {topic}\nPRODUCE {topic} ke")
        line.half_close()
        lines = line.rest().decode().splitlines()
    equal(lines[0], "OK partitions=1", "the whole line's reply")
    check(len(lines) <= 2, f"a cut line answered more than once: {lines}")
    with Line(w.address) as line:
        equal(line.ask(f"OFFSETS {topic}")[0], "PARTITION 0 low=0 high=0 leader=1", "nothing was stored")


@suite.case("FOLLOW shows each record as it comes and ends at the next line")
def _(w):
    topic = "Follow" + w.suffix
    with Line(w.address) as reader, Line(w.address) as writer:
        writer.ask(f"CREATE {topic}")
        reader.send(f"CONSUME {topic} 0 earliest FOLLOW\n")
        for i in range(20):
            writer.ask(f"PRODUCE {topic} - line {i}")
            equal(reader.line(), f"MSG {i} - line {i}", "the followed line")
        reader.send("PING\n")
        equal(reader.line(), "OK count=20 next=20 high=20", "the end of FOLLOW")
        equal(reader.line(), "OK pong", "the line that ended it")
        equal(writer.ask("QUIT"), ["OK bye"], "QUIT")


@suite.case("FOLLOW ends at its max, and goes on after the end of input")
def _(w):
    topic = "Max" + w.suffix
    with Line(w.address) as reader, Line(w.address) as writer:
        writer.ask(f"CREATE {topic}")
        reader.send(f"CONSUME {topic} 0 0 2 FOLLOW\n")
        reader.half_close()
        writer.ask(f"PRODUCE {topic} - one")
        equal(reader.line(), "MSG 0 - one", "the first record, after the end of input")
        writer.ask(f"PRODUCE {topic} - two")
        equal(reader.line(), "MSG 1 - two", "the second record")
        equal(reader.rest(), b"OK count=2 next=2 high=2\n", "the end at max, then the close")


@suite.case("nc beside nc: one follows what the other types")
def _(w):
    topic = "Typed" + w.suffix
    w.nc(f"CREATE {topic}\nQUIT\n")
    with Running("nc $HOST $PORT", w.address) as reader, Running("nc $HOST $PORT", w.address) as writer:
        reader.write(f"CONSUME {topic} 0 0 FOLLOW\n".encode())
        for i in range(5):
            writer.write(f"PRODUCE {topic} key line {i}\n".encode())
            equal(writer.line(10), f"ACK partition=0 offset={i}\n".encode(), "the writer's reply")
            equal(reader.line(10), f"MSG {i} key line {i}\n".encode(), "the reader's line")


@suite.case("topics, offsets, groups and limits answer in their forms")
def _(w):
    topic = "Asked" + w.suffix
    group = "readers" + w.suffix
    with Line(w.address) as line:
        equal(line.ask(f"create {topic} 3"), ["OK partitions=3"], "CREATE in lower case")
        contains(line.ask(f"CREATE {topic}")[-1], "ERR TOPIC_ALREADY_EXISTS ", "CREATE again")
        topics = line.ask("TOPICS")
        contains(topics, f"TOPIC {topic} partitions=3 replicas=1", "TOPICS")
        equal(topics[-1], f"OK count={len(topics) - 1}", "the last line of TOPICS")
        equal(topics[:-1], sorted(topics[:-1]), "the order of TOPICS")
        equal(line.ask(f"PRODUCE {topic}/2 k v"), ["ACK partition=2 offset=0"], "PRODUCE to a partition")
        equal(
            line.ask(f"OFFSETS {topic}"),
            [f"PARTITION {p} low=0 high={int(p == 2)} leader=1" for p in range(3)] + ["OK count=3"],
            "OFFSETS",
        )
        equal(line.ask(f"COMMIT {group} {topic} 2 1"), ["OK"], "COMMIT")
        equal(line.ask(f"COMMITTED {group}"), [f"OFFSET {topic} 2 committed=1 high=1 lag=0", "OK count=1"], "COMMITTED")
        contains(line.ask("GROUPS"), f"GROUP {group} state=Empty members=0", "GROUPS, one that only commits")
        lacks("\n".join(line.ask("TOPICS")), "__consumer_offsets", "TOPICS does not list Kafka's own")
        contains(line.ask("PRODUCE __consumer_offsets - x")[-1], "ERR ", "writing to an internal topic")
        for verb in ["HELP", "HELP PRODUCE", "HELP LIMITS"]:
            lines = line.ask(verb)
            equal(lines[-1], "OK", f"the last line of {verb}")
            check(len(lines) > 1 and all(l.startswith("# ") for l in lines[:-1]), f"{verb} printed {lines}")


@suite.case("what is wrong is named in one line, and the connection stays")
def _(w):
    topic = "Errors" + w.suffix
    with Line(w.address) as line:
        for i in range(3):
            line.ask(f"PRODUCE {topic} - {i}")
        for command, expected in [
            ("PRODCE x", 'ERR UNKNOWN_COMMAND "PRODCE"; did you mean PRODUCE? try HELP'),
            ("CONSUME x", "ERR WRONG_ARGUMENTS CONSUME needs <topic> <partition> <offset>"),
            (f"CONSUME {topic} 0 99", "ERR OFFSET_OUT_OF_RANGE 99 is outside 0..3"),
            (f"CONSUME {topic[:3]}{topic[4:]} 0 0", f"ERR UNKNOWN_TOPIC_OR_PARTITION {topic[:3]}{topic[4:]}; did you mean {topic}?"),
        ]:
            equal(line.ask(command), [expected], f"the reply to {command}")
        for command, name in [
            (f"CONSUME {topic} 7 0", "UNKNOWN_TOPIC_OR_PARTITION"),
            (f"PRODUCE {topic}/7 - x", "UNKNOWN_TOPIC_OR_PARTITION"),
            ("PRODUCE a/b/c - x", ""),
            ("CREATE bad@name", "INVALID_TOPIC_EXCEPTION"),
            ("CREATE zero 0", "INVALID_PARTITIONS"),
            ("CREATE many 1 3", "INVALID_REPLICATION_FACTOR"),
            ('PRODUCE x "unclosed', ""),
        ]:
            reply = line.ask(command)
            check(len(reply) == 1 and reply[0].startswith(f"ERR {name}"), f"{command} answered {reply}, expected ERR {name}")
        equal(line.ask("ping"), ["OK pong"], "the connection after all that")


@suite.case("a line past its limit is refused in one line, and the connection closed")
def _(w):
    with Line(w.address) as line:
        try:
            line.send(b"PRODUCE Long - " + b"x" * (8 << 20))
            line.send(b"\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        reply = line.rest()
    check(reply == b"" or (reply.startswith(b"ERR ") and reply.count(b"\n") == 1), f"it answered {reply[:300]!r}")
    with Line(w.address) as line:
        # A close with unread input may take the sentence with it; one byte too many must bring it over.
        lacks("\n".join(line.ask("TOPICS")), "TOPIC Long ", "the refused line did nothing")


@suite.case("what CONSUME prints can be pasted into PRODUCE: the same bytes, as kcat sees them")
def _(w):
    need("kcat")
    values = [b"plain", b"two words", b" leading", b"trailing ", b'"quoted"', b'inner "quotes" stay', b"tab\there", b"-", b"--",
              b"back\\slash", b"line\nbreak", b"cr\r", b"nul\0inside", b"\xff\xfe not utf-8", "flüge → ✈".encode(), b"\x7f", b"\\x41",
              b'"', b'ends with "', b"x" * 5000]
    source, target = "Law" + w.suffix, "LawAgain" + w.suffix
    w.nc(f"CREATE {source}\nCREATE {target}\nQUIT\n")
    with tempfile.TemporaryDirectory() as home:
        for i, value in enumerate(values):
            path = f"{home}/{i:02}"
            with open(path, "wb") as file:
                file.write(value)
            key = b"".join(value.split(b"\0"))  # an argument of kcat can't hold a NUL
            sh(f"kcat -P -b $B -t {source} -p 0 -k {_ansi(key)} {path}", w.address)
        sh(f"kcat -P -b $B -t {source} -p 0 {home}/00", w.address)  # a null key
        sh(f"printf 'key:\\n' | kcat -P -b $B -t {source} -p 0 -K : -Z", w.address)  # a null value
        sh(f"printf 'key:\\n' | kcat -P -b $B -t {source} -p 0 -K :", w.address)  # an empty value
    printed = w.nc(f"CONSUME {source} 0 0\nQUIT\n").splitlines()
    check(printed[-2].startswith(b"OK count="), f"CONSUME ended with {printed[-2]!r}")
    again = b"".join(b"PRODUCE %s %s\n" % (target.encode(), line.split(b" ", 2)[2]) for line in printed[:-2])
    replies = w.nc(again + b"QUIT\n").splitlines()
    check(all(r.startswith(b"ACK ") for r in replies[:-1]), f"pasting answered {replies}")
    form = r"%K:%k:%S:%s\n"
    first = sh(f"kcat -C -e -q -b $B -t {source} -f '{form}'", w.address).out
    check(len(first) > 5000, "kcat read the source")
    same_bytes(sh(f"kcat -C -e -q -b $B -t {target} -f '{form}'", w.address).out, first, "kcat's view of both topics")


def _ansi(data):
    """A bash word $'...' for any bytes but NUL."""
    return "$'" + "".join(f"\\x{b:02x}" for b in data) + "'"


@suite.case("one port: what kcat sends nc reads, and the other way round")
def _(w):
    need("kcat")
    topic = "Both" + w.suffix
    w.nc(f"CREATE {topic}\nPRODUCE {topic} k from nc\nQUIT\n")
    sh(f"printf 'k:from kcat\\n' | kcat -P -b $B -t {topic} -K :", w.address)
    expected = b"MSG 0 k from nc\nMSG 1 k from kcat\nOK count=2 next=2 high=2\nOK bye\n"
    same_bytes(w.nc(f"CONSUME {topic} 0 earliest\nQUIT\n"), expected, "nc's view")
    equal(sh(f"kcat -C -e -q -b $B -t {topic} -K :", w.address).text, "k:from nc\nk:from kcat\n", "kcat's view")


@suite.case("HTTP gets one plain sentence and no command of its body is obeyed")
def _(w):
    need("curl")
    evil = "Evil" + w.suffix
    for request in [f"GET /{evil} HTTP/1.1\r\nHost: localhost\r\n\r\n", f"POST / HTTP/1.1\r\nHost: x\r\n\r\nPRODUCE {evil} - x\r\n", f"Host: x\r\nPRODUCE {evil} - x\r\n"]:
        with Line(w.address) as line:
            line.send(request)
            answer = line.rest().decode("utf-8", "replace")
        check("HTTP" in answer, f"{request.splitlines()[0]} was answered {answer!r}, which does not name HTTP")
        body = answer.split("\r\n\r\n")[-1] if answer.startswith("HTTP/") else answer
        equal(len(body.strip().splitlines()), 1, f"the lines of the sentence {body!r}")
    done = sh(f"curl -sS --http0.9 --max-time 10 http://$B/{evil} -d 'PRODUCE {evil} - x'", w.address, code=None, timeout=20)
    contains(done.text + done.errors, "HTTP", "what curl shows")
    with Line(w.address) as line:
        lacks("\n".join(line.ask("TOPICS")), f"TOPIC {evil} ", "no topic came of it")


@suite.case("TLS is refused at once instead of hanging")
def _(w):
    need("openssl")
    done = sh("openssl s_client -connect $B -brief </dev/null", w.address, code=None, timeout=15)
    check(done.code != 0, f"TLS seemed to work:\n{done.story()}")
    check(done.seconds < 5, f"it took {done.seconds:.1f} s to refuse TLS")


@suite.case("bytes that are no protocol close the connection and harm nobody")
def _(w):
    for junk in [b"\x16\x03\x01\x02\x00\x01", b"\x00\x00\x00\x00", b"\x07\xff\xff\xff\x00\x12", b"\x7f\xff\xff\xff", b"\xff" * 64, b"\x80", b"\x00\x00\x00\x0a\x7f\xff\x00\x00\x00\x00\x00\x00\xff\xff"]:
        with Line(w.address) as line:
            line.send(junk)
            line.half_close()
            line.rest()
    equal(w.nc("PING\nQUIT\n"), b"OK pong\nOK bye\n", "nc afterwards")


if __name__ == "__main__":
    sys.exit(suite.main())
