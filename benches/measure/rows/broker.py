"""The broker by itself: how it starts, what it takes, and how many may follow."""

import os
import subprocess
import time

from support.checks import Failure

from .. import machine
from ..bench import directory_bytes, wait_for
from ..processes import cpu_seconds, memory_mib
from .row import row
from .throughput import OS

PROBE = machine.example("probe")
SERVER = str(machine.release_dir() / "rafka-server")
IDLE_MIB, CROWD_MIB = 5, 200
START_EMPTY_MS, START_FULL_MS = 5, 50
SERVED_WITHIN_MS, CPU_PER_RECORD_S = 400, 0.5
SIZE_MB = 6


def starts(bench, data, count):
    """Milliseconds from the start of the process to its first answer, each start after a clean stop."""
    out = bench.run(f"{PROBE} start {count} {SERVER} --data-dir {data} --listen 127.0.0.1:0").out.decode()
    return [int(word) / 1000 for word in out.split()]


@row("start", "start to first answer, empty")
def _(bench):
    turns = 5 if bench.quick else 20
    new = [starts(bench, bench.home / f"new-{turn}", 1)[0] for turn in range(turns)]
    again = starts(bench, bench.home / "again", turns + 1)[1:]
    bench.found("a directory that is not there yet", "ms", new, better="lower")
    series = bench.found("no topics, after a clean stop", "ms", again, better="lower")
    bench.at_most("empty, after a clean stop", series.median, START_EMPTY_MS, "ms")
    bench.told("a directory that is not there yet", sorted(new)[len(new) // 2], "ms")


@row("start-full", "start to first answer, 1,000 partitions with 10 GB after a clean stop, warm")
def _(bench):
    gigabytes = 1 if bench.quick else 10
    bench.need_space(gigabytes + 2)
    lines = bench.lines(100_000, 1024)
    broker = bench.start(bench.rafka(*OS))
    bench.run(f"rafka-admin -b {broker.address} create-topic Full -p 1000")
    repeats = -(-gigabytes * 1_000_000_000 // lines.stat().st_size)
    bench.run(f"for n in $(seq {repeats}); do cat {lines}; done | rafka-produce -b {broker.address} Full")
    broker.stop()
    os.sync()
    bytes_there = directory_bytes(broker.data)
    series = bench.found("1,000 partitions", "ms", starts(bench, broker.data, 6 if bench.quick else 11)[1:], better="lower")
    bench.at_most(f"1,000 partitions, {bytes_there / 1e9:.1f} GB", series.median, START_FULL_MS, "ms")


@row("idle", "memory of an idle broker, besides page cache")
def _(bench):
    broker = bench.start(bench.rafka())
    bench.run(f"rafka-admin -b {broker.address} list-topics")
    bench.found("idle", "MiB", [memory_mib(broker.process.pid)], better="lower")
    bench.at_most("idle", bench.series[0].median, IDLE_MIB, "MiB")


@row("followers", "10,000 connections that follow one topic, one record a second")
def _(bench):
    connections, records = (2_000, 3) if bench.quick else (10_000, 10)
    broker = bench.start(bench.rafka(*OS))
    pid = broker.process.pid
    bench.run(f"rafka-admin -b {broker.address} create-topic Followed")
    command = [PROBE, "followers", broker.address, "Followed", str(connections), str(records)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as crowd:
        try:
            if crowd.stdout.readline() != "ready\n":
                raise Failure("the followers could not all connect")
            wait_for("the broker to be quiet", lambda: is_quiet(pid))
            before = cpu_seconds(pid)
            crowd.stdin.write("\n")
            crowd.stdin.flush()
            served = [float(crowd.stdout.readline()) for _ in range(records)]
            used = (cpu_seconds(pid) - before) / records
            memory = memory_mib(pid)
        finally:
            crowd.kill()
    bench.found(f"until all {connections:,} had a record", "ms", served, better="lower")
    bench.at_most("memory", memory, CROWD_MIB, "MiB")
    bench.at_most("all served within", max(served), SERVED_WITHIN_MS, "ms")
    bench.at_most("broker CPU per record", used, CPU_PER_RECORD_S, "s")
    if bench.quick:
        bench.notes.append(f"{connections:,} connections only.")
    bench.notes.append("The program that plays the followers shares the cores: its reading is in the time, not in the CPU.")


def is_quiet(pid, over=0.2):
    """No CPU time used for so long."""
    before = cpu_seconds(pid)
    time.sleep(over)
    return cpu_seconds(pid) - before <= 0.01


@row("size", "rafka-server, stripped")
def _(bench):
    stripped = bench.home / "rafka-server"
    bench.run(f"strip -o {stripped} {SERVER} || cp {SERVER} {stripped}")
    bench.found("rafka-server", "MB", [stripped.stat().st_size / 1e6], better="lower")
    bench.at_most("rafka-server", bench.series[0].median, SIZE_MB, "MB")
