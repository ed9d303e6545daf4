"""docs/COMPATIBILITY.md: written from results, and read again for what it lists as passing."""

import re
import textwrap

from support.checks import Failure
from support.commands import ROOT

from .results import FAILED, PASSED, SKIPPED

PATH = ROOT / "docs" / "COMPATIBILITY.md"
README = ROOT / "README.md"
MARKS = ("<!-- figures: tests/outside/card.py -->\n", "<!-- end of figures -->\n")
HEAD = """\
# Compatibility

<!-- Written by `tests/outside/card.py write`. CI runs again what is listed here as passing: `tests/outside/card.py check`. -->

Other people's test suites and programs, unmodified, each against a rafka-server that was started for it, with defaults but
where a section names settings. A suite's list of tests comes from the suite; a skip is not a pass; each test that does not
pass is here with its reason. The minutes are those of the run that wrote this, on whatever else the machine had to do.

"""
TABLE = "| suite | version | passed | failed | skipped | minutes |\n|---|---|---:|---:|---:|---:|\n"


def write(suites, outcomes, reasons):
    """`outcomes` holds for each suite's key its version, minutes and results."""
    rows = []
    for suite in suites:
        outcome = outcomes[suite.key]
        counts = [sum(r.verdict == v for r in outcome.results) for v in (PASSED, FAILED, SKIPPED)]
        anchor = re.sub(r"[^\w -]", "", suite.title.lower()).replace(" ", "-")
        cells = [f"[{suite.title}](#{anchor})", outcome.version, *map(str, counts), f"{outcome.minutes:.1f}"]
        rows.append(f"| {' | '.join(cells)} |\n")
    write_readme(suites, outcomes)
    sections = [section(suite, outcomes[suite.key], reasons) for suite in suites]
    PATH.write_text(HEAD + TABLE + "".join(rows) + "\n" + "\n".join(sections))


def write_readme(suites, outcomes):
    """The README's sentence of figures, between its marks."""
    told = []
    for suite in suites:
        if suite.in_readme:
            outcome = outcomes[suite.key]
            told.append(f"{sum(r.passed for r in outcome.results)} of {len(outcome.results)} of {suite.in_readme} ({outcome.version})")
    sentence = (
        f"Other people's test suites, run unmodified against it: {'; '.join(told)}. "
        "[docs/COMPATIBILITY.md](docs/COMPATIBILITY.md) names every test that does not pass, with the reason, and the clients tried."
    )
    before, _, rest = README.read_text().partition(MARKS[0])
    _, mark, after = rest.partition(MARKS[1])
    if not mark:
        raise Failure(f"README.md has lost its marks {MARKS[0].strip()} and {MARKS[1].strip()}")
    README.write_text(before + MARKS[0] + "\n".join(wrapped(sentence)) + "\n" + MARKS[1] + after)


def section(suite, outcome, reasons):
    told = suite.told_settings()
    settings = ["", *wrapped("Settings: " + ", ".join(f"`{setting}`" for setting in told) + ".")] if told else []
    lines = [f"## {suite.title}", "", *wrapped(suite.about), *settings, ""]
    passed = [r for r in outcome.results if r.passed]
    if suite.names_are_sentences:
        lines += ["Passed:", "", *(f"- {r.name}" for r in passed), ""]
    else:
        lines += ["Passed:", *wrapped(" ".join(f"`{r.name}`" for r in passed)), ""]
    rest = [r for r in outcome.results if not r.passed]
    if rest:
        lines += ["| does not pass | | why |", "|---|---|---|"]
        lines += [f"| `{r.name}` | {r.verdict} | {reasons.of(suite, r.name)} |" for r in rest]
        lines.append("")
    parts = [f"- `{r.name}`: {part}" for r in passed for part in r.left_out]
    if parts:
        lines += ["Parts that passing tests leave out, in their words:", "", *parts, ""]
    return "\n".join(lines)


def wrapped(text):
    return textwrap.wrap(text, 118, break_long_words=False, break_on_hyphens=False)


def passing():
    """For each suite's title, the version and the names of the tests that the page lists as passing."""
    if not PATH.exists():
        raise Failure(f"{PATH.relative_to(ROOT)} is not there: write it with `tests/outside/card.py write`")
    text = PATH.read_text()
    found = {}
    for title, version in re.findall(r"^\| \[([^\]]+)\]\([^)]*\) \| ([^|]+?) \|", text, re.M):
        body = text.partition(f"## {title}\n")[2].partition("\n## ")[0]
        listed = body.partition("\nPassed:\n")[2].partition("\n| does not pass")[0].partition("\nParts that")[0]
        names = re.findall(r"^- (.*)$", listed, re.M) or re.findall(r"`([^`]+)`", listed)
        rest = re.findall(r"^\| `([^`]+)` \|", body, re.M)
        found[title] = (version, names, rest)
    return found
