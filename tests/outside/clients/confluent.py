"""confluent-kafka (librdkafka) against the broker named as the only argument; prints `confluent-kafka: fine` in the end."""

import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

broker = sys.argv[1]
topic = f"Confluent-{time.time_ns()}"
count = 1000
common = {"bootstrap.servers": broker, "broker.address.family": "v4"}

admin = AdminClient(common)
admin.create_topics([NewTopic(topic, num_partitions=3, replication_factor=1, config={"retention.ms": "7777777"})])[topic].result(20)
resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
assert admin.describe_configs([resource])[resource].result(20)["retention.ms"].value == "7777777"

failed, places = [], []
for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:
    producer = Producer({**common, "enable.idempotence": True, "compression.type": codec, "linger.ms": 5})
    for i in range(count // 5):
        producer.produce(
            topic,
            key=b"k%d" % (i % 10),
            value=f"{codec} {i} padding padding".encode(),
            headers=[("n", b"%d" % i), ("n", None)],
            on_delivery=lambda error, message: failed.append(error) if error else places.append(message.offset()),
        )
    assert producer.flush(30) == 0
assert not failed and len(places) == count, (failed[:3], len(places))


def consumer():
    return Consumer({**common, "group.id": "confluent-group", "auto.offset.reset": "earliest", "enable.auto.commit": False, "check.crcs": True})


reader = consumer()
low_high = [reader.get_watermark_offsets(TopicPartition(topic, n), timeout=10) for n in range(3)]
assert sum(high - low for low, high in low_high) == count, low_high
reader.assign([TopicPartition(topic, n, 0) for n in range(3)])
seen, deadline = {}, time.monotonic() + 30
while len(seen) < count and time.monotonic() < deadline:
    message = reader.poll(1)
    if message is None:
        continue
    if message.error():
        raise KafkaException(message.error())
    seen[message.value()] = message
assert len(seen) == count, len(seen)
message = seen[b"lz4 3 padding padding"]
assert (message.key(), message.headers()) == (b"k3", [("n", b"3"), ("n", None)]), message.headers()
found = reader.offsets_for_times([TopicPartition(topic, 0, 1000)], timeout=10)
assert found[0].offset == 0, found
reader.commit(offsets=[TopicPartition(topic, 1, low_high[1][1], metadata="note")], asynchronous=False)
reader.close()

again = consumer()
committed = again.committed([TopicPartition(topic, n) for n in range(3)], timeout=10)
assert committed[1].offset == low_high[1][1] and committed[1].metadata == "note", committed
assert committed[0].offset < 0, committed
again.close()
admin.delete_topics([topic])[topic].result(20)
print("confluent-kafka: fine")
