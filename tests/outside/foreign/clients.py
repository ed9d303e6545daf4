"""Client libraries, new and old, each behind a small program with the same words (../clients/README.md): what it
produces and consumes in every codec it has, and how its groups share, hand over and go on."""

import json
import os
import pathlib
import re
import shutil

from support import kafka
from support.checks import check, equal, eventually
from support.commands import need, quote, sh
from support.python import python

from .cases import CaseSuite
from .fetching import npm_source, once, patient

HERE = pathlib.Path(__file__).resolve().parents[1] / "clients"
ALL_CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
LINES = "".join(f"key{i % 7}:value {i} and some more words, so that a codec has something to do\n" for i in range(1000))
BUILD_TIMEOUT = 900
# Carries the source of librdkafka 1.8.2, the oldest that Apache Kafka 4 speaks with (KIP-896): older ones know ListOffsets
# in version 0 only.
LIBRDKAFKA_1 = "node-rdkafka@2.13.0"
JAVA_2 = "2.1.1"  # the oldest that Apache Kafka 4 speaks with (KIP-896), and the oldest with zstd


class Client(CaseSuite):
    codecs = ALL_CODECS
    groups = True

    def __init__(self):
        super().__init__()
        for codec in self.codecs:
            self.case(f"produces and consumes, {codec}")(lambda w, codec=codec: self.round_trip(w, codec))
        if self.groups:
            self.case("a group of two shares the partitions, hands over, and goes on where it stopped")(self.share)

    def command(self, *words):
        """The shell words that run the program with these words."""
        raise NotImplementedError

    def produce(self, w, topic, codec, lines):
        w.sh(self.command("produce", w.address, topic, codec), stdin=lines, timeout=120)

    def consume(self, w, topic, count):
        return w.sh(self.command("consume", w.address, topic, count), timeout=120).text

    def member(self, w, topic, group):
        return w.running(self.command("group", w.address, topic, group))

    def leave(self, member):
        member.close_input()
        equal(member.end(None, timeout=60), 0, f"exit code of a member that left\n{member.err[-2000:]!r}")

    def round_trip(self, w, codec):
        topic = w.topic("RoundTrip")
        self.produce(w, topic, codec, LINES)
        equal(w.sh(f"rafka-consume --format '%k:%v\\n' {topic}").text, LINES, "what rafka-consume reads")
        segment = next(w.broker.partition_dir(topic, 0).glob("*.log"))
        # A client may leave a batch of one or two records uncompressed, where that is shorter.
        stored = sum(batch["records"] for batch in batches(w, segment) if batch["codec"] == codec)
        check(stored > 900, f"{stored} of 1,000 records are stored in {codec}")
        w.sh(f"kcat -P -b $B -t {topic} -K : -z {codec}", stdin=LINES)
        equal(self.consume(w, topic, 2000), LINES * 2, "what it reads of its own records and kcat's")

    def share(self, w):
        topic, group = w.topic("Shared", 4), w.name("classic")
        lines = [f"key{i}:value {i}\n" for i in range(1200)]
        with self.member(w, topic, group) as first:
            eventually(lambda: w.group(group)["members"] == [4], "the first member has all four partitions", 60, 0.3)
            with self.member(w, topic, group) as second:
                eventually(lambda: w.group(group)["members"] == [2, 2], "each member has two partitions", 60, 0.3)
                w.sh(f"kcat -P -b $B -t {topic} -K :", stdin="".join(lines[:600]))
                got = [first.line().decode(), second.line().decode()]
                got += [line.decode() for line in self.drain(w, (first, second), 598)]
                equal(sorted(got), sorted(lines[:600]), "what the two members got")
                self.leave(first)
                eventually(lambda: w.group(group)["members"] == [4], "the member that stayed has all partitions", 60, 0.3)
                w.sh(f"kcat -P -b $B -t {topic} -K :", stdin="".join(lines[600:900]))
                equal(sorted(second.line().decode() for _ in range(300)), sorted(lines[600:900]), "what the member that stayed got")
                self.leave(second)
        w.sh(f"kcat -P -b $B -t {topic} -K :", stdin="".join(lines[900:]))
        with self.member(w, topic, group) as third:
            equal(sorted(third.line().decode() for _ in range(300)), sorted(lines[900:]), "what a later member got")
            self.leave(third)
        lag = w.group(group)["lag"]
        check(len(lag) == 4 and not any(lag.values()), f"all is committed, but the lag is {lag}")

    def drain(self, w, members, count):
        """So many lines of these members, whoever has them."""
        got = []

        def more():
            for member in members:
                while len(got) < count and not member.arrived.empty():
                    got.append(member.line())
            return len(got) == count

        eventually(more, f"{count} more lines", 60)
        return got


def batches(w, segment):
    text = w.sh(f"rafka-admin --output json inspect-segment {quote(segment)}").text
    return json.loads(text)["batches"]


class Kcat(Client):
    """kcat does what the programs do, in its own words."""

    environment = ""

    def prepare(self):
        need("kcat")

    def produce(self, w, topic, codec, lines):
        w.sh(f"{self.environment} kcat -P -b $B -t {topic} -K : -z {codec} -X enable.idempotence=true", stdin=lines)

    def consume(self, w, topic, count):
        return w.sh(f"{self.environment} kcat -C -q -c {count} -b $B -t {topic} -o beginning -K : -X check.crcs=true").text

    def member(self, w, topic, group):
        settings = "-X auto.offset.reset=earliest -X session.timeout.ms=10000 -X heartbeat.interval.ms=500"
        return w.running(f"env {self.environment} kcat -q -u -K : -b {w.address} {settings} -G {group} {topic}")

    def leave(self, member):
        equal(member.end(), 0, f"exit code of a kcat that was told to stop\n{member.err[-2000:]!r}")


class DebianKcat(Kcat):
    key = "kcat"
    title = "kcat"
    about = "The Debian package, with the librdkafka it brings."

    def version(self):
        return librdkafka_of_kcat("")


class OldKcat(Kcat):
    key = "librdkafka-1"
    title = "librdkafka 1.x"
    about = "librdkafka 1.8.2 from the source that an npm package carries, under the same kcat: the oldest that Apache Kafka 4 speaks with (KIP-896). Before it, librdkafka knows only version 0 of ListOffsets, which is gone there and here: it can produce, but not find a topic's beginning or end."

    def prepare(self):
        super().prepare()
        with once("librdkafka-1-" + LIBRDKAFKA_1.rpartition("@")[2]) as (place, fresh):
            tree = place / "package" / "deps" / "librdkafka"
            if fresh:
                npm_source(LIBRDKAFKA_1, place)
                build = f"./configure --disable-gssapi --disable-sasl && make -j{os.cpu_count() or 2} -C src librdkafka.so.1"
                sh(build, cwd=tree, timeout=BUILD_TIMEOUT)
        self.environment = f"LD_LIBRARY_PATH={quote(tree / 'src')}"

    def version(self):
        return librdkafka_of_kcat(self.environment)


def librdkafka_of_kcat(environment):
    text = sh(f"{environment} kcat -V").text
    kcat, library = re.search(r"Version (\S+)", text), re.search(r"librdkafka (\d\S*?)[ )]", text)
    return f"{kcat.group(1)} on librdkafka {library.group(1)}"


class ConfluentKafka(Client):
    key = "confluent-kafka"
    title = "confluent-kafka"
    about = "Python, over the librdkafka that its wheel brings."

    def prepare(self):
        self.python = python()

    def version(self):
        return sh(f"{self.python} -c 'import confluent_kafka as c; print(c.version(), \"on librdkafka\", c.libversion()[0])'").text.strip()

    def command(self, *words):
        return f"{self.python} -B {quote(HERE / 'confluent_client.py', *words)}"


class Sarama(Client):
    key = "sarama"
    title = "sarama"
    about = "Go."

    def prepare(self):
        need("go")
        with once(f"sarama-{self.version()}") as (place, _):
            self.program = place / "sarama"
            # Go's own cache makes this quick where nothing changed.
            sh(f"go build -o {quote(self.program)} .", cwd=HERE / "sarama", timeout=BUILD_TIMEOUT)

    def version(self):
        return re.search(r"IBM/sarama v(\S+)", (HERE / "sarama" / "go.mod").read_text()).group(1)

    def command(self, *words):
        return quote(self.program, *words)


class Kafkajs(Client):
    key = "kafkajs"
    title = "kafkajs"
    about = "JavaScript. It brings gzip; Snappy is its own plug-in; those for LZ4 and Zstandard need a compiler's help and are not tested."
    codecs = ("none", "gzip", "snappy")

    def prepare(self):
        need("node")
        with once(f"kafkajs-{self.version()}") as (place, fresh):
            shutil.copy2(HERE / "kafkajs" / "client.js", place)
            shutil.copy2(HERE / "kafkajs" / "package.json", place)
            if fresh:
                patient("npm install --silent --no-package-lock --no-audit --no-fund --ignore-scripts", cwd=place)
            self.program = place / "client.js"

    def version(self):
        return re.search(r'"kafkajs": "([^"]+)"', (HERE / "kafkajs" / "package.json").read_text()).group(1)

    def command(self, *words):
        return f"node {quote(self.program, *words)}"


class Rskafka(Client):
    key = "rskafka"
    title = "rskafka"
    about = "Rust. It has no groups."
    groups = False

    def prepare(self):
        need("cargo")
        with once(f"rskafka-{self.version()}") as (place, _):
            command = f"cargo build --release --locked --manifest-path {quote(HERE / 'rskafka' / 'Cargo.toml')} --target-dir {quote(place)}"
            sh(command, timeout=BUILD_TIMEOUT)
            self.program = place / "release" / "rafka-outside-rskafka"

    def version(self):
        return re.search(r'rskafka = "=([^"]+)"', (HERE / "rskafka" / "Cargo.toml").read_text()).group(1)

    def command(self, *words):
        return quote(self.program, *words)


class OldJava(Client):
    key = "java-2"
    title = "kafka-clients 2.x"
    about = "Java, the oldest that Apache Kafka 4 still speaks with (KIP-896)."

    def prepare(self):
        need("javac")
        need("mvn")
        with once(f"kafka-clients-{JAVA_2}") as (place, fresh):
            if fresh:
                patient(f"mvn -q -B -ntp -f {quote(HERE / 'java' / 'pom.xml')} dependency:copy-dependencies {quote(f'-DoutputDirectory={place}')}")
            sh(f"javac -nowarn -d {quote(place)} -cp {quote(f'{place}/*')} {quote(HERE / 'java' / 'Client.java')}")
            self.place = place

    def version(self):
        return re.search(r"<kafka.version>(.*?)<", (HERE / "java" / "pom.xml").read_text()).group(1)

    def command(self, *words):
        return f"{kafka.JAVA} -Xmx256m -cp {quote(f'{self.place}:{self.place}/*')} Client {quote(*words)}"


CLIENTS = [DebianKcat(), ConfluentKafka(), Sarama(), Kafkajs(), Rskafka(), OldKcat(), OldJava()]
