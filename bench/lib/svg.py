"""Plots as inline SVG: they need nothing but the page they stand in, whose style gives them their colours."""

import math
from html import escape

from lib.report import number

ROW, LEFT, WIDTH, RIGHT = 22, 190, 640, 150
KNOWN = ("sluice", "nginx", "haproxy", "h2o", "caddy", "beast")


def colour(label):
    """The colour of a subject, whatever its variant; defined by the page for light and for dark."""
    subject = label.split(",")[0]
    return f"var(--{subject if subject in KNOWN else 'other'})"


def bars(title, rows):
    """One bar a row (label -> spread, value and rounds), to the median; a line from the least to the most of the
    rounds, and a dot for each."""
    most = max((row["most"] for row, _ in rows.values() if row), default=0) or 1
    scale = (WIDTH - LEFT - RIGHT) / most
    height = ROW * len(rows) + 8
    parts = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">']
    for at, (label, (row, each)) in enumerate(rows.items()):
        top, middle = 4 + at * ROW, 4 + at * ROW + ROW / 2 - 1
        parts.append(f'<text x="{LEFT - 8}" y="{middle + 4}" text-anchor="end">{escape(label)}</text>')
        if not row:
            parts.append(f'<text x="{LEFT}" y="{middle + 4}" class="faint">no figure</text>')
            continue
        paint = f'style="fill:{colour(label)}"'
        parts.append(f'<rect x="{LEFT}" y="{top + 2}" width="{max(row["median"] * scale, 1):.1f}" height="{ROW - 8}" '
                     f'{paint} opacity="0.75"/>')
        parts.append(f'<line x1="{LEFT + row["least"] * scale:.1f}" x2="{LEFT + row["most"] * scale:.1f}" '
                     f'y1="{middle}" y2="{middle}" class="whisker"/>')
        parts += [f'<circle cx="{LEFT + value * scale:.1f}" cy="{middle}" r="2.5" class="dot"/>' for value in each
                  if value is not None]
        parts.append(f'<text x="{LEFT + row["most"] * scale + 8:.1f}" y="{middle + 4}">{number(row)}</text>')
    return "".join([*parts, "</svg>"])


def percentiles(title, rows):
    """Latencies in milliseconds (label -> percentile -> spread) on a logarithmic scale; the band is the spread."""
    known = {label: {name: row for name, row in one.items() if row and row["median"] > 0}
             for label, one in rows.items()}
    values = [row[end] for one in known.values() for row in one.values() for end in ("least", "most") if row[end] > 0]
    if not values:
        return ""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)
    names = list(next(iter(rows.values())))
    left, right, top, bottom, height = 56, 200, 10, 26, 260
    plot = height - top - bottom

    def x(at):
        return left + at * (WIDTH - left - right) / max(1, len(names) - 1)

    def y(value):
        return top + plot * (high - math.log10(max(value, 10 ** low))) / (high - low)

    parts = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">']
    for power in range(low, high + 1):
        parts.append(f'<line x1="{left}" x2="{WIDTH - right}" y1="{y(10 ** power):.1f}" y2="{y(10 ** power):.1f}" '
                     f'class="grid"/><text x="{left - 6}" y="{y(10 ** power) + 4:.1f}" text-anchor="end" '
                     f'class="faint">{10.0 ** power:g} ms</text>')
    parts += [f'<text x="{x(at):.1f}" y="{height - 8}" text-anchor="middle" class="faint">p{name}</text>'
              for at, name in enumerate(names)]
    ends = []
    for label, one in known.items():
        if not one:
            continue
        at = {name: x(names.index(name)) for name in one}
        band = [(at[name], y(row["most"])) for name, row in one.items()]
        band += [(at[name], y(row["least"])) for name, row in reversed(one.items())]
        line = [(at[name], y(row["median"])) for name, row in one.items()]
        # Variants of one subject have its colour, and dashes to tell them apart.
        siblings = [other for other in rows if other.split(",")[0] == label.split(",")[0]]
        dash = ("", "6 3", "2 3")[siblings.index(label) % 3]
        parts.append(f'<polygon points="{points(band)}" style="fill:{colour(label)}" opacity="0.12"/>')
        parts.append(f'<polyline points="{points(line)}" style="stroke:{colour(label)}" class="curve" '
                     f'stroke-dasharray="{dash}"/>')
        ends.append([line[-1][1], line[-1][1], label])
    # Labels at the ends of the curves, moved apart where they would cover each other.
    ends.sort()
    for above, below in zip(ends, ends[1:]):
        below[0] = max(below[0], above[0] + 14)
    excess = max(0, ends[-1][0] - (height - bottom)) if ends else 0
    for shown, real, label in ends:
        parts.append(f'<line x1="{WIDTH - right}" y1="{real:.1f}" x2="{WIDTH - right + 12}" y2="{shown - excess:.1f}" '
                     f'class="grid"/><text x="{WIDTH - right + 16}" y="{shown - excess + 4:.1f}" '
                     f'style="fill:{colour(label)}">{escape(label)}</text>')
    return "".join([*parts, "</svg>"])


def points(pairs):
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in pairs)
