"""The machine: what it is, and how quiet it was."""

import os
import platform
import resource
import subprocess
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def first_line(*argv):
    """What a program says of itself; some say it on stderr."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False)
    except OSError as error:
        return f"unavailable ({error.strerror})"
    said = (done.stdout + done.stderr).strip()
    return said.splitlines()[0] if said else "silent"


def describe():
    """Kernel, processor and memory."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "kernel": platform.release(),
        "processor": model,
        "processors": os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "load_average": os.getloadavg()[0],
        "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    }


def raise_descriptor_limit(wanted=32768):
    """Thousands of connections need more descriptors than the usual soft limit. Returns how many there are: not
    all a generous machine would give, for nginx takes memory in advance for as many as it is told."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit


class Processors:
    """The account of some processors in /proc/stat, between creation and noise()."""

    def __init__(self, cpus):
        self.names = {f"cpu{cpu}" for cpu in cpus}
        self.start = self._read()

    def _read(self):
        sums = [0.0, 0.0, 0.0]
        for line in Path("/proc/stat").read_text(encoding="ascii").splitlines():
            name, *fields = line.split()
            if name in self.names:
                user, nice, system, idle, iowait, irq, softirq, steal = (int(f) / TICKS for f in fields[:8])
                busy = user + nice + system + irq + softirq
                sums = [a + b for a, b in zip(sums, (busy, steal, busy + steal + idle + iowait))]
        return sums

    def noise(self, own_seconds):
        """Shares of the time since the start that the host stole, and that other processes than ours used."""
        busy, steal, total = (now - then for now, then in zip(self._read(), self.start))
        if total <= 0:
            return {"steal": 0.0, "others": 0.0}
        return {"steal": max(steal / total, 0.0), "others": max((busy - own_seconds) / total, 0.0)}
