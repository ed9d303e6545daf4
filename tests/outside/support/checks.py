"""Checks with messages that say what was expected, and the suite that runs them.

A suite is a list of cases in the order in which they are written. A case that fails does not stop the
next one. The last line printed is `SUITE: N passed, N failed, N skipped`, and the exit code is 1 when
anything failed.
"""

import argparse
import contextlib
import os
import signal
import sys
import time
import traceback

SHOWN_BYTES = 400


class Failure(Exception):
    """Something that was checked is not so."""


class Skip(Exception):
    """The case can't run here; the text says why."""


def fail(what):
    raise Failure(what)


def check(condition, what):
    if not condition:
        raise Failure(what)


def equal(actual, expected, what):
    if actual != expected:
        raise Failure(f"{what}:\n  expected {shown(expected)}\n  got      {shown(actual)}")


def contains(text, piece, what):
    if piece not in text:
        raise Failure(f"{what}: expected to find {shown(piece)} in\n{indented(text)}")


def lacks(text, piece, what):
    if piece in text:
        raise Failure(f"{what}: did not expect {shown(piece)} in\n{indented(text)}")


def same_bytes(actual, expected, what):
    """Like cmp: names the first difference instead of printing megabytes."""
    if actual == expected:
        return
    shorter = min(len(actual), len(expected))
    at = next((i for i in range(shorter) if actual[i] != expected[i]), shorter)
    line = expected.count(b"\n", 0, at) + 1
    around = slice(max(0, at - 60), at + 60)
    raise Failure(
        f"{what}: {len(actual)} bytes instead of {len(expected)}, first difference at byte {at} (line {line}):\n"
        f"  expected ...{expected[around]!r}\n  got      ...{actual[around]!r}"
    )


def shown(value):
    text = repr(value)
    return text if len(text) <= SHOWN_BYTES else f"{text[:SHOWN_BYTES]}... ({len(text)} characters)"


def indented(text, limit=3000):
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    if len(text) > limit:
        text = text[: limit // 2] + "\n...\n" + text[-limit // 2 :]
    return "\n".join("    | " + line for line in text.splitlines())


def eventually(probe, what, timeout=20.0, pause=0.05):
    """The first true answer of `probe`; a Failure when there is none in time."""
    deadline = time.monotonic() + timeout
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not so within {timeout:g} s")
        time.sleep(pause)


class Suite:
    """Cases that share a world, for example a broker that was started for them.

    `world` is a context manager made from the parsed flags; every case gets what it yields.
    """

    def __init__(self, name, about, world):
        self.name = name
        self.about = about
        self.world = world
        self.cases = []

    def case(self, title):
        def keep(function):
            self.cases.append((title, function))
            return function

        return keep

    def arguments(self, parser):
        """Flags of every suite; a suite may add its own by replacing this."""

    def main(self):
        parser = argparse.ArgumentParser(description=self.about)
        parser.add_argument("--broker", metavar="HOST:PORT", help="use this running rafka-server instead of starting one")
        parser.add_argument("--only", metavar="TEXT", action="append", help="only the cases whose title holds TEXT")
        parser.add_argument("--bin", metavar="DIR", help="where the four programs are (default: target/release or target/debug)")
        parser.add_argument("--list", action="store_true", help="print the titles of the cases")
        parser.add_argument("-v", "--verbose", action="store_true", help="print every command")
        self.arguments(parser)
        flags = parser.parse_args()
        if flags.list:
            print("\n".join(title for title, _ in self.cases))
            return 0
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        os.environ["RAFKA_OUTSIDE_VERBOSE"] = "1" if flags.verbose else ""
        if flags.bin:
            os.environ["RAFKA_BIN"] = os.path.abspath(flags.bin)
        wanted = [(t, f) for t, f in self.cases if not flags.only or any(o in t for o in flags.only)]
        with contextlib.ExitStack() as stack:
            try:
                world = stack.enter_context(self.world(flags))
            except Skip as why:
                return self.closing(0, 0, len(wanted), f"skipped: {why}")
            except Exception:  # whatever it is, no case can run
                traceback.print_exc()
                return self.closing(0, 1, 0, "could not be set up")
            passed, failed, skipped = self.run(wanted, world)
        return self.closing(passed, failed, skipped)

    def run(self, wanted, world):
        passed = failed = skipped = 0
        for title, function in wanted:
            began = time.monotonic()
            try:
                function(world)
                passed, verdict, why = passed + 1, "ok  ", None
            except Skip as reason:
                skipped, verdict, why = skipped + 1, "skip", str(reason)
            except Failure as reason:
                failed, verdict, why = failed + 1, "FAIL", str(reason)
            except Exception:  # a broken driver is a failed case, not the end of the suite
                failed, verdict, why = failed + 1, "FAIL", traceback.format_exc()
            print(f"{verdict} {self.name}: {title} ({time.monotonic() - began:.1f} s)", flush=True)
            if why:
                print(indented(why), flush=True)
        return passed, failed, skipped

    def closing(self, passed, failed, skipped, why=None):
        if why:
            print(f"{self.name}: {why}")
        print(f"{self.name}: {passed} passed, {failed} failed, {skipped} skipped", flush=True)
        return 1 if failed else 0
