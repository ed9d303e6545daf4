#!/usr/bin/env python3
"""rafka-server killed over and over under librdkafka: nothing acknowledged is lost. `--rounds 1000` for a long run."""

import contextlib
import os
import pathlib
import shutil
import sys
import tempfile

from support.checks import Suite, contains
from support.commands import quote, sh
from support.python import python

HERE = pathlib.Path(__file__).resolve().parent / "clients"
# What fits into CI.
ROUNDS = 200


class World:
    def __init__(self, rounds):
        self.rounds = rounds


@contextlib.contextmanager
def world(flags):
    yield World(flags.rounds)


suite = Suite("kills", __doc__, world)
suite.arguments = lambda parser: parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help=f"kills, at least ({ROUNDS})")


@suite.case("an idempotent producer, a plain one and a group through kills and freezes")
def _(w):
    home = tempfile.mkdtemp(prefix="rafka-kills-")
    done = sh(f"{python()} {quote(HERE / 'kills.py')} {w.rounds} {quote(home)}", timeout=60 + 5 * w.rounds, code=None)
    last = done.lines[-1] if done.lines else ""
    print(f"     {last}")
    if done.code == 0 and not os.environ.get("RAFKA_KEEP"):
        shutil.rmtree(home, ignore_errors=True)
    else:
        print(f"     kept: {home}")
    contains(last, "kills: fine", f"the verdict of\n{done.story() if done.code else last}\nlast line")


if __name__ == "__main__":
    sys.exit(suite.main())
