#!/usr/bin/env python3
"""Administration as Kafka has it: the same requests to rafka-server and to Apache Kafka get the same answers, every setting
is described alike, and Java's own tools work."""

import contextlib
import json
import sys
import tempfile

from support import kafka
from support.ask import Asker
from support.brokers import RafkaServer
from support.checks import Skip, Suite, check, contains, equal
from support.commands import sh

NO_ID = "AAAAAAAAAAAAAAAAAAAAAA"
TOPIC, BROKER, LOGGER, METRICS, GROUP = 2, 4, 8, 16, 32
SET, DELETE, APPEND, SUBTRACT = 0, 1, 2, 3


class World:
    def __init__(self, asker, rafka, apache, home):
        self.asker, self.rafka, self.apache, self.home = asker, rafka, apache, home

    def same(self, api, version, body, ignore=()):
        """Asks both; what must be alike is, in whatever order lists come. Gives rafka's answer."""
        theirs, ours = (self.asker.ask(to, api, version, body) for to in (self.apache, self.rafka))
        equal(essence(ours, ignore), essence(theirs, ignore), f"{api} {version} {json.dumps(body)}\n  Rafka says {json.dumps(ours)[:600]}\n  Kafka says {json.dumps(theirs)[:600]}\n")
        return ours

    def described(self, kind, name):
        """Every setting of a resource on both: theirs and ours, by name."""
        body = {"resources": [{"resourceType": kind, "resourceName": name, "configurationKeys": None}], "includeSynonyms": True, "includeDocumentation": True}
        answers = (self.asker.ask(to, "DESCRIBE_CONFIGS", 4, body) for to in (self.apache, self.rafka))
        return ({row["name"]: row for row in answer["results"][0]["configs"]} for answer in answers)

    def run(self, tool, *arguments, code=0):
        return self.asker.run(tool, "--bootstrap-server", self.rafka, *arguments, code=code)


# Whose text, ids, addresses and sizes they are.
OWN = {"throttleTimeMs", "errorMessage", "topicId", "clusterId", "host", "port", "documentation", "logDir", "totalBytes", "usableBytes", "configs", "partitionSize"}


def essence(answer, ignore=()):
    if isinstance(answer, dict):
        return {name: essence(value, ignore) for name, value in answer.items() if name not in OWN and name not in ignore}
    if isinstance(answer, list):
        return sorted((essence(value, ignore) for value in answer), key=lambda value: json.dumps(value, sort_keys=True))
    return answer


@contextlib.contextmanager
def world(flags):
    if flags.broker:
        raise Skip("this suite needs two brokers of its own, whose answers it compares")
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="administration-"))
        apache = stack.enter_context(kafka.ApacheKafka())
        rafka = stack.enter_context(RafkaServer())
        asker = stack.enter_context(Asker())
        found = World(asker, rafka.address, apache.address, home)
        topics = [new_topic("t1", 2), new_topic("t2", 1), new_topic("gone", 1), new_topic("a.b", 1)]
        for to in (apache.address, rafka.address):
            made = asker.ask(to, "CREATE_TOPICS", 7, {"topics": topics, "timeoutMs": 10000, "validateOnly": False})
            check(all(topic["errorCode"] == 0 for topic in made["topics"]), f"the topics of this suite on {to}: {made}")
        yield found
        rafka.check_alive()
        rafka.stop()


suite = Suite("administration", __doc__, world)


def new_topic(name, partitions=-1, replicas=-1, assigned=(), settings=()):
    return {
        "name": name,
        "numPartitions": partitions,
        "replicationFactor": replicas,
        "assignments": [{"partitionIndex": index, "brokerIds": brokers} for index, brokers in assigned],
        "configs": [{"name": setting, "value": value} for setting, value in settings],
    }


@suite.case("CreateTopics: what is accepted, and what is refused with which error")
def _(w):
    for topics in [
        [new_topic("a_b")], [new_topic("a.b")], [new_topic("a.b", settings=[("nope", "x")])], [new_topic("d"), new_topic("d")],
        [new_topic("")], [new_topic("x/y")], [new_topic("."), new_topic("x" * 250)], [new_topic("__cluster_metadata")],
        [new_topic("p", 0, 0)], [new_topic("p", 0, 3)], [new_topic("p", 2, 3)], [new_topic("p", -2, 1)], [new_topic("p", 1, -2)],
        [new_topic("p", 1, assigned=[(0, [1])])], [new_topic("p", -1, 1, [(0, [1])])],
        [new_topic("p", assigned=[(0, [1]), (0, [1])])], [new_topic("p", assigned=[(1, [1])])], [new_topic("p", assigned=[(0, [2])])],
        [new_topic("p", assigned=[(0, [])])], [new_topic("p", assigned=[(0, [1, 1])])], [new_topic("p", assigned=[(0, [1]), (2, [1])])],
        [new_topic("p", settings=[("retention.ms", None)])], [new_topic("p", settings=[("retention.ms", "x")])],
        [new_topic("p", settings=[("nope", "x")])], [new_topic("p", settings=[("min.insync.replicas", "0")])],
        [new_topic("p", settings=[("cleanup.policy", "delete,")])], [new_topic("p", settings=[("compression.gzip.level", "0")])],
    ]:  # fmt: skip
        for version in (4, 7):
            w.same("CREATE_TOPICS", version, {"topics": topics, "timeoutMs": 10000, "validateOnly": False})
    for version in (2, 4, 5, 7):
        accepted = [new_topic("v", 3, 1), new_topic("w", assigned=[(1, [1]), (0, [1])], settings=[("retention.ms", "5")])]
        w.same("CREATE_TOPICS", version, {"topics": accepted, "timeoutMs": 10000, "validateOnly": True})
    # Kafka's answer to a check names an id that no topic has.
    made = w.same("CREATE_TOPICS", 7, {"topics": [new_topic("made", 3, 1)], "timeoutMs": 10000, "validateOnly": False})
    check(made["topics"][0]["topicId"] != NO_ID, "the id of a topic that was made")


@suite.case("the settings that CreateTopics answers are those of DescribeConfigs, with the same sources")
def _(w):
    topics = [new_topic("told", settings=[("retention.ms", "5"), ("cleanup.policy", "compact")])]
    body = {"topics": topics, "timeoutMs": 10000, "validateOnly": True}
    theirs, ours = (w.asker.ask(to, "CREATE_TOPICS", 7, body)["topics"][0]["configs"] for to in (w.apache, w.rafka))
    ours = {row["name"]: row for row in ours if row["name"] != "flush.policy"}
    theirs = {row["name"]: row for row in theirs}
    equal(sorted(ours), sorted(theirs), "the names")
    # min.insync.replicas is set for the whole cluster where Kafka keeps eligible leader replicas (KIP-966); file.delete.delay.ms by this node's file.
    for name in sorted(set(theirs) - {"min.insync.replicas", "file.delete.delay.ms"}):
        equal(ours[name], theirs[name], name)


@suite.case("CreatePartitions and DeleteTopics: what is accepted, and what is refused with which error")
def _(w):
    def grow(*topics, check_only=False):
        asked = [{"name": n, "count": c, "assignments": a and [{"brokerIds": b} for b in a]} for n, c, a in topics]
        w.same("CREATE_PARTITIONS", 3, {"topics": asked, "timeoutMs": 5000, "validateOnly": check_only})

    for topic in [("t1", 2, None), ("t1", 1, None), ("nope", 3, None), ("t1", 0, None), ("t1", -1, None), ("t1", 3, [[2]]), ("t1", 3, [[]]), ("t1", 3, [[1], [1]]), ("t1", 3, [[1, 1]])]:
        grow(topic)
    grow(("t1", 3, None), ("t1", 4, None))
    grow(("t1", 3, None), check_only=True)
    grow(("t1", 3, [[1]]))
    grow(("t1", 3, None))

    def delete(*topics):
        asked = [{"name": name, "topicId": topic_id} for name, topic_id in topics]
        return w.same("DELETE_TOPICS", 6, {"topics": asked, "timeoutMs": 5000})

    unknown = "a2rnfmtIQyCoIEzVFziBXA"
    for topics in [[("nope", NO_ID)], [(None, NO_ID)], [(None, unknown)], [("gone", unknown)], [("gone", NO_ID), ("gone", NO_ID)], [(None, unknown), (None, unknown)], [("", NO_ID)]]:
        delete(*topics)
    for version in (1, 4, 5):
        w.same("DELETE_TOPICS", version, {"topicNames": ["nope", "nada"], "timeoutMs": 5000})
        w.same("DELETE_TOPICS", version, {"topicNames": ["gone", "gone"], "timeoutMs": 5000})
    delete(("gone", NO_ID))
    delete(("gone", NO_ID))


@suite.case("Metadata: by name, by id, both, neither; in old and new versions")
def _(w):
    def metadata(version, topics, ignore=(), operations=False):
        body = {"topics": topics}
        if version >= 4:
            body["allowAutoTopicCreation"] = False
        if 8 <= version <= 10:
            body["includeClusterAuthorizedOperations"] = operations
        if version >= 8:
            body["includeTopicAuthorizedOperations"] = operations
        w.same("METADATA", version, body, ignore)

    for version in (0, 1, 4, 7, 9):
        # Before version 4 to ask is to create.
        for name in ["t2", "x/y"] + ["nope"] * (version >= 4):
            metadata(version, [{"name": name}])
    unknown = "a2rnfmtIQyCoIEzVFziBXA"
    for version in (10, 12, 13):
        for name, topic_id in [("t2", NO_ID), ("nope", NO_ID), ("x/y", NO_ID), ("__consumer_offsets", NO_ID)]:
            metadata(version, [{"name": name, "topicId": topic_id}], operations=True)
    metadata(13, [{"name": None, "topicId": unknown}])
    metadata(13, [{"name": "t2", "topicId": unknown}])
    metadata(13, [{"name": "t2", "topicId": NO_ID}, {"name": "t2", "topicId": NO_ID}])
    metadata(13, [])


def changes(kind, name, good, bad, unset):
    """IncrementalAlterConfigs and AlterConfigs of one setting, right and wrong."""
    setting, value = good
    for configs in [
        [(setting, SET, value)], [(setting, SET, None)], [(setting, SET, bad)], [(setting, APPEND, "1")], [(setting, SUBTRACT, "1")],
        [(setting, SET, value), (setting, SET, value)], [(setting, DELETE, None)], [],
    ]:  # fmt: skip
        yield "INCREMENTAL_ALTER_CONFIGS", 1, [(kind, name, configs)]
    if unset:
        for configs in [[(setting, value)], [(setting, None)], [(setting, bad)], [(setting, value), (setting, value)], []]:
            yield "ALTER_CONFIGS", 2, [(kind, name, configs)]


def alteration(resources, validate_only=False):
    def config(change):
        name, *operation, value = change
        return {"name": name, "value": value, **({"configOperation": operation[0]} if operation else {})}

    named = [{"resourceType": kind, "resourceName": name, "configs": [config(c) for c in configs]} for kind, name, configs in resources]
    return {"resources": named, "validateOnly": validate_only}


@suite.case("AlterConfigs and IncrementalAlterConfigs: topics, brokers, groups, loggers, right and wrong")
def _(w):
    asked = [
        *changes(TOPIC, "t2", ("retention.ms", "1000"), "x", True),
        *changes(BROKER, "1", ("log.retention.ms", "100000"), "x", True),
        # Kafka refuses to unset its cluster-wide min.insync.replicas, which AlterConfigs would do.
        *changes(BROKER, "", ("log.retention.ms", "100000"), "x", False),
        *changes(GROUP, "g1", ("consumer.session.timeout.ms", "50000"), "x", True),
        *changes(LOGGER, "1", ("root", "INFO"), "LOUD", False),
    ]
    for api, version, resources in asked:
        for validate_only in (True, False):
            w.same(api, version, alteration(resources, validate_only))
    for kind, name, setting, operation, value in [
        (TOPIC, "nope", "retention.ms", SET, "4"), (TOPIC, "x/y", "retention.ms", SET, "4"), (77, "t2", "retention.ms", SET, "4"), (0, "t2", "retention.ms", SET, "4"),
        (TOPIC, "t2", "nope", SET, "4"), (GROUP, "g1", "nope", SET, "4"), (GROUP, "", "consumer.session.timeout.ms", SET, "50000"),
        (GROUP, "g1", "consumer.session.timeout.ms", SET, "1"), (GROUP, "g1", "consumer.heartbeat.interval.ms", SET, "50000"),
        (BROKER, "7", "message.max.bytes", SET, "4"), (BROKER, "x", "message.max.bytes", SET, "4"), (BROKER, "1", "message.max.bytes", SET, "-4"),
        (BROKER, "1", "log.dirs", SET, "/tmp"), (BROKER, "1", "node.id", SET, "4"), (BROKER, "1", "num.partitions", SET, "4"),
        (BROKER, "1", "log.cleanup.policy", APPEND, "compact"), (BROKER, "1", "log.cleanup.policy", DELETE, None),
        (LOGGER, "2", "root", SET, "INFO"), (LOGGER, "", "root", SET, "INFO"), (LOGGER, "1", "nope", SET, "INFO"),
        (TOPIC, "t2", "cleanup.policy", APPEND, "compact"), (TOPIC, "t2", "cleanup.policy", APPEND, "x"), (TOPIC, "t2", "cleanup.policy", SUBTRACT, "x"),
        (TOPIC, "t2", "cleanup.policy", SUBTRACT, "delete,compact"), (TOPIC, "t2", "cleanup.policy", SET, ""), (TOPIC, "t2", "cleanup.policy", DELETE, None),
        (TOPIC, "t2", "remote.storage.enable", SET, "true"), (TOPIC, "t2", "follower.replication.throttled.replicas", APPEND, "0:1"),
        (TOPIC, "t2", "follower.replication.throttled.replicas", DELETE, None),
    ]:  # fmt: skip
        w.same("INCREMENTAL_ALTER_CONFIGS", 1, alteration([(kind, name, [(setting, operation, value)])]))
    lags = [("min.compaction.lag.ms", SET, "10"), ("max.compaction.lag.ms", SET, "5")]
    w.same("INCREMENTAL_ALTER_CONFIGS", 1, alteration([(TOPIC, "t2", lags)]))
    one = (TOPIC, "t2", [("retention.ms", SET, "1000")])
    w.same("INCREMENTAL_ALTER_CONFIGS", 1, alteration([one, one]))
    for resource_types in [[GROUP], [77], [LOGGER], [BROKER]]:
        w.same("LIST_CONFIG_RESOURCES", 1, {"resourceTypes": resource_types})
    w.same("LIST_CONFIG_RESOURCES", 0, {})


@suite.case("every setting of Kafka's topics and groups: name, default, type, flags, and the synonyms' order")
def _(w):
    for kind, name in [(TOPIC, "t1"), (GROUP, "g2")]:
        theirs, ours = w.described(kind, name)
        ours.pop("flush.policy", None)
        equal(sorted(ours), sorted(theirs), "the names")
        for setting in sorted(set(theirs) - {"min.insync.replicas", "file.delete.delay.ms"}):
            a, b = theirs[setting], ours[setting]
            for field in ["value", "readOnly", "isSensitive", "configType", "configSource"]:
                equal(b[field], a[field], f"{setting}: {field}")
            # Kafka leaves out what stands behind a name that is not set (log.retention.hours behind log.retention.ms); ours is the longer list.
            names = [(s["name"], s["source"]) for s in b["synonyms"]]
            for synonym in a["synonyms"]:
                contains(names, (synonym["name"], synonym["source"]), f"{setting}: synonyms")
            equal([s for s in names if s in [(s["name"], s["source"]) for s in a["synonyms"]]], [(s["name"], s["source"]) for s in a["synonyms"]], f"{setting}: order")
            check(b["documentation"], f"{setting} has no documentation")


# What nobody may believe to be in force is not accepted, and not shown (config::foreign_rows); the last two are Kafka's own business.
MISSING = ("ssl.", "sasl.", "remote.", "security.", "delegation.token.", "connections.max.reauth.ms", "connection.failed.authentication.", "authorizer.", "principal.builder.", "create.topic.policy.", "alter.config.policy.", "client.quota.callback.", "replica.selector.", "config.providers", "early.start.listeners", "follower.fetch.last.tiered.offset.enable")  # fmt: skip
# Listeners are opened at the start, and stay.
READ_ONLY_HERE = {"listeners", "listener.security.protocol.map"}


@suite.case("every setting of Kafka's brokers but those of parts that are missing: type and flags; defaults but where SETTINGS.md says otherwise")
def _(w):
    theirs, ours = w.described(BROKER, "1")
    missing = [name for name in theirs if name not in ours and not name.startswith(MISSING)]
    equal(missing, [], "settings of Kafka's broker that are not described")
    own = {"accepted.replication.factor", "cluster.id", "flush.policy", "text.enable", "text.max.pipelined.commands", "text.max.reply.bytes"}
    equal(sorted(set(ours) - set(theirs)), sorted(own), "settings that are not Kafka's")
    for name in sorted(set(ours) & set(theirs)):
        for field in ["readOnly", "isSensitive", "configType"]:
            if name not in READ_ONLY_HERE:
                equal(ours[name][field], theirs[name][field], f"{name}: {field}")
        if ours[name]["configSource"] == theirs[name]["configSource"] == 5 and "Kafka's default:" not in ours[name]["documentation"]:
            if name not in {"advertised.listeners"}:
                equal(ours[name]["value"], theirs[name]["value"], f"{name}: default")


@suite.case("what is true of one broker: pages, elections, reassignments, quorum, features, producers, sizes")
def _(w):
    def page(names, limit, cursor=None):
        cursor = cursor and {"topicName": cursor[0], "partitionIndex": cursor[1]}
        w.same("DESCRIBE_TOPIC_PARTITIONS", 0, {"topics": [{"name": n} for n in names], "responsePartitionLimit": limit, "cursor": cursor})

    for names, limit, cursor in [(["t1", "nope"], 2, None), (["t1"], 0, None), (["t1"], 10, ("t1", -1)), (["t1"], 10, ("t1", 7)), (["t1", "t2"], 1, ("t1", 1)), (["t2"], 1, ("t3", 1)), (["x/y"], 1, None), (["t1", "t2"], 100, None)]:
        page(names, limit, cursor)
    for election_type in (0, 1, 2):
        asked = [{"topic": "t1", "partitions": [0, 9]}, {"topic": "nope", "partitions": [0]}]
        w.same("ELECT_LEADERS", 2, {"electionType": election_type, "topicPartitions": asked, "timeoutMs": 1000})
    w.same("ELECT_LEADERS", 0, {"topicPartitions": [{"topic": "t1", "partitions": [0]}], "timeoutMs": 1000})
    for index, replicas in [(0, [1]), (0, None), (0, [2]), (0, []), (0, [1, 1]), (9, [1]), (0, [1, 2])]:
        for topic in ("t1", "nope"):
            moved = [{"name": topic, "partitions": [{"partitionIndex": index, "replicas": replicas}]}]
            w.same("ALTER_PARTITION_REASSIGNMENTS", 1, {"timeoutMs": 1000, "allowReplicationFactorChange": True, "topics": moved})
    w.same("LIST_PARTITION_REASSIGNMENTS", 0, {"timeoutMs": 1000, "topics": None})
    w.same("LIST_PARTITION_REASSIGNMENTS", 0, {"timeoutMs": 1000, "topics": [{"name": "t1", "partitionIndexes": [0]}]})
    progress = {"leaderEpoch", "highWatermark", "logEndOffset", "lastFetchTimestamp", "lastCaughtUpTimestamp", "replicaDirectoryId"}
    for version in (0, 1, 2):
        for topic, index in [("__cluster_metadata", 0), ("__cluster_metadata", 1), ("t1", 0)]:
            asked = [{"topicName": topic, "partitions": [{"partitionIndex": index}]}]
            # The name of a listener is each broker's own.
            w.same("DESCRIBE_QUORUM", version, {"topics": asked}, progress | {"listeners"})

    def update(feature, level, kind, version):
        key = {"feature": feature, "maxVersionLevel": level, **({"upgradeType": kind} if version else {"allowDowngrade": kind > 1})}
        w.same("UPDATE_FEATURES", version, {"timeoutMs": 1000, "featureUpdates": [key], **({"validateOnly": True} if version else {})}, {"results"})

    for feature, level, kind in [("nope", 1, 1), ("metadata.version", 30, 1), ("metadata.version", 31, 1), ("metadata.version", 7, 2), ("metadata.version", 7, 3), ("group.version", 2, 1), ("group.version", -1, 1), ("group.version", 1, 7)]:
        update(feature, level, kind, 2)
    w.same("DESCRIBE_PRODUCERS", 0, {"topics": [{"name": "t1", "partitionIndexes": [0, 9]}, {"name": "nope", "partitionIndexes": [0]}]})
    for topics in [[{"topic": "t1", "partitions": [0, 9]}, {"topic": "nope", "partitions": [0]}], []]:
        sizes = w.same("DESCRIBE_LOG_DIRS", 5, {"topics": topics})
        check(sizes["results"][0]["usableBytes"] > 0, f"the room that is left: {sizes}")
    for version, endpoint_type in [(0, None), (1, 1), (1, 2), (1, 7), (2, 1)]:
        body = {"includeClusterAuthorizedOperations": True}
        body |= {} if endpoint_type is None else {"endpointType": endpoint_type}
        body |= {"includeFencedBrokers": False} if version == 2 else {}
        w.same("DESCRIBE_CLUSTER", version, body)


TOPICS = "org.apache.kafka.tools.TopicCommand"
CONFIGS = "kafka.admin.ConfigCommand"


@suite.case("Java's tools: topics made, described, grown, deleted; settings of topics, brokers, groups, loggers")
def _(w):
    w.run(TOPICS, "--create", "--topic", "Tools", "--partitions", "2", "--config", "retention.ms=7000000")
    w.run(TOPICS, "--create", "--topic", "Tools", "--if-not-exists")
    w.run(TOPICS, "--create", "--topic", "Placed", "--replica-assignment", "1,1,1")
    out, _ = w.run(TOPICS, "--list")
    contains(out.split(), "Placed", "--list")
    out, _ = w.run(TOPICS, "--describe", "--topic", "Placed")
    contains(out, "PartitionCount: 3\tReplicationFactor: 1", "--describe")
    for flags in ["--under-replicated-partitions", "--unavailable-partitions", "--under-min-isr-partitions", "--at-min-isr-partitions", "--topics-with-overrides"]:
        w.run(TOPICS, "--describe", flags)
    w.run(TOPICS, "--alter", "--topic", "Tools", "--partitions", "4")
    contains(w.run(TOPICS, "--describe", "--topic", "Tools")[0], "retention.ms=7000000", "--describe")
    w.run(TOPICS, "--delete", "--topic", "Placed")
    check("Placed" not in w.run(TOPICS, "--list")[0].split(), "a deleted topic is not listed")
    for entity, name, setting in [("topics", "Tools", "max.message.bytes=2000"), ("brokers", "1", "log.retention.ms=3600000"), ("groups", "Team", "consumer.session.timeout.ms=50000"), ("broker-loggers", "1", "root=DEBUG")]:
        of = ["--entity-type", entity, "--entity-name", name]
        w.run(CONFIGS, *of, "--alter", "--add-config", setting)
        contains(w.run(CONFIGS, *of, "--describe")[0], f"{setting}", f"--describe {entity}")
        if entity != "broker-loggers":
            w.run(CONFIGS, *of, "--alter", "--delete-config", setting.split("=")[0])
            check(setting not in w.run(CONFIGS, *of, "--describe")[0], f"{setting} of {name} is unset")
            contains(w.run(CONFIGS, *of, "--describe", "--all")[0], setting.split("=")[0], f"--describe --all {entity}")
    w.run(CONFIGS, "--entity-type", "broker-loggers", "--entity-name", "1", "--alter", "--add-config", "root=INFO")
    w.run(CONFIGS, "--entity-type", "brokers", "--entity-default", "--alter", "--add-config", "log.retention.ms=3600000")
    contains(w.run(CONFIGS, "--entity-type", "brokers", "--entity-default", "--describe")[0], "log.retention.ms=3600000", "the cluster's default")
    w.run(CONFIGS, "--entity-type", "brokers", "--entity-default", "--alter", "--delete-config", "log.retention.ms")
    w.run(CONFIGS, "--entity-type", "client-metrics", "--describe")
    w.run(CONFIGS, "--entity-type", "topics", "--describe")


@suite.case("Java's tools: features, quorum, log directories, elections, reassignments, trimming, offsets, cluster")
def _(w):
    out, _ = w.run("org.apache.kafka.tools.FeatureCommand", "describe")
    told = {line.split()[1]: line.split()[3] for line in out.splitlines()}
    equal(told, {"group.version": "0", "metadata.version": "4.3-IV0"}, "what kafka-features describe tells, from which level on")
    quorum = "org.apache.kafka.tools.MetadataQuorumCommand"
    out, _ = w.run(quorum, "describe", "--status")
    contains(out, "LeaderId:               1", "--status")
    contains(w.run(quorum, "describe", "--replication")[0], "Leader", "--replication")
    out, _ = w.run("org.apache.kafka.tools.LogDirsCommand", "--describe", "--topic-list", "t1")
    contains(out, '"partition":"t1-0"', "kafka-log-dirs")
    election = ["--election-type", "preferred", "--topic", "t1", "--partition", "0"]
    contains(w.run("org.apache.kafka.tools.LeaderElectionCommand", *election)[0], "Valid replica already elected", "kafka-leader-election")
    w.run("org.apache.kafka.tools.LeaderElectionCommand", "--election-type", "preferred", "--all-topic-partitions")
    plan = f"{w.home}/plan.json"
    with open(plan, "w") as file:
        json.dump({"version": 1, "partitions": [{"topic": "t1", "partition": 0, "replicas": [1]}]}, file)
    reassign = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand"
    contains(w.run(reassign, "--reassignment-json-file", plan, "--execute")[0], "Successfully started partition reassignment", "--execute")
    contains(w.run(reassign, "--reassignment-json-file", plan, "--verify")[0], "is completed", "--verify")
    contains(w.run(reassign, "--list")[0], "No partition reassignments found", "--list")
    sh("rafka-produce t2", w.rafka, stdin="one\ntwo\nthree\n")
    cut = f"{w.home}/cut.json"
    with open(cut, "w") as file:
        json.dump({"version": 1, "partitions": [{"topic": "t2", "partition": 0, "offset": 2}]}, file)
    contains(w.run("org.apache.kafka.tools.DeleteRecordsCommand", "--offset-json-file", cut)[0], "low_watermark: 2", "kafka-delete-records")
    out, _ = w.run("org.apache.kafka.tools.GetOffsetShell", "--topic", "t2", "--time", "earliest")
    equal(out.strip(), "t2:0:2", "kafka-get-offsets")
    out, _ = w.asker.run("org.apache.kafka.tools.ClusterTool", "cluster-id", "--bootstrap-server", w.rafka)
    contains(out, "Cluster ID: ", "kafka-cluster")
    out, _ = w.asker.run("org.apache.kafka.tools.ClusterTool", "list-endpoints", "--bootstrap-server", w.rafka)
    contains(out, "127.0.0.1", "kafka-cluster list-endpoints")
    out, _ = w.run("org.apache.kafka.tools.BrokerApiVersionsCommand")
    contains(out, "DescribeQuorum(55): 0 to 2 [usable: 2]", "kafka-broker-api-versions")


if __name__ == "__main__":
    sys.exit(suite.main())
