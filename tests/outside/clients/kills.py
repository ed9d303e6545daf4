"""librdkafka against a broker that is killed again and again: `kills.py ROUNDS HOME [SEED]`.

Starts rafka-server on HOME, loads it with an idempotent producer, a plain one (acks=all, one request at a time) and a
group that commits, kills it (SIGKILL) at random moments, freezes it (SIGSTOP, SIGCONT) before some of the kills, and
starts it again. After every round each acknowledged record must be at its offset, every offset must have its record,
each producer's records must stand in its order, the idempotent one's once, and committed offsets must not have gone
back. Prints a line a round, and `kills: fine` with figures in the end.
"""

import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from support.brokers import RafkaServer, port_below_ephemeral

ACKNOWLEDGED_A_ROUND = 500
PARTITIONS = 3
GROUP = "kills"
OUTSTANDING_MAX = 400
LONG_FREEZE = 1.3  # longer than the producers wait for an answer
PATIENCE = 60

rounds, home = int(sys.argv[1]), sys.argv[2]
chance = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else None)
# The codec of each round's producers; one of each kind lives through all rounds.
common = {
    "broker.address.family": "v4",
    "reconnect.backoff.ms": 10,
    "reconnect.backoff.max.ms": 100,
    "topic.metadata.refresh.fast.interval.ms": 50,
    "socket.timeout.ms": 1000,
}


class Lost(Exception):
    pass


class Sender:
    """A producer, and what it was promised: (partition, offset) of each acknowledged record, by callback."""

    def __init__(self, address, topic, **settings):
        self.topic, self.sent, self.acknowledged, self.promises, self.trouble = topic, 0, 0, [], None
        self.producer = Producer(
            {
                **common,
                "bootstrap.servers": address,
                "acks": "all",
                "linger.ms": 2,
                "retry.backoff.ms": 10,
                "retry.backoff.max.ms": 100,
                "message.send.max.retries": 2**31 - 1,
                "message.timeout.ms": 600_000,
                "error_cb": self.error,
                **settings,
            }
        )

    def error(self, error):
        if error.fatal():
            self.trouble = error

    def send(self):
        for _ in range(min(chance.randint(1, 60), OUTSTANDING_MAX - (self.sent - self.acknowledged))):
            number = self.sent
            value = b"%d %s" % (number, b"x" * (number * 7919 % 400))
            self.producer.produce(self.topic, value, partition=number % PARTITIONS, on_delivery=self.told)
            self.sent += 1
        self.producer.poll(0)

    def told(self, error, message):
        if error:
            self.trouble = error
        else:
            self.acknowledged += 1
            self.promises.append((message.partition(), message.offset(), message.value()))


class Reader(threading.Thread):
    """A group that reads on and commits, and remembers what it asked for and what was confirmed."""

    def __init__(self, address, topics):
        super().__init__(daemon=True)
        self.over, self.commits = threading.Event(), 0
        self.asked, self.confirmed, self.seen = {}, {}, []
        # What a frozen broker still has to do must not come after a later commit: this one waits.
        settings = {"group.id": GROUP, "auto.offset.reset": "earliest", "enable.auto.commit": False, "socket.timeout.ms": PATIENCE * 1000}
        self.consumer = Consumer({**common, "bootstrap.servers": address, **settings})
        self.consumer.assign([TopicPartition(topic, n, 0) for topic in topics for n in range(PARTITIONS)])

    def run(self):
        at = {}
        while not self.over.is_set():
            for message in self.consumer.consume(200, 0.02):
                if not message.error():
                    at[message.topic(), message.partition()] = message.offset() + 1
                    self.seen.append((message.topic(), message.partition(), message.offset(), message.value()))
            if sum(at.values()) < sum(self.asked.values()) + 100:
                continue
            self.asked = dict(at)
            try:
                self.consumer.commit(offsets=[TopicPartition(*place, offset) for place, offset in at.items()], asynchronous=False)
            except KafkaException:
                continue
            self.confirmed, self.commits = dict(self.asked), self.commits + 1
        self.consumer.close()


class Log:
    """What each partition held when it was last read, and what has been judged of it."""

    def __init__(self, senders):
        self.senders = senders
        self.values = {(s.topic, n): [] for s in senders for n in range(PARTITIONS)}
        self.next = {place: place[1] for place in self.values}
        self.verified = self.repeated = 0

    def read(self, address, whole=False):
        """Reads on to the ends as they are now; with `whole`, everything again, which must be the same."""
        reader = Consumer({**common, "bootstrap.servers": address, "group.id": "reads-back", "enable.auto.commit": False, "check.crcs": True})
        had = {} if not whole else self.values
        if whole:
            self.values = {place: [] for place in had}
            self.next = {place: place[1] for place in had}
        ends, starts = {}, []
        for place, values in self.values.items():
            low, high = reader.get_watermark_offsets(TopicPartition(*place), timeout=PATIENCE)
            if low != 0 or high < len(values):
                raise Lost(f"{place} has offsets {low} to {high}, and had {len(values)} records")
            ends[place] = high
            starts.append(TopicPartition(*place, len(values)))
        reader.assign(starts)
        deadline = time.monotonic() + PATIENCE
        while any(len(self.values[place]) < end for place, end in ends.items()):
            for message in reader.consume(10_000, 0.2):
                if message.error():
                    raise KafkaException(message.error())
                self.take((message.topic(), message.partition()), message.offset(), message.value())
            if time.monotonic() > deadline:
                raise Lost(f"after {PATIENCE} s of {ends} only {({p: len(v) for p, v in self.values.items()})} could be read")
        reader.close()
        for place, values in had.items():
            if self.values[place][: len(values)] != values:
                raise Lost(f"{place} is not what it was")

    def take(self, place, offset, value):
        if offset != len(self.values[place]):
            raise Lost(f"{place}: offset {offset} comes where {len(self.values[place])} was due")
        self.values[place].append(value)
        number = int(value.split(b" ", 1)[0])
        if number == self.next[place]:
            self.next[place] += PARTITIONS
        elif number > self.next[place]:
            raise Lost(f"{place}: at offset {offset} comes record {number}, and {self.next[place]} is not there")
        elif "once" in place[0]:
            raise Lost(f"{place}: record {number} of the idempotent producer is there again at offset {offset}")
        else:
            self.repeated += 1

    def check(self, topic, partition, offset, value, how):
        values = self.values[topic, partition]
        found = values[offset] if offset < len(values) else None
        if found != value:
            raise Lost(f"{topic}/{partition}: {value[:40]!r} was {how} at offset {offset}, where there is {found and found[:40]!r}")

    def judge(self, promises, seen):
        for sender, kept in zip(self.senders, promises):
            for partition, offset, value in kept:
                # librdkafka learns no offset when the broker only knows that it has the batch.
                if offset >= 0:
                    self.check(sender.topic, partition, offset, value, "acknowledged")
                elif int(value.split(b" ", 1)[0]) >= self.next[sender.topic, partition]:
                    raise Lost(f"{sender.topic}/{partition}: {value[:40]!r} was acknowledged and is nowhere")
                self.verified += 1
        for topic, partition, offset, value in seen:
            self.check(topic, partition, offset, value, "read")


def committed(address, confirmed, reader):
    """Committed offsets are at what was confirmed, or further on where more was asked for."""
    looker = Consumer({**common, "bootstrap.servers": address, "group.id": GROUP})
    found = looker.committed([TopicPartition(*place) for place in confirmed], timeout=PATIENCE) if confirmed else []
    looker.close()
    for one in found:
        place = (one.topic, one.partition)
        if not confirmed[place] <= one.offset <= reader.asked[place]:
            raise Lost(f"{place}: the group had committed {confirmed[place]}, and has {one.offset}")


def drain(items):
    """Takes what is in a list that callbacks append to."""
    taken = items[:]
    del items[: len(taken)]
    return taken


def main():
    broker = RafkaServer("-X", "log.segment.bytes=100000", "-X", "log.flush.offset.checkpoint.interval.ms=500", home=home)
    broker.address = f"127.0.0.1:{port_below_ephemeral(chance)}"
    broker.start()
    address = broker.address
    once = Sender(address, "once", **{"enable.idempotence": True})
    plain = Sender(address, "plain", **{"max.in.flight": 1, "compression.type": "lz4"})
    senders = [once, plain]
    admin = AdminClient({**common, "bootstrap.servers": address})
    for created in admin.create_topics([NewTopic(s.topic, PARTITIONS, 1) for s in senders]).values():
        created.result(20)
    reader, log = Reader(address, [s.topic for s in senders]), Log(senders)
    reader.start()
    least, kills, freezes, began = None, 0, 0, time.monotonic()

    def load(wanted):
        before, deadline = sum(s.acknowledged for s in senders), time.monotonic() + PATIENCE
        while sum(s.acknowledged for s in senders) - before < wanted:
            for sender in senders:
                sender.send()
                if sender.trouble:
                    raise Lost(f"the producer of {sender.topic} gave up: {sender.trouble}")
            broker.check_alive()
            time.sleep(0.002)
            if time.monotonic() > deadline:
                raise Lost(f"within {PATIENCE} s no {wanted} records were acknowledged")
        return sum(s.acknowledged for s in senders) - before

    try:
        for number in range(1, rounds + 1):
            round_began = time.monotonic()
            acknowledged = load(chance.randint(ACKNOWLEDGED_A_ROUND, 2 * ACKNOWLEDGED_A_ROUND))
            frozen = chance.random() < 0.25
            if frozen:
                freezes += 1
                broker.freeze(LONG_FREEZE if chance.random() < 0.25 else chance.random() * 0.3)
                load(1)
            time.sleep(chance.random() * 0.02)
            broker.kill()
            kills += 1
            for sender in senders:
                sender.producer.poll(0)
            while chance.random() < 0.25:
                broker.start_and_kill(chance.random() * 0.02)
                kills += 1
            broker.start()
            promises = [drain(s.promises) for s in senders]
            seen, confirmed = drain(reader.seen), dict(reader.confirmed)
            log.read(address, whole=number % 50 == 0 or number == rounds)
            log.judge(promises, seen)
            committed(address, confirmed, reader)
            least = min(acknowledged, least or acknowledged)
            print(f"round {number}: {acknowledged} acknowledged, {'frozen, ' if frozen else ''}killed, {time.monotonic() - round_began:.2f} s", flush=True)
        for sender in senders:
            if sender.producer.flush(PATIENCE):
                raise Lost(f"the producer of {sender.topic} can't finish")
        log.read(address, whole=True)
        log.judge([drain(s.promises) for s in senders], drain(reader.seen))
        if any(s.acknowledged != s.sent for s in senders):
            raise Lost(f"sent {[s.sent for s in senders]}, acknowledged {[s.acknowledged for s in senders]}")
    finally:
        reader.over.set()
        broker.kill()
    reader.join(PATIENCE)
    total = sum(s.acknowledged for s in senders)
    assert log.verified == total, (log.verified, total)
    print(
        f"kills: fine: {rounds} rounds, {kills} kills, {freezes} freezes, {total} acknowledged (at least {least} a round), {log.verified} verified, "
        f"lost 0, {log.repeated} repeated by the plain producer, {reader.commits} commits, {time.monotonic() - began:.0f} s"
    )


try:
    main()
except Lost as what:
    print(f"kills: LOST: {what}", flush=True)
    sys.exit(1)
