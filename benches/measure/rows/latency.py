"""How long one record takes: to its ack, and to the standard output of who follows."""

import subprocess

from support.checks import Failure
from support.commands import environment, need

from .. import machine
from ..bench import numbers, percentile, ratio
from ..processes import Bare
from .row import row
from .throughput import OS

BARE, PROBE = machine.example("bare"), machine.example("probe")
RATE = 1000
LIBRDKAFKA_P99_MS = 1.0
# kcat reads its input in pieces of so many bytes, and does nothing before one is full: such a piece is one line here.
KCAT_READS = 1024
ARRIVED_WITHIN_S = 60


def count(bench):
    return 1000 if bench.quick else 5000


def found(bench, name, taken):
    """The p50 and the p99 of each turn, in milliseconds."""
    return [
        bench.found(f"{name}, p{percent}", "ms", [percentile(times, percent) / 1000 for times in taken], better="lower")
        for percent in (50, 99)
    ]


def paced(bench, broker, topic="Paced"):
    return lambda _: numbers(bench.run(f"{PROBE} paced {broker.address} {topic} {RATE} {count(bench)}").out.decode())


def bare_paced(bench, *flags):
    def run(_):
        with Bare(bench.home / "bare.log", *flags) as server:
            return numbers(bench.run(f"{BARE} paced {server.address} {RATE} {count(bench)}").out.decode())

    return run


def with_topic(bench, broker, topic="Paced"):
    bench.run(f"rafka-admin -b {broker.address} create-topic {topic}")
    return broker


@row("ack-os", "produce to ack, 1,000 records a second, policy os")
def _(bench):
    broker = with_topic(bench, bench.start(bench.rafka(*OS)))
    kafka = bench.kafka()
    contenders = {"bare minimum": bare_paced(bench), "rafka": paced(bench, broker)}
    if kafka:
        contenders["Apache Kafka"] = paced(bench, with_topic(bench, kafka))
    taken = bench.take_turns(contenders, turns=3 if bench.quick else 4)
    series = {name: found(bench, name, turns) for name, turns in taken.items()}
    bench.at_most("times the bare minimum, p50", ratio(series["rafka"][0], series["bare minimum"][0]), 1.5)
    bench.at_most("times the bare minimum, p99", ratio(series["rafka"][1], series["bare minimum"][1]), 2)


@row("ack-fsync", "produce to ack, 1,000 records a second, policy fsync (the default)")
def _(bench):
    broker = with_topic(bench, bench.start(bench.rafka()))
    contenders = {
        "appending 4 KiB fdatasync": lambda turn: numbers(bench.run(f"{BARE} syncs syncs-{turn} {count(bench)}").out.decode()),
        "bare minimum, fdatasync": bare_paced(bench, "--fdatasync"),
        "rafka": paced(bench, broker),
    }
    taken = bench.take_turns(contenders, turns=3 if bench.quick else 4)
    series = {name: found(bench, name, turns) for name, turns in taken.items()}
    bench.at_most("times one appending 4 KiB fdatasync, p50", ratio(series["rafka"][0], series["appending 4 KiB fdatasync"][0]), 1.5)
    bench.told("times the bare minimum with fdatasync, p50", ratio(series["rafka"][0], series["bare minimum, fdatasync"][0]))


@row("through", "produce to a following consumer's standard output, policy os")
def _(bench):
    need("kcat")
    broker = bench.start(bench.rafka(*OS))

    def bare(_):
        with Bare(bench.home / "bare.log") as server:
            return through(bench, f"{BARE} consume {server.address} --follow", f"{BARE} paced {server.address} {RATE} {count(bench)} > /dev/null")

    def rafka(turn):
        topic = f"Follow{turn}"
        with_topic(bench, broker, topic)
        return through(bench, f"rafka-consume -b {broker.address} -f {topic}", f"{PROBE} paced {broker.address} {topic} {RATE} {count(bench)} > /dev/null")

    def librdkafka(turn):
        topic = f"Kcat{turn}"
        with_topic(bench, broker, topic)
        follow = f"kcat -C -b {broker.address} -t {topic} -o beginning -u -q"
        return through(bench, follow, f"{BARE} lines {RATE} {count(bench)} {KCAT_READS - 1} | kcat -P -b {broker.address} -t {topic} -X linger.ms=0")

    taken = bench.take_turns({"bare minimum": bare, "rafka-consume -f": rafka, "kcat to kcat": librdkafka}, turns=3 if bench.quick else 4)
    series = {name: found(bench, name, turns) for name, turns in taken.items()}
    for at, percent in enumerate((50, 99)):
        bench.at_most(f"times the bare minimum, p{percent}", ratio(series["rafka-consume -f"][at], series["bare minimum"][at]), 2)
    bench.at_most("through librdkafka, p99", series["kcat to kcat"][1].median, LIBRDKAFKA_P99_MS, "ms")
    bench.notes.append(
        "kcat produces with linger.ms=0 (its default of 5 ms waits for more records before it sends any) and gets lines of "
        f"{KCAT_READS:,} bytes, because it reads its input in pieces of so many and waits until one is full."
    )


def through(bench, follow, produce):
    """The ages of the records when `follow` prints them."""
    total = count(bench)
    reader = subprocess.Popen(["bash", "-c", f"exec {follow}"], env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    arrivals = subprocess.Popen([BARE, "arrivals", str(total)], stdin=reader.stdout, stdout=subprocess.PIPE)
    try:
        bench.run(produce)
        out, _ = arrivals.communicate(timeout=ARRIVED_WITHIN_S)
    except subprocess.TimeoutExpired:
        raise Failure(f"not all records came out of: {follow}") from None
    finally:
        for process in (reader, arrivals):
            process.kill()
            process.wait()
            process.stdout.close()
    # The first records can come before the follower follows: they are not counted.
    return numbers(out.decode())[total // 10 :]
