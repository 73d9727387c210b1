"""sluice-origin and sluice-bench as compare.py uses them."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lib.machine import Processors
from lib.processes import Process
from lib.proxy import HOST_PATTERN

PERCENTILES = ("50", "75", "90", "99", "99.9")  # of the latency, in all reports


@dataclass(frozen=True)
class Load:
    """One load: what is offered, and for how long."""

    rate: int
    connections: int
    duration: float
    warmup: float
    tls: bool = False
    streams: int = 0  # at a time on each connection, which speaks HTTP/2; 0: HTTP/1.1
    path: str = "/"
    hosts: int = 0
    zipf: bool = False  # the first hosts are asked for more often
    clients: int = 0  # so many addresses in X-Forwarded-For, in turn
    upload: str = ""  # a request body of this size
    keepalive: bool = True  # otherwise a connection for every request
    resume: bool = False  # TLS sessions
    closed: bool = False  # no rate: ask again at once


class Account:
    """A proxy's processor time, and the noise around it, between creation and close()."""

    def __init__(self, proxy):
        self.process = proxy.process
        # Where the generator has to share a processor with the proxy, noise on it cannot be told from load.
        self.shared = proxy.around.load_cpu in proxy.cpus
        self.processors, self.start = Processors(proxy.cpus), self.process.cpu_seconds()

    def close(self):
        cpu = self.process.cpu_seconds() - self.start
        noise = self.processors.noise(cpu)
        return cpu, {**noise, "others": None} if self.shared else noise


class Origin(Process):
    """An upstream, on the load generator's processor: never on the proxy's."""

    def __init__(self, binary, cpu, directory):
        super().__init__([binary, "--listen", "127.0.0.1:0"], {cpu}, directory, stdout=subprocess.PIPE, text=True)
        said = re.match(r"listening on (\S+)", self.popen.stdout.readline())
        if not said:
            self.stop()
            raise RuntimeError(f"sluice-origin did not start:\n{self.last_words()}")
        self.address = said.group(1)


class Generator:
    """Runs sluice-bench against a proxy."""

    def __init__(self, binary: Path, cpu: int, directory: Path, certificate: Path):
        self.binary, self.cpu, self.directory, self.certificate = binary, cpu, directory, certificate

    def _target(self, proxy, tls, path="/", hosts=0):
        argv = ["--url", proxy.url(tls, path), "--json"]
        argv += ["--hosts", hosts, "--pattern", HOST_PATTERN] if hosts else ["--host", "localhost"]
        return argv + (["--ca", self.certificate] if tls else [])

    @staticmethod
    def _manner(load):
        """What differs from one request after the other on kept connections, at a rate."""
        manner = ["--closed"] if load.closed else ["--rate", load.rate]
        if load.zipf:
            manner += ["--distribution", "zipf"]
        if load.clients:
            manner += ["--vary", "X-Forwarded-For: {ip}", "--values", load.clients]
        if load.upload:
            manner += ["--method", "POST", "--body-size", load.upload]
        if not load.keepalive:
            manner += ["--keepalive", "no", "--resume", "yes" if load.resume else "no"]
        return manner

    def load(self, proxy, load: Load, during=None):
        """One run; the proxy's processor time is taken over exactly the measured part of it. during(), if given,
        is called when that part has begun, and its return ends the load before its time."""
        argv = [self.binary, "load", *self._target(proxy, load.tls, load.path, load.hosts), "--announce",
                *self._manner(load), "--connections", load.connections,
                "--duration", f"{load.duration}s", "--warmup", f"{load.warmup}s"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with Process(argv, {self.cpu}, self.directory, **pipes) as bench:
            self._expect(bench, "measuring")
            account = Account(proxy)
            outcome = None
            if during:
                outcome = during()
                bench.popen.terminate()
            self._expect(bench, "measured")
            cpu, noise = account.close()
            memory = proxy.process.memory()
            report = json.loads(bench.popen.stdout.read())
        return {**summarise(report, cpu), "noise": noise, "during": outcome, "memory_mib": memory["pss"] / 2**20,
                "command": self.shown(bench.argv), "report": report}

    def shown(self, argv):
        """The command for a report, without the places of this one run."""
        return [word.replace(str(self.directory), "$DIR").replace(f"{self.binary.parent}/", "") for word in argv]

    @staticmethod
    def _expect(bench, word):
        said = bench.popen.stderr.readline().strip()
        if said != word:
            raise RuntimeError(f"sluice-bench: {said}{bench.popen.stderr.read()}".strip())

    def idle(self, proxy, tls, connections):
        """Connections that have each had one answer, and rest until the returned object is finished."""
        argv = [self.binary, "idle", *self._target(proxy, tls), "--connections", connections,
                "--request-first", "--request-last", "--timeout", "30s"]
        return IdleConnections(argv, self.cpu, self.directory)


class IdleConnections(Process):
    def __init__(self, argv, cpu, directory):
        super().__init__(argv, {cpu}, directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.popen.stdout.readline().strip() != "ready":
            self.stop()
            raise RuntimeError(f"sluice-bench idle: {self.last_words()}")

    def finish(self):
        """Lets each send one more request and tells how all of them fared."""
        self.popen.stdin.close()
        self.popen.stdin = None
        return json.loads(self.popen.stdout.read())


def summarise(report, cpu):
    requests, latency = report["requests"], report["latency_us"]
    answered = requests["ok"] + sum(n for kind, n in report["failures"].items() if kind.startswith("status"))
    handshakes = report["handshakes"]
    return {
        "cpu_seconds": cpu,
        "cpu_us_per_request": cpu / answered * 1e6 if answered else None,
        "cpu_percent": 100 * cpu / report["seconds"],
        "requests": requests["scheduled"],
        "achieved": report["answered_per_second"],
        "lost": requests["scheduled"] - requests["ok"],
        "p50_ms": latency["p50"] / 1e3,
        "p99_ms": latency["p99"] / 1e3,
        "latency_ms": {name: latency[f"p{name}"] / 1e3 for name in PERCENTILES},
        "resumed_percent": 100 * handshakes["resumed"] / max(1, sum(handshakes.values())),
        "generator_was_bottleneck": report["generator"]["bottleneck"],
    }
