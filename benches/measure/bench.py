"""What a row has at hand: data, servers, turns, and a place for what it finds."""

import contextlib
import os
import pathlib
import random
import resource
import shutil
import signal
import statistics
import subprocess
import time

from support.brokers import RafkaServer
from support.checks import Failure, Skip
from support.commands import environment

from .processes import Kafka, Watched

GB = 1_000_000_000
LEFT_FREE = 15 * GB
PIPELINE_TIMEOUT_S = 180


class Turn:
    """One run of a pipeline: how long it took, and what its broker and its own processes used."""

    def __init__(self, seconds, client_cpu, watched=None, out=b""):
        self.seconds, self.client_cpu, self.out = seconds, client_cpu, out
        self.broker_cpu = watched.cpu if watched else None
        self.peak_mib = watched.peak_mib if watched else None


class Series:
    """One contender's measured turns."""

    def __init__(self, name, unit, values, turns=(), better="higher"):
        self.name, self.unit, self.values, self.better = name, unit, list(values), better
        self.broker_cpu = [turn.broker_cpu for turn in turns if turn.broker_cpu is not None]
        self.client_cpu = [turn.client_cpu for turn in turns]
        self.peak_mib = [turn.peak_mib for turn in turns if turn.peak_mib is not None]

    @property
    def median(self):
        return statistics.median(self.values)

    def kept(self):
        kept = {"name": self.name, "unit": self.unit, "better": self.better, "values": [round(v, 6) for v in self.values]}
        for name in ("broker_cpu", "client_cpu", "peak_mib"):
            if getattr(self, name):
                kept[name] = [round(v, 3) for v in getattr(self, name)]
        return kept


class Bench:
    def __init__(self, name, home, quick, stack):
        self.name, self.home, self.quick, self.stack = name, home, quick, stack
        self.series, self.verdicts, self.notes = [], [], []
        self.chance = random.Random(name)

    # What is at hand

    def lines(self, count, width=100):
        """A file of so many lines of so many bytes, and a newline each."""
        path = self.home / f"lines-{count}-{width}"
        if not path.exists():
            block = b"".join(b"%0*x\n" % (width, self.chance.getrandbits(4 * width)) for _ in range(min(count, 10_000)))
            with open(path, "wb") as file:
                for _ in range(count // min(count, 10_000)):
                    file.write(block)
            os.sync()
        return path

    def need_space(self, gigabytes):
        """Skips the row rather than filling somebody's disk."""
        free = shutil.disk_usage(self.home).free
        if free < gigabytes * GB + LEFT_FREE:
            raise Skip(f"needs {gigabytes} GB and leaves {LEFT_FREE // GB} GB free; there are {free / GB:.0f} GB")

    def start(self, server):
        """A server that lives as long as the row."""
        return self.stack.enter_context(server)

    def rafka(self, *flags):
        """A rafka-server of the release build, with defaults but for the flags."""
        return RafkaServer(*flags)

    def kafka(self):
        """Apache Kafka, or None where the machine can't run it."""
        try:
            return self.start(Kafka())
        except Skip as reason:
            self.notes.append(f"Apache Kafka is not in this row: {reason}.")
            return None

    # Turns

    def run(self, command, watch=None, broker=None):
        """Times a line of bash, which must succeed."""
        env = environment(broker)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with contextlib.ExitStack() as stack:
            watched = stack.enter_context(Watched(watch)) if watch else None
            began = time.perf_counter()
            process = subprocess.Popen(
                ["bash", "-o", "pipefail", "-c", command],
                env=env, cwd=self.home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                start_new_session=True,  # so that the whole pipeline can be ended
            )  # fmt: skip
            try:
                out, err = process.communicate(timeout=PIPELINE_TIMEOUT_S)
            except BaseException as problem:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                if isinstance(problem, subprocess.TimeoutExpired):
                    raise Failure(f"took longer than {PIPELINE_TIMEOUT_S} s: {command}") from None
                raise
            seconds = time.perf_counter() - began
        if process.returncode != 0:
            raise Failure(f"exit {process.returncode} from: {command}\n{err[-2000:].decode(errors='replace')}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Turn(seconds, used, watched, out)

    def take_turns(self, contenders, turns=None):
        """Runs each contender's function once a turn, A B A B, and gives what they returned, without the first turn."""
        turns = turns or (3 if self.quick else 6)
        taken = {name: [] for name in contenders}
        for turn in range(turns):
            for name, run in contenders.items():
                os.sync()
                outcome = run(turn)
                if turn > 0 or turns == 1:
                    taken[name].append(outcome)
        return taken

    # What it found

    def found(self, name, unit, values, turns=(), better="higher"):
        series = Series(name, unit, values, turns, better)
        self.series.append(series)
        return series

    def at_least(self, what, got, limit, unit="", yardstick=False, judged=True):
        self._verdict(what, got, limit, "at least", unit, got >= limit, yardstick, judged)

    def at_most(self, what, got, limit, unit="", judged=True):
        self._verdict(what, got, limit, "at most", unit, got <= limit, False, judged)

    def _verdict(self, what, got, limit, kind, unit, met, yardstick, judged):
        verdict = {"what": what, "got": round(got, 6), "limit": limit, "kind": kind, "unit": unit, "met": met}
        self.verdicts.append({**verdict, "yardstick": yardstick, "judged": judged})

    def told(self, what, got, unit=""):
        """A figure without a target."""
        self.verdicts.append({"what": what, "got": round(got, 6), "limit": None, "kind": "", "unit": unit, "met": None, "yardstick": False, "judged": False})

    def outcome(self, failure):
        return {
            "row": self.name,
            "series": [series.kept() for series in self.series],
            "verdicts": self.verdicts,
            "notes": self.notes,
            "failure": failure,
        }


def ratio(series, other):
    """Of medians. Where less is better, too: what the first takes for each that the other takes."""
    return series.median / other.median


def percentile(values, percent):
    """The nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * percent // 100) - 1))]


def numbers(text):
    return [float(word) for word in text.split()]


def wait_for(what, look, patience=60):
    deadline = time.monotonic() + patience
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Failure(f"waited {patience} s: {what}")
        time.sleep(0.01)


def directory_bytes(path):
    return sum(file.stat().st_size for file in pathlib.Path(path).rglob("*") if file.is_file())
