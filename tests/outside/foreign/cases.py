"""Suites whose tests are cases written here, each with a sentence for a name, over a program that is not ours."""

import concurrent.futures
import contextlib
import itertools
import json
import os
import pathlib
import tempfile
import time
import traceback

from support.brokers import RafkaServer, RunningElsewhere
from support.checks import Failure, Skip
from support.commands import Running, quote, sh
from support.python import python

from .results import FAILED, PASSED, SKIPPED, ForeignSuite, Result

CLIENTS = pathlib.Path(__file__).resolve().parents[1] / "clients"


class World:
    """The broker, a directory, and names that no other case has."""

    numbers = itertools.count(1)

    def __init__(self, broker, home):
        self.broker, self.home = broker, home
        self.address = broker.address

    def name(self, word):
        return f"{word}-{os.getpid()}-{next(self.numbers)}"

    def topic(self, word, partitions=1):
        name = self.name(word)
        self.sh(f"rafka-admin create-topic {name} -p {partitions}")
        return name

    def sh(self, command, timeout=60, **more):
        return sh(command, self.address, timeout=timeout, cwd=self.home, **more)

    def running(self, command, **more):
        return Running(command, self.address, cwd=self.home, **more)

    def group(self, name):
        """A group's state, how many partitions each member has, committed offsets and lags: asked with a client that is not ours."""
        done = self.sh(f"{python()} -B {quote(CLIENTS / 'group_state.py')} $B {name}", code=None)
        return json.loads(done.text) if done.code == 0 else {"state": None, "members": None, "committed": {}, "lag": {}}


class CaseSuite(ForeignSuite):
    names_are_sentences = True
    parallel = 1

    def __init__(self):
        self.cases = {}

    def case(self, title):
        def keep(function):
            self.cases[title] = function
            return function

        return keep

    def tests(self):
        return list(self.cases)

    @contextlib.contextmanager
    def broker(self):
        if self.given:
            yield RunningElsewhere(self.given)
            return
        with RafkaServer() as broker:
            yield broker
            broker.check_alive()
            broker.stop()

    def run(self, names, alone=False):
        with tempfile.TemporaryDirectory(prefix=f"{self.key}-") as home, self.broker() as broker:
            world = World(broker, home)
            pool = concurrent.futures.ThreadPoolExecutor(1 if alone else self.parallel)
            try:
                yield from pool.map(lambda name: self.run_case(name, world), names)
            finally:
                pool.shutdown(cancel_futures=True)

    def run_case(self, name, world):
        began = time.monotonic()
        try:
            self.cases[name](world)
            verdict, why = PASSED, ""
        except Skip as reason:
            verdict, why = SKIPPED, str(reason)
        except Failure as reason:
            verdict, why = FAILED, str(reason)
        except Exception:  # a broken driver is a failed case
            verdict, why = FAILED, traceback.format_exc()
        return Result(name, verdict, time.monotonic() - began, why, why if verdict == FAILED else "")
