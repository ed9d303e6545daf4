"""A group as confluent-kafka's administration sees it: its state, partitions of each member, committed offsets and lags, as JSON."""

import json
import sys

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

broker, group = sys.argv[1:]
admin = AdminClient({"bootstrap.servers": broker, "broker.address.family": "v4"})
described = admin.describe_consumer_groups([group])[group].result(10)
asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
committed = {(p.topic, p.partition): p.offset for p in asked[group].result(10).topic_partitions}
asked = admin.list_offsets({TopicPartition(*place): OffsetSpec.latest() for place in committed}) if committed else {}
lag = {f"{p.topic}/{p.partition}": future.result(10).offset - committed[p.topic, p.partition] for p, future in asked.items()}
members = sorted(len(member.assignment.topic_partitions) if member.assignment else 0 for member in described.members)
offsets = {f"{topic}/{partition}": offset for (topic, partition), offset in committed.items()}
print(json.dumps({"state": described.state.name, "members": members, "committed": offsets, "lag": lag}))
