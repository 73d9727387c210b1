"""What every scenario needs: the programs, the processors, and the measure of effort."""

import contextlib
import dataclasses
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from lib.certificates import TenantCertificates, make_certificate
from lib.http2 import Http2Generator
from lib.proxies import make_proxy
from lib.proxy import HOST_PATTERN, Plan, Surroundings
from lib.tools import Generator, Origin


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    rounds: int = 3
    duration: float = 6
    warmup: float = 2
    rate: int = 12000
    handshakes: int = 800  # per second
    messages: int = 2000  # of WebSockets, per second
    idle: int = 5000
    idle_http2: int = 2000
    many_idle: int = 10000
    tenants: int = 10000
    clients: int = 1_000_000  # addresses that limits remember
    distant: int = 20  # MiB of an upload over distance
    slow_reloads: int = 5  # with all tenants
    reloads: int = 300  # with fewer, and many idle connections

    @staticmethod
    def quick():
        """A look whether everything works; its figures are no more than a hint."""
        return Effort(rounds=1, duration=2, warmup=0.5, handshakes=300, messages=1000, idle=500, idle_http2=200,
                      many_idle=500, tenants=1000, clients=50_000, distant=4, slow_reloads=2, reloads=20)


@dataclass
class Bench:
    """The stage: origin and generator on one processor, proxies on the others."""

    tools: Path
    subjects: dict  # name -> binary; the first is the one under test, the others what it is compared with
    http1_subjects: dict  # the same for HTTP/1.1 with one pool and one worker, where there are more to compare with
    http2_subjects: dict  # the same for HTTP/2
    effort: Effort
    proxy_cpus: tuple  # one for each worker
    load_cpu: int
    directory: Path
    descriptors: int
    notes: list = field(default_factory=list)
    late: list = field(default_factory=list)  # labels of runs whose generator could not keep its own schedule
    origin: Origin = None
    generator: Generator = None
    http2_generator: Http2Generator = None
    around: Surroundings = None
    configurations: dict = field(default_factory=dict)  # what was used: label -> {"command", "text"}

    @contextlib.contextmanager
    def prepared(self):
        certificate, key = make_certificate(self.directory)
        with Origin(self.tools / "sluice-origin", self.load_cpu, self.directory) as self.origin:
            self.generator = Generator(self.tools / "sluice-bench", self.load_cpu, self.directory, certificate)
            self.http2_generator = Http2Generator(shutil.which("h2load"), self.load_cpu, self.directory, certificate)
            tenants = TenantCertificates(self.directory / "certificates", HOST_PATTERN, certificate, key)
            self.around = Surroundings(self.origin.address, certificate, key, tenants, self.directory,
                                       self.proxy_cpus, self.load_cpu, self.descriptors)
            yield self

    @property
    def subject(self):
        return next(iter(self.subjects))

    @property
    def everybody(self):
        return {**self.http1_subjects, **self.http2_subjects}

    @contextlib.contextmanager
    def running(self, name, plan=Plan()):
        """A proxy serving the plan; gives it and the seconds its start took."""
        with make_proxy(self.everybody[name], self.around, name) as proxy:
            seconds = proxy.start(plan)
            self._keep(name, plan, proxy)
            yield proxy, seconds

    def _keep(self, name, plan, proxy):
        special = dataclasses.replace(plan, variant=0, servers=("",) if plan.servers else ())
        described = [f"{part.name} {getattr(special, part.name)}" for part in dataclasses.fields(Plan)
                     if getattr(special, part.name) != part.default and part.name != "servers"]
        if plan.servers:
            described.append(f"{len(plan.servers)} servers")
        label = ", ".join([name, *described])
        if label not in self.configurations:
            command = " ".join(proxy.process.argv)
            self.configurations[label] = {"command": self.anonymous(command),
                                          "text": self.anonymous(elide(proxy.configuration))}

    def anonymous(self, text):
        """Without the places of this one run, which mean nothing."""
        return text.replace(str(self.directory), "$DIR").replace(f"{self.tools}/", "")

    def alternating(self, variants):
        """(round, variant) pairs; the order turns in every round, so that no variant always goes first."""
        for number in range(self.effort.rounds):
            for variant in variants if number % 2 == 0 else list(reversed(variants)):
                yield number, variant

    def note(self, text):
        text = self.anonymous(text)
        if text not in self.notes:
            self.notes.append(text)

    def judge(self, label, run):
        """Notes what makes a run doubtful; noise is in the run itself."""
        if run["lost"]:
            self.note(f"{label}: {run['lost']} of {run['requests']} requests lost {run['report']['failures'] or ''}")
        if run["generator_was_bottleneck"]:
            self.late.append(label)
        return run


def elide(text, head=80, tail=40):
    """The text without the middle of a long one, which repeats itself for every tenant."""
    lines = text.splitlines()
    if len(lines) <= head + tail:
        return text
    return "\n".join([*lines[:head], f"[... {len(lines) - head - tail} lines more ...]", *lines[-tail:]]) + "\n"


def spread(values):
    """Median, least and most."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return {"median": median(known), "least": min(known), "most": max(known)}


def ratios(runs, numerator, denominator, figure):
    """The ratio of a figure within each round, for both sides of a round saw the same machine."""
    by_round = {}
    for run in runs:
        by_round.setdefault(run["round"], {})[run["variant"]] = run[figure]
    pairs = [(row.get(numerator), row.get(denominator)) for row in by_round.values()]
    each = [above / below for above, below in pairs if above is not None and below]
    return {**spread(each), "rounds": each} if each else None
