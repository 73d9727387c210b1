"""What changes under load: reloads, what many of them leave behind, and a server of the pool that dies."""

import contextlib
import dataclasses
import time

from lib.bench import spread
from lib.proxies import make_proxy
from lib.proxy import Plan
from lib.throughput import latencies, make_load, paired, summary
from lib.tools import Origin

SERVERS = 5


def endless(load):
    """The same load for as long as something else takes."""
    return dataclasses.replace(load, duration=3600)


def reload(bench):
    """Reloads of many tenants under load, against the same load left alone."""
    count, figures, runs = bench.effort.tenants, {}, []
    load = make_load(bench, rate=min(bench.effort.rate, 4000), hosts=count)
    for name in bench.subjects:
        if not make_proxy(bench.subjects[name], bench.around, name).reloads:
            continue
        with bench.running(name, Plan(tenants=count)) as (proxy, _):

            def reloads(target=proxy):
                took = []
                for variant in range(1, bench.effort.slow_reloads + 1):
                    took.append(target.reload(Plan(tenants=count, variant=variant)))
                    time.sleep(1)  # what a reload leaves behind belongs to it
                return took

            quiet = bench.judge(f"reload, {name} left alone", bench.generator.load(proxy, load))
            stirred = bench.judge(f"reload, {name}", bench.generator.load(proxy, endless(load), during=reloads))
        runs += [{"subject": name, "variant": f"{name}, left alone", **quiet},
                 {"subject": name, "variant": f"{name}, reloaded", **stirred}]
        figures[name] = {
            "reload, s": spread(stirred["during"]),
            "lost": stirred["lost"],
            "p99 without, ms": quiet["p99_ms"],
            "p99 with, ms": stirred["p99_ms"],
            "max with, ms": stirred["report"]["latency_us"]["max"] / 1e3,
        }
    return {"title": f"reload of {count} tenants under {load.rate} requests/s", "figures": figures, "runs": runs,
            "latency": latencies(runs, [run["variant"] for run in runs])}


def churn(bench):
    """Many reloads, many idle connections, and traffic, all at once: nothing may be lost, and nothing may grow.

    Not for those compared with: nginx ends idle connections at every reload, so there is nothing to compare.
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


def dying(bench):
    """One of five servers is killed in the middle of the run; what clients see of it.

    Every answer takes 5 ms, so that the dead one takes requests with it that it had begun. A GET may be asked again
    elsewhere, a POST may not, so some of those have to be lost.
    """
    rate, runs = min(bench.effort.rate, 3000), []
    loads = {"GET": make_load(bench, rate=rate, path="/?delay=5ms"),
             "POST": make_load(bench, rate=rate, path="/?delay=5ms", upload="100")}
    variants = {f"{name}, {method}": (name, load) for method, load in loads.items() for name in bench.subjects}
    for number, label in bench.alternating(list(variants)):
        name, load = variants[label]
        run = kill_one(bench, name, load, number % SERVERS)
        # Losses are the figure here, and nothing to doubt it for.
        if run["generator_was_bottleneck"]:
            bench.late.append(f"a dying server, {label}")
        report = run["report"]
        runs.append({"round": number, "subject": name, "variant": label, **run,
                     "max_ms": report["latency_us"]["max"] / 1e3})
    figures = summary(runs, variants, ("cpu_us_per_request", "achieved", "p50_ms", "p99_ms", "max_ms"))
    for label, row in figures.items():
        mine = [run for run in runs if run["variant"] == label]
        row["lost"] = spread([run["lost"] for run in mine])
        row["lost to"] = ", ".join(sorted({kind for run in mine for kind in run["report"]["failures"]})) or "nothing"
    first, *others = bench.subjects
    pairs = [(f"{first}, {method}", f"{other}, {method}") for method in loads for other in others]
    return {"title": f"one of {SERVERS} servers is killed under {rate} requests/s of 5 ms each", "figures": figures,
            "runs": runs, "latency": latencies(runs, variants), **paired(runs, pairs, "cpu_us_per_request")}


def kill_one(bench, name, load, which):
    with contextlib.ExitStack() as stack:
        origins = [stack.enter_context(Origin(bench.tools / "sluice-origin", bench.load_cpu, bench.directory))
                   for _ in range(SERVERS)]
        proxy, _ = stack.enter_context(bench.running(name, Plan(servers=tuple(one.address for one in origins))))

        def kill():
            time.sleep(load.duration / 3)
            origins[which].kill()
            time.sleep(load.duration * 2 / 3)

        return bench.generator.load(proxy, endless(load), during=kill)
