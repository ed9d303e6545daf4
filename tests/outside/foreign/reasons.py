"""Why a test does not pass: reasons.txt, a sentence and below it, indented, the tests that it stands for."""

import pathlib

from support.checks import Failure

PATH = pathlib.Path(__file__).resolve().parent / "reasons.txt"


class Reasons:
    def __init__(self, text):
        self.by_suite = {}
        suite = sentence = None
        for number, line in enumerate(text.splitlines(), 1):
            word = line.strip()
            if not word or word.startswith("#"):
                continue
            if word.startswith("["):
                suite, sentence = self.by_suite.setdefault(word.strip("[]"), {}), None
            elif not line.startswith(" "):
                sentence = word
            elif suite is None or sentence is None or word in suite:
                raise Failure(f"reasons.txt, line {number}: {word!r} has no suite or sentence above it, or comes twice")
            else:
                suite[word] = sentence

    @classmethod
    def read(cls):
        return cls(PATH.read_text())

    def of(self, suite, name):
        """The suite's own reason, else the one given for the suite whose tests it runs in another way."""
        return self.by_suite.get(suite.key, {}).get(name) or self.by_suite.get(suite.like, {}).get(name)

    def complaints(self, suite, results):
        """What would make the page untrue."""
        verdicts = {r.name: r for r in results}
        for result in results:
            if not result.passed and not self.of(suite, result.name):
                yield f"{result.name} {result.verdict} and reasons.txt does not say why: {result.why}"
        for name in self.by_suite.get(suite.key, {}):
            if name not in verdicts:
                yield f"reasons.txt speaks of {name}, which the suite does not have"
            elif verdicts[name].passed:
                yield f"reasons.txt says why {name} does not pass, but it passes"
