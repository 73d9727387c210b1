"""Large uploads to a proxy that is far away, over HTTP/1.1 and HTTP/2: what the windows of HTTP/2 cost.

A relay adds the distance. It holds up nobody otherwise, so that HTTP/1.1 is as fast as the machine; over HTTP/2 a
client may send only as far ahead as the proxy lets it.
"""

import contextlib
import subprocess
import sys
from pathlib import Path

from lib.bench import spread
from lib.processes import Process

RELAY = Path(__file__).resolve().parent.parent.parent / "tests/support/relay.py"
ROUND_TRIPS = (10, 40, 150)  # ms
PARALLEL = (1, 8)
FIGURES = ("h1_s", "h2_s", "h1_mib_s", "h2_mib_s", "h2_to_h1")


@contextlib.contextmanager
def relayed(bench, port, round_trip):
    """The port of a relay to `port`."""
    argv = [sys.executable, RELAY, f"127.0.0.1:{port}", round_trip / 2000]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with Process(argv, {bench.load_cpu}, bench.directory, **pipes) as relay:
        yield int(relay.popen.stdout.readline().rpartition(":")[2])


def upload(bench, port, protocol, parallel, body):
    """The seconds until the last of them was answered; each has a connection of its own."""
    argv = ["curl", "--silent", "--show-error", f"--{protocol}", "--cacert", bench.around.certificate, "--output",
            "/dev/null", "--write-out", "%{http_code} %{http_version} %{time_total}", "--data-binary", f"@{body}",
            f"https://localhost:{port}/"]
    with contextlib.ExitStack() as running:
        curls = [running.enter_context(Process(argv, {bench.load_cpu}, bench.directory, stdout=subprocess.PIPE,
                                               text=True)) for _ in range(parallel)]
        said = [curl.popen.communicate(timeout=600)[0].split() for curl in curls]
    wanted = ["200", "2" if protocol == "http2" else "1.1"]
    if wrong := [words for words in said if words[:2] != wanted]:
        raise RuntimeError(f"an upload by {protocol} ended with {wrong[0]}: {curls[0].last_words()}")
    return max(float(words[2]) for words in said)


def measure(bench, proxy, round_trip, parallel, body):
    size = body.stat().st_size * parallel / 2**20
    with relayed(bench, proxy.tls_port, round_trip) as port:
        upload(bench, port, "http1.1", 1, body)  # connections to the upstream are there then
        seconds = {name: upload(bench, port, protocol, parallel, body)
                   for name, protocol in (("h1", "http1.1"), ("h2", "http2"))}
    return {**{f"{name}_s": took for name, took in seconds.items()},
            **{f"{name}_mib_s": size / took for name, took in seconds.items()},
            "h2_to_h1": seconds["h1"] / seconds["h2"]}


def uploads(bench):
    body = bench.directory / "upload"
    body.write_bytes(bytes(bench.effort.distant << 20))
    runs = []
    for number, name in bench.alternating(list(bench.http2_subjects)):
        with bench.running(name) as (proxy, _):
            for round_trip in ROUND_TRIPS:
                for parallel in PARALLEL:
                    label = f"{name}, {round_trip} ms, {parallel} at a time"
                    runs.append({"round": number, "variant": label, "subject": name,
                                 **measure(bench, proxy, round_trip, parallel, body)})
    labels = [f"{name}, {round_trip} ms, {parallel} at a time" for round_trip in ROUND_TRIPS for parallel in PARALLEL
              for name in bench.http2_subjects]
    figures = {label: {figure: spread([run[figure] for run in runs if run["variant"] == label]) for figure in FIGURES}
               for label in labels}
    return {"title": f"Uploads of {bench.effort.distant} MiB over TLS 1.3 and distance, there and back", "runs": runs,
            "figures": figures}
