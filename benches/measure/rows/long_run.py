"""Ten minutes under load: keyed records from eight producers, while retention deletes."""

import os
import signal
import subprocess
import time

from support.commands import environment

from ..processes import Watched, io_counts
from .row import row
from .throughput import MEMORY_MIB, OS, produced, rates

PRODUCERS, PARTITIONS = 8, 6
MINUTES = 10
OF_ONE_PARTITION, OF_ITSELF = 0.5, 0.5
SEGMENT_BYTES, RETENTION_BYTES = 256 << 20, 512 << 20
# What two producers' lines take in the log, so that bytes written can be told as records.
KEY_BYTES = 8


@row("long", "keyed, six partitions, eight producers at once, retention deleting, ten minutes, policy os", is_long=True)
def _(bench):
    seconds = 60 if bench.quick else 60 * MINUTES
    bench.need_space(12)
    single = one_partition(bench)
    keyed, record_bytes = keyed_lines(bench)
    broker = bench.start(bench.rafka(*OS, "-X", "log.retention.check.interval.ms=1000"))
    settings = f"--setting segment.bytes={SEGMENT_BYTES} --setting retention.bytes={RETENTION_BYTES}"
    bench.run(f"rafka-admin -b {broker.address} create-topic Long -p {PARTITIONS} {settings}")
    pid = broker.process.pid
    producers = [start_producer(broker.address, keyed) for _ in range(PRODUCERS)]
    try:
        with Watched(pid) as watched:
            per_second = written_each_second(pid, seconds, producers)
    finally:
        for producer in producers:
            os.killpg(producer.pid, signal.SIGKILL)
            producer.wait()
    rate = [written / record_bytes / 1e6 for written in per_second]
    series = bench.found("each second", "M lines/s", rate)
    bench.at_least("of the one-partition rate", sum(rate) / len(rate) / single.median, OF_ONE_PARTITION)
    bench.at_least("the slowest second, of the mean", min(rate) * len(rate) / sum(rate), OF_ITSELF)
    bench.told("broker CPU per million records", watched.cpu / sum(rate), "s")
    bench.at_most("broker memory at its peak", watched.peak_mib, MEMORY_MIB, "MiB")
    bench.told("seconds measured", len(series.values))


def one_partition(bench):
    """What one producer does into one partition, in the same run."""
    count = 1_000_000 if bench.quick else 5_000_000
    with bench.rafka(*OS) as broker:
        taken = bench.take_turns({"one partition": produced(bench, broker, bench.lines(count))}, turns=3)
    return rates(bench, "one partition", count, taken["one partition"])


def keyed_lines(bench):
    """Lines of a key, a TAB and 100 bytes; and what such a record takes in the log."""
    path = bench.home / "keyed"
    with open(path, "wb") as file:
        for _ in range(500_000):
            file.write(b"%0*x\t%0100x\n" % (KEY_BYTES, bench.chance.getrandbits(4 * KEY_BYTES), bench.chance.getrandbits(400)))
    # Length, attributes, time and offset deltas, the key's and the value's length, headers: in a batch of thousands.
    return path, KEY_BYTES + 100 + 2 + 1 + 1 + 2 + 1 + 2 + 1


def start_producer(address, keyed):
    command = f"while cat {keyed}; do :; done | rafka-produce -b {address} -K '\\t' Long"
    return subprocess.Popen(["bash", "-c", command], env=environment(), stdin=subprocess.DEVNULL, start_new_session=True)


def written_each_second(pid, seconds, producers):
    """Bytes that the broker wrote in each second; the first five, in which all begin, are left out."""
    found = []
    time.sleep(5)
    last = io_counts(pid)["wchar"]
    due = time.monotonic()
    for _ in range(seconds):
        due += 1
        time.sleep(max(0, due - time.monotonic()))
        now = io_counts(pid)["wchar"]
        found.append(now - last)
        last = now
        ended = [producer for producer in producers if producer.poll() is not None]
        if ended:
            raise subprocess.SubprocessError(f"{len(ended)} of the producers ended")
    return found
