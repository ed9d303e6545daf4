"""What became of a test, and what a suite is."""

import dataclasses

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclasses.dataclass(frozen=True)
class Result:
    name: str
    verdict: str
    seconds: float = 0.0
    why: str = ""  # one line, where it did not pass
    story: str = ""  # what it printed, where that helps
    left_out: tuple = ()  # its own parts that it skipped, though it passed
    tries: int = 1

    @property
    def passed(self):
        return self.verdict == PASSED


class ForeignSuite:
    """One row of the page."""

    key = ""  # what the command line calls it
    title = ""  # what the page calls it
    about = ""  # a sentence or two for the page
    in_readme = ""  # what the README's sentence of figures calls its tests, if it speaks of them
    like = None  # the key of the suite whose tests these are, run in another way
    names_are_sentences = False
    given = None  # the address of a broker to use instead of one of its own, where a suite can do that

    def told_settings(self):
        """The broker's settings that are not its defaults, for the page."""
        return []

    def prepare(self):
        """Fetches and builds what it needs, into target/outside; only once."""

    def version(self):
        raise NotImplementedError

    def tests(self):
        """The names of all its tests, in its order."""
        raise NotImplementedError

    def run(self, names, alone=False):
        """Results of these tests, as they come. `alone` runs one test at a time: the second try of those that failed."""
        raise NotImplementedError
