"""A member of a group through confluent-kafka (librdkafka): BROKER TOPIC GROUP [SETTING=VALUE...].

Prints `owns N N ...` whenever it has other partitions than before, and `read VALUE` for each record. Ends on SIGTERM."""

import signal
import sys

from confluent_kafka import Consumer, KafkaError

broker, topic, group, *settings = sys.argv[1:]
ending = []
signal.signal(signal.SIGTERM, lambda *_: ending.append(True))
member = Consumer(
    {
        "bootstrap.servers": broker,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "auto.commit.interval.ms": 200,
        "reconnect.backoff.max.ms": 500,
        **dict(setting.split("=", 1) for setting in settings),
    }
)
member.subscribe([topic])
had = None
while not ending:
    message = member.poll(0.1)
    has = sorted(place.partition for place in member.assignment())
    if has != had:
        print("owns", *has, flush=True)
        had = has
    if message is None:
        continue
    if not message.error():
        print("read", message.value().decode(), flush=True)
    elif message.error().fatal():
        sys.exit(f"fatal: {message.error()}")
    elif message.error().code() not in (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT):
        print(message.error(), file=sys.stderr, flush=True)
member.close()
