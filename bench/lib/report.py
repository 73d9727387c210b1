"""The results as a table for people and a file for programs."""

import json


def number(value):
    """Three significant digits, or all of an integer."""
    if isinstance(value, dict):
        if value["least"] == value["most"]:
            return number(value["median"])
        return f"{number(value['median'])} ({number(value['least'])}..{number(value['most'])})"
    if value is None:
        return "-"
    if isinstance(value, (int, str)):
        return str(value)
    if value == 0:
        return "0"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{digits}f}"


HEADINGS = {"achieved": "requests/s", "cpu_us_per_request": "CPU us/request", "cpu_percent": "CPU, %",
            "p50_ms": "p50, ms", "p99_ms": "p99, ms", "max_ms": "max, ms", "memory_mib": "PSS, MiB",
            "start_s": "start, s", "resumed_percent": "resumed, %",
            "h1_s": "HTTP/1.1, s", "h2_s": "HTTP/2, s", "h1_mib_s": "HTTP/1.1, MiB/s", "h2_mib_s": "HTTP/2, MiB/s",
            "h2_to_h1": "HTTP/2 to HTTP/1.1"}
RATIOS = {"cpu_us_per_request": "CPU per request", "achieved": "requests/s"}


def table(result):
    """One scenario: a row for each subject, a column for each figure, the ratio below."""
    rows = result["figures"]
    columns = list(next(iter(rows.values())))
    cells = [["", *(HEADINGS.get(column, column) for column in columns)]]
    cells += [[name, *(number(figures[column]) for column in columns)] for name, figures in rows.items()]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns) + 1)]
    lines = [result["title"]]
    for row in cells:
        lines.append("  " + row[0].ljust(widths[0]) + "".join("  " + cell.rjust(width) for cell, width in
                                                               zip(row[1:], widths[1:])))
    lines += [f"  {RATIOS[result['ratio_of']]}, {ratio['of']}: {number(ratio)}" for ratio in result.get("ratios", [])
              if "median" in ratio]
    return "\n".join(line.rstrip() for line in lines)


def heading(report):
    machine = report["machine"]
    lines = [f"{report['when']}  {machine['processor']}, {machine['processors']} processors, "
             f"{machine['memory_gib']} GiB, Linux {machine['kernel']}, load {machine['load_average']:.2f}"]
    lines += [f"{name}: {version}" for name, version in report["versions"].items()]
    effort = report["effort"]
    lines.append(f"{effort['rounds']} rounds of {effort['duration']} s after {effort['warmup']} s of warm-up, "
                 "alternating; median (least..most)")
    return "\n".join(lines)


def doubtful(noise):
    return noise["steal"] > 0.02 or (noise["others"] or 0) > 0.05


def doubts(report):
    """What a reader should know before believing the figures."""
    lines = [f"note: {note}" for note in report["notes"]]
    if report["late"]:
        late = "; ".join(dict.fromkeys(report["late"]))
        lines.append(f"note: the generator was late itself, which is in the latencies of: {late}")
    runs = [run["noise"] for result in report["results"].values() for run in result.get("runs", []) if "noise" in run]
    if runs:
        disturbed = sum(map(doubtful, runs))
        steal, others = (max(run[kind] or 0 for run in runs) for kind in ("steal", "others"))
        lines.append(f"noise: {disturbed} of {len(runs)} runs disturbed; at worst, {steal:.0%} of the proxy's "
                     f"processor was stolen by the host and {others:.0%} used by other processes")
    return "\n".join(lines)


def write(report, directory):
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
