"""The report as one page that needs nothing else: no script, no file beside it, no network."""

from html import escape

from lib import svg
from lib.report import HEADINGS, RATIOS, doubtful, doubts, number

STYLE = """
:root { color-scheme: light dark; --ground: #fff; --text: #1c1e21; --faint: #667; --line: #d5d8de; --box: #f5f6f8;
  --sluice: #1f66c1; --nginx: #2c8a3d; --haproxy: #c25a10; --h2o: #8444b8; --caddy: #0d8a90; --beast: #a8324a;
  --other: #777; }
@media (prefers-color-scheme: dark) { :root { --ground: #16181c; --text: #e4e6ea; --faint: #9aa0aa; --line: #3a3e46;
  --box: #1f2228; --sluice: #6aa9ff; --nginx: #5fc773; --haproxy: #ff9a52; --h2o: #c48cf2; --caddy: #4fc9cf;
  --beast: #f07a92; --other: #aaa; } }
body { background: var(--ground); color: var(--text); font: 15px/1.5 system-ui, sans-serif; max-width: 62rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; border-top: 1px solid var(--line);
  padding-top: 1rem; } h3 { font-size: 1rem; margin: 1.2rem 0 0.2rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; margin: 0.6rem 0; font-size: 0.9rem; }
th, td { padding: 0.2rem 0.7rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 600; color: var(--faint); } th:first-child, td:first-child { text-align: left; }
tr.doubtful td { color: var(--haproxy); }
svg { width: 100%; max-width: 44rem; display: block; font: 12px system-ui, sans-serif; }
svg text { fill: var(--text); } svg .faint, .faint { fill: var(--faint); color: var(--faint); }
svg .grid { stroke: var(--line); } svg .whisker { stroke: var(--text); } svg .dot { fill: var(--text); }
svg .curve { fill: none; stroke-width: 2; }
details { margin: 0.6rem 0; } summary { cursor: pointer; } .warning { background: var(--box); padding: 0.6rem 1rem;
  border-left: 4px solid var(--haproxy); }
pre { background: var(--box); padding: 0.8rem; overflow-x: auto; font-size: 0.8rem; }
"""

LEAD = "cpu_us_per_request"


def write(found, directory):
    (directory / "report.html").write_text(page(found), encoding="utf-8")


def page(found):
    parts = [introduction(found), lead(found["results"]), quiet(found)]
    parts += [scenario(name, result) for name, result in found["results"].items()]
    parts.append(configurations(found))
    return (f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>Sluice compared, {escape(found['when'])}</title><style>{STYLE}</style></head>\n<body>"
            + "\n".join(parts) + "\n</body></html>\n")


def table(headings, rows, classes=()):
    """Rows of cells that are numbers, spreads or texts; classes has one for each row, if any."""
    lines = ["<tr>" + "".join(f"<th>{escape(str(heading))}</th>" for heading in headings) + "</tr>"]
    for at, row in enumerate(rows):
        kind = f' class="{classes[at]}"' if classes and classes[at] else ""
        lines.append(f"<tr{kind}>" + "".join(f"<td>{escape(number(cell))}</td>" for cell in row) + "</tr>")
    return '<div class="scroll"><table>' + "".join(lines) + "</table></div>"


def introduction(found):
    machine, effort = found["machine"], found["effort"]
    versions = "".join(f"<li>{escape(name)}: {escape(version)}</li>" for name, version in found["versions"].items())
    return (f"<h1>Sluice compared, {escape(found['when'])}</h1>"
            f"<p>{escape(machine['processor'])}, {machine['processors']} processors, {machine['memory_gib']} GiB, "
            f"Linux {escape(machine['kernel'])}. {effort['rounds']} rounds of {effort['duration']:g} s after "
            f"{effort['warmup']:g} s of warm-up, proxies taking turns. Figures are medians of the rounds, with the "
            "least and the most behind them; each dot in a plot is a round.</p>"
            f"<ul>{versions}</ul>")


def lead(results):
    """Processor time per request, of every scenario that offers the same rate to all."""
    shown = {name: result for name, result in results.items() if result.get("ratio_of") == LEAD}
    rows, peers = [], []
    for name, result in shown.items():
        subjects = {run["variant"]: run["subject"] for run in result["runs"]}
        for label, figures in result["figures"].items():
            against = {}
            for ratio in result["ratios"]:
                above, below = ratio["of"].split(" / ")
                if above == label and subjects[below] != subjects[above] and "median" in ratio:
                    against[subjects[below]] = ratio
            if against:
                peers += [peer for peer in against if peer not in peers]
                rows.append((name, label, figures, against))
    if not rows:
        return ""
    text = ("<p>User and system time of all processes of the proxy, as the kernel accounts for them, by the requests "
            "that were answered, at the same offered rate. A ratio is taken within each round; below 1, the "
            "row needs less than the peer.</p>")
    headings = ["scenario", "", "CPU µs/request", *(f"ratio to {peer}" for peer in peers), "requests/s", "p99, ms"]
    cells = [[name, label, figures[LEAD], *(against.get(peer) for peer in peers), figures["achieved"],
              figures["p99_ms"]] for name, label, figures, against in rows]
    return "<h2>Processor time per request</h2>" + text + table(headings, cells)


def quiet(found):
    """How much the machine was disturbed, before anyone believes the figures."""
    said = "".join(f"<li>{escape(line)}</li>" for line in doubts(found).splitlines())
    return f'<h2>How quiet it was</h2><div class="warning"><ul>{said or "<li>nothing was measured</li>"}</ul></div>'


def scenario(name, result):
    heading = f'<h2 id="{escape(name)}">{escape(name)}: {escape(result.get("title", ""))}</h2>'
    if "error" in result:
        return heading + f'<p class="warning">could not be measured: {escape(result["error"])}</p>'
    columns = list(next(iter(result["figures"].values())))
    parts = [heading, table(["", *(HEADINGS.get(column, column) for column in columns)],
                            [[label, *(row[column] for column in columns)] for label, row in
                             result["figures"].items()])]
    parts += [ratios_of(result)]
    parts += [plot(result, column) for column in columns if plotted(result, column)]
    if "latency" in result:
        title = "latency by percentile, from when a request was due"
        if name.startswith("h2"):
            title = "latency by percentile, from when a request was sent"
        if curves := svg.percentiles(title, result["latency"]):
            parts.append(f"<h3>{title}</h3>{curves}")
        names = list(next(iter(result["latency"].values())))
        parts.append("<details><summary>Percentiles, ms</summary>" + table(
            ["", *(f"p{name}" for name in names)],
            [[label, *row.values()] for label, row in result["latency"].items()]) + "</details>")
    return "\n".join([*parts, rounds(result), commands(result)])


def ratios_of(result):
    known = [ratio for ratio in result.get("ratios", []) if "rounds" in ratio]
    if not known:
        return ""
    most = max(len(ratio["rounds"]) for ratio in known)
    rows = [[ratio["of"], ratio["median"], *(float(value) for value in ratio["rounds"]),
             *[""] * (most - len(ratio["rounds"]))] for ratio in known]
    return (f"<h3>Ratio of {RATIOS[result['ratio_of']]}, round by round</h3>"
            + table(["", "median", *(f"round {n + 1}" for n in range(most))], rows))


def plotted(result, column):
    """Numbers that are not in the plot of the percentiles, and differ from 0."""
    if column in ("p50_ms", "p99_ms", "lost"):
        return False
    values = [row[column] for row in result["figures"].values()]
    values = [value["most"] if isinstance(value, dict) else value for value in values]
    return all(not isinstance(value, str) for value in values) and any(values)


def plot(result, column):
    rows = {}
    for label, figures in result["figures"].items():
        value = figures[column]
        each = [run.get(column) for run in result["runs"] if run.get("variant", run.get("subject")) == label]
        if isinstance(value, (int, float)):
            value = {"median": value, "least": value, "most": value}
        rows[label] = (value, each)
    title = HEADINGS.get(column, column)
    return f"<h3>{escape(title)}</h3>" + svg.bars(title, rows)


def rounds(result):
    """Every run by itself, with the noise it had."""
    runs = [run for run in result["runs"] if "cpu_seconds" in run]
    if not runs:
        return ""
    rows = [[run.get("round", 0) + 1, run.get("variant", run.get("subject")), run["cpu_seconds"], run["requests"],
             run[LEAD], run.get("achieved"), run["p50_ms"], run["p99_ms"], run["lost"],
             f"{run['noise']['steal']:.1%}", "-" if run["noise"]["others"] is None else f"{run['noise']['others']:.1%}",
             "late" if run["generator_was_bottleneck"] else ""] for run in runs]
    headings = ["round", "", "CPU, s", "requests", "CPU µs/request", "requests/s", "p50, ms", "p99, ms", "lost",
                "stolen", "others", "generator"]
    return ("<details><summary>Every run, and how disturbed it was</summary>"
            + table(headings, rows, ["doubtful" if doubtful(run["noise"]) else "" for run in runs]) + "</details>")


def commands(result):
    lines = {}
    for run in result["runs"]:
        if "command" in run:
            lines.setdefault(run.get("variant", run.get("subject")), " ".join(run["command"]))
    if not lines:
        return ""
    return ("<details><summary>Load, as it was offered</summary><pre>"
            + "\n".join(f"{escape(label)}:\n  {escape(line)}" for label, line in lines.items()) + "</pre></details>")


def configurations(found):
    parts = [f"<details><summary>{escape(label)}</summary><pre>{escape(one['command'])}</pre>"
             f"<pre>{escape(one['text'])}</pre></details>" for label, one in found["configurations"].items()]
    return ("<h2>Configurations</h2><p>As they were generated; only the middle of long ones is left out, and the "
            "temporary directory is $DIR.</p>" + "\n".join(parts))
