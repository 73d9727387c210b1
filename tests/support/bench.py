"""sluice-origin and sluice-bench as programs."""

import contextlib
import json
import re
import signal
import subprocess

from client import RawClient
from sluice import HARM, binary, environment
from waiting import PATIENCE


class Origin:
    """sluice-origin on a free port. `leaf` makes it serve TLS."""

    def __init__(self, *options, leaf=None):
        tls = ["--tls", leaf.cert, leaf.key] if leaf else []
        # A second, plain address: counts are asked for there.
        self.process = subprocess.Popen([binary("sluice-origin"), "--listen", "127.0.0.1:0", *tls, *map(str, options)],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment())
        said = re.match(r"listening on (\S+)", self.process.stdout.readline())
        assert said, "sluice-origin did not start"
        self.address = said[1]
        self.leaf = leaf

    @property
    def url(self):
        return f"{'https' if self.leaf else 'http'}://{self.address}"

    def stats(self, tls=None):
        """Counts since its start; of these, one connection and one request are this question's own."""
        with RawClient(self.address, tls=tls, server_name="localhost" if tls else None) as client:
            return json.loads(client.get("/stats", "Connection: close", host="localhost").body)

    @contextlib.contextmanager
    def stopped(self):
        """Frozen: the kernel takes connections and bytes, and nobody answers."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def stop(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait(PATIENCE)
        self.process.stdout.close()


class Bench:
    """One running sluice-bench."""

    def __init__(self, verb, *options, limits=None):
        self.process = subprocess.Popen([binary("sluice-bench"), verb, *map(str, options)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env=environment(), preexec_fn=limits)

    def wait_line(self, pattern, stream="stderr"):
        """Reads lines up to one that matches."""
        for line in getattr(self.process, stream):
            if re.search(pattern, line):
                return line
        raise AssertionError(f"sluice-bench never said /{pattern}/")

    def finish(self, code=0):
        """Waits for its end; returns what is left of its output and complaints."""
        out, complaints = self.process.communicate(timeout=PATIENCE * 2)
        assert not HARM.search(complaints), f"sluice-bench came to harm:\n{complaints}"
        assert self.process.returncode == code, f"sluice-bench ended with {self.process.returncode}: {complaints}"
        return out, complaints

    def report(self):
        return json.loads(self.finish()[0])


def bench(verb, *options, **how):
    """Runs it to its end; returns the report."""
    return Bench(verb, *options, "--json", **how).report()


def load(url, *options, **how):
    return bench("load", "--url", url, "--warmup", "0", *options, **how)
