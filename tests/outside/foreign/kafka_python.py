"""kafka-python's integration tests, from its source archive; one pytest for each of its files."""

import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree

from support.brokers import RafkaServer
from support.checks import Failure
from support.commands import environment, quote, sh
from support.kafka import free_port

from .fetching import once, patient
from .results import FAILED, PASSED, SKIPPED, ForeignSuite, Result

PACKAGE = "kafka-python==3.0.12"
# What its tests import, and the codecs, or they skip.
NEEDS = "pytest==8.4.2 pytest-timeout==2.4.0 pytest-mock==3.15.1 crc32c==2.8 lz4==4.4.5 python-snappy==0.7.3 zstandard==0.25.0"
# The release that it takes this broker for, by the versions that are announced; one test compares.
KAFKA_VERSION = "4.3.0"
HERE = pathlib.Path(__file__).resolve().parent
FOLDER = "test/integration"
FILE_TIMEOUT = 600
# Its consumers ask for sessions of three seconds, one test assigns partitions to broker 0, and one wants to see that
# advertised.listeners was set.
BROKER = ["num.partitions=4", "group.min.session.timeout.ms=1000", "node.id=0"]
OWN_BROKER = {
    "test_sasl_integration.py": "starts a broker of its own, with SASL",
    "test_ssl_integration.py": "starts a broker of its own, with TLS",
}


class KafkaPython(ForeignSuite):
    key = "kafka-python"
    title = "kafka-python's integration tests"
    in_readme = "kafka-python's integration tests"
    about = "test/integration of its source archive, under pytest."

    def prepare(self):
        with once("kafka-python-" + PACKAGE.rpartition("==")[2]) as (place, fresh):
            if fresh:
                patient(f"python3 -m venv --clear venv && venv/bin/pip install -q --disable-pip-version-check --only-binary :all: {NEEDS}", cwd=place)
                patient(f"venv/bin/pip download -q --no-deps --no-binary :all: {quote(PACKAGE)}", cwd=place)
                sh("tar xzf kafka_python-*.tar.gz && mkdir -p source && mv kafka_python-*/* source", cwd=place)
                # The archive leaves these two out; and Python has a package named test itself.
                (place / "source" / "test" / "__init__.py").touch()
                shutil.copy2(HERE / "kafka_python_service.py", place / "source" / "test" / "service.py")
                # Its fixtures look for a Kafka, though they are told to start none.
                (place / "source" / "servers" / KAFKA_VERSION / "kafka-bin").mkdir(parents=True)
        self.source = place / "source"
        self.pytest = [str(place / "venv/bin/python"), "-B", "-m", "pytest", "-p", "no:cacheprovider", "-o", "addopts="]

    def told_settings(self):
        return [*BROKER, "advertised.listeners"]

    def version(self):
        return PACKAGE.rpartition("==")[2]

    def environment(self, address):
        env = environment()
        env.update(KAFKA_URI=f"kafka://{address}", KAFKA_VERSION=KAFKA_VERSION)
        return env

    def tests(self):
        done = subprocess.run(
            [*self.pytest, "--collect-only", "-q", FOLDER], cwd=self.source, env=self.environment("127.0.0.1:1"), capture_output=True, text=True, timeout=60
        )
        names = [line[len(FOLDER) + 1 :] for line in done.stdout.splitlines() if line.startswith(f"{FOLDER}/") and "::" in line]
        if done.returncode != 0 or not names:
            raise Failure(f"pytest could not list the tests:\n{done.stdout}\n{done.stderr}")
        return names

    def run(self, names, alone=False):
        by_file = {}
        for name in names:
            by_file.setdefault(name.partition("::")[0], []).append(name)
        for file in set(by_file) & set(OWN_BROKER):
            yield from (Result(name, SKIPPED, why=OWN_BROKER[file]) for name in by_file.pop(file))
        address = f"127.0.0.1:{free_port()}"
        flags = [word for setting in BROKER for word in ("-X", setting)]
        with RafkaServer("--advertise", address, *flags, address=address) as broker, concurrent.futures.ThreadPoolExecutor(1 if alone else len(by_file) or 1) as pool:
            for results in pool.map(lambda tests: self.run_file(tests, broker), by_file.values()):
                yield from results
            broker.check_alive()
            broker.stop()

    def run_file(self, names, broker):
        with tempfile.TemporaryDirectory(prefix="kafka-python-") as home:
            report = pathlib.Path(home) / "report.xml"
            ids = [f"{FOLDER}/{name}" for name in names]
            command = [*self.pytest, "--timeout=45", "--timeout-method=signal", "-q", "-o", "junit_logging=log", f"--junitxml={report}", *ids]
            env = self.environment(broker.address)
            with open(os.path.join(home, "output"), "wb") as output:
                subprocess.run(command, cwd=self.source, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=FILE_TIMEOUT)
            return list(read_report(report, names))


def read_report(report, names):
    cases = {}
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        words = case.get("classname").split(".")[2:]
        cases["::".join([f"{words[0]}.py", *words[1:], case.get("name")])] = case
    for name in names:
        case = cases.get(name)
        if case is None:
            yield Result(name, FAILED, why="pytest did not report it")
            continue
        bad = [element for kind in ("failure", "error") for element in case.findall(kind)]
        skip = case.find("skipped")
        verdict = FAILED if bad else SKIPPED if skip is not None else PASSED
        said = bad[0] if bad else skip
        why = "" if said is None else (said.get("message") or "").strip().split("\n")[0]
        story = "\n".join(element.text or "" for element in [*bad, *case.findall("system-out")]) if bad else ""
        yield Result(name, verdict, float(case.get("time", 0)), why, story)
