"""Records in and out as fast as they go: the pipelines of a user, beside the bare minimum and other programs."""

import os
import pathlib
import subprocess
import time

from support.checks import Failure
from support.kafka import free_port

from .. import machine
from ..bench import ratio
from ..processes import Bare, Kafka, NullBroker
from .row import row

BARE = machine.example("bare")
OS = ["-X", "flush.policy=os"]
CPU_IN, CPU_OUT = 0.06, 0.03
MEMORY_MIB = 32
NC_TIMEOUT_S = 60
NC_TRIES = 10


class Topics:
    """A topic for each turn, made before it and gone after it."""

    def __init__(self, bench, broker):
        self.bench, self.broker, self.made = bench, broker, 0

    def once(self, command, watch=True):
        """Runs a line of bash with $T and $B set, on a topic of its own."""
        self.made += 1
        topic, address = f"Turn{self.made}", self.broker.address
        self.bench.run(f"rafka-admin -b {address} create-topic {topic}")
        pid = self.broker.process.pid if watch else None
        turn = self.bench.run(f"T={topic} B={address}; {command}", watch=pid)
        self.bench.run(f"rafka-admin -b {address} delete-topic {topic} -y")
        return turn


def rates(bench, name, count, turns, unit="M lines/s"):
    return bench.found(name, unit, [count / turn.seconds / 1e6 for turn in turns], turns)


def bare_in(bench, lines, *flags):
    """Into the bare minimum: a server and a file of its own for each turn, as a topic is."""

    def run(_):
        with Bare(bench.home / "bare.log", *flags) as server:
            return bench.run(f"cat {lines} | {BARE} produce {server.address}", watch=server.process.pid)

    return run


def nc_in(bench, lines):
    """`cat | nc | nc > file`: what a pipeline over TCP into a file does at all."""

    def run(_):
        out = bench.home / "nc.out"
        with open(out, "wb") as file:
            listener, port = nc_listener(file)
        try:
            turn = bench.run(f"cat {lines} | nc -N 127.0.0.1 {port}")
            began = time.perf_counter()
            # It ends when all is in the file.
            listener.wait(NC_TIMEOUT_S)
            turn.seconds += time.perf_counter() - began
            return turn
        finally:
            listener.kill()
            listener.wait()
            out.unlink()

    return run


def nc_listener(file):
    """A listening nc and its port."""
    for _ in range(NC_TRIES):
        port = free_port()
        listener = subprocess.Popen(["nc", "-l", "127.0.0.1", str(port)], stdin=subprocess.DEVNULL, stdout=file)
        while listener.poll() is None:
            if is_listening(port):
                return listener, port
            time.sleep(0.01)
        # Somebody took the port in between.
    raise Failure(f"nc can't listen, {NC_TRIES} times over")


def is_listening(port):
    """Without connecting: nc takes one connection only."""
    lines = pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in lines)


def produced(bench, broker, lines, command="rafka-produce -b $B $T"):
    topics = Topics(bench, broker)
    return lambda _: topics.once(f"cat {lines} | {command}")


def judge_broker(bench, series, count, cpu_limit, way):
    """What the broker itself used under the load."""
    cpu = sorted(series.broker_cpu)[len(series.broker_cpu) // 2] / (count / 1e6)
    if cpu_limit:
        bench.at_most(f"broker CPU per million records {way}", cpu, cpu_limit, "s")
    bench.at_most("broker memory at its peak", max(series.peak_mib), MEMORY_MIB, "MiB")


@row("in-os", "`cat | rafka-produce`, lines of 100 bytes, policy os")
def _(bench):
    count = 1_000_000 if bench.quick else 5_000_000
    bench.need_space(4)
    lines = bench.lines(count)
    broker = bench.start(bench.rafka(*OS))
    kafka = bench.kafka()
    contenders = {
        "cat | nc | nc > file": nc_in(bench, lines),
        "bare minimum": bare_in(bench, lines),
        "rafka-produce": produced(bench, broker, lines),
        "kcat -P": produced(bench, broker, lines, "kcat -P -b $B -t $T"),
    }
    if kafka:
        contenders["rafka-produce into Apache Kafka"] = produced(bench, kafka, lines)
    taken = bench.take_turns(contenders)
    found = {name: rates(bench, name, count, turns) for name, turns in taken.items()}
    bare, rafka = found["bare minimum"], found["rafka-produce"]
    bench.at_least("the yardstick against `cat | nc | nc > file`", ratio(bare, found["cat | nc | nc > file"]), 0.8, yardstick=True)
    bench.at_least("of the bare minimum", ratio(rafka, bare), 0.7)
    bench.at_least("times `cat | kcat -P` into the same broker", ratio(rafka, found["kcat -P"]), 4)
    judge_broker(bench, rafka, count, CPU_IN, "in")
    bench.told("the bare minimum's server, CPU per million", middle(bare.broker_cpu) / (count / 1e6), "s")
    tell_kafka(bench, rafka, found.get("rafka-produce into Apache Kafka"))


@row("in-fsync", "`cat | rafka-produce`, lines of 100 bytes, policy fsync (the default)")
def _(bench):
    count = 1_000_000 if bench.quick else 5_000_000
    bench.need_space(4)
    lines = bench.lines(count)
    broker = bench.start(bench.rafka())
    kafka = bench.kafka()
    contenders = {"bare minimum, fdatasync": bare_in(bench, lines, "--fdatasync"), "rafka-produce": produced(bench, broker, lines)}
    if kafka:
        contenders["rafka-produce into Apache Kafka"] = produced(bench, kafka, lines)
    taken = bench.take_turns(contenders)
    found = {name: rates(bench, name, count, turns) for name, turns in taken.items()}
    rafka = found["rafka-produce"]
    bench.at_least("of the bare minimum with fdatasync", ratio(rafka, found["bare minimum, fdatasync"]), 0.7)
    judge_broker(bench, rafka, count, None, "in")
    tell_kafka(bench, rafka, found.get("rafka-produce into Apache Kafka"))
    bench.notes.append("Apache Kafka's default never calls fsync; it stands beside Rafka with fsync before every acknowledgement.")


@row("in-1k", "`cat | rafka-produce`, lines of 1 KiB, policy os")
def _(bench):
    count = 200_000 if bench.quick else 1_000_000
    bench.need_space(6)
    lines = bench.lines(count, 1024)
    broker = bench.start(bench.rafka(*OS))
    contenders = {"bare minimum": bare_in(bench, lines), "rafka-produce": produced(bench, broker, lines)}
    taken = bench.take_turns(contenders)
    found = {name: rates(bench, name, count, turns) for name, turns in taken.items()}
    bench.at_least("of the bare minimum", ratio(found["rafka-produce"], found["bare minimum"]), 0.7)
    judge_broker(bench, found["rafka-produce"], count, None, "in")


@row("out", "`rafka-consume > /dev/null`, lines of 100 bytes back")
def _(bench):
    count = 1_000_000 if bench.quick else 5_000_000
    bench.need_space(5)
    lines = bench.lines(count)
    broker = bench.start(bench.rafka(*OS))
    kafka = bench.kafka()
    server = bench.start(Bare(bench.home / "bare.log"))
    bench.run(f"cat {lines} | {BARE} produce {server.address}")
    for each in filter(None, [broker, kafka]):
        bench.run(f"rafka-admin -b {each.address} create-topic Back && cat {lines} | rafka-produce -b {each.address} Back")
    os.sync()
    pid = broker.process.pid
    contenders = {
        "cat file | cat": lambda _: bench.run(f"cat {lines} | cat > /dev/null"),
        "bare minimum": lambda _: bench.run(f"{BARE} consume {server.address} > /dev/null", watch=server.process.pid),
        "rafka-consume": lambda _: bench.run(f"rafka-consume -b {broker.address} Back > /dev/null", watch=pid),
        "kcat -C": lambda _: bench.run(f"kcat -C -b {broker.address} -t Back -o beginning -e -q > /dev/null", watch=pid),
    }
    if kafka:
        address, kafka_pid = kafka.address, kafka.process.pid
        contenders["rafka-consume from Apache Kafka"] = lambda _: bench.run(f"rafka-consume -b {address} Back > /dev/null", watch=kafka_pid)
    taken = bench.take_turns(contenders)
    found = {name: rates(bench, name, count, turns) for name, turns in taken.items()}
    bare, rafka = found["bare minimum"], found["rafka-consume"]
    bench.at_least("the yardstick against `cat file | cat > /dev/null`", ratio(bare, found["cat file | cat"]), 0.8, yardstick=True)
    bench.at_least("of the bare minimum", ratio(rafka, bare), 0.6)
    bench.at_least("times kcat -C", ratio(rafka, found["kcat -C"]), 4)
    judge_broker(bench, rafka, count, CPU_OUT, "out")
    bench.told("the bare minimum's server, CPU per million", middle(bare.broker_cpu) / (count / 1e6), "s")
    tell_kafka(bench, rafka, found.get("rafka-consume from Apache Kafka"))


def middle(values):
    return sorted(values)[len(values) // 2]


def tell_kafka(bench, rafka, kafka):
    if kafka:
        bench.told("times the same program with Apache Kafka", ratio(rafka, kafka))
        bench.told("Apache Kafka's own memory at its peak", max(kafka.peak_mib), "MiB")


__all__ = ["Kafka", "NullBroker", "Topics", "middle", "produced", "rates"]
