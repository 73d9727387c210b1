"""Answers that are streams of events: as quiet as they like, each word at once, and over when their reader is gone.

Each over HTTP/1.1 and HTTP/2 on either side. That the limit for silence is over is told by another answer, which began
later, has the same limit, and was cut.
"""

import threading
from pathlib import Path

import pytest

from certs import entry
from client import RawClient, trusting
from failing import LISTENERS, access_line, is_h2, wait_idle
from http2 import Code, Ended, Http2Client, goaway, head, rst_stream
from sluice import config, pool
from waiting import PATIENCE, wait_until
from wire import Incomplete

WAYS = [(down, up) for down in ("h1", "h2") for up in ("h1", "h2")]
ways = pytest.mark.parametrize("down,up", WAYS, ids=["-".join(way) for way in WAYS])
LIMIT = "300ms"


class Play:
    """What the server says on one stream, when the test says so."""

    def __init__(self, apps, path, *fields, chunked=True, status=200):
        self.ready, self.over, self.visit = threading.Event(), threading.Event(), None
        self.fields, self.chunked, self.status = fields, chunked, status
        for app in apps:
            app.play(path, self.script)

    def script(self, visit):
        visit.body()
        self.visit = visit
        if is_h2(visit):
            visit.head(self.status, *(f.lower() for f in self.fields))
        else:
            framing = ["Transfer-Encoding: chunked"] if self.chunked else []
            visit.send("\r\n".join([f"HTTP/1.1 {self.status} OK", *self.fields, *framing, "", ""]).encode())
        self.ready.set()
        self.over.wait(PATIENCE * 2)

    def say(self, text):
        assert self.ready.wait(PATIENCE)
        if is_h2(self.visit):
            self.visit.data(text)
        else:
            self.visit.send(b"%x\r\n%s\r\n" % (len(text), text) if self.chunked else text)

    def end(self):
        if is_h2(self.visit):
            self.visit.data(b"", end=True)
        elif self.chunked:
            self.visit.send(b"0\r\n\r\n")
        else:
            self.visit.close()
        self.over.set()

    def wait_given_up(self):
        """Until Sluice has ended it towards the server."""
        if is_h2(self.visit):
            assert self.visit.wait_reset() == Code.CANCEL
        else:
            assert self.visit.wait_for_close()
        self.over.set()


class Reader:
    """Whoever reads a stream, over either protocol."""

    def __init__(self, sluice, down, path):
        self.down = down
        if down == "h2":
            self.client = Http2Client(sluice["h2c"])
            self.stream = self.client.open(head(path=path))
            self.client.status(self.stream)
        else:
            how = {"tls": trusting(), "server_name": "app.test"} if down == "https" else {}
            self.client = RawClient(sluice["https" if how else "http"], **how)
            self.client.send(f"GET {path} HTTP/1.1\r\nHost: app.test\r\n\r\n".encode())
            self.until(b"\r\n\r\n")

    def until(self, text):
        if self.down == "h2":
            answer = self.client.answers[self.stream]
            self.client.until(lambda: text in answer.body or answer.over, text)
            assert text in answer.body, answer
            return
        wire = self.client.wire
        while text not in wire.seen:
            if not wire.fill():
                raise Incomplete(f"before {text}", wire.ended)

    def until_end(self):
        """Until the stream is over, perhaps with its connection; whether it ended well."""
        if self.down == "h2":
            try:
                return self.client.answer(self.stream).ended
            except Ended:
                return False
        wire = self.client.wire
        while not wire.seen.endswith(b"0\r\n\r\n"):
            if not wire.fill():
                return False
        return True

    def leave(self, how):
        if how == "reset-stream":
            self.client.send(rst_stream(self.stream))
        elif how == "goaway":
            self.client.send(goaway(0))
            self.client.close()
        elif how == "fin":
            self.client.close()
        else:
            self.client.reset()


@pytest.fixture
def apps_of(apps, h2apps):
    return {"h1": apps(name="h1"), "h2": h2apps(name="h2")}


@pytest.fixture
def edge(start, apps_of, tmp_path, authority):
    """Routes /h1/… and /h2/… lead to servers of either kind."""
    def run(**keys):
        pools = {"h1": pool(apps_of["h1"], timeouts={"body": LIMIT}),
                 "h2": pool(apps_of["h2"], protocol="h2", timeouts={"body": LIMIT})}
        sluice = start(config(listeners={**LISTENERS, "https": {"address": "127.0.0.1:0", "tls": True}},
                              tls={"certificates": [entry(authority.leaf("app.test"))]},
                              pools=pools, log={"access": str(tmp_path / "access.log")},
                              routes=[{"path": f"/{up}/", "pool": up} for up in pools], **keys))
        sluice.access = tmp_path / "access.log"
        return sluice
    yield run


def limit_is_over(sluice, apps_of, up):
    """Returns when an answer that began now, and says nothing, was cut for its silence; and another one after it."""
    for _ in range(2):
        stuck = Play(apps_of.values(), f"/{up}/stuck", "Content-Type: text/plain")
        reader = Reader(sluice, "h1", f"/{up}/stuck")
        try:
            assert not reader.until_end()
        finally:
            stuck.over.set()
            reader.client.close()


STREAMS = {
    "events": ["Content-Type: text/event-stream"],
    "events-charset": ["Content-Type: Text/Event-Stream; charset=utf-8"],
    "pictures": ["Content-Type: multipart/x-mixed-replace; boundary=x"],
    "lines": ["Content-Type: application/x-ndjson"],
    "records": ["Content-Type: application/json-seq"],
    "spring": ["Content-Type: application/stream+json"],
    "grpc-web": ["Content-Type: application/grpc-web+proto"],
    "unbuffered": ["Content-Type: text/plain", "X-Accel-Buffering: no"],
}


@ways
@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_may_be_silent(edge, apps_of, down, up, kind):
    sluice = edge()
    play = Play(apps_of.values(), f"/{up}/events", *STREAMS[kind])
    reader = Reader(sluice, down, f"/{up}/events")
    play.say(b"data: 1\n\n")
    reader.until(b"data: 1\n\n")
    limit_is_over(sluice, apps_of, up)
    play.say(b"data: 2\n\n")
    reader.until(b"data: 2\n\n")
    play.end()
    assert reader.until_end()


@ways
def test_a_stream_that_has_said_nothing_yet_may_be_silent(edge, apps_of, down, up):
    """Its head is passed on at once all the same."""
    sluice = edge()
    play = Play(apps_of.values(), f"/{up}/events", *STREAMS["events"])
    reader = Reader(sluice, down, f"/{up}/events")  # has the head
    limit_is_over(sluice, apps_of, up)
    play.say(b":\n\n")
    reader.until(b":\n\n")
    play.end()
    assert reader.until_end()


@pytest.mark.parametrize("up", ["h1", "h2"])
@pytest.mark.parametrize("fields", [["Content-Type: text/event-stream-x"], ["Content-Type: text/plain"], ["X-Accel-Buffering: yes"],
                                    ["Content-Type: text/event-stream", "Content-Length: 100"]], ids=str)
def test_what_does_not_say_so_is_no_stream(edge, apps_of, up, fields):
    sluice = edge()
    play = Play(apps_of.values(), f"/{up}/x", *fields, chunked="Content-Length: 100" not in fields)
    with RawClient(sluice["http"]) as visitor:
        visitor.send(f"GET /{up}/x HTTP/1.1\r\nHost: app.test\r\n\r\n".encode())
        with pytest.raises(Incomplete):
            visitor.response()
    play.over.set()


@pytest.mark.parametrize("up", ["h1", "h2"])
def test_a_long_poll_that_has_not_answered_keeps_first_byte(start, apps_of, up):
    apps_of[up].play("/poll", lambda visit: visit.wait_reset() if is_h2(visit) else visit.wait_for_close())
    sluice = start(config(apps_of[up], listeners=LISTENERS,
                          pools={"app": pool(apps_of[up], timeouts={"first_byte": LIMIT}, **({"protocol": "h2"} if up == "h2" else {}))},
                          routes=[{"pool": "app"}]))
    assert sluice.get("/poll", "Accept: text/event-stream").status == 504


LEAVINGS = [("h1", "fin"), ("h1", "reset"), ("https", "fin"), ("https", "reset"),
            ("h2", "reset-stream"), ("h2", "fin"), ("h2", "reset"), ("h2", "goaway")]


@pytest.mark.parametrize("up", ["h1", "h2"])
@pytest.mark.parametrize("down,how", LEAVINGS, ids=["-".join(one) for one in LEAVINGS])
def test_a_reader_that_has_gone_is_noticed(edge, apps_of, down, how, up):
    """While nothing is said; the server is told, and the place given back."""
    sluice = edge()
    play = Play(apps_of.values(), f"/{up}/events", *STREAMS["events"])
    reader = Reader(sluice, down, f"/{up}/events")
    play.say(b"data: 1\n\n")
    reader.until(b"data: 1\n\n")
    reader.leave(how)
    play.wait_given_up()
    wait_idle(sluice, up)
    line = access_line(sluice.access, f"/{up}/events")
    assert (line["status"], line["error"], line["bytes_out"]) == (200, "client_gone", 9)


def keepalive(local, remote):
    """Whether the kernel has a time set for asking the peer of a connection, which is told by its ports."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if [int(end.rpartition(":")[2], 16) for end in fields[1:3]] == [local, remote]:
            return fields[5].startswith("02:")
    return False


def test_who_is_silent_is_asked_whether_it_lives(edge, apps_of):
    """A client that was switched off is found by nothing else, nor is a server."""
    sluice = edge()
    play = Play(apps_of.values(), "/h1/events", *STREAMS["events"])
    reader = Reader(sluice, "h1", "/h1/events")
    ours = int(sluice["http"].rpartition(":")[2])
    wait_until(lambda: keepalive(ours, reader.client.sock.getsockname()[1]), "the kernel to watch the client")
    server = play.visit.connection
    wait_until(lambda: keepalive(server.peer[1], server.upstream.port), "the kernel to watch the server")
    play.end()
    assert reader.until_end()


@pytest.mark.parametrize("up", ["h1", "h2"])
def test_who_had_closed_its_half_before_gets_the_stream_with_ordinary_patience(edge, apps_of, up):
    """`printf … | ncat`: it hears the events, but is not waited for as long as those who are there for certain."""
    sluice = edge()
    play = Play(apps_of.values(), f"/{up}/events", *STREAMS["events"])
    with RawClient(sluice["http"]) as visitor:
        visitor.send(f"GET /{up}/events HTTP/1.1\r\nHost: app.test\r\n\r\n".encode()).half_close()
        play.say(b"data: 1\n\n")
        while b"data: 1\n\n" not in visitor.wire.seen:
            assert visitor.wire.fill(), visitor.wire.seen
        visitor.rest()
        assert not visitor.wire.seen.endswith(b"0\r\n\r\n"), "cut, and seen to be"
    play.wait_given_up()
    wait_idle(sluice, up)


@pytest.mark.parametrize("up", ["h1", "h2"])
def test_who_closes_its_half_in_the_middle_hears_what_still_comes(edge, apps_of, up):
    sluice = edge()
    play = Play(apps_of.values(), f"/{up}/events", *STREAMS["lines"])
    reader = Reader(sluice, "h1", f"/{up}/events")
    play.say(b"1\n")
    reader.until(b"1\n")
    reader.client.half_close()
    for number in range(2, 20):
        assert sluice.get("/nowhere").status == 404  # the FIN is seen by now
        play.say(b"%d\n" % number)
        reader.until(b"%d\n" % number)
    play.end()
    assert reader.until_end()


@ways
def test_a_server_that_has_gone_is_told_to_the_reader(edge, apps_of, down, up):
    sluice = edge()
    play = Play(apps_of.values(), f"/{up}/events", *STREAMS["events"])
    reader = Reader(sluice, down, f"/{up}/events")
    play.say(b"data: 1\n\n")
    reader.until(b"data: 1\n\n")
    (play.visit if up == "h1" else play.visit.connection).close()
    play.over.set()
    assert not reader.until_end()


@pytest.mark.parametrize("up", ["h1", "h2"])
def test_an_old_client_gets_the_stream_until_the_end(edge, apps_of, up):
    """HTTP/1.0 has no chunks: each event as it is, and the end is the end."""
    sluice = edge()
    play = Play(apps_of.values(), f"/{up}/events", *STREAMS["events"])
    with RawClient(sluice["http"]) as visitor:
        visitor.send(f"GET /{up}/events HTTP/1.0\r\nHost: app.test\r\nConnection: keep-alive\r\n\r\n".encode())
        play.say(b"data: 1\n\n")
        while not visitor.wire.seen.endswith(b"\r\n\r\ndata: 1\n\n"):
            assert visitor.wire.fill(), visitor.wire.seen
        limit_is_over(sluice, apps_of, up)
        play.say(b"data: 2\n\n")
        play.end()
        assert visitor.rest().endswith(b"\r\n\r\ndata: 1\n\ndata: 2\n\n")
        assert visitor.wire.ended == "eof"


def test_a_stream_of_a_server_that_ends_with_its_connection(edge, apps_of):
    sluice = edge()
    play = Play(apps_of.values(), "/h1/events", *STREAMS["events"], chunked=False)
    reader = Reader(sluice, "h1", "/h1/events")
    play.say(b"data: 1\n\n")
    reader.until(b"data: 1\n\n")
    limit_is_over(sluice, apps_of, "h1")
    play.say(b"data: 2\n\n")
    play.end()
    assert reader.until_end()


@ways
def test_the_head_of_a_stream_is_no_stream(edge, apps_of, down, up):
    sluice = edge()
    for app in apps_of.values():
        app.play(f"/{up}/events", lambda v: v.head(200, "content-type: text/event-stream", end=True) if is_h2(v)
                 else v.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"))
    if down == "h2":
        with Http2Client(sluice["h2c"]) as visitor:
            assert visitor.request("HEAD", f"/{up}/events").ended
            assert visitor.get(f"/{up}/next").status == 200
    else:
        with sluice.connect() as visitor:
            assert visitor.request("HEAD", f"/{up}/events").get("Content-Type") == "text/event-stream"
            assert visitor.get(f"/{up}/next").status == 200
    wait_idle(sluice, up)


# --- reload and stop ------------------------------------------------------------------------------------------

@ways
def test_a_stream_outlives_a_reload(edge, apps_of, down, up):
    sluice = edge()
    play = Play(apps_of.values(), f"/{up}/events", *STREAMS["events"])
    reader = Reader(sluice, down, f"/{up}/events")
    play.say(b"data: 1\n\n")
    reader.until(b"data: 1\n\n")
    assert sluice.reload().returncode == 0
    play.say(b"data: 2\n\n")
    reader.until(b"data: 2\n\n")
    play.end()
    assert reader.until_end()
    line = access_line(sluice.access, f"/{up}/events")
    assert (line["status"], line["pool"], line["config_generation"]) == (200, up, 1)


@ways
def test_a_stop_gives_a_stream_its_drain_time_and_no_more(edge, apps_of, down, up):
    sluice = edge(timeouts={"drain": "500ms"})
    play = Play(apps_of.values(), f"/{up}/events", *STREAMS["events"])
    reader = Reader(sluice, down, f"/{up}/events")
    play.say(b"data: 1\n\n")
    reader.until(b"data: 1\n\n")
    sluice.terminate()
    assert not reader.until_end(), "cut, and seen to be"
    assert sluice.wait_exit() == 0
    play.over.set()
