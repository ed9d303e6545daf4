#!/usr/bin/env python3
"""Other people's test suites against rafka-server, and the page that says how they fare: docs/COMPATIBILITY.md.

    card.py check [SUITE...]    what CI runs: all that the page lists as passing must pass, at the second try at least
    card.py write [SUITE...]    runs all tests of these suites and writes the page; other suites keep their last results
    card.py page                writes the page from the last results, for new words or reasons
    card.py list [SUITE...]     the names of the tests

`--only TEXT` runs a part (of check, or of write without writing anything), `--failed` those that did not pass the last
time, and keeps the outcome with the others' last results; `-v` shows what a failed test printed.
`--broker HOST:PORT` tries the cases that are written here against a broker that runs elsewhere, as Apache Kafka does.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import signal
import sys
import threading
import time
import traceback

from foreign import java_tools, page
from foreign.clients import CLIENTS
from foreign.kafka_python import KafkaPython
from foreign.librdkafka import Idempotent, Kip848, Librdkafka
from foreign.reasons import Reasons
from foreign.results import Result
from support.checks import Failure, Skip, indented
from support.commands import CACHE

SUITES = [Librdkafka(), Idempotent(), Kip848(), KafkaPython(), java_tools.suite, *CLIENTS]
VERDICTS = {"passed": "ok  ", "failed": "FAIL", "skipped": "skip"}


@dataclasses.dataclass
class Outcome:
    """What a whole run of a suite gave; kept in target/outside until the next one."""

    version: str
    minutes: float
    results: list

    @staticmethod
    def file(suite):
        return CACHE / "card" / f"{suite.key}.json"

    def save(self, suite):
        self.file(suite).parent.mkdir(parents=True, exist_ok=True)
        plain = [{**dataclasses.asdict(r), "story": ""} for r in self.results]
        self.file(suite).write_text(json.dumps({"version": self.version, "minutes": self.minutes, "results": plain}, indent=1))

    @classmethod
    def load(cls, suite):
        if not cls.file(suite).exists():
            raise Failure(f"{suite.key} was not run yet: `tests/outside/card.py write {suite.key}`")
        kept = json.loads(cls.file(suite).read_text())
        return cls(kept["version"], kept["minutes"], [Result(**{**r, "left_out": tuple(r["left_out"])}) for r in kept["results"]])


def run(suite, names, flags):
    """Results in the suite's order. What fails for no known reason is tried once more, alone; what fails twice failed."""
    reasons = Reasons.read()
    results = {}
    for result in suite.run(names):
        results[result.name] = result
        show(suite, result, flags)
    failed = [name for name in names if name in results and results[name].verdict == "failed"]
    again = [name for name in failed if not flags.once and not reasons.of(suite, name)]
    if again:
        print(f"     {suite.key}: a second try of {len(again)}", flush=True)
        for result in suite.run(again, alone=True):
            results[result.name] = dataclasses.replace(result, tries=2)
            show(suite, result, flags)
    for name in names:
        results.setdefault(name, Result(name, "failed", why="it did not run"))
    return [results[name] for name in names]


def show(suite, result, flags):
    print(f"{VERDICTS[result.verdict]} {suite.key}: {result.name} ({result.seconds:.1f} s)", flush=True)
    if result.why:
        print(indented(result.why[:1000]), flush=True)
    if result.story and flags.verbose:
        print(indented(result.story, 20_000), flush=True)
    if result.story:
        place = CACHE / "card" / "failed" / f"{suite.key}-{result.name.replace('/', '-')}.log"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(result.story)


def wanted(names, flags, kept=None):
    if kept:
        passed = {r.name for r in kept.results if r.passed}
        names = [name for name in names if name not in passed]
    return [name for name in names if not flags.only or any(text in name for text in flags.only)]


def check(suite, listed, flags):
    """Passed, failed, skipped; the last is what the page says does not pass."""
    version, names, rest = listed.get(suite.title, ("", [], []))
    suite.prepare()
    complaints = []
    if suite.version() != version:
        complaints.append(f"the page speaks of version {version or 'none'}, this is {suite.version()}")
    there = set(suite.tests())
    complaints += [f"the page does not know {name}" for name in there - set(names) - set(rest)]
    complaints += [f"the page lists {name}, which the suite does not have" for name in set(names + rest) - there]
    results = run(suite, wanted([name for name in names if name in there], flags), flags)
    for text in complaints:
        print(f"FAIL {suite.key}: {text}: write the page anew")
    passed = sum(r.passed for r in results)
    return passed, len(results) - passed + len(complaints), len(rest)


def write(suite, flags, part):
    began = time.monotonic()
    suite.prepare()
    kept = Outcome.load(suite) if flags.failed else None
    results = run(suite, wanted(suite.tests(), flags, kept), flags)
    minutes = (time.monotonic() - began) / 60
    if kept:
        newer = {r.name: r for r in results}
        older = {r.name: r for r in kept.results}
        results = [newer.get(name) or older[name] for name in suite.tests()]
        minutes = kept.minutes
    if kept or not part:
        Outcome(suite.version(), minutes, results).save(suite)
    return [sum(r.verdict == verdict for r in results) for verdict in VERDICTS]


def write_page():
    """The page, if it can be true."""
    reasons = Reasons.read()
    outcomes = {suite.key: Outcome.load(suite) for suite in SUITES}
    complaints = [f"{s.key}: {text}" for s in SUITES for text in reasons.complaints(s, outcomes[s.key].results)]
    if complaints:
        raise Failure("the page was not written:\n" + "\n".join(complaints))
    page.write(SUITES, outcomes, reasons)
    print(f"written: {page.PATH}")


def prepare_ahead(suites):
    """Fetches and builds for the suites to come while the first ones run, which wait most of their time. What goes wrong here
    goes wrong again, and is told, when the suite's turn comes."""

    def prepare():
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)  # of this thread, and of what it starts
        for suite in suites:
            with contextlib.suppress(Exception):
                suite.prepare()

    threading.Thread(target=prepare, daemon=True).start()


def each(suites, action):
    """Runs the action for each suite; prints minutes and counts of each, and gives the sums."""
    totals, story = [0, 0, 0], []
    prepare_ahead(suites[1:])
    for suite in suites:
        began = time.monotonic()
        try:
            counts = action(suite)
        except (Failure, Skip) as why:
            print(f"FAIL {suite.key}: did not run: {why}", flush=True)
            counts = [0, 1, 0]
        except Exception:  # a broken driver is a suite that did not run
            print(f"FAIL {suite.key}: did not run:\n{indented(traceback.format_exc())}", flush=True)
            counts = [0, 1, 0]
        totals = [a + b for a, b in zip(totals, counts)]
        minutes = (time.monotonic() - began) / 60
        story.append(f"  {suite.key:22} {minutes:5.1f} min  {counts[0]} passed, {counts[1]} failed, {counts[2]} skipped")
        print(story[-1], flush=True)
    print("\n".join(story))
    return totals


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["check", "write", "page", "list"])
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(suite.key for suite in SUITES))
    parser.add_argument("--only", metavar="TEXT", action="append", help="only the tests whose name holds TEXT")
    parser.add_argument("--failed", action="store_true", help="for write: only what did not pass the last time")
    parser.add_argument("--once", action="store_true", help="no second try")
    parser.add_argument("--broker", metavar="HOST:PORT", help="for the suites of cases: a broker that runs already; writes nothing")
    parser.add_argument("--bin", metavar="DIR", help="where the four programs are (default: target/release or target/debug)")
    parser.add_argument("-v", "--verbose", action="store_true", help="show what a failed test printed")
    flags = parser.parse_args()
    unknown = set(flags.suites) - {suite.key for suite in SUITES}
    if unknown:
        parser.error(f"no such suite: {' '.join(sorted(unknown))}")
    if flags.bin:
        os.environ["RAFKA_BIN"] = os.path.abspath(flags.bin)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    for suite in SUITES:
        suite.given = flags.broker
    part = bool(flags.only or flags.broker)
    suites = [suite for suite in SUITES if not flags.suites or suite.key in flags.suites]
    try:
        if flags.what == "page":
            write_page()
            return 0
        if flags.what == "list":
            for suite in suites:
                suite.prepare()
                print("\n".join(f"{suite.key}: {name}" for name in suite.tests()))
            return 0
        if flags.what == "check":
            listed = page.passing()
            totals = each(suites, lambda suite: check(suite, listed, flags))
        else:
            totals = each(suites, lambda suite: write(suite, flags, part))
            if not part:
                write_page()
    except Failure as why:
        print(f"card: {why}", file=sys.stderr)
        return 1
    print(f"card: {totals[0]} passed, {totals[1]} failed, {totals[2]} skipped", flush=True)
    return 1 if totals[1] and flags.what == "check" else 0


if __name__ == "__main__":
    sys.exit(main())
