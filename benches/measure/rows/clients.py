"""Other people's clients: as fast as against a broker that does nothing with their records."""

import os
import re

from support.checks import Failure
from support.commands import need
from support.kafka import java

from ..bench import ratio
from ..processes import KAFKA_OPTIONS, NullBroker
from .row import row
from .throughput import OS, Topics, rates

WITHIN = 0.95
RECORD_BYTES = 100
KCAT_QUEUE = "-X queued.min.messages=10000000 -X queued.max.messages.kbytes=2000000"
UNSTOPPED = ", with room in its queue"
TOOL_HEAP = "512m"  # bin/kafka-producer-perf-test.sh and its brother


def brokers(bench, *null_flags):
    """Who takes part, in the order of the turns."""
    found = {
        "null broker": bench.start(NullBroker(*null_flags)),
        "policy os": bench.start(bench.rafka(*OS)),
        "policy fsync": bench.start(bench.rafka()),
        "Apache Kafka": bench.kafka(),
    }
    return {name: broker for name, broker in found.items() if broker}


def judge(bench, found):
    null, fsync = found["null broker"], found["policy fsync"]
    bench.at_least("of the null broker's rate, policy os", ratio(found["policy os"], null), WITHIN)
    bench.at_least("of the null broker's rate, policy fsync", ratio(fsync, null), WITHIN)
    if "Apache Kafka" in found:
        bench.told("times Apache Kafka's default, policy fsync", ratio(fsync, found["Apache Kafka"]))


def into_each(bench, command, count, rate=None):
    """A turn is one run of `command` into a new topic; its rate is what it says itself, or that of its wall time."""
    taken = bench.take_turns({name: turn_in(bench, broker, command) for name, broker in brokers(bench).items()})
    return {name: series(bench, name, turns, count, rate) for name, turns in taken.items()}


def turn_in(bench, broker, command):
    topics = Topics(bench, broker)
    return lambda _: topics.once(command)


def from_each(bench, commands, count, rate=None):
    """As `into_each`, from a topic that is filled once; for each of `commands`, by what is added to a broker's name."""
    lines = bench.lines(count, RECORD_BYTES)
    found = brokers(bench, "--keep")
    for broker in found.values():
        bench.run(f"rafka-admin -b {broker.address} create-topic Back && cat {lines} | rafka-produce -b {broker.address} Back")
    contenders = {
        name + added: turn_from(bench, broker, command) for added, command in commands.items() for name, broker in found.items()
    }
    os.sync()
    taken = bench.take_turns(contenders)
    return {name: series(bench, name, turns, count, rate) for name, turns in taken.items()}


def turn_from(bench, broker, command):
    return lambda turn: bench.run(f"B={broker.address} T=Back N={turn}; {command}", watch=broker.process.pid)


def series(bench, name, turns, count, rate):
    if rate is None:
        return rates(bench, name, count, turns)
    return bench.found(name, "M records/s", [rate(turn.out.decode()) / 1e6 for turn in turns], turns)


@row("kcat-in", "`kcat -P`, lines of 100 bytes")
def _(bench):
    need("kcat")
    count = 500_000 if bench.quick else 2_000_000
    lines = bench.lines(count, RECORD_BYTES)
    judge(bench, into_each(bench, f"cat {lines} | kcat -P -b $B -t $T", count))


@row("kcat-out", "`kcat -C`, lines of 100 bytes back")
def _(bench):
    need("kcat")
    count = 500_000 if bench.quick else 2_000_000
    options = {"": "", UNSTOPPED: KCAT_QUEUE}
    commands = {added: f"kcat -C {more} -b $B -t $T -o beginning -e -q > /dev/null" for added, more in options.items()}
    found = from_each(bench, commands, count)
    judge(bench, found)
    bench.at_least(f"the same{UNSTOPPED}, policy os", ratio(found[f"policy os{UNSTOPPED}"], found[f"null broker{UNSTOPPED}"]), WITHIN, judged=False)
    bench.notes.append(
        "librdkafka asks for no more once 100,000 records wait in its queue, and looks at the queue again up to a second later, "
        "when it has long been empty. Whether that happens is chance, and the more likely the faster the broker answers. With room in "
        "the queue it does not happen."
    )


@row("java-in", "Java's ProducerPerformance, records of 100 bytes")
def _(bench):
    count = 500_000 if bench.quick else 3_000_000
    tool = java("org.apache.kafka.tools.ProducerPerformance", heap=TOOL_HEAP, options=KAFKA_OPTIONS)
    options = f"--topic $T --num-records {count} --record-size {RECORD_BYTES} --throughput -1 --producer-props bootstrap.servers=$B"
    judge(bench, into_each(bench, f"{tool} {options}", count, producer_rate))


@row("java-out", "Java's ConsumerPerformance, records of 100 bytes back")
def _(bench):
    count = 500_000 if bench.quick else 3_000_000
    tool = java("org.apache.kafka.tools.ConsumerPerformance", heap=TOOL_HEAP, options=KAFKA_OPTIONS)
    options = f"--topic $T --bootstrap-server $B --messages {count} --group Group$N --timeout 60000"
    judge(bench, from_each(bench, {"": f"{tool} {options}"}, count, consumer_rate))


def producer_rate(text):
    """Of its last line: `N records sent, R records/sec (...), ...`."""
    found = re.findall(r"records sent, ([\d.]+) records/sec", text)
    if not found:
        raise Failure(f"ProducerPerformance printed no rate:\n{text[-1000:]}")
    return float(found[-1])


def consumer_rate(text):
    """Of the column fetch.nMsg.sec: the time in the group's first rebalance is not counted."""
    lines = [line for line in text.splitlines() if "," in line]
    heads = next((line for line in lines if "fetch.nMsg.sec" in line), None)
    if heads is None:
        raise Failure(f"ConsumerPerformance printed no table:\n{text[-1000:]}")
    column = [head.strip() for head in heads.split(",")].index("fetch.nMsg.sec")
    return float(lines[-1].split(",")[column])
