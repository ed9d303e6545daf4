"""confluent-kafka as a program: see README.md for what it takes and prints."""

import sys
import threading

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition


def settings(broker, **more):
    return {"bootstrap.servers": broker, "broker.address.family": "v4", **{k.replace("_", "."): v for k, v in more.items()}}


def produce(broker, topic, codec):
    failed = []
    producer = Producer(settings(broker, enable_idempotence=True, compression_type=codec, linger_ms=50))
    for line in sys.stdin:
        key, _, value = line.rstrip("\n").partition(":")
        producer.produce(topic, key=key, value=value, on_delivery=lambda error, _: failed.append(error) if error else None)
    unsent = producer.flush(30)
    if failed or unsent:
        sys.exit(f"confluent-kafka: {unsent} not sent, {len(failed)} failed: {failed[:1]}")


def messages(consumer, ended):
    while not ended():
        message = consumer.poll(0.2)
        if message is None:
            continue
        if message.error():
            raise KafkaException(message.error())
        print(f"{message.key().decode()}:{message.value().decode()}", flush=True)
        yield message


def consume(broker, topic, count):
    left = int(count)
    consumer = Consumer(settings(broker, group_id="unused", auto_offset_reset="earliest", check_crcs=True))
    partitions = consumer.list_topics(topic, 10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, n, 0) for n in partitions])
    reading = messages(consumer, lambda: False)
    for _ in range(left):
        next(reading)
    consumer.close()


def group(broker, topic, name):
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    more = {} if name.startswith("classic") else {"group_protocol": "consumer"}
    if not more:
        more = {"session_timeout_ms": 10000, "heartbeat_interval_ms": 500}
    consumer = Consumer(settings(broker, group_id=name, auto_offset_reset="earliest", enable_auto_commit=False, **more))
    consumer.subscribe([topic])
    for message in messages(consumer, ended.is_set):
        consumer.commit(message, asynchronous=False)
    consumer.close()


{"produce": produce, "consume": consume, "group": group}[sys.argv[1]](*sys.argv[2:])
