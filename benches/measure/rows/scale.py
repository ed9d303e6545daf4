"""More of it: partitions, and bytes in one partition."""

import time

from .. import machine
from ..bench import ratio
from ..processes import Bare, cpu_seconds, io_counts, memory_mib
from .row import row
from .throughput import BARE, MEMORY_MIB, OS

PROBE = machine.example("probe")
BATCH_BYTES = 16 * 1024
BATCH_RECORDS = 150
RATE = 100_000
END_TO_END = 1.5
PAGE_BYTES = 4096
# To find an offset: a segment's index by halves, and one index interval of headers. To find a time: the same in both indexes,
# and up to two batches of the largest size, whose records have to be looked through. Neither depends on how much there is.
OFFSET_PAGES, TIME_PAGES = 64, 64 + 2 * 256
SAMPLES = 200


def spread(bench, partitions, flags, seconds):
    """Broker CPU per million records, and how many came through."""
    broker = bench.rafka(*flags)
    with broker:
        bench.run(f"rafka-admin -b {broker.address} create-topic Spread -p {partitions}")
        # Files that are made and opened for the first time are no part of a steady rate: every partition has its batch before,
        # with a fifth to spare.
        warm = max(1, 1.2 * partitions * BATCH_RECORDS / RATE)
        bench.run(f"{PROBE} spread {broker.address} Spread {BATCH_BYTES} {RATE} {warm}")
        turn = bench.run(f"{PROBE} spread {broker.address} Spread {BATCH_BYTES} {RATE} {seconds}", watch=broker.process.pid)
    sent, took = map(float, turn.out.split())
    return turn.broker_cpu / (sent / 1e6), sent / took, turn.peak_mib


def over_partitions(bench, flags):
    counts = [1, 100, 1000] if bench.quick else [1, 10, 100, 1000, 5000]
    seconds = 2 if bench.quick else 6
    found = []
    for count in counts:
        cost, rate, peak = spread(bench, count, flags, seconds)
        name = f"{count:,} partition" + ("s" if count > 1 else "")
        found.append(bench.found(name, "CPU-s per million", [cost], better="lower"))
        bench.told(f"{name}: records a second of {RATE:,} asked for", rate)
        bench.told(f"{name}: memory at its peak", peak, "MiB")
    return ratio(found[-1], found[0])


@row("partitions", "1 to 5,000 partitions, the same total rate, batches of 16 KiB, policy os")
def _(bench):
    bench.at_most("cost per record, from end to end", over_partitions(bench, OS), END_TO_END, "times")


@row("partitions-fsync", "1 to 5,000 partitions, the same total rate, batches of 16 KiB, policy fsync (the default)")
def _(bench):
    bench.at_most("cost per record, from end to end", over_partitions(bench, []), END_TO_END, "times", judged=False)


@row("big", "1 to 20 GB in one partition")
def _(bench):
    last = 6 if bench.quick else 20
    bench.need_space(last + 2)
    gigabyte = f"for n in $(seq 10); do cat {bench.lines(1_000_000)}; done"
    # What the machine does once so much is written, without any broker.
    with Bare(bench.home / "bare.log") as server:
        bare = Growth(bench, "the bare minimum")
        for _ in range(last):
            bare.by_one(f"{gigabyte} | {BARE} produce {server.address}", server.process.pid)
        bare_ends = bare.ends()
    broker = bench.start(bench.rafka(*OS))
    address, pid = broker.address, broker.process.pid
    bench.run(f"rafka-admin -b {address} create-topic Big")
    began = int(time.time() * 1000)
    rafka, lookups = Growth(bench, "rafka-produce"), []
    for size in range(1, last + 1):
        rafka.by_one(f"{gigabyte} | rafka-produce -b {address} Big", pid)
        if size in (1, last):
            offsets = lookup(bench, address, pid, f"offsets {address} Big {SAMPLES}")
            times = lookup(bench, address, pid, f"times {address} Big {SAMPLES} {began} {int(time.time() * 1000) - 1000}")
            lookups.append((offsets, times))
    bench.at_least(f"the rate of GB {last - 2} to {last} against GB 1 to 3", rafka.ends(), 0.9, "times")
    bench.told("the same of the bare minimum", bare_ends, "times")
    for at, (kind, limit) in enumerate((("offset", OFFSET_PAGES), ("time", TIME_PAGES))):
        pages = [each[at][0] for each in lookups]
        bench.at_most(f"pages read to find one {kind}, at {last} GB", pages[-1], limit)
        bench.at_most(f"the same against 1 GB ({kind})", max(pages[-1], 1) / max(pages[0], 1), END_TO_END, "times")
        bench.told(f"pages read to find one {kind}, at 1 GB", pages[0])
        bench.told(f"CPU to find one {kind}, at {last} GB", lookups[-1][at][1], "ms")
    bench.at_most(f"broker memory with {last} GB", memory_mib(pid), MEMORY_MIB, "MiB")
    bench.notes.append("Pages are those that the broker read for itself; the batch that it sends is not among them.")


class Growth:
    """One gigabyte after the other into one log."""

    def __init__(self, bench, name):
        self.bench, self.name, self.turns = bench, name, []

    def by_one(self, command, pid):
        # The disk is idle before what is timed.
        self.bench.run("sync")
        self.turns.append(self.bench.run(command, watch=pid))

    def ends(self):
        """The rate of the last three against that of the first three."""
        found = []
        for first in (0, (len(self.turns) - 3) // 2, len(self.turns) - 3):
            turns = self.turns[first : first + 3]
            name = f"{self.name}, GB {first + 1} to {first + 3}"
            found.append(self.bench.found(name, "M lines/s", [10 / turn.seconds for turn in turns], turns))
        return ratio(found[-1], found[0])


def lookup(bench, address, pid, command):
    """Pages read and milliseconds of CPU for one lookup."""
    before, cpu = io_counts(pid)["rchar"], cpu_seconds(pid)
    answered = int(bench.run(f"{PROBE} {command}").out)
    # What goes out by sendfile is counted as read, too, and so are requests by some kernels.
    read = max(0, io_counts(pid)["rchar"] - before - answered)
    return read / PAGE_BYTES / SAMPLES, (cpu_seconds(pid) - cpu) * 1000 / SAMPLES
