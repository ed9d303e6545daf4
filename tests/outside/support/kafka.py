"""Apache Kafka from Maven Central: its jars, its command-line tools, and one node of it (KRaft).

Only Maven fetches anything (kafka/pom.xml says what), into target/outside. Nothing of it is committed.
"""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from .checks import Failure, Skip, indented
from .commands import CACHE, Done, need, quote, sh

HERE = pathlib.Path(__file__).resolve().parents[1] / "kafka"
MAVEN_TIMEOUT = 600
JAVA = "java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto"
QUIET = f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"


def jars():
    """The directory that holds Kafka and what it needs; fetched once for each version of the pom."""
    need("java")
    need("mvn")
    pom = HERE / "pom.xml"
    stamp = hashlib.sha256(pom.read_bytes()).hexdigest()[:12]
    place = CACHE / f"kafka-libs-{stamp}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "kafka-libs.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "complete").exists():
            shutil.rmtree(place, ignore_errors=True)
            command = f"mvn -q -B -ntp -f {quote(pom)} dependency:copy-dependencies -DincludeScope=runtime {quote(f'-DoutputDirectory={place}')}"
            done = sh(command, timeout=MAVEN_TIMEOUT, code=None)
            if done.code != 0:  # the registry may have been busy: one more try
                sh(command, timeout=MAVEN_TIMEOUT)
            (place / "complete").touch()
    return place


def java(main, *arguments, heap="256m", options=JAVA):
    """The shell words that run a class of Kafka's."""
    return f"{options} -Xmx{heap} {QUIET} -cp {quote(f'{jars()}/*')} {main} {quote(*arguments)}".rstrip()


def java_source(name):
    """The shell words that run one of kafka/*.java, compiled in memory with Kafka's classes at hand."""
    return f"{JAVA} -Xmx512m {QUIET} -cp {quote(f'{jars()}/*')} {quote(HERE / name)}"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class ApacheKafka:
    """One Kafka node on a free port, with its data in a temporary directory."""

    kind = "Apache Kafka"
    is_rafka = False
    START_TIMEOUT = 120
    OPTIONS = JAVA
    HEAP = "512m"

    def __init__(self, settings=None):
        self.settings = settings or {}
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="kafka-node-"))
        self.process = None

    def start(self):
        self.port, controller = free_port(), free_port()
        self.address = f"127.0.0.1:{self.port}"
        data = self.home / "data"
        lines = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "log.dirs": data,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 4,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            "log.segment.delete.delay.ms": 1000,
            **self.settings,
        }
        properties = self.home / "server.properties"
        properties.write_text("".join(f"{k}={v}\n" for k, v in lines.items()))
        if not data.exists():
            sh(java("kafka.tools.StorageTool", "format", "--cluster-id", "UmFma2EtT3V0c2lkZS0tMQ", "--config", properties), timeout=120)
        self.log = open(self.home / "node.log", "wb")
        command = java("kafka.Kafka", properties, heap=self.HEAP, options=self.OPTIONS)
        self.process = subprocess.Popen(
            ["bash", "-c", f"exec {command}"], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True
        )
        deadline = time.monotonic() + self.START_TIMEOUT
        while not self.accepts():
            if self.process.poll() is not None or time.monotonic() > deadline:
                story = indented((self.home / "node.log").read_bytes())
                raise Failure(f"Apache Kafka did not come up (exit {self.process.poll()}):\n{story}")
            time.sleep(0.2)
        return self

    def accepts(self):
        """It answers Metadata with itself in it: kcat, since a port that listens is not a broker yet."""
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        done = sh(f"kcat -L -b {self.address} -m 3", code=None, timeout=15)
        return done.code == 0 and b"1 brokers" in done.out

    def stop(self):
        """A clean stop, so that its files are whole."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise Failure("Apache Kafka did not stop within 60 s of SIGTERM") from None

    def partition_dir(self, topic, partition):
        return self.home / "data" / f"{topic}-{partition}"

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if getattr(self, "log", None):
            self.log.close()
        if os.environ.get("RAFKA_KEEP"):
            print(f"kept: {self.home}")
        else:
            shutil.rmtree(self.home, ignore_errors=True)


@contextlib.contextmanager
def copied(paths):
    """Copies in one directory per source directory: Kafka's tools may create a missing index beside a log."""
    with tempfile.TemporaryDirectory(prefix="dump-") as home:
        copies = []
        for path in map(pathlib.Path, paths):
            place = pathlib.Path(home) / path.parent.relative_to("/")
            place.mkdir(parents=True, exist_ok=True)
            copies.append(pathlib.Path(shutil.copy2(path, place)))
        yield copies


FILES_AT_ONCE = 400


def dump_segments(paths, *options):
    """What DumpLogSegments prints for these files. It exits 0 on mismatches, so that stderr is returned too."""
    paths = list(map(str, paths))
    # One argument has at most 128 KiB on Linux.
    portions = [paths[at : at + FILES_AT_ONCE] for at in range(0, len(paths), FILES_AT_ONCE)]
    done = [sh(java("org.apache.kafka.tools.DumpLogSegments", "--files", ",".join(portion), *options), timeout=300) for portion in portions]
    return Done(done[0].command, 0, b"".join(d.out for d in done), b"".join(d.err for d in done), sum(d.seconds for d in done))


__all__ = ["ApacheKafka", "Done", "Skip", "copied", "dump_segments", "free_port", "jars", "java", "java_source"]
