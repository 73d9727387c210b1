"""HTTP/2 towards applications: nginx, nghttpx, and one that says frame by frame what the test tells it.

The scripted application reads strictly: whatever Sluice may not send as a client fails the test.
"""

import base64
import hashlib
import json
import os
import threading

import pytest

from certs import Authority
from http2 import (Code, Http2Client, Kind, block, continuation, data, frame, goaway, head, headers, indexed, ping,
                   push_promise, rst_stream, settings, window_update)
from http2_server import Http2Upstream, server_tls
from sluice import Sluice, config, pool
from upstream import ScriptedUpstream
from waiting import PATIENCE, wait_until
from wire import Incomplete, chunks

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
LISTENERS = {"http": "127.0.0.1:0", "h2c": {"address": "127.0.0.1:0", "protocols": ["h2c"]}}


def to_h2(*servers, pool_keys=(), **keys):
    """One worker, so that connections can be counted."""
    return config(**{"workers": 1, "listeners": LISTENERS, "pools": {"app": pool(*servers, protocol="h2", **dict(pool_keys))},
                     "routes": [{"pool": "app"}], **keys})


def MAKE_APP():
    return Http2Upstream(announce={"enable_connect_protocol": 1})


def MAKE_CONFIG(app):
    return to_h2(app)


def visit(where, **how):
    """A client that speaks HTTP/2."""
    return Http2Client(getattr(where, "sluice", where)["h2c"], **how)


def ask(where, speaks, path="/", method="GET", *fields, body=b""):
    """One request in `speaks`, "h1" or "h2"; returns (status, body), or ("cut", what came of the body)."""
    sluice = getattr(where, "sluice", where)
    if speaks == "h2":
        with Http2Client(sluice["h2c"]) as visitor:
            answer = visitor.request(method, path, *fields, body=body)
            return (answer.status if answer.ended else "cut"), bytes(answer.body)
    with sluice.connect() as visitor:
        try:
            answer = visitor.request(method, path, *fields, body=body)
            return answer.status, answer.body
        except Incomplete as error:
            return "cut", error.partial


def at_once(count, work):
    """work(n) in `count` threads; returns what they returned, in order."""
    results = [None] * count

    def one(n):
        try:
            results[n] = work(n)
        except BaseException as error:
            results[n] = error

    threads = [threading.Thread(target=one, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return results


both = pytest.mark.parametrize("speaks", ["h1", "h2"])


# --- what waits long, begun before everything else -----------------------------------------------------------

class Silence:
    """A server that falls silent in the middle of an answer, for longer than Sluice believes in it."""

    def __init__(self, answers_pings):
        self.app = Http2Upstream(answers_pings=answers_pings, announce={"max_concurrent_streams": 10})
        self.gate = threading.Event()
        self.app.play("/silent", self.script)
        self.sluice = Sluice(to_h2(self.app, timeouts={"first_byte": "120s", "body": "120s"})).wait_ready()
        self.result = None
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def script(self, v):
        v.head(200)
        v.data(b"begun")
        self.gate.wait(PATIENCE * 2)
        v.data(b", ended", end=True)

    def run(self):
        with self.sluice.connect(timeout=PATIENCE * 2) as visitor:
            try:
                answer = visitor.get("/silent")
                self.result = answer.status, answer.body
            except Incomplete as error:
                self.result = "cut", error.partial

    def end(self):
        self.gate.set()
        self.thread.join(PATIENCE)
        self.app.stop()
        self.sluice.stop()


@pytest.fixture(scope="module", autouse=True)
def silences():
    """Sluice waits half a minute before it asks, so this runs beside all other tests of the module."""
    running = {name: Silence(answers) for name, answers in (("alive", True), ("dead", False))}
    yield running
    for one in running.values():
        one.end()


# --- what the server is sent ---------------------------------------------------------------------------------

@both
def test_a_request_in_full(stage, speaks):
    more = ["X-Upper: Value", "Accept: a, b", "TE: trailers"] if speaks == "h1" else ["x-upper: Value", "accept: a, b", "te: trailers"]
    if speaks == "h1":
        more += ["Connection: x-hop, keep-alive, te", "X-Hop: 1", "Keep-Alive: 5"]
    assert ask(stage, speaks, "/in/full?a=%20b", "GET", *more) == (200, b"hello from app")
    request = stage.app.last("/in/full").request
    assert dict(request.fields[:4]) == {":method": "GET", ":scheme": "http", ":authority": "app.test", ":path": "/in/full?a=%20b"}
    names = [n for n, _ in request.fields]
    assert {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-request-id"} <= set(names)
    assert not {"connection", "x-hop", "keep-alive", "host", "transfer-encoding", "upgrade"} & set(names)
    assert (request.get("x-upper"), request.get("accept"), request.get("te")) == ("Value", "a, b", "trailers")
    assert not request.body and request.complete


@both
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "DELETE", "PATCH", "PURGE"])
def test_methods(stage, speaks, method):
    if method == "HEAD":
        stage.app.play("/m", lambda v: v.reply(200, "content-length: 1234", length=False))
    assert ask(stage, speaks, "/m", method)[0] == 200
    assert stage.app.last("/m").request.method == method


@both
@pytest.mark.parametrize("size", [0, 1, 16384, 70_000, 2 << 20])
def test_bodies_both_ways(stage, speaks, size):
    body = os.urandom(size)
    stage.app.play("/echo", lambda v: v.reply(body=v.body()))
    assert ask(stage, speaks, "/echo", "POST", body=body) == (200, body) if speaks == "h1" else True
    with visit(stage) as visitor:
        answer = visitor.request("POST", "/echo", f"content-length: {size}", body=body)
        assert (answer.status, bytes(answer.body)) == (200, body)
    assert stage.app.last("/echo").request.get("content-length") == str(size)


def test_a_chunked_upload_with_trailers(stage):
    with stage.connect() as visitor:
        visitor.send(b"POST /up HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
                     + chunks(b"hello", b"world", trailers="X-Sum: 10\r\nX-Other: 1\r\n"))
        assert visitor.response(to="POST").status == 200
    request = stage.app.last("/up").request
    assert request.body == b"helloworld" and request.get("content-length") is None
    assert request.trailers == [("x-sum", "10"), ("x-other", "1")]


def test_trailers_of_a_request_over_http_2(stage):
    with visit(stage) as visitor:
        assert visitor.request("POST", "/up", body=b"hello", trailers=[("x-sum", "5")]).status == 200
    assert stage.app.last("/up").request.trailers == [("x-sum", "5")]


@both
def test_trailers_of_an_answer(stage, speaks):
    stage.app.play("/t", lambda v: v.reply(body=b"hello", length=False, trailers=["x-sum: 5", "x-empty: "]))
    if speaks == "h2":
        with visit(stage) as visitor:
            answer = visitor.get("/t", "te: trailers")
    else:
        with stage.connect() as client:
            answer = client.get("/t", "TE: trailers", "Connection: TE")
    assert bytes(answer.body) == b"hello"
    assert [(n.lower(), v) for n, v in answer.trailers] == [("x-sum", "5"), ("x-empty", "")]


def test_an_answer_without_a_length_is_chunked(stage):
    stage.app.play("/x", lambda v: v.reply(body=b"hello", length=False))
    with stage.connect() as visitor:
        answer = visitor.get("/x")
        assert (answer.framing, answer.body) == ("chunked", b"hello")
        assert visitor.get("/x").body == b"hello"


def test_an_answer_without_a_body_has_a_length(stage):
    stage.app.play("/x", lambda v: v.head(200, end=True))
    with stage.connect() as visitor:
        answer = visitor.get("/x")
        assert (answer.framing, answer.get("Content-Length"), answer.body) == ("length", "0", b"")


@both
@pytest.mark.parametrize("status", [204, 304, 404, 500, 599])
def test_statuses(stage, speaks, status):
    stage.app.play("/s", lambda v: v.reply(status))
    assert ask(stage, speaks, "/s") == (status, b"")


def test_cookies(stage):
    stage.app.play("/c", lambda v: v.reply(200, "set-cookie: a=1", "set-cookie: b=2; Path=/", body=b"ok"))
    with visit(stage) as visitor:
        assert visitor.get("/c", "cookie: a=1", "cookie: b=2").all("set-cookie") == ["a=1", "b=2; Path=/"]
    assert "; ".join(stage.app.last("/c").request.all("cookie")) == "a=1; b=2"


def test_continue_is_relayed_and_the_body_follows(stage):
    stage.app.play("/up", lambda v: (v.head(100), v.body(), v.reply(body=b"thanks")))
    with stage.connect() as visitor:
        visitor.send(b"POST /up HTTP/1.1\r\nHost: app.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert visitor.response(interim=True).status == 100
        visitor.send(b"hello")
        assert visitor.response(to="POST").body == b"thanks"
    assert stage.app.last("/up").request.get("expect") == "100-continue"


def test_refusal_instead_of_continue(stage):
    stage.app.play("/up", lambda v: v.reply(417, body=b"no"))
    with stage.connect() as visitor:
        visitor.send(b"POST /up HTTP/1.1\r\nHost: app.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        answer = visitor.response(to="POST", interim=True)
        assert (answer.status, answer.body) == (417, b"no")
    assert stage.app.last("/up").wait_reset() in (Code.NO_ERROR, Code.CANCEL)


@both
def test_early_hints_pass_when_they_come(stage, speaks):
    gate = threading.Event()
    stage.app.play("/hints", lambda v: (v.head(103, "link: </a.css>; rel=preload"), v.head(103, "link: </b.css>; rel=preload"),
                                        gate.wait(PATIENCE), v.reply(body=b"ok")))
    try:
        if speaks == "h2":
            with visit(stage) as visitor:
                stream = visitor.open(head("GET", "/hints"))
                visitor.until(lambda: len(visitor.answers[stream].interim) == 2, "two hints")
                gate.set()
                assert visitor.answer(stream).body == b"ok"
        else:
            with stage.connect() as visitor:
                visitor.send(b"GET /hints HTTP/1.1\r\nHost: app.test\r\n\r\n")
                assert [visitor.response(interim=True).get("Link") for _ in range(2)] == ["</a.css>; rel=preload", "</b.css>; rel=preload"]
                gate.set()
                assert visitor.response().body == b"ok"
    finally:
        gate.set()


def test_both_ways_at_once(stage):
    def echo(v):
        v.head(200)
        for count in (3, 6, 11):
            had = len(v.request.body)
            v.body(count)
            v.data(bytes(v.request.body[had:]))
        v.body()
        v.data(b"", end=True)

    stage.app.play("/echo", echo)
    with visit(stage) as visitor:
        stream = visitor.open(head("POST", "/echo"), end=False)
        assert visitor.status(stream) == 200
        for said in (b"one", b"two", b"three"):
            before = len(visitor.answers[stream].body)
            visitor.send(data(stream, said))
            visitor.until(lambda: len(visitor.answers[stream].body) == before + len(said), "the echo")
        visitor.send(data(stream, b"", True))
        assert visitor.answer(stream).body == b"onetwothree"


@both
def test_a_large_head_both_ways(stage, speaks):
    """Larger than a frame, so with CONTINUATION."""
    stage.app.play("/large", lambda v: (v.body(), send_in_pieces(v, [("x-large", "r" * 40_000)])))
    with stage.connect() if speaks == "h1" else visit(stage) as client:
        answer = client.get("/large", *[f"x-a{n}: " + "q" * 5_000 for n in range(5)])
        assert answer.status == 200 and answer.get("x-large") == "r" * 40_000
    assert [len(v) for n, v in stage.app.last("/large").request.fields if n.startswith("x-a")] == [5_000] * 5


def send_in_pieces(v, fields, piece=16_000):
    with v.connection.writing:
        encoded = v.connection.encode([(":status", "200"), *fields])
        pieces = [encoded[i: i + piece] for i in range(0, len(encoded), piece)]
        v.answered = True
        v.send(headers(v.stream, pieces[0], True, len(pieces) == 1), *(continuation(v.stream, p, p is pieces[-1]) for p in pieces[1:]))


# --- WebSockets ----------------------------------------------------------------------------------------------

def echo_tunnel(v):
    v.head(200)
    at = 0
    while not (v.request.complete and at == len(v.request.body)):
        v.connection.wait(lambda: v.request.complete or len(v.request.body) > at, v)
        piece = bytes(v.request.body[at:])
        at += len(piece)
        v.data(piece)
    v.data(b"", end=True)


def upgrade(visitor, path="/chat"):
    key = base64.b64encode(os.urandom(16))
    visitor.send(b"GET %s HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                 b"Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Key: %s\r\n\r\n" % (path.encode(), key))
    return visitor.response(interim=True), base64.b64encode(hashlib.sha1(key + MAGIC).digest()).decode()


def test_an_upgrade_becomes_an_extended_connect(stage):
    stage.app.play("/chat", echo_tunnel)
    with stage.connect() as visitor:
        answer, proof = upgrade(visitor)
        assert (answer.status, answer.tokens("Connection"), answer.get("Upgrade")) == (101, ["upgrade"], "websocket")
        assert answer.get("Sec-WebSocket-Accept") == proof
        for said in (b"\x81\x05hello", bytes(range(256)), b"x" * 100_000):
            sender = threading.Thread(target=visitor.send, args=(said,))
            sender.start()
            assert visitor.wire.exactly(len(said), "of the echo") == said
            sender.join()
        visitor.half_close()
        assert visitor.closed_cleanly() == "eof"
    request = stage.app.last("/chat").request
    assert dict(request.fields)[":method"] == "CONNECT" and request.get(":protocol") == "websocket"
    assert (request.get("sec-websocket-version"), request.get("sec-websocket-protocol")) == ("13", "chat")
    assert request.get("sec-websocket-key") is None and request.get("upgrade") is None


def test_an_extended_connect_stays_one(stage):
    stage.app.play("/chat", echo_tunnel)
    with visit(stage) as visitor:
        stream = visitor.open(head("CONNECT", "/chat", "sec-websocket-version: 13", protocol="websocket"), end=False)
        assert visitor.status(stream) == 200
        for n in range(3):
            visitor.send(data(stream, b"said %d;" % n))
            visitor.until(lambda: len(visitor.answers[stream].body) == 7 * (n + 1), "the echo")
        visitor.send(data(stream, b"", True))
        assert visitor.answer(stream).ended
    assert stage.app.last("/chat").request.get(":protocol") == "websocket"


@both
def test_an_upgrade_may_be_refused(stage, speaks):
    stage.app.play("/chat", lambda v: v.reply(403, body=b"no"))
    with stage.connect() if speaks == "h1" else visit(stage) as visitor:
        if speaks == "h1":
            answer, _ = upgrade(visitor)
        else:
            answer = visitor.answer(visitor.open(head("CONNECT", "/chat", "sec-websocket-version: 13", protocol="websocket"), end=False))
        assert (answer.status, bytes(answer.body)) == (403, b"no")
        assert visitor.get("/next").status == 200


@pytest.mark.parametrize("end", ["reset", "close"])
def test_a_tunnel_that_breaks(stage, end):
    stage.app.play("/chat", lambda v: (v.head(200), v.data(b"hi"), v.body(2), v.reset() if end == "reset" else v.connection.close()))
    with stage.connect() as visitor:
        assert upgrade(visitor)[0].status == 101
        assert visitor.wire.exactly(2, "of the tunnel") == b"hi"
        visitor.send(b"go")
        assert visitor.rest() == b""


def test_a_server_is_told_when_the_client_of_a_tunnel_goes(stage):
    stage.app.play("/chat", lambda v: (v.head(200), v.wait_reset()))
    with stage.connect() as visitor:
        assert upgrade(visitor)[0].status == 101
        visitor.reset()
    assert stage.app.wait_done(stage.app.last("/chat")).reset_by is not None


@both
def test_without_the_servers_word_there_is_no_tunnel(start, h2apps, speaks):
    """RFC 8441 §3: nobody may ask before the server has announced it."""
    app = h2apps()
    sluice = start(to_h2(app))
    with sluice.connect() if speaks == "h1" else visit(sluice) as visitor:
        if speaks == "h1":
            answer, _ = upgrade(visitor)
            assert answer.status != 101
        else:
            answer = visitor.answer(visitor.open(head("CONNECT", "/chat", "sec-websocket-version: 13", protocol="websocket"), end=False))
            assert answer.status is None or answer.status >= 400, answer
    assert all(v.request.get(":protocol") is None and v.request.method != "CONNECT" for v in app.visits)


# --- many at a time ------------------------------------------------------------------------------------------

def test_requests_share_a_connection(start, h2apps, gate):
    app = h2apps(default=lambda v: (gate.wait(PATIENCE), v.reply(body=v.request.path.encode())))
    sluice = start(to_h2(app))

    def release():
        try:
            app.wait_visits(60)
        finally:
            gate.set()

    threading.Thread(target=release).start()
    assert at_once(60, lambda n: ask(sluice, "h1", f"/n{n}")) == [(200, b"/n%d" % n) for n in range(60)]
    assert len(app.connections) == 1
    assert app.connections[0].most_open == 60


def test_streams_of_one_client_share_one_too(start, h2apps, gate):
    app = h2apps(default=lambda v: (gate.wait(PATIENCE), v.reply(body=v.request.path.encode())))
    sluice = start(to_h2(app))
    with visit(sluice) as visitor:
        streams = [visitor.open(head("GET", f"/n{n}")) for n in range(90)]
        app.wait_visits(90)
        gate.set()
        assert [bytes(visitor.answer(s).body) for s in streams] == [b"/n%d" % n for n in range(90)]
    assert len(app.connections) == 1


@pytest.mark.parametrize("most", [1, 7])
def test_the_servers_limit_of_streams_is_kept(start, h2apps, gate, most):
    """The application complains of one stream more; for those beyond there are other connections, and nobody is refused."""
    app = h2apps(lambda v: (gate.wait(PATIENCE), v.reply(body=b"ok")), announce={"max_concurrent_streams": most})
    sluice = start(to_h2(app))

    def release():
        try:
            app.wait_visits(40)
        finally:
            gate.set()

    threading.Thread(target=release).start()
    assert at_once(40, lambda n: ask(sluice, "h1", f"/n{n}")) == [(200, b"ok")] * 40
    assert len(app.to()) == 40
    assert max(c.most_open for c in app.connections) == most


def test_a_limit_that_shrinks_is_kept(start, h2apps, gate):
    app = h2apps(announce={"max_concurrent_streams": 20})
    app.play("/slow", lambda v: (gate.wait(PATIENCE), v.reply(body=b"ok")))
    sluice = start(to_h2(app))
    with visit(sluice) as visitor:
        streams = [visitor.open(head("GET", "/slow")) for _ in range(10)]
        app.wait_visits(10)
        first = app.connections[0]
        first.announce(max_concurrent_streams=5)
        first.wait(lambda: first.streams_allowed == 5, None, "the acknowledgement")
        assert visitor.get("/other").status == 200, "there is room on another connection"
        assert app.last("/other").connection is not first
        gate.set()
        assert {visitor.answer(s).status for s in streams} == {200}


def test_a_server_that_lets_nobody_in(start, h2apps):
    app = h2apps(announce={"max_concurrent_streams": 0})
    sluice = start(to_h2(app))
    assert ask(sluice, "h1", "/x")[0] == 503
    assert not app.visits


def test_a_connection_is_kept_and_given_up_when_idle(start, h2apps):
    app = h2apps()
    sluice = start(to_h2(app, pool_keys={"timeouts": {"upstream_idle": "300ms"}}))
    for n in range(5):
        assert ask(sluice, "h1", f"/n{n}")[0] == 200
    assert len(app.connections) == 1
    app.wait_all_closed()
    assert app.connections[0].peer_goaway.code == Code.NO_ERROR
    assert ask(sluice, "h1", "/again")[0] == 200


def test_an_upstream_by_unix_socket_or_name_is_asked_by_the_clients_host(stage):
    with stage.connect() as visitor:
        assert visitor.get("/x", host="other.test:8080").status == 200
    assert stage.app.last("/x").request.get(":authority") == "other.test:8080"


# --- what is asked again -------------------------------------------------------------------------------------

class Once:
    """A script that does `first` the first time, and answers with the body it got afterwards."""

    def __init__(self, first):
        self.first = first
        self.count = 0
        self.lock = threading.Lock()

    def __call__(self, v):
        with self.lock:
            self.count += 1
            mine = self.count
        if mine == 1:
            return self.first(v)
        return v.reply(body=b"got " + v.body())


def refuse(v):
    v.reset(Code.REFUSED_STREAM)


def send_away(v):
    """GOAWAY, and this stream was not looked at."""
    v.reset_sent = True
    v.connection.goaway(last=v.stream - 2 if v.stream > 1 else 0)


@both
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("how", [refuse, send_away], ids=["refused", "goaway"])
def test_a_stream_that_was_not_looked_at_is_asked_again(stage, speaks, method, how):
    stage.app.play("/again", Once(how))
    body = b"x" * 30_000 if method == "POST" else b""
    assert ask(stage, speaks, "/again", method, body=body) == (200, b"got " + body)
    assert len(stage.app.to("/again")) >= 2


@both
@pytest.mark.parametrize("how", [refuse, send_away], ids=["refused", "goaway"])
def test_a_body_that_was_read_in_part_is_sent_again(stage, speaks, how):
    """The refusal comes when half of the body is with the server, and the other half with nobody yet."""
    refused = threading.Event()
    stage.app.play("/again", Once(lambda v: (v.body(20_000), how(v), refused.set())))
    first, second = os.urandom(20_000), os.urandom(20_000)
    if speaks == "h2":
        with visit(stage) as visitor:
            stream = visitor.open(head("POST", "/again"), end=False)
            visitor.upload(stream, first, end=False)
            assert refused.wait(PATIENCE)
            visitor.sync()
            visitor.upload(stream, second)
            answer = visitor.answer(stream)
    else:
        with stage.connect() as visitor:
            visitor.send(b"POST /again HTTP/1.1\r\nHost: app.test\r\nContent-Length: 40000\r\n\r\n" + first)
            assert refused.wait(PATIENCE)
            visitor.send(second)
            answer = visitor.response(to="POST")
    assert (answer.status, bytes(answer.body)) == (200, b"got " + first + second)


@both
def test_a_body_too_large_to_keep_is_not_sent_again(stage, speaks):
    stage.app.play("/again", Once(lambda v: (v.body(200_000), refuse(v))))
    status, _ = ask(stage, speaks, "/again", "POST", body=os.urandom(400_000))
    assert status == 503
    assert stage.app.scripts["/again"].count == 1


@both
def test_no_server_is_asked_for_ever(stage, speaks):
    before = len(stage.app.to("/never"))
    stage.app.play("/never", refuse)
    assert ask(stage, speaks, "/never")[0] == 503
    assert 1 < len(stage.app.to("/never")) - before <= 5


@both
@pytest.mark.parametrize("how", [lambda v: v.reset(Code.INTERNAL_ERROR), lambda v: v.send(literal_head(("X-Upper", "1"))(v.stream)),
                                 lambda v: v.send(data(v.stream, b"x"))], ids=["reset", "malformed", "data-first"])
def test_nor_for_an_answer_that_is_always_wrong(stage, speaks, how):
    """On a connection that serves others well: each failure there looks as if the connection were stale."""
    assert ask(stage, speaks, "/warm")[0] == 200
    before = len(stage.app.to("/wrong"))
    some_times(stage, "/wrong", how)
    assert ask(stage, speaks, "/wrong")[0] == 502
    assert len(stage.app.to("/wrong")) - before <= 3


@both
@pytest.mark.parametrize("code", [Code.INTERNAL_ERROR, Code.CANCEL, Code.ENHANCE_YOUR_CALM, Code.PROTOCOL_ERROR])
def test_a_request_that_may_have_been_acted_upon_is_not_sent_again(stage, speaks, code):
    before = len(stage.app.to("/once"))
    stage.app.play("/once", lambda v: (v.body(), v.reset(code)))
    assert ask(stage, speaks, "/once", "POST", body=b"hello")[0] == 502
    assert len(stage.app.to("/once")) - before == 1


def test_goaway_in_the_middle_of_many(start, h2apps, gate):
    """Those below `last` are answered where they are, those above elsewhere, and nobody notices."""
    app = h2apps()

    def script(v):
        if v.connection.number == 0:
            app.wait_visits(30)
            if v.stream > 31:
                v.reset_sent = True
                return
            gate.wait(PATIENCE)
        v.reply(body=v.request.path.encode())

    app.default = script
    sluice = start(to_h2(app))
    with visit(sluice) as visitor:
        streams = [visitor.open(head("POST" if n % 2 else "GET", f"/n{n}"), end=n % 2 == 0) for n in range(30)]
        for n, stream in enumerate(streams):
            if n % 2:
                visitor.send(data(stream, b"body", True))
        app.wait_visits(30)
        app.connections[0].goaway(last=31)
        wait_until(lambda: len(app.to()) == 30 + 14, "those above to come again")
        assert visitor.get("/new").status == 200, "a new connection is there"
        gate.set()
        assert [bytes(visitor.answer(s).body) for s in streams] == [b"/n%d" % n for n in range(30)]
    wait_until(lambda: app.connections[0].ended, "Sluice to leave the connection")
    assert len(app.connections) == 2


def test_a_graceful_goaway(start, h2apps, gate):
    """First 2^31-1, later the real one: what is under way ends, what is new goes elsewhere."""
    app = h2apps()
    app.play("/slow", lambda v: (gate.wait(PATIENCE), v.reply(body=b"at last")))
    sluice = start(to_h2(app))
    with visit(sluice) as visitor:
        stream = visitor.open(head("GET", "/slow"))
        first = app.wait_visits(1).connection
        first.goaway(last=2**31 - 1)
        first.send(ping(b"12345678"))
        first.wait_frame(lambda f: f.kind == Kind.PING and f.is_ack)
        assert visitor.get("/new").status == 200
        assert app.last("/new").connection is not first
        first.goaway(last=1)
        gate.set()
        assert visitor.answer(stream).body == b"at last"
    first.wait_end()


@both
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_server_that_leaves_as_soon_as_it_came(start, h2apps, speaks, method):
    """SETTINGS and GOAWAY in one breath: nothing was looked at, so who waited is served by the next connection."""
    def greet(connection):
        if connection.number == 0:
            connection.send(settings() + goaway(0))
            connection.read_preface()
        else:
            connection.start()

    app = h2apps(lambda v: v.connection.wait_end() if v.connection.number == 0 else v.reply(body=b"got " + v.body()),
                 on_connect=greet, forgiving=True)
    sluice = start(to_h2(app))
    assert ask(sluice, speaks, "/x", method, body=b"x" if method == "POST" else b"")[0] == 200
    assert not app.connections[0].visits, "RFC 9113 §6.8: no further stream"


def test_a_reload_while_a_connection_opens(start, h2apps, gate):
    """The server is dropped while requests wait for its SETTINGS: they began before, and are served by it."""
    first, second = h2apps(name="first", on_connect=lambda c: (gate.wait(PATIENCE), c.start())), h2apps(name="second")
    sluice = start(to_h2(first, timeouts={"drain": "60s"}, pool_keys={"timeouts": {"connect": "60s"}}))
    with visit(sluice) as visitor:
        streams = [visitor.open(head("GET", "/x")) for _ in range(30)]
        first.wait(lambda: first.connections, "a connection")
        visitor.sync()
        for _ in range(2):
            assert sluice.hang_up(to_h2(second, timeouts={"drain": "60s"})) == "applied"
        assert ask(sluice, "h1", "/new") == (200, b"hello from second")
        gate.set()
        assert {bytes(visitor.answer(s).body) for s in streams} == {b"hello from first"}
    first.wait_all_closed()


@both
def test_a_connection_that_was_closed_while_idle(start, h2apps, speaks):
    app = h2apps()
    sluice = start(to_h2(app))
    for n in range(3):
        assert ask(sluice, speaks, "/x", "POST", body=b"hello")[0] == 200
        app.connections[n].close()
    assert ask(sluice, speaks, "/x")[0] == 200


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_connection_that_dies_under_many(start, h2apps, end):
    """GETs on a connection that served before are asked again; POSTs may have been acted upon."""
    app = h2apps()
    sluice = start(to_h2(app))

    def script(v):
        if v.connection.number:
            return v.reply(body=b"ok")
        app.wait_visits(11)
        return getattr(v.connection, end)()

    app.default = script
    app.play("/warm", lambda v: v.reply(body=b"ok"))
    with visit(sluice) as visitor:
        assert visitor.get("/warm").status == 200
        gets = [visitor.open(head("GET", f"/n{n}")) for n in range(5)]
        posts = [visitor.open(head("POST", f"/n{n}", "content-length: 1"), end=False) for n in range(5)]
        for stream in posts:
            visitor.send(data(stream, b"x", True))
        assert [visitor.answer(s).status for s in gets] == [200] * 5
        assert [visitor.answer(s).status for s in posts] == [502] * 5


def test_a_dead_server_is_passed_over(start, h2apps):
    alive, dead = h2apps(), h2apps()
    dead.refuse()
    sluice = start(to_h2(alive, dead))
    assert {r[0] for r in at_once(20, lambda n: ask(sluice, "h1", f"/n{n}"))} == {200}


def test_a_reset_before_an_answer_is_a_bad_gateway(stage):
    some_times(stage, "/x", lambda v: v.reset(Code.INTERNAL_ERROR))
    with visit(stage) as visitor:
        answer = visitor.get("/x")
        assert answer.status == 502 and "error=connection_terminated" in answer.get("proxy-status")
        assert visitor.get("/next").status == 200


# --- answers that break off ----------------------------------------------------------------------------------

BREAKS = {"reset": lambda v: v.reset(), "reset-cancel": lambda v: v.reset(Code.CANCEL), "reset-no-error": lambda v: v.reset(Code.NO_ERROR),
          "close": lambda v: v.connection.close(), "tcp-reset": lambda v: v.connection.reset(),
          "goaway": lambda v: (v.connection.goaway(0, Code.INTERNAL_ERROR), v.connection.close())}


@both
@pytest.mark.parametrize("said", [True, False], ids=["length", "no-length"])
@pytest.mark.parametrize("how", BREAKS)
def test_an_answer_that_breaks_off_is_cut(stage, speaks, said, how):
    here = threading.Event()
    stage.app.play("/cut", lambda v: (v.head(200, *(["content-length: 1000"] if said else [])), v.data(b"some"), here.wait(PATIENCE),
                                      BREAKS[how](v)))
    if speaks == "h2":
        with visit(stage) as visitor:
            stream = visitor.open(head("GET", "/cut"))
            visitor.until(lambda: visitor.answers[stream].body == b"some", "the beginning")
            here.set()
            answer = visitor.answer(stream)
            assert answer.reset not in (None, Code.NO_ERROR) and not answer.ended, answer
            assert visitor.get("/next").status == 200, "other streams go on"
    else:
        with stage.connect() as visitor:
            visitor.send(b"GET /cut HTTP/1.1\r\nHost: app.test\r\n\r\n")
            wait_until(lambda: b"some" in visitor.wire.buffer or visitor.wire.fill(), "the beginning")
            here.set()
            with pytest.raises(Incomplete):
                visitor.response()
            assert visitor.rest() == b""


# --- windows -------------------------------------------------------------------------------------------------

def test_a_server_that_gives_little_window(start, h2apps):
    """Ten bytes at a time for the first stream, and none for it holds no other."""
    app = h2apps(announce={"initial_window_size": 10}, replenish=False)

    def trickle(v):
        want = len(body)
        while len(v.request.body) < want:
            v.connection.wait(lambda: v.allowed == 0 or v.request.complete, v)
            if not v.request.complete:
                v.allow(500, connection=False)
                v.connection.wait(lambda: v.allowed < 500 or v.request.complete, v)
        v.reply(body=hashlib.sha256(v.body()).hexdigest().encode())

    body = os.urandom(20_000)
    app.play("/up", trickle)
    app.play("/stuck", lambda v: v.wait_reset())
    sluice = start(to_h2(app))
    with visit(sluice) as visitor:
        stuck = visitor.open(head("POST", "/stuck"), end=False)
        visitor.upload(stuck, b"x" * 30_000, end=False)
        app.wait_visits(1)
        answer = visitor.request("POST", "/up", body=body)
        assert answer.body == hashlib.sha256(body).hexdigest().encode()
        assert visitor.get("/next").status == 200
        visitor.send(rst_stream(stuck))
        assert app.wait_done(app.last("/stuck")).reset_by == Code.CANCEL
        assert len(app.last("/stuck").request.body) <= 10


def test_a_window_that_is_closed_and_opened_by_settings(start, h2apps):
    app = h2apps(announce={"initial_window_size": 0}, replenish=False)
    arrived = threading.Event()
    app.play("/up", lambda v: (arrived.set(), v.reply(body=b"%d" % len(v.body()))))
    sluice = start(to_h2(app))
    with visit(sluice) as visitor:
        stream = visitor.open(head("POST", "/up"), end=False)
        visitor.upload(stream, b"x" * 50_000, end=True)
        assert arrived.wait(PATIENCE)
        connection = app.visits[0].connection
        connection.send(ping(b"12345678"))
        connection.wait_frame(lambda f: f.kind == Kind.PING and f.is_ack)
        assert not app.visits[0].request.body
        connection.announce(initial_window_size=60_000)
        assert visitor.answer(stream).body == b"50000"


def test_a_connection_window_that_is_used_up(start, h2apps):
    """65,535 bytes for all streams together: who has none waits, and goes on when there is more."""
    app = h2apps(replenish=False, announce={"initial_window_size": 1 << 20})
    app.play("/up", lambda v: v.reply(body=b"%d" % len(v.body())))
    sluice = start(to_h2(app))
    with visit(sluice) as visitor:
        streams = [visitor.open(head("POST", "/up"), end=False) for _ in range(3)]
        for stream in streams:
            visitor.upload(stream, b"x" * 40_000, end=True)
        app.wait_visits(3)
        connection = app.visits[0].connection
        connection.wait(lambda: connection.allowed == 0, None, "the window to be used up")
        assert visitor.get("/next").status == 200, "a request without a body needs no window"
        with connection.changed:
            connection.allowed += 100_000
        connection.send(window_update(0, 100_000))
        assert [visitor.answer(s).body for s in streams] == [b"40000"] * 3


@pytest.mark.parametrize("speaks", ["h1", "h2"])
def test_a_slow_client_holds_no_other_stream(start, h2apps, speaks):
    """One client reads nothing of 32 MiB: the server is held back there, and there alone."""
    app = h2apps()
    sent = []

    def flood(v):
        v.head(200)
        for _ in range(512):
            v.data(b"x" * 65_536)
            sent.append(65_536)
        v.data(b"", end=True)

    app.play("/flood", flood)
    sluice = start(to_h2(app, max={"http2_windows": "1MiB"}))
    with sluice.connect(receive_buffer=4096) if speaks == "h1" else visit(sluice, replenish=False) as slow:
        if speaks == "h1":
            slow.send(b"GET /flood HTTP/1.1\r\nHost: app.test\r\n\r\n")
        else:
            slow.open(head("GET", "/flood"))
        first = app.wait_visits(1)
        first.connection.wait(lambda: first.window <= 0, first, "the stream's window to be used up")
        for n in range(20):
            assert ask(sluice, "h1", f"/n{n}") == (200, b"hello from app")
        assert app.last("/n19").connection is first.connection
        assert first.window <= 0 and sum(sent) < 8 << 20
        slow.reset()
    assert app.wait_done(first).reset_by == Code.CANCEL
    assert ask(sluice, "h1", "/after")[0] == 200


def test_a_client_that_goes_is_cancelled_upstream(stage):
    here = threading.Event()
    stage.app.play("/gone", lambda v: (here.set(), v.wait_reset()))
    with stage.connect() as visitor:
        visitor.send(b"GET /gone HTTP/1.1\r\nHost: app.test\r\n\r\n")
        assert here.wait(PATIENCE)
        visitor.reset()
    assert stage.app.wait_done(stage.app.last("/gone")).reset_by == Code.CANCEL
    with visit(stage) as visitor:
        here.clear()
        stream = visitor.open(head("POST", "/gone"), end=False)
        assert here.wait(PATIENCE)
        visitor.send(rst_stream(stream))
        assert stage.app.wait_done(stage.app.last("/gone")).reset_by == Code.CANCEL
        assert visitor.get("/next").status == 200


# --- time ----------------------------------------------------------------------------------------------------

@both
def test_a_server_that_never_answers(start, h2apps, speaks):
    app = h2apps()
    app.play("/never", lambda v: v.wait_reset())
    sluice = start(to_h2(app, pool_keys={"timeouts": {"first_byte": "200ms"}}))
    assert ask(sluice, speaks, "/warm")[0] == 200
    assert ask(sluice, speaks, "/never")[0] == 504
    assert app.wait_done(app.last("/never")).reset_by == Code.CANCEL
    assert ask(sluice, speaks, "/next")[0] == 200
    assert len(app.connections) == 1, "the others' connection stays"


@both
def test_a_server_that_stops_in_the_middle(start, h2apps, speaks):
    app = h2apps()
    app.play("/stop", lambda v: (v.head(200), v.data(b"some"), v.wait_reset()))
    sluice = start(to_h2(app, pool_keys={"timeouts": {"body": "200ms"}}))
    assert ask(sluice, speaks, "/stop") == ("cut", b"some")
    assert app.wait_done(app.last("/stop")).reset_by == Code.CANCEL


def test_pings_are_answered(stage):
    stage.app.play("/ping", lambda v: (v.send(ping(b"are you?")), v.connection.wait_frame(
        lambda f: f.kind == Kind.PING and f.is_ack and f.payload == b"are you?"), v.reply(body=b"yes")))
    assert ask(stage, "h1", "/ping") == (200, b"yes")


# --- TLS -----------------------------------------------------------------------------------------------------

def over_tls(app, authority, **keys):
    return to_h2(app, pool_keys={"tls": {"ca": authority.cert, "server_name": "app.test", **keys}})


@both
def test_under_tls(start, h2apps, authority, speaks):
    app = h2apps(tls=server_tls(authority.leaf("app.test")))
    sluice = start(over_tls(app, authority))
    body = os.urandom(300_000)
    app.play("/echo", lambda v: v.reply(body=v.body()))
    assert ask(sluice, speaks, "/echo", "POST", body=body) == (200, body)
    assert {r[0] for r in at_once(20, lambda n: ask(sluice, speaks, f"/n{n}"))} == {200}
    assert len(app.connections) == 1 and app.connections[0].alpn == "h2"


@pytest.mark.parametrize("alpn", [(), ("http/1.1",)], ids=["none", "http-1.1"])
def test_a_server_that_does_not_agree_to_h2(start, h2apps, authority, tmp_path, alpn):
    """Not asked in HTTP/2 on a guess, nor in HTTP/1.1 against the operator's word."""
    app = h2apps(tls=server_tls(authority.leaf("app.test"), alpn))
    sluice = start({**over_tls(app, authority), "log": {"access": str(tmp_path / "access")}})
    with sluice.connect() as visitor:
        answer = visitor.get("/x")
        assert answer.status == 502 and "error=tls_protocol_error" in answer.get("Proxy-Status")
    app.wait_all_closed()
    assert not app.visits and not any(c.buffer or c.frames for c in app.connections)
    sluice.stop()
    line = json.loads((tmp_path / "access").read_text())
    assert (line["status"], line["error"], line["server"]) == (502, "tls_protocol_error", app.address)


def test_a_server_with_another_name(start, h2apps, authority):
    app = h2apps(tls=server_tls(authority.leaf("other.test")))
    assert ask(start(over_tls(app, authority)), "h1", "/x")[0] == 502
    assert not app.visits


def test_a_server_that_nobody_vouches_for(start, h2apps, authority, tmp_path):
    app = h2apps(tls=server_tls(Authority(tmp_path / "stranger").leaf("app.test")))
    assert ask(start(over_tls(app, authority)), "h1", "/x")[0] == 502
    assert ask(start(over_tls(app, authority, verify=False)), "h1", "/x")[0] == 200


# --- what no server may send ---------------------------------------------------------------------------------

def first_frames(*pieces):
    """Instead of a greeting."""
    def on_connect(connection):
        connection.send(*pieces)
        connection.read_preface()
    return on_connect


GREETINGS = {
    "http-1": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "no-settings": ping(),
    "headers-first": headers(1, indexed(8)),
    "settings-ack-first": frame(Kind.SETTINGS, 1),
    "settings-on-a-stream": frame(Kind.SETTINGS, 0, 1),
    "settings-half": frame(Kind.SETTINGS, 0, 0, b"\0\3\0"),
    "enable-push": settings(enable_push=1),
    "window-too-large": settings(initial_window_size=2**31),
    "frames-too-small": settings(max_frame_size=100),
    "frames-too-large": settings(max_frame_size=1 << 24),
    "connect-2": settings(enable_connect_protocol=2),
    "frame-too-large": frame(Kind.SETTINGS, 0, 0, bytes(6 * 4000)),
    "goaway": settings() + goaway(0, Code.ENHANCE_YOUR_CALM),
    "garbage": bytes(range(256)) * 4,
}


# Frames, and a server that says no by them or whose words are refused: to Sluice it did nothing with the request, so that
# others are asked, and there are none. The rest is no HTTP/2 at all.
REFUSING = {"enable-push", "window-too-large", "frames-too-small", "frames-too-large", "connect-2", "goaway"}


@pytest.mark.parametrize("name", GREETINGS)
def test_a_greeting_that_is_none(start, h2apps, name):
    app = h2apps(lambda v: v.connection.wait_end(), on_connect=first_frames(GREETINGS[name]), forgiving=True)
    sluice = start(to_h2(app, pool_keys={"timeouts": {"connect": "1s", "first_byte": "5s"}}))
    status, _ = ask(sluice, "h1", "/x")
    assert status == (503 if name in REFUSING else 502)
    assert not app.visits
    app.wait_all_closed()


@pytest.mark.parametrize("name", ["close", "silence"])
def test_no_greeting(start, h2apps, name):
    app = h2apps(on_connect=lambda c: c.close() if name == "close" else c.read_preface(), forgiving=True)
    sluice = start(to_h2(app, pool_keys={"timeouts": {"connect": "300ms"}}))
    assert ask(sluice, "h1", "/x")[0] == 502
    app.wait_all_closed()


def literal_head(*fields, status="200", end=True):
    """HEADERS past any compression context, so that it may say anything."""
    pseudo = [(":status", status)] if status is not None else []
    return lambda s: headers(s, block([*pseudo, *fields]), end)


GIVE_UP, STAY = "the connection is given up", "the connection may stay"

# name: what is sent on the stream, and whether a connection error has to follow. Nothing of it may be passed on.
MALFORMED = {
    "upper-case": (literal_head(("X-Upper", "evil")), STAY),
    "no-status": (literal_head(("x-evil", "1"), status=None), STAY),
    "empty-status": (literal_head(status=""), STAY),
    "status-99": (literal_head(status="99"), STAY),
    "status-600": (literal_head(status="600"), STAY),
    "status-4-digits": (literal_head(status="2000"), STAY),
    "status-signed": (literal_head(status="+20"), STAY),
    "status-twice": (literal_head((":status", "200")), STAY),
    "status-late": (literal_head(("x-evil", "1"), (":status", "200"), status=None), STAY),
    "status-101": (literal_head(status="101"), STAY),
    "status-100-at-the-end": (literal_head(status="100"), STAY),
    "pseudo-of-a-request": (literal_head((":path", "/evil")), STAY),
    "unknown-pseudo": (literal_head((":evil", "1")), STAY),
    "empty-name": (literal_head(("", "evil")), STAY),
    "name-with-space": (literal_head(("x evil", "1")), STAY),
    "name-with-colon": (literal_head(("x:evil", "1")), STAY),
    "name-with-crlf": (literal_head(("x-a\r\nx-evil", "1")), STAY),
    "value-with-crlf": (literal_head(("x-a", "1\r\nx-evil: 1")), STAY),
    "value-with-lf": (literal_head(("x-a", "1\nx-evil: 1")), STAY),
    "value-with-nul": (literal_head(("x-a", "1\0evil")), STAY),
    "value-with-blanks": (literal_head(("x-evil", " 1")), STAY),
    "connection": (literal_head(("connection", "x-evil")), STAY),
    "transfer-encoding": (literal_head(("transfer-encoding", "chunked")), STAY),
    "keep-alive": (literal_head(("keep-alive", "evil")), STAY),
    "upgrade": (literal_head(("upgrade", "evil")), STAY),
    "proxy-connection": (literal_head(("proxy-connection", "evil")), STAY),
    "two-lengths": (lambda s: literal_head(("content-length", "4"), ("content-length", "5"), end=False)(s) + data(s, b"evil", True), STAY),
    "odd-length": (lambda s: literal_head(("content-length", "+4"), end=False)(s) + data(s, b"evil", True), STAY),
    "length-list": (lambda s: literal_head(("content-length", "4, 4"), end=False)(s) + data(s, b"evil", True), STAY),
    "length-without-a-body": (literal_head(("content-length", "4")), STAY),
    "204-with-a-length": (literal_head(("content-length", "4"), status="204"), STAY),
    "data-before-a-head": (lambda s: data(s, b"evil", True), STAY),
    "oversize-head": (lambda s: headers(s, block([(":status", "200"), ("x-evil", "e" * 15_000)]), False, False)
                      + b"".join(continuation(s, block([("x-evil", "e" * 15_000)]), n == 4) for n in range(5)), STAY),
    "too-many-fields": (literal_head(*[("x-evil", "1")] * 300), STAY),
    "too-many-hints": (lambda s: literal_head(status="103", end=False)(s) * 100 + literal_head(("x-evil", "1"))(s), STAY),
    "hpack-index-0": (lambda s: headers(s, indexed(0)), GIVE_UP),
    "hpack-index-beyond": (lambda s: headers(s, indexed(8) + indexed(200)), GIVE_UP),
    "hpack-cut": (lambda s: headers(s, b"\x88\x40\x0aevil"), GIVE_UP),
    "hpack-table-too-large": (lambda s: headers(s, b"\x3f\xe1\xff\x03\x88"), GIVE_UP),
    "hpack-bad-huffman": (lambda s: headers(s, b"\x88\x00\x81\xff\x81\x00"), GIVE_UP),
    "hpack-bomb": (lambda s: headers(s, block([(":status", "200")]) + b"\x40\x01a\x7f\x81\x1e" + b"e" * 4000 + indexed(62) * 4000), GIVE_UP),
    "push-promise": (lambda s: push_promise(s, 2, block(head())) + literal_head(("x-evil", "1"))(s), GIVE_UP),
    "even-stream": (lambda s: literal_head(("x-evil", "1"))(2), GIVE_UP),
    "idle-stream": (lambda s: literal_head(("x-evil", "1"))(s + 1000), GIVE_UP),
    "stream-0": (lambda s: literal_head(("x-evil", "1"))(0), GIVE_UP),
    "data-on-stream-0": (lambda s: data(0, b"evil"), GIVE_UP),
    "data-on-an-idle-stream": (lambda s: data(s + 1000, b"evil"), GIVE_UP),
    "frame-too-large": (lambda s: headers(s, block([(":status", "200"), ("x-evil", "e" * 17_000)])), GIVE_UP),
    "padding-too-long": (lambda s: frame(Kind.HEADERS, 0x0d, s, b"\xff\x88evil"), GIVE_UP),
    "a-block-interrupted": (lambda s: headers(s, b"\x88", True, False) + ping() + continuation(s), GIVE_UP),
    "continuation-of-nothing": (lambda s: continuation(s, b"\x88"), GIVE_UP),
    "rst-of-an-odd-size": (lambda s: frame(Kind.RST_STREAM, 0, s, b"evil!"), GIVE_UP),
    "rst-of-an-idle-stream": (lambda s: rst_stream(s + 1000), GIVE_UP),
    "ping-of-an-odd-size": (lambda s: frame(Kind.PING, 0, 0, b"evil"), GIVE_UP),
    "ping-on-a-stream": (lambda s: frame(Kind.PING, 0, s, bytes(8)), GIVE_UP),
    "settings-of-an-odd-size": (lambda s: frame(Kind.SETTINGS, 0, 0, b"evil"), GIVE_UP),
    "goaway-too-short": (lambda s: frame(Kind.GOAWAY, 0, 0, b"evil"), GIVE_UP),
    "window-update-of-0": (lambda s: window_update(0, 0), GIVE_UP),
    "window-overflow": (lambda s: window_update(0, 2**31 - 1) * 2, GIVE_UP),
    "stream-window-overflow": (lambda s: window_update(s, 2**31 - 1) * 2, STAY),
    "priority-update": (lambda s: frame(0x10, 0, 0, b"\0\0\0\1u=1"), GIVE_UP),
}


# The rules that they break, by name.
RULES = {
    "upper-case": "name-case", "no-status": "pseudo-missing", "empty-status": "pseudo-empty", "status-99": "status-line",
    "status-600": "status-line", "status-4-digits": "status-line", "status-signed": "status-line", "status-twice": "pseudo-twice",
    "status-late": "pseudo-order", "status-101": "unasked-upgrade", "status-100-at-the-end": "interim-end",
    "pseudo-of-a-request": "pseudo-unknown", "unknown-pseudo": "pseudo-unknown", "empty-name": "field-name",
    "name-with-space": "field-name", "name-with-colon": "field-name", "name-with-crlf": "field-name",
    "value-with-crlf": "field-value", "value-with-lf": "field-value", "value-with-nul": "field-value",
    "value-with-blanks": "field-value", "connection": "connection-field", "transfer-encoding": "connection-field",
    "keep-alive": "connection-field", "upgrade": "connection-field", "proxy-connection": "connection-field",
    "two-lengths": "two-lengths", "odd-length": "bad-length", "length-list": "two-lengths", "length-without-a-body": "body-length",
    "204-with-a-length": "bodiless-length", "data-before-a-head": "data-before-head", "oversize-head": "head-size",
    "too-many-fields": "field-count", "too-many-hints": "interim-flood", "hpack-index-0": "h2-hpack",
    "hpack-index-beyond": "h2-hpack", "hpack-cut": "h2-hpack", "hpack-table-too-large": "h2-hpack", "hpack-bad-huffman": "h2-hpack",
    "hpack-bomb": "h2-field-bomb", "push-promise": "h2-push", "even-stream": "h2-stream-id", "idle-stream": "h2-stream-id",
    "stream-0": "h2-stream-id", "data-on-stream-0": "h2-stream-id", "data-on-an-idle-stream": "h2-stream-id",
    "frame-too-large": "h2-frame-size", "padding-too-long": "h2-padding", "a-block-interrupted": "h2-frame-order",
    "continuation-of-nothing": "h2-frame-order", "rst-of-an-odd-size": "h2-frame-size", "rst-of-an-idle-stream": "h2-stream-id",
    "ping-of-an-odd-size": "h2-frame-size", "ping-on-a-stream": "h2-stream-id", "settings-of-an-odd-size": "h2-frame-size",
    "goaway-too-short": "h2-frame-size", "window-update-of-0": "h2-window", "window-overflow": "h2-window",
    "stream-window-overflow": "window-update", "priority-update": "h2-stream-id",
}


def some_times(stage, path, script):
    """Plays `script`, but gives in where a request is repeated for ever."""
    before = len(stage.app.to(path))
    stage.app.play(path, lambda v: script(v) if len(stage.app.to(path)) - before < 200 else v.reply(body=b"I give in"))


@both
@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_malformed_is_not_passed_on(stage, speaks, name):
    make, end = MALFORMED[name]
    some_times(stage, "/evil", lambda v: (v.send(make(v.stream)), v.wait_reset()))
    if speaks == "h2":
        with visit(stage) as visitor:
            answer = visitor.get("/evil")
            assert answer.status == 502, f"{answer} {answer.fields}"
            assert f'details="{RULES[name]}: ' in answer.get("proxy-status")
            assert "evil" not in str(answer.fields) and b"evil" not in answer.body
            assert visitor.get("/next").status == 200
    else:
        with stage.connect() as visitor:
            answer = visitor.get("/evil")
            assert answer.status == 502, f"{answer.status} {answer.fields}"
            assert f'details="{RULES[name]}: ' in answer.get("Proxy-Status")
            assert b"evil" not in answer.raw_head + answer.body
        assert ask(stage, "h1", "/next")[0] == 200
    evil = stage.app.last("/evil")
    if end == GIVE_UP:
        evil.connection.wait_end()
        assert stage.app.last("/next").connection is not evil.connection
    else:
        stage.app.wait_done(evil)


# The same after a good head: the client sees a cut.
LATE = {
    "more-than-said": (lambda s: data(s, b"x" * 20), STAY),
    "less-than-said": (lambda s: data(s, b"x", True), STAY),
    "second-head": (lambda s: headers(s, block([(":status", "200"), ("x-evil", "1")]), False), STAY),
    "trailers-with-a-status": (lambda s: headers(s, block([(":status", "200"), ("x-evil", "1")])), STAY),
    "trailers-in-upper-case": (lambda s: headers(s, block([("X-Evil", "1")])), STAY),
    "trailers-with-crlf": (lambda s: headers(s, block([("x-a", "1\r\nx-evil: 1")])), STAY),
    "trailers-with-a-length": (lambda s: headers(s, block([("content-length", "100")])), STAY),
    "trailers-that-do-not-end": (lambda s: headers(s, block([("x-evil", "1")]), False), STAY),
    "trailers-too-large": (lambda s: headers(s, block([("x-evil", "e" * 15_000)]), True, False)
                           + b"".join(continuation(s, block([("x-evil", "e" * 15_000)]), n == 4) for n in range(5)), STAY),
    "trailers-that-are-no-hpack": (lambda s: headers(s, indexed(0)), GIVE_UP),
    "push-promise": (lambda s: push_promise(s, 2, block(head())), GIVE_UP),
    "bad-padding": (lambda s: frame(Kind.DATA, 8, s, b"\xffevil"), GIVE_UP),
    "bad-frame": (lambda s: frame(Kind.PING, 0, 0, b"evil"), GIVE_UP),
    "garbage": (lambda s: b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil" * 10, GIVE_UP),
}


LATE_RULES = {
    "more-than-said": "body-length", "less-than-said": "body-length", "second-head": "trailer-field",
    "trailers-with-a-status": "trailer-field", "trailers-in-upper-case": "name-case", "trailers-with-crlf": "field-value",
    "trailers-with-a-length": "trailer-field", "trailers-that-do-not-end": "more-headers", "trailers-too-large": "trailer-size",
    "trailers-that-are-no-hpack": "h2-hpack", "push-promise": "h2-push", "bad-padding": "h2-padding", "bad-frame": "h2-frame-size",
    "garbage": "h2-frame-size",
}


@both
@pytest.mark.parametrize("name", LATE)
def test_what_is_malformed_later_is_cut(stage, speaks, name):
    make, end = LATE[name]
    before = stage.sluice.refused()
    here = threading.Event()
    lengths = ["content-length: 14"] if "said" in name else []

    def script(v):
        v.head(200, *lengths)
        v.data(b"some")
        here.wait(PATIENCE)
        v.send(make(v.stream))
        v.wait_reset()

    stage.app.play("/evil", script)
    if speaks == "h2":
        with visit(stage) as visitor:
            stream = visitor.open(head("GET", "/evil"))
            visitor.until(lambda: visitor.answers[stream].body == b"some", "the beginning")
            here.set()
            answer = visitor.answer(stream)
            assert answer.reset not in (None, Code.NO_ERROR) and not answer.ended, answer
            assert b"evil" not in answer.body and not answer.trailers
    else:
        with stage.connect() as visitor:
            visitor.send(b"GET /evil HTTP/1.1\r\nHost: app.test\r\n\r\n")
            wait_until(lambda: b"some" in visitor.wire.buffer or visitor.wire.fill(), "the beginning")
            here.set()
            with pytest.raises(Incomplete):
                visitor.response()
            assert b"evil" not in visitor.wire.seen
    if end == GIVE_UP:
        stage.app.last("/evil").connection.wait_end()
    assert ask(stage, "h1", "/next")[0] == 200
    wanted = {("upstream", LATE_RULES[name]): 1}
    wait_until(lambda: stage.sluice.refused(before) == wanted, f"{wanted}, and not {stage.sluice.refused(before)}")


def test_more_data_than_the_window(stage):
    """Sluice reads nothing of it for a client that reads nothing; the server goes on regardless."""
    stage.app.play("/flood", lambda v: (v.head(200), v.send(*[data(v.stream, b"x" * 16_000)] * 100), v.wait_reset()))
    with visit(stage, replenish=False) as visitor:
        stream = visitor.open(head("GET", "/flood"))
        visitor.status(stream)
        assert stage.app.wait_done(stage.app.last("/flood")).reset_by in (Code.FLOW_CONTROL_ERROR, None)


FLOODS = {
    "settings": (settings(), 110_000),
    "pings": (ping(), 110_000),
    "empty-data": (None, 110_000),
    "continuations": (None, 200),
    "unknown-frames": (frame(0xbb, 0, 0), 110_000),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_ends_the_connection(start, h2apps, name):
    """Our own servers are not fought, but bounded."""
    piece, count = FLOODS[name]
    app = h2apps(forgiving=True)

    def flood(v):
        if name == "empty-data":
            v.head(200)
            pieces = data(v.stream) * count
        elif name == "continuations":
            pieces = headers(v.stream, b"\x88", True, False) + continuation(v.stream, b"", False) * count
        else:
            pieces = piece * count
        v.send(pieces)
        v.connection.wait_end()

    app.play("/flood", flood)
    sluice = start(to_h2(app))
    assert ask(sluice, "h1", "/flood")[0] in (502, "cut")
    app.visits[0].connection.wait_end()
    assert ask(sluice, "h1", "/next")[0] == 200
    assert sluice.resident() < 400 << 20


# --- nginx and nghttpx ---------------------------------------------------------------------------------------

def test_nginx_in_the_clear(start, nginx):
    peer = nginx(speaks="http2")
    sluice = start(to_h2(peer))
    assert ask(sluice, "h1", "/") == (200, b"nginx")
    assert ask(sluice, "h2", "/") == (200, b"nginx")
    results = at_once(100, lambda n: ask(sluice, "h1" if n % 2 else "h2", "/"))
    assert results == [(200, b"nginx")] * 100


def test_nginx_sends_files(start, nginx):
    peer = nginx("location / { }", speaks="http2")
    large = os.urandom(3 << 20)
    (peer.root / "large").write_bytes(large)
    sluice = start(to_h2(peer))
    assert ask(sluice, "h1", "/large") == (200, large)
    assert [r[1] == large for r in at_once(6, lambda n: ask(sluice, "h2", "/large"))] == [True] * 6
    with sluice.connect() as visitor:
        assert visitor.get("/large", "Range: bytes=5-14").body == large[5:15]
        assert visitor.request("HEAD", "/large").get("Content-Length") == str(3 << 20)
        assert visitor.get("/nothing").status == 404


def test_nginx_ends_connections_and_nobody_notices(start, nginx):
    """keepalive_requests: GOAWAY after every 10 requests, under load."""
    peer = nginx("location / { return 200 'nginx'; } keepalive_requests 10;", speaks="http2")
    sluice = start(to_h2(peer.address))

    def many(_):
        with visit(sluice) as visitor:
            return {visitor.request("POST" if n % 2 else "GET", "/", body=b"x" * (n % 2)).status for n in range(40)}

    assert at_once(8, many) == [{200}] * 8


def test_nginx_over_tls(start, nginx, authority):
    leaf = authority.leaf("app.test")
    peer = nginx(f"ssl_certificate {leaf.cert}; ssl_certificate_key {leaf.key}; location / {{ return 200 '$http2 $ssl_server_name'; }}",
                 speaks="ssl http2")
    sluice = start(over_tls(peer, authority))
    assert ask(sluice, "h1", "/") == (200, b"h2 app.test")
    assert {r[0] for r in at_once(40, lambda n: ask(sluice, "h2", "/"))} == {200}


def test_nginx_without_http2_is_a_bad_gateway(start, nginx, authority):
    leaf = authority.leaf("app.test")
    peer = nginx(f"ssl_certificate {leaf.cert}; ssl_certificate_key {leaf.key}; location / {{ return 200 'x'; }}", speaks="ssl")
    assert ask(start(over_tls(peer, authority)), "h1", "/")[0] == 502
    clear = nginx()
    assert ask(start(to_h2(clear)), "h1", "/")[0] == 502


def test_nginx_restarts(start, nginx):
    """It leaves gracefully, another takes its place, and only refused connections are in between."""
    first, second = nginx(speaks="http2"), nginx("location / { return 200 'second'; }", speaks="http2")
    sluice = start(to_h2(first, second))
    assert {r[0] for r in at_once(20, lambda n: ask(sluice, "h1", "/"))} == {200}
    first.process.send_signal(3)  # QUIT
    assert {r[0] for r in at_once(20, lambda n: ask(sluice, "h1", "/"))} == {200}


@pytest.fixture
def behind(nghttpx):
    """An HTTP/1.1 application behind an nghttpx that Sluice asks in HTTP/2."""
    app = ScriptedUpstream()
    yield app, nghttpx(app.address)
    app.stop()


def test_nghttpx(start, behind):
    app, peer = behind
    sluice = start(to_h2(peer))
    body = os.urandom(1 << 20)
    app.play("/echo", lambda v: v.reply(body=v.body(), fields=["X-App: 1"]))
    for speaks in ("h1", "h2"):
        assert ask(sluice, speaks, "/echo", "POST", body=body) == (200, body)
    assert {r[0] for r in at_once(60, lambda n: ask(sluice, "h1" if n % 2 else "h2", f"/n{n}"))} == {200}
    assert app.last("/echo").request.body == body


def test_nghttpx_trailers_and_chunks(start, behind):
    app, peer = behind
    app.play("/t", lambda v: (v.body(), v.reply(body=b"hello", chunked=True, trailers="X-Sum: 5\r\n")))
    sluice = start(to_h2(peer))
    with sluice.connect() as visitor:
        visitor.send(b"POST /t HTTP/1.1\r\nHost: app.test\r\nTE: trailers\r\nConnection: TE\r\nTransfer-Encoding: chunked\r\n\r\n"
                     + chunks(b"up", trailers="X-Up: 2\r\n"))
        answer = visitor.response(to="POST")
    assert (answer.body, [(n.lower(), v) for n, v in answer.trailers]) == (b"hello", [("x-sum", "5")])
    assert app.last("/t").request.body == b"up"


@both
def test_nghttpx_carries_websockets(start, behind, speaks):
    app, peer = behind

    def chat(v):
        proof = base64.b64encode(hashlib.sha1(v.request.get("Sec-WebSocket-Key").encode() + MAGIC).digest())
        v.send(b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n" % proof)
        wire = v.connection.wire
        while wire.buffer or wire.fill():
            v.send(bytes(wire.buffer))
            wire.buffer.clear()
        v.close()

    app.play("/chat", chat)
    sluice = start(to_h2(peer))
    if speaks == "h1":
        with sluice.connect() as visitor:
            answer, proof = upgrade(visitor)
            assert (answer.status, answer.get("Sec-WebSocket-Accept")) == (101, proof)
            for said in (b"\x81\x05hello", b"x" * 5000):
                visitor.send(said)
                assert visitor.wire.exactly(len(said), "of the echo") == said
    else:
        with visit(sluice) as visitor:
            stream = visitor.open(head("CONNECT", "/chat", "sec-websocket-version: 13", protocol="websocket"), end=False)
            assert visitor.status(stream) == 200
            visitor.send(data(stream, b"\x81\x05hello"))
            visitor.until(lambda: visitor.answers[stream].body == b"\x81\x05hello", "the echo")


def test_nghttpx_over_tls(start, app, nghttpx, authority):
    peer = nghttpx(app.address, leaf=authority.leaf("app.test"))
    sluice = start(over_tls(peer, authority))
    assert {r[0] for r in at_once(30, lambda n: ask(sluice, "h1" if n % 2 else "h2", f"/n{n}"))} == {200}


# --- what was begun first ------------------------------------------------------------------------------------

def test_a_silent_server_that_answers_pings_is_waited_for(silences):
    one = silences["alive"]
    connection = one.app.connections[0]
    connection.wait_frame(lambda f: f.kind == Kind.PING and not f.is_ack, "a PING")
    connection.send(ping(b"12345678"))
    connection.wait_frame(lambda f: f.kind == Kind.PING and f.is_ack, "ours to be answered")
    one.gate.set()
    one.thread.join(PATIENCE)
    assert one.result == (200, b"begun, ended")


def test_a_silent_server_that_answers_no_pings_is_given_up(silences):
    one = silences["dead"]
    one.app.connections[0].wait_end()
    assert any(f.kind == Kind.PING and not f.is_ack for f in one.app.connections[0].frames)
    one.thread.join(PATIENCE)
    assert one.result == ("cut", b"begun")
