"""Processor time per request at an equal offered rate: the figure the comparison leads with.

The rate is held well below what either proxy can do, because at the limit the machine's scheduling is measured
instead, and because nobody runs an edge at its limit.
"""

from lib.bench import ratios, spread
from lib.proxies import Plan
from lib.tools import Load

FIGURES = ("cpu_us_per_request", "p50_ms", "p99_ms")


def compare(bench, title, load, variants):
    """Runs the load against each variant (label -> (subject, plan)), alternating; the first two make the ratio."""
    runs, agreed = [], {}
    for number, label in bench.alternating(list(variants)):
        name, plan = variants[label]
        with bench.running(name, plan) as (proxy, _):
            if load.tls:
                agreed[label] = proxy.tls_parameters()
            run = bench.judge(f"{title}, {label}", bench.generator.load(proxy, load))
        runs.append({"round": number, "variant": label, **run})
    if len(set(agreed.values())) > 1:
        bench.note(f"{title}: not the same cipher: {agreed}")
    figures = {}
    for label in variants:
        mine = [run for run in runs if run["variant"] == label]
        figures[label] = {figure: spread([run[figure] for run in mine]) for figure in FIGURES}
        figures[label]["lost"] = sum(run["lost"] for run in mine)
    result = {"title": title, "figures": figures, "tls": agreed, "runs": runs}
    if len(variants) > 1:
        first, second = list(variants)[:2]
        result["ratio"] = {"of": f"{first} / {second}", **(ratios(runs, first, second, "cpu_us_per_request") or {})}
    return result


def everyone(bench):
    return {name: (name, Plan()) for name in bench.subjects}


def make_load(bench, **changes):
    effort = bench.effort
    return Load(**{"rate": effort.rate, "connections": 64, "duration": effort.duration, "warmup": effort.warmup,
                   **changes})


def plain(bench):
    load = make_load(bench)
    return compare(bench, f"HTTP, 100-byte replies, {load.rate}/s over 64 connections", load, everyone(bench))


def tls(bench):
    load = make_load(bench, tls=True)
    return compare(bench, f"HTTPS, 100-byte replies, {load.rate}/s over 64 connections", load, everyone(bench))


def large(bench):
    load = make_load(bench, rate=300, connections=16, path="/download")
    return compare(bench, "HTTP, 1 MiB replies, 300/s over 16 connections", load, everyone(bench))


def tenants(bench):
    """The same requests, to a configuration that knows each host and to one that knows none."""
    count = bench.effort.tenants
    variants = {f"{count} tenants": (bench.subject, Plan(tenants=count)), "one route": (bench.subject, Plan())}
    load = make_load(bench, hosts=count)
    return compare(bench, f"{bench.subject}: {count} tenants, {load.rate}/s to all of them", load, variants)
