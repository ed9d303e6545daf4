#!/usr/bin/env python3
"""Kafka's kafka-topics.sh as librdkafka's tests call it, by way of rafka-admin."""

import argparse
import subprocess
import sys

parser = argparse.ArgumentParser()
parser.add_argument("--bootstrap-server", required=True)
parser.add_argument("--topic", required=True)
parser.add_argument("--partitions")
parser.add_argument("--replication-factor")
parser.add_argument("--config", action="append", default=[])
what = parser.add_mutually_exclusive_group(required=True)
for name in ("--create", "--alter", "--delete"):
    what.add_argument(name, action="store_true")
asked = parser.parse_args()

if asked.create:
    words = ["create-topic", asked.topic]
    words += ["-p", asked.partitions] if asked.partitions else []
    words += ["--replicas", asked.replication_factor] if asked.replication_factor else []
    words += [word for setting in asked.config for word in ("--setting", setting)]
elif asked.alter:
    words = ["add-partitions", asked.topic, "--to", asked.partitions]
else:
    words = ["delete-topic", asked.topic, "-y"]
sys.exit(subprocess.call(["rafka-admin", "-b", asked.bootstrap_server, *words]))
