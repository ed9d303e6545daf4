"""Apache Kafka's command-line tools of the newest release, each judged by what it prints and by what is there then."""

import re
import time

from support import kafka
from support.checks import Skip, check, contains, equal, eventually, lacks
from support.commands import need

from .cases import CaseSuite

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
LINES = "".join(f"key{i % 7}:value {i}\n" for i in range(1000))
KILLED = 143  # what a JVM says that ended in order after SIGTERM
TOOLS = "org.apache.kafka.tools"


class JavaTools(CaseSuite):
    key = "java"
    parallel = 2  # most of a case is a JVM that starts
    title = "Apache Kafka's Java tools"
    about = "kafka-clients and kafka-tools from Maven Central: the console clients, the administration, the performance and verifiable clients."

    def prepare(self):
        need("kcat")
        kafka.jars()

    def version(self):
        return re.search(r"<kafka.version>(.*?)<", (kafka.HERE / "pom.xml").read_text()).group(1)


suite = JavaTools()


def tool(name, *words):
    return f"{kafka.java(f'{TOOLS}.{name}', *words)} --bootstrap-server $B"


def topics(w, flags, **more):
    return w.sh(f"{tool('TopicCommand')} {flags}", **more)


def groups(w, flags, **more):
    return w.sh(f"{tool('consumer.group.ConsumerGroupCommand')} {flags}", **more)


def configs(w, flags, **more):
    return w.sh(f"{kafka.java('kafka.admin.ConfigCommand')} --bootstrap-server $B {flags}", **more)


def consumer(*words):
    return tool("consumer.ConsoleConsumer", *words)


def filled(w, word, partitions=1, lines=100):
    """A topic with so many lines in each partition."""
    topic = w.topic(word, partitions)
    for partition in range(partitions):
        w.sh(f"seq {lines} | kcat -P -b $B -t {topic} -p {partition}")
    return topic


def table(text):
    """Rows of a table that a tool prints, as dictionaries by its headings."""
    rows, heads = [], None
    for line in text.splitlines():
        words = line.split()
        if not words:
            heads = None
        elif heads is None and words[0] == "GROUP":
            heads = words
        elif heads:
            rows.append(dict(zip(heads, words)))
    return rows


def committed(w, group, topic, offsets):
    """Gives a group offsets in a topic, without members."""
    plan = f"{w.home}/{w.name('plan')}.csv"
    with open(plan, "w") as file:
        file.writelines(f'"{topic}",{partition},{offset}\n' for partition, offset in enumerate(offsets))
    groups(w, f"--reset-offsets --group {group} --from-file {plan} --execute")


def at(topic, *offsets):
    """Committed offsets of a topic's partitions, as World.group tells them."""
    return {f"{topic}/{p}": o for p, o in enumerate(offsets)}


# ---- console clients


@suite.case("ConsoleProducer: keys, headers and nulls arrive as they were typed")
def _(w):
    topic = w.topic("Typed")
    flags = ["parse.key=true", "key.separator=:", "parse.headers=true", "headers.delimiter=|", "null.marker=NIL"]
    command = tool("ConsoleProducer", "--topic", topic, *(word for flag in flags for word in ("--reader-property", flag)))
    w.sh(command, stdin="a:1,b:2|k1:v1\na:1|k2:NIL\n")
    got = w.sh(f"kcat -C -e -q -b $B -t {topic} -f '%h %k %S %s\\n'").lines
    equal(got, ["a=1,b=2 k1 2 v1", "a=1 k2 -1 "], "what kcat reads")


for codec in CODECS:

    @suite.case(f"ConsoleProducer --compression-codec {codec}: 1,000 keyed lines, kept in that codec")
    def _(w, codec=codec):
        topic = w.topic("Console")
        command = tool("ConsoleProducer", "--topic", topic, "--compression-codec", codec, "--reader-property", "parse.key=true", "--reader-property", "key.separator=:")
        w.sh(command, stdin=LINES)
        equal(w.sh(f"kcat -C -e -q -b $B -t {topic} -K :").text, LINES, "what kcat reads")
        if w.broker.data:
            segment = next(w.broker.partition_dir(topic, 0).glob("*.log"))
            stored = w.sh(f"rafka-admin --output plain inspect-segment {segment}").text
            contains(stored, codec, "the codec of the stored batches")


@suite.case("ConsoleConsumer --from-beginning prints keys, headers, offsets and partitions")
def _(w):
    topic = w.topic("Printed")
    w.sh(f"kcat -P -b $B -t {topic} -K : -H h=x", stdin="k:one\nk:two\n")
    flags = ["print.key=true", "print.headers=true", "print.offset=true", "print.partition=true", "print.timestamp=true"]
    words = [word for flag in flags for word in ("--formatter-property", flag)]
    text = w.sh(consumer("--topic", topic, "--from-beginning", "--max-messages", "2", "--timeout-ms", "20000", *words)).text
    lines = [re.sub(r"^CreateTime:\d+", "TIME", line) for line in text.splitlines()]
    equal(lines, [f"TIME\tPartition:0\tOffset:{i}\th:x\tk\t{word}" for i, word in enumerate(["one", "two"])], "what it prints")


@suite.case("ConsoleConsumer --partition --offset reads from there")
def _(w):
    topic = filled(w, "From", partitions=2)
    got = w.sh(consumer("--topic", topic, "--partition", "1", "--offset", "97", "--max-messages", "3", "--timeout-ms", "20000")).lines
    equal(got, ["98", "99", "100"], "the lines from offset 97")


@suite.case("ConsoleConsumer --group goes on where the group stopped")
def _(w):
    topic, group = filled(w, "Group"), w.name("console")
    words = ["--topic", topic, "--group", group, "--from-beginning", "--timeout-ms", "30000"]
    first = w.sh(consumer(*words, "--max-messages", "40")).lines
    second = w.sh(consumer(*words, "--max-messages", "60")).lines
    equal(first + second, [str(n) for n in range(1, 101)], "the two runs together")


@suite.case("ConsoleConsumer --include reads every topic that matches")
def _(w):
    word = w.name("Match")
    for i in range(3):
        w.sh(f"rafka-admin create-topic {word}-{i} && echo {i} | kcat -P -b $B -t {word}-{i}")
    got = w.sh(consumer("--include", f"{word}-[01]", "--from-beginning", "--max-messages", "2", "--timeout-ms", "30000")).lines
    equal(sorted(got), ["0", "1"], "the lines")


# ---- topics and settings


@suite.case("TopicCommand: create, list, describe, alter, delete")
def _(w):
    topic = w.name("Java")
    contains(topics(w, f"--create --topic {topic} --partitions 3 --config retention.ms=5000000").text, f"Created topic {topic}.", "--create")
    contains(topics(w, "--list").text, topic, "--list")
    text = topics(w, f"--describe --topic {topic}").text
    for piece in [f"Topic: {topic}", "TopicId: ", "PartitionCount: 3", "ReplicationFactor: 1", "Configs: retention.ms=5000000"]:
        contains(text, piece, "--describe")
    equal(len(re.findall(r"Partition: \d+\s+Leader: 1\s+Replicas: 1\s+Isr: 1", text)), 3, f"partitions with a leader in\n{text}")
    topics(w, f"--alter --topic {topic} --partitions 5")
    contains(topics(w, f"--describe --topic {topic}").text, "PartitionCount: 5", "--describe after --alter")
    topics(w, f"--delete --topic {topic}")
    lacks(topics(w, "--list").text, topic, "--list after --delete")


@suite.case("TopicCommand: what can't be done is refused with Kafka's exceptions")
def _(w):
    topic = w.topic("Refused", 2)
    for flags, sentence in [
        (f"--create --topic {topic}", "TopicExistsException"),
        ("--create --topic Bad/Name", "InvalidTopicException"),
        (f"--create --topic {topic}-r --replication-factor 3", "InvalidReplicationFactorException"),
        (f"--create --topic {topic}-c --config retention.ms=soon", "Invalid value soon"),
        (f"--alter --topic {topic} --partitions 1", "InvalidPartitionsException"),
        (f"--delete --topic {topic}-none", "does not exist"),
        (f"--describe --topic {topic}-none", "does not exist"),
    ]:
        contains(topics(w, flags, code=1).errors, sentence, flags)
    equal(topics(w, f"--create --topic {topic} --if-not-exists").code, 0, "--if-not-exists")


@suite.case("TopicCommand: --under-replicated-partitions and its kin find none, --topics-with-overrides the one")
def _(w):
    plain, special = w.topic("Plain"), w.name("Special")
    topics(w, f"--create --topic {special} --config segment.bytes=2000000")
    for flag in ["--under-replicated-partitions", "--unavailable-partitions", "--under-min-isr-partitions", "--at-min-isr-partitions"]:
        lacks(topics(w, f"--describe {flag} --topic '{special}'").text, special if flag != "--at-min-isr-partitions" else "Leader: none", flag)
    text = topics(w, "--describe --topics-with-overrides").text
    contains(text, special, "--topics-with-overrides")
    lacks(text, plain, "--topics-with-overrides")


@suite.case("ConfigCommand: settings of a topic are added, shown, appended to and taken away")
def _(w):
    topic = w.topic("Configured")
    on = f"--entity-type topics --entity-name {topic}"
    contains(configs(w, f"{on} --alter --add-config retention.ms=6000000,cleanup.policy=[compact,delete]").text, "Completed updating", "--alter")
    text = configs(w, f"{on} --describe").text
    for piece in ["retention.ms=6000000 sensitive=false", "DYNAMIC_TOPIC_CONFIG:retention.ms=6000000", "cleanup.policy=compact,delete"]:
        contains(text, piece, "--describe")
    configs(w, f"{on} --alter --delete-config retention.ms")
    lacks(configs(w, f"{on} --describe").text, "retention.ms", "--describe after --delete-config")
    text = configs(w, f"{on} --describe --all").text
    contains(text, "retention.ms=604800000 ", "--describe --all, the default")
    contains(configs(w, f"{on} --alter --add-config retention.ms=soon", code=1).errors, "InvalidConfigurationException", "a bad value")


@suite.case("ConfigCommand: settings of one broker and of all brokers")
def _(w):
    one, every = "--entity-type brokers --entity-name 1", "--entity-type brokers --entity-default"
    configs(w, f"{one} --alter --add-config message.max.bytes=2000000")
    contains(configs(w, f"{one} --describe").text, "message.max.bytes=2000000", "--describe of the broker")
    configs(w, f"{every} --alter --add-config log.index.interval.bytes=8192")
    contains(configs(w, f"{every} --describe").text, "log.index.interval.bytes=8192", "--describe of the default")
    configs(w, f"{one} --alter --delete-config message.max.bytes")
    configs(w, f"{every} --alter --delete-config log.index.interval.bytes")
    lacks(configs(w, f"{one} --describe").text, "message.max.bytes=2000000", "--describe after --delete-config")


@suite.case("ConfigCommand: settings of a consumer group (KIP-848)")
def _(w):
    on = f"--entity-type groups --entity-name {w.name('set')}"
    configs(w, f"{on} --alter --add-config consumer.session.timeout.ms=50000")
    contains(configs(w, f"{on} --describe").text, "consumer.session.timeout.ms=50000", "--describe")
    configs(w, f"{on} --alter --delete-config consumer.session.timeout.ms")
    lacks(configs(w, f"{on} --describe").text, "DYNAMIC_GROUP_CONFIG:consumer.session.timeout.ms=50000", "--describe after --delete-config")


@suite.case("GetOffsetShell: earliest, latest, by time")
def _(w):
    topic = filled(w, "Offsets", partitions=2, lines=10)
    w.sh(f"rafka-admin trim-topic {topic} --only 0 --before 4 -y")
    for time_flag, offsets in [("earliest", (4, 0)), ("latest", (10, 10)), ("max-timestamp", None), ("1000", (4, 0))]:
        got = w.sh(f"{tool('GetOffsetShell', '--topic', topic, '--time', time_flag)}").lines
        if offsets:
            equal(got, [f"{topic}:{p}:{o}" for p, o in enumerate(offsets)], f"--time {time_flag}")
        else:
            equal(len(got), 2, f"lines of --time {time_flag}")


# ---- groups


def member(w, topic, group, protocol="classic", settings=()):
    """A console consumer that is a member of the group until it is ended."""
    more = [word for s in (f"group.protocol={protocol}", *settings) for word in ("--command-property", s)]
    return w.running(consumer("--topic", topic, "--group", group, "--from-beginning", *more))


@suite.case("ConsumerGroupCommand --list: by name, by state, by type")
def _(w):
    topic, group = filled(w, "Listed"), w.name("listed")
    committed(w, group, topic, [5])
    contains(groups(w, "--list").text, group, "--list")
    rows = table(groups(w, "--list --state").text)
    equal([r["STATE"] for r in rows if r["GROUP"] == group], ["Empty"], "--list --state")
    rows = table(groups(w, "--list --state Empty --type classic").text)
    check(any(r["GROUP"] == group for r in rows), f"--list --state Empty --type classic shows {rows}")
    lacks(groups(w, "--list --state Stable").text, group, "--list --state Stable")


@suite.case("ConsumerGroupCommand --describe: offsets, ends and lag, without members")
def _(w):
    topic, group = filled(w, "Lag", partitions=2), w.name("lag")
    committed(w, group, topic, [30, 100])
    done = groups(w, f"--describe --group {group}")
    rows = {int(r["PARTITION"]): r for r in table(done.text)}
    found = {p: (r["TOPIC"], r["CURRENT-OFFSET"], r["LOG-END-OFFSET"], r["LAG"]) for p, r in rows.items()}
    equal(found, {0: (topic, "30", "100", "70"), 1: (topic, "100", "100", "0")}, "offsets")
    contains(done.text + done.errors, "has no active members", "what it says")
    contains(groups(w, f"--describe --group {group}-none", code=(0, 1)).story(), "GroupIdNotFoundException", "a group that is not there")


for protocol in ("classic", "consumer"):

    @suite.case(f"ConsumerGroupCommand --describe --members, --state, --offsets of a living group (group.protocol={protocol})")
    def _(w, protocol=protocol):
        topic, group = filled(w, "Living", partitions=3), w.name(f"living-{protocol}")
        with member(w, topic, group, protocol) as reader:
            reader.line()
            rows = eventually(lambda: table(groups(w, f"--describe --group {group} --members --verbose", code=None).text), "a member", 30)
            equal(len(rows), 1, f"members in {rows}")
            equal(rows[0]["#PARTITIONS"], "3", "its partitions")
            text = groups(w, f"--describe --group {group} --state").text
            row = table(text)[0]
            contains(text, "Stable", "--state")
            equal(row["GROUP"], group, "--state")
            rows = table(groups(w, f"--describe --group {group} --offsets").text)
            equal(sorted(r["PARTITION"] for r in rows), ["0", "1", "2"], "partitions of --offsets")
            check(all(r["CONSUMER-ID"] != "-" for r in rows), f"each has its consumer: {rows}")
            contains(groups(w, f"--delete --group {group}", code=(0, 1)).story(), "GroupNotEmptyException", "--delete of a living group")
            said = groups(w, f"--reset-offsets --group {group} --topic {topic} --to-earliest --execute", code=(0, 1)).story()
            contains(said, "can only be reset if the group", "--reset-offsets of a living group")


@suite.case("ConsumerGroupCommand --reset-offsets: every form, first dry, then executed")
def _(w):
    topic, group = filled(w, "Reset", partitions=2), w.name("reset")
    committed(w, group, topic, [50, 50])

    def reset(form, *offsets):
        flags = f"--reset-offsets --group {group} --topic {topic} {form}"
        before = w.group(group)["committed"]
        for mode, then in [("--dry-run", before), ("--execute", at(topic, *offsets))]:
            rows = table(groups(w, f"{flags} {mode}").text)
            equal({int(r["PARTITION"]): int(r["NEW-OFFSET"]) for r in rows}, dict(enumerate(offsets)), f"{form} {mode}")
            equal(w.group(group)["committed"], then, f"offsets after {form} {mode}")

    reset("--to-earliest", 0, 0)
    reset("--to-latest", 100, 100)
    reset("--to-offset 70", 70, 70)
    reset("--shift-by -20", 50, 50)
    reset("--to-datetime 2001-01-01T00:00:00.000", 0, 0)
    reset("--by-duration PT0S", 100, 100)
    reset("--to-current", 100, 100)
    plan = f"{w.home}/{group}.csv"
    with open(plan, "w") as file:
        file.write(f'"{topic}",0,11\n"{topic}",1,22\n')
    groups(w, f"--reset-offsets --group {group} --from-file {plan} --execute")
    equal(w.group(group)["committed"], at(topic, 11, 22), "offsets after --from-file")
    text = groups(w, f"--reset-offsets --group {group} --all-topics --to-current --export --dry-run").text
    contains(text, f"{topic},0,11", "--export")


@suite.case("ConsumerGroupCommand --delete-offsets takes one topic's offsets, --delete the group")
def _(w):
    one, two, group = filled(w, "One"), filled(w, "Two"), w.name("deleted")
    committed(w, group, one, [1])
    committed(w, group, two, [2])
    contains(groups(w, f"--delete-offsets --group {group} --topic {one}").text, "Successful", "--delete-offsets")
    equal(w.group(group)["committed"], at(two, 2), "what is left")
    contains(groups(w, f"--delete --group {group}").text, f"('{group}') was successful", "--delete")
    lacks(groups(w, "--list").text, group, "--list")


# ---- performance and verifiable clients


@suite.case("ProducerPerformance and ConsumerPerformance: the records they say they sent and read are there")
def _(w):
    topic = w.topic("Performance", 2)
    command = kafka.java(f"{TOOLS}.ProducerPerformance", "--topic", topic, "--num-records", "50000", "--record-size", "200", "--throughput", "-1")
    text = w.sh(f"{command} --bootstrap-server $B", timeout=120).text
    contains(text.splitlines()[-1], "50000 records sent, ", "the last line of ProducerPerformance")
    got = w.sh(f"{tool('GetOffsetShell', '--topic', topic)}").lines
    equal(sum(int(line.rpartition(":")[2]) for line in got), 50000, "records in the topic")
    command = kafka.java(f"{TOOLS}.ConsumerPerformance", "--topic", topic, "--num-records", "50000", "--timeout", "30000")
    head, row = w.sh(f"{command} --bootstrap-server $B", timeout=120).lines[-2:]
    row = dict(zip(head.split(", "), row.split(", ")))
    equal(row["data.consumed.in.nMsg"], "50000", "records that ConsumerPerformance read")


@suite.case("VerifiableProducer: each record acknowledged, with its place")
def _(w):
    topic = w.topic("Verified")
    command = tool("VerifiableProducer", "--topic", topic, "--max-messages", "20000", "--acks", "-1")
    text = w.sh(command, timeout=120).text
    contains(text, '"name":"startup_complete"', "VerifiableProducer")
    equal(text.count('"name":"producer_send_success"'), 20000, "acknowledged sends")
    contains(text, '"acked":20000', "VerifiableProducer")
    equal(w.sh(f"kcat -C -e -q -b $B -t {topic}").lines, [str(n) for n in range(20000)], "the records, in order")


for protocol in ("classic", "consumer"):

    @suite.case(f"VerifiableConsumer: two members share, and the one left takes all (group.protocol={protocol})")
    def _(w, protocol=protocol):
        topic, group = filled(w, "Shared", partitions=4), w.name(f"verified-{protocol}")
        words = ["--topic", topic, "--group-id", group, "--reset-policy", "earliest", "--group-protocol", protocol]
        if protocol == "classic":
            words += ["--session-timeout", "10000"]
        command = tool("VerifiableConsumer", *words)
        with w.running(command) as first:
            seen = wait_for(first, '"name":"partitions_assigned"')
            with w.running(command) as second:
                seen_too = wait_for(second, '"name":"partitions_assigned","partitions":[{')
                equal(seen_too[-1].count('"partition":'), 2, f"partitions of the second member: {seen_too[-1]}")
                equal(second.end(timeout=30), KILLED, "exit code of the second member after SIGTERM")
                lines = seen_too + [line.decode() for line in second.rest()]
                contains("".join(lines), '"name":"shutdown_complete"', "the second member")
            w.sh(f"for p in 0 1 2 3; do seq 101 150 | kcat -P -b $B -t {topic} -p $p; done")
            deadline = time.monotonic() + 40
            while ends(seen + lines) != {p: 149 for p in range(4)} and time.monotonic() < deadline:
                seen.append(first.line(40).decode())
            equal(ends(seen + lines), {p: 149 for p in range(4)}, "the last offsets consumed")
            equal(first.end(timeout=30), KILLED, "exit code of the first member after SIGTERM")
            contains(b"".join(first.rest()).decode(), '"name":"shutdown_complete"', "the first member")
        eventually(lambda: w.group(group)["committed"] == at(topic, 150, 150, 150, 150), "all is committed", 20)


def wait_for(running, piece):
    lines = [running.line().decode()]
    while piece not in lines[-1]:
        lines.append(running.line().decode())
    return lines


def ends(lines):
    found = {}
    for line in lines:
        if '"name":"records_consumed"' in line:
            for partition, last in re.findall(r'"partition":(\d+)[^{}]*?"maxOffset":(-?\d+)', line):
                found[int(partition)] = max(int(last), found.get(int(partition), -1))
    return found


__all__ = ["Skip", "suite"]
