"""What a process has used so far, read from /proc, and the servers that are measured."""

import os
import pathlib
import subprocess
import threading

from support.brokers import RafkaServer
from support.checks import Failure
from support.kafka import ApacheKafka

from . import machine

TICKS = os.sysconf("SC_CLK_TCK")
KAFKA_OPTIONS = (  # bin/kafka-run-class.sh's own, word for word
    "java -server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35 -XX:+ExplicitGCInvokesConcurrent "
    "-Djava.awt.headless=true"
)


def cpu_seconds(pid):
    """User and system time of all threads, those that have ended included."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mib(pid):
    """Resident memory less what is pages of files: those are the page cache's."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    raise Failure("the kernel does not say how much of a process's memory is its own")


def io_counts(pid):
    """Bytes and calls of reading and writing, the page cache's included."""
    lines = pathlib.Path(f"/proc/{pid}/io").read_text().splitlines()
    return {name: int(value) for name, value in (line.split(": ") for line in lines)}


class Watched:
    """CPU time and the highest memory of a process while something runs."""

    EVERY = 0.05

    def __init__(self, pid):
        self.pid = pid
        self.peak_mib = 0.0
        self.over = threading.Event()

    def _sample(self):
        while True:
            try:
                self.peak_mib = max(self.peak_mib, memory_mib(self.pid))
            except (OSError, Failure):
                return
            if self.over.wait(self.EVERY):
                return

    def __enter__(self):
        self.thread = threading.Thread(target=self._sample, daemon=True)
        self.thread.start()
        self.before = cpu_seconds(self.pid)
        return self

    def __exit__(self, *_):
        self.cpu = cpu_seconds(self.pid) - self.before
        self.over.set()
        self.thread.join()


class Bare:
    """The bare minimum's server, over one file."""

    def __init__(self, path, *flags):
        self.path = pathlib.Path(path)
        self.command = [machine.example("bare"), "serve", str(path), *flags]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().strip()
        if not self.address:
            raise Failure(f"the bare minimum did not start: {' '.join(self.command)}")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.path.unlink(missing_ok=True)


class NullBroker(RafkaServer):
    """rafka-server on a disk that throws batches away, or keeps them in memory."""

    kind = "null broker"

    def _spawn(self):
        self.log = open(self.home / "stderr.log", "ab")
        command = [machine.example("null"), str(self.data), *self.flags]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log)


class Kafka(ApacheKafka):
    """Apache Kafka as its own scripts start it: their Java options, their heap, one node's defaults."""

    OPTIONS = KAFKA_OPTIONS
    HEAP = "1g -Xms1g"
