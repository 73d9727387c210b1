"""WebSocket echo: messages at a fixed rate over some connections, each answered by the upstream with the same.

The client is this process, on the generator's processor: it takes from the proxy nothing but its turn. One message is
under way on a connection at a time; latency counts from when it was due.
"""

import base64
import os
import selectors
import socket
import time
from bisect import bisect_left

from lib.http2 import percentile
from lib.tools import PERCENTILES, Account

CONNECTIONS = 64
PAYLOAD = b"x" * 100
MASK = b"\x12\x34\x56\x78"  # any will do: what it is for needs a hostile page in a browser
TEXT = 0x81  # a whole message of text
MESSAGE = (bytes([TEXT, 0x80 | len(PAYLOAD)]) + MASK
           + bytes(byte ^ MASK[at % 4] for at, byte in enumerate(PAYLOAD)))
ECHO = bytes([TEXT, len(PAYLOAD)]) + PAYLOAD


def upgraded(port):
    """A connection that speaks WebSocket from now on."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = base64.b64encode(os.urandom(16)).decode("ascii")
    connection.sendall((f"GET /websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n").encode("ascii"))
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            raise RuntimeError(f"WebSocket: closed instead of upgraded: {head!r}")
        head += byte
    if not head.startswith(b"HTTP/1.1 101 "):
        raise RuntimeError(f"WebSocket: not upgraded: {head.splitlines()[0]!r}")
    connection.setblocking(False)
    return connection


class Echo:
    """The connections of one run, and what became of their messages."""

    def __init__(self, port):
        # epoll would round every wait up to a millisecond.
        self.selector = selectors.SelectSelector()
        self.idle, self.due, self.received = [], {}, {}
        self.latencies, self.lost = [], 0
        for _ in range(CONNECTIONS):
            connection = upgraded(port)
            self.selector.register(connection, selectors.EVENT_READ)
            self.idle.append(connection)

    def close(self):
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()

    def run(self, rate, duration):
        """Sends for so long; (sent, late starts in seconds) of it. Answers of this time count, also late ones."""
        self.latencies, self.lost = [], 0
        start, sent, lags = time.monotonic(), 0, []
        total = round(rate * duration)
        while sent < total or (self.due and time.monotonic() < start + duration + 2):
            now = time.monotonic()
            while sent < total and self.idle and start + sent / rate <= now:
                lags.append(now - start - sent / rate)
                self._send(start + sent / rate)
                sent += 1
            if not self.idle and not self.due:
                break
            wait = start + sent / rate - time.monotonic() if sent < total and self.idle else 0.05
            self._receive(max(wait, 0))
        self.lost += len(self.due) + total - sent
        return total, lags

    def _send(self, due):
        connection = self.idle.pop(0)
        self.due[connection], self.received[connection] = due, b""
        connection.send(MESSAGE)

    def _receive(self, wait):
        for key, _ in self.selector.select(wait):
            connection = key.fileobj
            try:
                arrived = connection.recv(4096)
            except OSError:
                arrived = b""
            self.received[connection] = self.received.get(connection, b"") + arrived
            if arrived and ECHO.startswith(self.received[connection]):
                if len(self.received[connection]) == len(ECHO):
                    self.latencies.append((time.monotonic() - self.due.pop(connection)) * 1e6)
                    self.idle.append(connection)
                continue
            # Ended, or something else than the message: this connection is of no more use.
            self.selector.unregister(connection)
            connection.close()
            self.lost += self.due.pop(connection, None) is not None
            if connection in self.idle:
                self.idle.remove(connection)


def echo(proxy, load):
    """One run, in the form all loads have."""
    client = Echo(proxy.plain_port)
    try:
        client.run(load.rate, load.warmup)
        account, began, own = Account(proxy), time.monotonic(), time.process_time()
        sent, lags = client.run(load.rate, load.duration)
        took, own = time.monotonic() - began, time.process_time() - own
        cpu, noise = account.close()
        memory = proxy.process.memory()
        latencies, lost = sorted(client.latencies), client.lost
    finally:
        client.close()
    on_time = bisect_left(sorted(lags), 1e-3)
    return {
        "cpu_seconds": cpu,
        "cpu_us_per_request": cpu / len(latencies) * 1e6 if latencies else None,
        "requests": sent,
        "achieved": len(latencies) / took,
        "lost": lost,
        "p50_ms": percentile(latencies, 0.5),
        "p99_ms": percentile(latencies, 0.99),
        "latency_ms": {name: percentile(latencies, float(name) / 100) for name in PERCENTILES},
        "memory_mib": memory["pss"] / 2**20,
        "noise": noise,
        # As sluice-bench judges itself: late with one in a hundred, or never at rest.
        "generator_was_bottleneck": on_time < 0.99 * len(lags) or own > 0.9 * took,
        "generator_cpu_seconds": own,
        "command": [f"{CONNECTIONS} connections, {load.rate} messages of {len(PAYLOAD)} bytes a second"],
        "report": {"failures": {}},
    }
