"""The same cases against rafka-server and Apache Kafka: what the tools promise, they promise for any Kafka."""

import contextlib
import itertools
import os
import tempfile

from .brokers import RafkaServer, RunningElsewhere
from .checks import Failure, Skip
from .commands import sh
from .kafka import ApacheKafka

RAFKA, APACHE = "rafka-server", "Apache Kafka"


class Target:
    """One broker, with topic names that no other case has."""

    numbers = itertools.count(1)

    def __init__(self, broker, home):
        self.broker = broker
        self.address = broker.address
        self.home = home

    def name(self, word):
        return f"{word}-{os.getpid()}-{next(self.numbers)}"

    def topic(self, word, partitions=1):
        name = self.name(word)
        self.sh(f"rafka-admin create-topic {name} -p {partitions}")
        return name

    def sh(self, command, code=0, stdin=b"", timeout=60):
        return sh(command, self.address, code=code, stdin=stdin, timeout=timeout, cwd=self.home)

    def out(self, command, **more):
        return self.sh(command, **more).text


class Both:
    def __init__(self, home):
        self.home = home
        self.targets = {}
        self.why_not = {}

    def target(self, kind):
        if kind in self.targets:
            return self.targets[kind]
        raise self.why_not.get(kind) or Skip("not asked for")


@contextlib.contextmanager
def world(flags):
    """rafka-server (or the broker that was given) and Apache Kafka; one that can't be had fails or skips its cases."""
    with tempfile.TemporaryDirectory(prefix="tools-") as home, contextlib.ExitStack() as stack:
        both = Both(home)
        wanted = {
            RAFKA: (lambda: RunningElsewhere(flags.broker)) if flags.broker else (lambda: stack.enter_context(RafkaServer())),
            APACHE: lambda: stack.enter_context(ApacheKafka()),
        }
        for kind, start in wanted.items():
            if flags.against and flags.against != kind.split("-")[0].split(" ")[0].lower():
                continue
            try:
                both.targets[kind] = Target(start(), home)
            except (Failure, Skip) as why:
                both.why_not[kind] = why
        yield both
        for target in both.targets.values():
            if isinstance(target.broker, RafkaServer):
                target.broker.stop()


def arguments(parser):
    parser.add_argument("--against", choices=["rafka", "apache"], help="only one of the two brokers")


def both(suite, title):
    """Registers the case twice, once for each broker."""

    def keep(function):
        for kind in (RAFKA, APACHE):
            suite.case(f"{title} [{kind}]")(lambda w, kind=kind: function(w.target(kind)))
        return function

    return keep
