"""Reloads: how long one takes, what it does to the traffic, and what many of them leave behind."""

import dataclasses
import time

from lib.bench import spread
from lib.proxies import Plan
from lib.throughput import make_load


def endless(load):
    """The same load for as long as something else takes."""
    return dataclasses.replace(load, duration=3600)


def reload(bench):
    """Reloads of many tenants under load, against the same load left alone."""
    count, figures, runs = bench.effort.tenants, {}, []
    load = make_load(bench, rate=min(bench.effort.rate, 4000), hosts=count)
    for name in bench.subjects:
        with bench.running(name, Plan(tenants=count)) as (proxy, _):

            def reloads(target=proxy):
                took = []
                for variant in range(1, bench.effort.slow_reloads + 1):
                    took.append(target.reload(Plan(tenants=count, variant=variant)))
                    time.sleep(1)  # what a reload leaves behind belongs to it
                return took

            quiet = bench.judge(f"reload, {name} left alone", bench.generator.load(proxy, load))
            stirred = bench.judge(f"reload, {name}", bench.generator.load(proxy, endless(load), during=reloads))
        runs += [{"subject": name, **quiet}, {"subject": name, **stirred}]
        figures[name] = {
            "reload, s": spread(stirred["during"]),
            "lost": stirred["lost"],
            "p99 without, ms": quiet["p99_ms"],
            "p99 with, ms": stirred["p99_ms"],
            "max with, ms": stirred["report"]["latency_us"]["max"] / 1e3,
        }
    return {"title": f"reload of {count} tenants under {load.rate} requests/s", "figures": figures, "runs": runs}


def churn(bench):
    """Many reloads, many idle connections, and traffic, all at once: nothing may be lost, and nothing may grow.

    Not for the one compared with: nginx ends idle connections at every reload, so there is nothing to compare.
    """
    effort, name = bench.effort, bench.subject
    tenants = min(effort.tenants, 1000)
    idle = min(effort.many_idle, bench.descriptors - 1000)
    if idle < effort.many_idle:
        bench.note(f"churn: {idle} idle connections, not {effort.many_idle}: the limit of descriptors allows no more")
    load = endless(make_load(bench, rate=1000, hosts=tenants))
    with bench.running(name, Plan(tenants=tenants)) as (proxy, _):
        # Some reloads first: an allocator reaches its working size only then.
        for variant in range(3):
            proxy.reload(Plan(tenants=tenants, variant=variant))
        with bench.generator.idle(proxy, False, idle) as held:
            before = proxy.process.memory()["rss"]

            def reloads():
                for n in range(effort.reloads):
                    proxy.reload(Plan(tenants=tenants, variant=n % 2))
                    time.sleep(0.1)

            run = bench.judge(f"churn, {name}", bench.generator.load(proxy, load, during=reloads))
            after = proxy.process.memory()["rss"]
            fate = held.finish()
    figures = {
        "requests lost": run["lost"],
        "idle connections lost": idle - fate["last_ok"],
        "RSS before, MiB": before / 2**20,
        "RSS after, MiB": after / 2**20,
        "p99, ms": run["p99_ms"],
    }
    return {"title": f"{effort.reloads} reloads of {tenants} tenants, {idle} idle connections, 1000 requests/s",
            "figures": {name: figures}, "runs": [{"subject": name, "idle": fate, **run}]}
