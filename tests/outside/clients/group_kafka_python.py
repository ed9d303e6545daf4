"""A member of a group through kafka-python: BROKER TOPIC GROUP. Prints and ends as group_confluent.py does."""

import signal
import sys

from kafka import KafkaConsumer

broker, topic, group = sys.argv[1:]
ending = []
signal.signal(signal.SIGTERM, lambda *_: ending.append(True))
member = KafkaConsumer(
    topic,
    bootstrap_servers=broker,
    group_id=group,
    auto_offset_reset="earliest",
    auto_commit_interval_ms=200,
    session_timeout_ms=6000,
    heartbeat_interval_ms=1000,
    reconnect_backoff_max_ms=500,
)
had = None
while not ending:
    # Not shorter: in 3.0.12 a leader whose poll ends between its assignment and SyncGroup's answer, when it joined anew because of
    # metadata, takes itself to have joined: it drops the answer, never heartbeats again and owns nothing.
    records = member.poll(timeout_ms=2000)
    has = sorted(place.partition for place in member.assignment())
    if has != had:
        print("owns", *has, flush=True)
        had = has
    for of_partition in records.values():
        for record in of_partition:
            print("read", record.value.decode(), flush=True)
member.close()
