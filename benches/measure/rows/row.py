"""The list that rows enter themselves into."""

ROWS = {}


class Row:
    def __init__(self, name, title, run, is_long):
        self.name, self.title, self.run, self.is_long = name, title, run, is_long


def row(name, title, is_long=False):
    def enter(run):
        ROWS[name] = Row(name, title, run, is_long)
        return run

    return enter
