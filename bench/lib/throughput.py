"""Processor time per request at an equal offered rate: the figure the comparison leads with.

The rate is held well below what either proxy can do, because at the limit the machine's scheduling is measured
instead, and because nobody runs an edge at its limit.
"""

from lib.bench import ratios, spread
from lib.proxies import Plan
from lib.tools import Load

FIGURES = ("cpu_us_per_request", "p50_ms", "p99_ms")
REACHED = 0.98  # of the offered rate: with less, two proxies did not do the same work


def compare(bench, title, load, variants):
    """Runs the load against each variant (label -> (subject, plan)), alternating; ratios are those of the first to
    each other."""
    runs, agreed = [], {}
    generator = bench.http2_generator if load.streams else bench.generator
    for number, label in bench.alternating(list(variants)):
        name, plan = variants[label]
        with bench.running(name, plan) as (proxy, _):
            if load.tls:
                agreed[label] = proxy.tls_parameters()
            run = bench.judge(f"{title}, {label}", generator.load(proxy, load))
        if load.streams:
            agreed[label] = run["tls"]
            if run["achieved"] < load.rate * REACHED:
                bench.note(f"{title}, {label}: only {run['achieved']:.0f}/s were reached")
        runs.append({"round": number, "variant": label, **run})
    if len(set(agreed.values())) > 1:
        bench.note(f"{title}: not the same cipher: {agreed}")
    figures, columns = {}, ("achieved", *FIGURES) if load.streams else FIGURES
    for label in variants:
        mine = [run for run in runs if run["variant"] == label]
        figures[label] = {figure: spread([run[figure] for run in mine]) for figure in columns}
        figures[label]["lost"] = sum(run["lost"] for run in mine)
    result = {"title": title, "figures": figures, "tls": agreed, "runs": runs}
    first, *others = variants
    result["ratios"] = [{"of": f"{first} / {other}", **(ratios(runs, first, other, "cpu_us_per_request") or {})}
                        for other in others]
    return result


def everyone(bench):
    return {name: (name, Plan()) for name in bench.subjects}


def everyone_http2(bench):
    return {name: (name, Plan()) for name in bench.http2_subjects}


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


def http2(bench):
    load = make_load(bench, rate=min(bench.effort.rate, 10000), connections=8, streams=16, tls=True)
    return compare(bench, f"HTTP/2 over TLS, 100-byte replies, {load.rate}/s over 8 connections of 16 streams", load,
                   everyone_http2(bench))


def http2_large(bench):
    load = make_load(bench, rate=150, connections=8, streams=16, tls=True, path="/download")
    return compare(bench, "HTTP/2 over TLS, 1 MiB replies, 150/s over 8 connections of 16 streams", load,
                   everyone_http2(bench))


def tenants(bench):
    """The same requests, to a configuration that knows each host and to one that knows none."""
    count = bench.effort.tenants
    variants = {f"{count} tenants": (bench.subject, Plan(tenants=count)), "one route": (bench.subject, Plan())}
    load = make_load(bench, hosts=count)
    return compare(bench, f"{bench.subject}: {count} tenants, {load.rate}/s to all of them", load, variants)
