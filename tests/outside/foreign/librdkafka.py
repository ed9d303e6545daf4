"""librdkafka's own broker tests, each as a process of its own: plain, with idempotent producers, with KIP-848 groups.

The list of tests is read from the suite's tests/test.c. A test number may stand for several tests, which its runner
can't part; two are parted by their sub-tests: 0081, so that its ACL and SCRAM parts do not hide the rest, and 0113,
which takes eight minutes as a whole.
"""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time

from support.brokers import RafkaServer
from support.checks import Failure
from support.commands import environment, need, sh

from .fetching import npm_source, once
from .results import FAILED, PASSED, SKIPPED, ForeignSuite, Result

PACKAGE = "@confluentinc/kafka-javascript@1.10.1"
KAFKA_VERSION = "4.1.0"  # from 4.2 on, the runner adds the share groups' tests
HERE = pathlib.Path(__file__).resolve().parent
BUILD_TIMEOUT = 900
TEST_TIMEOUT = 400
PARALLEL = 6  # most of a test is waiting
# The topics of trivup, librdkafka's own way to start brokers: four partitions, three replicas (one here).
# One test of 0113 wants consumers that join together to be in one first generation, as Kafka's own delay makes it.
BROKER = ["num.partitions=4", "accepted.replication.factor=3", "group.initial.rebalance.delay.ms=500"]
SCENARIOS = {"default": ["auto.create.topics.enable=true"], "noautocreate": ["auto.create.topics.enable=false"]}
# Tests of many sub-tests, and the function that calls these.
PARTED = {"0081": "do_test_apis", "0113": "main_0113_cooperative_rebalance"}
# These take longest, so they begin first.
LONG = ["u_multiple_subscription_changes", "0150", "0077", "0139", "0102", "0089", "0056", "0038", "0091", "0093", "0059", "0045", "0033", "0131", "0018"]
# A sub-test that skips itself, and what a test says where it skips a part without having made it a sub-test.
LEFT_OUT = re.compile(r"\[ (\S+:\d+[^\]]*: SKIP: [^\]]*?)\s*\]|\] (?:WARN: )?((?:Skipping .* tests?\b|Will not be able to verify).*)$", re.M)
COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\x1b\(B")


def source():
    """The built source tree."""
    for program in ("gcc", "g++", "make"):
        need(program)
    with once("librdkafka-" + PACKAGE.rpartition("@")[2]) as (place, fresh):
        tree = place / "package" / "deps" / "librdkafka"
        if fresh:
            npm_source(PACKAGE, place)
            jobs = os.cpu_count() or 2
            sh(
                f"./configure --disable-gssapi --disable-curl && make -j{jobs} libs && make -j{jobs} -C tests build",
                cwd=tree,
                timeout=BUILD_TIMEOUT,
            )
        return tree


class Declared:
    """One line of the table of tests in test.c."""

    def __init__(self, name, flags):
        self.name = name
        self.number = name.partition("_")[0]
        self.local = "TEST_F_LOCAL" in flags
        self.manual = "TEST_F_MANUAL" in flags
        version = re.search(r"TEST_BRKVER\((\d+), (\d+), (\d+), (\d+)\)", flags)
        self.too_new = bool(version) and tuple(map(int, version.groups())) > (*map(int, KAFKA_VERSION.split(".")), 0)
        scenario = re.search(r'\.scenario\s*=\s*"([^"]+)"', flags)
        self.scenario = (scenario.group(1) if scenario else "default").split(",")[0]


def declared(tree):
    text = (tree / "tests" / "test.c").read_text()
    table = re.search(r"struct test tests\[\] = \{(.*?)\{NULL\}\};", text, re.S).group(1)
    table = re.sub(r"/\*.*?\*/", "", table, flags=re.S)
    found = [Declared(*m.groups()) for m in re.finditer(r"_TEST\(\s*(\w+)\s*,(.*?)\)\s*,\s*(?=_TEST|\{|#|$)", table, re.S)]
    wrong = len(found) != len(re.findall(r"\b_TEST\(", table))
    if wrong or len(found) < 100:
        raise Failure(f"the table of tests in test.c was not understood: {len(found)} of {table.count('_TEST(')} lines")
    return found


def file_of(tree, number):
    return next(p for p in (tree / "tests").glob(f"{number}-*") if p.suffix in (".c", ".cpp"))


def parts_of(tree, number):
    """The sub-tests of a test, by the functions that declare them, as its main function calls them."""
    text = file_of(tree, number).read_text()
    words = re.split(r"^(?:static )?(?:void|int)\s+(\w+)\(", text, flags=re.M)
    functions = dict(zip(words[1::2], words[2::2]))
    called = dict.fromkeys(re.findall(r"\b(\w+)\(", functions[PARTED[number]]))
    return [name for name in called if "SUB_TEST" in functions.get(name, "")]


class Unit:
    """What one process runs."""

    def __init__(self, number, scenario, names, too_new=False, subtests=None):
        self.number, self.scenario, self.names, self.too_new, self.subtests = number, scenario, names, too_new, subtests


class Librdkafka(ForeignSuite):
    key = "librdkafka"
    title = "librdkafka's broker tests"
    in_readme = "librdkafka's broker tests"
    about = "All tests that need a broker, of librdkafka's own suite (C and C++), each in a process of its own."
    flags = ()
    extra = {}
    settings = ()
    parted = True

    def __init__(self):
        self.processes = set()

    def prepare(self):
        self.tree = source()
        self.units = [unit for unit in self.all_units() if self.wants(unit)]

    def version(self):
        number = re.search(r"RD_KAFKA_VERSION\s+0x(\w\w)(\w\w)(\w\w)", (self.tree / "src" / "rdkafka.h").read_text())
        return ".".join(str(int(part, 16)) for part in number.groups())

    def told_settings(self):
        return [*BROKER, *self.settings, "auto.create.topics.enable=false where a test asks for that"]

    def wants(self, unit):
        return True

    def all_units(self):
        grouped = {}
        for test in declared(self.tree):
            if not test.local and not test.manual:
                grouped.setdefault((test.number, test.scenario), []).append(test)
        for (number, scenario), tests in grouped.items():
            names = [test.name for test in tests]
            if self.parted and number in PARTED:
                for part in parts_of(self.tree, number):
                    yield Unit(number, scenario, [f"{names[0]}/{part}"], subtests=part)
            else:
                yield Unit(number, scenario, names, too_new=all(test.too_new for test in tests))

    def tests(self):
        return [name for unit in self.units for name in unit.names]

    def run(self, names, alone=False):
        wanted = set(names)
        units = [unit for unit in self.units if wanted & set(unit.names)]
        units.sort(key=lambda unit: next((at for at, name in enumerate(LONG) if name in (unit.number, unit.subtests)), len(LONG)))
        with contextlib.ExitStack() as stack:
            brokers = {s: stack.enter_context(self.broker(s)) for s in {unit.scenario for unit in units}}
            pool = concurrent.futures.ThreadPoolExecutor(1 if alone else PARALLEL)
            try:
                running = [pool.submit(self.run_unit, unit, brokers[unit.scenario]) for unit in units]
                for done in concurrent.futures.as_completed(running):
                    yield from (result for result in done.result() if result.name in wanted)
            finally:
                for process in list(self.processes):  # some, where this was interrupted
                    process.kill()
                pool.shutdown(cancel_futures=True)
            for broker in brokers.values():
                broker.check_alive()
                broker.stop()

    def broker(self, scenario):
        return RafkaServer(*(word for setting in [*BROKER, *SCENARIOS[scenario], *self.settings] for word in ("-X", setting)))

    def environment(self, unit, broker, home):
        (home / "test.conf").write_text(f"bootstrap.servers={broker.address}\nbroker.address.family=v4\n")
        env = environment(broker.address)
        for name in ("CI", "SUBTESTS", "TESTS_SKIP", "TEST_LEVEL"):
            env.pop(name, None)
        env.update(
            LD_LIBRARY_PATH=f"{self.tree / 'src'}:{self.tree / 'src-cpp'}",
            TEST_KAFKA_VERSION=KAFKA_VERSION,
            TESTS=unit.number,
            RDKAFKA_TEST_CONF=str(home / "test.conf"),
            KAFKA_PATH=str(HERE / "kafka-path"),
            BROKERS=broker.address,
            **self.extra,
        )
        if unit.subtests:
            env["SUBTESTS"] = f"{unit.subtests}:"
        return env

    def run_unit(self, unit, broker):
        with tempfile.TemporaryDirectory(prefix=f"rdk-{unit.number}-") as name:
            # Some tests look beside their directory for what the source tree has there.
            (pathlib.Path(name) / "src").symlink_to(self.tree / "src")
            home = pathlib.Path(name) / "tests"
            home.mkdir()
            command = [self.tree / "tests" / "test-runner", "-p1", "-L", "-r", "-s", unit.scenario, *self.flags]
            env = self.environment(unit, broker, home)
            began = time.monotonic()
            with open(home / "output", "wb") as output:
                process = subprocess.Popen(command, cwd=home, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
                self.processes.add(process)
                try:
                    code = process.wait(TEST_TIMEOUT)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                    code = None
                self.processes.discard(process)
            text = COLOUR.sub("", (home / "output").read_text(errors="backslashreplace"))
            return list(read_results(unit, home, code, text, time.monotonic() - began))


def read_results(unit, home, code, text, seconds):
    """The runner's report, and its exit code, which counts leaked threads too."""
    reports = list(home.glob("test_report_*.json"))
    states = {}
    with contextlib.suppress(ValueError):  # a report that was cut off says nothing
        states = json.loads(re.sub(r"[\x00-\x1f]", " ", reports[0].read_text()))["tests"] if reports else {}
    left_out = tuple(dict.fromkeys(found.strip() for pair in LEFT_OUT.findall(text) for found in pair if found))
    for name in unit.names:
        state = states.get(name.partition("/")[0], {})
        took = state.get("duration", seconds)
        verdict = {"PASSED": PASSED, "SKIPPED": SKIPPED}.get(state.get("state"), FAILED)
        why = {PASSED: "", SKIPPED: reason_of_skip(name, text), FAILED: reason_of_failure(text, code)}[verdict]
        # A failed test ends the runner with 1, and so do threads that live on after the last one.
        if verdict == PASSED and code != 0 and not any(other.get("state") == "FAILED" for other in states.values()):
            verdict, why = FAILED, reason_of_failure(text, code)
        if verdict == PASSED and unit.subtests and f"{unit.subtests}:" not in "".join(re.findall(r"\[ .*: PASS .*\]", text)):
            verdict, why = SKIPPED, left_out[0] if left_out else "its runner leaves it out"
        yield Result(name, verdict, took, why, text if verdict == FAILED else "", left_out if verdict == PASSED else ())


def reason_of_skip(name, text):
    """What the summary says, in its last column."""
    found = re.search(rf"^\|\s+{name}\s+\|\s+SKIPPED \|[^|]*\|(.*)$", text, re.M)
    return found and found.group(1).strip() or "skipped by its runner"


def reason_of_failure(text, code):
    found = re.search(r"^### Test .*? failed at .*? ###\n(.*)", text, re.M)
    if found:
        return found.group(1).strip()
    if code is None:
        return f"not done after {TEST_TIMEOUT} s"
    return f"exit {code}"


class Idempotent(Librdkafka):
    key = "librdkafka-idempotent"
    title = "librdkafka's producer tests, idempotent everywhere"
    about = (
        "Its tests that produce, each producer with enable.idempotence, in the runner's quick mode, which leaves some sub-tests out: "
        "-P -Q, as librdkafka's own Makefile runs them."
    )
    like = "librdkafka"
    in_readme = ""
    flags = ("-P", "-Q")
    parted = False

    def wants(self, unit):
        """librdkafka's own run-producer-tests.sh chooses by the same word, and takes the admin tests too."""
        return not unit.too_new and unit.number != "0081" and re.search(r"[pP]roduce", file_of(self.tree, unit.number).read_text())


class Kip848(Librdkafka):
    key = "librdkafka-kip848"
    title = "librdkafka's group tests, with KIP-848"
    about = "Its tests in which a consumer subscribes, with group.protocol=consumer."
    like = "librdkafka"
    in_readme = ""
    extra = {"TEST_CONSUMER_GROUP_PROTOCOL": "consumer"}
    # With this protocol the broker sets the session timeout. The tests mean six seconds, which clients say with the other one,
    # and give up after thirty.
    settings = (
        "group.consumer.min.session.timeout.ms=6000",
        "group.consumer.session.timeout.ms=8000",
        "group.consumer.min.heartbeat.interval.ms=1000",
        "group.consumer.heartbeat.interval.ms=2000",
    )

    def wants(self, unit):
        text = file_of(self.tree, unit.number).read_text()
        if unit.too_new:
            return False
        if unit.number == "0081":
            return "Consumer" in unit.subtests or "Groups" in unit.subtests
        return re.search(r"rd_kafka_subscribe|test_consumer_subscribe|->subscribe\(", text)
