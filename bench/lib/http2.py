"""HTTP/2 over TLS: load from h2load, and connections that rest.

h2load paces each of its connections by a timer of 10 ms, so that requests come in bursts: at 10,000/s over 8
connections, about 100 at once and then a pause. Every proxy gets the same bursts. Its latencies count from when a
request was sent, not from when it was due.
"""

import re
import socket
import ssl
import struct
import subprocess
import time
from pathlib import Path

from lib.processes import Process
from lib.tools import PERCENTILES, Account

# What sluice-bench and nginx agree on in the scenarios over HTTP/1.1; h2load by itself would ask for AES-128.
CIPHER = "TLS_AES_256_GCM_SHA384"

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM = ACK = 0x1
END_HEADERS = 0x4

# Static entries of HPACK (RFC 7541, appendix A), and what a browser would send besides, to be indexed.
GET, HTTPS = 0x82, 0x87
AUTHORITY, PATH, ACCEPT, USER_AGENT = 1, 4, 19, 58
FIELDS = [(AUTHORITY, b"localhost"), (PATH, b"/idle"), (ACCEPT, b"text/html,application/xhtml+xml"),
          (USER_AGENT, b"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")]
FIRST_DYNAMIC = 62
STATUS_200 = 0x88


class Http2Generator:
    """Runs h2load against a proxy, and holds idle connections itself."""

    def __init__(self, binary, cpu: int, directory: Path, certificate: Path):
        self.binary, self.cpu, self.directory, self.certificate = binary, cpu, directory, certificate

    def load(self, proxy, load):
        """One run; the proxy's processor time is taken over exactly the measured part of it."""
        if not self.binary:
            raise RuntimeError("h2load is missing; Debian has it in nghttp2-client")
        log = self.directory / "h2load.requests"
        log.unlink(missing_ok=True)  # h2load would append
        argv = [self.binary, "--clients", load.connections, "--max-concurrent-streams", load.streams,
                f"--rps={load.rate / load.connections}", f"--duration={seconds(load.duration)}",
                f"--warm-up-time={seconds(load.warmup)}", "--npn-list=h2", f"--tls13-ciphers={CIPHER}",
                f"--connect-to=127.0.0.1:{proxy.tls_port}", f"--log-file={log}", f"https://localhost{load.path}"]
        with Process(argv, {self.cpu}, self.directory, stdout=subprocess.PIPE, text=True) as h2load:
            said = self._read_until(h2load, "Main benchmark duration is started")
            account, own, began = Account(proxy), h2load.cpu_seconds(), time.monotonic()
            said += self._read_until(h2load, "Main benchmark duration is over")
            took, own = time.monotonic() - began, h2load.cpu_seconds() - own
            cpu, noise = account.close()
            said += h2load.popen.stdout.read()
            memory = proxy.process.memory()
        return {**summarise(said, log, cpu, took), "offered": load.rate, "generator_cpu_seconds": own, "noise": noise,
                "memory_mib": memory["pss"] / 2**20,
                "command": [word.replace(str(self.directory), "$DIR") for word in h2load.argv]}

    @staticmethod
    def _read_until(h2load, words):
        said = ""
        for line in h2load.popen.stdout:
            said += line
            if line.startswith(words):
                return said
        raise RuntimeError(f"h2load ended before its time: {said.strip()[-300:]} {h2load.last_words()}".strip())

    def idle(self, proxy, connections, requests=3):
        """Connections that have each had some answers, and rest until the returned object is finished."""
        return IdleHttp2(proxy.tls_port, self.certificate, connections, requests)


def seconds(value):
    """h2load takes fractions only in its smaller units."""
    return f"{round(value * 1000)}ms"


def found(pattern, text):
    match = re.search(pattern, text)
    if not match:
        raise RuntimeError(f"h2load said nothing like {pattern!r}:\n{text}")
    return match.groups()


def summarise(said, log, cpu, took):
    (protocol,), (cipher,) = found(r"TLS Protocol: (\S+)", said), found(r"Cipher: (\S+)", said)
    (application,) = found(r"Application protocol: (\S+)", said)
    done, succeeded, failed, errored, late = map(int, found(
        r"(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", said))
    rows = [line.split() for line in log.read_text(encoding="ascii").splitlines()]
    latencies = sorted(int(micros) for _, status, micros in rows if status == "200")
    return {
        "tls": f"{protocol} {cipher} {application}",
        "cpu_seconds": cpu,
        "cpu_us_per_request": cpu / done * 1e6 if done else None,
        "requests": done,
        "achieved": done / took,
        "lost": max(done - succeeded, failed) + errored + late,
        "p50_ms": percentile(latencies, 0.5),
        "p99_ms": percentile(latencies, 0.99),
        "latency_ms": {name: percentile(latencies, float(name) / 100) for name in PERCENTILES},
        "generator_was_bottleneck": False,  # cannot be told; a rate that was not reached is noted instead
        "report": {"h2load": said, "failures": {kind: n for kind, n in (("failed", failed), ("errored", errored),
                                                                        ("timeout", late)) if n}},
    }


def percentile(ordered, share):
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] / 1e3 if ordered else None


class IdleHttp2:
    """Many connections; use as a context manager."""

    def __init__(self, port, certificate, connections, requests):
        context = ssl.create_default_context(cafile=str(certificate))
        context.set_alpn_protocols(["h2"])
        self.held = []
        try:
            for _ in range(connections):
                self.held.append(Connection(port, context))
                for _ in range(requests):
                    self.held[-1].request()
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for connection in self.held:
            connection.close()

    def finish(self):
        """Lets each send one more request and tells how all of them fared."""
        well = 0
        for connection in self.held:
            try:
                connection.request()
                well += 1
            except (OSError, RuntimeError):
                pass
        self.__exit__()
        return {"last_ok": well}


class Connection:
    """As much of HTTP/2 as one request after the other needs."""

    def __init__(self, port, context):
        plain = socket.create_connection(("127.0.0.1", port), timeout=10)
        try:
            self.socket = context.wrap_socket(plain, server_hostname="localhost")
        except BaseException:
            plain.close()
            raise
        if self.socket.selected_alpn_protocol() != "h2":
            self.close()
            raise RuntimeError("no HTTP/2: ALPN did not settle on it")
        self.input = self.socket.makefile("rb")
        self.next_stream = 1
        self.socket.sendall(PREFACE + frame(SETTINGS))

    def close(self):
        self.socket.close()

    def request(self):
        stream, self.next_stream = self.next_stream, self.next_stream + 2
        block = bytes([GET, HTTPS])
        for place, (name, value) in enumerate(FIELDS):
            # Literals the first time; from then on by their places in the dynamic table, the latest first.
            block += (bytes([0x40 | name, len(value)]) + value if stream == 1
                      else bytes([0x80 | (FIRST_DYNAMIC + len(FIELDS) - 1 - place)]))
        self.socket.sendall(frame(HEADERS, END_STREAM | END_HEADERS, stream, block))
        while not self._ends(stream):
            pass

    def _ends(self, stream):
        """Reads one frame; whether it is the last of the stream."""
        head = self.input.read(9)
        if len(head) < 9:
            raise RuntimeError("the connection was closed")
        kind, flags, where = head[3], head[4], struct.unpack(">I", head[5:])[0]
        payload = self.input.read(int.from_bytes(head[:3], "big"))
        if kind in (RST_STREAM, GOAWAY):
            raise RuntimeError(f"frame {kind} instead of an answer")
        if kind == SETTINGS and not flags & ACK:
            self.socket.sendall(frame(SETTINGS, ACK))
        if kind == PING and not flags & ACK:
            self.socket.sendall(frame(PING, ACK, 0, payload))
        if kind == HEADERS and STATUS_200 not in payload[:3]:  # a new size of the table may come before it
            raise RuntimeError("an answer other than 200")
        return where == stream and kind in (HEADERS, DATA) and bool(flags & END_STREAM)


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload
