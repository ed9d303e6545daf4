"""docs/performance.svg: throughput as bars, and how far every target is met."""

import statistics
from html import escape

WIDTH, LEFT, RIGHT = 920, 330, 90
BAR, GAP = 16, 5
INK, PALE, BARE, RAFKA, OTHER, MET, MISSED = "#24292f", "#d0d7de", "#8c959f", "#0969da", "#c9a26b", "#1a7f37", "#cf222e"
PANELS = [("in-os", "In, policy os"), ("in-fsync", "In, fsync before every acknowledgement"), ("in-1k", "In, lines of 1 KiB, policy os"), ("out", "Out")]
# A target that is met ten times over is drawn as if it were so often, with its figure beside it.
SHARE_MAX = 4.0


class Drawing:
    def __init__(self):
        self.parts, self.y = [], 20

    def text(self, x, y, words, anchor="start", weight="normal", color=INK, size=13):
        self.parts.append(f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-weight="{weight}" font-size="{size}" fill="{color}">{escape(words)}</text>')

    def bar(self, x, y, width, color):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{BAR}" rx="2" fill="{color}"/>')

    def line(self, x, top, bottom, color=INK, dashed=True):
        dash = ' stroke-dasharray="4 3"' if dashed else ""
        self.parts.append(f'<line x1="{x:.1f}" y1="{top:.0f}" x2="{x:.1f}" y2="{bottom:.0f}" stroke="{color}" stroke-width="1.5"{dash}/>')

    def heading(self, words):
        self.y += 14
        self.text(20, self.y, words, weight="bold", size=15)
        self.y += 12

    def done(self):
        height = self.y + 20
        style = 'font-family="system-ui, sans-serif"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" height="{height:.0f}" {style}>'
        return "\n".join([head, f'<rect width="{WIDTH}" height="{height:.0f}" fill="#ffffff"/>', *self.parts, "</svg>"]) + "\n"


def draw(kept):
    rows = {found["row"]: found for found in kept}
    drawing = Drawing()
    for name, title in PANELS:
        if name in rows and rows[name]["series"]:
            panel(drawing, title, rows[name])
    targets(drawing, kept)
    return drawing.done()


def panel(drawing, title, found):
    """A bar per contender, and the place that Rafka must reach."""
    series = found["series"]
    medians = [statistics.median(one["values"]) for one in series]
    scale = (WIDTH - LEFT - RIGHT) / max(medians)
    drawing.heading(f"{title}: {series[0]['unit'].replace('M ', 'million ').replace('/s', ' a second')}")
    top = drawing.y
    for one, median in zip(series, medians):
        is_rafka = one["name"] in ("rafka-produce", "rafka-consume")
        color = RAFKA if is_rafka else BARE if one["name"].startswith(("bare", "cat")) else OTHER
        drawing.text(LEFT - 8, drawing.y + 13, one["name"], "end", "bold" if is_rafka else "normal")
        drawing.bar(LEFT, drawing.y, median * scale, color)
        drawing.text(LEFT + median * scale + 6, drawing.y + 13, f"{median:.2f}", weight="bold" if is_rafka else "normal")
        drawing.y += BAR + GAP
    bare = next((median for one, median in zip(series, medians) if one["name"].startswith("bare")), None)
    limit = next((v["limit"] for v in found["verdicts"] if v["what"].startswith("of the bare minimum")), None)
    if bare and limit:
        drawing.line(LEFT + bare * limit * scale, top - 3, drawing.y)
        drawing.text(WIDTH - 20, top - 14, f"- - target: {limit} of the bare minimum", "end", size=11)
    drawing.y += 6


def targets(drawing, kept):
    """Every target as one bar: what reaches the line is met."""
    judged = [(found["row"], v) for found in kept for v in found["verdicts"] if v["judged"] and v["limit"] is not None]
    if not judged:
        return
    drawing.heading("Every target: a bar that reaches the line meets it")
    top = drawing.y
    scale = (WIDTH - LEFT - RIGHT) / SHARE_MAX
    for row, verdict in judged:
        got, limit = max(verdict["got"], 1e-9), verdict["limit"]
        share = got / limit if verdict["kind"] == "at least" else limit / got
        color = MET if verdict["met"] else MISSED
        drawing.text(LEFT - 8, drawing.y + 13, cut(f"{row}: {verdict['what']}"), "end", size=11)
        drawing.bar(LEFT, drawing.y, min(share, SHARE_MAX) * scale, color)
        label = f"{share:.2f}" if share < 10 else f"{share:.0f}"
        # Beside the bar, and not across the line.
        end = 1 if 0.7 < share < 1 else min(share, SHARE_MAX)
        drawing.text(LEFT + end * scale + 6, drawing.y + 13, label, color=color, size=11)
        drawing.y += BAR + 3
    drawing.line(LEFT + scale, top - 4, drawing.y + 2, dashed=False)


def cut(words):
    words = words.replace("`", "")
    return words if len(words) <= 52 else words[:51] + "…"
