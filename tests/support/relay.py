#!/usr/bin/python3
"""Distance: a relay on loopback that hands everything on as it comes, but later.

    with Relay(sluice["h2c"], delay=0.020) as far:      # 40 ms there and back
        visitor = Http2Client(far.address)

What is on its way is not bounded, as on a long and wide road: a sender is held up by nothing but its own protocol. So
the relay is no model of TCP over distance, which begins slowly; it shows what comes on top. A connection to the other
side is there at once, too.

As a program it says its address, and relays until its standard input ends:  relay.py HOST:PORT SECONDS
"""

import contextlib
import socket
import sys
import threading
import time
from collections import deque

PIECE = 1 << 18


class Relay:
    """Use as a context manager. `target` is "host:port", `delay` of each way, in seconds."""

    def __init__(self, target, delay):
        host, port = target.rsplit(":", 1)
        self.target, self.delay = (host, int(port)), delay
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.connections = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends all connections."""
        hang_up(self.listener)
        for near, far in self.connections:
            hang_up(near)
            hang_up(far)

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self.target)
            except OSError:
                near.close()
                continue
            self.connections.append((near, far))
            Way(near, far, self.delay)
            Way(far, near, self.delay)


class Way:
    """One direction of one connection: what comes in, and when it is to go out."""

    def __init__(self, source, sink, delay):
        self.source, self.sink, self.delay = source, sink, delay
        self.under_way = deque()
        self.something = threading.Semaphore(0)
        for part in (self._take, self._give):
            threading.Thread(target=part, daemon=True).start()

    def _take(self):
        with contextlib.suppress(OSError):
            self.sink.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            try:
                piece = self.source.recv(PIECE)
            except OSError:
                piece = None  # reset
            self.under_way.append((time.monotonic() + self.delay, piece))
            self.something.release()
            if not piece:
                return

    def _give(self):
        while True:
            self.something.acquire()
            due, piece = self.under_way.popleft()
            if (left := due - time.monotonic()) > 0:
                time.sleep(left)
            try:
                if piece:
                    self.sink.sendall(piece)
                    continue
                if piece is None:
                    hang_up(self.sink)
                else:
                    self.sink.shutdown(socket.SHUT_WR)
            except OSError:
                hang_up(self.source)  # nobody takes it any more: whoever sends shall know
            return


def hang_up(sock):
    """Wakes whoever waits on it; close() alone would not."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()


def main(target, delay):
    with Relay(target, float(delay)) as relay:
        print(relay.address, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
