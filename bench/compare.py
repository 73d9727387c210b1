#!/usr/bin/python3
"""Compares Sluice with nginx, HAProxy and a plain Beast proxy on this machine, over HTTP/2 with h2o too.

Leads with processor time per request at an equal offered rate, taken from the kernel's account of the proxy's
processes over exactly the measured time, as a ratio within each of several alternating rounds. The proxy has one
processor to itself; load generator and upstream share another. Everything runs on loopback addresses, from a
temporary directory; what is started is ended. Writes report.html for people and report.json for programs.
"""

import argparse
import dataclasses
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from lib import changing, distance, html, limits, machine, malformed, report, standing, throughput
from lib.bench import Bench, Effort
from lib.proxies import make_proxy

ROOT = Path(__file__).resolve().parent.parent

SCENARIOS = {
    "plain": (throughput.plain, "100-byte replies over HTTP"),
    "tls": (throughput.tls, "the same over TLS 1.3"),
    "10k": (throughput.download_medium, "10 KiB replies"),
    "10k-up": (throughput.upload_medium, "10 KiB request bodies"),
    "large": (throughput.download_large, "1 MiB replies"),
    "large-up": (throughput.upload_large, "1 MiB request bodies"),
    "handshakes": (throughput.handshakes_full, "a connection for every request, full TLS 1.3 handshakes"),
    "resumed": (throughput.handshakes_resumed, "the same with resumed handshakes"),
    "h2": (throughput.http2, "100-byte replies over HTTP/2 and TLS 1.3"),
    "h2-large": (throughput.http2_large, "1 MiB replies over the same"),
    "distance": (distance.uploads, "large uploads over 10, 40 and 150 ms, HTTP/1.1 and HTTP/2"),
    "websocket": (throughput.websocket, "messages echoed over WebSocket"),
    "tenants": (throughput.tenants, "1, 100 and 10,000 tenants and certificates"),
    "limits": (limits.cost, "10,000 tenants and 1,000,000 clients with limits of their own, and without"),
    "limits-noisy": (limits.noisy, "one tenant beyond its limit"),
    "workers": (throughput.workers, "1 and 2 workers"),
    "ceiling": (throughput.ceiling, "as many requests as are answered"),
    "idle": (standing.idle_memory, "memory per idle connection, plain and TLS"),
    "h2-idle": (standing.idle_http2, "memory per idle connection, HTTP/2 over TLS"),
    "start": (standing.start, "start time and memory with 10,000 tenants"),
    "reload": (changing.reload, "reload of 10,000 tenants under load"),
    "dying": (changing.dying, "one of five servers is killed under load"),
    "malformed": (malformed.malformed, "requests that the tests hold for malformed, and how many pass"),
    "churn": (changing.churn, "300 reloads under load with 10,000 idle connections"),
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="scenarios:\n" + "\n".join(f"  {name:12} {what}" for name, (_, what) in
                                                                       SCENARIOS.items()))
    parser.add_argument("--scenarios", default=",".join(SCENARIOS), help="which, separated by commas; default: all")
    parser.add_argument("--rounds", type=int, help="alternating rounds (default 3)")
    parser.add_argument("--duration", type=float, help="measured seconds per run (default 6)")
    parser.add_argument("--rate", type=int, help="requests per second of the small replies (default 12000, over HTTP/2 "
                        "at most 10000)")
    parser.add_argument("--quick", action="store_true", help="one short round of everything, to see that it works")
    parser.add_argument("--build", type=Path, default=ROOT / "build/release/bin", help="where the programs are")
    parser.add_argument("--nginx", default="/usr/sbin/nginx", help="the nginx to compare with")
    parser.add_argument("--haproxy", default="/usr/sbin/haproxy", help="the HAProxy to compare with")
    parser.add_argument("--h2o", default="/usr/bin/h2o", help="the h2o to compare with over HTTP/2")
    parser.add_argument("--beast", type=Path, help="the plain Beast proxy to compare with over HTTP/1.1 (default: the one "
                        "beside Sluice)")
    parser.add_argument("--caddy", help="a Caddy to compare with, too")
    parser.add_argument("--peers", help="which peers, separated by commas; default: all that are installed")
    parser.add_argument("--results", type=Path, default=ROOT / "bench/results", help="where reports go")
    # Other binaries by path, as NAME=PATH, instead of Sluice and its peers; the file's name says how to talk to it.
    parser.add_argument("--subject", action="append", default=[], help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.scenarios = options.scenarios.split(",")
    options.beast = options.beast or options.build / "beast-proxy"
    if unknown := [name for name in options.scenarios if name not in SCENARIOS]:
        parser.error(f"unknown scenario {unknown[0]}; known: {', '.join(SCENARIOS)}")
    return options


def choose_subjects(options, *peers):
    """Sluice and those of the peers that are there, unless subjects were named."""
    if options.subject:
        return dict(subject.split("=", 1) for subject in options.subject)
    wanted = options.peers.split(",") if options.peers else peers
    found = {name: shutil.which(getattr(options, name) or "") for name in peers if name in wanted}
    return {"sluice": options.build / "sluice", **{name: binary for name, binary in found.items() if binary}}


def choose_effort(options):
    effort = Effort.quick() if options.quick else Effort()
    given = {name: getattr(options, name) for name in ("rounds", "duration", "rate") if getattr(options, name)}
    return dataclasses.replace(effort, **given)


def run(bench, scenarios):
    """Runs the scenarios and prints each as it is done; one that cannot be run does not stop the others."""
    results = {}
    for name in scenarios:
        try:
            results[name] = SCENARIOS[name][0](bench)
            print(report.table(results[name]) + "\n", flush=True)
        except (RuntimeError, OSError, ValueError, KeyError) as error:
            bench.note(f"{name} FAILED: {error}")
            results[name] = {"error": str(error)}
    return results


def main():
    options = arguments()
    subjects = choose_subjects(options, "nginx", "haproxy", "caddy")
    http1_subjects = choose_subjects(options, "nginx", "haproxy", "caddy", "beast")
    http2_subjects = choose_subjects(options, "nginx", "haproxy", "caddy", "h2o")
    tools = [options.build / name for name in ("sluice-origin", "sluice-bench")]
    for needed in (*http1_subjects.values(), *http2_subjects.values(), *tools, *filter(None, [options.caddy])):
        if not os.access(needed, os.X_OK):
            sys.exit(f"compare.py: {needed} is missing; `make build` makes what is ours")
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) < 2:
        sys.exit("compare.py: needs two processors, one for the proxy and one for its load")
    load_cpu = processors[-1]
    # TERM, too, shall end what was started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    when = time.strftime("%Y-%m-%d-%H%M%S")
    effort = choose_effort(options)
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as temporary:
        stage = Bench(options.build, subjects, http1_subjects, http2_subjects, effort, tuple(processors[:2]),
                      load_cpu, Path(temporary), machine.raise_descriptor_limit())
        os.sched_setaffinity(0, {load_cpu})
        with stage.prepared() as bench:
            found = {
                "when": when,
                "machine": machine.describe(),
                "versions": {name: make_proxy(binary, bench.around, name).version()
                             for name, binary in bench.everybody.items()},
                "effort": dataclasses.asdict(effort),
            }
            print(report.heading(found) + "\n", flush=True)
            found["results"] = run(bench, options.scenarios)
            found |= {"notes": bench.notes, "late": bench.late, "configurations": bench.configurations}
    if doubts := report.doubts(found):
        print(doubts + "\n")
    report.write(found, options.results / when)
    html.write(found, options.results / when)
    print(options.results / when / "report.html")
    return 1 if any("error" in result for result in found["results"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())
