"""What a proxy costs without doing anything: per idle connection, and per tenant it merely knows."""

import functools

from lib.bench import spread
from lib.proxy import Plan


def rest(proxy, opened, count):
    """Memory per connection for `count` of them: opened(n) holds n. Also what was read, and how they fared."""
    # The first connections make the proxy set itself up; that is not theirs to pay.
    with opened(16) as few:
        few.finish()
    before = proxy.process.memory()
    with opened(count) as held:
        during = proxy.process.memory()
        fate = held.finish()
    return (during["pss"] - before["pss"]) / count, {"before": before, "during": during, "fate": fate}


def idle_memory(bench):
    """Memory of connections that have had one answer and rest, as kept-alive clients do."""
    count, figures, runs = bench.effort.idle, {}, []
    for name in bench.http1_subjects:
        for label, over_tls in (("plain", False), ("TLS", True)):
            with bench.running(name) as (proxy, _):
                each, run = rest(proxy, functools.partial(bench.generator.idle, proxy, over_tls), count)
            note_lost(bench, f"idle memory, {name} {label}", run, count)
            runs.append({"subject": name, "over": label, **run})
            figures.setdefault(name, {})[f"{label}, KiB per connection"] = each / 1024
    return {"title": f"memory of {count} idle kept-alive connections (PSS)", "figures": figures, "runs": runs}


def idle_http2(bench):
    """The same of HTTP/2 over TLS, in rounds: all of a round's connections are few enough to open them again."""
    count, figures, runs = bench.effort.idle_http2, {}, []
    for number, name in bench.alternating(list(bench.http2_subjects)):
        with bench.running(name) as (proxy, _):
            each, run = rest(proxy, functools.partial(bench.http2_generator.idle, proxy), count)
        note_lost(bench, f"idle HTTP/2 memory, {name}", run, count)
        runs.append({"round": number, "subject": name, "each": each, **run})
    for name in bench.http2_subjects:
        mine = [run["each"] / 1024 for run in runs if run["subject"] == name]
        figures[name] = {"KiB per connection": spread(mine)}
    return {"title": f"memory of {count} idle HTTP/2 connections over TLS (PSS)", "figures": figures, "runs": runs}


def note_lost(bench, label, run, count):
    if run["fate"]["last_ok"] != count:
        bench.note(f"{label}: {count - run['fate']['last_ok']} of {count} connections lost")


def start(bench):
    """From the start of the process to the first answer, with many tenants, and the memory they take."""
    count, figures, runs = bench.effort.tenants, {}, []
    for number, name in bench.alternating(list(bench.subjects)):
        with bench.running(name, Plan(tenants=count)) as (proxy, seconds):
            runs.append({"round": number, "subject": name, "seconds": seconds, "memory": proxy.process.memory()})
    for name in bench.subjects:
        mine = [run for run in runs if run["subject"] == name]
        figures[name] = {"start, s": spread([run["seconds"] for run in mine]),
                         "RSS, MiB": spread([run["memory"]["rss"] / 2**20 for run in mine])}
    return {"title": f"start with {count} tenants", "figures": figures, "runs": runs}
