"""kafka-python against the broker named as the only argument; prints `kafka-python: fine` in the end."""

import sys
import time

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.structs import OffsetAndMetadata

broker = sys.argv[1]
topic = f"KafkaPython-{time.time_ns()}"
count = 1000

admin = KafkaAdminClient(bootstrap_servers=broker)
admin.create_topics([NewTopic(name=topic, num_partitions=3, replication_factor=1)])
assert topic in admin.list_topics()

before = int(time.time() * 1000)
producer = KafkaProducer(bootstrap_servers=broker, acks="all", enable_idempotence=True, compression_type="gzip", linger_ms=5)
sent = [
    producer.send(topic, key=b"k%d" % (i % 10), value=b"value %d" % i, headers=[("n", b"%d" % i), ("n", b"again")])
    for i in range(count)
]
producer.flush(30)
places = [future.get(10) for future in sent]
assert {place.partition for place in places} <= {0, 1, 2}
producer.close()

partitions = [TopicPartition(topic, n) for n in range(3)]


def consumer(group=None):
    made = KafkaConsumer(
        bootstrap_servers=broker, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest", consumer_timeout_ms=5000
    )
    made.assign(partitions)
    return made


reader = consumer("kafka-python-group")
ends = reader.end_offsets(partitions)
assert sum(ends.values()) == count, ends
seen = {}
for record in reader:
    seen[record.value] = record
    if len(seen) == count:
        break
assert set(seen) == {b"value %d" % i for i in range(count)}
record = seen[b"value 7"]
assert (record.key, list(record.headers)) == (b"k7", [("n", b"7"), ("n", b"again")]), record
assert before - 1000 <= record.timestamp <= int(time.time() * 1000) + 1000
found = reader.offsets_for_times({partitions[0]: before - 1000})
assert found[partitions[0]] is None or found[partitions[0]].offset == 0, found
reader.commit({partitions[0]: OffsetAndMetadata(ends[partitions[0]], "note", -1)})
reader.close()

again = consumer("kafka-python-group")
assert again.committed(partitions[0]) == ends[partitions[0]]
assert again.committed(partitions[1]) is None
again.close()
admin.delete_topics([topic])
admin.close()
print("kafka-python: fine")
