"""docs/PERFORMANCE.md: the rows of one build on one machine, put together."""

import statistics
import textwrap

from . import chart
from .machine import ROOT

PAGE = ROOT / "docs" / "PERFORMANCE.md"
CHART = ROOT / "docs" / "performance.svg"
REMAINING = ROOT / "benches" / "where-time-goes.md"

HEAD = """\
# Performance

<!-- Written by `benches/run`; the last section comes from benches/where-time-goes.md. -->

The limit is the machine, not other programs. So Rafka is measured against a bare minimum: a log over TCP with nothing in it
but what no honest log can leave out ([benches/bare](../benches/bare): lines split, record batches, CRC-32C on both sides, one
connection, `write`, fdatasync where the policy asks for it, an acknowledgement, `sendfile`). Rafka does the whole Kafka
protocol beside that, with `acks=all` and an idempotent producer, and its defaults but where a row names a policy.

The bare minimum is judged too: it must do 0.8 of what `cat | nc | nc > file` and `cat file | cat` do in the same run.

![Throughput and every target at a glance](performance.svg)

"""


def write(store, rows):
    kept = [found for found in map(store.load, rows) if found]
    if not kept:
        print("benches/run: nothing measured yet, so no page")
        return
    missing = [name for name in rows if not store.load(name)]
    parts = [HEAD, circumstances(store, kept, missing), table(kept), details(kept)]
    if REMAINING.exists():
        parts.append(REMAINING.read_text())
    PAGE.write_text("\n".join(parts))
    CHART.write_text(chart.draw(kept))
    print(f"written: {PAGE.relative_to(ROOT)}, {CHART.relative_to(ROOT)}")


def circumstances(store, kept, missing):
    machine = store.facts["machine"]
    lines = []
    if void(kept):
        rows = ", ".join(void(kept))
        lines += [f"**This run is void: in {rows} the bare minimum did not reach 0.8 of what plain pipes do, so its ratios say nothing.**", ""]
    changed = ", with changes that are not committed" if store.facts["changed"] else ""
    times = sorted(found["at"] for found in kept)
    told = (
        f"Measured on {machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, Linux {machine['kernel']}, "
        f"{machine['file_system']}; commit {store.facts['commit']}{changed}, all rows with the same release build on the same machine, "
        f"between {times[0][:16].replace('T', ' ')} and {times[-1][:16].replace('T', ' ')} UTC. Contenders of a row take turns, the first turn is thrown "
        "away, and medians are given with the range of the turns. Everything runs on one machine, clients and broker on the same cores."
    )
    lines += [*wrapped(told), ""]
    if store.quick:
        lines += ["**A quick look: less data and fewer turns than a full run.**", ""]
    missed = [found for found in kept if not is_met(found)]
    lines += [f"{len(kept) - len(missed)} of {len(kept)} rows meet every target of theirs. `benches/run ROW` runs one again.", ""]
    if missing:
        lines += [*wrapped(f"Not run with this build yet: {', '.join(missing)}."), ""]
    return "\n".join(lines)


def table(kept):
    lines = ["| row | what | target | measured | |", "|---|---|---:|---:|---|"]
    for found in kept:
        name, title = f"[{found['row']}](#{found['row']})", found["title"]
        if found["failure"]:
            lines.append(f"| {name} | {cell(title)} | | not measured | |")
        for verdict in found["verdicts"]:
            if verdict["limit"] is not None and verdict["judged"]:
                what = f"{title}: {verdict['what']}" if title else verdict["what"]
                lines.append(f"| {name} | {cell(what)} | {target(verdict)} | {figure(verdict['got'], verdict['unit'])} | {mark(verdict)} |")
                name, title = "", ""
    return "\n".join(lines) + "\n"


def details(kept):
    lines = []
    for found in kept:
        lines += [f"## {found['row']}", "", f"{found['title'][0].upper()}{found['title'][1:]}.", ""]
        if found["failure"]:
            lines += [f"Not measured: {found['failure'].splitlines()[0]}", ""]
        if found["series"]:
            lines += ["| | median | range | broker CPU, s | client CPU, s |", "|---|---:|---:|---:|---:|"]
            lines += [series_line(series) for series in found["series"]] + [""]
        lines += [f"- {sentence(verdict)}" for verdict in found["verdicts"]]
        lines += [*found["notes"], ""] if not found["verdicts"] else ["", *found["notes"], ""]
    return "\n".join(lines)


def series_line(series):
    values, unit = series["values"], series["unit"]
    spread = f"{short(min(values))} to {short(max(values))}" if len(values) > 1 else ""
    used = [short(statistics.median(series[name])) if series.get(name) else "" for name in ("broker_cpu", "client_cpu")]
    return f"| {cell(series['name'])} | {figure(statistics.median(values), unit)} | {spread} | {used[0]} | {used[1]} |"


def spoken(outcome):
    """The outcome of a row, for who watches the run."""
    yield f"{outcome['seconds']} s"
    for series in outcome["series"]:
        values = series["values"]
        used = "".join(f", {name} CPU {short(statistics.median(series[key]))} s" for name, key in (("broker", "broker_cpu"), ("client", "client_cpu")) if series.get(key))
        yield f"{series['name']}: {figure(statistics.median(values), series['unit'])} ({short(min(values))} to {short(max(values))}){used}"
    for verdict in outcome["verdicts"]:
        yield sentence(verdict)
    yield from outcome["notes"]
    if outcome["failure"]:
        yield f"NOT MEASURED: {outcome['failure']}"


def sentence(verdict):
    told = f"{verdict['what']}: {figure(verdict['got'], verdict['unit'])}"
    if verdict["limit"] is None:
        return told
    return f"{told}, target {target(verdict)}: {mark(verdict)}"


def target(verdict):
    return f"{verdict['kind']} {figure(verdict['limit'], verdict['unit'])}"


def mark(verdict):
    if not verdict["judged"]:
        return "beside it, no target" if verdict["met"] else "above, but no target"
    return "met" if verdict["met"] else "**not met**"


def is_met(found):
    return not found["failure"] and all(verdict["met"] for verdict in found["verdicts"] if verdict["judged"])


def void(kept):
    """The rows whose yardstick is too slow to be one."""
    return [found["row"] for found in kept if any(verdict["yardstick"] and not verdict["met"] for verdict in found["verdicts"])]


def cell(words):
    """In a table a bar has to be escaped, in code, too."""
    return words.replace("|", "\\|")


def figure(value, unit):
    return f"{short(value)} {unit}".strip()


def short(value):
    """Three digits that say something."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    digits = 3 - len(str(int(abs(value)))) if abs(value) >= 1 else 2 if abs(value) >= 0.1 else 3
    return f"{value:.{digits}f}"


def wrapped(text):
    return textwrap.wrap(text, 118, break_long_words=False, break_on_hyphens=False)
