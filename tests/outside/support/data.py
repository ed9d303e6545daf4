"""The real lines: every flight that left New York City in 2013, where the project's shared data is at hand."""

import gzip
import pathlib

from .checks import Skip
from .commands import ROOT

TAIL_NUMBER = 11  # the twelfth field
NOT_KNOWN = b"NA"  # stands where there is none


class Flights:
    """The file unpacked into `home`, and views of it that the checks need."""

    def __init__(self, home):
        self.packed = packed_flights()
        self.home = pathlib.Path(home)
        self.path = self.home / "flights.csv"
        self.bytes = gzip.decompress(self.packed.read_bytes())
        self.path.write_bytes(self.bytes)
        self.lines = self.bytes.splitlines(keepends=True)

    def keyed(self):
        """A file of `TAILNUMBER<TAB>LINE`, without the header, and the pairs in it. A flight without one has an empty key."""
        pairs = [(line.split(b",")[TAIL_NUMBER], line.rstrip(b"\n")) for line in self.lines[1:]]
        pairs = [(b"" if key == NOT_KNOWN else key, line) for key, line in pairs]
        path = self.home / "flights.keyed"
        path.write_bytes(b"".join(key + b"\t" + line + b"\n" for key, line in pairs))
        return path, pairs


def packed_flights():
    path = pathlib.Path(ROOT).parent / "shared" / "data" / "flights.csv.gz"
    if not path.exists():
        raise Skip("../shared/data/flights.csv.gz is not here")
    return path
