"""Processor time per request at an equal offered rate: the figure the comparison leads with.

The rate is held well below what any proxy can do, because at the limit the machine's scheduling is measured
instead, and because nobody runs an edge at its limit.
"""

import dataclasses

from lib.bench import ratios, spread
from lib.proxy import Plan, host_of
from lib.tools import Load
from lib.websocket import CONNECTIONS, echo

FIGURES = ("cpu_us_per_request", "achieved", "p50_ms", "p99_ms", "memory_mib")
FULL = 95  # percent of a processor
REACHED = 0.98  # of the offered rate: with less, two proxies did not do the same work


def compare(bench, title, load, variants, pairs=None, figures=FIGURES, ratio_of="cpu_us_per_request", measure=None):
    """Runs the load against each variant (label -> (subject, plan)), alternating.

    Ratios are of the pairs of variants, by default the first to each other. measure(proxy, load) runs the load if the
    generator's own way will not do.
    """
    runs, agreed = [], {}
    if not measure:
        measure = (bench.http2_generator if load.streams else bench.generator).load
    for number, label in bench.alternating(list(variants)):
        name, plan = variants[label]
        with bench.running(name, plan) as (proxy, seconds):
            if load.tls:
                agreed[label] = proxy.tls_parameters()
                check_certificates(proxy, plan)
            run = bench.judge(f"{title}, {label}", measure(proxy, load))
        if load.streams:
            agreed[label] = run["tls"]
        if not load.closed and run["achieved"] < load.rate * REACHED:
            bench.note(f"{title}, {label}: only {run['achieved']:.0f}/s were reached")
        runs.append({"round": number, "variant": label, "subject": name, "start_s": seconds, **run})
    if len(set(agreed.values())) > 1:
        bench.note(f"{title}: not the same TLS: {agreed}")
    return {"title": title, "tls": agreed, "runs": runs, "figures": summary(runs, variants, figures),
            "latency": latencies(runs, variants), **paired(runs, pairs or default_pairs(variants), ratio_of)}


def default_pairs(variants):
    first, *others = variants
    return [(first, other) for other in others]


def summary(runs, variants, figures):
    rows = {}
    for label in variants:
        mine = [run for run in runs if run["variant"] == label]
        rows[label] = {figure: spread([run[figure] for run in mine]) for figure in figures}
        rows[label]["lost"] = sum(run["lost"] for run in mine)
    return rows


def latencies(runs, variants):
    """Percentiles, each with its spread over the rounds."""
    found = {}
    for label in variants:
        mine = [run["latency_ms"] for run in runs if run["variant"] == label]
        found[label] = {name: spread([row[name] for row in mine]) for name in mine[0]}
    return found


def paired(runs, pairs, figure):
    return {"ratio_of": figure, "ratios": [{"of": f"{above} / {below}", **(ratios(runs, above, below, figure) or {})}
                                           for above, below in pairs]}


def check_certificates(proxy, plan):
    """The comparison is void when a proxy shows everybody the common certificate."""
    if plan.certificates:
        for n in {1, (plan.tenants + 1) // 2, plan.tenants}:
            if (shown := proxy.certificate_of(host_of(n))) != host_of(n):
                raise RuntimeError(f"{proxy.name} shows the certificate of {shown} for {host_of(n)}")


def everyone(bench, **plan):
    return {name: (name, Plan(**plan)) for name in bench.subjects}


def everyone_http1(bench):
    return {name: (name, Plan()) for name in bench.http1_subjects}


def everyone_http2(bench):
    return {name: (name, Plan()) for name in bench.http2_subjects}


def make_load(bench, **changes):
    effort = bench.effort
    return Load(**{"rate": effort.rate, "connections": 64, "duration": effort.duration, "warmup": effort.warmup,
                   **changes})


def plain(bench):
    load = make_load(bench)
    return compare(bench, f"HTTP, 100-byte replies, {load.rate}/s over 64 connections", load, everyone_http1(bench))


def tls(bench):
    load = make_load(bench, tls=True)
    return compare(bench, f"HTTPS, 100-byte replies, {load.rate}/s over 64 connections", load, everyone_http1(bench))


def download_medium(bench):
    load = make_load(bench, rate=min(bench.effort.rate, 6000), path="/download?size=10KiB")
    return compare(bench, f"HTTP, 10 KiB replies, {load.rate}/s over 64 connections", load, everyone_http1(bench))


def upload_medium(bench):
    load = make_load(bench, rate=min(bench.effort.rate, 6000), upload="10KiB")
    return compare(bench, f"HTTP, 10 KiB request bodies, {load.rate}/s over 64 connections", load, everyone_http1(bench))


def download_large(bench):
    load = make_load(bench, rate=300, connections=16, path="/download")
    return compare(bench, "HTTP, 1 MiB replies, 300/s over 16 connections", load, everyone_http1(bench))


def upload_large(bench):
    load = make_load(bench, rate=150, connections=16, upload="1MiB")
    return compare(bench, "HTTP, 1 MiB request bodies, 150/s over 16 connections", load, everyone_http1(bench))


def http2(bench):
    load = make_load(bench, rate=min(bench.effort.rate, 10000), connections=8, streams=16, tls=True)
    return compare(bench, f"HTTP/2 over TLS, 100-byte replies, {load.rate}/s over 8 connections of 16 streams", load,
                   everyone_http2(bench))


def http2_large(bench):
    load = make_load(bench, rate=150, connections=8, streams=16, tls=True, path="/download")
    return compare(bench, "HTTP/2 over TLS, 1 MiB replies, 150/s over 8 connections of 16 streams", load,
                   everyone_http2(bench))


def handshakes(bench, resume):
    load = make_load(bench, rate=bench.effort.handshakes, tls=True, keepalive=False, resume=resume)
    kind = "resumed" if resume else "full"
    result = compare(bench, f"HTTPS, a connection for every request, {kind} handshakes, {load.rate}/s", load,
                     everyone_http1(bench), figures=(*FIGURES, "resumed_percent"))
    for run in result["runs"]:
        if (run["resumed_percent"] > 50) != resume:
            bench.note(f"{result['title']}, {run['variant']}: {run['resumed_percent']:.0f} % were resumed")
    return result


def handshakes_full(bench):
    return handshakes(bench, resume=False)


def handshakes_resumed(bench):
    return handshakes(bench, resume=True)


def tenants(bench):
    """Many tenants, each with a certificate: every request is on a new connection, so that both have to be found."""
    counts = sorted({1, min(100, bench.effort.tenants), bench.effort.tenants})
    rate = bench.effort.handshakes
    variants, pairs = {}, []
    for count in counts:
        labels = {name: f"{name}, {count} tenant{'s' if count > 1 else ''}" for name in bench.subjects}
        variants |= {label: (name, Plan(tenants=count, certificates=True)) for name, label in labels.items()}
        pairs += [(labels[bench.subject], label) for name, label in labels.items() if name != bench.subject]
    first, *others = [label for label, (name, _) in variants.items() if name == bench.subject]
    pairs += [(other, first) for other in others]

    def to_all(proxy, load):
        return bench.generator.load(proxy, dataclasses.replace(load, hosts=proxy.plan.tenants))

    return compare(bench, f"tenants and certificates: HTTPS, a connection for every request, {rate}/s to all hosts",
                   make_load(bench, rate=rate, tls=True, keepalive=False), variants, pairs, (*FIGURES, "start_s"),
                   measure=to_all)


def workers(bench):
    """The same load with one worker and with two, each on a processor."""
    load = make_load(bench)
    if len(bench.around.cpus) < 2:
        raise RuntimeError("needs two processors for the proxy")
    if bench.load_cpu in bench.around.cpus[:2]:
        bench.note("workers: the second worker shares its processor with generator and upstream, for there are only "
                   "two; latencies suffer, and noise cannot be told there")
    variants = {f"{name}, {count} worker{'s' if count > 1 else ''}": (name, Plan(workers=count))
                for count in (1, 2) for name in bench.subjects}
    labels, size = list(variants), len(bench.subjects)
    pairs = [(labels[at], labels[at + 1 + peer]) for at in (0, size) for peer in range(size - 1)]
    pairs += [(labels[size + at], labels[at]) for at in range(size)]
    return compare(bench, f"HTTP, 100-byte replies, {load.rate}/s, 1 and 2 workers", load, variants, pairs)


def ceiling(bench):
    """The most that one worker does, when everything that is answered is asked again at once."""
    load = make_load(bench, closed=True)
    result = compare(bench, "HTTP, 100-byte replies, as many as are answered over 64 connections", load,
                     everyone_http1(bench), figures=("achieved", "cpu_percent", *(name for name in FIGURES if
                                                                            name != "achieved")),
                     ratio_of="achieved")
    for name, figures in result["figures"].items():
        if (used := figures["cpu_percent"]["median"]) < FULL:
            bench.note(f"ceiling, {name}: not its own, it used {used:.0f} % of its processor; generator, upstream or "
                       "other processes held it up")
    return result


def websocket(bench):
    load = make_load(bench, rate=bench.effort.messages, connections=CONNECTIONS)
    title = f"WebSocket over HTTP, {load.rate} messages/s of 100 bytes over {CONNECTIONS} connections, each echoed"
    return compare(bench, title, load, everyone(bench), measure=echo)
