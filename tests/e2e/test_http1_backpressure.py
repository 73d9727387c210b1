"""A slow side slows the other side down; Sluice holds only a bounded piece in between."""

import fcntl
import hashlib
import select
import struct
import termios
import threading
from pathlib import Path

from client import RawClient
from sluice import config
from waiting import PATIENCE

TOTAL = 64 << 20
PIECE = b"0123456789abcdef" * 4096  # 64 KiB
# What may be on the way: Sluice's pieces and the kernel's socket buffers, which grow as this machine lets them.
BOUND = (8 << 20) + int(Path("/proc/sys/net/ipv4/tcp_rmem").read_text().split()[2]) // 2
MEMORY = 48 << 20    # what Sluice may grow by meanwhile; the sanitizers' share included


class Pump:
    """Sends TOTAL bytes as fast as the peer takes them, and knows when the peer stopped taking."""

    def __init__(self, sock):
        self.sock = sock
        self.sent = 0
        self.stalled = threading.Event()
        self.finished = threading.Event()

    def run(self):
        self.sock.setblocking(False)
        while self.sent < TOTAL:
            # Not writable for two seconds: a stall. On a machine so slow that this is an error, the test
            # merely looks at fewer bytes.
            if not select.select([], [self.sock], [], 2)[1]:
                self.stalled.set()
                assert select.select([], [self.sock], [], PATIENCE)[1], "nobody ever read on"
            try:
                self.sent += self.sock.send(PIECE[: min(len(PIECE), TOTAL - self.sent)])
            except BlockingIOError:
                pass
        self.sock.settimeout(PATIENCE)
        self.finished.set()
        self.stalled.set()

    def taken(self):
        """Bytes that left our side: what waits in our own socket buffer is not Sluice's."""
        return self.sent - struct.unpack("i", fcntl.ioctl(self.sock, termios.TIOCOUTQ, bytes(4)))[0]


def test_a_client_that_does_not_read(start, app):
    pumps = []

    def flood(visit):
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % TOTAL)
        pumps.append(Pump(visit.connection.sock))
        started.set()
        pumps[0].run()

    started = threading.Event()
    app.play("/flood", flood)
    sluice = start(config(app))
    assert sluice.get("/warm-up").status == 200
    before = sluice.resident()
    with RawClient(sluice["http"], receive_buffer=64 << 10, keep=False) as visitor:
        visitor.send(b"GET /flood HTTP/1.1\r\nHost: app.test\r\n\r\n")
        assert started.wait(PATIENCE)
        assert pumps[0].stalled.wait(PATIENCE)
        assert not pumps[0].finished.is_set(), "Sluice took all 64 MiB for a client that reads nothing"
        assert pumps[0].taken() < BOUND
        assert sluice.resident() - before < MEMORY
        assert sluice.get("/others").status == 200, "one slow client must not stop the others"
        seen = hashlib.sha256()
        visitor.response(sink=seen.update)
    assert seen.hexdigest() == hashlib.sha256(PIECE * (TOTAL // len(PIECE))).hexdigest()
    assert sluice.resident() - before < MEMORY


def test_an_application_that_does_not_read(start, apps, gate):
    app = apps(receive_buffer=64 << 10, keep=False)
    seen = hashlib.sha256()
    started = threading.Event()

    def lazy(visit):
        started.set()
        gate.wait(PATIENCE)
        visit.body(sink=seen.update)
        visit.reply(body=b"got it")

    app.play("/upload", lazy)
    sluice = start(config(app, timeouts={"first_byte": "120s", "body": "120s"}))
    assert sluice.get("/warm-up").status == 200
    before = sluice.resident()
    with RawClient(sluice["http"], keep=False) as visitor:
        visitor.send(b"POST /upload HTTP/1.1\r\nHost: app.test\r\nContent-Length: %d\r\n\r\n" % TOTAL)
        pump = Pump(visitor.sock)
        thread = threading.Thread(target=pump.run, daemon=True)
        thread.start()
        assert started.wait(PATIENCE)
        assert pump.stalled.wait(PATIENCE)
        assert not pump.finished.is_set(), "Sluice took all 64 MiB for an application that reads nothing"
        assert pump.taken() < BOUND
        assert sluice.resident() - before < MEMORY
        assert sluice.get("/others").status == 200
        gate.set()
        assert pump.finished.wait(PATIENCE * 2)
        thread.join()
        visitor.sock.settimeout(PATIENCE)
        assert visitor.response().body == b"got it"
    assert seen.hexdigest() == hashlib.sha256(PIECE * (TOTAL // len(PIECE))).hexdigest()


def test_a_client_that_leaves_stops_the_application(start, app):
    """The flood ends when nobody is there for it any more."""
    stopped = threading.Event()

    def flood(visit):
        visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                visit.send(b"10000\r\n" + PIECE + b"\r\n")
        except OSError:
            stopped.set()

    app.play("/flood", flood)
    sluice = start(config(app))
    with RawClient(sluice["http"], keep=False) as visitor:
        visitor.send(b"GET /flood HTTP/1.1\r\nHost: app.test\r\n\r\n")
        assert visitor.wire.head("response")[0][2] == b"200"
    assert stopped.wait(PATIENCE)


def test_a_client_that_leaves_before_the_answer_frees_the_application(start, app):
    left = threading.Event()
    app.play("/slow", lambda visit: (visit.wait_for_close(), left.set()))
    sluice = start(config(app))
    with RawClient(sluice["http"]) as visitor:
        visitor.send(b"GET /slow HTTP/1.1\r\nHost: app.test\r\n\r\n")
        app.wait_visits(1)
        visitor.reset()
    assert left.wait(PATIENCE), "the application was left working for a client that is gone"


def test_slow_clients_by_the_hundred_hold_nobody_up(start, app):
    """800 half-sent heads, and the next visitor is served at once: nobody occupies a thread."""
    sluice = start(config(app))
    dawdlers = [sluice.connect() for _ in range(800)]
    try:
        for one in dawdlers:
            one.send(b"GET /dawdle HTTP/1.1\r\nHost: app")
        for _ in range(20):
            assert sluice.get("/quick").status == 200
        for one in dawdlers[::80]:
            one.send(b".test\r\n\r\n")
            assert one.response().status == 200
    finally:
        for one in dawdlers:
            one.close()


def test_many_streams_at_different_speeds(start, app):
    """Thirty clients read at their own pace; each gets its own bytes, whole."""
    def stream(visit):
        mark = visit.request.target.partition("?")[2].encode()
        visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        block = mark.ljust(8, b".") * 1024
        for _ in range(32):
            visit.send(b"%x\r\n%s\r\n" % (len(block), block))
        visit.send(b"0\r\n\r\n")

    app.play("/stream", stream)
    sluice = start(config(app))
    visitors = [sluice.connect(receive_buffer=8 << 10) for _ in range(30)]
    try:
        for number, one in enumerate(visitors):
            one.send(b"GET /stream?%d HTTP/1.1\r\nHost: app.test\r\n\r\n" % number)
        for number, one in reversed(list(enumerate(visitors))):
            answer = one.response()
            assert answer.body == str(number).encode().ljust(8, b".") * 1024 * 32
    finally:
        for one in visitors:
            one.close()
