"""What was measured, kept as JSON: a file per row, build, machine and size of run."""

import datetime
import hashlib
import json

from . import machine


class Store:
    def __init__(self, facts, quick):
        self.facts, self.quick = facts, quick
        self.home = machine.target_dir() / "performance"
        where = hashlib.sha256(json.dumps(facts["machine"], sort_keys=True).encode()).hexdigest()[:8]
        self.place = self.home / f"{facts['build']}-{where}-{'quick' if quick else 'full'}"
        self.place.mkdir(parents=True, exist_ok=True)

    def path(self, name):
        return self.place / f"{name}.json"

    def keep(self, row, outcome):
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        kept = {**outcome, "title": row.title, "at": now, **self.facts}
        temporary = self.path(row.name).with_suffix(".tmp")
        temporary.write_text(json.dumps(kept, indent=1) + "\n")
        temporary.replace(self.path(row.name))

    def load(self, name):
        """What was measured of a row, or None."""
        path = self.path(name)
        return json.loads(path.read_text()) if path.exists() else None

    def has(self, name):
        kept = self.load(name)
        return kept is not None and kept["failure"] is None
