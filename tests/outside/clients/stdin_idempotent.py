"""kafka-python's idempotent producer: each line of stdin a record of TOPIC; exit 0 when all are acknowledged."""

import sys

from kafka import KafkaProducer

broker, topic = sys.argv[1:]
producer = KafkaProducer(
    bootstrap_servers=broker, acks="all", enable_idempotence=True, linger_ms=5, reconnect_backoff_max_ms=500, metadata_max_age_ms=1000
)
sent = [producer.send(topic, line.rstrip(b"\n")) for line in sys.stdin.buffer]
for future in sent:
    future.get(60)
producer.close()
