"""What a proxy costs without doing anything: per idle connection, and per tenant it merely knows."""

from lib.bench import spread
from lib.proxies import Plan


def idle_memory(bench):
    """Memory of connections that have had one answer and rest, as kept-alive clients do."""
    count, figures, runs = bench.effort.idle, {}, []
    for name in bench.subjects:
        for label, over_tls in (("plain", False), ("TLS", True)):
            with bench.running(name) as (proxy, _):
                # The first connections make the proxy set itself up; that is not theirs to pay.
                with bench.generator.idle(proxy, over_tls, 16) as few:
                    few.finish()
                before = proxy.process.memory()
                with bench.generator.idle(proxy, over_tls, count) as held:
                    during = proxy.process.memory()
                    fate = held.finish()
            per_connection = {kind: (during[kind] - before[kind]) / count for kind in before}
            if fate["last_ok"] != count:
                bench.note(f"idle memory, {name} {label}: {count - fate['last_ok']} of {count} connections lost")
            runs.append({"subject": name, "over": label, "before": before, "during": during, "fate": fate})
            figures.setdefault(name, {})[f"{label}, KiB per connection"] = per_connection["pss"] / 1024
    return {"title": f"memory of {count} idle kept-alive connections (PSS)", "figures": figures, "runs": runs}


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
